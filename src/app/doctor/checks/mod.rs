//! The checks of `doctor`: each is a function from facts to findings, listed in [`CHECKS`].

use serde::Serialize;

use super::facts::{
    Archive, Facts, FolderState, HeardTraffic, Port, PortHolder, PortState, TimeSynchroniser,
};
use crate::ingest::RECEIVE_BUFFER;
use crate::snapshot::{ConditionLevel, Transport};
use crate::units;

/// Free space in bytes below which a busy archive fills the disk within hours.
const LITTLE_ROOM: u64 = 5_000_000_000;

/// Maximum number of exporters in the report, the busiest ones.
const MAX_EXPORTERS: usize = 50;

/// Maximum number of exporters in the report whose data was dropped because a pool was full.
const MAX_NO_ROOM: usize = 10;

/// The severity of a finding, the worst last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum FindingLevel {
    Ok,
    Note,
    Warn,
    Fail,
}

impl FindingLevel {
    /// The word in the report; a failure is in capitals so that it stands out.
    pub(super) fn word(self) -> &'static str {
        match self {
            FindingLevel::Ok => "ok",
            FindingLevel::Note => "note",
            FindingLevel::Warn => "warn",
            FindingLevel::Fail => "FAIL",
        }
    }
}

/// What a check found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Finding {
    pub check: &'static str,
    pub state: FindingLevel,
    pub text: String,
    /// The steps that solve the problem, one per line; empty if there is nothing to do.
    pub remedy: Vec<String>,
}

/// The severity, text and remedy of a finding; its name is in the table.
struct CheckResult(FindingLevel, String, Vec<String>);

fn said(state: FindingLevel, text: impl Into<String>, remedy: &[&str]) -> CheckResult {
    CheckResult(state, text.into(), remedy.iter().map(ToString::to_string).collect())
}

type Check = fn(&Facts) -> Vec<CheckResult>;

/// All checks, in the order of the report.
const CHECKS: &[(&str, Check)] = &[
    ("port", ports),
    ("buffer", buffer),
    ("memory", memory),
    ("arrival", arrival),
    ("datagrams", datagrams),
    ("exporter", exporters),
    ("room", room),
    ("local", local),
    ("archive", archive),
    ("clock", clock),
    ("terminal", terminal),
];

/// Runs all checks.
pub(super) fn judge(facts: &Facts) -> Vec<Finding> {
    let of = |(name, check): &(&'static str, Check)| {
        let name = *name;
        let finding =
            move |CheckResult(state, text, remedy)| Finding { check: name, state, text, remedy };
        check(facts).into_iter().map(finding).collect::<Vec<_>>()
    };
    CHECKS.iter().flat_map(of).collect()
}

fn ports(facts: &Facts) -> Vec<CheckResult> {
    let heard = |number| facts.heard.as_ref().is_some_and(|heard| heard.health.listens(number));
    let usable = |port: &Port| port.state == PortState::Free || heard(port.number);
    // One of the default ports is enough.
    let worst = if facts.asked || !facts.ports.iter().any(usable) {
        FindingLevel::Fail
    } else {
        FindingLevel::Warn
    };
    let beside = is_beside_toptalk(&facts.ports);
    let of = |port: &Port| match &port.state {
        PortState::Held(_) if heard(port.number) => {
            let text = format!("the running collector listens on {}", port.number);
            said(FindingLevel::Ok, text, &[])
        }
        PortState::Free if !facts.elsewhere.is_empty() => {
            let places: Vec<&str> =
                facts.elsewhere.iter().map(|listener| listener.address.as_str()).collect();
            let places = places.join(", ");
            said(
                FindingLevel::Note,
                format!("{} is free; the running collector does not use it", port.number),
                &[&format!(
                    "the collector listens on {places}; to add a port: ports in toptalk.toml, or -p"
                )],
            )
        }
        PortState::Free if beside && !facts.asked => said(
            FindingLevel::Warn,
            format!("{} is free; the running toptalk does not listen on it", port.number),
            &["if exporters send to this port: add it with -p, or restart that toptalk"],
        ),
        _ => of_port(port, worst),
    };
    let streams = facts.heard.iter().flat_map(|heard| &heard.health.missing);
    let streams = streams.filter(|one| one.transport == Transport::Tcp);
    let streams = streams.map(|one| said(FindingLevel::Warn, one.sentence(), &[]));
    facts.ports.iter().map(of).chain(streams).collect()
}

