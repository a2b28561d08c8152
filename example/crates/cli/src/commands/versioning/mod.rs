//! `init`, `add`, `push` and so on: what DVC does with data.

mod arguments;
mod config;
mod gc;
mod progress;
mod remote;
mod show;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use mlops_pipeline::run_cache;
use mlops_repository::{RepositoryError, Revisions, Source, Tracked, path};
use mlops_versioning::Repository;
use mlops_versioning::operations::add::{self, AddOptions};
use mlops_versioning::operations::checkout::{self, Changes, CheckoutOptions};
use mlops_versioning::operations::init::{self, InitOptions};
use mlops_versioning::operations::transfer::{self, Fetched, TransferOptions};
use mlops_versioning::operations::verify::{self, VerifyOptions};
use mlops_versioning::operations::{commit, diff, list, remove, status};
use serde_json::json;

use arguments::{
    AddArguments, CheckoutArguments, CommitArguments, DiffArguments, InitArguments, ListArguments,
    PullArguments, RemoteArguments, RemoveArguments, RevisionArguments, Targets, TransferArguments,
    VerifyArguments,
};
pub(crate) use arguments::{StatusArguments, VersioningCommand};
use progress::Bar;
use show::Shown;

use crate::{Context, Outcome};

pub(crate) fn run(command: VersioningCommand, context: &Context) -> Outcome<ExitCode> {
    let here = Here::new()?;
    match command {
        VersioningCommand::Init(arguments) => here.init(&arguments, context)?,
        VersioningCommand::Add(arguments) => here.add(&arguments, context)?,
        VersioningCommand::Commit(arguments) => here.commit(&arguments, context)?,
        VersioningCommand::Checkout(arguments) => here.checkout(&arguments, context)?,
        VersioningCommand::Fetch(arguments) => here.fetch(&arguments, context)?,
        VersioningCommand::Pull(arguments) => here.pull(&arguments, context)?,
        VersioningCommand::Push(arguments) => here.push(&arguments, context)?,
        VersioningCommand::Diff(arguments) => here.diff(&arguments, context)?,
        VersioningCommand::List(arguments) => here.list(&arguments, context)?,
        VersioningCommand::Remove(arguments) => here.remove(&arguments, context)?,
        VersioningCommand::Gc(arguments) => here.gc(&arguments, context)?,
        VersioningCommand::Remote(command) => remote::run(command, context)?,
        VersioningCommand::Config(arguments) => config::run(&arguments, context)?,
        VersioningCommand::Verify(arguments) => return here.verify(&arguments, context),
    }
    Ok(ExitCode::SUCCESS)
}

/// The number of results of runs that went or came; those that can't be believed are told of.
fn count_moved(moved: run_cache::Moved) -> usize {
    if let Some(first) = moved.refused.first() {
        tracing::warn!(
            "{} results of runs aren't what their names say and were left out: {first}; remove them where they are",
            moved.refused.len()
        );
    }
    moved.count
}

/// What commands leave beside data: experiments, reports and plots, logs of predictions, stores, a bucket that is a
/// folder, and what a killed command leaves.
const NO_DATA: [&str; 6] = [
    "/out/",
    "/dvc_plots/",
    "/predictions/",
    "*.redb",
    "/.rain/",
    ".*.tmp",
];

/// The folder a command is given in: its paths are seen from there, and shown so.
struct Here {
    folder: PathBuf,
}

impl Here {
    fn new() -> Outcome<Here> {
        Ok(Here {
            folder: std::env::current_dir().map_err(anyhow::Error::from)?,
        })
    }

    fn repository(&self) -> Outcome<Repository> {
        Ok(Repository::find(&self.folder)?)
    }

    fn full(&self, path: &Path) -> PathBuf {
        path::normal(&self.folder.join(path))
    }

    fn full_each(&self, paths: &[PathBuf]) -> Vec<PathBuf> {
        paths.iter().map(|path| self.full(path)).collect()
    }

    fn shown(&self, path: &Path) -> String {
        path::relative(path, &self.folder).unwrap_or_else(|_| path.display().to_string())
    }

