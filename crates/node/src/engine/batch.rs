//! Several events of one case at the door, all or none: judged in order on what those before them do, then one durable write; and on
//! their way out, one bundle.

use concordat_codec::parts;
use concordat_domain::Case;
use concordat_domain::events::Scope;
use concordat_domain::ids::CaseId;
use concordat_trust::bundle::{Room, event_bytes_max};
use concordat_trust::case_log::NewCase;

use super::directory::scope_of;
use super::emit::{Answer, members, shape};
use super::load::{Desk, Load};
use super::{DIRECTORY, Engine};
use crate::draft::Draft;
use crate::emission::{BatchEmission, Emission, Receipt};
use crate::error::Error;

/// Bytes of a key version, an invitation or an offer, at most: ids, hashes and one clear part.
const KEY_RECORD_BYTES: usize = 1024;

/// What the door made of a batch that it did not refuse.
pub(crate) enum TakenBatch {
    /// It would be taken.
    Validated(Vec<Receipt>),
    /// The answers come when the stage asked for is reached.
    Waiting {
        /// Whether all of it had been handed in before.
        deduplicated: bool,
    },
}

/// An event of a batch that was judged.
struct Judged {
    draft: Draft,
    /// What a validation answers.
    receipt: Option<Receipt>,
}

impl Engine {
    /// Takes a batch at the door, whole. Each answer comes when the stage of its event is reached.
    pub(crate) fn emit_batch(
        &mut self,
        batch: BatchEmission,
        answers: Vec<Answer>,
    ) -> Result<TakenBatch, Error> {
        let validate_only = batch.validate_only;
        let named = batch.case;
        let emissions = batch.singly();
        let deduplicated = self.batch_is_known(&emissions)?;
        if !deduplicated {
            let case = named.unwrap_or_else(|| self.fresh_case());
            let (judged, after) = self.judge_batch(&emissions, case)?;
            if validate_only {
                return Ok(TakenBatch::Validated(
                    judged.into_iter().filter_map(|one| one.receipt).collect(),
                ));
            }
            self.keep_batch(&emissions, case, judged, after)?;
            self.sync_needed = true;
        }
        for (emission, answer) in emissions.iter().zip(answers) {
            self.after_write.insert(emission.event_id);
            self.wait(emission, deduplicated, answer);
        }
        Ok(TakenBatch::Waiting { deduplicated })
    }

    /// Whether the whole batch was handed in before. One that was in part is neither the same again nor a new one.
    fn batch_is_known(&self, emissions: &[Emission]) -> Result<bool, Error> {
        let (mut known, mut case) = (Vec::new(), None);
        for (index, emission) in emissions.iter().enumerate() {
            concordat_codec::shape::validate(&emission.input)
                .map_err(|error| at(index, shape(error)))?;
            if scope_of(&emission.input) != Scope::Case {
                return Err(at(index, Error::NoCaseEvent));
            }
            if emissions[..index]
                .iter()
                .any(|before| before.event_id == emission.event_id)
            {
                return Err(at(index, Error::EventIdTwice));
            }
            let Some(of) = self.is_known(emission).map_err(|error| at(index, error))? else {
                continue;
            };
            if *case.get_or_insert(of) != of {
                // Equal as single events, but they never were one batch.
                return Err(at(index, Error::UnknownCase));
            }
            known.push(index);
        }
        if known.is_empty() {
            self.require_room(emissions.len() as u64)?;
            return Ok(false);
        }
        if known.len() < emissions.len() {
            return Err(Error::BatchPartlyKnown { known });
        }
        Ok(true)
    }

