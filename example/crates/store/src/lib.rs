//! The bucket: a URL becomes an object store; atomic writes, create-only records, retries.
