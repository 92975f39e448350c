//! `toptalk config`, and reading the settings file for all commands that have settings.

use std::ffi::OsString;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::messages::tell;
use super::{AppError, output, xdg};
use crate::archive::regular;
use crate::cli::{self, CommandLine, Configure, SettingValue, ValueOrigin, WantedFile};
use crate::config::{self, Diagnostics, Form, MAX_FILE, SettingsFile, Verb};
use crate::text::{self, is_hidden};

/// The settings file of the system service.
const SYSTEM: &str = "/etc/toptalk/toptalk.toml";

/// Reads the settings file of a command, if there is one.
pub(super) fn read(wanted: &WantedFile) -> Result<Option<SettingsFile>, AppError> {
    match wanted {
        WantedFile::None => Ok(None),
        // An empty name means no file.
        WantedFile::This(path) if path.as_os_str().is_empty() => Ok(None),
        WantedFile::This(path) => load(path).map(Some),
        WantedFile::Usual => usual(usual_places(|name| std::env::var_os(name))),
    }
}

/// The first of these files that exists.
fn usual(places: Vec<PathBuf>) -> Result<Option<SettingsFile>, AppError> {
    for path in places {
        match load(&path) {
            Err(AppError::ReadConfig { source, .. }) if source.kind() == ErrorKind::NotFound => {}
            // It is not readable for this user, for example because only the service may.
            Err(AppError::ReadConfig { path, source })
                if source.kind() == ErrorKind::PermissionDenied =>
            {
                tell(format_args!("settings file not used: {}: {source}", path.display()));
            }
            result => return result.map(Some),
        }
    }
    Ok(None)
}

fn usual_places(variable: impl Fn(&str) -> Option<OsString>) -> Vec<PathBuf> {
    let user = xdg::config(variable).map(|folder| folder.join("toptalk.toml"));
    std::iter::once(PathBuf::from(SYSTEM)).chain(user).collect()
}

/// Reads a file and checks every value in it.
fn load(path: &Path) -> Result<SettingsFile, AppError> {
    let at = |source: io::Error| AppError::ReadConfig { path: path.to_owned(), source };
    let bytes = regular::read(path, MAX_FILE).map_err(at)?;
    let (file, mut mistakes) = config::read_what_can_be(path, &bytes)?;
    // All errors are reported together.
    mistakes.extend(cli::mistakes_in(&file));
    if mistakes.is_empty() { Ok(file) } else { Err(Diagnostics::new(path, mistakes).into()) }
}

pub(super) fn run(asked: Configure) -> Result<ExitCode, AppError> {
    let text = match asked {
        Configure::Check(path) => checked(path)?,
        Configure::Show(words) => shown(words)?,
    };
    // Values are already escaped, file names are not.
    let text = text::lines_replaced(&text, '\u{fffd}');
    output::print(text)?;
    Ok(ExitCode::SUCCESS)
}

/// The message about a file without errors.
fn checked(path: Option<PathBuf>) -> Result<String, AppError> {
    let given = || std::env::var_os("TOPTALK_CONFIG").map(PathBuf::from);
    let wanted = path.or_else(given).map_or(WantedFile::Usual, WantedFile::This);
    Ok(match read(&wanted)? {
        Some(file) => {
            cli::check_together(&file)
                .map_err(|why| AppError::Usage(format!("{}: {why}", file.path.display())))?;
            let count = file.entries.len();
            format!("{}: {count} settings, all valid\n", file.path.display())
        }
        None => {
            let places = usual_places(|name| std::env::var_os(name));
            let places: Vec<String> =
                places.iter().map(|place| place.display().to_string()).collect();
            format!("no settings file found: looked for {}\n", places.join(", "))
        }
    })
}

/// All settings, as a valid settings file.
fn shown(words: Vec<OsString>) -> Result<String, AppError> {
    let usage = |refusal: cli::UsageError| AppError::Usage(refusal.message());
    let line = |words: Vec<OsString>| {
        let words = std::iter::once("toptalk".into()).chain(words).collect();
        CommandLine::new(words, std::env::vars_os().collect())
    };
    let lines = if words.is_empty() {
        let of_verb = |verb: Verb| line(verb.word().map(OsString::from).into_iter().collect());
        Verb::ALL.map(of_verb).to_vec()
    } else {
        vec![line(words)]
    };
    let mut values: Vec<SettingValue> = Vec::new();
    let mut path = None;
    for line in lines {
        let file = read(&line.wanted().map_err(usage)?)?;
        let known = |value: &SettingValue| values.iter().any(|one| one.setting == value.setting);
        let more = line.settings(file.as_ref()).map_err(usage)?;
        let more: Vec<SettingValue> = more.into_iter().filter(|value| !known(value)).collect();
        values.extend(more);
        path = file.map(|file| file.path);
    }
    values.sort_by_key(|value| config::TABLE.iter().position(|one| one == value.setting));
    Ok(text(&values, path.as_deref()))
}

