//! The contract of [`SharedLog`] as tests that every adapter runs.
//!
//! An adapter gives a [`Harness`] over a new, empty log; each function here is one property. [`contract_tests!`](crate::contract_tests) makes
//! one test of each; [`every_property`] runs them all where a harness is dear to start.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt;
use futures::future::{FutureExt, join_all};
use jiff::Timestamp;

use crate::{
    AppendError, Error, Offset, RECORD_BYTES_MAX, Record, RecordStream, SharedLog, Uncertainty,
};

/// A wait that is never reached unless the property is broken.
const HANG: Duration = Duration::from_secs(60);
/// Between two tries of an append, so that a test does not storm a cluster that needs a moment.
const BACK_OFF: Duration = Duration::from_millis(10);

/// A new, empty log of one partnership.
#[async_trait]
pub trait Harness: Send + Sync {
    /// A handle on that log for `organisation`, ready for use.
    async fn open(&self, organisation: &str) -> Arc<dyn SharedLog>;
}

/// Makes one `#[tokio::test]` of each property. The argument is an expression, awaited in each test, for its harness.
#[macro_export]
macro_rules! contract_tests {
    ($harness:expr) => {
        $crate::contract_tests!(@each $harness;
            empty_log_has_neither_head_nor_records
            records_come_back_byte_for_byte
            offsets_rise_and_head_follows
            append_with_stale_expectation_is_uncertain_and_stores_nothing
            append_expecting_a_record_that_is_not_there_is_uncertain
            repeated_append_is_uncertain_and_stored_once
            other_authors_do_not_disturb_the_fence
            one_of_two_writers_for_one_place_is_acknowledged
            acknowledged_means_stored_even_under_a_used_message_id
            record_that_is_too_long_is_refused
            follower_gets_all_in_order_then_live
            follower_starts_after_its_cursor
            followers_see_one_order_of_concurrent_authors
            dropped_append_leaves_a_log_that_tells_what_happened
            second_handle_of_an_organisation_sees_what_the_first_appended
            all_handles_tell_the_time_of_one_clock
        );
    };
    (@each $harness:expr; $($property:ident)+) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $property() {
                let harness = $harness.await;
                $crate::contract::$property(&harness).await;
            }
        )+
    };
}

/// Runs every property, each on the harness that `fresh` gives for its number.
pub async fn every_property<H: Harness>(fresh: impl AsyncFn(usize) -> H) {
    empty_log_has_neither_head_nor_records(&fresh(0).await).await;
    records_come_back_byte_for_byte(&fresh(1).await).await;
    offsets_rise_and_head_follows(&fresh(2).await).await;
    append_with_stale_expectation_is_uncertain_and_stores_nothing(&fresh(3).await).await;
    append_expecting_a_record_that_is_not_there_is_uncertain(&fresh(4).await).await;
    repeated_append_is_uncertain_and_stored_once(&fresh(5).await).await;
    other_authors_do_not_disturb_the_fence(&fresh(6).await).await;
    one_of_two_writers_for_one_place_is_acknowledged(&fresh(7).await).await;
    acknowledged_means_stored_even_under_a_used_message_id(&fresh(8).await).await;
    record_that_is_too_long_is_refused(&fresh(9).await).await;
    follower_gets_all_in_order_then_live(&fresh(10).await).await;
    follower_starts_after_its_cursor(&fresh(11).await).await;
    followers_see_one_order_of_concurrent_authors(&fresh(12).await).await;
    dropped_append_leaves_a_log_that_tells_what_happened(&fresh(13).await).await;
    second_handle_of_an_organisation_sees_what_the_first_appended(&fresh(14).await).await;
    all_handles_tell_the_time_of_one_clock(&fresh(15).await).await;
}

