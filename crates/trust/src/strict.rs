//! Strict protobuf decoding, for all that is hashed or signed.
//!
//! An ordinary protobuf decoder accepts many encodings of one message: a scalar twice, fields out of order, unknown fields, long
//! varints, written-out defaults. Two readers that resolve those differently would read one signed header in two ways. So the
//! bytes must be exactly what encoding the decoded message gives. Limits are checked before decoding, so that a claimed length
//! never makes a reader allocate.

use prost::Message;

/// Why bytes are not the one encoding of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotStrict {
    /// Longer than this kind of message may be.
    #[error("longer than {limit} bytes")]
    TooLong {
        /// The limit in bytes.
        limit: usize,
    },
    /// Not protobuf of this message.
    #[error("does not decode")]
    Undecodable,
    /// Decodes, but is not the encoding that the format prescribes.
    #[error("is not the one encoding of its content")]
    NotCanonical,
}

/// Decodes `bytes` as `M`, which must be its one canonical encoding of at most `limit` bytes.
///
/// # Errors
/// [`NotStrict`]: the bytes count for nothing; there is no lenient reading to fall back on.
pub fn decode<M: Message + Default>(bytes: &[u8], limit: usize) -> Result<M, NotStrict> {
    if bytes.len() > limit {
        return Err(NotStrict::TooLong { limit });
    }
    let message = M::decode(bytes).map_err(|_| NotStrict::Undecodable)?;
    if message.encoded_len() != bytes.len() || message.encode_to_vec() != bytes {
        return Err(NotStrict::NotCanonical);
    }
    Ok(message)
}

#[cfg(test)]
mod tests {
    use concordat_proto::v1;
    use prost::Message as _;

    use super::*;

    fn header() -> v1::BundleHeader {
        v1::BundleHeader {
            format: 1,
            partnership: vec![7; 32],
            organisation: "ods:ZT1".to_owned(),
            seq: 300,
            seen: Some(v1::Seen {
                generation: 1,
                size: 0,
                root: vec![1; 32],
            }),
            ..v1::BundleHeader::default()
        }
    }

    fn check(bytes: &[u8], expected: NotStrict) {
        assert_eq!(decode::<v1::BundleHeader>(bytes, 4096), Err(expected));
        if expected == NotStrict::NotCanonical {
            assert!(
                v1::BundleHeader::decode(bytes).is_ok(),
                "an ordinary decoder accepts it: this is what strictness is for"
            );
        }
    }

    #[test]
    fn the_canonical_encoding_decodes() {
        assert_eq!(decode(&header().encode_to_vec(), 4096), Ok(header()));
    }

    #[test]
    fn a_duplicated_scalar_is_refused() {
        let bytes = [&[0x08, 0x02][..], &header().encode_to_vec()].concat();
        check(&bytes, NotStrict::NotCanonical);
    }

    #[test]
    fn an_unknown_field_is_refused() {
        let bytes = [&header().encode_to_vec()[..], &[0xf8, 0x07, 0x01]].concat();
        check(&bytes, NotStrict::NotCanonical);
    }

    #[test]
    fn a_long_varint_is_refused() {
        let mut bytes = header().encode_to_vec();
        assert_eq!(bytes[..2], [0x08, 0x01]);
        bytes.splice(1..2, [0x81, 0x00]);
        check(&bytes, NotStrict::NotCanonical);
    }

    #[test]
    fn fields_out_of_order_are_refused() {
        let bytes = header().encode_to_vec();
        let reordered = [&bytes[2..], &bytes[..2]].concat();
        check(&reordered, NotStrict::NotCanonical);
    }

    #[test]
    fn a_written_out_default_is_refused() {
        let bytes = [&header().encode_to_vec()[..], &[0x50, 0x00]].concat();
        check(&bytes, NotStrict::NotCanonical);
    }

    #[test]
    fn a_sub_message_in_two_pieces_is_refused() {
        let mut whole = header();
        whole.seen = None;
        let first = v1::BundleHeader {
            seen: Some(v1::Seen {
                generation: 1,
                ..v1::Seen::default()
            }),
            ..v1::BundleHeader::default()
        };
        let second = v1::BundleHeader {
            seen: Some(v1::Seen {
                root: vec![1; 32],
                ..v1::Seen::default()
            }),
            ..v1::BundleHeader::default()
        };
        let bytes = [
            whole.encode_to_vec(),
            first.encode_to_vec(),
            second.encode_to_vec(),
        ]
        .concat();
        check(&bytes, NotStrict::NotCanonical);
    }

    #[test]
    fn trailing_and_missing_bytes_are_refused() {
        let bytes = header().encode_to_vec();
        check(&[&bytes[..], &[0x00]].concat(), NotStrict::Undecodable);
        check(&bytes[..bytes.len() - 1], NotStrict::Undecodable);
    }

    #[test]
    fn a_message_above_its_limit_is_refused_before_decoding() {
        assert_eq!(
            decode::<v1::BundleHeader>(&[0xff; 11], 10),
            Err(NotStrict::TooLong { limit: 10 })
        );
    }
}
