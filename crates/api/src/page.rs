//! Pages of lists (AIP-158): opaque tokens, bound to the request that they continue.

use concordat_proto::v1::ErrorReason;
use sha2::{Digest, Sha256};
use tonic::Code;

use crate::failure::Failure;

/// Entries of a page if the caller names no number.
const SIZE_DEFAULT: usize = 50;
/// Entries of a page at most.
pub(crate) const SIZE_MAX: usize = 500;
/// Bytes that the entries of a page may have together: clients by default take answers of 4 MiB.
const ANSWER_BYTES: usize = 3 * 1024 * 1024;
/// Bytes of the request's hash in a token.
const BINDING_BYTES: usize = 8;

/// Which page is asked for, of which list.
pub(crate) struct Page {
    size: usize,
    binding: [u8; BINDING_BYTES],
    after: Option<Vec<u8>>,
}

impl Page {
    /// Reads what a request says. `list` is everything that decides what is listed, so that a token cannot continue another list.
    pub(crate) fn read(size: i32, token: &str, list: &[&str]) -> Result<Self, Failure> {
        let size = usize::try_from(size)
            .map_err(|_| Failure::field("page_size", "a number from 0 to 500"))?;
        let binding = binding_of(list);
        let after = match token {
            "" => None,
            token => Some(key_of(token, binding).ok_or_else(|| {
                Failure::new(
                    Code::InvalidArgument,
                    ErrorReason::PageTokenInvalid,
                    "the page token is not of this request; start from the first page",
                )
                .and_field(
                    "page_token",
                    "one that an earlier answer to this request gave",
                )
            })?),
        };
        Ok(Self {
            size: match size {
                0 => SIZE_DEFAULT,
                size => size.min(SIZE_MAX),
            },
            binding,
            after,
        })
    }

    /// Entries that the page has at most.
    pub(crate) fn size(&self) -> usize {
        self.size
    }

    /// Key of the last entry of the page before.
    pub(crate) fn after(&self) -> Option<&str> {
        self.after
            .as_deref()
            .and_then(|key| std::str::from_utf8(key).ok())
    }

    /// The token of the page behind an entry with this key.
    pub(crate) fn token(&self, last: &str) -> String {
        format!("{}{}", hex::encode(self.binding), hex::encode(last))
    }

    /// The entries of the page, and the token of the next one; empty at the end. `key` decides the order and is unique.
    pub(crate) fn cut<T>(&self, all: Vec<T>, key: impl Fn(&T) -> String) -> (Vec<T>, String) {
        self.cut_within(all, key, |_| 0)
    }

    /// As [`Self::cut`], but a page ends early when its entries together have grown to [`ANSWER_BYTES`]. It has one at least.
    pub(crate) fn cut_within<T>(
        &self,
        mut all: Vec<T>,
        key: impl Fn(&T) -> String,
        bytes: impl Fn(&T) -> usize,
    ) -> (Vec<T>, String) {
        all.sort_by_cached_key(&key);
        let start = match &self.after {
            None => 0,
            Some(after) => all.partition_point(|entry| key(entry).as_bytes() <= after.as_slice()),
        };
        let rest = all.len() - start;
        let mut weight = 0;
        let page: Vec<T> = all
            .into_iter()
            .skip(start)
            .take(self.size)
            .take_while(|entry| {
                let fits = weight == 0 || weight + bytes(entry) <= ANSWER_BYTES;
                weight += bytes(entry);
                fits
            })
            .collect();
        let next = match page.last() {
            Some(last) if rest > page.len() => self.token(&key(last)),
            _ => String::new(),
        };
        (page, next)
    }
}

fn binding_of(list: &[&str]) -> [u8; BINDING_BYTES] {
    let mut hash = Sha256::new();
    for part in list {
        hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        hash.update(part);
    }
    let hash: [u8; 32] = hash.finalize().into();
    std::array::from_fn(|index| hash[index])
}

fn key_of(token: &str, binding: [u8; BINDING_BYTES]) -> Option<Vec<u8>> {
    let bytes = hex::decode(token).ok()?;
    bytes.strip_prefix(&binding).map(<[u8]>::to_vec)
}

#[cfg(test)]
mod tests {
    use super::Page;

    fn key(number: &u32) -> String {
        format!("{number:04}")
    }

    #[test]
    fn pages_together_are_the_list_and_the_last_has_no_token() {
        let all: Vec<u32> = (0..120).rev().collect();
        let (mut token, mut seen, mut pages) = (String::new(), Vec::new(), 0);
        loop {
            let page = Page::read(50, &token, &["numbers"]).expect("a page");
            let (entries, next) = page.cut(all.clone(), key);
            seen.extend(entries);
            pages += 1;
            if next.is_empty() {
                break;
            }
            token = next;
        }
        assert_eq!(pages, 3);
        assert_eq!(seen, (0..120).collect::<Vec<u32>>());
    }

    #[test]
    fn page_of_large_entries_ends_early_and_goes_on() {
        let all = vec![2_000_000_usize, 1_000_000, 4_000_000];
        let text = |number: &usize| format!("{number:08}");
        let page = Page::read(50, "", &["sizes"]).expect("a page");
        let (first, token) = page.cut_within(all.clone(), text, |size| *size);
        assert_eq!(first, [1_000_000, 2_000_000]);
        let page = Page::read(50, &token, &["sizes"]).expect("a page");
        let (second, token) = page.cut_within(all, text, |size| *size);
        assert_eq!((second, token), (vec![4_000_000], String::new()));
    }

    #[test]
    fn token_of_another_list_is_refused_and_sizes_are_kept_in_bounds() {
        let first = Page::read(1, "", &["a"]).expect("a page");
        let (_, token) = first.cut(vec![1, 2], key);
        assert!(Page::read(1, &token, &["b"]).is_err());
        assert!(Page::read(1, "xyz", &["a"]).is_err());
        assert!(Page::read(-1, "", &["a"]).is_err());
        let all: Vec<u32> = (0..1000).collect();
        let page = |size| {
            Page::read(size, "", &["a"])
                .expect("a page")
                .cut(all.clone(), key)
                .0
                .len()
        };
        assert_eq!([page(0), page(501), page(7)], [50, 500, 7]);
    }
}
