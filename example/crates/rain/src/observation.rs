//! One day at one station, typed.

use mlops_data::{Cell, calendar::Day};
use mlops_features::Observation;

use crate::stations::{self, Station};

/// The weather of one day at one station: a row of *Rain in Australia* without
/// its label. `NaN` and `None` mean that the station didn't report.
#[derive(Debug, Clone, PartialEq)]
pub struct Weather {
    // ANCHOR: observation
    /// Days since 1970-01-01.
    pub date: Day,
    /// Where it was observed.
    pub place: Place,
    /// Lowest temperature in the 24 hours to 9 am, °C.
    pub min_temp: f32,
    /// Highest temperature from 9 am on, °C.
    pub max_temp: f32,
    /// Rain in the 24 hours to 9 am, mm.
    pub rainfall: f32,
    /// Class A pan evaporation in the 24 hours to 9 am, mm.
    pub evaporation: f32,
    /// Bright sunshine in the day, hours.
    pub sunshine: f32,
    /// Direction of the day's strongest gust.
    pub gust_direction: Option<Compass>,
    /// Speed of the day's strongest gust, km/h.
    pub gust_speed: f32,
    /// Wind direction at 9 am.
    pub direction_9am: Option<Compass>,
    /// Wind direction at 3 pm.
    pub direction_3pm: Option<Compass>,
    /// Wind speed at 9 am, km/h.
    pub wind_9am: f32,
    /// Wind speed at 3 pm, km/h.
    pub wind_3pm: f32,
    /// Relative humidity at 9 am, %.
    pub humidity_9am: f32,
    /// Relative humidity at 3 pm, %.
    pub humidity_3pm: f32,
    /// Pressure at 9 am, reduced to sea level, hPa.
    pub pressure_9am: f32,
    /// Pressure at 3 pm, reduced to sea level, hPa.
    pub pressure_3pm: f32,
    /// Cloud at 9 am, oktas; 9 means that the sky can't be seen.
    pub cloud_9am: f32,
    /// Cloud at 3 pm, oktas.
    pub cloud_3pm: f32,
    /// Temperature at 9 am, °C.
    pub temp_9am: f32,
    /// Temperature at 3 pm, °C.
    pub temp_3pm: f32,
    /// Whether more than 1 mm fell in the 24 hours to 9 am.
    pub rain_today: Option<bool>,
    // ANCHOR_END: observation
}

/// Where weather is observed.
#[derive(Debug, Clone, PartialEq)]
pub enum Place {
    /// A station whose position we know.
    Station(&'static Station),
    /// A name that we can't place: it has a history, but no position and no neighbours.
    Unknown(Box<str>),
}

impl Place {
    /// The place of this name.
    pub fn named(name: &str) -> Place {
        stations::find(name).map_or_else(|| Place::Unknown(name.into()), Place::Station)
    }

    /// The station, if it is one we know.
    pub fn station(&self) -> Option<&'static Station> {
        match self {
            Place::Station(station) => Some(station),
            Place::Unknown(_) => None,
        }
    }
}

/// One of the 16 points of the compass from which the wind blows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Compass(u8);

/// The points in order, clockwise from north.
pub const POINTS: [&str; 16] = [
    "N", "NNE", "NE", "ENE", "E", "ESE", "SE", "SSE", "S", "SSW", "SW", "WSW", "W", "WNW", "NW",
    "NNW",
];

impl Compass {
    /// The point of this name, such as `NNE`.
    pub fn parse(name: &str) -> Option<Compass> {
        POINTS
            .iter()
            .position(|point| *point == name)
            .map(|at| Compass(at as u8))
    }

    /// Sixteenths of a turn clockwise from north, 0 to 15.
    pub fn sixteenths(self) -> usize {
        usize::from(self.0)
    }
}

