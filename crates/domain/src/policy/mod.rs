//! Policy packs: the versioned rules that give each deadline its length and its legal source.
//!
//! A pack is a commented TOML file; `packs/eng-2009.toml` explains every key to people who write one.

mod read;
mod regime;
mod rule;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use read::{Error, Fault};
pub(crate) use regime::{kind_of_standard, own_regime};
pub use rule::{Figure, Force, Mark, Open, Rule, Trigger, Unit};

use crate::event::EventType;
use crate::events::row;
use crate::events::row::Act;
use crate::fields::Fields;
use crate::ids::PackId;

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

/// A policy pack or local protocol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyPack {
    id: PackId,
    version: String,
    title: String,
    regime: Regime,
    staged: Option<bool>,
    warn: u32,
    rules: BTreeMap<(String, Option<String>), Rule>,
    hash: [u8; 32],
    text: String,
}

impl PolicyPack {
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

    /// Whether complaints under it pass through stages: the Scottish and children's packs, and others that say so.
    pub fn is_staged(&self) -> bool {
        self.regime.is_staged() || self.staged == Some(true)
    }

    /// The figures that nobody could check yet. A pack with any is shown, not adopted, until a person has confirmed them in the file
    /// (`confirmed-by`, `confirmed-on`), which changes its hash.
    pub fn open_figures(&self) -> Vec<OpenFigure<'_>> {
        let open = self.rules.values().flat_map(|rule| {
            let figures = rule.open_figures().into_iter();
            figures.map(move |(figure, why)| OpenFigure { rule, figure, why })
        });
        open.collect()
    }

    /// Whether a case can be opened under it.
    pub fn is_adoptable(&self) -> bool {
        self.open_figures().is_empty()
    }

    /// How many working days before the due day the enforcer warns.
    pub fn warn(&self) -> u32 {
        self.warn
    }

    /// The text as it was read: what an audit pack carries, so that its hash can be checked.
    pub fn text(&self) -> &str {
        &self.text
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

/// A figure of a pack that does not count yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenFigure<'a> {
    /// The rule it belongs to.
    pub rule: &'a Rule,
    /// Which one.
    pub figure: Figure,
    /// What is to be checked.
    pub why: &'a str,
}

impl OpenFigure<'_> {
    /// What is open and what a person has to do, in one clause.
    pub fn what_to_do(&self) -> String {
        format!(
            "rule {} ({}): `{}` is open: {}; check it, write the figure into the pack, and put `confirmed-by` and `confirmed-on` to the rule",
            self.rule.name,
            self.rule.id,
            self.figure.key(),
            self.why
        )
    }
}

/// What happens to a deadline, and by which event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Effect {
    /// What happens.
    pub act: Act,
    /// By which event.
    pub event: EventType,
    /// Under which condition, in words.
    pub condition: Option<&'static str>,
}

/// What starts, meets, ends and moves the deadline of a rule: by the rows of the events, and by what the rule itself says.
pub fn effects(rule: &Rule) -> Vec<Effect> {
    let by_rows = EventType::ALL.iter().flat_map(|event| {
        let signs = row(*event).deadlines.iter();
        signs.map(move |sign| (*event, sign))
    });
    let mut effects: Vec<Effect> = by_rows
        .filter(|(_, sign)| sign.deadline.split(':').next() == Some(rule.name.as_str()))
        .filter(|(_, sign)| sign.act != Act::Starts || rule.started_by.is_empty())
        .map(|(event, sign)| Effect {
            act: sign.act,
            event,
            condition: sign.condition,
        })
        .collect();
    let own = |act| {
        move |event: &EventType| Effect {
            act,
            event: *event,
            condition: Some("as the pack says"),
        }
    };
    effects.extend(
        rule.started_by
            .iter()
            .map(|trigger| own(Act::Starts)(&trigger.event)),
    );
    effects.extend(rule.met_by.iter().map(own(Act::Meets)));
    effects.extend(rule.ended_by.iter().map(own(Act::Ends)));
    effects
}

/// An opening event names a pack that is not in force. Name another one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no policy pack `{id}` is in force")]
pub struct UnknownPack {
    /// The field that names it.
    pub field: &'static str,
    /// The pack.
    pub id: PackId,
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
            include_str!("../../packs/eng-2009.toml"),
            include_str!("../../packs/eng-ph-2012.toml"),
            include_str!("../../packs/eng-children-2006.toml"),
            include_str!("../../packs/sco-mchp.toml"),
            include_str!("../../packs/sco-nhs.toml"),
            include_str!("../../packs/lgsco-code-2024.toml"),
            include_str!("../../packs/wal-nhs-2026.toml"),
            include_str!("../../packs/wal-ss-2014.toml"),
            include_str!("../../packs/ni-hsc-2026.toml"),
            include_str!("../../packs/joint-example-v1.toml"),
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

    /// The packs that a case pins when it is opened by an event with these fields: those that a complaint names as its policy and
    /// protocol; for a restricted channel, which names none, every local protocol that says until when a concern is to be referred, and one
    /// policy for what data protection demands of any case: the first by name that says until when a breach is to be reported.
    ///
    /// # Errors
    /// The field, and the pack named in it that is not among these.
    pub fn pinned_by(
        &self,
        opener: EventType,
        fields: &Fields,
    ) -> Result<BTreeMap<PackId, String>, UnknownPack> {
        let pin = |pack: &PolicyPack| (pack.id.clone(), hex::encode(pack.hash));
        if opener != EventType::ComplaintReceived {
            let having = |rule: &'static str, protocol: bool| {
                self.iter().filter(move |pack| {
                    (pack.regime == Regime::Protocol) == protocol
                        && pack.is_adoptable()
                        && pack.rule(rule, None).is_some()
                })
            };
            let policy = having("breach-notice", false).take(1);
            return Ok(having("safeguarding-referral", true)
                .chain(policy)
                .map(pin)
                .collect());
        }
        let mut pinned = BTreeMap::new();
        for field in ["policy", "protocol"] {
            let Some(id) = fields.text(field).and_then(|name| name.parse().ok()) else {
                continue;
            };
            let pack = self.get(&id).ok_or(UnknownPack { field, id })?;
            pinned.extend([pin(pack)]);
        }
        Ok(pinned)
    }

    /// All packs, by name.
    pub fn iter(&self) -> impl Iterator<Item = &PolicyPack> {
        self.packs.values()
    }

    /// These and others; one of the others replaces one of these of the same name.
    #[must_use]
    pub fn with(mut self, others: impl IntoIterator<Item = PolicyPack>) -> Self {
        let others = others.into_iter().map(|pack| (pack.id.clone(), pack));
        self.packs.extend(others);
        self
    }
}

#[cfg(test)]
mod tests;
