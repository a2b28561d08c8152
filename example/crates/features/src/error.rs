use std::path::PathBuf;

/// What can go wrong between an observation and its feature row.
#[derive(Debug, thiserror::Error, PartialEq)]
#[non_exhaustive]
pub enum FeatureError {
    /// The definitions cannot be read, or contradict themselves or the contract.
    #[error("{path}: {message}", path = path.display())]
    Definitions {
        /// The definitions' file.
        path: PathBuf,
        /// What is wrong, with the line where known.
        message: String,
    },
    /// A service was asked for that isn't declared.
    #[error("{path} has no service {name:?}; it has {known}", path = path.display())]
    UnknownService {
        /// The name asked for.
        name: String,
        /// The definitions' file.
        path: PathBuf,
        /// The names there are.
        known: String,
    },
    /// A feature or view was asked for that isn't declared.
    #[error("no feature or view is called {name:?}; the views are {known}")]
    Unknown {
        /// The name asked for.
        name: String,
        /// The views there are.
        known: String,
    },
    /// A service is left without features.
    #[error("service {service:?} has no features left: leave out less")]
    Empty {
        /// The service.
        service: String,
    },
    /// A feature has no function.
    #[error(
        "service {service:?} asks for feature {feature:?}, which this program can't compute: it has no function of this name"
    )]
    NoFunction {
        /// The service.
        service: String,
        /// The feature.
        feature: String,
    },
    /// A feature is declared as 0 or 1 and gave something else.
    #[error(
        "feature {feature:?} is a flag, 0 or 1, but is {value} in row {row}: correct its type or its function"
    )]
    Flag {
        /// The feature.
        feature: String,
        /// The value.
        value: f32,
        /// Row of the table, from 1.
        row: usize,
    },
    /// The table lacks a column that the observation reads.
    #[error("the table has no column {column:?}; it has {found}")]
    MissingColumn {
        /// The column.
        column: String,
        /// The columns there are.
        found: String,
    },
    /// A value cannot become part of an observation.
    #[error("row {row}, {column}: {message}")]
    Value {
        /// Row of the table, from 1.
        row: usize,
        /// The column.
        column: String,
        /// What is wrong and what is expected.
        message: String,
    },
}

/// A result whose error is a [`FeatureError`].
pub type Result<T, E = FeatureError> = std::result::Result<T, E>;
