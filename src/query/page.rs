//! A page of a chunk; its columns are read once, on demand.

use std::sync::Arc;

use crate::archive::{ArchiveError, ColumnChunk};
use crate::filter::select::{ColumnSource, ColumnValues, MatchedRows};
use crate::flow::column::{Dictionary, Vector};
use crate::flow::field::{FIELDS, Field};
use crate::flow::{FlowText, Host, Time};

/// The cached data of a column.
#[derive(Default)]
struct Slot {
    /// Whether the dictionary of the chunk was read.
    asked: bool,
    /// The dictionary, if there is one.
    dictionary: Option<Arc<Dictionary>>,
    /// The page that `values` belongs to.
    page: Option<usize>,
    values: Vector,
}

/// The columns of a worker; their memory is reused from chunk to chunk.
pub(super) struct PageColumns {
    slots: Vec<Slot>,
}

impl PageColumns {
    pub(super) fn new() -> PageColumns {
        PageColumns { slots: FIELDS.iter().map(|_| Slot::default()).collect() }
    }

    /// Discards the data of the last chunk.
    pub(super) fn begin(&mut self) {
        for slot in &mut self.slots {
            slot.asked = false;
            slot.dictionary = None;
            slot.page = None;
        }
    }
}

/// The current page.
pub(super) struct Page<'a> {
    pub chunk: &'a mut dyn ColumnChunk,
    pub columns: &'a mut PageColumns,
    pub number: usize,
    pub rows: usize,
    /// Whether there may be flows with implausible times.
    pub has_odd_times: bool,
    /// The time of which flows count for their share: from the first time on, before the second.
    pub prorated: Option<(Time, Time)>,
}

impl ColumnSource for Page<'_> {
    type Error = ArchiveError;

    fn rows(&self) -> usize {
        self.rows
    }

    fn bounds(&self, field: Field) -> Option<(u64, u64)> {
        self.chunk.bounds(field)
    }

    /// The dictionary of a column; it is read once per chunk.
    fn dictionary(&mut self, field: Field) -> Result<Option<Arc<Dictionary>>, ArchiveError> {
        let slot = &mut self.columns.slots[field as usize];
        if !slot.asked {
            slot.dictionary = self.chunk.dictionary(field)?;
            slot.asked = true;
        }
        Ok(slot.dictionary.clone())
    }

    /// Reads a column, unless it was already read or all its values are equal.
    fn load(&mut self, field: Field) -> Result<(), ArchiveError> {
        let single = self.dictionary(field)?.is_some_and(|values| values.len() == 1);
        let slot = &mut self.columns.slots[field as usize];
        if single || slot.page == Some(self.number) {
            return Ok(());
        }
        slot.page = None;
        self.chunk.read(field, self.number, &mut slot.values)?;
        let fits = match (&slot.values, &slot.dictionary) {
            (Vector::Ids(ids), Some(dictionary)) => {
                let len = dictionary.len();
                ids.iter().fold(0, |most, id| most.max(*id as usize)) < len
            }
            (Vector::Ids(_), None) | (_, Some(_)) => false,
            _ => true,
        };
        if !fits || slot.values.len() != self.rows {
            let name = field.info().name;
            let what = format!("page {} of column {name} is damaged", self.number);
            return Err(ArchiveError::damaged(self.chunk.path(), what));
        }
        slot.page = Some(self.number);
        Ok(())
    }

    /// The values of a column that was loaded.
    fn values(&self, field: Field) -> ColumnValues<'_> {
        let slot = &self.columns.slots[field as usize];
        match (&slot.dictionary, &slot.values) {
            (Some(dictionary), _) if dictionary.len() == 1 => match &**dictionary {
                Dictionary::Numbers(numbers) => ColumnValues::Number(numbers[0]),
                Dictionary::Addresses(hosts) => ColumnValues::Address(hosts[0]),
                Dictionary::Texts(texts) => ColumnValues::Text(texts[0]),
            },
            (Some(dictionary), Vector::Ids(ids)) => ColumnValues::Ids(ids, dictionary),
            (_, Vector::Numbers(numbers)) => ColumnValues::Numbers(numbers),
            (_, Vector::Addresses(hosts)) => ColumnValues::Addresses(hosts),
            (_, Vector::Texts(texts)) => ColumnValues::Texts(texts),
            // Loading rejects ids without a dictionary.
            (None, Vector::Ids(_)) => ColumnValues::Number(0),
        }
    }
}

