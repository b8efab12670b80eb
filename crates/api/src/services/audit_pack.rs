//! `AuditPackService`: packs for auditors, written while they are sent.
//!
//! Nothing of a pack is kept at the node, in memory or on disk, but the member that is being written: what was asked and the token decide
//! every byte, so a transfer is taken up again by writing the same pack anew and leaving out what is there already.

use std::collections::{BTreeSet, VecDeque};
use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

use concordat_domain::ids::CaseId;
use concordat_node::Node;
use concordat_node::audit::AccessQuery;
use concordat_node::pack::PackFrame;
use concordat_proto::v1;
use concordat_proto::v1::audit_pack_service_server::AuditPackService;
use concordat_trust::compartment::Compartment;
use concordat_trust::hash::sha256;
use concordat_verify::manifest::{Exported, Scope};
use concordat_verify::write::{CaseFacts, PackWriter, Plan};
use futures::StreamExt as _;
use futures::stream::{self, BoxStream};
use jiff::Timestamp;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use tonic::{Code, Request, Response, Status};

use super::Services;
use super::audit::reader;
use crate::failure::{Failure, from_node};
use crate::{read, render};

/// Longest piece of a file in one message, in bytes: well below what clients take by default.
const PIECE_BYTES: usize = 1024 * 1024;
/// Access records read in one go.
const ACCESS_PER_TURN: usize = 500;

#[tonic::async_trait]
impl AuditPackService for Services {
    type ExportPackStream = BoxStream<'static, Result<v1::ExportPackResponse, Status>>;

    async fn export_pack(
        &self,
        request: Request<v1::ExportPackRequest>,
    ) -> Result<Response<Self::ExportPackStream>, Status> {
        let asked = request.into_inner();
        let reader = reader(&asked.purpose, &asked.actor_id)?;
        let scope = scope(asked.scope.as_ref())?;
        let compartments = compartments(&asked)?;
        let begun = token(&asked)?;
        let case = match &scope {
            Scope::Case { case } => Some(*case),
            Scope::Organisation { .. } | Scope::Partnership => None,
        };
        let at = begun.map_or_else(|| whole_milliseconds(self.clock.now()), |(_, at)| at);
        let frame = self
            .node
            .pack_frame(scope.clone(), begun.map(|(size, _)| size));
        let frame = frame.await.map_err(from_node)?;
        let access_record = self.record(reader, "ExportPack", case).await?;
        let plan = Plan {
            partnership: frame.partnership.id(),
            scope,
            range: frame.range.clone(),
            exported: Exported {
                by: frame.organisation.clone(),
                at,
                purpose: asked.purpose.clone(),
                software: concat!("concordat ", env!("CARGO_PKG_VERSION")).to_owned(),
            },
            compartments,
        };
        let export = Export::begin(Arc::clone(&self.node), frame, plan, &asked)
            .map_err(|error| broken(&error))?;
        Ok(Response::new(export.into_stream(access_record)))
    }
}

/// A pack that is being written.
struct Export {
    node: Arc<Node>,
    writer: Option<PackWriter<Spool>>,
    spool: Spool,
    frame: PackFrame,
    at: Timestamp,
    compartments: BTreeSet<Compartment>,
    next_bundle: Option<u64>,
    cases: VecDeque<CaseId>,
    token: String,
    /// Bytes that the caller has already.
    skip: u64,
    /// Where the next piece begins.
    offset: u64,
    hash: Sha256,
    access_record: String,
    ended: bool,
}

/// What was written and not yet sent.
#[derive(Clone, Default)]
struct Spool(Arc<Mutex<VecDeque<u8>>>);

impl Write for Spool {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.locked().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Spool {
    fn locked(&self) -> std::sync::MutexGuard<'_, VecDeque<u8>> {
        // Bytes are whole whatever became of another holder.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self) -> Vec<u8> {
        let mut spool = self.locked();
        let length = spool.len().min(PIECE_BYTES);
        spool.drain(..length).collect()
    }
}