/// Whether a toptalk that cannot be asked holds one of these ports.
pub(super) fn is_beside_toptalk(ports: &[Port]) -> bool {
    let is_ours = |state: &PortState| match state {
        PortState::Held(holders) => holders.iter().any(|holder| holder.name == "toptalk"),
        _ => false,
    };
    ports.iter().any(|port| is_ours(&port.state))
}

fn of_port(Port { number, state }: &Port, worst: FindingLevel) -> CheckResult {
    match state {
        PortState::Free => said(FindingLevel::Ok, format!("{number} is free"), &[]),
        PortState::Refused(why) => said(worst, why.clone(), &[]),
        PortState::Lacked(why, holders) => {
            let who = match holders.as_slice() {
                [] => String::new(),
                holders => format!(" (now {})", names(holders)),
            };
            said(
                worst,
                format!(
                    "{number} is missing: the running collector does not listen on it: {why}{who}"
                ),
                &[
                    "stop that program; the collector retries the port every second",
                    "to find that program: sudo ss -ulpn; to do without the port: ports in toptalk.toml",
                ],
            )
        }
        PortState::Held(holders) if holders.iter().any(|holder| holder.name == "toptalk") => said(
            FindingLevel::Note,
            format!("{number} is held by {}, which is already collecting", names(holders)),
            &["its exporter screen (key e) and its --metrics show how well it collects"],
        ),
        PortState::Held(holders) if holders.is_empty() => said(
            worst,
            format!("{number} is held by a program of another user"),
            &["to find that program: sudo ss -ulpn", "stop it, or choose another port with -p"],
        ),
        PortState::Held(holders) => said(
            worst,
            format!("{number} is held by {}", names(holders)),
            &["stop it, or choose another port with -p"],
        ),
    }
}

fn names(holders: &[PortHolder]) -> String {
    let names =
        holders.iter().map(|PortHolder { process, name }| format!("{name} (process {process})"));
    names.collect::<Vec<_>>().join(", ")
}

/// The receive buffer that the kernel granted; without a socket, the one it would grant.
fn buffer(facts: &Facts) -> Vec<CheckResult> {
    let wanted = RECEIVE_BUFFER as u64;
    let listeners = facts.heard.iter().flat_map(|heard| &heard.health.listeners);
    let granted = listeners.map(|listener| listener.buffer_granted as u64).min();
    let Some(bytes) = granted.or(facts.rmem_max) else { return Vec::new() };
    let size = units::size(bytes.min(wanted));
    if bytes >= wanted {
        return vec![said(FindingLevel::Ok, format!("receive buffers have {size}"), &[])];
    }
    let line = format!("net.core.rmem_max={wanted}");
    vec![said(
        FindingLevel::Warn,
        format!(
            "receive buffers have {size} instead of {}: bursts may be lost",
            units::size(wanted)
        ),
        &[
            &format!("now: sudo sysctl -w {line}"),
            &format!("permanently: echo {line} | sudo tee /etc/sysctl.d/10-toptalk.conf"),
        ],
    )]
}

/// The memory that a collector may use on this machine.
fn memory(facts: &Facts) -> Vec<CheckResult> {
    facts.memory.iter().map(|text| said(FindingLevel::Ok, text.clone(), &[])).collect()
}

