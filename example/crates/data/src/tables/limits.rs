//! How much a file may ask for: what it says of its size is checked before anything is read, so that
//! memory and time are bounded by the bytes that are there.

/// The most columns of a file.
pub(super) const MAX_COLUMNS: usize = 10_000;

/// The longest name of a column in bytes.
pub(super) const MAX_NAME: usize = 1_000;

/// Memory that a file may take however small it is: a table of 134 million numbers.
const FREE_MEMORY: u64 = 1 << 30;

/// How many bytes of a table a byte of a file may become. Measurements take 1 to 3 bytes in Parquet and 8 in memory;
/// a file far denser than that holds nothing but repetitions.
const MAX_EXPANSION: u64 = 64;

/// Bytes of memory that the content of a file of so many bytes may take.
pub(super) fn memory(bytes: u64) -> u64 {
    FREE_MEMORY.saturating_add(bytes.saturating_mul(MAX_EXPANSION))
}

/// Refuses a header that is no header of a table.
pub(super) fn header<'a>(
    count: usize,
    mut names: impl Iterator<Item = &'a str>,
) -> Result<(), String> {
    if count > MAX_COLUMNS {
        return Err(format!(
            "the header has {count} columns and at most {MAX_COLUMNS} are read; remove the columns that the contract doesn't name"
        ));
    }
    match names.find(|name| name.len() > MAX_NAME) {
        Some(long) => Err(format!(
            "the name of a column has {} bytes and at most {MAX_NAME} are read; it begins with {:?}",
            long.len(),
            long.chars().take(20).collect::<String>()
        )),
        None => Ok(()),
    }
}

/// Refuses more rows than a file of so many bytes may hold.
pub(super) fn rows(rows: u64, columns: u64, bytes: u64) -> Result<(), String> {
    let wanted = rows
        .saturating_mul(columns)
        .saturating_mul(size_of::<f64>() as u64);
    if wanted <= memory(bytes) {
        return Ok(());
    }
    Err(format!(
        "the file says that it has {rows} rows of {columns} columns, which would take {} MB of memory for a file of {} kB; \
         it is damaged, or it must be split into files of fewer rows",
        wanted >> 20,
        bytes >> 10
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_may_be_as_large_as_its_file_makes_likely() {
        // The real file as Parquet, and one a thousand times as long.
        assert!(rows(145_460, 23, 2 << 20).is_ok());
        assert!(rows(145_460_000, 23, 2 << 30).is_ok());
        // Thirty million rows in 1.8 MB.
        assert!(rows(30_000_000, 23, 1_800_000).is_err());
        assert!(rows(u64::MAX, 2, 9).is_err());
    }
}
