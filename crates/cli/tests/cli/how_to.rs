//! The pages of `docs/how-to`, word by word: what is to be typed is run as it stands there.

use crate::support;

use std::env;
use std::ffi::OsString;
use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use support::{PATIENCE, set_mode, text};

const RUN_A_NODE: &str = include_str!("../../../../docs/how-to/run-a-node.md");
const WRITE_A_POLICY_PACK: &str = include_str!("../../../../docs/how-to/write-a-policy-pack.md");
const FOUND_A_PARTNERSHIP: &str = include_str!("../../../../docs/how-to/found-a-partnership.md");

/// Addresses that the page names, and that may be taken on this machine.
const PORTS: [&str; 4] = [
    "127.0.0.1:4222",
    "127.0.0.1:7171",
    "127.0.0.1:7172",
    "127.0.0.1:7173",
];

/// Commands that fail on purpose, by how they begin, with their exit codes.
const FAILING: [(&str, &str); 1] = [(
    "concordat case show --config council/concordat.toml $CASE",
    "3",
)];

/// The commands of the page in order.
fn commands(page: &str) -> Vec<String> {
    let steps = support::page::steps(page).into_iter();
    steps.map(|step| step.command).collect()
}

fn nats_server() -> PathBuf {
    if let Some(path) = env::var_os("CONCORDAT_NATS_SERVER") {
        return path.into();
    }
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .map(|folder| folder.join("nats-server"))
        .find(|path| path.exists())
        .expect("CONCORDAT_NATS_SERVER must name a nats-server, or one be on the path")
}

/// The path on which both programs are found under their own names. The page's addresses stand in what `concordat init` writes, too: there
/// they are replaced once it is written.
fn search_path(folder: &Path, replacements: &str) -> OsString {
    let programs = folder.join("bin");
    fs::create_dir(&programs).expect("a folder");
    symlink(nats_server(), programs.join("nats-server")).expect("a link");
    let concordat = programs.join("concordat");
    let program = env!("CARGO_BIN_EXE_concordat");
    let wrapper = format!(
        "#!/bin/sh\n[ \"$1\" = init ] || exec {program} \"$@\"\n{program} \"$@\" && sed -i.page '{replacements}' \"$4/concordat.toml\"\n"
    );
    fs::write(&concordat, wrapper).expect("written");
    set_mode(&concordat, 0o755);
    let others = env::var_os("PATH").unwrap_or_default();
    let all = std::iter::once(programs).chain(env::split_paths(&others));
    env::join_paths(all).expect("no path has a colon")
}

#[test]
fn a_partnership_is_founded_word_by_word() {
    let folder = tempfile::tempdir().expect("a folder");
    let commands = commands(FOUND_A_PARTNERSHIP);
    assert!(commands.len() >= 8, "the page was not understood");
    let output = Command::new("bash")
        .args(["-ec", &commands.join("\n")])
        .current_dir(folder.path())
        .env("PATH", search_path(folder.path(), ""))
        .output()
        .expect("bash is there");
    let (said, complained) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{said}\n{complained}");
    assert!(
        said.contains("eng-2009") && said.contains("gss:E06999901"),
        "{said}"
    );
    assert!(
        complained.contains("trust/concordat.toml is in order"),
        "{complained}"
    );
    let file = fs::read_to_string(folder.path().join("partnership.toml")).expect("it was made");
    assert_eq!(file.matches("[[organisations]]").count(), 2, "{file}");
    assert!(file.contains("\"safeguarding\", \"staff\"]"), "{file}");
}

/// The text with one space between words: how wide a column is depends on what else stands in it.
fn words(text: &str) -> String {
    let lines = text.lines().map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        words.join(" ")
    });
    lines.collect::<Vec<String>>().join("\n")
}

