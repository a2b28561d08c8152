//! The online service: one observation in, a probability out, and a log of both.

mod error;
mod golden;
mod inference;
mod log;
mod memory;
mod server;

pub use error::{Result, ServingError};
pub use golden::Golden;
pub use inference::{Inference, Prediction};
pub use log::PredictionLog;
pub use server::{Score, Service, serve};
