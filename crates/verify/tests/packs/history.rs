//! What happens to a partnership over the years: organisations join, keys are exchanged and revoked, rules and days change, a second body
//! takes part in a case, and its keys are rotated.

use std::collections::BTreeSet;

use concordat_domain::ids::OrganisationId;
use concordat_domain::policy::{PolicyPack, PolicyPacks};
use concordat_trust::admission::{Change, UnsignedChange};
use concordat_trust::case_log::Author;
use concordat_trust::compartment::Compartment;
use concordat_trust::envelope::{Class, Envelope, ReadyPart};
use concordat_trust::grant::OfferSecret;
use concordat_trust::key_record::{EventReference, KeyVersionReason};
use concordat_trust::keyring::CaseKeys;
use concordat_trust::partnership::PartnershipFile;
use serde_json::json;

use crate::world::{BOARD, COUNCIL, Entry, FOUNDERS, TRUST, World, directory, signing_key};

/// An organisation that is not there from the beginning.
pub(crate) const PROVIDER: &str = "cqc:1-999";
/// The seed of the key that the council signs with after its first one was stolen.
pub(crate) const NEW_KEY: u8 = 5;
/// Bundles that the council signs with its first key.
const BEFORE_THE_THEFT: u64 = 3;

/// Where the changes of [`World::eventful`] stand on its log.
pub(crate) const JOINING: usize = 2;

impl World {
    /// A joint case of the trust and the council with rotated keys, and everything that the directory may go through meanwhile.
    pub(crate) fn eventful() -> Self {
        let mut world = Self::empty(21);
        let case = world.open_case();
        world.head(COUNCIL);
        // The provider joins, the council gets a second key, and a local protocol is added.
        let mut packs: Vec<PolicyPack> = PolicyPacks::built_in().iter().cloned().collect();
        let protocol = packs
            .iter()
            .find(|one| one.id().as_str() == "joint-example-v1");
        let second = protocol
            .unwrap()
            .text()
            .replace("id = \"joint-example-v1\"", "id = \"joint-second-v1\"");
        packs.push(PolicyPack::from_toml(&second).unwrap());
        world.packs = PolicyPacks::new(packs);
        let mut entries: Vec<Entry> = FOUNDERS.to_vec();
        entries[1].1 = &[2, NEW_KEY];
        entries.push((PROVIDER, &[4], "provider", None));
        assert_eq!(world.bundles.len(), JOINING);
        world.change(&Change::Directory(Box::new(world.version(&entries))));
        world.signs_with.insert(PROVIDER, 4);
        world.head(PROVIDER);
        world.share(case, COUNCIL);
        assert_eq!(world.seq_of(COUNCIL), BEFORE_THE_THEFT);
        // What the council signed with its first key counts no more from here on.
        entries[1].3 = Some((2, BEFORE_THE_THEFT + 1));
        world.change(&Change::Directory(Box::new(world.version(&entries))));
        world.signs_with.insert(COUNCIL, NEW_KEY);
        world.rotate(case, Compartment::Process);
        let lost = json!({"attempts": 1, "last_on": "2026-10-21", "decision": "keep-trying"});
        world.emit_as(TRUST, case, "contact-lost", lost.clone());
        let calendar = Change::Calendar {
            name: "EW".to_owned(),
            version: 9,
            document: r#"{"holidays":[{"date":"2026-12-29","title":"Extra day"}]}"#.to_owned(),
            at: world.clock,
        };
        world.change(&calendar);
        world.rotate(case, Compartment::Identity);
        world.emit_as(TRUST, case, "contact-lost", lost);
        world.head(COUNCIL);
        world.head(PROVIDER);
        world.head(BOARD);
        world.head(TRUST);
        world
    }

    fn version(&self, entries: &[Entry]) -> PartnershipFile {
        directory("Example", entries, &self.packs)
    }

    pub(crate) fn seq_of(&self, organisation: &str) -> u64 {
        let organisation: OrganisationId = organisation.parse().unwrap();
        self.admission
            .chain_head(&organisation)
            .map_or(0, |head| head.seq)
    }

