//! Rows as text, quickly.

use std::io::Write;
use std::path::{Path, PathBuf};

use mlops_data::calendar::{self, Day};
use rayon::prelude::*;

use super::rows::{Block, FIELDS, Field, MISSING, Row};
use super::{GeneratorError, Sink, unwritable};
use crate::climate::variable::COMPASS;

/// A field's text with its comma, padded: copied whole, counted by its length.
#[derive(Clone, Copy)]
struct Text {
    bytes: [u8; 8],
    length: u8,
}

impl Text {
    fn new(text: &str) -> Text {
        let mut bytes = [b' '; 8];
        let length = text.len().min(7);
        bytes[..length].copy_from_slice(&text.as_bytes()[..length]);
        bytes[length] = b',';
        Text {
            bytes,
            length: length as u8 + 1,
        }
    }
}

/// The numbers there can be, in tenths.
const LEAST: i16 = -1_000;
const MOST: i16 = 11_000;

/// Every text a field can have, made once.
struct Texts {
    /// Missing first, then from `LEAST` to `MOST`.
    numbers: Vec<Text>,
    points: [Text; 17],
    /// Missing, no, yes.
    answers: [Text; 3],
    locations: Vec<String>,
}

impl Texts {
    fn new(names: &[String]) -> Texts {
        let mut numbers = vec![Text::new("NA")];
        numbers.extend((LEAST..=MOST).map(|tenths| match tenths % 10 {
            0 => Text::new(&(tenths / 10).to_string()),
            _ => Text::new(&(f64::from(tenths) / 10.0).to_string()),
        }));
        Texts {
            numbers,
            points: std::array::from_fn(|i| Text::new(COMPASS.get(i).unwrap_or(&"NA"))),
            answers: ["NA", "No", "Yes"].map(Text::new),
            locations: names.iter().map(|name| format!("{name},")).collect(),
        }
    }

    fn number(&self, tenths: i16) -> Text {
        match tenths {
            MISSING => self.numbers[0],
            _ => self.numbers[(tenths.clamp(LEAST, MOST) - LEAST) as usize + 1],
        }
    }

    fn answer(&self, answer: Option<bool>) -> Text {
        self.answers[answer.map_or(0, |yes| 1 + usize::from(yes))]
    }
}

/// Writes blocks as the lines of a CSV file like that of *Rain in Australia*:
/// the same header, `NA` for missing, no quotes.
pub struct CsvSink<W: Write> {
    out: W,
    path: PathBuf,
    texts: Option<Texts>,
    buffers: Vec<Vec<u8>>,
}

/// Days to a buffer: few enough to keep every core busy, and the same on any
/// number of them.
const DAYS: usize = 16;

impl<W: Write> CsvSink<W> {
    /// Writes the header; `path` is only named in errors.
    ///
    /// # Errors
    /// If writing fails.
    pub fn new(mut out: W, path: &Path) -> std::io::Result<CsvSink<W>> {
        let header: Vec<&str> = FIELDS.iter().map(|field| field.name()).collect();
        writeln!(out, "{}", header.join(","))?;
        Ok(CsvSink {
            out,
            path: path.into(),
            texts: None,
            buffers: Vec::new(),
        })
    }

    /// Flushes, and returns what was written to.
    ///
    /// # Errors
    /// If writing fails.
    pub fn finish(mut self) -> std::io::Result<W> {
        self.out.flush()?;
        Ok(self.out)
    }
}

impl<W: Write> Sink for CsvSink<W> {
    fn write(&mut self, block: &Block) -> Result<(), GeneratorError> {
        let texts = self.texts.get_or_insert_with(|| Texts::new(&block.names));
        self.buffers
            .resize_with(block.days.div_ceil(DAYS), Vec::new);
        self.buffers
            .par_iter_mut()
            .enumerate()
            .for_each(|(i, buffer)| {
                let days = i * DAYS..((i + 1) * DAYS).min(block.days);
                lines(texts, block, days, buffer);
            });
        for buffer in &self.buffers {
            self.out
                .write_all(buffer)
                .map_err(|error| unwritable(&self.path, error))?;
        }
        Ok(())
    }
}

fn lines(texts: &Texts, block: &Block, days: std::ops::Range<usize>, buffer: &mut Vec<u8>) {
    let longest = texts.locations.iter().map(String::len).max().unwrap_or(0);
    // A date, a name, 21 texts of at most 8 bytes.
    let room = days.len() * block.names.len() * (11 + longest + 21 * 8) + 8;
    buffer.resize(room, 0);
    let mut end = 0;
    for day in days {
        let date = format!("{},", calendar::format_iso(block.first + day as Day));
        for (station, row) in block.day(day) {
            end = line(texts, &date, &texts.locations[station], row, buffer, end);
        }
    }
    buffer.truncate(end);
}

fn line(
    texts: &Texts,
    date: &str,
    location: &str,
    row: &Row,
    buffer: &mut [u8],
    start: usize,
) -> usize {
    let mut end = start;
    for text in [date, location] {
        buffer[end..end + text.len()].copy_from_slice(text.as_bytes());
        end += text.len();
    }
    for field in &FIELDS[2..] {
        let text = match *field {
            Field::Number(variable) => texts.number(row.values[variable as usize]),
            Field::Direction(w, _) => texts.points[usize::from(row.points[w]) % 17],
            Field::RainToday => texts.answer(row.rain_today),
            _ => texts.answer(row.rain_tomorrow),
        };
        buffer[end..end + 8].copy_from_slice(&text.bytes);
        end += usize::from(text.length);
    }
    buffer[end - 1] = b'\n';
    end
}
