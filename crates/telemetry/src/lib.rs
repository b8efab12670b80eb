//! Tracing for the node: which lines are written, in which format, and nothing personal in them.
//!
//! The core does not log: its events and rulings are the log. The shell opens one span per unit of work (call,
//! bundle, firing) with the ids that a person would search for: event id, case id, organisation. Never content.

use std::io::IsTerminal;

use serde::{Deserialize, Deserializer, de::Error as _};
use tracing_subscriber::{EnvFilter, fmt, layer::SubscriberExt, util::SubscriberInitExt};

/// How log lines look.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// One line for people; coloured when standard error is a terminal.
    #[default]
    Text,
    /// One JSON object a line, for collectors.
    Json,
}

/// What to trace.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Config {
    /// Filter directives as `tracing` knows them, for instance `info` or `concordat_node=debug,info`. Default: `info`.
    /// A filter that is not understood is refused when the configuration is read.
    #[serde(deserialize_with = "filter")]
    pub filter: String,
    /// Format of the lines on standard error. Default: `text`.
    pub format: Format,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            filter: "info".to_owned(),
            format: Format::Text,
        }
    }
}

fn filter<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let filter = String::deserialize(deserializer)?;
    EnvFilter::try_new(&filter).map_err(|error| {
        D::Error::custom(format!(
            "expected directives such as \"info\" or \"concordat_node=debug,info\": {error}"
        ))
    })?;
    Ok(filter)
}

/// Why tracing could not be started.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The filter is not a list of directives. Mend `telemetry.filter` in the configuration file.
    #[error("telemetry filter {filter:?} is not understood")]
    Filter {
        /// The filter as configured.
        filter: String,
        /// What the parser said.
        source: tracing_subscriber::filter::ParseError,
    },
    /// Tracing was started before in this process.
    #[error("tracing is running already")]
    Running(#[from] tracing_subscriber::util::TryInitError),
}

/// Starts tracing for the whole process. Lines go to standard error; standard output belongs to answers.
///
/// # Errors
/// [`Error::Filter`] if the filter is malformed, [`Error::Running`] on a second call.
pub fn start(config: &Config) -> Result<(), Error> {
    let filter = EnvFilter::try_new(&config.filter).map_err(|source| Error::Filter {
        filter: config.filter.clone(),
        source,
    })?;
    let registry = tracing_subscriber::registry().with(filter);
    match config.format {
        Format::Text => registry
            .with(
                fmt::layer()
                    .with_writer(std::io::stderr)
                    .with_ansi(std::io::stderr().is_terminal()),
            )
            .try_init()?,
        Format::Json => registry
            .with(fmt::layer().json().with_writer(std::io::stderr))
            .try_init()?,
    }
    Ok(())
}
