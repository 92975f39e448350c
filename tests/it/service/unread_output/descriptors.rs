//! Too few descriptors: told at the start, or everything is recorded, whoever else
//! wants some.

use super::*;
use crate::common::users::copy_environment;
use std::io::{BufRead, BufReader};
use std::os::unix::net::UnixStream;

/// The same command with so many descriptors.
fn limited(command: &Command, limit: usize) -> Command {
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("ulimit -n {limit} && exec \"$0\" \"$@\"")]);
    shell.arg(command.get_program()).args(command.get_args());
    copy_environment(command, &mut shell);
    shell.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    shell
}

/// Everybody comes at once, says nothing and stays.
struct Crowd {
    _streams: Vec<TcpStream>,
    _screens: Vec<UnixStream>,
}

impl Crowd {
    fn come(site: &Site, count: usize) -> Crowd {
        let stream = |port: u16| TcpStream::connect(("127.0.0.1", port)).ok();
        let ports = (0..count).flat_map(|_| [site.port, site.metrics]);
        Crowd {
            _streams: ports.filter_map(stream).collect(),
            _screens: (0..count)
                .filter_map(|_| UnixStream::connect(site.path("t.sock")).ok())
                .collect(),
        }
    }
}

/// Runs with so many descriptors. Where that could begin, every flow is in a segment,
/// slot after slot, while clients take what they get; else how many were expected.
fn run(limit: usize) -> Result<(), usize> {
    let site = Site::new();
    let hook = format!("sh -c 'echo x >> {}'", site.path("told").display());
    let mut command = site.collect(&["-t", "1", "-x", &hook]);
    // Else it waits before it ends, so that it is not started again at once.
    command.env_remove("NOTIFY_SOCKET");
    let mut process = Process::start(&mut limited(&command, limit));
    let mut stderr = BufReader::new(process.0.stderr.take().unwrap());
    let mut said = String::new();
    let mut ready = false;
    while !ready && stderr.read_line(&mut said).unwrap() > 0 {
        ready = said.contains("metrics at");
    }
    if ready {
        let crowd = Crowd::come(&site, 40);
        for round in 1..=3 {
            site.send(10);
            site.recorded(10 * round);
        }
        drop(crowd);
        assert_eq!(process.end().code(), Some(0), "{limit}");
        let segments = common::archive::files(&site.archive());
        let are = |path: &PathBuf| path.extension().is_some_and(|end| end == "parquet");
        assert!(segments.iter().all(are), "{limit}: {segments:?}");
        assert_eq!(sums(&site.archive()).0, 30, "{limit}");
    }
    stderr.read_to_string(&mut said).unwrap();
    let alarms = ["not recording", "os error 24", "panicked", "cannot be run"];
    assert!(!alarms.iter().any(|alarm| said.contains(alarm)), "{limit}: {said}");
    if ready {
        return Ok(());
    }
    let expected = said.split_once("expected at least ").map(|(_, rest)| rest);
    let least = expected.and_then(|rest| {
        rest.strip_suffix(&format!(
            " open files to be allowed, found {limit} (ulimit -n; LimitNOFILE= of a service)\n"
        ))
    });
    Err(least.and_then(|least| least.parse().ok()).unwrap_or_else(|| panic!("{limit}: {said}")))
}

#[test]
fn recording_has_its_descriptors_or_is_not_begun() {
    let least = run(32).unwrap_err();
    // With 3 the system cannot even load the program, and says so.
    for limit in (4..least).step_by(4).chain([least - 1]) {
        assert!(run(limit).is_err(), "{limit}");
    }
    for limit in [least, least + 1, least + 7, least + 30, 256] {
        assert_eq!(run(limit), Ok(()), "{limit}");
    }
}

#[test]
fn no_command_panics_without_descriptors() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().display().to_string();
    let commands: [&[&str]; 5] = [
        &["top", "-b", "127.0.0.1", "-p", "0", "--for", "1ms"],
        &["query", "-R", &path],
        &["inspect", "/dev/null"],
        &["convert", "-R", &path, "-w", &path],
        &["replay", "-r", "/dev/null", "--to", "127.0.0.1:9"],
    ];
    for words in commands {
        for limit in 3..24 {
            let mut command = toptalk();
            command.args(words);
            let output = limited(&command, limit).stdout(Stdio::piped()).output().unwrap();
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            let code = output.status.code();
            assert!(code.is_some_and(|code| code != 101), "{limit} {words:?} {code:?}: {said}");
            assert!(!said.contains("panicked"), "{limit} {words:?}: {said}");
        }
    }
}
