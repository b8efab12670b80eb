//! Consent and routing: who may be told, and where the complaint goes (domain brief B2).

use std::collections::BTreeSet;

use jiff::civil::Date;

use super::read::{Content, Issues, codes, fields};
use super::row::{EventRules, Scene, Who, ends, meets, moves, row, starts};
use crate::case::{
    Case, Change, ConsentStanding, DeadlineName, From, Lateness, Progress, Request, State,
};
use crate::ids::OrganisationId;
use crate::judge::Reason;
use crate::policy::Regime;
use crate::timetable::due_of;

codes! {
    /// What consent is asked for.
    Purpose { Joint = "joint", PassOn = "pass-on", HandOver = "hand-over", ProviderDetails = "provider-details" }
    /// How much of the consent is withdrawn.
    WithdrawnScope {
        All = "all", Orgs = "orgs", Issues = "issues", Categories = "categories", Learning = "learning",
    }
    /// Why a body will not take a complaint passed to it.
    TransferRefusal {
        NotOurs = "not-ours", AlreadyHeld = "already-held", NoContract = "no-contract", Other = "other",
    }
}

/// Reasons that keep any consent from being asked or recorded: E-13 undecided, authority wanting (E-03).
fn may_ask(case: &Case) -> Result<(), Reason> {
    if case.facts.receipt.late == Lateness::Undecided {
        return Err(Reason::LateComplaintNotDecided);
    }
    if case.facts.standing.authority_pending {
        return Err(Reason::AuthorityPending);
    }
    if case.facts.standing.authority_refused {
        return Err(Reason::AuthorityNotSatisfied);
    }
    Ok(())
}

fields! {
    /// The person was asked for consent (J-02 to J-04).
    ConsentRequested {
        must orgs: Vec<OrganisationId>,
        must explained: Vec<String>,
        may purpose: Purpose,
        may form: String,
        may complainant_ref: String,
    }
}

impl EventRules for ConsentRequested {
    row! { ConsentRequested {
        who: [Who::Keeper],
        from: [
            From::In(State::Received), From::In(State::ConsentRefused), From::Joining, From::In(State::Planning),
            From::In(State::Investigating), From::Care, From::Staged,
        ],
        deadlines: [starts("consent-reply"), meets("triage")],
        reasons: [Reason::LateComplaintNotDecided, Reason::AuthorityPending, Reason::AuthorityNotSatisfied],
        covers: ["000-15", "000-17 by form", "000-19 by explained", "001-2 by purpose", "003-1", "E-07 by purpose"],
        summary: "The person was asked whether the complaint may be shared, and told what for (J-02 to J-04).",
    }}

    fn incomplete(&self, case: Option<&Case>) -> Option<&'static str> {
        let english = case.is_some_and(|case| case.regime() == Regime::Eng);
        let all_three = ["coordinated", "single-contact", "single-response"];
        let told_all = all_three
            .iter()
            .all(|purpose| self.explained.iter().any(|told| told == purpose));
        (english && !told_all).then_some("explained")
    }

    fn refuse(&self, scene: &Scene<'_>) -> Result<(), Reason> {
        may_ask(scene.case)
    }

    fn apply(&self, change: &mut Change<'_>) {
        let purpose = self.purpose.unwrap_or(Purpose::Joint).code().to_owned();
        change.case.facts.consent.request = Some(Request {
            orgs: self.orgs.clone(),
            purpose,
        });
        if matches!(change.case.state(), State::Received | State::ConsentRefused) {
            change.enter(State::AwaitingConsent);
        }
    }
}

fields! {
    /// The person agreed (J-04).
    ConsentGranted {
        must given_by: String,
        must orgs: Vec<OrganisationId>,
        must issues: Issues,
        must learning: bool,
        must evidence_ref: String,
        may categories: Vec<String>,
        may excluded_orgs: Vec<OrganisationId>,
        may expires: Date,
    }
}

