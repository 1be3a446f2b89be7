# Lists the recipes.
_default:
    @just --list --unsorted

# Build and serve on http://127.0.0.1:8080
run *ARGS:
    cargo run -- {{ ARGS }}

# The tests whose name contains NAME, on SQLite; scripts/test has every tool and database
test NAME:
    cargo nextest run -E 'test({{ NAME }})'

# Format and lints
check:
    cargo fmt --check && cargo clippy --locked --all-targets --all-features -- -D warnings

# Accept or reject changed snapshots
review:
    cargo insta review

# Measure the release server beside a bare actix handler
bench *ARGS:
    scripts/bench {{ ARGS }}

# Fuzz what reads tokens and requests
fuzz *SECONDS:
    scripts/fuzz {{ SECONDS }}

# Attack a server of its own with five tools of others
security *TOOLS:
    scripts/security {{ TOOLS }}

# Every page in a real browser, with axe and the Nu HTML checker; pictures go to target/screenshots
pages:
    DOORWARD_TEST_SCREENSHOTS="$PWD/target/screenshots" scripts/test chromium::gallery

# Serve from the PostgreSQL database at URL
pg URL:
    DOORWARD_DATABASE__URL='{{ URL }}' cargo run --features postgres
