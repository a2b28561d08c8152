//! Single values of columns, gathered from many parts.

use polars::prelude::*;

use super::{OfflineError, OfflineResult};

/// A column of the result on its way: one value a row, null until one is put there.
pub(super) struct Gathered {
    name: PlSmallStr,
    kind: DataType,
    values: Values,
    known: Vec<bool>,
}

/// The values as they lie in memory: polars' own way of taking single values is much slower where it is
/// compiled for size of build and not for speed.
enum Values {
    I32(Vec<i32>),
    I64(Vec<i64>),
    U32(Vec<u32>),
    U64(Vec<u64>),
    F32(Vec<f32>),
    F64(Vec<f64>),
    Flag(Vec<bool>),
    Text(Vec<PlSmallStr>),
}

impl Gathered {
    /// A column of nulls.
    pub fn new(place: &str, name: &str, kind: &DataType, rows: usize) -> OfflineResult<Gathered> {
        let values = match kind.to_physical() {
            DataType::Int32 => Values::I32(vec![0; rows]),
            DataType::Int64 => Values::I64(vec![0; rows]),
            DataType::UInt32 => Values::U32(vec![0; rows]),
            DataType::UInt64 => Values::U64(vec![0; rows]),
            DataType::Float32 => Values::F32(vec![0.0; rows]),
            DataType::Float64 => Values::F64(vec![0.0; rows]),
            DataType::Boolean => Values::Flag(vec![false; rows]),
            DataType::String => Values::Text(vec![PlSmallStr::EMPTY; rows]),
            _ => {
                return Err(OfflineError::ColumnType {
                    place: place.into(),
                    column: name.into(),
                    found: kind.to_string(),
                    wanted: "text, a number of 32 or 64 bits, a flag, a date or an instant",
                });
            }
        };
        Ok(Gathered {
            name: name.into(),
            kind: kind.clone(),
            values,
            known: vec![false; rows],
        })
    }

    /// The column's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Puts values of a part in their places: for each pair, the value of the second's row in the first's.
    pub fn take(&mut self, part: &Series, rows: &[(usize, u32)]) -> PolarsResult<()> {
        let part = part.to_physical_repr().rechunk();
        let known = &mut self.known;
        match &mut self.values {
            Values::I32(values) => numbers(values, known, part.i32()?, rows),
            Values::I64(values) => numbers(values, known, part.i64()?, rows),
            Values::U32(values) => numbers(values, known, part.u32()?, rows),
            Values::U64(values) => numbers(values, known, part.u64()?, rows),
            Values::F32(values) => numbers(values, known, part.f32()?, rows),
            Values::F64(values) => numbers(values, known, part.f64()?, rows),
            Values::Flag(values) => {
                let part = part.bool()?;
                each(values, known, rows, |row| part.get(row));
            }
            Values::Text(values) => {
                let part = part.str()?;
                each(values, known, rows, |row| {
                    part.get(row).map(PlSmallStr::from_str)
                });
            }
        }
        Ok(())
    }

    /// The column.
    pub fn finish(self) -> PolarsResult<Column> {
        let name = self.name;
        let known = self.known;
        let series = match self.values {
            Values::I32(values) => nullable::<Int32Type>(name, values, &known).into_series(),
            Values::I64(values) => nullable::<Int64Type>(name, values, &known).into_series(),
            Values::U32(values) => nullable::<UInt32Type>(name, values, &known).into_series(),
            Values::U64(values) => nullable::<UInt64Type>(name, values, &known).into_series(),
            Values::F32(values) => nullable::<Float32Type>(name, values, &known).into_series(),
            Values::F64(values) => nullable::<Float64Type>(name, values, &known).into_series(),
            Values::Flag(values) => {
                let flags = values.into_iter().zip(known);
                BooleanChunked::from_iter_options(
                    name,
                    flags.map(|(flag, known)| known.then_some(flag)),
                )
                .into_series()
            }
            Values::Text(values) => {
                let texts = values.iter().zip(known);
                StringChunked::from_iter_options(
                    name,
                    texts.map(|(text, known)| known.then_some(text.as_str())),
                )
                .into_series()
            }
        };
        let series = match self.kind {
            DataType::Date => series.i32()?.clone().into_date().into_series(),
            DataType::Datetime(unit, zone) => series
                .i64()?
                .clone()
                .into_datetime(unit, zone)
                .into_series(),
            _ => series,
        };
        Ok(series.into_column())
    }
}

fn numbers<T: PolarsNumericType>(
    values: &mut [T::Native],
    known: &mut [bool],
    part: &ChunkedArray<T>,
    rows: &[(usize, u32)],
) {
    for array in part.downcast_iter() {
        let (there, valid) = (array.values().as_slice(), array.validity());
        each(values, known, rows, |row| {
            valid
                .is_none_or(|valid| valid.get_bit(row))
                .then(|| there[row])
        });
    }
}

fn each<T>(
    values: &mut [T],
    known: &mut [bool],
    rows: &[(usize, u32)],
    value: impl Fn(usize) -> Option<T>,
) {
    for (place, row) in rows {
        let found = value(*row as usize);
        known[*place] = found.is_some();
        if let Some(found) = found {
            values[*place] = found;
        }
    }
}

fn nullable<T: PolarsNumericType>(
    name: PlSmallStr,
    values: Vec<T::Native>,
    known: &[bool],
) -> ChunkedArray<T> {
    let gaps = known
        .contains(&false)
        .then(|| known.iter().copied().collect());
    ChunkedArray::from_vec_validity(name, values, gaps)
}
