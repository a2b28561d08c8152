//! A file of text cut into blocks of lines, and where the bytes of a block come from.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::path::Path;

use rayon::prelude::*;

use crate::{DataError, Result};

use super::scan::{self, Faults};

/// A file of text.
pub(super) enum Source<'a> {
    /// All of it, in memory.
    Memory(&'a [u8]),
    /// A file of that many bytes, whose blocks are read when they are wanted: only
    /// the table needs memory then, and memory is what reading mostly waits for.
    #[cfg_attr(not(unix), expect(dead_code))]
    File(&'a File, usize),
}

/// A file that begins as a table does.
pub(super) struct Text {
    /// The fields of the first line.
    pub header: Vec<String>,
    /// The lines after it, thousands together.
    pub blocks: Vec<Block>,
    /// Number of lines in all blocks.
    pub rows: usize,
    /// Whether the last line ends as lines do.
    pub ended: bool,
}

/// Whole lines of a file.
pub(super) struct Block {
    /// Where its bytes are.
    pub range: Range<usize>,
    /// Number of lines in it.
    pub rows: usize,
    /// Number of the first one, that of the header being 1.
    pub first_line: usize,
}

/// Bytes of a block, which one thread reads; its end is looked for, so it is a bit
/// more or less. Few in tests, so that these have many blocks.
const BLOCK: usize = if cfg!(test) { 64 } else { 1 << 18 };

const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// Blocks of a part: of all cores something, and not much memory.
const PART: usize = 16;

impl Text {
    /// The same text, some blocks at a time, the last first.
    pub fn parts_from_the_end(mut self) -> impl Iterator<Item = Text> {
        std::iter::from_fn(move || {
            let rest = self.blocks.len().checked_sub(1)? / PART * PART;
            let blocks = self.blocks.split_off(rest);
            Some(Text {
                header: self.header.clone(),
                rows: blocks.iter().map(|block| block.rows).sum(),
                blocks,
                ended: self.ended,
            })
        })
    }
}

impl Source<'_> {
    fn len(&self) -> usize {
        match self {
            Source::Memory(bytes) => bytes.len(),
            Source::File(_, bytes) => *bytes,
        }
    }

    /// The bytes of a range; `room` is for those that have to be read.
    pub fn get<'a>(&'a self, range: Range<usize>, room: &'a mut Vec<u8>) -> io::Result<&'a [u8]> {
        match self {
            Source::Memory(bytes) => Ok(bytes.get(range).unwrap_or_default()),
            Source::File(file, _) => {
                room.resize(range.len(), 0);
                read_at(file, room, range.start as u64)?;
                Ok(room)
            }
        }
    }

    /// How far from either end to look for what is mostly close to it.
    fn near(&self) -> usize {
        match self {
            Source::Memory(bytes) => bytes.len(),
            Source::File(_, bytes) => BLOCK.min(*bytes),
        }
    }
}

#[cfg(unix)]
fn read_at(file: &File, bytes: &mut [u8], from: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, bytes, from)
}

#[cfg(not(unix))]
fn read_at(_: &File, _: &mut [u8], _: u64) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Reads the header and cuts the rest at line ends.
///
/// # Errors
/// If there is no header, or the system refuses. Of a [`Source::File`] also if it is
/// unusual (a header or blank lines at the end that fill a block).
pub(super) fn open(path: &Path, source: &Source<'_>) -> Result<Text> {
    let bytes = source.len();
    let mut room = Vec::new();
    let system = |error| crate::error::unreadable(path, error);
    let head = source.get(0..source.near(), &mut room).map_err(system)?;
    let mark = if head.starts_with(BYTE_ORDER_MARK) {
        BYTE_ORDER_MARK.len()
    } else {
        0
    };
    let line = &head[mark..];
    let line = match memchr::memchr(b'\n', line) {
        Some(end) => Ok(&line[..end]),
        None if head.len() == bytes => Ok(line),
        None => Err(format!("this line is longer than {BLOCK} bytes")),
    };
    let first = |message| {
        let mut faults = Faults::default();
        faults.note(1, None, message);
        scan::lines_error(path, faults)
    };
    let line = line.map_err(first)?;
    let start = bytes.min(mark + line.len() + 1);
    let header = scan::header(line).map_err(first)?;

    let tail = start.max(bytes - source.near())..bytes;
    let from = tail.start;
    let tail = source.get(tail, &mut room).map_err(system)?;
    let kept = scan::trim_blank_lines(tail);
    if kept.is_empty() && from > start {
        return Err(first(format!(
            "the last {BLOCK} bytes of the file are blank lines"
        )));
    }
    let body = start..from + kept.len();
    let closed = kept.ends_with(b"\n");
    let (blocks, rows) = cut(source, body, closed).map_err(system)?;
    let last = source.get(bytes.saturating_sub(1)..bytes, &mut room);
    Ok(Text {
        header,
        blocks,
        rows,
        ended: last.map_err(system)? == b"\n",
    })
}

