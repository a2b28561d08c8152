//! Builds the site: mdBook's own libraries in this process, with our directives and diagrams.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use mdbook_driver::MDBook;
use mdbook_driver::config::Config;
use mdbook_mermaid::Mermaid;
use serde::Deserialize;
use tempfile::TempDir;

use super::finish::{self, Site};
use super::preprocessor::Guide;
use super::sources::Sources;
use super::warnings;

/// What is to be built, and where to.
#[derive(Debug, Clone)]
pub struct BuildOptions {
    /// The repository, with its `book.toml`.
    pub root: PathBuf,
    /// The folder for the site; what an earlier build left there is replaced.
    pub output: PathBuf,
    /// The address the site will have; by default the one in `book.toml`.
    pub site: Option<String>,
    /// Where listings lead; by default `git-repository-url` of `book.toml`.
    pub repository: Option<String>,
    /// The branch, tag or commit that listings lead to; by default the one in `book.toml`.
    pub revision: Option<String>,
    /// Pages that only this build has, placed after the home page.
    pub extra_pages: Vec<Page>,
    /// A run's folder: pages name its files `run:metrics/scores.json`.
    pub run: Option<PathBuf>,
}

impl BuildOptions {
    /// The guide as it is committed, into `book/built`.
    pub fn new(root: &Path) -> BuildOptions {
        BuildOptions {
            root: root.to_path_buf(),
            output: root.join("book/built"),
            site: None,
            repository: None,
            revision: None,
            extra_pages: Vec::new(),
            run: None,
        }
    }
}

/// A page that isn't committed.
#[derive(Debug, Clone)]
pub struct Page {
    /// Its file among the pages, such as `your-run.md`.
    pub path: String,
    /// Its title in the list of contents.
    pub title: String,
    /// Its text, which may use all directives.
    pub markdown: String,
}

impl Page {
    /// A page from a file; its title is its first heading.
    ///
    /// # Errors
    /// If the file can't be read or has no heading.
    pub fn read(file: &Path) -> Result<Page> {
        let markdown = fs::read_to_string(file).with_context(|| file.display().to_string())?;
        let title = markdown
            .lines()
            .find_map(|line| line.strip_prefix("# "))
            .with_context(|| format!("{}: a page begins with `# Title`", file.display()))?
            .trim()
            .to_owned();
        let path = file
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        Ok(Page {
            path,
            title,
            markdown,
        })
    }
}

/// A site that was built.
#[derive(Debug)]
pub struct Built {
    /// Where it is.
    pub output: PathBuf,
    /// The path of its address: `/`, or `/name/` below another site.
    pub base: String,
    /// The recordings its pages show.
    pub recordings: Vec<String>,
}

/// Our table in `book.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    /// The site's address, with `/` at its end.
    site: String,
    /// The branch, tag or commit that listings lead to.
    revision: String,
}

/// Builds the site.
///
/// # Errors
/// Every mistake in the pages, each with its file and line; or what kept mdBook from building.
pub fn build(options: &BuildOptions) -> Result<Built> {
    let root = options
        .root
        .canonicalize()
        .with_context(|| format!("{}", options.root.display()))?;
    let output = std::path::absolute(root.join(&options.output))?;
    refuse_foreign(&output)?;
    let mut config = Config::from_disk(root.join("book.toml")).context("book.toml")?;
    let settings: Settings = config
        .get("preprocessor.guide")?
        .context("book.toml has no table [preprocessor.guide]")?;
    let site = Site::new(
        options.site.as_deref().unwrap_or(&settings.site),
        config.book.title.as_deref().unwrap_or_default(),
    )?;
    config.set("output.html.site-url", site.base())?;
    if let Some(repository) = &options.repository {
        config.set("output.html.git-repository-url", repository)?;
    }
    let repository: Option<String> = config.get("output.html.git-repository-url")?;
    let pages = config.book.src.clone();
    let scratch = with_extra_pages(&root.join(&pages), &options.extra_pages)?;
    if let Some(scratch) = &scratch {
        config.book.src = scratch.path().to_path_buf();
    }
    config.build.build_dir.clone_from(&output);

    let (guide, found) = Guide::new(
        Sources {
            root: root.clone(),
            run: options.run.clone(),
            repository: repository.map(|address| address.trim_end_matches('/').to_owned()),
            revision: options.revision.clone().unwrap_or(settings.revision),
        },
        pages,
    );
    warnings::are_errors(|| {
        let mut book = MDBook::load_with_config(&root, config)?;
        book.with_preprocessor(guide).with_preprocessor(Mermaid);
        book.build()
    })?;
    let found = found.take();
    finish::finish(&output, &site, &found.plots)?;
    if found.has_diagram {
        finish::copy_mermaid(&root, &output)?;
    }
    Ok(Built {
        output,
        base: site.base().to_owned(),
        recordings: found.recordings,
    })
}

/// mdBook empties the folder that it builds into: it has to be one of ours.
fn refuse_foreign(output: &Path) -> Result<()> {
    if !output.exists() {
        return Ok(());
    }
    let is_ours = output.join(".nojekyll").is_file() && output.join("toc.html").is_file();
    let is_empty = fs::read_dir(output)
        .with_context(|| output.display().to_string())?
        .next()
        .is_none();
    ensure!(
        is_ours || is_empty,
        "{} holds something that isn't a built guide: name an empty folder",
        output.display()
    );
    Ok(())
}

/// A copy of the pages with those added that only this build has.
fn with_extra_pages(pages: &Path, extra: &[Page]) -> Result<Option<TempDir>> {
    if extra.is_empty() {
        return Ok(None);
    }
    let scratch = tempfile::tempdir()?;
    copy_folder(pages, scratch.path())?;
    let summary = scratch.path().join("SUMMARY.md");
    let mut lines: Vec<String> = fs::read_to_string(&summary)
        .with_context(|| summary.display().to_string())?
        .lines()
        .map(str::to_owned)
        .collect();
    let home = lines
        .iter()
        .position(|line| line.starts_with('['))
        .context("SUMMARY.md begins with no [Home](index.md)")?;
    for (index, page) in extra.iter().enumerate() {
        let file = scratch.path().join(&page.path);
        if file.exists() || file.parent() != Some(scratch.path()) {
            bail!(
                "{}: an extra page needs a new name, without a folder",
                page.path
            );
        }
        fs::write(&file, &page.markdown)?;
        lines.insert(home + 1 + index, format!("[{}]({})", page.title, page.path));
    }
    fs::write(&summary, lines.join("\n") + "\n")?;
    Ok(Some(scratch))
}

fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from).with_context(|| from.display().to_string())? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), &target)?;
        }
    }
    Ok(())
}
