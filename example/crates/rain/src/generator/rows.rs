//! Rows as they are made, and as a table.

use mlops_data::calendar::Day;
use mlops_data::table::MISSING_CODE;
use mlops_data::{Column, Table, Values};

use super::plan::Plan;
use super::{GeneratorError, Sink};
use crate::climate::variable::{COMPASS, NUMBERS, Variable};

/// A number that wasn't reported.
pub const MISSING: i16 = i16::MIN;
/// A direction that wasn't reported.
pub const MISSING_POINT: u8 = 16;

/// One day at one station.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Row {
    /// In tenths of the column's unit, in the order of the latent state.
    pub values: [i16; NUMBERS],
    /// Gust, 9 am, 3 pm: points clockwise from north.
    pub points: [u8; 3],
    pub rain_today: Option<bool>,
    pub rain_tomorrow: Option<bool>,
}

impl Default for Row {
    fn default() -> Row {
        Row {
            values: [MISSING; NUMBERS],
            points: [MISSING_POINT; 3],
            rain_today: None,
            rain_tomorrow: None,
        }
    }
}

/// Some days of all stations.
pub struct Block {
    pub(super) names: Vec<String>,
    pub(super) first: Day,
    pub(super) days: usize,
    /// Station after station.
    rows: Vec<Row>,
}

/// A column of *Rain in Australia*, in the order of the file.
#[derive(Debug, Clone, Copy)]
pub enum Field {
    Date,
    Location,
    Number(Variable),
    Direction(usize, Variable),
    RainToday,
    RainTomorrow,
}

/// All columns, in order.
pub const FIELDS: [Field; 23] = {
    use Field::*;
    use Variable::*;
    [
        Date,
        Location,
        Number(MinTemp),
        Number(MaxTemp),
        Number(Rainfall),
        Number(Evaporation),
        Number(Sunshine),
        Direction(0, WindGustDir),
        Number(WindGustSpeed),
        Direction(1, WindDir9am),
        Direction(2, WindDir3pm),
        Number(WindSpeed9am),
        Number(WindSpeed3pm),
        Number(Humidity9am),
        Number(Humidity3pm),
        Number(Pressure9am),
        Number(Pressure3pm),
        Number(Cloud9am),
        Number(Cloud3pm),
        Number(Temp9am),
        Number(Temp3pm),
        RainToday,
        RainTomorrow,
    ]
};

impl Field {
    /// Name in the header.
    pub fn name(self) -> &'static str {
        match self {
            Field::Date => "Date",
            Field::Location => "Location",
            Field::Number(variable) | Field::Direction(_, variable) => variable.name(),
            Field::RainToday => "RainToday",
            Field::RainTomorrow => "RainTomorrow",
        }
    }
}

impl Block {
    pub(super) fn new(plan: &Plan) -> Block {
        Block {
            names: plan.names.clone(),
            first: 0,
            days: 0,
            rows: Vec::new(),
        }
    }

    pub(super) fn reset(&mut self, first: Day, days: usize) {
        self.first = first;
        self.days = days;
        self.rows.resize(days * self.names.len(), Row::default());
    }

    pub(super) fn stations_mut(&mut self) -> rayon::slice::ChunksMut<'_, Row> {
        use rayon::prelude::*;
        self.rows.par_chunks_mut(self.days)
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows.len()
    }

    /// Rows by day and, within a day, by station; each with the station's index.
    pub(super) fn day(&self, day: usize) -> impl Iterator<Item = (usize, &Row)> {
        (0..self.names.len()).map(move |station| (station, &self.rows[station * self.days + day]))
    }

    /// The block as a table.
    pub fn to_table(&self) -> Table {
        let all = || (0..self.days).flat_map(|day| self.day(day));
        let category = |levels: &[&str], code: &dyn Fn(&Row) -> Option<usize>| Values::Category {
            codes: all()
                .map(|(_, row)| code(row).map_or(MISSING_CODE, |code| code as u32))
                .collect(),
            levels: levels.iter().map(|level| (*level).into()).collect(),
        };
        let columns = FIELDS.map(|field| Column {
            name: field.name().into(),
            values: match field {
                Field::Date => Values::Date(
                    (0..self.days)
                        .flat_map(|day| vec![self.first + day as Day; self.names.len()])
                        .collect(),
                ),
                Field::Location => Values::Category {
                    codes: all().map(|(station, _)| station as u32).collect(),
                    levels: self.names.clone(),
                },
                Field::Number(variable) => Values::Number(
                    all()
                        .map(|(_, row)| match row.values[variable as usize] {
                            MISSING => f64::NAN,
                            tenths => f64::from(tenths) / 10.0,
                        })
                        .collect(),
                ),
                Field::Direction(w, _) => category(&COMPASS, &|row| {
                    Some(usize::from(row.points[w])).filter(|point| *point < 16)
                }),
                Field::RainToday => {
                    category(&["No", "Yes"], &|row| row.rain_today.map(usize::from))
                }
                Field::RainTomorrow => {
                    category(&["No", "Yes"], &|row| row.rain_tomorrow.map(usize::from))
                }
            },
        });
        // Names differ and lengths are equal, so there is a table.
        Table::new(columns.into()).unwrap_or_default()
    }
}

/// Gathers all blocks in one table.
#[derive(Default)]
pub struct TableSink {
    columns: Vec<Column>,
}

impl TableSink {
    /// The table.
    pub fn finish(self) -> Table {
        Table::new(self.columns).unwrap_or_default()
    }
}

impl Sink for TableSink {
    fn write(&mut self, block: &Block) -> Result<(), GeneratorError> {
        let more = block.to_table().into_columns();
        if self.columns.is_empty() {
            self.columns = more;
            return Ok(());
        }
        for (column, more) in self.columns.iter_mut().zip(more) {
            match (&mut column.values, more.values) {
                (Values::Number(values), Values::Number(more)) => values.extend(more),
                (Values::Date(values), Values::Date(more)) => values.extend(more),
                (Values::Category { codes, .. }, Values::Category { codes: more, .. }) => {
                    codes.extend(more);
                }
                // Blocks of one run have the same columns.
                _ => {}
            }
        }
        Ok(())
    }
}
