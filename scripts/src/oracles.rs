//! The expected values of tests that other people's programs gave: asked for again, and compared.
//!
//! Each `scripts/oracles/*.py` prints the file that its own first lines send it to.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

/// Who is asked, and whether to write.
#[derive(Debug, clap::Args)]
pub struct OracleArguments {
    /// A Python that has the packages which the scripts name
    #[arg(long, value_name = "PROGRAM", default_value = "python3")]
    python: PathBuf,
    /// Write down what they say now
    #[arg(long)]
    write: bool,
}

/// Numbers this close are the same: libraries differ in their last digits between processors.
const CLOSE: f64 = 1e-9;

/// Runs every oracle, and compares what it says with what is committed or writes it down.
///
/// # Errors
/// If one doesn't run or, when comparing, says something else.
pub fn run(root: &Path, arguments: &OracleArguments) -> Result<()> {
    let folder = root.join("scripts/oracles");
    let mut scripts: Vec<PathBuf> = std::fs::read_dir(&folder)
        .with_context(|| folder.display().to_string())?
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<_>>()?;
    scripts.retain(|path| path.extension().is_some_and(|extension| extension == "py"));
    scripts.sort();
    let mut different = 0;
    for script in &scripts {
        let name = script.strip_prefix(root)?.display().to_string();
        let text = std::fs::read_to_string(script).with_context(|| name.clone())?;
        let target = target(&text, &name)?;
        let said = ask(root, &arguments.python, script)?;
        if arguments.write {
            std::fs::write(root.join(target), &said).with_context(|| target.to_string())?;
            println!("{name} → {target}");
            continue;
        }
        let committed = std::fs::read_to_string(root.join(target))
            .with_context(|| format!("{target}: `--write` makes it"))?;
        let committed = serde_json::from_str(&committed).with_context(|| target.to_string())?;
        let said = serde_json::from_str(&said).with_context(|| name.clone())?;
        match difference("", &committed, &said) {
            None => println!("{name}: {target} is what it says"),
            Some(difference) => {
                different += 1;
                println!("{name}: {target}{difference}");
            }
        }
    }
    ensure!(
        different == 0,
        "{different} of {} oracles say something else; look why before you `--write` it",
        scripts.len()
    );
    Ok(())
}

/// The file that the script's first lines send its output to.
fn target<'a>(script: &'a str, name: &str) -> Result<&'a str> {
    script
        .lines()
        .find_map(|line| line.split_once(&format!("{name} > ")))
        .map(|(_, target)| target.trim())
        .with_context(|| format!("{name} doesn't say where its output belongs: `{name} > FILE`"))
}

fn ask(root: &Path, python: &Path, script: &Path) -> Result<String> {
    let output = Command::new(python)
        .arg(script)
        .current_dir(root)
        .output()
        .with_context(|| format!("{} can't be started", python.display()))?;
    if !output.status.success() {
        bail!(
            "{} ended with {}; its first lines say what it needs installed:\n{}",
            script.display(),
            output.status,
            String::from_utf8_lossy(&output.stderr).trim_end()
        );
    }
    String::from_utf8(output.stdout).with_context(|| script.display().to_string())
}

/// Where two values first differ, and how; which versions were asked makes none.
fn difference(at: &str, one: &Value, other: &Value) -> Option<String> {
    match (one, other) {
        (Value::Object(one), Value::Object(other)) => {
            let keys = |map: &serde_json::Map<String, Value>| {
                let names = map.keys().filter(|key| !key.starts_with("made_"));
                names.cloned().collect::<Vec<_>>()
            };
            if keys(one) != keys(other) {
                return Some(format!("{at}: has other fields"));
            }
            keys(one)
                .iter()
                .find_map(|key| difference(&format!("{at} {key}"), &one[key], &other[key]))
        }
        (Value::Array(one), Value::Array(other)) => {
            if one.len() != other.len() {
                return Some(format!("{at}: {} values, now {}", one.len(), other.len()));
            }
            let mut pairs = one.iter().zip(other).enumerate();
            pairs.find_map(|(place, (a, b))| difference(&format!("{at}[{place}]"), a, b))
        }
        (Value::Number(a), Value::Number(b)) if close(a.as_f64(), b.as_f64()) => None,
        _ if one == other => None,
        _ => Some(format!("{at}: {one}, now {other}")),
    }
}

fn close(one: Option<f64>, other: Option<f64>) -> bool {
    let (Some(one), Some(other)) = (one, other) else {
        return false;
    };
    (one - other).abs() <= CLOSE * one.abs().max(other.abs())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_last_digits_and_the_versions_make_no_difference() {
        let committed = json!({"made_by": "1.0", "cases": [{"p": 0.1, "n": 3, "name": "a"}]});
        let said = json!({"made_by": "2.0", "cases": [{"p": 0.1 + 1e-12, "n": 3.0, "name": "a"}]});
        assert_eq!(difference("", &committed, &said), None);
        assert_eq!(
            difference("", &json!(1e-30), &json!(1.000_000_000_1e-30)),
            None
        );
    }

    #[test]
    fn what_differs_is_named_with_its_place() {
        let of = |said: Value| {
            let committed = json!({"cases": [{"p": 0.1, "name": "a"}]});
            difference("", &committed, &said).unwrap()
        };
        let all = [
            of(json!({"cases": [{"p": 0.100_001, "name": "a"}]})),
            of(json!({"cases": [{"p": 0.1, "name": "b"}]})),
            of(json!({"cases": [{"p": null, "name": "a"}]})),
            of(json!({"cases": []})),
            of(json!({"cases": [{"p": 0.1}]})),
        ];
        insta::assert_snapshot!(all.join("\n"), @r#"
         cases[0] p: 0.1, now 0.100001
         cases[0] name: "a", now "b"
         cases[0] p: 0.1, now null
         cases: 1 values, now 0
         cases[0]: has other fields
        "#);
        // Far in a tail, a wrong power of ten is no rounding.
        assert!(difference("", &json!(1e-30), &json!(1e-29)).is_some());
        assert!(difference("", &json!(0.0), &json!(1e-12)).is_some());
    }

    #[test]
    fn a_script_says_where_its_output_belongs() {
        let name = "scripts/oracles/a.py";
        let script = "\"\"\"Asks.\n\n    venv/bin/python scripts/oracles/a.py > b/c.json\n\"\"\"\n";
        assert_eq!(target(script, name).unwrap(), "b/c.json");
        let error = target("print(1)", name).unwrap_err().to_string();
        assert!(error.contains("a.py > FILE"), "{error}");
    }
}
