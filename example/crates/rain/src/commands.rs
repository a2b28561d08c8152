//! The project as the toolkit sees it, and its own commands.

use std::path::{Path, PathBuf};

use clap::{ArgMatches, Command, FromArgMatches, Subcommand, ValueHint};
use mlops_cli::{
    Context, Failure, Outcome, OutputLock, Pin, Project, Unit, check_not_input, copy_project,
    write_file, write_folder,
};
use mlops_data::calendar;
use mlops_data::tables::{self, LabelNeed, ReadOptions};
use mlops_features::{Reference, Registry};
use serde_json::json;

use crate::climate::{self, Climate};
use crate::compare::compare;
use crate::features;
use crate::generator::{self, GeneratorError, Options};
use crate::observation::Weather;
use crate::stations;

/// Will it rain tomorrow?
#[derive(Debug, Clone, Copy)]
pub struct Rain;

#[derive(Debug, Subcommand)]
enum WeatherCommand {
    /// Generate weather that never was, of the kind there is
    Generate {
        /// Days for each station
        #[arg(long)]
        days: u32,
        /// Stations; beyond the 49 real ones, more stand around them
        #[arg(long, default_value_t = 49)]
        stations: u32,
        /// From which chance is drawn: the same seed gives the same weather
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// First day, yyyy-mm-dd
        #[arg(long, default_value = "2008-12-01")]
        start: String,
        /// Climate to use; without, the one fitted to the real file
        #[arg(long, value_hint = ValueHint::FilePath)]
        climate: Option<PathBuf>,
        /// Write to this file (.csv or .parquet)
        #[arg(long, value_hint = ValueHint::FilePath, required_unless_present = "into")]
        out: Option<PathBuf>,
        /// Make this new folder a project of its own for the weather, with the YAML files of this one: what
        /// is committed here stays as it is
        #[arg(long, value_name = "FOLDER", value_hint = ValueHint::DirPath, conflicts_with = "out")]
        into: Option<PathBuf>,
    },
    /// Take the climate of each station, as statistics, from a file of observations
    FitClimate {
        /// CSV or Parquet
        #[arg(value_hint = ValueHint::FilePath)]
        file: PathBuf,
        /// Where to
        #[arg(long, default_value = "data/climate.csv")]
        out: PathBuf,
    },
    /// Set two files' statistics side by side, month by month
    Compare {
        /// The real one
        #[arg(value_hint = ValueHint::FilePath)]
        real: PathBuf,
        /// The generated one
        #[arg(value_hint = ValueHint::FilePath)]
        generated: PathBuf,
        /// Folder for plots of wet days and amounts of rain by month
        #[arg(long, value_name = "FOLDER", value_hint = ValueHint::DirPath)]
        plots: Option<PathBuf>,
    },
}

impl Project for Rain {
    type Observation = Weather;

    fn name(&self) -> &'static str {
        "rain"
    }

    fn about(&self) -> &'static str {
        "Will it rain tomorrow? A model's whole life, on the command line"
    }

    fn attributes(&self) -> &'static [&'static str] {
        &["zone"]
    }

    fn attribute(&self, _name: &str, entity: &str) -> Option<String> {
        stations::find(entity).map(|station| station.zone.name().into())
    }

    fn registry(&self) -> Registry<Weather> {
        features::registry()
    }

    fn reference(&self, training: &[&Weather]) -> Reference {
        features::fit_reference(training)
    }

    fn data_commands(&self) -> Vec<Command> {
        WeatherCommand::augment_subcommands(Command::new("data"))
            .get_subcommands()
            .cloned()
            .collect()
    }

    fn run_data(&self, data: &ArgMatches, context: &Context) -> Outcome<()> {
        let command = WeatherCommand::from_arg_matches(data)
            .map_err(|error| Failure::user(anyhow::anyhow!(error)))?;
        match command {
            WeatherCommand::Generate {
                days,
                stations,
                seed,
                start,
                climate,
                out,
                into,
            } => {
                let start = calendar::parse_iso(&start).ok_or_else(|| {
                    Failure::user(anyhow::anyhow!(
                        "--start is {start:?}: give a date as yyyy-mm-dd"
                    ))
                })?;
                let options = Options::new(days, stations, seed).and_then(|o| o.starting(start));
                let place = match (into, out) {
                    (Some(folder), _) => Place::Project(folder),
                    (None, Some(file)) => Place::File(file),
                    // clap asks for one of both.
                    (None, None) => {
                        return Err(Failure::user(anyhow::anyhow!("give --out or --into")));
                    }
                };
                generate(
                    climate.as_deref(),
                    options.map_err(failure)?,
                    &place,
                    context,
                )
            }
            WeatherCommand::FitClimate { file, out } => fit_climate(&file, &out, context),
            WeatherCommand::Compare {
                real,
                generated,
                plots,
            } => {
                let progress = context.output.progress("reading both tables", Unit::Time);
                let (real, generated) = (read(&real, context)?, read(&generated, context)?);
                progress.say("comparing their statistics".into());
                let comparison = compare(&real, &generated);
                drop(progress);
                let comparison = comparison.map_err(Failure::user)?;
                for (name, svg) in comparison.plots() {
                    if let Some(folder) = &plots {
                        write_file(&folder.join(name), svg.as_bytes())?;
                    }
                }
                Ok(context.output.show(&comparison, &comparison)?)
            }
        }
    }
}

