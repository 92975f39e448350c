//! The filter comparison for fields that only some exporters report.

use toptalk::filter::Filter;
use toptalk::flow::{Flow, Host, extras_of};
use toptalk::wire::Decoder;

use super::rich::rich;
use super::{NOW, nfdump};
use crate::common::nfcapd;
use crate::common::process::have;

/// Filters on such fields that both programs accept.
const EXTRA_FILTERS: &[&str] = &[
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

/// Filters that nfdump 1.7.1 answers differently, and why toptalk's answer is right.
const EXTRA_DIFFERENT: &[(&[&str], &str)] = &[
    (
        &["mpls any 1000", "mpls any 2000", "mpls any 4000"],
        "nfdump finds a label only at the bottom of the stack, without a traffic class",
    ),
    (&["fwdstat drop", "fwdstat forw"], "nfdump's names match nothing"),
];

#[test]
fn filters_on_extra_fields_find_as_many_flows_as_nfdump() {
    let name = "filters_on_extra_fields_find_as_many_flows_as_nfdump";
    if !have(name, "nfcapd") || !have(name, "nfdump") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let archive = folder.path().join("beside");
    let datagrams = rich(300, NOW);
    nfcapd::record(&nfcapd::from_one(datagrams.clone()), &[], &archive);
    let mut decoder = Decoder::new();
    decoder.keep_more(true);
    let mut flows = Vec::new();
    for datagram in &datagrams {
        decoder.decode(NOW, Host::octets(127, 0, 0, 1), datagram, &mut flows);
    }
    assert_eq!((flows.len(), decoder.more().len()), (300, 300));
    let mut wrong = Vec::new();
    for text in EXTRA_FILTERS {
        let filter = Filter::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        let holds = |flow: &&Flow| filter.matches(&(*flow, extras_of(flow, decoder.more())));
        let ours = flows.iter().filter(holds).count();
        let theirs = nfdump(&archive, "%pr", text).map(|lines| lines.len());
        let known = EXTRA_DIFFERENT.iter().any(|(known, _)| known.contains(text));
        if (theirs == Ok(ours)) == known || !(1..300).contains(&ours) {
            wrong.push(format!("`{text}`: ours {ours}, theirs {theirs:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
