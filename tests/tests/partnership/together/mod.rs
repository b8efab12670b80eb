//! Three organisations with a process each, one broker, and a Python client that is the local system of all three.
#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test file uses its own part of this"
)]

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use concordat_domain::scenario::instant;
use concordat_tests::driver::{Driver, Refusal};
use concordat_tests::nats::NatsServer;
use concordat_tests::organisations::{Organisations, Serving};
use jiff::civil::{Date, DateTime};
use jiff::{Span, Timestamp};
use serde_json::{Value, json};

pub const TRUST: &str = "ods:ZT1";
pub const COUNCIL: &str = "gss:E06999901";
pub const BOARD: &str = "ods:ZB1";
pub const CODES: [&str; 3] = [TRUST, COUNCIL, BOARD];

/// Longest wait for something that must happen; reached only by a defect.
pub const PATIENCE: Duration = Duration::from_secs(60);
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// The case that is played: a trust and a council answer together.
const FIXTURE: &str = "fixtures/scenarios/01-happy-path-two-bodies.json";

pub struct Together {
    pub organisations: Organisations,
    pub serving: BTreeMap<&'static str, Serving>,
    pub driver: Driver,
    pub broker: NatsServer,
    pub case: String,
    steps: Vec<Value>,
    /// How far the file's dates are moved into the past: the nodes run on the machine's clock, and what has not happened yet cannot be
    /// recorded. Whole years of 52 weeks, so that working days stay working days.
    shift: Span,
}

impl Together {
    /// Three nodes on one broker.
    pub fn start() -> Self {
        let broker = NatsServer::start();
        let address = broker.address().to_string();
        Self::start_on(broker, &CODES.map(|code| (code, address.clone())))
    }

