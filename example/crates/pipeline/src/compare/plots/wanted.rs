//! What files of stages ask for: which columns of which files to draw, and how.

use std::collections::{BTreeMap, BTreeSet};

use mlops_repository::yaml::{Map, Node, Value};

use super::draw::parsed;
use super::{Plot, Series, Shape};
use crate::compare::files::State;
use crate::compare::table;
use crate::error::Result;

/// What is asked for: files with the columns to draw.
#[derive(Debug, Default)]
pub(in crate::compare) struct Wanted {
    pub id: String,
    title: Option<String>,
    x_label: Option<String>,
    y_label: Option<String>,
    template: Option<String>,
    pub header: bool,
    /// x: a column for all files, or by file.
    x: Option<String>,
    x_of: BTreeMap<String, String>,
    /// File and columns; no columns: the last.
    pub files: Vec<(String, Vec<String>)>,
}

fn text_of(map: &Map, key: &str) -> Option<String> {
    map.get(key).map(|node| table::python_text(&node.value))
}

pub(in crate::compare) fn wanted(state: &State<'_>) -> Result<Vec<Wanted>> {
    let mut all: Vec<Wanted> = Vec::new();
    for out in state.catalog.stages.iter().flat_map(|stage| &stage.outs) {
        for props in &out.plots {
            for file in state.files(&out.at.path)? {
                let mut wanted = Wanted::of(&file, props);
                let y = text_of(props, "y").into_iter().collect();
                wanted.files.push((file, y));
                all.push(wanted);
            }
        }
    }
    for (file, plot) in &state.catalog.plots {
        let folder = mlops_repository::posix_path::folder(file);
        match &plot.value {
            Value::Map(map) => {
                for entry in map {
                    let id = table::python_text(&entry.key);
                    let props = entry.node.value.as_map().cloned().unwrap_or_default();
                    all.extend(of_top(state, &id, &props, folder)?);
                }
            }
            name => {
                let path = mlops_repository::posix_path::join(folder, &table::python_text(name));
                if all.iter().any(|wanted| wanted.id == path) {
                    continue;
                }
                for file in state.files(&path)? {
                    let mut wanted = Wanted::of(&file, &Map::new());
                    wanted.files.push((file, Vec::new()));
                    all.push(wanted);
                }
            }
        }
    }
    Ok(all)
}

/// What an entry at the top of a file of stages asks for. Where it is a folder, that is a plot for each file in it.
fn of_top(state: &State<'_>, id: &str, props: &Map, folder: &str) -> Result<Vec<Wanted>> {
    let has_sources = matches!(props.get("y"), Some(node) if node.value.as_map().is_some());
    if has_sources {
        return Ok(vec![top(id, props, folder)]);
    }
    let files = state.files(&mlops_repository::posix_path::join(folder, id))?;
    // A file is called by its path from the root, wherever the file of stages lies.
    Ok(files.iter().map(|file| top(file, props, "")).collect())
}

/// A plot that stands at the top of a file of stages.
fn top(id: &str, props: &Map, folder: &str) -> Wanted {
    let mut wanted = Wanted::of(id, props);
    let columns = |node: &Node| match &node.value {
        Value::List(items) => items
            .iter()
            .map(|item| table::python_text(&item.value))
            .collect(),
        scalar => vec![table::python_text(scalar)],
    };
    let file_of =
        |name: &Value| mlops_repository::posix_path::join(folder, &table::python_text(name));
    if let Some(Value::Map(files)) = props.get("x").map(|node| &node.value) {
        wanted.x = None;
        for entry in files {
            wanted
                .x_of
                .insert(file_of(&entry.key), table::python_text(&entry.node.value));
        }
    }
    match props.get("y") {
        None => wanted
            .files
            .push((mlops_repository::posix_path::join(folder, id), Vec::new())),
        Some(node) => match &node.value {
            Value::Map(files) => {
                for entry in files {
                    wanted
                        .files
                        .push((file_of(&entry.key), columns(&entry.node)));
                }
            }
            _ => wanted.files.push((
                mlops_repository::posix_path::join(folder, id),
                columns(node),
            )),
        },
    }
    wanted
}

impl Wanted {
    fn of(id: &str, props: &Map) -> Self {
        Self {
            id: id.to_owned(),
            title: text_of(props, "title"),
            x_label: text_of(props, "x_label"),
            y_label: text_of(props, "y_label"),
            template: text_of(props, "template"),
            header: !matches!(
                props.get("header").map(|node| &node.value),
                Some(Value::Bool(false))
            ),
            x: text_of(props, "x"),
            ..Self::default()
        }
    }

    /// Whether one of the targets, names or files, means it; none mean all.
    pub(in crate::compare) fn is_asked(&self, targets: &[String]) -> bool {
        let means = |target: &String| {
            *target == self.id || self.files.iter().any(|(file, _)| file == target)
        };
        targets.is_empty() || targets.iter().any(means)
    }

    pub fn x_of(&self, file: &str) -> Option<&String> {
        // With one x for several files, it is that of the file that has it.
        self.x_of
            .get(file)
            .or(self.x.as_ref())
            .or_else(|| self.x_of.values().next().filter(|_| self.x_of.len() == 1))
    }

    fn has_lying_bars(&self) -> bool {
        let template = self.template.as_deref();
        matches!(template, Some("bar_horizontal" | "bar_horizontal_sorted"))
    }

    /// A series as it is drawn. DVC's bars may lie: x is how long they are, y what they are called.
    pub fn oriented(&self, mut series: Series) -> Series {
        if self.has_lying_bars() {
            for (x, y) in &mut series.rows {
                std::mem::swap(x, y);
            }
        }
        series
    }

    pub fn plot(&self, series: Series) -> Plot {
        let x = self.files.first().and_then(|(file, _)| self.x_of(file));
        let columns: BTreeSet<&String> =
            self.files.iter().flat_map(|(_, columns)| columns).collect();
        let y: Vec<&str> = columns.into_iter().map(String::as_str).collect();
        let (mut x_label, mut y_label) = (
            self.x_label
                .clone()
                .or_else(|| x.cloned())
                .unwrap_or_else(|| "step".into()),
            self.y_label.clone().unwrap_or_else(|| y.join(", ")),
        );
        if self.has_lying_bars() {
            std::mem::swap(&mut x_label, &mut y_label);
        }
        let texts = series
            .rows
            .iter()
            .any(|(x, _)| crate::compare::number(&parsed(x)).is_none());
        let shape = match self.template.as_deref() {
            Some("confusion") => Shape::Confusion,
            Some("confusion_normalized") => Shape::ConfusionShares,
            Some("scatter" | "scatter_jitter") => Shape::Points,
            Some("bar_horizontal" | "bar_horizontal_sorted") => Shape::Bars,
            _ if texts => Shape::Bars,
            _ => Shape::Lines,
        };
        Plot {
            id: self.id.clone(),
            title: self.title.clone().unwrap_or_else(|| self.id.clone()),
            x_label,
            y_label,
            shape,
            series: vec![series],
        }
    }
}
