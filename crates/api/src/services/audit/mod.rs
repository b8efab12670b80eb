//! `AuditService`: cases as they were, compared, replayed, verified and proven; and who looked.

mod access;
mod point;

use std::sync::Arc;

use concordat_domain::ids::CaseId;
use concordat_node::audit::Reader;
use concordat_proto::v1;
use concordat_proto::v1::audit_service_server::AuditService;
use tonic::{Request, Response, Status};

use super::Services;
use super::server::SUBJECT;
use crate::failure::{Failure, from_node};
use crate::{read, render};

#[tonic::async_trait]
impl AuditService for Services {
    async fn get_case_as_of(
        &self,
        request: Request<v1::GetCaseAsOfRequest>,
    ) -> Result<Response<v1::GetCaseAsOfResponse>, Status> {
        let asked = request.into_inner();
        let reader = reader(&asked.purpose, &asked.actor_id)?;
        let case = read::case_id(&asked.case_id, "case_id")?;
        let point = point::read(asked.known.as_ref(), asked.valid_at.as_ref(), "")?;
        let record = self.record(reader, "GetCaseAsOf", Some(case)).await?;
        let past = self.node.case_as_of(case, point).await;
        Ok(Response::new(render::past_case(
            record,
            &past.map_err(from_node)?,
        )))
    }

    async fn compare_case(
        &self,
        request: Request<v1::CompareCaseRequest>,
    ) -> Result<Response<v1::CompareCaseResponse>, Status> {
        let asked = request.into_inner();
        let reader = reader(&asked.purpose, &asked.actor_id)?;
        let case = read::case_id(&asked.case_id, "case_id")?;
        let (before, after) = (
            point::of(asked.before.as_ref(), "before.")?,
            point::of(asked.after.as_ref(), "after.")?,
        );
        let record = self.record(reader, "CompareCase", Some(case)).await?;
        let found = self.node.compare_case(case, before, after).await;
        let found = found.map_err(from_node)?;
        if found.before.point.position > found.after.point.position {
            return Err(Failure::field(
                "before",
                "it lies behind `after`; give the earlier point first",
            )
            .into());
        }
        Ok(Response::new(render::comparison(record, case, &found)))
    }

    async fn list_access_records(
        &self,
        request: Request<v1::ListAccessRecordsRequest>,
    ) -> Result<Response<v1::ListAccessRecordsResponse>, Status> {
        let answer = self.access_records(request.into_inner()).await?;
        Ok(Response::new(answer))
    }
}

/// Who asks, and what for.
fn reader(purpose: &str, actor_id: &str) -> Result<Reader, Failure> {
    if !concordat_codec::shape::is_code(purpose) {
        return Err(Failure::field(
            "purpose",
            "say what for, as a code such as complaint-review; it is recorded",
        ));
    }
    if !actor_id.is_empty() && !concordat_codec::shape::is_code(actor_id) {
        return Err(Failure::field(
            "actor_id",
            "a pseudonymous id: letters, digits and . _ : / + -",
        ));
    }
    Ok(Reader {
        who: match actor_id {
            "" => SUBJECT.to_owned(),
            actor => actor.to_owned(),
        },
        purpose: purpose.to_owned(),
    })
}

impl Services {
    /// Records that somebody is about to read, durably, and gives the record's id.
    async fn record(
        &self,
        reader: Reader,
        rpc: &'static str,
        case: Option<CaseId>,
    ) -> Result<String, Failure> {
        let node = Arc::clone(&self.node);
        let record = node.record_access(reader, rpc, case).await;
        Ok(record.map_err(from_node)?.to_string())
    }
}
