//! A look at a text file's bytes before its cells are read: is it text, and has
//! every line as many fields as the header?
//!
//! A field never goes over a line end here, so that line number and row number
//! are the same thing all the way to the last report.

use std::path::Path;

use rayon::prelude::*;

use crate::error::SHOWN;
use crate::{DataError, Problem, Result};

/// A file that is well-formed as text: what is left to read are its cells.
pub(super) struct Scan<'a> {
    /// The fields of the first line.
    pub header: Vec<String>,
    /// The lines after it.
    pub body: &'a [u8],
    /// Number of lines in `body`.
    pub rows: usize,
    /// Whether any line of `body` has a quote.
    pub quoted: bool,
    /// Whether the last line ends as lines do.
    pub ended: bool,
}

/// Bytes that a thread looks at in one go: thousands of lines.
const BLOCK: usize = 1 << 19;

pub(super) fn scan<'a>(path: &Path, bytes: &'a [u8]) -> Result<Scan<'a>> {
    let file = |message: String| DataError::File {
        path: path.into(),
        message,
    };
    if bytes.is_empty() {
        return Err(file(
            "the file is empty (0 bytes); export or fetch it again".into(),
        ));
    }
    if let Some(kind) = known_binary(bytes) {
        return Err(file(kind.into()));
    }
    if let Some(at) = memchr::memchr(0, bytes) {
        return Err(file(format!(
            "byte {} is 0, so this is a binary file and no CSV; give a CSV or Parquet file",
            at + 1
        )));
    }
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    let end = memchr::memchr(b'\n', bytes).unwrap_or(bytes.len());
    let first = trim_return(&bytes[..end]);
    let header = std::str::from_utf8(first)
        .map_err(|error| not_utf8(1, first, error.valid_up_to()))
        .and_then(|line| fields(line).map_err(|message| problem(1, message)))
        .map_err(|problem| lines_error(path, vec![problem], 1))?;
    let ended = bytes.ends_with(b"\n");
    let body = trim_blank_lines(bytes.get(end + 1..).unwrap_or_default());

    let blocks = blocks(body);
    let seen: Vec<Block> = blocks
        .par_iter()
        .map(|block| look(block, header.len()))
        .collect();
    let mut rows = 0;
    let mut count = 0;
    let mut problems = Vec::new();
    for block in &seen {
        count += block.count;
        problems.extend(block.problems.iter().map(|problem| Problem {
            line: problem.line + rows + 2,
            ..problem.clone()
        }));
        rows += block.lines;
    }
    if count > 0 {
        return Err(match cut_off(body, ended, &problems, count, rows) {
            Some(fields) => file(format!(
                "line {} is the last one and is cut off: it has {fields} of {} fields and no line end, \
                 so the file is truncated; export or fetch it again",
                rows + 1,
                header.len()
            )),
            None => lines_error(path, problems, count),
        });
    }
    Ok(Scan {
        header: header.into_iter().map(String::from).collect(),
        body,
        rows,
        quoted: seen.iter().any(|block| block.quoted),
        ended,
    })
}

/// Formats that people take for a table by mistake.
fn known_binary(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [b'P', b'K', 3, 4, ..] => {
            Some("this is a zip archive (or a spreadsheet); unpack it or export it as CSV first")
        }
        [0x1F, 0x8B, ..] => Some("this is a gzip archive; unpack it first"),
        [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..] => Some("this is UTF-16 text; save it as UTF-8"),
        _ => None,
    }
}

struct Block {
    lines: usize,
    quoted: bool,
    count: usize,
    problems: Vec<Problem>,
}

/// Cuts at line ends into pieces of about [`BLOCK`] bytes.
fn blocks(mut body: &[u8]) -> Vec<&[u8]> {
    let mut blocks = Vec::new();
    while !body.is_empty() {
        let least = BLOCK.min(body.len());
        let end = memchr::memchr(b'\n', &body[least..]).map_or(body.len(), |at| least + at + 1);
        let (block, rest) = body.split_at(end);
        blocks.push(block);
        body = rest;
    }
    blocks
}

/// Checks the lines of one block; the line numbers of its problems start at 0.
fn look(block: &[u8], width: usize) -> Block {
    let mut seen = Block {
        lines: 0,
        quoted: false,
        count: 0,
        problems: Vec::new(),
    };
    // One check for the whole block; lines are asked again only if it fails.
    let text = std::str::from_utf8(block).is_ok();
    let returns = memchr::memchr(b'\r', block).is_some();
    let quotes = memchr::memchr(b'"', block).is_some();
    for line in lines(block) {
        let found = if text && !returns && !quotes {
            let commas = line.iter().filter(|byte| **byte == b',').count();
            (commas + 1 != width).then(|| ragged(commas + 1, width))
        } else {
            seen.quoted |= quotes && line.contains(&b'"');
            inspect(line, width).err()
        };
        if let Some(message) = found {
            seen.count += 1;
            if seen.problems.len() < SHOWN {
                seen.problems.push(problem(seen.lines, message));
            }
        }
        seen.lines += 1;
    }
    seen
}

fn inspect(line: &[u8], width: usize) -> Result<(), String> {
    let line = trim_return(line);
    let line = std::str::from_utf8(line)
        .map_err(|error| not_utf8(0, line, error.valid_up_to()).message)?;
    let found = fields(line)?.len();
    if found == width {
        Ok(())
    } else {
        Err(ragged(found, width))
    }
}

fn ragged(found: usize, expected: usize) -> String {
    let found = match found {
        1 => "1 field".to_string(),
        found => format!("{found} fields"),
    };
    format!("{found} where the header has {expected}")
}

/// The number of fields of the last line, if nothing is wrong but that it stops early.
fn cut_off(
    body: &[u8],
    ended: bool,
    problems: &[Problem],
    count: usize,
    rows: usize,
) -> Option<usize> {
    let last = lines(body).last()?;
    (!ended && count == 1 && problems.first()?.line == rows + 1)
        .then(|| std::str::from_utf8(last).map_or(1, |last| last.split(',').count()))
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

/// The fields of a line without its line end, quotes taken off.
///
/// A quote may only enclose a whole field and stands doubled inside one.
pub(super) fn fields(line: &str) -> Result<Vec<std::borrow::Cow<'_, str>>, String> {
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

pub(super) fn trim_return(line: &[u8]) -> &[u8] {
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

fn not_utf8(line: usize, bytes: &[u8], at: usize) -> Problem {
    let byte = bytes.get(at).copied().unwrap_or_default();
    problem(
        line,
        format!(
            "byte {} of the line is 0x{byte:02X}, which is not UTF-8; save the file as UTF-8",
            at + 1
        ),
    )
}

fn problem(line: usize, message: String) -> Problem {
    Problem {
        line,
        column: None,
        message,
    }
}

fn lines_error(path: &Path, mut problems: Vec<Problem>, count: usize) -> DataError {
    problems.truncate(SHOWN);
    DataError::Lines {
        path: path.into(),
        unit: "line",
        problems,
        count,
        advice: "The file is damaged or no CSV with commas; repair these lines or export it again."
            .into(),
    }
}
