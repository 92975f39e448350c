//! Fuzz target: the attach protocol. Every message is decoded as it was encoded, however its
//! bytes are split. Any other bytes cause an error at most.

use std::fmt::Debug;
use std::sync::Arc;

use toptalk::attach::frame::{
    FrameDecoder, FrameError, FrameMessage, Hello, MAX_REPLY, Reply, Request, Tagged, encode,
};
use toptalk::flow::NetworkGroups;

use super::choices::choose;
use super::input::Input;

/// Maximum number of messages in one run.
const MESSAGES: usize = 4;

/// Runs on any bytes.
pub fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let requests = (0..input.below(MESSAGES + 1)).map(|_| request(&mut input)).collect::<Vec<_>>();
    talk(&requests, &mut input);
    let replies = (0..input.below(MESSAGES + 1)).map(|_| reply(&mut input)).collect::<Vec<_>>();
    talk(&replies, &mut input);
    garble(&requests, &mut input);
    garble(&replies, &mut input);
    let rest = input.take(bytes.len());
    let mut decoder = FrameDecoder::default();
    decoder.push(rest);
    if let Ok(Some(hello)) = decoder.hello() {
        assert!(rest.starts_with(b"TTLK") && hello.version.is_ascii());
    }
    read::<Request>(rest);
    read::<Reply>(rest);
}

pub fn request(input: &mut Input) -> Request {
    match input.below(3) {
        0 => Request::Watch(choose(input)),
        1 => Request::Ask(choose(input)),
        _ => Request::Sync(choose(input)),
    }
}

pub fn reply(input: &mut Input) -> Reply {
    match input.below(5) {
        0 => Reply::Welcome(Arc::new(choose::<NetworkGroups>(input))),
        1 => Reply::Snapshot(Box::new(choose(input))),
        2 => Reply::Answer(Box::new(Tagged { number: input.word(), about: choose(input) })),
        3 => Reply::Synced(choose(input)),
        _ => Reply::Refused(choose(input)),
    }
}

fn frames<M: FrameMessage>(messages: &[M]) -> Vec<u8> {
    let frames = messages.iter().map(|message| encode(message).expect("they are small"));
    frames.collect::<Vec<_>>().concat()
}

/// Asserts that all messages are decoded when they arrive in parts of any size.
fn talk<M: FrameMessage + PartialEq + Debug>(messages: &[M], input: &mut Input) {
    let bytes = [Hello::ours().bytes(), frames(messages)].concat();
    let mut decoder = FrameDecoder::default();
    let (mut rest, mut greeted, mut heard) = (&bytes[..], false, Vec::<M>::new());
    while !rest.is_empty() {
        // When there are no more choices, everything arrives at once.
        let size = if input.is_empty() { rest.len() } else { 1 + usize::from(input.byte()) };
        let (piece, later) = rest.split_at(size.min(rest.len()));
        decoder.push(piece);
        rest = later;
        if !greeted {
            let hello = decoder.hello().expect("it is ours");
            greeted = hello.is_some_and(|hello| hello == Hello::ours());
        }
        while let Some(message) = greeted.then(|| decoder.message().unwrap()).flatten() {
            heard.push(message);
        }
    }
    assert!(greeted && !decoder.has_partial_message());
    assert_eq!(heard, messages);
}

/// Changes some bytes.
fn garble<M: FrameMessage>(messages: &[M], input: &mut Input) {
    let mut bytes = frames(messages);
    if bytes.is_empty() {
        return;
    }
    for _ in 0..=input.below(4) {
        let at = usize::from(input.half()) % bytes.len();
        bytes[at] ^= 1 + input.byte().min(254);
    }
    read::<M>(&bytes);
}

/// Reads messages until there is none.
fn read<M: FrameMessage>(bytes: &[u8]) {
    let mut decoder = FrameDecoder::default();
    decoder.push(bytes);
    loop {
        match decoder.message::<M>() {
            Ok(Some(_)) => {}
            Ok(None) => return,
            Err(error) => {
                assert!(!error.to_string().is_empty());
                if let FrameError::Length { limit, .. } = error {
                    assert!(limit <= MAX_REPLY);
                }
                return;
            }
        }
    }
}
