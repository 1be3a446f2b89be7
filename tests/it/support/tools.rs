//! What tests need from outside. `scripts/test` installs it, and says in `DOORWARD_TEST_…` where
//! it is. A test is skipped when its tool is missing, or fails if `DOORWARD_TEST_REQUIRE` is
//! `all`.

use std::io::Write;

/// The program, file or URL that `variable` names.
pub fn tool(tool: &str, variable: &str) -> Option<String> {
    let found = std::env::var(variable).ok();
    if found.is_none() {
        let required = std::env::var("DOORWARD_TEST_REQUIRE").is_ok_and(|which| which == "all");
        assert!(!required, "{tool} is missing: {variable} is not set");
        report_skipped(tool);
    }
    found
}

/// The PostgreSQL server. Not required: the tests run on SQLite first, and there without it.
#[cfg(feature = "postgres")]
pub fn postgres() -> Option<String> {
    let server = std::env::var("DOORWARD_TEST_DATABASE").ok();
    if server.is_none() {
        report_skipped("PostgreSQL");
    }
    server
}

/// Prints that this test, or the part of it that needs `tool`, is skipped.
pub fn report_skipped(tool: &str) {
    let test = std::thread::current();
    let test = test.name().unwrap_or("a test");
    // Not eprintln!, which is captured when the test passes.
    writeln!(std::io::stderr(), "skipped without {tool}: {test}").ok();
}
