//! The memory budget of collecting, and its division among the parts. Pure: files of the
//! kernel and sizes in, sizes out.

use std::path::{Path, PathBuf};

/// Minimum budget in bytes. With less, no useful number of rows fits.
pub const LEAST: u64 = 64_000_000;

/// The default budget is the memory of the machine or its container divided by this. The rest
/// is for queries, screens and other programs.
pub const DEFAULT_PART: u64 = 2;

/// The folder in which the kernel shows control groups.
const GROUPS: &str = "/sys/fs/cgroup";

/// The share of each part of collecting, in bytes or numbers. Together they are three quarters
/// of the budget; the rest is for the program itself, answers, and memory that the allocator
/// cannot return.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryShares {
    /// Bytes for rows of hosts, with their logs.
    pub hosts: usize,
    /// Bytes for rows of conversations, with their logs.
    pub conversations: usize,
    /// Bytes for templates.
    pub templates: usize,
    /// Bytes for flows whose exporters report totals.
    pub counters: usize,
    /// Bytes for data sets that wait for their template.
    pub held: usize,
    /// Bytes for datagrams that wait for workers.
    pub queues: usize,
    /// Maximum number of flows that wait for the disk.
    pub record_flows: usize,
    /// Maximum number of flows in a part of the archive, which is in memory as a whole while
    /// it becomes a segment.
    pub part_rows: usize,
}

/// Bytes of a flow that waits for the disk, with its extra fields.
const FLOW: u64 = 160;

/// Bytes for each flow of a part while it becomes a segment, as measured.
const ENCODED: u64 = 200;

/// Minimum number of flows in a part: smaller parts would lead to very many files.
const LEAST_PART: usize = 50_000;

impl MemoryShares {
    /// The shares of a budget in bytes. Limits of the parts themselves apply in addition.
    #[must_use]
    pub fn of(bytes: u64) -> MemoryShares {
        let part = |of: u64, unit: u64| usize::try_from(bytes / of / unit).unwrap_or(usize::MAX);
        MemoryShares {
            hosts: part(8, 1),
            conversations: part(16, 1).saturating_mul(5),
            templates: part(32, 1),
            counters: part(64, 1),
            held: part(64, 1),
            queues: part(16, 1),
            record_flows: part(16, FLOW),
            part_rows: part(8, ENCODED).max(LEAST_PART),
        }
    }
}

/// Where the budget comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MemoryLimit {
    /// The command line or the settings.
    Asked,
    /// The limit of a control group, such as that of a container or a service, in bytes.
    Group(u64),
    /// The memory of the machine, in bytes.
    Machine(u64),
    /// Neither is known.
    Unknown,
}

/// The memory budget of collecting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemoryBudget {
    /// The budget in bytes.
    pub bytes: u64,
    /// Where it comes from.
    pub whole: MemoryLimit,
}

/// The budget if the memory is not known: what a small machine can spare.
const UNKNOWN: u64 = 1 << 30;

/// The budget of collecting. `asked` is the configured size in bytes; `read` returns the text
/// of a file of the kernel.
#[must_use]
pub fn budget(asked: Option<u64>, read: &dyn Fn(&Path) -> Option<String>) -> MemoryBudget {
    if let Some(bytes) = asked {
        return MemoryBudget { bytes: bytes.max(LEAST), whole: MemoryLimit::Asked };
    }
    let machine = read(Path::new("/proc/meminfo")).and_then(|text| total(&text));
    let group = group(read).filter(|group| machine.is_none_or(|machine| *group < machine));
    let (whole, bytes) = match (group, machine) {
        (Some(bytes), _) => (MemoryLimit::Group(bytes), bytes / DEFAULT_PART),
        (None, Some(bytes)) => (MemoryLimit::Machine(bytes), bytes / DEFAULT_PART),
        (None, None) => (MemoryLimit::Unknown, UNKNOWN),
    };
    MemoryBudget { bytes: bytes.max(LEAST), whole }
}

/// `MemTotal` of /proc/meminfo (proc(5)), which is in units of 1024 bytes.
fn total(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kilobytes.checked_mul(1024)
}

