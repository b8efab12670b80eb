//! The layer check finds what it is there to find, and this workspace passes it.

use super::*;

/// A workspace in which each crate has the dependencies of its row, and nothing else.
fn keeping_to_the_arrows() -> Workspace {
    let crates = ARROWS
        .iter()
        .map(|(name, allowed)| {
            (
                (*name).to_owned(),
                allowed.iter().map(|name| in_code(name)).collect(),
            )
        })
        .collect();
    Workspace {
        crates,
        under_domain: BTreeSet::new(),
    }
}

fn in_code(name: &str) -> Dependency {
    Dependency {
        name: name.to_owned(),
        only_for_tests: false,
    }
}

fn in_tests(name: &str) -> Dependency {
    Dependency {
        name: name.to_owned(),
        only_for_tests: true,
    }
}

/// The findings after one dependency was added to a workspace that has none.
fn after_adding(dependency: Dependency, to: &str) -> Vec<String> {
    let mut workspace = keeping_to_the_arrows();
    workspace
        .crates
        .entry(to.to_owned())
        .or_default()
        .insert(dependency);
    workspace.broken()
}

fn assert_one_finding(findings: &[String], words: &[&str]) {
    assert_eq!(findings.len(), 1, "{findings:?}");
    for word in words {
        assert!(
            findings[0].contains(word),
            "{findings:?} does not name {word}"
        );
    }
}

#[test]
fn this_workspace_keeps_to_its_layers() {
    let metadata = output_of(cargo().args(["metadata", "--format-version", "1"])).unwrap();

    assert_eq!(
        Workspace::parse(&metadata).unwrap().broken(),
        Vec::<String>::new()
    );
}

#[test]
fn the_arrows_themselves_break_nothing() {
    assert_eq!(keeping_to_the_arrows().broken(), Vec::<String>::new());
}

#[test]
fn rows_name_only_crates_of_rows_above() {
    let mut above = BTreeSet::new();
    for (name, allowed) in ARROWS {
        for of_ours in *allowed {
            assert!(
                above.contains(of_ours),
                "{name} names {of_ours}, which stands below it"
            );
        }
        above.insert(*name);
    }
}

#[test]
fn an_arrow_against_the_direction_is_found() {
    assert_one_finding(
        &after_adding(in_code("concordat-node"), "concordat-trust"),
        &["concordat-trust", "concordat-node"],
    );
    assert_one_finding(
        &after_adding(in_code("concordat-proto"), "concordat-log"),
        &["concordat-log", "concordat-proto"],
    );
}

#[test]
fn an_arrow_against_the_direction_is_found_in_tests_too() {
    assert_one_finding(
        &after_adding(in_tests("concordat-node"), "concordat-store"),
        &["concordat-store"],
    );
}

#[test]
fn test_support_is_for_tests_only() {
    assert_eq!(
        after_adding(in_tests("concordat-tests"), "concordat-log"),
        Vec::<String>::new()
    );
    assert_one_finding(
        &after_adding(in_code("concordat-tests"), "concordat-log"),
        &["concordat-log", "concordat-tests"],
    );
}

#[test]
fn a_crate_may_use_itself_in_its_tests_only() {
    assert_eq!(
        after_adding(in_tests("concordat-log"), "concordat-log"),
        Vec::<String>::new()
    );
    assert_one_finding(
        &after_adding(in_code("concordat-log"), "concordat-log"),
        &["concordat-log"],
    );
}

#[test]
fn a_library_behind_a_wall_is_found_outside_it() {
    assert_one_finding(
        &after_adding(in_code("sled"), "concordat-node"),
        &["concordat-node", "sled"],
    );
    assert_one_finding(
        &after_adding(in_code("async-nats"), "concordat-node"),
        &["async-nats", "concordat-log"],
    );
    assert_eq!(
        after_adding(in_code("sled"), "concordat-store"),
        Vec::<String>::new()
    );
}

#[test]
fn the_pure_core_may_use_effects_in_its_tests_only() {
    assert_one_finding(
        &after_adding(in_code("tokio"), "concordat-trust"),
        &["pure", "tokio"],
    );
    assert_eq!(
        after_adding(in_tests("tokio"), "concordat-trust"),
        Vec::<String>::new()
    );
}

#[test]
fn domain_uses_only_the_libraries_of_its_list() {
    assert_one_finding(
        &after_adding(in_code("regex"), "concordat-domain"),
        &["concordat-domain", "regex"],
    );
    assert_eq!(
        after_adding(in_code("jiff"), "concordat-domain"),
        Vec::<String>::new()
    );
}

#[test]
fn a_crate_without_a_row_is_found() {
    let mut workspace = keeping_to_the_arrows();
    workspace
        .crates
        .insert("concordat-extra".to_owned(), BTreeSet::new());

    assert_one_finding(&workspace.broken(), &["concordat-extra", "no row"]);
}

#[test]
fn what_domain_reaches_through_another_library_is_found() {
    let metadata = r#"{
        "workspace_members": ["domain#1"],
        "packages": [
            { "id": "domain#1", "name": "concordat-domain", "dependencies": [{ "name": "jiff", "kind": null }] },
            { "id": "jiff#1", "name": "jiff", "dependencies": [] },
            { "id": "tokio#1", "name": "tokio", "dependencies": [] },
            { "id": "rand#1", "name": "rand", "dependencies": [] }
        ],
        "resolve": { "nodes": [
            { "id": "domain#1", "deps": [
                { "pkg": "jiff#1", "dep_kinds": [{ "kind": null }] },
                { "pkg": "rand#1", "dep_kinds": [{ "kind": "dev" }] }
            ] },
            { "id": "jiff#1", "deps": [{ "pkg": "tokio#1", "dep_kinds": [{ "kind": null }] }] },
            { "id": "tokio#1", "deps": [] },
            { "id": "rand#1", "deps": [] }
        ] }
    }"#;

    assert_one_finding(
        &Workspace::parse(metadata).unwrap().broken(),
        &["concordat-domain", "tokio"],
    );
}
