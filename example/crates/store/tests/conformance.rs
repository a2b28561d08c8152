//! One suite, for every kind of bucket, each also with faults: what is promised holds on all of them.
//!
//! The places with faults need debug assertions; the server of somebody else needs MLOPS_S3_ENDPOINT.

#![allow(clippy::unwrap_used)] // helpers of tests are tests too

mod common;

use std::collections::BTreeSet;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use common::Place;
use futures_util::future::join_all;
use mlops_store::{Bucket, Created, Runtime, StoreError};

/// Names that have gone wrong somewhere: spaces, both forms of an accent, what URLs and XML use.
const ODD: [&str; 14] = [
    "a b",
    " leading and trailing ",
    "per%cent %20",
    "plus+and&amp;<xml>",
    "caf\u{e9}",
    "cafe\u{301}",
    "emoji \u{1f327}\u{fe0f}",
    "quote\"'`",
    "back\\slash",
    "question?hash#1",
    "star*[x]{y}|~^",
    "-dash",
    ".hidden",
    "dots...",
];

async fn a_write_is_read_back_and_replaced(bucket: Bucket) {
    let sent = bucket.put("folder/object", "one").await.unwrap();
    assert_eq!(sent.bytes, 3);
    assert_eq!(bucket.get("folder/object").await.unwrap(), "one");
    let before = bucket.head("folder/object").await.unwrap().unwrap();
    bucket.put("folder/object", "four").await.unwrap();
    assert_eq!(bucket.get("folder/object").await.unwrap(), "four");
    let after = bucket.head("folder/object").await.unwrap().unwrap();
    assert_eq!((before.size, after.size), (3, 4));
    assert_ne!(before.etag, after.etag);
    let age = after.modified.elapsed().unwrap_or_default();
    assert!(age.as_secs() < 600, "{age:?}");
}

async fn an_empty_object_is_an_object(bucket: Bucket) {
    bucket.put("empty", "").await.unwrap();
    assert_eq!(bucket.get("empty").await.unwrap(), "");
    assert_eq!(bucket.get_range("empty", 0..10).await.unwrap(), "");
    assert_eq!(bucket.head("empty").await.unwrap().unwrap().size, 0);
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().join("empty");
    assert_eq!(bucket.download("empty", &to, |_| {}).await.unwrap(), 0);
    assert_eq!(fs::read(&to).unwrap(), b"");
    bucket.upload("empty2", &to, |_| {}).await.unwrap();
    assert_eq!(bucket.create("empty3", "").await.unwrap(), Created::Yes);
    assert_eq!(bucket.list("").await.unwrap().len(), 3);
}

async fn of_sixteen_creators_exactly_one_wins(bucket: Bucket) {
    for round in 0..3 {
        let key = format!("leases/{round}");
        let creators = (0..16u8).map(|n| {
            let (bucket, key) = (bucket.clone(), key.clone());
            async move { (n, bucket.create(&key, vec![n; 2000]).await.unwrap()) }
        });
        let winners: Vec<u8> = join_all(creators)
            .await
            .into_iter()
            .filter(|(_, created)| *created == Created::Yes)
            .map(|(n, _)| n)
            .collect();
        assert_eq!(winners.len(), 1, "winners of round {round}: {winners:?}");
        assert_eq!(bucket.get(&key).await.unwrap(), vec![winners[0]; 2000]);
        assert_eq!(bucket.create(&key, "late").await.unwrap(), Created::Exists);
    }
}

async fn a_listing_shows_what_was_written_at_once_and_by_whole_parts(bucket: Bucket) {
    for name in ODD {
        bucket
            .put(&format!("odd/{name}/{name}"), name)
            .await
            .unwrap();
    }
    for key in ["a/b/1", "a/b/2/3", "a/bc", "a/b.txt"] {
        bucket.put(key, key).await.unwrap();
    }
    let keys = |entries: Vec<mlops_store::Entry>| -> Vec<String> {
        entries.into_iter().map(|entry| entry.key).collect()
    };
    assert_eq!(
        keys(bucket.list("a/b").await.unwrap()),
        ["a/b/1", "a/b/2/3"]
    );
    assert_eq!(
        keys(bucket.list("a/b/").await.unwrap()),
        ["a/b/1", "a/b/2/3"]
    );
    assert!(bucket.list("none").await.unwrap().is_empty());

    let odd: BTreeSet<String> = ODD
        .iter()
        .map(|name| format!("odd/{name}/{name}"))
        .collect();
    let listed: Vec<String> = keys(bucket.list("odd").await.unwrap());
    assert_eq!(listed.iter().cloned().collect::<BTreeSet<_>>(), odd);
    assert!(listed.is_sorted());
    for name in ODD {
        let key = format!("odd/{name}/{name}");
        assert_eq!(bucket.get(&key).await.unwrap(), name);
        assert_eq!(
            bucket.head(&key).await.unwrap().unwrap().size,
            name.len() as u64
        );
        bucket.delete(&key).await.unwrap();
        assert!(!bucket.exists(&key).await.unwrap(), "{key}");
    }
    let top = bucket.list_folder("a").await.unwrap();
    assert_eq!(top.folders, ["a/b"]);
    assert_eq!(keys(top.entries), ["a/b.txt", "a/bc"]);
    assert_eq!(keys(bucket.list("").await.unwrap()).len(), 4);
}

