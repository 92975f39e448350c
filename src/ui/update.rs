//! Changes the model in response to actions.

use std::sync::Arc;

use crate::flow::Time;
use crate::snapshot::{RowOrder, Snapshot, SortKey, Subject, View};

use super::action::{KeyCommand, LineCommand, UiAction};
use super::edit::{FilterLine, MAX_HISTORY};
use super::exporters::{ExporterScreen, ExportersScreen};
use super::model::{
    DrillScreen, HelpScreen, MainScreen, Mode, Model, ROWS_SAVED, SaveResult, Screen,
};
use super::on_snapshot::arrived;
use super::{groups, view};

/// What the caller has to do after an action.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Nothing.
    None,
    /// The question has changed: send it.
    Ask(View),
    /// Show this answer again as if it had just arrived; no question is needed.
    Show(Arc<Snapshot>),
    /// Save the answer to this question as a file.
    Save(View),
    /// Redraw everything.
    Redraw,
    /// Restore the terminal and suspend.
    Suspend,
    /// End the program.
    Quit,
}

/// Applies an action to the model. `snapshot` is the answer on the screen.
pub fn update(model: &mut Model, action: UiAction, snapshot: &Snapshot) -> Effect {
    let before = model.view();
    if matches!(
        &action,
        UiAction::Do(_) | UiAction::Type(_) | UiAction::Paste(_) | UiAction::OtherKey
    ) {
        model.notice = None;
    }
    let effect = match action {
        UiAction::Arrived => {
            if let Some(groups) = &snapshot.health.groups {
                model.options.groups = groups.clone();
            }
            arrived(model, snapshot);
            Effect::None
        }
        UiAction::Stopped => {
            model.stopped = true;
            Effect::None
        }
        UiAction::Resized(width, height) => {
            model.size = (width, height);
            model.screens.downward_mut().for_each(Screen::start_at_top);
            Effect::None
        }
        UiAction::Saved(result) => {
            model.saved_at = snapshot.captured_at;
            model.saved = match result {
                Ok(path) => SaveResult::Done(path),
                Err(message) => SaveResult::Failed(message),
            };
            Effect::None
        }
        UiAction::Type(c) => typed(model, |line| line.insert(c)),
        UiAction::Paste(text) => typed(model, |line| line.paste(&text)),
        UiAction::OtherKey => {
            answer_quit(model);
            Effect::None
        }
        UiAction::Do(command) => command_given(model, command, snapshot),
    };
    scroll(model, snapshot);
    let view = model.view();
    match effect {
        Effect::None if view != before => match model.frozen_answers.get(&view) {
            // The answer that is being frozen is already on the screen.
            Some(_) if before.at.is_none() => Effect::None,
            Some(frozen_answers) => Effect::Show(Arc::clone(frozen_answers)),
            None => Effect::Ask(view),
        },
        effect => effect,
    }
}

/// Freezes what is on the screen, or resumes.
fn freeze(model: &mut Model, snapshot: &Snapshot) {
    if model.frozen.take().is_some() {
        model.frozen_answers.clear();
        return;
    }
    if snapshot.span.end == Time::default() {
        return;
    }
    let live = model.view();
    model.frozen = Some(snapshot.span.end);
    // An answer that is still to arrive has to be requested again.
    if snapshot.view == live {
        model.frozen_answers.keep(model.view(), snapshot);
    }
}

/// Answers the quit question with no; false if it was not asked.
fn answer_quit(model: &mut Model) -> bool {
    let asked = matches!(model.mode, Mode::AskQuit);
    if asked {
        model.mode = Mode::Browse;
    }
    asked
}

