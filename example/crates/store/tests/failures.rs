//! What is tried again, what isn't, and what the user is told in the end. Over HTTP, as it happens.

#![allow(clippy::unwrap_used)] // helpers of tests are tests too
#![cfg(feature = "s3")]

mod common;

use std::fs;
use std::time::Duration;

use common::server::Server;
use mlops_store::{
    Bucket, Certificates, Created, Encryption, Retry, Runtime, Settings, StoreError,
};

struct Setup {
    server: Server,
    bucket: Bucket,
    runtime: Runtime,
}

/// A server of its own, and a bucket that tries four times.
fn setup() -> Setup {
    let server = Server::start();
    let bucket = open("s3://bucket/p", &server.settings());
    Setup {
        server,
        bucket,
        runtime: Runtime::new().unwrap(),
    }
}

fn open(url: &str, settings: &Settings) -> Bucket {
    let retry = Retry {
        tries: 4,
        ..common::quick()
    };
    let settings = Settings {
        retry,
        ..settings.clone()
    };
    Bucket::open(url, &settings).unwrap()
}

/// The message, with the server's changing address put out.
fn said(error: StoreError, server: &Server) -> String {
    error.to_string().replace(&server.endpoint, "ENDPOINT")
}

#[test]
fn what_may_succeed_later_is_tried_again() {
    let Setup {
        server,
        bucket,
        runtime,
    } = setup();
    for status in [500, 502, 503, 504, 429, 408, 0] {
        server.answer_with(&[status; 3]);
        server.requests();
        runtime.block_on(bucket.put("key", "x")).unwrap();
        assert_eq!(server.requests(), 4, "{status}");
        server.answer_with(&[status; 2]);
        assert_eq!(
            runtime.block_on(bucket.get("key")).unwrap(),
            "x",
            "{status}"
        );
        server.answer_with(&[status; 2]);
        assert_eq!(
            runtime.block_on(bucket.list("")).unwrap().len(),
            1,
            "{status}"
        );
    }
}

#[test]
fn what_will_not_succeed_later_is_not_tried_again() {
    let Setup {
        server,
        bucket,
        runtime,
    } = setup();
    for status in [400, 401, 403, 404, 405, 412, 501] {
        server.answer_with(&[status]);
        server.requests();
        runtime.block_on(bucket.put("key", "x")).unwrap_err();
        assert_eq!(server.requests(), 1, "{status}");
    }
}

#[test]
fn a_server_that_goes_on_failing_is_named_with_its_own_words() {
    let Setup {
        server,
        bucket,
        runtime,
    } = setup();
    server.answer_with(&[503; 4]);
    let error = runtime.block_on(bucket.put("key", "x")).unwrap_err();
    assert_eq!(
        said(error, &server),
        "s3://bucket/p/key: could not write: the server failed (Told: as told; tried 4 times). \
         Run the same command again later"
    );
}

#[test]
fn a_creation_whose_answer_was_lost_is_known_as_ours_and_anothers_is_not() {
    let Setup {
        server,
        bucket,
        runtime,
    } = setup();
    // The first try is dropped before it does anything; the second creates.
    server.answer_with(&[0]);
    assert_eq!(
        runtime.block_on(bucket.create("ours", "me")).unwrap(),
        Created::Yes
    );
    // The first try "fails" and someone (here: we) has written meanwhile.
    runtime.block_on(bucket.put("written", "me")).unwrap();
    server.answer_with(&[500]);
    assert_eq!(
        runtime.block_on(bucket.create("written", "me")).unwrap(),
        Created::Yes
    );
    server.answer_with(&[500]);
    assert_eq!(
        runtime.block_on(bucket.create("written", "he")).unwrap(),
        Created::Exists
    );
    // Without a failure nothing is taken for ours.
    assert_eq!(
        runtime.block_on(bucket.create("written", "me")).unwrap(),
        Created::Exists
    );
}

#[test]
fn wrong_credentials_are_said_to_be_wrong() {
    let Setup {
        server, runtime, ..
    } = setup();
    let with = |key: &str, secret: &str, put: bool| {
        let settings = Settings {
            access_key_id: Some(key.into()),
            secret_access_key: Some(secret.into()),
            ..server.settings()
        };
        let bucket = open("s3://bucket", &settings);
        let error = if put {
            runtime.block_on(bucket.put("key", "x")).err()
        } else {
            runtime.block_on(bucket.list("key")).err()
        };
        said(error.unwrap(), &server)
    };
    let advice = "Check the access key, its secret and what it may do in this bucket";
    for (key, secret) in [("unknown", "s"), (common::server::KEY, "wrong")] {
        for (put, doing) in [(true, "write"), (false, "list")] {
            let message = with(key, secret, put);
            let start = format!("s3://bucket/key: could not {doing}: the server refused (");
            assert!(message.starts_with(&start), "{message}");
            assert!(message.ends_with(advice), "{message}");
        }
    }
}

