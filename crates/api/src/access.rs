//! Who may call: in this release whoever knows the node's token, on the same machine.

use std::fmt;
use std::sync::Arc;

use concordat_proto::v1::ErrorReason;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use tonic::service::Interceptor;
use tonic::{Code, Request, Status};

use crate::failure::Failure;
use crate::server::Error;

/// Shortest token: 32 characters of base 16 or more hold at least 128 bits.
const TOKEN_CHARACTERS_MIN: usize = 32;

/// The bearer token of a node (RFC 6750, section 2.1). Only its hash is kept, so that no dump and no log can show it.
#[derive(Clone)]
pub struct Token(Arc<[u8; 32]>);

impl Token {
    /// A token from its text; white space around it is not part of it.
    ///
    /// # Errors
    /// [`Error::Token`] if it is shorter than 32 characters or has others than visible ASCII: make a new one.
    pub fn new(text: &str) -> Result<Self, Error> {
        let text = text.trim();
        if text.len() < TOKEN_CHARACTERS_MIN || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Error::Token {
                characters: TOKEN_CHARACTERS_MIN,
            });
        }
        Ok(Self(Arc::new(Sha256::digest(text).into())))
    }

    /// Compares in constant time: hashes have one length, so not even that is told.
    fn is(&self, given: &str) -> bool {
        let given: [u8; 32] = Sha256::digest(given).into();
        self.0.ct_eq(&given).into()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// Lets calls with the token through.
#[derive(Debug, Clone)]
pub(crate) struct Guard(pub(crate) Token);

impl Interceptor for Guard {
    fn call(&mut self, request: Request<()>) -> Result<Request<()>, Status> {
        let given = request
            .metadata()
            .get("authorization")
            .and_then(|value| value.to_str().ok())
            .and_then(bearer);
        match given {
            Some(given) if self.0.is(given) => Ok(request),
            Some(_) => Err(refused("the bearer token is not this node's")),
            None => Err(refused(
                "the call has no bearer token; send `authorization: Bearer …`",
            )),
        }
    }
}

/// The credential of a `Bearer` header; the scheme is matched without regard to case (RFC 9110, section 11.1).
fn bearer(header: &str) -> Option<&str> {
    let (scheme, credential) = header.split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then(|| credential.trim())
}

fn refused(text: &str) -> Status {
    Failure::new(Code::Unauthenticated, ErrorReason::Unauthenticated, text).into()
}

#[cfg(test)]
mod tests {
    use tonic::Request;
    use tonic::service::Interceptor;

    use super::{Guard, Token};

    const SECRET: &str = "0123456789abcdef0123456789abcdef";

    fn call(header: Option<&str>) -> Result<(), tonic::Code> {
        let mut request = Request::new(());
        if let Some(header) = header {
            let value = header.parse().expect("a header value");
            request.metadata_mut().insert("authorization", value);
        }
        let mut guard = Guard(Token::new(SECRET).expect("long enough"));
        guard
            .call(request)
            .map(drop)
            .map_err(|status| status.code())
    }

    #[test]
    fn only_the_token_opens() {
        assert_eq!(call(Some(&format!("Bearer {SECRET}"))), Ok(()));
        assert_eq!(call(Some(&format!("bearer  {SECRET}"))), Ok(()));
        for header in [
            None,
            Some("Bearer"),
            Some("Bearer "),
            Some("Bearer 0123456789abcdef0123456789abcdeg"),
            Some("Basic 0123456789abcdef0123456789abcdef"),
            Some(SECRET),
        ] {
            assert_eq!(
                call(header),
                Err(tonic::Code::Unauthenticated),
                "{header:?}"
            );
        }
    }

    #[test]
    fn weak_tokens_are_refused_and_none_is_shown() {
        assert!(Token::new("too short").is_err());
        assert!(Token::new("0123456789abcdef 0123456789abcdef").is_err());
        let token = Token::new(&format!("{SECRET}\n")).expect("white space around it is cut");
        assert!(!format!("{token:?}").contains("0123"));
    }
}
