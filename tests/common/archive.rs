//! Archives written by processes under test, and datagrams for them.

use std::fs;
use std::path::{Path, PathBuf};

use toptalk::archive::name::parse;
use toptalk::archive::recorder::segment_of;
use toptalk::archive::{ColumnChunk, ColumnChunks, journal, segment};
use toptalk::flow::Flow;
use toptalk::flow::column::Vector;
use toptalk::flow::field::Field;
use toptalk::wire::encode::V5Encoder;

/// The valid files of an archive, oldest first.
pub fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if parse(path.file_name().unwrap().to_str().unwrap()).is_some() {
            let is_journal = path.extension().is_some_and(|end| end == "journal");
            if !is_journal || !segment_of(&path).exists() {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// The chunks of a file, or of its segment if the journal has been removed meanwhile.
pub fn chunks(path: &Path) -> ColumnChunks {
    if path.extension().is_some_and(|end| end == "journal")
        && let Ok(chunks) = journal::open(path)
    {
        return chunks;
    }
    let chunk: Box<dyn ColumnChunk> = Box::new(segment::open(&segment_of(path)).unwrap());
    Box::new(std::iter::once(Ok(chunk)))
}

/// Sums of flows, packets and bytes that can be read from the files.
pub fn sums(folder: &Path) -> (u64, u64, u64) {
    let mut sums = [0u64; 3];
    for path in files(folder) {
        for chunk in chunks(&path) {
            let mut chunk = chunk.unwrap();
            sums[0] += chunk.rows() as u64;
            for (sum, field) in sums[1..].iter_mut().zip([Field::Packets, Field::Bytes]) {
                let dictionary = chunk.dictionary(field).unwrap();
                for page in 0..chunk.pages() {
                    let mut out = Vector::default();
                    chunk.read(field, page, &mut out).unwrap();
                    *sum += match &out {
                        Vector::Numbers(numbers) => numbers.iter().sum::<u64>(),
                        Vector::Ids(ids) => {
                            let dictionary = dictionary.as_ref().unwrap();
                            let of = |id: &u32| match dictionary.get(field, *id).unwrap() {
                                toptalk::flow::field::FieldValue::Number(number) => number,
                                value => panic!("{value:?}"),
                            };
                            ids.iter().map(of).sum::<u64>()
                        }
                        Vector::Addresses(_) | Vector::Texts(_) => panic!("{field:?}"),
                    };
                }
            }
        }
    }
    (sums[0], sums[1], sums[2])
}

/// NetFlow v5 datagrams, as sent by a router that has just started.
pub fn v5(flows: &[Flow]) -> Vec<Vec<u8>> {
    let now = toptalk::clock::Clock::start().now();
    let boot = now.plus_ms(-60_000);
    let timed: Vec<Flow> =
        flows.iter().map(|flow| Flow { first: boot, last: now, ..*flow }).collect();
    V5Encoder::new(0, 0).encode(now, boot, &timed)
}
