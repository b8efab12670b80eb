//! Takes packs apart and puts them together again as somebody would who wants to deceive: with or without the exporter's key.

use std::io::{Cursor, Read as _, Write as _};

use concordat_trust::digest::Hash;
use concordat_trust::hash::sha256;
use concordat_trust::packed::Packed;
use concordat_trust::pae::PayloadType;
use concordat_trust::signing::SigningKey;
use concordat_verify::manifest::{MANIFEST, Manifest, ManifestSignature, SIGNATURE};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

/// The members of a pack, in order, and its manifest.
#[derive(Clone)]
pub(crate) struct Parts {
    pub(crate) members: Vec<(String, Vec<u8>)>,
    pub(crate) manifest: Manifest,
    signature: Vec<u8>,
    /// The seed of the key with which an exporter that lies signs.
    pub(crate) signer: u8,
}

impl Parts {
    pub(crate) fn of(pack: &[u8]) -> Self {
        let mut archive = ZipArchive::new(Cursor::new(pack)).unwrap();
        let mut members = Vec::new();
        for index in 0..archive.len() {
            let mut member = archive.by_index(index).unwrap();
            let mut bytes = Vec::new();
            member.read_to_end(&mut bytes).unwrap();
            members.push((member.name().unwrap().into_owned(), bytes));
        }
        let mut take = |name: &str| {
            let at = members.iter().position(|(one, _)| one == name).unwrap();
            members.remove(at).1
        };
        let manifest = serde_json::from_slice(&take(MANIFEST)).unwrap();
        let signature = take(SIGNATURE);
        Self {
            members,
            manifest,
            signature,
            signer: 1,
        }
    }

    pub(crate) fn member(&mut self, start: &str) -> &mut Vec<u8> {
        let found = self
            .members
            .iter_mut()
            .find(|(name, _)| name.starts_with(start));
        &mut found.unwrap().1
    }

    pub(crate) fn entries(&mut self) -> Vec<Vec<u8>> {
        let mut rest = self.member("bundles/").as_slice();
        let mut entries = Vec::new();
        while !rest.is_empty() {
            let (mut length, mut shift) = (0_usize, 0);
            loop {
                let byte = rest[0];
                rest = &rest[1..];
                length |= usize::from(byte & 0x7f) << shift;
                shift += 7;
                if byte < 0x80 {
                    break;
                }
            }
            entries.push(rest[..length].to_vec());
            rest = &rest[length..];
        }
        entries
    }

    pub(crate) fn set_entries(&mut self, entries: &[Vec<u8>]) {
        let mut bytes = Vec::new();
        for entry in entries {
            let mut length = entry.len();
            while length >= 0x80 {
                bytes.push((length & 0x7f) as u8 | 0x80);
                length >>= 7;
            }
            bytes.push(length as u8);
            bytes.extend_from_slice(entry);
        }
        *self.member("bundles/") = bytes;
    }

    pub(crate) fn packed(&mut self) -> Vec<Packed> {
        let entries = self.entries();
        entries
            .iter()
            .map(|entry| Packed::decode(entry).unwrap())
            .collect()
    }

    pub(crate) fn set_packed(&mut self, packed: &[Packed]) {
        let entries: Vec<_> = packed.iter().map(Packed::encode).collect();
        self.set_entries(&entries);
    }

    /// Replaces the first occurrence of a text in a member.
    pub(crate) fn edit(&mut self, start: &str, from: &str, to: &str) {
        let text = String::from_utf8(self.member(start).clone()).unwrap();
        assert!(text.contains(from), "{start} has no {from}");
        *self.member(start) = text.replacen(from, to, 1).into_bytes();
    }

    /// As somebody without the exporter's key leaves it: the manifest as it was signed.
    pub(crate) fn with_old_manifest(self) -> Vec<u8> {
        let manifest = self.manifest.to_bytes().unwrap();
        let signature = self.signature.clone();
        self.zip(manifest, signature)
    }

    /// As a lying exporter makes it: hashes and counts anew, and signed.
    pub(crate) fn signed_anew(mut self, key: &SigningKey) -> Vec<u8> {
        for listed in &mut self.manifest.members {
            if let Some((_, bytes)) = self.members.iter().find(|(name, _)| *name == listed.name) {
                listed.bytes = bytes.len() as u64;
                listed.sha256 = Hash(sha256(bytes).0);
            }
        }
        let manifest = self.manifest.to_bytes().unwrap();
        let signature = ManifestSignature {
            organisation: self.manifest.exported.by.clone(),
            key_id: key.public_key().key_id(),
            signature: hex::encode(key.sign(PayloadType::AuditPackManifest, &manifest)),
        };
        let signature = serde_json::to_vec(&signature).unwrap();
        self.zip(manifest, signature)
    }

    fn zip(self, manifest: Vec<u8>, signature: Vec<u8>) -> Vec<u8> {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
        let last = [
            (MANIFEST.to_owned(), manifest),
            (SIGNATURE.to_owned(), signature),
        ];
        for (name, bytes) in self.members.into_iter().chain(last) {
            writer.start_file(name, stored).unwrap();
            writer.write_all(&bytes).unwrap();
        }
        writer.finish().unwrap().into_inner()
    }
}
