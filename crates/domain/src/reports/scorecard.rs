//! The co-operation scorecard: strands, information, comments, meetings and actions of each body, on time or not (J-10).

use std::collections::BTreeMap;

use super::dossier::Dossier;
use super::model::{Cell, Sum, Table, Unit};
use super::{Draft, Frame, Tally};
use crate::event::EventType;
use crate::ids::OrganisationId;
use crate::rules::Rules;
use crate::timetable::{DeadlineState, MarkProof, cooperation_marks};

/// Duties in time, late, and open.
type Duty = [usize; 3];

/// The duties that a scorecard counts, by rule.
const DUTIES: [&str; 4] = ["join", "strand", "information", "action"];

// Covers: 000-7, 000-31, 001-7, J-10
/// What each body did in the period.
pub(crate) struct Scorecard {
    duties: BTreeMap<(OrganisationId, &'static str), Duty>,
    /// Meetings: attended, represented, absent.
    meetings: BTreeMap<OrganisationId, [usize; 3]>,
    marks: Table,
    marked: BTreeMap<(OrganisationId, String), usize>,
}

impl Scorecard {
    pub(crate) fn new(_: &Frame) -> Self {
        Self {
            duties: BTreeMap::new(),
            meetings: BTreeMap::new(),
            marks: Table::listing("marks", "Marks, and what proves each")
                .column(
                    "day",
                    Unit::Date,
                    "the day of the event, or the first after a due day",
                )
                .column("organisation", Unit::Text, "whose mark it is")
                .column("duty", Unit::Text, "which duty was not kept")
                .column("case", Unit::Text, "id of the case")
                .column(
                    "proof",
                    Unit::Text,
                    "id of the event, or name of the deadline",
                ),
            marked: BTreeMap::new(),
        }
    }

    fn take_duties(&mut self, frame: &Frame, dossier: &Dossier<'_>) {
        for one in dossier.timetable().deadlines() {
            let duty = DUTIES.iter().find(|duty| **duty == one.name.rule());
            let Some((duty, due)) = duty.zip(one.due) else {
                continue;
            };
            if !wanted(frame, &one.owed_by) || !frame.period.contains(due) {
                continue;
            }
            let place = match one.state {
                DeadlineState::Met => 0,
                DeadlineState::MetLate | DeadlineState::Overdue => 1,
                DeadlineState::Moved if one.was_late() => 1,
                DeadlineState::Running => 2,
                DeadlineState::Moved
                | DeadlineState::Ended
                | DeadlineState::Window
                | DeadlineState::Undated => continue,
            };
            self.duties.entry((one.owed_by.clone(), duty)).or_default()[place] += 1;
        }
    }

    /// Comments on a draft have one deadline for all that were asked; each body's own comment decides.
    fn take_comments(&mut self, frame: &Frame, dossier: &Dossier<'_>) {
        for circulated in dossier.of(EventType::DraftCirculated) {
            let version = circulated.fields().number("version");
            let set = dossier.timetable().deadlines().iter();
            let due = set
                .filter(|one| {
                    one.name.rule() == "draft-comments" && one.set_by == circulated.event.id
                })
                .find_map(|one| one.due);
            let Some(due) = due.filter(|due| frame.period.contains(*due)) else {
                continue;
            };
            for asked in circulated
                .fields()
                .texts("to")
                .filter_map(|code| code.parse().ok())
            {
                let asked: OrganisationId = asked;
                if !wanted(frame, &asked) {
                    continue;
                }
                let mut comments = dossier.of(EventType::DraftCommented);
                let comment = comments.find(|entry| {
                    *entry.actor() == asked && entry.fields().number("version") == version
                });
                let superseded = dossier
                    .of(EventType::DraftCirculated)
                    .any(|later| later.position > circulated.position && later.day() <= due);
                let place = match comment.map(super::Entry::day) {
                    Some(day) if day <= due => 0,
                    Some(_) => 1,
                    None if superseded => continue,
                    None if due < frame.today => 1,
                    None => 2,
                };
                self.duties.entry((asked, "comments")).or_default()[place] += 1;
            }
        }
    }

