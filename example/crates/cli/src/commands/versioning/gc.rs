//! `gc`: what goes with what, the question before anything is removed, and the result.

use mlops_versioning::operations::gc::{self, GcOptions};
use mlops_versioning::{Repository, Revisions, VersioningError};
use serde_json::json;

use super::arguments::GcArguments;
use super::progress::Bar;
use super::{Here, show};
use crate::{Context, Outcome};

impl Here {
    pub(super) fn gc(&self, arguments: &GcArguments, context: &Context) -> Outcome<()> {
        let revisions = Revisions {
            revisions: arguments.rev.iter().cloned().collect(),
            number: arguments.num,
            all_experiments: arguments.all_experiments,
            ..arguments.revisions.revisions()
        };
        if let Some(why) = refused(arguments, &revisions) {
            return Err(crate::Failure::user(anyhow::anyhow!(why)));
        }
        let repository = self.repository()?;
        let options = GcOptions {
            revisions,
            projects: self.full_each(&arguments.projects),
            cloud: arguments.cloud,
            transfer: arguments.remote.options(),
            not_in_remote: arguments.not_in_remote,
            grace: arguments.grace,
            dry_run: arguments.dry_run,
            force: arguments.force,
        };
        let bar = Bar::new(arguments.quiet);
        let agreed = arguments.yes || arguments.force;
        let ask = |collected: &gc::Collected| bar.hidden_while(|| ask(&repository, collected));
        let confirm = |collected: &gc::Collected| if agreed { Ok(true) } else { ask(collected) };
        let collected = gc::gc(&repository, &options, &confirm, &|progress| {
            bar.tell(progress)
        })?;
        drop(bar);
        let Some(collected) = collected else {
            return Err(crate::Failure::run(anyhow::anyhow!(
                "nothing was removed, because the answer wasn't yes"
            )));
        };
        if arguments.quiet {
            return Ok(());
        }
        let ids = |ids: &[mlops_versioning::ObjectId]| -> Vec<String> {
            ids.iter().map(ToString::to_string).collect()
        };
        let object = json!({
            "dry_run": arguments.dry_run,
            "cache": ids(&collected.cache),
            "cache_bytes": collected.cache_bytes,
            "remote": ids(&collected.remote),
            "remote_bytes": collected.remote_bytes,
            "remote_young": collected.young,
            "temporary": self.shown_each(&collected.temporary),
        });
        let text = show::collected(&collected, arguments.dry_run, arguments.cloud);
        Ok(context.output.show(&object, text)?)
    }
}

/// Why options of `gc` don't go together, or aren't here.
fn refused(arguments: &GcArguments, revisions: &Revisions) -> Option<&'static str> {
    let tips = arguments.rev.is_some() || arguments.revisions.all_branches;
    if arguments.date.is_some() {
        return Some(
            "--date isn't here: keep commits by their number (--all-branches --num NUMBER), or all (-A)",
        );
    }
    if arguments.skip_failed {
        return Some(
            "--skip-failed isn't here, because what a commit that can't be read needs would be removed: name the \
             commits to keep with --rev, or mend what is told of",
        );
    }
    if !arguments.workspace && revisions.is_empty() {
        return Some(
            "say what is kept: -w (only what the workspace needs), -a (branches), -T (tags), -A (all commits), \
             --rev or --all-experiments",
        );
    }
    if arguments.num.is_some() && !tips {
        return Some(
            "--num goes with --rev or --all-branches, from which it counts back: give one of them",
        );
    }
    if arguments.remote.remote.is_some() && !arguments.cloud && !arguments.not_in_remote {
        return Some("--remote goes with --cloud or --not-in-remote: give one of them");
    }
    None
}

/// Asks on the terminal whether objects are to be removed. Without one, nobody can have agreed.
fn ask(repository: &Repository, collected: &gc::Collected) -> Result<bool, VersioningError> {
    use std::io::{BufRead, IsTerminal, Write};

    let what = show::garbage(collected);
    if !std::io::stdin().is_terminal() {
        return Err(VersioningError::Refused {
            path: repository.root().to_path_buf(),
            message: format!(
                "{what}\nThe command can't ask, because standard input is not a terminal: give --yes to remove them, or --dry-run to list them"
            ),
        });
    }
    let mut error = anstream::stderr().lock();
    let asked = write!(error, "{what}\nRemove them? [y/N] ").and_then(|()| error.flush());
    let mut answer = String::new();
    let read = asked.and_then(|()| std::io::stdin().lock().read_line(&mut answer));
    let answer = answer.trim().to_lowercase();
    Ok(read.is_ok() && ["y", "yes"].contains(&answer.as_str()))
}
