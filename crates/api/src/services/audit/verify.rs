//! The journal verified, portion by portion.

use concordat_node::audit::{Stretch, Verification};
use concordat_proto::v1;
use concordat_proto::v1::verify_log_response::Piece;
use futures::{StreamExt as _, stream};
use tonic::Status;

use super::{Pieces, reader};
use crate::failure::{Failure, from_node};
use crate::render;
use crate::services::Services;

struct Run {
    services: Services,
    /// None when it is done.
    verification: Option<Verification>,
    access_record: String,
    errors: i64,
    notes: i64,
}

impl Services {
    pub(super) async fn verification(
        &self,
        asked: v1::VerifyLogRequest,
    ) -> Result<Pieces<v1::VerifyLogResponse>, Failure> {
        let reader = reader(&asked.purpose, &asked.actor_id)?;
        let access_record = self.record(reader, "VerifyLog", None).await?;
        let run = Run {
            services: self.clone(),
            verification: Some(self.node.verify().await.map_err(from_node)?),
            access_record,
            errors: 0,
            notes: 0,
        };
        let portions = stream::try_unfold(run, |mut run| async move {
            let Some(verification) = run.verification.take() else {
                return Ok(None);
            };
            let portion = run.portion(verification).await?;
            Ok::<_, Status>(Some((portion, run)))
        });
        Ok(Box::pin(portions.flat_map(|portion| match portion {
            Ok(pieces) => stream::iter(pieces.into_iter().map(Ok).collect::<Vec<_>>()),
            Err(status) => stream::iter(vec![Err(status)]),
        })))
    }
}

impl Run {
    async fn portion(
        &mut self,
        verification: Verification,
    ) -> Result<Vec<v1::VerifyLogResponse>, Status> {
        let went_on = verification.next(&self.services.node).await;
        let (verification, findings, stretch) = went_on.map_err(from_node)?;
        let mut pieces = Vec::new();
        for finding in &findings {
            if finding.code.is_error() {
                self.errors += 1;
            } else {
                self.notes += 1;
            }
            pieces.push(answer(Piece::Finding(render::finding(finding))));
        }
        let last = match stretch {
            Stretch::Bundles { done, total } => progress(v1::VerifyPhase::Bundles, done, total),
            Stretch::Cases { done, total } => progress(v1::VerifyPhase::Cases, done, total),
            Stretch::Done(verified) => Piece::Verdict(v1::VerifyVerdict {
                access_record: std::mem::take(&mut self.access_record),
                sound: self.errors == 0,
                errors: self.errors,
                notes: self.notes,
                ..render::verified(&verified)
            }),
        };
        if matches!(stretch, Stretch::Bundles { .. } | Stretch::Cases { .. }) {
            self.verification = Some(verification);
        }
        pieces.push(answer(last));
        Ok(pieces)
    }
}

fn progress(phase: v1::VerifyPhase, done: u64, total: u64) -> Piece {
    Piece::Progress(v1::VerifyProgress {
        phase: phase.into(),
        done: render::count(done),
        total: render::count(total),
    })
}

fn answer(piece: Piece) -> v1::VerifyLogResponse {
    v1::VerifyLogResponse { piece: Some(piece) }
}
