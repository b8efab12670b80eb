//! Every kind of tampering, by somebody without any key and by a lying exporter, against this verifier and against the one in Python that
//! was written from the documentation alone.

use std::fs;
use std::path::PathBuf;

use concordat_trust::bundle::Bundle;
use concordat_trust::packed::Packed;
use concordat_verify::Anchor;
use concordat_verify::manifest::Scope;
use serde_json::Value;

use crate::bench::{
    Case, Hand, Sees, assert_found, drop_entry, edit_line, of_the_trust, one_case, python,
    python_codes, sign, whole,
};
use crate::world::{BOARD, COUNCIL, World, check, codes, partnership, signing_key};

const TABLE: &[Case] = &[
    Case {
        what: "a byte of a member is flipped",
        scope: whole,
        hand: Hand::Stranger,
        sees: Sees::Both,
        code: "member-changed",
        forge: |parts, _| {
            let member = parts.member("bundles/");
            let middle = member.len() / 2;
            member[middle] ^= 1;
        },
    },
    Case {
        what: "a member is taken out",
        scope: whole,
        hand: Hand::Stranger,
        sees: Sees::Both,
        code: "member-missing",
        forge: |parts, _| {
            parts
                .members
                .retain(|(name, _)| !name.starts_with("claims/"))
        },
    },
    Case {
        what: "a member is put in",
        scope: whole,
        hand: Hand::Stranger,
        sees: Sees::Both,
        code: "member-unlisted",
        forge: |parts, _| parts.members.push(("notes.txt".to_owned(), b"x".to_vec())),
    },
    Case {
        what: "the manifest is edited",
        scope: whole,
        hand: Hand::Stranger,
        sees: Sees::Both,
        code: "manifest-signature",
        forge: |parts, _| parts.manifest.exported.purpose = "another".to_owned(),
    },
    Case {
        what: "a deadline is edited on the way",
        scope: whole,
        hand: Hand::Stranger,
        sees: Sees::Both,
        code: "member-changed",
        forge: |parts, _| {
            parts.edit(
                "claims/",
                "\"due\":\"2026-10-26\"",
                "\"due\":\"2026-10-27\"",
            )
        },
    },
    Case {
        what: "a byte of a signed header is flipped",
        scope: whole,
        hand: Hand::Exporter,
        sees: Sees::Both,
        code: "bad-signature",
        forge: |parts, _| {
            let mut packed = parts.packed();
            // The last byte of the header is one of the root over no envelopes only in a head; the time in front of it is free.
            let at = packed[2].header_bytes.len() - 40;
            let byte = &mut packed[2].header_bytes[at];
            *byte ^= 1;
            parts.set_packed(&packed);
        },
    },
    Case {
        what: "a byte of a sealed part is flipped",
        scope: whole,
        hand: Hand::Exporter,
        sees: Sees::Both,
        code: "malformed",
        forge: |parts, _| {
            let mut entries = parts.entries();
            let entry = &mut entries[0];
            let last = entry.len() - 1;
            let range = concordat_trust::packed::envelope_ranges(entry).remove(0);
            // Part 0 begins after the envelope header; its salt is somewhere past the first third.
            let at = range.start + (range.len() / 3).min(last);
            entry[at] ^= 1;
            parts.set_entries(&entries);
        },
    },
    Case {
        what: "content of an event is exchanged",
        scope: whole,
        hand: Hand::Exporter,
        sees: Sees::Both,
        code: "part-changed",
        forge: |parts, _| {
            let mut entries = parts.entries();
            // The last part of the opening event is content; its last byte is of its tag.
            let last = entries[0].len() - 1;
            entries[0][last] ^= 1;
            parts.set_entries(&entries);
        },
    },
    Case {
        what: "a bundle is left out",
        scope: whole,
        hand: Hand::Exporter,
        sees: Sees::Both,
        code: "bundle-missing",
        forge: |parts, _| drop_entry(parts, 3),
    },
    Case {
        what: "the last bundle is left out",
        scope: whole,
        hand: Hand::Exporter,
        sees: Sees::Both,
        code: "root-differs",
        forge: |parts, world| drop_entry(parts, world.bundles.len() - 1),
    },
    Case {
        what: "two bundles change places",
        scope: whole,
        hand: Hand::Exporter,
        sees: Sees::Both,
        code: "bundle-order",
        forge: |parts, _| {
            let mut entries = parts.entries();
            entries.swap(2, 3);
            parts.set_entries(&entries);
        },
    },
    Case {
        what: "two bundles change places and numbers",
        scope: whole,
        hand: Hand::Exporter,
        sees: Sees::Both,
        code: "split-view",
        forge: |parts, _| {
            let mut packed = parts.packed();
            packed.swap(2, 3);
            (packed[2].index, packed[3].index) = (2, 3);
            parts.set_packed(&packed);
        },
    },
    Case {
        what: "a bundle is put in twice",
        scope: whole,
        hand: Hand::Exporter,
        sees: Sees::Both,
        code: "bundle-twice",
        forge: |parts, _| {
            let mut entries = parts.entries();
            let again = entries[1].clone();
            entries.insert(4, again);
            parts.set_entries(&entries);
            parts.manifest.counts.bundles += 1;
            parts.manifest.counts.envelopes += 1;
        },
    },
    Case {
        what: "a made-up bundle is put in",
        scope: whole,
        hand: Hand::Exporter,
        sees: Sees::Both,
        code: "key-not-permitted",
        forge: |parts, world| {
            let place = world.place(COUNCIL);
            let made_up = Bundle::sign(place, Vec::new(), &signing_key(9)).unwrap();
            let mut packed = parts.packed();
            packed.push(Packed::of(
                packed.len() as u64,
                &made_up,
                Default::default(),
                |_| true,
            ));
            parts.set_packed(&packed);
        },
    },
    Case {
        what: "a bundle is signed by another organisation's key",
        scope: whole,
        hand: Hand::Exporter,
        sees: Sees::Both,
        code: "bad-signature",
        forge: |parts, _| {
            let mut packed = parts.packed();
            sign(&mut packed[0], 2);
            parts.set_packed(&packed);
        },
    },
    Case {
        what: "an organisation signed two bundles for one place",
        scope: whole,
        hand: Hand::Exporter,
        sees: Sees::Both,
        code: "fork",
        forge: |parts, world| {
            let mut place = world.place(BOARD);
            let mut packed = parts.packed();
            let own = packed
                .iter()
                .rfind(|one| one.header.place.organisation.as_str() == BOARD)
                .unwrap();
            place.seq = own.header.place.seq;
            place.prev = own.header.place.prev;
            let rival = Bundle::sign(place, Vec::new(), &signing_key(3)).unwrap();
            packed.push(Packed::of(
                packed.len() as u64,
                &rival,
                Default::default(),
                |_| true,
            ));
            parts.set_packed(&packed);
        },
    },
    Case {
        what: "a bundle comes that is not the next",
        scope: whole,
        hand: Hand::Exporter,
        sees: Sees::Both,
        code: "not-next",
        forge: |parts, world| {
            let mut place = world.place(BOARD);
            place.seq += 1;
            let later = Bundle::sign(place, Vec::new(), &signing_key(3)).unwrap();
            let mut packed = parts.packed();
            packed.push(Packed::of(
                packed.len() as u64,
                &later,
                Default::default(),
                |_| true,
            ));
            parts.set_packed(&packed);
        },
    },
    Case {
        what: "the partnership file is exchanged",
        scope: whole,
        hand: Hand::Exporter,
        sees: Sees::Both,
        code: "other-partnership",
        forge: |parts, _| {
            *parts.member("partnership.json") =
                partnership("Another").canonical().as_bytes().to_vec()
        },
    },
    Case {
        what: "a pack of rules is exchanged",
        scope: whole,
        hand: Hand::Exporter,
        sees: Sees::Both,
        code: "policy-pack-changed",
        forge: |parts, _| {
            parts
                .member("policy-packs/eng-2009")
                .extend_from_slice(b"\n# other\n")
        },
    },
    Case {
        what: "a calendar is exchanged",
        scope: whole,
        hand: Hand::Exporter,
        sees: Sees::Both,
        code: "calendar-changed",
        forge: |parts, _| parts.member("calendars.json").push(b'\n'),
    },
    Case {
        what: "a key is exchanged",
        scope: whole,
        hand: Hand::Exporter,
        sees: Sees::Both,
        code: "key-mismatch",
        forge: |parts, _| {
            edit_line(parts, "keys/", |line| {
                line["keys"][0]["key"] = "00".repeat(32).into()
            })
        },
    },
    Case {
        what: "a deadline is edited by the exporter",
        scope: whole,
        hand: Hand::Exporter,
        sees: Sees::OnlyRules,
        code: "deadline-differs",
        forge: |parts, _| {
            parts.edit(
                "claims/",
                "\"due\":\"2026-10-26\"",
                "\"due\":\"2026-10-27\"",
            )
        },
    },
    Case {
        what: "a state is edited by the exporter",
        scope: whole,
        hand: Hand::Exporter,
        sees: Sees::OnlyRules,
        code: "state-differs",
        forge: |parts, _| parts.edit("claims/", "\"state\":\"received\"", "\"state\":\"closed\""),
    },
    Case {
        what: "a digest is edited by the exporter",
        scope: whole,
        hand: Hand::Exporter,
        sees: Sees::OnlyRules,
        code: "digest-differs",
        forge: |parts, _| {
            edit_line(parts, "claims/", |line| {
                line["computed"]["digest"] = "00".repeat(32).into()
            })
        },
    },
    Case {
        what: "a ruling is edited by the exporter",
        scope: whole,
        hand: Hand::Exporter,
        sees: Sees::OnlyRules,
        code: "ruling-differs",
        forge: |parts, _| {
            parts.edit(
                "claims/",
                "\"ruling\":\"effective\"",
                "\"ruling\":\"void\",\"reason\":\"late\"",
            )
        },
    },
    Case {
        what: "a ruling is left out by the exporter",
        scope: one_case,
        hand: Hand::Exporter,
        sees: Sees::OnlyRules,
        code: "claim-missing",
        forge: |parts, _| {
            let mut claim: Value = serde_json::from_slice(parts.member("claims/")).unwrap();
            claim["rulings"].as_array_mut().unwrap().remove(1);
            *parts.member("claims/") = serde_json::to_vec(&claim).unwrap();
        },
    },
    Case {
        what: "a claim is made of an envelope that is not there",
        scope: one_case,
        hand: Hand::Exporter,
        sees: Sees::Both,
        code: "claim-unfounded",
        forge: |parts, _| {
            parts.edit("claims/", "\"position\":\"", "\"position\":\"77.7\",\"author\":\"ods:ZT1\",\"event_id\":\"00000000-0000-0000-0000-000000000000\",\"ruling\":\"void\"},{\"position\":\"")
        },
    },
    Case {
        what: "an event in the middle of a case is left out",
        scope: one_case,
        hand: Hand::Exporter,
        sees: Sees::Both,
        code: "case-chain",
        forge: |parts, _| drop_entry(parts, 1),
    },
    Case {
        what: "a bundle is said to stand elsewhere",
        scope: one_case,
        hand: Hand::Exporter,
        sees: Sees::Both,
        code: "not-included",
        forge: |parts, _| {
            let mut packed = parts.packed();
            packed[0].index += 1;
            parts.set_packed(&packed);
        },
    },
    Case {
        what: "a path is edited",
        scope: one_case,
        hand: Hand::Exporter,
        sees: Sees::Both,
        code: "not-included",
        forge: |parts, _| {
            let mut packed = parts.packed();
            packed[0].paths.inclusion[0].0[0] ^= 1;
            parts.set_packed(&packed);
        },
    },
    Case {
        what: "the proof of what an author had seen is edited",
        scope: one_case,
        hand: Hand::Exporter,
        sees: Sees::Both,
        code: "split-view",
        forge: |parts, _| {
            let mut packed = parts.packed();
            packed.last_mut().unwrap().paths.seen[0].0[0] ^= 1;
            parts.set_packed(&packed);
        },
    },
    Case {
        what: "a bundle of the organisation is left out",
        scope: of_the_trust,
        hand: Hand::Exporter,
        sees: Sees::Both,
        code: "bundle-missing",
        forge: |parts, _| drop_entry(parts, 3),
    },
    Case {
        what: "the counts are edited",
        scope: whole,
        hand: Hand::Exporter,
        sees: Sees::Both,
        code: "counts-differ",
        forge: |parts, _| parts.manifest.counts.envelopes += 1,
    },
];

