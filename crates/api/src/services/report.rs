//! `ReportService`: reports, computed from what this organisation could read at a position.

use std::pin::Pin;

use concordat_codec::{fields, time};
use concordat_domain::calendar::local_date;
use concordat_domain::ids::CaseId;
use concordat_domain::reports::{
    self, Access, Compiler, Kind, Note, Parameter, Parameters, Report,
};
use concordat_node::audit::AccessQuery;
use concordat_node::{OwnRecord, Upto};
use concordat_proto::v1;
use concordat_proto::v1::report_service_server::ReportService;
use futures::{Stream, stream};
use jiff::Timestamp;
use jiff::civil::Date;
use tonic::{Request, Response, Status};

use super::Services;
use crate::failure::{Failure, from_node};
use crate::{read, render};

/// Looks at a case read in one go.
const LOOKS_AT_ONCE: usize = 500;
/// Cases folded in one go. Between two such calls the node does what others want of it.
const CASES_AT_ONCE: usize = 16;

type Pieces = Pin<Box<dyn Stream<Item = Result<v1::RunReportResponse, Status>> + Send>>;

#[tonic::async_trait]
impl ReportService for Services {
    type RunReportStream = Pieces;

    async fn list_reports(
        &self,
        _: Request<v1::ListReportsRequest>,
    ) -> Result<Response<v1::ListReportsResponse>, Status> {
        Ok(Response::new(v1::ListReportsResponse {
            reports: Kind::ALL.iter().map(|kind| report_type(*kind)).collect(),
        }))
    }

    async fn run_report(
        &self,
        request: Request<v1::RunReportRequest>,
    ) -> Result<Response<Pieces>, Status> {
        let asked = request.into_inner();
        let report = self.report(&asked).await?;
        let pieces = render::report(report).map(Ok);
        Ok(Response::new(Box::pin(stream::iter(pieces))))
    }
}

impl Services {
    /// The report asked for. All of it is computed before the first piece goes out, so that whatever is wrong is an error and not half an
    /// answer; it holds figures, or a row for each case at most.
    async fn report(&self, asked: &v1::RunReportRequest) -> Result<Report, Failure> {
        let kind: Kind = asked
            .report
            .parse()
            .map_err(|_| Failure::field("report", "a report that ListReports lists"))?;
        let parameters = parameters(asked)?;
        let upto = Upto {
            position: read::position(&asked.at_position, "at_position")?,
            at: read::instant(asked.at.as_ref(), "at")?,
        };
        let stand = self.node.stand(upto).await.map_err(from_node)?;
        let (position, at) = (stand.position, stand.at);
        let mut compiler = Compiler::new(kind, &parameters, stand).map_err(refused)?;
        let needs = compiler.needs();
        let rulebook = self.node.rulebook(position).await.map_err(from_node)?;
        if matches!(kind, Kind::FeedbackLine | Kind::CaseFile) {
            for record in self.node.own_records().await.map_err(from_node)? {
                own_record(&mut compiler, &record, at);
            }
        }
        if let (Kind::CaseFile, Some(case)) = (kind, compiler.case()) {
            self.hear_of_looks(&mut compiler, case, at).await?;
        }
        if let Some(case) = compiler.case() {
            let history = self.node.history(case, position, needs).await;
            compiler.take(&history.map_err(from_node)?, &rulebook.rules());
            return Ok(compiler.finish(&rulebook.rules()));
        }
        let mut after = None;
        loop {
            let some = self
                .node
                .histories_after(after, position, needs, CASES_AT_ONCE);
            let some = some.await.map_err(from_node)?;
            for history in &some.histories {
                compiler.take(history, &rulebook.rules());
            }
            if some.last.is_none() {
                return Ok(compiler.finish(&rulebook.rules()));
            }
            after = some.last;
        }
    }
}

impl Services {
    /// Gives a case file the looks at its case through the audit service, up to the instant at which it stands.
    async fn hear_of_looks(
        &self,
        compiler: &mut Compiler,
        case: CaseId,
        at: Timestamp,
    ) -> Result<(), Failure> {
        let mut query = AccessQuery {
            case: Some(case),
            max: LOOKS_AT_ONCE,
            ..AccessQuery::default()
        };
        loop {
            let page = self.node.access_records(query.clone()).await;
            let page = page.map_err(from_node)?;
            let of_service = page.records.iter().filter(|record| !record.rpc.is_empty());
            for record in of_service.filter(|record| record.at <= at) {
                compiler.see(&Access {
                    who: record.who.clone(),
                    case,
                    purpose: record.purpose.clone(),
                    on: local_date(record.at),
                    event: record.id,
                });
            }
            query.after = page.scanned_to;
            if query.after.is_none() {
                return Ok(());
            }
        }
    }
}

