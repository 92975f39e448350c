//! Filters that both programs take, and where nfdump finds others.

/// Filters that both programs take.
const FILTERS: &str = include_str!("../filters.txt");

/// Filters that nfdump 1.7.1 answers otherwise, by source, and why ours is right:
/// what nfcapd recorded is different.
pub const DIFFERENT: &[(&str, &[&str], &str)] = &[
    (
        "v9",
        &[
            "dst port <= 80",
            "dst port LE 0x50",
            "icmp-type 8",
            "icmp-type 3",
            "icmp-type 128",
            "icmp-code 0",
            "icmp-code 3",
            "icmp-type 3 and icmp-code 1",
            "not icmp-type 8",
        ],
        "nfcapd leaves out an ICMP type that v9 reports in the destination port",
    ),
    (
        "softflowd",
        &["dst port <= 80", "dst port LE 0x50", "icmp-type 128"],
        "nfcapd leaves out the ICMP type of IPv6",
    ),
    (
        "v5",
        &[
            "mask 24",
            "src mask 24",
            "dst mask 16",
            "src and dst mask 24",
            "src or dst mask 8",
            "mask 0",
        ],
        "nfcapd leaves out the masks of v5",
    ),
    (
        "v5",
        &["flowdir ingress", "dir 0"],
        "nfcapd takes a direction that is not reported for ingress",
    ),
];

/// The filters of `filters.txt`.
pub fn filters() -> Vec<&'static str> {
    let lines = FILTERS.lines().map(str::trim);
    lines.filter(|line| !line.is_empty() && !line.starts_with('#')).collect()
}

/// Filters on what only some exporters report, which both programs take.
pub const BESIDE: &[&str] = &[
    "mac 00:00:5e:00:53:01",
    "in mac 00:00:5e:00:53:01",
    "out mac 00:00:5e:00:53:01",
    "in src mac 00:00:5e:00:53:01",
    "in dst mac 00:00:5e:00:53:01",
    "out src mac 00:00:5e:00:53:02",
    "out dst mac 00:00:5e:00:53:02",
    "not mac 00:00:5e:00:53:03",
    "mpls label1 1000",
    "mpls label2 > 1000",
    "mpls label3 2000",
    "mpls any 1000",
    "mpls any 2000",
    "mpls any 3000",
    "mpls any 4000",
    "mpls label2 4000",
    "mpls label2 2000",
    "mpls label1 3000",
    "mpls eos 2000",
    "mpls exp1 5",
    "mpls exp2 > 1",
    "vlan 20",
    "src vlan 20",
    "dst vlan 20",
    "src and dst vlan 20",
    "tos 8",
    "src tos 8",
    "dst tos 8",
    "dst tos > 8",
    "fwdstat 64",
    "fwdstat drop",
    "fwdstat 128",
    "fwdstat forw",
    "fwdstat 66",
    "bgpnext ip 10.4.0.1",
    "nip 10.5.0.1",
    "src nip 10.5.0.1",
    "dst nip 10.5.0.1",
    "src xip 10.5.0.2",
    "xnet 10.5.0.0/31",
    "nport 53",
    "src nport 53",
    "dst nport > 80",
    "ingress vrf 5",
    "egress vrf 6",
    "ingress vrf 5 and not mac 00:00:5e:00:53:01",
];

/// Those that nfdump 1.7.1 answers otherwise, whoever recorded, and why ours is right.
pub const BESIDE_DIFFERENT: &[(&[&str], &str)] = &[
    (
        &["mpls any 1000", "mpls any 2000", "mpls any 4000"],
        "nfdump finds a label only at the bottom of the stack, without a traffic class",
    ),
    (&["fwdstat drop", "fwdstat forw"], "nfdump's names match nothing"),
];
