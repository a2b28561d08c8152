//! CSV under a contract. The cells are read here and not by polars, which is
//! several times slower at it and doesn't say which cell it refuses.

use std::fs::File;
use std::path::Path;

use rayon::prelude::*;

use crate::contract::{Contract, DateOrder, Kind};
use crate::error::SHOWN;
use crate::{Column, DataError, Problem, Result, Table, Values};

use super::cells::{self, Slots};
use super::header::{Plan, plan};
use super::parts::Step;
use super::recent::Recent;
use super::scan::{self, Cells, Faults};
use super::source::{self, Block, Source, Text};
use super::{Found, ReadOptions, words};

pub(super) fn read(
    path: &Path,
    bytes: &[u8],
    contract: &Contract,
    options: ReadOptions,
) -> Result<Found> {
    // A file that is no text mostly breaks something else first.
    table(path, &Source::Memory(bytes), contract, options)
        .map_err(|error| source::no_text(path, bytes).unwrap_or(error))
}

/// As [`read`], without ever holding the whole file. An error says no more than
/// that this didn't work.
pub(super) fn read_by_block(
    path: &Path,
    file: &File,
    bytes: usize,
    contract: &Contract,
    options: ReadOptions,
) -> Result<Found> {
    table(path, &Source::File(file, bytes), contract, options)
}

/// As [`read_by_block`], some blocks at a time, the last first: shows `each` their rows, and the number
/// of the first one, counted from 0.
pub(super) fn read_parts(
    path: &Path,
    file: &File,
    bytes: usize,
    contract: &Contract,
    options: ReadOptions,
    each: &mut dyn FnMut(usize, Table) -> Step,
) -> Result<Vec<String>> {
    let source = Source::File(file, bytes);
    let text = source::open(path, &source)?;
    let plan = plan(path, &text.header, contract, options)?;
    let warnings = warnings(&plan, &text);
    let wanted = wanted(&plan);
    // Which number is the day only the whole file tells.
    let undeclared = |column: &Wanted<'_>| column.kind == Kind::Date && column.dates.is_none();
    if wanted.iter().any(undeclared) && has_slashes(&text, &source) {
        return Err(whole_needed(path));
    }
    for part in text.parts_from_the_end() {
        let first = part.blocks.first().map_or(0, |block| block.first_line - 2);
        let columns = fill(
            path,
            &part,
            &source,
            &wanted,
            &contract.missing,
            &contract.path,
        )?;
        if each(first, whole(path, columns)?).is_break() {
            break;
        }
    }
    Ok(warnings)
}

/// Whether the first lines have slashes, as dates of some programs do.
fn has_slashes(text: &Text, source: &Source<'_>) -> bool {
    let mut room = Vec::new();
    let first = text.blocks.first();
    let lines = first.and_then(|block| source.get(block.range.clone(), &mut room).ok());
    lines.is_some_and(|lines| memchr::memchr(b'/', lines).is_some())
}

fn whole_needed(path: &Path) -> DataError {
    DataError::File {
        path: path.into(),
        message: "the file can only be read at once".into(),
    }
}

fn table(
    path: &Path,
    source: &Source<'_>,
    contract: &Contract,
    options: ReadOptions,
) -> Result<Found> {
    let text = source::open(path, source)?;
    let plan = plan(path, &text.header, contract, options)?;
    let columns = fill(
        path,
        &text,
        source,
        &wanted(&plan),
        &contract.missing,
        &contract.path,
    )?;
    Ok(Found {
        table: whole(path, columns)?,
        warnings: warnings(&plan, &text),
    })
}

fn warnings(plan: &Plan<'_>, text: &Text) -> Vec<String> {
    let mut warnings = plan.warnings.clone();
    if !text.ended {
        warnings.push(
            "the last line has no line end; if it was cut off inside its last field, nothing shows it"
                .into(),
        );
    }
    if text.rows == 0 {
        warnings.push("the file has a header and no rows".into());
    }
    warnings
}

fn wanted<'a>(plan: &Plan<'a>) -> Vec<Wanted<'a>> {
    let columns = plan.columns.iter();
    columns
        .map(|(rule, place)| Wanted {
            name: &rule.name,
            kind: rule.kind,
            declared: rule.values.as_deref(),
            dates: rule.dates,
            place: *place,
        })
        .collect()
}

