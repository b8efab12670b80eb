//! Each area gives back what was put, in the order it promises.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use concordat_store::{Batch, Error, HighWater, KnownEvent, Store, StoreConfig};

fn fresh() -> (Store, tempfile::TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(&directory.path().join("store"), StoreConfig::default()).unwrap();
    (store, directory)
}

/// Writes a batch that `fill` fills.
fn write(store: &Store, fill: impl FnOnce(&mut Batch) -> Result<(), Error>) {
    let mut batch = Batch::new();
    fill(&mut batch).unwrap();
    store.write(batch).unwrap();
}

fn all<T>(entries: impl Iterator<Item = Result<T, Error>>) -> Vec<T> {
    entries.collect::<Result<_, _>>().unwrap()
}

#[test]
fn journal_gives_back_bundles_of_every_size_in_order() {
    let (store, _directory) = fresh();
    let lengths = [0, 1, 70_000, 512 * 1024, 3];
    for (index, length) in lengths.iter().enumerate() {
        let bytes = vec![index as u8; *length];
        write(&store, |batch| {
            store
                .journal()
                .append(batch, index as u64, 100 + index as u64, &bytes)
        });
    }
    let records = all(store.journal().from(1));
    assert_eq!(records.len(), 4);
    assert_eq!(records[1].bytes, vec![2; 70_000]);
    assert_eq!(
        (records[2].index, records[2].offset, records[2].bytes.len()),
        (3, 103, 512 * 1024)
    );
    assert_eq!(store.journal().len(), 5);
    assert_eq!(store.journal().get(5).unwrap(), None);
}

#[test]
fn batch_that_would_leave_a_gap_in_the_journal_is_refused_whole() {
    let (store, _directory) = fresh();
    for indices in [vec![1], vec![0, 2], vec![0, 0]] {
        let mut batch = Batch::new();
        store.meta().put(&mut batch, "beside", b"x").unwrap();
        for index in indices {
            store.journal().append(&mut batch, index, 0, b"x").unwrap();
        }
        assert!(matches!(store.write(batch), Err(Error::Gap { .. })));
    }
    assert!(store.journal().is_empty());
    assert_eq!(store.meta().get("beside").unwrap(), None);
}

#[test]
fn shorter_value_leaves_nothing_of_the_longer_one_behind() {
    let (store, _directory) = fresh();
    for length in [300_000, 10, 100_000, 0] {
        write(&store, |batch| {
            store.meta().put(batch, "state", &vec![5; length])
        });
        assert_eq!(store.meta().get("state").unwrap(), Some(vec![5; length]));
    }
    write(&store, |batch| {
        store.meta().put(batch, "state", &vec![5; 200_000])
    });
    write(&store, |batch| {
        store.meta().delete(batch, "state");
        Ok(())
    });
    assert_eq!(store.meta().get("state").unwrap(), None);
}

#[test]
fn replaced_bundle_keeps_its_place_and_offset() {
    let (store, _directory) = fresh();
    write(&store, |batch| {
        store.journal().append(batch, 0, 7, &[1; 200_000])
    });
    write(&store, |batch| store.journal().replace(batch, 0, &[2; 10]));
    let record = store.journal().get(0).unwrap().unwrap();
    assert_eq!((record.offset, record.bytes), (7, vec![2; 10]));
    assert_eq!(store.journal().verify().unwrap(), 1);
    assert!(matches!(
        store.journal().replace(&mut Batch::new(), 1, b""),
        Err(Error::Gap { .. })
    ));
}

#[test]
fn value_above_the_limit_is_refused() {
    let (store, _directory) = fresh();
    let refused = store.meta().put(
        &mut Batch::new(),
        "big",
        &vec![0; concordat_store::VALUE_BYTES_MAX + 1],
    );
    assert!(matches!(refused, Err(Error::TooLarge { .. })));
}

#[test]
fn quarantine_is_bounded_by_count_and_by_bytes_also_after_reopening() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store");
    let config = StoreConfig {
        quarantine_records_max: 3,
        quarantine_bytes_max: 1000,
        ..StoreConfig::default()
    };
    let store = Store::open(&path, config.clone()).unwrap();
    for number in 0..5_u8 {
        write(&store, |batch| {
            store
                .quarantine()
                .add(batch, "bad-signature", &[number])
                .map(|_| ())
        });
    }
    let kept: Vec<_> = all(store.quarantine().all())
        .into_iter()
        .map(|(_, reason, record)| (reason, record))
        .collect();
    assert_eq!(
        kept,
        [2, 3, 4].map(|number| ("bad-signature".to_owned(), vec![number]))
    );

    drop(store);
    let store = Store::open(&path, config).unwrap();
    assert_eq!(store.quarantine().len(), 3);
    write(&store, |batch| {
        store
            .quarantine()
            .add(batch, "too-long", &[9; 980])
            .map(|_| ())
    });
    let kept = all(store.quarantine().all());
    assert_eq!(
        kept.iter()
            .map(|(_, _, record)| record.len())
            .collect::<Vec<_>>(),
        [980]
    );
    write(&store, |batch| {
        store
            .quarantine()
            .add(batch, "too-long", &[9; 2000])
            .map(|_| ())
    });
    assert!(
        store.quarantine().is_empty(),
        "what exceeds the limit alone is not kept"
    );
}

