//! The worked scenarios through real nodes on an embedded log: state, deadlines, flags and refusals after every step, read at the
//! keeper's node when all stand at the head, and the digests of all parties' nodes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use concordat_codec::form;
use concordat_domain::event::CaseVersion;
use concordat_domain::ids::{CaseId, EventId, OrganisationId};
use concordat_domain::scenario::{self, Observed, Step, compare};
use concordat_log::embedded::EmbeddedLog;
use concordat_node::clock::MovableClock;
use concordat_node::{CaseView, Emission, Error, Node, NodeConfig, Receipt, Ruling, Stage};
use concordat_store::{Store, StoreConfig};
use concordat_trust::partnership::PartnershipFile;
use concordat_trust::signing::SigningKey;
use serde_json::Value;
use tempfile::TempDir;

/// The organisations that get a node.
const CODES: [&str; 5] = [
    "ods:ZT1",
    "ods:ZT2",
    "ods:ZB1",
    "gss:E06999901",
    "ods:ZGP01",
];
/// Longest wait for something that must happen; reached only by a defect.
const PATIENCE: Duration = Duration::from_secs(30);

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures")
}

fn key_of(place: usize) -> SigningKey {
    SigningKey::from_seed(&[u8::try_from(place).expect("few") + 1; 32])
}

/// The directory of the fixtures as a partnership file.
fn partnership_file() -> PartnershipFile {
    let text = std::fs::read_to_string(fixtures().join("directory.json")).expect("the directory");
    let directory: Value = serde_json::from_str(&text).expect("JSON");
    let mut file = String::from(
        "name = \"Scenarios\"\nformats = [1]\njudging_rules = 1\nchange_threshold = 2\n\
         compartments = [\"process\", \"identity\", \"narrative\", \"health\", \"social-care\", \"third-party\", \"safeguarding\", \"staff\"]\n",
    );
    for organisation in directory["organisations"].as_array().expect("a list") {
        let text = |name: &str| organisation[name].as_str().expect("a text").to_owned();
        let place = CODES.iter().position(|code| *code == text("id"));
        file.push_str("\n[[organisations]]\n");
        for name in [
            "id",
            "name",
            "kind",
            "calendar",
            "responsible_person",
            "complaints_manager",
        ] {
            file.push_str(&format!("{name} = {:?}\n", text(name)));
        }
        match place {
            Some(place) => {
                let key = hex::encode(key_of(place).public_key().as_bytes());
                file.push_str(&format!(
                    "participation = \"node\"\nsigning_keys = [\"{key}\"]\n"
                ));
            }
            None => file.push_str("participation = \"contact-only\"\n"),
        }
    }
    PartnershipFile::from_toml(&file).expect("a well-formed partnership file")
}

struct Play {
    clock: MovableClock,
    nodes: BTreeMap<String, Node>,
    cases: BTreeMap<String, CaseId>,
    ids: BTreeMap<(String, String), EventId>,
    /// Version of the case after each step, for each organisation that sees it.
    versions: Vec<BTreeMap<String, CaseVersion>>,
    _directory: TempDir,
}

impl Play {
    fn set(first: &Step) -> Self {
        let clock = MovableClock::starting_at(scenario::instant(first.at).expect("a local time"));
        let directory = TempDir::new().expect("a directory");
        let log = EmbeddedLog::temporary()
            .expect("a log")
            .with_time(clock.time_source());
        let file = partnership_file();
        let mut nodes = BTreeMap::new();
        for (place, code) in CODES.into_iter().enumerate() {
            let organisation: OrganisationId = code.parse().expect("a code");
            let mut config = NodeConfig::new(organisation, file.clone(), key_of(place));
            config.witness_after = Duration::from_millis(200);
            config.tick = Duration::from_millis(20);
            let store = Store::open(
                &directory.path().join(place.to_string()),
                StoreConfig::default(),
            )
            .expect("a store");
            let handle = Arc::new(log.handle(code).expect("a handle"));
            let node = Node::start(config, store, handle, Arc::new(clock.clone())).expect("a node");
            nodes.insert(code.to_owned(), node);
        }
        let (cases, ids, versions) = Default::default();
        Self {
            clock,
            nodes,
            cases,
            ids,
            versions,
            _directory: directory,
        }
    }