    /// Judges the events in order, each on ruled state, own drafts, and what stands before it in the batch. Changes nothing.
    fn judge_batch(
        &mut self,
        emissions: &[Emission],
        case: CaseId,
    ) -> Result<(Vec<Judged>, Option<Case>), Error> {
        let ahead = self.take_ahead(case)?;
        if let Some(ahead) = &ahead {
            self.ahead.insert(case, ahead.clone());
        }
        let new = ahead
            .is_none()
            .then(|| NewCase::with_id(case, &mut self.rng));
        let (mut envelopes, mut bytes) = (0, 0);
        let mut judged = Vec::with_capacity(emissions.len());
        // What each does is told from here on, so that the last receipt tells it of all of them.
        let begun = ahead.clone();
        let mut state = ahead;
        for (index, emission) in emissions.iter().enumerate() {
            let mut draft = self.draft(emission, case)?.in_batch(emissions[0].event_id);
            draft.basis.own_seq += index as u64;
            let (event, warnings) = self
                .admit_at_door(&draft, emission.case, state.as_ref())
                .map_err(|error| at(index, error))?;
            let wire = self.wire(&draft, state.as_ref(), (0, [0; 32]), new.as_ref())?;
            let parts = parts::split(&wire);
            bytes += event_bytes_max(parts.iter().map(|part| part.bytes.len()));
            let after = self
                .stepped(state.clone(), &draft, &event)
                .map_err(|error| at(index, error))?;
            // Whoever it brings in gets an invitation beside it.
            let before = state.as_ref().map_or(1, members);
            let invited = members(&after).saturating_sub(before);
            envelopes += 1 + invited;
            bytes += invited * KEY_RECORD_BYTES;
            let receipt = if emission.validate_only {
                Some(Receipt {
                    case: emission.case.unwrap_or(DIRECTORY),
                    warnings,
                    ..self.foreseen(&draft, begun.as_ref(), &after)?
                })
            } else {
                None
            };
            state = Some(after);
            judged.push(Judged { draft, receipt });
        }
        let mut room = Room::default();
        if room.reserve(envelopes, bytes) {
            return Ok((judged, state));
        }
        let Room {
            envelopes: envelopes_max,
            bytes: bytes_max,
        } = Room::default();
        Err(Error::BatchTooLarge {
            envelopes,
            bytes,
            envelopes_max,
            bytes_max,
        })
    }

    /// Puts all drafts, and that their ids are used, into the batch of this turn.
    fn keep_batch(
        &mut self,
        emissions: &[Emission],
        case: CaseId,
        judged: Vec<Judged>,
        after: Option<Case>,
    ) -> Result<(), Error> {
        let mut numbered = Vec::with_capacity(judged.len());
        for (emission, Judged { draft, .. }) in emissions.iter().zip(judged) {
            let number = self.store.drafts().add(&mut self.batch, &draft.encode()?)?;
            self.know_event(emission, case)?;
            numbered.push((number, draft));
        }
        for (number, draft) in numbered {
            self.outbox.put(number, draft);
        }
        self.ahead.extend(after.map(|after| (case, after)));
        Ok(())
    }

    /// Makes the drafts of a batch and takes them together, without those that would be void by now: these are held, as any draft is
    /// (design, section 4). Says whether there was room, or whether the next bundle has to begin with them; none if not even an empty
    /// bundle has it, such as when keys have to be renewed that were in force at the door.
    pub(super) fn load_together(
        &mut self,
        drafts: &[(Option<u64>, Draft)],
        desk: &mut Desk<'_>,
        load: &mut Load,
    ) -> Result<Option<bool>, Error> {
        let (author, after) = (desk.author.clone(), desk.after.clone());
        let (mut together, mut held) = (Vec::new(), Vec::new());
        for (number, draft) in drafts {
            let before = desk.author.clone();
            match self.make(draft, desk)? {
                super::load::Made::Group(group, state) => {
                    together.extend(group);
                    desk.after = Some(*state);
                }
                super::load::Made::Refused(reason) => {
                    desk.author = before;
                    held.extend(number.map(|number| (number, reason)));
                }
            }
        }
        let alone = load.is_empty();
        let fits = together.is_empty() || load.take(together);
        if fits {
            for (number, reason) in held {
                self.hold(number, reason)?;
            }
            return Ok(Some(true));
        }
        (desk.author, desk.after) = (author, after);
        if alone {
            load.reopen();
            return Ok(None);
        }
        Ok(Some(false))
    }
}

fn at(index: usize, error: Error) -> Error {
    Error::InBatch {
        index,
        error: Box::new(error),
    }
}
