//! Answers in JSON: messages, and errors as Connect writes them (<https://connectrpc.com/docs/protocol/#error-end-stream>).

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD_NO_PAD;
use bytes::Bytes;
use concordat_proto::json;
use concordat_proto::reasons::code_name;
use http::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, Response, StatusCode};
use http_body_util::Full;
use prost::Message;
use prost_reflect::{DynamicMessage, MessageDescriptor};
use serde_json::{Value, json};
use tonic::body::Body;
use tonic::{Code, Status};
use tonic_types::{StatusExt, pb};

use super::contract;

/// What stands before the name of a message in an `Any`.
const TYPE_URL: &str = "type.googleapis.com/";

/// A body of one media type.
pub(super) fn with_body(
    status: StatusCode,
    media_type: &'static str,
    headers: HeaderMap,
    body: impl Into<Bytes>,
) -> Response<Body> {
    let mut response = Response::new(Body::new(Full::new(body.into())));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    response
}

/// Bytes of a message as its JSON.
///
/// # Errors
/// If the node answered what its contract does not know: a defect.
pub(super) fn to_json(descriptor: &MessageDescriptor, bytes: Bytes) -> Result<Value, Status> {
    let message = DynamicMessage::decode(descriptor.clone(), bytes)
        .map_err(|_| Status::internal("the answer cannot be read"))?;
    json::dynamic_to_value(&message)
        .map_err(|_| Status::internal("the answer cannot be written as JSON"))
}

/// An error on the wire that was asked on.
pub(super) fn failed(error: impl Into<Status>, is_grpc: bool) -> Response<Body> {
    let status = error.into();
    if is_grpc {
        return status.into_http();
    }
    let mut headers = HeaderMap::new();
    if status.code() == Code::Unauthenticated {
        headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    if let Some(pause) = retry_after(&status) {
        headers.insert(RETRY_AFTER, HeaderValue::from(pause));
    }
    let body = error_value(&status).to_string();
    with_body(http_status(&status), "application/json", headers, body)
}

/// The error as a JSON object: code, text and details. Each detail has its bytes for programs, and in `debug` the same for people. Fields have
/// the names that they have in JSON, as `google.rpc.BadRequest` asks.
pub(super) fn error_value(status: &Status) -> Value {
    let mut details = tonic_types::Status::decode(status.details()).unwrap_or_default();
    let mut message = status.message().to_owned();
    for detail in &mut details.details {
        if detail.type_url.ends_with("/google.rpc.BadRequest") {
            let mut told = pb::BadRequest::decode(&*detail.value).unwrap_or_default();
            for violation in &mut told.field_violations {
                let named = lower_camel(&violation.field);
                message = message.replace(&format!("`{}`", violation.field), &format!("`{named}`"));
                violation.field = named;
            }
            detail.value = told.encode_to_vec();
        }
        if detail.type_url.ends_with("/google.rpc.ErrorInfo") {
            let mut told = pb::ErrorInfo::decode(&*detail.value).unwrap_or_default();
            if let Some(field) = told.metadata.get_mut("field") {
                *field = lower_camel(field);
            }
            detail.value = told.encode_to_vec();
        }
    }
    let details = details.details.iter().map(|detail| {
        let name = detail.type_url.trim_start_matches(TYPE_URL);
        let shown = contract::pool()
            .get_message_by_name(name)
            .and_then(|descriptor| DynamicMessage::decode(descriptor, &*detail.value).ok())
            .and_then(|message| json::dynamic_to_value(&message).ok());
        let mut object =
            json!({"type": name, "value": BASE64_STANDARD_NO_PAD.encode(&detail.value)});
        if let Some(shown) = shown {
            object["debug"] = shown;
        }
        object
    });
    json!({
        "code": code_name(status.code()).to_ascii_lowercase(),
        "message": message,
        "details": details.collect::<Vec<_>>(),
    })
}

/// `event.body.consent_granted.orgs[0]` as JSON names it: `event.body.consentGranted.orgs[0]`.
fn lower_camel(path: &str) -> String {
    let mut named = String::with_capacity(path.len());
    let mut is_first_of_word = false;
    for letter in path.chars() {
        match letter {
            '_' => is_first_of_word = true,
            letter if is_first_of_word => {
                named.push(letter.to_ascii_uppercase());
                is_first_of_word = false;
            }
            letter => named.push(letter),
        }
    }
    named
}

/// Whole seconds until a further try makes sense.
fn retry_after(status: &Status) -> Option<u64> {
    let pause = status.get_details_retry_info()?.retry_delay?;
    Some(pause.as_secs() + u64::from(pause.subsec_nanos() > 0))
}

/// HTTP status of a code, as Connect has it; what is not there at all is 404.
fn http_status(status: &Status) -> StatusCode {
    match status.code() {
        Code::Ok => StatusCode::OK,
        Code::Cancelled => StatusCode::from_u16(499).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
        Code::InvalidArgument | Code::FailedPrecondition | Code::OutOfRange => {
            StatusCode::BAD_REQUEST
        }
        Code::DeadlineExceeded => StatusCode::GATEWAY_TIMEOUT,
        Code::NotFound => StatusCode::NOT_FOUND,
        Code::AlreadyExists | Code::Aborted => StatusCode::CONFLICT,
        Code::PermissionDenied => StatusCode::FORBIDDEN,
        Code::Unauthenticated => StatusCode::UNAUTHORIZED,
        Code::ResourceExhausted => StatusCode::TOO_MANY_REQUESTS,
        Code::Unimplemented => unimplemented(status),
        Code::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        Code::Unknown | Code::Internal | Code::DataLoss => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// What is not there differs from what is asked for in another way: 404, 405 and 415 are what HTTP clients understand.
fn unimplemented(status: &Status) -> StatusCode {
    let info = status.get_details_error_info();
    let told = info.as_ref().map(|info| info.reason.as_str());
    match told {
        Some("METHOD_UNKNOWN")
            if info
                .as_ref()
                .is_some_and(|info| info.metadata.contains_key("allow")) =>
        {
            StatusCode::METHOD_NOT_ALLOWED
        }
        Some("METHOD_UNKNOWN") => StatusCode::NOT_FOUND,
        Some("ENCODING_UNSUPPORTED") => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        _ => StatusCode::NOT_IMPLEMENTED,
    }
}
