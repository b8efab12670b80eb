//! Which node is called, as whom, and for how long at most.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use concordat_proto::v1::audit_pack_service_client::AuditPackServiceClient;
use concordat_proto::v1::audit_service_client::AuditServiceClient;
use concordat_proto::v1::case_service_client::CaseServiceClient;
use concordat_proto::v1::deadline_service_client::DeadlineServiceClient;
use concordat_proto::v1::directory_service_client::DirectoryServiceClient;
use concordat_proto::v1::event_service_client::EventServiceClient;
use concordat_proto::v1::feed_service_client::FeedServiceClient;
use concordat_proto::v1::report_service_client::ReportServiceClient;
use concordat_proto::v1::server_service_client::ServerServiceClient;
use jiff::SignedDuration;
use tonic::metadata::AsciiMetadataValue;
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Endpoint;
use tonic::{Request, Status};
use zeroize::Zeroizing;

use super::explain::{Explainer, TokenPlace};
use super::wire::Wire;
use crate::config::{Config, LISTEN};
use crate::exit::Failure;
use crate::profiles::{self, Profile};
use crate::token_file;

/// The token itself, where no option names a file. It is not an option: other users see those.
const TOKEN_VARIABLE: &str = "CONCORDAT_TOKEN";
/// A file with it, where neither says it: what the clients of the guides read.
const TOKEN_FILE_VARIABLE: &str = "CONCORDAT_TOKEN_FILE";
/// A node on this machine answers at once, or is not there.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// An answer with a case of many events is longer than the 4 MiB that tonic takes by default.
const ANSWER_BYTES_MAX: usize = 64 * 1024 * 1024;

/// How to reach the node.
#[derive(Debug, Args)]
#[command(next_help_heading = "Connection")]
pub(crate) struct Connection {
    /// Configuration of a node on this machine: gives address and token where nothing else does.
    #[arg(long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,
    /// Address of the node, such as http://127.0.0.1:7171, the default. Goes before what profile and configuration say.
    #[arg(long, value_name = "URL", env = "CONCORDAT_SERVER", global = true)]
    server: Option<String>,
    /// File with the API token, mode 0600. Goes before the variable CONCORDAT_TOKEN, that before CONCORDAT_TOKEN_FILE, that before profile
    /// and configuration.
    #[arg(long, value_name = "FILE", global = true)]
    token_file: Option<PathBuf>,
    /// How long one call may take.
    #[arg(long, value_name = "SPAN", default_value = "30s", value_parser = span, global = true)]
    timeout: Duration,
    /// Shows the first call that this command would make, the request as JSON and a line for a shell that makes the same call; calls
    /// nothing.
    #[arg(long, global = true)]
    explain: bool,
}

/// A span of time as people write it, such as `30s`.
fn span(text: &str) -> Result<Duration, String> {
    text.parse::<SignedDuration>()
        .ok()
        .and_then(|span| Duration::try_from(span).ok())
        .filter(|span| !span.is_zero())
        .ok_or_else(|| "expected a span of time such as 30s".to_owned())
}

impl Connection {
    /// A client for the node. Connects with the first call.
    ///
    /// # Errors
    /// [`Failure::Usage`] for an address to which the token must not be sent, and what reading the files gives.
    pub(crate) fn client(&self) -> Result<Client, Failure> {
        let config = match &self.config {
            Some(path) => Some(Config::read(path)?),
            None => None,
        };
        let profile = profiles::chosen(self.config.is_some());
        let server = self.server(profile, config.as_ref())?;
        let endpoint = Endpoint::from_shared(server.clone())
            .map_err(|_| Failure::Usage(format!("`{server}` is not an address")))?
            .connect_timeout(CONNECT_TIMEOUT);
        require_loopback(&server, endpoint.uri())?;
        let place = self.token_place(profile, config.as_ref());
        let (wire, token) = if self.explain {
            let explainer = Explainer {
                server,
                token: place,
            };
            (Wire::Explained(Box::new(explainer)), None)
        } else {
            // Inside the runtime, as tonic asks; connects when first used.
            (Wire::Node(endpoint.connect_lazy()), token(&place)?)
        };
        Ok(Client {
            wire,
            auth: Auth::new(token)?,
            timeout: self.timeout,
        })
    }

    fn server(
        &self,
        profile: Option<&Profile>,
        config: Option<&Config>,
    ) -> Result<String, Failure> {
        let of_profile = profile.and_then(|profile| profile.server.as_ref());
        match (self.server.as_ref().or(of_profile), config) {
            (Some(server), _) => Ok(server.clone()),
            (None, Some(config)) => config.server().ok_or_else(|| {
                Failure::Usage(
                    "the configuration lets the system choose the port at each start: say --server with the address of the ready line"
                        .to_owned(),
                )
            }),
            (None, None) => Ok(format!("http://{LISTEN}")),
        }
    }

    /// Where the token is: option, environment, profile, configuration, in this order.
    fn token_place(&self, profile: Option<&Profile>, config: Option<&Config>) -> TokenPlace {
        let of_profile = profile.and_then(|profile| profile.token_file.as_ref());
        if let Some(file) = &self.token_file {
            return TokenPlace::File(file.clone());
        }
        if std::env::var_os(TOKEN_VARIABLE).is_some() {
            return TokenPlace::Variable;
        }
        if let Some(file) = std::env::var_os(TOKEN_FILE_VARIABLE) {
            return TokenPlace::File(file.into());
        }
        match (of_profile, config) {
            (Some(file), _) => TokenPlace::File(file.clone()),
            (None, Some(config)) => TokenPlace::File(config.token_file.clone()),
            (None, None) => TokenPlace::Nowhere,
        }
    }
}

