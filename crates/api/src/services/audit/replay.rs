//! Events in log order, each judged anew.

use std::collections::BTreeMap;

use concordat_node::audit::{Replay, ReplayQuery, Replayed};
use concordat_proto::v1;
use concordat_proto::v1::replay_events_response::Piece;
use futures::{Stream, StreamExt as _, stream};
use tonic::Status;

use super::{Pieces, point, reader};
use crate::failure::{Failure, from_node};
use crate::services::Services;
use crate::{opaque, read, render};

/// A replay on its way to a caller.
struct Run {
    services: Services,
    /// None when there is no more.
    replay: Option<Replay>,
    query_case: bool,
    counts: v1::ReplaySummary,
    done: bool,
}

impl Services {
    pub(super) async fn replay(
        &self,
        asked: v1::ReplayEventsRequest,
    ) -> Result<Pieces<v1::ReplayEventsResponse>, Failure> {
        let reader = reader(&asked.purpose, &asked.actor_id)?;
        let query = ReplayQuery {
            case: read::optional(&asked.case_id, "case_id", read::case_id)?,
            from: read::position(&asked.from_position, "from_position")?,
            from_time: read::instant(asked.from.as_ref(), "from")?,
            until_time: read::instant(asked.until.as_ref(), "until")?,
            with_signed_bytes: asked.include_signed_bytes,
            with_state: asked.include_state,
        };
        let point = point::read(asked.known.as_ref(), None, "")?;
        let access_record = self.record(reader, "ReplayEvents", query.case).await?;
        let point = self.node.point(point).await.map_err(from_node)?;
        let status = self.node.status().await.map_err(from_node)?;
        let query_case = query.case.is_some();
        let replay = self.node.replay(query, &point).await.map_err(from_node)?;
        let head = Piece::Head(v1::ReplayHead {
            access_record,
            organisation: status.organisation.to_string(),
            known_position: point.position.map(opaque::position).unwrap_or_default(),
        });
        let run = Run {
            services: self.clone(),
            replay,
            query_case,
            counts: v1::ReplaySummary::default(),
            done: false,
        };
        let pieces = stream::iter([Ok(piece(head))]).chain(run.pieces());
        Ok(Box::pin(pieces))
    }
}

impl Run {
    fn pieces(self) -> impl Stream<Item = Result<v1::ReplayEventsResponse, Status>> {
        let portions = stream::try_unfold(self, |mut run| async move {
            if run.done {
                return Ok(None);
            }
            let portion = run.portion().await?;
            Ok::<_, Status>(Some((portion, run)))
        });
        portions.flat_map(|portion| match portion {
            Ok(pieces) => stream::iter(pieces.into_iter().map(Ok).collect::<Vec<_>>()),
            Err(status) => stream::iter(vec![Err(status)]),
        })
    }

    /// The next events; at the end the summary.
    async fn portion(&mut self) -> Result<Vec<v1::ReplayEventsResponse>, Status> {
        let Some(replay) = self.replay.take() else {
            self.done = true;
            return Ok(vec![piece(Piece::Summary(std::mem::take(
                &mut self.counts,
            )))]);
        };
        let went_on = self.services.node.replay_more(replay).await;
        let (replay, events, more) = went_on.map_err(from_node)?;
        let pieces = events.iter().map(|event| self.event(event));
        let mut pieces: Vec<_> = pieces.collect();
        if more {
            self.replay = Some(replay);
            return Ok(pieces);
        }
        self.done = true;
        let digests = replay.digests();
        self.counts.cases = i64::try_from(digests.len()).unwrap_or(i64::MAX);
        self.counts.state_digest = match digests.values().next() {
            None => String::new(),
            Some(digest) if self.query_case => hex::encode(digest),
            Some(_) => render::digest_of_cases(&digests),
        };
        pieces.push(piece(Piece::Summary(std::mem::take(&mut self.counts))));
        Ok(pieces)
    }

    fn event(&mut self, replayed: &Replayed) -> v1::ReplayEventsResponse {
        self.counts.events += 1;
        match replayed.event.ruling().and_then(|ruling| ruling.reason()) {
            None => self.counts.effective += 1,
            Some(reason) => {
                let reasons: &mut BTreeMap<String, i64> = &mut self.counts.void_reasons;
                *reasons.entry(reason.to_owned()).or_default() += 1;
            }
        }
        piece(Piece::Event(render::replayed(replayed)))
    }
}

fn piece(piece: Piece) -> v1::ReplayEventsResponse {
    v1::ReplayEventsResponse { piece: Some(piece) }
}
