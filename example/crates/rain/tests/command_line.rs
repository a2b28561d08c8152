//! What the commands say to people and to programs: standard output, standard error, exit codes.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod project;
#[path = "../../data/tests/server/mod.rs"]
#[allow(dead_code)] // the crate it stands in uses the rest
mod server;

use std::path::Path;
use std::process::Output;

use predicates::prelude::*;
use predicates::str::contains;
use project::{SMALL, project, rain, refused, trained};
use serde_json::Value;
use server::{Server, Site};

const TABLE: &str = "data/weatherAUS.csv";
/// A table of one day.
const MINE: &str = "Date,Location,MinTemp,MaxTemp,Rainfall,\
    Evaporation,Sunshine,WindGustDir,WindGustSpeed,\
    WindDir9am,WindDir3pm,WindSpeed9am,WindSpeed3pm,Humidity9am,Humidity3pm,Pressure9am,Pressure3pm,\
    Cloud9am,Cloud3pm,Temp9am,Temp3pm,RainToday,RainTomorrow\n2010-01-01,Sydney,,,,,,,,,,,,,,,,,,,,,\n";

/// What a command prints that must succeed.
fn printed(folder: &Path, arguments: &[&str]) -> String {
    let output = output(folder, arguments, 0);
    String::from_utf8(output.stdout).unwrap()
}

fn output(folder: &Path, arguments: &[&str], code: i32) -> Output {
    let run = rain(folder).args(arguments).assert().code(code);
    run.get_output().clone()
}

fn words(text: &str) -> Vec<&str> {
    text.split_whitespace().collect()
}

#[test]
fn completions_know_every_command_of_every_shell_they_are_made_for() {
    let folder = tempfile::tempdir().unwrap();
    let commands = [
        "data",
        "features",
        "train",
        "evaluate",
        "predict",
        "serve",
        "drift",
        "import",
        "fetch",
        "check",
        "describe",
        "fault",
        "generate",
        "fit-climate",
        "compare",
        "--project",
        "--json",
    ];
    for (shell, sign) in [
        ("bash", "complete -F _rain"),
        ("zsh", "#compdef rain"),
        ("fish", "complete -c rain"),
    ] {
        let script = printed(folder.path(), &["completions", shell]);
        assert!(script.contains(sign), "{shell}: {script}");
        for command in commands {
            // fish writes a long option without its hyphens.
            let name = if shell == "fish" {
                command.trim_start_matches("--")
            } else {
                command
            };
            assert!(script.contains(name), "{shell}: {command}");
        }
    }
    let error = refused(folder.path(), &["completions", "basic"]);
    assert!(error.contains("invalid value 'basic'"), "{error}");
    assert!(error.contains("bash"), "{error}");
}

