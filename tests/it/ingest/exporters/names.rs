//! Applications and users: from records and from the names that exporters announce, into the
//! archive and its answers.

use std::path::Path;

use serde_json::Value;

use super::{answer, top};
use crate::common::process::{Running, free_port, toptalk};
use crate::common::sets::{Datagram, Spec, VARIABLE, counted, iana, of};
use crate::common::traffic::{moments, send};

/// Source, destination, bytes and packets: the host is 10.1.0.N.
fn base(n: u8, bytes: u32) -> Vec<u8> {
    let mut record = vec![10, 1, 0, n, 203, 0, 113, n];
    record.extend(bytes.to_be_bytes());
    record.extend((bytes / 1000 + 1).to_be_bytes());
    record
}

fn with(own: &[Spec]) -> Vec<Spec> {
    [&[iana(8, 4), iana(12, 4), iana(1, 4), iana(2, 4)], own].concat()
}

/// A text of fixed length.
fn padded(text: &str, length: usize) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    bytes.resize(length, 0);
    bytes
}

fn datagrams() -> Vec<Vec<u8>> {
    let exported = (moments().0.0 / 1000) as u32;
    let id = |n: u8| vec![13, 0, 0, n];
    // A router that recognises applications: ids in its records, names in its options.
    let router = Datagram::v9(1, exported, 3_600_000, 1)
        .options(300, 1, &[iana(1, 4), iana(95, 4), iana(96, 24)])
        .set(300, &[vec![0; 4], id(80), padded("ms-teams", 24)].concat())
        .template(256, &with(&[iana(95, 4)]))
        .set(
            256,
            &[base(1, 1_000), id(80), base(2, 200), id(81), base(3, 30), vec![0; 4]].concat(),
        );
    // An ASA with the AAA user.
    let asa = Datagram::v9(2, exported, 3_600_000, 1)
        .template(257, &with(&[iana(40_000, 20)]))
        .set(257, &[base(4, 4_000), padded("anna", 20), base(5, 50), vec![0; 20]].concat());
    // Palo Alto: names of any length, in IPFIX with its enterprise number.
    let names = [of(25461, 23_933, VARIABLE), of(25461, 23_934, VARIABLE)];
    let palo_alto = Datagram::ipfix(3, exported, 0)
        .template(258, &with(&names))
        .set(258, &[base(6, 60_000), counted(b"ssl", false), counted(b"SITE\\bob", true)].concat());
    // FortiGate: nine bytes, engine 20 with an enterprise number, and a user by IANA's number.
    let forti = [iana(95, 9), iana(371, VARIABLE)];
    let fortigate = Datagram::ipfix(4, exported, 0).template(259, &with(&forti)).set(
        259,
        &[base(7, 700_000), vec![20, 0, 0, 0x30, 0x44, 0, 0, 0x3e, 0x9a], counted(b"anna", false)]
            .concat(),
    );
    [router, asa, palo_alto, fortigate].map(Datagram::bytes).to_vec()
}

fn query(folder: &Path, words: &[&str]) -> String {
    let mut command = toptalk();
    command.arg("query").arg("-R").arg(folder).arg("-q").args(words);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The bytes of each value of a statistic, the greatest first.
fn statistic(folder: &Path, element: &str) -> Vec<(String, u64)> {
    let text = query(folder, &["-n", "0", "-o", "csv", "-s", &format!("{element}/bytes")]);
    let row = |line: &str| {
        let cells: Vec<&str> = line.split(',').collect();
        cells.get(9).and_then(|bytes| Some((cells[4].to_owned(), bytes.parse().ok()?)))
    };
    text.lines().filter_map(row).collect()
}

#[test]
fn applications_and_users_are_recorded_listed_and_filtered() {
    let folder = tempfile::tempdir().unwrap();
    let archive = folder.path().join("archive");
    let port = free_port();
    let words = ["--window", "all", "-w", archive.to_str().unwrap()];
    let running = Running::start(&mut top(&words, port), "listening");
    send(port, &datagrams());
    answer(running);
    let named = |rows: &[(&str, u64)]| -> Vec<(String, u64)> {
        rows.iter().map(|(name, bytes)| ((*name).to_owned(), *bytes)).collect()
    };
    let applications = [
        ("20:12356:16026", 700_000),
        ("ssl", 60_000),
        ("", 30 + 4_000 + 50),
        ("ms-teams", 1_000),
        ("13:81", 200),
    ];
    assert_eq!(statistic(&archive, "app"), named(&applications));
    let users = [("anna", 704_000), ("SITE\\bob", 60_000), ("", 1_000 + 200 + 30 + 50)];
    assert_eq!(statistic(&archive, "user"), named(&users));
    for (filter, want) in [
        ("app ms-teams", 1_000),
        ("app MS-Teams and not user anna", 1_000),
        ("app 13:81", 200),
        ("app 20:12356:16026", 700_000),
        ("app in [ssl, 13:81]", 60_200),
        ("user anna", 704_000),
        ("user site\\bob", 60_000),
        ("user ann", 0),
        ("not user in [anna SITE\\bob]", 1_280),
    ] {
        let sums: Value =
            serde_json::from_str(&query(&archive, &["-I", "-o", "json", filter])).unwrap();
        assert_eq!(sums["bytes"].as_u64(), Some(want), "{filter}");
    }
    let one = query(&archive, &["-o", "fmt:%app %appn %uname", "host 10.1.0.1"]);
    assert!(one.contains(&format!("{} ms-teams", 13u64 << 56 | 80)), "{one}");
}
