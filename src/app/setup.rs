//! `toptalk setup`: generates systemd files, man pages and shell completions.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::{AppError, output};
use crate::cli::{self, Setup};
use crate::text;

/// A file of the systemd service.
#[derive(Debug)]
pub struct ServiceFile {
    /// The path at which an administrator installs it, without the first slash.
    pub place: &'static str,
    /// The path at which a package installs it, without the first slash.
    pub packaged: &'static str,
    /// What it is for.
    pub purpose: &'static str,
    /// Its contents.
    pub text: &'static str,
    /// Whether administrators edit it. An existing file is then kept.
    pub theirs: bool,
}

/// All files of the service, in the order in which they take effect.
pub const PIECES: [ServiceFile; 5] = [
    ServiceFile {
        place: "etc/sysusers.d/toptalk.conf",
        packaged: "usr/lib/sysusers.d/toptalk.conf",
        purpose: "the user and group of the service",
        text: include_str!("../../packaging/systemd/toptalk.sysusers"),
        theirs: false,
    },
    ServiceFile {
        place: "etc/tmpfiles.d/toptalk.conf",
        packaged: "usr/lib/tmpfiles.d/toptalk.conf",
        purpose: "its folders",
        text: include_str!("../../packaging/systemd/toptalk.tmpfiles"),
        theirs: false,
    },
    ServiceFile {
        place: "etc/sysctl.d/10-toptalk.conf",
        packaged: "usr/lib/sysctl.d/10-toptalk.conf",
        purpose: "the maximum size of receive buffers",
        text: include_str!("../../packaging/systemd/toptalk.sysctl"),
        theirs: false,
    },
    ServiceFile {
        place: "etc/toptalk/toptalk.toml",
        packaged: "etc/toptalk/toptalk.toml",
        purpose: "its settings",
        text: include_str!("../../packaging/toptalk.toml"),
        theirs: true,
    },
    ServiceFile {
        place: "etc/systemd/system/toptalk.service",
        packaged: "usr/lib/systemd/system/toptalk.service",
        purpose: "the service",
        text: include_str!("../../packaging/systemd/toptalk.service"),
        theirs: false,
    },
];

/// The commands that put the written files into effect.
pub const ENABLE: &[&str] = &[
    "systemd-sysusers",
    "systemd-tmpfiles --create",
    "sysctl --system",
    "systemctl daemon-reload",
    "systemctl enable --now toptalk",
];

pub(super) fn run(setup: &Setup) -> Result<ExitCode, AppError> {
    match setup {
        Setup::Systemd { write: None } => {
            output::print(pieces())?;
        }
        Setup::Systemd { write: Some(root) } => {
            for piece in &PIECES {
                let path = root.join(piece.place);
                if piece.theirs && path.exists() {
                    output::print(format!("{} (exists, not changed)\n", shown(&path)))?;
                } else {
                    write(&path, piece.text.as_bytes())?;
                }
            }
            output::print(format!("then, as root:\n{}", steps()))?;
        }
        Setup::Man { to } => {
            for (name, page) in cli::man_pages().map_err(AppError::Print)? {
                write(&to.join(name), &page)?;
            }
        }
        Setup::Completions { shell } => {
            output::print(cli::completions(*shell))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// All files with their headings, and the commands to run.
fn pieces() -> String {
    let mut text = String::new();
    for piece in &PIECES {
        text.push_str(&format!("### /{}: {}\n\n{}\n", piece.place, piece.purpose, piece.text));
    }
    let head = "### `toptalk setup systemd --write /` writes these files; then, as root:\n\n";
    format!("{text}{head}{}", steps())
}

fn steps() -> String {
    ENABLE.iter().map(|step| format!("#   {step}\n")).collect()
}

/// Writes a file and the folders above it, and prints its path.
fn write(path: &Path, text: &[u8]) -> Result<(), AppError> {
    let failed = |source| AppError::Save { path: PathBuf::from(path), source };
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(failed)?;
    }
    fs::write(path, text).map_err(failed)?;
    output::print(format!("{}\n", shown(path)))?;
    Ok(())
}

/// A path without control characters.
fn shown(path: &Path) -> String {
    text::replaced(&path.display().to_string(), '\u{fffd}')
}
