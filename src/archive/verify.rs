//! Verifies a flow file by reading all of it.

use std::path::Path;

use super::chunk::{ColumnChunk, ColumnChunks};
use super::rows;
use super::segment::{Footer, FooterCheck};
use crate::flow::column::{Dictionary, Vector};
use crate::flow::field::{FIELDS, FieldInfo, FieldKind};

/// The largest number of problems reported for one file; the first ones show what is wrong.
const MAX_PROBLEMS: usize = 100;

/// The result of verifying a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verified {
    /// The number of rows that can be read.
    pub rows: u64,
    /// The problems found, at most 100.
    pub problems: Vec<String>,
}

impl Verified {
    fn problem(&mut self, problem: String) {
        if self.problems.len() < MAX_PROBLEMS {
            self.problems.push(problem);
        }
    }
}

/// Reads every field of every page and compares them with the metadata of the file: the number
/// of rows, the dictionaries, the bounds, the time span, and the sums of all rows and of each
/// page.
#[must_use]
pub fn verify(path: &Path, chunks: ColumnChunks) -> Verified {
    let mut verified = Verified::default();
    let mut buffer = Vector::default();
    for chunk in chunks {
        match chunk {
            Ok(mut chunk) => {
                verified.rows = verified.rows.saturating_add(chunk.rows() as u64);
                for info in FIELDS {
                    if let Err(problem) = column(chunk.as_mut(), info, &mut buffer) {
                        verified.problem(problem);
                    }
                }
                if let Some(footer) = chunk.footer().cloned() {
                    for problem in footer_of(chunk.as_mut(), &footer) {
                        verified.problem(problem);
                    }
                }
            }
            Err(error) => verified.problem(error.to_string()),
        }
    }
    if verified.rows == 0 && verified.problems.is_empty() {
        verified.problem(format!("{}: expected flows, found none", path.display()));
    }
    verified
}

/// The contradictions between a footer and its rows. Rows that cannot be read were already
/// reported by [`column`], so that this returns none.
fn footer_of(chunk: &mut dyn ColumnChunk, footer: &Footer) -> Vec<String> {
    let mut checked = FooterCheck::new(footer);
    for page in 0..chunk.pages() {
        match rows(chunk, page) {
            Ok((flows, extras)) => checked.page(&flows, &extras),
            Err(_) => return Vec::new(),
        }
    }
    let path = chunk.path().display().to_string();
    checked.contradictions().into_iter().map(|wrong| format!("{path}: {wrong}")).collect()
}

/// The least and the greatest number seen.
#[derive(Default)]
struct SeenBounds(Option<(u64, u64)>);

impl SeenBounds {
    fn see(&mut self, numbers: impl Iterator<Item = u64> + Clone) {
        if let (Some(least), Some(most)) = (numbers.clone().min(), numbers.max()) {
            let (before, after) = self.0.unwrap_or((least, most));
            self.0 = Some((before.min(least), after.max(most)));
        }
    }
}

fn column(
    chunk: &mut dyn ColumnChunk,
    info: &FieldInfo,
    buffer: &mut Vector,
) -> Result<(), String> {
    let name = info.name;
    let path = chunk.path().display().to_string();
    let dictionary = chunk.dictionary(info.field).map_err(|error| error.to_string())?;
    let bounds = chunk.bounds(info.field);
    let mut seen = SeenBounds::default();
    if let Some(Dictionary::Numbers(numbers)) = dictionary.as_deref() {
        seen.see(numbers.iter().copied());
    }
    for page in 0..chunk.pages() {
        chunk.read(info.field, page, buffer).map_err(|error| error.to_string())?;
        let wrong = |what: String| format!("{path}: {name}, page {page}: {what}");
        let (want, found) = (chunk.page_rows(page), buffer.len());
        if want != found {
            return Err(wrong(format!("expected {want} values, found {found}")));
        }
        let is_address = info.kind == FieldKind::Address;
        match (&*buffer, &dictionary) {
            (Vector::Ids(ids), Some(dictionary)) => {
                let count = dictionary.len();
                if let Some(id) = ids.iter().find(|id| **id as usize >= count) {
                    return Err(wrong(format!("expected one of {count} values, found {id}")));
                }
            }
            (Vector::Numbers(numbers), None) if !is_address => {
                let is_outside =
                    |n: &&u64| bounds.is_some_and(|(least, most)| **n < least || **n > most);
                if let Some(number) = numbers.iter().find(is_outside) {
                    return Err(wrong(format!("{number} is outside the bounds in the footer")));
                }
                seen.see(numbers.iter().copied());
            }
            (Vector::Texts(_), None) if info.kind == FieldKind::Text => {}
            (Vector::Addresses(_), None) if is_address => {}
            _ => return Err(wrong("values of another kind than expected".to_owned())),
        }
    }
    // Bounds that are too wide cause no wrong answers, but files that claim exact bounds must
    // have them.
    let is_exact = chunk.footer().is_some_and(Footer::has_exact_bounds);
    match (bounds, seen.0) {
        (Some(claimed), Some(seen)) if claimed != seen && (is_exact || !within(seen, claimed)) => {
            let ((low, high), (least, most)) = (claimed, seen);
            let what = format!(
                "{path}: {name}: values from {least} to {most}, but the footer says {low} to {high}"
            );
            Err(what)
        }
        _ => Ok(()),
    }
}