#[test]
fn high_water_mark_only_rises() {
    let (store, _directory) = fresh();
    assert_eq!(store.meta().high_water().unwrap(), None);
    let mark = HighWater {
        seq: 5,
        hash: [9; 32],
    };
    write(&store, |batch| store.meta().set_high_water(batch, mark));
    assert_eq!(store.meta().high_water().unwrap(), Some(mark));
    let lower = store.meta().set_high_water(
        &mut Batch::new(),
        HighWater {
            seq: 4,
            hash: [9; 32],
        },
    );
    assert!(matches!(
        lower,
        Err(Error::HighWaterLowered { kept: 5, given: 4 })
    ));
    write(&store, |batch| store.meta().set_cursor(batch, 77));
    assert_eq!(store.meta().cursor().unwrap(), 77);
}

#[test]
fn drafts_keep_their_order_of_arrival_across_reopening() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store");
    for round in 0..3_u8 {
        let store = Store::open(&path, StoreConfig::default()).unwrap();
        write(&store, |batch| {
            store.drafts().add(batch, &[round, 0])?;
            store.drafts().add(batch, &[round, 1])?;
            Ok(())
        });
    }
    let store = Store::open(&path, StoreConfig::default()).unwrap();
    let drafts = all(store.drafts().all());
    let texts: Vec<_> = drafts.iter().map(|(_, draft)| draft.clone()).collect();
    assert_eq!(texts, [[0, 0], [0, 1], [1, 0], [1, 1], [2, 0], [2, 1]]);
    write(&store, |batch| {
        store.drafts().remove(batch, drafts[1].0);
        store.drafts().replace(batch, drafts[2].0, b"held")
    });
    assert_eq!(store.drafts().get(drafts[1].0).unwrap(), None);
    assert_eq!(
        store.drafts().get(drafts[2].0).unwrap(),
        Some(b"held".to_vec())
    );
}

#[test]
fn own_event_is_known_before_and_after_it_has_a_place() {
    let (store, _directory) = fresh();
    let mut known = KnownEvent {
        digest: [1; 32],
        case: [2; 16],
        place: None,
    };
    for place in [None, Some((3, 4))] {
        known.place = place;
        write(&store, |batch| store.events().put(batch, [7; 16], known));
        assert_eq!(store.events().get(&[7; 16]).unwrap(), Some(known));
    }
    assert_eq!(store.events().get(&[8; 16]).unwrap(), None);
}

#[test]
fn bundle_in_flight_is_there_until_cleared() {
    let (store, _directory) = fresh();
    write(&store, |batch| {
        store.in_flight().put(batch, &[1; 512 * 1024])
    });
    assert_eq!(store.in_flight().get().unwrap().unwrap().len(), 512 * 1024);
    write(&store, |batch| {
        store.in_flight().clear(batch);
        Ok(())
    });
    assert_eq!(store.in_flight().get().unwrap(), None);
}

#[test]
fn places_of_a_case_are_its_own_and_in_the_logs_order() {
    let (store, _directory) = fresh();
    let (a, b, c) = ([0; 16], [1; 16], [255; 16]);
    write(&store, |batch| {
        for place in [(300, 0), (2, 11), (2, 3)] {
            store.cases().add(batch, &a, place)?;
        }
        store.cases().add(batch, &b, (1, 0))?;
        store.cases().add(batch, &c, (u64::MAX, u32::MAX))
    });
    assert_eq!(all(store.cases().places(&a)), [(2, 3), (2, 11), (300, 0)]);
    assert_eq!(all(store.cases().places(&c)), [(u64::MAX, u32::MAX)]);
    let after = |place| all(store.cases().places_after(&a, Some(place)));
    assert_eq!(after((2, 3)), [(2, 11), (300, 0)]);
    assert_eq!(after((2, 12)), [(300, 0)]);
    assert_eq!(after((300, 0)), []);
    assert_eq!(store.cases().ids(None, 2).unwrap(), [a, b]);
    assert_eq!(store.cases().ids(Some(&b), 9).unwrap(), [c]);
}

#[test]
fn what_lies_ahead_of_a_case_is_replaced_and_read_for_all() {
    let (store, _directory) = fresh();
    let (a, b) = ([1; 16], [2; 16]);
    write(&store, |batch| {
        store.due().put(batch, &b, b"later")?;
        store.due().put(batch, &a, b"first")
    });
    write(&store, |batch| store.due().put(batch, &a, b"second"));
    let all_there = all(store.due().all());
    assert_eq!(all_there, [(a, b"second".to_vec()), (b, b"later".to_vec())]);
    write(&store, |batch| {
        store.due().delete(batch, &a);
        Ok(())
    });
    assert_eq!(store.due().get(&a).unwrap(), None);
    assert_eq!(store.due().get(&b).unwrap(), Some(b"later".to_vec()));
}

