//! Forms that were made for another session than the one that is signed in when they are sent,
//! and what becomes of that which was typed into them.

use std::collections::BTreeSet;

use doorward::web::Guard;

use crate::guard::{OBJECTS, filled};
use crate::support::{Browser, Door, FormOnPage, Multipart, PASSWORD, Reply};

/// Their forms act on the account that they name themselves, or on none.
const FOR_VISITORS: [&str; 13] = [
    "/signup",
    "/login",
    "/login/continue",
    "/inspect",
    "/forgot",
    "/reset",
    "/verify",
    "/undo",
    "/invitation",
    "/login/link",
    "/login/link/sent",
    "/login/link/open",
    "/not-me",
];
/// In all that was typed.
const MARK: &str = "zephyr";
const NEW_PASSWORD: &str = "canary-gravel-mitten-otter";

/// All that any of the forms needs to act.
const FIELDS: [(&str, &str); 14] = [
    ("title", "x"),
    ("done", "yes"),
    ("to", "up"),
    ("version", "1"),
    ("username", "x"),
    ("email", "x@example.com"),
    ("role", "member"),
    ("state", "disabled"),
    ("minutes", "10"),
    ("files_max", "1"),
    ("current", PASSWORD),
    ("new", NEW_PASSWORD),
    ("password", PASSWORD),
    ("next", "/"),
];

fn administrator(door: &Door, name: &str) -> Browser {
    door.signed_up(name);
    door.sql(&format!(
        "UPDATE accounts SET role = 'administrator' WHERE username = '{name}'"
    ));
    signed_in(door, name)
}

fn signed_in(door: &Door, name: &str) -> Browser {
    let browser = door.browser();
    assert_eq!(browser.sign_in(name, PASSWORD).status, 303);
    browser
}

fn token_of(browser: &Browser) -> String {
    browser.get("/public").value_of("form_token")
}

/// What a form could change, row by row.
fn rows(door: &Door) -> Vec<String> {
    let or_none = |column: &str| format!("COALESCE(CAST({column} AS TEXT), '-')");
    let [disabled, deleted, ended, done] =
        ["disabled_at", "deleted_at", "ended_at", "done_at"].map(or_none);
    let [files_max, bytes_max] = ["files_max", "bytes_max"].map(or_none);
    let of = |columns: &str, table: &str| {
        let sql = format!("SELECT {columns} AS line FROM {table} ORDER BY 1");
        let rows = door.lines(&sql).into_iter();
        rows.map(|row| format!("{table} {row}")).collect::<Vec<_>>()
    };
    [
        of(
            &format!(
                "id || role || password_hash || CAST(version AS TEXT) || {disabled} || {deleted}"
            ),
            "accounts",
        ),
        of(
            &format!("id || CAST(verified_at AS TEXT) || {ended}"),
            "sessions",
        ),
        of(
            &format!("id || title || CAST(position AS TEXT) || {done}"),
            "work_items",
        ),
        of("id || name || CAST(version AS TEXT)", "files"),
        of("id", "shares"),
        of(
            &format!("account_id || {files_max} || {bytes_max}"),
            "shelves",
        ),
    ]
    .concat()
}

/// Sends what acts on the account, from a page with this token.
fn send(browser: &Browser, path: &str, token: Option<&str>) -> Reply {
    let token = token.map(|token| ("form_token", token));
    if path == "/files" {
        let form = token.map_or_else(Multipart::new, |(name, token)| {
            Multipart::new().text(name, token)
        });
        return browser.send_files(path, &form.file("file", "a.txt", "a"));
    }
    let fields: Vec<_> = token.into_iter().chain(FIELDS).collect();
    browser.post(path, &fields)
}

