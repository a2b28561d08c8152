use std::future::Future;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use axum::extract::rejection::JsonRejection;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use mlops_features::online::Coverage;
use serde::Serialize;
use serde_json::{Map, Value, json};
use tokio::net::TcpListener;

use crate::{PredictionLog, Result, ServingError};

/// An observation is a few hundred bytes; this leaves room and bounds memory.
const MAX_BODY_BYTES: usize = 64 * 1024;
/// When to ask again, if no answer is possible now.
const RETRY_AFTER_SECONDS: &str = "5";

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
}

/// Whatever answers an observation with a prediction. It may keep its thread waiting.
pub trait Score: Send + Sync + 'static {
    /// The prediction for one observation, field by field, asked for at `now`.
    ///
    /// # Errors
    /// If the observation breaks the contract, or what the answer needs can't be had.
    fn score(&self, observation: &Map<String, Value>, now: SystemTime) -> Result<Prediction>;

    /// Whether it could answer now.
    ///
    /// # Errors
    /// What keeps it from answering.
    fn ready(&self) -> Result<()>;
}

/// What the service is made of.
pub struct Service {
    /// What answers.
    pub scorer: Box<dyn Score>,
    /// Where each answer is kept; without, nowhere.
    pub log: Option<PredictionLog>,
    /// What time it is: handed in, so that a test or a simulation owns it.
    pub clock: fn() -> SystemTime,
}

/// Answers requests on `listener` until `stop` is done, then finishes those
/// that are under way.
///
/// `GET /v2/health/ready` says whether it could answer; `POST /v1/predict` takes one
/// observation as a JSON object.
///
/// # Errors
/// If the network refuses.
pub async fn serve(
    listener: TcpListener,
    service: Service,
    stop: impl Future<Output = ()> + Send + 'static,
) -> Result<()> {
    let router = Router::new()
        .route("/v2/health/ready", get(ready))
        .route("/v1/predict", post(predict))
        .fallback(unknown)
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .with_state(Arc::new(service));
    axum::serve(listener, router)
        .with_graceful_shutdown(stop)
        .await
        .map_err(|source| ServingError::Io {
            what: "the server".into(),
            source,
        })
}

async fn ready(State(service): State<Arc<Service>>) -> Response {
    match apart(move || service.scorer.ready()).await {
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

// ANCHOR: predict
async fn predict(
    State(service): State<Arc<Service>>,
    body: Result<Json<Map<String, Value>>, JsonRejection>,
) -> Response {
    let observation = match body {
        Ok(Json(observation)) => observation,
        // JSON of another shape is as bad as no JSON: 400, like any bad input.
        Err(rejection) if rejection.status() == StatusCode::UNPROCESSABLE_ENTITY => {
            return refuse(StatusCode::BAD_REQUEST, rejection.body_text());
        }
        Err(rejection) => return refuse(rejection.status(), rejection.body_text()),
    };
    match apart(move || service.answer(&observation)).await {
        Ok(prediction) => Json(prediction).into_response(),
        Err(error) => refuse_for(&error),
    }
}

impl Service {
    fn answer(&self, observation: &Map<String, Value>) -> Result<Prediction> {
        let now = (self.clock)();
        let prediction = self.scorer.score(observation, now)?;
        if let Some(log) = &self.log {
            let at = now.duration_since(UNIX_EPOCH).unwrap_or_default();
            // An answer that can't be accounted for is not given.
            log.append(&json!({
                "timestamp_seconds": at.as_secs_f64(),
                "observation": observation,
                "prediction": prediction,
            }))?;
        }
        Ok(prediction)
    }
}
// ANCHOR_END: predict

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

/// The caller's mistake is told in full; what went wrong in here is for the service's
/// own log.
fn refuse_for(error: &ServingError) -> Response {
    let lacking = match error {
        ServingError::Observation(_) | ServingError::Features(_) | ServingError::Future { .. } => {
            return refuse(StatusCode::BAD_REQUEST, error.to_string());
        }
        ServingError::Store(_) => {
            "the online store can't be used, which knows the days before and around"
        }
        ServingError::Log { .. } => "the prediction log can't be written",
        _ => {
            tracing::error!(%error, "failed");
            let message = "the service failed, and its log says why";
            return refuse(StatusCode::INTERNAL_SERVER_ERROR, message.into());
        }
    };
    tracing::error!(%error, "can't answer");
    let message = format!("no answer is given now: {lacking}. Try again later");
    let retry = [(header::RETRY_AFTER, RETRY_AFTER_SECONDS)];
    let refused = refuse(StatusCode::SERVICE_UNAVAILABLE, message);
    (retry, refused).into_response()
}

fn refuse(status: StatusCode, message: String) -> Response {
    tracing::info!(%status, message, "refused");
    (status, Json(json!({ "error": message }))).into_response()
}
