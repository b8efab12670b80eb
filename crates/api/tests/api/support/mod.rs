//! Two organisations' nodes, the first of them served over gRPC, for the tests of this folder.
#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test file uses its own part of this"
)]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use concordat_api::{Server, ServerConfig, Token};
use concordat_codec::form;
use concordat_domain::directory::Directory;
use concordat_node::clock::MovableClock;
use concordat_node::sandbox::{self, Founding, Sandbox};
use concordat_proto::v1;
use concordat_proto::v1::audit_service_client::AuditServiceClient;
use concordat_proto::v1::case_service_client::CaseServiceClient;
use concordat_proto::v1::deadline_service_client::DeadlineServiceClient;
use concordat_proto::v1::event_service_client::EventServiceClient;
use concordat_proto::v1::feed_service_client::FeedServiceClient;
use concordat_proto::v1::report_service_client::ReportServiceClient;
use concordat_proto::v1::server_service_client::ServerServiceClient;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;
use tonic::{Request, Status};
use tonic_types::StatusExt;

pub const TRUST: &str = "ods:ZT1";
pub const COUNCIL: &str = "gss:E06999901";
pub const SECRET: &str = "a-token-of-thirty-two-characters";
/// Longest wait for something that must happen; reached only by a defect.
pub const PATIENCE: Duration = Duration::from_secs(30);

pub type Guarded = InterceptedService<Channel, fn(Request<()>) -> Result<Request<()>, Status>>;

pub struct Served {
    pub sandbox: Sandbox,
    pub address: SocketAddr,
    pub channel: Channel,
    pub stop: CancellationToken,
    pub serving: JoinSet<Result<(), concordat_api::Error>>,
    _directory: TempDir,
    next_id: u8,
}

impl Served {
    /// At nine in the morning of a Monday.
    pub async fn start() -> Self {
        let at = "2026-03-02T09:00:00Z".parse().expect("an instant");
        let clock = MovableClock::starting_at(at);
        let members = [(TRUST, "nhs-trust"), (COUNCIL, "council")]
            .map(|(code, kind)| sandbox::organisation(code, code, kind).expect("a code"));
        let codes: Vec<_> = members.iter().map(|member| member.id.clone()).collect();
        let founding = Founding::new("Two", &Directory::new(members, []), &codes).expect("founded");
        let directory = TempDir::new().expect("a directory");
        let sandbox =
            Sandbox::start_temporary(directory.path(), founding, clock).expect("nodes that run");
        let config = ServerConfig {
            listen: "127.0.0.1:0".parse().expect("an address"),
            token: Token::new(SECRET).expect("a token"),
            backdate_reason_after: Some(Duration::from_secs(30 * 24 * 3600)),
        };
        let server = Server::bind(config).await.expect("a free port");
        let address = server.local_addr();
        let stop = CancellationToken::new();
        let mut serving = JoinSet::new();
        serving.spawn(server.serve(
            Arc::clone(sandbox.node(TRUST).expect("it runs")),
            Arc::new(sandbox.clock().clone()),
            stop.clone(),
        ));
        let channel = Channel::from_shared(format!("http://{address}"))
            .expect("an address")
            .connect()
            .await
            .expect("a server");
        Self {
            sandbox,
            address,
            channel,
            stop,
            serving,
            _directory: directory,
            next_id: 0,
        }
    }

    pub fn guarded(&self) -> Guarded {
        InterceptedService::new(self.channel.clone(), with_token)
    }

    pub fn events(&self) -> EventServiceClient<Guarded> {
        EventServiceClient::new(self.guarded())
    }

    pub fn cases(&self) -> CaseServiceClient<Guarded> {
        CaseServiceClient::new(self.guarded())
    }

    pub fn audit(&self) -> AuditServiceClient<Guarded> {
        AuditServiceClient::new(self.guarded())
    }

    pub fn deadlines(&self) -> DeadlineServiceClient<Guarded> {
        DeadlineServiceClient::new(self.guarded())
    }

    pub fn feeds(&self) -> FeedServiceClient<Guarded> {
        FeedServiceClient::new(self.guarded())
    }

    pub fn reports(&self) -> ReportServiceClient<Guarded> {
        ReportServiceClient::new(self.guarded())
    }

    pub fn server(&self) -> ServerServiceClient<Guarded> {
        ServerServiceClient::new(self.guarded())
    }

    pub fn fresh_id(&mut self) -> String {
        self.next_id += 1;
        format!("00000000-0000-4000-8000-0000000000{:02x}", self.next_id)
    }

    /// Emits an event that must become effective.
    pub async fn emit(&mut self, case_id: &str, event_type: &str, fields: Value) -> v1::Receipt {
        let request = self.request(case_id, event_type, &fields);
        let answer = self.events().emit_event(request).await.expect(event_type);
        let receipt = answer.into_inner().receipt.expect("a receipt");
        assert!(receipt.ruling.as_ref().expect("it was ruled").effective);
        receipt
    }

    pub fn request(
        &mut self,
        case_id: &str,
        event_type: &str,
        fields: &Value,
    ) -> v1::EmitEventRequest {
        v1::EmitEventRequest {
            event_id: self.fresh_id(),
            case_id: case_id.to_owned(),
            event: Some(form::read(event_type, fields).expect("a well-formed event")),
            ..v1::EmitEventRequest::default()
        }
    }

    /// A complaint that this organisation has received, and of whose nearest deadline the enforcer has warned.
    pub async fn complaint(&mut self) -> v1::Receipt {
        let receipt = self.emit("", "complaint-received", complaint()).await;
        self.sandbox.settle().await.expect("at rest");
        receipt
    }
}

pub fn complaint() -> Value {
    json!({
        "policy": "eng-2009", "channel": "letter", "received_on": "2026-03-02", "screened_on": "2026-03-02", "nature": "complaint", "complainant_ref": "person-1",
        "anonymous": false, "subject_ref": "person-1", "protocol": "joint-example-v1", "services": ["acute"], "orgs_named": [TRUST, COUNCIL],
    })
}

pub fn acknowledgement() -> Value {
    json!({"method": "letter", "discussion_offered": true, "advocacy_signposted": true, "reassured_no_detriment": true})
}

fn with_token(mut request: Request<()>) -> Result<Request<()>, Status> {
    let header = format!("Bearer {SECRET}");
    let value = header.parse().map_err(|_| Status::internal("no header"))?;
    request.metadata_mut().insert("authorization", value);
    Ok(request)
}

/// Code, reason and named fields of an error.
pub fn told(status: &Status) -> (tonic::Code, String, Vec<String>) {
    let info = status.get_details_error_info().expect("one ErrorInfo");
    assert_eq!(info.domain, "concordat");
    let fields = status
        .get_details_bad_request()
        .map(|told| told.field_violations)
        .unwrap_or_default();
    let fields = fields.into_iter().map(|one| one.field);
    (status.code(), info.reason, fields.collect())
}
