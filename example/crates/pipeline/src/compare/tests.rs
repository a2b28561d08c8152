//! Comparisons of commits, beside what DVC printed for them.

use mlops_repository::yaml;

use super::*;

fn comparison(old: &str, new: &str, all: bool) -> Comparison {
    let files = |text: &str| -> BTreeMap<String, Value> {
        [("sub/m.json".to_owned(), yaml::read(text).unwrap().value)].into()
    };
    Comparison::of(&files(old), &files(new), all)
}

const SHOW: Show<'_> = Show {
    title: "Metric",
    old: "HEAD",
    new: "workspace",
    precision: Some(5),
    path: true,
    change: true,
    folder: "",
};

// The expected texts are what DVC 3.67.1 printed for these values.

#[test]
fn a_comparison_is_printed_as_dvc_prints_it() {
    let diff = comparison(
        "{auc: 0.9123456, n: {x: 3}, gone: a}",
        "{auc: 0.8000001, n: {x: 3}}",
        false,
    );
    assert_eq!(
        diff.table(SHOW).markdown(),
        "| Path       | Metric   | HEAD    | workspace   | Change   |\n\
         |------------|----------|---------|-------------|----------|\n\
         | sub/m.json | auc      | 0.91235 | 0.8         | -0.11235 |\n\
         | sub/m.json | gone     | a       | -           | -        |\n\n"
    );
    let diff = comparison(
        "{auc: 0.9123456, n: {x: 3}}",
        "{auc: 0.8000001, n: {x: 3}}",
        true,
    );
    let show = Show {
        precision: Some(2),
        path: false,
        ..SHOW
    };
    assert_eq!(
        diff.table(show).plain(),
        "Metric    HEAD    workspace    Change\n\
         auc       0.91    0.8          -0.11\n\
         n.x       3       3            0\n"
    );
    assert_eq!(
        comparison("{auc: 0.9123456}", "{auc: 0.8000001}", false).json("sub"),
        "{\"m.json\": {\"auc\": {\"old\": 0.9123456, \"new\": 0.8000001, \"diff\": -0.11234549999999999}}}"
    );
}

#[test]
fn nothing_changed_is_an_empty_table() {
    let diff = comparison("{a: 1}", "{a: 1.0}", false);
    assert_eq!(diff.table(SHOW).plain(), "");
    assert_eq!(
        diff.table(SHOW).markdown(),
        "| Path   | Metric   | HEAD   | workspace   | Change   |\n\
         |--------|----------|--------|-------------|----------|\n\n"
    );
    assert_eq!(diff.json(""), "{}");
}

#[test]
fn lists_and_texts_are_shown_as_python_shows_them() {
    let old = "{lr: 1e-05, models: [us, uk], none: null}";
    let new = "{lr: 0.001, models: [us, \"it's\", 1.0, true, null], none: 1}";
    let show = Show {
        title: "Param",
        precision: None,
        change: false,
        ..SHOW
    };
    assert_eq!(
        comparison(old, new, false).table(show).plain(),
        "Path        Param    HEAD          workspace\n\
         sub/m.json  lr       1e-05         0.001\n\
         sub/m.json  models   ['us', 'uk']  ['us', \"it's\", 1.0, True, None]\n\
         sub/m.json  none     -             1\n"
    );
}

#[test]
fn wide_characters_and_lines_keep_columns_straight() {
    let mut table = Table::new(["Path", "Metric", "HEAD"]);
    table.row(vec!["a\nb".into(), " c ".into(), "日本".into()]);
    table.row(vec!["x".into(), String::new(), "é".into()]);
    assert_eq!(
        table.markdown(),
        "| Path   | Metric   | HEAD   |\n|--------|----------|--------|\n\
         | a      | c        | 日本   |\n| b      |          |        |\n| x      |          | é      |\n\n"
    );
    assert_eq!(
        table.plain(),
        "Path    Metric    HEAD\na       c         日本\nb\nx                 é\n"
    );
}