fn text(values: &[SettingValue], path: Option<&Path>) -> String {
    let path = path.map_or_else(|| "no file".to_owned(), |path| path.display().to_string());
    let mut text = String::new();
    let mut section = "";
    for value in values {
        let (own, key) = value.setting.parts();
        if own != section {
            let gap = if section.is_empty() { "" } else { "\n" };
            text.push_str(&format!("{gap}[{own}]\n"));
            section = own;
        }
        let from = match &value.origin {
            ValueOrigin::Default => "default".to_owned(),
            ValueOrigin::File(line) => format!("{path}:{line}"),
            ValueOrigin::Environment(name) | ValueOrigin::Flag(name) => name.clone(),
        };
        let written = match written(value) {
            Some(written) => format!("{key} = {written}"),
            None => format!("# {key} is not set"),
        };
        text.push_str(&format!("{written:<40} # {from}\n"));
    }
    text
}

/// A value as written in the file; `None` when it is not set.
fn written(value: &SettingValue) -> Option<String> {
    let words = &value.words;
    let list = |words: Vec<String>| format!("[{}]", words.join(", "));
    let given = || words.first().is_some_and(|word| word == "true");
    match value.setting.form {
        Form::Switch => Some(given().to_string()),
        Form::Unless => Some((!given()).to_string()),
        _ if words.is_empty() => None,
        Form::One => words.last().map(|word| quoted(word)),
        Form::Many => Some(list(words.iter().map(|word| quoted(word)).collect())),
        Form::Names => {
            let mut names: Vec<(&str, Vec<String>)> = Vec::new();
            for (network, name) in words.iter().filter_map(|word| word.split_once('=')) {
                match names.iter_mut().find(|(known, _)| *known == name) {
                    Some((_, networks)) => networks.push(quoted(network)),
                    None => names.push((name, vec![quoted(network)])),
                }
            }
            let names =
                names.into_iter().map(|(name, all)| format!("{} = {}", quoted(name), list(all)));
            Some(format!("{{ {} }}", names.collect::<Vec<_>>().join(", ")))
        }
        Form::Sources => {
            let source = |word: &String| {
                let mut parts = word.splitn(3, ',').map(quoted);
                let mut part = || parts.next().unwrap_or_default();
                format!("{{ ident = {}, address = {}, folder = {} }}", part(), part(), part())
            };
            Some(list(words.iter().map(source).collect()))
        }
    }
}

