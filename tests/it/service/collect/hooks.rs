//! Hooks, repeating, and folders of exporters.

use super::*;
use crate::common::terminal::PATIENCE;

/// A script that notes what it is told.
fn script(site: &Site) -> String {
    let path = site.path("hook.sh");
    let text = "printf '%s,%s,%s,%s\\n' \"$1\" \"$2\" \"$TOPTALK_FOLDER/$TOPTALK_FILE\" \"$TOPTALK_FLOWS\" >> \"$3\"\n";
    fs::write(&path, text).unwrap();
    path.display().to_string()
}

#[test]
fn a_hook_is_told_of_each_finished_file() {
    let site = Site::new();
    site.settings("");
    let (script, told) = (script(&site), site.path("told files"));
    let hook = format!("sh {script} %d/%f %i '{}'", told.display());
    let running = site.start(&["-S", "1", "-I", "edge", "-x", &hook]);
    site.router().send(4);
    site.wait_for(4);
    let said = end(running);
    let told = fs::read_to_string(told).unwrap_or_else(|error| panic!("{error}: {said}"));
    let file = common::archive::files(&site.archive()).pop().unwrap();
    let file = file.display();
    assert_eq!(told, format!("{file},edge,{file},4\n"), "{said}");
    assert!(said.contains("ident=edge flows=4"), "{said}");
}

#[test]
fn a_hook_that_hangs_is_killed_and_the_rest_goes_on() {
    let site = Site::new();
    site.settings("[hook]\ncommand = \"sh -c 'sleep 100000'\"\nlimit = 1\n");
    let mut running = site.start(&["-t", "1"]);
    let mut router = site.router();
    router.send(2);
    running.wait_for("hook: took too long and was killed");
    router.send(3);
    site.wait_for(5);
    end(running);
    assert_eq!(flows(&site.archive()), 5);
}

#[test]
fn a_hook_that_fails_or_is_not_there_is_told() {
    for (hook, told) in
        [("sh -c 'exit 3'", "hook: failed"), ("/no/such/program", "hook: cannot be started")]
    {
        let site = Site::new();
        site.settings("");
        let running = site.start(&["-x", hook]);
        site.router().send(1);
        site.wait_for(1);
        let said = end(running);
        assert!(said.contains(told), "{said}");
    }
}

#[test]
fn datagrams_are_sent_on_as_they_came() {
    let site = Site::new();
    site.settings("");
    let other = UdpSocket::bind("127.0.0.1:0").unwrap();
    other.set_read_timeout(Some(PATIENCE)).unwrap();
    let port = other.local_addr().unwrap().port().to_string();
    let target = format!("127.0.0.1/{port}");
    let running = site.start(&["-R", &target, "--allow", "127.0.0.1"]);
    let mut buffer = [0; 2000];
    let mut router = site.router();
    // A stranger's are not: the next thing that comes is the router's.
    Router::new("127.0.0.2", site.port).send(1);
    for _ in 0..20 {
        let sent = router.send(1);
        let length = other.recv(&mut buffer).unwrap();
        assert_eq!(buffer[..length], sent);
    }
    router.socket.send(b"no flow record").unwrap();
    let length = other.recv(&mut buffer).unwrap();
    assert_eq!(&buffer[..length], b"no flow record");
    let said = end(running);
    assert!(said.contains("flows=20") && said.contains("bad=2"), "{said}");
}

#[test]
fn named_exporters_are_recorded_apart_and_others_refused() {
    let site = Site::new();
    site.settings("");
    let (one, two) = (site.path("one"), site.path("two"));
    let words =
        [format!("r1,127.0.0.1,{}", one.display()), format!("r2,127.0.0.2,{}", two.display())];
    let mut command = site.collect(&["-n", &words[0], "-n", &words[1]]);
    let running = Running::start(&mut command, "listening");
    let send = |address: &str, flows| Router::new(address, site.port).send(flows);
    // In turns, so that they come in the same batches.
    for _ in 0..4 {
        send("127.0.0.1", 1);
        send("127.0.0.2", 2);
        send("127.0.0.3", 1);
    }
    common::wait_until("flows", || (flows(&one), flows(&two)) == (4, 8));
    let said = end(running);
    assert_eq!((flows(&one), flows(&two)), (4, 8), "{said}");
    assert!(said.contains("ident=r1 flows=4") && said.contains("ident=r2 flows=8"), "{said}");
    assert!(said.contains("bad=4"), "{said}");
}

#[test]
fn each_exporter_gets_a_folder_and_what_a_kill_leaves_there_is_found() {
    let site = Site::new();
    site.settings(&format!("[record]\neach = \"{}\"\n", site.archive().display()));
    fs::create_dir_all(site.archive().join("notes")).unwrap();
    let running = Running::start(&mut site.collect(&[]), "listening");
    let folder = |address: &str| site.archive().join(address);
    let count = |address: &str| if folder(address).is_dir() { flows(&folder(address)) } else { 0 };
    let send = |address: &str, flows| Router::new(address, site.port).send(flows);
    send("127.0.0.1", 3);
    send("127.0.0.2", 4);
    common::wait_until("flows", || (count("127.0.0.1"), count("127.0.0.2")) == (3, 4));
    running.end(Signal::SIGKILL);
    let running = Running::start(&mut site.collect(&[]), "4 flows of an earlier run");
    let held = Site::new();
    held.settings("");
    let taken = folder("127.0.0.1").display().to_string();
    let second = held.collect(&["-w", &taken]).output().unwrap();
    let said = String::from_utf8(second.stderr).unwrap();
    assert!(said.contains(&format!("recorder with process id {}", running.pid())), "{said}");
    send("127.0.0.2", 5);
    common::wait_until("flows", || count("127.0.0.2") == 9);
    let said = end(running);
    assert!(said.contains("ident=127.0.0.2 flows=5"), "{said}");
    assert_eq!((count("127.0.0.1"), count("127.0.0.2")), (3, 9));
    let segments = common::archive::files(&site.archive());
    assert!(segments.iter().all(|path| path.extension().is_some_and(|end| end == "parquet")));
}
