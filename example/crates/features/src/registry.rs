use std::collections::BTreeMap;

use crate::Window;

/// Computes a feature from a window; NaN is missing.
pub type Function<O> = fn(&Window<'_, O>) -> f32;

/// The feature functions of a project, by the name of their feature.
#[derive(Debug)]
pub struct Registry<O> {
    functions: BTreeMap<&'static str, Function<O>>,
}

impl<O> Default for Registry<O> {
    fn default() -> Self {
        Registry {
            functions: BTreeMap::new(),
        }
    }
}

impl<O> Registry<O> {
    /// A registry without functions.
    pub fn new() -> Self {
        Registry::default()
    }

    /// Adds the function of the feature of this name; of two of one name the last holds.
    #[must_use]
    pub fn with(mut self, name: &'static str, function: Function<O>) -> Self {
        self.functions.insert(name, function);
        self
    }

    /// The function of this name.
    pub fn get(&self, name: &str) -> Option<Function<O>> {
        self.functions.get(name).copied()
    }

    /// The names of all functions, in the order of the alphabet.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.functions.keys().copied()
    }
}
