//! Reads the file of a pack: members, lines and entries, with limits, so that a hostile file costs little.

use std::io::{self, BufRead, BufReader, Read, Seek};

use concordat_trust::digest::Hash;
use concordat_trust::packed::PACKED_BYTES_MAX;
use sha2::{Digest, Sha256};
use zip::{CompressionMethod, ZipArchive};

use crate::manifest::{
    BUNDLES, MANIFEST, MANIFEST_BYTES_MAX, Manifest, ManifestSignature, SIGNATURE,
};

/// Longest member that is held in memory as a whole, in bytes.
const TEXT_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// Longest line of a member of lines, in bytes: a case with some hundred thousand envelopes.
const LINE_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// Why a file cannot be read as a pack at all.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file could not be read.
    #[error("the file cannot be read: {0}")]
    Io(#[from] io::Error),
    /// It is no ZIP, or was cut off.
    #[error("the file is not a complete ZIP: {0}")]
    Zip(#[from] zip::result::ZipError),
    /// The manifest is missing, too long, or says what this program does not know.
    #[error("the manifest cannot be read: {0}")]
    Manifest(String),
    /// It is in another format.
    #[error("the pack is in format {0}; this program reads format 1")]
    Format(u32),
    /// It holds no keys, so nothing of its cases can be told.
    #[error(
        "the pack holds no keys, so nothing of its cases can be told: export it with the keys of process"
    )]
    NoKeys,
}

/// A pack that was opened.
pub struct Pack<R> {
    archive: ZipArchive<R>,
    /// What its manifest says.
    pub manifest: Manifest,
    /// The manifest's bytes, as they are signed.
    pub manifest_bytes: Vec<u8>,
    /// The signature over them.
    pub signature: ManifestSignature,
}

/// What a member is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Its length.
    pub bytes: u64,
    /// Its hash.
    pub sha256: Hash,
}

impl<R: Read + Seek> Pack<R> {
    /// Opens a pack and reads its manifest. Nothing is verified.
    ///
    /// # Errors
    /// [`Error`]: it is no pack that this program can read.
    pub fn open(file: R) -> Result<Self, Error> {
        let mut archive = ZipArchive::new(file)?;
        let manifest_bytes = text(&mut archive, MANIFEST, MANIFEST_BYTES_MAX)?;
        let bad = |error: serde_json::Error| Error::Manifest(error.to_string());
        let format: serde_json::Value = serde_json::from_slice(&manifest_bytes).map_err(bad)?;
        match format.get("format").and_then(serde_json::Value::as_u64) {
            Some(1) => {}
            Some(other) => return Err(Error::Format(u32::try_from(other).unwrap_or(u32::MAX))),
            None => return Err(Error::Manifest("it names no format".to_owned())),
        }
        let manifest = serde_json::from_slice(&manifest_bytes).map_err(bad)?;
        let signature = text(&mut archive, SIGNATURE, MANIFEST_BYTES_MAX)?;
        let signature = serde_json::from_slice(&signature).map_err(bad)?;
        Ok(Self {
            archive,
            manifest,
            manifest_bytes,
            signature,
        })
    }

    /// Names of all files in the ZIP, in its order.
    pub fn names(&self) -> Vec<String> {
        (0..self.archive.len())
            .filter_map(|index| self.archive.name_for_index(index)?.ok())
            .map(std::borrow::Cow::into_owned)
            .collect()
    }

    /// Whether a name is in the ZIP twice. The library keeps the last one of a name; others would go unread.
    pub fn has_name_twice(&self) -> bool {
        self.archive.has_duplicate_names()
    }

    /// Names of the members of a folder that the manifest lists, in its order.
    pub fn members_of(&self, folder: &str) -> Vec<String> {
        let members = self.manifest.members.iter();
        members
            .map(|member| member.name.clone())
            .filter(|name| name.starts_with(folder))
            .collect()
    }

    /// Length and hash of a member; none if it is not there.
    ///
    /// # Errors
    /// [`Error`] if it cannot be read to its end.
    pub fn hash(&mut self, name: &str) -> Result<Option<Found>, Error> {
        let Some(index) = self.archive.index_for_name(name) else {
            return Ok(None);
        };
        let mut member = self.archive.by_index(index)?;
        let mut hash = Sha256::new();
        let (mut bytes, mut buffer) = (0, vec![0; 64 * 1024]);
        loop {
            let read = member.read(&mut buffer)?;
            if read == 0 {
                break;
            }
            bytes += read as u64;
            hash.update(&buffer[..read]);
        }
        Ok(Some(Found {
            bytes,
            sha256: Hash(hash.finalize().into()),
        }))
    }

