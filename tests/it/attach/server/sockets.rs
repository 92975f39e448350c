//! The socket file, and other versions of the protocol.

use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;

use toptalk::attach::client::AttachError;
use toptalk::attach::frame::{Hello, Request};
use toptalk::attach::server::{ClientLimits, Socket};

use super::harness::{Client, Harness, rest, view};

#[test]
fn the_socket_of_a_killed_collector_is_replaced_and_a_live_one_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.sock");
    // The file stays when the listener is closed.
    drop(UnixListener::bind(&path).unwrap());
    assert!(path.exists());
    let error = Client::open(&path).err().unwrap();
    assert!(matches!(error, AttachError::Absent), "{error}");
    let socket = Socket::bind(&path).unwrap();
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o660);
    let error = Socket::bind(&path).unwrap_err().to_string();
    assert!(error.contains("t.sock: another collector serves screens there"), "{error}");
    // A file that another process has put there meanwhile is not removed.
    std::fs::remove_file(&path).unwrap();
    let other = UnixListener::bind(&path).unwrap();
    drop(socket);
    assert!(path.exists());
    drop(other);
    drop(Socket::bind(&path).unwrap());
    assert!(!path.exists());
}

#[test]
fn other_files_are_not_changed_and_paths_have_a_limit() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    std::fs::write(&path, "kept").unwrap();
    let error = Socket::bind(&path).unwrap_err().to_string();
    assert!(error.contains("expected a socket, found something else"), "{error}");
    assert_eq!(std::fs::read(&path).unwrap(), b"kept");
    let error = Socket::bind(&folder.path().join("no/such")).unwrap_err().to_string();
    assert!(error.contains("no/such"), "{error}");
    let long = folder.path().join("x".repeat(120));
    for error in [
        Socket::bind(&long).unwrap_err().to_string(),
        Client::open(&long).err().unwrap().to_string(),
    ] {
        assert!(error.contains("at most 107 bytes for a socket"), "{error}");
    }
}

#[test]
fn other_versions_are_reported_on_both_sides() {
    let other = Hello { protocol: 99, version: "9.9.9".to_owned() };
    // A newer screen at this collector: it receives this version, and the connection is
    // closed.
    let harness = Harness::start(ClientLimits::default());
    let said = rest(harness.raw(&other.bytes()));
    assert_eq!(said, Hello::ours().bytes());
    assert_eq!(harness.server.as_ref().unwrap().attached().refused, 1);
    let mut client = harness.client();
    client.send(Request::Watch(view(1)));
    assert_eq!(client.snapshot().view, view(1));
    // This screen at a newer collector.
    let path = harness.folder.path().join("newer.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let newer = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.write_all(&other.bytes()).unwrap();
        let mut heard = Vec::new();
        drop(stream.read_to_end(&mut heard));
        heard
    });
    let error = Client::open(&path).err().unwrap().to_string();
    assert!(error.contains("found 99 (toptalk 9.9.9)"), "{error}");
    assert!(error.contains("must be of one version"), "{error}");
    assert_eq!(newer.join().unwrap(), Hello::ours().bytes());
}
