//! Plays a scenario through real nodes on an embedded log, and looks at all of them after every step.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::anyhow;
use concordat_codec::form;
use concordat_domain::directory::Directory;
use concordat_domain::event::{CaseVersion, EventType};
use concordat_domain::events::{Who, row};
use concordat_domain::ids::{CaseId, EventId, OrganisationId};
use concordat_domain::scenario::{
    DIRECTORY, Difference, Observed, Report, Step, StepReport, compare, instant,
};
use concordat_log::embedded::EmbeddedLog;
use concordat_node::clock::MovableClock;
use concordat_node::sandbox::{self, Founding, PATIENCE, Sandbox};
use concordat_node::{CaseView, Emission, Error, EventView, Receipt, Ruling, Stage};
use concordat_proto::v1::EventInput;
use jiff::Timestamp;

use super::cast::{cast, voice};
use super::labels::Labels;
use super::unaware::falling_behind;

/// Longer than any file plays.
const NEVER: Duration = Duration::from_secs(24 * 60 * 60);

/// Plays the steps, each compared with what it expects. A step that cannot be played is reported; those after it are still played.
///
/// # Errors
/// If there is no place for stores or the directory founds no partnership. Nothing was played then.
pub(super) async fn play(steps: &[Step], directory: &Directory) -> anyhow::Result<Report> {
    let first = steps.first().ok_or_else(|| anyhow!("no steps"))?;
    let mut player = Player::set(steps, directory, instant(first.at)?)?;
    let behind = falling_behind(steps);
    let mut reports = Vec::new();
    for step in steps {
        let mut report = player.step(step).await;
        for organisation in behind.get(&step.step).into_iter().flatten() {
            if let Err(error) = player.fall_behind(organisation) {
                report.error.get_or_insert(error.to_string());
            }
        }
        reports.push(report);
    }
    if let Some(last) = reports.last_mut() {
        last.differences.extend(player.nodes_differ().await);
    }
    player.sandbox.stop().await;
    Ok(Report {
        title: first.scenario.clone().unwrap_or_default(),
        steps: reports,
    })
}

struct Player {
    sandbox: Sandbox,
    /// As it stands after the steps played so far.
    directory: Directory,
    labels: Labels,
    /// Version of the step's case after each step, as each organisation counts it.
    versions: BTreeMap<usize, BTreeMap<String, CaseVersion>>,
    behind: BTreeSet<OrganisationId>,
    _stores: tempfile::TempDir,
}

/// What came of a step's event.
#[derive(Debug, Default)]
struct Outcome {
    /// Why it does not count, if so.
    rejected: Option<String>,
    /// What is wrong whatever the file says.
    differences: Vec<Difference>,
}

impl Outcome {
    fn of(rejected: Option<String>) -> Self {
        Self {
            rejected,
            differences: Vec::new(),
        }
    }
}

impl Player {
    fn set(steps: &[Step], directory: &Directory, beginning: Timestamp) -> anyhow::Result<Self> {
        let stores = tempfile::TempDir::new()?;
        let clock = MovableClock::starting_at(beginning);
        let log = EmbeddedLog::temporary()?.with_time(clock.time_source());
        // Nobody waits for witnesses here, and a node that has fallen behind must have its next bundle free for what it is to say.
        let founding =
            Founding::new("Scenario", directory, &cast(directory, steps))?.witnessing_after(NEVER);
        Ok(Self {
            sandbox: Sandbox::start(stores.path(), founding, clock, &log)?,
            directory: directory.clone(),
            labels: Labels::default(),
            versions: BTreeMap::new(),
            behind: BTreeSet::new(),
            _stores: stores,
        })
    }

    async fn step(&mut self, step: &Step) -> StepReport {
        let (differences, error) = match self.try_step(step).await {
            Ok(differences) => (differences, None),
            Err(error) => (Vec::new(), Some(format!("{error:#}"))),
        };
        StepReport {
            step: step.step,
            event: step.event.clone(),
            differences,
            error,
        }
    }

