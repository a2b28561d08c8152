//! What the commands promise, each in a repository of its own.

#![allow(clippy::unwrap_used)] // a test may

mod adding;
mod checkout;
mod garbage;
mod known;
mod outputs;
mod place;
mod remotes;
