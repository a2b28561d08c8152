//! The elements of a drawing, and what all drawings share: size, style, heading.

use std::fmt::Write;

use crate::text::{coordinate as c, escape, width};

/// Series colours: after Okabe and Ito (*Color Universal Design*, 2008), the light ones darkened
/// until each stands out by 3 : 1 or more from white and from near-black alike.
pub(crate) const COLOURS: [&str; 6] = [
    "#0072b2", "#d55e00", "#008f68", "#b5609a", "#8a7a00", "#7d7d85",
];

/// Dashes of the series, so that colour is never the only difference.
const DASHES: [&str; 6] = ["none", "8 3", "2 3", "9 3 2 3", "14 4", "16 4 2 4 2 4"];

/// Every rule names the drawing's own class, so that a page may hold many drawings. `:root` holds
/// only where the drawing is a file of its own; in a page the page says the colour of text.
const STYLE: &str = "\
.mp{max-width:100%;height:auto;font:12px system-ui,-apple-system,\"Segoe UI\",Roboto,\"DejaVu Sans\",sans-serif}
.mp:root{color:#1f2328;color-scheme:light dark}
@media(prefers-color-scheme:dark){.mp:root{color:#dfe3e8}}
.mp text{fill:currentColor;stroke:none;font-size:12px;font-style:normal;letter-spacing:normal}
.mp .mp-title{font-size:15px;font-weight:600}
.mp .mp-soft{fill-opacity:.78}
.mp .mp-end{text-anchor:end}
.mp .mp-mid{text-anchor:middle}
.mp .mp-grid{stroke:currentColor;stroke-opacity:.14;stroke-width:1}
.mp .mp-axis{stroke:currentColor;stroke-opacity:.6;stroke-width:1}
.mp .mp-ref{stroke:currentColor;stroke-opacity:.65;stroke-width:1.2;stroke-dasharray:4 4;fill:none}
.mp .mp-error{stroke:currentColor;stroke-opacity:.85;stroke-width:1.3;fill:none}
.mp .mp-line{fill:none;stroke-width:2;stroke-linejoin:round;stroke-linecap:round}
.mp .mp-band{stroke:none;fill-opacity:.2}
";

/// Width of every drawing; height follows from what is in it.
pub(crate) const WIDTH: f64 = 640.0;

/// Size of ordinary text in pixels.
pub(crate) const TEXT: f64 = 12.0;

/// The colour of a series.
pub(crate) fn colour(series: usize) -> &'static str {
    COLOURS[series % COLOURS.len()]
}

/// The dash of a series; beyond the colours each round shifts it, so that pairs stay apart.
pub(crate) fn dash(series: usize) -> &'static str {
    DASHES[(series + series / COLOURS.len()) % DASHES.len()]
}

/// A drawing that grows.
#[derive(Default)]
pub(crate) struct Svg {
    body: String,
}

impl Svg {
    /// Appends an element. Writing to a string cannot fail.
    pub(crate) fn push(&mut self, element: std::fmt::Arguments<'_>) {
        let _ = self.body.write_fmt(element);
        self.body.push('\n');
    }

    /// Writes text; `class` may be empty.
    pub(crate) fn text(&mut self, x: f64, y: f64, class: &str, text: &str) {
        let (x, y, text) = (c(x), c(y), escape(text));
        if class.is_empty() {
            self.push(format_args!("<text x=\"{x}\" y=\"{y}\">{text}</text>"));
        } else {
            self.push(format_args!(
                "<text x=\"{x}\" y=\"{y}\" class=\"{class}\">{text}</text>"
            ));
        }
    }

    /// A straight line of a class.
    pub(crate) fn rule(&mut self, class: &str, from: (f64, f64), to: (f64, f64)) {
        self.push(format_args!(
            "<path class=\"{class}\" d=\"M{} {}L{} {}\"/>",
            c(from.0),
            c(from.1),
            c(to.0),
            c(to.1)
        ));
    }

    /// A filled box.
    pub(crate) fn rect(
        &mut self,
        (x, y): (f64, f64),
        (w, h): (f64, f64),
        fill: &str,
        opacity: f64,
    ) {
        let opacity = (opacity.clamp(0.0, 1.0) * 100.0).round() / 100.0;
        self.push(format_args!(
            "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" fill=\"{fill}\" fill-opacity=\"{opacity}\"/>",
            c(x),
            c(y),
            c(w.max(0.0)),
            c(h.max(0.0))
        ));
    }

    /// The title; returns where what follows may begin.
    pub(crate) fn heading(&mut self, title: &str) -> f64 {
        self.text(0.0, 16.0, "mp-title", title);
        26.0
    }

    /// Names beside samples of their lines, in as many rows as they need; returns where they end.
    pub(crate) fn legend(&mut self, top: f64, entries: &[(String, Sample)]) -> f64 {
        if entries.is_empty() {
            return top;
        }
        let (mut x, mut y) = (0.0, top + 12.0);
        for (name, sample) in entries {
            let wide = 34.0 + width(name, TEXT) + 18.0;
            if x > 0.0 && x + wide > WIDTH {
                (x, y) = (0.0, y + 18.0);
            }
            match sample {
                Sample::Series(i) => {
                    self.line_of(*i, &format!("M{} {}h26", c(x + 1.0), c(y - 4.0)))
                }
                Sample::Reference => self.rule("mp-ref", (x, y - 4.0), (x + 28.0, y - 4.0)),
            }
            self.text(x + 34.0, y, "", name);
            x += wide;
        }
        y + 10.0
    }

    /// The line of a series along a path.
    pub(crate) fn line_of(&mut self, series: usize, path: &str) {
        let (colour, dash) = (colour(series), dash(series));
        self.push(format_args!(
            "<path class=\"mp-line\" stroke=\"{colour}\" stroke-dasharray=\"{dash}\" d=\"{path}\"/>"
        ));
    }

    /// The whole drawing, so high, with its name and description for those who listen.
    pub(crate) fn finish(self, title: &str, description: &str, height: f64) -> String {
        let height = height.ceil();
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"mp\" role=\"img\" width=\"{WIDTH}\" height=\"{height}\" \
             viewBox=\"0 0 {WIDTH} {height}\">\n<title>{}</title>\n<desc>{}</desc>\n<style>\n{STYLE}</style>\n{}</svg>\n",
            escape(title),
            escape(description),
            self.body
        )
    }
}

