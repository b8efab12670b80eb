//! Two and three organisations on one case: what each may read, and what every party rules (wire.md 4).

use std::collections::BTreeMap;

use concordat_codec::event::{NodeFacts, from_input, opening_to_wire};
use concordat_codec::form;
use concordat_domain::State;
use concordat_domain::calendar::{Calendars, tz_release};
use concordat_domain::directory::Directory;
use concordat_domain::event::{CaseVersion, Opening};
use concordat_domain::ids::EventId;
use concordat_domain::policy::PolicyPacks;
use concordat_domain::rules::RULES_VERSION;
use concordat_proto::v1;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;
use serde_json::json;

use super::*;
use crate::admission::CaseHead;
use crate::grant::{GrantContext, OfferSecret, open_granted};
use crate::key_record::{EventReference, KeyVersionReason};
use crate::lines::Alias;

const DIRECTORY: &str = r#"{"organisations": [
    {"id": "ods:ZT1", "name": "Trust", "kind": "nhs-trust", "calendar": "EW", "participation": "node",
     "responsible_person": "chief-executive", "complaints_manager": "complaints-manager"},
    {"id": "gss:E06999901", "name": "Council", "kind": "council", "calendar": "EW", "participation": "node",
     "responsible_person": "chief-executive", "complaints_manager": "complaints-manager"},
    {"id": "ods:ZB1", "name": "ICB", "kind": "icb", "calendar": "EW", "participation": "node",
     "responsible_person": "chief-executive", "complaints_manager": "complaints-manager"}]}"#;

/// One organisation's node, as far as a case goes.
struct Party {
    organisation: OrganisationId,
    log: CaseLog,
    keys: CaseKeys,
    head: Option<CaseHead>,
}

/// A log of one case, written and read without bundles: each envelope is a bundle of its own.
struct Bench {
    partnership: PartnershipId,
    directory: Directory,
    packs: PolicyPacks,
    calendars: Calendars,
    rng: ChaCha20Rng,
    envelopes: Vec<(OrganisationId, u64, Envelope)>,
    parties: BTreeMap<&'static str, Party>,
    ids: u8,
    case: CaseId,
    opening: EventReference,
}

const TRUST: &str = "ods:ZT1";
const COUNCIL: &str = "gss:E06999901";
const BOARD: &str = "ods:ZB1";

fn at(day: i64) -> Timestamp {
    Timestamp::from_second(1_792_576_800 + day * 86_400).expect("a day in October 2026")
}

impl Bench {
    /// The trust has received a complaint; nobody else knows.
    fn opened() -> Self {
        let mut rng = ChaCha20Rng::seed_from_u64(7);
        let new = NewCase::draw(&mut rng);
        let case = new.id;
        let mut parties = BTreeMap::new();
        for code in [TRUST, COUNCIL, BOARD] {
            let organisation: OrganisationId = code.parse().expect("a code");
            let party = Party {
                organisation,
                log: CaseLog::new(case),
                keys: CaseKeys::default(),
                head: None,
            };
            parties.insert(code, party);
        }
        let mut bench = Self {
            partnership: PartnershipId([5; 32]),
            directory: serde_json::from_str(DIRECTORY).expect("a directory"),
            packs: PolicyPacks::built_in(),
            calendars: Calendars::built_in(),
            rng,
            envelopes: Vec::new(),
            parties,
            ids: 0,
            case,
            opening: EventReference {
                organisation: TRUST.parse().expect("a code"),
                event_id: EventId([0; 16]),
                hash: crate::EventHash::ZERO,
            },
        };
        let trust = bench.parties.get_mut(TRUST).expect("there");
        new.keep(&mut trust.keys).expect("own keys");
        let id = bench.id();
        let mut pins = Opening {
            rules_version: RULES_VERSION,
            tz_release: tz_release().to_owned(),
            ..Opening::default()
        };
        for pack in bench.packs.iter() {
            pins.packs
                .insert(pack.id().clone(), hex::encode(pack.hash()));
        }
        let opening = v1::Opening {
            alias_table: new.alias_table(),
            ..opening_to_wire(&pins)
        };
        let event = bench.wire_event(
            TRUST,
            "complaint-received",
            json!({"policy": "eng-2009", "protocol": "joint-example-v1", "channel": "email", "complainant_ref": "p-1",
                "subject_ref": "p-1", "nature": "unsafe discharge", "received_on": "2026-10-21", "screened_on": "2026-10-21"}),
            Some(opening),
        );
        let trust = TRUST.parse().expect("a code");
        let envelope = Author::of_new_case(&bench.partnership.clone(), &trust, &new)
            .event(id, &event, &mut bench.rng)
            .expect("sealed");
        bench.opening.event_id = id;
        bench.opening.hash = envelope.hash();
        bench.append(TRUST, 0, envelope);
        bench
    }

