//! Lines over two axes.

use crate::{
    decimate::decimate,
    panel::{Panel, extent},
    scale::{Axis, usable},
    svg::{Sample, Svg, TEXT, colour},
    text::{coordinate as c, short_number, width},
};

/// A place: x and y.
type Point = (f64, f64);

/// Points a line keeps; more would not be seen.
const LIMIT: usize = 300;

/// A line through points in the order given.
#[derive(Debug, Clone)]
pub struct Line {
    pub(crate) name: String,
    points: Vec<(f64, f64)>,
    band: Vec<(f64, f64, f64)>,
    markers: bool,
}

impl Line {
    /// A line. A point that is not finite is left out, with a gap in its place.
    pub fn new(name: impl Into<String>, points: impl IntoIterator<Item = (f64, f64)>) -> Line {
        Line {
            name: name.into(),
            points: points.into_iter().collect(),
            band: Vec::new(),
            markers: false,
        }
    }

    /// With a band behind it: x, lower and upper y. Points that are not finite are left out.
    pub fn band(mut self, band: impl IntoIterator<Item = (f64, f64, f64)>) -> Line {
        self.band = band.into_iter().collect();
        self
    }

    /// With a dot on each point.
    pub fn markers(mut self) -> Line {
        self.markers = true;
        self
    }

    fn values(&self) -> impl Iterator<Item = (f64, f64)> {
        let drawn = self.points.iter().copied();
        let band = self
            .band
            .iter()
            .flat_map(|(x, low, high)| [(*x, *low), (*x, *high)]);
        drawn.chain(band).filter(|(x, y)| usable(*x) && usable(*y))
    }

    /// Draws the line as series number `index`.
    pub(crate) fn draw(&self, svg: &mut Svg, panel: &Panel, index: usize) {
        let colour = colour(index);
        let low_high = runs(&self.band, |(x, low, high)| {
            let fine = usable(*x) && usable(*low) && usable(*high);
            fine.then(|| (panel.x.pixel(*x), panel.y.pixel(*low), panel.y.pixel(*high)))
        });
        let all: usize = low_high.iter().map(Vec::len).sum();
        for run in &low_high {
            let keep = LIMIT / 2 * run.len() / all.max(1);
            let edge = |y: fn(&(f64, f64, f64)) -> f64| {
                decimate(&run.iter().map(|p| (p.0, y(p))).collect::<Vec<_>>(), keep)
            };
            let mut around = edge(|p| p.1);
            around.extend(edge(|p| p.2).into_iter().rev());
            let path = path_of(&around);
            svg.push(format_args!(
                "<path class=\"mp-band\" fill=\"{colour}\" d=\"{path}z\"/>"
            ));
        }
        let runs = runs(&self.points, |(x, y)| {
            (usable(*x) && usable(*y)).then(|| (panel.x.pixel(*x), panel.y.pixel(*y)))
        });
        let total: usize = runs.iter().map(Vec::len).sum();
        let path: String = runs
            .iter()
            .map(|run| path_of(&decimate(run, LIMIT * run.len() / total.max(1))))
            .collect();
        if !path.is_empty() {
            svg.line_of(index, &path);
        }
        if self.markers && total <= LIMIT {
            for (x, y) in runs.iter().flatten() {
                svg.push(format_args!(
                    "<circle cx=\"{}\" cy=\"{}\" r=\"3.5\" fill=\"{colour}\"/>",
                    c(*x),
                    c(*y)
                ));
            }
        }
    }
}

/// The stretches without a gap, as `pixels` gives them; all in one if there are more gaps than the
/// eye can tell.
fn runs<T, P>(points: &[T], pixels: impl Fn(&T) -> Option<P>) -> Vec<Vec<P>> {
    let mut runs: Vec<Vec<P>> = vec![Vec::new()];
    for point in points {
        match (pixels(point), runs.last_mut()) {
            (Some(at), Some(run)) => run.push(at),
            (None, Some(run)) if !run.is_empty() => runs.push(Vec::new()),
            _ => {}
        }
    }
    runs.retain(|run| !run.is_empty());
    if runs.len() > LIMIT / 3 {
        runs = vec![runs.into_iter().flatten().collect()];
    }
    runs
}

