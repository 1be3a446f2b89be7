//! Work items, on pages and over JSON.

use std::collections::BTreeSet;

use doorward::idempotency;
use serde_json::{Value, json};

use crate::support::{Browser, Door, NOON, PASSWORD, Reply};

const ONE_LINE: &str = "Title must be plain text on one line, without control characters or \
                        characters that change the direction of text";

const API: &str = "/api/work-items";
const NOWHERE: &str = "00000000-0000-4000-8000-000000000000";
const HOUR: i64 = 3600;

fn program(door: &Door, username: &str) -> Browser {
    door.program(Some(&door.signed_up(username).access()))
}

fn add(who: &Browser, title: &str) -> Reply {
    who.send_json("POST", API, &json!({ "title": title }))
}

/// Adds items of these titles; returns their ids.
fn added(who: &Browser, titles: &[&str]) -> Vec<String> {
    let id = |title: &&str| {
        let reply = add(who, title);
        assert_eq!(reply.status, 201, "{}", reply.body);
        text(&reply.json(), "id").to_owned()
    };
    titles.iter().map(id).collect()
}

fn at(id: &str) -> String {
    format!("{API}/{id}")
}

fn change(who: &Browser, id: &str, body: Value) -> Reply {
    who.send_json("PATCH", &at(id), &body)
}

fn text<'a>(json: &'a Value, name: &str) -> &'a str {
    json[name]
        .as_str()
        .unwrap_or_else(|| panic!("no {name} in {json}"))
}

fn titles_of(list: &Value) -> Vec<String> {
    let items = list["items"].as_array().unwrap().iter();
    items.map(|item| text(item, "title").to_owned()).collect()
}

/// All titles, in their order.
fn titles(who: &Browser) -> Vec<String> {
    let list = who.get(&format!("{API}?limit=100"));
    assert_eq!(list.status, 200, "{}", list.body);
    titles_of(&list.json())
}

fn refused(reply: &Reply, status: u16, code: &str) {
    let json = reply.json();
    assert_eq!(
        (reply.status, text(&json, "error")),
        (status, code),
        "{json}"
    );
}

/// The titles that the page shows.
fn shown(page: &Reply) -> Vec<String> {
    assert_eq!(page.status, 200, "{}", page.body);
    let titles = page.text(".items [dir=auto]");
    titles.lines().map(str::to_owned).collect()
}

/// Presses the only button of this name on the page, and goes where it leads.
fn press(who: &Browser, page: &Reply, button: &str) -> Reply {
    let done = who.submit(page, button, &[]);
    assert_eq!(done.status, 303, "{}", done.body);
    who.follow(&done)
}

fn edit_page(who: &Browser, list: &str, title: &str) -> Reply {
    let page = who.get(list);
    let at = shown(&page).iter().position(|shown| shown == title);
    let row = at.unwrap_or_else(|| panic!("no {title} on {list}")) + 1;
    let link = page.attribute(&format!(".items li:nth-child({row}) > a"), "href");
    who.get(&link.unwrap())
}

// Pages

#[test]
fn an_empty_list_says_so_and_has_the_form_that_fills_it() {
    let door = Door::open();
    let ada = door.signed_up("ada");
    let page = ada.get("/work");
    assert_eq!(page.heading(), "Work");
    assert_eq!(page.text("main h2"), "Your list is empty");
    let reply = ada.submit(&page, "Add", &[("Title", "  Cut the hedge ")]);
    assert_eq!(reply.location(), "/work");
    let page = ada.follow(&reply);
    assert_eq!(page.text(".notice"), "Added at the end of the list.");
    assert_eq!(shown(&page), ["Cut the hedge"]);
    assert!(ada.get("/dashboard").text("header nav").contains("Work"));
}

#[test]
fn an_item_is_ticked_off_and_opened_again_from_the_part_of_the_list_one_looks_at() {
    let door = Door::open();
    let ada = door.signed_up("ada");
    added(&door.program(Some(&ada.access())), &["one", "two"]);
    let open = ada.get("/work?status=open");
    assert_eq!(
        open.text(".actions [aria-current=page]"),
        "Open (2)",
        "the filter says which it is"
    );
    let page = press(&ada, &open, "Tick off: one");
    assert_eq!(page.text(".notice"), "“one” is done.");
    assert_eq!(page.text("[aria-current=page]"), "Open (1)");
    let filters = page.text("p.actions");
    let filters: Vec<_> = filters.split_whitespace().collect();
    assert_eq!(filters.join(" "), "All (2) Open (1) Done (1)");
    assert_eq!(shown(&page), ["two"]);
    let done = ada.get("/work?status=done");
    assert_eq!(shown(&done), ["one"]);
    let page = press(&ada, &done, "Reopen: one");
    assert_eq!(page.text("main h2"), "Nothing is done yet");
    assert_eq!(shown(&ada.get("/work")), ["one", "two"]);
    for button in ["Tick off: one", "Tick off: two"] {
        press(&ada, &ada.get("/work?status=open"), button);
    }
    assert_eq!(
        ada.get("/work?status=open").text("main h2"),
        "Nothing is open"
    );
}

