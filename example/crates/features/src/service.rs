use std::sync::atomic::{AtomicU64, Ordering};

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::clocks::Clocks;
use crate::definitions::{Definitions, FeatureType};
use crate::registry::Function;
use crate::window::{Extent, end_of};
use crate::{FeatureError, History, Observation, Reference, Registry, Result, Window, Windows};

/// Rows that a thread computes before it says so.
const BLOCK: usize = 256;

/// The list of features that a model asks for, with their functions.
#[derive(Debug)]
pub struct FeatureService<O> {
    name: String,
    features: Vec<Feature>,
    functions: Vec<Function<O>>,
    extent: Extent,
    clocks: Option<Clocks>,
}

/// A feature of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Feature {
    /// Its name.
    pub name: String,
    /// Its type.
    pub kind: FeatureType,
}

/// What a model has to keep, besides the names of its features, to compute them again.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeatureState {
    /// Hash of the definitions that the service reached when it was trained on.
    pub version: String,
    /// Last day that they learned from, `yyyy-mm-dd`; none if they learned from every day.
    pub learned_until: Option<String>,
    /// How much of history and neighbours the features see.
    pub extent: Extent,
    /// By whose clocks forecasts are issued, if that decides on what the features see.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clocks: Option<Clocks>,
    /// What they learned on the training period.
    pub reference: Reference,
}

/// Feature rows one after the other.
#[derive(Debug, Clone, PartialEq)]
pub struct FeatureMatrix {
    /// The features' names, one a column.
    pub names: Vec<String>,
    /// Row after row; NaN is missing.
    pub values: Vec<f32>,
}

impl FeatureMatrix {
    /// The columns, each with its name.
    pub fn into_columns(self) -> Vec<(String, Vec<f32>)> {
        let FeatureMatrix { names, values } = self;
        let width = names.len();
        let column = |at: usize| values.iter().skip(at).step_by(width).copied().collect();
        let columns = names.into_par_iter().enumerate();
        columns.map(|(at, name)| (name, column(at))).collect()
    }
}

impl<O: Observation> FeatureService<O> {
    /// The service of this name, as the definitions have it, leaving out the views or
    /// features named in `without`.
    ///
    /// # Errors
    /// If the service isn't declared, or a feature has no function.
    pub fn declared(
        registry: &Registry<O>,
        definitions: &Definitions,
        service: &str,
        without: &[String],
    ) -> Result<Self> {
        let clocks = definitions.clocks(definitions.service(service)?);
        let declared = definitions.features(definitions.service(service)?, without)?;
        let extent = declared
            .iter()
            .fold(Extent::default(), |extent, (view, _)| {
                extent.union(view.extent())
            });
        let features = declared
            .iter()
            .map(|(_, field)| Feature {
                name: field.name.value.clone(),
                kind: field.kind,
            })
            .collect();
        Ok(FeatureService::new(registry, service, features, extent)?.by(clocks))
    }

    /// These features, in this order, over windows of this extent.
    ///
    /// # Errors
    /// If one of them has no function.
    pub fn new(
        registry: &Registry<O>,
        service: &str,
        features: Vec<Feature>,
        extent: Extent,
    ) -> Result<Self> {
        let function = |feature: &Feature| {
            registry
                .get(&feature.name)
                .ok_or_else(|| FeatureError::NoFunction {
                    service: service.into(),
                    feature: feature.name.clone(),
                })
        };
        let functions = features.iter().map(function).collect::<Result<_>>()?;
        Ok(FeatureService {
            name: service.into(),
            features,
            functions,
            extent,
            clocks: None,
        })
    }

    /// The same, with forecasts issued by these clocks.
    #[must_use]
    pub fn by(self, clocks: Option<Clocks>) -> Self {
        FeatureService { clocks, ..self }
    }

    /// The features, in the order of the row.
    pub fn features(&self) -> &[Feature] {
        &self.features
    }

    /// The service's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The features' names.
    pub fn names(&self) -> Vec<String> {
        let names = self.features.iter().map(|feature| feature.name.clone());
        names.collect()
    }

    /// How much of history and neighbours its features see.
    pub fn extent(&self) -> Extent {
        self.extent
    }

