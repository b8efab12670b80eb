//! `DeadlineService`: what is owed, by whom, by when, and why.

use std::collections::{BTreeMap, BTreeSet};

use concordat_domain::ids::{CaseId, OrganisationId};
use concordat_domain::timetable::{Deadline, DeadlineId, Waiting};
use concordat_node::{CaseView, DueDeadline, DuePlace, DueQuery, DueState};
use concordat_proto::v1;
use concordat_proto::v1::deadline_service_server::DeadlineService;
use jiff::Timestamp;
use jiff::civil::Date;
use prost::Message as _;
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
        let (metadata, _, asked) = request.into_parts();
        self.reach(&asked.min_position, &metadata).await?;
        let given = read::instant(asked.at.as_ref(), "at")?;
        let at = given.unwrap_or_else(|| self.clock.now());
        let wanted = Wanted::read(&asked)?;
        let page = Page::read(asked.page_size, &asked.page_token, &[&list_of(&asked)])?;
        let answer = match wanted.case {
            Some(case) => self.deadlines_of(case, &wanted, &page, at).await,
            None => self.due(&wanted, &page, at).await,
        };
        Ok(Response::new(answer?))
    }

    async fn explain_deadline(
        &self,
        request: Request<v1::ExplainDeadlineRequest>,
    ) -> Result<Response<v1::ExplainDeadlineResponse>, Status> {
        let (metadata, _, asked) = request.into_parts();
        self.reach(&asked.min_position, &metadata).await?;
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
        let before: Vec<&Deadline> = before.filter(|one| one.name == explained.name).collect();
        Ok(Response::new(render::explanation(
            explained, &before, &case, at,
        )))
    }
}

impl Services {
    /// The deadlines of one case, what is done among them.
    async fn deadlines_of(
        &self,
        case: CaseId,
        wanted: &Wanted,
        page: &Page,
        at: Timestamp,
    ) -> Result<v1::ListDeadlinesResponse, Failure> {
        if let Some(field) = wanted.over_all_cases_only() {
            return Err(Failure::field(field, "left out where one case is named"));
        }
        let case = self.node.case(case, Some(at)).await.map_err(from_node)?;
        let all: Vec<&Deadline> = wanted.of(&case, at).collect();
        let total = count(all.len() as u64);
        let (deadlines, next_page_token) = page.cut(all, |one: &&Deadline| {
            // What has no due day comes last.
            let due = one
                .due
                .map_or_else(|| "~".to_owned(), |due| due.to_string());
            format!("{due} {}", one.id)
        });
        Ok(v1::ListDeadlinesResponse {
            deadlines: deadlines
                .into_iter()
                .map(|one| render::deadline(one, case.waiting.get(&one.id), case.id, at))
                .collect(),
            next_page_token,
            total,
        })
    }

    /// What is due over all cases.
    async fn due(
        &self,
        wanted: &Wanted,
        page: &Page,
        at: Timestamp,
    ) -> Result<v1::ListDeadlinesResponse, Failure> {
        let after = page.after().map(place).transpose()?;
        let query = DueQuery {
            at: Some(at),
            owners: wanted.owners.clone(),
            keeper: wanted.keeper.clone(),
            posts: wanted.posts.clone(),
            names: wanted.names.clone(),
            states: wanted.due_states()?,
            due_from: wanted.due_from,
            due_until: wanted.due_until,
            due_within_working_days: wanted.due_within_working_days,
            counted_for_working_days: wanted.counted_for_working_days,
            after,
            max: page.size(),
        };
        let found = self.node.due(query).await.map_err(from_node)?;
        let next_page_token = match found.deadlines.last().filter(|_| found.has_more) {
            Some(DueDeadline { place, .. }) => {
                page.token(&format!("{} {} {}", place.due, place.case, place.number))
            }
            None => String::new(),
        };
        let waiting = match wanted.with_waits {
            true => self.waiting(&found.deadlines, at).await?,
            false => BTreeMap::new(),
        };
        Ok(v1::ListDeadlinesResponse {
            deadlines: found
                .deadlines
                .iter()
                .map(|one| {
                    let waiting = waiting.get(&one.deadline.id);
                    render::deadline(&one.deadline, waiting, one.place.case, at)
                })
                .collect(),
            next_page_token,
            total: count(found.total),
        })
    }
}

impl Services {
    /// Whom some deadlines waited on: asked case by case, so that the node does what others want of it in between.
    async fn waiting(
        &self,
        deadlines: &[DueDeadline],
        at: Timestamp,
    ) -> Result<BTreeMap<DeadlineId, Waiting>, Failure> {
        let mut waiting = BTreeMap::new();
        let cases: BTreeSet<CaseId> = deadlines.iter().map(|one| one.place.case).collect();
        for case in cases {
            let case = self.node.case(case, Some(at)).await.map_err(from_node)?;
            waiting.extend(case.waiting);
        }
        Ok(waiting)
    }
}

