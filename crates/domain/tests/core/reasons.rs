//! One test for each reason in scope: the step that provokes it, on a case where nothing else is wrong.

use concordat_domain::case::Relation;
use concordat_domain::judge::{judge_unopened, warnings};
use concordat_domain::{Reason, judge};

use crate::world::*;

/// Publishes one event on a prepared log and compares the reason.
fn check(mut log: Log<'_>, at: &str, author: &str, event: &str, fields: &str, reason: &str) {
    let before = log.case.as_ref().map(|case| case.digest());
    let answer = log.try_event(at, author, event, fields);
    assert_eq!(answer, Err(reason.to_owned()), "{event} by {author}");
    assert_eq!(
        log.case.as_ref().map(|case| case.digest()),
        before,
        "a refused event changed the case"
    );
}

/// A test for each line: `name: prepared log; when, who, event, fields => reason`.
macro_rules! refused {
    ($($name:ident: $log:ident; $at:literal, $author:expr, $event:literal, $fields:expr => $reason:literal;)*) => {$(
        #[test]
        fn $name() {
            let world = World::new();
            check(Log::$log(&world), $at, $author, $event, $fields, $reason);
        }
    )*};
}

refused! {
    missing_field_names_the_first_in_the_rows_order: opened; "2026-02-10T10:00", TRUST, "complaint-acknowledged",
        r#"{"method": "letter", "advocacy_signposted": true}"# => "missing-field:discussion_offered";
    a_value_outside_its_enumeration_counts_as_missing: joined; "2026-02-12T10:00", TRUST, "lead-proposed",
        r#"{"lead": "ods:ZT1", "reason": "because", "complainant_view": "content"}"# => "missing-field:reason";
    a_policy_without_a_pack_counts_as_missing: new; "2026-02-09T10:00", TRUST, "complaint-received",
        r#"{"policy": "no-such-pack", "channel": "email", "complainant_ref": "p", "received_on": "2026-02-09",
            "screened_on": "2026-02-09", "nature": "n"}"# => "missing-field:policy";
    content_is_judged_by_its_name_in_filled: new; "2026-02-09T10:00", TRUST, "complaint-received",
        r#"{"policy": "eng-2009", "channel": "email", "complainant_ref": "p", "received_on": "2026-02-09",
            "screened_on": "2026-02-09"}"# => "missing-field:nature";
    a_complaint_names_its_complainant_or_is_anonymous: new; "2026-02-09T10:00", TRUST, "complaint-received",
        r#"{"policy": "eng-2009", "channel": "email", "received_on": "2026-02-09", "screened_on": "2026-02-09",
            "nature": "n"}"# => "missing-field:complainant_ref";
    a_determined_period_needs_its_written_notice_e18: planning; "2026-02-16T10:00", TRUST, "response-period-set",
        r#"{"mode": "determined", "date": "2026-05-29"}"# => "missing-field:written_notice_on";
    consent_is_asked_with_all_three_explanations_j03: opened; "2026-02-10T10:00", TRUST, "consent-requested",
        r#"{"orgs": ["gss:E06999901"], "explained": ["coordinated"]}"# => "missing-field:explained";
    an_event_on_an_id_that_is_no_case_is_unknown: new; "2026-02-10T10:00", TRUST, "complaint-acknowledged",
        ACKNOWLEDGE => "unknown-case";
    an_unregistered_organisation_opens_nothing: new; "2026-02-09T10:00", "ods:NOBODY", "complaint-received",
        COMPLAINT => "unregistered-org";
    an_outsider_is_not_a_participant: opened; "2026-02-10T10:00", OTHER_TRUST, "complaint-acknowledged",
        ACKNOWLEDGE => "not-participant";
    an_outsider_cannot_open_a_case_again: opened; "2026-02-10T10:00", OTHER_TRUST, "complaint-received",
        COMPLAINT => "not-participant";
    a_lead_row_in_a_joint_case_without_one_has_no_lead: joined; "2026-02-12T10:00", TRUST, "plan-proposed",
        r#"{"strands": []}"# => "no-lead";
    a_party_that_does_not_lead_is_not_lead: planning; "2026-02-16T10:00", COUNCIL, "plan-agreed", PLAN => "not-lead";
    a_party_that_does_not_keep_is_not_keeper: joined; "2026-02-12T10:00", COUNCIL, "triage-recorded",
        r#"{"ours": true, "procedure": "eng-2009"}"# => "not-keeper";
    a_strand_belongs_to_its_owner: investigating; "2026-02-20T10:00", COUNCIL, "strand-accepted",
        r#"{"org": "ods:ZT1"}"# => "not-yours";
    a_party_cannot_join_again: joined; "2026-02-12T10:00", COUNCIL, "participant-joined",
        r#"{"responsible_person": "chief-executive"}"# => "not-yours";
    a_second_opener_by_a_party_is_in_the_wrong_state: opened; "2026-02-10T10:00", TRUST, "complaint-received",
        COMPLAINT => "wrong-state";
    nothing_is_passed_on_without_consent_e06: opened; "2026-02-10T10:00", TRUST, "complaint-passed-on",
        r#"{"to": "ods:ZT2", "method": "broker", "complainant_told": true}"# => "no-consent";
    a_body_outside_the_consent_is_not_added: joined; "2026-02-12T10:00", TRUST, "participant-added",
        r#"{"participant": "ods:ZT2", "why_code": "issue-owner"}"# => "consent-scope-exceeded";
    only_a_party_can_be_proposed_as_lead: joined; "2026-02-12T10:00", TRUST, "lead-proposed",
        r#"{"lead": "ods:ZT2", "reason": "more-resources", "complainant_view": "content"}"# => "body-not-joined";
    only_the_lead_proposed_can_be_accepted: joined; "2026-02-12T10:00", COUNCIL, "lead-accepted",
        r#"{"lead": "ods:ZT1"}"# => "step-out-of-order";
    a_lead_needs_every_partys_acceptance_j05: joined; "2026-02-12T10:00", TRUST, "lead-agreed",
        r#"{"lead": "ods:ZT1", "accepted_by": ["gss:E06999901"]}"# => "lead-not-accepted-by-all";
    a_lead_is_not_escalated_before_it_is_due: joined; "2026-02-12T10:00", TRUST, "lead-escalated",
        r#"{"to": []}"# => "not-due";
    a_lead_is_not_determined_before_it_is_escalated: joined; "2026-02-12T10:00", TRUST, "lead-determined",
        r#"{"lead": "ods:ZT1", "reason": "commissioner", "decided_by": [], "mode": "agreed"}"# => "step-out-of-order";
    a_plan_names_only_recorded_issues: planning; "2026-02-16T10:00", TRUST, "plan-proposed",
        r#"{"strands": [{"org": "ods:ZT1", "issues": ["I9"], "due": "2026-03-13"}]}"# => "issues-not-recorded";
    a_plan_needs_the_agreement_of_strand_owners_j07: planning; "2026-02-16T10:00", TRUST, "plan-agreed",
        r#"{"strands": [{"org": "gss:E06999901", "issues": ["I1"], "due": "2026-03-13"}], "agreed_by": [],
            "discussed_with_complainant": true, "local_procedures": []}"# => "plan-not-agreed";
    a_strand_is_not_given_to_a_body_that_has_not_joined: investigating; "2026-02-20T10:00", TRUST, "strand-assigned",
        r#"{"org": "ods:ZB1", "issues": ["I1"], "due": "2026-03-13"}"# => "body-not-joined";
    no_draft_goes_round_while_a_strand_is_open_j09: investigating; "2026-02-20T10:00", TRUST, "draft-circulated",
        r#"{"version": 1, "to": ["gss:E06999901"], "shared_with_complainant": false}"# => "strand-missing";
    a_response_does_not_leave_an_issue_out_j11: investigating; "2026-02-20T10:00", TRUST, "response-issued",
        r#"{"version": 1, "overall_outcome": "upheld", "findings": [{"issue": "I1", "org": "ods:ZT1",
            "outcome": "upheld"}], "how_considered": "h", "conclusion": "c", "action_confirmation": "none-needed",
            "actions": [], "ombudsman": [], "desired_outcomes": []}"# => "issue-not-answered";
    only_the_responsible_person_or_a_delegate_signs_e20: planning; "2026-02-16T10:00", TRUST, "response-signed-off",
        r#"{"version": 1, "signed_by": "ward-clerk", "role": "responsible-person"}"# => "not-authorised-signatory";
    a_period_beyond_six_months_needs_agreement_e21: planning; "2026-02-16T10:00", TRUST, "response-period-set",
        r#"{"mode": "determined", "date": "2026-12-01", "written_notice_on": "2026-02-16"}"# => "extension-not-agreed";
    an_extension_is_agreed_before_the_six_months_end_e21: planning; "2026-08-10T10:00", TRUST,
        "response-period-amended", r#"{"kind": "extension", "date": "2026-12-01", "agreed_by_complainant": true,
            "agreed_on": "2026-08-09"}"# => "relevant-period-expired";
    an_action_that_was_not_done_is_not_verified: investigating; "2026-02-20T10:00", TRUST, "action-verified",
        r#"{"action": "A1", "result": "verified", "by_post": "complaints-manager"}"# => "step-out-of-order";
    a_window_is_never_missed: opened; "2028-01-01T10:00", TRUST, "deadline-missed",
        r#"{"deadline": "ombudsman-limit", "due": "2027-02-08"}"# => "not-due";
    a_deadline_is_not_missed_on_its_due_day: opened; "2026-02-12T23:59", TRUST, "deadline-missed",
        r#"{"deadline": "acknowledge", "due": "2026-02-12"}"# => "not-due";
    a_warning_does_not_come_early: opened; "2026-02-09T12:00", TRUST, "deadline-approaching",
        r#"{"deadline": "acknowledge", "due": "2026-02-12"}"# => "not-due";
    signing_off_waits_for_strands: investigating; "2026-02-20T10:00", TRUST, "response-signed-off",
        r#"{"version": 1, "signed_by": "chief-executive", "role": "responsible-person"}"# => "wrong-state";
}

