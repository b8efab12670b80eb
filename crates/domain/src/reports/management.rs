//! The management report (`003` 4, 22; `002` 1.11): volumes, what is due and overdue by director, actions.

use std::collections::{BTreeMap, BTreeSet};

use super::dossier::{Dossier, NOT_STATED, Share};
use super::model::{Cell, Table, Unit};
use super::what_is_due::is_owed;
use super::{Draft, Frame, Tally};
use crate::event::EventType;
use crate::ids::OrganisationId;
use crate::rules::Rules;
use crate::timetable::DeadlineState;

// Covers: 003-4, 003-22, 002-1.11
/// Volumes of the period and what stood open at its instant.
#[derive(Default)]
pub(crate) struct Management {
    open_before: usize,
    new: usize,
    reopened: usize,
    resolved: usize,
    open_after: usize,
    /// By director: cases open, deadlines due, overdue.
    directors: BTreeMap<String, [usize; 3]>,
    /// Open, overdue, completed in the period.
    actions: [usize; 3],
}

impl Management {
    pub(crate) fn new(_: &Frame) -> Self {
        Self::default()
    }

    fn take_volumes(&mut self, frame: &Frame, dossier: &Dossier<'_>) {
        let before = dossier.was_open_on(frame.period.eve());
        let new = frame.period.contains(dossier.received_on());
        let reopened = dossier
            .of(EventType::CaseReopened)
            .any(|entry| frame.period.contains(entry.day()));
        let again = !before && !new && reopened;
        let after = dossier.was_open_on(frame.period.to);
        self.open_before += usize::from(before);
        self.new += usize::from(new);
        self.reopened += usize::from(again);
        self.open_after += usize::from(after);
        self.resolved += usize::from((before || new || again) && !after);
    }

    fn take_due(&mut self, frame: &Frame, dossier: &Dossier<'_>) {
        let deadlines = dossier.timetable().deadlines().iter();
        let owed = deadlines.filter(|one| is_owed(one) && one.owed_by == frame.about);
        let (mut due, mut overdue) = (0, 0);
        for one in owed {
            if one.state == DeadlineState::Overdue {
                overdue += 1;
            } else {
                due += 1;
            }
        }
        if !dossier.is_open() && due + overdue == 0 {
            return;
        }
        for director in directors(dossier, &frame.about, frame) {
            let counts = self.directors.entry(director).or_default();
            counts[0] += usize::from(dossier.is_open());
            counts[1] += due;
            counts[2] += overdue;
        }
    }
}

/// The posts that own the services concerned, as the body registered them.
fn directors(dossier: &Dossier<'_>, body: &OrganisationId, frame: &Frame) -> BTreeSet<String> {
    let register = dossier.rules().directory.register();
    let services = dossier.services();
    let own = register.services_on(frame.today).into_iter();
    let mut posts: BTreeSet<String> = own
        .filter(|entry| entry.recorded.by == *body && services.contains(&entry.body.service))
        .map(|entry| entry.body.owner_post.clone())
        .collect();
    if posts.is_empty() {
        posts.insert(NOT_STATED.to_owned());
    }
    posts
}

impl Tally for Management {
    fn take(&mut self, frame: &Frame, dossier: &Dossier<'_>) {
        let share = dossier.share_of(&frame.about);
        if share == Share::Own
            && dossier
                .left_out_as()
                .is_none_or(|why| why == "resolved-early")
        {
            self.take_volumes(frame, dossier);
        }
        if share != Share::None {
            self.take_due(frame, dossier);
        }
        for action in dossier.actions() {
            if action.body != frame.about.as_str() {
                continue;
            }
            let done = action
                .completed_on
                .is_some_and(|on| frame.period.contains(on));
            let overdue = action.is_overdue(frame.today);
            self.actions[0] += usize::from(action.is_open() && !overdue);
            self.actions[1] += usize::from(overdue);
            self.actions[2] += usize::from(done);
        }
    }

    fn finish(self: Box<Self>, _: &Frame, _: &Rules<'_>) -> Draft {
        let mut volumes = Table::figures("volumes", "Volumes")
            .column("measure", Unit::Text, "what is counted")
            .column("number", Unit::Count, "how many complaints");
        let before = volumes.row(["open at the start".into(), Cell::count(self.open_before)]);
        let new = volumes.row(["new".into(), Cell::count(self.new)]);
        let again = volumes.row(["reopened".into(), Cell::count(self.reopened)]);
        let all = volumes.row([
            "in hand".into(),
            Cell::count(self.open_before + self.new + self.reopened),
        ]);
        let resolved = volumes.row(["answered or ended".into(), Cell::count(self.resolved)]);
        let after = volumes.row(["open at the end".into(), Cell::count(self.open_after)]);
        volumes.adds_up(1, all, &[before, new, again]);
        volumes.adds_up(1, all, &[resolved, after]);
        let mut directors = Table::figures(
            "directors",
            "Open at the instant of the report, by director",
        )
        .column(
            "director",
            Unit::Text,
            "post that owns the service concerned; a complaint may concern several",
        )
        .column("open", Unit::Count, "complaints that are open")
        .column(
            "due",
            Unit::Count,
            "deadlines of this organisation that run",
        )
        .column(
            "overdue",
            Unit::Count,
            "deadlines of this organisation that are overdue",
        );
        for (director, counts) in &self.directors {
            directors
                .row(std::iter::once(Cell::from(director.as_str())).chain(counts.map(Cell::count)));
        }
        let mut actions = Table::figures("actions", "Actions of this organisation")
            .column("state", Unit::Text, "how they stand")
            .column("number", Unit::Count, "how many");
        for (state, number) in ["open", "overdue", "completed in the period"]
            .into_iter()
            .zip(self.actions)
        {
            actions.row([state.into(), Cell::count(number)]);
        }
        Draft::new([volumes, directors, actions], [])
    }
}