fn count(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Everything that decides what is listed.
fn list_of(asked: &v1::ListDeadlinesRequest) -> String {
    let listed = v1::ListDeadlinesRequest {
        page_size: 0,
        page_token: String::new(),
        min_position: String::new(),
        ..asked.clone()
    };
    format!("deadlines {}", hex::encode(listed.encode_to_vec()))
}

/// The place in a page token, as [`Services::due`] puts it there.
fn place(key: &str) -> Result<DuePlace, Failure> {
    let mut parts = key.split(' ');
    let mut next = || parts.next().unwrap_or_default();
    let place = (|| {
        Some(DuePlace {
            due: next().parse().ok()?,
            case: next().parse().ok()?,
            number: next().parse().ok()?,
        })
    })();
    place.ok_or_else(|| {
        Failure::field(
            "page_token",
            "one that an earlier answer to this request gave",
        )
    })
}

/// Which deadlines are asked for.
struct Wanted {
    case: Option<CaseId>,
    states: Vec<v1::DeadlineState>,
    owners: BTreeSet<OrganisationId>,
    keeper: Option<OrganisationId>,
    posts: BTreeSet<String>,
    names: BTreeSet<String>,
    due_from: Option<Date>,
    /// The last day.
    due_until: Option<Date>,
    due_within_working_days: Option<u32>,
    counted_for_working_days: Option<u32>,
    with_waits: bool,
}

/// Working days that one may look ahead or back: a year of them. Calendars reach further, so that this bound is what is told.
const WORKING_DAYS_MAX: i32 = 260;

impl Wanted {
    fn read(asked: &v1::ListDeadlinesRequest) -> Result<Self, Failure> {
        let state = |(index, number): (usize, &i32)| {
            v1::DeadlineState::try_from(*number).map_err(|_| {
                Failure::field(&format!("states[{index}]"), "a state that this node knows")
            })
        };
        let owner =
            |(index, text): (usize, &String)| read::organisation(text, &format!("owners[{index}]"));
        let due_before = read::optional(&asked.due_before, "due_before", day)?;
        let due_until = due_before.map(|day| day.yesterday().unwrap_or(Date::MIN));
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
            keeper: read::optional(&asked.keeper, "keeper", read::organisation)?,
            posts: asked.posts.iter().cloned().collect(),
            names: asked.names.iter().cloned().collect(),
            due_from: read::optional(&asked.due_from, "due_from", day)?,
            due_until,
            due_within_working_days: asked
                .due_within_working_days
                .map(|n| working_days(n, "due_within_working_days"))
                .transpose()?,
            counted_for_working_days: asked
                .counted_for_working_days
                .map(|n| working_days(n, "counted_for_working_days"))
                .transpose()?,
            with_waits: asked.with_waits,
        })
    }

    /// A field that was set and is read over all cases only.
    fn over_all_cases_only(&self) -> Option<&'static str> {
        [
            (
                "due_within_working_days",
                self.due_within_working_days.is_some(),
            ),
            (
                "counted_for_working_days",
                self.counted_for_working_days.is_some(),
            ),
            ("keeper", self.keeper.is_some()),
            ("posts", !self.posts.is_empty()),
        ]
        .into_iter()
        .find_map(|(field, set)| set.then_some(field))
    }

    /// The states asked for, as the index has them.
    fn due_states(&self) -> Result<BTreeSet<DueState>, Failure> {
        let state = |(index, state): (usize, &v1::DeadlineState)| match state {
            v1::DeadlineState::Running => Ok(DueState::Running),
            v1::DeadlineState::Overdue => Ok(DueState::Overdue),
            v1::DeadlineState::Expired => Ok(DueState::Expired),
            v1::DeadlineState::Undated => Ok(DueState::Undated),
            v1::DeadlineState::Unspecified
            | v1::DeadlineState::Met
            | v1::DeadlineState::MetLate
            | v1::DeadlineState::Moved
            | v1::DeadlineState::Ended => Err(Failure::field(
                &format!("states[{index}]"),
                "running, overdue, expired or undated; what is done is listed with a case_id",
            )),
        };
        self.states.iter().enumerate().map(state).collect()
    }

    fn of<'a>(&'a self, case: &'a CaseView, at: Timestamp) -> impl Iterator<Item = &'a Deadline> {
        let wanted = move |one: &&Deadline| {
            let state = render::deadline_state(one, at);
            let name = one.name.rule();
            (self.states.is_empty() || self.states.contains(&state))
                && (self.owners.is_empty() || self.owners.contains(&one.owed_by))
                && (self.names.is_empty() || self.names.iter().any(|wanted| wanted == name))
                && self
                    .due_from
                    .is_none_or(|day| one.due.is_some_and(|due| due >= day))
                && self
                    .due_until
                    .is_none_or(|day| one.due.is_some_and(|due| due <= day))
        };
        case.deadlines.iter().filter(wanted)
    }
}

fn day(text: &str, field: &str) -> Result<Date, Failure> {
    let read = text.parse();
    read.map_err(|_| Failure::field(field, "expected a day, YYYY-MM-DD"))
}

fn working_days(n: i32, field: &str) -> Result<u32, Failure> {
    let days = u32::try_from(n).ok().filter(|_| n <= WORKING_DAYS_MAX);
    days.ok_or_else(|| Failure::field(field, "a number of working days from 0 to 260"))
}
