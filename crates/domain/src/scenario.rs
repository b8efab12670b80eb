//! Worked cases as files: their format, a runner on the bare core, and the comparison that other runners share.
//!
//! The format is that of `tests/fixtures/scenarios`: a list of steps in log order, each with what is expected after it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use jiff::civil::{Date, DateTime};
use jiff::{Timestamp, tz};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::calendar::london;
use crate::case::Case;
use crate::directory::{
    Directory, DirectoryEvent, Standing, adoptable, enter_directory, judge_directory,
};
use crate::event::{CaseVersion, Event, EventType, Opening, Placement, UnknownEventType};
use crate::events::{Kind, Who, row};
use crate::fields::{Fields, Value};
use crate::ids::{CaseId, EventId, OrganisationId, Position};
use crate::reports::{Entry, History};
use crate::rules::{RULES_VERSION, Rules};
use crate::{Refusal, evolve, judge, timetable};

/// A scenario file, or a step of it, cannot be played. Correct the file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Not a list of steps: names line and reason.
    #[error("scenario file: {0}")]
    Malformed(String),
    /// A step names an event that these rules do not know.
    #[error(transparent)]
    UnknownEventType(#[from] UnknownEventType),
    /// A step is based on one that is not before it.
    #[error("based on step {0}, which is not before this one")]
    NotYetSeen(usize),
    /// A local time that does not exist in Europe/London.
    #[error("{0} is no local time in Europe/London")]
    NoSuchTime(DateTime),
}

/// One step: who publishes what, when, and what is expected then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// The title of the scenario; in the first step only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scenario: Option<String>,
    /// Its number, from 1.
    pub step: usize,
    /// Local time in Europe/London, to which the clock moves before the step.
    pub at: DateTime,
    /// Who publishes.
    pub org: OrganisationId,
    /// The event type.
    pub event: String,
    /// The event's fields, whatever their compartment.
    pub fields: Fields,
    /// What is expected after it.
    pub expect: Expectation,
    /// The alias of its case; `main` if left out.
    #[serde(default = "main_case", skip_serializing_if = "String::is_empty")]
    pub case: String,
    /// A label that stands for an event id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_id: Option<String>,
    /// When it happened, if not at the step's own time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub occurred_at: Option<DateTime>,
    /// Why it is recorded so late.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backdate_reason: Option<String>,
    /// The author had seen the steps up to this one and nothing later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub based_on: Option<usize>,
    /// Whether that version is sent as the one expected.
    #[serde(default)]
    pub expected_version: bool,
    /// The label of the event that this one corrects.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub corrects: Option<String>,
}

fn main_case() -> String {
    "main".to_owned()
}

/// What a step expects of its case; what is left out is not looked at.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expectation {
    /// The state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// Every deadline ever started, with its date while it runs or is overdue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadlines: Option<BTreeMap<String, Option<Date>>>,
    /// The whole set of flags.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flags: Option<BTreeSet<String>>,
    /// The reason, if the event does not count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rejected: Option<String>,
}

/// What was seen after a step, at a node or on the bare core.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observed {
    /// The state, unless there is no such case.
    pub state: Option<String>,
    /// Every deadline ever started.
    pub deadlines: BTreeMap<String, Option<Date>>,
    /// All flags.
    pub flags: BTreeSet<String>,
    /// The code of the reason, if the event was refused or ruled void.
    pub rejected: Option<String>,
}

impl Observed {
    /// What there is to see of a case at an instant, after an answer to an event.
    pub fn of(
        case: Option<&Case>,
        at: Timestamp,
        rules: &Rules<'_>,
        answer: Result<(), &Refusal>,
    ) -> Self {
        let rejected = answer.err().map(Refusal::code);
        let Some(case) = case else {
            return Self {
                rejected,
                ..Self::default()
            };
        };
        Self {
            state: Some(case.state().to_string()),
            deadlines: timetable(case, at, rules).dates(),
            flags: case.flags(at, rules),
            rejected,
        }
    }
}

/// One thing that is not as expected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// What: `state`, `rejected`, `flag <f>` or `deadline <d>`.
    pub what: String,
    /// As the file has it.
    pub expected: String,
    /// As it was seen.
    pub actual: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: expected {}, was {}",
            self.what, self.expected, self.actual
        )
    }
}

