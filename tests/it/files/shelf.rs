//! The shelf: what is on it, in which order, and what becomes of it.

use serde_json::json;

use super::*;
use crate::support::PASSWORD;

/// Every name on the shelf, read page by page as its links lead.
fn names_page_by_page(who: &Browser, query: &str, limit: usize) -> Vec<String> {
    let mut names = Vec::new();
    let mut after = String::new();
    loop {
        let list = who.get(&format!("{API}?limit={limit}&{query}{after}"));
        assert_eq!(list.status, 200, "{}", list.body);
        let list = list.json();
        let found = texts(&list, "name");
        assert!(!found.is_empty() && found.len() <= limit);
        names.extend(found);
        assert!(names.len() < 100, "it goes on for ever");
        let Some(next) = list["next"].as_str() else {
            return names;
        };
        let next = [("after", next)];
        after = format!("&{}", crate::support::browser::encode(next.into_iter()));
    }
}

fn found(who: &Browser, text: &str) -> Vec<String> {
    let query = crate::support::browser::encode([("q", text), ("sort", "name")].into_iter());
    let list = who.get(&format!("{API}?{query}"));
    assert_eq!(list.status, 200, "{}", list.body);
    texts(&list.json(), "name")
}

/// The names that the page shows.
fn shown(page: &Reply) -> Vec<String> {
    assert_eq!(page.status, 200, "{}", page.body);
    let names = page.text("tbody th a[dir=auto]");
    names.lines().map(str::to_owned).collect()
}

#[test]
fn an_empty_shelf_says_so_and_how_much_room_there_is() {
    let door = Door::with(&[("files.quota_mb", "20"), ("files.max_mb", "30")]);
    let ada = door.signed_up("ada");
    let page = ada.get("/files");
    assert_eq!(page.heading(), "Files");
    assert_eq!(page.text("main h2"), "No files yet");
    let used = "0 bytes of 20 MB used · 0 files";
    assert!(page.text("main").contains(used));
    assert!(page.text("#file-hint").contains("At most 20 MB each"));
    let holder = door.program(Some(&ada.access()));
    uploaded(&holder, &one("a.bin", noise(5 * MEGABYTE)));
    let page = ada.get("/files");
    let used = "5 MB of 20 MB used · 1 file";
    assert!(page.text("main").contains(used));
    assert_eq!(
        page.attribute("main svg rect + rect", "width").as_deref(),
        Some("25")
    );
}

#[test]
fn a_search_for_more_than_any_name_has_finds_nothing() {
    let door = Door::open();
    let ada = door.signed_up("ada");
    let long = format!("?q={}", "x".repeat(20_000));
    for path in ["/files", API] {
        assert_eq!(ada.get(&format!("{path}{long}")).status, 200, "{path}");
    }
}

#[test]
fn a_shelf_is_read_in_any_order_page_by_page_without_a_gap_or_a_double() {
    let door = Door::open();
    let ada = program(&door, "ada");
    uploaded(&program(&door, "bob"), &one("bob.txt", "not hers"));
    // Three at a time are of one second, of one size, or of one name but for its case.
    let mut all = Vec::new();
    for n in 0..12 {
        let name = format!("{}-{n:02}.txt", ["b", "B", "a"][n % 3]);
        let size = 1 + n / 3;
        uploaded(&ada, &one(&name, "x".repeat(size)));
        all.push((name, n / 3, size));
        if n % 3 == 2 {
            door.let_pass(1);
        }
    }
    for limit in [1, 2, 3, 5, 100] {
        for sort in ["newest", "oldest", "name", "largest"] {
            let names = names_page_by_page(&ada, &format!("sort={sort}"), limit);
            let mut once = names.clone();
            once.sort_unstable();
            once.dedup();
            assert_eq!((names.len(), once.len()), (12, 12), "{sort} {limit}");
            let about = |name: &String| all.iter().find(|(known, ..)| known == name).unwrap();
            let in_order = names.is_sorted_by(|one, next| {
                let (one, next) = (about(one), about(next));
                match sort {
                    "newest" => one.1 >= next.1,
                    "oldest" => one.1 <= next.1,
                    "largest" => one.2 >= next.2,
                    _ => one.0.to_lowercase() <= next.0.to_lowercase(),
                }
            });
            assert!(in_order, "{sort}: {names:?}");
        }
    }
    for query in [
        "sort=random",
        "limit=0",
        "limit=101",
        "after=x",
        "folder=a",
        "sort=name&sort=name",
    ] {
        refused(&ada.get(&format!("{API}?{query}")), 400, "malformed");
    }
}

