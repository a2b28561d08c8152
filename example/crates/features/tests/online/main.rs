//! What every online store promises, over both of them.
//!
//! The file is always tried; Redis where a `redis-server` is on the PATH. With
//! `MLOPS_REDIS=required` its absence is a failure. `MLOPS_ONLINE_KEYS` is the number of
//! entities of the large test.

#![allow(clippy::unwrap_used)] // helpers of tests are tests too

mod child;
mod conformance;
mod failures;
mod materialize;
mod model;
mod places;
mod proxy;
mod redis_server;
mod windows;

/// Each of these functions over each store, as a test of its own.
#[macro_export]
macro_rules! over_both_stores {
    ($($name:ident),+ $(,)?) => {
        mod redb_store {
            $(#[test] fn $name() { super::$name(&$crate::places::Place::file()); })+
        }
        mod redis_store {
            $(#[test] fn $name() {
                if let Some(place) = $crate::places::Place::redis() { super::$name(&place); }
            })+
        }
    };
}
