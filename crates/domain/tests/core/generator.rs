//! Plausible events for random histories: made from the rows, so that a new event takes part without anybody's doing.

use concordat_domain::events::{FieldSpec, Kind, Need, row};
use concordat_domain::ids::{EventId, OrganisationId};
use concordat_domain::{Event, EventType, timetable};
use jiff::ToSpan;
use jiff::civil::{Date, DateTime};
use serde_json::{Map, Value, json};

use crate::world::*;

/// Who takes part in random histories.
pub(crate) const BODIES: [&str; 5] = [TRUST, COUNCIL, OTHER_TRUST, "ods:ZCP01", "ods:ZGP01"];
/// The issues that are agreed, named in plans and answered.
const ISSUES: [&str; 3] = ["I1", "I2", "I3"];

/// Events by which cases get on: drawn more often.
const ONWARD: [EventType; 25] = [
    EventType::ConsentRequested,
    EventType::ConsentGranted,
    EventType::ParticipantAdded,
    EventType::ParticipantJoined,
    EventType::LeadProposed,
    EventType::LeadAccepted,
    EventType::LeadAgreed,
    EventType::IssuesAgreed,
    EventType::ResponsePeriodSet,
    EventType::ResponsePeriodAmended,
    EventType::PlanAgreed,
    EventType::StrandSubmitted,
    EventType::DraftCirculated,
    EventType::DraftCommented,
    EventType::ResponseSignedOff,
    EventType::ResponseIssued,
    EventType::ActionCompleted,
    EventType::ComplainantToldOfAction,
    EventType::ActionVerified,
    EventType::DiscussionHeld,
    EventType::HandlingDecided,
    EventType::ProviderResponseIssued,
    EventType::ImpasseEscalated,
    EventType::ImpasseUnresolved,
    EventType::PartialResponseIssued,
];

/// Events that end cases or take bodies out: drawn seldom, so that there is something left to end.
const ENDING: [EventType; 10] = [
    EventType::CasesMerged,
    EventType::ComplainantSignposted,
    EventType::ComplaintPassedOn,
    EventType::ComplaintWithdrawn,
    EventType::ConsentWithdrawn,
    EventType::ExclusionDecided,
    EventType::ParticipantRemoved,
    EventType::PersonStatusChanged,
    EventType::PersonalDataErased,
    EventType::RepresentativeRefused,
];

/// What somebody tries to publish.
#[derive(Debug, Clone)]
pub(crate) struct Attempt {
    pub(crate) at: DateTime,
    pub(crate) author: &'static str,
    pub(crate) event_type: EventType,
    pub(crate) fields: Value,
    pub(crate) number: u64,
}

impl Attempt {
    /// The event, as its author would publish it on this log. Its id is that of the attempt, the same on every log.
    pub(crate) fn event(&self, log: &Log<'_>) -> Event {
        let at = self.at.to_string();
        let kind = self.event_type.to_string();
        let mut event = log.event(&at, self.author, &kind, &self.fields.to_string());
        event.id = id(self.number);
        event
    }
}

/// The id of an attempt: apart from those that a log draws by itself.
fn id(number: u64) -> EventId {
    let mut id = [0; 16];
    id[0] = 1;
    id[8..].copy_from_slice(&number.to_be_bytes());
    EventId(id)
}

/// Draws attempts from a seed, always the same ones for the same seed and the same course of the case.
pub(crate) struct Generator {
    seed: u64,
    now: DateTime,
    number: u64,
}

