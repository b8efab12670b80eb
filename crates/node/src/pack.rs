//! What a node gives for an audit pack: bundles as journalled, and of each case what it had computed, in portions.

use std::collections::BTreeSet;

use concordat_domain::calendar::Calendars;
use concordat_domain::ids::{CaseId, OrganisationId};
use concordat_domain::policy::PolicyPack;
use concordat_trust::compartment::Compartment;
use concordat_trust::packed::Packed;
use concordat_trust::partnership::PartnershipFile;
use concordat_verify::claims::{CaseClaim, CaseKeysOf};
use concordat_verify::manifest::{ManifestSignature, Range, Scope};
use concordat_verify::select::Selection;
use jiff::Timestamp;

use crate::error::Error;
use crate::node::Node;
use crate::views::EventView;

/// The frame of a pack: fixed when it is begun, whatever comes to the log afterwards.
#[derive(Debug, Clone)]
pub struct PackFrame {
    /// The organisation whose node writes it.
    pub organisation: OrganisationId,
    /// The partnership file.
    pub partnership: PartnershipFile,
    /// The packs of this node.
    pub packs: Vec<PolicyPack>,
    /// The calendars of this node.
    pub calendars: Calendars,
    /// Up to where the pack reaches.
    pub range: Range,
    /// Which bundles go in.
    pub selection: Selection,
    /// The cases of which claims go in, in ascending order.
    pub cases: Vec<CaseId>,
}

/// What goes into a pack about one case.
#[derive(Debug)]
pub struct PackedCase {
    /// What this node computes.
    pub claim: CaseClaim,
    /// The keys of the chosen compartments.
    pub keys: CaseKeysOf,
    /// Its events, as far as those compartments show them.
    pub events: Vec<EventView>,
}

/// Some bundles for a pack.
#[derive(Debug)]
pub struct PackedBundles {
    /// Those of the portion that go in, in log order.
    pub entries: Vec<Packed>,
    /// Index of the bundle to go on with; none at the end.
    pub next: Option<u64>,
}

/// What an export asks.
impl Node {
    /// The frame of a pack that reaches to the first `size` bundles; to the end of the log, if none is given.
    ///
    /// # Errors
    /// [`Error::UnknownCase`] for a case that this organisation may not see; [`Error::PositionNotReached`] for a size beyond the log.
    pub async fn pack_frame(&self, scope: Scope, size: Option<u64>) -> Result<PackFrame, Error> {
        self.mailbox
            .call(move |engine| engine.pack_frame(&scope, size))
            .await?
    }

    /// The next portion of its bundles.
    ///
    /// # Errors
    /// [`Error::Store`], [`Error::Corrupt`] if the journal cannot be read.
    pub async fn pack_bundles(
        &self,
        selection: Selection,
        from: u64,
        size: u64,
    ) -> Result<PackedBundles, Error> {
        self.mailbox
            .call(move |engine| engine.pack_bundles(&selection, from, size))
            .await?
    }

    /// One of its cases; none if this organisation could not read it at the end of the pack.
    ///
    /// # Errors
    /// [`Error::Store`], [`Error::Corrupt`] if the journal cannot be read.
    pub async fn pack_case(
        &self,
        case: CaseId,
        (size, at): (u64, Timestamp),
        compartments: BTreeSet<Compartment>,
    ) -> Result<Option<PackedCase>, Error> {
        self.mailbox
            .call(move |engine| engine.pack_case(case, size, at, &compartments))
            .await?
    }

    /// Signs the manifest of a pack for this organisation.
    ///
    /// # Errors
    /// [`Error::Stopping`] if the node has ended.
    pub async fn sign_pack(&self, manifest: Vec<u8>) -> Result<ManifestSignature, Error> {
        self.mailbox
            .call(move |engine| engine.sign_pack(&manifest))
            .await
    }
}
