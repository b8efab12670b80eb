//! The KO41a extract: each complaint once, at the organisation that deals with it (Q18); who took part shows it on a line of its own.

use std::collections::BTreeMap;

use super::dossier::{Dossier, NOT_STATED, Outcome, Share};
use super::figures::ByCode;
use super::model::{Cell, Table, Unit};
use super::{Draft, Frame, Tally};
use crate::event::EventType;
use crate::rules::Rules;

/// The subject areas of the collection (M in the domain brief: check the current list before sending).
const SUBJECT_AREAS: [&str; 21] = [
    "access-to-treatment-or-drugs",
    "admissions-discharge-and-transfers",
    "appointments",
    "clinical-treatment",
    "commissioning",
    "communications",
    "consent-to-treatment",
    "end-of-life-care",
    "facilities",
    "integrated-care",
    "mortuary",
    "patient-care",
    "prescribing",
    "privacy-dignity-and-wellbeing",
    "restraint",
    "staff-numbers",
    "transport",
    "trust-administration-and-records",
    "values-and-behaviours",
    "waiting-times",
    "other",
];

/// Figures of the year for one organisation.
#[derive(Default)]
pub(crate) struct Ko41a {
    brought_forward: usize,
    new: usize,
    reopened: usize,
    resolved: BTreeMap<&'static str, usize>,
    carried_forward: usize,
    contributed: usize,
    ages: ByCode<1>,
    status: ByCode<1>,
    services: ByCode<1>,
    subjects: ByCode<1>,
    clinical: ByCode<1>,
    professions: ByCode<1>,
}

impl Ko41a {
    pub(crate) fn new(_: &Frame) -> Self {
        Self::default()
    }

    fn take_new(&mut self, dossier: &Dossier<'_>) {
        let one = |code: &str| std::iter::once(code.to_owned()).collect();
        let opened = dossier.opened();
        let says = |field: &str| opened.and_then(|entry| entry.fields().flag(field)) == Some(true);
        let age = if says("young_person") {
            "under-18"
        } else {
            "18-or-over-or-not-stated"
        };
        self.ages.count(&one(age), [true]);
        let representative = says("representative");
        let basis = dossier.last_of(EventType::RepresentativeAuthorityChecked);
        let basis = basis.and_then(|entry| entry.fields().text("basis"));
        let status = match (representative, says("anonymous"), basis) {
            (_, true, _) => "unknown",
            (false, false, _) => "patient-or-person-served",
            (true, false, Some("parental")) => "parent-or-guardian",
            (true, false, _) => "other-representative",
        };
        self.status.count(&one(status), [true]);
        self.services.count(&dossier.services(), [true]);
        let areas = dossier.themes().into_iter().map(|theme| {
            let known = SUBJECT_AREAS.contains(&theme.as_str());
            if known || theme == NOT_STATED {
                theme
            } else {
                "other".to_owned()
            }
        });
        let areas: std::collections::BTreeSet<String> = areas.collect();
        let is_clinical = areas.contains("clinical-treatment");
        self.subjects.count(&areas, [true]);
        if is_clinical {
            self.clinical.count(&dossier.root_causes(), [true]);
        }
        let posts = opened
            .into_iter()
            .flat_map(|entry| entry.fields().texts("about_posts"));
        let mut posts: std::collections::BTreeSet<String> = posts.map(str::to_owned).collect();
        if posts.is_empty() {
            posts.insert(NOT_STATED.to_owned());
        }
        self.professions.count(&posts, [true]);
    }

    fn totals(&self) -> Table {
        let mut table = Table::figures("totals", "Complaints of the year")
            .column("line", Unit::Text, "which total")
            .column("number", Unit::Count, "how many complaints");
        let forward = table.row(["brought forward".into(), Cell::count(self.brought_forward)]);
        let new = table.row(["new".into(), Cell::count(self.new)]);
        let reopened = table.row(["reopened".into(), Cell::count(self.reopened)]);
        let dealt_with = self.brought_forward + self.new + self.reopened;
        let all = table.row(["dealt with".into(), Cell::count(dealt_with)]);
        table.adds_up(1, all, &[forward, new, reopened]);
        let codes = ["upheld", "partially-upheld", "not-upheld", "otherwise"];
        let mut ends: Vec<usize> = codes
            .map(|code| {
                let number = self.resolved.get(code).copied().unwrap_or(0);
                table.row([format!("resolved: {code}").into(), Cell::count(number)])
            })
            .into();
        let resolved = table.row(["resolved".into(), Cell::count(self.resolved.values().sum())]);
        table.adds_up(1, resolved, &ends);
        let carried = table.row(["carried forward".into(), Cell::count(self.carried_forward)]);
        table.adds_up(1, all, &[resolved, carried]);
        ends.push(carried);
        table.adds_up(1, all, &ends);
        table.row([
            "contributed to, counted by its lead".into(),
            Cell::count(self.contributed),
        ]);
        table
    }
}

