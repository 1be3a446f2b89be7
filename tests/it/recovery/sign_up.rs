//! A sign-up whose address has to be confirmed.

use serde_json::json;

use crate::metrics::figure;
use crate::support::{Browser, Door, PASSWORD, Place, Reply, longest_email};

const SUBJECT: &str = "Confirm your email address";
const OTHER: &str = "canary-gravel-mitten-otter";
const VERIFY: (&str, &str) = ("signup.verify_email", "true");

fn door() -> Door {
    Door::with(&[VERIFY])
}

fn accounts(door: &Door) -> i64 {
    door.number("SELECT count(*) AS n FROM accounts")
}

/// Opens the link to confirm a sign-up, and returns its page.
fn open(door: &Door, visitor: &Browser, email: &str) -> Reply {
    let letter = door.letter(email, SUBJECT);
    let opened = visitor.get(letter.path(door));
    assert_eq!(
        (opened.status, opened.location().as_str()),
        (303, "/verify")
    );
    visitor.get("/verify")
}

fn create(visitor: &Browser, page: &Reply, password: &str) -> Reply {
    visitor.submit(page, "Create account", &[("Password", password)])
}

/// Signs up and confirms the address.
fn confirmed(door: &Door, username: &str) -> Browser {
    let browser = door.browser();
    let email = format!("{username}@example.com");
    assert_eq!(browser.sign_up(username, &email, PASSWORD).status, 303);
    let page = open(door, &browser, &email);
    assert_eq!(create(&browser, &page, PASSWORD).status, 303);
    browser
}

#[test]
fn an_account_is_created_when_its_address_is_confirmed() {
    let door = door();
    let visitor = door.browser();
    let page = visitor.get("/signup?next=/work");
    let fields = [
        ("Username", "ada"),
        ("Email address", "ada@example.com"),
        ("Name (optional)", "Ada"),
        ("Password", PASSWORD),
    ];
    let asked = visitor.submit(&page, "Create account", &fields);
    assert_eq!((asked.status, asked.location().as_str()), (303, "/login"));
    let page = visitor.follow(&asked);
    let notice = page.text(".notice");
    assert!(notice.contains("to ada@example.com"), "{notice}");
    assert_eq!(accounts(&door), 0);
    assert_eq!(visitor.sign_in("ada", PASSWORD).status, 422);

    // The link works in another browser.
    let elsewhere = door.browser();
    let letter = door.letter("ada@example.com", SUBJECT);
    for _ in 0..2 {
        elsewhere.head(letter.path(&door));
        elsewhere.get(letter.path(&door));
    }
    assert_eq!(accounts(&door), 0, "opening the link changes nothing");
    let page = elsewhere.get("/verify");
    assert_eq!(page.value("Email address"), "ada@example.com");
    let wrong = create(&elsewhere, &page, OTHER);
    assert_eq!(wrong.status, 422, "{}", wrong.body);
    assert_eq!(wrong.errors()[0].0, "password");
    assert_eq!(create(&elsewhere, &wrong, "").status, 422);
    let made = create(&elsewhere, &wrong, PASSWORD);
    assert_eq!((made.status, made.location().as_str()), (303, "/work"));
    assert!(elsewhere.is_signed_in());
    let me = door.program(Some(&elsewhere.access())).get("/api/me");
    let me = me.json();
    assert_eq!(
        (&me["username"], &me["name"]),
        (&json!("ada"), &json!("Ada"))
    );
    assert_eq!(me["email_verified"], true);
    assert_eq!(elsewhere.get(letter.path(&door)).status, 410);
    let ended = elsewhere.copy().get("/verify");
    assert_eq!(ended.status, 410);
    let ended = door.browser().get(letter.path(&door));
    assert_eq!(ended.status, 410);
    assert!(ended.body.contains("href=\"/signup\""), "{}", ended.body);
    assert_eq!(visitor.sign_in("ada", PASSWORD).status, 303);
}

