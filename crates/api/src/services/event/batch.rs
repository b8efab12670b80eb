//! `BatchEmitEvents`: several events of one case, all or none.

use concordat_codec::{Error as CodecError, Violation};
use concordat_domain::ids::EventId;
use concordat_node::{BatchEmission, Error};
use concordat_proto::v1;
use tonic::{Request, Response, Status};

use super::{WAIT, WAIT_MAX, type_of, wait_for};
use crate::failure::{Failure, Place, from_emit, shape};
use crate::services::Services;
use crate::{clocked, read, render, trace};

impl Services {
    pub(super) async fn batch_emit(
        &self,
        request: Request<v1::BatchEmitEventsRequest>,
    ) -> Result<Response<v1::BatchEmitEventsResponse>, Status> {
        let (metadata, _, asked) = request.into_parts();
        let wait_for = wait_for(asked.wait_for)?;
        let limit = if asked.wait_for == 0 { WAIT } else { WAIT_MAX };
        let case = read::optional(&asked.case_id, "case_id", read::case_id)?;
        let expected = read::version(&asked.expected_version, "expected_version")?;
        if asked.events.is_empty() || asked.events.len() > BatchEmission::EVENTS_MAX {
            let what = format!("1 to {} events", BatchEmission::EVENTS_MAX);
            return Err(Failure::field("events", what).into());
        }
        let types: Vec<Option<String>> = asked
            .events
            .iter()
            .map(|one| one.event.as_ref().and_then(type_of))
            .collect();
        let events = self.events_of(asked.events)?;
        let ids: Vec<EventId> = events.iter().map(|(id, _)| *id).collect();
        let batch = BatchEmission {
            case,
            events,
            expected,
            wait_for,
            wait_at_most: clocked::wait_at_most(&metadata, limit),
            validate_only: asked.validate_only,
            traceparent: trace::parent(&metadata),
        };
        let receipts = self.node.emit_batch(batch).await;
        let receipts = receipts.map_err(|error| refused(error, &ids, &types))?;
        let after = receipts.last().and_then(render::case_after);
        let mut receipts: Vec<v1::Receipt> = receipts
            .iter()
            .map(|receipt| render::receipt(receipt, asked.validate_only))
            .collect();
        self.tell_if_stopped(&mut receipts).await?;
        Ok(Response::new(v1::BatchEmitEventsResponse {
            receipts,
            after,
        }))
    }

    /// Reads every event. What is malformed is told of all of them at once.
    fn events_of(
        &self,
        events: Vec<v1::BatchEvent>,
    ) -> Result<Vec<(EventId, v1::EventInput)>, Failure> {
        let mut read = Vec::with_capacity(events.len());
        let mut violations = Vec::new();
        for (index, one) in events.into_iter().enumerate() {
            let path = format!("events[{index}]");
            let id = read::new_event_id_at(&one.event_id, &format!("{path}.event_id"))?;
            let path = format!("{path}.event");
            let input = one
                .event
                .ok_or_else(|| Failure::field(&path, "what happened is missing"))?;
            self.check_when(&input, &path)?;
            if let Err(CodecError::Invalid(found)) = concordat_codec::shape::validate(&input) {
                let found = found.into_iter().map(|violation| Violation {
                    path: format!("[{index}].event.{}", violation.path),
                    ..violation
                });
                violations.extend(found);
            }
            read.push((id, input));
        }
        if violations.is_empty() {
            return Ok(read);
        }
        Err(shape(&violations, |path| format!("events{path}")))
    }
}

/// The error of a batch; that of one event names which, in its text, its fields and its metadata.
fn refused(error: Error, ids: &[EventId], types: &[Option<String>]) -> Failure {
    let place = |index: usize| (format!("events[{index}]"), format!("events[{index}].event"));
    let Error::InBatch { index, error } = error else {
        return from_emit(error, Place::EVENT);
    };
    let (name, path) = place(index);
    let place = Place {
        path: &path,
        event_type: types.get(index).and_then(Option::as_deref),
    };
    let failure = from_emit(*error, place)
        .about(&name)
        .with("index", index.to_string());
    match ids.get(index) {
        Some(id) => failure.with("eventId", id.to_string()),
        None => failure,
    }
}
