use std::path::PathBuf;

use mlops_versioning::Repository;

use super::*;

const PIPELINE: &str = "\
stages:
  clean:
    cmd: clean
    deps: [raw.csv, clean.sql]
    outs: [clean.csv]
  train:
    cmd: train
    deps: [clean.csv]
    params: [model]
    outs: [model.bin]
    meta: {higher_is_better: [sold]}
  score:
    cmd: score
    deps: [model.bin]
    metrics: [{scores.json: {cache: false}}]
    plots: [{curve.csv: {cache: false, x: x, y: y}}]
";

struct Shop {
    _folder: tempfile::TempDir,
    root: PathBuf,
}

impl Shop {
    /// A repository with one commit, the branch `main` on it.
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        let shop = Self {
            _folder: folder,
            root,
        };
        shop.git(&["init", "-q", "-b", "main"]);
        shop.git(&["config", "user.email", "a@b"]);
        shop.git(&["config", "user.name", "a"]);
        shop.write(".dvc/config", "");
        shop.write("dvc.yaml", PIPELINE);
        shop.write("params.yaml", "model: {depth: 3, rate: 0.1}\nother: 1\n");
        shop.write("clean.sql", "select 1\n");
        shop.write(".gitignore", "/raw.csv\n/.dvc/cache\n");
        shop.raw("id,price\n1,2\n");
        shop.scores(0.80, 10);
        shop.write("curve.csv", "x,y\n0,0\n1,1\n");
        shop.commit();
        shop
    }

    fn git(&self, arguments: &[&str]) -> String {
        let fixed = ["-c", "core.autocrlf=false"];
        let arguments: Vec<&str> = fixed.iter().chain(arguments).copied().collect();
        String::from_utf8(git(&self.root, &arguments).unwrap()).unwrap()
    }

    fn commit(&self) {
        self.git(&["add", "."]);
        self.git(&["commit", "-qm", "a step"]);
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.root.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// Tracked data with its pin, and what the lock says was made of it.
    fn raw(&self, text: &str) {
        self.write("raw.csv", text);
        let hash = format!("{:08x}", text.len()).repeat(4);
        let pin = format!(
            "outs:\n- md5: {hash}\n  size: {}\n  hash: md5\n  path: raw.csv\n",
            text.len()
        );
        self.write("raw.csv.dvc", &pin);
        let lock = format!(
            "schema: '2.0'\nstages:\n  clean:\n    cmd: clean\n    deps:\n    - path: raw.csv\n      \
             hash: md5\n      md5: {hash}\n    outs:\n    - path: clean.csv\n      hash: md5\n      \
             md5: {hash}.dir\n      size: {}\n      nfiles: 2\n",
            text.len() * 100
        );
        self.write("dvc.lock", &lock);
        self.write(
            &format!(".dvc/cache/files/md5/{}/{}", &hash[..2], &hash[2..]),
            text,
        );
    }

    fn scores(&self, auc: f64, sold: u32) {
        let text = format!(
            "{{\"shop\": {{\"auc\": {{\"value\": {auc}, \"low\": 0.78, \"high\": 0.82}}, \
             \"log_loss\": {{\"value\": {}, \"low\": 0.1, \"high\": 0.9}}, \
             \"sold\": {sold}, \"rows\": {}, \"kind\": \"tree\"}}}}",
            1.0 - auc,
            sold * 2,
        );
        self.write("scores.json", &text);
    }

    fn report(&self, head: &str) -> Result<Report> {
        Report::new(&Repository::open(&self.root).unwrap(), "main", head)
    }
}

const PLAIN: Layout<'_> = Layout {
    program: "shop",
    drawings: Drawings::None,
    drift: None,
    declared: &[],
};

/// The report with its commits by name.
fn text(shop: &Shop, report: &Report, layout: Layout<'_>) -> String {
    let mut text = report.markdown(layout);
    for (commit, name) in [("main", "MAIN"), ("HEAD", "HEAD")] {
        let commit = shop.git(&["rev-parse", commit]);
        let commit = commit.trim();
        text = text.replace(commit, name).replace(&commit[..9], name);
    }
    text
}

