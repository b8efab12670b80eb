//! What a partnership agreed on, beside what is here: policy packs and calendars by their hashes.

use concordat_domain::calendar::Calendars;
use concordat_domain::policy::{PolicyPack, PolicyPacks};
use concordat_trust::partnership::Content;
use serde::Serialize;

use crate::output::Row;
use crate::pack_file::why_not_adopted;

/// How a pin stands to this release.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Standing {
    /// This release has exactly what was agreed.
    Same,
    /// It has something of this name with another text.
    Differs,
    /// It has nothing of this name.
    Missing,
    /// It has exactly what was agreed, and nobody can adopt it: a figure is open.
    Open,
}

impl Standing {
    fn code(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::Differs => "differs",
            Self::Missing => "missing",
            Self::Open => "open",
        }
    }
}

/// A policy pack that the file pins.
#[derive(Debug, Serialize)]
pub(crate) struct Pack {
    /// Its name.
    pub(crate) id: String,
    /// Its hash as agreed.
    pub(crate) hash: String,
    /// Its hash in this release, if it has one of this name.
    pub(crate) release_hash: Option<String>,
    /// What follows from the two.
    pub(crate) standing: Standing,
    /// What a person has to do before it can be adopted, as far as it is the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) open: Option<String>,
}

impl Row for Pack {
    const COLUMNS: &'static [&'static str] = &["POLICY PACK", "STANDING", "HASH", "THIS RELEASE"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.id.clone(),
            self.standing.code().to_owned(),
            self.hash.clone(),
            shown(self.release_hash.as_deref()),
        ]
    }
}

/// A calendar that the file pins.
#[derive(Debug, Serialize)]
pub(crate) struct Calendar {
    /// Its name.
    pub(crate) name: String,
    /// Its version as agreed.
    pub(crate) version: u64,
    /// Its hash as agreed.
    pub(crate) hash: String,
    /// Its version in this release, if it has one of this name.
    pub(crate) release_version: Option<u64>,
    /// Its hash in this release, if it has one of this name.
    pub(crate) release_hash: Option<String>,
    /// What follows from the two.
    pub(crate) standing: Standing,
}

impl Row for Calendar {
    const COLUMNS: &'static [&'static str] =
        &["CALENDAR", "STANDING", "VERSION", "HASH", "THIS RELEASE"];

    fn cells(&self) -> Vec<String> {
        let version = self.release_version.map(|version| format!("{version} "));
        vec![
            self.name.clone(),
            self.standing.code().to_owned(),
            self.version.to_string(),
            self.hash.clone(),
            version.unwrap_or_default() + &shown(self.release_hash.as_deref()),
        ]
    }
}

fn shown(hash: Option<&str>) -> String {
    hash.unwrap_or("none").to_owned()
}

/// The pins of a partnership file.
#[derive(Debug)]
pub(crate) struct Pins {
    /// Its policy packs.
    pub(crate) packs: Vec<Pack>,
    /// Its calendars.
    pub(crate) calendars: Vec<Calendar>,
}

impl Pins {
    /// Compares what a file pins with these packs, and with the calendars that are built in.
    pub(crate) fn of(content: &Content, packs: &PolicyPacks) -> Self {
        let calendars = Calendars::built_in();
        let pack = |pin: &concordat_trust::partnership::PolicyPackPin| {
            let here = packs.get(&pin.id);
            let hash = here.map(PolicyPack::hash);
            let standing = standing(hash.map(|hash| hash == pin.hash.0));
            let open = here
                .filter(|_| standing == Standing::Same)
                .and_then(why_not_adopted);
            Pack {
                id: pin.id.to_string(),
                hash: pin.hash.to_string(),
                release_hash: hash.map(hex::encode),
                standing: if open.is_some() {
                    Standing::Open
                } else {
                    standing
                },
                open,
            }
        };
        let calendar = |pin: &concordat_trust::partnership::CalendarPin| {
            let is_known = calendars.names().contains(pin.name.as_str());
            let version = calendars.version_number().filter(|_| is_known);
            let is_same = version == Some(pin.version) && calendars.hash() == pin.hash.0;
            Calendar {
                name: pin.name.clone(),
                version: pin.version,
                hash: pin.hash.to_string(),
                release_version: version,
                release_hash: is_known.then(|| hex::encode(calendars.hash())),
                standing: standing(is_known.then_some(is_same)),
            }
        };
        Self {
            packs: content.policy_packs.iter().map(pack).collect(),
            calendars: content.calendars.iter().map(calendar).collect(),
        }
    }

    /// The packs that nobody can adopt yet, each with what a person has to do.
    pub(crate) fn open(&self) -> impl Iterator<Item = String> {
        self.packs.iter().filter_map(|pin| {
            let open = pin.open.as_ref()?;
            Some(format!(
                "policy pack {} can be shown, not adopted:{open}",
                pin.id
            ))
        })
    }

    /// What of it is not here as agreed, or cannot be adopted, in words; none if all is well.
    pub(crate) fn differences(&self) -> Option<String> {
        let packs = self.packs.iter().map(|pin| {
            let what = format!("policy pack {}", pin.id);
            (what, pin.standing, &pin.hash, &pin.release_hash)
        });
        let open = self.open().map(|open| format!("\n  {open}"));
        let calendars = self.calendars.iter().map(|pin| {
            let what = format!("calendar {} version {}", pin.name, pin.version);
            (what, pin.standing, &pin.hash, &pin.release_hash)
        });
        let lines: Vec<String> = packs
            .chain(calendars)
            .filter(|(_, standing, ..)| !matches!(standing, Standing::Same | Standing::Open))
            .map(|(what, _, agreed, here)| {
                format!(
                    "\n  {what}: agreed {agreed}, this release has {}",
                    shown(here.as_deref())
                )
            })
            .chain(open)
            .collect();
        (!lines.is_empty()).then(|| lines.concat())
    }
}

fn standing(is_same: Option<bool>) -> Standing {
    match is_same {
        Some(true) => Standing::Same,
        Some(false) => Standing::Differs,
        None => Standing::Missing,
    }
}

/// The lines that pin these packs and the calendars that this release carries, as they stand in a partnership file.
pub(crate) fn lines(packs: &PolicyPacks) -> String {
    let packs = packs.iter().map(|pack| {
        // What cannot be adopted is named and left out: with a figure that nobody checked, nothing may be counted.
        let out = if pack.is_adoptable() {
            ""
        } else {
            "# not before its open figures are confirmed: "
        };
        format!(
            "    {out}{{ id = \"{}\", hash = \"{}\" }}, # {}\n",
            pack.id(),
            hex::encode(pack.hash()),
            pack.title()
        )
    });
    let calendars = Calendars::built_in();
    let hash = hex::encode(calendars.hash());
    let version = calendars.version_number().unwrap_or_default();
    let names = calendars.names();
    let calendars = names.iter().map(|name| {
        format!("    {{ name = \"{name}\", version = {version}, hash = \"{hash}\" }},\n")
    });
    format!(
        "policy_packs = [\n{}]\ncalendars = [\n{}]",
        packs.collect::<String>(),
        calendars.collect::<String>()
    )
}
