//! Faults do what they say, and a bucket with them fails as it should.

#![allow(clippy::unwrap_used)] // helpers of tests are tests too
#![cfg(debug_assertions)]

mod common;

use std::fs;

use mlops_store::faults::Faults;
use mlops_store::{Created, Retry, Runtime, StoreError};

fn always(set: impl FnOnce(&mut Faults)) -> Faults {
    let mut faults = Faults {
        in_a_row: u32::MAX,
        ..Faults::none(1)
    };
    set(&mut faults);
    faults
}

#[test]
fn a_permanent_refusal_is_not_tried_again() {
    let place = common::memory().unwrap();
    let (bucket, faulty) = place
        .bucket
        .with_faults(always(|faults| faults.refuse = true));
    let runtime = Runtime::new().unwrap();
    let errors = [
        runtime.block_on(bucket.put("a", "x")).err().unwrap(),
        runtime.block_on(bucket.get("a")).err().unwrap(),
        runtime.block_on(bucket.list("")).err().unwrap(),
        runtime.block_on(bucket.delete("a")).err().unwrap(),
    ];
    for error in errors {
        assert!(matches!(error, StoreError::Refused { .. }), "{error}");
    }
    assert_eq!(faulty.calls("list"), 1);
}

#[test]
fn a_store_that_never_answers_is_given_up_after_so_many_tries() {
    let place = common::memory().unwrap();
    let (bucket, faulty) = place
        .bucket
        .with_faults(always(|faults| faults.before = 1.0));
    let error = Runtime::new()
        .unwrap()
        .block_on(bucket.put("a", "x"))
        .unwrap_err();
    let tries = common::quick().tries;
    assert!(
        matches!(error, StoreError::Unreachable { tries: t, .. } if t == tries),
        "{error}"
    );
    assert_eq!(faulty.calls("put"), u64::from(tries));
}

#[test]
fn the_schedule_is_the_same_for_the_same_seed() {
    let injected = |seed| {
        let place = common::memory().unwrap();
        let (bucket, faulty) = place.bucket.with_faults(Faults::transient(seed));
        let runtime = Runtime::new().unwrap();
        for n in 0..50 {
            runtime.block_on(bucket.put(&format!("{n}"), "x")).unwrap();
        }
        // The bucket's name is no part of the keys, so two runs are alike.
        (faulty.injected(), faulty.calls("put"))
    };
    assert_eq!(injected(1), injected(1));
    assert_ne!(injected(1), injected(2));
}

#[test]
fn a_lost_answer_is_found_out_by_the_next_try() {
    let place = common::memory().unwrap();
    let runtime = Runtime::new().unwrap();
    let (bucket, faulty) = place.bucket.with_faults(Faults {
        after: 1.0,
        in_a_row: 1,
        only: vec!["put"],
        ..Faults::none(3)
    });
    assert_eq!(
        runtime.block_on(bucket.create("lease", "me")).unwrap(),
        Created::Yes
    );
    assert_eq!(faulty.calls("put"), 2);
}

#[test]
fn a_stale_listing_is_the_one_before() {
    let place = common::memory().unwrap();
    let runtime = Runtime::new().unwrap();
    let (bucket, _) = place
        .bucket
        .with_faults(always(|faults| faults.stale = 1.0));
    let names = || runtime.block_on(bucket.list("")).unwrap().len();
    runtime.block_on(bucket.put("a", "x")).unwrap();
    assert_eq!(names(), 0);
    runtime.block_on(bucket.put("b", "x")).unwrap();
    assert_eq!(names(), 1);
    assert_eq!(names(), 2);
}