#[test]
fn a_change_is_told_from_scores_to_pipeline() {
    let shop = Shop::new();
    shop.git(&["switch", "-qc", "deeper"]);
    shop.write("params.yaml", "model: {depth: 5, rate: 0.1}\nother: 1\n");
    shop.raw("id,price\n1,2\n2,\"3\n\"\n");
    shop.scores(0.85, 8);
    shop.write("curve.csv", "x,y\n0,0.5\n1,1\n");
    shop.write("clean.sql", "select 2\n");
    shop.write("wash.rs", "fn wash() {\n}\n");
    shop.commit();
    let report = shop.report("deeper").unwrap();
    insta::assert_snapshot!(text(&shop, &report, PLAIN), @r#"
    <!-- mlops-report -->
    ## What this change does

    From `main` (MAIN) to `deeper` (HEAD). **Scores: 1 better, 1 worse, 1 within the noise.**

    ### Scores

    | Score | `main` | `deeper` | Change | Better is |  |
    | --- | ---: | ---: | ---: | --- | --- |
    | `shop.auc` | 0.800 (0.780 to 0.820) | 0.850 (0.780 to 0.820) | +0.0500 | higher | ✅ better, beyond the noise |
    | `shop.log_loss` | 0.2 (0.1 to 0.9) | 0.2 (0.1 to 0.9) | −0.05 | lower | better, within the noise |
    | `shop.sold` | 10 | 8 | −2 | higher | ❌ worse |

    In brackets: the interval that the file of scores states. A change *within the noise* leaves the new value inside the old interval: this alone doesn't show that anything changed.

    <details>
    <summary>1 value of which nobody said which way is better</summary>

    | Score | `main` | `deeper` | Change | Better is |  |
    | --- | ---: | ---: | ---: | --- | --- |
    | `shop.rows` | 20 | 16 | −4 |  |  |

    </details>

    1 value didn't change.

    ### Parameters

    | File | Parameter | `main` | `deeper` | Change |
    | --- | --- | --- | --- | ---: |
    | `params.yaml` | `model.depth` | `3` | `5` | +2 |

    ### Code and declarations

    | File | Lines | Read by |
    | --- | ---: | --- |
    | `clean.sql` | +1 −1 | `clean` |
    | `wash.rs` | +2 −0 |  |

    ### Data

    | Data | `main` | `deeper` | Change |
    | --- | --- | --- | --- |
    | `clean.csv` | `0000000d`, 2 files, 1,300 bytes | `00000014`, 2 files, 2,000 bytes | +700 bytes |
    | `raw.csv` | `0000000d`, 1 row, 13 bytes | `00000014`, 2 rows, 20 bytes | +1 row |

    ### Pipeline

    ```mermaid
    flowchart TD
    	node1["clean"]:::changed
    	node2["raw.csv.dvc"]:::changed
    	node3["score"]:::again
    	node4["train"]:::changed
    	node1-->node4
    	node2-->node1
    	node4-->node3
    	classDef changed fill:#fff3c4,stroke:#9a6700,stroke-width:3px,color:#000
    	classDef again stroke:#9a6700,stroke-dasharray:5 3
    ```

    - changed itself: `clean`, `raw.csv.dvc`, `train`
    - made again from other input (dashed): `score`

    ### Plots

    Changed: `curve.csv`.

    ### How to reproduce it

    ```sh
    git checkout HEAD
    shop pull
    shop repro
    ```
    "#);
    // A comment that is found again has to be found by this very line.
    assert!(
        report
            .markdown(PLAIN)
            .starts_with("<!-- mlops-report -->\n")
    );
}

#[test]
fn what_others_brought_into_the_base_is_not_told_as_undone() {
    let shop = Shop::new();
    shop.git(&["switch", "-qc", "mine"]);
    shop.write("notes.txt", "mine");
    shop.commit();
    shop.git(&["switch", "-q", "main"]);
    shop.scores(0.9, 10);
    shop.commit();
    let report = shop.report("mine").unwrap();
    assert_eq!(report.scores, []);
    assert_eq!(report.same_scores, 5);
    // The other way round it would be seen.
    shop.git(&["switch", "-qc", "theirs", "main~1"]);
    shop.scores(0.9, 10);
    let report = shop.report("workspace").unwrap();
    assert_eq!(report.scores.len(), 2);
}

#[test]
fn a_workspace_is_compared_and_can_not_be_made_again_by_others() {
    let shop = Shop::new();
    shop.scores(0.81, 10);
    shop.write("clean.sql", "select 2\n");
    shop.write(
        "dvc.yaml",
        &PIPELINE.replace(
            "    cmd: score\n",
            "    cmd: score\n    always_changed: true\n",
        ),
    );
    let report = shop.report("workspace").unwrap();
    let touched: Vec<(&str, Touch)> = (report.stages.touched.iter())
        .map(|(name, touch)| (name.as_str(), *touch))
        .collect();
    assert_eq!(
        touched,
        [
            ("clean", Touch::Changed),
            ("score", Touch::Again),
            ("train", Touch::Again)
        ]
    );
    let [auc, loss] = &report.scores[..] else {
        panic!("{:?}", report.scores)
    };
    assert_eq!(
        (auc.is_better(), auc.is_beyond_noise()),
        (Some(true), Some(false))
    );
    assert_eq!(
        (loss.is_better(), loss.is_beyond_noise()),
        (Some(true), Some(false))
    );
    let text = report.markdown(PLAIN);
    assert!(
        text.contains("**Scores: 0 better, 0 worse, 2 within the noise.**"),
        "{text}"
    );
    assert!(text.contains("The workspace has no commit"), "{text}");
    assert!(!text.contains("git checkout"), "{text}");
}

#[test]
fn a_workspace_that_is_its_commit_is_called_by_its_branch() {
    let shop = Shop::new();
    shop.git(&["switch", "-qc", "mine"]);
    shop.scores(0.81, 10);
    shop.commit();
    let report = shop.report("workspace").unwrap();
    assert_eq!(report.head.name, "mine");
    assert!(text(&shop, &report, PLAIN).contains("From `main` (MAIN) to `mine` (HEAD)."));
    shop.git(&["switch", "-q", "--detach"]);
    assert_eq!(shop.report("workspace").unwrap().head.name, "HEAD");
    // A file that nobody committed is something that others don't have.
    shop.write("notes.txt", "x");
    let report = shop.report("workspace").unwrap();
    assert_eq!(
        (report.head.name.as_str(), report.head.commit),
        ("workspace", None)
    );
    let notes: Vec<&str> = report.files.iter().map(|file| file.path.as_str()).collect();
    assert_eq!(notes, ["notes.txt"]);
}

#[test]
fn declared_changes_stand_in_a_table() {
    let shop = Shop::new();
    let declared = [Declared {
        kind: "feature of".into(),
        name: "today: price | @team".into(),
        change: "added".into(),
    }];
    let layout = Layout {
        declared: &declared,
        ..PLAIN
    };
    let text = shop.report("workspace").unwrap().markdown(layout);
    assert!(
        text.contains("### Features\n\n|  | Name | Change |\n| --- | --- | --- |\n| feature of | `today: price ¦ @team` | added |\n"),
        "{text}"
    );
}

#[test]
fn stages_that_come_and_go_are_told() {
    let shop = Shop::new();
    let other = PIPELINE.replace("  clean:\n    cmd: clean", "  wash:\n    cmd: clean");
    shop.write("dvc.yaml", &other);
    let report = shop.report("workspace").unwrap();
    assert_eq!(report.stages.touched["wash"], Touch::New);
    assert_eq!(report.stages.touched["train"], Touch::Again);
    assert_eq!(report.stages.removed, ["clean"]);
    assert!(report.markdown(PLAIN).contains("- gone: `clean`\n"));
}

#[test]
fn drawings_are_shown_from_a_folder_or_linked() {
    let shop = Shop::new();
    shop.write("curve.csv", "x,y\n0,0.5\n1,1\n");
    let report = shop.report("workspace").unwrap();
    let layout = |drawings| Layout { drawings, ..PLAIN };
    let text = report.markdown(layout(Drawings::Folder("plots")));
    assert!(
        text.contains(
            "| ![old](<plots/1-curve.csv-old.svg>) | ![new](<plots/1-curve.csv-new.svg>) |"
        ),
        "{text}"
    );
    let files = report.pictures.files();
    let names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["1-curve.csv-old.svg", "1-curve.csv-new.svg"]);
    assert!(files[0].1.contains("main") && files[1].1.contains("workspace"));
    let text = report.markdown(layout(Drawings::Page("https://a.b/c d")));
    assert!(
        text.contains("(<https://a.b/c%20d>)") && !text.contains("!["),
        "{text}"
    );
    let page = report.pictures.page("Plots");
    // Each side, and both in one.
    let count = |text: &str| text.matches("<svg").count();
    assert_eq!(count(&page), 3 * count(files[0].1));
}

