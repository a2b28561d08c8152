//! How good a model is, how sure that is, and what it is to be compared with.
//!
//! [`evaluate`] does it all for one test set. Its parts can be used alone: [`scores`] for the
//! numbers, [`intervals`] and [`paired`] for their uncertainty, [`curves`] for pictures,
//! [`baselines`] for what costs no model.

pub mod baselines;
mod bootstrap;
pub mod costs;
pub mod curves;
mod metric;
mod metrics;
mod report;
mod rounded;
mod tally;

pub use baselines::{BaselineInputs, TrainTest};
pub use bootstrap::{Bootstrap, Estimate, intervals, paired, paired_with};
pub(crate) use bootstrap::{draw, estimate};
pub use costs::{CostReport, Costs};
pub use metric::Metric;
pub use metrics::{Confusion, Metrics, Scores, by_group, scores};
pub use report::{Baselines, Evaluation, Scored, TestRows, evaluate};
