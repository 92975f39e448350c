//! Rules that the compiler does not check: imports point down the floors and never form a
//! circle, crates are used only in their rooms, files and functions stay readable, and modules
//! and tests have one layout.

mod circles;
mod documents;
mod fuzz;
mod imports;
mod tokens;
mod vocabulary;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The largest number of lines in a file and in a function: 400 and 70 are the goal, a tenth
/// more is tolerated.
const MAX_FILE: usize = 440;
const MAX_FUNCTION: usize = 77;

/// The rooms, and the rooms that each may use. Floors: ground, state, shell, face, roof.
const ROOMS: &[(&str, &[&str])] = &[
    // Text from outside is cleaned by one room, wherever it is printed.
    ("text", &[]),
    ("flow", &["text"]),
    ("units", &["flow"]),
    ("filter", &["flow", "text"]),
    ("snapshot", &["flow", "filter"]),
    ("wire", &["flow", "text"]),
    ("topn", &[]),
    // The settings file as plain data, which only cli interprets.
    ("config", &["text", "units"]),
    // Packets in captures are decoded like sampled ones; the length of IPFIX messages is known
    // to wire.
    ("capture", &["flow", "wire"]),
    // Observes while wire decodes what capture reads.
    ("inspect", &["flow", "text", "units", "wire", "capture"]),
    ("table", &["flow", "filter", "snapshot", "text", "units"]),
    ("demo", &["flow", "wire"]),
    ("metrics", &["flow", "snapshot"]),
    ("replay", &["flow", "wire"]),
    ("agg", &["flow", "filter", "snapshot", "topn", "units"]),
    ("archive", &["flow", "text", "units"]),
    ("query", &["flow", "filter", "topn", "units", "archive"]),
    ("clock", &["flow"]),
    ("ingest", &["flow", "text", "units", "snapshot", "wire", "agg", "archive", "clock"]),
    ("attach", &["flow", "snapshot", "clock"]),
    ("source", &["flow", "units", "snapshot", "agg", "clock", "ingest", "attach"]),
    ("ui", &["flow", "filter", "snapshot", "topn", "table", "text", "units"]),
    // wire: the administrator's settings for exporters are a `wire::Policy`.
    (
        "cli",
        &[
            "flow", "text", "units", "filter", "snapshot", "agg", "archive", "query", "ingest",
            "wire", "inspect", "replay", "config",
        ],
    ),
];

/// The rooms of the roof, which may use everything.
const ROOF: &[&str] = &["app", "main", "lib"];

const GROUND: &[&str] = &[
    "flow", "units", "filter", "snapshot", "wire", "topn", "capture", "inspect", "table", "demo",
    "replay", "metrics", "config", "text",
];

/// Crates and functions that only some rooms may use.
const OWNED: &[(&str, &[&str])] = &[
    ("clap::", &["cli"]),
    ("clap_complete::", &["cli"]),
    ("clap_mangen::", &["cli"]),
    ("prometheus_client::", &["metrics"]),
    ("hyper::", &["app"]),
    ("sd_notify::", &["app"]),
    ("humansize::", &["units"]),
    ("dashmap::", &["agg"]),
    ("hdrhistogram::", &["agg", "ingest"]),
    ("ratatui::", &["ui"]),
    ("crossterm::", &["ui"]),
    ("tokio::", &["ingest", "attach", "source", "ui", "app"]),
    // ingest: the saved state of exporters. attach: the socket.
    ("std::fs", &["app", "ui", "ingest", "attach", "archive"]),
    ("UdpSocket", &["ingest", "app"]),
    // app: one file, where metrics are served (`metrics.rs`).
    ("TcpListener", &["ingest", "app"]),
    ("TcpStream", &["ingest", "app"]),
    ("Instant", &["clock"]),
    ("SystemTime", &["clock"]),
    ("std::env", &["app"]),
    // app: one file, for blocked signals (`blocked_signals.rs`).
    ("nix::", &["app", "attach", "ingest", "ui", "archive"]),
    ("parquet::", &["archive"]),
    ("zstd::", &["archive", "attach"]),
    ("postcard::", &["attach"]),
    ("UnixListener", &["attach"]),
    ("UnixStream", &["attach"]),
    ("lz4_flex::", &["archive"]),
    ("bzip2::", &["archive"]),
    ("crc32fast::", &["archive", "wire"]),
    ("hashbrown::", &["archive", "query"]),
    ("rustix::", &["app", "attach", "ingest"]),
    ("indicatif::", &["app"]),
    ("itoa::", &["query"]),
    ("strsim::", &["units"]),
    ("tempfile::", &["archive", "app"]),
    ("unicode_truncate::", &["text"]),
    ("pcap_parser::", &["capture"]),
    ("toml::", &["config"]),
    ("tracing::", &["app"]),
    ("tracing_subscriber::", &["app"]),
    // They panic if the output is closed or a disk is full; this includes `eprint!` and `dbg!`.
    ("print!(", &[]),
    ("println!(", &[]),
    ("dbg!(", &[]),
];

