//! Tables in docs/ are those of the code. `UPDATE_DOCS=1 cargo test --test it docs`
//! writes them anew.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use toptalk::archive::macros::{Dialect, macros};
use toptalk::archive::name::HIERARCHIES;
use toptalk::archive::recorder::DropReason;
use toptalk::archive::schema::ArchiveColumn;
use toptalk::attach;
use toptalk::attach::frame;
use toptalk::filter::words::{LiveSupport, MISSING, WORDS};
use toptalk::flow::{Flow, FlowExtras};
use toptalk::ingest::{IngestIssue, LostMessages};
use toptalk::metrics::{METRICS, MetricKind};
use toptalk::table::{CONVERSATION_COLUMNS, EXPORTER_COLUMNS, GROUP_COLUMNS, HOST_COLUMNS};
use toptalk::ui::action::{BINDINGS, Context};
use toptalk::wire::Cause;

fn table(head: &str, rows: impl Iterator<Item = (String, String)>) -> String {
    let mut text = format!("\n{head}\n|---|---|\n");
    for (left, right) in rows {
        text.push_str(&format!("| {left} | {right} |\n"));
    }
    text.push('\n');
    text
}

/// Two tests may write tables of one file: one reads what the other has written.
static FILES: Mutex<()> = Mutex::new(());

/// Checks, or writes, the table called `name` in a file below docs/.
fn check(file: &str, name: &str, table: &str) {
    let _alone = FILES.lock().unwrap_or_else(PoisonError::into_inner);
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs").join(file);
    let text = std::fs::read_to_string(&path).unwrap();
    let begin = format!("<!-- table: {name} -->\n");
    let start =
        text.find(&begin).unwrap_or_else(|| panic!("{file} has no table {name}")) + begin.len();
    let end = start + text[start..].find("<!-- end -->").unwrap();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, format!("{}{table}{}", &text[..start], &text[end..])).unwrap();
    } else {
        assert_eq!(
            &text[start..end],
            table,
            "docs/{file}: UPDATE_DOCS=1 cargo test --test it docs"
        );
    }
}

#[test]
fn attaching() {
    let rows = [
        ("screens attached", attach::MAX_CLIENTS.to_string()),
        ("connections without a request yet", attach::MAX_PENDING.to_string()),
        ("time until the first request", format!("{} s", attach::HANDSHAKE.as_secs())),
        (
            "time to read an answer, or to complete a request",
            format!("{} s", attach::STALL.as_secs()),
        ),
        ("bytes of a request", frame::MAX_REQUEST.to_string()),
        ("bytes of an answer, decompressed", frame::MAX_REPLY.to_string()),
        ("bytes of a body that is not compressed", frame::COMPRESS_FROM.to_string()),
        ("rows of each table, updated every second", attach::MAX_STANDING_ROWS.to_string()),
        ("rows of each table, asked once", attach::MAX_ROWS.to_string()),
        (
            "rows beyond which only one answer is made and sent at a time",
            attach::LARGE_ROWS.to_string(),
        ),
        ("questions of one client in the queue", attach::MAX_QUESTIONS.to_string()),
        ("work on quick answers per second", format!("{} ms", attach::BUDGET_MS)),
        ("work on an answer in the first attempt", format!("{} ms", attach::FIRST_MS)),
        ("work on one answer before it counts as slow", format!("{} ms", attach::QUICK_MS)),
        ("work on slow answers per second", format!("{} ms", attach::BUDGET_MS)),
        ("work on one slow answer", format!("{} ms", attach::SLOW_MS)),
        ("seconds between answers when the budget is used up", attach::MAX_EVERY_S.to_string()),
        ("bytes of the socket's path", attach::MAX_PATH.to_string()),
    ];
    let rows = rows.into_iter().map(|(what, most)| (what.to_owned(), most));
    check("ATTACH.md", "limits", &table("| limit | value |", rows));
}

#[test]
fn archive() {
    let rows = ArchiveColumn::all().map(|column| {
        let (kept, label) = (column.store.words(), column.field.info().label);
        (format!("`{}`", column.name()), format!("{kept} | {} | {label}", column.coding.words()))
    });
    let text = table("| column | type | encoding | content |", rows);
    check("ARCHIVE.md", "columns", &text.replace("|---|---|", "|---|---|---|---|"));
    for (name, dialect) in [("duckdb", Dialect::DuckDb), ("clickhouse", Dialect::ClickHouse)] {
        check("ARCHIVE.md", name, &format!("\n```sql\n{}```\n\n", macros(dialect)));
    }
    for (name, members) in [("flow record", Flow::MEMBERS), ("more record", FlowExtras::MEMBERS)] {
        let rows =
            members.iter().map(|member| (member.bytes.to_string(), format!("`{}`", member.name)));
        check("ARCHIVE.md", name, &table("| bytes | field |", rows));
    }
    let folders = HIERARCHIES.iter().enumerate().map(|(number, format)| {
        let format = if format.is_empty() { "none".to_owned() } else { format!("`{format}`") };
        (number.to_string(), format)
    });
    check("ARCHIVE.md", "hierarchies", &table("| `-S` | folders |", folders));
}

