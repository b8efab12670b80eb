//! Refuses what the contract does not know. A field that a node silently dropped would be lost for ever, since the event
//! is signed without it; so requests with unknown fields are refused with the field's path. Answers are read leniently:
//! an older client must understand a newer node.

use std::{collections::HashMap, marker::PhantomData};

use prost::{
    DecodeError, Message, Name,
    bytes::Buf,
    encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field},
};
use prost_reflect::{Kind, MessageDescriptor};
use tonic::{
    Status,
    codec::{BufferSettings, Codec, DecodeBuf, Decoder},
};
use tonic_prost::{ProstCodec, ProstEncoder};
use tonic_types::{ErrorDetails, StatusExt};

use crate::{descriptor, reasons};

/// Domain of every `google.rpc.ErrorInfo` of concordat.
pub const ERROR_DOMAIN: &str = "concordat";

/// Messages nested deeper than this are refused, as prost itself does.
const DEPTH_MAX: usize = 100;

/// Path of the first field in `bytes` that `message` does not know, such as `event.body.consent_granted.#99`.
///
/// # Errors
///
/// If the bytes are not a protobuf message, or one nested too deeply.
pub fn first_unknown_field(
    message: &MessageDescriptor,
    bytes: &[u8],
) -> Result<Option<String>, DecodeError> {
    scan(message, bytes, DEPTH_MAX).map(|found| {
        found.map(|mut path| {
            path.reverse();
            path.join(".")
        })
    })
}

/// The path is returned innermost first.
fn scan(
    message: &MessageDescriptor,
    mut bytes: &[u8],
    depth: usize,
) -> Result<Option<Vec<String>>, DecodeError> {
    while bytes.has_remaining() {
        let (number, wire_type) = decode_key(&mut bytes)?;
        let Some(field) = message.get_field(number) else {
            return Ok(Some(vec![format!("#{number}")]));
        };
        match (field.kind(), wire_type) {
            (Kind::Message(inner), WireType::LengthDelimited) => {
                let content = take(&mut bytes)?;
                if depth == 0 {
                    return Err(malformed());
                }
                if let Some(mut path) = scan(&inner, content, depth - 1)? {
                    path.push(field.name().to_owned());
                    return Ok(Some(path));
                }
            }
            _ => skip_field(wire_type, number, &mut bytes, DecodeContext::default())?,
        }
    }
    Ok(None)
}

fn take<'a>(bytes: &mut &'a [u8]) -> Result<&'a [u8], DecodeError> {
    let length = usize::try_from(decode_varint(bytes)?).map_err(|_| malformed())?;
    let (content, rest) = bytes.split_at_checked(length).ok_or_else(malformed)?;
    *bytes = rest;
    Ok(content)
}

/// prost has no public constructor for its error; decoding a cut-off message gives the one that fits.
fn malformed() -> DecodeError {
    decode_varint(&mut [0x80_u8].as_slice()).expect_err("an unfinished varint cannot be decoded")
}

/// The codec of the generated services: requests are read strictly, everything else as prost does.
#[derive(Debug, Clone)]
pub struct StrictCodec<T, U>(PhantomData<(T, U)>);

impl<T, U> Default for StrictCodec<T, U> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<T, U> Codec for StrictCodec<T, U>
where
    T: Message + Send + 'static,
    U: Message + Name + Default + Send + 'static,
{
    type Encode = T;
    type Decode = U;
    type Encoder = ProstEncoder<T>;
    type Decoder = StrictDecoder<U>;

    fn encoder(&mut self) -> Self::Encoder {
        ProstCodec::<T, U>::raw_encoder(BufferSettings::default())
    }

    fn decoder(&mut self) -> Self::Decoder {
        StrictDecoder(PhantomData)
    }
}

/// Reads one message; a request with an unknown field is an error.
#[derive(Debug, Clone)]
pub struct StrictDecoder<U>(PhantomData<U>);

impl<U: Message + Name + Default> Decoder for StrictDecoder<U> {
    type Item = U;
    type Error = Status;