#[test]
fn a_policy_pack_is_written_word_by_word() {
    let folder = tempfile::tempdir().expect("a folder");
    let commands = commands(WRITE_A_POLICY_PACK);
    let script: String = (0..)
        .zip(&commands)
        .map(|(number, command)| format!("{command}\necho \"<{number}:$?>\"\n"))
        .collect();
    let output = Command::new("bash")
        .args(["-c", &script])
        .current_dir(folder.path())
        .env("PATH", search_path(folder.path(), ""))
        .output()
        .expect("bash is there");
    let (said, complained) = (text(&output.stdout), text(&output.stderr));
    let words = words(&said);
    let mut checks = 0;
    for (number, command) in commands.iter().enumerate() {
        let (before, rest) = said.split_once(&format!("<{number}:")).expect("it was run");
        let (code, _) = rest.split_once('>').expect("a code");
        // The page says so: first a misspelt event, then a length of nothing, then all is well.
        let expected = if command.starts_with("concordat policy check") {
            checks += 1;
            if checks < 3 { "7" } else { "0" }
        } else {
            "0"
        };
        assert_eq!(code, expected, "{command}\n{before}\n{complained}");
    }
    assert_eq!(checks, 3);
    for told in [
        "27 10 reply-target",
        "`response-issue` is not an event type of these rules",
        "20 1 reply-target",
        "started by complaint-received (as the pack says)",
        "rule stage-1-response (O-04): `convention` is open",
        "{ id = \"county-v1\", hash",
        "# not before its open figures are confirmed: { id = \"ni-hsc-2026\"",
    ] {
        assert!(words.contains(told), "{told}\n{said}");
    }
}

#[test]
fn every_command_of_the_page_does_what_it_says() {
    let folder = tempfile::tempdir().expect("a folder");
    let commands = commands(RUN_A_NODE);
    assert!(commands.len() > 30, "the page was not understood");
    // Whatever happens, nothing that was started stays behind.
    let mut script = format!(
        "trap 'kill $(jobs -p) 2>/dev/null; wait' EXIT\n(sleep {}; kill $$) > /dev/null 2>&1 &\n",
        PATIENCE.as_secs()
    );
    for (number, command) in commands.iter().enumerate() {
        script.push_str(&format!("{command}\necho \"<{number}:$?>\"\n"));
    }
    // Held until the commands need them, so that no two are the same.
    let listeners: Vec<TcpListener> = PORTS
        .iter()
        .map(|_| TcpListener::bind("127.0.0.1:0").expect("a free port"))
        .collect();
    let free = |number: usize| {
        let address = listeners[number].local_addr().expect("it is bound");
        address.to_string()
    };
    let mut replacements = String::new();
    for (number, address) in PORTS.iter().enumerate() {
        script = script.replace(address, &free(number));
        replacements.push_str(&format!("s/{address}/{}/; ", free(number)));
    }
    let path = search_path(folder.path(), &replacements);
    drop(listeners);
    let output = Command::new("bash")
        .args(["-c", &script])
        .current_dir(folder.path())
        .env("PATH", path)
        .env_remove("CONCORDAT_SERVER")
        .env_remove("CONCORDAT_TOKEN")
        .env_remove("CONCORDAT_TOKEN_FILE")
        .output()
        .expect("bash is there");
    let (said, complained) = (text(&output.stdout), text(&output.stderr));
    let mut refusals = 0;
    for (number, command) in commands.iter().enumerate() {
        let code = said
            .split_once(&format!("<{number}:"))
            .and_then(|(_, rest)| rest.split_once('>'))
            .map(|(code, _)| code)
            .unwrap_or_else(|| panic!("{command} was not run:\n{said}\n{complained}"));
        let expected = FAILING
            .iter()
            .find(|(begin, _)| command.starts_with(begin))
            .map_or("0", |(_, code)| code);
        // The first try to add the council comes before consent.
        let expected = if command.contains("participant-added") && refusals == 0 {
            refusals += 1;
            "6"
        } else {
            expected
        };
        assert_eq!(code, expected, "{command}\n{said}\n{complained}");
    }
    assert!(
        complained.contains("FAILED_PRECONDITION NO_CONSENT"),
        "{complained}"
    );
    let words = words(&said);
    let (_, outage) = words
        .split_once("stage accepted")
        .unwrap_or_else(|| panic!("accepted while the broker was away\n{said}"));
    assert!(
        outage.contains("complaint-acknowledged accepted"),
        "the draft is listed: {outage}"
    );
    let last = outage
        .lines()
        .rfind(|line| line.contains("complaint-acknowledged effective"));
    assert!(last.is_some(), "the feed ends with it: {outage}");
}
