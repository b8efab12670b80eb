//! Reading requests that are not gRPC: how long they may take, how large they may be, what they say.

use std::time::Duration;

use bytes::Bytes;
use concordat_proto::json;
use concordat_proto::v1::ErrorReason;
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use prost::Message;
use prost_reflect::MessageDescriptor;
use tonic::Code;
use tonic::body::Body;

use super::completed::too_large;
use crate::failure::Failure;
use crate::server::REQUEST_BYTES_MAX;

/// How long a body may take to arrive. Whoever sends 4 MiB over a slow line needs some seconds; whoever needs a minute holds a place.
const BODY_WITHIN: Duration = Duration::from_secs(60);
/// Most digits of a time allowed: gRPC has eight, Connect ten.
const TIME_DIGITS_MAX: usize = 10;

/// An answer, or why there is none.
pub(super) type Answered = Result<Response<Body>, tonic::Status>;

/// How long the caller gives the call: `grpc-timeout`, or `connect-timeout-ms`. None: as long as it takes.
///
/// # Errors
/// If it is no time: guessing would cut calls off or let them hang.
pub(super) fn time_allowed(headers: &HeaderMap) -> Result<Option<Duration>, Failure> {
    let text = |name| {
        headers
            .get(name)
            .map(|value| value.to_str().unwrap_or_default())
    };
    if let Some(given) = text("grpc-timeout") {
        return grpc_time(given).map(Some).ok_or_else(|| {
            Failure::field("grpc-timeout", "at most 8 digits and a unit, such as 500m")
        });
    }
    let Some(given) = text("connect-timeout-ms") else {
        return Ok(None);
    };
    number(given, TIME_DIGITS_MAX)
        .map(|millis| Some(Duration::from_millis(millis)))
        .ok_or_else(|| Failure::field("connect-timeout-ms", "at most 10 digits"))
}

/// The caller's time is over.
pub(super) fn out_of_time(within: Duration) -> Failure {
    Failure::new(
        Code::DeadlineExceeded,
        ErrorReason::DeadlineExceeded,
        "the call was not done within the time that the caller gave it",
    )
    .with("withinMillis", within.as_millis().to_string())
}

/// The whole body.
///
/// # Errors
/// If it is too large, too slow, or ends before its end.
pub(super) async fn body(request: Request<Body>) -> Result<Bytes, Failure> {
    let limited = Limited::new(request.into_body(), REQUEST_BYTES_MAX);
    match tokio::time::timeout(BODY_WITHIN, limited.collect()).await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large()),
        Ok(Err(_)) => Err(Failure::new(
            Code::InvalidArgument,
            ErrorReason::FieldInvalid,
            "the body of the request is damaged or was cut off",
        )),
        Err(_) => Err(out_of_time(BODY_WITHIN)),
    }
}

/// A request in JSON as the bytes of its message; read strictly.
///
/// # Errors
/// [`json::Error`] as an error of the contract, with its path.
pub(super) fn message_of_text(
    descriptor: &MessageDescriptor,
    body: &[u8],
) -> Result<Bytes, Failure> {
    let text = std::str::from_utf8(body)
        .map_err(|_| unreadable(json::Error::Syntax("not UTF-8".to_owned())))?;
    let message = json::dynamic_from_str(descriptor, text).map_err(unreadable)?;
    Ok(message.encode_to_vec().into())
}

/// What is wrong with a request in JSON.
pub(super) fn unreadable(error: json::Error) -> Failure {
    let (reason, path) = match &error {
        json::Error::Syntax(_) => (ErrorReason::FieldInvalid, None),
        json::Error::DuplicateKey(path) => (ErrorReason::FieldInvalid, Some(path.clone())),
        json::Error::UnknownField(path) => (ErrorReason::FieldUnknown, Some(path.clone())),
        // The reader repeats the value, in which a name may stand.
        json::Error::Invalid { path, .. } => {
            return Failure::field(path, "not a value of this field");
        }
    };
    let failure = Failure::new(Code::InvalidArgument, reason, error.to_string());
    match path {
        Some(path) => failure.and_field(&path, "not a field of this request, or given twice"),
        None => failure,
    }
}

fn grpc_time(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let value = number(digits, 8)?;
    Some(match unit {
        "H" => Duration::from_secs(value * 3600),
        "M" => Duration::from_secs(value * 60),
        "S" => Duration::from_secs(value),
        "m" => Duration::from_millis(value),
        "u" => Duration::from_micros(value),
        "n" => Duration::from_nanos(value),
        _ => return None,
    })
}

fn number(digits: &str, digits_max: usize) -> Option<u64> {
    let fits = !digits.is_empty() && digits.len() <= digits_max;
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
    (fits && plain).then(|| digits.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(name: &'static str, value: &str) -> Option<Option<Duration>> {
        let headers = [(name, value)].map(|(name, value)| {
            let name = http::HeaderName::from_static(name);
            (name, value.parse().expect("a header value"))
        });
        time_allowed(&headers.into_iter().collect()).ok()
    }

    #[test]
    fn time_allowed_is_read_as_grpc_and_connect_write_it() {
        let millis = |millis| Some(Some(Duration::from_millis(millis)));
        assert_eq!(allowed("grpc-timeout", "250m"), millis(250));
        assert_eq!(allowed("grpc-timeout", "2S"), millis(2000));
        assert_eq!(allowed("connect-timeout-ms", "1500"), millis(1500));
        assert_eq!(allowed("accept", "x"), Some(None));
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in ["", "m", "5", "-5m", "123456789m", "5x", "+5S", "1.5S"] {
            assert_eq!(allowed("grpc-timeout", text), None, "{text}");
        }
        for text in ["", "-1", "12345678901", "5s"] {
            assert_eq!(allowed("connect-timeout-ms", text), None, "{text}");
        }
    }
}
