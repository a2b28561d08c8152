//! Values of the past for entity rows, from files and from the bucket.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[allow(dead_code)] // other suites use the rest
mod project;

use std::path::Path;

use assert_cmd::Command;
use mlops_data::{Column, Table, Values, calendar, tables};

const FEATURES: &str = "
entities: []
sources: []
views: []
services: []
tables:
- {name: load, file: load.parquet, keys: [machine], event: day, ttl_days: 2, fields: [mean, peak]}
- {name: kept, bucket: bucket, keys: [machine], event: day, created: known, fields: [mean, peak]}
";

const ENTITIES: &str = "machine,event_timestamp,fails
a,2020-01-02,no
b,2020-01-02 12:00:00,yes
a,2020-01-01 23:59:59.999999,no
a,2020-01-05,no
a,2020-01-02,no
c,2020-01-02,no
";

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Folder {
        let folder = Folder(tempfile::tempdir().unwrap());
        let contract = include_str!("../../../contract.yaml");
        std::fs::write(folder.path().join("contract.yaml"), contract).unwrap();
        std::fs::write(folder.path().join("features.yaml"), FEATURES).unwrap();
        std::fs::write(folder.path().join("asked.csv"), ENTITIES).unwrap();
        folder.write_loads(2.0);
        folder
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// Three days of two machines; the last row of `a` became known a day late.
    fn write_loads(&self, peak: f32) {
        let days = ["2020-01-01", "2020-01-01", "2020-01-02", "2019-12-31"];
        let known = ["2020-01-01", "2020-01-01", "2020-01-03", "2019-12-31"];
        let days_of = |texts: [&str; 4]| {
            Values::Date(
                texts
                    .map(|text| calendar::parse_iso(text).unwrap())
                    .to_vec(),
            )
        };
        let column = |name: &str, values| Column {
            name: name.into(),
            values,
        };
        let machine = Values::Category {
            codes: vec![0, 1, 0, 0],
            levels: vec!["a".into(), "b".into()],
        };
        let table = Table::new(vec![
            column("machine", machine),
            column("day", days_of(days)),
            column("known", days_of(known)),
            column("mean", Values::Single(vec![0.5, f32::NAN, 1.5, 0.25])),
            column("peak", Values::Single(vec![1.0, peak, 3.0, 0.5])),
        ]);
        tables::write(&self.path().join("load.parquet"), &table.unwrap()).unwrap();
    }

    fn run(&self, arguments: &str) -> (i32, String, String) {
        let output = Command::cargo_bin("rain")
            .unwrap()
            .current_dir(self.path())
            .args(arguments.split(' '))
            .output()
            .unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (
            output.status.code().unwrap(),
            text(output.stdout),
            text(output.stderr),
        )
    }

    fn good(&self, arguments: &str) -> String {
        let (code, stdout, stderr) = self.run(arguments);
        assert_eq!(code, 0, "{stderr}");
        stdout
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path().join(name)).unwrap()
    }
}

