//! Links that hand a file on: what they open, for whom, how often and until when.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::*;
use crate::support::{NOON, PASSWORD, Place, Wire, log};

const WORDS: &str = "what is shared";
const LINK_PASSWORD: &str = "canary-hand-it-on";

/// Somebody with a file.
struct Owner {
    browser: Browser,
    program: Browser,
    file: String,
}

impl Owner {
    fn of(door: &Door) -> Self {
        let browser = door.signed_up("ada");
        let program = door.program(Some(&browser.access()));
        let file = uploaded(&program, &one("shared.txt", WORDS));
        Self {
            browser,
            program,
            file,
        }
    }

    fn shares(&self) -> String {
        format!("{API}/{}/shares", self.file)
    }

    /// Makes a link; returns it as it is answered.
    #[track_caller]
    fn share(&self, what: Value) -> Value {
        let reply = self.program.send_json("POST", &self.shares(), &what);
        assert_eq!(reply.status, 201, "{}", reply.body);
        reply.json()
    }

    /// Makes a link; returns where it is opened.
    #[track_caller]
    fn link(&self, what: Value) -> String {
        path_of(text(&self.share(what), "url"))
    }

    /// Makes a link as an earlier version made it: the id of its row, and a signed token.
    #[track_caller]
    fn signed_link(&self, door: &Door, what: Value) -> String {
        let id = text(&self.share(what), "id").to_owned();
        door.sql(&format!(
            "UPDATE shares SET token_hash = NULL, begins = NULL WHERE id = '{id}'"
        ));
        let list = self.program.get(&self.shares()).json();
        let items = list["items"].as_array().unwrap();
        let item = items.iter().find(|item| text(item, "id") == id).unwrap();
        path_of(text(item, "url"))
    }

    /// How often the only link was used.
    fn downloads(&self) -> i64 {
        let list = self.program.get(&self.shares()).json();
        list["items"][0]["downloads"].as_i64().unwrap()
    }
}

fn path_of(url: &str) -> String {
    let at = url.find("/s/").unwrap_or_else(|| panic!("no link: {url}"));
    url[at..].to_owned()
}

/// Path and token of a link of an earlier version.
fn halves(link: &str) -> (&str, &str) {
    link.split_once("?token=").unwrap()
}

/// What the form on a link's page sends, and where.
fn form_of(link: &str) -> (&str, Vec<(&str, &str)>) {
    match link.split_once("?token=") {
        Some((path, token)) => (path, vec![("token", token)]),
        None => (link, vec![]),
    }
}

/// `curl`, without any flag.
fn curl(door: &Door) -> Browser {
    let headers = [("accept", "*/*"), ("user-agent", "curl/8.14.1")];
    Browser::sending(&door.local_url(), &headers)
}

fn basic(password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("anybody:{password}")))
}

#[track_caller]
fn opens(reply: &Reply) {
    assert_eq!(
        (reply.status, reply.body.as_str()),
        (200, WORDS),
        "{}",
        reply.body
    );
    let about = reply.header("content-disposition").unwrap();
    assert_eq!(about, "attachment; filename=\"shared.txt\"");
}

#[track_caller]
fn has_ended(door: &Door, link: &str) {
    assert_eq!(curl(door).get(link).status, 404);
    assert_eq!(door.browser().get(link).status, 404);
    let (path, fields) = form_of(link);
    assert_eq!(door.browser().post(path, &fields).status, 404);
}

#[test]
fn a_link_made_by_the_api_opens_the_file_for_a_program() {
    let door = Door::open();
    let owner = Owner::of(&door);
    let what = json!({"minutes": 60});
    let reply = owner.program.send_json("POST", &owner.shares(), &what);
    assert_eq!(reply.status, 201, "{}", reply.body);
    let share = reply.json();
    let id = text(&share, "id");
    assert_eq!(reply.location(), format!("{}/{id}", owner.shares()));
    let url = text(&share, "url");
    let token = url.strip_prefix(&format!("{}/s/", door.url)).unwrap();
    assert_eq!(token.len(), 22, "{url}");
    assert_eq!(
        share,
        json!({
            "id": id,
            "url": url,
            "begins": &token[..4],
            "password": false,
            "downloads": 0,
            "downloads_max": null,
            "state": "open",
            "created_at": "2027-01-15T08:00:00Z",
            "ends_at": "2027-01-15T09:00:00Z",
            "last_used_at": null,
        })
    );
    opens(&curl(&door).get(&path_of(url)));
    assert_eq!(owner.downloads(), 1);
}

#[test]
fn a_browser_gets_a_page_and_the_file_by_its_button() {
    let door = Door::open();
    let owner = Owner::of(&door);
    let link = owner.link(json!({"minutes": 60, "downloads": 2}));
    let anybody = door.browser();
    let page = anybody.get(&link);
    assert_eq!((page.status, page.heading()), (200, "shared.txt".into()));
    let facts = page.text("main dl");
    assert!(
        facts.contains("14 bytes") && facts.ends_with("Downloads left2"),
        "{facts}"
    );
    for _ in 0..3 {
        anybody.get(&link);
        anybody.head(&link);
        curl(&door).head(&link);
    }
    assert_eq!(owner.downloads(), 0, "looking counts nothing");
    opens(&anybody.submit(&page, "Download", &[]));
    assert_eq!(owner.downloads(), 1);
    let page = anybody.get(&link);
    assert!(page.text("main dl").contains("Downloads left1"));
    opens(&anybody.submit(&page, "Download", &[]));
    has_ended(&door, &link);
}