#[test]
fn keys() {
    let where_it_works = |applies: &dyn Fn(Context) -> bool| {
        let names = [
            (Context::Main, "main"),
            (Context::Groups, "lists"),
            (Context::Drill, "host"),
            (Context::Exporters, "exporters"),
            (Context::Exporter, "one exporter"),
            (Context::Filter, "filter line"),
        ];
        let names: Vec<_> =
            names.iter().filter(|(c, _)| applies(*c)).map(|(_, name)| *name).collect();
        names.join(", ")
    };
    let rows = BINDINGS.iter().map(|binding| {
        let keys: Vec<_> = binding.keys.iter().map(|key| format!("`{}`", key.name())).collect();
        let place = where_it_works(&|context| binding.applies(context));
        (keys.join(" "), format!("{} ({place})", binding.help))
    });
    let rows = rows.filter(|(_, help)| !help.ends_with("()"));
    check("USING.md", "keys", &table("| key | action |", rows));
}

#[test]
fn columns() {
    let hosts = HOST_COLUMNS.iter().map(|c| (format!("`{}`", c.name), c.meaning.to_owned()));
    check("OUTPUT.md", "hosts", &table("| column | meaning |", hosts));
    let rows = GROUP_COLUMNS.iter().map(|c| (format!("`{}`", c.name), c.meaning.to_owned()));
    check("OUTPUT.md", "groups", &table("| column | meaning |", rows));
    let rows = CONVERSATION_COLUMNS.iter().map(|c| (format!("`{}`", c.name), c.meaning.to_owned()));
    check("OUTPUT.md", "conversations", &table("| column | meaning |", rows));
    let rows = EXPORTER_COLUMNS.iter().map(|c| (format!("`{}`", c.name), c.meaning.to_owned()));
    check("OUTPUT.md", "exporters", &table("| column | meaning |", rows));
}

#[test]
fn metrics() {
    let rows = METRICS.iter().map(|metric| {
        let labels = quoted(metric.labels().iter().map(ToString::to_string));
        let kind = if metric.kind == MetricKind::Counter { "counter" } else { "gauge" };
        (format!("`{}`", metric.full_name()), format!("{kind} | {labels} | {}", metric.help))
    });
    let text = table("| metric | type | labels | meaning |", rows);
    check("service.md", "metrics", &text.replace("|---|---|", "|---|---|---|---|"));
}

#[test]
fn causes() {
    for (name, loses) in [("lost", true), ("odd", false)] {
        let causes = Cause::ALL.iter().filter(|cause| cause.loses() == loses);
        let rows = causes.map(|c| (format!("`{}`", c.name()), c.explanation().to_owned()));
        check("TROUBLE.md", name, &table("| cause | meaning |", rows));
    }
}

#[test]
fn troubles() {
    let row = |t: IngestIssue| (format!("`{}`", t.name()), t.explanation().to_owned());
    let rows = IngestIssue::ALL.into_iter().map(row);
    check("TROUBLE.md", "receiving", &table("| cause | meaning |", rows));
    let row = |shed: DropReason| (format!("`{}`", shed.name()), shed.explanation().to_owned());
    let rows = DropReason::ALL.into_iter().map(row);
    check("TROUBLE.md", "recording", &table("| cause | meaning |", rows));
    let row = |loss: LostMessages| (format!("`{}`", loss.name()), loss.explanation().to_owned());
    let rows = LostMessages::ALL.into_iter().map(row);
    check("TROUBLE.md", "outside", &table("| cause | meaning |", rows));
}

/// A text with every name in backticks, which a table's bars do not end.
fn quoted(names: impl Iterator<Item = String>) -> String {
    names.map(|name| format!("`{}`", name.replace('|', "\\|"))).collect::<Vec<_>>().join(", ")
}

