//! How a table comes into the project, and what it may replace.

use super::*;

/// A table of one day.
const MINE: &str = "Date,Location,MinTemp,MaxTemp,Rainfall,\
    Evaporation,Sunshine,WindGustDir,WindGustSpeed,\
    WindDir9am,WindDir3pm,WindSpeed9am,WindSpeed3pm,Humidity9am,Humidity3pm,Pressure9am,Pressure3pm,\
    Cloud9am,Cloud3pm,Temp9am,Temp3pm,RainToday,RainTomorrow\n2010-01-01,Sydney,,,,,,,,,,,,,,,,,,,,,\n";

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
