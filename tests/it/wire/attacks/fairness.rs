//! Fairness: known exporters and new exporters get their parts, in each worker.

use super::*;

/// A decoder with few places: one of `workers` decoders that share the limits.
fn small(exporters: usize, workers: usize) -> (SharedLimits, DecoderLimits) {
    let limits = DecoderLimits { exporters, held_bytes: 4 << 20, ..DecoderLimits::default() };
    (SharedLimits::new(limits, workers), limits)
}

impl Collector {
    fn sharing(budget: &SharedLimits) -> Collector {
        Collector { decoder: Decoder::sharing(Policy::default(), budget), ..Collector::new() }
    }

    /// Has an exporter send flows in five different seconds, so that it becomes known.
    fn knows(&mut self, host: Host) {
        for _ in 0..5 {
            let sent = message(1).template(300, &SHAPE).set(300, &records(1)).bytes();
            assert_eq!(self.take(host, &sent).flows, 1);
            self.now += 1000;
        }
    }

    /// Has exporters send data whose template never arrives, in turn, until there is no room.
    fn fill_held(&mut self, hosts: impl Iterator<Item = u32> + Clone) {
        for _ in 0..1500 {
            for n in hosts.clone() {
                self.take(stranger(n), &message(9).set(999, &[7; 1000]).bytes());
            }
        }
    }
}

#[test]
fn an_exporter_that_becomes_known_takes_nothing_reserved_for_new_exporters() {
    let (budget, limits) = small(1024, 1);
    let mut collector = Collector::sharing(&budget);
    // Each exporter in turn fills what one exporter may have, and becomes known with it.
    for n in 0..4 {
        collector.fill_held(n..n + 1);
        collector.knows(stranger(n));
    }
    assert!(collector.decoder.held_bytes() <= limits.held_bytes);
    assert_eq!(collector.held_by_good(50), 1000);
}

#[test]
fn domains_samplers_and_sources_are_given_back_to_those_who_have_less() {
    let limits = DecoderLimits { template_bytes: 4 << 20, ..DecoderLimits::default() };
    let mut collector = Collector::sharing(&SharedLimits::new(limits, 1));
    let options = [iana(149, 4), iana(48, 2), iana(34, 4)];
    let rates: Vec<u8> = (0..250u16)
        .flat_map(|id| [&[0; 4][..], &id.to_be_bytes(), &[0, 0, 0, 9]].concat())
        .collect();
    for domain in 0..60 {
        for n in 0..6 {
            // The template is withdrawn: only the announced rates are left.
            let sent = message(domain).options(300, 1, &options).set(300, &rates);
            collector.take(stranger(n), &sent.set(3, &[1, 44, 0, 0]).bytes());
        }
    }
    let sent = message(1).template(301, &SHAPE).set(301, &records(20)).bytes();
    let report = collector.take(GOOD, &sent);
    assert_eq!((report.flows, report.causes.get(Cause::DomainLimit)), (20, 0));
    assert_eq!(collector.held_by_good(50), 1000);
}

#[test]
fn each_class_has_its_part_in_each_worker() {
    let (budget, _) = small(1024, 2);
    let (mut one, mut two) = (Collector::sharing(&budget), Collector::sharing(&budget));
    for n in 0..3 {
        one.knows(stranger(n));
    }
    two.now = one.now;
    two.knows_good();
    // New exporters fill their part in the second decoder; known ones fill the rest in the
    // first.
    two.fill_held(100..103);
    one.fill_held(0..3);
    assert_eq!(two.held_by_good(20), 400, "known");
    let newcomer = Host::octets(192, 0, 2, 7);
    one.take(newcomer, &message(2).set(400, &records(20)).bytes());
    let sent = one.take(newcomer, &message(2).template(400, &SHAPE).bytes());
    assert_eq!(sent.flows, 20, "new");
}

#[test]
fn a_new_sender_does_not_displace_the_only_known_exporter_of_a_worker() {
    let (budget, _) = small(64, 4);
    let (mut one, mut two) = (Collector::sharing(&budget), Collector::sharing(&budget));
    let known: Vec<Host> = (0..8).map(|n| Host::octets(192, 0, 2, n)).collect();
    for host in &known {
        one.knows(*host);
    }
    let once = message(1).template(300, &SHAPE).set(300, &records(1)).bytes();
    for n in 0..200 {
        two.take(stranger(n), &once);
    }
    for n in 0..200 {
        assert_eq!(one.take(stranger(n), &once).flows, 1, "new exporters have places, too");
    }
    for host in &known {
        assert_eq!(one.take(*host, &message(1).set(300, &records(1)).bytes()).flows, 1);
    }
}

