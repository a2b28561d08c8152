//! What can be done with a repository; each module one command.

pub mod add;
pub mod checkout;
pub mod commit;
pub mod init;
pub mod list;
pub mod remove;
pub mod status;

mod known_outs;
