//! Named feature functions and the row they make.
//!
//! A project registers functions over a [`Window`] of its own observation type;
//! the toolkit calls them the same way for a table of years and for one request,
//! so that training and serving cannot differ.

mod error;
mod observation;
mod registry;
mod service;

pub use error::{FeatureError, Result};
pub use observation::{Observation, Window, observe};
pub use registry::{Feature, FeatureType, FeatureView, Registry};
pub use service::{FeatureMatrix, FeatureService};
