//! A batch of flows prepared for rows and totals: classified, cut into one piece per pane,
//! and with their paths numbered.

use super::entry::{EntryKind, FlowPart};
use super::key::{CompactHost, ConversationKey, LogLane};
use super::log::TimeLog;
use super::pane::{Edges, seconds};
use super::paths::Paths;
use super::row::{RowKind, Update};
use super::spread::{corrected, spread};
use crate::flow::{Flow, FlowEnds, FlowExtras, Host, LocalNetworks, TrafficClass};

/// A flow that is counted.
struct Prepared {
    class: TrafficClass,
    path: u32,
    plain: u32,
    first_piece: u32,
    pieces: u32,
}

/// A prepared batch.
pub(super) struct PreparedBatch {
    flows: Vec<Prepared>,
    pieces: Vec<FlowPart>,
    /// The pane of the newest arrival.
    arrived: u32,
    pub(super) conversations: Vec<Update<ConversationKey>>,
    pub(super) hosts: Vec<Update<CompactHost>>,
}

impl PreparedBatch {
    /// Prepares the flows for which `counts` returns true. `more` has their extra fields.
    pub(super) fn new(
        edges: &Edges,
        local: &LocalNetworks,
        paths: &Paths,
        flows: &[Flow],
        more: &[FlowExtras],
        counts: impl Fn(&Flow) -> bool,
    ) -> PreparedBatch {
        let newest = flows.iter().map(|flow| flow.arrival).max().unwrap_or_default();
        let mut batch = PreparedBatch {
            arrived: edges.pane(seconds(newest)),
            flows: Vec::with_capacity(flows.len()),
            pieces: Vec::with_capacity(3 * flows.len()),
            conversations: Vec::with_capacity(flows.len()),
            hosts: Vec::with_capacity(flows.len()),
        };
        let numbers = paths.number(flows);
        for (flow, numbered) in flows.iter().zip(numbers).filter(|(flow, _)| counts(flow)) {
            let ends = flow.ends(more);
            let class = local.classify(ends.src, ends.dst);
            let (first, last) = corrected(flow);
            let first_piece = batch.pieces.len();
            spread(edges, flow, first, last, &mut batch.pieces);
            // The last piece counts the flow.
            if let Some(last) = batch.pieces.last_mut().filter(|_| flow.is_many) {
                last.flows = u32::try_from(flow.count(more)).unwrap_or(u32::MAX);
            }
            batch.flows.push(Prepared {
                class,
                path: numbered.path,
                plain: numbered.plain,
                first_piece: first_piece as u32,
                pieces: (batch.pieces.len() - first_piece) as u32,
            });
            batch.update_rows(flow.proto, &ends, class);
        }
        batch
    }

    fn update_rows(&mut self, proto: u8, ends: &FlowEnds, class: TrafficClass) {
        let number = (self.flows.len() - 1) as u32;
        let (key, lane) = ConversationKey::of(proto, ends, class);
        let local = class != TrafficClass::Transit;
        self.conversations.push(Update { key, flow: number, lane, local });
        let mut host = |host: Host, lane: Option<LogLane>| {
            self.hosts.extend(lane.map(|lane| Update {
                key: host.into(),
                flow: number,
                lane: lane as u8,
                local,
            }));
        };
        host(ends.src, LogLane::of_source(class));
        host(ends.dst, LogLane::of_destination(class));
    }

    fn pieces_of(&self, flow: &Prepared) -> &[FlowPart] {
        let first = flow.first_piece as usize;
        self.pieces.get(first..first + flow.pieces as usize).unwrap_or(&[])
    }

    /// The class and the pieces of every flow.
    pub(super) fn each(&self) -> impl Iterator<Item = (TrafficClass, &[FlowPart])> {
        self.flows.iter().map(|flow| (flow.class, self.pieces_of(flow)))
    }

    /// The sum of a flow's bytes.
    pub(super) fn bytes(&self, flow: u32) -> u64 {
        let pieces = self.flows.get(flow as usize).map_or(&[][..], |flow| self.pieces_of(flow));
        pieces.iter().map(|piece| piece.bytes).fold(0, u64::saturating_add)
    }

    /// The pane of the newest arrival.
    pub(super) fn arrived(&self) -> u32 {
        self.arrived
    }
}

impl PreparedBatch {
    /// Adds a flow to the log of a row with keys of kind `K`.
    #[inline]
    pub(super) fn add_to<K: RowKind>(&self, log: &mut TimeLog, edges: &Edges, update: &Update<K>) {
        let Some(flow) = self.flows.get(update.flow as usize) else { return };
        let path = if K::PATHS { flow.path } else { flow.plain };
        log.add(edges, EntryKind { lane: update.lane, path }, flow.plain, self.pieces_of(flow));
    }
}