#[test]
fn a_used_event_id_with_other_content_is_a_duplicate() {
    let world = World::new();
    let mut log = Log::opened(&world);
    let mut event = log.event(
        "2026-02-10T10:00",
        TRUST,
        "complaint-acknowledged",
        ACKNOWLEDGE,
    );
    event.id = log.history[0].0.id;
    assert_eq!(
        log.submit(event).map_err(|refusal| refusal.reason),
        Err(Reason::DuplicateEvent)
    );
}

#[test]
fn a_void_event_uses_up_its_id_without_changing_the_digest() {
    let world = World::new();
    let mut log = Log::opened(&world);
    let event = log.event(
        "2026-02-10T10:00",
        TRUST,
        "complaint-passed-on",
        r#"{"to": "ods:ZT2"}"#,
    );
    let before = log.open_case().digest();
    log.case.as_mut().expect("open").note_void(&event);
    assert!(log.open_case().has_event(&event.author, event.id));
    assert_eq!(log.open_case().digest(), before);
    assert_eq!(
        log.submit(event).map_err(|refusal| refusal.code()),
        Err("missing-field:method".to_owned())
    );
}

#[test]
fn an_invitee_may_not_act_as_a_party() {
    let world = World::new();
    let mut log = Log::opened(&world);
    log.must("2026-02-10T10:00", TRUST, "consent-granted", GRANT);
    log.must("2026-02-10T11:00", TRUST, "participant-added", ADD_COUNCIL);
    check(
        log,
        "2026-02-10T12:00",
        COUNCIL,
        "lead-proposed",
        PROPOSE_TRUST,
        "not-yours",
    );
}

