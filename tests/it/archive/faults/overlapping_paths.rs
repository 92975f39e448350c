//! The same files on several paths.

use std::fs;
use std::os::unix::fs::symlink;

use super::{journal, messages, query, run_query, segment};

#[test]
fn overlapping_folders_count_once() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    segment(&root.join("a"), 0, 1);
    segment(&root.join("a/2026/11"), 1, 2);
    journal(&root.join("a/2026"), 2, 4);
    segment(&root.join("b"), 3, 8);
    symlink("a", root.join("link")).unwrap();
    symlink("../a/2026", root.join("b/inside")).unwrap();
    let count = |words: &[&str]| {
        let (found, output) = run_query(&mut query(root, words));
        assert!(output.status.success(), "{words:?}: {}", messages(&output));
        found.unwrap()
    };
    for (words, want) in [
        (&["-M", "a:a"][..], 7),
        (&["-M", "a:a/2026"], 7),
        (&["-M", "a/2026:2026/11:2026"], 6),
        (&["-M", "a:link"], 7),
        (&["-M", "link:a"], 7),
        (&["-M", "link:b:a"], 15),
        (&["-R", "b"], 14),
        (&["-R", "."], 15),
        (&["-M", ".:a:b/inside"], 15),
        (&["-M", "a:link", "-r", "flows.202611240340Z.parquet"], 1),
        (&["-M", "a:link:b", "-R", "nfcapd.202611240345"], 14),
    ] {
        assert_eq!(count(words), want, "{words:?}");
    }
    // Another name of the same file, as in copies made of hard links.
    fs::create_dir(root.join("copy")).unwrap();
    let name = "flows.202611240340Z.parquet";
    fs::hard_link(root.join("a").join(name), root.join("copy").join(name)).unwrap();
    assert_eq!(count(&["-M", "a:copy"]), 7);
    // A file of the same name with other flows is another file.
    segment(&root.join("c"), 0, 16);
    assert_eq!(count(&["-M", "a:c"]), 23);
}

#[test]
fn a_journal_does_not_count_beside_its_segment_on_any_path() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    // As a kill between the two steps leaves them.
    journal(&root.join("a"), 0, 5);
    segment(&root.join("a"), 0, 5);
    symlink("a", root.join("link")).unwrap();
    for words in [&["-R", "a"][..], &["-M", "a:link"], &["-M", "link:a"]] {
        let (found, output) = run_query(&mut query(root, words));
        assert_eq!(found, Some(5), "{words:?}: {}", messages(&output));
    }
    // A segment in another folder is not the segment of this journal.
    journal(&root.join("b"), 0, 5);
    assert_eq!(run_query(&mut query(root, &["-M", "a:b"])).0, Some(10));
}
