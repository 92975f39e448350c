//! Slow answers: they do not delay others, and they are limited.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use toptalk::attach::frame::{Reply, Request, Tagged};
use toptalk::attach::server::ClientLimits;
use toptalk::snapshot::{Allowance, STEPS, Snapshot, View};

use super::harness::{Client, Harness, SOON, plain, view};
use crate::common::terminal::PATIENCE;

/// Number of rows of views whose answers never end without a limit.
const ENDLESS: usize = 77;

/// Whether an endless answer has begun or was given up.
#[derive(Debug, PartialEq)]
enum AnswerEvent {
    Begun,
    GivenUp,
}

/// A server that reports the state of endless answers.
fn harness(limits: ClientLimits) -> (Harness, Receiver<AnswerEvent>) {
    let (tell, events) = channel();
    let tell = Mutex::new(tell);
    let answer = move |view: &View, allowance: &mut Allowance<'_>| {
        if view.limit != ENDLESS {
            return plain(view);
        }
        let say = |what| drop(tell.lock().unwrap().send(what));
        say(AnswerEvent::Begun);
        while allowance.spend(STEPS) {}
        say(AnswerEvent::GivenUp);
        Snapshot { unanswered: Some("too slow here".to_owned()), ..plain(view) }
    };
    (Harness::within(limits, Arc::new(answer)), events)
}

fn question(number: u32, limit: usize) -> Request {
    Request::Ask(Tagged { number, about: view(limit) })
}

fn answer(client: &mut Client) -> Tagged<Snapshot> {
    loop {
        match client.next().unwrap() {
            Reply::Answer(answer) => return *answer,
            other => assert!(matches!(other, Reply::Snapshot(_)), "{other:?}"),
        }
    }
}

fn next_event(events: &Receiver<AnswerEvent>) -> AnswerEvent {
    events.recv_timeout(PATIENCE).expect("there is an event")
}

/// Whether an answer was given up twice, in the first and the quick attempt, and has then begun on
/// the slow thread.
fn continues(events: &Receiver<AnswerEvent>) -> bool {
    let twice = [
        AnswerEvent::Begun,
        AnswerEvent::GivenUp,
        AnswerEvent::Begun,
        AnswerEvent::GivenUp,
        AnswerEvent::Begun,
    ];
    std::iter::repeat_with(|| next_event(events)).take(twice.len()).eq(twice)
}

#[test]
fn an_endless_question_delays_no_others_and_ends_with_its_client() {
    let endless = Duration::from_secs(86_400);
    let (harness, events) =
        harness(ClientLimits { quick: SOON, slow: endless, ..ClientLimits::default() });
    let mut good = harness.client();
    good.send(Request::Watch(view(5)));
    good.snapshot();
    let mut bad = harness.client();
    bad.send(question(1, ENDLESS));
    assert!(continues(&events), "it continues on the slow thread");
    // Views, new views, questions and other clients are still answered.
    assert_eq!(good.snapshot().view, view(5));
    good.send(Request::Watch(view(6)));
    while good.snapshot().view != view(6) {}
    good.send(question(2, 7));
    assert_eq!(answer(&mut good).about.view, view(7));
    let mut other = harness.client();
    other.send(question(3, 8));
    assert_eq!(answer(&mut other).number, 3);
    // The client has gone.
    drop(bad);
    assert_eq!(next_event(&events), AnswerEvent::GivenUp);
    // A server that stops gives it up too.
    let mut bad = harness.client();
    bad.send(question(4, ENDLESS));
    assert!(continues(&events));
    drop(harness);
    assert_eq!(next_event(&events), AnswerEvent::GivenUp);
}

#[test]
fn a_view_that_needs_too_much_work_is_reported_as_too_slow() {
    let (harness, events) =
        harness(ClientLimits { quick: SOON, slow: 2 * SOON, ..ClientLimits::default() });
    let mut screen = harness.client();
    screen.send(Request::Watch(view(ENDLESS)));
    let first = screen.snapshot();
    let why = first.unanswered.unwrap();
    assert!(why.contains("takes longer") && first.notes == [why], "until it is made");
    let second = screen.snapshot();
    assert_eq!(second.unanswered.as_deref(), Some("too slow here"));
    screen.send(question(9, ENDLESS));
    screen.send(Request::Watch(view(5)));
    assert_eq!(answer(&mut screen).about.unanswered.as_deref(), Some("too slow here"));
    while screen.snapshot().view != view(5) {}
    assert!(events.try_iter().count() >= 6);
}

#[test]
fn an_answer_to_a_view_without_clients_is_given_up() {
    let endless = Duration::from_secs(86_400);
    let (harness, events) =
        harness(ClientLimits { quick: SOON, slow: endless, ..ClientLimits::default() });
    let mut screen = harness.client();
    screen.send(Request::Watch(view(ENDLESS)));
    assert!(continues(&events));
    screen.send(Request::Watch(view(5)));
    assert_eq!(next_event(&events), AnswerEvent::GivenUp);
    while screen.snapshot().view != view(5) {}
}

#[cfg(target_os = "linux")]
#[test]
fn readers_of_rows_have_the_priority_of_writers() {
    // Both lock the same rows. If readers had a lower priority, receiving would wait for
    // them, and with them
    // for every other program on the machine.
    let (harness, _) = harness(ClientLimits::default());
    let mut client = harness.client();
    client.send(question(1, 5));
    answer(&mut client);
    let mut found = 0;
    for task in std::fs::read_dir("/proc/self/task").unwrap() {
        let folder = task.unwrap().path();
        let name = std::fs::read_to_string(folder.join("comm")).unwrap_or_default();
        if !name.trim().ends_with("answers") {
            continue;
        }
        // proc(5): priority is field 16 and nice field 17 after the name.
        let text = std::fs::read_to_string(folder.join("stat")).unwrap_or_default();
        let own = std::fs::read_to_string("/proc/self/stat").unwrap();
        let nice = |text: &str| text.rsplit(") ").next()?.split(' ').nth(16).map(str::to_owned);
        if let Some(theirs) = nice(&text).filter(|_| !text.is_empty()) {
            assert_eq!(Some(theirs), nice(&own), "{name}");
            found += 1;
        }
    }
    assert!(found >= 2, "{found} threads");
}