#[test]
fn a_form_that_acts_on_an_account_acts_only_in_the_session_that_it_was_made_for() {
    let door = Door::with(&[("compat.enabled", "false")]);
    let hanna = administrator(&door, "hanna");
    let hannas = token_of(&hanna);
    let visitors = door.browser().get("/login").value_of("form_token");
    let mut swept = 0;
    for route in doorward::web::listed() {
        let is_page = route.method == "POST" && !route.path.starts_with("/api/");
        let is_for_anybody = matches!(route.guard, Guard::Public | Guard::PublicToken);
        if !is_page || route.for_programs || is_for_anybody || FOR_VISITORS.contains(&route.path) {
            continue;
        }
        swept += 1;
        let name = format!("ivan{swept}");
        let older = token_of(&administrator(&door, &name));
        let ivan = signed_in(&door, &name);
        let program = door.program(Some(&ivan.access()));
        let made = OBJECTS
            .iter()
            .find(|(family, _)| route.path.starts_with(family));
        let path = match made {
            Some((_, make)) => filled(route.path, &make(&program), &program),
            None => route.path.to_owned(),
        };
        let before = rows(&door);

        for (token, made_for) in [
            (None, "another session"),
            (Some("x"), "another session"),
            (Some(visitors.as_str()), "another session"),
            (Some(hannas.as_str()), "hanna"),
        ] {
            let told = send(&ivan, &path, token);
            assert_eq!(told.status, 403, "{path} {token:?} {}", told.body);
            let words = format!(
                "You are signed in as {name} now; this page was made for {made_for}. Nothing was changed."
            );
            assert!(told.text("main").contains(&words), "{path} {}", told.body);
            let way = told.attribute("main .actions a", "href").unwrap();
            let way = ivan.get(&way);
            assert!(matches!(way.status, 200 | 303 | 410), "{path} {}", way.body);
        }
        let asks_json = ivan.with("accept", "application/json");
        let json = send(&asks_json, &path, Some(&hannas));
        assert_eq!(json.status, 403, "{path}");
        assert_eq!(json.json()["error"], "other_session");
        assert!(json.body.contains("made for hanna"), "{}", json.body);

        // The same person has signed in again since.
        let again = send(&ivan, &path, Some(&older));
        assert_eq!(again.status, 303, "{path} {}", again.body);
        let page = ivan.follow(&again);
        if page.status == 200 {
            let notice = page.text(".notice");
            let words = "You have signed in again since this page was opened";
            assert!(
                notice.starts_with(words) || path == "/logout",
                "{path} {notice}"
            );
        }
        let json = send(&asks_json, &path, Some(&older));
        assert_eq!(json.json()["error"], "other_session");
        assert_eq!(rows(&door), before, "{path}");

        let own = token_of(&ivan);
        let acts = send(&ivan, &path, Some(&own));
        assert_ne!(acts.status, 403, "{path} {}", acts.body);
    }
    assert!(swept > 20, "{swept}");
}

#[test]
fn an_administrators_form_that_a_member_sends_is_refused_by_who_it_was_made_for() {
    let door = Door::with(&[("compat.enabled", "false")]);
    let hanna = administrator(&door, "hanna");
    let hannas = token_of(&hanna);
    let program = door.program(Some(&hanna.access()));
    let older = token_of(&door.signed_up("ivan"));
    let ivan = signed_in(&door, "ivan");
    let (made_for_hanna, no_access) = (
        "You are signed in as ivan now; this page was made for hanna.",
        "Your account is not allowed to do this.",
    );
    let mut swept = 0;
    for route in doorward::web::listed() {
        let is_page = route.method == "POST" && !route.path.starts_with("/api/");
        if !is_page || !route.guard.requires_administrator() {
            continue;
        }
        swept += 1;
        let made = OBJECTS
            .iter()
            .find(|(family, _)| route.path.starts_with(family));
        let path = match made {
            Some((_, make)) => filled(route.path, &make(&program), &program),
            None => route.path.to_owned(),
        };
        let own = token_of(&ivan);
        for (token, words) in [
            (&hannas, made_for_hanna),
            (&older, no_access),
            (&own, no_access),
        ] {
            let told = send(&ivan, &path, Some(token));
            assert_eq!(told.status, 403, "{path} {}", told.body);
            assert!(told.text("main").contains(words), "{path} {}", told.body);
        }
    }
    assert!(swept > 5, "{swept}");
}

/// Every form with `method=post` that is found on the pages that `browser` can open.
fn forms_on_pages(door: &Door, browser: &Browser) -> Vec<(String, FormOnPage)> {
    let program = door.program(Some(&browser.access()));
    let (mut found, mut seen) = (Vec::new(), BTreeSet::new());
    for route in doorward::web::listed() {
        if route.method != "GET" || route.for_programs || route.path.starts_with("/api/") {
            continue;
        }
        let made = OBJECTS
            .iter()
            .find(|(family, _)| route.path.starts_with(family));
        let path = match made {
            Some((_, make)) => filled(route.path, &make(&program), &program),
            None => route.path.to_owned(),
        };
        let page = browser.get(&path);
        let is_page = page.header("content-type") == Some("text/html; charset=utf-8");
        if page.status != 200 || !is_page {
            continue;
        }
        for form in page.forms() {
            let names: Vec<_> = form.fields.iter().map(|(name, ..)| name).collect();
            if form.method == "post" && seen.insert(format!("{} {names:?}", form.action)) {
                found.push((path.clone(), form));
            }
        }
    }
    found
}

