//! Tampering where a partnership changed: members joined, keys were revoked or rotated, rules and days were exchanged, a second body was
//! granted a case. See [`World::eventful`] for what stands where.

use std::fs;

use concordat_trust::admission::{CaseHead, Change};
use concordat_trust::bundle::Bundle;
use concordat_trust::case_log::Author;
use concordat_trust::digest::EventHash;
use concordat_trust::packed::Packed;
use concordat_verify::Anchor;
use concordat_verify::manifest::Scope;
use serde_json::json;

use crate::bench::{
    Case, Hand, Sees, assert_found, drop_entry, of_the_trust, one_case, python, python_codes, whole,
};
use crate::forge::Parts;
use crate::history::{JOINING, NEW_KEY, PROVIDER};
use crate::world::{BOARD, COUNCIL, FOUNDERS, TRUST, World, check, codes, directory, signing_key};

/// Leaves out the entry of a bundle, whatever else is in the pack.
fn drop_bundle(parts: &mut Parts, index: usize) {
    let packed = parts.packed();
    let which = packed.iter().position(|one| one.index == index as u64);
    drop_entry(parts, which.unwrap());
}

/// Puts a bundle at the end of a pack of the whole log.
fn put_at_the_end(parts: &mut Parts, bundle: &Bundle) {
    let mut packed = parts.packed();
    let index = packed.len() as u64;
    packed.push(Packed::of(index, bundle, Default::default(), |_| true));
    parts.set_packed(&packed);
}

/// Exchanges a bundle of the trust for another one that it signed for the same place.
fn exchange(parts: &mut Parts, index: usize, envelopes: Vec<concordat_trust::envelope::Envelope>) {
    let mut packed = parts.packed();
    let place = packed[index].header.place.clone();
    let other = Bundle::sign(place, envelopes, &signing_key(1)).unwrap();
    packed[index] = Packed::of(index as u64, &other, Default::default(), |_| true);
    parts.set_packed(&packed);
}

/// Flips the last byte of an entry: it belongs to the last part of its last envelope.
fn flip_last_byte(parts: &mut Parts, index: usize) {
    let mut entries = parts.entries();
    *entries[index].last_mut().unwrap() ^= 1;
    parts.set_entries(&entries);
}

/// The keys of the case, edited.
fn edit_keys(parts: &mut Parts, edit: impl FnOnce(&mut Vec<serde_json::Value>)) {
    let mut line: serde_json::Value = serde_json::from_slice(parts.member("keys/")).unwrap();
    edit(line["keys"].as_array_mut().unwrap());
    *parts.member("keys/") = format!("{line}\n").into_bytes();
}

/// Where the envelopes of [`World::eventful`] stand.
const OFFER: usize = 7;
const GRANT: usize = 8;
const REVOCATION: usize = 11;
const ROTATION: usize = 12;
const CALENDAR: usize = 14;
const LAST_EVENT: usize = 16;
const LAST_OF_THE_COUNCIL: usize = 17;

