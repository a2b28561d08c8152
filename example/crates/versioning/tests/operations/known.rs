//! What is known of files, so that they needn't be read again.

use std::fs;
use std::sync::Mutex;

use mlops_versioning::Progress;
use mlops_versioning::operations::status::{self, OutState};

use crate::place::Place;

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
