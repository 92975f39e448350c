//! Known differences, each with its reason. A listed difference that no longer occurs is an
//! error, too.

use std::collections::BTreeSet;

use super::questions::Question;
use super::tables::{Answer, Table};

/// The origin of a difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// nfcapd recorded it differently: for its file, both programs give the same answer.
    Nfcapd,
    /// nfdump answers differently, whichever program recorded it.
    Nfdump,
    /// toptalk answers differently on purpose (docs/QUERY.md).
    Us,
}

/// Questions that are answered differently.
pub struct DifferentAnswer {
    pub by: Origin,
    /// Empty for all sources.
    pub sources: &'static [&'static str],
    pub questions: &'static [&'static str],
    pub why: &'static str,
}

/// Columns that differ for all questions; the rest of the answer is compared.
pub struct Column {
    pub by: Origin,
    /// Empty for all sources.
    pub sources: &'static [&'static str],
    pub names: &'static [&'static str],
    pub cover: IgnoredPart,
    /// Only in rows of these protocols; empty for all.
    pub protocols: &'static [&'static str],
    /// The questions in which the column differs.
    pub of: fn(&Question) -> bool,
    pub why: &'static str,
}

/// The part of a cell that is not compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IgnoredPart {
    Whole,
    /// The part after this character.
    Behind(char),
    /// The direction of a conversation: rows are reversed.
    Way,
}

fn any(_: &Question) -> bool {
    true
}

fn grouped(question: &Question) -> bool {
    question.is_grouped || question.text.contains("-s record")
}

fn lines(question: &Question) -> bool {
    !question.text.contains("csv") && !question.text.contains("json")
}

pub const COLUMNS: &[Column] = &[
    Column {
        names: &["tr", "trr", "received", "received at"],
        ..by(Origin::Nfcapd, "the programs received it at different times")
    },
    Column {
        sources: &["v5"],
        names: &["smk", "dmk", "sn", "dn", "src_mask", "dst_mask", "src network", "dst network"],
        ..by(Origin::Nfcapd, "nfcapd leaves out the masks of v5")
    },
    Column {
        sources: &["v5"],
        names: &["dir"],
        ..by(Origin::Nfcapd, "nfcapd takes a direction that is not reported for ingress")
    },
    Column {
        sources: &["v9"],
        names: &["dp", "it", "ic", "icmp_type", "icmp_code", "ICMP type", "ICMP code"],
        protocols: &["ICMP", "ICMP6", "1", "58"],
        ..by(
            Origin::Nfcapd,
            "nfcapd leaves out an ICMP type that v9 reports in the destination port",
        )
    },
    Column {
        sources: &["rich"],
        names: &["dp", "it", "ic", "icmp_type", "icmp_code", "ICMP type", "ICMP code"],
        protocols: &["ICMP6", "58"],
        ..by(Origin::Nfcapd, "nfcapd leaves out the element of the ICMP type of IPv6")
    },
    Column {
        sources: &["rich"],
        names: &["flg"],
        protocols: &["UDP", "17"],
        of: lines,
        ..by(Origin::Nfdump, "nfdump prints in lines no flags of flows that are not of TCP")
    },
    Column {
        sources: &["v9", "rich"],
        names: &["odid"],
        ..by(Origin::Nfdump, "nfdump knows only a domain that is an element of the record")
    },
    Column {
        sources: &["rich"],
        names: &["nhb"],
        of: |question| question.text.contains("csv") && !grouped(question),
        ..by(Origin::Nfdump, "nfdump's CSV has the next hop there, of IPv6")
    },
    Column {
        names: &["mpls10"],
        of: lines,
        ..by(Origin::Nfdump, "nfdump writes one 0 too much there")
    },
    Column {
        names: &["dst tos"],
        of: |question| question.text.contains("-o raw"),
        ..by(Origin::Nfdump, "nfdump's raw format has the type of service on the way in there")
    },
    Column {
        names: &["src tos"],
        protocols: &["ICMP", "ICMP6"],
        of: |question| question.text.contains("-o raw"),
        ..by(Origin::Nfdump, "nfdump's raw format has no type of service of ICMP")
    },
    Column { names: &["ter"], ..by(Origin::Nfdump, "nfdump leaves out the milliseconds") },
    Column {
        names: &["td"],
        of: |question| question.is_statistic && question.text.contains("-6"),
        ..by(Origin::Nfdump, "with -6, nfdump's statistics have seconds there, as with -N")
    },
    Column {
        names: &["srcnet", "dstnet"],
        cover: IgnoredPart::Behind('/'),
        ..by(Origin::Us, "networks are distinguished by their length; nfdump prints 0 for all")
    },
    Column { names: &["nevt"], sources: &["rich"], ..by(Origin::Us, "events are numbers") },
    Column {
        names: &["avg bps", "avg pps"],
        of: |question| question.text.contains("-t {"),
        ..by(Origin::Us, "rates of sums are over the requested window")
    },
    Column {
        names: &["sa"],
        cover: IgnoredPart::Way,
        of: |question| question.ours.iter().any(|word| word == "-b"),
        ..by(
            Origin::Us,
            "the forward direction is the one that began first; in nfdump, the one that was read first",
        )
    },
    Column {
        names: &["flg"],
        of: |question| question.text.contains("-A") && question.text.contains("csv"),
        ..by(
            Origin::Us,
            "flags are those of all flows; nfdump prints them only for sums of connections",
        )
    },
    Column { names: OF_GROUPS, of: grouped, ..by(Origin::Us, OF_GROUPS_WHY) },
];

