//! The screen of one exporter: its description, its templates, its interfaces and its
//! statistics.

use crate::flow::Protocol;
use crate::snapshot::{ExporterHealth, InterfaceHealth, Selector, Snapshot, TemplateHealth};
use crate::units;

use super::super::exporters::{ExporterScreen, Tab};
use super::super::layout::{ScreenLayout, ScreenPart, WantedPart, one};
use super::super::model::Model;
use super::super::paint::{Canvas, LinePiece, pieces};
use super::super::theme::Tone;
use super::exporters as list;
use super::figures;
use super::grid::{Grid, GridColumn, number, text};
use super::{status, status_lines};

/// The columns before a table.
const BEFORE: u16 = 2;

/// The largest number of lines for its condition on terminals of less than `TALL` lines.
const CONDITIONS: usize = 3;
const TALL: u16 = 30;

const TEMPLATES: [GridColumn; 9] = [
    number("DOMAIN", 7, 2),
    number("ID", 6, 0),
    text("KIND", 8, 8, 5),
    number("FIELDS", 7, 4),
    number("AGE", 8, 3),
    number("REFRESH", 9, 1),
    number("USED", 8, 0),
    number("CHANGED", 9, 6),
    text("", 11, 40, 7),
];

const INTERFACES: [GridColumn; 7] = [
    number("INDEX", 6, 0),
    text("NAME", 11, 33, 0),
    text("DESCRIPTION", 12, 65, 3),
    number("SPEED", 7, 2),
    number("IN/s", 7, 1),
    number("OUT/s", 7, 1),
    number("COVERED", 9, 1),
];

const STATISTICS: [GridColumn; 2] = [text("STATISTIC", 12, 60, 0), number("VALUE", 9, 0)];

fn find<'a>(screen: &ExporterScreen, snapshot: &'a Snapshot) -> Option<&'a ExporterHealth> {
    snapshot.health.exporters.iter().find(|exporter| exporter.address == screen.host)
}

/// The layout of the screen.
pub fn layout(model: &Model, screen: &ExporterScreen, snapshot: &Snapshot) -> ScreenLayout {
    let (width, height) = model.size;
    let conditions = find(screen, snapshot).map_or(0, |exporter| {
        list::conditions(&exporter.conditions(snapshot.captured_at), width).len()
    });
    let most = match height {
        TALL.. => usize::from(height / 4),
        12.. => CONDITIONS,
        _ => 1,
    };
    let lines = u16::try_from(conditions.min(most)).unwrap_or(1);
    let stopped = u16::try_from(status_lines::ended(model, snapshot).len()).unwrap_or(1);
    let wants = [
        one(ScreenPart::Header, 2),
        WantedPart { part: ScreenPart::Strip, lines: stopped, from: 5 },
        one(ScreenPart::In, 7),
        one(ScreenPart::Out, 12),
        WantedPart { part: ScreenPart::Condition, lines, from: 9 },
        one(ScreenPart::Tabs, 4),
        one(ScreenPart::Heading, 6),
        one(ScreenPart::Rows, 0),
        one(ScreenPart::Status, if status::is_urgent(model) { 4 } else { 16 }),
        one(ScreenPart::Footer, 8),
    ];
    ScreenLayout::stack(height, &wants)
}

/// The number of rows of the tab.
pub fn length(screen: &ExporterScreen, snapshot: &Snapshot) -> usize {
    find(screen, snapshot).map_or(0, |exporter| count(exporter, screen.tab))
}

fn count(exporter: &ExporterHealth, tab: Tab) -> usize {
    match tab {
        Tab::Templates => exporter.detail.templates.len(),
        Tab::Interfaces => exporter.detail.interfaces.len(),
        Tab::Statistics => statistics(exporter).len(),
    }
}

