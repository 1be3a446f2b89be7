//! Basic credentials changed for a token.

use serde_json::json;

use super::*;
use crate::support::{Multipart, NOON};

#[test]
fn the_reader_of_tutorial_basic_upload_changes_basic_credentials_for_a_token() {
    let door = Door::open();
    door.signed_up("ada");
    let ada = curl(&door).with("authorization", &basic("ada", PASSWORD));
    let reply = ada.get("/login");
    assert_eq!(reply.cookies(), Vec::<String>::new());
    let token = token_in(&reply, 200, "token");
    assert_eq!(
        claims(&token),
        json!({"user": "ada", "exp": NOON + 20 * 60})
    );
}

#[test]
fn no_page_can_make_a_browser_sign_in_by_tutorial_basic_uploads_get() {
    let door = Door::open();
    door.signed_up("ada");
    let sessions = || door.lines("SELECT id AS line FROM sessions").len();
    let before = sessions();
    let ada = curl(&door).with("authorization", &basic("ada", PASSWORD));
    for (header, value) in [
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
        ("sec-fetch-site", "same-origin"),
        ("sec-fetch-site", "none"),
        ("origin", "https://evil.test"),
        ("origin", "null"),
        ("origin", &door.url),
    ] {
        let browser = ada.with(header, value);
        let reply = browser.get("/login");
        assert_eq!(reply.status, 403, "{header}: {value}");
        assert_eq!(reply.json()["error"], "cross_site", "{header}: {value}");
        assert_eq!(browser.head("/login").status, 403, "{header}: {value}");
    }
    assert_eq!(sessions(), before);
    // As Node.js sends it.
    assert_eq!(ada.with("sec-fetch-mode", "cors").get("/login").status, 200);
    assert_eq!(sessions(), before + 1);
}

#[test]
fn tutorial_basic_upload_refuses_everything_else_in_one_way() {
    for exact in ["false", "true"] {
        let door = Door::with(&[("compat.exact", exact)]);
        let ada = door.signed_up("ada");
        assert_eq!(
            seen(&curl(&door).get("/login")),
            (403, "Unable to verify", TEXT)
        );
        for header in [
            basic("ada", WRONG),
            basic("bob", PASSWORD),
            basic("ada", ""),
            "Basic".to_owned(),
            "Basic !".to_owned(),
            format!("Basic {}", STANDARD.encode("ada")),
            format!("Basic {}", STANDARD.encode(b"\xff:\xff")),
            format!("Bearer {}", ada.access()),
        ] {
            let reply = curl(&door).with("authorization", &header).get("/login");
            assert_eq!(seen(&reply), (403, "Unable to verify", TEXT), "{header}");
        }
        let twice = reqwest::blocking::Client::new()
            .get(format!("{}/login", door.local_url()))
            .header("authorization", basic("ada", PASSWORD))
            .header("authorization", basic("ada", PASSWORD));
        assert_eq!(twice.send().unwrap().status().as_u16(), 403);
    }
}

// The upload

/// What its page's form sends, and `requests` of `files=` and `data=`.
fn upload(program: &Browser, token: &str, form: &Multipart) -> Reply {
    program.send_files(&format!("/upload?token={token}"), form)
}

fn chosen(name: &str, description: &str) -> Multipart {
    let form = Multipart::new().file("inputFile", name, "what is in it");
    form.text("description", description)
}

/// The names of what is on somebody's shelf.
fn shelf_of(door: &Door, name: &str) -> Vec<String> {
    let browser = door.browser();
    browser.sign_in(name, PASSWORD);
    let list = door.program(Some(&browser.access())).get("/api/files");
    let items = list.json()["items"].take();
    let items = items.as_array().unwrap().iter();
    items
        .map(|file| file["name"].as_str().unwrap().to_owned())
        .collect()
}

fn message(words: &str) -> String {
    json!({ "message": words }).to_string()
}

