//! The table of all settings: which key of `toptalk.toml` corresponds to which flag.
//!
//! To add a setting: declare the flag in `cli` (its doc comment is the help text and the
//! documentation), add its line here, pass its value on, and write docs/CONFIG.md with
//! `UPDATE_DOCS=1 cargo test --test it docs::config`. The environment variable, the checks of the file,
//! `config show`, man pages and completions follow.

/// A command that reads settings from the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// The live screen, `toptalk` without a command.
    Live,
    /// `toptalk demo`.
    Demo,
    /// `toptalk top`.
    Top,
    /// `toptalk collect`.
    Collect,
}

impl Verb {
    /// All of them; `collect` first, which has the most settings.
    pub const ALL: [Verb; 4] = [Verb::Collect, Verb::Live, Verb::Top, Verb::Demo];

    /// The word on the command line that selects it; the live screen has none.
    #[must_use]
    pub fn word(self) -> Option<&'static str> {
        match self {
            Verb::Live => None,
            Verb::Demo => Some("demo"),
            Verb::Top => Some("top"),
            Verb::Collect => Some("collect"),
        }
    }
}

/// How a value is written in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A text or a number.
    One,
    /// A list of texts and numbers, or a single one.
    Many,
    /// `true` has the effect of the flag.
    Switch,
    /// `false` has the effect of the flag, which is named `--no-…`.
    Unless,
    /// A table: each key is a name, its value the network or the list of networks with
    /// that name.
    Names,
    /// A list of tables with `ident`, `address` and `folder`.
    Sources,
}

impl Form {
    /// What is expected, for messages and for the documentation.
    #[must_use]
    pub fn expected(self) -> &'static str {
        match self {
            Form::One => "a text or a number",
            Form::Many => "a list of texts or numbers",
            Form::Switch | Form::Unless => "true or false",
            Form::Names => "a table of names, each with a network or a list of networks",
            Form::Sources => "a list of tables with the texts ident, address and folder",
        }
    }
}

/// A setting: a flag of the command line that also has an environment variable and a
/// key in `toptalk.toml`. The help text, the type, the default and the checks of its
/// value are declared with the flag, in `cli`; [`TABLE`] adds what only the file needs.
#[derive(Debug, PartialEq, Eq)]
pub struct Setting {
    /// Section and key, as in `listen.ports`.
    pub key: &'static str,
    /// The flag of the same meaning, without the dashes.
    pub flag: &'static str,
    /// How the value is written in the file.
    pub form: Form,
    /// Whether `collect` applies a new value on SIGHUP, without a restart.
    pub reload: bool,
}

use Form::{Many, Names, One, Sources, Switch, Unless};

/// The commands that receive datagrams.
const COLLECTING: &[Verb] = &[Verb::Collect, Verb::Live, Verb::Top];
/// The commands that draw a screen.
const SCREEN: &[Verb] = &[Verb::Live, Verb::Demo];
/// The service alone. A screen on the same machine must not record into the archive of
/// the service, or run its hook.
const SERVICE: &[Verb] = &[Verb::Collect];

/// The sections of the file, with the commands that read them. A command that has a flag
/// but does not read its section takes the flag from the command line and the
/// environment only.
const SECTIONS: &[(&str, &[Verb])] = &[
    ("listen", COLLECTING),
    ("memory", COLLECTING),
    ("exporters", COLLECTING),
    ("windows", COLLECTING),
    ("groups", COLLECTING),
    ("alerts", COLLECTING),
    ("screen", SCREEN),
    ("record", SERVICE),
    ("hook", SERVICE),
    ("repeat", SERVICE),
    ("attach", COLLECTING),
    ("log", SERVICE),
    ("metrics", SERVICE),
];

/// Environment variables whose name is not made from the flag: (flag, variable).
const VARIABLES: &[(&str, &str)] = &[("log-level", "TOPTALK_LOG")];

/// A setting that needs a restart.
const fn restart(key: &'static str, flag: &'static str, form: Form) -> Setting {
    Setting { key, flag, form, reload: false }
}

/// A setting that `collect` applies on SIGHUP.
const fn reload(key: &'static str, flag: &'static str, form: Form) -> Setting {
    Setting { key, flag, form, reload: true }
}

/// All settings, in the order of the documentation. Two settings may have the same flag:
/// the values of the later one are then appended to those of the earlier one.
pub const TABLE: &[Setting] = &[
    restart("listen.ports", "port", Many),
    restart("listen.bind", "bind", One),
    restart("listen.buffer", "buffer", One),
    restart("listen.workers", "workers", One),
    restart("memory.size", "memory", One),
    reload("exporters.allow", "allow", Many),
    reload("exporters.sampling", "sampling", Many),
    reload("exporters.assume-sampling", "assume-sampling", One),
    restart("exporters.state", "state", One),
    restart("exporters.remember", "no-state", Unless),
    reload("windows.local", "local", Many),
    reload("windows.lag", "lag", One),
    restart("windows.max-hosts", "max-hosts", One),
    restart("windows.max-conversations", "max-conversations", One),
    restart("windows.dedup", "no-dedup", Unless),
    restart("windows.count-once", "count-once", Switch),
    reload("groups.files", "group", Many),
    reload("groups.names", "group", Names),
    reload("alerts.up", "alert-up", One),
    reload("alerts.down", "alert-down", One),
    reload("alerts.link", "link", One),
    restart("screen.window", "window", One),
    restart("screen.ascii", "ascii", Switch),
    restart("screen.snapshots", "snapshots", One),
    restart("record.folder", "record", One),
    restart("record.each", "record-each", One),
    restart("record.ident", "ident", One),
    restart("record.sources", "source", Sources),
    restart("record.slot", "slot", One),
    restart("record.hierarchy", "hierarchy", One),
    restart("record.sync", "sync", One),
    restart("record.expire-age", "expire-age", One),
    restart("record.expire-size", "expire-size", One),
    restart("hook.command", "hook", One),
    restart("hook.limit", "hook-limit", One),
    restart("repeat.to", "repeat", Many),
    restart("attach.socket", "socket", One),
    restart("attach.serve", "no-serve", Unless),
    restart("attach.look", "no-attach", Unless),
    restart("log.level", "log-level", One),
    restart("metrics.listen", "metrics", One),
];

impl Setting {
    /// The setting of this key, such as `listen.ports`.
    #[must_use]
    pub fn named(key: &str) -> Option<&'static Setting> {
        TABLE.iter().find(|setting| setting.key == key)
    }

    /// Its section, and its key within the section.
    #[must_use]
    pub fn parts(&self) -> (&'static str, &'static str) {
        self.key.split_once('.').unwrap_or(("", self.key))
    }

    /// The commands that read the setting from the file, as far as they have its flag.
    #[must_use]
    pub fn verbs(&self) -> &'static [Verb] {
        let (own, _) = self.parts();
        SECTIONS.iter().find(|(section, _)| *section == own).map_or(&[], |(_, verbs)| verbs)
    }

    /// The environment variable of the flag: `TOPTALK_` and the flag in capitals, with
    /// underscores for dashes. A list of tables has none: its texts may contain the
    /// commas that separate the values of a variable.
    #[must_use]
    pub fn variable(&self) -> Option<String> {
        if self.form == Form::Sources {
            return None;
        }
        let named = VARIABLES.iter().find(|(flag, _)| *flag == self.flag);
        let usual = || format!("TOPTALK_{}", self.flag.to_ascii_uppercase().replace('-', "_"));
        Some(named.map_or_else(usual, |(_, name)| (*name).to_owned()))
    }
}
