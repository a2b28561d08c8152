//! Many tries at once: an axis for each thing that was chosen, a line for each try.

use crate::{
    scale::usable,
    svg::{Sample, Svg, TEXT, WIDTH, colour},
    text::{coordinate as c, width},
};

/// Room on either side of the axes, for what is written beside them.
const MARGIN: f64 = 48.0;
/// Height of the axes.
const HEIGHT: f64 = 260.0;
/// How far below the axes a line passes that has no value on one of them.
const BELOW: f64 = 18.0;
/// Lines drawn, the best of them: more would not be seen.
const LIMIT: usize = 400;

/// One axis: its name, and what is written where, from 0 (bottom) to 1 (top).
#[derive(Debug, Clone)]
pub struct ParallelAxis {
    name: String,
    ticks: Vec<(f64, String)>,
}

impl ParallelAxis {
    /// An axis with its marks. A mark that isn't between 0 and 1 is left out.
    pub fn new(
        name: impl Into<String>,
        ticks: impl IntoIterator<Item = (f64, String)>,
    ) -> ParallelAxis {
        let fits = |(at, _): &(f64, String)| (0.0..=1.0).contains(at);
        ParallelAxis {
            name: name.into(),
            ticks: ticks.into_iter().filter(fits).collect(),
        }
    }
}

/// Parallel coordinates. Lines are given best first: the first is drawn strongest and on top, the
/// first quarter stands out from the rest.
///
/// ```
/// use mlops_plot::{Parallel, ParallelAxis};
/// let ends = |low: &str, high: &str| [(0.0, low.to_string()), (1.0, high.to_string())];
/// let svg = Parallel::new("Trials")
///     .axis(ParallelAxis::new("depth", ends("3", "9")))
///     .axis(ParallelAxis::new("score", ends("worst", "best")))
///     .line([Some(0.5), Some(1.0)])
///     .line([None, Some(0.2)])
///     .svg();
/// assert!(svg.starts_with("<svg"));
/// ```
#[derive(Debug, Clone)]
pub struct Parallel {
    title: String,
    description: Option<String>,
    axes: Vec<ParallelAxis>,
    lines: Vec<Vec<Option<f64>>>,
}

impl Parallel {
    /// A drawing without axes.
    pub fn new(title: impl Into<String>) -> Parallel {
        Parallel {
            title: title.into(),
            description: None,
            axes: Vec::new(),
            lines: Vec::new(),
        }
    }

    /// What it shows, for those who cannot see it. Without it, axes and lines are counted.
    pub fn describe(mut self, description: impl Into<String>) -> Parallel {
        self.description = Some(description.into());
        self
    }

    /// Adds an axis on the right of those before.
    pub fn axis(mut self, axis: ParallelAxis) -> Parallel {
        self.axes.push(axis);
        self
    }

    /// Adds a line by its place on each axis, from 0 (bottom) to 1 (top); none where it has no value there.
    pub fn line(mut self, places: impl IntoIterator<Item = Option<f64>>) -> Parallel {
        self.lines.push(places.into_iter().collect());
        self
    }

    /// The drawing. The same lines give the same bytes.
    pub fn svg(&self) -> String {
        let mut svg = Svg::default();
        let top = svg.heading(&self.title);
        let drawn = self.lines.len().min(LIMIT);
        let best = usize::from(drawn > 0);
        let quarter = drawn.div_ceil(4).max(best);
        let mut legend = Vec::new();
        for (index, (name, many)) in NAMES
            .into_iter()
            .zip([best, quarter - best, drawn - quarter])
            .enumerate()
        {
            if many > 0 {
                legend.push((name.to_owned(), Sample::Series(SERIES[index])));
            }
        }
        let top = svg.legend(top, &legend);
        let rows = self.rows_of_names();
        let top = top + 8.0 + rows as f64 * 16.0;
        if drawn == 0 {
            svg.text(WIDTH / 2.0, top + HEIGHT / 2.0, "mp-mid", "no data");
        }
        // The best is drawn last, on top.
        for at in (0..drawn).rev() {
            let group = if at < best {
                0
            } else if at < quarter {
                1
            } else {
                2
            };
            self.draw_line(&mut svg, top, &self.lines[at], group);
        }
        // Above the lines, so that what is written can be read.
        self.draw_axes(&mut svg, top, rows);
        svg.finish(
            &self.title,
            &self.description(),
            top + HEIGHT + BELOW + 12.0,
        )
    }

