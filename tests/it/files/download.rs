//! A file's bytes on their way out: whole or in part, under its name, and harmless.

use super::*;
use crate::support::{Wire, status_of};

const TEN: &str = "0123456789";

/// Somebody with a file of ten digits, and where its bytes are.
fn with_ten(door: &Door) -> (Browser, String) {
    let ada = program(door, "ada");
    let id = uploaded(&ada, &one("ten.txt", TEN));
    (ada, format!("{API}/{id}/content"))
}

fn etag(reply: &Reply) -> String {
    reply.header("etag").unwrap().to_owned()
}

#[test]
fn a_whole_file_says_what_it_is_and_cannot_do_anything() {
    let door = Door::open();
    let (ada, path) = with_ten(&door);
    let whole = ada.get(&path);
    assert_eq!((whole.status, whole.body.as_str()), (200, TEN));
    assert_eq!(etag(&whole), format!("\"{}\"", sha256(TEN.as_bytes())));
    for (name, value) in [
        ("content-type", "text/plain; charset=utf-8"),
        ("content-length", "10"),
        ("content-disposition", "attachment; filename=\"ten.txt\""),
        ("accept-ranges", "bytes"),
        ("x-content-type-options", "nosniff"),
        (
            "content-security-policy",
            "default-src 'none'; sandbox; frame-ancestors 'none'",
        ),
        ("cache-control", "private, no-cache"),
        ("cross-origin-resource-policy", "same-origin"),
    ] {
        assert_eq!(whole.header(name), Some(value), "{name}");
    }
}

#[test]
fn a_part_is_sent_as_asked() {
    let door = Door::open();
    let (ada, path) = with_ten(&door);
    for (range, part, content_range) in [
        ("bytes=0-3", "0123", "bytes 0-3/10"),
        ("bytes=4-5", "45", "bytes 4-5/10"),
        ("bytes=9-9", "9", "bytes 9-9/10"),
        ("bytes=-3", "789", "bytes 7-9/10"),
        ("bytes=-100", TEN, "bytes 0-9/10"),
        ("bytes=6-", "6789", "bytes 6-9/10"),
        ("bytes=8-1000", "89", "bytes 8-9/10"),
        ("bytes=0-18446744073709551615", TEN, "bytes 0-9/10"),
    ] {
        let reply = ada.with("range", range).get(&path);
        assert_eq!((reply.status, reply.body.as_str()), (206, part), "{range}");
        assert_eq!(reply.header("content-range"), Some(content_range));
        let length = part.len().to_string();
        assert_eq!(reply.header("content-length"), Some(length.as_str()));
    }
}

#[test]
fn only_a_get_is_answered_with_a_part() {
    let door = Door::open();
    let (ada, path) = with_ten(&door);
    for range in ["bytes=0-3", "bytes=99-"] {
        let head = ada.with("range", range).head(&path);
        assert_eq!(head.status, 200, "{range}");
        assert_eq!(head.header("content-length"), Some("10"));
        assert_eq!(head.header("content-range"), None);
    }
}

#[test]
fn a_part_that_the_file_does_not_have_is_refused() {
    let door = Door::open();
    let (ada, path) = with_ten(&door);
    for range in ["bytes=10-", "bytes=10-20", "bytes=99-", "bytes=-0"] {
        let reply = ada.with("range", range).get(&path);
        refused(&reply, 416, "no_such_range");
        assert_eq!(reply.header("content-range"), Some("bytes */10"), "{range}");
    }
}

#[test]
fn several_ranges_and_nonsense_are_answered_with_the_whole_file() {
    let door = Door::open();
    let (ada, path) = with_ten(&door);
    for range in [
        "bytes=0-1,4-5",
        "bytes=5-4",
        "bytes=a-b",
        "bytes=",
        "bytes=-",
        "bytes=1--2",
        "bytes=99999999999999999999999-",
        "lines=1-2",
        "0-3",
        "bytes",
    ] {
        let reply = ada.with("range", range).get(&path);
        assert_eq!((reply.status, reply.body.as_str()), (200, TEN), "{range}");
        assert_eq!(reply.header("content-range"), None);
    }
}

#[test]
fn a_part_is_only_sent_of_the_content_that_is_meant() {
    let door = Door::open();
    let (ada, path) = with_ten(&door);
    let tag = etag(&ada.get(&path));
    let part = ada.with("range", "bytes=2-3");
    let same = part.with("if-range", &tag).get(&path);
    assert_eq!((same.status, same.body.as_str()), (206, "23"));
    for other in [
        "\"another\"",
        &format!("W/{tag}"),
        "Fri, 15 Jan 2027 08:00:00 GMT",
        "",
    ] {
        let reply = part.with("if-range", other).get(&path);
        assert_eq!((reply.status, reply.body.as_str()), (200, TEN), "{other}");
    }
}

