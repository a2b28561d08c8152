use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Definitions;
use crate::Result;

/// Definitions that passed every check, as they are kept: entities, sources, views and services, and the
/// version of each service.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Applied {
    /// Version of this form: 1.
    pub format: u32,
    /// What was declared. Read back, it knows no lineage.
    pub definitions: Definitions,
    /// The version of each service, [`Definitions::hash`], by its name.
    pub versions: BTreeMap<String, String>,
}

impl Applied {
    /// The form that this program writes, and the only one it reads.
    pub const FORMAT: u32 = 1;

    /// Definitions as they are kept.
    ///
    /// # Errors
    /// As [`Definitions::hash`].
    pub fn new(definitions: &Definitions) -> Result<Applied> {
        let version = |service: &super::Service| {
            let version = definitions.hash(service, &[])?;
            Ok((service.name.value.clone(), version))
        };
        Ok(Applied {
            format: Applied::FORMAT,
            versions: definitions
                .services
                .iter()
                .map(version)
                .collect::<Result<_>>()?,
            definitions: definitions.clone(),
        })
    }
}
