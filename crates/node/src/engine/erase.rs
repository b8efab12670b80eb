//! Erasure (D-07; promise 5 of the design): once a case is erased, its content is destroyed here, and everything still verifies.
//!
//! What goes: the content parts of the case in the journal, the keys wrapped to anybody's offers, the keys of the lines erased and the private
//! keys of the own offers, drafts of the case, content that was kept here because nobody might read it. What stays: headers, signatures,
//! `process` and its key, the tree. First all of that is deleted in one durable write together with the ruling; then the store leaves behind
//! what it deleted ([`concordat_store::Store::forget_deleted`]), which is repeated after a crash until it is done.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use concordat_domain::State;
use concordat_domain::ids::{CaseId, EventId};
use concordat_store::Batch;
use concordat_trust::bundle::Bundle;
use concordat_trust::case_log::CaseLog;
use concordat_trust::envelope::{EnvelopeHeader, PartReference, Suite};
use concordat_trust::lines::Alias;
use tracing::{info, warn};

use super::Engine;
use super::cases::UNSHARED;
use super::flight::KEPT_BACK;
use crate::error::Error;

/// The mark that deleted content may still lie in the files of the store.
const UNFINISHED: &str = "erasure-unfinished";

/// How long to wait after the files could not be renewed, for instance because the disk is full.
const RETRY: Duration = Duration::from_secs(3600);

/// When the store's files are to be renewed.
#[derive(Default)]
pub(super) struct Erasure {
    due: Option<Instant>,
}

impl Engine {
    /// Destroys the content of a case, if it has been erased.
    pub(super) fn erase_if_due(&mut self, case: CaseId) -> Result<(), Error> {
        let Some(log) = self.case_log(case)?.filter(|log| is_erased(log)) else {
            return Ok(());
        };
        let gone = erased_lines(&log);
        let indexes: BTreeSet<u64> = self
            .envelopes_of(case)?
            .into_iter()
            .map(|(position, _)| position.bundle)
            .collect();
        let mut parts = 0;
        for index in indexes {
            let mut bundle = self.bundle_at(index)?;
            let dropped =
                bundle.drop_parts(|header, part| is_of(header, case) && is_gone(part, &gone));
            if dropped > 0 {
                self.store
                    .journal()
                    .replace(&mut self.batch, index, &bundle.to_record())?;
                self.healed.insert(index, bundle);
                parts += dropped;
            }
        }
        self.keyring
            .case_mut(case)
            .destroy(|alias| gone.contains(&alias));
        self.keep_keys(case)?;
        self.discard_drafts_of(case);
        self.delete_content_beside_the_log(case)?;
        self.store.meta().put(&mut self.batch, UNFINISHED, &[])?;
        self.sync_needed = true;
        self.erasure.due = Instant::now().checked_add(self.config.erasure_settles);
        info!(case = %case, parts, "the content of a case is erased");
        Ok(())
    }

    /// A copy of a bundle without the parts that were erased here: they are not taken a second time.
    pub(super) fn without_erased(&self, copy: &Bundle) -> Result<Bundle, Error> {
        let mut gone = BTreeMap::new();
        for envelope in copy.envelopes() {
            if let Some(link) = envelope.header().class.link()
                && let Some(log) = self.case_log(link.case)?.filter(|log| is_erased(log))
            {
                gone.insert(link.case, erased_lines(&log));
            }
        }
        let mut copy = copy.clone();
        copy.drop_parts(|header, part| {
            let link = header.class.link();
            let gone = link.and_then(|link| gone.get(&link.case));
            gone.is_some_and(|gone| is_gone(part, gone))
        });
        Ok(copy)
    }

    /// Notes at a start that an erasure was not finished.
    pub(super) fn restore_erasure(&mut self) -> Result<(), Error> {
        if self.store.meta().get(UNFINISHED)?.is_some() {
            self.erasure.due = Some(Instant::now());
        }
        Ok(())
    }

    /// Renews the files of the store, if content was erased and no more of it has come for a while. What was written in this turn is durable
    /// before; a failure leaves all as it is, so it is tried again later.
    pub(super) fn finish_erasure(&mut self) -> Result<(), Error> {
        if self.erasure.due.is_none_or(|due| due > Instant::now()) {
            return Ok(());
        }
        self.erasure.due = None;
        if let Err(error) = self.store.forget_deleted() {
            warn!(
                error = &error as &dyn std::error::Error,
                "erased content may still lie in the store's files; this is tried again in an hour"
            );
            self.erasure.due = Instant::now().checked_add(RETRY);
            return Ok(());
        }
        let mut batch = Batch::new();
        self.store.meta().delete(&mut batch, UNFINISHED);
        self.store.commit(batch)?;
        info!("the store has left erased content behind");
        Ok(())
    }

    /// Nothing can be emitted in an erased case, and a draft holds content in clear.
    fn discard_drafts_of(&mut self, case: CaseId) {
        for (number, event) in self.outbox.numbers_in(case) {
            info!(event = %event, case = %case, "a draft of an erased case is discarded");
            self.remove_draft(number, case);
            self.after_write.insert(event);
        }
    }

    /// Content of own events that stands in this store only: nobody might read it, or its event was void.
    fn delete_content_beside_the_log(&mut self, case: CaseId) -> Result<(), Error> {
        for prefix in [UNSHARED, KEPT_BACK] {
            for name in self.secrets_of(case, prefix)? {
                self.store.vault().delete(&mut self.batch, &name);
                if prefix == KEPT_BACK {
                    self.kept_back = self.kept_back.saturating_sub(1);
                }
            }
        }
        Ok(())
    }

    /// Names of secrets that end in the id of an own event of this case.
    fn secrets_of(&self, case: CaseId, prefix: &str) -> Result<Vec<String>, Error> {
        let mut names = Vec::new();
        for secret in self.store.vault().with_prefix(prefix) {
            let (name, _) = secret?;
            let event: Option<EventId> = name.strip_prefix(prefix).and_then(|id| id.parse().ok());
            let known = event.map(|event| self.store.events().get(&event.0));
            if known
                .transpose()?
                .flatten()
                .is_some_and(|known| known.case == case.0)
            {
                names.push(name);
            }
        }
        Ok(names)
    }
}

/// Whether the content of a case is gone for good.
pub(super) fn is_erased(log: &CaseLog) -> bool {
    log.case().is_some_and(|case| case.state() == State::Erased)
}

/// The lines of the compartments that the erasure named.
fn erased_lines(log: &CaseLog) -> BTreeSet<Alias> {
    let erased: BTreeSet<&str> = log
        .case()
        .into_iter()
        .flat_map(|case| case.erased())
        .collect();
    let lines = log.keys().lines.iter();
    lines
        .filter(|(_, line)| erased.contains(line.compartment().to_string().as_str()))
        .map(|(alias, _)| *alias)
        .collect()
}

fn is_of(header: &EnvelopeHeader, case: CaseId) -> bool {
    header.class.link().is_some_and(|link| link.case == case)
}

/// Content of a line that is gone, or keys wrapped to an offer.
fn is_gone(part: &PartReference, gone: &BTreeSet<Alias>) -> bool {
    match part.suite {
        Suite::Line => gone.contains(&Alias(part.alias)),
        Suite::Offer => true,
        Suite::Clear => false,
    }
}