/// Whether the first range is within the second.
fn within(inner: (u64, u64), outer: (u64, u64)) -> bool {
    outer.0 <= inner.0 && inner.1 <= outer.1
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::archive::{ArchiveError, RowChunk};
    use crate::flow::Flow;
    use crate::flow::column::Dictionary;
    use crate::flow::field::Field;

    /// A chunk whose metadata contradict its content.
    struct Wrong {
        inner: RowChunk,
        field: Field,
    }

    impl ColumnChunk for Wrong {
        fn rows(&self) -> usize {
            self.inner.rows()
        }
        fn path(&self) -> &Path {
            self.inner.path()
        }
        fn dictionary(&mut self, field: Field) -> Result<Option<Arc<Dictionary>>, ArchiveError> {
            let one = Arc::new(Dictionary::Numbers(vec![7]));
            Ok((field == self.field && field == Field::Proto).then_some(one))
        }
        fn read(
            &mut self,
            field: Field,
            page: usize,
            out: &mut Vector,
        ) -> Result<(), ArchiveError> {
            self.inner.read(field, page, out)?;
            match (field == self.field, field) {
                (true, Field::Src) => out.addresses().clear(),
                (true, Field::Proto) => out.ids().extend([0, 1]),
                (true, Field::Dst) => out.numbers().extend([0, 1]),
                _ => {}
            }
            Ok(())
        }
        fn bounds(&self, field: Field) -> Option<(u64, u64)> {
            (field == self.field && field == Field::Bytes).then_some((1, 5))
        }
        fn bytes_read(&self) -> u64 {
            0
        }
    }

    fn rows() -> RowChunk {
        let flows = vec![Flow { bytes: 5, ..Flow::EMPTY }, Flow { bytes: 6, ..Flow::EMPTY }];
        RowChunk::new(Path::new("f").into(), flows, Vec::new(), 0).unwrap()
    }

    fn of(chunk: impl ColumnChunk + 'static) -> Verified {
        let chunk: Result<Box<dyn ColumnChunk>, ArchiveError> = Ok(Box::new(chunk));
        verify(Path::new("f"), Box::new(std::iter::once(chunk)))
    }

    #[test]
    fn contradictions_are_reported() {
        assert_eq!(of(rows()), Verified { rows: 2, problems: Vec::new() });
        for (field, what) in [
            (Field::Src, "expected 2 values, found 0"),
            (Field::Proto, "expected one of 1 values, found 1"),
            (Field::Dst, "another kind"),
            (Field::Bytes, "6 is outside"),
        ] {
            let verified = of(Wrong { inner: rows(), field });
            assert_eq!(verified.problems.len(), 1, "{verified:?}");
            assert!(verified.problems[0].contains(what), "{verified:?}");
        }
        let nothing = verify(Path::new("f"), Box::new(std::iter::empty()));
        assert!(nothing.problems[0].contains("found none"));
        let damaged = (0..200).map(|_| Err(ArchiveError::damaged(Path::new("f"), "x")));
        assert_eq!(verify(Path::new("f"), Box::new(damaged)).problems.len(), MAX_PROBLEMS);
    }
}