fn arrival(facts: &Facts) -> Vec<CheckResult> {
    let Some(heard) = &facts.heard else {
        let why = match facts.ports.iter().any(|port| port.state == PortState::Free) {
            true => "not listened: toptalk is already running and cannot be asked",
            false => "not listened: no port is free",
        };
        return vec![said(FindingLevel::Note, why, &[])];
    };
    let HeardTraffic { for_ms, health, .. } = heard;
    let span = units::duration(*for_ms);
    let free = facts.ports.iter().filter(|port| port.state == PortState::Free);
    let port = free.chain(&facts.ports).map(|port| port.number).next().unwrap_or_default();
    // The address to send to, if this machine has one that others can reach.
    let host = facts.address.map_or_else(|| "HOST".to_owned(), |address| address.to_string());
    if health.datagrams == 0 {
        return vec![said(
            FindingLevel::Fail,
            format!("nothing arrived in {span}"),
            &[
                &format!("on the router: ip flow-export destination {host} {port}"),
                "on the router: ip flow-export version 9",
                "on its interfaces: ip flow ingress",
                &format!(
                    "to see whether datagrams reach this machine: sudo tcpdump -n udp port {port}"
                ),
                "to see whether a firewall drops them: sudo nft list ruleset",
            ],
        )];
    }
    let from = match health.heard().count() {
        1 => "1 exporter".to_owned(),
        count => format!("{count} exporters"),
    };
    let text =
        format!("{} datagrams with {} flows from {from} in {span}", health.datagrams, health.flows);
    if health.flows > 0 {
        return vec![said(FindingLevel::Ok, text, &[])];
    }
    vec![said(
        FindingLevel::Warn,
        text,
        &[
            "exporters send templates every few minutes: listen longer, as in --for 5m",
            "on the router: ip flow-export template refresh-rate 1",
            &format!(
                "to see what the datagrams contain, while no collector runs: toptalk inspect --port {port}"
            ),
        ],
    )]
}

/// What was dropped, what was unusual, and the notes of the collector.
fn datagrams(facts: &Facts) -> Vec<CheckResult> {
    let Some(HeardTraffic { health, .. }) = &facts.heard else { return Vec::new() };
    let dropped = health.dropped.iter().map(|drop| (FindingLevel::Warn, drop));
    let noticed = health.noticed.iter().map(|drop| (FindingLevel::Note, drop));
    let all = dropped.chain(noticed);
    let all =
        all.map(|(state, drop)| said(state, format!("{} {}", drop.count, drop.explanation), &[]));
    all.chain(health.notes.iter().map(|note| said(FindingLevel::Warn, note.clone(), &[]))).collect()
}

/// The condition of each exporter; its sentence includes the remedy.
fn exporters(facts: &Facts) -> Vec<CheckResult> {
    let Some(HeardTraffic { health, now, .. }) = &facts.heard else { return Vec::new() };
    let mut all = Vec::new();
    for exporter in health.heard().take(MAX_EXPORTERS) {
        for condition in exporter.conditions(*now) {
            let state = match condition.mark {
                ConditionLevel::Ok => FindingLevel::Ok,
                ConditionLevel::Notice => FindingLevel::Note,
                ConditionLevel::Degraded | ConditionLevel::Dead => FindingLevel::Warn,
            };
            let text =
                format!("{} ({}) {}", exporter.address, exporter.protocol_name(), condition.text);
            all.push(said(state, text, &[]));
        }
    }
    let more = health.heard().count().saturating_sub(MAX_EXPORTERS);
    if more > 0 {
        all.push(said(
            FindingLevel::Note,
            format!("{more} more exporters with less traffic are not listed"),
            &[],
        ));
    }
    all
}

/// The exporters whose data was dropped because a pool was full.
fn room(facts: &Facts) -> Vec<CheckResult> {
    let Some(HeardTraffic { health, .. }) = &facts.heard else { return Vec::new() };
    let mut all: Vec<CheckResult> = Vec::new();
    for one in health.no_room.iter().take(MAX_NO_ROOM) {
        let text = format!("{} found no room {} times: {}", one.exporter, one.count, one.cause);
        all.push(said(FindingLevel::Warn, text, &[]));
    }
    let more = health.no_room.len().saturating_sub(MAX_NO_ROOM);
    if more > 0 {
        all.push(said(FindingLevel::Note, format!("{more} more are not listed"), &[]));
    }
    if let Some(CheckResult(.., remedy)) = all.first_mut() {
        remedy.push(
            "if unknown senders fill the memory: --allow with the addresses of your exporters"
                .to_owned(),
        );
        remedy.push("if all exporters are yours: allow more memory with --memory".to_owned());
    }
    all
}

