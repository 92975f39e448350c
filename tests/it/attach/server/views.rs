//! Screens and their answers.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use toptalk::attach::frame::{Reply, Request, Tagged};
use toptalk::attach::server::{AttachEvent, ClientLimits};
use toptalk::attach::{MAX_ROWS, MAX_STANDING_ROWS};
use toptalk::clock::Clock;
use toptalk::filter::Filter;
use toptalk::snapshot::{Snapshot, View};
use toptalk::source::{self, ScreenChannels};

use super::harness::{Harness, named, plain, view};
use crate::common::terminal::PATIENCE;

#[test]
fn every_screen_has_the_answers_to_its_own_view() {
    let harness = Harness::start(ClientLimits::default());
    let mut one = harness.client();
    let mut other = harness.client();
    let filter = Filter::parse("port 443 and not net 10.0.0.0/8").unwrap();
    let filtered = View { filter, ..view(7) };
    one.send(Request::Watch(view(5)));
    other.send(Request::Watch(filtered.clone()));
    for _ in 0..2 {
        assert_eq!(one.snapshot().view, view(5));
        assert_eq!(other.snapshot().view, filtered);
    }
    one.send(Request::Watch(view(6)));
    while one.snapshot().view != view(6) {}
    let attached = one.snapshot().health.attached.unwrap();
    assert_eq!((attached.clients, attached.refused, attached.cut_off), (2, 0, 0));
    assert_eq!(attached.path, harness.path.display().to_string());
    let names = one.connection.groups.networks();
    assert_eq!(names[0].1.as_ref(), "lab");
    let AttachEvent::Attached { user, process, .. } = harness.event(|_| true) else { panic!() };
    assert_eq!(user, rustix::process::geteuid().as_raw());
    assert_eq!(process, Some(std::process::id() as i32));
    drop(one);
    harness.event(|event| matches!(event, AttachEvent::Left { .. }));
}

#[test]
fn screens_receive_new_names() {
    let harness = Harness::start(ClientLimits::default());
    let mut client = harness.client();
    client.send(Request::Watch(view(5)));
    client.snapshot();
    *harness.names.lock().unwrap() = named("10.9.0.0/16", "office");
    let names = loop {
        match client.next().unwrap() {
            Reply::Welcome(names) => break names,
            other => assert!(matches!(other, Reply::Snapshot(_)), "{other:?}"),
        }
    };
    assert_eq!(names.networks()[0].1.as_ref(), "office");
    // They are sent before the next answer, and once.
    for _ in 0..2 {
        assert!(matches!(client.next().unwrap(), Reply::Snapshot(_)));
    }
}

#[test]
fn equal_views_are_answered_once() {
    let harness = Harness::start(ClientLimits::default());
    let mut clients: Vec<_> = (0..16).map(|_| harness.client()).collect();
    clients.iter_mut().for_each(|client| client.send(Request::Watch(view(5))));
    for _ in 0..3 {
        clients.iter_mut().for_each(|client| assert_eq!(client.snapshot().view, view(5)));
    }
    let made = harness.made.load(Relaxed);
    assert!(made <= 6, "{made} answers, not 48");
}

#[test]
fn questions_have_their_own_answers_and_rows_are_bounded() {
    let harness = Harness::start(ClientLimits::default());
    let mut client = harness.client();
    client.send(Request::Watch(view(usize::MAX)));
    assert_eq!(client.snapshot().view.limit, MAX_STANDING_ROWS);
    client.send(Request::Ask(Tagged { number: 70, about: view(usize::MAX) }));
    client.send(Request::Ask(Tagged { number: 71, about: view(3) }));
    client.send(Request::Sync(vec!["/var/lib/toptalk".to_owned()]));
    let (mut answers, mut synced) = (Vec::new(), false);
    while answers.len() < 2 || !synced {
        match client.next().unwrap() {
            Reply::Answer(answer) => answers.push((answer.number, answer.about.view.limit)),
            Reply::Synced(done) => synced = done,
            other => assert!(matches!(other, Reply::Snapshot(_)), "{other:?}"),
        }
    }
    assert_eq!(answers, [(70, MAX_ROWS), (71, 3)]);
}

/// Waits for an answer for which `wanted` returns true.
fn wait(ends: &mut ScreenChannels, wanted: impl Fn(&Snapshot) -> bool) -> Arc<Snapshot> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        tokio::time::timeout(PATIENCE, ends.snapshots.wait_for(|one| wanted(one)))
            .await
            .expect("there is such an answer")
            .expect("it is answered")
            .clone()
    })
}

#[test]
fn a_screen_outlives_its_collector() {
    let mut harness = Harness::start(ClientLimits::default());
    let mut ends = source::attach(&harness.path, view(5), Clock::start()).unwrap();
    let answer = wait(&mut ends, |answer| answer.view == view(5));
    assert!(answer.health.gone.is_none());
    let groups = answer.health.groups.as_ref().unwrap();
    assert_eq!(groups.networks()[0].1.as_ref(), "lab");
    let (reply, asked) = tokio::sync::oneshot::channel();
    ends.questions.blocking_send((view(9), reply)).unwrap();
    assert_eq!(asked.blocking_recv().unwrap().view, view(9));
    harness.server = None;
    assert!(!harness.path.exists(), "the socket goes with its server");
    let answer = wait(&mut ends, |answer| answer.health.gone.is_some());
    assert_eq!(answer.view, view(5), "the last answer stays");
    // A view requested meanwhile is requested again later; a question fails.
    ends.views.send(view(6)).unwrap();
    let (reply, asked) = tokio::sync::oneshot::channel();
    ends.questions.blocking_send((view(9), reply)).unwrap();
    assert!(asked.blocking_recv().is_err());
    harness.serve(ClientLimits::default(), Arc::new(|view, _| plain(view)));
    let answer = wait(&mut ends, |answer| answer.view == view(6));
    assert!(answer.health.gone.is_none());
    drop(ends);
    harness.event(|event| matches!(event, AttachEvent::Left { .. }));
}

#[test]
fn a_failed_answer_is_reported_to_its_client_only() {
    let limit = Arc::new(|view: &View| {
        assert!(view.limit != 13, "a defect");
        plain(view)
    });
    let harness = Harness::answering(ClientLimits::default(), limit);
    let mut good = harness.client();
    good.send(Request::Watch(view(5)));
    good.snapshot();
    let mut bad = harness.client();
    bad.send(Request::Watch(view(13)));
    let Reply::Refused(why) = bad.next().unwrap() else { panic!() };
    assert!(why.contains("defect of toptalk"), "{why}");
    assert!(bad.next().is_err());
    good.send(Request::Watch(view(6)));
    while good.snapshot().view != view(6) {}
}