async fn a_long_listing_is_whole(bucket: Bucket) {
    // More than S3 gives in one answer (1,000).
    let keys: Vec<String> = (0..1100)
        .map(|n| format!("many/{:02x}/{n}", n % 64))
        .collect();
    mlops_store::for_each_bounded(16, &keys, |key| bucket.put(key, "x"))
        .await
        .unwrap();
    let listed = bucket.list("many").await.unwrap();
    assert_eq!(listed.len(), keys.len());
    assert_eq!(bucket.list_folder("many").await.unwrap().folders.len(), 64);
}

async fn a_range_gives_the_bytes_that_are_there(bucket: Bucket) {
    bucket.put("digits", "0123456789").await.unwrap();
    for (range, bytes) in [
        (0..1, "0"),
        (9..10, "9"),
        (0..10, "0123456789"),
        (8..100, "89"),
        (10..11, ""),
        (50..60, ""),
        (3..3, ""),
    ] {
        assert_eq!(
            bucket.get_range("digits", range.clone()).await.unwrap(),
            bytes,
            "{range:?}"
        );
    }
    let error = bucket.get_range("none", 5..9).await.unwrap_err();
    assert!(error.is_missing(), "{error}");
}

async fn what_is_not_there_is_said_to_be_missing(bucket: Bucket) {
    bucket.put("there", "x").await.unwrap();
    assert!(bucket.get("none").await.unwrap_err().is_missing());
    assert_eq!(bucket.head("none").await.unwrap(), None);
    assert!(!bucket.exists("there/below").await.unwrap());
    bucket.delete("none").await.unwrap();
    bucket.delete("there").await.unwrap();
    bucket.delete("there").await.unwrap();
    assert!(!bucket.exists("there").await.unwrap());
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().join("file");
    let error = bucket.download("none", &to, |_| {}).await.unwrap_err();
    assert!(
        error
            .to_string()
            .ends_with("/none: there is no such object"),
        "{error}"
    );
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

async fn a_name_that_leaves_the_bucket_or_is_none_is_refused(bucket: Bucket) {
    for key in [
        "",
        "/",
        "/a",
        "a/",
        "a//b",
        "../a",
        "a/../b",
        ".",
        "a\nb",
        ".0123456789abcdefABCD-_.tmp",
    ] {
        let error = bucket.put(key, "x").await.unwrap_err();
        assert!(matches!(error, StoreError::Key { .. }), "{key:?}: {error}");
    }
}

async fn a_large_file_goes_up_in_parts_and_comes_back(bucket: Bucket) {
    let folder = tempfile::tempdir().unwrap();
    let (from, to) = (folder.path().join("from"), folder.path().join("to"));
    let content = pattern(40_000_001);
    fs::write(&from, &content).unwrap();
    let told = AtomicU64::new(0);
    let sent = bucket
        .upload("large", &from, |bytes| {
            told.fetch_add(bytes, Ordering::Relaxed);
        })
        .await
        .unwrap();
    assert_eq!(sent.bytes, content.len() as u64);
    assert_eq!(told.into_inner(), sent.bytes);
    let meta = bucket.head("large").await.unwrap().unwrap();
    assert_eq!(meta.size, sent.bytes);
    let across = bucket
        .get_range("large", 8_388_600..8_388_620)
        .await
        .unwrap();
    assert_eq!(across, &content[8_388_600..8_388_620]);
    let mut seen = Vec::new();
    let staged = bucket
        .fetch("large", &to, |bytes| seen.extend_from_slice(bytes))
        .await
        .unwrap();
    assert!(!to.exists());
    staged.finish(&to).unwrap();
    assert!(seen == content, "what was shown differs");
    assert!(
        fs::read(&to).unwrap() == content,
        "what was written differs"
    );
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
}

async fn a_reader_never_sees_half_of_anything(bucket: Bucket) {
    const SIZE: usize = 300_000;
    bucket.put("changing", vec![0u8; SIZE]).await.unwrap();
    let seen = Arc::new(AtomicU32::new(0));
    let writer = {
        let (bucket, seen) = (bucket.clone(), Arc::clone(&seen));
        tokio::spawn(async move {
            let mut written = 0u32;
            while seen.load(Ordering::Relaxed) < 10 && written < 20_000 {
                written += 1;
                bucket
                    .put("changing", vec![written as u8; SIZE])
                    .await
                    .unwrap();
            }
            written
        })
    };
    let mut last = None;
    while !writer.is_finished() {
        let found = bucket.get("changing").await.unwrap();
        assert_eq!(found.len(), SIZE);
        assert!(
            found.iter().all(|byte| *byte == found[0]),
            "two versions in one read"
        );
        if last != Some(found[0]) {
            last = Some(found[0]);
            seen.fetch_add(1, Ordering::Relaxed);
        }
    }
    let written = writer.await.unwrap();
    assert!(
        seen.load(Ordering::Relaxed) >= 10,
        "the reader saw too few versions of {written}"
    );
    assert_eq!(
        bucket.get("changing").await.unwrap(),
        vec![written as u8; SIZE]
    );
}

fn pattern(size: usize) -> Vec<u8> {
    let mut state = 1u64;
    (0..size)
        .map(|_| {
            state = state
                .wrapping_mul(6364136223846793005)
                .wrapping_add(1442695040888963407);
            (state >> 56) as u8
        })
        .collect()
}

fn run<F: Future<Output = ()>>(place: Option<Place>, check: impl FnOnce(Bucket) -> F) {
    let Some(place) = place else { return };
    Runtime::new()
        .unwrap()
        .block_on(check(place.bucket.clone()));
}

/// The same with faults that a second try sets right; says how many there were.
#[cfg(debug_assertions)]
fn run_faulty<F: Future<Output = ()>>(
    place: Option<Place>,
    torn: bool,
    check: impl FnOnce(Bucket) -> F,
) {
    let Some(place) = place else { return };
    let mut faults = mlops_store::faults::Faults::transient(7);
    if !torn {
        faults.torn = 0.0;
    }
    let (bucket, faulty) = place.bucket.with_faults(faults);
    Runtime::new().unwrap().block_on(check(bucket));
    let calls = ["put", "get", "list", "delete", "part", "complete", "begin"];
    let calls: u64 = calls.iter().map(|call| faulty.calls(call)).sum();
    assert!(
        calls == 0 || faulty.injected() > 0,
        "no fault in {calls} calls"
    );
}

macro_rules! suite {
    ($place:ident: $($check:ident)*) => {
        mod $place {
            $(#[test]
            fn $check() {
                super::run(super::common::$place(), super::$check);
            })*

            #[cfg(debug_assertions)]
            mod with_faults {
                $(#[test]
                fn $check() {
                    // A store that shows halves is the one thing that no retry can hide.
                    let torn = stringify!($check) != "a_reader_never_sees_half_of_anything";
                    crate::run_faulty(crate::common::$place(), torn, crate::$check);
                })*
            }
        }
    };
    ($($place:ident)*) => { $(suite! { $place:
        a_write_is_read_back_and_replaced
        an_empty_object_is_an_object
        of_sixteen_creators_exactly_one_wins
        a_listing_shows_what_was_written_at_once_and_by_whole_parts
        a_long_listing_is_whole
        a_range_gives_the_bytes_that_are_there
        what_is_not_there_is_said_to_be_missing
        a_name_that_leaves_the_bucket_or_is_none_is_refused
        a_large_file_goes_up_in_parts_and_comes_back
        a_reader_never_sees_half_of_anything
    })* };
}

suite!(local memory s3 other_s3);

/// What is asked for is seen in `failures.rs`; here, that a server takes it and gives back what it was given.
#[test]
#[cfg(feature = "s3")]
fn other_s3_takes_and_gives_encrypted_objects() {
    use mlops_store::{Encryption, Settings};

    let Ok(endpoint) = std::env::var("MLOPS_S3_ENDPOINT") else {
        eprintln!("SKIPPED: MLOPS_S3_ENDPOINT names no S3 server (scripts/check_s3.sh starts one)");
        return;
    };
    let server = |method: &str, key: Option<&str>| Encryption::Server {
        method: method.into(),
        key: key.map(Into::into),
    };
    let runtime = Runtime::new().unwrap();
    for encryption in [
        server("AES256", None),
        server("aws:kms", Some("k1")),
        // 32 bytes `k` in Base64.
        Encryption::Customer("a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s=".into()),
    ] {
        let settings = Settings {
            endpoint: Some(endpoint.clone()),
            encryption: Some(encryption),
            ..Settings::default()
        };
        let bucket = Bucket::open("s3://bucket/encrypted", &settings).unwrap();
        runtime.block_on(bucket.put("key", "secret")).unwrap();
        assert_eq!(runtime.block_on(bucket.get("key")).unwrap(), "secret");
    }
}
