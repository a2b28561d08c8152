//! Downloads from a server on loopback that misbehaves in every way we know.
#![cfg(feature = "fetch")]
#![allow(clippy::unwrap_used)] // helpers of tests are tests too

mod server;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use mlops_data::{DataError, FetchOptions, Fetched, OnAttempt, Result, fetch, fetch_if};
use server::{Server, Site};

struct Target(tempfile::TempDir);

impl Target {
    fn new() -> Target {
        Target(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("table.csv")
    }

    /// The temporary file that an interrupted download leaves.
    fn part(&self) -> PathBuf {
        let mut files = std::fs::read_dir(self.0.path()).unwrap();
        let temporary = |path: &PathBuf| path.extension().is_some_and(|ending| ending == "tmp");
        files
            .find_map(|entry| Some(entry.unwrap().path()).filter(temporary))
            .unwrap()
    }

    fn files(&self) -> usize {
        std::fs::read_dir(self.0.path()).unwrap().count()
    }
}

fn options() -> FetchOptions {
    FetchOptions {
        allow_http: true,
        retries: 0,
        ..FetchOptions::default()
    }
}

fn quiet(server: &Server, target: &Path, options: &FetchOptions) -> Result<Fetched> {
    fetch(&server.url, target, options, |_, _| {})
}

fn table(rows: usize) -> Vec<u8> {
    let rows = (0..rows).map(|row| format!("{row},{}\n", row * row));
    format!("row,square\n{}", rows.collect::<String>()).into_bytes()
}

fn site(body: Vec<u8>) -> Site {
    Site {
        body,
        etag: Some("\"one\"".into()),
        ranges: true,
        ..Site::default()
    }
}

/// The message, with what differs from run to run left out.
fn message(server: &Server, target: &Target, options: &FetchOptions) -> String {
    let error = quiet(server, &target.path(), options)
        .unwrap_err()
        .to_string();
    error.replace(&mlops_disk::redact(&server.url), "URL")
}

#[test]
fn a_table_arrives_whole_with_its_md5_and_progress() {
    let (body, target) = (table(50_000), Target::new());
    let server = Server::new(site(body.clone()));
    let mut told = Vec::new();
    let fetched = fetch(&server.url, &target.path(), &options(), |done, total| {
        told.push((done, total))
    });
    let fetched = fetched.unwrap();
    assert_eq!(std::fs::read(target.path()).unwrap(), body);
    let size = body.len() as u64;
    assert_eq!(
        (
            fetched.table.bytes,
            fetched.downloaded,
            fetched.resumed_from
        ),
        (size, size, 0)
    );
    assert_eq!(told.first(), Some(&(0, Some(size))));
    assert_eq!(told.last(), Some(&(size, Some(size))));
    assert!(told.windows(2).all(|pair| pair[0].0 <= pair[1].0));
    assert_eq!(target.files(), 1);
    assert!(
        server.requests()[0][0].starts_with("GET /table.csv?v=1 "),
        "{:?}",
        server.requests()
    );

    let pinned = FetchOptions {
        expected_md5: Some(fetched.table.md5.to_uppercase()),
        ..options()
    };
    let again = quiet(&server, &target.path(), &pinned).unwrap();
    assert_eq!(again.table, fetched.table);
}

#[test]
fn another_table_than_the_expected_one_is_refused_and_replaces_nothing() {
    let (target, server) = (Target::new(), Server::new(site(table(3))));
    let pinned = FetchOptions {
        expected_md5: Some("0123456789abcdef0123456789ABCDEF".to_string()),
        ..options()
    };
    let text = message(&server, &target, &pinned);
    assert_eq!(
        text,
        "URL: the table's MD5 is 2d22e6116e139c512a29245b35ea74cf, expected is 0123456789abcdef0123456789ABCDEF"
    );
    assert_eq!(target.files(), 0);
    std::fs::write(target.path(), "mine").unwrap();
    message(&server, &target, &pinned);
    assert_eq!(std::fs::read_to_string(target.path()).unwrap(), "mine");
    assert_eq!(target.files(), 1);
}

#[test]
fn a_cut_connection_is_mended_within_one_call() {
    let (body, target) = (table(5000), Target::new());
    let server = Server::new(Site {
        cut: Some((1000, 2)),
        ..site(body.clone())
    });
    let fetched = quiet(
        &server,
        &target.path(),
        &FetchOptions {
            retries: 3,
            ..options()
        },
    )
    .unwrap();
    assert_eq!(std::fs::read(target.path()).unwrap(), body);
    assert_eq!(fetched.resumed_from, 0);
    assert_eq!(server.headers("range").len(), 3);
}

#[test]
fn a_download_that_stopped_goes_on_in_the_next_call() {
    for validator in ["etag", "date"] {
        let (body, target) = (table(5000), Target::new());
        let mut site = Site {
            cut: Some((2000, 1)),
            ..site(body.clone())
        };
        if validator == "date" {
            site.etag = None;
            site.modified = Some("Mon, 05 Feb 2024 10:00:00 GMT".into());
        }
        let server = Server::new(site);
        let text = message(&server, &target, &options());
        assert!(
            text.starts_with(&format!("URL: stopped at 2000 of {} bytes", body.len())),
            "{text}"
        );
        assert!(!target.path().exists());

        let mut first = None;
        let fetched = fetch(&server.url, &target.path(), &options(), |done, _| {
            _ = first.get_or_insert(done)
        });
        assert_eq!(fetched.unwrap().resumed_from, 2000, "{validator}");
        assert_eq!(first, Some(2000));
        // Of the second call: the whole, to see which version there is, then the rest.
        assert_eq!(server.headers("range")[2].as_deref(), Some("bytes=2000-"));
        assert_eq!(std::fs::read(target.path()).unwrap(), body);
        assert_eq!(target.files(), 1);
    }
}

#[test]
fn a_download_starts_again_if_the_file_changed_meanwhile() {
    type Change = (&'static str, fn(&mut Site));
    let changes: [Change; 4] = [
        ("another tag", |site| site.etag = Some("\"two\"".into())),
        ("another length", |site| {
            site.body.extend_from_slice(b"5000,25000000\n")
        }),
        ("no ranges", |site| site.ranges = false),
        ("no tag any more", |site| site.etag = None),
    ];
    for (name, change) in changes {
        let target = Target::new();
        let server = Server::new(Site {
            cut: Some((2000, 1)),
            ..site(table(5000))
        });
        message(&server, &target, &options());
        // What is there now differs from the part from its first byte on.
        server.change(|site| {
            site.body[..10].copy_from_slice(b"ROW,SQUARE");
            change(site);
        });
        let fetched = quiet(&server, &target.path(), &options()).unwrap();
        assert_eq!(fetched.resumed_from, 0, "{name}");
        let expected = server.site.lock().unwrap().body.clone();
        assert_eq!(std::fs::read(target.path()).unwrap(), expected, "{name}");
        assert_eq!(target.files(), 1);
    }
}

#[test]
fn a_part_without_a_way_to_compare_is_not_kept() {
    let (body, target) = (table(5000), Target::new());
    let server = Server::new(Site {
        etag: None,
        cut: Some((2000, 1)),
        ..site(body.clone())
    });
    let text = message(&server, &target, &options());
    assert!(text.ends_with("; run it again"), "{text}");
    assert_eq!(target.files(), 0);
    assert_eq!(
        quiet(&server, &target.path(), &options())
            .unwrap()
            .resumed_from,
        0
    );
    assert_eq!(std::fs::read(target.path()).unwrap(), body);
}

#[test]
fn a_part_that_is_damaged_starts_again() {
    let body = table(5000);
    for length in [0, 10, 40] {
        let target = Target::new();
        let server = Server::new(Site {
            cut: Some((2000, 1)),
            ..site(body.clone())
        });
        message(&server, &target, &options());
        std::fs::write(target.part(), vec![b'x'; length]).unwrap();
        let fetched = quiet(&server, &target.path(), &options()).unwrap();
        assert_eq!(fetched.resumed_from, 0, "{length}");
        assert_eq!(std::fs::read(target.path()).unwrap(), body);
        assert_eq!(target.files(), 1);
    }
}

#[test]
fn a_download_that_was_killed_just_before_its_end_is_finished() {
    let (body, target) = (table(5000), Target::new());
    let server = Server::new(Site {
        cut: Some((2000, 1)),
        ..site(body.clone())
    });
    message(&server, &target, &options());
    let mut whole = std::fs::read(target.part()).unwrap();
    whole.truncate(whole.len() - 2000);
    whole.extend(&body);
    std::fs::write(target.part(), &whole).unwrap();
    let fetched = quiet(&server, &target.path(), &options()).unwrap();
    assert_eq!(fetched.resumed_from, body.len() as u64);
    assert_eq!(std::fs::read(target.path()).unwrap(), body);
    assert_eq!(target.files(), 1);
}

/// A cloned project may hold links where a download writes.
#[cfg(unix)]
#[test]
fn nothing_is_written_through_a_link() {
    use std::os::unix::fs::symlink;

    let (body, target, victims) = (table(5000), Target::new(), Target::new());
    std::fs::write(victims.path(), "theirs").unwrap();
    let server = Server::new(Site {
        cut: Some((2000, 1)),
        ..site(body.clone())
    });
    message(&server, &target, &options());
    let part = target.part();
    std::fs::remove_file(&part).unwrap();
    symlink(victims.path(), &part).unwrap();
    let text = message(&server, &target, &options());
    assert!(text.contains("symbolic link"), "{text}");
    std::fs::remove_file(&part).unwrap();
    for name in ["table.csv", "table.csv.part", "table.csv.part.json"] {
        symlink(victims.path(), target.0.path().join(name)).unwrap();
    }
    quiet(&server, &target.path(), &options()).unwrap();
    assert_eq!(std::fs::read(target.path()).unwrap(), body);
    assert!(!target.path().is_symlink());
    assert_eq!(std::fs::read_to_string(victims.path()).unwrap(), "theirs");
}

#[test]
fn no_secret_of_an_address_is_told_or_kept() {
    let target = Target::new();
    let server = Server::new(Site {
        cut: Some((2000, 1)),
        ..site(table(5000))
    });
    let secret = |url: &str| url.replace("http://", "http://me:s3cr3t@") + "&sig=s3cr3t";
    let failed = |url: &str| {
        let error = fetch(&secret(url), &target.path(), &options(), |_, _| {}).unwrap_err();
        let text = format!("{error} {error:?}");
        assert!(!text.contains("s3cr3t"), "{text}");
        text
    };
    assert!(failed(&server.url).contains("stopped at 2000"));
    let part = std::fs::read(target.part()).unwrap();
    assert!(!part.windows(6).any(|bytes| bytes == b"s3cr3t"));
    for status in [
        "404 Not Found",
        "403 Forbidden",
        "500 Internal Server Error",
    ] {
        server.change(|site| site.refuse = Some((status.into(), 1)));
        failed(&server.url);
    }
    let closed = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    failed(&format!("http://{closed}/a.csv?v=1"));
    failed("https://exa mple/?");
    // The same file with another signature goes on.
    let again = secret(&server.url).replace("sig=s3cr3t", "sig=other");
    let fetched = fetch(&again, &target.path(), &options(), |_, _| {}).unwrap();
    assert_eq!(fetched.resumed_from, 2000);
}

#[test]
fn a_server_in_trouble_is_asked_again() {
    let (body, target) = (table(10), Target::new());
    let refuse = Some(("503 Service Unavailable".to_string(), 2));
    let server = Server::new(Site {
        refuse,
        ..site(body.clone())
    });
    quiet(
        &server,
        &target.path(),
        &FetchOptions {
            retries: 2,
            ..options()
        },
    )
    .unwrap();
    assert_eq!(server.requests().len(), 3);
    assert_eq!(std::fs::read(target.path()).unwrap(), body);
}

#[test]
fn a_redirect_is_followed() {
    let (target, to) = (Target::new(), Server::new(site(table(10))));
    let from = Server::new(Site {
        moved_to: Some(to.url.clone()),
        ..Site::default()
    });
    quiet(&from, &target.path(), &options()).unwrap();
    assert_eq!(std::fs::read(target.path()).unwrap(), table(10));
}

#[test]
fn the_csv_in_an_archive_is_what_arrives() {
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    archive
        .start_file("inner/table.csv", zip::write::SimpleFileOptions::default())
        .unwrap();
    archive.write_all(&table(1000)).unwrap();
    let server = Server::new(site(archive.finish().unwrap().into_inner()));
    let target = Target::new();
    let fetched = quiet(&server, &target.path(), &options()).unwrap();
    assert_eq!(fetched.table.entry.as_deref(), Some("inner/table.csv"));
    assert!(fetched.downloaded < fetched.table.bytes);
    assert_eq!(std::fs::read(target.path()).unwrap(), table(1000));

    let tight = FetchOptions {
        at_most: fetched.downloaded,
        ..options()
    };
    let text = message(&server, &target, &tight);
    assert!(text.contains("unpacks to more than"), "{text}");
    assert_eq!(std::fs::read(target.path()).unwrap(), table(1000));
}

#[test]
fn what_fails_says_why_and_what_to_do() {
    let target = Target::new();
    let with = |site: Site| message(&Server::new(site), &target, &options());
    let refused = |status: &str| {
        with(Site {
            refuse: Some((status.into(), 9)),
            ..Site::default()
        })
    };
    let page = b"<!doctype html><title>Sign in</title>".to_vec();
    let closed = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let other = |url: &str, options: &FetchOptions| {
        let error = fetch(url, &target.path(), options, |_, _| {})
            .unwrap_err()
            .to_string();
        error.replace(&closed.to_string(), "HOST")
    };
    let errors = [
        refused("404 Not Found"),
        refused("403 Forbidden"),
        refused("500 Internal Server Error"),
        with(site(page)),
        with(Site {
            unmeasured: true,
            ..site(table(2))
        }),
        with(site(Vec::new())),
        message(
            &Server::new(site(table(9))),
            &target,
            &FetchOptions {
                at_most: 20,
                ..options()
            },
        ),
        other(&format!("http://{closed}/a.csv"), &options()),
        other("http://127.0.0.1/a.csv", &FetchOptions::default()),
        other("table.csv", &options()),
        other("https://", &options()),
        other(
            "https://a.example/",
            &FetchOptions {
                expected_md5: Some("abc".into()),
                ..options()
            },
        ),
    ];
    assert_eq!(target.files(), 0);
    insta::assert_snapshot!(errors.join("\n"), @r#"
    URL: is not there (404): check the address
    URL: may not be read without signing in: download the file in a browser and import it
    URL: failed (Server returned non-2xx status code: 500 Internal Server Error:): try again later
    URL: is a web page, not a table (perhaps the page to sign in): download the file in a browser and import it
    URL: comes without its length, as pages do and files don't: download the file in a browser and import it
    URL: is empty
    URL: is 52 bytes long, more than the 20 allowed
    http://HOST/a.csv: cannot be reached (Connection refused (os error 111)): check the address and your network
    http://127.0.0.1/a.csv: is not encrypted: use https://, or allow http:// if you trust the way
    table.csv: is no web address: give one that begins with https://
    https://: is no web address (empty host): give one that begins with https://
    https://a.example/: cannot be compared with "abc", which is no MD5: give 32 hexadecimal digits
    "#);
}

#[test]
fn two_downloads_to_one_place_do_not_mix() {
    let (target, server) = (Target::new(), Server::new(site(table(10))));
    let mut inner = None;
    fetch(&server.url, &target.path(), &options(), |_, _| {
        inner.get_or_insert_with(|| {
            let (url, path) = (server.url.clone(), target.path());
            std::thread::spawn(move || fetch(&url, &path, &options(), |_, _| {}))
                .join()
                .unwrap()
        });
    })
    .unwrap();
    inner.unwrap().unwrap();
    assert_eq!(std::fs::read(target.path()).unwrap(), table(10));
    assert_eq!(target.files(), 1);
}

/// Nothing here has a certificate that the system trusts, so this is as far as TLS can be followed
/// without the network: the handshake starts and its failure is told.
#[test]
fn https_speaks_tls_and_tells_if_the_server_does_not() {
    let (target, server) = (Target::new(), Server::new(site(table(10))));
    let url = server.url.replace("http://", "https://");
    let error = fetch(&url, &target.path(), &options(), |_, _| {})
        .unwrap_err()
        .to_string();
    assert!(error.contains("cannot be reached"), "{error}");
    assert_eq!(target.files(), 0);
}

#[test]
fn a_server_that_says_nothing_is_given_up_soon_and_each_request_is_told() {
    let (target, server) = (Target::new(), Server::new(site(table(3))));
    server.change(|site| site.silent = true);
    let told = Arc::new(Mutex::new(Vec::new()));
    let teller = told.clone();
    let options = FetchOptions {
        retries: 2,
        timeout: Duration::from_millis(200),
        on_attempt: OnAttempt::new(move |attempt| teller.lock().unwrap().push(attempt)),
        ..options()
    };
    let start = Instant::now();
    insta::assert_snapshot!(
        message(&server, &target, &options),
        @"URL: did not answer within 0.2 s, asked 3 times: try again later, or download the file in a browser and import it"
    );
    assert!(start.elapsed() < Duration::from_secs(20));
    assert_eq!(*told.lock().unwrap(), [1, 2, 3]);
    assert_eq!(target.files(), 0);
    let by_default = FetchOptions::default();
    let longest = by_default.timeout * (by_default.retries as u32 + 1);
    assert!(longest <= Duration::from_secs(30), "{longest:?}");
}

#[test]
fn a_part_of_the_file_that_nobody_asked_for_is_not_taken_for_the_file() {
    let (target, server) = (Target::new(), Server::new(site(table(3))));
    server.change(|site| site.part = Some(20));
    insta::assert_snapshot!(
        message(&server, &target, &options()),
        @"URL: failed: the server sends only a part of the file (206), though all of it was asked for. Download the file in a browser and import it"
    );
    assert_eq!(target.files(), 0);
}

#[test]
fn a_table_that_fails_the_check_replaces_nothing() {
    let (target, server) = (Target::new(), Server::new(site(table(3))));
    std::fs::write(target.path(), "mine").unwrap();
    let refused = |staged: &Path| {
        assert_eq!(std::fs::read(staged).unwrap(), table(3));
        Err(DataError::Import {
            path: "it".into(),
            message: "is wrong".into(),
        })
    };
    let error = fetch_if(&server.url, &target.path(), &options(), |_, _| {}, refused);
    assert_eq!(error.unwrap_err().to_string(), "it: is wrong");
    assert_eq!(std::fs::read_to_string(target.path()).unwrap(), "mine");
    assert_eq!(target.files(), 1);
}