/// `head` is 0, no record, no own record.
pub async fn empty_log_has_neither_head_nor_records(harness: &dyn Harness) {
    let log = harness.open("ods:A").await;
    assert_eq!(head(&*log).await, Offset(0));
    assert_eq!(last_own(&*log).await, None);
    assert_eq!(record_at(&*log, Offset(0)).await, None);
    assert_eq!(record_at(&*log, Offset(1)).await, None);
    assert!(log.connected());
}

/// From one byte to the longest record.
pub async fn records_come_back_byte_for_byte(harness: &dyn Harness) {
    let log = harness.open("ods:A").await;
    let mut last = Offset(0);
    for length in [1, 512, 60 * 1024, 60 * 1024 + 1, RECORD_BYTES_MAX] {
        let bytes: Bytes = (0..length).map(|i| (i % 251) as u8).collect();
        last = append(&*log, bytes.clone(), last).await;
        let expected = Record {
            offset: last,
            author: "ods-A".into(),
            bytes,
        };
        assert_eq!(
            record_at(&*log, last).await.as_ref(),
            Some(&expected),
            "{length} bytes"
        );
        assert_eq!(
            last_own(&*log).await.as_ref(),
            Some(&expected),
            "{length} bytes"
        );
    }
}

/// An acknowledged offset is above all before it and at or below the head.
pub async fn offsets_rise_and_head_follows(harness: &dyn Harness) {
    let log = harness.open("ods:A").await;
    let mut last = Offset(0);
    for number in 0..20 {
        let offset = append(&*log, text(number), last).await;
        assert!(offset > last);
        assert_eq!(head(&*log).await, offset);
        last = offset;
    }
}

/// A writer that is one record behind changes nothing.
pub async fn append_with_stale_expectation_is_uncertain_and_stores_nothing(harness: &dyn Harness) {
    let log = harness.open("ods:A").await;
    let first = append(&*log, text(1), Offset(0)).await;
    let second = append(&*log, text(2), first).await;
    for stale in [Offset(0), first] {
        uncertain(log.append(text(3), &unique(), stale).await);
    }
    assert_eq!(head(&*log).await, second);
    assert_eq!(
        last_own(&*log).await.map(|record| record.offset),
        Some(second)
    );
}

/// Nor does one that expects more than there is.
pub async fn append_expecting_a_record_that_is_not_there_is_uncertain(harness: &dyn Harness) {
    let log = harness.open("ods:A").await;
    uncertain(log.append(text(1), &unique(), Offset(7)).await);
    let first = append(&*log, text(1), Offset(0)).await;
    uncertain(log.append(text(2), &unique(), Offset(first.0 + 1)).await);
    assert_eq!(head(&*log).await, first);
}

/// The retry of a stored record, which a caller makes that lost the acknowledgement.
pub async fn repeated_append_is_uncertain_and_stored_once(harness: &dyn Harness) {
    let log = harness.open("ods:A").await;
    let message_id = unique();
    let first = log
        .append(text(1), &message_id, Offset(0))
        .await
        .expect("first time");
    uncertain(log.append(text(1), &message_id, Offset(0)).await);
    uncertain(log.append(text(1), &unique(), Offset(0)).await);
    assert_eq!(head(&*log).await, first);
    let second = append(&*log, text(2), first).await;
    assert!(second > first);
}

/// B appends between two appends of A.
pub async fn other_authors_do_not_disturb_the_fence(harness: &dyn Harness) {
    let (a, b) = (harness.open("ods:A").await, harness.open("gss:B").await);
    let first_a = append(&*a, text(1), Offset(0)).await;
    let first_b = append(&*b, text(2), Offset(0)).await;
    let second_a = append(&*a, text(3), first_a).await;
    assert!(first_a < first_b && first_b < second_a);
    assert_eq!(
        last_own(&*a).await.map(|record| record.offset),
        Some(second_a)
    );
    let own_b = last_own(&*b).await.expect("b appended");
    assert_eq!(
        (own_b.offset, own_b.author.as_str(), own_b.bytes),
        (first_b, "gss-B", text(2))
    );
}

