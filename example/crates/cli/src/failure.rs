use std::process::ExitCode;

use mlops_data::DataError;
use mlops_disk::DiskError;
use mlops_features::FeatureError;
use mlops_features::offline::OfflineError;
use mlops_features::online::OnlineError;
use mlops_learning::LearningError;
use mlops_monitoring::MonitoringError;
use mlops_pipeline::PipelineError;
use mlops_serving::ServingError;
use mlops_store::StoreError;
use mlops_versioning::VersioningError;

/// Why a command didn't do what it was asked, and whose turn it is.
#[derive(Debug)]
pub struct Failure {
    code: u8,
    error: anyhow::Error,
}

/// A result whose error says whose turn it is.
pub type Outcome<T> = Result<T, Failure>;

impl Failure {
    /// The user must change something: exit code 2.
    pub fn user(error: impl Into<anyhow::Error>) -> Failure {
        Failure {
            code: 2,
            error: error.into(),
        }
    }

    /// The run failed: exit code 1.
    pub fn run(error: impl Into<anyhow::Error>) -> Failure {
        Failure {
            code: 1,
            error: error.into(),
        }
    }

    /// Whether objects were neither in the cache nor where they were looked for.
    pub(crate) fn is_missing(&self) -> bool {
        matches!(
            self.error.downcast_ref(),
            Some(VersioningError::Missing { .. })
        )
    }

    pub(crate) fn report(&self) -> ExitCode {
        let message = self.message();
        let style = clap::builder::styling::AnsiColor::Red.on_default().bold();
        anstream::eprintln!("{style}error{style:#}: {message}");
        ExitCode::from(self.code)
    }

    /// What happened, with its causes, in one line.
    pub(crate) fn message(&self) -> String {
        let mut message = String::new();
        for cause in self.error.chain().map(ToString::to_string) {
            // Errors that already tell their source would say it twice.
            if message.is_empty() {
                message = cause;
            } else if !message.contains(&cause) {
                message = format!("{message}: {cause}");
            }
        }
        message
    }
}

/// A file that isn't there is the user's turn; a disk that fails is not.
fn code_of(error: &std::io::Error) -> u8 {
    use std::io::ErrorKind::{AddrInUse, IsADirectory, NotADirectory, NotFound, PermissionDenied};
    match error.kind() {
        NotFound | PermissionDenied | IsADirectory | NotADirectory | AddrInUse => 2,
        _ => 1,
    }
}

impl From<DataError> for Failure {
    fn from(error: DataError) -> Self {
        let code = if let DataError::Io { source, .. } = &error {
            code_of(source)
        } else {
            2
        };
        Failure {
            code,
            error: error.into(),
        }
    }
}

impl From<ServingError> for Failure {
    fn from(error: ServingError) -> Self {
        let code = match &error {
            ServingError::Io { source, .. } | ServingError::Log { source, .. } => code_of(source),
            ServingError::Store(store) if !store.is_user_error() => 1,
            ServingError::Disk(disk) if !disk.is_user_error() => 1,
            _ => 2,
        };
        Failure {
            code,
            error: error.into(),
        }
    }
}

impl From<FeatureError> for Failure {
    fn from(error: FeatureError) -> Self {
        Failure::user(error)
    }
}

impl From<OfflineError> for Failure {
    fn from(error: OfflineError) -> Self {
        let code = if error.is_user_error() { 2 } else { 1 };
        Failure {
            code,
            error: error.into(),
        }
    }
}

impl From<OnlineError> for Failure {
    fn from(error: OnlineError) -> Self {
        let code = if error.is_user_error() { 2 } else { 1 };
        Failure {
            code,
            error: error.into(),
        }
    }
}

impl From<LearningError> for Failure {
    fn from(error: LearningError) -> Self {
        Failure::user(error)
    }
}

impl From<MonitoringError> for Failure {
    fn from(error: MonitoringError) -> Self {
        Failure::user(error)
    }
}

impl From<VersioningError> for Failure {
    fn from(error: VersioningError) -> Self {
        let code = if error.is_user_error() { 2 } else { 1 };
        Failure {
            code,
            error: error.into(),
        }
    }
}

impl From<DiskError> for Failure {
    fn from(error: DiskError) -> Self {
        let code = if error.is_user_error() { 2 } else { 1 };
        Failure {
            code,
            error: error.into(),
        }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        VersioningError::from(error).into()
    }
}

impl From<PipelineError> for Failure {
    fn from(error: PipelineError) -> Self {
        let code = if error.is_user_error() { 2 } else { 1 };
        Failure {
            code,
            error: error.into(),
        }
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        match error.downcast_ref::<std::io::Error>() {
            Some(io) => Failure {
                code: code_of(io),
                error,
            },
            None => Failure::run(error),
        }
    }
}
