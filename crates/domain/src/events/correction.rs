//! Corrections: the earlier event and its ruling stay, dates that follow from it are computed anew (domain brief B7).

use jiff::civil::Date;

use super::investigation::Outcome;
use super::read::{Content, Kind, codes, elements, fields};
use super::row::{EventRules, Who, row};
use crate::case::{Case, Change, DeadlineName, From};
use crate::fields::{Fields, Value};
use crate::ids::{EventId, OrganisationId};
use crate::judge::Reason;

codes! {
    /// How a mistake came about.
    CorrectionReason { Typing = "typing", WrongDate = "wrong-date", WrongPerson = "wrong-person", Other = "other" }
}

elements! {
    /// The right due day of a strand, by its body.
    CorrectedStrand { must org: OrganisationId, may issues: Vec<String>, may due: Date }
    /// The right target day of an action.
    CorrectedAction { must id: String, may org: OrganisationId, may owner: String, may target: Date }
    /// The right due day of a recommendation.
    CorrectedRecommendation { must id: String, may org: OrganisationId, may due: Date }
    /// The right days of an issue.
    CorrectedIssue { must id: String, may body: OrganisationId, may occurred_on: Date, may known_on: Date }
    /// The right values, each under the name of the field that it corrects. What deadlines follow from is in here, and who was meant.
    CorrectedValues {
        may received_on: Date,
        may matter_occurred_on: Date,
        may matter_known_on: Date,
        may notified_on: Date,
        may initiated_on: Date,
        may written_statement_agreed_on: Date,
        may received_by_authority_on: Date,
        may known_on: Date,
        may noticed_on: Date,
        may on: Date,
        may date: Date,
        may due: Date,
        may target: Date,
        may new_target: Date,
        may reply_by: Date,
        may review_on: Date,
        may next_review_on: Date,
        may response_by: Date,
        may new_expected: Date,
        may until: Date,
        may expires: Date,
        may other_received_on: Date,
        may first_received_on: Date,
        may agreed_on: Date,
        may matter_continuing: bool,
        may strands: Vec<CorrectedStrand>,
        may actions: Vec<CorrectedAction>,
        may recommendations: Vec<CorrectedRecommendation>,
        may issues: Vec<CorrectedIssue>,
        may complainant_ref: String,
        may subject_ref: String,
        may person_ref: String,
        may representative_ref: String,
        may given_by: String,
        may staff: String,
        may contact: String,
        may owner: String,
        may authorised_by: String,
        may by_post: String,
        may outcome: Outcome,
        may overall_outcome: Outcome,
    }
}

/// Which deadlines follow from a day that an event named. Two days of one event may be equal, and only one of them be wrong.
fn feeds(field: &str, rule: &str) -> bool {
    match field {
        // The day of receipt begins whatever the opening event begins, but for what counts from knowing or is a day by itself.
        "received_on" => !matches!(rule, "ombudsman-limit" | "reply"),
        "matter_known_on" => rule == "ombudsman-limit",
        "known_on" => matches!(rule, "breach-notice" | "ombudsman-limit"),
        "noticed_on" => rule == "safeguarding-referral",
        "notified_on" => matches!(rule, "acknowledge" | "relevant-period"),
        "other_received_on" => rule == "relevant-period",
        "initiated_on" | "written_statement_agreed_on" => {
            matches!(rule, "stage-2-response" | "stage-2-acknowledge")
        }
        "received_by_authority_on" => rule == "authority-response",
        "on" => rule == "panel-findings",
        "date" => matches!(
            rule,
            "response" | "relevant-period" | "stage-1-response" | "stage-2-response"
        ),
        "due" => matches!(rule, "strand" | "information" | "recommendation"),
        "target" | "new_target" => rule == "action",
        "reply_by" => matches!(rule, "ombudsman-reply" | "reply"),
        "review_on" => matches!(rule, "hold-review" | "restriction-review"),
        "next_review_on" => rule == "restriction-review",
        "response_by" | "new_expected" => rule == "response",
        "until" => rule == "retention-review",
        "expires" => rule == "consent-expiry",
        _ => false,
    }
}