#[test]
fn the_reader_of_tutorial_basic_upload_uploads_a_file_by_the_form_behind_the_token() {
    let door = Door::open();
    door.signed_up("ada");
    let token = token_of_basic_upload(&door, "ada");
    for reader in [curl(&door), requests(&door), postman(&door), door.browser()] {
        let page = reader.get(&format!("/?token={token}"));
        assert_eq!((page.status, page.heading()), (200, "Upload a file".into()));
        let action = page.attribute("main form", "action").unwrap();
        assert_eq!(action, format!("/upload?token={token}"));
        let form = [("method", "post"), ("enctype", "multipart/form-data")];
        for (name, value) in form {
            assert_eq!(page.attribute("main form", name).as_deref(), Some(value));
        }
        for name in ["inputFile", "description"] {
            assert!(page.attribute("main form input", "name").is_some());
            assert!(
                page.attribute(&format!("input[name={name}]"), "type")
                    .is_some()
            );
        }
        for (name, value) in [
            ("referrer-policy", "no-referrer"),
            ("cache-control", "no-store"),
            ("x-robots-tag", "noindex"),
        ] {
            assert_eq!(page.header(name), Some(value));
        }
        assert_eq!(page.cookies(), Vec::<String>::new());
    }
    for (n, reader) in [curl(&door), requests(&door), postman(&door), door.browser()]
        .iter()
        .enumerate()
    {
        let form = chosen(&format!("{n}.txt"), &format!("The {n}th"));
        let reply = upload(reader, &token, &form);
        let words = format!("file {n}.txt uploaded successfully");
        assert_eq!(seen(&reply), (200, words.as_str(), TEXT));
        assert_eq!(reply.cookies(), Vec::<String>::new());
    }
    let mut shelf = shelf_of(&door, "ada");
    shelf.sort_unstable();
    assert_eq!(shelf, ["0.txt", "1.txt", "2.txt", "3.txt"]);
}

#[test]
fn a_page_that_does_not_say_where_it_is_uploads_by_the_token_of_tutorial_d() {
    let door = Door::open();
    door.signed_up("ada");
    let token = token_of_basic_upload(&door, "ada");
    // Its page has `Referrer-Policy: no-referrer`, so browsers send this.
    let headers = [("accept", "text/html"), ("origin", "null")];
    let browser = Browser::sending(&door.local_url(), &headers);
    assert_eq!(upload(&browser, &token, &chosen("a.txt", "a")).status, 200);
    for elsewhere in [
        ("sec-fetch-site", "cross-site"),
        ("origin", "https://elsewhere.example"),
    ] {
        let browser = Browser::sending(&door.local_url(), &[elsewhere]);
        assert_eq!(upload(&browser, &token, &chosen("b.txt", "b")).status, 403);
    }
    assert_eq!(shelf_of(&door, "ada"), ["a.txt"]);
}

