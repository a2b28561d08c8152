//! What the commands promise, each in a repository of its own.

#![allow(clippy::unwrap_used)] // a test may

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use mlops_versioning::operations::add::{self, AddOptions, Added};
use mlops_versioning::operations::checkout::{self, Changes, CheckoutOptions};
use mlops_versioning::operations::gc::{self, GcOptions};
use mlops_versioning::operations::init::{self, InitOptions};
use mlops_versioning::operations::status::{self, OutState};
use mlops_versioning::operations::transfer::{self, TransferOptions};
use mlops_versioning::operations::verify::{self, VerifyOptions};
use mlops_versioning::operations::{commit, diff, remove};
use mlops_versioning::{
    Checksum, HashKind, Manifest, ManifestEntry, ObjectId, Progress, Remote, Repository, Revisions,
    Tracked, VersioningError, silent,
};

struct Place {
    _folder: tempfile::TempDir,
    root: PathBuf,
    repository: Repository,
}

fn git(root: &Path, arguments: &[&str]) {
    let output = std::process::Command::new("git")
        .args(["-c", "user.name=n", "-c", "user.email=n@example.invalid"])
        .args(arguments)
        .current_dir(root)
        .output()
        .unwrap();
    assert!(output.status.success(), "git {arguments:?}: {output:?}");
}

impl Place {
    fn new() -> Place {
        Place::of(true)
    }

    fn with_git() -> Place {
        Place::of(false)
    }

