//! The list of responsibilities, with their places in the documents.

use anyhow::{Context, Result};
use serde::Deserialize;

/// A document, or a family of rules.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Source {
    /// What it is called.
    pub(super) title: String,
    /// What it asks for, in its order.
    pub(super) items: Vec<Item>,
}

/// One thing that organisations have to do.
#[derive(Deserialize)]
#[serde(from = "(String, String, String)")]
pub(super) struct Item {
    /// Its id: `000-23` for a document, `E-15` for a rule.
    pub(super) id: String,
    /// Where it stands in its source.
    pub(super) place: String,
    /// What has to be done.
    pub(super) text: String,
}

impl From<(String, String, String)> for Item {
    fn from((id, place, text): (String, String, String)) -> Self {
        Self { id, place, text }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Listing {
    source: Vec<Source>,
}

pub(super) fn read() -> Result<Vec<Source>> {
    let listing: Listing =
        toml::from_str(include_str!("../../../domain/data/responsibilities.toml"))
            .context("domain/data/responsibilities.toml")?;
    Ok(listing.source)
}
