//! The settings file, at the start and on SIGHUP.

use super::*;

#[test]
fn reloading_while_flows_come_loses_none() {
    let site = Site::new();
    for workers in ["1", "3"] {
        site.settings("");
        let mut running = site.start(&["--workers", workers]);
        let before = flows(&site.archive());
        let mut router = site.router();
        for round in 0..10 {
            // Everything that can be reloaded, one way and the other.
            site.settings(if round % 2 == 0 {
                "[alerts]\nup = \"1k\"\nlink = \"1M/2M\"\n[windows]\nlocal = \"192.0.2.0/24\"\nlag = 5\n\
                 [groups.names]\nlab = \"192.0.2.0/24\"\n\
                 [exporters]\nallow = \"127.0.0.0/8\"\nsampling = 10\nassume-sampling = 2\n"
            } else {
                "[windows]\nlocal = \"198.51.100.0/24\"\n"
            });
            router.send(50);
            hang_up(&running);
            router.send(50);
            running.wait_for("reloaded changed=\"exporters.allow ");
        }
        let said = end(running);
        assert_eq!(flows(&site.archive()) - before, 1000, "{said}");
        assert!(said.contains("flows=1000 packets=3000 bytes=1500000 lost=0 bad=0"), "{said}");
    }
}

#[test]
fn an_allow_list_holds_from_its_reload_on() {
    let site = Site::new();
    site.settings("[exporters]\nallow = \"127.0.0.0/8\"\n");
    let mut running = site.start(&[]);
    let mut router = site.router();
    router.send(5);
    site.wait_for(5);
    site.settings("[exporters]\nallow = \"192.0.2.0/24\"\n");
    hang_up(&running);
    running.wait_for("reloaded changed=exporters.allow");
    router.send(7);
    let said = end(running);
    assert!(said.contains("flows=5 packets=15 bytes=7500 lost=0 bad=7"), "{said}");
    assert_eq!(flows(&site.archive()), 5);
}

#[test]
fn wrong_settings_keep_the_old_ones_and_say_where() {
    let site = Site::new();
    site.settings("[exporters]\nallow = \"127.0.0.0/8\"\n");
    let mut running = site.start(&[]);
    for (wrong, told) in [
        (
            "[exporters]\nallow = [\"192.0.2.0/24\", \"x\"]\n",
            "toptalk.toml:2:26: exporters.allow: ",
        ),
        ("[exporters]\nallow = \"192.0.2.0/24\"\nalow = 1\n", "toptalk.toml:3:1: unknown key"),
        ("[exporters]\nallow = \"192.0.2.0/24\"\n[groups]\nfiles = \"/nowhere\"\n", "/nowhere"),
    ] {
        site.settings(wrong);
        hang_up(&running);
        running.wait_for(told);
    }
    fs::remove_file(site.path("toptalk.toml")).unwrap();
    hang_up(&running);
    running.wait_for("reload: the old settings stay, the new ones are wrong: cannot read");
    site.router().send(3);
    site.wait_for(3);
    let said = end(running);
    assert!(said.contains("flows=3") && said.contains("bad=0"), "{said}");
}

#[test]
fn what_needs_a_restart_is_named() {
    let site = Site::new();
    site.settings("");
    let mut running = site.start(&[]);
    // Ports are given as a flag, which goes before the file.
    site.settings(
        "[listen]\nports = 1\nworkers = 2\n[record]\nslot = 60\nsync = 5\n[alerts]\nup = 5\n",
    );
    hang_up(&running);
    running.wait_for("need a restart settings=\"listen.workers record.sync\"");
    running.wait_for("reloaded changed=alerts.up");
    hang_up(&running);
    running.wait_for("need a restart settings=\"listen.workers record.sync\"");
    running.wait_for("reloaded changed=\"\"");
    end(running);
}

#[test]
fn flags_go_before_variables_and_those_before_the_file() {
    let site = Site::new();
    site.settings("[alerts]\nup = \"1M\"\ndown = \"2M\"\nlink = \"3M\"\n");
    let path = site.path("toptalk.toml");
    let mut command = toptalk();
    command.args(["config", "show", "--alert-up", "5M"]).env("TOPTALK_CONFIG", &path);
    command.env("TOPTALK_ALERT_UP", "6M").env("TOPTALK_ALERT_DOWN", "7M");
    let output = command.output().unwrap();
    let shown = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{shown}");
    let line = |key: &str| {
        let found = shown.lines().find(|line| line.starts_with(key));
        found.unwrap().split_whitespace().collect::<Vec<_>>().join(" ")
    };
    assert_eq!(line("up "), "up = \"5M\" # --alert-up");
    assert_eq!(line("down "), "down = \"7M\" # TOPTALK_ALERT_DOWN");
    assert_eq!(line("link "), format!("link = \"3M\" # {}:4", path.display()));
    assert_eq!(line("window "), "window = \"1m\" # default");
}

#[test]
fn a_wrong_file_is_an_error_wherever_it_is_read() {
    let site = Site::new();
    site.settings("[alerts]\nup = \"fast\"\n");
    let path = site.path("toptalk.toml");
    let mut check = toptalk();
    check.args(["config", "check"]).arg(&path);
    let mut top = toptalk();
    top.args(["top", "--for", "1s", "--config"]).arg(&path);
    for mut command in [check, top, site.collect(&["-w", "/nowhere"])] {
        let output = command.output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains("toptalk.toml:2:6: alerts.up: expected"), "{said}");
        assert!(said.contains("  up = \"fast\"\n       ^^^^^^\n"), "{said}");
    }
    // Who has no settings does not care.
    let mut query = toptalk();
    query.args(["query", "-Z", "port 443"]).env("TOPTALK_CONFIG", &path);
    assert!(query.output().unwrap().status.success());
    site.settings("[alerts]\nup = \"80M\"\n");
    let output = toptalk().args(["config", "check"]).arg(&path).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && said.contains("1 settings, all valid"), "{said}");
}
