//! What features learn from the training period.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What was learned of each entity, on the training period and on nothing else.
/// It is part of a model, as the code of the features is.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reference {
    /// By the entity's name.
    pub entities: BTreeMap<String, Learned>,
}

/// What was learned of one entity.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Learned {
    /// The entities near it, the nearest first.
    #[serde(default)]
    pub neighbours: Vec<Neighbour>,
    /// Numbers by the name of their table; null where nothing could be learned.
    #[serde(default)]
    pub tables: BTreeMap<String, Vec<Option<f32>>>,
}

/// An entity near another.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Neighbour {
    /// Its name.
    pub entity: String,
    /// What was learned of the pair: the project knows which number is which.
    #[serde(default)]
    pub values: Vec<f32>,
}