#[test]
fn an_expected_version_is_stale_once_another_organisation_acted() {
    let world = World::new();
    let mut log = Log::joined(&world);
    let seen = log.version(TRUST);
    log.must("2026-02-12T10:00", COUNCIL, "lead-proposed", PROPOSE_TRUST);
    let mut event = log.event("2026-02-12T11:00", TRUST, "lead-proposed", PROPOSE_TRUST);
    event.expected = Some(seen);
    assert_eq!(
        log.submit(event).map_err(|refusal| refusal.reason),
        Err(Reason::StaleSequence)
    );
}

#[test]
fn own_events_never_make_an_expected_version_stale() {
    let world = World::new();
    let mut log = Log::joined(&world);
    let seen = log.version(TRUST);
    log.must("2026-02-12T10:00", TRUST, "lead-proposed", PROPOSE_TRUST);
    let mut event = log.event("2026-02-12T11:00", TRUST, "lead-proposed", PROPOSE_TRUST);
    event.expected = Some(seen);
    assert_eq!(log.submit(event), Ok(()));
}

/// Fact 6: a grant drafted before a withdrawal was seen must not undo it.
#[test]
fn a_grant_that_had_not_seen_the_withdrawal_is_superseded() {
    let world = World::new();
    let mut log = Log::joined(&world);
    let unaware = log.version(TRUST);
    let withdrawn = r#"{"given_by": "p-1", "orgs": ["gss:E06999901"], "from": "2026-02-12"}"#;
    log.must("2026-02-12T10:00", COUNCIL, "consent-withdrawn", withdrawn);
    let mut grant = log.event("2026-02-12T11:00", TRUST, "consent-granted", GRANT);
    let aware = std::mem::replace(&mut grant.basis, unaware);
    assert_eq!(
        log.clone()
            .submit(grant.clone())
            .map_err(|refusal| refusal.reason),
        Err(Reason::ConsentSuperseded)
    );
    grant.basis = aware;
    assert_eq!(log.submit(grant), Ok(()));
    assert!(log.open_case().consent_covers(&org(COUNCIL)));
}

