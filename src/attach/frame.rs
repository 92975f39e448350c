//! The protocol: bytes to messages and back, in any split. Pure.
//!
//! Each side begins with a [`Hello`], whose form never changes, so that two
//! versions can tell each other that they are two. Frames follow: a length, a
//! kind and a body (postcard), compressed where it is large.

use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::flow::NetworkGroups;
use crate::snapshot::{Snapshot, View};

/// What every connection begins with.
pub const MAGIC: [u8; 4] = *b"TTLK";

/// Counted up whenever a message, or something that a message holds, changes its
/// form.
pub const PROTOCOL: u16 = 2;

/// The text of a program's version is not longer than this.
pub const MAX_VERSION: usize = 64;

/// A frame from a client, without its length. The longest filter fits in.
pub const MAX_REQUEST: usize = 64 << 10;

/// A frame from a server, without its length, and its body when that is
/// decompressed: two tables of a million hosts.
pub const MAX_REPLY: usize = 256 << 20;

/// Bodies larger than this are compressed.
pub const COMPRESS_FROM: usize = 4 << 10;

/// The fastest level that is still worth it: tables of hosts become a third.
const LEVEL: i32 = 1;

/// Set in the kind of a frame whose body is compressed.
const COMPRESSED: u8 = 0x80;

/// Bytes of a frame's length.
const PREFIX: usize = 4;

/// Bytes of a hello before the text.
const HELLO: usize = 7;

/// Why bytes are not what was expected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    #[error("expected toptalk's attach protocol, found something else")]
    Magic,
    #[error(
        "expected version {PROTOCOL} of the attach protocol (toptalk {ours}), found {found} (toptalk {theirs}): collector and screen must be of one version",
        ours = env!("CARGO_PKG_VERSION")
    )]
    Version { found: u16, theirs: String },
    #[error("expected at most {MAX_VERSION} bytes of a program's version, found {0}")]
    LongVersion(usize),
    #[error("expected a frame of 1 to {limit} bytes, found {found}")]
    Length { limit: usize, found: usize },
    #[error("expected a message of the attach protocol, found one of kind {0}")]
    Kind(u8),
    #[error("expected a message of kind {kind}, found other bytes: {why}")]
    Body { kind: u8, why: String },
}

/// What each side says first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hello {
    pub protocol: u16,
    /// The version of the program, for people.
    pub version: String,
}

impl Hello {
    /// Ours.
    #[must_use]
    pub fn ours() -> Hello {
        Hello { protocol: PROTOCOL, version: env!("CARGO_PKG_VERSION").to_owned() }
    }

    /// As it is sent; a version's text is cut at [`MAX_VERSION`].
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        let text = self.version.as_bytes();
        let text = text.get(..MAX_VERSION).unwrap_or(text);
        let mut bytes = MAGIC.to_vec();
        bytes.extend(self.protocol.to_be_bytes());
        bytes.push(text.len() as u8);
        bytes.extend(text);
        bytes
    }

    /// Whether it speaks as we do.
    ///
    /// # Errors
    /// Says both versions when it does not.
    pub fn check(&self) -> Result<(), FrameError> {
        if self.protocol == PROTOCOL {
            return Ok(());
        }
        Err(FrameError::Version { found: self.protocol, theirs: self.version.clone() })
    }

    /// The hello that bytes begin with and how long it is; `None` until it is whole.
    fn read(bytes: &[u8]) -> Result<Option<(Hello, usize)>, FrameError> {
        let magic = bytes.get(..MAGIC.len()).unwrap_or(bytes);
        if !MAGIC.starts_with(magic) {
            return Err(FrameError::Magic);
        }
        let Some(&[_, _, _, _, high, low, length]) = bytes.first_chunk::<HELLO>() else {
            return Ok(None);
        };
        let length = usize::from(length);
        if length > MAX_VERSION {
            return Err(FrameError::LongVersion(length));
        }
        let Some(text) = bytes.get(HELLO..HELLO + length) else { return Ok(None) };
        // It is printed by whoever reads it: nothing but what a version is made of.
        let known = |c: char| c.is_ascii_alphanumeric() || "+-._".contains(c);
        let version = String::from_utf8_lossy(text).chars().filter(|c| known(*c)).collect();
        let protocol = u16::from_be_bytes([high, low]);
        Ok(Some((Hello { protocol, version }, HELLO + length)))
    }
}