#[test]
fn a_link_is_made_shown_and_taken_back_on_the_page_of_its_file() {
    let door = Door::open();
    let owner = Owner::of(&door);
    let path = format!("/files/{}", owner.file);
    let ada = &owner.browser;
    let fields = [
        ("Expires after", "10"),
        ("Download limit (optional)", "3"),
        ("Link password (optional)", LINK_PASSWORD),
    ];
    let made = ada.submit(&ada.get(&path), "Create link", &fields);
    assert_eq!((made.status, made.location()), (303, path.clone()));
    let page = ada.follow(&made);
    assert_eq!(
        page.text(".notice"),
        "The link was created. Copy it now, because it is not shown again."
    );
    let row = page.text("tbody tr");
    assert!(
        row.contains("with a password") && row.contains("0 of 3"),
        "{row}"
    );
    let link = path_of(&page.text("#link"));
    assert!(row.contains(&link[..7]), "{row}");
    opens(
        &curl(&door)
            .with("authorization", &basic(LINK_PASSWORD))
            .get(&link),
    );
    let again = ada.get(&path);
    assert!(!again.body.contains(&link), "it is shown once");
    let row = again.text("tbody tr");
    assert!(row.contains("Last download"), "{row}");
    let ask = ada.get(&page.attribute("tbody a", "href").unwrap());
    assert!(ask.text("dl").contains("shared.txt"));
    let done = ada.submit(&ask, "Revoke this link", &[]);
    assert_eq!((done.status, done.location()), (303, path.clone()));
    has_ended(&door, &link);
    assert_eq!(ada.get(&path).text("tbody tr"), "");
}

#[test]
fn a_link_on_the_page_says_when_it_opens_nothing_any_more() {
    let door = Door::open();
    let owner = Owner::of(&door);
    let used_up = owner.link(json!({"minutes": 60, "downloads": 1}));
    opens(&curl(&door).get(&used_up));
    owner.link(json!({"minutes": 10}));
    door.let_pass(600);
    let page = owner.browser.get(&format!("/files/{}", owner.file));
    let standing = page.text("tbody");
    assert!(
        standing.contains("Download limit reached") && standing.contains("Expired"),
        "{standing}"
    );
    let list = owner.program.get(&owner.shares()).json();
    let mut states = texts(&list, "state");
    states.sort_unstable();
    assert_eq!(states, ["ended", "used_up"]);
}

#[test]
fn of_twenty_downloads_at_once_with_three_left_three_succeed() {
    let door = Door::open();
    let owner = Owner::of(&door);
    let link = owner.link(json!({"minutes": 60, "downloads": 4}));
    opens(&curl(&door).get(&link));
    let mut statuses: Vec<u16> = std::thread::scope(|scope| {
        let running: Vec<_> = (0..20)
            .map(|n| {
                let (door, link) = (&door, &link);
                scope.spawn(move || match n % 2 {
                    0 => curl(door).get(link).status,
                    _ => door.browser().post(link, &[]).status,
                })
            })
            .collect();
        running.into_iter().map(|one| one.join().unwrap()).collect()
    });
    statuses.sort_unstable();
    assert_eq!(statuses[..3], [200; 3]);
    assert_eq!(statuses[3..], [404; 17]);
    assert_eq!(owner.downloads(), 4);
}

#[test]
fn where_downloads_are_counted_down_each_is_a_whole_one() {
    let door = Door::open();
    let owner = Owner::of(&door);
    let counted = owner.link(json!({"minutes": 60, "downloads": 3}));
    let tag = format!("\"{}\"", sha256(WORDS.as_bytes()));
    let program = curl(&door);
    for (name, value) in [
        ("range", "bytes=0-3"),
        ("range", "bytes=99-"),
        ("if-none-match", tag.as_str()),
    ] {
        let reply = program.with(name, value).get(&counted);
        opens(&reply);
        assert_eq!(reply.header("accept-ranges"), None);
    }
    has_ended(&door, &counted);
    let free = owner.link(json!({"minutes": 60}));
    let part = program.with("range", "bytes=5-6").get(&free);
    assert_eq!((part.status, part.body.as_str()), (206, "is"));
}

/// The form takes the file: a part of it, or none because it is known, is for who reads it.
#[test]
fn the_form_of_a_link_is_answered_with_the_whole_file() {
    let door = Door::open();
    let owner = Owner::of(&door);
    let link = owner.link(json!({"minutes": 60}));
    let tag = format!("\"{}\"", sha256(WORDS.as_bytes()));
    for (name, value) in [
        ("range", "bytes=0-3"),
        ("range", "bytes=99-"),
        ("if-none-match", tag.as_str()),
        ("if-none-match", "*"),
    ] {
        let browser = door.browser().with(name, value);
        opens(&browser.post(&link, &[]));
    }
    assert_eq!(owner.downloads(), 4);
}

#[test]
fn a_link_with_a_password_opens_by_it_alone() {
    let door = Door::open();
    let owner = Owner::of(&door);
    let link = owner.link(json!({"minutes": 60, "password": LINK_PASSWORD}));
    let anybody = door.browser();
    let label = "Link password";
    let page = anybody.get(&link);
    for (typed, words) in [
        ("", "Enter the password"),
        ("canary-another", "This is not the password of this link"),
        (PASSWORD, "This is not the password of this link"),
    ] {
        let refused = anybody.submit(&page, "Download", &[(label, typed)]);
        assert_eq!(refused.status, 422);
        assert_eq!(refused.errors(), [("password".into(), words.into())]);
        assert_eq!(refused.value(label), "", "a secret is not said again");
        opens(&anybody.submit(&refused, "Download", &[(label, LINK_PASSWORD)]));
    }
    let program = curl(&door);
    let asked = program.get(&link);
    refused(&asked, 401, "share_password");
    let challenge = asked.header("www-authenticate").unwrap();
    assert!(challenge.starts_with("Basic realm="), "{challenge}");
    for wrong in [
        &basic("canary-another"),
        &basic(""),
        "Basic",
        "Basic !",
        "Digest a",
    ] {
        let reply = program.with("authorization", wrong).get(&link);
        refused(&reply, 401, "share_password");
    }
    let fields = [("password", "canary-another")];
    let told = refused(&program.post(&link, &fields), 422, "invalid_fields");
    assert!(
        text(&told, "password").contains("not the password"),
        "{told}"
    );
    assert_eq!(owner.downloads(), 3, "what was refused is not counted");
    let knowing = program.with("authorization", &basic(LINK_PASSWORD));
    opens(&knowing.get(&link));
    // Who does not know it does not see the file's length either.
    assert_eq!(program.head(&link).status, 401);
}

