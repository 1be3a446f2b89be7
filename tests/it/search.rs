//! Searches in accounts: what they find, what they cost, and what they leave to other requests.

use std::time::{Duration, Instant};

use doorward::base::names::caseless;
use serde_json::{Value, json};

use crate::support::browser::encode;
use crate::support::{Browser, Door, NOON, PASSWORD, Reply};

const API: &str = "/api/accounts";

/// An administrator's browser.
fn administrator(door: &Door) -> Browser {
    door.signed_up("root");
    door.sql("UPDATE accounts SET role = 'administrator' WHERE username = 'root'");
    let browser = door.browser();
    assert_eq!(browser.sign_in("root", PASSWORD).status, 303);
    browser
}

fn program(door: &Door, browser: &Browser) -> Browser {
    door.program(Some(&browser.access()))
}

/// The same numbers at each run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, sides: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        usize::try_from(self.0 >> 33).unwrap() % sides
    }

    fn word(&mut self, letters: &[char], most: usize) -> String {
        let length = 1 + self.below(most);
        (0..length)
            .map(|_| letters[self.below(letters.len())])
            .collect()
    }
}

/// Accounts whose names, times and ids are alike, so that an index has much to tell apart.
fn add_accounts(door: &Door, count: usize, dice: &mut Dice) {
    let plain: Vec<char> = "abAr_.-1".chars().collect();
    let other: Vec<char> = "ab%_'\"é\u{3c3}+@ \\\u{1f600}".chars().collect();
    let rows: Vec<_> = (0..count)
        .map(|n| {
            let username = format!("{}-{n}", dice.word(&plain, 9));
            let email = format!("{}.{n}@example.com", dice.word(&other, 7));
            let (username, email) = match dice.below(5) {
                0 => (None, Some(email)),
                1 => (Some(username), None),
                _ => (Some(username), Some(email)),
            };
            let text = |text: Option<String>| {
                text.map_or("NULL".to_owned(), |text| {
                    format!("'{}'", text.replace('\'', "''"))
                })
            };
            let key = |name: &Option<String>| text(name.as_deref().map(caseless));
            let times = [
                -7,
                0,
                NOON - 9,
                NOON - 9,
                NOON - 9,
                NOON - 8,
                200_000_000_000,
            ];
            let groups = ["", "", "ops", "dev ops", "o-ps", "o_ps", "dev"];
            format!(
                "('{:07x}{:01x}-0000-4000-8000-{n:012x}', {}, {}, {}, {}, 'x', '{}', {}, {}, '{}')",
                dice.below(3),
                dice.below(16),
                key(&username),
                key(&email),
                text(username.clone()),
                text(email.clone()),
                ["member", "member", "administrator"][dice.below(3)],
                times[dice.below(times.len())],
                ["NULL", "NULL", "5"][dice.below(3)],
                groups[dice.below(groups.len())],
            )
        })
        .collect();
    door.sql(&format!(
        "INSERT INTO accounts (id, username_key, email_key, username, email, password_hash, role,
         created_at, disabled_at, groups) VALUES {}",
        rows.join(",")
    ));
}

/// Every account that the list has for these filters, page by page.
fn listed(root: &Browser, filters: &[(&str, &str)], limit: &str) -> Vec<Value> {
    let mut found = Vec::new();
    let mut after: Option<String> = None;
    loop {
        let page = [("limit", limit)]
            .into_iter()
            .chain(filters.iter().copied());
        let page = page.chain(after.as_deref().map(|after| ("after", after)));
        let reply = root.get(&format!("{API}?{}", encode(page)));
        assert_eq!(reply.status, 200, "{filters:?}: {}", reply.body);
        let mut page = reply.json();
        found.extend(page["items"].as_array().unwrap().iter().cloned());
        match page["next"].take() {
            Value::String(next) => after = Some(next),
            _ => return found,
        }
    }
}

fn fits(account: &Value, filters: &[(&str, &str)]) -> bool {
    filters.iter().all(|(key, value)| match *key {
        "q" => [&account["username"], &account["email"]]
            .into_iter()
            .filter_map(Value::as_str)
            .any(|name| caseless(name).contains(&caseless(value.trim()))),
        "group" => account["groups"]
            .as_array()
            .unwrap()
            .contains(&json!(value)),
        key => account[key] == *value,
    })
}

