//! Templates that do not fit the data: redefined by the exporter before the new definition
//! arrived, or in a way that cannot be read (RFC 7011, section 8).

use crate::common::sets::{Datagram, Spec, VARIABLE, counted, iana};
use toptalk::flow::{Flow, Host, Time};
use toptalk::wire::policy::Policy;
use toptalk::wire::{Cause, DatagramReport, Decoder, DecoderLimits, SharedLimits};

const NOW: i64 = 1_800_000_000_000;
const SECONDS: u32 = (NOW / 1000) as u32;

/// Source, destination and bytes; the same with a class of service and a VLAN between them.
const OLD: [Spec; 3] = [iana(8, 4), iana(12, 4), iana(1, 4)];
const NEW: [Spec; 5] = [iana(8, 4), iana(5, 1), iana(12, 4), iana(58, 2), iana(1, 4)];

/// A record of `OLD` and of `NEW`, of 500 bytes.
const OLD_RECORD: [u8; 12] = [10, 0, 0, 1, 198, 51, 100, 1, 0, 0, 1, 0xf4];
const NEW_RECORD: [u8; 15] = [10, 0, 0, 1, 0x2e, 198, 51, 100, 1, 0, 7, 0, 0, 1, 0xf4];

/// An exporter of one protocol, and a decoder.
struct Site {
    decoder: Decoder,
    is_ipfix: bool,
    sent: u32,
    flows: Vec<Flow>,
}

impl Site {
    fn new(is_ipfix: bool) -> Site {
        Site { decoder: Decoder::new(), is_ipfix, sent: 0, flows: Vec::new() }
    }

    fn datagram(&mut self) -> Datagram {
        self.sent += 1;
        match self.is_ipfix {
            true => Datagram::ipfix(7, SECONDS, 0),
            false => Datagram::v9(7, SECONDS, 3_600_000, self.sent),
        }
    }

    /// Decodes a datagram that `with` adds sets to. Returns the report, and the sum of the bytes
    /// of its flows.
    fn takes(&mut self, with: impl FnOnce(Datagram) -> Datagram) -> (DatagramReport, u64) {
        let bytes = with(self.datagram()).bytes();
        let before = self.flows.len();
        let at = Host::octets(192, 0, 2, 1);
        let report = self.decoder.decode(Time(NOW), at, &bytes, &mut self.flows);
        (report, self.flows[before..].iter().map(|flow| flow.bytes).sum())
    }

    fn held(&self) -> usize {
        self.decoder.exporters()[0].held
    }
}

/// The datagrams of both protocols.
fn both(test: impl Fn(Site)) {
    test(Site::new(false));
    test(Site::new(true));
}

#[test]
fn data_of_a_new_shape_wait_for_the_new_template() {
    both(|mut site| {
        let (_, bytes) = site.takes(|d| d.template(256, &OLD).set(256, &OLD_RECORD));
        assert_eq!(bytes, 500);
        // One record leaves 3 bytes, which looks like padding; seven leave 9.
        let (report, bytes) = site.takes(|d| d.set(256, &NEW_RECORD.repeat(7)));
        assert_eq!((report.causes.get(Cause::TemplateOutdated), bytes), (1, 0));
        assert_eq!(report.causes.iter().count(), 1, "{report:?}");
        // From now on the template is not used, not even where it would fit.
        let (_, bytes) = site.takes(|d| d.set(256, &NEW_RECORD.repeat(4)));
        assert_eq!((bytes, site.held()), (0, 2));
        let (report, bytes) = site.takes(|d| d.template(256, &NEW));
        assert_eq!((report.causes.get(Cause::TemplateChanged), bytes), (1, 11 * 500));
        assert!(site.flows.iter().all(|flow| flow.dst == Host::octets(198, 51, 100, 1)));
        assert_eq!((site.held(), site.flows.len()), (0, 12));
    });
}

#[test]
fn options_of_a_new_shape_wait_too() {
    let (old, new) = ([iana(149, 4), iana(34, 4)], [iana(149, 4), iana(35, 1), iana(34, 4)]);
    let rates = |site: &Site| site.decoder.exporters()[0].rates.clone();
    both(|mut site| {
        let record = [0, 0, 0, 7, 2, 0, 0, 0, 100];
        site.takes(|d| d.options(257, 1, &old));
        let (report, _) = site.takes(|d| d.set(257, &record.repeat(6)));
        assert_eq!((report.causes.get(Cause::TemplateOutdated), report.options), (1, 0));
        assert!(rates(&site).is_empty());
        site.takes(|d| d.options(257, 1, &new));
        assert_eq!(rates(&site), [100]);
    });
}

