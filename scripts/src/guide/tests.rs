//! A small book, built as a whole.

use std::fs;
use std::path::Path;

use super::site_check::check_site;
use super::testing::write;
use super::{BuildOptions, Page, build};

const BOOK: &str = r#"
[book]
title = "Small"
src = "book/src"

[build]
create-missing = false
use-default-preprocessors = false

[preprocessor.guide]
site = "https://example.org/small/"
revision = "v1"

[preprocessor.mermaid]
after = ["guide"]

[output.html]
git-repository-url = "https://example.org/repository/"

[output.html.print]
enable = false

[output.html.redirect]
"/old/index.html" = "../part/two.html"
"#;

const HOME: &str = r#"# Home

The score of this model, which nobody wrote by hand, is {{#metric metrics/scores.json auc .2}}.

{{#listing example/params.yaml:seed}}

{{#plot metrics/roc.svg "ROC curve"}}

{{#command first/1-hello}}

See [two](part/two.md#there).
"#;

fn small_book(root: &Path) {
    write(root, "book.toml", BOOK);
    write(
        root,
        "book/src/SUMMARY.md",
        "# Summary\n\n[Home](index.md)\n\n- [Two](part/two.md)\n",
    );
    write(root, "book/src/index.md", HOME);
    write(root, "book/src/part/two.md", "# Two\n\n## There\n\nText.\n");
    write(root, "example/metrics/scores.json", "{\"auc\": 0.886}");
    write(
        root,
        "example/metrics/roc.svg",
        "<svg class=\"mp\"><path d=\"M0 0\"/></svg>",
    );
    write(
        root,
        "example/params.yaml",
        "a: 0\n# ANCHOR: seed\nseed: 1\n# ANCHOR_END: seed\n",
    );
    write(
        root,
        "book/recordings/first/1-hello.txt",
        "command = 'echo hello'\n---\nhello\n",
    );
}

#[test]
fn a_book_is_built_with_all_directives_and_passes_its_checks() {
    let folder = tempfile::tempdir().unwrap();
    small_book(folder.path());
    let built = build(&BuildOptions::new(folder.path())).unwrap();
    let home = fs::read_to_string(built.output.join("index.html")).unwrap();
    for expected in [
        "by hand, is 0.89.",
        "<a href=\"https://example.org/repository/blob/v1/example/params.yaml#L3-L3\">",
        ">seed: 1\n</code>",
        "<svg role=\"img\" aria-label=\"ROC curve\" class=\"mp\"><path d=\"M0 0\"/></svg>",
        ">echo hello\n</code>",
        ">hello\n</code>",
        "<link rel=\"canonical\" href=\"https://example.org/small/\">",
    ] {
        assert!(home.contains(expected), "{expected} isn't in {home}");
    }
    assert!(!home.contains("ANCHOR"));
    assert_eq!(built.recordings, ["first/1-hello"]);
    let report = check_site(&built.output, &built.base).unwrap();
    assert_eq!(report.problems, [""; 0]);
    assert!(built.output.join("old/index.html").is_file());
}

#[test]
fn all_mistakes_of_all_pages_are_told_at_once() {
    let folder = tempfile::tempdir().unwrap();
    small_book(folder.path());
    write(
        folder.path(),
        "book/src/index.md",
        "# Home\n\n{{#metric metrics/scores.json gone}} {{#include a.rs}}\n\n> {{#listing example/params.yaml}}\n",
    );
    write(folder.path(), "book/src/part/two.md", "# Two\n{{#shout}}\n");
    let error = build(&BuildOptions::new(folder.path())).unwrap_err();
    insta::assert_snapshot!(format!("{error:#}"), @r"
    4 mistakes in the pages:
    book/src/index.md:3: {{#metric metrics/scores.json gone}}: `example/metrics/scores.json` has no `gone` in the top; there is auc
    book/src/index.md:3: {{#include a.rs}}: mdBook's includes say nothing about a missing anchor: use {{#listing path:anchor}}
    book/src/index.md:5: {{#listing example/params.yaml}}: has to stand alone on its line, from the first column, with empty lines around
    book/src/part/two.md:2: {{#shout}}: there is no directive `shout`: use listing, command, metric, recorded, holds, plot, graph or score
    ");
}

#[test]
fn what_mdbook_only_logs_ends_the_build() {
    let folder = tempfile::tempdir().unwrap();
    small_book(folder.path());
    write(
        folder.path(),
        "book/src/part/two.md",
        "# Two\n\n<div>\n\nText.\n",
    );
    let error = format!(
        "{:#}",
        build(&BuildOptions::new(folder.path())).unwrap_err()
    );
    assert!(error.starts_with("mdBook complains:"), "{error}");
    assert!(error.contains("two.md"), "{error}");
}

#[test]
fn a_page_in_the_contents_has_to_exist() {
    let folder = tempfile::tempdir().unwrap();
    small_book(folder.path());
    fs::remove_file(folder.path().join("book/src/part/two.md")).unwrap();
    let error = format!(
        "{:#}",
        build(&BuildOptions::new(folder.path())).unwrap_err()
    );
    assert!(error.contains("two.md"), "{error}");
}

#[test]
fn a_runs_page_stands_after_home_with_the_runs_own_numbers() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    small_book(&root);
    write(folder.path(), "run/metrics/scores.json", "{\"auc\": 0.5}");
    let page = "# Your run\n\nYours {{#metric run:metrics/scores.json auc .1}}, ours {{#metric metrics/scores.json auc .1}}.\n";
    let mut options = BuildOptions::new(&root);
    options.output = folder.path().join("elsewhere");
    options.run = Some(folder.path().join("run"));
    options.extra_pages = vec![Page {
        path: "your-run.md".to_owned(),
        title: "Your run".to_owned(),
        markdown: page.to_owned(),
    }];
    let built = build(&options).unwrap();
    let page = fs::read_to_string(built.output.join("your-run.html")).unwrap();
    assert!(page.contains("Yours 0.5, ours 0.9."), "{page}");
    let home = fs::read_to_string(built.output.join("index.html")).unwrap();
    assert!(
        home.contains("href=\"your-run.html\""),
        "it is the next page"
    );
    assert!(!root.join("book/src/your-run.md").exists());
    assert!(!root.join("book/built").exists());
}

#[test]
fn a_folder_that_holds_something_else_isnt_emptied() {
    let folder = tempfile::tempdir().unwrap();
    small_book(&folder.path().join("root"));
    write(folder.path(), "precious/thesis.txt", "x");
    let mut options = BuildOptions::new(&folder.path().join("root"));
    options.output = folder.path().join("precious");
    let error = build(&options).unwrap_err().to_string();
    assert!(error.contains("isn't a built guide"), "{error}");
    assert!(folder.path().join("precious/thesis.txt").exists());
}
