//! How a model comes to what it says of one row, step by step.

use std::fmt;

use serde::Serialize;

use crate::{Calibration, Ensemble, Link, Model, Predictor, Tree, models::Linear};

/// Leaves told on one line.
const A_LINE: usize = 4;

/// Every step from a row's features to the answer.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Computation {
    /// What the sum begins with.
    pub base: f64,
    /// What is added to it, in the order of the sum.
    pub parts: Parts,
    /// The sum.
    pub margin: f64,
    /// How the margin becomes a probability.
    pub calibration: &'static str,
    /// The probability of the positive class.
    pub probability: f64,
    /// From which probability on it is said.
    pub threshold: f64,
    /// The class that follows.
    pub decision: String,
}

/// The summands of a margin.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Parts {
    /// A leaf of each tree.
    Trees(Vec<TreePart>),
    /// Each feature by its weight.
    Terms(Vec<TermPart>),
}

/// What one tree adds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TreePart {
    /// The node at which the row ends.
    pub leaf: usize,
    /// The leaf's value.
    pub adds: f32,
    /// The sum so far.
    pub margin: f64,
    /// The splits on the way; of the trees whose ways were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<Vec<Question>>,
}

/// What a split asks, and where the row goes.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Question {
    /// The split's node.
    pub node: usize,
    /// The feature that it compares.
    pub feature: String,
    /// The row's value; NaN (null in JSON) if it is missing.
    pub value: f32,
    /// Smaller goes left; infinity (null in JSON) parts the known from the missing.
    pub threshold: f32,
    /// Whether the row goes left.
    pub left: bool,
}

/// What one feature adds to a weighted sum.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TermPart {
    /// Its name.
    pub feature: String,
    /// The row's value; NaN (null in JSON) if it is missing.
    pub value: f32,
    /// The value, or what stands for a missing one.
    pub filled: f32,
    /// Standard deviations above the training mean.
    pub standardised: f64,
    /// Margin for each of them.
    pub weight: f64,
    /// What it adds.
    pub adds: f64,
    /// The sum so far.
    pub margin: f64,
}

impl Computation {
    /// Follows one row through a model; of the first `paths` trees with every split.
    ///
    /// # Panics
    /// If the row hasn't as many values as the model takes.
    pub fn new(model: &Model, row: &[f32], paths: usize) -> Computation {
        assert_eq!(row.len(), model.predictor.width(), "features in a row");
        let name = |feature: usize| model.metadata.features[feature].name.clone();
        let (base, parts) = match &model.predictor {
            Predictor::Ensemble(ensemble) => (
                ensemble.base(),
                Parts::Trees(leaves(ensemble, row, paths, name)),
            ),
            Predictor::Linear(linear) => {
                (linear.intercept(), Parts::Terms(terms(linear, row, name)))
            }
        };
        let margin = model.predictor.margin(row);
        let probability = model.probability_of(margin);
        Computation {
            base,
            parts,
            margin,
            calibration: match (&model.calibration, model.predictor.link()) {
                (Some(Calibration::Platt(_)), _) => "Platt's curve",
                (Some(Calibration::Isotonic(_)), _) => "the isotonic curve",
                (None, Link::Logistic) => "1 / (1 + exp(−margin))",
                (None, Link::Identity) => "the margin itself",
            },
            probability,
            threshold: model.metadata.threshold,
            decision: model.metadata.classes[usize::from(model.decide(probability))].clone(),
        }
    }
}

fn leaves(
    ensemble: &Ensemble,
    row: &[f32],
    paths: usize,
    name: impl Fn(usize) -> String,
) -> Vec<TreePart> {
    let mut margin = ensemble.base();
    let part = |(at, tree): (usize, &Tree)| {
        let mut nodes = Vec::new();
        tree.path(row, |node| nodes.push(node));
        // A tree has a root, so a path has an end.
        let leaf = nodes.last().copied().unwrap_or(0);
        let adds = tree.nodes[leaf].value;
        margin += f64::from(adds);
        let asked = |pair: &[usize]| {
            let split = &tree.nodes[pair[0]];
            let feature = usize::from(split.feature);
            Question {
                node: pair[0],
                feature: name(feature),
                value: row[feature],
                threshold: split.threshold,
                left: pair[1] == split.left as usize,
            }
        };
        TreePart {
            leaf,
            adds,
            margin,
            path: (at < paths).then(|| nodes.windows(2).map(asked).collect()),
        }
    };
    ensemble.trees().iter().enumerate().map(part).collect()
}

