//! Sample cases in different states, made by the events that would have made them. All fictitious.

use concordat_domain::calendar::{local_date, london};
use jiff::Timestamp;
use jiff::civil::time;
use serde_json::{Value, json};

use super::cast::{BOARD, COUNCIL, TRUST};
use super::clock::{working_days_after, working_days_before};
use crate::exit::Failure;

/// What a sample case shows.
#[derive(Debug, Clone, Copy)]
pub(super) struct Kind {
    /// Short name, stable.
    pub(super) name: &'static str,
    /// What is special about it.
    pub(super) shows: &'static str,
    /// Codes of those who can read it.
    pub(super) seen_by: &'static [&'static str],
    make: fn(&mut Script) -> Result<(), Failure>,
}

/// The kinds of sample cases, in the order in which they are made.
pub(super) const KINDS: [Kind; 6] = [
    Kind {
        name: "overdue",
        shows: "investigating; the council's part of the answer is overdue",
        seen_by: &[TRUST, COUNCIL],
        make: overdue,
    },
    Kind {
        name: "lead-in-dispute",
        shows: "the council disputes that it should lead; trust and board take part, too",
        seen_by: &[TRUST, COUNCIL, BOARD],
        make: lead_in_dispute,
    },
    Kind {
        name: "waiting-for-consent",
        shows: "the trust waits for the person's consent; nobody else may know of it",
        seen_by: &[TRUST],
        make: waiting_for_consent,
    },
    Kind {
        name: "closed-with-learning",
        shows: "answered together, promised action verified, learning shared, closed",
        seen_by: &[TRUST, COUNCIL],
        make: closed_with_learning,
    },
    Kind {
        name: "withdrawn",
        shows: "the person withdrew the complaint",
        seen_by: &[TRUST],
        make: withdrawn,
    },
    Kind {
        name: "just-arrived",
        shows: "arrived at the council a moment ago; to be acknowledged within three working days",
        seen_by: &[COUNCIL],
        make: just_arrived,
    },
];

/// One event of a sample case.
#[derive(Debug)]
pub(super) struct Act {
    /// When it happens.
    pub(super) at: Timestamp,
    /// Which sample case it belongs to.
    pub(super) case: usize,
    /// Code of the organisation that acts.
    pub(super) who: &'static str,
    /// Type of the event.
    pub(super) event: &'static str,
    /// Its fields, as the domain names them.
    pub(super) fields: Value,
}

/// What happens on so many sample cases until `now`, in order; the kinds repeat, each time a working day earlier.
pub(super) fn acts(cases: usize, now: Timestamp) -> Result<Vec<Act>, Failure> {
    let mut acts = Vec::new();
    for case in 0..cases {
        let mut script = Script {
            now,
            case,
            earlier: u32::try_from(case / KINDS.len()).unwrap_or(u32::MAX),
            acts: Vec::new(),
        };
        (kind(case).make)(&mut script)?;
        acts.append(&mut script.acts);
    }
    acts.sort_by_key(|act| act.at);
    Ok(acts)
}

/// The kind of a sample case.
pub(super) fn kind(case: usize) -> &'static Kind {
    &KINDS[case % KINDS.len()]
}

/// One case as it is written.
struct Script {
    now: Timestamp,
    case: usize,
    earlier: u32,
    acts: Vec<Act>,
}

impl Script {
    /// The day so many working days before today.
    fn day(&self, before: u32) -> Result<String, Failure> {
        let before = before + self.earlier;
        Ok(working_days_before(local_date(self.now), before)?.to_string())
    }

    /// The day so many working days after today.
    fn coming(&self, after: u32) -> Result<String, Failure> {
        Ok(working_days_after(local_date(self.now), after)?.to_string())
    }

    /// An event at an hour of a past working day.
    fn on(
        &mut self,
        before: u32,
        hour: i8,
        who: &'static str,
        event: &'static str,
        fields: Value,
    ) -> Result<(), Failure> {
        let day = working_days_before(local_date(self.now), before + self.earlier)?;
        let at = day
            .to_datetime(time(hour, 0, 0, 0))
            .to_zoned_datetime(london());
        let at = at.map_err(anyhow::Error::from)?.timestamp();
        self.at(at.min(self.now), who, event, fields);
        Ok(())
    }

    fn at(&mut self, at: Timestamp, who: &'static str, event: &'static str, fields: Value) {
        self.acts.push(Act {
            at,
            case: self.case,
            who,
            event,
            fields,
        });
    }

    fn person(&self) -> String {
        format!("p-{}", self.case + 1)
    }

    fn received(
        &mut self,
        before: u32,
        who: &'static str,
        nature: &str,
        named: &[&str],
    ) -> Result<(), Failure> {
        let day = self.day(before)?;
        let fields = self.complaint(nature, named, &day);
        self.on(before, 9, who, "complaint-received", fields)
    }

