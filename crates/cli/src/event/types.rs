//! `concordat event types`: which events there are, as the rules of this release have them.

use clap::Args;
use concordat_domain::case::{From as Origin, State};
use concordat_domain::events::{Act, EventType, FieldSpec, Kind, Need, Scope, Sign, row};
use serde::Serialize;

use crate::exit::Failure;
use crate::nearest;
use crate::output::{self, Format, Row};

/// Which types are shown.
#[derive(Debug, Args)]
pub(super) struct Types {
    /// Only this one, with all that is known of it; all, one a line, if not given.
    event_type: Option<String>,
}

/// An event type.
#[derive(Debug, Serialize)]
struct Described {
    event_type: &'static str,
    summary: &'static str,
    publishers: Vec<&'static str>,
    from: Vec<String>,
    fields: Vec<Field>,
    deadlines: Vec<Effect>,
    reasons: Vec<String>,
}

/// A field of an event, or of an element of one of its lists.
#[derive(Debug, Serialize)]
struct Field {
    name: &'static str,
    need: String,
    kind: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    elements: Vec<Self>,
}

/// What the event does to a deadline.
#[derive(Debug, Serialize)]
struct Effect {
    act: &'static str,
    deadline: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    condition: Option<&'static str>,
}

/// Prints one type, or all.
pub(super) fn run(asked: &Types, format: Format) -> Result<(), Failure> {
    let Some(name) = &asked.event_type else {
        let all: Vec<Described> = EventType::ALL.iter().map(|one| describe(*one)).collect();
        return output::rows(format, &all);
    };
    let event_type: EventType = name.parse().map_err(|_| {
        let all: Vec<String> = EventType::ALL.iter().map(ToString::to_string).collect();
        let near = nearest::hint(name, all.iter().map(String::as_str));
        Failure::NotFound(format!(
            "the rules of this release have no event type `{name}`{near}; `concordat event types` lists those that they have"
        ))
    })?;
    let described = describe(event_type);
    if format == Format::Table {
        show(&described)
    } else {
        output::json(format, &described)
    }
}

impl Row for Described {
    const COLUMNS: &'static [&'static str] = &["EVENT TYPE", "BY", "WHAT"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.event_type.to_owned(),
            self.publishers.join(", "),
            self.summary.to_owned(),
        ]
    }
}

impl Row for Field {
    const COLUMNS: &'static [&'static str] = &["FIELD", "NEEDED", "WHAT IT HOLDS"];

    fn cells(&self) -> Vec<String> {
        vec![self.name.to_owned(), self.need.clone(), self.kind.clone()]
    }
}

fn show(described: &Described) -> Result<(), Failure> {
    let deadlines = described.deadlines.iter().map(|effect| {
        let condition = effect.condition.map(|condition| format!(" ({condition})"));
        format!(
            "{} {}{}",
            effect.act,
            effect.deadline,
            condition.unwrap_or_default()
        )
    });
    output::pairs(&[
        ("event type", described.event_type.to_owned()),
        ("what", described.summary.to_owned()),
        ("published by", described.publishers.join(", ")),
        ("from", described.from.join(", ")),
        ("deadlines", deadlines.collect::<Vec<_>>().join(", ")),
        ("own reasons", described.reasons.join(", ")),
    ])?;
    if !described.fields.is_empty() {
        output::line(&format!("\n{}", output::table(&described.fields)))?;
    }
    for field in described
        .fields
        .iter()
        .filter(|field| !field.elements.is_empty())
    {
        output::line(&format!("\nEach of `{}`:", field.name))?;
        output::line(&output::table(&field.elements).to_string())?;
    }
    Ok(())
}

fn describe(event_type: EventType) -> Described {
    let row = row(event_type);
    Described {
        event_type: event_type.code(),
        summary: row.summary,
        publishers: row.who.iter().map(|who| who.title()).collect(),
        from: match row.scope {
            Scope::Case => row.from.iter().map(|from| origin(*from)).collect(),
            Scope::Directory => vec!["no case: it stands in the directory".to_owned()],
            Scope::Node => vec!["no case: it never leaves its node".to_owned()],
        },
        fields: row.fields.iter().map(field).collect(),
        deadlines: row.deadlines.iter().map(effect).collect(),
        reasons: row.reasons.iter().map(ToString::to_string).collect(),
    }
}

fn origin(from: Origin) -> String {
    let group = match from {
        Origin::New => return "no case yet: it opens one".to_owned(),
        Origin::In(state) => return state.code().to_owned(),
        Origin::Pre => "before joining",
        Origin::Joining => "joining",
        Origin::Work => "work",
        Origin::Care => "commissioned care",
        Origin::Staged => "staged",
        Origin::Done => "answered",
        Origin::Ended => "ended",
        Origin::Channel => "restricted channel",
        Origin::Open => "open",
        Origin::Any => return "any state but erased".to_owned(),
    };
    let states = State::ALL.iter().filter(|state| from.contains(**state));
    let states: Vec<&str> = states.map(|state| state.code()).collect();
    format!("{group} ({})", states.join(", "))
}

fn field(spec: &FieldSpec) -> Field {
    let elements = match spec.kind {
        Kind::Record(elements) => elements,
        Kind::List(Kind::Record(elements)) => *elements,
        _ => &[],
    };
    Field {
        name: spec.name,
        need: need(spec.need),
        kind: kind(spec.kind),
        elements: elements.iter().map(field).collect(),
    }
}

fn need(need: Need) -> String {
    match need {
        Need::Always => "always".to_owned(),
        Need::Eng => "under English packs".to_owned(),
        Need::Sco => "under Scottish packs".to_owned(),
        Need::Children => "under the pack for children".to_owned(),
        Need::Staged => "under staged packs".to_owned(),
        Need::If(field, code) => format!("if {field} is {code}"),
        Need::Unless(field) => format!("unless {field} is true"),
        Need::Expected => "may be left out".to_owned(),
    }
}

fn kind(kind: Kind) -> String {
    match kind {
        Kind::Text => "text".to_owned(),
        Kind::Flag => "true or false".to_owned(),
        Kind::Number => "whole number".to_owned(),
        Kind::Date => "day, YYYY-MM-DD".to_owned(),
        Kind::Organisation => "organisation".to_owned(),
        Kind::Pack => "policy pack".to_owned(),
        Kind::Code(codes) => codes.join(" | "),
        Kind::Issues => "`all`, or a list of issues".to_owned(),
        Kind::List(element) => format!("list of: {}", self::kind(*element)),
        Kind::Record(_) => "object".to_owned(),
        Kind::Content => "content".to_owned(),
    }
}

fn effect(sign: &Sign) -> Effect {
    Effect {
        act: match sign.act {
            Act::Starts => "starts",
            Act::Meets => "meets",
            Act::Ends => "ends",
            Act::Moves => "moves",
        },
        deadline: sign.deadline,
        condition: sign.condition,
    }
}
