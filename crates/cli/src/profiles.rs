//! Profiles: which node is called, as whom, and how answers look, under a name. In one file of the person who calls; tokens are in files of
//! their own, which it only names.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use anyhow::{Context, anyhow};
use serde::{Deserialize, Serialize};

use crate::exit::Failure;
use crate::output::Output;
use crate::{nearest, secret_file, toml_file};

/// The profile of this process. Said once in `main`, as it decides how all else is printed and reached.
static CHOSEN: OnceLock<Chosen> = OnceLock::new();

#[derive(Debug)]
struct Chosen {
    profile: Profile,
    /// By `--profile` or the environment, and not because it is the one in use.
    is_named: bool,
}

/// One profile. What it does not say comes from elsewhere.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Profile {
    /// Address of the node.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) server: Option<String>,
    /// File with the token. Never the token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) token_file: Option<PathBuf>,
    /// How answers are printed unless `--output` says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) output: Option<Output>,
}

/// All profiles of one person.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Profiles {
    /// The one in use where none is named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) current: Option<String>,
    /// By name.
    #[serde(default)]
    pub(crate) profiles: BTreeMap<String, Profile>,
}

/// The profile of this process, if there is one. One that is merely in use steps back where a command names a configuration itself.
pub(crate) fn chosen(names_configuration: bool) -> Option<&'static Profile> {
    let chosen = CHOSEN.get()?;
    (chosen.is_named || !names_configuration).then_some(&chosen.profile)
}

/// Chooses the profile for the rest of the process: the one named, else the one in use.
///
/// # Errors
/// [`Failure::NotFound`] for a name that is not there, and what reading gives.
pub(crate) fn choose(name: Option<&str>) -> Result<Option<&'static Profile>, Failure> {
    let all = Profiles::read()?;
    let Some(wanted) = name.or(all.current.as_deref()) else {
        return Ok(None);
    };
    let profile = all.get(wanted)?.clone();
    let chosen = CHOSEN.get_or_init(|| Chosen {
        profile,
        is_named: name.is_some(),
    });
    Ok(Some(&chosen.profile))
}

impl Profiles {
    /// Where they are: `$XDG_CONFIG_HOME/concordat/profiles.toml`, or under `~/.config`.
    ///
    /// # Errors
    /// [`Failure::Usage`] if the environment says neither.
    pub(crate) fn path() -> Result<PathBuf, Failure> {
        let absolute = |name: &str| {
            let path = std::env::var_os(name).map(PathBuf::from);
            // Relative ones are to be ignored (XDG Base Directory Specification).
            path.filter(|path| path.is_absolute())
        };
        let home = || absolute("HOME").map(|home| home.join(".config"));
        let base = absolute("XDG_CONFIG_HOME").or_else(home).ok_or_else(|| {
            Failure::Usage("neither XDG_CONFIG_HOME nor HOME says where profiles are".to_owned())
        })?;
        Ok(base.join("concordat/profiles.toml"))
    }

    /// Reads them; none, if there is no file.
    ///
    /// # Errors
    /// [`Failure::Configuration`] with the place of a fault, [`Failure::Precondition`] if others may write the file: they could have calls
    /// sent elsewhere.
    pub(crate) fn read() -> Result<Self, Failure> {
        let Ok(path) = Self::path() else {
            return Ok(Self::default());
        };
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(Self::default());
            }
            Err(error) => {
                let context = format!("cannot read {}", path.display());
                return Err(anyhow!(error).context(context).into());
            }
        };
        require_not_writable_by_others(&path)?;
        toml_file::parse(&path, &text).map_err(|fault| Failure::Configuration(fault.to_string()))
    }

    /// Writes them as a whole or not at all, for their owner only.
    ///
    /// # Errors
    /// What the file system says.
    pub(crate) fn write(&self) -> Result<(), Failure> {
        let path = Self::path()?;
        let folder = path.parent().unwrap_or(Path::new("/"));
        if !folder.exists() {
            secret_file::make_directory(folder)?;
        }
        let text = toml::to_string(self).context("profiles cannot be written as TOML")?;
        let cannot = || format!("cannot write {}", path.display());
        // Made with mode 0600.
        let mut draft = tempfile::NamedTempFile::new_in(folder).with_context(cannot)?;
        draft.write_all(text.as_bytes()).with_context(cannot)?;
        draft.as_file().sync_all().with_context(cannot)?;
        draft.persist(&path).with_context(cannot)?;
        Ok(())
    }

    /// The profile of that name.
    ///
    /// # Errors
    /// [`Failure::NotFound`] with what may have been meant.
    pub(crate) fn get(&self, name: &str) -> Result<&Profile, Failure> {
        self.profiles.get(name).ok_or_else(|| {
            let near = nearest::hint(name, self.profiles.keys().map(String::as_str));
            Failure::NotFound(format!(
                "there is no profile `{name}`{near}; `concordat profile list` lists those that are there"
            ))
        })
    }
}

fn require_not_writable_by_others(path: &Path) -> Result<(), Failure> {
    let metadata = fs::metadata(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o022 == 0 {
        return Ok(());
    }
    Err(Failure::Precondition(format!(
        "{} has mode {mode:04o}: others than its owner may write it; look at what it says and give it mode 0600",
        path.display()
    )))
}