/// What clients ask.
#[derive(Clone, Debug, PartialEq)]
pub enum Request {
    /// From now on this view is to be answered, about every second.
    Watch(View),
    /// One answer; the number comes back with it.
    Ask(Tagged<View>),
    /// That what was received until now, and is recorded into one of these folders, below
    /// or above it, be where queries find it; of none only that the server answers.
    Sync(Vec<String>),
}

/// What servers say.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    /// Begins every connection: the networks that have names.
    Welcome(Arc<NetworkGroups>),
    /// The newest answer to the view that is watched.
    Snapshot(Box<Snapshot>),
    /// The answer to a single question.
    Answer(Box<Tagged<Snapshot>>),
    /// Whether all is where queries find it.
    Synced(bool),
    /// Why the server hangs up.
    Refused(String),
}

/// A question or answer with the number that a client gave it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tagged<T> {
    pub number: u32,
    pub about: T,
}

/// What comes from one side.
pub trait FrameMessage: Sized {
    /// The longest frame, and body.
    const LIMIT: usize;

    /// The message of a kind.
    ///
    /// # Errors
    /// When there is no such kind, or the body is none of it.
    fn read(kind: u8, body: &[u8]) -> Result<Self, FrameError>;

    /// Kind and body.
    ///
    /// # Errors
    /// When it is larger than may be sent.
    fn write(&self) -> Result<(u8, Vec<u8>), FrameError>;
}

impl FrameMessage for Request {
    const LIMIT: usize = MAX_REQUEST;

    fn read(kind: u8, body: &[u8]) -> Result<Request, FrameError> {
        Ok(match kind {
            1 => Request::Watch(parse(kind, body)?),
            2 => Request::Ask(parse(kind, body)?),
            3 => Request::Sync(parse(kind, body)?),
            _ => return Err(FrameError::Kind(kind)),
        })
    }

    fn write(&self) -> Result<(u8, Vec<u8>), FrameError> {
        match self {
            Request::Watch(view) => print(1, view),
            Request::Ask(question) => print(2, question),
            Request::Sync(folders) => print(3, folders),
        }
    }
}

impl FrameMessage for Reply {
    const LIMIT: usize = MAX_REPLY;

    fn read(kind: u8, body: &[u8]) -> Result<Reply, FrameError> {
        Ok(match kind {
            1 => Reply::Welcome(parse(kind, body)?),
            2 => Reply::Snapshot(parse(kind, body)?),
            3 => Reply::Answer(parse(kind, body)?),
            4 => Reply::Synced(parse(kind, body)?),
            5 => Reply::Refused(parse(kind, body)?),
            _ => return Err(FrameError::Kind(kind)),
        })
    }

    fn write(&self) -> Result<(u8, Vec<u8>), FrameError> {
        match self {
            Reply::Welcome(groups) => print(1, groups),
            Reply::Snapshot(snapshot) => print(2, snapshot),
            Reply::Answer(answer) => print(3, answer),
            Reply::Synced(done) => print(4, done),
            Reply::Refused(why) => print(5, why),
        }
    }
}

fn parse<T: DeserializeOwned>(kind: u8, body: &[u8]) -> Result<T, FrameError> {
    let wrong = |why: String| FrameError::Body { kind, why };
    match postcard::take_from_bytes(body) {
        Ok((value, [])) => Ok(value),
        Ok((_, rest)) => Err(wrong(format!("{} bytes too many", rest.len()))),
        Err(error) => Err(wrong(error.to_string())),
    }
}

fn print<T: Serialize>(kind: u8, value: &T) -> Result<(u8, Vec<u8>), FrameError> {
    let body = postcard::to_stdvec(value);
    Ok((kind, body.map_err(|error| FrameError::Body { kind, why: error.to_string() })?))
}