const TABLE: &[Case] = &[
    Case {
        what: "the version of the directory with which a member joined is left out",
        scope: one_case,
        hand: Hand::Exporter,
        sees: Sees::Both,
        code: "directory-version",
        forge: |parts, _| drop_bundle(parts, JOINING),
    },
    Case {
        what: "the version of the directory that revokes a key is left out",
        scope: one_case,
        hand: Hand::Exporter,
        sees: Sees::Both,
        code: "directory-version",
        forge: |parts, _| drop_bundle(parts, REVOCATION),
    },
    Case {
        what: "a change of the directory is left out of all that its author signed",
        scope: of_the_trust,
        hand: Hand::Exporter,
        sees: Sees::Both,
        code: "bundle-missing",
        forge: |parts, _| drop_bundle(parts, CALENDAR),
    },
    Case {
        what: "a version of the directory is edited",
        scope: whole,
        hand: Hand::Exporter,
        sees: Sees::Both,
        code: "malformed",
        forge: |parts, _| flip_last_byte(parts, JOINING),
    },
    Case {
        what: "a published calendar is edited",
        scope: whole,
        hand: Hand::Exporter,
        sees: Sees::Both,
        code: "malformed",
        forge: |parts, _| flip_last_byte(parts, CALENDAR),
    },
    Case {
        what: "a version of the directory comes without the signatures that it needs",
        scope: whole,
        hand: Hand::Exporter,
        sees: Sees::Both,
        code: "directory-version",
        forge: |parts, _| {
            let mut young = World::empty(21);
            let founding = directory("Example", &FOUNDERS, &young.packs);
            let change = Change::Directory(Box::new(founding));
            let alone = young.change_envelope(&change, &[TRUST]);
            exchange(parts, JOINING, vec![alone]);
        },
    },
    Case {
        what: "a bundle is signed with a key that was stolen and revoked",
        scope: whole,
        hand: Hand::Exporter,
        sees: Sees::Both,
        code: "key-revoked",
        forge: |parts, world| {
            let stolen = Bundle::sign(world.place(COUNCIL), Vec::new(), &signing_key(2)).unwrap();
            put_at_the_end(parts, &stolen);
        },
    },
    Case {
        what: "a stolen key signs as if it were still the day before the revocation",
        scope: whole,
        hand: Hand::Exporter,
        sees: Sees::Both,
        code: "directory-version",
        forge: |parts, world| {
            let mut place = world.place(COUNCIL);
            place.directory_version -= 1;
            let stolen = Bundle::sign(place, Vec::new(), &signing_key(2)).unwrap();
            put_at_the_end(parts, &stolen);
        },
    },
    Case {
        what: "a bundle is signed anew with the key that came later",
        scope: whole,
        hand: Hand::Exporter,
        sees: Sees::Both,
        code: "bad-signature",
        forge: |parts, _| {
            let mut packed = parts.packed();
            crate::bench::sign(&mut packed[OFFER], NEW_KEY);
            parts.set_packed(&packed);
        },
    },
    Case {
        what: "a bundle of a new member is signed by another one",
        scope: whole,
        hand: Hand::Exporter,
        sees: Sees::Both,
        code: "key-not-permitted",
        forge: |parts, world| {
            let made_up = Bundle::sign(world.place(PROVIDER), Vec::new(), &signing_key(3)).unwrap();
            put_at_the_end(parts, &made_up);
        },
    },
    Case {
        what: "somebody signs who is no member",
        scope: whole,
        hand: Hand::Exporter,
        sees: Sees::Both,
        code: "key-not-permitted",
        forge: |parts, world| {
            let made_up =
                Bundle::sign(world.place("ods:ZX9"), Vec::new(), &signing_key(9)).unwrap();
            put_at_the_end(parts, &made_up);
        },
    },
    Case {
        what: "keys that were granted are exchanged",
        scope: one_case,
        hand: Hand::Exporter,
        sees: Sees::Both,
        code: "part-changed",
        forge: |parts, _| {
            let mut packed = parts.packed();
            let at = packed
                .iter()
                .position(|one| one.index == GRANT as u64)
                .unwrap();
            let mut entries = parts.entries();
            let range = concordat_trust::packed::envelope_ranges(&entries[at]).remove(0);
            entries[at][range.end - 1] ^= 1;
            parts.set_entries(&entries);
            packed.clear();
        },
    },
    Case {
        what: "a grant is left out",
        scope: one_case,
        hand: Hand::Exporter,
        sees: Sees::Both,
        code: "case-chain",
        forge: |parts, _| drop_bundle(parts, GRANT),
    },
    Case {
        what: "an offer is left out",
        scope: one_case,
        hand: Hand::Exporter,
        sees: Sees::Both,
        code: "case-chain",
        forge: |parts, _| drop_bundle(parts, OFFER),
    },
    Case {
        what: "the record of a rotated key is left out",
        scope: one_case,
        hand: Hand::Exporter,
        sees: Sees::Both,
        code: "case-chain",
        forge: |parts, _| drop_bundle(parts, ROTATION),
    },
    Case {
        what: "a rotated key is given as the one before",
        scope: one_case,
        hand: Hand::Exporter,
        sees: Sees::Both,
        code: "key-mismatch",
        forge: |parts, _| {
            edit_keys(parts, |keys| {
                assert_eq!(keys.len(), 2, "two versions of process");
                keys[1]["key"] = keys[0]["key"].clone();
            })
        },
    },
    Case {
        what: "a rotated key is left out",
        scope: one_case,
        hand: Hand::Exporter,
        sees: Sees::OnlyRules,
        code: "ruling-differs",
        forge: |parts, _| edit_keys(parts, |keys| drop(keys.pop())),
    },
    Case {
        what: "a protocol that was agreed on later is exchanged",
        scope: whole,
        hand: Hand::Exporter,
        sees: Sees::Both,
        code: "policy-pack-changed",
        forge: |parts, _| parts.member("policy-packs/joint-second").push(b'\n'),
    },
    Case {
        what: "a protocol that was agreed on later is left out",
        scope: whole,
        hand: Hand::Exporter,
        sees: Sees::Both,
        code: "policy-pack-changed",
        forge: |parts, _| {
            let other = |name: &str| !name.starts_with("policy-packs/joint-second");
            parts.members.retain(|(name, _)| other(name));
            parts.manifest.members.retain(|listed| other(&listed.name));
        },
    },
    Case {
        what: "calendars are exchanged",
        scope: one_case,
        hand: Hand::Exporter,
        sees: Sees::Both,
        code: "calendar-changed",
        forge: |parts, _| parts.member("calendars.json").push(b'\n'),
    },
    Case {
        what: "the exporter rewrites what it said and signs it anew",
        scope: whole,
        hand: Hand::Exporter,
        sees: Sees::Both,
        code: "split-view",
        forge: |parts, world| {
            let told = parts.packed()[LAST_EVENT].envelopes[0]
                .envelope()
                .unwrap()
                .clone();
            let link = *told.header().class.link().unwrap();
            let before = CaseHead {
                seq: link.seq - 1,
                hash: link.prev,
            };
            assert_ne!(link.prev, EventHash::ZERO);
            let fields = json!({"attempts": 9, "last_on": "2026-10-21", "decision": "keep-trying"});
            let other = world.rewritten(0, Some(before), "contact-lost", &fields);
            exchange(parts, LAST_EVENT, vec![other]);
        },
    },
    Case {
        what: "the last bundle of the council, which knew all, is left out of a part of the log",
        scope: one_case,
        hand: Hand::Exporter,
        sees: Sees::Both,
        code: "counts-differ",
        forge: |parts, _| {
            let counts = parts.manifest.counts;
            drop_bundle(parts, LAST_OF_THE_COUNCIL);
            parts.manifest.counts = counts;
        },
    },
    Case {
        what: "the manifest is signed in the council's name with its stolen key",
        scope: whole,
        hand: Hand::Exporter,
        sees: Sees::Both,
        code: "manifest-signature",
        forge: |parts, _| {
            parts.manifest.exported.by = COUNCIL.parse().unwrap();
            parts.signer = 2;
        },
    },
];

