//! How to reach a bucket: what a config file or a command line says about it.

use std::path::PathBuf;
use std::time::Duration;

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
    /// How the server is to encrypt what is written; without it, as the bucket says.
    pub encryption: Option<Encryption>,
    /// Whom a server's certificate must be from.
    pub certificates: Certificates,
    /// How long nothing may come before a call is given up; else `retry` says.
    pub read_timeout: Option<Duration>,
    /// How long a connection may take; else ten seconds at most.
    pub connect_timeout: Option<Duration>,
    /// Whether, and how patiently, what failed is tried again.
    pub retry: Retry,
}

/// How an S3 server encrypts objects.
#[derive(Clone, PartialEq, Eq)]
pub enum Encryption {
    /// With keys of its own: `AES256`, `aws:kms` or `aws:kms:dsse`; for the latter two the key's name, if it isn't the
    /// account's own.
    Server {
        /// The method.
        method: String,
        /// The key's name in the key service.
        key: Option<String>,
    },
    /// With a key that is sent with every call, 32 bytes in Base64.
    Customer(String),
}

/// Which certificates of a server are believed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Certificates {
    /// Those that this machine knows.
    #[default]
    System,
    /// Also those that the authorities in this file signed (PEM).
    File(PathBuf),
    /// Any: whoever stands in between can read and change everything.
    Unchecked,
}

impl std::fmt::Debug for Encryption {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Server { method, .. } => write!(f, "Server({method})"),
            Self::Customer(_) => f.write_str("Customer(set)"),
        }
    }
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
            .field("encryption", &self.encryption)
            .field("certificates", &self.certificates)
            .field("read_timeout", &self.read_timeout)
            .field("connect_timeout", &self.connect_timeout)
            .field("retry", &self.retry)
            .finish()
    }
}
