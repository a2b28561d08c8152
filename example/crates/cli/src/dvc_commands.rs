//! Commands of DVC that aren't here, each with what to do instead: a look-alike would mislead.

use std::ffi::OsString;

/// Command of DVC, and what to do instead.
const INSTEAD: &[(&str, &str)] = &[
    (
        "artifacts",
        "`pull` gets a model file that the project tracks",
    ),
    (
        "cache",
        "`config cache.dir FOLDER` says where the cache is; objects of DVC 2 are read where they lie",
    ),
    (
        "check-ignore",
        "`status` and `list` leave out what .dvcignore names",
    ),
    ("completion", "the command is `completions SHELL`"),
    ("daemon", "nothing runs in the background here"),
    (
        "destroy",
        "remove the folder .dvc and the .dvc files: `remove` takes away one pin",
    ),
    (
        "doctor",
        "`--version` says the version, `verify` checks the cache",
    ),
    ("du", "`list --size` says how large tracked data is"),
    (
        "exp",
        "commit each attempt to a branch and compare with `metrics diff`, `params diff` and `report`; `tune` searches",
    ),
    (
        "experiments",
        "commit each attempt to a branch and compare with `metrics diff`, `params diff` and `report`; `tune` searches",
    ),
    ("freeze", "write `frozen: true` at the stage in dvc.yaml"),
    (
        "get",
        "clone that repository and `pull` there, or use `dvc get`",
    ),
    (
        "get-url",
        "download the file with its own tool (curl, aws s3 cp), then `add` it",
    ),
    (
        "git-hook",
        "write the commands into Git's hooks: `checkout` after a checkout, `push` before a push",
    ),
    (
        "import",
        "use `dvc import`: what it writes is understood here. Or clone that repository, copy the data and `add` it",
    ),
    (
        "import-db",
        "write the query's result to a file in a stage of dvc.yaml",
    ),
    (
        "import-url",
        "use `dvc import-url`: what it writes is understood here. Or download the file and `add` it",
    ),
    (
        "install",
        "write the commands into Git's hooks: `checkout` after a checkout, `push` before a push",
    ),
    ("list-url", "list the bucket with its own tool (aws s3 ls)"),
    ("ls-url", "list the bucket with its own tool (aws s3 ls)"),
    ("machine", "DVC itself has removed it"),
    (
        "move",
        "rename the file and `path` in its .dvc file, then `commit`",
    ),
    (
        "mv",
        "rename the file and `path` in its .dvc file, then `commit`",
    ),
    (
        "queue",
        "commit each attempt to a branch and run `repro` there; `--jobs` runs stages at once",
    ),
    (
        "root",
        "the folder that has .dvc in it; `-C FOLDER` runs a command there",
    ),
    ("run", "write the stage into dvc.yaml, then `repro`"),
    (
        "stage",
        "write the stage into dvc.yaml; `dag` shows the stages, `repro` runs them",
    ),
    (
        "studio",
        "it is a service of DVC's; `report` writes what changed as Markdown",
    ),
    (
        "unfreeze",
        "take `frozen: true` away from the stage in dvc.yaml",
    ),
    (
        "unprotect",
        "copy the file and move the copy into its place; with `config cache.type copy` files are their own from then on",
    ),
    ("update", "use `dvc update` for an import that DVC made"),
];

/// What to say of a command that isn't here, if it is one of DVC's.
pub(crate) fn refusal(program: &str, arguments: &[OsString]) -> Option<String> {
    let mut words = arguments.iter().skip(1).map(|word| word.to_string_lossy());
    let name = loop {
        let word = words.next()?;
        match &*word {
            "-C" | "--project" | "--set" => drop(words.next()),
            option if option.starts_with('-') => {}
            name => break name.to_owned(),
        }
    };
    let (_, instead) = INSTEAD.iter().find(|(known, _)| *known == name)?;
    Some(format!(
        "{program} has no command `{name}`, which DVC has. Instead: {instead}"
    ))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn told(words: &[&str]) -> Option<String> {
        let words: Vec<OsString> = words.iter().map(OsString::from).collect();
        refusal("prog", &words)
    }

    #[test]
    fn a_command_of_dvc_is_answered_by_name_with_what_to_do() {
        let told = |words: &[&str]| told(words).unwrap();
        assert!(told(&["prog", "import", "url"]).starts_with("prog has no command `import`"));
        assert!(told(&["prog", "-C", "x", "--json", "stage", "add"]).contains("dvc.yaml"));
        assert!(told(&["prog", "unprotect", "f"]).contains("copy the file"));
    }

    #[test]
    fn other_words_are_left_to_the_parser() {
        assert_eq!(told(&["prog", "imports"]), None);
        assert_eq!(told(&["prog", "--help"]), None);
        assert_eq!(told(&["prog"]), None);
    }

    #[test]
    fn no_command_that_is_here_is_refused() {
        let own = crate::arguments::Arguments::command();
        for (name, _) in INSTEAD {
            assert!(own.find_subcommand(name).is_none(), "{name}");
        }
    }
}
