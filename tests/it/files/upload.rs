//! Files on their way in: what is kept, and what of the refused is left behind.

use rustix::process::Signal;
use serde_json::json;

use super::*;
use crate::support::{NOON, PASSWORD, Place, Wire, status_of};

/// The head of a request whose length nobody knows yet.
pub fn chunked_head(bearer: &str) -> String {
    format!(
        "POST {API} HTTP/1.1\r\nhost: x\r\naccept: application/json\r\nconnection: close\r\n\
         authorization: Bearer {bearer}\r\ncontent-type: {}\r\ntransfer-encoding: chunked\r\n\r\n",
        crate::support::multipart::CONTENT_TYPE
    )
}

pub fn chunk(bytes: &[u8]) -> Vec<u8> {
    let mut chunk = format!("{:x}\r\n", bytes.len()).into_bytes();
    chunk.extend_from_slice(bytes);
    chunk.extend_from_slice(b"\r\n");
    chunk
}

#[test]
fn a_file_uploaded_by_the_api_comes_back_byte_for_byte() {
    let door = Door::open();
    let ada = program(&door, "ada");
    let content = noise(300_000);
    let reply = ada.send_files(API, &described("heap.bin", "A heap", &content));
    assert_eq!(reply.status, 201, "{}", reply.body);
    let made = reply.json();
    let id = text(&made, "id");
    assert_eq!(reply.location(), at(id));
    assert!(reply.header("etag").is_some_and(|tag| tag.contains('1')));
    assert_eq!(
        made,
        json!({
            "id": id,
            "name": "heap.bin",
            "description": "A heap",
            "type": "application/octet-stream",
            "size": 300_000,
            "sha256": sha256(&content),
            "created_at": "2027-01-15T08:00:00Z",
            "updated_at": "2027-01-15T08:00:00Z",
        })
    );
    assert_eq!(ada.get(&at(id)).json(), made);
    assert!(content_of(&ada, id).bytes == content);
    only(&door, 1);
}

#[test]
fn several_files_at_once_are_answered_as_a_list() {
    let door = Door::open();
    let ada = program(&door, "ada");
    let form = one("a.txt", "first").file("file", "b.txt", "second");
    let reply = ada.send_files(API, &form);
    assert_eq!((reply.status, reply.location()), (201, API.to_owned()));
    let made = reply.json();
    assert_eq!(texts(&made, "name"), ["a.txt", "b.txt"]);
    assert_eq!(made["next"], Value::Null);
    for (id, content) in texts(&made, "id").iter().zip(["first", "second"]) {
        assert_eq!(content_of(&ada, id).body, content);
    }
    only(&door, 2);
}

#[test]
fn the_form_of_the_page_uploads_what_was_chosen() {
    let door = Door::open();
    let ada = door.signed_up("ada");
    let page = ada.get("/files");
    let form = Multipart::new().text("form_token", &page.value_of("form_token"));
    let reply = ada.send_files("/files", &form.file("file", "letter.txt", "Dear"));
    assert_eq!(
        (reply.status, reply.location()),
        (303, "/files".into()),
        "{}",
        reply.body
    );
    let page = ada.follow(&reply);
    assert_eq!(page.text(".notice"), "“letter.txt” has been uploaded.");
    assert!(page.text("tbody tr").contains("letter.txt"));
    let two = one("a.txt", "a").file("file", "b.txt", "b");
    let reply = ada.send_own_files("/files", &two);
    assert_eq!(
        ada.follow(&reply).text(".notice"),
        "2 files have been uploaded."
    );
    only(&door, 3);
}

