use proptest::prelude::*;

use super::fixed::FixedLayout;
use super::{netflow, sets, sflow};

/// Any bytes survive reading and writing, and each field is at the offset of its table.
fn check<L: FixedLayout + PartialEq + std::fmt::Debug>(bytes: &[u8]) {
    let whole = L::read(bytes).unwrap();
    let mut out = vec![0xaa];
    whole.append(&mut out);
    assert_eq!(out[1..], bytes[L::START..L::END]);
    assert_eq!(L::read_at(&[&[0; 3], bytes].concat(), 3).as_ref(), Some(&whole));
    assert_eq!(L::read(&bytes[..L::END - 1]), None);
    for end in 0..=L::END {
        // A field that is cut is zero, a field that is complete keeps its value.
        let mut want = bytes[..L::END].to_vec();
        for field in L::FIELDS.iter().filter(|field| field.at + field.width > end) {
            want[field.at..field.at + field.width].fill(0);
        }
        assert_eq!(L::read_prefix(&bytes[..end]), L::read(&want).unwrap(), "{end} bytes");
    }
}

proptest! {
    #[test]
    fn layouts_read_what_they_write(bytes in prop::collection::vec(any::<u8>(), 88)) {
        check::<netflow::FixedHeaderStart>(&bytes);
        check::<netflow::V5HeaderEnd>(&bytes);
        check::<netflow::V7HeaderEnd>(&bytes);
        check::<netflow::FixedRecordStart>(&bytes);
        check::<netflow::V1RecordEnd>(&bytes);
        check::<netflow::V5RecordEnd>(&bytes);
        check::<netflow::V7RecordEnd>(&bytes);
        check::<netflow::V9Header>(&bytes);
        check::<netflow::IpfixHeader>(&bytes);
        check::<sets::SetHeader>(&bytes);
        check::<sets::TemplateHeader>(&bytes);
        check::<sets::V9OptionsHeader>(&bytes);
        check::<sets::IpfixOptionsHeader>(&bytes);
        check::<sets::FieldSpecifier>(&bytes);
        check::<sflow::SflowHeaderEnd>(&bytes);
        check::<sflow::OpaqueHeader>(&bytes);
        check::<sflow::FlowSampleHeader>(&bytes);
        check::<sflow::ExpandedFlowSampleHeader>(&bytes);
        check::<sflow::CounterSampleHeader>(&bytes);
        check::<sflow::ExpandedCounterSampleHeader>(&bytes);
        check::<sflow::DiscardSampleHeader>(&bytes);
        check::<sflow::RawPacketHeader>(&bytes);
        check::<sflow::InterfaceCountersRecord>(&bytes);
    }
}

/// Offsets as the RFCs draw them, so that a table that is shifted as a whole is noticed.
#[test]
fn fields_are_where_the_documents_draw_them() {
    let at = |fields: &[super::fixed::FieldLayout], name: &str| {
        fields.iter().find(|field| field.name == name).map(|field| (field.at, field.width))
    };
    let v9 = netflow::V9Header::FIELDS;
    assert_eq!((at(v9, "sequence"), at(v9, "source_id")), (Some((12, 4)), Some((16, 4))));
    let ipfix = netflow::IpfixHeader::FIELDS;
    assert_eq!((at(ipfix, "length"), at(ipfix, "domain")), (Some((2, 2)), Some((12, 4))));
    let v5 = netflow::V5RecordEnd::FIELDS;
    assert_eq!((at(v5, "tcp_flags"), at(v5, "dst_mask")), (Some((37, 1)), Some((45, 1))));
}
