//! S3, and what speaks its language.

mod client;

use std::path::PathBuf;
use std::sync::Arc;

use mlops_disk::redact;
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::{ClientOptions, RetryConfig};

use super::Bucket;
use crate::profile::{self, Profile};
use crate::{Encryption, Settings, StoreError, StoreResult};

/// Who we are to the server.
#[derive(PartialEq)]
enum Identity {
    Keys {
        id: String,
        secret: String,
        token: Option<String>,
    },
    /// What the machine was given: a web identity, a container's role, an instance's role.
    Machine,
    Anonymous,
}

/// Settings, environment and profile files, put together.
struct Resolved {
    endpoint: Option<String>,
    region: String,
    identity: Identity,
}

pub(super) fn open(url: &str, settings: &Settings) -> StoreResult<Bucket> {
    let (name, prefix) = split(url)?;
    let env = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let resolved = resolve(url, settings, &env)?;
    let endpoint = resolved
        .endpoint
        .clone()
        .unwrap_or_else(|| format!("https://s3.{}.amazonaws.com", resolved.region));
    if !endpoint.starts_with("http://") && !endpoint.starts_with("https://") {
        return Err(StoreError::Setting {
            setting: format!("endpoint '{}'", redact(&endpoint)),
            why: "it must begin with http:// or https://".into(),
        });
    }
    let is_named_here = settings.endpoint.is_some() && !settings.allow_http;
    if is_named_here && resolved.identity != Identity::Anonymous && is_open_line(&endpoint) {
        return Err(StoreError::Setting {
            setting: format!("endpoint '{}'", redact(&endpoint)),
            why: "the name of a key and its session token would travel there unencrypted. Use https://, or say \
                  that this network is yours: `use_ssl = false` for the remote"
                .into(),
        });
    }
    let client = client::client(&endpoint, settings)?;
    let built = build(name, client, resolved, settings);
    let store = Arc::new(built.map_err(|error| StoreError::Setting {
        setting: redact(url),
        why: redact(&error.to_string()),
    })?);
    let mut retry = settings.retry;
    retry.timeout = retry.timeout.max(settings.read_timeout.unwrap_or_default());
    let bucket = Bucket::over(url, store.clone(), Some(store), prefix, retry)?;
    Ok(bucket.change(|inner| inner.endpoint = redact(&endpoint)))
}

/// Whether what is sent to an endpoint can be read on the way.
fn is_open_line(endpoint: &str) -> bool {
    let Ok(parsed) = url::Url::parse(endpoint) else {
        return true;
    };
    let is_own = match parsed.host() {
        Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    parsed.scheme() == "http" && !is_own
}

fn split(url: &str) -> StoreResult<(&str, &str)> {
    let rest = url.strip_prefix("s3://").unwrap_or(url);
    let (name, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    let fits = !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte));
    if !fits {
        return Err(StoreError::Url {
            url: redact(url),
            why: "after s3:// comes the name of a bucket: letters, digits, dots, dashes".into(),
        });
    }
    Ok((name, prefix.trim_end_matches('/')))
}

fn build(
    name: &str,
    client: ClientOptions,
    resolved: Resolved,
    settings: &Settings,
) -> object_store::Result<AmazonS3> {
    // An error means that a provider is installed already, which serves as well.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let builder = match resolved.identity {
        // Only then: the environment's other variables must not mix with what was decided here.
        Identity::Machine => AmazonS3Builder::from_env(),
        Identity::Anonymous => AmazonS3Builder::new().with_skip_signature(true),
        Identity::Keys { id, secret, token } => {
            let builder = AmazonS3Builder::new()
                .with_access_key_id(id)
                .with_secret_access_key(secret);
            match token {
                Some(token) => builder.with_token(token),
                None => builder,
            }
        }
    };
    let builder = match resolved.endpoint {
        Some(endpoint) => builder.with_endpoint(endpoint.trim_end_matches('/')),
        None => builder,
    };
    let builder = match &settings.encryption {
        None => builder,
        Some(Encryption::Customer(key)) => builder.with_ssec_encryption(key),
        Some(Encryption::Server { method, key }) => {
            let builder = builder.with_config("aws_server_side_encryption".parse()?, method);
            match key {
                Some(key) => builder.with_config("aws_sse_kms_key_id".parse()?, key),
                None => builder,
            }
        }
    };
    builder
        .with_bucket_name(name)
        .with_region(resolved.region)
        .with_client_options(client)
        // Retried in one place, `Retry`, which also covers what wraps this store.
        .with_retry(RetryConfig {
            max_retries: 0,
            ..Default::default()
        })
        .build()
}