#[test]
fn an_empty_file_is_stored_like_any_other() {
    let door = Door::open();
    let ada = door.signed_up("ada");
    let holder = door.program(Some(&ada.access()));
    for name in [".gitkeep", "__init__.py", "notes.txt"] {
        let id = uploaded(&holder, &one(name, ""));
        let made = holder.get(&at(&id)).json();
        assert_eq!(text(&made, "name"), name);
        assert_eq!(
            (&made["size"], text(&made, "type")),
            (&0.into(), "text/plain")
        );
        assert_eq!(text(&made, "sha256"), sha256(b""));
        let content = content_of(&holder, &id);
        assert_eq!((content.status, content.bytes.len()), (200, 0));
        assert_eq!(content.header("content-length"), Some("0"));
        let path = format!("{API}/{id}/content");
        assert_eq!(holder.head(&path).header("content-length"), Some("0"));
        let part = holder.with("range", "bytes=0-").get(&path);
        refused(&part, 416, "no_such_range");
        assert_eq!(part.header("content-range"), Some("bytes */0"));
        assert_eq!(ada.get(&format!("/files/{id}/thumbnail")).status, 404);
        let share = serde_json::json!({"minutes": 60});
        let share = holder.send_json("POST", &format!("{API}/{id}/shares"), &share);
        let link = text(&share.json(), "url").replace(&door.url, "");
        let shared = door.program(None).get(&link);
        assert_eq!((shared.status, shared.bytes.len()), (200, 0));
    }
    // On the page, beside another one, and again by the same key.
    let token = ada.get("/files").value_of("form_token");
    let two = Multipart::new().text("form_token", &token);
    let two = two.file("file", "empty", "").file("file", "a.txt", "a");
    assert_eq!(ada.send_files("/files", &two).status, 303);
    let keyed = holder.with("idempotency-key", "empty");
    let first = uploaded(&keyed, &one("again", ""));
    assert_eq!(uploaded(&keyed, &one("again", "")), first);
    assert!(ada.get("/files").body.contains("0 bytes"));
    only(&door, 6);
    assert_eq!(holder.with_method("DELETE", &at(&first)).status, 204);
    only(&door, 5);
}

#[test]
fn a_refused_upload_shows_the_error() {
    let door = Door::with(&[("files.max_mb", "1")]);
    let ada = door.signed_up("ada");
    let large = vec![b'a'; MEGABYTE + 1];
    for (form, field, words) in [
        (one("", ""), "file", "Choose a file"),
        (
            one("large.txt", &large),
            "file",
            "“large.txt” is too large: the limit is 1 MB",
        ),
    ] {
        let page = ada.send_own_files("/files", &form);
        assert_eq!(page.status, 422, "{}", page.body);
        assert_eq!(page.errors(), [(field.to_owned(), words.to_owned())]);
    }
    only(&door, 0);
}

#[test]
fn the_same_request_again_is_answered_with_what_it_made() {
    let door = Door::open();
    let ada = program(&door, "ada").with("idempotency-key", "letter-1");
    let form = described("letter.txt", "To grandmother", "Dear");
    let first = ada.send_files(API, &form);
    assert_eq!(first.header("idempotency-replayed"), None);
    let again = ada.send_files(API, &form);
    // The description is taken by then, and by the very file that this request made.
    assert_eq!(again.status, 201, "{}", again.body);
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    assert_eq!(again.json(), first.json());
    only(&door, 1);
    for other in [
        described("letter.txt", "To grandmother", "Dear!"),
        described("letters.txt", "To grandmother", "Dear"),
        described("letter.txt", "To grandfather", "Dear"),
    ] {
        let reply = ada.send_files(API, &other);
        refused(&reply, 422, "idempotency_key_reused");
    }
    only(&door, 1);
}

#[test]
fn a_shelf_that_the_first_request_has_filled_does_not_refuse_it_again() {
    let full = [("files.quota_mb", "1"), ("files.quota_files", "1")];
    let door = Door::with(&full);
    let ada = program(&door, "ada");
    let keyed = ada.with("idempotency-key", "large");
    let form = one("large.bin", noise(900_000));
    let first = keyed.send_files(API, &form);
    assert_eq!(first.status, 201, "{}", first.body);
    for form in [&form, &form] {
        let again = keyed.send_files(API, form);
        assert_eq!(again.json(), first.json());
        only(&door, 1);
    }
    let other = keyed.send_files(API, &one("other.bin", noise(800_000)));
    refused(&other, 422, "idempotency_key_reused");
    let new = ada.with("idempotency-key", "new").send_files(API, &form);
    refused(&new, 409, "too_many");
    only(&door, 1);
}