#[test]
fn every_form_on_a_page_of_somebody_signed_in_states_its_session() {
    let door = Door::open();
    let hanna = administrator(&door, "hanna");
    let own = token_of(&hanna);
    let forms = forms_on_pages(&door, &hanna);
    assert!(forms.len() > 20, "{}", forms.len());
    for (page, form) in forms {
        let token = form.fields.iter().find(|(name, ..)| name == "form_token");
        let (_, kind, value) = token.unwrap_or_else(|| panic!("{page}: {}", form.action));
        assert_eq!((kind.as_str(), value), ("hidden", &own), "{page}");
    }
}

/// As (name, value).
type Fields = Vec<(String, String)>;

/// The fields of a form with something typed into each that people type into, and which those are.
fn typed(form: &FormOnPage) -> (Fields, Fields) {
    let (mut all, mut kept) = (Vec::new(), Vec::new());
    for (name, kind, value) in &form.fields {
        let typed = match kind.as_str() {
            "hidden" => value.clone(),
            "password" => "canary-secret-typed".to_owned(),
            "select" if name == "minutes" => "10080".to_owned(),
            "select" => "administrator".to_owned(),
            _ => format!("{MARK} {name} “ä”"),
        };
        if !matches!(kind.as_str(), "hidden" | "password") {
            kept.push((name.clone(), typed.clone()));
        }
        all.push((name.clone(), typed));
    }
    (all, kept)
}

fn post(browser: &Browser, action: &str, fields: &[(String, String)]) -> Reply {
    let fields: Vec<_> = fields
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    browser.post(action, &fields)
}

/// Signs in on the page that somebody was led to.
fn sign_in_at(browser: &Browser, led: &Reply, name: &str) -> Reply {
    let page = browser.follow(led);
    let fields = [("Username or email address", name), ("Password", PASSWORD)];
    browser.submit(&page, "Sign in", &fields)
}

#[test]
fn the_input_of_every_form_is_shown_again_after_the_same_account_signs_in() {
    let door = Door::open();
    // Otherwise the messages about these sign-ins leave the list at /admin/mail one by one.
    door.sql("UPDATE leases SET holder = 'another', ends_at = 9999999999");
    let hanna = administrator(&door, "hanna");
    let ivan = door.signed_up("ivan");
    drop(ivan);
    let mut with_text = 0;
    for (page, form) in forms_on_pages(&door, &hanna) {
        let has_file = form.fields.iter().any(|(_, kind, _)| kind == "file");
        if FOR_VISITORS.contains(&form.action.as_str()) || has_file || form.action == "/logout" {
            continue;
        }
        let browser = signed_in(&door, "hanna");
        let fresh = browser.get(&page);
        let form = fresh
            .forms()
            .into_iter()
            .find(|fresh| fresh.action == form.action && fresh.fields.len() == form.fields.len())
            .unwrap();
        let (fields, kept) = typed(&form);
        with_text += usize::from(!kept.is_empty());
        // In another tab.
        browser.sign_out();
        let before = rows(&door);
        let led = post(&browser, &form.action, &fields);
        assert_eq!(led.status, 303, "{} {}", form.action, led.body);
        let sign_in = browser.follow(&led);
        let words = if kept.is_empty() {
            "Nothing was changed, because you were signed out."
        } else {
            "Nothing was saved, because you were signed out. Sign in with the same account, and your input is shown again."
        };
        let note = sign_in.text(".note");
        assert!(note.starts_with(words), "{} {note}", form.action);
        assert!(!sign_in.body.contains(MARK), "{}", sign_in.body);
        assert_eq!(rows(&door), before, "{}", form.action);

        // Somebody else signs in first, and is shown nothing of it.
        let led_on = sign_in_at(&browser, &led, "ivan");
        let other = browser.follow(&led_on);
        assert!(!other.body.contains(MARK), "{}", other.body);
        browser.sign_out();
        let led_on = sign_in_at(&browser, &led, "hanna");
        let again = browser.follow(&led_on);
        assert_eq!(again.status, 200, "{} {}", form.action, again.body);
        let notice = again.text(".notice");
        assert!(
            notice.starts_with("You were signed out before, so nothing"),
            "{notice}"
        );
        assert!(!again.body.contains("canary-"), "{}", again.body);
        let shown = again.forms();
        let shown = shown
            .iter()
            .find(|shown| shown.action == form.action && shown.fields.len() == form.fields.len())
            .unwrap();
        for (name, value) in kept {
            let field = shown.fields.iter().find(|(shown, ..)| *shown == name);
            assert_eq!(field.unwrap().2, value, "{name} of {}", form.action);
        }
        // Once.
        let fresh = browser.get(&page);
        assert!(!fresh.body.contains(MARK), "{}", fresh.body);
        assert_eq!(fresh.text(".notice"), "");
    }
    assert!(with_text >= 8, "{with_text}");
}

