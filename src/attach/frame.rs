//! The attach protocol: converts bytes to messages and back, whatever pieces they arrive
//! in. Pure.
//!
//! Each side begins with a [`Hello`]. Its form never changes, so that two versions can tell each
//! other their version. Frames follow: a length, a kind and a body (postcard), which is compressed
//! if it is large.

use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::flow::NetworkGroups;
use crate::snapshot::{Snapshot, View};

/// The first bytes of every connection.
pub const MAGIC: [u8; 4] = *b"TTLK";

/// Version of the protocol. It is increased whenever the form of a message, or of a type in a
/// message, changes.
pub const PROTOCOL: u16 = 3;

/// Maximum length of a program's version, in bytes.
pub const MAX_VERSION: usize = 64;

/// Maximum length of a frame from a client, without its length field. The longest filter
/// fits.
pub const MAX_REQUEST: usize = 64 << 10;

/// Maximum length of a frame from a server, without its length field, and of its body after
/// decompression: two tables of a million hosts.
pub const MAX_REPLY: usize = 256 << 20;

/// Bodies larger than this many bytes are compressed.
pub const COMPRESS_FROM: usize = 4 << 10;

/// Compression level of zstd. It reduces tables of hosts to a third; higher levels take
/// longer.
const LEVEL: i32 = 1;

/// Bit in the kind of a frame whose body is compressed.
const COMPRESSED: u8 = 0x80;

/// Length of a frame's length field in bytes.
const PREFIX: usize = 4;

/// Length of a hello before its text, in bytes.
const HELLO: usize = 7;

/// Why bytes are not a valid message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// The connection does not begin with [`MAGIC`].
    #[error("expected toptalk's attach protocol, found something else")]
    Magic,
    /// The other side uses another version of the protocol.
    #[error(
        "expected version {PROTOCOL} of the attach protocol (toptalk {ours}), found {found} (toptalk {theirs}): collector and screen must be of one version",
        ours = env!("CARGO_PKG_VERSION")
    )]
    Version {
        /// Its version of the protocol.
        found: u16,
        /// Its version of toptalk.
        theirs: String,
    },
    /// The program's version is longer than [`MAX_VERSION`].
    #[error("expected at most {MAX_VERSION} bytes of a program's version, found {0}")]
    LongVersion(usize),
    /// A frame is empty or too long.
    #[error("expected a frame of 1 to {limit} bytes, found {found}")]
    Length {
        /// Maximum length in bytes.
        limit: usize,
        /// Length of the frame in bytes.
        found: usize,
    },
    /// There is no message of this kind.
    #[error("expected a message of the attach protocol, found one of kind {0}")]
    Kind(u8),
    /// The body of a frame cannot be read.
    #[error("expected a message of kind {kind}, found other bytes: {why}")]
    Body {
        /// Kind of the message.
        kind: u8,
        /// The error.
        why: String,
    },
}

/// The first message of each side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hello {
    /// Version of the protocol.
    pub protocol: u16,
    /// The version of the program, for people.
    pub version: String,
}

impl Hello {
    /// The hello of this program.
    #[must_use]
    pub fn ours() -> Hello {
        Hello { protocol: PROTOCOL, version: env!("CARGO_PKG_VERSION").to_owned() }
    }

    /// The bytes of the hello. The version is cut at [`MAX_VERSION`] bytes.
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

    /// Checks that the other side uses the same version of the protocol.
    ///
    /// # Errors
    /// Names both versions when they differ.
    pub fn check(&self) -> Result<(), FrameError> {
        if self.protocol == PROTOCOL {
            return Ok(());
        }
        Err(FrameError::Version { found: self.protocol, theirs: self.version.clone() })
    }

    /// Reads a hello and its length from the start of `bytes`; `None` until it is complete.
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
        // The version is printed later, so only characters of versions are kept.
        let known = |c: char| c.is_ascii_alphanumeric() || "+-._".contains(c);
        let version = String::from_utf8_lossy(text).chars().filter(|c| known(*c)).collect();
        let protocol = u16::from_be_bytes([high, low]);
        Ok(Some((Hello { protocol, version }, HELLO + length)))
    }
}

/// Requests of clients.
#[derive(Clone, Debug, PartialEq)]
pub enum Request {
    /// Answer this view about every second from now on.
    Watch(View),
    /// Answer a view once. The answer has the same number.
    Ask(Tagged<View>),
    /// Flush the recorder, so that queries find everything received so far. Applies to recorders
    /// whose folder is one of these, or lies below or above one. Without folders the
    /// server only confirms.
    Sync(Vec<String>),
}

/// Replies of servers.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    /// The named networks. It is the first reply of every connection.
    Welcome(Arc<NetworkGroups>),
    /// The newest answer to the watched view.
    Snapshot(Box<Snapshot>),
    /// The answer to a single question.
    Answer(Box<Tagged<Snapshot>>),
    /// Whether queries now find everything.
    Synced(bool),
    /// The server closes the connection, for this reason.
    Refused(String),
}