    fn decode(&mut self, source: &mut DecodeBuf<'_>) -> Result<Option<U>, Status> {
        let bytes = source.copy_to_bytes(source.remaining());
        // Both ends of a call use this codec; only the server reads messages named so.
        if U::NAME.ends_with("Request") {
            refuse_unknown(&descriptor::of::<U>(), &bytes)?;
        }
        U::decode(bytes)
            .map(Some)
            .map_err(|error| invalid("FIELD_INVALID", "", &format!("not a {}: {error}", U::NAME)))
    }
}

fn refuse_unknown(message: &MessageDescriptor, bytes: &[u8]) -> Result<(), Status> {
    match first_unknown_field(message, bytes) {
        Ok(None) => Ok(()),
        Ok(Some(path)) => Err(invalid(
            "FIELD_UNKNOWN",
            &path,
            &format!("unknown field `{path}`"),
        )),
        Err(error) => Err(invalid(
            "FIELD_INVALID",
            "",
            &format!("not a {}: {error}", message.name()),
        )),
    }
}

fn invalid(reason: &str, field: &str, text: &str) -> Status {
    let mut details = ErrorDetails::new();
    // Bytes that are no message at all have no field to name.
    let named = (!field.is_empty()).then(|| ("field".to_owned(), field.to_owned()));
    details.set_error_info(
        reason,
        ERROR_DOMAIN,
        named.into_iter().collect::<HashMap<_, _>>(),
    );
    if let Some(meaning) = reasons::by_name(reason) {
        details.add_help_link(reasons::HELP, meaning.help());
    }
    if !field.is_empty() {
        details.add_bad_request_violation(field, text);
    }
    Status::with_error_details(tonic::Code::InvalidArgument, text, details)
}

#[cfg(test)]
mod tests {
    use prost::Message;

    use super::{first_unknown_field, refuse_unknown};
    use crate::{
        descriptor::of,
        v1::{ConsentLapsed, EmitEventRequest, EventBody, EventInput, event_body::Kind},
    };

    fn request_with(extra: &[u8]) -> Vec<u8> {
        // The extra bytes go inside the innermost message, as a newer client's would.
        let mut lapsed = ConsentLapsed {
            attempts: Some(1),
            last_attempt_on: None,
        }
        .encode_to_vec();
        lapsed.extend_from_slice(extra);
        let wrap = |number: u32, content: &[u8]| {
            let mut bytes = Vec::new();
            prost::encoding::bytes::encode(number, &content.to_vec(), &mut bytes);
            bytes
        };
        wrap(3, &wrap(1, &wrap(43, &lapsed)))
    }

    #[test]
    fn known_fields_pass() {
        let body = EventBody {
            kind: Some(Kind::ConsentLapsed(ConsentLapsed {
                attempts: Some(1),
                last_attempt_on: None,
            })),
        };
        let request = EmitEventRequest {
            event: Some(EventInput {
                body: Some(body),
                ..EventInput::default()
            }),
            ..EmitEventRequest::default()
        };
        assert_eq!(request.encode_to_vec(), request_with(&[]));
        assert_eq!(
            first_unknown_field(&of::<EmitEventRequest>(), &request.encode_to_vec()).unwrap(),
            None
        );
    }

    #[test]
    fn unknown_field_is_named_with_its_path() {
        // Field 99, varint 1.
        let bytes = request_with(&[0x98, 0x06, 0x01]);
        let path = first_unknown_field(&of::<EmitEventRequest>(), &bytes).unwrap();
        assert_eq!(path.as_deref(), Some("event.body.consent_lapsed.#99"));
        let status = refuse_unknown(&of::<EmitEventRequest>(), &bytes).unwrap_err();
        assert_eq!(status.code(), tonic::Code::InvalidArgument);
        assert_eq!(
            status.message(),
            "unknown field `event.body.consent_lapsed.#99`"
        );
    }

    #[test]
    fn truncated_bytes_are_an_error() {
        let mut bytes = request_with(&[]);
        bytes.pop();
        assert!(first_unknown_field(&of::<EmitEventRequest>(), &bytes).is_err());
    }
}
