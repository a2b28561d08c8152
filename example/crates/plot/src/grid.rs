//! A grid of coloured cells.

use crate::{
    scale::usable,
    svg::{Svg, TEXT, WIDTH, colour},
    text::{escape, short_number, shorten, width},
};

/// The strongest colour still leaves text readable in light and in dark.
const STRONGEST: f64 = 0.62;

/// Cells whose colour tells their value: a confusion matrix, correlations. Positive values are
/// blue, negative ones orange; the ground shines through weak ones, so that it fits light and dark.
#[derive(Debug, Clone)]
pub struct HeatGrid {
    title: String,
    description: Option<String>,
    rows: Vec<String>,
    columns: Vec<String>,
    values: Vec<f64>,
    texts: Option<Vec<String>>,
    axes: (String, String),
    strongest: Option<f64>,
}

impl HeatGrid {
    /// Cells in rows: `values` row after row. A missing or non-finite value leaves its cell empty.
    pub fn new(
        title: impl Into<String>,
        rows: impl IntoIterator<Item = impl Into<String>>,
        columns: impl IntoIterator<Item = impl Into<String>>,
        values: impl IntoIterator<Item = f64>,
    ) -> HeatGrid {
        HeatGrid {
            title: title.into(),
            description: None,
            rows: rows.into_iter().map(Into::into).collect(),
            columns: columns.into_iter().map(Into::into).collect(),
            values: values.into_iter().collect(),
            texts: None,
            axes: (String::new(), String::new()),
            strongest: None,
        }
    }

    /// What the grid shows, for those who cannot see it. Without it, the values are told.
    pub fn describe(mut self, description: impl Into<String>) -> HeatGrid {
        self.description = Some(description.into());
        self
    }

    /// What rows and columns are.
    pub fn axes(mut self, rows: impl Into<String>, columns: impl Into<String>) -> HeatGrid {
        self.axes = (rows.into(), columns.into());
        self
    }

    /// What is written in the cells, row after row, instead of the values.
    pub fn texts(mut self, texts: impl IntoIterator<Item = impl Into<String>>) -> HeatGrid {
        self.texts = Some(texts.into_iter().map(Into::into).collect());
        self
    }

    /// The size of value that has the full colour; the largest in the grid unless told.
    pub fn full_at(mut self, value: f64) -> HeatGrid {
        self.strongest = (usable(value) && value > 0.0).then_some(value);
        self
    }

    /// The drawing. The same grid gives the same bytes.
    pub fn svg(&self) -> String {
        let mut svg = Svg::default();
        let mut top = svg.heading(&self.title);
        if self.rows.is_empty()
            || self.columns.is_empty()
            || !self.values.iter().any(|v| usable(*v))
        {
            svg.text(WIDTH / 2.0, top + 30.0, "mp-mid", "no data");
            return svg.finish(&self.title, "No data.", top + 60.0);
        }
        let widest = |names: &[String]| {
            names
                .iter()
                .map(|name| width(name, TEXT))
                .fold(0.0, f64::max)
        };
        let left = (widest(&self.rows) + 14.0)
            .max(width(&self.axes.0, TEXT) + 14.0)
            .clamp(40.0, 170.0);
        let cell = ((WIDTH - left) / self.columns.len() as f64).min(150.0);
        let high = if self.columns.len() <= 4 {
            64.0
        } else {
            cell.clamp(18.0, 40.0)
        };
        let upright = widest(&self.columns) > cell - 6.0;
        let middle = left + cell * self.columns.len() as f64 / 2.0;
        if !self.axes.1.is_empty() {
            svg.text(middle, top + 14.0, "mp-mid", &self.axes.1);
            top += 20.0;
        }
        let head = if upright {
            widest(&self.columns).min(120.0) + 10.0
        } else {
            22.0
        };
        if !self.axes.0.is_empty() {
            svg.text(left - 8.0, top + head - 6.0, "mp-end", &self.axes.0);
        }
        for (j, name) in self.columns.iter().enumerate() {
            let (x, y) = (left + cell * (j as f64 + 0.5), top + head - 6.0);
            if upright {
                let (x, y) = (crate::text::coordinate(x + 4.0), crate::text::coordinate(y));
                let name = escape(&shorten(name, TEXT, 120.0));
                svg.push(format_args!(
                    "<text class=\"mp-soft\" transform=\"translate({x} {y})rotate(-90)\">{name}</text>"
                ));
            } else {
                svg.text(x, y, "mp-soft mp-mid", name);
            }
        }
        top += head;
        let written = self.fits(cell - 4.0);
        for (i, name) in self.rows.iter().enumerate() {
            let y = top + high * i as f64;
            svg.text(
                left - 8.0,
                y + high / 2.0 + 4.0,
                "mp-soft mp-end",
                &shorten(name, TEXT, 156.0),
            );
            for j in 0..self.columns.len() {
                self.draw_cell(
                    &mut svg,
                    i,
                    j,
                    (left + cell * j as f64, y),
                    (cell, high),
                    written,
                );
            }
        }
        svg.finish(
            &self.title,
            &self.description(),
            top + high * self.rows.len() as f64 + 4.0,
        )
    }

