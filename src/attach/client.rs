//! The screen's end of a connection to a collector.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::time::timeout;

use super::frame::{FrameDecoder, FrameError, Hello, Reply, Request, encode};
use super::socket_path::{self, SocketPathError, fits};
use super::{HANDSHAKE, STALL};
use crate::flow::NetworkGroups;

/// Number of bytes read at once.
const READ: usize = 64 << 10;

/// Why a collector cannot be reached or does not answer.
#[derive(Debug, thiserror::Error)]
pub enum AttachError {
    /// There is no collector at the socket.
    #[error("no collector serves there")]
    Absent,
    /// The path of the socket cannot be used.
    #[error(transparent)]
    Place(#[from] SocketPathError),
    /// Any other error of the connection.
    #[error("{0}")]
    Io(io::Error),
    /// The user may not open the socket; with the user or group that may, if known.
    #[error("permission denied{}", .0.as_ref().map(|who| format!(": {who}")).unwrap_or_default())]
    Denied(Option<String>),
    /// The collector sent bytes that are not the protocol, or another version of it.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// The collector refused the request, for this reason.
    #[error("the collector refused: {0}")]
    Refused(String),
    /// The collector closed the connection.
    #[error("the collector has closed the connection")]
    Closed,
    /// The collector does not answer in time.
    #[error("the collector does not answer")]
    Silent,
}

impl From<io::Error> for AttachError {
    fn from(error: io::Error) -> AttachError {
        match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => AttachError::Absent,
            io::ErrorKind::PermissionDenied => AttachError::Denied(None),
            // The queue of connections that wait to be accepted is full.
            io::ErrorKind::WouldBlock => AttachError::Silent,
            io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset => AttachError::Closed,
            _ => AttachError::Io(error),
        }
    }
}

/// A connection to a collector.
#[derive(Debug)]
pub struct ClientConnection {
    stream: UnixStream,
    decoder: FrameDecoder,
    /// The named networks of the collector.
    pub groups: Arc<NetworkGroups>,
    /// The collector's version.
    pub version: String,
}

impl ClientConnection {
    /// Connects and exchanges hellos.
    ///
    /// # Errors
    /// When there is no collector, or one of another version.
    pub async fn open(path: &Path) -> Result<ClientConnection, AttachError> {
        fits(path)?;
        let opened = async {
            let stream = UnixStream::connect(path).await;
            let stream = stream.map_err(|error| match error.kind() {
                io::ErrorKind::PermissionDenied => AttachError::Denied(socket_path::who_may(path)),
                _ => AttachError::from(error),
            })?;
            let decoder = FrameDecoder::default();
            let (groups, version) = (Arc::default(), String::new());
            let mut connection = ClientConnection { stream, decoder, groups, version };
            // If the collector has closed the connection already, it has sent the reason.
            let said = connection.stream.write_all(&Hello::ours().bytes()).await;
            connection.handshake().await?;
            said.map_err(AttachError::from).map(|()| connection)
        };
        timeout(HANDSHAKE, opened).await.unwrap_or(Err(AttachError::Silent))
    }

    async fn handshake(&mut self) -> Result<(), AttachError> {
        let hello = loop {
            if let Some(hello) = self.decoder.hello()? {
                break hello;
            }
            self.fill().await?;
        };
        hello.check()?;
        self.version = hello.version;
        match self.next().await? {
            Reply::Welcome(groups) => self.groups = groups,
            Reply::Refused(why) => return Err(AttachError::Refused(why)),
            _ => return Err(AttachError::Refused("without a welcome".to_owned())),
        }
        Ok(())
    }

    async fn fill(&mut self) -> Result<(), AttachError> {
        let mut bytes = vec![0; READ];
        let count = self.stream.read(&mut bytes).await?;
        if count == 0 {
            return Err(AttachError::Closed);
        }
        self.decoder.push(bytes.get(..count).unwrap_or_default());
        Ok(())
    }

    /// Sends a request.
    ///
    /// # Errors
    /// When it cannot be sent.
    pub async fn send(&mut self, request: &Request) -> Result<(), AttachError> {
        let frame = encode(request)?;
        let sent = timeout(STALL, self.stream.write_all(&frame)).await;
        sent.map_err(|_| AttachError::Silent)?.map_err(AttachError::from)
    }

    /// Reads the next message. Cancelling it loses no data.
    ///
    /// # Errors
    /// When the collector is gone, or sends other bytes.
    pub async fn next(&mut self) -> Result<Reply, AttachError> {
        loop {
            if let Some(reply) = self.decoder.message()? {
                return Ok(reply);
            }
            self.fill().await?;
        }
    }

    /// Sends a request and waits for its reply, at most for `limit`.
    ///
    /// # Errors
    /// When the reply does not arrive in time.
    pub async fn ask(&mut self, request: &Request, limit: Duration) -> Result<Reply, AttachError> {
        self.send(request).await?;
        let answer = async {
            loop {
                match self.next().await? {
                    // The named networks may have changed meanwhile.
                    Reply::Welcome(groups) => self.groups = groups,
                    Reply::Refused(why) => return Err(AttachError::Refused(why)),
                    reply => return Ok(reply),
                }
            }
        };
        timeout(limit, answer).await.unwrap_or(Err(AttachError::Silent))
    }
}
