//! Horizontal bars with names.

use crate::{
    scale::{Scale, rounded, span, ticks, usable},
    svg::{Svg, TEXT, WIDTH, colour},
    text::{coordinate as c, short_number, shorten, width},
};

const ROW: f64 = 24.0;
const BAR: f64 = 14.0;

/// One bar: a name and how long it is.
#[derive(Debug, Clone)]
pub struct Bar {
    name: String,
    start: f64,
    value: f64,
    interval: Option<(f64, f64)>,
    highlight: bool,
}

impl Bar {
    /// A bar from zero to `value`; only its name is shown if that is not finite.
    pub fn new(name: impl Into<String>, value: f64) -> Bar {
        Bar {
            name: name.into(),
            start: 0.0,
            value,
            interval: None,
            highlight: false,
        }
    }

    /// A bar from `start` to `value`, with the difference written beside it: a step of a waterfall. It
    /// starts at zero if `start` is not finite.
    pub fn step(name: impl Into<String>, start: f64, value: f64) -> Bar {
        Bar {
            start: if usable(start) { start } else { 0.0 },
            ..Bar::new(name, value)
        }
    }

    /// With an error bar from `low` to `high`.
    pub fn interval(mut self, low: f64, high: f64) -> Bar {
        self.interval = (usable(low) && usable(high)).then_some((low.min(high), low.max(high)));
        self
    }

    /// In the second colour and with a dot before its name.
    pub fn highlight(mut self) -> Bar {
        self.highlight = true;
        self
    }
}

/// Horizontal bars, in the order given. Build it, then call [`Bars::svg`].
#[derive(Debug, Clone)]
pub struct Bars {
    title: String,
    description: Option<String>,
    label: String,
    bars: Vec<Bar>,
    thresholds: Vec<(String, f64)>,
}

impl Bars {
    /// No bars yet; `label` says what their length is.
    pub fn new(title: impl Into<String>, label: impl Into<String>) -> Bars {
        Bars {
            title: title.into(),
            description: None,
            label: label.into(),
            bars: Vec::new(),
            thresholds: Vec::new(),
        }
    }

    /// What the bars show, for those who cannot see them. Without it, the values are told.
    pub fn describe(mut self, description: impl Into<String>) -> Bars {
        self.description = Some(description.into());
        self
    }

    /// Adds a bar below the others.
    pub fn bar(mut self, bar: Bar) -> Bars {
        self.bars.push(bar);
        self
    }

    /// Adds bars below the others.
    pub fn bars(mut self, bars: impl IntoIterator<Item = Bar>) -> Bars {
        self.bars.extend(bars);
        self
    }

    /// Adds a line across all bars, such as an alarm's limit.
    pub fn threshold(mut self, name: impl Into<String>, value: f64) -> Bars {
        if usable(value) {
            self.thresholds.push((name.into(), value));
        }
        self
    }

