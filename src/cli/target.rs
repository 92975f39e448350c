//! The address that datagrams are sent to.

use std::fmt;

/// A host with a port. A name is resolved only when something is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// A name or an address, an IPv6 address without brackets.
    pub host: String,
    /// From 1.
    pub port: u16,
}

impl Target {
    /// `HOST:PORT`, or `HOST/PORT` as nfcapd writes it: `separator` says which.
    pub(super) fn parse(text: &str, separator: char) -> Option<Target> {
        let (host, port) = text.rsplit_once(separator)?;
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let (host, port) = (bare.unwrap_or(host), port.parse().ok()?);
        (!host.is_empty() && port > 0).then(|| Target { host: host.to_owned(), port })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Target { host, port } = self;
        if host.contains(':') { write!(f, "[{host}]:{port}") } else { write!(f, "{host}:{port}") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_names_and_addresses_and_ports_begin_at_one() {
        for (text, separator, host, shown) in [
            ("a.example:2055", ':', "a.example", "a.example:2055"),
            ("192.0.2.9/2055", '/', "192.0.2.9", "192.0.2.9:2055"),
            ("[2001:db8::1]:2055", ':', "2001:db8::1", "[2001:db8::1]:2055"),
            ("2001:db8::1:2055", ':', "2001:db8::1", "[2001:db8::1]:2055"),
            ("2001:db8::1/2055", '/', "2001:db8::1", "[2001:db8::1]:2055"),
        ] {
            let found = Target::parse(text, separator).unwrap();
            assert_eq!((found.host.as_str(), found.port), (host, 2055));
            assert_eq!(found.to_string(), shown);
        }
        for text in ["", "a", ":5", "[]:5", "a:", "a:0", "a:65536", "a/5", "[::1]"] {
            assert_eq!(Target::parse(text, ':'), None, "{text}");
        }
    }
}
