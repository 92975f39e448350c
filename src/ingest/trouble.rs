//! What goes wrong around datagrams and messages.

/// What goes wrong around datagrams and messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    Socket,
    TcpRefused,
    TcpBadMessage,
    TcpHalfMessage,
    TcpTimeout,
    WorkerQueue,
    WorkerPanic,
    RecordPanic,
}

impl Trouble {
    /// All of them, in the order of the enum.
    pub const ALL: [Trouble; 8] = [
        Trouble::Socket,
        Trouble::TcpRefused,
        Trouble::TcpBadMessage,
        Trouble::TcpHalfMessage,
        Trouble::TcpTimeout,
        Trouble::WorkerQueue,
        Trouble::WorkerPanic,
        Trouble::RecordPanic,
    ];

    /// A short stable name for JSON, metrics and logs.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Trouble::Socket => "socket_error",
            Trouble::TcpRefused => "tcp_refused",
            Trouble::TcpBadMessage => "tcp_bad_message",
            Trouble::TcpHalfMessage => "tcp_half_message",
            Trouble::TcpTimeout => "tcp_timeout",
            Trouble::WorkerQueue => "worker_queue",
            Trouble::WorkerPanic => "worker_panic",
            Trouble::RecordPanic => "record_panic",
        }
    }

    /// The same in a sentence for people.
    #[must_use]
    pub fn explanation(self) -> &'static str {
        match self {
            Trouble::Socket => "errors of a socket; it is tried again a moment later",
            Trouble::TcpRefused => {
                "connections refused: outside --allow, more than 8 of one exporter, or more than 128 in all, when those that sent least lately make room"
            }
            Trouble::TcpBadMessage => "connections closed because what came is no IPFIX message",
            Trouble::TcpHalfMessage => "IPFIX messages cut off by the end of their connection",
            Trouble::TcpTimeout => {
                "connections closed: a message took over a minute, or none came for an hour"
            }
            Trouble::WorkerQueue => {
                "datagrams that found the queue of their worker full; where several exporters are busy, more --workers help"
            }
            Trouble::WorkerPanic => {
                "datagrams lost in a defect of toptalk: please report it with the note"
            }
            Trouble::RecordPanic => {
                "flows that may be missing after a defect of toptalk: please report it with the note"
            }
        }
    }
}
