//! Two nodes sign without knowing of each other, on running nodes: who may read what afterwards, and who is told (wire.md 4).
//!
//! A bundle is held between its signature and the log, so that the other's certainly comes first.

use crate::support;

use std::collections::BTreeSet;

use concordat_domain::ids::CaseId;
use concordat_node::{CaseView, Emission, Exposure, Ruling, Stage};
use serde_json::{Value, json};
use support::{BOARD, CODES, COUNCIL, Meddled, Partnership, TRUST};

const START: &str = "2026-12-18T10:00:00Z";

/// All three in one case, each with consent, so that all hold the first version of every line of content that consent covers.
async fn three_in_a_case() -> (Partnership, [Meddled; 3], CaseId) {
    let (mut partnership, lines) = Partnership::meddled(START);
    let case = partnership.open().await;
    let consent = json!({"given_by": "p-1", "orgs": [COUNCIL, BOARD], "issues": "all", "learning": true, "evidence_ref": "doc-1"});
    partnership
        .emit(TRUST, case, "consent-granted", consent)
        .await;
    for code in [COUNCIL, BOARD] {
        let added = json!({"participant": code, "why_code": "issue-owner"});
        partnership
            .emit(TRUST, case, "participant-added", added)
            .await;
        let joined = json!({"responsible_person": "chief-executive"});
        partnership
            .emit(code, case, "participant-joined", joined)
            .await;
    }
    (partnership, lines, case)
}

fn withdrawal() -> Value {
    json!({"given_by": "p-1", "orgs": [BOARD], "from": "2026-12-18", "reason": "CANARY withdrawn"})
}

fn request(id: &str, of: &str, what: &str) -> Value {
    json!({"id": id, "of": of, "basis": "own-records", "due": "2027-01-15", "what": what})
}

/// Signs an event and holds its bundle before it reaches the log.
async fn signed_and_held(
    partnership: &mut Partnership,
    (code, line): (&str, &Meddled),
    case: CaseId,
    event_type: &str,
    fields: Value,
) -> Emission {
    line.hold();
    let emission = Emission {
        wait_for: Stage::Accepted,
        ..partnership.emission(Some(case), event_type, &fields)
    };
    let receipt = partnership
        .node(code)
        .emit(emission.clone())
        .await
        .expect("accepted");
    assert_eq!(receipt.stage, Stage::Accepted);
    line.holds_one().await;
    emission
}

/// An event that counts while another's bundle is held; on return the held one's node has read it.
async fn comes_first(
    partnership: &mut Partnership,
    code: &str,
    other: &str,
    case: CaseId,
    event_type: &str,
    fields: Value,
) {
    let emission = partnership.emission(Some(case), event_type, &fields);
    let receipt = partnership
        .node(code)
        .emit(emission)
        .await
        .expect("accepted");
    assert_eq!(receipt.ruling, Some(Ruling::Effective), "{event_type}");
    let place = receipt.position.expect("ruled").bundle;
    let mut progress = partnership.node(other).progress();
    progress
        .wait_for(|size| *size > place)
        .await
        .expect("running");
}

async fn ruling(partnership: &Partnership, code: &str, emission: &Emission) -> Option<Ruling> {
    partnership
        .node(code)
        .receipt(emission.event_id)
        .await
        .expect("known")
        .ruling
}

async fn view(partnership: &Partnership, code: &str, case: CaseId) -> CaseView {
    partnership
        .node(code)
        .case(case, None)
        .await
        .expect("a case")
}

/// Who can read a word in the content of the case.
async fn readers(partnership: &Partnership, case: CaseId, word: &str) -> BTreeSet<&'static str> {
    let mut readers = BTreeSet::new();
    for code in CODES {
        let events = partnership.node(code).events(case).await.expect("a case");
        if events
            .iter()
            .any(|event| format!("{:?}", event.event).contains(word))
        {
            readers.insert(code);
        }
    }
    readers
}

