//! An object store that fails on a schedule, for tests of whoever relies on one.
//!
//! The schedule is drawn from a seed, the kind of call, the name it is about and how often that call was
//! made: it doesn't depend on which thread comes first. To kill the process instead, see [`mlops_disk::crash`].

mod schedule;

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use futures_util::stream::{self, BoxStream, StreamExt};
use object_store::multipart::{MultipartStore, PartId};
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, GetResultPayload, ListResult, MultipartId,
    MultipartUpload, ObjectMeta, ObjectStore, PutMode, PutMultipartOptions, PutOptions, PutPayload,
    PutResult, Result,
};

use schedule::Fault;
pub use schedule::Faults;

/// An object store with faults.
pub struct Faulty {
    store: Arc<dyn ObjectStore>,
    parts: Option<Arc<dyn MultipartStore>>,
    faults: Faults,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    /// For each kind of call and name: how often it was called, and the faults since it last went well.
    calls: HashMap<(&'static str, String), (u64, u32)>,
    listed: HashMap<String, Vec<ObjectMeta>>,
    injected: u64,
}

impl Faulty {
    /// Wraps a store, and the same store for uploads in parts if it takes them.
    pub fn new(
        store: Arc<dyn ObjectStore>,
        parts: Option<Arc<dyn MultipartStore>>,
        faults: Faults,
    ) -> Self {
        Self {
            store,
            parts,
            faults,
            state: Arc::default(),
        }
    }

    /// How many faults there were.
    pub fn injected(&self) -> u64 {
        self.state().injected
    }

    /// How many calls there were, of one kind (see [`Faults::only`]).
    pub fn calls(&self, kind: &str) -> u64 {
        self.state()
            .calls
            .iter()
            .filter(|((of, _), _)| *of == kind)
            .map(|(_, (count, _))| count)
            .sum()
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn draw(&self, call: &'static str, name: &Path) -> Fault {
        let faults = &self.faults;
        let mut state = self.state();
        let (count, in_a_row) = state.calls.entry((call, name.to_string())).or_default();
        *count += 1;
        if !faults.only.is_empty() && !faults.only.contains(&call) {
            return Fault::None;
        }
        let mut drawn = faults.draw(call, name.as_ref(), *count);
        if *in_a_row >= faults.in_a_row {
            drawn = Fault::None;
        }
        let harmless = matches!(drawn, Fault::None | Fault::Slow | Fault::Stale);
        *in_a_row = if harmless { 0 } else { *in_a_row + 1 };
        state.injected += u64::from(drawn != Fault::None);
        drawn
    }

    /// Makes a call with what the schedule says. `torn` is what a torn call leaves behind.
    async fn call<T>(
        &self,
        kind: &'static str,
        name: &Path,
        call: impl Future<Output = Result<T>>,
        torn: Option<impl Future<Output = Result<()>>>,
    ) -> Result<T> {
        if self.faults.refuse {
            return Err(Error::PermissionDenied {
                path: name.to_string(),
                source: "AccessDenied: injected".into(),
            });
        }
        match self.draw(kind, name) {
            Fault::None | Fault::Stale => call.await,
            Fault::Slow => {
                tokio::time::sleep(self.faults.delay).await;
                call.await
            }
            Fault::Before => Err(broken(io::ErrorKind::ConnectionReset)),
            Fault::After => {
                let _ = call.await;
                Err(broken(io::ErrorKind::ConnectionReset))
            }
            Fault::Hang => {
                let _ = call.await;
                tokio::time::sleep(self.faults.delay).await;
                Err(broken(io::ErrorKind::TimedOut))
            }
            Fault::Torn => {
                if let Some(torn) = torn {
                    let _ = torn.await;
                }
                Err(broken(io::ErrorKind::BrokenPipe))
            }
        }
    }

    /// The same store, schedule and counts.
    fn share(&self) -> Self {
        Self {
            store: Arc::clone(&self.store),
            parts: self.parts.clone(),
            faults: self.faults.clone(),
            state: Arc::clone(&self.state),
        }
    }

    fn multipart(&self) -> Result<&dyn MultipartStore> {
        self.parts.as_deref().ok_or_else(|| Error::NotImplemented {
            operation: "uploads in parts".into(),
            implementer: self.to_string(),
        })
    }
}

const NO_TORN: Option<std::future::Ready<Result<()>>> = None;

fn broken(kind: io::ErrorKind) -> Error {
    Error::Generic {
        store: "faults",
        source: io::Error::new(kind, "injected").into(),
    }
}

fn half(payload: &PutPayload) -> PutPayload {
    let bytes = bytes::Bytes::from(payload.clone());
    bytes.slice(..bytes.len() / 2).into()
}

impl fmt::Display for Faulty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "faulty {}", self.store)
    }
}

impl fmt::Debug for Faulty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