/// The fields that are not part of a key.
const OF_GROUPS: &[&str] = &[
    "tos",
    "stos",
    "dtos",
    "da",
    "nh",
    "nhb",
    "dir",
    "in",
    "out",
    "sas",
    "das",
    "smk",
    "dmk",
    "svln",
    "dvln",
    "fwd",
    "ra",
    "tr",
    "ismc",
    "odmc",
    "idmc",
    "osmc",
    "mpls1",
    "mpls2",
    "mpls3",
    "src_tos",
    "direction",
    "input_snmp",
    "output_snmp",
    "src_as",
    "dst_as",
    "src_mask",
    "dst_mask",
    "src_vlan",
    "ip4_router",
    "ip4_next_hop",
    "ip6_next_hop",
    "received",
];
const OF_GROUPS_WHY: &str =
    "fields that are not in the key are empty; nfdump prints those of the first flow";

/// A column that differs everywhere, completely.
const fn by(by: Origin, why: &'static str) -> Column {
    Column { by, sources: &[], names: &[], cover: IgnoredPart::Whole, protocols: &[], of: any, why }
}

/// Covers columns that are known to differ, and records which did.
pub struct Known<'a> {
    pub source: &'a str,
    /// Whether toptalk reads nfcapd's file.
    pub in_place: bool,
}

/// The index of an entry of [`COLUMNS`] and one of its [`Column::names`].
pub type Seen = BTreeSet<(usize, &'static str)>;

impl Known<'_> {
    /// Covers the known differences in both answers.
    pub fn cover(&self, question: &Question, theirs: &mut Answer, ours: &mut Answer) -> Seen {
        let mut seen = Seen::new();
        for (place, column) in COLUMNS.iter().enumerate() {
            let here = column.sources.is_empty() || column.sources.contains(&self.source);
            let of_side = !self.in_place || column.by != Origin::Nfcapd;
            if !here || !of_side || !(column.of)(question) {
                continue;
            }
            for name in column.names {
                let [mut one, mut two] = [&mut *theirs, &mut *ours].map(|answer| {
                    let total = answer.totals.get_mut(*name);
                    let mut cells: Vec<String> = total.map(std::mem::take).into_iter().collect();
                    for table in &mut answer.tables {
                        cells.extend(column.cover(table, name));
                    }
                    cells
                });
                one.sort_unstable();
                two.sort_unstable();
                if one != two {
                    seen.insert((place, name));
                }
            }
        }
        seen
    }
}

impl Column {
    /// Covers the cells that are not compared; returns their content.
    fn cover(&self, table: &mut Table, name: &str) -> Vec<String> {
        let place = |name: &str| table.columns.iter().position(|own| own == name);
        let Some(at) = place(name) else { return Vec::new() };
        let proto = place("pr").or(place("proto"));
        let of_protocol = |row: &[String]| match proto {
            _ if self.protocols.is_empty() => true,
            Some(proto) => self.protocols.contains(&row[proto].as_str()),
            None => false,
        };
        let pairs = [("sa", "da"), ("sp", "dp"), ("ipkt", "opkt"), ("ibyt", "obyt")];
        let ends: Vec<_> =
            pairs.iter().filter_map(|(one, two)| Some((place(one)?, place(two)?))).collect();
        let rows = table.rows.iter_mut().filter(|row| of_protocol(row));
        let covered = rows.map(|row| match self.cover {
            IgnoredPart::Whole => std::mem::take(&mut row[at]),
            IgnoredPart::Behind(c) => {
                let end = row[at].find(c).unwrap_or(row[at].len());
                row[at].split_off(end)
            }
            IgnoredPart::Way => turned(row, &ends),
        });
        covered.collect()
    }
}

