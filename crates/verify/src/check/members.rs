//! The files of a pack: are they those that were exported, by whom, and are the rules those that were agreed on?

use std::collections::BTreeSet;
use std::io::{Read, Seek};

use concordat_domain::calendar::Calendars;
use concordat_domain::policy::{PolicyPack, PolicyPacks};
use concordat_trust::pae::PayloadType;
use concordat_trust::partnership::PartnershipFile;
use concordat_trust::signing::SIGNATURE_BYTES;

use super::{Anchor, Checked, Findings, Progress, Record, Rulebook, Stage};
use crate::finding::{Code, Place};
use crate::manifest::{CALENDARS, MANIFEST, PARTNERSHIP, POLICY_PACKS, SIGNATURE};
use crate::read::{Error, Pack};

/// Each file against the manifest.
pub(super) fn check<R: Read + Seek>(
    pack: &mut Pack<R>,
    findings: &mut Findings,
    checked: &mut Checked,
    progress: Progress<'_>,
) -> Result<(), Error> {
    let listed = pack.manifest.members.clone();
    let bytes: u64 = listed.iter().map(|member| member.bytes).sum();
    let mut done = 0;
    let mut names = BTreeSet::from([MANIFEST.to_owned(), SIGNATURE.to_owned()]);
    for member in &listed {
        let place = Place::member(&member.name);
        if !names.insert(member.name.clone()) {
            findings.add(Code::MemberUnlisted, place, "listed twice");
            continue;
        }
        match pack.hash(&member.name) {
            Ok(Some(found)) if (found.bytes, found.sha256) == (member.bytes, member.sha256) => {}
            Ok(Some(found)) => {
                let particulars = format!("SHA-256 is {}", found.sha256);
                findings.add(Code::MemberChanged, place, &particulars);
            }
            Ok(None) => findings.add(Code::MemberMissing, place, ""),
            // Damage within a member shows as a failed checksum of the ZIP.
            Err(error) => findings.add(Code::MemberChanged, place, &error.to_string()),
        }
        checked.members += 1;
        done += member.bytes;
        progress(Stage::Files, done, bytes);
    }
    for name in pack.names() {
        if !names.contains(&name) {
            findings.add(Code::MemberUnlisted, Place::member(&name), "");
        }
    }
    if pack.has_name_twice() {
        findings.add(
            Code::MemberUnlisted,
            Place::default(),
            "a name is there twice",
        );
    }
    Ok(())
}

/// Reads partnership, packs and calendars. Nothing if there is no partnership to check the record against.
pub(super) fn rulebook<R: Read + Seek>(
    pack: &mut Pack<R>,
    anchor: &Anchor,
    findings: &mut Findings,
) -> Result<Option<Rulebook>, Error> {
    let malformed = |findings: &mut Findings, name: &str, why: String| {
        findings.add(Code::MemberMalformed, Place::member(name), &why);
    };
    let partnership = match pack.text(PARTNERSHIP) {
        Ok(text) => PartnershipFile::from_canonical(&text).map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    };
    let partnership = match partnership {
        Ok(file) => file,
        Err(why) => {
            malformed(findings, PARTNERSHIP, why);
            return Ok(None);
        }
    };
    let place = Place::member(PARTNERSHIP);
    if partnership.id() != pack.manifest.partnership {
        let particulars = format!("the file is of {}", partnership.id());
        findings.add(Code::OtherPartnership, place.clone(), &particulars);
    }
    if let Some(expected) = anchor.partnership
        && expected != partnership.id()
    {
        let particulars = format!("expected {expected}, found {}", partnership.id());
        findings.add(Code::OtherPartnership, place, &particulars);
    }
    let mut packs = Vec::new();
    for name in pack.members_of(POLICY_PACKS) {
        let read = match pack.text(&name) {
            Ok(text) => PolicyPack::from_toml(&text).map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        match read {
            Ok(read) if name == format!("{POLICY_PACKS}{}.toml", read.id()) => packs.push(read),
            Ok(read) => malformed(findings, &name, format!("it is the pack {}", read.id())),
            Err(why) => malformed(findings, &name, why),
        }
    }
    let calendars = match pack.text(CALENDARS) {
        Ok(text) => Calendars::from_json(&text).map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    };
    let calendars = calendars.unwrap_or_else(|why| {
        malformed(findings, CALENDARS, why);
        Calendars::built_in()
    });
    Ok(Some(Rulebook {
        partnership,
        packs: PolicyPacks::new(packs),
        calendars,
    }))
}

/// The signature over the manifest, by a key that some directory version in force listed for the exporting organisation and that none
/// revoked: whoever stole a key could otherwise go on making claims in its owner's name.
pub(super) fn check_signature<R: Read + Seek>(
    pack: &Pack<R>,
    record: &Record,
    findings: &mut Findings,
) {
    let signed = &pack.signature;
    let mut bytes = [0; SIGNATURE_BYTES];
    let decoded = hex::decode_to_slice(&signed.signature, &mut bytes).is_ok();
    let by_exporter = signed.organisation == pack.manifest.exported.by;
    let revoked = record.directories().any(|file| {
        let member = file.member(&signed.organisation);
        let mut revoked = member.into_iter().flat_map(|one| &one.revoked_keys);
        revoked.any(|one| one.key_id == signed.key_id)
    });
    let mut keys = record
        .directories()
        .filter_map(|file| file.signing_key(&signed.organisation, &signed.key_id));
    let holds = decoded
        && by_exporter
        && !revoked
        && keys.any(|key| {
            let body = &pack.manifest_bytes;
            key.verify(PayloadType::AuditPackManifest, body, &bytes)
                .is_ok()
        });
    if !holds {
        let place = Place {
            organisation: Some(pack.manifest.exported.by.clone()),
            ..Place::member(SIGNATURE)
        };
        findings.add(Code::ManifestSignature, place, "");
    }
}

/// Packs and calendars against what the directory versions pin.
pub(super) fn check_pins(rulebook: &Rulebook, record: &Record, findings: &mut Findings) {
    let newest = record.directory().content();
    for pin in &newest.policy_packs {
        let name = format!("{POLICY_PACKS}{}.toml", pin.id);
        match rulebook.packs.get(&pin.id) {
            Some(pack) if pack.hash() == pin.hash.0 => {}
            Some(pack) => {
                let particulars =
                    format!("pinned {}, found {}", pin.hash, hex::encode(pack.hash()));
                findings.add(Code::PolicyPackChanged, Place::member(&name), &particulars);
            }
            None => findings.add(
                Code::PolicyPackChanged,
                Place::member(&name),
                "it is not here",
            ),
        }
    }
    let hash = rulebook.calendars.hash();
    if newest.calendars.iter().any(|pin| pin.hash.0 != hash) {
        let particulars = format!("found {}", hex::encode(hash));
        findings.add(
            Code::CalendarChanged,
            Place::member(CALENDARS),
            &particulars,
        );
    }
}