#[test]
fn an_acknowledgement_that_was_met_is_already_decided() {
    let world = World::new();
    let mut log = Log::opened(&world);
    log.must(
        "2026-02-10T10:00",
        TRUST,
        "complaint-acknowledged",
        ACKNOWLEDGE,
    );
    check(
        log,
        "2026-02-10T11:00",
        TRUST,
        "complaint-acknowledged",
        ACKNOWLEDGE,
        "already-decided",
    );
}

#[test]
fn a_miss_is_published_once_and_changes_no_date() {
    let world = World::new();
    let mut log = Log::opened(&world);
    let missed = r#"{"deadline": "acknowledge", "due": "2026-02-12"}"#;
    let after = "2026-02-13T00:00"
        .parse()
        .ok()
        .and_then(|at| concordat_domain::scenario::instant(at).ok());
    let at = after.expect("the time exists");
    let before = concordat_domain::timetable(log.open_case(), at, &world.rules()).dates();
    assert_eq!(
        concordat_domain::timetable(log.open_case(), at, &world.rules())
            .due_to_miss(at)
            .count(),
        2
    );
    log.must("2026-02-13T00:00", TRUST, "deadline-missed", missed);
    let table = concordat_domain::timetable(log.open_case(), at, &world.rules());
    assert_eq!(table.dates(), before);
    assert_eq!(
        table
            .due_to_miss(at)
            .map(|deadline| deadline.name.to_string())
            .collect::<Vec<_>>(),
        ["triage"]
    );
    check(
        log,
        "2026-02-13T00:01",
        TRUST,
        "deadline-missed",
        missed,
        "already-decided",
    );
}

#[test]
fn a_miss_published_in_an_old_lead_epoch_does_not_count() {
    let world = World::new();
    let mut log = Log::opened(&world);
    let missed = r#"{"deadline": "acknowledge", "due": "2026-02-12"}"#;
    let mut event = log.event("2026-02-13T00:00", TRUST, "deadline-missed", missed);
    event.lead_epoch = Some(0);
    assert_eq!(
        log.submit(event).map_err(|refusal| refusal.reason),
        Err(Reason::NotKeeper)
    );
}