    fn take_meetings(&mut self, frame: &Frame, dossier: &Dossier<'_>) {
        for held in dossier.of(EventType::MeetingHeld) {
            if !frame.period.contains(held.day()) {
                continue;
            }
            let meeting = held.fields().text("meeting");
            let mut scheduled = dossier.of(EventType::MeetingScheduled);
            let invited = scheduled.rfind(|entry| entry.fields().text("meeting") == meeting);
            let invited = invited
                .into_iter()
                .flat_map(|entry| entry.fields().texts("invited"));
            let attended: Vec<&str> = held.fields().texts("attended").collect();
            let represented: Vec<&str> = held
                .fields()
                .records("represented")
                .filter_map(|one| one.text("org"))
                .collect();
            for code in invited {
                let Ok(organisation) = code.parse::<OrganisationId>() else {
                    continue;
                };
                if !wanted(frame, &organisation) {
                    continue;
                }
                let place = match (attended.contains(&code), represented.contains(&code)) {
                    (true, _) => 0,
                    (false, true) => 1,
                    (false, false) => 2,
                };
                self.meetings.entry(organisation).or_default()[place] += 1;
            }
        }
    }

    fn take_marks(&mut self, frame: &Frame, dossier: &Dossier<'_>) {
        for mark in cooperation_marks(dossier.case(), frame.at, dossier.rules()) {
            if !wanted(frame, &mark.organisation) || !frame.period.contains(mark.on) {
                continue;
            }
            let proof = match &mark.proof {
                MarkProof::Event(event) => event.to_string(),
                MarkProof::Deadline { name, .. } => name.to_string(),
            };
            let duty = mark.duty.code().to_owned();
            self.marks.row([
                mark.on.into(),
                Cell::from(&mark.organisation),
                duty.as_str().into(),
                dossier.case().id().to_string().into(),
                proof.into(),
            ]);
            *self.marked.entry((mark.organisation, duty)).or_default() += 1;
        }
    }
}

fn wanted(frame: &Frame, organisation: &OrganisationId) -> bool {
    frame.only.as_ref().is_none_or(|only| only == organisation)
}

impl Tally for Scorecard {
    fn take(&mut self, frame: &Frame, dossier: &Dossier<'_>) {
        self.take_duties(frame, dossier);
        self.take_comments(frame, dossier);
        self.take_meetings(frame, dossier);
        self.take_marks(frame, dossier);
    }

    fn finish(mut self: Box<Self>, _: &Frame, _: &Rules<'_>) -> Draft {
        self.marks.rows.sort();
        let mut duties = Table::figures("duties", "Duties that fell due")
            .column("organisation", Unit::Text, "whose duties")
            .column(
                "duty",
                Unit::Text,
                "answer to an invitation, strand, information, action, comments",
            )
            .column("in time", Unit::Count, "done by the due day")
            .column(
                "late",
                Unit::Count,
                "done later, moved after the due day, or overdue",
            )
            .column("open", Unit::Count, "not due yet")
            .column("all", Unit::Count, "due in the period")
            .column("share", Unit::Percent, "in time, of those in time and late");
        for ((organisation, duty), counts) in &self.duties {
            let all: usize = counts.iter().sum();
            let cells = [Cell::from(organisation), (*duty).into()];
            let cells = cells.into_iter().chain(counts.map(Cell::count));
            let row = duties.row(cells.chain([
                Cell::count(all),
                Cell::percent(counts[0], counts[0] + counts[1]),
            ]));
            duties.sums.push(Sum {
                total: (row, 5),
                parts: (2..5).map(|column| (row, column)).collect(),
                has_rest: false,
            });
        }
        let mut meetings = Table::figures("meetings", "Meetings to which they were invited")
            .column("organisation", Unit::Text, "who was invited")
            .column("attended", Unit::Count, "came")
            .column("represented", Unit::Count, "sent somebody else")
            .column("absent", Unit::Count, "neither");
        for (organisation, counts) in &self.meetings {
            meetings.row(std::iter::once(Cell::from(organisation)).chain(counts.map(Cell::count)));
        }
        let mut marked = Table::figures("marked", "Marks by duty")
            .column("organisation", Unit::Text, "whose marks")
            .column("duty", Unit::Text, "which duty was not kept")
            .column("number", Unit::Count, "how many");
        for ((organisation, duty), number) in &self.marked {
            marked.row([
                Cell::from(organisation),
                duty.as_str().into(),
                Cell::count(*number),
            ]);
        }
        Draft::new(
            [duties, meetings, marked, self.marks],
            [
                "A mark is no verdict. What a body says of it stands in the case; a lead is marked like anybody else.",
                "A duty that was moved after its due day counts as late; moved before, it counts on its new day only.",
            ],
        )
    }
}