#[test]
fn only_the_pinned_file_is_imported_unless_another_is_to_be_pinned() {
    let folder = project();
    let path = folder.path();
    std::fs::write(path.join("mine.csv"), MINE).unwrap();
    let pin = path.join("data/weatherAUS.csv.dvc");
    let committed = std::fs::read_to_string(&pin).unwrap();
    insta::assert_snapshot!(refused(path, &["data", "import", "mine.csv"]), @"error: mine.csv: the table's MD5 is 7718b56e4a324e5c3ae296af02f03d67, but data/weatherAUS.csv.dvc pins a65cf8b8719b1a65db4f361eeec18457. Nothing was replaced. Get the pinned table, or give --update-pin to pin this one (results then differ from the committed ones)");
    assert!(!path.join(TABLE).exists());
    assert_eq!(std::fs::read_to_string(&pin).unwrap(), committed);
    insta::assert_snapshot!(printed(path, &["data", "import", "mine.csv", "--update-pin"]), @r"
    278 bytes → data/weatherAUS.csv
    md5 7718b56e4a324e5c3ae296af02f03d67: data/weatherAUS.csv.dvc pins it now (before: a65cf8b8719b1a65db4f361eeec18457): results will differ from the committed ones
    ");
    let rewritten = std::fs::read_to_string(&pin).unwrap();
    let (old, new) = (
        "a65cf8b8719b1a65db4f361eeec18457",
        "7718b56e4a324e5c3ae296af02f03d67",
    );
    assert!(committed.contains(old) && committed.contains("size: 14094055"));
    let expected = committed.replace(old, new).replace("14094055", "278");
    // The writer may break the line of the description elsewhere.
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(words(&rewritten), words(&expected));
    // What is there is not given up for a file that is refused.
    std::fs::write(path.join("other.csv"), "Date,Location\n").unwrap();
    for more in [&["--replace"][..], &["--update-pin"]] {
        let import = ["data", "import", "other.csv"];
        refused(path, &[&import[..], more].concat());
    }
    let there = std::fs::read(path.join(TABLE)).unwrap();
    assert_eq!(there, std::fs::read(path.join("mine.csv")).unwrap());
    std::fs::remove_file(path.join(TABLE)).unwrap();

    insta::assert_snapshot!(printed(path, &["data", "import", "mine.csv"]), @r"
    278 bytes → data/weatherAUS.csv
    md5 7718b56e4a324e5c3ae296af02f03d67: it is the pinned file
    ");
    std::fs::remove_file(path.join(TABLE)).unwrap();

    std::fs::remove_file(path.join("data/weatherAUS.csv.dvc")).unwrap();
    let text = printed(path, &["data", "import", "mine.csv"]);
    assert!(text.ends_with("no file is pinned\n"), "{text}");
    let json: Value =
        serde_json::from_str(&printed(path, &["--json", "data", "import", "mine.csv"])).unwrap();
    assert_eq!(json["pin"], "none");
    assert_eq!(json["bytes"], 278);

    // DVC alone may change where it imports from; and a pin of another file says nothing of this one.
    let foreign = "outs:\n- md5: 00000000000000000000000000000000\n  path: weatherAUS.csv\ndeps:\n- path: a.csv\n";
    std::fs::write(&pin, foreign).unwrap();
    std::fs::remove_file(path.join(TABLE)).unwrap();
    let error = refused(path, &["data", "import", "mine.csv", "--update-pin"]);
    assert!(error.contains("dvc update"), "{error}");
    std::fs::write(&pin, foreign.replace("weatherAUS", "another")).unwrap();
    let text = printed(path, &["data", "import", "mine.csv"]);
    assert!(text.ends_with("no file is pinned\n"), "{text}");
}

#[test]
fn what_is_no_table_of_the_contract_is_never_pinned() {
    let folder = project();
    let path = folder.path();
    let pin = path.join("data/weatherAUS.csv.dvc");
    let committed = std::fs::read_to_string(&pin).unwrap();
    let server = Server::new(Site::default());
    let fetch = format!("data fetch --update-pin --allow-http --url {}", server.url);
    let contents: [(&[u8], &str); 4] = [
        (b"PK\x07\x08abcd", "no table of this project"),
        (b"PK\x03\x04abcd", "damaged archive"),
        (b"a,b\n1,2\n", "no table of this project"),
        (
            b"Date,Location\n2010-01-01,Sydney\n",
            "no table of this project",
        ),
    ];
    for (content, said) in contents {
        std::fs::write(path.join("mine.csv"), content).unwrap();
        server.change(|site| site.body = content.to_vec());
        for command in ["data import mine.csv --update-pin", &fetch] {
            let error = refused(path, &words(command));
            assert!(error.contains(said), "{error}");
            assert!(!error.contains(".tmp"), "{error}");
        }
        assert_eq!(std::fs::read_dir(path.join("data")).unwrap().count(), 1);
        assert_eq!(std::fs::read_to_string(&pin).unwrap(), committed);
    }
}

#[test]
fn nothing_is_imported_over_another_file_without_being_asked() {
    let folder = project();
    let path = folder.path();
    std::fs::remove_file(path.join("data/weatherAUS.csv.dvc")).unwrap();
    let there = || std::fs::read_to_string(path.join(TABLE)).unwrap();
    std::fs::write(path.join("mine.csv"), "mine\n").unwrap();
    std::fs::write(path.join("other.csv"), "other\n").unwrap();
    printed(path, &["data", "import", "mine.csv"]);
    // The same again changes nothing.
    printed(path, &["data", "import", "mine.csv"]);
    insta::assert_snapshot!(refused(path, &["data", "import", "other.csv"]), @"error: data/weatherAUS.csv: another file is there already: move it away, or give --replace to lose it");
    assert_eq!(there(), "mine\n");
    printed(path, &["data", "import", "other.csv", "--replace"]);
    assert_eq!(there(), "other\n");
    insta::assert_snapshot!(refused(path, &["data", "fetch"]), @"error: data/weatherAUS.csv: a file is there already: move it away, or give --replace to lose it");

    let errors = [
        refused(path, &["data", "import", "none.csv"]),
        refused(path, &["data", "import", "data", "--replace"]),
        refused(path, &["data", "import", TABLE]),
    ];
    insta::assert_snapshot!(errors.join("\n"), @r"
    error: none.csv: could not read: it doesn't exist
    error: data: is a folder; name the file in it
    error: data/weatherAUS.csv: is data/weatherAUS.csv itself, so there is nothing to bring in
    ");
    assert_eq!(there(), "other\n");
    std::fs::write(path.join("data/weatherAUS.csv.dvc"), "outs: 7\n").unwrap();
    let error = refused(path, &["data", "import", "mine.csv", "--replace"]);
    insta::assert_snapshot!(error.replace(&path.canonicalize().unwrap().display().to_string(), "FOLDER"), @"error: FOLDER/data/weatherAUS.csv.dvc:1: `outs` is a whole number: it should be a list");
}

/// A cloned project may name any file as its table, or have a link on the way.
#[test]
fn no_table_is_brought_to_a_place_outside_of_the_project_unless_the_user_names_it() {
    let (folder, outside) = (project(), tempfile::tempdir().unwrap());
    let path = folder.path();
    std::fs::write(path.join("mine.csv"), "mine\n").unwrap();
    let params = std::fs::read_to_string(path.join("params.yaml")).unwrap();
    let theirs = outside.path().join("theirs.csv");
    for place in [
        "../theirs.csv",
        &theirs.display().to_string(),
        // Where a file is a command, or means something to Git or DVC.
        ".git/commondir",
        ".git/hooks/post-checkout.csv",
        ".dvc/config.csv",
        "dvc.yaml",
        ".gitignore",
    ] {
        let changed = params.replace("file: data/weatherAUS.csv", &format!("file: {place}"));
        std::fs::write(path.join("params.yaml"), changed).unwrap();
        let server = Server::new(Site::default());
        let fetch = ["data", "fetch", "--allow-http", "--url", &server.url];
        for command in [&["data", "import", "mine.csv"][..], &fetch] {
            let error = refused(path, command);
            assert!(error.contains("data.file of params.yaml"), "{error}");
        }
        assert!(server.requests().is_empty());
    }
    for (key, place) in [
        ("bucket", ".git"),
        ("bucket", "../theirs"),
        ("bucket", "data/.dvc/x"),
        ("online.store", ".git/new.redb"),
    ] {
        let set = format!("{key}={place}");
        let command: &[&str] = match key {
            "bucket" => &["features", "apply"],
            _ => &["features", "materialize", "mine.csv"],
        };
        let error = refused(path, &[&["--set", &set], command].concat());
        assert!(error.contains(place), "{error}");
        assert!(!path.join(place).exists(), "{place}");
    }
    std::fs::write(path.join("params.yaml"), params).unwrap();
    std::fs::remove_dir_all(path.join("data")).unwrap();
    std::os::unix::fs::symlink(outside.path(), path.join("data")).unwrap();
    let error = refused(path, &["data", "import", "mine.csv"]);
    assert!(error.contains("symbolic link"), "{error}");
    assert_eq!(std::fs::read_dir(outside.path()).unwrap().count(), 0);

    let set = format!("data.file={}", theirs.display());
    printed(path, &["--set", &set, "data", "import", "mine.csv"]);
    assert_eq!(std::fs::read_to_string(&theirs).unwrap(), "mine\n");
}

#[test]
fn while_a_table_is_downloaded_nothing_else_is_put_in_its_place() {
    let folder = project();
    let path = folder.path();
    std::fs::remove_file(path.join("data/weatherAUS.csv.dvc")).unwrap();
    std::fs::write(path.join("mine.csv"), "mine\n").unwrap();
    let files = || std::fs::read_dir(path.join("data")).unwrap().count();
    // It takes the connection and never answers.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/w.csv", silent.local_addr().unwrap());
    let mut download = std::process::Command::new(assert_cmd::cargo::cargo_bin!("rain"))
        .args(["data", "fetch", "--allow-http", "--url", &url])
        .current_dir(path)
        .spawn()
        .unwrap();
    while files() == 0 && download.try_wait().unwrap().is_none() {
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    let error = refused(path, &["data", "import", "mine.csv"]);
    assert!(error.contains("another process"), "{error}");
    download.kill().unwrap();
    download.wait().unwrap();
    printed(path, &["data", "import", "mine.csv"]);
    assert_eq!(std::fs::read_to_string(path.join(TABLE)).unwrap(), "mine\n");
    assert_eq!(files(), 1, "what the killed one had left is gone");
}

#[test]
fn generated_weather_gets_a_project_of_its_own_and_the_committed_one_stays() {
    let folder = project();
    let path = folder.path();
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    std::fs::copy(example.join("dvc.yaml"), path.join("dvc.yaml")).unwrap();
    let generate = words("data generate --days 700 --stations 4 --into out/generated");
    let text = printed(path, &generate);
    assert!(
        text.contains("→ out/generated/data/weatherAUS.csv"),
        "{text}"
    );
    assert!(
        text.contains("`cd out/generated`, then `rain repro`"),
        "{text}"
    );
    let own = path.join("out/generated");
    assert!(!own.join("data/weatherAUS.csv.dvc").exists());
    // Stages call the program by its name.
    let program = assert_cmd::cargo::cargo_bin!("rain").to_path_buf();
    let mut places = vec![program.parent().unwrap().to_path_buf()];
    places.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap()));
    let mut repro = rain(&own);
    repro.env("PATH", std::env::join_paths(places).unwrap());
    repro.args(["repro", "ingest"]).assert().success();
    assert!(own.join("dvc.lock").is_file());
    for untouched in [TABLE, "dvc.lock", "metrics", ".dvc"] {
        assert!(!path.join(untouched).exists(), "{untouched}");
    }
    let error = refused(path, &generate);
    assert!(
        error.contains("out/generated: the folder isn't empty"),
        "{error}"
    );
    let params = std::fs::read_to_string(path.join("params.yaml")).unwrap();
    let outside = params.replace("file: data/weatherAUS.csv", "file: ../outside.csv");
    std::fs::write(path.join("params.yaml"), outside).unwrap();
    let error = refused(path, &words("data generate --days 7 --into other"));
    assert!(error.contains("../outside.csv"), "{error}");
    assert!(!path.join("other").exists());
}

#[test]
fn the_only_copy_of_the_pinned_table_is_not_written_over_and_another_in_its_place_is_warned_of() {
    let folder = project();
    let path = folder.path();
    let generate = words("data generate --days 9 --stations 2 --out data/weatherAUS.csv");
    let warned = output(path, &generate, 0);
    let warning = String::from_utf8(warned.stderr).unwrap();
    assert!(
        warning.contains("is not the table that data/weatherAUS.csv.dvc pins"),
        "{warning}"
    );
    let bytes = std::fs::read(path.join(TABLE)).unwrap();
    std::fs::write(path.join("copy.csv"), &bytes).unwrap();
    printed(path, &["data", "import", "copy.csv", "--update-pin"]);
    let other = words("data generate --days 5 --stations 2 --out data/weatherAUS.csv");
    let error = refused(path, &other);
    assert!(error.contains("the cache has no copy"), "{error}");
    let fault = words("data fault copy.csv --out data/weatherAUS.csv missing Rainfall");
    assert_eq!(refused(path, &fault), error);
    assert_eq!(std::fs::read(path.join(TABLE)).unwrap(), bytes);
    // With a copy in the cache nothing is lost, and nobody is surprised.
    printed(path, &["init", "--no-scm"]);
    printed(path, &["add", TABLE]);
    let silent = output(path, &other, 0);
    assert_eq!(String::from_utf8(silent.stderr).unwrap(), "");
}

#[test]
fn a_table_is_fetched_from_a_server_and_failures_name_the_address() {
    let folder = project();
    let path = folder.path();
    let server = Server::new(Site {
        body: MINE.into(),
        ..Site::default()
    });
    let fetch = |url: &str, more: &[&str]| {
        let mut arguments = vec!["data", "fetch", "--allow-http", "--url", url];
        arguments.extend(more);
        // What follows the question mark may be a signature: it isn't shown.
        let shown = url.split_once('?').map(|(place, _)| format!("{place}?***"));
        refused(path, &arguments).replace(shown.as_deref().unwrap_or(url), "URL")
    };
    let mut errors = vec![fetch(&server.url, &[])];
    assert!(!path.join(TABLE).exists());
    server.change(|site| site.refuse = Some(("404 Not Found".into(), 1)));
    errors.push(fetch(&server.url, &[]));
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/w.csv", closed.local_addr().unwrap());
    drop(closed);
    errors.push(fetch(&url, &[]));
    errors.push(refused(
        path,
        &["data", "fetch", "--url", "http://127.0.0.1/w.csv"],
    ));
    errors.push(refused(path, &["data", "fetch", "--url", "w.csv"]));
    let mut params = std::fs::read_to_string(path.join("params.yaml")).unwrap();
    params = params
        .lines()
        .filter(|line| !line.contains("url:"))
        .collect::<Vec<_>>()
        .join("\n");
    std::fs::write(path.join("params.yaml"), params).unwrap();
    errors.push(refused(path, &["data", "fetch"]));
    insta::assert_snapshot!(errors.join("\n"), @r"
    error: URL: the table's MD5 is 7718b56e4a324e5c3ae296af02f03d67, but data/weatherAUS.csv.dvc pins a65cf8b8719b1a65db4f361eeec18457. Nothing was replaced. Get the pinned table, or give --update-pin to pin this one (results then differ from the committed ones)
    error: URL: is not there (404): check the address
    error: URL: cannot be reached (Connection refused): check the address and your network
    error: http://127.0.0.1/w.csv: is not encrypted: use https://, or allow http:// if you trust the way
    error: w.csv: is no web address: give one that begins with https://
    error: nothing says where to fetch from: give --url, or data.url in params.yaml
    ");

    let fetch = [
        "data",
        "fetch",
        "--update-pin",
        "--allow-http",
        "--url",
        &server.url,
    ];
    insta::assert_snapshot!(printed(path, &fetch), @r"
    278 bytes → data/weatherAUS.csv
    md5 7718b56e4a324e5c3ae296af02f03d67: data/weatherAUS.csv.dvc pins it now (before: a65cf8b8719b1a65db4f361eeec18457): results will differ from the committed ones
    ");
    assert_eq!(std::fs::read_to_string(path.join(TABLE)).unwrap(), MINE);
}

#[test]
fn a_table_is_described_for_people_and_for_programs() {
    let folder = project();
    let path = folder.path();
    let header = std::fs::read_to_string(path.join("contract.yaml")).unwrap();
    assert!(header.contains("Rainfall"));
    printed(
        path,
        &words("data generate --days 30 --stations 3 --out w.csv"),
    );
    let text = printed(path, &["data", "describe", "w.csv"]);
    insta::assert_snapshot!(text, @r"
    90 rows
    Date               0.0 % missing  2008-12-01 to 2008-12-30
    Location           0.0 % missing  Adelaide 30, Albany 30, Albury 30
    MinTemp            0.0 % missing  mean 15.49, std 3.62, 10.5 to 31.6, quartiles 13.1 14.9 16.675
    MaxTemp            1.1 % missing  mean 27.88, std 6.25, 18.1 to 41.5, quartiles 22.2 28.8 32.4
    Rainfall           1.1 % missing  mean 0.67, std 3.52, 0 to 32.2, quartiles 0 0 0
    Evaporation       52.2 % missing  mean 7.04, std 3.99, 1.8 to 26.6, quartiles 5.2 6.6 7.5
    Sunshine          76.7 % missing  mean 9.49, std 3.76, 2.5 to 13.3, quartiles 6.6 11.3 12.7
    WindGustDir       34.4 % missing  N 1, NNE 2, NE 2, ENE 2 and 12 more
    WindGustSpeed     34.4 % missing  mean 39.07, std 9.46, 19 to 63, quartiles 30.5 39 46
    WindDir9am         2.2 % missing  N 2, NNE 5, NE 8, ENE 5 and 12 more
    WindDir3pm         4.4 % missing  N 5, NNE 2, NE 5, ENE 2 and 12 more
    WindSpeed9am       0.0 % missing  mean 10.68, std 6.27, 0 to 37, quartiles 6.25 9 13
    WindSpeed3pm       4.4 % missing  mean 18.98, std 7.98, 6 to 37, quartiles 13 19 24
    Humidity9am        0.0 % missing  mean 56.48, std 19.16, 13 to 97, quartiles 42.5 53.5 73.25
    Humidity3pm        0.0 % missing  mean 42.28, std 22.71, 6 to 92, quartiles 23.25 35 65.75
    Pressure9am        0.0 % missing  mean 1014.80, std 5.48, 998.6 to 1027.6, quartiles 1011.2 1015.5 1018.4
    Pressure3pm        0.0 % missing  mean 1012.85, std 5.20, 999.9 to 1024.9, quartiles 1009.025 1013.3 1016.425
    Cloud9am          60.0 % missing  mean 4.94, std 2.41, 0 to 8, quartiles 3.75 5 7
    Cloud3pm          54.4 % missing  mean 3.51, std 2.36, 0 to 8, quartiles 2 3 5
    Temp9am            0.0 % missing  mean 20.87, std 3.92, 14.1 to 31.9, quartiles 18.125 20.2 22.75
    Temp3pm            0.0 % missing  mean 25.71, std 6.15, 16.4 to 39.9, quartiles 20.4 25.25 30.175
    RainToday          1.1 % missing  No 82, Yes 7
    RainTomorrow       1.1 % missing  No 80, Yes 9
    ");
    let json: Value =
        serde_json::from_str(&printed(path, &["--json", "data", "describe", "w.csv"])).unwrap();
    let columns = json["columns"].as_array().unwrap();
    assert_eq!(columns.len(), text.lines().count() - 1);
    let rain = columns.iter().find(|c| c["name"] == "Rainfall").unwrap();
    let mean = rain["number"]["mean"].as_f64().unwrap();
    let line = text.lines().find(|l| l.starts_with("Rainfall")).unwrap();
    assert!(line.contains(&format!("mean {mean:.2},")), "{line} {mean}");
}

#[test]
fn with_json_every_command_prints_json_and_nothing_else() {
    let folder = trained();
    let path = folder.path();
    let small = ["--set", SMALL[1], "--set", SMALL[3]];
    let server = Server::new(Site {
        body: std::fs::read(path.join(TABLE)).unwrap(),
        ..Site::default()
    });
    let fetch = format!(
        "data fetch --replace --update-pin --allow-http --url {}",
        server.url
    );
    std::fs::copy(path.join(TABLE), path.join("copy.csv")).unwrap();
    let commands = [
        ("data import copy.csv --update-pin", 0),
        (fetch.as_str(), 0),
        ("data check copy.csv", 0),
        ("data describe copy.csv", 0),
        ("data generate --days 40 --stations 2 --out w.csv", 0),
        ("data fit-climate copy.csv --out climate.csv", 0),
        ("data compare copy.csv w.csv", 0),
        ("data fault copy.csv --out f.csv offset MaxTemp 9", 0),
        ("data fault copy.csv --out g.csv missing Rainfall", 0),
        ("data check g.csv", 2),
        ("features list", 0),
        ("features build", 0),
        ("train", 0),
        ("evaluate", 0),
        ("predict copy.csv --out p.csv", 0),
        ("drift --reference copy.csv --current f.csv", 1),
        ("drift --reference copy.csv --current copy.csv", 0),
    ];
    for (command, code) in commands {
        let mut arguments = vec!["--json"];
        if ["features build", "train", "evaluate"].contains(&command) {
            arguments.extend(small);
        }
        arguments.extend(words(command));
        let output = output(path, &arguments, code);
        let text = String::from_utf8(output.stdout).unwrap();
        let parsed: Result<Value, _> = serde_json::from_str(&text);
        let is_result = parsed.is_ok_and(|value| value.is_object() || value.is_array());
        assert!(is_result, "{command} printed {text}");
    }
    // Predictions are JSON lines, with the option or without it.
    let lines = printed(path, &["--json", "predict", TABLE]);
    assert_eq!(lines.lines().count(), 4000);
    for line in lines.lines() {
        serde_json::from_str::<Value>(line).unwrap()["probability"]
            .as_f64()
            .unwrap();
    }
}

#[test]
fn logs_go_to_standard_error_and_only_when_asked_for() {
    let folder = project();
    let path = folder.path();
    printed(
        path,
        &words("data generate --days 400 --stations 3 --out data/weatherAUS.csv"),
    );
    let random = "split={by: random, test_share: 0.3}";
    printed(path, &["features", "build", "--set", random]);
    let train = ["train", "--set", random, "--set", "model.kind=tree"];
    let quiet = output(path, &train, 0);
    let complaint = String::from_utf8(quiet.stderr).unwrap();
    insta::assert_snapshot!(complaint.trim(), @"WARN rows of a time series are split at random: the scores flatter the model");

    let text = std::fs::read_to_string(path.join(TABLE)).unwrap();
    std::fs::write(path.join("cut.csv"), text.trim_end()).unwrap();
    let describe = ["data", "describe", "cut.csv"];
    let quiet = printed(path, &describe);
    rain(path)
        .args(["-vv", "data", "describe", "cut.csv"])
        .assert()
        .success()
        .stdout(quiet)
        .stderr(contains("cut.csv: the last line has no line end"));
    rain(path)
        .args(describe)
        .env("RUST_LOG", "off")
        .assert()
        .success()
        .stderr(predicate::str::is_empty());
}

#[test]
fn help_shows_set_only_where_it_is_taken() {
    let folder = tempfile::tempdir().unwrap();
    let shows = |command: &str| {
        let help = [&words(command)[..], &["--help"]].concat();
        printed(folder.path(), &help).contains("--set <KEY=VALUE>")
    };
    for command in [
        "",
        "train",
        "features build",
        "features get",
        "curves learning",
        "data fetch",
    ] {
        assert!(shows(command), "{command}");
    }
    for command in [
        "drift",
        "predict",
        "repro",
        "data check",
        "data generate",
        "features list",
        "remote add",
    ] {
        assert!(!shows(command), "{command}");
    }
}

#[test]
fn a_knob_that_is_none_is_refused_by_its_name() {
    let folder = project();
    let path = folder.path();
    let set = |settings: &[&str]| {
        let mut arguments = vec!["train"];
        arguments.extend(settings.iter().flat_map(|setting| ["--set", setting]));
        refused(path, &arguments)
    };
    let mut errors = vec![
        set(&["model.boosting.treees=3"]),
        set(&["colour=red"]),
        set(&["seed=1", "threshold=high"]),
        set(&["seed"]),
        set(&["seed.of=1"]),
        set(&["modl.kind=tree"]),
        set(&["threshold=1.5"]),
        set(&["split={by: random, test_share: 2}"]),
        set(&["seed={"]),
    ];
    let both_sides = ["--set", "seed=1", "train", "--set", "threshold=0.4"];
    errors.push(refused(path, &both_sides));
    for command in [
        "repro",
        "data check x.csv",
        "data generate --days 3 --out x.csv",
        "features list",
        "drift --reference x.csv --current x.csv",
    ] {
        errors.push(refused(
            path,
            &[&words(command)[..], &["--set", "seed=2"]].concat(),
        ));
    }
    std::fs::write(path.join("params.yaml"), "seed: 1\nsead: 2\n").unwrap();
    errors.push(refused(path, &["train"]));
    insta::assert_snapshot!(errors.join("\n---\n"), @r#"
    error: params.yaml: with --set model.boosting.treees=3: unknown field `treees`; did you mean `trees`?
    ---
    error: params.yaml: with --set colour=red: unknown field `colour`, expected one of seed, bucket, data, features, online, serving, split, model, calibration, costs, threshold, evaluate, tune
    ---
    error: params.yaml: with --set seed=1 --set threshold=high: expected a number or from_costs
    ---
    error: params.yaml: --set seed: write KEY=VALUE
    ---
    error: params.yaml: --set seed.of=1: seed is a value and has no of in it
    ---
    error: params.yaml: with --set modl.kind=tree: unknown field `modl`; did you mean `model`?
    ---
    error: params.yaml: threshold is 1.5: give a probability between 0 and 1
    ---
    error: params.yaml: split.test_share is 2: give a share between 0 and 1
    ---
    error: params.yaml: --set seed={: line 1 column 1: unclosed bracket '{'
    ---
    error: --set stands before and after the command's name: give all of them on one side
    ---
    error: --set: `repro` reads no parameter. Stages and reports take theirs from params.yaml: change it there
    ---
    error: --set: `data check` reads no parameter. Stages and reports take theirs from params.yaml: change it there
    ---
    error: --set: `data generate` reads no parameter. Stages and reports take theirs from params.yaml: change it there
    ---
    error: --set: `features list` reads no parameter. Stages and reports take theirs from params.yaml: change it there
    ---
    error: --set: `drift` reads no parameter. Stages and reports take theirs from params.yaml: change it there
    ---
    error: params.yaml: line 2 column 1: unknown field `sead`; did you mean `seed`?
    "#);
}

#[test]
fn what_a_command_needs_first_is_named() {
    let folder = project();
    let path = folder.path();
    printed(
        path,
        &words("data generate --days 60 --stations 2 --out data/weatherAUS.csv"),
    );
    let other = project();
    let mut errors = vec![
        refused(path, &["train"]),
        refused(path, &["evaluate"]),
        refused(path, &["predict", TABLE]),
        refused(path, &["serve"]),
        refused(path, &["features", "build", "none.csv"]),
        refused(other.path(), &["features", "build"]),
        refused(path, &["-C", "nowhere", "train"]),
        refused(
            path,
            &words("data fault none.csv --out f.csv stuck MaxTemp"),
        ),
        refused(
            path,
            &words("data fault data/weatherAUS.csv --out f.csv --from soon stuck MaxTemp"),
        ),
        refused(
            path,
            &words("data fault data/weatherAUS.csv --out f.csv stuck Mood"),
        ),
        refused(
            path,
            &words("data generate --days 3 --start soon --out w.csv"),
        ),
        refused(path, &words("data generate --days 3 --out w.txt")),
        refused(
            path,
            &words("data generate --days 3 --climate none.csv --out w.csv"),
        ),
        refused(
            path,
            &words(
                "drift --reference data/weatherAUS.csv --current data/weatherAUS.csv --current-from 2100-01-01",
            ),
        ),
        refused(
            path,
            &words("drift --reference data/weatherAUS.csv --current data/weatherAUS.csv --alpha 2"),
        ),
    ];
    std::fs::remove_file(path.join("contract.yaml")).unwrap();
    errors.push(refused(path, &["data", "check", TABLE]));
    insta::assert_snapshot!(errors.join("\n"), @r#"
    error: data/features.parquet: there is no such file; `features build` writes it
    error: models/model.bin: there is no such file; `train` writes it
    error: models/model.bin: there is no such file; `train` writes it
    error: models/model.bin: there is no such file; `train` writes it
    error: none.csv: could not read: it doesn't exist
    error: data/weatherAUS.csv: there is no such file; `data import` writes it
    error: nowhere: no folder to run in: No such file or directory
    error: none.csv: could not read: it doesn't exist
    error: --from is "soon": give a date as yyyy-mm-dd
    error: stuck value on Mood: the table has no column "Mood"; it has Date, Location, MinTemp, MaxTemp, Rainfall, Evaporation, Sunshine, WindGustDir, WindGustSpeed, WindDir9am, WindDir3pm, WindSpeed9am and 11 more
    error: --start is "soon": give a date as yyyy-mm-dd
    error: w.txt: the name must end in .csv or .parquet, to say how to write it
    error: none.csv: could not read: it doesn't exist
    error: no row of the table lies in the period asked for
    error: alpha is 2: give a number between 0 and 1
    error: contract.yaml: there is no such file here: run this in a project's folder, or name it with -C
    "#);
}

#[test]
fn a_pipeline_without_its_data_says_where_data_comes_from() {
    let folder = project();
    let path = folder.path();
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    std::fs::copy(example.join("dvc.yaml"), path.join("dvc.yaml")).unwrap();
    rain(path).args(["init", "--no-scm"]).assert().success();
    let said = refused(path, &["repro"]);
    for command in ["rain data import", "rain data generate"] {
        assert!(said.contains(command), "{said}");
    }
    assert!(!path.join("dvc.lock").exists());
}

#[test]
fn a_model_is_not_used_where_it_does_not_fit() {
    let folder = trained();
    let path = folder.path();
    let mut model = std::fs::read(path.join("models/model.bin")).unwrap();
    let end = model.len() - 1;
    model[end] ^= 1;
    std::fs::write(path.join("altered.bin"), &model).unwrap();
    std::fs::write(path.join("bad.jsonl"), "{\"Date\": \"2010-01-01\"\n").unwrap();
    let busy = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = busy.local_addr().unwrap().to_string();
    let late = |period: &[&str]| {
        let mut arguments = vec!["evaluate"];
        arguments.extend(SMALL);
        arguments.extend(period);
        refused(path, &arguments)
    };
    let mut errors = vec![
        refused(path, &["evaluate", "--model", "altered.bin"]),
        refused(path, &["serve", "--model", "altered.bin"]),
        refused(path, &["evaluate", TABLE]),
        refused(path, &["predict", "bad.jsonl"]),
        late(&["--from", "2100-01-01"]),
        late(&["--until", "today"]),
        refused(path, &["serve", "--listen", &address]).replace(&address, "ADDRESS"),
        refused(path, &["serve", "--listen", "here"]),
    ];
    // A table of other features than those the model was trained on.
    printed(
        path,
        &["features", "build", "--set", "features.without=[calendar]"],
    );
    errors.push(refused(path, &["evaluate"]));
    insta::assert_snapshot!(errors.join("\n"), @r#"
    error: altered.bin: the model file is altered: its checksum is wrong; copy it again
    error: altered.bin: the model file is altered: its checksum is wrong; copy it again
    error: data/weatherAUS.csv: this is no Parquet file; only Parquet brings its own types
    error: bad.jsonl, line 1: no JSON object: the line ends before the object does
    Each line is one observation as a JSON object, with the contract's columns as fields.
    error: no test row lies between --from and --until
    error: --until is "today": give a date as yyyy-mm-dd
    error: ADDRESS: Address already in use
    error: invalid value 'here' for '--listen <LISTEN>': invalid socket address syntax

    For more information, try '--help'.
    error: data/features.parquet wasn't built for models/model.bin: `features build --model models/model.bin` builds one that is, or train again
    "#);
}

#[test]
fn exit_codes_tell_whose_turn_it_is() {
    let folder = project();
    let path = folder.path();
    printed(
        path,
        &words("data generate --days 800 --stations 3 --out w.csv"),
    );
    printed(
        path,
        &words("data fault w.csv --out f.csv offset MaxTemp 9"),
    );
    let drift = |current: &str| {
        let command = format!("drift --reference w.csv --current {current}");
        let run = rain(path).args(words(&command)).assert();
        run.get_output().status.code()
    };
    // All well, something found, something of the user's to change.
    assert_eq!(drift("w.csv"), Some(0));
    assert_eq!(drift("f.csv"), Some(1));
    assert_eq!(drift("none.csv"), Some(2));
    for (arguments, code) in [
        (vec!["--help"], 0),
        (vec!["--version"], 0),
        (vec![], 2),
        (vec!["data"], 2),
        (vec!["fly"], 2),
        (vec!["train", "--fast"], 2),
    ] {
        rain(path).args(&arguments).assert().code(code);
    }
    // A disk that is full is nobody's turn: the run failed.
    #[cfg(target_os = "linux")]
    {
        let full = std::fs::File::options().write(true).open("/dev/full");
        let status = std::process::Command::new(assert_cmd::cargo::cargo_bin!("rain"))
            .args(["--json", "features", "list"])
            .current_dir(path)
            .stdout(full.unwrap())
            .stderr(std::process::Stdio::null())
            .status()
            .unwrap();
        assert_eq!(status.code(), Some(1));
    }
}

#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    let folder = project();
    printed(
        folder.path(),
        &["data", "generate", "--days", "30", "--out", TABLE],
    );
    for arguments in [&["completions", "bash"][..], &["data", "describe", TABLE]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let ended = std::process::Command::new(assert_cmd::cargo::cargo_bin!("rain"))
            .args(arguments)
            .current_dir(folder.path())
            .stdout(writer)
            .output()
            .unwrap();
        let told = String::from_utf8_lossy(&ended.stderr);
        assert_eq!(
            (ended.status.code(), &*told),
            (Some(0), ""),
            "{arguments:?}"
        );
    }
}

#[test]
fn files_of_two_builds_are_refused_by_whoever_reads_them() {
    let folder = trained();
    let path = folder.path();
    let kinds = ["parquet", "state.json", "golden.jsonl", "statistics.json"];
    let file = |kind: &str| path.join("data/features").with_extension(kind);
    let first: Vec<Vec<u8>> = kinds.map(|kind| std::fs::read(file(kind)).unwrap()).into();
    let build = |data: &str| {
        let mut arguments = vec!["features", "build", data];
        arguments.extend(SMALL);
        printed(path, &arguments);
    };
    build(TABLE);
    let again: Vec<Vec<u8>> = kinds.map(|kind| std::fs::read(file(kind)).unwrap()).into();
    assert!(first == again, "the same table gives the same bytes");

    printed(
        path,
        &words("data generate --days 500 --stations 8 --seed 2 --out data/other.csv"),
    );
    build("data/other.csv");
    let command = |name: &str| {
        let mut arguments = words(name);
        if name != "features stats" {
            arguments.extend(SMALL);
        }
        refused(path, &arguments)
    };
    let mut errors = vec![];
    for (at, readers) in [
        (1, vec!["train", "evaluate", "validate"]),
        (2, vec!["train"]),
        (3, vec!["features stats"]),
    ] {
        let second = std::fs::read(file(kinds[at])).unwrap();
        std::fs::write(file(kinds[at]), &first[at]).unwrap();
        errors.extend(readers.into_iter().map(command));
        std::fs::write(file(kinds[at]), second).unwrap();
    }
    insta::assert_snapshot!(errors.join("\n"), @r"
    error: data/features.state.json and data/features.parquet are of two different builds: run `features build` again, which writes both
    error: data/features.state.json and data/features.parquet are of two different builds: run `features build` again, which writes both
    error: data/features.state.json and data/features.parquet are of two different builds: run `features build` again, which writes both
    error: data/features.golden.jsonl and data/features.parquet are of two different builds: run `features build` again, which writes both
    error: data/features.statistics.json and data/features.parquet are of two different builds: run `features build` again, which writes both
    ");
    let mut train = vec!["train"];
    train.extend(SMALL);
    printed(path, &train);
}

#[test]
fn a_file_that_another_process_writes_is_refused() {
    let folder = trained();
    let path = folder.path();
    let model = path.join("models/model.bin");
    let before = std::fs::read(&model).unwrap();
    let lock = mlops_cli::OutputLock::acquire([model.as_path()]).unwrap();
    let mut train = vec!["train"];
    train.extend(SMALL);
    let told = refused(path, &train).replace(&std::process::id().to_string(), "PID");
    insta::assert_snapshot!(told, @"error: models/model.bin: another process (PID) is writing this file: wait until it has finished, or write to another file");
    assert!(std::fs::read(&model).unwrap() == before);
    drop(lock);
    printed(path, &train);
}

#[test]
fn a_report_names_changed_features_code_and_directions() {
    let folder = project();
    let path = folder.path();
    let git = |arguments: &[&str]| {
        let identity = ["-c", "user.name=a", "-c", "user.email=a@b"];
        let mut command = std::process::Command::new("git");
        command.current_dir(path).args(identity).args(arguments);
        assert!(command.status().unwrap().success(), "git {arguments:?}");
    };
    let write = |name: &str, text: &str| std::fs::write(path.join(name), text).unwrap();
    git(&["init", "--quiet", "--initial-branch", "main"]);
    rain(path).args(["init", "--quiet"]).assert().success();
    write(
        "dvc.yaml",
        "stages:\n  score:\n    cmd: score\n    deps: [features.yaml]\n    metrics: [{m.json: {cache: false}}]\n",
    );
    write("m.json", r#"{"roc_auc": 0.9}"#);
    git(&["add", "."]);
    git(&["commit", "--quiet", "--message", "before"]);
    git(&["switch", "--quiet", "--create", "mine"]);
    let features = std::fs::read_to_string(path.join("features.yaml")).unwrap();
    let daily = "features: [today, calendar, history, telling, single]";
    assert!(features.contains(daily) && features.contains("highest temperature from 9 am on"));
    let features = features
        .replacen(daily, "features: [today, calendar, history, telling]", 1)
        .replacen("highest temperature from 9 am on", "warmest", 1);
    write("features.yaml", &features);
    write("code.rs", "fn main() {}\n");
    write("m.json", r#"{"roc_auc": 0.8}"#);
    git(&["add", "."]);
    git(&["commit", "--quiet", "--message", "after"]);
    let output = rain(path)
        .args(["report", "--base", "main"])
        .output()
        .unwrap();
    let told = String::from_utf8(output.stdout).unwrap();
    for line in [
        "| `roc_auc` | 0.9 | 0.8 | −0.1 | higher | ❌ worse |",
        "| feature of | `today: max_temp` | changed: description |",
        "| service | `daily` | changed: features, version |",
        "| `features.yaml` | +2 −2 | `score` |",
        "| `code.rs` | +1 −0 |  |",
    ] {
        assert!(told.lines().any(|told| told == line), "{line}\n{told}");
    }
    assert!(told.contains("to `mine` ("), "{told}");
}
