//! The guide: built, checked and served without any tool that would have to be installed.

mod build;
mod directive;
mod finish;
mod html;
mod listing;
mod metric;
mod plot;
mod preprocessor;
mod recording;
mod serve;
mod sources;
#[cfg(test)]
mod testing;
mod warnings;

use std::path::{Path, PathBuf};

use anyhow::Result;

pub use build::{BuildOptions, Built, Page, build};
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
}

impl BuildArguments {
    fn options(&self, root: &Path) -> BuildOptions {
        BuildOptions {
            output: self.output.clone(),
            site: self.site.clone(),
            repository: self.repository.clone(),
            revision: self.revision.clone(),
            ..BuildOptions::new(root)
        }
    }
}

/// Carries out a command.
///
/// # Errors
/// Whatever is wrong with the guide.
pub fn run(root: &Path, command: &GuideCommand) -> Result<()> {
    match command {
        GuideCommand::Build(arguments) => {
            let built = build(&arguments.options(root))?;
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
            let built = build(&arguments.options(root))?;
            serve(&built.output, *port, *open)
        }
    }
}

/// "1 page", "2 pages".
fn count(number: usize, thing: &str) -> String {
    match number {
        1 => format!("1 {thing}"),
        _ => format!("{number} {thing}s"),
    }
}