/// What a visitor sees of a sign-up: status, headers, body, the next page; and what it costs.
fn seen(door: &Door, sign_up: impl Fn() -> Reply) -> (u16, Vec<String>, String, i64, f64) {
    let metrics = door.metrics.unwrap();
    let hashes = || figure(metrics, "doorward_password_hash_duration_seconds_count");
    let rows = || door.number("SELECT count(*) AS n FROM limits");
    let (rows_before, hashes_before) = (rows(), hashes());
    let reply = sign_up();
    let hashed = hashes() - hashes_before;
    let written = rows() - rows_before;
    let own = ["date", "x-request-id", "set-cookie"];
    let header = |name: &str, value: &str| {
        if own.contains(&name) {
            name.to_owned()
        } else {
            format!("{name}: {value}")
        }
    };
    let mut headers: Vec<_> = reply
        .headers
        .iter()
        .map(|(name, value)| header(name.as_str(), value.to_str().unwrap()))
        .collect();
    headers.sort();
    door.wait_for_mail();
    (reply.status, headers, reply.body, written, hashed)
}

#[test]
fn the_response_to_a_sign_up_does_not_tell_which_names_are_taken() {
    let door = Door::with(&[VERIFY, ("metrics.listen", "127.0.0.1:0")]);
    confirmed(&door, "ada");
    let names = [
        ("eve", "eve@example.com"),
        ("ada", "bob@example.com"),
        ("max", "ada@example.com"),
        ("ada", "ADA@example.com"),
    ];
    // The budgets of the sender are there already, and each address has one of its own.
    door.browser().sign_up("x1", "x1@example.com", PASSWORD);
    door.wait_for_mail();
    let sent = || door.letters().len();
    for surface in ["page", "api", "json tutorial"] {
        let mut all = Vec::new();
        for (username, email) in names {
            door.sql("DELETE FROM limits");
            door.browser().sign_up("x1", "x1@example.com", PASSWORD);
            door.wait_for_mail();
            let before = sent();
            let one = seen(&door, || match surface {
                "page" => door.browser().sign_up(username, email, PASSWORD),
                "api" => door.program(None).send_json(
                    "POST",
                    "/api/accounts",
                    &json!({"username": username, "email": email, "password": PASSWORD}),
                ),
                _ => door.program(None).send_json(
                    "POST",
                    "/api/v1/signup",
                    &json!({"username": username, "email": email, "password": PASSWORD}),
                ),
            });
            assert_eq!(
                sent(),
                before + 1,
                "{surface} {email}: everyone is written to"
            );
            all.push(one);
        }
        assert!(all.iter().all(|one| *one == all[0]), "{surface} {all:#?}");
        assert_eq!((all[0].3, all[0].4), (1, 1.0), "{surface}");
        let expected = match surface {
            "page" => 303,
            "api" => 202,
            _ => 200,
        };
        assert_eq!(all[0].0, expected);
    }
    assert_eq!(accounts(&door), 1);
    let told = door.letters();
    let told = told.iter().filter(|letter| letter.to == "ada@example.com");
    let told: Vec<_> = told
        .filter(|letter| letter.subject.contains("already have an account"))
        .collect();
    assert_eq!(told.len(), 6);
    assert!(!told[0].text.contains("token"), "{}", told[0].text);
}