    async fn try_step(&mut self, step: &Step) -> anyhow::Result<Vec<Difference>> {
        let event_type: EventType = step.event.parse()?;
        self.sandbox.advance_to(instant(step.at)?).await?;
        if step.case == DIRECTORY {
            return self.directory_step(step, event_type).await;
        }
        let is_enforcers =
            event_type == EventType::DeadlineMissed && step.expect.rejected.is_none();
        let outcome = if is_enforcers {
            Outcome::default()
        } else {
            self.emit(step).await?
        };
        self.sandbox.settle().await?;
        let Some(case) = self.labels.case(&step.case) else {
            let observed = Observed {
                rejected: outcome.rejected,
                ..Observed::default()
            };
            return Ok(compare(&observed, &step.expect));
        };
        let views = self.views(case).await?;
        let versions = views
            .iter()
            .map(|(code, view)| (code.clone(), view.version));
        self.versions.insert(step.step, versions.collect());
        let mut differences = outcome.differences;
        let Some(read_at) = self.place_to_read(&views) else {
            differences.push(difference("case", "readable", "no node can read it"));
            return Ok(differences);
        };
        if is_enforcers {
            differences.extend(self.firing(step, case, read_at).await?);
        }
        let view = &views[read_at];
        differences.extend(compare(&observed(view, outcome.rejected), &step.expect));
        differences.extend(self.parties_differ(view, &views));
        Ok(differences)
    }

    /// An event that is tied to no case. What the partnership records together is signed by its members; the step names the node that
    /// hands it in.
    async fn directory_step(
        &mut self,
        step: &Step,
        event_type: EventType,
    ) -> anyhow::Result<Vec<Difference>> {
        let emission = self.emission(step)?;
        let author = voice(&self.directory, &step.org)?.clone();
        let handed_in = if row(event_type).who.contains(&Who::Steward) {
            let input = EventInput {
                on_behalf_of: None,
                ..emission.input.clone()
            };
            let emission = Emission { input, ..emission };
            match self
                .sandbox
                .emit_as_steward(author.as_str(), emission)
                .await
            {
                Ok(receipt) => Ok(receipt),
                Err(sandbox::Error::Node(error)) => Err(error),
                Err(error) => return Err(error.into()),
            }
        } else {
            self.sandbox.node(author.as_str())?.emit(emission).await
        };
        let rejected = match handed_in {
            Ok(receipt) => rejected(&receipt),
            Err(Error::Refused { code, .. }) => Some(code),
            Err(Error::EventIdReused { .. }) => Some("duplicate-event".to_owned()),
            Err(Error::Shape(violations)) => {
                let told: Vec<String> = violations.iter().map(ToString::to_string).collect();
                return Err(anyhow!("not well-formed: {}", told.join("; ")));
            }
            Err(error) => return Err(error.into()),
        };
        self.sandbox.settle().await?;
        let mut differences = self.directories_differ().await?;
        let observed = Observed {
            rejected,
            ..Observed::default()
        };
        differences.extend(compare(&observed, &step.expect));
        Ok(differences)
    }

    /// Reads the directory again, which must be the same on all nodes.
    async fn directories_differ(&mut self) -> anyhow::Result<Vec<Difference>> {
        let mut differences = Vec::new();
        let mut first: Option<(String, Directory)> = None;
        for (code, node) in self.sandbox.nodes() {
            if !self.sandbox.hears(code)? {
                continue;
            }
            let directory = node.directory().await?;
            match &first {
                None => first = Some((code.to_owned(), directory)),
                Some((other, same)) if *same != directory => {
                    let what = format!("directory at {code}");
                    differences.push(difference(&what, &format!("that of {other}"), "another"));
                }
                Some(_) => {}
            }
        }
        if let Some((_, directory)) = first {
            self.directory = directory;
        }
        Ok(differences)
    }

