//! The HTTP of the service: what can be asked, and what is said when there is no answer.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, FromRequest, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router, middleware};
use mlops_data::json::Object;
use mlops_features::online::Coverage;
use serde::Serialize;
use serde_json::{Map, Value, json};
use tokio::net::TcpListener;

use crate::clock::{Clock, WallClock};
use crate::{Limits, PredictionLog, Result, ServingError, connections, loopback};

/// An observation is a few hundred bytes; this leaves room and bounds memory.
const MAX_BODY_BYTES: usize = 64 * 1024;
/// When to ask again, if no answer is possible now.
const RETRY_AFTER_SECONDS: &str = "5";
/// For so long, "ready" needs no new proof: each costs writes to the disk.
const READY_FOR: Duration = Duration::from_secs(1);

/// The answer to one observation.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Prediction {
    /// Probability of the positive class, 0 to 1.
    pub probability: f64,
    /// The class that follows from the model's threshold.
    pub decision: String,
    /// SHA-256 of the model's file, in hex.
    pub model: String,
    /// How much was known of the observation's window.
    pub window: Coverage,
    /// Whether the observation was stored, for later answers to know.
    pub stored: bool,
    /// Why it wasn't.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_stored_because: Option<String>,
}

/// A prediction and what it was made of.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// What is told.
    pub prediction: Prediction,
    /// What the model saw, in its order; NaN is missing.
    pub features: Vec<f32>,
}

/// Whatever answers an observation with a prediction. It may keep its thread waiting.
pub trait Score: Send + Sync + 'static {
    /// The prediction for one observation, field by field, asked for at `now`.
    ///
    /// # Errors
    /// If the observation breaks the contract, or what the answer needs can't be had.
    fn score(&self, observation: &Map<String, Value>, now: SystemTime) -> Result<Answer>;

    /// Whether it could answer at `now`, proved by doing what an answer does.
    ///
    /// # Errors
    /// What keeps it from answering.
    fn ready(&self, now: SystemTime) -> Result<()>;
}

/// What the service is made of.
pub struct Service {
    /// What answers.
    pub scorer: Box<dyn Score>,
    /// Where each answer is kept; without, nowhere.
    pub log: Option<Arc<PredictionLog>>,
    /// What time it is.
    pub clock: WallClock,
    /// What clients may take.
    pub limits: Limits,
}

/// A service that runs.
struct Running {
    scorer: Box<dyn Score>,
    log: Option<Arc<PredictionLog>>,
    clock: Clock,
    limits: Limits,
    /// When it was last proved that it could answer.
    proved: Mutex<Option<Instant>>,
    answers: AtomicU32,
}

/// Answers requests on `listener` until `stop` is done, then finishes those
/// that are under way, within [`Limits::drain`].
///
/// `GET /v2/health/ready` says whether it could answer; `POST /v1/predict` takes one
/// observation as a JSON object.
pub async fn serve(listener: TcpListener, service: Service, stop: impl Future<Output = ()>) {
    let limits = service.limits;
    let running = Running {
        scorer: service.scorer,
        log: service.log,
        clock: Clock::start(service.clock),
        limits,
        proved: Mutex::default(),
        answers: AtomicU32::new(0),
    };
    let router = Router::new()
        .route(
            "/v2/health/ready",
            get(ready).fallback(|| not_allowed("GET,HEAD")),
        )
        .route(
            "/v1/predict",
            post(predict).fallback(|| not_allowed("POST")),
        )
        .fallback(unknown)
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .with_state(Arc::new(running));
    let is_loopback = |at: SocketAddr| at.ip().is_loopback();
    let router = match listener.local_addr().is_ok_and(is_loopback) {
        true => router.layer(middleware::from_fn(loopback::only_own)),
        false => router,
    };
    let overloaded = Router::new().fallback(overloaded);
    connections::serve(listener, router, overloaded, limits, stop).await;
}