#[test]
fn programs_are_told_that_a_message_is_sent() {
    let door = door();
    let program = door.program(None);
    let new = |name: &str| json!({"username": name, "email": format!("{name}@example.com"), "password": PASSWORD});
    let sent = program.send_json("POST", "/api/accounts", &new("ada"));
    assert_eq!(sent.status, 202, "{}", sent.body);
    assert_eq!(sent.json(), json!({"status": "verification_sent"}));
    assert_eq!(sent.header("location"), None);
    let weak = json!({"username": "x1", "email": "x1@example.com", "password": "short"});
    assert_eq!(
        program.send_json("POST", "/api/accounts", &weak).status,
        422
    );

    let sent = program.send_json("POST", "/api/v1/signup", &new("bob"));
    assert_eq!(sent.json(), json!({"msg": "welcome :-)"}));
    let sent = program.post(
        "/signup",
        &[
            ("name", "Max"),
            ("email", "max@example.com"),
            ("password", PASSWORD),
        ],
    );
    assert_eq!(
        (sent.status, sent.body.as_str()),
        (201, "Successfully registered.")
    );
    // This tutorial has no address: nobody could confirm it.
    let nameless = json!({"username": "eve", "password": PASSWORD});
    let refused = program.send_json("POST", "/signup", &nameless);
    assert_eq!(refused.status, 422, "{}", refused.body);
    assert_eq!(refused.json()["result"], "Enter an email address");
    for email in ["ada@example.com", "bob@example.com", "max@example.com"] {
        let visitor = door.browser();
        let page = open(&door, &visitor, email);
        assert_eq!(create(&visitor, &page, PASSWORD).status, 303, "{email}");
    }
    assert_eq!(accounts(&door), 3);
}

#[test]
fn a_strangers_sign_up_with_an_address_gives_them_nothing() {
    let door = door();
    let stranger = door.browser();
    stranger.sign_up("mallory", "ada@example.com", OTHER);
    door.wait_for_mail();
    let theirs = door.letter("ada@example.com", SUBJECT);
    door.browser().sign_up("ada", "ada@example.com", PASSWORD);
    door.wait_for_mail();
    let letters = door.letters();
    let own = letters
        .iter()
        .find(|letter| letter.id != theirs.id)
        .unwrap();
    // The owner opens the wrong link, and then the right one.
    let ada = door.browser();
    ada.get(theirs.path(&door));
    let page = ada.get("/verify");
    assert_eq!(create(&ada, &page, PASSWORD).status, 422);
    ada.get(own.path(&door));
    let page = ada.get("/verify");
    assert_eq!(create(&ada, &page, PASSWORD).status, 303);
    assert_eq!(door.lines("SELECT username AS line FROM accounts"), ["ada"]);
    // The address is taken now: the other link creates nothing.
    let late = door.browser();
    late.get(theirs.path(&door));
    let page = late.get("/verify");
    let taken = create(&late, &page, OTHER);
    assert_eq!(taken.status, 409, "{}", taken.body);
    assert_eq!(taken.heading(), "Another account has this email address");
    assert_eq!(accounts(&door), 1);
}

#[test]
fn a_link_ends_after_ten_wrong_passwords_or_a_day() {
    let door = door();
    let visitor = door.browser();
    visitor.sign_up("ada", "ada@example.com", PASSWORD);
    let mut page = open(&door, &visitor, "ada@example.com");
    for _ in 0..9 {
        page = create(&visitor, &page, OTHER);
        assert_eq!(page.status, 422);
    }
    assert_eq!(create(&visitor, &page, OTHER).status, 422);
    assert_eq!(create(&visitor, &page, PASSWORD).status, 410);
    assert_eq!(visitor.get("/verify").status, 410);

    visitor.sign_up("bob", "bob@example.com", PASSWORD);
    let page = open(&door, &visitor, "bob@example.com");
    door.let_pass(24 * 3600);
    assert_eq!(create(&visitor, &page, PASSWORD).status, 410);
    assert_eq!(accounts(&door), 0);
}

#[test]
fn a_username_that_is_taken_is_replaced_when_the_address_is_confirmed() {
    let door = door();
    confirmed(&door, "ada");
    let visitor = door.browser();
    visitor.sign_up("Ada", "other@example.com", PASSWORD);
    let page = open(&door, &visitor, "other@example.com");
    let taken = create(&visitor, &page, PASSWORD);
    assert_eq!(taken.status, 422, "{}", taken.body);
    assert_eq!(taken.errors()[0].0, "username");
    let choose = |page: &Reply, username, password| {
        let fields = [("Username", username), ("Password", password)];
        visitor.submit(page, "Create account", &fields)
    };
    for bad in ["", "admin", "a b", "ADA"] {
        let again = choose(&taken, bad, PASSWORD);
        assert_eq!(again.errors()[0].0, "username", "{bad} {}", again.body);
    }
    let wrong = choose(&taken, "eve", OTHER);
    assert_eq!(wrong.errors()[0].0, "password");
    assert_eq!(wrong.value("Username"), "eve");
    assert_eq!(choose(&wrong, "eve", PASSWORD).status, 303);
    let names = "SELECT username AS line FROM accounts ORDER BY username";
    assert_eq!(door.lines(names), ["ada", "eve"]);
}

