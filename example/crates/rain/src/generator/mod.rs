//! Weather that never was, of the kind there is.
//!
//! In the tradition of Richardson's WGEN (Water Resources Research 17, 1981): a
//! latent state of one standard normal score for each variable follows a
//! first-order autoregression, `z' = A z + B e`, whose `e` neighbouring stations
//! share. A station's own scale turns scores into values: quantiles through the
//! year, rain with a share of dry days and gamma amounts, wind roses. Since the
//! score of tomorrow's rain hangs on all of today's scores, today's humidity,
//! pressure and cloud say something about tomorrow's rain even on a dry day.
//!
//! Rows come day by day, all stations of a day together, in blocks that don't
//! grow with the number of days.

mod csv;
mod day;
mod noise;
mod plan;
mod rows;

use std::path::Path;

use mlops_data::calendar::{self, Day};
use mlops_data::tables::TableWriter;
use mlops_data::{DataError, Table};
use mlops_disk::{DiskError, Staged};
use rayon::prelude::*;

use crate::climate::{Climate, ClimateError};
pub use csv::CsvSink;
pub use rows::{Block, TableSink};

/// How much weather, and which.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Days for each station.
    pub days: u32,
    /// Stations. Beyond those of the climate, further ones stand around them:
    /// with their climate and some of their weather.
    pub stations: u32,
    /// The same seed gives the same weather, on any number of threads.
    pub seed: u64,
    /// The first day.
    pub start: Day,
}

/// The first day when none is asked for: 2008-12-01, when most stations' real
/// record begins.
pub const START: Day = 14_214;

/// The most stations that can be told apart in memory.
const MOST_STATIONS: u32 = 1_000_000;
/// Rows held at a time, roughly.
const BLOCK_ROWS: usize = 1 << 15;

impl Options {
    /// So many days of so many stations from [`START`] on.
    ///
    /// # Errors
    /// If there is nothing to generate, or too much.
    pub fn new(days: u32, stations: u32, seed: u64) -> Result<Options, GeneratorError> {
        let options = Options {
            days,
            stations,
            seed,
            start: START,
        };
        options.check()?;
        Ok(options)
    }

    /// The same from another first day on.
    ///
    /// # Errors
    /// If the last day would come after the last of [`calendar::ALLOWED`].
    pub fn starting(mut self, start: Day) -> Result<Options, GeneratorError> {
        self.start = start;
        self.check()?;
        Ok(self)
    }

    fn check(&self) -> Result<(), GeneratorError> {
        let fail = |option, value: String, expected: &str| {
            Err(GeneratorError::Option {
                option,
                value,
                expected: expected.into(),
            })
        };
        if self.days == 0 {
            return fail("days", "0".into(), "at least 1");
        }
        if self.stations == 0 || self.stations > MOST_STATIONS {
            let expected = format!("from 1 to {MOST_STATIONS}");
            return fail("stations", self.stations.to_string(), &expected);
        }
        let allowed = calendar::ALLOWED;
        let end = i64::from(self.start) + i64::from(self.days) - 1;
        if self.start < *allowed.start() || end > i64::from(*allowed.end()) {
            let [first, last] = [allowed.start(), allowed.end()].map(|day| calendar::year(*day));
            let expected = format!("days from {first} to {last}, which are the years of a table");
            return fail("days", self.days.to_string(), &expected);
        }
        Ok(())
    }
}

