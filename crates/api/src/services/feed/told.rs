//! What feeds answer, as messages.

use concordat_domain::ids::Position;
use concordat_node::{
    Delivered, FeedContent, FeedDeadlineState, FeedFilter, FeedPortion, FeedRole, FeedShown,
    FeedView, Generation, Mark, ParkedView, Spot,
};
use concordat_proto::v1;
use concordat_proto::v1::feed_entry::Content as EntryContent;
use concordat_proto::v1::stream_feed_response::Content;
use jiff::Timestamp;

use super::asked::cursor_text;
use crate::holders::Holding;
use crate::services::streaming::{Said, Stand};
use crate::{opaque, render};

pub(super) fn count(mark: &Mark) -> v1::FeedCount {
    v1::FeedCount {
        generation: mark.generation,
        number: i64::try_from(mark.number).unwrap_or(i64::MAX),
        digest: mark.digest.to_string(),
    }
}

pub(super) fn number(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A feed with who holds it.
pub(super) fn feed(feed: FeedView, held: Option<Holding>) -> v1::Feed {
    let last = feed.generations.len().saturating_sub(1);
    let generations = feed.generations.iter().enumerate();
    v1::Feed {
        cursor: cursor_text(feed.cursor),
        lag: number(feed.lag),
        include_void: feed.filter.include_void,
        last_committed_at: feed.committed_at.map(render::instant),
        holder: held
            .as_ref()
            .map(|held| held.consumer.clone())
            .unwrap_or_default(),
        filter: Some(filter(&feed.filter)),
        view: view(feed.shown).into(),
        count: Some(count(&feed.mark)),
        parked_count: number(feed.parked),
        hold: held.map(|held| v1::FeedHold {
            consumer_name: held.consumer,
            pulls: held.until.is_some(),
            since: Some(render::instant(held.since)),
            until: held.until.map(render::instant),
        }),
        created_at: feed.created_at.map(render::instant),
        feed_uid: feed.uid,
        generations: generations
            .map(|(index, (one, after))| generation(one, *after, index < last))
            .collect(),
        feed_id: feed.name,
    }
}

fn generation(one: &Generation, after: Option<Spot>, ended: bool) -> v1::FeedGeneration {
    v1::FeedGeneration {
        generation: one.generation,
        filter: Some(filter(&one.filter)),
        include_void: one.filter.include_void,
        filter_hash: one.filter.hash().to_string(),
        start_digest: one.start.to_string(),
        after_cursor: cursor_text(after),
        ended,
    }
}

fn view(shown: FeedShown) -> v1::FeedView {
    match shown {
        FeedShown::Full => v1::FeedView::Full,
        FeedShown::Signal => v1::FeedView::Signal,
    }
}

fn filter(filter: &FeedFilter) -> v1::FeedFilter {
    let role = |role: &FeedRole| match role {
        FeedRole::Keeper => v1::FeedRole::Keeper,
        FeedRole::Lead => v1::FeedRole::Lead,
        FeedRole::Receiver => v1::FeedRole::Receiver,
        FeedRole::Party => v1::FeedRole::Party,
        FeedRole::Invitee => v1::FeedRole::Invitee,
        FeedRole::FormerReceiver => v1::FeedRole::FormerReceiver,
    };
    let state = |state: &FeedDeadlineState| match state {
        FeedDeadlineState::Approaching => v1::FeedDeadlineState::Approaching,
        FeedDeadlineState::Missed => v1::FeedDeadlineState::Missed,
    };
    v1::FeedFilter {
        types: filter.types.iter().cloned().collect(),
        organisations: filter.organisations.iter().cloned().collect(),
        roles: filter.roles.iter().map(|one| role(one).into()).collect(),
        cases: filter.cases.iter().cloned().collect(),
        deadline_states: filter
            .deadline_states
            .iter()
            .map(|one| state(one).into())
            .collect(),
    }
}

/// The place behind a portion.
pub(super) fn checkpoint(portion: &FeedPortion, at: Timestamp) -> v1::Checkpoint {
    v1::Checkpoint {
        cursor: cursor_text(portion.spot),
        head: head(portion.head),
        at: Some(render::instant(at)),
        count: Some(count(&portion.mark)),
        lag: number(portion.lag),
    }
}

/// What a stream of a feed says, as a message.
pub(super) fn message(said: Said, shown: FeedShown) -> v1::StreamFeedResponse {
    let place = |stand: &Stand| checkpoint(&stand.portion, stand.at);
    let content = match said {
        Said::Entry(delivered) => match entry(delivered, shown) {
            EntryContent::Event(event) => Content::Event(event),
            EntryContent::ContentAvailable(available) => Content::ContentAvailable(available),
            EntryContent::Snapshot(snapshot) => Content::Snapshot(snapshot),
            EntryContent::FeedTest(test) => Content::FeedTest(test),
        },
        // No feed watches a case; where it stands is what a feed would say.
        Said::Case(_, _, stand) | Said::Checkpoint(stand) => Content::Checkpoint(place(&stand)),
        Said::CaughtUp(stand) => Content::CaughtUp(place(&stand)),
        Said::FellBehind(stand) => Content::FellBehind(place(&stand)),
        Said::Closing(closing) => Content::Closing(v1::Closing {
            reason: closing.reason.to_owned(),
            retry_after: prost_types::Duration::try_from(closing.retry_after).ok(),
            cursor: cursor_text(closing.sent),
        }),
    };
    v1::StreamFeedResponse {
        content: Some(content),
    }
}

/// Says that a cursor is not known here, with a place that is.
pub(super) fn resync(resume: Option<Spot>) -> v1::ResyncRequired {
    v1::ResyncRequired {
        reason: "unknown-cursor".to_owned(),
        cursor: cursor_text(resume),
    }
}

fn head(head: Option<Position>) -> String {
    head.map(opaque::position).unwrap_or_default()
}

/// An entry.
pub(super) fn entry(delivered: Delivered, shown: FeedShown) -> EntryContent {
    let cursor = opaque::cursor(delivered.spot);
    let count = Some(count(&delivered.mark));
    match delivered.content {
        FeedContent::Event { event, historical } => {
            let envelope = render::event(&event, historical);
            let envelope = match shown {
                FeedShown::Full => envelope,
                FeedShown::Signal => signal(envelope),
            };
            EntryContent::Event(v1::FeedEvent {
                cursor,
                event: Some(envelope),
                count,
            })
        }
        FeedContent::ContentAvailable { case, compartment } => {
            EntryContent::ContentAvailable(v1::ContentAvailable {
                cursor,
                case_id: case.to_string(),
                compartment: compartment.into(),
                count,
            })
        }
        FeedContent::Snapshot {
            case,
            view,
            position,
            at,
        } => EntryContent::Snapshot(v1::CaseSnapshot {
            cursor,
            joint_case: Some(match view {
                Some(view) if shown == FeedShown::Full => render::case(&view, at),
                view => v1::Case {
                    case_id: case.to_string(),
                    state: view.map(|view| view.state).unwrap_or_default(),
                    ..v1::Case::default()
                },
            }),
            position: head(position),
            count,
        }),
        FeedContent::Test {
            event_id,
            source,
            at,
        } => EntryContent::FeedTest(v1::FeedTest {
            cursor,
            event_id: event_id.to_string(),
            r#type: "feed-test".to_owned(),
            source: source.to_string(),
            recorded_at: Some(render::instant(at)),
            count,
        }),
    }
}

/// What a signal says of an event: that it happened. Whoever wants more reads it with GetEvent.
fn signal(envelope: v1::EventEnvelope) -> v1::EventEnvelope {
    v1::EventEnvelope {
        event_id: envelope.event_id,
        source: envelope.source,
        r#type: envelope.r#type,
        case_id: envelope.case_id,
        occurred_at: envelope.occurred_at,
        recorded_at: envelope.recorded_at,
        position: envelope.position,
        ruling: envelope.ruling,
        historical: envelope.historical,
        ..v1::EventEnvelope::default()
    }
}

/// An entry that waits aside.
pub(super) fn parked(parked: &ParkedView) -> v1::ParkedEvent {
    v1::ParkedEvent {
        cursor: opaque::cursor(parked.spot),
        reason: parked.reason.clone(),
        parked_at: Some(render::instant(parked.parked_at)),
        replays: i32::try_from(parked.replays).unwrap_or(i32::MAX),
        last_replayed_at: parked.replayed_at.map(render::instant),
        case_id: parked.case.map(|case| case.to_string()).unwrap_or_default(),
    }
}
