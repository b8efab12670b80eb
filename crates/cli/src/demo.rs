//! `concordat demo`: three organisations on the embedded log, in one process, answer one complaint on a clock that the demo moves.
//!
//! Nothing else is needed and nothing is left behind: stores and keys live in a temporary directory.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow};
use concordat_codec::form;
use concordat_domain::calendar::{local_date, london};
use concordat_domain::ids::{CaseId, EventId, OrganisationId};
use concordat_domain::timetable::DeadlineState;
use concordat_log::embedded::EmbeddedLog;
use concordat_node::clock::MovableClock;
use concordat_node::{CaseView, Emission, Error, Node, NodeConfig, Ruling, Stage};
use concordat_store::{Store, StoreConfig};
use concordat_trust::partnership::PartnershipFile;
use concordat_trust::signing::SigningKey;
use jiff::Timestamp;
use jiff::civil::DateTime;
use serde::Serialize;
use serde_json::{Value, json};

use crate::exit::Failure;
use crate::output::{self, Format};

const TRUST: &str = "ods:ZT1";
const COUNCIL: &str = "gss:E06999901";
const BOARD: &str = "ods:ZB1";

/// Who plays. All fictitious.
const PLAYERS: [(&str, &str, &str); 3] = [
    (TRUST, "Trust (acute)", "nhs-trust"),
    (COUNCIL, "Council", "council"),
    (BOARD, "Integrated care board", "icb"),
];

/// Longest wait for the nodes to come to rest; reached only by a defect.
const PATIENCE: Duration = Duration::from_secs(30);

/// What happened, for `-o json`.
#[derive(Debug, Serialize)]
struct Summary {
    case: String,
    state: String,
    events: usize,
    void: Vec<VoidEvent>,
    refused: Vec<VoidEvent>,
    missed: Vec<String>,
    late: Vec<String>,
    digests: Vec<Digest>,
    digests_equal: bool,
    bundles: u64,
    root: String,
    roots_equal: bool,
    chain_verified: bool,
    seconds: f64,
}

#[derive(Debug, Serialize)]
struct VoidEvent {
    organisation: String,
    event: String,
    reason: String,
}

#[derive(Debug, Serialize)]
struct Digest {
    organisation: String,
    digest: String,
}

struct Player {
    code: OrganisationId,
    name: &'static str,
    node: Node,
}

struct Stageplay {
    clock: MovableClock,
    players: Vec<Player>,
    case: Option<CaseId>,
    format: Format,
    refused: Vec<VoidEvent>,
    _directory: tempfile::TempDir,
}

/// Runs the demo.
pub(crate) fn run(format: Format) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(anyhow::Error::from)?;
    runtime.block_on(play(format))
}

async fn play(format: Format) -> Result<(), Failure> {
    let began = Instant::now();
    let mut stage = Stageplay::set(format)?;
    stage.say("Three organisations, three nodes, one log. The clock is the demo's.\n")?;
    for scene in scenes() {
        stage.act(&scene).await?;
    }
    let summary = stage.close(began).await?;
    let good = summary.digests_equal && summary.roots_equal && summary.chain_verified;
    if format != Format::Table {
        output::json(format, &summary)?;
    }
    if good {
        Ok(())
    } else {
        Err(Failure::Failed(anyhow!(
            "the nodes do not agree; this is a defect of concordat"
        )))
    }
}

/// One step: when, who, what. An expected refusal names its reason.
struct Scene {
    at: &'static str,
    who: &'static str,
    event: &'static str,
    fields: Value,
    refusal: Option<&'static str>,
    story: &'static str,
}

fn scene(
    at: &'static str,
    who: &'static str,
    event: &'static str,
    fields: Value,
    story: &'static str,
) -> Scene {
    Scene {
        at,
        who,
        event,
        fields,
        refusal: None,
        story,
    }
}

