//! The one model file.
//!
//! | bytes | what |
//! |---|---|
//! | 8 | `\x89MLOPS\r\n`: neither text nor half-converted text is taken for a model |
//! | 2 | format version, little-endian |
//! | 8 | length of the body, little-endian |
//! | … | body: [`Metadata`], [`Predictor`] and, from version 3 on, [`Calibration`], by postcard |
//! | 32 | SHA-256 of all of the above |
//!
//! A model without calibration is written as version 2, which programs from before can read.
//! The same model always gives the same bytes, so that their hash is the model's name.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{LearningError, ModelKind, Predictor, Result, calibration::Calibration};

/// How every model file begins.
pub const MAGIC: &[u8; 8] = b"\x89MLOPS\r\n";
/// Newest version of the format that this program writes and reads.
pub const FORMAT_VERSION: u16 = 3;
/// Oldest version that it reads: without calibration.
const UNCALIBRATED: u16 = 2;
const HEADER: usize = MAGIC.len() + 2 + 8;
const CHECKSUM: usize = 32;

/// A trained model with all that is needed to use it, and to know where it comes from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Model {
    /// What it is and where it comes from.
    pub metadata: Metadata,
    /// What it says.
    pub predictor: Predictor,
    /// What a margin is worth as a probability, if not what the predictor's link says.
    pub calibration: Option<Calibration>,
}

/// What a model is and where it comes from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Metadata {
    /// The project's name for it.
    pub name: String,
    /// The kind that was trained.
    pub kind: ModelKind,
    /// The `model` section of params.yaml, as JSON.
    pub params: String,
    /// Seed of the training.
    pub seed: u64,
    /// The features of a row, in order.
    pub features: Vec<Feature>,
    /// The feature service that computes such rows.
    pub feature_service: String,
    /// What the feature code needs besides its code, such as what it learned on the training
    /// period, as JSON: it is part of the model.
    pub feature_state: String,
    /// Hour of the observation's date at which the forecast is issued, 0 to 24.
    pub issued_at: f64,
    /// Column that the label was taken from.
    pub label: String,
    /// Names of the negative and the positive class.
    pub classes: [String; 2],
    /// Probability from which on the positive class is said, in [0, 1].
    pub threshold: f64,
    /// What it was trained on.
    pub training: Training,
    /// Rows that every program has to score alike before it may use the model.
    pub golden: Vec<GoldenRow>,
    /// Version of the program that trained it.
    pub toolkit: String,
}

/// A feature of the row that a model takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Feature {
    /// Its name.
    pub name: String,
    /// Its type, as its definition calls it.
    pub dtype: String,
}

/// What a model was trained on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Training {
    /// Hash of the data, with the name of the hash in front: `md5:…`.
    pub data_hash: String,
    /// Number of rows.
    pub rows: u64,
    /// Date of the first row, yyyy-mm-dd.
    pub first: String,
    /// Date of the last row, yyyy-mm-dd.
    pub last: String,
}

/// A raw observation, and the bits that must come out of it: feature code is part of the model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GoldenRow {
    /// The observation, with all that its features need, as JSON.
    pub observation: String,
    /// The features.
    pub features: Vec<f32>,
    /// What the model says of them.
    pub margin: f64,
}

impl GoldenRow {
    /// What `predictor` says of an observation with these features.
    ///
    /// # Panics
    /// If there aren't as many features as the predictor takes.
    pub fn new(predictor: &Predictor, observation: String, features: Vec<f32>) -> GoldenRow {
        let margin = predictor.margin(&features);
        GoldenRow {
            observation,
            features,
            margin,
        }
    }
}

fn broken<T>(why: String) -> Result<T> {
    Err(LearningError::File(why))
}

