//! What stands first.

use super::answer::Sums;
use super::question::Order;

/// How far up something stands: the greater, the earlier in the list.
///
/// Rates are over what was summed, from its first packet to its last, in whole
/// numbers, 0 without a duration; that is how nfdump sorts by them.
pub(super) fn rank(order: Order, sums: &Sums, out_packets: u64, out_bytes: u64) -> u128 {
    let packets = u128::from(sums.packets) + u128::from(out_packets);
    let bytes = u128::from(sums.bytes) + u128::from(out_bytes);
    let duration = sums.last.since(sums.first).max(0).cast_unsigned();
    let per_second = |count: u128| (count * 1000).checked_div(u128::from(duration)).unwrap_or(0);
    match order {
        Order::Flows => u128::from(sums.flows),
        Order::Packets => packets,
        Order::InPackets => u128::from(sums.packets),
        Order::OutPackets => u128::from(out_packets),
        Order::Bytes => bytes,
        Order::InBytes => u128::from(sums.bytes),
        Order::OutBytes => u128::from(out_bytes),
        Order::Pps => per_second(packets),
        Order::Bps => per_second(bytes * 8),
        Order::Bpp => bytes.checked_div(packets).unwrap_or(0),
        Order::First => earliest(sums.first.0),
        Order::Last => earliest(sums.last.0),
        Order::Duration => u128::from(duration),
    }
}

/// Greater the earlier a time is.
fn earliest(time: i64) -> u128 {
    u128::from(!(time.cast_unsigned() ^ 1 << 63))
}