#[test]
fn a_password_of_a_link_cannot_be_tried_without_end() {
    let door = Door::open();
    let owner = Owner::of(&door);
    let link = owner.link(json!({"minutes": 60, "password": LINK_PASSWORD}));
    let other = owner.link(json!({"minutes": 60, "password": LINK_PASSWORD}));
    let program = curl(&door);
    let guessing = program.with("authorization", &basic("canary-guess"));
    let knowing = program.with("authorization", &basic(LINK_PASSWORD));
    for _ in 0..25 {
        opens(&knowing.get(&link));
        assert_eq!(
            program.get(&link).status,
            401,
            "without one nothing is tried"
        );
    }
    door.let_pass(900);
    let tried = std::thread::scope(|scope| {
        // More at once from one address would not fit into its part of the queue for hashes.
        let running: Vec<_> = (0..5)
            .map(|_| {
                let (guessing, link) = (guessing.with("x-nothing", ""), &link);
                scope.spawn(move || [(); 6].map(|()| guessing.get(link).status))
            })
            .collect();
        let ended = running.into_iter().flat_map(|one| one.join().unwrap());
        ended.filter(|status| *status == 401).count()
    });
    assert_eq!(tried, 20);
    for holder in [&guessing, &knowing] {
        let reply = holder.get(&link);
        refused(&reply, 429, "too_many_tries");
        assert_eq!(reply.header("retry-after"), Some("45"));
    }
    let page = door.browser().get(&link);
    let label = "Link password";
    let told = door
        .browser()
        .submit(&page, "Download", &[(label, LINK_PASSWORD)]);
    assert_eq!(
        (told.status, told.heading()),
        (429, "shared.txt".into()),
        "the page of the link again"
    );
    assert_eq!(told.header("retry-after"), Some("45"));
    let words =
        "Too many wrong passwords were sent for this link. Wait 45 seconds, then try again.";
    assert_eq!(told.text(".errors li"), words);
    opens(&knowing.get(&other));
    door.let_pass(900);
    let label = (label, LINK_PASSWORD);
    opens(&door.browser().submit(&told, "Download", &[label]));
    opens(&knowing.get(&link));
}

#[test]
fn a_download_that_hangs_up_does_not_count_as_a_wrong_password() {
    // Long enough to hang up meanwhile.
    let door = Door::with(&[("passwords.bcrypt_cost", "12")]);
    let owner = Owner::of(&door);
    let link = owner.link(json!({"minutes": 60, "password": LINK_PASSWORD}));
    let tries = || {
        let taken = "SELECT COUNT(*) AS n FROM limits WHERE budget = 'share' AND full_at > ";
        door.number(&format!("{taken}{}", NOON * 1000))
    };
    let mut wire = Wire::to(door.address);
    wire.say(format!(
        "GET {link} HTTP/1.1\r\nhost: x\r\nauthorization: {}\r\n\r\n",
        basic(LINK_PASSWORD)
    ));
    wait_until("it is being looked at", || tries() == 1);
    wire.cut();
    wait_until("it is known to be right", || tries() == 0);
}

#[test]
fn a_link_asked_for_twice_by_one_key_is_one() {
    let door = Door::open();
    let owner = Owner::of(&door);
    let shares = format!("{API}/{}/shares", owner.file);
    let keyed = owner.program.with("idempotency-key", "to-bob");
    let asked = json!({"minutes": 60, "downloads": 2, "password": LINK_PASSWORD});
    let first = keyed.send_json("POST", &shares, &asked);
    assert_eq!(first.status, 201, "{}", first.body);
    let again = keyed.send_json("POST", &shares, &asked);
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    for same in ["id", "url"] {
        assert_eq!(text(&again.json(), same), text(&first.json(), same));
    }
    for other in [
        json!({"minutes": 61, "downloads": 2, "password": LINK_PASSWORD}),
        json!({"minutes": 60, "password": LINK_PASSWORD}),
        json!({"minutes": 60, "downloads": 2, "password": "canary-another"}),
        json!({"minutes": 60, "downloads": 2}),
    ] {
        let reply = keyed.send_json("POST", &shares, &other);
        refused(&reply, 422, "idempotency_key_reused");
    }
    assert_eq!(rows(&door, "shares"), 1);
    let knowing = curl(&door).with("authorization", &basic(LINK_PASSWORD));
    opens(&knowing.get(&text(&again.json(), "url").replace(&door.url, "")));
    // Nor can its password be guessed this way.
    let guess = json!({"minutes": 60, "downloads": 2, "password": "canary-another"});
    for _ in 0..19 {
        refused(
            &keyed.send_json("POST", &shares, &guess),
            422,
            "idempotency_key_reused",
        );
    }
    refused(
        &keyed.send_json("POST", &shares, &asked),
        429,
        "too_many_tries",
    );
    let gone = format!("{shares}/{}", text(&first.json(), "id"));
    assert_eq!(keyed.with_method("DELETE", &gone).status, 204);
    refused(&keyed.send_json("POST", &shares, &asked), 404, "not_found");
}

#[test]
fn a_link_is_stored_as_a_hash_and_listed_by_its_first_characters() {
    let door = Door::open();
    let owner = Owner::of(&door);
    let link = owner.link(json!({"minutes": 60}));
    let token = link.strip_prefix("/s/").unwrap();
    let of_token = |column: &str| {
        door.number(&format!(
            "SELECT count(*) AS n FROM shares WHERE {column} = '{token}'"
        ))
    };
    assert_eq!((of_token("id"), of_token("begins")), (0, 0));
    let list = owner.program.get(&owner.shares());
    assert!(!list.body.contains(token), "{}", list.body);
    let item = &list.json()["items"][0];
    assert_eq!(item["url"], Value::Null);
    assert_eq!(text(item, "begins"), &token[..4]);
    let page = owner.browser.get(&format!("/files/{}", owner.file)).body;
    assert!(
        !page.contains(token) && page.contains(&token[..4]),
        "{page}"
    );
    // The parts that are known open nothing.
    let id = text(item, "id");
    for part in [&token[..4], &token[..21], id, &format!("{token}A")] {
        has_ended(&door, &format!("/s/{part}"));
    }
    opens(&curl(&door).get(&link));
}

