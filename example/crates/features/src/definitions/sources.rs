//! Which source's observations are meant.

use std::collections::BTreeSet;

use super::{Definitions, Source, names};
use crate::{FeatureError, Result};

impl Definitions {
    /// The source of this name; without a name the only one there is.
    ///
    /// # Errors
    /// If there is none of this name, or none or several to choose from without one.
    pub fn source(&self, name: Option<&str>) -> Result<&Source> {
        let known = || names(self.sources.iter().map(|source| &source.name));
        let found = match (name, self.sources.as_slice()) {
            (Some(name), sources) => sources
                .iter()
                .find(|source| source.name.value == name)
                .ok_or_else(|| {
                    format!("no source is called {name:?}; the sources are {}", known())
                }),
            (None, [only]) => Ok(only),
            (None, []) => Err("it declares no source: name the table under `sources`".into()),
            (None, _) => Err(format!(
                "it declares several sources, {}: name the one that is meant",
                known()
            )),
        };
        found.map_err(|message| self.refused(message))
    }

    /// The source that a service's features are made from: its observations are those of
    /// the service's windows.
    ///
    /// # Errors
    /// If the service is unknown, or its features are made from several sources: a
    /// window is made of the observations of one.
    pub fn source_of(&self, service: &str) -> Result<&Source> {
        if let [only] = self.sources.as_slice() {
            return Ok(only);
        }
        let features = self.features(self.service(service)?, &[])?;
        let mut reached = BTreeSet::new();
        let mut left: Vec<&String> = features.iter().flat_map(|(view, _)| &view.from).collect();
        while let Some(name) = left.pop() {
            if reached.insert(name) {
                let view = self.views.iter().find(|view| view.name.value == *name);
                left.extend(view.iter().flat_map(|view| &view.from));
            }
        }
        let sources = self.sources.iter();
        let mut reached = sources.filter(|source| reached.contains(&source.name.value));
        match (reached.next(), reached.next()) {
            (Some(source), None) => Ok(source),
            (Some(one), Some(other)) => Err(self.refused(format!(
                "service {service:?} is made from the sources {:?} and {:?}, but a window is made of the observations of one: let its views read a single source",
                one.name.value, other.name.value
            ))),
            (None, _) => self.source(None),
        }
    }

    fn refused(&self, message: String) -> FeatureError {
        FeatureError::Definitions {
            path: self.path.clone(),
            message,
        }
    }
}