/// The lowest memory limit of the control groups of this process and of all groups above
/// them: version 2 (`memory.max`) or 1 (`memory.limit_in_bytes`), see cgroups(7).
fn group(read: &dyn Fn(&Path) -> Option<String>) -> Option<u64> {
    let own = read(Path::new("/proc/self/cgroup"))?;
    let mut least = None;
    for line in own.lines() {
        let mut parts = line.splitn(3, ':');
        let (Some(_), Some(kinds), Some(path)) = (parts.next(), parts.next(), parts.next()) else {
            continue;
        };
        let (root, file) = match kinds {
            "" => (PathBuf::from(GROUPS), "memory.max"),
            _ if kinds.split(',').any(|kind| kind == "memory") => {
                (Path::new(GROUPS).join("memory"), "memory.limit_in_bytes")
            }
            _ => continue,
        };
        // In a container the path may be that of the host; the limit is then at the root.
        for above in Path::new(path.trim_start_matches('/')).ancestors() {
            let limit = read(&root.join(above).join(file));
            // Without a limit the file has the word max, or a number larger than any memory.
            let limit = limit.and_then(|text| text.trim().parse::<u64>().ok());
            least = least.into_iter().chain(limit).min();
        }
    }
    least
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    fn found(files: &[(&str, &str)], asked: Option<u64>) -> MemoryBudget {
        let files: HashMap<&str, &str> = files.iter().copied().collect();
        budget(asked, &|path| files.get(path.to_str()?).map(ToString::to_string))
    }

    const MACHINE: (&str, &str) = ("/proc/meminfo", "MemTotal:       8000000 kB\nMemFree:  1 kB\n");

    #[test]
    fn the_machine_or_the_least_control_group_counts() {
        let machine = 8_000_000 * 1024;
        let plain = found(&[MACHINE, ("/proc/self/cgroup", "0::/\n")], None);
        assert_eq!(
            plain,
            MemoryBudget { bytes: machine / 2, whole: MemoryLimit::Machine(machine) }
        );
        let unit = ("/proc/self/cgroup", "0::/system.slice/toptalk.service\n");
        let max = "/sys/fs/cgroup/system.slice/toptalk.service/memory.max";
        let above = "/sys/fs/cgroup/system.slice/memory.max";
        for (own, slice, least) in [
            ("536870912\n", "max\n", Some(536_870_912)),
            ("max\n", "1073741824\n", Some(1_073_741_824)),
            ("2147483648\n", "1073741824\n", Some(1_073_741_824)),
            ("max\n", "max\n", None),
            ("9223372036854771712\n", "max\n", None),
        ] {
            let budget = found(&[MACHINE, unit, (max, own), (above, slice)], None);
            let (whole, of) = least.map_or((MemoryLimit::Machine(machine), machine), |max| {
                (MemoryLimit::Group(max), max)
            });
            assert_eq!(budget, MemoryBudget { bytes: of / 2, whole }, "{own} {slice}");
        }
        // Version 1, and a container that sees the path of its host.
        let first = ("/proc/self/cgroup", "5:cpu:/\n4:memory:/docker/abc\n");
        let limit = ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "268435456\n");
        let budget = found(&[MACHINE, first, limit], None);
        assert_eq!(
            budget,
            MemoryBudget { bytes: 134_217_728, whole: MemoryLimit::Group(268_435_456) }
        );
        assert_eq!(found(&[], None), MemoryBudget { bytes: UNKNOWN, whole: MemoryLimit::Unknown });
        assert_eq!(
            found(&[MACHINE], Some(1)),
            MemoryBudget { bytes: LEAST, whole: MemoryLimit::Asked }
        );
    }

    #[test]
    fn all_shares_together_leave_a_part() {
        for bytes in [128 << 20, 256 << 20, 512 << 20, 4 << 30, 64u64 << 30] {
            let shares = MemoryShares::of(bytes);
            let all = shares.hosts
                + shares.conversations
                + shares.templates
                + shares.held
                + shares.counters;
            let flows = shares.record_flows * FLOW as usize + shares.part_rows * ENCODED as usize;
            let all = (all + shares.queues + flows) as u64;
            assert!(all <= bytes / 4 * 3 + bytes / 100, "{all} of {bytes}");
        }
    }
}
