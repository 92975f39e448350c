//! `toptalk convert`: nfcapd files and segments become segments, once.

use crate::common;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Output;

use crate::common::process::toptalk;
use toptalk::archive::catalog::Catalog;
use toptalk::archive::segment::{self, SlotInfo};
use toptalk::archive::{self, lock::Lock, rows};
use toptalk::flow::{Flow, FlowExtras, Host, Time, extras_of};

/// An uncompressed nfcapd file, whose flows are identified by their packets.
fn nfcapd(packets: std::ops::Range<u64>, arrived: u64) -> Vec<u8> {
    let mut data = Vec::new();
    let count = packets.end - packets.start;
    for packets in packets {
        data.extend([11, 0, 76, 0, 2, 0, 0, 0, 0, 0, 0, 9, 1, 0, 52, 0]);
        for number in [arrived - 2000, arrived - 1000, arrived, packets, packets * 100] {
            data.extend(number.to_le_bytes());
        }
        data.extend([1, 2, 3, 4, 17, 0, 0, 0, 2, 0, 12, 0, 1, 0, 0, 10, 2, 0, 0, 10]);
    }
    let mut file = vec![0x0c, 0xa5, 2, 0, 0, 1, 7, 1];
    file.extend([0; 16]);
    file.extend((52 + data.len() as u64).to_le_bytes());
    file.extend([0, 0, 0, 0, 1, 0, 0, 0]);
    file.extend((count as u32).to_le_bytes());
    file.extend((data.len() as u32).to_le_bytes());
    file.extend([3, 0, 0, 0]);
    file.extend(data);
    file
}

/// Europe/Berlin, for machines without a time zone database.
const BERLIN: &str = "CET-1CEST,M3.5.0,M10.5.0/3";

const ARRIVED: u64 = 1_460_289_600_123;

/// Two folders: one with nfcapd files, and an empty archive.
struct ConvertFixture {
    folder: tempfile::TempDir,
}

impl ConvertFixture {
    fn new() -> ConvertFixture {
        let place = ConvertFixture { folder: tempfile::tempdir().unwrap() };
        std::fs::create_dir(place.old()).unwrap();
        std::fs::create_dir(place.new_()).unwrap();
        place
    }

    fn old(&self) -> PathBuf {
        self.folder.path().join("old")
    }

    fn new_(&self) -> PathBuf {
        self.folder.path().join("new")
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        std::fs::write(self.old().join(name), bytes).unwrap();
    }

    fn convert(&self, words: &[&str]) -> Output {
        let mut command = toptalk();
        command.arg("convert").arg("-R").arg(self.old()).arg("-w").arg(self.new_());
        let zone = if words.contains(&"--tz") { &[][..] } else { &["--tz", BERLIN] };
        command.args(zone).args(words).output().unwrap()
    }

    /// The segments by their path below the archive, with the packets of their flows.
    fn segments(&self) -> BTreeMap<String, Vec<u64>> {
        let mut catalog = Catalog::default();
        let zone = jiff::tz::TimeZone::UTC;
        catalog.add_folder(&self.new_(), Default::default(), &zone);
        catalog.finish();
        let mut segments = BTreeMap::new();
        for entry in &catalog.entries {
            let packets = flows(&entry.path).iter().map(|flow| flow.packets).collect();
            let name = entry.path.strip_prefix(self.new_()).unwrap();
            segments.insert(name.display().to_string(), packets);
        }
        segments
    }
}

fn flows(path: &Path) -> Vec<Flow> {
    let mut catalog = Catalog::default();
    catalog.add_file(path, &jiff::tz::TimeZone::UTC).unwrap();
    let mut all = Vec::new();
    for chunk in archive::open(&catalog.entries[0]).unwrap() {
        let mut chunk = chunk.unwrap();
        for page in 0..chunk.pages() {
            all.extend(rows(chunk.as_mut(), page).unwrap().0);
        }
    }
    all
}

