//! Why the model says what it says: of one row, or of many.

mod arguments;
mod logged;
mod many;
mod one;

use std::path::Path;

pub(crate) use arguments::ExplainArguments;
use mlops_serving::read_log;

use super::opened::Opened;
use super::{is_json, write_file};
use crate::{Context, Failure, Outcome, Project};

pub(super) fn run<P: Project>(
    project: &P,
    arguments: ExplainArguments,
    context: &Context,
) -> Outcome<()> {
    if is_json(&arguments.input)
        && let Some(answers) = read_log(&arguments.input)?
    {
        return logged::run(&answers, &arguments, context);
    }
    if arguments.id.is_some() {
        return Err(Failure::user(anyhow::anyhow!(
            "--id: {} is no prediction log: give the log of the service, or name a row with --row",
            arguments.input.display()
        )));
    }
    let opened = Opened::new(project, &arguments.input, &arguments.model, context)?;
    match (&arguments.row, &arguments.dependence) {
        (Some(row), _) if arguments.counterfactual => {
            one::counterfactual(&opened, row, &arguments, context)
        }
        (Some(row), _) => one::waterfall(&opened, row, &arguments, context),
        (None, Some(feature)) => {
            let model = opened.inference.model();
            many::dependence(model, &opened.rows()?, feature, &arguments, context)
        }
        (None, None) if arguments.permutation => many::permutation(&opened, &arguments, context),
        (None, None) => {
            let model = opened.inference.model();
            many::summary(model, &opened.rows()?, &arguments, context)
        }
    }
}

/// Writes a text where it is asked for.
fn write(path: Option<&Path>, text: impl FnOnce() -> Outcome<String>) -> Outcome<()> {
    match path {
        Some(path) => write_file(path, text()?.as_bytes()),
        None => Ok(()),
    }
}
