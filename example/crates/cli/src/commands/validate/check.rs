//! Whether the gates that a project declares make sense, in themselves and beside its contract.

use std::collections::BTreeSet;

use mlops_data::Contract;
use mlops_data::contract::Kind;
use mlops_data::expression::Expression;
use mlops_learning::evaluation::Metric;
use serde_saphyr::Spanned;

use super::declared::{DirectionGate, Gates, SliceGate, compare_name, direction_name, slice_name};

/// Everything that is wrong, each with its line and what to do.
///
/// # Errors
/// If there is no gate at all.
pub(super) fn faults(
    gates: &Gates,
    contract: &Contract,
    attributes: &[&str],
) -> Result<Vec<String>, String> {
    let mut check = Check {
        contract,
        faults: Vec::new(),
        names: BTreeSet::new(),
    };
    check.all(gates, attributes);
    if check.names.is_empty() {
        return Err("it declares no gate: a model would always pass".into());
    }
    Ok(check.faults)
}

struct Check<'a> {
    contract: &'a Contract,
    faults: Vec<String>,
    /// Names of all gates: each is once.
    names: BTreeSet<String>,
}

impl Check<'_> {
    fn fault(&mut self, line: u64, gate: &str, fault: impl std::fmt::Display) {
        self.faults
            .push(format!("line {line}: gate {gate:?}: {fault}"));
    }

    /// A gate of this name, which has a reason.
    fn gate(&mut self, name: &str, reason: &Spanned<String>) {
        let line = reason.referenced.line();
        if reason.value.trim().is_empty() {
            self.fault(
                line,
                name,
                "its reason is empty: say why there is this gate",
            );
        }
        if !self.names.insert(name.to_owned()) {
            self.fault(line, name, "there are two of this name: leave one out");
        }
    }

    fn number(&mut self, line: u64, gate: &str, key: &str, value: f64) {
        if !value.is_finite() {
            self.fault(line, gate, format!("{key} is {value}: give a number"));
        }
    }

    fn limit(&mut self, line: u64, gate: &str, metric: Metric, limits: [Option<f64>; 2]) {
        let right = if metric.more_is_better() {
            "at_least"
        } else {
            "at_most"
        };
        let [least, most] = limits;
        let given = if metric.more_is_better() {
            least.filter(|_| most.is_none())
        } else {
            most.filter(|_| least.is_none())
        };
        match given {
            Some(value) => self.number(line, gate, right, value),
            None => self.fault(
                line,
                gate,
                format!("{} takes {right}, and nothing else", metric.name()),
            ),
        }
    }

    fn column(&mut self, line: u64, gate: &str, column: &str, wanted: Kind) {
        match self.contract.column(column) {
            Some(rule) if rule.kind == wanted => {}
            Some(rule) => self.fault(
                line,
                gate,
                format!(
                    "column {column:?} is a {}, a {} is needed",
                    rule.kind.name(),
                    wanted.name()
                ),
            ),
            None => {
                let names: Vec<&str> = self
                    .contract
                    .columns
                    .iter()
                    .map(|c| c.name.as_str())
                    .collect();
                self.fault(
                    line,
                    gate,
                    format!(
                        "the contract has no column {column:?}; it has {}",
                        names.join(", ")
                    ),
                );
            }
        }
    }

    fn all(&mut self, gates: &Gates, attributes: &[&str]) {
        if gates.days == Some(0) {
            self.faults
                .push("days is 0: give 1 or more, or leave it out".into());
        }
        for gate in &gates.scores {
            let metric = gate.metric.value;
            self.gate(metric.name(), &gate.reason);
            let line = gate.metric.referenced.line();
            self.limit(line, metric.name(), metric, [gate.at_least, gate.at_most]);
        }
        for (beside, compared) in [
            ("baselines", &gates.baselines),
            ("champion", &gates.champion),
        ] {
            for gate in compared {
                self.gate(&compare_name(beside, gate), &gate.reason);
            }
        }
        for gate in &gates.slices {
            self.slices(gate, attributes);
        }
        self.directions(&gates.directions);
        self.single(gates);
    }

    fn slices(&mut self, gate: &SliceGate, attributes: &[&str]) {
        let name = slice_name(gate);
        let line = gate.name.referenced.line();
        self.gate(&name, &gate.reason);
        self.limit(line, &name, gate.metric, [gate.at_least, gate.at_most]);
        let given = [
            gate.column.is_some(),
            gate.attribute.is_some(),
            gate.months.is_some(),
            gate.groups.is_some(),
            gate.gaps.is_some(),
        ];
        if given.iter().filter(|given| **given).count() != 1 {
            self.fault(
                line,
                &name,
                "say by which slices: one of column, attribute, months, groups and gaps",
            );
        }
        if let Some(column) = &gate.column {
            self.column(line, &name, column, Kind::Category);
        }
        if let Some(attribute) = gate
            .attribute
            .as_deref()
            .filter(|own| !attributes.contains(own))
        {
            self.fault(
                line,
                &name,
                format!(
                    "entities have no attribute {attribute:?}; the project's code gives them {}",
                    if attributes.is_empty() {
                        "none".into()
                    } else {
                        attributes.join(", ")
                    }
                ),
            );
        }
        for month in gate.months.iter().flatten().flat_map(|(_, months)| months) {
            if !(1..=12).contains(month) {
                self.fault(line, &name, format!("there is no month {month}: 1 to 12"));
            }
        }
        for (group, condition) in gate.groups.iter().flatten() {
            if let Err(error) = Expression::parse(condition, self.contract) {
                self.fault(line, &name, format!("{group}: {error}"));
            }
        }
        for (group, [from, below]) in gate.gaps.iter().flatten() {
            if !(*from >= 0.0 && from < below && *below <= 1.0) {
                self.fault(
                    line,
                    &name,
                    format!("{group} goes from {from} to {below}: give shares between 0 and 1, the smaller first"),
                );
            }
        }
    }

    fn directions(&mut self, gates: &[DirectionGate]) {
        for gate in gates {
            let name = direction_name(gate);
            let line = gate.field.referenced.line();
            self.gate(&name, &gate.reason);
            self.column(line, &name, &gate.field.value, Kind::Number);
            self.number(line, &name, "change", gate.change);
            if gate.change == 0.0 {
                self.fault(line, &name, "a change of 0 moves nothing");
            }
        }
    }

    fn single(&mut self, gates: &Gates) {
        if let Some(gate) = &gates.positives {
            self.gate("positives", &gate.reason);
            let [least, most] = gate.between;
            if !(0.0..=most).contains(&least) || most > 1.0 {
                let line = gate.reason.referenced.line();
                self.fault(
                    line,
                    "positives",
                    "between takes two shares, the smaller first",
                );
            }
        }
        if let Some(gate) = &gates.noise {
            let line = gate.columns.referenced.line();
            self.gate("noise", &gate.reason);
            self.number(
                line,
                "noise",
                "roc_auc_falls_at_most",
                gate.roc_auc_falls_at_most,
            );
            for (column, std) in &gate.columns.value {
                self.column(line, "noise", column, Kind::Number);
                if !(std.is_finite() && *std > 0.0) {
                    let fault = format!("{column} gets noise of {std}: give more than 0");
                    self.fault(line, "noise", fault);
                }
            }
        }
        let falls = [
            ("missing_column", &gates.missing_column),
            ("unknown_entity", &gates.unknown_entity),
        ];
        for (name, gate) in falls {
            if let Some(gate) = gate {
                let line = gate.reason.referenced.line();
                self.gate(name, &gate.reason);
                self.number(
                    line,
                    name,
                    "roc_auc_falls_at_most",
                    gate.roc_auc_falls_at_most,
                );
            }
        }
        let reasons = [
            ("unseen", gates.unseen.as_ref().map(|gate| &gate.reason)),
            (
                "row_order",
                gates.row_order.as_ref().map(|gate| &gate.reason),
            ),
            ("leakage", gates.leakage.as_ref().map(|gate| &gate.reason)),
            (
                "golden_rows",
                gates.golden_rows.as_ref().map(|gate| &gate.reason),
            ),
            (
                "prediction_time",
                gates.prediction_time.as_ref().map(|gate| &gate.reason),
            ),
            (
                "model_size",
                gates.model_size.as_ref().map(|gate| &gate.reason),
            ),
        ];
        for (name, reason) in reasons {
            if let Some(reason) = reason {
                self.gate(name, reason);
            }
        }
        if let Some(gate) = &gates.leakage {
            let line = gate.reason.referenced.line();
            self.number(line, "leakage", "roc_auc_at_most", gate.roc_auc_at_most);
        }
        if let Some(gate) = &gates.prediction_time {
            let line = gate.reason.referenced.line();
            self.number(
                line,
                "prediction_time",
                "microseconds_at_most",
                gate.microseconds_at_most,
            );
        }
    }
}
