//! The online service: one observation in, a probability out, and a log of both.

mod error;
mod golden;
mod inference;
mod log;
mod online;
mod server;

pub use error::{Result, ServingError};
pub use golden::Golden;
pub use inference::Inference;
pub use log::PredictionLog;
pub use online::Online;
pub use server::{Prediction, Score, Service, serve};
