use std::path::Path;

use mlops_data::{Contract, Table};
use mlops_disk::DiskError;
use mlops_features::online::Coverage;
use mlops_features::{
    Feature, FeatureService, FeatureState, FeatureType, History, Observation, Registry, observe,
};
use mlops_learning::{LearningError, Model, model_file};

use crate::golden::Golden;
use crate::{Prediction, Result, ServingError};

/// A model with all it needs to turn observations into probabilities: the only
/// way to a prediction, for files and for requests.
#[derive(Debug)]
pub struct Inference<O> {
    contract: Contract,
    service: FeatureService<O>,
    state: FeatureState,
    model: Model,
    hash: String,
}

impl<O: Observation> Inference<O> {
    /// Opens a model file and proves on its golden rows that this program
    /// computes what the program that trained it computed.
    ///
    /// # Errors
    /// If the file is not a sound model, was made for another label, or this
    /// program's features give other bits than the model was trained on.
    pub fn open(path: &Path, registry: &Registry<O>, contract: Contract) -> Result<Self> {
        let inference = Inference::unproven(path, registry, contract)?;
        inference.prove().map_err(|source| ServingError::Model {
            path: path.into(),
            source,
        })?;
        Ok(inference)
    }

    /// Opens a model file without proof that its features are this program's: for who judges the model and
    /// asks for the proof itself.
    ///
    /// # Errors
    /// As [`Inference::open`], but for other bits.
    pub fn unproven(path: &Path, registry: &Registry<O>, contract: Contract) -> Result<Self> {
        let bytes = std::fs::read(path)
            .map_err(|error| ServingError::from(DiskError::io("read", path, error)))?;
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
        )?
        .by(state.clocks.clone());
        let hash = model_file::fingerprint(&bytes);
        Ok(Inference {
            contract,
            service,
            state,
            model,
            hash,
        })
    }

    /// Proves on the golden rows that this program computes what the program that trained the model
    /// computed.
    ///
    /// # Errors
    /// The first golden row whose features are others.
    pub fn prove(&self) -> Result<(), LearningError> {
        self.model
            .verify_golden(|observation| self.golden_features(observation))
    }

    /// The contract that observations must meet.
    pub fn contract(&self) -> &Contract {
        &self.contract
    }

    /// The model itself.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// The features that the model reads.
    pub fn service(&self) -> &FeatureService<O> {
        &self.service
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

    /// The class that follows from a probability.
    pub fn decide(&self, probability: f64) -> &str {
        &self.model.metadata.classes[usize::from(self.model.decide(probability))]
    }

    /// The answer to an observation whose features these are.
    pub(crate) fn prediction(&self, features: &[f32], window: Coverage) -> Prediction {
        let probability = (self.model).probability_of(self.model.predictor.margin(features));
        Prediction {
            probability,
            decision: self.decide(probability).to_string(),
            model: self.hash.clone(),
            window,
            stored: false,
            not_stored_because: None,
        }
    }

    fn golden_features(&self, golden: &str) -> Result<Vec<f32>, String> {
        let golden: Golden = serde_json::from_str(golden).map_err(|error| error.to_string())?;
        golden
            .features(&self.service, &self.contract, &self.state.reference)
            .map_err(|error| error.to_string())
    }
}
