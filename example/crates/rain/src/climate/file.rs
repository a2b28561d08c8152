//! The climate as a file that people can read and compare.
//!
//! Four columns: what it is, the place or region, the variable, and the numbers,
//! separated by spaces; a bar parts groups of them.

use std::fmt::Write;

use super::marginal::QUANTILES;
use super::matrix::{Matrix, ZERO};
use super::variable::{ALL, NUMBERS, VARIABLES, Variable};
use super::{Climate, Correlations, Field, Gap, Marginal, Place, Rain, Region};

const HEADER: &str = "statistic,place,variable,numbers";
const ROSES: [&str; 2] = ["% Oct-Mar", "% Apr-Sep"];
const SAME_DAY: [&str; 2] = ["same day Oct-Mar", "same day Apr-Sep"];
const DAY_BEFORE: [&str; 2] = ["day before Oct-Mar", "day before Apr-Sep"];

/// A climate file says something that can't be.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{file}{at}: {message}", at = if *line > 0 { format!(", line {line}") } else { String::new() })]
pub struct ClimateError {
    /// The file.
    pub file: String,
    /// The line, from 1; 0 if something is missing altogether.
    pub line: usize,
    /// What is wrong and what is expected.
    pub message: String,
}

impl Climate {
    /// The climate as text.
    pub fn to_csv(&self) -> String {
        let mut out = format!("{HEADER}\n");
        let mut row = |statistic: &str, place: &str, variable: &str, numbers: String| {
            // Writing to a String can't fail.
            let _ = writeln!(out, "{statistic},{place},{variable},{numbers}");
        };
        for (field, variable) in self.fields.iter().zip(ALL) {
            let numbers = list(&[(field.share, 3), (field.reach, 0)]);
            row("share and reach", "", variable.name(), numbers);
        }
        for region in &self.regions {
            for (h, half) in region.halves.iter().enumerate() {
                for (i, variable) in ALL.into_iter().enumerate() {
                    row(
                        SAME_DAY[h],
                        &region.name,
                        variable.name(),
                        same(&half.today[i][..i], 3),
                    );
                }
                for (i, variable) in ALL.into_iter().enumerate() {
                    row(
                        DAY_BEFORE[h],
                        &region.name,
                        variable.name(),
                        same(&half.before[i], 3),
                    );
                }
            }
        }
        for place in &self.places {
            let region = &self.regions[place.region].name;
            let position = list(&[(place.latitude, 2), (place.longitude, 2)]);
            row("position", &place.name, region, position);
            for (variable, marginal) in ALL.into_iter().zip(&place.marginals) {
                if let Some(m) = marginal {
                    let parts = [&m.mean[..], &m.cos, &m.sin, &m.half];
                    let numbers = parts.map(|part| same(part, 1)).join(" | ");
                    row("quantiles", &place.name, variable.name(), numbers);
                }
            }
            if let Some(months) = &place.rain {
                let mut column = |name: &str, digits: usize, value: fn(&Rain) -> f64| {
                    row(
                        name,
                        &place.name,
                        "Rainfall",
                        same(&months.each_ref().map(value), digits),
                    );
                };
                column("days without", 3, |rain| rain.none);
                column("days to 1 mm", 3, |rain| rain.trace);
                column("wet-day mean", 1, |rain| rain.mean);
                column("wet-day shape", 2, |rain| rain.shape);
            }
            for (variable, roses) in ALL[NUMBERS..].iter().zip(&place.winds) {
                for (name, rose) in ROSES.iter().zip(roses.iter().flatten()) {
                    row(name, &place.name, variable.name(), same(&percent(rose), 0));
                }
            }
            let gaps =
                |value: fn(&Gap) -> f64, digits| same(&place.gaps.each_ref().map(value), digits);
            row("missing share", &place.name, "", gaps(|gap| gap.share, 3));
            row("missing days", &place.name, "", gaps(|gap| gap.days, 0));
            row("clear share", &place.name, "", same(&place.clear, 3));
        }
        out
    }

