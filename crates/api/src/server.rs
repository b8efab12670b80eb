//! The server: where it listens, what it serves, how it ends.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use concordat_node::Node;
use concordat_node::clock::Clock;
use concordat_proto::FILE_DESCRIPTOR_SET;
use concordat_proto::v1::audit_pack_service_server::AuditPackServiceServer;
use concordat_proto::v1::audit_service_server::AuditServiceServer;
use concordat_proto::v1::case_service_server::CaseServiceServer;
use concordat_proto::v1::deadline_service_server::DeadlineServiceServer;
use concordat_proto::v1::directory_service_server::DirectoryServiceServer;
use concordat_proto::v1::event_service_server::EventServiceServer;
use concordat_proto::v1::feed_service_server::FeedServiceServer;
use concordat_proto::v1::report_service_server::ReportServiceServer;
use concordat_proto::v1::server_service_server::ServerServiceServer;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::codec::CompressionEncoding;
use tonic::service::Routes;
use tonic::service::interceptor::InterceptedService;
use tonic_health::ServingStatus;

use crate::access::{Guard, Token};
use crate::holders::Holders;
use crate::services::Services;
use crate::wire::{Wires, listen};

/// Largest request in bytes: what gRPC takes by default. Well above the largest event (256 KiB), so that whoever embeds a document is told
/// so with reason and field; what is larger still is refused unread. It bounds a compressed message as it comes and as it unfolds.
pub(crate) const REQUEST_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Where to listen, and who may call.
#[derive(Debug, Clone)]
pub struct ServerConfig {
    /// Address and port; port 0 takes a free one. In this release a loopback address: traffic is not encrypted.
    pub listen: SocketAddr,
    /// The token that callers send.
    pub token: Token,
    /// How long ago an event may have occurred before it must say why it is recorded so late; none: it never must.
    pub backdate_reason_after: Option<Duration>,
}

/// Why there is no server.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Plaintext leaves this machine under no circumstances. Listen on 127.0.0.1 or ::1.
    #[error(
        "{address} is no loopback address; this release serves in plaintext and listens on 127.0.0.1 or ::1 only"
    )]
    NotLoopback {
        /// The address asked for.
        address: SocketAddr,
    },
    /// The address cannot be had: another process has it, or it is not this machine's.
    #[error("cannot listen on {address}")]
    Bind {
        /// The address asked for.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// The token is too weak. Make one of at least that many characters, such as 64 hexadecimal digits.
    #[error("a token has at least {characters} characters, all visible ASCII")]
    Token {
        /// Fewest characters.
        characters: usize,
    },
    /// The descriptors of the contract are damaged; only a wrong build does that.
    #[error("the contract cannot be reflected")]
    Reflection(#[from] tonic_reflection::server::Error),
}

/// A server that listens and serves nobody yet.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    token: Token,
    backdate_reason_after: Option<Duration>,
}

impl Server {
    /// Takes the address, so that a port that is in use is noticed before a node is started.
    ///
    /// # Errors
    /// [`Error::NotLoopback`], [`Error::Bind`].
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub async fn bind(config: ServerConfig) -> Result<Self, Error> {
        let address = config.listen;
        if !address.ip().is_loopback() {
            return Err(Error::NotLoopback { address });
        }
        let failed = |source| Error::Bind { address, source };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        Ok(Self {
            address: listener.local_addr().map_err(failed)?,
            listener,
            token: config.token,
            backdate_reason_after: config.backdate_reason_after,
        })
    }

    /// Where it listens, with the port that it was given.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Serves all wires (`wire.rs`) until `stop` is cancelled: then streams are closed with a word of it, calls under way end, and after
    /// five seconds are cut off. Does not stop the node.
    ///
    /// Health and reflection answer without a token: probes have none, and the contract is public.
    ///
    /// # Errors
    /// [`Error::Reflection`].
    pub async fn serve(
        self,
        node: Arc<Node>,
        clock: Arc<dyn Clock>,
        stop: CancellationToken,
    ) -> Result<(), Error> {
        let applied = node.progress();
        let services = Services {
            node,
            clock,
            holders: Holders::default(),
            stop: stop.clone(),
            backdate_reason_after: self.backdate_reason_after,
        };
        let (reporter, health) = tonic_health::server::health_reporter();
        reporter
            .set_service_status("", ServingStatus::Serving)
            .await;
        let guard = Guard(self.token);
        macro_rules! guarded {
            ($service:ident) => {
                InterceptedService::new(
                    $service::new(services.clone())
                        .max_decoding_message_size(REQUEST_BYTES_MAX)
                        .accept_compressed(CompressionEncoding::Gzip)
                        .accept_compressed(CompressionEncoding::Zstd)
                        .send_compressed(CompressionEncoding::Gzip)
                        .send_compressed(CompressionEncoding::Zstd),
                    guard.clone(),
                )
            };
        }
        let routes = Routes::default()
            .add_service(health)
            .add_service(reflection().build_v1()?)
            .add_service(reflection().build_v1alpha()?)
            .add_service(guarded!(EventServiceServer))
            .add_service(guarded!(AuditPackServiceServer))
            .add_service(guarded!(AuditServiceServer))
            .add_service(guarded!(CaseServiceServer))
            .add_service(guarded!(DeadlineServiceServer))
            .add_service(guarded!(DirectoryServiceServer))
            .add_service(guarded!(FeedServiceServer))
            .add_service(guarded!(ReportServiceServer))
            .add_service(guarded!(ServerServiceServer));
        listen(self.listener, Wires::new(routes, applied), stop).await;
        Ok(())
    }
}

/// The contract and the health service, for clients that make their stubs at run time. grpcio asks v1alpha, buf asks v1.
fn reflection() -> tonic_reflection::server::Builder<'static> {
    tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(FILE_DESCRIPTOR_SET)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
}
