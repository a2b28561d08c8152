//! Git, asked through its own program.

use std::ffi::OsStr;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::SystemTime;

use crate::RepositoryError;

/// A working copy of Git.
#[derive(Debug, Clone)]
pub struct Git {
    root: PathBuf,
}

/// A file of a revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blob {
    /// Seen from Git's root.
    pub path: String,
    /// Its name in Git.
    pub id: String,
}

impl Git {
    /// The working copy that a folder lies in.
    pub fn find(folder: &Path) -> Option<Git> {
        folder
            .ancestors()
            .find(|folder| folder.join(".git").exists())
            .map(|root| Git {
                root: root.to_path_buf(),
            })
    }

    /// The working copy's folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    fn run<S: AsRef<OsStr>>(
        &self,
        arguments: &[S],
        input: Option<&[u8]>,
        accepted: &[i32],
    ) -> Result<Vec<u8>, RepositoryError> {
        run(&self.root, arguments, input, accepted)
    }

    pub(crate) fn inside<'a>(&self, path: &'a Path) -> &'a Path {
        path.strip_prefix(&self.root).unwrap_or(path)
    }

    /// When Git's index was written and how large it is; `None` if there is none.
    pub fn index(&self) -> Option<(SystemTime, u64)> {
        let mut folder = self.root.join(".git");
        if folder.is_file() {
            // A further working copy says where its folder is.
            let text = std::fs::read_to_string(&folder).ok()?;
            folder = self.root.join(text.strip_prefix("gitdir: ")?.trim_end());
        }
        let metadata = std::fs::metadata(folder.join("index")).ok()?;
        Some((metadata.modified().ok()?, metadata.len()))
    }

    /// Those files in Git's index that are, or lie in, one of the paths.
    ///
    /// # Errors
    /// If Git fails.
    pub fn tracked(&self, paths: &[PathBuf]) -> Result<Vec<PathBuf>, RepositoryError> {
        let mut tracked = Vec::new();
        // The system takes 2 MB of arguments or more, and a path is of 4 kB at the most.
        for paths in paths.chunks(400) {
            let mut arguments: Vec<&OsStr> = ["--literal-pathspecs", "ls-files", "-z", "--"]
                .into_iter()
                .map(OsStr::new)
                .collect();
            arguments.extend(paths.iter().map(|path| match self.inside(path) {
                all if all.as_os_str().is_empty() => OsStr::new("."),
                inside => inside.as_os_str(),
            }));
            let output = self.run(&arguments, None, &[])?;
            tracked.extend(split(&output).map(|path| self.root.join(path)));
        }
        Ok(tracked)
    }

    /// Whether each of the paths is ignored by Git.
    ///
    /// # Errors
    /// If Git fails.
    pub fn ignored(&self, paths: &[PathBuf]) -> Result<Vec<bool>, RepositoryError> {
        let mut input = Vec::new();
        for path in paths {
            // `./` keeps a leading colon from being read as a pathspec's magic.
            input.extend_from_slice(b"./");
            input.extend_from_slice(self.inside(path).as_os_str().as_encoded_bytes());
            input.push(0);
        }
        let arguments = ["check-ignore", "-z", "--stdin", "--no-index"];
        let output = self.run(&arguments, Some(&input), &[1])?;
        let ignored: std::collections::HashSet<&str> = split(&output)
            .map(|path| path.strip_prefix("./").unwrap_or(path))
            .collect();
        Ok(paths
            .iter()
            .map(|path| {
                self.inside(path)
                    .to_str()
                    .is_some_and(|path| ignored.contains(path))
            })
            .collect())
    }

    /// Puts files into the index.
    ///
    /// # Errors
    /// If Git fails.
    pub fn add(&self, paths: &[PathBuf]) -> Result<(), RepositoryError> {
        if paths.is_empty() {
            return Ok(());
        }
        let mut arguments: Vec<&OsStr> = ["--literal-pathspecs", "add", "--"]
            .into_iter()
            .map(OsStr::new)
            .collect();
        arguments.extend(paths.iter().map(|path| self.inside(path).as_os_str()));
        self.run(&arguments, None, &[]).map(|_| ())
    }

    /// The commit that a revision names; `None` for `HEAD` of a repository without commits.
    ///
    /// # Errors
    /// If there is no such revision.
    pub fn resolve(&self, revision: &str) -> Result<Option<String>, RepositoryError> {
        let name = format!("{revision}^{{commit}}");
        let arguments = [
            "rev-parse",
            "--verify",
            "--quiet",
            "--end-of-options",
            &name,
        ];
        let output = self.run(&arguments, None, &[1])?;
        let commit = String::from_utf8_lossy(&output).trim().to_string();
        if !commit.is_empty() {
            return Ok(Some(commit));
        }
        if revision == "HEAD" {
            return Ok(None);
        }
        Err(RepositoryError::NoRevision(revision.to_owned()))
    }

    /// The commits of all branches (local and remote), all tags, or everything, or of single revisions.
    ///
    /// # Errors
    /// If Git fails.
    pub fn commits(&self, which: &Revisions) -> Result<Vec<String>, RepositoryError> {
        let mut commits = Vec::new();
        let mut patterns = Vec::new();
        if which.all_branches {
            patterns.extend(["refs/heads", "refs/remotes"]);
        }
        if which.all_tags {
            patterns.push("refs/tags");
        }
        if which.all_experiments {
            patterns.push("refs/exps");
        }
        let mut roots: Vec<String> = Vec::new();
        if !patterns.is_empty() {
            let mut arguments = vec!["for-each-ref", "--format=%(objectname)"];
            arguments.extend(&patterns);
            let output = self.run(&arguments, None, &[])?;
            roots.extend(String::from_utf8_lossy(&output).lines().map(str::to_string));
        }
        for revision in &which.revisions {
            roots.extend(self.resolve(revision)?);
        }
        let number = which.number.unwrap_or(1).to_string();
        for root in roots {
            // A tag may name a blob: nothing of ours then.
            let Ok(Some(_)) = self.resolve(&root) else {
                continue;
            };
            let output = self.run(
                &["rev-list", "--first-parent", "-n", &number, &root],
                None,
                &[],
            )?;
            commits.extend(String::from_utf8_lossy(&output).lines().map(str::to_string));
        }
        if which.all_commits {
            // Also what only the reflog and the stash still know.
            let output = self.run(&["rev-list", "--all", "--reflog"], None, &[])?;
            commits.extend(String::from_utf8_lossy(&output).lines().map(str::to_string));
        }
        commits.sort_unstable();
        commits.dedup();
        Ok(commits)
    }

    /// Names of revisions: of branches, of tags, or all commits that these or HEAD lead to.
    ///
    /// # Errors
    /// If Git fails.
    pub fn names(&self, which: &Revisions) -> Result<Vec<String>, RepositoryError> {
        let mut commands: Vec<&[&str]> = Vec::new();
        if which.all_branches {
            commands.push(&["for-each-ref", "--format=%(refname:short)", "refs/heads"]);
        }
        if which.all_tags {
            commands.push(&["for-each-ref", "--format=%(refname:short)", "refs/tags"]);
        }
        if which.all_commits {
            commands.push(&["rev-list", "--branches", "--tags", "HEAD"]);
        }
        let mut names: Vec<String> = Vec::new();
        for command in commands {
            let printed = self.run(command, None, &[])?;
            for name in String::from_utf8_lossy(&printed).lines() {
                if !names.iter().any(|known| known == name) {
                    names.push(name.to_owned());
                }
            }
        }
        Ok(names)
    }

    /// The files of a commit.
    ///
    /// # Errors
    /// If Git fails.
    pub fn files(&self, commit: &str) -> Result<Vec<Blob>, RepositoryError> {
        let output = self.run(&["ls-tree", "-r", "-z", "--full-tree", commit], None, &[])?;
        Ok(split(&output)
            .filter_map(|line| {
                let (about, path) = line.split_once('\t')?;
                let mut words = about.split(' ');
                let (mode, kind, id) = (words.next()?, words.next()?, words.next()?);
                // A link's content is a path, not a file of ours.
                (kind == "blob" && mode != "120000").then(|| Blob {
                    path: path.to_string(),
                    id: id.to_string(),
                })
            })
            .collect())
    }
}