fn terms(linear: &Linear, row: &[f32], name: impl Fn(usize) -> String) -> Vec<TermPart> {
    let mut margin = linear.intercept();
    let parts = linear.terms().iter().zip(row).enumerate();
    parts
        .map(|(at, (term, value))| {
            let adds = term.adds(*value);
            margin += adds;
            TermPart {
                feature: name(at),
                value: *value,
                filled: term.filled(*value),
                standardised: term.standardised(*value),
                weight: term.weight,
                adds,
                margin,
            }
        })
        .collect()
}

impl fmt::Display for Computation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.parts {
            Parts::Trees(trees) => {
                let paths = trees.iter().enumerate();
                for (at, (tree, path)) in
                    paths.filter_map(|(at, tree)| Some((at, (tree, tree.path.as_ref()?))))
                {
                    write_path(f, at, tree, path)?;
                }
                writeln!(
                    f,
                    "{} trees: the leaf that the row falls into, and what it adds",
                    trees.len()
                )?;
                for (line, trees) in trees.chunks(A_LINE).enumerate() {
                    let cells = trees.iter().enumerate().map(|(at, tree)| {
                        let number = line * A_LINE + at + 1;
                        format!("{number:>5} leaf {:>4} {:>+8.4}", tree.leaf, tree.adds)
                    });
                    writeln!(f, "{}", cells.collect::<Vec<_>>().join("  "))?;
                }
                let sum = self.margin - self.base;
                writeln!(
                    f,
                    "margin       {:.6} = base {:.6} and leaves {sum:+.6}",
                    self.margin, self.base
                )?;
            }
            Parts::Terms(terms) => {
                write_terms(f, self.base, terms)?;
                writeln!(f, "margin       {:.6}", self.margin)?;
            }
        }
        writeln!(
            f,
            "probability  {:.6} by {}",
            self.probability, self.calibration
        )?;
        let than = if self.probability >= self.threshold {
            "from"
        } else {
            "below"
        };
        write!(
            f,
            "decision     {:?}, {than} {}",
            self.decision, self.threshold
        )
    }
}

fn write_path(
    f: &mut fmt::Formatter<'_>,
    at: usize,
    tree: &TreePart,
    path: &[Question],
) -> fmt::Result {
    writeln!(f, "tree {}", at + 1)?;
    for asked in path {
        let Question {
            node,
            feature,
            value,
            threshold,
            ..
        } = asked;
        let question = match (threshold.is_infinite(), value.is_nan()) {
            (true, true) => format!("{feature} is missing"),
            (true, false) => format!("{feature} = {value} is known"),
            (false, true) => format!("{feature} is missing, where {threshold} parts"),
            (false, false) => {
                let sign = if asked.left { "<" } else { "≥" };
                format!("{feature} = {value} {sign} {threshold}")
            }
        };
        let side = if asked.left { "left" } else { "right" };
        writeln!(f, "  node {node:>3}: {question}, so {side}")?;
    }
    writeln!(f, "  leaf {:>3}: {:+.6}", tree.leaf, tree.adds)
}

fn write_terms(f: &mut fmt::Formatter<'_>, base: f64, terms: &[TermPart]) -> fmt::Result {
    let wide = terms.iter().map(|term| term.feature.chars().count()).max();
    let wide = wide.unwrap_or(0).max("intercept".len());
    writeln!(
        f,
        "{:wide$}  {:>10}  {:>12}  {:>8}  {:>8}  {:>8}",
        "feature", "value", "standardised", "weight", "adds", "margin"
    )?;
    writeln!(
        f,
        "{:wide$}  {:>10}  {:>12}  {:>8}  {:>8}  {base:>8.4}",
        "intercept", "", "", "", ""
    )?;
    for term in terms {
        let value = if term.value.is_nan() {
            format!("→ {}", term.filled)
        } else {
            term.value.to_string()
        };
        writeln!(
            f,
            "{:wide$}  {value:>10}  {:>12.4}  {:>8.4}  {:>+8.4}  {:>8.4}",
            term.feature, term.standardised, term.weight, term.adds, term.margin
        )?;
    }
    Ok(())
}
