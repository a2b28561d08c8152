//! Data goes to a remote and comes back whole, or not at all.

use std::fs;

use mlops_repository::{HashKind, ObjectId};
use mlops_versioning::operations::status::OutState;
use mlops_versioning::operations::transfer;
use mlops_versioning::operations::verify::{self, VerifyOptions};
use mlops_versioning::{Remote, VersioningError, silent};

use crate::place::{Place, rot};

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
        let id = ObjectId::file(HashKind::Md5, mlops_repository::Checksum::of(b"2"));
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
        matches!(&error, VersioningError::Missing { objects, .. } if objects == &["data/a (remote r, memory://last)"]),
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
    let hashed = |text: &str| place.object(text).metadata().unwrap().len();
    assert!(
        found.bytes > hashed("1") + hashed("2"),
        "what is corrupt was hashed, too: {}",
        found.bytes
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
