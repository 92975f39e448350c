//! Groups and statistics: several lists in one pass.

use std::ops::ControlFlow;
use std::sync::Arc;

use super::answer::{Row, StatRow, Table, Totals};
use super::collect::{Collector, Found, List, Spec};
use super::names::{Hosts, Names};
use super::page::Page;
use super::question::{Aggregation, Keys, Order, Part, Statistic, Ways};
use super::record::{put, row};
use super::scan::Sink;
use super::state::{COUNTED, State, gather};
use super::summary::Tally;
use crate::filter::select::Hits;
use crate::flow::column::number_value;
use crate::flow::field::{Field, Kind, Value};
use crate::flow::{Host, Time};

/// What makes records one where nothing else is said.
fn five_tuple() -> Aggregation {
    let fields = [Field::Src, Field::Dst, Field::SrcPort, Field::DstPort, Field::Proto];
    Aggregation { parts: fields.map(Part::whole).to_vec(), ways: Ways::Apart }
}

/// What is asked for.
pub(super) enum Wanted {
    Groups(Aggregation, Option<Order>),
    Statistic(Statistic),
}

impl Wanted {
    fn spec(&self, names: &Arc<Names>) -> Spec {
        let statistic = match self {
            Wanted::Groups(by, _) => return Spec::new(&by.parts, None, by.ways, names),
            Wanted::Statistic(statistic) => statistic,
        };
        let with_proto = |part: Part| {
            let proto = statistic.by_protocol.then(|| Part::whole(Field::Proto));
            std::iter::once(part).chain(proto).collect::<Vec<_>>()
        };
        match statistic.element.keys {
            Keys::Record => {
                let by = statistic.by.clone().unwrap_or_else(five_tuple);
                Spec::new(&by.parts, None, by.ways, names)
            }
            Keys::One(part) => Spec::new(&with_proto(part), None, Ways::Apart, names),
            Keys::Either(one, two) => {
                Spec::new(&with_proto(one), Some(&with_proto(two)), Ways::Apart, names)
            }
        }
    }

    fn orders(&self) -> Vec<Order> {
        match self {
            Wanted::Groups(_, order) => vec![order.unwrap_or(Order::First)],
            Wanted::Statistic(statistic) => statistic.orders.clone(),
        }
    }

    fn table(&self, order: Order, spec: &Spec, list: List) -> Table {
        let groups = list.groups;
        let rows = |by: &Aggregation, order: Option<Order>| Table::Rows {
            by: Some(by.clone()),
            order,
            rows: list.found.iter().map(|found| row_of(spec, found)).collect(),
            groups,
        };
        match self {
            Wanted::Groups(by, order) => rows(by, *order),
            Wanted::Statistic(asked) if asked.element.keys == Keys::Record => {
                rows(&asked.by.clone().unwrap_or_else(five_tuple), Some(order))
            }
            Wanted::Statistic(asked) => Table::Statistic {
                asked: asked.clone(),
                order,
                rows: list.found.iter().map(|found| line_of(spec, found)).collect(),
                groups,
            },
        }
    }
}

fn row_of(spec: &Spec, found: &Found) -> Row {
    let mut row = row(found.sums);
    row.flow.bytes = found.sums.bytes;
    row.flow.packets = found.sums.packets;
    row.flow.first = found.sums.first;
    row.flow.last = found.sums.last;
    row.flow.tcp_flags = found.flags;
    row.out_packets = found.out_packets;
    row.out_bytes = found.out_bytes;
    for (place, value) in spec.layout.places.iter().zip(&found.values) {
        put(&mut row, place.part.field, *value as u64, Host(*value));
    }
    row
}

fn line_of(spec: &Spec, found: &Found) -> StatRow {
    let mut values = spec.layout.places.iter().zip(&found.values).map(|(place, value)| {
        let field = place.part.field;
        match field.info().kind {
            Kind::Address => Value::Address(Host(*value)),
            _ => number_value(field, *value as u64),
        }
    });
    let value = values.next().unwrap_or(Value::Time(Time(0)));
    let proto = values.next().and_then(|value| match value {
        Value::Number(proto) => u8::try_from(proto).ok(),
        _ => None,
    });
    StatRow { value, proto, sums: found.sums }
}

/// Lists that are made in one pass.
pub(super) struct Lists {
    asked: Vec<(Wanted, Spec)>,
    names: Arc<Names>,
    limit: usize,
}

/// What a worker collects for them.
pub(super) struct Collected {
    fields: Vec<Field>,
    flags: bool,
    collectors: Vec<Box<dyn Collector>>,
    states: Vec<State>,
    tally: Tally,
}

impl Lists {
    pub(super) fn new(asked: Vec<Wanted>, limit: usize) -> Lists {
        let names = Arc::new(Names::new());
        let with_spec = |list: Wanted| {
            let spec = list.spec(&names);
            (list, spec)
        };
        let asked = asked.into_iter().map(with_spec).collect();
        Lists { asked, names, limit }
    }

    pub(super) fn sink(&self) -> Collected {
        let flags = self.asked.iter().any(|(list, _)| match list {
            Wanted::Groups(..) => true,
            Wanted::Statistic(asked) => asked.element.keys == Keys::Record,
        });
        let mut fields = COUNTED.to_vec();
        fields.push(Field::Proto);
        fields.extend(flags.then_some(Field::TcpFlags));
        fields.extend(self.asked.iter().flat_map(|(_, spec)| spec.fields()));
        fields.sort_unstable();
        fields.dedup();
        let collectors = self.asked.iter().map(|(_, spec)| spec.collector()).collect();
        Collected { fields, flags, collectors, states: Vec::new(), tally: Tally::default() }
    }

    /// Tables and totals of what the workers collected. An error is a thread that failed.
    pub(super) fn finish(
        self,
        collected: Vec<Collected>,
        threads: usize,
    ) -> Result<(Totals, Vec<Table>), ()> {
        let mut tally = Tally::default();
        let mut by_list: Vec<Vec<Box<dyn Collector>>> =
            self.asked.iter().map(|_| Vec::new()).collect();
        for one in collected {
            tally.add(&one.tally);
            for (list, collector) in by_list.iter_mut().zip(one.collectors) {
                list.push(collector);
            }
        }
        let hosts: Hosts = self.names.take_hosts();
        let mut tables = Vec::new();
        for ((list, spec), collectors) in self.asked.iter().zip(by_list) {
            let orders = list.orders();
            let lists = spec.finish(collectors, &hosts, &orders, self.limit, threads)?;
            let sorted = orders.into_iter().zip(lists);
            tables.extend(sorted.map(|(order, found)| list.table(order, spec, found)));
        }
        Ok((tally.totals(), tables))
    }
}

impl Sink for Collected {
    fn fields(&self) -> Vec<Field> {
        self.fields.clone()
    }

    fn begin(&mut self) {
        self.collectors.iter_mut().for_each(|collector| collector.begin());
    }

    fn take(&mut self, page: &Page<'_>, hits: &Hits) -> ControlFlow<()> {
        gather(page, hits, self.flags, &mut self.states);
        self.tally.take(page, hits, &self.states);
        for collector in &mut self.collectors {
            collector.take(page, hits, &self.states);
        }
        ControlFlow::Continue(())
    }
}