#[test]
fn ticking_an_item_off_leads_back_to_it_or_to_the_next_one() {
    let door = Door::open();
    let ada = door.signed_up("ada");
    let ids = added(&door.program(Some(&ada.access())), &["one", "two", "three"]);
    let item = |n: usize| format!("#item-{}", ids[n]);
    let all = ada.get("/work");
    assert_eq!(all.attribute(&item(1), "tabindex").as_deref(), Some("-1"));
    let done = ada.submit(&all, "Tick off: two", &[]);
    assert_eq!(done.location(), format!("/work{}", item(1)));
    let open = ada.get("/work?status=open");
    let done = ada.submit(&open, "Tick off: one", &[]);
    assert_eq!(done.location(), format!("/work?status=open{}", item(2)));
    let last = ada.submit(&open, "Tick off: three", &[]);
    assert_eq!(last.location(), "/work?status=open");
    let reopened = ada.submit(&ada.get("/work"), "Reopen: one", &[]);
    assert_eq!(
        ada.follow(&reopened).text(".notice"),
        "“one” is open again."
    );
}

#[test]
fn an_invalid_title_is_shown_again_with_an_error() {
    let door = Door::open();
    let ada = door.signed_up("ada");
    added(&door.program(Some(&ada.access())), &["one"]);
    let long = "é".repeat(201);
    let label = "Title";
    for (typed, kept, words) in [
        ("", "", "Enter a title"),
        (" \t", "", "Enter a title"),
        (&long, &long, "Title must be 200 characters or fewer"),
        ("a\nb", "ab", ONE_LINE),
        ("a\0b", "ab", ONE_LINE),
        ("\u{202e}gpj", "\u{202e}gpj", ONE_LINE),
    ] {
        for page in [ada.get("/work"), edit_page(&ada, "/work", "one")] {
            let button = if page.heading() == "Work" {
                "Add"
            } else {
                "Save"
            };
            let again = ada.submit(&page, button, &[(label, typed)]);
            assert_eq!(again.status, 422);
            assert_eq!(again.heading(), page.heading());
            assert!(again.title().starts_with("Error: "));
            assert_eq!(again.errors(), [("title".to_owned(), words.to_owned())]);
            assert_eq!(again.value(label), kept);
        }
    }
    let large = "a".repeat(1 << 20);
    assert_eq!(ada.post_own("/work", &[("title", &large)]).status, 413);
    assert_eq!(shown(&ada.get("/work")), ["one"]);
}

#[test]
fn a_title_is_text_and_nothing_else_wherever_it_is_shown() {
    let door = Door::open();
    let ada = door.signed_up("ada");
    let hostile = "</span><script>alert(1)</script>\"'&amp; שלום 🔑";
    let page = ada.get("/work");
    ada.submit(&page, "Add", &[("Title", hostile)]);
    let list = ada.get("/work");
    assert_eq!(shown(&list), [hostile]);
    assert_eq!(list.text("main script"), "");
    let edit = edit_page(&ada, "/work", hostile);
    assert_eq!(edit.value("Title"), hostile);
    let link = edit.attribute("a[href$='/delete']", "href").unwrap();
    assert_eq!(ada.get(&link).text("main dd"), hostile);
    assert_eq!(ada.get(&link).text("main script"), "");
    press(&ada, &list, &format!("Tick off: {hostile}"));
    let composed = ada.submit(&page, "Add", &[("Title", "e\u{301}tude")]);
    assert_eq!(shown(&ada.follow(&composed)), [hostile, "étude"]);
}

