use std::process::ExitCode;
use std::time::Instant;

use mlops_data::fault::{Change, Fault};
use mlops_data::statistics::{self, Summary, TableStatistics};
use mlops_data::{check, tables};
use serde_json::json;

use super::{fetch, parse_day, read_table, write_json, write_table};
use crate::arguments::{ChangeCommand, DataCommand, FaultArguments};
use crate::output::thousands;
use crate::{Context, Outcome, Pin, Unit};

pub(super) fn run(command: DataCommand, context: Context) -> Outcome<ExitCode> {
    match command {
        DataCommand::Import(arguments) => fetch::import(&arguments, context)?,
        DataCommand::Fetch(arguments) => fetch::fetch(arguments, context)?,
        DataCommand::Check {
            file,
            report: copy,
            out,
        } => {
            let started = Instant::now();
            let contract = context.contract()?;
            let progress = context.output.progress("reading the table", Unit::Time);
            let table = read_table(&file, &contract, tables::LabelNeed::Required)?;
            let read = started.elapsed().as_secs_f64();
            progress.say("checking the table".into());
            let report = check::check(&table, &contract);
            let checked = started.elapsed().as_secs_f64();
            drop(progress);
            tracing::info!("read in {read:.4} s, read and checked in {checked:.4} s");
            if let Some(copy) = copy {
                write_json(&copy, &report)?;
            }
            let mut text = report.to_string();
            if let Some(out) = out.filter(|_| report.passed()) {
                write_table(&out, &table, &contract.missing)?;
                text += &format!("{} rows → {}", thousands(table.rows()), out.display());
            }
            context.output.show(&report, text.trim_end())?;
            return Ok(if report.passed() {
                ExitCode::SUCCESS
            } else {
                ExitCode::from(2)
            });
        }
        DataCommand::Describe { file } => {
            let table = read_table(&file, &context.contract()?, tables::LabelNeed::Optional)?;
            let statistics = statistics::describe(&table);
            context.output.show(&statistics, described(&statistics))?;
        }
        DataCommand::Fault(arguments) => fault(arguments, context)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// A line a column: rows without a value, then what the values are like.
fn described(statistics: &TableStatistics) -> String {
    let mut text = format!("{} rows\n", thousands(statistics.rows));
    for column in &statistics.columns {
        let missing = column.missing as f64 / statistics.rows.max(1) as f64 * 100.0;
        text.push_str(&format!(
            "{:<16} {missing:5.1} % missing  {}\n",
            column.name,
            summary(&column.values)
        ));
    }
    text
}

fn summary(values: &Summary) -> String {
    match values {
        Summary::Number(Some(numbers)) => format!(
            "mean {}, std {}, {} to {}, quartiles {} {} {}",
            hundredths(numbers.mean),
            hundredths(numbers.std),
            whole(numbers.min),
            whole(numbers.max),
            thousandths(numbers.quantiles[1]),
            thousandths(numbers.quantiles[2]),
            thousandths(numbers.quantiles[3])
        ),
        Summary::Category(counts) => {
            let shown = counts
                .iter()
                .take(4)
                .map(|(word, count)| format!("{word} {}", thousands(*count)));
            let more = if counts.len() > 4 {
                format!(" and {} more", counts.len() - 4)
            } else {
                String::new()
            };
            format!("{}{more}", shown.collect::<Vec<_>>().join(", "))
        }
        Summary::Date(Some((first, last))) => format!("{first} to {last}"),
        Summary::Number(None) | Summary::Date(None) => "no value".into(),
    }
}

/// Sizes that people write with all their digits; others have an exponent.
const PLAIN: std::ops::Range<f64> = 1e-5..1e15;

/// All digits of a number of the table.
fn whole(value: f64) -> String {
    match value == 0.0 || PLAIN.contains(&value.abs()) {
        true => value.to_string(),
        false => format!("{value:e}"),
    }
}

/// Two decimals, of small numbers three digits that count.
fn hundredths(value: f64) -> String {
    rounded(value, 2, 0.1)
}

/// Without the digits that only say how an average of two was computed: three decimals, of small numbers
/// three digits that count.
fn thousandths(value: f64) -> String {
    let text = rounded(value, 3, 0.1);
    match text.contains('.') && !text.contains('e') {
        true => text.trim_end_matches('0').trim_end_matches('.').into(),
        false => text,
    }
}

/// So many decimals, and more below `small`.
fn rounded(value: f64, decimals: usize, small: f64) -> String {
    let size = value.abs();
    if size == 0.0 || (small..PLAIN.end).contains(&size) {
        format!("{value:.decimals$}")
    } else if PLAIN.contains(&size) {
        // At most 7, for the size is at least 1e-5.
        let decimals = (2.0 - size.log10().floor()) as usize;
        format!("{value:.decimals$}")
    } else {
        format!("{value:.2e}")
    }
}

fn fault(arguments: FaultArguments, context: Context) -> Outcome<()> {
    Pin::keep(&arguments.out)?;
    let contract = context.contract()?;
    let start = arguments
        .from
        .as_deref()
        .map(|day| parse_day("--from", day))
        .transpose()?;
    let fault = Fault {
        change: arguments.change.into(),
        start,
        entities: arguments.only,
    };
    let table = read_table(&arguments.file, &contract, tables::LabelNeed::Optional)?;
    let broken = fault.apply(table, &contract, arguments.seed)?;
    write_table(&arguments.out, &broken, &contract.missing)?;
    let out = arguments.out.display();
    Ok(context.output.show(
        &json!({ "fault": fault, "rows": broken.rows(), "out": out.to_string() }),
        format!("{fault}: {} rows → {out}", thousands(broken.rows())),
    )?)
}

impl From<ChangeCommand> for Change {
    fn from(command: ChangeCommand) -> Change {
        match command {
            ChangeCommand::Trend { column, per_day } => Change::Trend { column, per_day },
            ChangeCommand::Offset { column, by } => Change::Offset { column, by },
            ChangeCommand::Scale { column, by } => Change::Scale { column, by },
            ChangeCommand::Unit { column, conversion } => Change::Unit { column, conversion },
            ChangeCommand::Stuck { column } => Change::Stuck { column },
            ChangeCommand::Noise { column, std } => Change::Noise { column, std },
            ChangeCommand::Missing { column } => Change::Missing { column },
            ChangeCommand::Removed { column } => Change::Removed { column },
            ChangeCommand::Late { days } => Change::Late { days },
            ChangeCommand::Duplicated { share } => Change::Duplicated { share },
            ChangeCommand::SwappedLabels { share } => Change::SwappedLabels { share },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXPECTED: [&str; 12] = [
        "0.00 0 0",
        "12.35 12.346 12.3456",
        "0.67 0.67 0.67",
        "-0.50 -0.5 -0.5",
        "0.0100 0.01 0.01",
        "0.000100 0.0001 0.0001",
        "0.000150 0.00015 0.00015",
        "3.00e-7 3.00e-7 3e-7",
        "16.68 16.675 16.675",
        "145460.00 145460 145460",
        "100000000000000.00 100000000000000 100000000000000",
        "1.00e300 1.00e300 1e300",
    ];

    #[test]
    fn a_number_is_as_long_as_it_says_something() {
        let said = |value: f64| [hundredths(value), thousandths(value), whole(value)].join(" ");
        let all = [
            0.0, 12.3456, 0.67, -0.5, 0.01, 0.0001, 0.00015, 3e-7, 16.675, 145_460.0, 1e14, 1e300,
        ];
        assert_eq!(all.map(said), EXPECTED);
    }
}
