//! `StreamEmitEvents`: one event after the other on one stream, each with its own answer.

use concordat_node::Error;
use concordat_proto::v1;
use concordat_proto::v1::stream_emit_events_response::Outcome;
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use prost::Message;
use tonic::{Request, Status, Streaming};

use super::Terms;
use crate::failure::{Failure, from_node};
use crate::services::Services;

/// Events of one stream that are under way at once: what fills a bundle. Further ones are read when the first of these is answered, so
/// that the transport holds up whoever sends faster than this node writes.
const UNDER_WAY_MAX: usize = 256;

/// The answers, in the order of the events. Each event reaches the node in that order, too: those under way are begun one after the other,
/// and each is handed to the node's queue before the next is begun.
pub(super) fn answers(
    services: Services,
    request: Request<Streaming<v1::StreamEmitEventsRequest>>,
) -> BoxStream<'static, Result<v1::StreamEmitEventsResponse, Status>> {
    let (metadata, _, requests) = request.into_parts();
    let mut terms = Terms::of(&metadata);
    // What the caller gives is for the whole stream, and not for each event.
    terms.metadata.remove("grpc-timeout");
    let terms = std::sync::Arc::new(terms);
    let stop = services.stop.clone();
    let last = services.stop.clone();
    let answered = requests
        .take_until(stop.cancelled_owned())
        .map(move |request| {
            let (services, terms) = (services.clone(), std::sync::Arc::clone(&terms));
            async move {
                // A message that cannot be read ends the stream: where the next one begins is not known any more.
                let asked = request?;
                let sequence = asked.sequence;
                let emit = asked
                    .emit
                    .ok_or_else(|| Failure::field("emit", "the event is missing"));
                let outcome = match emit {
                    Ok(emit) => services.emit(emit, &terms).await,
                    Err(failure) => Err(failure),
                };
                Ok(v1::StreamEmitEventsResponse {
                    sequence,
                    outcome: Some(match outcome {
                        Ok(answer) => Outcome::Answer(answer),
                        Err(failure) => Outcome::Error(told(&failure.into())),
                    }),
                })
            }
        })
        .buffered(UNDER_WAY_MAX);
    let ending = stream::once(async move {
        let stopped = last.is_cancelled();
        stopped.then(|| Err(from_node(Error::Stopping).into()))
    });
    answered
        .chain(ending.filter_map(std::future::ready))
        .boxed()
}

/// A status as a message: field by field what travels as `grpc-status-details-bin`.
fn told(status: &Status) -> v1::EmitError {
    v1::EmitError::decode(status.details())
        .ok()
        .filter(|told| told.code == i32::from(status.code()))
        .unwrap_or_else(|| v1::EmitError {
            code: status.code().into(),
            message: status.message().to_owned(),
            details: Vec::new(),
        })
}
