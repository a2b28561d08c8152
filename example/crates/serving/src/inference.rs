use std::path::Path;
use std::sync::Arc;

use mlops_data::{Contract, Table, json::table_from_json};
use mlops_features::{
    Feature, FeatureService, FeatureState, FeatureType, History, Observation, Registry, end_of,
    observe,
};
use mlops_learning::{LearningError, Model, model_file};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::golden::Golden;
use crate::memory::Memory;
use crate::{Result, ServingError, server::Score};

/// A model with all it needs to turn observations into probabilities: the only
/// way to a prediction, for files and for requests.
#[derive(Debug)]
pub struct Inference<O> {
    contract: Contract,
    service: FeatureService<O>,
    state: FeatureState,
    memory: Memory<O>,
    model: Model,
    hash: String,
}

/// The answer to one observation.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Prediction {
    /// Probability of the positive class, 0 to 1.
    pub probability: f64,
    /// The class that follows from the model's threshold.
    pub decision: String,
    /// SHA-256 of the model's file, in hex.
    pub model: String,
}

impl<O: Observation> Inference<O> {
    /// Opens a model file and proves on its golden rows that this program
    /// computes what the program that trained it computed.
    ///
    /// # Errors
    /// If the file is not a sound model, was made for another label, or this
    /// program's features give other bits than the model was trained on.
    pub fn open(path: &Path, registry: &Registry<O>, contract: Contract) -> Result<Self> {
        let bytes = std::fs::read(path).map_err(|source| ServingError::Io {
            what: path.display().to_string(),
            source,
        })?;
        let wrong = |source| ServingError::Model {
            path: path.into(),
            source,
        };
        let model = model_file::decode(&bytes).map_err(wrong)?;
        let metadata = &model.metadata;
        if metadata.label != contract.label.column {
            return Err(wrong(LearningError::File(format!(
                "the model predicts {:?}, but the contract's label is {:?}: use the model of this project",
                metadata.label, contract.label.column
            ))));
        }
        let state: FeatureState =
            serde_json::from_str(&metadata.feature_state).map_err(|error| {
                wrong(LearningError::File(format!(
                    "what its features learned can't be read: {error}; train it again"
                )))
            })?;
        let feature = |feature: &model_file::Feature| Feature {
            name: feature.name.clone(),
            kind: match feature.dtype.as_str() {
                "flag" => FeatureType::Flag,
                _ => FeatureType::Number,
            },
        };
        let service = FeatureService::new(
            registry,
            &metadata.feature_service,
            metadata.features.iter().map(feature).collect(),
            state.extent,
        )?;
        let hash = model_file::fingerprint(&bytes);
        let inference = Inference {
            contract,
            memory: Memory::new(state.extent),
            service,
            state,
            model,
            hash,
        };
        inference
            .model
            .verify_golden(|observation| inference.golden_features(observation))
            .map_err(wrong)?;
        Ok(inference)
    }

    /// The contract that observations must meet.
    pub fn contract(&self) -> &Contract {
        &self.contract
    }

    /// The model itself.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// What its features learned on the training period, and the version of their definitions.
    pub fn feature_state(&self) -> &FeatureState {
        &self.state
    }

    /// The model's feature service and its state, for who wants nothing but them.
    pub fn into_features(self) -> (FeatureService<O>, FeatureState) {
        (self.service, self.state)
    }

    /// SHA-256 of the model's file, in hex.
    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// The features of each row of a table, in its order, one row after the other. The rows are each other's
    /// history and neighbours, and so are those of `before`.
    ///
    /// # Errors
    /// If a table lacks a column or a value doesn't fit.
    pub fn rows(&self, table: &Table, before: Option<&Table>) -> Result<Vec<f32>> {
        let observations = observe::<O>(table)?;
        let before = before.map(observe::<O>).transpose()?.unwrap_or_default();
        // Of two of the same day, the table's own holds: it comes last.
        let history = History::new(before.iter().chain(&observations));
        let reference = &self.state.reference;
        Ok(self
            .service
            .rows_in(&observations, &history, reference)
            .values)
    }

    /// The probability of each row of a table, in its order.
    ///
    /// # Errors
    /// As [`Inference::rows`].
    pub fn probabilities(&self, table: &Table, before: Option<&Table>) -> Result<Vec<f64>> {
        Ok(self.model.probabilities(&self.rows(table, before)?))
    }

    /// Keeps the observations of a table in memory, so that [`Score::score`] has their
    /// windows.
    ///
    /// # Errors
    /// If the table lacks a column or a value doesn't fit.
    pub fn remember(&self, table: &Table) -> Result<()> {
        for observation in observe::<O>(table)? {
            self.memory.remember(Arc::new(observation));
        }
        Ok(())
    }

    /// The class that follows from a probability.
    pub fn decide(&self, probability: f64) -> &str {
        &self.model.metadata.classes[usize::from(self.model.decide(probability))]
    }

    fn golden_features(&self, golden: &str) -> Result<Vec<f32>, String> {
        let golden: Golden = serde_json::from_str(golden).map_err(|error| error.to_string())?;
        golden
            .features(&self.service, &self.contract, &self.state.reference)
            .map_err(|error| error.to_string())
    }
}

impl<O: Observation + 'static> Score for Inference<O> {
    fn score(&self, observation: &Map<String, Value>) -> Result<Prediction> {
        let table = table_from_json(std::slice::from_ref(observation), &self.contract)?;
        let reference = &self.state.reference;
        let mut rows = Vec::new();
        for today in observe::<O>(&table)? {
            let around = self.memory.around(&today, reference, self.state.extent);
            let history = History::new(around.iter().map(Arc::as_ref));
            let as_of = end_of(today.day());
            rows.extend(self.service.row_in(&today, &history, reference, as_of));
            self.memory.remember(Arc::new(today));
        }
        let probability = self.model.probabilities(&rows)[0];
        Ok(Prediction {
            probability,
            decision: self.decide(probability).to_string(),
            model: self.hash.clone(),
        })
    }
}
