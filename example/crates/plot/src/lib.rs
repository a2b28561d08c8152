//! Plots as SVG from numbers alone.
//!
//! A drawing is text without scripts, fonts or ids: it looks right as a file of its own, where it
//! follows the reader's light or dark, and inside a page, where it takes the page's colour of text.
//! The same input gives the same bytes, so drawings can be committed and compared.

mod bars;
mod chart;
mod decimate;
mod grid;
mod panel;
mod parallel;
mod reliability;
mod scale;
mod svg;
mod swarm;
mod text;

pub use bars::{Bar, Bars};
pub use chart::{Chart, Line};
pub use grid::HeatGrid;
pub use parallel::{Parallel, ParallelAxis};
pub use reliability::{Reliability, ReliabilityBin};
pub use scale::Axis;
pub use swarm::Swarm;
pub use text::{decimals, short_number};
