//! Reports made of parts of others.

use super::dossier::Dossier;
use super::{Draft, Frame, Tally};
use crate::rules::Rules;

/// One part: its own frame, the report that makes it, and which of its tables are taken, with their names here.
pub(crate) struct Part {
    frame: Frame,
    tally: Box<dyn Tally>,
    tables: &'static [&'static str],
}

/// Several parts, one after the other.
#[derive(Default)]
pub(crate) struct Composed {
    parts: Vec<Part>,
}

impl Composed {
    /// The same with a further part over the days of this frame.
    pub(crate) fn with<T: Tally + 'static>(
        mut self,
        frame: &Frame,
        tally: impl FnOnce(&Frame) -> T,
        tables: &'static [&'static str],
    ) -> Self {
        self.parts.push(Part {
            frame: frame.clone(),
            tally: Box::new(tally(frame)),
            tables,
        });
        self
    }
}

impl Tally for Composed {
    fn take(&mut self, _: &Frame, dossier: &Dossier<'_>) {
        for part in &mut self.parts {
            part.tally.take(&part.frame, dossier);
        }
    }

    fn finish(self: Box<Self>, _: &Frame, rules: &Rules<'_>) -> Draft {
        let mut whole = Draft::default();
        for part in self.parts {
            let draft = part.tally.finish(&part.frame, rules);
            let taken = draft.tables.into_iter();
            let taken = taken.filter(|table| part.tables.contains(&table.name));
            whole.tables.extend(taken);
            whole.notes.extend(draft.notes);
        }
        whole
    }
}