#[test]
fn a_key_with_a_line_break_makes_no_row_of_its_own() {
    let metrics = Metrics {
        state: "workspace".into(),
        files: [(
            "m.json".to_owned(),
            yaml::read("{\"a\\nb\": 1}").unwrap().value,
        )]
        .into(),
        unreadable: BTreeMap::new(),
    };
    assert_eq!(
        Metrics::table(&[metrics], "", 5).plain(),
        "Path    a\\nb\nm.json  1\n"
    );
    let compared = comparison("{}", "{\"a\\nb\": 1}", false);
    assert!(!compared.table(SHOW).plain().contains("a\nb"));
}

use mlops_versioning::Repository;

/// A Git repository with two commits and a workspace.
fn repository() -> (tempfile::TempDir, Repository) {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().canonicalize().unwrap();
    let write = |name: &str, text: &str| {
        let path = root.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    let git = |arguments: &[&str]| mlops_repository::git(&root, arguments).map(drop).unwrap();
    git(&["init", "-q"]);
    git(&["config", "user.email", "a@b"]);
    git(&["config", "user.name", "a"]);
    write(".dvc/config", "");
    write(
        "dvc.yaml",
        "metrics: [top.yaml]\nvars: [v.yaml]\nplots:\n- both: {x: {p.csv: x}, y: {p.csv: [y, z]}, title: Both}\n\
         stages:\n  s:\n    cmd: echo ${v.a}\n    deps: [a]\n    params: [lr]\n    \
         metrics: [{m.json: {cache: false}}]\n    \
         plots: [{p.csv: {cache: false, x: x, y: y}}, {c.json: {cache: false, template: confusion, x: p, y: a}}]\n",
    );
    write("params.yaml", "lr: 1\nother: a\n");
    write("v.yaml", "v: {a: 1, b: 2}\n");
    write("m.json", "{\"auc\": 0.5, \"skipped\": [1]}");
    write("top.yaml", "n: 1\n");
    write("p.csv", "x,y,z\n1,2,3\n2,4,\"5\"\n");
    write(
        "c.json",
        "[{\"p\": \"no\", \"a\": \"no\"}, {\"p\": \"no\", \"a\": \"yes\"}]",
    );
    git(&["add", "."]);
    git(&["commit", "-qm", "one"]);
    write("params.yaml", "lr: 2\nother: a\n");
    write("v.yaml", "v: {a: 3, b: 4}\n");
    write("m.json", "{\"auc\": 0.75}");
    std::fs::remove_file(root.join("top.yaml")).unwrap();
    write("p.csv", "x,y,z\n1,3,3\n2,5,5\n");
    let repository = Repository::open(&root).unwrap();
    (folder, repository)
}

#[test]
fn metrics_of_a_revision_and_the_workspace_are_compared() {
    let (_folder, repository) = repository();
    let diff = metrics_diff(&repository, "HEAD", "workspace", &[], false).unwrap();
    insta::assert_snapshot!(diff.table(SHOW).plain(), @r"
    Path      Metric    HEAD    workspace    Change
    m.json    auc       0.5     0.75         0.25
    top.yaml  n         1       -            -
    ");
    assert_eq!(
        diff.unreadable,
        [("workspace".into(), "top.yaml: is not there".into())]
    );
    let shown = metrics_show(&repository, &["workspace".into(), "HEAD".into()], &[]).unwrap();
    insta::assert_snapshot!(Metrics::table(&shown, "", 5).plain(), @r"
    Revision    Path      auc    n
    workspace   m.json    0.75   -
    workspace   top.yaml  -      -
    HEAD        m.json    0.5    -
    HEAD        top.yaml  -      1
    ");
    let one = metrics_show(&repository, &["workspace".into()], &["m.json".into()]).unwrap();
    assert_eq!(
        Metrics::json(&one, ""),
        "{\"\": {\"data\": {\"m.json\": {\"data\": {\"auc\": 0.75}}}}}"
    );
    let error = metrics_diff(&repository, "nope", "workspace", &[], false).unwrap_err();
    assert!(
        error.to_string().contains("there is no such revision"),
        "{error}"
    );
}

#[test]
fn parameters_and_what_references_took_are_compared() {
    let (_folder, repository) = repository();
    let diff = params_diff(&repository, "HEAD", "workspace", &[], false, false).unwrap();
    let show = Show {
        title: "Param",
        precision: None,
        change: false,
        ..SHOW
    };
    insta::assert_snapshot!(diff.table(show).plain(), @r"
    Path         Param    HEAD    workspace
    params.yaml  lr       1       2
    v.yaml       v.a      1       3
    ");
    let deps = params_diff(&repository, "HEAD", "workspace", &[], true, true).unwrap();
    assert_eq!(deps.files.len(), 1);
    assert_eq!(deps.files["params.yaml"].len(), 1);
}

#[test]
fn plots_have_a_series_for_each_state_and_column() {
    let (_folder, repository) = repository();
    let revisions = ["HEAD".to_owned(), "workspace".to_owned()];
    let (plots, faults) = plots(&repository, &revisions, &[]).unwrap();
    assert_eq!(faults, []);
    let shown: Vec<String> = plots
        .iter()
        .map(|plot| {
            let names: Vec<&str> = plot
                .series
                .iter()
                .map(|series| series.name.as_str())
                .collect();
            format!("{} {:?} {}", plot.title, plot.shape, names.join(", "))
        })
        .collect();
    assert_eq!(
        shown,
        [
            "p.csv Lines HEAD, workspace",
            "c.json Confusion HEAD, workspace",
            "Both Lines HEAD y, HEAD z, workspace y, workspace z",
        ]
    );
    let pictures: Vec<Picture> = plots
        .iter()
        .map(|plot| Picture {
            name: plot.id.clone(),
            html: plot.svg(),
        })
        .collect();
    let html = page("a < b", &pictures);
    assert!(html.contains("<h1>a &lt; b</h1>"));
    assert_eq!(html.matches("<figure").count(), 3);
    assert!(html.contains("c.json (HEAD)") && html.contains("c.json (workspace)"));
    for outside in ["<script", "src=", "@import", "url(", "<link"] {
        assert!(!html.contains(outside), "{outside}");
    }
}

#[test]
fn pictures_that_stages_drew_stand_side_by_side_in_the_page() {
    let (folder, repository) = repository();
    let write = |name: &str, bytes: &[u8]| std::fs::write(folder.path().join(name), bytes).unwrap();
    let git = |arguments: &[&str]| {
        mlops_repository::git(repository.root(), arguments)
            .map(drop)
            .unwrap()
    };
    let text = std::fs::read_to_string(folder.path().join("dvc.yaml")).unwrap();
    std::fs::create_dir(folder.path().join("drawn")).unwrap();
    let text = text.replace("plots:\n- both", "plots:\n- drawn\n- same.svg\n- both");
    write("dvc.yaml", text.as_bytes());
    write("drawn/a.png", b"\x89PNG old");
    write("same.svg", b"<svg onload=\"x()\"/>");
    git(&["add", "-A"]);
    git(&["commit", "-qm", "pictures"]);
    write("drawn/a.png", b"\x89PNG new");
    write("drawn/b<.JPG", b"jpeg");
    let states = ["HEAD".to_owned(), "workspace".to_owned()];
    let (found, faults) = images(&repository, &states, &[]).unwrap();
    assert_eq!(faults, []);
    let shown: Vec<_> = found
        .iter()
        .map(|image| {
            let sides = image.sides.iter().map(|(states, _)| states.join("+"));
            format!("{}: {}", image.file, sides.collect::<Vec<_>>().join(" | "))
        })
        .collect();
    assert_eq!(
        shown,
        [
            "drawn/a.png: HEAD | workspace",
            "same.svg: HEAD+workspace",
            "drawn/b<.JPG: workspace"
        ]
    );
    let html: String = found.iter().map(Image::html).collect();
    assert!(
        html.contains("src=\"data:image/png;base64,iVBORyBvbGQ=\""),
        "{html}"
    );
    assert!(
        html.contains("src=\"data:image/jpeg;base64,anBlZw==\""),
        "{html}"
    );
    assert!(
        html.contains("alt=\"drawn/b&lt;.JPG in workspace\""),
        "{html}"
    );
    assert!(!html.contains("onload"), "a picture runs nothing");
    let (one, _) = images(&repository, &states, &["same.svg".into()]).unwrap();
    assert_eq!(one.len(), 1);
    let (none, faults) = images(&repository, &["HEAD~1".into()], &[]).unwrap();
    assert_eq!((none, faults), (Vec::new(), Vec::new()), "no pictures then");
}

#[test]
fn a_wide_table_is_cut_to_fit_and_its_numbers_are_not() {
    let mut table = Table::new(["Path", "Metric", "HEAD", "workspace", "Change"]);
    let hash = "0123456789abcdef".repeat(4);
    let row = |cells: [&str; 5]| cells.map(str::to_owned).to_vec();
    table.row(row([
        "metrics/scores.json",
        "model_sha256",
        &hash,
        &hash,
        "-",
    ]));
    let key = "baselines.entity_month.calibration_error_of_the_model.value";
    table.row(row([
        "metrics/scores.json",
        key,
        "0.0210123456789",
        "0.02",
        "-0.00101",
    ]));
    insta::assert_snapshot!(table.fitted(100, 2), @r"
    Path                 Metric                                  HEAD             workspace     Change
    metrics/scores.json  model_sha256                            0123456789a…     0123456789a…  -
    metrics/scores.json  baselines.entity_mo…of_the_model.value  0.0210123456789  0.02          -0.00101
    ");
    let widths = table.fitted(100, 2);
    assert!(
        widths.lines().all(|line| line.chars().count() <= 100),
        "{widths}"
    );
    assert_eq!(table.fitted(1000, 2), table.plain());
    // Never more than it can: numbers stay.
    assert!(table.fitted(10, 2).contains("0.0210123456789"));
}

#[test]
fn markdown_of_foreign_text_stays_text() {
    let mut table = Table::new(["Metric", "HEAD"]);
    table.row(vec![
        "a|b @team".to_owned(),
        "[x](http://y) <img>".to_owned(),
    ]);
    table.row(vec!["roc_auc".to_owned(), "[1, 2]".to_owned()]);
    insta::assert_snapshot!(table.markdown(), @r"
    | Metric         | HEAD                            |
    |----------------|---------------------------------|
    | a\|b &#64;team | \[x\](http&#58;//y) &lt;img&gt; |
    | roc_auc        | [1, 2]                          |
    ");
}

#[test]
fn a_folder_at_the_top_is_a_plot_for_each_file_as_dvclive_writes_it() {
    let (folder, repository) = repository();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    write("live/metrics/acc.tsv", "step\tacc\n0\t1\n1\t2\n");
    write("live/metrics/train/loss.tsv", "step\tloss\n0\t3\n1\t4\n");
    write(
        "live/roc.json",
        "{\"roc\": [{\"fpr\": 0.0, \"tpr\": 0.5, \"threshold\": 1}]}",
    );
    write("live/images/a.svg", "<svg/>");
    write(
        "dvc.yaml",
        "plots:\n- live/metrics: {x: step}\n- live/images\n\
         - live/roc.json: {template: simple, x: fpr, y: tpr, title: ROC}\n\
         - c.json: {template: confusion_normalized, x: p, y: a}\n",
    );
    mlops_repository::git(folder.path(), &["add", "."]).unwrap();
    mlops_repository::git(folder.path(), &["commit", "-qm", "live"]).unwrap();
    let revisions = ["workspace".to_owned(), "HEAD".to_owned()];
    let (drawn, faults) = plots(&repository, &revisions, &[]).unwrap();
    assert_eq!(faults, []);
    let told: Vec<_> = drawn
        .iter()
        .map(|plot| (&*plot.id, &*plot.x_label, &*plot.y_label, plot.series.len()))
        .collect();
    assert_eq!(
        told,
        [
            ("live/metrics/acc.tsv", "step", "", 2),
            ("live/metrics/train/loss.tsv", "step", "", 2),
            ("live/roc.json", "fpr", "tpr", 2),
            ("c.json", "p", "a", 2),
        ]
    );
    assert!(
        drawn[3].svg().contains("100") || drawn[3].svg().contains(">1<"),
        "{}",
        drawn[3].svg()
    );
    let (pictures, faults) = images(&repository, &revisions, &[]).unwrap();
    assert_eq!(faults, []);
    assert_eq!(pictures.len(), 1);
    assert_eq!(pictures[0].file, "live/images/a.svg");
}

#[test]
fn pictures_in_a_folder_of_an_output_are_those_of_each_revision() {
    let (folder, repository) = repository();
    let root = folder.path();
    let write = |name: &str, text: &str| {
        let path = root.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    let cache = |text: &str, ending: &str| {
        let id = mlops_repository::Checksum::of(text.as_bytes()).to_string();
        write(
            &format!(".dvc/cache/files/md5/{}/{}{ending}", &id[..2], &id[2..]),
            text,
        );
        id
    };
    let picture = cache("<svg>old</svg>", "");
    let manifest = cache(
        &format!("[{{\"md5\": \"{picture}\", \"relpath\": \"images/a.svg\"}}]"),
        ".dir",
    );
    write(
        "dvc.yaml",
        "stages: {s: {cmd: x, outs: [live]}}\nplots: [live/images]\n",
    );
    write(
        "dvc.lock",
        &format!(
            "schema: '2.0'\nstages:\n  s:\n    cmd: x\n    outs:\n    - path: live\n      hash: md5\n      md5: {manifest}.dir\n"
        ),
    );
    mlops_repository::git(root, &["add", "dvc.yaml", "dvc.lock"]).unwrap();
    mlops_repository::git(root, &["commit", "-qm", "live"]).unwrap();
    write("live/images/a.svg", "<svg>new</svg>");
    let revisions = ["workspace".to_owned(), "HEAD".to_owned()];
    let (pictures, faults) = images(&repository, &revisions, &[]).unwrap();
    assert_eq!(faults, []);
    assert_eq!(pictures[0].sides[0].1, b"<svg>new</svg>");
    assert_eq!(pictures[0].sides[1].1, b"<svg>old</svg>");
}

#[test]
fn lying_bars_have_names_and_a_nested_plot_is_called_by_its_path() {
    let (folder, repository) = repository();
    std::fs::create_dir(folder.path().join("sub")).unwrap();
    for (name, text) in [
        ("sub/b.csv", "error,station\n0.5,Perth\n"),
        (
            "sub/dvc.yaml",
            "plots:\n- b.csv: {template: bar_horizontal, x: error, y: station}\n",
        ),
    ] {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let states = ["workspace".to_owned(), "workspace".to_owned()];
    let (drawn, faults) = plots(&repository, &states, &[]).unwrap();
    assert_eq!(faults, []);
    let plot = drawn.iter().find(|plot| plot.id == "sub/b.csv").unwrap();
    assert_eq!((&*plot.x_label, &*plot.y_label), ("station", "error"));
    assert_eq!(plot.series.len(), 2);
    for series in &plot.series {
        assert_eq!(
            crate::compare::table::python_text(&series.rows[0].0),
            "Perth"
        );
    }
}
