//! The page of event types, from the catalogue.

use std::fmt::Write as _;

use concordat_codec::catalogue::{self, Entry};
use concordat_domain::events::{Need, Scope};

const HEAD: &str = "# Event types\n
Made by `cargo xtask reference` from the rows of the rules, the contract and the worked cases; a test fails when it is out of date.
`DirectoryService.GetEventType` (`GET /v1/event-types/{type}`) answers the same with the JSON Schema of each; `concordat event types` shows fields, deadlines and own reasons.

The example is an `EventBody` in JSON, from a worked case that is played through real nodes: it stands as `event.body` in an emit, and as `data` in a CloudEvent. Fields marked * must always be there.
";

pub(super) fn page() -> String {
    let mut page = HEAD.to_owned();
    for entry in catalogue::entries() {
        section(&mut page, &entry);
    }
    page
}

fn section(page: &mut String, entry: &Entry) {
    let row = &entry.row;
    let scope = match row.scope {
        Scope::Case => "a case",
        Scope::Directory => "no case: it stands in the directory",
        Scope::Node => "no case: it never leaves its node",
    };
    let emitters: Vec<&str> = row.who.iter().map(|who| who.title()).collect();
    let fields = row.fields.iter().map(|field| {
        let mark = if field.need == Need::Always {
            "\\*"
        } else {
            ""
        };
        format!("`{}`{mark}", field.name)
    });
    let fields = fields.collect::<Vec<_>>().join(", ");
    let _ = write!(
        page,
        "\n## {}\n\n{}\n\n| | |\n|---|---|\n| CloudEvents `type` | `{}` |\n| tied to | {scope} |\n| emitted by | {} |\n| fields | {fields} |\n| since | {} |\n",
        entry.event_type.code(),
        row.summary,
        entry.cloud_type(),
        emitters.join("; "),
        entry.since,
    );
    let _ = write!(page, "\n```json\n{}\n```\n", entry.example());
}
