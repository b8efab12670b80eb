//! The row of an event: who may publish it, from where, what it demands, and which deadlines it touches.

use super::catalogue::EventType;
use super::read::FieldSpec;
use crate::case::{Case, Change, From};
use crate::directory::{Directory, DirectoryEvent, Recordable, Recorded};
use crate::event::Event;
use crate::ids::{OrganisationId, Position};
use crate::judge::Reason;
use crate::rules::Rules;

/// Who may publish an event, relative to the case (domain brief, B *Roles*).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    /// Every registered organisation.
    Any,
    /// The organisation that runs the case.
    Keeper,
    /// The lead in a joint case, else the keeper.
    Lead,
    /// Any party.
    Party,
    /// The body that owns the strand, request or action named.
    Owner,
    /// A body added or passed to, not yet joined.
    Invitee,
    /// The first body after a pass-on, for what it still owes.
    FormerReceiver,
    /// The commissioner of record: a council or an NHS commissioner.
    Commissioner,
    /// The body that provides commissioned care and handles, or handled, the complaint about it.
    Provider,
    /// The records or information-governance steward of a body that holds the case.
    Records,
    /// Every registered organisation, as long as the event is the first of a case; nobody by this role afterwards.
    Opener,
    /// The keeper's enforcer, in the current lead epoch.
    Clock,
    /// The partnership: as many of its organisations as its directory asks for, who sign together. Only outside cases.
    Steward,
}

impl Who {
    /// Who that is, in words.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Any => "any organisation",
            Self::Keeper => "keeper",
            Self::Lead => "lead",
            Self::Party => "party",
            Self::Owner => "owner",
            Self::Invitee => "invitee",
            Self::FormerReceiver => "former receiver",
            Self::Commissioner => "commissioner",
            Self::Provider => "provider",
            Self::Records => "records steward",
            Self::Opener => "any organisation, to open a case",
            Self::Clock => "keeper's enforcer",
            Self::Steward => "the partnership, by the signatures of several organisations",
        }
    }
}

/// What an event is tied to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// One case.
    Case,
    /// The directory, which all organisations of the partnership share.
    Directory,
    /// Its own node, which it never leaves.
    Node,
}

/// What an event does to a deadline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// `+d`.
    Starts,
    /// `✓d`.
    Meets,
    /// `−d`.
    Ends,
    /// `→d`.
    Moves,
}

/// A deadline sign of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sign {
    /// What happens to it.
    pub act: Act,
    /// The deadline; `<…>` stands for a subject.
    pub deadline: &'static str,
    /// Under which condition, in words; without one it happens always and is carried out from the row.
    pub condition: Option<&'static str>,
}

impl Sign {
    /// The same sign, but only under a condition that the event's own function decides.
    pub(crate) const fn only(self, condition: &'static str) -> Self {
        Self {
            condition: Some(condition),
            ..self
        }
    }

    /// Whether folding carries it out from the row alone.
    pub(crate) fn is_plain(&self) -> bool {
        self.condition.is_none() && !self.deadline.contains('<')
    }
}

/// `+d`.
pub(crate) const fn starts(deadline: &'static str) -> Sign {
    Sign {
        act: Act::Starts,
        deadline,
        condition: None,
    }
}

/// `✓d`.
pub(crate) const fn meets(deadline: &'static str) -> Sign {
    Sign {
        act: Act::Meets,
        deadline,
        condition: None,
    }
}

/// `−d`.
pub(crate) const fn ends(deadline: &'static str) -> Sign {
    Sign {
        act: Act::Ends,
        deadline,
        condition: None,
    }
}

/// `→d`: the new date is the event's own, so its function carries it out.
pub(crate) const fn moves(deadline: &'static str) -> Sign {
    Sign {
        act: Act::Moves,
        deadline,
        condition: Some("to the date it names"),
    }
}