impl EventRules for ConsentGranted {
    row! { ConsentGranted {
        who: [Who::Keeper],
        from: [
            From::In(State::Received), From::In(State::AwaitingConsent), From::In(State::ConsentRefused),
            From::Joining, From::Work, From::Care, From::In(State::Stage1), From::In(State::Stage1Answered),
            From::In(State::Stage2),
        ],
        deadlines: [
            meets("consent-reply"),
            ends("signpost"),
            meets("triage"),
            starts("lead-agreement").only("bodies are to agree a lead"),
            starts("send-details").only("asked for sending details to a provider"),
            starts("consent-expiry").only("the person set a last day"),
        ],
        reasons: [Reason::LateComplaintNotDecided, Reason::AuthorityPending, Reason::AuthorityNotSatisfied],
        covers: ["000-17 by learning"],
        summary: "The person agreed that these bodies may be told (J-04).",
    }}

    fn covers(&self) -> &[OrganisationId] {
        &self.orgs
    }

    fn refuse(&self, scene: &Scene<'_>) -> Result<(), Reason> {
        may_ask(scene.case)
    }

    fn apply(&self, change: &mut Change<'_>) {
        self.widen(change);
        if let Some(last) = self.expires {
            change.start_on("consent-expiry", last);
        }
        let request = change.case.facts.consent.request.as_ref();
        let purpose = request
            .map_or("joint", |request| &request.purpose)
            .to_owned();
        if purpose == Purpose::ProviderDetails.code() {
            change.start("send-details");
        }
        let waiting = [
            State::Received,
            State::AwaitingConsent,
            State::ConsentRefused,
        ];
        if !waiting.contains(&change.case.state()) {
            return;
        }
        match purpose.as_str() {
            "pass-on" => change.enter(State::PassingOn),
            "hand-over" | "provider-details" => change.enter(State::Received),
            _ => {
                change.enter(State::AgreeingLead);
                change.case.facts.roles.joint = true;
                change.start("lead-agreement");
            }
        }
    }
}

impl ConsentGranted {
    fn widen(&self, change: &mut Change<'_>) {
        let consent = &mut change.case.facts.consent;
        let first = !consent.granted;
        consent.granted = true;
        consent
            .learning
            .insert(self.given_by.clone(), self.learning);
        consent.expires = self.expires;
        consent
            .excluded
            .extend(self.excluded_orgs.iter().flatten().cloned());
        for org in &self.orgs {
            consent.grant(&self.given_by, org, self.categories.as_ref());
            consent.excluded.remove(org);
        }
        match &self.issues {
            Issues::All => consent.issues = None,
            Issues::Only(issues) if first => {
                consent.issues = Some(issues.iter().cloned().collect())
            }
            Issues::Only(issues) => consent
                .issues
                .iter_mut()
                .for_each(|agreed| agreed.extend(issues.iter().cloned())),
        }
    }
}

fields! {
    /// The person refused.
    ConsentRefused { must given_by: String, may orgs: Vec<OrganisationId>, may reason: Content }
}

impl EventRules for ConsentRefused {
    row! { ConsentRefused {
        who: [Who::Keeper],
        from: [From::In(State::Received), From::In(State::AwaitingConsent)],
        deadlines: [meets("consent-reply"), starts("signpost")],
        summary: "The person refused; the receiver signposts and answers its own part (J-02, Q15).",
    }}

    fn apply(&self, change: &mut Change<'_>) {
        let moment = change.moment();
        let consent = &mut change.case.facts.consent;
        let asked = consent
            .request
            .iter()
            .flat_map(|request| request.orgs.clone());
        let refused: Vec<_> = self.orgs.clone().unwrap_or_else(|| asked.collect());
        for org in refused {
            consent.restricted.insert(org.clone(), moment.clone());
            consent.bodies.insert(org, ConsentStanding::Refused);
        }
        change.enter(State::ConsentRefused);
    }
}

fields! {
    /// The person did not answer in time.
    ConsentLapsed { must attempts: u32, may last_attempt_on: Date }
}

impl EventRules for ConsentLapsed {
    row! { ConsentLapsed {
        who: [Who::Keeper],
        from: [From::In(State::AwaitingConsent)],
        deadlines: [ends("consent-reply"), starts("signpost")],
        reasons: [Reason::NotDue],
        summary: "No answer came in time; a later grant is welcome.",
    }}

    fn refuse(&self, scene: &Scene<'_>) -> Result<(), Reason> {
        let reply = scene
            .case
            .facts
            .ledger
            .running(&DeadlineName::from("consent-reply"));
        let due = reply.and_then(|occurrence| due_of(scene.case, occurrence, scene.rules));
        let over = due.is_none_or(|due| Case::day_of(scene.event) > due);
        if over { Ok(()) } else { Err(Reason::NotDue) }
    }

