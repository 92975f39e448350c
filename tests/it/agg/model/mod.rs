//! Compares every window with a model that stores every flow.

mod check;
mod extremes;
mod limits;
mod naive;
mod script;
mod threads;

use crate::common::site::{START, check_law};
use check::check_exact;
use proptest::prelude::*;
use script::{Script, any_script};
use toptalk::agg::{Config, LagRule, Windows};
use toptalk::flow::Time;
use toptalk::snapshot::{Health, View, Window};

/// Runs a script on windows without effective limits, and checks every answer.
fn play(script: &Script, max: usize) {
    let (lag, no_dedup) = (script.lag, script.no_dedup);
    let config = Config { max_hosts: max, max_conversations: max, ..Config::default() };
    let windows = Windows::new(Config { lag, no_dedup, started: Time(START), ..config });
    let mut model = naive::Naive::new(no_dedup);
    for step in &script.steps {
        windows.record(&step.flows);
        model.record(&step.flows);
        if step.watch {
            windows.watch(step.now);
        }
        for question in &step.questions {
            let view = question.view(step.now);
            let snapshot = windows.snapshot(&view, step.now, Health::default());
            check_law(&snapshot);
            check_exact(&snapshot, &model, question.asks);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn every_row_of_every_window_equals_a_model_that_stores_every_flow(script in any_script(1)) {
        play(&script, 10_000);
    }

    #[test]
    fn the_same_with_rows_in_many_maps(script in any_script(1)) {
        play(&script, 200_000);
    }

    #[test]
    fn one_window_for_all_time_equals_the_model(script in any_script(1)) {
        let config = Config { keep_all: true, lag: LagRule::Fixed(0), ..Config::default() };
        let no_dedup = script.no_dedup;
        let windows = Windows::new(Config { no_dedup, started: Time(START), ..config });
        let mut model = naive::Naive::of_all_time(no_dedup);
        for step in &script.steps {
            windows.record(&step.flows);
            model.record(&step.flows);
            for question in &step.questions {
                let view = View { window: Window::All, at: None, ..question.view(step.now) };
                let snapshot = windows.snapshot(&view, step.now, Health::default());
                check_law(&snapshot);
                check_exact(&snapshot, &model, question.asks);
            }
        }
    }
}
