//! The two lowest lines: the parameters of the view, and the keys.

use crate::filter::FilterError;
use crate::snapshot::{Grouping, Snapshot, SortKey, Subject, View};

use super::super::action::{BINDINGS, Binding, Context, KeyCommand};
use super::super::edit::FilterLine;
use super::super::exporter_order::{ExporterKey, ExporterOrder};
use super::super::model::{Mode, Model, SaveResult};
use super::super::paint::{Canvas, LinePiece, columns, elide, elide_end, elide_start, pieces};
use super::super::theme::Tone;

/// Whether the status line has a text that small terminals must show as well.
pub fn is_urgent(model: &Model) -> bool {
    !matches!(model.mode, Mode::Browse) || model.notice.is_some()
}

/// Draws the status line, the filter line or the quit question.
pub fn draw(canvas: &mut Canvas, model: &Model, snapshot: &Snapshot, y: u16) {
    match &model.mode {
        Mode::Line(line) => filter_line(canvas, line, y),
        Mode::AskQuit => {
            let width = canvas.width();
            canvas.put(0, y, width, "press q again to quit", Tone::Warning);
        }
        Mode::Browse => match &model.notice {
            Some(notice) => {
                let width = canvas.width();
                canvas.put(0, y, width, &elide_end(notice, width), Tone::Warning);
            }
            None => facts(canvas, model, snapshot, y),
        },
    }
}

fn facts(canvas: &mut Canvas, model: &Model, snapshot: &Snapshot, y: u16) {
    let width = canvas.width();
    let filter = match model.filter.text.as_str() {
        "" => "none".to_owned(),
        text => elide(text, (width / 3).max(12)),
    };
    let filtered = if model.filter.text.is_empty() { Tone::Plain } else { Tone::Strong };
    let left = vec![
        LinePiece::new(2, filtered, format!("filter: {filter}")),
        LinePiece::new(5, Tone::Plain, format!("sort: {}", sort_name(&snapshot.view))),
        LinePiece::new(4, Tone::Warning, untracked(model, snapshot)),
        saved(model, width),
    ];
    pieces(canvas, y, left, lost(snapshot));
}

/// Draws the status line of the list of exporters, which has no filter.
pub fn of_exporters(
    canvas: &mut Canvas,
    model: &Model,
    order: ExporterOrder,
    snapshot: &Snapshot,
    y: u16,
) {
    let sign = super::common::sort_sign(order.reverse);
    let sort = format!("sort: {}{sign}", exporters_sort_name(order.key));
    let left = vec![LinePiece::new(2, Tone::Plain, sort), saved(model, canvas.width())];
    pieces(canvas, y, left, lost(snapshot));
}

/// Draws the status line where nothing is sorted.
pub fn counts(canvas: &mut Canvas, model: &Model, snapshot: &Snapshot, y: u16) {
    pieces(canvas, y, vec![saved(model, canvas.width())], lost(snapshot));
}

/// The result of the last save.
fn saved(model: &Model, width: u16) -> LinePiece {
    let room = (width / 2).max(12);
    let (saved, tone) = match &model.saved {
        SaveResult::Nothing => ("snapshot: -".to_owned(), Tone::Plain),
        SaveResult::Pending => ("snapshot: saving".to_owned(), Tone::Plain),
        SaveResult::Done(path) => (format!("saved {}", file(path, room, width)), Tone::Strong),
        SaveResult::Failed(why) => (format!("not saved: {}", elide(why, room)), Tone::Critical),
    };
    let rank = if matches!(model.saved, SaveResult::Nothing) { 6 } else { 1 };
    LinePiece::new(rank, tone, saved)
}

/// The counters of lost and dropped data.
fn lost(snapshot: &Snapshot) -> Vec<LinePiece> {
    let dropped: u64 = snapshot.health.dropped.iter().map(|drop| drop.count).sum();
    vec![count(3, "lost", snapshot.health.lost()), count(4, "dropped", dropped)]
}

