//! `EventService`: emitting, reading, and looking after drafts.

mod batch;
mod stream;
mod when;

use std::time::Duration;

use concordat_node::{Emission, Publishing, Stage};
use concordat_proto::v1;
use concordat_proto::v1::event_service_server::EventService;
use futures::stream::BoxStream;
use tonic::metadata::MetadataMap;
use tonic::{Request, Response, Status, Streaming};

use super::Services;
use crate::failure::{Failure, Place, from_emit, from_node};
use crate::page::Page;
use crate::{clocked, read, render, trace};

/// How long an emit waits if the caller does not say for which stage (design, section 4).
pub(super) const WAIT: Duration = Duration::from_secs(2);
/// How long it waits at most if the caller does.
pub(super) const WAIT_MAX: Duration = Duration::from_secs(60);

#[tonic::async_trait]
impl EventService for Services {
    async fn emit_event(
        &self,
        request: Request<v1::EmitEventRequest>,
    ) -> Result<Response<v1::EmitEventResponse>, Status> {
        let (metadata, _, asked) = request.into_parts();
        let terms = Terms::of(&metadata);
        Ok(Response::new(self.emit(asked, &terms).await?))
    }

    async fn batch_emit_events(
        &self,
        request: Request<v1::BatchEmitEventsRequest>,
    ) -> Result<Response<v1::BatchEmitEventsResponse>, Status> {
        self.batch_emit(request).await
    }

    type StreamEmitEventsStream = BoxStream<'static, Result<v1::StreamEmitEventsResponse, Status>>;

    async fn stream_emit_events(
        &self,
        request: Request<Streaming<v1::StreamEmitEventsRequest>>,
    ) -> Result<Response<Self::StreamEmitEventsStream>, Status> {
        Ok(Response::new(stream::answers(self.clone(), request)))
    }

    async fn get_event(
        &self,
        request: Request<v1::GetEventRequest>,
    ) -> Result<Response<v1::GetEventResponse>, Status> {
        let (metadata, _, asked) = request.into_parts();
        self.reach(&asked.min_position, &metadata).await?;
        let id = read::event_id(&asked.event_id, "event_id")?;
        let event = match asked.source.as_str() {
            "" => self.node.event(id).await,
            source => {
                let author = read::organisation(source, "source")?;
                self.node.event_of(author, id).await
            }
        };
        let event = event.map_err(from_node)?;
        Ok(Response::new(v1::GetEventResponse {
            event: Some(render::event(&event, false)),
            stage: render::stage(event.stage).into(),
        }))
    }

    async fn list_events(
        &self,
        request: Request<v1::ListEventsRequest>,
    ) -> Result<Response<v1::ListEventsResponse>, Status> {
        let (metadata, _, asked) = request.into_parts();
        self.reach(&asked.min_position, &metadata).await?;
        let case = read::case_id(&asked.case_id, "case_id")?;
        let types = read::event_types(&asked.types, "types")?;
        let list = [
            "events",
            &asked.case_id,
            &asked.types.join(","),
            if asked.include_void { "void" } else { "" },
        ];
        let page = Page::read(asked.page_size, &asked.page_token, &list)?;
        let events = self.node.events(case).await;
        let mut events = events.map_err(from_node)?;
        events.retain(|event| {
            let of_type = types.is_empty()
                || event
                    .event_type
                    .is_some_and(|event_type| types.contains(&event_type));
            let shown =
                asked.include_void || event.ruling().is_some_and(|ruling| ruling.is_effective());
            of_type && shown
        });
        let events = events
            .iter()
            .map(|event| render::event(event, false))
            .collect();
        let (events, next_page_token) = page.cut_within(
            events,
            |event: &v1::EventEnvelope| event.position.clone(),
            prost::Message::encoded_len,
        );
        Ok(Response::new(v1::ListEventsResponse {
            events,
            next_page_token,
        }))
    }

    async fn list_drafts(
        &self,
        request: Request<v1::ListDraftsRequest>,
    ) -> Result<Response<v1::ListDraftsResponse>, Status> {
        let (metadata, _, asked) = request.into_parts();
        self.reach(&asked.min_position, &metadata).await?;
        let case = read::optional(&asked.case_id, "case_id", read::case_id)?;
        let list = [
            "drafts",
            &asked.case_id,
            if asked.held_only { "held" } else { "" },
        ];
        let page = Page::read(asked.page_size, &asked.page_token, &list)?;
        let drafts = self.node.drafts().await;
        let mut drafts = drafts.map_err(from_node)?;
        drafts.retain(|draft| {
            case.is_none_or(|case| draft.case == case) && (!asked.held_only || draft.held.is_some())
        });
        let (drafts, next_page_token) = page.cut(drafts, |draft| {
            format!(
                "{:032x} {}",
                draft.accepted_at.as_nanosecond(),
                draft.event_id
            )
        });
        Ok(Response::new(v1::ListDraftsResponse {
            drafts: drafts.iter().map(render::draft).collect(),
            next_page_token,
        }))
    }

    async fn release_draft(
        &self,
        request: Request<v1::ReleaseDraftRequest>,
    ) -> Result<Response<v1::ReleaseDraftResponse>, Status> {
        let id = read::event_id(&request.into_inner().event_id, "event_id")?;
        let released = self.node.release(id).await;
        released.map_err(from_node)?;
        let receipt = self.node.receipt(id).await;
        let receipt = receipt.map_err(from_node)?;
        Ok(Response::new(v1::ReleaseDraftResponse {
            receipt: Some(render::receipt(&receipt, false)),
        }))
    }

