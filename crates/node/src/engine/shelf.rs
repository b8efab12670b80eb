//! The cases that this node reads: which there are, and the folds of those used last. The other folds lie in their projections, from
//! which they come back on demand; so memory is bounded however many cases are open (docs/adr/0015).

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::ops::Bound;
use std::sync::Arc;

use concordat_domain::ids::CaseId;
use concordat_trust::case_log::CaseLog;
use lru::LruCache;

/// Folds by case. What one turn touches stays until the turn ends, so that what is not written yet cannot be lost; then whoever owns
/// the shelf writes and [drops](Self::drop_fold) what is [too much](Self::too_much).
pub(super) struct Shelf {
    /// Every case that this organisation can read, or could when it left.
    known: BTreeSet<CaseId>,
    /// Folds in memory, the one used last first. A look-up changes the order, hence the cell.
    folds: RefCell<LruCache<CaseId, Arc<CaseLog>>>,
    folds_max: usize,
}

impl Shelf {
    /// An empty shelf that keeps up to `folds_max` folds in memory from turn to turn.
    pub(super) fn new(folds_max: usize) -> Self {
        Self {
            known: BTreeSet::new(),
            folds: RefCell::new(LruCache::unbounded()),
            folds_max,
        }
    }

    /// Whether this node reads the case.
    pub(super) fn contains(&self, case: CaseId) -> bool {
        self.known.contains(&case)
    }

    /// All cases that this node reads, by id, behind one; all, if none is given.
    pub(super) fn ids_after(&self, after: Option<CaseId>) -> impl Iterator<Item = CaseId> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        self.known.range((from, Bound::Unbounded)).copied()
    }

    /// The fold of a case, if it is in memory.
    pub(super) fn fold(&self, case: CaseId) -> Option<Arc<CaseLog>> {
        self.folds.borrow_mut().get(&case).map(Arc::clone)
    }

    /// Puts a fold back that was read from its projection.
    pub(super) fn keep(&self, case: CaseId, log: CaseLog) -> Arc<CaseLog> {
        let log = Arc::new(log);
        self.folds.borrow_mut().put(case, Arc::clone(&log));
        log
    }

    /// A case that this node reads, whose fold lies in its projection.
    pub(super) fn know(&mut self, case: CaseId) {
        self.known.insert(case);
    }

    /// Puts a new fold of a case in the place of what was there.
    pub(super) fn put(&mut self, case: CaseId, log: CaseLog) {
        self.known.insert(case);
        self.folds.get_mut().put(case, Arc::new(log));
    }

    /// Takes a fold out, to change it and [put](Self::put) it back within the turn. Meanwhile the case is unknown: its projection is older
    /// than what was taken.
    pub(super) fn take(&mut self, case: CaseId) -> Option<CaseLog> {
        let log = self.folds.get_mut().pop(&case)?;
        self.known.remove(&case);
        // Nobody else holds it but for the time of one look: then a copy is what is changed.
        Some(Arc::try_unwrap(log).unwrap_or_else(|shared| CaseLog::clone(&shared)))
    }

    /// The cases beyond the bound whose folds were used longest ago.
    pub(super) fn too_much(&self) -> Vec<CaseId> {
        let folds = self.folds.borrow();
        let count = folds.len().saturating_sub(self.folds_max);
        folds
            .iter()
            .rev()
            .take(count)
            .map(|(case, _)| *case)
            .collect()
    }

    /// Drops a fold from memory; its case stays known.
    pub(super) fn drop_fold(&mut self, case: CaseId) {
        self.folds.get_mut().pop(&case);
    }

    /// Number of cases that this node reads.
    pub(super) fn len(&self) -> usize {
        self.known.len()
    }

    /// Number of folds in memory.
    pub(super) fn folds_count(&self) -> usize {
        self.folds.borrow().len()
    }
}
