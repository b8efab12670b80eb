//! Policy packs: the versioned rules that give each deadline its length and its legal source.
//!
//! A pack is a commented TOML file; `packs/eng-2009.toml` explains every key to people who write one.

use std::collections::BTreeMap;
use std::fmt;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::calendar::{self, Calendar, ClosedDays, Convention, Counted, DayStep, DayVerdict};
use crate::ids::PackId;

/// A pack cannot be used. Correct the file at the place named.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The text is not a pack: the message names line, column and reason.
    #[error("policy pack: {0}")]
    Malformed(String),
    /// A rule contradicts itself or another one.
    #[error("policy pack {pack}, rule {rule}: {reason}")]
    Inconsistent {
        /// The pack.
        pack: PackId,
        /// The rule.
        rule: String,
        /// What is wrong.
        reason: &'static str,
    },
}

/// Which family of regulations a pack belongs to: decides the fields marked `@eng`, `@sco` … in the event tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Regime {
    /// English adult care, NHS and public health (`@eng`).
    Eng,
    /// Scottish model procedure and NHS Scotland (`@sco`).
    Sco,
    /// English children's social care (`@children`).
    Children,
    /// Any other regime: shown, not judged by special fields.
    Other,
    /// A local protocol, which never is a case's policy.
    Protocol,
}

impl Regime {
    /// Whether complaints pass through stages (`@staged`).
    pub fn is_staged(self) -> bool {
        matches!(self, Self::Sco | Self::Children)
    }
}

/// What a rule counts in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unit {
    /// Working days of the owing organisation's calendar.
    WorkingDays,
    /// Calendar days.
    Days,
    /// Calendar months.
    Months,
    /// Calendar years.
    Years,
    /// The event names the day itself.
    Date,
}

/// How binding a rule is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Force {
    /// An Act or regulations.
    Statutory,
    /// A code or model procedure that the body is judged by.
    Quasi,
    /// Guidance.
    Guidance,
    /// A local protocol.
    Local,
}

impl fmt::Display for Force {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Statutory => "statutory",
            Self::Quasi => "quasi",
            Self::Guidance => "guidance",
            Self::Local => "local",
        })
    }
}

/// How far the source of a rule was checked (domain brief, *How to read the marks*).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Mark {
    /// Checked in a source.
    V,
    /// Checked in a parallel instrument.
    P,
    /// Sure from professional practice.
    H,
    /// From general knowledge.
    M,
    /// Stated in a seed document.
    S,
    /// A local value.
    L,
}

/// One rule: the length of one deadline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Rule {
    /// The deadline it is for.
    pub name: String,
    /// The same deadline in another situation.
    #[serde(default)]
    pub variant: Option<String>,
    /// What it counts in.
    pub unit: Unit,
    /// How many; 0 for a date.
    #[serde(default)]
    pub n: u32,
    /// How many at most, where it can be extended up to a limit.
    #[serde(default)]
    pub max: Option<u32>,
    /// Whether the trigger day counts.
    #[serde(default = "after")]
    pub convention: Convention,
    /// What starts it, in words.
    pub trigger: String,
    /// The rule of the domain brief.
    pub id: String,
    /// Where it comes from.
    pub source: String,
    /// How binding it is.
    pub force: Force,
    /// How far the source was checked.
    pub mark: Mark,
    /// Shown, never missed.
    #[serde(default)]
    pub window: bool,
    /// Over at the end of its due day.
    #[serde(default)]
    pub ends_when_due: bool,
    /// Restarted once by so many working days when unmet at the end of its due day.
    #[serde(default)]
    pub again: Option<u32>,
    /// The deadline that starts when this one is unmet at the end of its due day.
    #[serde(default)]
    pub then: Option<String>,
}

fn after() -> Convention {
    Convention::After
}

impl Rule {
    /// The due date of this rule from a trigger day, with `n` replaced where the case fixed another interval.
    ///
    /// # Errors
    /// Those of the calendar.
    pub fn due(
        &self,
        from: Date,
        n: Option<u32>,
        calendar: &Calendar,
        closed: &ClosedDays,
    ) -> Result<Counted, calendar::Error> {
        let n = n.unwrap_or(self.n);
        match self.unit {
            Unit::WorkingDays => calendar.due_working_days(from, n, self.convention, closed),
            Unit::Days => calendar::due_days(from, n),
            Unit::Months => calendar::due_months(from, n, self.convention),
            Unit::Years => calendar::due_months(from, n.saturating_mul(12), self.convention),
            Unit::Date => {
                let steps = vec![DayStep {
                    date: from,
                    verdict: DayVerdict::Ended,
                }];
                Ok(Counted { due: from, steps })
            }
        }
    }

    /// The rule that restarts this one when it was unmet on its due day.
    pub(crate) fn restarted(&self) -> Option<Self> {
        let n = self.again?;
        Some(Self {
            unit: Unit::WorkingDays,
            n,
            convention: Convention::After,
            again: None,
            ..self.clone()
        })
    }
}

/// A policy pack or local protocol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyPack {
    id: PackId,
    version: String,
    title: String,
    regime: Regime,
    warn: u32,
    rules: BTreeMap<(String, Option<String>), Rule>,
    hash: [u8; 32],
}

