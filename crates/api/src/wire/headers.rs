//! What every answer says in its headers, on whatever wire: how far this node had read the log, and the name of the call.

use concordat_domain::ids::Position;
use http::{HeaderMap, HeaderValue};
use tokio::sync::watch;

use crate::opaque;

/// Position of the last bundle that the node had applied when it answered; left out on an empty log. Whoever names it as `min_position`
/// sees nothing older.
const POSITION: &str = "concordat-position";
/// Name of the call, in the answer and in the lines of the log: what the caller sent under this name, or one of ours.
const REQUEST_ID: &str = "concordat-request-id";
/// Longest name of a call, in characters.
const REQUEST_ID_MAX: usize = 64;

/// The name of a call. One that is not well-formed is not repeated: what stands in it may be anything.
pub(super) fn request_id(headers: &HeaderMap) -> String {
    let given = headers.get(REQUEST_ID).and_then(|id| id.to_str().ok());
    let is_plain = |id: &&str| {
        (1..=REQUEST_ID_MAX).contains(&id.len())
            && id
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
    };
    if let Some(given) = given.filter(is_plain) {
        return given.to_owned();
    }
    let mut id = [0; 8];
    // Without randomness the name is zero; the call is answered all the same.
    let _ = getrandom::fill(&mut id);
    hex::encode(id)
}

/// Puts both into an answer.
pub(super) fn tell(headers: &mut HeaderMap, applied: &watch::Receiver<u64>, request_id: &str) {
    let last = applied.borrow().checked_sub(1).map(|bundle| {
        opaque::position(Position {
            bundle,
            envelope: 0,
        })
    });
    let texts = [(POSITION, last.as_deref()), (REQUEST_ID, Some(request_id))];
    for (name, text) in texts {
        if let Some(value) = text.and_then(|text| HeaderValue::from_str(text).ok()) {
            headers.insert(name, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;
    use tokio::sync::watch;

    use super::{REQUEST_ID, request_id, tell};

    #[test]
    fn a_call_keeps_its_name_if_that_is_plain_and_gets_one_otherwise() {
        let named = |name: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(REQUEST_ID, name.parse().expect("a header value"));
            request_id(&headers)
        };
        assert_eq!(named("import-7.b_2"), "import-7.b_2");
        for other in ["", "John Smith", "a/b", &"a".repeat(65)] {
            let made = named(other);
            assert!(made != other && made.len() == 16, "{other}: {made}");
        }
        assert_ne!(request_id(&HeaderMap::new()), request_id(&HeaderMap::new()));
    }

    #[test]
    fn an_empty_log_has_no_position() {
        let (sender, applied) = watch::channel(0);
        let mut headers = HeaderMap::new();
        tell(&mut headers, &applied, "one");
        assert_eq!(headers.len(), 1);
        sender.send(3).expect("it is heard");
        tell(&mut headers, &applied, "one");
        assert_eq!(headers["concordat-position"], "000000000000000200000000");
    }
}