    /// By whose clocks forecasts are issued, if that decides on what the features see.
    pub fn clocks(&self) -> Option<&Clocks> {
        self.clocks.as_ref()
    }

    // ANCHOR: row
    /// The feature row of one window: the only way from observations to features.
    pub fn row(&self, window: &Window<'_, O>) -> Vec<f32> {
        let mut row = vec![0.0; self.functions.len()];
        self.fill(window, &mut row);
        row
    }

    fn fill(&self, window: &Window<'_, O>, row: &mut [f32]) {
        for (value, function) in row.iter_mut().zip(&self.functions) {
            *value = function(window);
        }
    }
    // ANCHOR_END: row

    /// The feature rows of many observations, in their order, on all cores. They are
    /// each other's history and neighbours: whatever was known at the end of a row's day.
    pub fn rows(&self, observations: &[O], reference: &Reference) -> FeatureMatrix {
        self.rows_reporting(observations, reference, &|_, _| {})
    }

    /// The same, and `progress` is told from any thread how many rows are done, and how many there are.
    pub fn rows_reporting(
        &self,
        observations: &[O],
        reference: &Reference,
        progress: &(dyn Fn(u64, u64) + Sync),
    ) -> FeatureMatrix {
        let history = History::new(observations);
        self.computed(observations, &history, reference, progress)
    }

    /// The feature rows of `today`, whose history and neighbours are in `history`:
    /// whatever was known at the end of a row's day.
    pub fn rows_in(
        &self,
        today: &[O],
        history: &History<'_, O>,
        reference: &Reference,
    ) -> FeatureMatrix {
        self.computed(today, history, reference, &|_, _| {})
    }

    fn computed(
        &self,
        today: &[O],
        history: &History<'_, O>,
        reference: &Reference,
        progress: &(dyn Fn(u64, u64) + Sync),
    ) -> FeatureMatrix {
        let windows = self.windows(history, reference).prepared();
        let width = self.functions.len();
        let mut values = vec![0.0; width * today.len()];
        if width > 0 {
            let done = AtomicU64::new(0);
            let blocks = values.par_chunks_mut(width * BLOCK);
            blocks.zip(today.par_chunks(BLOCK)).for_each_init(
                Vec::new,
                |scratch, (rows, block)| {
                    for (row, today) in rows.chunks_exact_mut(width).zip(block) {
                        windows.with(today, end_of(today.day()), scratch, |window| {
                            self.fill(window, row);
                        });
                    }
                    let more = block.len() as u64;
                    let so_far = done.fetch_add(more, Ordering::Relaxed) + more;
                    progress(so_far, today.len() as u64);
                },
            );
        }
        FeatureMatrix {
            names: self.names(),
            values,
        }
    }

    /// The feature row of one observation, as it was known at `as_of` (microseconds since
    /// 1970-01-01 UTC).
    pub fn row_in(
        &self,
        today: &O,
        history: &History<'_, O>,
        reference: &Reference,
        as_of: i64,
    ) -> Vec<f32> {
        let windows = self.windows(history, reference);
        windows.with(today, as_of, &mut Vec::new(), |window| self.row(window))
    }

    fn windows<'a>(
        &'a self,
        history: &'a History<'a, O>,
        reference: &'a Reference,
    ) -> Windows<'a, O> {
        Windows::new(history, reference, self.extent).by(self.clocks())
    }

    /// Checks that features declared as flags are 0, 1 or missing.
    ///
    /// # Errors
    /// The first value that is something else.
    pub fn check_types(&self, matrix: &FeatureMatrix) -> Result<()> {
        let flags = self.features.iter().enumerate();
        for (at, feature) in flags.filter(|(_, feature)| feature.kind == FeatureType::Flag) {
            let mut column = matrix.values.iter().skip(at).step_by(self.features.len());
            let bad = |value: &&f32| !(value.is_nan() || **value == 0.0 || **value == 1.0);
            if let Some(row) = column.position(|value| bad(&value)) {
                return Err(FeatureError::Flag {
                    feature: feature.name.clone(),
                    value: matrix.values[row * self.features.len() + at],
                    row: row + 1,
                });
            }
        }
        Ok(())
    }
}
