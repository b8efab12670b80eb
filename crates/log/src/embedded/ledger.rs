//! Records in sled: key layout, checksums and syncing.
//!
//! One tree. `r` offset(8, big-endian) chunk(2, big-endian) → a chunk of a record; `a` author → offset of its last
//! record. A record and its author's last offset are one batch, hence one atom.
//!
//! sled puts pages above a quarter of a segment in files of their own, which it does not sync. Large segments and small
//! values keep it from doing so (research/feasibility.md C4).

use std::fs::{File, TryLockError};
use std::io::ErrorKind;
use std::path::Path;
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use sled::{Batch, Tree};

use crate::{Error, Offset, Record};

/// With 17 values to a page at most, a page stays under a quarter of a segment.
const SEGMENT_BYTES: usize = 8 * 1024 * 1024;
const CHUNK_BYTES: usize = 60 * 1024;
/// Sled's own default of 1 GiB is too much for a part of a process.
const CACHE_BYTES: u64 = 64 * 1024 * 1024;

/// Ten seconds in all, far longer than a background thread of sled lives on.
const LOCK_TRIES: u32 = 1000;
const LOCK_WAIT: Duration = Duration::from_millis(10);

/// Checksum (4) and length of the author's name (2) precede the author and the bytes.
const HEADER_BYTES: usize = 6;

pub(super) struct Ledger {
    tree: Tree,
    /// Own handle to sled's file: `flush` writes on Linux, but only `sync_data` makes it durable. None: temporary.
    file: Option<File>,
    /// Held open for the lock on it; behind the tree, as the last to go.
    _lock: Option<File>,
}

impl Ledger {
    pub(super) fn open(directory: &Path) -> Result<Self, Error> {
        std::fs::create_dir_all(directory).map_err(sled::Error::Io)?;
        let lock = lock(directory)?;
        let database = open_database(&config().path(directory))?;
        let file = File::open(directory.join("db")).map_err(sled::Error::Io)?;
        // The new file's name must be durable as well as its bytes.
        File::open(directory)
            .and_then(|directory| directory.sync_all())
            .map_err(sled::Error::Io)?;
        Ok(Self {
            tree: database.open_tree("log")?,
            file: Some(file),
            _lock: Some(lock),
        })
    }

    pub(super) fn temporary() -> Result<Self, Error> {
        Ok(Self {
            tree: config().temporary(true).open()?.open_tree("log")?,
            file: None,
            _lock: None,
        })
    }

    pub(super) fn last_offset(&self) -> Result<Offset, Error> {
        let Some(entry) = self.tree.scan_prefix(b"r").next_back() else {
            return Ok(Offset(0));
        };
        let (key, _) = entry?;
        offset_from(key.get(1..9))
    }

    pub(super) fn last_own(&self, author: &str) -> Result<Offset, Error> {
        match self.tree.get(author_key(author))? {
            Some(value) => offset_from(Some(&value)),
            None => Ok(Offset(0)),
        }
    }

    pub(super) fn write(&self, offset: Offset, author: &str, bytes: &[u8]) -> Result<(), Error> {
        let mut batch = Batch::default();
        for (chunk, value) in encode(author, bytes).chunks(CHUNK_BYTES).enumerate() {
            let chunk =
                u16::try_from(chunk).expect("the longest record has fewer chunks than that");
            batch.insert(record_key(offset, chunk), value);
        }
        batch.insert(author_key(author), &offset.0.to_be_bytes());
        Ok(self.tree.apply_batch(batch)?)
    }

    pub(super) fn read(&self, offset: Offset) -> Result<Option<Record>, Error> {
        let mut stored = BytesMut::new();
        for chunk in self.tree.scan_prefix(record_prefix(offset)).values() {
            stored.extend_from_slice(&chunk?);
        }
        if stored.is_empty() {
            return Ok(None);
        }
        decode(offset, stored.freeze()).map(Some)
    }

    pub(super) fn sync(&self) -> Result<(), Error> {
        if let Some(file) = &self.file {
            self.tree.flush()?;
            file.sync_data().map_err(sled::Error::Io)?;
        }
        Ok(())
    }
}