/// Reverses a row so that the lower end is the source; returns the original row.
fn turned(row: &mut [String], ends: &[(usize, usize)]) -> String {
    let was = row.join(" ");
    let end = |side: fn(&(usize, usize)) -> usize| {
        ends.iter().take(2).map(|pair| row[side(pair)].clone()).collect::<Vec<_>>()
    };
    if end(|pair| pair.0) > end(|pair| pair.1) {
        ends.iter().for_each(|(one, two)| row.swap(*one, *two));
    }
    was
}

/// A question of [`DIFFERENT_ANSWERS`] that is asked of several sources, all of which answer
/// differently.
const fn all(by: Origin, questions: &'static [&'static str], why: &'static str) -> DifferentAnswer {
    DifferentAnswer { by, sources: &[], questions, why }
}

pub const DIFFERENT_ANSWERS: &[DifferentAnswer] = &[
    all(Origin::Us, &["-s srcip -O bytes"], "-O orders statistics, too"),
    all(Origin::Us, &["-s srcip/bytes/packets -n 3"], "tables are in the requested order"),
    DifferentAnswer {
        by: Origin::Us,
        sources: &["v5", "v9", "ipfix"],
        questions: &["-s as/bytes -n 0"],
        why: "a flow of which both are equal counts once",
    },
    all(
        Origin::Us,
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
    all(Origin::Us, &["-s nevent/bytes -n 0"], "events are numbers"),
    all(Origin::Us, &["-s dstip/packets -n 0 -o csv -q"], "-q leaves out the heading of CSV, too"),
    all(Origin::Us, &["-n 7"], "-n limits plain lists, too"),
    all(
        Origin::Us,
        &["-A srcip4/24", "-A srcip6/64"],
        "a length is for addresses of its family; nfdump cuts the others, too",
    ),
    all(Origin::Us, &["-A srcip4/32,dstip4/0 ipv4"], "a length of 0 sums all; nfdump refuses it"),
    all(
        Origin::Us,
        &["-b", "-b 'not proto icmp and not proto 58'"],
        "conversations without ports have two directions, too",
    ),
    DifferentAnswer {
        by: Origin::Us,
        sources: &["ipfix"],
        questions: &["-s srcip/bytes -n 0 ipv6"],
        why: "half a tenth of a percent is rounded up",
    },
    DifferentAnswer {
        by: Origin::Us,
        sources: &["v9"],
        questions: &["-s srcip:p/bytes -s dstport/flows -n 4 'proto tcp or proto udp'"],
        why: "half a tenth of a percent is rounded up",
    },
    all(
        Origin::Nfdump,
        &["-I 'proto tcp'", "-I 'src port 53'", "-I -t {-61}-{0}"],
        "-I of nfdump has the counters of the file, whatever was asked",
    ),
    all(
        Origin::Nfdump,
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
        Origin::Nfdump,
        &["-s inmac/bytes -n 0", "-s outmac/bytes -n 0"],
        "nfdump counts only the sources",
    ),
    all(
        Origin::Nfdump,
        &["-A srcnet,dstnet,proto 'not dst mask 0'"],
        "nfdump cuts IPv6 addresses to 64 bits where the reported length is more",
    ),
    all(Origin::Nfdump, &["-s mpls2/bytes -n 0"], "nfdump takes the label from the wrong bits"),
    all(
        Origin::Nfdump,
        &["-A xsrcip", "-A xdstip"],
        "nfdump takes an end of IPv6 addresses after translation for IPv4",
    ),
    all(
        Origin::Nfdump,
        &["-s odid/bytes -n 0"],
        "nfdump knows only a domain that is an element of the record",
    ),
    DifferentAnswer {
        by: Origin::Nfdump,
        sources: &["v9"],
        questions: &["-A odid"],
        why: "nfdump knows only a domain that is an element of the record",
    },
    DifferentAnswer {
        by: Origin::Nfdump,
        sources: &["v9", "ipfix", "rich"],
        questions: &["-o 'fmt:%sn %dn'"],
        why: "nfdump cuts IPv6 addresses to 64 bits when no length was reported",
    },
    DifferentAnswer {
        by: Origin::Nfcapd,
        sources: &["v9"],
        questions: &["-s dstport/bytes -n 0"],
        why: "nfcapd leaves out an ICMP type that v9 reports in the destination port",
    },
    DifferentAnswer {
        by: Origin::Nfcapd,
        sources: &["rich"],
        questions: &["-s dstport/bytes -n 0"],
        why: "nfcapd leaves out the element of the ICMP type of IPv6",
    },
    DifferentAnswer {
        by: Origin::Nfcapd,
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
    DifferentAnswer {
        by: Origin::Nfcapd,
        sources: &["v5"],
        questions: &["-s dir/bytes -n 0"],
        why: "nfcapd takes a direction that is not reported for ingress",
    },
];