/// A day that an event named: in a field of its own, or in an element of a list, which is known by its body or id.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct NamedDay {
    /// The field, or the key within the element.
    field: &'static str,
    /// The element.
    subject: Option<String>,
}

impl NamedDay {
    /// Whether a deadline follows from this day of the event that set it.
    pub(crate) fn feeds(&self, name: &DeadlineName) -> bool {
        let same = |subject: &String| {
            name.subject() == Some(subject)
                || (self.field == "known_on" && name.subject().is_none())
        };
        feeds(self.field, name.rule()) && self.subject.as_ref().is_none_or(same)
    }

    /// Whether it is the day of this field, outside any list.
    pub(crate) fn is(&self, field: &str) -> bool {
        self.field == field && self.subject.is_none()
    }

    /// How the case remembers it.
    pub(crate) fn key(&self) -> String {
        match &self.subject {
            Some(subject) => format!("{}:{subject}", self.field),
            None => self.field.to_owned(),
        }
    }
}

/// Lists whose elements name a day: the list, by which key an element is known, and which key names the day.
const DAYS_IN_LISTS: [(&str, &str, &str); 4] = [
    ("strands", "org", "due"),
    ("actions", "id", "target"),
    ("recommendations", "id", "due"),
    ("issues", "id", "known_on"),
];

/// The days of an event from which deadlines may follow.
pub(crate) fn days_of(fields: &Fields) -> Vec<(NamedDay, Date)> {
    let single = CorrectedValues::FIELDS
        .iter()
        .filter(|field| field.kind == Kind::Date)
        .filter_map(|field| {
            let named = NamedDay {
                field: field.name,
                subject: None,
            };
            Some((named, fields.text(field.name)?.parse().ok()?))
        });
    let in_lists = DAYS_IN_LISTS.iter().flat_map(|(list, known_by, day)| {
        let elements = match fields.get(list) {
            Some(Value::List(elements)) => elements.as_slice(),
            _ => &[],
        };
        elements.iter().filter_map(move |element| {
            let Value::Record(element) = element else {
                return None;
            };
            let named = NamedDay {
                field: day,
                subject: Some(element.text(known_by)?.to_owned()),
            };
            Some((named, element.text(day)?.parse().ok()?))
        })
    });
    single.chain(in_lists).collect()
}

fields! {
    /// Something was recorded wrongly.
    CorrectionRecorded {
        must corrects: String,
        must changed: Vec<String>,
        must reason_code: CorrectionReason,
        may values: CorrectedValues,
        may content_values: Content,
        may reason: Content,
    }
}

impl EventRules for CorrectionRecorded {
    row! { CorrectionRecorded {
        who: [Who::Owner, Who::Keeper],
        from: [From::Any],
        reasons: [Reason::NotYours],
        summary: "Something was recorded wrongly; what was signed and ruled stays, dates are computed anew (D-10).",
    }}

    fn is_owner(&self, case: &Case, actor: &OrganisationId) -> bool {
        self.corrects
            .parse::<EventId>()
            .is_ok_and(|event| case.has_event(actor, event))
    }

    fn apply(&self, change: &mut Change<'_>) {
        let Ok(event) = self.corrects.parse::<EventId>() else {
            return;
        };
        // Days and deadlines are known by the id alone. Nobody who takes another's id is to get at what that one's event set.
        if change.case.is_shared_id(event) {
            return;
        }
        let Some(Value::Record(values)) = change.event.fields.get("values") else {
            return;
        };
        for (named, right) in days_of(values) {
            change.correct(event, &named, right);
        }
        let continuing = self
            .values
            .as_ref()
            .and_then(|right| right.matter_continuing);
        if let Some(continuing) = continuing {
            change.correct_continuing(event, continuing);
        }
    }
}
