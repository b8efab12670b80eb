//! `concordat scenario`: worked cases as files, played and compared, for people who write or doubt one.

mod cast;
mod labels;
mod nodes;
mod unaware;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use clap::{Args, Subcommand};
use concordat_domain::Rules;
use concordat_domain::calendar::Calendars;
use concordat_domain::directory::Directory;
use concordat_domain::policy::PolicyPacks;
use concordat_domain::scenario::{self, Report, Step, StepReport};
use serde::Serialize;

use crate::exit::Failure;
use crate::output::{self, Format, Row};
use crate::progress::Progress;

/// The directory file that is looked for one level above a scenario file's folder.
const DIRECTORY_FILE: &str = "directory.json";

/// What can be done with scenario files.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Plays scenario files through real nodes and compares every step with what its file expects.
    ///
    /// Each organisation that a file names has a node of its own here, on one log within this program; the clock is the file's. After
    /// every step state, deadlines, flags and reasons are compared, and the digests of all parties must be equal. Policy packs and
    /// calendars are those built into this program.
    ///
    /// Prints each difference, then a line `N steps, M differences`; the exit code is 0 without differences and 7 with any. A step
    /// that cannot be played, such as one whose event type this program does not know, is a difference too.
    Check(Check),
}

/// The files to play.
#[derive(Debug, Args)]
pub(crate) struct Check {
    /// Scenario files, each a JSON list of steps. Each is played on its own.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Directory in force in all the files: organisations, posts, delegations. Default: `directory.json` one level above the
    /// folder of each file.
    #[arg(long, value_name = "FILE")]
    directory: Option<PathBuf>,
    /// Play on the bare core instead: the rules with which every node judges, without log, keys and nodes. Quick, for whoever writes
    /// a policy pack; sharing between organisations is not checked.
    #[arg(long)]
    core: bool,
}

/// A scenario that was read and can be played.
struct Scenario {
    file: PathBuf,
    steps: Vec<Step>,
    directory: Directory,
}

/// The answer: how each file went.
#[derive(Debug, Serialize)]
struct Answer {
    steps: usize,
    differences: usize,
    files: Vec<Played>,
}

/// How one file went.
#[derive(Debug, Serialize)]
struct Played {
    file: String,
    scenario: String,
    steps: usize,
    differences: Vec<Difference>,
}

/// One thing at one step that is not as the file has it.
#[derive(Debug, Clone, Serialize)]
struct Difference {
    file: String,
    step: usize,
    what: String,
    expected: String,
    actual: String,
}

impl Row for Difference {
    const COLUMNS: &'static [&'static str] = &["FILE", "STEP", "WHAT", "EXPECTED", "ACTUAL"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.file.clone(),
            self.step.to_string(),
            self.what.clone(),
            self.expected.clone(),
            self.actual.clone(),
        ]
    }
}

/// Runs a scenario command.
pub(crate) fn run(verb: Verb, format: Format) -> Result<(), Failure> {
    let Verb::Check(asked) = verb;
    // All files are read before the first is played, so that a misspelt name does not show after a long list of differences.
    let scenarios = asked
        .files
        .iter()
        .map(|file| read(file, asked.directory.as_deref()))
        .collect::<Result<Vec<_>, _>>()?;
    let answer = if asked.core {
        play_on_core(&scenarios)
    } else {
        play_through_nodes(&scenarios)?
    };
    match print(&answer, format) {
        // A reader who has seen enough and closes the pipe must not turn differences into success.
        Ok(()) | Err(Failure::Closed) if answer.differences > 0 => Err(Failure::Differences),
        printed => printed,
    }
}