#[test]
fn of_fifty_uses_of_one_link_one_succeeds() {
    let door = door();
    let visitor = door.browser();
    visitor.sign_up("ada", "ada@example.com", PASSWORD);
    let page = open(&door, &visitor, "ada@example.com");
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let uses: Vec<_> = (0..50)
            .map(|_| {
                let (visitor, page) = (visitor.copy(), &page);
                scope.spawn(move || create(&visitor, page, PASSWORD).status)
            })
            .collect();
        uses.into_iter().map(|one| one.join().unwrap()).collect()
    });
    let succeeded = statuses.iter().filter(|status| **status == 303).count();
    assert_eq!(succeeded, 1, "{statuses:?}");
    assert_eq!(accounts(&door), 1);
}

#[test]
fn tokens_that_are_altered_or_for_another_purpose_confirm_nothing() {
    let door = door();
    let ada = confirmed(&door, "ada");
    let page = ada.get("/forgot");
    ada.submit(
        &page,
        "Send the link",
        &[("Email address", "ada@example.com")],
    );
    let reset = door.letter("ada@example.com", "Set a new password");
    let reset = reset.path(&door).strip_prefix("/reset").unwrap().to_owned();
    door.browser().sign_up("bob", "bob@example.com", PASSWORD);
    let good = door.letter("bob@example.com", SUBJECT);
    let good = good.path(&door);
    let token = good.strip_prefix("/verify?token=").unwrap();
    let flipped = if token.starts_with('A') { "B" } else { "A" };
    for path in [
        format!("/verify{reset}"),
        format!("/undo?token={token}"),
        format!("/reset?token={token}"),
        format!("/verify?token={flipped}{}", &token[1..]),
        format!("/verify?token={token}="),
        format!("/verify?token={}", &token[1..]),
        "/verify?token=".to_owned(),
    ] {
        assert_eq!(door.browser().get(&path).status, 410, "{path}");
    }
    let twice = door.browser().get(&format!("{good}&token={token}"));
    assert!(twice.status >= 400, "{}", twice.status);
    assert_eq!(accounts(&door), 1);
}

#[test]
fn names_cannot_add_headers_and_every_address_gets_its_message() {
    let door = door();
    let sign_up = |email: &str| {
        // The name of the person is in no message.
        let page = door.browser();
        let shown = page.get("/signup");
        let fields = [
            ("Username", "x\r\nBcc: eve@example.com"),
            ("Email address", email),
            ("Password", PASSWORD),
        ];
        page.submit(&shown, "Create account", &fields)
    };
    assert_eq!(sign_up("ada@example.com").status, 422);
    for email in [
        "ada@example.com\r\nBcc: eve@example.com",
        "ada@example.com,eve@example.com",
    ] {
        let reply = door.browser().sign_up("ada", email, PASSWORD);
        assert_eq!(reply.status, 422, "{email:?}");
    }
    let longest = longest_email();
    for (at, (email, to)) in [
        ("ada+news@example.com", "ada+news@example.com"),
        ("o'hara@example.com", "o'hara@example.com"),
        ("eve@bücher.example", "eve@xn--bcher-kva.example"),
        (longest.as_str(), longest.as_str()),
    ]
    .into_iter()
    .enumerate()
    {
        let visitor = door.browser();
        let asked = visitor.sign_up(&format!("user{at}"), email, PASSWORD);
        assert_eq!(asked.status, 303, "{email} {}", asked.body);
        let page = open(&door, &visitor, to);
        assert_eq!(page.value("Email address"), email);
        assert_eq!(create(&visitor, &page, PASSWORD).status, 303, "{email}");
    }
    assert!(
        door.letters()
            .iter()
            .all(|letter| !letter.raw.contains("eve@example.com"))
    );
}

