//! Events in log order, each judged anew, with the state after it.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use concordat_domain::audit::deadline_changes;
use concordat_domain::ids::{CaseId, Position};
use concordat_domain::timetable;
use concordat_domain::timetable::Deadline;
use concordat_trust::bundle::Bundle;
use concordat_trust::case_log::{CaseLog, Verdict};
use concordat_trust::envelope::{Class, Envelope};
use jiff::Timestamp;
use lru::LruCache;

use super::super::Engine;
use super::super::cases::envelope_of;
use super::Past;
use crate::audit::{ReplayQuery, Replayed, SignedEvent, StateAfter};
use crate::error::Error;

/// How long one turn goes on with a replay: what others want of the node waits no longer.
const TURN: Duration = Duration::from_millis(20);
/// Events that one turn shows at most, so that they find room in memory.
const EVENTS_PER_TURN: usize = 100;
/// Cases whose folds a replay over all of them has in memory. One that is met again later is folded again up to there.
const FOLDS_MAX: NonZeroUsize = NonZeroUsize::new(500).expect("not zero");

/// A replay under way: it goes from turn to turn, so that the node does what others want of it in between.
pub(crate) struct Replay {
    query: ReplayQuery,
    /// The last envelope that counts.
    end: Position,
    /// The last envelope looked at.
    last: Option<Position>,
    /// Cases met whose folds are in memory.
    folds: LruCache<CaseId, Track>,
    /// Cases met, with their digests at the end; none for those that could not be read there.
    digests: BTreeMap<CaseId, Option<[u8; 32]>>,
}

/// One case of a replay.
struct Track {
    past: Past,
    log: CaseLog,
    own_seq: u64,
    /// Up to where `log` is folded.
    upto: Option<Position>,
    /// Its deadlines when it was shown last.
    deadlines: Vec<Deadline>,
}

impl Replay {
    /// A replay up to a position.
    pub(crate) fn new(query: ReplayQuery, end: Position) -> Self {
        Self {
            last: None,
            end,
            query,
            folds: LruCache::new(FOLDS_MAX),
            digests: BTreeMap::new(),
        }
    }

    /// The cases met that could be read at the end, with their digests there.
    pub(crate) fn digests(&self) -> BTreeMap<CaseId, [u8; 32]> {
        let readable = self.digests.iter();
        readable
            .filter_map(|(case, digest)| Some((*case, (*digest)?)))
            .collect()
    }

    fn wants(&self, position: Position, claimed: Timestamp) -> bool {
        let ReplayQuery {
            from,
            from_time,
            until_time,
            ..
        } = &self.query;
        from.is_none_or(|from| position >= from)
            && from_time.is_none_or(|from| claimed >= from)
            && until_time.is_none_or(|until| claimed < until)
    }
}

impl Engine {
    /// Goes on with a replay for a while; says whether there is more.
    pub(crate) fn replay_some(&self, replay: &mut Replay) -> Result<(Vec<Replayed>, bool), Error> {
        let begun = Instant::now();
        let mut shown = Vec::new();
        let tired = |shown: &[Replayed]| shown.len() >= EVENTS_PER_TURN || begun.elapsed() > TURN;
        match replay.query.case {
            Some(case) => {
                let after = replay.last.map(|last| (last.bundle, last.envelope));
                let mut at_hand: Option<(u64, Bundle)> = None;
                for place in self.store.cases().places_after(&case.0, after) {
                    let (index, envelope) = place?;
                    let position = Position {
                        bundle: index,
                        envelope,
                    };
                    if position > replay.end {
                        break;
                    }
                    let (_, bundle) = match at_hand.take_if(|(known, _)| *known == index) {
                        Some(same) => at_hand.insert(same),
                        None => at_hand.insert((index, self.bundle_at(index)?)),
                    };
                    shown.extend(self.replay_one(replay, position, bundle)?);
                    replay.last = Some(position);
                    if tired(&shown) {
                        return Ok((shown, true));
                    }
                }
            }
            None => {
                let first = match (replay.last, replay.query.from) {
                    (Some(last), _) => last.bundle + 1,
                    (None, from) => from.map_or(0, |from| from.bundle),
                };
                for index in first..=replay.end.bundle {
                    let bundle = self.bundle_at(index)?;
                    for envelope in (0..).take(bundle.envelopes().len()) {
                        let position = Position {
                            bundle: index,
                            envelope,
                        };
                        if position <= replay.end {
                            shown.extend(self.replay_one(replay, position, &bundle)?);
                        }
                    }
                    replay.last = Some(Position {
                        bundle: index,
                        envelope: u32::MAX,
                    });
                    if tired(&shown) {
                        return Ok((shown, true));
                    }
                }
            }
        }
        Ok((shown, false))
    }

