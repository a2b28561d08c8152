//! What a `dvc.yaml` may say, and how each mistake in it is named.

use proptest::prelude::*;

use crate::yaml;

use super::*;
use crate::interpolation::OptionStyle;

fn fault(text: &str) -> String {
    Definition::parse("dvc.yaml", text).unwrap_err().to_string()
}

/// The stages of a `dvc.yaml` beside files of parameters.
fn stages(text: &str, files: &[(&str, &str)]) -> Result<Vec<Stage>> {
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }
    let definition = Definition::parse("dvc.yaml", text)?;
    let source = Source::workspace(folder.path());
    Ok(expand(&definition, &source, OptionStyle::default())?.stages)
}

fn shown(stages: &[Stage]) -> String {
    let mut text = String::new();
    for stage in stages {
        let paths: Vec<&str> = stage.outs.iter().map(|out| out.at.path.as_str()).collect();
        text += &format!("{}: {} >", stage.name, stage.command.lines().join("; "));
        text += &paths
            .iter()
            .map(|path| format!(" {path}"))
            .collect::<String>();
        text.push('\n');
    }
    text
}

#[test]
fn mistakes_are_told_with_file_line_and_key() {
    let stage = |body: &str| fault(&format!("stages:\n  a:\n    cmd: x\n    {body}\n"));
    assert_eq!(
        stage("out: [y]"),
        "dvc.yaml:4: stages.a.out: unknown key; did you mean \"outs\"?"
    );
    assert!(stage("wrong_key: 1").contains("known are cmd, wdir"));
    assert_eq!(
        stage("deps: x"),
        "dvc.yaml:4: stages.a.deps: a list is expected, not a text"
    );
    assert_eq!(
        stage("deps: [x, 1]"),
        "dvc.yaml:4: stages.a.deps[1]: a text is expected, not a whole number"
    );
    assert_eq!(
        stage("outs: [{y: {cache: 1}}]"),
        "dvc.yaml:4: stages.a.outs[0].y.cache: true or false is expected, not a whole number"
    );
    assert!(stage("outs: [{y: {x: a}}]").contains("outs[0].y.x: unknown key"));
    assert!(stage("frozen: maybe").contains("stages.a.frozen: true or false"));
    assert!(stage("meta: {timeout: soon}").contains("stages.a.meta.timeout: a time is expected"));
    assert!(stage("meta: {retries: -1}").contains("stages.a.meta.retries: a number"));
    let message = stage("meta: {higher_is_better: auc}");
    assert!(
        message.contains("stages.a.meta.higher_is_better: a list of names"),
        "{message}"
    );
    assert!(stage("vars: ['${x}']").contains("references can't be used in vars"));
    assert_eq!(
        fault("stages:\n  a:\n    deps: [x]\n"),
        "dvc.yaml:2: stages.a: the stage has no cmd"
    );
    assert!(fault("stages:\n  a@b:\n    cmd: x\n").contains("can't hold"));
    assert!(fault("stages:\n  a:\n    foreach: [1]\n").contains("go together"));
    assert!(fault("stages:\n  a: {foreach: [1], do: {cmd: x}, cmd: y}\n").contains("unknown key"));
    assert!(fault("stages: {a: {cmd: x, matrix: {b: 1}}}\n").contains("stages.a.matrix.b: a list"));
    assert!(fault("stage:\n  a: 1\n").contains("did you mean \"stages\"?"));
    assert!(fault("a:\n b: 1\n  c: 2\n").starts_with("dvc.yaml:3: "));
}

