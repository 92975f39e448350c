//! Compares the flows of this decoder with the records of netflow_parser, an independent
//! decoder, field by field.

use std::collections::HashMap;
use std::sync::OnceLock;

use netflow_parser::variable_versions::ipfix::lookup::IPFixField;
use netflow_parser::variable_versions::{ipfix, v9};
use netflow_parser::{FieldValue, NetflowPacket};
use toptalk::flow::{Flow, FlowExtras, Host, Time, extras_of};

/// Enterprise number of the reverse direction of a biflow (RFC 5103).
const REVERSE: u32 = 29305;

/// The fields that both decoders have. Times are compared only where they need nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shared {
    ends: [(Host, u16, u32, u32, u8); 2],
    next_hop: Host,
    counted: (u64, u64),
    marks: (u8, u8, u8, u8, u16),
    first: Option<Time>,
    last: Option<Time>,
    more: FlowExtras,
}

impl Shared {
    /// The fields of a flow of this decoder. Times that are missing in `like` are left out.
    fn of(flow: &Flow, more: &FlowExtras, like: &Shared) -> Shared {
        Shared {
            ends: [
                (flow.src, flow.sport, flow.input, flow.src_as, flow.src_mask),
                (flow.dst, flow.dport, flow.output, flow.dst_as, flow.dst_mask),
            ],
            next_hop: flow.next_hop,
            counted: (flow.bytes, flow.packets),
            marks: (flow.proto, flow.tcp_flags, flow.tos, flow.direction, flow.vlan),
            first: like.first.map(|_| flow.first),
            last: like.last.map(|_| flow.last),
            // Inside addresses follow from the others; the other decoder does not derive them.
            // It does not read applications.
            more: FlowExtras {
                src_inside: Host::UNSPECIFIED,
                dst_inside: Host::UNSPECIFIED,
                app: FlowExtras::NONE.app,
                app_name: FlowExtras::NONE.app_name,
                ..*more
            },
        }
    }
}

/// Compares the results of both decoders for a datagram. Returns the number of equal flows,
/// `None` when the datagram holds something that cannot be compared.
///
/// # Errors
/// The difference.
pub fn compare(
    ours: &[Flow],
    more: &[FlowExtras],
    theirs: &NetflowPacket,
) -> Result<Option<usize>, String> {
    let Some(expected) = expect(theirs) else { return Ok(None) };
    if ours.len() != expected.len() {
        return Err(format!("{} flows, but {} expected", ours.len(), expected.len()));
    }
    for (index, (flow, want)) in ours.iter().zip(&expected).enumerate() {
        let got = Shared::of(flow, extras_of(flow, more), want);
        if got != *want {
            return Err(format!("flow {index} is {got:?}\nbut {want:?} is expected"));
        }
    }
    Ok(Some(expected.len()))
}

/// The flows that the records of netflow_parser should become.
fn expect(packet: &NetflowPacket) -> Option<Vec<Shared>> {
    let mut flows = Vec::new();
    match packet {
        NetflowPacket::V5(v5) => {
            let header = &v5.header;
            let exported =
                i64::from(header.unix_secs) * 1000 + i64::from(header.unix_nsecs) / 1_000_000;
            let clock = Clock { exported, uptime: Some(header.sys_up_time) };
            flows.extend(v5.flowsets.iter().map(|record| v5_flow(record, clock)));
        }
        NetflowPacket::V9(message) => {
            let header = &message.header;
            let exported = i64::from(header.unix_secs) * 1000;
            let clock = Clock { exported, uptime: Some(header.sys_up_time) };
            for set in &message.flowsets {
                match &set.body {
                    v9::FlowSetBody::Data(data) => {
                        for record in &data.fields {
                            let fields = record.iter().map(|(f, v)| ((0, u16::from(*f)), v));
                            flows.extend(Record::new(fields).flows(clock)?.into_iter().flatten());
                        }
                    }
                    v9::FlowSetBody::NoTemplate(_) => return None,
                    _ => {}
                }
            }
        }
        NetflowPacket::IPFix(message) => {
            let clock =
                Clock { exported: i64::from(message.header.export_time) * 1000, uptime: None };
            for set in &message.flowsets {
                match &set.body {
                    ipfix::FlowSetBody::Data(data) => {
                        for record in &data.fields {
                            let fields = record.iter().map(|(f, v)| (number_of(f), v));
                            flows.extend(Record::new(fields).flows(clock)?.into_iter().flatten());
                        }
                    }
                    ipfix::FlowSetBody::Template(_)
                    | ipfix::FlowSetBody::Templates(_)
                    | ipfix::FlowSetBody::OptionsTemplate(_)
                    | ipfix::FlowSetBody::OptionsTemplates(_)
                    | ipfix::FlowSetBody::OptionsData(_) => {}
                    // Data without a template, or in the form of v9.
                    _ => return None,
                }
            }
        }
        _ => return None,
    }
    Some(flows)
}

