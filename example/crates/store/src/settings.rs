//! How to reach a bucket: what a config file or a command line says about it.

use std::path::PathBuf;

use crate::Retry;

/// What is known about a bucket beside its URL. What isn't set here is looked up in the usual variables
/// of the environment and profile files.
///
/// Only S3 needs any of it.
#[derive(Clone, Default)]
pub struct Settings {
    /// The server's address, such as `http://127.0.0.1:9000`, if it isn't Amazon's
    /// (`AWS_ENDPOINT_URL_S3`, `AWS_ENDPOINT_URL`, the profile's `endpoint_url`).
    pub endpoint: Option<String>,
    /// The region (`AWS_REGION`, `AWS_DEFAULT_REGION`, the profile's `region`; else `us-east-1`).
    pub region: Option<String>,
    /// The access key's id (`AWS_ACCESS_KEY_ID`, the profile's `aws_access_key_id`).
    pub access_key_id: Option<String>,
    /// The access key's secret (`AWS_SECRET_ACCESS_KEY`, the profile's `aws_secret_access_key`).
    pub secret_access_key: Option<String>,
    /// The token of a key that expires (`AWS_SESSION_TOKEN`, the profile's `aws_session_token`).
    pub session_token: Option<String>,
    /// The profile in the credentials and config files (`AWS_PROFILE`; else `default`).
    pub profile: Option<String>,
    /// The credentials file (`AWS_SHARED_CREDENTIALS_FILE`; else `~/.aws/credentials`).
    pub credentials_file: Option<PathBuf>,
    /// The config file (`AWS_CONFIG_FILE`; else `~/.aws/config`).
    pub config_file: Option<PathBuf>,
    /// Whether keys may go to `endpoint` without encryption. Without it, `http://` is for this machine, for
    /// buckets that need no keys, and for an endpoint that the environment or a profile names.
    pub allow_http: bool,
    /// Whether to go without credentials: for buckets that everybody may read.
    pub anonymous: bool,
    /// Whether, and how patiently, what failed is tried again.
    pub retry: Retry,
}

/// Shows which are set; never a key, a secret or a token.
impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let hidden = |set: &Option<String>| set.as_ref().map(|_| "(set)");
        f.debug_struct("Settings")
            .field(
                "endpoint",
                &self.endpoint.as_deref().map(mlops_disk::redact),
            )
            .field("region", &self.region)
            .field("access_key_id", &hidden(&self.access_key_id))
            .field("secret_access_key", &hidden(&self.secret_access_key))
            .field("session_token", &hidden(&self.session_token))
            .field("profile", &self.profile)
            .field("credentials_file", &self.credentials_file)
            .field("config_file", &self.config_file)
            .field("allow_http", &self.allow_http)
            .field("anonymous", &self.anonymous)
            .field("retry", &self.retry)
            .finish()
    }
}
