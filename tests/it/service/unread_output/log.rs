//! Standard error that cannot be written, or that nobody reads.

use super::*;
use portable_pty::{CommandBuilder, PtySize, native_pty_system};

/// Collects with this as its standard error: flows are recorded, a reload is obeyed,
/// the end as well.
fn collects_into(stderr: Stdio) {
    let site = Site::new();
    let process = Process::start(site.collect(&[]).stderr(stderr));
    site.told("READY=1");
    site.send(40);
    site.recorded(40);
    process.signal(Signal::SIGHUP);
    site.told("RELOADING=1");
    site.told("READY=1");
    site.send(5);
    site.recorded(45);
    common::wait_until("lost lines in the metrics", || site.lost("log_lost") > 0);
    assert_eq!(process.end().code(), Some(0));
    assert_eq!(sums(&site.archive()).0, 45);
}

#[test]
fn a_full_disk_under_the_log_ends_nothing() {
    collects_into(File::options().write(true).open("/dev/full").unwrap().into());
}

#[test]
fn a_reader_of_the_log_that_is_gone_ends_nothing() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    collects_into(writer.into());
}

#[test]
fn a_log_socket_whose_other_end_is_gone_ends_nothing() {
    // As that of the journal, when that is stopped.
    let (ours, theirs) = std::os::unix::net::UnixStream::pair().unwrap();
    drop(theirs);
    collects_into(OwnedFd::from(ours).into());
}

#[test]
fn a_log_that_nobody_reads_stalls_nothing() {
    let site = Site::new();
    let (writer, mut reader) = full_pipe();
    let mut process = Process::start(site.collect(&[]).stderr(writer));
    site.told("READY=1");
    site.send(40);
    site.recorded(40);
    let mut top = toptalk();
    top.env_remove("TOPTALK_NO_ATTACH").env("TOPTALK_SOCKET", site.path("t.sock"));
    let output = top.arg("top").output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success() && text.contains("exporters 1: 127.0.0.1"), "{output:?}");
    process.signal(Signal::SIGTERM);
    assert_eq!(process.wait().code(), Some(0));
    assert_eq!(sums(&site.archive()).0, 40);
    // Nothing was written into the full pipe, and nothing waits to be.
    drop(process);
    let mut said = String::new();
    reader.read_to_string(&mut said).unwrap();
    assert!(said.chars().all(|c| c == '.'), "{said}");
}

#[test]
fn a_terminal_that_closes_does_not_end_the_collecting() {
    let site = Site::new();
    let terminal = native_pty_system().openpty(PtySize::default()).unwrap();
    let collect = site.collect(&[]);
    let mut command = CommandBuilder::new(collect.get_program());
    command.args(collect.get_args());
    for (name, value) in collect.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        }
    }
    let mut child = terminal.slave.spawn_command(command).expect("it starts");
    site.told("READY=1");
    drop(terminal);
    // The kernel hangs up on it, which has the settings read anew.
    site.told("RELOADING=1");
    site.told("READY=1");
    site.send(40);
    site.recorded(40);
    common::wait_until("lost lines in the metrics", || site.lost("log_lost") > 0);
    kill(Pid::from_raw(child.process_id().unwrap() as i32), Signal::SIGTERM).unwrap();
    assert_eq!(child.wait().unwrap().exit_code(), 0);
    assert_eq!(sums(&site.archive()).0, 40);
}

#[test]
fn the_log_goes_on_when_its_reader_is_back_and_says_what_is_missing() {
    let site = Site::new();
    let path = site.path("log");
    nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let first = File::options().read(true).write(true).open(&path).unwrap();
    let writer = File::options().write(true).open(&path).unwrap();
    let process = Process::start(site.collect(&[]).stderr(writer));
    site.told("READY=1");
    drop(first);
    process.signal(Signal::SIGHUP);
    site.told("READY=1");
    common::wait_until("lost lines in the metrics", || site.lost("log_lost") > 0);
    let second = File::options().read(true).open(&path).unwrap();
    process.signal(Signal::SIGHUP);
    site.told("READY=1");
    assert_eq!(process.end().code(), Some(0));
    let said = std::io::read_to_string(second).unwrap();
    let missing = said.find("lines of this log were lost: they could not be written lost=");
    let reloaded = said.find("reloaded");
    assert!(missing.is_some() && missing < reloaded, "{said}");
}

#[test]
fn a_log_at_the_limit_of_file_sizes_ends_nothing() {
    // `ulimit -f`, LimitFSIZE= of a service: the kernel sends SIGXFSZ for each write.
    let site = Site::new();
    let collect = site.collect(&[]);
    let mut limited = Command::new("sh");
    limited.args(["-c", "ulimit -f 0 && exec \"$0\" \"$@\""]).arg(collect.get_program());
    limited.args(collect.get_args()).stdin(Stdio::null()).stdout(Stdio::null());
    for (name, value) in collect.get_envs() {
        match value {
            Some(value) => limited.env(name, value),
            None => limited.env_remove(name),
        };
    }
    limited.stderr(File::create(site.path("log")).unwrap());
    let process = Process::start(&mut limited);
    site.told("READY=1");
    site.send(40);
    process.signal(Signal::SIGHUP);
    site.told("RELOADING=1");
    site.told("READY=1");
    common::wait_until("lost lines in the metrics", || site.lost("log_lost") > 0);
    assert_eq!(process.end().code(), Some(0));
}

#[test]
fn a_terminal_that_stops_who_writes_in_the_background_stops_no_collector() {
    // `stty tostop`, then `toptalk collect &`: the kernel sends SIGTTOU for each write.
    let site = Site::new();
    let terminal = native_pty_system().openpty(PtySize::default()).unwrap();
    let collect = site.collect(&[]);
    let mut command = CommandBuilder::new("bash");
    // `-m` gives what is in the background a process group of its own, as in a shell
    // for people.
    command.args(["-m", "-c", "stty tostop; \"$0\" \"$@\" & echo $! >\"$PID\"; wait"]);
    command.env("PID", site.path("pid"));
    command.arg(collect.get_program());
    command.args(collect.get_args());
    for (name, value) in collect.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        }
    }
    let mut shell = terminal.slave.spawn_command(command).unwrap();
    site.told("READY=1");
    site.send(40);
    site.recorded(40);
    let mut said = terminal.master.try_clone_reader().unwrap();
    let mut text = Vec::new();
    common::wait_until("the log on the terminal", || {
        let mut bytes = [0; 512];
        let read = said.read(&mut bytes).unwrap();
        text.extend_from_slice(bytes.get(..read).unwrap());
        String::from_utf8_lossy(&text).contains("recording")
    });
    // The shell waits for it.
    let pid = std::fs::read_to_string(site.path("pid")).unwrap().trim().parse().unwrap();
    kill(Pid::from_raw(pid), Signal::SIGTERM).unwrap();
    shell.wait().unwrap();
}
