//! Recordings are read, typed and compared as they should be.

use super::*;
use crate::guide::testing::write;

fn play(root: &Path, headers: &[&str]) -> Vec<Outcome> {
    for (index, header) in headers.iter().enumerate() {
        write(
            root,
            &format!("book/recordings/s/{}-x.txt", index + 8),
            header,
        );
    }
    write(root, "example/params.yaml", "seed: 1\n");
    let stage = Stage {
        root: root.to_path_buf(),
        files: vec![PathBuf::from("example/params.yaml")],
        programs: None,
        real: None,
    };
    let sessions = sessions(root).unwrap();
    assert_eq!(sessions.len(), 1);
    let outcomes = stage.play(&sessions[0]).unwrap();
    outcomes.into_iter().map(|(_, outcome)| outcome).collect()
}

fn ran(outcome: &Outcome) -> &str {
    match outcome {
        Outcome::Ran(output) => output,
        other => panic!("{other:?}"),
    }
}

#[test]
fn commands_run_in_order_in_one_copy_of_the_example() {
    let folder = tempfile::tempdir().unwrap();
    let outcomes = play(
        folder.path(),
        &[
            "command = 'cat params.yaml'",
            "command = 'echo two >> params.yaml; echo err >&2; pwd'",
            "command = 'cat params.yaml'\nsetup = ['cp params.yaml copy']",
        ],
    );
    assert_eq!(ran(&outcomes[0]), "seed: 1\n");
    assert_eq!(ran(&outcomes[1]), "err\n~/example\n");
    assert_eq!(ran(&outcomes[2]), "seed: 1\ntwo\n");
    let original = folder.path().join("example/params.yaml");
    assert_eq!(fs::read_to_string(original).unwrap(), "seed: 1\n");
}

#[test]
fn a_wrong_exit_code_is_a_failure_with_the_output() {
    let folder = tempfile::tempdir().unwrap();
    let outcomes = play(
        folder.path(),
        &[
            "command = 'echo no; exit 3'\nexit = 3\nexpect = ['no']",
            "command = 'echo no; exit 3'",
            "command = 'true'\nsetup = ['echo oops; exit 1']",
        ],
    );
    assert_eq!(ran(&outcomes[0]), "no\n");
    for (outcome, expected) in [
        (&outcomes[1], "ended with exit code 3 instead of 0:\nno\n"),
        (
            &outcomes[2],
            "before it, `echo oops; exit 1` ended with exit code 1:\noops\n",
        ),
    ] {
        match outcome {
            Outcome::Failed(message) => assert_eq!(message, expected),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_folder_that_a_command_went_to_is_that_of_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let outcomes = play(
        folder.path(),
        &[
            "command = 'pwd'\nsetup = ['mkdir -p out/x && cd out/x']",
            "command = 'cd .. && pwd'",
            "command = 'pwd'",
        ],
    );
    assert_eq!(ran(&outcomes[0]), "~/example/out/x\n");
    assert_eq!(ran(&outcomes[1]), "~/example/out\n");
    assert_eq!(ran(&outcomes[2]), "~/example/out\n");
}

#[test]
fn a_command_of_several_lines_stops_at_the_first_that_fails() {
    let folder = tempfile::tempdir().unwrap();
    let outcomes = play(
        folder.path(),
        &[
            "command = \"\"\"echo one\nfalse\necho two\"\"\"",
            "command = \"\"\"echo one\nfalse\necho two\"\"\"\nexit = 1\nexpect = ['one']",
        ],
    );
    assert!(
        matches!(&outcomes[0], Outcome::Failed(m) if m == "ended with exit code 1 instead of 0:\none\n"),
        "{outcomes:?}"
    );
    assert_eq!(ran(&outcomes[1]), "one\n");
}

#[test]
fn the_right_exit_code_without_the_expected_words_is_a_failure() {
    let folder = tempfile::tempdir().unwrap();
    let outcomes = play(
        folder.path(),
        &["command = 'echo usage; exit 2'\nexit = 2\nexpect = ['MaxTemp']"],
    );
    assert!(
        matches!(&outcomes[0], Outcome::Failed(m) if m == "printed nothing with `MaxTemp`:\nusage\n"),
        "{outcomes:?}"
    );
}

#[test]
fn what_needs_something_absent_is_skipped() {
    let folder = tempfile::tempdir().unwrap();
    let outcomes = play(
        folder.path(),
        &[
            "command = 'echo real'\nneeds = ['real']",
            "command = 'echo'\nneeds = ['no-such-program']",
            "command = 'echo here'\nneeds = ['sh']",
        ],
    );
    assert!(matches!(&outcomes[0], Outcome::Skipped(need) if need == "real"));
    assert!(matches!(&outcomes[1], Outcome::Skipped(need) if need == "no-such-program"));
    assert_eq!(ran(&outcomes[2]), "here\n");
}

#[test]
fn a_service_runs_until_the_session_ends() {
    let folder = tempfile::tempdir().unwrap();
    let outcomes = play(
        folder.path(),
        &[
            "command = '''\necho $$ > pid\necho starting\necho ready\nexec sleep 60'''\nuntil = 'ready'",
            "command = 'kill -0 $(cat pid) && echo alive; cat pid'",
        ],
    );
    assert_eq!(ran(&outcomes[0]), "starting\nready\n");
    let (alive, pid) = ran(&outcomes[1]).split_once('\n').unwrap();
    assert_eq!(alive, "alive");
    let stopped = Command::new("sh")
        .args(["-c", &format!("kill -0 {pid}")])
        .stderr(Stdio::null())
        .status()
        .unwrap();
    assert!(!stopped.success(), "{pid} still runs");
}

#[test]
fn a_service_that_never_gets_ready_is_a_failure() {
    let folder = tempfile::tempdir().unwrap();
    let outcomes = play(folder.path(), &["command = 'echo sorry'\nuntil = 'ready'"]);
    assert!(
        matches!(&outcomes[0], Outcome::Failed(m) if m == "never printed `ready`:\nsorry\n"),
        "{outcomes:?}"
    );
}