/// All parties see the same state and the same exposures, and nobody's case stands still.
async fn agree(partnership: &Partnership, case: CaseId) -> Vec<Exposure> {
    let trust = view(partnership, TRUST, case).await;
    for code in [COUNCIL, BOARD] {
        let other = view(partnership, code, case).await;
        assert_eq!(other.digest, trust.digest, "{code}");
        assert_eq!(other.exposures, trust.exposures, "{code}");
        assert_eq!(other.parked, None, "{code}");
    }
    for code in CODES {
        let status = partnership.node(code).status().await.expect("running");
        assert_eq!(
            (
                status.quarantined,
                status.drafts_held,
                status.contradictions.len()
            ),
            (0, 0, 0),
            "{code}"
        );
    }
    trust.exposures
}

fn names(codes: &[&str]) -> BTreeSet<concordat_domain::ids::OrganisationId> {
    codes
        .iter()
        .map(|code| code.parse().expect("a code"))
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn content_sealed_before_its_author_could_know_of_a_withdrawal_counts_and_is_shown_as_an_exposure()
 {
    let (mut partnership, [trust, _, _], case) = three_in_a_case().await;
    let asked = request("r-1", COUNCIL, "CANARY sealed too early");
    let held = signed_and_held(
        &mut partnership,
        (TRUST, &trust),
        case,
        "information-requested",
        asked,
    )
    .await;
    comes_first(
        &mut partnership,
        COUNCIL,
        TRUST,
        case,
        "consent-withdrawn",
        withdrawal(),
    )
    .await;
    trust.let_go();
    partnership.settle().await;

    assert_eq!(
        ruling(&partnership, TRUST, &held).await,
        Some(Ruling::Effective)
    );
    let exposures = agree(&partnership, case).await;
    assert_eq!(exposures.len(), 1, "{exposures:?}");
    assert_eq!(exposures[0].kind, "sealed-under-stale-version");
    assert_eq!(exposures[0].author.as_str(), TRUST);
    assert_eq!(exposures[0].recipients, names(&[BOARD]));
    assert_eq!(
        readers(&partnership, case, "CANARY sealed too early").await,
        CODES.into(),
        "that is what is shown"
    );

    // What comes after is sealed under the version that the recorder made, which the board never gets.
    for (code, id, of) in [(TRUST, "r-2", COUNCIL), (COUNCIL, "r-3", TRUST)] {
        let word = format!("CANARY {id}");
        partnership
            .emit(code, case, "information-requested", request(id, of, &word))
            .await;
        assert_eq!(
            readers(&partnership, case, &word).await,
            [TRUST, COUNCIL].into(),
            "{id}"
        );
    }
    assert_eq!(
        readers(&partnership, case, "CANARY withdrawn").await,
        [TRUST, COUNCIL].into()
    );
    assert_eq!(agree(&partnership, case).await, exposures);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lead_agreed_while_the_former_keeper_rotates_a_key_gets_that_key_and_goes_on() {
    let (mut partnership, [_, council, _], case) = three_in_a_case().await;
    let proposal = json!({"lead": COUNCIL, "reason": "greatest-responsibility", "complainant_view": "content"});
    partnership
        .emit(TRUST, case, "lead-proposed", proposal)
        .await;
    for code in [COUNCIL, BOARD] {
        partnership
            .emit(code, case, "lead-accepted", json!({"lead": COUNCIL}))
            .await;
    }
    let asked = request("r-1", TRUST, "CANARY of the new lead");
    let held = signed_and_held(
        &mut partnership,
        (COUNCIL, &council),
        case,
        "information-requested",
        asked,
    )
    .await;
    let agreed = json!({"lead": COUNCIL, "accepted_by": [COUNCIL, BOARD]});
    comes_first(
        &mut partnership,
        TRUST,
        COUNCIL,
        case,
        "lead-agreed",
        agreed,
    )
    .await;
    // The trust is keeper no more; it is recorder of this withdrawal, and holds the lines.
    comes_first(
        &mut partnership,
        TRUST,
        COUNCIL,
        case,
        "consent-withdrawn",
        withdrawal(),
    )
    .await;
    council.let_go();
    partnership.settle().await;

    assert_eq!(
        ruling(&partnership, COUNCIL, &held).await,
        Some(Ruling::Effective)
    );
    let exposures = agree(&partnership, case).await;
    assert_eq!(exposures.len(), 1, "{exposures:?}");
    assert_eq!(
        (exposures[0].author.as_str(), &exposures[0].recipients),
        (COUNCIL, &names(&[BOARD]))
    );
    let lead = view(&partnership, COUNCIL, case).await;
    assert_eq!((lead.keeper.as_str(), lead.lead_epoch), (COUNCIL, 2));
    assert_eq!(
        readers(&partnership, case, "CANARY withdrawn").await,
        [TRUST, COUNCIL].into(),
        "the lead got the new version"
    );
    for (code, id, of) in [(COUNCIL, "r-2", TRUST), (TRUST, "r-3", COUNCIL)] {
        let word = format!("CANARY {id}");
        partnership
            .emit(code, case, "information-requested", request(id, of, &word))
            .await;
        assert_eq!(
            readers(&partnership, case, &word).await,
            [TRUST, COUNCIL].into(),
            "{id}"
        );
    }
    assert_eq!(agree(&partnership, case).await, exposures);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_nodes_that_rotate_a_key_at_once_the_first_counts_and_the_other_drafts_again() {
    let (mut partnership, [trust, _, _], case) = three_in_a_case().await;
    let withdrawn = json!({"given_by": "p-1", "orgs": [BOARD], "from": "2026-12-18", "reason": "CANARY told the trust"});
    let held = signed_and_held(
        &mut partnership,
        (TRUST, &trust),
        case,
        "consent-withdrawn",
        withdrawn,
    )
    .await;
    comes_first(
        &mut partnership,
        COUNCIL,
        TRUST,
        case,
        "consent-withdrawn",
        withdrawal(),
    )
    .await;
    trust.let_go();
    partnership.settle().await;

    let events = partnership
        .node(COUNCIL)
        .events(case)
        .await
        .expect("a case");
    let tries: Vec<_> = events
        .iter()
        .filter(|event| event.event_id == held.event_id)
        .map(|event| event.ruling().cloned())
        .collect();
    let unreadable = Ruling::Void {
        reason: "unreadable".to_owned(),
    };
    assert_eq!(tries, [Some(unreadable), Some(Ruling::Effective)]);
    assert_eq!(
        ruling(&partnership, TRUST, &held).await,
        Some(Ruling::Effective)
    );
    assert_eq!(agree(&partnership, case).await, []);
    for word in ["CANARY told the trust", "CANARY withdrawn"] {
        assert_eq!(
            readers(&partnership, case, word).await,
            [TRUST, COUNCIL].into(),
            "{word}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_withdraws_a_consent_grants_nothing_on_it_in_the_same_bundle() {
    let mut partnership = Partnership::start(START);
    let case = partnership.open().await;
    let consent = json!({"given_by": "p-1", "orgs": [COUNCIL], "issues": "all", "learning": true, "evidence_ref": "doc-1"});
    partnership
        .emit(TRUST, case, "consent-granted", consent)
        .await;
    let added = json!({"participant": COUNCIL, "why_code": "issue-owner"});
    partnership
        .emit(TRUST, case, "participant-added", added)
        .await;
    // The trust owes the content as soon as it hears that the council has joined; by then its own people have recorded otherwise.
    partnership.cut_off(TRUST).await;
    let joined = json!({"responsible_person": "chief-executive"});
    partnership
        .emit(COUNCIL, case, "participant-joined", joined)
        .await;
    let withdrawn = json!({"given_by": "p-1", "orgs": [COUNCIL], "from": "2026-12-18", "reason": "CANARY withdrawn"});
    let emission = Emission {
        wait_for: Stage::Accepted,
        ..partnership.emission(Some(case), "consent-withdrawn", &withdrawn)
    };
    partnership
        .node(TRUST)
        .emit(emission.clone())
        .await
        .expect("accepted");
    partnership.handle(TRUST).attach();
    partnership.settle().await;

    assert_eq!(
        ruling(&partnership, TRUST, &emission).await,
        Some(Ruling::Effective)
    );
    for code in [TRUST, COUNCIL] {
        assert_eq!(view(&partnership, code, case).await.exposures, [], "{code}");
    }
    let events = partnership
        .node(COUNCIL)
        .events(case)
        .await
        .expect("its case");
    assert!(
        events
            .iter()
            .all(|event| !format!("{:?}", event.event).contains("CANARY"))
    );
}