    async fn emit(&mut self, step: &Step) -> anyhow::Result<Outcome> {
        let emission = self.emission(step)?;
        let (event, input) = (emission.event_id, emission.input.clone());
        let author = voice(&self.directory, &step.org)?.clone();
        let handed_in = self.sandbox.node(author.as_str())?.emit(emission).await;
        let was_behind = self.behind.remove(&author);
        if was_behind {
            self.sandbox.connection(author.as_str())?.catch_up();
        }
        match handed_in {
            Ok(receipt) => {
                self.labels.opened(&step.case, receipt.case);
                let receipt = if was_behind {
                    self.sandbox
                        .reaches(author.as_str(), event, Stage::Ruled)
                        .await?
                } else {
                    receipt
                };
                Ok(Outcome::of(rejected(&receipt)))
            }
            Err(Error::Refused { code, .. }) => Ok(Outcome::of(Some(code))),
            Err(Error::EventIdReused { .. }) => Ok(Outcome::of(Some("duplicate-event".to_owned()))),
            Err(Error::UnknownCase | Error::CaseIdChosen { .. }) => {
                self.outsider(step, &author, event, &input).await
            }
            Err(Error::Shape(violations)) => {
                let told: Vec<String> = violations.iter().map(ToString::to_string).collect();
                Err(anyhow!("not well-formed: {}", told.join("; ")))
            }
            Err(error) => Err(error.into()),
        }
    }

    fn emission(&mut self, step: &Step) -> anyhow::Result<Emission> {
        let fields = self.labels.fields(step)?;
        let mut input = form::read(&step.event, &fields)?;
        let occurred_at = step.occurred_at.map(instant).transpose()?;
        input.occurred_at = occurred_at.map(concordat_codec::time::to_wire);
        input.backdate_reason.clone_from(&step.backdate_reason);
        let corrected = self.labels.corrected(step)?;
        input.corrects = corrected.map(|event| event.to_string());
        let author = voice(&self.directory, &step.org)?;
        if *author != step.org {
            input.on_behalf_of = Some(step.org.to_string());
        }
        let wait_for = if self.behind.contains(author) {
            Stage::Committed
        } else {
            Stage::Ruled
        };
        Ok(Emission {
            event_id: self.labels.event(step)?,
            case: self.labels.case(&step.case),
            input,
            expected: self.expected_version(step)?,
            wait_for,
            wait_at_most: PATIENCE,
            validate_only: false,
            traceparent: None,
        })
    }

    fn expected_version(&self, step: &Step) -> anyhow::Result<Option<CaseVersion>> {
        if !step.expected_version {
            return Ok(None);
        }
        let seen = step.based_on.unwrap_or(step.step.saturating_sub(1));
        let known = self
            .versions
            .get(&seen)
            .and_then(|versions| versions.get(step.org.as_str()));
        known
            .map(|version| Some(*version))
            .ok_or_else(|| anyhow!("{} knew no version of the case after step {seen}", step.org))
    }

    fn fall_behind(&mut self, organisation: &OrganisationId) -> anyhow::Result<()> {
        let author = voice(&self.directory, organisation)?;
        self.sandbox.connection(author.as_str())?.fall_behind();
        self.behind.insert(author.clone());
        Ok(())
    }

    /// The door knows no such case. That is right of an alias that stands for none yet, and for an organisation that holds nothing
    /// of it, whatever the file says: else the door would tell that the case exists. The envelope then goes past the door, and every
    /// party must rule as the file says.
    async fn outsider(
        &mut self,
        step: &Step,
        author: &OrganisationId,
        event: EventId,
        input: &EventInput,
    ) -> anyhow::Result<Outcome> {
        let unknown = "unknown-case";
        let expected = step.expect.rejected.as_deref();
        let Some(case) = self.labels.case(&step.case) else {
            return Ok(Outcome::of(Some(unknown.to_owned())));
        };
        if expected.is_none() || expected == Some(unknown) {
            return Ok(Outcome::of(Some(unknown.to_owned())));
        }
        self.sandbox
            .append_past_the_door(author.as_str(), case, event, input)
            .await?;
        self.sandbox.settle().await?;
        let mut rulings: BTreeMap<Option<String>, Vec<String>> = BTreeMap::new();
        for (code, _) in self.views(case).await? {
            let events = self.sandbox.node(&code)?.events(case).await?;
            let appended = events
                .iter()
                .find(|seen| seen.event_id == event && seen.author == *author);
            let ruling = match appended.map(EventView::ruling) {
                Some(Some(Ruling::Effective)) => None,
                Some(Some(Ruling::Void { reason })) => Some(reason.clone()),
                Some(None) | None => Some("no ruling".to_owned()),
            };
            rulings.entry(ruling).or_default().push(code);
        }
        let split = rulings.len() > 1;
        let mut outcome = Outcome::default();
        for (ruling, codes) in rulings {
            if split {
                let shown = ruling.clone().unwrap_or_else(|| "effective".to_owned());
                let at = format!("{shown} at {}", codes.join(", "));
                outcome
                    .differences
                    .push(difference("ruling", "one for all parties", &at));
            }
            outcome.rejected = outcome.rejected.or(ruling);
        }
        Ok(outcome)
    }