#[test]
fn a_link_of_an_earlier_version_works_until_it_ends_and_is_listed_whole() {
    let door = Door::open();
    let owner = Owner::of(&door);
    let link = owner.signed_link(&door, json!({"minutes": 60, "downloads": 3}));
    opens(&curl(&door).get(&link));
    let anybody = door.browser();
    let page = anybody.get(&link);
    opens(&anybody.submit(&page, "Download", &[]));
    assert_eq!(owner.downloads(), 2);
    let page = owner.browser.get(&format!("/files/{}", owner.file));
    let listed = page.attribute("tbody input", "value").unwrap();
    opens(&curl(&door).get(&path_of(&listed)));
    has_ended(&door, &link);

    let locked = json!({"minutes": 60, "password": LINK_PASSWORD});
    let locked = owner.signed_link(&door, locked);
    assert_eq!(curl(&door).get(&locked).status, 401);
    let knowing = curl(&door).with("authorization", &basic(LINK_PASSWORD));
    opens(&knowing.get(&locked));
    let revoked = door.browser().get(&locked);
    let id = locked[3..].split('?').next().unwrap();
    let path = format!("{}/{id}", owner.shares());
    assert_eq!(owner.program.with_method("DELETE", &path).status, 204);
    has_ended(&door, &locked);
    let label = [("Link password", LINK_PASSWORD)];
    let late = door.browser().submit(&revoked, "Download", &label);
    assert_eq!(late.status, 404);

    let short_lived = owner.signed_link(&door, json!({"minutes": 10}));
    door.let_pass(600);
    has_ended(&door, &short_lived);
}

#[test]
fn a_signed_link_whose_key_was_revoked_is_listed_with_a_new_signature() {
    let place = Place::new();
    let serving = place.serve();
    let ada = serving.browser();
    let signed_up = ada.sign_up("ada", "ada@example.com", PASSWORD);
    assert_eq!(signed_up.status, 303, "{}", signed_up.body);
    let program = || Browser::program(&serving.url(), Some(&ada.access()));
    let file = uploaded(&program(), &one("shared.txt", WORDS));
    let shares = format!("{API}/{file}/shares");
    let made = program().send_json("POST", &shares, &json!({"minutes": 60}));
    assert_eq!(made.status, 201, "{}", made.body);
    let short = path_of(text(&made.json(), "url"));
    let holder = Browser::program(&serving.url(), None);
    opens(&holder.get(&short));
    place.sql("UPDATE shares SET token_hash = NULL, begins = NULL");
    let listed = || path_of(&texts(&program().get(&shares).json(), "url")[0]);
    let old = listed();
    opens(&holder.get(&old));

    place.run(&["keys", "rotate", "--revoke"]).well();
    wait_until("the old link opens nothing", || {
        holder.get(&old).status == 404
    });
    assert!(ada.is_signed_in(), "the session has a new token");
    opens(&holder.get(&listed()));
    assert_eq!(holder.get(&old).status, 404);
}

#[test]
fn the_inspector_knows_whether_a_link_was_revoked_or_used_up() {
    let door = Door::open();
    let owner = Owner::of(&door);
    let link = owner.signed_link(&door, json!({"minutes": 60}));
    let inspected = |token: &str| {
        let browser = door.browser();
        let fields = [("Token", token), ("Keys (optional)", "")];
        browser.submit(&browser.get("/inspect"), "Inspect", &fields)
    };
    let good = inspected(halves(&link).1);
    assert!(good.body.contains("No check failed"));
    assert!(good.body.contains("It has not been revoked or used up"));
    let id = halves(&link).0.strip_prefix("/s/").unwrap();
    let revoked = format!("{}/{id}", owner.shares());
    assert_eq!(owner.program.with_method("DELETE", &revoked).status, 204);
    let once = owner.signed_link(&door, json!({"minutes": 60, "downloads": 1}));
    opens(&curl(&door).get(&once));
    for link in [link, once] {
        let ended = inspected(halves(&link).1).body;
        assert!(
            ended.contains("It is not accepted. Failed: Share link"),
            "{ended}"
        );
        assert!(ended.contains("It has ended: the token no longer works"));
    }
}

#[test]
fn a_link_lives_to_the_second() {
    let door = Door::open();
    let owner = Owner::of(&door);
    let link = owner.link(json!({"minutes": 10}));
    door.let_pass(599);
    opens(&curl(&door).get(&link));
    let page = door.browser().get(&link);
    assert_eq!(page.status, 200);
    door.let_pass(1);
    has_ended(&door, &link);
    assert_eq!(door.browser().submit(&page, "Download", &[]).status, 404);
    // Thirty days is the longest, and no shorter.
    let owner = Owner {
        program: door.program(Some(&{
            owner.browser.get("/files");
            owner.browser.access()
        })),
        ..owner
    };
    let link = owner.link(json!({"minutes": 43_200}));
    door.let_pass(30 * 86_400 - 1);
    opens(&curl(&door).get(&link));
    door.let_pass(1);
    has_ended(&door, &link);
}

#[test]
fn a_revoked_link_stops_working_at_once() {
    let door = Door::open();
    let owner = Owner::of(&door);
    let share = owner.share(json!({"minutes": 60}));
    let link = path_of(text(&share, "url"));
    let page = door.browser().get(&link);
    let path = format!("{}/{}", owner.shares(), text(&share, "id"));
    assert_eq!(owner.program.with_method("DELETE", &path).status, 204);
    has_ended(&door, &link);
    assert_eq!(door.browser().submit(&page, "Download", &[]).status, 404);
    refused(
        &owner.program.with_method("DELETE", &path),
        404,
        "not_found",
    );
    // With the file go its links, and nothing of them is left.
    let link = owner.link(json!({"minutes": 60}));
    assert_eq!(
        owner.program.with_method("DELETE", &at(&owner.file)).status,
        204
    );
    has_ended(&door, &link);
    assert_eq!(rows(&door, "shares"), 0);
}