/// A message as a whole frame.
///
/// # Errors
/// When it is larger than may be sent.
pub fn encode<M: FrameMessage>(message: &M) -> Result<Vec<u8>, FrameError> {
    let (mut kind, mut body) = message.write()?;
    let too_long = |found: usize| FrameError::Length { limit: M::LIMIT, found };
    if body.len() >= M::LIMIT {
        return Err(too_long(body.len()));
    }
    if body.len() > COMPRESS_FROM {
        let raw = (body.len() as u32).to_be_bytes();
        let squeezed = zstd::bulk::compress(&body, LEVEL);
        let squeezed =
            squeezed.map_err(|error| FrameError::Body { kind, why: error.to_string() })?;
        kind |= COMPRESSED;
        body = [&raw[..], &squeezed].concat();
    }
    let length = body.len() + 1;
    if length > M::LIMIT {
        return Err(too_long(length));
    }
    let mut frame = Vec::with_capacity(PREFIX + length);
    frame.extend((length as u32).to_be_bytes());
    frame.push(kind);
    frame.extend(body);
    Ok(frame)
}

/// The message of a frame without its length.
fn decode<M: FrameMessage>(frame: &[u8]) -> Result<M, FrameError> {
    let Some((&kind, body)) = frame.split_first() else {
        return Err(FrameError::Length { limit: M::LIMIT, found: 0 });
    };
    if kind & COMPRESSED == 0 {
        return M::read(kind, body);
    }
    let kind = kind & !COMPRESSED;
    let wrong = |why: String| FrameError::Body { kind, why };
    let Some((raw, squeezed)) = body.split_first_chunk::<4>() else {
        return Err(wrong("no length before what is compressed".to_owned()));
    };
    let raw = u32::from_be_bytes(*raw) as usize;
    if raw > M::LIMIT {
        return Err(FrameError::Length { limit: M::LIMIT, found: raw });
    }
    let body = zstd::bulk::decompress(squeezed, raw).map_err(|error| wrong(error.to_string()))?;
    if body.len() != raw {
        return Err(wrong(format!("{raw} bytes announced, {} came", body.len())));
    }
    M::read(kind, &body)
}

/// Takes bytes as they come and gives messages.
#[derive(Debug, Default)]
pub struct FrameDecoder {
    held: Vec<u8>,
    /// Bytes of `held` that are done with.
    used: usize,
}

impl FrameDecoder {
    /// Takes what came.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.used > 0 {
            self.held.drain(..self.used);
            self.used = 0;
        }
        self.held.extend_from_slice(bytes);
    }

    /// Whether a message has begun that is not whole.
    #[must_use]
    pub fn is_amid(&self) -> bool {
        self.used < self.held.len()
    }

    /// The hello that comes first; `None` until it is whole.
    ///
    /// # Errors
    /// When something else comes.
    pub fn hello(&mut self) -> Result<Option<Hello>, FrameError> {
        let read = Hello::read(self.rest())?;
        Ok(read.map(|(hello, length)| {
            self.used += length;
            hello
        }))
    }

    /// The next message; `None` until it is whole. Nothing follows an error.
    ///
    /// # Errors
    /// When what came is no message of this side.
    pub fn message<M: FrameMessage>(&mut self) -> Result<Option<M>, FrameError> {
        let rest = self.rest();
        let Some((length, rest)) = rest.split_first_chunk::<PREFIX>() else { return Ok(None) };
        let length = u32::from_be_bytes(*length) as usize;
        if length == 0 || length > M::LIMIT {
            return Err(FrameError::Length { limit: M::LIMIT, found: length });
        }
        let Some(frame) = rest.get(..length) else { return Ok(None) };
        let message = decode(frame)?;
        self.used += PREFIX + length;
        if self.used == self.held.len() {
            // A large answer is not kept until the next one.
            self.held = Vec::new();
            self.used = 0;
        }
        Ok(Some(message))
    }

    fn rest(&self) -> &[u8] {
        self.held.get(self.used..).unwrap_or_default()
    }
}
