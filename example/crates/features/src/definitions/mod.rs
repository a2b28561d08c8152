//! What features.yaml declares: entities, sources, views of features and the
//! services that models ask for.

mod applied;
mod check;
mod guard;
mod lineage;
mod plan;
mod sources;
mod stored;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use mlops_data::Contract;
use mlops_data::contract::ColumnRule;
use serde::{Deserialize, Serialize};
use serde_saphyr::Spanned;
use sha2::{Digest, Sha256};

pub use applied::Applied;
pub use guard::{KeptTable, Refusal, Uses};
pub use lineage::Lineage;
pub use plan::{Action, Change, FieldChange, Kind, Plan};
pub use stored::{Period, StoredView};

use crate::clocks::{Clocks, UtcOffset};
use crate::{Extent, FeatureError, Result};

/// The features of a project, as its features.yaml declares them. What a feature is called,
/// means and reads stands here; how it is computed is a function of the same name in code.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Definitions {
    /// What features are about.
    pub entities: Vec<Entity>,
    /// Where observations come from.
    pub sources: Vec<Source>,
    /// Features that belong together.
    pub views: Vec<View>,
    /// Views whose values are read and not computed.
    #[serde(default)]
    pub tables: Vec<StoredView>,
    /// The lists of features that models ask for.
    pub services: Vec<Service>,
    #[serde(skip)]
    path: PathBuf,
    #[serde(skip)]
    lineage: BTreeMap<String, Lineage>,
    /// The contract's hour of each column.
    #[serde(skip)]
    known_at: BTreeMap<String, f64>,
}

/// Something that features are about, such as a shop or a machine.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entity {
    /// Its name.
    pub name: Spanned<String>,
    /// The column that tells one from another.
    pub key: String,
    /// What it is, in a sentence.
    #[serde(default)]
    pub description: String,
    /// The clocks of all of them; none, if all go by one clock.
    #[serde(default)]
    pub zones: Vec<Zone>,
}

/// Entities whose clocks show the same time.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Zone {
    /// Its name.
    pub name: Spanned<String>,
    /// Hours that its clocks are ahead of UTC in standard time: a number, or `[least, most]` if it was
    /// changed within the years of the data.
    pub utc: Hours,
    /// Whether it is an hour more in summer, on the same dates as in the other zones that say so.
    #[serde(default)]
    pub summer_time: bool,
    /// The entities, by their names in the key's column.
    pub entities: Vec<String>,
}

/// A number of hours, or the least and the most of them.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(
    untagged,
    expecting = "`utc` must be a number of hours, or two as [least, most]"
)]
pub enum Hours {
    /// Always so many.
    One(f64),
    /// The least and the most.
    Between([f64; 2]),
}

impl Hours {
    /// The least and the most.
    pub fn bounds(self) -> [f64; 2] {
        match self {
            Hours::One(hours) => [hours, hours],
            Hours::Between(bounds) => bounds,
        }
    }
}

/// Whose clock shows the hour at which a forecast is issued.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Clock {
    /// That of the entity that the forecast is for.
    #[default]
    Own,
    /// The one that shows this hour last: all forecasts are issued at one instant, when it is this hour, or
    /// later, everywhere.
    Latest,
}

/// Where observations come from.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// Its name.
    pub name: Spanned<String>,
    /// What it is, in a sentence.
    #[serde(default)]
    pub description: String,
    /// Its file in the project; without, `data.file` of params.yaml.
    #[serde(default)]
    pub file: Option<PathBuf>,
    /// The column that says of what day a row is.
    pub event: String,
    /// The column that says when a row became known; without, at the end of its day.
    #[serde(default)]
    pub created: Option<String>,
}

/// Features that belong together and are chosen together.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct View {
    /// Its name.
    pub name: Spanned<String>,
    /// What it holds, in a sentence.
    pub description: String,
    /// The entity its features are of.
    pub entity: String,
    /// The sources or views that it reads.
    pub from: Vec<String>,
    /// For how many days after its event a value may be given; 0 is for ever.
    #[serde(default)]
    pub ttl_days: u16,
    /// How many days before today its features read.
    #[serde(default)]
    pub days: u16,
    /// How many neighbouring entities they read.
    #[serde(default)]
    pub neighbours: u16,
    /// How many days before today they read of each neighbour.
    #[serde(default)]
    pub neighbour_days: u16,
    /// Who answers for it.
    #[serde(default)]
    pub owner: String,
    /// Words to find it by.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    /// Its features, in the order of the row.
    pub fields: Vec<Field>,
}

