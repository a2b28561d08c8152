//! Who may ask a service that listens on this machine only. A page of any site runs in a browser of this machine, too: it
//! can let a name of its own lead here (DNS rebinding) and would then read answers and store observations. A browser
//! says in `Host` and `Origin` whose page asks.

use std::net::IpAddr;

use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode, Uri, header, uri::Authority};
use axum::middleware::Next;
use axum::response::Response;

use crate::server::refuse;

/// Lets requests pass that name this machine.
pub(crate) async fn only_own(request: Request, next: Next) -> Response {
    match foreign(request.headers(), request.uri()) {
        None => next.run(request).await,
        Some(message) => refuse(StatusCode::FORBIDDEN, message),
    }
}

/// Why a request is refused; `None` if it isn't. Programs that send neither header are no browsers.
fn foreign(headers: &HeaderMap, uri: &Uri) -> Option<String> {
    let hosts = headers.get_all(header::HOST).iter();
    let hosts = hosts.map(|host| String::from_utf8_lossy(host.as_bytes()).into_owned());
    let mut hosts = hosts.chain(uri.authority().map(Authority::to_string));
    if let Some(host) = hosts.find(|host| !is_own(host)) {
        return Some(format!(
            "the service answers this machine only, and the request is for the host {host:?}: ask 127.0.0.1 or localhost \
             (a proxy must send one of them as `Host`), or start the service with `--listen` on another address"
        ));
    }
    let mut origins = headers.get_all(header::ORIGIN).iter();
    let origin = origins.find(|origin| !is_own_origin(origin.as_bytes()))?;
    Some(format!(
        "the service answers pages of this machine only, and {:?} isn't one: let that site's server ask, not its page",
        String::from_utf8_lossy(origin.as_bytes())
    ))
}

fn is_own_origin(origin: &[u8]) -> bool {
    let origin = std::str::from_utf8(origin).unwrap_or_default();
    let host = origin
        .strip_prefix("http://")
        .or_else(|| origin.strip_prefix("https://"));
    host.is_some_and(is_own)
}

/// Whether `host` or `host:port` is this machine.
fn is_own(authority: &str) -> bool {
    let Ok(authority) = authority.parse::<Authority>() else {
        return false;
    };
    let host = authority.host();
    let bare = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    let address = bare.unwrap_or(host).parse::<IpAddr>();
    host.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_and_addresses_of_this_machine_are_own() {
        for own in [
            "localhost",
            "LOCALHOST:80",
            "127.0.0.1:8080",
            "127.9.9.9",
            "[::1]:8080",
        ] {
            assert!(is_own(own), "{own}");
        }
        let foreign = [
            "",
            "evil.example",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "10.0.0.1:8080",
            "[::2]",
            "a b",
            "localhost@evil.example",
            "0.0.0.0",
        ];
        for foreign in foreign {
            assert!(!is_own(foreign), "{foreign}");
        }
        for own in ["http://localhost:3000", "https://127.0.0.1"] {
            assert!(is_own_origin(own.as_bytes()), "{own}");
        }
        for foreign in ["null", "", "file://", "https://evil.example", "localhost"] {
            assert!(!is_own_origin(foreign.as_bytes()), "{foreign}");
        }
    }
}
