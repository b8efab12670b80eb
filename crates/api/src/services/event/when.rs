//! When something happened, by the clock of this node. Asked at the door alone: limit and clock are the node's own, so no ruling can rest
//! on them.

use concordat_codec::past;
use concordat_domain::calendar::local_date;
use concordat_proto::v1;
use jiff::SignedDuration;
use jiff::civil::{Date, date};

use crate::failure::Failure;
use crate::read;
use crate::services::Services;

/// How far the clocks of a local system and its node may be apart (design, section 7).
const CLOCKS_APART: SignedDuration = SignedDuration::from_secs(60);
/// Nobody alive complains of what happened before.
const EARLIEST: Date = date(1900, 1, 1);

impl Services {
    /// An event has happened when it is handed in, by the clocks of the local system and of the node, and not before there were
    /// records; so has what it tells of. If it happened longer ago than the node's limit, it says why it is recorded so late.
    pub(super) fn check_when(&self, input: &v1::EventInput, path: &str) -> Result<(), Failure> {
        let mut failures = self.check_instant(input, path).err().into_iter();
        let mut dates = self.check_dates(input, path).into_iter();
        match failures.next().or_else(|| dates.next()) {
            Some(first) => Err(Failure::all(first, failures.chain(dates))),
            None => Ok(()),
        }
    }

    fn check_instant(&self, input: &v1::EventInput, path: &str) -> Result<(), Failure> {
        let field = format!("{path}.occurred_at");
        let field = field.as_str();
        let Some(occurred_at) = read::instant(input.occurred_at.as_ref(), field)? else {
            return Ok(());
        };
        if occurred_at > self.clock.now() + CLOCKS_APART {
            return Err(Failure::field(
                field,
                "it lies in the future; set the clock, or emit it when it has happened",
            ));
        }
        if local_date(occurred_at) < EARLIEST {
            return Err(Failure::field(field, "it lies before 1900; check the year"));
        }
        let unexplained = input
            .backdate_reason
            .as_deref()
            .unwrap_or_default()
            .trim()
            .is_empty();
        let limit = self
            .backdate_reason_after
            .and_then(|limit| SignedDuration::try_from(limit).ok());
        if unexplained && limit.is_some_and(|limit| occurred_at < self.clock.now() - limit) {
            return Err(Failure::field(
                &format!("{path}.backdate_reason"),
                "it happened longer ago than this node's limit; say why it is recorded so late",
            ));
        }
        Ok(())
    }

    /// Deadlines are counted from these days: a slip of the year would make one of a century to come.
    fn check_dates(&self, input: &v1::EventInput, path: &str) -> Vec<Failure> {
        let today = local_date(self.clock.now() + CLOCKS_APART);
        let dates = past::dates(input);
        let mut failures = Vec::new();
        for (name, day) in &dates {
            let what = if *day > today {
                "it lies in the future; check the date, or emit it when it has happened"
            } else if *day < EARLIEST {
                "it lies before 1900; check the year"
            } else {
                continue;
            };
            failures.push(Failure::field(&format!("{path}.{name}"), what));
        }
        let day = |of: &str| {
            let name = format!("body.complaint_received.{of}");
            dates
                .iter()
                .find(|(one, _)| *one == name)
                .map(|(_, day)| *day)
        };
        if let (Some(received), Some(screened)) = (day("received_on"), day("screened_on"))
            && screened < received
        {
            failures.push(Failure::field(
                &format!("{path}.body.complaint_received.screened_on"),
                "it lies before received_on; nobody screens what has not come yet",
            ));
        }
        failures
    }
}
