//! The tutorial, word by word, and the integration guides: their code is that of the clients that these tests run.

use crate::support;

use std::env;
use std::ffi::OsString;
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;

use support::page::{play, with_code};
use support::sandbox::Sandbox;
use support::{set_mode, text};

const FIRST_HOUR: &str = include_str!("../../../../docs/tutorial/first-hour.md");

/// Longest that the tutorial may take here, where nothing is built and nothing is fetched.
const SECONDS_MAX: u64 = 120;

/// The guides, each with code from files.
const GUIDES: [&str; 4] = ["python", "typescript", "java", "curl"];

fn root() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    root.canonicalize().expect("the workspace")
}

fn python() -> PathBuf {
    env::var_os("CONCORDAT_PYTHON")
        .unwrap_or_else(|| "python3".into())
        .into()
}

/// The first of so many free ports in a row. Somebody else may take them meanwhile; then the test fails and says so.
fn free_ports(number: u16) -> u16 {
    loop {
        let first = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let base = first.local_addr().expect("it is bound").port();
        let others =
            (1..number).map(|next| TcpListener::bind(("127.0.0.1", base.checked_add(next)?)).ok());
        if others.collect::<Option<Vec<_>>>().is_some() {
            return base;
        }
    }
}

/// A program by a name that does what a line of shell says.
fn stand_in(programs: &Path, name: &str, does: &str) {
    let path = programs.join(name);
    fs::create_dir_all(programs).expect("a folder");
    fs::write(&path, format!("#!/bin/sh\n{does}\n")).expect("written");
    set_mode(&path, 0o755);
}

/// What the tutorial finds: a `git` that links this clone, a `cargo` that has built already, a `python3` whose virtual environment has
/// the packages, and `concordat` on ports that are free.
fn search_path(folder: &Path, port: u16) -> OsString {
    let programs = folder.join("bin");
    let (root, python) = (root(), python());
    stand_in(
        &programs,
        "git",
        &format!(
            "mkdir concordat && ln -s {root}/docs {root}/tests concordat",
            root = root.display()
        ),
    );
    stand_in(&programs, "cargo", "true");
    stand_in(
        &programs,
        "python3",
        &format!(
            "mkdir -p venv/bin && ln -s {bin}/pip {bin}/python venv/bin",
            bin = programs.display()
        ),
    );
    stand_in(&programs, "pip", "true");
    stand_in(
        &programs,
        "python",
        &format!("exec {} \"$@\"", python.display()),
    );
    let program = env!("CARGO_BIN_EXE_concordat");
    let starts = format!(
        "[ \"$1 $2\" = 'dev --data' ] && exec {program} \"$@\" --port-base {port}\nexec {program} \"$@\""
    );
    stand_in(&programs, "concordat", &starts);
    let tutorial = fs::read_to_string(root.join("docs/tutorial/requirements.txt")).expect("a list");
    let tests = fs::read_to_string(root.join("tests/requirements.txt")).expect("a list");
    for package in tutorial.lines().filter(|line| !line.starts_with('#')) {
        assert!(
            tests.lines().any(|line| line == package),
            "the tests have another {package}"
        );
    }
    let others = env::var_os("PATH").unwrap_or_default();
    let all = std::iter::once(programs).chain(env::split_paths(&others));
    env::join_paths(all).expect("no path has a colon")
}

#[test]
fn the_tutorial_does_what_it_says_word_by_word() {
    let folder = tempfile::tempdir().expect("a folder");
    let port = free_ports(3);
    let path = search_path(folder.path(), port);
    let (done, complained) = play(FIRST_HOUR, folder.path(), &path, SECONDS_MAX, |command| {
        let council = format!("127.0.0.1:{}", port + 1);
        command
            .replace("127.0.0.1:7171", &format!("127.0.0.1:{port}"))
            .replace("127.0.0.1:7172", &council)
    });
    assert!(done.len() > 30, "the page was not understood");
    for done in &done {
        done.is_as_shown(&complained);
    }
    let said = |begins: &str| {
        let done = done
            .iter()
            .find(|done| done.step.command.starts_with(begins));
        &done.unwrap_or_else(|| panic!("no command {begins}")).said
    };
    assert!(
        said("cat sandbox.txt").contains("lead in dispute")
            || said("cat sandbox.txt").contains("disputes")
    );
    assert!(said("concordat deadline list").contains("strand:gss:E06999901"));
    assert!(
        said("concordat event emit").contains("accepted"),
        "{}",
        said("concordat event emit")
    );
    assert!(said("concordat draft list").contains("complaint-acknowledged"));
    assert!(said("until concordat case timeline").contains("acknowledged"));
}

#[test]
fn the_code_of_the_guides_is_that_of_the_clients() {
    for guide in GUIDES {
        let path = root().join("docs/integrate").join(format!("{guide}.md"));
        let page = fs::read_to_string(&path).expect("a guide");
        let whole = with_code(&page, &root());
        if env::var_os("CONCORDAT_WRITE_PAGES").is_some() {
            fs::write(&path, &whole).expect("written");
        } else {
            assert!(
                page == whole,
                "{guide}.md differs from the clients: run this test with CONCORDAT_WRITE_PAGES=1"
            );
        }
    }
}

#[test]
fn the_script_with_curl_emits_and_follows() {
    let sandbox = Sandbox::start(&[]);
    let output = Command::new(root().join("tests/clients/curl/integration.sh"))
        .arg("--until-caught-up")
        .env("CONCORDAT_SERVER", sandbox.server("trust"))
        .env("CONCORDAT_TOKEN_FILE", sandbox.token_file("trust"))
        .output()
        .expect("bash, curl and jq are on the path");
    let (said, complained) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{said}\n{complained}");
    let case = |line: &str| line.rsplit_once(' ').expect("words").1.to_owned();
    let lines: Vec<&str> = said.lines().collect();
    let (first, second) = (lines[0], lines[1]);
    assert!(
        first.starts_with("emitted complaintReceived effective case "),
        "{first}"
    );
    assert!(
        second.starts_with("emitted complaintAcknowledged effective case "),
        "{second}"
    );
    let last = format!(
        "feed uk.concordat.complaint-acknowledged.v1 cases/{}",
        case(first)
    );
    assert_eq!(lines.last(), Some(&last.as_str()));
    assert!(
        complained.contains("refused invalid_argument MISSING_FIELD"),
        "{complained}"
    );
    assert!(
        [
            "event.body.complaintAcknowledged.method: ",
            "event.body.complaintAcknowledged.discussionOffered: "
        ]
        .iter()
        .all(|field| complained.contains(field)),
        "{complained}"
    );
}
