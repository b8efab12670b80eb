//! A log of three organisations with cases of the trust, and packs exported from it as a node does.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Cursor;

use concordat_codec::event::{NodeFacts, from_input, opening_to_wire};
use concordat_codec::form;
use concordat_domain::Rules;
use concordat_domain::calendar::{Calendars, tz_release};
use concordat_domain::event::{CaseVersion, Opening};
use concordat_domain::ids::{CaseId, EventId, OrganisationId, Position};
use concordat_domain::policy::PolicyPacks;
use concordat_domain::rules::RULES_VERSION;
use concordat_proto::v1;
use concordat_trust::admission::{Admission, Outcome};
use concordat_trust::bundle::{Bundle, Place};
use concordat_trust::case_log::{Arrival, Author, CaseLog, Context, NewCase, Verdict};
use concordat_trust::compartment::Compartment;
use concordat_trust::digest::BundleHash;
use concordat_trust::envelope::{Class, Envelope};
use concordat_trust::key_record::EventReference;
use concordat_trust::keyring::CaseKeys;
use concordat_trust::pae::PayloadType;
use concordat_trust::partnership::PartnershipFile;
use concordat_trust::signing::SigningKey;
use concordat_verify::check::cases::{computed, ruling_claim};
use concordat_verify::claims::{CaseClaim, CaseKeysOf, PackedKey};
use concordat_verify::manifest::{Exported, ManifestSignature, Range, Scope};
use concordat_verify::select::Selection;
use concordat_verify::write::{CaseFacts, PackWriter, Plan};
use concordat_verify::{Anchor, Report, verify};
use jiff::Timestamp;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;
use serde_json::{Value, json};

pub(crate) const TRUST: &str = "ods:ZT1";
pub(crate) const COUNCIL: &str = "gss:E06999901";
pub(crate) const BOARD: &str = "ods:ZB1";

pub(crate) fn signing_key(seed: u8) -> SigningKey {
    SigningKey::from_seed(&[seed; 32])
}

