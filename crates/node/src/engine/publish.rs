//! The way out: judge again, seal, chain, bundle, sign, append; one bundle in flight (wire.md 3).

use std::collections::BTreeSet;

use concordat_domain::ids::CaseId;
use concordat_store::HighWater;
use concordat_trust::bundle::{Bundle, ENVELOPES_MAX, Place};
use concordat_trust::digest::BundleHash;
use tracing::warn;

use super::flight::Flight;
use super::follow::inconsistent;
use super::load::Load;
use super::{DIRECTORY, Engine};
use crate::courier::AppendJob;
use crate::error::Error;
use crate::views::Publishing;

impl Engine {
    /// Puts the next bundle in flight, if there is something to say and nothing in flight.
    pub(super) fn publish(&mut self) -> Result<Option<AppendJob>, Error> {
        if !self.may_publish() {
            return Ok(None);
        }
        if self.flight.is_none() {
            let load = self.load()?;
            if load.is_empty() && !self.head_is_due() {
                return Ok(None);
            }
            self.sign(load)?;
        }
        self.send_flight()
    }

    /// Whether this node stands at the head of the log, and nothing keeps it from adding to it.
    pub(super) fn may_publish(&self) -> bool {
        self.caught_up() && self.publishing == Publishing::Running && !self.upgrade_needed
    }

    /// Envelopes for one bundle: what the enforcer found first, then drafts in order, then what is owed about keys.
    fn load(&mut self) -> Result<Load, Error> {
        let mut cases: Vec<CaseId> = self.derived.iter().map(|draft| draft.case).collect();
        let drafts = self.outbox.waiting().take(ENVELOPES_MAX);
        cases.extend(drafts.map(|draft| draft.case));
        cases.extend(self.cases_with_duties()?);
        let mut load = Load::default();
        let mut loaded = BTreeSet::new();
        for case in cases {
            if load.is_full() {
                break;
            }
            if !loaded.insert(case) {
                continue;
            }
            if case == DIRECTORY {
                self.load_directory(&mut load)?;
            } else {
                self.load_case(case, &mut load)?;
            }
        }
        self.derived.clear();
        Ok(load)
    }

    /// Signs the next place of the own chain once: high-water mark, keys and bundle are durable before the signature leaves.
    fn sign(&mut self, load: Load) -> Result<(), Error> {
        let chain = self.admission.chain_head(&self.config.organisation);
        let (seq, prev) = chain.map_or((1, BundleHash::ZERO), |head| (head.seq + 1, head.hash));
        if let Some(mark) = self.store.meta().high_water()?
            && mark.seq >= seq
        {
            let why =
                format!("place {seq} of the own chain was signed before and is not on the log");
            warn!(why, "publishing stops");
            self.publishing = Publishing::Stopped { why };
            return Ok(());
        }
        let place = Place {
            partnership: *self.admission.partnership(),
            organisation: self.config.organisation.clone(),
            directory_version: self.admission.directory_version(),
            seq,
            prev,
            seen: self.admission.seen(),
            claimed_time: self.now(),
        };
        let (envelopes, with_new_keys) = load.into_parts();
        let bundle =
            Bundle::sign(place, envelopes, &self.config.signing_key).map_err(inconsistent)?;
        for case in with_new_keys {
            self.keep_keys(case)?;
        }
        self.store
            .in_flight()
            .put(&mut self.batch, &bundle.to_record())?;
        self.store.meta().set_high_water(
            &mut self.batch,
            HighWater {
                seq,
                hash: bundle.hash().0,
            },
        )?;
        self.sync_needed = true;
        self.uncovered.clear();
        self.flight = Some(Flight::of(bundle));
        Ok(())
    }
}
