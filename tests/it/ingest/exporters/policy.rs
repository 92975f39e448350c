//! Which exporters are accepted, and their configured sampling rates.

use serde_json::json;
use toptalk::flow::{Host, Sampling};
use toptalk::wire::encode::V5Encoder;
use toptalk::wire::policy::GivenRate;
use toptalk::wire::{Cause, Decoder, Policy};

use super::{moments, top_of, uploads};
use crate::common::terminal::{Terminal, command};

#[test]
fn senders_that_are_not_allowed_are_counted_and_listed() {
    let (now, boot) = moments();
    let sent = V5Encoder::new(0, 0).encode(now, boot, &uploads(now, 5));
    let answer = top_of(&["--allow", "192.0.2.0/24"], &sent);
    assert_eq!(answer["totals"]["up"]["flows"], 0);
    assert_eq!(answer["dropped"], json!({ "not_allowed": 1 }));
    assert_eq!(answer["exporters"], json!([]));
    let answer = top_of(&["--allow", "192.0.2.0/24,127.0.0.0/8"], &sent);
    assert_eq!(answer["totals"]["up"]["flows"], 5);

    let port = crate::common::process::free_port();
    let folder = tempfile::tempdir().unwrap();
    let words = ["-b", "127.0.0.1", "-p", &port.to_string(), "--allow", "192.0.2.0/24"];
    let program = command(env!("CARGO_BIN_EXE_toptalk"), &words, folder.path());
    let mut terminal = Terminal::start(program, 100, 30);
    terminal.wait("Listening for NetFlow v1, v5, v7, v9, IPFIX and sFlow");
    super::send(port, &sent);
    terminal.wait("datagrams from 127.0.0.1 are not decoded: sender is outside --allow");
    terminal.press("\x03");
    assert_eq!(terminal.end().code, 0);
}

#[test]
fn a_configured_rate_replaces_an_announced_one() {
    let (now, boot) = moments();
    let sent = V5Encoder::new(0, 100).encode(now, boot, &uploads(now, 5));
    for (words, rate) in [
        (&[][..], 100),
        (&["--sampling", "10"], 10),
        (&["--sampling", "10", "--sampling", "127.0.0.1=1000"], 1000),
        (&["--sampling", "192.0.2.1=10"], 100),
    ] {
        let answer = top_of(words, &sent);
        assert_eq!(answer["totals"]["up"]["bytes"], 5 * 1000 * rate, "{words:?}");
        assert_eq!(answer["exporters"][0]["sampling"], rate, "{words:?}");
    }
}

#[test]
fn a_new_policy_applies_from_the_next_datagram() {
    let (now, boot) = moments();
    let host = Host::octets(192, 0, 2, 1);
    let mut encoders = [V5Encoder::new(0, 100), V5Encoder::new(0, 0)];
    let mut decoder = Decoder::new();
    let mut rates = |policy: Option<Policy>| {
        decoder.set_policy(policy.unwrap_or_default());
        encoders.each_mut().map(|encoder| {
            let sent = encoder.encode(now, boot, &uploads(now, 1));
            let mut flows = Vec::new();
            let report = decoder.decode(now, host, &sent[0], &mut flows);
            assert_eq!(report.causes.get(Cause::NotAllowed) == 1, flows.is_empty());
            flows.first().map(|flow| flow.sampling)
        })
    };
    let one_in = |rate| Some(Sampling::one_in(rate));
    let unknown = Some(Sampling::UNKNOWN);
    let given = GivenRate { exporter: Some(host), rate: Sampling::one_in(7) };
    let given = Policy { sampling: vec![given], ..Policy::default() };
    let assumed = Policy { assumed: Sampling::one_in(5), ..Policy::default() };
    let closed = Policy { allow: vec!["10.0.0.0/8".parse().unwrap()], ..given.clone() };
    assert_eq!(rates(None), [one_in(100), unknown]);
    assert_eq!(rates(Some(assumed.clone())), [one_in(100), one_in(5)], "only what nobody says");
    assert_eq!(rates(Some(closed)), [None, None]);
    assert_eq!(rates(Some(Policy { assumed: Sampling::one_in(5), ..given })), [one_in(7); 2]);
    assert_eq!(rates(None), [one_in(100), unknown], "as if nothing had been");
}