#[test]
fn files_that_fit_are_not_refused_for_what_could_have_come_with_them() {
    let door = Door::with(&[("files.quota_mb", "1")]);
    let ada = program(&door, "ada");
    uploaded(&ada, &one("large.bin", noise(980_000)));
    let three = one("a.bin", noise(5000)).file("file", "b.bin", noise(5000));
    let three = three.file("file", "c.bin", noise(5000));
    let reply = ada.send_files(API, &three);
    assert_eq!(reply.status, 201, "{}", reply.body);
    only(&door, 4);
    let large = ada.send_files(API, &one("d.bin", noise(5001)));
    refused(&large, 409, "over_quota");
    only(&door, 4);
}

#[test]
fn programs_give_no_two_files_of_an_account_the_same_description() {
    let door = Door::open();
    let (ada, bob) = (program(&door, "ada"), program(&door, "bob"));
    uploaded(&ada, &described("a.txt", "Caf\u{e9}", "a"));
    // Before the file it is refused early, behind it at the end; typed otherwise it is the same.
    let before = described("b.txt", " Cafe\u{301} ", "b");
    let behind = one("b.txt", "b").text("description", "Caf\u{e9}");
    for form in [before, behind] {
        let fields = refused(&ada.send_files(API, &form), 409, "description_taken");
        assert_eq!(
            fields,
            json!({"description": "Another file of yours has this description. Choose another one"})
        );
        only(&door, 1);
    }
    uploaded(&bob, &described("b.txt", "Caf\u{e9}", "b"));
    for _ in 0..2 {
        uploaded(&ada, &described("c.txt", " ", "c"));
    }
    only(&door, 4);
    let page = door.browser();
    page.sign_in("ada", PASSWORD);
    // The form of the page has no description.
    let reply = page.send_own_files("/files", &described("d.txt", "Caf\u{e9}", "d"));
    assert_eq!(reply.status, 303, "{}", reply.body);
    only(&door, 5);
}

#[test]
fn of_uploads_at_once_with_one_description_one_is_kept() {
    let door = Door::open();
    let ada = program(&door, "ada");
    let mut statuses: Vec<u16> = std::thread::scope(|scope| {
        let running: Vec<_> = (0..8)
            .map(|n| {
                let ada = ada.copy();
                scope.spawn(move || {
                    let form = described(&format!("{n}.txt"), "The only one", "words");
                    ada.send_files(API, &form).status
                })
            })
            .collect();
        running.into_iter().map(|one| one.join().unwrap()).collect()
    });
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409, 409, 409, 409, 409, 409, 409]);
    only(&door, 1);
}

#[test]
fn a_form_from_elsewhere_is_refused_before_its_file_is_read() {
    let door = Door::open();
    let ada = door.signed_up("ada");
    let form_token = ada.get("/files").value_of("form_token");
    let with_token = Multipart::new().text("form_token", &form_token);
    let with_token = with_token.file("file", "a.txt", "a");
    for site in ["cross-site", "same-site"] {
        let elsewhere = ada.with("sec-fetch-site", site);
        for path in ["/files", API] {
            assert_eq!(elsewhere.send_files(path, &with_token).status, 403);
        }
    }
    let unsure = Browser::sending(
        &door.local_url(),
        &[("accept", "text/html"), ("origin", "null")],
    );
    for name in ["doorward_access", "doorward_refresh"] {
        unsure.set_cookie(name, &ada.cookie(name).unwrap());
    }
    let behind = one("a.txt", "a").text("form_token", &form_token);
    let wrong = Multipart::new().text("form_token", "x");
    for refused in [one("a.txt", "a"), behind, wrong.file("file", "a.txt", "a")] {
        let reply = unsure.send_files("/files", &refused);
        assert_eq!(reply.status, 403, "{}", reply.body);
    }
    only(&door, 0);
    assert_eq!(unsure.send_files("/files", &with_token).status, 303);
    only(&door, 1);
}

#[test]
fn an_upload_needs_a_token() {
    let door = Door::open();
    refused(
        &door.program(None).send_files(API, &one("a.txt", "a")),
        401,
        "not_signed_in",
    );
    let reply = door.browser().send_files("/files", &one("a.txt", "a"));
    assert_eq!(reply.location(), "/login?next=/files");
    only(&door, 0);
}

