//! What a failed request means to the one who asked for it.

use std::error::Error;

use object_store::client::{HttpError, HttpErrorKind};

use super::attempts::UnaskedPart;

/// What happened and what to do, in a sentence; `attempts` requests were sent and waited so many seconds each.
pub fn explain(error: &object_store::Error, seconds: f64, attempts: usize) -> String {
    use object_store::Error::{NotFound, PermissionDenied, Unauthenticated};

    let root = root(error);
    match (error, connection(error)) {
        (NotFound { .. }, _) => "is not there (404): check the address".into(),
        (Unauthenticated { .. } | PermissionDenied { .. }, _) => {
            "may not be read without signing in: download the file in a browser and import it".into()
        }
        _ if chain(error).any(|cause| cause.is::<UnaskedPart>()) => {
            format!("failed: {root}. Download the file in a browser and import it")
        }
        (_, Some(HttpErrorKind::Connect)) => {
            format!("cannot be reached ({root}): check the address and your network")
        }
        (_, Some(HttpErrorKind::Timeout)) => {
            let times = match attempts {
                1 => "once".into(),
                more => format!("{more} times"),
            };
            format!(
                "did not answer within {seconds} s, asked {times}: try again later, or download the file in a browser and import it"
            )
        },
        (_, Some(_)) => format!("broke the connection ({root}): try again"),
        _ if root.contains("Content-Length") => {
            "comes without its length, as pages do and files don't: download the file in a browser and import it".into()
        }
        _ => format!("failed ({root}): try again later"),
    }
}

/// Whether there was no answer at all.
pub fn of_connection(error: &object_store::Error) -> bool {
    connection(error).is_some()
}

/// The innermost cause, the one that names a reason; not more of it than fits a line or two.
pub fn root(error: &(dyn Error + 'static)) -> String {
    let cause = chain(error)
        .last()
        .map_or_else(String::new, ToString::to_string);
    let cause = cause.split_whitespace().collect::<Vec<_>>().join(" ");
    match cause.char_indices().nth(200) {
        Some((end, _)) => format!("{}…", &cause[..end]),
        None => cause,
    }
}

fn connection(error: &(dyn Error + 'static)) -> Option<HttpErrorKind> {
    chain(error).find_map(|cause| cause.downcast_ref::<HttpError>().map(HttpError::kind))
}

fn chain<'e>(error: &'e (dyn Error + 'static)) -> impl Iterator<Item = &'e (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error: &&'e (dyn Error + 'static)| {
        (*error).source()
    })
}
