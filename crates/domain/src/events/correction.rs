//! Corrections: the earlier event and its ruling stay, dates that follow from it are computed anew (domain brief B7).

use std::collections::BTreeMap;

use jiff::civil::Date;

use super::read::{Content, FieldSpec, codes, elements, fields};
use super::row::{EventRules, Who, row};
use crate::case::{Case, Change, From};
use crate::fields::{Fields, Value};
use crate::ids::{EventId, OrganisationId};
use crate::judge::Reason;

codes! {
    /// How a mistake came about.
    CorrectionReason { Typing = "typing", WrongDate = "wrong-date", WrongPerson = "wrong-person", Other = "other" }
}

elements! {
    /// The right days, each under the name of the field that it corrects: in any event, those from which a deadline may follow.
    CorrectedDays {
        may received_on: Date,
        may matter_occurred_on: Date,
        may matter_known_on: Date,
        may notified_on: Date,
        may initiated_on: Date,
        may written_statement_agreed_on: Date,
        may received_by_authority_on: Date,
        may known_on: Date,
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
    }
}

/// The days of an event from which deadlines may follow, by field.
pub(crate) fn days_of(fields: &Fields) -> BTreeMap<String, Date> {
    let day = |field: &FieldSpec| match fields.get(field.name) {
        Some(Value::Text(text)) => Some((field.name.to_owned(), text.parse().ok()?)),
        _ => None,
    };
    CorrectedDays::FIELDS.iter().filter_map(day).collect()
}

fields! {
    /// Something was recorded wrongly.
    CorrectionRecorded {
        must corrects: String,
        must changed: Vec<String>,
        must reason_code: CorrectionReason,
        may values: CorrectedDays,
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
        for (field, right) in days_of(values) {
            change.correct(event, &field, right);
        }
    }
}
