//! Files that change while they are read, and a cache that can't be read.

#![allow(clippy::unwrap_used)] // a test may

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use mlops_repository::HashKind;
use mlops_versioning::operations::add::{self, AddOptions, Added};
use mlops_versioning::operations::gc::{self, GcOptions};
use mlops_versioning::operations::init::{self, InitOptions};
use mlops_versioning::operations::verify::{self, VerifyOptions};
use mlops_versioning::{Progress, Repository, VersioningError, silent};

/// Longer than the step in which a file system counts its times.
const TICK: Duration = Duration::from_millis(30);

struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new(link: &str) -> Place {
        let folder = tempfile::tempdir().unwrap();
        let options = InitOptions {
            no_scm: true,
            ..InitOptions::default()
        };
        init::init(folder.path(), options).unwrap();
        let mut config = fs::File::options()
            .append(true)
            .open(folder.path().join(".dvc/config"))
            .unwrap();
        write!(config, "[cache]\n    type = {link}\n").unwrap();
        Place { folder }
    }

    fn repository(&self) -> Repository {
        Repository::open(&self.folder.path().canonicalize().unwrap()).unwrap()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().canonicalize().unwrap().join(name)
    }

    fn add(&self, report: &(dyn Fn(Progress) + Sync)) -> Result<Added, VersioningError> {
        let options = AddOptions {
            no_commit: false,
            no_relink: false,
        };
        add::add(&self.repository(), &[self.path("data")], options, report)
    }
}

fn append(path: &Path) {
    let mut file = fs::File::options().append(true).open(path).unwrap();
    file.write_all(b"more").unwrap();
}

fn overwrite(path: &Path) {
    use std::os::unix::fs::FileExt;
    let file = fs::File::options().write(true).open(path).unwrap();
    file.write_all_at(b"other", 0).unwrap();
}

fn shorten(path: &Path) {
    let file = fs::File::options().write(true).open(path).unwrap();
    file.set_len(1).unwrap();
}

fn replace(path: &Path) {
    let size = fs::metadata(path).unwrap().len();
    let other = path.with_file_name("other");
    fs::write(&other, vec![b'o'; usize::try_from(size).unwrap()]).unwrap();
    fs::rename(other, path).unwrap();
}

#[test]
fn a_file_that_changes_while_it_is_hashed_is_named_and_nothing_of_it_is_believed() {
    type Change = fn(&Path);
    let changes: [(&str, Change); 4] = [
        ("append", append),
        ("overwrite", overwrite),
        ("shorten", shorten),
        ("replace", replace),
    ];
    for link in ["copy", "hardlink"] {
        for size in [100, 5_000_000] {
            for (change, act) in changes {
                let what = format!("{change} of {size} bytes, {link}");
                let place = Place::new(link);
                fs::create_dir(place.path("data")).unwrap();
                let busy = place.path("data/busy");
                fs::write(place.path("data/calm"), "calm").unwrap();
                fs::write(&busy, vec![b'x'; size]).unwrap();
                if link == "copy" {
                    std::thread::sleep(TICK);
                }
                let is_done = AtomicBool::new(false);
                // A small one changes between the look at the folder and the reading, a large one while it is read.
                let found = place.add(&|progress| {
                    let is_time = match progress {
                        Progress::Begin { .. } => size == 100,
                        Progress::Done { bytes, .. } => bytes > 1000,
                    };
                    if is_time && !is_done.swap(true, Ordering::SeqCst) {
                        act(&busy);
                    }
                });
                let error = found.err().map(|error| error.to_string());
                let wanted = format!("{} changed while it was hashed", busy.display());
                let error = error.unwrap_or_default();
                assert!(error.starts_with(&wanted), "{what}: {error}");
                assert!(!place.path("data.dvc").exists(), "{what}");
                let repository = place.repository();
                for id in repository.cache().list(HashKind::Md5).unwrap() {
                    repository.cache().check(&id).unwrap();
                }

                place.add(&silent).unwrap();
                let sound =
                    verify::verify(&repository, &VerifyOptions::default(), &silent).unwrap();
                assert!(sound.corrupt.is_empty() && sound.checked == 3, "{what}");
            }
        }
    }
}

#[test]
fn a_cache_that_cannot_be_listed_is_neither_sound_nor_garbage() {
    let place = Place::new("copy");
    fs::create_dir_all(place.path(".dvc/cache/files/md5")).unwrap();
    // Not a folder, for everybody: root may list any folder.
    let odd = place.path(".dvc/cache/files/md5/ab");
    fs::write(&odd, "").unwrap();
    let repository = place.repository();
    let errors = [
        verify::verify(&repository, &VerifyOptions::default(), &silent).err(),
        gc::gc(&repository, &GcOptions::default(), &|_| Ok(true), &silent).err(),
    ];
    for error in errors {
        let error = error.unwrap();
        assert!(error.is_user_error());
        let error = error.to_string();
        assert!(error.contains(&odd.display().to_string()), "{error}");
    }
}
