//! A file that keeps what the system said of a failed write: of it, polars' writer passes on no more than its own
//! words.

use std::fs::File;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

/// Writes to a file, and notes the first failure.
#[derive(Debug)]
pub(super) struct StagedFile {
    file: File,
    failure: WriteFailure,
}

/// What the system said, if a write failed.
#[derive(Debug, Clone, Default)]
pub(super) struct WriteFailure(Arc<Mutex<Option<io::Error>>>);

impl StagedFile {
    pub(super) fn new(file: File, failure: &WriteFailure) -> StagedFile {
        StagedFile {
            file,
            failure: failure.clone(),
        }
    }
}

impl Write for StagedFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file
            .write(bytes)
            .inspect_err(|error| self.failure.note(error))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl WriteFailure {
    fn note(&self, error: &io::Error) {
        let same = match error.raw_os_error() {
            Some(number) => io::Error::from_raw_os_error(number),
            None => error.kind().into(),
        };
        let mut noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        noted.get_or_insert(same);
    }

    /// The first failure, once.
    pub(super) fn take(&self) -> Option<io::Error> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tables::frames;
    use crate::{Column, Table, Values};

    #[test]
    fn what_the_system_says_of_a_full_disk_is_known_behind_polars_words() {
        let failure = WriteFailure::default();
        let full = File::options().write(true).open("/dev/full").unwrap();
        let mut file = StagedFile::new(full, &failure);
        let column = Column {
            name: "a".into(),
            values: Values::Number(vec![1.0]),
        };
        let frame = frames::frame(&Table::new(vec![column]).unwrap()).unwrap();
        frames::write_parquet(&mut file, &frame).unwrap_err();
        let said = failure.take().unwrap();
        assert_eq!(said.kind(), io::ErrorKind::StorageFull);
        assert!(failure.take().is_none());
    }
}