/// What can go wrong with generating.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GeneratorError {
    /// An option is out of its range.
    #[error("--{option} is {value}: it must be {expected}")]
    Option {
        /// The option.
        option: &'static str,
        /// Its value.
        value: String,
        /// What is allowed.
        expected: String,
    },
    /// The climate can't be read.
    #[error(transparent)]
    Climate(#[from] ClimateError),
    /// The file can't be written.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// The table can't be written.
    #[error(transparent)]
    Data(#[from] DataError),
}

/// Where blocks of rows go.
pub trait Sink {
    /// Takes the next block.
    ///
    /// # Errors
    /// If it can't be written.
    fn write(&mut self, block: &Block) -> Result<(), GeneratorError>;
}

/// Generates weather, block after block. Returns the number of rows.
///
/// # Errors
/// Those of the sink.
pub fn generate(
    climate: &Climate,
    options: Options,
    sink: &mut dyn Sink,
) -> Result<u64, GeneratorError> {
    options.check()?;
    let stations = options.stations as usize;
    let plan = plan::Plan::new(climate, stations, options.seed);
    let per_block = (BLOCK_ROWS / stations).clamp(1, 512);
    let mut block = Block::new(&plan);
    let mut noise = noise::Noise::new(&plan, options.seed);
    let mut states: Vec<day::Station> = (0..stations)
        .into_par_iter()
        .map(|i| day::Station::new(i, options.seed))
        .collect();

    // The day before the first brings its rain.
    noise.fill(0, 1);
    let mut when = vec![day::When::new(options.start - 1)];
    states
        .par_iter_mut()
        .for_each(|state| state.begin(&plan, noise.of(0, state.base(&plan)), when[0]));

    let mut done = 0;
    while done < options.days {
        let days = per_block.min((options.days - done) as usize);
        noise.fill(done + 1, days);
        when.clear();
        when.extend((0..days).map(|d| day::When::new(options.start + done as Day + d as Day)));
        block.reset(options.start + done as Day, days);
        states
            .par_iter_mut()
            .zip(block.stations_mut())
            .for_each(|(state, rows)| {
                let base = state.base(&plan);
                for (d, row) in rows.iter_mut().enumerate() {
                    *row = state.advance(&plan, noise.of(d, base), when[d]);
                }
            });
        sink.write(&block)?;
        done += days as u32;
    }
    Ok(u64::from(options.days) * u64::from(options.stations))
}

/// Generates weather as a table in memory, with the columns of *Rain in Australia*.
///
/// # Errors
/// If an option is out of its range.
pub fn table(climate: &Climate, options: Options) -> Result<Table, GeneratorError> {
    let mut sink = TableSink::default();
    generate(climate, options, &mut sink)?;
    Ok(sink.finish())
}

/// Generates weather into a file, `.csv` or `.parquet` by its name. Returns the
/// number of rows. The file appears whole or not at all, and no symbolic link is followed.
///
/// `progress` is told how many rows are written and how many there will be.
///
/// # Errors
/// If an option is out of its range, the name ends otherwise, or the file can't
/// be written.
pub fn file(
    climate: &Climate,
    options: Options,
    path: &Path,
    progress: &dyn Fn(u64, u64),
) -> Result<u64, GeneratorError> {
    let ending = path.extension().and_then(|ending| ending.to_str());
    if !ending.is_some_and(|ending| ending.eq_ignore_ascii_case("csv")) {
        let mut sink = WriterSink(TableWriter::create(path)?);
        let rows = generate(
            climate,
            options,
            &mut Counted::new(&mut sink, options, progress),
        )?;
        sink.0.finish()?;
        return Ok(rows);
    }
    // Under a name of its own for each destination: what a killed run has left is written over by the next.
    let mut staged = Staged::resume(path, "generated")?.staged;
    let written = staged
        .restart()
        .map_err(GeneratorError::from)
        .and_then(|()| {
            let mut sink =
                CsvSink::new(&mut staged, path).map_err(|error| unwritable(path, error))?;
            let rows = generate(
                climate,
                options,
                &mut Counted::new(&mut sink, options, progress),
            )?;
            sink.finish().map_err(|error| unwritable(path, error))?;
            Ok(rows)
        });
    match written {
        Ok(rows) => {
            staged.finish(path)?;
            Ok(rows)
        }
        Err(error) => {
            staged.discard();
            Err(error)
        }
    }
}

fn unwritable(path: &Path, system: std::io::Error) -> GeneratorError {
    DiskError::io("write", path, system).into()
}

/// A sink that reports what went into it.
struct Counted<'a> {
    sink: &'a mut dyn Sink,
    done: u64,
    total: u64,
    progress: &'a dyn Fn(u64, u64),
}

impl<'a> Counted<'a> {
    fn new(
        sink: &'a mut dyn Sink,
        options: Options,
        progress: &'a dyn Fn(u64, u64),
    ) -> Counted<'a> {
        Counted {
            sink,
            done: 0,
            total: u64::from(options.days) * u64::from(options.stations),
            progress,
        }
    }
}

impl Sink for Counted<'_> {
    fn write(&mut self, block: &Block) -> Result<(), GeneratorError> {
        self.sink.write(block)?;
        self.done += block.rows() as u64;
        (self.progress)(self.done, self.total);
        Ok(())
    }
}

/// Blocks as batches of a table writer, which does Parquet.
struct WriterSink(TableWriter);

impl Sink for WriterSink {
    fn write(&mut self, block: &Block) -> Result<(), GeneratorError> {
        Ok(self.0.write(&block.to_table())?)
    }
}

#[cfg(test)]
mod tests;
