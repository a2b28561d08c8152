//! The lines of a CSV file and their fields: is it text, and has every line as
//! many fields as the header?
//!
//! A field never goes over a line end here, so that line number and row number
//! are the same thing all the way to the last report.

use std::borrow::Cow;
use std::path::Path;

use wide::u8x16;

use crate::error::SHOWN;
use crate::{DataError, Problem};

use super::limits;

/// Some lines of a block.
pub(super) struct Part<'a> {
    pub bytes: &'a [u8],
    /// Number of lines in it.
    pub rows: usize,
    /// Number of the first one, that of the header being 1.
    pub first_line: usize,
}

/// Bytes that are read in one go: with what is noted of them they stay in the
/// part of the core's cache that is nearest to it.
const PART: usize = 1 << 13;
/// No line is that long, so that places in a part, with one more byte for each of
/// its cells, are below 2^32.
const LONGEST: usize = 1 << 31;

impl<'a> Part<'a> {
    /// Lines of which the first has this number, some at a time.
    pub fn all(bytes: &'a [u8], first_line: usize) -> impl Iterator<Item = Part<'a>> {
        cut(bytes, PART).scan(first_line, |line, bytes| {
            let ends = memchr::memchr_iter(b'\n', bytes).count();
            let part = Part {
                bytes,
                rows: ends + usize::from(!bytes.ends_with(b"\n")),
                first_line: *line,
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

/// The cells of a part, as long as there is nothing wrong with its lines.
pub(super) struct Cells<'a> {
    pub text: Cow<'a, str>,
    width: usize,
    /// Where each cell starts in the text, after a byte that belongs to none.
    pub starts: Vec<u32>,
}

impl<'a> Cells<'a> {
    /// Cuts each line into as many cells as the header has; `starts` is room from before.
    pub fn new(part: &Part<'a>, width: usize, mut starts: Vec<u32>) -> Result<Cells<'a>, Faults> {
        if part.bytes.len() >= LONGEST {
            let mut faults = Faults::default();
            faults.note(
                part.first_line,
                None,
                "this line, or one of the next, is longer than 2 GB".into(),
            );
            return Err(faults);
        }
        match std::str::from_utf8(part.bytes) {
            Ok(text)
                if memchr::memchr3(0, b'\r', b'"', part.bytes).is_none()
                    && cut_all(part, width, &mut starts).is_some() =>
            {
                let text = text.into();
                Ok(Cells {
                    text,
                    width,
                    starts,
                })
            }
            _ => Cells::line_by_line(part, width),
        }
    }

    /// For lines with quotes or carriage returns, and to find out which are wrong.
    fn line_by_line(part: &Part<'a>, width: usize) -> Result<Cells<'a>, Faults> {
        let mut faults = Faults::default();
        let mut unquoted = String::with_capacity(part.bytes.len());
        let mut starts = vec![0];
        for (line, bytes) in (part.first_line..).zip(lines(part.bytes)) {
            match text(trim_return(bytes)).and_then(|line| fields(line, Some(width))) {
                Ok(fields) => {
                    for field in fields {
                        unquoted.push_str(&field);
                        unquoted.push('\n');
                        starts.push(place(unquoted.len()));
                    }
                }
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
        cells.map(|starts| (starts[0] as usize, starts[1] as usize - 1))
    }
}

/// Bytes that are asked together.
const STRIDE: usize = 64;

/// A bit for each byte, which is set if it is a comma or a line end.
#[inline]
fn cell_ends(stride: &[u8; STRIDE]) -> u64 {
    let (comma, line_end) = (u8x16::splat(b','), u8x16::splat(b'\n'));
    let (lanes, _) = stride.as_chunks::<16>();
    lanes.iter().rev().fold(0, |ends, lane| {
        let lane = u8x16::new(*lane);
        let found = lane.simd_eq(comma) | lane.simd_eq(line_end);
        ends << 16 | u64::from(found.to_bitmask())
    })
}

/// Notes where each cell starts, if commas and line ends are all there is and
/// each line has as many cells as it should.
fn cut_all(part: &Part<'_>, width: usize, starts: &mut Vec<u32>) -> Option<()> {
    let cells = part.rows * width;
    starts.resize(1 + cells + STRIDE, 0);
    starts[0] = 0;
    let mut count = 1;
    let (strides, rest) = part.bytes.as_chunks();
    for (at, stride) in strides.iter().enumerate() {
        let mut ends = cell_ends(stride);
        let slots = starts.get_mut(count..)?.get_mut(..STRIDE)?;
        count += ends.count_ones() as usize;
        // To note always some is quicker than to ask of each whether it is there.
        for slots in slots.as_chunks_mut::<8>().0 {
            for slot in slots {
                *slot = place(at * STRIDE + 1) + ends.trailing_zeros();
                ends &= ends.wrapping_sub(1);
            }
            if ends == 0 {
                break;
            }
        }
    }
    for (at, byte) in (part.bytes.len() - rest.len()..).zip(rest) {
        if matches!(byte, b',' | b'\n') {
            *starts.get_mut(count)? = place(at + 1);
            count += 1;
        }
    }
    if !part.bytes.ends_with(b"\n") {
        *starts.get_mut(count)? = place(part.bytes.len() + 1);
        count += 1;
    }
    let line_ends = starts[..count].iter().skip(width).step_by(width);
    let regular = count == 1 + cells
        && line_ends
            .into_iter()
            .all(|next| matches!(part.bytes.get(*next as usize - 1), None | Some(b'\n')));
    starts.truncate(count);
    regular.then_some(())
}

/// A place in a part, which is shorter than [`LONGEST`].
fn place(at: usize) -> u32 {
    at as u32
}

/// The longest first line: that of 10,000 columns of long names.
const MAX_HEADER: usize = 4 << 20;

/// The names in the first line.
pub(super) fn header(line: &[u8]) -> Result<Vec<String>, String> {
    if line.len() > MAX_HEADER {
        return Err(format!(
            "the header has {} bytes and at most {MAX_HEADER} are read; is this a table with a line of names?",
            line.len()
        ));
    }
    let names = fields(text(trim_return(line))?, None)?;
    limits::header(names.len(), names.iter().map(|name| &**name))?;
    Ok(names.into_iter().map(String::from).collect())
}

fn ragged(found: usize, expected: usize) -> String {
    let found = match found {
        1 => "1 field".to_string(),
        found => format!("{found} fields"),
    };
    format!("{found} where the header has {expected}")
}

/// The lines of a text without their line feeds; a last line may lack it.
pub(super) fn lines(body: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut start = 0;
    memchr::memchr_iter(b'\n', body)
        .chain((!body.is_empty() && !body.ends_with(b"\n")).then_some(body.len()))
        .map(move |end| {
            let line = &body[start..end];
            start = end + 1;
            line
        })
}

/// The fields of a line without its line end, quotes taken off; as many as there must be, if that is given.
///
/// A quote may only enclose a whole field and stands doubled inside one.
fn fields(line: &str, width: Option<usize>) -> Result<Vec<Cow<'_, str>>, String> {
    if line.contains('\r') {
        return Err(
            "a carriage return stands inside the line; save the file with usual line ends".into(),
        );
    }
    let counted = |count: usize| match width {
        Some(width) if width != count => Err(ragged(count, width)),
        _ => Ok(()),
    };
    if !line.contains('"') {
        // Counted before they are kept: a line may have millions.
        counted(memchr::memchr_iter(b',', line.as_bytes()).count() + 1)?;
        return Ok(line.split(',').map(Into::into).collect());
    }
    let mut fields = Vec::new();
    let mut count = 0;
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
        count += 1;
        if width.is_none_or(|width| count <= width) {
            fields.push(field);
        }
        rest = match after.strip_prefix(',') {
            Some(rest) => rest,
            None if after.is_empty() => {
                counted(count)?;
                return Ok(fields);
            }
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
pub(super) fn trim_blank_lines(mut body: &[u8]) -> &[u8] {
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

pub(super) fn lines_error(path: &Path, faults: Faults) -> DataError {
    DataError::Lines {
        path: path.into(),
        unit: "line",
        problems: faults.first,
        count: faults.count,
        advice: "The file is damaged or no CSV with commas; repair these lines or export it again."
            .into(),
    }
}