/// What a version of the directory says of one organisation: id, the seeds of its keys, its kind, and of which key nothing counts from
/// which `seq` on.
pub(crate) type Entry = (&'static str, &'static [u8], &'static str, Option<(u8, u64)>);

/// The three with which every log begins.
pub(crate) const FOUNDERS: [Entry; 3] = [
    (TRUST, &[1], "nhs-trust", None),
    (COUNCIL, &[2], "council", None),
    (BOARD, &[3], "icb", None),
];

/// The file of the three organisations, which pin the packs and calendars of this release.
pub(crate) fn partnership(name: &str) -> PartnershipFile {
    directory(name, &FOUNDERS, &PolicyPacks::built_in())
}

/// A version of the directory with these organisations and these packs.
pub(crate) fn directory(name: &str, entries: &[Entry], packs: &PolicyPacks) -> PartnershipFile {
    let mut text = format!(
        "name = \"{name}\"\nformats = [1]\njudging_rules = 1\nchange_threshold = 2\ncompartments = [{}]\n",
        Compartment::ALL.map(|one| format!("\"{one}\"")).join(",")
    );
    for (id, seeds, kind, revoked) in entries {
        let keys = seeds
            .iter()
            .map(|seed| format!("\"{}\"", String::from(signing_key(*seed).public_key())));
        text += &format!(
            "[[organisations]]\nid = \"{id}\"\nname = \"{id}\"\nkind = \"{kind}\"\ncalendar = \"EW\"\nparticipation = \"node\"\n\
             responsible_person = \"chief-executive\"\ncomplaints_manager = \"complaints-manager\"\nsigning_keys = [{}]\n",
            keys.collect::<Vec<_>>().join(",")
        );
        if let Some((seed, cut)) = revoked {
            let key = signing_key(*seed).public_key().key_id();
            text += &format!("revoked_keys = [{{ key_id = \"{key}\", cut = {cut} }}]\n");
        }
    }
    for pack in packs.iter() {
        text += &format!(
            "[[policy_packs]]\nid = \"{}\"\nhash = \"{}\"\n",
            pack.id(),
            hex::encode(pack.hash())
        );
    }
    let calendars = Calendars::built_in();
    let version = calendars.version_number().unwrap();
    text += &format!(
        "[[calendars]]\nname = \"EW\"\nversion = {version}\nhash = \"{}\"\n",
        hex::encode(calendars.hash())
    );
    PartnershipFile::from_toml(&text).unwrap()
}

/// One case as the trust, which alone reads it, has it.
pub(crate) struct CaseBench {
    pub(crate) id: CaseId,
    new: NewCase,
    pub(crate) keys: CaseKeys,
    pub(crate) log: CaseLog,
    events: Vec<Value>,
    claims: Vec<concordat_verify::claims::RulingClaim>,
}

/// The log, and what is needed to go on writing it.
pub(crate) struct World {
    pub(crate) file: PartnershipFile,
    pub(crate) admission: Admission,
    pub(crate) bundles: Vec<Bundle>,
    pub(crate) packs: PolicyPacks,
    pub(crate) calendars: Calendars,
    pub(crate) rng: ChaCha20Rng,
    pub(crate) cases: Vec<CaseBench>,
    chains: BTreeMap<&'static str, (u64, BundleHash)>,
    /// With which key each organisation signs now.
    pub(crate) signs_with: BTreeMap<&'static str, u8>,
    ids: u64,
    pub(crate) clock: Timestamp,
}

impl World {
    /// An empty log.
    pub(crate) fn empty(seed: u64) -> Self {
        let file = partnership("Example");
        Self {
            admission: Admission::new(file.clone()),
            file,
            bundles: Vec::new(),
            packs: PolicyPacks::built_in(),
            calendars: Calendars::built_in(),
            rng: ChaCha20Rng::seed_from_u64(seed),
            cases: Vec::new(),
            chains: BTreeMap::new(),
            signs_with: FOUNDERS.map(|(id, seeds, ..)| (id, seeds[0])).into(),
            ids: 0,
            clock: "2026-10-21T09:00:00Z".parse().unwrap(),
        }
    }

    /// Two cases of the trust, witnessed by the two others as it goes on.
    pub(crate) fn small() -> Self {
        let mut world = Self::empty(7);
        let one = world.open_case();
        let other = world.open_case();
        world.emit(
            one,
            "complaint-acknowledged",
            json!({"method": "letter", "discussion_offered": true, "advocacy_signposted": true, "reassured_no_detriment": true}),
        );
        world.head(COUNCIL);
        world.emit(
            other,
            "complaint-acknowledged",
            json!({"method": "letter", "discussion_offered": true, "advocacy_signposted": true, "reassured_no_detriment": true}),
        );
        for attempts in 1..4 {
            let lost =
                json!({"attempts": attempts, "last_on": "2026-10-21", "decision": "keep-trying"});
            world.emit(one, "contact-lost", lost);
            world.head(BOARD);
        }
        world.head(COUNCIL);
        world
    }

    pub(crate) fn id(&mut self) -> EventId {
        self.ids += 1;
        let mut id = [0; 16];
        id[8..].copy_from_slice(&self.ids.to_be_bytes());
        EventId(id)
    }

    pub(crate) fn place(&self, author: &'static str) -> Place {
        let (seq, prev) = self
            .chains
            .get(author)
            .copied()
            .unwrap_or((0, BundleHash::ZERO));
        Place {
            partnership: self.file.id(),
            organisation: author.parse().unwrap(),
            directory_version: self.admission.directory_version(),
            seq: seq + 1,
            prev,
            seen: self.admission.seen(),
            claimed_time: self.clock,
        }
    }

    /// Signs and admits the next bundle of an organisation.
    pub(crate) fn append(&mut self, author: &'static str, envelopes: Vec<Envelope>) {
        let key = signing_key(self.signs_with[author]);
        let bundle = Bundle::sign(self.place(author), envelopes, &key).unwrap();
        let outcome = self.admission.admit(&bundle.to_record());
        assert!(matches!(outcome, Outcome::Admitted(_)), "{outcome:?}");
        let (seq, _) = self
            .chains
            .get(author)
            .copied()
            .unwrap_or((0, BundleHash::ZERO));
        self.chains.insert(author, (seq + 1, bundle.hash()));
        let index = self.bundles.len() as u64;
        self.fold(index, &bundle);
        self.bundles.push(bundle);
        self.clock += jiff::SignedDuration::from_mins(5);
    }

    /// A bundle without envelopes.
    pub(crate) fn head(&mut self, author: &'static str) {
        self.append(author, Vec::new());
    }

    fn fold(&mut self, index: u64, bundle: &Bundle) {
        let rules = Rules {
            directory: self.admission.judging_directory(index),
            packs: &self.packs,
            calendars: &self.calendars,
        };
        let partnership = self.file.id();
        for (envelope, place) in bundle.envelopes().iter().zip(0..) {
            let Some(link) = envelope.header().class.link() else {
                continue;
            };
            let position = Position {
                bundle: index,
                envelope: place,
            };
            let case = self
                .cases
                .iter_mut()
                .find(|case| case.id == link.case)
                .unwrap();
            let arrival = Arrival {
                position,
                author: bundle.organisation(),
                claimed_at: bundle.header().place.claimed_time,
                seen_size: bundle.header().place.seen.size,
                seen_holds: true,
                envelope,
            };
            let context = Context {
                partnership: &partnership,
                rules: &rules,
                keys: &case.keys,
            };
            let applied = case.log.apply(&arrival, &context);
            assert_eq!(applied.verdict, Verdict::Effective, "{:?}", applied.event);
            let claim = ruling_claim(position, bundle.organisation(), envelope, &applied);
            case.claims.push(claim.clone());
            if !matches!(envelope.header().class, Class::Event(_)) {
                continue;
            }
            case.events.push(json!({
                "specversion": "1.0", "id": claim.event_id.to_string(), "source": format!("organisations/{}", claim.author),
                "type": format!("uk.concordat.{}.v1", claim.event_type.as_deref().unwrap_or_default()),
                "time": bundle.header().place.claimed_time.to_string(), "position": position.to_string(), "effective": true,
            }));
        }
    }

    pub(crate) fn wire(
        &self,
        author: &OrganisationId,
        log: &CaseLog,
        own_seq: u64,
        kind: &str,
        fields: &Value,
        opening: Option<v1::Opening>,
    ) -> v1::Event {
        let input = form::read(kind, fields).expect("a well-formed event");
        let others = log.case().map_or(0, |case| case.version_for(author));
        let (count, hash) = log.applied();
        let facts = NodeFacts {
            recorded_at: self.clock,
            lead_epoch: log.case().map(concordat_domain::Case::lead_epoch),
            basis: CaseVersion { others, own_seq },
            opening,
            applied: Some((count, hash.0)),
            ..NodeFacts::default()
        };
        from_input(&input, facts).expect("an event")
    }

    /// Opens a case in a bundle of its own and says its number.
    pub(crate) fn open_case(&mut self) -> usize {
        let new = NewCase::draw(&mut self.rng);
        let mut keys = CaseKeys::default();
        new.keep(&mut keys).unwrap();
        let mut pins = Opening {
            rules_version: RULES_VERSION,
            tz_release: tz_release().to_owned(),
            ..Opening::default()
        };
        for pack in self.packs.iter() {
            if ["eng-2009", "joint-example-v1"].contains(&pack.id().as_str()) {
                pins.packs
                    .insert(pack.id().clone(), hex::encode(pack.hash()));
            }
        }
        let opening = v1::Opening {
            alias_table: new.alias_table(),
            ..opening_to_wire(&pins)
        };
        let fields = json!({"policy": "eng-2009", "protocol": "joint-example-v1", "channel": "email", "complainant_ref": "p-1",
            "subject_ref": "p-1", "nature": "unsafe discharge", "received_on": "2026-10-21", "screened_on": "2026-10-21"});
        let log = CaseLog::new(new.id);
        let trust: OrganisationId = TRUST.parse().unwrap();
        let event = self.wire(
            &trust,
            &log,
            0,
            "complaint-received",
            &fields,
            Some(opening),
        );
        let id = self.id();
        let partnership = self.file.id();
        let envelope = Author::of_new_case(&partnership, &trust, &new)
            .event(id, &event, &mut self.rng)
            .unwrap();
        self.cases.push(CaseBench {
            id: new.id,
            new,
            keys,
            log,
            events: Vec::new(),
            claims: Vec::new(),
        });
        self.append(TRUST, vec![envelope]);
        self.cases.len() - 1
    }

    /// An event of the trust, sealed and not yet signed.
    pub(crate) fn envelope(&mut self, case: usize, kind: &str, fields: &Value) -> Envelope {
        self.envelope_of(TRUST, case, kind, fields)
    }

    /// An event of an organisation that takes part.
    pub(crate) fn envelope_of(
        &mut self,
        by: &str,
        case: usize,
        kind: &str,
        fields: &Value,
    ) -> Envelope {
        let by: OrganisationId = by.parse().unwrap();
        let head = self.admission.case_head(&by, &self.cases[case].id);
        let event = self.wire(
            &by,
            &self.cases[case].log,
            head.map_or(0, |head| head.seq),
            kind,
            fields,
            None,
        );
        let id = self.id();
        let partnership = self.file.id();
        let bench = &self.cases[case];
        let mut author = Author::of_case(&partnership, &by, &bench.log, &bench.keys, head);
        author.event(id, &event, &mut self.rng).unwrap()
    }

    /// An event of the trust in a bundle of its own.
    pub(crate) fn emit(&mut self, case: usize, kind: &str, fields: Value) {
        let envelope = self.envelope(case, kind, &fields);
        self.append(TRUST, vec![envelope]);
    }

    /// An event of any party in a bundle of its own; names it.
    pub(crate) fn emit_as(
        &mut self,
        by: &'static str,
        case: usize,
        kind: &str,
        fields: Value,
    ) -> EventReference {
        let envelope = self.envelope_of(by, case, kind, &fields);
        self.publish(by, envelope)
    }

    /// Puts an envelope on the log in a bundle of its own; names it.
    pub(crate) fn publish(&mut self, by: &'static str, envelope: Envelope) -> EventReference {
        let named = EventReference {
            organisation: by.parse().unwrap(),
            event_id: envelope.header().event_id,
            hash: envelope.hash(),
        };
        self.append(by, vec![envelope]);
        named
    }

    /// So many envelopes in so many cases of the trust, a bundle with one of each after the other.
    pub(crate) fn flood(&mut self, cases: usize, envelopes: usize) {
        for _ in 0..cases {
            self.open_case();
        }
        let mut left = envelopes - cases;
        while left > 0 {
            let lost = json!({"attempts": 1, "last_on": "2026-10-21", "decision": "keep-trying"});
            let round = (0..cases.min(left)).map(|case| self.envelope(case, "contact-lost", &lost));
            let round: Vec<_> = round.collect();
            left -= round.len();
            self.append(TRUST, round);
        }
        self.head(BOARD);
    }

    fn plan(&self, scope: Scope) -> Plan {
        let seen = self.admission.seen();
        Plan {
            partnership: self.file.id(),
            scope,
            range: Range {
                generation: seen.generation,
                size: seen.size,
                root: seen.root,
            },
            exported: Exported {
                by: TRUST.parse().unwrap(),
                at: "2026-11-20T12:00:00Z".parse().unwrap(),
                purpose: "yearly audit".to_owned(),
                software: "concordat test".to_owned(),
            },
            compartments: BTreeSet::from([Compartment::Process]),
        }
    }

    pub(crate) fn case_facts(&self, case: &CaseBench) -> CaseFacts {
        let rules = Rules {
            directory: self.admission.judging_directory(self.admission.size()),
            packs: &self.packs,
            calendars: &self.calendars,
        };
        let table = case.new.alias_table();
        let process = table
            .iter()
            .find(|entry| entry.compartment() == v1::Compartment::Process)
            .unwrap()
            .alias();
        let keys = case
            .keys
            .versions()
            .filter(|held| held.alias.0 == process)
            .map(|held| PackedKey {
                compartment: Compartment::Process,
                alias: held.alias.0,
                number: held.number,
                commitment: held.commitment,
                key: held.key().clone(),
            });
        CaseFacts {
            claim: CaseClaim {
                case: case.id,
                computed: computed(&case.log, "2026-11-20T12:00:00Z".parse().unwrap(), &rules),
                rulings: case.claims.clone(),
            },
            keys: CaseKeysOf {
                case: case.id,
                keys: keys.collect(),
            },
            events: case.events.clone(),
        }
    }

    /// A pack as the trust's node exports it.
    pub(crate) fn export(&self, scope: Scope) -> Vec<u8> {
        self.export_to(scope, Vec::new())
    }

    pub(crate) fn export_to<W: std::io::Write>(&self, scope: Scope, out: W) -> W {
        let size = self.admission.size();
        let mut cases: Vec<&CaseBench> = self.cases.iter().collect();
        if let Scope::Case { case } = &scope {
            cases.retain(|bench| bench.id == *case);
        }
        cases.sort_by_key(|bench| bench.id);
        let selection = if scope.is_whole() {
            Selection::Whole
        } else {
            let heads = [TRUST, COUNCIL, BOARD].into_iter().filter_map(|code| {
                let organisation: OrganisationId = code.parse().unwrap();
                let head = self.admission.chain_head(&organisation)?;
                self.admission.index_of(&organisation, head.seq)
            });
            Selection::Parts {
                cases: cases.iter().map(|bench| bench.id).collect(),
                signed_by: match &scope {
                    Scope::Organisation { organisation } => Some(organisation.clone()),
                    _ => None,
                },
                heads: heads.collect(),
            }
        };
        let mut writer = PackWriter::begin(
            out,
            self.plan(scope),
            &self.file,
            self.packs.iter(),
            &self.calendars,
        )
        .unwrap();
        for (index, bundle) in (0..).zip(&self.bundles) {
            if let Some(entry) = selection.entry(index, bundle, self.admission.tree(), size) {
                writer.bundle(&entry).unwrap();
            }
        }
        for bench in cases {
            writer.case(&self.case_facts(bench)).unwrap();
        }
        let manifest = writer.manifest().unwrap();
        let key = signing_key(1);
        let signature = ManifestSignature {
            organisation: TRUST.parse().unwrap(),
            key_id: key.public_key().key_id(),
            signature: hex::encode(key.sign(PayloadType::AuditPackManifest, &manifest)),
        };
        writer.finish(&manifest, &signature).unwrap()
    }

    pub(crate) fn anchor(&self) -> Anchor {
        Anchor {
            partnership: Some(self.file.id()),
            trusted_head: None,
        }
    }
}

pub(crate) fn check(pack: &[u8], anchor: &Anchor) -> Report {
    verify(
        Cursor::new(pack),
        Cursor::new(pack),
        anchor,
        &mut |_, _, _| {},
    )
    .unwrap()
}

/// The codes found, each once, in their order.
pub(crate) fn codes(report: &Report) -> Vec<&'static str> {
    let mut codes: Vec<_> = report
        .findings
        .iter()
        .map(|finding| finding.code.as_str())
        .collect();
    codes.dedup();
    codes
}
