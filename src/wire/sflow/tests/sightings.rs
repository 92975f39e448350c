//! Where a packet was sampled, its length, and its rate.

use super::*;

#[test]
fn the_length_of_the_frame_is_not_that_of_its_ip_packet() {
    let four = item(3, &words(&[1400, 6, 0x0a00_0001, 0xc000_0209, 40_000, 443, 0x18, 0xb8]));
    let frame = item(2, &words(&[1418, 0x0200_0000, 0x0001_0000, 0x0200_0000, 0x0002_0000, 0x800]));
    // A header of which too little was sampled to find addresses.
    let cut = raw_header(1, 1418, &ethernet(&[8, 0], &udp()[..12]));
    for records in [
        [four.clone(), frame.clone()],
        [frame, four.clone()],
        [four.clone(), cut.clone()],
        [cut, four],
    ] {
        let (flow, sample) = one_flow(flow_sample(4, &records));
        assert_eq!((flow.bytes, sample.frame_length), (1418, 1418));
    }
}

#[test]
fn the_data_source_tells_the_direction() {
    let header = || raw_header(1, 108, &ethernet(&[8, 0], &udp()));
    let sample = |class: u32, source: u32, input: u32, output: u32| {
        let mut sample = words(&[1, class, source, 512, 1, 0, 0, input, 0, output, 1]);
        sample.extend(header());
        item(3, &sample)
    };
    for (class, source, input, output, direction) in [
        (0, 3, 3, 4, 0),
        (0, 4, 3, 4, 1),
        (0, 3, 3, 0, 0),
        (0, 4, 0x3fff_ffff, 4, 1),
        // Neither, both, and a source that is no interface.
        (0, 5, 3, 4, Flow::NO_DIRECTION),
        (0, 3, 3, 3, Flow::NO_DIRECTION),
        (0, 0, 0, 4, Flow::NO_DIRECTION),
        (1, 3, 3, 4, Flow::NO_DIRECTION),
    ] {
        let (flow, _) = one_flow(sample(class, source, input, output));
        assert_eq!(flow.direction, direction, "{class}:{source} {input} to {output}");
    }
    // One packet on its way in and on its way out counts twice, and that is told.
    let mut decoder = Decoder::new();
    let both = datagram(&[sample(0, 3, 3, 4), sample(0, 4, 3, 4), sample(0, 3, 3, 9)]);
    decoder.decode(NOW, FROM, &both, &mut Vec::new());
    assert_eq!(decoder.exporters()[0].sampled_twice, 1);
}

#[test]
fn a_rate_in_the_wrong_byte_order_is_read_the_other_way_round() {
    let mut sample = words(&[1, 0, 3, 0xe803_0000, 1, 0, 0, 3, 0, 4, 1]);
    sample.extend(raw_header(1, 108, &ethernet(&[8, 0], &udp())));
    let (mut decoder, mut flows) = (Decoder::new(), Vec::new());
    let report = decoder.decode(NOW, FROM, &datagram(&[item(3, &sample)]), &mut flows);
    assert_eq!(flows[0].sampling, Sampling::one_in(1000));
    assert_eq!(report.causes.get(Cause::RateByteOrder), 1);
    let summary = decoder.exporters().remove(0);
    assert_eq!((summary.rates, summary.rate_doubt.map(|d| d.swapped)), (vec![1000], Some(1000)));
}
