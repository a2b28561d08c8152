//! Checks of a built site: what a reader or a screen reader would stumble over.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::address::{Target, resolve};
use super::finish::files_below;
use super::html::{Piece, is_void, pieces};

/// A page above this is worth a second look, in bytes.
const HEAVY: u64 = 250_000;

/// What a built site's check found.
#[derive(Debug, Default)]
pub struct SiteReport {
    /// What has to be mended.
    pub problems: Vec<String>,
    /// What is worth a look.
    pub notes: Vec<String>,
    /// Pages with content.
    pub pages: usize,
    /// Links that lead somewhere in the site.
    pub internal: usize,
    /// Links that lead out of it; nobody followed them.
    pub external: usize,
    /// The heaviest page and its bytes.
    pub heaviest: (String, u64),
}

/// Checks every file of a site whose address has the path `base`.
///
/// # Errors
/// If a file can't be read; what is wrong with the site is in the report.
pub fn check_site(output: &Path, base: &str) -> Result<SiteReport> {
    let mut report = SiteReport::default();
    let mut files = BTreeSet::new();
    let mut pages = BTreeMap::new();
    for file in files_below(output)? {
        let name = file
            .strip_prefix(output)?
            .to_string_lossy()
            .replace('\\', "/");
        if name.ends_with(".html") {
            let html = fs::read_to_string(&file).with_context(|| name.clone())?;
            let page = Page::read(&html);
            if page.is_content {
                report.weigh(&name, html.len() as u64);
            }
            pages.insert(name.clone(), page);
        } else if name.ends_with(".css") {
            let css = fs::read_to_string(&file).with_context(|| name.clone())?;
            if loads_from_elsewhere(&css) {
                report
                    .problems
                    .push(format!("{name}: loads from another host"));
            }
        }
        files.insert(name);
    }
    for (name, page) in &pages {
        let problems = page.problems.iter();
        report
            .problems
            .extend(problems.map(|problem| format!("{name}: {problem}")));
        for link in &page.links {
            match resolve(name, link, base) {
                Target::Elsewhere => report.external += 1,
                Target::Here { file, fragment } => {
                    report.internal += 1;
                    if let Some(problem) = dangling(&file, fragment.as_deref(), &files, &pages) {
                        report
                            .problems
                            .push(format!("{name}: link to `{link}`: {problem}"));
                    }
                }
                Target::Outside => report.problems.push(format!(
                    "{name}: link to `{link}` leaves the site, which lies at `{base}`"
                )),
            }
        }
    }
    Ok(report)
}

impl SiteReport {
    fn weigh(&mut self, name: &str, bytes: u64) {
        self.pages += 1;
        if bytes > self.heaviest.1 {
            self.heaviest = (name.to_owned(), bytes);
        }
        if bytes > HEAVY {
            self.notes.push(format!(
                "{name} weighs {} KB: a page above {} KB is slow on a phone",
                bytes / 1000,
                HEAVY / 1000
            ));
        }
    }
}

fn dangling(
    file: &str,
    fragment: Option<&str>,
    files: &BTreeSet<String>,
    pages: &BTreeMap<String, Page>,
) -> Option<String> {
    if !files.contains(file) {
        return Some("there is no such page".to_owned());
    }
    let fragment = fragment.filter(|fragment| !fragment.is_empty())?;
    let page = pages.get(file)?;
    (!page.ids.contains(fragment)).then(|| format!("`{file}` has no `#{fragment}`"))
}

fn loads_from_elsewhere(css: &str) -> bool {
    let css = css.replace(['"', '\'', ' '], "");
    ["url(http", "url(//", "@importhttp", "@import//"]
        .iter()
        .any(|start| css.contains(start))
}

/// What a check needs to know of a page.
#[derive(Debug, Default)]
struct Page {
    /// A page of the guide, and no redirection or frame.
    is_content: bool,
    ids: BTreeSet<String>,
    links: Vec<String>,
    problems: Vec<String>,
}

impl Page {
    fn read(html: &str) -> Page {
        let mut page = Page {
            is_content: html.contains("<main>"),
            ..Page::default()
        };
        if html.contains("<!-- pending") {
            page.problems
                .push("something is marked `<!-- pending`".to_owned());
        }
        let mut reader = Reader::default();
        for piece in pieces(html) {
            page.take_links(&piece);
            reader.take(&piece, &mut page.problems);
        }
        if page.is_content && reader.first_headings != 1 {
            page.problems.push(format!(
                "has {} first-level headings instead of one",
                reader.first_headings
            ));
        }
        page
    }