    /// One envelope, if it is an event that is asked for and may be seen.
    fn replay_one(
        &self,
        replay: &mut Replay,
        position: Position,
        bundle: &Bundle,
    ) -> Result<Option<Replayed>, Error> {
        let wanted = replay.wants(position, bundle.header().place.claimed_time);
        let signed = |wants: bool| wants.then(|| SignedEvent::of(bundle, position));
        let case = match envelope_of(bundle, position).header().class {
            Class::Event(link) => link.case,
            Class::Partnership if wanted => {
                return Ok(Some(Replayed {
                    event: self.directory_view(position, bundle)?,
                    signed: signed(replay.query.with_signed_bytes),
                    state: None,
                }));
            }
            Class::Partnership | Class::Key(_) => return Ok(None),
        };
        if !wanted || !self.meets(replay, case)? {
            return Ok(None);
        }
        let end = replay.end;
        if !replay.folds.contains(&case) {
            let track = self.past(case, end)?.map(Track::new);
            let Some(track) = track else { return Ok(None) };
            replay.folds.put(case, track);
        }
        let Some(track) = replay.folds.get_mut(&case) else {
            return Ok(None);
        };
        let applied = self.fold_on(track, case, position)?;
        let Some(applied) = applied else {
            return Ok(None);
        };
        let ruled = self.ruled(&track.log, track.own_seq, &applied);
        let state = replay
            .query
            .with_state
            .then(|| self.state_after(track, (position, bundle)))
            .flatten();
        // What this organisation could not judge there it could not see either.
        if matches!(applied.verdict, Verdict::Parked(_) | Verdict::Unseen) {
            return Ok(None);
        }
        Ok(Some(Replayed {
            event: self.past_event(&track.past, (position, bundle), ruled)?,
            signed: signed(replay.query.with_signed_bytes),
            state,
        }))
    }

    /// Notes that a case is met, and says whether it could be read at the end.
    fn meets(&self, replay: &mut Replay, case: CaseId) -> Result<bool, Error> {
        if let Some(digest) = replay.digests.get(&case) {
            return Ok(digest.is_some());
        }
        let past = if self.shelf.contains(case) {
            self.past(case, replay.end)?
        } else {
            None
        };
        let digest = past.as_ref().and_then(|past| past.log.case());
        let digest = digest.map(concordat_domain::Case::digest);
        replay.digests.insert(case, digest);
        if let Some(past) = past {
            replay.folds.put(case, Track::new(past));
        }
        Ok(digest.is_some())
    }

    /// Folds a case on up to a position, and gives what came of the envelope there.
    fn fold_on(
        &self,
        track: &mut Track,
        case: CaseId,
        position: Position,
    ) -> Result<Option<concordat_trust::case_log::Applied>, Error> {
        let mut last = None;
        let after = track.upto.map(|upto| (upto.bundle, upto.envelope));
        let mut at_hand: Option<(u64, Bundle)> = None;
        for place in self.store.cases().places_after(&case.0, after) {
            let (index, envelope) = place?;
            let at = Position {
                bundle: index,
                envelope,
            };
            if at > position {
                break;
            }
            let (_, bundle) = match at_hand.take_if(|(known, _)| *known == index) {
                Some(same) => at_hand.insert(same),
                None => at_hand.insert((index, self.bundle_at(index)?)),
            };
            let applied = self.apply_to(&mut track.log, &track.past.keys, at, bundle);
            track.own_seq = self.own_seq_after(track.own_seq, at, bundle);
            track.upto = Some(at);
            last = (at == position).then_some(applied);
        }
        Ok(last)
    }

    fn state_after(
        &self,
        track: &mut Track,
        (position, bundle): (Position, &Bundle),
    ) -> Option<StateAfter> {
        let case = track.log.case()?;
        let at = bundle.header().place.claimed_time;
        let rules = self.rules_at(position.bundle + 1);
        let deadlines = timetable(case, at, &rules).deadlines().to_vec();
        let before = std::mem::replace(&mut track.deadlines, deadlines);
        Some(StateAfter {
            state: case.state().to_string(),
            digest: case.digest(),
            at,
            deadlines: deadline_changes(&before, &track.deadlines),
        })
    }
}

impl Track {
    fn new(past: Past) -> Self {
        Self {
            log: CaseLog::new(past.log.id()),
            past,
            own_seq: 0,
            upto: None,
            deadlines: Vec::new(),
        }
    }
}

impl SignedEvent {
    /// The event at a position of a bundle as it was signed.
    pub(super) fn of(bundle: &Bundle, position: Position) -> Self {
        let envelope: &Envelope = envelope_of(bundle, position);
        Self {
            bundle_header: bundle.header_bytes().to_vec(),
            signature: bundle.signature().to_vec(),
            envelope: prost::Message::encode_to_vec(&concordat_proto::v1::Envelope::from(envelope)),
            index: position.envelope,
            path: bundle
                .inclusion_proof(position.envelope)
                .unwrap_or_default(),
            bundle_hash: bundle.hash(),
            event_hash: envelope.hash(),
        }
    }
}