#[test]
fn an_address_gets_a_few_messages_only() {
    let door = Door::with(&[VERIFY, ("limits.mail_recipient", "2/1h")]);
    let sign_up = |email: &str| door.browser().sign_up("ada", email, PASSWORD);
    assert_eq!(sign_up("ada@example.com").status, 303);
    // Who mistypes something may try again at once.
    assert_eq!(sign_up("ADA@example.com").status, 303);
    let limited = sign_up("ada@example.com");
    assert_eq!(limited.status, 429, "{}", limited.body);
    assert!(limited.header("retry-after").is_some());
    assert_eq!(sign_up("bob@example.com").status, 303);
    door.wait_for_mail();
    assert_eq!(door.letters().len(), 3);
}

#[test]
fn a_pending_sign_up_ends_when_sign_up_is_closed() {
    let door = door();
    let visitor = door.browser();
    visitor.sign_up("ada", "ada@example.com", PASSWORD);
    let letter = door.letter("ada@example.com", SUBJECT);
    let path = letter.path(&door).to_owned();
    let door = door.restart_with(&[("signup.mode", "closed")]);
    let visitor = door.browser();
    assert_eq!(visitor.get(&path).status, 403);
    assert_eq!(accounts(&door), 0);
}

#[test]
fn only_addresses_of_listed_domains_sign_up() {
    let door = Door::with(&[("signup.domains", "example.com, bücher.example")]);
    let why = "Use an email address that ends in @example.com or @xn--bcher-kva.example";
    for good in [
        "a@EXAMPLE.com",
        "b@bücher.example",
        "c@xn--bcher-kva.example",
    ] {
        let name = &good[..1].repeat(3);
        let reply = door.browser().sign_up(name, good, PASSWORD);
        assert_eq!(reply.status, 303, "{good} {}", reply.body);
    }
    let program = door.program(None);
    for bad in ["a@example.org", "a@sub.example.com", "a@evil-example.com"] {
        let reply = door.browser().sign_up("eve", bad, PASSWORD);
        assert_eq!(
            reply.errors(),
            [("email".to_owned(), why.to_owned())],
            "{bad}"
        );
        let new = json!({"username": "eve", "email": bad, "password": PASSWORD});
        let reply = program.send_json("POST", "/api/accounts", &new);
        assert_eq!(reply.json()["fields"]["email"], why, "{}", reply.body);
        let reply = program.send_json("POST", "/api/v1/signup", &new);
        assert_eq!((reply.status, &reply.json()["error"]), (422, &json!(why)));
        let reply = program.post("/signup", &[("email", bad), ("password", PASSWORD)]);
        assert_eq!((reply.status, reply.body.as_str()), (422, why));
    }
    let without = json!({"username": "eve", "password": PASSWORD});
    let reply = program.send_json("POST", "/signup", &without);
    assert_eq!(reply.json()["result"], why);
    // Nor does an account get another address later.
    let ada = door.browser();
    ada.sign_in("aaa", PASSWORD);
    let page = ada.get("/account/email");
    let moved = ada.submit(&page, "Save", &[("Email address", "a@example.org")]);
    assert_eq!(moved.errors(), [("email".to_owned(), why.to_owned())]);
    assert_eq!(accounts(&door), 3);
}

#[test]
fn doctor_warns_of_domains_that_nobody_verifies() {
    let mut place = Place::new();
    assert!(!place.run(&["doctor"]).well().contains("signup.domains"));
    place.set("DOORWARD_SIGNUP__DOMAINS", "example.com");
    let told = place.run(&["doctor"]).well();
    assert!(told.contains("warn  sign-up: signup.domains"), "{told}");
    place.set("DOORWARD_SIGNUP__VERIFY_EMAIL", "true");
    assert!(!place.run(&["doctor"]).well().contains("signup.domains"));
}