impl Tally for Ko41a {
    fn take(&mut self, frame: &Frame, dossier: &Dossier<'_>) {
        if dossier.left_out_as().is_some() {
            return;
        }
        let share = dossier.share_of(&frame.about);
        let received = frame.period.contains(dossier.received_on());
        if share == Share::Contributed {
            self.contributed += usize::from(received);
        }
        if share != Share::Own {
            return;
        }
        let open_before = dossier.was_open_on(frame.period.eve());
        let open_after = dossier.was_open_on(frame.period.to);
        let reopened = dossier
            .of(EventType::CaseReopened)
            .any(|entry| frame.period.contains(entry.day()));
        let again = !open_before && !received && reopened;
        self.brought_forward += usize::from(open_before);
        self.new += usize::from(received);
        self.reopened += usize::from(again);
        if received {
            self.take_new(dossier);
        }
        if !(open_before || received || again) {
            return;
        }
        if open_after {
            self.carried_forward += 1;
            return;
        }
        let by_then = dossier.answers();
        let mut by_then = by_then
            .iter()
            .rev()
            .filter(|answer| answer.on <= frame.period.to);
        let outcome = by_then.find_map(super::dossier::Answer::outcome);
        let line = match outcome {
            Some(Outcome::Upheld) => "upheld",
            Some(Outcome::PartlyUpheld) => "partially-upheld",
            Some(Outcome::NotUpheld) => "not-upheld",
            Some(Outcome::Resolved) | None => "otherwise",
        };
        *self.resolved.entry(line).or_default() += 1;
    }

    fn finish(self: Box<Self>, frame: &Frame, rules: &Rules<'_>) -> Draft {
        let organisation = rules.directory.organisation(&frame.about);
        let mut body = Table::figures("organisation", "Organisation")
            .column("what", Unit::Text, "which particular")
            .column("value", Unit::Text, "as the directory has it");
        body.row(["code".into(), Cell::from(&frame.about)]);
        body.row([
            "name".into(),
            organisation.map(|one| one.name.as_str()).into(),
        ]);
        body.row([
            "kind".into(),
            organisation.map(|one| one.kind.as_str()).into(),
        ]);
        let totals = self.totals();
        let by = |name, title: &str, code, counted: &ByCode<1>| {
            let mut table = Table::figures(name, title)
                .column("code", Unit::Text, code)
                .column("new", Unit::Count, "new in the year");
            counted.fill(&mut table);
            table
        };
        Draft::new(
            [
                body,
                totals,
                by(
                    "age",
                    "Patient age",
                    "age band, as far as it was recorded",
                    &self.ages,
                ),
                by(
                    "complainant",
                    "Complainant status",
                    "who complains",
                    &self.status,
                ),
                by(
                    "service-areas",
                    "Service area or site",
                    "service concerned; several are possible",
                    &self.services,
                ),
                by(
                    "subject-areas",
                    "Subject areas",
                    "subject area; several are possible",
                    &self.subjects,
                ),
                by(
                    "clinical",
                    "Clinical sub-subjects",
                    "root cause of complaints about clinical treatment",
                    &self.clinical,
                ),
                by(
                    "professions",
                    "Professions",
                    "post complained of; several are possible",
                    &self.professions,
                ),
            ],
            [
                "Upheld: evidence supports all of it; not upheld: none of any aspect; partially upheld: one or more but not all aspects.",
                "A complaint counts once, at the organisation that deals with it: the lead, or who accepted it on a pass-on (Q18).",
                "Resolved otherwise: signposted, withdrawn, out of time, or answered without a finding.",
                "A theme or cause that is no subject area of the collection counts as other; not-stated where none is recorded yet.",
            ],
        )
    }
}