/// A feature, as it is declared.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Field {
    /// Its name, unique in the project, and that of its function.
    pub name: Spanned<String>,
    /// Its type.
    #[serde(rename = "type", default)]
    pub kind: FeatureType,
    /// Its unit; empty for a pure number.
    #[serde(default)]
    pub unit: String,
    /// What it says, in a sentence.
    pub description: String,
    /// What it reads of today, of the entity or its neighbours: columns of a source
    /// or features of a view that its view is made from.
    #[serde(default)]
    pub inputs: Vec<String>,
    /// What it reads of the days before, and of the training period.
    #[serde(default)]
    pub past: Vec<String>,
}

/// The type of a feature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FeatureType {
    /// Any number.
    #[default]
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

/// The features that a model asks for, and when its forecast is issued.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Service {
    /// Its name.
    pub name: Spanned<String>,
    /// What it is for, in a sentence.
    #[serde(default)]
    pub description: String,
    /// Hour of the observation's date at which the forecast is issued, 0 to 24.
    pub issued_at: f64,
    /// Whose clock shows it.
    #[serde(default)]
    pub clock: Clock,
    /// Views or single features, in the order of the row.
    pub features: Vec<Spanned<String>>,
    /// Views or single features to leave out of them.
    #[serde(default)]
    pub except: Vec<Spanned<String>>,
}

impl View {
    /// How much of history and neighbours its features see.
    pub fn extent(&self) -> Extent {
        Extent {
            days: self.days,
            neighbours: self.neighbours,
            neighbour_days: self.neighbour_days,
        }
    }
}

impl Definitions {
    /// Reads the definitions of a project and holds them against its contract.
    ///
    /// # Errors
    /// If the file is missing, isn't YAML of this form or contradicts itself or the
    /// contract: then every contradiction is named with its line.
    pub fn read(path: &Path, contract: &Contract) -> Result<Definitions> {
        let text = mlops_disk::read_small_text(path, mlops_disk::MAX_SMALL);
        let text = text.map_err(|error| FeatureError::Definitions {
            path: path.into(),
            message: format!(
                "could not read: {}; the project's features stand in this file",
                error.why()
            ),
        })?;
        Definitions::parse(&text, path, contract)
    }

