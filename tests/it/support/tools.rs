//! What tests need from outside. `scripts/test` says in `DOORWARD_TEST_…` where it is; what is
//! not there fails the tests, unless `DOORWARD_TEST_WITHOUT` names it.

/// The program or file that `variable` names. `None` only where people know that `tool` is left
/// out.
pub fn tool(tool: &str, variable: &str) -> Option<String> {
    if left_out(tool) {
        return None;
    }
    let found = std::env::var(variable).unwrap_or_else(|_| {
        panic!("{variable} is not set: run scripts/test, or put `{tool}` in DOORWARD_TEST_WITHOUT")
    });
    Some(found)
}

pub fn left_out(tool: &str) -> bool {
    let without = std::env::var("DOORWARD_TEST_WITHOUT").unwrap_or_default();
    without.split(',').any(|left_out| left_out == tool)
}