#[test]
fn spoofed_exporters_get_no_history_by_a_restart() {
    let limits = DecoderLimits { exporters: 64, ..DecoderLimits::default() };
    let mut before = Collector::sharing(&SharedLimits::new(limits, 1));
    before.knows_good();
    let once = message(1).template(300, &SHAPE).set(300, &records(1)).bytes();
    for n in 0..200 {
        before.take(stranger(n), &once);
    }
    let (memory, standing) = (before.decoder.memory(), before.decoder.standing());
    let mut after = Collector::sharing(&SharedLimits::new(limits, 1));
    after.now = before.now + 1000;
    after.decoder.restore(Time(after.now), &memory).unwrap();
    after.decoder.resume(Time(after.now), &standing);
    let newcomer = Host::octets(192, 0, 2, 7);
    after.take(newcomer, &once);
    for n in 0..200 {
        after.now += 1;
        after.take(stranger(1000 + n), &once);
        if n % 4 == 0 {
            let data = message(1).set(300, &records(1)).bytes();
            assert_eq!(after.take(newcomer, &data).flows, 1, "a new exporter after {n} others");
        }
    }
    assert_eq!(after.take(GOOD, &message(1).set(300, &records(5)).bytes()).flows, 5);
}

/// Has new exporters send their templates two seconds after their data, while `strangers` other
/// addresses send a datagram each, two every millisecond. Returns the numbers of flows that the
/// new exporters sent, and that were decoded.
fn newcomers_beside(strangers: u32) -> (u32, u32) {
    let mut collector = Collector::new();
    let once = message(1).template(300, &SHAPE).set(300, &records(1)).bytes();
    let data = message(2).set(400, &records(20)).bytes();
    let template = message(2).template(400, &SHAPE).bytes();
    let (mut sent, mut kept) = (0, 0);
    for ms in 0..8_000u32 {
        collector.now += 1;
        for n in 0..2 {
            collector.take(stranger((2 * ms + n) % strangers), &once);
        }
        for newcomer in 0..4 {
            let host = Host::octets(192, 0, 2, newcomer);
            let since = ms.saturating_sub(2_000);
            if since > 0 && since % 5_000 == 2_000 {
                kept += collector.take(host, &template).flows;
            }
            if since > 0 && since % 100 == 50 + 10 * u32::from(newcomer) {
                kept += collector.take(host, &data).flows;
                sent += 20;
            }
        }
        while let Some(more) =
            collector.decoder.release(Time(collector.now), &mut collector.flows, None)
        {
            kept += more.flows;
        }
    }
    (sent, kept)
}

#[test]
fn new_exporters_keep_data_before_its_template_during_a_spoofed_flood() {
    for strangers in [4096, 1_000_000] {
        let (sent, kept) = newcomers_beside(strangers);
        assert_eq!(sent, kept, "with {strangers} other senders");
    }
}

#[test]
fn an_exporter_that_comes_back_more_often_than_spoofed_ones_keeps_its_place() {
    // Twenty times as many other addresses for each place: at first, the new exporter loses its
    // place before it is heard again.
    let (budget, _) = small(50, 1);
    let mut collector = Collector::sharing(&budget);
    let once = message(1).template(300, &SHAPE).set(300, &records(1)).bytes();
    let newcomer = Host::octets(192, 0, 2, 7);
    let mut lost = 0;
    for ms in 0..10_000u32 {
        collector.now += 1;
        for n in 0..2 {
            collector.take(stranger(2 * ms + n), &once);
        }
        if ms % 1000 == 0 {
            collector.take(newcomer, &once);
        } else if ms % 100 == 0 {
            let got = collector.take(newcomer, &message(1).set(300, &records(1)).bytes()).flows;
            lost = if got == 1 { lost } else { ms };
        }
    }
    assert!(lost < 2_000, "still without a place after {lost} ms");
}
