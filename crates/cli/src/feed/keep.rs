//! Pulling a feed, putting it elsewhere, and what it keeps aside.

use std::time::Duration;

use clap::Args;
use concordat_proto::v1;
use concordat_proto::v1::feed_entry::Content as Entry;
use concordat_proto::v1::stream_feed_response::Content;

use super::options::Place;
use crate::client::{Client, Paging, all_pages};
use crate::display;
use crate::exit::Failure;
use crate::output::{self, Format, Lines, Row};

#[derive(Debug, Args)]
pub(super) struct Pull {
    /// The feed.
    feed: String,
    /// At most so many entries, up to 500.
    #[arg(long, value_name = "N", default_value_t = 100)]
    max: i32,
    /// Wait so many seconds for a first entry, up to 60.
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    wait: u64,
    /// Start after this cursor instead of the committed one.
    #[arg(long, value_name = "CURSOR", default_value = "")]
    after: String,
    /// Commit what was printed.
    #[arg(long)]
    commit: bool,
    /// Name shown to whoever finds the feed in use.
    #[arg(long, value_name = "NAME", default_value = "concordat feed pull")]
    consumer_name: String,
    /// Take over from another consumer.
    #[arg(long)]
    take_over: bool,
}

#[derive(Debug, Args)]
pub(super) struct Commit {
    /// The feed.
    feed: String,
    /// Cursor of the last entry that was dealt with.
    cursor: String,
    /// Put this entry aside, with a reason as a code: CURSOR=REASON. May be given several times.
    #[arg(long, value_name = "CURSOR=REASON")]
    park: Vec<String>,
}

/// Who puts a feed elsewhere or looks at it again, and what for: it is an access record of the node.
#[derive(Debug, Args)]
struct Why {
    /// What for, as a code; feed-upkeep if it is not given. It is recorded.
    #[arg(long, value_name = "CODE", default_value = "")]
    purpose: String,
    /// Pseudonymous id of the person who asks. It is recorded.
    #[arg(long, value_name = "ID", default_value = "")]
    actor: String,
}

#[derive(Debug, Args)]
pub(super) struct Seek {
    /// The feed.
    feed: String,
    #[command(flatten)]
    place: Place,
    /// Only say how many entries would come again or never.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    why: Why,
}

#[derive(Debug, Args)]
pub(super) struct Parked {
    /// The feed.
    feed: String,
    #[command(flatten)]
    paging: Paging,
}

#[derive(Debug, Args)]
pub(super) struct Replay {
    /// The feed.
    feed: String,
    /// At most so many entries, up to 500.
    #[arg(long, value_name = "N", default_value_t = 50)]
    max: i32,
    /// Only those up to this cursor.
    #[arg(long, value_name = "CURSOR", default_value = "")]
    until: String,
    /// Only those after this cursor.
    #[arg(long, value_name = "CURSOR", default_value = "")]
    after: String,
    #[command(flatten)]
    why: Why,
}

#[derive(Debug, Args)]
pub(super) struct Drop {
    /// The feed.
    feed: String,
    /// Cursor of the parked entry.
    cursor: String,
    /// Why, as a code. It is recorded.
    #[arg(long, value_name = "CODE", default_value = "handled")]
    reason: String,
    /// Pseudonymous id of the person who asks. It is recorded.
    #[arg(long, value_name = "ID", default_value = "")]
    actor: String,
}

/// The same entry as a stream has it: what is printed is alike however it came.
fn as_streamed(entry: v1::FeedEntry) -> v1::StreamFeedResponse {
    let content = entry.content.map(|content| match content {
        Entry::Event(entry) => Content::Event(entry),
        Entry::ContentAvailable(entry) => Content::ContentAvailable(entry),
        Entry::Snapshot(entry) => Content::Snapshot(entry),
        Entry::FeedTest(entry) => Content::FeedTest(entry),
    });
    v1::StreamFeedResponse { content }
}

fn print(entries: Vec<v1::FeedEntry>, format: Format) -> Result<(), Failure> {
    let mut lines = Lines::new(format);
    for entry in entries {
        lines.next(&as_streamed(entry), super::tail::sentence)?;
    }
    Ok(())
}

