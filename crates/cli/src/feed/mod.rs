//! `concordat feed`: the ordered stream of what became visible to this organisation.

mod relay;
mod tail;

use clap::{Args, Subcommand, ValueEnum};
use concordat_proto::v1;

use crate::client::{self, Client, Connection, Paging, all_pages};
use crate::display;
use crate::exit::Failure;
use crate::output::{self, Format, Row};

/// What is asked of which node.
#[derive(Debug, Args)]
pub(crate) struct Feed {
    #[command(flatten)]
    connection: Connection,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Creates a feed, or shows the one of that name.
    Create(Create),
    /// Lists the feeds of this organisation.
    List(List),
    /// Prints entries as they come, one a line, until interrupted.
    ///
    /// A connection that is lost is taken up again after the last entry printed. At least once: an entry can come again after this
    /// command was ended between printing and committing it; it has the same event id.
    Tail(tail::Tail),
    /// Posts entries as signed CloudEvents to an address, or writes them into a folder, and commits each once it was taken.
    ///
    /// Signed after Standard Webhooks. At least once, in the feed's order: an entry can come again after this command was killed; it has
    /// the same id. See docs/how-to/relay.md for what an answer of the receiver leads to.
    Relay(Box<relay::Relay>),
    /// Commits a cursor: what stands up to it is dealt with.
    Commit(Commit),
}

#[derive(Debug, Args)]
struct Create {
    /// Name: a letter, then up to 62 lower-case letters, digits and hyphens.
    feed: String,
    /// Where it starts.
    #[arg(long, value_enum, value_name = "START", default_value_t = Start::Beginning)]
    from: Start,
    /// With void events of others.
    #[arg(long)]
    include_void: bool,
}

/// Where a new feed starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Start {
    /// With the first entry that there is.
    Beginning,
    /// With what comes from now on.
    Now,
}

#[derive(Debug, Args)]
struct List {
    #[command(flatten)]
    paging: Paging,
}

#[derive(Debug, Args)]
struct Commit {
    /// The feed.
    feed: String,
    /// Cursor of the last entry that was dealt with.
    cursor: String,
}

/// Runs a feed command.
pub(crate) fn run(asked: Feed, format: Format) -> Result<(), Failure> {
    client::block_on(async {
        let client = asked.connection.client()?;
        match asked.verb {
            Verb::Create(asked) => create(&client, asked, format).await,
            Verb::List(asked) => list(&client, asked, format).await,
            Verb::Tail(asked) => tail::run(&client, &asked, format).await,
            Verb::Relay(asked) => relay::run(&client, &asked, format).await,
            Verb::Commit(asked) => commit(&client, asked, format).await,
        }
    })
}

impl Row for v1::Feed {
    const COLUMNS: &'static [&'static str] =
        &["FEED", "LAG", "VOID", "COMMITTED", "HOLDER", "CURSOR"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.feed_id.clone(),
            self.lag.to_string(),
            if self.include_void { "with" } else { "without" }.to_owned(),
            display::instant(self.last_committed_at.as_ref()),
            self.holder.clone(),
            self.cursor.clone(),
        ]
    }
}

async fn create(client: &Client, asked: Create, format: Format) -> Result<(), Failure> {
    let start = match asked.from {
        Start::Beginning => v1::FeedStart::Beginning,
        Start::Now => v1::FeedStart::Now,
    };
    let request = client.request(v1::CreateFeedRequest {
        feed_id: asked.feed,
        start: start.into(),
        include_void: asked.include_void,
        ..v1::CreateFeedRequest::default()
    });
    let answer = client.feeds().create_feed(request).await?.into_inner();
    if format != Format::Table {
        return output::message(format, &answer);
    }
    if answer.existed {
        eprintln!("concordat: the feed was there already; nothing was changed");
    }
    output::messages(
        format,
        "feeds",
        answer
            .feed
            .map(|feed| vec![feed])
            .unwrap_or_default()
            .as_slice(),
    )
}

async fn list(client: &Client, asked: List, format: Format) -> Result<(), Failure> {
    let feeds = all_pages(&asked.paging, |page_size, page_token| {
        let request = client.request(v1::ListFeedsRequest {
            page_size,
            page_token,
        });
        async move {
            let page = client.feeds().list_feeds(request).await?.into_inner();
            Ok((page.feeds, page.next_page_token))
        }
    })
    .await?;
    output::messages(format, "feeds", &feeds)
}

async fn commit(client: &Client, asked: Commit, format: Format) -> Result<(), Failure> {
    let request = client.request(v1::CommitFeedRequest {
        feed_id: asked.feed,
        cursor: asked.cursor,
        parked: Vec::new(),
    });
    let answer = client.feeds().commit_feed(request).await?.into_inner();
    if format != Format::Table {
        return output::message(format, &answer);
    }
    output::pairs(&[
        ("cursor", answer.cursor),
        ("entries after it", answer.lag.to_string()),
    ])
}
