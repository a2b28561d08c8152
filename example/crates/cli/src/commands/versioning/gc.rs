//! `gc`: what goes with what, the question before anything is removed, and the result.

use std::path::Path;

use mlops_repository::Revisions;
use mlops_versioning::operations::gc::{self, GcOptions};
use mlops_versioning::{Repository, VersioningError};
use serde_json::json;

use super::arguments::GcArguments;
use super::progress::Bar;
use super::{Here, agreed, show};
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
        self.warn_of_ignored(&repository)?;
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
        // The cache may be anybody's, if a cloned project names it: whoever says only --force doesn't know.
        let cache = repository.cache().root();
        let elsewhere = (!cache.starts_with(repository.root())).then_some(cache);
        let agreed = arguments.yes || (arguments.force && elsewhere.is_none());
        let ask =
            |collected: &gc::Collected| bar.hidden_while(|| ask(&repository, collected, elsewhere));
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
        let ids = |ids: &[mlops_repository::ObjectId]| -> Vec<String> {
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
fn ask(
    repository: &Repository,
    collected: &gc::Collected,
    elsewhere: Option<&Path>,
) -> Result<bool, VersioningError> {
    let what = format!("{}\nRemove them?", show::garbage(collected, elsewhere));
    let advice = "give --yes to remove them, or --dry-run to list them";
    Ok(agreed(repository, &what, advice)?)
}