pub fn draw(canvas: &mut Canvas, model: &Model, screen: &ExporterScreen, snapshot: &Snapshot) {
    let layout = layout(model, screen, snapshot);
    if let Some(y) = layout.line(ScreenPart::Header) {
        let title = format!("All > Exporters > {}", screen.host);
        list::heading_of_one(canvas, model, &title, snapshot, y);
    }
    status_lines::draw(
        canvas,
        &status_lines::ended(model, snapshot),
        layout.lines(ScreenPart::Strip),
    );
    match find(screen, snapshot) {
        Some(exporter) => {
            summary(canvas, exporter, snapshot, &layout);
            list::condition(canvas, exporter, snapshot, layout.lines(ScreenPart::Condition));
            if let Some(y) = layout.line(ScreenPart::Tabs) {
                tabs(canvas, screen, exporter, layout.page(), y);
            }
            table(canvas, screen, exporter, snapshot, &layout);
        }
        None => {
            let y = layout.lines(ScreenPart::Rows).start;
            let text = "no longer among the exporters: Esc goes back to the list";
            canvas.put(1, y, canvas.width(), text, Tone::Plain);
        }
    }
    if let Some(y) = layout.line(ScreenPart::Status) {
        if status::is_urgent(model) {
            status::draw(canvas, model, snapshot, y);
        } else {
            status::counts(canvas, model, snapshot, y);
        }
    }
    if let Some(y) = layout.line(ScreenPart::Footer) {
        status::footer(canvas, model, y);
    }
}

/// Draws two lines: description and rates, and what is wrong, in figures.
fn summary(
    canvas: &mut Canvas,
    exporter: &ExporterHealth,
    snapshot: &Snapshot,
    layout: &ScreenLayout,
) {
    let plain = |rank, text: String| LinePiece::new(rank, Tone::Plain, text);
    let warned = |rank, count: u64, text: String| {
        LinePiece::new(rank, if count == 0 { Tone::Plain } else { Tone::Warning }, text)
    };
    let silent = units::duration(snapshot.captured_at.since(exporter.last_seen));
    let detail = &exporter.detail;
    if let Some(y) = layout.line(ScreenPart::In) {
        let protocol = exporter.protocol.map_or("remembered", Protocol::name);
        let heard = exporter.is_heard();
        let left = vec![
            LinePiece::new(0, Tone::Strong, protocol),
            plain(3, format!("{} pkt/s", figures::rate(exporter.datagrams_per_s))),
            plain(1, format!("{} flow/s", figures::rate(exporter.flows_per_s))),
            plain(4, format!("sampling {}", figures::sampling(exporter.sampling))),
            plain(5, plural(detail.domains, "domain")),
            plain(6, plural(detail.applications, "application")),
            plain(2, if heard { format!("heard {silent} ago") } else { String::new() }),
        ];
        pieces(canvas, y, left, Vec::new());
    }
    if let Some(y) = layout.line(ScreenPart::Out) {
        let sent = exporter.lost.saturating_add(exporter.received());
        let lost = units::short(exporter.lost);
        let share = figures::part(exporter.lost, sent);
        let held = exporter.held as u64;
        let span = |ms: Option<i64>| ms.map_or("-".to_owned(), figures::span);
        let left = vec![
            warned(0, exporter.lost, format!("lost {lost} ({share})")),
            warned(2, held, format!("held {}", units::short(held))),
            plain(3, format!("clock {}", figures::clock(exporter))),
            plain(5, format!("restarts {}", exporter.restarts)),
            plain(4, format!("doubled {}", units::short(exporter.doubled))),
            plain(6, format!("timeout ~{}", span(exporter.active_timeout_ms))),
            plain(7, format!("records {} late", span(exporter.export_delay_ms))),
        ];
        pieces(canvas, y, left, Vec::new());
    }
}

/// `1 domain`, `2 domains`; an empty text for 0.
fn plural(count: usize, word: &str) -> String {
    match count {
        0 => String::new(),
        1 => format!("1 {word}"),
        _ => format!("{} {word}s", units::short(count as u64)),
    }
}

