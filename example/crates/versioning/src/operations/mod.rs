//! What can be done with a repository; each module one command.

pub mod add;
pub mod checkout;
pub mod commit;
pub mod diff;
pub mod gc;
pub mod init;
pub mod list;
pub mod remove;
pub mod status;
pub mod transfer;
pub mod verify;

mod known_outs;