#[test]
fn names_sorted_page_by_page_may_have_any_character_in_them() {
    let door = Door::open();
    let ada = program(&door, "ada");
    let names = [
        "a & b.txt",
        "a+b=c.txt",
        "a.b.c",
        "\u{e4} 50%.txt",
        "z # 1.txt",
    ];
    for name in names {
        uploaded(&ada, &one(name, "words"));
    }
    let read = names_page_by_page(&ada, "sort=name", 1);
    assert_eq!(read.len(), names.len());
    let page = door.browser();
    page.sign_in("ada", PASSWORD);
    assert_eq!(shown(&page.get("/files?sort=name")), read);
}

#[test]
fn the_page_shows_fifty_files_and_leads_to_the_rest() {
    let door = Door::open();
    let ada = door.signed_up("ada");
    let holder = door.program(Some(&ada.access()));
    let form = (0..53).fold(Multipart::new(), |form, n| {
        form.file("file", format!("my photo+{n:02}.txt"), "words")
    });
    assert_eq!(holder.send_files(API, &form).status, 201);
    // As the form of the page writes it.
    let first = ada.get("/files?sort=name&q=MY+photo%2B");
    let more = first.attribute("main p.actions a", "href").unwrap();
    let second = ada.get(&more);
    assert_eq!(shown(&first).len(), 50);
    let rest = [50, 51, 52].map(|n| format!("my photo+{n}.txt"));
    assert_eq!(shown(&second), rest);
    assert_eq!(second.value("Name or description"), "MY photo+");
    let back = second.attribute("main p.actions a", "href").unwrap();
    assert_eq!(back, "/files?q=MY+photo%2B&sort=name");
    assert_eq!(ada.get("/files?sort=random").status, 404);
    let nothing = ada.get("/files?q=nothing");
    assert_eq!(nothing.text("main h2"), "No matching files");
}

#[test]
fn a_search_looks_at_names_and_descriptions_and_takes_every_character_as_it_is() {
    let door = Door::open();
    let ada = program(&door, "ada");
    for (name, description) in [
        ("100% wool.txt", "\u{c4}rmel"),
        ("100 sheep.txt", "of_wool"),
        ("back_up.txt", "C drive"),
        ("backup.txt", ""),
    ] {
        uploaded(&ada, &described(name, description, "words"));
    }
    uploaded(&program(&door, "bob"), &one("wool.txt", "not hers"));
    for (text, expected) in [
        ("WOOL", &["100 sheep.txt", "100% wool.txt"][..]),
        ("100%", &["100% wool.txt"]),
        ("%", &["100% wool.txt"]),
        ("_", &["100 sheep.txt", "back_up.txt"]),
        ("k_u", &["back_up.txt"]),
        ("\u{e4}RMEL", &["100% wool.txt"]),
        ("c DRIVE", &["back_up.txt"]),
        ("\\", &[]),
        ("\\%", &[]),
        ("'", &[]),
    ] {
        assert_eq!(found(&ada, text), expected, "{text}");
    }
    assert_eq!(found(&ada, "").len(), 4);
}