    /// The envelope of a change that these organisations sign.
    pub(crate) fn change_envelope(
        &mut self,
        change: &Change,
        signers: &[&'static str],
    ) -> Envelope {
        let version = self.admission.directory_version() + 1;
        let previous = self.admission.directory().hash();
        let unsigned = UnsignedChange::new(&self.file.id(), change, version, &previous);
        let signatures = signers.iter().map(|code| {
            let key = signing_key(self.signs_with[code]);
            (code.parse().unwrap(), unsigned.sign(&key))
        });
        let signatures: Vec<_> = signatures.collect();
        let part = ReadyPart::clear(unsigned.with_signatures(signatures));
        Envelope::assemble(self.id(), Class::Partnership, vec![part]).unwrap()
    }

    /// A change that the trust and the board sign, and the trust publishes.
    fn change(&mut self, change: &Change) {
        let envelope = self.change_envelope(change, &[TRUST, BOARD]);
        let before = (self.admission.directory_version(), self.calendar_versions());
        self.append(TRUST, vec![envelope]);
        let after = (self.admission.directory_version(), self.calendar_versions());
        assert_ne!(before, after, "the change has no effect");
    }

    fn calendar_versions(&self) -> usize {
        let directory = self.admission.judging_directory(self.admission.size());
        directory.calendar_versions("EW").count()
    }

    /// A second organisation is added to a case, offers a key, is granted what it may read, joins, and says something.
    fn share(&mut self, case: usize, with: &'static str) {
        let opening = self.cases[case].log.keys().effective_opening().unwrap();
        let consent = json!({"given_by": "p-1", "orgs": [with], "issues": "all", "learning": true, "evidence_ref": "d-1"});
        self.emit(case, "consent-granted", consent);
        let added = json!({"participant": with, "why_code": "issue-owner"});
        let adding = self.emit_as(TRUST, case, "participant-added", added);
        let recipient: OrganisationId = with.parse().unwrap();
        let id = self.id();
        let invitation = self.author(TRUST, case, |author, _, _| {
            author.invite(id, recipient, adding).unwrap()
        });
        let invitation = self.publish(TRUST, invitation);
        let secret = OfferSecret::generate(&mut self.rng);
        let id = self.id();
        let public = secret.public_key();
        let offer = self.author(with, case, |author, _, _| {
            author.offer(id, public, invitation).unwrap()
        });
        self.publish(with, offer);
        self.grant(case, with, &opening);
        let joined = json!({"responsible_person": "chief-executive"});
        self.emit_as(with, case, "participant-joined", joined);
        self.grant(case, with, &opening);
    }

    fn grant(&mut self, case: usize, to: &str, basis: &EventReference) {
        let (giver, recipient) = (
            TRUST.parse().unwrap(),
            to.parse::<OrganisationId>().unwrap(),
        );
        let on = concordat_domain::calendar::local_date(self.clock);
        let id = self.id();
        let mut rng = self.rng.clone();
        let envelope = self.author(TRUST, case, |author, log, keys| {
            let versions: BTreeSet<_> = log
                .grantable(&giver, &recipient, on)
                .into_iter()
                .map(|(alias, number, _)| (alias, number))
                .collect();
            let versions: Vec<_> = versions.into_iter().collect();
            assert!(!versions.is_empty(), "there is nothing to grant");
            let offer = log.keys().offers[&recipient].clone();
            author
                .grant(
                    id,
                    (&recipient, &offer),
                    basis.clone(),
                    &versions,
                    (log, keys),
                    &mut rng,
                )
                .unwrap()
        });
        self.publish(TRUST, envelope);
    }

    /// A new version of one of the case's keys, as from time to time.
    fn rotate(&mut self, case: usize, compartment: Compartment) {
        let id = self.id();
        let mut rng = self.rng.clone();
        let envelope = self.author(TRUST, case, |author, _, _| {
            author
                .renew(id, compartment, KeyVersionReason::Renewal, None, &mut rng)
                .unwrap()
        });
        self.publish(TRUST, envelope);
    }

    /// Has an organisation make an envelope of a case; keys made thereby are kept.
    fn author(
        &mut self,
        by: &str,
        case: usize,
        make: impl FnOnce(&mut Author<'_>, &concordat_trust::case_log::CaseLog, &CaseKeys) -> Envelope,
    ) -> Envelope {
        let by: OrganisationId = by.parse().unwrap();
        let partnership = self.file.id();
        let bench = &mut self.cases[case];
        let head = self.admission.case_head(&by, &bench.id);
        let mut author = Author::of_case(&partnership, &by, &bench.log, &bench.keys, head);
        let envelope = make(&mut author, &bench.log, &bench.keys);
        author.keep(&mut bench.keys).unwrap();
        envelope
    }
}
