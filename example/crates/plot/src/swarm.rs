//! Dots of many rows on one scale, each row's side by side instead of on top of each other.

use std::collections::HashMap;

use crate::{
    scale::{Scale, rounded, span, ticks, usable},
    svg::{Svg, TEXT, WIDTH, colour},
    text::{short_number, shorten, width},
};

const ROW: f64 = 34.0;
/// How far dots may lie from the middle of their row.
const REACH: f64 = 14.0;
/// Width of a dot, and of a column in which dots make way for each other.
const DOT: f64 = 3.0;

/// From low to high; each stands out by 3 : 1 or more from white and from near-black alike.
pub(crate) const SHADES: [&str; 7] = [
    "#0072b2", "#2f78cc", "#6b70cc", "#9766c0", "#b95ca4", "#cc5a75", "#d55e00",
];

/// A row of dots, as a place on the scale and a shade each.
#[derive(Debug, Clone)]
struct Row {
    name: String,
    dots: Vec<(f64, Option<f64>)>,
}

/// Rows of dots on one scale (a beeswarm). Build it, then call [`Swarm::svg`].
#[derive(Debug, Clone)]
pub struct Swarm {
    title: String,
    description: Option<String>,
    label: String,
    shade: String,
    rows: Vec<Row>,
}

impl Swarm {
    /// No rows yet; `label` says what the dots' place is, and `shade` what their colour is.
    pub fn new(
        title: impl Into<String>,
        label: impl Into<String>,
        shade: impl Into<String>,
    ) -> Swarm {
        Swarm {
            title: title.into(),
            description: None,
            label: label.into(),
            shade: shade.into(),
            rows: Vec::new(),
        }
    }

    /// What the dots show, for those who cannot see them. Without it, the spans are told.
    pub fn describe(mut self, description: impl Into<String>) -> Swarm {
        self.description = Some(description.into());
        self
    }

    /// Adds a row of dots below the others, each with its place and its shade from 0, low, to 1, high;
    /// grey without one. A dot whose place isn't finite is left out.
    pub fn row(
        mut self,
        name: impl Into<String>,
        dots: impl IntoIterator<Item = (f64, Option<f64>)>,
    ) -> Swarm {
        let usable = |dot: &(f64, Option<f64>)| usable(dot.0);
        self.rows.push(Row {
            name: name.into(),
            dots: dots.into_iter().filter(usable).collect(),
        });
        self
    }

    /// The drawing. The same dots, in the same order, give the same bytes.
    pub fn svg(&self) -> String {
        let mut svg = Svg::default();
        let head = svg.heading(&self.title);
        let values = self.rows.iter().flat_map(|row| &row.dots);
        let Some(range) = span(values.map(|dot| dot.0).chain([0.0])).filter(|_| self.dots() > 0)
        else {
            svg.text(WIDTH / 2.0, head + 38.0, "mp-mid", "no data");
            return svg.finish(&self.title, "No data.", head + 68.0);
        };
        let range = rounded(range, 5);
        let top = self.legend(&mut svg, head);
        let names = self.rows.iter().map(|row| width(&row.name, TEXT));
        let left = (names.fold(0.0, f64::max) + 20.0).clamp(60.0, 246.0);
        let x = Scale::new(range, left, WIDTH - 12.0);
        let bottom = top + ROW * self.rows.len() as f64;
        for (value, text) in ticks(range, 5) {
            svg.rule("mp-grid", (x.pixel(value), top), (x.pixel(value), bottom));
            svg.text(x.pixel(value), bottom + 17.0, "mp-soft mp-mid", &text);
        }
        svg.rule("mp-axis", (x.pixel(0.0), top), (x.pixel(0.0), bottom));
        for (at, row) in self.rows.iter().enumerate() {
            let middle = top + ROW * (at as f64 + 0.5);
            let name = shorten(&row.name, TEXT, 226.0);
            svg.text(left - 14.0, middle + 4.0, "mp-end", &name);
            row.draw(&mut svg, &x, middle);
        }
        svg.text((left + WIDTH) / 2.0, bottom + 37.0, "mp-mid", &self.label);
        svg.finish(&self.title, &self.description(), bottom + 44.0)
    }

    fn dots(&self) -> usize {
        self.rows.iter().map(|row| row.dots.len()).sum()
    }

    fn legend(&self, svg: &mut Svg, head: f64) -> f64 {
        let y = head + 12.0;
        let low = format!("{}: low", self.shade);
        svg.text(0.0, y, "mp-soft", &low);
        let mut x = width(&low, TEXT) + 8.0;
        for shade in SHADES {
            dots(
                svg,
                shade,
                &format!("M{} {}h0", x.round(), (y - 4.0).round()),
            );
            x += 8.0;
        }
        svg.text(x + 2.0, y, "mp-soft", "high");
        x += 2.0 + width("high", TEXT) + 14.0;
        dots(
            svg,
            colour(5),
            &format!("M{} {}h0", x.round(), (y - 4.0).round()),
        );
        svg.text(x + 8.0, y, "mp-soft", "missing");
        y + 14.0
    }

    fn description(&self) -> String {
        self.description.clone().unwrap_or_else(|| {
            let description: Vec<String> = self.rows.iter().map(Row::description).collect();
            format!("{}, by row: {}.", self.label, description.join(", "))
        })
    }
}

impl Row {
    fn description(&self) -> String {
        match span(self.dots.iter().map(|dot| dot.0)) {
            Some((low, high)) => {
                let (low, high) = (short_number(low), short_number(high));
                format!("{} from {low} to {high}", self.name)
            }
            None => format!("{} no data", self.name),
        }
    }

    /// Dots of one column lie by turns above and below each other, in the order of the dots.
    fn draw(&self, svg: &mut Svg, x: &Scale, middle: f64) {
        let column = |value: f64| (x.pixel(value) / DOT).floor() as i64;
        let mut heights: HashMap<i64, u32> = HashMap::new();
        let layers: Vec<u32> = self
            .dots
            .iter()
            .map(|(value, _)| {
                let height = heights.entry(column(*value)).or_default();
                *height += 1;
                *height - 1
            })
            .collect();
        let most = f64::from(layers.iter().max().copied().unwrap_or(0).div_ceil(2));
        let step = DOT.min(REACH / most.max(1.0));
        let mut paths = vec![String::new(); SHADES.len() + 1];
        for ((value, shade), layer) in self.dots.iter().zip(layers) {
            let side = if layer % 2 == 0 { 1.0 } else { -1.0 };
            let y = middle + side * step * f64::from(layer.div_ceil(2));
            let path = &mut paths[bucket(*shade)];
            // Tenths of a pixel would not be seen, and the file a third larger.
            path.push_str(&format!("M{} {}h0", x.pixel(*value).round(), y.round()));
        }
        for (at, path) in paths
            .iter()
            .enumerate()
            .filter(|(_, path)| !path.is_empty())
        {
            dots(svg, SHADES.get(at).copied().unwrap_or(colour(5)), path);
        }
    }
}

/// The place of a shade among the colours; the one after the last is that of none.
fn bucket(shade: Option<f64>) -> usize {
    match shade {
        Some(shade) if !shade.is_nan() => {
            let last = SHADES.len() - 1;
            ((shade.clamp(0.0, 1.0) * SHADES.len() as f64) as usize).min(last)
        }
        _ => SHADES.len(),
    }
}

fn dots(svg: &mut Svg, colour: &str, path: &str) {
    svg.push(format_args!(
        "<path fill=\"none\" stroke=\"{colour}\" stroke-width=\"{DOT}\" stroke-linecap=\"round\" d=\"{path}\"/>"
    ));
}
