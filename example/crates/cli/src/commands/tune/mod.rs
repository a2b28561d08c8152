//! `tune`: a search over hyperparameters on the training period.

pub(super) mod curves;
mod folds;
mod log;

pub(crate) use curves::CurvesCommand;

use std::path::PathBuf;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use clap::{Args, ValueEnum, ValueHint};
use mlops_data::Contract;
use mlops_features::Definitions;
use mlops_learning::search::{
    Domain, EarlyStop, Leaderboard, Point, Sampler, Search, SearchError, Space, Trial,
};
use mlops_learning::{Learner, LearningError};
use serde_json::json;

use super::write_file;
use crate::params::{Params, Settings, TuneParams, may_be_searched};
use crate::{Context, Failure, Outcome, Progress, Project, Unit};
use folds::FoldSet;
use log::TrialLog;

/// Trials without a budget but time.
const MANY: usize = 100_000;

#[derive(Debug, Args)]
#[command(after_help = "\
The space is `tune.space` of params.yaml. A trial learns from some of the training days and is judged by others, \
as `tune.folds` parts them; days from split.test_from on are not looked at.\n\n\
rolling (default): learn from all days before those judged by; assumes nothing more\n\
random, stratified: rows dealt at random; assumes that they are independent, so it flatters dated rows\n\
group: whole entities dealt; assumes that these are independent, and that days don't matter\n\n\
Every trial is kept in OUT/trials.jsonl. The same command goes on where it was interrupted and comes to the same result; \
more --trials go on from fewer.")]
pub(crate) struct TuneArguments {
    /// The table: CSV or Parquet; without, `data.file` of params.yaml
    #[arg(value_hint = ValueHint::FilePath)]
    pub file: Option<PathBuf>,
    /// So many trials; without, `tune.trials` of params.yaml
    #[arg(long, value_name = "NUMBER")]
    pub trials: Option<usize>,
    /// Begin no more trials after so many seconds
    #[arg(long, value_name = "NUMBER")]
    pub seconds: Option<f64>,
    /// How to draw; without, `tune.sampler` of params.yaml
    #[arg(long, value_enum)]
    pub sampler: Option<SamplerArgument>,
    /// Try each value of the lists in params.yaml that stand where one value is expected
    #[arg(long, conflicts_with = "sampler")]
    pub grid: bool,
    /// Folder for trials.jsonl, trials.csv and trials.svg
    #[arg(long, default_value = "out/tune", value_hint = ValueHint::DirPath)]
    pub out: PathBuf,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum SamplerArgument {
    /// Where the trials so far were good (tree-structured Parzen estimator)
    Tpe,
    /// Anywhere
    Random,
}

pub(super) fn run<P: Project>(
    project: &P,
    arguments: &TuneArguments,
    context: &Context,
) -> Outcome<()> {
    let (settings, space) = declared(arguments.grid, context)?;
    let params = settings.params()?;
    let contract = context.contract()?;
    let definitions = context.definitions(&contract)?;
    let search = search(arguments, &params, space)?;
    check_space(&search.space, &settings, &params, &definitions)?;
    let trials = budget(arguments, &params.tune, &search.space);
    let input =
        folds::Input::read::<P>(arguments.file.as_deref(), &params, &contract, &definitions)?;
    let header = header(&search, &params, &settings, &contract, &definitions, &input)?;
    let (log, known) = TrialLog::open(&arguments.out, &header)?;
    let data = FoldSet::build(project, input, &params, &contract, &definitions)?;

    let progress = context.output.progress("trials", Unit::Items);
    progress.start_at(known.len() as u64, trials as u64);
    let best: Mutex<Option<f64>> = Mutex::new(None);
    let record = |trial: &Trial| {
        tell(&progress, &best, &search, trial);
        log.append(trial)
    };
    let evaluate = |point: &Point, fold: usize| -> mlops_learning::Result<f64> {
        let params = settings
            .with(point)
            .map_err(|failure| LearningError::Data(failure.message()))?;
        let rows = data.fold(fold, &params.features.without)?;
        let predictor = learner(project, &params)?.fit(&rows.train, params.seed)?;
        search.score.of(
            &rows.test.labels,
            &predictor.probabilities(&rows.test.features),
        )
    };
    let (before, known): (Vec<Trial>, Vec<Trial>) =
        known.into_iter().partition(|trial| trial.trial == 0);
    let baseline = match before.into_iter().next() {
        Some(baseline) => Some(baseline),
        None if arguments.grid => None,
        None => {
            let baseline = search.attempt(0, Point::new(), &[], evaluate);
            log.append(&baseline)?;
            Some(baseline)
        }
    };
    let started = Instant::now();
    let time = arguments.seconds.map(Duration::from_secs_f64);
    let go_on = |_: &[Trial]| time.is_none_or(|time| started.elapsed() < time);
    let done = search.run(known, trials, go_on, evaluate, record);
    drop(progress);
    let done = done.map_err(|error| match error {
        SearchError::OfAnother { .. } => log.of_another(&error.to_string()),
        SearchError::Record(error) => error.into(),
    })?;

    let in_params = in_params(&search.space, &settings, &params);
    let board = Leaderboard::new(&search, baseline, in_params, &done);
    write_file(&arguments.out.join("trials.csv"), board.csv().as_bytes())?;
    write_file(&arguments.out.join("trials.svg"), board.svg().as_bytes())?;
    let text = format!(
        "{}\n{board}\ntrials → {}",
        data.describe(),
        arguments.out.display()
    );
    Ok(context.output.show(&board, text)?)
}

/// What stands in params.yaml, and the space that is declared there.
fn declared(grid: bool, context: &Context) -> Outcome<(Settings, Space)> {
    let mut settings = Settings::read("params.yaml".as_ref(), &context.set)?;
    if !grid {
        let space = Space::declared(&settings.params()?.tune.space)?;
        return Ok((settings, space));
    }
    let lists = settings.take_lists()?;
    if lists.is_empty() {
        return Err(Failure::user(anyhow::anyhow!(
            "no list stands where one value is expected: write several in its place, as `depth: [4, 6, 8]` in params.yaml or --set 'model.boosting.depth=[4, 6, 8]'"
        )));
    }
    Ok((settings, Space::declared(&lists)?))
}

fn search(arguments: &TuneArguments, params: &Params, space: Space) -> Outcome<Search> {
    let tune = &params.tune;
    let sampler = match (arguments.grid, arguments.sampler) {
        (true, _) => Sampler::Grid,
        (false, Some(SamplerArgument::Tpe)) => Sampler::Tpe,
        (false, Some(SamplerArgument::Random)) => Sampler::Random,
        (false, None) => tune.sampler,
    };
    if arguments
        .seconds
        .is_some_and(|seconds| !(seconds > 0.0 && seconds < 1e9))
    {
        return Err(Failure::user(anyhow::anyhow!(
            "--seconds: give a number of more than 0"
        )));
    }
    let search = Search {
        space,
        sampler,
        // An experiment that was asked for by name is carried through.
        stop: if arguments.grid {
            EarlyStop::None
        } else {
            tune.stop
        },
        score: tune.score,
        folds: tune.folds.count(),
        at_once: tune.at_once,
        seed: params.seed,
    };
    search.check()?;
    Ok(search)
}

fn budget(arguments: &TuneArguments, tune: &TuneParams, space: &Space) -> usize {
    let default = match (arguments.grid, arguments.seconds) {
        (false, None) => tune.trials,
        _ => MANY,
    };
    let asked = arguments.trials.unwrap_or(default);
    space.size().map_or(asked, |size| size.min(asked))
}

/// Tries the ends of each range and all choices: a slip shows before the first trial.
fn check_space(
    space: &Space,
    settings: &Settings,
    params: &Params,
    definitions: &Definitions,
) -> Outcome<()> {
    let refuse = |key: &str, why: String| Failure::user(anyhow::anyhow!("tune.space.{key}: {why}"));
    let kind_is_free = space
        .parameters()
        .iter()
        .any(|parameter| parameter.key == "model.kind");
    for parameter in space.parameters() {
        let key = &parameter.key;
        if !may_be_searched(key) {
            return Err(refuse(
                key,
                "what may be searched over is model.…, features.without and seed".into(),
            ));
        }
        let own = params.model.kind.name();
        let part = key
            .strip_prefix("model.")
            .and_then(|rest| rest.split_once('.'));
        if let Some((kind, _)) = part
            && !kind_is_free
            && kind != own
        {
            return Err(refuse(
                key,
                format!(
                    "it changes nothing while model.kind is {own}: search over model.kind too, or leave it out"
                ),
            ));
        }
        let values = match &parameter.domain {
            Domain::Choice(values) => values.clone(),
            range => range.spread(2),
        };
        for value in values {
            let point = Point::from_iter([(key.clone(), value)]);
            let params = settings
                .with(&point)
                .map_err(|failure| refuse(key, failure.message()))?;
            let service = definitions.service(&params.features.service)?;
            definitions
                .features(service, &params.features.without)
                .map_err(|error| refuse(key, error.to_string()))?;
        }
    }
    Ok(())
}

/// The values of what is searched as the params have them, defaults among them.
fn in_params(space: &Space, settings: &Settings, params: &Params) -> Point {
    let defaults = json!({"model": params.model, "features": {"without": params.features.without}});
    let default = |key: &str| key.split('.').try_fold(&defaults, |at, part| at.get(part));
    let keys = space.parameters().iter().map(|parameter| &parameter.key);
    keys.filter_map(|key| {
        let value = settings.get(key).or_else(|| default(key))?;
        Some((key.clone(), value.clone()))
    })
    .collect()
}

/// All that the trials depend on: a log of something else isn't gone on with.
fn header(
    search: &Search,
    params: &Params,
    settings: &Settings,
    contract: &Contract,
    definitions: &Definitions,
    input: &folds::Input,
) -> Outcome<serde_json::Value> {
    let space: Point = search
        .space
        .parameters()
        .iter()
        .map(|parameter| {
            let domain = match &parameter.domain {
                Domain::Choice(values) => json!(values),
                Domain::Integer { from, to, log } => json!({"from": from, "to": to, "log": log}),
                Domain::Float { from, to, log } => {
                    json!({"from": from, "to": to, "log": log, "type": "float"})
                }
            };
            (parameter.key.clone(), domain)
        })
        .collect();
    let service = definitions.service(&params.features.service)?;
    let names: Vec<&String> = contract.columns.iter().map(|column| &column.name).collect();
    Ok(json!({
        "format": 1,
        "program": env!("CARGO_PKG_VERSION"),
        "data": {"file": input.path, "sha256": input.sha256},
        "columns": names,
        "definitions": definitions.hash(service, &[])?,
        "params": {
            "seed": params.seed,
            "features": settings.get("features"),
            "split": settings.get("split"),
            "calibration": settings.get("calibration"),
            "model": settings.get("model"),
        },
        "tune": {
            "score": search.score,
            "folds": params.tune.folds,
            "sampler": search.sampler,
            "stop": search.stop,
            "at_once": search.at_once,
            "space": space,
        },
    }))
}

/// The learner that a trial asks for, the project's own ones among them.
fn learner<P: Project>(project: &P, params: &Params) -> mlops_learning::Result<Box<dyn Learner>> {
    crate::project::learner(project, &params.model)
        .map_err(|failure| LearningError::Data(failure.message()))
}

fn tell(progress: &Progress, best: &Mutex<Option<f64>>, search: &Search, trial: &Trial) {
    progress.one_more();
    if trial.scores.len() < search.folds {
        return;
    }
    let score = trial.scores.iter().sum::<f64>() / trial.scores.len() as f64;
    let mut best = best
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    if best.is_none_or(|best| search.score.loss(score) < search.score.loss(best)) {
        *best = Some(score);
        progress.say(format!(
            "trials, best {} {score:.4} (trial {})",
            search.score.title(),
            trial.trial
        ));
    }
}