    fn x(&self, axis: usize) -> f64 {
        let steps = self.axes.len().saturating_sub(1).max(1) as f64;
        MARGIN + axis as f64 * (WIDTH - 2.0 * MARGIN) / steps
    }

    /// Rows in which the names take turns, so that none runs into another.
    fn rows_of_names(&self) -> usize {
        let widest = self
            .axes
            .iter()
            .map(|axis| width(&axis.name, TEXT))
            .fold(0.0, f64::max);
        let apart = self.x(1) - self.x(0);
        ((widest + 8.0) / apart).ceil().clamp(1.0, 4.0) as usize
    }

    fn draw_axes(&self, svg: &mut Svg, top: f64, rows: usize) {
        for (index, axis) in self.axes.iter().enumerate() {
            let x = self.x(index);
            svg.rule("mp-axis", (x, top), (x, top + HEIGHT));
            let above = top - 10.0 - (rows - 1 - index % rows) as f64 * 16.0;
            let half = width(&axis.name, TEXT) / 2.0;
            let (at, class) = if x < half {
                (0.0, "")
            } else if x + half > WIDTH {
                (WIDTH, "mp-end")
            } else {
                (x, "mp-mid")
            };
            svg.text(at, above, class, &axis.name);
            for (place, text) in &axis.ticks {
                let y = y(top, *place);
                svg.rule("mp-axis", (x - 3.0, y), (x, y));
                if index + 1 == self.axes.len() {
                    svg.text(x + 6.0, y + 4.0, "mp-soft", text);
                } else {
                    svg.text(x - 6.0, y + 4.0, "mp-soft mp-end", text);
                }
            }
            let missing =
                |line: &Vec<Option<f64>>| line.get(index).is_some_and(|place| place.is_none());
            if self.lines.iter().any(missing) {
                svg.text(x - 6.0, top + HEIGHT + BELOW + 4.0, "mp-soft mp-end", "–");
            }
        }
    }

    fn draw_line(&self, svg: &mut Svg, top: f64, places: &[Option<f64>], group: usize) {
        let mut path = String::new();
        for (index, place) in places.iter().take(self.axes.len()).enumerate() {
            let y = match place {
                Some(place) if usable(*place) => y(top, place.clamp(0.0, 1.0)),
                _ => top + HEIGHT + BELOW,
            };
            let letter = if index == 0 { 'M' } else { 'L' };
            path.push_str(&format!("{letter}{} {}", c(self.x(index)), c(y)));
        }
        if path.is_empty() {
            return;
        }
        if group == 0 {
            svg.line_of(SERIES[0], &path);
            return;
        }
        let (colour, opacity) = (colour(SERIES[group]), [1.0, 0.9, 0.4][group]);
        let dash = crate::svg::dash(SERIES[group]);
        svg.push(format_args!(
            "<path class=\"mp-line\" stroke=\"{colour}\" style=\"stroke-width:1\" stroke-opacity=\"{opacity}\" stroke-dasharray=\"{dash}\" d=\"{path}\"/>"
        ));
    }

    fn description(&self) -> String {
        if let Some(text) = &self.description {
            return text.clone();
        }
        let names: Vec<&str> = self.axes.iter().map(|axis| axis.name.as_str()).collect();
        format!(
            "{} lines over the axes {}.",
            self.lines.len(),
            names.join(", ")
        )
    }
}

/// What the three groups of lines are called.
const NAMES: [&str; 3] = ["best", "best quarter", "others"];

/// Series whose colour and dash the three groups have.
const SERIES: [usize; 3] = [1, 0, 5];

fn y(top: f64, place: f64) -> f64 {
    top + (1.0 - place) * HEIGHT
}
