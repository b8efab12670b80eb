//! A small world for tests: the directory of the scenarios and a log on which events are judged and folded.

use concordat_domain::calendar::Calendars;
use concordat_domain::directory::Directory;
use concordat_domain::fields::Fields;
use concordat_domain::ids::{CaseId, EventId, OrganisationId, Position};
use concordat_domain::policy::{PolicyPack, PolicyPacks};
use concordat_domain::scenario::{instant, opening, split_fields};
use concordat_domain::{
    Case, CaseVersion, Event, EventType, Placement, Refusal, Rules, evolve, judge,
};

pub(crate) const TRUST: &str = "ods:ZT1";
pub(crate) const OTHER_TRUST: &str = "ods:ZT2";
pub(crate) const COUNCIL: &str = "gss:E06999901";

/// The rules in force in all tests.
pub(crate) struct World {
    directory: Directory,
    packs: PolicyPacks,
    calendars: Calendars,
}

impl World {
    pub(crate) fn new() -> Self {
        let directory =
            serde_json::from_str(include_str!("../../../../tests/fixtures/directory.json"));
        Self {
            directory: directory.expect("the fixture is a directory"),
            packs: PolicyPacks::built_in(),
            calendars: Calendars::built_in(),
        }
    }

    /// With packs of a partnership's own beside those of the release.
    pub(crate) fn with_packs(texts: &[&str]) -> Self {
        let own = texts
            .iter()
            .map(|text| PolicyPack::from_toml(text).expect("tests write packs well"));
        let world = Self::new();
        Self {
            packs: world.packs.with(own),
            ..world
        }
    }

    pub(crate) fn rules(&self) -> Rules<'_> {
        Rules {
            directory: &self.directory,
            packs: &self.packs,
            calendars: &self.calendars,
        }
    }
}

/// An organisation by its code.
pub(crate) fn org(code: &str) -> OrganisationId {
    code.parse().expect("tests name organisations well")
}

/// One case on a log of its own.
#[derive(Clone)]
pub(crate) struct Log<'w> {
    world: &'w World,
    pub(crate) case: Option<Case>,
    pub(crate) history: Vec<(Event, Placement)>,
    next: u64,
}

impl<'w> Log<'w> {
    pub(crate) fn new(world: &'w World) -> Self {
        Self {
            world,
            case: None,
            history: Vec::new(),
            next: 1,
        }
    }