    /// Reads definitions from text; `path` is only named in errors.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn parse(text: &str, path: &Path, contract: &Contract) -> Result<Definitions> {
        let broken = |message| FeatureError::Definitions {
            path: path.into(),
            message,
        };
        let mut definitions: Definitions =
            mlops_data::declaration::from_yaml(text).map_err(broken)?;
        definitions.path = path.into();
        let known_at = |rule: &ColumnRule| (rule.name.clone(), rule.known_at);
        definitions.known_at = contract.columns.iter().map(known_at).collect();
        let mut faults = check::faults(&definitions, contract);
        if faults.is_empty() {
            (definitions.lineage, faults) = lineage::resolve(&definitions, contract);
        }
        if faults.is_empty() {
            faults = check::look_ahead(&definitions, contract);
        }
        match faults.as_slice() {
            [] => Ok(definitions),
            faults => Err(broken(faults.join(&format!("\n{}: ", path.display())))),
        }
    }

    /// The file they were read from.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The service of this name.
    ///
    /// # Errors
    /// If there is none; the error names those there are.
    pub fn service(&self, name: &str) -> Result<&Service> {
        self.services
            .iter()
            .find(|service| service.name.value == name)
            .ok_or_else(|| FeatureError::UnknownService {
                name: name.into(),
                path: self.path.clone(),
                known: names(self.services.iter().map(|service| &service.name)),
            })
    }

    /// The view and the features of this name: all of a view, or a single feature.
    pub fn find(&self, name: &str) -> Option<(&View, &[Field])> {
        if let Some(view) = self.views.iter().find(|view| view.name.value == name) {
            return Some((view, &view.fields));
        }
        self.views.iter().find_map(|view| {
            let at = view
                .fields
                .iter()
                .position(|field| field.name.value == name)?;
            Some((view, &view.fields[at..=at]))
        })
    }

    /// The features of a service, each with its view, in the order of the row; `without`
    /// names views or features to leave out besides those that the service leaves out.
    ///
    /// # Errors
    /// If a name is unknown, or nothing is left.
    pub fn features(&self, service: &Service, without: &[String]) -> Result<Vec<(&View, &Field)>> {
        let unknown = |name: &str| FeatureError::Unknown {
            name: name.into(),
            known: names(self.views.iter().map(|view| &view.name)),
        };
        let mut left_out = Vec::new();
        let except = service.except.iter().map(|name| &name.value);
        for name in except.chain(without) {
            let (_, fields) = self.find(name).ok_or_else(|| unknown(name))?;
            left_out.extend(fields.iter().map(|field| &field.name.value));
        }
        let mut features: Vec<(&View, &Field)> = Vec::new();
        for name in &service.features {
            let (view, fields) = self.find(&name.value).ok_or_else(|| unknown(&name.value))?;
            for field in fields {
                let name = &field.name.value;
                let twice = features.iter().any(|(_, known)| known.name.value == *name);
                if !twice && !left_out.contains(&name) {
                    features.push((view, field));
                }
            }
        }
        match features.is_empty() {
            true => Err(FeatureError::Empty {
                service: service.name.value.clone(),
            }),
            false => Ok(features),
        }
    }

    /// By whose clocks the forecasts of a service are issued, if that decides on what its features see of
    /// neighbours: zones are declared, and the service doesn't wait for all of them.
    pub fn clocks(&self, service: &Service) -> Option<Clocks> {
        let zones = || self.entities.iter().flat_map(|entity| &entity.zones);
        let features = self.features(service, &[]).ok()?;
        let sees_neighbours = features.iter().any(|(view, _)| view.neighbours > 0);
        if service.clock == Clock::Latest || zones().next().is_none() || !sees_neighbours {
            return None;
        }
        let of_zone = |zone: &Zone| {
            let [least, most] = zone.utc.bounds();
            let offset = UtcOffset {
                least,
                most,
                summer_time: zone.summer_time,
            };
            (zone.name.value.clone(), offset)
        };
        let entities = zones().flat_map(|zone| {
            let names = zone.entities.iter().cloned();
            names.map(|name| (name, zone.name.value.clone()))
        });
        Some(Clocks {
            issued_at: service.issued_at,
            known_at: self.known_at.clone(),
            zones: zones().map(of_zone).collect(),
            entities: entities.collect(),
        })
    }

    /// What a feature is made from, back to the columns. Nothing for an unknown name.
    pub fn lineage(&self, feature: &str) -> Lineage {
        self.lineage.get(feature).cloned().unwrap_or_default()
    }

    /// SHA-256, in hex, of all definitions that a service reaches and that decide on its
    /// values: a model trained on one version must not be given another.
    ///
    /// # Errors
    /// As [`features`](Self::features).
    pub fn hash(&self, service: &Service, without: &[String]) -> Result<String> {
        let mut text = format!("{} {}\n", service.name.value, service.issued_at);
        if let Some(clocks) = self.clocks(service) {
            text.push_str(&format!("{clocks:?}\n"));
        }
        for (view, field) in self.features(service, without)? {
            let lineage = self.lineage(&field.name.value);
            text.push_str(&format!(
                "{} {} {:?} {:?} {:?} {:?}\n",
                field.name.value,
                field.kind.name(),
                field.unit,
                view.extent(),
                lineage.today,
                lineage.past
            ));
        }
        Ok(Sha256::digest(text)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect())
    }
}

fn names<'a>(names: impl Iterator<Item = &'a Spanned<String>>) -> String {
    names
        .map(|name| name.value.as_str())
        .collect::<Vec<_>>()
        .join(", ")
}

#[cfg(test)]
mod tests;
