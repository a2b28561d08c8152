//! The lines of a CSV file and their fields: is it text, and has every line as
//! many fields as the header?
//!
//! A field never goes over a line end here, so that line number and row number
//! are the same thing all the way to the last report.

use std::borrow::Cow;
use std::path::Path;

use rayon::prelude::*;

use crate::error::SHOWN;
use crate::{DataError, Problem, Result};

use super::octets;

/// A file that begins as a table does.
pub(super) struct Text<'a> {
    /// The fields of the first line.
    pub header: Vec<String>,
    /// The lines after it, thousands together.
    pub blocks: Vec<Block<'a>>,
    /// Number of lines in all blocks.
    pub rows: usize,
    /// Whether the last line ends as lines do.
    pub ended: bool,
}

/// Whole lines of a file.
pub(super) struct Block<'a> {
    pub bytes: &'a [u8],
    /// Number of lines in it.
    pub rows: usize,
    /// Number of the first one, that of the header being 1.
    pub first_line: usize,
}

/// Bytes of a block, which one thread reads.
const BLOCK: usize = 1 << 19;
/// Bytes that are read in one go: with what is noted of them they stay in the
/// core's own cache.
const PART: usize = 1 << 15;

impl<'a> Block<'a> {
    fn new(bytes: &'a [u8]) -> Block<'a> {
        let ends = memchr::memchr_iter(b'\n', bytes).count();
        Block {
            bytes,
            rows: ends + usize::from(!bytes.ends_with(b"\n")),
            first_line: 0,
        }
    }

    /// The block, some lines at a time.
    pub fn parts(&self) -> impl Iterator<Item = Block<'a>> {
        cut(self.bytes, PART).scan(self.first_line, |line, bytes| {
            let part = Block {
                first_line: *line,
                ..Block::new(bytes)
            };
            *line += part.rows;
            Some(part)
        })
    }
}

/// What is wrong with some lines: how often, and the first of it.
#[derive(Default)]
pub(super) struct Faults {
    pub count: usize,
    pub first: Vec<Problem>,
}

impl Faults {
    pub fn note(&mut self, line: usize, column: Option<&str>, message: String) {
        self.count += 1;
        if self.first.len() < SHOWN {
            self.first.push(Problem {
                line,
                column: column.map(String::from),
                message,
            });
        }
    }

    /// Adds those of later lines.
    pub fn append(&mut self, later: Faults) {
        self.count += later.count;
        self.first.extend(later.first);
        self.first.truncate(SHOWN);
    }
}

/// Reads the header and cuts the rest at line ends.
pub(super) fn open<'a>(path: &Path, bytes: &'a [u8]) -> Result<Text<'a>> {
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    let end = memchr::memchr(b'\n', bytes).unwrap_or(bytes.len());
    let header = header(trim_return(&bytes[..end])).map_err(|message| {
        let mut faults = Faults::default();
        faults.note(1, None, message);
        lines_error(path, faults)
    })?;
    let body = trim_blank_lines(bytes.get(end + 1..).unwrap_or_default());
    let blocks: Vec<&[u8]> = cut(body, BLOCK).collect();
    let mut blocks: Vec<Block<'_>> = blocks.into_par_iter().map(Block::new).collect();
    let mut rows = 0;
    for block in &mut blocks {
        block.first_line = rows + 2;
        rows += block.rows;
    }
    Ok(Text {
        header,
        blocks,
        rows,
        ended: bytes.ends_with(b"\n"),
    })
}

fn header(line: &[u8]) -> Result<Vec<String>, String> {
    Ok(fields(text(line)?)?.into_iter().map(String::from).collect())
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

/// Pieces of about that many bytes that end as lines do.
fn cut(mut body: &[u8], bytes: usize) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let least = bytes.min(body.len());
        let end = memchr::memchr(b'\n', &body[least..]).map_or(body.len(), |at| least + at + 1);
        let (piece, rest) = body.split_at(end);
        body = rest;
        (!piece.is_empty()).then_some(piece)
    })
}