/// Draws the tabs with the number of rows of each, and which rows are visible.
fn tabs(
    canvas: &mut Canvas,
    screen: &ExporterScreen,
    exporter: &ExporterHealth,
    page: usize,
    y: u16,
) {
    let named = [
        (Tab::Templates, "Templates", figures::templates(exporter)),
        (Tab::Interfaces, "Interfaces", exporter.detail.interfaces.len().to_string()),
        (Tab::Statistics, "Statistics", String::new()),
    ];
    let left = named.into_iter().enumerate().map(|(at, (tab, name, count))| {
        let label = format!("{} {name} {count}", at + 1);
        let label = label.trim_end();
        if tab == screen.tab {
            LinePiece::new(0, Tone::Strong, format!("[{label}]"))
        } else {
            LinePiece::new(1, Tone::Plain, label)
        }
    });
    let rows = count(exporter, screen.tab);
    let top = screen.top.min(rows.saturating_sub(page));
    let position = if rows > page {
        format!("{}-{} of {rows}", top + 1, (top + page).min(rows))
    } else {
        String::new()
    };
    pieces(canvas, y, left.collect(), vec![LinePiece::new(1, Tone::Plain, position)]);
}

fn table(
    canvas: &mut Canvas,
    screen: &ExporterScreen,
    exporter: &ExporterHealth,
    snapshot: &Snapshot,
    layout: &ScreenLayout,
) {
    let lines = layout.lines(ScreenPart::Rows);
    let top = screen.top.min(count(exporter, screen.tab).saturating_sub(lines.len()));
    let detail = &exporter.detail;
    let (columns, rows): (&[GridColumn], Vec<Vec<String>>) = match screen.tab {
        Tab::Templates => (
            &TEMPLATES,
            (detail.templates.iter().skip(top).take(lines.len()))
                .map(|template| template_cells(template, snapshot))
                .collect(),
        ),
        Tab::Interfaces => {
            let rows = detail.interfaces.iter().skip(top).take(lines.len());
            (&INTERFACES, rows.map(interface_cells).collect())
        }
        Tab::Statistics => {
            (&STATISTICS, statistics(exporter).into_iter().skip(top).take(lines.len()).collect())
        }
    };
    if rows.is_empty() {
        let words = nothing(screen.tab, exporter).split(' ');
        let text = super::common::wrapped(words, canvas.width().saturating_sub(BEFORE));
        for (y, line) in layout.lines(ScreenPart::Heading).chain(lines).zip(text) {
            canvas.put(BEFORE, y, canvas.width(), &line, Tone::Plain);
        }
        return;
    }
    let grid = Grid::fit(columns, &rows, (BEFORE, canvas.width()));
    if let Some(y) = layout.line(ScreenPart::Heading) {
        grid.heading(canvas, y, None);
    }
    for (at, (y, cells)) in lines.zip(&rows).enumerate() {
        let changes = match screen.tab {
            Tab::Templates => detail.templates.get(top + at).map_or(0, |one| one.changes),
            _ => 0,
        };
        if changes > 0 {
            canvas.put(0, y, 1, "!", Tone::Warning);
        }
        grid.row(canvas, y, cells, |title| {
            let is_changed = changes > 0 && title == "CHANGED";
            if is_changed { Tone::Warning } else { Tone::Plain }
        });
    }
}

/// Why a tab is empty.
fn nothing(tab: Tab, exporter: &ExporterHealth) -> &'static str {
    match (tab, exporter.templates) {
        (Tab::Templates, 0) if exporter.protocol.is_some_and(Protocol::has_templates) => {
            "no template has arrived yet: data waits for it"
        }
        (Tab::Templates, 0) => "this protocol has no templates",
        (Tab::Templates, _) => "templates are listed for the busiest exporters only",
        (Tab::Interfaces, _) => {
            "the exporter sent no interface names: on IOS, `option interface-table` sends them"
        }
        (Tab::Statistics, _) => "nothing is counted yet",
    }
}