/// The test programs. Each links the whole crate, so tests that can share a process are modules
/// of `it`, or of `peers` if they compare with another program. `allocations` has its own
/// allocator, `tidy` does not need the crate.
const TEST_PROGRAMS: &[&str] = &["allocations.rs", "it/main.rs", "peers/main.rs", "tidy/main.rs"];

fn sources(folder: &str) -> BTreeMap<PathBuf, String> {
    let mut files = BTreeMap::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "rs") {
                files.insert(path.clone(), std::fs::read_to_string(path).unwrap());
            }
        }
    }
    files
}

/// The room of a file: the name of the folder, or of the file, below src.
fn room(path: &Path) -> String {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let first = path.strip_prefix(src).unwrap().components().next().unwrap();
    Path::new(first.as_os_str()).file_stem().unwrap().to_string_lossy().into()
}

/// The code of a file: without comments, and up to the beginning of the tests.
fn code(text: &str) -> String {
    let text = text.split("#[cfg(test)]").next().unwrap_or("");
    let lines = text.lines().map(|line| line.split("//").next().unwrap_or(""));
    lines.collect::<Vec<_>>().join("\n")
}

/// The rooms named by `crate::room` and `crate::{room, …}`.
fn imports(code: &str) -> Vec<String> {
    let mut rooms = Vec::new();
    for part in code.split("crate::").skip(1) {
        let names: Vec<&str> = match part.strip_prefix('{') {
            Some(group) => group.split('}').next().unwrap_or("").split(',').collect(),
            None => vec![part],
        };
        for name in names {
            let name: String =
                name.trim().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            if !name.is_empty() {
                rooms.push(name);
            }
        }
    }
    rooms
}