#[test]
fn a_file_as_large_as_one_may_be_is_kept_and_one_byte_more_is_not() {
    let door = Door::with(&[("files.max_mb", "1")]);
    let ada = program(&door, "ada");
    uploaded(&ada, &one("full.bin", noise(MEGABYTE)));
    let reply = ada.send_files(API, &one("fuller.bin", noise(MEGABYTE + 1)));
    let fields = refused(&reply, 413, "file_too_large");
    assert!(text(&fields, "file").contains("1 MB"), "{fields}");
    only(&door, 1);
}

#[test]
fn the_answer_to_a_file_that_is_far_too_large_arrives() {
    let door = Door::with(&[("files.max_mb", "1")]);
    let ada = program(&door, "ada");
    for _ in 0..3 {
        let reply = ada.send_files(API, &one("large.bin", noise(12 * MEGABYTE)));
        refused(&reply, 413, "file_too_large");
    }
    only(&door, 0);
}

#[test]
fn a_body_that_goes_on_for_ever_is_refused_when_the_limit_is_passed() {
    for setting in ["files.max_mb", "files.quota_mb"] {
        let door = Door::with(&[(setting, "2")]);
        let access = door.signed_up("ada").access();
        let mut wire = Wire::to(door.address);
        wire.say(chunked_head(&access));
        wire.say(chunk(one("endless.bin", noise(1000)).unfinished()));
        wait_until("it is coming in", || rows(&door, "stray_blobs") == 1);
        let piece = chunk(&noise(100_000));
        for _ in 0..30 {
            wire.say(&piece);
        }
        only(&door, 0);
        // In the end it is hung up on.
        while wire.say(&piece) {}
    }
}

#[test]
fn the_refusal_of_an_endless_body_can_be_read_by_who_stops_sending() {
    let door = Door::with(&[("files.max_mb", "1")]);
    let access = door.signed_up("ada").access();
    let mut wire = Wire::to(door.address);
    wire.say(chunked_head(&access));
    wire.say(chunk(one("endless.bin", "").unfinished()));
    for _ in 0..11 {
        wire.say(chunk(&noise(100_000)));
    }
    let (_, answer) = wire.hear_what_comes();
    assert_eq!(status_of(&answer), "413", "{answer}");
    assert!(answer.contains("file_too_large"), "{answer}");
    only(&door, 0);
}

#[test]
fn together_files_stay_within_the_quota_to_the_byte() {
    let door = Door::with(&[("files.quota_mb", "1")]);
    let ada = program(&door, "ada");
    let first = uploaded(&ada, &one("a.bin", noise(600_000)));
    let reply = ada.send_files(API, &one("b.bin", noise(400_001)));
    let fields = refused(&reply, 409, "over_quota");
    assert!(
        text(&fields, "file").contains("the limit for all your files is 1 MB"),
        "{fields}"
    );
    only(&door, 1);
    uploaded(&ada, &one("b.bin", noise(400_000)));
    refused(&ada.send_files(API, &one("c.txt", "c")), 409, "over_quota");
    only(&door, 2);
    // All or none: the first of these two would fit.
    assert_eq!(ada.with_method("DELETE", &at(&first)).status, 204);
    let two = one("c.txt", "c").file("file", "d.bin", noise(600_000));
    refused(&ada.send_files(API, &two), 409, "over_quota");
    only(&door, 1);
    uploaded(&ada, &one("d.bin", noise(600_000)));
    // Somebody else has a quota of their own.
    uploaded(&program(&door, "bob"), &one("b.bin", noise(600_000)));
    only(&door, 3);
}

#[test]
fn an_account_cannot_have_more_files_than_its_quota() {
    let door = Door::with(&[("files.quota_files", "2")]);
    let ada = program(&door, "ada");
    let three = one("a.txt", "a").file("file", "b.txt", "b");
    refused(
        &ada.send_files(API, &three.file("file", "c.txt", "c")),
        409,
        "too_many",
    );
    only(&door, 0);
    let id = uploaded(&ada, &one("a.txt", "a"));
    uploaded(&ada, &one("b.txt", "b"));
    refused(&ada.send_files(API, &one("c.txt", "c")), 409, "too_many");
    only(&door, 2);
    assert_eq!(ada.with_method("DELETE", &at(&id)).status, 204);
    uploaded(&ada, &one("c.txt", "c"));
    only(&door, 2);
}

