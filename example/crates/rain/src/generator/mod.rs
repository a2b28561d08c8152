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
mod tests {
    use mlops_data::Values;

    use super::*;
    use crate::climate::{self, variable::Variable};

    fn weather(options: Options) -> Table {
        table(climate::embedded().unwrap(), options).unwrap()
    }

    fn csv(options: Options) -> Vec<u8> {
        let mut sink = CsvSink::new(Vec::new(), Path::new("memory")).unwrap();
        generate(climate::embedded().unwrap(), options, &mut sink).unwrap();
        sink.finish().unwrap()
    }

    fn numbers(table: &Table, variable: Variable) -> &[f64] {
        match table.get(variable.name()) {
            Some(Values::Number(values)) => values,
            other => panic!("{other:?}"),
        }
    }

    fn codes<'a>(table: &'a Table, name: &str) -> &'a [u32] {
        match table.get(name) {
            Some(Values::Category { codes, .. }) => codes,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_seed_gives_the_same_bytes_on_one_thread_and_on_many() {
        let options = Options::new(800, 60, 5).unwrap();
        let threads = |count| {
            rayon::ThreadPoolBuilder::new()
                .num_threads(count)
                .build()
                .unwrap()
        };
        let one = threads(1).install(|| csv(options));
        assert!(one == threads(3).install(|| csv(options)));
        assert!(one != csv(Options { seed: 6, ..options }));
    }

    #[test]
    fn a_longer_run_begins_with_the_shorter() {
        let long = csv(Options::new(1100, 49, 2).unwrap());
        let short = csv(Options::new(700, 49, 2).unwrap());
        assert!(long.starts_with(&short));
    }

    #[test]
    fn every_row_keeps_the_rules_of_the_data() {
        let stations = 60;
        let table = weather(Options::new(1000, stations, 3).unwrap());
        assert_eq!(table.rows(), 60_000);
        let of = |variable| numbers(&table, variable);
        let (rain, today, tomorrow) = (
            of(Variable::Rainfall),
            codes(&table, "RainToday"),
            codes(&table, "RainTomorrow"),
        );
        let mut known = 0;
        for row in 0..table.rows() {
            let at_most = |low: Variable, high: Variable| {
                let (low, high) = (of(low)[row], of(high)[row]);
                assert!(low <= high || low.is_nan() || high.is_nan(), "row {row}");
            };
            at_most(Variable::MinTemp, Variable::MaxTemp);
            at_most(Variable::MinTemp, Variable::Temp9am);
            at_most(Variable::Temp9am, Variable::MaxTemp);
            at_most(Variable::Temp3pm, Variable::MaxTemp);
            at_most(Variable::WindSpeed9am, Variable::WindGustSpeed);
            at_most(Variable::WindSpeed3pm, Variable::WindGustSpeed);
            let expected = match rain[row] {
                mm if mm.is_nan() => u32::MAX,
                mm => u32::from(mm > 1.0),
            };
            assert_eq!(today[row], expected, "row {row}: {} mm", rain[row]);
            if let Some(next) = today.get(row + stations as usize) {
                assert_eq!(tomorrow[row], *next, "row {row}");
                known += 1;
            }
        }
        assert_eq!(known, 999 * 60);
    }

    #[test]
    fn the_file_reads_back_as_the_table() {
        let options = Options::new(40, 50, 4).unwrap();
        let table = weather(options);
        let text = String::from_utf8(csv(options)).unwrap();
        let mut lines = text.lines();
        let header: Vec<&str> = lines.next().unwrap().split(',').collect();
        let names: Vec<&str> = table.columns().iter().map(|c| c.name.as_str()).collect();
        assert_eq!(header, names);
        assert_eq!(lines.clone().count(), table.rows());
        for (row, line) in lines.enumerate() {
            let cells = table
                .columns()
                .iter()
                .map(|c| c.values.cell(row).to_string());
            assert_eq!(line, cells.collect::<Vec<_>>().join(","));
        }
    }

    #[test]
    fn further_stations_have_some_of_the_weather_of_those_they_stand_around() {
        let table = weather(Options::new(3000, 51, 8).unwrap());
        let today = codes(&table, "RainToday");
        // Station 49 stands around station 0 and 50 around 1.
        let agree = |a: usize, b: usize| {
            let days = today
                .chunks_exact(51)
                .filter(|day| day[a] < 2 && day[b] < 2);
            let (same, all) = days.fold((0, 0), |(same, all), day| {
                (same + u32::from(day[a] == day[b]), all + 1)
            });
            f64::from(same) / f64::from(all)
        };
        let (near, far) = (agree(0, 49), agree(0, 50));
        assert!(near > far + 0.08 && near < 0.99, "{near} {far}");
    }

    #[test]
    fn nothing_and_too_much_are_refused() {
        let error = |days, stations| Options::new(days, stations, 0).unwrap_err().to_string();
        assert_eq!(error(0, 1), "--days is 0: it must be at least 1");
        assert_eq!(error(1, 0), "--stations is 0: it must be from 1 to 1000000");
        assert_eq!(
            error(4_000_000, 1),
            "--days is 4000000: it must be days from 1583 to 2399, which are the years of a table"
        );
        let late = *calendar::ALLOWED.end();
        assert!(Options::new(1, 1, 0).unwrap().starting(late).is_ok());
        assert!(Options::new(2, 1, 0).unwrap().starting(late).is_err());
    }

    #[test]
    fn the_first_day_is_the_one_asked_for() {
        let start = calendar::day(2020, 2, 28).unwrap();
        let text = csv(Options::new(3, 2, 0).unwrap().starting(start).unwrap());
        let text = String::from_utf8(text).unwrap();
        let dates: Vec<&str> = text.lines().skip(1).map(|line| &line[..10]).collect();
        let expected = [
            "2020-02-28",
            "2020-02-28",
            "2020-02-29",
            "2020-02-29",
            "2020-03-01",
            "2020-03-01",
        ];
        assert_eq!(dates, expected);
    }

    #[test]
    fn a_file_that_cannot_be_written_is_named_and_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("nowhere").join("weather.csv");
        let climate = climate::embedded().unwrap();
        let error = file(climate, Options::new(1, 1, 0).unwrap(), &path, &|_, _| {}).unwrap_err();
        assert!(error.to_string().contains("nowhere"), "{error}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_file_is_written_through_no_link_and_reports_its_rows() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("weather.csv");
        let climate = climate::embedded().unwrap();
        let options = Options::new(1500, 49, 1).unwrap();
        let told = std::cell::RefCell::new(Vec::new());
        let victim = folder.path().join("theirs");
        std::fs::write(&victim, "theirs").unwrap();
        for name in ["weather.csv", "weather.csv.part"] {
            std::os::unix::fs::symlink(&victim, folder.path().join(name)).unwrap();
        }
        let tell = |done, total| told.borrow_mut().push((done, total));
        assert_eq!(file(climate, options, &path, &tell).unwrap(), 73_500);
        let told = told.into_inner();
        assert!(told.len() > 1 && told.is_sorted(), "{told:?}");
        assert_eq!(told.last(), Some(&(73_500, 73_500)));
        assert!(std::fs::read(&path).unwrap() == csv(options));
        assert!(!path.is_symlink());
        assert_eq!(std::fs::read_to_string(&victim).unwrap(), "theirs");
    }

    #[test]
    fn what_a_killed_run_has_left_is_replaced_by_the_next() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("weather.csv");
        let mut killed = Staged::resume(&path, "generated").unwrap().staged;
        killed.write_bytes(&[b'x'; 100_000]).unwrap();
        drop(killed);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        let options = Options::new(3, 2, 0).unwrap();
        file(climate::embedded().unwrap(), options, &path, &|_, _| {}).unwrap();
        assert!(std::fs::read(&path).unwrap() == csv(options));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn months_are_as_wet_as_the_climate_says() {
        let climate = climate::embedded().unwrap();
        let table = weather(Options::new(365 * 40, 49, 11).unwrap());
        let (rain, months) = (numbers(&table, Variable::Rainfall), {
            let Some(Values::Date(days)) = table.get("Date") else {
                panic!("no dates")
            };
            days
        });
        for month in 1..=12 {
            // A day's rain is read on the next morning and counts for the day before.
            let of_month = rain[49..]
                .iter()
                .zip(months)
                .filter(|(mm, day)| calendar::month(**day) == month && !mm.is_nan());
            let (wet, all) = of_month.fold((0, 0), |(wet, all), (mm, _)| {
                (wet + u32::from(*mm > 1.0), all + 1)
            });
            let said = climate
                .places
                .iter()
                .filter_map(|place| place.rain.as_ref());
            let said = said.map(|rain| rain[month as usize - 1]);
            let said = said.map(|rain| 1.0 - rain.none - rain.trace).sum::<f64>() / 49.0;
            let share = f64::from(wet) / f64::from(all);
            assert!(
                (share - said).abs() < 0.015,
                "month {month}: {share} instead of {said}"
            );
        }
    }
}
