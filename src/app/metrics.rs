//! Metrics over HTTP, for monitoring the collector.
//!
//! They have a separate thread, so that neither collecting nor a screen waits for a client.
//! Clients do not wait for each other: when there are too many connections, one is closed.

use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{ALLOW, CONTENT_TYPE};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::AbortHandle;
use tracing::info;

use super::AppError;
use super::runtime::runtime;
use crate::flow::Time;
use crate::ingest::{LostMessageCounters, LostMessages};
use crate::metrics;
use crate::snapshot::Health;

/// Maximum number of connections. A monitoring system needs one, its spare another. The
/// answer on each connection may take a megabyte until it is read.
pub(super) const MAX_CONNECTIONS: usize = 32;

/// Minimum time between two accepted connections, so that each has some milliseconds for its
/// request, however many arrive.
const ACCEPT_PACE: Duration = Duration::from_millis(1);

/// Time limit of a connection, for its request and the answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Maximum size of a request with its headers: the least that hyper allows to set.
const MAX_REQUEST: usize = 8192;

/// Pause after a failed accept, for example for lack of file descriptors.
const BACK_OFF: Duration = Duration::from_millis(100);

/// The path of the metrics.
const PATH: &str = "/metrics";

/// Returns the health of the collector and the present time.
pub(super) type MetricsSource = Arc<dyn Fn() -> (Health, Time) + Send + Sync>;

/// The running server. It ends when this is dropped.
pub(super) struct Metrics {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Metrics {
    /// Binds the address, before anything else is started.
    pub(super) fn bind(address: Option<SocketAddr>) -> Result<Option<TcpListener>, AppError> {
        let Some(address) = address else { return Ok(None) };
        let bound = TcpListener::bind(address).and_then(|listener| {
            listener.set_nonblocking(true)?;
            Ok(listener)
        });
        bound.map(Some).map_err(|source| AppError::Metrics { address, source })
    }

    /// Starts the server, for at most `limit` connections, and logs its address.
    pub(super) fn serve(
        listener: Option<TcpListener>,
        source: MetricsSource,
        limit: usize,
        losses: LostMessageCounters,
    ) -> Result<Option<Metrics>, AppError> {
        let Some(listener) = listener else { return Ok(None) };
        let open = OpenConnections { limit, list: Arc::default(), losses };
        let started = Metrics::start(listener, source, open);
        let (address, metrics) = started.map_err(AppError::Start)?;
        info!("metrics at http://{address}{PATH}");
        Ok(Some(metrics))
    }

    fn start(
        listener: TcpListener,
        source: MetricsSource,
        open: OpenConnections,
    ) -> io::Result<(SocketAddr, Metrics)> {
        let address = listener.local_addr()?;
        let runtime = runtime()?;
        let (stop, stopped) = oneshot::channel();
        let listener = {
            let _within = runtime.enter();
            tokio::net::TcpListener::from_std(listener)?
        };
        let thread = std::thread::Builder::new().name("metrics".to_owned()).spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    () = accept(listener, source, open) => {}
                    _ = stopped => {}
                }
            });
        })?;
        Ok((address, Metrics { stop: Some(stop), thread: Some(thread) }))
    }
}

impl Drop for Metrics {
    fn drop(&mut self) {
        self.stop.take();
        if let Some(thread) = self.thread.take() {
            // A panic of the thread must not cause another one here.
            let _ = thread.join();
        }
    }
}

async fn accept(listener: tokio::net::TcpListener, source: MetricsSource, open: OpenConnections) {
    for number in 0.. {
        match listener.accept().await {
            Ok((stream, from)) => {
                open.admit(number, from.ip(), stream, source.clone());
                tokio::time::sleep(ACCEPT_PACE).await;
            }
            Err(_) => tokio::time::sleep(BACK_OFF).await,
        }
    }
}

