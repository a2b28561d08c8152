//! The report as GitHub's Markdown.
//!
//! All that comes from files stands in code spans: nothing in them becomes a link, a mention, or
//! markup of the comment.

use std::fmt::Write as _;

use mlops_repository::yaml::Value;

use super::cells::{ROWS, Rows, code, counted, link, quoted, rounded, shown, signed};
use super::data::{DataChange, Pinned};
use super::scores::{Bounds, Score};
use super::{Report, State, Tally, Touch};
use crate::compare::text;

/// The line by which a workflow finds its comment again. It isn't shown.
pub const MARKER: &str = "<!-- mlops-report -->";
/// Bytes; GitHub takes comments of at most 65,536 characters.
const LIMIT: usize = 60_000;

/// How a report is laid out.
#[derive(Debug, Clone, Copy)]
pub struct Layout<'a> {
    /// The name of the program that makes a state again.
    pub program: &'a str,
    /// Where the drawings are.
    pub drawings: Drawings<'a>,
    /// A table of text that compares the data of both sides, if there is one.
    pub drift: Option<&'a str>,
    /// What changed in declarations that somebody else reads, such as the features'.
    pub declared: &'a [Declared],
}

/// A change of something declared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Declared {
    /// What it is: a feature, a view.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// What happened to it.
    pub change: String,
}

