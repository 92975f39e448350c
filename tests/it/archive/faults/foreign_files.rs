//! Foreign files and files of other versions among those of an archive.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use parquet::data_type::Int64Type;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;

use super::{journal, messages, query, run_query, segment};
use crate::common::process::{Running, free_port, toptalk};
use crate::common::skip;

/// A Parquet file of another program.
fn foreign_file(path: &Path) {
    let schema = Arc::new(parse_message_type("message theirs { REQUIRED INT64 n; }").unwrap());
    let properties = Arc::new(WriterProperties::builder().build());
    let file = fs::File::create(path).unwrap();
    let mut writer = SerializedFileWriter::new(file, schema, properties).unwrap();
    let mut group = writer.next_row_group().unwrap();
    let mut column = group.next_column().unwrap().unwrap();
    column.typed::<Int64Type>().write_batch(&[1, 2, 3], None, None).unwrap();
    column.close().unwrap();
    group.close().unwrap();
    writer.close().unwrap();
}

#[test]
fn foreign_files_are_named_and_the_rest_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    segment(root, 0, 3);
    // Only files with names of an archive are opened.
    foreign_file(&root.join("theirs.parquet"));
    let (found, output) = run_query(&mut query(root, &["-R", "."]));
    assert_eq!((found, output.status.success()), (Some(3), true), "{}", messages(&output));
    let path = root.join("flows.202611240345Z.parquet");
    foreign_file(&path);
    fs::write(root.join("flows.202611240350Z.parquet"), "").unwrap();
    fs::write(root.join("flows.202611240355Z.parquet"), "PAR1").unwrap();
    let (found, output) = run_query(&mut query(root, &["-R", "."]));
    assert_eq!((found, output.status.code()), (Some(3), Some(1)));
    let messages = messages(&output);
    assert_eq!(messages.lines().count(), 3, "{messages}");
    assert!(
        messages.contains(
            "flows.202611240345Z.parquet is not a toptalk or nfcapd file: a Parquet file with"
        ),
        "{messages}"
    );
    // The file alone gives no answer.
    let output = query(root, &["-r", "flows.202611240345Z.parquet"]).output().unwrap();
    assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0));
}

#[test]
fn segments_rewritten_by_other_programs_are_refused_with_the_writers_name() {
    let test = "segments_rewritten_by_other_programs_are_refused_with_the_writers_name";
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    let path = segment(root, 0, 3);
    segment(root, 1, 5);
    let script = "import sys, pyarrow.parquet as pq; \
                  pq.write_table(pq.read_table(sys.argv[1]), sys.argv[1], write_page_index=True)";
    let written = Command::new("python3").args(["-c", script]).arg(&path).output();
    if !written.is_ok_and(|output| output.status.success()) {
        return skip(test, "python3 with pyarrow is not installed");
    }
    let (found, output) = run_query(&mut query(root, &["-R", "."]));
    assert_eq!((found, output.status.code()), (Some(5), Some(1)));
    let messages = messages(&output);
    assert!(
        messages.contains("`parquet-cpp-arrow") && messages.contains("it was rewritten by"),
        "{messages}"
    );
}

#[test]
fn a_journal_of_another_version_is_left_alone_and_reported() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    let path = journal(root, 0, 3);
    segment(root, 1, 5);
    let mut bytes = fs::read(&path).unwrap();
    bytes[8] = 9;
    fs::write(&path, &bytes).unwrap();
    let (found, output) = run_query(&mut query(root, &["-R", "."]));
    assert_eq!((found, output.status.code()), (Some(5), Some(1)));
    assert!(
        messages(&output).contains("expected journals of version 1 to 3, found 9"),
        "{}",
        messages(&output)
    );
    let mut collect = toptalk();
    collect.args(["collect", "-b", "127.0.0.1", "-p", &free_port().to_string(), "-w"]).arg(root);
    let running = Running::start(&mut collect, "was written by another version");
    let output = running.end(nix::sys::signal::Signal::SIGTERM);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(fs::read(&path).unwrap(), bytes);
    let output = query(root, &["-v", path.to_str().unwrap()]).output().unwrap();
    assert!(
        !output.status.success() && messages(&output).contains("found 9"),
        "{}",
        messages(&output)
    );
}