/// The open connections.
#[derive(Clone)]
struct OpenConnections {
    limit: usize,
    /// The oldest first.
    list: Arc<Mutex<Vec<Connection>>>,
    losses: LostMessageCounters,
}

struct Connection {
    number: u64,
    from: IpAddr,
    task: AbortHandle,
}

impl OpenConnections {
    fn list(&self) -> MutexGuard<'_, Vec<Connection>> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Serves a connection. If there are too many, another one is closed.
    fn admit(&self, number: u64, from: IpAddr, stream: TcpStream, source: MetricsSource) {
        // The lock is held so that the task cannot end before it is in the list.
        let mut list = self.list();
        if list.len() >= self.limit {
            let addresses: Vec<IpAddr> = list.iter().map(|open| open.from).collect();
            list.remove(dispensable(&addresses, from)).task.abort();
            self.losses.add(LostMessages::Scrape, 1);
        }
        let open = self.clone();
        let work = async move {
            // A client that is too slow or sends nonsense gets no answer.
            if tokio::time::timeout(PATIENCE, talk(stream, source)).await.is_err() {
                open.losses.add(LostMessages::Scrape, 1);
            }
            open.list().retain(|open| open.number != number);
        };
        list.push(Connection { number, from, task: tokio::spawn(work).abort_handle() });
    }
}

/// Which of these connections, the oldest first, is closed for a new one from `newcomer`: the
/// oldest of the address that has the most, so that a client with many connections only
/// displaces its own.
fn dispensable(open: &[IpAddr], newcomer: IpAddr) -> usize {
    let count = |address: IpAddr| {
        let same = open.iter().filter(|other| **other == address).count();
        same + usize::from(address == newcomer)
    };
    // If several have the same number, the first.
    let most = open.iter().enumerate().rev().max_by_key(|(_, address)| count(**address));
    most.map_or(0, |(at, _)| at)
}

async fn talk(stream: TcpStream, source: MetricsSource) -> Result<(), hyper::Error> {
    let service = service_fn(move |request| {
        let source = source.clone();
        async move { Ok::<_, Infallible>(answer(&request, &source)) }
    });
    let mut http = http1::Builder::new();
    http.keep_alive(false).max_buf_size(MAX_REQUEST);
    http.serve_connection(TokioIo::new(stream), service).await
}

fn answer(request: &Request<Incoming>, source: &MetricsSource) -> Response<Full<Bytes>> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let mut response = said(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD\n");
        response.headers_mut().insert(ALLOW, hyper::header::HeaderValue::from_static("GET, HEAD"));
        return response;
    }
    if request.uri().path() != PATH {
        return said(StatusCode::NOT_FOUND, "metrics are at /metrics\n");
    }
    let (health, now) = source();
    match metrics::text(health, now, env!("CARGO_PKG_VERSION")) {
        Ok(text) => said(StatusCode::OK, text),
        Err(_) => said(StatusCode::INTERNAL_SERVER_ERROR, "cannot be written\n"),
    }
}

fn said(status: StatusCode, text: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(text.into()));
    *response.status_mut() = status;
    let kind = hyper::header::HeaderValue::from_static(metrics::CONTENT_TYPE);
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_has_most_connections_loses_the_oldest() {
        let address = |last: u8| IpAddr::from([192, 0, 2, last]);
        let of = |open: &[u8], newcomer| {
            let open: Vec<IpAddr> = open.iter().map(|last| address(*last)).collect();
            dispensable(&open, address(newcomer))
        };
        // One that opens many never costs the others theirs.
        assert_eq!(of(&[1, 9, 9, 9, 2], 9), 1);
        assert_eq!(of(&[1, 9, 9, 9, 2], 3), 1);
        assert_eq!(of(&[1, 2, 2, 9], 9), 1);
        // Where each has one, the oldest.
        assert_eq!(of(&[1, 2, 3], 4), 0);
        assert_eq!(of(&[1, 2, 3], 3), 2);
    }
}