/// Which commits of a repository count.
#[derive(Debug, Clone, Default)]
pub struct Revisions {
    /// The tips of all branches, local and remote.
    pub all_branches: bool,
    /// All tags.
    pub all_tags: bool,
    /// Every commit that can be reached.
    pub all_commits: bool,
    /// The tips of what DVC keeps experiments as.
    pub all_experiments: bool,
    /// Single ones.
    pub revisions: Vec<String>,
    /// How many commits back from each tip; one if not given.
    pub number: Option<usize>,
}

impl Revisions {
    /// Whether any commit is asked for.
    pub fn is_empty(&self) -> bool {
        let sets = [
            self.all_branches,
            self.all_tags,
            self.all_commits,
            self.all_experiments,
        ];
        !sets.contains(&true) && self.revisions.is_empty()
    }
}

/// Names that end with NUL; those that are no UTF-8 can't be ours.
fn split(output: &[u8]) -> impl Iterator<Item = &str> {
    output
        .split(|byte| *byte == 0)
        .filter(|name| !name.is_empty())
        .filter_map(|name| std::str::from_utf8(name).ok())
}

/// What a Git command prints, run in a folder.
///
/// # Errors
/// If it fails.
pub fn git(folder: &Path, arguments: &[&str]) -> Result<Vec<u8>, RepositoryError> {
    run(folder, arguments, None, &[])
}

fn run<S: AsRef<OsStr>>(
    folder: &Path,
    arguments: &[S],
    input: Option<&[u8]>,
    accepted: &[i32],
) -> Result<Vec<u8>, RepositoryError> {
    let failed = |message: String| RepositoryError::Git {
        command: arguments
            .iter()
            .map(|argument| argument.as_ref().to_string_lossy().into_owned())
            .collect::<Vec<_>>()
            .join(" "),
        message,
    };
    let mut child = Command::new("git")
        .arg("-C")
        .arg(folder)
        .args(["-c", "core.quotepath=false"])
        .args(arguments)
        .stdin(if input.is_some() {
            Stdio::piped()
        } else {
            Stdio::null()
        })
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| failed(format!("{error}; is Git installed?")))?;
    let stdin = child.stdin.take();
    let output = std::thread::scope(|scope| {
        if let (Some(mut stdin), Some(input)) = (stdin, input) {
            // A thread, as Git answers while it reads; if it ends early its answer says why.
            scope.spawn(move || stdin.write_all(input));
        }
        child.wait_with_output()
    })
    .map_err(|error| failed(error.to_string()))?;
    let code = output.status.code();
    if code.is_some_and(|code| code == 0 || accepted.contains(&code)) {
        Ok(output.stdout)
    } else {
        let message = String::from_utf8_lossy(&output.stderr).trim().to_string();
        Err(failed(message))
    }
}