/// The cells of a block, as long as there is nothing wrong with its lines.
pub(super) struct Cells<'a> {
    pub text: Cow<'a, str>,
    width: usize,
    /// Where each cell starts in the text, after a byte that belongs to none.
    pub starts: Vec<usize>,
}

impl<'a> Cells<'a> {
    /// Cuts each line into as many cells as the header has; `starts` is room from before.
    pub fn new(
        block: &Block<'a>,
        width: usize,
        mut starts: Vec<usize>,
    ) -> Result<Cells<'a>, Faults> {
        match std::str::from_utf8(block.bytes) {
            Ok(text)
                if memchr::memchr3(0, b'\r', b'"', block.bytes).is_none()
                    && cut_all(block, width, &mut starts).is_some() =>
            {
                let text = text.into();
                Ok(Cells {
                    text,
                    width,
                    starts,
                })
            }
            _ => Cells::line_by_line(block, width),
        }
    }

    /// For lines with quotes or carriage returns, and to find out which are wrong.
    fn line_by_line(block: &Block<'a>, width: usize) -> Result<Cells<'a>, Faults> {
        let mut faults = Faults::default();
        let mut unquoted = String::with_capacity(block.bytes.len());
        let mut starts = vec![0];
        for (line, bytes) in (block.first_line..).zip(lines(block.bytes)) {
            match text(trim_return(bytes)).and_then(fields) {
                Ok(fields) if fields.len() == width => {
                    for field in fields {
                        unquoted.push_str(&field);
                        unquoted.push('\n');
                        starts.push(unquoted.len());
                    }
                }
                Ok(fields) => faults.note(line, None, ragged(fields.len(), width)),
                Err(message) => faults.note(line, None, message),
            }
        }
        if faults.count > 0 {
            return Err(faults);
        }
        let text = unquoted.into();
        Ok(Cells {
            text,
            width,
            starts,
        })
    }

    /// Number of lines.
    pub fn rows(&self) -> usize {
        self.starts.len() / self.width
    }

    /// Start and end of each cell of a column.
    pub fn column(&self, at: usize) -> impl Iterator<Item = (usize, usize)> {
        let cells = self.starts[at..].windows(2).step_by(self.width);
        cells.map(|starts| (starts[0], starts[1] - 1))
    }
}

/// Notes where each cell starts, if commas and line ends are all there is and
/// each line has as many cells as it should.
fn cut_all(block: &Block<'_>, width: usize, starts: &mut Vec<usize>) -> Option<()> {
    let cells = block.rows * width;
    starts.resize(1 + cells + 8, 0);
    starts[0] = 0;
    let mut count = 1;
    let (octets, rest) = block.bytes.as_chunks();
    for (at, octets) in octets.iter().enumerate() {
        let octets = u64::from_le_bytes(*octets);
        let mut ends = octets::equal(octets, b',') | octets::equal(octets, b'\n');
        let slots: &mut [usize; 8] = starts.get_mut(count..)?.first_chunk_mut()?;
        count += octets::count(ends);
        // Mostly there are up to 4: to note always 4 is quicker than to branch on
        // how many there are.
        for slot in &mut slots[..4] {
            *slot = at * 8 + octets::first(ends) as usize + 1;
            ends &= ends.wrapping_sub(1);
        }
        if ends != 0 {
            for slot in &mut slots[4..] {
                *slot = at * 8 + octets::first(ends) as usize + 1;
                ends &= ends.wrapping_sub(1);
            }
        }
    }
    for (at, byte) in (block.bytes.len() - rest.len()..).zip(rest) {
        if matches!(byte, b',' | b'\n') {
            *starts.get_mut(count)? = at + 1;
            count += 1;
        }
    }
    if !block.bytes.ends_with(b"\n") {
        *starts.get_mut(count)? = block.bytes.len() + 1;
        count += 1;
    }
    let line_ends = starts[..count].iter().skip(width).step_by(width);
    let regular = count == 1 + cells
        && line_ends
            .into_iter()
            .all(|next| matches!(block.bytes.get(next - 1), None | Some(b'\n')));
    starts.truncate(count);
    regular.then_some(())
}

