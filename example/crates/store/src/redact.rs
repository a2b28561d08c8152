//! Addresses without what is secret in them.

/// The text with every address in it (`scheme://…`) less its user info and its query: a password, or the
/// signature of a signed address. They must not get to a terminal, a log or a file.
///
/// The text may be an address or a message that quotes some. What can't be told for certain is taken for secret.
///
/// ```
/// use mlops_store::redact;
///
/// assert_eq!(redact("https://me:pass@host/t.csv?sig=abc: not found"), "https://***@host/t.csv?***: not found");
/// assert_eq!(redact("s3://bucket/data"), "s3://bucket/data");
/// ```
pub fn redact(text: &str) -> String {
    let mut redacted = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + 3);
        redacted.push_str(before);
        let (address, behind) = after.split_at(end(after));
        push_address(&mut redacted, address);
        rest = behind;
    }
    redacted.push_str(rest);
    redacted
}

/// Length of the address at the start of a text. Punctuation at its end belongs to the sentence.
fn end(text: &str) -> usize {
    let is_over = |c: char| c.is_whitespace() || c.is_control() || "\"`<>".contains(c);
    let address = &text[..text.find(is_over).unwrap_or(text.len())];
    address
        .trim_end_matches(['.', ',', ':', ';', ')', '\''])
        .len()
}

fn push_address(redacted: &mut String, address: &str) {
    let (place, query) = match address.find(['?', '#']) {
        Some(at) => address.split_at(at),
        None => (address, ""),
    };
    let host = match place.rfind('@') {
        Some(at) => {
            redacted.push_str("***@");
            &place[at + 1..]
        }
        // A password with a question mark or a slash in it, which ends the user info too early.
        None if is_cut(place, query) => {
            redacted.push_str("***");
            return;
        }
        None => place,
    };
    redacted.push_str(host);
    if let Some(mark) = query.chars().next() {
        redacted.push(mark);
        redacted.push_str("***");
    }
}

/// Whether an `@` comes later although what stands behind the first colon is no port.
fn is_cut(place: &str, query: &str) -> bool {
    let authority = place.split('/').next().unwrap_or(place);
    let behind = authority.split_once(':').map(|(_, behind)| behind);
    let is_port = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    // An IPv6 address has colons of its own.
    query.contains('@')
        && !authority.starts_with('[')
        && behind.is_some_and(|behind| !is_port(behind))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::redact;

    #[test]
    fn user_info_and_queries_are_left_out_and_the_rest_is_kept() {
        for (text, expected) in [
            ("https://host/t.csv", "https://host/t.csv"),
            ("no address: a@b?c", "no address: a@b?c"),
            ("https://token@host:8080/a", "https://***@host:8080/a"),
            (
                "redis://:pw@h@10.0.0.1:6379/0",
                "redis://***@10.0.0.1:6379/0",
            ),
            ("http://[::1]:80/x?y=z", "http://[::1]:80/x?***"),
            ("https://h/a#t=k", "https://h/a#***"),
            ("https://u:p?w@h/a", "https://***"),
            ("https://u:p/w@h/a", "https://***@h/a"),
            (
                "two: https://a:b@c/d?e, and (s3://k:l@m/n?o).",
                "two: https://***@c/d?***, and (s3://***@m/n?***).",
            ),
            (
                "https://h/t.csv?sig=1: is not there",
                "https://h/t.csv?***: is not there",
            ),
        ] {
            assert_eq!(redact(text), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_secret_is_left_wherever_it_stands(
            before in "[a-z :,]{0,9}",
            user in "[a-z]{0,5}",
            secret in "S[A-Za-z0-9._~%!$&*+=@:/-]{3,20}E",
            host in "[a-z]{1,8}(:[0-9]{2,4})?",
            path in "(/[a-z.]{1,6}){0,3}",
        ) {
            let text = format!("{before} https://{user}:{secret}@{host}{path}?sig={secret} x");
            let redacted = redact(&text);
            prop_assert!(!redacted.contains(&secret), "{redacted}");
            let expected = format!("{before} https://***@{host}{path}?*** x");
            prop_assert_eq!(redacted, expected);
        }
    }
}
