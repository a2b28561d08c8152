//! `{{#graph crates}}`, `{{#graph stages}}`: diagrams drawn from the files that say what is in them,
//! so that no arrow on a page contradicts them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use super::directive::Directive;

/// The markdown of a diagram.
///
/// # Errors
/// If there is no graph of that name, or its files can't be understood.
pub fn expand(directive: &Directive, root: &Path) -> Result<String, String> {
    match directive.arguments.as_slice() {
        [name] if name == "crates" => crates(root).map(|crates| draw_crates(&crates)),
        [name] if name == "stages" => {
            let path = root.join("example/dvc.yaml");
            let text = std::fs::read_to_string(&path)
                .map_err(|error| format!("{}: {error}", path.display()))?;
            stages(&text).map(|stages| draw_stages(&stages))
        }
        _ => Err("expected `crates` or `stages`".to_owned()),
    }
}

#[derive(Debug, Deserialize)]
struct Manifest {
    package: Package,
    #[serde(default)]
    dependencies: BTreeMap<String, toml::Value>,
}

#[derive(Debug, Deserialize)]
struct Package {
    #[serde(default)]
    description: String,
}

/// A crate's name, what it is for, and which others it uses.
struct Crate {
    name: String,
    purpose: String,
    uses: BTreeSet<String>,
}

/// The names of the example's crates.
///
/// # Errors
/// If the folder can't be read.
pub fn crate_names(root: &Path) -> Result<BTreeSet<String>, String> {
    let folder = root.join("example/crates");
    let entries = std::fs::read_dir(&folder).map_err(|error| format!("example/crates: {error}"))?;
    Ok(entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| folder.join(name).join("Cargo.toml").is_file())
        .collect())
}

fn crates(root: &Path) -> Result<Vec<Crate>, String> {
    let names = crate_names(root)?;
    let mut crates = Vec::new();
    for name in &names {
        let path = format!("example/crates/{name}/Cargo.toml");
        let text = std::fs::read_to_string(root.join(&path))
            .map_err(|error| format!("{path}: {error}"))?;
        let manifest: Manifest =
            toml::from_str(&text).map_err(|error| format!("{path}: {error}"))?;
        let purpose = manifest.package.description;
        let uses = manifest
            .dependencies
            .keys()
            .filter_map(|key| key.strip_prefix("mlops-"))
            .filter(|used| names.contains(*used))
            .map(str::to_owned)
            .collect();
        crates.push(Crate {
            name: name.clone(),
            purpose: purpose
                .split([',', ':', '.', '?'])
                .next()
                .unwrap_or_default()
                .to_owned(),
            uses,
        });
    }
    Ok(crates)
}

fn draw_crates(crates: &[Crate]) -> String {
    let edges: BTreeMap<&str, &BTreeSet<String>> = crates
        .iter()
        .map(|each| (each.name.as_str(), &each.uses))
        .collect();
    let mut lines = Vec::new();
    let mut sentences = Vec::new();
    for each in crates {
        lines.push(format!("{0}[\"{0}<br>{1}\"]", each.name, each.purpose));
        let direct: Vec<&str> = each
            .uses
            .iter()
            .filter(|used| !is_reached_otherwise(&edges, &each.name, used))
            .map(String::as_str)
            .collect();
        for used in &direct {
            lines.push(format!("{} --> {used}", each.name));
        }
        if !direct.is_empty() {
            sentences.push(format!("{} uses {}", each.name, direct.join(", ")));
        }
    }
    mermaid("TB", "The parts of the program", &sentences, &lines)
}

/// Whether `to` is used by something else that `from` uses: then the arrow adds nothing.
fn is_reached_otherwise(edges: &BTreeMap<&str, &BTreeSet<String>>, from: &str, to: &str) -> bool {
    let mut open: Vec<&str> = edges
        .get(from)
        .into_iter()
        .flat_map(|uses| uses.iter())
        .filter(|used| *used != to)
        .map(String::as_str)
        .collect();
    let mut seen = BTreeSet::new();
    while let Some(name) = open.pop() {
        if name == to {
            return true;
        }
        if seen.insert(name) {
            open.extend(
                edges
                    .get(name)
                    .into_iter()
                    .flat_map(|uses| uses.iter())
                    .map(String::as_str),
            );
        }
    }
    false
}

/// A stage of `dvc.yaml`.
struct Stage {
    name: String,
    deps: Vec<String>,
    params: Vec<String>,
    outs: Vec<String>,
}

fn stages(text: &str) -> Result<Vec<Stage>, String> {
    let file: Value = serde_saphyr::from_str(text).map_err(|error| format!("dvc.yaml: {error}"))?;
    let stages = file.get("stages").and_then(Value::as_object);
    let stages = stages.ok_or("dvc.yaml has no stages")?;
    Ok(stages
        .iter()
        .map(|(name, stage)| Stage {
            name: name.clone(),
            deps: names(stage.get("deps")),
            params: names(stage.get("params")),
            outs: ["outs", "metrics", "plots"]
                .iter()
                .flat_map(|key| names(stage.get(key)))
                .collect(),
        })
        .collect())
}