impl Export {
    fn begin(
        node: Arc<Node>,
        frame: PackFrame,
        plan: Plan,
        asked: &v1::ExportPackRequest,
    ) -> Result<Self, concordat_verify::write::Error> {
        let spool = Spool::default();
        let (at, compartments) = (plan.exported.at, plan.compartments.clone());
        let token = token_of(frame.range.size, at, asked);
        let packs = frame.packs.iter();
        let writer = PackWriter::begin(
            spool.clone(),
            plan,
            &frame.partnership,
            packs,
            &frame.calendars,
        )?;
        Ok(Self {
            node,
            writer: Some(writer),
            spool,
            next_bundle: (frame.range.size > 0).then_some(0),
            cases: frame.cases.iter().copied().collect(),
            frame,
            at,
            compartments,
            token,
            skip: asked.offset,
            offset: 0,
            hash: Sha256::new(),
            access_record: String::new(),
            ended: false,
        })
    }

    fn into_stream(
        mut self,
        access_record: String,
    ) -> BoxStream<'static, Result<v1::ExportPackResponse, Status>> {
        self.access_record = access_record;
        stream::unfold(self, |mut export| async move {
            let piece = export.next().await?;
            export.ended |= piece.is_err();
            Some((piece, export))
        })
        .boxed()
    }

    /// The next piece; none after the last.
    async fn next(&mut self) -> Option<Result<v1::ExportPackResponse, Status>> {
        if self.ended {
            return None;
        }
        loop {
            let mut data = self.spool.take();
            if data.is_empty() {
                if self.writer.is_none() {
                    self.ended = true;
                    return Some(Ok(self.last_piece()));
                }
                if let Err(failure) = self.write_more().await {
                    return Some(Err(failure.into()));
                }
                continue;
            }
            self.hash.update(&data);
            let begins = self.offset;
            self.offset += data.len() as u64;
            let there = usize::try_from(self.skip.saturating_sub(begins)).unwrap_or(usize::MAX);
            if there >= data.len() {
                continue;
            }
            let data = data.split_off(there);
            return Some(Ok(v1::ExportPackResponse {
                pack_token: self.token.clone(),
                offset: begins + there as u64,
                data,
                access_record: std::mem::take(&mut self.access_record),
                ..v1::ExportPackResponse::default()
            }));
        }
    }

    fn last_piece(&mut self) -> v1::ExportPackResponse {
        v1::ExportPackResponse {
            pack_token: self.token.clone(),
            offset: self.offset,
            data: Vec::new(),
            total_bytes: Some(self.offset),
            sha256: self.hash.clone().finalize().to_vec(),
            access_record: std::mem::take(&mut self.access_record),
        }
    }

    /// Writes some bundles, or a case, or the end.
    async fn write_more(&mut self) -> Result<(), Failure> {
        let Some(writer) = &mut self.writer else {
            return Ok(());
        };
        if let Some(from) = self.next_bundle {
            let size = self.frame.range.size;
            let read = self
                .node
                .pack_bundles(self.frame.selection.clone(), from, size);
            let read = read.await.map_err(from_node)?;
            for entry in &read.entries {
                writer.bundle(entry).map_err(|error| broken(&error))?;
            }
            self.next_bundle = read.next;
            return Ok(());
        }
        if let Some(case) = self.cases.pop_front() {
            let end = (self.frame.range.size, self.at);
            let facts = self.node.pack_case(case, end, self.compartments.clone());
            let Some(facts) = facts.await.map_err(from_node)? else {
                return Ok(());
            };
            let events = facts.events.iter().map(|view| {
                let envelope = render::event(view, false);
                concordat_proto::cloudevents::event(
                    &envelope,
                    None,
                    concordat_proto::cloudevents::Shape::CloudEvents,
                )
            });
            let events = events.collect::<Result<Vec<_>, _>>();
            let facts = CaseFacts {
                claim: facts.claim,
                keys: facts.keys,
                events: events.map_err(|error| broken(&error.into()))?,
            };
            return writer.case(&facts).map_err(|error| broken(&error));
        }
        self.finish().await
    }

    async fn finish(&mut self) -> Result<(), Failure> {
        let Some(mut writer) = self.writer.take() else {
            return Ok(());
        };
        // Those from before this export, so that the same pack can be written again.
        let mut query = AccessQuery {
            until: Some(self.at),
            max: ACCESS_PER_TURN,
            ..AccessQuery::default()
        };
        let cases: BTreeSet<CaseId> = self.frame.cases.iter().copied().collect();
        loop {
            let page = self.node.access_records(query.clone()).await;
            let page = page.map_err(from_node)?;
            let about = page
                .records
                .iter()
                .filter(|record| record.case.is_some_and(|case| cases.contains(&case)));
            for record in about {
                let line = json!({
                    "id": record.id.to_string(), "at": record.at.to_string(), "who": record.who, "purpose": record.purpose,
                    "rpc": record.rpc, "case": record.case.map(|case| case.to_string()),
                });
                writer.access(&line).map_err(|error| broken(&error))?;
            }
            match page.scanned_to {
                None => break,
                after => query.after = after,
            }
        }
        let manifest = writer.manifest().map_err(|error| broken(&error))?;
        let signature = self.node.sign_pack(manifest.clone()).await;
        let signature = signature.map_err(from_node)?;
        writer
            .finish(&manifest, &signature)
            .map_err(|error| broken(&error))?;
        Ok(())
    }
}

