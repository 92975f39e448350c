//! The rows of totals: in, out, and traffic that does not cross the line.

use crate::snapshot::{Basis, Counters, Direction, Snapshot};
use crate::units::{self, Unit};

use super::super::model::Model;
use super::super::paint::{Canvas, bar, spark};
use super::super::theme::Tone;

/// The widths of `IN   612M`.
const LABEL: u16 = 5;
const NUMBER: u16 = 5;
/// The widths of ` of 1.00G`, ` 100%`, `  peak 871M` and `  95th 700M`.
const OF: u16 = 9;
const PERCENT: u16 = 5;
const REMARK: u16 = 12;
/// The least width of a bar or sparkline.
const LEAST: u16 = 6;
/// The greatest width of a sparkline: ten minutes need no more.
const MOST: u16 = 60;

/// The content of a row of totals.
struct TotalsRow<'a> {
    label: &'static str,
    counters: &'a Counters,
    capacity: Option<u64>,
    series: &'a [u64],
    peak: u64,
    p95: Option<u64>,
}

/// Draws the row of one direction.
pub fn draw(canvas: &mut Canvas, model: &Model, snapshot: &Snapshot, direction: Direction, y: u16) {
    let link = &snapshot.link;
    let row = match direction {
        Direction::Down => TotalsRow {
            label: "IN",
            counters: &snapshot.totals.down,
            capacity: link.capacity_down,
            series: &link.series.down,
            peak: link.peak_down,
            p95: link.p95_down,
        },
        Direction::Up => TotalsRow {
            label: "OUT",
            counters: &snapshot.totals.up,
            capacity: link.capacity_up,
            series: &link.series.up,
            peak: link.peak_up,
            p95: link.p95_up,
        },
    };
    let unit = model.options.unit;
    let rate = super::common::rate(&snapshot.span, row.counters, unit);
    canvas.put(0, y, LABEL, row.label, Tone::Strong);
    canvas.right(LABEL + NUMBER, y, NUMBER, &units::short(rate), Tone::Plain);

    // Peak, percentile and history cover all traffic; next to a filtered rate they would
    // mislead.
    let filtered = !snapshot.view.filter.is_any();
    let taken = if filtered { 0 } else { remarks(canvas, &row, unit, y) };
    let remarks_from = canvas.width().saturating_sub(taken);
    let mut x = LABEL + NUMBER;
    let capacity = link.capacity_up.or(link.capacity_down);
    if capacity.is_some() {
        x = of_capacity(canvas, snapshot, &row, unit, (x, remarks_from), y);
    }
    let room = remarks_from.saturating_sub(x + 2).min(MOST);
    if room >= LEAST && !filtered {
        let step = link.series.step_ms.max(1);
        let line = spark(row.series, link.series.end.0.div_euclid(step), room, row.peak);
        canvas.put(remarks_from.saturating_sub(room + 1), y, room, &line, Tone::Plain);
    }
}

/// Draws `of 1.00G`, a bar and the percentage as far as they fit; returns the column after
/// them.
fn of_capacity(
    canvas: &mut Canvas,
    snapshot: &Snapshot,
    row: &TotalsRow,
    unit: Unit,
    (from, to): (u16, u16),
    y: u16,
) -> u16 {
    let mut x = from;
    if to < x + OF + PERCENT {
        return x;
    }
    let Some(capacity) = row.capacity else { return x };
    if unit != Unit::Packets {
        let text = format!(" of {:>5}", super::common::bits(capacity, unit));
        canvas.put(x, y, OF, &text, Tone::Plain);
    }
    x += OF;
    let now = snapshot.span.bits_per_second(row.counters.bytes);
    let percent = units::percent(now, capacity);
    let tone = if percent >= 100 { Tone::Critical } else { Tone::Plain };
    let room = to.saturating_sub(x + PERCENT + 1);
    let half = if room >= 2 * LEAST { room / 2 } else { 0 };
    // On wide terminals the sparkline gets a column for every value.
    let width = if half >= MOST / 2 + 10 { room.saturating_sub(MOST + 3).min(MOST) } else { half };
    if width >= LEAST {
        let (full, empty) = bar(percent, width);
        let end = canvas.put(x + 1, y, width, &full, tone);
        canvas.put(end, y, width, &empty, Tone::Faint);
        x += width + 1;
    }
    let text = format!("{:>4}%", percent.min(999));
    canvas.put(x, y, PERCENT, &text, tone)
}

/// Draws the peak and the 95th percentile at the right end as far as they fit; returns their
/// width.
fn remarks(canvas: &mut Canvas, row: &TotalsRow, unit: Unit, y: u16) -> u16 {
    let width = canvas.width();
    let p95 = row.p95.map_or("-".to_owned(), |rate| super::common::bits(rate, unit));
    let texts =
        [format!("95th {p95:>5}"), format!("peak {:>5}", super::common::bits(row.peak, unit))];
    let mut taken = 0;
    for text in texts.iter().skip(if width >= 76 { 0 } else { 1 }) {
        if width >= LABEL + NUMBER + taken + REMARK {
            canvas.right(width - taken, y, REMARK, text, Tone::Plain);
            taken += REMARK;
        }
    }
    taken
}

/// Draws internal and transit traffic, and its share that the tables do not contain.
pub fn mix(canvas: &mut Canvas, model: &Model, snapshot: &Snapshot, y: u16) {
    let unit = model.options.unit;
    let totals = &snapshot.totals;
    let mut x = 0;
    for (label, counters) in [("INTERNAL", &totals.internal), ("TRANSIT", &totals.transit)] {
        if !counters.is_zero() {
            let text = units::short(super::common::rate(&snapshot.span, counters, unit));
            x = canvas.put(x, y, 10, label, Tone::Strong) + 1;
            x = canvas.put(x, y, NUMBER, &format!("{text:>5}"), Tone::Plain) + 3;
        }
    }
    let whole = super::common::amount(&totals.sum(), unit);
    let apart = super::common::amount(&totals.internal, unit)
        + super::common::amount(&totals.transit, unit);
    let share = super::common::share(apart, whole);
    let text = match snapshot.basis {
        Basis::UpDown => format!("{share} of all, not in the tables"),
        Basis::SourceDestination { .. } => format!("{share} of all"),
    };
    canvas.put(x, y, canvas.width(), &text, Tone::Plain);
}

/// Whether [`mix`] has anything to show.
pub fn has_mix(snapshot: &Snapshot) -> bool {
    !(snapshot.totals.internal.is_zero() && snapshot.totals.transit.is_zero())
}
