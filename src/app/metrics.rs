//! Metrics over HTTP, for whoever watches the watcher.
//!
//! A thread of its own: neither collecting nor a screen waits for one who asks. Nor
//! does one who asks wait for another: where there are too many connections, one goes.

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

/// Connections at once: a monitoring system has one, its spare another. The answer of
/// each may take a megabyte until it is read.
pub(super) const MAX_CONNECTIONS: usize = 32;

/// Connections are taken this far apart at least, so that each has some milliseconds
/// for its request however many come.
const ACCEPT_PACE: Duration = Duration::from_millis(1);

/// A connection asks once, and has so long for everything.
const PATIENCE: Duration = Duration::from_secs(10);

/// Bytes of a request, its headers included: the least that hyper can be told.
const MAX_REQUEST: usize = 8192;

/// How long nothing is accepted after that failed, as without file descriptors.
const BACK_OFF: Duration = Duration::from_millis(100);

/// The path that is asked for.
const PATH: &str = "/metrics";

/// Who knows how the collecting goes, and what time it is.
pub(super) type MetricsSource = Arc<dyn Fn() -> (Health, Time) + Send + Sync>;

/// The running server; it ends when this is dropped.
pub(super) struct Metrics {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Metrics {
    /// Takes the address, before anything else is begun.
    pub(super) fn bind(address: Option<SocketAddr>) -> Result<Option<TcpListener>, AppError> {
        let Some(address) = address else { return Ok(None) };
        let bound = TcpListener::bind(address).and_then(|listener| {
            listener.set_nonblocking(true)?;
            Ok(listener)
        });
        bound.map(Some).map_err(|source| AppError::Metrics { address, source })
    }

    /// Starts answering so many at once, and says where.
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
            // It says nothing at its end, and a panic of it is no reason for another.
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

/// The connections that are open.
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

    /// Serves a connection, in the place of another if there are too many.
    fn admit(&self, number: u64, from: IpAddr, stream: TcpStream, source: MetricsSource) {
        // It must not be over before it is in the list.
        let mut list = self.list();
        if list.len() >= self.limit {
            let addresses: Vec<IpAddr> = list.iter().map(|open| open.from).collect();
            list.remove(dispensable(&addresses, from)).task.abort();
            self.losses.add(LostMessages::Scrape, 1);
        }
        let open = self.clone();
        let work = async move {
            // Who is too slow, or makes no sense, is not told anything.
            if tokio::time::timeout(PATIENCE, talk(stream, source)).await.is_err() {
                open.losses.add(LostMessages::Scrape, 1);
            }
            open.list().retain(|open| open.number != number);
        };
        list.push(Connection { number, from, task: tokio::spawn(work).abort_handle() });
    }
}

/// Which of these connections, the oldest first, goes for one that comes from
/// `newcomer`: the oldest of the address that has the most, so that whoever opens
/// many costs none but himself.
fn dispensable(open: &[IpAddr], newcomer: IpAddr) -> usize {
    let count = |address: IpAddr| {
        let same = open.iter().filter(|other| **other == address).count();
        same + usize::from(address == newcomer)
    };
    // The first of several that have as many.
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
