//! A case being changed by one effective event: the verbs that the events' own functions are written in.

use std::fmt;

use jiff::Timestamp;
use jiff::civil::Date;

use super::{
    Case, DeadlineName, Ending, How, Lateness, Membership, Moment, Occurrence, Progress, Start,
    State,
};
use crate::calendar::due_months;
use crate::event::{Event, Placement};
use crate::events::cooperation::CooperationDuty;
use crate::events::correction::NamedDay;
use crate::ids::{EventId, OrganisationId};
use crate::policy::{PolicyPack, Rule};
use crate::rules::Rules;

/// The case, the event and its place.
pub(crate) struct Change<'a> {
    pub(crate) case: &'a mut Case,
    pub(crate) event: &'a Event,
    pub(crate) placement: &'a Placement,
    pub(crate) rules: &'a Rules<'a>,
}

impl Change<'_> {
    /// Whose act it is.
    pub(crate) fn actor(&self) -> &OrganisationId {
        self.event.actor()
    }

    /// Whether the case begins with this event.
    pub(crate) fn is_first(&self) -> bool {
        self.case.facts.effective.is_empty()
    }

    /// The local day on which it occurred: what deadlines count from unless the event names another day.
    pub(crate) fn day(&self) -> Date {
        Case::day_of(self.event)
    }

    /// This place in the history.
    pub(crate) fn moment(&self) -> Moment {
        self.case.moment(self.event, self.placement.case_seq)
    }

    /// The case goes into a state.
    pub(crate) fn enter(&mut self, state: State) {
        self.case.facts.state = state;
    }

    /// A body becomes keeper; a change raises the lead epoch.
    pub(crate) fn hand_to(&mut self, keeper: &OrganisationId) {
        let roles = &mut self.case.facts.roles;
        if roles.keeper != *keeper {
            roles.keeper = keeper.clone();
            roles.epoch += 1;
        }
    }

    /// A lead is known (J-05 to J-07): planning begins under it.
    pub(crate) fn lead_is(&mut self, lead: &OrganisationId) {
        self.hand_to(lead);
        self.case.facts.roles.lead = Some(lead.clone());
        self.enter(State::Planning);
        self.start("named-contact");
        self.start("plan");
    }

    /// Planning begins without a lead to be found.
    pub(crate) fn plan_alone(&mut self) {
        self.enter(State::Planning);
        self.start_variant("named-contact", "own", self.day());
    }

    /// A body that handles the complaint alone goes from `received` to planning (E-17, E-18).
    pub(crate) fn plan_alone_from_received(&mut self) {
        let case = &self.case;
        if !case.is_joint() && case.is_alone() && case.state() == State::Received {
            self.meet("triage");
            self.plan_alone();
        }
    }

    /// The same complaint was received elsewhere before: the earliest receipt governs (Q25).
    pub(crate) fn received_already(&mut self, elsewhere_on: Date) {
        let receipt = &mut self.case.facts.receipt;
        if receipt
            .received_on
            .is_some_and(|received| elsewhere_on < received)
        {
            receipt.received_on = Some(elsewhere_on);
            if self.is_running("relevant-period") {
                self.move_from("relevant-period", elsewhere_on);
            }
        }
    }

    /// Issues that the answer need not cover any more.
    pub(crate) fn close_issues<'i>(&mut self, closed: impl IntoIterator<Item = &'i String>) {
        let facts = &mut self.case.facts;
        let Some(issues) = &mut facts.issues else {
            facts.closed_early.extend(closed.into_iter().cloned());
            return;
        };
        for issue in closed {
            issues.entry(issue.clone()).or_default().closed = true;
        }
    }

    /// The commissioner handles the complaint itself from here on (C-06): planning begins under it.
    pub(crate) fn take_over(&mut self) {
        let commissioner = self.actor().clone();
        self.hand_to(&commissioner);
        self.enter(State::Planning);
        self.start("plan");
        self.start("named-contact");
    }

    /// The case leaves the ombudsman for the state that follows from the one before; that of an answered case if none is known.
    pub(crate) fn back_from_ombudsman(&mut self, after: impl FnOnce(State) -> State) {
        if self.case.state() != State::WithOmbudsman {
            return;
        }
        let before = self.case.facts.standing.before_ombudsman.take();
        self.enter(after(before.unwrap_or(State::Responded)));
    }

    /// A recommendation of the ombudsman.
    pub(crate) fn recommendation(&mut self, id: &str) -> Option<&mut super::Recommendation> {
        self.case.facts.recommendations.get_mut(id)
    }

    /// A body is gone and another takes its place: roles, strands, actions and dates pass over.
    pub(crate) fn succeed(&mut self, gone: &OrganisationId, successor: &OrganisationId) {
        let moved = self.ending(How::Moved);
        let facts = &mut self.case.facts;
        let roles = &mut facts.roles;
        for role in [
            &mut roles.commissioner,
            &mut roles.lead,
            &mut roles.passed_to,
        ] {
            if role.as_ref() == Some(gone) {
                *role = Some(successor.clone());
            }
        }
        if roles.receiver == *gone {
            roles.receiver = successor.clone();
        }
        if let Some(membership) = roles.members.remove(gone) {
            // A successor that has joined already stays joined.
            let own = roles.members.entry(successor.clone());
            let own = own.or_insert(membership);
            *own = membership.max(*own);
        }
        roles.named_before.insert(gone.clone());
        if let Some(strand) = facts.work.strands.remove(gone) {
            facts.work.take_over(strand, successor);
        }
        if let Some(draft) = &mut facts.answer.circulated
            && let Some(comment) = draft.comments.remove(gone)
        {
            draft.comments.entry(successor.clone()).or_insert(comment);
        }
        for action in facts
            .actions
            .values_mut()
            .filter(|action| action.org == *gone)
        {
            action.org = successor.clone();
        }
        for asked in facts.requests.values_mut().filter(|asked| **asked == *gone) {
            *asked = successor.clone();
        }
        for recommended in facts.recommendations.values_mut() {
            if recommended.org == *gone {
                recommended.org = successor.clone();
            }
        }
        facts.ledger.pass_over(moved, gone, successor);
        if *self.case.keeper() == *gone {
            self.hand_to(successor);
        }
    }

    /// A body is gone and nobody takes its place: it owes nothing any more, and its issues may stand unanswered.
    pub(crate) fn end_of_body(&mut self, gone: &OrganisationId) {
        let ending = self.ending(How::Ended);
        let keeper = self.case.keeper().clone();
        let facts = &mut self.case.facts;
        facts.ledger.stop_owed_by(ending, gone);
        if let Some(strand) = facts.work.strands.get_mut(gone)
            && strand.progress == Progress::Open
        {
            strand.progress = Progress::Ended;
        }
        if facts.roles.receiver == *gone {
            facts.roles.receiver = keeper;
        }
        self.leave(gone);
    }

    /// A day that an event named was another one. Every occurrence that follows from it gets the right day in place: that is no move,
    /// and what was met is compared with the right day.
    pub(crate) fn correct(&mut self, event: EventId, named: &NamedDay, right: Date) {
        let facts = &mut self.case.facts;
        let opened_by = facts.opened_by == Some(event);
        let days = facts.days.entry(event).or_default();
        let wrong = days.insert(named.key(), right);
        if wrong.is_none() && !opened_by {
            // Nothing that follows from it was set, since the event never named it.
            return;
        }
        if let Some(wrong) = wrong {
            let follows = |name: &DeadlineName| named.feeds(name);
            facts.ledger.correct(event, follows, wrong, right);
        }
        if named.is("expires") && facts.consent.expires == wrong {
            facts.consent.expires = Some(right);
        }
        let receipt = &mut facts.receipt;
        let received_by = opened_by || facts.ledger.was_set_by("relevant-period", event);
        if named.is("received_on") && received_by && receipt.received_on == wrong {
            receipt.received_on = Some(right);
        }
        if opened_by && named.is("matter_occurred_on") {
            receipt.occurred_on = Some(right);
        }
        if opened_by && named.is("matter_known_on") {
            receipt.known_on = Some(right);
            if wrong.is_none() && !receipt.anonymous {
                self.set_as(event, "ombudsman-limit", right);
            }
        }
        if opened_by {
            self.reassess_lateness(event);
        }
    }

    /// Whether the matter goes on was said wrongly of the complaint.
    pub(crate) fn correct_continuing(&mut self, event: EventId, continuing: bool) {
        if self.case.facts.opened_by == Some(event) {
            self.case.facts.receipt.continuing = continuing;
            self.reassess_lateness(event);
        }
    }

    /// E-13 as if the complaint had come with the right days from the start. What was decided on the wrong ones stays decided.
    fn reassess_lateness(&mut self, opener: EventId) {
        let receipt = &self.case.facts.receipt;
        if receipt.anonymous || self.case.regime().is_staged() {
            return;
        }
        let out_of_time = self.is_out_of_time();
        match (out_of_time, receipt.late) {
            (false, Lateness::Undecided | Lateness::Accepted) => {
                let decision = DeadlineName::from("late-complaint-decision");
                self.case.facts.ledger.forget(&decision, opener);
                self.case.facts.receipt.late = Lateness::InTime;
            }
            (true, Lateness::InTime) => {
                self.case.facts.receipt.late = Lateness::Undecided;
                if let Some(received) = self.case.facts.receipt.received_on {
                    self.set_as(opener, "late-complaint-decision", received);
                }
            }
            (true, _) | (false, Lateness::InTime | Lateness::Refused) => {}
        }
    }

    /// E-13: twelve months after the event, or after it came to notice if later; a matter that goes on is in time.
    pub(crate) fn is_out_of_time(&self) -> bool {
        let facts = &self.case.facts;
        let receipt = &facts.receipt;
        let from = receipt.occurred_on.max(receipt.known_on);
        let pack = facts
            .policy
            .as_ref()
            .and_then(|id| self.rules.packs.get(id));
        let rule = pack.and_then(|pack| pack.rule("time-limit", None));
        let limit = from.zip(rule).and_then(|(from, rule)| {
            due_months(from, rule.n, rule.convention)
                .ok()
                .map(|counted| counted.due)
        });
        let late = limit
            .zip(receipt.received_on)
            .is_some_and(|(limit, received)| received > limit);
        !receipt.continuing && late
    }

    /// `+d`, counted from a day, as if an earlier event had set it.
    fn set_as(&mut self, event: EventId, name: &str, from: Date) {
        let occurrence = Occurrence {
            name: DeadlineName::from(name),
            variant: None,
            owner: self.case.keeper().clone(),
            follows_keeper: true,
            start: Start::Counted { from, n: None },
            set_by: event,
            ending: None,
            set_at: self.event.occurred_at,
            asked_by: self.actor().clone(),
        };
        self.case
            .facts
            .ledger
            .start(occurrence, self.event.occurred_at);
    }

    /// An event leaves a mark on a body's co-operation (E-11).
    pub(crate) fn mark(&mut self, org: &OrganisationId, duty: CooperationDuty) {
        let mark = super::EventMark {
            org: org.clone(),
            duty,
            event: self.event.id,
            on: self.day(),
        };
        self.case.facts.cooperation.marks.push(mark);
    }

    /// The acting body has said something about who leads.
    pub(crate) fn speaks_on_lead(&mut self) {
        let (by, at) = (self.actor().clone(), self.event.occurred_at);
        let spoke = &mut self.case.facts.cooperation.spoke_on_lead;
        let first = spoke.entry(by).or_insert(at);
        *first = at.min(*first);
    }

    /// A body no longer takes part.
    pub(crate) fn leave(&mut self, org: &OrganisationId) {
        self.case.facts.roles.named_before.insert(org.clone());
        self.case.facts.roles.members.remove(org);
        self.case.facts.lead.accepted.remove(org);
    }

    /// A body takes part.
    pub(crate) fn join(&mut self, org: &OrganisationId) {
        let members = &mut self.case.facts.roles.members;
        members.insert(org.clone(), Membership::Joined);
    }

    /// A body was told that the complaint is its own, unless it has joined already.
    pub(crate) fn notify(&mut self, org: &OrganisationId) {
        let members = &mut self.case.facts.roles.members;
        let member = members.entry(org.clone()).or_insert(Membership::Notified);
        *member = Membership::Notified.max(*member);
    }

    /// A body is invited, unless it has joined already.
    pub(crate) fn invite(&mut self, org: &OrganisationId) {
        self.case
            .facts
            .roles
            .members
            .entry(org.clone())
            .or_insert(Membership::Invited);
    }

    /// A body owes its strand until a day.
    pub(crate) fn open_strand(
        &mut self,
        org: &OrganisationId,
        issues: impl IntoIterator<Item = String>,
        due: Date,
    ) {
        let issues = issues.into_iter().collect();
        let strand = super::Strand {
            issues,
            progress: Progress::Open,
        };
        self.case.facts.work.strands.insert(org.clone(), strand);
        self.start_on_for("strand", org, due);
    }

    /// A body owes an action until its target day; the post that answers for it, if it was named.
    pub(crate) fn open_action(
        &mut self,
        id: &str,
        (org, owner): (&OrganisationId, Option<&String>),
        target: Date,
    ) {
        let action = super::Action {
            org: org.clone(),
            owner: owner.cloned(),
            completed: false,
            told: false,
            settled: false,
        };
        self.case.facts.actions.insert(id.to_owned(), action);
        self.start_about("action", id, org, target);
    }

    /// `+d`, counted from the day of the event; the keeper owes it.
    pub(crate) fn start(&mut self, name: &str) {
        self.start_from(name, self.day());
    }

    /// `+d`, counted from a day; the keeper owes it.
    pub(crate) fn start_from(&mut self, name: &str, from: Date) {
        self.set(
            DeadlineName::from(name),
            None,
            Start::Counted { from, n: None },
            None,
        );
    }

    /// `+d` by another length of the rule, counted from a day; the keeper owes it.
    pub(crate) fn start_variant(&mut self, name: &str, variant: &str, from: Date) {
        let start = Start::Counted { from, n: None };
        self.set(DeadlineName::from(name), Some(variant), start, None);
    }

    /// `+d` by an interval that the case fixed, counted from the day of the event.
    pub(crate) fn start_every(&mut self, name: &str, n: Option<u32>) {
        let from = self.day();
        self.set(
            DeadlineName::from(name),
            None,
            Start::Counted { from, n },
            None,
        );
    }

    /// `+d` on a day that the event names; the keeper owes it.
    pub(crate) fn start_on(&mut self, name: &str, due: Date) {
        self.set(DeadlineName::from(name), None, Start::Fixed(due), None);
    }

    /// `+d` on a day that the event names; whoever acts owes it, and the keeper after each change of keeper if it was the keeper.
    pub(crate) fn start_on_for_actor(&mut self, name: &str, due: Date) {
        let actor = self.actor().clone();
        let owner = (actor != *self.case.keeper()).then_some(&actor);
        self.set(DeadlineName::from(name), None, Start::Fixed(due), owner);
    }

    /// `+d:<org>`, counted from a day; that body owes it.
    pub(crate) fn start_from_for(&mut self, rule: &str, org: &OrganisationId, from: Date) {
        self.set(
            DeadlineName::of(rule, org),
            None,
            Start::Counted { from, n: None },
            Some(org),
        );
    }

    /// `+d:<org>` on a day that the event names; that body owes it.
    pub(crate) fn start_on_for(&mut self, rule: &str, org: &OrganisationId, due: Date) {
        self.set(
            DeadlineName::of(rule, org),
            None,
            Start::Fixed(due),
            Some(org),
        );
    }

    /// `+d:<id>` on a day that the event names; `owner` owes it.
    pub(crate) fn start_about(
        &mut self,
        rule: &str,
        id: impl fmt::Display,
        owner: &OrganisationId,
        due: Date,
    ) {
        self.set(
            DeadlineName::of(rule, id),
            None,
            Start::Fixed(due),
            Some(owner),
        );
    }

    /// `+d:<id>` on a day that the event names; the keeper owes it, whoever that is by then.
    pub(crate) fn start_named_on(&mut self, rule: &str, id: impl fmt::Display, due: Date) {
        self.set(DeadlineName::of(rule, id), None, Start::Fixed(due), None);
    }

    /// `+d:<id>`, counted from the day of the event; the keeper owes it.
    pub(crate) fn start_named(&mut self, rule: &str, id: impl fmt::Display) {
        let from = self.day();
        self.set(
            DeadlineName::of(rule, id),
            None,
            Start::Counted { from, n: None },
            None,
        );
    }

    /// `+d:<id>`, counted from a day; whoever acts owes it.
    pub(crate) fn start_named_from(&mut self, rule: &str, id: impl fmt::Display, from: Date) {
        let by = self.actor().clone();
        let start = Start::Counted { from, n: None };
        self.set(DeadlineName::of(rule, id), None, start, Some(&by));
    }

    /// `+d`, counted from the day of the event; that body owes it, whoever keeps the case.
    pub(crate) fn start_owed_by(&mut self, name: &str, owner: &OrganisationId) {
        let start = Start::Counted {
            from: self.day(),
            n: None,
        };
        self.set(DeadlineName::from(name), None, start, Some(owner));
    }

    /// `✓d`.
    pub(crate) fn meet(&mut self, name: impl Into<DeadlineName>) {
        self.stop(How::Met, name.into());
    }

    /// `−d`.
    pub(crate) fn end(&mut self, name: impl Into<DeadlineName>) {
        self.stop(How::Ended, name.into());
    }

    /// `−all but` these.
    pub(crate) fn end_all_but(&mut self, kept: &[&str]) {
        let ending = self.ending(How::Ended);
        self.case
            .facts
            .ledger
            .stop(ending, |name| !kept.contains(&name.rule()));
        for name in self.started_by_rule() {
            self.case
                .facts
                .ledger
                .acts
                .entry(name)
                .or_default()
                .push(ending);
        }
    }

    /// Whether a deadline of this name runs.
    pub(crate) fn is_running(&self, name: &str) -> bool {
        self.case
            .facts
            .ledger
            .running(&DeadlineName::from(name))
            .is_some()
    }

    /// An occurrence that runs is replaced by one on a day that the event names; the same body owes it.
    pub(crate) fn move_to(&mut self, name: impl Into<DeadlineName>, due: Date, at: Timestamp) {
        self.restart(name.into(), Start::Fixed(due), at);
    }

    /// An occurrence is replaced by one counted from another day; the keeper owes it.
    pub(crate) fn move_from(&mut self, name: &str, from: Date) {
        self.start_from(name, from);
    }

    fn restart(&mut self, name: DeadlineName, start: Start, at: Timestamp) {
        let latest = self.case.facts.ledger.latest(&name);
        // What was done stays done: a later date for it reopens nothing.
        let Some(before) = latest.filter(|latest| !latest.is_met()) else {
            return;
        };
        let occurrence = Occurrence {
            start,
            set_by: self.event.id,
            set_at: self.event.occurred_at,
            ending: None,
            ..before.clone()
        };
        self.case.facts.ledger.start(occurrence, at);
    }

    /// What the packs of the case say about an event beside its row: which deadlines it meets, ends and starts. `before` is the state
    /// in which the event found the case, none if it opened it.
    pub(crate) fn follow_packs(&mut self, before: Option<State>) {
        let event_type = self.event.event_type;
        let opens_anonymous = before.is_none() && self.case.facts.receipt.anonymous;
        for rule in self.own_rules() {
            let name = DeadlineName::from(rule.name.as_str());
            if rule.met_by.contains(&event_type) {
                self.meet(name.clone());
            }
            if rule.ended_by.contains(&event_type) {
                self.end(name.clone());
            }
            let fields = &self.event.fields;
            let mut triggers = rule.started_by.iter();
            let trigger = triggers.find(|trigger| trigger.fits(event_type, fields, before));
            if let Some(trigger) = trigger.filter(|_| !opens_anonymous) {
                let from = trigger.named_day(fields).unwrap_or_else(|| self.day());
                let start = Start::Counted { from, n: None };
                self.place(name, rule.variant.as_deref(), start, None);
            }
        }
    }

    /// The rules of the case's packs that name events of their own.
    fn own_rules(&self) -> Vec<Rule> {
        let packs = self.case.packs().filter_map(|id| self.rules.packs.get(id));
        let rules = packs.flat_map(PolicyPack::rules).filter(|rule| {
            !(rule.started_by.is_empty() && rule.met_by.is_empty() && rule.ended_by.is_empty())
        });
        let in_force = rules.filter(|rule| {
            let found = self
                .case
                .rule(&rule.name, rule.variant.as_deref(), self.rules);
            found.is_some_and(|(_, found)| found == *rule)
        });
        in_force.cloned().collect()
    }

    fn set(
        &mut self,
        name: DeadlineName,
        variant: Option<&str>,
        start: Start,
        owner: Option<&OrganisationId>,
    ) {
        // A rule that says itself what starts it is not started by the rows. A day that an event names is no matter of the rule.
        let counted = matches!(start, Start::Counted { .. });
        let rule = self.case.rule(name.rule(), variant, self.rules);
        if !(counted && rule.is_some_and(|(_, rule)| !rule.started_by.is_empty())) {
            self.place(name, variant, start, owner);
        }
    }

    fn place(
        &mut self,
        name: DeadlineName,
        variant: Option<&str>,
        start: Start,
        owner: Option<&OrganisationId>,
    ) {
        let occurrence = Occurrence {
            name,
            variant: variant.map(str::to_owned),
            owner: owner.unwrap_or(self.case.keeper()).clone(),
            follows_keeper: owner.is_none(),
            start,
            set_by: self.event.id,
            set_at: self.event.occurred_at,
            asked_by: self.actor().clone(),
            ending: None,
        };
        self.case
            .facts
            .ledger
            .start(occurrence, self.event.occurred_at);
    }

    fn stop(&mut self, how: How, name: DeadlineName) {
        let ending = self.ending(how);
        let stopped = self
            .case
            .facts
            .ledger
            .stop(ending, |running| *running == name);
        if !stopped && self.started_by_rule().contains(&name) {
            self.case
                .facts
                .ledger
                .acts
                .entry(name)
                .or_default()
                .push(ending);
        }
    }

    fn ending(&self, how: How) -> Ending {
        Ending {
            how,
            at: self.event.occurred_at,
            by: self.event.id,
        }
    }

    /// Deadlines that another one's rule starts at the end of its due day.
    fn started_by_rule(&self) -> Vec<DeadlineName> {
        let packs = self.case.packs().filter_map(|id| self.rules.packs.get(id));
        let started = packs
            .flat_map(|pack| pack.rules())
            .filter_map(|rule| rule.then.as_deref());
        started.map(DeadlineName::from).collect()
    }
}
