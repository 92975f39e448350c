//! Datagrams of the corpus with every kind of damage: nothing panics, no state grows without
//! bound, and the next good datagram of the exporter is decoded as always.

use crate::common;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;
use toptalk::flow::{Flow, Host, Time};
use toptalk::wire::Decoder;

/// The name of the only test in this file.
const TEST: &str = "malformed_datagrams_do_no_harm";

const NOW: Time = Time(1_700_000_000_000);

/// Description of a datagram in index.json.
#[derive(Deserialize)]
struct Case {
    base: String,
    mutation: String,
    prefix: Vec<String>,
    max_flows: Option<usize>,
}

/// Makes the datagrams. `None` when this machine cannot make them.
fn make(into: &Path) -> Option<PathBuf> {
    let corpus = common::corpus(TEST)?;
    let script = corpus.join("make_malformed.py");
    let run = Command::new("python3").arg(script).arg(into).output();
    match run {
        Ok(output) if output.status.success() => Some(corpus),
        Ok(output) => panic!("{}", String::from_utf8_lossy(&output.stderr)),
        Err(error) => {
            common::skip(TEST, &format!("python3: {error}"));
            None
        }
    }
}

/// Fields of templates, by domain and id.
type Shapes = BTreeMap<(u32, u16), Vec<(u32, u16, u16)>>;

/// Decodes the datagrams of one exporter, one after the other.
#[derive(Default)]
struct Exporter {
    decoder: Decoder,
    flows: Vec<Flow>,
}

impl Exporter {
    /// The number of records in a datagram that became flows, including those of pending sets
    /// that it released.
    fn take(&mut self, bytes: &[u8]) -> usize {
        self.flows.clear();
        let from = Host::octets(192, 0, 2, 1);
        let report = self.decoder.decode(NOW, from, bytes, &mut self.flows);
        assert_eq!(self.flows.len(), report.flows as usize);
        (report.flows - report.reversed) as usize
    }

    fn held(&self) -> usize {
        self.decoder.exporters().iter().map(|exporter| exporter.held).sum()
    }

    fn shapes(&self) -> Shapes {
        let mut shapes = Shapes::new();
        let memory = self.decoder.memory();
        for domain in memory.exporters.into_iter().flat_map(|exporter| exporter.domains) {
            let list = domain.templates.into_iter();
            shapes.extend(list.map(|template| ((domain.id, template.id), template.fields)));
        }
        shapes
    }
}

/// The bytes of files, each read once.
struct Files {
    folder: PathBuf,
    read: BTreeMap<String, Vec<u8>>,
}

impl Files {
    fn get(&mut self, name: &str) -> &[u8] {
        let path = self.folder.join(name);
        let read = || std::fs::read(&path).unwrap();
        self.read.entry(name.to_owned()).or_insert_with(read)
    }
}

/// Decodes a case. Returns whether the next datagram was compared, too.
///
/// # Errors
/// What is wrong.
fn check(case: &Case, bytes: &[u8], files: &mut Files) -> Result<bool, String> {
    let mut hit = Exporter::default();
    let mut spared = Exporter::default();
    for name in &case.prefix {
        hit.take(files.get(name));
        spared.take(files.get(name));
    }
    let held_before = hit.held();
    let known = spared.shapes();
    let flows = hit.take(bytes);
    let most = case.max_flows.unwrap_or(bytes.len() / 4);
    if flows > most {
        return Err(format!("{flows} flows, at most {most} are there"));
    }
    if case.base == "crafted" {
        return Ok(false);
    }
    let (shapes, held) = (hit.shapes(), hit.held());
    let base = files.get(&case.base);
    let (want, got) = (spared.take(base), hit.take(base));
    let right = spared.shapes();
    let redefined = shapes.iter().any(|(id, shape)| right.get(id).is_some_and(|r| r != shape));
    let withdrawn = known.keys().any(|id| !shapes.contains_key(id));
    if redefined || withdrawn {
        return Ok(false);
    }
    // Pending sets are decoded when their template arrives. Templates may also have been known
    // before the data of the undamaged datagram.
    let more = held > 0 || shapes != known;
    // What waited before may have been decoded with the damaged datagram.
    let earlier = held_before.saturating_sub(held);
    if got == want || (got > want && more) || (earlier > 0 && got < want && got + flows >= want) {
        return Ok(true);
    }
    Err(format!("the next datagram gives {got} flows instead of {want}"))
}

#[test]
fn malformed_datagrams_do_no_harm() {
    let folder = tempfile::tempdir().unwrap();
    let Some(corpus) = make(folder.path()) else { return };
    let index = std::fs::read_to_string(folder.path().join("index.json")).unwrap();
    let cases: BTreeMap<String, Case> = serde_json::from_str(&index).unwrap();
    let mut files = Files { folder: corpus, read: BTreeMap::new() };
    let (mut wrong, mut same) = (Vec::new(), 0);
    for (name, case) in &cases {
        let bytes = std::fs::read(folder.path().join(format!("{name}.dat"))).unwrap();
        match check(case, &bytes, &mut files) {
            Ok(equal) => same += usize::from(equal),
            Err(error) => wrong.push(format!("{name}: {error} ({})", case.mutation)),
        }
    }
    println!("{} malformed datagrams; after {same} of them the next was compared", cases.len());
    assert!(cases.len() > 9000, "only {} cases", cases.len());
    assert!(wrong.is_empty(), "{} cases:\n{}", wrong.len(), wrong.join("\n"));
}
