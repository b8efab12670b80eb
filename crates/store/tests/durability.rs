//! What commit promises: one sync, no unsynced files beside the database, nothing lost to `kill -9`.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use concordat_store::{Batch, Store, StoreConfig};

/// Names the directory in which a child is to write; absent in an ordinary run.
const CHILD: &str = "CONCORDAT_STORE_CHILD";

fn open(path: &Path) -> Store {
    Store::open(path, StoreConfig::default()).unwrap()
}

#[test]
fn commit_syncs_once_and_write_not_at_all() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(&directory.path().join("store"));
    let before = store.syncs();
    for index in 0..10 {
        let mut batch = Batch::new();
        store
            .journal()
            .append(&mut batch, 2 * index, 0, &[1; 1000])
            .unwrap();
        store.write(batch).unwrap();
        assert_eq!(store.syncs(), before + index);

        let mut batch = Batch::new();
        store
            .journal()
            .append(&mut batch, 2 * index + 1, 0, &[1; 300_000])
            .unwrap();
        store.drafts().add(&mut batch, &[1; 1000]).unwrap();
        store.commit(batch).unwrap();
        assert_eq!(store.syncs(), before + index + 1);
    }
}

#[test]
fn longest_bundles_never_make_files_beside_the_database() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store");
    let store = open(&path);
    let bundle: Vec<u8> = (0..512 * 1024_u32)
        .map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8)
        .collect();
    for index in 0..300 {
        let mut batch = Batch::new();
        store
            .journal()
            .append(&mut batch, index, 0, &bundle)
            .unwrap();
        // A large state that is replaced again and again, as a busy case has one.
        store
            .projections()
            .put(&mut batch, &[1; 16], &bundle)
            .unwrap();
        store.commit(batch).unwrap();
    }
    assert_eq!(std::fs::read_dir(path.join("1/blobs")).unwrap().count(), 0);
    drop(store);
    assert_eq!(open(&path).journal().len(), 300);
    assert_eq!(std::fs::read_dir(path.join("1/blobs")).unwrap().count(), 0);
}

#[test]
fn killed_writer_loses_nothing_that_was_acknowledged() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store");
    let mut acknowledged = 0;
    for round in 0..4 {
        let mut child = spawn_child(&path);
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let ours = |line: &String| {
            line.strip_prefix("acknowledged ")
                .and_then(|n| n.parse::<u64>().ok())
        };
        let enough = acknowledged + 40 + 10 * round;
        loop {
            let line = lines
                .next()
                .expect("the child writes until it is killed")
                .unwrap();
            if let Some(index) = ours(&line) {
                acknowledged = index;
                if index >= enough {
                    break;
                }
            }
        }
        kill(&mut child);
        // What it managed to say before it died counts as well; the last line may be cut.
        for line in lines.map_while(Result::ok) {
            acknowledged = ours(&line)
                .filter(|index| *index == acknowledged + 1)
                .unwrap_or(acknowledged);
        }

        let store = open(&path);
        assert!(
            store.journal().len() > acknowledged,
            "round {round}: {acknowledged} was acknowledged"
        );
        for record in store.journal().from(0) {
            let record = record.unwrap();
            assert_eq!(
                record.bytes,
                bundle(record.index),
                "bundle {}",
                record.index
            );
            assert_eq!(
                store.tree().get(0, record.index).unwrap(),
                Some([record.index as u8; 32]),
                "one batch"
            );
        }
        assert_eq!(
            store.meta().cursor().unwrap() + 1,
            store.journal().len(),
            "one batch"
        );
    }
}

/// Not a test of its own: the process that [`killed_writer_loses_nothing_that_was_acknowledged`] kills.
#[test]
fn child_that_writes_until_it_is_killed() {
    let Ok(directory) = std::env::var(CHILD) else {
        return;
    };
    let store = open(Path::new(&directory));
    for index in store.journal().len().. {
        let mut batch = Batch::new();
        store
            .journal()
            .append(&mut batch, index, index, &bundle(index))
            .unwrap();
        store
            .tree()
            .put(&mut batch, 0, index, [index as u8; 32])
            .unwrap();
        store.meta().set_cursor(&mut batch, index).unwrap();
        store.commit(batch).unwrap();
        println!("acknowledged {index}");
    }
}

/// From a few bytes to the longest bundle, different for each index.
fn bundle(index: u64) -> Vec<u8> {
    let length = [10, 2_000, 61_000, 200_000, 512 * 1024][index as usize % 5];
    (0..length as u64)
        .map(|i| (i * 31 + index * 7) as u8)
        .collect()
}

fn spawn_child(path: &Path) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args([
        "child_that_writes_until_it_is_killed",
        "--exact",
        "--nocapture",
        "--test-threads=1",
    ]);
    command
        .env(CHILD, path)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// SIGKILL, and the end of the pipe.
fn kill(child: &mut Child) {
    child.kill().unwrap();
    child.wait().unwrap();
    if let Some(mut rest) = child.stdout.take() {
        rest.read_to_end(&mut Vec::new()).unwrap();
    }
}
