//! `DeadlineService`: what is owed, by whom, by when, and why.

use concordat_domain::ids::{CaseId, OrganisationId};
use concordat_domain::timetable::Deadline;
use concordat_node::CaseView;
use concordat_proto::v1;
use concordat_proto::v1::deadline_service_server::DeadlineService;
use jiff::Timestamp;
use jiff::civil::Date;
use tonic::{Request, Response, Status};

use super::Services;
use crate::failure::{Failure, from_node};
use crate::page::Page;
use crate::{read, render};

#[tonic::async_trait]
impl DeadlineService for Services {
    async fn list_deadlines(
        &self,
        request: Request<v1::ListDeadlinesRequest>,
    ) -> Result<Response<v1::ListDeadlinesResponse>, Status> {
        let asked = request.into_inner();
        let wanted = Wanted::read(&asked)?;
        let given = read::instant(asked.at.as_ref(), "at")?;
        let at = given.unwrap_or_else(|| self.clock.now());
        let states: Vec<String> = asked.states.iter().map(ToString::to_string).collect();
        let list = [
            "deadlines",
            &asked.case_id,
            &states.join(","),
            &asked.owners.join(","),
            &asked.due_before,
            &given.map(|at| at.to_string()).unwrap_or_default(),
        ];
        let page = Page::read(asked.page_size, &asked.page_token, &list)?;
        let mut cases = Vec::new();
        match wanted.case {
            Some(id) => cases.push(self.node.case(id, Some(at)).await.map_err(from_node)?),
            None => loop {
                let after = cases.last().map(|case: &CaseView| case.id);
                let some = self.cases_after(after, at).await?;
                if some.is_empty() {
                    break;
                }
                cases.extend(some);
            },
        }
        let all = cases.iter().flat_map(|case| wanted.of(case, at)).collect();
        let (deadlines, next_page_token) = page.cut(all, |(case, one): &(&CaseView, &Deadline)| {
            // What has no due day comes last.
            let due = one
                .due
                .map_or_else(|| "~".to_owned(), |due| due.to_string());
            format!("{due} {} {}", case.id, one.id)
        });
        Ok(Response::new(v1::ListDeadlinesResponse {
            deadlines: deadlines
                .into_iter()
                .map(|(case, one)| render::deadline(one, case.waiting.get(&one.id), case.id, at))
                .collect(),
            next_page_token,
        }))
    }

    async fn explain_deadline(
        &self,
        request: Request<v1::ExplainDeadlineRequest>,
    ) -> Result<Response<v1::ExplainDeadlineResponse>, Status> {
        let asked = request.into_inner();
        let id = read::case_id(&asked.case_id, "case_id")?;
        let at = read::instant(asked.at.as_ref(), "at")?.unwrap_or_else(|| self.clock.now());
        let case = self.node.case(id, Some(at)).await;
        let case = case.map_err(from_node)?;
        let place = case.deadlines.iter().rposition(|one| {
            one.id.to_string() == asked.deadline || one.name.to_string() == asked.deadline
        });
        let place = place.ok_or_else(|| Failure::not_found("deadline"))?;
        let explained = &case.deadlines[place];
        let before = case.deadlines[..place].iter();
        let earlier = before
            .filter(|one| one.name == explained.name)
            .map(|one| render::deadline(one, case.waiting.get(&one.id), id, at))
            .collect();
        let waiting = case.waiting.get(&explained.id);
        Ok(Response::new(render::explanation(
            explained, waiting, earlier, id, at,
        )))
    }
}

/// Which deadlines are asked for.
struct Wanted {
    case: Option<CaseId>,
    states: Vec<v1::DeadlineState>,
    owners: Vec<OrganisationId>,
    due_before: Option<Date>,
}

impl Wanted {
    fn read(asked: &v1::ListDeadlinesRequest) -> Result<Self, Failure> {
        let state = |(index, number): (usize, &i32)| {
            v1::DeadlineState::try_from(*number).map_err(|_| {
                Failure::field(&format!("states[{index}]"), "a state that this node knows")
            })
        };
        let owner =
            |(index, text): (usize, &String)| read::organisation(text, &format!("owners[{index}]"));
        Ok(Self {
            case: read::optional(&asked.case_id, "case_id", read::case_id)?,
            states: asked
                .states
                .iter()
                .enumerate()
                .map(state)
                .collect::<Result<_, _>>()?,
            owners: asked
                .owners
                .iter()
                .enumerate()
                .map(owner)
                .collect::<Result<_, _>>()?,
            due_before: match asked.due_before.as_str() {
                "" => None,
                text => Some(
                    text.parse()
                        .map_err(|_| Failure::field("due_before", "expected a day, YYYY-MM-DD"))?,
                ),
            },
        })
    }

    fn of<'a>(
        &'a self,
        case: &'a CaseView,
        at: Timestamp,
    ) -> impl Iterator<Item = (&'a CaseView, &'a Deadline)> {
        let wanted = move |one: &&Deadline| {
            let state = render::deadline_state(one, at);
            (self.states.is_empty() || self.states.contains(&state))
                && (self.owners.is_empty() || self.owners.contains(&one.owed_by))
                && self
                    .due_before
                    .is_none_or(|day| one.due.is_some_and(|due| due < day))
        };
        case.deadlines
            .iter()
            .filter(wanted)
            .map(move |one| (case, one))
    }
}