#[test]
fn an_item_is_moved_among_those_that_are_looked_at() {
    let door = Door::open();
    let ada = door.signed_up("ada");
    let program = door.program(Some(&ada.access()));
    let ids = added(&program, &["one", "two", "three", "four"]);
    change(&program, &ids[1], json!({"done": true}));
    // Past "two", which is not in sight.
    let page = edit_page(&ada, "/work?status=open", "three");
    assert!(
        page.text("dl").contains("Position2 of 3"),
        "{}",
        page.text("dl")
    );
    let page = press(&ada, &page, "Move up");
    assert_eq!(page.text(".notice"), "Moved up.");
    assert!(
        page.text("dl").contains("Position1 of 3"),
        "{}",
        page.text("dl")
    );
    assert_eq!(titles(&program), ["three", "one", "two", "four"]);
    assert!(
        !page.text(".actions").contains("up"),
        "it is the first already"
    );
    let path = page.attribute("form[action*='/move']", "action").unwrap();
    assert_eq!(ada.post_own(&path, &[("to", "up")]).status, 303);
    assert_eq!(titles(&program), ["three", "one", "two", "four"]);
    let page = press(&ada, &page, "Move down");
    let page = press(&ada, &page, "Move down");
    assert_eq!(titles(&program), ["one", "two", "four", "three"]);
    assert!(
        !page.text(".actions").contains("down"),
        "it is the last already"
    );
    assert_eq!(ada.post_own(&path, &[("to", "down")]).status, 303);
    assert_eq!(titles(&program)[3], "three");
    let page = press(&ada, &page, "Move to the top");
    assert_eq!(page.text(".notice"), "Moved to the top.");
    assert_eq!(titles(&program), ["three", "one", "two", "four"]);
    let page = press(&ada, &page, "Move to the bottom");
    assert_eq!(page.text(".notice"), "Moved to the bottom.");
    assert_eq!(titles(&program), ["one", "two", "four", "three"]);
    let back = page.attribute("main p > a", "href").unwrap();
    assert_eq!(back, "/work?status=open");
}

#[test]
fn an_item_is_deleted_through_a_page_that_names_it() {
    let door = Door::open();
    let ada = door.signed_up("ada");
    added(&door.program(Some(&ada.access())), &["one", "two"]);
    let edit = edit_page(&ada, "/work?status=open", "two");
    let ask = ada.get(&edit.attribute("a[href*='/delete']", "href").unwrap());
    assert_eq!(ask.heading(), "Delete this item");
    assert_eq!(ask.text("main dd"), "two");
    assert_eq!(shown(&ada.get("/work")).len(), 2, "looking deletes nothing");
    let done = ada.submit(&ask, "Delete this item", &[]);
    assert_eq!(done.location(), "/work?status=open");
    assert_eq!(ada.follow(&done).text(".notice"), "Deleted.");
    assert_eq!(shown(&ada.get("/work")), ["one"]);
    assert_eq!(ada.submit(&ask, "Delete this item", &[]).status, 404);
}

#[test]
fn a_rename_does_not_overwrite_what_it_has_not_seen() {
    let door = Door::open();
    let ada = door.signed_up("ada");
    let program = door.program(Some(&ada.access()));
    let ids = added(&program, &["one"]);
    let label = "Title";
    let old = edit_page(&ada, "/work", "one");
    change(&program, &ids[0], json!({"title": "theirs"}));
    let again = ada.submit(&old, "Save", &[(label, "mine")]);
    assert_eq!(again.status, 422);
    assert_eq!(again.value(label), "mine");
    assert!(again.errors()[0].1.contains("changed to “theirs”"));
    assert_eq!(titles(&program), ["theirs"]);
    let saved = ada.submit(&again, "Save", &[]);
    assert_eq!(ada.follow(&saved).text(".notice"), "Saved.");
    assert_eq!(titles(&program), ["mine"]);
    // Both wanted the same.
    assert_eq!(ada.submit(&old, "Save", &[(label, "mine")]).status, 303);
    let unnumbered = [("title", "x"), ("version", "none")];
    assert_eq!(
        ada.post_own(&format!("/work/{}", ids[0]), &unnumbered)
            .status,
        422
    );
}

