//! `--to-dir`: a file for each entry, whole or not there at all, under names that sort in the feed's order.

use std::fs::{self, File, TryLockError};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context;
use serde::{Deserialize, Serialize};

use super::entry::Entry;
use crate::exit::Failure;

/// Where the last number is kept. Begins with a dot, so that whoever collects the files passes it by.
const STATE: &str = ".concordat-relay.json";

/// Held by the relay that writes here: another one would give the same numbers.
const LOCK: &str = ".concordat-relay.lock";
/// What files are called before they are whole.
const DRAFT: &str = ".concordat-draft-";

/// A folder that somebody else empties.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    last: Last,
    /// Let go by the system when this process ends, in whatever way.
    _lock: File,
}

/// The entry that was written last, or was about to be.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Last {
    /// Its number: 1, 2, 3 … without gaps.
    number: u64,
    /// Its cursor: the same entry gets the same name when it comes again after a crash.
    cursor: String,
}

impl Folder {
    /// Opens the folder; makes it if it is not there.
    ///
    /// # Errors
    /// What the file system says, [`Failure::Busy`] while another relay writes there, and [`Failure::Precondition`] for a state that is not
    /// this command's.
    pub(super) fn open(path: &Path) -> Result<Self, Failure> {
        fs::create_dir_all(path).with_context(|| format!("cannot make {}", path.display()))?;
        let lock = lock(path)?;
        clear_drafts(path).with_context(|| format!("cannot clear {}", path.display()))?;
        let state = path.join(STATE);
        let last = match fs::read(&state) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|_| {
                Failure::Precondition(format!("{} is not of this command", state.display()))
            })?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Last::default(),
            Err(error) => {
                let context = format!("cannot read {}", state.display());
                return Err(anyhow::Error::new(error).context(context).into());
            }
        };
        Ok(Self {
            path: path.to_owned(),
            last,
            _lock: lock,
        })
    }

    /// Writes an entry. On return it survives a power cut.
    ///
    /// # Errors
    /// What the file system says; nothing half written is left under a name that sorts.
    pub(super) fn write(&mut self, entry: &Entry) -> Result<(), Failure> {
        if self.last.cursor != entry.cursor {
            let last = Last {
                number: self.last.number + 1,
                cursor: entry.cursor.clone(),
            };
            // Before the entry: after a crash in between it comes again, and gets the number that is kept for it.
            let state = serde_json::to_vec(&last).map_err(anyhow::Error::from)?;
            self.put(STATE, &state)?;
            self.last = last;
        }
        let name = format!("{:020}-{}.json", self.last.number, safe(&entry.id));
        self.put(&name, &entry.body)
    }

    fn put(&self, name: &str, bytes: &[u8]) -> Result<(), Failure> {
        let cannot = || format!("cannot write into {}", self.path.display());
        let mut draft = tempfile::Builder::new()
            .prefix(DRAFT)
            .tempfile_in(&self.path)
            .with_context(cannot)?;
        draft.write_all(bytes).with_context(cannot)?;
        draft.as_file().sync_all().with_context(cannot)?;
        draft.persist(self.path.join(name)).with_context(cannot)?;
        // The name is durable only with the folder.
        let folder = File::open(&self.path).and_then(|folder| folder.sync_all());
        Ok(folder.with_context(cannot)?)
    }
}

fn lock(path: &Path) -> Result<File, Failure> {
    let file = path.join(LOCK);
    let cannot = || format!("cannot lock {}", file.display());
    let lock = File::create(&file).with_context(cannot)?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(Failure::Busy(format!(
            "another relay writes into {}",
            path.display()
        ))),
        Err(TryLockError::Error(error)) => Err(anyhow::Error::new(error).context(cannot()).into()),
    }
}

/// Removes what a relay that was killed had not finished: it comes again.
fn clear_drafts(path: &Path) -> std::io::Result<()> {
    for file in fs::read_dir(path)? {
        let file = file?;
        if file.file_name().to_string_lossy().starts_with(DRAFT) {
            fs::remove_file(file.path())?;
        }
    }
    Ok(())
}

/// An id as part of a name: ids are of digits, letters and hyphens; whatever else one may hold some day makes no path.
fn safe(id: &str) -> String {
    let harmless = |letter: char| letter.is_ascii_alphanumeric() || letter == '-';
    id.chars()
        .map(|letter| if harmless(letter) { letter } else { '_' })
        .take(64)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(cursor: &str) -> Entry {
        Entry {
            cursor: cursor.to_owned(),
            case: String::new(),
            id: format!("id-{cursor}"),
            body: b"{}".to_vec(),
        }
    }

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(folder)
            .expect("a folder")
            .map(|one| {
                one.expect("a file")
                    .file_name()
                    .to_string_lossy()
                    .into_owned()
            })
            .filter(|name| !name.starts_with('.'))
            .collect();
        names.sort();
        names
    }

    #[test]
    fn names_are_dense_and_an_entry_that_comes_again_keeps_its_own() {
        let folder = tempfile::tempdir().expect("a folder");
        let open = || Folder::open(folder.path()).expect("it opens");
        let mut first = open();
        first.write(&entry("a")).expect("written");
        first.write(&entry("b")).expect("written");
        // After a crash: the last one again, though somebody has collected all files.
        for name in names(folder.path()) {
            fs::remove_file(folder.path().join(name)).expect("removed");
        }
        drop(first);
        fs::write(folder.path().join(".concordat-draft-half"), "{").expect("written");
        let mut again = open();
        assert!(!folder.path().join(".concordat-draft-half").exists());
        assert!(matches!(Folder::open(folder.path()), Err(Failure::Busy(_))));
        again.write(&entry("b")).expect("written");
        again.write(&entry("c")).expect("written");
        assert_eq!(
            names(folder.path()),
            [
                "00000000000000000002-id-b.json",
                "00000000000000000003-id-c.json"
            ]
        );
    }

    #[test]
    fn an_id_makes_no_path() {
        assert_eq!(safe("../a/b"), "___a_b");
    }
}
