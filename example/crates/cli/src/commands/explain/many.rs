//! Many rows: what features do to answers, and what they are worth.

use anyhow::anyhow;
use mlops_data::Values;
use mlops_data::calendar::{self, Day};
use mlops_features::Observation;
use mlops_learning::Model;
use mlops_learning::evaluation::Bootstrap;
use mlops_learning::explain::{Dependence, Permutation, Repeats, Summary, beeswarm, sample};

use super::{ExplainArguments, write};
use crate::commands::opened::Opened;
use crate::{Context, Failure, Outcome, Unit};

fn seed(arguments: &ExplainArguments, context: &Context) -> Outcome<u64> {
    match arguments.seed {
        Some(seed) => Ok(seed),
        None => Ok(context.params()?.seed),
    }
}

pub(super) fn summary(
    model: &Model,
    rows: &[f32],
    arguments: &ExplainArguments,
    context: &Context,
) -> Outcome<()> {
    let progress = context.output.progress("explaining all rows", Unit::Share);
    let summary = Summary::reporting(model, rows, arguments.top, &|done, total| {
        progress.to(done, total);
    })?;
    drop(progress);
    write(arguments.svg.as_deref(), || Ok(summary.svg()))?;
    write(arguments.csv.as_deref(), || Ok(summary.csv()))?;
    write(arguments.beeswarm.as_deref(), || {
        Ok(beeswarm(model, rows, &summary, seed(arguments, context)?)?)
    })?;
    Ok(context.output.show(&summary, summary.to_string())?)
}

pub(super) fn dependence(
    model: &Model,
    rows: &[f32],
    feature: &str,
    arguments: &ExplainArguments,
    context: &Context,
) -> Outcome<()> {
    let seed = seed(arguments, context)?;
    let dependence = Dependence::new(model, rows, feature, arguments.rows, seed)?;
    write(arguments.svg.as_deref(), || Ok(dependence.svg()))?;
    write(arguments.csv.as_deref(), || Ok(dependence.csv()))?;
    Ok(context.output.show(&dependence, dependence.to_string())?)
}

/// Rows whose label is known, of days after those trained on.
struct Judged {
    places: Vec<usize>,
    labels: Vec<bool>,
    days: Vec<Day>,
}

pub(super) fn permutation<O: Observation>(
    opened: &Opened<O>,
    arguments: &ExplainArguments,
    context: &Context,
) -> Outcome<()> {
    let seed = seed(arguments, context)?;
    let judged = judged(opened)?;
    let chosen = sample(judged.places.len(), arguments.rows, seed);
    let rows = opened.rows()?;
    let model = opened.inference.model();
    let width = model.predictor.width();
    let of_chosen = chosen
        .iter()
        .map(|at| &rows[judged.places[*at] * width..][..width]);
    let repeats = Repeats {
        count: arguments.repeats,
        seed,
    };
    let bootstrap = Bootstrap {
        seed,
        ..context.params()?.bootstrap()
    };
    let mut permutation = Permutation::new(
        model,
        &of_chosen.flatten().copied().collect::<Vec<f32>>(),
        &chosen
            .iter()
            .map(|at| judged.labels[*at])
            .collect::<Vec<_>>(),
        &chosen.iter().map(|at| judged.days[*at]).collect::<Vec<_>>(),
        repeats,
        bootstrap,
    )?;
    write(arguments.csv.as_deref(), || Ok(permutation.csv()))?;
    permutation.truncate(arguments.top);
    write(arguments.svg.as_deref(), || Ok(permutation.svg()))?;
    Ok(context.output.show(&permutation, permutation.to_string())?)
}

fn judged<O: Observation>(opened: &Opened<O>) -> Outcome<Judged> {
    let (contract, metadata) = (
        opened.inference.contract(),
        &opened.inference.model().metadata,
    );
    let label = &contract.label.column;
    let (Some(Values::Category { codes, levels }), Some(Values::Date(days))) =
        (opened.table.get(label), opened.table.get(&contract.time))
    else {
        return Err(Failure::user(anyhow!(
            "the table has no column {label:?}: what a feature is worth shows only where the answer is known"
        )));
    };
    let last = calendar::parse_iso(&metadata.training.last).unwrap_or(Day::MIN);
    let known = |at: &usize| days[*at] > last && (codes[*at] as usize) < levels.len();
    let places: Vec<usize> = (0..opened.table.rows()).filter(known).collect();
    if places.is_empty() {
        return Err(Failure::user(anyhow!(
            "no row after {}, the last day trained on, has a known {label:?}: give a table of later days",
            metadata.training.last
        )));
    }
    Ok(Judged {
        labels: places
            .iter()
            .map(|at| levels[codes[*at] as usize] == contract.label.positive)
            .collect(),
        days: places.iter().map(|at| days[*at]).collect(),
        places,
    })
}
