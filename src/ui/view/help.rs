//! The help: the key table, and the meaning of signs.

use crate::snapshot::Snapshot;

use super::super::action::{BINDINGS, Binding, Context};
use super::super::layout::{ScreenLayout, ScreenPart, one};
use super::super::model::{HelpScreen, Model};
use super::super::paint::{Canvas, LinePiece, pieces};
use super::super::theme::Tone;
use super::status;

/// The width of the column of keys.
const KEYS: usize = 16;

const SIGNS: &[(&str, &str)] = &[
    ("! !!", "over a limit; !! at least twice the limit, or a full link"),
    ("▼ ▲", "sorted by this column; ▲ in reverse order"),
    (">", "selected row; the selection follows the row when it moves"),
    ("~others", "all rows not listed, so that the rows add up to the total"),
    ("94.2M+", "at least: the row began late, more than 1 % may be missing"),
    ("others: up to", "more hosts than rows; a host without a row has at most this"),
    ("via VIA", "path of most traffic of a host: exporter, interfaces in>out"),
    ("(65s ago)", "the window ends where the exporters' reports are complete"),
    ("filling", "the window is not full yet; rates cover the time so far"),
    ("incomplete", "an exporter reports too rarely for this window"),
    ("FROZEN", "the screen is frozen; Space resumes"),
    ("STOPPED", "no new figures arrive; toptalk must be restarted"),
    ("!3 exporters", "one has a problem, `!!` is silent; e shows which and why"),
    ("sampled", "exporters count one packet in N; figures are scaled up"),
    ("lost dropped", "data lost on the way; data that could not be used"),
];

const LIST_SIGNS: &[(&str, &str)] = &[
    ("UP/s DOWN/s", "sent and received by local hosts over the link"),
    ("of interfaces", "UP/s leaves through the interface, DOWN/s comes in"),
    ("CONVS HOSTS", "number of conversations; of a group, number of hosts"),
    ("other/udp", "traffic of ports that belong to no service"),
    ("PEER NETWORKS", "networks of the remote end, /24 of IPv4, /48 of IPv6"),
    ("if 7", "an interface by its index, until its exporter sends a name"),
    ("not reported", "the exporter reported no interface for this side"),
    ("(no group)", "local hosts that are in no --group"),
];

const EXPORTER_SIGNS: &[(&str, &str)] = &[
    ("! !!", "figures are late, wrong or too low; !! nothing arrives"),
    ("PKT/s FLOW/s", "datagrams and flow records per second, mean of ten seconds"),
    ("LOST", "datagrams (v9, sFlow), flows (v5) or records (IPFIX)"),
    ("TMPL", "templates confirmed / known; restored ones are unconfirmed"),
    ("SAMPLE", "1:1000 announced, 1:1000= by --sampling, 1:1 ? unknown"),
    ("CLOCK", "its clock, + ahead of this host, - behind; it is corrected"),
    ("HELD", "data sets that wait for their template"),
    ("DOUBLED", "flows reported by two interfaces; they are counted once"),
    ("TIMEOUT", "active timeout, estimated from its longest flows"),
    ("DELAY", "time from a flow's end to its record, 99th percentile"),
    ("dropped unusual", "data that could not be used; unusual data that was used"),
    ("refused", "datagrams from senders that are outside --allow"),
    ("REFRESH USED", "templates: time since last sent, and since last used"),
    ("CHANGED", "! templates: the layout changed; a restart, or spoofing"),
];

/// A line of the help.
pub enum HelpLine {
    Title(String),
    Entry(String, String),
}

/// All lines; those for the screen from which the help was opened come first.
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
        // Keys listed for the screen are not repeated for the filter line.
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
        let text = "exporters: the condition of each, what was dropped and why";
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
        let position = format!("lines {}-{shown} of {}", top + 1, lines.len());
        let title = LinePiece::new(0, Tone::Strong, "toptalk > Help");
        pieces(canvas, y, vec![title], vec![LinePiece::new(1, Tone::Plain, position)]);
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