#[test]
fn tutorial_basic_upload_says_the_name_back_as_text_that_is_no_page() {
    let door = Door::open();
    door.signed_up("ada");
    let token = token_of_basic_upload(&door, "ada");
    for (n, (sent, said)) in [
        ("a&b.txt", "file a&#38;b.txt uploaded successfully"),
        ("it's.txt", "file it&#39;s.txt uploaded successfully"),
        ("../../a.txt", "file a.txt uploaded successfully"),
        (
            "<script>alert(1)<!--.txt",
            "file &#60;script&#62;alert(1)&#60;!--.txt uploaded successfully",
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let reply = upload(&curl(&door), &token, &chosen(sent, &n.to_string()));
        assert_eq!(seen(&reply), (200, said, TEXT));
        assert_eq!(reply.header("x-content-type-options"), Some("nosniff"));
    }
}

#[test]
fn what_tutorial_basic_upload_cannot_take_is_said_and_not_kept() {
    let door = Door::with(&[("files.max_mb", "1")]);
    let ada = door.signed_up("ada");
    door.signed_up("bob");
    let token = token_of_basic_upload(&door, "ada");
    let reply = upload(&curl(&door), &token, &chosen("a.txt", "Taken"));
    assert_eq!(reply.status, 200);
    let taken = upload(&curl(&door), &token, &chosen("b.txt", "Taken"));
    assert_eq!(
        seen(&taken),
        (409, "Another file has this description", TEXT)
    );
    let before = Multipart::new().text("description", "Taken");
    let before = before.file("inputFile", "b.txt", "b");
    assert_eq!(upload(&curl(&door), &token, &before).status, 409);
    for nothing in [
        Multipart::new(),
        Multipart::new().text("description", "of nothing"),
        Multipart::new().file("inputFile", "", ""),
    ] {
        let reply = upload(&curl(&door), &token, &nothing);
        assert_eq!(seen(&reply), (400, "No file was chosen", TEXT));
    }
    for undescribed in [
        Multipart::new().file("inputFile", "b.txt", "b"),
        chosen("b.txt", ""),
        chosen("b.txt", " "),
    ] {
        let reply = upload(&curl(&door), &token, &undescribed);
        assert_eq!(seen(&reply), (400, "The description is missing", TEXT));
    }
    let two = chosen("b.txt", "b").file("inputFile", "c.txt", "c");
    assert_eq!(
        seen(&upload(&curl(&door), &token, &two)),
        (400, "Choose one file", TEXT)
    );
    let large = Multipart::new().file("inputFile", "large.txt", vec![b'a'; 1_000_001]);
    for (form, status, code) in [
        (large, 413, "file_too_large"),
        (chosen("b.txt", &"b".repeat(201)), 422, "invalid_fields"),
        (
            Multipart::new().file("file", "b.txt", "b"),
            400,
            "malformed",
        ),
    ] {
        let reply = upload(&curl(&door), &token, &form);
        assert_eq!(reply.status, status, "{}", reply.body);
        assert_eq!(reply.json()["error"], code);
    }
    let form = upload(&curl(&door), &token, &Multipart::new().text("a", "b"));
    assert_eq!(form.status, 400);
    let no_form = curl(&door).post(&format!("/upload?token={token}"), &[("a", "b")]);
    assert_eq!(
        seen(&no_form),
        (
            400,
            "No file was chosen: the form needs enctype=\"multipart/form-data\"",
            TEXT
        )
    );
    let json = post_json(&curl(&door), &format!("/upload?token={token}"), &json!({}));
    assert_eq!(
        (json.status, json.header("accept")),
        (415, Some("multipart/form-data"))
    );
    assert!(json.body.contains("enctype="), "{}", json.body);
    assert_eq!(shelf_of(&door, "ada"), ["a.txt"]);
    // The description is taken on this shelf alone.
    let token = token_of_basic_upload(&door, "bob");
    let reply = upload(&curl(&door), &token, &chosen("b.txt", "Taken"));
    assert_eq!(reply.status, 200);
    assert_eq!(shelf_of(&door, "bob"), ["b.txt"]);
    assert!(ada.get("/files").body.contains("a.txt"));
}

#[test]
fn a_browser_is_told_by_a_page_what_tutorial_basic_upload_cannot_take() {
    let door = Door::with(&[("files.max_mb", "1")]);
    door.signed_up("ada");
    let token = token_of_basic_upload(&door, "ada");
    let reader = door.browser();
    let page = |reply: &Reply| {
        assert_eq!(
            reply.header("content-type"),
            Some("text/html; charset=utf-8")
        );
        (reply.status, reply.text("main"))
    };
    let kept = upload(&reader, &token, &chosen("a.txt", "Taken"));
    assert_eq!(seen(&kept), (200, "file a.txt uploaded successfully", TEXT));
    let file = || Multipart::new().file("inputFile", "b.txt", "b");
    for (form, status, words) in [
        (Multipart::new(), 400, "No file was chosen"),
        (
            chosen("b.txt", "b").file("inputFile", "c.txt", "c"),
            400,
            "Choose one file",
        ),
        (file(), 400, "The description is missing"),
        (chosen("b.txt", "Taken"), 409, "description"),
        (chosen("b.txt", &"b".repeat(201)), 422, "200 characters"),
        (
            Multipart::new().file("inputFile", "b.txt", vec![b'b'; 1_000_001]),
            413,
            "too large",
        ),
    ] {
        let (found, main) = page(&upload(&reader, &token, &form));
        assert_eq!(found, status, "{main}");
        assert!(main.contains(words), "{words}: {main}");
    }
    // What the tutorial's page sends without its enctype.
    let path = format!("/upload?token={token}");
    let (status, main) = page(&reader.post(&path, &[("inputFile", "b.txt")]));
    assert_eq!(status, 400);
    assert!(main.contains("enctype=\"multipart/form-data\""), "{main}");
    for (bad, words) in [("", "Token missing"), ("x", "Invalid token")] {
        let (status, main) = page(&upload(&reader, bad, &chosen("b.txt", "b")));
        assert_eq!(status, 403);
        assert!(main.contains(words), "{main}");
    }
    assert_eq!(shelf_of(&door, "ada"), ["a.txt"]);
}

#[test]
fn tutorial_basic_upload_takes_any_file() {
    let door = Door::open();
    door.signed_up("ada");
    let token = token_of_basic_upload(&door, "ada");
    let named_twice = "Content-Disposition: form-data; name=\"inputFile\"; \
                       filename*=utf-8''na%C3%AFve.txt";
    for (n, (form, name)) in [
        (
            Multipart::new().file("inputFile", "report.txt", b"na\xefve\x80"),
            "report.txt",
        ),
        (
            Multipart::new().file("inputFile", "photo.png", "words"),
            "photo.png",
        ),
        (
            Multipart::new().file("inputFile", ".gitignore", ""),
            ".gitignore",
        ),
        (
            Multipart::new().part(named_twice, "words"),
            "na\u{ef}ve.txt",
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let reply = upload(
            &requests(&door),
            &token,
            &form.text("description", &n.to_string()),
        );
        let words = format!("file {name} uploaded successfully");
        assert_eq!(seen(&reply), (200, words.as_str(), TEXT));
    }
    assert_eq!(shelf_of(&door, "ada").len(), 4);
}

#[test]
fn of_uploads_of_tutorial_basic_upload_at_once_with_one_description_one_is_kept() {
    let door = Door::open();
    door.signed_up("ada");
    let token = token_of_basic_upload(&door, "ada");
    let mut statuses: Vec<u16> = std::thread::scope(|scope| {
        let send = |n: usize| {
            let form = chosen(&format!("{n}.txt"), "Same");
            upload(&curl(&door), &token, &form).status
        };
        let at_once: Vec<_> = (0..6).map(|n| scope.spawn(move || send(n))).collect();
        at_once.into_iter().map(|one| one.join().unwrap()).collect()
    });
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409, 409, 409, 409, 409]);
    assert_eq!(shelf_of(&door, "ada").len(), 1);
}