fn whole(path: &Path, columns: Vec<Column>) -> Result<Table> {
    Table::new(columns).ok_or_else(|| DataError::File {
        path: path.into(),
        message: "the file cannot be read, and it is not clear why: columns differ in length"
            .into(),
    })
}

/// Reads every column as words; the empty field is missing.
pub(super) fn read_texts(path: &Path, bytes: &[u8]) -> Result<Table> {
    let table = || {
        let source = Source::Memory(bytes);
        let text = source::open(path, &source)?;
        let names = text.header.iter().enumerate();
        let wanted: Vec<Wanted<'_>> = names
            .map(|(place, name)| Wanted {
                name,
                kind: Kind::Category,
                declared: None,
                dates: None,
                place,
            })
            .collect();
        let columns = fill(path, &text, &source, &wanted, &[], path)?;
        Table::new(columns).ok_or_else(|| DataError::File {
            path: path.into(),
            message: "two columns share a name: rename one of them".into(),
        })
    };
    table().map_err(|error| source::no_text(path, bytes).unwrap_or(error))
}

/// A column to be read.
struct Wanted<'a> {
    name: &'a str,
    kind: Kind,
    /// The words of a category that come first.
    declared: Option<&'a [String]>,
    /// The order of day and month in dates with slashes, if it is declared.
    dates: Option<DateOrder>,
    /// Its place in the file.
    place: usize,
}

/// Reads all blocks at once, each into its part of the columns. `missing` are the words that stand for
/// "missing", and `said` is where they are declared.
fn fill(
    path: &Path,
    text: &Text,
    source: &Source<'_>,
    wanted: &[Wanted<'_>],
    missing: &[String],
    said: &Path,
) -> Result<Vec<Column>> {
    let mut values: Vec<Values> = wanted
        .iter()
        .map(|column| cells::empty(column.kind, text.rows))
        .collect();
    let mut slots: Vec<Slots<'_>> = values.iter_mut().map(Slots::of).collect();
    let mut blocks = Vec::new();
    for block in &text.blocks {
        let slots = slots.iter_mut().map(|slots| slots.take(block.rows));
        blocks.push((block, slots.collect::<Vec<_>>()));
    }
    let blocks = blocks
        .into_par_iter()
        .map_init(Room::new, |room, (block, slots)| {
            let columns = wanted.iter().zip(slots).map(|(column, slots)| {
                cells::Column::new(column.name, column.place, column.dates, slots, missing)
            });
            fill_block(block, source, room, text.header.len(), columns.collect())
        })
        .collect();
    let mut words = vec![Vec::new(); wanted.len()];
    for (block, columns) in text
        .blocks
        .iter()
        .zip(accepted(path, text, source, blocks, said)?)
    {
        for (words, column) in words.iter_mut().zip(columns) {
            words.push((block.rows, column.words.into_levels()));
        }
    }
    Ok(wanted
        .par_iter()
        .zip(values)
        .zip(words)
        .map(|((column, values), words)| Column {
            name: column.name.into(),
            values: match values {
                Values::Category { codes, .. } => words::category(codes, &words, column.declared),
                values => values,
            },
        })
        .collect())
}

/// What a thread keeps from block to block.
struct Room {
    /// Those of a block, if they have to be read.
    bytes: Vec<u8>,
    /// Where the cells of a part start.
    starts: Vec<u32>,
    /// The numbers that cells stand for.
    numbers: Recent<f64>,
}

impl Room {
    fn new() -> Room {
        Room {
            bytes: Vec::new(),
            starts: Vec::new(),
            numbers: Recent::new(12, f64::NAN),
        }
    }
}

fn fill_block<'a>(
    block: &Block,
    source: &Source<'_>,
    room: &mut Room,
    width: usize,
    mut columns: Vec<cells::Column<'a>>,
) -> Result<Vec<cells::Column<'a>>, Faults> {
    let mut ragged = Faults::default();
    let bytes = source
        .get(block.range.clone(), &mut room.bytes)
        .unwrap_or_else(|error| {
            ragged.note(block.first_line, None, error.to_string());
            &[]
        });
    let mut next = block.first_line;
    for part in scan::Part::all(bytes, block.first_line) {
        next += part.rows;
        match Cells::new(&part, width, std::mem::take(&mut room.starts)) {
            Ok(cells) => {
                for column in &mut columns {
                    column.fill(&cells, part.first_line, &mut room.numbers);
                }
                room.starts = cells.starts;
            }
            Err(faults) => ragged.append(faults),
        }
    }
    if next != block.first_line + block.rows {
        ragged.note(next, None, "the file changed while it was read".into());
    }
    match ragged.count {
        0 => Ok(columns),
        _ => Err(ragged),
    }
}

