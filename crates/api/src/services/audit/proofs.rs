//! Proofs of what stands on the log.

use concordat_node::audit::Which;
use concordat_proto::v1;

use super::reader;
use crate::failure::{Failure, from_node};
use crate::services::Services;
use crate::{read, render};

impl Services {
    pub(super) async fn inclusion(
        &self,
        asked: v1::GetInclusionProofRequest,
    ) -> Result<v1::GetInclusionProofResponse, Failure> {
        let reader = reader(&asked.purpose, &asked.actor_id)?;
        let position = read::position(&asked.position, "position")?;
        let event = read::optional(&asked.event_id, "event_id", read::event_id)?;
        let source = read::optional(&asked.source, "source", read::organisation)?;
        let size = size(asked.tree_size, "tree_size")?;
        let which = match (position, event) {
            (Some(position), None) => Which::Position(position),
            (None, Some(event)) => Which::Event {
                author: match source {
                    Some(source) => source,
                    None => self.node.status().await.map_err(from_node)?.organisation,
                },
                event,
            },
            _ => {
                return Err(Failure::field(
                    "position",
                    "name the event by its position or by its id, one of the two",
                ));
            }
        };
        let access_record = self.record(reader, "GetInclusionProof", None).await?;
        let proof = self.node.prove_inclusion(which, size).await;
        Ok(render::inclusion(access_record, &proof.map_err(from_node)?))
    }

    pub(super) async fn consistency(
        &self,
        asked: v1::GetConsistencyProofRequest,
    ) -> Result<v1::GetConsistencyProofResponse, Failure> {
        let reader = reader(&asked.purpose, &asked.actor_id)?;
        let old = size(asked.old_size, "old_size")?.unwrap_or_default();
        let new = size(asked.new_size, "new_size")?;
        let access_record = self.record(reader, "GetConsistencyProof", None).await?;
        let proof = self.node.prove_consistency(old, new).await;
        Ok(render::consistency(
            access_record,
            &proof.map_err(from_node)?,
        ))
    }
}

/// A number of bundles; none for 0.
fn size(size: i64, field: &str) -> Result<Option<u64>, Failure> {
    let size = u64::try_from(size);
    let size = size.map_err(|_| Failure::field(field, "a number of bundles, not below 0"))?;
    Ok(Some(size).filter(|size| *size > 0))
}
