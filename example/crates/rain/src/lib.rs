//! Will it rain tomorrow? The project that the guide carries through its whole life.
//!
//! What is specific to weather stands here; everything else is the toolkit's.

pub mod features;
pub mod observation;
pub mod stations;
