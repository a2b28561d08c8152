//! What a remote's settings mean for its bucket. What isn't heeded here is refused by name, never dropped.

use std::path::PathBuf;
use std::time::Duration;

use mlops_store::{Certificates, Encryption, Settings};

use crate::VersioningError;
use mlops_repository::RemoteConfig;

/// Rights that are set with an object. The bucket's owner can say the same once for all objects.
const RIGHTS: [&str; 5] = [
    "acl",
    "grant_read",
    "grant_read_acp",
    "grant_write_acp",
    "grant_full_control",
];

/// Refuses kinds of remotes that only DVC speaks with.
pub(super) fn check_scheme(config: &RemoteConfig) -> Result<(), VersioningError> {
    let Some((scheme, _)) = config.url.split_once("://") else {
        return Ok(());
    };
    let instead = match scheme {
        "file" | "s3" | "memory" => return Ok(()),
        "gs" => {
            "Google's storage speaks S3 too: `url = s3://BUCKET`, `endpointurl = https://storage.googleapis.com` \
             and the two parts of an HMAC key"
        }
        "ssh" | "webdav" | "webdavs" => {
            "mount it (sshfs, rclone mount) and name the folder as `url`"
        }
        _ => "add another remote for this program",
    };
    Err(refused(
        config,
        "url",
        &format!(
            "{scheme}:// is a kind of remote that only DVC speaks with. Use `dvc push` and `dvc pull` for it; or {instead}"
        ),
    ))
}

fn refused(config: &RemoteConfig, key: &str, why: &str) -> VersioningError {
    let place = config.places.get(key);
    let (path, line) = place.cloned().unwrap_or_default();
    let line = (line > 0).then_some(line);
    VersioningError::file(&path, line, format!("remote.{}.{key}: {why}", config.name))
}

/// How to reach the bucket.
pub(super) fn of(config: &RemoteConfig) -> Result<Settings, VersioningError> {
    let text = |key: &str| {
        config
            .settings
            .get(key)
            .filter(|text| !text.is_empty())
            .cloned()
    };
    let is =
        |key: &str, value: &str| text(key).is_some_and(|found| found.eq_ignore_ascii_case(value));
    if let Some(key) = RIGHTS.into_iter().find(|key| text(key).is_some()) {
        let why = "this program can't give rights to single objects. Take the setting out and give them to the whole \
                   bucket (a bucket policy), or use `dvc push` for this remote";
        return Err(refused(config, key, why));
    }
    if is("cache_regions", "true") && text("region").is_none() {
        let why = "this program doesn't look for a bucket's region: name it (`remote modify NAME region REGION`)";
        return Err(refused(config, "cache_regions", why));
    }
    let seconds = |key: &str| {
        let number = text(key).and_then(|text| text.parse().ok());
        number.map(Duration::from_secs)
    };
    Ok(Settings {
        endpoint: text("endpointurl"),
        region: text("region"),
        access_key_id: text("access_key_id"),
        secret_access_key: text("secret_access_key"),
        session_token: text("session_token"),
        profile: text("profile"),
        credentials_file: text("credentialpath").map(PathBuf::from),
        config_file: text("configpath").map(PathBuf::from),
        allow_http: is("use_ssl", "false"),
        anonymous: is("allow_anonymous_login", "true"),
        encryption: encryption(config)?,
        certificates: match text("ssl_verify") {
            None => Certificates::System,
            Some(yes) if yes.eq_ignore_ascii_case("true") => Certificates::System,
            Some(no) if no.eq_ignore_ascii_case("false") => Certificates::Unchecked,
            Some(path) => Certificates::File(path.into()),
        },
        read_timeout: seconds("read_timeout"),
        connect_timeout: seconds("connect_timeout"),
        ..Settings::default()
    })
}

