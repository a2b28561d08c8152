//! A plot as a drawing.

use std::collections::{BTreeMap, BTreeSet};

use mlops_plot::{Axis, Bar, Bars, Chart, HeatGrid, Line};
use mlops_repository::yaml::Value;

use super::{Plot, Shape};
use crate::compare::table;

/// A cell of a table as the number it may be.
pub(super) fn parsed(value: &Value) -> Value {
    match value {
        Value::Text(text) => match text.trim().parse::<f64>() {
            Ok(number) => Value::Float(number),
            Err(_) => value.clone(),
        },
        other => other.clone(),
    }
}

fn coordinate(value: &Value) -> f64 {
    crate::compare::number(&parsed(value)).unwrap_or(f64::NAN)
}

impl Plot {
    /// The drawing.
    #[must_use]
    pub fn svg(&self) -> String {
        match self.shape {
            Shape::Lines | Shape::Points => self.chart(),
            Shape::Bars => self.bars(),
            Shape::Confusion | Shape::ConfusionShares => self.confusion(),
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
            let count = |row: &String, column: &String| {
                let count = counts.get(&(row.clone(), column.clone()));
                f64::from(count.copied().unwrap_or(0))
            };
            let mut values = Vec::with_capacity(classes.len() * classes.len());
            for row in &classes {
                let cells = classes.iter().map(|column| count(row, column));
                let whole = match self.shape {
                    Shape::ConfusionShares => cells.clone().sum::<f64>().max(1.0),
                    _ => 1.0,
                };
                values.extend(cells.map(|cell| cell / whole));
            }
            let title = format!("{} ({})", self.title, series.name);
            let grid = HeatGrid::new(title, &classes, &classes, values);
            drawings += &grid.axes(&self.y_label, &self.x_label).svg();
        }
        drawings
    }
}
