//! The places that the suites run on.

#![allow(dead_code)] // each suite uses some of it

pub mod server;

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use mlops_store::{Bucket, Retry, Settings};
use server::Server;

/// A bucket, and what has to live as long as it.
pub struct Place {
    pub bucket: Bucket,
    _folder: Option<tempfile::TempDir>,
}

/// Quick, and so often that with every second call failing nothing fails in the end.
pub fn quick() -> Retry {
    Retry {
        tries: 30,
        first_wait: Duration::from_millis(2),
        longest_wait: Duration::from_millis(20),
        timeout: Duration::from_secs(20),
    }
}

fn unique() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_nanos();
    let n = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("run-{}-{now:x}-{n}", std::process::id())
}

pub fn local() -> Option<Place> {
    let folder = tempfile::tempdir().unwrap();
    let settings = Settings {
        retry: quick(),
        ..Default::default()
    };
    let path = folder.path().join("not there yet/ünï%20");
    Some(Place {
        bucket: Bucket::open_path(&path, &settings).unwrap(),
        _folder: Some(folder),
    })
}

pub fn memory() -> Option<Place> {
    let settings = Settings {
        retry: quick(),
        ..Default::default()
    };
    Some(Place {
        bucket: Bucket::open(&format!("memory://{}", unique()), &settings).unwrap(),
        _folder: None,
    })
}

/// A server in this process, shared by the tests of one suite.
pub fn s3() -> Option<Place> {
    static SERVER: OnceLock<Server> = OnceLock::new();
    let server = SERVER.get_or_init(Server::start);
    Some(Place {
        bucket: Bucket::open(&format!("s3://bucket/{}", unique()), &server.settings()).unwrap(),
        _folder: None,
    })
}

/// A server that somebody else has started: MLOPS_S3_ENDPOINT, with the usual variables for the key and
/// MLOPS_S3_BUCKET.
pub fn other_s3() -> Option<Place> {
    let Ok(endpoint) = std::env::var("MLOPS_S3_ENDPOINT") else {
        eprintln!("SKIPPED: MLOPS_S3_ENDPOINT names no S3 server (scripts/check_s3.sh starts one)");
        return None;
    };
    let bucket = std::env::var("MLOPS_S3_BUCKET").unwrap_or_else(|_| "bucket".into());
    let settings = Settings {
        endpoint: Some(endpoint),
        retry: quick(),
        ..Default::default()
    };
    Some(Place {
        bucket: Bucket::open(&format!("s3://{bucket}/{}", unique()), &settings).unwrap(),
        _folder: None,
    })
}
