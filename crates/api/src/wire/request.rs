//! Reading requests that are not gRPC: how long they may take, how large they may be, what they say.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use concordat_proto::json;
use concordat_proto::v1::ErrorReason;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, EXPECT};
use http::{HeaderMap, Request, Response};
use http_body_util::BodyExt;
use prost::Message;
use prost_reflect::MessageDescriptor;
use serde_json::Value;
use tonic::Code;
use tonic::body::Body;

use super::completed::too_large;
use crate::failure::Failure;
use crate::server::REQUEST_BYTES_MAX;

/// How long a body may take to arrive. Whoever sends 4 MiB over a slow line needs some seconds; whoever needs a minute holds a place.
const BODY_WITHIN: Duration = Duration::from_secs(60);
/// Up to how much of a body that is too large is read to its end.
const DROPPED_BYTES_MAX: usize = 16 * REQUEST_BYTES_MAX;
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

/// That a body in JSON is compressed in a way that is read, if it is compressed.
///
/// # Errors
/// If it is not: named with what is.
pub(super) fn check_encoding(headers: &HeaderMap) -> Result<(), Failure> {
    let known = ["identity", "gzip", "zstd"];
    let mut given = headers.get_all(CONTENT_ENCODING).iter();
    let read = given.all(|given| {
        known
            .iter()
            .any(|known| given.as_bytes().eq_ignore_ascii_case(known.as_bytes()))
    });
    if read {
        return Ok(());
    }
    Err(Failure::new(
        Code::Unimplemented,
        ErrorReason::EncodingUnsupported,
        "the body is compressed in a way that this node does not read",
    )
    .with("supported", "gzip, zstd, identity"))
}

/// The whole body.
///
/// # Errors
/// If it is too large, too slow, or ends before its end.
pub(super) async fn body(request: Request<Body>) -> Result<Bytes, Failure> {
    let headers = request.headers();
    let length = headers.get(CONTENT_LENGTH).and_then(|length| {
        let length = length.to_str().ok()?;
        length.parse::<usize>().ok()
    });
    // Whoever asks before it sends is told before it does.
    if headers.contains_key(EXPECT) && length.is_some_and(|length| length > REQUEST_BYTES_MAX) {
        return Err(too_large());
    }
    tokio::time::timeout(BODY_WITHIN, collected(request.into_body()))
        .await
        .unwrap_or_else(|_| Err(out_of_time(BODY_WITHIN)))
}

/// The bytes of a body. One that is too large is read and dropped up to a limit: whoever sends all of it before it listens would never hear
/// the answer.
async fn collected(mut body: Body) -> Result<Bytes, Failure> {
    let (mut kept, mut seen) = (BytesMut::new(), 0_usize);
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| {
            Failure::new(
                Code::InvalidArgument,
                ErrorReason::FieldInvalid,
                "the body of the request is damaged or was cut off",
            )
        })?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        seen = seen.saturating_add(data.len());
        if seen <= REQUEST_BYTES_MAX {
            kept.extend_from_slice(&data);
        } else if seen > DROPPED_BYTES_MAX {
            break;
        }
    }
    if seen > REQUEST_BYTES_MAX {
        return Err(too_large());
    }
    Ok(kept.freeze())
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
    message_of_value(descriptor, &json::parse(text).map_err(unreadable)?)
}

/// The same of JSON that was parsed already. All that is wrong is told at once.
///
/// # Errors
/// As [`message_of_text`].
pub(super) fn message_of_value(
    descriptor: &MessageDescriptor,
    value: &Value,
) -> Result<Bytes, Failure> {
    json::dynamic_from_value(descriptor, value)
        .map(|message| message.encode_to_vec().into())
        .map_err(|first| {
            let mut faults = json::faults(descriptor, value).into_iter();
            // Fields that exclude each other are each well by themselves.
            let first = faults.next().unwrap_or(first);
            Failure::all(unreadable(first), faults.map(unreadable))
        })
}

/// What is wrong with a request in JSON.
pub(super) fn unreadable(error: json::Error) -> Failure {
    let text = error.to_string();
    match error {
        json::Error::Syntax(_) => {
            Failure::new(Code::InvalidArgument, ErrorReason::FieldInvalid, text)
        }
        json::Error::DuplicateKey(path) => {
            Failure::new(Code::InvalidArgument, ErrorReason::FieldInvalid, text)
                .and_field(&path, "given twice; decide which is meant")
        }
        json::Error::UnknownField(path) => {
            Failure::new(Code::InvalidArgument, ErrorReason::FieldUnknown, text).and_field(
                &path,
                "not a field of this request; correct the name or take it out",
            )
        }
        json::Error::Invalid { path, .. } if path.is_empty() => Failure::new(
            Code::InvalidArgument,
            ErrorReason::FieldInvalid,
            "the request must be a JSON object of fields, such as {}",
        ),
        // The reader repeats the value, in which a name may stand; what we expected does not.
        json::Error::Invalid { path, reason } if reason.starts_with("expected ") => {
            Failure::field(&path, reason)
        }
        json::Error::Invalid { path, .. } => Failure::field(
            &path,
            "not a value of this field, or one that another field excludes",
        ),
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