#[test]
fn filter_words() {
    let rows = WORDS.iter().map(|word| {
        let usage = quoted(std::iter::once(word.usage()));
        let aliases = match word.aliases {
            [] => String::new(),
            names => format!(" Also {}.", quoted(names.iter().map(ToString::to_string))),
        };
        let live = match word.live {
            LiveSupport::Yes => "yes".to_owned(),
            LiveSupport::WithoutSide(..) => format!("`{} N`", word.name),
            LiveSupport::No(lack, _) => format!("no: {lack}"),
        };
        (usage, format!("{}.{aliases} | {live}", word.help))
    });
    let text = table("| term | matches | live |", rows).replace("|---|---|", "|---|---|---|");
    check("FILTER.md", "words", &text);
    let rows = MISSING.iter().map(|missing| {
        (quoted(missing.names.iter().map(ToString::to_string)), missing.lack.to_owned())
    });
    check("FILTER.md", "missing", &table("| word | reason |", rows));
}

/// The headings of a document as the ends of links have them.
fn anchors(text: &str) -> Vec<String> {
    let mut is_code = false;
    let mut found = Vec::new();
    for line in text.lines() {
        is_code ^= line.starts_with("```");
        let Some(heading) = line.strip_prefix('#').filter(|_| !is_code) else { continue };
        let heading = heading.trim_start_matches('#').trim().to_lowercase();
        let kept = heading.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
        found.push(kept.map(|c| if c == ' ' { '-' } else { c }).collect());
    }
    found
}

#[test]
fn links_lead_somewhere() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let mut files = vec![root.join("README.md"), root.join("CHANGELOG.md")];
    let docs = std::fs::read_dir(root.join("docs")).unwrap().map(|entry| entry.unwrap().path());
    files.extend(docs.filter(|path| path.extension().is_some_and(|end| end == "md")));
    let mut count = 0;
    for path in &files {
        let text = std::fs::read_to_string(path).unwrap();
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if link.contains("://") {
                continue;
            }
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target =
                if file.is_empty() { path.clone() } else { path.parent().unwrap().join(file) };
            assert!(target.exists(), "{}: {link}", path.display());
            if !anchor.is_empty() {
                let anchors = anchors(&std::fs::read_to_string(&target).unwrap());
                assert!(anchors.iter().any(|a| a == anchor), "{}: {link}", path.display());
            }
            count += 1;
        }
    }
    assert!(count > 50, "{count} links");
}

