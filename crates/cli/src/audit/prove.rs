//! `concordat audit prove`: that an event stands on the log, and that a log is the beginning of another.

use clap::{Args, Subcommand};
use concordat_domain::ids::{EventId, OrganisationId};
use concordat_proto::v1;

use super::Why;
use crate::client::Client;
use crate::exit::Failure;
use crate::output::{self, Format};

#[derive(Debug, Subcommand)]
pub(super) enum Prove {
    /// That an event stands on the log as it was signed, at heads that others have signed.
    Event(Event),
    /// That the log of some size is the beginning of the log of a later one.
    Log(Log),
}

#[derive(Debug, Args)]
pub(super) struct Event {
    #[command(flatten)]
    why: Why,
    /// Id of the event.
    #[arg(required_unless_present = "position")]
    event: Option<EventId>,
    /// Organisation that published it; the own one, if not given.
    #[arg(long, value_name = "CODE")]
    source: Option<OrganisationId>,
    /// Where it stands, instead of its id.
    #[arg(long, value_name = "POSITION", conflicts_with_all = ["event", "source"])]
    position: Option<String>,
    /// Number of bundles of the log in which it is proven; all, if not given.
    #[arg(long, value_name = "BUNDLES", default_value_t = 0)]
    tree_size: i64,
}

#[derive(Debug, Args)]
pub(super) struct Log {
    #[command(flatten)]
    why: Why,
    /// Number of bundles of the earlier log.
    #[arg(long, value_name = "BUNDLES")]
    old_size: i64,
    /// Number of bundles of the later log; all, if not given.
    #[arg(long, value_name = "BUNDLES", default_value_t = 0)]
    new_size: i64,
}

pub(super) async fn run(client: &Client, asked: Prove, format: Format) -> Result<(), Failure> {
    match asked {
        Prove::Event(asked) => event(client, asked, format).await,
        Prove::Log(asked) => log(client, asked, format).await,
    }
}

async fn event(client: &Client, asked: Event, format: Format) -> Result<(), Failure> {
    let request = client.request(v1::GetInclusionProofRequest {
        purpose: asked.why.purpose,
        actor_id: asked.why.actor,
        position: asked.position.unwrap_or_default(),
        event_id: asked
            .event
            .map(|event| event.to_string())
            .unwrap_or_default(),
        source: asked
            .source
            .map(|source| source.to_string())
            .unwrap_or_default(),
        tree_size: asked.tree_size,
    });
    let proof = client
        .audit()
        .get_inclusion_proof(request)
        .await?
        .into_inner();
    if format != Format::Table {
        return output::message(format, &proof);
    }
    let event = proof.event.unwrap_or_default();
    let log = proof.log.unwrap_or_default();
    let heads = proof.heads.iter().map(|head| {
        let size = head.log.as_ref().map_or(0, |log| log.tree_size);
        format!("{} at {size} bundles", head.organisation)
    });
    output::pairs(&[
        ("position", proof.position),
        ("event hash", hex::encode(event.event_hash)),
        ("bundle", proof.bundle_index.to_string()),
        ("bundle hash", hex::encode(event.bundle_hash)),
        ("tree size", log.tree_size.to_string()),
        ("tree root", hex::encode(log.root)),
        ("signed for by", heads.collect::<Vec<_>>().join(", ")),
        ("access record", proof.access_record),
    ])
}

async fn log(client: &Client, asked: Log, format: Format) -> Result<(), Failure> {
    let request = client.request(v1::GetConsistencyProofRequest {
        purpose: asked.why.purpose,
        actor_id: asked.why.actor,
        old_size: asked.old_size,
        new_size: asked.new_size,
    });
    let proof = client
        .audit()
        .get_consistency_proof(request)
        .await?
        .into_inner();
    if format != Format::Table {
        return output::message(format, &proof);
    }
    output::pairs(&[
        ("old size", proof.old_size.to_string()),
        ("old root", hex::encode(proof.old_root)),
        ("new size", proof.new_size.to_string()),
        ("new root", hex::encode(proof.new_root)),
        ("hashes", proof.path.len().to_string()),
        ("access record", proof.access_record),
    ])
}