#[test]
fn uploads_at_once_at_two_servers_never_end_above_the_quota() {
    let door = Door::with(&[("files.quota_mb", "1"), ("files.quota_files", "5")]);
    let ada = program(&door, "ada");
    let another = door.another();
    let servers = [door.local_url(), another.local_url()];
    for size in [300_000, 1000] {
        let kept_before = rows(&door, "files");
        let kept = std::thread::scope(|scope| {
            let running: Vec<_> = (0..8)
                .map(|n| {
                    let ada = ada.moved_to(&servers[n % 2]);
                    scope.spawn(move || {
                        let form = one(format!("{n}.bin"), noise(size));
                        let reply = ada.send_files(API, &form);
                        if reply.status != 201 {
                            assert_eq!(reply.status, 409, "{}", reply.body);
                        }
                        reply.status == 201
                    })
                })
                .collect();
            let ended = running.into_iter().map(|one| one.join().unwrap());
            ended.filter(|kept| *kept).count()
        });
        only(&door, usize::try_from(kept_before).unwrap() + kept);
        let bytes = door.number("SELECT CAST(sum(bytes) AS BIGINT) AS n FROM files");
        assert!(bytes <= 1_000_000 && rows(&door, "files") <= 5);
        assert!(kept > 0);
    }
}

#[test]
fn an_upload_that_breaks_off_leaves_nothing() {
    let door = Door::open();
    let access = door.signed_up("ada").access();
    for sent in [1, 9000, 3 * MEGABYTE] {
        let mut wire = Wire::to(door.address);
        wire.say(chunked_head(&access));
        wire.say(chunk(one("half.bin", noise(sent)).unfinished()));
        wait_until("it is coming in", || rows(&door, "stray_blobs") == 1);
        drop(wire);
        only(&door, 0);
    }
    // One file whole, and the second one broken off.
    let mut wire = Wire::to(door.address);
    wire.say(chunked_head(&access));
    let both = one("whole.bin", noise(20_000)).file("file", "half.bin", noise(20_000));
    wire.say(chunk(both.unfinished()));
    wait_until("both are coming in", || rows(&door, "stray_blobs") == 2);
    drop(wire);
    only(&door, 0);
}

#[test]
fn one_accounts_uploads_do_not_delay_another_account() {
    let door = Door::open();
    let access = door.signed_up("ada").access();
    let mut open: Vec<_> = (0..8)
        .map(|_| {
            let mut wire = Wire::to(door.address);
            wire.say(chunked_head(&access));
            wire.say(chunk(one("slow.bin", noise(20_000)).unfinished()));
            wire
        })
        .collect();
    wait_until("all are coming in", || rows(&door, "stray_blobs") == 8);
    let mut ninth = Wire::to(door.address);
    ninth.say(chunked_head(&access));
    ninth.say(chunk(one("ninth.bin", noise(20_000)).unfinished()));
    ninth.say(end_of_form());
    uploaded(&program(&door, "bob"), &one("a.txt", "a"));
    // One that ends makes room.
    let mut first = open.remove(0);
    first.say(end_of_form());
    for mut wire in [first, ninth] {
        let answer = wire.hear();
        assert_eq!(status_of(&answer), "201", "{answer}");
    }
    drop(open);
    only(&door, 3);
}

#[test]
fn a_body_that_ends_before_its_form_does_is_refused() {
    let door = Door::open();
    let ada = program(&door, "ada");
    let form = one("half.bin", noise(20_000));
    let whole = form.whole();
    let content_type = crate::support::multipart::CONTENT_TYPE;
    for end in [0, 10, 60, 200, 10_000, whole.len() - 5] {
        let reply = ada.post_body(API, content_type, &whole[..end]);
        let fits = reply.status == 400 || end == 0 && reply.status == 422;
        assert!(fits, "{end}: {} {}", reply.status, reply.body);
        only(&door, 0);
    }
    uploaded(&ada, &form);
}

