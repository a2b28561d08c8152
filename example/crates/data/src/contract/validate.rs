//! Whether a contract makes sense in itself.

use std::collections::HashSet;

use crate::expression::Expression;

use super::{ColumnRule, Contract, Kind, nearest};

/// Everything that is wrong with it, each with what to do.
pub(super) fn faults(contract: &Contract) -> Vec<String> {
    let mut faults = Vec::new();
    columns(contract, &mut faults);
    roles(contract, &mut faults);
    label(contract, &mut faults);
    forbidden(contract, &mut faults);
    rules(contract, &mut faults);
    faults
}

fn columns(contract: &Contract, faults: &mut Vec<String>) {
    let mut names = HashSet::new();
    for column in &contract.columns {
        let mut fault = |message: String| faults.push(format!("column {}: {message}", column.name));
        if column.name.is_empty() || column.name.contains(['\n', '\r']) {
            fault("a name has at least one character and no line end".into());
        }
        if !names.insert(&column.name) {
            fault("it is declared twice; keep one".into());
        }
        if let Some(message) = number_fault(column) {
            fault(message);
        }
        if let Some(message) = values_fault(column, &contract.missing) {
            fault(message);
        }
        for (name, share) in [
            ("missing_at_most", column.missing_at_most),
            ("missing_usually", column.missing_usually),
        ] {
            if !(0.0..=1.0).contains(&share) {
                fault(format!("{name} is {share}; a share lies between 0 and 1"));
            }
        }
        if column.dates.is_some() && column.kind != Kind::Date {
            fault(format!(
                "`dates` says how dates are written and this is a {}; remove it",
                column.kind.name()
            ));
        }
        if !(0.0..=48.0).contains(&column.known_at) {
            fault(format!(
                "known_at is {}; it is an hour from 0 (the day begins) to 48 (the next day ends)",
                column.known_at
            ));
        }
    }
}

fn number_fault(column: &ColumnRule) -> Option<String> {
    if column.controllable && column.kind != Kind::Number {
        return Some(format!(
            "a {} can't be controllable; only a number can",
            column.kind.name()
        ));
    }
    for (name, bounds) in [("range", column.range), ("usual", column.usual)] {
        let Some([least, greatest]) = bounds else {
            continue;
        };
        if column.kind != Kind::Number {
            return Some(format!(
                "a {} has no {name}; only a number has",
                column.kind.name()
            ));
        }
        if least.is_nan() || greatest.is_nan() || (least.is_infinite() && greatest.is_infinite()) {
            return Some(format!(
                "{name} needs two finite numbers; one of them may be null, which leaves that end open"
            ));
        }
        if least > greatest {
            return Some(format!(
                "{name} [{least}, {greatest}] is reversed; write [{greatest}, {least}]"
            ));
        }
    }
    let ([least, greatest], [low, high]) = (column.range?, column.usual?);
    (low < least || high > greatest).then(|| {
        let list = |[low, high]: [f64; 2]| format!("[{}, {}]", yaml(low), yaml(high));
        format!(
            "usual {} goes beyond range {}; what is usual must be possible",
            list([low, high]),
            list([least, greatest])
        )
    })
}

/// A bound as the contract has it.
fn yaml(bound: f64) -> String {
    match bound.is_finite() {
        true => bound.to_string(),
        false => "null".into(),
    }
}

fn values_fault(column: &ColumnRule, missing: &[String]) -> Option<String> {
    let values = column.values.as_ref()?;
    if column.kind != Kind::Category {
        return Some(format!(
            "a {} has no values; only a category has",
            column.kind.name()
        ));
    }
    if values.is_empty() {
        return Some("values is empty; leave it out to allow any word".into());
    }
    let mut seen = HashSet::new();
    values.iter().find_map(|value| {
        if !seen.insert(value) {
            Some(format!("value {value:?} is there twice"))
        } else if value.is_empty() || missing.contains(value) {
            Some(format!(
                "value {value:?} means missing; it can't be a value too"
            ))
        } else {
            None
        }
    })
}

/// Key, date and entity.
fn roles(contract: &Contract, faults: &mut Vec<String>) {
    if contract.key.is_empty() {
        faults.push("key is empty; name the columns that tell rows apart".into());
    }
    for (at, name) in contract.key.iter().enumerate() {
        if contract.key[..at].contains(name) {
            faults.push(format!("key: {name} is there twice"));
        }
        known("key", name, contract, faults);
    }
    for (role, name, kind) in [
        ("time", &contract.time, Kind::Date),
        ("entity", &contract.entity, Kind::Category),
    ] {
        if let Some(column) = known(role, name, contract, faults)
            && column.kind != kind
        {
            faults.push(format!(
                "{role}: {name} is a {}, but must be a {}",
                column.kind.name(),
                kind.name()
            ));
        }
    }
}

fn label(contract: &Contract, faults: &mut Vec<String>) {
    let label = &contract.label;
    let special = [&contract.time, &contract.entity];
    if special.contains(&&label.column) || contract.key.contains(&label.column) {
        faults.push(format!(
            "label: {} tells rows apart, so it can't be what is predicted",
            label.column
        ));
    }
    for (role, name) in
        std::iter::once(("label", &label.column)).chain(label.today.iter().map(|n| ("today", n)))
    {
        let Some(column) = known(role, name, contract, faults) else {
            continue;
        };
        match &column.values {
            Some(values) if role == "label" && values.len() != 2 => faults.push(format!(
                "label: {name} has {} values ({}), but only a label of two can be learned",
                values.len(),
                values.join(", ")
            )),
            Some(values) if !values.contains(&label.positive) => faults.push(format!(
                "{role}: positive is {:?}, but the values of {name} are {}",
                label.positive,
                values.join(", ")
            )),
            Some(_) => {}
            None => faults.push(format!(
                "{role}: {name} must be a category with its two values declared"
            )),
        }
    }
}

fn forbidden(contract: &Contract, faults: &mut Vec<String>) {
    for forbidden in &contract.forbidden {
        if contract.column(&forbidden.column).is_some() {
            faults.push(format!(
                "forbidden: {} is declared under columns too; it can't be both",
                forbidden.column
            ));
        }
    }
}

fn rules(contract: &Contract, faults: &mut Vec<String>) {
    let mut names = HashSet::new();
    for rule in &contract.rules {
        if !names.insert(&rule.name) {
            faults.push(format!("rule {}: the name is there twice", rule.name));
        }
        if let Err(error) = Expression::parse(&rule.holds, contract) {
            faults.push(format!("rule {}: {error}", rule.name));
        }
    }
}

/// The column of this name; if there is none, that is a fault.
fn known<'a>(
    role: &str,
    name: &str,
    contract: &'a Contract,
    faults: &mut Vec<String>,
) -> Option<&'a ColumnRule> {
    let column = contract.column(name);
    if column.is_none() {
        let names = contract.columns.iter().map(|c| c.name.as_str());
        let hint = match nearest(name, names) {
            Some(other) => format!("did you mean {other}?"),
            None => "declare it under columns".into(),
        };
        faults.push(format!("{role}: there is no column {name}; {hint}"));
    }
    column
}
