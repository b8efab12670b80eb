//! `concordat feed`: the ordered stream of what became visible to this organisation.

mod keep;
mod options;
mod prove;
mod relay;
mod tail;

use clap::{Args, Subcommand};
use concordat_proto::v1;
use concordat_proto::v1::stream_feed_response::Content;

use self::options::{Filter, Place, View};

use crate::client::{self, Client, Connection, Paging, all_pages};
use crate::display;
use crate::exit::Failure;
use crate::output::{self, Format, Lines, Row};
use crate::signals::Signal;

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
    /// Shows one feed.
    Show(Named),
    /// Changes what is in a feed from here on, or how it is shown.
    Update(Update),
    /// Deletes a feed with its parked entries.
    Delete(Named),
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
    /// Prints what comes without a feed: no place is kept.
    Watch(Watch),
    /// Prints the entries after the committed cursor, or those that come within a wait, and ends.
    Pull(keep::Pull),
    /// Commits a cursor: what stands up to it is dealt with, or parked.
    Commit(keep::Commit),
    /// Puts a feed at another place.
    Seek(keep::Seek),
    /// Lists parked entries.
    Parked(keep::Parked),
    /// Prints parked entries once more. They stay parked.
    Replay(keep::Replay),
    /// Drops a parked entry.
    Drop(keep::Drop),
    /// Puts an entry into a feed to test the way to its subscriber.
    Test(Named),
    /// Prints the node's signed statement on what a feed delivered.
    Statement(prove::Statement),
    /// Checks that nothing is missing among entries that were received. Needs no node.
    Verify(prove::Verify),
}

#[derive(Debug, Args)]
struct Create {
    /// Name: a letter, then up to 62 lower-case letters, digits and hyphens.
    feed: String,
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    filter: Filter,
    /// How much of each event is shown.
    #[arg(long, value_enum, value_name = "VIEW")]
    view: Option<View>,
}

#[derive(Debug, Args)]
struct List {
    #[command(flatten)]
    paging: Paging,
}

#[derive(Debug, Args)]
struct Named {
    /// The feed.
    feed: String,
}

#[derive(Debug, Args)]
struct Update {
    /// The feed.
    feed: String,
    #[command(flatten)]
    filter: Filter,
    /// Everything that became visible is in it from here on.
    #[arg(long)]
    everything: bool,
    /// How much of each event is shown.
    #[arg(long, value_enum, value_name = "VIEW")]
    view: Option<View>,
}

#[derive(Debug, Args)]
struct Watch {
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    filter: Filter,
    /// How much of each event is shown.
    #[arg(long, value_enum, value_name = "VIEW")]
    view: Option<View>,
    /// End after so many entries.
    #[arg(long, value_name = "N")]
    max: Option<u64>,
    /// End when all that there was has been printed.
    #[arg(long)]
    until_caught_up: bool,
}

