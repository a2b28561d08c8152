//! Generated weather is the same for the same seed, and looks like weather.

use mlops_data::Values;

use super::*;
use crate::climate::{self, variable::Variable};

fn weather(options: Options) -> Table {
    table(climate::embedded().unwrap(), options).unwrap()
}

fn csv(options: Options) -> Vec<u8> {
    let mut sink = CsvSink::new(Vec::new(), Path::new("memory")).unwrap();
    generate(climate::embedded().unwrap(), options, &mut sink).unwrap();
    sink.finish().unwrap()
}

fn numbers(table: &Table, variable: Variable) -> &[f64] {
    match table.get(variable.name()) {
        Some(Values::Number(values)) => values,
        other => panic!("{other:?}"),
    }
}

fn codes<'a>(table: &'a Table, name: &str) -> &'a [u32] {
    match table.get(name) {
        Some(Values::Category { codes, .. }) => codes,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_seed_gives_the_same_bytes_on_one_thread_and_on_many() {
    let options = Options::new(800, 60, 5).unwrap();
    let threads = |count| {
        rayon::ThreadPoolBuilder::new()
            .num_threads(count)
            .build()
            .unwrap()
    };
    let one = threads(1).install(|| csv(options));
    assert!(one == threads(3).install(|| csv(options)));
    assert!(one != csv(Options { seed: 6, ..options }));
}

#[test]
fn a_longer_run_begins_with_the_shorter() {
    let long = csv(Options::new(1100, 49, 2).unwrap());
    let short = csv(Options::new(700, 49, 2).unwrap());
    assert!(long.starts_with(&short));
}

#[test]
fn every_row_keeps_the_rules_of_the_data() {
    let stations = 60;
    let table = weather(Options::new(1000, stations, 3).unwrap());
    assert_eq!(table.rows(), 60_000);
    let of = |variable| numbers(&table, variable);
    let (rain, today, tomorrow) = (
        of(Variable::Rainfall),
        codes(&table, "RainToday"),
        codes(&table, "RainTomorrow"),
    );
    let mut known = 0;
    for row in 0..table.rows() {
        let at_most = |low: Variable, high: Variable| {
            let (low, high) = (of(low)[row], of(high)[row]);
            assert!(low <= high || low.is_nan() || high.is_nan(), "row {row}");
        };
        at_most(Variable::MinTemp, Variable::MaxTemp);
        at_most(Variable::MinTemp, Variable::Temp9am);
        at_most(Variable::Temp9am, Variable::MaxTemp);
        at_most(Variable::Temp3pm, Variable::MaxTemp);
        at_most(Variable::WindSpeed9am, Variable::WindGustSpeed);
        at_most(Variable::WindSpeed3pm, Variable::WindGustSpeed);
        let expected = match rain[row] {
            mm if mm.is_nan() => u32::MAX,
            mm => u32::from(mm > 1.0),
        };
        assert_eq!(today[row], expected, "row {row}: {} mm", rain[row]);
        if let Some(next) = today.get(row + stations as usize) {
            assert_eq!(tomorrow[row], *next, "row {row}");
            known += 1;
        }
    }
    assert_eq!(known, 999 * 60);
}

#[test]
fn the_file_reads_back_as_the_table() {
    let options = Options::new(40, 50, 4).unwrap();
    let table = weather(options);
    let text = String::from_utf8(csv(options)).unwrap();
    let mut lines = text.lines();
    let header: Vec<&str> = lines.next().unwrap().split(',').collect();
    let names: Vec<&str> = table.columns().iter().map(|c| c.name.as_str()).collect();
    assert_eq!(header, names);
    assert_eq!(lines.clone().count(), table.rows());
    for (row, line) in lines.enumerate() {
        let cells = table
            .columns()
            .iter()
            .map(|c| c.values.cell(row).to_string());
        assert_eq!(line, cells.collect::<Vec<_>>().join(","));
    }
}

#[test]
fn further_stations_have_some_of_the_weather_of_those_they_stand_around() {
    let table = weather(Options::new(3000, 51, 8).unwrap());
    let today = codes(&table, "RainToday");
    // Station 49 stands around station 0 and 50 around 1.
    let agree = |a: usize, b: usize| {
        let days = today
            .chunks_exact(51)
            .filter(|day| day[a] < 2 && day[b] < 2);
        let (same, all) = days.fold((0, 0), |(same, all), day| {
            (same + u32::from(day[a] == day[b]), all + 1)
        });
        f64::from(same) / f64::from(all)
    };
    let (near, far) = (agree(0, 49), agree(0, 50));
    assert!(near > far + 0.08 && near < 0.99, "{near} {far}");
}

#[test]
fn nothing_and_too_much_are_refused() {
    let error = |days, stations| Options::new(days, stations, 0).unwrap_err().to_string();
    assert_eq!(error(0, 1), "--days is 0: it must be at least 1");
    assert_eq!(error(1, 0), "--stations is 0: it must be from 1 to 1000000");
    assert_eq!(
        error(4_000_000, 1),
        "--days is 4000000: it must be days from 1583 to 2399, which are the years of a table"
    );
    let late = *calendar::ALLOWED.end();
    assert!(Options::new(1, 1, 0).unwrap().starting(late).is_ok());
    assert!(Options::new(2, 1, 0).unwrap().starting(late).is_err());
}

#[test]
fn the_first_day_is_the_one_asked_for() {
    let start = calendar::day(2020, 2, 28).unwrap();
    let text = csv(Options::new(3, 2, 0).unwrap().starting(start).unwrap());
    let text = String::from_utf8(text).unwrap();
    let dates: Vec<&str> = text.lines().skip(1).map(|line| &line[..10]).collect();
    let expected = [
        "2020-02-28",
        "2020-02-28",
        "2020-02-29",
        "2020-02-29",
        "2020-03-01",
        "2020-03-01",
    ];
    assert_eq!(dates, expected);
}

#[test]
fn a_file_that_cannot_be_written_is_named_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("nowhere").join("weather.csv");
    let climate = climate::embedded().unwrap();
    let error = file(climate, Options::new(1, 1, 0).unwrap(), &path, &|_, _| {}).unwrap_err();
    assert!(error.to_string().contains("nowhere"), "{error}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_file_is_written_through_no_link_and_reports_its_rows() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weather.csv");
    let climate = climate::embedded().unwrap();
    let options = Options::new(1500, 49, 1).unwrap();
    let told = std::cell::RefCell::new(Vec::new());
    let victim = folder.path().join("theirs");
    std::fs::write(&victim, "theirs").unwrap();
    for name in ["weather.csv", "weather.csv.part"] {
        std::os::unix::fs::symlink(&victim, folder.path().join(name)).unwrap();
    }
    let tell = |done, total| told.borrow_mut().push((done, total));
    assert_eq!(file(climate, options, &path, &tell).unwrap(), 73_500);
    let told = told.into_inner();
    assert!(told.len() > 1 && told.is_sorted(), "{told:?}");
    assert_eq!(told.last(), Some(&(73_500, 73_500)));
    assert!(std::fs::read(&path).unwrap() == csv(options));
    assert!(!path.is_symlink());
    assert_eq!(std::fs::read_to_string(&victim).unwrap(), "theirs");
}

