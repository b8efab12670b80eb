//! What is in a feed and where it starts, as options.

use clap::{Args, ValueEnum};
use concordat_proto::v1;
use concordat_proto::v1::feed_place::At;
use jiff::Timestamp;

use crate::display;
use crate::when;

/// What is in a feed: each option that is given must fit; given several times, one of its values.
#[derive(Debug, Args)]
pub(super) struct Filter {
    /// Only this event type, such as deadline-missed.
    #[arg(long = "type", value_name = "TYPE")]
    types: Vec<String>,
    /// Only what this organisation published.
    #[arg(long = "by", value_name = "ORGANISATION")]
    organisations: Vec<String>,
    /// Only cases to which this organisation is that.
    #[arg(long = "role", value_enum, value_name = "ROLE")]
    roles: Vec<Role>,
    /// Only this case.
    #[arg(long = "case", value_name = "CASE")]
    cases: Vec<String>,
    /// Only events that say this of a deadline.
    #[arg(long = "deadline", value_enum, value_name = "STATE")]
    deadline_states: Vec<DeadlineState>,
    /// With void events of others.
    #[arg(long)]
    pub(super) include_void: bool,
}

/// What this organisation is to a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Role {
    /// It runs the case.
    Keeper,
    /// It leads.
    Lead,
    /// It received the complaint.
    Receiver,
    /// It has a part in the case.
    Party,
    /// It was added and has not joined yet.
    Invitee,
    /// It passed the complaint on.
    FormerReceiver,
}

/// What an event says of a deadline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum DeadlineState {
    /// It will be due soon.
    Approaching,
    /// It was not met.
    Missed,
}

impl Filter {
    /// Whether nothing was asked for.
    pub(super) fn is_empty(&self) -> bool {
        !self.include_void && self.message() == v1::FeedFilter::default()
    }

    pub(super) fn message(&self) -> v1::FeedFilter {
        let role = |role: &Role| match role {
            Role::Keeper => v1::FeedRole::Keeper,
            Role::Lead => v1::FeedRole::Lead,
            Role::Receiver => v1::FeedRole::Receiver,
            Role::Party => v1::FeedRole::Party,
            Role::Invitee => v1::FeedRole::Invitee,
            Role::FormerReceiver => v1::FeedRole::FormerReceiver,
        };
        let state = |state: &DeadlineState| match state {
            DeadlineState::Approaching => v1::FeedDeadlineState::Approaching,
            DeadlineState::Missed => v1::FeedDeadlineState::Missed,
        };
        v1::FeedFilter {
            types: self.types.clone(),
            organisations: self.organisations.clone(),
            roles: self.roles.iter().map(|one| role(one).into()).collect(),
            cases: self.cases.clone(),
            deadline_states: self
                .deadline_states
                .iter()
                .map(|one| state(one).into())
                .collect(),
        }
    }
}

/// How much of each event is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum View {
    /// All that may be read.
    Full,
    /// That something happened: ids, type, case, times, position, ruling.
    Signal,
}

impl View {
    pub(super) fn message(view: Option<Self>) -> i32 {
        match view {
            None => v1::FeedView::Unspecified,
            Some(Self::Full) => v1::FeedView::Full,
            Some(Self::Signal) => v1::FeedView::Signal,
        }
        .into()
    }
}

/// Where to start, or to go on.
#[derive(Debug, Args)]
#[group(multiple = false)]
pub(super) struct Place {
    /// A place that needs no further word.
    #[arg(long, value_enum, value_name = "START")]
    from: Option<Start>,
    /// The first entry that became visible at this position of the log or later.
    #[arg(long, value_name = "POSITION")]
    from_position: Option<String>,
    /// The first entry that became visible at this instant or later: an instant, a day from its beginning, or a span such as 2d ago.
    #[arg(long, visible_alias = "since", value_name = "WHEN", value_parser = when::since)]
    from_time: Option<Timestamp>,
    /// Behind this cursor.
    #[arg(long, value_name = "CURSOR")]
    after: Option<String>,
}

/// A place that needs no further word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Start {
    /// The first entry that there is.
    Beginning,
    /// What comes from now on.
    Now,
    /// Each case as it stands, then what comes.
    Snapshot,
}

impl Place {
    /// The place; none if nothing is said of it.
    pub(super) fn message(self) -> Option<v1::FeedPlace> {
        let start = self.from.map(|start| {
            At::Start(
                match start {
                    Start::Beginning => v1::FeedStart::Beginning,
                    Start::Now => v1::FeedStart::Now,
                    Start::Snapshot => v1::FeedStart::Snapshot,
                }
                .into(),
            )
        });
        let at = start
            .or(self.from_position.map(At::Position))
            .or(display::wire(self.from_time).map(At::Time))
            .or(self.after.map(At::AfterCursor))?;
        Some(v1::FeedPlace { at: Some(at) })
    }
}
