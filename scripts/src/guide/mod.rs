//! The guide: built, checked and served without any tool that would have to be installed.

mod address;
mod build;
mod check;
mod directive;
mod finish;
mod graph;
mod html;
mod listing;
mod metric;
mod numbers;
mod page_check;
mod plot;
mod preprocessor;
mod prose;
mod recorded;
mod recording;
mod replay;
mod score;
mod serve;
mod site_check;
mod sources;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod walk;
mod warnings;

use std::path::{Path, PathBuf};

use anyhow::Result;

pub use build::{BuildOptions, Page, build};
pub use serve::serve;

/// What to do with the guide.
#[derive(Debug, clap::Subcommand)]
pub enum GuideCommand {
    /// Build the site
    Build(BuildArguments),
    /// Build the site and serve it on this machine
    Serve {
        #[command(flatten)]
        build: BuildArguments,
        /// The port on 127.0.0.1
        #[arg(long, default_value_t = 3000)]
        port: u16,
        /// Open it in a browser
        #[arg(long)]
        open: bool,
    },
    /// Build the site, check it, and run its recorded commands again
    Check {
        #[command(flatten)]
        build: BuildArguments,
        /// Leave the recorded commands alone (they need the example built)
        #[arg(long)]
        no_recordings: bool,
    },
    /// Type every command of the README and of the pages under "Building it", each in a fresh clone, on generated weather
    Walk {
        /// Stop after the page whose path contains this
        #[arg(default_value = "", hide_default_value = true)]
        page: String,
    },
    /// Run recorded commands and write down what they print
    Record {
        /// `session` or `session/name`; all without
        #[arg(default_value = "", hide_default_value = true)]
        name: String,
    },
}

/// How the site is to be built.
#[derive(Debug, clap::Args)]
pub struct BuildArguments {
    /// The folder for the site
    #[arg(long, value_name = "FOLDER", default_value = "book/built")]
    output: PathBuf,
    /// The address that the site will have [default: as book.toml says]
    #[arg(long, value_name = "URL")]
    site: Option<String>,
    /// The repository that listings lead to [default: as book.toml says]
    #[arg(long, value_name = "URL")]
    repository: Option<String>,
    /// The branch, tag or commit that listings lead to [default: as book.toml says]
    #[arg(long, value_name = "NAME")]
    revision: Option<String>,
    /// A page that only this build has, placed after the home page
    #[arg(long, value_name = "FILE.md")]
    with_page: Option<PathBuf>,
    /// A run's folder, whose files that page names `run:metrics/scores.json`
    #[arg(long, value_name = "FOLDER")]
    with_run: Option<PathBuf>,
}

impl BuildArguments {
    fn options(&self, root: &Path) -> Result<BuildOptions> {
        Ok(BuildOptions {
            output: self.output.clone(),
            site: self.site.clone(),
            repository: self.repository.clone(),
            revision: self.revision.clone(),
            extra_pages: self
                .with_page
                .as_deref()
                .map(Page::read)
                .transpose()?
                .into_iter()
                .collect(),
            run: self.with_run.clone(),
            ..BuildOptions::new(root)
        })
    }
}

/// Carries out a command.
///
/// # Errors
/// Whatever is wrong with the guide.
pub fn run(root: &Path, command: &GuideCommand) -> Result<()> {
    match command {
        GuideCommand::Build(arguments) => {
            let built = build(&arguments.options(root)?)?;
            println!(
                "The guide is built: {}",
                built.output.join("index.html").display()
            );
            Ok(())
        }
        GuideCommand::Serve {
            build: arguments,
            port,
            open,
        } => {
            let built = build(&arguments.options(root)?)?;
            serve(&built.output, *port, *open)
        }
        GuideCommand::Check {
            build: arguments,
            no_recordings,
        } => {
            let built = build(&arguments.options(root)?)?;
            check::check(root, &built, !no_recordings)
        }
        GuideCommand::Walk { page } => walk::walk(root, page),
        GuideCommand::Record { name } => check::record(root, name),
    }
}

/// "1 page", "2 pages".
fn count(number: usize, thing: &str) -> String {
    match number {
        1 => format!("1 {thing}"),
        _ => format!("{number} {thing}s"),
    }
}
