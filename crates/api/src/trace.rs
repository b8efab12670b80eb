//! The trace context of a call (W3C Trace Context, section 3.2), which travels in `process` to every party.

use tonic::metadata::MetadataMap;

/// The call's `traceparent` if it is well-formed. One that is not is ignored, as the recommendation asks (section 3.2.2.3 there).
pub(crate) fn parent(metadata: &MetadataMap) -> Option<String> {
    let header = metadata.get("traceparent")?.to_str().ok()?;
    well_formed(header).map(str::to_owned)
}

/// The header, if it is well-formed.
pub(crate) fn well_formed(header: &str) -> Option<&str> {
    is_well_formed(header).then_some(header)
}

fn is_well_formed(header: &str) -> bool {
    let fields: Vec<&str> = header.split('-').collect();
    let [version, trace_id, parent_id, flags] = fields.as_slice() else {
        return false;
    };
    let lower_hex = |text: &str, length: usize| {
        text.len() == length
            && text
                .bytes()
                .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    };
    let some = |text: &str| text.bytes().any(|byte| byte != b'0');
    *version == "00"
        && lower_hex(trace_id, 32)
        && some(trace_id)
        && lower_hex(parent_id, 16)
        && some(parent_id)
        && lower_hex(flags, 2)
}

#[cfg(test)]
mod tests {
    use super::is_well_formed;

    #[test]
    fn only_well_formed_contexts_are_carried() {
        assert!(is_well_formed(
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
        ));
        for header in [
            "",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        ] {
            assert!(!is_well_formed(header), "{header}");
        }
    }
}
