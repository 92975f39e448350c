//! Words that are understood, and words that are not.

use super::*;
use crate::flow::Sampling;
use crate::ingest::Workers;
use crate::snapshot::SortKey;
use crate::wire::Policy;

#[test]
fn the_words_are_consistent() {
    environment::declared().debug_assert();
}

#[test]
fn words_become_settings() {
    let words =
        ["toptalk", "-p", "34343", "--workers", "3", "--alert-up", "80M", "--link", "1G/200M"];
    let Ok(Command::Live(live)) = read_from(words) else { panic!() };
    assert_eq!(live.collect.listen.ports, [34343]);
    let rules = live.collect.config.rules;
    assert_eq!((rules.host_up, rules.host_down), (Some(80_000_000), None));
    assert_eq!((rules.link_down, rules.link_up), (Some(1_000_000_000), Some(200_000_000)));
    let words = ["toptalk", "top", "--for", "3s", "-n", "0", "-s", "up", "port", "443"];
    let Ok(Command::Top(top)) = read_from(words) else { panic!() };
    assert_eq!((live.collect.workers, top.collect.workers), (Workers::Exactly(3), Workers::Auto));
    assert_eq!((top.for_ms, top.limit, top.sort), (3000, usize::MAX, SortKey::Up));
    assert!(top.collect.config.to_now && !top.filter.is_any());
    let Ok(Command::Top(top)) = read_from(["toptalk", "top", "--for", "2h"]) else { panic!() };
    assert!(top.collect.config.keep_all && !top.collect.config.to_now);
}

#[test]
fn wrong_words_are_refused_with_what_was_expected() {
    for (words, expected) in [
        (vec!["toptalk", "--allow", "10.0.0.0/33"], "10.0.0.0/8"),
        (vec!["toptalk", "--sampling", "0"], "192.0.2.1=100"),
        (vec!["toptalk", "--sampling", "router=100"], "192.0.2.1=100"),
        (vec!["toptalk", "--sampling", "192.0.2.1=5000000000"], "RATE from 1"),
        (vec!["toptalk", "-p", "70000"], "70000"),
        (vec!["toptalk", "-p", "0"], "0"),
        (vec!["toptalk", "--local", "10.0.0.0/40"], "10.0.0.0/8"),
        (vec!["toptalk", "--alert-up", "fast"], "80M"),
        (vec!["toptalk", "--lag", "400"], "auto"),
        (vec!["toptalk", "--workers", "0"], "auto or 1 to 16"),
        (vec!["toptalk", "top", "--workers", "17"], "auto or 1 to 16"),
        (vec!["toptalk", "--window", "2m"], "15m"),
        (vec!["toptalk", "top", "--window", "2m"], "all"),
        (vec!["toptalk", "top", "port", "70000"], "^^^^^"),
        (vec!["toptalk", "top", "src", "port", "5"], "port"),
    ] {
        let message = read_from(words.clone()).expect_err(&words.join(" "));
        assert!(message.contains(expected), "{words:?}: {message}");
    }
}

#[test]
fn what_is_said_of_exporters_becomes_a_policy() {
    let words = "toptalk --allow 192.0.2.0/24,2001:db8::/32 --allow 10.0.0.1 --sampling 100 \
                 --sampling 192.0.2.7=1000 --sampling 2001:db8::1=1 --no-dedup --state /var/x";
    let Ok(Command::Live(live)) = read_from(words.split_whitespace()) else { panic!() };
    assert!(live.collect.config.no_dedup);
    assert_eq!(live.collect.state, StateFolder::Folder("/var/x".into()));
    let host = |text: &str| text.parse().unwrap();
    let policy = live.collect.policy;
    assert!(policy.allows(host("2001:db8::9")) && policy.allows(host("10.0.0.1")));
    assert!(!policy.allows(host("10.0.0.2")));
    for (exporter, rate) in [("192.0.2.7", 1000), ("2001:db8::1", 1), ("10.0.0.1", 100)] {
        assert_eq!(policy.rate_of(host(exporter)), Some(Sampling::one_in(rate)), "{exporter}");
    }
    let Ok(Command::Top(top)) = read_from(["toptalk", "top", "--state", "x", "--no-state"]) else {
        panic!()
    };
    assert_eq!((top.collect.state, top.collect.policy), (StateFolder::Nowhere, Policy::default()));
}

#[test]
fn filters_that_rows_cannot_answer_are_refused_with_the_command_that_can() {
    let said = read_from(["toptalk", "top", "tcp", "flags", "S"]).unwrap_err();
    let lines: Vec<&str> = said.lines().collect();
    assert!(
        lines[0].ends_with(
            "`flags`: live rows keep no TCP flags; a row sums all flows of a conversation"
        ),
        "{said}"
    );
    assert_eq!(
        lines[1..],
        ["  tcp flags S", "      ^^^^^", "from the archive: toptalk query 'tcp flags S'"],
        "{said}"
    );
    let said = read_from(["toptalk", "top", "geo", "ch"]).unwrap_err();
    assert!(said.contains("`geo`: countries are not known"), "{said}");
    let said = read_from(["toptalk", "top", "--help"]).unwrap_err();
    for word in ["[src|dst] net NETWORK", " port [COMP] N ", "[in|out] if", "docs/FILTER.md"] {
        assert!(said.contains(word), "{word} in {said}");
    }
    assert!(!said.contains("flags LETTERS"), "{said}");
}