/// The names in a list of names, or of maps with a name as their key.
fn names(list: Option<&Value>) -> Vec<String> {
    let of = |item: &Value| match item {
        Value::String(name) => Some(name.clone()),
        Value::Object(map) => map.keys().next().cloned(),
        _ => None,
    };
    list.and_then(Value::as_array)
        .map(|items| items.iter().filter_map(of).collect())
        .unwrap_or_default()
}

fn draw_stages(stages: &[Stage]) -> String {
    let maker = |file: &String| stages.iter().find(|stage| stage.outs.contains(file));
    let mut lines = Vec::new();
    let mut sentences = Vec::new();
    for (number, stage) in stages.iter().enumerate() {
        let outside: Vec<&str> = stage
            .deps
            .iter()
            .filter(|file| maker(file).is_none())
            .map(String::as_str)
            .collect();
        let mut reads = outside.clone();
        let params = format!("params: {}", stage.params.join(", "));
        if !stage.params.is_empty() {
            reads.push(&params);
        }
        if !reads.is_empty() {
            lines.push(format!(
                "f{number}[\"{}\"] --> {}",
                reads.join("<br>"),
                stage.name
            ));
        }
        let before: BTreeSet<&str> = stage
            .deps
            .iter()
            .filter_map(maker)
            .map(|maker| maker.name.as_str())
            .collect();
        lines.extend(
            before
                .iter()
                .map(|maker| format!("{maker} --> {}", stage.name)),
        );
        let from: Vec<&str> = before.into_iter().chain(reads.iter().copied()).collect();
        sentences.push(format!("{} reads {}", stage.name, from.join(", ")));
    }
    mermaid("LR", "The stages and what each reads", &sentences, &lines)
}

fn mermaid(direction: &str, title: &str, sentences: &[String], lines: &[String]) -> String {
    format!(
        "```mermaid\nflowchart {direction}\n    accTitle: {title}\n    accDescr: {}.\n    {}\n```\n",
        sentences.join("; ").replace([':', '"'], ""),
        lines.join("\n    ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guide::testing::{directive, write};

    fn manifest(root: &Path, name: &str, description: &str, uses: &[&str]) {
        let uses: String = uses
            .iter()
            .map(|used| format!("mlops-{used}.workspace = true\n"))
            .collect();
        let text = format!(
            "[package]\nname = \"{name}\"\ndescription = \"{description}\"\n[dependencies]\nserde = \"1\"\n{uses}"
        );
        write(root, &format!("example/crates/{name}/Cargo.toml"), &text);
    }

    #[test]
    fn an_arrow_that_others_imply_is_left_out() {
        let folder = tempfile::tempdir().unwrap();
        manifest(
            folder.path(),
            "rain",
            "Will it rain? Who knows.",
            &["cli", "data"],
        );
        manifest(
            folder.path(),
            "cli",
            "The command line: parse, print.",
            &["data", "plot"],
        );
        manifest(folder.path(), "data", "Tables.", &[]);
        manifest(folder.path(), "plot", "Plots.", &[]);
        let drawn = expand(&directive("graph", &["crates"]), folder.path()).unwrap();
        insta::assert_snapshot!(drawn, @r#"
        ```mermaid
        flowchart TB
            accTitle: The parts of the program
            accDescr: cli uses data, plot; rain uses cli.
            cli["cli<br>The command line"]
            cli --> data
            cli --> plot
            data["data<br>Tables"]
            plot["plot<br>Plots"]
            rain["rain<br>Will it rain"]
            rain --> cli
        ```
        "#);
    }

    #[test]
    fn stages_are_drawn_as_dvc_yaml_declares_them() {
        let folder = tempfile::tempdir().unwrap();
        let text = "stages:\n  train:\n    cmd: x\n    deps: [contract.yaml, features.parquet]\n    params: [model, seed]\n    outs: [model.bin]\n  evaluate:\n    cmd: y\n    deps: [model.bin]\n    metrics:\n    - scores.json:\n        cache: false\n  validate:\n    cmd: z\n    deps: [gates.yaml, scores.json, model.bin]\n";
        write(folder.path(), "example/dvc.yaml", text);
        let drawn = expand(&directive("graph", &["stages"]), folder.path()).unwrap();
        insta::assert_snapshot!(drawn, @r#"
        ```mermaid
        flowchart LR
            accTitle: The stages and what each reads
            accDescr: train reads contract.yaml, features.parquet, params model, seed; evaluate reads train; validate reads evaluate, train, gates.yaml.
            f0["contract.yaml<br>features.parquet<br>params: model, seed"] --> train
            train --> evaluate
            f2["gates.yaml"] --> validate
            evaluate --> validate
            train --> validate
        ```
        "#);
    }

    #[test]
    fn another_graph_is_refused() {
        let error = expand(&directive("graph", &["files"]), Path::new(".")).unwrap_err();
        assert_eq!(error, "expected `crates` or `stages`");
    }
}
