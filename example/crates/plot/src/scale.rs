//! From values to pixels, and where the ticks go.

use crate::text::fixed;

/// One axis of a [`Chart`](crate::Chart): its label, and what it spans.
#[derive(Debug, Clone)]
pub struct Axis {
    pub(crate) label: String,
    pub(crate) range: Option<(f64, f64)>,
    pub(crate) days: bool,
}

impl Axis {
    /// An axis that spans the data.
    pub fn new(label: impl Into<String>) -> Axis {
        Axis {
            label: label.into(),
            range: None,
            days: false,
        }
    }

    /// An axis of days, counted from 1970-01-01, that shows dates.
    pub fn days(label: impl Into<String>) -> Axis {
        Axis {
            days: true,
            ..Axis::new(label)
        }
    }

    /// Spans `low` to `high` whatever the data; what lies outside is clipped.
    pub fn range(mut self, low: f64, high: f64) -> Axis {
        self.range = (usable(low) && usable(high) && low < high).then_some((low, high));
        self
    }
}

/// Whether a value can be drawn: finite, and small enough that differences are too.
pub(crate) fn usable(value: f64) -> bool {
    value.abs() < 1e150
}

/// A straight map from a range of values to a range of pixels.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scale {
    pub(crate) low: f64,
    pub(crate) high: f64,
    from: f64,
    to: f64,
}

impl Scale {
    /// Maps `low` to the pixel `from` and `high` to `to`.
    pub(crate) fn new((low, high): (f64, f64), from: f64, to: f64) -> Scale {
        Scale {
            low,
            high,
            from,
            to,
        }
    }

    /// The pixel of a value. Far outside it stays near: the viewer clips it.
    pub(crate) fn pixel(&self, value: f64) -> f64 {
        let share = ((value - self.low) / (self.high - self.low)).clamp(-3.0, 4.0);
        self.from + share * (self.to - self.from)
    }
}

/// The span of the usable values, widened when it is (nearly) a point. None if there are none.
pub(crate) fn span(values: impl IntoIterator<Item = f64>) -> Option<(f64, f64)> {
    let (low, high) = values
        .into_iter()
        .filter(|v| usable(*v))
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| {
            (l.min(v), h.max(v))
        });
    if low > high {
        return None;
    }
    let size = low.abs().max(high.abs()).max(1e-300);
    if high - low > size * 1e-9 {
        return Some((low, high));
    }
    let pad = if size < 1e-200 { 1.0 } else { size * 0.1 };
    Some((low - pad, high + pad))
}

/// The span widened outwards to whole ticks.
pub(crate) fn rounded((low, high): (f64, f64), about: usize) -> (f64, f64) {
    let step = nice_step((high - low) / about as f64);
    ((low / step).floor() * step, (high / step).ceil() * step)
}

/// A tick: its value and what is written beside it.
pub(crate) type Tick = (f64, String);

/// About `about` ticks at round values within the span.
pub(crate) fn ticks((low, high): (f64, f64), about: usize) -> Vec<Tick> {
    let step = nice_step((high - low) / about as f64);
    let size = low.abs().max(high.abs());
    // The span may be so small beside the values that the step vanishes in
    // rounding: the slack keeps the last tick, `take` bounds the loop.
    let first = (low / step - 1e-6).ceil();
    let values = (0..3 * about)
        .map(|i| (first + i as f64) * step)
        .take_while(|v| *v <= high + step * 1e-6);
    let plain = size < 1e7 && step >= 1e-5;
    // Plain, so the step's exponent is between -5 and 7.
    let decimals = if plain {
        (-(step * 1.000_001).log10().floor()).max(0.0) as usize
    } else {
        0
    };
    values
        .map(|v| {
            (
                v,
                if plain {
                    fixed(v, decimals)
                } else {
                    format!("{v:.2e}")
                },
            )
        })
        .collect()
}

/// 1, 2 or 5 times a power of ten, not below `least`.
fn nice_step(least: f64) -> f64 {
    let power = 10f64.powf(least.log10().floor());
    let times = least / power;
    let nice = [1.0, 2.0, 5.0].into_iter().find(|n| times <= n * 1.000_001);
    let step = nice.unwrap_or(10.0) * power;
    if step.is_normal() {
        step
    } else {
        f64::MIN_POSITIVE
    }
}