#[test]
fn the_links_of_a_disabled_or_deleted_account_open_nothing() {
    let door = Door::open();
    let owner = Owner::of(&door);
    let link = owner.link(json!({"minutes": 60}));
    opens(&curl(&door).get(&link));
    door.sql("UPDATE accounts SET disabled_at = 1 WHERE username = 'ada'");
    has_ended(&door, &link);
    door.sql("UPDATE accounts SET disabled_at = NULL WHERE username = 'ada'");
    opens(&curl(&door).get(&link));
    let ask = owner.browser.get("/account/delete");
    owner.browser.submit(&ask, "Delete my account", &[]);
    has_ended(&door, &link);
}

#[test]
fn every_invalid_link_gets_the_same_answer() {
    let door = Door::open();
    let owner = Owner::of(&door);
    let short = owner.link(json!({"minutes": 1000}));
    let good = owner.signed_link(&door, json!({"minutes": 1000}));
    let (path, token) = halves(&good);
    let used_up = owner.link(json!({"minutes": 1000, "downloads": 1}));
    opens(&curl(&door).get(&used_up));
    let revoked = owner.share(json!({"minutes": 1000}));
    let revoke = format!("{}/{}", owner.shares(), text(&revoked, "id"));
    owner.program.with_method("DELETE", &revoke);
    let ended = owner.link(json!({"minutes": 10}));
    let with_password = owner.link(json!({"minutes": 10, "password": LINK_PASSWORD}));
    let signed_in = json!({"path": "/dashboard"});
    let dashboard = owner.program.send_json("POST", "/api/links", &signed_in);
    assert_eq!(dashboard.status, 201, "{}", dashboard.body);
    let dashboard = text(&dashboard.json(), "url").to_owned();
    door.let_pass(600);
    let (_, of_dashboard) = halves(&dashboard);
    let another = owner.signed_link(&door, json!({"minutes": 1000}));
    let (another, _) = halves(&another);
    let changed = format!("{}A", &token[..token.len() - 1]);
    let wrong = [
        used_up.clone(),
        path_of(text(&revoked, "url")),
        ended,
        with_password,
        path.to_owned(),
        format!("{path}?token="),
        format!("{path}?token=x"),
        format!("{path}?token={changed}B"),
        format!("{path}?token={}", owner.browser.access()),
        format!("{path}?token={of_dashboard}"),
        format!("{another}?token={token}"),
        format!("/s/{NOWHERE}?token={token}"),
        format!("/s/x?token={token}"),
        format!("/s/{NOWHERE}"),
        format!("{short}?token="),
        format!("{short}?token={token}"),
        format!("{short}A"),
        short[..short.len() - 1].to_owned(),
        "/s/AAAAAAAAAAAAAAAAAAAAAA".to_owned(),
    ];
    let alike = |who: &dyn Fn(&str) -> Reply| {
        let answers: std::collections::BTreeSet<_> = wrong
            .iter()
            .map(|link| {
                let reply = who(link);
                let id = reply.header("x-request-id").unwrap().to_owned();
                (reply.status, reply.body.replace(&id, "ID"))
            })
            .collect();
        assert_eq!(answers.len(), 1, "{answers:#?}");
        assert_eq!(answers.first().unwrap().0, 404);
    };
    alike(&|link| curl(&door).get(link));
    alike(&|link| door.browser().get(link));
    let owners = &owner.browser;
    alike(&|link| owners.get(link));
    alike(&|link| {
        let (path, fields) = form_of(link);
        door.browser().post(path, &fields)
    });
    opens(&curl(&door).get(&good));
    opens(&curl(&door).get(&short));
}

#[test]
fn the_token_of_a_link_opens_nothing_else() {
    let door = Door::open();
    let owner = Owner::of(&door);
    let link = owner.signed_link(&door, json!({"minutes": 60}));
    let (path, token) = halves(&link);
    for other in [
        "/dashboard".to_owned(),
        "/files".to_owned(),
        format!("/files/{}/content", owner.file),
        format!("{API}/{}/content", owner.file),
        API.to_owned(),
    ] {
        let reply = door.browser().get(&format!("{other}?token={token}"));
        assert_eq!(reply.status, 400, "{other}");
        let bearer = door.program(Some(token)).get(&other);
        assert_eq!(bearer.status, 401, "{other}");
    }
    for tutorial in ["/", "/auth"] {
        let reply = curl(&door).get(&format!("{tutorial}?token={token}"));
        assert!([401, 403].contains(&reply.status), "{tutorial}");
    }
    for twice in [format!("{link}&token={token}"), format!("{link}&%74oken=x")] {
        assert_eq!(curl(&door).get(&twice).status, 400);
    }
    // In the form it counts, in the address of a form it does not.
    let reply = door.browser().post(&link, &[("token", token)]);
    assert_eq!(reply.status, 400, "{}", reply.body);
    assert_eq!(owner.downloads(), 0);
    opens(&door.browser().post(path, &[("token", token)]));
}