#[test]
fn a_long_list_has_pages_and_one_comes_back_to_the_one_that_one_was_on() {
    let door = Door::open();
    let ada = door.signed_up("ada");
    let program = door.program(Some(&ada.access()));
    let names: Vec<_> = (1..=101).map(|n| format!("item {n}")).collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    added(&program, &names);
    let first = ada.get("/work?status=open");
    assert_eq!(shown(&first), names[..50]);
    let second = ada.get(&first.attribute("p.actions a.button", "href").unwrap());
    assert_eq!(shown(&second), names[50..100]);
    let page = press(&ada, &second, "Tick off: item 60");
    assert_eq!(shown(&page)[0], "item 51");
    assert_eq!(shown(&page)[49], "item 101");
    let third = ada.get("/work?after=100");
    assert_eq!(shown(&third), ["item 101"]);
    let ask = edit_page(&ada, "/work?after=100", "item 101");
    let ask = ada.get(&ask.attribute("a[href*='/delete']", "href").unwrap());
    let done = ada.submit(&ask, "Delete this item", &[]);
    assert_eq!(done.location(), "/work?after=100");
    let empty = ada.follow(&done);
    assert_eq!(empty.location(), "/work", "that page has gone");
    let page = ada.follow(&empty);
    assert_eq!(page.text(".notice"), "Deleted.");
    for nowhere in [
        "?after=x",
        "?after=1x",
        "?after=",
        "?status=all",
        "?status=",
    ] {
        assert_eq!(ada.get(&format!("/work{nowhere}")).status, 404, "{nowhere}");
        let reply = ada.post_own(&format!("/work{nowhere}"), &[("title", "x")]);
        assert_eq!(reply.status, 404, "{nowhere}");
    }
}

#[test]
fn a_form_that_says_nothing_changes_nothing() {
    let door = Door::open();
    let ada = door.signed_up("ada");
    let ids = added(&door.program(Some(&ada.access())), &["one"]);
    for (action, fields) in [
        ("done", &[][..]),
        ("done", &[("done", "maybe")]),
        ("move", &[]),
        ("move", &[("to", "sideways")]),
    ] {
        let reply = ada.post_own(&format!("/work/{}/{action}", ids[0]), fields);
        assert_eq!(reply.status, 400, "{action} {fields:?}");
    }
    assert_eq!(shown(&ada.get("/work?status=open")), ["one"]);
}

// Whose they are

#[test]
fn another_accounts_item_is_not_found() {
    let door = Door::open();
    let ada = program(&door, "ada");
    let ids = added(&ada, &["hers", "hers too"]);
    let tag = ada.get(&at(&ids[0])).header("etag").unwrap().to_owned();
    door.signed_up("bob");
    door.signed_up("root");
    door.sql("UPDATE accounts SET role = 'administrator' WHERE username = 'root'");
    for name in ["bob", "root"] {
        let browser = door.browser();
        assert_eq!(browser.sign_in(name, PASSWORD).status, 303);
        let own = door.program(Some(&browser.access()));
        let mine = added(&own, &["mine"]);
        for id in [ids[0].as_str(), NOWHERE, "nonsense"] {
            let page = |path: &str| format!("/work/{id}{path}");
            let replies = [
                own.get(&at(id)),
                own.with("if-none-match", &tag).get(&at(id)),
                own.with("if-match", &tag).with_method("DELETE", &at(id)),
                own.with_method("DELETE", &at(id)),
                change(&own, id, json!({"title": "his"})),
                change(&own.with("if-match", "\"99\""), id, json!({"done": true})),
                change(&own, id, json!({"before": null})),
                change(&own, id, json!({"before": mine[0]})),
                browser.get(&page("")),
                browser.get(&page("/delete")),
                browser.post_own(&page(""), &[("title", "his"), ("version", "1")]),
                browser.post_own(&page(""), &[("title", ""), ("version", "1")]),
                browser.post_own(&page("/done"), &[("done", "yes")]),
                browser.post_own(&page("/move"), &[("to", "up")]),
                browser.post_own(&page("/delete"), &[]),
            ];
            let statuses: Vec<_> = replies.iter().map(|reply| reply.status).collect();
            assert_eq!(statuses, [404; 15], "{name} {id}");
            assert!(replies.iter().all(|reply| !reply.body.contains("hers")));
            // As the place of one's own, too.
            let moved = change(&own, &mine[0], json!({"before": id}));
            refused(&moved, 422, "invalid_fields");
            assert_eq!(moved.json()["fields"]["before"], "There is no such item.");
        }
        assert_eq!(titles(&own), ["mine"]);
        assert_eq!(shown(&browser.get("/work")), ["mine"]);
    }
    assert_eq!(titles(&ada), ["hers", "hers too"]);
    let same = ada.with("if-none-match", &tag).get(&at(&ids[0]));
    assert_eq!(same.status, 304, "nothing of it was touched");
}

