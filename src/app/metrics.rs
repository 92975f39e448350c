//! Metrics over HTTP, for whoever watches the watcher.
//!
//! A thread of its own: neither collecting nor a screen waits for one who asks.

use std::convert::Infallible;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
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
use tokio::sync::{Semaphore, oneshot};
use tracing::info;

use super::AppError;
use crate::flow::Time;
use crate::metrics;
use crate::snapshot::Health;

/// Connections at once: a monitoring system has one, its spare another. Further
/// ones wait in the kernel.
const MAX_CONNECTIONS: usize = 8;

/// A connection asks once, and has so long for everything.
const PATIENCE: Duration = Duration::from_secs(10);

/// Bytes of a request, its headers included: the least that hyper can be told.
const MAX_REQUEST: usize = 8192;

/// How long nothing is accepted after that failed, as without file descriptors.
const BACK_OFF: Duration = Duration::from_millis(100);

/// The path that is asked for.
const PATH: &str = "/metrics";

/// Who knows how the collecting goes, and what time it is.
pub(super) type Source = Arc<dyn Fn() -> (Health, Time) + Send + Sync>;

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

    /// Starts answering, and says where.
    pub(super) fn serve(
        listener: Option<TcpListener>,
        source: Source,
    ) -> Result<Option<Metrics>, AppError> {
        let Some(listener) = listener else { return Ok(None) };
        let (address, metrics) = Metrics::start(listener, source).map_err(AppError::Start)?;
        info!("metrics at http://{address}{PATH}");
        Ok(Some(metrics))
    }

    fn start(listener: TcpListener, source: Source) -> io::Result<(SocketAddr, Metrics)> {
        let address = listener.local_addr()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (stop, stopped) = oneshot::channel();
        let listener = {
            let _within = runtime.enter();
            tokio::net::TcpListener::from_std(listener)?
        };
        let thread = std::thread::Builder::new().name("metrics".to_owned()).spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    () = accept(listener, source) => {}
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

async fn accept(listener: tokio::net::TcpListener, source: Source) {
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    while let Ok(place) = places.clone().acquire_owned().await {
        match listener.accept().await {
            Ok((stream, _)) => {
                let source = source.clone();
                tokio::spawn(async move {
                    // Who is too slow, or makes no sense, is not told anything.
                    let _ = tokio::time::timeout(PATIENCE, talk(stream, source)).await;
                    drop(place);
                });
            }
            Err(_) => tokio::time::sleep(BACK_OFF).await,
        }
    }
}

async fn talk(stream: TcpStream, source: Source) -> Result<(), hyper::Error> {
    let service = service_fn(move |request| {
        let source = source.clone();
        async move { Ok::<_, Infallible>(answer(&request, &source)) }
    });
    let mut http = http1::Builder::new();
    http.keep_alive(false).max_buf_size(MAX_REQUEST);
    http.serve_connection(TokioIo::new(stream), service).await
}

fn answer(request: &Request<Incoming>, source: &Source) -> Response<Full<Bytes>> {
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
