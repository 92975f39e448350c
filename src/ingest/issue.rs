//! What goes wrong around datagrams and messages.

/// What goes wrong around datagrams and messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IngestIssue {
    Socket,
    TcpRefused,
    TcpBadMessage,
    TcpHalfMessage,
    TcpTimeout,
    WorkerQueue,
    WorkerPanic,
    RecordPanic,
}

impl IngestIssue {
    /// All of them, in the order of the enum.
    pub const ALL: [IngestIssue; 8] = [
        IngestIssue::Socket,
        IngestIssue::TcpRefused,
        IngestIssue::TcpBadMessage,
        IngestIssue::TcpHalfMessage,
        IngestIssue::TcpTimeout,
        IngestIssue::WorkerQueue,
        IngestIssue::WorkerPanic,
        IngestIssue::RecordPanic,
    ];

    /// A short stable name for JSON, metrics and logs.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            IngestIssue::Socket => "socket_error",
            IngestIssue::TcpRefused => "tcp_refused",
            IngestIssue::TcpBadMessage => "tcp_bad_message",
            IngestIssue::TcpHalfMessage => "tcp_half_message",
            IngestIssue::TcpTimeout => "tcp_timeout",
            IngestIssue::WorkerQueue => "worker_queue",
            IngestIssue::WorkerPanic => "worker_panic",
            IngestIssue::RecordPanic => "record_panic",
        }
    }

    /// The same in a sentence for people.
    #[must_use]
    pub fn explanation(self) -> &'static str {
        match self {
            IngestIssue::Socket => "errors of a socket; it is tried again a moment later",
            IngestIssue::TcpRefused => {
                "connections refused: outside --allow, more than 8 of one exporter, or more than 128 in all, when those that sent least lately make room"
            }
            IngestIssue::TcpBadMessage => {
                "connections closed because what came is no IPFIX message"
            }
            IngestIssue::TcpHalfMessage => "IPFIX messages cut off by the end of their connection",
            IngestIssue::TcpTimeout => {
                "connections closed: a message took over a minute, or none came for an hour"
            }
            IngestIssue::WorkerQueue => {
                "datagrams that found the queue of their worker full; where several exporters are busy, more --workers help"
            }
            IngestIssue::WorkerPanic => {
                "datagrams lost in a defect of toptalk: please report it with the note"
            }
            IngestIssue::RecordPanic => {
                "flows that may be missing after a defect of toptalk: please report it with the note"
            }
        }
    }
}
