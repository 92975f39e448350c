//! The columns that fit into a pane, and their positions.

use crate::snapshot::SortKey;

/// The widths of `>`, of the rank, of the alert mark and of a number.
const CURSOR: u16 = 1;
const RANK: u16 = 3;
const MARK: u16 = 2;
pub const NUMBER: u16 = 5;
/// The width of a number with the space before it.
const SPACED: u16 = NUMBER + 1;
/// The width of a number whose heading has a sign: `pkt/s▼`.
const SIGNED: u16 = SPACED + 1;
const SHARE: u16 = 5;
/// The gap that the heading of the share needs if no bar separates it from the heading before.
const GAP: u16 = 1;
/// The widths of an IPv4 address and of the longest IPv6 address.
const ADDRESS: u16 = 15;
const LONG_ADDRESS: u16 = 39;
/// The least and the greatest width of a bar, including the space before it.
const BAR: u16 = 7;
const LONG_BAR: u16 = 32;

/// The narrowest terminal with two panes: each holds addresses and rates.
pub const TWO_PANES: u16 = 2 * (CURSOR + RANK + MARK + ADDRESS + SPACED) + 1;

/// The positions of a pane's columns, counted from the pane's left edge: the start of a text,
/// or the end of a number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PaneColumns {
    /// The end of the rank.
    pub rank: Option<u16>,
    pub mark: u16,
    pub address: u16,
    pub address_width: u16,
    pub rate: u16,
    pub packets: Option<u16>,
    pub flows: Option<u16>,
    /// The start and the width.
    pub bar: Option<(u16, u16)>,
    pub share: Option<u16>,
}

impl PaneColumns {
    /// The columns of a pane of this width. `longest` is the width of the longest address. The
    /// sorted column has priority over others and has room for its sign; `low` reserves room
    /// for the sign of a rate that may be too low.
    pub fn fit(width: u16, longest: u16, sorted: SortKey, low: bool) -> PaneColumns {
        let low = u16::from(low);
        let mut spare = width.saturating_sub(CURSOR + MARK + SPACED + low);
        let mut take = |columns: u16, keep: u16| {
            let fits = spare >= columns + keep;
            spare -= if fits { columns } else { 0 };
            fits
        };
        let packets_first = sorted == SortKey::Packets && take(SIGNED, ADDRESS - 2);
        let flows_first = sorted == SortKey::Flows && take(SIGNED, ADDRESS - 2);
        let rank = take(RANK, ADDRESS - 2);
        let share = take(SHARE + GAP, ADDRESS);
        let gap = if share { GAP } else { 0 };
        // A sign takes one column of the bar instead of removing the bar.
        let least = BAR - low;
        let bar = take(least - gap, ADDRESS);
        let longest = longest.clamp(ADDRESS, LONG_ADDRESS);
        let packets = packets_first || take(SPACED, longest);
        let flows = flows_first || take(SPACED, longest);
        let address_width = if bar { spare.min(longest) } else { spare };
        spare -= address_width;
        let bar_width = if bar { (least + spare).min(LONG_BAR) } else { 0 };
        spare = (least + spare).saturating_sub(LONG_BAR) * u16::from(bar);
        PaneColumns::position(Widths {
            rank,
            address: address_width + spare,
            low,
            packets: width_of(packets, packets_first),
            flows: width_of(flows, flows_first),
            bar: bar_width,
            share: match (share, bar) {
                (false, _) => 0,
                (true, false) => SHARE + GAP,
                (true, true) => SHARE,
            },
        })
    }

    fn position(widths: Widths) -> PaneColumns {
        let mut x = CURSOR;
        let mut end = |wanted: bool, width: u16| {
            x += if wanted { width } else { 0 };
            wanted.then_some(x)
        };
        let rank = end(true, if widths.rank { RANK } else { 0 }).filter(|_| widths.rank);
        let mark = end(true, MARK).unwrap_or_default();
        let address_end = end(true, widths.address).unwrap_or_default();
        let rate = end(true, SPACED).unwrap_or_default();
        end(true, widths.low);
        let packets = end(widths.packets > 0, widths.packets);
        let flows = end(widths.flows > 0, widths.flows);
        let bar = end(widths.bar > 0, widths.bar);
        let share = end(widths.share > 0, widths.share);
        PaneColumns {
            rank,
            mark,
            address: mark,
            address_width: address_end - mark,
            rate,
            packets,
            flows,
            bar: bar.map(|end| (end + 1 - widths.bar, widths.bar - 1)),
            share,
        }
    }
}

/// The width of a column of numbers; 0 if it is not shown.
fn width_of(shown: bool, sorted: bool) -> u16 {
    match (shown, sorted) {
        (false, _) => 0,
        (true, false) => SPACED,
        (true, true) => SIGNED,
    }
}

/// The width of each column; 0 or false if it is not shown.
struct Widths {
    rank: bool,
    address: u16,
    low: u16,
    packets: u16,
    flows: u16,
    bar: u16,
    share: u16,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_left_out_first_then_shares_and_numbers_stay() {
        let fit = |width| PaneColumns::fit(width, 15, SortKey::Bytes, false);
        assert!(fit(39).bar.is_some() && fit(39).share.is_some());
        assert!(fit(38).bar.is_none() && fit(38).share.is_some());
        assert!(fit(31).share.is_none() && fit(31).rank.is_some());
        assert!(fit(20).rank.is_none());
        assert!(fit(79).packets.is_some() && fit(79).flows.is_some());
        for width in 9..200 {
            for low in [false, true] {
                let columns = PaneColumns::fit(width, 39, SortKey::Flows, low);
                let last = columns.share.or(columns.flows);
                let last = last.unwrap_or(columns.rate + u16::from(low));
                assert!(last <= width.max(9 + u16::from(low)), "{width}: {columns:?}");
            }
        }
    }

    #[test]
    fn the_sorted_column_is_shown() {
        for low in [false, true] {
            assert!(PaneColumns::fit(39, 15, SortKey::Packets, low).packets.is_some());
            assert!(PaneColumns::fit(39, 15, SortKey::Flows, low).flows.is_some());
        }
        assert_eq!(PaneColumns::fit(79, 39, SortKey::Bytes, false).address_width, 39);
    }
}