fn ragged(found: usize, expected: usize) -> String {
    let found = match found {
        1 => "1 field".to_string(),
        found => format!("{found} fields"),
    };
    format!("{found} where the header has {expected}")
}

/// What to say of lines that don't fit the header.
pub(super) fn refused(path: &Path, text: &Text<'_>, faults: Faults) -> DataError {
    let last = text
        .blocks
        .last()
        .and_then(|block| lines(block.bytes).last());
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
        _ => lines_error(path, faults),
    }
}

/// The lines of a text without their line feeds; a last line may lack it.
fn lines(body: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut start = 0;
    memchr::memchr_iter(b'\n', body)
        .chain((!body.is_empty() && !body.ends_with(b"\n")).then_some(body.len()))
        .map(move |end| {
            let line = &body[start..end];
            start = end + 1;
            line
        })
}

/// The fields of a line without its line end, quotes taken off.
///
/// A quote may only enclose a whole field and stands doubled inside one.
fn fields(line: &str) -> Result<Vec<Cow<'_, str>>, String> {
    if line.contains('\r') {
        return Err(
            "a carriage return stands inside the line; save the file with usual line ends".into(),
        );
    }
    if !line.contains('"') {
        return Ok(line.split(',').map(Into::into).collect());
    }
    let mut fields = Vec::new();
    let mut rest = line;
    loop {
        let (field, after) = if let Some(inner) = rest.strip_prefix('"') {
            let end = closing_quote(inner)
                .ok_or("a quoted field isn't closed on its line (a field can't hold a line end)")?;
            (inner[..end].replace("\"\"", "\"").into(), &inner[end + 1..])
        } else {
            let end = rest.find(',').unwrap_or(rest.len());
            if rest[..end].contains('"') {
                return Err(format!(
                    "a quote stands inside the field {:?}; enclose the whole field in quotes and double it",
                    &rest[..end]
                ));
            }
            (rest[..end].into(), &rest[end..])
        };
        fields.push(field);
        rest = match after.strip_prefix(',') {
            Some(rest) => rest,
            None if after.is_empty() => return Ok(fields),
            None => {
                return Err(format!(
                    "{after:?} stands after the closing quote of a field"
                ));
            }
        };
    }
}

/// Where the field ends: the first quote that isn't doubled.
fn closing_quote(inner: &str) -> Option<usize> {
    let bytes = inner.as_bytes();
    let mut at = 0;
    while let Some(found) = memchr::memchr(b'"', &bytes[at..]) {
        at += found;
        if bytes.get(at + 1) != Some(&b'"') {
            return Some(at);
        }
        at += 2;
    }
    None
}

fn trim_return(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// Blank lines at the very end are no rows.
fn trim_blank_lines(mut body: &[u8]) -> &[u8] {
    loop {
        body = match body {
            [rest @ .., b'\n', b'\r', b'\n'] | [rest @ .., b'\n', b'\n'] => &body[..rest.len() + 1],
            b"\n" | b"\r\n" => return &[],
            _ => return body,
        };
    }
}

fn text(line: &[u8]) -> Result<&str, String> {
    if line.contains(&0) {
        return Err("a byte is 0".into());
    }
    std::str::from_utf8(line).map_err(|error| {
        let at = error.valid_up_to();
        let byte = line.get(at).copied().unwrap_or_default();
        format!(
            "byte {} of the line is 0x{byte:02X}, which is not UTF-8; save the file as UTF-8",
            at + 1
        )
    })
}

fn lines_error(path: &Path, faults: Faults) -> DataError {
    DataError::Lines {
        path: path.into(),
        unit: "line",
        problems: faults.first,
        count: faults.count,
        advice: "The file is damaged or no CSV with commas; repair these lines or export it again."
            .into(),
    }
}