/// As Amazon's tools do: what is said outright, then the environment (unless a profile was asked for
/// outright), then the profile's files, then what the machine was given.
fn resolve(
    url: &str,
    settings: &Settings,
    env: &dyn Fn(&str) -> Option<String>,
) -> StoreResult<Resolved> {
    let name = settings.profile.clone().or_else(|| env("AWS_PROFILE"));
    let profile = read_profile(settings, env, name.as_deref().unwrap_or("default"))?;
    let endpoint = settings
        .endpoint
        .clone()
        .or_else(|| env("AWS_ENDPOINT_URL_S3"))
        .or_else(|| env("AWS_ENDPOINT_URL"))
        .or_else(|| profile.get("endpoint_url").cloned());
    let region = settings
        .region
        .clone()
        .or_else(|| env("AWS_REGION"))
        .or_else(|| env("AWS_DEFAULT_REGION"))
        .or_else(|| profile.get("region").cloned())
        .unwrap_or_else(|| "us-east-1".into());

    let pair = |id: Option<String>, secret: Option<String>, token, place: &str| match (id, secret) {
        (Some(id), Some(secret)) => Ok(Some(Identity::Keys { id, secret, token })),
        (None, None) => Ok(None),
        _ => Err(StoreError::Setting {
            setting: place.to_owned(),
            why: "an access key's id and its secret go together, and one of them is missing".into(),
        }),
    };
    let said = pair(
        settings.access_key_id.clone(),
        settings.secret_access_key.clone(),
        settings.session_token.clone(),
        url,
    )?;
    let in_env = if settings.profile.is_some() {
        None
    } else {
        pair(
            env("AWS_ACCESS_KEY_ID"),
            env("AWS_SECRET_ACCESS_KEY"),
            env("AWS_SESSION_TOKEN"),
            "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
        )?
    };
    let in_profile = pair(
        profile.get("aws_access_key_id").cloned(),
        profile.get("aws_secret_access_key").cloned(),
        profile.get("aws_session_token").cloned(),
        &format!("profile '{}'", name.as_deref().unwrap_or("default")),
    )?;
    let identity = match said.or(in_env).or(in_profile) {
        _ if settings.anonymous => Identity::Anonymous,
        Some(keys) => keys,
        None => {
            refuse_helpers(name.as_deref(), &profile)?;
            if !machine_has_a_role(env) {
                return Err(StoreError::NoCredentials { url: redact(url) });
            }
            Identity::Machine
        }
    };
    Ok(Resolved {
        endpoint,
        region,
        identity,
    })
}

fn read_profile(
    settings: &Settings,
    env: &dyn Fn(&str) -> Option<String>,
    name: &str,
) -> StoreResult<Profile> {
    let home = env("HOME").map(PathBuf::from).unwrap_or_default();
    let file = |said: &Option<PathBuf>, variable: &str, usual: &str| {
        said.clone()
            .or_else(|| env(variable).map(PathBuf::from))
            .unwrap_or_else(|| home.join(usual))
    };
    let credentials = file(
        &settings.credentials_file,
        "AWS_SHARED_CREDENTIALS_FILE",
        ".aws/credentials",
    );
    let config = file(&settings.config_file, "AWS_CONFIG_FILE", ".aws/config");
    let mut profile = profile::read(&config, name)?;
    profile.extend(profile::read(&credentials, name)?);
    let asked_for = settings.profile.is_some() || env("AWS_PROFILE").is_some();
    if profile.is_empty() && asked_for {
        return Err(StoreError::Setting {
            setting: format!("profile '{name}'"),
            why: format!(
                "neither {} nor {} has it. Correct the name, or create it with `aws configure --profile {name}`",
                credentials.display(),
                config.display()
            ),
        });
    }
    Ok(profile)
}

/// Credentials that another program hands out are that program's to fetch.
fn refuse_helpers(name: Option<&str>, profile: &Profile) -> StoreResult<()> {
    let name = name.unwrap_or("default");
    let helpers = [
        "credential_process",
        "sso_session",
        "sso_start_url",
        "role_arn",
    ];
    match helpers.iter().find(|helper| profile.contains_key(**helper)) {
        None => Ok(()),
        Some(helper) => Err(StoreError::Setting {
            setting: format!("profile '{name}'"),
            why: format!(
                "its `{helper}` isn't supported. Put its keys into the environment first: \
                 eval \"$(aws configure export-credentials --profile {name} --format env)\""
            ),
        }),
    }
}

