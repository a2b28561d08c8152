use std::collections::HashMap;

/// A column of an entity's key; `None` is a missing key.
#[derive(Debug, Clone, PartialEq)]
pub enum KeyColumn<'a> {
    /// Whole numbers (days and flags too).
    Integers(Vec<Option<i64>>),
    /// Words.
    Texts(Vec<Option<&'a str>>),
}

/// A number for each entity that was asked for.
///
/// A key of several columns is put together number by number and never as text, so that no two keys can
/// collide: ("1", "23") is not ("12", "3").
#[derive(Debug, Default)]
pub struct Keys {
    columns: Vec<Numbers>,
    /// For each column after the first: the number so far and the column's own give the next.
    pairs: Vec<HashMap<(u32, u32), u32>>,
}

#[derive(Debug)]
enum Numbers {
    Integers(HashMap<i64, u32>),
    Texts(HashMap<String, u32>),
}

impl Keys {
    /// Numbers the entities of these columns, and says the number of each row. Without any column there is
    /// one entity, that of every row.
    pub fn number(columns: &[KeyColumn<'_>], rows: usize) -> (Keys, Vec<Option<u32>>) {
        let mut keys = Keys::default();
        let mut whole: Vec<Option<u32>> = vec![Some(0); rows];
        for (at, column) in columns.iter().enumerate() {
            let (numbers, codes) = Numbers::of(column);
            keys.columns.push(numbers);
            if at == 0 {
                whole = codes;
                continue;
            }
            let mut pairs = HashMap::new();
            for (whole, code) in whole.iter_mut().zip(codes) {
                *whole = whole.zip(code).map(|pair| next(&mut pairs, pair));
            }
            keys.pairs.push(pairs);
        }
        (keys, whole)
    }

    /// How many entities there are.
    pub fn count(&self) -> usize {
        match (self.pairs.last(), self.columns.first()) {
            (Some(pairs), _) => pairs.len(),
            (None, Some(Numbers::Integers(known))) => known.len(),
            (None, Some(Numbers::Texts(known))) => known.len(),
            (None, None) => 1,
        }
    }

    /// The number of each row of other columns; `None` is an entity that wasn't asked for. Columns of
    /// another kind than those numbered have none of them.
    pub fn find(&self, columns: &[KeyColumn<'_>], rows: usize) -> Vec<Option<u32>> {
        let mut whole: Vec<Option<u32>> = vec![Some(0); rows];
        for (at, (numbers, column)) in self.columns.iter().zip(columns).enumerate() {
            let codes = numbers.find(column);
            match at.checked_sub(1).map(|at| &self.pairs[at]) {
                None => whole = codes,
                Some(pairs) => {
                    for (whole, code) in whole.iter_mut().zip(codes) {
                        *whole = whole.zip(code).and_then(|pair| pairs.get(&pair).copied());
                    }
                }
            }
        }
        whole
    }
}

impl Numbers {
    fn of(column: &KeyColumn<'_>) -> (Numbers, Vec<Option<u32>>) {
        match column {
            KeyColumn::Integers(values) => {
                let mut known = HashMap::new();
                let codes = repeated(values, |value| Some(next(&mut known, value)));
                (Numbers::Integers(known), codes)
            }
            KeyColumn::Texts(values) => {
                let mut known: HashMap<String, u32> = HashMap::new();
                let codes = repeated(values, |value: &str| {
                    Some(match known.get(value) {
                        Some(code) => *code,
                        None => next(&mut known, value.to_owned()),
                    })
                });
                (Numbers::Texts(known), codes)
            }
        }
    }

    fn find(&self, column: &KeyColumn<'_>) -> Vec<Option<u32>> {
        match (self, column) {
            (Numbers::Integers(known), KeyColumn::Integers(values)) => {
                repeated(values, |value| known.get(&value).copied())
            }
            (Numbers::Texts(known), KeyColumn::Texts(values)) => {
                repeated(values, |value| known.get(value).copied())
            }
            (_, KeyColumn::Integers(values)) => vec![None; values.len()],
            (_, KeyColumn::Texts(values)) => vec![None; values.len()],
        }
    }
}

fn next<K: std::hash::Hash + Eq>(known: &mut HashMap<K, u32>, key: K) -> u32 {
    let fresh = known.len() as u32;
    *known.entry(key).or_insert(fresh)
}

/// The number of each value; a value like the one before it isn't looked up again.
fn repeated<T: Copy + PartialEq>(
    values: &[Option<T>],
    mut number: impl FnMut(T) -> Option<u32>,
) -> Vec<Option<u32>> {
    let mut last: Option<(T, Option<u32>)> = None;
    values
        .iter()
        .map(|value| {
            let value = (*value)?;
            match last {
                Some((known, code)) if known == value => code,
                _ => {
                    let code = number(value);
                    last = Some((value, code));
                    code
                }
            }
        })
        .collect()
}