    /// Reads a climate; `file` is only named in errors.
    ///
    /// # Errors
    /// If a line isn't what [`to_csv`](Self::to_csv) writes, or one is missing.
    pub fn from_csv(text: &str, file: &str) -> Result<Climate, ClimateError> {
        let mut reader = Reader::default();
        let fail = |line, message| ClimateError {
            file: file.into(),
            line,
            message,
        };
        let mut lines = text.lines().zip(1..);
        if lines.next().map(|(line, _)| line) != Some(HEADER) {
            return Err(fail(1, format!("the first line must be {HEADER:?}")));
        }
        for (line, number) in lines {
            reader.line(line).map_err(|message| fail(number, message))?;
        }
        reader.finish().map_err(|message| fail(0, message))
    }
}

/// Shares as whole percentages that sum to 100: what rounding down leaves goes to
/// those that lost most.
fn percent(shares: &[f64; 16]) -> [f64; 16] {
    let mut whole = shares.map(|share| (100.0 * share + 1e-9).floor());
    let lost = |i: usize| 100.0 * shares[i] - (100.0 * shares[i] + 1e-9).floor();
    let mut order: Vec<usize> = (0..16).collect();
    order.sort_by(|a, b| lost(*b).total_cmp(&lost(*a)));
    let rest = 100.0 - whole.iter().sum::<f64>();
    order
        .iter()
        .take(rest.max(0.0) as usize)
        .for_each(|i| whole[*i] += 1.0);
    whole
}

/// Numbers with so many digits each, separated by spaces.
fn list(numbers: &[(f64, usize)]) -> String {
    let text: Vec<String> = numbers
        .iter()
        .map(|(x, digits)| short(*x, *digits))
        .collect();
    text.join(" ")
}

fn same(numbers: &[f64], digits: usize) -> String {
    let pairs: Vec<(f64, usize)> = numbers.iter().map(|x| (*x, digits)).collect();
    list(&pairs)
}

/// A number without the zeros that say nothing: `.5`, `-.25`, `3`.
fn short(x: f64, digits: usize) -> String {
    let text = format!("{x:.digits$}");
    let text = match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.'),
        false => &text,
    };
    match text {
        "0" | "-0" => "0".into(),
        _ if text.starts_with("0.") => text[1..].into(),
        _ if text.starts_with("-0.") => format!("-{}", &text[2..]),
        _ => text.into(),
    }
}

#[derive(Default)]
struct Reader {
    fields: [Option<Field>; VARIABLES],
    regions: Vec<Region>,
    places: Vec<Place>,
    rain_columns: usize,
}

impl Reader {
    fn line(&mut self, line: &str) -> Result<(), String> {
        let parts: Vec<&str> = line.split(',').collect();
        let [statistic, place, variable, numbers] = parts[..] else {
            return Err(format!("{} columns instead of 4", parts.len()));
        };
        match statistic {
            "share and reach" => {
                let [share, reach] = exactly(numbers)?;
                check(share, 0.0, 0.999, "the share")?;
                check(reach, 1.0, 1e5, "the reach")?;
                self.fields[known(variable)? as usize] = Some(Field { share, reach });
                Ok(())
            }
            "position" => self.position(place, variable, numbers),
            _ => match (
                position(&SAME_DAY, statistic),
                position(&DAY_BEFORE, statistic),
            ) {
                (Some(half), _) => self.correlation(half, true, place, variable, numbers),
                (_, Some(half)) => self.correlation(half, false, place, variable, numbers),
                _ => self.place(statistic, place, variable, numbers),
            },
        }
    }

    fn correlation(
        &mut self,
        half: usize,
        same_day: bool,
        name: &str,
        variable: &str,
        numbers: &str,
    ) -> Result<(), String> {
        let i = known(variable)? as usize;
        let at = match self.regions.iter().position(|region| region.name == name) {
            Some(at) => at,
            None => {
                let mut today: Matrix = ZERO;
                (0..VARIABLES).for_each(|i| today[i][i] = 1.0);
                let half = Correlations {
                    today,
                    before: ZERO,
                };
                self.regions.push(Region {
                    name: name.into(),
                    halves: [half.clone(), half],
                });
                self.regions.len() - 1
            }
        };
        let values = parse(numbers)?;
        let width = if same_day { i } else { VARIABLES };
        if values.len() != width {
            return Err(format!("{} numbers instead of {width}", values.len()));
        }
        for (j, value) in values.into_iter().enumerate() {
            check(value, -1.0, 1.0, "a correlation")?;
            let correlations = &mut self.regions[at].halves[half];
            if same_day {
                correlations.today[i][j] = value;
                correlations.today[j][i] = value;
            } else {
                correlations.before[i][j] = value;
            }
        }
        Ok(())
    }

