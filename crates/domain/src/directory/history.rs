//! The directory at every position of the log.

use serde::{Deserialize, Serialize};

use super::{CalendarVersion, Directory, DirectoryEvent, enter_directory};
use crate::ids::Position;

/// What changes the directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// A new version of the partnership's document.
    Document(Box<Directory>),
    /// An effective event.
    Event(Box<DirectoryEvent>),
    /// A new version of a calendar.
    Calendar(CalendarVersion),
}

/// A change and where it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Step {
    position: Position,
    change: Change,
}

/// All directories that ever were in force: each position of the log is judged with its own, also when a case is judged later.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Record", into = "Record")]
pub struct History {
    /// The last document of the partnership, to tell what the next one changes.
    document: Directory,
    founding: Directory,
    steps: Vec<Step>,
    /// What holds from a bundle on, in ascending order; the first from the beginning.
    versions: Vec<(u64, Directory)>,
}

impl History {
    /// Begins with what the partnership file says.
    pub fn founded(founding: Directory) -> Self {
        Self {
            document: founding.clone(),
            versions: vec![(0, founding.clone())],
            founding,
            steps: Vec::new(),
        }
    }

    /// Takes in a change at its position. It is in force from the next bundle on.
    pub fn enact(&mut self, position: Position, change: Change) {
        let mut directory = self.latest().clone();
        match &change {
            Change::Document(document) => {
                directory.succeed(&self.document, document);
                self.document = document.as_ref().clone();
            }
            Change::Event(event) => enter_directory(&mut directory, event, position),
            Change::Calendar(version) => directory.calendars_mut().publish(version.clone()),
        }
        self.versions.push((position.bundle + 1, directory));
        self.steps.push(Step { position, change });
    }

    /// The directory with which envelopes of this bundle are judged.
    pub fn at(&self, bundle: u64) -> &Directory {
        let after = self.versions.partition_point(|(from, _)| *from <= bundle);
        let (_, directory) = &self.versions[after.saturating_sub(1)];
        directory
    }

    /// The directory in force at the end of the log.
    pub fn latest(&self) -> &Directory {
        let (_, directory) = self.versions.last().expect("there is always the founding");
        directory
    }

    /// Every effective event of the directory, in log order, with its position.
    pub fn events(&self) -> impl Iterator<Item = (Position, &DirectoryEvent)> {
        self.steps.iter().filter_map(|step| match &step.change {
            Change::Event(event) => Some((step.position, event.as_ref())),
            Change::Document(_) | Change::Calendar(_) => None,
        })
    }
}

/// What is kept of a history: the rest follows from it.
#[derive(Serialize, Deserialize)]
struct Record {
    founding: Directory,
    steps: Vec<Step>,
}

impl From<Record> for History {
    fn from(record: Record) -> Self {
        let mut history = Self::founded(record.founding);
        for step in record.steps {
            history.enact(step.position, step.change);
        }
        history
    }
}

impl From<History> for Record {
    fn from(history: History) -> Self {
        Self {
            founding: history.founding,
            steps: history.steps,
        }
    }
}
