//! The point-in-time join: what was known of an entity at an instant.
//!
//! For an entity row (keys, t), of a view's rows with the same keys, `event <= t` and, unless the ttl is 0,
//! `event >= t - ttl` (both ends included), the one with the latest event; of several, the one created last.
//! That is Feast's definition. What differs is the default: a row created after t is not taken, so that a
//! value filled in later can't leak into the past.
//!
//! Times are microseconds since 1970-01-01. There is no data frame in here: columns come as slices.

mod keys;
mod timeline;

pub use keys::{KeyColumn, Keys};
pub use timeline::{Asked, Candidate, Rule, Timeline};

#[cfg(test)]
mod tests;