#[test]
fn every_tampering_is_found_and_named_by_both_verifiers() {
    assert_found(TABLE, World::small);
}

#[test]
fn both_verifiers_find_nothing_in_clean_packs() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::small();
    let mut paths = Vec::new();
    for (number, scope) in [whole(&world), one_case(&world), of_the_trust(&world)]
        .into_iter()
        .enumerate()
    {
        let path = folder.path().join(format!("{number}.pack"));
        fs::write(&path, world.export(scope)).unwrap();
        paths.push(path);
    }
    for report in python(paths.iter().map(PathBuf::as_path), &[]) {
        assert_eq!(python_codes(&report), [""; 0], "{report}");
        assert_eq!(report["fingerprint"], world.file.id().to_string());
        assert_ne!(report["cases_opened"], 0);
    }
}

#[test]
fn a_pack_that_somebody_else_made_up_as_a_whole_needs_an_anchor_to_be_found() {
    let world = World::small();
    let pack = world.export(Scope::Partnership);
    let other = Anchor {
        partnership: Some(partnership("Another").id()),
        trusted_head: None,
    };
    assert_eq!(codes(&check(&pack, &other)), ["other-partnership"]);
}

#[test]
fn a_file_cut_short_is_no_pack() {
    let world = World::small();
    let pack = world.export(Scope::Partnership);
    let cut = std::io::Cursor::new(&pack[..pack.len() - 30]);
    let verified = concordat_verify::verify(cut.clone(), cut, &world.anchor(), &mut |_, _, _| {});
    assert!(verified.is_err());
}
