//! Real `concordat` processes of one partnership, in a folder that is gone with the test.
#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test file uses its own part of this"
)]

pub mod clients;
pub mod page;
pub mod receiver;
pub mod sandbox;

use std::fs::{self, Permissions};
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use jiff::tz::TimeZone;
use serde_json::{Value, json};
use tempfile::TempDir;

pub const TRUST: &str = "ods:ZT1";
pub const COUNCIL: &str = "gss:E06999901";

/// Longest wait for something that must happen; reached only by a defect.
pub const PATIENCE: Duration = Duration::from_secs(60);

const HEAD: &str = r#"
name = "Example"
formats = [1]
judging_rules = 1
change_threshold = 1
compartments = ["process", "identity", "narrative", "health", "social-care", "third-party", "safeguarding", "staff"]
"#;

/// Runs the binary to its end.
pub fn concordat(arguments: &[&str]) -> Output {
    command(arguments)
        .output()
        .expect("the binary was built for this test")
}

/// The binary, without what the environment of the test may say about servers and tokens.
pub fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_concordat"));
    command
        .args(arguments)
        .env_remove("CONCORDAT_SERVER")
        .env_remove("CONCORDAT_TOKEN")
        .env_remove("CONCORDAT_TOKEN_FILE")
        .env_remove("CONCORDAT_PROFILE")
        .env("XDG_CONFIG_HOME", "/nonexistent")
        .stdin(Stdio::null());
    command
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("text")
}

/// Two organisations with a data directory each, as `concordat init` makes them, and the partnership file that lists both.
pub struct Partnership {
    pub folder: TempDir,
}

impl Partnership {
    pub fn found() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut file = HEAD.to_owned();
        for code in [TRUST, COUNCIL] {
            let directory = directory(folder.path(), code);
            let output = concordat(&[
                "init",
                "--partnership",
                "--dir",
                directory.to_str().expect("text"),
                "--organisation",
                code,
                "--name",
                code,
                "--kind",
                "other",
                "--calendar",
                "EW",
                "--responsible-person",
                "chief-executive",
                "--complaints-manager",
                "complaints-manager",
            ]);
            assert!(output.status.success(), "{}", text(&output.stderr));
            file.push_str(&text(&output.stdout));
        }
        for code in [TRUST, COUNCIL] {
            let path = directory(folder.path(), code).join("partnership.toml");
            fs::write(path, &file).expect("written");
        }
        let partnership = Self { folder };
        for code in [TRUST, COUNCIL] {
            partnership.configure(code, "[log.embedded]\ndirectory = \"log\"\n");
        }
        partnership
    }

    pub fn directory(&self, code: &str) -> PathBuf {
        directory(self.folder.path(), code)
    }

    pub fn config(&self, code: &str) -> PathBuf {
        self.directory(code).join("concordat.toml")
    }

    /// Replaces the starting configuration by one for tests: any free port, and witnesses that do not wait.
    pub fn configure(&self, code: &str, log: &str) {
        let config = format!(
            "organisation = \"{code}\"\npartnership-file = \"partnership.toml\"\ndata-directory = \".\"\n\
             api.listen = \"127.0.0.1:0\"\nnode.witness-after = \"50ms\"\nnode.witness-step = \"20ms\"\n{log}"
        );
        fs::write(self.config(code), config).expect("written");
    }

    /// Changes one thing in a configuration.
    pub fn edit(&self, code: &str, from: &str, to: &str) {
        let path = self.config(code);
        let before = fs::read_to_string(&path).expect("a configuration");
        assert!(before.contains(from), "{before}");
        fs::write(path, before.replace(from, to)).expect("written");
    }

    /// Runs `serve` where it must not come up, and gives its exit code and what it said.
    pub fn refused(&self, code: &str, more: &[&str]) -> (Option<i32>, String) {
        let config = self.config(code);
        let mut arguments = vec!["serve", "--config", config.to_str().expect("text")];
        arguments.extend(more);
        let output = concordat(&arguments);
        assert!(output.stdout.is_empty(), "{}", text(&output.stdout));
        (output.status.code(), text(&output.stderr))
    }

    pub fn serve(&self, code: &str) -> Serving {
        let config = self.config(code);
        Serving::start(
            command(&["serve", "--config", config.to_str().expect("text")]),
            self,
            code,
        )
    }
}

