//! The one table of keys: what each does, where it applies, and what the help
//! and the footer say about it.

use crossterm::event::{KeyCode, KeyModifiers};

use super::exporters::Tab;

/// What a key asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyCommand {
    Up,
    Down,
    PageUp,
    PageDown,
    First,
    Last,
    Drill,
    Back,
    OtherPane,
    /// What the list is of: hosts, ports, protocols, …
    NextList,
    PreviousList,
    Exporters,
    Tab(Tab),
    NextTab,
    PreviousTab,
    LongerWindow,
    ShorterWindow,
    Unit,
    Sort,
    SortBack,
    Reverse,
    Filter,
    Freeze,
    Save,
    Help,
    Quit,
    QuitNow,
    Suspend,
    Redraw,
    /// In the filter line only.
    Line(LineCommand),
}

/// What a key does in the filter line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineCommand {
    Accept,
    Left,
    Right,
    Home,
    End,
    EraseLeft,
    EraseRight,
    EraseAll,
    EraseWord,
    Older,
    Newer,
}

/// Everything that can happen to the model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UiAction {
    Do(KeyCommand),
    /// A character typed into the filter line.
    Type(char),
    /// A text pasted into the terminal.
    Paste(String),
    /// A key that means nothing here; it still answers the quit question with no.
    OtherKey,
    /// A new snapshot has come and is the one to show.
    Arrived,
    /// No snapshot will come any more.
    Stopped,
    /// The terminal has this size now.
    Resized(u16, u16),
    /// A snapshot was written to this path, or why not.
    Saved(Result<String, String>),
}

/// Where a key can apply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Context {
    Main,
    Groups,
    Drill,
    Exporters,
    Exporter,
    Help,
    Filter,
}

impl Context {
    /// All of them, in the order the help lists them.
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
    pub code: KeyCode,
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

/// One line of the table.
pub struct Binding {
    pub keys: &'static [KeyPress],
    pub command: KeyCommand,
    pub contexts: &'static [Context],
    /// The word in the footer and its rank there: the highest ranks go first
    /// when the line is short.
    pub footer: Option<(u8, &'static str)>,
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
        /// Every key there is.
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
        "leave the hosts of a row; else clear the filter";
    [key(KeyCode::Esc)], KeyCommand::Back, &[Groups, Drill, Exporters, Exporter, Help], Some((2, "back")),
        "back to the screen before";
    [ch('?')], KeyCommand::Back, &[Help], None, "back to the screen before";
    [ch('j'), key(KeyCode::Down)], KeyCommand::Down, SCREENS, None, "next row";
    [ch('k'), key(KeyCode::Up)], KeyCommand::Up, SCREENS, None, "previous row";
    [ch('j'), key(KeyCode::Down)], KeyCommand::Down, &[Help], Some((3, "down")), "next line";
    [ch('k'), key(KeyCode::Up)], KeyCommand::Up, &[Help], Some((3, "up")), "previous line";
    [key(KeyCode::PageDown), ctrl('d')], KeyCommand::PageDown, SCROLLS, None, "next page";
    [key(KeyCode::PageUp), ctrl('u')], KeyCommand::PageUp, SCROLLS, None, "previous page";
    [ch('g'), key(KeyCode::Home)], KeyCommand::First, SCROLLS, None,
        "first row, and stay there whichever row is first";
    [ch('G'), key(KeyCode::End)], KeyCommand::Last, SCROLLS, None, "last row";
    [key(KeyCode::Tab), key(KeyCode::BackTab)], KeyCommand::OtherPane, &[Main], Some((9, "pane")),
        "the other pane: uploaders, downloaders";
    [key(KeyCode::Tab), key(KeyCode::BackTab)], KeyCommand::OtherPane, &[Exporters],
        Some((3, "collecting")), "sockets, and all that was dropped or odd, on the whole screen";
    [ch('1')], KeyCommand::Tab(Tab::Templates), &[Exporter], None, "its templates";
    [ch('2')], KeyCommand::Tab(Tab::Interfaces), &[Exporter], None, "its interfaces";
    [ch('3')], KeyCommand::Tab(Tab::Statistics), &[Exporter], None, "its statistics";
    [key(KeyCode::Tab), ch('l')], KeyCommand::NextTab, &[Exporter], Some((3, "next tab")),
        "the next of the three";
    [key(KeyCode::BackTab), ch('h')], KeyCommand::PreviousTab, &[Exporter], None,
        "the one before";
    [ch('t')], KeyCommand::NextList, TOP, Some((4, "lists")),
        "next list: ports, protocols, networks, interfaces, groups";
    [ch('T')], KeyCommand::PreviousList, TOP, None, "list before";
    [ch('/')], KeyCommand::Filter, TRAFFIC, Some((3, "filter")), "edit the filter";
    [ch('s'), ch('>')], KeyCommand::Sort, LISTS, Some((7, "sort")), "next sort key";
    [ch('<')], KeyCommand::SortBack, LISTS, None, "sort key before";
    [ch('r')], KeyCommand::Reverse, LISTS, Some((10, "reverse")), "reverse the order";
    [ch('w')], KeyCommand::LongerWindow, TRAFFIC, Some((4, "window")), "next longer window";
    [ch('W')], KeyCommand::ShorterWindow, TRAFFIC, None, "next shorter window";
    [ch(' ')], KeyCommand::Freeze, SCREENS, Some((5, "freeze")),
        "freeze the screen, and let it go again; collecting goes on";
    [ch('u')], KeyCommand::Unit, TRAFFIC, Some((8, "unit")), "bits, bytes, packets per second";
    [ch('e')], KeyCommand::Exporters, TRAFFIC, Some((5, "exporters")),
        "the exporters, and how the collecting goes";
    [ch('e')], KeyCommand::Back, &[Exporters], None, "back to the screen before";
    [ch('S')], KeyCommand::Save, LISTS, Some((6, "save")), "save all rows of this view as CSV";
    [ch('?')], KeyCommand::Help, SCREENS, Some((1, "help")), "this help";
    [ch('q')], KeyCommand::Quit, SCROLLS, Some((9, "quit")), "quit, after a second q";
    [ctrl('c')], KeyCommand::QuitNow, EVERYWHERE, None, "quit at once";
    [ctrl('z')], KeyCommand::Suspend, EVERYWHERE, None, "suspend to the shell; fg comes back";
    [ctrl('l')], KeyCommand::Redraw, EVERYWHERE, None, "draw everything again";
    [key(KeyCode::Enter)], KeyCommand::Line(LineCommand::Accept), LINE, Some((1, "keep")),
        "close the line and keep the filter";
    [key(KeyCode::Esc)], KeyCommand::Back, LINE, Some((2, "undo")),
        "close the line and go back to the former filter";
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
    /// Whether the key applies on this screen.
    #[must_use]
    pub fn applies(&self, context: Context) -> bool {
        self.contexts.contains(&context)
    }
}

/// What a key means in a context.
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
    fn no_key_means_two_things_on_one_screen() {
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
    fn keys_mean_what_the_table_says_where_it_says() {
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
    fn keys_are_named_as_people_say_them() {
        let names: Vec<_> = [ch(' '), ctrl('l'), key(KeyCode::PageUp), key(KeyCode::Esc), ch('S')]
            .map(KeyPress::name)
            .into();
        assert_eq!(names, ["Space", "Ctrl-L", "PgUp", "Esc", "S"]);
    }
}
