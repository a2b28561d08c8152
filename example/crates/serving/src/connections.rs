//! Connections with an end: whatever a client does or leaves undone, it holds a place for a bounded time, and
//! the service stops within one.

use std::future::Future;
use std::io;
use std::pin::pin;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use rustix::process::{Resource, getrlimit};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// For how long and how many: what a client may take of the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// For the head of a request, from the first moment that it could come: an idle connection is closed after
    /// as long.
    pub header: Duration,
    /// For the body of a request, once its head is there.
    pub body: Duration,
    /// For a connection, however busy: then it finishes its request, and the client connects again.
    pub connection: Duration,
    /// For what is under way when the service is to stop, and for a client to take its last answer.
    pub drain: Duration,
    /// Connections at once; fewer, if the system gives the process fewer descriptors.
    pub connections: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            header: Duration::from_secs(10),
            body: Duration::from_secs(10),
            connection: Duration::from_mins(5),
            drain: Duration::from_secs(10),
            connections: 1024,
        }
    }
}

/// Descriptors for everything that isn't a connection: the log, the store, libraries.
const OTHER_DESCRIPTORS: usize = 64;
/// Connections beyond the limit that are answered with 503; more are closed without an answer.
const REFUSED_AT_ONCE: usize = 32;
/// For a client to send its head and take its refusal.
const REFUSAL: Duration = Duration::from_secs(1);
/// How long nothing is accepted after the system refused to accept.
const ACCEPT_BACKOFF: Duration = Duration::from_millis(100);

impl Limits {
    /// Asked each time: the system's limit may change while the service runs.
    fn connections_now(&self) -> usize {
        let descriptors = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
        let descriptors = usize::try_from(descriptors).unwrap_or(usize::MAX);
        let connections = descriptors.saturating_sub(OTHER_DESCRIPTORS + REFUSED_AT_ONCE);
        self.connections.min(connections).max(1)
    }
}

/// Answers what comes to `listener` with `router`, and with `overloaded` what is too much, until `stop` is
/// done; then finishes what is under way, for no longer than [`Limits::drain`].
pub(crate) async fn serve(
    listener: TcpListener,
    router: Router,
    overloaded: Router,
    limits: Limits,
    stop: impl Future<Output = ()>,
) {
    let (closing, closed) = watch::channel(false);
    let mut connections = JoinSet::new();
    let mut stop = pin!(stop);
    loop {
        tokio::select! {
            () = &mut stop => break,
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    let allowed = limits.connections_now();
                    if connections.len() < allowed {
                        connections.spawn(connection(stream, router.clone(), limits, closed.clone()));
                    } else if connections.len() < allowed + REFUSED_AT_ONCE {
                        let limits = Limits { header: REFUSAL, drain: REFUSAL, connection: REFUSAL, ..limits };
                        connections.spawn(connection(stream, overloaded.clone(), limits, closed.clone()));
                    }
                }
                // The client was gone before it was accepted.
                Err(error) if is_of_the_client(&error) => {}
                Err(error) => {
                    tracing::error!(%error, "can't accept connections");
                    sleep(ACCEPT_BACKOFF).await;
                }
            }
        }
    }
    drop(listener);
    closing.send_replace(true);
    let drained = async { while connections.join_next().await.is_some() {} };
    if timeout(limits.drain, drained).await.is_err() {
        let open = connections.len();
        tracing::warn!(open, "closed connections that didn't end in time");
    }
    connections.shutdown().await;
}

/// Serves one connection until its client ends it, breaks a limit, or the service closes.
async fn connection(
    stream: TcpStream,
    router: Router,
    limits: Limits,
    mut closed: watch::Receiver<bool>,
) {
    // It only makes answers later.
    let _ = stream.set_nodelay(true);
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    let mut connection = pin!(connection);
    tokio::select! {
        ended = connection.as_mut() => {
            if let Err(error) = ended {
                tracing::debug!(%error, "a connection ended early");
            }
            return;
        }
        _ = closed.wait_for(|closed| *closed) => {}
        () = sleep(limits.connection) => {}
    }
    connection.as_mut().graceful_shutdown();
    if timeout(limits.drain, connection).await.is_err() {
        tracing::debug!("cut a connection off: it didn't end in time");
    }
}

fn is_of_the_client(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
    )
}
