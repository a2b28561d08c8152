use std::path::Path;

use mlops_data::{Contract, Table, json::table_from_json};
use mlops_features::{FeatureService, Observation, Reference, Registry, observe};
use mlops_learning::{LearningError, Model, model_file};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::{Result, ServingError, server::Score};

/// A model with all it needs to turn observations into probabilities: the only
/// way to a prediction, for files and for requests.
#[derive(Debug)]
pub struct Inference<O> {
    contract: Contract,
    service: FeatureService<O>,
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
        let names: Vec<String> = metadata
            .features
            .iter()
            .map(|feature| feature.name.clone())
            .collect();
        let service = FeatureService::new(
            registry,
            &names,
            &contract,
            &metadata.feature_service,
            metadata.issued_at,
        )?;
        let hash = model_file::fingerprint(&bytes);
        let inference = Inference {
            contract,
            service,
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

    /// SHA-256 of the model's file, in hex.
    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// The probability of each row of a table, in its order.
    ///
    /// # Errors
    /// If the table lacks a column or a value doesn't fit.
    pub fn probabilities(&self, table: &Table) -> Result<Vec<f64>> {
        let rows = self
            .service
            .rows(&observe::<O>(table)?, &Reference::default());
        Ok(self.model.predictor.probabilities(&rows.values))
    }

    /// The class that follows from a probability.
    pub fn decide(&self, probability: f64) -> &str {
        &self.model.metadata.classes[usize::from(self.model.decide(probability))]
    }

    fn golden_features(&self, observation: &str) -> Result<Vec<f32>, String> {
        let record: Map<String, Value> =
            serde_json::from_str(observation).map_err(|error| error.to_string())?;
        let features = || -> Result<Vec<f32>> {
            let table = table_from_json(std::slice::from_ref(&record), &self.contract)?;
            Ok(self
                .service
                .rows(&observe::<O>(&table)?, &Reference::default())
                .values)
        };
        features().map_err(|error| error.to_string())
    }
}

impl<O: Observation + 'static> Score for Inference<O> {
    fn score(&self, observation: &Map<String, Value>) -> Result<Prediction> {
        let table = table_from_json(std::slice::from_ref(observation), &self.contract)?;
        let probability = self.probabilities(&table)?[0];
        Ok(Prediction {
            probability,
            decision: self.decide(probability).to_string(),
            model: self.hash.clone(),
        })
    }
}
