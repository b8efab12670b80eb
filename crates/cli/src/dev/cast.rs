//! Who takes part in the sandbox. All fictitious.

use concordat_domain::directory::Organisation;
use concordat_node::sandbox;

use crate::exit::Failure;

/// The acute trust, which receives most of the sample complaints.
pub(crate) const TRUST: &str = "ods:ZT1";
/// The council, whose social care they also concern.
pub(crate) const COUNCIL: &str = "gss:E06999901";
/// The integrated care board.
pub(crate) const BOARD: &str = "ods:ZB1";

/// One organisation of the sandbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Part {
    /// How commands call it.
    pub(crate) name: &'static str,
    /// Its code in the directory.
    pub(crate) code: &'static str,
    title: &'static str,
    kind: &'static str,
}

/// All of them, in the order of their ports.
pub(crate) const PARTS: [Part; 3] = [
    Part {
        name: "trust",
        code: TRUST,
        title: "Trust (acute)",
        kind: "nhs-trust",
    },
    Part {
        name: "council",
        code: COUNCIL,
        title: "Council",
        kind: "council",
    },
    Part {
        name: "board",
        code: BOARD,
        title: "Integrated care board",
        kind: "icb",
    },
];

impl Part {
    /// The organisation of this name or code.
    ///
    /// # Errors
    /// [`Failure::NotFound`] with the names that there are.
    pub(super) fn of(text: &str) -> Result<&'static Self, Failure> {
        let known = PARTS
            .iter()
            .find(|part| part.name == text || part.code == text);
        known.ok_or_else(|| {
            let names: Vec<&str> = PARTS.iter().map(|part| part.name).collect();
            Failure::NotFound(format!(
                "there is no peer `{text}`: take one of {}",
                names.join(", ")
            ))
        })
    }

    /// Its entry in the directory.
    pub(super) fn organisation(&self) -> Result<Organisation, Failure> {
        Ok(sandbox::organisation(self.code, self.title, self.kind).map_err(anyhow::Error::from)?)
    }
}