    fn take_links(&mut self, piece: &Piece) {
        let Piece::Start(name, _) = piece else {
            return;
        };
        self.ids.extend(piece.attribute("id").map(str::to_owned));
        let loaded = match name.as_str() {
            "a" => {
                self.links
                    .extend(piece.attribute("href").map(str::to_owned));
                None
            }
            "link" if piece.attribute("rel") == Some("canonical") => None,
            "link" => piece.attribute("href"),
            "object" => piece.attribute("data"),
            _ => piece.attribute("src"),
        };
        if let Some(address) = loaded {
            if address.starts_with("//") || address.contains("://") {
                self.problems
                    .push(format!("loads `{address}` from another host"));
            } else if !address.starts_with("data:") {
                self.links.push(address.to_owned());
            }
        }
    }
}

/// Goes through a page's content and notes what is wrong with it.
#[derive(Debug, Default)]
struct Reader {
    /// Open elements below `main`, with their class.
    open: Vec<(String, String)>,
    first_headings: usize,
    level: u32,
}

impl Reader {
    fn take(&mut self, piece: &Piece, problems: &mut Vec<String>) {
        match piece {
            Piece::Start(name, _) if self.open.is_empty() && name != "main" => {}
            Piece::Start(name, _) => {
                self.heading(name, problems);
                self.alternative(name, piece, problems);
                if !is_void(name) {
                    let class = piece.attribute("class").unwrap_or_default();
                    self.open.push((name.clone(), class.to_owned()));
                }
            }
            Piece::End(name) => {
                if let Some(depth) = self.open.iter().rposition(|(open, _)| open == name) {
                    self.open.truncate(depth);
                }
            }
            Piece::Text(text) => self.text(text, problems),
        }
    }

    fn is_inside(&self, wanted: &str) -> bool {
        self.open.iter().any(|(name, class)| {
            name == wanted || class.split_whitespace().any(|class| class == wanted)
        })
    }

    fn heading(&mut self, name: &str, problems: &mut Vec<String>) {
        let level = match name {
            "h1" => 1,
            "h2" => 2,
            "h3" => 3,
            "h4" => 4,
            "h5" => 5,
            "h6" => 6,
            _ => return,
        };
        if level == 1 {
            self.first_headings += 1;
        } else if level > self.level + 1 {
            problems.push(format!(
                "a heading of level {level} follows one of level {}",
                self.level
            ));
        }
        self.level = level;
    }

    fn alternative(&self, name: &str, piece: &Piece, problems: &mut Vec<String>) {
        // mdBook's own icons stand beside a word.
        let is_icon = self.is_inside("blockquote-tag-title") || self.is_inside("fa-svg");
        let is_part = self.is_inside("svg");
        let has = |attribute| piece.attribute(attribute).is_some();
        if name == "img" && !has("alt") {
            let source = piece.attribute("src").unwrap_or_default();
            problems.push(format!("image `{source}` has no alternative text"));
        }
        if name == "svg" && !is_icon && !is_part && !has("aria-label") && !has("aria-hidden") {
            problems.push("a drawing has no alternative text (aria-label)".to_owned());
        }
    }

