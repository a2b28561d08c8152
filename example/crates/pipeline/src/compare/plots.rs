//! What is to be drawn: the plots of stages, and those that files of stages name at their top.

use std::collections::{BTreeMap, BTreeSet};

use mlops_plot::{Axis, Bar, Bars, Chart, HeatGrid, Line};
use mlops_versioning::Repository;
use mlops_versioning::yaml::{Map, Node, Value};

use super::files::State;
use super::table;
use crate::error::{PipelineError, Result};

/// How a plot is drawn: DVC's templates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Lines through points (`linear`, `simple`, `smooth`).
    Lines,
    /// Points (`scatter`).
    Points,
    /// Horizontal bars (`bar_horizontal`, or texts on the x axis).
    Bars,
    /// How often each pair of values occurs (`confusion`).
    Confusion,
}

/// The values of one state, and of one column if there are several.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// The state, with the column if there are several.
    pub name: String,
    /// x and y of each row, as they stand in the file.
    pub rows: Vec<(Value, Value)>,
}

/// A plot with the values of each state.
#[derive(Debug, Clone, PartialEq)]
pub struct Plot {
    /// Its name in the pipeline: a file, or what `plots` calls it.
    pub id: String,
    /// What stands above it.
    pub title: String,
    /// What stands at the x axis.
    pub x_label: String,
    /// What stands at the y axis.
    pub y_label: String,
    /// How it is drawn.
    pub shape: Shape,
    /// The values.
    pub series: Vec<Series>,
}

/// What couldn't be read: state and reason.
pub type Faults = Vec<(String, String)>;

/// What is asked for: files with the columns to draw.
#[derive(Debug, Default)]
struct Wanted {
    id: String,
    title: Option<String>,
    x_label: Option<String>,
    y_label: Option<String>,
    template: Option<String>,
    header: bool,
    /// x: a column for all files, or by file.
    x: Option<String>,
    x_of: BTreeMap<String, String>,
    /// File and columns; no columns: the last.
    files: Vec<(String, Vec<String>)>,
}

/// The plots of some states; `workspace` is the workspace. `targets`, names or files, choose some.
/// The second part of the result is what couldn't be read: state and reason.
///
/// # Errors
/// If there is no such revision.
pub fn plots(
    repository: &Repository,
    revisions: &[String],
    targets: &[String],
) -> Result<(Vec<Plot>, Faults)> {
    let mut plots: Vec<Plot> = Vec::new();
    let mut faults = Faults::new();
    for revision in revisions {
        let state = State::open(repository, revision)?;
        for wanted in wanted(&state)? {
            let asked = |target: &String| *target == wanted.id || wanted.names_file(target);
            if !targets.is_empty() && !targets.iter().any(asked) {
                continue;
            }
            for series in read(&state, &wanted, revision, &mut faults) {
                let known = plots.iter_mut().find(|plot| plot.id == wanted.id);
                match known {
                    Some(plot) => plot.series.push(series),
                    None => plots.push(wanted.plot(series)),
                }
            }
        }
    }
    Ok((plots, faults))
}

fn text_of(map: &Map, key: &str) -> Option<String> {
    map.get(key).map(|node| table::python_text(&node.value))
}

