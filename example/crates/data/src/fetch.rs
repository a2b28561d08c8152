//! A table downloaded over HTTP: resumed where it stopped, checked, and put in
//! its place whole or not at all.

mod attempts;
mod failure;
mod partial_download;

use std::future::poll_fn;
use std::path::Path;
use std::time::Duration;

use object_store::{
    BackoffConfig, ClientOptions, GetOptions, GetRange, GetResult, ObjectStore, RetryConfig,
    http::{HttpBuilder, HttpStore},
};
use serde::{Deserialize, Serialize};

use crate::{
    DataError, Imported, Result,
    error::unreadable,
    import::{Arrival, check_md5},
};
use attempts::Attempts;
pub use attempts::OnAttempt;
use mlops_disk::redact;
use partial_download::{Identity, PartialDownload};

/// How to download.
#[derive(Debug, Clone)]
pub struct FetchOptions {
    /// MD5 of the table (not of the archive it may come in), in hexadecimal: no other is accepted.
    pub expected_md5: Option<String>,
    /// Allow `http://`, which anyone on the way can read and alter.
    pub allow_http: bool,
    /// How often a failed request is tried again before giving up.
    pub retries: usize,
    /// Greatest length in bytes of the download, and of what it unpacks to.
    pub at_most: u64,
    /// How long to wait for an answer, and for more of it.
    pub timeout: Duration,
    /// What is told of each request.
    pub on_attempt: OnAttempt,
}

impl Default for FetchOptions {
    fn default() -> Self {
        FetchOptions {
            expected_md5: None,
            allow_http: false,
            retries: 2,
            at_most: 4 << 30,
            timeout: Duration::from_secs(10),
            on_attempt: OnAttempt::default(),
        }
    }
}

/// What was downloaded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fetched {
    /// The table now at the destination.
    pub table: Imported,
    /// Length of the download.
    pub downloaded: u64,
    /// How much of it an earlier call had downloaded already.
    pub resumed_from: u64,
}

/// Downloads `url`, a CSV file or a ZIP archive that holds one, to `destination`.
///
/// `progress` is told how many bytes are there and how many there will be. A
/// download that stops leaves a temporary file beside the destination, from which the next call goes
/// on if the server still has the same file. No symbolic link is followed. Blocks; not to be called from
/// async code.
///
/// # Errors
/// If the server cannot be reached or hasn't got the file, if what comes is no
/// table, or, as [`DataError::OtherContent`], not the expected one. Then the destination is as it was.
pub fn fetch(
    url: &str,
    destination: &Path,
    options: &FetchOptions,
    progress: impl FnMut(u64, Option<u64>),
) -> Result<Fetched> {
    fetch_if(url, destination, options, progress, |_| Ok(()))
}

/// As [`fetch`], if `check` finds nothing wrong with the table, which has another name while it is checked.
///
/// # Errors
/// As [`fetch`], and those of the check.
pub fn fetch_if(
    url: &str,
    destination: &Path,
    options: &FetchOptions,
    mut progress: impl FnMut(u64, Option<u64>),
    check_table: impl FnOnce(&Path) -> Result<()>,
) -> Result<Fetched> {
    // A blank doesn't end an address here.
    let shown = redact(&url.replace(char::is_whitespace, "%20"));
    let complain = |message: String| DataError::Fetch {
        url: shown.clone(),
        // The system's and the library's own words may quote the address.
        message: redact(&message),
    };
    check(url, options).map_err(complain)?;
    let attempts = Attempts::new(options.on_attempt.clone());
    let store = store(url, options, &attempts).map_err(|error| {
        let why = failure::root(&error);
        complain(format!(
            "is no web address ({why}): give one that begins with https://"
        ))
    })?;
    // A runtime on this thread: there is one connection to wait for.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| complain(format!("cannot start a download: {error}")))?;
    let download = Download {
        store: &store,
        attempts: &attempts,
        address: &shown,
        destination,
        options,
        complain: &complain,
    };
    let (part, resumed_from) = runtime.block_on(download.run(&mut progress))?;
    let downloaded = part.len();
    let expected = options.expected_md5.as_deref();
    let arrived = Arrival {
        from: &shown,
        complain: &complain,
        unreadable: &|error| unreadable(part.path(), error),
        unpacked_at_most: options.at_most,
    }
    .receive(&mut part.reader()?, destination, expected);
    // All of it is here: if it is wrong, going on later wouldn't make it right.
    part.discard();
    let arrived = arrived?;
    check_table(arrived.staged.path())?;
    arrived.staged.finish(destination)?;
    Ok(Fetched {
        table: arrived.imported,
        downloaded,
        resumed_from,
    })
}

fn check(url: &str, options: &FetchOptions) -> Result<(), String> {
    check_md5(options.expected_md5.as_deref())?;
    let scheme = url
        .split_once("://")
        .map(|(scheme, _)| scheme.to_lowercase());
    match scheme.as_deref() {
        Some("https") => Ok(()),
        Some("http") if options.allow_http => Ok(()),
        Some("http") => {
            Err("is not encrypted: use https://, or allow http:// if you trust the way".into())
        }
        _ => Err("is no web address: give one that begins with https://".into()),
    }
}

