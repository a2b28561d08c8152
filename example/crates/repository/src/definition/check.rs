//! Keys and kinds of values in `dvc.yaml`, as DVC's schema has them.

use crate::yaml::{Entry, Map, Node, Value};

use super::{Definition, Group, StageDefinition};
use crate::error::{RepositoryError, Result};

const TOP: [&str; 7] = [
    "stages",
    "vars",
    "params",
    "metrics",
    "plots",
    "artifacts",
    "datasets",
];
const STAGE: [&str; 13] = [
    "cmd",
    "wdir",
    "deps",
    "params",
    "vars",
    "frozen",
    "meta",
    "desc",
    "always_changed",
    "outs",
    "metrics",
    "plots",
    "matrix",
];
const OUT: [&str; 9] = [
    "desc",
    "type",
    "labels",
    "meta",
    "cache",
    "persist",
    "remote",
    "push",
    "checkpoint",
];
const OUT_PLOT: [&str; 7] = [
    "template", "x", "y", "x_label", "y_label", "title", "header",
];
const TOP_PLOT: [&str; 6] = ["x", "y", "x_label", "y_label", "title", "template"];
const ARTIFACT: [&str; 5] = ["path", "desc", "type", "labels", "meta"];

/// The file that is checked: makes errors.
struct Checker<'a> {
    file: &'a str,
}

pub(super) fn check(file: &str, root: Node) -> Result<Definition> {
    let checker = Checker { file };
    let mut definition = Definition {
        file: file.to_owned(),
        ..Definition::default()
    };
    let map = match root.value {
        Value::Null => return Ok(definition),
        Value::Map(map) => map,
        other => return Err(checker.fault(root.line, "", expected("a map", &other))),
    };
    checker.known_keys(&map, "", &[&TOP])?;
    for entry in map {
        let key = entry.key.as_text().unwrap_or_default().to_owned();
        match key.as_str() {
            "stages" => definition.stages = checker.stages(entry)?,
            "vars" => definition.vars = checker.vars(entry.node, &key)?,
            "params" => definition.params = checker.texts(entry.node, &key)?,
            "metrics" => definition.metrics = checker.texts(entry.node, &key)?,
            "plots" => definition.plots = checker.top_plots(entry.node)?,
            "artifacts" => checker.artifacts(&entry.node)?,
            _ => {}
        }
    }
    Ok(definition)
}

fn expected(what: &str, found: &Value) -> String {
    format!("{what} is expected, not {}", found.kind())
}

fn below(key: &str, inner: &str) -> String {
    if key.is_empty() {
        inner.to_owned()
    } else {
        format!("{key}.{inner}")
    }
}

