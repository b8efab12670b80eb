//! An event that would be void by the time it can go out, as a person meets it on the command line.

use crate::support;

use concordat_tests::nats::NatsServer;
use concordat_tests::proxy::TcpProxy;
use serde_json::{Value, json};
use support::{COUNCIL, PATIENCE, Partnership, TRUST, text};

const PROPOSED: &str = "018f0000-0000-7000-8000-00000000aaaa";
const ASKED: &str = "018f0000-0000-7000-8000-00000000bbbb";

#[test]
fn a_held_event_is_listed_released_and_discarded() {
    let broker = NatsServer::start();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let link = runtime.block_on(TcpProxy::start(broker.address()));
    let partnership = Partnership::found();
    for (code, server) in [(TRUST, broker.address()), (COUNCIL, link.address())] {
        let log =
            format!("[log.nats]\nservers = [\"{server}\"]\nreplicas = 1\nack-timeout = \"1s\"\n");
        partnership.configure(code, &log);
    }
    let trust = partnership.serve(TRUST);
    let council = partnership.serve(COUNCIL);
    let case = trust.open_case();
    let emit = |event: &str, fields: Value| trust.emit(event, Some(&case), &fields);
    emit(
        "consent-requested",
        json!({"orgs": [COUNCIL], "form": "joint", "explained": ["coordinated", "single-contact", "single-response"]}),
    );
    emit(
        "consent-granted",
        json!({"given_by": "p-1", "orgs": [COUNCIL], "issues": "all", "learning": true, "evidence_ref": "doc-1"}),
    );
    emit(
        "participant-added",
        json!({"participant": COUNCIL, "why_code": "issue-owner"}),
    );
    // The council's feed tells when its node can read the case: no need to ask again and again.
    council.json(&["feed", "create", "engine"]);
    let tail = council.ask(&["feed", "tail", "engine", "--max", "1"]);
    assert!(tail.status.success(), "{}", text(&tail.stderr));
    let joined = council.emit(
        "participant-joined",
        Some(&case),
        &json!({"responsible_person": "chief-executive"}),
    );
    let version = joined["caseVersion"].as_str().expect("a version");

    // Cut off, the council acts twice on what it knows; meanwhile the trust acts, too.
    link.cut();
    let proposal = json!({"lead": COUNCIL, "reason": "greatest-responsibility", "complainant_view": "content"});
    let request = json!({"id": "r-1", "of": TRUST, "basis": "own-records", "due": "2099-01-15", "what": "ward diary"});
    let emit_at_council = |id: &str, event: &str, fields: &Value, more: &[&str]| {
        let fields = fields.to_string();
        let mut arguments = vec!["event", "emit", "--type", event, "--case", &case];
        arguments.extend(["--json", &fields, "--event-id", id]);
        arguments.extend(["--expected-version", version]);
        arguments.extend(more);
        council.ask(&arguments)
    };
    let propose = |more: &[&str]| emit_at_council(PROPOSED, "lead-proposed", &proposal, more);
    let ask = |more: &[&str]| emit_at_council(ASKED, "information-requested", &request, more);
    for accepted in [
        propose(&["--wait-for", "accepted"]),
        ask(&["--wait-for", "accepted"]),
    ] {
        assert!(accepted.status.success(), "{}", text(&accepted.stderr));
    }
    let waiting = council.json(&["draft", "list", "--case", &case]);
    assert_eq!(waiting["drafts"][0]["stage"], "STAGE_ACCEPTED");
    assert_eq!(
        council.json(&["draft", "list", "--held"])["drafts"],
        json!([])
    );
    // What waits for the log is not for a person to decide on.
    let early = council.ask(&["draft", "release", PROPOSED]);
    assert_eq!(early.status.code(), Some(6));
    assert!(text(&early.stderr).contains("DRAFT_NOT_HELD"));
    emit(
        "named-contact-assigned",
        json!({"contact": "staff-11", "details_sent": true}),
    );
    link.restore();

    let timeout = format!("{}s", PATIENCE.as_secs());
    let in_the_end = ["--wait-for", "ruled", "--timeout", &timeout];
    for held in [propose(&in_the_end), ask(&in_the_end)] {
        assert_eq!(held.status.code(), Some(6), "{}", text(&held.stdout));
        let complaint = text(&held.stderr);
        assert!(
            complaint.contains("is held: it would not count now: stale-sequence"),
            "{complaint}"
        );
    }
    let listed = council.json(&["draft", "list", "--held"]);
    assert_eq!(listed["drafts"][0]["eventId"], PROPOSED);
    assert_eq!(listed["drafts"][1]["eventId"], ASKED);
    assert_eq!(listed["drafts"][0]["ruling"]["reason"], "stale-sequence");
    let table = text(&council.ask(&["draft", "list"]).stdout);
    assert!(table.contains("held   stale-sequence"), "{table}");

    let discarded = council.ask(&["draft", "discard", ASKED, "--why", "superseded"]);
    assert!(discarded.status.success(), "{}", text(&discarded.stderr));
    // Released it is judged on today's version, and counts; what was discarded does not come back by being repeated.
    let released = council.ask(&["draft", "release", PROPOSED]);
    assert!(released.status.success(), "{}", text(&released.stderr));
    let counted = propose(&in_the_end);
    assert!(counted.status.success(), "{}", text(&counted.stderr));
    assert!(text(&counted.stdout).contains("effective"));
    assert_eq!(council.json(&["draft", "list"])["drafts"], json!([]));
    let repeated = ask(&["--wait-for", "ruled", "--timeout", "1s"]);
    assert_eq!(repeated.status.code(), Some(6));
    let complaint = text(&repeated.stderr);
    assert!(complaint.contains("EVENT_DISCARDED"), "{complaint}");
    assert!(
        complaint.contains("what to do: Choose a new event id"),
        "{complaint}"
    );
    let timeline = council.json(&["case", "timeline", &case]);
    let last = timeline["entries"].as_array().and_then(|all| all.last());
    assert_eq!(last.expect("an entry")["type"], "lead-proposed");
}