impl Observation for Weather {
    const COLUMNS: &'static [&'static str] = &[
        "Date",
        "Location",
        "MinTemp",
        "MaxTemp",
        "Rainfall",
        "Evaporation",
        "Sunshine",
        "WindGustDir",
        "WindGustSpeed",
        "WindDir9am",
        "WindDir3pm",
        "WindSpeed9am",
        "WindSpeed3pm",
        "Humidity9am",
        "Humidity3pm",
        "Pressure9am",
        "Pressure3pm",
        "Cloud9am",
        "Cloud3pm",
        "Temp9am",
        "Temp3pm",
        "RainToday",
    ];

    fn from_cells(cells: &[Cell<'_>]) -> Result<Self, (usize, String)> {
        Ok(Weather {
            date: match cells[0] {
                Cell::Date(day) => day,
                other => return Err((0, format!("{other} is not a date"))),
            },
            place: match cells[1] {
                Cell::Text(name) => Place::named(name),
                other => return Err((1, format!("{other} is not a station's name"))),
            },
            min_temp: number(cells, 2)?,
            max_temp: number(cells, 3)?,
            rainfall: number(cells, 4)?,
            evaporation: number(cells, 5)?,
            sunshine: number(cells, 6)?,
            gust_direction: compass(cells, 7)?,
            gust_speed: number(cells, 8)?,
            direction_9am: compass(cells, 9)?,
            direction_3pm: compass(cells, 10)?,
            wind_9am: number(cells, 11)?,
            wind_3pm: number(cells, 12)?,
            humidity_9am: number(cells, 13)?,
            humidity_3pm: number(cells, 14)?,
            pressure_9am: number(cells, 15)?,
            pressure_3pm: number(cells, 16)?,
            cloud_9am: number(cells, 17)?,
            cloud_3pm: number(cells, 18)?,
            temp_9am: number(cells, 19)?,
            temp_3pm: number(cells, 20)?,
            rain_today: flag(cells, 21)?,
        })
    }

    fn entity(&self) -> &str {
        match &self.place {
            Place::Station(station) => station.name,
            Place::Unknown(name) => name,
        }
    }

    fn day(&self) -> Day {
        self.date
    }

    fn masked(&self, hidden: &[bool]) -> Option<Self> {
        let mut known = self.clone();
        let columns = hidden.iter().enumerate();
        for (column, _) in columns.filter(|(_, hidden)| **hidden) {
            match column {
                2 => known.min_temp = f32::NAN,
                3 => known.max_temp = f32::NAN,
                4 => known.rainfall = f32::NAN,
                5 => known.evaporation = f32::NAN,
                6 => known.sunshine = f32::NAN,
                7 => known.gust_direction = None,
                8 => known.gust_speed = f32::NAN,
                9 => known.direction_9am = None,
                10 => known.direction_3pm = None,
                11 => known.wind_9am = f32::NAN,
                12 => known.wind_3pm = f32::NAN,
                13 => known.humidity_9am = f32::NAN,
                14 => known.humidity_3pm = f32::NAN,
                15 => known.pressure_9am = f32::NAN,
                16 => known.pressure_3pm = f32::NAN,
                17 => known.cloud_9am = f32::NAN,
                18 => known.cloud_3pm = f32::NAN,
                19 => known.temp_9am = f32::NAN,
                20 => known.temp_3pm = f32::NAN,
                21 => known.rain_today = None,
                // Without its day or its place it is no observation.
                _ => return None,
            }
        }
        Some(known)
    }
}

fn number(cells: &[Cell<'_>], at: usize) -> Result<f32, (usize, String)> {
    match cells[at] {
        Cell::Missing => Ok(f32::NAN),
        Cell::Number(value) => Ok(value as f32),
        other => Err((at, format!("{other} is not a number"))),
    }
}

fn compass(cells: &[Cell<'_>], at: usize) -> Result<Option<Compass>, (usize, String)> {
    match cells[at] {
        Cell::Missing => Ok(None),
        Cell::Text(name) => match Compass::parse(name) {
            Some(point) => Ok(Some(point)),
            None => Err((
                at,
                format!("{name:?} is none of the 16 points {}", POINTS.join(" ")),
            )),
        },
        other => Err((at, format!("{other} is not a point of the compass"))),
    }
}

fn flag(cells: &[Cell<'_>], at: usize) -> Result<Option<bool>, (usize, String)> {
    match cells[at] {
        Cell::Missing => Ok(None),
        Cell::Text("Yes") => Ok(Some(true)),
        Cell::Text("No") => Ok(Some(false)),
        other => Err((at, format!("{other} is neither Yes nor No"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_masked_column_is_as_one_that_was_not_reported() {
        let cells: Vec<Cell<'_>> = (0..Weather::COLUMNS.len())
            .map(|column| match column {
                0 => Cell::Date(15_000),
                1 => Cell::Text("Perth"),
                7 | 9 | 10 => Cell::Text("NW"),
                21 => Cell::Text("Yes"),
                _ => Cell::Number(f64::from(column as u32)),
            })
            .collect();
        let weather = Weather::from_cells(&cells).unwrap();
        for column in 0..cells.len() {
            let hidden: Vec<bool> = (0..cells.len()).map(|at| at == column).collect();
            let mut missing = cells.clone();
            missing[column] = Cell::Missing;
            // NaN equals nothing, so their texts are compared.
            let expected = Weather::from_cells(&missing).ok();
            let masked = weather.masked(&hidden);
            assert_eq!(
                format!("{masked:?}"),
                format!("{expected:?}"),
                "column {column}"
            );
        }
    }
}
