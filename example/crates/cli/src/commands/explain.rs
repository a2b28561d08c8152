use mlops_data::{Table, json, tables};
use mlops_learning::explain::{Summary, Waterfall};
use mlops_serving::Inference;
use serde::Serialize;

use super::{needs, read_table, write_file};
use crate::arguments::ExplainArguments;
use crate::{Context, Failure, Outcome, Project};

#[derive(Serialize)]
struct Explained<'a> {
    /// What the row is known by.
    key: &'a serde_json::Map<String, serde_json::Value>,
    #[serde(flatten)]
    waterfall: &'a Waterfall,
}

pub(super) fn run<P: Project>(
    project: &P,
    arguments: ExplainArguments,
    context: &Context,
) -> Outcome<()> {
    needs(&arguments.model, "train")?;
    let inference = Inference::<P::Observation>::open(
        &arguments.model,
        &project.registry(),
        context.contract()?,
    )?;
    let contract = inference.contract();
    let table = read_table(&arguments.input, contract, tables::LabelNeed::Optional)?;
    let history = arguments
        .history
        .map(|file| read_table(&file, contract, tables::LabelNeed::Optional))
        .transpose()?;
    let rows = inference.rows(&table, history.as_ref())?;
    let (model, top) = (inference.model(), arguments.top);
    let draw = |svg: String| {
        arguments
            .svg
            .as_ref()
            .map_or(Ok(()), |path| write_file(path, svg.as_bytes()))
    };
    let Some(number) = arguments.row else {
        let summary = Summary::new(model, &rows, top)?;
        draw(summary.svg())?;
        return Ok(context.output.show(&summary, summary.to_string())?);
    };
    let width = model.predictor.width();
    let row = number
        .checked_sub(1)
        .and_then(|at| rows.chunks_exact(width).nth(at))
        .ok_or_else(|| no_such_row(number, &table, &arguments.input))?;
    let waterfall = Waterfall::new(model, row, top)?;
    draw(waterfall.svg())?;
    let mut key = json::row_to_json(&table, number - 1);
    key.retain(|name, _| contract.key.contains(name));
    let told: Vec<String> = key
        .iter()
        .map(|(name, value)| format!("{name} {}", value.as_str().unwrap_or_default()))
        .collect();
    let explained = Explained {
        key: &key,
        waterfall: &waterfall,
    };
    let text = format!("row {number}: {}\n{waterfall}", told.join(", "));
    Ok(context.output.show(&explained, text)?)
}

fn no_such_row(number: usize, table: &Table, input: &std::path::Path) -> Failure {
    Failure::user(anyhow::anyhow!(
        "--row {number}: {} has rows 1 to {}",
        input.display(),
        table.rows()
    ))
}