#[test]
fn a_deleted_accounts_items_are_out_of_reach_at_once_and_gone_with_its_row() {
    let door = Door::open();
    let ada = door.signed_up("ada");
    let holder = door.program(Some(&ada.access()));
    let ids = added(&holder, &["hers"]);
    let ask = ada.get("/account/delete");
    assert_eq!(ada.submit(&ask, "Delete my account", &[]).status, 303);
    assert_eq!(holder.get(API).status, 401);
    assert_eq!(holder.get(&at(&ids[0])).status, 401);
    // With the row goes what hangs on it; what were left would be Bob's.
    let foreign_keys = match door.database_url() {
        Some(_) => "",
        None => "PRAGMA foreign_keys=ON;",
    };
    let bob = program(&door, "bob");
    door.sql(&format!(
        "{foreign_keys} DELETE FROM accounts WHERE deleted_at IS NOT NULL;
         UPDATE work_items SET account_id = (SELECT id FROM accounts)"
    ));
    assert_eq!(titles(&bob), Vec::<String>::new());
}

// Over JSON

#[test]
fn an_item_is_made_read_changed_and_deleted() {
    let door = Door::open();
    let ada = program(&door, "ada");
    let made = add(&ada, " one ");
    assert_eq!(made.status, 201);
    let item = made.json();
    let names: BTreeSet<_> = item.as_object().unwrap().keys().collect();
    let expected = ["created_at", "done", "id", "title", "updated_at"];
    assert!(names.into_iter().eq(&expected), "{item}");
    assert_eq!(
        (
            text(&item, "title"),
            &item["done"],
            text(&item, "created_at")
        ),
        ("one", &json!(false), "2027-01-15T08:00:00Z")
    );
    let path = at(text(&item, "id"));
    assert_eq!(made.location(), path);
    assert_eq!(made.header("etag"), Some("\"1\""));
    assert_eq!(made.header("idempotency-replayed"), None);
    let read = ada.get(&path);
    assert_eq!(
        (read.json(), read.header("etag")),
        (item.clone(), Some("\"1\""))
    );
    assert_eq!(ada.head(&path).status, 200);

    door.let_pass(60);
    let id = text(&item, "id");
    let changed = change(&ada, id, json!({"title": "uno", "done": true}));
    assert_eq!(
        (changed.status, changed.header("etag")),
        (200, Some("\"2\""))
    );
    assert_eq!(
        changed.json(),
        json!({"id": id, "title": "uno", "done": true,
            "created_at": "2027-01-15T08:00:00Z", "updated_at": "2027-01-15T08:01:00Z"})
    );
    door.let_pass(60);
    for nothing in [
        json!({}),
        json!({"done": true}),
        json!({"title": "uno"}),
        json!({"before": null}),
    ] {
        let same = change(&ada, id, nothing);
        assert_eq!(
            (same.json(), same.header("etag")),
            (changed.json(), Some("\"2\""))
        );
    }
    let gone = ada.with_method("DELETE", &path);
    assert_eq!((gone.status, gone.body.as_str()), (204, ""));
    refused(&ada.get(&path), 404, "not_found");
    refused(&ada.with_method("DELETE", &path), 404, "not_found");
    refused(&change(&ada, id, json!({})), 404, "not_found");
}

#[test]
fn the_error_names_a_field_that_a_program_may_not_send() {
    let door = Door::open();
    let ada = program(&door, "ada");
    let ids = added(&ada, &["one"]);
    let fields = |method: &str, body: Value| {
        let path = if method == "POST" {
            API.to_owned()
        } else {
            at(&ids[0])
        };
        let reply = ada.send_json(method, &path, &body);
        refused(&reply, 422, "invalid_fields");
        reply.json()["fields"].clone()
    };
    for title in ["", " ", "a\nb", "a\0b", "\u{202e}x", &"a".repeat(201)] {
        for method in ["POST", "PATCH"] {
            assert!(fields(method, json!({ "title": title }))["title"].is_string());
        }
    }
    assert_eq!(fields("POST", json!({})), json!({"title": "is missing"}));
    let unknown = json!({"title": "x", "position": 1});
    assert_eq!(
        fields("POST", unknown),
        json!({"position": "is not taken here"})
    );
    assert_eq!(
        fields("PATCH", json!({"id": "x"})),
        json!({"id": "is not taken here"})
    );
    for (wrong, named) in [
        (json!({"title": null}), json!({"title": "must be a string"})),
        (
            json!({"title": ["secret"]}),
            json!({"title": "must be a string"}),
        ),
        (
            json!({"done": null}),
            json!({"done": "must be true or false"}),
        ),
        (
            json!({"done": "yes, expected nothing"}),
            json!({"done": "must be true or false"}),
        ),
        (json!({"before": 1}), json!({"before": "must be a string"})),
        (
            json!({"title": 1, "done": {}}),
            json!({"title": "must be a string", "done": "must be true or false"}),
        ),
    ] {
        assert_eq!(fields("PATCH", wrong), named);
    }
    assert_eq!(
        fields("POST", json!({"title": 1.5})),
        json!({"title": "must be a string"})
    );
    for no_object in [json!(["one"]), json!("one"), json!(null)] {
        assert_eq!(fields("POST", no_object), json!({}));
    }
    assert_eq!(ada.with_method("PATCH", &at(&ids[0])).status, 415);
    refused(&add(&ada, &"a".repeat(1 << 20)), 413, "too_large");
    refused(&add(&door.program(None), "x"), 401, "not_signed_in");
    refused(
        &ada.with_method("PUT", &at(&ids[0])),
        405,
        "method_not_allowed",
    );
    let allowed = ada.with_method("PUT", &at(&ids[0]));
    assert_eq!(allowed.header("allow"), Some("GET, PATCH, DELETE, HEAD"));
    assert_eq!(titles(&ada), ["one"]);
}