impl World {
    /// An event of the trust in place of another one.
    fn rewritten(
        &mut self,
        case: usize,
        before: Option<CaseHead>,
        kind: &str,
        fields: &serde_json::Value,
    ) -> concordat_trust::envelope::Envelope {
        let trust = TRUST.parse().unwrap();
        let event = self.wire(&trust, &self.cases[case].log, 0, kind, fields, None);
        let id = self.id();
        let partnership = self.file.id();
        let bench = &self.cases[case];
        let mut author = Author::of_case(&partnership, &trust, &bench.log, &bench.keys, before);
        author.event(id, &event, &mut self.rng).unwrap()
    }
}

#[test]
fn every_tampering_with_what_changed_is_found_and_named_by_both_verifiers() {
    assert_found(TABLE, World::eventful);
}

#[test]
fn both_verifiers_find_nothing_where_the_directory_changed_and_keys_were_rotated() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::eventful();
    let of_the_provider = Scope::Organisation {
        organisation: PROVIDER.parse().unwrap(),
    };
    let scopes = [
        whole(&world),
        one_case(&world),
        of_the_trust(&world),
        of_the_provider,
    ];
    let paths = (0..).zip(scopes).map(|(number, scope)| {
        let pack = world.export(scope.clone());
        let report = check(&pack, &world.anchor());
        assert_eq!(codes(&report), [""; 0], "{scope:?}: {:?}", report.findings);
        let path = folder.path().join(format!("{number}.pack"));
        fs::write(&path, pack).unwrap();
        path
    });
    let paths: Vec<_> = paths.collect();
    for report in python(paths.iter().map(std::path::PathBuf::as_path), &[]) {
        assert_eq!(python_codes(&report), [""; 0], "{report}");
    }
}

/// A manifest in the council's name verifies with the key that took the place of the stolen one.
#[test]
fn a_manifest_that_is_signed_with_an_organisations_new_key_verifies() {
    let world = World::eventful();
    let mut parts = Parts::of(&world.export(Scope::Partnership));
    parts.manifest.exported.by = COUNCIL.parse().unwrap();
    let pack = parts.signed_anew(&signing_key(NEW_KEY));
    assert_eq!(codes(&check(&pack, &world.anchor())), [""; 0]);
}

/// Whoever was robbed of the last days, such as those with a revocation in them, finds it by a head seen before.
#[test]
fn a_log_that_was_taken_back_behind_a_revocation_is_found_by_both_verifiers() {
    let mut world = World::eventful();
    let short = world.export(Scope::Partnership);
    world.head(BOARD);
    let later = world.admission.seen();
    let anchor = Anchor {
        trusted_head: Some((later.size, later.root)),
        ..world.anchor()
    };
    assert_eq!(codes(&check(&short, &anchor)), ["rolled-back"]);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("short.pack");
    fs::write(&path, short).unwrap();
    let head = format!("{}:{}", later.size, later.root);
    let reports = python(std::iter::once(path.as_path()), &["--trusted-head", &head]);
    assert_eq!(python_codes(&reports[0]), ["rolled-back"]);
}