#[test]
fn tutorial_basic_upload_shows_and_takes_nothing_without_its_token() {
    let door = Door::open();
    let ada = door.signed_up("ada");
    let (missing, invalid) = (message("Token missing"), message("Invalid token"));
    let form = chosen("a.txt", "a");
    for who in [curl(&door), requests(&door)] {
        for reply in [who.get("/?token="), upload(&who, "", &form)] {
            assert_eq!(seen(&reply), (403, missing.as_str(), "application/json"));
        }
    }
    for reply in [
        curl(&door).send_files("/upload", &form),
        curl(&door).post("/upload", &[]),
    ] {
        assert_eq!(seen(&reply), (403, missing.as_str(), "application/json"));
    }
    // Somebody who is signed in is not somebody who has the token.
    assert_eq!(ada.send_files("/upload", &form).status, 404);
    let good = token_of_basic_upload(&door, "ada");
    let changed = format!("{}x", &good[..good.len() - 4]);
    let access = ada.access();
    let mut tokens = vec!["x".to_owned(), changed, access];
    for (tutorial, token) in all_tokens(&door, "ada") {
        if tutorial != "basic_upload" {
            tokens.push(token);
        }
    }
    for token in &tokens {
        for who in [curl(&door), requests(&door)] {
            for reply in [
                who.get(&format!("/?token={token}")),
                upload(&who, token, &form),
            ] {
                assert_eq!(seen(&reply), (403, invalid.as_str(), "application/json"));
            }
        }
        // A person is told by a page, as wherever else a token does not belong.
        let page = door.browser().get(&format!("/?token={token}"));
        assert_eq!(
            (page.status, page.heading()),
            (400, "That link cannot be used".into())
        );
        assert_eq!(upload(&door.browser(), token, &form).status, 403);
    }
    for twice in [format!("{good}&token={good}"), format!("{good}&token=")] {
        assert_eq!(curl(&door).get(&format!("/?token={twice}")).status, 400);
        assert_eq!(upload(&curl(&door), &twice, &form).status, 400);
    }
    assert_eq!(shelf_of(&door, "ada"), [""; 0]);
}

