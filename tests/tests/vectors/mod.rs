//! Computes the wire vectors from fixed seeds: three organisations, a short log with what a careless courier adds to it, one sealed
//! part, one grant.

use std::collections::BTreeMap;

use concordat_domain::ids::{CaseId, EventId, OrganisationId};
use concordat_trust::admission::{Admission, Outcome};
use concordat_trust::bundle::{Bundle, Place, Seen};
use concordat_trust::envelope::{CaseLink, Class, Envelope, ReadyPart};
use concordat_trust::grant::{self, GrantContext, OfferSecret};
use concordat_trust::key_record::{
    ClearKeyPart, EventReference, Grant, GrantedVersion, Invitation, KeyEntry, KeyRecord, Offer,
};
use concordat_trust::lines::{Alias, VersionKey};
use concordat_trust::pae::{PayloadType, pae};
use concordat_trust::partnership::PartnershipFile;
use concordat_trust::seal::{self, PartContext};
use concordat_trust::signing::SigningKey;
use concordat_trust::{BundleHash, EventHash, Hash};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng as _;
use serde_json::{Value, json};

const CASE: CaseId = CaseId(*b"case-of-vectors!");
const PROCESS: Alias = Alias(0x1a2b_3c4d);
const IDENTITY: Alias = Alias(0x5e6f_7081);

/// All vectors.
pub(crate) fn compute() -> Value {
    let file = PartnershipFile::from_toml(&partnership_toml())
        .expect("the file of the vectors is well-formed");
    let mut play = Play::new(&file);
    let records = play.records();
    json!({
        "note": "Known answers for docs/format.md. Made from fixed seeds; all keys in here are public and worthless.",
        "partnership": {
            "toml": partnership_toml(),
            "canonical": file.canonical(),
            "id": file.id(),
        },
        "pae": [
            pae_vector(PayloadType::BundleHeader, b""),
            pae_vector(PayloadType::EnvelopeHeader, b"hello world"),
        ],
        "log": {
            "records": records,
            "root": play.log.seen().root,
            "inclusion": {
                "index": 1,
                "size": play.log.size(),
                "path": play.log.tree().inclusion_proof(1, play.log.size()),
            },
            "consistency": {
                "old": 3,
                "new": play.log.size(),
                "path": play.log.tree().consistency_proof(3, play.log.size()),
            },
        },
        "sealed_part": play.sealed_part(),
        "grant": play.grant_vector(),
    })
}

fn partnership_toml() -> String {
    let member = |id: &str, name: &str, kind: &str, seed: u8| {
        let key = String::from(SigningKey::from_seed(&[seed; 32]).public_key());
        format!(
            "\n[[organisations]]\nid = \"{id}\"\nname = \"{name}\"\nkind = \"{kind}\"\ncalendar = \"EW\"\n\
             participation = \"node\"\nresponsible_person = \"chief-executive\"\n\
             complaints_manager = \"complaints-manager\"\ncontact = \"{name}, complaints team\"\nsigning_keys = [\"{key}\"]\n"
        )
    };
    [
        "# The partnership of the wire vectors. This comment is not in the canonical form.\n\
         name = \"Example partnership — wire vectors\"\nformats = [1]\njudging_rules = 1\nchange_threshold = 2\n\
         compartments = [\"process\", \"identity\"]\n"
            .to_owned(),
        member("ods:ZT1", "Trust (acute)", "nhs-trust", 1),
        member("gss:E06999901", "Council", "council", 2),
        member("ods:ZB1", "ICB", "icb", 3),
    ]
    .concat()
}

fn pae_vector(payload_type: PayloadType, body: &[u8]) -> Value {
    json!({ "type": payload_type.as_str(), "body": hex::encode(body), "pae": hex::encode(pae(payload_type, body)) })
}

/// For each envelope of a bundle, the parts that are not here or do not match.
fn missing_parts(bundle: &Bundle) -> Vec<Vec<u32>> {
    bundle
        .envelopes()
        .iter()
        .map(|envelope| envelope.missing_parts().collect())
        .collect()
}

/// An organisation of the play.
#[derive(Clone)]
struct Author {
    key: SigningKeySeed,
    place: Place,
    cases: BTreeMap<CaseId, (u64, EventHash)>,
}

