//! Feeds over gRPC: filters, starts, counting, parking, seeking, statements.

use crate::support;

use concordat_proto::v1;
use concordat_proto::v1::feed_entry::Content;
use concordat_proto::v1::feed_place::At;
use concordat_trust::Hash;
use concordat_trust::feed::FeedLine;
use concordat_trust::pae::{PayloadType, pae};
use serde_json::json;
use support::{COUNCIL, Served, TRUST, told};

const FEED: &str = "engine";

async fn create(served: &Served, asked: v1::CreateFeedRequest) -> v1::Feed {
    let asked = v1::CreateFeedRequest {
        feed_id: FEED.to_owned(),
        ..asked
    };
    let created = served.feeds().create_feed(asked).await.expect("created");
    created.into_inner().feed.expect("a feed")
}

async fn get(served: &Served) -> v1::Feed {
    let asked = v1::GetFeedRequest {
        feed_id: FEED.to_owned(),
    };
    let feed = served.feeds().get_feed(asked).await.expect("it is there");
    feed.into_inner().feed.expect("a feed")
}

async fn pull(served: &Served, after: &str) -> v1::PullEventsResponse {
    let asked = v1::PullEventsRequest {
        feed_id: FEED.to_owned(),
        after_cursor: after.to_owned(),
        consumer_name: "test".to_owned(),
        ..v1::PullEventsRequest::default()
    };
    let pulled = served.feeds().pull_events(asked).await.expect("pulled");
    pulled.into_inner()
}

async fn commit(served: &Served, cursor: &str) -> v1::CommitFeedResponse {
    let asked = v1::CommitFeedRequest {
        feed_id: FEED.to_owned(),
        cursor: cursor.to_owned(),
        parked: Vec::new(),
    };
    let committed = served.feeds().commit_feed(asked).await;
    committed.expect("committed").into_inner()
}

async fn seek(served: &Served, at: At, validate_only: bool) -> v1::SeekFeedResponse {
    let asked = v1::SeekFeedRequest {
        feed_id: FEED.to_owned(),
        to: Some(v1::FeedPlace { at: Some(at) }),
        validate_only,
        ..v1::SeekFeedRequest::default()
    };
    let sought = served.feeds().seek_feed(asked).await.expect("sought");
    sought.into_inner()
}

async fn update(served: &mut Served, case: &str) {
    served
        .emit(case, "complainant-updated", json!({"method": "letter"}))
        .await;
}

fn types(pulled: &v1::PullEventsResponse) -> Vec<String> {
    let kind = |entry: &v1::FeedEntry| match entry.content.as_ref().expect("content") {
        Content::Event(entry) => entry.event.as_ref().expect("an event").r#type.clone(),
        Content::ContentAvailable(_) => "content-available".to_owned(),
        Content::Snapshot(_) => "snapshot".to_owned(),
        Content::FeedTest(test) => test.r#type.clone(),
    };
    pulled.entries.iter().map(kind).collect()
}

fn count(entry: &v1::FeedEntry) -> v1::FeedCount {
    let count = match entry.content.as_ref().expect("content") {
        Content::Event(entry) => &entry.count,
        Content::ContentAvailable(entry) => &entry.count,
        Content::Snapshot(entry) => &entry.count,
        Content::FeedTest(entry) => &entry.count,
    };
    count.clone().expect("each entry is counted")
}

fn cursor(entry: &v1::FeedEntry) -> &str {
    match entry.content.as_ref().expect("content") {
        Content::Event(entry) => &entry.cursor,
        Content::ContentAvailable(entry) => &entry.cursor,
        Content::Snapshot(entry) => &entry.cursor,
        Content::FeedTest(entry) => &entry.cursor,
    }
}

/// The digest after an entry, computed from what the subscriber got.
fn chained(before: &str, number: u64, entry: &v1::FeedEntry) -> String {
    let before: Hash = before.parse().expect("a digest");
    let line = FeedLine {
        number,
        cursor: cursor(entry),
        ..FeedLine::default()
    };
    match entry.content.as_ref().expect("content") {
        Content::Event(entry) => {
            let event = entry.event.as_ref().expect("an event");
            let ruling = event.ruling.as_ref().expect("ruled");
            FeedLine {
                kind: "event",
                case: &event.case_id,
                source: &event.source,
                id: &event.event_id,
                position: &event.position,
                ruling: if ruling.effective {
                    "effective"
                } else {
                    &ruling.reason
                },
                ..line
            }
            .chain(&before)
        }
        Content::ContentAvailable(_) => unreachable!("the first organisation has all keys"),
        Content::Snapshot(entry) => FeedLine {
            kind: "snapshot",
            case: &entry.joint_case.as_ref().expect("a case").case_id,
            position: &entry.position,
            ..line
        }
        .chain(&before),
        Content::FeedTest(test) => FeedLine {
            kind: "feed-test",
            source: &test.source,
            id: &test.event_id,
            ..line
        }
        .chain(&before),
    }
    .to_string()
}

