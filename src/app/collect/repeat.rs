//! The addresses that datagrams are sent on to.

use std::net::{SocketAddr, ToSocketAddrs};

use crate::app::AppError;
use crate::cli::Repeat;

/// Finds them; each once, at the start.
pub(super) fn resolve(targets: &[Repeat]) -> Result<Vec<SocketAddr>, AppError> {
    let address = |target: &Repeat| {
        let text = format!("{}/{}", target.host, target.port);
        let wrong = |source| AppError::Resolve { target: text.clone(), source };
        let mut found = (target.host.as_str(), target.port).to_socket_addrs().map_err(wrong)?;
        let none = || std::io::Error::other("it has no address");
        found.next().ok_or_else(none).map_err(wrong)
    };
    targets.iter().map(address).collect()
}
