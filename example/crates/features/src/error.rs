/// What can go wrong between an observation and its feature row.
#[derive(Debug, thiserror::Error, PartialEq)]
#[non_exhaustive]
pub enum FeatureError {
    /// A feature or view was asked for that nobody registered.
    #[error("no feature or view is called {name:?}; registered views: {known}")]
    Unknown {
        /// The name asked for.
        name: String,
        /// The names there are.
        known: String,
    },
    /// A feature reads a column that the contract doesn't have.
    #[error("feature {feature:?} reads column {column:?}, which the contract doesn't have")]
    UnknownInput {
        /// The feature.
        feature: String,
        /// The column.
        column: String,
    },
    /// A feature reads what isn't known when the forecast is issued.
    #[error(
        "feature {feature:?} reads {column:?}, known at hour {known_at}, but service {service:?} is issued at hour {issued_at}: that would be looking ahead"
    )]
    LookAhead {
        /// The feature.
        feature: String,
        /// The column.
        column: String,
        /// The service.
        service: String,
        /// Hour at which the column is known.
        known_at: f64,
        /// Hour at which the forecast is issued.
        issued_at: f64,
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
