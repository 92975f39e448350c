//! Clients that violate limits or the protocol.

use std::io::Write;
use std::sync::Arc;

use toptalk::attach::client::AttachError;
use toptalk::attach::frame::{FrameDecoder, Hello, MAX_REQUEST, Reply, Request, Tagged, encode};
use toptalk::attach::server::{AttachEvent, ClientLimits};
use toptalk::attach::{LARGE_ROWS, MAX_QUESTIONS};
use toptalk::filter::Filter;
use toptalk::snapshot::View;

use super::harness::{Client, Harness, SOON, greeting, large, rest, view};
use crate::common::wait_until;

/// The replies of a server after its hello.
fn replies(bytes: &[u8]) -> Vec<Reply> {
    let mut decoder = FrameDecoder::default();
    decoder.push(bytes);
    decoder.hello().unwrap().expect("it says hello");
    std::iter::from_fn(|| decoder.message().unwrap()).collect()
}

/// Checks that a client is still answered.
fn unaffected(client: &mut Client) {
    let next = view(client.snapshot().view.limit + 1);
    client.send(Request::Watch(next.clone()));
    while client.snapshot().view != next {}
}

fn good(harness: &Harness) -> Client {
    let mut client = harness.client();
    client.send(Request::Watch(view(1)));
    client
}

#[test]
fn invalid_bytes_affect_only_their_sender() {
    let harness = Harness::start(ClientLimits::default());
    let mut good = good(&harness);
    for garbage in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0; 5_000], b"TTLK\0\x01\xff", &[0xff; 70_000]]
    {
        rest(harness.raw(garbage));
        unaffected(&mut good);
    }
    // After a valid hello.
    for garbage in [&[0xff; 9][..], &[0; 4], b"\0\0\0\x01\x09", b"\0\0\0\x03\x01zz"] {
        rest(harness.raw(&[&Hello::ours().bytes(), garbage].concat()));
        unaffected(&mut good);
    }
    let attached = |harness: &Harness| harness.server.as_ref().unwrap().attached();
    assert_eq!((attached(&harness).refused, attached(&harness).cut_off), (8, 0));
    // After a valid request: the client is told the reason and cut off.
    let too_long = (MAX_REQUEST as u32 + 1).to_be_bytes();
    let asked = greeting(&Request::Watch(view(2)));
    let said = replies(&rest(harness.raw(&[&asked[..], &too_long].concat())));
    let Some(Reply::Refused(why)) = said.last() else { panic!("{said:?}") };
    assert!(why.contains("expected a frame of 1 to 65536 bytes, found 65537"), "{why}");
    let AttachEvent::CutOff { why: told, .. } =
        harness.event(|one| matches!(one, AttachEvent::CutOff { .. }))
    else {
        panic!()
    };
    assert_eq!(told, *why);
    unaffected(&mut good);
    assert_eq!((attached(&harness).clients, attached(&harness).cut_off), (1, 1));
}

#[test]
fn a_client_that_does_not_read_is_cut_off() {
    let limits = ClientLimits { stall: SOON, ..ClientLimits::default() };
    let much = LARGE_ROWS + 1;
    let answer =
        move |view: &View| large(view, if [99, much].contains(&view.limit) { 3 << 20 } else { 10 });
    let harness = Harness::answering(limits, Arc::new(answer));
    let mut good = good(&harness);
    let slow = harness.raw(&greeting(&Request::Watch(view(99))));
    let cut = harness.event(|event| matches!(event, AttachEvent::CutOff { .. }));
    let AttachEvent::CutOff { why, .. } = cut else { panic!() };
    assert!(why.contains("has not read its answer"), "{why}");
    unaffected(&mut good);
    // A large answer that is not read does not delay those of others.
    let asked = Request::Ask(Tagged { number: 1, about: view(much) });
    let other = harness.raw(&greeting(&asked));
    harness.event(|event| matches!(event, AttachEvent::CutOff { .. }));
    good.send(Request::Ask(Tagged { number: 2, about: view(500_000) }));
    loop {
        if let Reply::Answer(answer) = good.next().unwrap() {
            assert_eq!(answer.about.view, view(500_000));
            break;
        }
    }
    drop((slow, other));
}