/// Where generated weather goes.
enum Place {
    File(PathBuf),
    /// A new project in this folder.
    Project(PathBuf),
}

fn generate(
    climate_file: Option<&Path>,
    options: Options,
    place: &Place,
    context: &Context,
) -> Outcome<()> {
    let own;
    let climate = match climate_file {
        Some(path) => {
            let text =
                mlops_disk::read_small_text(path, mlops_disk::MAX_SMALL).map_err(Failure::user)?;
            own = Climate::from_csv(&text, &path.display().to_string()).map_err(Failure::user)?;
            &own
        }
        None => climate::embedded().map_err(Failure::run)?,
    };
    let out = match place {
        Place::File(file) => {
            Pin::keep(file)?;
            write_folder(file)?;
            file.clone()
        }
        Place::Project(folder) => copy_project(folder, context)?,
    };
    if let Some(file) = climate_file {
        check_not_input(&[file], &[&out])?;
    }
    let _lock = OutputLock::acquire([out.as_path()])?;
    let progress = context.output.progress("generating rows", Unit::Items);
    let rows = generator::file(climate, options, &out, &|done, total| {
        progress.to(done, total)
    });
    drop(progress);
    let rows = rows.map_err(failure)?;
    Pin::warn_of_other(&out)?;
    let mut text = format!(
        "{rows} rows: {} days of {} stations from {}, seed {} → {}",
        options.days,
        options.stations,
        calendar::format_iso(options.start),
        options.seed,
        out.display()
    );
    if let Place::Project(folder) = place {
        text += &format!(
            "\na project of its own: `cd {}`, then `rain repro`",
            folder.display()
        );
    }
    Ok(context.output.show(
        &json!({ "rows": rows, "days": options.days, "stations": options.stations, "seed": options.seed, "out": out }),
        text,
    )?)
}

fn fit_climate(file: &Path, out: &Path, context: &Context) -> Outcome<()> {
    check_not_input(&[file], &[out])?;
    let _lock = OutputLock::acquire([out])?;
    let progress = context.output.progress("reading the table", Unit::Time);
    let table = read(file, context)?;
    progress.say("fitting the climate".into());
    let climate = climate::fit(&table).map_err(Failure::user)?;
    drop(progress);
    let text = climate.to_csv();
    write_file(out, text.as_bytes())?;
    let stations = climate.places().len();
    Ok(context.output.show(
        &json!({ "stations": stations, "bytes": text.len(), "out": out }),
        format!(
            "the climate of {stations} stations, {} bytes → {}",
            text.len(),
            out.display()
        ),
    )?)
}

fn read(path: &Path, context: &Context) -> Outcome<mlops_data::Table> {
    let options = ReadOptions {
        label: LabelNeed::Required,
    };
    Ok(tables::read(path, &context.contract()?, options)?.table)
}

/// A disk that fails is not the user's mistake; all else is.
fn failure(error: GeneratorError) -> Failure {
    match error {
        GeneratorError::Data(error) => error.into(),
        GeneratorError::Disk(error) => error.into(),
        other => Failure::user(other),
    }
}
