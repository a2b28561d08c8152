//! YAML as DVC's files use it.
//!
//! The [reader](read) follows YAML 1.2's core schema with the additions of the reader that DVC
//! uses (ruamel.yaml, safe): `1_000`, `0b11`, dates, merge keys. It keeps the line of every key and
//! value, so that an error can name it, and it has a budget, so that a file that unfolds without
//! end is refused. The [writer](write()) gives the bytes that DVC's writer gives for the same value.

mod emit;
mod float;
mod reader;
mod scalar;
mod value;

#[cfg(test)]
mod tests;

pub use emit::write;
pub use float::float_text;
pub(crate) use reader::continued_lines;
pub use reader::{Budget, read, read_within};
pub use value::{Entry, Map, Node, Value};

/// Why a text isn't YAML that can be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {message}")]
pub struct YamlError {
    /// Line in the text, from 1.
    pub line: usize,
    /// Column in the line, from 1.
    pub column: usize,
    /// What is wrong there.
    pub message: String,
}
