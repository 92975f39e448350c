//! Filters on the rows of the live tables.

use super::super::words::{LiveSupport, WORDS};
use super::super::*;
use super::{HALF_A_LINE, terms};

/// A direction of a conversation, as in the live tables.
struct Row;

impl FilterSubject for Row {
    fn src(&self) -> Host {
        Host::octets(10, 0, 0, 1)
    }

    fn dst(&self) -> Host {
        Host::octets(10, 0, 0, 2)
    }

    fn proto(&self) -> u8 {
        6
    }

    fn ports(&self) -> (u16, u16) {
        (443, 443)
    }
}

#[test]
fn rows_answer_exactly_what_is_not_refused() {
    for (word, text) in terms() {
        let filter = Filter::parse(&text).unwrap();
        let refused = filter.check_live().is_err();
        // A TCP row is known not to be ICMP, and to be at least one flow.
        let known_anyway = ["icmp-type", "icmp-code", "flows"].contains(&word.name);
        assert!(filter.answer(&Row).is_some() != refused || known_anyway, "{text}");
    }
    for (text, answer) in [
        ("flags S or tcp", Some(true)),
        ("flags S and udp", Some(false)),
        ("flags S and tcp", None),
        ("not flags S", None),
        ("udp or not (flags S or udp)", None),
    ] {
        assert_eq!(Filter::parse(text).unwrap().answer(&Row), answer, "{text}");
    }
}

#[test]
fn a_refusal_gives_the_position_the_reason_and_the_command() {
    for (text, at, reason) in [
        (
            "tcp and not (dst  PORT 443 or udp)",
            "dst  PORT",
            "`dst PORT`: live rows keep the service port only; write `port N`",
        ),
        ("src port in [1 2]", "src port", "`port N`"),
        ("tcp flags S", "flags", "`flags`: live rows keep no TCP flags; a row sums all flows"),
        ("bytes > 1M or flags S", "bytes", "single flow records"),
        ("src as 65001", "src as", "AS numbers"),
        ("not next ip 10.0.0.1", "next ip", "next hops"),
    ] {
        let error = Filter::parse(text).unwrap().check_live().unwrap_err();
        assert_eq!(&text[error.at.clone()], at, "{text}");
        assert!(error.to_string().contains(reason), "{error}");
        assert_eq!(error.command(), Some(format!("toptalk query '{text}'").as_str()));
    }
    for word in WORDS {
        if let LiveSupport::No(lack, _) | LiveSupport::WithoutSide(lack, _) = word.live {
            assert!(lack.len() <= HALF_A_LINE && lack.starts_with("rows "), "{lack}");
        }
    }
    let quoted = Filter::parse("flags S # it's").unwrap().check_live().unwrap_err();
    assert_eq!(quoted.command(), Some(r"toptalk query 'flags S # it'\''s'"));
    let lines = Filter::parse("flags S # \x1b[31m\nor tcp").unwrap().check_live().unwrap_err();
    assert_eq!(lines.command(), Some("toptalk query 'flags S or proto tcp'"));
    for text in ["src ip 10.0.0.1 port 5", "in if 3 or exporter ::1", "not ipv6", ""] {
        assert_eq!(Filter::parse(text).unwrap().check_live(), Ok(()), "{text}");
    }
}

#[test]
fn interfaces_are_needed_if_they_or_the_exporter_are_asked_for() {
    for (text, needs) in [
        ("", false),
        ("tcp or not (udp and out if 3)", true),
        ("router ip 10.0.0.1", true),
        ("src 10.0.0.1 port 5", false),
    ] {
        assert_eq!(Filter::parse(text).unwrap().needs_interfaces(), needs, "{text}");
    }
}