#[test]
fn a_matching_etag_is_answered_with_304() {
    let door = Door::open();
    let (ada, path) = with_ten(&door);
    let tag = etag(&ada.get(&path));
    for known in [
        tag.clone(),
        format!("W/{tag}"),
        format!("\"other\", {tag}"),
        "*".to_owned(),
    ] {
        let knowing = ada.with("if-none-match", &known);
        for reply in [
            knowing.get(&path),
            knowing.head(&path),
            knowing.with("range", "bytes=0-1").get(&path),
        ] {
            assert_eq!((reply.status, reply.body.as_str()), (304, ""), "{known}");
            assert_eq!(etag(&reply), tag);
        }
    }
    let reply = ada.with("if-none-match", "\"other\"").get(&path);
    assert_eq!(reply.status, 200);
}

#[test]
fn a_head_has_the_length_and_nothing_behind_it() {
    let door = Door::open();
    let (ada, path) = with_ten(&door);
    let head = ada.head(&path);
    assert_eq!((head.status, head.body.as_str()), (200, ""));
    assert_eq!(head.header("content-length"), Some("10"));
    assert_eq!(etag(&head), etag(&ada.get(&path)));
    let access = door.browser();
    access.sign_in("ada", crate::support::PASSWORD);
    let mut wire = Wire::to(door.address);
    wire.say(format!(
        "HEAD {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: Bearer {}\r\n\r\n",
        access.access()
    ));
    let answer = wire.hear();
    assert_eq!(status_of(&answer), "200");
    assert!(answer.ends_with("\r\n\r\n"), "{answer}");
}

#[test]
fn a_name_is_told_in_ascii_and_whole() {
    let door = Door::open();
    let ada = program(&door, "ada");
    for (name, expected) in [
        ("plain.txt", "attachment; filename=\"plain.txt\""),
        (
            "two words; a=b.txt",
            "attachment; filename=\"two words; a=b.txt\"",
        ),
        (".gitignore", "attachment; filename=\".gitignore\""),
        (
            "a%22b: <c>?.txt",
            "attachment; filename=\"a_b_ _c__.txt\"; \
             filename*=UTF-8''a%22b%3A%20%3Cc%3E%3F.txt",
        ),
        // Some decode it (RFC 6266, appendix D).
        (
            "a%20b%2e.txt",
            "attachment; filename=\"a_20b_2e.txt\"; filename*=UTF-8''a%2520b%252e.txt",
        ),
        (
            "na\u{ef}ve \u{2013} \u{20ac}.txt",
            "attachment; filename=\"na_ve _ _.txt\"; \
             filename*=UTF-8''na%C3%AFve%20%E2%80%93%20%E2%82%AC.txt",
        ),
    ] {
        let id = uploaded(&ada, &one(name, "words"));
        let reply = content_of(&ada, &id);
        assert_eq!(reply.header("content-disposition"), Some(expected));
    }
}

#[test]
fn only_harmless_types_are_shown_inline_and_only_on_the_page() {
    let door = Door::open();
    let ada = door.signed_up("ada");
    let holder = door.program(Some(&ada.access()));
    let svg = "<svg xmlns=\"http://www.w3.org/2000/svg\"><script>alert(1)</script></svg>";
    let zip = b"PK\x03\x04 and more";
    let images = [
        ("a.png", ImageFormat::Png, "image/png"),
        ("a.jpg", ImageFormat::Jpeg, "image/jpeg"),
        ("a.gif", ImageFormat::Gif, "image/gif"),
        ("a.webp", ImageFormat::WebP, "image/webp"),
    ];
    let shown = images.map(|(name, format, kind)| (name, image(format), kind, true));
    let rest = [
        (
            "a.txt",
            b"words".to_vec(),
            "text/plain; charset=utf-8",
            true,
        ),
        ("a.pdf", b"%PDF-1.7".to_vec(), "application/pdf", false),
        ("a.zip", zip.to_vec(), "application/zip", false),
        ("a.bin", noise(10), "application/octet-stream", false),
    ];
    for (name, content, kind, is_shown) in shown.into_iter().chain(rest) {
        let id = uploaded(&holder, &one(name, &content));
        let reply = ada.get(&format!("/files/{id}/content"));
        assert_eq!(reply.header("content-type"), Some(kind), "{name}");
        let begin = if is_shown { "inline;" } else { "attachment;" };
        let about = reply.header("content-disposition").unwrap();
        assert!(about.starts_with(begin), "{name}: {about}");
        let policy = reply.header("content-security-policy").unwrap();
        assert!(policy.contains("sandbox") && !policy.contains("allow"));
        let about = content_of(&holder, &id);
        let about = about.header("content-disposition").unwrap();
        assert!(about.starts_with("attachment;"), "{name}: {about}");
    }
    // Nothing that could hold a script goes out as what a browser would run.
    for (name, content) in [
        ("a.svg", svg),
        ("a.html", "<html><script>alert(1)</script>"),
    ] {
        let id = uploaded(&holder, &one(name, content));
        for reply in [
            ada.get(&format!("/files/{id}/content")),
            content_of(&holder, &id),
        ] {
            let kind = reply.header("content-type").unwrap();
            assert_eq!(kind, "text/plain; charset=utf-8", "{name}");
            assert_eq!(reply.header("x-content-type-options"), Some("nosniff"));
        }
    }
}