/// A path through pixels; a lone point becomes a dot (the line's round end). Steps are relative,
/// which is half as long, and counted in whole tenths, so that no rounding adds up.
fn path_of(points: &[(f64, f64)]) -> String {
    let mut path = String::new();
    let mut last: Option<(f64, f64)> = None;
    for (x, y) in points {
        let here = ((x * 10.0).round(), (y * 10.0).round());
        match last {
            None => path.push_str(&format!("M{} {}", c(*x), c(*y))),
            Some(last) if last == here => continue,
            Some(last) => {
                let (dx, dy) = (c((here.0 - last.0) / 10.0), c((here.1 - last.1) / 10.0));
                let gap = if dy.starts_with('-') { "" } else { " " };
                path.push_str(&format!("l{dx}{gap}{dy}"));
            }
        }
        last = Some(here);
    }
    if last.is_some() && !path.contains('l') {
        path.push_str("h0");
    }
    path
}

/// Lines over two axes, with reference lines and marks. Build it, then call [`Chart::svg`].
///
/// ```
/// use mlops_plot::{Axis, Chart, Line};
/// let svg = Chart::new("ROC curve")
///     .x_axis(Axis::new("False positive rate").range(0.0, 1.0))
///     .y_axis(Axis::new("True positive rate").range(0.0, 1.0))
///     .reference("chance", (0.0, 0.0), (1.0, 1.0))
///     .line(Line::new("model", [(0.0, 0.0), (0.2, 0.8), (1.0, 1.0)]))
///     .svg();
/// assert!(svg.starts_with("<svg"));
/// ```
#[derive(Debug, Clone)]
pub struct Chart {
    title: String,
    description: Option<String>,
    x: Axis,
    y: Axis,
    lines: Vec<Line>,
    references: Vec<(String, Point, Point)>,
    marks: Vec<(String, Mark)>,
    height: f64,
}

#[derive(Debug, Clone, Copy)]
enum Mark {
    X(f64),
    Y(f64),
}

impl Chart {
    /// An empty chart.
    pub fn new(title: impl Into<String>) -> Chart {
        Chart {
            title: title.into(),
            description: None,
            x: Axis::new(""),
            y: Axis::new(""),
            lines: Vec::new(),
            references: Vec::new(),
            marks: Vec::new(),
            height: 300.0,
        }
    }

    /// What the chart shows, for those who cannot see it. Without it, names and spans are told.
    pub fn describe(mut self, description: impl Into<String>) -> Chart {
        self.description = Some(description.into());
        self
    }

    /// The horizontal axis.
    pub fn x_axis(mut self, axis: Axis) -> Chart {
        self.x = axis;
        self
    }

    /// The vertical axis.
    pub fn y_axis(mut self, axis: Axis) -> Chart {
        self.y = axis;
        self
    }

    /// Adds a line; each has its own colour and dash.
    pub fn line(mut self, line: Line) -> Chart {
        self.lines.push(line);
        self
    }

    /// Adds a thin dashed line from one point to another, such as a diagonal.
    pub fn reference(mut self, name: impl Into<String>, from: (f64, f64), to: (f64, f64)) -> Chart {
        if [from.0, from.1, to.0, to.1].into_iter().all(usable) {
            self.references.push((name.into(), from, to));
        }
        self
    }

    /// Marks a place on the horizontal axis, such as the day something changed.
    pub fn mark_x(mut self, name: impl Into<String>, x: f64) -> Chart {
        if usable(x) {
            self.marks.push((name.into(), Mark::X(x)));
        }
        self
    }

    /// Marks a height on the vertical axis, such as a threshold.
    pub fn mark_y(mut self, name: impl Into<String>, y: f64) -> Chart {
        if usable(y) {
            self.marks.push((name.into(), Mark::Y(y)));
        }
        self
    }

    /// Height of the frame in pixels, 60 to 2,000; 300 unless told.
    pub fn height(mut self, pixels: f64) -> Chart {
        self.height = if pixels.is_finite() {
            pixels.clamp(60.0, 2000.0)
        } else {
            self.height
        };
        self
    }