/// Everything in which what was seen is not what was expected.
pub fn compare(actual: &Observed, expected: &Expectation) -> Vec<Difference> {
    let mut differences = Vec::new();
    let mut check = |what: String, expected: String, actual: String| {
        if expected != actual {
            differences.push(Difference {
                what,
                expected,
                actual,
            });
        }
    };
    let show = |text: &Option<String>| text.clone().unwrap_or_else(|| "none".to_owned());
    check(
        "rejected".to_owned(),
        show(&expected.rejected),
        show(&actual.rejected),
    );
    if expected.state.is_some() {
        check(
            "state".to_owned(),
            show(&expected.state),
            show(&actual.state),
        );
    }
    if let Some(flags) = &expected.flags {
        let presence = |set: &BTreeSet<String>, flag| {
            if set.contains(flag) { "set" } else { "not set" }.to_owned()
        };
        for flag in flags.union(&actual.flags) {
            check(
                format!("flag {flag}"),
                presence(flags, flag),
                presence(&actual.flags, flag),
            );
        }
    }
    if let Some(deadlines) = &expected.deadlines {
        let names: BTreeSet<&String> = deadlines.keys().chain(actual.deadlines.keys()).collect();
        for name in names {
            check(
                format!("deadline {name}"),
                show_date(deadlines.get(name)),
                show_date(actual.deadlines.get(name)),
            );
        }
    }
    differences
}

fn show_date(date: Option<&Option<Date>>) -> String {
    match date {
        None => "never started".to_owned(),
        Some(None) => "over".to_owned(),
        Some(Some(date)) => date.to_string(),
    }
}

/// How a scenario went.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// The title of the scenario.
    pub title: String,
    /// Every step, in order.
    pub steps: Vec<StepReport>,
}

impl Report {
    /// Whether every step went as expected.
    pub fn passed(&self) -> bool {
        self.steps
            .iter()
            .all(|step| step.error.is_none() && step.differences.is_empty())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.title)?;
        for step in &self.steps {
            let failed = step.error.is_some() || !step.differences.is_empty();
            writeln!(
                f,
                "{} {:>2} {}",
                if failed { "FAIL" } else { "ok  " },
                step.step,
                step.event
            )?;
            step.error
                .iter()
                .try_for_each(|error| writeln!(f, "       {error}"))?;
            step.differences
                .iter()
                .try_for_each(|difference| writeln!(f, "       {difference}"))?;
        }
        Ok(())
    }
}

/// How one step went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepReport {
    /// Its number.
    pub step: usize,
    /// Its event type.
    pub event: String,
    /// In what it differs from what was expected.
    pub differences: Vec<Difference>,
    /// Why it could not be played at all.
    pub error: Option<String>,
}

/// Reads a scenario file.
///
/// # Errors
/// [`Error::Malformed`] with line and reason.
pub fn read(text: &str) -> Result<Vec<Step>, Error> {
    serde_json::from_str(text).map_err(|error| Error::Malformed(error.to_string()))
}

/// The instant of a local time in Europe/London.
///
/// # Errors
/// [`Error::NoSuchTime`] in the hour that the clocks skip.
pub fn instant(local: DateTime) -> Result<Timestamp, Error> {
    let zone: tz::TimeZone = london();
    local
        .to_zoned_datetime(zone)
        .map(|zoned| zoned.timestamp())
        .map_err(|_| Error::NoSuchTime(local))
}

/// The fields of a step as judging sees them: the values of `process` fields, and the names of the content fields.
pub fn split_fields(event_type: EventType, fields: &Fields) -> (Fields, BTreeSet<String>) {
    let content: BTreeSet<&str> = row(event_type)
        .fields
        .iter()
        .filter(|field| field.kind == Kind::Content)
        .map(|field| field.name)
        .collect();
    let (filled, process): (Vec<_>, Vec<_>) = fields
        .0
        .clone()
        .into_iter()
        .partition(|(name, _)| content.contains(name.as_str()));
    (
        Fields(process.into_iter().collect()),
        filled.into_iter().map(|(name, _)| name).collect(),
    )
}

/// Plays a scenario on the bare core: judge, and if it counts, evolve. A step that cannot be played is reported.
pub fn run(steps: &[Step], rules: &Rules<'_>) -> Report {
    let mut player = Player::with(rules.directory.clone());
    let title = steps
        .first()
        .and_then(|step| step.scenario.clone())
        .unwrap_or_default();
    let played = steps.iter().map(|step| {
        let outcome = player.play(step, rules);
        player.history.push(player.shelf.clone());
        let (differences, error) = match outcome {
            Ok(observed) => (compare(&observed, &step.expect), None),
            Err(error) => (Vec::new(), Some(error.to_string())),
        };
        StepReport {
            step: step.step,
            event: step.event.clone(),
            differences,
            error,
        }
    });
    let steps = played.collect();
    Report { title, steps }
}

