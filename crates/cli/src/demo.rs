//! `concordat demo`: three organisations on the embedded log, in one process, answer one complaint on a clock that the demo moves.
//!
//! Nothing else is needed and nothing is left behind: stores and keys live in a temporary directory.

mod scenes;
mod summary;

use std::time::Instant;

use anyhow::{Context as _, anyhow};
use concordat_codec::form;
use concordat_domain::calendar::london;
use concordat_domain::directory::Directory;
use concordat_domain::event::CaseVersion;
use concordat_domain::ids::{CaseId, EventId};
use concordat_domain::timetable::DeadlineState;
use concordat_log::embedded::EmbeddedLog;
use concordat_node::clock::MovableClock;
use concordat_node::sandbox::{self, Founding, PATIENCE, Sandbox};
use concordat_node::{CaseView, Emission, Error, Ruling, Stage};
use jiff::Timestamp;
use jiff::civil::DateTime;

use crate::exit::Failure;
use crate::output::{self, Format};
use scenes::{Ending, Scene, scenes};
use summary::{NotCounted, Summary};

const TRUST: &str = "ods:ZT1";
const COUNCIL: &str = "gss:E06999901";
const BOARD: &str = "ods:ZB1";

/// Who plays. All fictitious.
const PLAYERS: [(&str, &str, &str); 3] = [
    (TRUST, "Trust (acute)", "nhs-trust"),
    (COUNCIL, "Council", "council"),
    (BOARD, "Integrated care board", "icb"),
];

/// Where the story begins.
const BEGINNING: &str = "2026-12-18T09:00";

struct Stageplay {
    sandbox: Sandbox,
    case: Option<CaseId>,
    format: Format,
    refused: Vec<NotCounted>,
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
    if format != Format::Table {
        output::json(format, &summary)?;
    }
    if summary.nodes_agree() {
        Ok(())
    } else {
        Err(Failure::Failed(anyhow!(
            "the nodes do not agree; this is a defect of concordat"
        )))
    }
}

fn instant(local: &str) -> anyhow::Result<Timestamp> {
    let civil: DateTime = local.parse().context("a local time")?;
    Ok(civil
        .to_zoned_datetime(london())
        .context("a time that exists")?
        .timestamp())
}

fn name_of(code: &str) -> &'static str {
    PLAYERS
        .iter()
        .find(|(known, _, _)| *known == code)
        .map_or("nobody", |(_, name, _)| name)
}

