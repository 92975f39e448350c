//! The columns of a table of conversations.

use crate::snapshot::{RowOrder, SortKey};
use crate::units::Unit;

use super::super::paint::{Canvas, bar, elide};
use super::super::theme::Tone;
use super::common::{sort_sign, sorts_rates};

/// The widths of columns, including the space before them.
const PORT: u16 = 6;
const SERVICE: u16 = 11;
const PROTO: u16 = 7;
const UP: u16 = 7;
const DOWN: u16 = 8;
const PACKETS: u16 = 7;
const FLOWS: u16 = 7;
const SHARE: u16 = 7;
const AGE: u16 = 7;
const CURSOR: u16 = 2;
/// The widths of an IPv4 address and of the longest IPv6 address.
const ADDRESS: u16 = 15;
const LONG_ADDRESS: u16 = 39;
/// The least and the greatest width of a bar.
const BAR: u16 = 8;
const LONG_BAR: u16 = 40;
/// The least and the greatest width of a path, including the space before it.
const VIA: u16 = 8;
const LONG_VIA: u16 = 36;

/// The end of each column; `None` if it is not shown. The peer starts at column 2.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ConversationColumns {
    /// The width of the peer's column.
    pub peer: u16,
    port: Option<u16>,
    service: Option<u16>,
    proto: Option<u16>,
    up: Option<u16>,
    down: Option<u16>,
    packets: Option<u16>,
    flows: Option<u16>,
    share: Option<u16>,
    bar: Option<u16>,
    bar_width: u16,
    age: Option<u16>,
    via: Option<u16>,
    via_width: u16,
}

/// The numbers of a row.
pub struct Figures {
    pub up: String,
    pub down: String,
    pub packets: String,
    pub flows: String,
    pub percent: u64,
}

impl ConversationColumns {
    /// The columns of a terminal of this width. `longest` is the width of the longest peer,
    /// `path` that of the longest path; 0 if no path is known.
    pub fn fit(width: u16, longest: u16, path: u16) -> ConversationColumns {
        let mut spare = width.saturating_sub(CURSOR + UP + DOWN);
        let mut take = |columns: u16, keep: u16| {
            let fits = spare >= columns + keep;
            spare -= if fits { columns } else { 0 };
            fits
        };
        let port = take(PORT, ADDRESS - 2);
        let proto = take(PROTO, ADDRESS);
        let flows = take(FLOWS, ADDRESS);
        let age = take(AGE, ADDRESS);
        let service = take(SERVICE, ADDRESS);
        let longest = longest.clamp(ADDRESS, LONG_ADDRESS);
        let packets = take(PACKETS, longest);
        let share = take(SHARE, longest);
        let bar = share && take(BAR, longest);
        let via_width = (path + 1).clamp(VIA, LONG_VIA);
        let via = bar && path > 0 && take(via_width, longest);
        let peer = if bar { longest.max(spare.min(ADDRESS * 2)) } else { spare };
        let bar_width = if bar { (BAR + spare.saturating_sub(peer)).min(LONG_BAR) } else { 0 };
        let peer = peer.min(spare);
        let mut x = CURSOR + peer;
        let mut end = |wanted: bool, width: u16| {
            x += if wanted { width } else { 0 };
            wanted.then_some(x)
        };
        ConversationColumns {
            peer,
            port: end(port, PORT),
            service: end(service, SERVICE),
            proto: end(proto, PROTO),
            up: end(true, UP),
            down: end(true, DOWN),
            packets: end(packets, PACKETS),
            flows: end(flows, FLOWS),
            share: end(share, SHARE),
            bar: end(bar, bar_width),
            bar_width,
            age: end(age, AGE),
            via: end(via, via_width),
            via_width,
        }
    }

    /// Whether a text that ends at `end` leaves enough room for the numbers.
    pub fn leaves_room(&self, end: u16) -> bool {
        self.up.is_some_and(|up| end + UP <= up)
    }