/// What a scenario played on the bare core leaves for reports to read.
#[derive(Debug, Clone)]
pub struct Played {
    /// The cases, in the order of their ids, with the effective events of each.
    pub histories: Vec<History>,
    /// The directory at the end.
    pub directory: Directory,
}

/// Plays a scenario on the bare core, whatever it expects.
///
/// # Errors
/// [`Error`] of the first step that cannot be played.
pub fn play(steps: &[Step], rules: &Rules<'_>) -> Result<Played, Error> {
    let mut player = Player::with(rules.directory.clone());
    for step in steps {
        player.play(step, rules)?;
        player.history.push(player.shelf.clone());
    }
    let Player {
        shelf,
        mut entries,
        directory,
        ..
    } = player;
    let histories = shelf
        .cases
        .into_iter()
        .filter_map(|(id, case)| History::new(case, entries.remove(&id)?));
    Ok(Played {
        histories: histories.collect(),
        directory,
    })
}

/// The cases so far, and each author's own sequence in them.
#[derive(Debug, Clone, Default)]
struct Shelf {
    cases: BTreeMap<CaseId, Case>,
    sequences: BTreeMap<(CaseId, OrganisationId), u64>,
}

impl Shelf {
    fn version(&self, case: CaseId, org: &OrganisationId) -> CaseVersion {
        let own_seq = self
            .sequences
            .get(&(case, org.clone()))
            .copied()
            .unwrap_or(0);
        CaseVersion {
            others: self
                .cases
                .get(&case)
                .map_or(0, |case| case.version_for(org)),
            own_seq,
        }
    }
}

/// The alias of what is tied to no case (domain brief, B8).
pub const DIRECTORY: &str = "directory";

/// Whose node hands in what `organisation` does: its own, or its proxy's.
pub fn voice<'d>(directory: &'d Directory, organisation: &'d OrganisationId) -> &'d OrganisationId {
    let entry = directory.organisation(organisation);
    let without_node = entry.filter(|entry| !matches!(entry.participation.as_str(), "node" | ""));
    without_node
        .and_then(|entry| entry.proxy.as_ref())
        .unwrap_or(organisation)
}

/// The bare core being played on.
#[derive(Debug, Default)]
struct Player {
    directory: Directory,
    shelf: Shelf,
    history: Vec<Shelf>,
    /// The effective events of each case.
    entries: BTreeMap<CaseId, Vec<Entry>>,
    /// Whose event each label named first.
    labels: BTreeMap<String, OrganisationId>,
}

impl Player {
    fn with(directory: Directory) -> Self {
        Self {
            directory,
            ..Self::default()
        }
    }

    fn play(&mut self, step: &Step, rules: &Rules<'_>) -> Result<Observed, Error> {
        let at = instant(step.at)?;
        if let Some(label) = &step.event_id {
            let labelled = self.labels.entry(label.clone());
            labelled.or_insert_with(|| step.org.clone());
        }
        if step.case == DIRECTORY {
            return self.play_directory(step, at, rules);
        }
        let directory = self.directory.clone();
        let rules = &Rules {
            directory: &directory,
            ..*rules
        };
        let event = self.event(step, at, rules)?;
        let key = (event.case, event.author.clone());
        let case_seq = self.shelf.sequences.get(&key).copied().unwrap_or(0) + 1;
        self.shelf.sequences.insert(key, case_seq);
        let bundle = u64::try_from(step.step).unwrap_or(u64::MAX);
        let placement = Placement {
            position: Position {
                bundle,
                envelope: 0,
            },
            case_seq,
        };
        let case = self.shelf.cases.remove(&event.case);
        let answer = judge(case.as_ref(), &event, rules);
        let after = match (&answer, case) {
            (Ok(()), case) => Some(evolve(case, &event, &placement, rules)),
            (Err(_), Some(mut case)) => {
                case.note_void(&event);
                Some(case)
            }
            (Err(_), None) => None,
        };
        if let (Ok(()), Some(case)) = (&answer, &after) {
            let entry = Entry::new(event.clone(), placement.position, case.state());
            self.entries.entry(event.case).or_default().push(entry);
        }
        let observed = Observed::of(after.as_ref(), at, rules, answer.as_ref().map(|_| ()));
        self.shelf
            .cases
            .extend(after.map(|case| (event.case, case)));
        Ok(observed)
    }

