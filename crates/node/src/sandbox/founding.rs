//! A partnership made on the spot: its file, and everybody's signing key in one hand.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use concordat_domain::directory::{Directory, Organisation};
use concordat_domain::ids::OrganisationId;
use concordat_trust::admission::UnsignedChange;
use concordat_trust::bundle::FORMAT;
use concordat_trust::compartment::Compartment;
use concordat_trust::digest::KeyId;
use concordat_trust::partnership::{BadFile, PartnershipFile};
use concordat_trust::signing::{Signature, SigningKey};
use serde::Serialize;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::Error;

/// How long another's bundle may stay unwitnessed, unless the founder says otherwise.
const WITNESS_AFTER: Duration = Duration::from_millis(50);

/// One organisation's signature of a change, with the key that made it.
type Signed = (OrganisationId, (KeyId, Signature));

/// The partnership file, and the key of each organisation that has a node.
pub struct Founding {
    file: PartnershipFile,
    seeds: BTreeMap<String, Zeroizing<[u8; 32]>>,
    witness_after: Duration,
}

impl Founding {
    /// Founds a partnership of all organisations of a directory, of which these have a node, each with a fresh key.
    ///
    /// # Errors
    /// [`Error::Founding`] if the directory contradicts itself, [`Error::Randomness`].
    pub fn new<'a>(
        name: &str,
        directory: &Directory,
        nodes: impl IntoIterator<Item = &'a OrganisationId>,
    ) -> Result<Self, Error> {
        let mut keys = BTreeMap::new();
        for organisation in nodes {
            let mut seed = [0; 32];
            getrandom::fill(&mut seed).map_err(|_| Error::Randomness)?;
            keys.insert(organisation.clone(), SigningKey::from_seed(&seed));
        }
        Self::with_keys(name, directory, &keys)
    }

    /// The same with keys that are there already.
    ///
    /// # Errors
    /// [`Error::Founding`] if the directory contradicts itself.
    pub fn with_keys(
        name: &str,
        directory: &Directory,
        keys: &BTreeMap<OrganisationId, SigningKey>,
    ) -> Result<Self, Error> {
        let entries = directory
            .organisations()
            .map(|organisation| entry(organisation, keys.get(&organisation.id)));
        let compartments: BTreeSet<String> =
            Compartment::ALL.iter().map(ToString::to_string).collect();
        // Two sign a change, as people would agree; a directory with one node can be played as well.
        let threshold = keys.len().clamp(1, 2);
        let file = json!({
            "name": name,
            "formats": [FORMAT],
            "judging_rules": concordat_domain::rules::RULES_VERSION,
            "change_threshold": threshold,
            "compartments": compartments,
            "organisations": entries.collect::<Result<Vec<_>, _>>()?,
            "delegations": in_json(&directory.delegations().collect::<Vec<_>>())?,
        });
        let file = PartnershipFile::from_toml(&toml::to_string(&file).map_err(syntax)?)?;
        let seeds = keys
            .iter()
            .map(|(organisation, key)| (organisation.to_string(), key.seed()));
        Ok(Self {
            file,
            seeds: seeds.collect(),
            witness_after: WITNESS_AFTER,
        })
    }

    /// Lets bundles stay unwitnessed for so long, by the machine's clock, before others cover them with empty ones. By default it is
    /// soon, as nobody waits for a minute in a demo.
    #[must_use]
    pub fn witnessing_after(self, witness_after: Duration) -> Self {
        Self {
            witness_after,
            ..self
        }
    }

    pub(super) fn witness_after(&self) -> Duration {
        self.witness_after
    }

    /// The partnership file.
    #[must_use]
    pub fn file(&self) -> &PartnershipFile {
        &self.file
    }

    /// Codes of the organisations that have a node.
    pub fn codes(&self) -> impl Iterator<Item = &str> {
        self.seeds.keys().map(String::as_str)
    }

    /// An organisation that has a node.
    ///
    /// # Errors
    /// [`Error::NoMember`].
    pub fn organisation(&self, code: &str) -> Result<OrganisationId, Error> {
        let known = self.file.signers().find(|known| known.as_str() == code);
        known
            .cloned()
            .ok_or_else(|| Error::NoMember(code.to_owned()))
    }

    /// As many signatures of a change as the partnership asks for.
    ///
    /// # Errors
    /// [`Error::NoMember`].
    pub(super) fn signatures(&self, change: &UnsignedChange) -> Result<Vec<Signed>, Error> {
        let threshold = usize::try_from(self.file.content().change_threshold).unwrap_or(usize::MAX);
        let signed = self.codes().take(threshold).map(|code| {
            let organisation = self.organisation(code)?;
            Ok((organisation, change.sign(&self.signing_key(code)?)))
        });
        signed.collect()
    }

    /// The key with which an organisation's node signs.
    ///
    /// # Errors
    /// [`Error::NoMember`].
    pub fn signing_key(&self, code: &str) -> Result<SigningKey, Error> {
        let seed = self.seeds.get(code);
        seed.map(|seed| SigningKey::from_seed(seed))
            .ok_or_else(|| Error::NoMember(code.to_owned()))
    }
}

/// A made-up organisation with a node, for whoever does not care about its posts.
///
/// # Errors
/// [`concordat_domain::ids::Error`] if the code is none.
pub fn organisation(
    code: &str,
    name: &str,
    kind: &str,
) -> Result<Organisation, concordat_domain::ids::Error> {
    Ok(Organisation {
        id: code.parse()?,
        name: name.to_owned(),
        kind: kind.to_owned(),
        calendar: "EW".to_owned(),
        participation: "node".to_owned(),
        proxy: None,
        responsible_person: "chief-executive".to_owned(),
        complaints_manager: "complaints-manager".to_owned(),
        contact: String::new(),
        posts: BTreeMap::new(),
        commissioned_by: Vec::new(),
        retired_on: None,
    })
}

/// An organisation's entry in the partnership file: what the directory says, and its key if it has a node.
fn entry(organisation: &Organisation, key: Option<&SigningKey>) -> Result<Value, Error> {
    let mut entry = in_json(organisation)?;
    if let Some(key) = key {
        entry["signing_keys"] = json!([hex::encode(key.public_key().as_bytes())]);
    }
    Ok(entry)
}

fn in_json(value: &impl Serialize) -> Result<Value, Error> {
    Ok(serde_json::to_value(value).map_err(syntax)?)
}

fn syntax(error: impl std::fmt::Display) -> BadFile {
    BadFile::Syntax(error.to_string())
}