fn scenes() -> Vec<Scene> {
    let findings = |issue: &str, outcome: &str| json!([{"issue": issue, "outcome": outcome}]);
    let strand =
        |org: &str, issue: &str| json!({"org": org, "issues": [issue], "due": "2027-02-11"});
    vec![
        scene(
            "2026-12-18T10:00",
            TRUST,
            "complaint-received",
            json!({"policy": "eng-2009", "protocol": "joint-example-v1", "channel": "email", "complainant_ref": "p-1",
                "subject_ref": "p-1", "nature": "unsafe discharge without the agreed home care", "orgs_named": [TRUST, COUNCIL],
                "matter_known_on": "2026-12-10", "received_on": "2026-12-18", "screened_on": "2026-12-18"}),
            "A person complains about a discharge and the home care that did not come",
        ),
        scene(
            "2026-12-21T10:00",
            TRUST,
            "complaint-acknowledged",
            json!({"method": "letter", "discussion_offered": true, "advocacy_signposted": true, "reassured_no_detriment": true}),
            "The trust acknowledges within three working days",
        ),
        Scene {
            refusal: Some("no-consent"),
            ..scene(
                "2026-12-21T10:30",
                TRUST,
                "participant-added",
                json!({"participant": COUNCIL, "why_code": "issue-owner"}),
                "The trust tries to bring the council in before asking the person",
            )
        },
        scene(
            "2026-12-21T11:00",
            TRUST,
            "consent-requested",
            json!({"orgs": [COUNCIL], "form": "joint", "explained": ["coordinated", "single-contact", "single-response"]}),
            "It asks for consent",
        ),
        scene(
            "2026-12-29T10:00",
            TRUST,
            "consent-granted",
            json!({"given_by": "p-1", "orgs": [COUNCIL], "issues": "all", "learning": true, "evidence_ref": "doc-1"}),
            "The person agrees: the council may know",
        ),
        scene(
            "2026-12-29T12:00",
            TRUST,
            "participant-added",
            json!({"participant": COUNCIL, "why_code": "issue-owner", "why": "reablement package"}),
            "The council is added; its node offers a key, the trust's node grants",
        ),
        scene(
            "2026-12-30T10:00",
            COUNCIL,
            "participant-joined",
            json!({"responsible_person": "chief-executive"}),
            "The council joins and reads the case from its first event",
        ),
        scene(
            "2026-12-31T10:00",
            TRUST,
            "lead-proposed",
            json!({"lead": TRUST, "reason": "greatest-responsibility", "complainant_view": "content"}),
            "Who leads?",
        ),
        scene(
            "2027-01-05T09:30",
            COUNCIL,
            "lead-accepted",
            json!({"lead": TRUST}),
            "The council agrees",
        ),
        scene(
            "2027-01-05T10:00",
            TRUST,
            "lead-agreed",
            json!({"lead": TRUST, "accepted_by": [COUNCIL]}),
            "The trust leads",
        ),
        scene(
            "2027-01-06T10:00",
            TRUST,
            "named-contact-assigned",
            json!({"contact": "staff-11", "details_sent": true}),
            "One named contact for the person",
        ),
        scene(
            "2027-01-08T10:00",
            TRUST,
            "issues-agreed",
            json!({"issues": [{"id": "I1"}, {"id": "I2"}], "desired_outcomes": [{"id": "D1"}],
                "issue_texts": [{"id": "I1", "text": "discharge decision"}, {"id": "I2", "text": "no visit for three days"}],
                "desired_outcome_texts": [{"id": "D1", "text": "explanation"}], "agreed_with_complainant": "yes"}),
            "The list that the answer must cover",
        ),
        scene(
            "2027-01-12T10:00",
            TRUST,
            "response-period-set",
            json!({"mode": "agreed", "date": "2027-03-12"}),
            "A date for the answer, agreed with the person",
        ),
        scene(
            "2027-01-14T10:00",
            TRUST,
            "plan-agreed",
            json!({"strands": [strand(TRUST, "I1"), strand(COUNCIL, "I2")], "agreed_by": [TRUST, COUNCIL],
                "discussed_with_complainant": true, "local_procedures": [COUNCIL]}),
            "Two strands, one date",
        ),
        scene(
            "2027-02-10T10:00",
            TRUST,
            "strand-submitted",
            json!({"findings": findings("I1", "partly-upheld"), "actions": [], "authorised_by": "med-director"}),
            "The trust submits its strand",
        ),
        scene(
            "2027-02-15T10:00",
            TRUST,
            "complainant-updated",
            json!({"method": "telephone", "told_of_delay": true}),
            "The council's strand is late: the trust's enforcer has said so, and the person is told",
        ),
        scene(
            "2027-02-16T10:00",
            COUNCIL,
            "strand-submitted",
            json!({"findings": findings("I2", "upheld"),
                "actions": [{"id": "A1", "owner": "svc-mgr", "target": "2027-04-30"}], "authorised_by": "director-asc",
                "action_texts": [{"id": "A1", "text": "weekend cover for the brokerage"}]}),
            "The council submits, five days late",
        ),
        scene(
            "2027-02-18T10:00",
            TRUST,
            "draft-circulated",
            json!({"version": 1, "to": [COUNCIL], "shared_with_complainant": true}),
            "One draft for all",
        ),
        scene(
            "2027-02-22T10:00",
            COUNCIL,
            "draft-commented",
            json!({"version": 1, "result": "agreed"}),
            "Agreed",
        ),
        scene(
            "2027-03-02T10:00",
            TRUST,
            "response-signed-off",
            json!({"version": 1, "signed_by": "chief-executive", "role": "responsible-person"}),
            "Signed by the responsible person",
        ),
        scene(
            "2027-03-03T10:00",
            TRUST,
            "response-issued",
            json!({"version": 1, "overall_outcome": "partly-upheld", "ombudsman": ["PHSO", "LGSCO"],
                "actions": [{"id": "A1", "org": COUNCIL, "owner": "svc-mgr", "target": "2027-04-30", "authorised_by": "director-asc"}],
                "findings": [{"issue": "I1", "org": TRUST, "outcome": "partly-upheld"}, {"issue": "I2", "org": COUNCIL, "outcome": "upheld"}],
                "desired_outcomes": [{"id": "D1", "result": "part"}], "action_confirmation": "proposed",
                "how_considered": "records, statements and the person's account", "conclusion": "as set out for each issue"}),
            "One answer, in time",
        ),
        scene(
            "2027-04-27T10:00",
            COUNCIL,
            "action-completed",
            json!({"action": "A1", "evidence_ref": "doc-20"}),
            "The promised action is done",
        ),
        scene(
            "2027-04-29T10:00",
            TRUST,
            "complainant-told-of-action",
            json!({"action": "A1", "evidence_shared": "yes"}),
            "The person is told",
        ),
        scene(
            "2027-05-05T10:00",
            TRUST,
            "action-verified",
            json!({"action": "A1", "result": "verified", "by_post": "complaints-manager"}),
            "And it is verified",
        ),
        scene(
            "2027-05-06T10:00",
            TRUST,
            "case-closed",
            json!({"reason": "responded", "root_cause": "handover"}),
            "Nothing is owed: closed",
        ),
    ]
}

