//! What the store refuses: a second process, loose permissions, a lost key file, gaps and garbled values.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use concordat_store::{Batch, Error, Store, StoreConfig};

const MARKER: &[u8] = b"Mrs Example told us in confidence";

/// A closed store with five bundles and a secret.
fn closed() -> (PathBuf, tempfile::TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store");
    let store = open(&path).unwrap();
    let mut batch = Batch::new();
    for index in 0..5 {
        store
            .journal()
            .append(&mut batch, index, index + 1, &vec![index as u8; 100_000])
            .unwrap();
    }
    store.vault().put(&mut batch, "name", MARKER).unwrap();
    store.drafts().add(&mut batch, MARKER).unwrap();
    store
        .projections()
        .put(&mut batch, &[1; 16], MARKER)
        .unwrap();
    store.feed().append(&mut batch, 0, MARKER).unwrap();
    store.commit(batch).unwrap();
    (path, directory)
}

fn open(path: &Path) -> Result<Store, Error> {
    Store::open(path, StoreConfig::default())
}

/// Opens the database below the store, as only a fault or an attacker would.
fn meddle(path: &Path, meddle: impl FnOnce(&sled::Tree)) {
    let database = sled::Config::new()
        .path(path.join("1"))
        .segment_size(8 * 1024 * 1024)
        .flush_every_ms(None)
        .open()
        .unwrap();
    meddle(&database.open_tree("store").unwrap());
    database.flush().unwrap();
}

fn journal_chunk(index: u64, chunk: u8) -> Vec<u8> {
    [b"j".as_slice(), &index.to_be_bytes(), &[0, chunk]].concat()
}

#[test]
fn garbled_bundle_keeps_the_store_from_starting() {
    for chunk in [0, 1] {
        let (path, _directory) = closed();
        meddle(&path, |tree| {
            let mut value = tree.get(journal_chunk(3, chunk)).unwrap().unwrap().to_vec();
            let last = value.len() - 1;
            value[last] ^= 1;
            tree.insert(journal_chunk(3, chunk), value).unwrap();
        });
        assert!(
            matches!(
                open(&path),
                Err(Error::Corrupt {
                    area: "journal",
                    ..
                })
            ),
            "chunk {chunk}"
        );
    }
}

#[test]
fn torn_bundle_keeps_the_store_from_starting() {
    let (path, _directory) = closed();
    meddle(&path, |tree| {
        drop(tree.remove(journal_chunk(4, 1)).unwrap().unwrap())
    });
    assert!(matches!(
        open(&path),
        Err(Error::Corrupt {
            area: "journal",
            ..
        })
    ));
}

#[test]
fn gap_in_the_journal_keeps_the_store_from_starting_and_is_named() {
    let (path, _directory) = closed();
    meddle(&path, |tree| {
        tree.remove(journal_chunk(2, 0)).unwrap().unwrap();
        tree.remove(journal_chunk(2, 1)).unwrap().unwrap();
    });
    assert!(matches!(
        open(&path),
        Err(Error::Gap {
            expected: 2,
            found: 3
        })
    ));
}

#[test]
fn bundle_in_another_bundles_place_is_found() {
    let (path, _directory) = closed();
    meddle(&path, |tree| {
        for chunk in [0, 1] {
            let value = tree.get(journal_chunk(1, chunk)).unwrap().unwrap();
            tree.insert(journal_chunk(2, chunk), value).unwrap();
        }
    });
    assert!(matches!(
        open(&path),
        Err(Error::Corrupt {
            area: "journal",
            ..
        })
    ));
}

#[test]
fn second_opener_is_refused_until_the_first_is_gone() {
    let (path, _directory) = closed();
    let first = open(&path).unwrap();
    assert!(matches!(open(&path), Err(Error::InUse { .. })));
    drop(first);
    open(&path).unwrap();
}

#[test]
fn directory_and_key_file_are_for_their_owner_only() {
    let (path, _directory) = closed();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&path), 0o700);
    assert_eq!(mode(&path.join("1/store.key")), 0o600);

    for (loose, restored) in [(path.clone(), 0o700), (path.join("1/store.key"), 0o600)] {
        std::fs::set_permissions(&loose, Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(
            open(&path),
            Err(Error::Permissions { mode: 0o644, .. })
        ));
        std::fs::set_permissions(&loose, Permissions::from_mode(restored)).unwrap();
    }
    open(&path).unwrap();
}

#[test]
fn lost_key_file_is_not_silently_replaced() {
    let (path, _directory) = closed();
    std::fs::remove_file(path.join("1/store.key")).unwrap();
    assert!(matches!(open(&path), Err(Error::KeyFile { .. })));
    std::fs::write(path.join("1/store.key"), [1; 31]).unwrap();
    std::fs::set_permissions(path.join("1/store.key"), Permissions::from_mode(0o600)).unwrap();
    assert!(matches!(open(&path), Err(Error::KeyFile { .. })));
}