    fn apply(&self, change: &mut Change<'_>) {
        change.enter(State::ConsentRefused);
    }
}

fields! {
    /// The person took consent back, wholly or in part (Q13).
    ConsentWithdrawn {
        must given_by: String,
        must orgs: Vec<OrganisationId>,
        must from: Date,
        may scope: WithdrawnScope,
        may issues: Vec<String>,
        may reason: Content,
    }
}

impl EventRules for ConsentWithdrawn {
    row! { ConsentWithdrawn {
        who: [Who::Party],
        from: [From::Any],
        deadlines: [
            ends("strand:<org>").only("of the bodies withdrawn"),
            starts("notify-withdrawal").only("a body withdrawn is in the case"),
        ],
        covers: ["002-1.6 by reason"],
        summary: "The scope shrinks at once; what was lawfully shared stays (D-01, Q13).",
    }}

    fn apply(&self, change: &mut Change<'_>) {
        let moment = change.moment();
        let consent = &mut change.case.facts.consent;
        let bodies: BTreeSet<OrganisationId> = match self.scope {
            Some(WithdrawnScope::Learning) => {
                consent.learning.insert(self.given_by.clone(), false);
                return;
            }
            Some(WithdrawnScope::All) => consent.granted_bodies(),
            Some(WithdrawnScope::Issues) => {
                self.narrow_issues(change);
                return self.notify(change, &self.orgs);
            }
            // The event does not say which, so until a new grant says otherwise no class of data is agreed to as a whole.
            Some(WithdrawnScope::Categories) => {
                for org in &self.orgs {
                    consent.categories.insert(org.clone(), BTreeSet::new());
                }
                return self.notify(change, &self.orgs);
            }
            Some(WithdrawnScope::Orgs) | None => self.orgs.iter().cloned().collect(),
        };
        for org in &bodies {
            consent.withdraw(&self.given_by, org);
            consent.restricted.insert(org.clone(), moment.clone());
        }
        for org in &bodies {
            change.end(DeadlineName::of("strand", org));
            if let Some(strand) = change.case.facts.work.strands.get_mut(org)
                && strand.progress == Progress::Open
            {
                strand.progress = Progress::Ended;
            }
        }
        self.notify(change, &bodies);
    }
}

impl ConsentWithdrawn {
    fn narrow_issues(&self, change: &mut Change<'_>) {
        let facts = &mut change.case.facts;
        let known = facts
            .issues
            .iter()
            .flat_map(|issues| issues.keys().cloned());
        let agreed = facts
            .consent
            .issues
            .clone()
            .unwrap_or_else(|| known.collect());
        let withdrawn: BTreeSet<_> = self.issues.iter().flatten().cloned().collect();
        facts.consent.issues = Some(agreed.difference(&withdrawn).cloned().collect());
    }

    fn notify<'o>(
        &self,
        change: &mut Change<'_>,
        bodies: impl IntoIterator<Item = &'o OrganisationId>,
    ) {
        let told = |org: &OrganisationId| change.case.is_party(org) || change.case.is_invitee(org);
        if bodies.into_iter().any(told) {
            change.start("notify-withdrawal");
        }
    }
}

fields! {
    /// A body leaves the case at the keeper's word.
    ParticipantRemoved {
        must participant: OrganisationId,
        must stop_processing: bool,
        must return_or_delete: bool,
        must retains_own_records: bool,
        may why_code: String,
    }
}

impl EventRules for ParticipantRemoved {
    row! { ParticipantRemoved {
        who: [Who::Keeper],
        from: [From::Open, From::Done],
        deadlines: [meets("notify-withdrawal"), ends("join:<org>").only("of the body removed")],
        summary: "A body leaves and is told what to do with what it holds; its view ends here (Q13).",
    }}

    fn apply(&self, change: &mut Change<'_>) {
        change.leave(&self.participant);
        change.end(DeadlineName::of("join", &self.participant));
    }
}

fields! {
    /// The person was told where to go (J-02).
    ComplainantSignposted {
        must orgs: Vec<OrganisationId>,
        must contacts: Content,
        must advocacy: bool,
        may issues: Vec<String>,
        may whole: bool,
        may explained: Vec<String>,
        may format: String,
    }
}