/// Gives a report what this organisation recorded for itself alone, up to the instant at which it stands: feedback, and looks at cases.
fn own_record(compiler: &mut Compiler, record: &OwnRecord, at: Timestamp) {
    let event = &record.event;
    let recorded = event.recorded_at.as_ref().and_then(time::from_wire);
    let Some(recorded) = recorded.filter(|recorded| *recorded <= at) else {
        return;
    };
    let Some(extract) = event
        .body
        .as_ref()
        .and_then(|body| fields::extract(body, &[]))
    else {
        return;
    };
    let fields = &extract.fields;
    let text = |name: &str| fields.text(name).unwrap_or_default().to_owned();
    match extract.event_type.as_str() {
        "feedback-logged" => compiler.hear(&Note {
            kind: text("kind"),
            service: text("service"),
            received_on: fields
                .date("received_on")
                .unwrap_or_else(|| local_date(recorded)),
            told_may_complain: fields.flag("told_may_complain") == Some(true),
        }),
        "access-logged" => {
            if let Ok(case) = text("case").parse() {
                compiler.see(&Access {
                    who: text("who"),
                    case,
                    purpose: text("purpose"),
                    on: local_date(recorded),
                    event: record.event_id,
                });
            }
        }
        _ => {}
    }
}

fn parameters(asked: &v1::RunReportRequest) -> Result<Parameters, Failure> {
    Ok(Parameters {
        from: read::optional(&asked.from, "from", day)?,
        to: read::optional(&asked.to, "to", day)?,
        organisation: read::optional(&asked.organisation, "organisation", read::organisation)?,
        case: read::optional(&asked.case_id, "case_id", read::case_id)?,
        person: Some(asked.person_ref.clone()).filter(|person| !person.is_empty()),
        suppress: asked.suppress,
    })
}

fn day(text: &str, field: &str) -> Result<Date, Failure> {
    text.parse()
        .map_err(|_| Failure::field(field, "expected a day, YYYY-MM-DD"))
}

/// Which field of the request a parameter is.
fn field(parameter: &str) -> &str {
    match parameter {
        "case" => "case_id",
        "person" => "person_ref",
        other => other,
    }
}

fn refused(error: reports::Error) -> Failure {
    let text = error.to_string();
    match error {
        reports::Error::Missing(parameter) | reports::Error::Unwanted(parameter) => {
            Failure::field(field(parameter), text)
        }
        reports::Error::Period { .. } => Failure::field("to", text),
    }
}

fn report_type(kind: Kind) -> v1::ReportType {
    let parameter = |name: &str, required: bool, meaning: String| v1::ReportParameterType {
        name: name.to_owned(),
        required,
        meaning,
    };
    let parameters = kind.parameters().iter().flat_map(|one| match one {
        Parameter::Period(span) => vec![
            parameter(
                "from",
                false,
                format!("first day; if neither end is given, {}", span.meaning()),
            ),
            parameter(
                "to",
                false,
                "last day; today, if only the first is given".to_owned(),
            ),
        ],
        Parameter::Organisation => vec![parameter(
            "organisation",
            false,
            "the organisation that it is about; this node's own, if none is given".to_owned(),
        )],
        Parameter::AnyOrganisation => vec![parameter(
            "organisation",
            false,
            "the organisation that it is about; all, if none is given".to_owned(),
        )],
        Parameter::Case => vec![parameter("case_id", true, "the case".to_owned())],
        Parameter::Person => vec![parameter(
            "person_ref",
            true,
            "the person, by the pseudonym used in cases".to_owned(),
        )],
    });
    v1::ReportType {
        report: kind.id().to_owned(),
        title: kind.title().to_owned(),
        meaning: kind.meaning().to_owned(),
        source: kind.source().to_owned(),
        parameters: parameters.collect(),
        public: kind.is_public(),
    }
}