/// Compares searches with a look at every account.
fn finds_what_is_there(root: &Browser, dice: &mut Dice) {
    let all = listed(root, &[], "100");
    let mut texts: Vec<String> = [
        "%",
        "_",
        "\\",
        "'",
        "\"",
        "é",
        "É",
        "E\u{301}",
        "\u{3a3}",
        "ΑΣ",
        "a b",
        "b a",
        " a ",
        "OPS",
        "*",
        "a*",
        "NEAR",
        "a AND b",
        "\u{1}",
        "\u{1}a",
        "\u{2}m",
        "\u{1f600}",
        "m",
        ".com",
        "@",
        "example.com",
        "root",
        "no such name at all",
    ]
    .map(str::to_owned)
    .into();
    texts.push("x".repeat(3000));
    for _ in 0..25 {
        let account = &all[dice.below(all.len())];
        let name = [&account["username"], &account["email"]][dice.below(2)].as_str();
        let name: Vec<char> = name.unwrap_or("ab").chars().collect();
        let start = dice.below(name.len());
        let length = 1 + dice.below(6);
        texts.push(name.iter().skip(start).take(length).collect());
    }
    let filters: &[&[(&str, &str)]] = &[
        &[],
        &[("role", "administrator")],
        &[("role", "member")],
        &[("state", "disabled")],
        &[("state", "active")],
        &[("group", "ops")],
        &[("group", "o_ps")],
        &[("group", "none")],
        &[("role", "administrator"), ("state", "disabled")],
        &[("role", "member"), ("state", "active"), ("group", "dev")],
    ];
    let mut asked: Vec<Vec<(&str, &str)>> = filters.iter().map(|some| some.to_vec()).collect();
    for (n, text) in texts.iter().enumerate() {
        asked.push(vec![("q", text)]);
        let more = filters[n % filters.len()].iter().copied();
        asked.push([("q", text.as_str())].into_iter().chain(more).collect());
    }
    for (n, filters) in asked.iter().enumerate() {
        let ids = |found: Vec<&Value>| -> Vec<Value> {
            found.into_iter().map(|one| one["id"].clone()).collect()
        };
        let expected = ids(all.iter().filter(|one| fits(one, filters)).collect());
        let found = listed(root, filters, ["100", "9", "50"][n % 3]);
        let found = ids(found.iter().collect());
        assert_eq!(found, expected, "{filters:?}");
    }
}

#[test]
fn a_search_finds_in_order_what_a_look_at_every_account_finds() {
    let door = Door::with(&[("limits.searches", "off")]);
    let root = program(&door, &administrator(&door));
    let mut dice = Dice(12);
    add_accounts(&door, 260, &mut dice);
    finds_what_is_there(&root, &mut dice);
    // What becomes of an account is found from then on, and what it was no more.
    let members = listed(&root, &[("role", "member")], "100");
    for (n, account) in members.iter().enumerate().take(60) {
        let path = format!("{API}/{}", account["id"].as_str().unwrap());
        let reply = match n % 6 {
            0 => root.with_method("DELETE", &path),
            1 => root.send_json("PATCH", &path, &json!({"username": format!("Renamed.{n}")})),
            2 => root.send_json(
                "PATCH",
                &path,
                &json!({"email": format!("Ärmel{n}@example.com")}),
            ),
            3 => root.send_json("PATCH", &path, &json!({"role": "administrator"})),
            4 => root.send_json("PATCH", &path, &json!({"groups": ["new", "ops"]})),
            _ => root.send_json("PATCH", &path, &json!({"state": "disabled"})),
        };
        assert!([200, 204].contains(&reply.status), "{}", reply.body);
    }
    finds_what_is_there(&root, &mut dice);
    assert_eq!(listed(&root, &[("q", "ärmel")], "100").len(), 10);
    assert_eq!(listed(&root, &[("group", "new")], "100").len(), 10);
}

/// Makes reading any account take longer than a search may.
fn slow_down(door: &Door) {
    let slow = if door.database_url().is_some() {
        "pg_sleep(20) IS NOT NULL".to_owned()
    } else {
        let count = |to: u64| {
            format!(
                "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {to})
                 SELECT count(*) AS n FROM n"
            )
        };
        let start = Instant::now();
        let probe = 100_000;
        door.number(&count(probe));
        let seconds = start.elapsed().as_secs_f64();
        let to = (probe as f64 * 8.0 / seconds) as u64;
        format!("({}) > 0", count(to))
    };
    door.sql(&format!(
        "ALTER TABLE accounts RENAME TO accounts_kept;
         CREATE VIEW accounts AS SELECT * FROM accounts_kept WHERE {slow}"
    ));
}

/// What a search that takes too long is answered with.
pub fn too_slow() -> Reply {
    let door = Door::open();
    let root = program(&door, &administrator(&door));
    assert_eq!(root.get("/api/work-items").status, 200);
    slow_down(&door);
    root.get(&format!("{API}?q=root"))
}