#[test]
fn an_interrupted_download_is_taken_up_where_it_stopped_even_by_another_process() {
    let runtime = Runtime::new().unwrap();
    for place in [common::local(), common::memory(), common::s3()] {
        let place = place.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let to = folder.path().join("large");
        let content: Vec<u8> = (0..20u32 << 20).map(|n| (n % 251) as u8).collect();
        runtime
            .block_on(place.bucket.put("large", content.clone()))
            .unwrap();
        let (broken, faulty) = place.bucket.with_faults(always(|faults| {
            faults.before = 0.5;
            faults.torn = 0.5;
            faults.only = vec!["get"];
            faults.seed = 5;
        }));
        let error = runtime
            .block_on(broken.download("large", &to, |_| {}))
            .unwrap_err();
        assert!(matches!(error, StoreError::Unreachable { .. }), "{error}");
        assert!(faulty.calls("get") >= u64::from(common::quick().tries));
        let left = fs::read_dir(folder.path())
            .unwrap()
            .next()
            .unwrap()
            .unwrap();
        let kept = left.metadata().unwrap().len();
        assert!(kept > 10 << 20 && kept < 20 << 20, "{kept}");

        // What is there isn't read again: a byte that was changed shows it, and is shown.
        let mut half = fs::read(left.path()).unwrap();
        half[7] ^= 1;
        fs::write(left.path(), &half).unwrap();
        let mut seen = Vec::new();
        let staged = runtime
            .block_on(
                place
                    .bucket
                    .fetch("large", &to, |bytes| seen.extend_from_slice(bytes)),
            )
            .unwrap();
        seen[7] ^= 1;
        assert!(seen == content);
        // Whoever checks a hash finds it wrong, and the next try starts from the beginning.
        staged.discard();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        runtime
            .block_on(place.bucket.download("large", &to, |_| {}))
            .unwrap();
        assert!(fs::read(&to).unwrap() == content);
    }
}

#[test]
fn an_object_that_is_replaced_while_it_is_read_is_not_mixed() {
    let runtime = Runtime::new().unwrap();
    for place in [common::local(), common::memory(), common::s3()] {
        let place = place.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let to = folder.path().join("large");
        runtime
            .block_on(place.bucket.put("large", vec![1u8; 9 << 20]))
            .unwrap();
        let (broken, _) = place.bucket.with_faults(Faults {
            torn: 1.0,
            in_a_row: 1,
            only: vec!["get"],
            ..Faults::none(1)
        });
        // Replaced by a thread of its own while the first half is being shown.
        let mut replaced = false;
        let fetched = runtime.block_on(broken.fetch("large", &to, |_| {
            if !std::mem::replace(&mut replaced, true) {
                let bucket = place.bucket.clone();
                std::thread::spawn(move || {
                    Runtime::new()
                        .unwrap()
                        .block_on(bucket.put("large", vec![2u8; 9 << 20]))
                        .unwrap();
                })
                .join()
                .unwrap();
            }
        }));
        assert!(
            matches!(fetched, Err(StoreError::Changed { .. })),
            "{fetched:?}"
        );
        runtime
            .block_on(place.bucket.download("large", &to, |_| {}))
            .unwrap();
        assert!(fs::read(&to).unwrap() == vec![2u8; 9 << 20]);
    }
}

#[test]
fn waits_grow_and_vary_and_have_a_bound() {
    // 100 tries, the longest wait 20 ms: a bound that isn't kept would make this take minutes.
    let place = common::memory().unwrap();
    let (bucket, faulty) = place
        .bucket
        .with_faults(always(|faults| faults.before = 1.0));
    let start = std::time::Instant::now();
    let error = Runtime::new()
        .unwrap()
        .block_on(bucket.get("a"))
        .unwrap_err();
    let waited = start.elapsed().as_millis();
    assert!(matches!(error, StoreError::Unreachable { .. }));
    let Retry {
        tries,
        longest_wait,
        ..
    } = common::quick();
    assert!(
        waited < u128::from(tries) * longest_wait.as_millis() + 1000,
        "{waited} ms"
    );
    assert!(
        waited > 50,
        "{waited} ms for {} calls: it doesn't wait",
        faulty.calls("get")
    );
}