    fn shown_each(&self, paths: &[PathBuf]) -> Vec<String> {
        paths.iter().map(|path| self.shown(path)).collect()
    }

    fn init(&self, arguments: &InitArguments, context: &Context) -> Outcome<()> {
        let options = InitOptions {
            no_scm: arguments.no_scm,
            subdir: arguments.subdir,
            force: arguments.force,
            ignored: &NO_DATA,
        };
        let repository = init::init(&self.folder, options)?;
        if arguments.quiet {
            return Ok(());
        }
        let text = if repository.git().is_some() {
            "Initialized a repository of data; its files are in Git's index, commit them."
        } else {
            "Initialized a repository of data."
        };
        Ok(context
            .output
            .show(&json!({"root": repository.root()}), text)?)
    }

    fn add(&self, arguments: &AddArguments, context: &Context) -> Outcome<()> {
        let repository = self.repository()?;
        let options = AddOptions {
            no_commit: arguments.no_commit,
            no_relink: arguments.no_relink,
        };
        let bar = Bar::new(arguments.quiet);
        let targets = self.full_each(&arguments.targets);
        let added = add::add(&repository, &targets, options, &|progress| {
            bar.tell(progress)
        })?;
        drop(bar);
        for path in &added.empty {
            tracing::warn!("{} is empty", self.shown(path));
        }
        if arguments.quiet {
            return Ok(());
        }
        let files = self.shown_each(&added.files);
        let for_git = self.shown_each(&added.for_git);
        let text = show::added(&files, &for_git, added.staged);
        Ok(context
            .output
            .show(&json!({"files": files, "for_git": for_git}), text)?)
    }

    fn commit(&self, arguments: &CommitArguments, context: &Context) -> Outcome<()> {
        let repository = self.repository()?;
        let mut targets = arguments.targets.clone();
        let confirm = |stage: &str, reasons: &[String]| {
            let question = show::to_commit(stage, reasons);
            Ok(arguments.force || agreed(&repository, &question, "give -f to commit it")?)
        };
        let stages = super::pipeline::commit_stages(&mut targets.targets, &confirm)?;
        let mut written = Vec::new();
        if arguments.targets.targets.is_empty() || !targets.targets.is_empty() {
            let bar = Bar::new(arguments.quiet);
            let full = self.full_each(&targets.targets);
            let report = |progress| bar.tell(progress);
            let relink = !arguments.no_relink;
            written = commit::commit(&repository, &full, targets.recursive, relink, &report)?;
        }
        if arguments.quiet {
            return Ok(());
        }
        let files = self.shown_each(&written);
        let all: Vec<&str> = stages.iter().chain(&files).map(String::as_str).collect();
        let text = if all.is_empty() {
            "Nothing changed.".to_string()
        } else {
            format!("Updated {}", all.join(", "))
        };
        let object = json!({ "files": files, "stages": stages });
        Ok(context.output.show(&object, text)?)
    }

    fn checkout(&self, arguments: &CheckoutArguments, context: &Context) -> Outcome<()> {
        let repository = self.repository()?;
        let _lock = repository.lock()?;
        let tracked = self.select(&repository, &arguments.targets)?;
        let options = CheckoutOptions {
            force: arguments.force,
            overwrite_sources: arguments.overwrite_sources,
            relink: arguments.relink,
            allow_missing: arguments.allow_missing,
        };
        let everything = arguments.targets.targets.is_empty();
        let bar = Bar::new(arguments.quiet);
        let report = |progress| bar.tell(progress);
        let changes = checkout::checkout(&repository, &tracked, everything, options, &report)?;
        drop(bar);
        if arguments.quiet {
            return Ok(());
        }
        self.show_changes(&changes, None, context)
    }

