//! `concordat policy`: the rules that give each deadline its length and its source, for people who read, check or write them.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use concordat_domain::events::Act;
use concordat_domain::ids::PackId;
use concordat_domain::policy::{Fault, PolicyPack, PolicyPacks, Rule, effects};
use serde::Serialize;

use crate::exit::Failure;
use crate::output::{self, Format, Row};
use crate::{config, pack_file};

/// What can be done with policy packs.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Lists the packs of this release, and which of them can be adopted.
    List,
    /// Shows the rules of a pack: length, counting, source, force, how far it was checked, and which events touch each deadline.
    Show(Show),
    /// Checks a pack file and names every fault of it with its line; exit code 7 if there is one.
    Check(Check),
}

/// Which pack.
#[derive(Debug, Args)]
pub(crate) struct Show {
    /// Name of a pack of this release, or a pack file.
    pack: String,
    /// Only the rules of this deadline, with the events that start, meet, end and move it.
    #[arg(long, value_name = "DEADLINE")]
    rule: Option<String>,
}

/// Which file.
#[derive(Debug, Args)]
pub(crate) struct Check {
    /// The pack file, TOML.
    file: PathBuf,
}

/// Runs a policy command.
pub(crate) fn run(verb: Verb, format: Format) -> Result<(), Failure> {
    match verb {
        Verb::List => list(format),
        Verb::Show(asked) => show(&asked, format),
        Verb::Check(asked) => check(&asked, format),
    }
}

/// A pack in one line.
#[derive(Debug, Serialize)]
struct Summary {
    id: String,
    version: String,
    title: String,
    rules: usize,
    open_figures: usize,
    hash: String,
}

impl Summary {
    fn of(pack: &PolicyPack) -> Self {
        Self {
            id: pack.id().to_string(),
            version: pack.version().to_owned(),
            title: pack.title().to_owned(),
            rules: pack.rules().count(),
            open_figures: pack.open_figures().len(),
            hash: hex::encode(pack.hash()),
        }
    }
}

impl Row for Summary {
    const COLUMNS: &'static [&'static str] = &["PACK", "VERSION", "RULES", "OPEN FIGURES", "TITLE"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.id.clone(),
            self.version.clone(),
            self.rules.to_string(),
            self.open_figures.to_string(),
            self.title.clone(),
        ]
    }
}

fn list(format: Format) -> Result<(), Failure> {
    let packs: Vec<Summary> = PolicyPacks::built_in().iter().map(Summary::of).collect();
    output::rows(format, &packs)
}

/// A pack as it is shown.
#[derive(Debug, Serialize)]
struct ShownPack {
    id: String,
    version: String,
    title: String,
    regime: concordat_domain::policy::Regime,
    staged: bool,
    warn_working_days: u32,
    hash: String,
    adoptable: bool,
    rules: Vec<ShownRule>,
}

/// A rule as it is shown, with what the events do to its deadline.
#[derive(Debug, Serialize)]
struct ShownRule {
    #[serde(flatten)]
    rule: Rule,
    length: String,
    counting: &'static str,
    mark_means: &'static str,
    open_figures: Vec<OpenFigure>,
    starts: Vec<By>,
    meets: Vec<By>,
    ends: Vec<By>,
    moves: Vec<By>,
}

#[derive(Debug, Serialize)]
struct OpenFigure {
    figure: &'static str,
    why: String,
}

/// An event that does something to a deadline.
#[derive(Debug, Serialize)]
struct By {
    event: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    condition: Option<&'static str>,
}

impl ShownRule {
    fn of(rule: &Rule) -> Self {
        let effects = effects(rule);
        let by = |act| {
            let chosen = effects.iter().filter(|effect| effect.act == act);
            chosen
                .map(|effect| By {
                    event: effect.event.to_string(),
                    condition: effect.condition,
                })
                .collect()
        };
        Self {
            length: rule.length(),
            counting: rule.counting(),
            mark_means: rule.mark.words(),
            open_figures: rule
                .open_figures()
                .into_iter()
                .map(|(figure, why)| OpenFigure {
                    figure: figure.key(),
                    why: why.to_owned(),
                })
                .collect(),
            starts: by(Act::Starts),
            meets: by(Act::Meets),
            ends: by(Act::Ends),
            moves: by(Act::Moves),
            rule: rule.clone(),
        }
    }

    fn name(&self) -> String {
        match &self.rule.variant {
            Some(variant) => format!("{} ({variant})", self.rule.name),
            None => self.rule.name.clone(),
        }
    }

    /// Everything about it, one thing a line.
    fn particulars(&self) -> Result<(), Failure> {
        let rule = &self.rule;
        let list = |events: &[By]| {
            let told = events.iter().map(|by| match by.condition {
                Some(condition) => format!("{} ({condition})", by.event),
                None => by.event.clone(),
            });
            told.collect::<Vec<_>>().join(", ")
        };
        let open = self
            .open_figures
            .iter()
            .map(|open| format!("{}: {}", open.figure, open.why));
        let unmet = match (rule.again, &rule.then) {
            (Some(n), _) => format!("once more {n} working day(s)"),
            (None, Some(then)) => format!("{then} starts"),
            (None, None) => String::new(),
        };
        let confirmed = match (&rule.confirmed_by, rule.confirmed_on) {
            (Some(by), Some(on)) => format!("{by}, {on}"),
            _ => String::new(),
        };
        output::pairs(&[
            ("deadline", self.name()),
            ("length", self.length.clone()),
            ("counting", self.counting.to_owned()),
            ("trigger", rule.trigger.clone()),
            ("rule", rule.id.clone()),
            ("source", rule.source.clone()),
            ("force", rule.force.to_string()),
            ("mark", self.mark_means.to_owned()),
            ("kind", self.kind().to_owned()),
            ("if unmet", unmet),
            ("open", open.collect::<Vec<_>>().join("; ")),
            ("confirmed by", confirmed),
            ("started by", list(&self.starts)),
            ("met by", list(&self.meets)),
            ("ended by", list(&self.ends)),
            ("moved by", list(&self.moves)),
        ])
    }