fn command_given(model: &mut Model, command: KeyCommand, snapshot: &Snapshot) -> Effect {
    match command {
        KeyCommand::QuitNow => return Effect::Quit,
        KeyCommand::Suspend => return Effect::Suspend,
        KeyCommand::Redraw => return Effect::Redraw,
        KeyCommand::Quit if matches!(model.mode, Mode::AskQuit) => return Effect::Quit,
        _ if answer_quit(model) => return Effect::None,
        KeyCommand::Quit => model.mode = Mode::AskQuit,
        KeyCommand::Back => back(model),
        KeyCommand::Line(command) => line_command(model, command),
        KeyCommand::Filter => model.mode = Mode::Line(Box::new(FilterLine::open(&model.filter))),
        KeyCommand::Drill => drill(model, snapshot),
        KeyCommand::NextList | KeyCommand::PreviousList => {
            groups::step(model, command == KeyCommand::NextList);
        }
        KeyCommand::Exporters => {
            model.screens.open(Screen::Exporters(ExportersScreen::of(snapshot)));
        }
        KeyCommand::Tab(_) | KeyCommand::NextTab | KeyCommand::PreviousTab => tab(model, command),
        KeyCommand::Help => {
            let about = model.context();
            model.screens.open(Screen::Help(HelpScreen { about, top: 0 }));
        }
        KeyCommand::Save => return save(model),
        KeyCommand::Freeze => freeze(model, snapshot),
        KeyCommand::Unit => model.options.unit = model.options.unit.next(),
        KeyCommand::LongerWindow => model.options.window = model.options.window.step(true),
        KeyCommand::ShorterWindow => model.options.window = model.options.window.step(false),
        KeyCommand::Sort | KeyCommand::SortBack | KeyCommand::Reverse => {
            sort(model, command, snapshot)
        }
        KeyCommand::OtherPane => other_pane(model),
        KeyCommand::Up
        | KeyCommand::Down
        | KeyCommand::PageUp
        | KeyCommand::PageDown
        | KeyCommand::First
        | KeyCommand::Last => movement(model, command, snapshot),
    }
    Effect::None
}

fn back(model: &mut Model) {
    if let Mode::Line(line) = &model.mode {
        model.filter = line.former().clone();
        model.mode = Mode::Browse;
        return;
    }
    match model.screens.close() {
        Some(Screen::Main(MainScreen { origin: Some(origin), .. })) => model.filter = origin.former,
        Some(_) => {}
        None => model.filter = Default::default(),
    }
}

fn other_pane(model: &mut Model) {
    match &mut model.screens.top {
        Screen::Main(main) => {
            main.focus = main.focus.other();
            main.focused().bind();
            main.focused().start_at_top();
        }
        Screen::Exporters(screen) => screen.toggle_collecting(),
        _ => {}
    }
}

fn drill(model: &mut Model, snapshot: &Snapshot) {
    let open = match &mut model.screens.top {
        Screen::Main(main) => main.list(main.focus).selected().map(|host| {
            main.focused().bind();
            Screen::Drill(DrillScreen { host, ..DrillScreen::default() })
        }),
        Screen::Exporters(ExportersScreen { list, collecting: None, .. }) => {
            list.selected().map(|host| {
                list.bind();
                Screen::Exporter(ExporterScreen { host, ..ExporterScreen::default() })
            })
        }
        Screen::Groups(_) => return groups::open(model, &snapshot.health),
        _ => None,
    };
    if let Some(screen) = open {
        model.screens.open(screen);
    }
}

fn tab(model: &mut Model, command: KeyCommand) {
    let Screen::Exporter(screen) = &mut model.screens.top else { return };
    screen.select(match command {
        KeyCommand::Tab(tab) => tab,
        _ => screen.tab.step(command == KeyCommand::NextTab),
    });
}

/// Saves the view: the same question without a row limit; for the main screen, one row per host.
fn save(model: &mut Model) -> Effect {
    let mut view = View { limit: ROWS_SAVED, ..model.view() };
    if matches!(model.screens.top, Screen::Exporters(_)) {
        view.subject = Subject::Exporters;
    } else if view.subject == Subject::Talkers {
        view.subject = Subject::Hosts;
    }
    model.saved = SaveResult::Pending;
    Effect::Save(view)
}

const MAIN_KEYS: &[SortKey] = &[SortKey::Bytes, SortKey::Packets, SortKey::Flows, SortKey::Address];

/// The sort keys of tables that show both directions.
const BOTH_KEYS: &[SortKey] = &[
    SortKey::Bytes,
    SortKey::Up,
    SortKey::Down,
    SortKey::Packets,
    SortKey::Flows,
    SortKey::Address,
];

