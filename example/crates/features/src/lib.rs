//! Named feature functions and the row they make.
//!
//! A project registers functions over a [`Window`] of its own observation type;
//! the toolkit calls them the same way for a table of years and for one request,
//! so that training and serving cannot differ.

mod error;
mod history;
mod observation;
mod reference;
mod registry;
mod service;
mod window;

pub use error::{FeatureError, Result};
pub use history::{History, Windows};
pub use observation::{Observation, observe};
pub use reference::{Learned, Neighbour, Reference};
pub use registry::{Feature, FeatureType, FeatureView, Registry};
pub use service::{FeatureMatrix, FeatureService};
pub use window::{DAY_MICROS, Extent, Known, Nearby, Recent, Window, end_of};
