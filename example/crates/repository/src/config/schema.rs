//! Which keys DVC knows, so that a slip of the pen isn't taken in silence.

use std::path::Path;

use super::{Entry, Ini, Section, remote_name};
use crate::RepositoryError;

const CORE: &[&str] = &[
    "remote",
    "checksum_jobs",
    "interactive",
    "analytics",
    "hardlink_lock",
    "no_scm",
    "autostage",
    "experiments",
    "check_update",
    "site_cache_dir",
    "machine",
];
const CACHE: &[&str] = &[
    "local",
    "s3",
    "gs",
    "hdfs",
    "webhdfs",
    "ssh",
    "azure",
    "dir",
    "type",
    "protected",
    "shared",
    "slow_link_warning",
    "verify",
];
/// Sections for parts of DVC that are not ours; their keys are left alone.
const OTHERS: &[&str] = &[
    "state", "index", "machine", "feature", "plots", "exp", "parsing", "hydra", "studio", "db",
];
const REMOTE: &[&str] = &[
    "url",
    "checksum_jobs",
    "jobs",
    "worktree",
    "no_traverse",
    "version_aware",
];
const LOCAL: &[&str] = &["type", "protected", "shared", "slow_link_warning", "verify"];
const S3: &[&str] = &[
    "region",
    "profile",
    "credentialpath",
    "configpath",
    "endpointurl",
    "access_key_id",
    "secret_access_key",
    "session_token",
    "listobjects",
    "use_ssl",
    "allow_anonymous_login",
    "ssl_verify",
    "sse",
    "sse_kms_key_id",
    "sse_customer_algorithm",
    "sse_customer_key",
    "acl",
    "grant_read",
    "grant_read_acp",
    "grant_write_acp",
    "grant_full_control",
    "cache_regions",
    "read_timeout",
    "connect_timeout",
    "verify",
];
const SWITCHES: &[&str] = &[
    "interactive",
    "analytics",
    "hardlink_lock",
    "no_scm",
    "autostage",
    "check_update",
    "protected",
    "slow_link_warning",
    "verify",
    "use_ssl",
    "allow_anonymous_login",
    "worktree",
    "version_aware",
];
const NUMBERS: &[&str] = &["checksum_jobs", "jobs", "read_timeout", "connect_timeout"];
const PATHS: &[&str] = &[
    "url",
    "gdrive_user_credentials_file",
    "gdrive_service_account_json_file_path",
    "credentialpath",
    "configpath",
    "keyfile",
    "cert_path",
    "key_path",
];

/// Settings of remotes, of all kinds that DVC knows, that nobody else may read.
const SECRETS: &[&str] = &[
    "secret_access_key",
    "session_token",
    "sse_customer_key",
    "password",
    "passphrase",
    "account_key",
    "sas_token",
    "connection_string",
    "client_secret",
    "gdrive_client_secret",
    "oss_key_secret",
    "token",
];

/// Whether a setting is a secret: by its key, or since it is an address that has one in it.
pub fn is_secret(key: &str, value: &str) -> bool {
    SECRETS.contains(&key) || (value.contains("://") && mlops_disk::redact(value) != value)
}

/// Whether a remote's key holds a path, which is seen from the file it stands in.
pub fn is_path(key: &str) -> bool {
    PATHS.contains(&key)
}

/// Refuses sections and keys that DVC would refuse, and values of the wrong kind.
pub(super) fn check(ini: &Ini, path: &Path) -> Result<(), RepositoryError> {
    for section in &ini.sections {
        let known = match section.name.as_str() {
            "core" => CORE,
            "cache" => CACHE,
            name if remote_name(name).is_some() => continue,
            name if OTHERS
                .iter()
                .any(|other| name.split_whitespace().next() == Some(other)) =>
            {
                continue;
            }
            name => {
                let line = section.entries.first().map(|entry| entry.line);
                return Err(RepositoryError::file(
                    path,
                    line,
                    format!("there is no section {name:?} in DVC's configuration"),
                ));
            }
        };
        for entry in &section.entries {
            check_key(entry, &section.name, &[known], path)?;
        }
    }
    Ok(())
}

/// The same for a remote, whose keys depend on its URL.
pub(super) fn check_remote(
    section: &Section,
    url: Option<&str>,
    path: &Path,
) -> Result<(), RepositoryError> {
    let Some(url) = url else {
        return Err(RepositoryError::file(
            path,
            section.entries.first().map(|entry| entry.line),
            format!(
                "['{}'] has no url: run `remote add --force NAME URL`",
                section.name
            ),
        ));
    };
    let own = match url.split_once("://") {
        None | Some(("file", _)) => LOCAL,
        Some(("s3", _)) => S3,
        // Others can stand there for DVC's own use.
        Some(_) => return Ok(()),
    };
    for entry in &section.entries {
        check_key(entry, &section.name, &[REMOTE, own], path)?;
    }
    Ok(())
}

fn check_key(
    entry: &Entry,
    section: &str,
    known: &[&[&str]],
    path: &Path,
) -> Result<(), RepositoryError> {
    let key = entry.key.as_str();
    let line = (entry.line > 0).then_some(entry.line);
    let wrong = |message: String| Err(RepositoryError::file(path, line, message));
    if !known.concat().contains(&key) {
        return wrong(format!("{section} has no setting {key:?}"));
    }
    let value = entry.text();
    // A remote's settings have secrets among them, and one may stand in the wrong line.
    let is = |value: &str| match remote_name(section) {
        Some(_) => String::new(),
        None => format!(" is {value:?}"),
    };
    if SWITCHES.contains(&key) && !["true", "false"].contains(&value.to_lowercase().as_str()) {
        return wrong(format!(
            "{section}.{key}{}: write true or false",
            is(&value)
        ));
    }
    if NUMBERS.contains(&key) && !value.parse::<u32>().is_ok_and(|number| number > 0) {
        return wrong(format!(
            "{section}.{key}{}: write a number from 1",
            is(&value)
        ));
    }
    if key == "type" {
        let kinds = ["reflink", "hardlink", "symlink", "copy"];
        if let Some(kind) = value
            .split(',')
            .map(str::trim)
            .find(|kind| !kinds.contains(kind))
        {
            return wrong(format!(
                "{section}.type has {kind:?}: choose from {}",
                kinds.join(", ")
            ));
        }
    }
    if key == "shared" && !value.eq_ignore_ascii_case("group") {
        return wrong(format!("{section}.shared is {value:?}: write group"));
    }
    Ok(())
}
