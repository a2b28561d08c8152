//! Makes stages of a definition: groups become their members, references their values.

use crate::yaml::{Map, Node, Value};

use super::{Definition, Group, Stage, StageDefinition};
use crate::error::{RepositoryError, Result};
use crate::interpolation::Loading;
use crate::interpolation::{Fault, OptionStyle, Place, Scope, Used, Variables, text};
use crate::source::Source;

/// More stages than this from one group are a mistake.
const MOST_MEMBERS: usize = 100_000;

/// What a file of stages comes to.
#[derive(Debug, Default)]
pub(crate) struct Expanded {
    pub stages: Vec<Stage>,
    /// Top-level files of parameters, from the repository's root.
    pub params: Vec<String>,
    /// Top-level metrics, from the repository's root.
    pub metrics: Vec<String>,
    /// Top-level plots as they stand, references put in.
    pub plots: Vec<Node>,
}

/// Makes the stages of a file.
pub(crate) fn expand(
    definition: &Definition,
    source: &Source,
    style: OptionStyle,
) -> Result<Expanded> {
    let loading = Loading {
        source,
        file: &definition.file,
        key: "vars",
        folder: definition.folder(),
    };
    let mut variables = Variables::default();
    variables.load_default(&loading)?;
    variables.load(&loading, &definition.vars)?;
    let expander = Expander {
        definition,
        source,
        style,
        variables: &variables,
    };
    let mut expanded = Expanded::default();
    for stage in &definition.stages {
        expander.stage(stage, &mut expanded.stages)?;
    }
    expanded.params = expander.files(&definition.params, "params")?;
    expanded.metrics = expander.files(&definition.metrics, "metrics")?;
    expanded.plots = expander.top(&definition.plots, "plots")?;
    Ok(expanded)
}

struct Expander<'a> {
    definition: &'a Definition,
    source: &'a Source,
    style: OptionStyle,
    variables: &'a Variables,
}

/// A stage of a group: the end of its name, and what `item` and `key` are in it.
struct Member {
    suffix: String,
    generated: Vec<(&'static str, Node)>,
}

impl Expander<'_> {
    fn fault(&self, key: String) -> impl FnOnce(Fault) -> RepositoryError {
        let file = self.definition.file.clone();
        move |fault| RepositoryError::at(&file, fault.line, key, fault.message)
    }

    fn top(&self, items: &[Node], key: &str) -> Result<Vec<Node>> {
        let scope = Scope::new(self.variables, self.style);
        items
            .iter()
            .enumerate()
            .map(|(number, item)| {
                scope
                    .resolve(item, Place::Group)
                    .map_err(self.fault(format!("{key}[{number}]")))
            })
            .collect()
    }

    fn files(&self, items: &[Node], key: &str) -> Result<Vec<String>> {
        let items = self.top(items, key)?;
        items
            .iter()
            .map(|item| {
                let name = text::scalar(&item.value).map_err(|message| {
                    RepositoryError::at(&self.definition.file, item.line, key, message)
                })?;
                Ok(crate::posix_path::join(self.definition.folder(), &name))
            })
            .collect()
    }

    fn stage(&self, definition: &StageDefinition, stages: &mut Vec<Stage>) -> Result<()> {
        let members = match &definition.group {
            Group::One => {
                stages.push(self.member(definition, None)?);
                return Ok(());
            }
            Group::Foreach(items) => self.foreach(definition, items)?,
            Group::Matrix(axes) => self.matrix(definition, axes)?,
        };
        let mut names = std::collections::HashSet::new();
        for member in members {
            if !names.insert(member.suffix.clone()) {
                return Err(RepositoryError::at(
                    &self.definition.file,
                    definition.line,
                    format!("stages.{}", definition.name),
                    format!(
                        "two stages would be called {}@{}",
                        definition.name, member.suffix
                    ),
                ));
            }
            stages.push(self.member(definition, Some(member))?);
        }
        Ok(())
    }

    fn foreach(&self, definition: &StageDefinition, items: &Node) -> Result<Vec<Member>> {
        let key = format!("stages.{}.foreach", definition.name);
        let resolved = Scope::new(self.variables, self.style)
            .resolve(items, Place::Group)
            .map_err(self.fault(key.clone()))?;
        let wrong = |message: String| {
            RepositoryError::at(&self.definition.file, items.line, key.clone(), message)
        };
        match resolved.value {
            Value::List(items) if items.len() > MOST_MEMBERS => {
                Err(wrong(format!("more than {MOST_MEMBERS} items")))
            }
            Value::List(items) => {
                let compound = items
                    .iter()
                    .any(|item| matches!(item.value, Value::List(_) | Value::Map(_)));
                let mut members: Vec<Member> = Vec::new();
                for (number, item) in items.into_iter().enumerate() {
                    let suffix = if compound {
                        number.to_string()
                    } else {
                        text::scalar(&item.value).map_err(&wrong)?
                    };
                    members.push(Member {
                        suffix,
                        generated: vec![("item", item)],
                    });
                }
                Ok(members)
            }
            Value::Map(map) => map
                .into_iter()
                .map(|entry| {
                    let suffix = text::scalar(&entry.key).map_err(&wrong)?;
                    let key = Node {
                        line: entry.line,
                        value: Value::Text(suffix.clone()),
                    };
                    Ok(Member {
                        suffix,
                        generated: vec![("item", entry.node), ("key", key)],
                    })
                })
                .collect(),
            other => Err(wrong(format!(
                "a list or a map is expected, not {}",
                other.kind()
            ))),
        }
    }