/// SHA-256 of a model file's bytes, in hexadecimal: the model's name among all models.
pub fn fingerprint(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// The model as the bytes of a file.
///
/// # Errors
/// If its parts don't fit each other; [`decode`] would refuse it.
pub fn encode(model: &Model) -> Result<Vec<u8>> {
    model.check()?;
    let (version, body) = match &model.calibration {
        None => {
            let parts = (&model.metadata, &model.predictor);
            (UNCALIBRATED, postcard::to_allocvec(&parts))
        }
        Some(_) => (FORMAT_VERSION, postcard::to_allocvec(model)),
    };
    let body =
        body.map_err(|error| LearningError::File(format!("the model cannot be written: {error}")))?;
    let mut bytes = Vec::with_capacity(HEADER + body.len() + CHECKSUM);
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&version.to_le_bytes());
    bytes.extend_from_slice(&(body.len() as u64).to_le_bytes());
    bytes.extend_from_slice(&body);
    let checksum = Sha256::digest(&bytes);
    bytes.extend_from_slice(&checksum);
    Ok(bytes)
}

/// The model in a file's bytes.
///
/// # Errors
/// If it isn't a model file, is one of another format version, is truncated or altered, or its parts
/// don't fit each other.
pub fn decode(bytes: &[u8]) -> Result<Model> {
    let Some((magic, rest)) = bytes.split_first_chunk::<8>() else {
        return broken(format!(
            "not a model file: {} bytes are too few",
            bytes.len()
        ));
    };
    if magic != MAGIC {
        return broken(
            "not a model file: it doesn't begin like one; was another file meant?".into(),
        );
    }
    let truncated = || LearningError::File("the model file is truncated; copy it again".into());
    let (version, rest) = rest.split_first_chunk::<2>().ok_or_else(truncated)?;
    let version = u16::from_le_bytes(*version);
    if !(UNCALIBRATED..=FORMAT_VERSION).contains(&version) {
        let todo = if version < UNCALIBRATED {
            "train the model again"
        } else {
            "update the program"
        };
        return broken(format!(
            "the model file has format version {version}, this program reads versions {UNCALIBRATED} and {FORMAT_VERSION}; {todo}"
        ));
    }
    let (length, rest) = rest.split_first_chunk::<8>().ok_or_else(truncated)?;
    let Some((body, checksum)) = rest.split_last_chunk::<CHECKSUM>() else {
        return Err(truncated());
    };
    let length = u64::from_le_bytes(*length);
    if length != body.len() as u64 {
        return broken(format!(
            "the model file is truncated or altered: it should hold {length} bytes and holds {}; copy it again",
            body.len()
        ));
    }
    if Sha256::digest(&bytes[..HEADER + body.len()])[..] != checksum[..] {
        return broken("the model file is altered: its checksum is wrong; copy it again".into());
    }
    let model = if version == UNCALIBRATED {
        let parts = postcard::take_from_bytes::<(Metadata, Predictor)>(body);
        parts.map(|((metadata, predictor), left)| {
            let calibration = None;
            (
                Model {
                    metadata,
                    predictor,
                    calibration,
                },
                left,
            )
        })
    } else {
        postcard::take_from_bytes::<Model>(body)
    };
    let (model, left) = model
        .map_err(|error| LearningError::File(format!("the model file holds no model: {error}")))?;
    if !left.is_empty() {
        return broken(format!(
            "the model file holds {} bytes after the model",
            left.len()
        ));
    }
    model.check()?;
    Ok(model)
}

impl Model {
    /// The probability of the positive class that belongs to the predictor's margin.
    pub fn probability_of(&self, margin: f64) -> f64 {
        match &self.calibration {
            None => self.predictor.link().probability(margin),
            Some(calibration) => calibration.probability(margin),
        }
    }

    /// The probability of the positive class for each of many rows, standing one after the
    /// other in `rows`, on all threads: the same bits as one by one. NaN is missing.
    ///
    /// # Panics
    /// If `rows` isn't a whole number of rows.
    pub fn probabilities(&self, rows: &[f32]) -> Vec<f64> {
        self.probabilities_of(&self.predictor.margins(rows))
    }

