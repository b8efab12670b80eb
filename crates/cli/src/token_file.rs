//! The file with the token by which callers of a node's API are known.

use std::path::Path;

use anyhow::anyhow;
use zeroize::Zeroizing;

use crate::exit::Failure;
use crate::secret_file;

/// Random bytes of a token: more than anybody can guess.
const TOKEN_BYTES: usize = 32;

/// Draws a fresh token into a file, in hexadecimal and with a line's end, so that other tools can read it.
///
/// # Errors
/// [`Failure::Precondition`] if the file is there.
pub(crate) fn create(path: &Path) -> Result<(), Failure> {
    let mut bytes = Zeroizing::new([0; TOKEN_BYTES]);
    getrandom::fill(bytes.as_mut())
        .map_err(|error| anyhow!("the machine gives no randomness: {error}"))?;
    let mut text = Zeroizing::new(hex::encode(bytes.as_ref()));
    text.push('\n');
    secret_file::create(path, text.as_bytes())
}

/// Reads a token.
///
/// # Errors
/// [`Failure::NotFound`], or [`Failure::Precondition`] if others may read the file.
pub(crate) fn read(path: &Path) -> Result<Zeroizing<String>, Failure> {
    secret_file::read_line(path)
}