#[test]
fn a_client_with_no_request_or_half_of_one_is_disconnected() {
    let limits = ClientLimits { handshake: SOON, stall: SOON, ..ClientLimits::default() };
    let harness = Harness::start(limits);
    for half in [&b""[..], b"TTL", &Hello::ours().bytes()] {
        rest(harness.raw(half));
    }
    let asked = greeting(&Request::Watch(view(2)));
    rest(harness.raw(&asked[..asked.len() - 1]));
    assert_eq!(harness.server.as_ref().unwrap().attached().refused, 4);
    let mut stream = harness.raw(&asked);
    stream.write_all(&asked[Hello::ours().bytes().len()..asked.len() - 2]).unwrap();
    let said = replies(&rest(stream));
    let Some(Reply::Refused(why)) = said.last() else { panic!("{said:?}") };
    assert!(why.contains("has not finished a request"), "{why}");
}

#[test]
fn the_number_of_screens_is_limited() {
    let harness = Harness::start(ClientLimits { clients: 2, ..ClientLimits::default() });
    let (mut one, other) = (good(&harness), good(&harness));
    one.snapshot();
    wait_until("two screens", || harness.server.as_ref().unwrap().attached().clients == 2);
    let mut third = harness.client();
    third.send(Request::Watch(view(1)));
    let Reply::Refused(why) = third.next().unwrap() else { panic!() };
    assert!(why.contains("2 screens are attached, which is the limit"), "{why}");
    unaffected(&mut one);
    drop(other);
    wait_until("one screen", || harness.server.as_ref().unwrap().attached().clients == 1);
    unaffected(&mut good(&harness));
}

#[test]
fn connections_without_a_request_do_not_block_others() {
    let harness = Harness::start(ClientLimits { pending: 4, ..ClientLimits::default() });
    let idle: Vec<_> = (0..40).map(|_| harness.raw(&Hello::ours().bytes())).collect();
    unaffected(&mut good(&harness));
    wait_until("those that went", || harness.server.as_ref().unwrap().attached().refused >= 36);
    drop(idle);
}

#[test]
fn unanswerable_views_and_too_many_questions_are_refused() {
    let harness = Harness::start(ClientLimits::default());
    let mut client = harness.client();
    let filter = Filter::parse("src port 80").unwrap();
    client.send(Request::Watch(View { filter, ..view(1) }));
    let Reply::Refused(why) = client.next().unwrap() else { panic!() };
    assert!(why.contains("port"), "{why}");
    assert!(matches!(client.next(), Err(AttachError::Closed)));
    // As many questions as arrive while the first is still being answered.
    let (begin, begun) = std::sync::mpsc::channel();
    let (go, going) = std::sync::mpsc::channel::<()>();
    let gate = std::sync::Mutex::new((begin, going));
    let slow = Arc::new(move |view: &View| {
        let gate = gate.lock().unwrap();
        let _ = gate.0.send(());
        let _ = gate.1.recv();
        super::harness::plain(view)
    });
    let harness = Harness::answering(ClientLimits::default(), slow);
    let question = |number| encode(&Request::Ask(Tagged { number, about: view(1) })).unwrap();
    let mut stream = harness.raw(&[Hello::ours().bytes(), question(0)].concat());
    begun.recv().unwrap();
    for number in 0..=MAX_QUESTIONS as u32 {
        // The server may have closed the connection by the last of them.
        drop(stream.write_all(&question(number + 1)));
    }
    let said = replies(&rest(stream));
    let Some(Reply::Refused(why)) = said.last() else { panic!("{said:?}") };
    assert!(why.contains("at most 8 questions"), "{why}");
    drop(go);
}
