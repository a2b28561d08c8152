//! The way through the online store gives the features that the table has, to the bit.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod project;

use std::path::Path;

use mlops_data::calendar::{Day, format_iso};
use mlops_data::tables::{self, LabelNeed, ReadOptions};
use mlops_data::{Contract, Table, Values};
use mlops_features::online::{OnlineSettings, OnlineWindows, TableSource, open};
use mlops_features::{
    DAY_MICROS, Definitions, FeatureService, History, Observation, Windows, end_of, observe,
};
use project::{SMALL, rain, refused, trained};
use rain::features;
use rain::generator::{self, Options};
use rain::observation::Weather;
use serde_json::Value;

const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
const REAL: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../../../shared/data/weatherAUS.csv"
);

/// Which stations' observations are known at the end of their day.
#[derive(Clone, Copy, PartialEq)]
enum Punctual {
    All,
    Half,
}

/// When an observation becomes known: at the end of its day, or up to three days later.
fn created(punctual: Punctual, station: u32, day: Day) -> i64 {
    let late = punctual == Punctual::Half && station % 2 == 1;
    let quarters = (i64::from(day) * 5 + i64::from(station)).rem_euclid(13);
    end_of(day) + i64::from(late) * quarters * DAY_MICROS / 4
}

fn contract() -> Contract {
    Contract::read(&Path::new(EXAMPLE).join("contract.yaml")).unwrap()
}

fn generated() -> Table {
    let options = Options::new(300, 14, 3).unwrap();
    generator::table(rain::climate::embedded().unwrap(), options).unwrap()
}

/// Pushes each observation when it becomes known, and at the end of each day compares
/// every feature of the day's rows with those of the table. Gives the number of rows
/// compared, and of those that differ from what punctual stations would have given.
fn replay(table: &Table, punctual: Punctual) -> (usize, usize) {
    let contract = contract();
    let definitions = Path::new(EXAMPLE).join("features.yaml");
    let definitions = Definitions::read(&definitions, &contract).unwrap();
    let registry = features::registry();
    let service = FeatureService::<Weather>::declared(&registry, &definitions, "daily", &[]);
    let service = service.unwrap();
    let observations = observe::<Weather>(table).unwrap();
    let training: Vec<&Weather> = observations.iter().take(observations.len() / 2).collect();
    let reference = features::fit_reference(&training);

    let Some(Values::Category { codes, .. }) = table.get(&contract.entity) else {
        panic!("a table of weather has stations");
    };
    let created = |row: usize, day: Day| created(punctual, codes[row], day);
    let known = observations.iter().enumerate();
    let known = known.map(|(row, weather)| (weather, created(row, weather.day())));
    let history = History::with_created(known);
    let offline = Windows::new(&history, &reference, service.extent()).prepared();

    let folder = tempfile::tempdir().unwrap();
    let store = open(&OnlineSettings {
        store: folder.path().join("online.redb").display().to_string(),
        ..OnlineSettings::default()
    })
    .unwrap();
    let online = OnlineWindows::<Weather>::new(&*store, "weather", &reference, service.extent());
    let source = TableSource::<Weather>::new(table).unwrap();
    let mut rows = source.rows(created).unwrap();
    rows.sort_by_key(|(_, row)| row.created);

    let mut by_day: Vec<&Weather> = observations.iter().collect();
    by_day.sort_by_key(|weather| weather.day());
    let (mut pushed, mut otherwise) = (0, 0);
    let (mut scratch, mut again) = (Vec::new(), Vec::new());
    let bits = |row: Vec<f32>| -> Vec<u32> { row.into_iter().map(f32::to_bits).collect() };
    for today in by_day.chunk_by(|a, b| a.day() == b.day()) {
        let now = end_of(today[0].day());
        let until = rows.partition_point(|(_, row)| row.created <= now);
        store.push("weather", &rows[pushed..until]).unwrap();
        pushed = until;
        for &weather in today {
            let expected = offline.with(weather, now, &mut scratch, |w| bits(service.row(w)));
            let around = online.around(weather).unwrap();
            let found = around.window(weather, now, |window| bits(service.row(window)));
            assert_eq!(
                found,
                expected,
                "{} {}",
                weather.entity(),
                format_iso(weather.day())
            );
            if punctual == Punctual::Half {
                let all = offline.with(weather, i64::MAX, &mut again, |w| bits(service.row(w)));
                otherwise += usize::from(all != expected);
            }
        }
    }
    (by_day.len(), otherwise)
}

#[test]
fn generated_weather_replayed_day_by_day_gives_the_tables_rows() {
    let (rows, _) = replay(&generated(), Punctual::All);
    assert_eq!(rows, 300 * 14);
}

