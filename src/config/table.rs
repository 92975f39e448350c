//! The settings that a file may have, each once.

/// A command that takes settings from the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    Live,
    Demo,
    Top,
    Collect,
}

impl Verb {
    /// All of them; `collect` first, which has the most settings.
    pub const ALL: [Verb; 4] = [Verb::Collect, Verb::Live, Verb::Top, Verb::Demo];

    /// Its word on the command line; the live screen has none.
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
    /// True gives the flag.
    Switch,
    /// False gives the flag.
    Unless,
    /// A table: each key is a name, with the network or the networks that go by it.
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

/// A setting of the file.
#[derive(Debug, PartialEq, Eq)]
pub struct Setting {
    /// Section and key.
    pub key: &'static str,
    /// The flag it stands for, without the dashes.
    pub flag: &'static str,
    pub form: Form,
    /// Who takes it from the file. Whoever else has the flag has it from the
    /// command line only.
    pub verbs: &'static [Verb],
    /// Whether `collect` takes a new value while it runs.
    pub reload: bool,
}

use Form::{Many, Names, One, Sources, Switch, Unless};
use Verb::{Collect, Demo, Live, Top};

/// All who receive datagrams of others.
const COLLECTING: &[Verb] = &[Collect, Live, Top];
const WARNING: &[Verb] = &[Collect, Live];
/// Those who ask a collector where one runs.
const WATCHING: &[Verb] = &[Live, Top];
const SCREEN: &[Verb] = &[Live, Demo];
/// The archive belongs to the service: a screen beside it must not record into the
/// same folder.
const SERVICE: &[Verb] = &[Collect];

const fn fixed(
    key: &'static str,
    flag: &'static str,
    form: Form,
    verbs: &'static [Verb],
) -> Setting {
    Setting { key, flag, form, verbs, reload: false }
}

const fn live(
    key: &'static str,
    flag: &'static str,
    form: Form,
    verbs: &'static [Verb],
) -> Setting {
    Setting { key, flag, form, verbs, reload: true }
}

/// The settings in the order of the documentation. Of several that stand for one
/// flag, later ones come later among its words.
pub const TABLE: &[Setting] = &[
    fixed("listen.ports", "port", Many, COLLECTING),
    fixed("listen.bind", "bind", One, COLLECTING),
    fixed("listen.buffer", "buffer", One, SERVICE),
    fixed("listen.workers", "workers", One, COLLECTING),
    fixed("memory.size", "memory", One, COLLECTING),
    live("exporters.allow", "allow", Many, COLLECTING),
    live("exporters.sampling", "sampling", Many, COLLECTING),
    live("exporters.assume-sampling", "assume-sampling", One, SERVICE),
    fixed("exporters.state", "state", One, COLLECTING),
    fixed("exporters.remember", "no-state", Unless, COLLECTING),
    live("windows.local", "local", Many, COLLECTING),
    live("windows.lag", "lag", One, COLLECTING),
    fixed("windows.max-hosts", "max-hosts", One, COLLECTING),
    fixed("windows.max-conversations", "max-conversations", One, COLLECTING),
    fixed("windows.dedup", "no-dedup", Unless, COLLECTING),
    live("groups.files", "group", Many, COLLECTING),
    live("groups.names", "group", Names, COLLECTING),
    live("alerts.up", "alert-up", One, WARNING),
    live("alerts.down", "alert-down", One, WARNING),
    live("alerts.link", "link", One, WARNING),
    fixed("screen.window", "window", One, SCREEN),
    fixed("screen.ascii", "ascii", Switch, SCREEN),
    fixed("screen.snapshots", "snapshots", One, SCREEN),
    fixed("record.folder", "record", One, SERVICE),
    fixed("record.each", "record-each", One, SERVICE),
    fixed("record.ident", "ident", One, SERVICE),
    fixed("record.sources", "source", Sources, SERVICE),
    fixed("record.slot", "slot", One, SERVICE),
    fixed("record.hierarchy", "hierarchy", One, SERVICE),
    fixed("record.sync", "sync", One, SERVICE),
    fixed("record.expire-age", "expire-age", One, SERVICE),
    fixed("record.expire-size", "expire-size", One, SERVICE),
    fixed("hook.command", "hook", One, SERVICE),
    fixed("hook.limit", "hook-limit", One, SERVICE),
    fixed("repeat.to", "repeat", Many, SERVICE),
    fixed("attach.socket", "socket", One, COLLECTING),
    fixed("attach.serve", "no-serve", Unless, SERVICE),
    fixed("attach.look", "no-attach", Unless, WATCHING),
    fixed("log.level", "log-level", One, SERVICE),
    fixed("metrics.listen", "metrics", One, SERVICE),
];

impl Setting {
    /// The setting of this key.
    #[must_use]
    pub fn named(key: &str) -> Option<&'static Setting> {
        TABLE.iter().find(|setting| setting.key == key)
    }

    /// Its section, and its key in it.
    #[must_use]
    pub fn parts(&self) -> (&'static str, &'static str) {
        self.key.split_once('.').unwrap_or(("", self.key))
    }
}
