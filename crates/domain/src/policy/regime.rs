//! Which regime a body itself stands under, and to which standard it investigates (J-14, Q20).

use crate::directory::Organisation;

/// The pack of a body's own nation and kind, by its name; none for a kind that no procedure is known for.
pub(crate) fn own_regime(body: &Organisation) -> Option<&'static str> {
    let (kind, calendar) = (body.kind.as_str(), body.calendar.as_str());
    let is_welsh = body.id.as_str().starts_with("gss:W");
    match (calendar, kind) {
        (_, "police" | "other") => None,
        ("SCT", "health-board") => Some("sco-nhs"),
        ("SCT", _) => Some("sco-mchp"),
        ("NI", _) => Some("ni-hsc-2026"),
        ("EW", "council") if is_welsh => Some("wal-ss-2014"),
        ("EW", "health-board") => Some("wal-nhs-2026"),
        ("EW", _) => Some("eng-2009"),
        _ => None,
    }
}

/// The variant of the rule `strand` for a kind of body: NHS bodies investigate to the NHS Complaint Standards, social care to the
/// ombudsman's guidance.
pub(crate) fn kind_of_standard(kind: &str) -> Option<&'static str> {
    match kind {
        "nhs-trust" | "icb" | "gp" | "health-board" => Some("nhs"),
        "council" | "provider" => Some("social-care"),
        _ => None,
    }
}
