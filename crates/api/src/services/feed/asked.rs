//! What is asked of feeds, read: places, filters, codes.

use std::collections::BTreeSet;

use concordat_domain::event::EventType;
use concordat_node::audit::Reader;
use concordat_node::{
    CONTENT_AVAILABLE, FeedDeadlineState, FeedFilter, FeedPlace, FeedRole, FeedShown,
};
use concordat_proto::v1;

use crate::failure::Failure;
use crate::{opaque, read};

/// Values that a filter may name in all: a feed is for what one subscriber cares for, and each entry is held against it.
const FILTER_VALUES_MAX: usize = 1000;
/// Longest name of a consumer, in bytes.
const CONSUMER_BYTES_MAX: usize = 128;
/// What for, where nobody says: integrations seek and replay by themselves.
const UPKEEP: &str = "feed-upkeep";
/// Longest reason of a subscriber, in bytes.
const REASON_BYTES_MAX: usize = 64;

/// Who keeps a feed in order, and what for.
pub(super) fn keeper(purpose: &str, actor_id: &str) -> Result<Reader, Failure> {
    let purpose = if purpose.is_empty() { UPKEEP } else { purpose };
    crate::services::audit::reader(purpose, actor_id)
}

/// The place that a field names; none if it names none.
pub(super) fn place(
    asked: Option<&v1::FeedPlace>,
    field: &str,
) -> Result<Option<FeedPlace>, Failure> {
    use v1::feed_place::At;
    let Some(at) = asked.and_then(|place| place.at.as_ref()) else {
        return Ok(None);
    };
    let place =
        match at {
            At::Start(start) => self::start(*start, &format!("{field}.start"))?,
            At::Position(text) => {
                let field = format!("{field}.position");
                let position = read::position(text, &field)?;
                FeedPlace::Position(position.ok_or_else(|| {
                    Failure::field(&field, "a position as an earlier answer gave it")
                })?)
            }
            At::Time(time) => {
                let field = format!("{field}.time");
                let time = read::instant(Some(time), &field)?;
                FeedPlace::Time(time.ok_or_else(|| Failure::field(&field, "an instant"))?)
            }
            At::AfterCursor(text) => {
                FeedPlace::After(read::cursor(text, &format!("{field}.after_cursor"))?)
            }
        };
    Ok(Some(place))
}

fn start(start: i32, field: &str) -> Result<FeedPlace, Failure> {
    match v1::FeedStart::try_from(start) {
        Ok(v1::FeedStart::Unspecified | v1::FeedStart::Beginning) => Ok(FeedPlace::Beginning),
        Ok(v1::FeedStart::Now) => Ok(FeedPlace::Now),
        Ok(v1::FeedStart::Snapshot) => Ok(FeedPlace::Snapshot),
        Err(_) => Err(Failure::field(field, "a start that this node knows")),
    }
}

/// Where a new feed starts: by one of the two fields.
pub(super) fn first_place(asked: &v1::CreateFeedRequest) -> Result<FeedPlace, Failure> {
    match place(asked.start_at.as_ref(), "start_at")? {
        None => start(asked.start, "start"),
        Some(_) if asked.start != 0 => Err(Failure::field(
            "start_at",
            "leave it away, or leave `start` away",
        )),
        Some(place) => Ok(place),
    }
}

/// A filter; all is in it, if there is none.
pub(super) fn filter(
    asked: Option<&v1::FeedFilter>,
    include_void: bool,
) -> Result<FeedFilter, Failure> {
    let asked = asked.cloned().unwrap_or_default();
    let values = asked.types.len()
        + asked.organisations.len()
        + asked.roles.len()
        + asked.cases.len()
        + asked.deadline_states.len();
    if values > FILTER_VALUES_MAX {
        return Err(Failure::field("filter", "at most 1,000 values in all"));
    }
    let each = |field: &str, index: usize| format!("filter.{field}[{index}]");
    let mut filter = FeedFilter {
        include_void,
        ..FeedFilter::default()
    };
    for (index, text) in asked.types.into_iter().enumerate() {
        if text != CONTENT_AVAILABLE && text.parse::<EventType>().is_err() {
            return Err(Failure::field(
                &each("types", index),
                "an event type that this node knows, or content-available",
            ));
        }
        filter.types.insert(text);
    }
    for (index, text) in asked.organisations.iter().enumerate() {
        let organisation = read::organisation(text, &each("organisations", index))?;
        filter.organisations.insert(organisation.to_string());
    }
    for (index, text) in asked.cases.iter().enumerate() {
        let case = read::case_id(text, &each("cases", index))?;
        filter.cases.insert(case.to_string());
    }
    for (index, role) in asked.roles.into_iter().enumerate() {
        filter.roles.insert(
            role_of(role).ok_or_else(|| {
                Failure::field(&each("roles", index), "a role that this node knows")
            })?,
        );
    }
    let states: Option<BTreeSet<FeedDeadlineState>> =
        asked.deadline_states.into_iter().map(state_of).collect();
    filter.deadline_states = states
        .ok_or_else(|| Failure::field("filter.deadline_states", "states that this node knows"))?;
    Ok(filter)
}