#[test]
fn the_form_of_a_link_is_taken_from_its_own_page_which_says_nothing_of_where_it_is() {
    let door = Door::open();
    let owner = Owner::of(&door);
    let link = owner.link(json!({"minutes": 60}));
    let from = |headers: &[(&'static str, &str)]| {
        let anybody = Browser::sending(&door.local_url(), headers);
        anybody.post(&link, &[])
    };
    let html = ("accept", "text/html");
    opens(&from(&[html, ("origin", "null")]));
    opens(&from(&[
        html,
        ("origin", "null"),
        ("sec-fetch-site", "same-origin"),
    ]));
    // Another site cannot send it on the sly.
    for elsewhere in [
        [html, ("sec-fetch-site", "cross-site")],
        [html, ("origin", "https://elsewhere.example")],
    ] {
        assert_eq!(from(&elsewhere).status, 403);
    }
    assert_eq!(owner.downloads(), 2);
}

#[test]
fn every_answer_to_a_link_keeps_it_to_itself() {
    let door = Door::open();
    let owner = Owner::of(&door);
    let link = owner.link(json!({"minutes": 60, "password": LINK_PASSWORD}));
    let wrong = format!("{}x", link);
    let knowing = curl(&door).with("authorization", &basic(LINK_PASSWORD));
    for reply in [
        door.browser().get(&link),
        door.browser().get(&wrong),
        curl(&door).get(&link),
        curl(&door).get(&wrong),
        knowing.get(&link),
        knowing.head(&link),
        knowing.with("range", "bytes=0-1").get(&link),
        knowing.with("range", "bytes=99-").get(&link),
        door.browser().post(&link, &[]),
        door.browser().post(&wrong, &[]),
        door.browser().get("/s/"),
    ] {
        for (name, value) in [
            ("referrer-policy", "no-referrer"),
            ("cache-control", "no-store"),
            ("x-robots-tag", "noindex"),
            ("x-content-type-options", "nosniff"),
        ] {
            assert_eq!(reply.header(name), Some(value), "{}", reply.status);
        }
        assert_eq!(reply.cookies(), Vec::<String>::new());
    }
    let policy = knowing.get(&link);
    let policy = policy.header("content-security-policy").unwrap();
    assert!(policy.contains("sandbox"), "{policy}");
    // The form is sent to the link.
    let page = door.browser().get(&link);
    let action = page.attribute("main form", "action");
    assert_eq!(action.as_deref(), Some(link.as_str()));
}

#[test]
fn no_log_holds_a_link() {
    let door = Door::open();
    let owner = Owner::of(&door);
    let what = json!({"minutes": 60, "password": LINK_PASSWORD});
    let signed = owner.signed_link(&door, what.clone());
    let short = owner.link(what);
    let (path, token) = halves(&signed);
    let knowing = curl(&door).with("authorization", &basic(LINK_PASSWORD));
    for link in [&signed, &short] {
        knowing.get(link);
        curl(&door).get(link);
        door.browser().get(link);
        let (path, mut fields) = form_of(link);
        door.browser().post(path, &fields);
        fields.push(("password", LINK_PASSWORD));
        door.browser().post(path, &fields);
    }
    door.browser().get(&format!("{path}x/{token}"));
    let part = &short[3..];
    for odd in [
        format!("/%73/{part}"),
        format!("/s/{part}x"),
        format!("/s/{part}/more"),
        format!("/s/{}", &part[..21]),
        format!("/s//{part}"),
        format!("{short}?token={part}"),
        format!("{short}?{part}"),
    ] {
        door.browser().get(&odd);
    }
    owner.browser.get(&format!("/files/{}", owner.file));
    owner.program.get(&owner.shares());
    let logged = log::text();
    assert!(logged.contains(path), "the requests are logged");
    assert!(logged.contains("/s/\u{2026}"), "the requests are logged");
    for secret in [
        token,
        token.rsplit('.').next().unwrap(),
        &part[..21],
        LINK_PASSWORD,
    ] {
        assert!(!logged.contains(secret));
    }
}

#[test]
fn a_link_keeps_to_its_limits() {
    let door = Door::open();
    let owner = Owner::of(&door);
    let longest = format!("canary-{}", "\u{e4}".repeat(249));
    for good in [
        json!({"minutes": 10}),
        json!({"minutes": 43_200}),
        json!({"minutes": 10, "downloads": 1}),
        json!({"minutes": 10, "downloads": 1_000_000}),
        json!({"minutes": 10, "downloads": null, "password": null}),
        json!({"minutes": 10, "password": "canary-1"}),
        json!({"minutes": 10, "password": longest}),
    ] {
        owner.share(good);
    }
    for (bad, field) in [
        (json!({"minutes": 9}), "minutes"),
        (json!({"minutes": 43_201}), "minutes"),
        (json!({"minutes": -60}), "minutes"),
        (json!({"minutes": i64::MAX}), "minutes"),
        (json!({"minutes": 10, "downloads": 0}), "downloads"),
        (json!({"minutes": 10, "downloads": -1}), "downloads"),
        (json!({"minutes": 10, "downloads": 1_000_001}), "downloads"),
        (json!({"minutes": 10, "password": "canary-"}), "password"),
        (json!({"minutes": 10, "password": ""}), "password"),
        (
            json!({"minutes": 10, "password": format!("{longest}a")}),
            "password",
        ),
    ] {
        let reply = owner.program.send_json("POST", &owner.shares(), &bad);
        let fields = refused(&reply, 422, "invalid_fields");
        assert!(!text(&fields, field).is_empty(), "{bad}");
        assert_eq!(fields.as_object().unwrap().len(), 1, "{fields}");
    }
    for bad in [
        json!({}),
        json!({"minutes": "60"}),
        json!({"minutes": 10.5}),
        json!({"minutes": 60, "path": "/"}),
        json!({"minutes": 60, "downloads": "all"}),
    ] {
        let reply = owner.program.send_json("POST", &owner.shares(), &bad);
        assert!([400, 422].contains(&reply.status), "{bad}");
    }
    assert_eq!(rows(&door, "shares"), 7);
    let path = format!("/files/{}", owner.file);
    let page = owner.browser.get(&path);
    for (label, typed, field) in [
        ("Download limit (optional)", "0", "downloads"),
        ("Download limit (optional)", "many", "downloads"),
        ("Download limit (optional)", "1000001", "downloads"),
        ("Link password (optional)", "canary-", "password"),
    ] {
        let told = owner
            .browser
            .submit(&page, "Create link", &[(label, typed)]);
        assert_eq!(told.status, 422);
        assert_eq!(told.errors()[0].0, field);
        let kept = if field == "password" { "" } else { typed };
        assert_eq!(told.value(label), kept);
    }
    // A link without the password that was typed for it would open to anybody.
    let password = ("Link password (optional)", LINK_PASSWORD);
    let told = |fields: &[(&str, &str)]| {
        let told = owner.browser.submit(&page, "Create link", fields);
        told.text("#password-hint")
    };
    assert!(
        told(&[("Download limit (optional)", "0"), password])
            .starts_with("Enter your password again")
    );
    assert!(told(&[("Download limit (optional)", "0")]).starts_with("At least 8"));
    let form_token = page.value_of("form_token");
    for minutes in ["9", "43201", "x", ""] {
        let fields = [("form_token", form_token.as_str()), ("minutes", minutes)];
        let reply = owner.browser.post(&format!("{path}/shares"), &fields);
        assert_eq!(reply.status, 400, "{minutes}");
    }
    assert_eq!(rows(&door, "shares"), 7);
}

#[test]
fn a_file_has_a_hundred_links_at_most_and_they_are_read_page_by_page() {
    let door = Door::open();
    let owner = Owner::of(&door);
    let mut made: Vec<_> = (0..100)
        .map(|_| text(&owner.share(json!({"minutes": 60})), "id").to_owned())
        .collect();
    let what = json!({"minutes": 60});
    let reply = owner.program.send_json("POST", &owner.shares(), &what);
    refused(&reply, 409, "too_many");
    let page = owner.browser.get(&format!("/files/{}", owner.file));
    assert_eq!(page.body.matches("data-label=\"Expires\"").count(), 100);
    let told = owner.browser.submit(&page, "Create link", &[]);
    assert_eq!(told.status, 422);
    assert!(told.errors()[0].1.contains("100 links"));
    let (mut read, mut after) = (Vec::new(), String::new());
    loop {
        let path = format!("{}?limit=30{after}", owner.shares());
        let list = owner.program.get(&path).json();
        read.extend(texts(&list, "id"));
        assert!(read.len() <= made.len(), "it goes on for ever");
        match list["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => break,
        }
    }
    made.sort_unstable();
    read.sort_unstable();
    assert_eq!(read, made);
    // One that has long ended makes room.
    door.sql(&format!(
        "UPDATE shares SET ends_at = {}",
        NOON - 31 * 86_400
    ));
    owner.share(json!({"minutes": 60}));
    assert_eq!(rows(&door, "shares"), 1);
}

#[test]
fn the_list_of_links_goes_on_where_it_was_when_its_last_one_is_taken_back() {
    let door = Door::open();
    let owner = Owner::of(&door);
    let mut made: Vec<_> = (0..4)
        .map(|_| {
            door.let_pass(1);
            text(&owner.share(json!({"minutes": 60})), "id").to_owned()
        })
        .collect();
    made.reverse();
    let list = |query: &str| owner.program.get(&format!("{}{query}", owner.shares()));
    let first = list("?limit=2").json();
    assert_eq!(texts(&first, "id"), made[..2]);
    let last = format!("{}/{}", owner.shares(), made[1]);
    assert_eq!(owner.program.with_method("DELETE", &last).status, 204);
    let second = list(&format!("?limit=2&after={}", text(&first, "next"))).json();
    assert_eq!(texts(&second, "id"), made[2..]);
    refused(&list("?after=nowhere"), 400, "malformed");
}

#[test]
fn a_new_link_is_shown_with_a_qr_code() {
    let door = Door::open();
    let owner = Owner::of(&door);
    let (ada, path) = (&owner.browser, format!("/files/{}", owner.file));
    let page = ada.follow(&ada.submit(&ada.get(&path), "Create link", &[]));
    assert!(page.text("#link").starts_with(&format!("{}/s/", door.url)));
    let modules = page.attribute("svg.qr path", "d").unwrap();
    assert!(modules.starts_with("M0 0h7v1h-7z"), "{modules}");
    assert_eq!(ada.get(&path).attribute("svg.qr", "class"), None);
}

#[test]
fn the_page_of_a_link_names_its_owner_but_never_by_the_email_address() {
    let sharer = |door: &Door, link: &str| door.browser().get(link).text("main > p");
    let door = Door::open();
    let owner = Owner::of(&door);
    let link = owner.link(json!({"minutes": 60}));
    let says = |who: &str| format!("{who} shared this file with you.");
    assert_eq!(sharer(&door, &link), says("ada"));
    door.sql("UPDATE accounts SET name = 'Ada <i>L</i>'");
    assert_eq!(sharer(&door, &link), says("Ada <i>L</i>"));
    door.sql("UPDATE accounts SET name = NULL, username = NULL, username_key = NULL");
    assert_eq!(sharer(&door, &link), says("Someone"));

    let door = Door::with(&[("shares.show_owner", "false")]);
    let link = Owner::of(&door).link(json!({"minutes": 60}));
    assert_eq!(sharer(&door, &link), says("Someone"));
}

#[test]
fn a_link_to_an_image_has_a_preview_that_is_not_a_download() {
    let door = Door::open();
    let text = Owner::of(&door);
    let picture = image(ImageFormat::Png);
    let owner = Owner {
        file: uploaded(&text.program, &one("hedge.png", &picture)),
        browser: text.browser.copy(),
        program: door.program(Some(&text.browser.access())),
    };
    wait_until("its thumbnail is made", || {
        let thumbnail = format!("/files/{}/thumbnail", owner.file);
        owner.browser.get(&thumbnail).status == 200
    });
    let anybody = door.browser();
    let preview = |link: &str| anybody.get(link).attribute("main img", "src");
    let signed = owner.signed_link(&door, json!({"minutes": 60}));
    for link in [owner.link(json!({"minutes": 60})), signed] {
        let shown = anybody.get(&preview(&link).unwrap());
        assert_eq!((shown.status, &shown.bytes), (200, &picture));
        let about = shown.header("content-disposition").unwrap();
        assert!(about.starts_with("inline"), "{about}");
        let policy = shown.header("content-security-policy").unwrap();
        assert!(policy.contains("sandbox"), "{policy}");
        for (name, value) in [
            ("cache-control", "no-store"),
            ("referrer-policy", "no-referrer"),
            ("x-robots-tag", "noindex"),
        ] {
            assert_eq!(shown.header(name), Some(value));
        }
    }
    // Where downloads are counted, the whole image is one.
    let counted = owner.link(json!({"minutes": 60, "downloads": 1}));
    let shown = anybody.get(&preview(&counted).unwrap());
    assert_eq!(shown.status, 200);
    assert_ne!(shown.bytes, picture);
    let used: i64 = door.number("SELECT CAST(sum(downloads) AS BIGINT) AS n FROM shares");
    assert_eq!(used, 0);
    assert_eq!(curl(&door).get(&counted).status, 200);
    assert_eq!(anybody.get(&format!("{counted}/preview")).status, 404);
    let locked = owner.link(json!({"minutes": 60, "password": LINK_PASSWORD}));
    assert_eq!(preview(&locked), None);
    let locked = format!("{locked}/preview");
    refused(&curl(&door).get(&locked), 401, "share_password");
    let knowing = curl(&door).with("authorization", &basic(LINK_PASSWORD));
    assert_eq!(knowing.get(&locked).bytes, picture);
    let words = text.link(json!({"minutes": 60}));
    assert_eq!(preview(&words), None);
    assert_eq!(anybody.get(&format!("{words}/preview")).status, 404);
}

#[test]
fn a_file_that_was_renamed_is_handed_on_under_its_new_name() {
    let door = Door::open();
    let owner = Owner::of(&door);
    let link = owner.link(json!({"minutes": 60}));
    let change = json!({"name": "new.txt"});
    owner.program.send_json("PATCH", &at(&owner.file), &change);
    let reply = curl(&door).get(&link);
    let about = reply.header("content-disposition").unwrap();
    assert_eq!(about, "attachment; filename=\"new.txt\"");
    assert_eq!(door.browser().get(&link).heading(), "new.txt");
}

#[test]
fn links_that_outlive_a_password_or_a_session_are_counted_and_revoked_together() {
    let door = Door::open();
    let owner = Owner::of(&door);
    let links: Vec<_> = (0..3).map(|_| owner.link(json!({"minutes": 60}))).collect();
    owner.share(json!({"minutes": 60, "downloads": 1}));
    let used_up = owner.link(json!({"minutes": 60, "downloads": 1}));
    assert_eq!(curl(&door).get(&used_up).status, 200);
    let opens = |link: &String| curl(&door).get(link).status == 200;
    let (browser, program) = (&owner.browser, &owner.program);
    let id = text(&program.get("/api/me").json(), "id").to_owned();
    let of_account = format!("/api/accounts/{id}/shares");
    assert_eq!(program.get(&of_account).json(), json!({"open": 4}));

    // Changing the password and signing out everywhere close none, and say so.
    let page = browser.get("/account/password");
    let new = "canary-heron-quartz-9";
    let fields = [("Current password", PASSWORD), ("New password", new)];
    let changed = browser.submit(&page, "Change password", &fields);
    let after = browser.follow(&changed);
    let said = after.text("main");
    assert!(
        said.contains("4 links to files still work"),
        "{}",
        after.body
    );
    assert!(said.contains("Links to files4 active"), "{said}");
    let page = browser.get("/account/sessions/others");
    let ended = browser.submit(&page, "Sign out everywhere else", &[]);
    assert!(
        browser
            .follow(&ended)
            .body
            .contains("4 links to files still work")
    );
    assert!(opens(&links[0]));

    // One action revokes all of them, and no others.
    let bob = door.signed_up("bob");
    let of_bob = door.program(Some(&bob.access()));
    let file = uploaded(&of_bob, &one("bobs.txt", WORDS));
    let share = of_bob.send_json(
        "POST",
        &format!("{API}/{file}/shares"),
        &json!({"minutes": 60}),
    );
    let of_bob_link = path_of(text(&share.json(), "url"));
    assert_eq!(of_bob.get(&of_account).status, 404);
    assert_eq!(of_bob.with_method("DELETE", &of_account).status, 404);
    let ask = browser.get("/account/shares");
    assert!(ask.text("dl").contains("Active links4"), "{}", ask.body);
    let revoked = browser.submit(&ask, "Revoke all links", &[]);
    let after = browser.follow(&revoked);
    assert!(after.body.contains("All links to your files are revoked"));
    assert!(!after.text("main").contains("Revoke"), "{}", after.body);
    assert!(!links.iter().any(opens) && opens(&of_bob_link));

    // For an account that is disabled, an administrator does it.
    door.signed_up("root");
    door.sql("UPDATE accounts SET role = 'administrator' WHERE username = 'root'");
    let root = door.browser();
    root.sign_in("root", PASSWORD);
    let id = text(&of_bob.get("/api/me").json(), "id").to_owned();
    let page = root.get(&format!("/admin/accounts/{id}"));
    let disabled = root.follow(&root.submit(&page, "Disable the account", &[]));
    assert!(
        disabled.body.contains("Revoke them below"),
        "{}",
        disabled.body
    );
    assert!(
        disabled
            .text("main")
            .contains("1 link to these files is active again")
    );
    assert!(!opens(&of_bob_link));
    let revoked = root.follow(&root.submit(&disabled, "Revoke all links", &[]));
    let active = root.follow(&root.submit(&revoked, "Enable the account", &[]));
    assert!(active.body.contains("The account is enabled"));
    assert!(!opens(&of_bob_link));
    let of_root = door.program(Some(&root.access()));
    let of_account = format!("/api/accounts/{id}/shares");
    assert_eq!(of_root.get(&of_account).json(), json!({"open": 0}));
    assert_eq!(of_root.with_method("DELETE", &of_account).status, 204);
}
