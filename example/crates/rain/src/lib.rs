//! Will it rain tomorrow? The project that the guide carries through its whole life.
//!
//! What is specific to weather stands here; everything else is the toolkit's.

pub mod climate;
mod commands;
pub mod compare;
pub mod features;
pub mod generator;
pub mod observation;
pub mod stations;

pub use commands::Rain;
