# What scripts/setup, scripts/test and scripts/clients share: where the tools of the tests are, and how to find them.

page_checks=$PWD/target/page-checks
foreign=$PWD/target/foreign
clients=$PWD/target/clients

say() { printf '%s: %s\n' "${0#"$PWD"/}" "$*" >&2; }
die() {
    say "$@"
    exit 1
}
have() { command -v "$1" >/dev/null 2>&1; }

# A compiler without the C library's headers builds nothing, so both are tried.
have_c() { have cc && cc -E -include stdio.h -x c /dev/null >/dev/null 2>&1; }
have_libpq() { have pg_config && [ -e "$(pg_config --includedir)/libpq-fe.h" ]; }
have_java() { java -version >/dev/null 2>&1; } # macOS has a `java` that only says there is none

# Prints the folder of PostgreSQL's server programs; Debian keeps them out of PATH.
postgres_programs() {
    local initdb
    initdb=$(command -v initdb || compgen -G '/usr/lib/postgresql/*/bin/initdb' | sort -V | tail -n 1) || return 1
    dirname "$(readlink -f "$initdb")"
}

# Debian keeps it where only root looks.
pgbouncer_program() { PATH=$PATH:/usr/sbin command -v pgbouncer; }
