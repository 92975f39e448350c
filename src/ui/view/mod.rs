//! Draws a model and a snapshot as a screen of text.

mod collecting;
mod columns;
mod common;
mod conversations;
mod drill;
mod exporter;
mod exporters;
mod figures;
mod first;
mod grid;
mod groups;
mod header;
mod help;
mod main;
mod panes;
mod status;
mod status_lines;
mod totals;

pub use common::ranking;

use ratatui::buffer::Buffer;

use crate::snapshot::Snapshot;

use super::model::{Model, Screen};
use super::paint::Canvas;

/// Draws the whole screen into `buffer`, which must be empty.
pub fn view(model: &Model, snapshot: &Snapshot, buffer: &mut Buffer) {
    let mut canvas = Canvas::new(buffer, model.options.theme);
    match &model.screens.top {
        Screen::Main(screen) => main::draw(&mut canvas, model, screen, snapshot),
        Screen::Groups(screen) => main::draw_groups(&mut canvas, model, screen, snapshot),
        Screen::Drill(screen) => drill::draw(&mut canvas, model, screen, snapshot),
        Screen::Exporters(screen) => exporters::draw(&mut canvas, model, screen, snapshot),
        Screen::Exporter(screen) => exporter::draw(&mut canvas, model, screen, snapshot),
        Screen::Help(screen) => help::draw(&mut canvas, model, screen, snapshot),
    }
}

/// The number of rows of the screen's list that fit on the terminal.
pub fn page(model: &Model, snapshot: &Snapshot) -> usize {
    let size @ (_, height) = model.size;
    match &model.screens.top {
        Screen::Main(_) | Screen::Groups(_) => main::layout(model, snapshot, size).page(),
        Screen::Drill(_) => drill::layout(model, snapshot, height).page(),
        Screen::Exporters(screen) => exporters::layout(model, screen, snapshot).page(),
        Screen::Exporter(screen) => exporter::layout(model, screen, snapshot).page(),
        Screen::Help(_) => help::layout(height).page(),
    }
}

/// The number of lines of text to scroll through; 0 for lists.
pub fn length(model: &Model, snapshot: &Snapshot) -> usize {
    match &model.screens.top {
        Screen::Exporters(screen) if screen.collecting.is_some() => {
            collecting::lines(snapshot, model.size.0).len()
        }
        Screen::Exporter(screen) => exporter::length(screen, snapshot),
        Screen::Help(screen) => help::lines(screen.about).len(),
        Screen::Main(_) | Screen::Groups(_) | Screen::Drill(_) | Screen::Exporters(_) => 0,
    }
}