    fn kind(&self) -> &'static str {
        match (self.rule.window, self.rule.ends_when_due) {
            (true, true) => "a window, over at the end of its due day, never missed",
            (true, false) => "a window, never missed",
            (false, true) => "over at the end of its due day",
            (false, false) => "",
        }
    }
}

impl Row for ShownRule {
    const COLUMNS: &'static [&'static str] = &[
        "DEADLINE", "LENGTH", "RULE", "FORCE", "MARK", "OPEN", "SOURCE",
    ];

    fn cells(&self) -> Vec<String> {
        let open = self.open_figures.iter().map(|open| open.figure);
        vec![
            self.name(),
            self.length.clone(),
            self.rule.id.clone(),
            self.rule.force.to_string(),
            self.mark_means.to_owned(),
            open.collect::<Vec<_>>().join(", "),
            self.rule.source.clone(),
        ]
    }
}

fn show(asked: &Show, format: Format) -> Result<(), Failure> {
    let packs = PolicyPacks::built_in();
    let known = asked.pack.parse::<PackId>().ok();
    let pack = match known.and_then(|id| packs.get(&id).cloned()) {
        Some(pack) => pack,
        None if PathBuf::from(&asked.pack).exists() => pack_file::read(asked.pack.as_ref())?,
        None => {
            let known: Vec<String> = packs.iter().map(|pack| pack.id().to_string()).collect();
            return Err(Failure::NotFound(format!(
                "there is no policy pack and no file {}; packs are {}",
                asked.pack,
                known.join(", ")
            )));
        }
    };
    let rules: Vec<ShownRule> = pack
        .rules()
        .filter(|rule| asked.rule.as_ref().is_none_or(|name| rule.name == *name))
        .map(ShownRule::of)
        .collect();
    if let Some(name) = asked.rule.as_ref().filter(|_| rules.is_empty()) {
        return Err(Failure::NotFound(format!(
            "policy pack {} has no rule for {name}",
            pack.id()
        )));
    }
    let shown = ShownPack {
        id: pack.id().to_string(),
        version: pack.version().to_owned(),
        title: pack.title().to_owned(),
        regime: pack.regime(),
        staged: pack.is_staged(),
        warn_working_days: pack.warn(),
        hash: hex::encode(pack.hash()),
        adoptable: pack.is_adoptable(),
        rules,
    };
    if format != Format::Table {
        return output::json(format, &shown);
    }
    output::pairs(&[
        ("pack", format!("{} version {}", shown.id, shown.version)),
        ("title", shown.title),
        (
            "warns",
            format!("{} working day(s) before", shown.warn_working_days),
        ),
        ("hash", shown.hash),
    ])?;
    if let Some(open) = pack_file::why_not_adopted(&pack) {
        output::line(&format!("\nThis pack can be shown, not adopted:{open}"))?;
    }
    if asked.rule.is_some() {
        return shown.rules.iter().try_for_each(|rule| {
            output::line("")?;
            rule.particulars()
        });
    }
    output::line(&format!("\n{}", output::table(&shown.rules)))
}

/// What a check found.
#[derive(Debug, Serialize)]
struct Checked {
    file: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pack: Option<Summary>,
    faults: Vec<Fault>,
    /// Open figures: no faults, but the pack cannot be adopted with them.
    open: Vec<String>,
}

impl Row for Fault {
    const COLUMNS: &'static [&'static str] = &["LINE", "COLUMN", "RULE", "WHAT IS WRONG"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.line.to_string(),
            self.column.to_string(),
            self.rule.clone().unwrap_or_default(),
            self.reason.clone(),
        ]
    }
}

fn check(asked: &Check, format: Format) -> Result<(), Failure> {
    let text = config::read_text(&asked.file)?;
    let (pack, faults) = match PolicyPack::from_toml(&text) {
        Ok(pack) => (Some(pack), Vec::new()),
        Err(error) => (None, error.faults),
    };
    let open = pack.iter().flat_map(PolicyPack::open_figures);
    let checked = Checked {
        file: asked.file.display().to_string(),
        open: open.map(|open| open.what_to_do()).collect(),
        pack: pack.as_ref().map(Summary::of),
        faults,
    };
    if format == Format::Table {
        match &checked.pack {
            Some(pack) => output::line(&format!(
                "{} is in order: policy pack {} version {}, {} rules, hash {}",
                checked.file, pack.id, pack.version, pack.rules, pack.hash
            ))?,
            None => output::listing(&checked.faults)?,
        }
        for open in &checked.open {
            output::line(&format!("not to be adopted yet: {open}"))?;
        }
    } else {
        output::json(format, &checked)?;
    }
    if checked.faults.is_empty() {
        Ok(())
    } else {
        Err(Failure::Differences)
    }
}
