//! The help: the key table in words, and what the signs mean.

use crate::snapshot::Snapshot;

use super::super::action::{BINDINGS, Binding, Context};
use super::super::layout::{ScreenLayout, ScreenPart, one};
use super::super::model::{HelpScreen, Model};
use super::super::paint::{Canvas, LinePiece, pieces};
use super::super::theme::Tone;
use super::status;

/// Columns of the key names.
const KEYS: usize = 16;

const SIGNS: &[(&str, &str)] = &[
    ("! !!", "over a limit; at least twice the limit, or a full line"),
    ("▼ ▲", "sorted by this; the other way round"),
    (">", "selected; it stays on its row when the order changes"),
    ("~others", "what is not listed, so that the rows add up to the total"),
    ("94.2M+", "at least: its row came late, more than 1 % may be missing"),
    ("others: up to", "more hosts than rows; one without a row has at most this"),
    ("via VIA", "the way of most of what a host sent: exporter, in>out"),
    ("(65s ago)", "the window ends where the exporters' reports are complete"),
    ("filling", "collecting began within the window; rates of what there is"),
    ("incomplete", "an exporter reports too seldom for this window"),
    ("FROZEN", "the screen stands still; Space lets it go"),
    ("STOPPED", "no more figures come; toptalk has to be started again"),
    ("!3 exporters", "one is not well, `!!` silent; e tells which and what helps"),
    ("sampled", "exporters count one packet in so many; figures are scaled"),
    ("lost dropped", "datagrams that went missing; records that could not be used"),
];

const LIST_SIGNS: &[(&str, &str)] = &[
    ("UP/s DOWN/s", "what local hosts sent and received across the line"),
    ("of interfaces", "UP/s what left through it, DOWN/s what came in by it"),
    ("CONVS HOSTS", "conversations; of a group its hosts"),
    ("other/udp", "traffic of ports that are no service's"),
    ("PEER NETWORKS", "networks of the remote end, /24 of IPv4, /48 of IPv6"),
    ("if 7", "an interface by its index, until its exporter names it"),
    ("not reported", "flows whose exporter named no interface for one side"),
    ("(no group)", "local hosts that no --group names"),
];

const EXPORTER_SIGNS: &[(&str, &str)] = &[
    ("! !!", "figures are late, wrong or too low; nothing comes any more"),
    ("PKT/s FLOW/s", "datagrams and flow records a second, means of ten seconds"),
    ("LOST", "datagrams (v9, sFlow), flows (v5) or records (IPFIX)"),
    ("TMPL", "templates confirmed and known; remembered ones are not yet"),
    ("SAMPLE", "1:1000 announced, 1:1000= by --sampling, 1:1 ? not known"),
    ("CLOCK", "its clock, + ahead of ours, - behind; times are corrected"),
    ("HELD", "data sets that wait for their template"),
    ("DOUBLED", "flows that came from two interfaces; they are counted once"),
    ("TIMEOUT", "the active timeout that its longest flows suggest"),
    ("DELAY", "how long after a flow's end its record comes, 99th percentile"),
    ("dropped odd", "what could not be used; what was strange but used anyway"),
    ("refused", "datagrams of senders that --allow does not name"),
    ("REFRESH USED", "templates: since last sent, and since data last used it"),
    ("CHANGED", "! templates: came with another shape; a restart, or a forger"),
];

/// A line of the help.
pub enum HelpLine {
    Title(String),
    Entry(String, String),
}

/// Everything there is to say, for the screen the help is about first.
pub fn lines(about: Context) -> Vec<HelpLine> {
    let mut lines = Vec::new();
    let (first, own, signs): (_, &[_], _) = match about {
        Context::Exporters | Context::Exporter => (about, &[], EXPORTER_SIGNS),
        Context::Groups => (about, LIST_SIGNS, SIGNS),
        Context::Drill => (about, &[], SIGNS),
        Context::Main | Context::Help | Context::Filter => (Context::Main, &[], SIGNS),
    };
    let contexts = [first, Context::Filter];
    let has_filter = matches!(first, Context::Main | Context::Groups | Context::Drill);
    for context in contexts.into_iter().take(if has_filter { 2 } else { 1 }) {
        lines.push(HelpLine::Title(format!("Keys: {}", context.title())));
        // What is listed for the screen need not be said again for the line.
        let said = |binding: &Binding| context == Context::Filter && binding.applies(first);
        for binding in BINDINGS.iter().filter(|b| b.applies(context) && !said(b)) {
            let keys: Vec<_> = binding.keys.iter().map(|key| key.name()).collect();
            lines.push(HelpLine::Entry(keys.join(" "), binding.help.to_owned()));
        }
        lines.push(HelpLine::Title(String::new()));
    }
    lines.push(HelpLine::Title("Signs".to_owned()));
    for (sign, meaning) in own.iter().chain(signs) {
        lines.push(HelpLine::Entry((*sign).to_owned(), (*meaning).to_owned()));
    }
    if has_filter {
        let text = "exporters: how each is doing, what was dropped and why";
        lines.push(HelpLine::Entry("e".to_owned(), text.to_owned()));
    }
    lines
}

pub fn layout(height: u16) -> ScreenLayout {
    let wants = [one(ScreenPart::Header, 2), one(ScreenPart::Rows, 0), one(ScreenPart::Footer, 4)];
    ScreenLayout::stack(height, &wants)
}

pub fn draw(canvas: &mut Canvas, model: &Model, screen: &HelpScreen, snapshot: &Snapshot) {
    let layout = layout(canvas.height());
    let width = canvas.width();
    let lines = lines(screen.about);
    let rows = layout.lines(ScreenPart::Rows);
    let top = screen.top.min(lines.len().saturating_sub(rows.len()));
    if let Some(y) = layout.line(ScreenPart::Header) {
        let shown = (top + rows.len()).min(lines.len());
        let place = format!("lines {}-{shown} of {}", top + 1, lines.len());
        let title = LinePiece::new(0, Tone::Strong, "toptalk > Help");
        pieces(canvas, y, vec![title], vec![LinePiece::new(1, Tone::Plain, place)]);
    }
    for (y, line) in rows.zip(lines.iter().skip(top)) {
        match line {
            HelpLine::Title(title) => {
                canvas.put(0, y, width, title, Tone::Strong);
            }
            HelpLine::Entry(keys, help) => {
                canvas.put(2, y, width, &format!("{keys:<KEYS$} {help}"), Tone::Plain);
            }
        }
    }
    if let Some(y) = layout.line(ScreenPart::Footer) {
        if status::is_urgent(model) {
            status::draw(canvas, model, snapshot, y);
        } else {
            status::footer(canvas, model, y);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_fit_on_a_terminal_of_80_columns() {
        for context in Context::ALL {
            for line in lines(context) {
                let HelpLine::Entry(keys, help) = line else { continue };
                let width = 2 + keys.chars().count().max(KEYS) + 1 + help.chars().count();
                assert!(width <= 80, "{width}: {keys} {help}");
            }
        }
    }
}