/// Two processes of one organisation race, again and again.
pub async fn one_of_two_writers_for_one_place_is_acknowledged(harness: &dyn Harness) {
    let writers = [harness.open("ods:A").await, harness.open("ods:A").await];
    let mut last = Offset(0);
    for round in 0..20_u64 {
        let race = writers.iter().enumerate().map(|(writer, log)| async move {
            let record = text(2 * round + writer as u64);
            (log.append(record.clone(), &unique(), last).await, record)
        });
        let mut acknowledged = Vec::new();
        for (answer, record) in join_all(race).await {
            match answer {
                Ok(offset) => acknowledged.push((offset, record)),
                Err(error) => {
                    uncertain(Err(error));
                }
            }
        }
        let stored = last_own(&*writers[0]).await.expect("one of them is stored");
        assert!(stored.offset > last);
        assert!(
            acknowledged.len() <= 1,
            "both were acknowledged in round {round}"
        );
        for (offset, record) in acknowledged {
            assert_eq!((stored.offset, &stored.bytes), (offset, &record));
        }
        last = stored.offset;
    }
}

/// Another organisation used the id first: an adapter may refuse or store, but not pretend.
pub async fn acknowledged_means_stored_even_under_a_used_message_id(harness: &dyn Harness) {
    let (a, b) = (harness.open("ods:A").await, harness.open("gss:B").await);
    let message_id = unique();
    b.append(text(1), &message_id, Offset(0))
        .await
        .expect("first use");
    let own = match a.append(text(2), &message_id, Offset(0)).await {
        Ok(offset) => offset,
        refused => {
            uncertain(refused);
            assert_eq!(last_own(&*a).await, None);
            append(&*a, text(2), Offset(0)).await
        }
    };
    assert_eq!(
        record_at(&*a, own).await.map(|record| record.bytes),
        Some(text(2))
    );
}

/// The one refusal that is certain.
pub async fn record_that_is_too_long_is_refused(harness: &dyn Harness) {
    let log = harness.open("ods:A").await;
    let record = Bytes::from(vec![0; RECORD_BYTES_MAX + 1]);
    match log.append(record, &unique(), Offset(0)).await {
        Err(AppendError::TooLarge { bytes, bytes_max }) => {
            assert_eq!((bytes, bytes_max), (RECORD_BYTES_MAX + 1, RECORD_BYTES_MAX));
        }
        other => panic!("answered {other:?}"),
    }
    assert_eq!(head(&*log).await, Offset(0));
}

/// Catching up and live are one stream.
pub async fn follower_gets_all_in_order_then_live(harness: &dyn Harness) {
    let (a, b) = (harness.open("ods:A").await, harness.open("gss:B").await);
    let mut last = Offset(0);
    for number in 0..50 {
        last = append(&*a, text(number), last).await;
    }
    let mut records = follow(&*b, Offset(0)).await;
    for number in 0..50 {
        assert_eq!(records.next().await.bytes, text(number));
    }
    assert!(
        records.next().now_or_never().is_none(),
        "nothing more was appended"
    );
    for number in 50..60 {
        last = append(&*a, text(number), last).await;
        let record = records.next().await;
        assert_eq!(
            (record.offset, record.author.as_str(), record.bytes),
            (last, "ods-A", text(number))
        );
    }
}

/// From every cursor, the next record and no other.
pub async fn follower_starts_after_its_cursor(harness: &dyn Harness) {
    let log = harness.open("ods:A").await;
    let mut offsets = vec![Offset(0)];
    for number in 1..=5 {
        let last = *offsets.last().expect("starts with one");
        offsets.push(append(&*log, text(number), last).await);
    }
    for (number, cursor) in offsets.iter().enumerate().take(5) {
        let mut records = follow(&*log, *cursor).await;
        assert_eq!(records.next().await.bytes, text(number as u64 + 1));
    }
    let mut records = follow(&*log, offsets[5]).await;
    append(&*log, text(6), offsets[5]).await;
    assert_eq!(records.next().await.bytes, text(6));
}

