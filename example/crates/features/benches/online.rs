//! Reading what one feature vector needs: 31 days of one entity, 2 days of 20 others,
//! 22 values each, decoded. `MLOPS_REDIS_URL` names a server to try as well.

#![allow(clippy::expect_used, missing_docs)]

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use mlops_data::Cell;
use mlops_features::online::{OnlineSettings, OnlineStore, Schema, Span, Stored, open};

const VIEW: &str = "readings";
const LAST: i32 = 40;

fn schema() -> Schema {
    let names: Vec<String> = (0..22).map(|at| format!("column {at}")).collect();
    Schema::new(&names.iter().map(String::as_str).collect::<Vec<_>>())
}

fn fill(store: &dyn OnlineStore, schema: Schema) {
    for entity in 0..49 {
        let name = format!("entity {entity}");
        let rows: Vec<(String, Stored)> = (1..=LAST)
            .map(|day| {
                let mut cells = vec![Cell::Date(day), Cell::Text(&name)];
                let number = |at: i32| f64::from(at * 37 + day * 11 + entity) / 10.0;
                cells.extend((0..16).map(|at| Cell::Number(number(at))));
                cells.extend(["NNE", "W", "SSE", "No"].map(Cell::Text));
                let cells = schema.encode(&cells).expect("as many as columns");
                let created = i64::from(day);
                let stored = Stored {
                    day,
                    created,
                    cells,
                };
                (name.clone(), stored)
            })
            .collect();
        store.push(VIEW, &rows).expect("the store can be written");
    }
}

fn read(store: &dyn OnlineStore, schema: Schema, spans: &[Span<'_>]) -> usize {
    let mut values = 0;
    store
        .scan(VIEW, spans, &mut |_, row| {
            let cells = schema.decode(row.cells).expect("as it was written");
            values += black_box(cells).len();
            Ok(())
        })
        .expect("the store can be read");
    values
}

fn vector(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("online.redb").display().to_string();
    let places = [Some(file), std::env::var("MLOPS_REDIS_URL").ok()];
    let names: Vec<String> = (0..21).map(|at| format!("entity {at}")).collect();
    let spans: Vec<Span<'_>> = names
        .iter()
        .enumerate()
        .map(|(at, entity)| Span {
            entity,
            from: if at == 0 { LAST - 30 } else { LAST - 1 },
            until: LAST,
        })
        .collect();
    let mut group = criterion.benchmark_group("one vector's observations");
    group.measurement_time(Duration::from_secs(3));
    for (store, name) in places.into_iter().flatten().zip(["redb", "redis"]) {
        let settings = OnlineSettings {
            store,
            keep: 40,
            prefix: "bench".into(),
        };
        let store = open(&settings).expect("the store opens");
        let schema = schema();
        fill(&*store, schema);
        assert_eq!(read(&*store, schema, &spans), (31 + 20 * 2) * 22);
        group.bench_function(name, |bencher| {
            bencher.iter(|| read(&*store, schema, &spans));
        });
    }
}

criterion_group!(benches, vector);
criterion_main!(benches);
