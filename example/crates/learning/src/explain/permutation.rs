//! How much worse the answers become if a feature's values are dealt out anew among the rows
//! (Breiman, *Random forests*, 2001; for any model: Fisher, Rudin and Dominici, *All models are wrong, but many
//! are useful*, 2019).
//!
//! Unlike SHAP values, which say how far a feature moves answers, this says what it is worth: the labels
//! are asked. Of features that can stand for each other, each seems worth little.

use std::fmt;

use mlops_plot::{Bar, Bars};
use rand::{Rng, SeedableRng, seq::SliceRandom};
use rand_pcg::Pcg64Mcg;
use serde::Serialize;

use crate::evaluation::{Bootstrap, Estimate, draw, scores};
use crate::{LearningError, Model, Result};

/// How often values are dealt out, and from which seed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Repeats {
    /// Times for each feature, 1 or more.
    pub count: usize,
    /// Seed.
    pub seed: u64,
}

/// What each feature is worth to a model's answers, the most first.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Permutation {
    /// Rows that were asked.
    pub rows: usize,
    /// Times that each feature's values were dealt out anew.
    pub repeats: usize,
    /// Log loss of the rows as they are.
    pub log_loss: f64,
    /// ROC AUC of the rows as they are.
    pub roc_auc: f64,
    /// By feature.
    pub features: Vec<Worth>,
}

/// What one feature is worth.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Worth {
    /// Its name.
    pub feature: String,
    /// How much the log loss rises, mean of the repeats; with the middle 95 % of draws of blocks of days.
    pub log_loss: Estimate,
    /// How much ROC AUC falls, mean of the repeats.
    pub roc_auc: f64,
}

impl Permutation {
    /// Asks labelled rows, standing one after the other in `rows`, with the day of each.
    ///
    /// # Errors
    /// If lengths differ, there are rows of one class or of one block of days only, or no repeats.
    pub fn new(
        model: &Model,
        rows: &[f32],
        labels: &[bool],
        days: &[i32],
        repeats: Repeats,
        bootstrap: Bootstrap,
    ) -> Result<Permutation> {
        let width = model.predictor.width();
        if rows.len() != labels.len() * width || days.len() != labels.len() {
            return Err(LearningError::Data(format!(
                "{} values and {} days for {} labels: give {width} and one for each",
                rows.len(),
                days.len(),
                labels.len()
            )));
        }
        if repeats.count == 0 {
            return Err(LearningError::Parameter {
                name: "repeats".into(),
                value: "0".into(),
                expected: "it takes one or more".into(),
            });
        }
        let asked = Asked {
            labels,
            blocks: Blocks::new(days, bootstrap)?,
        };
        let threshold = model.metadata.threshold;
        let before = model.probabilities(rows);
        let auc = scores(labels, &before, threshold)?.metrics.roc_auc;
        let losses = asked.losses(&before);
        let used = used(model);
        let mut rng = Pcg64Mcg::seed_from_u64(repeats.seed);
        let mut changed = rows.to_vec();
        let mut features = Vec::with_capacity(width);
        for (at, feature) in model.metadata.features.iter().enumerate() {
            let mut rises = vec![0.0; labels.len()];
            let mut falls = 0.0;
            for _ in 0..repeats.count {
                // Each has its own seed, so that a feature's deal doesn't hang on how many came before.
                let seed = rng.next_u64();
                if !used[at] {
                    continue;
                }
                deal(rows, &mut changed, at, width, seed);
                let after = model.probabilities(&changed);
                falls += auc - scores(labels, &after, threshold)?.metrics.roc_auc;
                for ((rise, after), before) in
                    rises.iter_mut().zip(asked.losses(&after)).zip(&losses)
                {
                    *rise += after - before;
                }
            }
            for (value, original) in changed.iter_mut().zip(rows).skip(at).step_by(width) {
                *value = *original;
            }
            let count = repeats.count as f64;
            rises.iter_mut().for_each(|rise| *rise /= count);
            features.push(Worth {
                feature: feature.name.clone(),
                log_loss: asked.blocks.mean(&rises),
                roc_auc: falls / count,
            });
        }
        features.sort_by(|a, b| {
            b.log_loss
                .value
                .total_cmp(&a.log_loss.value)
                .then_with(|| a.feature.cmp(&b.feature))
        });
        Ok(Permutation {
            rows: labels.len(),
            repeats: repeats.count,
            log_loss: losses.iter().sum::<f64>() / losses.len() as f64,
            roc_auc: auc,
            features,
        })
    }

    /// Keeps the `top` features.
    pub fn truncate(&mut self, top: usize) {
        self.features.truncate(top);
    }

    /// The features as bars with their intervals.
    pub fn svg(&self) -> String {
        let bars = self.features.iter().map(|worth| {
            let Estimate { value, low, high } = worth.log_loss;
            Bar::new(&worth.feature, value).interval(low, high)
        });
        Bars::new(
            "What the features are worth",
            "Rise of the log loss if the values are dealt out anew",
        )
        .bars(bars)
        .svg()
    }