    fn complaint(&self, nature: &str, named: &[&str], day: &str) -> Value {
        let person = self.person();
        json!({"policy": "eng-2009", "protocol": "joint-example-v1", "channel": "email", "complainant_ref": person, "subject_ref": person,
            "nature": nature, "orgs_named": named, "matter_known_on": day, "received_on": day, "screened_on": day})
    }

    fn acknowledged(&mut self, before: u32, who: &'static str) -> Result<(), Failure> {
        self.on(
            before,
            10,
            who,
            "complaint-acknowledged",
            json!({"method": "letter", "discussion_offered": true,
            "advocacy_signposted": true, "reassured_no_detriment": true}),
        )
    }

    fn consent_requested(&mut self, before: u32, of: &[&str]) -> Result<(), Failure> {
        self.on(before, 11, TRUST, "consent-requested",
            json!({"orgs": of, "form": "joint", "explained": ["coordinated", "single-contact", "single-response"]}))
    }

    /// Consent for these, who are added on the same day.
    fn shared(&mut self, before: u32, with: &[&str]) -> Result<(), Failure> {
        let person = self.person();
        self.on(before, 10, TRUST, "consent-granted",
            json!({"given_by": person, "orgs": with, "issues": "all", "learning": true, "evidence_ref": "doc-1"}))?;
        for organisation in with {
            self.on(
                before,
                12,
                TRUST,
                "participant-added",
                json!({"participant": organisation, "why_code": "issue-owner"}),
            )?;
        }
        Ok(())
    }

    fn joined(&mut self, before: u32, who: &'static str) -> Result<(), Failure> {
        self.on(
            before,
            10,
            who,
            "participant-joined",
            json!({"responsible_person": "chief-executive"}),
        )
    }

    /// From the first word to a plan of two strands, due on a day: about 14 working days.
    fn planned(&mut self, begin: u32, strands_due: &str, answer_due: &str) -> Result<(), Failure> {
        self.received(
            begin,
            TRUST,
            "discharged without the agreed home care",
            &[TRUST, COUNCIL],
        )?;
        self.acknowledged(begin - 1, TRUST)?;
        self.consent_requested(begin - 1, &[COUNCIL])?;
        self.shared(begin - 4, &[COUNCIL])?;
        self.joined(begin - 5, COUNCIL)?;
        self.on(begin - 6, 10, TRUST, "lead-proposed",
            json!({"lead": TRUST, "reason": "greatest-responsibility", "complainant_view": "content"}))?;
        self.on(
            begin - 7,
            9,
            COUNCIL,
            "lead-accepted",
            json!({"lead": TRUST}),
        )?;
        self.on(
            begin - 7,
            10,
            TRUST,
            "lead-agreed",
            json!({"lead": TRUST, "accepted_by": [COUNCIL]}),
        )?;
        self.on(
            begin - 8,
            10,
            TRUST,
            "named-contact-assigned",
            json!({"contact": "staff-11", "details_sent": true}),
        )?;
        self.on(begin - 9, 10, TRUST, "issues-agreed", json!({"issues": [{"id": "I1"}, {"id": "I2"}], "desired_outcomes": [{"id": "D1"}],
            "issue_texts": [{"id": "I1", "text": "discharge decision"}, {"id": "I2", "text": "no visit for three days"}],
            "desired_outcome_texts": [{"id": "D1", "text": "explanation"}], "agreed_with_complainant": "yes"}))?;
        self.on(
            begin - 11,
            10,
            TRUST,
            "response-period-set",
            json!({"mode": "agreed", "date": answer_due}),
        )?;
        let strand =
            |org: &str, issue: &str| json!({"org": org, "issues": [issue], "due": strands_due});
        self.on(begin - 13, 10, TRUST, "plan-agreed", json!({"strands": [strand(TRUST, "I1"), strand(COUNCIL, "I2")],
            "agreed_by": [TRUST, COUNCIL], "discussed_with_complainant": true, "local_procedures": [COUNCIL]}))
    }

    fn strand_of_the_trust(&mut self, before: u32) -> Result<(), Failure> {
        self.on(before, 10, TRUST, "strand-submitted",
            json!({"findings": [{"issue": "I1", "outcome": "partly-upheld"}], "actions": [], "authorised_by": "med-director"}))
    }

    fn updated(&mut self, before: u32) -> Result<(), Failure> {
        self.on(
            before,
            14,
            TRUST,
            "complainant-updated",
            json!({"method": "telephone"}),
        )
    }
}

fn overdue(script: &mut Script) -> Result<(), Failure> {
    let (strands, answer) = (script.day(6)?, script.coming(20)?);
    script.planned(40, &strands, &answer)?;
    script.updated(16)?;
    script.strand_of_the_trust(8)?;
    script.updated(5)
}

