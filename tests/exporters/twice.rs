//! Flows that a router reports at both of their interfaces count once.

use serde_json::{Value, json};
use toptalk::demo::Demo;
use toptalk::flow::{Flow, Host, Time};
use toptalk::wire::Decoder;
use toptalk::wire::doubling::Doubling;
use toptalk::wire::encode::V9Encoder;

use super::{moments, top_of, uploads};

fn bytes(answer: &Value) -> (u64, u64) {
    let of = |class: &str| answer["totals"][class]["bytes"].as_u64().unwrap();
    (of("up"), of("down"))
}

#[test]
fn ingress_and_egress_of_one_interface_lose_nothing() {
    let (now, boot) = moments();
    let uploads = uploads(now, 20);
    // Interface 1 is inside: uploads come in by it, downloads leave by it.
    let downloads = uploads.iter().map(|flow| Flow { direction: 1, bytes: 500, ..flow.reversed() });
    let flows: Vec<Flow> = uploads.iter().copied().chain(downloads).collect();
    let answer = top_of(&[], &V9Encoder::new(1).encode(now, boot, &flows, true));
    assert_eq!(bytes(&answer), (20_000, 10_000));
    assert_eq!(answer["exporters"][0]["doubled"], 0);
    assert_eq!(answer["noticed"], json!({}));
}

#[test]
fn both_directions_of_both_interfaces_count_once_unless_asked_otherwise() {
    let (now, boot) = moments();
    let ingress = uploads(now, 20);
    let egress = ingress.iter().map(|flow| Flow { direction: 1, ..*flow });
    let flows: Vec<Flow> = ingress.iter().copied().chain(egress).collect();
    let sent = V9Encoder::new(1).encode(now, boot, &flows, true);
    for (words, want) in [(&[][..], 20_000), (&["--no-dedup"], 40_000)] {
        let answer = top_of(words, &sent);
        assert_eq!(bytes(&answer), (want, 0), "{words:?}");
        let exporter = &answer["exporters"][0];
        assert_eq!((&exporter["flows"], &exporter["doubled"]), (&json!(40), &json!(20)));
        assert_eq!(answer["noticed"], json!({ "doubled": 20 }));
    }
}

#[test]
fn the_model_router_doubles_nothing() {
    let start = Time(1_800_000_000_000);
    let mut demo = Demo::new(7, start);
    let (mut decoder, mut doubling) = (Decoder::new(), Doubling::default());
    let (mut flows, mut seen, mut doubled) = (Vec::new(), 0, 0);
    for second in 1..600 {
        let now = start.plus_ms(second * 1000);
        for datagram in demo.tick(now) {
            let exporter = Host::octets(192, 0, 2, datagram.exporter as u8);
            decoder.decode(now, exporter, &datagram.bytes, &mut flows);
        }
        seen += flows.len();
        doubled += doubling.mark(&mut flows);
        flows.clear();
    }
    assert!(seen > 10_000, "{seen}");
    assert_eq!(doubled, 0);
}
