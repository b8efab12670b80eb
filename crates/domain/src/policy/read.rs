//! Reading a pack file: every fault of it at once, each with its place.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::Range;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

use super::rule::{Figure, Mark, Rule, Trigger, Unit};
use super::{PolicyPack, Regime};
use crate::calendar::Convention;
use crate::event::EventType;
use crate::events::row::Act;
use crate::events::{Kind, row};

/// Most working days of warning; more would warn of everything all the time.
const WARN_MAX: u32 = 60;

/// What is wrong with a pack file, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// The rule it is in, if it is in one that has a name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// What is wrong.
    pub reason: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}: ", self.line, self.column)?;
        if let Some(rule) = &self.rule {
            write!(f, "rule {rule}: ")?;
        }
        f.write_str(&self.reason)
    }
}

/// A pack cannot be used. Correct the file at the places named.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("policy pack: {}", .faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
pub struct Error {
    /// All faults, in the order of the file. There is at least one.
    pub faults: Vec<Fault>,
}

impl PolicyPack {
    /// Reads a pack.
    ///
    /// # Errors
    /// [`Error`] with every fault of the file. A file that is no TOML has those of its form only.
    pub fn from_toml(text: &str) -> Result<Self, Error> {
        let mut reading = Reading {
            text,
            faults: Vec::new(),
        };
        let pack = reading.pack();
        reading
            .faults
            .sort_by_key(|fault| (fault.line, fault.column));
        match pack {
            Some(pack) if reading.faults.is_empty() => Ok(pack),
            _ => Err(Error {
                faults: reading.faults,
            }),
        }
    }
}

/// The keys of the file beside its rules.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Head {
    id: Spanned<crate::ids::PackId>,
    version: Spanned<String>,
    title: Spanned<String>,
    regime: Spanned<Regime>,
    #[serde(default)]
    staged: Option<Spanned<bool>>,
    warn: Spanned<u32>,
}

/// A rule and where it stands.
struct Placed {
    rule: Rule,
    at: usize,
    keys: BTreeMap<String, usize>,
}

impl Placed {
    /// Where a key of it stands, or the rule itself.
    fn place(&self, key: &str) -> usize {
        self.keys.get(key).copied().unwrap_or(self.at)
    }
}

struct Reading<'a> {
    text: &'a str,
    faults: Vec<Fault>,
}