/// Begins an upload at the binary, and kills it in the middle.
fn killed_in_the_middle(place: &Place) {
    let serving = place.serve();
    let ada = serving.browser();
    ada.sign_up("ada", "ada@example.com", PASSWORD);
    let program = Browser::program(&serving.url(), Some(&ada.access()));
    uploaded(&program, &one("kept.bin", noise(50_000)));
    let mut wire = Wire::to(serving.address);
    wire.say(chunked_head(&ada.access()));
    wire.say(chunk(one("half.bin", noise(5 * MEGABYTE)).unfinished()));
    wait_until("some of it is written", || {
        files_below(&place.path("data/files")).len() == 2
    });
    serving.signal(Signal::KILL);
    drop(serving);
}

fn in_place(place: &Place, table: &str) -> i64 {
    place.number(&format!("SELECT count(*) AS n FROM {table}"))
}

#[test]
fn an_upload_of_a_killed_server_is_swept_when_its_lease_ends() {
    let place = Place::new();
    killed_in_the_middle(&place);
    assert_eq!(in_place(&place, "stray_blobs"), 1);
    // Another server of the same database could be writing it still.
    let serving = place.serve();
    assert_eq!(serving.browser().get("/").status, 200);
    assert_eq!(files_below(&place.path("data/files")).len(), 2);
    drop(serving);
    place.sql("UPDATE stray_blobs SET ends_at = 0");
    let serving = place.serve();
    wait_until("it is swept", || {
        in_place(&place, "stray_blobs") == 0 && files_below(&place.path("data/files")).len() == 1
    });
    assert_eq!(in_place(&place, "files"), 1);
    let ada = serving.browser();
    ada.sign_in("ada", PASSWORD);
    let ada = Browser::program(&serving.url(), Some(&ada.access()));
    let list = ada.get(API).json();
    assert_eq!(texts(&list, "name"), ["kept.bin"]);
    let kept = content_of(&ada, &texts(&list, "id")[0]);
    assert!(kept.bytes == noise(50_000));
}

#[test]
fn bytes_that_outlived_their_file_are_swept_at_the_next_start() {
    let door = Door::open();
    let ada = program(&door, "ada");
    let gone = uploaded(&ada, &one("a.bin", noise(1000)));
    uploaded(&ada, &one("b.bin", noise(1000)));
    // As a server leaves it that is killed between the transaction and the removal.
    door.sql(&format!(
        "DELETE FROM files WHERE id = '{gone}'; \
         UPDATE shelves SET files = 1, bytes = 1000; \
         INSERT INTO stray_blobs (id, bytes, ends_at) VALUES ('{gone}', 0, {NOON})"
    ));
    assert_eq!(stored(&door).len(), 2);
    let door = door.restart();
    only(&door, 1);
}

#[test]
fn a_stray_is_not_swept_before_its_lease_ends() {
    let door = Door::open();
    let ada = program(&door, "ada");
    let id = uploaded(&ada, &one("a.bin", noise(1000)));
    let late = NOON + 1;
    door.sql(&format!(
        "INSERT INTO stray_blobs (id, bytes, ends_at) VALUES ('{id}', 0, {late}); \
         INSERT INTO stray_blobs (id, bytes, ends_at) VALUES ('{NOWHERE}', 0, {NOON})"
    ));
    let door = door.restart();
    wait_until("the other one is swept", || rows(&door, "stray_blobs") == 1);
    assert_eq!(stored(&door).len(), 1);
}

/// The end of a form that was begun with [`Multipart::unfinished`].
fn end_of_form() -> Vec<u8> {
    let form = one("a", "");
    [
        chunk(&form.whole()[form.unfinished().len()..]),
        b"0\r\n\r\n".to_vec(),
    ]
    .concat()
}

