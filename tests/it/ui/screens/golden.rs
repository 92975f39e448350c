//! Golden screens at usual sizes.

use crossterm::event::KeyCode;
use toptalk::ui::Theme;

use super::fixture::*;

pub const COLOUR: Theme = Theme { colour: true, ascii: false };
pub const MONO: Theme = Theme { colour: false, ascii: false };
pub const ASCII: Theme = Theme { colour: false, ascii: true };

/// Compares with `snapshots/NAME.snap`; `INSTA_UPDATE=always` writes it.
pub fn golden(name: impl AsRef<str>, text: String) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("snapshots");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name.as_ref(), text));
}

#[test]
fn main_with_alerts() {
    for size in [(40, 10), (60, 15), (80, 24), (100, 30), (160, 50)] {
        let user = User::at(size, COLOUR, site());
        golden(format!("main_{}x{}", size.0, size.1), user.screen());
    }
}

#[test]
fn main_in_ascii_and_its_styles() {
    let ascii = User::at((80, 24), ASCII, site());
    assert!(ascii.screen().is_ascii());
    golden("main_ascii", ascii.screen());
    let [colour, mono] = [COLOUR, MONO].map(|theme| User::at((80, 24), theme, site()).buffer());
    assert_eq!(text(&colour), text(&mono));
    golden("main_styles_colour", styles(&colour));
    golden("main_styles_mono", styles(&mono));
}

#[test]
fn one_host() {
    for size in [(40, 10), (80, 24), (160, 50)] {
        let mut user = User::at(size, COLOUR, site());
        user.key(KeyCode::Enter);
        assert!(user.sees(nas()));
        golden(format!("host_{}x{}", size.0, size.1), user.screen());
    }
}

#[test]
fn help() {
    let mut user = User::at((80, 24), COLOUR, site());
    user.types("?");
    golden("help_80x24", user.screen());
    let mut user = User::at((160, 50), ASCII, site());
    user.types("?");
    assert!(user.screen().is_ascii());
    golden("help_160x50", user.screen());
}

#[test]
fn before_the_first_flow() {
    let user = User::at((80, 24), COLOUR, silence());
    golden("first_80x24", user.screen());
    let mut odd = silence();
    odd.health.datagrams = 17;
    odd.health.listeners[0].buffer_granted = 212_992;
    odd.health.dropped = vec![toptalk::snapshot::DropCount {
        cause: "no_template".into(),
        explanation: "sets of records whose template has not come yet".into(),
        count: 17,
    }];
    let user = User::at((160, 50), COLOUR, odd);
    golden("first_160x50", user.screen());
}

#[test]
fn no_local_network() {
    for size in [(80, 24), (160, 50)] {
        let user = User::at(size, COLOUR, transit());
        golden(format!("transit_{}x{}", size.0, size.1), user.screen());
    }
}

#[test]
fn notes_demo_mix_and_doubts() {
    let mut snapshot = site();
    snapshot.alerts.clear();
    snapshot.totals.internal = traffic(12_000_000, 0).up;
    snapshot.health.demo = Some("demo: a made-up office, nothing is measured".to_owned());
    snapshot.notes = vec!["clock of 192.0.2.7 is 41 s off\u{1b}[31m".to_owned()];
    snapshot.health.notes = vec!["port 4739 is busy".to_owned()];
    snapshot.health.exporters[0].lost = 143;
    snapshot.span.completeness = toptalk::snapshot::Completeness::Filling { known_ms: 12_000 };
    snapshot.span.start = END.plus_ms(-12_000);
    let mut user = User::at((80, 24), COLOUR, snapshot);
    user.types("u ");
    golden("notes_80x24", user.screen());
}

#[test]
fn a_filter_without_matches() {
    let mut snapshot = site();
    (snapshot.uploaders, snapshot.downloaders) = Default::default();
    snapshot.totals = Default::default();
    snapshot.view.filter = toptalk::filter::Filter::parse("port 12345").unwrap();
    let note = "port 12345 is not kept apart: conversations remember the ports of services";
    snapshot.notes = vec![note.to_owned()];
    snapshot.health.demo = Some(format!("demo: {}", "nothing is measured ".repeat(5)));
    for exporter in &mut snapshot.health.exporters[..2] {
        exporter.sampling = toptalk::snapshot::SamplingState::Announced(1000);
    }
    for size in [(50, 20), (80, 24), (160, 50)] {
        let mut user = User::at(size, COLOUR, site());
        user.types("/port 12345");
        user.key(KeyCode::Enter);
        assert!(user.sees(snapshot.clone()));
        golden(format!("nothing_{}x{}", size.0, size.1), user.screen());
    }
}

#[test]
fn one_host_filtered() {
    for size in [(80, 24), (160, 50)] {
        let mut user = User::at(size, COLOUR, site());
        user.types("/tcp");
        user.key(KeyCode::Enter);
        user.key(KeyCode::Enter);
        let mut answer = nas();
        answer.view = user.model.view();
        assert!(user.sees(answer));
        golden(format!("host_filtered_{}x{}", size.0, size.1), user.screen());
    }
}

#[test]
fn packets_and_bytes() {
    let mut user = User::at((80, 24), COLOUR, site());
    user.types("uu");
    golden("packets_80x24", user.screen());
    user.key(KeyCode::Enter);
    user.sees(nas());
    golden("host_packets_80x24", user.screen());
}

#[test]
fn the_smallest_terminals_survive() {
    for theme in [COLOUR, ASCII] {
        for size in [(20, 5), (1, 1), (0, 0), (3, 2), (9, 4), (500, 3), (2, 200)] {
            for snapshot in [site(), silence(), transit()] {
                let mut user = User::at(size, theme, snapshot);
                user.screen();
                user.types("/port 1x");
                user.screen();
                user.key(KeyCode::Esc);
                user.types("q?jG");
                user.screen();
                user.key(KeyCode::Esc);
                user.key(KeyCode::Enter);
                user.sees(nas());
                user.screen();
            }
        }
    }
    golden("main_20x5", User::at((20, 5), COLOUR, site()).screen());
    golden("main_1x1", User::at((1, 1), COLOUR, site()).screen());
}