fn instant(local: &str) -> anyhow::Result<Timestamp> {
    let civil: DateTime = local.parse().context("a local time")?;
    Ok(civil
        .to_zoned(london())
        .context("a time that exists")?
        .timestamp())
}

impl Stageplay {
    fn set(format: Format) -> Result<Self, Failure> {
        let directory = tempfile::TempDir::new()?;
        let clock = MovableClock::starting_at(instant("2026-12-18T09:00")?);
        let log = EmbeddedLog::temporary()
            .map_err(anyhow::Error::from)?
            .with_time(clock.time_source());
        let keys: Vec<SigningKey> = PLAYERS
            .iter()
            .map(|_| fresh_key())
            .collect::<Result<_, _>>()?;
        let file = partnership(&keys)?;
        let mut players = Vec::new();
        for ((code, name, _), key) in PLAYERS.into_iter().zip(keys) {
            let organisation: OrganisationId = code.parse().map_err(anyhow::Error::from)?;
            let mut config = NodeConfig::new(organisation.clone(), file.clone(), key);
            config.witness_after = Duration::from_millis(200);
            config.witness_step = Duration::from_millis(50);
            config.tick = Duration::from_millis(20);
            let store = Store::open(
                &directory.path().join(code.replace(':', "-")),
                StoreConfig::default(),
            );
            let store = store.map_err(anyhow::Error::from)?;
            let handle = log.handle(code).map_err(anyhow::Error::from)?;
            let node = Node::start(config, store, Arc::new(handle), Arc::new(clock.clone()))
                .map_err(anyhow::Error::from)?;
            players.push(Player {
                code: organisation,
                name,
                node,
            });
        }
        Ok(Self {
            clock,
            players,
            case: None,
            format,
            refused: Vec::new(),
            _directory: directory,
        })
    }

    fn say(&self, text: &str) -> Result<(), Failure> {
        if self.format == Format::Table {
            output::line(text)
        } else {
            Ok(())
        }
    }

    fn player(&self, code: &str) -> Result<&Player, Failure> {
        let found = self
            .players
            .iter()
            .find(|player| player.code.as_str() == code);
        found.ok_or_else(|| Failure::Failed(anyhow!("nobody plays {code}")))
    }

