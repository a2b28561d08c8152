//! The comparison as a reader sees it best: the year, month by month.

use mlops_plot::{Axis, Chart, Line};

use super::{Comparison, RainMonth, Statistics};

impl Comparison {
    /// Wet days and amounts of rain by month, real and generated: name and drawing of each.
    pub fn plots(&self) -> [(&'static str, String); 2] {
        let (real, generated) = (&self.real, &self.generated);
        let wet = |month: &RainMonth| 100.0 * month.wet;
        let (mean, high) = (|m: &RainMonth| m.mean, |m: &RainMonth| m.p95);
        let wettest = real.rain.iter().chain(&generated.rain).map(wet);
        let tens = (wettest.fold(0.0, f64::max) / 10.0).ceil() * 10.0;
        let days = by_month(
            "Wet days",
            Axis::new("Days with more than 1 mm, %").range(0.0, tens),
        )
        .line(line("real", real, wet))
        .line(line("generated", generated, wet));
        let amounts = by_month("Rain a day", Axis::new("mm"))
            .line(line("real, mean", real, mean))
            .line(line("generated, mean", generated, mean))
            .line(line("real, 95th percentile", real, high))
            .line(line("generated, 95th percentile", generated, high));
        [
            ("wet_days.svg", days.svg()),
            ("rain_amounts.svg", amounts.svg()),
        ]
    }
}

fn by_month(title: &str, height: Axis) -> Chart {
    Chart::new(title)
        .x_axis(Axis::new("Month").range(1.0, 12.0))
        .y_axis(height)
}

fn line(name: &str, statistics: &Statistics, value: impl Fn(&RainMonth) -> f64) -> Line {
    let months = statistics.rain.iter().zip(1u8..);
    let points = months.map(|(month, number)| (f64::from(number), value(month)));
    Line::new(name, points).markers()
}