fn assert_chain(start: &str, from: u64, entries: &[v1::FeedEntry]) {
    let (mut digest, mut number) = (start.to_owned(), from);
    for entry in entries {
        number += 1;
        digest = chained(&digest, number, entry);
        let count = count(entry);
        assert_eq!(
            (count.number, count.digest),
            (i64::try_from(number).expect("small"), digest.clone())
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_are_numbered_without_gaps_and_chained_whatever_the_filter_leaves_out() {
    let mut served = Served::start().await;
    let case = served.complaint().await.case_id;
    let feed = create(
        &served,
        v1::CreateFeedRequest {
            filter: Some(v1::FeedFilter {
                types: vec!["complainant-updated".to_owned()],
                ..v1::FeedFilter::default()
            }),
            ..v1::CreateFeedRequest::default()
        },
    )
    .await;
    for _ in 0..3 {
        update(&mut served, &case).await;
    }
    let start = feed.generations[0].start_digest.clone();
    let pulled = pull(&served, "").await;
    assert_eq!(types(&pulled), ["complainant-updated"; 3]);
    assert!(pulled.caught_up);
    assert_chain(&start, 0, &pulled.entries);

    let second = cursor(&pulled.entries[1]).to_owned();
    let committed = commit(&served, &second).await;
    assert_eq!(committed.count.as_ref(), Some(&count(&pulled.entries[1])));
    let again = pull(&served, "").await;
    assert_eq!(again.entries, pulled.entries[2..]);
    // The numbers of what is read once more from an earlier place are the same.
    let first = cursor(&pulled.entries[0]);
    assert_eq!(pull(&served, first).await.entries, pulled.entries[1..]);

    // Another filter, from here on, is another generation, behind what is there under the old one.
    let asked = v1::UpdateFeedRequest {
        feed_id: FEED.to_owned(),
        filter: Some(v1::FeedFilter {
            organisations: vec![COUNCIL.to_owned()],
            ..v1::FeedFilter::default()
        }),
        view: v1::FeedView::Signal.into(),
        ..v1::UpdateFeedRequest::default()
    };
    let updated = served.feeds().update_feed(asked).await.expect("updated");
    let updated = updated.into_inner().feed.expect("a feed");
    assert_eq!(updated.generations.len(), 2);
    assert!(updated.generations[0].ended && !updated.generations[1].ended);
    update(&mut served, &case).await;
    let last = pull(&served, "").await;
    assert_eq!(
        types(&last),
        ["complainant-updated"],
        "of before the change"
    );
    assert_eq!(count(&last.entries[0]), count(&pulled.entries[2]));
    let place = last.checkpoint.expect("a place").count.expect("counted");
    assert_eq!((place.generation, place.number), (2, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn snapshot_gives_each_case_as_it_stands_then_what_comes_without_gap_or_overlap() {
    let mut served = Served::start().await;
    let first = served.complaint().await.case_id;
    let second = served.complaint().await.case_id;
    let feed = create(
        &served,
        v1::CreateFeedRequest {
            start: v1::FeedStart::Snapshot.into(),
            ..v1::CreateFeedRequest::default()
        },
    )
    .await;
    update(&mut served, &first).await;
    let pulled = pull(&served, "").await;
    assert_eq!(
        types(&pulled),
        ["snapshot", "snapshot", "complainant-updated"]
    );
    assert_chain(&feed.generations[0].start_digest, 0, &pulled.entries);
    let mut cases = Vec::new();
    for entry in &pulled.entries[..2] {
        let Some(Content::Snapshot(snapshot)) = &entry.content else {
            panic!("a snapshot");
        };
        let case = snapshot.joint_case.clone().expect("a case");
        assert!(
            !case.deadlines.is_empty(),
            "it is told with its timetable: {case:?}"
        );
        cases.push(case.case_id);
    }
    let mut expected = vec![first, second];
    expected.sort();
    assert_eq!(cases, expected);
    // Within the snapshot one goes on behind a cursor as anywhere.
    commit(&served, cursor(&pulled.entries[0])).await;
    assert_eq!(pull(&served, "").await.entries, pulled.entries[1..]);
    let lag = get(&served).await.lag;
    assert_eq!(lag, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn seek_says_first_what_would_come_again_or_never_and_starts_at_position_and_time() {
    let mut served = Served::start().await;
    let receipt = served.complaint().await;
    create(&served, v1::CreateFeedRequest::default()).await;
    let before = pull(&served, "").await;
    let later = served.sandbox.clock().clone();
    later.advance(jiff::SignedDuration::from_secs(3600));
    update(&mut served, &receipt.case_id).await;
    let all = pull(&served, "").await;
    let last = cursor(all.entries.last().expect("an entry")).to_owned();
    commit(&served, &last).await;

    let again = i64::try_from(all.entries.len()).expect("few");
    let beginning = At::Start(v1::FeedStart::Beginning.into());
    let dry = seek(&served, beginning.clone(), true).await;
    assert_eq!((dry.redelivered, dry.skipped), (again, 0));
    assert_eq!(get(&served).await.cursor, last, "nothing was changed");
    let done = seek(&served, beginning, false).await;
    assert_ne!(done.access_record, "");
    let done = v1::SeekFeedResponse {
        access_record: String::new(),
        ..done
    };
    assert_eq!(done, dry);
    assert_eq!(pull(&served, "").await.entries, all.entries);

    let now = seek(&served, At::Start(v1::FeedStart::Now.into()), false).await;
    assert_eq!((now.redelivered, now.skipped), (0, again));
    assert_eq!(now.cursor, last);
    seek(&served, At::Position(receipt.position.clone()), false).await;
    let from_position = pull(&served, "").await;
    let Some(Content::Event(first)) = &from_position.entries[0].content else {
        panic!("an event");
    };
    let first = first.event.as_ref().expect("an event");
    assert_eq!(
        first.event_id, receipt.event_id,
        "the first event is not skipped"
    );
    let time = v1_time(&all.entries[before.entries.len()]);
    seek(&served, At::Time(time), false).await;
    let from_time = pull(&served, "").await;
    assert_eq!(from_time.entries, all.entries[before.entries.len()..]);

    // A place before all that the feed had: it begins anew there, numbered from 1.
    let delete = v1::DeleteFeedRequest {
        feed_id: FEED.to_owned(),
    };
    served.feeds().delete_feed(delete).await.expect("deleted");
    let late = create(
        &served,
        v1::CreateFeedRequest {
            start: v1::FeedStart::Now.into(),
            ..v1::CreateFeedRequest::default()
        },
    )
    .await;
    assert_eq!(late.lag, 0);
    let back = seek(&served, At::Start(v1::FeedStart::Beginning.into()), false).await;
    assert_eq!((back.redelivered, back.skipped), (again, 0));
    let count = back.count.expect("counted");
    assert_eq!((count.generation, count.number), (2, 0));
    assert_eq!(types(&pull(&served, "").await), types(&all));
}

fn v1_time(entry: &v1::FeedEntry) -> prost_types::Timestamp {
    match entry.content.as_ref().expect("content") {
        Content::Event(entry) => {
            let event = entry.event.as_ref().expect("an event");
            event.recorded_at.expect("recorded")
        }
        other => panic!("an event, not {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn parked_entries_wait_aside_are_replayed_and_dropped_and_hold_nothing_up() {
    let mut served = Served::start().await;
    let case = served.complaint().await.case_id;
    create(&served, v1::CreateFeedRequest::default()).await;
    for _ in 0..2 {
        update(&mut served, &case).await;
    }
    let pulled = pull(&served, "").await;
    let cursors: Vec<&str> = pulled.entries.iter().map(cursor).collect();
    let park = |cursor: &str, reason: &str, upto: &str| v1::CommitFeedRequest {
        feed_id: FEED.to_owned(),
        cursor: upto.to_owned(),
        parked: vec![v1::EntryToPark {
            cursor: cursor.to_owned(),
            reason: reason.to_owned(),
        }],
    };
    let refused = served
        .feeds()
        .commit_feed(park(cursors[0], "Mr Smith", cursors[1]))
        .await
        .expect_err("a name is no code");
    assert_eq!(told(&refused).2, ["parked[0].reason"]);
    let refused = served
        .feeds()
        .commit_feed(park(cursors[2], "no-such-code", cursors[1]))
        .await
        .expect_err("not committed yet");
    assert_eq!(told(&refused).2, ["parked"]);
    for (index, upto) in [(0, cursors[1]), (2, cursors[3])] {
        let asked = park(cursors[index], "no-such-code", upto);
        let committed = served.feeds().commit_feed(asked).await.expect("committed");
        assert_eq!(committed.into_inner().cursor, upto);
    }
    assert!(
        pull(&served, "").await.entries.is_empty(),
        "all is dealt with"
    );
    assert_eq!(get(&served).await.parked_count, 2);

    let replay = v1::ReplayParkedEventsRequest {
        feed_id: FEED.to_owned(),
        max_entries: 1,
        ..v1::ReplayParkedEventsRequest::default()
    };
    let replayed = served.feeds().replay_parked_events(replay.clone()).await;
    let replayed = replayed.expect("replayed").into_inner();
    assert_eq!(replayed.entries, pulled.entries[..1]);
    assert_eq!(replayed.remaining, 1);
    let next = v1::ReplayParkedEventsRequest {
        after_cursor: cursors[0].to_owned(),
        ..replay
    };
    let replayed = served.feeds().replay_parked_events(next).await;
    assert_eq!(
        replayed.expect("replayed").into_inner().entries,
        pulled.entries[2..3]
    );
    let list = v1::ListParkedEventsRequest {
        feed_id: FEED.to_owned(),
        ..v1::ListParkedEventsRequest::default()
    };
    let listed = served.feeds().list_parked_events(list).await;
    let listed = listed.expect("listed").into_inner().parked;
    let told_of: Vec<_> = listed
        .iter()
        .map(|parked| {
            (
                parked.cursor.as_str(),
                parked.reason.as_str(),
                parked.replays,
            )
        })
        .collect();
    assert_eq!(
        told_of,
        [
            (cursors[0], "no-such-code", 1),
            (cursors[2], "no-such-code", 1)
        ]
    );
    let drop = v1::DropParkedEventRequest {
        feed_id: FEED.to_owned(),
        cursor: cursors[0].to_owned(),
        reason: "handled".to_owned(),
        actor_id: "engineer-2".to_owned(),
    };
    let dropped = served.feeds().drop_parked_event(drop.clone()).await;
    assert_eq!(dropped.expect("dropped").into_inner().parked_count, 1);
    let again = served.feeds().drop_parked_event(drop).await;
    assert_eq!(told(&again.expect_err("gone")).1, "NOT_FOUND");
    // Who looked again and who dropped is kept with the case; the call that was refused did nothing and left nothing.
    let case = case_of(&pulled.entries[0]);
    let looks = looks_at(&served, &case).await;
    assert_eq!(
        looks,
        [
            ("DropParkedEvent", "engineer-2", "handled", FEED),
            ("ReplayParkedEvents", "local-system", "feed-upkeep", FEED),
            ("ReplayParkedEvents", "local-system", "feed-upkeep", FEED),
        ]
        .map(|(rpc, who, purpose, feed)| [rpc, who, purpose, feed].map(str::to_owned))
    );
}

fn case_of(entry: &v1::FeedEntry) -> String {
    match entry.content.as_ref().expect("content") {
        Content::Event(entry) => entry.event.as_ref().expect("an event").case_id.clone(),
        other => panic!("no event: {other:?}"),
    }
}

/// Access records of feeds: call, who, what for, feed. Those of one case, or all.
async fn looks_at(served: &Served, case_id: &str) -> Vec<[String; 4]> {
    let asked = v1::ListAccessRecordsRequest {
        purpose: "oversight".to_owned(),
        case_id: case_id.to_owned(),
        ..v1::ListAccessRecordsRequest::default()
    };
    let listed = served.audit().list_access_records(asked).await;
    let records = listed.expect("listed").into_inner().records;
    let of_feeds = records.into_iter().filter(|one| !one.feed_id.is_empty());
    let looks = of_feeds.map(|one| [one.rpc, one.who, one.purpose, one.feed_id]);
    // Within one instant of the clock, which stands still here, they are in the order of their ids.
    let mut looks: Vec<_> = looks.collect();
    looks.sort();
    looks
}

#[tokio::test(flavor = "multi_thread")]
async fn a_seek_leaves_an_access_record_and_a_dry_run_none() {
    let mut served = Served::start().await;
    served.complaint().await;
    create(&served, v1::CreateFeedRequest::default()).await;
    let tried = seek(&served, At::Start(v1::FeedStart::Now.into()), true).await;
    assert_eq!(tried.access_record, "");
    assert_eq!(looks_at(&served, "").await, [[""; 4]; 0]);
    let asked = v1::SeekFeedRequest {
        feed_id: FEED.to_owned(),
        to: Some(v1::FeedPlace {
            at: Some(At::Start(v1::FeedStart::Now.into())),
        }),
        purpose: "restored-backup".to_owned(),
        actor_id: "engineer-2".to_owned(),
        ..v1::SeekFeedRequest::default()
    };
    let sought = served.feeds().seek_feed(asked.clone()).await;
    assert_ne!(sought.expect("sought").into_inner().access_record, "");
    let told_of = looks_at(&served, "").await;
    assert_eq!(
        told_of,
        [["SeekFeed", "engineer-2", "restored-backup", FEED]]
    );
    let named = v1::SeekFeedRequest {
        actor_id: "Mr Smith".to_owned(),
        ..asked
    };
    let refused = served.feeds().seek_feed(named).await;
    assert_eq!(
        told(&refused.expect_err("a name is no code")).2,
        ["actor_id"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn pull_waits_for_what_comes_and_one_consumer_at_a_time_pulls() {
    let mut served = Served::start().await;
    let case = served.complaint().await.case_id;
    create(
        &served,
        v1::CreateFeedRequest {
            start: v1::FeedStart::Now.into(),
            view: v1::FeedView::Signal.into(),
            ..v1::CreateFeedRequest::default()
        },
    )
    .await;
    let asked = |consumer: &str, seconds: i64, take_over: bool| v1::PullEventsRequest {
        feed_id: FEED.to_owned(),
        consumer_name: consumer.to_owned(),
        wait: Some(prost_types::Duration { seconds, nanos: 0 }),
        take_over,
        ..v1::PullEventsRequest::default()
    };
    let mut feeds = served.feeds();
    let waiting = asked("first", 60, false);
    let mut pulls = tokio::task::JoinSet::new();
    pulls.spawn(async move { feeds.pull_events(waiting).await });
    while get(&served).await.hold.is_none() {
        tokio::task::yield_now().await;
    }
    let refused = served.feeds().pull_events(asked("second", 0, false)).await;
    let refused = refused.expect_err("held");
    assert_eq!(told(&refused).1, "FEED_IN_USE");
    update(&mut served, &case).await;
    let pulled = pulls.join_next().await.expect("one").expect("it ran");
    let pulled = pulled.expect("an answer");
    let pulled = pulled.into_inner();
    assert_eq!(types(&pulled), ["complainant-updated"]);
    let Some(Content::Event(entry)) = &pulled.entries[0].content else {
        panic!("an event");
    };
    let event = entry.event.as_ref().expect("an event");
    assert!(
        event.body.is_none() && event.actor_role.is_empty(),
        "a signal"
    );
    assert!(event.ruling.is_some() && event.recorded_at.is_some());
    let hold = get(&served).await.hold.expect("still leased");
    assert_eq!((hold.consumer_name.as_str(), hold.pulls), ("first", true));
    served
        .feeds()
        .pull_events(asked("second", 0, true))
        .await
        .expect("taken over");
    let refused = served.feeds().pull_events(asked("second", 61, false)).await;
    assert_eq!(told(&refused.expect_err("too long")).2, ["wait"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn test_entry_comes_in_one_feed_counted_and_marked_as_one() {
    let mut served = Served::start().await;
    served.complaint().await;
    let feed = create(
        &served,
        v1::CreateFeedRequest {
            start: v1::FeedStart::Now.into(),
            filter: Some(v1::FeedFilter {
                types: vec!["deadline-missed".to_owned()],
                ..v1::FeedFilter::default()
            }),
            ..v1::CreateFeedRequest::default()
        },
    )
    .await;
    let other = v1::CreateFeedRequest {
        feed_id: "other".to_owned(),
        start: v1::FeedStart::Now.into(),
        ..v1::CreateFeedRequest::default()
    };
    served.feeds().create_feed(other).await.expect("created");
    let test = v1::SendTestEventRequest {
        feed_id: FEED.to_owned(),
    };
    let sent = served.feeds().send_test_event(test.clone()).await;
    let sent = sent.expect("sent").into_inner();
    let again = served.feeds().send_test_event(test).await;
    assert_eq!(told(&again.expect_err("one a second")).1, "OVERLOADED");
    let pulled = pull(&served, "").await;
    assert_eq!(types(&pulled), ["feed-test"]);
    assert_chain(&feed.generations[0].start_digest, 0, &pulled.entries);
    let Some(Content::FeedTest(test)) = &pulled.entries[0].content else {
        panic!("a test");
    };
    assert_eq!(
        (&test.event_id, &test.cursor),
        (&sent.event_id, &sent.cursor)
    );
    assert_eq!(test.source, TRUST);
    let asked = v1::PullEventsRequest {
        feed_id: "other".to_owned(),
        ..v1::PullEventsRequest::default()
    };
    let other = served.feeds().pull_events(asked).await.expect("pulled");
    assert!(other.into_inner().entries.is_empty(), "in one feed alone");
}

#[tokio::test(flavor = "multi_thread")]
async fn statement_is_signed_over_what_the_subscriber_counted() {
    let mut served = Served::start().await;
    let case = served.complaint().await.case_id;
    let feed = create(&served, v1::CreateFeedRequest::default()).await;
    update(&mut served, &case).await;
    let pulled = pull(&served, "").await;
    let asked = v1::GetFeedStatementRequest {
        feed_id: FEED.to_owned(),
        ..v1::GetFeedStatementRequest::default()
    };
    let stated = served.feeds().get_feed_statement(asked.clone()).await;
    let stated = stated.expect("stated").into_inner();
    let last = count(pulled.entries.last().expect("an entry"));
    assert_eq!(stated.upto, Some(last.clone()));
    let text = String::from_utf8(stated.statement.clone()).expect("text");
    for line in [
        "concordat-feed-statement: 1".to_owned(),
        format!("organisation: {TRUST}"),
        format!("feed: {FEED}"),
        format!("feed-uid: {}", feed.feed_uid),
        format!("filter: {}", feed.generations[0].filter_hash),
        format!("last-number: {}", last.number),
        format!("digest-before: {}", feed.generations[0].start_digest),
        format!("digest-upto: {}", last.digest),
    ] {
        assert!(text.lines().any(|found| found == line), "{line} in\n{text}");
    }
    let encoded = pae(PayloadType::FeedStatement, &stated.statement);
    assert!(!encoded.is_empty());
    let unknown = v1::GetFeedStatementRequest {
        generation: 7,
        ..asked
    };
    let refused = served.feeds().get_feed_statement(unknown).await;
    assert_eq!(told(&refused.expect_err("none")).2, ["generation"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn filters_take_roles_cases_and_deadline_states_and_refuse_what_is_not_listed() {
    let mut served = Served::start().await;
    let first = served.complaint().await.case_id;
    let second = served.complaint().await.case_id;
    let fits = async |served: &Served, filter: v1::FeedFilter| {
        create(
            served,
            v1::CreateFeedRequest {
                filter: Some(filter),
                ..v1::CreateFeedRequest::default()
            },
        )
        .await;
        let found = types(&pull(served, "").await).len();
        let delete = v1::DeleteFeedRequest {
            feed_id: FEED.to_owned(),
        };
        served.feeds().delete_feed(delete).await.expect("deleted");
        found
    };
    let all = fits(&served, v1::FeedFilter::default()).await;
    let roles = |role: v1::FeedRole| v1::FeedFilter {
        roles: vec![role.into()],
        ..v1::FeedFilter::default()
    };
    assert_eq!(fits(&served, roles(v1::FeedRole::Keeper)).await, all);
    assert_eq!(fits(&served, roles(v1::FeedRole::Lead)).await, 0);
    let case = v1::FeedFilter {
        cases: vec![second],
        ..v1::FeedFilter::default()
    };
    assert_eq!(fits(&served, case).await, all / 2);
    let missed = v1::FeedFilter {
        deadline_states: vec![v1::FeedDeadlineState::Missed.into()],
        ..v1::FeedFilter::default()
    };
    assert_eq!(fits(&served, missed.clone()).await, 0);
    let filter = |filter: v1::FeedFilter| v1::CreateFeedRequest {
        feed_id: FEED.to_owned(),
        filter: Some(filter),
        ..v1::CreateFeedRequest::default()
    };
    for (wrong, field) in [
        (
            v1::FeedFilter {
                types: vec!["no-such-type".to_owned()],
                ..v1::FeedFilter::default()
            },
            "filter.types[0]",
        ),
        (
            v1::FeedFilter {
                cases: vec![first, "x".to_owned()],
                ..v1::FeedFilter::default()
            },
            "filter.cases[1]",
        ),
        (roles(v1::FeedRole::Unspecified), "filter.roles[0]"),
    ] {
        let refused = served.feeds().create_feed(filter(wrong)).await;
        assert_eq!(told(&refused.expect_err(field)).2, [field]);
    }
}
