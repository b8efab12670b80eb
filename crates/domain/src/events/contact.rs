//! The named contact, and meetings (domain brief B1, B3).

use jiff::civil::Date;

use super::cooperation::CooperationDuty;
use super::read::{Content, elements, fields};
use super::row::{EventRules, Who, meets, row};
use crate::case::{Change, From};
use crate::ids::OrganisationId;

elements! {
    /// A body that was represented at a meeting.
    Representation { must org: OrganisationId, may by_post: String }
    /// What a body brought to a meeting.
    InformationGiven { must org: OrganisationId, may r#ref: String }
}

fields! {
    /// The person has another contact.
    NamedContactChanged {
        must from: String,
        must to: String,
        must details_sent_on: Date,
        may why: Content,
    }
}

impl EventRules for NamedContactChanged {
    row! { NamedContactChanged {
        who: [Who::Keeper],
        from: [From::Open, From::Done],
        covers: ["000-22"],
        summary: "The person has another named contact and got the details (J-06).",
    }}
}

fields! {
    /// A meeting was arranged (E-11).
    MeetingScheduled {
        must meeting: String,
        must when: Date,
        must invited: Vec<OrganisationId>,
        may place: Content,
    }
}

impl EventRules for MeetingScheduled {
    row! { MeetingScheduled {
        who: [Who::Keeper],
        from: [From::Open],
        covers: ["000-10", "000-28"],
        summary: "A meeting was arranged; those invited attend or are represented (E-11).",
    }}

    fn apply(&self, change: &mut Change<'_>) {
        let meetings = &mut change.case.facts.cooperation.meetings;
        let invited = meetings.entry(self.meeting.clone()).or_default();
        invited.extend(self.invited.iter().cloned());
    }
}

fields! {
    /// A meeting took place (E-11).
    MeetingHeld {
        must meeting: String,
        must attended: Vec<OrganisationId>,
        may represented: Vec<Representation>,
        may apologies: Vec<OrganisationId>,
        may information_provided: Vec<InformationGiven>,
        may notes_ref: String,
    }
}

impl EventRules for MeetingHeld {
    row! { MeetingHeld {
        who: [Who::Keeper],
        from: [From::Open, From::Done],
        deadlines: [meets("dissatisfied-review")],
        covers: ["000-10"],
        summary: "A meeting took place; who neither came nor was represented has a mark (E-11).",
    }}

    fn apply(&self, change: &mut Change<'_>) {
        change.case.facts.standing.dissatisfied = false;
        let invited = change
            .case
            .facts
            .cooperation
            .meetings
            .remove(&self.meeting)
            .unwrap_or_default();
        for body in invited.iter().filter(|body| !self.had(body)) {
            change.mark(body, CooperationDuty::Meeting);
        }
        // A list of what was brought that is left out says nothing about what was not.
        let Some(brought) = &self.information_provided else {
            return;
        };
        let keeper = change.actor().clone();
        for body in invited
            .iter()
            .filter(|body| self.had(body) && **body != keeper)
        {
            if !brought.iter().any(|one| one.org == *body) {
                change.mark(body, CooperationDuty::Information);
            }
        }
    }
}

impl MeetingHeld {
    /// Whether a body came or was represented.
    fn had(&self, body: &OrganisationId) -> bool {
        let represented = self.represented.iter().flatten();
        self.attended.contains(body) || represented.into_iter().any(|one| one.org == *body)
    }
}
