//! Commands and options are those of DVC, so that its users needn't learn new ones.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand, ValueHint};

#[derive(Debug, Subcommand)]
pub(crate) enum VersioningCommand {
    /// Make a repository of data out of this folder
    Init(InitArguments),
    /// Put files or folders under version control
    Add(AddArguments),
    /// Save what changed in tracked data, and pin it
    Commit(CommitArguments),
    /// Make the workspace what the .dvc files say, from the cache
    Checkout(CheckoutArguments),
    /// Download what the cache lacks from a remote
    Fetch(TransferArguments),
    /// Fetch and check out
    Pull(PullArguments),
    /// Upload what a remote lacks from the cache
    Push(TransferArguments),
    /// Compare data of a commit with the workspace, or of two commits
    Diff(DiffArguments),
    /// List what is tracked
    #[command(visible_alias = "ls")]
    List(ListArguments),
    /// Stop tracking data
    #[command(visible_alias = "rm")]
    Remove(RemoveArguments),
    /// Remove objects that nothing refers to from the cache, or a remote
    Gc(GcArguments),
    /// Set up remotes: places that data is pushed to
    #[command(subcommand, arg_required_else_help = true)]
    Remote(RemoteCommand),
    /// Show or change settings: SECTION.KEY, or remote.NAME.KEY
    Config(ConfigArguments),
    /// Hash all objects again, and repair what has rotted; exit code 1 if something is corrupt
    Verify(VerifyArguments),
}

