//! When two emits are the same event.

use concordat_domain::ids::CaseId;
use concordat_proto::v1::EventInput;
use prost::Message;
use sha2::{Digest, Sha256};

/// Separates this use of SHA-256 from every other.
const CONTEXT: &[u8] = b"concordat.v1 event input\0";

/// SHA-256 over this node's own encoding of what was handed in: the case if one was named, and the input. Two emits under
/// one event id are the same event iff these are equal. prost writes known fields in order and maps sorted, and the order
/// of `empty_lists` is not meant, so equal inputs have equal bytes however their sender encoded them.
pub fn of_input(case: Option<CaseId>, input: &EventInput) -> [u8; 32] {
    let mut input = input.clone();
    input.empty_lists.sort();
    input.empty_lists.dedup();
    let mut hash = Sha256::new();
    hash.update(CONTEXT);
    match case {
        None => hash.update([0]),
        Some(case) => {
            hash.update([1]);
            hash.update(case.0);
        }
    }
    hash.update(input.encode_to_vec());
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use concordat_domain::ids::CaseId;
    use concordat_proto::v1::EventInput;

    use super::of_input;

    #[test]
    fn digest_tells_content_and_case_apart_but_not_the_order_of_empty_lists() {
        let names = |names: &[&str]| {
            names
                .iter()
                .map(|&name| name.to_owned())
                .collect::<Vec<_>>()
        };
        let one = EventInput {
            empty_lists: names(&["a", "b"]),
            ..EventInput::default()
        };
        let same = EventInput {
            empty_lists: names(&["b", "a", "a"]),
            ..EventInput::default()
        };
        let other = EventInput {
            actor_role: Some("manager".to_owned()),
            ..one.clone()
        };
        assert_eq!(of_input(None, &one), of_input(None, &same));
        assert_ne!(of_input(None, &one), of_input(None, &other));
        assert_ne!(of_input(None, &one), of_input(Some(CaseId([0; 16])), &one));
    }
}