#[test]
fn so_it_does_with_half_of_the_stations_late() {
    let (rows, otherwise) = replay(&generated(), Punctual::Half);
    assert_eq!(rows, 300 * 14);
    assert!(otherwise > rows / 10, "lateness shows in {otherwise} rows");
}

#[test]
fn real_weather_replayed_day_by_day_gives_the_tables_rows() {
    let path = Path::new(REAL);
    if !path.exists() {
        eprintln!("SKIPPED: {REAL} isn't there, so this was not tested on real weather");
        return;
    }
    let options = ReadOptions {
        label: LabelNeed::Optional,
    };
    let table = tables::read(path, &contract(), options).unwrap().table;
    assert_eq!(replay(&table, Punctual::All).0, table.rows());
    let (rows, otherwise) = replay(&table, Punctual::Half);
    assert_eq!(rows, table.rows());
    assert!(otherwise > rows / 10, "lateness shows in {otherwise} rows");
}

/// What a command says in JSON.
fn said(folder: &Path, arguments: &[&str]) -> Value {
    let mut command = rain(folder);
    command.args(SMALL).arg("--json").args(arguments);
    let output = command.assert().success().get_output().stdout.clone();
    serde_json::from_slice(&output).unwrap()
}

/// The last day of the feature table, the station of a row of it, and its features.
fn last_row(folder: &Path) -> (Day, String, Vec<Option<f32>>) {
    let table = tables::read_any(&folder.join("data/features.parquet")).unwrap();
    let Some(Values::Date(days)) = table.get("Date") else {
        panic!("a feature table has dates");
    };
    let last = *days.iter().max().unwrap();
    let row = days.iter().position(|day| *day == last).unwrap();
    let station = table.get("Location").unwrap().cell(row).to_string();
    let columns = table.columns().iter();
    let features = columns.filter_map(|column| match &column.values {
        Values::Single(values) => Some(Some(values[row]).filter(|value| !value.is_nan())),
        _ => None,
    });
    (last, station, features.collect())
}

#[test]
fn the_commands_bring_observations_in_and_features_out() {
    let folder = trained();
    let path = folder.path();
    let (last, station, expected) = last_row(path);
    let station = station.as_str();
    let day = format_iso(last);
    let materialize = ["features", "materialize", "--until", &day];
    let done = said(path, &materialize);
    assert_eq!(done["rows"], 500 * 8);
    assert_eq!(
        done["changed"],
        40 * 8,
        "of each station 40 days are kept: {done}"
    );
    assert_eq!(said(path, &materialize)["changed"], 0);
    let incremental = ["features", "materialize-incremental", "--until", &day];
    assert_eq!(said(path, &incremental)["rows"], 8);

    for model in [&[][..], &["--model", "models/model.bin"]] {
        let get = ["features", "get-online", station, "Atlantis", "--now", &day];
        let answer = said(path, &[&get[..], model].concat());
        let found = &answer["results"][0];
        assert_eq!(found["event"], *day);
        for (at, expected) in expected.iter().enumerate() {
            let value = found["values"][at].as_f64().map(|value| value as f32);
            assert_eq!(value, *expected, "{}", answer["features"][at]);
            let status = if expected.is_some() {
                "PRESENT"
            } else {
                "NULL"
            };
            assert_eq!(found["statuses"][at], *status);
        }
        assert_eq!(answer["results"][1]["statuses"][0], "NOT_FOUND");
    }

    let later = format_iso(last + 5);
    let answer = said(path, &["features", "get-online", station, "--now", &later]);
    let statuses = answer["results"][0]["statuses"].as_array().unwrap();
    assert_eq!(statuses[0], "OUTSIDE_MAX_AGE");
    assert!(
        statuses.contains(&"PRESENT".into()),
        "the calendar is never too old"
    );

    let line =
        serde_json::json!({"Date": format_iso(last + 1), "Location": station, "MinTemp": -7.5});
    std::fs::write(path.join("new.jsonl"), format!("{line}\n")).unwrap();
    let tomorrow = format_iso(last + 1);
    let push = ["features", "push", "new.jsonl", "--now", &tomorrow];
    assert_eq!(said(path, &push)["changed"], 1);
    assert_eq!(said(path, &push)["changed"], 0);
    let answer = said(
        path,
        &["features", "get-online", station, "--now", &tomorrow],
    );
    assert_eq!(answer["results"][0]["event"], *tomorrow);
    assert_eq!(answer["results"][0]["values"][0], -7.5);
}

