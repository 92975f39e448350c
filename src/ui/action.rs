//! The table of keys: what each key does, where it applies, and its texts in the help and the
//! footer.

use crossterm::event::{KeyCode, KeyModifiers};

use super::exporters::Tab;

/// The command of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyCommand {
    /// Selects the row above, or scrolls up a line.
    Up,
    /// Selects the row below, or scrolls down a line.
    Down,
    /// Goes up a page.
    PageUp,
    /// Goes down a page.
    PageDown,
    /// Goes to the first row.
    First,
    /// Goes to the last row.
    Last,
    /// Opens the selected row.
    Drill,
    /// Goes back to the previous screen.
    Back,
    /// Switches between the two panes, or between the list and the collector's state.
    OtherPane,
    /// Shows the next list: hosts, ports, protocols, …
    NextList,
    /// Shows the previous list.
    PreviousList,
    /// Opens the screen of exporters.
    Exporters,
    /// Shows this tab of an exporter.
    Tab(Tab),
    /// Shows the next tab of an exporter.
    NextTab,
    /// Shows the previous tab of an exporter.
    PreviousTab,
    /// Selects the next longer window.
    LongerWindow,
    /// Selects the next shorter window.
    ShorterWindow,
    /// Switches between bits, bytes and packets.
    Unit,
    /// Sorts by the next key.
    Sort,
    /// Sorts by the previous key.
    SortBack,
    /// Reverses the order.
    Reverse,
    /// Opens the filter line.
    Filter,
    /// Freezes or resumes the screen.
    Freeze,
    /// Saves the view as CSV.
    Save,
    /// Opens the help.
    Help,
    /// Quits after a second press.
    Quit,
    /// Quits immediately.
    QuitNow,
    /// Suspends the program.
    Suspend,
    /// Redraws the screen.
    Redraw,
    /// A command of the filter line.
    Line(LineCommand),
}

/// The command of a key in the filter line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineCommand {
    /// Closes the line and keeps the filter.
    Accept,
    /// Moves the cursor one character to the left.
    Left,
    /// Moves the cursor one character to the right.
    Right,
    /// Moves the cursor to the start.
    Home,
    /// Moves the cursor to the end.
    End,
    /// Erases the character left of the cursor.
    EraseLeft,
    /// Erases the character right of the cursor.
    EraseRight,
    /// Erases everything left of the cursor.
    EraseAll,
    /// Erases the word left of the cursor.
    EraseWord,
    /// Recalls the next older filter.
    Older,
    /// Recalls the next newer filter.
    Newer,
}

/// An event that changes the model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UiAction {
    /// A key with a command.
    Do(KeyCommand),
    /// A character typed into the filter line.
    Type(char),
    /// A text pasted into the terminal.
    Paste(String),
    /// A key without a command here; it still answers the quit question with no.
    OtherKey,
    /// A new snapshot has arrived and is to be shown.
    Arrived,
    /// No further snapshot will arrive.
    Stopped,
    /// The terminal was resized to these columns and rows.
    Resized(u16, u16),
    /// The path of the file that was saved, or the error.
    Saved(Result<String, String>),
}

/// The part of the program where a key can apply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Context {
    /// The main screen.
    Main,
    /// The lists of ports, protocols, networks, interfaces and groups.
    Groups,
    /// One host.
    Drill,
    /// The list of exporters.
    Exporters,
    /// One exporter.
    Exporter,
    /// The help.
    Help,
    /// The filter line.
    Filter,
}

impl Context {
    /// All contexts, in the order of the help.
    pub const ALL: [Context; 7] = [
        Context::Main,
        Context::Groups,
        Context::Drill,
        Context::Exporters,
        Context::Exporter,
        Context::Help,
        Context::Filter,
    ];

    /// The heading in the help.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Context::Main => "main screen",
            Context::Groups => "ports, protocols, networks, interfaces, groups",
            Context::Drill => "one host",
            Context::Exporters => "exporters",
            Context::Exporter => "one exporter",
            Context::Help => "help",
            Context::Filter => "filter line",
        }
    }
}