/// Where the drawings of a report are.
#[derive(Debug, Clone, Copy)]
pub enum Drawings<'a> {
    /// Nowhere.
    None,
    /// In a folder, as seen from the report.
    Folder(&'a str),
    /// On a page: its address. A comment can't hold drawings.
    Page(&'a str),
}

impl Report {
    /// The report as GitHub's Markdown, at most as long as a comment may be.
    #[must_use]
    pub fn markdown(&self, layout: Layout<'_>) -> String {
        let mut report = format!("{MARKER}\n## What this change does\n\n{}", self.head_line());
        let sections = [
            self.score_section(),
            self.param_section(),
            declared_section(layout.declared),
            self.file_section(),
            self.data_section(layout.drift),
            self.stage_section(),
            self.picture_section(layout.drawings),
            self.fault_section(),
            self.again_section(layout.program),
        ];
        for (title, body) in sections.into_iter().flatten() {
            if report.len() + body.len() > LIMIT {
                let _ = write!(report, "\n### {title}\n\nToo long for a comment.\n");
            } else {
                let _ = write!(report, "\n### {title}\n\n{body}");
            }
        }
        report
    }

    fn head_line(&self) -> String {
        format!(
            "From {} to {}. {}\n",
            self.base.told(),
            self.head.told(),
            self.verdict()
        )
    }

    /// The whole in a sentence.
    fn verdict(&self) -> String {
        if !self.has_metrics {
            return "**There are no scores to compare.**".into();
        }
        let Tally {
            better,
            worse,
            within_noise: noise,
        } = self.tally();
        if (better, worse, noise) == (0, 0, 0) {
            return "**No score got better or worse.**".into();
        }
        let mut parts = vec![format!("{better} better, {worse} worse")];
        if noise > 0 {
            parts.push(format!("{noise} within the noise"));
        }
        format!("**Scores: {}.**", parts.join(", "))
    }

    fn score_section(&self) -> Option<(&'static str, String)> {
        if !self.has_metrics {
            let body = "No file of scores is named in either state, or none can be read. To compare scores, name their \
                        file under `metrics:` of a stage or at the top of `dvc.yaml`, and commit it.\n";
            return Some(("Scores", body.into()));
        }
        let (judged, others): (Vec<&Score>, Vec<&Score>) = self
            .scores
            .iter()
            .partition(|score| score.higher_is_better.is_some());
        let mut body = String::new();
        if !judged.is_empty() {
            body += &self.score_table(&judged);
            if judged.iter().any(|score| score.old_bounds.is_some()) {
                body += "\nIn brackets: the interval that the file of scores states. A change \
                         *within the noise* leaves the new value inside the old interval: this \
                         alone doesn't show that anything changed.\n";
            }
        }
        if !others.is_empty() {
            let _ = write!(
                body,
                "{}<details>\n<summary>{} of which nobody said which way is better</summary>\n\n{}\n</details>\n",
                if body.is_empty() { "" } else { "\n" },
                counted(others.len() as u64, "value"),
                self.score_table(&others)
            );
        }
        if body.is_empty() {
            body = format!("None of {} changed.\n", counted(self.same_scores, "value"));
        } else {
            let _ = write!(
                body,
                "\n{} didn't change.\n",
                counted(self.same_scores, "value")
            );
        }
        Some(("Scores", body))
    }

    fn score_table(&self, scores: &[&Score]) -> String {
        let first = scores.first().map(|score| &score.file);
        let several_files = scores.iter().any(|score| Some(&score.file) != first);
        let [base, head] = [self.base.head(), self.head.head()];
        let heads = ["Score", &base, &head, "Change", "Better is", ""];
        let mut table = Rows::new(&heads, &[1, 2, 3]);
        for score in scores {
            let name = match (several_files, score.name.as_str()) {
                (false, name) if !name.is_empty() => code(name),
                (_, name) => code(&format!("{}: {name}", score.file)),
            };
            let value = |value: Option<&Value>, bounds: Option<Bounds>| {
                let digits = bounds.and_then(Bounds::decimals);
                let mut cell = value.map_or("–".into(), |value| shown(value, digits));
                if let Some(Bounds { low, high }) = bounds {
                    let [low, high] = [low, high].map(|end| rounded(end, digits));
                    let _ = write!(cell, " ({low} to {high})");
                }
                cell
            };
            let difference = &score.difference;
            // Of two models on the same rows, the difference is known more finely than either.
            let digits = score.new_bounds.and_then(Bounds::decimals);
            let digits = digits.map(|digits| digits + 1);
            let change = difference.change.as_ref();
            table.add(&[
                name,
                value(difference.old.as_ref(), score.old_bounds),
                value(difference.new.as_ref(), score.new_bounds),
                change.map_or(String::new(), |change| signed(change, digits)),
                match score.higher_is_better {
                    Some(true) => "higher".into(),
                    Some(false) => "lower".into(),
                    None => String::new(),
                },
                mark(score).into(),
            ]);
        }
        table.text()
    }

    fn param_section(&self) -> Option<(&'static str, String)> {
        let files = &self.params.files;
        let [base, head] = [self.base.head(), self.head.head()];
        let heads = ["File", "Parameter", &base, &head, "Change"];
        let mut table = Rows::new(&heads, &[4]);
        let value =
            |value: Option<&Value>| value.map_or("–".into(), |value| code(&text(value, None)));
        for (file, keys) in files {
            for (key, difference) in keys {
                table.add(&[
                    code(file),
                    code(key),
                    value(difference.old.as_ref()),
                    value(difference.new.as_ref()),
                    (difference.change.as_ref()).map_or(String::new(), |by| signed(by, None)),
                ]);
            }
        }
        Some(("Parameters", table.text_or("None changed.\n")))
    }

    fn file_section(&self) -> Option<(&'static str, String)> {
        let mut table = Rows::new(&["File", "Lines", "Read by"], &[1]);
        for file in &self.files {
            let lines = match file.lines {
                Some((added, removed)) => format!("+{added} −{removed}"),
                None => String::new(),
            };
            let stages: Vec<String> = file.read_by.iter().map(|name| code(name)).collect();
            table.add(&[code(&file.path), lines, stages.join(", ")]);
        }
        (!self.files.is_empty()).then(|| ("Code and declarations", table.text()))
    }

    fn data_section(&self, drift: Option<&str>) -> Option<(&'static str, String)> {
        let heads = ["Data", &self.base.head(), &self.head.head(), "Change"];
        let mut table = Rows::new(&heads, &[]);
        let side = |pinned: &Option<Pinned>| {
            let Some(pinned) = pinned else {
                return "–".to_owned();
            };
            let hash = pinned.id.to_string();
            let mut parts = vec![format!("`{}`", hash.get(..8).unwrap_or(&hash))];
            parts.extend(pinned.rows.map(|rows| counted(rows, "row")));
            parts.extend(pinned.nfiles.map(|files| counted(files, "file")));
            parts.extend(pinned.size.map(|size| counted(size, "byte")));
            parts.join(", ")
        };
        for DataChange { path, old, new } in &self.data {
            let change = match (old, new) {
                (None, _) => "new".to_owned(),
                (_, None) => "gone".to_owned(),
                (Some(old), Some(new)) => growth(old, new),
            };
            table.add(&[code(path), side(old), side(new), change]);
        }
        let mut body = table.text_or("None changed.\n");
        if let Some(drift) = drift {
            let drift = drift.trim().replace('`', "'");
            let summary = drift.lines().next().unwrap_or_default();
            let _ = write!(
                body,
                "\n<details>\n<summary><code>{}</code></summary>\n\n```text\n{drift}\n```\n\n</details>\n",
                // In code, no name is called and no address linked.
                summary.replace('&', "&amp;").replace('<', "&lt;"),
            );
        }
        Some(("Data", body))
    }

    fn stage_section(&self) -> Option<(&'static str, String)> {
        let stages = &self.stages;
        if stages.is_empty() && stages.removed.is_empty() {
            return None;
        }
        let mut body = String::new();
        if !stages.is_empty() {
            // A name with backticks must not end the block.
            let diagram = stages.mermaid().replace('`', "'");
            let _ = write!(body, "```mermaid\n{diagram}\n```\n\n");
        }
        let mut told = Vec::new();
        for (touch, what) in [
            (Touch::New, "new"),
            (Touch::Changed, "changed itself"),
            (Touch::Again, "made again from other input (dashed)"),
        ] {
            let names: Vec<String> = (stages.touched.iter())
                .filter(|(_, is)| **is == touch)
                .map(|(name, _)| code(name))
                .collect();
            if !names.is_empty() {
                told.push(format!("{what}: {}", names.join(", ")));
            }
        }
        if !stages.removed.is_empty() {
            let names: Vec<String> = stages.removed.iter().map(|name| code(name)).collect();
            told.push(format!("gone: {}", names.join(", ")));
        }
        if told.is_empty() {
            body += "No stage is touched.\n";
        }
        for line in told {
            let _ = writeln!(body, "- {line}");
        }
        Some(("Pipeline", body))
    }

    fn picture_section(&self, drawings: Drawings<'_>) -> Option<(&'static str, String)> {
        let pictures = &self.pictures;
        if pictures.changed.is_empty() {
            let same = counted(pictures.same, "plot");
            return (pictures.same > 0).then(|| ("Plots", format!("None of {same} changed.\n")));
        }
        let mut body = String::new();
        match drawings {
            Drawings::Folder(folder) => {
                for (at, drawing) in pictures.changed.iter().enumerate() {
                    let image = |is_there: bool, side: &str| match is_there {
                        true => format!(
                            "![{side}](<{}>)",
                            link(&format!("{folder}/{}", drawing.file(at, side)))
                        ),
                        false => "–".into(),
                    };
                    let mut table = Rows::new(&[&self.base.head(), &self.head.head()], &[]);
                    table.add(&[
                        image(drawing.old.is_some(), "old"),
                        image(drawing.new.is_some(), "new"),
                    ]);
                    let _ = write!(body, "{}\n\n{}\n", code(&drawing.name), table.text());
                }
                let _ = writeln!(
                    body,
                    "[All on one page](<{}>)",
                    link(&format!("{folder}/index.html"))
                );
            }
            Drawings::None | Drawings::Page(_) => {
                let names: Vec<String> = pictures
                    .changed
                    .iter()
                    .map(|drawing| code(&drawing.name))
                    .collect();
                let _ = writeln!(body, "Changed: {}.", names.join(", "));
                if let Drawings::Page(address) = drawings {
                    let _ = writeln!(
                        body,
                        "\n[Both sides of each on one page](<{}>)",
                        link(address)
                    );
                }
            }
        }
        Some(("Plots", body))
    }

    fn fault_section(&self) -> Option<(&'static str, String)> {
        let mut body = String::new();
        for (state, why) in self.unreadable.iter().take(ROWS) {
            let _ = writeln!(body, "- {}: {}", code(state), code(why));
        }
        (!body.is_empty()).then_some(("Not compared", body))
    }

    fn again_section(&self, program: &str) -> Option<(&'static str, String)> {
        let mut commands = String::new();
        let note = match &self.head.commit {
            Some(commit) => {
                let _ = writeln!(commands, "git checkout {commit}");
                ""
            }
            None => {
                "The workspace has no commit: others can't get it before it is committed and pushed.\n\n"
            }
        };
        if !self.folder.is_empty() {
            let _ = writeln!(commands, "cd {}", quoted(&self.folder));
        }
        let _ = write!(commands, "{program} pull\n{program} repro\n");
        Some((
            "How to reproduce it",
            format!("{note}```sh\n{}```\n", commands.replace('`', "'")),
        ))
    }
}

fn declared_section(declared: &[Declared]) -> Option<(&'static str, String)> {
    let mut table = Rows::new(&["", "Name", "Change"], &[]);
    for Declared { kind, name, change } in declared {
        table.add(&[kind.clone(), code(name), change.clone()]);
    }
    (!declared.is_empty()).then(|| ("Features", table.text()))
}

impl State {
    fn head(&self) -> String {
        code(&self.name)
    }

    fn told(&self) -> String {
        match &self.commit {
            Some(_) if self.name != self.short() => {
                format!("{} ({})", code(&self.name), self.short())
            }
            Some(_) => self.short().into(),
            None => format!("the {}", self.name),
        }
    }
}

/// What became of a score.
fn mark(score: &Score) -> &'static str {
    match (score.is_better(), score.is_beyond_noise()) {
        (Some(true), Some(true)) => "✅ better, beyond the noise",
        (Some(false), Some(true)) => "❌ worse, beyond the noise",
        (Some(true), Some(false)) => "better, within the noise",
        (Some(false), Some(false)) => "worse, within the noise",
        (Some(true), None) => "✅ better",
        (Some(false), None) => "❌ worse",
        (None, Some(true)) => "beyond the noise",
        (None, Some(false)) => "within the noise",
        (None, None) => "",
    }
}

/// By how much the data grew, in what a person counts first.
fn growth(old: &Pinned, new: &Pinned) -> String {
    let measures = [
        (old.rows, new.rows, "row"),
        (old.nfiles, new.nfiles, "file"),
        (old.size, new.size, "byte"),
    ];
    for (old, new, unit) in measures {
        let (Some(old), Some(new)) = (old, new) else {
            continue;
        };
        if old != new {
            let sign = if new > old { '+' } else { '−' };
            return format!("{sign}{}", counted(new.abs_diff(old), unit));
        }
    }
    "other content".to_owned()
}