    /// Judges an event of the directory and enters it.
    fn play_directory(
        &mut self,
        step: &Step,
        at: Timestamp,
        rules: &Rules<'_>,
    ) -> Result<Observed, Error> {
        let event = self.directory_event(step, at)?;
        let judged = adoptable(event.event_type, &event.fields, rules.packs)
            .and_then(|()| judge_directory(&self.directory, &event));
        if judged.is_ok() {
            let bundle = u64::try_from(step.step).unwrap_or(u64::MAX);
            let position = Position {
                bundle,
                envelope: 0,
            };
            enter_directory(&mut self.directory, &event, position);
        }
        Ok(Observed {
            rejected: judged.err().map(|refusal| refusal.code()),
            ..Observed::default()
        })
    }

    fn directory_event(&self, step: &Step, at: Timestamp) -> Result<DirectoryEvent, Error> {
        let event_type: EventType = step.event.parse()?;
        let (fields, filled) = split_fields(event_type, &step.fields);
        let is_stewards = row(event_type).who.contains(&Who::Steward);
        let author = voice(&self.directory, &step.org);
        let on_behalf_of = (!is_stewards && *author != step.org).then(|| step.org.clone());
        let label = label_of(step);
        Ok(DirectoryEvent {
            id: EventId(short_hash(&["event", step.org.as_str(), &label])),
            author: author.clone(),
            on_behalf_of,
            standing: if is_stewards {
                Standing::Steward
            } else {
                Standing::Own
            },
            event_type,
            occurred_at: step.occurred_at.map_or(Ok(at), instant)?,
            recorded_at: at,
            fields,
            filled,
        })
    }

    /// The cases as the author had seen them.
    fn seen(&self, step: &Step) -> Result<&Shelf, Error> {
        let Some(k) = step.based_on else {
            return Ok(&self.shelf);
        };
        k.checked_sub(1)
            .and_then(|index| self.history.get(index))
            .ok_or(Error::NotYetSeen(k))
    }

    /// Puts the id of an earlier event where a field names it by its label.
    fn name_corrected(&self, fields: &mut Fields) {
        let Some(Value::Text(label)) = fields.0.get_mut("corrects") else {
            return;
        };
        if let Some(org) = self.labels.get(label) {
            *label = EventId(short_hash(&["event", org.as_str(), label])).to_string();
        }
    }

    fn event(&self, step: &Step, at: Timestamp, rules: &Rules<'_>) -> Result<Event, Error> {
        let event_type: EventType = step.event.parse()?;
        let case = CaseId(short_hash(&["case", &step.case]));
        let label = label_of(step);
        let author = voice(&self.directory, &step.org);
        let on_behalf_of = (*author != step.org).then(|| step.org.clone());
        let event_id = |label: &str| EventId(short_hash(&["event", step.org.as_str(), label]));
        let (mut fields, filled) = split_fields(event_type, &step.fields);
        self.name_corrected(&mut fields);
        let seen = self.seen(step)?;
        let basis = seen.version(case, author);
        let content = serde_json::to_vec(&(&step.event, &step.fields)).unwrap_or_default();
        Ok(Event {
            id: event_id(&label),
            case,
            author: author.clone(),
            on_behalf_of,
            event_type,
            occurred_at: step.occurred_at.map_or(Ok(at), instant)?,
            recorded_at: at,
            lead_epoch: self.shelf.cases.get(&case).map(Case::lead_epoch),
            basis,
            expected: step.expected_version.then_some(basis),
            corrects: step.corrects.as_deref().map(event_id),
            opening: (event_type.opens_a_case() && !self.shelf.cases.contains_key(&case))
                .then(|| opening(event_type, &fields, rules)),
            fields,
            filled,
            content_digest: Sha256::digest(content).into(),
        })
    }
}

/// What stands for the id of a step's event.
fn label_of(step: &Step) -> String {
    let named = step.event_id.clone();
    named.unwrap_or_else(|| format!("step {}", step.step))
}

/// The pins of a case that begins under these rules. A pack that is not known is not pinned; judging says so.
pub fn opening(opener: EventType, fields: &Fields, rules: &Rules<'_>) -> Opening {
    Opening {
        rules_version: RULES_VERSION,
        packs: rules.packs.pinned_by(opener, fields).unwrap_or_default(),
        tz_release: crate::calendar::tz_release().to_owned(),
    }
}

/// 16 bytes that stand for a label, the same on every run.
fn short_hash(parts: &[&str]) -> [u8; 16] {
    let digest: [u8; 32] = Sha256::digest(parts.join("\u{1f}").as_bytes()).into();
    std::array::from_fn(|index| digest[index])
}

/// A field map from pairs, for tests and tools that build events by hand.
pub fn fields<const N: usize>(pairs: [(&str, Value); N]) -> Fields {
    Fields(
        pairs
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect(),
    )
}
