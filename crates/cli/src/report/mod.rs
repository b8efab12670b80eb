//! `concordat report`: what regulations, guidance and people who run complaints ask to see.

mod answer;
mod csv;
mod text;
mod xlsx;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::{Args, Subcommand};
use concordat_domain::ids::{CaseId, OrganisationId};
use concordat_proto::v1;
use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::Value;

use crate::client::{self, Client, Connection};
use crate::display;
use crate::exit::Failure;
use crate::output::{self, Format, Output, Row};
use crate::progress::Progress;
use crate::when;
use answer::Answer;

/// What is asked of which node.
#[derive(Debug, Args)]
pub(crate) struct Report {
    #[command(flatten)]
    connection: Connection,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Lists the reports with what each holds, and who asks for it.
    List,
    /// Runs a report.
    ///
    /// The same position, instant and parameters give the same answer again, whatever came after: the head of each report says them.
    Run(Box<Run>),
}

#[derive(Debug, Args)]
struct Run {
    /// Which report, as `report list` names it.
    report: String,
    /// First day of its period.
    #[arg(long, value_name = "YYYY-MM-DD")]
    from: Option<Date>,
    /// Last day of its period.
    #[arg(long, value_name = "YYYY-MM-DD")]
    to: Option<Date>,
    /// The organisation that it is about.
    #[arg(long, value_name = "CODE")]
    org: Option<OrganisationId>,
    /// The case that it is about.
    #[arg(long)]
    case: Option<CaseId>,
    /// The person that it is about, by the pseudonym used in cases.
    #[arg(long, value_name = "REF")]
    person: Option<String>,
    /// Position up to which events count; everything applied so far, if not given.
    #[arg(long, value_name = "POSITION", default_value = "")]
    at_position: String,
    /// Instant at which deadlines are looked at; that of the position, or now.
    #[arg(long, visible_alias = "as-of", value_name = "WHEN", value_parser = when::instant)]
    at: Option<Timestamp>,
    /// Replaces counts from 1 to 4, and what gives them away.
    #[arg(long)]
    suppress: bool,
    /// Only this table; may be repeated.
    #[arg(long = "table", value_name = "NAME")]
    tables: Vec<String>,
    /// Writes into this file instead of standard output. CSV of several tables goes into a file for each, with its name before the ending.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

impl Row for v1::ReportType {
    const COLUMNS: &'static [&'static str] = &["REPORT", "PARAMETERS", "SOURCE", "WHAT"];

    fn cells(&self) -> Vec<String> {
        let parameter = |one: &v1::ReportParameterType| match one.required {
            true => format!("{}!", one.name),
            false => one.name.clone(),
        };
        let parameters: Vec<String> = self.parameters.iter().map(parameter).collect();
        vec![
            self.report.clone(),
            parameters.join(" "),
            self.source.clone(),
            self.meaning.clone(),
        ]
    }
}

/// Runs a report command.
pub(crate) fn run(asked: Report, output: Output) -> Result<(), Failure> {
    client::block_on(async {
        let client = asked.connection.client()?;
        match asked.verb {
            Verb::List => list(&client, output).await,
            Verb::Run(asked) => report(&client, *asked, output).await,
        }
    })
}

async fn list(client: &Client, output: Output) -> Result<(), Failure> {
    let format = output.format().ok_or_else(|| {
        Failure::Usage("the list of reports is printed as table, json or ndjson".to_owned())
    })?;
    let request = client.request(v1::ListReportsRequest {});
    let answer = client.reports().list_reports(request).await?.into_inner();
    output::messages(format, "reports", &answer.reports)
}

async fn report(client: &Client, asked: Run, output: Output) -> Result<(), Failure> {
    if output == Output::Xlsx && asked.out.is_none() {
        return Err(Failure::Usage(
            "a workbook goes into a file: name it with --out".to_owned(),
        ));
    }
    let request = client.request(v1::RunReportRequest {
        report: asked.report,
        from: asked.from.map(|day| day.to_string()).unwrap_or_default(),
        to: asked.to.map(|day| day.to_string()).unwrap_or_default(),
        organisation: asked.org.map(|org| org.to_string()).unwrap_or_default(),
        case_id: asked.case.map(|case| case.to_string()).unwrap_or_default(),
        person_ref: asked.person.unwrap_or_default(),
        suppress: asked.suppress,
        at_position: asked.at_position,
        at: display::wire(asked.at),
    });
    let mut pieces = client.reports().run_report(request).await?.into_inner();
    let mut answer = Answer::default();
    let progress = Progress::open("report");
    while let Some(piece) = pieces.message().await? {
        progress.step(1);
        answer.take(piece);
    }
    drop(progress);
    let answer = answer.whole()?.only(&asked.tables)?;
    match (output, asked.out.as_deref()) {
        (Output::Table, None) => text::print(&answer),
        (Output::Table, Some(file)) => write(file, text::text(&answer).as_bytes()),
        (Output::Json, None) => output::json(Format::Json, &answer.json()?),
        (Output::Json, Some(file)) => write(file, &json_lines([answer.json()?])?),
        (Output::Ndjson, None) => answer
            .lines()?
            .iter()
            .try_for_each(|line| output::json(Format::Ndjson, line)),
        (Output::Ndjson, Some(file)) => write(file, &json_lines(answer.lines()?)?),
        (Output::Csv, None) => csv::print(&answer),
        (Output::Csv, Some(file)) => csv::write(&answer, file),
        (Output::Xlsx, file) => xlsx::write(&answer, file.unwrap_or(Path::new("report.xlsx"))),
    }
}

fn json_lines(documents: impl IntoIterator<Item = Value>) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    for document in documents {
        serde_json::to_writer(&mut bytes, &document).map_err(anyhow::Error::from)?;
        bytes.push(b'\n');
    }
    Ok(bytes)
}

/// Writes a file as a whole or not at all.
fn write(file: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let folder = file
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let draft = tempfile::NamedTempFile::new_in(folder.unwrap_or(Path::new(".")))
        .with_context(|| format!("no file can be made beside {}", file.display()))?;
    fs::write(draft.path(), bytes).with_context(|| format!("cannot write {}", file.display()))?;
    draft
        .persist(file)
        .with_context(|| format!("cannot write {}", file.display()))?;
    Ok(())
}