/// What times are relative to: the export time, and the exporter's uptime at that time.
#[derive(Clone, Copy)]
struct Clock {
    exported: i64,
    uptime: Option<u32>,
}

impl Clock {
    fn at(self, uptime: u64) -> Option<Time> {
        let age = self.uptime?.wrapping_sub(uptime as u32) as i32;
        Some(Time(self.exported - i64::from(age)))
    }
}

fn v5_flow(record: &netflow_parser::static_versions::v5::FlowSet, clock: Clock) -> Shared {
    let r = record;
    let host = |address: std::net::Ipv4Addr| Host::v4(address.to_bits());
    let wide = |n: u16| u32::from(n);
    Shared {
        ends: [
            (host(r.src_addr), r.src_port, wide(r.input), wide(r.src_as), r.src_mask),
            (host(r.dst_addr), r.dst_port, wide(r.output), wide(r.dst_as), r.dst_mask),
        ],
        next_hop: host(r.next_hop),
        counted: (u64::from(r.d_octets), u64::from(r.d_pkts)),
        marks: (r.protocol_number, r.tcp_flags, r.tos, Flow::NO_DIRECTION, 0),
        first: clock.at(u64::from(r.first)),
        last: clock.at(u64::from(r.last)),
        more: FlowExtras::NONE,
    }
}

/// Enterprise number and id of an element of netflow_parser; 0 for elements that are not
/// compared.
fn number_of(field: &IPFixField) -> (u32, u16) {
    static NUMBERS: OnceLock<HashMap<IPFixField, (u32, u16)>> = OnceLock::new();
    let numbers = NUMBERS.get_or_init(|| {
        let iana = (1..500).map(|id| (IPFixField::new(id, None), (0, id)));
        let reverse = (1..100).map(|id| (IPFixField::new(id, Some(REVERSE)), (REVERSE, id)));
        iana.chain(reverse).collect()
    });
    numbers.get(field).copied().unwrap_or((u32::MAX, 0))
}

/// A record of netflow_parser: elements with their bytes, in order.
struct Record(Vec<((u32, u16), Vec<u8>)>);