impl Page<'_> {
    /// The dictionary of a column, if it was read.
    pub(super) fn dictionary_of(&self, field: Field) -> Option<Arc<Dictionary>> {
        self.columns.slots[field as usize].dictionary.clone()
    }

    /// Whether no flow of the chunk has an address in a column.
    pub(super) fn is_unspecified(&self, field: Field) -> bool {
        matches!(self.values(field), ColumnValues::Address(host) if host.is_unspecified())
    }

    /// Calls `take` with the index among `hits` and the number of each row.
    #[inline]
    pub(super) fn numbers(
        &self,
        field: Field,
        hits: &MatchedRows,
        mut take: impl FnMut(usize, u64),
    ) {
        self.each_number(field, hits, |index, _, number| take(index, number));
    }

    /// [`numbers`](Self::numbers), with the row as the second argument.
    #[inline]
    pub(super) fn each_number(
        &self,
        field: Field,
        hits: &MatchedRows,
        mut take: impl FnMut(usize, usize, u64),
    ) {
        match self.values(field) {
            ColumnValues::Number(one) => hits.each(|index, row| take(index, row, one)),
            ColumnValues::Ids(ids, Dictionary::Numbers(known)) => {
                hits.each(|index, row| take(index, row, known[ids[row] as usize]));
            }
            ColumnValues::Numbers(numbers) => {
                hits.each(|index, row| take(index, row, numbers[row]))
            }
            _ => hits.each(|index, row| take(index, row, 0)),
        }
    }

    /// [`numbers`](Self::numbers) for a column of addresses.
    #[inline]
    pub(super) fn hosts(
        &self,
        field: Field,
        hits: &MatchedRows,
        mut take: impl FnMut(usize, Host),
    ) {
        match self.values(field) {
            ColumnValues::Address(one) => (0..hits.len()).for_each(|index| take(index, one)),
            ColumnValues::Ids(ids, Dictionary::Addresses(known)) => {
                hits.each(|index, row| take(index, known[ids[row] as usize]));
            }
            ColumnValues::Addresses(hosts) => hits.each(|index, row| take(index, hosts[row])),
            _ => (0..hits.len()).for_each(|index| take(index, Host::UNSPECIFIED)),
        }
    }

    /// [`numbers`](Self::numbers) for a column of texts.
    pub(super) fn texts(
        &self,
        field: Field,
        hits: &MatchedRows,
        mut take: impl FnMut(usize, FlowText),
    ) {
        match self.values(field) {
            ColumnValues::Text(one) => (0..hits.len()).for_each(|index| take(index, one)),
            ColumnValues::Ids(ids, Dictionary::Texts(known)) => {
                hits.each(|index, row| take(index, known[ids[row] as usize]));
            }
            ColumnValues::Texts(texts) => hits.each(|index, row| take(index, texts[row])),
            _ => {}
        }
    }

    /// The rows of `hits` whose number is 0.
    pub(super) fn without(&self, field: Field, hits: MatchedRows) -> MatchedRows {
        match self.values(field) {
            ColumnValues::Number(0) => hits,
            ColumnValues::Ids(ids, Dictionary::Numbers(known)) => {
                hits.narrow(|row| known[ids[row] as usize] == 0)
            }
            ColumnValues::Numbers(numbers) => hits.narrow(|row| numbers[row] == 0),
            _ => MatchedRows::Some(Vec::new()),
        }
    }
}