fn messages(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn expect(segments: &[(&str, std::ops::Range<u64>)]) -> BTreeMap<String, Vec<u64>> {
    segments.iter().map(|(name, packets)| ((*name).to_owned(), packets.clone().collect())).collect()
}

#[test]
fn files_become_segments_of_their_slot_and_only_once() {
    let place = ConvertFixture::new();
    // 14:00 in Berlin, in summer.
    place.write("nfcapd.201604101400", &nfcapd(1..5, ARRIVED));
    place.write("nfcapd.201604101405", &nfcapd(5..9, ARRIVED + 300_000));
    let output = place.convert(&["-S", "1"]);
    assert!(output.status.success(), "{}", messages(&output));
    assert!(messages(&output).contains("converted 2 of 2 files: 8 flows"), "{}", messages(&output));
    let both = expect(&[
        ("2016/04/10/flows.201604101200Z.parquet", 1..5),
        ("2016/04/10/flows.201604101205Z.parquet", 5..9),
    ]);
    assert_eq!(place.segments(), both);

    let output = place.convert(&["-S", "1"]);
    assert!(output.status.success(), "{}", messages(&output));
    assert!(messages(&output).contains("converted 0 of 2 files"), "{}", messages(&output));
    assert!(messages(&output).contains("2 were converted before"), "{}", messages(&output));
    assert_eq!(place.segments(), both, "nothing counts twice");

    // A file of another router with the same name becomes another part.
    place.write("nfcapd.201604101400", &nfcapd(20..22, ARRIVED));
    assert!(place.convert(&["-S", "1"]).status.success());
    let mut three = both;
    three.insert("2016/04/10/flows.201604101200Z-2.parquet".to_owned(), vec![20, 21]);
    assert_eq!(place.segments(), three);
}

#[test]
fn damaged_and_unfinished_files_are_reported_and_others_converted() {
    let place = ConvertFixture::new();
    place.write("nfcapd.201604101400", &nfcapd(1..5, ARRIVED));
    let mut open = nfcapd(5..9, ARRIVED);
    open[24..32].fill(0);
    open[36..40].fill(0);
    place.write("nfcapd.201604101405", &open);
    let mut damaged = nfcapd(9..12, ARRIVED);
    // The length of its second record.
    damaged[52 + 76 + 2] = 0;
    place.write("nfcapd.201604101410", &damaged);
    place.write("nfcapd.201604101415", b"\x0c\xa5\x01\x00");
    let output = place.convert(&[]);
    assert!(!output.status.success());
    for expected in ["still writing it", "record 1 of 3", "nfdump -r OLD -w NEW", "3 problems"] {
        assert!(messages(&output).contains(expected), "{expected}: {}", messages(&output));
    }
    let want =
        expect(&[("flows.201604101200Z.parquet", 1..5), ("flows.201604101210Z.parquet", 9..10)]);
    assert_eq!(place.segments(), want);
}

#[test]
fn segments_are_converted_to_other_slots() {
    let place = ConvertFixture::new();
    let flow = |n: i64| Flow {
        src: Host::octets(10, 0, 0, 1),
        arrival: Time(1_460_289_600_000 + n * 30_000),
        last: Time(1_460_289_600_000 + n * 30_000),
        first: Time(1_460_289_600_000),
        packets: n as u64,
        more: u32::from(n == 2),
        ..Flow::EMPTY
    };
    let flows: Vec<Flow> = (0..6).map(flow).collect();
    let more = [FlowExtras { prev_as: 64_500, ..FlowExtras::NONE }];
    let info = SlotInfo { start: flows[0].arrival, length_ms: 300_000 };
    let mut bytes = Vec::new();
    segment::encode(&flows, &more, &info, &mut bytes).unwrap();
    place.write("flows.201604101200Z.parquet", &bytes);
    let output = place.convert(&["--slot", "60"]);
    assert!(output.status.success(), "{}", messages(&output));
    let want = expect(&[
        ("flows.201604101200Z.parquet", 0..2),
        ("flows.201604101201Z.parquet", 2..4),
        ("flows.201604101202Z.parquet", 4..6),
    ]);
    assert_eq!(place.segments(), want);
    let second = place.new_().join("flows.201604101201Z.parquet");
    let mut chunk = segment::open(&second).unwrap();
    assert_eq!(chunk.footer().slot.length_ms, 60_000);
    let (flows, more) = rows(&mut chunk, 0).unwrap();
    assert_eq!(extras_of(&flows[0], &more).prev_as, 64_500);
    // The first part is missing: the rest is incomplete, and the message says so.
    std::fs::remove_file(place.new_().join("flows.201604101200Z.parquet")).unwrap();
    let output = place.convert(&["--slot", "60"]);
    assert!(
        messages(&output).contains("only partly converted before; remove"),
        "{}",
        messages(&output)
    );
}

#[test]
fn nothing_is_written_beside_a_recorder_or_into_the_source_folder() {
    let place = ConvertFixture::new();
    place.write("nfcapd.201604101400", &nfcapd(1..5, ARRIVED));
    let lock = Lock::take(&place.new_(), std::process::id()).unwrap();
    let output = place.convert(&[]);
    assert!(
        messages(&output).contains("a folder can have only one recorder"),
        "{}",
        messages(&output)
    );
    drop(lock);
    let mut command = toptalk();
    let file = place.old().join("nfcapd.201604101400");
    let output = command.arg("convert").arg("-r").arg(file).arg("-w").arg(place.old()).output();
    assert!(messages(&output.unwrap()).contains("would be counted twice"));
    let output = place.convert(&["--tz", "Nowhere/Town"]);
    assert!(!output.status.success());
    assert!(place.segments().is_empty());
}

#[test]
fn time_zones_have_names_if_the_machine_has_a_database() {
    if !Path::new("/usr/share/zoneinfo/Europe/Berlin").exists() {
        return common::skip(
            "time_zones_have_names_if_the_machine_has_a_database",
            "there is no tzdata",
        );
    }
    let place = ConvertFixture::new();
    place.write("nfcapd.201604101400", &nfcapd(1..5, ARRIVED));
    let output = place.convert(&["--tz", "Europe/Berlin"]);
    assert!(output.status.success(), "{}", messages(&output));
    let names: Vec<_> = place.segments().into_keys().collect();
    assert_eq!(names, ["flows.201604101200Z.parquet"]);
}

#[test]
fn sampled_flows_keep_their_sums() {
    let Some(corpus) = common::corpus("sampled_flows_keep_their_sums") else { return };
    let place = ConvertFixture::new();
    for (name, sample) in [("1800", "v2_sample"), ("1805", "v2_synthetic_lzo")] {
        let bytes = std::fs::read(corpus.join(format!("nfcapd/{sample}.nfcapd"))).unwrap();
        place.write(&format!("nfcapd.20230125{name}"), &bytes);
    }
    let output = place.convert(&[]);
    assert!(
        messages(&output).contains("converted 2 of 2 files: 3123 flows"),
        "{}",
        messages(&output)
    );
    let sum = |name: &str| {
        let flows = flows(&place.new_().join(name));
        flows.iter().map(|flow| flow.bytes).sum::<u64>()
    };
    assert_eq!(sum("flows.202301251700Z.parquet"), 27_576_229);
    assert_eq!(sum("flows.202301251705Z.parquet"), 330_472);
}
