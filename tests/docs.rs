//! Tables in docs/ are those of the code. `UPDATE_DOCS=1 cargo test --test docs`
//! writes them anew.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use toptalk::archive::macros::{Dialect, macros};
use toptalk::archive::schema::Column;
use toptalk::attach;
use toptalk::attach::frame;
use toptalk::filter::words::{Live, MISSING, WORDS};
use toptalk::ingest::Trouble;
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
        assert_eq!(&text[start..end], table, "docs/{file}: UPDATE_DOCS=1 cargo test --test docs");
    }
}

#[test]
fn attaching() {
    let rows = [
        ("screens attached", attach::MAX_CLIENTS.to_string()),
        ("connections that have asked nothing yet", attach::MAX_PENDING.to_string()),
        ("time until the first request", format!("{} s", attach::HANDSHAKE.as_secs())),
        ("time to read an answer, or to end a request", format!("{} s", attach::STALL.as_secs())),
        ("bytes of a request", frame::MAX_REQUEST.to_string()),
        ("bytes of an answer, decompressed", frame::MAX_REPLY.to_string()),
        ("bytes of a body that is not compressed", frame::COMPRESS_FROM.to_string()),
        ("rows of each table, watched", attach::MAX_STANDING_ROWS.to_string()),
        ("rows of each table, asked once", attach::MAX_ROWS.to_string()),
        ("rows beyond which one answer is made and sent at a time", attach::LARGE_ROWS.to_string()),
        ("questions of one client that wait", attach::MAX_QUESTIONS.to_string()),
        ("work on answers in a second", format!("{} ms", attach::BUDGET_MS)),
        ("seconds between answers, where work is short", attach::MAX_EVERY_S.to_string()),
        ("bytes of the socket's path", attach::MAX_PATH.to_string()),
    ];
    let rows = rows.into_iter().map(|(what, most)| (what.to_owned(), most));
    check("ATTACH.md", "limits", &table("| what | at most |", rows));
}

#[test]
fn archive() {
    let rows = Column::all().map(|column| {
        let (kept, label) = (column.store.words(), column.field.info().label);
        (format!("`{}`", column.name()), format!("{kept} | {} | {label}", column.coding.words()))
    });
    let text = table("| column | type | written as | is |", rows);
    check("ARCHIVE.md", "columns", &text.replace("|---|---|", "|---|---|---|---|"));
    for (name, dialect) in [("duckdb", Dialect::DuckDb), ("clickhouse", Dialect::ClickHouse)] {
        check("ARCHIVE.md", name, &format!("\n```sql\n{}```\n\n", macros(dialect)));
    }
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
    check("USING.md", "keys", &table("| key | does |", rows));
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
fn causes() {
    for (name, loses) in [("lost", true), ("odd", false)] {
        let causes = Cause::ALL.iter().filter(|cause| cause.loses() == loses);
        let rows = causes.map(|c| (format!("`{}`", c.name()), c.explanation().to_owned()));
        check("TROUBLE.md", name, &table("| cause | meaning |", rows));
    }
}

#[test]
fn troubles() {
    let row = |t: Trouble| (format!("`{}`", t.name()), t.explanation().to_owned());
    let rows = Trouble::ALL.into_iter().map(row);
    check("TROUBLE.md", "receiving", &table("| cause | meaning |", rows));
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
            Live::Yes => "yes".to_owned(),
            Live::WithoutSide(..) => format!("`{} N`", word.name),
            Live::No(lack, _) => format!("no: {lack}"),
        };
        (usage, format!("{}.{aliases} | {live}", word.help))
    });
    let text = table("| term | matches | live |", rows).replace("|---|---|", "|---|---|---|");
    check("FILTER.md", "words", &text);
    let rows = MISSING.iter().map(|missing| {
        (quoted(missing.names.iter().map(ToString::to_string)), missing.lack.to_owned())
    });
    check("FILTER.md", "missing", &table("| word | why not |", rows));
}