    /// A member as text.
    ///
    /// # Errors
    /// [`Error`].
    pub fn text(&mut self, name: &str) -> Result<String, Error> {
        let bytes = text(&mut self.archive, name, TEXT_BYTES_MAX)?;
        String::from_utf8(bytes).map_err(|error| Error::Io(io::Error::other(error)))
    }

    /// Calls `each` with every entry of a member of bundles and the byte at which it begins in the file of the pack; stops when it
    /// says false.
    ///
    /// # Errors
    /// [`Error`], also for a member that is not stored as it is.
    pub fn entries(
        &mut self,
        name: &str,
        mut each: impl FnMut(&[u8], EntryPlace) -> bool,
    ) -> Result<(), Error> {
        debug_assert!(
            name.starts_with(BUNDLES),
            "only bundles are stored as entries"
        );
        let member = self.archive.by_name(name)?;
        if member.compression() != CompressionMethod::Stored {
            return Err(Error::Io(io::Error::other(
                "bundles have to be stored uncompressed",
            )));
        }
        let start = member
            .data_start()
            .ok_or_else(|| io::Error::other("a member without a place"))?;
        let mut reader = BufReader::with_capacity(256 * 1024, member);
        let mut offset = 0;
        let mut entry = Vec::new();
        while let Some((length, prefix)) = read_length(&mut reader)? {
            let length = usize::try_from(length).unwrap_or(usize::MAX);
            if length > PACKED_BYTES_MAX {
                return Err(Error::Io(io::Error::other("an entry is longer than 1 MiB")));
            }
            entry.resize(length, 0);
            reader.read_exact(&mut entry)?;
            let place = EntryPlace {
                in_member: offset,
                in_file: start + offset + prefix,
            };
            if !each(&entry, place) {
                return Ok(());
            }
            offset += prefix + length as u64;
        }
        Ok(())
    }

    /// Reads the members of a folder line by line, one member after the other.
    pub fn lines(&self, folder: &str) -> Lines {
        Lines {
            members: self.members_of(folder).into(),
            open: Vec::new(),
        }
    }

    /// The next line of those.
    ///
    /// # Errors
    /// [`Error`].
    pub fn next_line(&mut self, lines: &mut Lines) -> Result<Option<(String, String)>, Error> {
        loop {
            if let Some((name, line)) = lines.open.pop() {
                return Ok(Some((name, line)));
            }
            let Some(name) = lines.members.pop_front() else {
                return Ok(None);
            };
            // A member has a few megabytes, so its lines are read at once.
            if self.archive.index_for_name(&name).is_none() {
                continue;
            }
            let member = self.archive.by_name(&name)?;
            let mut reader = BufReader::new(member.take(LINE_BYTES_MAX));
            let mut line = String::new();
            while reader.read_line(&mut line)? > 0 {
                let text = line.trim_end_matches('\n').to_owned();
                lines.open.push((name.clone(), text));
                line.clear();
            }
            lines.open.reverse();
        }
    }
}

/// Where an entry begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EntryPlace {
    /// In its member: where its length stands.
    pub in_member: u64,
    /// In the file of the pack: where its bytes stand.
    pub in_file: u64,
}

/// Lines of a folder that are still to be read.
#[derive(Debug)]
pub struct Lines {
    members: std::collections::VecDeque<String>,
    open: Vec<(String, String)>,
}

fn text<R: Read + Seek>(
    archive: &mut ZipArchive<R>,
    name: &str,
    limit: u64,
) -> Result<Vec<u8>, Error> {
    let member = archive.by_name(name)?;
    let mut bytes = Vec::new();
    member.take(limit + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        return Err(Error::Manifest(format!("{name} is too long")));
    }
    Ok(bytes)
}

/// The length in front of an entry, and how many bytes it takes; none at the end.
fn read_length(reader: &mut impl Read) -> io::Result<Option<(u64, u64)>> {
    let (mut value, mut bytes) = (0_u64, 0_u64);
    loop {
        let mut byte = [0];
        if reader.read(&mut byte)? == 0 {
            return if bytes == 0 {
                Ok(None)
            } else {
                Err(io::ErrorKind::UnexpectedEof.into())
            };
        }
        if bytes >= 5 {
            return Err(io::Error::other("a length of more than five bytes"));
        }
        value |= u64::from(byte[0] & 0x7f) << (7 * bytes);
        bytes += 1;
        if byte[0] & 0x80 == 0 {
            return Ok(Some((value, bytes)));
        }
    }
}
