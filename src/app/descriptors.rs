//! File descriptors: how the limit of open files (`ulimit -n`) is divided.
//!
//! Receiving and recording have reserved descriptors. Clients share the rest, so that there
//! is always a descriptor for the next journal, however many clients connect.

use std::fs;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tracing::warn;

use super::AppError;
use super::metrics;
use crate::attach::server::ClientLimits;
use crate::ingest::{Listen, MAX_FOLDERS, RecordPlan, StreamLimits};

/// Minimum number of free descriptors for any command: a runtime, signals, a file.
const LEAST: usize = 12;

/// A runtime has two for events, one to be woken, one for signals; all share a pair.
const RUNTIME: usize = 4;
const SIGNALS: usize = 2;

/// A port: datagrams, IPFIX over TCP, and a connection that is refused at once.
const PORT: usize = 3;

/// A folder: its lock and its journal.
const FOLDER: usize = 2;

/// What the two threads that record open for a while: the next journal, one that is
/// read, its segment, folders that are listed or synced, footers.
const RECORDER: usize = 12;

/// The memory of exporters and settings that are read anew, each with its folder; the
/// service manager.
const FILES: usize = 5;

/// A server of clients: its listener, a copy of it, a connection that is refused.
const SERVER: usize = 3;

/// A running hook: its pipe, its input, the result of its start, its process.
const HOOK: usize = 8;

/// The screen of this process: the terminal, its keys, its signals, a file that is saved.
const SCREEN: usize = 10;

/// What a command opens besides the files that it reads.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct DescriptorNeeds {
    pub ports: usize,
    pub folders: usize,
    pub repeats: usize,
    pub hook: bool,
    /// Whether it shows a screen.
    pub screen: bool,
    /// Whether screens may attach, and metrics are served.
    pub attach: bool,
    pub metrics: bool,
}

/// Maximum number of clients of each kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ClientShares {
    /// Connections with IPFIX over TCP.
    pub streams: usize,
    pub screens: usize,
    /// Connections that may become screens.
    pub pending: usize,
    pub scrapes: usize,
}

impl ClientShares {
    /// The maximum numbers if there are enough descriptors.
    fn all() -> ClientShares {
        let screens = ClientLimits::default();
        ClientShares {
            streams: StreamLimits::default().connections,
            screens: screens.clients,
            pending: screens.pending,
            scrapes: metrics::MAX_CONNECTIONS,
        }
    }

    /// All of them that this command has.
    fn of(needs: &DescriptorNeeds) -> ClientShares {
        let all = ClientShares::all();
        let only = |wanted: bool, count: usize| if wanted { count } else { 0 };
        ClientShares {
            streams: all.streams,
            screens: only(needs.attach, all.screens),
            pending: only(needs.attach, all.pending),
            scrapes: only(needs.metrics, all.scrapes),
        }
    }

    fn map(self, change: impl Fn(usize) -> usize) -> ClientShares {
        ClientShares {
            streams: change(self.streams),
            screens: change(self.screens),
            pending: change(self.pending),
            scrapes: change(self.scrapes),
        }
    }

    fn sum(self) -> usize {
        self.streams + self.screens + self.pending + self.scrapes
    }

    /// The limits of the server of screens.
    pub(super) fn attach(self) -> ClientLimits {
        ClientLimits { clients: self.screens, pending: self.pending, ..ClientLimits::default() }
    }

    /// The limits of connections with IPFIX.
    pub(super) fn streams(self) -> StreamLimits {
        StreamLimits { connections: self.streams, ..StreamLimits::default() }
    }
}

impl DescriptorNeeds {
    /// The needs of a command that listens and records like this.
    pub(super) fn of(listen: &Listen, plan: Option<&RecordPlan>) -> DescriptorNeeds {
        let folders = plan.map_or(0, |plan| {
            // Folders of further exporters are not reserved.
            if plan.each.is_some() { MAX_FOLDERS } else { plan.folders().len() }
        });
        let ports = listen.ports.len();
        let ports = if ports == 0 { crate::ingest::DEFAULT_PORTS.len() } else { ports };
        DescriptorNeeds { ports, folders, ..DescriptorNeeds::default() }
    }