#[test]
fn an_item_goes_before_another_or_to_the_end() {
    let door = Door::open();
    let ada = program(&door, "ada");
    let ids = added(&ada, &["a", "b", "c", "d"]);
    ada.with_method("DELETE", &at(&ids[1]));
    let place = |item: usize, before: Option<usize>| {
        let before = before.map(|before| ids[before].clone());
        let reply = change(&ada, &ids[item], json!({ "before": before }));
        assert_eq!(reply.status, 200, "{}", reply.body);
        titles(&ada).concat()
    };
    assert_eq!(place(3, Some(0)), "dac");
    assert_eq!(place(3, Some(2)), "adc");
    assert_eq!(place(0, None), "dca");
    assert_eq!(place(0, None), "dca");
    assert_eq!(place(2, Some(2)), "dca", "before itself it stays");
    assert_eq!(place(3, Some(2)), "dca", "it is there already");
    added(&ada, &["e"]);
    assert_eq!(place(2, None), "daec");
    // With another change, all or nothing.
    let both = json!({"title": "x", "before": ids[1]});
    refused(&change(&ada, &ids[3], both), 422, "invalid_fields");
    assert_eq!(titles(&ada).concat(), "daec");
}

#[test]
fn a_stale_change_is_refused_when_its_sender_asks_for_that() {
    let door = Door::open();
    let ada = program(&door, "ada");
    let id = &added(&ada, &["one"])[0];
    let only_if = |tags: &str, title: &str| {
        change(&ada.with("if-match", tags), id, json!({ "title": title }))
    };
    assert_eq!(only_if("\"1\"", "two").status, 200);
    refused(&only_if("\"1\"", "three"), 412, "stale");
    refused(&only_if("W/\"1\"", "three"), 412, "stale");
    refused(&only_if("\"nonsense\"", "three"), 412, "stale");
    for malformed in ["2", "\"2", "", "\"2\" \"3\"", "*, \"2\""] {
        refused(&only_if(malformed, "three"), 400, "malformed");
    }
    assert_eq!(only_if("\"1\", W/\"2\"", "three").status, 200);
    assert_eq!(only_if("*", "four").status, 200);
    assert_eq!(
        change(&ada, id, json!({"title": "five"})).status,
        200,
        "the last to write wins"
    );
    let delete = |tags: &str| ada.with("if-match", tags).with_method("DELETE", &at(id));
    refused(&delete("\"4\""), 412, "stale");
    refused(&delete("4"), 400, "malformed");
    assert_eq!(titles(&ada), ["five"]);

    let unless = |tags: &str| ada.with("if-none-match", tags).get(&at(id));
    for seen in ["\"5\"", "W/\"5\"", "\"4\", \"5\"", "*"] {
        let same = unless(seen);
        assert_eq!((same.status, same.body.as_str()), (304, ""), "{seen}");
        assert_eq!(same.header("etag"), Some("\"5\""));
    }
    assert_eq!(unless("\"4\"").status, 200);
    refused(&unless("5"), 400, "malformed");
    // Apache and Caddy add the coding of a compressed answer to its tag.
    for seen in ["\"5-gzip\"", "\"5-br\"", "\"5-zstd\"", "W/\"5-gzip\""] {
        assert_eq!(unless(seen).status, 304, "{seen}");
        let same = change(&ada.with("if-match", seen), id, json!({"title": "five"}));
        assert_eq!(same.header("etag"), Some("\"5\""), "{seen} {}", same.body);
    }
    for other in [
        "\"4-gzip\"",
        "\"5-gzip-gzip\"",
        "\"5-\"",
        "\"-gzip\"",
        "\"5-other\"",
    ] {
        assert_eq!(unless(other).status, 200, "{other}");
        refused(&delete(other), 412, "stale");
    }
    assert_eq!(delete("\"5-gzip\"").status, 204);
}