pub(super) async fn pull(client: &Client, asked: Pull, format: Format) -> Result<(), Failure> {
    let wait = prost_types::Duration::try_from(Duration::from_secs(asked.wait));
    let mut request = client.request(v1::PullEventsRequest {
        feed_id: asked.feed.clone(),
        max_entries: asked.max,
        wait: wait.ok(),
        after_cursor: asked.after,
        consumer_name: asked.consumer_name,
        take_over: asked.take_over,
    });
    // The node waits as long as it was asked to; the call has its own time on top.
    request.set_timeout(Duration::from_secs(asked.wait.saturating_add(30)));
    let answer = client.feeds().pull_events(request).await?.into_inner();
    if let Some(resync) = &answer.resync_required {
        return Err(Failure::Precondition(format!(
            "the feed cannot be resumed there ({}); seek to the place given: concordat feed seek {} --after '{}'",
            resync.reason, asked.feed, resync.cursor
        )));
    }
    let place = answer.checkpoint.clone().unwrap_or_default();
    let some = !answer.entries.is_empty();
    match format {
        Format::Json => output::message(format, &answer)?,
        _ => print(answer.entries, format)?,
    }
    if asked.commit && some {
        let request = client.request(v1::CommitFeedRequest {
            feed_id: asked.feed,
            cursor: place.cursor,
            parked: Vec::new(),
        });
        client.feeds().commit_feed(request).await?;
    }
    Ok(())
}

pub(super) async fn commit(client: &Client, asked: Commit, format: Format) -> Result<(), Failure> {
    let mut parked = Vec::new();
    for text in &asked.park {
        let (cursor, reason) = text
            .split_once('=')
            .ok_or_else(|| Failure::Usage("an entry is put aside as CURSOR=REASON".to_owned()))?;
        parked.push(v1::EntryToPark {
            cursor: cursor.to_owned(),
            reason: reason.to_owned(),
        });
    }
    let request = client.request(v1::CommitFeedRequest {
        feed_id: asked.feed,
        cursor: asked.cursor,
        parked,
    });
    let answer = client.feeds().commit_feed(request).await?.into_inner();
    if format != Format::Table {
        return output::message(format, &answer);
    }
    output::pairs(&[
        ("cursor", answer.cursor),
        ("entries after it", answer.lag.to_string()),
        ("parked", answer.parked_count.to_string()),
    ])
}

pub(super) async fn seek(client: &Client, asked: Seek, format: Format) -> Result<(), Failure> {
    let to = asked.place.message();
    let to = to.ok_or_else(|| Failure::Usage("say where to: --from, --after, …".to_owned()))?;
    let request = client.request(v1::SeekFeedRequest {
        feed_id: asked.feed,
        to: Some(to),
        validate_only: asked.dry_run,
        purpose: asked.why.purpose,
        actor_id: asked.why.actor,
    });
    let answer = client.feeds().seek_feed(request).await?.into_inner();
    if format != Format::Table {
        return output::message(format, &answer);
    }
    output::pairs(&[
        ("cursor", answer.cursor),
        ("come again", answer.redelivered.to_string()),
        ("never come", answer.skipped.to_string()),
        (
            "changed",
            if asked.dry_run { "no" } else { "yes" }.to_owned(),
        ),
        ("access record", answer.access_record),
    ])
}

impl Row for v1::ParkedEvent {
    const COLUMNS: &'static [&'static str] =
        &["CURSOR", "CASE", "REASON", "PARKED", "REPLAYS", "LAST"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.cursor.clone(),
            self.case_id.clone(),
            self.reason.clone(),
            display::instant(self.parked_at.as_ref()),
            self.replays.to_string(),
            display::instant(self.last_replayed_at.as_ref()),
        ]
    }
}

pub(super) async fn parked(client: &Client, asked: Parked, format: Format) -> Result<(), Failure> {
    let parked = all_pages(&asked.paging, |page_size, page_token| {
        let request = client.request(v1::ListParkedEventsRequest {
            feed_id: asked.feed.clone(),
            page_size,
            page_token,
        });
        async move {
            let page = client.feeds().list_parked_events(request).await?;
            let page = page.into_inner();
            Ok((page.parked, page.next_page_token))
        }
    })
    .await?;
    output::messages(format, "parked", &parked)
}

pub(super) async fn replay(client: &Client, asked: Replay, format: Format) -> Result<(), Failure> {
    let request = client.request(v1::ReplayParkedEventsRequest {
        feed_id: asked.feed,
        max_entries: asked.max,
        until_cursor: asked.until,
        after_cursor: asked.after,
        purpose: asked.why.purpose,
        actor_id: asked.why.actor,
    });
    let answer = client.feeds().replay_parked_events(request).await?;
    let answer = answer.into_inner();
    if format == Format::Json {
        return output::message(format, &answer);
    }
    if answer.remaining > 0 {
        eprintln!("concordat: {} more are parked", answer.remaining);
    }
    print(answer.entries, format)
}

pub(super) async fn drop_one(client: &Client, asked: Drop, format: Format) -> Result<(), Failure> {
    let request = client.request(v1::DropParkedEventRequest {
        feed_id: asked.feed,
        cursor: asked.cursor,
        reason: asked.reason,
        actor_id: asked.actor,
    });
    let answer = client
        .feeds()
        .drop_parked_event(request)
        .await?
        .into_inner();
    if format != Format::Table {
        return output::message(format, &answer);
    }
    output::pairs(&[
        ("parked still", answer.parked_count.to_string()),
        ("access record", answer.access_record),
    ])
}
