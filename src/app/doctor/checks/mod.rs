//! Facts in, findings out: each check is a row of [`CHECKS`].

use serde::Serialize;

use super::facts::{
    Archive, Facts, FolderState, HeardTraffic, Port, PortHolder, PortState, TimeSynchroniser,
};
use crate::ingest::RECEIVE_BUFFER;
use crate::snapshot::{ConditionLevel, Transport};
use crate::units;

/// With less room a busy archive is full within hours.
const LITTLE_ROOM: u64 = 5_000_000_000;

/// Exporters that are told of, the busiest.
const MAX_EXPORTERS: usize = 50;

/// Exporters that found no room and are told of, with the cause.
const MAX_NO_ROOM: usize = 10;

/// How bad a finding is, the worst last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum FindingLevel {
    Ok,
    Note,
    Warn,
    Fail,
}

impl FindingLevel {
    /// The word for it: what asks for something is not in small letters.
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
    /// What helps, a step a line; none where nothing is to be done.
    pub remedy: Vec<String>,
}

/// What a check says; its name is in the table.
struct CheckResult(FindingLevel, String, Vec<String>);

fn said(state: FindingLevel, text: impl Into<String>, remedy: &[&str]) -> CheckResult {
    CheckResult(state, text.into(), remedy.iter().map(ToString::to_string).collect())
}

type Check = fn(&Facts) -> Vec<CheckResult>;

/// All checks, in the order of the answer.
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

/// Everything that is to be said of the facts.
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
    // Of the usual ports any will do.
    let worst = if facts.asked || !facts.ports.iter().any(usable) {
        FindingLevel::Fail
    } else {
        FindingLevel::Warn
    };
    let beside = is_beside_toptalk(&facts.ports);
    let of = |port: &Port| match &port.state {
        PortState::Held(_) if heard(port.number) => {
            let text = format!("{} is held by the collector that was asked", port.number);
            said(FindingLevel::Ok, text, &[])
        }
        PortState::Free if !facts.elsewhere.is_empty() => {
            let places: Vec<&str> =
                facts.elsewhere.iter().map(|listener| listener.address.as_str()).collect();
            let places = places.join(", ");
            said(
                FindingLevel::Note,
                format!("{} is free, and the collector that runs does not use it", port.number),
                &[&format!(
                    "it listens on {places}; a port of its own: ports in toptalk.toml, or -p"
                )],
            )
        }
        PortState::Free if beside && !facts.asked => said(
            FindingLevel::Warn,
            format!("{} is free, and the toptalk that runs does not have it", port.number),
            &["if exporters send there: give it to that one with -p, or restart it"],
        ),
        _ => of_port(port, worst),
    };
    let streams = facts.heard.iter().flat_map(|heard| &heard.health.missing);
    let streams = streams.filter(|one| one.transport == Transport::Tcp);
    let streams = streams.map(|one| said(FindingLevel::Warn, one.sentence(), &[]));
    facts.ports.iter().map(of).chain(streams).collect()
}

/// Whether a toptalk that could not be asked holds one of these ports.
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
                    "{number} is missing: the collector that runs does not listen on it: {why}{who}"
                ),
                &[
                    "stop that program: the collector tries the port again every second and takes it",
                    "who is it: sudo ss -ulpn; or do without the port: ports in toptalk.toml",
                ],
            )
        }
        PortState::Held(holders) if holders.iter().any(|holder| holder.name == "toptalk") => said(
            FindingLevel::Note,
            format!("{number} is held by {}: it collects already", names(holders)),
            &["its screen of exporters (e) and its --metrics say how that goes"],
        ),
        PortState::Held(holders) if holders.is_empty() => said(
            worst,
            format!("{number} is held by a program of another user"),
            &["who is it: sudo ss -ulpn", "stop it, or choose another port with -p"],
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

/// What the kernel granted; without a socket, what it would.
fn buffer(facts: &Facts) -> Vec<CheckResult> {
    let wanted = RECEIVE_BUFFER as u64;
    let listeners = facts.heard.iter().flat_map(|heard| &heard.health.listeners);
    let granted = listeners.map(|listener| listener.buffer_granted as u64).min();
    let Some(bytes) = granted.or(facts.rmem_max) else { return Vec::new() };
    let size = units::size(bytes.min(wanted));
    if bytes >= wanted {
        return vec![said(FindingLevel::Ok, format!("receive buffers of {size}"), &[])];
    }
    let line = format!("net.core.rmem_max={wanted}");
    vec![said(
        FindingLevel::Warn,
        format!(
            "receive buffers of {size}, {} are wanted: bursts may be lost",
            units::size(wanted)
        ),
        &[
            &format!("now: sudo sysctl -w {line}"),
            &format!("for good: echo {line} | sudo tee /etc/sysctl.d/10-toptalk.conf"),
        ],
    )]
}

/// How much a collector may take here, unless its settings say otherwise.
fn memory(facts: &Facts) -> Vec<CheckResult> {
    facts.memory.iter().map(|text| said(FindingLevel::Ok, text.clone(), &[])).collect()
}

fn arrival(facts: &Facts) -> Vec<CheckResult> {
    let Some(heard) = &facts.heard else {
        let why = match facts.ports.iter().any(|port| port.state == PortState::Free) {
            true => "toptalk runs already and cannot be asked: not listened",
            false => "no port is free: not listened",
        };
        return vec![said(FindingLevel::Note, why, &[])];
    };
    let HeardTraffic { for_ms, health, .. } = heard;
    let span = units::duration(*for_ms);
    let free = facts.ports.iter().filter(|port| port.state == PortState::Free);
    let port = free.chain(&facts.ports).map(|port| port.number).next().unwrap_or_default();
    // The address to send to, where this machine has one that others can reach.
    let host = facts.address.map_or_else(|| "HOST".to_owned(), |address| address.to_string());
    if health.datagrams == 0 {
        return vec![said(
            FindingLevel::Fail,
            format!("nothing arrived in {span}"),
            &[
                &format!("on the router: ip flow-export destination {host} {port}"),
                "on the router: ip flow-export version 9",
                "on its interfaces: ip flow ingress",
                &format!("does anything reach this machine: sudo tcpdump -n udp port {port}"),
                "is a firewall in between: sudo nft list ruleset",
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
            "templates come every few minutes: listen longer, as in --for 5m",
            "on the router: ip flow-export template refresh-rate 1",
            &format!("what is in them, while no collector runs: toptalk inspect --port {port}"),
        ],
    )]
}

/// What was not used, and what was odd.
fn datagrams(facts: &Facts) -> Vec<CheckResult> {
    let Some(HeardTraffic { health, .. }) = &facts.heard else { return Vec::new() };
    let dropped = health.dropped.iter().map(|drop| (FindingLevel::Warn, drop));
    let noticed = health.noticed.iter().map(|drop| (FindingLevel::Note, drop));
    let all = dropped.chain(noticed);
    all.map(|(state, drop)| said(state, format!("{} {}", drop.count, drop.explanation), &[]))
        .collect()
}

/// What can be said of each exporter; the sentence names what helps.
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
        all.push(said(FindingLevel::Note, format!("{more} more, less busy, are not listed"), &[]));
    }
    all
}

