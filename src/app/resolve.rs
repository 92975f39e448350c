//! Resolves hosts that datagrams are sent to.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};

use super::AppError;
use crate::cli::Target;

/// The first address of a host. A name is looked up.
///
/// # Errors
/// When the name is unknown or has no address.
pub(super) fn resolve(target: &Target) -> Result<SocketAddr, AppError> {
    let failed = |source| AppError::Resolve { target: target.to_string(), source };
    let mut found = (target.host.as_str(), target.port).to_socket_addrs().map_err(failed)?;
    let none = || io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    found.next().ok_or_else(none).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_need_no_name_server() {
        for (host, address) in [("192.0.2.9", "192.0.2.9:2055"), ("::1", "[::1]:2055")] {
            let found = resolve(&Target { host: host.to_owned(), port: 2055 }).unwrap();
            assert_eq!(found.to_string(), address);
        }
    }

    #[test]
    fn what_has_no_address_is_named() {
        // A label of 64 characters is never asked for (RFC 1035, 2.3.4).
        let target = Target { host: "x".repeat(64), port: 1 };
        let error = resolve(&target).unwrap_err().to_string();
        assert!(error.starts_with(&format!("cannot find the address of {target}: ")), "{error}");
    }
}