    fn position(&mut self, name: &str, region: &str, numbers: &str) -> Result<(), String> {
        let [latitude, longitude] = exactly(numbers)?;
        check(latitude, -90.0, 90.0, "the latitude")?;
        check(longitude, -180.0, 180.0, "the longitude")?;
        let region = self
            .regions
            .iter()
            .position(|known| known.name == region)
            .ok_or_else(|| format!("no correlations of region {region:?} stand above"))?;
        self.places.push(Place {
            name: name.into(),
            latitude,
            longitude,
            region,
            marginals: [const { None }; NUMBERS],
            rain: None,
            winds: [None; 3],
            gaps: [Gap {
                share: 0.0,
                days: 1.0,
            }; NUMBERS],
            clear: [0.0; 2],
        });
        Ok(())
    }

    fn place(
        &mut self,
        statistic: &str,
        name: &str,
        variable: &str,
        numbers: &str,
    ) -> Result<(), String> {
        let place = self
            .places
            .last_mut()
            .filter(|place| place.name == name)
            .ok_or_else(|| {
                format!("{statistic:?} of {name:?}: the position of that station must stand above")
            })?;
        match statistic {
            "quantiles" => {
                let groups: Vec<&str> = numbers.split(" | ").collect();
                let [mean, cos, sin, half] = groups[..] else {
                    return Err(format!("{} groups of numbers instead of 4", groups.len()));
                };
                let slot = place
                    .marginals
                    .get_mut(known(variable)? as usize)
                    .ok_or("a direction has no quantiles")?;
                *slot = Some(Marginal {
                    mean: exactly::<QUANTILES>(mean)?,
                    cos: exactly(cos)?,
                    sin: exactly(sin)?,
                    half: exactly(half)?,
                });
            }
            "days without" | "days to 1 mm" | "wet-day mean" | "wet-day shape" => {
                let none = Rain {
                    none: 0.0,
                    trace: 0.0,
                    mean: 1.0,
                    shape: 1.0,
                };
                let months = place.rain.get_or_insert([none; 12]);
                for (rain, value) in months.iter_mut().zip(exactly::<12>(numbers)?) {
                    match statistic {
                        "days without" => rain.none = check(value, 0.0, 1.0, "a share")?,
                        "days to 1 mm" => {
                            rain.trace = check(value, 0.0, 1.0 - rain.none, "a share")?
                        }
                        "wet-day mean" => rain.mean = check(value, 0.01, 1e3, "a mean")?,
                        _ => rain.shape = check(value, 0.05, 50.0, "a shape")?,
                    }
                }
                self.rain_columns += 1;
            }
            "missing share" => {
                for (gap, share) in place.gaps.iter_mut().zip(exactly::<NUMBERS>(numbers)?) {
                    gap.share = check(share, 0.0, 1.0, "a share")?;
                }
            }
            "missing days" => {
                for (gap, days) in place.gaps.iter_mut().zip(exactly::<NUMBERS>(numbers)?) {
                    gap.days = check(days, 1.0, 1e5, "a length")?;
                }
            }
            "clear share" => {
                place.clear = exactly(numbers)?;
                for share in place.clear {
                    check(share, 0.0, 0.99, "a share")?;
                }
            }
            _ => {
                let half = position(&ROSES, statistic)
                    .ok_or_else(|| format!("{statistic:?} is no statistic of a climate"))?;
                let slot = (known(variable)? as usize)
                    .checked_sub(NUMBERS)
                    .ok_or_else(|| format!("{variable} is no direction"))?;
                let percent: [f64; 16] = exactly(numbers)?;
                for part in percent {
                    check(part, 0.0, 100.0, "a percentage")?;
                }
                let sum: f64 = percent.iter().sum();
                check(sum, 80.0, 120.0, "the sum of percentages")?;
                place.winds[slot].get_or_insert([[0.0625; 16]; 2])[half] =
                    percent.map(|part| part / sum);
            }
        }
        Ok(())
    }