/// Cuts at a line end near every [`BLOCK`] bytes; `closed` says whether the last
/// line has its end. Gives the number of lines too.
fn cut(source: &Source<'_>, body: Range<usize>, closed: bool) -> io::Result<(Vec<Block>, usize)> {
    let pieces: Vec<usize> = body.clone().step_by(BLOCK).collect();
    // Of each piece the place of its first line end, and how many it has.
    let ends: Vec<(Option<usize>, usize)> = pieces
        .into_par_iter()
        .map_init(Vec::new, |room, start| {
            let bytes = source.get(start..body.end.min(start + BLOCK), room)?;
            let first = memchr::memchr(b'\n', bytes).map(|at| start + at);
            Ok((first, memchr::memchr_iter(b'\n', bytes).count()))
        })
        .collect::<io::Result<_>>()?;
    let mut blocks = Vec::new();
    let (mut from, mut lines, mut rows) = (body.start, 0, 0);
    let mut end = |range: Range<usize>, lines: usize| {
        if !range.is_empty() {
            blocks.push(Block {
                range,
                rows: lines,
                first_line: rows + 2,
            });
            rows += lines;
        }
    };
    for (at, (first, count)) in ends.into_iter().enumerate() {
        match first {
            Some(first) if at > 0 => {
                end(from..first + 1, lines + 1);
                (from, lines) = (first + 1, count - 1);
            }
            _ => lines += count,
        }
    }
    end(from..body.end, lines + usize::from(!closed));
    Ok((blocks, rows))
}
/// Why a file is none that has lines at all.
pub(super) fn no_text(path: &Path, bytes: &[u8]) -> Option<DataError> {
    let kind = known_binary(bytes).map(String::from);
    let message = kind.or_else(|| {
        let at = memchr::memchr(0, bytes)?;
        Some(format!(
            "byte {} is 0, so this is a binary file and no CSV; give a CSV or Parquet file",
            at + 1
        ))
    })?;
    Some(DataError::File {
        path: path.into(),
        message,
    })
}

/// Formats that people take for a table by mistake.
fn known_binary(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [] => Some("the file is empty (0 bytes); export or fetch it again"),
        [b'P', b'K', 3, 4, ..] => {
            Some("this is a zip archive (or a spreadsheet); unpack it or export it as CSV first")
        }
        [0x1F, 0x8B, ..] => Some("this is a gzip archive; unpack it first"),
        [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..] => Some("this is UTF-16 text; save it as UTF-8"),
        _ => None,
    }
}

/// What to say of lines that don't fit the header.
pub(super) fn refused(path: &Path, text: &Text, source: &Source<'_>, faults: Faults) -> DataError {
    let mut room = Vec::new();
    let last = text.blocks.last().and_then(|block| {
        let block = source.get(block.range.clone(), &mut room).ok()?;
        scan::lines(block).last()
    });
    match (faults.first.as_slice(), last) {
        ([only], Some(last)) if !text.ended && faults.count == 1 && only.line == text.rows + 1 => {
            let fields = std::str::from_utf8(last).map_or(1, |last| last.split(',').count());
            DataError::File {
                path: path.into(),
                message: format!(
                    "line {} is the last one and is cut off: it has {fields} of {} fields and no line end, \
                     so the file is truncated; export or fetch it again",
                    only.line,
                    text.header.len()
                ),
            }
        }
        _ => scan::lines_error(path, faults),
    }
}

#[cfg(all(test, unix))]
mod tests {
    // Clippy knows test functions, but not the helpers beside them.
    #![allow(clippy::unwrap_used)]

    use std::io::Write;

    use proptest::prelude::*;

    use super::*;

    /// Blocks as text, each with the number of its first line.
    fn blocks(text: &Text, source: &Source<'_>) -> Vec<(usize, String)> {
        let read = |block: &Block| {
            let bytes = source
                .get(block.range.clone(), &mut Vec::new())
                .unwrap()
                .to_vec();
            assert_eq!(block.rows, scan::lines(&bytes).count());
            (block.first_line, String::from_utf8(bytes).unwrap())
        };
        text.blocks.iter().map(read).collect()
    }

    proptest! {
        #[test]
        fn a_file_is_cut_into_the_lines_it_has_in_memory(
            mark in any::<bool>(),
            lines in proptest::collection::vec("[a-z,]{0,40}|[a-z]{100,200}", 1..40),
            line_end in "\n|\r\n",
            ends in 0usize..8,
        ) {
            let mut content = if mark { BYTE_ORDER_MARK.to_vec() } else { Vec::new() };
            content.extend(lines.join(&line_end).bytes());
            content.extend(line_end.repeat(ends).bytes());
            let mut file = tempfile::tempfile().unwrap();
            file.write_all(&content).unwrap();

            let memory = Source::Memory(&content);
            let whole = open(Path::new("t.csv"), &memory).unwrap();
            let cut = blocks(&whole, &memory);
            let body: String = cut.iter().map(|(_, text)| text.as_str()).collect();
            let expected = String::from_utf8(content.clone()).unwrap();
            let expected = expected.split_once('\n').map_or("", |(_, body)| body);
            prop_assert!(expected.starts_with(&body));
            prop_assert_eq!(expected[body.len()..].trim_matches(['\r', '\n']), "");
            prop_assert_eq!(whole.rows, scan::lines(body.as_bytes()).count());
            let mut line = 2;
            for (first_line, text) in &cut {
                prop_assert_eq!(*first_line, line);
                line += scan::lines(text.as_bytes()).count();
            }

            // A header longer than a block is left to memory.
            let file = Source::File(&file, content.len());
            if let Ok(text) = open(Path::new("t.csv"), &file) {
                prop_assert_eq!(&text.header, &whole.header);
                prop_assert_eq!((text.rows, text.ended), (whole.rows, whole.ended));
                prop_assert_eq!(blocks(&text, &file), cut);
            } else {
                prop_assert!(content.len() > BLOCK);
            }
        }
    }

    #[test]
    fn a_file_that_grew_shorter_is_refused() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"a,b\n1,2\n").unwrap();
        assert!(open(Path::new("t.csv"), &Source::File(&file, 200)).is_err());
    }
}
