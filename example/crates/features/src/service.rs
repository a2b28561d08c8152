use mlops_data::Contract;
use rayon::prelude::*;

use crate::window::{Extent, end_of};
use crate::{
    Feature, FeatureError, History, Observation, Reference, Registry, Result, Window, Windows,
};

/// The list of features that a model asks for, checked against the contract.
#[derive(Debug)]
pub struct FeatureService<O> {
    name: String,
    features: Vec<Feature<O>>,
    extent: Extent,
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
    /// The features named (views or single features, in this order, none twice)
    /// for a forecast issued at `issued_at` o'clock of the observation's date.
    ///
    /// # Errors
    /// If a name or an input is unknown, or an input isn't known by then.
    pub fn new(
        registry: &Registry<O>,
        names: &[String],
        contract: &Contract,
        service: &str,
        issued_at: f64,
    ) -> Result<Self> {
        let mut features: Vec<Feature<O>> = Vec::new();
        for name in names {
            for feature in registry.find(name)? {
                if !features.iter().any(|known| known.name == feature.name) {
                    features.push(feature);
                }
            }
        }
        // ANCHOR: look-ahead
        for feature in &features {
            for input in feature.inputs {
                let column = contract
                    .column(input)
                    .ok_or_else(|| FeatureError::UnknownInput {
                        feature: feature.name.into(),
                        column: (*input).into(),
                    })?;
                if column.known_at > issued_at {
                    return Err(FeatureError::LookAhead {
                        feature: feature.name.into(),
                        column: (*input).into(),
                        service: service.into(),
                        known_at: column.known_at,
                        issued_at,
                    });
                }
            }
        }
        // ANCHOR_END: look-ahead
        Ok(FeatureService {
            name: service.into(),
            features,
            extent: Extent::default(),
        })
    }

    /// The features, in the order of the row.
    pub fn features(&self) -> &[Feature<O>] {
        &self.features
    }

    /// The service's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The features' names.
    pub fn names(&self) -> Vec<String> {
        self.features
            .iter()
            .map(|feature| feature.name.to_string())
            .collect()
    }

    /// The feature row of one window: the only way from observation to features.
    pub fn row(&self, window: &Window<'_, O>) -> Vec<f32> {
        let mut row = vec![0.0; self.features.len()];
        self.fill(window, &mut row);
        row
    }

    /// How much of history and neighbours its features see.
    pub fn extent(&self) -> Extent {
        self.extent
    }

    /// The feature rows of many observations, in their order, on all cores. They are
    /// each other's history and neighbours: whatever was known at the end of a row's day.
    pub fn rows(&self, observations: &[O], reference: &Reference) -> FeatureMatrix {
        let history = History::new(observations);
        self.rows_in(observations, &history, reference)
    }

    /// The feature rows of `today`, whose history and neighbours are in `history`:
    /// whatever was known at the end of a row's day.
    pub fn rows_in(
        &self,
        today: &[O],
        history: &History<'_, O>,
        reference: &Reference,
    ) -> FeatureMatrix {
        let windows = Windows::new(history, reference, self.extent);
        let width = self.features.len();
        let mut values = vec![0.0; width * today.len()];
        if width > 0 {
            values.par_chunks_mut(width).zip(today).for_each_init(
                Vec::new,
                |scratch, (row, today)| {
                    windows.with(today, end_of(today.day()), scratch, |window| {
                        self.fill(window, row);
                    });
                },
            );
        }
        FeatureMatrix {
            names: self.names(),
            values,
        }
    }

    fn fill(&self, window: &Window<'_, O>, row: &mut [f32]) {
        for (value, feature) in row.iter_mut().zip(&self.features) {
            *value = (feature.function)(window);
        }
    }
}