    fn show_changes(
        &self,
        changes: &Changes,
        fetched: Option<&Fetched>,
        context: &Context,
    ) -> Outcome<()> {
        let lists = [&changes.added, &changes.modified, &changes.deleted].map(|paths| {
            let mut shown = self.shown_each(paths);
            shown.sort();
            shown
        });
        let text = show::changes(&lists, changes, fetched);
        let [added, modified, deleted] = lists;
        let mut object = json!({"added": added, "modified": modified, "deleted": deleted});
        if !changes.missing.is_empty() {
            object["missing"] = json!(changes.missing);
        }
        if let Some(fetched) = fetched {
            object["fetched"] = json!(fetched.count);
            object["missing"] = json!(fetched.missing);
        }
        Ok(context.output.show(&object, text)?)
    }

    fn select(&self, repository: &Repository, targets: &Targets) -> Outcome<Vec<Tracked>> {
        let targets_full = self.full_each(&targets.targets);
        Ok(repository
            .declarations()?
            .select(&targets_full, targets.recursive)?)
    }

    /// The tracked paths of the workspace, and those of the revisions.
    fn select_with(
        &self,
        repository: &Repository,
        targets: &Targets,
        revisions: &RevisionArguments,
    ) -> Outcome<Vec<Tracked>> {
        let mut tracked = self.select(repository, targets)?;
        let revisions = revisions.revisions();
        if revisions.is_empty() {
            return Ok(tracked);
        }
        for commit in repository.history(&revisions)? {
            match repository.declarations_of(&commit?) {
                Ok(declared) => tracked.extend(
                    // A target needn't be there in every commit.
                    declared
                        .select(&self.full_each(&targets.targets), targets.recursive)
                        .unwrap_or_default(),
                ),
                // What it says is lost for good; all other commits aren't.
                Err(error @ RepositoryError::Commit { .. }) => {
                    tracing::warn!("a commit is left out: {error}");
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(tracked)
    }

    fn fetch_quietly(
        &self,
        repository: &Repository,
        arguments: &TransferArguments,
    ) -> Outcome<Fetched> {
        let tracked = self.select_with(repository, &arguments.targets, &arguments.revisions)?;
        let options = arguments.remote.options();
        let bar = Bar::new(arguments.quiet);
        let report = |progress| bar.tell(progress);
        let mut runs = 0;
        if arguments.run_cache {
            runs = count_moved(run_cache::fetch(repository, &options, &report)?);
        }
        let mut fetched = transfer::fetch(repository, &tracked, &options, &report)?;
        fetched.count += runs;
        Ok(fetched)
    }

    fn fetch(&self, arguments: &TransferArguments, context: &Context) -> Outcome<()> {
        let repository = self.repository()?;
        let _lock = repository.lock()?;
        let fetched = self.fetch_quietly(&repository, arguments)?.whole()?;
        if arguments.quiet {
            return Ok(());
        }
        let text = show::count(fetched, "fetched");
        Ok(context.output.show(&json!({ "fetched": fetched }), text)?)
    }

    /// Names pins and stages that nobody reads because Git ignores their files.
    fn warn_of_ignored(&self, repository: &Repository) -> Outcome<()> {
        for (path, rule) in repository.ignored_in_git()? {
            tracing::warn!(
                "{} is in Git, but ignored by {rule}, so it isn't looked at: change that rule, or move the file",
                self.shown(&path)
            );
        }
        Ok(())
    }

    fn push(&self, arguments: &TransferArguments, context: &Context) -> Outcome<()> {
        let repository = self.repository()?;
        let _lock = repository.lock()?;
        self.warn_of_ignored(&repository)?;
        let tracked = self.select_with(&repository, &arguments.targets, &arguments.revisions)?;
        let bar = Bar::new(arguments.quiet);
        let report = |progress| bar.tell(progress);
        let options = arguments.remote.options();
        let mut pushed = transfer::push(&repository, &tracked, &options, &report)?;
        // After what they name: who sees a result finds what it made.
        if arguments.run_cache {
            pushed += count_moved(run_cache::push(&repository, &options, &report)?);
        }
        drop(bar);
        if arguments.quiet {
            return Ok(());
        }
        let text = show::count(pushed, "pushed");
        Ok(context.output.show(&json!({ "pushed": pushed }), text)?)
    }

    fn pull(&self, arguments: &PullArguments, context: &Context) -> Outcome<()> {
        let repository = self.repository()?;
        let _lock = repository.lock()?;
        let got = self.fetch_quietly(&repository, &arguments.transfer);
        let is_whole = got.as_ref().is_ok_and(|fetched| fetched.missing.is_empty());
        let targets = &arguments.transfer.targets;
        let tracked = self.select(&repository, targets)?;
        let options = CheckoutOptions {
            force: arguments.force,
            overwrite_sources: arguments.overwrite_sources,
            relink: false,
            // What couldn't be fetched is told by the fetch; all else is checked out.
            allow_missing: arguments.allow_missing || !is_whole,
        };
        let bar = Bar::new(arguments.transfer.quiet);
        let report = |progress| bar.tell(progress);
        let everything = targets.targets.is_empty();
        let changes = checkout::checkout(&repository, &tracked, everything, options, &report);
        drop(bar);
        let changes = changes?;
        let fetched = if arguments.allow_missing {
            got?
        } else {
            let count = got?.whole()?;
            Fetched {
                count,
                ..Fetched::default()
            }
        };
        for name in &fetched.missing {
            tracing::warn!("missing: {name}");
        }
        if arguments.transfer.quiet {
            return Ok(());
        }
        self.show_changes(&changes, Some(&fetched), context)
    }

    fn diff(&self, arguments: &DiffArguments, context: &Context) -> Outcome<()> {
        let repository = self.repository()?;
        let _lock = repository.lock()?;
        let bar = Bar::new(false);
        let report = |progress| bar.tell(progress);
        let new = arguments.b_rev.as_deref();
        let mut found = diff::diff(&repository, &arguments.a_rev, new, &report)?;
        drop(bar);
        if arguments.hide_missing {
            found.not_in_cache = None;
        }
        if !arguments.show_hash {
            found = found.without_hashes();
        }
        if found.is_empty() {
            return Ok(context.output.show(&json!({}), "")?);
        }
        let text = if arguments.md {
            show::diff_markdown(&found, arguments.show_hash)
        } else {
            show::diff(&found)
        };
        Ok(context.output.show(&found, text)?)
    }

    fn list(&self, arguments: &ListArguments, context: &Context) -> Outcome<()> {
        let repository = self.repository()?;
        let _lock = repository.lock()?;
        let declared = match &arguments.rev {
            Some(rev) => repository.declarations_of(&Source::revision(repository.root(), rev)?)?,
            None => repository.declarations()?,
        };
        let tracked = declared.select(&self.full_each(&arguments.targets), false)?;
        let listed = list::list(&repository, &tracked, arguments.recursive)?;
        let mut objects = Vec::new();
        let mut lines = Vec::new();
        for entry in &listed {
            let path = self.shown(&entry.path);
            if arguments.recursive && entry.isdir {
                tracing::warn!(
                    "{path} is shown as one: the list of its files isn't in the cache, `fetch` brings it"
                );
            }
            let mut object = serde_json::to_value(entry).map_err(anyhow::Error::from)?;
            object["path"] = json!(path);
            objects.push(object);
            let mut line = String::new();
            if arguments.size {
                let size = entry.size.map(|size| size.to_string()).unwrap_or_default();
                line.push_str(&format!("{size:>14}  "));
            }
            if arguments.show_hash {
                line.push_str(&format!(
                    "{:<36}  ",
                    entry.md5.as_deref().unwrap_or_default()
                ));
            }
            lines.push(line + &path);
        }
        Ok(context.output.show(&objects, lines.join("\n"))?)
    }

    fn remove(&self, arguments: &RemoveArguments, context: &Context) -> Outcome<()> {
        let repository = self.repository()?;
        let bar = Bar::new(arguments.quiet);
        for target in self.full_each(&arguments.targets) {
            let report = |progress| bar.tell(progress);
            remove::remove(
                &repository,
                &target,
                arguments.outs,
                arguments.force,
                &report,
            )?;
        }
        drop(bar);
        if arguments.quiet {
            return Ok(());
        }
        let removed: Vec<String> = arguments
            .targets
            .iter()
            .map(|path| path.display().to_string())
            .collect();
        let text = format!("Removed {}", removed.join(", "));
        Ok(context.output.show(&json!({ "removed": removed }), text)?)
    }

    fn verify(&self, arguments: &VerifyArguments, context: &Context) -> Outcome<ExitCode> {
        let repository = self.repository()?;
        let options = VerifyOptions {
            remote: arguments.cloud,
            transfer: arguments.remote.options(),
            repair: arguments.repair,
        };
        let bar = Bar::new(arguments.quiet);
        let verified = verify::verify(&repository, &options, &|progress| bar.tell(progress))?;
        drop(bar);
        let left = verified.corrupt.len() - verified.repaired.len();
        if !arguments.quiet {
            let corrupt: Vec<_> = verified
                .corrupt
                .iter()
                .map(|(id, place)| {
                    let repaired = verified.repaired.contains(id);
                    json!({"object": id.to_string(), "place": place, "repaired": repaired})
                })
                .collect();
            let object = json!({
                "checked": verified.checked, "bytes": verified.bytes, "corrupt": corrupt,
            });
            context.output.show(&object, show::verified(&verified))?;
        }
        Ok(ExitCode::from(u8::from(left > 0)))
    }
}

/// Asks on the terminal. Without one, nobody can have agreed: the error says so, and what to do.
fn agreed(repository: &Repository, question: &str, advice: &str) -> Result<bool, RepositoryError> {
    use std::io::{BufRead, IsTerminal, Write};

    if !std::io::stdin().is_terminal() {
        let message = format!(
            "{question}\nThe command can't ask, because standard input is not a terminal: {advice}"
        );
        return Err(RepositoryError::refused(repository.root(), message));
    }
    let mut error = anstream::stderr().lock();
    let asked = write!(error, "{question} [y/N] ").and_then(|()| error.flush());
    let mut answer = String::new();
    let read = asked.and_then(|()| std::io::stdin().lock().read_line(&mut answer));
    let answer = answer.trim().to_lowercase();
    Ok(read.is_ok() && ["y", "yes"].contains(&answer.as_str()))
}

/// What the workspace, the `.dvc` files and the cache, or the cache and a remote, differ in.
pub(crate) fn status(arguments: &StatusArguments, context: &Context) -> Outcome<ExitCode> {
    let here = Here::new()?;
    let repository = here.repository()?;
    let _lock = repository.lock()?;
    here.warn_of_ignored(&repository)?;
    let shown: Shown = if arguments.cloud || arguments.remote.remote.is_some() {
        let tracked = here.select_with(&repository, &arguments.targets, &arguments.revisions)?;
        let options = arguments.remote.options();
        Shown::cloud(transfer::cloud_status(&repository, &tracked, &options)?)
    } else {
        let mut targets = arguments.targets.clone();
        let stages = super::pipeline::changed_stages(&mut targets.targets)?;
        let mut found = status::Status::default();
        let declared = repository.declarations()?;
        if arguments.targets.targets.is_empty() || !targets.targets.is_empty() {
            let full = here.full_each(&targets.targets);
            let mut tracked = declared.select(&full, targets.recursive)?;
            tracked.retain(|pin| pin.stage.is_none());
            let bar = Bar::new(arguments.quiet);
            let report = |progress| bar.tell(progress);
            found = status::status(&repository, &tracked, &report)?;
        }
        let is_empty = declared.data.is_empty() && declared.catalog.stages.is_empty();
        Shown::local(&found, stages, is_empty, |path| here.shown(path))
    };
    if arguments.quiet {
        return Ok(ExitCode::from(u8::from(!shown.is_empty())));
    }
    context.output.show(&shown.object, shown.text())?;
    Ok(ExitCode::SUCCESS)
}

impl RemoteArguments {
    fn options(&self) -> TransferOptions {
        TransferOptions {
            remote: self.remote.as_ref().map(|name| name.to_lowercase()),
            jobs: self.jobs,
        }
    }
}

impl RevisionArguments {
    fn revisions(&self) -> Revisions {
        Revisions {
            all_branches: self.all_branches,
            all_tags: self.all_tags,
            all_commits: self.all_commits,
            ..Revisions::default()
        }
    }
}