/// The limits of docs/SECURITY.md: what is limited, the file below src/ and the
/// constant in it, and the unit where that is not plain.
const LIMITS: &[(&str, &str, &str, &str)] = &[
    ("ports listened on", "ingest/options.rs", "MAX_PORTS", ""),
    ("threads that decode", "ingest/options.rs", "MAX_WORKERS", ""),
    ("receive buffer of a port", "ingest/socket.rs", "RECEIVE_BUFFER", "bytes"),
    ("datagrams in the queues of all workers", "ingest/queue.rs", "QUEUE_BYTES", "bytes"),
    ("exporters known", "wire/exporter/limits.rs", "MAX_EXPORTERS", ""),
    ("transport sessions of an exporter", "wire/exporter/sessions.rs", "MAX_SESSIONS", ""),
    ("observation domains of a session", "wire/exporter/state.rs", "MAX_DOMAINS", ""),
    ("templates of an exporter", "wire/exporter/state.rs", "MAX_TEMPLATES", ""),
    ("templates of all exporters", "wire/exporter/limits.rs", "MAX_TEMPLATE_BYTES", "bytes"),
    ("fields of a template", "wire/template.rs", "MAX_FIELDS", ""),
    (
        "data stored until its template arrives, all exporters",
        "wire/exporter/limits.rs",
        "MAX_HELD",
        "bytes",
    ),
    (
        "flows whose exporters report totals, all exporters",
        "wire/exporter/limits.rs",
        "MAX_COUNTER_BYTES",
        "bytes",
    ),
    (
        "names of interfaces and applications, all exporters",
        "wire/exporter/limits.rs",
        "MAX_NAMES",
        "",
    ),
    ("interfaces of an exporter", "wire/exporter/interfaces.rs", "MAX_INTERFACES", ""),
    ("applications of an exporter", "wire/exporter/options.rs", "MAX_APPLICATIONS", ""),
    ("sFlow agents of an exporter", "wire/sflow/agents.rs", "MAX_AGENTS", ""),
    ("sFlow data sources of an exporter", "wire/sflow/agents.rs", "MAX_SOURCES", ""),
    (
        "senders distinguished behind one address and domain",
        "wire/exporter/sequence.rs",
        "MAX_TRACKS",
        "",
    ),
    ("senders outside --allow that are named", "wire/exporter/policy.rs", "MAX_REFUSED", ""),
    ("headers within a sampled packet", "wire/frame/mod.rs", "MAX_LAYERS", ""),
    ("exporters with series in the metrics", "metrics/metric.rs", "MAX_EXPORTERS", ""),
    ("connections for metrics", "app/metrics.rs", "MAX_CONNECTIONS", ""),
    ("a request for metrics", "app/metrics.rs", "MAX_REQUEST", "bytes"),
    ("screens attached", "attach/mod.rs", "MAX_CLIENTS", ""),
    ("connections without a request yet", "attach/mod.rs", "MAX_PENDING", ""),
    ("a request of a screen", "attach/frame.rs", "MAX_REQUEST", "bytes"),
    ("an answer to a screen", "attach/frame.rs", "MAX_REPLY", "bytes"),
    ("rows of a table, updated every second", "attach/mod.rs", "MAX_STANDING_ROWS", ""),
    ("rows of a table, asked once", "attach/mod.rs", "MAX_ROWS", ""),
    ("text of a filter", "filter/cursor.rs", "MAX_TEXT", "bytes"),
    ("nesting of a filter", "filter/cursor.rs", "MAX_DEPTH", ""),
    ("elements of a list in a filter", "filter/cursor.rs", "MAX_LIST", ""),
    ("alerts at once", "agg/alert.rs", "MAX_ALERTS", ""),
    ("folders of exporters recorded into", "ingest/recorder/plan.rs", "MAX_FOLDERS", ""),
    ("files of an archive in a query", "archive/catalog.rs", "MAX_FILES", ""),
    ("rows of a segment", "archive/segment/mod.rs", "MAX_ROWS", ""),
    ("footer of a segment", "archive/segment/footer.rs", "MAX_METADATA", "bytes"),
    ("a dictionary of a segment", "archive/segment/mod.rs", "MAX_DICTIONARY", "bytes"),
    ("flows of a block of a journal", "archive/journal/mod.rs", "MAX_BLOCK_FLOWS", ""),
    ("a block of nfcapd's files", "archive/nfcapd/block.rs", "MAX_BLOCK", "bytes"),
    ("the file with the saved state of exporters", "ingest/state_saver.rs", "MAX_BYTES", "bytes"),
    ("the settings file", "config/read.rs", "MAX_FILE", "bytes"),
    ("a file of groups", "flow/named.rs", "MAX_FILE", "bytes"),
    ("named networks", "flow/named.rs", "MAX_NETWORKS", ""),
    ("collectors that datagrams are forwarded to", "ingest/repeater.rs", "MAX_REPEATS", ""),
    ("hosts with a row", "agg/mod.rs", "DEFAULT_MAX_HOSTS", ""),
    ("conversations with a row", "agg/mod.rs", "DEFAULT_MAX_CONVERSATIONS", ""),
    ("pairs of interfaces with traffic, all exporters", "agg/paths.rs", "MAX_PATHS", ""),
    ("exporters whose timing is learned", "agg/lag.rs", "MAX_TIMED", ""),
    ("of these, places that an active exporter never loses", "agg/lag.rs", "PROTECTED", ""),
    ("flows in the recorder's queue", "ingest/recorder/mod.rs", "QUEUE_FLOWS", ""),
    ("work on one answer to a screen", "attach/mod.rs", "SLOW_MS", "ms"),
    ("log lines in the queue", "app/stderr/queue.rs", "MAX_LINES", ""),
    ("the same in bytes", "app/stderr/queue.rs", "MAX_BYTES", "bytes"),
    ("files that wait for a hook", "app/collect/hook/mod.rs", "WAITING", ""),
];

/// The value of a constant: what stands in its file, worked out.
fn constant(file: &str, name: &str) -> u64 {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src").join(file);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|_| panic!("no file {file}"));
    let mark = format!("const {name}: ");
    let at = text.find(&mark).unwrap_or_else(|| panic!("{file} has no {name}")) + mark.len();
    let (_, value) = text[at..].split_once(" = ").unwrap();
    let value = value.split(';').next().unwrap();
    let number = |word: &str| {
        let word = word.trim().replace('_', "");
        word.parse::<u64>().unwrap_or_else(|_| panic!("{file}: {name} = {value}"))
    };
    if let Some((left, right)) = value.split_once("<<") {
        return number(left) << number(right);
    }
    value.split('*').map(number).product()
}

#[test]
fn limits() {
    let mut text = "\n| limit | value | where |\n|---|---|---|\n".to_owned();
    for (what, file, name, unit) in LIMITS {
        let value = constant(file, name);
        let value = match (*unit, value) {
            ("bytes", 1_048_576..) => format!("{} MiB", value >> 20),
            ("bytes", 1024..) if value.is_multiple_of(1024) => format!("{} KiB", value >> 10),
            (unit, value) => format!("{value} {unit}").trim_end().to_owned(),
        };
        text.push_str(&format!("| {what} | {value} | `{name}` in `src/{file}` |\n"));
    }
    text.push('\n');
    check("SECURITY.md", "limits", &text);
}