impl Reading<'_> {
    fn pack(&mut self) -> Option<PolicyPack> {
        let (table, errors) = DeTable::parse_recoverable(self.text);
        if !errors.is_empty() {
            for error in errors {
                self.fault(error.span(), None, error.message());
            }
            return None;
        }
        let mut head = table.get_ref().clone();
        let rules = head.remove("rule");
        let span = table.span();
        let head: Option<Head> = self.read(Spanned::new(span.clone(), DeValue::Table(head)), None);
        let placed = match &rules {
            Some(rules) => self.rules(rules),
            None => {
                self.fault(
                    Some(span),
                    None,
                    "there is no rule: begin one with [[rule]]",
                );
                Vec::new()
            }
        };
        self.check_rules(&placed);
        let head = head?;
        self.check_head(&head, &placed);
        let rules = placed.into_iter().map(|placed| {
            (
                (placed.rule.name.clone(), placed.rule.variant.clone()),
                placed.rule,
            )
        });
        Some(PolicyPack {
            id: head.id.into_inner(),
            version: head.version.into_inner(),
            title: head.title.into_inner(),
            regime: head.regime.into_inner(),
            staged: head.staged.map(Spanned::into_inner),
            warn: head.warn.into_inner(),
            rules: rules.collect(),
            hash: Sha256::digest(self.text.as_bytes()).into(),
            text: self.text.to_owned(),
        })
    }

    fn rules(&mut self, rules: &Spanned<DeValue<'_>>) -> Vec<Placed> {
        let Some(list) = rules.get_ref().as_array() else {
            self.fault(Some(rules.span()), None, "rules are written as [[rule]]");
            return Vec::new();
        };
        let mut placed = Vec::new();
        for one in list.iter() {
            let table = one.get_ref().as_table();
            let name = table
                .and_then(|table| table.get("name"))
                .and_then(|name| name.get_ref().as_str())
                .map(str::to_owned);
            let keys = table.into_iter().flat_map(DeTable::iter);
            let keys = keys
                .map(|(key, _)| (key.get_ref().to_string(), key.span().start))
                .collect();
            if let Some(rule) = self.read(one.clone(), name.as_deref()) {
                placed.push(Placed {
                    rule,
                    at: one.span().start,
                    keys,
                });
            }
        }
        placed
    }

    fn read<T: DeserializeOwned>(
        &mut self,
        value: Spanned<DeValue<'_>>,
        rule: Option<&str>,
    ) -> Option<T> {
        let whole = value.span();
        match T::deserialize(ValueDeserializer::from(value)) {
            Ok(read) => Some(read),
            Err(error) => {
                self.fault(error.span().or(Some(whole)), rule, error.message());
                None
            }
        }
    }

    fn check_head(&mut self, head: &Head, rules: &[Placed]) {
        for (key, value) in [("version", &head.version), ("title", &head.title)] {
            if value.get_ref().trim().is_empty() {
                self.fault(Some(value.span()), None, &format!("`{key}` is empty"));
            }
        }
        if *head.warn.get_ref() > WARN_MAX {
            let reason = format!("`warn` is at most {WARN_MAX} working days");
            self.fault(Some(head.warn.span()), None, &reason);
        }
        if let Some(staged) = &head.staged
            && *head.regime.get_ref() != Regime::Other
        {
            let reason = "`staged` is said of the regime `other` only; the others are staged or not by themselves";
            self.fault(Some(staged.span()), None, reason);
        }
        if *head.regime.get_ref() == Regime::Protocol {
            self.check_protocol(rules);
        }
    }

    /// A8: protocol intervals are local, and count after the trigger in every nation.
    fn check_protocol(&mut self, rules: &[Placed]) {
        for placed in rules {
            let rule = &placed.rule;
            if rule.force != super::Force::Local {
                self.fault_at(placed, "force", "a local protocol binds as `local` only; statutory rules belong into a policy pack");
            }
            if rule.unit == Unit::WorkingDays && rule.convention != Convention::After {
                self.fault_at(
                    placed,
                    "convention",
                    "the intervals of a local protocol count `after` the trigger, in every nation",
                );
            }
        }
    }

    fn check_rules(&mut self, rules: &[Placed]) {
        let mut seen = BTreeSet::new();
        let following: BTreeSet<&str> = rules
            .iter()
            .filter_map(|placed| placed.rule.then.as_deref())
            .collect();
        let named: BTreeSet<&str> = rules
            .iter()
            .map(|placed| placed.rule.name.as_str())
            .collect();
        for placed in rules {
            self.check_lengths(placed);
            self.check_texts(placed);
            self.check_confirmation(placed);
            self.check_events(placed, &following);
            let rule = &placed.rule;
            if !seen.insert((&rule.name, &rule.variant)) {
                self.fault_at(placed, "name", "stands twice; give one of them a `variant`");
            }
            if let Some(then) = &rule.then
                && !named.contains(then.as_str())
            {
                let reason = format!("`then` names {then}, for which this pack has no rule");
                self.fault_at(placed, "then", &reason);
            }
        }
    }

    fn check_lengths(&mut self, placed: &Placed) {
        let rule = &placed.rule;
        let n_is_open = rule.open.iter().any(|open| open.figure == Figure::N);
        let wants_n = rule.unit != Unit::Date;
        if wants_n && rule.n == 0 && (!n_is_open || rule.is_confirmed()) {
            self.fault_at(
                placed,
                "n",
                "`n` is missing: every unit but `date` needs at least 1",
            );
        }
        if !wants_n && rule.n != 0 {
            self.fault_at(
                placed,
                "n",
                "`n` has no meaning with the unit `date`: the event names the day",
            );
        }
        if rule.max.is_some_and(|max| max < rule.n) {
            self.fault_at(placed, "max", "`max` is at least `n`");
        }
        if rule.max.is_some() && !wants_n {
            self.fault_at(placed, "max", "`max` has no meaning with the unit `date`");
        }
        if rule.again == Some(0) {
            self.fault_at(placed, "again", "`again` is at least 1 working day");
        }
        if rule.window && (rule.again.is_some() || rule.then.is_some()) {
            self.fault_at(
                placed,
                "window",
                "a window is never missed, so nothing can follow from its being missed",
            );
        }
    }

    fn check_texts(&mut self, placed: &Placed) {
        let rule = &placed.rule;
        for (key, text) in [
            ("name", &rule.name),
            ("trigger", &rule.trigger),
            ("id", &rule.id),
            ("source", &rule.source),
        ] {
            if text.trim().is_empty() {
                self.fault_at(placed, key, &format!("`{key}` is empty"));
            }
        }
        if rule.name.contains(':') {
            self.fault_at(
                placed,
                "name",
                "a name has no `:`; what stands after it comes from the event",
            );
        }
    }

    fn check_confirmation(&mut self, placed: &Placed) {
        let rule = &placed.rule;
        match (&rule.confirmed_by, rule.confirmed_on) {
            (Some(_), None) => self.fault_at(
                placed,
                "confirmed-by",
                "`confirmed-by` needs `confirmed-on`",
            ),
            (None, Some(_)) => self.fault_at(
                placed,
                "confirmed-on",
                "`confirmed-on` needs `confirmed-by`",
            ),
            (Some(by), Some(_)) if by.trim().is_empty() => {
                self.fault_at(placed, "confirmed-by", "`confirmed-by` is empty");
            }
            (Some(_), Some(_)) if rule.open.is_empty() && rule.mark != Mark::Unchecked => {
                self.fault_at(
                    placed,
                    "confirmed-by",
                    "nothing of this rule is open, so nothing can be confirmed",
                );
            }
            _ => {}
        }
    }

    fn check_events(&mut self, placed: &Placed, following: &BTreeSet<&str>) {
        let rule = &placed.rule;
        for trigger in &rule.started_by {
            self.check_trigger(placed, trigger);
        }
        let starts = !rule.started_by.is_empty()
            || started_by_rows().contains(rule.name.as_str())
            || following.contains(rule.name.as_str());
        if !starts && !rule.name.is_empty() {
            let reason = format!(
                "no event starts a deadline called {}; say `started-by`, or take one of: {}",
                rule.name,
                started_by_rows().into_iter().collect::<Vec<_>>().join(", ")
            );
            self.fault_at(placed, "name", &reason);
        }
    }

    fn check_trigger(&mut self, placed: &Placed, trigger: &Trigger) {
        for name in trigger.with.keys() {
            if !row(trigger.event)
                .fields
                .iter()
                .any(|field| field.name == name)
            {
                let reason = format!("{} has no field called {name}", trigger.event);
                self.fault_at(placed, "started-by", &reason);
            }
        }
        let Some(from) = &trigger.from else { return };
        let dates: Vec<&str> = row(trigger.event)
            .fields
            .iter()
            .filter(|field| field.kind == Kind::Date)
            .map(|field| field.name)
            .collect();
        if !dates.contains(&from.as_str()) {
            let known = if dates.is_empty() {
                "none".to_owned()
            } else {
                dates.join(", ")
            };
            let reason = format!(
                "{} has no date called {from}; it has {known}",
                trigger.event
            );
            self.fault_at(placed, "started-by", &reason);
        }
    }

    fn fault_at(&mut self, placed: &Placed, key: &str, reason: &str) {
        let place = placed.place(key);
        let name = Some(placed.rule.name.as_str()).filter(|name| !name.is_empty());
        self.fault(Some(place..place), name, reason);
    }

    fn fault(&mut self, span: Option<Range<usize>>, rule: Option<&str>, reason: &str) {
        let before = span
            .and_then(|span| self.text.get(..span.start))
            .unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
        self.faults.push(Fault {
            line,
            column,
            rule: rule.map(str::to_owned),
            reason: reason.to_owned(),
        });
    }
}

/// The deadlines that the rows of events start, or give another date, without a pack saying so; the limit of E-13, which is looked up and
/// never runs; and the referral of a restricted channel, which begins with the channel.
pub(super) fn started_by_rows() -> BTreeSet<&'static str> {
    let signs = EventType::ALL
        .iter()
        .flat_map(|event_type| row(*event_type).deadlines);
    signs
        .filter(|sign| matches!(sign.act, Act::Starts | Act::Moves))
        .map(|sign| sign.deadline.split(':').next().unwrap_or(sign.deadline))
        .chain(["time-limit", "safeguarding-referral"])
        .collect()
}