/// A key with or without Ctrl; Shift is part of the character.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyPress {
    /// The key.
    pub code: KeyCode,
    /// Whether Ctrl is held.
    pub ctrl: bool,
}

impl KeyPress {
    /// The name on the screen: `j`, `Ctrl-L`, `PgUp`.
    #[must_use]
    pub fn name(self) -> String {
        let name = match self.code {
            KeyCode::Char(' ') => "Space".to_owned(),
            KeyCode::Char(c) if self.ctrl => c.to_ascii_uppercase().to_string(),
            KeyCode::Char(c) => c.to_string(),
            KeyCode::PageUp => "PgUp".to_owned(),
            KeyCode::PageDown => "PgDn".to_owned(),
            KeyCode::BackTab => "Shift-Tab".to_owned(),
            other => format!("{other:?}"),
        };
        if self.ctrl { format!("Ctrl-{name}") } else { name }
    }
}

/// One entry of the key table.
pub struct Binding {
    /// The keys.
    pub keys: &'static [KeyPress],
    /// Their command.
    pub command: KeyCommand,
    /// Where they apply.
    pub contexts: &'static [Context],
    /// The word in the footer and its rank: on a short line, the highest ranks are left out
    /// first.
    pub footer: Option<(u8, &'static str)>,
    /// The text in the help.
    pub help: &'static str,
}

const fn ch(c: char) -> KeyPress {
    KeyPress { code: KeyCode::Char(c), ctrl: false }
}

const fn ctrl(c: char) -> KeyPress {
    KeyPress { code: KeyCode::Char(c), ctrl: true }
}

const fn key(code: KeyCode) -> KeyPress {
    KeyPress { code, ctrl: false }
}

use Context::{Drill, Exporter, Exporters, Filter, Groups, Help, Main};

const TOP: &[Context] = &[Main, Groups];
const TRAFFIC: &[Context] = &[Main, Groups, Drill];
const LISTS: &[Context] = &[Main, Groups, Drill, Exporters];
const SCREENS: &[Context] = &[Main, Groups, Drill, Exporters, Exporter];
const SCROLLS: &[Context] = &[Main, Groups, Drill, Exporters, Exporter, Help];
const EVERYWHERE: &[Context] = &Context::ALL;
const LINE: &[Context] = &[Filter];

macro_rules! bindings {
    ($($keys:expr, $command:expr, $contexts:expr, $footer:expr, $help:literal;)*) => {
        /// All keys.
        pub const BINDINGS: &[Binding] = &[$(Binding {
            keys: &$keys, command: $command, contexts: $contexts, footer: $footer, help: $help,
        }),*];
    };
}

bindings! {
    [key(KeyCode::Enter)], KeyCommand::Drill, &[Main], Some((2, "drill")), "open the selected host";
    [key(KeyCode::Enter)], KeyCommand::Drill, &[Groups], Some((2, "hosts")),
        "the hosts of the selected row";
    [key(KeyCode::Enter)], KeyCommand::Drill, &[Exporters], Some((2, "open")),
        "open the selected exporter";
    [key(KeyCode::Esc)], KeyCommand::Back, &[Main], Some((2, "back")),
        "back to the list; otherwise clear the filter";
    [key(KeyCode::Esc)], KeyCommand::Back, &[Groups, Drill, Exporters, Exporter, Help], Some((2, "back")),
        "back to the previous screen";
    [ch('?')], KeyCommand::Back, &[Help], None, "back to the previous screen";
    [ch('j'), key(KeyCode::Down)], KeyCommand::Down, SCREENS, None, "next row";
    [ch('k'), key(KeyCode::Up)], KeyCommand::Up, SCREENS, None, "previous row";
    [ch('j'), key(KeyCode::Down)], KeyCommand::Down, &[Help], Some((3, "down")), "next line";
    [ch('k'), key(KeyCode::Up)], KeyCommand::Up, &[Help], Some((3, "up")), "previous line";
    [key(KeyCode::PageDown), ctrl('d')], KeyCommand::PageDown, SCROLLS, None, "next page";
    [key(KeyCode::PageUp), ctrl('u')], KeyCommand::PageUp, SCROLLS, None, "previous page";
    [ch('g'), key(KeyCode::Home)], KeyCommand::First, SCROLLS, None,
        "first row; the selection then stays on top";
    [ch('G'), key(KeyCode::End)], KeyCommand::Last, SCROLLS, None, "last row";
    [key(KeyCode::Tab), key(KeyCode::BackTab)], KeyCommand::OtherPane, &[Main], Some((9, "pane")),
        "switch between uploaders and downloaders";
    [key(KeyCode::Tab), key(KeyCode::BackTab)], KeyCommand::OtherPane, &[Exporters],
        Some((3, "collecting")), "state of the collector on the full screen";
    [ch('1')], KeyCommand::Tab(Tab::Templates), &[Exporter], None, "templates of the exporter";
    [ch('2')], KeyCommand::Tab(Tab::Interfaces), &[Exporter], None, "interfaces of the exporter";
    [ch('3')], KeyCommand::Tab(Tab::Statistics), &[Exporter], None, "statistics of the exporter";
    [key(KeyCode::Tab), ch('l')], KeyCommand::NextTab, &[Exporter], Some((3, "next tab")),
        "next tab";
    [key(KeyCode::BackTab), ch('h')], KeyCommand::PreviousTab, &[Exporter], None,
        "previous tab";
    [ch('t')], KeyCommand::NextList, TOP, Some((4, "lists")),
        "next list: ports, protocols, networks, interfaces, groups";
    [ch('T')], KeyCommand::PreviousList, TOP, None, "previous list";
    [ch('/')], KeyCommand::Filter, TRAFFIC, Some((3, "filter")), "edit the filter";
    [ch('s'), ch('>')], KeyCommand::Sort, LISTS, Some((7, "sort")), "next sort key";
    [ch('<')], KeyCommand::SortBack, LISTS, None, "previous sort key";
    [ch('r')], KeyCommand::Reverse, LISTS, Some((10, "reverse")), "reverse the order";
    [ch('w')], KeyCommand::LongerWindow, TRAFFIC, Some((4, "window")), "next longer window";
    [ch('W')], KeyCommand::ShorterWindow, TRAFFIC, None, "next shorter window";
    [ch(' ')], KeyCommand::Freeze, SCREENS, Some((5, "freeze")),
        "freeze or resume the screen; collecting continues";
    [ch('u')], KeyCommand::Unit, TRAFFIC, Some((8, "unit")), "bits, bytes, packets per second";
    [ch('e')], KeyCommand::Exporters, TRAFFIC, Some((5, "exporters")),
        "exporters and the state of the collector";
    [ch('e')], KeyCommand::Back, &[Exporters], None, "back to the previous screen";
    [ch('S')], KeyCommand::Save, LISTS, Some((6, "save")), "save all rows of this view as CSV";
    [ch('?')], KeyCommand::Help, SCREENS, Some((1, "help")), "this help";
    [ch('q')], KeyCommand::Quit, SCROLLS, Some((9, "quit")), "quit; press q twice";
    [ctrl('c')], KeyCommand::QuitNow, EVERYWHERE, None, "quit immediately";
    [ctrl('z')], KeyCommand::Suspend, EVERYWHERE, None, "suspend to the shell; fg resumes";
    [ctrl('l')], KeyCommand::Redraw, EVERYWHERE, None, "redraw the screen";
    [key(KeyCode::Enter)], KeyCommand::Line(LineCommand::Accept), LINE, Some((1, "keep")),
        "close the line and keep the filter";
    [key(KeyCode::Esc)], KeyCommand::Back, LINE, Some((2, "undo")),
        "close the line and restore the previous filter";
    [key(KeyCode::Up)], KeyCommand::Line(LineCommand::Older), LINE, Some((3, "history")),
        "older filters";
    [key(KeyCode::Down)], KeyCommand::Line(LineCommand::Newer), LINE, None, "newer filters";
    [key(KeyCode::Left)], KeyCommand::Line(LineCommand::Left), LINE, None, "one character left";
    [key(KeyCode::Right)], KeyCommand::Line(LineCommand::Right), LINE, None, "one character right";
    [key(KeyCode::Home), ctrl('a')], KeyCommand::Line(LineCommand::Home), LINE, None, "to the start";
    [key(KeyCode::End), ctrl('e')], KeyCommand::Line(LineCommand::End), LINE, None, "to the end";
    [key(KeyCode::Backspace), ctrl('h')], KeyCommand::Line(LineCommand::EraseLeft), LINE, None,
        "erase the character to the left";
    [key(KeyCode::Delete)], KeyCommand::Line(LineCommand::EraseRight), LINE, None,
        "erase the character to the right";
    [ctrl('w')], KeyCommand::Line(LineCommand::EraseWord), LINE, Some((5, "erase word")),
        "erase the word to the left";
    [ctrl('u')], KeyCommand::Line(LineCommand::EraseAll), LINE, Some((4, "erase")),
        "erase everything left of the cursor";
}

impl Binding {
    /// Whether the key applies in this context.
    #[must_use]
    pub fn applies(&self, context: Context) -> bool {
        self.contexts.contains(&context)
    }
}

/// The action of a key in a context.
#[must_use]
pub fn on_key(context: Context, code: KeyCode, modifiers: KeyModifiers) -> UiAction {
    let ctrl = modifiers.contains(KeyModifiers::CONTROL);
    let code = match code {
        KeyCode::Char(c) if ctrl => KeyCode::Char(c.to_ascii_lowercase()),
        code => code,
    };
    let pressed = KeyPress { code, ctrl };
    let bound = BINDINGS
        .iter()
        .find(|binding| binding.applies(context) && binding.keys.contains(&pressed))
        .filter(|_| !modifiers.contains(KeyModifiers::ALT));
    match (bound, code) {
        (Some(binding), _) => UiAction::Do(binding.command),
        (None, KeyCode::Char(c)) if context == Context::Filter && !ctrl => UiAction::Type(c),
        _ => UiAction::OtherKey,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_key_has_two_commands_on_one_screen() {
        for context in Context::ALL {
            let mut seen: Vec<(KeyPress, KeyCommand)> = Vec::new();
            for binding in BINDINGS.iter().filter(|binding| binding.applies(context)) {
                for key in binding.keys {
                    let other = seen.iter().find(|(known, _)| known == key);
                    assert!(other.is_none(), "{}: {other:?} and {:?}", key.name(), binding.command);
                    seen.push((*key, binding.command));
                }
            }
            assert!(!seen.is_empty());
        }
    }

    #[test]
    fn keys_have_their_commands_in_their_contexts() {
        let none = KeyModifiers::NONE;
        let ctrl = KeyModifiers::CONTROL;
        for (context, code, modifiers, want) in [
            (Main, KeyCode::Char('j'), none, UiAction::Do(KeyCommand::Down)),
            (Main, KeyCode::Char('G'), KeyModifiers::SHIFT, UiAction::Do(KeyCommand::Last)),
            (Filter, KeyCode::Char('j'), none, UiAction::Type('j')),
            (Filter, KeyCode::Char('q'), none, UiAction::Type('q')),
            (Filter, KeyCode::Char('C'), ctrl, UiAction::Do(KeyCommand::QuitNow)),
            (Drill, KeyCode::Enter, none, UiAction::OtherKey),
            (Drill, KeyCode::Tab, none, UiAction::OtherKey),
            (Main, KeyCode::Char('q'), KeyModifiers::ALT, UiAction::OtherKey),
        ] {
            assert_eq!(on_key(context, code, modifiers), want, "{code:?}");
        }
    }

    #[test]
    fn keys_have_their_usual_names() {
        let names: Vec<_> = [ch(' '), ctrl('l'), key(KeyCode::PageUp), key(KeyCode::Esc), ch('S')]
            .map(KeyPress::name)
            .into();
        assert_eq!(names, ["Space", "Ctrl-L", "PgUp", "Esc", "S"]);
    }
}
