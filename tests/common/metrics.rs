//! Metrics of a collector under test.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::str::FromStr;

use super::terminal::PATIENCE;

/// A TCP port of 127.0.0.1 that was free when this was called.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Sends a request to the server on this port. Returns head and body of the answer.
pub fn talk(port: u16, request: &str) -> (String, String) {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    // A client that is disconnected may see a reset instead of the end.
    let _ = stream.read_to_string(&mut answer);
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    (head.to_owned(), body.to_owned())
}

/// Head and body of the answer for a path.
pub fn get(port: u16, path: &str) -> (String, String) {
    talk(port, &format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n"))
}

/// The text of one complete scrape.
pub fn scrape(port: u16) -> String {
    let (head, body) = get(port, "/metrics");
    assert!(head.starts_with("HTTP/1.1 200 OK"), "{head}");
    body
}

/// The value of a series in the text of a scrape.
pub fn value<T: FromStr>(text: &str, series: &str) -> Option<T> {
    let line = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '))?;
    line.parse().ok()
}

/// The current value of a series.
pub fn scraped(port: u16, series: &str) -> Option<u64> {
    value(&scrape(port), series)
}