/// One opener at a time, whether in this process or another.
fn lock(directory: &Path) -> Result<File, Error> {
    let file = File::create(directory.join("lock")).map_err(sled::Error::Io)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Error::InUse {
            directory: directory.to_owned(),
        }),
        Err(TryLockError::Error(error)) => Err(sled::Error::Io(error).into()),
    }
}

/// Opens the database, waiting for a lock that a closed one in this process still has: sled's background threads may
/// keep its file open for a moment after the last handle is gone. Nobody else can have it, as the own lock is held.
fn open_database(config: &sled::Config) -> Result<sled::Db, Error> {
    let mut tries = LOCK_TRIES;
    loop {
        match config.open() {
            Err(sled::Error::Io(error)) if error.kind() == ErrorKind::Other && tries > 0 => {
                tries -= 1;
                std::thread::sleep(LOCK_WAIT);
            }
            opened => return Ok(opened?),
        }
    }
}

fn config() -> sled::Config {
    sled::Config::new()
        .segment_size(SEGMENT_BYTES)
        .cache_capacity(CACHE_BYTES)
        .flush_every_ms(None)
}

fn record_prefix(offset: Offset) -> [u8; 9] {
    let mut key = [b'r'; 9];
    key[1..].copy_from_slice(&offset.0.to_be_bytes());
    key
}

fn record_key(offset: Offset, chunk: u16) -> Vec<u8> {
    [record_prefix(offset).as_slice(), &chunk.to_be_bytes()].concat()
}

fn author_key(author: &str) -> Vec<u8> {
    [b"a", author.as_bytes()].concat()
}

fn offset_from(bytes: Option<&[u8]>) -> Result<Offset, Error> {
    let damaged = || Error::Corrupt {
        offset: Offset(0),
        what: "an index entry is damaged".into(),
    };
    let bytes = bytes
        .and_then(|bytes| bytes.try_into().ok())
        .ok_or_else(damaged)?;
    Ok(Offset(u64::from_be_bytes(bytes)))
}

fn encode(author: &str, bytes: &[u8]) -> Bytes {
    let mut stored = BytesMut::with_capacity(HEADER_BYTES + author.len() + bytes.len());
    stored.put_u32(0);
    stored.put_u16(u16::try_from(author.len()).expect("a token is far shorter than 64 KiB"));
    stored.put_slice(author.as_bytes());
    stored.put_slice(bytes);
    let checksum = crc32fast::hash(&stored[4..]);
    stored[..4].copy_from_slice(&checksum.to_be_bytes());
    stored.freeze()
}

fn decode(offset: Offset, stored: Bytes) -> Result<Record, Error> {
    let damaged = |what: &str| Error::Corrupt {
        offset,
        what: what.into(),
    };
    if stored.len() < HEADER_BYTES {
        return Err(damaged("it is cut short"));
    }
    if crc32fast::hash(&stored[4..]).to_be_bytes() != stored[..4] {
        return Err(damaged("its checksum does not match"));
    }
    let author_end = HEADER_BYTES + usize::from(u16::from_be_bytes([stored[4], stored[5]]));
    let author = stored
        .get(HEADER_BYTES..author_end)
        .ok_or_else(|| damaged("its author is cut short"))?;
    let author =
        String::from_utf8(author.to_vec()).map_err(|_| damaged("its author is not text"))?;
    Ok(Record {
        offset,
        author,
        bytes: stored.slice(author_end..),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn garbled_or_cut_record_is_found() {
        let stored = encode("ods-RXW", &[7; 200]);
        let whole = decode(Offset(1), stored.clone()).expect("untouched");
        assert_eq!((whole.author.as_str(), whole.bytes.len()), ("ods-RXW", 200));

        for at in 0..stored.len() {
            let mut garbled = stored.to_vec();
            garbled[at] ^= 1;
            assert!(
                decode(Offset(1), garbled.into()).is_err(),
                "byte {at} was not covered"
            );
            assert!(
                decode(Offset(1), stored.slice(..at)).is_err(),
                "cut at {at} was not found"
            );
        }
    }
}