/// A "store" of the one file at `url`.
fn store(
    url: &str,
    options: &FetchOptions,
    attempts: &Attempts,
) -> object_store::Result<HttpStore> {
    // An error means that a provider is installed already, which serves as well.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = ClientOptions::new()
        .with_allow_http(options.allow_http)
        // The whole may take long, as long as something comes.
        .with_timeout_disabled()
        .with_read_timeout(options.timeout)
        .with_connect_timeout(options.timeout);
    let backoff = BackoffConfig {
        init_backoff: Duration::from_millis(100),
        max_backoff: Duration::from_secs(5),
        base: 2.0,
    };
    HttpBuilder::new()
        .with_url(url)
        .with_client_options(client)
        .with_http_connector(attempts.clone())
        .with_retry(RetryConfig {
            backoff,
            max_retries: options.retries,
            retry_timeout: Duration::from_secs(300),
        })
        .build()
}

/// What a download is made with.
struct Download<'a, C: Fn(String) -> DataError> {
    store: &'a HttpStore,
    attempts: &'a Attempts,
    /// The URL without what is secret in it.
    address: &'a str,
    destination: &'a Path,
    options: &'a FetchOptions,
    complain: &'a C,
}

impl<C: Fn(String) -> DataError> Download<'_, C> {
    /// All of the file, and how much of it was there before.
    async fn run(
        &self,
        progress: &mut impl FnMut(u64, Option<u64>),
    ) -> Result<(PartialDownload, u64)> {
        let answer = self.whole().await?;
        let version = Identity::of(&answer.meta);
        let (size, at_most) = (version.size, self.options.at_most);
        if size > at_most {
            return Err((self.complain)(format!(
                "is {size} bytes long, more than the {at_most} allowed"
            )));
        }
        let mut part = PartialDownload::open(self.destination, self.address, &version)?;
        let mut resumed_from = part.len();
        if resumed_from == size {
            progress(size, Some(size));
            return Ok((part, size));
        }
        let answer = if resumed_from == 0 {
            answer
        } else {
            // Not two connections at once: a small server may have only one.
            drop(answer);
            match self.rest(&part, &version).await? {
                Some(rest) => rest,
                None => {
                    part.restart()?;
                    resumed_from = 0;
                    self.whole().await?
                }
            }
        };
        if Identity::of(&answer.meta) != version {
            part.discard();
            return Err((self.complain)(
                "changed while it was being downloaded: run it again".into(),
            ));
        }
        progress(part.len(), Some(size));
        match self.receive(answer, &mut part, size, progress).await {
            Ok(()) => Ok((part, resumed_from)),
            Err(error) => {
                if !part.is_resumable() {
                    part.discard();
                }
                Err(error)
            }
        }
    }

    async fn whole(&self) -> Result<GetResult> {
        get(self.store, GetOptions::new())
            .await
            .map_err(|error| self.failed(&error))
    }

    fn failed(&self, error: &object_store::Error) -> DataError {
        let waited = self.options.timeout.as_secs_f64();
        (self.complain)(failure::explain(error, waited, self.attempts.count()))
    }

    /// What is still missing, if the server gives it of the same version.
    async fn rest(&self, part: &PartialDownload, version: &Identity) -> Result<Option<GetResult>> {
        let rest = GetOptions::new()
            .with_range(Some(GetRange::Offset(part.len())))
            .with_if_match(version.strong_tag());
        match get(self.store, rest).await {
            Ok(rest) if Identity::of(&rest.meta) == *version => Ok(Some(rest)),
            Err(error) if failure::of_connection(&error) => Err(self.failed(&error)),
            // Another file by now, or a server without ranges.
            Ok(_) | Err(_) => Ok(None),
        }
    }

    async fn receive(
        &self,
        answer: GetResult,
        part: &mut PartialDownload,
        size: u64,
        progress: &mut impl FnMut(u64, Option<u64>),
    ) -> Result<()> {
        let stopped = |part: &PartialDownload, why: &str| {
            let length = part.len();
            let next = if part.is_resumable() {
                "run it again to go on from there"
            } else {
                "run it again"
            };
            (self.complain)(format!(
                "stopped at {length} of {size} bytes ({why}); {next}"
            ))
        };
        let mut chunks = answer.into_stream();
        // What `StreamExt::next` does, without a crate for it.
        while let Some(chunk) = poll_fn(|context| chunks.as_mut().poll_next(context)).await {
            let chunk = chunk.map_err(|error| stopped(part, &failure::root(&error)))?;
            part.append(&chunk)?;
            progress(part.len(), Some(size));
        }
        if part.len() != size {
            return Err(stopped(part, "the connection was closed"));
        }
        Ok(())
    }
}

async fn get(store: &HttpStore, options: GetOptions) -> object_store::Result<GetResult> {
    // The store's address is the file itself, so the path within it is empty.
    store
        .get_opts(&object_store::path::Path::default(), options)
        .await
}
