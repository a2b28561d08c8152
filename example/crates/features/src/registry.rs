use mlops_data::Contract;

use crate::{FeatureError, Result, Window};

/// One named value computed from a [`Window`].
#[derive(Debug)]
pub struct Feature<O> {
    /// Its name, unique in the registry.
    pub name: &'static str,
    /// What it says, in one sentence.
    pub description: &'static str,
    /// Its unit, empty for a pure number.
    pub unit: &'static str,
    /// Its type.
    pub kind: FeatureType,
    /// The columns it reads: from them follows when it is known.
    pub inputs: &'static [&'static str],
    /// The function itself; NaN is missing.
    pub function: fn(&Window<'_, O>) -> f32,
}

// By hand: a derive would ask `O` to be `Copy`, and no `O` is held.
impl<O> Clone for Feature<O> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<O> Copy for Feature<O> {}

impl<O> Feature<O> {
    /// Hour of the observation's date at which the feature is known: when the
    /// last of its inputs is. `None` if the contract lacks one of them.
    pub fn known_at(&self, contract: &Contract) -> Option<f64> {
        self.inputs.iter().try_fold(0.0, |latest: f64, input| {
            contract
                .column(input)
                .map(|column| latest.max(column.known_at))
        })
    }
}

/// The type of a feature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FeatureType {
    /// Any number.
    Number,
    /// 0 or 1.
    Flag,
}

impl FeatureType {
    /// Its name in model files and listings.
    pub fn name(self) -> &'static str {
        match self {
            FeatureType::Number => "number",
            FeatureType::Flag => "flag",
        }
    }
}

/// Features that belong together and are chosen together.
#[derive(Debug)]
pub struct FeatureView<O> {
    /// Its name, unique in the registry.
    pub name: &'static str,
    /// What it holds, in one sentence.
    pub description: &'static str,
    /// Its features, in the order of the row.
    pub features: Vec<Feature<O>>,
}

/// All feature views of a project.
#[derive(Debug)]
pub struct Registry<O> {
    views: Vec<FeatureView<O>>,
}

impl<O> Registry<O> {
    /// A registry of these views. Names must be unique; the first of two wins.
    pub fn new(views: Vec<FeatureView<O>>) -> Self {
        Registry { views }
    }

    /// The views, in order.
    pub fn views(&self) -> &[FeatureView<O>] {
        &self.views
    }

    /// The features of a view, or the single feature, of this name.
    ///
    /// # Errors
    /// If there is neither.
    pub fn find(&self, name: &str) -> Result<Vec<Feature<O>>> {
        if let Some(view) = self.views.iter().find(|view| view.name == name) {
            return Ok(view.features.clone());
        }
        let mut all = self.views.iter().flat_map(|view| &view.features);
        match all.find(|feature| feature.name == name) {
            Some(feature) => Ok(vec![*feature]),
            None => Err(FeatureError::Unknown {
                name: name.into(),
                known: self
                    .views
                    .iter()
                    .map(|view| view.name)
                    .collect::<Vec<_>>()
                    .join(", "),
            }),
        }
    }
}
