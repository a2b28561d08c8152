//! What fails with a file or the settings, and what is said then.

use std::time::Duration;

use mlops_features::online::{OnlineError, OnlineSettings, RedbStore, open};

use crate::model::{VIEW, row};
use crate::places::Place;

#[test]
fn a_file_in_use_is_said_after_a_while() {
    let place = Place::file();
    let _first = place.open();
    let timeout = Duration::from_millis(50);
    let error = RedbStore::open(place.settings.store.as_ref(), 3, timeout).unwrap_err();
    assert!(matches!(error, OnlineError::InUse { .. }), "{error}");
}

#[test]
fn a_file_that_is_no_store_is_left_as_it_is() {
    let place = Place::file();
    let path = place.file_in_folder("notes.txt");
    let text = "not a store at all\n".repeat(1000);
    std::fs::write(&path, &text).unwrap();
    let settings = |store: &std::path::Path| OnlineSettings {
        store: store.to_str().unwrap().into(),
        ..place.settings.clone()
    };
    let error = open(&settings(&path)).unwrap_err();
    assert!(matches!(error, OnlineError::File { .. }), "{error}");
    assert!(error.to_string().contains("notes.txt"), "{error}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
    // Nor can a folder be one.
    let error = open(&settings(path.parent().unwrap())).unwrap_err();
    assert!(matches!(error, OnlineError::Disk(_)), "{error}");
    assert!(error.is_user_error());
}

#[test]
fn settings_that_make_no_sense_say_what_to_write() {
    for (store, keep, advice) in [
        ("online.redb", 0, "at least 1 day"),
        ("", 3, "path of a file"),
        ("memcached://host", 3, "redis://HOST"),
        ("rediss://me:secret@host", 3, "redis://"),
        ("redis://", 3, "redis://HOST"),
    ] {
        let settings = OnlineSettings {
            store: store.into(),
            keep,
            prefix: "p".into(),
        };
        let error = open(&settings).unwrap_err();
        assert!(matches!(error, OnlineError::Place { .. }), "{error}");
        assert!(error.to_string().contains(advice), "{error}");
        assert!(!error.to_string().contains("secret"), "{error}");
    }
}

#[test]
fn an_observation_too_large_to_be_one_is_refused() {
    let store = Place::file();
    let large = row("a", 1, 1, &"x".repeat((16 << 20) + 1));
    let error = store.open().push(VIEW, &[large]).unwrap_err();
    assert!(matches!(error, OnlineError::Source { .. }), "{error}");
}