#[test]
fn a_list_is_read_page_by_page_without_a_gap_or_a_double() {
    let door = Door::open();
    let ada = program(&door, "ada");
    let names: Vec<_> = (1..=120).map(|n| n.to_string()).collect();
    let ids = added(&ada, &names.iter().map(String::as_str).collect::<Vec<_>>());
    for id in ids.iter().step_by(2) {
        change(&ada, id, json!({"done": true}));
    }
    let walk = |query: &str| {
        let (mut found, mut sizes) = (Vec::new(), Vec::new());
        let mut after = String::new();
        loop {
            let list = ada.get(&format!("{API}?{query}{after}")).json();
            let titles = titles_of(&list);
            sizes.push(titles.len());
            found.extend(titles);
            let Some(next) = list["next"].as_str() else {
                return (found, sizes);
            };
            after = format!("&after={next}");
        }
    };
    assert_eq!(walk(""), (names.clone(), vec![50, 50, 20]));
    assert_eq!(walk("limit=100").1, [100, 20]);
    assert_eq!(walk("limit=60"), (names.clone(), vec![60, 60]));
    let (done, sizes) = walk("status=done&limit=7");
    assert_eq!((done.len(), sizes.len()), (60, 9));
    assert!(done.iter().all(|n| n.parse::<u32>().unwrap() % 2 == 1));
    assert_eq!(walk("status=open").0.len(), 60);
    assert_eq!(walk("after=9223372036854775807").0.len(), 0);
    for bad in [
        "limit=0",
        "limit=101",
        "limit=-1",
        "limit=x",
        "limit=",
        "limit=1&limit=2",
        "after=",
        "after=x",
        "after=01",
        "after=0",
        "after=-1",
        "after=1.5",
        "after=9223372036854775808",
        "status=all",
        "status=",
        "before=1",
        "limit=1&page=2",
        "after=1&after=2",
    ] {
        refused(&ada.get(&format!("{API}?{bad}")), 400, "malformed");
    }
    for bad in ["limit=0", "limit=101", "after=x", "status=open"] {
        refused(&ada.get(&format!("/api/sessions?{bad}")), 400, "malformed");
    }
    let sessions = ada.get("/api/sessions?limit=1").json();
    assert_eq!(sessions["items"].as_array().unwrap().len(), 1);
}

#[test]
fn a_thousand_items_are_enough() {
    let door = Door::open();
    let ada = door.signed_up("ada");
    let holder = door.program(Some(&ada.access()));
    let ids = added(&holder, &["one"]);
    let row = |n: u32| {
        format!(
            "INSERT INTO work_items SELECT 'x{n}', account_id, 'x', NULL, {n} + 1, 1, 0, 0
             FROM work_items WHERE id = '{}'; ",
            ids[0]
        )
    };
    door.sql(&(1..999).map(row).collect::<String>());
    assert_eq!(add(&holder, "the last").status, 201);
    refused(&add(&holder, "one more"), 409, "too_many");
    let page = ada.get("/work?status=done");
    let again = ada.submit(&page, "Add", &[("Title", "one more")]);
    assert_eq!(again.status, 422);
    assert_eq!(again.value("Title"), "one more");
    assert!(again.errors()[0].1.contains("1000 items"));
    assert_eq!(
        change(&holder, &ids[0], json!({"before": null})).status,
        200
    );
    holder.with_method("DELETE", &at(&ids[0]));
    assert_eq!(add(&holder, "one more").status, 201);
}

// At once, and again

#[test]
fn moves_at_once_leave_every_item_in_one_order() {
    let door = Door::open();
    let ada = program(&door, "ada");
    let names: Vec<_> = (0..8).map(|n| n.to_string()).collect();
    let ids = added(&ada, &names.iter().map(String::as_str).collect::<Vec<_>>());
    std::thread::scope(|scope| {
        for worker in 0..8 {
            let (ada, ids) = (ada.copy(), &ids);
            scope.spawn(move || {
                for step in 1..6 {
                    let to = (step < 5).then(|| ids[(worker + step) % 8].clone());
                    let reply = change(&ada, &ids[worker], json!({ "before": to }));
                    assert_eq!(reply.status, 200, "{}", reply.body);
                }
                assert_eq!(add(&ada, "new").status, 201);
            });
        }
    });
    let mut after = titles(&ada);
    assert_eq!(after.len(), 16);
    after.retain(|title| title != "new");
    after.sort();
    assert_eq!(after, names);
}