#[test]
fn the_token_of_tutorial_basic_upload_ends_after_twenty_minutes_and_with_its_session() {
    let door = Door::open();
    let ada = door.signed_up("ada");
    let token = token_of_basic_upload(&door, "ada");
    let status = |token: &str| curl(&door).get(&format!("/?token={token}")).status;
    door.let_pass(20 * 60 - 1);
    assert_eq!(status(&token), 200);
    door.let_pass(1);
    assert_eq!(status(&token), 403);
    let reply = upload(&curl(&door), &token, &chosen("a.txt", "a"));
    assert_eq!(reply.status, 403);
    let token = token_of_basic_upload(&door, "ada");
    assert_eq!(status(&token), 200);
    let page = ada.get("/account/verify");
    ada.submit(&page, "Confirm", &[("Password", PASSWORD)]);
    let holder = door.program(Some(&ada.access()));
    assert_eq!(holder.with_method("DELETE", "/api/sessions").status, 204);
    assert_eq!(status(&token), 403);
    let reply = upload(&curl(&door), &token, &chosen("a.txt", "a"));
    assert_eq!(reply.status, 403);
    assert_eq!(shelf_of(&door, "ada"), [""; 0]);
}

#[test]
fn the_token_of_tutorial_basic_upload_opens_nothing_but_its_page_and_its_upload() {
    let door = Door::open();
    door.signed_up("ada");
    let token = token_of_basic_upload(&door, "ada");
    upload(&curl(&door), &token, &chosen("a.txt", "a"));
    for path in ["/files", "/api/files", "/dashboard", "/api/me", "/upload"] {
        let in_address = curl(&door).get(&format!("{path}?token={token}"));
        assert!([400, 404, 405].contains(&in_address.status), "{path}");
        let as_bearer = door.program(Some(&token)).get(path);
        assert!([401, 404].contains(&as_bearer.status), "{path}");
    }
    let reply = curl(&door).send_files(&format!("/files?token={token}"), &chosen("b", "b"));
    assert_eq!(reply.status, 400);
    assert_eq!(show_to_x_access_token(&door, &token).status, 401);
    assert_eq!(show_to_query_token(&door, &token).status, 401);
    assert_eq!(show_to_flask_jwt(&door, &token).status, 401);
    assert_eq!(shelf_of(&door, "ada"), ["a.txt"]);
}

#[test]
fn the_root_without_a_token_is_the_tutorials_that_the_setting_names() {
    let (by_default, missing) = (Door::open(), message("Token missing"));
    let named = |root| Door::with(&[("compat.root", root)]);
    let hello = [by_default, named("api_v1"), named("c")];
    let upload = [named("basic_upload"), named("d")];
    for door in &hello {
        assert_eq!(seen(&curl(door).get("/")), (200, "Hello, World!", TEXT));
    }
    for door in &upload {
        let expected = (403, missing.as_str(), "application/json");
        assert_eq!(seen(&curl(door).get("/")), expected);
    }
    // Browsers get the start page of either.
    for door in hello.iter().chain(&upload) {
        assert_eq!(door.browser().get("/").status, 200);
        door.signed_up("ada");
        let token = token_of_basic_upload(door, "ada");
        let page = curl(door).get(&format!("/?token={token}"));
        assert_eq!(page.heading(), "Upload a file");
    }
}

#[test]
fn where_the_tutorials_are_switched_off_there_is_no_upload_by_token() {
    let door = Door::open();
    door.signed_up("ada");
    let token = token_of_basic_upload(&door, "ada");
    let door = door.restart_with(&[("compat.enabled", "false")]);
    for who in [curl(&door), door.browser()] {
        let form = chosen("a.txt", "a");
        assert_eq!(who.get(&format!("/?token={token}")).status, 400);
        assert_eq!(who.send_files("/upload", &form).status, 404);
        let status = upload(&who, &token, &form).status;
        assert!([400, 404].contains(&status), "{status}");
    }
    assert_eq!(shelf_of(&door, "ada"), [""; 0]);
}