/// Four authors at once; a live follower and a late one see the same, each author's records in its order.
pub async fn followers_see_one_order_of_concurrent_authors(harness: &dyn Harness) {
    const EACH: u64 = 25;
    let names = ["ods:A", "gss:B", "cqc:C", "ods:D"];
    let authors = join_all(names.iter().map(|name| harness.open(name))).await;
    let mut live = follow(&*authors[0], Offset(0)).await;
    let writing = join_all(authors.iter().map(|log| async move {
        let mut last = Offset(0);
        for number in 0..EACH {
            last = append(&**log, text(number), last).await;
        }
    }));
    let reading = live.take(EACH as usize * names.len());
    let (_, seen_live) = tokio::join!(writing, reading);

    let mut late = follow(&*authors[3], Offset(0)).await;
    assert_eq!(seen_live, late.take(seen_live.len()).await);
    let offsets: Vec<_> = seen_live.iter().map(|record| record.offset).collect();
    assert!(offsets.is_sorted_by(|a, b| a < b), "{offsets:?}");
    assert_eq!(head(&*authors[1]).await, *offsets.last().expect("many"));
    let tokens: BTreeSet<_> = seen_live
        .iter()
        .map(|record| record.author.clone())
        .collect();
    assert_eq!(tokens.len(), names.len());
    for token in tokens {
        let own: Vec<_> = seen_live
            .iter()
            .filter(|record| record.author == token)
            .map(|r| r.bytes.clone())
            .collect();
        assert_eq!(own, (0..EACH).map(text).collect::<Vec<_>>());
    }
}

/// Dropped after its first step, an append happened or not; the fence finds out without storing it twice.
pub async fn dropped_append_leaves_a_log_that_tells_what_happened(harness: &dyn Harness) {
    let log = harness.open("ods:A").await;
    let first = append(&*log, text(1), Offset(0)).await;
    // One poll starts it; then it is dropped.
    let _ = log.append(text(2), &unique(), first).now_or_never();
    let second = append(&*log, text(2), first).await;
    let third = append(&*log, text(3), second).await;
    let mut records = follow(&*log, Offset(0)).await;
    let seen: Vec<_> = records
        .take(3)
        .await
        .into_iter()
        .map(|record| (record.offset, record.bytes))
        .collect();
    assert_eq!(
        seen,
        [(first, text(1)), (second, text(2)), (third, text(3))]
    );
}

/// What survives the handle: everything.
pub async fn second_handle_of_an_organisation_sees_what_the_first_appended(harness: &dyn Harness) {
    let first = harness.open("ods:A").await;
    let offset = append(&*first, text(1), Offset(0)).await;
    drop(first);
    let second = harness.open("ods:A").await;
    assert_eq!(
        last_own(&*second).await.map(|record| record.offset),
        Some(offset)
    );
    append(&*second, text(2), offset).await;
}

fn text(number: u64) -> Bytes {
    Bytes::from(format!("record {number}"))
}

/// A message id never used before. Nobody in these tests guesses ids, so a count will do.
/// The clock runs on this machine in a test, so the answer lies between the moments before and after the question.
pub async fn all_handles_tell_the_time_of_one_clock(harness: &dyn Harness) {
    let (a, b) = (harness.open("ods:A").await, harness.open("gss:B").await);
    let mut before = machine_time();
    for log in [&a, &b, &a] {
        let told = time(&**log).await;
        let after = machine_time();
        assert!(
            (before..=after).contains(&told),
            "{told} is not between {before} and {after}"
        );
        before = told;
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a contract test asks adapters that have no other clock than this machine's"
)]
fn machine_time() -> Timestamp {
    Timestamp::now()
}

fn unique() -> String {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NEXT: AtomicU64 = AtomicU64::new(0);
    format!(
        "{}-{}",
        std::process::id(),
        NEXT.fetch_add(1, Ordering::SeqCst)
    )
}

