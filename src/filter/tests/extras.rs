//! Filters about fields that only some exporters report.

use super::super::*;
use super::{flow, parses_as};
use crate::flow::{Flow, FlowExtras};

#[test]
fn words_for_extras_are_parsed() {
    for (text, want) in [
        ("vlan 20 or src vlan 30 or dst vlan 5", "vlan 20 or src vlan 30 or dst vlan 5"),
        ("src or dst tos 5 or dst tos > 4", "src or dst tos 5 or dst tos > 4"),
        ("in src mac 0:11:22:33:44:5F", "in src mac 00:11:22:33:44:5f"),
        (
            "in mac 00-11-22-33-44-55",
            "in src mac 00:11:22:33:44:55 or in dst mac 00:11:22:33:44:55",
        ),
        (
            "tcp dst mac in [00:00:00:00:00:01, ff:ff:ff:ff:ff:ff]",
            "proto tcp and (in dst mac in [00:00:00:00:00:01, ff:ff:ff:ff:ff:ff] or \
             out dst mac in [00:00:00:00:00:01, ff:ff:ff:ff:ff:ff])",
        ),
        (
            "MPLS Label1 > 5 mpls exp10 7 or mpls eos 3",
            "mpls label1 > 5 and mpls exp10 7 or mpls eos 3",
        ),
        (
            "prev as 5 or next as in [6 7] next 1.2.3.4",
            "prev as 5 or next as in [6, 7] and next ip 1.2.3.4",
        ),
        ("bgp next ip 10.0.0.1 or bgpnext ::1", "bgpnext ip 10.0.0.1 or bgpnext ip ::1"),
        ("ttl < 5 or minttl 6 max ttl 7", "min ttl < 5 or max ttl < 5 or min ttl 6 and max ttl 7"),
        ("fwdstat drop or fwdstat 64", "fwdstat 128 or fwdstat 64"),
        (
            "src xip 10.0.0.1 or xnet 10/8 or dst nport 80",
            "src nip 10.0.0.1 or nip 10.0.0.0/8 or dst nport 80",
        ),
        ("nat event add or nat event > 3", "nat event 1 or nat event > 3"),
        ("ingress vrf 5 egress vrf 6", "ingress vrf 5 and egress vrf 6"),
    ] {
        parses_as(text, want);
    }
}

#[test]
fn extras_are_compared() {
    let mut mpls = [0; crate::flow::MPLS_LABELS];
    (mpls[0], mpls[1]) = (1000 << 4 | 5 << 1, 2000 << 4 | 1);
    let extras = FlowExtras {
        in_src_mac: 0x0011_2233_4455,
        out_dst_mac: 0xffff_ffff_ffff,
        mpls,
        nat_src: "192.0.2.1".parse().unwrap(),
        nat_dport: 8080,
        nat_event: 1,
        prev_as: 65_001,
        min_ttl: 3,
        max_ttl: 64,
        dst_tos: 8,
        dst_vlan: 20,
        forwarding: 66,
        ..FlowExtras::NONE
    };
    let flow = Flow { tos: 4, vlan: 10, more: 1, ..flow("10.0.0.1", "10.0.0.2", 6, 1, 2) };
    for (text, holds) in [
        ("mac 00:11:22:33:44:55", true),
        ("in src mac 00:11:22:33:44:55", true),
        ("out mac 00:11:22:33:44:55", false),
        ("dst mac ff:ff:ff:ff:ff:ff", true),
        ("in dst mac ff:ff:ff:ff:ff:ff", false),
        ("mpls label1 1000 and mpls exp1 5", true),
        ("mpls label1 2000", false),
        ("mpls any 2000", true),
        ("mpls eos 2000 and not mpls eos 1000", true),
        ("src xip 192.0.2.1 and xnet 192.0.2.0/24 and not dst xip 192.0.2.1", true),
        ("dst nport 8080 and nat event add", true),
        ("prev as 65001 and next as 0", true),
        ("min ttl 3 and max ttl 64 and ttl > 60 and not ttl > 64", true),
        ("tos 4 and not tos 8 and dst tos 8 and src or dst tos 8", true),
        ("vlan 20 and vlan 10 and dst vlan 20 and not src vlan 20", true),
        ("fwdstat 66 and not fwdstat forw", true),
        ("bgpnext ip 0.0.0.0", false),
    ] {
        let filter = Filter::parse(text).unwrap();
        assert_eq!(filter.answer(&(&flow, &extras)), Some(holds), "{text}");
        assert_eq!(
            filter.answer(&Flow { more: 0, ..flow }),
            filter.answer(&(&flow, &FlowExtras::NONE))
        );
    }
    assert_eq!(Filter::parse("prev as 1").unwrap().answer(&flow), None, "extras are separate");
}
