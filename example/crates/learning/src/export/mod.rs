//! Models in the forms of other programs: JSON for a page, ONNX for any runtime.

mod json;
mod onnx;
mod protobuf;

pub use json::{Portable, portable};
pub use onnx::onnx;

#[cfg(test)]
mod tests;
