//! The pages of a column chunk, checked before they are decoded: checksums, sizes, numbers of values.

use polars_parquet::parquet::page::CompressedPage;
use polars_parquet::read::{ColumnChunkMetadata, Page, PageReader, decompress};

use super::super::{frames::polars_said, limits};
use super::{delta, thrift};

/// What a page's header says.
#[derive(Default)]
struct Header {
    kind: i64,
    unpacked: i64,
    stored: i64,
    checksum: Option<i64>,
    values: i64,
    nulls: i64,
    rows: Option<i64>,
    encoding: i64,
    /// Bytes of the levels of a page of the second version, which stand before its values.
    levels: [i64; 2],
}

const DATA: i64 = 0;
const DICTIONARY: i64 = 2;
const DATA_2: i64 = 3;

/// Checks all pages of a chunk of a column that isn't nested.
pub(super) fn check(chunk: &ColumnChunkMetadata, bytes: &[u8]) -> Result<(), String> {
    let contradiction = || "its pages contradict each other".to_string();
    let total = chunk.num_values();
    let (mut values, mut unpacked, mut at) = (0_i64, 0_i64, 0);
    let mut deltas = false;
    let mut first = true;
    while values < total {
        let (header, length) = header(&bytes[at..]).ok_or("the header of a page cannot be read")?;
        let start = at + length;
        let end = usize::try_from(header.stored).ok();
        let end = end.and_then(|stored| start.checked_add(stored));
        let page = end.and_then(|end| bytes.get(start..end));
        let page = page.ok_or("a page is longer than its column")?;
        if let Some(checksum) = header.checksum
            && crc32fast::hash(page) != checksum as u32
        {
            return Err("the checksum of a page doesn't fit its content".into());
        }
        let fits = header.unpacked >= 0
            && header.values >= 0
            && match header.kind {
                DICTIONARY => first && header.values <= header.unpacked,
                DATA => true,
                DATA_2 => {
                    let levels = header.levels.iter().all(|bytes| *bytes >= 0);
                    levels
                        && (0..=header.values).contains(&header.nulls)
                        && header.rows == Some(header.values)
                        && header.levels[0].saturating_add(header.levels[1])
                            <= header.stored.min(header.unpacked)
                }
                _ => false,
            };
        if !fits {
            return Err(contradiction());
        }
        unpacked = unpacked.saturating_add(header.unpacked);
        if header.kind != DICTIONARY {
            values = values.saturating_add(header.values);
            deltas |= delta::is_delta(header.encoding);
        }
        first = false;
        at = start + page.len();
    }
    // Some writers count the headers of pages, some don't.
    let stated = chunk
        .uncompressed_size()
        .saturating_mul(2)
        .saturating_add(1 << 16);
    if values != total || unpacked > stated {
        return Err(contradiction());
    }
    if deltas {
        check_deltas(chunk, bytes)?;
    }
    Ok(())
}

/// The header at the start of these bytes, and how long it is.
fn header(bytes: &[u8]) -> Option<(Header, usize)> {
    let mut header = Header::default();
    let length = thrift::walk(bytes, &thrift::PAGE_HEADER, &mut |path, value| match path {
        [1] => header.kind = value,
        [2] => header.unpacked = value,
        [3] => header.stored = value,
        [4] => header.checksum = Some(value),
        [5 | 7 | 8, 1] => header.values = value,
        [8, 2] => header.nulls = value,
        [8, 3] => header.rows = Some(value),
        [5, 2] | [8, 4] => header.encoding = value,
        [8, 5] => header.levels[0] = value,
        [8, 6] => header.levels[1] = value,
        _ => {}
    })?;
    Some((header, length))
}

/// Differences can stand for far more than their own bytes, so these pages are unpacked once more.
fn check_deltas(chunk: &ColumnChunkMetadata, bytes: &[u8]) -> Result<(), String> {
    let said = |error: polars_parquet::read::ParquetError| polars_said(&error);
    let optional = chunk.descriptor().descriptor.max_def_level > 0;
    let mut room = limits::memory(bytes.len() as u64);
    let source = std::io::Cursor::new(bytes.to_vec().into());
    let mut pages = PageReader::new(source, chunk, Vec::new(), usize::MAX);
    pages.read_dict().map_err(said)?;
    let mut context = polars_parquet::parquet::compression::DecompressionContext::Unset;
    for page in pages {
        let page = page.map_err(said)?;
        let CompressedPage::Data(data) = &page else {
            continue;
        };
        let (levels, encoding) = match data.header() {
            polars_parquet::read::DataPageHeader::V1(header) => (None, header.encoding.0),
            polars_parquet::read::DataPageHeader::V2(header) => {
                let levels =
                    header.definition_levels_byte_length + header.repetition_levels_byte_length;
                (Some(levels as usize), header.encoding.0)
            }
        };
        let most = data.num_values();
        if !delta::is_delta(i64::from(encoding)) {
            continue;
        }
        let unpacked = decompress(page, &mut Vec::new(), &mut context).map_err(said)?;
        let Page::Data(unpacked) = unpacked else {
            continue;
        };
        let content = unpacked.buffer();
        let values = match levels {
            Some(levels) => content.get(levels..),
            None if optional => content
                .split_first_chunk()
                .and_then(|(length, rest)| rest.get(u32::from_le_bytes(*length) as usize..)),
            None => Some(content),
        };
        let sizes = values.and_then(|values| delta::check(i64::from(encoding), values, most));
        room = sizes
            .and_then(|bytes| room.checked_sub(bytes))
            .ok_or("the differences of a page cannot be read")?;
    }
    Ok(())
}
