//! Every environment variable of a setting: a wrong value, an empty one, and names that
//! no command knows. The list is that of the code, so that new settings are covered.

use std::process::Output;

use toptalk::cli::{SettingDescription, described};
use toptalk::config::Verb;

use crate::common::process::toptalk;

/// A value that no setting takes, but for paths, which may be called anything.
const WRONG: &str = "?/'=";

fn takes_any_text(setting: &SettingDescription) -> bool {
    matches!(setting.takes.as_str(), "DIR" | "PATH")
}

/// The settings of a command that has this setting, with its variable set.
fn show(setting: &SettingDescription, variable: &str, value: &str) -> Output {
    let has_flag = |verb: &&Verb| **verb != Verb::Collect || setting.flags != "--no-attach";
    let verb = setting.setting.verbs().iter().find(has_flag).unwrap();
    let mut command = toptalk();
    command.args(["config", "show"]).args(verb.word());
    if verb.word().is_none() {
        // The live screen has no word of its own; this flag changes nothing.
        command.args(["--config", "/dev/null"]);
    }
    command.env(variable, value).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Every setting with its variable.
fn variables() -> Vec<(SettingDescription, String)> {
    let all = described().into_iter();
    let all: Vec<_> = all.filter_map(|one| Some((one.clone(), one.variable?))).collect();
    assert!(all.len() >= 39, "{}", all.len());
    all
}

#[test]
fn a_wrong_value_is_an_error_that_names_the_variable() {
    for (setting, variable) in variables() {
        let output = show(&setting, &variable, WRONG);
        let said = text(&output.stderr);
        if takes_any_text(&setting) {
            assert!(output.status.success(), "{variable}: {said}");
            continue;
        }
        assert_eq!(output.status.code(), Some(2), "{variable}: {said}");
        assert!(said.starts_with(&format!("toptalk: {variable}: expected ")), "{said}");
        assert!(said.contains("found `"), "{said}");
    }
}

#[test]
fn an_empty_value_counts_as_not_set() {
    for (setting, variable) in variables() {
        let output = show(&setting, &variable, "");
        let (shown, said) = (text(&output.stdout), text(&output.stderr));
        assert!(output.status.success(), "{variable}: {said}");
        assert!(!shown.contains(&format!("# {variable}\n")), "{shown}");
        let (_, key) = setting.setting.parts();
        assert!(shown.contains(key), "{variable}: {shown}");
    }
}

#[test]
fn a_flag_takes_the_place_of_a_wrong_value() {
    let mut command = toptalk();
    command.args(["config", "show", "collect", "--slot", "60"]).env("TOPTALK_SLOT", "x");
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    let mut command = toptalk();
    command.args(["collect", "--slot", "y"]).env("TOPTALK_SLOT", "x");
    let said = text(&command.output().unwrap().stderr);
    assert!(said.contains("--slot") && said.contains("found `y`"), "{said}");
}

#[test]
fn several_wrong_variables_are_reported_together() {
    let mut command = toptalk();
    command.args(["collect"]).env("TOPTALK_PORT", "70000").env("TOPTALK_LAG", "soon");
    let output = command.output().unwrap();
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    for name in ["TOPTALK_PORT: expected a port", "TOPTALK_LAG: expected auto or"] {
        assert!(said.contains(name), "{said}");
    }
}

#[test]
fn variables_of_other_commands_are_not_read() {
    // A hook finds the time of its slot in TOPTALK_SLOT, and may ask `toptalk query`.
    let mut command = toptalk();
    command.args(["query", "-Z", "port 443"]).env("TOPTALK_SLOT", "2026-11-24T03:40:00.000Z");
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!(text(&output.stderr), "");
}

#[test]
fn an_unknown_variable_is_a_warning() {
    let mut command = toptalk();
    command.args(["query", "-Z", "port 443"]).env("TOPTALK_ALERT_UPP", "5M");
    let output = command.output().unwrap();
    assert!(output.status.success());
    assert_eq!(
        text(&output.stderr),
        "toptalk: warning: unknown environment variable TOPTALK_ALERT_UPP, it has no effect: \
         try TOPTALK_ALERT_UP\n"
    );
}

#[test]
fn variables_of_a_hook_are_no_settings_of_a_toptalk_that_it_runs() {
    let slot = |hook: bool| {
        let mut command = toptalk();
        command
            .args(["config", "show", "collect", "-w", "/a"])
            .env("TOPTALK_SLOT", "2026-04-10T12:30:00Z");
        if hook {
            command.env("TOPTALK_UNIX", "1775824200").env("TOPTALK_IDENT", "a b");
        }
        command.output().unwrap()
    };
    let output = slot(true);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(text(&output.stdout).contains("slot = 300"), "{}", text(&output.stdout));
    assert_eq!(text(&output.stderr), "");
    assert_eq!(slot(false).status.code(), Some(2));
}