#[test]
fn text_of_a_fork_stays_text() {
    let shop = Shop::new();
    let evil = "@team `x` | <img src=a> ![b](c)\\n\\n# head";
    shop.write(
        "scores.json",
        &format!("{{\"shop\": {{\"auc\": {{\"value\": \"{evil}\", \"low\": 0, \"high\": 1}}, \"{evil}\": 1}}}}"),
    );
    shop.write(
        "params.yaml",
        &format!("model: {{depth: \"{evil}\", rate: 0.1}}\n"),
    );
    let text = shop.report("workspace").unwrap().markdown(PLAIN);
    assert!(text.contains("@team"), "{text}");
    for line in text.lines().filter(|line| line.contains("@team")) {
        // Between an odd and an even backtick is code.
        let outside: String = line.split('`').step_by(2).collect();
        for markup in ["@", "<img", "![", "# head"] {
            assert!(!outside.contains(markup), "{line}");
        }
        // As many cells as the table has columns.
        assert!([6, 7].contains(&line.matches('|').count()), "{line}");
    }
    assert!(!text.contains("\n# head"));
}

#[test]
fn a_drift_summary_stands_with_the_data() {
    let shop = Shop::new();
    let layout = Layout {
        drift: Some("1 of 2 columns <drifted>:\n\nprice  ```\n"),
        ..PLAIN
    };
    let text = shop.report("workspace").unwrap().markdown(layout);
    let (_, data) = text.split_once("### Data\n\n").unwrap();
    let (data, _) = data.split_once("### Pipeline").unwrap();
    insta::assert_snapshot!(data, @r"
    None changed.

    <details>
    <summary><code>1 of 2 columns &lt;drifted>:</code></summary>

    ```text
    1 of 2 columns <drifted>:

    price  '''
    ```

    </details>
    ");
}

#[test]
fn a_long_report_still_fits_into_a_comment() {
    let shop = Shop::new();
    let many = |value: u32| {
        let values: Vec<String> = (0..3000)
            .map(|at| format!("\"{}{at}_auc\": {value}", "x".repeat(300)))
            .collect();
        format!("{{{}}}", values.join(","))
    };
    shop.write("scores.json", &many(1));
    shop.commit();
    shop.write("scores.json", &many(2));
    let text = shop.report("workspace").unwrap().markdown(PLAIN);
    assert!(text.len() < 65_536, "{}", text.len());
    assert!(text.contains("… and 2950 more."), "{text}");
}

#[test]
fn an_unknown_base_is_told() {
    let shop = Shop::new();
    let repository = Repository::open(&shop.root).unwrap();
    let error = Report::new(&repository, "nope", "workspace").unwrap_err();
    assert!(
        error.to_string().contains("nope") && error.is_user_error(),
        "{error}"
    );
    assert!(
        error.to_string().contains("give a commit, branch or tag"),
        "{error}"
    );
    let error = Report::new(&repository, "main", "--all").unwrap_err();
    assert!(
        error.to_string().contains("there is no such revision"),
        "{error}"
    );
}

#[test]
fn without_metrics_the_rest_is_reported() {
    let shop = Shop::new();
    shop.git(&["rm", "-q", "dvc.yaml"]);
    shop.commit();
    let text = shop.report("workspace").unwrap().markdown(PLAIN);
    assert!(
        text.contains("**There are no scores to compare.**"),
        "{text}"
    );
    for part in [
        "### Scores\n\nNo file of scores",
        "### Parameters",
        "### Data",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}
