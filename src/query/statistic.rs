//! Groups and statistics: several lists in one pass.

use std::ops::ControlFlow;
use std::sync::Arc;

use super::answer::{AnswerRow, AnswerTable, ProtocolTotals, StatRow};
use super::collect::{Collector, FoundGroup, GroupSpec, SortedList};
use super::names::{AddressNumbers, Hosts};
use super::page::Page;
use super::question::{Aggregation, CountedSides, FlowDirection, KeyPart, StatOrder, Statistic};
use super::record::{put, row};
use super::scan::ScanSink;
use super::state::{COUNTED, GroupSums, PIECE, gather};
use super::summary::RunningTotals;
use crate::filter::select::MatchedRows;
use crate::flow::column::number_value;
use crate::flow::field::{Field, FieldKind, FieldValue};
use crate::flow::{Host, Time};

/// The default key of records.
fn five_tuple() -> Aggregation {
    let fields = [Field::Src, Field::Dst, Field::SrcPort, Field::DstPort, Field::Proto];
    Aggregation { parts: fields.map(KeyPart::whole).to_vec(), direction: FlowDirection::Apart }
}

/// A list that is requested.
pub(super) enum WantedStatistic {
    Groups(Aggregation, Option<StatOrder>),
    Statistic(Statistic),
}

impl WantedStatistic {
    fn spec(&self, addresses: &Arc<AddressNumbers>) -> GroupSpec {
        let statistic = match self {
            WantedStatistic::Groups(by, _) => {
                return GroupSpec::new(&by.parts, None, by.direction, true, addresses);
            }
            WantedStatistic::Statistic(statistic) => statistic,
        };
        let with_proto = |part: KeyPart| {
            let proto = statistic.by_protocol.then(|| KeyPart::whole(Field::Proto));
            std::iter::once(part).chain(proto).collect::<Vec<_>>()
        };
        match statistic.element.keys {
            CountedSides::Record => {
                let by = statistic.by.clone().unwrap_or_else(five_tuple);
                GroupSpec::new(&by.parts, None, by.direction, true, addresses)
            }
            CountedSides::One(part) => {
                GroupSpec::new(&with_proto(part), None, FlowDirection::Apart, false, addresses)
            }
            CountedSides::Either(one, two) => GroupSpec::new(
                &with_proto(one),
                Some(&with_proto(two)),
                FlowDirection::Apart,
                false,
                addresses,
            ),
        }
    }

    fn orders(&self) -> Vec<StatOrder> {
        match self {
            WantedStatistic::Groups(_, order) => vec![order.unwrap_or(StatOrder::First)],
            WantedStatistic::Statistic(statistic) => statistic.orders.clone(),
        }
    }

    fn table(&self, order: StatOrder, spec: &GroupSpec, list: SortedList) -> AnswerTable {
        let groups = list.groups;
        let rows = |by: &Aggregation, order: Option<StatOrder>| AnswerTable::Rows {
            by: Some(by.clone()),
            order,
            rows: list.found.iter().map(|found| row_of(spec, found)).collect(),
            groups,
        };
        match self {
            WantedStatistic::Groups(by, order) => rows(by, *order),
            WantedStatistic::Statistic(asked) if asked.element.keys == CountedSides::Record => {
                rows(&asked.by.clone().unwrap_or_else(five_tuple), Some(order))
            }
            WantedStatistic::Statistic(asked) => AnswerTable::Statistic {
                asked: asked.clone(),
                order,
                rows: list.found.iter().map(|found| line_of(spec, found)).collect(),
                groups,
            },
        }
    }
}

fn row_of(spec: &GroupSpec, found: &FoundGroup) -> AnswerRow {
    let mut row = row(found.sums);
    row.flow.bytes = found.sums.bytes;
    row.flow.packets = found.sums.packets;
    row.flow.first = found.sums.first;
    row.flow.last = found.sums.last;
    row.flow.tcp_flags = found.flags;
    row.out_packets = found.out_packets;
    row.out_bytes = found.out_bytes;
    for (slot, value) in spec.layout.slots.iter().zip(&found.values) {
        put(&mut row, slot.part.field, *value as u64, Host(*value));
    }
    row
}