/// Appends as a node does (wire.md 3): an uncertain answer is resolved by looking, and the same bytes are appended again
/// as long as they are not there. A cluster answers so while an earlier append of the author is under way.
async fn append(log: &dyn SharedLog, record: Bytes, expected: Offset) -> Offset {
    let appending = async {
        loop {
            let why = match log.append(record.clone(), &unique(), expected).await {
                Ok(offset) => return offset,
                Err(AppendError::Uncertain { why }) => why,
                Err(refused) => panic!("refused: {refused}"),
            };
            match last_own(log).await {
                Some(own) if own.offset > expected && own.bytes == record => return own.offset,
                Some(own) if own.offset > expected => {
                    panic!("{why}, and another record stands there")
                }
                _ => eprintln!("appending again after: {why}"),
            }
            tokio::time::sleep(BACK_OFF).await;
        }
    };
    tokio::time::timeout(HANG, appending)
        .await
        .expect("it is acknowledged in the end")
}

fn uncertain(answer: Result<Offset, AppendError>) -> Uncertainty {
    match answer {
        Err(AppendError::Uncertain { why }) => why,
        other => panic!("expected an uncertain answer, got {other:?}"),
    }
}

async fn head(log: &dyn SharedLog) -> Offset {
    log.head().await.expect("the log can be reached")
}

async fn time(log: &dyn SharedLog) -> Timestamp {
    log.time().await.expect("the log can be reached")
}

async fn last_own(log: &dyn SharedLog) -> Option<Record> {
    log.last_own().await.expect("the log can be reached")
}

async fn record_at(log: &dyn SharedLog, offset: Offset) -> Option<Record> {
    log.record_at(offset).await.expect("the log can be reached")
}

/// Opens a [`Reader`] after `after`, at once.
pub async fn follow(log: &dyn SharedLog, after: Offset) -> Reader<'_> {
    let mut reader = Reader {
        log,
        cursor: after,
        records: None,
    };
    reader.records().await;
    reader
}

/// Follows as a node does: when a follower ends, it opens the next one from its own cursor. A cluster that has only
/// just made a consumer, or lost a server, may end one.
pub struct Reader<'l> {
    log: &'l dyn SharedLog,
    cursor: Offset,
    records: Option<RecordStream>,
}

impl Reader<'_> {
    /// The next record, however often the follower has to be opened anew.
    ///
    /// # Panics
    /// If none arrives, or a follower does not end as the contract says.
    pub async fn next(&mut self) -> Record {
        let reading = async {
            loop {
                match self
                    .records()
                    .await
                    .next()
                    .await
                    .expect("a follower ends with an error only")
                {
                    Ok(record) => {
                        self.cursor = record.offset;
                        return record;
                    }
                    Err(Error::Unavailable { why }) => eprintln!("following again after: {why}"),
                    Err(error) => panic!("{error}"),
                }
                let after_error = self.records().await.next().await;
                assert!(after_error.is_none(), "a follower ends after an error");
                self.records = None;
                tokio::time::sleep(BACK_OFF).await;
            }
        };
        tokio::time::timeout(HANG, reading)
            .await
            .expect("a record arrives")
    }

    /// The next `count` records.
    async fn take(&mut self, count: usize) -> Vec<Record> {
        let mut taken = Vec::with_capacity(count);
        for _ in 0..count {
            taken.push(self.next().await);
        }
        taken
    }

    async fn records(&mut self) -> &mut RecordStream {
        while self.records.is_none() {
            match self.log.follow(self.cursor).await {
                Ok(records) => self.records = Some(records),
                Err(Error::Unavailable { why }) => {
                    eprintln!("following again after: {why}");
                    tokio::time::sleep(BACK_OFF).await;
                }
                Err(error) => panic!("{error}"),
            }
        }
        self.records.as_mut().expect("the loop ends with one")
    }
}
