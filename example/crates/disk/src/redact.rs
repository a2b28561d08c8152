//! What may be shown or kept of an address: not who logs in, not a password, not a signed query.

/// Schemes of addresses that carry secrets: known also where a slash is missing.
const SCHEMES: [&str; 8] = [
    "http", "https", "redis", "rediss", "s3", "ftp", "postgres", "ssh",
];
const HIDDEN: &str = "***";

/// A text, an address or a message with addresses in it, without the secrets of addresses: user and password
/// (`scheme://***@host`), what stands where a port should be, and queries (`?***`, which may be a signature).
/// Everything that prints, logs or stores an address passes it here.
///
/// ```
/// use mlops_disk::redact;
/// assert_eq!(redact("https://me:secret@host/t.csv?X-Amz-Signature=f00"), "https://***@host/t.csv?***");
/// assert_eq!(redact("s3://bucket/prefix"), "s3://bucket/prefix");
/// ```
#[must_use]
pub fn redact(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((start, length)) = find_scheme(rest) {
        let begin = start + length;
        let end = rest[begin..]
            .find(|char: char| char.is_whitespace() || "\"'`<>".contains(char))
            .map_or(rest.len(), |at| begin + at);
        shown.push_str(&rest[..begin]);
        let is_whole = rest[..begin].ends_with("//");
        shown.push_str(&if is_whole {
            without_secrets(&rest[begin..end])
        } else {
            HIDDEN.to_owned()
        });
        rest = &rest[end..];
    }
    shown + rest
}

/// Where an address begins, and how long its scheme is with what follows it (`://`, or what stands there instead).
fn find_scheme(text: &str) -> Option<(usize, usize)> {
    let letters = |char: char| char.is_ascii_alphanumeric() || "+-._".contains(char);
    text.match_indices(':').find_map(|(colon, _)| {
        let before = text[..colon].trim_end_matches(letters);
        let scheme = &text[before.len()..colon];
        let after = &text[colon + 1..];
        let slashes = after.len() - after.trim_start_matches('/').len();
        let is_known = SCHEMES
            .iter()
            .any(|known| scheme.eq_ignore_ascii_case(known))
            && after.starts_with(|char: char| !char.is_whitespace());
        match slashes {
            2.. if is_known => Some((before.len(), scheme.len() + 1 + slashes)),
            2.. if !scheme.is_empty() => Some((before.len(), scheme.len() + 3)),
            0 | 1 if is_known => Some((before.len(), scheme.len() + 1 + slashes)),
            _ => None,
        }
    })
}

/// The same of what follows `://`.
fn without_secrets(address: &str) -> String {
    let (mut place, query) = match address.find(['?', '#']) {
        Some(at) => (&address[..at], true),
        None => (address, false),
    };
    // A password may hold a question mark, or a slash, that nobody escaped.
    if query
        && !place.contains('@')
        && let Some(at) = address.rfind('@')
    {
        return format!("{HIDDEN}@{}", without_secrets(&address[at + 1..]));
    }
    let mut shown = String::new();
    let authority = place.find('/').unwrap_or(place.len());
    let at = match place[..authority].rfind('@') {
        None if !is_host(&place[..authority]) => place.rfind('@'),
        at => at,
    };
    if let Some(at) = at {
        shown = format!("{HIDDEN}@");
        place = &place[at + 1..];
    }
    let authority = place.find('/').unwrap_or(place.len());
    if is_host(&place[..authority]) {
        shown.push_str(place);
    } else {
        // Where a port should be stands what may be a password whose host is missing.
        let host = place[..authority].split(':').next().unwrap_or_default();
        shown = format!("{shown}{host}:{HIDDEN}{}", &place[authority..]);
    }
    if query {
        shown = format!("{shown}?{HIDDEN}");
    }
    shown
}

/// Whether a host and at most a port are all there is. (What ends a sentence may stand behind it.)
fn is_host(authority: &str) -> bool {
    let name = match authority.rsplit_once(']') {
        Some((_, port)) => port,
        None => authority,
    };
    let mut parts = name
        .trim_end_matches([')', ']', '.', ',', ';', ':'])
        .split(':');
    parts.next();
    parts.all(|port| port.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_form_of_an_address_shows_its_secret() {
        for address in [
            "https://me:s3cr3t@host/x",
            "https://s3cr3t@host/x",
            "https://host/x?X-Amz-Signature=s3cr3t&x=1",
            "https://host/x#access_token=s3cr3t",
            "https://me:s3cr3t@127.0.0.1:9/t.csv?sig=s3cr3t",
            "redis://:s3cr3t@127.0.0.1:9/0",
            "redis://u:s3cr3t@x@127.0.0.1:9/0",
            "redis://u:a/s3cr3t@127.0.0.1:9/0",
            "redis://u:a?s3cr3t@127.0.0.1:9/0",
            "redis://127.0.0.1:9/0?password=s3cr3t",
            "redis://u:s3cr3t",
            "redis:/u:s3cr3t",
            "redis:u:s3cr3t@host",
            "REDISS://u:s3cr3t@host",
            "http:///u:s3cr3t@host",
            "unknown+x://u:s3cr3t@host",
            "error sending request for url (https://u:s3cr3t@host/x?sig=s3cr3t): no route",
            "\"https://u:s3cr3t@a/\" and 'https://u:s3cr3t@b/'",
        ] {
            let shown = redact(address);
            assert!(!shown.contains("s3cr3t"), "{address}: {shown}");
            assert_eq!(redact(&shown), shown, "once more changes nothing");
        }
    }

    #[test]
    fn what_holds_no_secret_stays() {
        for text in [
            "",
            "s3://bucket/prefix",
            "http://127.0.0.1:9000",
            "http://[::1]:9000/x",
            "see https://example.org/a/b.",
            "(http://127.0.0.1:9000)",
            "file:///home/me/data",
            "/home/me/data:x",
            "C:/x",
            "metrics: 1",
            "http: 404",
            "https://host/picture@2x.png",
            "postgres://host/é",
        ] {
            assert_eq!(redact(text), text);
        }
        assert_eq!(
            redact("GET (https://u:p@host:80/x?s=1): no"),
            "GET (https://***@host:80/x?*** no"
        );
    }
}