/// Runs a feed command.
pub(crate) fn run(asked: Feed, format: Format) -> Result<(), Failure> {
    if let Verb::Verify(asked) = &asked.verb {
        return prove::verify(asked, format);
    }
    client::block_on(async {
        let client = asked.connection.client()?;
        match asked.verb {
            Verb::Create(asked) => create(&client, asked, format).await,
            Verb::List(asked) => list(&client, asked, format).await,
            Verb::Show(asked) => show(&client, asked, format).await,
            Verb::Update(asked) => update(&client, asked, format).await,
            Verb::Delete(asked) => delete(&client, asked, format).await,
            Verb::Tail(asked) => tail::run(&client, &asked, format).await,
            Verb::Relay(asked) => relay::run(&client, &asked, format).await,
            Verb::Watch(asked) => watch(&client, asked, format).await,
            Verb::Pull(asked) => keep::pull(&client, asked, format).await,
            Verb::Commit(asked) => keep::commit(&client, asked, format).await,
            Verb::Seek(asked) => keep::seek(&client, asked, format).await,
            Verb::Parked(asked) => keep::parked(&client, asked, format).await,
            Verb::Replay(asked) => keep::replay(&client, asked, format).await,
            Verb::Drop(asked) => keep::drop_one(&client, asked, format).await,
            Verb::Test(asked) => test(&client, asked, format).await,
            Verb::Statement(asked) => prove::statement(&client, asked, format).await,
            Verb::Verify(asked) => prove::verify(&asked, format),
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
    let request = client.request(v1::CreateFeedRequest {
        feed_id: asked.feed,
        start: v1::FeedStart::Unspecified.into(),
        start_at: asked.place.message(),
        include_void: asked.filter.include_void,
        filter: Some(asked.filter.message()),
        view: View::message(asked.view),
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

fn print(feed: Option<v1::Feed>, format: Format) -> Result<(), Failure> {
    let feed = feed.unwrap_or_default();
    if format != Format::Table {
        return output::message(format, &feed);
    }
    let count = feed.count.clone().unwrap_or_default();
    let view = display::code(feed.view().as_str_name(), "FEED_VIEW_");
    output::pairs(&[
        ("feed", feed.feed_id),
        ("cursor", feed.cursor),
        ("entries after it", feed.lag.to_string()),
        ("generation", count.generation.to_string()),
        ("number", count.number.to_string()),
        ("digest", count.digest),
        ("view", view),
        (
            "void events of others",
            if feed.include_void { "with" } else { "without" }.to_owned(),
        ),
        ("parked", feed.parked_count.to_string()),
        ("holder", feed.holder),
        (
            "committed",
            display::instant(feed.last_committed_at.as_ref()),
        ),
        ("created", display::instant(feed.created_at.as_ref())),
    ])
}

async fn show(client: &Client, asked: Named, format: Format) -> Result<(), Failure> {
    let request = client.request(v1::GetFeedRequest {
        feed_id: asked.feed,
    });
    let answer = client.feeds().get_feed(request).await?.into_inner();
    print(answer.feed, format)
}

async fn update(client: &Client, asked: Update, format: Format) -> Result<(), Failure> {
    let changes = asked.everything || !asked.filter.is_empty();
    let request = client.request(v1::UpdateFeedRequest {
        feed_id: asked.feed,
        filter: changes.then(|| asked.filter.message()),
        include_void: asked.filter.include_void,
        view: View::message(asked.view),
    });
    let answer = client.feeds().update_feed(request).await?.into_inner();
    print(answer.feed, format)
}

async fn delete(client: &Client, asked: Named, format: Format) -> Result<(), Failure> {
    let request = client.request(v1::DeleteFeedRequest {
        feed_id: asked.feed,
    });
    let answer = client.feeds().delete_feed(request).await?.into_inner();
    match format {
        Format::Table => Ok(()),
        format => output::message(format, &answer),
    }
}

async fn test(client: &Client, asked: Named, format: Format) -> Result<(), Failure> {
    let request = client.request(v1::SendTestEventRequest {
        feed_id: asked.feed,
    });
    let answer = client.feeds().send_test_event(request).await?.into_inner();
    if format != Format::Table {
        return output::message(format, &answer);
    }
    output::pairs(&[("event id", answer.event_id), ("cursor", answer.cursor)])
}

async fn watch(client: &Client, asked: Watch, format: Format) -> Result<(), Failure> {
    let request = v1::TailEventsRequest {
        include_void: asked.filter.include_void,
        filter: Some(asked.filter.message()),
        view: View::message(asked.view),
        start_at: asked.place.message(),
    };
    let mut stream = client.feeds().tail_events(request).await?.into_inner();
    let (mut lines, mut printed) = (Lines::new(format), 0);
    let reading = async {
        while asked.max.is_none_or(|max| printed < max) {
            let Some(answer) = stream.message().await? else {
                break;
            };
            let message = answer.message.unwrap_or_default();
            match &message.content {
                Some(
                    Content::Event(_)
                    | Content::ContentAvailable(_)
                    | Content::Snapshot(_)
                    | Content::FeedTest(_),
                ) => {
                    lines.next(&message, tail::sentence)?;
                    printed += 1;
                }
                Some(Content::CaughtUp(_)) if asked.until_caught_up => break,
                _ => {}
            }
        }
        Ok(())
    };
    tokio::select! {
        biased;
        _ = tokio::signal::ctrl_c() => Err(Failure::Signal(Signal::Interrupt)),
        ended = reading => ended,
    }
}