/// What stands beside a name in a legend.
pub(crate) enum Sample {
    /// The line of a series.
    Series(usize),
    /// A reference line.
    Reference,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Relative luminance and contrast as WCAG 2 defines them.
    fn luminance(hex: &str) -> f64 {
        let channel = |at: usize| {
            let v = f64::from(u8::from_str_radix(&hex[at..at + 2], 16).unwrap()) / 255.0;
            if v <= 0.04045 {
                v / 12.92
            } else {
                ((v + 0.055) / 1.055).powf(2.4)
            }
        };
        0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5)
    }

    #[test]
    fn every_series_stands_out_on_white_and_on_near_black() {
        for colour in COLOURS.into_iter().chain(crate::swarm::SHADES) {
            for ground in ["#ffffff", "#0d1117", "#161923"] {
                let (a, b) = (luminance(colour), luminance(ground));
                let contrast = (a.max(b) + 0.05) / (a.min(b) + 0.05);
                assert!(contrast >= 3.0, "{colour} on {ground}: {contrast:.2}");
            }
        }
    }

    #[test]
    fn series_that_share_a_colour_differ_in_dash() {
        for i in 0..COLOURS.len() * 3 {
            for j in 0..i {
                assert!((colour(i), dash(i)) != (colour(j), dash(j)), "{i} and {j}");
            }
        }
    }
}