    fn id(&mut self) -> EventId {
        self.ids += 1;
        EventId([self.ids; 16])
    }

    fn wire_event(
        &self,
        author: &str,
        event_type: &str,
        fields: serde_json::Value,
        opening: Option<v1::Opening>,
    ) -> v1::Event {
        let input = form::read(event_type, &fields).expect("a well-formed event");
        let log = &self.parties[author].log;
        let others = log.case().map_or(0, |case| {
            case.version_for(&self.parties[author].organisation)
        });
        let own_seq = self.parties[author].head.map_or(0, |head| head.seq);
        let facts = NodeFacts {
            recorded_at: at(self.envelopes.len() as i64 / 8),
            lead_epoch: log.case().map(Case::lead_epoch),
            basis: CaseVersion { others, own_seq },
            opening,
            ..NodeFacts::default()
        };
        from_input(&input, facts).expect("an event")
    }

    /// Puts an envelope on the log; everybody who may reads it.
    fn append(&mut self, author: &'static str, seen: u64, envelope: Envelope) -> Verdict {
        let link = *envelope
            .header()
            .class
            .link()
            .expect("an envelope of the case");
        let party = self.parties.get_mut(author).expect("there");
        party.head = Some(CaseHead {
            seq: link.seq,
            hash: envelope.hash(),
        });
        self.envelopes
            .push((party.organisation.clone(), seen, envelope));
        self.read();
        self.verdict_of_last(author)
    }

    fn read(&mut self) {
        let index = self.envelopes.len() - 1;
        for code in [TRUST, COUNCIL, BOARD] {
            self.apply(code, index);
        }
    }

    fn apply(&mut self, code: &str, index: usize) -> Verdict {
        let rules = Rules {
            directory: &self.directory,
            packs: &self.packs,
            calendars: &self.calendars,
        };
        let party = self.parties.get_mut(code).expect("there");
        let (author, seen, envelope) = &self.envelopes[index];
        let arrival = Arrival {
            position: Position {
                bundle: index as u64,
                envelope: 0,
            },
            author,
            claimed_at: at(index as i64 / 8),
            seen_size: *seen,
            seen_holds: true,
            envelope,
        };
        let context = Context {
            partnership: &self.partnership,
            rules: &rules,
            keys: &party.keys,
        };
        party.log.apply(&arrival, &context).verdict
    }

    /// What the author itself rules on the last envelope, judged anew from the start.
    fn verdict_of_last(&mut self, code: &str) -> Verdict {
        let last = self.envelopes.len() - 1;
        self.replay(code, last)
    }

    /// Judges the whole case anew and gives the verdict on one envelope.
    fn replay(&mut self, code: &str, wanted: usize) -> Verdict {
        self.parties.get_mut(code).expect("there").log = CaseLog::new(self.case);
        let mut verdict = Verdict::Unseen;
        for index in 0..self.envelopes.len() {
            let of_this = self.apply(code, index);
            if index == wanted {
                verdict = of_this;
            }
        }
        verdict
    }

    fn emit(
        &mut self,
        author: &'static str,
        event_type: &str,
        fields: serde_json::Value,
    ) -> Verdict {
        let seen = self.envelopes.len() as u64;
        self.emit_having_seen(author, seen, event_type, fields)
    }

    fn emit_having_seen(
        &mut self,
        author: &'static str,
        seen: u64,
        event_type: &str,
        fields: serde_json::Value,
    ) -> Verdict {
        let event = self.wire_event(author, event_type, fields, None);
        let id = self.id();
        let envelope = self.with_author(author, |author, _, _, rng| {
            author.event(id, &event, rng).expect("sealable")
        });
        self.append(author, seen, envelope)
    }