fn token(place: &TokenPlace) -> Result<Option<Zeroizing<String>>, Failure> {
    match place {
        TokenPlace::File(file) => token_file::read(file).map(Some),
        TokenPlace::Variable => Ok(std::env::var(TOKEN_VARIABLE).ok().map(Zeroizing::new)),
        TokenPlace::Nowhere => Ok(None),
    }
}

/// Whether a token may be sent to an address.
///
/// # Errors
/// [`Failure::Usage`] with what is wrong.
pub(crate) fn check_server(server: &str) -> Result<(), Failure> {
    let endpoint = Endpoint::from_shared(server.to_owned())
        .map_err(|_| Failure::Usage(format!("`{server}` is not an address")))?;
    require_loopback(server, endpoint.uri())
}

/// The token must not cross a network in clear, and a node of this release listens on loopback only.
fn require_loopback(server: &str, uri: &tonic::transport::Uri) -> Result<(), Failure> {
    let host = uri.host().unwrap_or_default();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let is_loopback = bare == "localhost"
        || bare
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback());
    if uri.scheme_str() == Some("http") && is_loopback {
        return Ok(());
    }
    Err(Failure::Usage(format!(
        "{server} is not an http:// address of this machine: this release speaks without TLS, on loopback only; forward a port for \
         another machine (ssh -L)"
    )))
}

/// One node, and who calls it.
#[derive(Clone)]
pub(crate) struct Client {
    wire: Wire,
    auth: Auth,
    timeout: Duration,
}

type Authenticated = InterceptedService<Wire, Auth>;

impl Client {
    /// A request with the time limit of a call. Streams take a plain one.
    pub(crate) fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        request.set_timeout(self.timeout);
        request
    }

    /// How long a call may take.
    pub(crate) fn timeout(&self) -> Duration {
        self.timeout
    }

    fn authenticated(&self) -> Authenticated {
        InterceptedService::new(self.wire.clone(), self.auth.clone())
    }

    /// Events and drafts.
    pub(crate) fn events(&self) -> EventServiceClient<Authenticated> {
        EventServiceClient::new(self.authenticated()).max_decoding_message_size(ANSWER_BYTES_MAX)
    }

    /// Cases.
    pub(crate) fn cases(&self) -> CaseServiceClient<Authenticated> {
        CaseServiceClient::new(self.authenticated()).max_decoding_message_size(ANSWER_BYTES_MAX)
    }

    /// What auditors ask.
    pub(crate) fn audit(&self) -> AuditServiceClient<Authenticated> {
        AuditServiceClient::new(self.authenticated()).max_decoding_message_size(ANSWER_BYTES_MAX)
    }

    /// Deadlines.
    pub(crate) fn deadlines(&self) -> DeadlineServiceClient<Authenticated> {
        DeadlineServiceClient::new(self.authenticated()).max_decoding_message_size(ANSWER_BYTES_MAX)
    }

    /// What is tied to no case.
    pub(crate) fn directory(&self) -> DirectoryServiceClient<Authenticated> {
        DirectoryServiceClient::new(self.authenticated())
            .max_decoding_message_size(ANSWER_BYTES_MAX)
    }

    /// Feeds.
    pub(crate) fn feeds(&self) -> FeedServiceClient<Authenticated> {
        FeedServiceClient::new(self.authenticated()).max_decoding_message_size(ANSWER_BYTES_MAX)
    }

    /// Audit packs.
    pub(crate) fn audit_packs(&self) -> AuditPackServiceClient<Authenticated> {
        AuditPackServiceClient::new(self.authenticated())
            .max_decoding_message_size(ANSWER_BYTES_MAX)
    }

    /// Reports.
    pub(crate) fn reports(&self) -> ReportServiceClient<Authenticated> {
        ReportServiceClient::new(self.authenticated()).max_decoding_message_size(ANSWER_BYTES_MAX)
    }

    /// The node itself.
    pub(crate) fn server(&self) -> ServerServiceClient<Authenticated> {
        ServerServiceClient::new(self.authenticated()).max_decoding_message_size(ANSWER_BYTES_MAX)
    }
}

/// Puts the token on each call. Without one the call goes out bare, and the node says what is missing.
#[derive(Clone)]
pub(crate) struct Auth(Option<AsciiMetadataValue>);

impl Auth {
    fn new(token: Option<Zeroizing<String>>) -> Result<Self, Failure> {
        let Some(token) = token else {
            return Ok(Self(None));
        };
        let mut value: AsciiMetadataValue = Zeroizing::new(format!("Bearer {}", *token))
            .parse()
            .context("the token is not of visible ASCII characters")?;
        value.set_sensitive(true);
        Ok(Self(Some(value)))
    }
}

impl Interceptor for Auth {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(token) = &self.0 {
            request
                .metadata_mut()
                .insert("authorization", token.clone());
        }
        Ok(request)
    }
}
