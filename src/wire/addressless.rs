//! Records whose addresses are both 0.0.0.0 or ::, as devices send them for what they could not
//! attribute. They count for no host, like records without addresses.

use super::report::{Cause, DatagramReport};
use crate::flow::{Flow, Host};

/// Whether both addresses of a flow are 0.0.0.0 or ::.
#[inline]
pub(super) fn has_none(src: Host, dst: Host) -> bool {
    !may_have_some(src, dst) && src.is_unspecified() && dst.is_unspecified()
}

/// Whether two addresses are not both unspecified, with few instructions: `false` for some others.
#[inline]
pub(super) fn may_have_some(src: Host, dst: Host) -> bool {
    // The lowest bits of both forms of an unspecified address are 0, which few others are.
    (src.0 as u32 | dst.0 as u32) != 0
}

/// Removes the flows without addresses from `before` on, and counts their records. Every record
/// must have become one flow.
pub(super) fn remove(out: &mut Vec<Flow>, before: usize, report: &mut DatagramReport) {
    let first = out.iter().skip(before).position(|flow| has_none(flow.src, flow.dst));
    let Some(first) = first.map(|at| before + at) else { return };
    let mut kept = first;
    for at in first..out.len() {
        let flow = out[at];
        if has_none(flow.src, flow.dst) {
            let seen = &mut report.addressless;
            seen.records += 1;
            seen.bytes = seen.bytes.saturating_add(flow.bytes);
            seen.packets = seen.packets.saturating_add(flow.packets);
            report.causes.count(Cause::NoAddresses);
            report.flows = report.flows.saturating_sub(1);
        } else {
            out[kept] = flow;
            kept += 1;
        }
    }
    out.truncate(kept);
}