    /// Draws the titles of the columns, with the sign of the sorted one.
    pub fn heading(&self, canvas: &mut Canvas, y: u16, order: RowOrder, unit: Unit) {
        let sign = |sorted: bool| if sorted { sort_sign(order.reverse) } else { "" };
        let key = order.key;
        let peer = format!("PEER{}", sign(key == SortKey::Address));
        canvas.put(CURSOR, y, self.peer, &peer, Tone::Strong);
        self.protocol_cells(canvas, y, "PORT", "", "PROTO");
        self.via(canvas, y, "VIA", Tone::Strong);
        // The order by bytes is that of both directions together.
        let by = |one: SortKey| sign(sorts_rates(key, unit, &[SortKey::Bytes, one]));
        let up = format!("UP/s{}", by(SortKey::Up));
        let down = format!("DOWN/s{}", by(SortKey::Down));
        let packets = format!("PKT/s{}", sign(key == SortKey::Packets));
        let flows = format!("FLOWS{}", sign(key == SortKey::Flows));
        for (end_column, room, text) in [
            (self.up, UP, up.as_str()),
            (self.down, DOWN, &down),
            (self.packets, PACKETS, &packets),
            (self.flows, FLOWS, &flows),
            (self.share, SHARE, "SHARE"),
            (self.age, AGE, "AGE"),
        ] {
            number(canvas, y, end_column, room, text, Tone::Strong);
        }
    }

    /// Draws port, service and protocol of a conversation.
    pub fn protocol_cells(
        &self,
        canvas: &mut Canvas,
        y: u16,
        port: &str,
        service: &str,
        proto: &str,
    ) {
        number(canvas, y, self.port, PORT, port, Tone::Plain);
        for (end_column, width, text) in
            [(self.service, SERVICE, service), (self.proto, PROTO, proto)]
        {
            if let Some(end) = end_column {
                canvas.put(end + 1 - width, y, width - 1, text, Tone::Plain);
            }
        }
    }

    pub fn numbers(&self, canvas: &mut Canvas, y: u16, figures: &Figures) {
        let share = format!("{}%", figures.percent.min(999));
        for (end_column, room, text) in [
            (self.up, UP, &figures.up),
            (self.down, DOWN, &figures.down),
            (self.packets, PACKETS, &figures.packets),
            (self.flows, FLOWS, &figures.flows),
            (self.share, SHARE, &share),
        ] {
            number(canvas, y, end_column, room, text, Tone::Plain);
        }
    }

    /// Draws the duration of the conversation.
    pub fn age(&self, canvas: &mut Canvas, y: u16, age: &str) {
        number(canvas, y, self.age, AGE, age, Tone::Plain);
    }

    /// Draws the path of the conversation.
    pub fn via(&self, canvas: &mut Canvas, y: u16, text: &str, tone: Tone) {
        if let Some(end) = self.via {
            let room = self.via_width - 1;
            // The exporter comes first, so the middle is cut: the interface at the end is more
            // specific.
            canvas.put(end - room, y, room, &elide(text, room), tone);
        }
    }

    /// Draws the share of a row as a bar.
    pub fn bar(&self, canvas: &mut Canvas, y: u16, percent: u64) {
        let Some(end) = self.bar else { return };
        let width = self.bar_width.saturating_sub(1);
        let (full, empty) = bar(percent, width);
        let middle = canvas.put(end.saturating_sub(width), y, width, &full, Tone::Plain);
        canvas.put(middle, y, width, &empty, Tone::Faint);
    }
}

fn number(canvas: &mut Canvas, y: u16, end_column: Option<u16>, room: u16, text: &str, tone: Tone) {
    if let Some(end) = end_column {
        canvas.right(end, y, room, text, tone);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stay_within_the_terminal() {
        for width in 18..240 {
            for (longest, way) in [(7, 0), (15, 20), (25, 60), (39, 28), (39, 3)] {
                let columns = ConversationColumns::fit(width, longest, way);
                let ends = [columns.down, columns.flows, columns.bar, columns.age, columns.via];
                let last = ends.into_iter().flatten().max().unwrap_or(0);
                assert!(last <= width, "{width} {longest} {way}: {columns:?}");
            }
        }
        assert!(ConversationColumns::fit(80, 15, 24).service.is_some());
        assert!(ConversationColumns::fit(160, 39, 24).bar.is_some());
        assert!(ConversationColumns::fit(160, 39, 24).via.is_some());
    }
}