    fn matrix(&self, definition: &StageDefinition, axes: &Node) -> Result<Vec<Member>> {
        let key = format!("stages.{}.matrix", definition.name);
        let resolved = Scope::new(self.variables, self.style)
            .resolve(axes, Place::Group)
            .map_err(self.fault(key.clone()))?;
        let wrong = |line: usize, key: String, message: String| {
            RepositoryError::at(&self.definition.file, line, key, message)
        };
        let Value::Map(axes) = resolved.value else {
            return Err(wrong(axes.line, key, "a map of lists is expected".into()));
        };
        let mut combinations: Vec<(Vec<String>, Map)> = vec![(Vec::new(), Map::new())];
        for axis in axes {
            let name = axis.key.as_text().unwrap_or_default().to_owned();
            let key = format!("{key}.{name}");
            let Value::List(values) = axis.node.value else {
                let message = format!("a list is expected, not {}", axis.node.value.kind());
                return Err(wrong(axis.line, key, message));
            };
            if combinations.len().saturating_mul(values.len()) > MOST_MEMBERS {
                let message = format!("more than {MOST_MEMBERS} combinations");
                return Err(wrong(axis.line, key, message));
            }
            let parts = values
                .iter()
                .enumerate()
                .map(|(number, value)| match &value.value {
                    Value::List(_) | Value::Map(_) => Ok(format!("{name}{number}")),
                    scalar => text::scalar(scalar),
                })
                .collect::<Result<Vec<_>, String>>()
                .map_err(|message| wrong(axis.line, key, message))?;
            combinations = combinations
                .iter()
                .flat_map(|(suffix, item)| {
                    let name = &name;
                    parts.iter().zip(&values).map(move |(part, value)| {
                        let mut suffix = suffix.clone();
                        suffix.push(part.clone());
                        let mut item = item.clone();
                        item.insert(name.clone(), value.clone());
                        (suffix, item)
                    })
                })
                .collect();
        }
        Ok(combinations
            .into_iter()
            .map(|(suffix, item)| {
                let suffix = suffix.join("-");
                Member {
                    generated: vec![("item", item.into()), ("key", suffix.as_str().into())],
                    suffix,
                }
            })
            .collect())
    }

    fn member(&self, definition: &StageDefinition, member: Option<Member>) -> Result<Stage> {
        let (name, group, generated) = match member {
            None => (definition.name.clone(), None, Vec::new()),
            Some(member) => (
                format!("{}@{}", definition.name, member.suffix),
                Some(definition.name.clone()),
                member.generated,
            ),
        };
        let file = &self.definition.file;
        let variables = self.stage_variables(definition, &name, &generated)?;
        let variables = variables.as_ref().unwrap_or(self.variables);
        let scope = Scope::new(variables, self.style).with(generated);
        let mut body = Map::new();
        for entry in &definition.body {
            let key = entry.key.as_text().unwrap_or_default();
            if key == "vars" {
                continue;
            }
            let place = if key == "cmd" {
                Place::Command
            } else {
                Place::Stage
            };
            let node = scope
                .resolve(&entry.node, place)
                .map_err(self.fault(format!("stages.{name}.{key}")))?;
            body.push(entry.key.clone(), entry.line, node);
        }
        let used: Used = scope.used();
        Stage::read(file, &name, group, definition.line, &body, used)
    }

    /// The file's variables with those of the stage added, if it has any.
    fn stage_variables(
        &self,
        definition: &StageDefinition,
        name: &str,
        generated: &[(&'static str, Node)],
    ) -> Result<Option<Variables>> {
        let Some(vars) = definition.body.get("vars") else {
            return Ok(None);
        };
        let key = format!("stages.{name}.vars");
        let folder = match definition.body.get("wdir") {
            None => self.definition.folder().to_owned(),
            Some(wdir) => {
                let resolved = Scope::new(self.variables, self.style)
                    .with(generated.to_vec())
                    .resolve(wdir, Place::Stage)
                    .map_err(self.fault(format!("stages.{name}.wdir")))?;
                let wdir = text::scalar(&resolved.value).map_err(|message| {
                    RepositoryError::at(&self.definition.file, wdir.line, key.clone(), message)
                })?;
                crate::posix_path::join(self.definition.folder(), &wdir)
            }
        };
        let mut variables = self.variables.copy().map_err(|message| {
            RepositoryError::at(&self.definition.file, vars.line, &key, message)
        })?;
        let loading = Loading {
            source: self.source,
            file: &self.definition.file,
            key: &key,
            folder: &folder,
        };
        variables.load(&loading, vars.value.as_list().unwrap_or_default())?;
        Ok(Some(variables))
    }
}