/// The columns of `saved `.
const SAVED: u16 = 6;

/// A path in about `room` columns: the folder makes way for the name, which
/// may take the whole width.
fn file(path: &str, room: u16, width: u16) -> String {
    let name = path.rsplit('/').next().unwrap_or(path);
    let most = width.saturating_sub(SAVED);
    let with_folder = columns(name).saturating_add(2);
    if columns(path) <= room || with_folder <= most {
        elide_start(path, room.max(with_folder))
    } else {
        elide(name, most)
    }
}

fn count(rank: u8, word: &str, count: u64) -> LinePiece {
    let tone = if count == 0 { Tone::Plain } else { Tone::Warning };
    let mark = if count == 0 { "" } else { "!" };
    LinePiece::new(rank, tone, format!("{mark}{word} {}", crate::units::short(count)))
}

/// The most traffic that a host or conversation without a row can have, if limits were reached.
fn untracked(model: &Model, snapshot: &Snapshot) -> String {
    let most = match snapshot.view.subject {
        Subject::Talkers | Subject::Hosts | Subject::Line => snapshot.untracked.host,
        Subject::Groups(Grouping::Group) => snapshot.untracked.host,
        Subject::Host(_) | Subject::Groups(_) => snapshot.untracked.conversation,
        Subject::Exporters => 0,
    };
    if most == 0 {
        return String::new();
    }
    let rate = snapshot.span.bits_per_second(most);
    format!("others: up to {} each", super::common::alert_rate(rate, model.options.unit))
}

/// The sort key with its sign: `bytes▼`.
pub fn sort_name(view: &View) -> String {
    let order = view.order;
    let name = match order.key {
        SortKey::Address if matches!(view.subject, Subject::Groups(_)) => "name",
        SortKey::Bytes => "bytes",
        SortKey::Up => "up",
        SortKey::Down => "down",
        SortKey::Packets => "packets",
        SortKey::Flows => "flows",
        SortKey::Address => "address",
    };
    format!("{name}{}", super::common::sort_sign(order.reverse))
}

/// The sort key of the list of exporters.
fn exporters_sort_name(key: ExporterKey) -> &'static str {
    match key {
        ExporterKey::Flows => "flow/s",
        ExporterKey::Datagrams => "pkt/s",
        ExporterKey::Lost => "lost",
        ExporterKey::State => "state",
        ExporterKey::Last => "last",
        ExporterKey::Clock => "clock",
        ExporterKey::Address => "address",
    }
}

fn filter_line(canvas: &mut Canvas, line: &FilterLine, y: u16) {
    let width = canvas.width();
    let start = canvas.put(0, y, width, "filter: ", Tone::Strong);
    // The text has priority: it gets at least half of the line.
    let room = width.saturating_sub(start);
    let needed = columns(line.text()).saturating_add(1).min(room / 2);
    let error = line.error().map(|error| explained(error, room.saturating_sub(needed)));
    let error = error.unwrap_or_default();
    let room = room.saturating_sub(columns(&error)).max(1);
    // The characters left of the cursor that fit.
    let before: Vec<char> = line.text()[..line.cursor()].chars().rev().collect();
    let mut skipped = before.len();
    let mut used = 1;
    for c in &before {
        used += columns(c.encode_utf8(&mut [0; 4])).max(1);
        if used > room {
            break;
        }
        skipped -= 1;
    }
    let mut x = start;
    for (at, c) in line.text().char_indices().skip(skipped) {
        if x >= start + room {
            break;
        }
        let wrong = line.error().is_some_and(|error| touches(error, at));
        let tone = if wrong { Tone::Wrong } else { Tone::Plain };
        let end = canvas.put(x, y, start + room - x, c.encode_utf8(&mut [0; 4]), tone);
        if at == line.cursor() {
            canvas.tint(x, y, end.saturating_sub(x).max(1), Tone::Selected);
        }
        x = end;
    }
    if line.cursor() == line.text().len() {
        canvas.tint(x, y, 1, Tone::Selected);
        x += 1;
    }
    let error = elide_end(&error, width.saturating_sub(x));
    canvas.put(x, y, width.saturating_sub(x), &error, Tone::Critical);
}

