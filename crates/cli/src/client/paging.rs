//! Lists that come in pages.

use std::future::Future;

use clap::Args;

use crate::exit::Failure;

/// Most entries that a node puts into one page.
const PAGE_SIZE_MAX: u64 = 500;

/// How much of a list is wanted.
#[derive(Debug, Args)]
pub(crate) struct Paging {
    /// At most so many; all, if not given.
    #[arg(long, value_name = "N")]
    limit: Option<u64>,
}

/// Asks page after page until the end, or the limit. `ask` gets a page size and a token, and gives a page and the next token.
pub(crate) async fn all_pages<T, A, F>(paging: &Paging, mut ask: A) -> Result<Vec<T>, Failure>
where
    A: FnMut(i32, String) -> F,
    F: Future<Output = Result<(Vec<T>, String), Failure>>,
{
    let mut all = Vec::new();
    let mut token = String::new();
    loop {
        let left = paging
            .limit
            .map_or(u64::MAX, |limit| limit.saturating_sub(all.len() as u64));
        if left == 0 {
            return Ok(all);
        }
        let size = i32::try_from(left.min(PAGE_SIZE_MAX)).unwrap_or(i32::MAX);
        let (page, next) = ask(size, token).await?;
        all.extend(page);
        if next.is_empty() {
            return Ok(all);
        }
        token = next;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn take(limit: Option<u64>) -> (Vec<i32>, Vec<(i32, String)>) {
        let mut asked = Vec::new();
        let paging = Paging { limit };
        let all = all_pages(&paging, |size, token| {
            asked.push((size, token.clone()));
            let start: i32 = token.parse().unwrap_or(0);
            let end = (start + size).min(1200);
            let next = if end < 1200 {
                end.to_string()
            } else {
                String::new()
            };
            std::future::ready(Ok(((start..end).collect(), next)))
        })
        .await;
        (all.expect("a list"), asked)
    }

    #[tokio::test]
    async fn pages_are_joined_to_the_end() {
        let (all, asked) = take(None).await;
        assert_eq!(all, (0..1200).collect::<Vec<_>>());
        assert_eq!(asked.len(), 3);
    }

    #[tokio::test]
    async fn a_limit_ends_the_asking() {
        let (all, asked) = take(Some(501)).await;
        assert_eq!(all.len(), 501);
        assert_eq!(asked, [(500, String::new()), (1, "500".to_owned())]);
        assert_eq!(take(Some(0)).await.1, []);
    }
}