fn sort(model: &mut Model, command: KeyCommand, snapshot: &Snapshot) {
    let (order, keys) = match &mut model.screens.top {
        Screen::Main(main) => (&mut main.order, MAIN_KEYS),
        Screen::Groups(screen) => (&mut screen.order, BOTH_KEYS),
        Screen::Drill(drill) => (&mut drill.order, BOTH_KEYS),
        Screen::Exporters(screen) => {
            match command {
                KeyCommand::Reverse => screen.order.reverse = !screen.order.reverse,
                _ => screen.order = screen.order.step(command == KeyCommand::Sort),
            }
            // The screen itself sorts the exporters, so no question is needed.
            return screen.arrive(snapshot);
        }
        Screen::Exporter(_) | Screen::Help(_) => return,
    };
    if command == KeyCommand::Reverse {
        order.reverse = !order.reverse;
    } else {
        let by = if command == KeyCommand::Sort { 1 } else { keys.len() - 1 };
        let at = keys.iter().position(|key| *key == order.key).map_or(0, |at| at + by);
        *order = RowOrder { key: keys[at % keys.len()], reverse: false };
    }
}

fn movement(model: &mut Model, command: KeyCommand, snapshot: &Snapshot) {
    let page = view::page(model, snapshot).max(1);
    let step = isize::try_from(page).unwrap_or(1);
    let rows = match command {
        KeyCommand::Up => -1,
        KeyCommand::Down => 1,
        KeyCommand::PageUp => -step,
        _ => step,
    };
    let last = view::length(model, snapshot).saturating_sub(page);
    match &mut model.screens.top {
        Screen::Main(main) => moved(main.focused(), command, rows),
        Screen::Groups(screen) => moved(&mut screen.list, command, rows),
        Screen::Drill(drill) => moved(&mut drill.list, command, rows),
        Screen::Exporters(screen) => match &mut screen.collecting {
            Some(top) => scrolled(top, command, rows, last),
            None => moved(&mut screen.list, command, rows),
        },
        Screen::Exporter(screen) => scrolled(&mut screen.top, command, rows, last),
        Screen::Help(help) => scrolled(&mut help.top, command, rows, last),
    }
}

/// Scrolls lines of text.
fn scrolled(top: &mut usize, command: KeyCommand, lines: isize, last: usize) {
    *top = match command {
        KeyCommand::First => 0,
        KeyCommand::Last => last,
        _ => top.saturating_add_signed(lines).min(last),
    };
}

fn moved<K: Clone + Eq + std::hash::Hash>(
    list: &mut super::list::ScreenList<K>,
    command: KeyCommand,
    rows: isize,
) {
    match command {
        KeyCommand::First => list.first(),
        KeyCommand::Last => list.last(),
        _ => list.step(rows),
    }
}

/// Keeps the selection on the page.
fn scroll(model: &mut Model, snapshot: &Snapshot) {
    let page = view::page(model, snapshot);
    let last = view::length(model, snapshot).saturating_sub(page);
    match &mut model.screens.top {
        Screen::Main(main) => {
            main.up.scroll(page);
            main.down.scroll(page);
        }
        Screen::Groups(screen) => screen.list.scroll(page),
        Screen::Drill(drill) => drill.list.scroll(page),
        Screen::Exporters(screen) => match &mut screen.collecting {
            Some(top) => *top = last.min(*top),
            None => screen.list.scroll(page),
        },
        Screen::Exporter(screen) => screen.top = screen.top.min(last),
        Screen::Help(help) => help.top = help.top.min(last),
    }
}

fn typed(model: &mut Model, edit: impl FnOnce(&mut FilterLine)) -> Effect {
    if !answer_quit(model)
        && let Mode::Line(line) = &mut model.mode
    {
        edit(line);
        check(model);
    }
    Effect::None
}

/// Applies the text of the line if it is a valid filter.
fn check(model: &mut Model) {
    if let Mode::Line(line) = &mut model.mode
        && let Some(filter) = line.check()
    {
        model.filter = filter;
    }
}

fn line_command(model: &mut Model, command: LineCommand) {
    let Mode::Line(line) = &mut model.mode else { return };
    if command != LineCommand::Accept {
        line.edit(command, &model.history);
        check(model);
        return;
    }
    model.mode = Mode::Browse;
    let text = &model.filter.text;
    if !text.is_empty() && model.history.last() != Some(text) {
        model.history.push(text.clone());
        let excess = model.history.len().saturating_sub(MAX_HISTORY);
        model.history.drain(..excess);
    }
}