    async fn act(&mut self, scene: &Scene) -> Result<(), Failure> {
        // The enforcer works at midnight, not when somebody happens to act: what fell due on the way fires before the next act.
        let until = instant(scene.at)?;
        let next_day = local_date(concordat_node::clock::Clock::now(&self.clock))
            .tomorrow()
            .map_err(anyhow::Error::from)?;
        if concordat_domain::calendar::start_of_day(next_day) <= until {
            self.clock
                .move_to(concordat_domain::calendar::start_of_day(local_date(until)));
            self.settle().await?;
        }
        self.clock.move_to(until);
        let mut event_id = [0; 16];
        getrandom::fill(&mut event_id).map_err(|error| anyhow!("no randomness: {error}"))?;
        let emission = Emission {
            event_id: EventId(event_id),
            case: self.case,
            input: form::read(scene.event, &scene.fields).map_err(anyhow::Error::from)?,
            expected: None,
            wait_for: Stage::Ruled,
            wait_at_most: PATIENCE,
            validate_only: false,
            traceparent: None,
        };
        let player = self.player(scene.who)?;
        let when = scene.at.replace('T', " ");
        let outcome = player.node.emit(emission).await;
        match (outcome, scene.refusal) {
            (Ok(receipt), None) if receipt.ruling == Some(Ruling::Effective) => {
                self.say(&format!(
                    "{when}  {:<22} {:<26} {}",
                    player.name, scene.event, scene.story
                ))?;
                self.case.get_or_insert(receipt.case);
            }
            (Err(Error::Refused { code, advice, .. }), Some(expected)) if code == expected => {
                self.say(&format!(
                    "{when}  {:<22} {:<26} {}",
                    player.name, scene.event, scene.story
                ))?;
                self.say(&format!("{:>18}does not count: {code}. {advice}", ""))?;
                let organisation = scene.who.to_owned();
                self.refused.push(VoidEvent {
                    organisation,
                    event: scene.event.to_owned(),
                    reason: code,
                });
            }
            (outcome, _) => {
                return Err(Failure::Failed(anyhow!(
                    "{} at {}: {outcome:?}",
                    scene.event,
                    scene.at
                )));
            }
        }
        self.settle().await?;
        self.show_owed().await
    }