    /// The case as every node that stands at the head and can read it shows it.
    async fn views(&self, case: CaseId) -> anyhow::Result<BTreeMap<String, CaseView>> {
        let mut views = BTreeMap::new();
        for (code, node) in self.sandbox.nodes() {
            if !self.sandbox.hears(code)? {
                continue;
            }
            match node.case(case, None).await {
                Ok(view) => drop(views.insert(code.to_owned(), view)),
                Err(Error::UnknownCase) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(views)
    }

    /// The keeper's node; another party's while that one is behind, since all parties see the same.
    fn place_to_read<'v>(&self, views: &'v BTreeMap<String, CaseView>) -> Option<&'v str> {
        let current = || views.iter().filter(|(_, view)| !view.ended);
        let keeper = current().find(|(code, view)| view.keeper.as_str() == code.as_str());
        keeper
            .or_else(|| current().find(|(code, view)| is_party(view, code)))
            .or_else(|| views.iter().next())
            .map(|(code, _)| code.as_str())
    }

    /// What must be alike on the nodes of all who take part in the case.
    fn parties_differ(
        &self,
        read: &CaseView,
        views: &BTreeMap<String, CaseView>,
    ) -> Vec<Difference> {
        let Self { directory, .. } = self;
        let mut differences = Vec::new();
        let concerned = self.sandbox.nodes().map(|(code, _)| code);
        for code in concerned.filter(|code| is_party(read, code)) {
            // Who goes by proxy since a step changed the directory holds the case at the node of that other body.
            let by_proxy = code.parse().is_ok_and(|organisation| {
                voice(directory, &organisation).is_ok_and(|own| own.as_str() != code)
            });
            if by_proxy {
                continue;
            }
            if !self.sandbox.hears(code).unwrap_or(false) {
                continue;
            }
            let what = |about: &str| format!("{about} at {code}");
            match views.get(code) {
                None => differences.push(difference(&what("case"), "known", "unknown")),
                Some(view) => {
                    if view.digest != read.digest {
                        let (expected, actual) =
                            (hex::encode(read.digest), hex::encode(view.digest));
                        differences.push(difference(&what("digest"), &expected, &actual));
                    }
                    if let Some(why) = &view.parked {
                        differences.push(difference(&what("case"), "judged", why));
                    }
                }
            }
        }
        differences
    }

    /// Whether the keeper's enforcer, and it alone, has fired once for this occurrence.
    async fn firing(
        &self,
        step: &Step,
        case: CaseId,
        read_at: &str,
    ) -> anyhow::Result<Vec<Difference>> {
        let wanted = (step.fields.text("deadline"), step.fields.text("due"));
        let events = self.sandbox.node(read_at)?.events(case).await?;
        let fired: Vec<&EventView> = events
            .iter()
            .filter(|event| event.event_type == Some(EventType::DeadlineMissed))
            .filter(|event| event.ruling().is_some_and(Ruling::is_effective))
            .filter(|event| {
                let told = told(event);
                wanted == (told.0.as_deref(), told.1.as_deref())
            })
            .collect();
        let mut differences = Vec::new();
        if fired.len() != 1 {
            differences.push(difference("firings", "1", &fired.len().to_string()));
        }
        let author = voice(&self.directory, &step.org)?;
        let foreign = fired.iter().filter(|event| event.author != *author);
        differences.extend(
            foreign.map(|event| difference("fired by", step.org.as_str(), event.author.as_str())),
        );
        Ok(differences)
    }