fn wanted(state: &State<'_>) -> Result<Vec<Wanted>> {
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
        let folder = crate::path::folder(file);
        match &plot.value {
            Value::Map(map) => {
                for entry in map {
                    let id = table::python_text(&entry.key);
                    let props = entry.node.value.as_map().cloned().unwrap_or_default();
                    all.push(top(&id, &props, folder));
                }
            }
            name => {
                let path = crate::path::join(folder, &table::python_text(name));
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
    let file_of = |name: &Value| crate::path::join(folder, &table::python_text(name));
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
            .push((crate::path::join(folder, id), Vec::new())),
        Some(node) => match &node.value {
            Value::Map(files) => {
                for entry in files {
                    wanted
                        .files
                        .push((file_of(&entry.key), columns(&entry.node)));
                }
            }
            _ => wanted
                .files
                .push((crate::path::join(folder, id), columns(node))),
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

    fn names_file(&self, name: &str) -> bool {
        self.files.iter().any(|(file, _)| file == name)
    }

    fn x_of(&self, file: &str) -> Option<&String> {
        // With one x for several files, it is that of the file that has it.
        self.x_of
            .get(file)
            .or(self.x.as_ref())
            .or_else(|| self.x_of.values().next().filter(|_| self.x_of.len() == 1))
    }

    fn plot(&self, series: Series) -> Plot {
        let x = self.files.first().and_then(|(file, _)| self.x_of(file));
        let columns: BTreeSet<&String> =
            self.files.iter().flat_map(|(_, columns)| columns).collect();
        let y: Vec<&str> = columns.into_iter().map(String::as_str).collect();
        let texts = series
            .rows
            .iter()
            .any(|(x, _)| super::number(&parsed(x)).is_none());
        let shape = match self.template.as_deref() {
            Some("confusion" | "confusion_normalized") => Shape::Confusion,
            Some("scatter" | "scatter_jitter") => Shape::Points,
            Some("bar_horizontal" | "bar_horizontal_sorted") => Shape::Bars,
            _ if texts => Shape::Bars,
            _ => Shape::Lines,
        };
        Plot {
            id: self.id.clone(),
            title: self.title.clone().unwrap_or_else(|| self.id.clone()),
            x_label: self
                .x_label
                .clone()
                .or_else(|| x.cloned())
                .unwrap_or_else(|| "step".into()),
            y_label: self.y_label.clone().unwrap_or_else(|| y.join(", ")),
            shape,
            series: vec![series],
        }
    }
}

fn read(state: &State<'_>, wanted: &Wanted, revision: &str, faults: &mut Faults) -> Vec<Series> {
    let mut all = Vec::new();
    let several_files = wanted.files.len() > 1;
    for (file, columns) in &wanted.files {
        if is_picture(file) {
            continue;
        }
        let rows = match state.text(file) {
            Ok(Some(text)) => rows(file, &text, wanted.header),
            Ok(None) => Err(PipelineError::Unreadable {
                file: file.clone(),
                message: "is not there".into(),
            }),
            Err(error) => Err(error),
        };
        let rows = match rows {
            Ok(rows) => rows,
            Err(error) => {
                faults.push((revision.to_owned(), error.to_string()));
                continue;
            }
        };
        let x = wanted.x_of(file);
        let columns = if columns.is_empty() {
            last_column(&rows, x)
        } else {
            columns.clone()
        };
        for column in &columns {
            let mut name = revision.to_owned();
            if several_files {
                name += &format!(" {file}");
            }
            if columns.len() > 1 || several_files {
                name += &format!(" {column}");
            }
            let mut points = Vec::new();
            for (number, row) in rows.iter().enumerate() {
                let at = match x {
                    None => Some(Value::Integer(number as i128)),
                    Some(x) => row.get(x).map(|node| node.value.clone()),
                };
                if let (Some(x), Some(y)) = (at, row.get(column)) {
                    points.push((x, y.value.clone()));
                }
            }
            if points.is_empty() {
                let what = format!(
                    "{file}: no row has {column:?}{}",
                    x.map(|x| format!(" and {x:?}")).unwrap_or_default()
                );
                faults.push((revision.to_owned(), what));
                continue;
            }
            all.push(Series { name, rows: points });
        }
    }
    all
}

fn last_column(rows: &[Map], x: Option<&String>) -> Vec<String> {
    let names = rows.first().into_iter().flatten();
    let mut names = names.filter_map(|entry| entry.key.as_text());
    names
        .rfind(|name| x.is_none_or(|x| x != name))
        .map(str::to_owned)
        .into_iter()
        .collect()
}

/// Whether a plot is drawn already: a stage declares it so that it is kept, and there is nothing to draw.
fn is_picture(file: &str) -> bool {
    let ending = file.rsplit_once('.').map_or("", |(_, ending)| ending);
    ["svg", "png", "jpg", "jpeg", "gif", "webp"]
        .iter()
        .any(|known| ending.eq_ignore_ascii_case(known))
}

/// The rows of a file of values: CSV, TSV, or a list of maps in JSON or YAML.
fn rows(file: &str, text: &str, header: bool) -> Result<Vec<Map>> {
    let ending = file.rsplit_once('.').map_or("", |(_, ending)| ending);
    let separator = match ending.to_ascii_lowercase().as_str() {
        "csv" => ',',
        "tsv" => '\t',
        "json" | "yaml" | "yml" => {
            let node = crate::params::parse(file, text)?;
            return list_of_maps(&node).ok_or_else(|| PipelineError::Unreadable {
                file: file.to_owned(),
                message: "a list of maps is expected in it".into(),
            });
        }
        other => {
            return Err(PipelineError::Unreadable {
                file: file.to_owned(),
                message: format!("{other:?} files can't be plotted: CSV, TSV, JSON and YAML can"),
            });
        }
    };
    let mut lines = separated(text, separator).into_iter();
    let mut names: Option<Vec<String>> = None;
    let mut rows = Vec::new();
    if header {
        names = lines.next();
    }
    for cells in lines {
        let names =
            names.get_or_insert_with(|| (0..cells.len()).map(|at| at.to_string()).collect());
        rows.push(
            names
                .iter()
                .zip(cells)
                .map(|(name, cell)| (name.clone(), Value::Text(cell)))
                .collect(),
        );
    }
    Ok(rows)
}

/// The first list of maps in a value.
fn list_of_maps(node: &Node) -> Option<Vec<Map>> {
    match &node.value {
        Value::List(items) => items
            .iter()
            .map(|item| item.value.as_map().cloned())
            .collect(),
        Value::Map(map) => map.iter().find_map(|entry| list_of_maps(&entry.node)),
        _ => None,
    }
}

/// The cells of each line, quotes taken off.
fn separated(text: &str, separator: char) -> Vec<Vec<String>> {
    let mut lines = Vec::new();
    let mut cells = Vec::new();
    let mut cell = String::new();
    let mut quoted = false;
    let mut chars = text.trim_start_matches('\u{feff}').chars().peekable();
    while let Some(char) = chars.next() {
        match char {
            '"' if quoted && chars.peek() == Some(&'"') => {
                chars.next();
                cell.push('"');
            }
            '"' if quoted || cell.is_empty() => quoted = !quoted,
            char if char == separator && !quoted => cells.push(std::mem::take(&mut cell)),
            '\r' if !quoted && chars.peek() == Some(&'\n') => {}
            '\n' if !quoted => {
                cells.push(std::mem::take(&mut cell));
                lines.push(std::mem::take(&mut cells));
            }
            char => cell.push(char),
        }
    }
    if !cell.is_empty() || !cells.is_empty() {
        cells.push(cell);
        lines.push(cells);
    }
    lines.retain(|cells| cells.len() > 1 || cells.iter().any(|cell| !cell.is_empty()));
    lines
}

/// A cell of a table as the number it may be.
fn parsed(value: &Value) -> Value {
    match value {
        Value::Text(text) => match text.trim().parse::<f64>() {
            Ok(number) => Value::Float(number),
            Err(_) => value.clone(),
        },
        other => other.clone(),
    }
}

fn coordinate(value: &Value) -> f64 {
    super::number(&parsed(value)).unwrap_or(f64::NAN)
}

impl Plot {
    /// The drawing.
    #[must_use]
    pub fn svg(&self) -> String {
        match self.shape {
            Shape::Lines | Shape::Points => self.chart(),
            Shape::Bars => self.bars(),
            Shape::Confusion => self.confusion(),
        }
    }

    fn chart(&self) -> String {
        let mut chart = Chart::new(&self.title)
            .x_axis(Axis::new(&self.x_label))
            .y_axis(Axis::new(&self.y_label));
        for series in &self.series {
            let points = series
                .rows
                .iter()
                .map(|(x, y)| (coordinate(x), coordinate(y)));
            if self.shape == Shape::Lines {
                chart = chart.line(Line::new(&series.name, points));
                continue;
            }
            // A gap after each point leaves points.
            let gaps = points.flat_map(|point| [point, (f64::NAN, f64::NAN)]);
            chart = chart.line(Line::new(&series.name, gaps).markers());
        }
        chart.svg()
    }

    fn bars(&self) -> String {
        let mut bars = Bars::new(&self.title, &self.y_label);
        let several = self.series.len() > 1;
        for series in &self.series {
            for (x, y) in &series.rows {
                let mut name = table::python_text(x);
                if several {
                    name += &format!(" ({})", series.name);
                }
                bars = bars.bar(Bar::new(name, coordinate(y)));
            }
        }
        bars.svg()
    }

    /// A grid for each state, one below the other.
    fn confusion(&self) -> String {
        let text = |value: &Value| table::python_text(value);
        let mut classes: BTreeSet<String> = BTreeSet::new();
        for (x, y) in self.series.iter().flat_map(|series| &series.rows) {
            classes.extend([text(x), text(y)]);
        }
        let classes: Vec<String> = classes.into_iter().collect();
        let mut drawings = String::new();
        for series in &self.series {
            let mut counts: BTreeMap<(String, String), u32> = BTreeMap::new();
            for (x, y) in &series.rows {
                *counts.entry((text(y), text(x))).or_default() += 1;
            }
            let values = classes.iter().flat_map(|row| {
                let counts = &counts;
                classes.iter().map(move |column| {
                    let count = counts.get(&(row.clone(), column.clone()));
                    f64::from(count.copied().unwrap_or(0))
                })
            });
            let title = format!("{} ({})", self.title, series.name);
            let grid = HeatGrid::new(title, &classes, &classes, values.collect::<Vec<_>>());
            drawings += &grid.axes(&self.y_label, &self.x_label).svg();
        }
        drawings
    }
}