    /// The same where each organisation reaches the broker in its own way.
    pub fn start_on(broker: NatsServer, ways: &[(&'static str, String)]) -> Self {
        let place = Path::new(env!("CARGO_MANIFEST_DIR")).join(FIXTURE);
        let text = std::fs::read_to_string(place).expect("the fixture");
        let steps: Vec<Value> = serde_json::from_str(&text).expect("JSON");
        let last: DateTime = steps
            .last()
            .and_then(|step| step["at"].as_str()?.parse().ok())
            .expect("a last step");
        let last = instant(last).expect("a local time");
        let mut weeks = 0;
        let moved = |weeks: i64| last - Span::new().hours(weeks * 7 * 24);
        while moved(weeks) > Timestamp::now() - Span::new().hours(24) {
            weeks += 52;
        }
        let mut together = Self {
            organisations: Organisations::found(ways),
            serving: BTreeMap::new(),
            driver: Driver::start(),
            broker,
            case: String::new(),
            steps,
            shift: Span::new().weeks(weeks),
        };
        for (code, _) in ways {
            together.up(code);
        }
        together
    }

    /// Starts an organisation's node and connects the client to it.
    pub fn up(&mut self, code: &'static str) {
        let serving = self.organisations.serve(code);
        let connection = json!({"org": code, "address": serving.address(), "token_file": self.organisations.token_file(code)});
        self.serving.insert(code, serving);
        let connected = self.driver.run("connect", connection);
        let services = connected["services"].as_array().expect("a list");
        assert!(services.contains(&json!("EventService")), "{services:?}");
    }

    /// Ends a node in good order; gives what it has said.
    pub fn down(&mut self, code: &str) -> String {
        self.serving.remove(code).expect("it runs").stop()
    }

    /// The fields of a complaint like that of the file.
    pub fn complaint(&self) -> Value {
        self.moved(&self.step(1)["fields"])
    }

    /// Opens another case, at any organisation; gives its id.
    pub fn open_at(&mut self, code: &str) -> String {
        let complaint = json!({"org": code, "event": "complaint-received", "fields": self.complaint(), "occurred_at": self.at(1).to_string()});
        let receipt = self.driver.run("emit", complaint);
        assert_eq!(receipt["ruling"]["effective"], true, "{receipt}");
        receipt["caseId"].as_str().expect("a case").to_owned()
    }

    /// How many steps the case has.
    pub fn steps(&self) -> usize {
        self.steps.len()
    }

    pub fn step(&self, number: usize) -> &Value {
        &self.steps[number - 1]
    }

    /// When a step takes place.
    pub fn at(&self, number: usize) -> Timestamp {
        let at: DateTime = self.step(number)["at"]
            .as_str()
            .expect("a time")
            .parse()
            .expect("a local time");
        instant(at - self.shift).expect("a time that exists")
    }

    /// Emits a step as its organisation, which must be effective; then compares the case at the instant of the step with the file.
    pub fn play(&mut self, number: usize) {
        let step = self.step(number).clone();
        let mut emission = json!({
            "org": step["org"], "event": step["event"], "fields": self.moved(&step["fields"]), "occurred_at": self.at(number).to_string(),
        });
        if !self.case.is_empty() {
            emission["case"] = json!(self.case);
        }
        let receipt = self.driver.run("emit", emission);
        assert_eq!(
            (&receipt["stage"], &receipt["ruling"]["effective"]),
            (&json!("STAGE_RULED"), &json!(true)),
            "step {number}: {receipt}"
        );
        if self.case.is_empty() {
            self.case = receipt["caseId"].as_str().expect("a case").to_owned();
        }
        self.settle();
        self.compare(number);
    }

    pub fn play_all(&mut self, numbers: impl IntoIterator<Item = usize>) {
        numbers.into_iter().for_each(|number| self.play(number));
    }

    /// State, flags, and which deadlines run, at the instant of a step. Dates are not compared: bank holidays do not move with the file.
    fn compare(&mut self, number: usize) {
        let expected = self.step(number)["expect"].clone();
        let at = self.at(number).to_string();
        let case = self.read(TRUST, Some(&at)).expect("the trust is in it");
        assert_eq!(case["state"], expected["state"], "step {number}");
        assert_eq!(
            case.get("flags").cloned().unwrap_or_else(|| json!([])),
            expected["flags"],
            "step {number}"
        );
        let mut running = BTreeMap::new();
        for deadline in case["deadlines"].as_array().expect("a list") {
            let open = ["DEADLINE_STATE_RUNNING", "DEADLINE_STATE_OVERDUE"]
                .map(|state| json!(state))
                .contains(&deadline["state"]);
            // In the order in which they began: of several with one name, the latest one counts.
            running.insert(deadline["name"].as_str().expect("a name"), open);
        }
        let expected: BTreeMap<&str, bool> = expected["deadlines"]
            .as_object()
            .expect("an object")
            .iter()
            .map(|(name, due)| (name.as_str(), !due.is_null()))
            .collect();
        assert_eq!(running, expected, "step {number}");
    }

    /// Fields with every date moved.
    fn moved(&self, value: &Value) -> Value {
        match value {
            Value::String(text) => match text.parse::<Date>() {
                Ok(date) if text.len() == 10 => json!((date - self.shift).to_string()),
                _ => value.clone(),
            },
            Value::Array(values) => values.iter().map(|value| self.moved(value)).collect(),
            Value::Object(fields) => {
                let moved = fields
                    .iter()
                    .map(|(name, value)| (name.clone(), self.moved(value)));
                Value::Object(moved.collect())
            }
            other => other.clone(),
        }
    }

    /// The case as an organisation's node shows it.
    pub fn read(&mut self, code: &str, at: Option<&str>) -> Result<Value, Refusal> {
        let mut request = json!({"caseId": self.case});
        if let Some(at) = at {
            request["at"] = json!(at);
        }
        let answer = self.driver.try_call(code, "CaseService/GetCase", request)?;
        Ok(answer["jointCase"].clone())
    }

    /// All events of the case at one node, void ones too.
    pub fn events(&mut self, code: &str, case: &str) -> Vec<Value> {
        let mut events = Vec::new();
        let mut token = json!("");
        loop {
            let request =
                json!({"caseId": case, "includeVoid": true, "pageSize": 500, "pageToken": token});
            let mut page = self.driver.call(code, "EventService/ListEvents", request);
            events.extend(
                page["events"]
                    .as_array_mut()
                    .into_iter()
                    .flat_map(std::mem::take),
            );
            match page.get("nextPageToken") {
                Some(next) => token = next.clone(),
                None => return events,
            }
        }
    }

    /// Until `done` gives something.
    pub fn wait<T>(&mut self, for_what: &str, mut done: impl FnMut(&mut Self) -> Option<T>) -> T {
        let began = Instant::now();
        loop {
            if let Some(found) = done(self) {
                return found;
            }
            assert!(began.elapsed() < PATIENCE, "never: {for_what}");
            std::thread::sleep(LOOK_AGAIN);
        }
    }

    /// Until all nodes that run hold the same log and nobody has anything left to say; gives the digest of each that can read
    /// the case, which must be one.
    pub fn settle(&mut self) -> String {
        let mut before = None;
        let digests = self.wait("the nodes are of one mind", |together| {
            let now = together.standing();
            let alike = now
                .iter()
                .all(|standing| standing.log == now[0].log && standing.is_done);
            let resting = alike && before.as_ref() == Some(&now);
            before = Some(now.clone());
            resting.then(|| {
                now.into_iter()
                    .filter_map(|standing| standing.digest)
                    .collect::<Vec<_>>()
            })
        });
        assert!(
            digests.windows(2).all(|pair| pair[0] == pair[1]),
            "the parties' digests differ: {digests:?}"
        );
        digests.into_iter().next().unwrap_or_default()
    }

    fn standing(&mut self) -> Vec<Standing> {
        let codes: Vec<&'static str> = self.serving.keys().copied().collect();
        let mut all = Vec::new();
        for code in codes {
            let info = self
                .driver
                .call(code, "ServerService/GetServerInfo", json!({}));
            let checks = self
                .driver
                .call(code, "ServerService/ListChecks", json!({}));
            let is_well = |id: &str| {
                let checks = checks["checks"].as_array().into_iter().flatten();
                let mut named = checks.filter(|check| check["id"] == id);
                named
                    .next()
                    .is_some_and(|check| check["status"] == "CHECK_STATUS_PASS")
            };
            let drafts = self.driver.call(code, "EventService/ListDrafts", json!({}));
            let drafts = drafts["drafts"].as_array().cloned().unwrap_or_default();
            let waiting = drafts
                .iter()
                .filter(|draft| draft["stage"] != "STAGE_HELD")
                .count();
            let digest = match self.case.as_str() {
                "" => None,
                _ => match self.read(code, None) {
                    Ok(case) => Some(case["digest"].as_str().expect("a digest").to_owned()),
                    Err(refusal) => {
                        assert_eq!(refusal.reason(), "NOT_FOUND", "{refusal:?}");
                        None
                    }
                },
            };
            all.push(Standing {
                log: (info["treeSize"].clone(), info["treeRoot"].clone()),
                is_done: waiting == 0 && is_well("reading") && is_well("enforcement"),
                digest,
            });
        }
        all
    }
}

/// What one node shows.
#[derive(Debug, Clone, PartialEq)]
struct Standing {
    log: (Value, Value),
    /// Whether nothing waits for the log, for reading or for the enforcer.
    is_done: bool,
    digest: Option<String>,
}

/// Whether any file below a directory has these bytes.
pub fn is_on_disk(directory: &Path, wanted: &str) -> bool {
    let mut folders = vec![directory.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a readable folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            // A broker may remove a file meanwhile.
            let bytes = std::fs::read(&path).unwrap_or_default();
            let found = bytes
                .windows(wanted.len())
                .any(|window| window == wanted.as_bytes());
            if found {
                return true;
            }
        }
    }
    false
}
