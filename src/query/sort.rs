//! Ranks rows for sorting.

use super::answer::AnswerSums;
use super::question::StatOrder;

/// The rank of a row: the greater, the earlier in the list.
///
/// Rates refer to the time from the first to the last packet of the sums; they are whole
/// numbers, and 0 without a duration, as in nfdump.
pub(super) fn rank(order: StatOrder, sums: &AnswerSums, out_packets: u64, out_bytes: u64) -> u128 {
    let packets = u128::from(sums.packets) + u128::from(out_packets);
    let bytes = u128::from(sums.bytes) + u128::from(out_bytes);
    let duration = sums.last.since(sums.first).max(0).cast_unsigned();
    let per_second = |count: u128| (count * 1000).checked_div(u128::from(duration)).unwrap_or(0);
    match order {
        StatOrder::Flows => u128::from(sums.flows),
        StatOrder::Packets => packets,
        StatOrder::InPackets => u128::from(sums.packets),
        StatOrder::OutPackets => u128::from(out_packets),
        StatOrder::Bytes => bytes,
        StatOrder::InBytes => u128::from(sums.bytes),
        StatOrder::OutBytes => u128::from(out_bytes),
        StatOrder::Pps => per_second(packets),
        StatOrder::Bps => per_second(bytes * 8),
        StatOrder::Bpp => bytes.checked_div(packets).unwrap_or(0),
        StatOrder::First => earliest(sums.first.0),
        StatOrder::Last => earliest(sums.last.0),
        StatOrder::Duration => u128::from(duration),
    }
}

/// Greater for earlier times.
fn earliest(time: i64) -> u128 {
    u128::from(!(time.cast_unsigned() ^ 1 << 63))
}
