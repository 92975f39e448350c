//! The service manager, hooks, readers of metrics, and `top`.

use super::*;
use std::fs;

#[test]
fn a_service_manager_that_does_not_read_stalls_nothing() {
    let site = Site::new();
    let other = UnixDatagram::unbound().unwrap();
    other.set_nonblocking(true).unwrap();
    let fill = || while other.send_to(b"another", site.path("notify")).is_ok() {};
    fill();
    let log = site.path("log");
    let mut command = site.collect(&[]);
    command.stderr(File::create(&log).unwrap()).env("WATCHDOG_USEC", "1000000");
    let process = Process::start(&mut command);
    let said = |word: &str| {
        common::wait_until(word, || fs::read_to_string(&log).unwrap().contains(word));
    };
    said("metrics at");
    site.send(40);
    site.recorded(40);
    process.signal(Signal::SIGHUP);
    said("reloaded");
    // As soon as it reads it is told what it missed.
    site.told("READY=1");
    fill();
    assert_eq!(process.end().code(), Some(0));
    assert_eq!(sums(&site.archive()).0, 40);
}

#[test]
fn what_a_hook_prints_is_read_though_nobody_reads_the_log() {
    let site = Site::new();
    let (writer, _reader) = full_pipe();
    let script = site.path("hook.sh");
    // More than a pipe holds; then it says that it has come to its end.
    let text = "seq 100000; seq 100000 >&2; echo done > \"$1\"\n";
    fs::write(&script, text).unwrap();
    let (script, done) = (script.display().to_string(), site.path("done"));
    let hook = format!("sh {script} '{}'", done.display());
    let process = Process::start(site.collect(&["-t", "1", "-x", &hook]).stderr(writer));
    site.told("READY=1");
    site.send(3);
    common::wait_until("the hook", || done.exists());
    common::wait_until("the count", || site.lost("hook_output_cut") >= 199_950);
    assert_eq!(process.end().code(), Some(0));
}

#[test]
fn what_a_hook_prints_is_logged_in_part() {
    let site = Site::new();
    let script = site.path("hook.sh");
    fs::write(&script, "echo copied; printf 'bad\\033[2J\\n' >&2; seq 60\n").unwrap();
    let hook = format!("sh {}", script.display());
    let log = site.path("log");
    let process = Process::start(site.collect(&["-x", &hook]).stderr(File::create(&log).unwrap()));
    site.told("READY=1");
    site.send(3);
    site.recorded(3);
    assert_eq!(process.end().code(), Some(0));
    let said = fs::read_to_string(log).unwrap();
    for line in ["hook: output: copied", "hook: output: bad[2J", "hook: output: 48 "] {
        assert!(said.contains(line), "{line}: {said}");
    }
    assert!(!said.contains("hook: output: 49 ") && said.contains("lines=12"), "{said}");
}

#[test]
fn scrapes_do_not_wait_for_those_who_say_nothing_or_read_nothing() {
    let site = Site::new();
    let process = Process::start(site.collect(&[]).stderr(Stdio::null()));
    site.told("READY=1");
    // At eight in ten seconds they would keep everybody out for minutes.
    let silent: Vec<TcpStream> = (0..100)
        .map(|nth| {
            let mut stream = TcpStream::connect(("127.0.0.1", site.metrics)).unwrap();
            if nth % 2 == 0 {
                // It may have been closed by then.
                drop(stream.write_all(b"GET /metrics HTTP/1.1\r\n"));
            }
            stream
        })
        .collect();
    assert!(metrics::get(site.metrics, "/metrics").0.starts_with("HTTP/1.1 200"));
    assert!(site.lost("metrics_cut_off") >= 60);
    drop(silent);
    assert_eq!(process.end().code(), Some(0));
}

#[test]
fn top_ends_when_told_though_nobody_reads_what_it_says() {
    let site = Site::new();
    let top = || {
        let mut command = toptalk();
        command.args(["top", "-b", "127.0.0.1", "-p", &site.port.to_string()]);
        command.args(["--for", "1000s", "-w"]).arg(site.archive());
        command
    };
    let (writer, _reader) = full_pipe();
    let process = Process::start(top().stdout(Stdio::null()).stderr(writer));
    let recorded = || site.archive().is_dir() && sums(&site.archive()).0 > 0;
    common::wait_until("flows", || {
        site.send(1);
        recorded()
    });
    assert_eq!(process.end().code(), Some(143));
    fs::remove_dir_all(site.archive()).unwrap();
    let (writer, _reader) = full_pipe();
    let process = Process::start(top().stdout(writer).stderr(Stdio::null()));
    common::wait_until("flows", || {
        site.send(1);
        recorded()
    });
    assert_eq!(process.end().code(), Some(143));
}