async fn ready(State(service): State<Arc<Running>>) -> Response {
    match apart(move || service.ready()).await {
        Ok(()) => Json(json!({ "ready": true })).into_response(),
        Err(error) => refuse_for(&error),
    }
}

async fn unknown() -> Response {
    refuse(
        StatusCode::NOT_FOUND,
        "there is GET /v2/health/ready and POST /v1/predict".into(),
    )
}

async fn not_allowed(methods: &'static str) -> Response {
    let message = format!("this address takes no other method than {methods}");
    let refused = refuse(StatusCode::METHOD_NOT_ALLOWED, message);
    ([(header::ALLOW, methods)], refused).into_response()
}

async fn overloaded() -> Response {
    let message = "no answer is given now: there are too many connections. Try again later";
    let headers = [
        (header::RETRY_AFTER, RETRY_AFTER_SECONDS),
        (header::CONNECTION, "close"),
    ];
    let refused = refuse(StatusCode::SERVICE_UNAVAILABLE, message.into());
    (headers, refused).into_response()
}

// ANCHOR: predict
async fn predict(State(service): State<Arc<Running>>, request: Request) -> Response {
    let observation = match observation(request, service.limits.body).await {
        Ok(observation) => observation,
        Err((status, message)) => return refuse(status, message),
    };
    match apart(move || service.answer(&observation)).await {
        Ok(answered) => Json(answered).into_response(),
        Err(error) => refuse_for(&error),
    }
}

impl Running {
    fn answer(&self, observation: &Map<String, Value>) -> Result<Answered> {
        let now = self.clock.now()?;
        let Answer {
            prediction,
            features,
        } = self.scorer.score(observation, now)?;
        let at = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        let id = self.next_id(at);
        if let Some(log) = &self.log {
            // An answer that can't be accounted for is not given.
            log.append(&Entry {
                id: &id,
                timestamp_seconds: at.as_secs_f64(),
                observation,
                features: &features,
                prediction: &prediction,
            })?;
        }
        Ok(Answered { id, prediction })
    }
}
// ANCHOR_END: predict

/// A line of the prediction log: all that is needed to explain the answer later.
#[derive(Serialize)]
struct Entry<'a> {
    id: &'a str,
    timestamp_seconds: f64,
    observation: &'a Map<String, Value>,
    /// What the model saw, the window included; null is missing.
    features: &'a [f32],
    prediction: &'a Prediction,
}

/// An answer as it is given.
#[derive(Serialize)]
struct Answered {
    /// By which the log knows it.
    id: String,
    #[serde(flatten)]
    prediction: Prediction,
}

impl Running {
    /// No other answer's, also of another process that shares the log.
    fn next_id(&self, at: Duration) -> String {
        let number = self.answers.fetch_add(1, Ordering::Relaxed);
        let process = std::process::id();
        format!("{:x}-{process:x}-{number:x}", at.as_micros())
    }

    /// Proves that an answer could be given: a small write to the store and to the log succeeds.
    fn ready(&self) -> Result<()> {
        // One at a time: whoever waited finds the proof of the one before.
        let mut proved = self.proved.lock().unwrap_or_else(PoisonError::into_inner);
        if proved.is_some_and(|at| at.elapsed() < READY_FOR) {
            return Ok(());
        }
        *proved = None;
        self.scorer.ready(self.clock.now()?)?;
        if let Some(log) = &self.log {
            log.check()?;
        }
        *proved = Some(Instant::now());
        Ok(())
    }
}