/// Declares a second source, whose table stands in a file of its own.
fn with_two_sources(folder: &Path) {
    let path = folder.join("features.yaml");
    let text = std::fs::read_to_string(&path).unwrap();
    let second = "sources:\n  - {name: upper_air, event: Date, file: data/upper_air.csv}\n";
    std::fs::write(path, text.replacen("sources:\n", second, 1)).unwrap();
    let table = folder.join("data/weatherAUS.csv");
    let table = std::fs::read_to_string(table).unwrap();
    let few: Vec<&str> = table.lines().take(21).collect();
    std::fs::write(folder.join("data/upper_air.csv"), few.join("\n")).unwrap();
}

#[test]
fn each_source_is_stored_and_a_service_reads_its_own() {
    let folder = trained();
    let path = folder.path();
    with_two_sources(path);
    let (last, station, _) = last_row(path);
    let day = format_iso(last);
    let materialize = ["features", "materialize", "--until", &day];
    let mut command = rain(path);
    let output = command
        .args(["--json"])
        .args(materialize)
        .assert()
        .success();
    let said_of_each = serde_json::Deserializer::from_slice(&output.get_output().stdout)
        .into_iter::<Value>()
        .map(|done| {
            let done = done.unwrap();
            (done["source"].to_string(), done["rows"].as_u64().unwrap())
        })
        .collect::<Vec<_>>();
    let expected = [("\"upper_air\"", 20), ("\"weather\"", 500 * 8)];
    assert_eq!(
        said_of_each,
        expected.map(|(source, rows)| (source.to_string(), rows))
    );
    let one = said(
        path,
        &[&materialize[..], &["--source", "upper_air"]].concat(),
    );
    assert_eq!([&one["rows"], &one["changed"]], [20, 0]);
    let answer = said(path, &["features", "get-online", &station, "--now", &day]);
    assert_eq!(answer["results"][0]["event"], *day);

    std::fs::write(path.join("new.jsonl"), "").unwrap();
    insta::assert_snapshot!(refused(path, &["features", "push", "new.jsonl"]), @"error: features.yaml: it declares several sources, upper_air, weather: name the one that is meant");
    insta::assert_snapshot!(refused(path, &["features", "push", "new.jsonl", "--source", "radar"]), @r#"error: features.yaml: no source is called "radar"; the sources are upper_air, weather"#);
    insta::assert_snapshot!(refused(path, &["features", "materialize", "data/weatherAUS.csv"]), @"error: features.yaml: it declares several sources, upper_air, weather: name the one that is meant");
    let definitions = path.join("features.yaml");
    let text = std::fs::read_to_string(&definitions).unwrap();
    let both = text.replacen("from: [weather]", "from: [weather, upper_air]", 1);
    std::fs::write(definitions, both).unwrap();
    insta::assert_snapshot!(refused(path, &["features", "get-online", &station]), @r#"error: features.yaml: service "daily" is made from the sources "upper_air" and "weather", but a window is made of the observations of one: let its views read a single source"#);
}

#[test]
fn mistakes_with_the_online_store_are_told_with_what_to_do() {
    let folder = trained();
    let get = ["features", "get-online", "Sydney"];
    let with = |setting: &str| refused(folder.path(), &[&["--set", setting], &get[..]].concat());
    insta::assert_snapshot!(with("online.keep=3"), @r#"error: online store "data/online.redb": `keep` is 3, and a window of these features reaches over 8 days: keep at least so many, and materialize again"#);
    insta::assert_snapshot!(with("online.store=memcached://host"), @r#"error: online store "memcached://host": it is neither a path nor redis://HOST:PORT/DATABASE"#);
    let no_server = with("online.store=redis://127.0.0.1:1/0");
    assert!(
        no_server.contains("Start it (`redis-server`)"),
        "{no_server}"
    );
    let wrong_day = refused(folder.path(), &[&get[..], &["--now", "tomorrow"]].concat());
    insta::assert_snapshot!(wrong_day, @r#"error: --now is "tomorrow": give a date as yyyy-mm-dd"#);
    let no_file = refused(folder.path(), &["features", "push", "nowhere.csv"]);
    assert!(no_file.contains("nowhere.csv"), "{no_file}");
}

#[test]
fn an_answer_is_timed_as_often_as_asked() {
    let folder = trained();
    let path = folder.path();
    let (last, station, _) = last_row(path);
    let day = format_iso(last);
    said(path, &["features", "materialize", "--until", &day]);
    let get = ["features", "get-online", &station, "--now", &day];
    let once = said(path, &get);
    assert!(once.get("timing").is_none());
    let often = said(path, &[&get[..], &["--repeat", "20"]].concat());
    assert_eq!(often["results"], once["results"]);
    assert_eq!(often["timing"]["answers"], 20);
    let micros = |name: &str| often["timing"][name].as_f64().unwrap();
    assert!(0.0 < micros("median") && micros("median") <= micros("p99"));
}
