//! From what a store says to what the user can do about it.

use std::error::Error as StdError;

use mlops_disk::redact;
use object_store::Error;

use super::Inner;
use crate::StoreError;
use crate::retry::{Failed, causes, is_transient, is_unreachable, status};

/// What S3 says if the bucket isn't there.
const NO_BUCKET: &str = "NoSuchBucket";

/// Names a failure.
pub(super) fn name(inner: &Inner, doing: &'static str, key: &str, failed: Failed) -> StoreError {
    let Failed { error, tries } = failed;
    let bucket = inner.url.trim_end_matches('/');
    let url = if key.is_empty() {
        bucket.to_owned()
    } else {
        format!("{bucket}/{key}")
    };
    let said = last_words(&error);
    match error {
        _ if said.starts_with(NO_BUCKET) => StoreError::NoBucket {
            url: inner.url.clone(),
        },
        Error::NotFound { .. } => StoreError::NoObject { url },
        Error::Precondition { .. } | Error::NotModified { .. } => StoreError::Changed { url },
        Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => {
            StoreError::Refused { doing, url, said }
        }
        Error::Generic { source, .. } if source.is::<StoreError>() => {
            match source.downcast::<StoreError>() {
                Ok(own) => *own,
                Err(_) => StoreError::Bucket { doing, url, said },
            }
        }
        ref error if is_unreachable(error) => StoreError::Unreachable {
            doing,
            url,
            endpoint: inner.endpoint.clone(),
            said,
            tries,
        },
        ref error if is_transient(error) => StoreError::Busy {
            doing,
            url,
            said,
            tries,
        },
        // Not every call of object_store names these two.
        ref error if matches!(status(error), Some(401 | 403)) => {
            StoreError::Refused { doing, url, said }
        }
        _ => StoreError::Bucket { doing, url, said },
    }
}

/// Whether a "not found" is about the bucket, not the object.
pub(super) fn names_bucket(source: &(dyn StdError + 'static)) -> bool {
    causes(source).any(|cause| cause.to_string().contains(NO_BUCKET))
}

/// The innermost cause, or what an S3 server wrote into its answer: one line of at most 300 characters.
fn last_words(error: &Error) -> String {
    let mut words = error.to_string();
    for cause in causes(error) {
        let text = cause.to_string();
        if let Some(answer) = s3_answer(&text) {
            return redact(&answer);
        }
        words = text;
    }
    let line = words.split_whitespace().collect::<Vec<_>>().join(" ");
    redact(&line).chars().take(300).collect()
}

/// `Code: Message` of S3's XML for an error.
fn s3_answer(text: &str) -> Option<String> {
    let inside = |tag: &str| {
        let (_, rest) = text.split_once(&format!("<{tag}>"))?;
        rest.split_once(&format!("</{tag}>"))
            .map(|(inside, _)| inside)
    };
    let code = inside("Code")?;
    Some(match inside("Message") {
        Some(message) if !message.is_empty() => format!("{code}: {message}"),
        _ => code.to_owned(),
    })
}
