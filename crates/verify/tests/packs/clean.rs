//! What was not tampered with verifies, and the report says what that does not prove.

use concordat_verify::Anchor;
use concordat_verify::manifest::Scope;

use crate::world::{TRUST, World, check, codes};

fn scopes(world: &World) -> [Scope; 3] {
    [
        Scope::Partnership,
        Scope::Case {
            case: world.cases[0].id,
        },
        Scope::Organisation {
            organisation: TRUST.parse().unwrap(),
        },
    ]
}

#[test]
fn a_clean_pack_of_each_scope_verifies_and_is_judged_anew() {
    let world = World::small();
    for scope in scopes(&world) {
        let report = check(&world.export(scope.clone()), &world.anchor());
        assert_eq!(codes(&report), [""; 0], "{scope:?}: {:?}", report.findings);
        assert!(report.clean && report.anchored);
        let cases = if matches!(scope, Scope::Case { .. }) {
            1
        } else {
            2
        };
        assert_eq!(report.checked.cases_judged, cases, "{scope:?}");
        assert!(report.checked.rulings > 0 && report.checked.deadlines > 0);
        assert_eq!(report.checked.bundles, report.counts.bundles);
    }
}

#[test]
fn a_pack_of_one_case_holds_nothing_of_another() {
    let world = World::small();
    let report = check(
        &world.export(Scope::Case {
            case: world.cases[1].id,
        }),
        &world.anchor(),
    );
    assert_eq!((report.checked.cases, report.checked.envelopes), (1, 2));
}

#[test]
fn without_an_anchor_the_report_says_what_is_not_proven() {
    let world = World::small();
    let report = check(&world.export(Scope::Partnership), &Anchor::default());
    assert!(report.clean && !report.anchored);
    let said: Vec<_> = report.not_proven.iter().map(|one| one.code).collect();
    assert!(
        [
            "partnership-not-compared",
            "end-not-compared",
            "renderings-not-recomputed"
        ]
        .iter()
        .all(|code| said.contains(code)),
        "{said:?}"
    );
    assert!(
        report.not_proven[0]
            .text
            .contains(&world.file.id().to_string())
    );
}

#[test]
fn a_trusted_head_finds_a_log_that_was_taken_back() {
    let mut world = World::small();
    let earlier = world.admission.seen();
    let short = world.export(Scope::Partnership);
    world.head("ods:ZB1");
    let later = world.admission.seen();
    let trusting = |size, root| Anchor {
        trusted_head: Some((size, root)),
        ..world.anchor()
    };
    assert_eq!(
        codes(&check(&short, &trusting(later.size, later.root))),
        ["rolled-back"]
    );
    assert_eq!(
        codes(&check(&short, &trusting(earlier.size, later.root))),
        ["rolled-back"]
    );
    let long = world.export(Scope::Partnership);
    assert_eq!(
        codes(&check(&long, &trusting(earlier.size, earlier.root))),
        [""; 0]
    );
    assert_eq!(
        codes(&check(&long, &trusting(earlier.size, later.root))),
        ["rolled-back"]
    );
}

/// Directory changes, a new member, a revoked key, a second party, rotated keys, a second protocol and a new calendar version.
#[test]
fn a_partnership_that_changed_and_a_joint_case_with_rotated_keys_verify() {
    let world = World::eventful();
    for scope in scopes(&world) {
        let report = check(&world.export(scope.clone()), &world.anchor());
        assert_eq!(codes(&report), [""; 0], "{scope:?}: {:?}", report.findings);
        assert_eq!(report.checked.cases_judged, 1, "{scope:?}");
    }
}
