//! The state of the screens: settings, the stack of screens, and the meaning of keys.

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

/// The number of rows requested per table: more than any screen shows at once.
pub const ROWS_ASKED: usize = 200;

/// The number of rows requested for a snapshot that is saved.
pub const ROWS_SAVED: usize = 1_000_000;

/// How long the path of a saved snapshot is shown, in milliseconds.
pub const SAVED_SHOWN_MS: i64 = 10_000;

/// The initial settings of the screens.
#[derive(Clone, Debug)]
pub struct UiConfig {
    /// Colours and characters.
    pub theme: Theme,
    /// The unit of rates.
    pub unit: Unit,
    /// The length of the window.
    pub window: Window,
    /// The time zone of displayed times.
    pub zone: TimeZone,
    /// The named networks.
    pub groups: Arc<NetworkGroups>,
    /// A note to show from the start, such as a locale that is not UTF-8.
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

/// The row that the hosts on a main screen belong to.
#[derive(Clone, Debug, Default)]
pub struct GroupOrigin {
    /// The label of the row.
    pub label: String,
    /// The filter of the list, restored when the screen is closed.
    pub former: TypedFilter,
}

/// The main screen.
#[derive(Clone, Debug, Default)]
pub struct MainScreen {
    pub up: ScreenList<Host>,
    pub down: ScreenList<Host>,
    pub focus: Pane,
    pub order: RowOrder,
    /// The row of another list whose hosts are shown.
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

/// Identifies a conversation of a host.
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
    /// The screen from which it was opened.
    pub about: Context,
    /// The number of lines scrolled down.
    pub top: usize,
}

/// A screen with its state.
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
    /// The subject and the order that the screen asks for; `None` if the screen below it asks.
    fn question(&self) -> Option<(Subject, RowOrder)> {
        match self {
            Screen::Main(main) => Some((Subject::Talkers, main.order)),
            Screen::Groups(screen) => Some((Subject::Groups(screen.grouping), screen.order)),
            Screen::Drill(drill) => Some((Subject::Host(drill.host), drill.order)),
            Screen::Exporters(_) | Screen::Exporter(_) | Screen::Help(_) => None,
        }
    }

    /// Whether the screen has its own question.
    pub fn asks(&self) -> bool {
        self.question().is_some()
    }

    /// Lets the pages of its lists start as far up as possible.
    pub fn start_at_top(&mut self) {
        match self {
            Screen::Main(main) => {
                main.up.start_at_top();
                main.down.start_at_top();
            }
            Screen::Groups(screen) => screen.list.start_at_top(),
            Screen::Drill(drill) => drill.list.start_at_top(),
            Screen::Exporters(screen) => screen.list.start_at_top(),
            Screen::Exporter(_) | Screen::Help(_) => {}
        }
    }
}

/// The visible screen, and those below it that Esc goes back to; never empty.
#[derive(Clone, Debug, Default)]
pub struct Screens {
    pub top: Screen,
    under: Vec<Screen>,
}

impl Screens {
    /// Opens a screen over the visible one.
    pub fn open(&mut self, screen: Screen) {
        self.under.push(std::mem::replace(&mut self.top, screen));
    }

    /// Closes the visible screen and returns it; `None` at the bottom.
    pub fn close(&mut self) -> Option<Screen> {
        self.under.pop().map(|screen| std::mem::replace(&mut self.top, screen))
    }

    /// The number of stacked screens.
    pub fn depth(&self) -> usize {
        self.under.len() + 1
    }

    /// All screens from the visible one to the lowest.
    pub fn downward(&self) -> impl Iterator<Item = &Screen> {
        std::iter::once(&self.top).chain(self.under.iter().rev())
    }

    /// All screens from the visible one to the lowest, mutable.
    pub fn downward_mut(&mut self) -> impl Iterator<Item = &mut Screen> {
        std::iter::once(&mut self.top).chain(self.under.iter_mut().rev())
    }
}

/// The current meaning of keys.
#[derive(Clone, Debug, Default)]
pub enum Mode {
    /// Keys move the selection and switch screens.
    #[default]
    Browse,
    /// Keys are typed into the filter line.
    Line(Box<FilterLine>),
    /// A second `q` quits.
    AskQuit,
}

/// The result of the last save.
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
    /// Former filters, sorted from old to new.
    pub(super) history: Vec<String>,
    /// The end of the window if the screen is frozen.
    pub(super) frozen: Option<Time>,
    /// The answers shown while frozen.
    pub(super) frozen_answers: FrozenAnswers,
    /// Why the last key did nothing; shown until the next key.
    pub(super) notice: Option<String>,
    pub(super) saved: SaveResult,
    /// The time of that result, by the snapshot shown then.
    pub(super) saved_at: Time,
    /// Whether the source of the snapshots has ended.
    pub(super) stopped: bool,
    /// Why the attached collector does not answer, and since when.
    pub(super) gone: Option<Alarm>,
    /// The columns and rows of the terminal.
    pub(super) size: (u16, u16),
}

impl Model {
    /// The main screen, live.
    #[must_use]
    pub fn new(options: UiConfig) -> Model {
        Model { options, size: (80, 24), ..Model::default() }
    }

    /// The columns and rows of the terminal, as far as known.
    #[must_use]
    pub fn size(&self) -> (u16, u16) {
        self.size
    }

    /// The context in which keys are looked up.
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

    /// The question that the screen needs answered.
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

    /// Takes from an answer what applies to every screen, even a frozen one: whether the
    /// collector is gone. Returns whether that changed.
    pub fn remember_snapshot(&mut self, snapshot: &Snapshot) -> bool {
        let is_new = self.gone != snapshot.health.gone;
        if is_new {
            self.gone.clone_from(&snapshot.health.gone);
        }
        is_new
    }

    /// Whether an answer is to be shown: it belongs to the visible screen, and on a frozen
    /// screen it is the first answer to the current question.
    #[must_use]
    pub fn accepts(&self, snapshot: &Snapshot) -> bool {
        let view = self.view();
        if self.frozen.is_some() {
            return snapshot.view == view && self.frozen_answers.get(&view).is_none();
        }
        snapshot.view.at.is_none() && snapshot.view.subject == view.subject
    }

    /// Whether the hosts shown are those of a row of another list.
    pub(super) fn is_narrowed(&self) -> bool {
        matches!(&self.screens.top, Screen::Main(MainScreen { origin: Some(_), .. }))
    }

    /// The key of the selected row as text: an address; for a conversation also protocol and port;
    /// for a group its label without names from exporters.
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