    /// The number of descriptors without any client.
    fn own(&self) -> usize {
        let of = |wanted: bool, count: usize| if wanted { count } else { 0 };
        SIGNALS
            + 2 * RUNTIME
            + self.ports * PORT
            + self.folders * FOLDER
            + of(self.folders > 0, RECORDER)
            + FILES
            + self.repeats
            + of(self.hook, HOOK)
            + of(self.screen, SCREEN)
            + of(self.attach, RUNTIME + SERVER)
            + of(self.metrics, RUNTIME + SERVER)
    }

    /// The maximum number of clients with this many free descriptors: the full numbers, or
    /// fewer of each kind, but at least one. The error is the number that is needed.
    fn share(&self, free: usize) -> Result<ClientShares, usize> {
        let wanted = ClientShares::of(self);
        let one = wanted.map(|count| count.min(1));
        let least = self.own() + one.sum();
        let Some(more) = free.checked_sub(least) else { return Err(least) };
        let rest = wanted.sum() - one.sum();
        Ok(wanted.map(|count| match count.checked_sub(1) {
            Some(further) if rest > 0 => 1 + further * more.min(rest) / rest,
            _ => count,
        }))
    }

    /// Raises the limit if it is too low and may be raised. Returns the maximum number of
    /// clients.
    ///
    /// # Errors
    /// When there are too few for the command itself.
    pub(super) fn reserve(&self) -> Result<ClientShares, AppError> {
        let wanted = ClientShares::of(self);
        let open = open();
        let limit = raise(open + self.own() + wanted.sum());
        let shares = self
            .share(limit.saturating_sub(open))
            .map_err(|least| AppError::Descriptors { least: open + least, limit })?;
        if shares != wanted {
            let ClientShares { streams, screens, scrapes, .. } = shares;
            warn!(
                limit,
                connections = streams,
                screens,
                scrapes,
                "fewer clients can connect, because the limit of open files is low (ulimit -n, LimitNOFILE=)"
            );
        }
        Ok(shares)
    }
}

/// Checks that there are enough descriptors for any command.
///
/// # Errors
/// When there are too few.
pub(super) fn check() -> Result<(), AppError> {
    let open = open();
    let limit = raise(open + LEAST);
    if limit < open + LEAST {
        return Err(AppError::Descriptors { least: open + LEAST, limit });
    }
    Ok(())
}

/// The number of open descriptors; if unknown, the three standard ones.
fn open() -> usize {
    // One of them is for this listing.
    fs::read_dir("/proc/self/fd").map_or(3, |listed| listed.count().saturating_sub(1))
}

/// The limit, raised to `wanted` if that is allowed. It is not raised further, because hooks
/// inherit it.
fn raise(wanted: usize) -> usize {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let number = |limit: Option<u64>| {
        limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX))
    };
    let (soft, hard) = (number(current), number(maximum));
    let raised = wanted.min(hard);
    if raised <= soft {
        return soft;
    }
    let new = Rlimit { current: Some(raised as u64), maximum };
    if setrlimit(Resource::Nofile, new).is_ok() { raised } else { soft }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FULL: DescriptorNeeds = DescriptorNeeds {
        ports: 3,
        folders: 1,
        repeats: 1,
        hook: true,
        screen: false,
        attach: true,
        metrics: true,
    };

    #[test]
    fn the_usual_limit_is_enough_for_everything() {
        assert_eq!(FULL.share(1024 - 3), Ok(ClientShares::all()));
        // Also with a folder for each exporter.
        assert_eq!(
            DescriptorNeeds { folders: MAX_FOLDERS, ..FULL }.share(1024 - 3),
            Ok(ClientShares::all())
        );
    }

    #[test]
    fn clients_never_get_what_is_needed_otherwise() {
        let plain = DescriptorNeeds { ports: 1, folders: 1, ..DescriptorNeeds::default() };
        for needs in [FULL, plain, DescriptorNeeds { attach: true, ..plain }] {
            let wanted = ClientShares::of(&needs);
            let mut last = None;
            for free in 0..1000 {
                match needs.share(free) {
                    Ok(shares) => {
                        assert!(needs.own() + shares.sum() <= free, "{needs:?} {free}: {shares:?}");
                        let least = wanted.map(|count| count.min(1));
                        assert!(shares.streams >= 1 && shares.scrapes >= least.scrapes);
                        assert!(shares.screens >= least.screens && shares.pending >= least.pending);
                        last = Some(shares);
                    }
                    Err(least) => assert!(least > free && last.is_none(), "{needs:?} {free}"),
                }
            }
            assert_eq!(last, Some(wanted));
        }
    }
}