fn directory(folder: &Path, code: &str) -> PathBuf {
    folder.join(code.replace(':', "-"))
}

pub fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).expect("it is ours");
}

/// A node in a process of its own, killed when dropped.
pub struct Serving {
    child: Child,
    pub url: String,
    pub token_file: PathBuf,
    lines: Receiver<String>,
}

impl Serving {
    /// Starts it and returns when it has said that it is ready.
    pub fn start(mut command: Command, partnership: &Partnership, code: &str) -> Self {
        let mut child = command
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary was built for this test");
        let stderr = child.stderr.take().expect("it was asked for");
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                // Nobody may listen any more; the pipe is read on all the same.
                let _ = sender.send(line);
            }
        });
        let mut serving = Self {
            child,
            url: String::new(),
            token_file: partnership.directory(code).join("api.token"),
            lines,
        };
        let ready = serving.wait_for_line("concordat: ready");
        let expected = format!("concordat: ready organisation={code} api=");
        serving.url = ready
            .strip_prefix(&expected)
            .unwrap_or_else(|| panic!("{ready}"))
            .to_owned();
        serving
    }

    /// Returns the next line that has `words`.
    pub fn wait_for_line(&mut self, words: &str) -> String {
        let mut said = Vec::new();
        while let Ok(line) = self.lines.recv_timeout(PATIENCE) {
            if line.contains(words) {
                return line;
            }
            said.push(line);
        }
        panic!("it never said {words:?}:\n{}", said.join("\n"));
    }

    /// Everything said until the process closes its end.
    pub fn rest(&mut self) -> String {
        let mut said = Vec::new();
        while let Ok(line) = self.lines.recv_timeout(PATIENCE) {
            said.push(line);
        }
        said.join("\n")
    }

    /// Sends a signal by its name, such as `TERM`.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill")
            .args([format!("-{name}"), self.child.id().to_string()])
            .status()
            .expect("kill is there");
        assert!(sent.success());
    }

    /// Waits for the end.
    pub fn wait(&mut self) -> ExitStatus {
        self.child.wait().expect("it is our child")
    }

    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().expect("it is our child").is_some()
    }

    /// A client command for this node.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = command(arguments);
        command
            .args(["--server", &self.url, "--token-file"])
            .arg(&self.token_file);
        command
    }

    /// Runs a client command.
    pub fn ask(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("it runs")
    }

    /// Runs a client command that must succeed, and reads its JSON.
    pub fn json(&self, arguments: &[&str]) -> Value {
        let mut all = arguments.to_vec();
        all.extend(["-o", "json"]);
        let output = self.ask(&all);
        assert!(
            output.status.success(),
            "{arguments:?}: {}",
            text(&output.stderr)
        );
        serde_json::from_slice(&output.stdout).expect("JSON")
    }

    /// Emits an event that must be effective, and gives its receipt.
    pub fn emit(&self, event: &str, case: Option<&str>, fields: &Value) -> Value {
        let fields = fields.to_string();
        let mut arguments = vec!["event", "emit", "--type", event, "--json", &fields];
        arguments.extend(["--wait-for", "ruled"]);
        if let Some(case) = case {
            arguments.extend(["--case", case]);
        }
        let receipt = self.json(&arguments);
        assert_eq!(receipt["ruling"]["effective"], true, "{receipt}");
        receipt
    }

    /// Opens a case, and gives its id.
    pub fn open_case(&self) -> String {
        let receipt = self.emit("complaint-received", None, &complaint());
        receipt["caseId"].as_str().expect("a case").to_owned()
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // It may have ended by now.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A complaint received today: the nodes run on the machine's clock.
pub fn complaint() -> Value {
    let zone = TimeZone::get("Europe/London").expect("it is bundled");
    let today = jiff::Timestamp::now()
        .to_zoned_datetime(zone)
        .date()
        .to_string();
    json!({
        "policy": "eng-2009", "channel": "email", "complainant_ref": "p-1", "subject_ref": "p-1",
        "nature": "CANARY unsafe discharge", "orgs_named": [TRUST, COUNCIL], "matter_known_on": today,
        "received_on": today, "screened_on": today
    })
}
