//! Who looked.

use concordat_domain::ids::EventId;
use concordat_node::audit::{AccessQuery, AccessRecord};
use concordat_proto::v1;
use jiff::Timestamp;

use super::reader;
use crate::failure::{Failure, from_node};
use crate::page::Page;
use crate::services::Services;
use crate::{read, render};

impl Services {
    pub(super) async fn access_records(
        &self,
        asked: v1::ListAccessRecordsRequest,
    ) -> Result<v1::ListAccessRecordsResponse, Failure> {
        let reader = reader(&asked.purpose, &asked.actor_id)?;
        let case = read::optional(&asked.case_id, "case_id", read::case_id)?;
        let from = read::instant(asked.from.as_ref(), "from")?;
        let until = read::instant(asked.until.as_ref(), "until")?;
        let text = |at: Option<Timestamp>| at.map(|at| at.to_string()).unwrap_or_default();
        let list = ["access", &asked.case_id, &text(from), &text(until)];
        let page = Page::read(asked.page_size, &asked.page_token, &list)?;
        let access_record = self.record(reader, "ListAccessRecords", case).await?;
        let mut query = AccessQuery {
            case,
            from,
            until,
            after: page.after().and_then(place),
            max: page.size(),
        };
        let mut records: Vec<AccessRecord> = Vec::new();
        let next_page_token = loop {
            query.max = page.size() - records.len();
            let found = self.node.access_records(query.clone()).await;
            let found = found.map_err(from_node)?;
            records.extend(found.records);
            match found.scanned_to {
                None => break String::new(),
                Some((at, id)) if records.len() >= page.size() => {
                    break page.token(&format!("{} {id}", at.as_nanosecond()));
                }
                after => query.after = after,
            }
        };
        Ok(v1::ListAccessRecordsResponse {
            access_record,
            records: records.iter().map(render::access_record).collect(),
            next_page_token,
        })
    }
}

/// The place in a page token.
fn place(key: &str) -> Option<(Timestamp, EventId)> {
    let (at, id) = key.split_once(' ')?;
    let at = Timestamp::from_nanosecond(at.parse().ok()?).ok()?;
    Some((at, id.parse().ok()?))
}