/// The error in at most `room` columns, shortened if necessary.
fn explained(error: &FilterError, room: u16) -> String {
    let whole = format!("  {error}");
    if columns(&whole) <= room {
        return whole;
    }
    elide_end(&format!("  {}", error.brief()), room)
}

/// Whether the character at this byte belongs to the wrong token.
fn touches(error: &FilterError, at: usize) -> bool {
    (error.at.start..error.at.end.max(error.at.start + 1)).contains(&at)
}

/// Draws the keys that apply, the most useful first; instead of them, the command that answers
/// a filter that the live rows cannot answer.
pub fn footer(canvas: &mut Canvas, model: &Model, y: u16) {
    if let Mode::Line(line) = &model.mode
        && let Some(command) = line.error().and_then(FilterError::command)
    {
        let width = canvas.width();
        let said = elide_end(&format!("from the archive: {command}"), width);
        canvas.put(0, y, width, &said, Tone::Plain);
        return;
    }
    let context = model.context();
    let piece = |binding: &Binding| {
        let opens = binding.command == KeyCommand::Drill;
        let leaves_hosts = binding.command == KeyCommand::Back && context == Context::Main;
        if opens && model.selected().is_none() || leaves_hosts && !model.is_narrowed() {
            return None;
        }
        let (rank, word) = binding.footer?;
        let key = binding.keys.first()?;
        Some(LinePiece::new(rank, Tone::Plain, format!("{} {word}", key.name())))
    };
    let left = BINDINGS.iter().filter(|binding| binding.applies(context)).filter_map(piece);
    pieces(canvas, y, left.collect(), Vec::new());
}

#[cfg(test)]
mod tests {
    use ratatui::buffer::Buffer;
    use ratatui::layout::Rect;
    use ratatui::style::Modifier;

    use super::super::super::theme::Theme;
    use super::*;
    use crate::filter::FilterFault;

    /// The line as text, and which of its columns are underlined.
    fn drawn(text: &str, at: std::ops::Range<usize>, width: u16) -> (String, String) {
        let why = FilterFault::Unexpected { expected: "a port".into(), found: "`ß9`".into() };
        let error = FilterError { at, why };
        let line = FilterLine::with_error(text, error);
        let mut buffer = Buffer::empty(Rect::new(0, 0, width, 1));
        let theme = Theme { colour: false, ascii: false };
        filter_line(&mut Canvas::new(&mut buffer, theme), &line, 0);
        let underlined = |modifier: Modifier| modifier.contains(Modifier::UNDERLINED);
        let text: String = buffer.content.iter().map(|cell| cell.symbol()).collect();
        let marks =
            buffer.content.iter().map(|cell| if underlined(cell.modifier) { '_' } else { ' ' });
        (text.trim_end().to_owned(), marks.collect::<String>().trim_end().to_owned())
    }

    #[test]
    fn the_wrong_token_is_underlined_and_explained() {
        let (text, marks) = drawn("src port ß9", 9..12, 60);
        assert_eq!(text, "filter: src port ß9   expected a port, found `ß9`");
        assert_eq!(marks, "                 __");
    }

    #[test]
    fn ranges_inside_a_character_or_beyond_the_text_are_harmless() {
        drawn("ß9", 1..1, 60);
        drawn("ß9", 90..99, 60);
        for width in 0..70 {
            let (text, _) =
                drawn("host 2001:db8::1 and not port 漢字 or something long", 3..9, width);
            assert!(text.chars().count() <= usize::from(width));
        }
    }

    #[test]
    fn the_end_that_is_being_typed_stays_visible() {
        let (text, _) = drawn("host 192.0.2.1 or host 192.0.2.2 or host 192.0.2.3", 0..0, 40);
        assert!(text.contains("192.0.2.3"), "{text}");
    }
}