impl EventRules for ComplainantSignposted {
    row! { ComplainantSignposted {
        who: [Who::Keeper],
        from: [
            From::In(State::Received), From::In(State::ConsentRefused), From::Joining, From::In(State::Planning),
            From::In(State::Investigating), From::Care,
        ],
        deadlines: [meets("signpost"), starts("named-contact").only("own part, from consent-refused")],
        covers: ["000-16"],
        summary: "The person was told where to go for what is not answered here (J-02).",
    }}

    fn apply(&self, change: &mut Change<'_>) {
        // Met before everything else ends, so that signposting itself is not shown as no longer owed.
        change.meet("signpost");
        if self.whole == Some(true) {
            change.enter(State::Signposted);
            change.end_all_but(&["acknowledge", "ombudsman-limit"]);
        } else if change.case.state() == State::ConsentRefused {
            change.plan_alone();
        }
    }
}

fields! {
    /// The complaint was sent to the body it belongs to (E-06).
    ComplaintPassedOn {
        must to: OrganisationId,
        must method: String,
        must complainant_told: bool,
        may to_procedure: String,
        may details_ref: String,
    }
}

impl EventRules for ComplaintPassedOn {
    row! { ComplaintPassedOn {
        who: [Who::Keeper],
        from: [From::In(State::Received), From::In(State::PassingOn)],
        reasons: [Reason::NoConsent, Reason::ConsentScopeExceeded, Reason::AuthorityPending],
        covers: ["000-15", "001-3", "002-2.8 by to_procedure", "004-17a"],
        summary: "The complaint was sent to the body it belongs to; the sender's acknowledgement stays owed (E-06).",
    }}

    fn refuse(&self, scene: &Scene<'_>) -> Result<(), Reason> {
        let facts = &scene.case.facts;
        facts
            .consent
            .allows(&self.to, [], Case::day_of(scene.event))?;
        facts.standing.authority_checked()
    }

    fn apply(&self, change: &mut Change<'_>) {
        change.case.facts.roles.passed_to = Some(self.to.clone());
        change.enter(State::PassedOn);
    }
}

fields! {
    /// The second body took the complaint (E-06, E-16).
    ComplaintAccepted { must received_on: Date, must first_received_on: Date, may own_ref: String }
}

impl EventRules for ComplaintAccepted {
    row! { ComplaintAccepted {
        who: [Who::Owner],
        from: [From::In(State::PassedOn)],
        deadlines: [starts("acknowledge:<org>"), moves("relevant-period"), ends("triage")],
        covers: ["001-3", "J-15"],
        summary: "The target took the complaint, which is deemed made to it; its clock runs from its receipt (E-06, E-16).",
    }}

    fn is_owner(&self, case: &Case, actor: &OrganisationId) -> bool {
        case.facts.roles.passed_to.as_ref() == Some(actor)
    }

    fn apply(&self, change: &mut Change<'_>) {
        let target = change.actor().clone();
        let facts = &mut change.case.facts;
        let first = std::mem::replace(&mut facts.roles.receiver, target.clone());
        // E-16: the first body's own acknowledgement does not pass to the new keeper.
        for occurrence in &mut facts.ledger.occurrences {
            if occurrence.name.rule() == "acknowledge" {
                occurrence.follows_keeper = false;
            }
        }
        facts.roles.former_receivers.insert(first);
        facts.roles.former_receivers.remove(&target);
        facts.roles.passed_to = None;
        facts.roles.members.remove(&target);
        facts.receipt.received_on = Some(self.received_on);
        change.hand_to(&target);
        change.enter(State::Received);
        change.start_from_for("acknowledge", &target, self.received_on);
        change.move_from("relevant-period", self.received_on);
    }
}

fields! {
    /// The second body will not take the complaint.
    TransferDeclined { must why_code: TransferRefusal, may why: Content, may suggests: Vec<OrganisationId> }
}

impl EventRules for TransferDeclined {
    row! { TransferDeclined {
        who: [Who::Owner],
        from: [From::In(State::PassedOn)],
        summary: "The target will not take the complaint, which stays with the first body.",
    }}

    fn is_owner(&self, case: &Case, actor: &OrganisationId) -> bool {
        case.facts.roles.passed_to.as_ref() == Some(actor)
    }

    fn apply(&self, change: &mut Change<'_>) {
        change.case.facts.roles.passed_to = None;
        change.enter(State::Received);
    }
}