#[cfg(feature = "postgres")]
#[test]
fn an_upload_that_is_heard_of_while_a_sweep_looks_at_it_is_kept() {
    use diesel::connection::SimpleConnection;
    use diesel::{Connection, PgConnection};

    use crate::support::tools::postgres;

    if postgres().is_none() {
        return;
    }
    let door = Door::open();
    let schema = door.database_url().unwrap();
    let access = door.signed_up("ada").access();
    let mut wire = Wire::to(door.address);
    wire.say(chunked_head(&access));
    wire.say(chunk(one("slow.bin", noise(20_000)).unfinished()));
    wait_until("it is coming in", || rows(&door, "stray_blobs") == 1);
    door.let_pass(601);
    // As its renewal does: the sweep of another server finds its time over, and has to wait.
    let mut renewal = PgConnection::establish(&schema).unwrap();
    renewal
        .batch_execute(&format!(
            "SELECT set_config('application_name', current_schema(), false); \
             BEGIN; UPDATE stray_blobs SET ends_at = {}",
            NOON + 1201
        ))
        .unwrap();
    let _other = door.another();
    let waiting = "SELECT count(*) AS n FROM pg_stat_activity AS renewal, pg_stat_activity AS sweep \
                   WHERE renewal.application_name = current_schema() \
                   AND renewal.pid = ANY (pg_blocking_pids(sweep.pid))";
    wait_until("the sweep waits", || door.number(waiting) > 0);
    renewal.batch_execute("COMMIT").unwrap();
    wire.say(end_of_form());
    let answer = wire.hear();
    assert_eq!(status_of(&answer), "201", "{answer}");
    only(&door, 1);
}

#[test]
fn an_upload_that_was_swept_while_it_came_in_is_not_kept() {
    let door = Door::open();
    let access = door.signed_up("ada").access();
    let mut wire = Wire::to(door.address);
    wire.say(chunked_head(&access));
    wire.say(chunk(one("slow.bin", noise(20_000)).unfinished()));
    wait_until("it is coming in", || rows(&door, "stray_blobs") == 1);
    door.sql("DELETE FROM stray_blobs");
    wire.say(end_of_form());
    let answer = wire.hear();
    assert_eq!(status_of(&answer), "503", "{answer}");
    only(&door, 0);
}

#[test]
fn a_file_that_is_deleted_takes_its_bytes_along_whenever_the_server_is_killed() {
    let place = Place::new();
    let mut serving = place.serve();
    let ada = serving.browser();
    ada.sign_up("ada", "ada@example.com", PASSWORD);
    for _ in 0..3 {
        let ada = serving.browser();
        ada.sign_in("ada", PASSWORD);
        let access = ada.access();
        let ada = Browser::program(&serving.url(), Some(&access));
        let id = uploaded(&ada, &one("a.bin", noise(2 * MEGABYTE)));
        let mut wire = Wire::to(serving.address);
        wire.say(format!(
            "DELETE {} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {access}\r\n\r\n",
            at(&id)
        ));
        wait_until("it is deleted", || in_place(&place, "files") == 0);
        serving.signal(Signal::KILL);
        drop(serving);
        place.sql("UPDATE stray_blobs SET ends_at = 0");
        serving = place.serve();
        wait_until("its bytes are gone", || {
            in_place(&place, "stray_blobs") == 0
                && files_below(&place.path("data/files")).is_empty()
        });
    }
}

/// The most memory that a process has held, in bytes.
#[cfg(target_os = "linux")]
pub fn peak_memory(process: u32) -> usize {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    let kilobytes = line.unwrap().split_whitespace().nth(1).unwrap();
    kilobytes.parse::<usize>().unwrap() * 1024
}

