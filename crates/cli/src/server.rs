//! `concordat server`: the node about itself and about its caller.

use clap::{Args, Subcommand};
use concordat_proto::v1;

use crate::client::{self, Connection};
use crate::display;
use crate::exit::Failure;
use crate::output::{self, Format, Row};

/// What is asked of which node.
#[derive(Debug, Args)]
pub(crate) struct Server {
    #[command(flatten)]
    connection: Connection,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Version, organisation, place in the log, limits.
    Info,
    /// What a person who looks after the node should look at, with cause and remedy. Exit code 7 if a check fails.
    Checks,
    /// Who the caller is to the node.
    Whoami,
}

/// Runs a server command.
pub(crate) fn run(asked: Server, format: Format) -> Result<(), Failure> {
    client::block_on(async {
        match asked.verb {
            Verb::Info => info(&asked.connection, format).await,
            Verb::Checks => checks(&asked.connection, format).await,
            Verb::Whoami => whoami(&asked.connection, format).await,
        }
    })
}

async fn info(connection: &Connection, format: Format) -> Result<(), Failure> {
    let client = connection.client()?;
    let request = client.request(v1::GetServerInfoRequest {});
    let info = client.server().get_server_info(request).await?.into_inner();
    if format != Format::Table {
        return output::message(format, &info);
    }
    let listed = |entries: Vec<String>| entries.join(", ");
    output::pairs(&[
        ("organisation", info.organisation.clone()),
        ("version", info.version.clone()),
        ("partnership", info.partnership.clone()),
        ("connected", yes_no(info.connected)),
        ("publishing stopped", info.publishing_stopped.clone()),
        ("position", info.position.clone()),
        ("bundles", info.tree_size.to_string()),
        ("root", info.tree_root.clone()),
        ("time", display::instant(info.server_time.as_ref())),
        (
            "calendars until",
            listed(
                info.calendar_horizons
                    .iter()
                    .map(|(name, day)| format!("{name} {day}"))
                    .collect(),
            ),
        ),
        (
            "limits",
            listed(
                info.limits
                    .iter()
                    .map(|(name, limit)| format!("{name} {limit}"))
                    .collect(),
            ),
        ),
    ])
}

fn yes_no(is: bool) -> String {
    if is { "yes" } else { "no" }.to_owned()
}

impl Row for v1::Check {
    const COLUMNS: &'static [&'static str] = &["STATUS", "CHECK", "WHAT", "CAUSE", "FIX"];

    fn cells(&self) -> Vec<String> {
        vec![
            display::code(self.status().as_str_name(), "CHECK_STATUS_"),
            self.id.clone(),
            self.what.clone(),
            self.cause.clone(),
            self.fix.clone(),
        ]
    }
}

async fn checks(connection: &Connection, format: Format) -> Result<(), Failure> {
    let client = connection.client()?;
    let request = client.request(v1::ListChecksRequest {});
    let checks = client.server().list_checks(request).await?.into_inner();
    output::messages(format, "checks", &checks.checks)?;
    let has_failed = |check: &v1::Check| check.status() == v1::CheckStatus::Fail;
    if checks.checks.iter().any(has_failed) {
        return Err(Failure::Differences);
    }
    Ok(())
}

/// Which node is asked.
#[derive(Debug, Args)]
pub(crate) struct WhoAmI {
    #[command(flatten)]
    connection: Connection,
}

/// Runs `concordat whoami`.
pub(crate) fn who_am_i(asked: WhoAmI, format: Format) -> Result<(), Failure> {
    client::block_on(whoami(&asked.connection, format))
}

async fn whoami(connection: &Connection, format: Format) -> Result<(), Failure> {
    let client = connection.client()?;
    let request = client.request(v1::WhoAmIRequest {});
    let caller = client.server().who_am_i(request).await?.into_inner();
    if format != Format::Table {
        return output::message(format, &caller);
    }
    output::pairs(&[
        ("organisation", caller.organisation),
        ("subject", caller.subject),
        ("scopes", caller.scopes.join(", ")),
    ])
}