    /// The drawing. The same chart gives the same bytes.
    pub fn svg(&self) -> String {
        let xs = self.values().map(|p| p.0).chain(self.marked(true));
        let ys = self.values().map(|p| p.1).chain(self.marked(false));
        let spans = (extent(&self.x, xs), extent(&self.y, ys));
        let mut svg = Svg::default();
        let mut top = svg.heading(&self.title);
        top = svg.legend(top, &self.legend());
        if !self.y.label.is_empty() {
            svg.text(0.0, top + 14.0, "", &self.y.label);
            top += 20.0;
        }
        let spans = (spans.0.unwrap_or((0.0, 1.0)), spans.1.unwrap_or((0.0, 1.0)));
        let panel = Panel::new((&self.x, &self.y), spans, top + 8.0, self.height);
        panel.draw(&mut svg, true);
        if self.values().next().is_none() {
            panel.no_data(&mut svg);
        } else {
            self.draw(&mut svg, &panel);
        }
        let bottom = panel.label_below(&mut svg, &self.x.label);
        svg.finish(&self.title, &self.description(), bottom)
    }

    fn draw(&self, svg: &mut Svg, panel: &Panel) {
        panel.clip(svg);
        for (_, from, to) in &self.references {
            let (from, to) = (
                (panel.x.pixel(from.0), panel.y.pixel(from.1)),
                (panel.x.pixel(to.0), panel.y.pixel(to.1)),
            );
            svg.rule("mp-ref", from, to);
        }
        // The first line matters most: it is drawn last, on top.
        for (index, line) in self.lines.iter().enumerate().rev() {
            line.draw(svg, panel, index);
        }
        for (name, mark) in &self.marks {
            match mark {
                Mark::X(x) => {
                    let x = panel.x.pixel(*x);
                    svg.rule("mp-ref", (x, panel.top), (x, panel.bottom));
                    let left = x + 6.0 + width(name, TEXT) > panel.right;
                    let (at, class) = if left {
                        (x - 6.0, "mp-end")
                    } else {
                        (x + 6.0, "")
                    };
                    svg.text(at, panel.top + 12.0, class, name);
                }
                Mark::Y(y) => {
                    let y = panel.y.pixel(*y);
                    svg.rule("mp-ref", (panel.left, y), (panel.right, y));
                    let above = if y - 6.0 < panel.top + 8.0 {
                        y + 15.0
                    } else {
                        y - 6.0
                    };
                    svg.text(panel.right - 4.0, above, "mp-end", name);
                }
            }
        }
        panel.unclip(svg);
    }

    fn values(&self) -> impl Iterator<Item = (f64, f64)> {
        self.lines.iter().flat_map(Line::values)
    }

    fn marked(&self, horizontal: bool) -> impl Iterator<Item = f64> {
        self.marks.iter().filter_map(move |(_, mark)| match mark {
            Mark::X(x) => horizontal.then_some(*x),
            Mark::Y(y) => (!horizontal).then_some(*y),
        })
    }

    fn legend(&self) -> Vec<(String, Sample)> {
        let lines = self
            .lines
            .iter()
            .enumerate()
            .map(|(i, line)| (line.name.clone(), Sample::Series(i)));
        let references = self
            .references
            .iter()
            .map(|(name, ..)| (name.clone(), Sample::Reference));
        lines
            .chain(references)
            .filter(|(name, _)| !name.is_empty())
            .collect()
    }

    fn description(&self) -> String {
        if let Some(text) = &self.description {
            return text.clone();
        }
        let mut text = format!(
            "{} over {}.",
            or(&self.y.label, "Values"),
            or(&self.x.label, "position")
        );
        for line in &self.lines {
            let ys = crate::scale::span(line.points.iter().map(|p| p.1));
            match ys {
                Some((low, high)) => text.push_str(&format!(
                    " {}: {} points, from {} to {}.",
                    line.name,
                    line.points.len(),
                    short_number(low),
                    short_number(high)
                )),
                None => text.push_str(&format!(" {}: no data.", line.name)),
            }
        }
        text
    }
}

fn or<'a>(text: &'a str, instead: &'a str) -> &'a str {
    if text.is_empty() { instead } else { text }
}