    fn finish(self) -> Result<Climate, String> {
        if self.places.is_empty() {
            return Err("there is no station in it".into());
        }
        let mut fields = [Field {
            share: 0.0,
            reach: 1.0,
        }; VARIABLES];
        for ((field, found), variable) in fields.iter_mut().zip(self.fields).zip(ALL) {
            *field = found.ok_or_else(|| {
                format!(
                    "the line \"share and reach\" of {} is missing",
                    variable.name()
                )
            })?;
        }
        let with_rain = self
            .places
            .iter()
            .filter(|place| place.rain.is_some())
            .count();
        for region in &self.regions {
            if !region.halves.iter().all(Correlations::are_possible) {
                let name = &region.name;
                return Err(format!(
                    "no weather can have the correlations of region {name:?}"
                ));
            }
        }
        if self.rain_columns != 4 * with_rain {
            return Err("a station with rain needs four lines of it".into());
        }
        Ok(Climate {
            places: self.places,
            regions: self.regions,
            fields,
        })
    }
}

fn position(names: &[&str; 2], name: &str) -> Option<usize> {
    names.iter().position(|known| *known == name)
}

fn known(name: &str) -> Result<Variable, String> {
    Variable::named(name).ok_or_else(|| format!("there is no variable {name:?}"))
}

fn parse(numbers: &str) -> Result<Vec<f64>, String> {
    numbers
        .split_whitespace()
        .map(|text| match text.parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(number),
            _ => Err(format!("{text:?} is not a number")),
        })
        .collect()
}

fn exactly<const N: usize>(numbers: &str) -> Result<[f64; N], String> {
    let values = parse(numbers)?;
    let found = values.len();
    values
        .try_into()
        .map_err(|_| format!("{found} numbers instead of {N}"))
}

fn check(value: f64, least: f64, most: f64, what: &str) -> Result<f64, String> {
    match (least..=most).contains(&value) {
        true => Ok(value),
        false => Err(format!("{what} is {value}, not from {least} to {most}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn embedded() -> String {
        super::super::embedded().unwrap().to_csv()
    }

    #[test]
    fn a_climate_comes_back_from_its_file() {
        let text = include_str!("../../../../data/climate.csv");
        let differ = embedded()
            .lines()
            .zip(text.lines())
            .find(|(one, other)| one != other)
            .map(|(a, b)| format!("{a} / {b}"));
        assert_eq!(differ, None);
        assert_eq!(embedded().len(), text.len());
    }

    #[test]
    fn a_broken_file_says_where_and_what() {
        let with = |from: &str, to: &str| {
            let text = embedded().replacen(from, to, 1);
            Climate::from_csv(&text, "climate.csv")
                .unwrap_err()
                .to_string()
        };
        insta::assert_snapshot!(with("statistic,", "what,"), @r#"climate.csv, line 1: the first line must be "statistic,place,variable,numbers""#);
        insta::assert_snapshot!(with("share and reach,,Rainfall,", "share and reach,,Rainfall,x"), @r#"climate.csv, line 4: "x.98" is not a number"#);
        insta::assert_snapshot!(with("share and reach,,Rainfall,", "share and reach,,Snowfall,"), @r#"climate.csv, line 4: there is no variable "Snowfall""#);
        insta::assert_snapshot!(with("share and reach,,Rainfall,", "share of all,,Rainfall,"), @r#"climate.csv, line 4: "share of all" of "": the position of that station must stand above"#);
        insta::assert_snapshot!(with("position,Albury,south", "position,Albury,moon"), @r#"climate.csv, line 454: no correlations of region "moon" stand above"#);
        insta::assert_snapshot!(with("same day Oct-Mar,dry,Pressure3pm,.", "same day Oct-Mar,dry,Pressure3pm,-."), @r#"climate.csv: no weather can have the correlations of region "dry""#);
        insta::assert_snapshot!(Climate::from_csv(HEADER, "climate.csv").unwrap_err(), @"climate.csv: there is no station in it");
    }
}