    /// Until all nodes have read the same bundles and none has anything left to say.
    async fn settle(&self) {
        let rest = async {
            let (mut quiet, mut before) = (0, Vec::new());
            while quiet <= 3 {
                let mut now = Vec::new();
                for node in self.nodes.values() {
                    node.tick().await.expect("running");
                    let status = node.status().await.expect("running");
                    let done = status.caught_up && status.enforcement_waiting == 0;
                    now.push((status.size, done, status.drafts_waiting));
                }
                let together = now.windows(2).all(|pair| pair[0] == pair[1])
                    && now.iter().all(|(_, done, left)| *done && *left == 0);
                quiet = if together && now == before {
                    quiet + 1
                } else {
                    0
                };
                before = now;
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(PATIENCE, rest)
            .await
            .expect("the nodes come to rest");
    }

    fn id(&mut self, step: &Step) -> EventId {
        let fresh = || {
            let mut id = [0; 16];
            getrandom::fill(&mut id).expect("randomness");
            EventId(id)
        };
        match &step.event_id {
            Some(label) => *self
                .ids
                .entry((step.org.to_string(), label.clone()))
                .or_insert_with(fresh),
            None => fresh(),
        }
    }

    async fn views(&self, case: CaseId) -> BTreeMap<String, CaseView> {
        let mut views = BTreeMap::new();
        for (code, node) in &self.nodes {
            if let Ok(view) = node.case(case, None).await {
                views.insert(code.clone(), view);
            }
        }
        views
    }

    async fn emit(&mut self, step: &Step, fields: &Value) -> Result<Receipt, Error> {
        let mut fields = fields.clone();
        if fields.get("other_case").is_some() {
            // An alias in the file; any case id does, since judging reads one case only.
            fields["other_case"] = Value::String("ab".repeat(16));
        }
        let mut input = form::read(&step.event, &fields).expect("a well-formed event");
        let occurred_at = step
            .occurred_at
            .map(|at| scenario::instant(at).expect("a local time"));
        input.occurred_at = occurred_at.map(concordat_codec::time::to_wire);
        input.backdate_reason.clone_from(&step.backdate_reason);
        let expected = step.based_on.filter(|_| step.expected_version);
        let expected = expected.map(|seen| self.versions[seen - 1][step.org.as_str()]);
        let emission = Emission {
            event_id: self.id(step),
            case: self.cases.get(&step.case).copied(),
            input,
            expected,
            wait_for: Stage::Ruled,
            wait_at_most: PATIENCE,
            validate_only: false,
            traceparent: None,
        };
        self.nodes[step.org.as_str()].emit(emission).await
    }

    /// One step; gives what is not as the file has it.
    async fn step(&mut self, step: &Step, fields: &Value) -> Vec<String> {
        self.clock
            .move_to(scenario::instant(step.at).expect("a local time"));
        self.settle().await;
        let mut differences = Vec::new();
        let mut rejected = None;
        if step.event == "deadline-missed" && step.expect.rejected.is_none() {
            let fired = self.firings(step, fields).await;
            if fired != 1 {
                differences.push(format!("{fired} effective firings"));
            }
        } else {
            match self.emit(step, fields).await {
                Ok(receipt) => {
                    self.cases.entry(step.case.clone()).or_insert(receipt.case);
                    rejected = match receipt.ruling {
                        Some(Ruling::Effective) => None,
                        Some(Ruling::Void { reason }) => Some(reason),
                        None => Some(format!("no ruling, stage {:?}", receipt.stage)),
                    };
                }
                Err(Error::Refused { code, .. }) => rejected = Some(code),
                Err(Error::EventIdReused { .. }) => rejected = Some("duplicate-event".to_owned()),
                // To an organisation that holds nothing of the case the door must not tell that it exists.
                Err(Error::UnknownCase) => rejected.clone_from(&step.expect.rejected),
                Err(error) => rejected = Some(format!("{error:?}")),
            }
        }
        self.settle().await;
        let views = self.views(self.cases[&step.case]).await;
        let organisations = views
            .iter()
            .map(|(code, view)| (code.clone(), view.version));
        self.versions.push(organisations.collect());
        let digests: Vec<_> = views.values().map(|view| view.digest).collect();
        if digests.windows(2).any(|pair| pair[0] != pair[1]) {
            differences.push("the parties' digests differ".to_owned());
        }
        let Some(keeper) = views
            .values()
            .find_map(|view| views.get(view.keeper.as_str()))
        else {
            differences.push("the keeper's node has no such case".to_owned());
            return differences;
        };
        differences.extend(
            compare(&observed(keeper, rejected), &step.expect)
                .into_iter()
                .map(|difference| {
                    format!(
                        "{}: expected {}, is {}",
                        difference.what, difference.expected, difference.actual
                    )
                }),
        );
        differences
    }

    /// How often the keeper's enforcer has effectively published this miss.
    async fn firings(&self, step: &Step, fields: &Value) -> usize {
        let events = self.nodes[step.org.as_str()]
            .events(self.cases[&step.case])
            .await
            .expect("the case");
        let wanted = (
            format!("{:?}", fields["deadline"].as_str().expect("a name")),
            fields["due"].as_str().expect("a date"),
        );
        let fired = events.iter().filter(|event| {
            let told = format!("{:?}", event.event);
            event
                .event_type
                .is_some_and(|kind| kind.to_string() == "deadline-missed")
                && event.ruling() == Some(&Ruling::Effective)
                && event.author == step.org
                && told.contains(&wanted.0)
                && told.contains(wanted.1)
        });
        fired.count()
    }
}

fn observed(view: &CaseView, rejected: Option<String>) -> Observed {
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

async fn passes(name: &str) {
    let text =
        std::fs::read_to_string(fixtures().join("scenarios").join(name)).expect("a scenario");
    let steps = scenario::read(&text).expect("a scenario");
    let raw: Vec<Value> = serde_json::from_str(&text).expect("JSON");
    let mut play = Play::set(&steps[0]);
    let mut differences = Vec::new();
    for (step, raw) in steps.iter().zip(&raw) {
        for difference in play.step(step, &raw["fields"]).await {
            differences.push(format!("step {} {}: {difference}", step.step, step.event));
        }
    }
    assert!(differences.is_empty(), "{name}\n{}", differences.join("\n"));
    for node in std::mem::take(&mut play.nodes).into_values() {
        node.stop().await;
    }
}

macro_rules! scenarios {
    ($($test:ident = $file:literal),* $(,)?) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $test() {
            passes($file).await;
        }
    )*};
}

scenarios! {
    trust_and_council_answer_together = "01-happy-path-two-bodies.json",
    a_misdirected_complaint_is_passed_on = "02-misdirected-passed-on.json",
    consent_refused_leads_to_signposting = "03-consent-refused-signposted.json",
    a_disputed_lead_is_settled_by_seniors = "06-lead-disputed.json",
    a_late_strand_is_planned_anew = "08-late-contributor-strand.json",
    duplicates_outsiders_and_stale_versions = "18-broker-discipline.json",
}