    fn draw_cell(
        &self,
        svg: &mut Svg,
        i: usize,
        j: usize,
        at: (f64, f64),
        size: (f64, f64),
        written: bool,
    ) {
        let Some(value) = self.value(i, j) else {
            return;
        };
        let share = (value.abs() / self.full()).min(1.0);
        let fill = colour(usize::from(value < 0.0));
        let inner = (size.0 - 2.0, size.1 - 2.0);
        svg.rect(
            (at.0 + 1.0, at.1 + 1.0),
            inner,
            fill,
            0.04 + (STRONGEST - 0.04) * share,
        );
        if written {
            let text = self.text(i, j, value);
            svg.text(
                at.0 + size.0 / 2.0,
                at.1 + size.1 / 2.0 + 4.0,
                "mp-mid",
                &text,
            );
        }
    }

    /// Whether every cell's text fits: all are written, or none.
    fn fits(&self, limit: f64) -> bool {
        let cells = (0..self.rows.len()).flat_map(|i| (0..self.columns.len()).map(move |j| (i, j)));
        cells
            .filter_map(|(i, j)| self.value(i, j).map(|value| self.text(i, j, value)))
            .all(|text| width(&text, TEXT) <= limit)
    }

    fn value(&self, i: usize, j: usize) -> Option<f64> {
        self.values
            .get(i * self.columns.len() + j)
            .copied()
            .filter(|v| usable(*v))
    }

    fn text(&self, i: usize, j: usize, value: f64) -> String {
        match &self.texts {
            Some(texts) => texts
                .get(i * self.columns.len() + j)
                .cloned()
                .unwrap_or_default(),
            None => short_number(value),
        }
    }

    fn full(&self) -> f64 {
        let largest = self
            .values
            .iter()
            .filter(|v| usable(**v))
            .fold(0.0, |m: f64, v| m.max(v.abs()));
        self.strongest
            .unwrap_or(if largest > 0.0 { largest } else { 1.0 })
    }

    fn description(&self) -> String {
        if let Some(text) = &self.description {
            return text.clone();
        }
        let mut values = Vec::new();
        for (i, row) in self.rows.iter().enumerate() {
            for (j, column) in self.columns.iter().enumerate() {
                // Enough of a large grid to know what it holds.
                if let Some(value) = self.value(i, j).filter(|_| values.len() < 40) {
                    values.push(format!("{row}, {column}: {}", self.text(i, j, value)));
                }
            }
        }
        let (rows, columns) = &self.axes;
        let axes = if rows.is_empty() {
            String::new()
        } else {
            format!("{rows} by {columns}. ")
        };
        format!("{axes}{}.", values.join("; "))
    }
}
