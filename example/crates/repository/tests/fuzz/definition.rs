//! `dvc.yaml`, with all its references put in, and the graph of its stages.

use std::collections::BTreeSet;
use std::path::Path;

use mlops_pipeline::graph::{Graph, Vertex};
use mlops_repository::{Catalog, OptionStyle, RepositoryError, Source, Stage, Tracked, yaml};

use crate::laws::{fits, inside, same};
use crate::run::Target;

const FILES: [(&str, &str); 4] = [
    (
        "params.yaml",
        "a: {b: [1, x]}\nl: [us, uk]\ngrid: {small: {n: 1}, big: {n: 2}}\nrate: 1e-05\nflag: true\n",
    ),
    ("other.json", r#"{"c": {"d": 1.5}, "e": [1, 2]}"#),
    ("sub/v.yaml", "local: 3\n"),
    ("p.csv", "a,b\n1,2\n"),
];

pub fn target() -> Target {
    let seeds = [
        "vars: [{v: 1}]\nstages:\n  each:\n    foreach: ${l}\n    do: {cmd: 'x ${item} ${a.b[0]}', deps: [a, b], outs: ['${item}': {cache: false}]}\n  \
         cross:\n    matrix: {p: [1, 2], q: ${l}}\n    cmd: y ${item.p} ${key}\n    params: [a.b, {other.json: [c]}]\n  one:\n    cmd: [a, b]\n    wdir: sub\n    \
         vars: [v.yaml, {here: 2}]\n    metrics: [m.json]\n    plots: [{p.csv: {x: a, y: b}}]\n    meta: {timeout: 5m, retries: 1}\n\
         plots: [{id: {x: {f: c}, y: {f: [d, e]}}}]\n",
        "vars: [other.json, {model: {depth: 3}}]\nparams: [other.toml]\nmetrics: [m.json]\nplots:\n- plots.csv\n- curve: {x: {a.csv: x}, y: {a.csv: [y, z]}, \
         x_label: X, template: linear}\nartifacts:\n  model: {path: model.bin, type: model, labels: [a], meta: {k: 1}}\nstages:\n  train:\n    desc: trains\n    \
         wdir: src\n    cmd:\n    - echo ${model.depth}\n    - echo ${rate} ${grid.small}\n    deps: [data/, ../raw.csv]\n    params: [rate, {../other.json: [e]}, \
         {all.toml: null}]\n    outs:\n    - model.bin\n    - big: {cache: false, persist: true, desc: d, labels: [x]}\n    - remote: {remote: r, push: false}\n    \
         metrics: [{m.json: {cache: false}}]\n    frozen: true\n    always_changed: true\n    meta: {higher_is_better: [auc]}\n",
        "stages:\n  map:\n    foreach: ${grid}\n    do: {cmd: 'run ${key} ${item.n}', outs: ['m/${key}']}\n  after:\n    cmd: cat m/small > end\n    deps: [m]\n    \
         outs: [end]\n",
        "stages: {a: {cmd: x, deps: [y], outs: [z]}, b: {cmd: x, deps: [z], outs: [y]}}\n",
        "vars: [{n: &n [1, 2, 3]}]\nstages: {m: {matrix: {a: *n, b: *n}, cmd: 'x ${item.a} ${key}', outs: ['${key}']}}\n",
        "",
    ];
    let folder = tempfile::tempdir().expect("a folder");
    for (name, text) in FILES {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(path, text).expect("a file");
    }
    Target {
        name: "dvc.yaml",
        seeds: seeds.map(|seed| seed.as_bytes().to_vec()).to_vec(),
        words: &[
            "stages",
            "vars",
            "params",
            "metrics",
            "plots",
            "artifacts",
            "datasets",
            "cmd",
            "wdir",
            "deps",
            "frozen",
            "meta",
            "desc",
            "always_changed",
            "outs",
            "matrix",
            "foreach",
            "do",
            "cache",
            "persist",
            "remote",
            "push",
            "template",
            "x",
            "y",
            "x_label",
            "title",
            "header",
            "timeout",
            "retries",
            "higher_is_better",
            "${a.b[0]}",
            "${l}",
            "${item}",
            "${item.p}",
            "${key}",
            "${grid}",
            "${no.such}",
            "${",
            "\\${a}",
            "${a.b[-1]}",
            "params.yaml",
            "other.json",
            "other.json:c",
            "sub",
            "v.yaml",
            "..",
            "../x",
            "/abs",
            "end",
            "m/small",
            "5m",
            "1e400s",
            "data/",
            ".",
            "a@b",
        ],
        render: yaml::write,
        check: Box::new(move |input| check(input, folder.path())),
    }
}

fn check(input: &[u8], folder: &Path) -> Result<String, String> {
    let stages = match stages(input, folder)? {
        Ok(stages) => stages,
        Err(message) => return Ok(message),
    };
    // Written in another style, it says the same.
    let text = String::from_utf8_lossy(input);
    let value = yaml::read(&text)
        .map_err(|error| format!("it was read, and now it isn't: {error}"))?
        .value;
    let rewritten = yaml::write(&value);
    let again = self::stages(rewritten.as_bytes(), folder)?
        .map_err(|error| format!("what was written is refused: {error}: {rewritten}"))?;
    let shown = |stages: &[Stage]| stages.iter().map(shown).collect::<Vec<_>>();
    same("the stages", &shown(&stages), &shown(&again))?;
    let mut names = BTreeSet::new();
    for stage in &stages {
        if !names.insert(&stage.name) {
            return Err(format!("two stages are called {:?}", stage.name));
        }
        if stage.command.lines().is_empty() {
            return Err(format!("{:?} runs nothing", stage.name));
        }
        for out in stage.outs.iter().filter(|out| out.cache) {
            let root = Path::new("/r");
            inside(&Tracked::of_stage(root, stage, out, None).out.full, root)?;
        }
    }
    Ok(format!(
        "{} stages, {}",
        stages.len().min(8),
        graph(&stages)?
    ))
}

/// The stages, or the error, which must name a file and its line.
fn stages(input: &[u8], folder: &Path) -> Result<Result<Vec<Stage>, String>, String> {
    std::fs::write(folder.join("dvc.yaml"), input).map_err(|error| error.to_string())?;
    let source = Source::workspace(folder);
    let mut catalog = Catalog::default();
    match catalog.add(&source, "dvc.yaml", OptionStyle::default()) {
        Ok(()) => Ok(Ok(catalog.stages)),
        Err(error) => {
            let message = error.to_string();
            fits(&message)?;
            match error {
                RepositoryError::File {
                    file,
                    line: Some(line),
                    ..
                } if line > 0 && !file.as_os_str().is_empty() => Ok(Err(message)),
                other => Err(format!("the error names no line: {other}")),
            }
        }
    }
}

fn shown(stage: &Stage) -> String {
    let outs: Vec<_> = stage
        .outs
        .iter()
        .map(|out| {
            (
                &out.at,
                out.kind,
                out.cache,
                out.persist,
                &out.remote,
                out.push,
            )
        })
        .collect();
    format!(
        "{} {:?} {} {:?} {:?} {outs:?} {} {} {:?} {}",
        stage.name,
        stage.command,
        stage.folder,
        stage.deps,
        stage.params,
        stage.frozen,
        stage.always_changed,
        stage.timeout,
        stage.retries
    )
}

/// In the graph, each stage comes after all that it needs.
fn graph(stages: &[Stage]) -> Result<String, String> {
    let vertices: Vec<Vertex> = stages
        .iter()
        .map(|stage| Vertex {
            name: stage.address(),
            place: format!("{}:{}", stage.file, stage.line),
            file: stage.file.clone(),
            deps: stage.deps.iter().map(|dep| dep.at.path.clone()).collect(),
            outs: stage.outs.iter().map(|out| out.at.path.clone()).collect(),
        })
        .collect();
    let graph = match Graph::build(&vertices) {
        Ok(graph) => graph,
        Err(error) => {
            let message = error.to_string();
            fits(&message)?;
            return Ok(message);
        }
    };
    let all: BTreeSet<usize> = (0..graph.len()).collect();
    let order = graph.order(&all);
    same("the number of stages", &order.len(), &stages.len())?;
    let mut done = BTreeSet::new();
    for vertex in order {
        if !graph
            .upstream(vertex)
            .iter()
            .all(|above| done.contains(above))
        {
            return Err(format!("{} comes before what it needs", graph.name(vertex)));
        }
        done.insert(vertex);
    }
    Ok("a graph".into())
}

/// What unfolds to much more than it is, is refused or done with soon.
#[test]
fn bombs_end_quickly() {
    let target = target();
    let list = |item: &str, times: usize| format!("[{}]", vec![item; times].join(", "));
    let numbers = |count: usize| format!("{:?}", (0..count).collect::<Vec<_>>());
    let laughs: String = (1..30)
        .map(|at| format!("l{at}: &l{at} {}\n", list(&format!("*l{}", at - 1), 9)))
        .collect();
    let square = format!(
        "vars: [{{n: {}, big: {}, text: {}}}]\nstages:\n  m:\n",
        numbers(300),
        list("abcd", 3000),
        "x".repeat(10_000)
    );
    let matrix = "    matrix: {a: '${n}', b: '${n}'}\n";
    let keys: String = (0..10_000).map(|at| format!("  k{at}: {at}\n")).collect();
    let bombs = [
        ("aliases of aliases", format!("l0: &l0 [x]\n{laughs}")),
        (
            "a merge of merges",
            format!("a: &a {{x: 1}}\nb: {{<<: {}}}\n", list("*a", 100_000)),
        ),
        ("lists in lists", "[".repeat(1_000_000)),
        ("maps in maps", "{a: ".repeat(1_000_000)),
        ("lists in lists, by lines", "- ".repeat(1_000_000)),
        (
            "many stages of one list",
            format!(
                "vars: [{{i: &i [1], h: &h {}, b: {}}}]\nstages: {{m: {{foreach: '${{b}}', do: {{cmd: '${{item}}'}}}}}}\n",
                list("*i", 1000),
                list("*h", 100)
            ),
        ),
        (
            "more stages of one list",
            format!(
                "vars: [{{i: &i [1], b: {}}}]\nstages: {{m: {{foreach: '${{b}}', do: {{cmd: x}}}}}}\n",
                list("*i", 200_000)
            ),
        ),
        (
            "a matrix with variables of its own",
            format!("{square}{matrix}    vars: [{{w: 1}}]\n    cmd: x\n"),
        ),
        (
            "a matrix of long commands",
            format!("{square}{matrix}    cmd: {}\n", "${text}".repeat(1000)),
        ),
        (
            "a command of long texts",
            format!("{square}    cmd: {}\n", "${text}".repeat(100_000)),
        ),
        (
            "a matrix of long lists",
            format!(
                "{square}{matrix}    cmd: x\n    deps: {}\n",
                list("'y${item.a}'", 1000)
            ),
        ),
        (
            "a matrix of a huge map",
            format!("{square}{matrix}    cmd: x\n    meta: {{big: '${{n}}'}}\n"),
        ),
        (
            "many variables",
            format!("vars:\n- v:\n{}", keys.replace("  k", "    k")),
        ),
        (
            "many stages",
            format!(
                "stages:\n{}",
                keys.replace(": ", ": {cmd: x, outs: [y")
                    .replace('\n', "]}\n")
            ),
        ),
        (
            "many outputs",
            format!(
                "stages: {{a: {{cmd: x, outs: [{}]}}}}\n",
                keys.replace("  ", "{")
                    .replace(": ", ": {cache: false}}, #")
                    .replace('\n', "\n ")
            ),
        ),
        (
            "many keys of a parameter file",
            format!(
                "stages: {{a: {{cmd: x, params: [{{p.json: [{}]}}]}}}}\n",
                keys.replace(": ", ", #").replace('\n', "\n ")
            ),
        ),
        (
            "one long line of quotes",
            format!("a: '{}", "''".repeat(1_000_000)),
        ),
        ("a long number", format!("a: {}", "9".repeat(1_000_000))),
        (
            "many references that end nowhere",
            format!("stages: {{a: {{cmd: '{}'}}}}", "${".repeat(100_000)),
        ),
        (
            "many steps",
            format!("stages: {{a: {{cmd: '${{a{}}}'}}}}", ".b".repeat(100_000)),
        ),
        (
            "many anchors",
            format!(
                "a: [{}]",
                (0..100_000)
                    .map(|at| format!("&a{at} x,"))
                    .collect::<String>()
            ),
        ),
        ("many documents", "---\n".repeat(300_000)),
        ("many comments", "# x\n".repeat(300_000)),
        ("many question marks", "? ".repeat(300_000)),
    ];
    for (what, bomb) in bombs {
        let start = std::time::Instant::now();
        let outcome = (target.check)(bomb.as_bytes());
        let took = start.elapsed();
        assert!(took.as_secs() < 30, "{what} takes {took:?}");
        assert!(outcome.is_ok(), "{what}: {outcome:?}");
    }
}