#[test]
fn a_file_gets_another_name_and_description_on_its_page() {
    let door = Door::open();
    let ada = door.signed_up("ada");
    let holder = door.program(Some(&ada.access()));
    let id = uploaded(&holder, &described("a.txt", "First", "words"));
    uploaded(&holder, &described("b.txt", "Second", "words"));
    let path = format!("/files/{id}");
    let page = ada.get(&path);
    assert_eq!(page.heading(), "a.txt");
    assert!(page.text("dl").contains(&sha256(b"words")));
    let fields = [
        ("Name", " Letter \u{e4}.txt"),
        ("Description (optional)", ""),
    ];
    let saved = ada.submit(&page, "Save", &fields);
    assert_eq!((saved.status, saved.location()), (303, path.clone()));
    let saved = ada.follow(&saved);
    assert_eq!(saved.text(".notice"), "Saved.");
    assert_eq!(saved.heading(), "Letter \u{e4}.txt");
    let file = holder.get(&at(&id)).json();
    assert_eq!(text(&file, "name"), "Letter \u{e4}.txt");
    assert_eq!(file["description"], Value::Null);
    assert_eq!(found(&holder, "letter"), ["Letter \u{e4}.txt"]);
    assert_eq!(found(&holder, "first"), [""; 0]);
    for (label, value, words) in [
        ("Name", "", "Enter a name"),
        ("Name", "../a", "Name must be plain text on one line"),
    ] {
        let refused = ada.submit(&saved, "Save", &[(label, value)]);
        assert_eq!(refused.status, 422);
        assert!(refused.errors()[0].1.starts_with(words), "{}", refused.body);
        assert_eq!(refused.value(label), value);
    }
    assert_eq!(holder.get(&at(&id)).json(), file);
    // People may describe two files alike.
    let alike = [("Description (optional)", "Second")];
    assert_eq!(ada.submit(&saved, "Save", &alike).status, 303);
    let file = holder.get(&at(&id)).json();
    assert_eq!(text(&file, "description"), "Second");
}

#[test]
fn several_files_are_deleted_together_after_a_page_that_names_them() {
    let door = Door::open();
    let ada = door.signed_up("ada");
    let holder = door.program(Some(&ada.access()));
    let [a, b, kept] =
        ["a.txt", "b<i>.txt", "c.txt"].map(|name| uploaded(&holder, &one(name, "words")));
    for _ in 0..2 {
        let share = json!({"minutes": 60});
        let path = format!("{}/shares", at(&a));
        assert_eq!(holder.send_json("POST", &path, &share).status, 201);
    }
    let shelf = ada.get("/files");
    assert!(shelf.text("tbody").contains("Shared by 2 links"));
    assert_eq!(shelf.body.matches("type=\"checkbox\"").count(), 3);
    let none = ada.get("/files/delete");
    assert_eq!((none.status, none.location()), (303, "/files".into()));
    let bob = program(&door, "bob");
    let of_bob = uploaded(&bob, &one("bob.txt", "words"));
    let several = format!("/files/delete?file={a}&file={b}&file={of_bob}");
    let ask = ada.get(&several);
    let facts = ask.text("dl");
    assert!(facts.starts_with("Files2 Names"), "{facts}");
    assert!(
        facts.ends_with("a.txt, b<i>.txt Total size10 bytes Links that end2"),
        "{facts}"
    );
    // One of them goes in the meantime.
    assert_eq!(holder.with_method("DELETE", &at(&b)).status, 204);
    let done = ada.submit(&ask, "Delete these files", &[]);
    assert_eq!((done.status, done.location()), (303, "/files".into()));
    assert_eq!(ada.follow(&done).text(".notice"), "1 file was deleted.");
    let again = ada.follow(&ada.submit(&ask, "Delete these files", &[]));
    assert!(again.text(".notice").starts_with("No file was deleted"));
    assert_eq!(ada.get(&several).status, 303);
    let posted = ada.post_own(&several, &[]);
    assert_eq!(posted.status, 303);
    assert_eq!(
        bob.get(&at(&of_bob)).status,
        200,
        "another account's file stays"
    );
    assert_eq!(texts(&holder.get(API).json(), "id"), [kept.as_str()]);
    only(&door, 2);
    assert_eq!(rows(&door, "shares"), 0);
    for wrong in ["file=x", "file=%ff", "file="] {
        assert_eq!(ada.get(&format!("/files/delete?{wrong}")).status, 404);
    }
    let many = vec![format!("file={kept}"); 51].join("&");
    assert_eq!(ada.get(&format!("/files/delete?{many}")).status, 400);
}