#[derive(Debug, Args)]
pub(crate) struct StatusArguments {
    #[command(flatten)]
    pub targets: Targets,
    /// Print nothing; exit code 1 if something changed
    #[arg(short, long)]
    pub quiet: bool,
    /// Compare the cache with a remote instead
    #[arg(short, long)]
    pub cloud: bool,
    #[command(flatten)]
    pub remote: RemoteArguments,
    #[command(flatten)]
    pub revisions: RevisionArguments,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct Targets {
    /// .dvc files, tracked paths or parts of them; without, all
    #[arg(value_hint = ValueHint::AnyPath)]
    pub targets: Vec<PathBuf>,
    /// Also all below a folder
    #[arg(short = 'R', long)]
    pub recursive: bool,
}

#[derive(Debug, Args)]
pub(crate) struct RemoteArguments {
    /// The remote; without, the default one
    #[arg(short, long, value_name = "NAME")]
    pub remote: Option<String>,
    /// How many transfers at once
    #[arg(short, long, value_name = "NUMBER")]
    pub jobs: Option<usize>,
}

#[derive(Debug, Args)]
pub(crate) struct RevisionArguments {
    /// Also of the tips of all branches
    #[arg(short = 'a', long)]
    pub all_branches: bool,
    /// Also of all tags
    #[arg(short = 'T', long)]
    pub all_tags: bool,
    /// Also of all commits
    #[arg(short = 'A', long)]
    pub all_commits: bool,
}

#[derive(Debug, Args)]
pub(crate) struct InitArguments {
    /// Go without Git
    #[arg(long)]
    pub no_scm: bool,
    /// The folder lies within a working copy of Git, not at its top
    #[arg(long)]
    pub subdir: bool,
    /// Start over in an existing repository: all of .dvc is replaced, but the cache is kept
    #[arg(short, long)]
    pub force: bool,
    /// Print nothing
    #[arg(short, long)]
    pub quiet: bool,
}

#[derive(Debug, Args)]
pub(crate) struct AddArguments {
    /// Files or folders
    #[arg(required = true, value_hint = ValueHint::AnyPath)]
    pub targets: Vec<PathBuf>,
    /// Pin the content without putting it into the cache
    #[arg(long)]
    pub no_commit: bool,
    /// Leave files that are not linked as configured
    #[arg(long)]
    pub no_relink: bool,
    /// Print nothing
    #[arg(short, long)]
    pub quiet: bool,
}

#[derive(Debug, Args)]
pub(crate) struct CommitArguments {
    #[command(flatten)]
    pub targets: Targets,
    /// Note outputs as made from what stages read now, without asking
    #[arg(short, long)]
    pub force: bool,
    /// Leave files that are not linked as configured
    #[arg(long)]
    pub no_relink: bool,
    /// Print nothing
    #[arg(short, long)]
    pub quiet: bool,
}

#[derive(Debug, Args)]
pub(crate) struct CheckoutArguments {
    #[command(flatten)]
    pub targets: Targets,
    /// Overwrite and remove data that is saved nowhere; files that Git tracks stay
    #[arg(short, long)]
    pub force: bool,
    /// Also overwrite and remove files that Git tracks
    #[arg(long)]
    pub overwrite_sources: bool,
    /// Also make links of the configured kind out of what is right already
    #[arg(long)]
    pub relink: bool,
    /// Leave out what the cache lacks
    #[arg(long)]
    pub allow_missing: bool,
    /// Print nothing
    #[arg(short, long)]
    pub quiet: bool,
}

#[derive(Debug, Args)]
pub(crate) struct TransferArguments {
    #[command(flatten)]
    pub targets: Targets,
    #[command(flatten)]
    pub remote: RemoteArguments,
    #[command(flatten)]
    pub revisions: RevisionArguments,
    /// Also results of pipeline runs, so that others needn't run them again
    #[arg(long)]
    pub run_cache: bool,
    /// Print nothing
    #[arg(short, long)]
    pub quiet: bool,
}

#[derive(Debug, Args)]
pub(crate) struct PullArguments {
    #[command(flatten)]
    pub transfer: TransferArguments,
    /// Overwrite and remove data that is saved nowhere; files that Git tracks stay
    #[arg(short, long)]
    pub force: bool,
    /// Also overwrite and remove files that Git tracks
    #[arg(long)]
    pub overwrite_sources: bool,
    /// Leave out what neither cache nor remote has
    #[arg(long)]
    pub allow_missing: bool,
}

#[derive(Debug, Args)]
pub(crate) struct DiffArguments {
    /// The older commit
    #[arg(default_value = "HEAD")]
    pub a_rev: String,
    /// The newer commit; without, the workspace
    pub b_rev: Option<String>,
    /// Show hashes too
    #[arg(long)]
    pub show_hash: bool,
    /// Leave out what the cache lacks
    #[arg(long)]
    pub hide_missing: bool,
    /// Print a Markdown table
    #[arg(long)]
    pub md: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ListArguments {
    /// .dvc files, tracked paths or parts of them; without, all
    #[arg(value_hint = ValueHint::AnyPath)]
    pub targets: Vec<PathBuf>,
    /// The files of folders too
    #[arg(short = 'R', long)]
    pub recursive: bool,
    /// Of this commit instead of the workspace
    #[arg(long, value_name = "COMMIT")]
    pub rev: Option<String>,
    /// Show sizes in bytes
    #[arg(long)]
    pub size: bool,
    /// Show hashes
    #[arg(long)]
    pub show_hash: bool,
}

#[derive(Debug, Args)]
pub(crate) struct RemoveArguments {
    /// .dvc files
    #[arg(required = true, value_hint = ValueHint::FilePath)]
    pub targets: Vec<PathBuf>,
    /// Remove the data too
    #[arg(long)]
    pub outs: bool,
    /// Even if that loses data
    #[arg(short, long)]
    pub force: bool,
    /// Print nothing
    #[arg(short, long)]
    pub quiet: bool,
}

#[derive(Debug, Args)]
pub(crate) struct GcArguments {
    /// Keep what the workspace needs (always kept; said for certainty)
    #[arg(short, long)]
    pub workspace: bool,
    #[command(flatten)]
    pub revisions: RevisionArguments,
    /// Also of this commit
    #[arg(long, value_name = "COMMIT")]
    pub rev: Option<String>,
    /// So many commits back from each tip, with --rev or --all-branches
    #[arg(short, long, value_name = "NUMBER")]
    pub num: Option<usize>,
    /// Also of the experiments that DVC keeps in Git
    #[arg(long)]
    pub all_experiments: bool,
    /// Of what is kept, keep only what the remote doesn't have
    #[arg(long, conflicts_with = "cloud")]
    pub not_in_remote: bool,
    #[arg(long, hide = true)]
    pub date: Option<String>,
    #[arg(long, hide = true)]
    pub skip_failed: bool,
    /// Collect in the remote too
    #[arg(short, long)]
    pub cloud: bool,
    #[command(flatten)]
    pub remote: RemoteArguments,
    /// Keep what these repositories need, which share the cache
    #[arg(short, long, num_args = 1.., value_name = "FOLDER", value_hint = ValueHint::DirPath)]
    pub projects: Vec<PathBuf>,
    /// Keep objects of the remote that nothing refers to until they are so old: 14d, 12h, 0 for at once
    #[arg(long, value_name = "AGE", default_value = "14d", value_parser = parse_age)]
    pub grace: Duration,
    /// Only tell what would be removed
    #[arg(long, visible_alias = "dry")]
    pub dry_run: bool,
    /// Don't ask
    #[arg(short, long)]
    pub yes: bool,
    /// Don't ask, and go on although a folder's manifest is nowhere to be found
    #[arg(short, long)]
    pub force: bool,
    /// Print nothing
    #[arg(short, long)]
    pub quiet: bool,
}

#[derive(Debug, Args)]
pub(crate) struct VerifyArguments {
    /// The objects of the remote instead of the cache's
    #[arg(short, long)]
    pub cloud: bool,
    #[command(flatten)]
    pub remote: RemoteArguments,
    /// Fetch anew, or push anew, what is corrupt
    #[arg(long)]
    pub repair: bool,
    /// Print nothing
    #[arg(short, long)]
    pub quiet: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ConfigArguments {
    /// The setting: cache.type, core.autostage, remote.NAME.url, …
    pub name: Option<String>,
    /// Its new value; without, the setting is shown
    #[arg(allow_hyphen_values = true, conflicts_with = "unset")]
    pub value: Option<String>,
    /// Take the setting away
    #[arg(short, long, requires = "name")]
    pub unset: bool,
    /// Show all settings, of all files or of the one asked for
    #[arg(short, long, conflicts_with_all = ["name", "value", "unset"])]
    pub list: bool,
    /// Show the file of each setting too
    #[arg(long, requires = "list")]
    pub show_origin: bool,
    #[command(flatten)]
    pub level: LevelArguments,
}

#[derive(Debug, Subcommand)]
pub(crate) enum RemoteCommand {
    /// Add a remote
    Add {
        /// Its name
        name: String,
        /// A folder, file:///folder or s3://bucket/prefix
        url: String,
        /// Use it if none is named
        #[arg(short, long)]
        default: bool,
        /// Replace one of that name
        #[arg(short, long)]
        force: bool,
        #[command(flatten)]
        level: LevelArguments,
    },
    /// List the remotes
    List {
        #[command(flatten)]
        level: LevelArguments,
    },
    /// Change a setting of a remote
    Modify {
        /// The remote's name
        name: String,
        /// The setting: url, endpointurl, region, profile, access_key_id, …
        option: String,
        /// Its value
        #[arg(allow_hyphen_values = true, required_unless_present = "unset")]
        value: Option<String>,
        /// Take the setting away
        #[arg(short, long)]
        unset: bool,
        #[command(flatten)]
        level: LevelArguments,
    },
    /// Remove a remote; its objects stay
    #[command(visible_alias = "rm")]
    Remove {
        /// Its name
        name: String,
        #[command(flatten)]
        level: LevelArguments,
    },
    /// Say which remote is used if none is named, or which one is
    Default {
        /// Its name
        name: Option<String>,
        /// Have none
        #[arg(short, long, conflicts_with = "name")]
        unset: bool,
        #[command(flatten)]
        level: LevelArguments,
    },
}

/// Which file of the configuration is meant; without, .dvc/config.
#[derive(Debug, Args)]
pub(crate) struct LevelArguments {
    /// The user's
    #[arg(long, conflicts_with_all = ["system", "local"])]
    pub global: bool,
    /// The machine's
    #[arg(long, conflicts_with = "local")]
    pub system: bool,
    /// .dvc/config.local, which Git ignores: for secrets
    #[arg(long)]
    pub local: bool,
}

/// A time in days, hours, minutes or weeks.
fn parse_age(text: &str) -> Result<Duration, String> {
    let wrong = || format!("{text:?} is no age: write 14d, 36h, 90m or 2w, or 0");
    let at = text
        .find(|char: char| !char.is_ascii_digit())
        .unwrap_or(text.len());
    let number: u64 = text[..at].parse().map_err(|_| wrong())?;
    let unit = match &text[at..] {
        "" if number == 0 => 0,
        "m" => 60,
        "h" => 60 * 60,
        "d" => 24 * 60 * 60,
        "w" => 7 * 24 * 60 * 60,
        _ => return Err(wrong()),
    };
    number
        .checked_mul(unit)
        .map(Duration::from_secs)
        .ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_have_a_unit() {
        let hours = |text| parse_age(text).unwrap().as_secs() / 3600;
        assert_eq!(
            [
                hours("14d"),
                hours("2w"),
                hours("36h"),
                hours("90m"),
                hours("0")
            ],
            [336, 336, 36, 1, 0]
        );
        for text in [
            "",
            "14",
            "d",
            "-1d",
            "1.5d",
            "14 days",
            "99999999999999999999d",
            "18446744073709551615d",
        ] {
            parse_age(text).unwrap_err();
        }
    }
}