fn read(file: &Path, directory: Option<&Path>) -> anyhow::Result<Scenario> {
    let text =
        fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let steps = scenario::read(&text).with_context(|| file.display().to_string())?;
    if steps.is_empty() {
        return Err(anyhow!(
            "{}: a scenario has at least one step",
            file.display()
        ));
    }
    let directory = match directory {
        Some(given) => read_directory(given)?,
        None => read_directory(&directory_of(file)?).with_context(|| {
            format!(
                "{} needs the directory in force one level above its folder; --directory names another",
                file.display()
            )
        })?,
    };
    Ok(Scenario {
        file: file.to_owned(),
        steps,
        directory,
    })
}

/// Where the directory of a file stands unless it is named. A link is followed first: the folder meant is that of the file itself.
fn directory_of(file: &Path) -> anyhow::Result<PathBuf> {
    let file = file
        .canonicalize()
        .with_context(|| format!("cannot read {}", file.display()))?;
    let above = file.parent().and_then(Path::parent);
    Ok(above.unwrap_or(&file).join(DIRECTORY_FILE))
}

fn read_directory(file: &Path) -> anyhow::Result<Directory> {
    let text = fs::read_to_string(file)
        .with_context(|| format!("cannot read the directory {}", file.display()))?;
    serde_json::from_str(&text).with_context(|| format!("directory {}", file.display()))
}

fn play_on_core(scenarios: &[Scenario]) -> Answer {
    let packs = PolicyPacks::built_in();
    let calendars = Calendars::built_in();
    let played = scenarios.iter().map(|scenario| {
        let rules = Rules {
            directory: &scenario.directory,
            packs: &packs,
            calendars: &calendars,
        };
        Played::new(&scenario.file, scenario::run(&scenario.steps, &rules))
    });
    Answer::of(played.collect())
}

/// One after the other, each with nodes of its own: a file must not depend on what was played before it.
fn play_through_nodes(scenarios: &[Scenario]) -> anyhow::Result<Answer> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let progress = Progress::of(scenarios.len() as u64, "worked cases");
    let played = scenarios.iter().map(|scenario| {
        let report = runtime.block_on(nodes::play(&scenario.steps, &scenario.directory));
        let report = report.with_context(|| scenario.file.display().to_string())?;
        progress.step(1);
        Ok(Played::new(&scenario.file, report))
    });
    Ok(Answer::of(played.collect::<anyhow::Result<_>>()?))
}

impl Answer {
    fn of(files: Vec<Played>) -> Self {
        Self {
            steps: files.iter().map(|played| played.steps).sum(),
            differences: files.iter().map(|played| played.differences.len()).sum(),
            files,
        }
    }
}

impl Played {
    fn new(file: &Path, report: Report) -> Self {
        let file = file.display().to_string();
        Self {
            steps: report.steps.len(),
            differences: report
                .steps
                .into_iter()
                .flat_map(|step| differences(&file, step))
                .collect(),
            scenario: report.title,
            file,
        }
    }
}

/// All differences of a step. One that could not be played is one too: a step that nobody looked at must not pass.
fn differences(file: &str, step: StepReport) -> Vec<Difference> {
    let unplayed = step.error.map(|error| scenario::Difference {
        what: "event".to_owned(),
        expected: step.event,
        actual: format!("not played: {error}"),
    });
    let differences = unplayed.into_iter().chain(step.differences);
    differences
        .map(|difference| Difference {
            file: file.to_owned(),
            step: step.step,
            what: difference.what,
            expected: difference.expected,
            actual: difference.actual,
        })
        .collect()
}

fn print(answer: &Answer, format: Format) -> Result<(), Failure> {
    let rows = || -> Vec<Difference> {
        let files = answer.files.iter();
        files
            .flat_map(|played| played.differences.iter().cloned())
            .collect()
    };
    match format {
        Format::Json => output::json(format, answer),
        Format::Ndjson => answer
            .files
            .iter()
            .try_for_each(|played| output::json(format, played)),
        Format::Csv => output::rows(format, &rows()),
        Format::Table => {
            output::rows(format, &rows())?;
            output::line(&format!(
                "{} steps, {} differences",
                answer.steps, answer.differences
            ))
        }
    }
}
