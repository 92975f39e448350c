//! Questions that are known to be answered otherwise, each with its reason. One
//! that is not any more is an error, too.

use super::different::By;

/// Questions that are answered otherwise.
pub struct Otherwise {
    pub by: By,
    /// Empty for all that they are asked of.
    pub sources: &'static [&'static str],
    pub questions: &'static [&'static str],
    pub why: &'static str,
}

/// Questions that all answer otherwise.
const fn all(by: By, questions: &'static [&'static str], why: &'static str) -> Otherwise {
    Otherwise { by, sources: &[], questions, why }
}

pub const OTHERWISE: &[Otherwise] = &[
    all(By::Us, &["-s srcip -O bytes"], "-O orders statistics, too"),
    all(By::Us, &["-s srcip/bytes/packets -n 3"], "tables are in the order that was asked for"),
    Otherwise {
        by: By::Us,
        sources: &["v5", "v9", "ipfix"],
        questions: &["-s as/bytes -n 0"],
        why: "a flow of which both are equal counts once",
    },
    all(
        By::Us,
        &[
            "-s if/bytes -n 0",
            "-s mask/bytes -n 0",
            "-s port/bytes -n 0",
            "-s vlan/bytes -n 0",
            "-s srcmac/bytes -n 0",
            "-s dstmac/bytes -n 0",
        ],
        "a flow of which both are equal counts once",
    ),
    all(By::Us, &["-s nevent/bytes -n 0"], "events are numbers"),
    all(By::Us, &["-s dstip/packets -n 0 -o csv -q"], "-q leaves out the heading of CSV, too"),
    all(By::Us, &["-n 7"], "-n limits plain lists, too"),
    all(
        By::Us,
        &["-A srcip4/24", "-A srcip6/64"],
        "a length is for addresses of its family; nfdump cuts the others, too",
    ),
    all(By::Us, &["-A srcip4/32,dstip4/0 ipv4"], "a length of 0 sums all; nfdump refuses it"),
    all(
        By::Us,
        &["-b", "-b 'not proto icmp and not proto 58'"],
        "conversations without ports have two ways, too",
    ),
    Otherwise {
        by: By::Us,
        sources: &["ipfix"],
        questions: &["-s srcip/bytes -n 0 ipv6"],
        why: "half a tenth of a percent is rounded up",
    },
    Otherwise {
        by: By::Us,
        sources: &["v9"],
        questions: &["-s srcip:p/bytes -s dstport/flows -n 4 'proto tcp or proto udp'"],
        why: "half a tenth of a percent is rounded up",
    },
    all(
        By::Nfdump,
        &["-I 'proto tcp'", "-I 'src port 53'", "-I -t {-61}-{0}"],
        "-I of nfdump has the counters of the file, whatever was asked",
    ),
    all(
        By::Nfdump,
        &[
            "-O bps -o extended -N",
            "-O ibps -o extended -N",
            "-a -O bps -N -o extended 'proto tcp'",
            "-A proto,srcip,dstport -O bps 'proto tcp or proto udp'",
            "-s record/bps -n 10 -o extended -N 'proto tcp'",
            "-s record/bps -A srcip -n 4",
        ],
        "nfdump's bps puts rows in some order",
    ),
    all(
        By::Nfdump,
        &["-s inmac/bytes -n 0", "-s outmac/bytes -n 0"],
        "nfdump counts only the sources",
    ),
    all(
        By::Nfdump,
        &["-A srcnet,dstnet,proto 'not dst mask 0'"],
        "nfdump cuts IPv6 addresses to 64 bits where the reported length is more",
    ),
    all(By::Nfdump, &["-s mpls2/bytes -n 0"], "nfdump takes the label from the wrong bits"),
    all(
        By::Nfdump,
        &["-A xsrcip", "-A xdstip"],
        "nfdump takes an end of IPv6 addresses after translation for IPv4",
    ),
    all(
        By::Nfdump,
        &["-s odid/bytes -n 0"],
        "nfdump knows only a domain that is an element of the record",
    ),
    Otherwise {
        by: By::Nfdump,
        sources: &["v9"],
        questions: &["-A odid"],
        why: "nfdump knows only a domain that is an element of the record",
    },
    Otherwise {
        by: By::Nfdump,
        sources: &["v9", "ipfix", "rich"],
        questions: &["-o 'fmt:%sn %dn'"],
        why: "nfdump cuts IPv6 addresses to 64 bits when no length was reported",
    },
    Otherwise {
        by: By::Nfdump,
        sources: &["rich"],
        questions: &["-s dstip:p/flows -n 7", "-s dstip:p/bytes -n 0 -o csv", "-s ip:p/bytes -n 0"],
        why: "nfdump's rates lose one where they should come out even",
    },
    Otherwise {
        by: By::Nfcapd,
        sources: &["v9"],
        questions: &["-s dstport/bytes -n 0"],
        why: "nfcapd leaves out an ICMP type that v9 reports in the destination port",
    },
    Otherwise {
        by: By::Nfcapd,
        sources: &["rich"],
        questions: &["-s dstport/bytes -n 0"],
        why: "nfcapd leaves out the element of the ICMP type of IPv6",
    },
    Otherwise {
        by: By::Nfcapd,
        sources: &["v5"],
        questions: &[
            "-s srcmask/bytes -n 0",
            "-s dstmask/bytes -n 0",
            "-A srcmask",
            "-A dstmask",
            "-A srcnet",
            "-A dstnet",
            "-A srcnet,dstnet",
        ],
        why: "nfcapd leaves out the masks of v5",
    },
    Otherwise {
        by: By::Nfcapd,
        sources: &["v5"],
        questions: &["-s dir/bytes -n 0"],
        why: "nfcapd takes a direction that is not reported for ingress",
    },
];
