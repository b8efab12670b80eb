//! Verifying the journal: each record admitted anew on an empty log, then each case folded anew.

use concordat_domain::ids::{CaseId, OrganisationId, Position};
use concordat_trust::admission::{Admission, Delta, Outcome};

use super::{Finding, FindingCode};
use crate::engine::audit::Kept;
use crate::error::Error;
use crate::node::Node;

/// What a verification has come to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Verified {
    /// Bundles verified.
    pub bundles: u64,
    /// Envelopes in them.
    pub envelopes: u64,
    /// Cases folded anew.
    pub cases: u64,
    /// Rulings computed anew and compared.
    pub rulings: u64,
    /// Size of the tree that was computed.
    pub tree_size: u64,
    /// Its root.
    pub tree_root: [u8; 32],
}

/// How far a verification has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stretch {
    /// So many bundles of all.
    Bundles {
        /// Done.
        done: u64,
        /// In all.
        total: u64,
    },
    /// So many cases of all.
    Cases {
        /// Done.
        done: u64,
        /// In all.
        total: u64,
    },
    /// It is done.
    Done(Verified),
}

/// What is verified next.
enum Next {
    Bundles(u64),
    Cases(Option<CaseId>),
    Nothing,
}

/// A verification under way. Ask it for its [`next`](Self::next) stretch until that is done: in between the node does what others want of it.
pub struct Verification {
    admission: Admission,
    bundles: u64,
    cases: u64,
    next: Next,
    verified: Verified,
}

impl Node {
    /// Begins a verification of the journal up to its present end. The partnership file is the one that the node was started with.
    ///
    /// # Errors
    /// [`Error::Stopping`].
    pub async fn verify(&self) -> Result<Verification, Error> {
        let begun = self.mailbox.call(|engine| engine.begin_verification());
        let (admission, bundles, cases) = begun.await?;
        Ok(Verification {
            admission,
            bundles,
            cases,
            next: Next::Bundles(0),
            verified: Verified::default(),
        })
    }
}

impl Verification {
    /// Verifies some more, and says what was found in it.
    ///
    /// # Errors
    /// [`Error::Stopping`]; [`Error::Store`] if what is kept beside the journal cannot be read.
    pub async fn next(mut self, node: &Node) -> Result<(Self, Vec<Finding>, Stretch), Error> {
        match self.next {
            Next::Bundles(from) if from < self.bundles => {
                let before = self.bundles;
                let kept = node
                    .mailbox
                    .call(move |engine| engine.kept_records(from, before));
                let kept = kept.await?;
                // Signatures take time, and neither the engine nor the runtime is to wait for them.
                let verified = tokio::task::spawn_blocking(move || {
                    let findings = self.take(&kept);
                    (self, findings)
                });
                let (mut this, findings) = verified.await.map_err(|_| Error::Stopping)?;
                this.next = Next::Bundles(this.verified.bundles);
                let stretch = Stretch::Bundles {
                    done: this.verified.bundles,
                    total: this.bundles,
                };
                Ok((this, findings, stretch))
            }
            Next::Bundles(_) => {
                let size = self.bundles;
                let own = node.mailbox.call(move |engine| engine.own_root_at(size));
                let own = own.await?;
                let seen = self.admission.seen();
                self.verified.tree_size = seen.size;
                self.verified.tree_root = seen.root.0;
                let differs = own != Some(seen.root);
                let findings = differs.then(|| Finding::new(FindingCode::RootDiffers));
                self.next = Next::Cases(None);
                let stretch = Stretch::Cases {
                    done: 0,
                    total: self.cases,
                };
                Ok((self, findings.into_iter().collect(), stretch))
            }
            Next::Cases(after) => {
                let refolded = node
                    .mailbox
                    .call(move |engine| engine.refold_some(after))
                    .await??;
                self.verified.cases += refolded.cases;
                self.verified.rulings += refolded.rulings;
                self.next = match refolded.last {
                    Some(last) => Next::Cases(Some(last)),
                    None => Next::Nothing,
                };
                let stretch = Stretch::Cases {
                    done: self.verified.cases,
                    total: self.cases.max(self.verified.cases),
                };
                Ok((self, refolded.findings, stretch))
            }
            Next::Nothing => {
                let stretch = Stretch::Done(self.verified);
                Ok((self, Vec::new(), stretch))
            }
        }
    }

    fn take(&mut self, kept: &[Kept]) -> Vec<Finding> {
        let mut findings = Vec::new();
        for kept in kept {
            self.verified.bundles += 1;
            self.take_one(kept, &mut findings);
        }
        findings
    }

    fn take_one(&mut self, kept: &Kept, findings: &mut Vec<Finding>) {
        let delta: Option<Delta> = kept
            .delta
            .as_deref()
            .and_then(|bytes| serde_json::from_slice(bytes).ok());
        let position = Position {
            bundle: kept.index,
            envelope: 0,
        };
        let author = delta.as_ref().map(|delta| &delta.organisation);
        let mut found = |code, author: Option<&OrganisationId>| {
            findings.push(match author {
                Some(author) => Finding::at(code, position, author),
                None => Finding::new(code).standing_at(position),
            });
        };
        let Ok(record) = &kept.record else {
            found(FindingCode::RecordUnreadable, author);
            self.go_on_with(delta);
            return;
        };
        match self.admission.admit(record) {
            Outcome::Admitted(admitted) => {
                let author = Some(admitted.bundle.organisation());
                self.verified.envelopes += admitted.bundle.envelopes().len() as u64;
                if !admitted.seen_holds() {
                    found(FindingCode::SplitView, author);
                }
                match delta {
                    None => found(FindingCode::DeltaMissing, author),
                    Some(delta) if delta != admitted.delta => {
                        found(FindingCode::DeltaDiffers, author);
                    }
                    Some(_) => {}
                }
            }
            Outcome::AlreadyAdmitted { .. } => {
                found(FindingCode::Repeated, author);
                self.go_on_with(delta);
            }
            Outcome::Fork(fork) => {
                found(FindingCode::Fork, Some(fork.rival.organisation()));
                self.go_on_with(delta);
            }
            Outcome::Refused(refusal) => {
                found(FindingCode::NotAdmitted(refusal.code()), author);
                self.go_on_with(delta);
            }
            Outcome::UnknownFormat { .. } => {
                found(FindingCode::UnknownFormat, author);
                self.go_on_with(delta);
            }
        }
    }

    /// Goes on behind a record that does not count with what was found when it did, so that one fault is not told of all that follows.
    fn go_on_with(&mut self, delta: Option<Delta>) {
        if let Some(delta) = delta.filter(|delta| delta.index == self.admission.size()) {
            self.admission.apply(&delta);
        }
    }
}
