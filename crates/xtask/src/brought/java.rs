//! What the client in Java is made with: Debian's grpc-java, its code generator and their libraries, unpacked beside the other tools.
//!
//! No package is installed on the machine and no root is needed. Where there is no JDK, or no Debian to take packages from, that one client
//! is left out, and said so.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::{is_stamped, lock_tools, stamp};
use crate::command::{output_of, tools_dir};

/// Debian packages: the compiler with its plugin and the well-known types, and every library that a client needs to run.
const PACKAGES: [&str; 15] = [
    "libgeronimo-annotation-1.3-spec-java",
    "libgoogle-gson-java",
    "libgrpc-java",
    "libguava-java",
    "libjctools-java",
    "libjsr305-java",
    "libnetty-java",
    "libopencensus-java",
    "libperfmark-java",
    "libprotobuf-dev",
    "libprotobuf-java",
    "libprotobuf32",
    "libprotoc32",
    "protobuf-compiler",
    "protobuf-compiler-grpc-java-plugin",
];

/// What a client in Java is compiled and run with.
pub(crate) struct JavaTools {
    /// Every library, as `javac -cp` and `java -cp` take it.
    pub(crate) classpath: OsString,
    /// `protoc`, with its libraries at hand.
    pub(crate) protoc: PathBuf,
    /// `protoc-gen-grpc-java`, with its libraries at hand.
    pub(crate) plugin: PathBuf,
}

/// The tools, or why this machine cannot have them.
///
/// # Errors
/// A machine that could have them did not get them: no network, or a package that is gone.
pub(super) fn tools() -> Result<std::result::Result<JavaTools, String>> {
    let Ok(javac) = output_of(Command::new("javac").arg("--version")) else {
        return Ok(Err("there is no JDK (javac) on the PATH".to_owned()));
    };
    for program in ["apt-get", "dpkg-deb"] {
        if output_of(Command::new(program).arg("--version")).is_err() {
            return Ok(Err(format!(
                "grpc-java is taken from Debian's packages, and there is no {program} here"
            )));
        }
    }
    let _lock = lock_tools()?;
    let home = tools_dir().join("java");
    let wanted = format!("{javac}{}", PACKAGES.join("\n"));
    if !is_stamped(&home, &wanted) {
        bring(&home)?;
        stamp(&home, &wanted)?;
    }
    Ok(Ok(JavaTools {
        classpath: home.join("root/usr/share/java/*").into(),
        protoc: home.join("bin/protoc"),
        plugin: home.join("bin/grpc_java_plugin"),
    }))
}

fn bring(home: &Path) -> Result<()> {
    eprintln!("bringing Debian's grpc-java into target/tools/java (once)");
    if home.exists() {
        fs::remove_dir_all(home).with_context(|| format!("cannot empty {}", home.display()))?;
    }
    for folder in [
        "lists/partial",
        "cache/archives/partial",
        "packages",
        "root",
        "bin",
    ] {
        let folder = home.join(folder);
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    // Lists of its own: the machine's may be missing, and only root may fetch those.
    let apt = || {
        let mut apt = Command::new("apt-get");
        apt.current_dir(home.join("packages"))
            .args(["--quiet", "--option"])
            .arg(format!(
                "Dir::State::lists={}",
                home.join("lists").display()
            ))
            .arg("--option")
            .arg(format!("Dir::Cache={}", home.join("cache").display()));
        apt
    };
    let advice =
        "they need a network connection to Debian's package index (or a configured mirror)";
    output_of(apt().arg("update"))
        .with_context(|| format!("cannot fetch the lists of Debian's packages: {advice}"))?;
    output_of(apt().arg("download").args(PACKAGES))
        .with_context(|| format!("cannot download grpc-java from Debian's packages: {advice}"))?;
    for package in
        fs::read_dir(home.join("packages")).context("cannot read the downloaded packages")?
    {
        let package = package
            .context("cannot read the downloaded packages")?
            .path();
        output_of(
            Command::new("dpkg-deb")
                .arg("--extract")
                .arg(package)
                .arg(home.join("root")),
        )?;
    }
    for folder in ["lists", "cache", "packages"] {
        fs::remove_dir_all(home.join(folder)).context("cannot remove what was downloaded")?;
    }
    let libraries = libraries(&home.join("root/usr/lib"))?;
    // The well-known types, which it would look for beside the system's own compiler.
    let include = format!("'-I{}'", home.join("root/usr/include").display());
    wrap(home, "protoc", &libraries, &include)?;
    wrap(home, "grpc_java_plugin", &libraries, "")?;
    Ok(())
}

/// Debian keeps libraries in a folder named after the processor, such as `x86_64-linux-gnu`.
fn libraries(lib: &Path) -> Result<PathBuf> {
    let mut folders = fs::read_dir(lib).context("the packages hold no libraries")?;
    folders
        .find_map(|folder| {
            let path = folder.ok()?.path();
            path.to_str()?.ends_with("-linux-gnu").then_some(path)
        })
        .context("the packages hold no libraries for this machine")
}

/// A program that finds its libraries, which are not where the system looks.
fn wrap(home: &Path, program: &str, libraries: &Path, arguments: &str) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let script = home.join("bin").join(program);
    let text = format!(
        "#!/bin/sh\nLD_LIBRARY_PATH='{}' exec '{}' {arguments} \"$@\"\n",
        libraries.display(),
        home.join("root/usr/bin").join(program).display()
    );
    fs::write(&script, text).with_context(|| format!("cannot write {}", script.display()))?;
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755))
        .with_context(|| format!("cannot make {} executable", script.display()))
}
