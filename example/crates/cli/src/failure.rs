use std::process::ExitCode;

use mlops_data::DataError;
use mlops_disk::DiskError;
use mlops_features::FeatureError;
use mlops_features::offline::OfflineError;
use mlops_features::online::OnlineError;
use mlops_learning::LearningError;
use mlops_monitoring::MonitoringError;
use mlops_pipeline::PipelineError;
use mlops_repository::RepositoryError;
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

    pub(crate) fn report(&self) -> ExitCode {
        let message = self.message();
        let style = clap::builder::styling::AnsiColor::Red.on_default().bold();
        anstream::eprintln!("{style}error{style:#}: {message}");
        ExitCode::from(self.code)
    }

    /// What happened, with its causes, in one line.
    pub(crate) fn message(&self) -> String {
        let mut message = String::new();
        for cause in self.error.chain().map(|cause| words(&cause.to_string())) {
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

/// A message without the system's numbers for what it says, as in `Connection refused (os error 111)`, and without what a
/// terminal would obey.
fn words(message: &str) -> String {
    let mut parts = message.split(" (os error ");
    let mut words = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        words.push_str(part.split_once(')').map_or("", |(_, rest)| rest));
    }
    mlops_disk::printable_lines(&words)
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
        let code = if error.is_user_error() { 2 } else { 1 };
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
            ServingError::Observation(data) if !data.is_user_error() => 1,
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

impl From<RepositoryError> for Failure {
    fn from(error: RepositoryError) -> Self {
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
        let code = match error.downcast_ref::<std::io::Error>() {
            Some(io) => code_of(io),
            None => match error.downcast_ref::<DiskError>() {
                Some(disk) if disk.is_user_error() => 2,
                _ => 1,
            },
        };
        Failure { code, error }
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::path::Path;

    use super::*;

    #[test]
    fn a_message_says_each_cause_once_and_in_words() {
        let refused = io::Error::from_raw_os_error(111);
        let error = anyhow::Error::from(refused).context("a: no answer");
        assert_eq!(
            Failure::run(error).message(),
            "a: no answer: Connection refused"
        );
        let link = io::Error::from_raw_os_error(40);
        let failure = Failure::from(DiskError::io("write", Path::new("a"), link));
        let said = failure.message();
        assert!(
            said.starts_with("a: could not write: it is a symbolic link"),
            "{said}"
        );
        assert!(
            !said.contains("os error") && !said.contains("levels"),
            "{said}"
        );
        let odd = anyhow::anyhow!("b (os error 5) and\u{1b}[2J c (os error 6)");
        assert_eq!(Failure::run(odd).message(), "b and\\u001b[2J c");
    }

    #[test]
    fn a_full_disk_is_a_run_that_failed_whatever_was_written() {
        let full = || DiskError::io("write", Path::new("a"), io::ErrorKind::StorageFull.into());
        let failures: [Failure; 4] = [
            full().into(),
            DataError::from(full()).into(),
            ServingError::from(DataError::from(full())).into(),
            anyhow::Error::from(full()).into(),
        ];
        for failure in failures {
            assert_eq!(failure.code, 1);
            let said = failure.message();
            assert_eq!(said.matches("disk is full").count(), 1, "{said}");
        }
    }
}