#[test]
fn the_search_is_folded_away_while_there_are_few_files() {
    let door = Door::open();
    let ada = door.signed_up("ada");
    let holder = door.program(Some(&ada.access()));
    let is_open = |path: &str| ada.get(path).attribute("details", "open").is_some();
    for n in 0..10 {
        uploaded(&holder, &one(format!("{n}.txt"), "words"));
    }
    assert!(!is_open("/files"));
    assert!(is_open("/files?q=1") && is_open("/files?sort=name"));
    uploaded(&holder, &one("11.txt", "words"));
    assert!(is_open("/files"));
    let used = ada.get("/files").text("main > div > p");
    assert_eq!(used, "55 bytes of 5 GB used · 11 files");
}

#[test]
fn a_page_that_is_out_of_date_overwrites_nothing_unseen() {
    let door = Door::open();
    let ada = door.signed_up("ada");
    let holder = door.program(Some(&ada.access()));
    let id = uploaded(&holder, &one("a.txt", "words"));
    let page = ada.get(&format!("/files/{id}"));
    let renamed = holder.send_json("PATCH", &at(&id), &json!({"name": "b.txt"}));
    assert_eq!(renamed.status, 200);
    let told = ada.submit(&page, "Save", &[("Name", "c.txt")]);
    assert_eq!(told.status, 422);
    let words = &told.errors()[0].1;
    assert!(words.contains("changed to “b.txt”"), "{words}");
    assert_eq!(told.value("Name"), "c.txt");
    assert_eq!(text(&holder.get(&at(&id)).json(), "name"), "b.txt");
    let described = holder.send_json("PATCH", &at(&id), &json!({"description": "Theirs"}));
    assert_eq!(described.status, 200);
    let told = ada.submit(&told, "Save", &[("Description (optional)", "Mine")]);
    let fields: Vec<_> = told.errors().into_iter().map(|(field, _)| field).collect();
    assert_eq!(fields, ["name", "description"]);
    assert!(told.errors()[1].1.contains("changed to “Theirs”"));
    assert_eq!(ada.submit(&told, "Save", &[]).status, 303);
    let file = holder.get(&at(&id)).json();
    assert_eq!(
        (text(&file, "name"), text(&file, "description")),
        ("c.txt", "Mine")
    );
    // Who wants what is there already has it.
    let late = ada.submit(
        &page,
        "Save",
        &[("Name", "c.txt"), ("Description (optional)", "Mine")],
    );
    assert_eq!(late.status, 303);
}

#[test]
fn a_program_changes_and_deletes_only_the_version_that_it_names() {
    let door = Door::open();
    let ada = program(&door, "ada");
    let id = uploaded(&ada, &described("a.txt", "First", "words"));
    uploaded(&ada, &described("b.txt", "Second", "words"));
    let first = ada.get(&at(&id)).header("etag").unwrap().to_owned();
    let knowing = ada.with("if-none-match", &first);
    assert_eq!(knowing.get(&at(&id)).status, 304);
    door.let_pass(60);
    let change = json!({"name": "c.txt"});
    let changed = ada
        .with("if-match", &first)
        .send_json("PATCH", &at(&id), &change);
    assert_eq!(changed.status, 200, "{}", changed.body);
    let second = changed.header("etag").unwrap().to_owned();
    assert_ne!(second, first);
    let file = changed.json();
    assert_eq!(text(&file, "description"), "First");
    assert_ne!(text(&file, "updated_at"), text(&file, "created_at"));
    assert_eq!(knowing.get(&at(&id)).status, 200);
    let stale = ada.with("if-match", &first);
    refused(&stale.send_json("PATCH", &at(&id), &change), 412, "stale");
    refused(&stale.with_method("DELETE", &at(&id)), 412, "stale");
    for (change, status, code) in [
        (json!({"description": "Second"}), 409, "description_taken"),
        (json!({"name": ""}), 422, "invalid_fields"),
        (json!({"name": "a/b"}), 422, "invalid_fields"),
        (
            json!({"description": "x".repeat(201)}),
            422,
            "invalid_fields",
        ),
    ] {
        refused(&ada.send_json("PATCH", &at(&id), &change), status, code);
    }
    for change in [json!({"size": 1}), json!({"name": null}), json!([])] {
        let reply = ada.send_json("PATCH", &at(&id), &change);
        assert!([400, 422].contains(&reply.status), "{}", reply.body);
    }
    let gone = json!({ "description": null });
    let reply = ada.send_json("PATCH", &at(&id), &gone);
    assert_eq!(reply.json()["description"], Value::Null);
    // Nothing that is no change makes a version.
    let same = ada.send_json("PATCH", &at(&id), &gone);
    assert_eq!(same.header("etag"), reply.header("etag"));
    let current = same.header("etag").unwrap().to_owned();
    let holder = ada.with("if-match", &current);
    assert_eq!(holder.with_method("DELETE", &at(&id)).status, 204);
    assert_eq!(ada.get(&at(&id)).status, 404);
    assert_eq!(content_of(&ada, &id).status, 404);
    only(&door, 1);
}

