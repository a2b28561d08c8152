//! A table downloaded over HTTP: resumed where it stopped, checked, and put in
//! its place whole or not at all.

mod failure;
mod part;

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
    import::{Arrival, check_md5},
};
use part::{Identity, Part};

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
}

impl Default for FetchOptions {
    fn default() -> Self {
        FetchOptions {
            expected_md5: None,
            allow_http: false,
            retries: 4,
            at_most: 4 << 30,
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
/// download that stops leaves `<destination>.part`, from which the next call goes
/// on if the server still has the same file. Blocks; not to be called from
/// async code.
///
/// # Errors
/// If the server cannot be reached or hasn't got the file, if what comes is no
/// table, or, as [`DataError::OtherContent`], not the expected one. Then the destination is as it was.
pub fn fetch(
    url: &str,
    destination: &Path,
    options: &FetchOptions,
    mut progress: impl FnMut(u64, Option<u64>),
) -> Result<Fetched> {
    let complain = |message: String| DataError::Fetch {
        url: mlops_disk::redact(url),
        message: mlops_disk::redact(&message),
    };
    check(url, options).map_err(complain)?;
    let store = store(url, options).map_err(|error| {
        let why = failure::root(&error);
        complain(format!(
            "is no web address ({why}): give one that begins with https://"
        ))
    })?;
    let mut part = Part::open(destination, url)?;
    // A runtime on this thread: there is one connection to wait for.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| complain(format!("cannot start a download: {error}")))?;
    let received = runtime.block_on(download(
        &store,
        &mut part,
        options,
        &mut progress,
        &complain,
    ));
    if received.is_err() && part.len() == 0 {
        part.remove()?;
    }
    let resumed_from = received?;
    let downloaded = part.len();
    let expected = options.expected_md5.as_deref();
    let arrived = Arrival {
        from: url,
        complain: &complain,
        unreadable: &|error| part.error(error),
        unpacked_at_most: options.at_most,
    }
    .receive(&mut part.rewound()?, destination, expected);
    // All of it is here: if it is wrong, going on later wouldn't make it right.
    part.remove()?;
    let arrived = arrived?;
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
fn store(url: &str, options: &FetchOptions) -> object_store::Result<HttpStore> {
    // An error means that a provider is installed already, which serves as well.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let patience = Duration::from_secs(20);
    let client = ClientOptions::new()
        .with_allow_http(options.allow_http)
        // The whole may take long, as long as something comes.
        .with_timeout_disabled()
        .with_read_timeout(patience)
        .with_connect_timeout(patience);
    let backoff = BackoffConfig {
        init_backoff: Duration::from_millis(100),
        max_backoff: Duration::from_secs(5),
        base: 2.0,
    };
    HttpBuilder::new()
        .with_url(url)
        .with_client_options(client)
        .with_retry(RetryConfig {
            backoff,
            max_retries: options.retries,
            retry_timeout: Duration::from_secs(300),
        })
        .build()
}

/// Completes the part and says how much of it was there before.
async fn download(
    store: &HttpStore,
    part: &mut Part,
    options: &FetchOptions,
    progress: &mut impl FnMut(u64, Option<u64>),
    complain: &impl Fn(String) -> DataError,
) -> Result<u64> {
    let fail = |error: object_store::Error| complain(failure::explain(&error));
    let mut resumed_from = 0;
    let mut answer = None;
    if let Some(known) = part.resumable() {
        let rest = GetOptions::new()
            .with_range(Some(GetRange::Offset(part.len())))
            .with_if_match(known.strong_tag());
        match get(store, rest).await {
            Ok(rest) if known == Identity::of(&rest.meta, &known.url) => {
                resumed_from = part.len();
                answer = Some(rest);
            }
            Err(error) if failure::of_connection(&error) => return Err(fail(error)),
            // Another file by now, or a server without ranges: from the start.
            Ok(_) | Err(_) => {}
        }
    }
    let answer = match answer {
        Some(answer) => answer,
        None => {
            let answer = get(store, GetOptions::new()).await.map_err(fail)?;
            part.begin(&answer.meta)?;
            answer
        }
    };
    let size = answer.meta.size;
    if size > options.at_most {
        let at_most = options.at_most;
        part.remove()?;
        return Err(complain(format!(
            "is {size} bytes long, more than the {at_most} allowed"
        )));
    }
    progress(part.len(), Some(size));
    let stopped = |part: &Part, why: &str| {
        let length = part.len();
        complain(format!(
            "stopped at {length} of {size} bytes ({why}); run it again to go on from there"
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
    Ok(resumed_from)
}

async fn get(store: &HttpStore, options: GetOptions) -> object_store::Result<GetResult> {
    // The store's address is the file itself, so the path within it is empty.
    store
        .get_opts(&object_store::path::Path::default(), options)
        .await
}
