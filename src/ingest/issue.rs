//! Problems with sockets, connections and workers.

/// A problem with a socket, a connection or a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IngestIssue {
    /// A socket returned an error.
    Socket,
    /// A connection was refused, or closed because of a limit.
    TcpRefused,
    /// A connection carried bytes that are not IPFIX.
    TcpBadMessage,
    /// A connection ended within a message.
    TcpHalfMessage,
    /// A connection was closed after a timeout.
    TcpTimeout,
    /// A worker's queue was full.
    WorkerQueue,
    /// Decoding a datagram panicked.
    WorkerPanic,
    /// Recording a batch panicked.
    RecordPanic,
}

impl IngestIssue {
    /// All issues, in the order of the enum.
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

    /// An explanation for people.
    #[must_use]
    pub fn explanation(self) -> &'static str {
        match self {
            IngestIssue::Socket => {
                "errors while using a socket; toptalk tries again a moment later"
            }
            IngestIssue::TcpRefused => {
                "connections refused or closed: the sender is outside --allow, has 8 connections already, or there are 128 in all (then a new one closes the one that was silent for longest)"
            }
            IngestIssue::TcpBadMessage => {
                "connections closed because the data is not an IPFIX message"
            }
            IngestIssue::TcpHalfMessage => "IPFIX messages cut off by the end of their connection",
            IngestIssue::TcpTimeout => {
                "connections closed: a message took over a minute, or none came for an hour"
            }
            IngestIssue::WorkerQueue => {
                "datagrams dropped because the queue of their worker was full; if several exporters are busy, more --workers help"
            }
            IngestIssue::WorkerPanic => {
                "datagrams lost because of a defect in toptalk: please report it with the note"
            }
            IngestIssue::RecordPanic => {
                "flows that may be missing because of a defect in toptalk: please report it with the note"
            }
        }
    }
}
