//! Which files a command reads: it must not write over one of them.

use std::path::{Path, PathBuf};

use mlops_disk as disk;

use crate::arguments::{Command, DataCommand, FeaturesCommand};
use crate::{Failure, Outcome};

/// Refuses to write over what is read, before anything is written.
///
/// # Errors
/// If an output is one of the inputs, under this name or another: through `./`, or a link.
pub fn check_not_input(inputs: &[&Path], outputs: &[&Path]) -> Outcome<()> {
    for output in outputs {
        if let Some(input) = inputs.iter().find(|input| disk::same_file(input, output)) {
            return Err(Failure::user(anyhow::anyhow!(
                "{}: is {} itself, which is read: name another file to write to",
                output.display(),
                input.display()
            )));
        }
    }
    Ok(())
}

impl Command {
    /// The files that this command reads under names that its arguments give, of those that write any.
    pub(super) fn inputs(&self) -> Vec<PathBuf> {
        let some = |paths: &[&Option<PathBuf>]| paths.iter().copied().flatten().cloned().collect();
        let and = |first: &[&PathBuf], paths: &[&Option<PathBuf>]| {
            let first = first.iter().copied();
            first
                .chain(paths.iter().copied().flatten())
                .cloned()
                .collect()
        };
        match self {
            Command::Data(DataCommand::Check { file, .. }) => vec![file.clone()],
            Command::Data(DataCommand::Fault(fault)) => vec![fault.file.clone()],
            Command::Features(FeaturesCommand::Build(build)) => some(&[&build.file, &build.model]),
            Command::Features(FeaturesCommand::Get(get)) => get.inputs(),
            Command::Train(train) => vec![train.features.clone()],
            Command::Tune(tune) => some(&[&tune.file]),
            Command::Curves(curves) => some(&[&curves.shared().1.data]),
            Command::Evaluate(evaluate) => {
                vec![evaluate.features.clone(), evaluate.model.clone()]
            }
            Command::Validate(validate) => and(
                &[&validate.features, &validate.model, &validate.gates],
                &[&validate.observations],
            ),
            Command::Predict(predict) => and(
                &[&predict.input, &predict.model.model],
                &[&predict.model.history],
            ),
            Command::Explain(explain) => and(
                &[&explain.input, &explain.model.model],
                &[&explain.model.history],
            ),
            Command::Export(export) => vec![export.model.clone()],
            Command::Drift(drift) => vec![drift.reference.clone(), drift.current.clone()],
            Command::Report(report) => some(&[&report.drift]),
            _ => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_not_written_over_while_it_is_read_whatever_it_is_called() {
        let folder = tempfile::tempdir().unwrap();
        let [input, link, hard, other] =
            ["a.csv", "link.csv", "hard.csv", "b.csv"].map(|name| folder.path().join(name));
        std::fs::write(&input, "a").unwrap();
        std::fs::write(&other, "a").unwrap();
        std::os::unix::fs::symlink(&input, &link).unwrap();
        std::fs::hard_link(&input, &hard).unwrap();
        let dotted = folder.path().join(".").join("a.csv");
        for output in [&input, &dotted, &link, &hard] {
            let refused = check_not_input(&[&other, &input], &[output]).unwrap_err();
            assert!(refused.message().contains("itself, which is read"));
        }
        let new = folder.path().join("new.csv");
        check_not_input(&[&input], &[&other, &new]).unwrap();
        check_not_input(&[&new], &[&new]).unwrap();
    }
}
