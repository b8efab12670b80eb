//! The partnership file: who the organisations are, with which keys they sign, and what they agreed on. It is directory version 1;
//! later versions are documents of the same shape on the log.
//!
//! People read and write it as TOML. Its hash is taken over the *canonical form*: the same content as JSON without white space, the
//! keys of each object in ascending order of their UTF-8 bytes, whole numbers only. So comments, order and layout may change freely,
//! and the partnership id with them does not.

mod canonical;
mod content;

use std::collections::BTreeMap;

use concordat_domain::directory::Directory;
use concordat_domain::ids::OrganisationId;
use serde::{Deserialize, Serialize};

use crate::digest::{Hash, KeyId, PartnershipId};
use crate::hash::sha256;
use crate::signing::PublicKey;

pub use content::{CalendarPin, Content, Delegation, Member, PolicyPackPin, RevokedKey};

/// Why a partnership file cannot be used. The message names the place and never quotes content.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadFile {
    /// Not TOML, or not of the shape of a partnership file.
    #[error("partnership file: {0}")]
    Syntax(String),
    /// Well-formed, but it contradicts itself.
    #[error("partnership file: {0}")]
    Content(String),
}

/// A version of the directory that was read and checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PartnershipFile {
    canonical: String,
    hash: Hash,
    content: Content,
    members: BTreeMap<OrganisationId, usize>,
    directory: Directory,
}

impl PartnershipFile {
    /// Reads the file as people write it.
    ///
    /// # Errors
    /// [`BadFile`]: correct the file.
    pub fn from_toml(text: &str) -> Result<Self, BadFile> {
        Self::from_canonical(&canonical::of_toml(text)?)
    }

    /// Reads the canonical form, as it stands on the log and in stores.
    ///
    /// # Errors
    /// [`BadFile`], also for JSON that is not in canonical form.
    pub fn from_canonical(json: &str) -> Result<Self, BadFile> {
        let value: serde_json::Value =
            serde_json::from_str(json).map_err(|error| BadFile::Syntax(error.to_string()))?;
        if canonical::of_json(&value)? != json {
            return Err(BadFile::Syntax("not in canonical form".to_owned()));
        }
        let content: Content =
            serde_json::from_value(value).map_err(|error| BadFile::Syntax(error.to_string()))?;
        content.check()?;
        let members = content
            .organisations
            .iter()
            .enumerate()
            .map(|(index, member)| (member.id.clone(), index))
            .collect();
        let directory = content.directory();
        Ok(Self {
            canonical: json.to_owned(),
            hash: sha256(json.as_bytes()),
            content,
            members,
            directory,
        })
    }

    /// The canonical form.
    pub fn canonical(&self) -> &str {
        &self.canonical
    }

    /// SHA-256 of the canonical form.
    pub fn hash(&self) -> Hash {
        self.hash
    }

    /// The id of the partnership whose file this is. Only directory version 1 names a partnership.
    pub fn id(&self) -> PartnershipId {
        PartnershipId(self.hash.0)
    }

    /// What it says.
    pub fn content(&self) -> &Content {
        &self.content
    }

    /// The organisations and delegations as judging reads them.
    pub fn directory(&self) -> &Directory {
        &self.directory
    }

    /// The entry of an organisation.
    pub fn member(&self, organisation: &OrganisationId) -> Option<&Member> {
        self.members
            .get(organisation)
            .map(|index| &self.content.organisations[*index])
    }

    /// The public key of `organisation` with this id.
    pub fn signing_key(&self, organisation: &OrganisationId, key_id: &KeyId) -> Option<&PublicKey> {
        self.member(organisation)?
            .signing_keys
            .iter()
            .find(|key| key.key_id() == *key_id)
    }

    /// The organisations that have a node, in ascending order: those with a signing key.
    pub fn signers(&self) -> impl Iterator<Item = &OrganisationId> {
        self.members
            .iter()
            .filter(|(_, index)| !self.content.organisations[**index].signing_keys.is_empty())
            .map(|(id, _)| id)
    }
}

impl TryFrom<String> for PartnershipFile {
    type Error = BadFile;

    fn try_from(canonical: String) -> Result<Self, BadFile> {
        Self::from_canonical(&canonical)
    }
}

impl From<PartnershipFile> for String {
    fn from(file: PartnershipFile) -> Self {
        file.canonical
    }
}

#[cfg(test)]
mod tests;