#[test]
fn an_anonymous_person_cannot_be_written_to_until_known() {
    let world = World::new();
    let mut log = Log::new(&world);
    let complaint = COMPLAINT.replace(r#""complainant_ref": "p-1""#, r#""anonymous": true"#);
    log.must("2026-02-09T10:00", TRUST, "complaint-received", &complaint);
    let refused = log.try_event(
        "2026-02-10T10:00",
        TRUST,
        "complaint-acknowledged",
        ACKNOWLEDGE,
    );
    assert_eq!(refused, Err("no-contact-details".to_owned()));
    let known = r#"{"method": "letter", "electronic_agreed": false, "complainant_ref": "p-1"}"#;
    log.must("2026-02-11T10:00", TRUST, "contact-preferences-set", known);
    log.must(
        "2026-02-12T10:00",
        TRUST,
        "complaint-acknowledged",
        ACKNOWLEDGE,
    );
}

/// E-13: consent waits for the decision, and the decision follows from the two answers.
#[test]
fn a_complaint_out_of_time_is_decided_before_anything_is_asked() {
    let world = World::new();
    let mut log = Log::new(&world);
    let late = COMPLAINT.replace(
        r#""nature""#,
        r#""matter_known_on": "2025-02-08", "nature""#,
    );
    log.must("2026-02-09T10:00", TRUST, "complaint-received", &late);
    let asked = log.try_event("2026-02-10T10:00", TRUST, "consent-requested", ASK);
    assert_eq!(asked, Err("late-complaint-not-decided".to_owned()));
    let decision = |fair: bool| {
        format!(
            r#"{{"limit": "2026-02-08", "good_reason": true, "fair_and_effective": {fair}, "decision": "accept",
                "told_complainant": true}}"#
        )
    };
    let inconsistent = log.try_event(
        "2026-02-10T11:00",
        TRUST,
        "late-complaint-assessed",
        &decision(false),
    );
    assert_eq!(inconsistent, Err("decision-inconsistent".to_owned()));
    log.must(
        "2026-02-10T12:00",
        TRUST,
        "late-complaint-assessed",
        &decision(true),
    );
    log.must("2026-02-10T13:00", TRUST, "consent-requested", ASK);
}

#[test]
fn a_signer_who_is_complained_of_has_a_conflict_of_interest() {
    let world = World::new();
    let mut log = Log::new(&world);
    let complaint = COMPLAINT.replace(
        r#""nature""#,
        r#""about_posts": ["chief-executive"], "nature""#,
    );
    log.must("2026-02-09T10:00", TRUST, "complaint-received", &complaint);
    let signed = r#"{"version": 1, "signed_by": "chief-executive", "role": "responsible-person"}"#;
    check(
        log,
        "2026-02-10T10:00",
        TRUST,
        "response-signed-off",
        signed,
        "conflict-of-interest",
    );
}

/// Fact 10: a case with open actions cannot close.
#[test]
fn a_case_with_open_actions_does_not_close() {
    let world = World::new();
    let mut log = Log::investigating(&world);
    let action = r#"{"id": "A1", "org": "gss:E06999901", "owner": "manager", "authorised_by": "director-asc",
        "target": "2026-04-30"}"#;
    log.must("2026-02-20T10:00", TRUST, "action-assigned", action);
    check(
        log,
        "2026-02-20T11:00",
        TRUST,
        "case-closed",
        r#"{"reason": "responded"}"#,
        "actions-open",
    );
}

#[test]
fn a_header_alone_rules_an_outsider_out_and_lets_members_through() {
    let world = World::new();
    let log = Log::joined(&world);
    let (case, rules) = (log.open_case(), world.rules());
    let event = log.event(
        "2026-02-12T10:00",
        OTHER_TRUST,
        "lead-proposed",
        PROPOSE_TRUST,
    );
    let outsider = judge_unopened(case, &event.author, event.id, rules.directory);
    assert_eq!(
        outsider.clone().map_err(|refusal| refusal.reason),
        Err(Reason::NotParticipant)
    );
    assert_eq!(judge(Some(case), &event, &rules), outsider);
    assert_eq!(
        judge_unopened(case, &org(COUNCIL), event.id, rules.directory),
        Ok(())
    );
    assert_eq!(case.relation(&org(OTHER_TRUST)), Relation::Outsider);
}

