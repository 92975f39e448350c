//! The bytes of the attach protocol.

use crate::fuzz_targets;
use crate::fuzz_targets::input::Input;
use proptest::prelude::*;
use toptalk::attach::frame::{
    COMPRESS_FROM, FrameDecoder, FrameError, FrameMessage, Hello, MAX_REPLY, MAX_REQUEST,
    MAX_VERSION, PROTOCOL, Reply, Request, encode,
};
use toptalk::filter::Filter;
use toptalk::snapshot::{Snapshot, View};

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 300,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn messages_come_back_and_garbage_is_an_error(
        bytes in prop::collection::vec(any::<u8>(), 0..3_000),
    ) {
        fuzz_targets::frames::run(&bytes);
    }
}

/// A hash of the test's messages. It changes when a message changes its form, and when the test
/// draws other values: protocols are known names, so random texts are read as none.
const FORM: u32 = 1_486_983_640;

#[test]
fn the_form_of_messages_is_that_of_their_version() {
    let mut all = Vec::new();
    for seed in 0..400u32 {
        let byte = |n: u32| ((n + seed * 4_000).wrapping_mul(2_654_435_761) >> 13) as u8;
        let bytes: Vec<u8> = (0..4_000).map(byte).collect();
        let mut input = Input::new(&bytes);
        let (kind, body) = fuzz_targets::frames::request(&mut input).write().unwrap();
        all.extend([kind].iter().chain(&body));
        let (kind, body) = fuzz_targets::frames::reply(&mut input).write().unwrap();
        all.extend([kind].iter().chain(&body));
    }
    let form = crc32fast::hash(&all);
    assert_eq!(
        (PROTOCOL, form),
        (3, FORM),
        "a message has another form than before: count PROTOCOL up, and write both here"
    );
}

fn first<M: FrameMessage>(bytes: &[u8]) -> Result<Option<M>, FrameError> {
    let mut decoder = FrameDecoder::default();
    decoder.push(bytes);
    decoder.message()
}

#[test]
fn lengths_are_refused_before_anything_of_that_length_is_kept() {
    for length in [0, MAX_REQUEST as u32 + 1, u32::MAX] {
        let error = first::<Request>(&length.to_be_bytes()).unwrap_err();
        let FrameError::Length { limit, found } = error else { panic!("{error}") };
        assert_eq!((limit, found), (MAX_REQUEST, length as usize));
    }
    let length = (MAX_REQUEST as u32).to_be_bytes();
    assert_eq!(first::<Request>(&length), Ok(None));
    assert!(first::<Reply>(&(MAX_REPLY as u32 + 1).to_be_bytes()).is_err());
}

#[test]
fn other_messages_are_refused_by_what_they_are() {
    let frame = |kind: u8, body: &[u8]| {
        let length = (body.len() as u32 + 1).to_be_bytes();
        [&length[..], &[kind], body].concat()
    };
    assert_eq!(first::<Request>(&frame(9, b"")), Err(FrameError::Kind(9)));
    let error = first::<Request>(&frame(3, b"\0xy")).unwrap_err().to_string();
    assert!(error.contains("kind 3") && error.contains("2 bytes too many"), "{error}");
    for (kind, body) in [(1, &b""[..]), (1, &[0xff; 40]), (0x81, b"abc"), (0x81, b"\0\0\0\x05abc")]
    {
        let error = first::<Request>(&frame(kind, body)).unwrap_err();
        assert!(matches!(error, FrameError::Body { kind: 1, .. }), "{error:?}");
    }
    // A small frame that would be large after decompression.
    let error = first::<Request>(&frame(0x81, &[0xff; 8])).unwrap_err();
    assert_eq!(error, FrameError::Length { limit: MAX_REQUEST, found: u32::MAX as usize });
}

#[test]
fn large_answers_are_compressed() {
    let note = "the same again and again; ".repeat(COMPRESS_FROM / 10);
    let snapshot = Snapshot { notes: vec![note.clone()], ..Snapshot::default() };
    let message = Reply::Snapshot(Box::new(snapshot));
    let frame = encode(&message).unwrap();
    assert!(frame.len() < note.len() / 10, "{} of {}", frame.len(), note.len());
    assert_eq!(first(&frame), Ok(Some(message)));
}

#[test]
fn a_hello_has_a_version_without_control_characters() {
    let read = |bytes: &[u8]| {
        let mut decoder = FrameDecoder::default();
        decoder.push(bytes);
        decoder.hello()
    };
    assert_eq!(read(&Hello::ours().bytes()), Ok(Some(Hello::ours())));
    assert_eq!(read(b"GET / HTTP/1.1"), Err(FrameError::Magic));
    assert_eq!(read(b"TT"), Ok(None));
    assert_eq!(read(b"TTX"), Err(FrameError::Magic));
    let hello = Hello { protocol: 99, version: "9.9\x1b[31m".to_owned() };
    let heard = read(&hello.bytes()).unwrap().unwrap();
    assert_eq!(heard.version, "9.931m");
    let text = heard.check().unwrap_err().to_string();
    let ours = env!("CARGO_PKG_VERSION");
    assert!(text.contains("found 99 (toptalk 9.931m)"), "{text}");
    assert!(text.contains(&format!("version {PROTOCOL} of the attach protocol (toptalk {ours})")));
    let long = Hello { protocol: 1, version: "1".repeat(300) };
    assert_eq!(read(&long.bytes()).unwrap().unwrap().version.len(), MAX_VERSION);
    assert_eq!(read(b"TTLK\0\x01\xff"), Err(FrameError::LongVersion(255)));
}

#[test]
fn an_invalid_filter_is_an_error() {
    let view = View { filter: Filter::parse("port 443").unwrap(), ..View::default() };
    let mut frame = encode(&Request::Watch(view)).unwrap();
    let at = frame.windows(4).position(|four| four == b"port").unwrap();
    frame[at] = b'q';
    let error = first::<Request>(&frame).unwrap_err();
    assert!(matches!(error, FrameError::Body { kind: 1, .. }), "{error}");
}
