//! How connections to a server are made: how long they are waited for, and whose certificates count.

use std::time::Duration;

use object_store::{Certificate, ClientOptions};

use crate::{Certificates, Settings, StoreError, StoreResult};

pub(super) fn client(endpoint: &str, settings: &Settings) -> StoreResult<ClientOptions> {
    let timeout = settings.retry.timeout;
    let connect = settings.connect_timeout;
    let client = ClientOptions::new()
        .with_allow_http(settings.allow_http || endpoint.starts_with("http://"))
        // A large part may take long, as long as something moves; `Retry` bounds the whole.
        .with_timeout_disabled()
        .with_read_timeout(settings.read_timeout.unwrap_or(timeout))
        .with_connect_timeout(connect.unwrap_or(timeout.min(Duration::from_secs(10))));
    match &settings.certificates {
        Certificates::System => Ok(client),
        Certificates::Unchecked => Ok(client.with_allow_invalid_certificates(true)),
        Certificates::File(path) => {
            let refused = |why: String| StoreError::Setting {
                setting: format!("certificates of {}", path.display()),
                why: format!("{why}: name a file of certificates in PEM format"),
            };
            let pem = mlops_disk::read_small(path, mlops_disk::MAX_SMALL)
                .map_err(|error| refused(error.to_string()))?;
            let certificates =
                Certificate::from_pem_bundle(&pem).map_err(|error| refused(error.to_string()))?;
            if certificates.is_empty() {
                return Err(refused("there is none in it".into()));
            }
            Ok(certificates
                .into_iter()
                .fold(client, ClientOptions::with_root_certificate))
        }
    }
}
