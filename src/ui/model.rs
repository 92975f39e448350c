//! What the screens know: settings, the stack of screens, and what the keys
//! mean at the moment.

use std::sync::Arc;

use jiff::tz::TimeZone;

use crate::flow::{Host, NetworkGroups, Time};
use crate::snapshot::{
    Alarm, ConversationRow, GroupKey, Grouping, Health, Reach, RowOrder, Snapshot, Subject, View,
    Window,
};
use crate::units::Unit;

use super::action::Context;
use super::edit::{FilterLine, TypedFilter};
use super::exporters::{ExporterScreen, ExportersScreen};
use super::frozen::FrozenAnswers;
use super::list::ScreenList;
use super::theme::Theme;

/// Rows asked for per table: more than any screen shows at once.
pub const ROWS_ASKED: usize = 200;

/// Rows asked for when a snapshot is saved.
pub const ROWS_SAVED: usize = 1_000_000;

/// How long the path of a saved snapshot is shown.
pub const SAVED_SHOWN_MS: i64 = 10_000;

/// What the screens start with.
#[derive(Clone, Debug)]
pub struct UiConfig {
    pub theme: Theme,
    pub unit: Unit,
    pub window: Window,
    /// The zone of the times shown.
    pub zone: TimeZone,
    /// The networks that have names.
    pub groups: Arc<NetworkGroups>,
    /// A remark from the start, such as a locale that is not UTF-8.
    pub note: Option<String>,
}

impl Default for UiConfig {
    fn default() -> UiConfig {
        UiConfig {
            theme: Theme::default(),
            unit: Unit::default(),
            window: Window::default(),
            zone: TimeZone::UTC,
            groups: Arc::default(),
            note: None,
        }
    }
}

/// One of the two tables of the main screen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pane {
    #[default]
    Up,
    Down,
}

impl Pane {
    pub(super) fn other(self) -> Pane {
        match self {
            Pane::Up => Pane::Down,
            Pane::Down => Pane::Up,
        }
    }
}

/// A list of ports, protocols, networks, interfaces or groups.
#[derive(Clone, Debug, Default)]
pub struct GroupsScreen {
    pub grouping: Grouping,
    pub list: ScreenList<GroupKey>,
    pub order: RowOrder,
}

/// Where the hosts of one row come from.
#[derive(Clone, Debug, Default)]
pub struct GroupOrigin {
    /// What the row is called.
    pub label: String,
    /// The filter of the list, to go back to.
    pub former: TypedFilter,
}

/// The main screen.
#[derive(Clone, Debug, Default)]
pub struct MainScreen {
    pub up: ScreenList<Host>,
    pub down: ScreenList<Host>,
    pub focus: Pane,
    pub order: RowOrder,
    /// The row of another list whose hosts these are.
    pub origin: Option<Box<GroupOrigin>>,
}

impl MainScreen {
    pub fn list(&self, pane: Pane) -> &ScreenList<Host> {
        match pane {
            Pane::Up => &self.up,
            Pane::Down => &self.down,
        }
    }

    pub fn focused(&mut self) -> &mut ScreenList<Host> {
        match self.focus {
            Pane::Up => &mut self.up,
            Pane::Down => &mut self.down,
        }
    }
}

/// What tells one conversation of a host from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ConversationId {
    pub peer: Host,
    pub proto: u8,
    pub port: u16,
    pub reach: Reach,
}

impl From<&ConversationRow> for ConversationId {
    fn from(row: &ConversationRow) -> ConversationId {
        let ConversationRow { peer, proto, port, reach, .. } = *row;
        ConversationId { peer, proto, port, reach }
    }
}

/// One host and its conversations.
#[derive(Clone, Debug, Default)]
pub struct DrillScreen {
    pub host: Host,
    pub list: ScreenList<ConversationId>,
    pub order: RowOrder,
}

/// The help.
#[derive(Clone, Copy, Debug)]
pub struct HelpScreen {
    /// The screen it was called from.
    pub about: Context,
    /// Lines scrolled down.
    pub top: usize,
}

/// A screen with its own state.
#[derive(Clone, Debug)]
pub enum Screen {
    Main(MainScreen),
    Groups(GroupsScreen),
    Drill(DrillScreen),
    Exporters(ExportersScreen),
    Exporter(ExporterScreen),
    Help(HelpScreen),
}

impl Default for Screen {
    fn default() -> Screen {
        Screen::Main(MainScreen::default())
    }
}

impl Screen {
    /// What it asks for, and in which order; `None` where the screen below is
    /// the one with a question.
    fn question(&self) -> Option<(Subject, RowOrder)> {
        match self {
            Screen::Main(main) => Some((Subject::Talkers, main.order)),
            Screen::Groups(screen) => Some((Subject::Groups(screen.grouping), screen.order)),
            Screen::Drill(drill) => Some((Subject::Host(drill.host), drill.order)),
            Screen::Exporters(_) | Screen::Exporter(_) | Screen::Help(_) => None,
        }
    }

    /// Whether it has a question of its own.
    pub fn asks(&self) -> bool {
        self.question().is_some()
    }

    /// Has the pages of its lists begin as far up as they can.
    pub fn turn(&mut self) {
        match self {
            Screen::Main(main) => {
                main.up.turn();
                main.down.turn();
            }
            Screen::Groups(screen) => screen.list.turn(),
            Screen::Drill(drill) => drill.list.turn(),
            Screen::Exporters(screen) => screen.list.turn(),
            Screen::Exporter(_) | Screen::Help(_) => {}
        }
    }
}