    fn with_author<T>(
        &mut self,
        code: &str,
        work: impl FnOnce(&mut Author<'_>, &CaseLog, &CaseKeys, &mut ChaCha20Rng) -> T,
    ) -> T {
        let party = self.parties.get_mut(code).expect("there");
        let mut author = Author::of_case(
            &self.partnership,
            &party.organisation,
            &party.log,
            &party.keys,
            party.head,
        );
        let done = work(&mut author, &party.log, &party.keys, &mut self.rng);
        let mut made = CaseKeys::default();
        author.keep(&mut made).expect("own keys");
        for version in made.versions() {
            let key = made
                .key(version.alias, version.number, &version.commitment)
                .expect("just made");
            party
                .keys
                .add_version(
                    &self.case,
                    version.alias,
                    version.number,
                    version.commitment,
                    key.clone(),
                )
                .expect("own");
        }
        done
    }

    fn consent(&mut self, covered: &[&str]) {
        let orgs: Vec<_> = covered.to_vec();
        assert_eq!(
            self.emit(TRUST, "consent-granted", json!({"given_by": "p-1", "orgs": orgs, "issues": "all", "learning": true, "evidence_ref": "d-1"})),
            Verdict::Effective
        );
    }

    /// Adds an organisation, which offers a key.
    fn invite(&mut self, code: &'static str) {
        assert_eq!(
            self.emit(
                TRUST,
                "participant-added",
                json!({"participant": code, "why_code": "issue-owner"})
            ),
            Verdict::Effective
        );
        let adding = self.last_reference();
        let organisation: OrganisationId = code.parse().expect("a code");
        let id = self.id();
        let envelope = self.with_author(TRUST, |author, _, _, _| {
            author
                .invite(id, organisation, adding)
                .expect("an invitation")
        });
        assert_eq!(
            self.append(TRUST, self.envelopes.len() as u64, envelope),
            Verdict::Effective
        );
        let invitation = self.last_reference();
        let secret = OfferSecret::generate(&mut self.rng);
        let id = self.id();
        let envelope = self.with_author(code, |author, _, _, _| {
            author
                .offer(id, secret.public_key(), invitation)
                .expect("an offer")
        });
        self.parties
            .get_mut(code)
            .expect("there")
            .keys
            .add_offer(id, secret);
        self.append(code, self.envelopes.len() as u64, envelope);
    }

    fn last_reference(&self) -> EventReference {
        let (author, _, envelope) = self.envelopes.last().expect("not empty");
        EventReference {
            organisation: author.clone(),
            event_id: envelope.header().event_id,
            hash: envelope.hash(),
        }
    }

    /// Grants what may be granted, or `forced` versions; the recipient unwraps what it can and judges anew.
    fn grant(
        &mut self,
        from: &'static str,
        to: &'static str,
        forced: Option<Vec<(Alias, u32)>>,
    ) -> Verdict {
        let recipient: OrganisationId = to.parse().expect("a code");
        let giver: OrganisationId = from.parse().expect("a code");
        let basis = self.opening_or_last_event();
        let id = self.id();
        let on = concordat_domain::calendar::local_date(at(self.envelopes.len() as i64 / 8));
        let envelope = self.with_author(from, |author, log, keys, rng| {
            let versions = forced.unwrap_or_else(|| {
                log.grantable(&giver, &recipient, on)
                    .into_iter()
                    .map(|(alias, number, _)| (alias, number))
                    .collect()
            });
            let offer = log.keys().offers[&recipient].clone();
            author
                .grant(id, (&recipient, &offer), basis, &versions, (log, keys), rng)
                .expect("a grant")
        });
        let verdict = self.append(from, self.envelopes.len() as u64, envelope);
        if verdict == Verdict::Effective {
            self.unwrap(from, to, id);
        }
        verdict
    }

    fn opening_or_last_event(&self) -> EventReference {
        self.opening.clone()
    }

    fn unwrap(&mut self, from: &str, to: &str, grant: EventId) {
        let offer = self.parties[TRUST].log.keys().offers
            [&to.parse::<OrganisationId>().expect("a code")]
            .reference
            .clone();
        let giver: OrganisationId = from.parse().expect("a code");
        let envelope = self
            .envelopes
            .iter()
            .find(|(_, _, envelope)| envelope.header().event_id == grant)
            .expect("there")
            .2
            .clone();
        let party = self.parties.get_mut(to).expect("there");
        let context = GrantContext {
            partnership: &self.partnership,
            case: self.case,
            author: &giver,
            event_id: grant,
            recipient: &party.organisation,
            offer: &offer,
        };
        let secret = party.keys.offer(&offer.event_id).expect("own offer");
        let opened =
            open_granted(&context, secret, envelope.part(1).expect("keys")).expect("unwraps");
        for (alias, number, key) in opened {
            let commitment = key.commitment(&self.case, alias, number);
            party
                .keys
                .add_version(&self.case, alias, number, commitment, key)
                .expect("commits");
        }
        self.replay(to, 0);
    }

    fn digest(&self, code: &str) -> Option<[u8; 32]> {
        self.parties[code].log.case().map(Case::digest)
    }

    fn alias(&self, compartment: Compartment) -> Alias {
        self.parties[TRUST]
            .log
            .keys()
            .alias_of(compartment)
            .expect("a line")
    }

    /// A joint case: council joined, with the content that consent covers.
    fn joint() -> Self {
        let mut bench = Self::opened();
        bench.consent(&[COUNCIL]);
        bench.invite(COUNCIL);
        assert_eq!(bench.grant(TRUST, COUNCIL, None), Verdict::Effective);
        assert_eq!(
            bench.emit(
                COUNCIL,
                "participant-joined",
                json!({"responsible_person": "chief-executive"})
            ),
            Verdict::Effective
        );
        assert_eq!(bench.grant(TRUST, COUNCIL, None), Verdict::Effective);
        bench
    }
}

#[test]
fn before_a_grant_there_is_no_case_to_an_organisation_and_afterwards_the_same_case_from_its_first_event()
 {
    let mut bench = Bench::opened();
    bench.consent(&[COUNCIL]);
    assert_eq!(bench.digest(COUNCIL), None);
    assert_eq!(bench.parties[COUNCIL].keys.versions().count(), 0);
    bench.invite(COUNCIL);
    assert_eq!(bench.digest(COUNCIL), None, "an offer alone gives nothing");
    assert_eq!(bench.grant(TRUST, COUNCIL, None), Verdict::Effective);
    assert!(bench.digest(COUNCIL).is_some());
    assert_eq!(bench.digest(COUNCIL), bench.digest(TRUST));
    assert_eq!(bench.digest(BOARD), None);
}

#[test]
fn an_invitee_is_granted_process_only_and_a_party_what_the_consent_covers() {
    let mut bench = Bench::opened();
    bench.consent(&[COUNCIL]);
    bench.invite(COUNCIL);
    bench.grant(TRUST, COUNCIL, None);
    let held: Vec<Alias> = bench.parties[COUNCIL]
        .keys
        .versions()
        .map(|held| held.alias)
        .collect();
    assert_eq!(held, [bench.alias(Compartment::Process)]);
    bench.emit(
        COUNCIL,
        "participant-joined",
        json!({"responsible_person": "chief-executive"}),
    );
    bench.grant(TRUST, COUNCIL, None);
    let keys = &bench.parties[COUNCIL].keys;
    for covered in [
        Compartment::Identity,
        Compartment::Narrative,
        Compartment::Health,
        Compartment::SocialCare,
    ] {
        assert!(keys.holds(bench.alias(covered), 1), "{covered}");
    }
    for own_basis in [
        Compartment::ThirdParty,
        Compartment::Safeguarding,
        Compartment::Staff,
    ] {
        assert!(!keys.holds(bench.alias(own_basis), 1), "{own_basis}");
    }
}

#[test]
fn a_grant_without_basis_is_void_for_all_parties_and_shown_as_an_exposure() {
    let mut bench = Bench::joint();
    bench.invite_board_without_content();
    let health = bench.alias(Compartment::Health);
    let verdict = bench.grant(TRUST, BOARD, Some(vec![(health, 1)]));
    assert_eq!(verdict, Verdict::Void(VoidReason::Key(KeyFault::NoBasis)));
    for party in [TRUST, COUNCIL] {
        let exposures = &bench.parties[party].log.keys().exposures;
        assert_eq!(exposures.len(), 1, "{party}");
        assert_eq!(exposures[0].kind, ExposureKind::VoidGrant);
        assert!(
            exposures[0]
                .recipients
                .contains(&BOARD.parse().expect("a code"))
        );
    }
    let holders = &bench.parties[COUNCIL]
        .log
        .keys()
        .version(health, 1)
        .expect("there")
        .holders;
    assert!(!holders.contains(&BOARD.parse().expect("a code")));
}

impl Bench {
    fn invite_board_without_content(&mut self) {
        self.consent(&[COUNCIL, BOARD]);
        self.invite(BOARD);
        assert_eq!(self.grant(TRUST, BOARD, None), Verdict::Effective);
    }
}

#[test]
fn nobody_grants_what_it_does_not_hold() {
    let mut bench = Bench::joint();
    bench.invite_board_without_content();
    let staff = bench.alias(Compartment::Staff);
    let verdict = bench.parties[COUNCIL]
        .log
        .keys()
        .version(staff, 1)
        .map(|version| version.holders.len());
    assert_eq!(verdict, Some(1), "the council does not hold it");
    let council: OrganisationId = COUNCIL.parse().expect("a code");
    let on = concordat_domain::calendar::local_date(at(3));
    let offered =
        bench.parties[COUNCIL]
            .log
            .grantable(&council, &BOARD.parse().expect("a code"), on);
    assert!(
        offered.is_empty(),
        "an invitee may hold process, which it has; {offered:?}"
    );
}

#[test]
fn an_outsiders_event_is_not_participant_before_anything_is_opened() {
    let mut bench = Bench::joint();
    // The board makes up keys of its own; no party could open what it seals, and none needs to.
    let made_up = NewCase::with_id(bench.case, &mut bench.rng.clone());
    let event = bench.wire_event(
        BOARD,
        "complainant-updated",
        json!({"method": "letter"}),
        None,
    );
    let board = BOARD.parse().expect("a code");
    let id = bench.id();
    let envelope = Author::of_new_case(&bench.partnership.clone(), &board, &made_up)
        .event(id, &event, &mut bench.rng)
        .expect("sealed");
    let before = bench.digest(TRUST);
    bench.append(BOARD, 0, envelope);
    let last = bench.envelopes.len() - 1;
    for party in [TRUST, COUNCIL] {
        let verdict = bench.replay(party, last);
        assert_eq!(
            verdict,
            Verdict::Void(VoidReason::Refused(
                concordat_domain::Reason::NotParticipant
            )),
            "{party}"
        );
    }
    assert_eq!(
        bench.digest(TRUST),
        before,
        "a void event leaves the digest"
    );
}

#[test]
fn content_sealed_in_good_faith_while_consent_was_withdrawn_counts_and_is_an_exposure() {
    let mut bench = Bench::joint();
    let before_withdrawal = bench.envelopes.len() as u64;
    withdraw(&mut bench, COUNCIL);
    // The trust's node had not read the withdrawal back when it sealed: it used the version that the council holds.
    let event = acknowledgement_with_text(&bench, TRUST);
    let id = bench.id();
    let envelope = seal_under_first_versions(&mut bench, TRUST, id, &event);
    assert_eq!(
        bench.append(TRUST, before_withdrawal, envelope),
        Verdict::Effective
    );
    let exposures = &bench.parties[TRUST].log.keys().exposures;
    assert_eq!(
        exposures.last().map(|exposure| exposure.kind),
        Some(ExposureKind::SealedUnderStaleVersion)
    );
    assert_eq!(bench.digest(TRUST), bench.digest(COUNCIL));
}

#[test]
fn content_sealed_under_a_version_known_to_be_stale_is_void_superseded_key_and_keeps_its_id() {
    let mut bench = Bench::joint();
    withdraw(&mut bench, COUNCIL);
    let event = acknowledgement_with_text(&bench, TRUST);
    let id = bench.id();
    let envelope = seal_under_first_versions(&mut bench, TRUST, id, &event);
    let seen = bench.envelopes.len() as u64;
    let verdict = bench.append(TRUST, seen, envelope);
    assert_eq!(verdict, Verdict::Void(VoidReason::SupersededKey));
    let trust = TRUST.parse().expect("a code");
    let case = bench.parties[TRUST].log.case().expect("a case");
    assert!(
        !case.has_event(&trust, id),
        "the same event may be drafted again under its id"
    );
}

#[test]
fn after_a_withdrawal_the_recorder_renews_and_the_body_it_concerns_cannot_read_on() {
    let mut bench = Bench::joint();
    withdraw(&mut bench, COUNCIL);
    let event = acknowledgement_with_text(&bench, TRUST);
    let needed = bench.with_author(TRUST, |author, _, _, _| author.needs_versions(&event));
    assert_eq!(needed, [Compartment::Narrative].into());
    let (renewal, id) = (bench.id(), bench.id());
    let (version, envelope) = bench.with_author(TRUST, |author, _, _, rng| {
        let reason = KeyVersionReason::ConsentWithdrawn;
        let version = author
            .renew(renewal, Compartment::Narrative, reason, None, rng)
            .expect("a version");
        (
            version,
            author.event(id, &event, rng).expect("sealed under it"),
        )
    });
    let seen = bench.envelopes.len() as u64;
    assert_eq!(bench.append(TRUST, seen, version), Verdict::Effective);
    assert_eq!(bench.append(TRUST, seen, envelope), Verdict::Effective);
    let narrative = bench.alias(Compartment::Narrative);
    assert!(!bench.parties[COUNCIL].keys.holds(narrative, 2));
    let verdict = bench.grant(TRUST, COUNCIL, Some(vec![(narrative, 2)]));
    assert_eq!(verdict, Verdict::Void(VoidReason::Key(KeyFault::NoBasis)));
    assert_eq!(
        bench.digest(TRUST),
        bench.digest(COUNCIL),
        "process is still the council's to judge"
    );
}

#[test]
fn after_a_removal_process_is_renewed_under_the_stale_version_and_nothing_else_is_said_under_it() {
    let mut bench = Bench::joint();
    let removal = json!({"participant": COUNCIL, "stop_processing": true, "return_or_delete": true, "retains_own_records": true});
    assert_eq!(
        bench.emit(TRUST, "participant-removed", removal),
        Verdict::Effective
    );
    assert_eq!(bench.digest(TRUST), bench.digest(COUNCIL), "it was told");
    assert!(bench.with_author(TRUST, |author, _, _, _| author.needs_process()));

    // Under the stale version no event and no other record counts.
    let event = bench.wire_event(TRUST, "complaint-acknowledged", acknowledgement(), None);
    let id = bench.id();
    let envelope = seal_under_first_versions(&mut bench, TRUST, id, &event);
    let seen = bench.envelopes.len() as u64;
    let superseded = Verdict::Void(VoidReason::SupersededKey);
    assert_eq!(bench.append(TRUST, seen, envelope), superseded);

    let (renewal, id) = (bench.id(), bench.id());
    let (version, envelope) = bench.with_author(TRUST, |author, _, _, rng| {
        let reason = KeyVersionReason::ParticipantGone;
        let version = author
            .renew(renewal, Compartment::Process, reason, None, rng)
            .expect("the successor");
        assert!(!author.needs_process());
        (
            version,
            author.event(id, &event, rng).expect("sealed under it"),
        )
    });
    let seen = bench.envelopes.len() as u64;
    assert_eq!(bench.append(TRUST, seen, version), Verdict::Effective);
    assert_eq!(bench.append(TRUST, seen, envelope), Verdict::Effective);
    let process = bench.alias(Compartment::Process);
    assert!(!bench.parties[COUNCIL].keys.holds(process, 2));
    assert_ne!(bench.digest(TRUST), bench.digest(COUNCIL), "its view ended");
}

#[test]
fn of_two_versions_with_one_number_the_first_counts_and_what_was_sealed_under_the_other_is_unreadable()
 {
    let mut bench = Bench::joint();
    let seen = bench.envelopes.len() as u64;
    let event = acknowledgement_with_text(&bench, TRUST);
    let (by_council, by_trust, id) = (bench.id(), bench.id(), bench.id());
    let first = bench.with_author(COUNCIL, |author, _, _, rng| {
        author
            .renew(
                by_council,
                Compartment::Narrative,
                KeyVersionReason::Renewal,
                None,
                rng,
            )
            .expect("a version")
    });
    let (second, sealed) = bench.with_author(TRUST, |author, _, _, rng| {
        let second = author
            .renew(
                by_trust,
                Compartment::Narrative,
                KeyVersionReason::Renewal,
                None,
                rng,
            )
            .expect("a version");
        (second, author.event(id, &event, rng).expect("sealed"))
    });
    bench.append(COUNCIL, seen, first);
    assert_eq!(
        bench.append(TRUST, seen, second),
        Verdict::Void(VoidReason::Key(KeyFault::VersionOutOfOrder))
    );
    assert_eq!(
        bench.append(TRUST, seen, sealed),
        Verdict::Void(VoidReason::Unreadable)
    );
    assert_eq!(bench.digest(TRUST), bench.digest(COUNCIL));
}

#[test]
fn a_missing_process_key_parks_the_case_on_that_node_alone_until_the_grant() {
    let mut bench = Bench::joint();
    let seen = bench.envelopes.len() as u64;
    let renewal = bench.id();
    let version = bench.with_author(TRUST, |author, _, _, rng| {
        author
            .renew(
                renewal,
                Compartment::Process,
                KeyVersionReason::Renewal,
                None,
                rng,
            )
            .expect("a version")
    });
    assert_eq!(bench.append(TRUST, seen, version), Verdict::Effective);
    assert_eq!(
        bench.emit(TRUST, "complaint-acknowledged", acknowledgement()),
        Verdict::Effective
    );
    assert_eq!(
        bench.parties[COUNCIL]
            .log
            .parked()
            .map(|(_, park)| park.clone()),
        Some(Park::KeyMissing)
    );
    assert_ne!(bench.digest(TRUST), bench.digest(COUNCIL));
    assert_eq!(bench.grant(TRUST, COUNCIL, None), Verdict::Effective);
    assert_eq!(bench.parties[COUNCIL].log.parked(), None);
    assert_eq!(bench.digest(TRUST), bench.digest(COUNCIL));
}

#[test]
fn a_view_that_is_not_this_log_voids_the_envelope_and_leaves_the_case() {
    let mut bench = Bench::joint();
    let rules = Rules {
        directory: &bench.directory,
        packs: &bench.packs,
        calendars: &bench.calendars,
    };
    let trust = bench.parties.get_mut(TRUST).expect("there");
    let (author, _, envelope) = &bench.envelopes[0];
    let arrival = Arrival {
        position: Position {
            bundle: 99,
            envelope: 0,
        },
        author,
        claimed_at: at(2),
        seen_size: 3,
        seen_holds: false,
        envelope,
    };
    let before = trust.log.case().map(Case::digest);
    let context = Context {
        partnership: &bench.partnership,
        rules: &rules,
        keys: &trust.keys,
    };
    assert_eq!(
        trust.log.apply(&arrival, &context).verdict,
        Verdict::Void(VoidReason::SplitView)
    );
    assert_eq!(trust.log.case().map(Case::digest), before);
}

#[test]
fn a_stored_case_is_the_case() {
    let bench = Bench::joint();
    let log = &bench.parties[TRUST].log;
    assert_eq!(log.case().map(Case::state), Some(State::AgreeingLead));
    let stored = serde_json::to_vec(log).expect("serialises");
    assert_eq!(
        &serde_json::from_slice::<CaseLog>(&stored).expect("reads back"),
        log
    );
}

fn withdraw(bench: &mut Bench, from: &str) {
    let fields = json!({"given_by": "p-1", "orgs": [from], "from": "2026-10-23", "scope": "orgs"});
    assert_eq!(
        bench.emit(TRUST, "consent-withdrawn", fields),
        Verdict::Effective
    );
}

fn acknowledgement() -> serde_json::Value {
    json!({"method": "letter", "discussion_offered": true, "advocacy_signposted": true, "reassured_no_detriment": true})
}

/// An event of the keeper with a text in `narrative`.
fn acknowledgement_with_text(bench: &Bench, author: &str) -> v1::Event {
    let mut fields = acknowledgement();
    fields["outcome_sought"] = json!("an explanation");
    bench.wire_event(author, "complaint-acknowledged", fields, None)
}

/// Seals as a node would that has not read the latest key events: under version 1 of every line.
fn seal_under_first_versions(
    bench: &mut Bench,
    code: &str,
    id: EventId,
    event: &v1::Event,
) -> Envelope {
    let parts = concordat_codec::parts::split(event);
    let party = &bench.parties[code];
    let mut sealed = Vec::new();
    for (index, part) in (0..).zip(parts) {
        let compartment = Compartment::try_from(part.compartment).expect("a compartment");
        let alias = party.log.keys().alias_of(compartment).expect("a line");
        let version = party.log.keys().version(alias, 1).expect("version 1");
        let key = party.keys.key(alias, 1, &version.commitment).expect("held");
        let place = crate::seal::PartContext {
            partnership: &bench.partnership,
            organisation: &party.organisation,
            event_id: id,
            case: bench.case,
            alias,
            key_version: 1,
            index,
        };
        sealed.push(crate::seal::seal(&place, key, &part.bytes, &mut bench.rng).expect("sealed"));
    }
    let head = party.head.expect("has written before");
    let link = crate::envelope::CaseLink {
        case: bench.case,
        seq: head.seq + 1,
        prev: head.hash,
    };
    Envelope::assemble(id, Class::Event(link), sealed).expect("an envelope")
}
