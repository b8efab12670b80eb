//! The clients of the integration guides, ready to be started.

use std::env;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::text;

/// The workspace.
pub fn root() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    root.canonicalize().expect("the workspace")
}

fn clients() -> PathBuf {
    root().join("tests/clients")
}

fn given(variable: &str) -> String {
    env::var(variable).unwrap_or_else(|_| {
        panic!("{variable} is not set: run the tests by `cargo xtask test`, which brings what clients need")
    })
}

fn succeed(command: &mut Command) {
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(
        output.status.success(),
        "{command:?}\n{}{}",
        text(&output.stdout),
        text(&output.stderr)
    );
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// A program in Python, with the packages of `tests/requirements.txt`.
pub fn python(file: &str) -> Vec<String> {
    let python = env::var("CONCORDAT_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    vec![
        python,
        clients().join("python").join(file).display().to_string(),
    ]
}

/// The program in TypeScript, type-checked and compiled into `folder`, and what it finds in its environment.
pub fn typescript(folder: &Path) -> Vec<String> {
    let place = folder.join("typescript");
    fs::create_dir(&place).expect("a folder");
    for file in ["integration.ts", "tsconfig.json"] {
        fs::copy(clients().join("node").join(file), place.join(file)).expect("copied");
    }
    fs::write(place.join("package.json"), "{}").expect("written");
    symlink(given("CONCORDAT_NODE_MODULES"), place.join("node_modules")).expect("a link");
    let compiler = place.join("node_modules/typescript/bin/tsc");
    succeed(
        Command::new("node")
            .arg(compiler)
            .args(["-p", "."])
            .current_dir(&place),
    );
    let program = place.join("integration.js").display().to_string();
    let (proto, details) = (root().join("proto"), clients());
    let proto = format!("CONCORDAT_PROTO={}", proto.display());
    let details = format!("CONCORDAT_DETAILS={}", details.display());
    words(&["env", &proto, &details, "node", &program])
}

/// The program in Java with its generated stubs, compiled into `folder`; nothing where there is no Java, which is said.
pub fn java(folder: &Path) -> Option<Vec<String>> {
    if let Ok(why) = env::var("CONCORDAT_WITHOUT_JAVA") {
        eprintln!("not run: {why}");
        return None;
    }
    let (stubs, classes) = (folder.join("stubs"), folder.join("classes"));
    for place in [&stubs, &classes] {
        fs::create_dir(place).expect("a folder");
    }
    let proto = root().join("proto");
    let files = fs::read_dir(proto.join("concordat/v1")).expect("the contract");
    let files = files.map(|file| file.expect("a file").path());
    succeed(
        Command::new(given("CONCORDAT_PROTOC"))
            .arg(format!(
                "--plugin=protoc-gen-grpc-java={}",
                given("CONCORDAT_GRPC_JAVA_PLUGIN")
            ))
            .arg("-I")
            .arg(&proto)
            .arg("-I")
            .arg(clients())
            .arg(format!("--java_out={}", stubs.display()))
            .arg(format!("--grpc-java_out={}", stubs.display()))
            .args(files)
            .arg(clients().join("google/rpc/details.proto")),
    );
    let libraries = given("CONCORDAT_JAVA_CLASSPATH");
    succeed(
        Command::new("javac")
            .args(["-nowarn", "-cp", &libraries, "-sourcepath"])
            .arg(&stubs)
            .arg("-d")
            .arg(&classes)
            .arg(clients().join("java/Integration.java")),
    );
    let path = format!("{}:{libraries}", classes.display());
    Some(words(&["java", "-cp", &path, "Integration"]))
}