    fn text(&self, text: &str, problems: &mut Vec<String>) {
        if text.contains("{{#") && !self.is_inside("code") && !self.is_inside("pre") {
            problems.push(format!("shows a directive: {}", text.trim()));
        }
        let is_diagram = self
            .open
            .last()
            .is_some_and(|(_, class)| class == "mermaid");
        if is_diagram && !(text.contains("accTitle") && text.contains("accDescr")) {
            let first = text.lines().next().unwrap_or_default();
            problems.push(format!(
                "a diagram (`{first}`) says nothing to who can't see it: add accTitle: and accDescr:"
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guide::testing::write;

    fn check(files: &[(&str, &str)]) -> SiteReport {
        let folder = tempfile::tempdir().unwrap();
        for (path, text) in files {
            write(folder.path(), path, text);
        }
        check_site(folder.path(), "/guide/").unwrap()
    }

    #[test]
    fn links_and_fragments_have_to_lead_somewhere() {
        let report = check(&[
            (
                "index.html",
                "<main><h1 id=top>x</h1><a href='a/b.html#part'>1</a><a href='#top'>2</a>\
                 <a href='a/'>3</a><a href='/guide/a/b.html'>4</a><a href='https://x.org'>5</a>\
                 <a href='gone.html'>6</a><a href='a/b.html#gone'>7</a><a href='/other/'>8</a></main>",
            ),
            (
                "a/b.html",
                "<main><h1>y</h1><p id=part><a href='../index.html'>up</a></main>",
            ),
        ]);
        assert_eq!(
            report.problems,
            [
                "index.html: link to `a/`: there is no such page",
                "index.html: link to `gone.html`: there is no such page",
                "index.html: link to `a/b.html#gone`: `a/b.html` has no `#gone`",
                "index.html: link to `/other/` leaves the site, which lies at `/guide/`",
            ]
        );
        assert_eq!((report.pages, report.internal, report.external), (2, 7, 1));
    }

    #[test]
    fn a_redirection_has_to_lead_somewhere_too() {
        let page = "<head><meta http-equiv=refresh></head><a href='../gone.html'>there</a>";
        let report = check(&[("old/index.html", page)]);
        assert_eq!(
            report.problems,
            ["old/index.html: link to `../gone.html`: there is no such page"]
        );
        assert_eq!(report.pages, 0);
    }

    #[test]
    fn a_page_has_one_heading_and_skips_no_level() {
        let report = check(&[
            ("a.html", "<main><h2>x</h2></main>"),
            ("b.html", "<main><h1>x</h1><h3>y</h3><h1>z</h1></main>"),
        ]);
        assert_eq!(
            report.problems,
            [
                "a.html: a heading of level 2 follows one of level 0",
                "a.html: has 0 first-level headings instead of one",
                "b.html: a heading of level 3 follows one of level 1",
                "b.html: has 2 first-level headings instead of one",
            ]
        );
    }

    #[test]
    fn what_is_seen_is_also_said() {
        let report = check(&[
            ("x.png", ""),
            (
                "a.html",
                "<main><h1>x</h1><img src='x.png'><svg><path/></svg>\
                 <svg aria-label='curve'><svg></svg></svg><span class='fa-svg'><svg></svg></span>\
                 <pre class=\"mermaid\">flowchart LR\na--&gt;b</pre>\
                 <pre class=\"mermaid\">flowchart LR\naccTitle: a\naccDescr: b</pre></main>",
            ),
        ]);
        assert_eq!(
            report.problems,
            [
                "a.html: image `x.png` has no alternative text",
                "a.html: a drawing has no alternative text (aria-label)",
                "a.html: a diagram (`flowchart LR`) says nothing to who can't see it: add accTitle: and accDescr:",
            ]
        );
    }

    #[test]
    fn directives_and_pending_marks_may_not_be_left() {
        let report = check(&[(
            "a.html",
            "<main><h1>x</h1><p>{{#metric a b}}</p><code>{{#shown}}</code><!-- pending: y --></main>",
        )]);
        assert_eq!(
            report.problems,
            [
                "a.html: something is marked `<!-- pending`",
                "a.html: shows a directive: {{#metric a b}}",
            ]
        );
    }

    #[test]
    fn nothing_is_loaded_from_another_host() {
        let report = check(&[
            ("ok.css", "a { background: url('x.png') }"),
            ("bad.css", "a { background: url( \"https://x.org/y.png\") }"),
            (
                "a.html",
                "<link rel=canonical href='https://x.org/a'><script src='https://x.org/s.js'></script>\
                 <link rel=stylesheet href='//x.org/s.css'><main><h1>x</h1></main>",
            ),
        ]);
        assert_eq!(
            report.problems,
            [
                "bad.css: loads from another host",
                "a.html: loads `https://x.org/s.js` from another host",
                "a.html: loads `//x.org/s.css` from another host",
            ]
        );
    }

    #[test]
    fn a_heavy_page_is_noted() {
        let page = format!("<main><h1>x</h1>{}</main>", "word ".repeat(60_000));
        let report = check(&[("a.html", &page)]);
        assert_eq!(report.problems, [""; 0]);
        assert_eq!(report.notes.len(), 1);
        assert_eq!(report.heaviest.0, "a.html");
    }
}
