//! Deadlines, and how they came about in words.

use concordat_domain::calendar::{DayStep, DayVerdict};
use concordat_domain::ids::CaseId;
use concordat_domain::policy::Force;
use concordat_domain::timetable::{Deadline, DeadlineState, Wait, WaitedFor, Waiting, sentences};
use concordat_node::CaseView;
use concordat_proto::v1;
use jiff::Timestamp;
use jiff::civil::Date;

use super::instant;

/// Zone of all due days (design, decision 7; domain brief A1).
const TIME_ZONE: &str = "Europe/London";

/// One occurrence of a deadline at an instant.
pub(crate) fn deadline(
    deadline: &Deadline,
    waiting: Option<&Waiting>,
    case: CaseId,
    at: Timestamp,
) -> v1::Deadline {
    let met = matches!(deadline.state, DeadlineState::Met | DeadlineState::MetLate);
    v1::Deadline {
        deadline_id: deadline.id.to_string(),
        name: deadline.name.to_string(),
        case_id: case.to_string(),
        rule: deadline.rule.clone(),
        owner: deadline.owed_by.to_string(),
        owed_to: deadline.owed_to.clone(),
        state: state(deadline, at).into(),
        due_date: deadline.due.map(text).unwrap_or_default(),
        time_zone: TIME_ZONE.to_owned(),
        calendar: deadline.explanation.calendar.clone(),
        due_at: deadline.due_instant.map(instant),
        source: deadline.source.clone(),
        force: force(deadline.force).into(),
        started_by: deadline.set_by.to_string(),
        met_by: deadline
            .stopped_by
            .filter(|_| met)
            .map(|event| event.to_string())
            .unwrap_or_default(),
        met_at: deadline.stopped_at.filter(|_| met).map(instant),
        working_days_late: late(deadline),
        window: deadline.is_window(),
        warnings: deadline.warnings.clone(),
        waits: waiting.iter().flat_map(|it| &it.waits).map(wait).collect(),
        waited_on: waiting
            .iter()
            .flat_map(|waiting| &waiting.totals)
            .map(|total| v1::WaitTotal {
                on: total.on.to_string(),
                working_days: total.working_days.map(days),
                still: total.still,
            })
            .collect(),
    }
}

fn wait(wait: &Wait) -> v1::Wait {
    v1::Wait {
        on: wait.on.to_string(),
        r#for: waited_for(wait.what).into(),
        deadline: wait
            .deadline
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default(),
        from: Some(instant(wait.from)),
        until: wait.until.map(instant),
        working_days: wait.working_days.map(days),
    }
}

fn waited_for(what: WaitedFor) -> v1::WaitedFor {
    match what {
        WaitedFor::Consent => v1::WaitedFor::Consent,
        WaitedFor::Acceptance => v1::WaitedFor::Acceptance,
        WaitedFor::Joining => v1::WaitedFor::Joining,
        WaitedFor::Lead => v1::WaitedFor::Lead,
        WaitedFor::Information => v1::WaitedFor::Information,
        WaitedFor::Strand => v1::WaitedFor::Strand,
        WaitedFor::Comment => v1::WaitedFor::Comment,
        WaitedFor::CouncilReview => v1::WaitedFor::CouncilReview,
    }
}

fn days(days: u32) -> i32 {
    i32::try_from(days).unwrap_or(i32::MAX)
}

/// By how many working days it is or was late; 0 where no calendar covers them, of which the warnings tell.
fn late(deadline: &Deadline) -> i32 {
    if deadline.late_by_days == 0 || deadline.is_window() {
        return 0;
    }
    days(deadline.late_by_working_days.unwrap_or_default())
}

/// State at an instant, a window that is over told from one that runs.
pub(crate) fn state(deadline: &Deadline, at: Timestamp) -> v1::DeadlineState {
    use v1::DeadlineState as Wire;
    let over = deadline.due_instant.is_some_and(|due| due <= at);
    match deadline.state {
        DeadlineState::Running => Wire::Running,
        DeadlineState::Overdue => Wire::Overdue,
        DeadlineState::Met => Wire::Met,
        DeadlineState::MetLate => Wire::MetLate,
        DeadlineState::Moved => Wire::Moved,
        DeadlineState::Ended => Wire::Ended,
        DeadlineState::Window if over => Wire::Expired,
        DeadlineState::Window => Wire::Running,
        DeadlineState::Undated => Wire::Undated,
    }
}

fn force(force: Force) -> v1::DeadlineForce {
    match force {
        Force::Statutory => v1::DeadlineForce::Statutory,
        Force::Quasi => v1::DeadlineForce::Quasi,
        Force::Guidance => v1::DeadlineForce::Guidance,
        Force::Local => v1::DeadlineForce::Local,
    }
}

fn text(date: Date) -> String {
    date.to_string()
}

/// How a deadline came about: each day, and the same in sentences.
pub(crate) fn explanation(
    explained: &Deadline,
    before: &[&Deadline],
    case: &CaseView,
    at: Timestamp,
) -> v1::ExplainDeadlineResponse {
    let render = |one: &Deadline| deadline(one, case.waiting.get(&one.id), case.id, at);
    let waiting = case.waiting.get(&explained.id);
    v1::ExplainDeadlineResponse {
        deadline: Some(render(explained)),
        rule_text: explained.explanation.trigger.clone(),
        steps: steps(&explained.explanation.steps),
        sentences: sentences(explained, before, waiting),
        pack: explained.explanation.pack.clone(),
        length: explained.explanation.length.clone(),
        counting: explained.explanation.counting.clone(),
        mark: explained.explanation.mark.clone(),
        earlier: before.iter().map(|one| render(one)).collect(),
    }
}

fn steps(steps: &[DayStep]) -> Vec<v1::DayStep> {
    let mut count = 0;
    let steps = steps.iter().map(|step| {
        let reason = match &step.verdict {
            DayVerdict::Counted(number) => {
                count = i32::try_from(*number).unwrap_or(i32::MAX);
                String::new()
            }
            DayVerdict::Ended => String::new(),
            DayVerdict::Start => "start".to_owned(),
            DayVerdict::Weekend => "weekend".to_owned(),
            DayVerdict::Holiday(title) => title.clone(),
            DayVerdict::ClosedDay(title) => format!("closed: {title}"),
        };
        v1::DayStep {
            date: text(step.date),
            counted: reason.is_empty(),
            count,
            reason,
        }
    });
    steps.collect()
}