impl Stageplay {
    fn set(format: Format) -> Result<Self, Failure> {
        let directory = tempfile::TempDir::new()?;
        let clock = MovableClock::starting_at(instant(BEGINNING)?);
        let log = EmbeddedLog::temporary()
            .map_err(anyhow::Error::from)?
            .with_time(clock.time_source());
        let players = PLAYERS
            .map(|(code, name, kind)| sandbox::organisation(code, name, kind))
            .into_iter()
            .collect::<Result<Vec<_>, _>>()
            .map_err(anyhow::Error::from)?;
        let nodes: Vec<_> = players.iter().map(|player| player.id.clone()).collect();
        let founding = Founding::new("Demo partnership", &Directory::new(players, []), &nodes)
            .map_err(anyhow::Error::from)?;
        let sandbox =
            Sandbox::start(directory.path(), founding, clock, &log).map_err(anyhow::Error::from)?;
        Ok(Self {
            sandbox,
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

    async fn act(&mut self, scene: &Scene) -> Result<(), Failure> {
        self.sandbox
            .advance_to(instant(scene.at)?)
            .await
            .map_err(anyhow::Error::from)?;
        match scene.ending {
            Ending::Effective => self.counts(scene).await?,
            Ending::Refused(reason) => self.is_refused(scene, reason).await?,
            Ending::Void(reason) => self.is_void(scene, reason).await?,
        }
        self.sandbox.settle().await.map_err(anyhow::Error::from)?;
        self.show_owed().await
    }

    async fn counts(&mut self, scene: &Scene) -> Result<(), Failure> {
        let emission = self.emission(scene, None, Stage::Ruled)?;
        match self.node(scene.who)?.emit(emission).await {
            Ok(receipt) if receipt.ruling == Some(Ruling::Effective) => {
                self.case.get_or_insert(receipt.case);
                self.tell(scene)
            }
            outcome => Err(unexpected(scene, &outcome)),
        }
    }

    async fn is_refused(&mut self, scene: &Scene, reason: &str) -> Result<(), Failure> {
        let emission = self.emission(scene, None, Stage::Ruled)?;
        match self.node(scene.who)?.emit(emission).await {
            Err(Error::Refused { code, advice, .. }) if code == reason => {
                self.tell(scene)?;
                self.say(&format!("{:>18}refused at the door: {code}. {advice}", ""))?;
                self.refused.push(NotCounted {
                    organisation: scene.who.to_owned(),
                    event: scene.event.to_owned(),
                    reason: code,
                });
                Ok(())
            }
            outcome => Err(unexpected(scene, &outcome)),
        }
    }

    /// Two act without knowing of each other: messages from the log are slow to come to the one that acts second.
    async fn is_void(&mut self, scene: &Scene, reason: &str) -> Result<(), Failure> {
        let connection = self.sandbox.connection(scene.who);
        let connection = connection.map_err(anyhow::Error::from)?.clone();
        connection.fall_behind();
        if let Some(meanwhile) = &scene.meanwhile {
            self.counts(meanwhile).await?;
        }
        let case = self.case.ok_or_else(|| anyhow!("no case was opened"))?;
        let known = self.view(scene.who, case).await?.version;
        let emission = self.emission(scene, Some(known), Stage::Committed)?;
        let event = emission.event_id;
        let outcome = self.node(scene.who)?.emit(emission).await;
        self.tell(scene)?;
        connection.catch_up();
        self.sandbox.settle().await.map_err(anyhow::Error::from)?;
        let receipt = self.node(scene.who)?.receipt(event).await;
        match receipt.map(|receipt| (receipt.ruling, receipt.position)) {
            Ok((Some(Ruling::Void { reason: ruled }), Some(position))) if ruled == reason => {
                self.say(&format!(
                    "{:>18}void on the log at {position}: {ruled}. It came second, and every node says so",
                    ""
                ))
            }
            _ => Err(unexpected(scene, &outcome)),
        }
    }

    fn emission(
        &self,
        scene: &Scene,
        expected: Option<CaseVersion>,
        wait_for: Stage,
    ) -> Result<Emission, Failure> {
        let mut event_id = [0; 16];
        getrandom::fill(&mut event_id).map_err(|error| anyhow!("no randomness: {error}"))?;
        Ok(Emission {
            event_id: EventId(event_id),
            case: self.case,
            input: form::read(scene.event, &scene.fields).map_err(anyhow::Error::from)?,
            expected,
            wait_for,
            wait_at_most: PATIENCE,
            validate_only: false,
            traceparent: None,
        })
    }

    fn tell(&self, scene: &Scene) -> Result<(), Failure> {
        self.say(&format!(
            "{}  {:<22} {:<26} {}",
            scene.at.replace('T', " "),
            name_of(scene.who),
            scene.event,
            scene.story
        ))
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
        let owed = if owed.is_empty() {
            "nothing".to_owned()
        } else {
            owed.join(", ")
        };
        self.say(&format!("{:>18}[{}] owed: {owed}", "", view.state))
    }

    fn node(&self, code: &str) -> Result<&concordat_node::Node, Failure> {
        Ok(self.sandbox.node(code).map_err(anyhow::Error::from)?)
    }

    async fn view(&self, code: &str, case: CaseId) -> Result<CaseView, Failure> {
        let view = self.node(code)?.case(case, None).await;
        Ok(view.map_err(anyhow::Error::from)?)
    }

    async fn close(self, began: Instant) -> Result<Summary, Failure> {
        self.sandbox.settle().await.map_err(anyhow::Error::from)?;
        let case = self.case.ok_or_else(|| anyhow!("no case was opened"))?;
        let summary = Summary::of(&self.sandbox, case, self.refused.clone(), began).await?;
        for line in summary.lines() {
            self.say(&line)?;
        }
        self.sandbox.stop().await;
        Ok(summary)
    }
}

fn unexpected(scene: &Scene, outcome: &dyn std::fmt::Debug) -> Failure {
    Failure::Failed(anyhow!("{} at {}: {outcome:?}", scene.event, scene.at))
}