/// What `sse` and its like say together.
fn encryption(config: &RemoteConfig) -> Result<Option<Encryption>, VersioningError> {
    let text = |key: &str| {
        config
            .settings
            .get(key)
            .filter(|text| !text.is_empty())
            .cloned()
    };
    let key = text("sse_kms_key_id");
    if let Some(algorithm) = text("sse_customer_algorithm") {
        if algorithm != "AES256" {
            let why = format!("S3 knows AES256 only, not {algorithm:?}");
            return Err(refused(config, "sse_customer_algorithm", &why));
        }
        if text("sse_customer_key").is_none() {
            let why = "it belongs to an sse_customer_key, and there is none: add the key (--local), or take this out";
            return Err(refused(config, "sse_customer_algorithm", why));
        }
    }
    if let Some(customer) = text("sse_customer_key") {
        if text("sse").is_some() || key.is_some() {
            let why = "an object is encrypted with this key or by `sse` and `sse_kms_key_id`, not both: take one out";
            return Err(refused(config, "sse_customer_key", why));
        }
        return Ok(Some(Encryption::Customer(customer)));
    }
    let method = text("sse");
    match (method.as_deref(), key) {
        (None, None) => Ok(None),
        (Some(method @ ("aws:kms" | "aws:kms:dsse")), key) => Ok(Some(Encryption::Server {
            method: method.into(),
            key,
        })),
        (Some(method @ "AES256"), None) => Ok(Some(Encryption::Server {
            method: method.into(),
            key: None,
        })),
        (None | Some("AES256"), Some(_)) => {
            let why = "a key of the key service goes with `sse = aws:kms` or `sse = aws:kms:dsse`: add that";
            Err(refused(config, "sse_kms_key_id", why))
        }
        (Some(other), _) => {
            let why = format!("{other:?} isn't known: write AES256, aws:kms or aws:kms:dsse");
            Err(refused(config, "sse", &why))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(url: &str, settings: &[(&str, &str)]) -> RemoteConfig {
        let places = settings
            .iter()
            .map(|(key, _)| (*key, 7))
            .chain([("url", 3)]);
        RemoteConfig {
            name: "st".into(),
            url: url.into(),
            settings: settings
                .iter()
                .map(|(key, value)| ((*key).into(), (*value).into()))
                .collect(),
            places: places
                .map(|(key, line)| (key.into(), ("/r/.dvc/config".into(), line)))
                .collect(),
        }
    }

    fn told(settings: &[(&str, &str)]) -> String {
        of(&config("s3://b", settings)).unwrap_err().to_string()
    }

    #[test]
    fn settings_that_are_heeded_reach_the_bucket() {
        let of = |settings: &[(&str, &str)]| of(&config("s3://b", settings)).unwrap();
        let server = |method: &str, key: Option<&str>| {
            let (method, key) = (method.into(), key.map(Into::into));
            Some(Encryption::Server { method, key })
        };
        assert_eq!(of(&[]).encryption, None);
        assert_eq!(of(&[("sse", "AES256")]).encryption, server("AES256", None));
        assert_eq!(
            of(&[("sse", "aws:kms")]).encryption,
            server("aws:kms", None)
        );
        assert_eq!(
            of(&[("sse", "aws:kms:dsse"), ("sse_kms_key_id", "k")]).encryption,
            server("aws:kms:dsse", Some("k"))
        );
        assert_eq!(
            of(&[
                ("sse_customer_key", "a2V5"),
                ("sse_customer_algorithm", "AES256")
            ])
            .encryption,
            Some(Encryption::Customer("a2V5".into()))
        );
        let all = of(&[
            ("read_timeout", "7"),
            ("connect_timeout", "3"),
            ("ssl_verify", "/ca"),
        ]);
        assert_eq!(all.read_timeout, Some(Duration::from_secs(7)));
        assert_eq!(all.connect_timeout, Some(Duration::from_secs(3)));
        assert_eq!(all.certificates, Certificates::File("/ca".into()));
        assert_eq!(
            of(&[("ssl_verify", "False")]).certificates,
            Certificates::Unchecked
        );
        assert_eq!(
            of(&[("ssl_verify", "true")]).certificates,
            Certificates::System
        );
    }

    #[test]
    fn settings_that_are_not_heeded_are_refused_by_name_with_file_and_line() {
        for key in RIGHTS {
            let told = told(&[(key, "public-read")]);
            assert!(
                told.contains(&format!("config:7: remote.st.{key}: ")),
                "{told}"
            );
            assert!(told.contains("bucket policy"), "{told}");
        }
        assert!(told(&[("sse", "aes")]).contains("\"aes\" isn't known"));
        assert!(told(&[("sse_kms_key_id", "k")]).contains("sse = aws:kms"));
        assert!(told(&[("sse", "AES256"), ("sse_customer_key", "k")]).contains("not both"));
        assert!(told(&[("sse_customer_algorithm", "AES256")]).contains("there is none"));
        assert!(told(&[("cache_regions", "true")]).contains("region REGION"));
    }

    #[test]
    fn kinds_of_remotes_that_only_dvc_knows_are_refused_with_what_to_do() {
        for scheme in [
            "gs", "azure", "ssh", "http", "https", "webdavs", "hdfs", "gdrive", "oss",
        ] {
            let told = check_scheme(&config(&format!("{scheme}://h/p"), &[]))
                .unwrap_err()
                .to_string();
            assert!(told.contains("config:3: remote.st.url: "), "{told}");
            assert!(told.contains("`dvc push` and `dvc pull`"), "{told}");
        }
        for url in ["/folder", "file:///folder", "s3://b"] {
            check_scheme(&config(url, &[])).unwrap();
        }
    }
}