#[test]
fn feed_is_read_from_any_place_and_shortened_from_the_front() {
    let (store, _directory) = fresh();
    write(&store, |batch| {
        (0..10_u64).try_for_each(|index| store.feed().append(batch, index, &[index as u8]))
    });
    assert_eq!(all(store.feed().from(8)), [(8, vec![8]), (9, vec![9])]);
    write(&store, |batch| {
        assert_eq!(store.feed().drop_before(batch, 5, 3)?, 3);
        Ok(())
    });
    write(&store, |batch| {
        assert_eq!(store.feed().drop_before(batch, 5, 30)?, 2);
        store.feed().set_cursor(batch, "crm", b"9")
    });
    assert_eq!(store.feed().from(0).next().unwrap().unwrap().0, 5);
    assert_eq!(store.feed().last().unwrap(), Some(9));
    assert_eq!(store.feed().cursor("crm").unwrap(), Some(b"9".to_vec()));
}

#[test]
fn deltas_of_admission_come_in_the_order_of_their_bundles() {
    let (store, _directory) = fresh();
    write(&store, |batch| {
        for index in [300_u64, 0, 1] {
            store.admission().put(batch, index, &index.to_be_bytes())?;
        }
        Ok(())
    });
    let deltas = all(store.admission().all());
    let expected = [0_u64, 1, 300].map(|index| (index, index.to_be_bytes().to_vec()));
    assert_eq!(deltas, expected);
}

#[test]
fn tree_nodes_stand_by_level_and_index() {
    let (store, _directory) = fresh();
    write(&store, |batch| {
        store.tree().put(batch, 0, 1, [1; 32])?;
        store.tree().put(batch, 1, 0, [2; 32])
    });
    assert_eq!(store.tree().get(0, 1).unwrap(), Some([1; 32]));
    assert_eq!(store.tree().get(1, 0).unwrap(), Some([2; 32]));
    assert_eq!(store.tree().get(1, 1).unwrap(), None);
}

#[test]
fn clearing_projections_leaves_the_record_alone() {
    let (store, _directory) = fresh();
    write(&store, |batch| {
        for number in 0..2500_u16 {
            let mut case = [0; 16];
            case[..2].copy_from_slice(&number.to_be_bytes());
            store.projections().put(batch, &case, &[1; 10])?;
            store.cases().add(batch, &case, (0, 0))?;
            store.due().put(batch, &case, &[1; 10])?;
        }
        store.journal().append(batch, 0, 1, b"bundle")?;
        store.admission().put(batch, 0, b"delta")?;
        store.feed().append(batch, 0, b"entry")
    });
    assert_eq!(store.projections().from(None).count(), 2500);
    store.clear_projections().unwrap();
    assert_eq!(store.projections().from(None).count(), 0);
    assert_eq!(store.due().all().count(), 0);
    assert_eq!(store.admission().all().count(), 0);
    assert!(store.cases().ids(None, 1).unwrap().is_empty());
    assert_eq!(store.journal().verify().unwrap(), 1);
    assert_eq!(store.feed().last().unwrap(), Some(0));
}

#[test]
fn projections_are_read_in_pages() {
    let (store, _directory) = fresh();
    write(&store, |batch| {
        (0..4_u8).try_for_each(|n| store.projections().put(batch, &[n; 16], &vec![n; 100_000]))
    });
    assert_eq!(
        store.projections().get(&[2; 16]).unwrap(),
        Some(vec![2; 100_000])
    );
    let above: Vec<_> = all(store.projections().from(Some(&[1; 16])))
        .into_iter()
        .map(|(case, _)| case[0])
        .collect();
    assert_eq!(above, [2, 3]);
}

#[test]
fn secrets_are_found_by_prefix() {
    let (store, _directory) = fresh();
    write(&store, |batch| {
        store.vault().put(batch, "case/1/process/1", b"k1")?;
        store.vault().put(batch, "case/1/health/1", b"k2")?;
        store.vault().put(batch, "case/2/process/1", b"k3")
    });
    let names: Vec<_> = all(store.vault().with_prefix("case/1/"))
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    assert_eq!(names, ["case/1/health/1", "case/1/process/1"]);
    assert_eq!(
        store
            .vault()
            .get("case/2/process/1")
            .unwrap()
            .unwrap()
            .as_slice(),
        b"k3"
    );
    write(&store, |batch| {
        store.vault().delete(batch, "case/2/process/1");
        Ok(())
    });
    assert!(store.vault().get("case/2/process/1").unwrap().is_none());
}