#[derive(Clone, Copy)]
struct SigningKeySeed(u8);

/// The log as it grows, and who writes it.
struct Play {
    log: Admission,
    trust: Author,
    council: Author,
    board: Author,
    process: VersionKey,
    identity: VersionKey,
    offer: OfferSecret,
    rng: ChaCha20Rng,
    first: Option<EventReference>,
    offered: Option<EventReference>,
    events: u8,
}

impl Play {
    fn new(file: &PartnershipFile) -> Self {
        let log = Admission::new(file.clone());
        let mut rng = ChaCha20Rng::from_seed([7; 32]);
        let author = |id: &str, seed| Author {
            key: SigningKeySeed(seed),
            place: Place {
                partnership: *log.partnership(),
                organisation: id.parse().expect("a code"),
                directory_version: 1,
                seq: 1,
                prev: BundleHash::ZERO,
                seen: log.seen(),
                claimed_time: "2026-03-02T09:00:00.250Z".parse().expect("a time"),
            },
            cases: BTreeMap::new(),
        };
        let (trust, council, board) = (
            author("ods:ZT1", 1),
            author("gss:E06999901", 2),
            author("ods:ZB1", 3),
        );
        let (process, identity) = (
            VersionKey::generate(&mut rng),
            VersionKey::generate(&mut rng),
        );
        let offer = OfferSecret::generate(&mut rng);
        Self {
            log,
            trust,
            council,
            board,
            process,
            identity,
            offer,
            rng,
            first: None,
            offered: None,
            events: 0,
        }
    }

    /// Every record as the courier delivers it, with what becomes of it.
    fn records(&mut self) -> Vec<Value> {
        let mut records = Vec::new();
        let first = self.first_event();
        self.deliver(&mut records, "an event with two parts", &first.to_record());
        let head = self.council.sign(&self.log, vec![]);
        self.deliver(&mut records, "a head", &head.to_record());
        self.deliver(&mut records, "junk", b"junk");
        let mut second = self.event_with_invitation();
        second.drop_content(|_| true);
        self.deliver(
            &mut records,
            "an event whose content part is absent, and an invitation",
            &second.to_record(),
        );
        self.deliver(
            &mut records,
            "a copy of the first record",
            &first.to_record(),
        );
        let offer = self.offer_bundle();
        self.deliver(&mut records, "an offer", &offer.to_record());

        let mut impostor = self.trust.clone();
        impostor.key = SigningKeySeed(9);
        let foreign = impostor.sign(&self.log, vec![]);
        self.deliver(
            &mut records,
            "a bundle under a key that the directory does not list",
            &foreign.to_record(),
        );
        let mut rival = self.trust.clone();
        let mut forged = rival.sign(&self.log, vec![]).to_record();
        // The signature of a head is the end of its record.
        *forged.last_mut().expect("a record has bytes") ^= 1;
        self.deliver(&mut records, "a bundle with a forged signature", &forged);
        let skipped = rival.sign(&self.log, vec![]);
        self.deliver(
            &mut records,
            "a bundle that is not the author's next",
            &skipped.to_record(),
        );

        let mut twin = self.trust.clone();
        let grant = self.grant_bundle();
        self.deliver(&mut records, "a grant", &grant.to_record());
        twin.place.claimed_time = "2026-03-02T10:00:00Z".parse().expect("a time");
        let fork = twin.sign(&self.log, vec![]);
        self.deliver(
            &mut records,
            "another bundle for the place of the grant",
            &fork.to_record(),
        );

        self.board.place.seen = Seen {
            root: Hash([0xee; 32]),
            ..self.log.seen()
        };
        let split = self.board.sign_blind(vec![]);
        self.deliver(
            &mut records,
            "a bundle on a view that is not this log",
            &split.to_record(),
        );
        let head = self.board.sign(&self.log, vec![]);
        self.deliver(
            &mut records,
            "a head of the third organisation",
            &head.to_record(),
        );

        let strict = self.trust.clone().sign(&self.log, vec![]).to_record();
        self.deliver(
            &mut records,
            "a record with an unknown field",
            &[&strict[..], &[0xf8, 0x07, 0x01]].concat(),
        );
        records
    }