#[test]
fn slow_searches_are_stopped_and_other_requests_do_not_wait_for_them() {
    let door = Door::open();
    let browser = administrator(&door);
    let root = program(&door, &browser);
    assert_eq!(root.get("/api/work-items").status, 200);
    slow_down(&door);
    let start = Instant::now();
    let (searches, slowest) = std::thread::scope(|scope| {
        let searches: Vec<_> = (0..16)
            .map(|_| {
                let root = root.copy();
                scope.spawn(move || root.get(&format!("{API}?q=root")))
            })
            .collect();
        let mut slowest = Duration::ZERO;
        while !searches.iter().all(|search| search.is_finished()) {
            let start = Instant::now();
            assert_eq!(root.get("/api/work-items").status, 200);
            slowest = slowest.max(start.elapsed());
        }
        let searches = searches.into_iter().map(|search| search.join().unwrap());
        (searches.collect::<Vec<_>>(), slowest)
    });
    let all = start.elapsed();
    for search in searches {
        assert_eq!(search.status, 503, "{}", search.body);
        assert_eq!(search.json()["error"], "search_too_slow");
        assert!(
            search.json()["message"]
                .as_str()
                .unwrap()
                .contains("Narrow the search")
        );
        assert!(search.header("retry-after").is_some());
    }
    assert!(all < Duration::from_secs(7), "{all:?}");
    assert!(slowest < Duration::from_secs(4), "{slowest:?}");
    let page = browser.get("/admin/accounts?q=root");
    assert_eq!(
        (page.status, page.heading().as_str()),
        (503, "The search took too long")
    );
}

#[test]
fn a_rare_name_is_found_by_an_index() {
    let door = Door::open();
    #[cfg(feature = "postgres")]
    if let Some(url) = door.database_url() {
        use diesel::{Connection, PgConnection, RunQueryDsl};
        #[derive(diesel::QueryableByName)]
        struct Step {
            #[diesel(sql_type = diesel::sql_types::Text, column_name = "QUERY PLAN")]
            step: String,
        }
        door.sql(
            "INSERT INTO accounts (id, username, username_key, password_hash, role, created_at)
             SELECT n::text, 'u' || n, 'u' || n, 'x', 'member', n FROM generate_series(1, 20000) AS n;
             ANALYZE accounts",
        );
        let mut connection = PgConnection::establish(&url).unwrap();
        // However small the table is.
        diesel::sql_query("SET enable_seqscan = off")
            .execute(&mut connection)
            .unwrap();
        for (condition, index) in [
            (
                "username_key LIKE '%rare%' OR email_key LIKE '%rare%' OR email LIKE '%rare%'",
                "accounts_names",
            ),
            (
                "account_letters(username_key, email_key, email) && string_to_array('qz', chr(1))",
                "accounts_letters",
            ),
        ] {
            let plan: Vec<Step> = diesel::sql_query(format!(
                "EXPLAIN SELECT id FROM accounts WHERE deleted_at IS NULL AND ({condition})
                 ORDER BY created_at, id LIMIT 51"
            ))
            .load(&mut connection)
            .unwrap();
            let plan: Vec<_> = plan.into_iter().map(|step| step.step).collect();
            assert!(plan.join("\n").contains(index), "{plan:#?}");
        }
        return;
    }
    let root = program(&door, &administrator(&door));
    // The last of the list.
    door.sql(&format!(
        "INSERT INTO accounts (id, username, username_key, password_hash, role, created_at)
         VALUES ('ffffffff-0000-4000-8000-000000000000', 'needle', 'needle', 'x', 'member', {NOON})"
    ));
    let times = || {
        [
            (0, &[("q", "xyzzy")][..]),
            (1, &[("q", "needle"), ("role", "member")]),
        ]
        .map(|(expected, filters)| {
            let once = || {
                let start = Instant::now();
                let found = listed(&root, filters, "50");
                assert_eq!(found.len(), expected, "{filters:?}");
                start.elapsed()
            };
            (0..10).map(|_| once()).min().unwrap()
        })
    };
    let few = times();
    door.sql(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 8000)
         INSERT INTO accounts (id, username, username_key, password_hash, role, created_at)
         SELECT printf('%08x-0000-4000-8000-%012x', i * 16, i), 'u' || i, 'u' || i, 'x', 'member', i FROM n",
    );
    let many = times();
    // Reading them all would take some fifty times as long.
    for (few, many) in few.into_iter().zip(many) {
        assert!(many < few * 8, "{few:?}, {many:?}");
    }
}