    /// The probabilities of the positive class that belong to margins, in their order.
    pub fn probabilities_of(&self, margins: &[f64]) -> Vec<f64> {
        let margins = margins.iter();
        margins.map(|margin| self.probability_of(*margin)).collect()
    }

    /// Whether the positive class is said at this probability.
    pub fn decide(&self, probability: f64) -> bool {
        probability >= self.metadata.threshold
    }

    /// SHA-256 of the model's file, in hexadecimal. Who has the file's bytes asks [`fingerprint`].
    ///
    /// # Errors
    /// If the model's parts don't fit each other.
    pub fn hash(&self) -> Result<String> {
        Ok(fingerprint(&encode(self)?))
    }

    /// Checks that the parts fit each other, and that the golden rows still give their margins.
    fn check(&self) -> Result<()> {
        let (metadata, width) = (&self.metadata, self.predictor.width());
        if metadata.features.len() != width {
            return broken(format!(
                "the model names {} features, but takes {width}",
                metadata.features.len()
            ));
        }
        let mut names: Vec<&str> = metadata
            .features
            .iter()
            .map(|feature| feature.name.as_str())
            .collect();
        names.sort_unstable();
        if let Some(twice) = names.windows(2).find(|pair| pair[0] == pair[1]) {
            return broken(format!(
                "the model has two features of the name {:?}",
                twice[0]
            ));
        }
        if !(0.0..=1.0).contains(&metadata.threshold) {
            return broken(format!(
                "the decision threshold is {}; it must be from 0 to 1",
                metadata.threshold
            ));
        }
        if !(0.0..=24.0).contains(&metadata.issued_at) {
            return broken(format!(
                "the forecast is issued at {} o'clock; it must be from 0 to 24",
                metadata.issued_at
            ));
        }
        if metadata.classes[0] == metadata.classes[1] {
            return broken(format!(
                "both classes have the name {:?}",
                metadata.classes[0]
            ));
        }
        for (at, row) in metadata.golden.iter().enumerate() {
            if row.features.len() != width {
                return broken(format!(
                    "golden row {at} has {} features, not {width}",
                    row.features.len()
                ));
            }
            let margin = self.predictor.margin(&row.features);
            if margin.to_bits() != row.margin.to_bits() {
                return broken(format!(
                    "golden row {at} should give {:?}, but this program gets {margin:?}; don't use this model with it",
                    row.margin
                ));
            }
        }
        Ok(())
    }

    /// Whether this program's feature code gives the bits that the model was trained with, for every golden
    /// row. (That the margins are the same was checked when the model was read.) Any NaN is as
    /// good as another: it means missing.
    ///
    /// # Errors
    /// The first golden row whose features cannot be computed, or are others.
    pub fn verify_golden(
        &self,
        features_of: impl Fn(&str) -> Result<Vec<f32>, String>,
    ) -> Result<()> {
        for (at, golden) in self.metadata.golden.iter().enumerate() {
            let features = features_of(&golden.observation).or_else(|why| {
                broken(format!("golden row {at}: its features cannot be computed: {why}; the feature code isn't the model's"))
            })?;
            if features.len() != golden.features.len() {
                return broken(format!(
                    "golden row {at}: the feature code gives {} features, the model takes {}",
                    features.len(),
                    golden.features.len()
                ));
            }
            let same = |a: f32, b: f32| a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan();
            let differs = features
                .iter()
                .zip(&golden.features)
                .position(|(ours, theirs)| !same(*ours, *theirs));
            if let Some(feature) = differs {
                return broken(format!(
                    "golden row {at}: feature {:?} is {:?} here and was {:?} in training; the feature code isn't the model's, train again or go back",
                    self.metadata.features[feature].name,
                    features[feature],
                    golden.features[feature]
                ));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
pub(crate) mod tests;