    /// The drawing. The same bars give the same bytes.
    pub fn svg(&self) -> String {
        let mut svg = Svg::default();
        let head = svg.heading(&self.title);
        let threshold_rows = self.thresholds.len() as f64;
        let top = head + 8.0 + threshold_rows * 16.0;
        if self.bars.is_empty() {
            svg.text(WIDTH / 2.0, top + 30.0, "mp-mid", "no data");
            return svg.finish(&self.title, "No data.", top + 60.0);
        }
        let names = self
            .bars
            .iter()
            .map(|bar| width(&bar.name, TEXT))
            .fold(0.0, f64::max);
        let left = (names + 30.0).clamp(60.0, 246.0);
        let values = self.bars.iter().flat_map(|bar| {
            let (low, high) = bar.interval.unwrap_or((bar.value, bar.value));
            [bar.start, bar.value, low, high]
        });
        let thresholds = self.thresholds.iter().map(|(_, value)| *value);
        // The zero is always usable, so there is a span.
        let range = rounded(
            span(values.chain(thresholds).chain([0.0])).unwrap_or((0.0, 1.0)),
            5,
        );
        // Room for the numbers written after the bars, on either side.
        let before = if range.0 < 0.0 { 46.0 } else { 0.0 };
        let x = Scale::new(range, left + before, WIDTH - 56.0);
        let bottom = top + ROW * self.bars.len() as f64 + 4.0;
        for (value, text) in ticks(range, 5) {
            svg.rule("mp-grid", (x.pixel(value), top), (x.pixel(value), bottom));
            svg.text(x.pixel(value), bottom + 17.0, "mp-soft mp-mid", &text);
        }
        for (i, bar) in self.bars.iter().enumerate() {
            self.draw(&mut svg, bar, &x, left, top + 4.0 + ROW * i as f64);
        }
        svg.rule("mp-axis", (x.pixel(0.0), top), (x.pixel(0.0), bottom));
        for (i, (name, value)) in self.thresholds.iter().enumerate() {
            let (at, y) = (x.pixel(*value), head + 16.0 + 16.0 * i as f64);
            svg.rule("mp-ref", (at, y + 3.0), (at, bottom));
            let left = at + width(name, TEXT) / 2.0 > WIDTH;
            svg.text(
                if left { WIDTH } else { at },
                y,
                if left { "mp-end" } else { "mp-mid" },
                name,
            );
        }
        svg.text((left + WIDTH) / 2.0, bottom + 37.0, "mp-mid", &self.label);
        svg.finish(&self.title, &self.description(), bottom + 44.0)
    }

    fn description(&self) -> String {
        self.description.clone().unwrap_or_else(|| {
            let values: Vec<String> = self
                .bars
                .iter()
                .map(|bar| format!("{} {}", bar.name, short_number(bar.value - bar.start)))
                .collect();
            format!("{}: {}.", self.label, values.join(", "))
        })
    }

    fn draw(&self, svg: &mut Svg, bar: &Bar, x: &Scale, left: f64, top: f64) {
        let middle = top + BAR / 2.0;
        svg.text(
            left - 14.0,
            middle + 4.0,
            "mp-end",
            &shorten(&bar.name, TEXT, 216.0),
        );
        let fill = colour(usize::from(bar.highlight));
        if bar.highlight {
            let (cx, cy) = (c(left - 7.0), c(middle));
            svg.push(format_args!(
                "<circle cx=\"{cx}\" cy=\"{cy}\" r=\"3\" fill=\"{fill}\"/>"
            ));
        }
        if !usable(bar.value) {
            svg.text(x.pixel(0.0) + 6.0, middle + 4.0, "mp-soft", "–");
            return;
        }
        let (start, end) = (x.pixel(bar.start), x.pixel(bar.value));
        svg.rect((start.min(end), top), ((end - start).abs(), BAR), fill, 1.0);
        let mut ends = (start.min(end), end);
        if let Some((low, high)) = bar.interval {
            let (l, h) = (x.pixel(low), x.pixel(high));
            ends = (ends.0.min(l), ends.1.max(h));
            let (above, middle) = (c(middle - 4.0), c(middle));
            let (l, h) = (c(l), c(h));
            svg.push(format_args!(
                "<path class=\"mp-error\" d=\"M{l} {above}v8M{l} {middle}H{h}M{h} {above}v8\"/>"
            ));
        }
        let text = short_number(bar.value - bar.start);
        if bar.value < bar.start {
            svg.text(ends.0 - 5.0, middle + 4.0, "mp-soft mp-end", &text);
        } else {
            let free = self.beyond_thresholds(x, ends.1 + 5.0, width(&text, TEXT));
            svg.text(free, middle + 4.0, "mp-soft", &text);
        }
    }

    /// The first place from `at` on where text so wide crosses no threshold's line.
    fn beyond_thresholds(&self, x: &Scale, at: f64, wide: f64) -> f64 {
        let mut lines: Vec<f64> = self
            .thresholds
            .iter()
            .map(|(_, value)| x.pixel(*value))
            .collect();
        lines.sort_by(f64::total_cmp);
        lines.into_iter().fold(at, |at, line| {
            if (at - 3.0..at + wide + 3.0).contains(&line) {
                line + 5.0
            } else {
                at
            }
        })
    }
}