#[test]
fn sealed_value_opens_neither_under_another_key_nor_in_another_place() {
    let (path, _directory) = closed();
    let sealed = |name: &str| [b"v", name.as_bytes(), &[0, 0]].concat();
    {
        let store = open(&path).unwrap();
        assert_eq!(
            store.vault().get("name").unwrap().unwrap().as_slice(),
            MARKER
        );
    }
    std::fs::write(path.join("1/store.key"), [1; 32]).unwrap();
    let store = open(&path).unwrap();
    assert!(matches!(
        store.vault().get("name"),
        Err(Error::Corrupt { area: "vault", .. })
    ));
    drop(store);
    meddle(&path, |tree| {
        let value = tree.get(sealed("name")).unwrap().unwrap();
        tree.insert(sealed("other"), value).unwrap();
    });
    let store = open(&path).unwrap();
    assert!(matches!(
        store.vault().get("other"),
        Err(Error::Corrupt { area: "vault", .. })
    ));
}

#[test]
fn nothing_confidential_lies_in_clear_in_the_database() {
    let (path, _directory) = closed();
    let bytes = std::fs::read(path.join("1/db")).unwrap();
    assert!(
        bytes.windows(1000).any(|window| window == [3; 1000]),
        "the journal itself is found, so the search works"
    );
    assert!(!bytes.windows(MARKER.len()).any(|window| window == MARKER));
}

#[test]
fn what_was_deleted_is_left_behind_with_the_key_that_opened_it() {
    let (path, _directory) = closed();
    let mut store = open(&path).unwrap();
    let mut batch = Batch::new();
    store.vault().delete(&mut batch, "name");
    store.journal().replace(&mut batch, 3, &[30; 5000]).unwrap();
    store.commit(batch).unwrap();
    let key_before = std::fs::read(path.join("1/store.key")).unwrap();
    let has = |generation: &str, bytes: &[u8]| {
        std::fs::read(path.join(generation).join("db"))
            .unwrap()
            .windows(1000)
            .any(|window| window == bytes)
    };
    assert!(has("1", &[3; 1000]), "the file still has the old bytes");

    store.forget_deleted().unwrap();
    assert!(!path.join("1").exists(), "the old generation is gone");
    assert_ne!(std::fs::read(path.join("2/store.key")).unwrap(), key_before);
    assert!(has("2", &[30; 1000]) && !has("2", &[3; 1000]));
    let holds_what_is_alive = |store: &Store| {
        assert_eq!(store.journal().len(), 5);
        assert!(store.vault().get("name").unwrap().is_none());
        assert_eq!(store.drafts().get(0).unwrap(), Some(MARKER.to_vec()));
        let kept = store.projections().get(&[1; 16]).unwrap();
        assert_eq!(kept, Some(MARKER.to_vec()));
    };
    holds_what_is_alive(&store);
    let mut batch = Batch::new();
    store.journal().append(&mut batch, 5, 6, &[5]).unwrap();
    store.commit(batch).unwrap();
    drop(store);
    let store = open(&path).unwrap();
    assert_eq!(store.journal().len(), 6, "it goes on in the new generation");
}

#[test]
fn copy_that_was_interrupted_changes_nothing() {
    let (path, _directory) = closed();
    std::fs::create_dir(path.join("2")).unwrap();
    std::fs::write(path.join("2/store.key"), [1; 32]).unwrap();
    let store = open(&path).unwrap();
    assert_eq!(store.journal().len(), 5);
    assert!(!path.join("2").exists(), "its remains are removed");
    assert_eq!(store.drafts().get(0).unwrap(), Some(MARKER.to_vec()));
}

#[test]
fn old_generation_that_outlived_a_crash_is_removed_at_the_next_opening() {
    let (path, _directory) = closed();
    let old = std::fs::read(path.join("1/store.key")).unwrap();
    open(&path).unwrap().forget_deleted().unwrap();
    std::fs::create_dir(path.join("1")).unwrap();
    std::fs::write(path.join("1/store.key"), old).unwrap();
    let store = open(&path).unwrap();
    assert!(!path.join("1").exists());
    assert_eq!(store.journal().len(), 5);
}

#[test]
fn store_of_an_earlier_release_is_refused_and_not_begun_anew() {
    let (path, _directory) = closed();
    for entry in std::fs::read_dir(path.join("1")).unwrap() {
        let entry = entry.unwrap();
        std::fs::rename(entry.path(), path.join(entry.file_name())).unwrap();
    }
    assert!(matches!(open(&path), Err(Error::Layout { .. })));
}