/// Whether the local networks match the traffic.
fn local(facts: &Facts) -> Vec<CheckResult> {
    let networks = facts.heard.as_ref().map_or(&[][..], |heard| heard.transit.as_slice());
    if networks.is_empty() {
        return Vec::new();
    }
    let remedy =
        format!("if these busy networks are yours: --local {}", networks.join(" --local "));
    vec![said(
        FindingLevel::Note,
        "most traffic is neither from nor to a private network, so that there is no upload and download",
        &[&remedy],
    )]
}

fn archive(facts: &Facts) -> Vec<CheckResult> {
    let Some(Archive { folder, state, free, recorder }) = &facts.archive else {
        return Vec::new();
    };
    let mut all = vec![match state {
        FolderState::Writable => said(FindingLevel::Ok, format!("{folder} is writable"), &[]),
        FolderState::Missing => {
            said(FindingLevel::Note, format!("{folder} is not there; recording creates it"), &[])
        }
        FolderState::Unusable(why) => said(
            FindingLevel::Fail,
            format!("{folder}: {why}"),
            &[&format!("sudo install -d -o toptalk -g toptalk -m 750 {folder}")],
        ),
    }];
    all.extend(free.map(|free| {
        let text = format!("{} are free on the disk of {folder}", units::size(free));
        if free >= LITTLE_ROOM {
            return said(FindingLevel::Ok, text, &[]);
        }
        let remedy =
            "free space, or let toptalk delete old files: --expire-size 50G, --expire-age 30d";
        said(FindingLevel::Warn, text, &[remedy])
    }));
    all.extend(recorder.as_ref().map(|process| {
        let text = format!("process {process} records into {folder}; no second process may");
        said(FindingLevel::Note, text, &[])
    }));
    all
}

fn clock(facts: &Facts) -> Vec<CheckResult> {
    let mut all = vec![match &facts.time {
        TimeSynchroniser::Program(name) => {
            said(FindingLevel::Ok, format!("{name} synchronises the time"), &[])
        }
        TimeSynchroniser::Unknown => {
            said(FindingLevel::Note, "whether the time is synchronised cannot be seen", &[])
        }
        TimeSynchroniser::Nobody => said(
            FindingLevel::Warn,
            "no program for time synchronisation found",
            &["sudo apt-get install systemd-timesyncd, or chrony"],
        ),
    }];
    let shift = facts.heard.as_ref().map_or(0, |heard| heard.health.clock_shift_ms);
    if shift != 0 {
        let text = format!("the clock was set by {} while listening", units::duration(shift.abs()));
        all.push(said(FindingLevel::Warn, text, &[]));
    }
    all
}

fn terminal(facts: &Facts) -> Vec<CheckResult> {
    let terminal = &facts.terminal;
    if !terminal.is_one {
        return vec![said(
            FindingLevel::Note,
            "standard output is not a terminal: the screen cannot be drawn here",
            &[],
        )];
    }
    let colour = if terminal.colour { "" } else { ", without colours" };
    vec![match &terminal.note {
        None => said(FindingLevel::Ok, format!("the terminal can draw everything{colour}"), &[]),
        Some(note) => said(
            FindingLevel::Note,
            format!("{note}{colour}"),
            &["for a UTF-8 terminal with colours: export LANG=C.UTF-8 TERM=xterm-256color"],
        ),
    }]
}

/// The findings as text, with the remedies below each finding.
pub(super) fn text(findings: &[Finding]) -> String {
    let mut text = String::new();
    for Finding { check, state, text: what, remedy } in findings {
        text.push_str(&format!("{:<5} {check:<10} {what}\n", state.word()));
        for step in remedy {
            text.push_str(&format!("{:<16} -> {step}\n", ""));
        }
    }
    let count = |state| findings.iter().filter(|finding| finding.state == state).count();
    let (fails, warnings) = (count(FindingLevel::Fail), count(FindingLevel::Warn));
    text.push_str(&format!("{fails} failed, {warnings} warnings\n"));
    text
}

#[cfg(test)]
mod tests;
