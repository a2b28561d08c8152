//! Named feature functions and the row they make.
//!
//! A project declares its features in a file ([`Definitions`]) and registers a function
//! for each, over a [`Window`] of its own observation type. The toolkit calls them
//! the same way for a table of years and for one request, so that training and
//! serving cannot differ.

mod clocks;
pub mod definitions;
mod error;
mod history;
pub mod join;
mod observation;
#[cfg(feature = "offline")]
pub mod offline;
pub mod online;
mod origin;
mod reference;
mod registry;
mod service;
pub mod statistics;
mod window;

pub use clocks::{Clocks, UtcOffset};
pub use definitions::{Definitions, FeatureType, Period, StoredView};
pub use error::{FeatureError, Result};
pub use history::{History, Windows};
pub use observation::{Observation, observe};
pub use origin::Origin;
pub use reference::{Learned, Neighbour, Reference};
pub use registry::{Function, Registry};
pub use service::{Feature, FeatureMatrix, FeatureService, FeatureState};
pub use window::{DAY_MICROS, Extent, Known, Nearby, Recent, Window, end_of};