#[test]
fn imports_point_down_the_floors() {
    let allowed: BTreeMap<_, _> = ROOMS.iter().copied().collect();
    let mut wrong = Vec::new();
    for (path, text) in sources("src") {
        let room = room(&path);
        if ROOF.contains(&room.as_str()) {
            continue;
        }
        let Some(may) = allowed.get(room.as_str()) else {
            wrong.push(format!(
                "{}: the room `{room}` is not in the table of tests/tidy",
                path.display()
            ));
            continue;
        };
        for used in imports(&code(&text)) {
            if used != room && !may.contains(&used.as_str()) {
                wrong.push(format!("{}: `{room}` may not use `{used}`", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_table_of_rooms_only_points_down() {
    let mut seen: Vec<&str> = Vec::new();
    for (room, uses) in ROOMS {
        for used in *uses {
            assert!(seen.contains(used), "`{room}` uses `{used}`, which is on a higher floor");
        }
        seen.push(room);
    }
    for room in GROUND {
        let (_, uses) = ROOMS.iter().find(|(name, _)| name == room).unwrap();
        assert!(uses.iter().all(|used| GROUND.contains(used)), "`{room}` is on the ground floor");
    }
}

/// Whether the code contains the word, not as the end of a longer one.
fn names(code: &str, word: &str) -> bool {
    code.match_indices(word).any(|(at, _)| {
        !code[..at].ends_with(|before: char| before.is_alphanumeric() || before == '_')
    })
}

#[test]
fn crates_and_system_calls_stay_in_their_rooms() {
    let mut wrong = Vec::new();
    for (path, text) in sources("src") {
        let room = room(&path);
        let code = code(&text);
        for (word, rooms) in OWNED {
            if names(&code, word) && !rooms.contains(&room.as_str()) {
                wrong.push(format!("{}: `{word}` belongs to {rooms:?}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn files_and_functions_stay_readable() {
    let mut wrong = Vec::new();
    for folder in ["src", "tests", "benches", "examples"] {
        for (path, text) in sources(folder) {
            let lines: Vec<&str> = text.lines().collect();
            if lines.len() > MAX_FILE {
                wrong.push(format!("{}: {} lines", path.display(), lines.len()));
            }
            for (start, length) in functions(&lines) {
                if length > MAX_FUNCTION {
                    wrong.push(format!("{}:{}: {length} lines", path.display(), start + 1));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The start and the length of every function, according to the indentation of rustfmt.
fn functions(lines: &[&str]) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    for (start, line) in lines.iter().enumerate() {
        let body = line.trim_start();
        let is_function = [
            "fn ",
            "pub fn ",
            "pub(super) fn ",
            "pub(crate) fn ",
            "async fn ",
            "pub async fn ",
            "pub(super) async fn ",
            "const fn ",
            "pub const fn ",
        ]
        .iter()
        .any(|head| body.starts_with(head));
        if !is_function || body.ends_with(';') || body.ends_with('}') {
            continue;
        }
        let end = format!("{}}}", &line[..line.len() - body.len()]);
        if let Some(length) = lines[start..].iter().position(|line| *line == end) {
            found.push((start, length + 1));
        }
    }
    found
}

#[test]
fn lints_are_only_silenced_with_a_reason_and_nothing_is_unfinished() {
    let mut wrong = Vec::new();
    for (path, text) in sources("src") {
        for (number, line) in text.lines().enumerate() {
            let silenced = line.contains("allow(") && line.trim_start().starts_with('#');
            let reasoned = text.lines().skip(number).take(5).any(|line| line.contains("reason ="));
            let left =
                ["todo!(", "unimplemented!(", "dbg!("].iter().any(|word| line.contains(word));
            if left || (silenced && !reasoned) {
                wrong.push(format!("{}:{}: {}", path.display(), number + 1, line.trim()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_module_with_its_own_files_is_a_mod_rs() {
    let mut wrong = Vec::new();
    for folder in ["src", "tests", "benches", "examples"] {
        for path in sources(folder).into_keys() {
            if path.with_extension("").is_dir() {
                let name = path.file_stem().unwrap().to_string_lossy();
                wrong.push(format!("{}: expected {name}/mod.rs", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn test_programs_are_few() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let mut programs = Vec::new();
    for path in sources("tests").into_keys() {
        let name = path.strip_prefix(&folder).unwrap().to_string_lossy().into_owned();
        if !name.contains('/') || (name.ends_with("/main.rs") && name.matches('/').count() == 1) {
            programs.push(name);
        }
    }
    assert_eq!(programs, TEST_PROGRAMS);
}

#[test]
fn tests_that_ci_leaves_out_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let list = std::fs::read_to_string(root.join(".ci/left-out")).unwrap();
    let tests: String = sources("tests").into_values().collect();
    let mut count = 0;
    for line in list.lines().filter(|line| !line.starts_with('#')) {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let [needs, test, why] = cells[..] else { panic!("expected three columns: {line}") };
        let known = ["chdb", "promtool", "root", "privileged-ports"];
        assert!(known.contains(&needs) && !why.is_empty(), "{line}");
        let name = test.rsplit("::").next().unwrap();
        assert!(tests.contains(&format!("fn {name}()")), "there is no test {name}");
        count += 1;
    }
    assert!(count > 0);
}