/// The observation in a request's body, or what is wrong with it.
async fn observation(
    request: Request,
    within: Duration,
) -> Result<Map<String, Value>, (StatusCode, String)> {
    if let Some(message) = other_media_type(request.headers()) {
        return Err((StatusCode::UNSUPPORTED_MEDIA_TYPE, message));
    }
    let body = tokio::time::timeout(within, Bytes::from_request(request, &())).await;
    let body = match body {
        Ok(Ok(body)) => body,
        Ok(Err(rejection)) if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE => {
            let message =
                format!("the body has more than {MAX_BODY_BYTES} bytes: send one observation");
            return Err((rejection.status(), message));
        }
        Ok(Err(rejection)) => return Err((rejection.status(), rejection.body_text())),
        Err(_) => {
            let message = format!("the body wasn't there within {} s", within.as_secs());
            return Err((StatusCode::REQUEST_TIMEOUT, message));
        }
    };
    let message = match serde_json::from_slice(&body) {
        Ok(Object {
            fields,
            repeated: None,
        }) => return Ok(fields),
        Ok(Object {
            repeated: Some(field),
            ..
        }) => format!("the field {field:?} is there more than once"),
        Err(error) if error.is_data() => "the body is no JSON object".into(),
        Err(error) => format!(
            "the body is no JSON (line {}, character {})",
            error.line(),
            error.column()
        ),
    };
    let message = format!(
        "{message}: send one observation, as an object with the contract's columns as fields"
    );
    Err((StatusCode::BAD_REQUEST, message))
}

/// What to send instead, if the body isn't declared as JSON in UTF-8.
fn other_media_type(headers: &HeaderMap) -> Option<String> {
    let given = headers.get(header::CONTENT_TYPE);
    let given = given
        .and_then(|given| given.to_str().ok())
        .unwrap_or_default();
    let mut parts = given.split(';').map(str::trim);
    let kind = parts.next().unwrap_or_default();
    if !kind.eq_ignore_ascii_case("application/json") {
        return Some(
            "send the observation as JSON, with the header `Content-Type: application/json`".into(),
        );
    }
    let charset = parts.find_map(|part| {
        let (name, value) = part.split_once('=')?;
        let is_charset = name.trim().eq_ignore_ascii_case("charset");
        is_charset.then(|| value.trim().trim_matches('"'))
    })?;
    let is_utf8 = ["utf-8", "utf8", "us-ascii"]
        .iter()
        .any(|known| charset.eq_ignore_ascii_case(known));
    (!is_utf8).then(|| format!("the charset of the body is {charset:?}: send JSON in UTF-8"))
}

/// Does what may wait for a disk or a network on a thread that may wait.
async fn apart<T: Send + 'static>(act: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    let done = tokio::task::spawn_blocking(act).await;
    done.unwrap_or_else(|error| {
        Err(ServingError::Io {
            what: "a request".into(),
            source: error.into(),
        })
    })
}

/// The caller's mistake is described in full; what went wrong in here is for the service's
/// own log.
fn refuse_for(error: &ServingError) -> Response {
    let lacking = match error {
        ServingError::Observation(_)
        | ServingError::Features(_)
        | ServingError::Long { .. }
        | ServingError::Future { .. } => {
            return refuse(StatusCode::BAD_REQUEST, error.to_string());
        }
        ServingError::Store(_) => "the online store, which holds the days before, can't be used",
        ServingError::Log { .. } => "the prediction log can't be written",
        ServingError::Clock { .. } => "the clock of the service is wrong",
        _ => {
            tracing::error!(error = ?error.to_string(), "failed");
            let message = "the service failed, and its log says why";
            return refuse(StatusCode::INTERNAL_SERVER_ERROR, message.into());
        }
    };
    tracing::error!(error = ?error.to_string(), "can't answer");
    let message = format!("no answer is given now: {lacking}. Try again later");
    let retry = [(header::RETRY_AFTER, RETRY_AFTER_SECONDS)];
    let refused = refuse(StatusCode::SERVICE_UNAVAILABLE, message);
    (retry, refused).into_response()
}

/// What is logged is escaped: a message may quote what a caller sent, and a line of it would look like one of ours.
pub(crate) fn refuse(status: StatusCode, message: String) -> Response {
    tracing::info!(%status, reason = ?message, "refused");
    (status, Json(json!({ "error": message }))).into_response()
}
