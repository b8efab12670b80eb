//! A client of the gRPC API in Python, which makes its stubs from reflection at run time (`tests/clients/python`), driven line by line.
//!
//! The interpreter is `CONCORDAT_PYTHON`, which `cargo xtask test` sets; otherwise `python3` on the path. It needs the packages of
//! `tests/requirements.txt`.

use std::ffi::OsString;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Value, json};

/// A refusal, as the client reads it from the call's status and its details.
#[derive(Debug, Clone, PartialEq)]
pub struct Refusal(pub Value);

impl Refusal {
    /// Name of the gRPC code.
    #[must_use]
    pub fn code(&self) -> &str {
        self.0["code"].as_str().unwrap_or_default()
    }

    /// The one reason of `ErrorInfo`; empty if there is none, or more than one.
    #[must_use]
    pub fn reason(&self) -> &str {
        match self.0["reasons"].as_array().map(Vec::as_slice) {
            Some([reason]) => reason.as_str().unwrap_or_default(),
            _ => "",
        }
    }

    /// The paths of the fields that are wrong.
    #[must_use]
    pub fn fields(&self) -> Vec<&str> {
        let fields = self.0["fields"].as_object();
        fields
            .map(|fields| fields.keys().map(String::as_str).collect())
            .unwrap_or_default()
    }
}

/// The running client. It ends with this.
pub struct Driver {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Driver {
    /// Starts it.
    ///
    /// # Panics
    /// If there is no such interpreter.
    #[must_use]
    pub fn start() -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients/python/driver.py");
        let mut child = Command::new(interpreter())
            .arg(script)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .expect("CONCORDAT_PYTHON must name a Python with tests/requirements.txt, or python3 be on the path");
        let input = child.stdin.take().expect("it was asked for");
        let output = BufReader::new(child.stdout.take().expect("it was asked for"));
        Self {
            child,
            input,
            output,
        }
    }

    /// Has the client do something.
    ///
    /// # Errors
    /// What the node refused, with all that it said.
    ///
    /// # Panics
    /// If the client has ended: what it said of that is on standard error.
    pub fn try_do(&mut self, what: &str, mut asked: Value) -> Result<Value, Refusal> {
        asked["do"] = json!(what);
        writeln!(self.input, "{asked}").expect("the client listens");
        let mut line = String::new();
        let length = self.output.read_line(&mut line).expect("the client speaks");
        assert!(length > 0, "the client has ended while asked for {asked}");
        let mut answer: Value = serde_json::from_str(&line).expect("JSON");
        match answer.get("refused") {
            Some(said) => Err(Refusal(said.clone())),
            None => Ok(answer["ok"].take()),
        }
    }

    /// The same where a refusal is a failure of the test.
    ///
    /// # Panics
    /// Then.
    pub fn run(&mut self, what: &str, asked: Value) -> Value {
        let shown = asked.clone();
        self.try_do(what, asked)
            .unwrap_or_else(|refusal| panic!("{what} {shown}: {}", refusal.0))
    }

    /// A call that must be answered, with JSON in and out.
    ///
    /// # Panics
    /// If it is refused.
    pub fn call(&mut self, code: &str, method: &str, request: Value) -> Value {
        self.run(
            "call",
            json!({"org": code, "method": method, "request": request}),
        )
    }

    /// A call that may be refused.
    ///
    /// # Errors
    /// What the node refused.
    pub fn try_call(&mut self, code: &str, method: &str, request: Value) -> Result<Value, Refusal> {
        self.try_do(
            "call",
            json!({"org": code, "method": method, "request": request}),
        )
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // It may have ended by now.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The Python that tests use.
#[must_use]
pub fn interpreter() -> OsString {
    std::env::var_os("CONCORDAT_PYTHON")
        .filter(|path| Path::new(path).exists())
        .unwrap_or_else(|| "python3".into())
}