#[test]
fn the_input_of_one_account_is_kept_while_another_is_signed_in() {
    let door = Door::open();
    let browser = door.signed_up("hanna");
    door.signed_up("ivan");
    let page = browser.get("/work");
    let label = "Title";
    browser.sign_out();
    assert_eq!(browser.sign_in("ivan", PASSWORD).status, 303);
    let told = browser.submit(&page, "Add", &[(label, "Hanna's secret plan")]);
    assert_eq!(told.status, 403);
    let words = "You are signed in as ivan now; this page was made for hanna. Nothing was changed. What was typed is kept for hanna.";
    assert!(told.text("main").contains(words), "{}", told.body);
    assert!(!told.body.contains("secret plan"), "{}", told.body);
    let on = told.attribute("main .actions a", "href").unwrap();
    assert_eq!(told.text("main .actions a"), "Continue as ivan");
    let work = browser.get(&on);
    assert!(!work.body.contains("secret plan"), "{}", work.body);

    let out = browser.submit(&told, "Sign out, and sign in as hanna", &[]);
    assert_eq!(out.location(), "/login?next=/work");
    let page = browser.follow(&out);
    assert_eq!(page.text(".notice"), "You are signed out.");
    let led = sign_in_at(&browser, &out, "hanna");
    let work = browser.follow(&led);
    assert_eq!(work.value(label), "Hanna's secret plan");
    assert_eq!(browser.submit(&work, "Add", &[]).status, 303);
    assert!(
        browser
            .get("/work")
            .text("li")
            .contains("Hanna's secret plan")
    );
}