#[cfg(target_os = "linux")]
#[test]
fn a_large_file_goes_in_and_out_without_being_held_in_memory() {
    const PIECES: usize = 150;
    let place = Place::new();
    let serving = place.serve();
    let ada = serving.browser();
    ada.sign_up("ada", "ada@example.com", PASSWORD);
    let access = ada.access();
    let program = Browser::program(&serving.url(), Some(&access));
    let id = uploaded(&program, &one("small.bin", noise(MEGABYTE)));
    content_of(&program, &id);
    let before = peak_memory(serving.child.id());

    let mut wire = Wire::to(serving.address);
    wire.say(chunked_head(&access));
    wire.say(chunk(one("large.bin", "").unfinished()));
    let piece = noise(MEGABYTE);
    for _ in 0..PIECES {
        assert!(wire.say(chunk(&piece)));
    }
    let end = one("large.bin", "");
    wire.say(chunk(&end.whole()[end.unfinished().len()..]));
    wire.say("0\r\n\r\n");
    let answer = wire.hear();
    assert_eq!(status_of(&answer), "201", "{answer}");
    let body = answer.split("\r\n\r\n").last().unwrap();
    let made: Value = serde_json::from_str(body).unwrap();
    assert_eq!(made["size"], PIECES * MEGABYTE);

    let url = format!("{}{}/content", serving.url(), at(text(&made, "id")));
    let client = reqwest::blocking::Client::new();
    let request = client.get(url).bearer_auth(access);
    let mut content = request.send().unwrap();
    let sent = content.copy_to(&mut std::io::sink()).unwrap();
    assert_eq!(sent as usize, PIECES * MEGABYTE);
    let grown = peak_memory(serving.child.id()) - before;
    assert!(grown < 32 * MEGABYTE, "{grown} bytes more");
}

/// The parser gives three bytes at a time of such a body, each with all that it had read.
#[cfg(target_os = "linux")]
#[test]
fn a_file_of_broken_boundaries_is_not_held_in_memory() {
    let place = Place::new();
    let serving = place.serve();
    let ada = serving.browser();
    ada.sign_up("ada", "ada@example.com", PASSWORD);
    let program = Browser::program(&serving.url(), Some(&ada.access()));
    uploaded(&program, &one("small.bin", noise(MEGABYTE)));
    let before = peak_memory(serving.child.id());
    let content = b"\r--".repeat(100_000);
    let id = uploaded(&program, &one("hostile.bin", &content));
    assert!(content_of(&program, &id).bytes == content);
    let grown = peak_memory(serving.child.id()) - before;
    assert!(grown < 16 * MEGABYTE, "{grown} bytes more");
}

#[test]
fn an_upload_ends_when_its_account_is_disabled() {
    let door = Door::open();
    let access = door.signed_up("ada").access();
    let mut wire = Wire::to(door.address);
    wire.say(chunked_head(&access));
    let form = one("a.txt", "words");
    wire.say(chunk(form.unfinished()));
    wait_until("it is coming in", || rows(&door, "stray_blobs") == 1);
    door.sql("UPDATE accounts SET disabled_at = 1");
    wire.say(chunk(&form.whole()[form.unfinished().len()..]));
    wire.say("0\r\n\r\n");
    let answer = wire.hear();
    assert_eq!(status_of(&answer), "404", "{answer}");
    only(&door, 0);
}

#[test]
fn a_file_that_came_in_whole_waits_as_long_as_another_one_of_its_form_takes() {
    let door = Door::open();
    let ada = door.signed_up("ada");
    let form = one("first.txt", "first").file("file", "second.txt", "second");
    let form = form.whole();
    let at = |word: &[u8]| {
        let found = form.windows(word.len()).position(|bytes| bytes == word);
        found.unwrap()
    };
    let (head, content) = (at(b"second.txt"), at(b"second\r\n") + 3);
    let mut wire = Wire::to(door.address);
    wire.say(chunked_head(&ada.access()));
    wire.say(chunk(&form[..head]));
    wait_until("the first is coming in", || rows(&door, "stray_blobs") == 1);
    door.let_pass(500);
    wire.say(chunk(&form[head..content]));
    wait_until("the second is coming in", || {
        rows(&door, "stray_blobs") == 2
    });
    door.let_pass(500);
    // Another server sweeps what nothing was heard of.
    let dead = "INSERT INTO stray_blobs (id, bytes, ends_at) VALUES";
    door.sql(&format!("{dead} ('{NOWHERE}', 0, {})", NOON + 999));
    let _other = door.another();
    wait_until("it has swept", || rows(&door, "stray_blobs") == 2);
    wire.say(chunk(&form[content..]));
    wire.say("0\r\n\r\n");
    let answer = wire.hear();
    assert_eq!(status_of(&answer), "201", "{answer}");
    assert_eq!(rows(&door, "files"), 2);
}
