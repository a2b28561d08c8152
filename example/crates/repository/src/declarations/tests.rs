//! The one list of outputs, in the working tree and in commits.

use std::fs;
use std::path::PathBuf;

use super::*;
use crate::git::{Revisions, git};

/// A repository with Git, and nothing in it.
struct Place {
    _folder: tempfile::TempDir,
    root: PathBuf,
}

const ID: &str = "acbd18db4cc2f85cedef654fccc4a4d8";

impl Place {
    fn new(files: &[(&str, &str)]) -> Place {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        let place = Place {
            _folder: folder,
            root,
        };
        place.git(&["init", "-q", "-b", "main"]);
        place.git(&["config", "user.email", "a@b"]);
        place.git(&["config", "user.name", "a"]);
        place.write(".dvc/config", "");
        for (path, text) in files {
            place.write(path, text);
        }
        place
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn git(&self, arguments: &[&str]) {
        git(&self.root, arguments).unwrap();
    }

    fn commit(&self) {
        self.git(&["add", "-A", "."]);
        self.git(&["commit", "-q", "-m", "x"]);
    }

    fn read(&self) -> Result<Declarations> {
        WorkTree::open(&self.root).unwrap().declarations()
    }

    /// The outputs, as `path flags`, each with its hash if one is known.
    fn outputs(&self) -> Vec<String> {
        let tree = WorkTree::open(&self.root).unwrap();
        let declared = tree.declarations().unwrap();
        let shown = |tracked: &Tracked| {
            let out = &tracked.out;
            let flags = [
                (out.id.is_some(), " locked"),
                (!out.cached, " uncached"),
                (!out.push, " unpushed"),
                (out.persist, " persistent"),
                (tracked.is_frozen, " frozen"),
            ];
            let flags = flags.iter().filter(|(is_on, _)| *is_on);
            let flags: String = flags.map(|(_, name)| *name).collect();
            let remote = out.remote.iter().map(|name| format!(" to {name}"));
            let path = tree.inside(&out.full).unwrap();
            format!("{path}{flags}{}", remote.collect::<String>())
        };
        declared.outputs.iter().map(shown).collect()
    }
}

fn pin(path: &str) -> String {
    format!("outs:\n- md5: {ID}\n  size: 3\n  hash: md5\n  path: {path}\n")
}

fn lock(stage: &str, path: &str) -> String {
    format!(
        "schema: '2.0'\nstages:\n  {stage}:\n    cmd: x\n    outs:\n    - path: {path}\n      hash: md5\n      md5: {ID}\n      size: 3\n"
    )
}

#[test]
fn a_lock_of_a_stage_that_is_gone_says_nothing_and_hides_nothing() {
    let place = Place::new(&[
        ("dvc.yaml", "stages:\n  new: {cmd: x, outs: [x]}\n"),
        ("dvc.lock", &lock("old", "models")),
        ("models/resnet.bin.dvc", &pin("resnet.bin")),
    ]);
    assert_eq!(place.outputs(), ["models/resnet.bin locked", "x"]);
}

#[test]
fn flags_and_folders_of_outputs_are_those_of_the_expanded_stages() {
    let place = Place::new(&[
        ("params.yaml", "dir: o\nsub: proj\n"),
        (
            "dvc.yaml",
            "stages:\n  one:\n    cmd: x\n    frozen: true\n    wdir: ${sub}\n    outs: [data, '${dir}/np': {push: false, persist: true}]\n  \
             each:\n    foreach: [us]\n    do: {cmd: x, outs: ['own_${item}': {remote: priv}], metrics: ['m_${item}': {cache: false}]}\n",
        ),
        ("dvc.lock", &lock("one", "data")),
        ("proj/keep", ""),
        ("proj/data/x.dvc", &pin("x")),
        ("data/raw.csv.dvc", &pin("raw.csv")),
    ]);
    assert_eq!(
        place.outputs(),
        [
            "data/raw.csv locked",
            "proj/data locked frozen",
            "proj/o/np unpushed persistent frozen",
            "own_us to priv",
            "m_us uncached",
        ],
        "what lies in the output proj/data is data"
    );
}

#[test]
fn targets_name_outputs_stages_and_files() {
    let place = Place::new(&[
        ("x.dvc", &pin("x")),
        (
            "a/dvc.yaml",
            "stages:\n  each: {foreach: [1, 2], do: {cmd: x, outs: ['o${item}']}}\n  one: {cmd: x, outs: [p]}\n",
        ),
        ("inner/.dvc/config", ""),
        ("inner/y.dvc", &pin("y")),
    ]);
    place.commit();
    let declared = place.read().unwrap();
    let chosen = |target: &str, recursive| {
        let chosen = declared.select(&[place.root.join(target)], recursive);
        chosen.unwrap_or_default().len()
    };
    for (target, count) in [
        ("x", 1),
        ("x.dvc", 1),
        ("a/o1", 1),
        ("a/each", 2),
        ("a/each@2", 1),
        ("a/dvc.yaml", 3),
        ("a/dvc.yaml:one", 1),
        ("one", 0),
        ("inner/y", 0),
    ] {
        assert_eq!(chosen(target, false), count, "{target}");
    }
    assert_eq!([chosen("a", false), chosen("a", true)], [0, 3]);
    let source = Source::revision(&place.root, "HEAD").unwrap();
    let tree = WorkTree::open(&place.root).unwrap();
    let then = tree.declarations_of(&source).unwrap().outputs;
    assert_eq!(
        then.len(),
        declared.outputs.len(),
        "inner is another repository"
    );
}

#[test]
fn a_file_that_git_ignores_is_refused_with_the_rule() {
    for (rule, file) in [
        ("*.lock", "dvc.lock"),
        ("/dvc.yaml", "dvc.yaml"),
        ("x.dvc", "x.dvc"),
    ] {
        let place = Place::new(&[
            ("dvc.yaml", "stages:\n  s: {cmd: x, outs: [x2]}\n"),
            ("x.dvc", &pin("x")),
            (".gitignore", &format!("# made by hand\n{rule}\n")),
        ]);
        let error = place.read().unwrap_err().to_string();
        let expected = format!(
            "{}/{file}: Git ignores this file by .gitignore:2: {rule}",
            place.root.display()
        );
        assert!(error.starts_with(&expected), "{error}");
    }
}

#[test]
fn a_pin_in_a_folder_that_git_ignores_is_named_with_the_rule_and_counts_if_git_has_it() {
    let place = Place::new(&[("env/res.dvc", &pin("res")), (".gitignore", "env/\n")]);
    assert!(place.outputs().is_empty());
    let file = place.root.join("env/res.dvc");
    let error = place.read().unwrap().select(&[file], false).unwrap_err();
    assert!(error.to_string().contains(".gitignore:1: env/"), "{error}");
    let tree = WorkTree::open(&place.root).unwrap();
    let in_git = || tree.declarations_in_git().unwrap().unwrap().outputs.len();
    assert_eq!(in_git(), 0);
    place.git(&["add", "-f", "env/res.dvc"]);
    assert_eq!(in_git(), 1);
}

#[test]
fn an_output_that_dvcignore_names_is_refused_with_the_rule() {
    let place = Place::new(&[
        ("dvc.yaml", "stages:\n  u: {cmd: x, outs: [u.log]}\n"),
        (".dvcignore", "*.log\n"),
    ]);
    let error = place.read().unwrap_err().to_string();
    assert!(
        error.contains("dvc.yaml:2: the output \"u.log\" is ignored by .dvcignore:1: *.log"),
        "{error}"
    );
}

#[test]
fn a_commit_is_read_by_its_own_rules_and_parameters() {
    let place = Place::new(&[
        ("legacy/x.dvc", &pin("x")),
        ("params.yaml", "name: old\n"),
        ("dvc.yaml", "stages:\n  s: {cmd: x, outs: ['${name}']}\n"),
    ]);
    place.commit();
    fs::remove_dir_all(place.root.join("legacy")).unwrap();
    place.write(".dvcignore", "legacy/\nold\n");
    place.write("params.yaml", "name: new\n");
    place.commit();
    let tree = WorkTree::open(&place.root).unwrap();
    let of = |name: &str| -> Vec<String> {
        let source = Source::revision(&place.root, name).unwrap();
        let outputs = tree.declarations_of(&source).unwrap().outputs;
        let paths = outputs.iter().map(|tracked| tree.inside(&tracked.out.full));
        paths.collect::<Result<_>>().unwrap()
    };
    assert_eq!(of("HEAD~1"), ["legacy/x", "old"]);
    assert_eq!(of("HEAD"), ["new"]);
    let all = Revisions {
        all_commits: true,
        ..Revisions::default()
    };
    let history = tree.history(&all).unwrap();
    let found = history.map(|source| {
        tree.declarations_of(&source.unwrap())
            .unwrap()
            .outputs
            .len()
    });
    assert_eq!(found.sum::<usize>(), 3);
}

#[test]
fn an_unsound_commit_is_named() {
    let place = Place::new(&[("a/f.dvc", "outs:\n<<<<<<< HEAD\n- md5: x\n=======\n")]);
    place.commit();
    place.write("a/f.dvc", &pin("f"));
    let tree = WorkTree::open(&place.root).unwrap();
    let source = Source::revision(&place.root, "HEAD").unwrap();
    let error = tree.declarations_of(&source).unwrap_err().to_string();
    let Source::Revision(revision) = source else {
        unreachable!()
    };
    let expected = format!(
        "in the commit {}, a/f.dvc:2: a merge conflict",
        &revision.commit[..12]
    );
    assert!(error.starts_with(&expected), "{error}");
}

#[test]
fn stages_of_old_formats_are_refused_now_and_read_in_history() {
    let stage = format!("cmd: cat in > model\n{}", pin("model"));
    let old_lock = format!("s:\n  cmd: x\n  outs:\n  - path: out\n    md5: {ID}\n");
    let place = Place::new(&[
        ("model.dvc", &stage),
        ("dvc.yaml", "stages:\n  s: {cmd: x, outs: [out]}\n"),
        ("dvc.lock", &old_lock),
    ]);
    place.commit();
    let error = place.read().unwrap_err().to_string();
    assert!(
        error.contains("model.dvc:1: `cmd` makes this a stage of DVC 0.x"),
        "{error}"
    );
    fs::remove_file(place.root.join("model.dvc")).unwrap();
    let error = place.read().unwrap_err().to_string();
    assert!(error.contains("DVC 1 wrote this lock"), "{error}");
    let tree = WorkTree::open(&place.root).unwrap();
    let source = Source::revision(&place.root, "HEAD").unwrap();
    let outputs = tree.declarations_of(&source).unwrap().outputs;
    assert!(outputs.iter().all(|tracked| tracked.out.id.is_some()));
    assert_eq!(outputs.len(), 2);
}