impl Record {
    fn new<'a>(fields: impl Iterator<Item = ((u32, u16), &'a FieldValue)>) -> Record {
        let bytes = |value: &FieldValue| {
            let mut bytes = Vec::new();
            value.write_be_bytes(&mut bytes).ok().map(|()| bytes)
        };
        Record(fields.map(|(id, value)| (id, bytes(value).unwrap_or_default())).collect())
    }

    /// The number in the first of these elements that has bytes.
    fn of(&self, pen: u32, ids: &[u16]) -> Option<u64> {
        let is_one = |((p, id), bytes): &&((u32, u16), Vec<u8>)| {
            *p == pen && ids.contains(id) && !bytes.is_empty()
        };
        let (_, bytes) = self.0.iter().find(is_one)?;
        let low = &bytes[bytes.len().saturating_sub(8)..];
        Some(low.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    fn get(&self, ids: &[u16]) -> Option<u64> {
        self.of(0, ids)
    }

    /// The number in the first of these lists that is there at all.
    fn either(&self, lists: &[&[u16]]) -> u64 {
        lists.iter().find_map(|ids| self.get(ids)).unwrap_or(0)
    }

    /// The address in a pair of elements: the one that is used.
    fn host(&self, v4: u16, v6: u16) -> Option<Host> {
        let find = |id: u16, length: usize| {
            let fits =
                |(key, bytes): &&((u32, u16), Vec<u8>)| *key == (0, id) && bytes.len() == length;
            let (_, bytes) = self.0.iter().find(fits)?;
            Some(bytes.iter().fold(0u128, |number, byte| number << 8 | u128::from(*byte)))
        };
        match (find(v4, 4), find(v6, 16)) {
            (Some(0), Some(long)) => Some(Host(long)),
            (Some(short), _) => Some(Host::v4(short as u32)),
            (None, long) => long.map(Host),
        }
    }

    /// The flows of the record: none, one, or two for a biflow. `None` when the flow is that of
    /// a sampled packet.
    fn flows(&self, clock: Clock) -> Option<[Option<Shared>; 2]> {
        let (src, dst) = (self.host(8, 27), self.host(12, 28));
        if src.is_none() && dst.is_none() {
            let packet =
                self.0.iter().any(|((pen, id), _)| *pen == 0 && [104, 313, 315].contains(id));
            return (!packet).then_some([None, None]);
        }
        let unspecified = Host::UNSPECIFIED;
        let forward = self.forward(src.unwrap_or(unspecified), dst.unwrap_or(unspecified), clock);
        let reverse = self.reverse();
        let event = self.get(&[230, 233]).is_some();
        if event && forward.counted == (0, 0) && reverse.is_none_or(|counted| counted == (0, 0)) {
            return Some([None, None]);
        }
        let reverse = reverse.filter(|counted| *counted != (0, 0));
        Some([Some(forward), reverse.map(|counted| self.backward(&forward, counted))])
    }

    fn forward(&self, src: Host, dst: Host, clock: Clock) -> Shared {
        let small = |ids: &[u16]| self.get(ids).unwrap_or(0) as u8;
        let wide = |ids: &[u16]| self.get(ids).unwrap_or(0) as u32;
        let proto = small(&[4]);
        Shared {
            ends: [
                (
                    src,
                    self.either(&[&[7], &[180, 182]]) as u16,
                    self.either(&[&[10], &[252]]) as u32,
                    wide(&[16]),
                    small(&[9, 29]),
                ),
                (
                    dst,
                    self.dport(proto),
                    self.either(&[&[14], &[253]]) as u32,
                    wide(&[17]),
                    small(&[13, 30]),
                ),
            ],
            next_hop: self.host(15, 62).unwrap_or(Host::UNSPECIFIED),
            counted: (
                self.either(&[&[1], &[85, 352], &[231], &[23]]),
                self.either(&[&[2], &[86], &[298], &[24]]),
            ),
            marks: (
                proto,
                small(&[6]),
                small(&[5]),
                self.get(&[61]).map_or(Flow::NO_DIRECTION, |direction| direction as u8),
                self.either(&[&[58], &[243]]) as u16,
            ),
            first: self.time([&[152], &[154, 156], &[150], &[22]], clock),
            last: self.time([&[153], &[155, 157], &[151], &[21]], clock),
            more: self.more(),
        }
    }

    /// The extra fields.
    fn more(&self) -> FlowExtras {
        let number = |id| self.get(&[id]).unwrap_or(0);
        let octets = |id: u16, length: usize| {
            let mut fitting =
                self.0.iter().filter(|(key, bytes)| *key == (0, id) && bytes.len() == length);
            let bytes = fitting.next().map_or(&[][..], |(_, bytes)| bytes);
            bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
        };
        let host = |v4, v6| self.host(v4, v6).unwrap_or(Host::UNSPECIFIED);
        let mut mpls = [0; 10];
        for (entry, id) in mpls.iter_mut().zip(70..) {
            *entry = octets(id, 3) as u32;
        }
        FlowExtras {
            bgp_next_hop: host(18, 63),
            nat_src: host(225, 281),
            nat_dst: host(226, 282),
            in_src_mac: octets(56, 6),
            out_dst_mac: octets(57, 6),
            in_dst_mac: octets(80, 6),
            out_src_mac: octets(81, 6),
            mpls,
            prev_as: number(129) as u32,
            next_as: number(128) as u32,
            in_vrf: number(234) as u32,
            out_vrf: number(235) as u32,
            nat_sport: number(227) as u16,
            nat_dport: number(228) as u16,
            dst_vlan: self.either(&[&[59], &[254]]) as u16,
            dst_tos: number(55) as u8,
            min_ttl: number(52) as u8,
            max_ttl: number(53) as u8,
            nat_event: self.get(&[230, 233]).unwrap_or(0) as u8,
            forwarding: number(89) as u8,
            ..FlowExtras::NONE
        }
    }

    /// The time in these elements. Milliseconds take precedence over NTP (not compared), seconds
    /// and uptime.
    fn time(&self, [ms, ntp, seconds, uptime]: [&[u16]; 4], clock: Clock) -> Option<Time> {
        let saturated = |n: u64| Time(i64::try_from(n).unwrap_or(i64::MAX));
        if let Some(ms) = self.get(ms) {
            return Some(saturated(ms));
        }
        if self.get(ntp).is_some() {
            return None;
        }
        if let Some(seconds) = self.get(seconds) {
            return Some(saturated(seconds.saturating_mul(1000)));
        }
        let uptime = self.get(uptime)?;
        match self.get(&[160]) {
            Some(init) => Some(saturated(init).plus_ms(i64::from(uptime as u32))),
            None => clock.at(uptime),
        }
    }

    fn dport(&self, proto: u8) -> u16 {
        let port = self.either(&[&[11], &[181, 183]]) as u16;
        if port != 0 || !(proto == 1 || proto == 58) {
            return port;
        }
        if let Some(both) = self.get(&[32, 139]) {
            return both as u16;
        }
        let byte = |ids: &[u16]| self.get(ids).map(|n| n as u8);
        let code = byte(&[177, 179]).unwrap_or(0);
        byte(&[176, 178]).map_or(0, |kind| u16::from_be_bytes([kind, code]))
    }

    /// Counters of the reverse direction.
    fn reverse(&self) -> Option<(u64, u64)> {
        let pair = |bytes: Option<u64>, packets: Option<u64>| {
            (bytes.is_some() || packets.is_some())
                .then(|| (bytes.unwrap_or(0), packets.unwrap_or(0)))
        };
        let responder = |own: &[u16], responder: u16| {
            self.get(&[responder]).filter(|_| self.get(own).is_none())
        };
        pair(
            self.of(REVERSE, &[1, 85]).or_else(|| responder(&[1, 85, 352], 232)),
            self.of(REVERSE, &[2, 86]).or_else(|| responder(&[2, 86], 299)),
        )
    }

    fn backward(&self, forward: &Shared, counted: (u64, u64)) -> Shared {
        let [mut src, mut dst] = forward.ends;
        let (proto, _, tos, _, mut vlan) = forward.marks;
        let m = forward.more;
        let dst_vlan = if m.dst_vlan == 0 { 0 } else { std::mem::replace(&mut vlan, m.dst_vlan) };
        let more = FlowExtras {
            nat_src: m.nat_dst,
            nat_dst: m.nat_src,
            nat_sport: m.nat_dport,
            nat_dport: m.nat_sport,
            in_src_mac: m.out_dst_mac,
            out_dst_mac: m.in_src_mac,
            in_dst_mac: m.out_src_mac,
            out_src_mac: m.in_dst_mac,
            prev_as: m.next_as,
            next_as: m.prev_as,
            in_vrf: m.out_vrf,
            out_vrf: m.in_vrf,
            nat_event: m.nat_event,
            dst_vlan,
            ..FlowExtras::NONE
        };
        if proto == 1 || proto == 58 {
            // ICMP type and code are not exchanged.
            (src.1, dst.1) = (dst.1, src.1);
        }
        let flags = self.of(REVERSE, &[6]).unwrap_or(0) as u8;
        Shared {
            ends: [dst, src],
            next_hop: Host::UNSPECIFIED,
            counted,
            marks: (proto, flags, tos, Flow::NO_DIRECTION, vlan),
            more,
            ..*forward
        }
    }
}
