//! Several organisations, each with a `concordat serve` process of its own, on one broker. Founded as people do it, with `concordat init`.
//!
//! The program is `CONCORDAT_PROGRAM`, which `cargo xtask test` builds and sets; otherwise the one beside the tests.

use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use tempfile::TempDir;

/// Longest wait for something that must happen; reached only by a defect.
const PATIENCE: Duration = Duration::from_secs(60);

const HEAD: &str = r#"
name = "Three organisations"
formats = [1]
judging_rules = 1
change_threshold = 2
compartments = ["process", "identity", "narrative", "health", "social-care", "third-party", "safeguarding", "staff"]
"#;

/// Data directories, configurations and the partnership file, in a folder that is gone with this.
pub struct Organisations {
    folder: TempDir,
}

impl Organisations {
    /// Makes a key for each organisation and a partnership file that lists all, and configures each node for the broker that it is to
    /// use (`host:port`).
    ///
    /// # Panics
    /// If the program is not there or does not do it.
    #[must_use]
    pub fn found(members: &[(&str, String)]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let founded = Self { folder };
        let mut file = HEAD.to_owned();
        for (code, _) in members {
            file.push_str(&founded.init(code));
        }
        for (code, broker) in members {
            let directory = founded.directory(code);
            fs::write(directory.join("partnership.toml"), &file).expect("written");
            fs::write(founded.config(code), configuration(code, broker)).expect("written");
        }
        founded
    }

    fn init(&self, code: &str) -> String {
        let directory = self.directory(code);
        let options = [
            ("--dir", directory.as_os_str()),
            ("--organisation", OsStr::new(code)),
            ("--name", OsStr::new(code)),
            ("--kind", OsStr::new("other")),
            ("--calendar", OsStr::new("EW")),
            ("--responsible-person", OsStr::new("chief-executive")),
            ("--complaints-manager", OsStr::new("complaints-manager")),
        ];
        let output = program()
            .args(["init", "--partnership"])
            .args(
                options
                    .iter()
                    .flat_map(|(name, value)| [OsStr::new(name), value]),
            )
            .output()
            .expect("the program runs");
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{complaint}");
        String::from_utf8(output.stdout).expect("text")
    }

    /// Where an organisation keeps everything.
    #[must_use]
    pub fn directory(&self, code: &str) -> PathBuf {
        self.folder.path().join(code.replace(':', "-"))
    }

    /// Where its node's store is.
    #[must_use]
    pub fn store(&self, code: &str) -> PathBuf {
        self.directory(code).join("store")
    }

    /// The file with the token of its API.
    #[must_use]
    pub fn token_file(&self, code: &str) -> PathBuf {
        self.directory(code).join("api.token")
    }

    fn config(&self, code: &str) -> PathBuf {
        self.directory(code).join("concordat.toml")
    }

    /// Starts an organisation's node and returns when it has said that it is ready.
    ///
    /// # Panics
    /// If it never does.
    #[must_use]
    pub fn serve(&self, code: &str) -> Serving {
        let mut child = program()
            .arg("serve")
            .arg("--config")
            .arg(self.config(code))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program runs");
        let stderr = child.stderr.take().expect("it was asked for");
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                // Nobody may listen any more; the pipe is read on all the same.
                let _ = sender.send(line);
            }
        });
        let mut serving = Serving {
            child,
            address: String::new(),
            lines,
            said: Vec::new(),
        };
        serving.await_ready(code);
        serving
    }
}

/// Any free port, and no witnesses of their own accord within a test.
fn configuration(code: &str, broker: &str) -> String {
    format!(
        "organisation = \"{code}\"\npartnership-file = \"partnership.toml\"\ndata-directory = \".\"\napi.listen = \"127.0.0.1:0\"\n\
         [log.nats]\nservers = [\"{broker}\"]\nreplicas = 1\nack-timeout = \"2s\"\n"
    )
}

/// A node in a process of its own, killed when dropped.
pub struct Serving {
    child: Child,
    address: String,
    lines: Receiver<String>,
    said: Vec<String>,
}

impl Serving {
    fn await_ready(&mut self, code: &str) {
        let ready = format!("concordat: ready organisation={code} api=http://");
        while let Ok(line) = self.lines.recv_timeout(PATIENCE) {
            if let Some(address) = line.strip_prefix(&ready) {
                address.clone_into(&mut self.address);
                return;
            }
            self.said.push(line);
        }
        panic!("{code} was never ready:\n{}", self.said.join("\n"));
    }

    /// Where its API is, `host:port`.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// SIGKILL, and the end of it.
    ///
    /// # Panics
    /// If it is no child of this process any more.
    pub fn kill(&mut self) {
        self.child.kill().expect("it is our child");
        self.child.wait().expect("it is our child");
    }

    /// SIGTERM, and the end of it; gives all that it has said.
    ///
    /// # Panics
    /// If it does not end in good order.
    pub fn stop(mut self) -> String {
        let sent = Command::new("kill")
            .args(["-TERM", &self.child.id().to_string()])
            .status()
            .expect("kill is there");
        assert!(sent.success());
        let status = self.child.wait().expect("it is our child");
        let mut said = std::mem::take(&mut self.said);
        said.extend(self.lines.iter());
        let said = said.join("\n");
        assert!(status.success(), "{status}:\n{said}");
        said
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // It may have ended by now.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The program, without what the environment of the test may say about servers and tokens.
fn program() -> Command {
    let named = std::env::var_os("CONCORDAT_PROGRAM").map(PathBuf::from);
    let mut command = Command::new(named.unwrap_or_else(beside_the_tests));
    command
        .env_remove("CONCORDAT_SERVER")
        .env_remove("CONCORDAT_TOKEN");
    command
}

/// `target/debug/concordat`, if this runs in `target/debug/deps`.
fn beside_the_tests() -> PathBuf {
    let test = std::env::current_exe().expect("a test has a file");
    let built = test
        .parent()
        .and_then(Path::parent)
        .map(|folder| folder.join("concordat"));
    built.filter(|program| program.exists()).expect(
        "build the program first (cargo build -p concordat), or name it in CONCORDAT_PROGRAM",
    )
}