#[test]
fn what_a_killed_run_has_left_is_replaced_by_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weather.csv");
    let mut killed = Staged::resume(&path, "generated").unwrap().staged;
    killed.write_bytes(&[b'x'; 100_000]).unwrap();
    drop(killed);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    let options = Options::new(3, 2, 0).unwrap();
    file(climate::embedded().unwrap(), options, &path, &|_, _| {}).unwrap();
    assert!(std::fs::read(&path).unwrap() == csv(options));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn months_are_as_wet_as_the_climate_says() {
    let climate = climate::embedded().unwrap();
    let table = weather(Options::new(365 * 40, 49, 11).unwrap());
    let (rain, months) = (numbers(&table, Variable::Rainfall), {
        let Some(Values::Date(days)) = table.get("Date") else {
            panic!("no dates")
        };
        days
    });
    for month in 1..=12 {
        // A day's rain is read on the next morning and counts for the day before.
        let of_month = rain[49..]
            .iter()
            .zip(months)
            .filter(|(mm, day)| calendar::month(**day) == month && !mm.is_nan());
        let (wet, all) = of_month.fold((0, 0), |(wet, all), (mm, _)| {
            (wet + u32::from(*mm > 1.0), all + 1)
        });
        let said = climate
            .places
            .iter()
            .filter_map(|place| place.rain.as_ref());
        let said = said.map(|rain| rain[month as usize - 1]);
        let said = said.map(|rain| 1.0 - rain.none - rain.trace).sum::<f64>() / 49.0;
        let share = f64::from(wet) / f64::from(all);
        assert!(
            (share - said).abs() < 0.015,
            "month {month}: {share} instead of {said}"
        );
    }
}
