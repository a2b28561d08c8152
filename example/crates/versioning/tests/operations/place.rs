//! A repository of its own for each test.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use mlops_repository::{HashKind, ObjectId, Revisions, Tracked};
use mlops_versioning::operations::add::{self, AddOptions, Added};
use mlops_versioning::operations::checkout::{self, Changes, CheckoutOptions};
use mlops_versioning::operations::gc::{self, GcOptions};
use mlops_versioning::operations::init::{self, InitOptions};
use mlops_versioning::operations::status::{self, OutState};
use mlops_versioning::operations::transfer::{self, TransferOptions};
use mlops_versioning::{Remote, Repository, VersioningError, silent};

pub struct Place {
    _folder: tempfile::TempDir,
    pub root: PathBuf,
    pub repository: Repository,
}

pub fn git(root: &Path, arguments: &[&str]) {
    let output = std::process::Command::new("git")
        .args(["-c", "user.name=n", "-c", "user.email=n@example.invalid"])
        .args(arguments)
        .current_dir(root)
        .output()
        .unwrap();
    assert!(output.status.success(), "git {arguments:?}: {output:?}");
}

impl Place {
    pub fn new() -> Place {
        Place::of(true)
    }

    pub fn with_git() -> Place {
        Place::of(false)
    }

    pub fn of(no_scm: bool) -> Place {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        if !no_scm {
            git(&root, &["init", "-q", "-b", "main"]);
        }
        let options = InitOptions {
            no_scm,
            ..InitOptions::default()
        };
        init::init(&root, options).unwrap();
        Place {
            repository: Repository::open(&root).unwrap(),
            _folder: folder,
            root,
        }
    }

    pub fn write(&self, path: &str, content: &str) {
        let path = self.root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    pub fn read(&self, path: &str) -> String {
        fs::read_to_string(self.root.join(path)).unwrap()
    }

    pub fn has(&self, path: &str) -> bool {
        self.root.join(path).symlink_metadata().is_ok()
    }

    pub fn add(&self, targets: &[&str]) -> Result<Added, VersioningError> {
        let targets: Vec<PathBuf> = targets
            .iter()
            .map(|target| self.root.join(target))
            .collect();
        let options = AddOptions {
            no_commit: false,
            no_relink: false,
        };
        add::add(&self.repository, &targets, options, &silent)
    }

    pub fn tracked(&self) -> Vec<Tracked> {
        self.repository.declarations().unwrap().outputs
    }

    pub fn checkout(&self, force: bool) -> Result<Changes, VersioningError> {
        let options = CheckoutOptions {
            force,
            ..CheckoutOptions::default()
        };
        checkout::checkout(&self.repository, &self.tracked(), true, options, &silent)
    }

    pub fn states(&self) -> Vec<Option<OutState>> {
        status::states(&self.repository, &self.tracked(), &silent).unwrap()
    }

    pub fn is_clean(&self) -> bool {
        self.states().iter().all(Option::is_none)
    }

    pub fn object(&self, content: &str) -> PathBuf {
        let checksum = mlops_repository::Checksum::of(content.as_bytes());
        self.repository
            .cache()
            .path(&ObjectId::file(HashKind::Md5, checksum))
    }

    pub fn set(&mut self, section: &str, key: &str, value: &str) {
        let config = self.root.join(".dvc/config");
        let mut text = fs::read_to_string(&config).unwrap();
        text.push_str(&format!("[{section}]\n    {key} = {value}\n"));
        fs::write(config, text).unwrap();
        self.repository = Repository::open(&self.root).unwrap();
    }

    pub fn with_remote(mut self, name: &str) -> Place {
        self.set("'remote \"r\"'", "url", &format!("memory://{name}"));
        self
    }

    pub fn options(&self) -> TransferOptions {
        TransferOptions {
            remote: Some("r".into()),
            jobs: None,
        }
    }

    pub fn push(&self) -> Result<usize, VersioningError> {
        transfer::push(&self.repository, &self.tracked(), &self.options(), &silent)
    }

    pub fn fetch(&self) -> Result<usize, VersioningError> {
        transfer::fetch(&self.repository, &self.tracked(), &self.options(), &silent)?.whole()
    }

    pub fn remote(&self) -> Remote {
        Remote::open(&self.repository.config().remote("r").unwrap(), None).unwrap()
    }

    pub fn gc(&self, revisions: Revisions, dry_run: bool) -> gc::Collected {
        let options = GcOptions {
            revisions,
            dry_run,
            ..GcOptions::default()
        };
        gc::gc(&self.repository, &options, &|_| Ok(true), &silent)
            .unwrap()
            .unwrap()
    }
}

/// Overwrites an object in place, as a failing disk does: its mode says that it is whole.
pub fn rot(path: &Path) {
    fs::set_permissions(path, fs::Permissions::from_mode(0o644)).unwrap();
    fs::write(path, "rotten").unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o444)).unwrap();
}
