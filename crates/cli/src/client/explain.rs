//! `--explain`: what a command would call, shown instead of called. It teaches the contract with the tools people have.

use std::future::poll_fn;
use std::path::PathBuf;
use std::pin::Pin;

use concordat_proto::descriptor_pool;
use prost::bytes::{Buf, Bytes};
use prost_reflect::{DynamicMessage, MethodDescriptor, SerializeOptions};
use serde::Serialize;
use serde_json::Value;
use tonic::Status;
use tonic::codegen::{Body as _, StdError, http};

use crate::exit::Failure;
use crate::output::{self, Format, layout};

/// Marks the status by which a call ends that was only explained.
pub(super) const EXPLAINED: &str = "concordat-explained";
/// Before each message on a stream of gRPC: a flag of compression and four bytes of length.
const PREFIX_BYTES: usize = 5;

/// Where the token of the call comes from, as a shell reads it.
#[derive(Debug, Clone)]
pub(crate) enum TokenPlace {
    /// A file.
    File(PathBuf),
    /// The variable `CONCORDAT_TOKEN`.
    Variable,
    /// Nowhere: the call goes out bare.
    Nowhere,
}

/// Shows calls to one server instead of making them.
#[derive(Debug, Clone)]
pub(crate) struct Explainer {
    pub(super) server: String,
    pub(super) token: TokenPlace,
}

/// A call as programs read it.
#[derive(Debug, Serialize)]
struct Explained {
    /// Service and method, as on the wire.
    method: String,
    /// `unary`, `server-stream`, `client-stream` or `both-stream`.
    kind: &'static str,
    /// The request; for a stream of requests the first.
    request: Value,
    /// A line for a shell that makes the same call.
    command: String,
}

impl Explainer {
    /// Prints the call. Always an error: the one by which the command ends without an answer.
    pub(super) async fn explain(self, request: http::Request<tonic::body::Body>) -> StdError {
        match self.shown(request).await {
            Ok(()) => {
                let mut status = Status::cancelled("explained, not called");
                if let Ok(mark) = "1".parse() {
                    status.metadata_mut().insert(EXPLAINED, mark);
                }
                Box::new(status)
            }
            Err(error) => Box::new(Status::internal(format!(
                "the call cannot be shown: {error}"
            ))),
        }
    }

    async fn shown(&self, request: http::Request<tonic::body::Body>) -> Result<(), StdError> {
        let path = request.uri().path().trim_start_matches('/').to_owned();
        let method = method(&path).ok_or("the contract has no such method")?;
        let message = first_message(request.into_body()).await?;
        let message = DynamicMessage::decode(method.input(), message)?;
        let options = SerializeOptions::new().skip_default_fields(true);
        let json = message.serialize_with_options(serde_json::value::Serializer, &options)?;
        let explained = Explained {
            command: self.command(&path, &method, &json),
            method: path,
            kind: kind(&method),
            request: json,
        };
        print(&explained).map_err(|failure| failure.to_string())?;
        Ok(())
    }

    /// `curl` where there is one request and one answer, else `buf curl`, which speaks gRPC.
    fn command(&self, path: &str, method: &MethodDescriptor, request: &Value) -> String {
        let url = quoted(&format!("{}/{path}", self.server.trim_end_matches('/')));
        let data = quoted(&request.to_string());
        let token = match &self.token {
            TokenPlace::File(file) => {
                let file = quoted(&file.display().to_string());
                format!(" -H \"authorization: Bearer $(cat {file})\"")
            }
            TokenPlace::Variable => " -H \"authorization: Bearer $CONCORDAT_TOKEN\"".to_owned(),
            TokenPlace::Nowhere => String::new(),
        };
        if method.is_client_streaming() || method.is_server_streaming() {
            return format!(
                "buf curl --protocol grpc --http2-prior-knowledge{token} -d {data} {url}"
            );
        }
        format!("curl -sS -X POST -H 'content-type: application/json'{token} -d {data} {url}")
    }
}

fn print(explained: &Explained) -> Result<(), Failure> {
    match layout::format() {
        Format::Table => {
            output::line(&format!("{} ({})", explained.method, explained.kind))?;
            output::json(Format::Json, &explained.request)?;
            output::line(&explained.command)
        }
        format => output::json(format, explained),
    }
}

fn method(path: &str) -> Option<MethodDescriptor> {
    let (service, name) = path.split_once('/')?;
    let service = descriptor_pool().get_service_by_name(service)?;
    service.methods().find(|method| method.name() == name)
}

fn kind(method: &MethodDescriptor) -> &'static str {
    match (method.is_client_streaming(), method.is_server_streaming()) {
        (false, false) => "unary",
        (false, true) => "server-stream",
        (true, false) => "client-stream",
        (true, true) => "both-stream",
    }
}

/// The first message of a body; empty, if the stream of requests has none.
async fn first_message(mut body: tonic::body::Body) -> Result<Bytes, StdError> {
    let mut all = Vec::new();
    while let Some(frame) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
        if let Ok(mut data) = frame?.into_data() {
            all.extend_from_slice(&data.copy_to_bytes(data.remaining()));
        }
        if let Some((prefix, rest)) = all.split_first_chunk::<PREFIX_BYTES>() {
            let [_, length @ ..] = *prefix;
            let length = u32::from_be_bytes(length) as usize;
            if let Some(message) = rest.get(..length) {
                return Ok(Bytes::copy_from_slice(message));
            }
        }
    }
    Ok(Bytes::new())
}

/// A word for a POSIX shell: within single quotes nothing is special but the quote.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quote_within_a_word_stays_a_quote() {
        assert_eq!(quoted("it's"), r"'it'\''s'");
    }

    #[test]
    fn kinds_of_calls_are_told_apart() {
        let kind_of = |path| method(path).map(|method| kind(&method));
        assert_eq!(kind_of("concordat.v1.CaseService/ListCases"), Some("unary"));
        assert_eq!(
            kind_of("concordat.v1.FeedService/StreamFeed"),
            Some("server-stream")
        );
        assert_eq!(kind_of("concordat.v1.CaseService/Nothing"), None);
    }
}