    /// The rules in force on it.
    pub(crate) fn rules(&self) -> Rules<'w> {
        self.world.rules()
    }

    /// A complaint received by the trust on 9 February 2026.
    pub(crate) fn opened(world: &'w World) -> Self {
        let mut log = Self::new(world);
        log.must("2026-02-09T10:00", TRUST, "complaint-received", COMPLAINT);
        log
    }

    /// As [`Self::opened`], with consent for the council, which has joined.
    pub(crate) fn joined(world: &'w World) -> Self {
        let mut log = Self::opened(world);
        log.must("2026-02-10T10:00", TRUST, "consent-granted", GRANT);
        log.must("2026-02-10T11:00", TRUST, "participant-added", ADD_COUNCIL);
        log.must(
            "2026-02-11T10:00",
            COUNCIL,
            "participant-joined",
            r#"{"responsible_person": "chief-executive"}"#,
        );
        log
    }

    /// As [`Self::joined`], with the trust as lead and two issues recorded.
    pub(crate) fn planning(world: &'w World) -> Self {
        let mut log = Self::joined(world);
        log.must("2026-02-12T10:00", TRUST, "lead-proposed", PROPOSE_TRUST);
        log.must(
            "2026-02-12T11:00",
            COUNCIL,
            "lead-accepted",
            r#"{"lead": "ods:ZT1"}"#,
        );
        log.must(
            "2026-02-12T12:00",
            TRUST,
            "lead-agreed",
            r#"{"lead": "ods:ZT1", "accepted_by": []}"#,
        );
        log.must("2026-02-13T10:00", TRUST, "issues-agreed", ISSUES);
        log.must(
            "2026-02-13T10:30",
            TRUST,
            "response-period-set",
            r#"{"mode": "agreed", "date": "2026-05-29"}"#,
        );
        log
    }

    /// As [`Self::planning`], with strands of both bodies due on 13 March 2026.
    pub(crate) fn investigating(world: &'w World) -> Self {
        let mut log = Self::planning(world);
        log.must("2026-02-16T10:00", TRUST, "plan-agreed", PLAN);
        log
    }

    /// The event that this author would publish now.
    pub(crate) fn event(&self, at: &str, author: &str, event: &str, fields: &str) -> Event {
        let at = instant(at.parse().expect("tests name times well")).expect("the time exists");
        let event_type: EventType = event.parse().expect("tests name known events");
        let fields: Fields = serde_json::from_str(fields).expect("tests write fields as JSON");
        let (fields, filled) = split_fields(event_type, &fields);
        let mut id = [0; 16];
        id[8..].copy_from_slice(&self.next.to_be_bytes());
        Event {
            id: EventId(id),
            case: CaseId([1; 16]),
            author: org(author),
            on_behalf_of: None,
            event_type,
            occurred_at: at,
            recorded_at: at,
            lead_epoch: self.case.as_ref().map(Case::lead_epoch),
            basis: self.version(author),
            expected: None,
            corrects: None,
            opening: self
                .case
                .is_none()
                .then(|| opening(event_type, &fields, &self.world.rules())),
            fields,
            filled,
            content_digest: [u8::try_from(self.next % 251).expect("below 251"); 32],
        }
    }

    /// What this author has seen of the case.
    pub(crate) fn version(&self, author: &str) -> CaseVersion {
        let others = self
            .case
            .as_ref()
            .map_or(0, |case| case.version_for(&org(author)));
        CaseVersion {
            others,
            own_seq: self.own_seq(author),
        }
    }

    fn own_seq(&self, author: &str) -> u64 {
        let own = self
            .history
            .iter()
            .filter(|(event, _)| event.author == org(author))
            .count();
        u64::try_from(own).expect("histories are short")
    }

    /// Judges an event and folds it if it counts.
    pub(crate) fn submit(&mut self, event: Event) -> Result<(), Refusal> {
        judge(self.case.as_ref(), &event, &self.world.rules())?;
        let case_seq = self.own_seq(event.author.as_str()) + 1;
        let placement = Placement {
            position: Position {
                bundle: self.next,
                envelope: 0,
            },
            case_seq,
        };
        self.case = Some(evolve(
            self.case.take(),
            &event,
            &placement,
            &self.world.rules(),
        ));
        self.history.push((event, placement));
        self.next += 1;
        Ok(())
    }

    /// Publishes an event and says what became of it.
    pub(crate) fn try_event(
        &mut self,
        at: &str,
        author: &str,
        event: &str,
        fields: &str,
    ) -> Result<(), String> {
        self.submit(self.event(at, author, event, fields))
            .map_err(|refusal| refusal.code())
    }

    /// Publishes an event that must count.
    pub(crate) fn must(&mut self, at: &str, author: &str, event: &str, fields: &str) {
        let answer = self.try_event(at, author, event, fields);
        assert_eq!(answer, Ok(()), "{event} by {author}");
    }

    /// The case, which must be open.
    pub(crate) fn open_case(&self) -> &Case {
        self.case.as_ref().expect("the case is open")
    }
}

pub(crate) const COMPLAINT: &str = r#"{"policy": "eng-2009", "protocol": "joint-example-v1", "channel": "email",
    "complainant_ref": "p-1", "received_on": "2026-02-09", "screened_on": "2026-02-09", "nature": "n"}"#;
pub(crate) const ACKNOWLEDGE: &str = r#"{"method": "letter", "discussion_offered": true, "advocacy_signposted": true,
    "reassured_no_detriment": true}"#;
pub(crate) const ASK: &str = r#"{"orgs": ["gss:E06999901"],
    "explained": ["coordinated", "single-contact", "single-response"]}"#;
pub(crate) const GRANT: &str = r#"{"given_by": "p-1", "orgs": ["gss:E06999901"], "issues": "all", "learning": true,
    "evidence_ref": "d-1"}"#;
pub(crate) const ADD_COUNCIL: &str =
    r#"{"participant": "gss:E06999901", "why_code": "issue-owner"}"#;
pub(crate) const PROPOSE_TRUST: &str = r#"{"lead": "ods:ZT1", "reason": "greatest-responsibility",
    "complainant_view": "content"}"#;
pub(crate) const ISSUES: &str = r#"{"issues": [{"id": "I1"}, {"id": "I2"}], "issue_texts": [], "desired_outcomes": [],
    "agreed_with_complainant": "yes"}"#;
pub(crate) const PLAN: &str = r#"{"strands": [{"org": "ods:ZT1", "issues": ["I1"], "due": "2026-03-13"},
    {"org": "gss:E06999901", "issues": ["I2"], "due": "2026-03-13"}], "agreed_by": ["ods:ZT1", "gss:E06999901"],
    "discussed_with_complainant": true, "local_procedures": ["gss:E06999901"]}"#;
pub(crate) const STRAND: &str = r#"{"findings": [{"issue": "I1", "outcome": "upheld"}], "actions": [],
    "authorised_by": "director-asc"}"#;
