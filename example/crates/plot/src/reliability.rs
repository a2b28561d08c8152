//! How often what was predicted came true.

use crate::{
    chart::Line,
    panel::Panel,
    scale::{Axis, usable},
    svg::{Sample, Svg, colour},
};

/// One bin of a reliability diagram.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ReliabilityBin {
    /// Mean predicted probability of its rows.
    pub predicted: f64,
    /// Share of its rows that are of the positive class.
    pub observed: f64,
    /// How many rows it has.
    pub count: usize,
    /// Interval of the observed share, if known.
    pub interval: Option<(f64, f64)>,
}

/// A reliability diagram: observed share over predicted probability beside the diagonal that a
/// calibrated model follows, and how many rows each bin has below. Build it, then call [`Reliability::svg`].
#[derive(Debug, Clone)]
pub struct Reliability {
    title: String,
    description: Option<String>,
    series: Vec<(String, Vec<ReliabilityBin>)>,
}

impl Reliability {
    /// A diagram without data.
    pub fn new(title: impl Into<String>) -> Reliability {
        Reliability {
            title: title.into(),
            description: None,
            series: Vec::new(),
        }
    }

    /// What the diagram shows, for those who cannot see it. Without it, the bins are told.
    pub fn describe(mut self, description: impl Into<String>) -> Reliability {
        self.description = Some(description.into());
        self
    }

    /// Adds a model's bins; empty bins are left out.
    pub fn series(
        mut self,
        name: impl Into<String>,
        bins: impl IntoIterator<Item = ReliabilityBin>,
    ) -> Reliability {
        let drawn =
            |bin: &ReliabilityBin| bin.count > 0 && usable(bin.predicted) && usable(bin.observed);
        self.series
            .push((name.into(), bins.into_iter().filter(drawn).collect()));
        self
    }

    /// The drawing. The same bins give the same bytes.
    pub fn svg(&self) -> String {
        let mut svg = Svg::default();
        let top = svg.heading(&self.title);
        let names = self
            .series
            .iter()
            .enumerate()
            .map(|(i, (name, _))| (name.clone(), Sample::Series(i)));
        let legend: Vec<_> = names
            .chain([("calibrated".to_owned(), Sample::Reference)])
            .collect();
        let top = svg.legend(top, &legend);
        svg.text(0.0, top + 14.0, "", "Observed share");
        let axis = Axis::new("").range(0.0, 1.0);
        let whole = ((0.0, 1.0), (0.0, 1.0));
        let mut upper = Panel::new((&axis, &axis), whole, top + 28.0, 280.0);
        let most = self.bins().map(|bin| bin.count).max().unwrap_or(1).max(1) as f64;
        let counts = Axis::new("").range(0.0, most * 1.05);
        let mut lower = Panel::new(
            (&axis, &counts),
            ((0.0, 1.0), (0.0, most * 1.05)),
            upper.bottom + 34.0,
            64.0,
        );
        upper.align(&mut lower);
        upper.draw(&mut svg, false);
        svg.text(0.0, upper.bottom + 22.0, "", "Rows");
        lower.draw(&mut svg, true);
        if self.bins().next().is_none() {
            upper.no_data(&mut svg);
        } else {
            self.draw(&mut svg, &upper, &lower);
        }
        let bottom = lower.label_below(&mut svg, "Predicted probability");
        svg.finish(&self.title, &self.description(), bottom)
    }

    fn draw(&self, svg: &mut Svg, upper: &Panel, lower: &Panel) {
        upper.clip(svg);
        svg.rule(
            "mp-ref",
            (upper.left, upper.bottom),
            (upper.right, upper.top),
        );
        for (index, (name, bins)) in self.series.iter().enumerate() {
            let band = bins
                .iter()
                .filter_map(|bin| bin.interval.map(|(low, high)| (bin.predicted, low, high)));
            Line::new(name, bins.iter().map(|bin| (bin.predicted, bin.observed)))
                .band(band)
                .markers()
                .draw(svg, upper, index);
        }
        upper.unclip(svg);
        let wide = (160.0 / (self.series.len() as f64 * 8.0)).clamp(3.0, 14.0);
        for (index, (_, bins)) in self.series.iter().enumerate() {
            let shift = (index as f64 - self.series.len() as f64 / 2.0) * wide;
            for bin in bins {
                let (x, y) = (
                    lower.x.pixel(bin.predicted) + shift,
                    lower.y.pixel(bin.count as f64),
                );
                svg.rect((x, y), (wide - 1.0, lower.bottom - y), colour(index), 1.0);
            }
        }
    }

    fn bins(&self) -> impl Iterator<Item = &ReliabilityBin> {
        self.series.iter().flat_map(|(_, bins)| bins)
    }

    fn description(&self) -> String {
        if let Some(text) = &self.description {
            return text.clone();
        }
        let mut text = String::from("Observed share by predicted probability.");
        for (name, bins) in &self.series {
            let values: Vec<String> = bins
                .iter()
                .map(|b| {
                    format!(
                        "{:.2} came true {:.2} of {}",
                        b.predicted, b.observed, b.count
                    )
                })
                .collect();
            text.push_str(&format!(" {name}: {}.", values.join("; ")));
        }
        text
    }
}