    /// A line for each feature.
    pub fn csv(&self) -> String {
        let lines = self.features.iter().map(|worth| {
            let Estimate { value, low, high } = worth.log_loss;
            format!(
                "{},{value:.6},{low:.6},{high:.6},{:.6}\n",
                worth.feature, worth.roc_auc
            )
        });
        let head = "feature,log_loss,low,high,roc_auc\n".to_string();
        std::iter::once(head).chain(lines).collect()
    }
}

/// Rows whose answers are judged.
struct Asked<'a> {
    labels: &'a [bool],
    blocks: Blocks,
}

impl Asked<'_> {
    /// The log loss of each row, clipped as in [`Metrics`](crate::evaluation::Metrics).
    fn losses(&self, probabilities: &[f64]) -> Vec<f64> {
        let rows = self.labels.iter().zip(probabilities);
        rows.map(|(label, probability)| {
            let given = if *label {
                *probability
            } else {
                1.0 - probability
            };
            -libm::log(given.clamp(f64::EPSILON, 1.0 - f64::EPSILON))
        })
        .collect()
    }
}

/// Rows by block of days, and which blocks each round draws.
struct Blocks {
    of_row: Vec<u32>,
    rows: Vec<f64>,
    /// How often each round draws each block.
    rounds: Vec<Vec<u32>>,
}

impl Blocks {
    fn new(days: &[i32], bootstrap: Bootstrap) -> Result<Blocks> {
        let of_row = bootstrap.blocks(days)?;
        let blocks = of_row.iter().max().map_or(0, |last| *last as usize + 1);
        let mut rows = vec![0.0; blocks];
        of_row.iter().for_each(|block| rows[*block as usize] += 1.0);
        let rounds = bootstrap.seeds().into_iter().map(|seed| draw(blocks, seed));
        Ok(Blocks {
            rounds: rounds.collect(),
            of_row,
            rows,
        })
    }

    /// The mean of a value of each row, with its interval.
    fn mean(&self, values: &[f64]) -> Estimate {
        let mut sums = vec![0.0; self.rows.len()];
        for (block, value) in self.of_row.iter().zip(values) {
            sums[*block as usize] += value;
        }
        let mean = |times: &mut dyn Iterator<Item = f64>| {
            let (mut sum, mut rows) = (0.0, 0.0);
            for (block, times) in times.enumerate() {
                sum += times * sums[block];
                rows += times * self.rows[block];
            }
            sum / rows
        };
        let rounds = self.rounds.iter();
        let rounds = rounds.map(|times| mean(&mut times.iter().map(|times| f64::from(*times))));
        let value = mean(&mut self.rows.iter().map(|_| 1.0));
        crate::evaluation::estimate(value, rounds.collect())
    }
}

/// Which features the model looks at: the others are worth exactly nothing.
fn used(model: &Model) -> Vec<bool> {
    let mut used = vec![false; model.predictor.width()];
    match &model.predictor {
        crate::Predictor::Linear(linear) => {
            for (used, term) in used.iter_mut().zip(linear.terms()) {
                *used = term.weight != 0.0;
            }
        }
        crate::Predictor::Ensemble(ensemble) => {
            let nodes = ensemble.trees().iter().flat_map(|tree| &tree.nodes);
            for node in nodes.filter(|node| !node.is_leaf()) {
                used[usize::from(node.feature)] = true;
            }
        }
    }
    used
}

/// Puts the values of one feature into another order.
fn deal(rows: &[f32], changed: &mut [f32], feature: usize, width: usize, seed: u64) {
    let mut values: Vec<f32> = rows.iter().skip(feature).step_by(width).copied().collect();
    values.shuffle(&mut Pcg64Mcg::seed_from_u64(seed));
    let cells = changed.iter_mut().skip(feature).step_by(width);
    cells.zip(values).for_each(|(cell, value)| *cell = value);
}

impl fmt::Display for Permutation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let wide = self
            .features
            .iter()
            .map(|worth| worth.feature.chars().count())
            .max();
        let wide = wide.unwrap_or(0).max("feature".len());
        let times = if self.repeats == 1 {
            "once"
        } else {
            &format!("{} times", self.repeats)
        };
        writeln!(
            f,
            "{} rows: log loss {:.4}, ROC AUC {:.4}; each feature's values dealt out anew {times}",
            self.rows, self.log_loss, self.roc_auc
        )?;
        write!(
            f,
            "{:wide$}  log loss rises by  in 95 % of draws of blocks  ROC AUC falls by",
            "feature"
        )?;
        for worth in &self.features {
            let Estimate { value, low, high } = worth.log_loss;
            let digits = worth.log_loss.decimals();
            let interval = format!("[{low:.digits$} {high:.digits$}]");
            write!(
                f,
                "\n{:wide$}  {value:>17.digits$}  {interval:>26}  {:>16.4}",
                worth.feature, worth.roc_auc
            )?;
        }
        Ok(())
    }
}