fn role_of(role: i32) -> Option<FeedRole> {
    Some(match v1::FeedRole::try_from(role).ok()? {
        v1::FeedRole::Unspecified => return None,
        v1::FeedRole::Keeper => FeedRole::Keeper,
        v1::FeedRole::Lead => FeedRole::Lead,
        v1::FeedRole::Receiver => FeedRole::Receiver,
        v1::FeedRole::Party => FeedRole::Party,
        v1::FeedRole::Invitee => FeedRole::Invitee,
        v1::FeedRole::FormerReceiver => FeedRole::FormerReceiver,
    })
}

fn state_of(state: i32) -> Option<FeedDeadlineState> {
    Some(match v1::FeedDeadlineState::try_from(state).ok()? {
        v1::FeedDeadlineState::Unspecified => return None,
        v1::FeedDeadlineState::Approaching => FeedDeadlineState::Approaching,
        v1::FeedDeadlineState::Missed => FeedDeadlineState::Missed,
    })
}

/// How much is shown; none if nothing is said of it.
pub(super) fn shown(view: i32) -> Result<Option<FeedShown>, Failure> {
    match v1::FeedView::try_from(view) {
        Ok(v1::FeedView::Unspecified) => Ok(None),
        Ok(v1::FeedView::Full) => Ok(Some(FeedShown::Full)),
        Ok(v1::FeedView::Signal) => Ok(Some(FeedShown::Signal)),
        Err(_) => Err(Failure::field("view", "a view that this node knows")),
    }
}

/// The name of a consumer.
pub(super) fn consumer(name: &str) -> Result<(), Failure> {
    let named = name.len() <= CONSUMER_BYTES_MAX && !name.chars().any(char::is_control);
    named.then_some(()).ok_or_else(|| {
        Failure::field(
            "consumer_name",
            "at most 128 bytes, none a control character",
        )
    })
}

/// A subscriber's reason: a code, so that no name can stand in it.
pub(super) fn reason(text: &str, field: &str) -> Result<String, Failure> {
    let is_code = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let fits = (1..=REASON_BYTES_MAX).contains(&text.len()) && text.bytes().all(is_code);
    fits.then(|| text.to_owned()).ok_or_else(|| {
        Failure::field(
            field,
            "a code of 1 to 64 lower-case letters, digits and hyphens",
        )
    })
}

/// A cursor, if one is given.
pub(super) fn cursor(text: &str, field: &str) -> Result<Option<concordat_node::Spot>, Failure> {
    read::optional(text, field, read::cursor)
}

/// Entries asked for: a default for 0, and an upper bound.
pub(super) fn entries(asked: i32, default: usize, max: usize) -> Result<usize, Failure> {
    let asked = usize::try_from(asked)
        .map_err(|_| Failure::field("max_entries", "a number from 0 to 500"))?;
    Ok(if asked == 0 { default } else { asked.min(max) })
}

/// A wait, in whole milliseconds.
pub(super) fn wait(
    asked: Option<&prost_types::Duration>,
    max: std::time::Duration,
) -> Result<std::time::Duration, Failure> {
    let refused = || Failure::field("wait", "a duration from 0 to 60 s");
    let Some(asked) = asked else {
        return Ok(std::time::Duration::ZERO);
    };
    let wait = std::time::Duration::try_from(*asked).map_err(|_| refused())?;
    if wait > max { Err(refused()) } else { Ok(wait) }
}

/// A cursor as it is written.
pub(super) fn cursor_text(spot: Option<concordat_node::Spot>) -> String {
    spot.map(opaque::cursor).unwrap_or_default()
}
