//! The online service: one observation in, a probability out, and a log of both.

mod error;
mod inference;
mod log;
mod server;

pub use error::{Result, ServingError};
pub use inference::{Inference, Prediction};
pub use log::PredictionLog;
pub use server::{Score, Service, serve};