/// A response in two segments waits for the acknowledgement of the first, which a client delays by
/// 40 ms, unless the server sends both at once.
#[test]
fn a_small_download_on_a_connection_that_is_kept_does_not_wait_for_an_acknowledgement() {
    let door = Door::open();
    let ada = program(&door, "ada");
    let id = uploaded(&ada, &one("small.bin", noise(1000)));
    let path = format!("{API}/{id}/content");
    let made = serde_json::json!({"minutes": 60});
    let made = ada.send_json("POST", &format!("{API}/{id}/shares"), &made);
    let link = text(&made.json(), "url").replace(&door.url, "");
    for (who, path) in [
        (ada.with("range", "bytes=0-499"), &path),
        (ada, &path),
        (door.program(None), &link),
    ] {
        let mut times: Vec<_> = (0..31)
            .map(|_| {
                let begun = std::time::Instant::now();
                assert!([200, 206].contains(&who.get(path).status));
                begun.elapsed()
            })
            .collect();
        times.sort_unstable();
        let median = times[times.len() / 2];
        assert!(median.as_millis() < 20, "{path}: {median:?}");
    }
}

#[test]
fn a_large_file_is_read_in_parts_that_fit_together() {
    let door = Door::open();
    let ada = program(&door, "ada");
    let content = noise(3 * MEGABYTE);
    let id = uploaded(&ada, &one("large.bin", &content));
    assert!(content_of(&ada, &id).bytes == content);
    let mut joined = Vec::new();
    for begin in (0..content.len()).step_by(700_001) {
        let range = format!("bytes={begin}-{}", begin + 700_000);
        let part = ada
            .with("range", &range)
            .get(&format!("{API}/{id}/content"));
        assert_eq!(part.status, 206);
        joined.extend(part.bytes);
    }
    assert!(joined == content);
}

#[test]
fn another_accounts_file_is_not_found() {
    let door = Door::open();
    let bob = door.signed_up("bob");
    let holder = door.program(Some(&bob.access()));
    let ada = program(&door, "ada");
    let id = uploaded(&ada, &one("a.png", image(ImageFormat::Png)));
    let version = ada.get(&at(&id)).header("etag").unwrap().to_owned();
    let link = serde_json::json!({"minutes": 60});
    let share = ada.send_json("POST", &format!("{API}/{id}/shares"), &link);
    let share = text(&share.json(), "id").to_owned();
    for path in ["", "/content", "/shares"] {
        let reply = holder.get(&format!("{API}/{id}{path}"));
        refused(&reply, 404, "not_found");
    }
    let changed = serde_json::json!({"name": "mine.png"});
    let changing = holder.with("if-match", &version);
    refused(
        &changing.send_json("PATCH", &at(&id), &changed),
        404,
        "not_found",
    );
    for path in [at(&id), format!("{API}/{id}/shares/{share}")] {
        let reply = changing.with_method("DELETE", &path);
        refused(&reply, 404, "not_found");
    }
    let shares = format!("{API}/{id}/shares");
    refused(&holder.send_json("POST", &shares, &link), 404, "not_found");
    for path in [
        "",
        "/content",
        "/thumbnail",
        "/delete",
        &format!("/shares/{share}"),
    ] {
        assert_eq!(bob.get(&format!("/files/{id}{path}")).status, 404, "{path}");
    }
    let form_token = bob.get("/files").value_of("form_token");
    let fields = [("form_token", form_token.as_str()), ("name", "mine.png")];
    let minutes = [("form_token", form_token.as_str()), ("minutes", "60")];
    for path in ["", "/delete", &format!("/shares/{share}")] {
        let reply = bob.post(&format!("/files/{id}{path}"), &fields);
        assert_eq!(reply.status, 404, "{path}");
    }
    let reply = bob.post(&format!("/files/{id}/shares"), &minutes);
    assert_eq!(reply.status, 404);
    only(&door, 1);
    assert_eq!(text(&ada.get(&at(&id)).json(), "name"), "a.png");
    for id in [NOWHERE, "x", "..", "%00"] {
        assert_eq!(ada.get(&at(id)).status, 404, "{id}");
    }
}