#[test]
fn an_absent_expected_field_is_a_warning_only() {
    let world = World::new();
    let log = Log::opened(&world);
    let event = log.event(
        "2026-02-10T10:00",
        TRUST,
        "complaint-acknowledged",
        ACKNOWLEDGE,
    );
    assert!(warnings(&event).contains("incomplete:outcome_sought"));
    assert_eq!(judge(log.case.as_ref(), &event, &world.rules()), Ok(()));
}

#[test]
fn every_reason_has_its_own_code_and_says_what_to_do() {
    let codes: std::collections::BTreeSet<String> = Reason::ALL.iter().map(Reason::code).collect();
    assert_eq!(codes.len(), Reason::ALL.len());
    assert!(
        Reason::ALL
            .iter()
            .all(|reason| reason.advice().ends_with('.'))
    );
}

#[test]
fn nobody_records_for_a_body_without_a_recorded_arrangement() {
    let world = World::new();
    let mut log = Log::joined(&world);
    let mut event = log.event(
        "2026-02-12T10:00",
        OTHER_TRUST,
        "lead-proposed",
        PROPOSE_TRUST,
    );
    event.on_behalf_of = Some(org(COUNCIL));
    assert_eq!(
        log.submit(event).map_err(|refusal| refusal.reason),
        Err(Reason::NotParticipant)
    );
}

/// Reason 9 comes before the row's own: a stale version is told first (domain brief B, order of reasons).
#[test]
fn a_stale_version_is_told_before_the_rows_own_reason() {
    let world = World::new();
    let mut log = Log::opened(&world);
    log.must("2026-02-10T10:00", TRUST, "consent-granted", GRANT);
    log.must("2026-02-10T11:00", TRUST, "participant-added", ADD_COUNCIL);
    let seen = log.version(TRUST);
    log.must(
        "2026-02-11T10:00",
        COUNCIL,
        "participant-joined",
        r#"{"responsible_person": "chief-executive"}"#,
    );
    let not_joined =
        r#"{"lead": "ods:ZT2", "reason": "commissioner", "complainant_view": "content"}"#;
    let mut event = log.event("2026-02-11T11:00", TRUST, "lead-proposed", not_joined);
    event.basis = seen;
    event.expected = Some(seen);
    assert_eq!(
        log.submit(event.clone()).map_err(|refusal| refusal.reason),
        Err(Reason::StaleSequence)
    );
    event.expected = None;
    assert_eq!(
        log.submit(event).map_err(|refusal| refusal.reason),
        Err(Reason::BodyNotJoined)
    );
}

/// Reason 10 comes before the row's own: what the person said meanwhile is told before what wants checking.
#[test]
fn a_superseded_consent_is_told_before_a_pending_authority() {
    let world = World::new();
    let mut log = Log::joined(&world);
    let seen = log.version(TRUST);
    log.must(
        "2026-02-12T10:00",
        COUNCIL,
        "consent-withdrawn",
        r#"{"given_by": "p-1", "orgs": ["gss:E06999901"], "from": "2026-02-12"}"#,
    );
    log.must(
        "2026-02-12T11:00",
        COUNCIL,
        "person-status-changed",
        r#"{"person_ref": "p-1", "change": "lost-capacity", "on": "2026-02-12", "source": "family"}"#,
    );
    let mut event = log.event("2026-02-12T12:00", TRUST, "consent-granted", GRANT);
    let pending = log.submit(event.clone()).map_err(|refusal| refusal.reason);
    assert_eq!(pending, Err(Reason::AuthorityPending));
    event.basis = seen;
    assert_eq!(
        log.submit(event).map_err(|refusal| refusal.reason),
        Err(Reason::ConsentSuperseded)
    );
}
