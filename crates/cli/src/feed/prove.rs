//! Proof that nothing is missing: the digest computed again from what was received, and the node's signed statement.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{fs, io};

use clap::Args;
use concordat_proto::{json, v1};
use concordat_trust::Hash;
use concordat_trust::feed::FeedLine;
use concordat_trust::pae::PayloadType;
use concordat_trust::signing::PublicKey;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use crate::client::Client;
use crate::display;
use crate::exit::Failure;
use crate::output::{self, Format};

#[derive(Debug, Args)]
pub(super) struct Statement {
    /// The feed.
    feed: String,
    /// Generation; the one in force if not given.
    #[arg(long, value_name = "N", default_value_t = 0)]
    generation: u32,
    /// Beginning of the period, by when entries became visible.
    #[arg(long, value_name = "INSTANT")]
    from_time: Option<Timestamp>,
    /// End of the period, itself not in it.
    #[arg(long, value_name = "INSTANT")]
    until_time: Option<Timestamp>,
}

#[derive(Debug, Args)]
pub(super) struct Verify {
    /// Entries as `feed tail -o ndjson` and `feed pull -o ndjson` print them, one a line.
    entries: PathBuf,
    /// Digest before the first of them; its own count is taken on trust if not given and it is not number 1 of a statement.
    #[arg(long, value_name = "DIGEST")]
    start: Option<Hash>,
    /// A statement as `feed statement -o json` prints it.
    #[arg(long, value_name = "FILE", requires = "public_key")]
    statement: Option<PathBuf>,
    /// The organisation's public key, hexadecimal, as the partnership file has it.
    #[arg(long, value_name = "KEY")]
    public_key: Option<String>,
}

pub(super) async fn statement(
    client: &Client,
    asked: Statement,
    format: Format,
) -> Result<(), Failure> {
    let request = client.request(v1::GetFeedStatementRequest {
        feed_id: asked.feed,
        generation: asked.generation,
        from_time: display::wire(asked.from_time),
        until_time: display::wire(asked.until_time),
    });
    let answer = client.feeds().get_feed_statement(request).await?;
    let answer = answer.into_inner();
    if format != Format::Table {
        return output::message(format, &answer);
    }
    let text = String::from_utf8_lossy(&answer.statement);
    output::line(text.trim_end())?;
    output::line(&format!(
        "signed by key {}: {}",
        answer.key_id,
        hex::encode(&answer.signature)
    ))
}

/// What was found.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Found {
    entries: u64,
    duplicates: u64,
    findings: Vec<String>,
}

/// Checks entries, and a statement if there is one.
pub(super) fn verify(asked: &Verify, format: Format) -> Result<(), Failure> {
    let mut chain = Chain {
        last: None,
        start: asked.start,
        entries: 0,
        duplicates: 0,
        counts: BTreeMap::new(),
        findings: Vec::new(),
    };
    for (number, line) in (1..).zip(read(&asked.entries)?.lines()) {
        let value: Value = serde_json::from_str(line)
            .map_err(|_| Failure::Usage(format!("line {number} is not JSON")))?;
        chain.take(number, &value);
    }
    if let (Some(file), Some(key)) = (&asked.statement, &asked.public_key) {
        let key = PublicKey::try_from(key.clone())
            .map_err(|error| Failure::Usage(format!("--public-key: {error}")))?;
        let stated: v1::GetFeedStatementResponse = json::from_str(&read(file)?)
            .map_err(|error| Failure::Usage(format!("the statement: {error}")))?;
        chain.hold_against(&stated, &key);
    }
    let found = Found {
        entries: chain.entries,
        duplicates: chain.duplicates,
        findings: chain.findings,
    };
    let clean = found.findings.is_empty();
    if format == Format::Table {
        for finding in &found.findings {
            output::line(finding)?;
        }
        output::pairs(&[
            ("entries", found.entries.to_string()),
            ("duplicates", found.duplicates.to_string()),
            ("findings", found.findings.len().to_string()),
        ])?;
    } else {
        output::json(format, &found)?;
    }
    if clean {
        Ok(())
    } else {
        Err(Failure::Differences)
    }
}

fn read(path: &Path) -> Result<String, Failure> {
    fs::read_to_string(path).map_err(|error| {
        let told = format!("{}: {error}", path.display());
        match error.kind() {
            io::ErrorKind::NotFound => Failure::NotFound(told),
            _ => Failure::Usage(told),
        }
    })
}