    /// What must be so at the end: one log for all, nothing put aside, and one ruling on each event at all parties.
    async fn nodes_differ(&self) -> Vec<Difference> {
        match self.try_nodes_differ().await {
            Ok(differences) => differences,
            Err(error) => vec![difference("nodes", "running", &format!("{error:#}"))],
        }
    }

    async fn try_nodes_differ(&self) -> anyhow::Result<Vec<Difference>> {
        let mut differences = Vec::new();
        let mut roots = BTreeSet::new();
        for (code, node) in self.sandbox.nodes() {
            let status = node.status().await?;
            roots.insert((status.size, status.root));
            if status.quarantined > 0 {
                let put_aside = status.quarantined.to_string();
                differences.push(difference(
                    &format!("quarantine at {code}"),
                    "0",
                    &put_aside,
                ));
            }
            for organisation in &status.contradictions {
                let what = format!("contradictions at {code}");
                differences.push(difference(&what, "none", organisation.as_str()));
            }
        }
        if roots.len() > 1 {
            let count = roots.len().to_string();
            differences.push(difference("roots of the log", "1", &count));
        }
        for case in self.labels.cases() {
            let mut rulings = BTreeSet::new();
            for (code, view) in self.views(case).await? {
                if is_party(&view, &code) {
                    let events = self.sandbox.node(&code)?.events(case).await?;
                    let ruled = events
                        .iter()
                        .map(|event| format!("{:?} {:?}", event.position, event.ruling()));
                    rulings.insert(ruled.collect::<Vec<_>>());
                }
            }
            if rulings.len() > 1 {
                let count = rulings.len().to_string();
                differences.push(difference("lists of rulings among parties", "1", &count));
            }
        }
        Ok(differences)
    }
}

fn is_party(view: &CaseView, code: &str) -> bool {
    let concerned = view
        .parties
        .iter()
        .chain(&view.invitees)
        .chain(&view.former_receivers);
    concerned.map(OrganisationId::as_str).any(|id| id == code)
}

/// Deadline and date that a firing tells of.
fn told(event: &EventView) -> (Option<String>, Option<String>) {
    let body = event.event.as_ref().and_then(|event| event.body.as_ref());
    let form = body.and_then(|body| form::write(body, &[]));
    let text = |name: &str| {
        let (_, fields) = form.as_ref()?;
        Some(fields.get(name)?.as_str()?.to_owned())
    };
    (text("deadline"), text("due"))
}

fn rejected(receipt: &Receipt) -> Option<String> {
    match (&receipt.stage, &receipt.ruling) {
        (Stage::Held, Some(ruling)) => Some(format!(
            "held at its node: {}",
            ruling.reason().unwrap_or_default()
        )),
        (_, Some(Ruling::Effective)) => None,
        (_, Some(Ruling::Void { reason })) => Some(reason.clone()),
        (stage, None) => Some(format!("no ruling, only {stage:?}")),
    }
}

fn observed(view: &CaseView, rejected: Option<String>) -> Observed {
    // In the order in which they began: of several with one name, the latest one counts.
    let deadlines = view.deadlines.iter().map(|deadline| {
        (
            deadline.name.to_string(),
            deadline.due.filter(|_| deadline.is_open()),
        )
    });
    Observed {
        state: Some(view.state.clone()),
        deadlines: deadlines.collect(),
        flags: view.flags.clone(),
        rejected,
    }
}

fn difference(what: &str, expected: &str, actual: &str) -> Difference {
    Difference {
        what: what.to_owned(),
        expected: expected.to_owned(),
        actual: actual.to_owned(),
    }
}
