//! The same for what only some exporters report.

use toptalk::filter::Filter;
use toptalk::flow::{Flow, Host, more_of};
use toptalk::wire::Decoder;

use super::common::nfcapd;
use super::common::process::have;
use super::known::{BESIDE, BESIDE_DIFFERENT};
use super::rich::rich;
use super::{NOW, nfdump};

#[test]
fn filters_on_what_few_report_find_as_many_flows_as_nfdump() {
    let name = "filters_on_what_few_report_find_as_many_flows_as_nfdump";
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
    for text in BESIDE {
        let filter = Filter::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        let holds = |flow: &&Flow| filter.matches(&(*flow, more_of(flow, decoder.more())));
        let ours = flows.iter().filter(holds).count();
        let theirs = nfdump(&archive, "%pr", text).map(|lines| lines.len());
        let known = BESIDE_DIFFERENT.iter().any(|(known, _)| known.contains(text));
        if (theirs == Ok(ours)) == known || !(1..300).contains(&ours) {
            wrong.push(format!("`{text}`: ours {ours}, theirs {theirs:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
