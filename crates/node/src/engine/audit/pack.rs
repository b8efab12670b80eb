//! What goes into an audit pack. Everything is read from the journal up to the size at which the pack was begun.

use std::collections::BTreeSet;

use concordat_domain::ids::{CaseId, OrganisationId, Position};
use concordat_trust::compartment::Compartment;
use concordat_trust::envelope::Class;
use concordat_trust::pae::PayloadType;
use concordat_verify::check::cases::{computed, ruling_claim};
use concordat_verify::claims::{CaseClaim, CaseKeysOf, PackedKey};
use concordat_verify::manifest::{ManifestSignature, Range, Scope};
use concordat_verify::select::Selection;
use jiff::Timestamp;

use super::super::Engine;
use super::super::cases::envelope_of;
use super::Past;
use crate::error::Error;
use crate::pack::{PackFrame, PackedBundles, PackedCase};

/// Bytes of bundles that one turn reads for a pack: some milliseconds, so that nobody waits for an export.
const BYTES_PER_TURN: usize = 1024 * 1024;
/// Bundles that one turn looks at, also where few of them go in.
const BUNDLES_PER_TURN: u64 = 1000;

impl Engine {
    pub(crate) fn pack_frame(&self, scope: &Scope, size: Option<u64>) -> Result<PackFrame, Error> {
        let size = size.unwrap_or_else(|| self.admission.size());
        let root = self.admission.tree().root_at(size);
        let root = root.ok_or(Error::PositionNotReached {
            position: Position {
                bundle: size.saturating_sub(1),
                envelope: 0,
            },
        })?;
        let cases: Vec<CaseId> = match scope {
            Scope::Case { case } => {
                if !self.shelf.contains(*case) {
                    return Err(Error::UnknownCase);
                }
                vec![*case]
            }
            Scope::Organisation { organisation } => self.cases_with(organisation)?,
            Scope::Partnership => self.shelf.ids_after(None).collect(),
        };
        let selection = if scope.is_whole() {
            Selection::Whole
        } else {
            Selection::Parts {
                cases: cases.iter().copied().collect(),
                signed_by: match scope {
                    Scope::Organisation { organisation } => Some(organisation.clone()),
                    Scope::Case { .. } | Scope::Partnership => None,
                },
                heads: self.heads_before(size),
            }
        };
        let founding = self.admission.directory_at(1);
        Ok(PackFrame {
            organisation: self.config.organisation.clone(),
            partnership: founding.unwrap_or(self.admission.directory()).clone(),
            packs: self.config.packs.iter().cloned().collect(),
            calendars: self.config.calendars.clone(),
            range: Range {
                generation: self.admission.generation(),
                size,
                root,
            },
            selection,
            cases,
        })
    }

    /// The cases that this organisation reads and in which another one takes part or took part.
    fn cases_with(&self, organisation: &OrganisationId) -> Result<Vec<CaseId>, Error> {
        let mut cases = Vec::new();
        for case in self.shelf.ids_after(None) {
            let spoke = self.admission.case_head(organisation, &case).is_some();
            let log = self.case_log(case)?;
            if spoke || log.is_some_and(|log| log.takes_part(organisation)) {
                cases.push(case);
            }
        }
        Ok(cases)
    }

    /// Index of the last bundle of each organisation below a size.
    fn heads_before(&self, size: u64) -> BTreeSet<u64> {
        let signers = self.admission.directory().signers();
        signers
            .filter_map(|signer| self.admission.last_index_before(signer, size))
            .collect()
    }

    pub(crate) fn pack_bundles(
        &self,
        selection: &Selection,
        from: u64,
        size: u64,
    ) -> Result<PackedBundles, Error> {
        let (mut entries, mut bytes, mut index) = (Vec::new(), 0, from);
        while index < size && bytes < BYTES_PER_TURN && index - from < BUNDLES_PER_TURN {
            let bundle = self.bundle_at(index)?;
            if let Some(entry) = selection.entry(index, &bundle, self.admission.tree(), size) {
                bytes += entry.header_bytes.len();
                let envelopes = entry.envelopes.iter().filter_map(|one| one.envelope());
                bytes += envelopes.map(|one| one.encoded_len()).sum::<usize>();
                entries.push(entry);
            }
            index += 1;
        }
        Ok(PackedBundles {
            entries,
            next: (index < size).then_some(index),
        })
    }

    pub(crate) fn pack_case(
        &self,
        case: CaseId,
        size: u64,
        at: Timestamp,
        compartments: &BTreeSet<Compartment>,
    ) -> Result<Option<PackedCase>, Error> {
        let Some(last) = size.checked_sub(1) else {
            return Ok(None);
        };
        let upto = Position {
            bundle: last,
            envelope: u32::MAX,
        };
        let Some(past) = self.past(case, upto)? else {
            return Ok(None);
        };
        let chosen = past.keys.held_then(|held| {
            let line = past.log.keys().lines.get(&held.alias);
            line.is_some_and(|line| compartments.contains(&line.compartment()))
        });
        let keys = chosen.versions().filter_map(|held| {
            let line = past.log.keys().lines.get(&held.alias)?;
            Some(PackedKey {
                compartment: line.compartment(),
                alias: held.alias.0,
                number: held.number,
                commitment: held.commitment,
                key: held.key().clone(),
            })
        });
        let keys = CaseKeysOf {
            case,
            keys: keys.collect(),
        };
        let shown = Past {
            log: std::sync::Arc::clone(&past.log),
            keys: chosen,
            own_seq: past.own_seq,
        };
        let (mut rulings, mut events, mut own_seq) = (Vec::new(), Vec::new(), 0);
        let log = self.replay_to(
            (case, &past.keys),
            upto,
            |position, bundle, applied, log| {
                own_seq = self.own_seq_after(own_seq, position, bundle);
                let envelope = envelope_of(bundle, position);
                rulings.push(ruling_claim(
                    position,
                    bundle.organisation(),
                    envelope,
                    &applied,
                ));
                if matches!(envelope.header().class, Class::Event(_)) {
                    let ruled = self.ruled(log, own_seq, &applied);
                    events.push(self.past_event(&shown, (position, bundle), ruled)?);
                }
                Ok(())
            },
        )?;
        let claim = CaseClaim {
            case,
            computed: computed(&log, at, &self.rules_at(size)),
            rulings,
        };
        Ok(Some(PackedCase {
            claim,
            keys,
            events,
        }))
    }

    pub(crate) fn sign_pack(&self, manifest: &[u8]) -> ManifestSignature {
        let key = &self.config.signing_key;
        ManifestSignature {
            organisation: self.config.organisation.clone(),
            key_id: key.public_key().key_id(),
            signature: hex::encode(key.sign(PayloadType::AuditPackManifest, manifest)),
        }
    }
}