#[test]
fn a_request_that_is_sent_again_makes_nothing_new() {
    let door = Door::open();
    let ada = program(&door, "ada");
    let with_key = |key: &str, title: &str| add(&ada.with("idempotency-key", key), title);
    let first = with_key("k-1", "one");
    let again = with_key("k-1", "one");
    for reply in [&first, &again] {
        assert_eq!((reply.status, reply.header("etag")), (201, Some("\"1\"")));
    }
    assert_eq!(first.header("idempotency-replayed"), None);
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    assert_eq!(
        (again.json(), again.location()),
        (first.json(), first.location())
    );
    refused(&with_key("k-1", "two"), 422, "idempotency_key_reused");
    assert_eq!(with_key("k-2", "one").status, 201);
    let longest = "k".repeat(64);
    assert_eq!(with_key(&longest, "three").status, 201);
    for bad in ["", "a b", "é", &"k".repeat(65)] {
        refused(&with_key(bad, "four"), 400, "malformed");
    }
    // What was refused has claimed nothing.
    refused(&with_key("k-3", ""), 422, "invalid_fields");
    assert_eq!(with_key("k-3", "four").status, 201);
    assert_eq!(titles(&ada), ["one", "one", "three", "four"]);
    // Somebody else's key is another key.
    let bob = program(&door, "bob");
    let his = add(&bob.with("idempotency-key", "k-1"), "one");
    assert_eq!(
        (his.status, his.header("idempotency-replayed")),
        (201, None)
    );
    // It comes back as it is now, and not at all when it is gone.
    let id = text(&first.json(), "id").to_owned();
    change(&ada, &id, json!({"done": true}));
    let again = with_key("k-1", "one");
    assert_eq!(
        (again.json()["done"].clone(), again.header("etag")),
        (json!(true), Some("\"2\""))
    );
    ada.with_method("DELETE", &at(&id));
    refused(&with_key("k-1", "one"), 404, "not_found");
}

#[test]
fn a_key_counts_for_a_day() {
    let door = Door::open();
    let browser = door.signed_up("ada");
    let post = || {
        // The token is renewed by the browser's cookies.
        browser.get("/dashboard");
        let ada = door.program(Some(&browser.access()));
        add(&ada.with("idempotency-key", "k"), "one")
    };
    browser.sign_out();
    let page = browser.get("/login");
    let fields = [
        ("Username or email address", "ada"),
        ("Password", PASSWORD),
        ("Stay signed in", "yes"),
    ];
    browser.submit(&page, "Sign in", &fields);
    assert_eq!(post().header("idempotency-replayed"), None);
    door.let_pass(24 * HOUR - 1);
    assert_eq!(post().header("idempotency-replayed"), Some("true"));
    door.let_pass(1);
    assert_eq!(post().header("idempotency-replayed"), None);
    assert_eq!(post().header("idempotency-replayed"), Some("true"));
}

#[test]
fn old_keys_are_forgotten() {
    let door = Door::open();
    let ada = program(&door, "ada").with("idempotency-key", "k");
    let is_new = || add(&ada, "one").header("idempotency-replayed").is_none();
    let forget_at = |now: i64| {
        let db = door.database();
        let forgotten = db.write(move |tx| idempotency::forget(tx, now, 500));
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(forgotten).unwrap();
    };
    assert!(is_new());
    forget_at(NOON + 24 * HOUR - 1);
    assert!(!is_new());
    forget_at(NOON + 24 * HOUR);
    assert!(is_new());
}

#[test]
fn of_creations_at_once_with_one_key_one_creates() {
    let door = Door::open();
    let ada = program(&door, "ada").with("idempotency-key", "k");
    let made: Vec<_> = std::thread::scope(|scope| {
        let running: Vec<_> = (0..12)
            .map(|_| {
                let ada = ada.copy();
                scope.spawn(move || {
                    let reply = add(&ada, "one");
                    assert_eq!(reply.status, 201, "{}", reply.body);
                    let first = reply.header("idempotency-replayed").is_none();
                    (text(&reply.json(), "id").to_owned(), first)
                })
            })
            .collect();
        running
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    let ids: BTreeSet<_> = made.iter().map(|(id, _)| id).collect();
    assert_eq!(ids.len(), 1);
    assert_eq!(made.iter().filter(|(_, first)| *first).count(), 1);
    assert_eq!(titles(&ada), ["one"]);
}