/// The columns of all blocks, if nothing was refused: a line that doesn't split
/// is worse than two notations of dates, and that is worse than a cell that
/// doesn't fit.
fn accepted<'a>(
    path: &Path,
    text: &Text,
    source: &Source<'_>,
    blocks: Vec<Result<Vec<cells::Column<'a>>, Faults>>,
    said: &Path,
) -> Result<Vec<Vec<cells::Column<'a>>>> {
    let mut accepted = Vec::new();
    let mut ragged = Faults::default();
    for block in blocks {
        match block {
            Ok(columns) => accepted.push(columns),
            Err(faults) => ragged.append(faults),
        }
    }
    let mut notations = [None, None];
    let mut count = 0;
    let mut wrong = Vec::new();
    for column in accepted.iter().flatten() {
        for (first, found) in notations.iter_mut().zip(&column.notations) {
            *first = [*first, found.as_ref()].into_iter().flatten().min();
        }
        count += column.faults.count;
        let placed = |fault: &Problem| (fault.line, column.place, fault.clone());
        wrong.extend(column.faults.first.iter().map(placed));
    }
    if ragged.count > 0 {
        return Err(source::refused(path, text, source, ragged));
    }
    // `01/02/2015` beside `2015-02-01` means that two sources were mixed, and
    // nobody can say what the first one meant.
    if let [Some((iso_line, iso)), Some((line, slashes))] = notations {
        return Err(DataError::File {
            path: path.into(),
            message: format!(
                "dates stand in two notations: line {iso_line} has {iso:?}, line {line} has {slashes:?}; \
                 write all of them as yyyy-mm-dd"
            ),
        });
    }
    if count > 0 {
        wrong.sort_unstable();
        let advice = advice(wrong.iter().map(|(.., fault)| fault), said);
        return Err(DataError::Lines {
            path: path.into(),
            unit: "line",
            problems: wrong
                .into_iter()
                .take(SHOWN)
                .map(|(.., fault)| fault)
                .collect(),
            count,
            advice,
        });
    }
    match either(accepted.iter().flatten()) {
        None => Ok(accepted),
        Some((line, text, name)) => Err(DataError::File {
            path: path.into(),
            message: format!(
                "line {line}, column {name}: {text:?} could be two dates, and no date of the file shows whether day or month comes first; \
                 write dates as yyyy-mm-dd, or declare `dates: day-first` or `dates: month-first` for {name} in {}",
                said.display()
            ),
        }),
    }
}

/// The first date with slashes that could be another, in a column where none shows which is meant: line, text and
/// column.
fn either<'a>(
    columns: impl Iterator<Item = &'a cells::Column<'a>> + Clone,
) -> Option<(usize, &'a str, &'a str)> {
    let first = |column: &'a cells::Column<'a>| {
        let (line, text) = column.either.as_ref()?;
        let same = |other: &&cells::Column<'_>| other.place == column.place;
        let shown = columns.clone().filter(same).any(|other| other.shows_order);
        (!shown).then_some((*line, text.as_str(), column.name))
    };
    columns.clone().filter_map(first).min()
}

/// A word may stand for "missing"; what begins like a date doesn't.
fn advice<'a>(mut faults: impl Iterator<Item = &'a Problem>, contract: &Path) -> String {
    let dated = |fault: &Problem| {
        let digits = fault.message.strip_prefix('"');
        digits.is_some_and(|text| text.starts_with(|c: char| c.is_ascii_digit()))
            && [
                "is not a date",
                "has a time of day",
                "the dates that are read",
            ]
            .iter()
            .any(|said| fault.message.contains(said))
    };
    if faults.all(dated) {
        return "Write each date as yyyy-mm-dd, without a time of day.".into();
    }
    format!(
        "Correct the values; a word that stands for \"missing\" belongs under `missing` in {}.",
        contract.display()
    )
}
