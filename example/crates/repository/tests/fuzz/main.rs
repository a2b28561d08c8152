//! Fuzzing of what others may write: `.dvc` files, folders' manifests, `dvc.yaml`, `dvc.lock`.
//!
//! Each target takes sound files apart and puts them together wrongly, and holds what it gets against laws: a
//! refused file gives an error that names it and fits a screen, an accepted one reads the same after it was
//! written, no path in it leaves the repository, and nothing takes long. What leads to an outcome that wasn't
//! seen before is kept and changed further, so that the search gets past the first check. That needs neither
//! a nightly compiler nor instrumented code; an error's text tells the outcomes apart.
//!
//! `FUZZ_SECONDS` is the time for each target, one second if it isn't set; `FUZZ_SEED` begins elsewhere.

#![allow(clippy::expect_used)] // a test's helpers are tests too

mod definition;
mod dvc_file;
mod laws;
mod lock;
mod manifest;
mod mutate;
mod run;

use run::{Target, fuzz};

#[test]
fn dvc_files_hold_their_laws() {
    fuzz(&dvc_file::target());
}

#[test]
fn manifests_hold_their_laws() {
    fuzz(&manifest::target());
}

#[test]
fn definitions_hold_their_laws() {
    fuzz(&definition::target());
}

#[test]
fn locks_hold_their_laws() {
    fuzz(&lock::target());
}

/// A fault that takes three changes in the right places is found, and told by an input no longer than it must be.
#[test]
fn a_planted_fault_is_found_and_made_small() {
    let planted = Target {
        check: Box::new(|input| {
            let text = String::from_utf8_lossy(input);
            match mlops_repository::yaml::read(&text) {
                Err(error) => Ok(error.message),
                Ok(node) => {
                    let outs = node.value.as_map().and_then(|map| map.get("outs"));
                    let outs = outs.and_then(|node| node.value.as_list()).unwrap_or(&[]);
                    let keys = |at: usize| outs.get(at)?.value.as_map().map(|map| map.len());
                    match (keys(0), keys(1)) {
                        (Some(6..), Some(1)) => Err("planted".into()),
                        found => Ok(format!("{} {found:?}", outs.len())),
                    }
                }
            }
        }),
        ..dvc_file::target()
    };
    let found = run::search(&planted, 1, &mut |inputs| inputs < 200_000).fault;
    let fault = found.expect("the planted fault is found");
    assert_eq!(fault.law, "planted");
    assert!(
        fault.input.len() < 100,
        "{:?}",
        String::from_utf8_lossy(&fault.input)
    );
}
