/// Why two tables cannot be compared.
#[derive(Debug, thiserror::Error, PartialEq)]
#[non_exhaustive]
pub enum MonitoringError {
    /// A table has too few rows to say anything.
    #[error(
        "the {table} table has {rows} rows; at least {least} are needed to tell a change from chance: wait for more rows, or take a longer period"
    )]
    TooFewRows {
        /// `reference` or `current`.
        table: &'static str,
        /// Its rows.
        rows: usize,
        /// The rows needed.
        least: usize,
    },
    /// The reference has too few rows of the same season.
    #[error(
        "only {rows} of the {all} reference rows lie in the season of the current ones, {least} are needed: give a reference that covers that season, or compare with all of it (`--any-season`)"
    )]
    OtherSeason {
        /// Reference rows of the season.
        rows: usize,
        /// All reference rows.
        all: usize,
        /// The rows needed.
        least: usize,
    },
    /// The time column is missing or holds no dates.
    #[error(
        "the {table} table has no date in its time column {column:?}: give the rows their dates, or compare with the whole reference (`--any-season`)"
    )]
    NoDates {
        /// `reference` or `current`.
        table: &'static str,
        /// The column.
        column: String,
    },
    /// An option cannot be.
    #[error("{option} is {value}: {expected}")]
    Option {
        /// The option's name.
        option: &'static str,
        /// Its value.
        value: String,
        /// What it should be.
        expected: &'static str,
    },
    /// No column is left to compare.
    #[error(
        "the tables share no column of numbers or categories to compare: are they tables of the same contract?"
    )]
    NothingShared,
}

/// A result whose error is a [`MonitoringError`].
pub type Result<T, E = MonitoringError> = std::result::Result<T, E>;