    async fn discard_draft(
        &self,
        request: Request<v1::DiscardDraftRequest>,
    ) -> Result<Response<v1::DiscardDraftResponse>, Status> {
        let asked = request.into_inner();
        let id = read::event_id(&asked.event_id, "event_id")?;
        let why = concordat_codec::shape::is_code(&asked.why_code);
        if !why {
            return Err(Failure::field(
                "why_code",
                "a code of lower-case letters, digits and hyphens, for the audit trail",
            )
            .into());
        }
        let discarded = self.node.discard(id).await;
        discarded.map_err(from_node)?;
        tracing::info!(event = %id, why = asked.why_code, "a held draft was discarded");
        Ok(Response::new(v1::DiscardDraftResponse {
            event_id: asked.event_id,
        }))
    }
}

/// What a call says besides its message.
struct Terms {
    /// How long the caller gives it.
    metadata: MetadataMap,
    traceparent: Option<String>,
}

impl Terms {
    fn of(metadata: &MetadataMap) -> Self {
        Self {
            traceparent: trace::parent(metadata),
            metadata: metadata.clone(),
        }
    }
}

impl Services {
    /// Takes one event, alone or as one of a stream.
    async fn emit(
        &self,
        asked: v1::EmitEventRequest,
        terms: &Terms,
    ) -> Result<v1::EmitEventResponse, Failure> {
        let limit = if asked.wait_for == 0 { WAIT } else { WAIT_MAX };
        let read = (
            read::new_event_id(&asked.event_id),
            read::optional(&asked.case_id, "case_id", read::case_id),
            self.event_of(asked.event),
            read::version(&asked.expected_version, "expected_version"),
            wait_for(asked.wait_for),
        );
        let (event_id, case, input, expected, wait_for) = match read {
            (Ok(event_id), Ok(case), Ok(input), Ok(expected), Ok(wait_for)) => {
                (event_id, case, input, expected, wait_for)
            }
            (event_id, case, input, expected, wait_for) => {
                let failures = [
                    event_id.err(),
                    case.err(),
                    input.err(),
                    expected.err(),
                    wait_for.err(),
                ];
                let mut failures = failures.into_iter().flatten();
                let first = failures
                    .next()
                    .unwrap_or_else(|| Failure::field("event", "it cannot be read"));
                return Err(Failure::all(first, failures));
            }
        };
        let event_type = type_of(&input);
        let emission = Emission {
            event_id,
            case,
            input,
            expected,
            wait_for,
            wait_at_most: clocked::wait_at_most(&terms.metadata, limit),
            validate_only: asked.validate_only,
            traceparent: terms.traceparent.clone(),
        };
        let receipt = self.node.emit(emission).await;
        let receipt =
            receipt.map_err(|error| from_emit(error, Place::of(event_type.as_deref())))?;
        let after = render::case_after(&receipt);
        let mut answer = [render::receipt(&receipt, asked.validate_only)];
        self.tell_if_stopped(&mut answer).await?;
        let [receipt] = answer;
        Ok(v1::EmitEventResponse {
            receipt: Some(receipt),
            after,
        })
    }

    /// What happened, if it was handed in as something that can have happened by now.
    fn event_of(&self, input: Option<v1::EventInput>) -> Result<v1::EventInput, Failure> {
        let input = input.ok_or_else(|| Failure::field("event", "what happened is missing"))?;
        self.check_when(&input, "event")?;
        Ok(input)
    }

    /// Whoever waits in vain is told why.
    async fn tell_if_stopped(&self, receipts: &mut [v1::Receipt]) -> Result<(), Failure> {
        let waits = |receipt: &v1::Receipt| receipt.stage() == v1::Stage::Accepted;
        if !receipts.iter().any(waits) {
            return Ok(());
        }
        let status = self.node.status().await.map_err(from_node)?;
        if let Publishing::Stopped { why } = status.publishing {
            for receipt in receipts.iter_mut().filter(|receipt| waits(receipt)) {
                receipt.publishing_stopped.clone_from(&why);
            }
        }
        Ok(())
    }
}

/// The type of an event, told by the body that is set.
fn type_of(input: &v1::EventInput) -> Option<String> {
    let body = input.body.as_ref();
    body.and_then(concordat_codec::kinds::event_type)
}

/// The stage that an emitter waits for; RULED if it names none.
pub(super) fn wait_for(stage: i32) -> Result<Stage, Failure> {
    match v1::Stage::try_from(stage) {
        Ok(v1::Stage::Unspecified | v1::Stage::Ruled) => Ok(Stage::Ruled),
        Ok(v1::Stage::Accepted) => Ok(Stage::Accepted),
        Ok(v1::Stage::Committed) => Ok(Stage::Committed),
        Ok(v1::Stage::Witnessed) => Ok(Stage::Witnessed),
        Ok(v1::Stage::Held) => Err(Failure::field(
            "wait_for",
            "nobody waits for HELD; name ACCEPTED, COMMITTED, RULED or WITNESSED",
        )),
        Err(_) => Err(Failure::field(
            "wait_for",
            "no stage has this number; name ACCEPTED, COMMITTED, RULED or WITNESSED",
        )),
    }
}
