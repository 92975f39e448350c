//! Valid and invalid words of `-s` and `-A`.

use super::*;

#[test]
fn every_word_means_one_element() {
    let mut words = Vec::new();
    for known in ELEMENTS {
        for name in known.aliases.iter().chain([&known.name]) {
            assert_eq!(element(&name.to_uppercase()).unwrap(), known, "{name}");
            words.push(*name);
        }
    }
    words.extend(UNANSWERED.iter().flat_map(|(words, _)| words.iter()));
    let count = words.len();
    words.sort_unstable();
    words.dedup();
    assert_eq!(words.len(), count);
}

#[test]
fn every_field_to_sum_by_has_one_word() {
    let mut words: Vec<&str> = Vec::new();
    for part in PARTS {
        for name in part.aliases.iter().chain([&part.name]) {
            let parts = aggregation(name).unwrap().parts;
            assert_eq!(parts, [KeyPart { field: part.field, prefix: None }], "{name}");
            words.push(name);
        }
    }
    let count = words.len();
    words.sort_unstable();
    words.dedup();
    assert_eq!(words.len(), count);
}

#[test]
fn networks_are_also_distinguished_by_their_length() {
    let net = |field| KeyPart { field, prefix: Some(Prefix::Reported) };
    let lengths = [Field::SrcMask, Field::DstMask].map(KeyPart::whole);
    let parts = |text| aggregation(text).unwrap().parts;
    assert_eq!(parts("srcnet"), [net(Field::Src), lengths[0]]);
    assert_eq!(parts("srcmask,srcnet"), [lengths[0], net(Field::Src)]);
    let both = [net(Field::Src), net(Field::Dst), lengths[0], lengths[1]];
    assert_eq!(parts("srcnet,dstnet"), both);
}

#[test]
fn statistics_are_parsed_with_their_orders() {
    let read = |text| {
        let statistic = statistic(text).unwrap();
        (statistic.element.name, statistic.by_protocol, statistic.orders)
    };
    assert_eq!(read("dstip"), ("dstip", false, vec![]));
    assert_eq!(read("port:p/bytes"), ("port", true, vec![StatOrder::Bytes]));
    let two = vec![StatOrder::Flows, StatOrder::Bytes];
    assert_eq!(read("ip/flows/bytes/flows"), ("ip", false, two));
    assert_eq!(read("srcip4/24/bps"), ("srcip4", false, vec![StatOrder::Bps]));
    assert_eq!(read("srcnet/16:p"), ("srcnet", true, vec![]));
    assert_eq!(read("dstnet/bytes"), ("dstnet", false, vec![StatOrder::Bytes]));
    let keys = |word| element(word).unwrap().keys;
    let source = |prefix| CountedSides::One(KeyPart { field: Field::Src, prefix });
    assert_eq!(keys("srcip6/64"), source(Some(Prefix::V6(64))));
    assert_eq!(keys("srcip4/0"), source(Some(Prefix::V4(0))));
    assert_eq!(keys("srcnet"), source(Some(Prefix::Reported)));
    assert_eq!(keys("srcip"), source(None));
    assert!(statistic("record/bytes").unwrap().by.is_some());
    assert!(statistic("srcip").unwrap().by.is_none());
}

#[test]
fn other_words_are_refused_with_advice() {
    for (text, expected) in [
        ("dtsip", "try dstip"),
        ("", "known are record"),
        ("dstip/bites", "bytes"),
        ("dstip/tstart", "-O tstart"),
        ("srcgeo", "country"),
        ("sysid", "router"),
        ("srcnet/48", "srcip6/N"),
        ("srcip4/33", "0 to 32"),
        ("srcip6/129", "0 to 128"),
        ("srcip4", "srcip4/24"),
        ("nbar", "use app"),
    ] {
        let message = statistic(text).expect_err(text).to_string();
        assert!(message.contains(expected), "{text}: {message}");
    }
    for (text, expected) in [
        ("srcip,dstip,srcip4/24", "`srcip4/24` is given twice"),
        (" , ", "at least one"),
        ("srcip,ip", "field to sum by"),
        ("srcprot", "try srcport"),
        ("record", "field to sum by"),
        ("net/24", "0 to 32"),
    ] {
        let message = aggregation(text).expect_err(text).to_string();
        assert!(message.contains(expected), "{text}: {message}");
    }
    let parts = aggregation("proto, srcip4/24,dstnet,").unwrap().parts;
    assert_eq!(parts.len(), 4, "with the length of dstnet");
}