#[async_trait]
impl ObjectStore for Faulty {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        opts: PutOptions,
    ) -> Result<PutResult> {
        // Creation is atomic in every store that has it: half of a record is never seen.
        let torn = matches!(opts.mode, PutMode::Overwrite).then(|| {
            let half = self
                .store
                .put_opts(location, half(&payload), PutOptions::default());
            async { half.await.map(drop) }
        });
        let call = self.store.put_opts(location, payload, opts);
        self.call("put", location, call, torn).await
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        opts: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.store.put_multipart_opts(location, opts).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        if self.faults.refuse {
            return self
                .call("get", location, std::future::pending(), NO_TORN)
                .await;
        }
        match self.draw("get", location) {
            Fault::None | Fault::Stale => self.store.get_opts(location, options).await,
            Fault::Slow => {
                tokio::time::sleep(self.faults.delay).await;
                self.store.get_opts(location, options).await
            }
            Fault::Torn if !options.head => Ok(tear(self.store.get_opts(location, options).await?)),
            Fault::Hang => {
                tokio::time::sleep(self.faults.delay).await;
                Err(broken(io::ErrorKind::TimedOut))
            }
            Fault::Before | Fault::After | Fault::Torn => {
                Err(broken(io::ErrorKind::ConnectionReset))
            }
        }
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        let faulty = self.share();
        locations
            .then(move |location| {
                let faulty = faulty.share();
                async move {
                    let location = location?;
                    let one = stream::once(std::future::ready(Ok(location.clone()))).boxed();
                    let call = async {
                        match faulty.store.delete_stream(one).next().await {
                            Some(deleted) => deleted,
                            None => Ok(location.clone()),
                        }
                    };
                    faulty.call("delete", &location, call, NO_TORN).await
                }
            })
            .boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let name = prefix.cloned().unwrap_or_default();
        let fault = self.draw("list", &name);
        let key = name.to_string();
        if self.faults.refuse || matches!(fault, Fault::Before | Fault::After | Fault::Hang) {
            let error = if self.faults.refuse {
                Error::PermissionDenied {
                    path: key,
                    source: "AccessDenied: injected".into(),
                }
            } else {
                broken(io::ErrorKind::ConnectionReset)
            };
            return stream::once(std::future::ready(Err(error))).boxed();
        }
        let inner = self.store.list(prefix);
        let state = Arc::clone(&self.state);
        stream::once(async move {
            let mut found: Vec<Result<ObjectMeta>> = inner.collect().await;
            let whole: Vec<ObjectMeta> = found.iter().flatten().cloned().collect();
            let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
            let before = state.listed.insert(key, whole);
            if fault == Fault::Stale {
                found = before.unwrap_or_default().into_iter().map(Ok).collect();
            }
            if fault == Fault::Torn {
                found.truncate(found.len() / 2);
                found.push(Err(broken(io::ErrorKind::UnexpectedEof)));
            }
            stream::iter(found)
        })
        .flatten()
        .boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        let name = prefix.cloned().unwrap_or_default();
        let call = self.store.list_with_delimiter(prefix);
        self.call("list", &name, call, NO_TORN).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        let call = self.store.copy_opts(from, to, options);
        self.call("copy", from, call, NO_TORN).await
    }
}

/// The answer, with a stream that breaks half-way.
fn tear(found: GetResult) -> GetResult {
    let (range, meta) = (found.range.clone(), found.meta.clone());
    let (attributes, extensions) = (found.attributes.clone(), found.extensions.clone());
    let mut left = (range.end - range.start) / 2;
    let whole = found.into_stream();
    let half = whole.filter_map(move |chunk| {
        let cut = chunk.map(|bytes| {
            let taken = left.min(bytes.len() as u64);
            left -= taken;
            bytes.slice(..taken as usize)
        });
        std::future::ready(Some(cut).filter(|cut| !matches!(cut, Ok(bytes) if bytes.is_empty())))
    });
    let end = stream::once(std::future::ready(Err(broken(
        io::ErrorKind::UnexpectedEof,
    ))));
    GetResult {
        payload: GetResultPayload::Stream(half.chain(end).boxed()),
        meta,
        range,
        attributes,
        extensions,
    }
}

#[async_trait]
impl MultipartStore for Faulty {
    async fn create_multipart(&self, path: &Path) -> Result<MultipartId> {
        let call = self.multipart()?.create_multipart(path);
        self.call("begin", path, call, NO_TORN).await
    }

    async fn put_part(
        &self,
        path: &Path,
        id: &MultipartId,
        part_idx: usize,
        data: PutPayload,
    ) -> Result<PartId> {
        let parts = self.multipart()?;
        let torn = parts.put_part(path, id, part_idx, half(&data));
        let torn = Some(async { torn.await.map(drop) });
        let call = parts.put_part(path, id, part_idx, data);
        self.call("part", path, call, torn).await
    }

    async fn complete_multipart(
        &self,
        path: &Path,
        id: &MultipartId,
        parts: Vec<PartId>,
    ) -> Result<PutResult> {
        let call = self.multipart()?.complete_multipart(path, id, parts);
        self.call("complete", path, call, NO_TORN).await
    }

    async fn abort_multipart(&self, path: &Path, id: &MultipartId) -> Result<()> {
        let call = self.multipart()?.abort_multipart(path, id);
        self.call("abort", path, call, NO_TORN).await
    }
}