fn template_cells(template: &TemplateHealth, snapshot: &Snapshot) -> Vec<String> {
    let since = |time: crate::flow::Time| match time.0 {
        0 => "-".to_owned(),
        _ => units::duration(snapshot.captured_at.since(time)),
    };
    let changed = match template.changes {
        0 => "0".to_owned(),
        changes => format!("{}x", units::short(u64::from(changes))),
    };
    let remark = match (template.remembered, template.changes) {
        (true, _) => "remembered from an earlier run",
        (false, 0) => "",
        (false, _) => "may be spoofed (--allow)",
    };
    vec![
        template.domain.to_string(),
        template.id.to_string(),
        if template.options { "options" } else { "data" }.to_owned(),
        units::short(template.fields as u64),
        since(template.defined),
        since(template.refreshed),
        since(template.used),
        changed,
        remark.to_owned(),
    ]
}

fn interface_cells(interface: &InterfaceHealth) -> Vec<String> {
    let known = |bits: Option<u64>| bits.map_or("-".to_owned(), units::short);
    vec![
        interface.index.to_string(),
        interface.name.clone(),
        interface.description.clone(),
        known(Some(interface.speed).filter(|speed| *speed > 0)),
        known(interface.in_rate),
        known(interface.out_rate),
        covered(interface),
    ]
}

/// How much of the traffic that an interface counted the flows hold, incoming and outgoing.
fn covered(interface: &InterfaceHealth) -> String {
    match interface.covered {
        [None, None] => "-".to_owned(),
        ways => {
            let [incoming, outgoing] = ways.map(|percent| {
                percent.map_or("-".to_owned(), |percent| percent.min(999).to_string())
            });
            format!("{incoming}/{outgoing}%")
        }
    }
}

/// The collector's counters for the exporter, then the exporter's own.
fn statistics(exporter: &ExporterHealth) -> Vec<Vec<String>> {
    let row = |what: &str, value: String| vec![what.to_owned(), value];
    let figure = |what: &str, count: u64| row(what, units::short(count));
    let mut rows = vec![
        figure("datagrams received", exporter.datagrams),
        figure("flows received", exporter.flows),
        figure("lost, by sequence numbers", exporter.lost),
        figure("samples that the exporter could not send", exporter.unsent),
        figure("sequence restarts", u64::from(exporter.restarts)),
        figure("duplicate flows, counted once", exporter.doubled),
        figure("data sets that wait for a template", exporter.held as u64),
        figure(
            "templates confirmed",
            exporter.templates.saturating_sub(exporter.remembered) as u64,
        ),
        figure("templates restored, not yet confirmed", exporter.remembered as u64),
        figure("observation domains", exporter.detail.domains as u64),
        figure("application names", exporter.detail.applications as u64),
        row("sampling", figures::sampling(exporter.sampling)),
        row("clock, + is ahead of this host", figures::clock(exporter)),
    ];
    rows.extend(exporter.detail.samplers.iter().map(|known| {
        let domain = known.domain;
        let of = match known.selector {
            Selector::All => "records".to_owned(),
            Selector::Sampler(id) => format!("sampler {id}"),
            Selector::Interface(index) => format!("interface {index}"),
            Selector::InRecords => "records that have it".to_owned(),
            Selector::SamplerInRecords(id) => format!("sampler {id}, in records"),
        };
        row(&format!("sampling of domain {domain}: {of}"), figures::one_in(known.rate))
    }));
    if exporter.missed_while_down > 0 {
        rows.insert(3, figure("sent while no collector ran", exporter.missed_while_down));
    }
    if let Some(ms) = exporter.active_timeout_ms {
        rows.push(row("active timeout, about", figures::span(ms)));
    }
    if let Some(ms) = exporter.export_delay_ms {
        rows.push(row("delay of records, 99th percentile", figures::span(ms)));
    }
    let own = exporter.detail.statistics.iter();
    rows.extend(
        own.map(|(what, count)| figure(&format!("counted by the exporter: {what}"), *count)),
    );
    rows
}
