//! The same history under another policy pack.

use std::collections::VecDeque;
use std::sync::Arc;

use concordat_domain::audit::WhatIf;
use concordat_domain::ids::CaseId;
use concordat_domain::policy::PolicyPack;
use concordat_node::audit::FoundPoint;
use concordat_proto::v1;
use concordat_proto::v1::replay_under_policy_response::Piece;
use futures::{StreamExt as _, stream};
use tonic::Status;

use super::{Pieces, point, reader};
use crate::failure::{Failure, from_node};
use crate::services::Services;
use crate::{opaque, read, render};

/// Ids of cases fetched at once. Each case is a turn of the node of its own.
const CASES_AT_ONCE: usize = 256;
/// Bytes of a pack file at most: twenty times the longest of this release.
const PACK_BYTES_MAX: usize = 256 * 1024;

struct Run {
    services: Services,
    pack: Arc<PolicyPack>,
    point: FoundPoint,
    waiting: VecDeque<CaseId>,
    /// After which case to ask for more; none when all were asked for.
    more_after: Option<Option<CaseId>>,
    counts: v1::WhatIfSummary,
    /// Whether one case was asked for.
    one_case: bool,
    done: bool,
}

impl Services {
    pub(super) async fn under_policy(
        &self,
        asked: v1::ReplayUnderPolicyRequest,
    ) -> Result<Pieces<v1::ReplayUnderPolicyResponse>, Failure> {
        let reader = reader(&asked.purpose, &asked.actor_id)?;
        let case = read::optional(&asked.case_id, "case_id", read::case_id)?;
        let point = point::read(asked.known.as_ref(), asked.valid_at.as_ref(), "")?;
        let pack = Arc::new(self.other_pack(asked.pack).await?);
        let access_record = self.record(reader, "ReplayUnderPolicy", case).await?;
        let point = self.node.point(point).await.map_err(from_node)?;
        let head = Piece::Head(v1::WhatIfHead {
            access_record,
            pack: format!("{}@{}", pack.id(), pack.version()),
            pack_hash: hex::encode(pack.hash()),
            known_position: point.position.map(opaque::position).unwrap_or_default(),
            valid_at: Some(render::instant(point.valid_at)),
        });
        let run = Run {
            services: self.clone(),
            pack,
            point,
            waiting: case.into_iter().collect(),
            more_after: case.is_none().then_some(None),
            counts: v1::WhatIfSummary::default(),
            one_case: case.is_some(),
            done: false,
        };
        let pieces = stream::try_unfold(run, |mut run| async move {
            if run.done {
                return Ok(None);
            }
            let piece = run.next().await?;
            Ok::<_, Status>(Some((answer(piece), run)))
        });
        Ok(Box::pin(stream::iter([Ok(answer(head))]).chain(pieces)))
    }

    /// The pack that is asked for: one that this node has, or the text that came with the request.
    async fn other_pack(
        &self,
        asked: Option<v1::replay_under_policy_request::Pack>,
    ) -> Result<PolicyPack, Failure> {
        use v1::replay_under_policy_request::Pack;
        match asked {
            None => Err(Failure::field(
                "pack_id",
                "name a pack that this node has, or send the text of one as pack_file",
            )),
            Some(Pack::PackId(id)) => {
                let rulebook = self.node.rulebook(None).await.map_err(from_node)?;
                let known = id.parse().ok();
                let pack = known.and_then(|id| rulebook.rules().packs.get(&id).cloned());
                pack.ok_or_else(|| {
                    Failure::field(
                        "pack_id",
                        "a policy pack that this node has, such as eng-2009",
                    )
                })
            }
            Some(Pack::PackFile(text)) if text.len() > PACK_BYTES_MAX => Err(Failure::field(
                "pack_file",
                format!("at most {PACK_BYTES_MAX} bytes"),
            )),
            Some(Pack::PackFile(text)) => PolicyPack::from_toml(&text)
                .map_err(|error| Failure::field("pack_file", error.to_string())),
        }
    }
}

impl Run {
    /// The next case that would be otherwise; at the end the summary.
    async fn next(&mut self) -> Result<Piece, Status> {
        loop {
            let Some(case) = self.next_case().await? else {
                self.done = true;
                return Ok(Piece::Summary(self.counts));
            };
            let node = &self.services.node;
            let found = node.case_under(case, Arc::clone(&self.pack), self.point);
            let Some(found) = found.await.map_err(from_node)? else {
                if self.one_case {
                    return Err(Failure::not_found("case").into());
                }
                // Over all cases, one that could not be read there is left out.
                continue;
            };
            self.counts.cases += 1;
            self.counts.cases_concerned += i64::from(found.replaced.is_some());
            if found.differs() {
                return Ok(Piece::JointCase(self.differing(case, &found)));
            }
        }
    }

    async fn next_case(&mut self) -> Result<Option<CaseId>, Status> {
        if self.waiting.is_empty()
            && let Some(after) = self.more_after.take()
        {
            let ids = self.services.node.case_ids(after, CASES_AT_ONCE).await;
            self.waiting = ids.map_err(from_node)?.into();
            self.more_after = self.waiting.back().map(|last| Some(*last));
        }
        Ok(self.waiting.pop_front())
    }

    fn differing(&mut self, case: CaseId, found: &WhatIf) -> v1::WhatIfCase {
        let differing = render::what_if(case, found, self.point.valid_at);
        let count = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
        let missed = |before: bool, after: bool| {
            let deadlines = differing.deadlines.iter();
            let changed =
                deadlines.filter(|one| (one.missed_before, one.missed_after) == (before, after));
            count(changed.count())
        };
        self.counts.cases_differing += 1;
        self.counts.rulings += count(differing.rulings.len());
        self.counts.deadlines += count(differing.deadlines.len());
        self.counts.misses_less += missed(true, false);
        self.counts.misses_more += missed(false, true);
        differing
    }
}

fn answer(piece: Piece) -> v1::ReplayUnderPolicyResponse {
    v1::ReplayUnderPolicyResponse { piece: Some(piece) }
}
