//! What is to be drawn: the plots of stages, and those that files of stages name at their top.

mod draw;
mod rows;
mod wanted;

use mlops_repository::yaml::{Map, Value};
use mlops_versioning::Repository;

use super::files::State;
use super::images::is_image;
use crate::error::{PipelineError, Result};

use rows::rows;
pub(super) use wanted::{Wanted, wanted};

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
    /// The same, of each row as shares of it (`confusion_normalized`).
    ConfusionShares,
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
            if !wanted.is_asked(targets) {
                continue;
            }
            for series in read(&state, &wanted, revision, &mut faults) {
                let series = wanted.oriented(series);
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

fn read(state: &State<'_>, wanted: &Wanted, revision: &str, faults: &mut Faults) -> Vec<Series> {
    let mut all = Vec::new();
    let several_files = wanted.files.len() > 1;
    for (file, columns) in &wanted.files {
        if is_image(file) {
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
