//! Asynchronous calls for callers that are not, and many at once with a bound.

use std::future::Future;

use futures_util::stream::{self, StreamExt, TryStreamExt};

use crate::{StoreError, StoreResult};

/// How many calls to a bucket are under way at once unless the user says otherwise.
pub const DEFAULT_JOBS: usize = 16;

/// An owned tokio runtime with two threads: enough for what waits on a network.
///
/// ```
/// # fn main() -> Result<(), mlops_store::StoreError> {
/// use mlops_store::{Bucket, Runtime, Settings};
/// let runtime = Runtime::new()?;
/// let bucket = Bucket::open("memory://runtime-doc", &Settings::default())?;
/// runtime.block_on(bucket.put("greeting", "hello"))?;
/// assert_eq!(runtime.block_on(bucket.get("greeting"))?, "hello");
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Runtime {
    inner: tokio::runtime::Runtime,
}

impl Runtime {
    /// Starts the runtime.
    ///
    /// # Errors
    /// [`StoreError::Runtime`] if the system gives no threads.
    pub fn new() -> StoreResult<Self> {
        let inner = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("store")
            .enable_all()
            .build()
            .map_err(|error| StoreError::Runtime {
                said: error.to_string(),
            })?;
        Ok(Self { inner })
    }

    /// Runs a future to its end on this thread. Must not be called from within asynchronous code.
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.inner.block_on(future)
    }
}

/// Calls `act` for each item, at most `jobs` at once (at least one), and gives the results in the order
/// in which they were done. The first error ends it: nothing new is started, what is under way is dropped.
///
/// # Errors
/// The first that `act` gives.
pub async fn for_each_bounded<I, T, E, F, Fut>(jobs: usize, items: I, act: F) -> Result<Vec<T>, E>
where
    I: IntoIterator,
    F: FnMut(I::Item) -> Fut,
    Fut: Future<Output = Result<T, E>>,
{
    stream::iter(items.into_iter().map(act))
        .buffer_unordered(jobs.max(1))
        .try_collect()
        .await
}

/// Runs what waits for a disk on a thread that may wait.
pub(crate) async fn blocking<T, E>(
    act: impl FnOnce() -> Result<T, E> + Send + 'static,
) -> StoreResult<T>
where
    T: Send + 'static,
    E: Into<StoreError> + Send + 'static,
{
    let done = tokio::task::spawn_blocking(act).await;
    done.map_err(|error| StoreError::Runtime {
        said: error.to_string(),
    })?
    .map_err(Into::into)
}
