//! Collects the facts about this machine: from /proc, the folder of the archive and the
//! terminal.

use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, IsTerminal};
use std::net::IpAddr;
use std::path::Path;

use super::facts::{Archive, FolderState, Port, PortHolder, PortState, Terminal, TimeSynchroniser};
use crate::archive::lock;
use crate::archive::recorder::{Disk, RealDisk};
use crate::ingest::{BindError, BoundSocket};
use crate::snapshot::{Health, MissingPort, Transport};
use crate::ui::Theme;

/// The files in which Linux lists UDP sockets (proc(5)).
const SOCKETS: [&str; 2] = ["/proc/net/udp", "/proc/net/udp6"];

/// Programs that synchronise clocks. The kernel cuts names at 15 characters.
const TIME_KEEPERS: [&str; 6] =
    ["systemd-timesyn", "chronyd", "ntpd", "openntpd", "ntp-daemon", "ptp4l"];

/// Opens a port as collecting does, or tells why that is not possible.
pub(super) fn port(address: Option<IpAddr>, number: u16) -> (Port, Option<BoundSocket>) {
    let (state, bound) = match BoundSocket::open(address, number) {
        Ok(bound) => (PortState::Free, Some(bound.with_streams())),
        Err(BindError::Busy { .. }) => (PortState::Held(holders(number)), None),
        Err(error) => (PortState::Refused(error.to_string()), None),
    };
    (Port { number, state }, bound)
}

/// The same for a port that the running collector has or is waiting for. Such a port is not
/// opened, so that it is not taken from the collector, even for a moment.
pub(super) fn beside(health: &Health, address: Option<IpAddr>, number: u16) -> Port {
    let missing = |one: &&MissingPort| (one.port, one.transport) == (number, Transport::Udp);
    if let Some(missing) = health.missing.iter().find(missing) {
        let state = PortState::Lacked(missing.why.clone(), holders(number));
        return Port { number, state };
    }
    if health.listens(number) {
        return Port { number, state: PortState::Held(holders(number)) };
    }
    port(address, number).0
}

/// The processes that hold a port, as far as the permissions allow to see them.
fn holders(port: u16) -> Vec<PortHolder> {
    let tables = SOCKETS.iter().filter_map(|path| fs::read_to_string(path).ok());
    let links: Vec<String> = tables
        .flat_map(|table| sockets_of(&table, port))
        .map(|inode| format!("socket:[{inode}]"))
        .collect();
    let holds = |process: u32| {
        let files = fs::read_dir(format!("/proc/{process}/fd")).into_iter().flatten().flatten();
        files
            .filter_map(|file| fs::read_link(file.path()).ok())
            .any(|link| link.to_str().is_some_and(|link| links.iter().any(|socket| socket == link)))
    };
    processes().filter(|holder| holds(holder.process)).collect()
}

/// The inodes of the sockets of a port, from a table of the kernel.
fn sockets_of(table: &str, port: u16) -> Vec<u64> {
    let row = |line: &str| {
        let mut words = line.split_whitespace();
        let (_, found) = words.nth(1)?.rsplit_once(':')?;
        let inode = words.nth(7)?.parse().ok()?;
        (u16::from_str_radix(found, 16).ok()? == port).then_some(inode)
    };
    table.lines().filter_map(row).collect()
}

/// All visible processes.
fn processes() -> impl Iterator<Item = PortHolder> {
    fs::read_dir("/proc").into_iter().flatten().flatten().filter_map(|entry| {
        let process = entry.file_name().to_str()?.parse().ok()?;
        let name = fs::read_to_string(entry.path().join("comm")).ok()?;
        Some(PortHolder { process, name: crate::text::clean(name.trim()) })
    })
}

pub(super) fn rmem_max() -> Option<u64> {
    fs::read_to_string("/proc/sys/net/core/rmem_max").ok()?.trim().parse().ok()
}

pub(super) fn time_synchroniser() -> TimeSynchroniser {
    let mut seen = 0;
    let keeper = processes()
        .inspect(|_| seen += 1)
        .find(|running| TIME_KEEPERS.contains(&running.name.as_str()));
    match keeper {
        Some(running) => TimeSynchroniser::Program(running.name),
        None if seen > 1 => TimeSynchroniser::Nobody,
        // /proc is hidden, or this is a container and its host synchronises the time.
        None => TimeSynchroniser::Unknown,
    }
}

pub(super) fn archive(folder: &Path) -> Archive {
    let state = match fs::metadata(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => FolderState::Missing,
        Err(error) => FolderState::Unusable(error.to_string()),
        Ok(data) if !data.is_dir() => FolderState::Unusable("not a folder".to_owned()),
        Ok(_) => match try_to_write(folder) {
            Ok(()) => FolderState::Writable,
            Err(error) => FolderState::Unusable(error.to_string()),
        },
    };
    Archive {
        folder: folder.display().to_string(),
        state,
        free: RealDisk.free(folder).ok(),
        recorder: lock::holder(folder),
    }
}

/// Creates a file and removes it. Only this checks permissions, quotas and read-only
/// mounts at once.
fn try_to_write(folder: &Path) -> io::Result<()> {
    let path = folder.join(format!(".toptalk-doctor-{}", std::process::id()));
    OpenOptions::new().write(true).create_new(true).open(&path)?;
    fs::remove_file(&path)
}

pub(super) fn terminal() -> Terminal {
    let (theme, note) = Theme::detect(|name| std::env::var(name).ok(), false);
    Terminal { is_one: io::stdout().is_terminal(), note, colour: theme.colour }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_found_in_the_kernels_table() {
        let table = "   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops\n  \
             12: 00000000:0807 00000000:0000 07 00000000:00000000 00:00000000 00000000   101        0 31337 2 0000000000000000 0\n  \
             13: 0100007F:0808 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 4711 2 0000000000000000 0\n\
             cut off: 00000000:0807 0000\n";
        assert_eq!(sockets_of(table, 2055), [31337]);
        assert_eq!(sockets_of(table, 2056), [4711]);
        assert_eq!(sockets_of(table, 53), Vec::<u64>::new());
    }

    #[test]
    fn the_holder_of_a_port_is_this_process() {
        let bound = BoundSocket::open(Some([127, 0, 0, 1].into()), 0).unwrap();
        let (port, second) = port(bound.address(), bound.port());
        let PortState::Held(holders) = &port.state else { panic!("{port:?}") };
        assert!(second.is_none());
        assert!(holders.iter().any(|holder| holder.process == std::process::id()), "{holders:?}");
    }

    #[test]
    fn folders_are_tried() {
        let folder = tempfile::tempdir().unwrap();
        let found = archive(folder.path());
        assert_eq!((&found.state, found.recorder), (&FolderState::Writable, None));
        assert!(found.free.is_some());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "nothing is left");
        let lock = lock::Lock::take(folder.path(), 4711).unwrap();
        assert_eq!(archive(folder.path()).recorder.as_deref(), Some("4711"));
        drop(lock);
        assert_eq!(archive(&folder.path().join("none")).state, FolderState::Missing);
        let file = folder.path().join("file");
        fs::write(&file, "").unwrap();
        assert_eq!(archive(&file).state, FolderState::Unusable("not a folder".to_owned()));
    }
}