/// The screen that is shown and those that Esc goes back to; never empty.
#[derive(Clone, Debug, Default)]
pub struct Screens {
    pub top: Screen,
    under: Vec<Screen>,
}

impl Screens {
    /// Opens a screen over the one shown.
    pub fn open(&mut self, screen: Screen) {
        self.under.push(std::mem::replace(&mut self.top, screen));
    }

    /// Leaves the screen shown and returns it; `None` at the bottom.
    pub fn close(&mut self) -> Option<Screen> {
        self.under.pop().map(|screen| std::mem::replace(&mut self.top, screen))
    }

    /// How many screens there are over each other.
    pub fn depth(&self) -> usize {
        self.under.len() + 1
    }

    /// From the one shown to the lowest.
    pub fn downward(&self) -> impl Iterator<Item = &Screen> {
        std::iter::once(&self.top).chain(self.under.iter().rev())
    }

    /// The same, to change them.
    pub fn downward_mut(&mut self) -> impl Iterator<Item = &mut Screen> {
        std::iter::once(&mut self.top).chain(self.under.iter_mut().rev())
    }
}

/// What keys mean just now.
#[derive(Clone, Debug, Default)]
pub enum Mode {
    /// They move and switch.
    #[default]
    Browse,
    /// They go into the filter line.
    Line(Box<FilterLine>),
    /// A second `q` quits.
    AskQuit,
}

/// How the last saved snapshot fared.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum SaveResult {
    #[default]
    Nothing,
    Pending,
    /// The path of the file.
    Done(String),
    Failed(String),
}

/// The state of the screens.
#[derive(Clone, Debug, Default)]
pub struct Model {
    pub(super) options: UiConfig,
    pub(super) screens: Screens,
    pub(super) mode: Mode,
    pub(super) filter: TypedFilter,
    /// Former filters, oldest first.
    pub(super) history: Vec<String>,
    /// The end of the window that is frozen on the screen.
    pub(super) frozen: Option<Time>,
    /// What is shown while frozen.
    pub(super) kept: FrozenAnswers,
    /// Why the last key did nothing, until the next one.
    pub(super) notice: Option<String>,
    pub(super) saved: SaveResult,
    /// When it fared so, by the snapshot shown then.
    pub(super) saved_at: Time,
    /// Whether what the snapshots came from has ended.
    pub(super) stopped: bool,
    /// Why the collector in another process says nothing, and since when.
    pub(super) gone: Option<Alarm>,
    /// Columns and rows of the terminal.
    pub(super) size: (u16, u16),
}

impl Model {
    /// The main screen, live.
    #[must_use]
    pub fn new(options: UiConfig) -> Model {
        Model { options, size: (80, 24), ..Model::default() }
    }

    /// Columns and rows of the terminal, as far as known.
    #[must_use]
    pub fn size(&self) -> (u16, u16) {
        self.size
    }

    /// Where keys are to be looked up.
    #[must_use]
    pub fn context(&self) -> Context {
        match (&self.mode, &self.screens.top) {
            (Mode::Line(_), _) => Context::Filter,
            (_, Screen::Main(_)) => Context::Main,
            (_, Screen::Groups(_)) => Context::Groups,
            (_, Screen::Drill(_)) => Context::Drill,
            (_, Screen::Exporters(_)) => Context::Exporters,
            (_, Screen::Exporter(_)) => Context::Exporter,
            (_, Screen::Help(_)) => Context::Help,
        }
    }

    /// The question that the screen wants answered.
    #[must_use]
    pub fn view(&self) -> View {
        let (subject, order) =
            self.screens.downward().find_map(Screen::question).unwrap_or_default();
        View {
            at: self.frozen,
            window: self.options.window,
            filter: self.filter.filter.clone(),
            subject,
            order,
            limit: ROWS_ASKED,
        }
    }

    /// Takes from an answer what holds whatever is shown, as on a frozen screen:
    /// whether the collector is there. Says whether that is new.
    pub fn remember_snapshot(&mut self, snapshot: &Snapshot) -> bool {
        let is_new = self.gone != snapshot.health.gone;
        if is_new {
            self.gone.clone_from(&snapshot.health.gone);
        }
        is_new
    }

    /// Whether an answer is one to show: it is about what is on the screen and,
    /// while that is frozen, the first answer to just this question.
    #[must_use]
    pub fn accepts(&self, snapshot: &Snapshot) -> bool {
        let view = self.view();
        if self.frozen.is_some() {
            return snapshot.view == view && self.kept.get(&view).is_none();
        }
        snapshot.view.at.is_none() && snapshot.view.subject == view.subject
    }

    /// Whether the hosts shown are those of a row of another list.
    pub(super) fn is_narrowed(&self) -> bool {
        matches!(&self.screens.top, Screen::Main(MainScreen { origin: Some(_), .. }))
    }

    /// The key of the selected row as text: an address, and for a conversation
    /// also protocol and port; for a group its label without what exporters say.
    #[must_use]
    pub fn selected(&self) -> Option<String> {
        match &self.screens.top {
            Screen::Main(main) => main.list(main.focus).selected().map(|host| host.to_string()),
            Screen::Groups(screen) => {
                screen.list.selected().map(|key| key.label(&Health::default()))
            }
            Screen::Drill(drill) => {
                drill.list.selected().map(|key| format!("{} {} {}", key.peer, key.proto, key.port))
            }
            Screen::Exporters(ExportersScreen { list, collecting: None, .. }) => {
                list.selected().map(|host| host.to_string())
            }
            Screen::Exporters(_) | Screen::Exporter(_) | Screen::Help(_) => None,
        }
    }
}
