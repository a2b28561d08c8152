//! What a command says that can't do what it is asked.

use super::*;

#[test]
fn a_parameter_that_is_none_is_refused_by_its_name() {
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
fn no_command_writes_over_what_it_reads() {
    let folder = project();
    let path = folder.path();
    printed(
        path,
        &words("data generate --days 9 --stations 2 --out t.csv"),
    );
    let before = std::fs::read(path.join("t.csv")).unwrap();
    std::os::unix::fs::symlink("t.csv", path.join("link.csv")).unwrap();
    for command in [
        "data check t.csv --out ./t.csv",
        "data check t.csv --report link.csv",
        "data fault t.csv --out link.csv missing Rainfall",
        "data fit-climate link.csv --out t.csv",
        "features build t.csv --out t.csv",
        "predict t.csv --out link.csv",
        "drift --reference t.csv --current t.csv --svg t.csv",
        "explain t.csv --csv ./t.csv",
    ] {
        let error = refused(path, &words(command));
        assert!(
            error.contains("itself, which is read"),
            "{command}: {error}"
        );
    }
    assert_eq!(std::fs::read(path.join("t.csv")).unwrap(), before);
    assert!(path.join("link.csv").is_symlink());
}

#[test]
fn a_full_disk_under_standard_output_is_named() {
    let full = std::fs::File::options()
        .write(true)
        .open("/dev/full")
        .unwrap();
    let ended = std::process::Command::new(assert_cmd::cargo::cargo_bin!("rain"))
        .args(["completions", "bash"])
        .stdout(full)
        .output()
        .unwrap();
    assert_eq!(ended.status.code(), Some(1));
    insta::assert_snapshot!(
        String::from_utf8(ended.stderr).unwrap(),
        @"error: standard output: could not write: the disk is full. Free some space (`gc` removes objects that nothing refers to) and run the same command again"
    );
}
