//! Chunks in memory with dictionaries and bounds, like segments.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use toptalk::archive::{ArchiveError, ColumnChunk, RowChunk};
use toptalk::flow::column::{Dictionary, Vector};
use toptalk::flow::field::{FIELDS, Field, FieldKind};
use toptalk::flow::{Flow, FlowExtras, Host};

/// Rows in which every `one_in`-th field has a dictionary, and all numbers have bounds.
pub struct Dictionaries {
    inner: RowChunk,
    known: BTreeMap<Field, Arc<Dictionary>>,
    bounds: BTreeMap<Field, (u64, u64)>,
}

impl Dictionaries {
    pub fn new(flows: Vec<Flow>, extras: Vec<FlowExtras>, one_in: usize) -> Option<Dictionaries> {
        let path: Arc<Path> = Path::new("dictionaries").into();
        let inner = RowChunk::new(path, flows, extras, 0)?;
        let mut chunk = Dictionaries { inner, known: BTreeMap::new(), bounds: BTreeMap::new() };
        for info in FIELDS {
            let (mut numbers, mut hosts, mut texts) = (Vec::new(), Vec::new(), Vec::new());
            for page in 0..chunk.pages() {
                let mut out = Vector::default();
                chunk.inner.read(info.field, page, &mut out).unwrap();
                match out {
                    Vector::Numbers(read) => numbers.extend(read),
                    Vector::Addresses(read) => hosts.extend(read),
                    Vector::Texts(read) => texts.extend(read),
                    Vector::Ids(_) => unreachable!(),
                }
            }
            numbers.sort_unstable();
            numbers.dedup();
            hosts.sort_unstable();
            hosts.dedup();
            texts.sort_unstable();
            texts.dedup();
            // Negative numbers have no bounds, and are last when sorted as bits.
            let signed = matches!(info.kind, FieldKind::Time | FieldKind::Signed);
            let negative = numbers.last().is_some_and(|bits| signed && bits.cast_signed() < 0);
            if let (Some(low), Some(high), false) = (numbers.first(), numbers.last(), negative) {
                chunk.bounds.insert(info.field, (*low, *high));
            }
            if (info.field as usize).is_multiple_of(one_in) {
                let dictionary = match (hosts.is_empty(), texts.is_empty()) {
                    (true, true) => Dictionary::Numbers(numbers),
                    (false, _) => Dictionary::Addresses(hosts),
                    (true, false) => Dictionary::Texts(texts),
                };
                chunk.known.insert(info.field, Arc::new(dictionary));
            }
        }
        Some(chunk)
    }
}

fn places<T: Ord>(values: &[T], known: &[T], out: &mut Vector) {
    out.ids().extend(values.iter().map(|value| known.binary_search(value).unwrap() as u32));
}

impl ColumnChunk for Dictionaries {
    fn rows(&self) -> usize {
        self.inner.rows()
    }

    fn path(&self) -> &Path {
        self.inner.path()
    }

    fn dictionary(&mut self, field: Field) -> Result<Option<Arc<Dictionary>>, ArchiveError> {
        Ok(self.known.get(&field).cloned())
    }

    fn read(&mut self, field: Field, page: usize, out: &mut Vector) -> Result<(), ArchiveError> {
        let mut plain = Vector::default();
        self.inner.read(field, page, &mut plain)?;
        match (self.known.get(&field).map(|known| &**known), plain) {
            (Some(Dictionary::Numbers(known)), Vector::Numbers(read)) => places(&read, known, out),
            (Some(Dictionary::Addresses(known)), Vector::Addresses(read)) => {
                places::<Host>(&read, known, out);
            }
            (Some(Dictionary::Texts(known)), Vector::Texts(read)) => places(&read, known, out),
            (_, plain) => *out = plain,
        }
        Ok(())
    }

    fn bounds(&self, field: Field) -> Option<(u64, u64)> {
        self.bounds.get(&field).copied()
    }

    fn bytes_read(&self) -> u64 {
        0
    }
}
