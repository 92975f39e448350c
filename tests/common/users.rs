//! Runs commands as a user without privileges.

use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::process::toptalk;

/// Sets the mode of a file or a folder.
pub fn mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

/// Whether the tests run as root.
pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// A user without privileges: `nobody` if the tests run as root, otherwise the user of the
/// tests.
pub struct Nobody {
    /// A copy of the program, because other users may not be able to read the build folder.
    place: TempDir,
}

impl Nobody {
    const ID: u32 = 65_534;

    /// `None`, with a message, if no program can be run as another user.
    pub fn new(test: &str) -> Option<Nobody> {
        let nobody = Nobody { place: tempfile::tempdir().unwrap() };
        mode(nobody.place.path(), 0o755);
        // Another process makes the copy. If this one did, a process that another test
        // starts meanwhile could
        // inherit the open file, and a file that is open for writing cannot be run.
        let mut copy = Command::new("cp");
        copy.arg(env!("CARGO_BIN_EXE_toptalk")).arg(nobody.program());
        assert!(copy.status().unwrap().success());
        let ran = nobody.runs(toptalk().arg("--version")).output();
        if ran.is_ok_and(|output| output.status.success()) {
            return Some(nobody);
        }
        super::skip(test, "the program cannot be run by a user who is not root");
        None
    }

    fn program(&self) -> PathBuf {
        self.place.path().join("toptalk")
    }

    /// The same toptalk command, as this user.
    pub fn runs(&self, command: &Command) -> Command {
        let mut own = Command::new(self.program());
        own.args(command.get_args());
        own.current_dir(command.get_current_dir().unwrap_or(self.place.path()));
        copy_environment(command, &mut own);
        if is_root() {
            own.uid(Self::ID).gid(Self::ID);
        }
        own
    }
}

/// Copies the environment changes of one command to another.
pub fn copy_environment(from: &Command, to: &mut Command) {
    for (name, value) in from.get_envs() {
        match value {
            Some(value) => to.env(name, value),
            None => to.env_remove(name),
        };
    }
}