/// Ticks at the first of a month (or every few days) of a span of days from 1970-01-01.
pub(crate) fn day_ticks((low, high): (f64, f64), about: usize) -> Vec<Tick> {
    // Outside about ±9999 years a date means nothing.
    if !(low > -3.6e6 && high < 3.6e6) {
        return ticks((low, high), about);
    }
    let least = (high - low) / about as f64;
    if least <= 16.0 {
        let step = [1.0, 2.0, 4.0, 7.0, 14.0].into_iter().find(|s| least <= *s);
        let step = step.unwrap_or(14.0);
        let first = (low / step).ceil();
        return (0..3 * about)
            .map(|i| (first + i as f64) * step)
            .take_while(|day| *day <= high)
            .map(|day| {
                let (y, m, d) = civil(day as i64);
                (day, format!("{y:04}-{m:02}-{d:02}"))
            })
            .collect();
    }
    let months = [1, 2, 3, 6, 12, 24, 60, 120, 240, 600, 1200, 2400];
    let step = months
        .into_iter()
        .find(|m| least <= *m as f64 * 30.5)
        .unwrap_or(24_000);
    let (year, month, _) = civil(low.floor() as i64);
    let first = (year * 12 + month - 1).div_euclid(step) * step;
    (0..4 * about as i64)
        .map(|i| first + i * step)
        .map(|at| (at.div_euclid(12), at.rem_euclid(12) + 1))
        .map(|(y, m)| {
            let text = if step >= 12 {
                format!("{y:04}")
            } else {
                format!("{y:04}-{m:02}")
            };
            (days_from_civil(y, m) as f64, text)
        })
        .skip_while(|(day, _)| *day < low)
        .take_while(|(day, _)| *day <= high)
        .collect()
}

/// Year, month and day of a count of days since 1970-01-01 in the Gregorian calendar.
fn civil(days: i64) -> (i64, i64, i64) {
    // Years begin in March here, so that the leap day comes last; eras are 400 years.
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let of_era = z.rem_euclid(146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let calendar = if month < 10 { month + 3 } else { month - 9 };
    (year + era * 400 + i64::from(calendar <= 2), calendar, day)
}

/// Days from 1970-01-01 to the first of a month.
fn days_from_civil(year: i64, month: i64) -> i64 {
    let (y, m) = if month <= 2 {
        (year - 1, month + 9)
    } else {
        (year, month - 3)
    };
    let of_year = (153 * m + 2) / 5;
    let of_era = y.rem_euclid(400);
    y.div_euclid(400) * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(ticks: Vec<Tick>) -> Vec<String> {
        ticks.into_iter().map(|(_, text)| text).collect()
    }

    #[test]
    fn ticks_are_round() {
        assert_eq!(
            labels(ticks((0.0, 1.0), 5)),
            ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]
        );
        assert_eq!(
            labels(ticks((-3.0, 41_000.0), 4)),
            ["0", "20,000", "40,000"]
        );
        assert_eq!(
            labels(ticks((0.012, 0.018), 3)),
            ["0.012", "0.014", "0.016", "0.018"]
        );
    }

    #[test]
    fn day_ticks_fall_on_the_first_of_a_month_or_year() {
        let july_2015 = days_from_civil(2015, 7) as f64;
        assert_eq!(civil(july_2015 as i64 + 30), (2015, 7, 31));
        assert_eq!(
            labels(day_ticks((july_2015, july_2015 + 150.0), 3)),
            ["2015-07", "2015-09", "2015-11"]
        );
        assert_eq!(
            labels(day_ticks((july_2015, july_2015 + 1500.0), 5)),
            ["2016", "2017", "2018", "2019"]
        );
        assert_eq!(
            labels(day_ticks((july_2015, july_2015 + 2.0), 3)),
            ["2015-07-01", "2015-07-02", "2015-07-03"]
        );
    }

    #[test]
    fn days_and_dates_agree_across_leap_years() {
        for year in [1600, 1899, 1900, 1970, 2000, 2024, 2100] {
            for month in 1..=12 {
                assert_eq!(civil(days_from_civil(year, month)), (year, month, 1));
            }
        }
        assert_eq!(civil(0), (1970, 1, 1));
        assert_eq!(civil(days_from_civil(2024, 3) - 1), (2024, 2, 29));
    }

    #[test]
    fn a_single_value_gets_room() {
        assert_eq!(span([5.0, f64::NAN, f64::INFINITY]), Some((4.5, 5.5)));
        assert_eq!(span([0.0]), Some((-1.0, 1.0)));
        assert_eq!(span([f64::NAN]), None);
    }
}
