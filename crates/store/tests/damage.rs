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
        .path(path)
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
    assert_eq!(mode(&path.join("store.key")), 0o600);

    for (loose, restored) in [(path.clone(), 0o700), (path.join("store.key"), 0o600)] {
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
    std::fs::remove_file(path.join("store.key")).unwrap();
    assert!(matches!(open(&path), Err(Error::KeyFile { .. })));
    std::fs::write(path.join("store.key"), [1; 31]).unwrap();
    std::fs::set_permissions(path.join("store.key"), Permissions::from_mode(0o600)).unwrap();
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
    std::fs::write(path.join("store.key"), [1; 32]).unwrap();
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
    let bytes = std::fs::read(path.join("db")).unwrap();
    assert!(
        bytes.windows(1000).any(|window| window == [3; 1000]),
        "the journal itself is found, so the search works"
    );
    assert!(!bytes.windows(MARKER.len()).any(|window| window == MARKER));
}

#[test]
fn copy_holds_what_is_alive_and_nothing_that_was_deleted() {
    let (path, directory) = closed();
    let store = open(&path).unwrap();
    let mut batch = Batch::new();
    store.vault().delete(&mut batch, "name");
    store.journal().replace(&mut batch, 3, &[30; 5000]).unwrap();
    store.commit(batch).unwrap();

    let copied = directory.path().join("copy");
    store.copy_to(&copied).unwrap();
    assert_ne!(
        std::fs::read(path.join("store.key")).unwrap(),
        std::fs::read(copied.join("store.key")).unwrap(),
        "the copy is under its own key"
    );
    let copy = open(&copied).unwrap();
    assert_eq!(copy.journal().len(), 5);
    assert!(copy.vault().get("name").unwrap().is_none());
    assert_eq!(copy.drafts().get(0).unwrap(), Some(MARKER.to_vec()));
    assert_eq!(
        copy.projections().get(&[1; 16]).unwrap(),
        Some(MARKER.to_vec())
    );
    let has = |path: &Path, bytes: &[u8]| {
        std::fs::read(path.join("db"))
            .unwrap()
            .windows(1000)
            .any(|w| w == bytes)
    };
    assert!(
        has(&path, &[3; 1000]),
        "the old file still has the old bytes"
    );
    assert!(has(&copied, &[30; 1000]));
    assert!(!has(&copied, &[3; 1000]));
}