#[test]
fn a_bucket_that_does_not_exist_is_named() {
    let Setup {
        server, runtime, ..
    } = setup();
    let bucket = open("s3://nowhere/p", &server.settings());
    let expected = "s3://nowhere/p: the bucket doesn't exist. Create it, or correct the URL (`rain remote modify`)";
    let errors = [
        // s3s-fs makes a bucket for what is put into it and misses the key of what is read from it;
        // `other_s3_has_no_such_bucket` asks a better server.
        runtime.block_on(bucket.list("")).err(),
        runtime.block_on(bucket.list_folder("x")).err(),
    ];
    for (call, error) in errors.into_iter().enumerate() {
        let error = error.unwrap_or_else(|| panic!("call {call} succeeded"));
        assert_eq!(said(error, &server), expected);
    }
}

#[test]
fn other_s3_has_no_such_bucket() {
    let Some(place) = common::other_s3() else {
        return;
    };
    drop(place);
    let settings = Settings {
        endpoint: std::env::var("MLOPS_S3_ENDPOINT").ok(),
        ..Default::default()
    };
    let bucket = open("s3://nowhere", &settings);
    let runtime = Runtime::new().unwrap();
    for error in [
        runtime.block_on(bucket.put("key", "x")).unwrap_err(),
        runtime.block_on(bucket.create("key", "x")).unwrap_err(),
        runtime.block_on(bucket.get("key")).unwrap_err(),
        runtime.block_on(bucket.list("")).unwrap_err(),
    ] {
        assert!(matches!(error, StoreError::NoBucket { .. }), "{error}");
    }
}

#[test]
fn a_server_that_is_not_there_is_named() {
    let Setup {
        server, runtime, ..
    } = setup();
    let nobody = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    };
    let settings = Settings {
        endpoint: Some(nobody.clone()),
        ..server.settings()
    };
    let error = runtime
        .block_on(open("s3://bucket", &settings).head("key"))
        .unwrap_err();
    let message = error.to_string();
    assert!(
        message.starts_with(&format!(
            "s3://bucket/key: could not look at: {nobody} can't be reached ("
        )),
        "{message}"
    );
    assert!(
        message.contains("onnection refused") && message.contains("tried 4 times"),
        "{message}"
    );
    assert!(
        message.ends_with("Check the endpoint, the network and the proxy"),
        "{message}"
    );
}

/// What a server is asked for first by a bucket with these settings.
fn first_request(settings: Settings) -> String {
    use std::io::{Read, Write};

    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let asked = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut text = Vec::new();
        let mut part = [0; 4096];
        while !text.windows(4).any(|end| end == b"\r\n\r\n") {
            let read = stream.read(&mut part).unwrap();
            text.extend_from_slice(&part[..read]);
        }
        let answer =
            "HTTP/1.1 200 OK\r\nETag: \"e\"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
        stream.write_all(answer.as_bytes()).unwrap();
        String::from_utf8_lossy(&text).to_lowercase()
    });
    let settings = Settings {
        endpoint: Some(endpoint),
        access_key_id: Some("id".into()),
        secret_access_key: Some("secret".into()),
        ..settings
    };
    let bucket = open("s3://bucket", &settings);
    let put = Runtime::new().unwrap().block_on(bucket.put("key", "x"));
    put.unwrap();
    asked.join().unwrap()
}

#[test]
fn encryption_is_asked_for_with_each_object_and_signed() {
    let asked = |encryption| {
        first_request(Settings {
            encryption: Some(encryption),
            ..Settings::default()
        })
    };
    let server = |method: &str, key: Option<&str>| Encryption::Server {
        method: method.into(),
        key: key.map(Into::into),
    };
    let plain = first_request(Settings::default());
    assert!(!plain.contains("x-amz-server-side-encryption"), "{plain}");
    let s3 = asked(server("AES256", None));
    assert!(s3.contains("x-amz-server-side-encryption: aes256"), "{s3}");
    let kms = asked(server("aws:kms", Some("k1")));
    assert!(
        kms.contains("x-amz-server-side-encryption: aws:kms\r"),
        "{kms}"
    );
    assert!(
        kms.contains("x-amz-server-side-encryption-aws-kms-key-id: k1"),
        "{kms}"
    );
    // 32 bytes `k` in Base64.
    let own = asked(Encryption::Customer(
        "a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s=".into(),
    ));
    assert!(
        own.contains("x-amz-server-side-encryption-customer-algorithm: aes256"),
        "{own}"
    );
    assert!(
        own.contains("x-amz-server-side-encryption-customer-key: a2tra2tr"),
        "{own}"
    );
    for request in [s3, kms, own] {
        let signed = request
            .lines()
            .find(|line| line.starts_with("authorization:"));
        assert!(
            signed.unwrap().contains("x-amz-server-side-encryption"),
            "{request}"
        );
    }
}

