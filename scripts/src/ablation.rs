//! What each view of features is worth, and how good a mistake would have looked.

use anyhow::{Context, Result, ensure};
use serde_json::{Map, Value, json};

use crate::metrics::brief;
use crate::tour::TABLE;
use crate::tour::shell::Shell;

/// Variants of a service: its name, what is left out of it, and what to call the result.
const VARIANTS: [(&str, &str, &str); 12] = [
    ("daily", "", "daily"),
    ("daily", "history", "daily_without_history"),
    ("daily", "telling", "daily_without_telling"),
    ("daily", "single", "daily_without_single"),
    ("daily", "history,telling,single", "own_day"),
    ("daily", "telling,single", "own_days"),
    (
        "everything",
        "rain_history,nearest,climate",
        "daily_with_derived",
    ),
    (
        "everything",
        "rain_history,nearest,derived",
        "daily_with_climate",
    ),
    (
        "everything",
        "rain_history,derived,climate",
        "daily_with_nearest",
    ),
    (
        "everything",
        "nearest,derived,climate",
        "daily_with_rain_history",
    ),
    (
        "everything",
        "telling,single,rain_history,derived,climate",
        "daily_with_nearest_instead",
    ),
    ("afternoon", "", "afternoon"),
];
/// Columns read at 9 am: to a program that takes local time for that of Greenwich, the next
/// day's stand beside today's.
const MORNING: [&str; 4] = ["Humidity9am", "Pressure9am", "Cloud9am", "Temp9am"];
const SHIFTED: &str = "data/shifted.csv";

/// Trains a model for each variant on real weather.
pub fn ablation(shell: &mut Shell) -> Result<Value> {
    let mut variants = Map::new();
    for (service, without, name) in VARIANTS {
        let service = format!("features.service={service}");
        let without = format!("features.without=[{without}]");
        let settings = ["--set", &service, "--set", &without];
        variants.insert(name.into(), built(shell, TABLE, &settings)?);
    }
    Ok(Value::Object(variants))
}

/// What one would have believed: of rows split at random, and of tomorrow's morning.
pub fn believed(shell: &mut Shell, random: &str) -> Result<Value> {
    let at_random = built(shell, TABLE, &["--set", random])?;
    let text = std::fs::read_to_string(shell.folder().join(TABLE)).context(TABLE)?;
    std::fs::write(shell.folder().join(SHIFTED), shifted(&text)?).context(SHIFTED)?;
    let looking_ahead = built(shell, SHIFTED, &[])?;
    Ok(json!({ "random_split": at_random, "looking_ahead": looking_ahead }))
}

/// Builds features of a table, trains on them and evaluates.
pub fn built(shell: &mut Shell, table: &str, settings: &[&str]) -> Result<Value> {
    let own = ["--set", "model.kind=boosting"];
    let settings: Vec<&str> = settings.iter().chain(&own).copied().collect();
    let run = |shell: &mut Shell, what: &str, words: &[&str]| {
        let words: Vec<&str> = words.iter().chain(&settings).copied().collect();
        shell.step(what, &words)
    };
    let out = "data/ablation.parquet";
    run(
        shell,
        "Build features",
        &["features", "build", table, "--out", out],
    )?;
    let model = "models/ablation.bin";
    run(shell, "Train on them", &["train", out, "--out", model])?;
    let scores = "metrics/ablation";
    run(
        shell,
        "Evaluate it",
        &["evaluate", out, "--model", model, "--out", scores],
    )?;
    let scores = shell.read_json(&format!("{scores}/scores.json"))?;
    let mut result = brief(&scores);
    result["features"] = scores["features"].clone();
    ensure!(
        result["features"].is_u64(),
        "the scores don't say of how many features"
    );
    Ok(result)
}

/// The table with the morning's columns taken from the next day of the station.
fn shifted(table: &str) -> Result<String> {
    let mut lines = table.lines();
    let header = lines.next().context("the table is empty")?;
    let names: Vec<&str> = header.split(',').collect();
    let morning: Vec<usize> = MORNING
        .iter()
        .map(|name| names.iter().position(|other| other == name).context(*name))
        .collect::<Result<_>>()?;
    let rows: Vec<Vec<&str>> = lines.map(|line| line.split(',').collect()).collect();
    let mut text = format!("{header}\n");
    for (at, row) in rows.iter().enumerate() {
        let mut row = row.clone();
        // The file has the days of a station in a row; a gap is no matter here.
        let next = rows.get(at + 1).filter(|next| next[1] == row[1]);
        for column in &morning {
            row[*column] = next.map_or("NA", |next| next[*column]);
        }
        text.push_str(&row.join(","));
        text.push('\n');
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_morning_comes_from_the_next_day_of_the_same_station() {
        let table = "Date,Location,Humidity9am,Pressure9am,Cloud9am,Temp9am,Rainfall
1,A,10,11,12,13,1
2,A,20,21,22,23,2
1,B,30,31,NA,33,3
";
        let expected = "Date,Location,Humidity9am,Pressure9am,Cloud9am,Temp9am,Rainfall
1,A,20,21,22,23,1
2,A,NA,NA,NA,NA,2
1,B,NA,NA,NA,NA,3
";
        assert_eq!(shifted(table).unwrap(), expected);
    }
}
