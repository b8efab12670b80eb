//! Who looked, what at and what for. Local records, sealed at rest: they never leave this node.

use concordat_codec::{fields, time};
use concordat_domain::ids::{CaseId, EventId};
use concordat_proto::v1;
use jiff::Timestamp;
use prost::Message as _;

use super::super::Engine;
use super::super::directory::OWN_RECORD;
use crate::audit::{AccessPage, AccessQuery, AccessRecord, Reader};
use crate::error::Error;

/// Names of access records in the vault begin so; then come the instant, so that they are in order, and the id.
const ACCESS: &str = "access/";
/// Records looked at in one turn: some milliseconds.
const SCANNED_PER_TURN: usize = 2000;

/// Place of a record among those of its kind: instant and id.
type At = (Timestamp, EventId);

/// The name of a record in the vault. Instants before 1970 do not occur: they are a node's own clock.
fn name(prefix: &str, at: Timestamp, id: EventId) -> String {
    format!("{prefix}{:032}/{id}", at.as_nanosecond())
}

fn at_of(prefix: &str, name: &str) -> Option<At> {
    let (at, id) = name.strip_prefix(prefix)?.split_once('/')?;
    let at = Timestamp::from_nanosecond(at.parse().ok()?).ok()?;
    Some((at, id.parse().ok()?))
}

impl Engine {
    /// Records that somebody reads. Call it through what answers only once it is durable: who reads has been recorded by then.
    ///
    /// A case that this organisation may not see leaves no record: its answer is that there is none.
    pub(crate) fn record_access(
        &mut self,
        reader: Reader,
        rpc: &str,
        case: Option<CaseId>,
    ) -> Result<EventId, Error> {
        if case.is_some_and(|case| !self.shelf.contains(case)) {
            return Err(Error::UnknownCase);
        }
        self.keep_access(reader, rpc, (case, None))
    }

    /// Records what was done to a feed, in the turn that does it: both become durable, or neither.
    pub(in crate::engine) fn record_feed_access(
        &mut self,
        reader: Reader,
        rpc: &str,
        (feed, case): (&str, Option<CaseId>),
    ) -> Result<EventId, Error> {
        self.keep_access(reader, rpc, (case, Some(feed.to_owned())))
    }

    fn keep_access(
        &mut self,
        reader: Reader,
        rpc: &str,
        (case, feed): (Option<CaseId>, Option<String>),
    ) -> Result<EventId, Error> {
        let record = AccessRecord {
            id: self.fresh_id(),
            at: self.now(),
            who: reader.who,
            purpose: reader.purpose,
            rpc: rpc.to_owned(),
            case,
            feed,
        };
        let bytes = serde_json::to_vec(&record)
            .map_err(|_| Error::Corrupt("an access record does not serialise".to_owned()))?;
        let name = name(ACCESS, record.at, record.id);
        self.store.vault().put(&mut self.batch, &name, &bytes)?;
        Ok(record.id)
    }

    /// Some access records: those of the audit service, and the looks that local systems logged.
    pub(crate) fn access_records(&self, query: &AccessQuery) -> Result<AccessPage, Error> {
        let (mut records, by_service) = self.scan(ACCESS, query, |_, bytes| {
            serde_json::from_slice(bytes)
                .map(Some)
                .map_err(|_| Error::Corrupt("an access record does not decode".to_owned()))
        })?;
        let (logged, by_systems) = self.scan(OWN_RECORD, query, |id, bytes| {
            let event = v1::Event::decode(bytes)
                .map_err(|_| Error::Corrupt("an own record does not decode".to_owned()))?;
            Ok(logged(id, &event))
        })?;
        records.extend(logged);
        records.sort_by_key(|record| (record.at, record.id));
        // What one of the two did not get to, the other must not run ahead of.
        let mut scanned_to = match (by_service, by_systems) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
        if let Some(upto) = scanned_to {
            records.retain(|record| (record.at, record.id) <= upto);
        }
        if records.len() > query.max {
            records.truncate(query.max);
            scanned_to = records.last().map(|record| (record.at, record.id));
        }
        Ok(AccessPage {
            records,
            scanned_to,
        })
    }

    /// What is asked for of one kind, and up to where was looked if that is not the end.
    fn scan(
        &self,
        prefix: &str,
        query: &AccessQuery,
        read: impl Fn(EventId, &[u8]) -> Result<Option<AccessRecord>, Error>,
    ) -> Result<(Vec<AccessRecord>, Option<At>), Error> {
        let first = query.from.max(query.after.map(|(at, _)| at));
        let first = first.map_or_else(
            || prefix.to_owned(),
            |at| format!("{prefix}{:032}", at.as_nanosecond()),
        );
        let (mut found, mut scanned) = (Vec::new(), 0);
        for kept in self.store.vault().from(prefix, &first) {
            let (name, bytes) = kept?;
            let at = at_of(prefix, &name)
                .ok_or_else(|| Error::Corrupt(format!("`{name}` names no record")))?;
            if query.until.is_some_and(|until| at.0 >= until) {
                return Ok((found, None));
            }
            if query.after.is_some_and(|after| at <= after) {
                continue;
            }
            scanned += 1;
            let record = read(at.1, &bytes)?;
            let wanted = |record: &AccessRecord| query.case.is_none() || record.case == query.case;
            found.extend(record.filter(wanted));
            if found.len() > query.max || scanned >= SCANNED_PER_TURN {
                return Ok((found, Some(at)));
            }
        }
        Ok((found, None))
    }
}

/// A look that a local system logged (`access-logged`); none for what else an organisation records for itself alone.
fn logged(id: EventId, event: &v1::Event) -> Option<AccessRecord> {
    let extract = fields::extract(event.body.as_ref()?, &[])?;
    if extract.event_type != "access-logged" {
        return None;
    }
    let text = |name: &str| extract.fields.text(name).unwrap_or_default().to_owned();
    Some(AccessRecord {
        id,
        at: time::from_wire(event.recorded_at.as_ref()?)?,
        who: text("who"),
        purpose: text("purpose"),
        rpc: String::new(),
        case: text("case").parse().ok(),
        feed: None,
    })
}
