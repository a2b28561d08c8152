//! What is done to the pages after mdBook wrote them: drawings, the page's own description, its
//! address, and the script for diagrams.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use super::html::{Piece, escape, pieces};
use super::plot::Plot;

/// The site's name and address.
#[derive(Debug)]
pub struct Site {
    address: String,
    base: String,
    name: String,
}

impl Site {
    /// A site at an address that ends with `/`.
    ///
    /// # Errors
    /// If the address isn't one.
    pub fn new(address: &str, name: &str) -> Result<Site> {
        let address = format!("{}/", address.trim_end_matches('/'));
        let host = address
            .strip_prefix("https://")
            .or_else(|| address.strip_prefix("http://"))
            .with_context(|| format!("{address}: a site's address begins with https://"))?;
        let base = match host.split_once('/') {
            Some((host, path)) if !host.is_empty() => format!("/{path}"),
            _ => bail!("{address}: a site's address has a host"),
        };
        Ok(Site {
            base,
            address,
            name: name.to_owned(),
        })
    }

    /// The path of the address: `/`, or `/name/`.
    pub fn base(&self) -> &str {
        &self.base
    }
}

/// All files below a folder, sorted.
///
/// # Errors
/// If a folder can't be read.
pub fn files_below(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).with_context(|| folder.display().to_string())? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else {
                files.push(path);
            }
        }
    }
    files.sort();
    Ok(files)
}

/// Finishes every page of a built site.
///
/// # Errors
/// If a page can't be read or written, or isn't as mdBook writes pages.
pub fn finish(output: &Path, site: &Site, plots: &[Plot]) -> Result<()> {
    for file in files_below(output)? {
        let path = file
            .strip_prefix(output)?
            .to_string_lossy()
            .replace('\\', "/");
        if !path.ends_with(".html") {
            continue;
        }
        let html = fs::read_to_string(&file).with_context(|| path.clone())?;
        if html.contains("<main>") {
            fs::write(&file, page(&html, &path, site, plots)).with_context(|| path.clone())?;
        }
    }
    Ok(())
}

fn page(html: &str, path: &str, site: &Site, plots: &[Plot]) -> String {
    let mut html = html.to_owned();
    for plot in plots {
        html = html.replace(&plot.placeholder, &plot.svg);
    }
    // The page's heading is its own title; the site's name above it is none.
    html = replace_between(&html, "<h1 class=\"menu-title\">", "</h1>", |name| {
        format!("<div class=\"menu-title\">{name}</div>")
    });
    let facts = Facts::read(&html);
    html = replace_between(
        &html,
        "<meta name=\"description\" content=\"",
        "\">",
        |old| {
            let text = facts.description.as_deref().map_or(old.to_owned(), escape);
            format!("<meta name=\"description\" content=\"{text}\">")
        },
    );
    if path == "404.html" {
        return html;
    }
    html.replacen(
        "</head>",
        &format!("{}</head>", tags(path, site, &facts)),
        1,
    )
}

/// Replaces the first stretch from `open` to `close` by what `make` gives for its inside.
fn replace_between(
    html: &str,
    open: &str,
    close: &str,
    make: impl FnOnce(&str) -> String,
) -> String {
    let Some((before, rest)) = html.split_once(open) else {
        return html.to_owned();
    };
    let Some((inside, after)) = rest.split_once(close) else {
        return html.to_owned();
    };
    format!("{before}{}{after}", make(inside))
}

/// What a page says of itself.
struct Facts {
    title: String,
    description: Option<String>,
}

impl Facts {
    fn read(html: &str) -> Facts {
        let (mut title, mut paragraph) = (String::new(), String::new());
        let (mut in_title, mut in_main, mut in_paragraph) = (false, false, false);
        let mut description = None;
        for piece in pieces(html) {
            match &piece {
                Piece::Start(name, _) | Piece::End(name) => {
                    let begins = matches!(piece, Piece::Start(..));
                    match name.as_str() {
                        "title" if !in_main => in_title = begins,
                        "main" => in_main = begins,
                        "p" if in_main => {
                            in_paragraph = begins;
                            if !begins && description.is_none() && paragraph.chars().count() > 40 {
                                description = Some(shorten(&paragraph));
                            }
                            paragraph.clear();
                        }
                        _ => {}
                    }
                }
                Piece::Text(text) if in_title => title.push_str(text),
                Piece::Text(text) if in_paragraph => paragraph.push_str(text),
                Piece::Text(_) => {}
            }
        }
        Facts { title, description }
    }
}