    fn deliver(&mut self, records: &mut Vec<Value>, what: &str, record: &[u8]) {
        let expect = match self.log.admit(record) {
            Outcome::Admitted(admitted) => json!({
                "outcome": "admitted",
                "index": admitted.index(),
                "bundle_hash": admitted.bundle.hash(),
                "header_pae": hex::encode(pae(PayloadType::BundleHeader, admitted.bundle.header_bytes())),
                "event_hashes": admitted.bundle.envelopes().iter().map(Envelope::hash).collect::<Vec<_>>(),
                "missing_parts": missing_parts(&admitted.bundle),
                "seen_holds": admitted.seen_holds(),
                "root_after": self.log.seen().root,
            }),
            Outcome::AlreadyAdmitted { index, bundle } => {
                json!({ "outcome": "already-admitted", "index": index, "missing_parts": missing_parts(&bundle) })
            }
            Outcome::Fork(fork) => json!({ "outcome": "fork", "index": fork.index }),
            Outcome::Refused(refusal) => json!({ "outcome": "refused", "reason": refusal.code() }),
            Outcome::UnknownFormat { format } => {
                json!({ "outcome": "unknown-format", "format": format })
            }
        };
        records.push(json!({ "what": what, "record": hex::encode(record), "expect": expect }));
    }

    fn event_id(&mut self) -> EventId {
        self.events += 1;
        EventId([self.events; 16])
    }

    fn sealed(
        &mut self,
        organisation: &OrganisationId,
        event_id: EventId,
        index: u32,
        content: &[u8],
    ) -> ReadyPart {
        let (alias, key) = if index == 0 {
            (PROCESS, &self.process)
        } else {
            (IDENTITY, &self.identity)
        };
        let partnership = *self.log.partnership();
        let context = PartContext {
            partnership: &partnership,
            organisation,
            event_id,
            case: CASE,
            alias,
            key_version: 1,
            index,
        };
        seal::seal(&context, key, content, &mut self.rng).expect("the content is short")
    }

    fn first_event(&mut self) -> Bundle {
        let author = self.trust.place.organisation.clone();
        let id = self.event_id();
        let parts = vec![
            self.sealed(&author, id, 0, b"what the first event says in process"),
            self.sealed(&author, id, 1, b"who the complainant is"),
        ];
        let envelope = self.trust.envelope(id, Class::Event, parts);
        self.first = Some(EventReference {
            organisation: author,
            event_id: id,
            hash: envelope.hash(),
        });
        self.trust.sign(&self.log, vec![envelope])
    }

    fn event_with_invitation(&mut self) -> Bundle {
        let author = self.trust.place.organisation.clone();
        let id = self.event_id();
        let parts = vec![
            self.sealed(&author, id, 0, b"adds the council"),
            self.sealed(&author, id, 1, b"content"),
        ];
        let event = self.trust.envelope(id, Class::Event, parts);
        let adding = EventReference {
            organisation: author,
            event_id: id,
            hash: event.hash(),
        };
        let part = ClearKeyPart::Invitation(Invitation {
            organisation: self.council.place.organisation.clone(),
            adding,
        });
        let id = self.event_id();
        let invitation = self
            .trust
            .envelope(id, Class::Key, vec![ReadyPart::clear(part.encode())]);
        self.trust.sign(&self.log, vec![event, invitation])
    }

    fn offer_bundle(&mut self) -> Bundle {
        let organisation = self.council.place.organisation.clone();
        let id = self.event_id();
        let invitation = self.first.clone().expect("the first event is written");
        let public_key = self.offer.public_key();
        let part = ClearKeyPart::Offer(Offer {
            organisation: organisation.clone(),
            public_key,
            invitation,
        });
        let offer = self
            .council
            .envelope(id, Class::Key, vec![ReadyPart::clear(part.encode())]);
        self.offered = Some(EventReference {
            organisation,
            event_id: id,
            hash: offer.hash(),
        });
        self.council.sign(&self.log, vec![offer])
    }

    fn granted(&self) -> GrantedVersion {
        GrantedVersion {
            alias: PROCESS,
            number: 1,
            commitment: self.process.commitment(&CASE, PROCESS, 1),
            created_by: self.first.clone().expect("the first event is written"),
        }
    }

