//! `toptalk demo`: the live screen with an invented site. Its routers send real NetFlow
//! over loopback to the ingest that real traffic uses.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use super::{AppError, groups, live};
use crate::agg::Rules;
use crate::cli::LiveCommand;
use crate::clock::Clock;
use crate::demo::Demo;
use crate::flow::NetworkGroups;
use crate::ingest::BoundSocket;

/// Interval at which the routers send.
const TICK: Duration = Duration::from_millis(250);

pub(super) fn run(mut live: LiveCommand, seed: u64) -> Result<ExitCode, AppError> {
    let groups = match live.collect.groups.as_slice() {
        [] => Arc::new(NetworkGroups::new(Demo::groups())),
        words => groups::read(words)?,
    };
    let clock = Clock::start();
    let demo = Demo::new(seed, clock.now());
    let limits = Demo::thresholds();
    live.collect.config.rules = Rules {
        host_up: Some(limits.alert_up),
        host_down: Some(limits.alert_down),
        link_up: Some(limits.link_up),
        link_down: Some(limits.link_down),
    };
    let socket = BoundSocket::open(Some(Ipv4Addr::LOCALHOST.into()), 0)?;
    let target = SocketAddr::from((Ipv4Addr::LOCALHOST, socket.port()));
    let routers = Routers::start(demo, clock, target).map_err(AppError::Start)?;
    let ending = live::show(live, groups, (vec![socket], None), Some(Demo::DESCRIPTION.to_owned()));
    drop(routers);
    ending
}

/// The thread that sends. It ends when this is dropped.
struct Routers {
    ending: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Routers {
    fn start(mut demo: Demo, clock: Clock, target: SocketAddr) -> io::Result<Routers> {
        let sockets = (2u8..)
            .take(Demo::EXPORTERS.len())
            .map(router)
            .collect::<io::Result<Vec<UdpSocket>>>()?;
        let ending = Arc::new(AtomicBool::new(false));
        let ended = ending.clone();
        let thread = std::thread::Builder::new().name("demo".to_owned()).spawn(move || {
            while !ended.load(Ordering::Relaxed) {
                for datagram in demo.tick(clock.now()) {
                    if let Some(socket) = sockets.get(datagram.exporter) {
                        // Like a router, the demo ignores whether the datagram arrives.
                        let _ = socket.send_to(&datagram.bytes, target);
                    }
                }
                std::thread::sleep(TICK);
            }
        })?;
        Ok(Routers { ending, thread: Some(thread) })
    }
}

impl Drop for Routers {
    fn drop(&mut self) {
        self.ending.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // A panic of the thread has already been printed.
            let _ = thread.join();
        }
    }
}

/// A socket with its own address from 127.0.0.2 on, so that each router is an exporter. If
/// loopback has only 127.0.0.1, the routers share it.
fn router(last: u8) -> io::Result<UdpSocket> {
    let own = IpAddr::V4(Ipv4Addr::new(127, 0, 0, last));
    UdpSocket::bind((own, 0)).or_else(|_| UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)))
}