impl Checker<'_> {
    fn fault(&self, line: usize, key: &str, message: impl Into<String>) -> RepositoryError {
        RepositoryError::at(self.file, line, key, message)
    }

    fn map<'n>(&self, node: &'n Node, key: &str) -> Result<&'n Map> {
        node.value
            .as_map()
            .ok_or_else(|| self.fault(node.line, key, expected("a map", &node.value)))
    }

    fn list(&self, node: Node, key: &str) -> Result<Vec<Node>> {
        match node.value {
            Value::List(items) => Ok(items),
            other => Err(self.fault(node.line, key, expected("a list", &other))),
        }
    }

    fn text<'n>(&self, node: &'n Node, key: &str) -> Result<&'n str> {
        node.value
            .as_text()
            .ok_or_else(|| self.fault(node.line, key, expected("a text", &node.value)))
    }

    fn yes_or_no(&self, node: &Node, key: &str) -> Result<()> {
        match node.value {
            Value::Bool(_) => Ok(()),
            _ => Err(self.fault(node.line, key, expected("true or false", &node.value))),
        }
    }

    fn known_keys(&self, map: &Map, key: &str, known: &[&[&str]]) -> Result<()> {
        for entry in map {
            let Some(name) = entry.key.as_text() else {
                return Err(self.fault(entry.line, key, expected("a text as key", &entry.key)));
            };
            let known = || known.iter().flat_map(|keys| keys.iter().copied());
            if known().any(|one| one == name) {
                continue;
            }
            let near = known().find(|one| strsim::levenshtein(one, name) <= 2);
            let advice = match near {
                Some(near) => format!("did you mean {near:?}?"),
                None => format!("known are {}", known().collect::<Vec<_>>().join(", ")),
            };
            return Err(self.fault(
                entry.line,
                &below(key, name),
                format!("unknown key; {advice}"),
            ));
        }
        Ok(())
    }

    fn texts(&self, node: Node, key: &str) -> Result<Vec<Node>> {
        let items = self.list(node, key)?;
        for (number, item) in items.iter().enumerate() {
            self.text(item, &format!("{key}[{number}]"))?;
        }
        Ok(items)
    }

    fn vars(&self, node: Node, key: &str) -> Result<Vec<Node>> {
        let items = self.list(node, key)?;
        for (number, item) in items.iter().enumerate() {
            let key = format!("{key}[{number}]");
            if !matches!(item.value, Value::Text(_) | Value::Map(_)) {
                return Err(self.fault(item.line, &key, expected("a file or a map", &item.value)));
            }
            if crate::interpolation::has_references(item) {
                return Err(self.fault(item.line, &key, "references can't be used in vars"));
            }
        }
        Ok(items)
    }

    fn stages(&self, entry: Entry) -> Result<Vec<StageDefinition>> {
        let map = match entry.node.value {
            Value::Map(map) => map,
            other => return Err(self.fault(entry.line, "stages", expected("a map", &other))),
        };
        map.into_iter().map(|entry| self.stage(entry)).collect()
    }

    fn stage(&self, entry: Entry) -> Result<StageDefinition> {
        let line = entry.line;
        let Some(name) = entry.key.as_text().map(str::to_owned) else {
            return Err(self.fault(line, "stages", expected("a name", &entry.key)));
        };
        let key = format!("stages.{name}");
        if name.is_empty() || name.contains(['@', ':', '/', '\n']) {
            return Err(self.fault(
                line,
                &key,
                "a stage's name can't hold '@', ':', '/' or be empty",
            ));
        }
        let mut body = self.map(&entry.node, &key)?.clone();
        let group = if body.get("foreach").is_some() || body.get("do").is_some() {
            self.known_keys(&body, &key, &[&["foreach", "do"]])?;
            let (Some(items), Some(inner)) = (body.remove("foreach"), body.remove("do")) else {
                return Err(self.fault(line, &key, "foreach and do go together"));
            };
            self.group_items(&items, &below(&key, "foreach"))?;
            body = self.map(&inner, &below(&key, "do"))?.clone();
            self.stage_body(&body, &below(&key, "do"), line)?;
            if let Some(matrix) = body.entry("matrix") {
                return Err(self.fault(
                    matrix.line,
                    &below(&key, "do.matrix"),
                    "foreach and matrix don't go together",
                ));
            }
            Group::Foreach(items)
        } else {
            self.stage_body(&body, &key, line)?;
            match body.remove("matrix") {
                Some(matrix) => {
                    self.matrix(&matrix, &below(&key, "matrix"))?;
                    Group::Matrix(matrix)
                }
                None => Group::One,
            }
        };
        Ok(StageDefinition {
            name,
            line,
            body,
            group,
        })
    }

    fn group_items(&self, node: &Node, key: &str) -> Result<()> {
        match node.value {
            Value::List(_) | Value::Map(_) | Value::Text(_) => Ok(()),
            _ => Err(self.fault(
                node.line,
                key,
                expected("a list, a map or ${…}", &node.value),
            )),
        }
    }

    fn matrix(&self, node: &Node, key: &str) -> Result<()> {
        for entry in self.map(node, key)? {
            let name = entry.key.as_text().unwrap_or_default();
            if !matches!(entry.node.value, Value::List(_) | Value::Text(_)) {
                return Err(self.fault(
                    entry.line,
                    &below(key, name),
                    expected("a list or ${…}", &entry.node.value),
                ));
            }
        }
        Ok(())
    }

    fn stage_body(&self, body: &Map, key: &str, line: usize) -> Result<()> {
        self.known_keys(body, key, &[&STAGE])?;
        if body.get("cmd").is_none() {
            return Err(self.fault(line, key, "the stage has no cmd"));
        }
        for entry in body {
            let name = entry.key.as_text().unwrap_or_default();
            let (key, node) = (below(key, name), &entry.node);
            match name {
                "cmd" => self.command(node, &key)?,
                "wdir" | "desc" => {
                    self.text(node, &key)?;
                }
                "deps" => {
                    self.texts(node.clone(), &key)?;
                }
                "vars" => {
                    self.vars(node.clone(), &key)?;
                }
                "frozen" | "always_changed" => self.yes_or_no(node, &key)?,
                "params" => self.params(node, &key)?,
                "outs" | "metrics" => self.outs(node, &key, &[&OUT])?,
                "plots" => self.outs(node, &key, &[&OUT, &OUT_PLOT])?,
                "meta" => super::stage::check_meta(self.file, node, &key)?,
                _ => {}
            }
        }
        Ok(())
    }

    fn command(&self, node: &Node, key: &str) -> Result<()> {
        let wrong = |node: &Node| {
            self.fault(
                node.line,
                key,
                expected("a command or a list of them", &node.value),
            )
        };
        match &node.value {
            Value::Text(text) if text.trim().is_empty() => {
                Err(self.fault(node.line, key, "the command is empty"))
            }
            Value::Text(_) => Ok(()),
            Value::List(items) if !items.is_empty() => items
                .iter()
                .find(|item| item.value.as_text().is_none())
                .map_or(Ok(()), |item| Err(wrong(item))),
            _ => Err(wrong(node)),
        }
    }

    /// Calls `check` with each entry of those items of a list that are maps; the others must be texts.
    fn texts_or_maps(
        &self,
        node: &Node,
        key: &str,
        what: &str,
        check: impl Fn(&Entry, &str) -> Result<()>,
    ) -> Result<()> {
        for (number, item) in self.list(node.clone(), key)?.into_iter().enumerate() {
            let key = format!("{key}[{number}]");
            match &item.value {
                Value::Text(_) => {}
                Value::Map(map) => map.iter().try_for_each(|entry| check(entry, &key))?,
                other => return Err(self.fault(item.line, &key, expected(what, other))),
            }
        }
        Ok(())
    }

    fn params(&self, node: &Node, key: &str) -> Result<()> {
        let what = "a parameter's key or a file with keys";
        self.texts_or_maps(node, key, what, |entry, key| {
            match (&entry.key, &entry.node.value) {
                (Value::Text(_), Value::Null) => Ok(()),
                (Value::Text(file), _) => {
                    self.texts(entry.node.clone(), &below(key, file)).map(drop)
                }
                (other, _) => Err(self.fault(entry.line, key, expected("a file", other))),
            }
        })
    }

    fn outs(&self, node: &Node, key: &str, known: &[&[&str]]) -> Result<()> {
        self.texts_or_maps(node, key, "a path, or a path with flags", |entry, key| {
            let Some(path) = entry.key.as_text() else {
                return Err(self.fault(entry.line, key, expected("a path", &entry.key)));
            };
            let key = below(key, path);
            let flags = self.map(&entry.node, &key)?;
            self.known_keys(flags, &key, known)?;
            self.flags(flags, &key)
        })
    }

    fn flags(&self, flags: &Map, key: &str) -> Result<()> {
        for entry in flags {
            let name = entry.key.as_text().unwrap_or_default();
            let (key, node) = (below(key, name), &entry.node);
            match name {
                "cache" | "persist" | "push" | "checkpoint" | "header" => {
                    self.yes_or_no(node, &key)?;
                }
                "labels" => {
                    self.texts(node.clone(), &key)?;
                }
                "meta" => {}
                _ => {
                    self.text(node, &key)?;
                }
            }
        }
        Ok(())
    }

    fn top_plots(&self, node: Node) -> Result<Vec<Node>> {
        self.texts_or_maps(
            &node,
            "plots",
            "a file, or a name with a plot",
            |entry, key| {
                if matches!(entry.node.value, Value::Null) {
                    return Ok(());
                }
                let key = below(key, entry.key.as_text().unwrap_or_default());
                let plot = self.map(&entry.node, &key)?;
                self.known_keys(plot, &key, &[&TOP_PLOT])?;
                self.plot_columns(plot, &key)
            },
        )?;
        self.list(node, "plots")
    }

    fn plot_columns(&self, plot: &Map, key: &str) -> Result<()> {
        for entry in plot {
            let name = entry.key.as_text().unwrap_or_default();
            let (key, node) = (below(key, name), &entry.node);
            match (name, &node.value) {
                ("x", Value::Map(files)) => {
                    for file in files {
                        self.text(&file.node, &key)?;
                    }
                }
                ("y", Value::Map(files)) => {
                    for file in files {
                        if !matches!(file.node.value, Value::List(_)) {
                            self.text(&file.node, &key)?;
                        }
                    }
                }
                ("y", Value::List(_)) => {
                    self.texts(node.clone(), &key)?;
                }
                _ => {
                    self.text(node, &key)?;
                }
            }
        }
        Ok(())
    }

    fn artifacts(&self, node: &Node) -> Result<()> {
        for entry in self.map(node, "artifacts")? {
            let key = below("artifacts", entry.key.as_text().unwrap_or_default());
            let artifact = self.map(&entry.node, &key)?;
            self.known_keys(artifact, &key, &[&ARTIFACT])?;
            if artifact.get("path").is_none() {
                return Err(self.fault(entry.line, &key, "the artifact has no path"));
            }
            self.flags(artifact, &key)?;
        }
        Ok(())
    }
}