impl Generator {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            seed,
            now: "2026-02-09T10:00".parse().expect("a time"),
            number: 0,
        }
    }

    /// SplitMix64: every seed is as good as any other.
    fn draw(&mut self) -> u64 {
        self.seed = self.seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.seed ^ (self.seed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, n: usize) -> usize {
        let n = u64::try_from(n.max(1)).expect("small");
        usize::try_from(self.draw() % n).expect("small")
    }

    fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }

    /// The complaint that opens the case.
    pub(crate) fn opener(&mut self) -> Attempt {
        let author = self.one_of(&BODIES[..4]);
        let policy = self.one_of(&["eng-2009", "eng-2009", "eng-ph-2012", "eng-children-2006"]);
        let known = self.chance(50).then(|| self.days_ago(400));
        let mut fields = json!({"policy": policy, "protocol": "joint-example-v1", "channel": "email",
            "complainant_ref": "p-1", "received_on": self.now.date(), "screened_on": self.now.date(), "nature": "n"});
        if let Some(known) = known {
            fields["matter_known_on"] = json!(known);
        }
        if self.chance(30) {
            fields["commissioner"] = json!(COUNCIL);
        }
        self.attempt(author, EventType::ComplaintReceived, fields)
    }

    /// What somebody tries next: most often something that role and state allow.
    pub(crate) fn next(&mut self, log: &Log<'_>) -> Attempt {
        let hours = i64::try_from(1 + self.below(48)).expect("small");
        self.now = self.now.checked_add(hours.hours()).expect("within range");
        let case = log.open_case();
        let inside: Vec<_> = BODIES
            .into_iter()
            .filter(|body| case.is_party(&org(body)) || case.is_invitee(&org(body)))
            .collect();
        let author = if self.chance(4) {
            self.one_of(&BODIES)
        } else {
            self.one_of(&inside)
        };
        let allowed = case.next_event_types(&org(author), &log.rules());
        let event_type = if allowed.is_empty() || self.chance(5) {
            self.one_of(EventType::ALL)
        } else {
            self.weighted(&allowed)
        };
        let fields = self.fields(row(event_type).fields, event_type, author, log);
        self.attempt(author, event_type, fields)
    }

    fn attempt(&mut self, author: &'static str, event_type: EventType, fields: Value) -> Attempt {
        self.number += 1;
        Attempt {
            at: self.now,
            author,
            event_type,
            fields,
            number: self.number,
        }
    }

    fn weighted(&mut self, allowed: &[EventType]) -> EventType {
        let weight = |event_type: &EventType| match event_type {
            onward if ONWARD.contains(onward) => 16,
            ending if ENDING.contains(ending) => 1,
            _ => 3,
        };
        let total = allowed.iter().map(weight).sum();
        let mut left = self.below(total);
        for event_type in allowed {
            let weight = weight(event_type);
            if left < weight {
                return *event_type;
            }
            left -= weight;
        }
        allowed[0]
    }

    fn days_ago(&mut self, most: usize) -> Date {
        let days = i64::try_from(self.below(most)).expect("small");
        self.now.date().checked_sub(days.days()).expect("in range")
    }

    fn in_days(&mut self, most: usize) -> Date {
        let days = i64::try_from(1 + self.below(most)).expect("small");
        self.now.date().checked_add(days.days()).expect("in range")
    }

    fn fields(
        &mut self,
        specs: &[FieldSpec],
        event_type: EventType,
        author: &str,
        log: &Log<'_>,
    ) -> Value {
        let mut fields = Map::new();
        for spec in specs {
            let wanted = match spec.need {
                Need::Expected => self.chance(25) && spec.name != "anonymous",
                _ => self.chance(99),
            };
            if wanted {
                let name = spec.name.trim_start_matches("r#");
                let value = self.value(name, &spec.kind, event_type, author, log);
                fields.insert(name.to_owned(), value);
            }
        }
        Value::Object(fields)
    }

    fn value(
        &mut self,
        name: &str,
        kind: &Kind,
        event_type: EventType,
        author: &str,
        log: &Log<'_>,
    ) -> Value {
        match kind {
            Kind::Content => json!("in words"),
            Kind::Flag => json!(self.chance(90)),
            Kind::Number => json!(match name {
                "version" => 1,
                "from" => 1,
                "to" => 2,
                _ => 2 + self.below(9),
            }),
            Kind::Date => json!(self.date(name)),
            Kind::Organisation => json!(self.body(name, event_type, author, log)),
            Kind::Pack => json!(if name == "policy" {
                "eng-2009"
            } else {
                "joint-example-v1"
            }),
            Kind::Code(codes) => json!(self.code(name, codes)),
            Kind::Issues if self.chance(80) => json!("all"),
            Kind::Issues => json!([self.one_of(&ISSUES)]),
            Kind::Text => json!(self.text(name, event_type, author, log)),
            Kind::List(of) => self.list(name, of, event_type, author, log),
            Kind::Record(specs) => self.fields(specs, event_type, author, log),
        }
    }

    fn date(&mut self, name: &str) -> Date {
        match name {
            "received_on" | "first_received_on" | "other_received_on" | "resolved_on"
            | "agreed_on" | "said_on" | "sent_on" | "decided_on" | "happened_on" | "known_on"
            | "on" | "from" => self.days_ago(10),
            "date" if self.chance(30) => self.in_days(400),
            "target" | "due" | "date" | "response_by" => self.in_days(90),
            _ => self.in_days(40),
        }
    }

    fn body(&mut self, name: &str, event_type: EventType, author: &str, log: &Log<'_>) -> String {
        let case = log.open_case();
        let keeper = case.keeper().to_string();
        match (event_type, name) {
            (EventType::LeadTransferred, "from") | (EventType::KeeperLostDeclared, "org") => keeper,
            (EventType::StrandAccepted, "org") => author.to_owned(),
            // Most often the same one, so that proposals and acceptances meet.
            (_, "lead") if self.chance(80) => case.receiver().to_string(),
            (EventType::ProviderResponseIssued, "authorised_by") => COUNCIL.to_owned(),
            (_, "lead" | "of" | "proposed" | "counter" | "org") => self.party(log),
            _ => self.one_of(&BODIES).to_owned(),
        }
    }

    fn party(&mut self, log: &Log<'_>) -> String {
        let parties: Vec<&OrganisationId> = log.open_case().parties().into_iter().collect();
        self.one_of(&parties).to_string()
    }

    fn code(&mut self, name: &str, codes: &[&'static str]) -> &'static str {
        let usual = [
            "responsible-person",
            "agreed",
            "satisfied",
            "joint",
            "yes",
            "accept",
        ];
        let usual = usual.into_iter().find(|code| codes.contains(code));
        match usual {
            Some(usual) if self.chance(75) => usual,
            _ if name == "conflict_declared" => "none",
            _ => self.one_of(codes),
        }
    }

    fn text(&mut self, name: &str, event_type: EventType, author: &str, log: &Log<'_>) -> String {
        let text = match (event_type, name) {
            (EventType::DeadlineMissed | EventType::DeadlineApproaching, "deadline") => {
                return self.deadline(log);
            }
            (EventType::CorrectionRecorded, "corrects") => return self.own_event(author, log),
            (EventType::ParticipantSucceeded, "to") => "none",
            (_, "action") => self.one_of(&["A1", "A2"]),
            (_, "recommendation") => "RC1",
            (_, "request") => self.one_of(&["R1", "R2"]),
            (_, "issue") => self.one_of(&ISSUES),
            (_, "given_by") => self.one_of(&["p-1", "p-1", "p-1", "p-2"]),
            (_, "delegation_ref") => "D-CARE-SIGN",
            (EventType::ProviderResponseIssued, "signed_by") => "registered-manager",
            (_, "signed_by") => {
                self.one_of(&["chief-executive", "chief-executive", "registered-manager"])
            }
            (EventType::HoldStarted | EventType::HoldEnded, "id") => "H1",
            (EventType::InformationRequested | EventType::ClarificationRequested, "id") => {
                self.one_of(&["R1", "R2"])
            }
            (_, "id") => self.one_of(&["A1", "A2", "D1"]),
            _ => "code-1",
        };
        text.to_owned()
    }

    /// A deadline of the case, if it has any.
    fn deadline(&mut self, log: &Log<'_>) -> String {
        let at = concordat_domain::scenario::instant(self.now).expect("exists");
        let names: Vec<String> = timetable(log.open_case(), at, &log.rules())
            .latest()
            .into_keys()
            .map(ToString::to_string)
            .collect();
        let chosen = self.below(names.len());
        names.get(chosen).cloned().unwrap_or_default()
    }

    /// An event that this body published, if it did any.
    fn own_event(&mut self, author: &str, log: &Log<'_>) -> String {
        let own: Vec<EventId> = log
            .history
            .iter()
            .map(|(event, _)| event)
            .filter(|event| event.author == org(author))
            .map(|event| event.id)
            .collect();
        let chosen = self.below(own.len());
        own.get(chosen).map(ToString::to_string).unwrap_or_default()
    }

    fn list(
        &mut self,
        name: &str,
        of: &Kind,
        event_type: EventType,
        author: &str,
        log: &Log<'_>,
    ) -> Value {
        let parties: Vec<String> = log
            .open_case()
            .parties()
            .iter()
            .map(ToString::to_string)
            .collect();
        let most = |generator: &mut Self, share: usize| -> Vec<&'static str> {
            ISSUES
                .into_iter()
                .filter(|_| generator.chance(share))
                .collect()
        };
        match (name, of) {
            ("explained", _) => json!(["coordinated", "single-contact", "single-response"]),
            ("agreed_by" | "decided_by" | "accepted_by", _) => json!(parties),
            ("to", Kind::Organisation) => {
                json!(
                    parties
                        .iter()
                        .filter(|party| *party != author)
                        .collect::<Vec<_>>()
                )
            }
            ("to", _) => {
                let post = |party: &String| json!({"org": party, "post": "chief-executive"});
                json!(parties.iter().map(post).collect::<Vec<_>>())
            }
            ("strands", _) => {
                let due = self.in_days(40);
                let strand = |party: &String| json!({"org": party, "issues": ["I1"], "due": due});
                json!(parties.iter().map(strand).collect::<Vec<_>>())
            }
            ("issues", Kind::Record(_)) => {
                json!(ISSUES.map(|issue| json!({"id": issue})))
            }
            ("findings", _) => {
                let issues = most(self, 85);
                let finding = |issue: &str| json!({"issue": issue, "org": log.open_case().keeper().to_string(), "outcome": "upheld"});
                json!(issues.into_iter().map(finding).collect::<Vec<_>>())
            }
            ("answered", _) => json!(most(self, 90)),
            ("not_answered" | "not_covered", _) => {
                let issues = most(self, 45);
                let left_out = |issue: &str| json!({"issue": issue, "why_code": "no-agreement"});
                json!(issues.into_iter().map(left_out).collect::<Vec<_>>())
            }
            ("excluded_orgs" | "recommendations" | "actions", _) if self.chance(60) => json!([]),
            _ => {
                let elements = 1 + self.below(2);
                let of_each =
                    |generator: &mut Self| generator.value(name, of, event_type, author, log);
                json!((0..elements).map(|_| of_each(self)).collect::<Vec<_>>())
            }
        }
    }
}
