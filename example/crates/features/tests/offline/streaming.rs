use std::sync::Mutex;

use mlops_data::tables::frames::{ParquetFile, write};
use mlops_features::offline::{
    Created, Frame, JoinKey, OfflineResult, Options, Part, Source, View, get_historical_features,
};
use polars::prelude::*;
use proptest::prelude::*;

use super::{entities, instants, table};

/// A table in pieces, which notes what is read of it.
struct Pieces {
    pieces: Vec<DataFrame>,
    /// Whether it says beforehand of when its pieces speak.
    telling: bool,
    read: Mutex<Vec<usize>>,
}

impl Pieces {
    fn new(whole: &DataFrame, rows: usize, telling: bool) -> Pieces {
        let starts = (0..whole.height()).step_by(rows);
        Pieces {
            pieces: starts
                .map(|start| whole.slice(start as i64, rows))
                .collect(),
            telling,
            read: Mutex::default(),
        }
    }
}

impl Source for Pieces {
    fn name(&self) -> String {
        "readings".into()
    }

    fn columns(&self) -> Vec<(String, DataType)> {
        let schema = self.pieces[0].schema();
        let columns = schema.iter();
        columns
            .map(|(name, kind)| (name.to_string(), kind.clone()))
            .collect()
    }

    fn parts(&self) -> Vec<Part> {
        let part = |piece: &DataFrame| {
            let times = piece
                .column("event")
                .unwrap()
                .cast(&DataType::Int64)
                .unwrap();
            let times = times.i64().unwrap();
            Part {
                rows: piece.height(),
                events: times.min().zip(times.max()).filter(|_| self.telling),
            }
        };
        self.pieces.iter().map(part).collect()
    }

    fn read(&self, part: usize, columns: &[&str]) -> OfflineResult<DataFrame> {
        self.read.lock().unwrap().push(part);
        Ok(self.pieces[part].select(columns.iter().copied()).unwrap())
    }
}

fn view(source: &dyn Source, ttl: u64) -> View<'_> {
    View {
        name: "readings".into(),
        source,
        keys: vec![JoinKey::same("machine")],
        event: "event".into(),
        created: Created::Column("created".into()),
        ttl,
        fields: vec!["load".into(), "event".into()],
    }
}

/// 100 instants of 3 machines, in order of time.
fn years() -> DataFrame {
    let instant = |row: i64| Some(row / 3);
    let times: Vec<Option<i64>> = (0..300).map(instant).collect();
    table(vec![
        Column::new(
            "machine".into(),
            (0..300i64).map(|row| row % 3).collect::<Vec<_>>(),
        ),
        instants("event", &times),
        instants("created", &times),
        Column::new("load".into(), (0..300).collect::<Vec<i32>>()),
    ])
}

#[test]
fn only_parts_that_may_hold_an_answer_are_read() {
    let source = Pieces::new(&years(), 30, true);
    let rows = |at: &[i64]| {
        let at: Vec<_> = at.iter().copied().map(Some).collect();
        entities(vec![
            Column::new("machine".into(), vec![1i64; at.len()]),
            instants("at", &at),
        ])
    };
    let read = |at: &[i64], ttl| {
        source.read.lock().unwrap().clear();
        let result = get_historical_features(&rows(at), &[view(&source, ttl)], Options::default());
        let loads = result
            .unwrap()
            .column("load")
            .unwrap()
            .i32()
            .unwrap()
            .to_vec();
        (loads, source.read.lock().unwrap().clone())
    };
    assert_eq!(read(&[99], 0), (vec![Some(298)], vec![9]));
    assert_eq!(read(&[35, 71], 0), (vec![Some(106), Some(214)], vec![7, 3]));
    assert_eq!(read(&[200], 50), (vec![None], vec![]));
    assert_eq!(read(&[200], 0), (vec![Some(298)], vec![9]));
    assert_eq!(read(&[-1], 0), (vec![None], vec![]));
}

#[test]
fn a_file_is_read_row_group_by_row_group() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("readings.parquet");
    let many = 200_000i64;
    let times: Vec<Option<i64>> = (0..many).map(Some).collect();
    let whole = table(vec![
        Column::new(
            "machine".into(),
            (0..many).map(|row| row % 7).collect::<Vec<_>>(),
        ),
        instants("event", &times),
        instants("created", &times),
        Column::new("load".into(), (0..many as i32).collect::<Vec<i32>>()),
    ]);
    write(&path, &whole).unwrap();
    let file = ParquetFile::open(&path).unwrap();
    assert!(Source::parts(&file).len() > 2);
    let rows = entities(vec![
        Column::new("machine".into(), [3i64, 3, 8]),
        instants("at", &[Some(17), Some(many), Some(many)]),
    ]);
    let result = get_historical_features(&rows, &[view(&file, 0)], Options::default()).unwrap();
    let last = (many - 1 - (many - 1 - 3) % 7) as i32;
    assert_eq!(
        result.column("load").unwrap().i32().unwrap().to_vec(),
        [Some(17), Some(last), None]
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    /// However a table is cut, and whatever it says of its parts, the values are those of the whole.
    #[test]
    fn values_do_not_depend_on_how_a_table_is_cut(
        rows in prop::collection::vec((0i64..3, 0i64..9, prop::option::weighted(0.8, 0i64..12)), 1..60),
        asked in prop::collection::vec((0i64..4, 0i64..14), 1..40),
        size in 1usize..20,
        telling: bool,
        ttl in prop_oneof![Just(0u64), 1u64..5],
        created: bool,
    ) {
        let whole = table(vec![
            Column::new("machine".into(), rows.iter().map(|row| row.0).collect::<Vec<_>>()),
            instants("event", &rows.iter().map(|row| Some(row.1)).collect::<Vec<_>>()),
            instants("created", &rows.iter().map(|row| row.2).collect::<Vec<_>>()),
            Column::new("load".into(), (0..rows.len() as i32).collect::<Vec<_>>()),
        ]);
        let asked = entities(vec![
            Column::new("machine".into(), asked.iter().map(|row| row.0).collect::<Vec<_>>()),
            instants("at", &asked.iter().map(|row| Some(row.1)).collect::<Vec<_>>()),
        ]);
        let options = Options { created, full_names: false };
        let pieces = Pieces::new(&whole, size, telling);
        let whole = Frame { name: "readings".into(), table: whole };
        let get = |source: &dyn Source| {
            get_historical_features(&asked, &[view(source, ttl)], options).unwrap()
        };
        prop_assert!(get(&whole).equals_missing(&get(&pieces)));
    }
}
