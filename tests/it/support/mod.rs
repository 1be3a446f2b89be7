//! Servers, and those who come to them.

pub mod browser;
pub mod door;
pub mod log;
pub mod place;

pub use browser::{Browser, Reply};
pub use door::{Door, Schema, binary};
pub use place::{Place, Ran, Serving};

/// Every password in the tests begins with this word, so that a log can be searched for it.
pub const PASSWORD: &str = "canary-brine-lamp-44";
/// What the clock of a test's server shows when it opens.
pub const NOON: i64 = 1_800_000_000;