fn line_of(spec: &GroupSpec, found: &FoundGroup) -> StatRow {
    let mut values = spec.layout.slots.iter().zip(&found.values).map(|(slot, value)| {
        let field = slot.part.field;
        match field.info().kind {
            FieldKind::Address => FieldValue::Address(Host(*value)),
            FieldKind::Text => FieldValue::Text(found.text.unwrap_or_default()),
            _ => number_value(field, *value as u64),
        }
    });
    let value = values.next().unwrap_or(FieldValue::Time(Time(0)));
    let proto = values.next().and_then(|value| match value {
        FieldValue::Number(proto) => u8::try_from(proto).ok(),
        _ => None,
    });
    StatRow { value, proto, sums: found.sums }
}

/// The lists of a query, which are computed in one pass.
pub(super) struct Lists {
    asked: Vec<(WantedStatistic, GroupSpec)>,
    addresses: Arc<AddressNumbers>,
    limit: usize,
    /// Whether rates are over the time of each row.
    own_rates: bool,
}

/// The data that a worker collects for the lists.
pub(super) struct Collected {
    fields: Vec<Field>,
    collectors: Vec<Box<dyn Collector>>,
    /// Whether TCP flags are needed.
    flags: bool,
    states: Vec<GroupSums>,
    tally: RunningTotals,
}

impl Lists {
    pub(super) fn new(asked: Vec<WantedStatistic>, limit: usize, own_rates: bool) -> Lists {
        let addresses = Arc::new(AddressNumbers::new());
        let with_spec = |list: WantedStatistic| {
            let spec = list.spec(&addresses);
            (list, spec)
        };
        let asked = asked.into_iter().map(with_spec).collect();
        Lists { asked, addresses, limit, own_rates }
    }

    pub(super) fn sink(&self) -> Collected {
        let mut fields = COUNTED.to_vec();
        fields.push(Field::Proto);
        fields.extend(self.asked.iter().flat_map(|(_, spec)| spec.fields()));
        fields.sort_unstable();
        fields.dedup();
        let collectors = self.asked.iter().map(|(_, spec)| spec.collector()).collect();
        let flags = self.asked.iter().any(|(_, spec)| spec.flags());
        let (states, tally) = (Vec::new(), RunningTotals::default());
        Collected { fields, collectors, flags, states, tally }
    }

    /// The tables and totals from the data of the workers. The error means that a thread
    /// panicked.
    pub(super) fn finish(
        self,
        collected: Vec<Collected>,
        threads: usize,
    ) -> Result<(ProtocolTotals, Vec<AnswerTable>), ()> {
        let mut tally = RunningTotals::default();
        let mut by_list: Vec<Vec<Box<dyn Collector>>> =
            self.asked.iter().map(|_| Vec::new()).collect();
        for one in collected {
            tally.add(&one.tally);
            for (list, collector) in by_list.iter_mut().zip(one.collectors) {
                list.push(collector);
            }
        }
        let hosts: Hosts = self.addresses.take_hosts();
        let mut tables = Vec::new();
        for ((list, spec), collectors) in self.asked.iter().zip(by_list) {
            let orders = list.orders();
            let (own_rates, limit) = (self.own_rates, self.limit);
            let lists = spec.finish(collectors, &hosts, &orders, own_rates, limit, threads)?;
            let sorted = orders.into_iter().zip(lists);
            tables.extend(sorted.map(|(order, found)| list.table(order, spec, found)));
        }
        Ok((tally.totals(), tables))
    }
}

impl ScanSink for Collected {
    fn fields(&self) -> Vec<Field> {
        self.fields.clone()
    }

    fn begin(&mut self) {
        self.collectors.iter_mut().for_each(|collector| collector.begin());
    }

    fn take(&mut self, page: &Page<'_>, hits: &MatchedRows) -> ControlFlow<()> {
        // Decides for the whole page whether summing by dictionary id is worthwhile.
        for collector in &mut self.collectors {
            collector.page(page, hits);
        }
        for hits in hits.pieces(PIECE) {
            gather(page, &hits, self.flags, &mut self.states);
            self.tally.take(page, &hits, &self.states);
            for collector in &mut self.collectors {
                collector.take(page, &hits, &self.states);
            }
        }
        ControlFlow::Continue(())
    }
}
