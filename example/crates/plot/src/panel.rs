//! A frame with two axes that lines are drawn in.

use crate::{
    scale::{Axis, Scale, Tick, day_ticks, rounded, span, ticks},
    svg::{Svg, TEXT, WIDTH},
    text::{coordinate as c, width},
};

/// Where on the page values go.
pub(crate) struct Panel {
    pub(crate) left: f64,
    pub(crate) right: f64,
    pub(crate) top: f64,
    pub(crate) bottom: f64,
    pub(crate) x: Scale,
    pub(crate) y: Scale,
    x_ticks: Vec<Tick>,
    y_ticks: Vec<Tick>,
}

/// What an axis spans: what it was told, or the data. None without either.
pub(crate) fn extent(axis: &Axis, values: impl IntoIterator<Item = f64>) -> Option<(f64, f64)> {
    axis.range.or_else(|| span(values))
}

impl Panel {
    /// A panel below `top`, so high, for axes that span so much.
    pub(crate) fn new(
        axes: (&Axis, &Axis),
        spans: ((f64, f64), (f64, f64)),
        top: f64,
        height: f64,
    ) -> Panel {
        let rows = ((height / 55.0) as usize).max(2);
        let y_span = if axes.1.range.is_some() {
            spans.1
        } else {
            rounded(spans.1, rows)
        };
        let y_ticks = ticks(y_span, rows);
        let x_ticks = if axes.0.days {
            day_ticks(spans.0, 6)
        } else {
            ticks(spans.0, 6)
        };
        let widest = y_ticks
            .iter()
            .map(|(_, text)| width(text, TEXT))
            .fold(0.0, f64::max);
        let last = x_ticks
            .last()
            .map_or(0.0, |(_, text)| width(text, TEXT) / 2.0);
        let (left, right) = ((widest + 10.0).clamp(30.0, 120.0), WIDTH - last.max(10.0));
        let bottom = top + height;
        Panel {
            left,
            right,
            top,
            bottom,
            x: Scale::new(spans.0, left, right),
            y: Scale::new(y_span, bottom, top),
            x_ticks,
            y_ticks,
        }
    }

    /// Both panels moved in to the wider left margin of the two.
    pub(crate) fn align(&mut self, other: &mut Panel) {
        let left = self.left.max(other.left);
        for panel in [self, other] {
            panel.left = left;
            panel.x = Scale::new((panel.x.low, panel.x.high), left, panel.right);
        }
    }

    /// Grid, axes and ticks; the numbers along the bottom only if asked for.
    pub(crate) fn draw(&self, svg: &mut Svg, numbers_below: bool) {
        for (value, text) in &self.y_ticks {
            let y = self.y.pixel(*value);
            svg.rule("mp-grid", (self.left, y), (self.right, y));
            svg.text(self.left - 6.0, y + 4.0, "mp-soft mp-end", text);
        }
        for (value, text) in &self.x_ticks {
            let x = self.x.pixel(*value);
            svg.rule("mp-grid", (x, self.top), (x, self.bottom));
            if numbers_below {
                svg.text(x, self.bottom + 17.0, "mp-soft mp-mid", text);
            }
        }
        svg.rule(
            "mp-axis",
            (self.left, self.bottom),
            (self.right, self.bottom),
        );
    }

    /// The label of the horizontal axis, below its numbers; returns where it ends.
    pub(crate) fn label_below(&self, svg: &mut Svg, label: &str) -> f64 {
        svg.text(
            (self.left + self.right) / 2.0,
            self.bottom + 37.0,
            "mp-mid",
            label,
        );
        self.bottom + 44.0
    }

    /// Opens a window that clips what is drawn until [`Panel::unclip`]. A nested drawing needs no
    /// id, as a clip path would: ids of several drawings in a page would clash.
    pub(crate) fn clip(&self, svg: &mut Svg) {
        let (w, h) = (self.right - self.left + 8.0, self.bottom - self.top + 8.0);
        let (x, y) = (self.left - 4.0, self.top - 4.0);
        svg.push(format_args!(
            "<svg x=\"{0}\" y=\"{1}\" width=\"{2}\" height=\"{3}\" viewBox=\"{0} {1} {2} {3}\" overflow=\"hidden\">",
            c(x),
            c(y),
            c(w),
            c(h)
        ));
    }

    /// Closes the window.
    pub(crate) fn unclip(&self, svg: &mut Svg) {
        svg.push(format_args!("</svg>"));
    }

    /// Says that there is nothing to draw.
    pub(crate) fn no_data(&self, svg: &mut Svg) {
        svg.text(
            (self.left + self.right) / 2.0,
            (self.top + self.bottom) / 2.0,
            "mp-mid",
            "no data",
        );
    }
}
