//! What changed between the table a model learned from and the one it meets now.
//!
//! [`drift`] compares the columns that two tables share. A column drifts when a
//! difference is both unlikely to be chance and large enough to matter. Either alone
//! misleads: with many rows the smallest difference is significant, with few
//! rows large ones arise by chance.
//!
//! # Compare like with like
//!
//! What follows the seasons differs between any January and any July, and no test can tell that
//! from a broken sensor. The reference must cover the season of the current
//! rows, best over several years. Where the tables have a time column,
//! [`DriftOptions::same_season`] leaves in the reference only days of the year within
//! [`SEASON_MARGIN`] days of one in the current table.
//!
//! Nor are rows of one day, or of days in a row, independent of each other, as
//! the tests suppose. A month with one long spell of something is unusual in truth; the sizes asked
//! for ([`DriftOptions::psi`], [`DriftOptions::distance`]) decide whether that is worth a message.

mod compare;
mod error;
mod report;
mod season;

pub use compare::{DriftOptions, drift};
pub use error::{MonitoringError, Result};
pub use report::{ColumnDrift, DriftReport, Finding, Missing, Shape, Test, Unseen};
pub use season::SEASON_MARGIN;
