//! `concordat dev` in a process of its own.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, ExitStatus, Output, Stdio};

use serde_json::Value;

use super::{command, text};

/// A sandbox that runs; killed when dropped.
pub struct Sandbox {
    child: Child,
    /// What it said when it was ready.
    pub ready: Value,
}

impl Sandbox {
    /// Starts one on free ports, and returns when it is ready.
    pub fn start(more: &[&str]) -> Self {
        let mut child = command(&["dev", "--port-base", "0", "-o", "ndjson"])
            .args(more)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the binary was built for this test");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("it was asked for");
        BufReader::new(stdout)
            .read_line(&mut line)
            .expect("it says when it is ready");
        Self {
            child,
            ready: serde_json::from_str(&line).expect("one document"),
        }
    }

    /// Its directory.
    pub fn directory(&self) -> PathBuf {
        self.ready["sandbox"].as_str().expect("a directory").into()
    }

    /// Id of the sample case of a kind.
    pub fn case(&self, kind: &str) -> String {
        let cases = self.ready["cases"].as_array().expect("cases");
        let case = cases.iter().find(|case| case["kind"] == kind);
        let case = case.unwrap_or_else(|| panic!("no case {kind}"));
        case["case"].as_str().expect("an id").to_owned()
    }

    fn peer(&self, name: &str) -> &Value {
        let peers = self.ready["peers"].as_array().expect("peers");
        peers.iter().find(|peer| peer["name"] == name).expect(name)
    }

    /// Address of an organisation's API.
    pub fn server(&self, name: &str) -> &str {
        self.peer(name)["server"].as_str().expect("an address")
    }

    /// The file with an organisation's token.
    pub fn token_file(&self, name: &str) -> &str {
        self.peer(name)["token_file"].as_str().expect("a file")
    }

    /// Runs a client command as one organisation.
    pub fn ask(&self, name: &str, arguments: &[&str]) -> Output {
        command(arguments)
            .args([
                "--server",
                self.server(name),
                "--token-file",
                self.token_file(name),
            ])
            .output()
            .expect("it runs")
    }

    /// The same, which must succeed, with its JSON.
    pub fn json(&self, name: &str, arguments: &[&str]) -> Value {
        let mut all = arguments.to_vec();
        all.extend(["-o", "json"]);
        let output = self.ask(name, &all);
        assert!(
            output.status.success(),
            "{arguments:?}: {}",
            text(&output.stderr)
        );
        serde_json::from_slice(&output.stdout).expect("JSON")
    }

    /// Tells it what to do, by the command line.
    pub fn tell(&self, arguments: &[&str]) -> Output {
        let directory = self.directory();
        let mut command = command(&["dev"]);
        command.args(arguments);
        command.arg("--sandbox").arg(directory);
        command.output().expect("it runs")
    }

    /// Tells it what it must be able to do.
    pub fn does(&self, arguments: &[&str]) {
        let output = self.tell(arguments);
        assert!(
            output.status.success(),
            "{arguments:?}: {}",
            text(&output.stderr)
        );
    }

    /// Sends a signal by its name and waits for the end.
    pub fn end(&mut self, signal: &str) -> ExitStatus {
        let sent = std::process::Command::new("kill")
            .args([format!("-{signal}"), self.child.id().to_string()])
            .status()
            .expect("kill is there");
        assert!(sent.success());
        self.child.wait().expect("it is our child")
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        // It may have ended by now. SIGTERM, so that nothing is left behind.
        let _ = std::process::Command::new("kill")
            .args(["-TERM", &self.child.id().to_string()])
            .stderr(Stdio::null())
            .status();
        let _ = self.child.wait();
    }
}
