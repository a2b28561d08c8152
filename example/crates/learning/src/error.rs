/// What can go wrong with training, evaluating or reading a model.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LearningError {
    /// The rows cannot be learned from, or not by this model.
    #[error("{0}")]
    Data(String),
    /// A parameter is out of its range.
    #[error("{name} is {value}: {expected}")]
    Parameter {
        /// Its name in params.yaml.
        name: String,
        /// Its value.
        value: String,
        /// What is allowed.
        expected: String,
    },
    /// A model file is not what it should be.
    #[error("{0}")]
    File(String),
}

/// linfa's traits ask for it; its messages say what is wrong with the rows.
impl From<linfa::Error> for LearningError {
    fn from(error: linfa::Error) -> LearningError {
        LearningError::Data(error.to_string())
    }
}

/// A result whose error is a [`LearningError`].
pub type Result<T, E = LearningError> = std::result::Result<T, E>;
