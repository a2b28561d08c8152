//! Trying again: what may be, how often, how long apart.

use std::error::Error as StdError;
use std::future::Future;
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use object_store::Error;

use mlops_disk::crash;

/// How often and how patiently a failed call is repeated.
///
/// Between two tries it waits a random time up to `first_wait`, then up to twice that, and so on up to
/// `longest_wait` ("full jitter": clients that failed together don't come back together).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retry {
    /// Tries in all; 1 never repeats.
    pub tries: u32,
    /// The upper bound of the first wait.
    pub first_wait: Duration,
    /// The upper bound of every wait.
    pub longest_wait: Duration,
    /// How long one call may take without an answer. An upload may take longer by its size.
    pub timeout: Duration,
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            tries: 8,
            first_wait: Duration::from_millis(100),
            longest_wait: Duration::from_secs(10),
            timeout: Duration::from_secs(60),
        }
    }
}

/// What a call failed with in the end.
#[derive(Debug)]
pub(crate) struct Failed {
    pub error: Error,
    pub tries: u32,
}

impl Retry {
    /// Makes a call until it succeeds, fails for good, or has been tried often enough. `call` is told
    /// which try it is, from 1.
    pub(crate) async fn run<T, F, Fut>(&self, timeout: Duration, mut call: F) -> Result<T, Failed>
    where
        F: FnMut(u32) -> Fut,
        Fut: Future<Output = Result<T, Error>>,
    {
        let mut tries = 1;
        loop {
            crash::point("call the bucket");
            let answer = tokio::time::timeout(timeout, call(tries)).await;
            crash::point("call the bucket");
            let error = match answer {
                Ok(Ok(done)) => return Ok(done),
                Ok(Err(error)) => error,
                Err(_) => timed_out(timeout),
            };
            if tries >= self.tries || !is_transient(&error) {
                return Err(Failed { error, tries });
            }
            tokio::time::sleep(self.wait(tries)).await;
            tries += 1;
        }
    }

    /// A random wait after the given number of tries.
    pub(crate) fn wait(&self, tries: u32) -> Duration {
        let most = self
            .first_wait
            .saturating_mul(1u32 << (tries - 1).min(20))
            .min(self.longest_wait);
        // 24 random bits over 2^24: in [0, 1).
        let random = (RandomState::new().hash_one(tries) >> 40) as f64 / f64::from(1 << 24);
        most.mul_f64(random)
    }
}

pub(crate) fn timed_out(timeout: Duration) -> Error {
    Error::Generic {
        store: "network",
        source: std::io::Error::new(
            std::io::ErrorKind::TimedOut,
            format!("no answer within {} s", timeout.as_secs_f32()),
        )
        .into(),
    }
}

/// Whether the same call may succeed a moment later: the network failed, time ran out, or the server says
/// 408, 429 or 5xx (501 means never).
pub(crate) fn is_transient(error: &Error) -> bool {
    let Error::Generic { source, .. } = error else {
        return false;
    };
    match status(error) {
        Some(408 | 429) => true,
        Some(501) => false,
        Some(code) => code >= 500,
        None => causes(source.as_ref()).any(is_transient_cause),
    }
}

/// Whether nobody answered, as against an answer that was a failure.
pub(crate) fn is_unreachable(error: &Error) -> bool {
    status(error).is_none() && is_transient(error)
}

fn is_transient_cause(cause: &(dyn StdError + 'static)) -> bool {
    use std::io::ErrorKind as K;
    if let Some(io) = cause.downcast_ref::<std::io::Error>() {
        return matches!(
            io.kind(),
            K::TimedOut
                | K::ConnectionReset
                | K::ConnectionAborted
                | K::ConnectionRefused
                | K::NotConnected
                | K::BrokenPipe
                | K::UnexpectedEof
                | K::Interrupted
                | K::HostUnreachable
                | K::NetworkUnreachable
                | K::NetworkDown
        );
    }
    is_transient_http(cause)
}

#[cfg(feature = "s3")]
fn is_transient_http(cause: &(dyn StdError + 'static)) -> bool {
    use object_store::client::{HttpError, HttpErrorKind as K};
    cause.downcast_ref::<HttpError>().is_some_and(|http| {
        matches!(
            http.kind(),
            K::Connect | K::Request | K::Timeout | K::Interrupted | K::Decode
        )
    })
}

#[cfg(not(feature = "s3"))]
fn is_transient_http(_cause: &(dyn StdError + 'static)) -> bool {
    false
}

/// The HTTP status in an error. object_store keeps its type to itself, so it is read from the text.
pub(crate) fn status(error: &Error) -> Option<u16> {
    let Error::Generic { source, .. } = error else {
        return None;
    };
    causes(source.as_ref()).find_map(|cause| {
        let text = cause.to_string();
        let (_, rest) = text.split_once("status code: ")?;
        rest.get(..3)?.parse().ok()
    })
}

/// An error and what it came from, outermost first.
pub(crate) fn causes<'a>(
    error: &'a (dyn StdError + 'static),
) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}