impl PolicyPack {
    /// Reads a pack.
    ///
    /// # Errors
    /// [`Error::Malformed`] with line and reason, [`Error::Inconsistent`] with the rule.
    pub fn from_toml(text: &str) -> Result<Self, Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct File {
            id: PackId,
            version: String,
            title: String,
            regime: Regime,
            warn: u32,
            rule: Vec<Rule>,
        }
        let file: File =
            toml::from_str(text).map_err(|error| Error::Malformed(error.to_string()))?;
        let mut rules = BTreeMap::new();
        for rule in file.rule {
            let name = rule.name.clone();
            let fail = |reason| Error::Inconsistent {
                pack: file.id.clone(),
                rule: name.clone(),
                reason,
            };
            if (rule.unit == Unit::Date) != (rule.n == 0) {
                return Err(fail(
                    "`n` belongs to every unit but `date`, and is at least 1",
                ));
            }
            if rule.max.is_some_and(|max| max < rule.n) {
                return Err(fail("`max` is at least `n`"));
            }
            if rules
                .insert((rule.name.clone(), rule.variant.clone()), rule)
                .is_some()
            {
                return Err(fail("stands twice"));
            }
        }
        Ok(Self {
            id: file.id,
            version: file.version,
            title: file.title,
            regime: file.regime,
            warn: file.warn,
            rules,
            hash: Sha256::digest(text.as_bytes()).into(),
        })
    }

    /// The name of the pack.
    pub fn id(&self) -> &PackId {
        &self.id
    }

    /// Its version.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Its title, for people.
    pub fn title(&self) -> &str {
        &self.title
    }

    /// The family of regulations.
    pub fn regime(&self) -> Regime {
        self.regime
    }

    /// How many working days before the due day the enforcer warns.
    pub fn warn(&self) -> u32 {
        self.warn
    }

    /// SHA-256 of the text, as a case pins it.
    pub fn hash(&self) -> [u8; 32] {
        self.hash
    }

    /// The rule for a deadline in a situation.
    pub fn rule(&self, name: &str, variant: Option<&str>) -> Option<&Rule> {
        self.rules
            .get(&(name.to_owned(), variant.map(str::to_owned)))
    }

    /// All rules, by name.
    pub fn rules(&self) -> impl Iterator<Item = &Rule> {
        self.rules.values()
    }
}

/// The packs that a node knows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PolicyPacks {
    packs: BTreeMap<PackId, PolicyPack>,
}

impl PolicyPacks {
    /// The packs that this release carries.
    pub fn built_in() -> Self {
        let texts = [
            include_str!("../packs/eng-2009.toml"),
            include_str!("../packs/eng-ph-2012.toml"),
            include_str!("../packs/eng-children-2006.toml"),
            include_str!("../packs/sco-mchp.toml"),
            include_str!("../packs/sco-nhs.toml"),
            include_str!("../packs/joint-example-v1.toml"),
        ];
        Self::new(texts.map(|text| {
            PolicyPack::from_toml(text).expect("the packs of this crate are well-formed")
        }))
    }

    /// These packs; a later one replaces an earlier one of the same name.
    pub fn new(packs: impl IntoIterator<Item = PolicyPack>) -> Self {
        Self {
            packs: packs
                .into_iter()
                .map(|pack| (pack.id.clone(), pack))
                .collect(),
        }
    }

    /// The pack of this name.
    pub fn get(&self, id: &PackId) -> Option<&PolicyPack> {
        self.packs.get(id)
    }

    /// All packs, by name.
    pub fn iter(&self) -> impl Iterator<Item = &PolicyPack> {
        self.packs.values()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pack_that_cannot_be_read_names_the_line_and_the_reason() {
        let text = "id = \"p\"\nversion = \"1\"\ntitle = \"t\"\nregime = \"eng\"\nwarn = 2\n[[rule]]\nname = 3\n";
        let Err(Error::Malformed(message)) = PolicyPack::from_toml(text) else {
            panic!("read a malformed pack")
        };
        assert!(
            message.contains("line 7") && message.contains("expected a string"),
            "{message}"
        );
    }

    #[test]
    fn a_rule_that_stands_twice_is_refused() {
        let rule = "[[rule]]\nname='a'\nunit='months'\nn=1\ntrigger=''\nid=''\nsource=''\nforce='local'\nmark='L'\n";
        let text = format!("id='p'\nversion='1'\ntitle=''\nregime='eng'\nwarn=2\n{rule}{rule}");
        let refused = PolicyPack::from_toml(&text);
        assert!(
            matches!(
                refused,
                Err(Error::Inconsistent {
                    reason: "stands twice",
                    ..
                })
            ),
            "{refused:?}"
        );
    }

    #[test]
    fn every_built_in_rule_says_its_source() {
        for rule in PolicyPacks::built_in().iter().flat_map(PolicyPack::rules) {
            assert!(
                !rule.source.is_empty() && !rule.id.is_empty() && !rule.trigger.is_empty(),
                "{}",
                rule.name
            );
        }
    }
}
