//! Answers that take long: beside the others, and not for ever.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use toptalk::attach::frame::{Reply, Request, Tagged};
use toptalk::attach::server::ClientLimits;
use toptalk::snapshot::{Allowance, STEPS, Snapshot, View};

use super::harness::{Client, Harness, SOON, plain, view};
use crate::common::terminal::PATIENCE;

/// Rows of views whose answers never end by themselves.
const ENDLESS: usize = 77;

/// Whether an endless answer has begun, or was given up.
#[derive(Debug, PartialEq)]
enum Told {
    Begun,
    GivenUp,
}

/// A server whose endless answers tell how they fare.
fn harness(limits: ClientLimits) -> (Harness, Receiver<Told>) {
    let (tell, told) = channel();
    let tell = Mutex::new(tell);
    let answer = move |view: &View, allowance: &mut Allowance<'_>| {
        if view.limit != ENDLESS {
            return plain(view);
        }
        let say = |what| drop(tell.lock().unwrap().send(what));
        say(Told::Begun);
        while allowance.spend(STEPS) {}
        say(Told::GivenUp);
        Snapshot { unanswered: Some("too slow here".to_owned()), ..plain(view) }
    };
    (Harness::within(limits, Arc::new(answer)), told)
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

fn hear(told: &Receiver<Told>) -> Told {
    told.recv_timeout(PATIENCE).expect("it is told")
}

/// Whether an answer was given up twice, after a first try and after a quick one, and has
/// then begun beside the others.
fn goes_on(told: &Receiver<Told>) -> bool {
    let twice = [Told::Begun, Told::GivenUp, Told::Begun, Told::GivenUp, Told::Begun];
    std::iter::repeat_with(|| hear(told)).take(twice.len()).eq(twice)
}

#[test]
fn an_endless_question_holds_nobody_up_and_ends_with_its_client() {
    let endless = Duration::from_secs(86_400);
    let (harness, told) =
        harness(ClientLimits { quick: SOON, slow: endless, ..ClientLimits::default() });
    let mut good = harness.client();
    good.send(Request::Watch(view(5)));
    good.snapshot();
    let mut bad = harness.client();
    bad.send(question(1, ENDLESS));
    assert!(goes_on(&told), "it goes on beside the others");
    // Views, new views, questions and other clients: all go on.
    assert_eq!(good.snapshot().view, view(5));
    good.send(Request::Watch(view(6)));
    while good.snapshot().view != view(6) {}
    good.send(question(2, 7));
    assert_eq!(answer(&mut good).about.view, view(7));
    let mut other = harness.client();
    other.send(question(3, 8));
    assert_eq!(answer(&mut other).number, 3);
    // Nobody waits for it any more.
    drop(bad);
    assert_eq!(hear(&told), Told::GivenUp);
    // Nor does a server that ends.
    let mut bad = harness.client();
    bad.send(question(4, ENDLESS));
    assert!(goes_on(&told));
    drop(harness);
    assert_eq!(hear(&told), Told::GivenUp);
}

#[test]
fn what_needs_too_much_is_said_to_be_too_slow_and_its_screen_goes_on() {
    let (harness, told) =
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
    assert!(told.try_iter().count() >= 6);
}

#[test]
fn a_view_that_nobody_watches_any_more_is_given_up() {
    let endless = Duration::from_secs(86_400);
    let (harness, told) =
        harness(ClientLimits { quick: SOON, slow: endless, ..ClientLimits::default() });
    let mut screen = harness.client();
    screen.send(Request::Watch(view(ENDLESS)));
    assert!(goes_on(&told));
    screen.send(Request::Watch(view(5)));
    assert_eq!(hear(&told), Told::GivenUp);
    while screen.snapshot().view != view(5) {}
}

#[cfg(target_os = "linux")]
#[test]
fn who_reads_rows_has_the_priority_of_who_writes_them() {
    // Both lock the same rows: were one to stand back, receiving would wait for it, and with
    // it for every other program of the machine.
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
        // proc(5): the priority is the sixteenth, nice the seventeenth after the name.
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
