//! The help: the key table in words, what the signs mean, and how the
//! collecting goes.

use crate::snapshot::Snapshot;

use super::super::action::{BINDINGS, Binding, Context};
use super::super::layout::{Layout, Part, one};
use super::super::model::{HelpScreen, Model};
use super::super::paint::{Canvas, Piece, pieces};
use super::super::theme::Tone;
use super::{collector, status};

/// Columns of the key names.
const KEYS: usize = 16;

const SIGNS: &[(&str, &str)] = &[
    ("! !!", "over a limit; at least twice the limit, or a full line"),
    ("▼ ▲", "sorted by this; the other way round"),
    (">", "the selected row; it follows its host when the order changes"),
    ("~others", "everything that is not listed, so that the rows add up to the total"),
    ("(65s ago)", "the window ends where the exporters' reports are complete"),
    ("filling", "collecting began within the window; the rates are of what there is"),
    ("incomplete", "an exporter reports too seldom for this window"),
    ("FROZEN", "the screen stands still; Space lets it go"),
    ("STOPPED", "no more figures come; toptalk has to be started again"),
    ("sampled", "the exporters count one packet in so many; the figures are scaled up"),
    ("lost dropped", "datagrams that went missing; records that could not be used"),
];

/// A line of the help.
pub enum Line {
    Title(String),
    Entry(String, String),
}

/// Everything there is to say, for the screen the help is about first.
pub fn lines(about: Context, snapshot: &Snapshot) -> Vec<Line> {
    let mut lines = Vec::new();
    let first = if about == Context::Drill { Context::Drill } else { Context::Main };
    for context in [first, Context::Filter] {
        lines.push(Line::Title(format!("Keys: {}", context.title())));
        // What is listed for the screen need not be said again for the line.
        let said = |binding: &Binding| context == Context::Filter && binding.applies(first);
        for binding in BINDINGS.iter().filter(|b| b.applies(context) && !said(b)) {
            let keys: Vec<_> = binding.keys.iter().map(|key| key.name()).collect();
            lines.push(Line::Entry(keys.join(" "), binding.help.to_owned()));
        }
        lines.push(Line::Title(String::new()));
    }
    lines.push(Line::Title("Signs".to_owned()));
    for (sign, meaning) in SIGNS {
        lines.push(Line::Entry((*sign).to_owned(), (*meaning).to_owned()));
    }
    lines.extend(collector::lines(snapshot));
    lines
}

pub fn layout(height: u16) -> Layout {
    let wants = [one(Part::Header, 2), one(Part::Rows, 0), one(Part::Footer, 4)];
    Layout::stack(height, &wants)
}

pub fn draw(canvas: &mut Canvas, model: &Model, screen: &HelpScreen, snapshot: &Snapshot) {
    let layout = layout(canvas.height());
    let width = canvas.width();
    let lines = lines(screen.about, snapshot);
    let rows = layout.lines(Part::Rows);
    let top = screen.top.min(lines.len().saturating_sub(rows.len()));
    if let Some(y) = layout.line(Part::Header) {
        let shown = (top + rows.len()).min(lines.len());
        let place = format!("lines {}-{shown} of {}", top + 1, lines.len());
        let title = Piece::new(0, Tone::Strong, "toptalk > Help and collecting");
        pieces(canvas, y, vec![title], vec![Piece::new(1, Tone::Plain, place)]);
    }
    for (y, line) in rows.zip(lines.iter().skip(top)) {
        match line {
            Line::Title(title) => {
                canvas.put(0, y, width, title, Tone::Strong);
            }
            Line::Entry(keys, help) => {
                canvas.put(2, y, width, &format!("{keys:<KEYS$} {help}"), Tone::Plain);
            }
        }
    }
    if let Some(y) = layout.line(Part::Footer) {
        if status::is_urgent(model) {
            status::draw(canvas, model, snapshot, y);
        } else {
            status::footer(canvas, model, y);
        }
    }
}
