//! With imported hashes of several kinds, the work of a sign-in does not tell whether there is an
//! account. Measured by the processor time of the threads that hash, which other programs on the
//! machine hardly change.

use serde_json::json;

use crate::support::{Browser, PASSWORD, Place, Serving, rank_score, wait_until};

/// Of four kinds: one, five, nine and forty milliseconds of work.
const KINDS: [fn() -> String; 4] = [
    || format!("$2b$04${}", ".".repeat(53)),
    || format!("pbkdf2:sha256:30000$salt${}", "ab".repeat(32)),
    || format!("$2b$07${}", ".".repeat(53)),
    || format!("scrypt:16384:8:1$salt${}", "ab".repeat(64)),
];
const ACCOUNTS_PER_KIND: usize = 12;

/// Nanoseconds that the threads that hash have worked so far.
fn worked(serving: &Serving) -> u64 {
    let tasks = std::fs::read_dir(format!("/proc/{}/task", serving.child.id())).unwrap();
    let tasks = tasks.map(|task| task.unwrap().path());
    let hashing = tasks.filter(|task| {
        std::fs::read_to_string(task.join("comm")).is_ok_and(|name| name.trim() == "bcrypt")
    });
    let times = hashing.map(|task| {
        let times = std::fs::read_to_string(task.join("schedstat")).unwrap();
        times.split(' ').next().unwrap().parse::<u64>().unwrap()
    });
    times.sum()
}

/// The work of one wrong sign-in.
fn work(serving: &Serving, program: &Browser, username: &str) -> u64 {
    let before = worked(serving);
    let body = json!({"username": username, "password": "canary-brine-lamp-45"});
    let reply = program.send_json("POST", "/api/sessions", &body);
    assert_eq!(reply.status, 401, "{username}");
    worked(serving) - before
}

#[test]
fn wrong_sign_ins_to_imported_and_to_unknown_names_are_the_same_work() {
    let mut place = Place::new();
    place.set("DOORWARD_LIMITS__ENABLED", "false");
    let mut file = "username,password_hash\n".to_owned();
    for number in 0..KINDS.len() * ACCOUNTS_PER_KIND {
        file += &format!("known{number},{}\n", KINDS[number % KINDS.len()]());
    }
    place.write("users.csv", file);
    place.run(&["import", "users.csv"]).well();
    let serving = place.serve();
    let program = Browser::program(&serving.url(), None);
    // What is done once is done before anything is measured.
    work(&serving, &program, "known0");

    let names = 0..KINDS.len() * ACCOUNTS_PER_KIND;
    let known: Vec<u64> = names
        .clone()
        .map(|number| work(&serving, &program, &format!("known{number}")))
        .collect();
    let unknown: Vec<u64> = names
        .map(|number| work(&serving, &program, &format!("unknown{number}")))
        .collect();
    // One of 15,000 runs is further away by chance; one kind for all of them would be 6 away.
    let score = rank_score(&known, &unknown);
    assert!(score.abs() < 4.0, "{score}: {known:?} {unknown:?}");

    // Unknown names are of several kinds, as the accounts are: some much more work than others.
    let mut sorted = unknown.clone();
    sorted.sort_unstable();
    let (few, many) = (sorted[1], sorted[sorted.len() - 2]);
    assert!(many > few * 8, "{sorted:?}");

    // And each is of the same kind every time, in any spelling and after a restart.
    drop(serving);
    let serving = place.serve();
    let program = Browser::program(&serving.url(), None);
    work(&serving, &program, "known0");
    for (number, before) in unknown.iter().enumerate().take(12) {
        let again = work(&serving, &program, &format!("UNKNOWN{number}"));
        let (low, high) = (*before.min(&again), *before.max(&again));
        assert!(high < low * 3 + 2_000_000, "{number}: {before} {again}");
    }
}

#[test]
fn without_imports_an_unknown_name_is_one_hash_of_our_own_cost() {
    let mut place = Place::new();
    place.set("DOORWARD_LIMITS__ENABLED", "false");
    place.set("DOORWARD_PASSWORDS__BCRYPT_COST", "8");
    let add = ["account", "add", "--username", "ada"];
    assert_eq!(place.tell(&add, PASSWORD).code, Some(0));
    let serving = place.serve();
    let program = Browser::program(&serving.url(), None);
    work(&serving, &program, "ada");
    let (mut known, mut unknown) = (Vec::new(), Vec::new());
    for number in 0..20 {
        known.push(work(&serving, &program, "ada"));
        unknown.push(work(&serving, &program, &format!("unknown{number}")));
    }
    let score = rank_score(&known, &unknown);
    assert!(score.abs() < 4.0, "{score}: {known:?} {unknown:?}");
}

#[test]
fn after_a_change_of_cost_unknown_names_have_the_old_cost_and_the_new_one() {
    let mut place = Place::new();
    place.set("DOORWARD_LIMITS__ENABLED", "false");
    for number in 0..8 {
        let name = format!("old{number}");
        let added = place.tell(&["account", "add", "--username", &name], PASSWORD);
        assert_eq!(added.code, Some(0), "{}", added.stderr);
    }
    place.set("DOORWARD_PASSWORDS__BCRYPT_COST", "8");
    for number in 0..8 {
        let name = format!("new{number}");
        let added = place.tell(&["account", "add", "--username", &name], PASSWORD);
        assert_eq!(added.code, Some(0), "{}", added.stderr);
    }
    // As an earlier version stored them: their kinds are found at the start.
    place.sql("UPDATE accounts SET password_kind = NULL");
    let first = place.serve();
    let kinds = "SELECT password_kind || ' ' || count(*) AS line FROM accounts \
                 GROUP BY password_kind ORDER BY 1";
    wait_until("the kinds are stored", || {
        place.lines(kinds) == ["own:4 8", "own:8 8"]
    });
    first.end();
    let serving = place.serve();
    let program = Browser::program(&serving.url(), None);
    work(&serving, &program, "new0");
    let mut unknown: Vec<u64> = (0..40)
        .map(|number| work(&serving, &program, &format!("unknown{number}")))
        .collect();
    unknown.sort_unstable();
    // Between 6 and 34 of 40 are of the old cost, but for one of 100,000 secrets.
    assert!(unknown[34] > unknown[5] * 8, "{unknown:?}");
}