    /// Until all nodes have read the same bundles and none has anything left to say.
    async fn settle(&self) -> Result<(), Failure> {
        let rest = async {
            let mut quiet = 0;
            let mut before = Vec::new();
            loop {
                let mut now = Vec::new();
                for player in &self.players {
                    player.node.tick().await?;
                    let status = player.node.status().await?;
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
                if quiet > 3 {
                    return Ok::<(), Error>(());
                }
                before = now;
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        let rested = tokio::time::timeout(PATIENCE, rest).await;
        Ok(rested
            .map_err(|_| anyhow!("the nodes do not come to rest"))?
            .map_err(anyhow::Error::from)?)
    }

    /// Who owes what now, as the keeper's node sees it.
    async fn show_owed(&self) -> Result<(), Failure> {
        let Some(case) = self.case else { return Ok(()) };
        let view = self.view(TRUST, case).await?;
        let mut owed: Vec<String> = Vec::new();
        let open = view.deadlines.iter().filter(|deadline| {
            matches!(
                deadline.state,
                DeadlineState::Running | DeadlineState::Overdue
            )
        });
        for deadline in open {
            let Some(due) = deadline.due else { continue };
            let late = if deadline.state == DeadlineState::Overdue {
                " OVERDUE"
            } else {
                ""
            };
            owed.push(format!("{} by {due}{late}", deadline.name));
        }
        owed.sort();
        let state = format!(
            "{:>18}[{}] owed: {}",
            "",
            view.state,
            if owed.is_empty() {
                "nothing".to_owned()
            } else {
                owed.join(", ")
            }
        );
        self.say(&state)
    }

    async fn view(&self, code: &str, case: CaseId) -> Result<CaseView, Failure> {
        Ok(self
            .player(code)?
            .node
            .case(case, None)
            .await
            .map_err(anyhow::Error::from)?)
    }

    async fn close(self, began: Instant) -> Result<Summary, Failure> {
        self.settle().await?;
        let case = self.case.ok_or_else(|| anyhow!("no case was opened"))?;
        let keeper = self.player(TRUST)?;
        let events = keeper
            .node
            .events(case)
            .await
            .map_err(anyhow::Error::from)?;
        let void = events.iter().filter_map(|event| {
            let reason = event.ruling()?.reason()?.to_owned();
            let name = event
                .event_type
                .map(|kind| kind.to_string())
                .unwrap_or_default();
            Some(VoidEvent {
                organisation: event.author.to_string(),
                event: name,
                reason,
            })
        });
        let void: Vec<VoidEvent> = void.collect();
        let view = self.view(TRUST, case).await?;
        let missed = view
            .deadlines
            .iter()
            .filter(|deadline| deadline.missed_published);
        let missed: Vec<String> = missed.map(|deadline| deadline.name.to_string()).collect();
        let late = view
            .flags
            .iter()
            .filter(|flag| flag.starts_with("late:"))
            .cloned()
            .collect();
        let mut digests = Vec::new();
        for code in [TRUST, COUNCIL] {
            let digest = hex::encode(self.view(code, case).await?.digest);
            digests.push(Digest {
                organisation: code.to_owned(),
                digest,
            });
        }
        let outsider_blind = matches!(
            self.player(BOARD)?.node.case(case, None).await,
            Err(Error::UnknownCase)
        );
        let mut roots = Vec::new();
        for player in &self.players {
            let status = player.node.status().await.map_err(anyhow::Error::from)?;
            roots.push((
                status.size,
                hex::encode(status.root),
                status.quarantined,
                status.contradictions.len(),
            ));
        }
        let summary = Summary {
            case: case.to_string(),
            state: view.state.clone(),
            events: events.len(),
            void,
            refused: self
                .refused
                .iter()
                .map(|refused| VoidEvent {
                    organisation: refused.organisation.clone(),
                    event: refused.event.clone(),
                    reason: refused.reason.clone(),
                })
                .collect(),
            missed,
            late,
            digests_equal: digests
                .windows(2)
                .all(|pair| pair[0].digest == pair[1].digest),
            digests,
            bundles: roots[0].0,
            root: roots[0].1.clone(),
            roots_equal: roots
                .windows(2)
                .all(|pair| (pair[0].0, &pair[0].1) == (pair[1].0, &pair[1].1)),
            // Each node has verified every signature, chain link and tree head on admission; none was refused or contradicted.
            chain_verified: outsider_blind
                && roots
                    .iter()
                    .all(|(_, _, refused, contradicted)| *refused == 0 && *contradicted == 0),
            seconds: began.elapsed().as_secs_f64(),
        };
        self.report(&summary)?;
        for player in self.players {
            player.node.stop().await;
        }
        Ok(summary)
    }

    fn report(&self, summary: &Summary) -> Result<(), Failure> {
        self.say(&format!(
            "\nCase {}: {}, {} events",
            summary.case, summary.state, summary.events
        ))?;
        self.say(&format!(
            "Missed deadlines, published once by the keeper's enforcer: {}",
            summary.missed.join(", ")
        ))?;
        for digest in &summary.digests {
            self.say(&format!(
                "State digest at {:<15} {}",
                digest.organisation, digest.digest
            ))?;
        }
        self.say(&format!(
            "{BOARD} is no party: to its node there is no such case"
        ))?;
        self.say(&format!(
            "Log: {} bundles, root {} on all three nodes; every signature and chain verified. {:.1} s",
            summary.bundles, summary.root, summary.seconds
        ))
    }
}

fn fresh_key() -> Result<SigningKey, Failure> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(|error| anyhow!("no randomness: {error}"))?;
    Ok(SigningKey::from_seed(&seed))
}

fn partnership(keys: &[SigningKey]) -> Result<PartnershipFile, Failure> {
    let mut text = String::from(
        "name = \"Demo partnership\"\nformats = [1]\njudging_rules = 1\nchange_threshold = 2\ncompartments = [\"process\", \
         \"identity\", \"narrative\", \"health\", \"social-care\", \"third-party\", \"safeguarding\", \"staff\"]\n",
    );
    for ((code, name, kind), key) in PLAYERS.iter().zip(keys) {
        let key = hex::encode(key.public_key().as_bytes());
        text.push_str(&format!(
            "\n[[organisations]]\nid = \"{code}\"\nname = \"{name}\"\nkind = \"{kind}\"\ncalendar = \"EW\"\nparticipation = \"node\"\n\
             responsible_person = \"chief-executive\"\ncomplaints_manager = \"complaints-manager\"\nsigning_keys = [\"{key}\"]\n"
        ));
    }
    Ok(PartnershipFile::from_toml(&text).map_err(anyhow::Error::from)?)
}