/// Over plain HTTP, browsers send no `Sec-Fetch-Site`.
#[test]
fn a_form_of_another_site_does_not_replace_what_was_typed_here() {
    let door = Door::open();
    door.signed_up("hanna");
    let mallorys = token_of(&door.signed_up("mallory"));
    let label = "Title";
    let plain = Browser::sending(&door.local_url(), &[("accept", "text/html")]);
    let here = plain.with("origin", &door.url);
    assert_eq!(here.sign_in("hanna", PASSWORD).status, 303);
    let page = here.get("/work");
    here.sign_out();
    let led = here.submit(&page, "Add", &[(label, "Hanna's plan")]);
    assert_eq!(led.location(), "/login?next=/work");

    // Sends what another site's page posts, and keeps the cookies that come back.
    let posted = |headers: &[(&'static str, &str)]| {
        let mut elsewhere = Browser::sending(&door.local_url(), &[("accept", "text/html")]);
        for (name, value) in headers {
            elsewhere = elsewhere.with(name, value);
        }
        for name in ["doorward_form", "doorward_access", "doorward_refresh"] {
            if let Some(value) = here.cookie(name) {
                elsewhere.set_cookie(name, &value);
            }
        }
        let typed = [("title", "Mallory's plan"), ("form_token", &mallorys)];
        let reply = elsewhere.post("/work", &typed);
        if let Some(form) = elsewhere.cookie("doorward_form") {
            here.set_cookie("doorward_form", &form);
        }
        reply.status
    };
    let ways = [
        (&[][..], 303),
        (&[("origin", "null")], 303),
        (&[("origin", "http://elsewhere.example")], 403),
        (&[("sec-fetch-site", "cross-site")], 403),
    ];
    for (headers, status) in ways {
        assert_eq!(posted(headers), status, "{headers:?}");
    }
    let led = sign_in_at(&here, &led, "hanna");
    for (headers, _) in ways {
        assert_eq!(posted(headers), 403, "{headers:?}, signed in");
    }
    assert_eq!(here.follow(&led).value(label), "Hanna's plan");
}

#[test]
fn two_people_of_one_name_are_told_apart_by_what_they_sign_in_with() {
    let door = Door::open();
    let browser = door.signed_up("hanna");
    door.signed_up("ivan");
    door.sql("UPDATE accounts SET name = 'Sam'");
    let browser_again = signed_in(&door, "hanna");
    drop(browser);
    let page = browser_again.get("/work");
    browser_again.sign_out();
    browser_again.sign_in("ivan", PASSWORD);
    let told = browser_again.submit(&page, "Add", &[("Title", "x")]);
    let words = "You are signed in as ivan now; this page was made for hanna.";
    assert!(told.text("main").contains(words), "{}", told.body);
}

#[test]
fn a_form_that_needs_the_password_again_comes_back_with_what_was_typed() {
    let door = Door::open();
    let ada = door.signed_up("ada");
    let page = ada.get("/account/email");
    door.let_pass(10 * 60);
    let led = ada.submit(&page, "Save", &[("Name (optional)", "Ada L.")]);
    assert_eq!(led.location(), "/account/verify?next=/account/email");
    let asked = ada.follow(&led);
    assert!(
        asked.text("main").contains("Your input is kept"),
        "{}",
        asked.body
    );
    let wrong = ada.submit(&asked, "Confirm", &[("Password", "canary-wrong")]);
    assert!(
        wrong.text("main").contains("Your input is kept"),
        "{}",
        wrong.body
    );
    let right = ada.submit(&wrong, "Confirm", &[("Password", PASSWORD)]);
    let again = ada.follow(&right);
    assert_eq!(again.value("Name (optional)"), "Ada L.");
    assert_eq!(again.value("Username"), "ada");
    assert!(
        again
            .text(".notice")
            .starts_with("You had to enter your password first")
    );
    assert_eq!(ada.submit(&again, "Save", &[]).status, 303);
    assert!(ada.get("/account").text("dl").contains("Ada L."));
}

#[test]
fn the_sign_in_page_says_which_input_is_not_kept() {
    let door = Door::open();
    let ada = door.signed_up("ada");
    let (files, work) = (ada.get("/files"), ada.get("/work"));
    ada.sign_out();
    let form = Multipart::new()
        .text("form_token", &files.value_of("form_token"))
        .file("file", "letter.txt", vec![b'a'; 100_000]);
    let led = ada.send_files("/files", &form);
    assert_eq!(led.location(), "/login?next=/files");
    let note = ada.follow(&led).text(".note");
    assert!(note.contains("choose the files again"), "{note}");
    let led = sign_in_at(&ada, &led, "ada");
    let again = ada.follow(&led);
    assert!(again.text(".notice").contains("Choose the files again"));
    assert_eq!(door.number("SELECT count(*) AS n FROM files"), 0);

    ada.sign_out();
    for (length, expected) in [
        (2_000, "Nothing was saved, because you were signed out."),
        (2_300, "Nothing was saved, because you were signed out."),
        (2_700, "Nothing was saved, and your input is too long"),
        (5_000, "Nothing was saved, and your input is too long"),
        // Without its token nobody knows whose form it was.
        (50_000, ""),
    ] {
        let long = "a".repeat(length);
        let led = ada.submit(&work, "Add", &[("Title", &long)]);
        let page = ada.follow(&led);
        let note = page.text(".note");
        assert!(note.starts_with(expected), "{length} {note}");
        for cookie in [led.cookies(), page.cookies()].concat() {
            assert!(cookie.len() <= 4096, "{length} {}", cookie.len());
        }
    }
}

#[test]
fn a_bearer_token_names_its_account_itself_whatever_cookie_comes_along() {
    let door = Door::with(&[("compat.enabled", "false")]);
    let ada = door.signed_up("ada");
    let holder = door
        .program(Some(&ada.access()))
        .with("cookie", "consent=yes; other=1");
    let title = serde_json::json!({"title": "one"});
    let made = holder.send_json("POST", "/api/work-items", &title);
    assert_eq!(made.status, 201, "{}", made.body);
    let item = format!("/api/work-items/{}", made.json()["id"].as_str().unwrap());
    let done = serde_json::json!({"done": true});
    assert_eq!(holder.send_json("PATCH", &item, &done).status, 200);
    assert_eq!(holder.with_method("DELETE", &item).status, 204);
    let file = Multipart::new().file("file", "a.txt", "a");
    assert_eq!(holder.send_files("/api/files", &file).status, 201);
    assert_eq!(holder.post("/work", &[("title", "two")]).status, 303);
    // The cookie alone does not tell where a request comes from.
    let cookie = door.program(None).with("cookie", "consent=yes");
    assert_eq!(cookie.with_method("DELETE", &item).status, 403);
    // A token that is not good is refused as such.
    let bad = holder.with("authorization", "Bearer nonsense");
    assert_eq!(bad.send_json("POST", "/api/work-items", &title).status, 401);
}