    fn grant_bundle(&mut self) -> Bundle {
        let (author, recipient) = (
            self.trust.place.organisation.clone(),
            self.council.place.organisation.clone(),
        );
        let id = self.event_id();
        let offer = self.offered.clone().expect("the offer is written");
        let version = self.granted();
        let basis = version.created_by.clone();
        let grant = Grant {
            recipient: recipient.clone(),
            offer: offer.clone(),
            basis,
            versions: vec![version.clone()],
        };
        let entry = KeyEntry::Grant(grant);
        let record = KeyRecord {
            applied_count: 4,
            applied_hash: Hash([4; 32]),
            traceparent: String::new(),
            entry,
        };
        let part_zero = self.sealed(&author, id, 0, &record.encode());
        let partnership = *self.log.partnership();
        let context = GrantContext {
            partnership: &partnership,
            case: CASE,
            author: &author,
            event_id: id,
            recipient: &recipient,
            offer: &offer,
        };
        let keys = [(&version, &self.process)];
        let wrapped = grant::wrap(&context, &self.offer.public_key(), &keys, &mut self.rng)
            .expect("the offer is valid");
        let envelope = self
            .trust
            .envelope(id, Class::Key, vec![part_zero, wrapped]);
        self.trust.sign(&self.log, vec![envelope])
    }

    /// One sealed part with its key, for whoever writes opening.
    fn sealed_part(&mut self) -> Value {
        let key = [0x42; 32];
        let (partnership, organisation) = (
            *self.log.partnership(),
            self.trust.place.organisation.clone(),
        );
        let context = PartContext {
            partnership: &partnership,
            organisation: &organisation,
            event_id: EventId([0x11; 16]),
            case: CASE,
            alias: IDENTITY,
            key_version: 2,
            index: 1,
        };
        let content = b"a content of 300 bytes and more is padded to the next bucket. ".repeat(5);
        let part = seal::seal(&context, &VersionKey::from(key), &content, &mut self.rng)
            .expect("the content is short");
        json!({
            "key": hex::encode(key),
            "partnership": partnership,
            "organisation": organisation,
            "event_id": hex::encode(context.event_id.0),
            "case": CASE,
            "alias": IDENTITY.0,
            "key_version": 2,
            "index": 1,
            "commitment": VersionKey::from(key).commitment(&CASE, IDENTITY, 2),
            "content": hex::encode(content),
            "part": hex::encode(part.bytes),
        })
    }

    /// The grant of the log with the private key of its offer, for whoever writes unwrapping.
    fn grant_vector(&self) -> Value {
        let offer = self.offered.clone().expect("the offer is written");
        let secret = serde_json::to_value(&self.offer).expect("a secret serialises");
        json!({
            "record": 9,
            "offer_secret": secret,
            "offer_event_id": hex::encode(offer.event_id.0),
            "offer_hash": offer.hash,
            "recipient": offer.organisation,
            "alias": PROCESS.0,
            "number": 1,
            "commitment": self.granted().commitment,
            "key": serde_json::to_value(&self.process).expect("a key serialises"),
        })
    }
}

impl Author {
    fn envelope(
        &mut self,
        id: EventId,
        class: fn(CaseLink) -> Class,
        parts: Vec<ReadyPart>,
    ) -> Envelope {
        let (seq, prev) = self
            .cases
            .get(&CASE)
            .copied()
            .unwrap_or((0, EventHash::ZERO));
        let link = CaseLink {
            case: CASE,
            seq: seq + 1,
            prev,
        };
        let envelope = Envelope::assemble(id, class(link), parts).expect("the parts fit the class");
        self.cases.insert(CASE, (seq + 1, envelope.hash()));
        envelope
    }

    fn sign(&mut self, log: &Admission, envelopes: Vec<Envelope>) -> Bundle {
        self.place.seen = log.seen();
        self.sign_blind(envelopes)
    }

    fn sign_blind(&mut self, envelopes: Vec<Envelope>) -> Bundle {
        let key = SigningKey::from_seed(&[self.key.0; 32]);
        let bundle = Bundle::sign(self.place.clone(), envelopes, &key).expect("few envelopes fit");
        self.place.seq += 1;
        self.place.prev = bundle.hash();
        bundle
    }
}