#[test]
fn a_file_is_deleted_through_a_page_that_names_it() {
    let door = Door::open();
    let ada = door.signed_up("ada");
    let holder = door.program(Some(&ada.access()));
    let id = uploaded(&holder, &described("a.txt", "Words", "words"));
    let ask = ada.get(&format!("/files/{id}/delete"));
    assert!(ask.text("dl").contains("a.txt"), "{}", ask.body);
    only(&door, 1);
    let done = ada.submit(&ask, "Delete this file", &[]);
    assert_eq!((done.status, done.location()), (303, "/files".to_owned()));
    assert_eq!(ada.follow(&done).text(".notice"), "The file is deleted.");
    assert_eq!(ada.get(&format!("/files/{id}")).status, 404);
    only(&door, 0);
}

#[test]
fn only_an_image_that_can_be_decoded_has_a_small_picture() {
    let door = Door::open();
    let ada = door.signed_up("ada");
    let holder = door.program(Some(&ada.access()));
    let png = image(ImageFormat::Png);
    let mut of_huge_size = png.clone();
    of_huge_size[16..24].copy_from_slice(&[0x7f, 0xff, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xff]);
    let mut bomb = Cursor::new(Vec::new());
    DynamicImage::from(image::GrayImage::new(4200, 4200))
        .write_to(&mut bomb, ImageFormat::Png)
        .unwrap();
    for (name, content, has_picture) in [
        ("whole.png", &png[..], true),
        ("whole.jpg", &image(ImageFormat::Jpeg), true),
        ("whole.gif", &image(ImageFormat::Gif), true),
        ("whole.webp", &image(ImageFormat::WebP), true),
        ("broken.png", &png[..png.len() / 2], false),
        ("huge.png", &of_huge_size, false),
        ("bomb.png", bomb.get_ref(), false),
        ("words.txt", b"words", false),
        (
            "vector.svg",
            b"<svg xmlns='http://www.w3.org/2000/svg'/>",
            false,
        ),
    ] {
        let id = uploaded(&holder, &one(name, content));
        wait_until("what can be made is made", || {
            rows(&door, "thumbnails_due") == 0
        });
        let picture = ada.get(&format!("/files/{id}/thumbnail"));
        let is_on_the_page = ada.get(&format!("/files/{id}")).body.contains("/thumbnail");
        assert_eq!(is_on_the_page, has_picture, "{name}");
        if has_picture {
            assert_eq!(picture.status, 200, "{name}");
            let small = image::load_from_memory(&picture.bytes).unwrap();
            assert_eq!((small.width(), small.height()), (96, 48));
            let kind = picture.header("content-type").unwrap();
            assert!(["image/png", "image/jpeg"].contains(&kind), "{kind}");
        } else {
            assert_eq!(picture.status, 404, "{name}");
        }
        assert!(content_of(&holder, &id).bytes == content, "{name}");
    }
    only(&door, 9);
}

#[test]
fn with_an_account_its_files_go_and_their_bytes_at_the_next_start() {
    let door = Door::open();
    let ada = door.signed_up("ada");
    let holder = door.program(Some(&ada.access()));
    uploaded(&holder, &one("a.txt", "words"));
    uploaded(&holder, &one("b.txt", "words"));
    uploaded(&program(&door, "bob"), &one("c.txt", "words"));
    let ask = ada.get("/account/delete");
    assert_eq!(ada.submit(&ask, "Delete my account", &[]).status, 303);
    assert_eq!(rows(&door, "files"), 1);
    assert_eq!(rows(&door, "shelves"), 1);
    let door = door.restart();
    only(&door, 1);
}
