//! The folder for the state of exporters.

use std::ffi::OsString;
use std::path::PathBuf;

use super::xdg;
use crate::cli::StateFolder;

/// The folder: the configured one, otherwise that of the service manager, otherwise that of
/// the user; none if there is no home.
pub(super) fn folder(
    state: StateFolder,
    variable: impl Fn(&str) -> Option<OsString>,
) -> Option<PathBuf> {
    match state {
        StateFolder::Nowhere => None,
        StateFolder::Folder(folder) => Some(folder),
        StateFolder::Usual => service(variable("STATE_DIRECTORY")).or_else(|| xdg::state(variable)),
    }
}

/// The first folder of `STATE_DIRECTORY`, which systemd separates by colons.
fn service(folders: Option<OsString>) -> Option<PathBuf> {
    std::env::split_paths(&folders?).find(|folder| folder.is_absolute())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usual(variables: &[(&str, &str)]) -> Option<PathBuf> {
        folder(StateFolder::Usual, |name| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into())
        })
    }

    #[test]
    fn the_service_goes_before_the_user_and_without_a_home_there_is_none() {
        let all = [("STATE_DIRECTORY", "/a:/b"), ("XDG_STATE_HOME", "/x"), ("HOME", "/h")];
        assert_eq!(usual(&all), Some("/a".into()));
        assert_eq!(usual(&all[1..]), Some("/x/toptalk".into()));
        assert_eq!(usual(&all[2..]), Some("/h/.local/state/toptalk".into()));
        assert_eq!(usual(&[("XDG_STATE_HOME", "rel"), ("HOME", "")]), None);
        assert_eq!(folder(StateFolder::Nowhere, |_| Some("/x".into())), None);
        assert_eq!(folder(StateFolder::Folder("y".into()), |_| None), Some("y".into()));
    }
}
