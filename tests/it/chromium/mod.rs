//! What only a real browser can show: Debian's Chromium, driven through its chromedriver.

pub mod page_checks;
mod window;

mod files;
mod gallery;
mod journeys;
mod mail;
mod tabs;
mod traps;

use crate::support::tool;
