//! The numbered responsibilities of the guidance that this project started from, and the rules of law that it carries out.
//!
//! One list for the traceability page and for the report on compliance, so that both speak of the same things.

use std::sync::LazyLock;

use serde::Deserialize;

/// One thing that organisations have to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Responsibility {
    /// Its id: `000-23` for a document, `E-15` for a rule.
    pub id: String,
    /// The document or the family of rules.
    pub source: String,
    /// Where it stands in its source.
    pub place: String,
    /// What has to be done.
    pub text: String,
}

/// All of them, source after source, in the order of each.
pub fn responsibilities() -> &'static [Responsibility] {
    static ALL: LazyLock<Vec<Responsibility>> = LazyLock::new(|| {
        #[derive(Deserialize)]
        struct Listing {
            source: Vec<Source>,
        }
        #[derive(Deserialize)]
        struct Source {
            title: String,
            items: Vec<(String, String, String)>,
        }
        let listing: Listing = toml::from_str(include_str!("../data/responsibilities.toml"))
            .expect("the list of this crate is well-formed");
        let sources = listing.source.into_iter();
        sources
            .flat_map(|Source { title, items }| {
                items
                    .into_iter()
                    .map(move |(id, place, text)| Responsibility {
                        id,
                        source: title.clone(),
                        place,
                        text,
                    })
            })
            .collect()
    });
    &ALL
}

/// The rule ids in a sentence, ranges such as `E-15 to E-17` spelt out.
pub fn rule_ids(sentence: &str) -> Vec<String> {
    let words: Vec<&str> = sentence
        .split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '-')
        .filter(|word| !word.is_empty())
        .collect();
    let mut ids = Vec::new();
    for (index, word) in words.iter().enumerate() {
        let Some((family, number)) = rule_id(word) else {
            continue;
        };
        let is_end_of_range = index >= 2 && words[index - 1] == "to";
        let first = is_end_of_range
            .then(|| rule_id(words[index - 2]))
            .flatten()
            .filter(|(from, _)| *from == family)
            .map_or(number, |(_, from)| from + 1);
        ids.extend((first..=number).map(|number| format!("{family}-{number:02}")));
    }
    ids
}

fn rule_id(word: &str) -> Option<(&str, u32)> {
    let (family, number) = word.split_once('-')?;
    let is_family = family.len() == 1 && "EJCSKOD".contains(family);
    (is_family && number.len() == 2)
        .then(|| Some((family, number.parse().ok()?)))
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_spelt_out() {
        assert_eq!(
            rule_ids("Acknowledged, with the offer of a discussion (E-15 to E-17, J-02)."),
            ["E-15", "E-16", "E-17", "J-02"]
        );
        assert!(rule_ids("in two-thirds of cases").is_empty());
    }

    #[test]
    fn the_list_names_each_id_once() {
        let mut ids: Vec<&str> = responsibilities()
            .iter()
            .map(|one| one.id.as_str())
            .collect();
        let all = ids.len();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), all);
        assert!(all > 200, "{all}");
    }
}