#[test]
fn a_file_of_certificates_that_is_none_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ca.pem");
    let opened = || {
        let settings = Settings {
            endpoint: Some("https://127.0.0.1:9".into()),
            access_key_id: Some("id".into()),
            secret_access_key: Some("secret".into()),
            certificates: Certificates::File(path.clone()),
            ..Settings::default()
        };
        Bucket::open("s3://bucket", &settings).unwrap_err()
    };
    for content in [None, Some("no certificate")] {
        if let Some(content) = content {
            fs::write(&path, content).unwrap();
        }
        let error = opened();
        assert!(error.is_user_error());
        let error = error.to_string();
        assert!(
            error.contains("ca.pem") && error.contains("in PEM format"),
            "{error}"
        );
    }
}

#[test]
fn a_server_that_does_not_answer_is_waited_for_so_long_and_no_longer() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let server = Server::start();
    let settings = Settings {
        endpoint: Some(format!("http://{}", silent.local_addr().unwrap())),
        retry: Retry {
            tries: 2,
            timeout: Duration::from_millis(200),
            ..common::quick()
        },
        ..server.settings()
    };
    let bucket = Bucket::open("s3://bucket", &settings).unwrap();
    let start = std::time::Instant::now();
    let error = Runtime::new()
        .unwrap()
        .block_on(bucket.get("key"))
        .unwrap_err();
    assert!(
        matches!(error, StoreError::Unreachable { tries: 2, .. }),
        "{error}"
    );
    assert!(
        start.elapsed() < Duration::from_secs(5),
        "{:?}",
        start.elapsed()
    );
}

#[test]
fn a_failed_upload_in_parts_leaves_nothing_on_the_server() {
    let Setup {
        server,
        bucket,
        runtime,
    } = setup();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, vec![1; 17 << 20]).unwrap();
    server.requests();
    server.answer_with(&[200, 403]); // "begin" is answered wrongly: no id in it
    runtime
        .block_on(bucket.upload("large", &file, |_| {}))
        .unwrap_err();
    server.trouble.answers.lock().unwrap().clear();
    server.requests();
    let shrinking = bucket.upload("large", &file, |_| {
        fs::File::options()
            .write(true)
            .open(&file)
            .unwrap()
            .set_len(5)
            .unwrap();
    });
    // Parts may all have been read before the first arrives; then the upload is right as it is.
    match runtime.block_on(shrinking) {
        Err(error) => {
            assert!(matches!(error, StoreError::Changed { .. }), "{error}");
            assert!(!runtime.block_on(bucket.exists("large")).unwrap());
        }
        Ok(sent) => assert_eq!(sent.bytes, 17 << 20),
    }
}

#[test]
fn secrets_are_not_shown() {
    let settings = Settings {
        access_key_id: Some("the-id".into()),
        secret_access_key: Some("the-secret".into()),
        session_token: Some("the-token".into()),
        ..Default::default()
    };
    let shown = format!("{settings:?}");
    assert!(!shown.contains("the-"), "{shown}");
}

#[test]
fn a_url_that_names_no_bucket_is_refused_with_what_would_do() {
    for url in ["", "ftp://x/y", "file://host/x", "s3://"] {
        let error = Bucket::open(url, &Settings::default()).unwrap_err();
        assert!(
            error
                .to_string()
                .ends_with("Write a folder, file:///folder, or s3://bucket/prefix"),
            "{url}: {error}"
        );
    }
    let error = Bucket::open(
        "s3://b",
        &Settings {
            endpoint: Some("localhost:9000".into()),
            anonymous: true,
            ..Default::default()
        },
    )
    .unwrap_err();
    assert_eq!(
        error.to_string(),
        "endpoint 'localhost:9000': it must begin with http:// or https://"
    );
}
