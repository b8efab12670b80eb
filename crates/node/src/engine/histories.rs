//! What reports read: each case up to a position of the log, folded from the journal, with its effective events.

use concordat_codec::{fields, parts};
use concordat_domain::fields::Fields;
use concordat_domain::ids::{CaseId, Position};
use concordat_domain::reports::{Entry, History, Needs, Stand};
use concordat_proto::v1::Compartment as Class;
use concordat_trust::bundle::Bundle;
use concordat_trust::case_log::{CaseLog, Verdict};
use concordat_trust::compartment::Compartment;

use super::Engine;
use super::cases::envelope_of;
use super::view::Parts;
use crate::error::Error;
use crate::views::{Histories, Rulebook, Upto};

/// The content field that reports count without showing it.
const EQUALITY: &str = "equality";

impl Engine {
    /// Where a report stands that is begun now, or at a position.
    pub(crate) fn stand(&self, asked: &Upto) -> Result<Stand, Error> {
        let head = self.last_applied();
        let position = match asked.position {
            Some(position) => {
                if head.is_none_or(|head| position.bundle > head.bundle) {
                    return Err(Error::PositionNotReached { position });
                }
                Some(position)
            }
            None => head,
        };
        let claimed = match asked.position {
            Some(position) => Some(self.bundle_at(position.bundle)?.header().place.claimed_time),
            None => None,
        };
        Ok(Stand {
            organisation: self.config.organisation.clone(),
            position,
            at: asked.at.or(claimed).unwrap_or_else(|| self.now()),
        })
    }

    /// The rules in force after a position, to be read elsewhere; those at the end of the log, if none is given.
    pub(crate) fn rulebook(&self, upto: Option<Position>) -> Rulebook {
        let history = self.admission.history();
        let directory = upto.map_or(history.latest(), |position| history.at(position.bundle + 1));
        Rulebook {
            directory: directory.clone(),
            packs: self.config.packs.clone(),
            calendars: self.config.calendars.clone(),
        }
    }

    /// Some cases by id, after one, as they stood at a position.
    pub(crate) fn histories_after(
        &self,
        after: Option<CaseId>,
        upto: Option<Position>,
        needs: Needs,
        max: usize,
    ) -> Result<Histories, Error> {
        let ids: Vec<CaseId> = self.shelf.ids_after(after).take(max).collect();
        let mut histories = Vec::new();
        for case in &ids {
            histories.extend(self.history(*case, upto, needs)?);
        }
        Ok(Histories {
            histories,
            last: ids.last().copied().filter(|_| ids.len() == max),
        })
    }

    /// One case as it stood at a position; none if there was none, or this organisation could not read it then.
    ///
    /// A key that came later opens nothing here: the same position gives the same history, whatever came after it.
    pub(crate) fn history(
        &self,
        case: CaseId,
        upto: Option<Position>,
        needs: Needs,
    ) -> Result<Option<History>, Error> {
        let Some((keys, upto)) = self.keys_of(case).zip(upto) else {
            return Ok(None);
        };
        let mut log = CaseLog::new(case);
        let mut counted = Vec::new();
        for (position, bundle) in self.envelopes_of(case)? {
            if position.bundle > upto.bundle {
                break;
            }
            let applied = self.apply_to(&mut log, keys, position, &bundle);
            let effective = applied.verdict == Verdict::Effective;
            if let Some((event, state)) = applied
                .event
                .zip(log.case())
                .filter(|_| effective)
                .map(|(event, case)| (event, case.state()))
            {
                counted.push((Entry::new(event, position, state), bundle));
            }
        }
        if !self.was_readable(&log) {
            return Ok(None);
        }
        let entries = counted.into_iter().map(|(entry, bundle)| match needs {
            Needs::Process => entry,
            Needs::Equality | Needs::Content => self.with_content(entry, &bundle, &log, needs),
        });
        let entries: Vec<Entry> = entries.collect();
        Ok(log
            .case()
            .cloned()
            .and_then(|case| History::new(case, entries)))
    }

    /// Whether this organisation held a version of `process` at the end of this fold.
    pub(super) fn was_readable(&self, log: &CaseLog) -> bool {
        let lines = log.keys().lines.values();
        lines
            .filter(|line| line.compartment() == Compartment::Process)
            .flat_map(|line| line.versions.values())
            .any(|version| version.holders.contains(&self.config.organisation))
    }

    /// The entry with its content, as far as this organisation held the keys at the end of the fold.
    fn with_content(&self, entry: Entry, bundle: &Bundle, log: &CaseLog, needs: Needs) -> Entry {
        let Parts {
            opened,
            mut withheld,
            erased,
        } = self.open_parts(log, entry.position, bundle);
        withheld.extend(erased);
        let header = envelope_of(bundle, entry.position).header();
        let held = |class: Class| {
            header.parts.iter().any(|part| {
                let line = log
                    .keys()
                    .lines
                    .iter()
                    .find(|(alias, _)| alias.0 == part.alias);
                line.is_some_and(|(_, line)| {
                    Class::from(line.compartment()) == class
                        && line.versions.get(&part.key_version).is_some_and(|version| {
                            version.holders.contains(&self.config.organisation)
                        })
                })
            })
        };
        let (readable, later): (Vec<_>, Vec<_>) =
            opened.into_iter().partition(|(class, _)| held(*class));
        withheld.extend(later.into_iter().map(|(class, _)| class));
        let merged = parts::merge(
            readable
                .iter()
                .map(|(class, bytes)| (*class, bytes.as_slice())),
        );
        let content = merged
            .ok()
            .and_then(|event| fields::content(event.body.as_ref()?))
            .unwrap_or_default();
        let content = match needs {
            Needs::Content => content,
            Needs::Equality | Needs::Process => Fields(
                content
                    .0
                    .into_iter()
                    .filter(|(name, _)| name == EQUALITY)
                    .collect(),
            ),
        };
        let codes = withheld.iter().map(|class| {
            Compartment::try_from(*class).map_or_else(|_| String::new(), |one| one.to_string())
        });
        let withheld = match needs {
            Needs::Content => codes.collect(),
            Needs::Equality | Needs::Process => Vec::new(),
        };
        entry.with_content(content, withheld)
    }
}