#[test]
fn entity_rows_get_what_was_known_at_their_instants() {
    let folder = Folder::new();
    let said =
        folder.good("features get --entities asked.csv --features load --out got/values.csv");
    assert_eq!(said, "6 entity rows × 2 features → got/values.csv\n");
    insta::assert_snapshot!(folder.read("got/values.csv"), @r"
    machine,event_timestamp,fails,mean,peak
    a,2020-01-02,no,0.5,1
    b,2020-01-02 12:00:00,yes,,2
    a,2020-01-01 23:59:59.999999,no,0.25,0.5
    a,2020-01-05,no,,
    a,2020-01-02,no,0.5,1
    c,2020-01-02,no,,
    ");
    let lines = folder.good("features get --entities asked.csv --features load:peak --full-names");
    insta::assert_snapshot!(lines.lines().take(2).collect::<Vec<_>>().join("\n"), @r#"
    {"machine":"a","event_timestamp":"2020-01-02","fails":"no","load__peak":1}
    {"machine":"b","event_timestamp":"2020-01-02 12:00:00","fails":"yes","load__peak":2}
    "#);
}

#[test]
fn a_table_in_the_bucket_gives_what_its_file_gives() {
    let folder = Folder::new();
    let (code, _, said) = folder.run("features get --entities asked.csv --features kept");
    insta::assert_snapshot!(format!("{code} {said}"), @r#"2 error: view "kept" has no values yet: `features import kept FILE` brings them"#);
    let said = [
        folder.good("features import kept load.parquet"),
        folder.good("features import kept load.parquet"),
    ];
    insta::assert_snapshot!(said.concat(), @r#"
    4 rows in 2 partitions: generation 1 of "kept"
    4 rows in 2 partitions: generation 1 of "kept", as it was
    "#);
    let get = |more: &str| {
        let ask =
            "features get --entities asked.csv --features kept:mean,kept:peak --out values.csv";
        folder.good(&format!("{ask}{more}"));
        folder.read("values.csv")
    };
    insta::assert_snapshot!(get(""), @r"
    machine,event_timestamp,fails,mean,peak
    a,2020-01-02,no,0.5,1
    b,2020-01-02 12:00:00,yes,,2
    a,2020-01-01 23:59:59.999999,no,0.25,0.5
    a,2020-01-05,no,1.5,3
    a,2020-01-02,no,0.5,1
    c,2020-01-02,no,,
    ");
    insta::assert_snapshot!(get(" --without-created"), @r"
    machine,event_timestamp,fails,mean,peak
    a,2020-01-02,no,1.5,3
    b,2020-01-02 12:00:00,yes,,2
    a,2020-01-01 23:59:59.999999,no,0.5,1
    a,2020-01-05,no,1.5,3
    a,2020-01-02,no,1.5,3
    c,2020-01-02,no,,
    ");
    folder.write_loads(9.0);
    assert!(
        folder
            .good("features import kept load.parquet")
            .contains("generation 2")
    );
    assert!(get("").contains("b,2020-01-02 12:00:00,yes,,9\n"));
}

#[test]
fn mistakes_are_told_with_what_to_do() {
    let folder = Folder::new();
    let mut told = String::new();
    for arguments in [
        "features get --entities asked.csv --features lode",
        "features get --entities asked.csv --features load:pek",
        "features get --entities asked.csv --features load,load",
        "features get --entities asked.csv --features load --time when",
        "features get --entities none.csv --features load",
        "features get --entities asked.csv --features load --out values.txt",
        "features import load load.parquet",
        "features import kept asked.csv",
    ] {
        let (code, _, said) = folder.run(arguments);
        told += &format!("{code} {said}");
    }
    insta::assert_snapshot!(told, @r#"
    2 error: --features lode: there is no such view or feature; there are load, kept
    2 error: --features load:pek: there is no such feature in this view; there are mean, peak
    2 error: the result would have two columns called "mean" ("mean" of view "load" and "mean" of view "load"): ask for full feature names, or for one of them only
    2 error: asked.csv has no column "when", which says as of when values are wanted; it has machine, event_timestamp, fails
    2 error: none.csv: could not read: it doesn't exist
    2 error: values.txt: the name must end in .csv or .parquet, to say how to write it
    2 error: view "load" has no bucket: give it `bucket:` in features.yaml
    2 error: asked.csv: this is no Parquet file; write one, with the ending .parquet
    "#);
}

/// Every feature of the service, as of each day's forecast: what training reads.
#[test]
fn a_service_gives_for_each_day_the_row_that_training_reads() {
    let folder = project::trained();
    let path = folder.path();
    let table = tables::read_any(&path.join("data/features.parquet")).unwrap();
    let column = |name: &str| Column {
        name: name.into(),
        values: table.get(name).unwrap().clone(),
    };
    let asked = Table::new(vec![column("Location"), column("Date")]).unwrap();
    tables::write(&path.join("asked.csv"), &asked).unwrap();
    let get = |more: &[&str]| {
        let ask = [
            "features",
            "get",
            "--entities",
            "asked.csv",
            "--out",
            "got.parquet",
        ];
        project::rain(path).args(ask).args(more).assert().success();
        tables::read_any(&path.join("got.parquet")).unwrap()
    };
    let got = get(&["--service", "daily"]);
    let features = table.columns().iter();
    let features: Vec<&Column> = features
        .filter(|column| matches!(column.values, Values::Single(_)))
        .collect();
    assert!(features.len() > 50);
    let bits = |values: &Values| match values {
        Values::Single(values) => values.iter().map(|value| value.to_bits()).collect(),
        _ => Vec::new(),
    };
    for feature in features {
        let values = got.get(&feature.name).unwrap();
        assert_eq!(bits(values), bits(&feature.values), "{}", feature.name);
    }
    // The bucket has the same table, once it was asked to keep it.
    let (asked, stored) = (["features", "get", "--entities", "asked.csv"], "--stored");
    let told = project::refused(
        path,
        &[&asked[..], &["--service", "daily", stored]].concat(),
    );
    insta::assert_snapshot!(told, @r#"error: the bucket has no features of service "daily" yet: `features build --store --set features.service=daily` brings them"#);
    let build = || {
        let build = ["features", "build", "--store"];
        let rain = &mut project::rain(path);
        let built = rain.args(project::SMALL).args(build).assert().success();
        String::from_utf8(built.get_output().stdout.clone()).unwrap()
    };
    let first = build();
    insta::assert_snapshot!(first.lines().last().unwrap(), @"in the bucket: 4,000 rows in 3 partitions: generation 1");
    assert_eq!(build(), first, "the same table isn't kept twice");
    let from_bucket = get(&["--service", "daily", stored]);
    for column in got.columns() {
        assert_eq!(
            bits(from_bucket.get(&column.name).unwrap()),
            bits(&column.values)
        );
    }
    assert_eq!(from_bucket.rows(), got.rows());
    // A day by itself is its midnight, when only the day before is over.
    let midnight = get(&["--features", "today:humidity_3pm"]);
    let (Some(Values::Single(at_midnight)), Some(Values::Single(of_day)), Some(Values::Date(days))) = (
        midnight.get("humidity_3pm"),
        table.get("humidity_3pm"),
        table.get("Date"),
    ) else {
        panic!("the columns have other types");
    };
    let Some(Values::Category { codes, .. }) = table.get("Location") else {
        panic!("stations are words");
    };
    let mut compared = 0;
    for row in 0..days.len() {
        let before =
            (0..days.len()).find(|at| codes[*at] == codes[row] && days[*at] == days[row] - 1);
        if let Some(before) = before.filter(|before| !of_day[*before].is_nan()) {
            assert_eq!(at_midnight[row], of_day[before]);
            compared += 1;
        }
    }
    assert!(compared > 1000);
}
