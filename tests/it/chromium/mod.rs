//! What only a real browser can show: Debian's Chromium, driven through its chromedriver.
//!
//! `scripts/test` says in `DOORWARD_TEST_…` where the tools are. One that is not there fails the
//! tests, unless `DOORWARD_TEST_WITHOUT` names it.

mod page_checks;
mod window;

mod gallery;
mod journeys;
mod traps;

/// The program or file that `variable` names. `None` only where people know that `tool` is left
/// out.
fn tool(tool: &str, variable: &str) -> Option<String> {
    if left_out(tool) {
        return None;
    }
    let found = std::env::var(variable).unwrap_or_else(|_| {
        panic!("{variable} is not set: run scripts/test, or put `{tool}` in DOORWARD_TEST_WITHOUT")
    });
    Some(found)
}

fn left_out(tool: &str) -> bool {
    let without = std::env::var("DOORWARD_TEST_WITHOUT").unwrap_or_default();
    without.split(',').any(|left_out| left_out == tool)
}