#[test]
fn every_key_that_dvc_knows_is_taken() {
    let text = "
vars: [p.json, {model: {depth: 3}}]
params: [other.toml]
metrics: [m.json]
plots:
- plots.csv
- curve: {x: {a.csv: x}, y: {a.csv: [y, z]}, x_label: X, y_label: Y, title: T, template: linear}
artifacts:
  model: {path: model.bin, type: model, desc: d, labels: [a], meta: {k: 1}}
stages:
  train:
    desc: trains
    wdir: src
    cmd:
    - echo ${model.depth}
    - echo ${lr}
    deps: [data/, ../raw.csv]
    params: [lr, train, {../p.json: [lr]}, {all.toml: null}]
    vars: [{local: 1}]
    outs:
    - model.bin
    - big: {cache: false, persist: true, desc: d, type: t, labels: [x], meta: {a: 1}}
    - remote: {remote: r, push: false}
    metrics: [{m.json: {cache: false}}]
    plots: [{p.csv: {x: a, y: b, title: t, header: false}}]
    frozen: true
    always_changed: true
    meta: {timeout: 1.5m, retries: 2, note: free}
";
    let stages = stages(text, &[("p.json", r#"{"lr": 1e-05}"#)]).unwrap();
    let stage = &stages[0];
    assert_eq!(stage.command.lines(), ["echo 3", "echo 1e-05"]);
    assert_eq!(stage.folder, "src");
    assert_eq!(stage.deps[0].at.written, "data/");
    assert_eq!(stage.deps[0].at.path, "src/data");
    assert_eq!(stage.deps[1].at.path, "raw.csv");
    let params: Vec<_> = stage
        .params
        .iter()
        .map(|file| (file.at.path.as_str(), file.keys.join(",")))
        .collect();
    assert_eq!(
        params,
        [
            ("src/params.yaml", "lr,train".into()),
            ("p.json", "lr".into()),
            ("src/all.toml", String::new())
        ]
    );
    let flags: Vec<_> = stage
        .outs
        .iter()
        .map(|out| {
            (
                out.at.written.as_str(),
                out.kind,
                out.cache,
                out.persist,
                out.push,
            )
        })
        .collect();
    assert_eq!(flags[1], ("big", OutputKind::Data, false, true, true));
    assert_eq!(flags[2], ("remote", OutputKind::Data, true, false, false));
    assert_eq!(flags[3], ("m.json", OutputKind::Metric, false, false, true));
    assert_eq!(stage.timeout, Some(std::time::Duration::from_secs(90)));
    assert_eq!(
        (stage.retries, stage.frozen, stage.always_changed),
        (2, true, true)
    );
}

#[test]
fn groups_become_stages_named_as_dvc_names_them() {
    let params = "models: [us, uk]\ngrid: {small: {n: 1}, big: {n: 2}}\n";
    let text = "
stages:
  each:
    foreach: ${models}
    do: {cmd: 'train ${item}', outs: ['${item}.bin']}
  map:
    foreach: ${grid}
    do: {cmd: 'run ${key} ${item.n}', outs: ['m/${key}']}
  mixed:
    foreach: [{a: 1}, 2.50]
    do: {cmd: echo}
  cross:
    matrix: {f: [tree, 1e-5], p: [{x: 1}, {x: 2}]}
    cmd: fit ${item.f} ${item.p.x} ${key}
    outs: ['x/${key}']
";
    insta::assert_snapshot!(shown(&stages(text, &[("params.yaml", params)]).unwrap()), @r"
    each@us: train us > us.bin
    each@uk: train uk > uk.bin
    map@small: run small 1 > m/small
    map@big: run big 2 > m/big
    mixed@0: echo >
    mixed@1: echo >
    cross@tree-p0: fit tree 1 tree-p0 > x/tree-p0
    cross@tree-p1: fit tree 2 tree-p1 > x/tree-p1
    cross@1e-05-p0: fit 1e-05 1 1e-05-p0 > x/1e-05-p0
    cross@1e-05-p1: fit 1e-05 2 1e-05-p1 > x/1e-05-p1
    ");
}

#[test]
fn errors_in_references_name_the_stage_and_the_key() {
    let fault = |text: &str, files: &[(&str, &str)]| stages(text, files).unwrap_err().to_string();
    assert_eq!(
        fault(
            "stages:\n  a:\n    cmd: x\n    deps:\n    - y\n    - ${no.such}\n",
            &[("params.yaml", "no: {}")]
        ),
        "dvc.yaml:6: stages.a.deps: ${no.such}: \"no\" has no key \"such\""
    );
    assert_eq!(
        fault("vars: [other.yaml]\nstages: {}\n", &[]),
        "dvc.yaml:1: vars: other.yaml does not exist"
    );
    let folder = fault("vars: [sub]\nstages: {}\n", &[("sub/x.yaml", "")]);
    assert!(folder.starts_with("dvc.yaml:1: vars: "), "{folder}");
    assert_eq!(
        fault(
            "vars:\n- v.yaml\n- {a: {b: 2}}\n",
            &[("v.yaml", "a: {b: 1}")]
        ),
        "dvc.yaml:3: vars: \"a.b\" of this map is already set by v.yaml: rename one"
    );
    assert!(fault("stages: {a: {foreach: 'x', do: {cmd: y}}}", &[]).contains("not a text"));
    assert!(fault("stages: {a: {cmd: x, wdir: ..}}", &[]).contains("outside of the repository"));
    assert!(fault("stages: {a: {cmd: x, outs: [../y]}}", &[]).contains("cache: false"));
    assert!(
        fault("stages: {a: {foreach: [x, x], do: {cmd: y}}}", &[])
            .contains("two stages would be called a@x")
    );
    assert!(
        fault(
            "vars: [{a: 1}]\nstages: {}",
            &[("params.yaml", "d: 2015-07-01")]
        )
        .starts_with("params.yaml:1: d: the date")
    );
}

#[test]
fn what_only_dvc_can_run_is_noted_of_its_stage() {
    for body in [
        "deps: ['s3://b/k']",
        "outs: ['s3://b/k': {cache: false}]",
        "params: [{p.py: [a]}]",
    ] {
        let text = format!("stages: {{a: {{cmd: x, {body}}}, b: {{cmd: x, outs: [y]}}}}");
        let made = stages(&text, &[]).unwrap();
        let error = made[0].check_supported().unwrap_err().to_string();
        assert!(error.starts_with("dvc.yaml:1: stages.a."), "{error}");
        made[1].check_supported().unwrap();
    }
}

#[test]
fn stage_variables_hide_nothing_and_are_read_from_the_stages_folder() {
    let text = "
vars: [{a: 1}]
stages:
  s:
    wdir: sub
    vars: [v.yaml, {c: 3}]
    cmd: echo ${a} ${b} ${c}
";
    let made = stages(text, &[("sub/v.yaml", "b: 2\n")]).unwrap();
    assert_eq!(made[0].command.lines(), ["echo 1 2 3"]);
    assert_eq!(made[0].used["sub/v.yaml"].len(), 1);
    let clash = stages(&text.replace("c: 3", "a: 3"), &[("sub/v.yaml", "b: 2\n")]);
    assert!(
        clash
            .unwrap_err()
            .to_string()
            .starts_with("dvc.yaml:6: stages.s.vars: \"a\"")
    );
}

#[test]
fn a_parse_survives_any_shape_of_value() {
    // Every key with every kind of value: refused or taken, never a panic.
    let values = [
        "1",
        "x",
        "[]",
        "[1]",
        "[[x]]",
        "{}",
        "{a: 1}",
        "{a: {b: c}}",
        "null",
        "true",
        "[{a: null}]",
    ];
    let keys = [
        "cmd", "wdir", "deps", "params", "vars", "outs", "metrics", "plots", "meta", "matrix",
        "foreach", "do",
    ];
    for key in keys {
        for value in values {
            let _ = stages(&format!("stages: {{s: {{cmd: x, {key}: {value}}}}}"), &[]);
            let _ = stages(&format!("stages: {{s: {{{key}: {value}}}}}"), &[]);
            let _ = stages(&format!("{key}: {value}"), &[]);
        }
    }
    assert_eq!(yaml::read("a: 1").unwrap().line, 1);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn a_damaged_definition_is_refused_or_taken(
        at in 0..2000_usize,
        text in "[a-z${}\\[\\]:,&*! \n'\"#-]{1,12}",
        gone in 0..20_usize,
    ) {
        let mut damaged: Vec<char> = SOUND.chars().collect();
        let at = at % damaged.len();
        let end = (at + gone).min(damaged.len());
        damaged.splice(at..end, text.chars());
        let damaged: String = damaged.into_iter().collect();
        if let Err(error) = stages(&damaged, &[("params.yaml", "a: {b: [1, x]}\nl: [us, uk]\n")]) {
            let told = error.to_string();
            prop_assert!(told.lines().count() < 25, "at most one screen: {told}");
            prop_assert!(told.contains(".yaml:"), "names the place: {told}");
        }
    }

    #[test]
    fn a_damaged_lock_is_refused_or_taken(at in 0..2000_usize, text in "[a-z0-9:\\[ \n'-]{0,8}", gone in 0..20_usize) {
        let sound = "schema: '2.0'\nstages:\n  s:\n    cmd: x\n    deps:\n    - path: a\n      hash: md5\n      md5: 5ea40360f5b4ec688df672a4db9c17d1.dir\n      size: 6\n    params:\n      params.yaml:\n        lr: 1e-05\n";
        let mut damaged: Vec<char> = sound.chars().collect();
        let at = at % damaged.len();
        let end = (at + gone).min(damaged.len());
        damaged.splice(at..end, text.chars());
        let damaged: String = damaged.into_iter().collect();
        if let Ok(lock) = crate::lockfile::Lock::parse("dvc.lock", &damaged) {
            for name in lock.names() {
                let _ = lock.stage(name);
            }
            // What was read is written and read again as the same.
            let text = lock.to_text();
            let again = crate::lockfile::Lock::parse("dvc.lock", &text).unwrap();
            prop_assert_eq!(again.to_text(), text);
        }
    }
}

const SOUND: &str = "vars: [{v: 1}]
stages:
  each:
    foreach: ${l}
    do: {cmd: 'x ${item} ${a.b[0]}', deps: [a, b], outs: ['${item}': {cache: false}]}
  cross:
    matrix: {p: [1, 2], q: ${l}}
    cmd: y ${item.p} ${key}
    params: [a.b, {other.json: [c]}]
  one:
    cmd: [a, b]
    wdir: w
    vars: [{local: 2}]
    metrics: [m.json]
    plots: [{p.csv: {x: a, y: b}}]
    meta: {timeout: 5m, retries: 1}
plots: [{id: {x: {f: c}, y: {f: [d, e]}}}]
";
