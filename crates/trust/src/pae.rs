//! The pre-authentication encoding of DSSE: what is hashed and signed is always (type, body), never the body alone.
//!
//! Source: DSSE protocol, "PAE(type, body) = "DSSEv1" + SP + LEN(type) + SP + type + SP + LEN(body) + SP + body", lengths in bytes,
//! ASCII decimal without leading zeros.

/// What a signed or hashed body is. The type is inside the signed bytes, so a signature for one kind never fits another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PayloadType {
    /// A `BundleHeader`: signed and hashed.
    BundleHeader,
    /// An `EnvelopeHeader`: hashed only; the bundle header covers it.
    EnvelopeHeader,
    /// A `PartnershipChange`: signed by a threshold of organisations.
    PartnershipChange,
    /// The manifest of an audit pack: signed by the organisation that exported it.
    AuditPackManifest,
    /// The report of a conformance kit, as JSON: signed by whoever ran it.
    ConformanceReport,
    /// The text of a statement on a feed: signed by the organisation whose feed it is.
    FeedStatement,
}

impl PayloadType {
    /// The type as it stands in the encoding.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BundleHeader => "application/vnd.concordat.bundle-header.v1+protobuf",
            Self::EnvelopeHeader => "application/vnd.concordat.envelope-header.v1+protobuf",
            Self::PartnershipChange => "application/vnd.concordat.partnership-change.v1+protobuf",
            Self::AuditPackManifest => "application/vnd.concordat.audit-pack-manifest.v1+json",
            Self::ConformanceReport => "application/vnd.concordat.conformance-report.v1+json",
            Self::FeedStatement => "application/vnd.concordat.feed-statement.v1+text",
        }
    }
}

/// The bytes that are hashed and signed for `body`.
pub fn pae(payload_type: PayloadType, body: &[u8]) -> Vec<u8> {
    let payload_type = payload_type.as_str();
    let mut encoded = format!(
        "DSSEv1 {} {payload_type} {} ",
        payload_type.len(),
        body.len()
    )
    .into_bytes();
    encoded.extend_from_slice(body);
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_encoding_carries_type_and_lengths() {
        let encoded = pae(PayloadType::BundleHeader, b"hello world");
        let expected =
            b"DSSEv1 51 application/vnd.concordat.bundle-header.v1+protobuf 11 hello world";
        assert_eq!(encoded, expected);
    }

    #[test]
    fn the_same_body_under_another_type_is_other_bytes() {
        assert_ne!(
            pae(PayloadType::BundleHeader, b"x"),
            pae(PayloadType::EnvelopeHeader, b"x")
        );
    }
}
