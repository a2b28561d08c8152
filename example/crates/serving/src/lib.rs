//! The online service: one observation in, a probability out, and a log of both.

mod admission;
mod clock;
mod connections;
mod counterfactual;
mod error;
mod golden;
mod inference;
mod log;
mod logged;
mod loopback;
mod online;
mod scene;
mod server;

pub use admission::ServingSettings;
pub use clock::WallClock;
pub use connections::Limits;
pub use counterfactual::{Change, Otherwise};
pub use error::{Result, ServingError};
pub use golden::Golden;
pub use inference::Inference;
pub use log::PredictionLog;
pub use logged::{LoggedAnswer, LoggedPrediction, find_model, observations_of, read_log};
pub use online::Online;
pub use scene::Scene;
pub use server::{Answer, Prediction, Score, Service, serve};
