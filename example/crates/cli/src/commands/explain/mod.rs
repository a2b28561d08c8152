//! Why the model says what it says: of one row, or of many.

mod arguments;
mod many;
mod one;

use std::path::Path;

pub(crate) use arguments::ExplainArguments;

use super::opened::Opened;
use super::write_file;
use crate::{Context, Outcome, Project};

pub(super) fn run<P: Project>(
    project: &P,
    arguments: ExplainArguments,
    context: &Context,
) -> Outcome<()> {
    let opened = Opened::new(project, &arguments.input, &arguments.model, context)?;
    match (&arguments.row, &arguments.dependence) {
        (Some(row), _) if arguments.counterfactual => {
            one::counterfactual(&opened, row, &arguments, context)
        }
        (Some(row), _) => one::waterfall(&opened, row, &arguments, context),
        (None, Some(feature)) => many::dependence(&opened, feature, &arguments, context),
        (None, None) if arguments.permutation => many::permutation(&opened, &arguments, context),
        (None, None) => many::summary(&opened, &arguments, context),
    }
}

/// Writes a text where it is asked for.
fn write(path: Option<&Path>, text: impl FnOnce() -> Outcome<String>) -> Outcome<()> {
    match path {
        Some(path) => write_file(path, text()?.as_bytes()),
        None => Ok(()),
    }
}