fn lead_in_dispute(script: &mut Script) -> Result<(), Failure> {
    script.received(
        8,
        TRUST,
        "aftercare was not arranged",
        &[TRUST, COUNCIL, BOARD],
    )?;
    script.acknowledged(7, TRUST)?;
    script.consent_requested(7, &[COUNCIL, BOARD])?;
    script.shared(4, &[COUNCIL, BOARD])?;
    script.joined(3, COUNCIL)?;
    script.joined(3, BOARD)?;
    script.on(2, 10, TRUST, "lead-proposed",
        json!({"lead": COUNCIL, "reason": "greatest-responsibility", "complainant_view": "no-preference"}))?;
    script.on(
        1,
        10,
        COUNCIL,
        "lead-disputed",
        json!({"proposed": COUNCIL, "counter": TRUST, "why": "the aftercare plan is the trust's"}),
    )
}

fn waiting_for_consent(script: &mut Script) -> Result<(), Failure> {
    script.received(
        3,
        TRUST,
        "hospital transport and a missed visit",
        &[TRUST, COUNCIL],
    )?;
    script.acknowledged(2, TRUST)?;
    script.consent_requested(2, &[COUNCIL])
}

fn closed_with_learning(script: &mut Script) -> Result<(), Failure> {
    let (strands, answer, action) = (script.day(50)?, script.day(40)?, script.day(15)?);
    script.planned(80, &strands, &answer)?;
    script.updated(58)?;
    script.strand_of_the_trust(52)?;
    script.on(51, 10, COUNCIL, "strand-submitted", json!({"findings": [{"issue": "I2", "outcome": "upheld"}],
        "actions": [{"id": "A1", "owner": "svc-mgr", "target": action}], "authorised_by": "director-asc",
        "action_texts": [{"id": "A1", "text": "weekend cover for the brokerage"}]}))?;
    script.on(
        49,
        10,
        TRUST,
        "draft-circulated",
        json!({"version": 1, "to": [COUNCIL], "shared_with_complainant": true}),
    )?;
    script.on(
        47,
        10,
        COUNCIL,
        "draft-commented",
        json!({"version": 1, "result": "agreed"}),
    )?;
    script.on(
        43,
        10,
        TRUST,
        "response-signed-off",
        json!({"version": 1, "signed_by": "chief-executive", "role": "responsible-person"}),
    )?;
    script.on(42, 10, TRUST, "response-issued", json!({"version": 1, "overall_outcome": "partly-upheld", "ombudsman": ["PHSO", "LGSCO"],
        "actions": [{"id": "A1", "org": COUNCIL, "owner": "svc-mgr", "target": action, "authorised_by": "director-asc"}],
        "findings": [{"issue": "I1", "org": TRUST, "outcome": "partly-upheld"}, {"issue": "I2", "org": COUNCIL, "outcome": "upheld"}],
        "desired_outcomes": [{"id": "D1", "result": "part"}], "action_confirmation": "proposed",
        "how_considered": "records, statements and the person's account", "conclusion": "as set out for each issue"}))?;
    script.on(
        20,
        10,
        COUNCIL,
        "action-completed",
        json!({"action": "A1", "evidence_ref": "doc-20"}),
    )?;
    script.on(
        19,
        10,
        TRUST,
        "complainant-told-of-action",
        json!({"action": "A1", "evidence_shared": "yes"}),
    )?;
    script.on(
        17,
        10,
        TRUST,
        "action-verified",
        json!({"action": "A1", "result": "verified", "by_post": "complaints-manager"}),
    )?;
    script.on(
        14,
        10,
        TRUST,
        "learning-shared",
        json!({"audience": ["network"], "anonymised": true, "themes": ["discharge"],
        "text": "who arranges the first visit is now written into the discharge plan"}),
    )?;
    script.on(
        13,
        10,
        TRUST,
        "case-closed",
        json!({"reason": "responded", "root_cause": "handover"}),
    )
}

fn withdrawn(script: &mut Script) -> Result<(), Failure> {
    script.received(15, TRUST, "parking at the outpatients' entrance", &[TRUST])?;
    script.acknowledged(14, TRUST)?;
    let (person, day) = (script.person(), script.day(10)?);
    script.on(
        10,
        10,
        TRUST,
        "complaint-withdrawn",
        json!({"said_by": person, "on": day, "carry_on_internally": false, "complainants_left": 0}),
    )
}

fn just_arrived(script: &mut Script) -> Result<(), Failure> {
    let now = script.now;
    let day = local_date(now).to_string();
    let fields = script.complaint(
        "two home visits were missed at the weekend",
        &[COUNCIL],
        &day,
    );
    script.at(now, COUNCIL, "complaint-received", fields);
    Ok(())
}