/// At most 200 characters, whole words, one line.
fn shorten(text: &str) -> String {
    const LONGEST: usize = 200;
    let mut out = String::new();
    for word in text.split_whitespace() {
        if out.chars().count() + word.chars().count() >= LONGEST {
            out.push_str(" …");
            break;
        }
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(word);
    }
    out
}

/// The tags by which search engines and previews know a page.
fn tags(path: &str, site: &Site, facts: &Facts) -> String {
    let path = match path.strip_suffix("index.html") {
        Some(folder) if folder.is_empty() || folder.ends_with('/') => folder,
        _ => path,
    };
    let address = escape(&format!("{}{path}", site.address));
    let mut out = format!("<link rel=\"canonical\" href=\"{address}\">\n");
    let mut property = |name: &str, value: &str| {
        // Writing to a string can't fail.
        let _ = writeln!(
            out,
            "<meta property=\"{name}\" content=\"{}\">",
            escape(value)
        );
    };
    property("og:type", "article");
    property("og:site_name", &site.name);
    property("og:title", facts.title.trim());
    if let Some(description) = &facts.description {
        property("og:description", description);
    }
    property("og:url", &format!("{}{path}", site.address));
    out.push_str("<meta name=\"twitter:card\" content=\"summary\">\n");
    out
}

/// Puts the script that draws diagrams beside the pages. It lies in the sources of the locked
/// mdbook-mermaid; cargo knows where.
///
/// # Errors
/// If cargo can't say, or the crate no longer holds the script.
pub fn copy_mermaid(root: &Path, output: &Path) -> Result<()> {
    let metadata = metadata(root)?;
    let manifest = metadata["packages"]
        .as_array()
        .into_iter()
        .flatten()
        .find(|package| package["name"] == "mdbook-mermaid")
        .and_then(|package| package["manifest_path"].as_str())
        .context("cargo metadata names no mdbook-mermaid")?;
    let script = Path::new(manifest).with_file_name("src/bin/assets/mermaid.min.js");
    fs::copy(&script, output.join("mermaid.min.js"))
        .with_context(|| format!("{}: the script for diagrams", script.display()))?;
    Ok(())
}

/// What cargo knows of the workspace, for this machine's kind; from what is already fetched, if
/// that is enough.
fn metadata(root: &Path) -> Result<Value> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let run = |arguments: &[&str]| {
        Command::new(&cargo)
            .args(["metadata", "--format-version=1", "--locked"])
            .args(["--filter-platform", "host-tuple"])
            .args(arguments)
            .current_dir(root)
            .output()
            .context("cargo can't be started")
    };
    let mut output = run(&["--offline"])?;
    if !output.status.success() {
        output = run(&[])?;
    }
    ensure!(
        output.status.success(),
        "cargo metadata: {}",
        String::from_utf8_lossy(&output.stderr).trim()
    );
    Ok(serde_json::from_slice(&output.stdout)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_gets_its_description_address_and_one_heading() {
        let html = "<html><head><title>T - G</title>\
            <meta name=\"description\" content=\"old\"></head><body>\
            <h1 class=\"menu-title\">G</h1><main><h1>T</h1><p>Short.</p>\
            <p>A paragraph that is long &amp; says what the page is about.</p>\
            <p><!--plot:0--></p></main></body></html>";
        let site = Site::new("https://example.org/guide", "G").unwrap();
        let plot = Plot {
            placeholder: "<!--plot:0-->".to_owned(),
            svg: "<svg></svg>".to_owned(),
        };
        let out = page(html, "a/index.html", &site, &[plot]);
        let description = "A paragraph that is long &amp; says what the page is about.";
        for expected in [
            "<link rel=\"canonical\" href=\"https://example.org/guide/a/\">",
            "<meta property=\"og:title\" content=\"T - G\">",
            &format!("<meta name=\"description\" content=\"{description}\">"),
            &format!("<meta property=\"og:description\" content=\"{description}\">"),
            "<div class=\"menu-title\">G</div>",
            "<p><svg></svg></p>",
        ] {
            assert!(out.contains(expected), "{expected} in {out}");
        }
        assert_eq!(out.matches("<h1").count(), 1);
    }

    #[test]
    fn a_site_below_another_knows_its_path() {
        let base = |address| Site::new(address, "").map(|site| site.base().to_owned());
        assert_eq!(base("https://example.org").unwrap(), "/");
        assert_eq!(base("https://example.org/guide/").unwrap(), "/guide/");
        assert!(base("example.org").is_err());
        assert!(base("https://").is_err());
    }

    #[test]
    fn a_description_is_cut_between_words() {
        let text = shorten(&"word ".repeat(100));
        assert!(text.ends_with("word …"), "{text}");
        assert!(text.chars().count() < 203);
    }
}
