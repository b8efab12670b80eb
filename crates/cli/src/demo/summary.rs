//! What the demo ends with: whether the nodes agree, and what did not count.

use std::time::Instant;

use concordat_domain::ids::CaseId;
use concordat_node::sandbox::Sandbox;
use concordat_node::{Error, EventView, Status};
use serde::Serialize;

use super::{BOARD, COUNCIL, TRUST};
use crate::exit::Failure;

/// What happened, for `-o json`.
#[derive(Debug, Serialize)]
pub(super) struct Summary {
    case: String,
    state: String,
    events: usize,
    void: Vec<NotCounted>,
    refused: Vec<NotCounted>,
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

/// An act that did not count: void on the log, or refused at the door.
#[derive(Debug, Clone, Serialize)]
pub(super) struct NotCounted {
    pub(super) organisation: String,
    pub(super) event: String,
    pub(super) reason: String,
}

#[derive(Debug, Serialize)]
struct Digest {
    organisation: String,
    digest: String,
}

/// What all nodes say of themselves when they have read equally many bundles: those that only witness others come by the machine's
/// clock, between two questions as well.
async fn together(sandbox: &Sandbox) -> Result<Vec<Status>, anyhow::Error> {
    loop {
        sandbox.settle().await?;
        let mut statuses = Vec::new();
        for (_, node) in sandbox.nodes() {
            statuses.push(node.status().await?);
        }
        if statuses.windows(2).all(|pair| pair[0].size == pair[1].size) {
            return Ok(statuses);
        }
    }
}

fn void(event: &EventView) -> Option<NotCounted> {
    let reason = event.ruling()?.reason()?.to_owned();
    Some(NotCounted {
        organisation: event.author.to_string(),
        event: event
            .event_type
            .map(|kind| kind.to_string())
            .unwrap_or_default(),
        reason,
    })
}

impl Summary {
    /// Asks all nodes, which are at rest.
    pub(super) async fn of(
        sandbox: &Sandbox,
        case: CaseId,
        refused: Vec<NotCounted>,
        began: Instant,
    ) -> Result<Self, Failure> {
        let failed = anyhow::Error::from;
        let keeper = sandbox.node(TRUST).map_err(failed)?;
        let events = keeper.events(case).await.map_err(anyhow::Error::from)?;
        let view = keeper.case(case, None).await.map_err(anyhow::Error::from)?;
        let missed = view
            .deadlines
            .iter()
            .filter(|deadline| deadline.missed_published);
        let late = view.flags.iter().filter(|flag| flag.starts_with("late:"));
        let mut digests = Vec::new();
        for code in [TRUST, COUNCIL] {
            let party = sandbox.node(code).map_err(anyhow::Error::from)?;
            let seen = party.case(case, None).await.map_err(anyhow::Error::from)?;
            digests.push(Digest {
                organisation: code.to_owned(),
                digest: hex::encode(seen.digest),
            });
        }
        let outsider = sandbox.node(BOARD).map_err(anyhow::Error::from)?;
        let outsider_blind = matches!(outsider.case(case, None).await, Err(Error::UnknownCase));
        let statuses = together(sandbox).await?;
        let roots: Vec<_> = statuses.iter().map(|one| (one.size, one.root)).collect();
        // Each node has verified every signature, chain link and tree head on admission.
        let none_refused = statuses
            .iter()
            .all(|one| one.quarantined == 0 && one.contradictions.is_empty());
        Ok(Self {
            case: case.to_string(),
            state: view.state.clone(),
            events: events.len(),
            void: events.iter().filter_map(void).collect(),
            refused,
            missed: missed.map(|deadline| deadline.name.to_string()).collect(),
            late: late.cloned().collect(),
            digests_equal: digests
                .windows(2)
                .all(|pair| pair[0].digest == pair[1].digest),
            digests,
            bundles: roots.first().map_or(0, |(size, _)| *size),
            root: roots
                .first()
                .map_or_else(String::new, |(_, root)| hex::encode(root)),
            roots_equal: roots.windows(2).all(|pair| pair[0] == pair[1]),
            chain_verified: outsider_blind && none_refused,
            seconds: began.elapsed().as_secs_f64(),
        })
    }

    /// Whether all went as a partnership relies on.
    pub(super) fn nodes_agree(&self) -> bool {
        self.digests_equal && self.roots_equal && self.chain_verified
    }

    /// The same for people.
    pub(super) fn lines(&self) -> Vec<String> {
        let mut lines = vec![
            format!(
                "\nCase {}: {}, {} events",
                self.case, self.state, self.events
            ),
            format!(
                "Missed deadlines, published once by the keeper's enforcer: {}",
                self.missed.join(", ")
            ),
        ];
        lines.extend(self.void.iter().map(|event| {
            format!(
                "Void on the log: {} of {}, {}",
                event.event, event.organisation, event.reason
            )
        }));
        lines.extend(self.digests.iter().map(|digest| {
            format!(
                "State digest at {:<15} {}",
                digest.organisation, digest.digest
            )
        }));
        lines.push(format!(
            "{BOARD} is no party: to its node there is no such case"
        ));
        lines.push(format!(
            "Log: {} bundles, root {} on all three nodes; every signature and chain verified. {:.1} s",
            self.bundles, self.root, self.seconds
        ));
        lines
    }
}
