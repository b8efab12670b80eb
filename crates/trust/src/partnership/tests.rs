use super::*;
use crate::signing::SigningKey;

/// A file of two organisations; `extra` is put before the organisations.
fn file(extra: &str) -> String {
    let key = |seed: u8| String::from(SigningKey::from_seed(&[seed; 32]).public_key());
    format!(
        r#"
        name = "Example"
        formats = [1]
        judging_rules = 1
        change_threshold = 2
        compartments = ["process", "identity"]
        {extra}
        [[organisations]]
        id = "ods:ZT1"
        name = "Trust (acute)"
        kind = "nhs-trust"
        calendar = "EW"
        participation = "node"
        responsible_person = "chief-executive"
        complaints_manager = "complaints-manager"
        signing_keys = ["{}"]
        [[organisations]]
        id = "gss:E06999901"
        name = "Council"
        kind = "council"
        calendar = "EW"
        participation = "node"
        responsible_person = "chief-executive"
        complaints_manager = "complaints-manager"
        signing_keys = ["{}"]
        "#,
        key(1),
        key(2)
    )
}

#[test]
fn layout_and_comments_do_not_change_the_partnership_id() {
    let plain = PartnershipFile::from_toml(&file("")).unwrap();
    let spaced = file("")
        .replace('\n', "\n# a comment\n")
        .replace(" = ", "   =  ");
    assert_eq!(
        PartnershipFile::from_toml(&spaced).unwrap().id(),
        plain.id()
    );
}

#[test]
fn any_change_of_content_changes_the_partnership_id() {
    let plain = PartnershipFile::from_toml(&file("")).unwrap();
    let renamed = PartnershipFile::from_toml(&file("").replace("Example", "Other")).unwrap();
    assert_ne!(renamed.id(), plain.id());
}

#[test]
fn the_canonical_form_sorts_keys_and_has_no_white_space() {
    let value = serde_json::json!({"b": [1, true, "x\n\u{e9}"], "a": {"d": 1, "c": "\u{1}"}});
    let text = canonical::of_json(&value).unwrap();
    assert_eq!(
        text,
        "{\"a\":{\"c\":\"\\u0001\",\"d\":1},\"b\":[1,true,\"x\\n\u{e9}\"]}"
    );
}

#[test]
fn a_file_reads_back_from_its_canonical_form() {
    let read = PartnershipFile::from_toml(&file("")).unwrap();
    assert_eq!(
        PartnershipFile::from_canonical(read.canonical()).unwrap(),
        read
    );
    let spaced = read.canonical().replace(',', ", ");
    assert!(PartnershipFile::from_canonical(&spaced).is_err());
}

#[test]
fn keys_are_found_by_organisation_and_id_only() {
    let read = PartnershipFile::from_toml(&file("")).unwrap();
    let trust: OrganisationId = "ods:ZT1".parse().unwrap();
    let council: OrganisationId = "gss:E06999901".parse().unwrap();
    let key = SigningKey::from_seed(&[1; 32]).public_key();
    assert_eq!(read.signing_key(&trust, &key.key_id()), Some(&key));
    assert_eq!(read.signing_key(&council, &key.key_id()), None);
    assert_eq!(read.signers().count(), 2);
}

#[test]
fn judging_finds_the_organisations_of_the_file() {
    let read = PartnershipFile::from_toml(&file("")).unwrap();
    let council: OrganisationId = "gss:E06999901".parse().unwrap();
    assert_eq!(
        read.directory().organisation(&council).unwrap().kind,
        "council"
    );
}

fn refused(text: &str, expected: &str) {
    let problem = PartnershipFile::from_toml(text).unwrap_err().to_string();
    assert!(problem.contains(expected), "{problem}");
}

#[test]
fn a_misspelt_key_is_refused() {
    refused(&file("formast = [1]"), "formast");
    refused(&file("").replace("calendar =", "calender ="), "calender");
}

#[test]
fn floats_dates_and_weak_keys_are_refused() {
    refused(&file("x = 1.5"), "whole");
    refused(&file("x = 2026-01-01"), "quotation marks");
    let weak = "0100000000000000000000000000000000000000000000000000000000000000";
    let key = String::from(SigningKey::from_seed(&[1; 32]).public_key());
    refused(&file("").replace(&key, weak), "large order");
}

#[test]
fn a_file_that_contradicts_itself_is_refused() {
    refused(
        &file("").replace("gss:E06999901", "ods:ZT1"),
        "listed twice",
    );
    refused(
        &file("").replace("change_threshold = 2", "change_threshold = 3"),
        "change_threshold",
    );
    refused(
        &file("").replace("change_threshold = 2", "change_threshold = 0"),
        "change_threshold",
    );
    let first = String::from(SigningKey::from_seed(&[1; 32]).public_key());
    let second = String::from(SigningKey::from_seed(&[2; 32]).public_key());
    refused(&file("").replace(&second, &first), "key is listed twice");
    refused(&file("").replace("\"process\", ", ""), "process");
}