struct Chain {
    /// Generation, number and digest of the last entry.
    last: Option<(u64, u64, Hash)>,
    start: Option<Hash>,
    entries: u64,
    duplicates: u64,
    counts: BTreeMap<(u64, u64), Hash>,
    findings: Vec<String>,
}

impl Chain {
    fn take(&mut self, line: u64, value: &Value) {
        let Some((kind, entry)) = ["event", "contentAvailable", "snapshot", "feedTest"]
            .into_iter()
            .find_map(|kind| Some((kind, value.get(kind)?)))
        else {
            // A heartbeat or another word of the stream about itself.
            return;
        };
        let Some((generation, number, digest)) = count(entry) else {
            self.findings.push(format!(
                "ENTRY_NOT_COUNTED line {line}: no number or digest"
            ));
            return;
        };
        let stated = (generation, number, digest);
        if self.counts.get(&(generation, number)) == Some(&digest) {
            self.duplicates += 1;
            return;
        }
        let before = match self.last {
            Some((last_generation, last, digest)) if last_generation == generation => {
                if number != last + 1 {
                    self.findings.push(format!(
                        "NUMBER_MISSING line {line}: {number} comes after {last}"
                    ));
                    None
                } else {
                    Some(digest)
                }
            }
            Some(_) => None,
            None => self.start,
        };
        if before.is_some_and(|before| chained(kind, entry, number, &before) != digest) {
            self.findings.push(format!(
                "DIGEST_DIFFERS line {line}: number {number} is not what the feed delivered"
            ));
        }
        self.entries += 1;
        self.last = Some(stated);
        self.counts.insert((generation, number), digest);
    }

    fn hold_against(&mut self, stated: &v1::GetFeedStatementResponse, key: &PublicKey) {
        let signature = stated.signature.as_slice().try_into().ok();
        let signed = signature.is_some_and(|signature| {
            let verified = key.verify(PayloadType::FeedStatement, &stated.statement, &signature);
            verified.is_ok()
        });
        if !signed {
            self.findings
                .push("SIGNATURE_INVALID the statement is not signed by this key".to_owned());
            return;
        }
        let text = String::from_utf8_lossy(&stated.statement).into_owned();
        let value = |name: &str| {
            text.lines()
                .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
                .unwrap_or_default()
                .to_owned()
        };
        let number = |name: &str| value(name).parse::<u64>().unwrap_or_default();
        let (generation, first, last) = (
            number("generation"),
            number("first-number"),
            number("last-number"),
        );
        for wanted in first..=last {
            if !self.counts.contains_key(&(generation, wanted)) {
                self.findings.push(format!(
                    "ENTRY_MISSING number {wanted} of the statement was not received"
                ));
                return;
            }
        }
        let received = self.counts.get(&(generation, last));
        if received.is_some_and(|digest| digest.to_string() != value("digest-upto")) {
            self.findings
                .push(format!("STATEMENT_DIFFERS at number {last}"));
        }
    }
}

fn count(entry: &Value) -> Option<(u64, u64, Hash)> {
    let count = entry.get("count")?;
    Some((
        count["generation"].as_u64()?,
        count["number"].as_str()?.parse().ok()?,
        count["digest"].as_str()?.parse().ok()?,
    ))
}

fn chained(kind: &str, entry: &Value, number: u64, before: &Hash) -> Hash {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let event = &entry["event"];
    let compartment = display::code(&text(&entry["compartment"]), "COMPARTMENT_");
    let ruling = if event["ruling"]["effective"] == true {
        "effective".to_owned()
    } else {
        text(&event["ruling"]["reason"])
    };
    let cursor = text(&entry["cursor"]);
    let (name, case, source, id, position, ruling) = match kind {
        "event" => (
            "event",
            text(&event["caseId"]),
            text(&event["source"]),
            text(&event["eventId"]),
            text(&event["position"]),
            ruling,
        ),
        "contentAvailable" => (
            "content-available",
            text(&entry["caseId"]),
            String::new(),
            compartment,
            String::new(),
            String::new(),
        ),
        "snapshot" => (
            "snapshot",
            text(&entry["jointCase"]["caseId"]),
            String::new(),
            String::new(),
            text(&entry["position"]),
            String::new(),
        ),
        _ => (
            "feed-test",
            String::new(),
            text(&entry["source"]),
            text(&entry["eventId"]),
            String::new(),
            String::new(),
        ),
    };
    FeedLine {
        number,
        kind: name,
        cursor: &cursor,
        case: &case,
        source: &source,
        id: &id,
        position: &position,
        ruling: &ruling,
    }
    .chain(before)
}
