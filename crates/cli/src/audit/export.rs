//! `concordat audit export`: takes a pack from a node, and goes on where a broken transfer stopped.

use std::fs::{self, File};
use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};

use clap::Args;
use concordat_domain::ids::{CaseId, OrganisationId};
use concordat_proto::v1;
use concordat_proto::v1::export_pack_request::Scope;
use concordat_trust::compartment::Compartment;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::client::{self, Backoff, Client, Connection};
use crate::exit::Failure;
use crate::output::{self, Format};
use crate::secret_file;
use crate::signals::Signal;

/// Times that a broken transfer is taken up again without a byte of progress.
const ATTEMPTS_MAX: u32 = 5;

/// What is exported from which node.
#[derive(Debug, Args)]
pub(crate) struct Export {
    #[command(flatten)]
    about: About,
    /// What for, as a code such as yearly-audit; it is recorded at the node and stands in the pack.
    #[arg(long, value_name = "CODE")]
    purpose: String,
    /// Pseudonymous id of the person who asks.
    #[arg(long, value_name = "ID", default_value = "")]
    actor_id: String,
    /// Compartments whose keys go in besides `process`, separated by commas: whoever has the pack can read them. `none` leaves all keys out.
    #[arg(long, value_name = "COMPARTMENTS", value_delimiter = ',')]
    with_keys: Vec<String>,
    /// The file to write. It appears under this name when it is whole.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

/// What the pack is about.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct About {
    /// One case.
    #[arg(long, value_name = "CASE")]
    case: Option<CaseId>,
    /// An organisation: what it signed, and the cases in which it takes part.
    #[arg(long, value_name = "CODE")]
    organisation: Option<OrganisationId>,
    /// The whole log.
    #[arg(long)]
    partnership: bool,
}

impl Export {
    fn request(&self) -> Result<v1::ExportPackRequest, Failure> {
        let about = &self.about;
        let case = about.case.map(|case| Scope::CaseId(case.to_string()));
        let organisation = about.organisation.as_ref();
        let organisation = organisation.map(|one| Scope::Organisation(one.to_string()));
        let without_keys = self.with_keys == ["none"];
        let chosen = self.with_keys.iter().filter(|_| !without_keys);
        let compartments = chosen.map(|name| {
            let known = name.parse::<Compartment>();
            known
                .map(|one| i32::from(v1::Compartment::from(one)))
                .map_err(|_| {
                    let all = Compartment::ALL.map(Compartment::code).join(", ");
                    Failure::Usage(format!(
                        "`{name}` is no compartment; there are {all}, or `none` alone"
                    ))
                })
        });
        Ok(v1::ExportPackRequest {
            purpose: self.purpose.clone(),
            actor_id: self.actor_id.clone(),
            scope: case.or(organisation).or(Some(Scope::Partnership(()))),
            compartments: compartments.collect::<Result<_, _>>()?,
            without_keys,
            ..v1::ExportPackRequest::default()
        })
    }
}

pub(super) fn run(connection: &Connection, asked: &Export, format: Format) -> Result<(), Failure> {
    let part = part_of(&asked.out);
    let mut transfer = Transfer::of(asked.request()?, part.clone());
    client::block_on(async {
        let client = connection.client()?;
        tokio::select! {
            biased;
            _ = tokio::signal::ctrl_c() => Err(Failure::Signal(Signal::Interrupt)),
            ended = transfer.carry(&client) => ended,
        }
    })?;
    fs::rename(&part, &asked.out)?;
    transfer.report(&asked.out, format)
}

fn part_of(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".part");
    name.into()
}

/// A file on its way.
struct Transfer {
    request: v1::ExportPackRequest,
    part: PathBuf,
    /// Made with the first piece, so that a call that is refused leaves nothing behind.
    file: Option<File>,
    hash: Sha256,
    access_record: String,
    bar: ProgressBar,
}

impl Transfer {
    fn of(request: v1::ExportPackRequest, part: PathBuf) -> Self {
        Self {
            request,
            part,
            file: None,
            hash: Sha256::new(),
            access_record: String::new(),
            bar: bytes_bar(),
        }
    }

    /// Takes all of it, however often the connection breaks on the way.
    async fn carry(&mut self, client: &Client) -> Result<(), Failure> {
        let mut backoff = Backoff::new();
        let mut idle = 0;
        loop {
            let before = self.request.offset;
            let error = match self.go_on(client).await {
                // Nothing has come yet: whoever asked decides whether to ask again.
                Err(Failure::Call(error)) if error.is_passing() && self.request.offset > 0 => error,
                ended => return ended,
            };
            if self.request.offset > before {
                (backoff, idle) = (Backoff::new(), 0);
            }
            idle += 1;
            if idle >= ATTEMPTS_MAX {
                return Err(Failure::Call(error));
            }
            eprintln!(
                "concordat: {error}; going on at byte {}",
                self.request.offset
            );
            tokio::time::sleep(backoff.next(error.retry_after())).await;
        }
    }

    /// One call, from where the last one stopped.
    async fn go_on(&mut self, client: &Client) -> Result<(), Failure> {
        let mut packs = client.audit_packs();
        let mut pieces = packs.export_pack(self.request.clone()).await?.into_inner();
        while let Some(piece) = pieces.message().await? {
            if piece.offset != self.request.offset {
                return Err(Failure::Failed(anyhow::anyhow!(
                    "the node went on at byte {} and not at {}",
                    piece.offset,
                    self.request.offset
                )));
            }
            let file = match &mut self.file {
                Some(file) => file,
                None => self.file.insert(secret_file::begin(&self.part)?),
            };
            file.write_all(&piece.data)?;
            self.hash.update(&piece.data);
            self.request.offset += piece.data.len() as u64;
            self.request.pack_token = piece.pack_token;
            self.bar.set_position(self.request.offset);
            if !piece.access_record.is_empty() {
                self.access_record = piece.access_record;
            }
            if piece.total_bytes.is_some() {
                return self.check(&piece.sha256);
            }
        }
        // A stream that ends without its last piece was cut off.
        Err(tonic::Status::unavailable("the transfer ended early").into())
    }

    fn check(&mut self, sha256: &[u8]) -> Result<(), Failure> {
        self.bar.finish_and_clear();
        if self.hash.clone().finalize().as_slice() != sha256 {
            return Err(Failure::Precondition(
                "what the node holds changed during the transfer (content was erased, or it was upgraded): export again".to_owned(),
            ));
        }
        if let Some(file) = &self.file {
            file.sync_all()?;
        }
        Ok(())
    }

    fn report(&self, file: &Path, format: Format) -> Result<(), Failure> {
        let sha256 = hex::encode(self.hash.clone().finalize());
        let (bytes, file) = (self.request.offset, file.display().to_string());
        match format {
            Format::Table => output::pairs(&[
                ("file", file),
                ("bytes", bytes.to_string()),
                ("sha256", sha256),
                ("access record", self.access_record.clone()),
            ]),
            Format::Json | Format::Ndjson | Format::Csv => output::json(
                format,
                &json!({"file": file, "bytes": bytes, "sha256": sha256, "accessRecord": self.access_record}),
            ),
        }
    }
}

fn bytes_bar() -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{spinner} {bytes} {bytes_per_sec}");
    ProgressBar::new_spinner()
        .with_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()))
}
