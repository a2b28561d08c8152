//! The model behind HTTP, answering from the online store.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use serde_json::{Map, Value, json};

use super::shell::{Server, Shell};
use super::{LABEL, PREDICTIONS, TABLE, http};

/// How many answers the tour shows.
const SHOWN: usize = 5;

/// The observations of a day, each with what `rain predict` says of it.
type Day = Vec<(Value, Value)>;

/// Brings all days but the last into the online store and serves from it: the last
/// day's observations come as requests.
pub fn serve(shell: &mut Shell) -> Result<Vec<(Value, Value)>> {
    let mut days = by_day(shell)?;
    let (last, observations) = days.pop_last().context("the table is empty")?;
    let (until, _) = days.pop_last().context("the table has a single day")?;
    shell.step(
        "Bring the history into the online store, but for its last day",
        &["features", "materialize", "--until", &until],
    )?;
    shell.heading("Serve the model from the store and ask it over HTTP");
    let server = shell.serve(&["serve", "--listen", "127.0.0.1:0"])?;
    ensure!(
        http::get(&server.address, "/v2/health/ready")?.status == 200,
        "the service isn't ready"
    );
    for (observation, _) in &observations {
        ask(&server, observation)?;
    }
    shell.say(&format!(
        "POST /v1/predict, {} times: each station reports its {last}",
        observations.len()
    ));
    let mut answers = Vec::new();
    for (observation, predicted) in observations.iter().take(SHOWN) {
        let answer = ask(&server, observation)?;
        ensure!(
            answer["probability"] == predicted["probability"]
                && answer["decision"] == predicted["decision"],
            "the service says {answer}, `rain predict` said {predicted}"
        );
        shell.say(&format!(
            "POST /v1/predict {} → 200 {answer}",
            short(observation)
        ));
        answers.push((observation.clone(), answer));
    }
    shell.say(&format!(
        "These {} answers equal those of `rain predict`, to the bit.",
        answers.len()
    ));
    refuses_nonsense(shell, &server)?;
    server.stop()?;
    let logged = shell.read_json_lines("predictions/log.jsonl")?.len();
    let given = observations.len() + answers.len();
    ensure!(
        logged == given,
        "{logged} answers were logged, {given} given"
    );
    shell.say(&format!("{logged} answers in predictions/log.jsonl"));
    Ok(answers)
}

fn refuses_nonsense(shell: &Shell, server: &Server) -> Result<()> {
    let nonsense = json!({ "Date": "2017-06-25", "Location": "Sydney", "Humidity3pm": "damp" });
    let answer = http::post(&server.address, "/v1/predict", &nonsense)?;
    ensure!(
        answer.status == 400,
        "nonsense was answered {}: {}",
        answer.status,
        answer.body
    );
    shell.say(&format!(
        "POST /v1/predict {nonsense} → 400 {}",
        answer.body
    ));
    Ok(())
}

fn ask(server: &Server, observation: &Value) -> Result<Value> {
    let answer = http::post(&server.address, "/v1/predict", observation)?;
    ensure!(
        answer.status == 200,
        "the service answered {}: {}",
        answer.status,
        answer.body
    );
    Ok(answer.body)
}

/// The table's days in order.
fn by_day(shell: &Shell) -> Result<BTreeMap<String, Day>> {
    let table = shell.folder().join(TABLE);
    let table = std::fs::read_to_string(table).context(TABLE)?;
    let mut rows = table.lines().map(|line| line.split(','));
    let names: Vec<&str> = rows.next().context("the table is empty")?.collect();
    let mut days = BTreeMap::<String, Day>::new();
    for (cells, predicted) in rows.zip(shell.read_json_lines(PREDICTIONS)?) {
        let observation = observation(&names, cells);
        let day = observation["Date"].as_str().unwrap_or_default().to_string();
        let day = days.entry(day).or_default();
        day.push((Value::Object(observation), predicted));
    }
    Ok(days)
}

/// A row as a request has it: without what is missing, and without what comes tomorrow.
fn observation<'a>(names: &[&str], cells: impl Iterator<Item = &'a str>) -> Map<String, Value> {
    let known = (names.iter().zip(cells)).filter(|(name, cell)| **name != LABEL && *cell != "NA");
    known
        .map(|(name, cell)| {
            let number = cell.parse::<f64>();
            let value = number.map_or_else(|_| json!(cell), |number| json!(number));
            ((*name).to_string(), value)
        })
        .collect()
}

fn short(observation: &Value) -> String {
    let field = |name: &str| observation[name].as_str().unwrap_or("?").to_string();
    format!("{{{} {} …}}", field("Date"), field("Location"))
}
