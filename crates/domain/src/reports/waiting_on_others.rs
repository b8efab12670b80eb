//! Waiting on others: what I owe to others, and what others owe me (B10; complaints manager).

use std::collections::BTreeMap;

use super::case_file::state_code;
use super::dossier::Dossier;
use super::model::{Cell, Table, Unit};
use super::what_is_due::is_owed;
use super::{Draft, Frame, Tally};
use crate::ids::{EventId, OrganisationId};
use crate::rules::Rules;
use crate::timetable::{WaitedOn, waiting};

/// Duties between organisations that are open at the instant.
pub(crate) struct WaitingOnOthers {
    mine: Table,
    theirs: Table,
    /// Working days for which deadlines of this organisation waited, by whom.
    waited: BTreeMap<String, (usize, u64)>,
    waits: Table,
}

impl WaitingOnOthers {
    pub(crate) fn new(_: &Frame) -> Self {
        let duties = |name, title: &str, whom, what| {
            Table::listing(name, title)
                .column("due", Unit::Date, "last day in time")
                .column("state", Unit::Text, "running or overdue")
                .column("organisation", Unit::Text, whom)
                .column("what", Unit::Text, what)
                .column("deadline", Unit::Text, "name of the deadline")
                .column("case", Unit::Text, "id of the case")
                .column("late", Unit::WorkingDays, "working days after the due day")
        };
        Self {
            mine: duties(
                "i-owe",
                "What I owe to others",
                "who runs the case",
                "strand, information, comments or another duty",
            ),
            theirs: duties(
                "owed-to-me",
                "What others owe me",
                "who owes it",
                "strand, information, comments or another duty",
            ),
            waited: BTreeMap::new(),
            waits: Table::listing("waits", "What my open deadlines wait for")
                .column("case", Unit::Text, "id of the case")
                .column("deadline", Unit::Text, "which of my deadlines")
                .column("due", Unit::Date, "last day in time")
                .column("waited on", Unit::Text, "organisation or complainant")
                .column("for", Unit::Text, "what is missing")
                .column(
                    "working days",
                    Unit::WorkingDays,
                    "for how long, in my working days",
                ),
        }
    }

    fn take_waits(&mut self, frame: &Frame, dossier: &Dossier<'_>) {
        let own = dossier.timetable().deadlines().iter();
        let own = own.filter(|one| is_owed(one) && one.owed_by == frame.about);
        for one in own {
            let waiting = waiting(dossier.case(), one, frame.at, dossier.rules());
            for total in &waiting.totals {
                let counts = self.waited.entry(total.on.to_string()).or_default();
                counts.0 += 1;
                counts.1 += u64::from(total.working_days.unwrap_or(0));
            }
            for wait in waiting.waits.iter().filter(|wait| wait.until.is_none()) {
                self.waits.row([
                    dossier.case().id().to_string().into(),
                    one.name.to_string().into(),
                    one.due.into(),
                    wait.on.to_string().into(),
                    wait.what.words().into(),
                    wait.working_days.into(),
                ]);
            }
        }
    }
}

/// What kind of duty a deadline is, in words.
fn duty(rule: &str) -> &str {
    match rule {
        "draft-comments" => "comments on the draft",
        "join" => "answer to the invitation",
        other => other,
    }
}

/// Whose comments on the last draft are missing: they are not in the name of the deadline.
fn missing_comments(dossier: &Dossier<'_>) -> Vec<OrganisationId> {
    let circulated = &dossier.case().facts.answer.circulated;
    let comments = circulated.iter().flat_map(|draft| &draft.comments);
    comments
        .filter(|(_, agreed)| agreed.is_none())
        .map(|(organisation, _)| organisation.clone())
        .collect()
}

/// Who asked for what an event set.
fn asked_by<'d>(dossier: &'d Dossier<'_>, event: EventId) -> Option<&'d OrganisationId> {
    let mut entries = dossier.entries().iter();
    entries
        .find(|entry| entry.event.id == event)
        .map(super::Entry::actor)
}

impl Tally for WaitingOnOthers {
    fn take(&mut self, frame: &Frame, dossier: &Dossier<'_>) {
        let keeper = dossier.case().keeper();
        let case = dossier.case().id().to_string();
        for one in dossier
            .timetable()
            .deadlines()
            .iter()
            .filter(|one| is_owed(one))
        {
            let owers = match one.name.rule() {
                "draft-comments" => missing_comments(dossier),
                _ => vec![one.owed_by.clone()],
            };
            let between = matches!(
                one.name.rule(),
                "strand" | "information" | "join" | "draft-comments" | "action" | "recommendation"
            );
            if !between {
                continue;
            }
            let asker = asked_by(dossier, one.set_by).unwrap_or(keeper);
            for ower in owers
                .iter()
                .filter(|ower| *ower != asker || *ower != keeper)
            {
                let (table, other) = if *ower == frame.about {
                    let other = if keeper == ower { asker } else { keeper };
                    (&mut self.mine, other)
                } else if *keeper == frame.about || *asker == frame.about {
                    (&mut self.theirs, ower)
                } else {
                    continue;
                };
                table.row([
                    one.due.into(),
                    state_code(one.state).into(),
                    Cell::from(other),
                    duty(one.name.rule()).into(),
                    one.name.to_string().into(),
                    case.clone().into(),
                    one.late_by_working_days.filter(|late| *late > 0).into(),
                ]);
            }
        }
        self.take_waits(frame, dossier);
    }

    fn finish(mut self: Box<Self>, _: &Frame, _: &Rules<'_>) -> Draft {
        for table in [&mut self.mine, &mut self.theirs, &mut self.waits] {
            table.rows.sort();
        }
        let mut summary = Table::figures("summary", "On whom my open deadlines waited")
            .column("waited on", Unit::Text, "organisation or complainant")
            .column(
                "deadlines",
                Unit::Count,
                "my open deadlines that waited on them",
            )
            .column(
                "working days",
                Unit::WorkingDays,
                "together, in my working days",
            );
        let person = WaitedOn::Complainant.to_string();
        self.waited.entry(person).or_default();
        for (on, (deadlines, days)) in &self.waited {
            let days = i64::try_from(*days).unwrap_or(i64::MAX);
            summary.row([
                on.as_str().into(),
                Cell::count(*deadlines),
                Cell::Number(days),
            ]);
        }
        Draft::new(
            [summary, self.mine, self.theirs, self.waits],
            ["Waiting excuses nothing: no clock stops for it (Q6). It says where the time went."],
        )
    }
}