    fn of(no_scm: bool) -> Place {
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

    fn write(&self, path: &str, content: &str) {
        let path = self.root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    fn read(&self, path: &str) -> String {
        fs::read_to_string(self.root.join(path)).unwrap()
    }

    fn has(&self, path: &str) -> bool {
        self.root.join(path).symlink_metadata().is_ok()
    }

    fn add(&self, targets: &[&str]) -> Result<Added, VersioningError> {
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

    fn tracked(&self) -> Vec<Tracked> {
        self.repository.pins().unwrap().all()
    }

    fn checkout(&self, force: bool) -> Result<Changes, VersioningError> {
        let options = CheckoutOptions {
            force,
            ..CheckoutOptions::default()
        };
        checkout::checkout(&self.repository, &self.tracked(), true, options, &silent)
    }

    fn states(&self) -> Vec<Option<OutState>> {
        status::states(&self.repository, &self.tracked(), &silent).unwrap()
    }

    fn is_clean(&self) -> bool {
        self.states().iter().all(Option::is_none)
    }

    fn object(&self, content: &str) -> PathBuf {
        let checksum = mlops_versioning::Checksum::of(content.as_bytes());
        self.repository
            .cache()
            .path(&ObjectId::file(HashKind::Md5, checksum))
    }

    fn set(&mut self, section: &str, key: &str, value: &str) {
        let config = self.root.join(".dvc/config");
        let mut text = fs::read_to_string(&config).unwrap();
        text.push_str(&format!("[{section}]\n    {key} = {value}\n"));
        fs::write(config, text).unwrap();
        self.repository = Repository::open(&self.root).unwrap();
    }

    fn with_remote(mut self, name: &str) -> Place {
        self.set("'remote \"r\"'", "url", &format!("memory://{name}"));
        self
    }

    fn options(&self) -> TransferOptions {
        TransferOptions {
            remote: Some("r".into()),
            jobs: None,
        }
    }

    fn push(&self) -> Result<usize, VersioningError> {
        transfer::push(&self.repository, &self.tracked(), &self.options(), &silent)
    }

    fn fetch(&self) -> Result<usize, VersioningError> {
        transfer::fetch(&self.repository, &self.tracked(), &self.options(), &silent)
    }

    fn remote(&self) -> Remote {
        Remote::open(&self.repository.config().remote("r").unwrap(), None).unwrap()
    }

    fn gc(&self, revisions: Revisions, dry_run: bool) -> gc::Collected {
        let options = GcOptions {
            revisions,
            dry_run,
            ..GcOptions::default()
        };
        gc::gc(&self.repository, &options, &silent).unwrap()
    }
}

/// Overwrites an object in place, as a failing disk does: its mode says that it is whole.
fn rot(path: &Path) {
    fs::set_permissions(path, fs::Permissions::from_mode(0o644)).unwrap();
    fs::write(path, "rotten").unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o444)).unwrap();
}

#[test]
fn what_was_added_comes_back() {
    let place = Place::new();
    place.write("data/a", "1");
    place.write("data/sub/b", "2");
    place.write("data/zero", "");
    place.write("tool", "run");
    fs::set_permissions(place.root.join("tool"), fs::Permissions::from_mode(0o755)).unwrap();
    place.add(&["data", "tool"]).unwrap();
    assert!(place.is_clean());
    fs::remove_dir_all(place.root.join("data")).unwrap();
    fs::remove_file(place.root.join("tool")).unwrap();
    assert_eq!(place.states(), [Some(OutState::Deleted); 2]);
    let changes = place.checkout(false).unwrap();
    assert_eq!((changes.added.len(), changes.files), (2, [4, 0, 0]));
    assert_eq!(place.read("data/sub/b"), "2");
    assert!(place.is_clean());
    let mode = fs::metadata(place.root.join("tool"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o100, 0o100, "may be executed again");
    assert_eq!(place.checkout(false).unwrap().files, [0, 0, 0]);
}

#[test]
fn a_checkout_removes_what_is_not_pinned_and_keeps_what_is_ignored() {
    let place = Place::new();
    place.write(".dvcignore", "*.tmp\n");
    place.write("data/a", "1");
    place.add(&["data"]).unwrap();
    let pin = place.read("data.dvc");
    place.write("data/b", "2");
    place.write("data/sub/c", "3");
    place.write("data/x.tmp", "mine");
    place.add(&["data"]).unwrap();
    place.write("data.dvc", &pin);
    let changes = place.checkout(false).unwrap();
    assert_eq!(changes.files, [0, 0, 2]);
    assert!(place.has("data/a") && !place.has("data/b") && !place.has("data/sub"));
    assert_eq!(place.read("data/x.tmp"), "mine");
}

#[test]
fn a_changed_file_that_is_saved_nowhere_is_overwritten_only_by_force() {
    let place = Place::new();
    place.write("data/a", "1");
    place.write("single", "1");
    place.add(&["data", "single"]).unwrap();
    place.write("data/a", "precious");
    place.write("data/new", "precious too");
    place.write("single", "as well");
    let Err(VersioningError::Unsaved { paths }) = place.checkout(false) else {
        panic!("nothing was refused");
    };
    assert_eq!(paths.len(), 3);
    assert_eq!(place.read("data/a"), "precious");
    assert_eq!(place.read("data/new"), "precious too");
    place.checkout(true).unwrap();
    assert_eq!(place.read("data/a"), "1");
    assert!(!place.has("data/new"));
    assert_eq!(place.read("single"), "1");
}

#[test]
fn a_file_becomes_a_folder_and_a_folder_a_file() {
    let place = Place::new();
    place.write("thing", "file");
    place.add(&["thing"]).unwrap();
    let file = place.read("thing.dvc");
    fs::remove_file(place.root.join("thing")).unwrap();
    place.write("thing/a", "1");
    fs::create_dir(place.root.join("thing/empty")).unwrap();
    place.add(&["thing"]).unwrap();
    let folder = place.read("thing.dvc");
    place.write("thing.dvc", &file);
    place.checkout(false).unwrap();
    assert_eq!(place.read("thing"), "file");
    place.write("thing.dvc", &folder);
    place.checkout(false).unwrap();
    assert_eq!(place.read("thing/a"), "1");
    assert!(place.is_clean());
}

#[test]
fn only_the_changed_file_of_a_folder_is_hashed_again() {
    let place = Place::new();
    for n in 0..50 {
        place.write(&format!("data/{n}"), &n.to_string());
    }
    std::thread::sleep(std::time::Duration::from_millis(50));
    place.add(&["data"]).unwrap();
    place.write("data/7", "other");
    let hashed = Mutex::new(Vec::new());
    let report = |progress| {
        if let Progress::Begin {
            what: "hashing",
            files,
            ..
        } = progress
        {
            hashed.lock().unwrap().push(files);
        }
    };
    let states = status::states(&place.repository, &place.tracked(), &report).unwrap();
    assert_eq!(states, [Some(OutState::Modified)]);
    assert_eq!(*hashed.lock().unwrap(), [1]);
}

#[test]
fn an_object_that_leaves_the_cache_is_missed_though_all_were_seen_there() {
    let settle = || std::thread::sleep(std::time::Duration::from_millis(30));
    let place = Place::new();
    for n in 0..40 {
        place.write(&format!("data/{n}"), &n.to_string());
    }
    settle();
    place.add(&["data"]).unwrap();
    settle();
    // The first look notes what is there.
    assert!(place.is_clean() && place.is_clean());
    fs::remove_file(place.object("7")).unwrap();
    assert_eq!(place.states(), [Some(OutState::NotInCache)]);
    place.add(&["data"]).unwrap();
    assert!(place.object("7").is_file() && place.is_clean());
    settle();
    place.write("data/more", "more");
    place.add(&["data"]).unwrap();
    assert!(place.is_clean());
    fs::remove_file(place.object("8")).unwrap();
    assert_eq!(place.states(), [Some(OutState::NotInCache)]);
    fs::remove_dir_all(place.root.join("data")).unwrap();
    assert!(place.checkout(false).is_err(), "it is gone");
    place.write("data/8", "8");
    place.add(&["data/8"]).unwrap();
    place.checkout(false).unwrap();
    settle();
    assert!(place.is_clean() && place.is_clean());
    fs::remove_file(place.object("9")).unwrap();
    assert_eq!(place.states(), [Some(OutState::NotInCache)]);
}

#[test]
fn content_changed_with_the_old_time_put_back_is_found() {
    let place = Place::new();
    place.write("data/a", "old");
    std::thread::sleep(std::time::Duration::from_millis(50));
    place.add(&["data"]).unwrap();
    let path = place.root.join("data/a");
    let time = fs::metadata(&path).unwrap().modified().unwrap();
    fs::write(&path, "new").unwrap();
    fs::File::options()
        .write(true)
        .open(&path)
        .unwrap()
        .set_modified(time)
        .unwrap();
    assert_eq!(place.states(), [Some(OutState::Modified)]);
}

#[test]
fn a_manifest_that_leads_out_is_refused_and_writes_nothing() {
    let place = Place::new();
    place.write("data/a", "1");
    place.add(&["data"]).unwrap();
    fs::remove_dir_all(place.root.join("data")).unwrap();
    for path in [
        "../evil",
        "/tmp/evil",
        "a/../../evil",
        ".git/hooks/x",
        "..\\\\evil",
        "C:/evil",
    ] {
        let md5 = "c4ca4238a0b923820dcc509a6f75849b";
        let text = format!(r#"[{{"md5": "{md5}", "relpath": "{path}"}}]"#);
        let id = ObjectId {
            kind: HashKind::Md5,
            checksum: Checksum::of(text.as_bytes()),
            dir: true,
        };
        let object = place.repository.cache().path(&id);
        fs::create_dir_all(object.parent().unwrap()).unwrap();
        fs::write(&object, text).unwrap();
        place.write(
            "data.dvc",
            &format!("outs:\n- md5: {id}\n  hash: md5\n  path: data\n"),
        );
        let error = place.checkout(true).unwrap_err().to_string();
        assert!(error.contains("inside"), "{path}: {error}");
        assert!(!place.has("data") && !place.has("evil") && !place.has("../evil"));
    }
}

#[test]
fn nothing_is_written_through_a_link_out_of_the_repository() {
    let outside = tempfile::tempdir().unwrap();
    let place = Place::new();
    place.write("data/sub/a", "1");
    place.write("deep/er/single", "1");
    place.add(&["data", "deep/er/single"]).unwrap();
    fs::remove_dir_all(place.root.join("data/sub")).unwrap();
    symlink(outside.path(), place.root.join("data/sub")).unwrap();
    place.checkout(true).unwrap_err();
    fs::remove_dir_all(place.root.join("data")).unwrap();
    symlink(outside.path(), place.root.join("data")).unwrap();
    place.checkout(true).unwrap_err();
    fs::remove_file(place.root.join("data")).unwrap();
    fs::rename(place.root.join("deep/er"), place.root.join("kept")).unwrap();
    fs::remove_file(place.root.join("kept/single")).unwrap();
    symlink(outside.path(), place.root.join("deep/er")).unwrap();
    fs::copy(
        place.root.join("kept/single.dvc"),
        outside.path().join("single.dvc"),
    )
    .unwrap();
    place.checkout(true).unwrap();
    assert_eq!(
        fs::read_dir(outside.path()).unwrap().count(),
        1,
        "only what was there"
    );
}

#[test]
fn what_cannot_be_data_is_refused_and_nothing_is_added_then() {
    let place = Place::with_git();
    place.write("good", "1");
    place.write("tracked", "1");
    place.write("data/a", "1");
    place.write("data/b", "1");
    place.write("ignored.tmp", "1");
    place.write(".dvcignore", "*.tmp\n");
    git(&place.root, &["add", "tracked"]);
    place.add(&["data/a"]).unwrap();
    symlink("data", place.root.join("link")).unwrap();
    for (bad, word) in [
        ("tracked", "git rm"),
        ("data", "data/a"),
        ("nothing", "isn't there"),
        ("../outside", "outside"),
        (".", "itself"),
        (".dvc/config", ".dvc"),
        ("data/a.dvc", "pins"),
        ("ignored.tmp", ".dvcignore"),
        ("link/b", "link"),
    ] {
        let bad_path = mlops_versioning::path::normal(&place.root.join(bad));
        let error = place
            .add(&["good", bad_path.to_str().unwrap()])
            .unwrap_err()
            .to_string();
        assert!(error.contains(word), "{bad}: {error}");
        assert!(!place.has("good.dvc"), "{bad}");
    }
    place.write("all/x", "1");
    place.write("all/y", "1");
    let error = place.add(&["all", "all/x"]).unwrap_err().to_string();
    assert!(error.contains("to be added too"), "{error}");
}

#[test]
fn data_is_kept_out_of_git() {
    let place = Place::with_git();
    place.write("data/a", "1");
    place.write("sub/end ", "1");
    place.write("sub/new\nline", "1");
    let added = place.add(&["data", "sub/end ", "sub/new\nline"]).unwrap();
    assert_eq!(added.for_git.len(), 5);
    let output = std::process::Command::new("git")
        .args(["status", "--porcelain", "-z", "--untracked-files=all"])
        .current_dir(&place.root)
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    for line in text.split('\0').filter(|line| line.starts_with("??")) {
        assert!(
            line.ends_with(".dvc") || line.ends_with(".gitignore"),
            "{line:?}"
        );
    }
    remove::remove(
        &place.repository,
        &place.root.join("data.dvc"),
        true,
        false,
        &silent,
    )
    .unwrap();
    assert!(!place.has("data") && !place.has(".gitignore") && !place.has("data.dvc"));
}

#[test]
fn a_part_of_a_folder_is_added_without_the_rest() {
    let place = Place::new();
    place.write("data/a", "1");
    place.write("data/b", "2");
    place.add(&["data"]).unwrap();
    place.write("data/b", "changed");
    place.write("data/c", "3");
    place.add(&["data/c"]).unwrap();
    let id = place.tracked()[0].out.id.unwrap();
    let manifest = place.repository.cache().manifest(&id).unwrap();
    let one = |content: &str| mlops_versioning::Checksum::of(content.as_bytes());
    assert_eq!(manifest.get("b"), Some(one("2")), "stays as it was pinned");
    assert_eq!(manifest.get("c"), Some(one("3")));
    fs::remove_file(place.root.join("data/a")).unwrap();
    place.add(&["data/a"]).unwrap();
    let id = place.tracked()[0].out.id.unwrap();
    assert_eq!(
        place.repository.cache().manifest(&id).unwrap().get("a"),
        None
    );
}

#[test]
fn links_are_of_the_configured_kind_and_never_share_what_may_be_executed() {
    let mut place = Place::new();
    place.write("data/a", "1");
    place.write("data/zero", "");
    place.write("tool", "run");
    fs::set_permissions(place.root.join("tool"), fs::Permissions::from_mode(0o755)).unwrap();
    place.set("cache", "type", "hardlink");
    place.add(&["data", "tool"]).unwrap();
    let inode = |path: &Path| fs::metadata(path).unwrap().ino();
    assert_eq!(inode(&place.root.join("data/a")), inode(&place.object("1")));
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&place.object("run")), 0o444);
    assert_eq!(mode(&place.root.join("tool")) & 0o100, 0o100);
    fs::write(
        place.root.join(".dvc/config"),
        "[core]\n    no_scm = True\n[cache]\n    type = symlink\n",
    )
    .unwrap();
    place.repository = Repository::open(&place.root).unwrap();
    let options = CheckoutOptions {
        relink: true,
        ..CheckoutOptions::default()
    };
    checkout::checkout(&place.repository, &place.tracked(), true, options, &silent).unwrap();
    assert_eq!(
        fs::read_link(place.root.join("data/a")).unwrap(),
        place.object("1")
    );
    assert!(place.is_clean());
}

#[test]
fn a_commit_pins_what_changed_and_nothing_else() {
    let place = Place::new();
    place.write("a", "1");
    place.write("b", "2");
    place.add(&["a", "b"]).unwrap();
    place.write("a", "changed");
    let written = commit::commit(&place.repository, &[], false, true, &silent).unwrap();
    assert_eq!(written, [place.root.join("a.dvc")]);
    assert!(place.is_clean());
}

#[test]
fn an_unchanged_content_of_2x_stays_one_and_a_changed_one_becomes_3x() {
    let place = Place::new();
    place.write("text", "a\r\nb\r\n");
    let old = "dd8c6a395b5dd36c56d23275028f526c";
    place.write(
        "text.dvc",
        &format!("outs:\n- md5: {old}\n  size: 6\n  path: text\n"),
    );
    assert_eq!(place.states(), [Some(OutState::NotInCache)]);
    commit::commit(&place.repository, &[], false, true, &silent).unwrap();
    assert!(place.has(".dvc/cache/dd/8c6a395b5dd36c56d23275028f526c"));
    assert!(place.is_clean() && !place.read("text.dvc").contains("hash"));
    fs::remove_file(place.root.join("text")).unwrap();
    place.checkout(false).unwrap();
    assert_eq!(place.read("text"), "a\r\nb\r\n");
    place.write("text", "new");
    commit::commit(&place.repository, &[], false, true, &silent).unwrap();
    assert!(place.read("text.dvc").ends_with("  hash: md5\n"));
    assert!(place.is_clean());
}

#[test]
fn what_is_pushed_can_be_fetched_and_goes_only_once() {
    let place = Place::new().with_remote("once");
    place.write("data/a", "1");
    place.write("data/b", "2");
    place.write("single", &"large ".repeat(500_000));
    place.add(&["data", "single"]).unwrap();
    assert_eq!(
        transfer::cloud_status(&place.repository, &place.tracked(), &place.options())
            .unwrap()
            .len(),
        4
    );
    assert_eq!(place.push().unwrap(), 4);
    assert_eq!(place.push().unwrap(), 0);
    assert!(
        transfer::cloud_status(&place.repository, &place.tracked(), &place.options())
            .unwrap()
            .is_empty()
    );
    fs::remove_dir_all(place.root.join(".dvc/cache")).unwrap();
    assert_eq!(place.states(), [Some(OutState::NotInCache); 2]);
    assert_eq!(place.fetch().unwrap(), 4);
    assert!(place.is_clean());
    fs::remove_file(place.object("1")).unwrap();
    assert_eq!(place.fetch().unwrap(), 1, "what is there is skipped");
}

#[test]
fn what_a_remote_lacks_is_named_and_the_rest_is_fetched() {
    for count in [3, 40] {
        let place = Place::new().with_remote(&format!("lacking-{count}"));
        for n in 0..count {
            place.write(&format!("data/{n}"), &n.to_string());
        }
        place.add(&["data"]).unwrap();
        place.push().unwrap();
        let id = ObjectId::file(HashKind::Md5, mlops_versioning::Checksum::of(b"2"));
        let remote = place.remote();
        remote
            .runtime()
            .block_on(remote.bucket().delete(&Remote::key(&id)))
            .unwrap();
        fs::remove_dir_all(place.root.join(".dvc/cache")).unwrap();
        let error = place.fetch().unwrap_err().to_string();
        assert!(error.contains("data/2"), "{error}");
        assert!(!place.object("2").exists() && place.object("1").is_file());
        place.write("data/2", "2");
        place.add(&["data"]).unwrap();
        assert_eq!(place.push().unwrap(), 1);
        assert_eq!(place.fetch().unwrap(), 0);
    }
}

#[test]
fn a_manifest_is_pushed_only_after_all_its_files() {
    let place = Place::new().with_remote("last");
    place.write("data/a", "1");
    place.write("data/b", "2");
    place.add(&["data"]).unwrap();
    fs::remove_file(place.object("1")).unwrap();
    let error = place.push().unwrap_err();
    assert!(
        matches!(&error, VersioningError::Missing { objects, .. } if objects == &["data/a"]),
        "{error}"
    );
    let there = place.remote().list(HashKind::Md5).unwrap();
    assert!(there.iter().all(|(id, _)| !id.dir), "{there:?}");
    assert_eq!(there.len(), 1, "what could go went");
}

#[test]
fn a_rotten_object_is_neither_sent_nor_taken_in() {
    let place = Place::new().with_remote("rotten");
    place.write("a", "1");
    place.add(&["a"]).unwrap();
    place.push().unwrap();
    let id = place.tracked()[0].out.id.unwrap();
    let remote = place.remote();
    remote
        .runtime()
        .block_on(remote.bucket().put(&Remote::key(&id), "rotten"))
        .unwrap();
    fs::remove_file(place.object("1")).unwrap();
    let error = place.fetch().unwrap_err();
    assert!(matches!(error, VersioningError::Corrupt { .. }), "{error}");
    assert!(!place.repository.cache().has(&id));

    let place = Place::new().with_remote("unsent");
    place.write("a", "1");
    place.add(&["a"]).unwrap();
    rot(&place.object("1"));
    let error = place.push().unwrap_err();
    assert!(matches!(error, VersioningError::Corrupt { .. }), "{error}");
    assert!(place.remote().list(HashKind::Md5).unwrap().is_empty());
}

#[test]
fn bit_rot_is_found_in_protected_objects_and_repaired_both_ways() {
    let place = Place::new().with_remote("rot");
    place.write("data/a", "1");
    place.write("data/b", "2");
    place.add(&["data"]).unwrap();
    place.push().unwrap();
    rot(&place.object("1"));
    assert!(place.is_clean(), "a status trusts the mode, as DVC's does");
    let mut options = VerifyOptions {
        transfer: place.options(),
        ..VerifyOptions::default()
    };
    let found = verify::verify(&place.repository, &options, &silent).unwrap();
    assert_eq!(
        (found.checked, found.corrupt.len(), found.repaired.len()),
        (3, 1, 0)
    );
    options.repair = true;
    let found = verify::verify(&place.repository, &options, &silent).unwrap();
    assert_eq!((found.corrupt.len(), found.repaired.len()), (1, 1));
    assert_eq!(fs::read_to_string(place.object("1")).unwrap(), "1");
    let remote = place.remote();
    let id = ObjectId::parse(HashKind::Md5, "c81e728d9d4c2f636f067f89cc14862c").unwrap();
    remote
        .runtime()
        .block_on(remote.bucket().put(&Remote::key(&id), "x"))
        .unwrap();
    options.remote = true;
    let found = verify::verify(&place.repository, &options, &silent).unwrap();
    assert_eq!((found.corrupt.len(), found.repaired.len()), (1, 1));
    assert!(
        verify::verify(&place.repository, &options, &silent)
            .unwrap()
            .corrupt
            .is_empty()
    );
}

#[test]
fn garbage_is_what_neither_workspace_nor_a_kept_commit_needs() {
    let place = Place::with_git();
    let keep = |revision: &str| match revision {
        "all" => Revisions {
            all_commits: true,
            ..Revisions::default()
        },
        "branches" => Revisions {
            all_branches: true,
            ..Revisions::default()
        },
        "tags" => Revisions {
            all_tags: true,
            ..Revisions::default()
        },
        _ => Revisions::default(),
    };
    for (n, tag) in [("1", "first"), ("2", ""), ("3", "")] {
        place.write("data/a", n);
        place.add(&["data"]).unwrap();
        git(&place.root, &["add", "."]);
        git(&place.root, &["commit", "-qm", n]);
        if !tag.is_empty() {
            git(&place.root, &["tag", tag]);
        }
    }
    place.write("data/a", "4");
    place.add(&["data"]).unwrap();
    assert!(place.gc(keep("all"), false).cache.is_empty());
    assert_eq!(place.gc(keep("none"), true).cache.len(), 6);
    assert!(place.object("1").exists(), "a dry run removes nothing");
    place.gc(
        Revisions {
            all_tags: true,
            ..keep("branches")
        },
        false,
    );
    let there = |n: &str| place.object(n).exists();
    assert_eq!(
        [there("1"), there("2"), there("3"), there("4")],
        [true, false, true, true]
    );
    place.gc(keep("tags"), false);
    assert_eq!([there("1"), there("3"), there("4")], [true, false, true]);
    place.gc(keep("none"), false);
    assert_eq!([there("1"), there("4")], [false, true]);
    assert!(place.is_clean());
}

#[test]
fn outputs_of_a_lock_are_no_garbage() {
    let place = Place::new();
    place.write("model", "weights");
    let content = place
        .repository
        .store(&place.root.join("model"), HashKind::Md5, &silent);
    let id = content.unwrap().unwrap().saved.id;
    let lock = format!(
        "schema: '2.0'\nstages:\n  t:\n    cmd: x\n    outs:\n    - path: model\n      hash: md5\n      md5: {id}\n"
    );
    place.write("dvc.lock", &lock);
    assert!(place.gc(Revisions::default(), false).cache.is_empty());
    fs::remove_file(place.root.join("dvc.lock")).unwrap();
    assert_eq!(place.gc(Revisions::default(), false).cache, [id]);
}

#[test]
fn garbage_stays_if_something_that_refers_to_data_cannot_be_read() {
    let place = Place::new();
    place.write("data/a", "1");
    place.write("b", "2");
    place.add(&["data", "b"]).unwrap();
    let options = GcOptions::default();
    place.write("broken.dvc", "outs: [\n");
    gc::gc(&place.repository, &options, &silent).unwrap_err();
    fs::remove_file(place.root.join("broken.dvc")).unwrap();
    let id = place.tracked()[1].out.id.unwrap();
    fs::remove_file(place.repository.cache().path(&id)).unwrap();
    let error = gc::gc(&place.repository, &options, &silent).unwrap_err();
    assert!(matches!(error, VersioningError::Missing { .. }), "{error}");
    assert!(place.object("1").exists());
    let forced = GcOptions {
        force: true,
        ..options
    };
    gc::gc(&place.repository, &forced, &silent).unwrap();
    assert!(!place.object("1").exists() && place.object("2").exists());
}

#[test]
fn temporary_files_of_killed_commands_are_swept() {
    let place = Place::new();
    place.write("data/a", "1");
    place.add(&["data"]).unwrap();
    let stray = ".AAAAAAAAAAAAAAAAAAAAAA.tmp";
    for folder in [
        "",
        ".dvc/",
        ".dvc/tmp/",
        ".dvc/cache/files/md5/ab/",
        "data/",
    ] {
        place.write(&format!("{folder}{stray}"), "half");
    }
    place.write("data/.mine.tmp", "not a stray");
    let swept = place.gc(Revisions::default(), false).temporary;
    assert_eq!(swept.len(), 5, "{swept:?}");
    assert!(place.has("data/.mine.tmp"));
}

#[test]
fn a_diff_against_a_commit_tells_what_changed() {
    let place = Place::with_git();
    place.write("data/a", "1");
    place.write("data/b", "2");
    place.add(&["data"]).unwrap();
    assert!(
        diff::diff(&place.repository, "HEAD", None, &silent)
            .unwrap()
            .is_empty(),
        "no commit yet"
    );
    git(&place.root, &["add", "."]);
    git(&place.root, &["commit", "-qm", "1"]);
    fs::rename(place.root.join("data/a"), place.root.join("data/c")).unwrap();
    place.write("data/d", "4");
    let found = diff::diff(&place.repository, "HEAD", None, &silent)
        .unwrap()
        .without_hashes();
    assert_eq!(
        serde_json::to_string(&found).unwrap(),
        r#"{"added":[{"path":"data/d"}],"deleted":[],"modified":[{"path":"data/"}],"renamed":[{"path":{"old":"data/a","new":"data/c"}}],"not in cache":[]}"#
    );
    diff::diff(&place.repository, "no-such", None, &silent).unwrap_err();
    diff::diff(&place.repository, "--output=/tmp/x", None, &silent).unwrap_err();
}

#[test]
fn what_a_later_commit_forgot_is_taken_away_by_a_checkout_unless_it_changed() {
    let place = Place::with_git();
    place.write("a", "1");
    place.write("b", "2");
    place.add(&["a", "b"]).unwrap();
    fs::remove_file(place.root.join("a.dvc")).unwrap();
    fs::remove_file(place.root.join("b.dvc")).unwrap();
    place.write("b", "changed, saved nowhere");
    place.checkout(false).unwrap();
    assert!(!place.has("a") && place.has("b"));
}

#[test]
fn a_file_that_is_written_while_it_is_added_is_refused_or_saved_whole() {
    let place = Place::new();
    let path = place.root.join("busy");
    fs::write(&path, vec![b'a'; 40_000_000]).unwrap();
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            use std::io::Write;
            let mut file = fs::File::options().append(true).open(&path).unwrap();
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                file.write_all(b"more").unwrap();
            }
        });
        let added = place.add(&["busy"]);
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        let error = added.unwrap_err();
        assert!(
            matches!(error, VersioningError::ChangedMeanwhile { .. }),
            "{error}"
        );
    });
    assert!(!place.has("busy.dvc"));
    assert_eq!(place.repository.cache().list(HashKind::Md5).unwrap(), []);
}

#[test]
fn many_equal_files_are_one_object() {
    let place = Place::new();
    for n in 0..400 {
        place.write(&format!("data/{n}"), "same");
    }
    place.add(&["data"]).unwrap();
    assert_eq!(
        place.repository.cache().list(HashKind::Md5).unwrap().len(),
        2
    );
    let entries = vec![ManifestEntry {
        path: "x".into(),
        checksum: mlops_versioning::Checksum::of(b"same"),
    }];
    let manifest = Manifest::new(entries, Path::new("x")).unwrap();
    place
        .repository
        .store_manifest(&manifest, HashKind::Md5)
        .unwrap();
    assert_eq!(
        place.repository.cache().list(HashKind::Md5).unwrap().len(),
        3
    );
}