fn scope(asked: Option<&v1::export_pack_request::Scope>) -> Result<Scope, Failure> {
    use v1::export_pack_request::Scope as Asked;
    match asked {
        Some(Asked::CaseId(case)) => Ok(Scope::Case {
            case: read::case_id(case, "case_id")?,
        }),
        Some(Asked::Organisation(organisation)) => Ok(Scope::Organisation {
            organisation: read::organisation(organisation, "organisation")?,
        }),
        Some(Asked::Partnership(())) => Ok(Scope::Partnership),
        None => Err(Failure::field(
            "scope",
            "say what the pack is about: case_id, organisation or partnership",
        )),
    }
}

fn compartments(asked: &v1::ExportPackRequest) -> Result<BTreeSet<Compartment>, Failure> {
    if asked.without_keys {
        return if asked.compartments.is_empty() {
            Ok(BTreeSet::new())
        } else {
            Err(Failure::field(
                "compartments",
                "none can be given with without_keys",
            ))
        };
    }
    let chosen = asked.compartments.iter().map(|number| {
        let known = v1::Compartment::try_from(*number).ok();
        known
            .and_then(|one| Compartment::try_from(one).ok())
            .ok_or_else(|| Failure::field("compartments", "not a compartment"))
    });
    let mut chosen = chosen.collect::<Result<BTreeSet<_>, _>>()?;
    // Content says nothing without the structure around it.
    chosen.insert(Compartment::Process);
    Ok(chosen)
}

/// Size and instant that a pack was begun with, and a check that the same is asked again.
fn token_of(size: u64, at: Timestamp, asked: &v1::ExportPackRequest) -> String {
    let same = v1::ExportPackRequest {
        pack_token: String::new(),
        offset: 0,
        actor_id: String::new(),
        ..asked.clone()
    };
    let check = sha256(format!("{same:?}").as_bytes());
    let at = at.as_millisecond();
    format!("{size:016x}{at:016x}{}", &hex::encode(check.0)[..16])
}

fn token(asked: &v1::ExportPackRequest) -> Result<Option<(u64, Timestamp)>, Failure> {
    if asked.pack_token.is_empty() {
        return if asked.offset == 0 {
            Ok(None)
        } else {
            Err(Failure::field(
                "offset",
                "give the pack_token of the pieces before",
            ))
        };
    }
    let text = &asked.pack_token;
    let number = |range| u64::from_str_radix(text.get(range)?, 16).ok();
    let parsed = || {
        let size = number(0..16)?;
        let at = Timestamp::from_millisecond(i64::try_from(number(16..32)?).ok()?).ok()?;
        (token_of(size, at, asked) == *text).then_some((size, at))
    };
    parsed().map(Some).ok_or_else(|| {
        Failure::field(
            "pack_token",
            "not of a pack that was asked for in the same words; begin again without it",
        )
    })
}

/// As a token carries it.
fn whole_milliseconds(at: Timestamp) -> Timestamp {
    Timestamp::from_millisecond(at.as_millisecond()).unwrap_or(at)
}

/// Writing goes to memory, so only what cannot be said in a ZIP or in JSON fails here.
fn broken(error: &concordat_verify::write::Error) -> Failure {
    tracing::error!(error = %error, "an audit pack could not be written");
    Failure::new(
        Code::Internal,
        v1::ErrorReason::Internal,
        "the pack could not be written; the node's log says why",
    )
}

#[cfg(test)]
mod tests {
    use tonic::Status;
    use tonic_types::StatusExt;

    use super::broken;

    #[test]
    fn pack_that_cannot_be_written_is_a_fault_of_the_node() {
        let full = std::io::Error::other("full");
        let status: Status = broken(&concordat_verify::write::Error::Io(full)).into();
        let info = status.get_details_error_info().expect("one reason");
        assert_eq!(info.reason, "INTERNAL");
    }
}
