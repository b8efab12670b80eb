//! `DirectoryService`: what is tied to no case.

use concordat_codec::catalogue;
use concordat_domain::directory::{BodyDeadline, Delegation, Organisation};
use concordat_domain::events::EventType;
use concordat_node::{Emission, EventView, OwnRecord};
use concordat_proto::v1;
use concordat_proto::v1::directory_service_server::DirectoryService;
use concordat_trust::admission::event_in;
use tonic::{Request, Response, Status};

use super::Services;
use super::event::{WAIT, WAIT_MAX, wait_for};
use crate::failure::{Failure, Place, from_emit, from_node};
use crate::page::Page;
use crate::{clocked, read, render};

#[tonic::async_trait]
impl DirectoryService for Services {
    async fn list_event_types(
        &self,
        request: Request<v1::ListEventTypesRequest>,
    ) -> Result<Response<v1::ListEventTypesResponse>, Status> {
        let asked = request.into_inner();
        let page = Page::read(asked.page_size, &asked.page_token, &["event-types"])?;
        let all = catalogue::entries()
            .iter()
            .map(render::event_type)
            .collect();
        let (event_types, next_page_token) =
            page.cut(all, |entry: &v1::EventTypeEntry| entry.r#type.clone());
        Ok(Response::new(v1::ListEventTypesResponse {
            event_types,
            next_page_token,
        }))
    }

    async fn get_event_type(
        &self,
        request: Request<v1::GetEventTypeRequest>,
    ) -> Result<Response<v1::GetEventTypeResponse>, Status> {
        let name = request.into_inner().r#type;
        let event_type: EventType = name.parse().map_err(|_| Failure::not_found("event type"))?;
        let entry = catalogue::entry(event_type);
        let event_type = v1::EventTypeEntry {
            json_schema: entry.schema().to_string(),
            example_json: entry.example().to_string(),
            ..render::event_type(&entry)
        };
        Ok(Response::new(v1::GetEventTypeResponse {
            event_type: Some(event_type),
        }))
    }

    async fn list_organisations(
        &self,
        request: Request<v1::ListOrganisationsRequest>,
    ) -> Result<Response<v1::ListOrganisationsResponse>, Status> {
        let (metadata, _, asked) = request.into_parts();
        self.reach(&asked.min_position, &metadata).await?;
        let page = Page::read(asked.page_size, &asked.page_token, &["organisations"])?;
        let directory = self.node.directory().await.map_err(from_node)?;
        let all = directory.organisations().map(organisation).collect();
        let (organisations, next_page_token) =
            page.cut(all, |entry: &v1::Organisation| entry.organisation.clone());
        Ok(Response::new(v1::ListOrganisationsResponse {
            organisations,
            next_page_token,
        }))
    }

    async fn get_organisation(
        &self,
        request: Request<v1::GetOrganisationRequest>,
    ) -> Result<Response<v1::GetOrganisationResponse>, Status> {
        let (metadata, _, asked) = request.into_parts();
        self.reach(&asked.min_position, &metadata).await?;
        let id = read::organisation(&asked.organisation, "organisation")?;
        let directory = self.node.directory().await.map_err(from_node)?;
        let entry = directory.organisation(&id);
        let entry = entry.ok_or_else(|| Failure::not_found("organisation"))?;
        let given = directory.delegations().filter(|given| given.org == id);
        Ok(Response::new(v1::GetOrganisationResponse {
            organisation: Some(organisation(entry)),
            delegations: given.map(delegation).collect(),
        }))
    }

    async fn list_directory_events(
        &self,
        request: Request<v1::ListDirectoryEventsRequest>,
    ) -> Result<Response<v1::ListDirectoryEventsResponse>, Status> {
        let (metadata, _, asked) = request.into_parts();
        self.reach(&asked.min_position, &metadata).await?;
        let types = read::event_types(&asked.types, "types")?;
        for (index, code) in asked.organisations.iter().enumerate() {
            read::organisation(code, &format!("organisations[{index}]"))?;
        }
        let list = [
            "directory-events",
            &asked.types.join(","),
            &asked.organisations.join(","),
        ];
        let page = Page::read(asked.page_size, &asked.page_token, &list)?;
        let mut events = self.node.directory_events().await.map_err(from_node)?;
        events.retain(|event| {
            let of_type = types.is_empty()
                || event
                    .event_type
                    .is_some_and(|event_type| types.contains(&event_type));
            let wanted = asked.organisations.is_empty()
                || asked.organisations.iter().any(|code| *code == actor(event));
            of_type && wanted
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
        Ok(Response::new(v1::ListDirectoryEventsResponse {
            events,
            next_page_token,
        }))
    }

    async fn list_own_records(
        &self,
        request: Request<v1::ListOwnRecordsRequest>,
    ) -> Result<Response<v1::ListOwnRecordsResponse>, Status> {
        let (metadata, _, asked) = request.into_parts();
        self.reach(&asked.min_position, &metadata).await?;
        let types = read::event_types(&asked.types, "types")?;
        let list = ["own-records", &asked.types.join(",")];
        let page = Page::read(asked.page_size, &asked.page_token, &list)?;
        let mut records = self.node.own_records().await.map_err(from_node)?;
        records.retain(|record| {
            let body = record.event.body.as_ref();
            let name = body.and_then(concordat_codec::kinds::event_type);
            types.is_empty()
                || name.is_some_and(|name| types.iter().any(|wanted| wanted.code() == name))
        });
        let numbered = (0_u64..).zip(records.iter().map(own_record)).collect();
        let (records, next_page_token) = page.cut_within(
            numbered,
            |(number, _): &(u64, v1::OwnRecord)| format!("{number:020}"),
            |(_, record)| prost::Message::encoded_len(record),
        );
        Ok(Response::new(v1::ListOwnRecordsResponse {
            records: records.into_iter().map(|(_, record)| record).collect(),
            next_page_token,
        }))
    }

    async fn list_body_deadlines(
        &self,
        request: Request<v1::ListBodyDeadlinesRequest>,
    ) -> Result<Response<v1::ListBodyDeadlinesResponse>, Status> {
        let (metadata, _, asked) = request.into_parts();
        self.reach(&asked.min_position, &metadata).await?;
        let wanted = read::optional(&asked.organisation, "organisation", read::organisation)?;
        let given = read::instant(asked.at.as_ref(), "at")?;
        let at = given.unwrap_or_else(|| self.clock.now());
        let list = [
            "body-deadlines",
            &asked.organisation,
            &given.map(|at| at.to_string()).unwrap_or_default(),
        ];
        let page = Page::read(asked.page_size, &asked.page_token, &list)?;
        let owed = self.node.body_deadlines(wanted, Some(at)).await;
        let owed = owed.map_err(from_node)?;
        let all = owed.iter().map(body_deadline).collect();
        let (deadlines, next_page_token) = page.cut(all, |one: &v1::BodyDeadline| {
            format!("{} {} {}", one.due_date, one.owner, one.name)
        });
        Ok(Response::new(v1::ListBodyDeadlinesResponse {
            deadlines,
            next_page_token,
        }))
    }

    async fn record_change(
        &self,
        request: Request<v1::RecordChangeRequest>,
    ) -> Result<Response<v1::RecordChangeResponse>, Status> {
        let (metadata, _, asked) = request.into_parts();
        let wait_until = wait_for(asked.wait_for)?;
        let limit = if asked.wait_for == 0 { WAIT } else { WAIT_MAX };
        let event_id = read::new_event_id(&asked.event_id)?;
        let input = match event_in(&asked.change) {
            Some((id, _)) if id != event_id => {
                let what = "the id of the event that the change carries";
                return Err(Failure::field("event_id", what).into());
            }
            Some((_, event)) => v1::EventInput {
                body: event.body,
                occurred_at: event.occurred_at,
                empty_lists: event.empty_lists,
                ..v1::EventInput::default()
            },
            None => v1::EventInput::default(),
        };
        let body = input.body.as_ref();
        let event_type = body.and_then(concordat_codec::kinds::event_type);
        let emission = Emission {
            event_id,
            case: None,
            input,
            expected: None,
            wait_for: wait_until,
            wait_at_most: clocked::wait_at_most(&metadata, limit),
            validate_only: false,
            traceparent: None,
        };
        let receipt = self.node.record_change(emission, asked.change).await;
        let receipt =
            receipt.map_err(|error| from_emit(error, Place::of(event_type.as_deref())))?;
        Ok(Response::new(v1::RecordChangeResponse {
            receipt: Some(render::receipt(&receipt, false)),
        }))
    }
}

/// Whose record an event is: that of the body it was recorded for, if it was.
fn actor(event: &EventView) -> String {
    let read = event.event.as_ref();
    let body = read.and_then(|event| event.on_behalf_of.clone());
    body.unwrap_or_else(|| event.author.to_string())
}

fn organisation(entry: &Organisation) -> v1::Organisation {
    v1::Organisation {
        organisation: entry.id.to_string(),
        name: entry.name.clone(),
        kind: entry.kind.clone(),
        participation: entry.participation.clone(),
        proxy: entry
            .proxy
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default(),
        calendar: entry.calendar.clone(),
        responsible_person: entry.responsible_person.clone(),
        complaints_manager: entry.complaints_manager.clone(),
        contact: entry.contact.clone(),
        posts: entry.posts.clone(),
        commissioned_by: entry
            .commissioned_by
            .iter()
            .map(ToString::to_string)
            .collect(),
        retired_on: entry
            .retired_on
            .map(|on| on.to_string())
            .unwrap_or_default(),
    }
}

fn delegation(given: &Delegation) -> v1::DelegationEntry {
    v1::DelegationEntry {
        id: given.id.clone(),
        function: given.function.clone(),
        post: given.post.clone(),
        to_org: given.to_org.to_string(),
        first_day: given.from.to_string(),
        last_day: given.until.map(|last| last.to_string()).unwrap_or_default(),
        authorised_by: given.authorised_by.clone(),
    }
}

fn own_record(record: &OwnRecord) -> v1::OwnRecord {
    v1::OwnRecord {
        event_id: record.event_id.to_string(),
        occurred_at: record.event.occurred_at,
        recorded_at: record.event.recorded_at,
        body: record.event.body.clone(),
    }
}

fn body_deadline(owed: &BodyDeadline) -> v1::BodyDeadline {
    v1::BodyDeadline {
        name: owed.name.clone(),
        owner: owed.owed_by.to_string(),
        due_date: owed.due.to_string(),
        due_at: Some(render::instant(owed.due_instant)),
        state: owed.state.code().to_owned(),
        met_on: owed.met_on.map(|on| on.to_string()).unwrap_or_default(),
        met_by: owed
            .met_by
            .map(|event| event.to_string())
            .unwrap_or_default(),
        set_by: owed
            .set_by
            .map(|event| event.to_string())
            .unwrap_or_default(),
        source: owed.source.to_owned(),
        why: owed.why.clone(),
    }
}