/// A text in double quotes as in TOML, or a number without quotes.
fn quoted(word: &str) -> String {
    if word.parse::<u32>().is_ok_and(|number| number.to_string() == word) {
        return word.to_owned();
    }
    let mut text = String::from("\"");
    for c in word.chars() {
        match c {
            '"' | '\\' => text.extend(['\\', c]),
            c if is_hidden(c) => text.push_str(&format!("\\U{:08X}", u32::from(c))),
            c => text.push(c),
        }
    }
    text.push('"');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(words: &str) -> CommandLine {
        let words = words.split_whitespace().map(OsString::from).collect();
        CommandLine::new(words, cli::Variables::default())
    }

    #[test]
    fn the_usual_places_are_those_of_the_system_and_of_the_user() {
        let places = |set: &[(&str, &str)]| {
            usual_places(|name| {
                set.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into())
            })
        };
        let all = [("XDG_CONFIG_HOME", "/x"), ("HOME", "/h")];
        assert_eq!(places(&all), [SYSTEM.into(), PathBuf::from("/x/toptalk/toptalk.toml")]);
        assert_eq!(places(&all[1..])[1], PathBuf::from("/h/.config/toptalk/toptalk.toml"));
        assert_eq!(places(&[("XDG_CONFIG_HOME", "rel")]).len(), 1);
    }

    #[test]
    fn the_first_file_there_is_is_taken_and_its_mistakes_are_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        assert!(usual(vec![path("none")]).unwrap().is_none());
        std::fs::write(path("a"), "[alerts]\nup = \"80M\"\n").unwrap();
        std::fs::write(path("b"), "[alerts]\nup = \"fast\"\n").unwrap();
        let file = usual(vec![path("none"), path("a"), path("b")]).unwrap().unwrap();
        assert_eq!(file.path, path("a"));
        let error = usual(vec![path("b"), path("a")]).unwrap_err().to_string();
        assert!(error.contains("b:2:6: alerts.up: expected"), "{error}");
        assert!(error.ends_with("  up = \"fast\"\n       ^^^^^^"), "{error}");
        std::fs::write(path("c"), vec![b'#'; MAX_FILE + 1]).unwrap();
        let error = load(&path("c")).unwrap_err().to_string();
        assert!(error.contains("at most 1048576 bytes"), "{error}");
    }

    #[test]
    fn mistakes_hide_no_others() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("toptalk.toml");
        let text = "[alerts]\nupp = 1\nup = \"fast\"\ndown = \"slow\"\n[lisen]\n[listen]\n\
                    ports = [70000, [1], \"x\", true]\n[groups]\nnames = { a = true, b = false }\n\
                    [record]\nslot = 7\nslot = 8\n[[record.sources]]\nident = 1\nfoo = 2\n";
        std::fs::write(&path, text).unwrap();
        let told = load(&path).unwrap_err().to_string();
        let told = |word: &str| told.matches(word).count();
        for (word, times) in [
            ("unknown key `alerts.upp`", 1),
            ("alerts.up: expected", 1),
            ("alerts.down: expected", 1),
            ("unknown section `lisen`", 1),
            ("listen.ports: expected", 2),
            ("groups.names: expected", 2),
            ("duplicate key", 1),
        ] {
            assert_eq!(told(word), times, "{word}: {}", load(&path).unwrap_err());
        }
    }

    #[test]
    fn a_file_whose_values_are_valid_only_one_by_one_is_not_right() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("toptalk.toml");
        let ports: Vec<String> = (1..=100).map(|port| port.to_string()).collect();
        std::fs::write(&path, format!("[listen]\nports = [{}]\n", ports.join(", "))).unwrap();
        assert!(load(&path).is_ok());
        let told = checked(Some(path)).unwrap_err().to_string();
        assert!(told.contains("toptalk.toml: at most") && told.ends_with("found 100"), "{told}");
    }

    #[test]
    fn what_is_shown_is_a_file_that_says_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("toptalk.toml");
        let said = "listen.ports = [2055, 4739]\nwindows.dedup = false\n\
                    [groups.names]\n\"a \\\"b\\\"\" = [\"10.1.0.0/16\", \"10.2.0.0/16\"]\n\
                    [record]\nfolder = \"/a\"\n\
                    sources = [{ ident = \"r1\", address = \"192.0.2.1\", folder = \"/b\" }]\n";
        std::fs::write(&path, said).unwrap();
        let file = load(&path).unwrap();
        let asked = line("toptalk collect -w -l /a -t 60 --local 10.0.0.0/8");
        let values = asked.settings(Some(&file)).unwrap();
        let shown = text(&values, Some(&path));
        for (key, from) in [
            ("ports = [2055, 4739]", format!("# {}:1", path.display())),
            ("dedup = false", format!("# {}:2", path.display())),
            ("slot = 60", "# --slot".to_owned()),
            ("folder = \"/a\"", "# -l".to_owned()),
            ("local = [\"10.0.0.0/8\"]", "# --local".to_owned()),
            ("# link is not set", "# default".to_owned()),
            ("remember = true", "# default".to_owned()),
        ] {
            let found = shown.lines().find(|line| line.starts_with(key));
            let found = found.unwrap_or_else(|| panic!("{key}: {shown}"));
            assert!(found.ends_with(&from), "{found}");
        }
        let again = config::read(&path, shown.as_bytes()).unwrap();
        cli::check_file(&again).unwrap();
        let words = |values: Vec<SettingValue>| values.into_iter().map(|value| value.words);
        let same = line("toptalk collect").settings(Some(&again)).unwrap();
        assert!(words(values).eq(words(same)), "{shown}");
    }
}