#[test]
fn a_template_that_is_sent_again_unchanged_is_right_for_what_fits_it() {
    both(|mut site| {
        site.takes(|d| d.template(256, &OLD));
        site.takes(|d| d.set(256, &NEW_RECORD.repeat(7)));
        site.takes(|d| d.set(256, &OLD_RECORD));
        let (report, bytes) = site.takes(|d| d.template(256, &OLD));
        assert_eq!((report.causes.get(Cause::TemplateChanged), bytes), (0, 500));
        assert_eq!(site.held(), 1, "the other set still waits");
        assert_eq!(site.takes(|d| d.set(256, &OLD_RECORD)).1, 500);
        assert_eq!(site.takes(|d| d.template(256, &NEW)).1, 7 * 500);
    });
}

#[test]
fn a_set_that_no_template_fits_is_dropped_after_a_few() {
    both(|mut site| {
        let mut dropped = 0;
        site.takes(|d| d.template(256, &OLD));
        site.takes(|d| d.set(256, &NEW_RECORD.repeat(7)));
        for round in 0..10 {
            let longer = [&OLD[..], &[iana(2, 4)]].concat();
            let fields = if round % 2 == 0 { longer } else { OLD.to_vec() };
            let (report, bytes) = site.takes(|d| d.template(256, &fields));
            assert_eq!(bytes, 0);
            dropped += report.causes.get(Cause::HeldDropped);
        }
        assert_eq!((dropped, site.held()), (1, 0));
    });
}

#[test]
fn padding_is_no_reason_to_wait() {
    both(|mut site| {
        site.takes(|d| d.template(256, &OLD));
        // Some exporters do not clear their padding (CRC or the rest of a buffer).
        for padding in [&[0, 0, 0][..], &[0xde, 0xad, 0xbe]] {
            let (report, bytes) = site.takes(|d| d.set(256, &[&OLD_RECORD[..], padding].concat()));
            assert_eq!((report.causes.get(Cause::TemplateOutdated), bytes), (0, 500));
        }
    });
    // IPFIX allows to align sets to 8 bytes: header and set make 16 + 4 + 12 * 2 + 4.
    let zeros = [&OLD_RECORD.repeat(2)[..], &[0; 4]].concat();
    let garbage = [&OLD_RECORD.repeat(2)[..], &[0, 0, 0, 1]].concat();
    for (is_ipfix, content, read) in
        [(true, &zeros, 1000), (true, &garbage, 0), (false, &zeros, 0), (false, &garbage, 0)]
    {
        let mut site = Site::new(is_ipfix);
        site.takes(|d| d.template(256, &OLD));
        assert_eq!(site.takes(|d| d.set(256, content)).1, read, "{is_ipfix} {content:?}");
    }
}

#[test]
fn records_of_variable_length_have_to_end_with_their_set() {
    let (old, new) = (
        [iana(8, 4), iana(82, VARIABLE), iana(1, 4)],
        [iana(8, 4), iana(1, 4), iana(82, VARIABLE)],
    );
    let old_record = [&[10, 0, 0, 1][..], &counted(b"eth0", false), &[0, 0, 1, 0xf4]].concat();
    let new_record = [&[10, 0, 0, 1, 0, 0, 1, 0xf4][..], &counted(b"eth0", true)].concat();
    let mut site = Site::new(true);
    let (_, bytes) = site.takes(|d| d.template(256, &old).set(256, &old_record.repeat(3)));
    assert_eq!(bytes, 1500);
    let (report, bytes) = site.takes(|d| d.set(256, &new_record.repeat(4)));
    assert_eq!((report.causes.get(Cause::TemplateOutdated), bytes), (1, 0), "{report:?}");
    assert_eq!(site.takes(|d| d.template(256, &new)).1, 2000);
}

#[test]
fn damaged_records_between_others_do_not_disprove_a_template() {
    // The records of Procera PacketLogic are now and then of a wrong length.
    let fields = [iana(8, 4), iana(82, VARIABLE), iana(1, 4)];
    let record = [&[10, 0, 0, 1][..], &counted(b"eth0", false), &[0, 0, 1, 0xf4]].concat();
    let damaged = [&record[..], &[10, 0, 0, 1, 99], &record[..]].concat();
    let mut site = Site::new(true);
    site.takes(|d| d.template(256, &fields).set(256, &record));
    assert_eq!(site.takes(|d| d.set(256, &damaged)).1, 0);
    let (report, bytes) = site.takes(|d| d.set(256, &record));
    assert_eq!((report.causes.get(Cause::BadRecord), bytes, site.held()), (1, 1000, 0));
    // By now this is known of the exporter.
    let (report, bytes) = site.takes(|d| d.set(256, &damaged));
    assert_eq!((report.causes.get(Cause::BadRecord), bytes), (1, 500));
}

