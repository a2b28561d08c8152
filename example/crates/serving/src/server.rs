use std::future::Future;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use axum::extract::rejection::JsonRejection;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Map, Value, json};
use tokio::net::TcpListener;

use crate::{Prediction, PredictionLog, Result, ServingError};

/// An observation is a few hundred bytes; this leaves room and bounds memory.
const MAX_BODY_BYTES: usize = 64 * 1024;

/// Whatever answers an observation with a prediction.
pub trait Score: Send + Sync + 'static {
    /// The prediction for one observation, field by field.
    ///
    /// # Errors
    /// If the observation breaks the contract.
    fn score(&self, observation: &Map<String, Value>) -> Result<Prediction>;
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
/// `GET /v2/health/ready` says that the model is loaded; `POST /v1/predict`
/// takes one observation as a JSON object.
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

async fn ready() -> Json<Value> {
    Json(json!({ "ready": true }))
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
    let prediction = match service.scorer.score(&observation) {
        Ok(prediction) => prediction,
        Err(error) => return refuse(StatusCode::BAD_REQUEST, error.to_string()),
    };
    if let Some(log) = &service.log {
        let at = (service.clock)()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let entry = json!({
            "timestamp_seconds": at.as_secs_f64(),
            "observation": observation,
            "prediction": prediction,
        });
        // An answer that can't be accounted for is not given.
        if let Err(error) = log.append(&entry) {
            tracing::error!(%error, "prediction log");
            return refuse(
                StatusCode::SERVICE_UNAVAILABLE,
                "the prediction log can't be written".into(),
            );
        }
    }
    Json(prediction).into_response()
}
// ANCHOR_END: predict

fn refuse(status: StatusCode, message: String) -> Response {
    tracing::info!(%status, message, "refused");
    (status, Json(json!({ "error": message }))).into_response()
}
