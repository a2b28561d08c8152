//! The requests of a download, one by one: they are counted, so that nobody waits without a word, and no answer with
//! a part of the file is taken for all of it.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use object_store::ClientOptions;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpService,
    ReqwestConnector,
};

/// Is told before each request how many there were.
#[derive(Clone, Default)]
pub struct OnAttempt(Option<Arc<dyn Fn(usize) + Send + Sync>>);

impl OnAttempt {
    /// Calls this, from any thread.
    pub fn new(tell: impl Fn(usize) + Send + Sync + 'static) -> OnAttempt {
        OnAttempt(Some(Arc::new(tell)))
    }
}

impl fmt::Debug for OnAttempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OnAttempt")
    }
}

/// Makes clients that count and check.
#[derive(Debug, Clone, Default)]
pub(super) struct Attempts {
    count: Arc<AtomicUsize>,
    tell: OnAttempt,
}

impl Attempts {
    pub(super) fn new(tell: OnAttempt) -> Attempts {
        Attempts {
            count: Arc::default(),
            tell,
        }
    }

    /// How many requests were sent.
    pub(super) fn count(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }
}

impl HttpConnector for Attempts {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(Client {
            client: ReqwestConnector::default().connect(options)?,
            attempts: self.clone(),
        }))
    }
}

#[derive(Debug)]
struct Client {
    client: HttpClient,
    attempts: Attempts,
}

#[async_trait]
impl HttpService for Client {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let before = self.attempts.count.fetch_add(1, Ordering::Relaxed);
        if let Some(tell) = &self.attempts.tell.0 {
            tell(before + 1);
        }
        let asks_for_part = request.headers().contains_key("range");
        let answer = self.client.execute(request).await?;
        if answer.status() == 206 && !asks_for_part {
            return Err(HttpError::new(HttpErrorKind::Decode, UnaskedPart));
        }
        Ok(answer)
    }
}

/// All of a file was asked for.
#[derive(Debug, thiserror::Error)]
#[error("the server sends only a part of the file (206), though all of it was asked for")]
pub(super) struct UnaskedPart;