/// Of which exporters something found no room.
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
            "strangers fill what all share: --allow with the single addresses of your exporters"
                .to_owned(),
        );
        remedy.push("or all of them are yours: more memory, with --memory".to_owned());
    }
    all
}

/// Whether the local networks match the traffic.
fn local(facts: &Facts) -> Vec<CheckResult> {
    let networks = facts.heard.as_ref().map_or(&[][..], |heard| heard.transit.as_slice());
    if networks.is_empty() {
        return Vec::new();
    }
    let remedy = format!("name yours, of the busiest: --local {}", networks.join(" --local "));
    vec![said(
        FindingLevel::Note,
        "most traffic is neither from nor to a private network",
        &[&remedy],
    )]
}

fn archive(facts: &Facts) -> Vec<CheckResult> {
    let Some(Archive { folder, state, free, recorder }) = &facts.archive else {
        return Vec::new();
    };
    let mut all = vec![match state {
        FolderState::Writable => said(FindingLevel::Ok, format!("{folder} can be written to"), &[]),
        FolderState::Missing => {
            said(FindingLevel::Note, format!("{folder} is not there; recording would make it"), &[])
        }
        FolderState::Unusable(why) => said(
            FindingLevel::Fail,
            format!("{folder}: {why}"),
            &[&format!("sudo install -d -o toptalk -g toptalk -m 750 {folder}")],
        ),
    }];
    all.extend(free.map(|free| {
        let text = format!("{} are free for {folder}", units::size(free));
        if free >= LITTLE_ROOM {
            return said(FindingLevel::Ok, text, &[]);
        }
        let remedy = "make room, or have the oldest removed: --expire-size 50G, --expire-age 30d";
        said(FindingLevel::Warn, text, &[remedy])
    }));
    all.extend(recorder.as_ref().map(|process| {
        let text = format!("process {process} records into {folder}; a second one is refused");
        said(FindingLevel::Note, text, &[])
    }));
    all
}

fn clock(facts: &Facts) -> Vec<CheckResult> {
    let mut all = vec![match &facts.time {
        TimeSynchroniser::Program(name) => {
            said(FindingLevel::Ok, format!("{name} keeps the time"), &[])
        }
        TimeSynchroniser::Unknown => {
            said(FindingLevel::Note, "it cannot be seen who keeps the time", &[])
        }
        TimeSynchroniser::Nobody => said(
            FindingLevel::Warn,
            "no program is seen that keeps the time of this machine",
            &["sudo apt-get install systemd-timesyncd, or chrony"],
        ),
    }];
    let shift = facts.heard.as_ref().map_or(0, |heard| heard.health.clock_shift_ms);
    if shift != 0 {
        let text = format!("the clock was set by {} meanwhile", units::duration(shift.abs()));
        all.push(said(FindingLevel::Warn, text, &[]));
    }
    all
}

fn terminal(facts: &Facts) -> Vec<CheckResult> {
    let terminal = &facts.terminal;
    if !terminal.is_one {
        return vec![said(
            FindingLevel::Note,
            "the output is no terminal: nothing is drawn here",
            &[],
        )];
    }
    let colour = if terminal.colour { "" } else { ", without colours" };
    vec![match &terminal.note {
        None => said(FindingLevel::Ok, format!("can draw everything{colour}"), &[]),
        Some(note) => said(
            FindingLevel::Note,
            format!("{note}{colour}"),
            &["a terminal that can: export LANG=C.UTF-8 TERM=xterm-256color"],
        ),
    }]
}

/// The findings as people read them: what helps stands below what it helps against.
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
    text.push_str(&format!("{fails} failed, {warnings} to look at\n"));
    text
}

#[cfg(test)]
mod tests;
