//! The user's own folders, by the XDG Base Directory Specification 0.8: a variable that
//! is empty or relative counts as unset, and so does `HOME`.

use std::ffi::OsString;
use std::path::PathBuf;

/// The name of the program's folder below each of these.
const OWN: &str = "toptalk";

/// The folder of settings: `$XDG_CONFIG_HOME/toptalk`, otherwise `~/.config/toptalk`.
pub(super) fn config(variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    own(&variable, "XDG_CONFIG_HOME", ".config")
}

/// The folder of recordings and saved snapshots: `$XDG_DATA_HOME/toptalk`, otherwise
/// `~/.local/share/toptalk`.
pub(super) fn data(variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    own(&variable, "XDG_DATA_HOME", ".local/share")
}

/// The folder of the state of exporters: `$XDG_STATE_HOME/toptalk`, otherwise
/// `~/.local/state/toptalk`.
pub(super) fn state(variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    own(&variable, "XDG_STATE_HOME", ".local/state")
}

/// The folder of sockets: `$XDG_RUNTIME_DIR`. There is no default for it.
pub(super) fn runtime(variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    absolute(&variable, "XDG_RUNTIME_DIR")
}

fn own(
    variable: &impl Fn(&str) -> Option<OsString>,
    name: &str,
    below_home: &str,
) -> Option<PathBuf> {
    let base = absolute(variable, name)
        .or_else(|| absolute(variable, "HOME").map(|home| home.join(below_home)));
    base.map(|base| base.join(OWN))
}

fn absolute(variable: &impl Fn(&str) -> Option<OsString>, name: &str) -> Option<PathBuf> {
    variable(name).map(PathBuf::from).filter(|path| path.is_absolute())
}

#[cfg(test)]
mod tests {
    use super::*;

    type Found = [Option<PathBuf>; 4];

    fn all(set: &[(&str, &str)]) -> Found {
        let variable = |name: &str| {
            set.iter().find(|(known, _)| *known == name).map(|(_, value)| OsString::from(value))
        };
        [config(variable), data(variable), state(variable), runtime(variable)]
    }

    fn paths(paths: [&str; 4]) -> Found {
        paths.map(|path| (!path.is_empty()).then(|| path.into()))
    }

    fn variables(value: &'static str) -> Vec<(&'static str, &'static str)> {
        ["XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_RUNTIME_DIR"]
            .map(|name| (name, value))
            .to_vec()
    }

    #[test]
    fn each_kind_has_its_variable_and_its_place_below_the_home() {
        let below_home =
            paths(["/h/.config/toptalk", "/h/.local/share/toptalk", "/h/.local/state/toptalk", ""]);
        assert_eq!(all(&[("HOME", "/h")]), below_home);
        let set = [variables("/x"), vec![("HOME", "/h")]].concat();
        assert_eq!(all(&set), paths(["/x/toptalk", "/x/toptalk", "/x/toptalk", "/x"]));
        assert_eq!(all(&[]), paths([""; 4]));
    }

    #[test]
    fn empty_and_relative_values_count_as_unset() {
        for value in ["", "relative", "./x", "~/x"] {
            let set = [variables(value), vec![("HOME", "/h")]].concat();
            assert_eq!(all(&set), all(&[("HOME", "/h")]), "{value:?}");
            let set = [variables(value), vec![("HOME", value)]].concat();
            assert_eq!(all(&set), paths([""; 4]), "{value:?}");
        }
    }
}
