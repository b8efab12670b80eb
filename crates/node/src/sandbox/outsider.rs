//! An organisation that holds nothing of a case writes into it all the same, past the door of its own node, which would not know
//! the case. What every party makes of that must be the same, and must be said from headers alone.

use concordat_codec::event::{NodeFacts, from_input};
use concordat_codec::parts;
use concordat_domain::event::CaseVersion;
use concordat_domain::ids::{CaseId, EventId, OrganisationId};
use concordat_log::{Offset, SharedLog};
use concordat_proto::v1;
use concordat_store::{Batch, HighWater, Store, StoreConfig};
use concordat_trust::admission::Admission;
use concordat_trust::bundle::{Bundle, Place};
use concordat_trust::digest::{BundleHash, EventHash};
use concordat_trust::envelope::{CaseLink, Class, Envelope};
use concordat_trust::lines::{Alias, VersionKey};
use concordat_trust::seal::{PartContext, seal};
use futures::StreamExt as _;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;

use super::{Error, Sandbox};
use crate::clock::Clock as _;

impl Sandbox {
    /// Appends an event of an organisation that is not in the case and so has no key of it: signed by that organisation, rightly
    /// chained, sealed under keys that nobody has. Its node stands still meanwhile, as one process at a time may sign, and keeps
    /// the place signed in its store as if it had signed itself.
    ///
    /// # Errors
    /// [`Error::PastTheDoor`] with the cause; others as for starting and stopping a node.
    pub async fn append_past_the_door(
        &mut self,
        code: &str,
        case: CaseId,
        event: EventId,
        input: &v1::EventInput,
    ) -> Result<(), Error> {
        self.stop_node(code).await?;
        let appended = self.append_signed(code, case, event, input).await;
        self.start_node(code)?;
        appended
    }

    async fn append_signed(
        &self,
        code: &str,
        case: CaseId,
        event: EventId,
        input: &v1::EventInput,
    ) -> Result<(), Error> {
        let organisation = self.founding.organisation(code)?;
        let log = &self.member(code)?.log;
        let admission = self.admitted(&**log).await?;
        let envelope = self.sealed_for_nobody(&admission, &organisation, (case, event), input)?;
        let chain = admission.chain_head(&organisation);
        let (seq, prev) = chain.map_or((1, BundleHash::ZERO), |head| (head.seq + 1, head.hash));
        let place = Place {
            partnership: *admission.partnership(),
            organisation,
            directory_version: admission.directory_version(),
            seq,
            prev,
            seen: admission.seen(),
            claimed_time: self.clock.now(),
        };
        let bundle = Bundle::sign(place, vec![envelope], &self.founding.signing_key(code)?)
            .map_err(|error| Error::PastTheDoor(error.to_string()))?;
        let hash = bundle.hash();
        let store = Store::open(&self.store_directory(code), StoreConfig::default())?;
        let mut batch = Batch::new();
        store
            .meta()
            .set_high_water(&mut batch, HighWater { seq, hash: hash.0 })?;
        store.commit(batch)?;
        drop(store);
        let last_own = log
            .last_own()
            .await?
            .map_or(Offset(0), |record| record.offset);
        log.append(bundle.to_record().into(), &hash.to_string(), last_own)
            .await
            .map_err(|error| Error::PastTheDoor(error.to_string()))?;
        Ok(())
    }

    /// The log as anybody can read it.
    async fn admitted(&self, log: &dyn SharedLog) -> Result<Admission, Error> {
        let mut admission = Admission::new(self.founding.file().clone());
        let head = log.head().await?;
        if head == Offset(0) {
            return Ok(admission);
        }
        let mut records = log.follow(Offset(0)).await?;
        while let Some(record) = records.next().await {
            let record = record?;
            // What is not admitted has no place in any chain.
            let _ = admission.admit(&record.bytes);
            if record.offset >= head {
                break;
            }
        }
        Ok(admission)
    }

    fn sealed_for_nobody(
        &self,
        admission: &Admission,
        organisation: &OrganisationId,
        (case, event_id): (CaseId, EventId),
        input: &v1::EventInput,
    ) -> Result<Envelope, Error> {
        let past_the_door = |error: &dyn std::fmt::Display| Error::PastTheDoor(error.to_string());
        let now = self.clock.now();
        let mut input = input.clone();
        input.occurred_at = input
            .occurred_at
            .or_else(|| Some(concordat_codec::time::to_wire(now)));
        let facts = NodeFacts {
            recorded_at: now,
            lead_epoch: None,
            basis: CaseVersion {
                others: 0,
                own_seq: 0,
            },
            expected: None,
            traceparent: None,
            applied: None,
            opening: None,
        };
        let event = from_input(&input, facts).map_err(|error| past_the_door(&error))?;
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).map_err(|_| Error::Randomness)?;
        let mut rng = ChaCha20Rng::from_seed(seed);
        let mut sealed = Vec::new();
        for (index, part) in (0..).zip(parts::split(&event)) {
            let place = PartContext {
                partnership: admission.partnership(),
                organisation,
                event_id,
                case,
                // Any line: that none of the case has this number does not matter, as nobody gets to look for it.
                alias: Alias(index + 1),
                key_version: 1,
                index,
            };
            let key = VersionKey::generate(&mut rng);
            let part = seal(&place, &key, &part.bytes, &mut rng);
            sealed.push(part.map_err(|error| past_the_door(&error))?);
        }
        let (seq, prev) = admission
            .case_head(organisation, &case)
            .map_or((1, EventHash::ZERO), |head| (head.seq + 1, head.hash));
        Envelope::assemble(event_id, Class::Event(CaseLink { case, seq, prev }), sealed)
            .map_err(|error| past_the_door(&error))
    }
}