/// One row of the event tables.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    /// The event.
    pub event_type: EventType,
    /// What it is tied to.
    pub scope: Scope,
    /// Who may publish it; the first one named decides the reason for others.
    pub who: &'static [Who],
    /// From which states.
    pub from: &'static [From],
    /// Mandatory and expected fields, in order.
    pub fields: &'static [FieldSpec],
    /// What it does to deadlines.
    pub deadlines: &'static [Sign],
    /// Its own reasons, in order.
    pub reasons: &'static [Reason],
    /// The numbered responsibilities of the guidance that it covers, besides the rules that its summary names; `000-23 by update_interval` where it is
    /// a field that does. `cargo xtask trace` makes docs/traceability.md of them.
    pub covers: &'static [&'static str],
    /// What it is, in one line, with its rule.
    pub summary: &'static str,
}

/// What the particular functions of an event may read.
pub(crate) struct Scene<'a> {
    pub(crate) case: &'a Case,
    pub(crate) event: &'a Event,
    pub(crate) rules: &'a Rules<'a>,
}

/// What the particular functions of an event of the directory may read.
pub(crate) struct DirectoryScene<'a> {
    pub(crate) directory: &'a Directory,
    pub(crate) event: &'a DirectoryEvent,
    pub(crate) position: Position,
}

impl DirectoryScene<'_> {
    /// The directory with one more record in its register.
    pub(crate) fn with_record(&self, body: impl Recordable) -> Directory {
        let mut directory = self.directory.clone();
        let recorded = Recorded::of(self.event, self.position);
        body.add_to(recorded, directory.register_mut());
        directory
    }
}

/// What is particular to an event besides its row. Every function has the answer that most events give.
pub(crate) trait EventRules {
    /// The row.
    const ROW: Row;

    /// A mandatory field whose value does not say all that the row demands.
    fn incomplete(&self, _case: Option<&Case>) -> Option<&'static str> {
        None
    }

    /// Whether `actor` owns the strand, request or action that the event names.
    fn is_owner(&self, _case: &Case, _actor: &OrganisationId) -> bool {
        false
    }

    /// The bodies that a grant of consent covers.
    fn covers(&self) -> &[OrganisationId] {
        &[]
    }

    /// The row's own reasons, left to right.
    fn refuse(&self, _scene: &Scene<'_>) -> Result<(), Reason> {
        Ok(())
    }

    /// Whether the case is not ready for exactly this event, though its state is (reason `wrong-state`).
    fn is_misplaced(&self, _case: &Case) -> bool {
        false
    }

    /// What the event changes besides the plain signs of its row.
    fn apply(&self, _change: &mut Change<'_>) {}

    /// As [`Self::incomplete`], for an event that is tied to no case.
    fn incomplete_in_directory(&self) -> Option<&'static str> {
        None
    }

    /// As [`Self::refuse`], for an event that is tied to no case.
    fn refuse_in_directory(&self, _scene: &DirectoryScene<'_>) -> Result<(), Reason> {
        Ok(())
    }

    /// The directory after the event, if it is one of the directory.
    fn enter(&self, scene: &DirectoryScene<'_>) -> Directory {
        scene.directory.clone()
    }
}

/// Writes the row of an event with the parts that it has.
macro_rules! row {
    ($name:ident {
        $(scope: $scope:expr,)?
        who: $who:expr, from: $from:expr,
        $(deadlines: $deadlines:expr,)?
        $(reasons: $reasons:expr,)?
        $(covers: $covers:expr,)?
        summary: $summary:literal $(,)?
    }) => {
        const ROW: $crate::events::row::Row = $crate::events::row::Row {
            event_type: $crate::events::EventType::$name,
            scope: $crate::events::row::row!(@scope $($scope)?),
            who: &$who,
            from: &$from,
            fields: $name::FIELDS,
            deadlines: $crate::events::row::row!(@list $($deadlines)?),
            reasons: $crate::events::row::row!(@list $($reasons)?),
            covers: $crate::events::row::row!(@list $($covers)?),
            summary: $summary,
        };
    };
    (@scope) => { $crate::events::row::Scope::Case };
    (@scope $scope:expr) => { $scope };
    (@list) => { &[] };
    (@list $list:expr) => { &$list };
}
pub(crate) use row;