/// Whether this machine says that it was given a role. The service that instances ask isn't called on
/// machines that aren't Amazon's, where it would be waited for in vain.
fn machine_has_a_role(env: &dyn Fn(&str) -> Option<String>) -> bool {
    let given = [
        "AWS_WEB_IDENTITY_TOKEN_FILE",
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    ];
    if given.iter().any(|variable| env(variable).is_some()) {
        return true;
    }
    let disabled =
        env("AWS_EC2_METADATA_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true"));
    !disabled
        && std::fs::read_to_string("/sys/devices/virtual/dmi/id/sys_vendor")
            .is_ok_and(|vendor| vendor.trim() == "Amazon EC2")
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn resolved(settings: &Settings, env: &[(&str, &str)]) -> StoreResult<Resolved> {
        resolve("s3://b", settings, &|name| {
            env.iter()
                .chain(&[("AWS_EC2_METADATA_DISABLED", "true")])
                .find(|(known, _)| *known == name)
                .map(|(_, value)| (*value).to_owned())
        })
    }

    fn key_id(resolved: &Resolved) -> &str {
        match &resolved.identity {
            Identity::Keys { id, .. } => id,
            _ => panic!("no keys"),
        }
    }

    #[test]
    fn settings_go_before_the_environment_and_that_before_profiles() {
        let home = tempfile::tempdir().unwrap();
        fs::create_dir(home.path().join(".aws")).unwrap();
        fs::write(
            home.path().join(".aws/credentials"),
            "[default]\naws_access_key_id=P\naws_secret_access_key=s\n[team]\naws_access_key_id=T\naws_secret_access_key=s\n",
        )
        .unwrap();
        fs::write(
            home.path().join(".aws/config"),
            "[default]\nregion=eu-north-1\nendpoint_url=http://config:1\n",
        )
        .unwrap();
        let home = home.path().to_str().unwrap();
        let env = [
            ("HOME", home),
            ("AWS_ACCESS_KEY_ID", "E"),
            ("AWS_SECRET_ACCESS_KEY", "s"),
        ];

        let files = resolved(&Settings::default(), &env[..1]).unwrap();
        assert_eq!(key_id(&files), "P");
        assert_eq!(files.region, "eu-north-1");
        assert_eq!(files.endpoint.as_deref(), Some("http://config:1"));

        assert_eq!(key_id(&resolved(&Settings::default(), &env).unwrap()), "E");
        let team = Settings {
            profile: Some("team".into()),
            ..Default::default()
        };
        assert_eq!(key_id(&resolved(&team, &env).unwrap()), "T");
        let team = [
            ("HOME", home),
            ("AWS_PROFILE", "team"),
            ("AWS_ENDPOINT_URL", "http://all:1"),
        ];
        let by_variable = resolved(&Settings::default(), &team).unwrap();
        assert_eq!(key_id(&by_variable), "T");
        assert_eq!(by_variable.endpoint.as_deref(), Some("http://all:1"));

        let said = Settings {
            access_key_id: Some("S".into()),
            secret_access_key: Some("s".into()),
            region: Some("here".into()),
            ..Default::default()
        };
        let said = resolved(&said, &env).unwrap();
        assert_eq!((key_id(&said), said.region.as_str()), ("S", "here"));
    }

    #[test]
    fn without_credentials_the_error_says_how_to_give_them() {
        let error = resolved(&Settings::default(), &[])
            .err()
            .unwrap()
            .to_string();
        assert!(
            error.starts_with("s3://b: no credentials. Set AWS_ACCESS_KEY_ID"),
            "{error}"
        );
    }

    #[test]
    fn half_a_key_a_missing_profile_and_a_helper_are_named() {
        let home = tempfile::tempdir().unwrap();
        let config = home.path().join("config");
        fs::write(&config, "[profile sso]\nsso_start_url=https://x\n").unwrap();
        let with = |profile: &str| Settings {
            profile: Some(profile.into()),
            config_file: Some(config.clone()),
            ..Default::default()
        };
        let said = |settings: &Settings, env: &[(&str, &str)]| {
            resolved(settings, env).err().unwrap().to_string()
        };
        assert!(said(&Settings::default(), &[("AWS_ACCESS_KEY_ID", "E")]).contains("go together"));
        assert!(said(&with("gone"), &[]).starts_with("profile 'gone': neither "));
        assert!(said(&with("sso"), &[]).contains("aws configure export-credentials --profile sso"));
    }

    #[test]
    fn keys_do_not_travel_in_the_clear_unless_somebody_says_so() {
        let to = |endpoint: &str, allow_http: bool, anonymous: bool| {
            let settings = Settings {
                endpoint: Some(endpoint.into()),
                access_key_id: Some("I".into()),
                secret_access_key: Some("s".into()),
                allow_http,
                anonymous,
                ..Default::default()
            };
            open("s3://b", &settings).map(|_| ())
        };
        for endpoint in [
            "http://127.0.0.1:9",
            "http://[::1]:9",
            "http://localhost",
            "https://far",
        ] {
            to(endpoint, false, false).unwrap();
        }
        for endpoint in [
            "http://far:9000",
            "http://me:pass@far",
            "http://127.0.0.1.far",
            "http://10.0.0.1",
        ] {
            let error = to(endpoint, false, false).unwrap_err();
            assert!(error.is_user_error());
            let error = error.to_string();
            assert!(
                error.contains("use_ssl = false") && !error.contains("pass"),
                "{error}"
            );
            to(endpoint, true, false).unwrap();
            to(endpoint, false, true).unwrap();
        }
    }

    #[test]
    fn a_url_without_a_bucket_is_refused() {
        for url in ["s3://", "s3:///prefix", "s3://a b/c"] {
            assert!(matches!(split(url), Err(StoreError::Url { .. })), "{url}");
        }
        assert_eq!(split("s3://b/p/q/").unwrap(), ("b", "p/q"));
        assert_eq!(split("s3://b").unwrap(), ("b", ""));
    }
}
