//! Which way metrics get better, where their names don't tell.

use crate::yaml::Node;

use crate::error::{RepositoryError, Result};

/// Which way metrics get better, by name: of the metric alone, or with the keys above it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Better {
    /// More is better.
    pub higher: Vec<String>,
    /// Less is better.
    pub lower: Vec<String>,
}

impl Better {
    /// What `meta` says about which way the stage's metrics get better.
    pub(super) fn read(file: &str, node: &Node, key: &str) -> Result<Self> {
        let names = |name: &str| -> Result<Vec<String>> {
            let Some(node) = node.value.as_map().and_then(|meta| meta.get(name)) else {
                return Ok(Vec::new());
            };
            let names = node.value.as_list().and_then(|items| {
                let texts = items.iter().map(|item| item.value.as_text());
                texts.map(|text| text.map(str::to_owned)).collect()
            });
            names.ok_or_else(|| {
                let message = "a list of names of metrics is expected";
                RepositoryError::at(file, node.line, format!("{key}.{name}"), message)
            })
        };
        Ok(Self {
            higher: names("higher_is_better")?,
            lower: names("lower_is_better")?,
        })
    }
}