/// A question or an answer with the number that the client chose.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tagged<T> {
    /// The number.
    pub number: u32,
    /// The question or answer.
    pub about: T,
}

/// The messages of one side.
pub trait FrameMessage: Sized {
    /// Maximum length of a frame and of its body, in bytes.
    const LIMIT: usize;

    /// Reads the message of a kind.
    ///
    /// # Errors
    /// When there is no such kind, or the body cannot be read.
    fn read(kind: u8, body: &[u8]) -> Result<Self, FrameError>;

    /// Returns the kind and the body of a message.
    ///
    /// # Errors
    /// When it cannot be serialized.
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
            Request::Watch(view) => serialize(1, view),
            Request::Ask(question) => serialize(2, question),
            Request::Sync(folders) => serialize(3, folders),
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
            Reply::Welcome(groups) => serialize(1, groups),
            Reply::Snapshot(snapshot) => serialize(2, snapshot),
            Reply::Answer(answer) => serialize(3, answer),
            Reply::Synced(done) => serialize(4, done),
            Reply::Refused(why) => serialize(5, why),
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

fn serialize<T: Serialize>(kind: u8, value: &T) -> Result<(u8, Vec<u8>), FrameError> {
    let body = postcard::to_stdvec(value);
    Ok((kind, body.map_err(|error| FrameError::Body { kind, why: error.to_string() })?))
}

/// Encodes a message as a complete frame.
///
/// # Errors
/// When it is longer than [`FrameMessage::LIMIT`].
pub fn encode<M: FrameMessage>(message: &M) -> Result<Vec<u8>, FrameError> {
    let (mut kind, mut body) = message.write()?;
    let too_long = |found: usize| FrameError::Length { limit: M::LIMIT, found };
    if body.len() >= M::LIMIT {
        return Err(too_long(body.len()));
    }
    if body.len() > COMPRESS_FROM {
        let raw = (body.len() as u32).to_be_bytes();
        let compressed = zstd::bulk::compress(&body, LEVEL);
        let compressed =
            compressed.map_err(|error| FrameError::Body { kind, why: error.to_string() })?;
        kind |= COMPRESSED;
        body = [&raw[..], &compressed].concat();
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

/// Decodes a frame without its length field.
fn decode<M: FrameMessage>(frame: &[u8]) -> Result<M, FrameError> {
    let Some((&kind, body)) = frame.split_first() else {
        return Err(FrameError::Length { limit: M::LIMIT, found: 0 });
    };
    if kind & COMPRESSED == 0 {
        return M::read(kind, body);
    }
    let kind = kind & !COMPRESSED;
    let wrong = |why: String| FrameError::Body { kind, why };
    let Some((raw, compressed)) = body.split_first_chunk::<4>() else {
        return Err(wrong("no length before the compressed body".to_owned()));
    };
    let raw = u32::from_be_bytes(*raw) as usize;
    if raw > M::LIMIT {
        return Err(FrameError::Length { limit: M::LIMIT, found: raw });
    }
    let body = zstd::bulk::decompress(compressed, raw).map_err(|error| wrong(error.to_string()))?;
    if body.len() != raw {
        return Err(wrong(format!("{raw} bytes announced, {} received", body.len())));
    }
    M::read(kind, &body)
}

/// Collects bytes and returns messages.
#[derive(Debug, Default)]
pub struct FrameDecoder {
    buffer: Vec<u8>,
    /// Number of bytes of `buffer` that were used.
    used: usize,
}

impl FrameDecoder {
    /// Adds received bytes.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.used > 0 {
            self.buffer.drain(..self.used);
            self.used = 0;
        }
        self.buffer.extend_from_slice(bytes);
    }

    /// Whether a message has begun that is not complete.
    #[must_use]
    pub fn has_partial_message(&self) -> bool {
        self.used < self.buffer.len()
    }

    /// Reads the hello; `None` until it is complete.
    ///
    /// # Errors
    /// When the bytes are not a hello.
    pub fn hello(&mut self) -> Result<Option<Hello>, FrameError> {
        let read = Hello::read(self.rest())?;
        Ok(read.map(|(hello, length)| {
            self.used += length;
            hello
        }))
    }

    /// Reads the next message; `None` until it is complete. After an error, no further message can
    /// be read.
    ///
    /// # Errors
    /// When the bytes are not a message of the other side.
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
        if self.used == self.buffer.len() {
            // The memory of a large answer is freed at once.
            self.buffer = Vec::new();
            self.used = 0;
        }
        Ok(Some(message))
    }

    fn rest(&self) -> &[u8] {
        self.buffer.get(self.used..).unwrap_or_default()
    }
}
