//! Held drafts: what would now be void waits for a person, who releases or discards it (design, section 4).

use concordat_domain::event::CaseVersion;
use concordat_domain::ids::{CaseId, EventId};
use concordat_domain::judge;
use tracing::info;

use super::{DIRECTORY, Engine};
use crate::draft::Draft;
use crate::error::Error;
use crate::views::DraftView;

impl Engine {
    /// Keeps a draft aside for a person.
    pub(super) fn hold(&mut self, number: u64, reason: String) -> Result<(), Error> {
        let Some(draft) = self.outbox.get(number) else {
            return Ok(());
        };
        info!(event = %draft.event_id, case = %draft.case, reason, "a draft is held");
        let held = draft.clone().held_for(reason);
        self.after_write.insert(held.event_id);
        self.sync_needed = true;
        self.put_draft(number, held)
    }

    /// Lets a held draft go on its way: judged anew on today's case, under the same event id. One that would still be void stays
    /// held, with today's reason.
    pub(crate) fn release(&mut self, event: EventId) -> Result<(), Error> {
        let (number, held) = self.held(event)?;
        if held.case == DIRECTORY {
            // Judged anew when the next bundle is put together; held again, if it would still be void.
            return self.put_draft(number, held.released_on(CaseVersion::default()));
        }
        let version = self.version(held.case)?;
        let released = held.released_on(version);
        let state = self.with_own_drafts_before(released.case, number)?;
        let judged = self.judged(&released, state.as_ref())?;
        match judge(state.as_ref(), &judged, &self.rules()) {
            Ok(()) => self.put_draft(number, released),
            Err(refusal) => {
                info!(event = %event, reason = refusal.code(), "a released draft would still be void: it stays held");
                self.put_draft(number, released.held_for(refusal.code()))
            }
        }
    }

    /// Gives a held draft up. It never left this node; its id stays used, so that a repeated emit cannot bring it back.
    pub(crate) fn discard(&mut self, event: EventId) -> Result<(), Error> {
        let (number, held) = self.held(event)?;
        self.remove_draft(number, held.case);
        Ok(())
    }

    fn held(&self, event: EventId) -> Result<(u64, Draft), Error> {
        let (number, draft) = self.outbox.of_event(event).ok_or(Error::UnknownDraft)?;
        if draft.held.is_some() {
            Ok((number, draft.clone()))
        } else {
            Err(Error::DraftNotHeld)
        }
    }

    /// Another state of a draft, in memory and in the store.
    pub(super) fn put_draft(&mut self, number: u64, draft: Draft) -> Result<(), Error> {
        self.store
            .drafts()
            .replace(&mut self.batch, number, &draft.encode()?)?;
        self.ahead.remove(&draft.case);
        self.outbox.put(number, draft);
        Ok(())
    }

    pub(super) fn remove_draft(&mut self, number: u64, case: CaseId) {
        self.ahead.remove(&case);
        self.outbox.remove(number);
        self.store.drafts().remove(&mut self.batch, number);
    }

    /// Drafts that wait here.
    pub(crate) fn draft_views(&self) -> Vec<DraftView> {
        let view = |draft: &Draft| {
            Some(DraftView {
                event_id: draft.event_id,
                case: draft.case,
                event_type: draft.event_type()?,
                accepted_at: draft.accepted_at,
                held: draft.held.clone(),
            })
        };
        self.outbox.all().filter_map(view).collect()
    }
}