#[test]
fn sets_that_do_not_fit_the_template_of_their_own_datagram_are_read_as_it_says() {
    // nProbe and others: the remainder is a mistake of the exporter, not a newer shape.
    both(|mut site| {
        let uneven = [&OLD_RECORD[..], &[9; 7]].concat();
        let (_, bytes) = site.takes(|d| d.template(256, &OLD).set(256, &uneven));
        assert_eq!(bytes, 500);
        assert_eq!(site.takes(|d| d.set(256, &uneven)).1, 500, "its sets are all like this");
        assert_eq!(site.takes(|d| d.template(256, &NEW)).1, 0);
        assert_eq!(site.takes(|d| d.set(256, &OLD_RECORD.repeat(2))).1, 0, "a new shape");
    });
}

#[test]
fn a_set_that_is_cut_off_says_nothing_about_its_template() {
    both(|mut site| {
        site.takes(|d| d.template(256, &OLD));
        let mut bytes = site.datagram().set(256, &OLD_RECORD.repeat(3)).bytes();
        bytes.truncate(bytes.len() - 5);
        let at = Host::octets(192, 0, 2, 1);
        let report = site.decoder.decode(Time(NOW), at, &bytes, &mut site.flows);
        assert_eq!((report.causes.get(Cause::SetTruncated), report.flows), (1, 2));
        assert_eq!(site.takes(|d| d.set(256, &OLD_RECORD)).1, 500);
    });
}

/// Datagrams after which template 256 is defined anew in a way that cannot be read.
fn unreadable() -> Vec<fn(Datagram) -> Datagram> {
    vec![
        // The set ends before its fields do.
        |d| {
            let set = if d.is_ipfix() { 2 } else { 0 };
            d.set(set, &[1, 0, 0, 9, 0, 8, 0, 4])
        },
        |d| {
            let set = if d.is_ipfix() { 3 } else { 1 };
            d.set(set, &[1, 0, 0, 99, 0, 8, 0, 4])
        },
        // A record without bytes, and one that is longer than a datagram.
        |d| d.template(256, &[iana(8, 0)]),
        |d| d.template(256, &[iana(8, 40_000), iana(12, 40_000)]),
        |d| d.options(256, 1, &[iana(149, 0)]),
    ]
}

#[test]
fn a_redefinition_that_cannot_be_read_withdraws_the_template() {
    both(|site| {
        for redefinition in unreadable() {
            let mut site = Site::new(site.is_ipfix);
            site.takes(|d| d.template(256, &OLD).template(257, &OLD));
            let (report, _) = site.takes(redefinition);
            assert_eq!(report.causes.get(Cause::BadTemplate), 1, "{report:?}");
            let data = NEW_RECORD.repeat(4);
            let (report, bytes) = site.takes(|d| d.set(256, &data).set(257, &OLD_RECORD));
            assert_eq!((report.causes.get(Cause::NoTemplate), bytes), (1, 500), "{report:?}");
            assert_eq!(site.takes(|d| d.template(256, &NEW)).1, 2000);
        }
    });
}

#[test]
fn a_redefinition_that_finds_no_room_withdraws_the_template() {
    let limits = DecoderLimits { template_bytes: 40_000, ..DecoderLimits::default() };
    both(|mut site| {
        site.decoder = Decoder::sharing(Policy::default(), &SharedLimits::new(limits, 1));
        site.takes(|d| d.template(256, &OLD));
        let long = [&NEW[..], &[iana(210, 1); 500]].concat();
        let mut at = 300;
        while site.takes(|d| d.template(at, &long[..400])).0.causes.get(Cause::TemplateLimit) == 0 {
            at += 1;
        }
        let (report, _) = site.takes(|d| d.template(256, &long));
        assert_eq!(report.causes.get(Cause::TemplateLimit), 1);
        let (report, bytes) = site.takes(|d| d.set(256, &OLD_RECORD));
        assert_eq!((report.causes.get(Cause::NoTemplate), bytes), (1, 0), "{report:?}");
    });
}

#[test]
fn an_outdated_template_is_not_saved() {
    both(|mut site| {
        site.takes(|d| d.template(256, &OLD).template(257, &OLD));
        assert_eq!(site.decoder.memory().exporters[0].domains[0].templates.len(), 2);
        site.takes(|d| d.set(256, &NEW_RECORD.repeat(7)));
        let saved = site.decoder.memory();
        let ids: Vec<u16> = saved.exporters[0].domains[0].templates.iter().map(|t| t.id).collect();
        assert_eq!(ids, [257]);
    });
}
