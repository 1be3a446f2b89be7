//! Uploads that nobody should send: every answer is a clear refusal, and nothing is kept.

use std::time::Duration;

use super::*;
use crate::support::multipart::CONTENT_TYPE;
use crate::support::{PASSWORD, Wire, status_of};

/// Refused, with a word on this field, and nothing is kept.
#[track_caller]
fn field_refused(door: &Door, reply: &Reply, field: &str, words: &str) {
    let fields = refused(reply, 422, "invalid_fields");
    assert_eq!(fields.as_object().unwrap().len(), 1, "{fields}");
    assert!(text(&fields, field).contains(words), "{fields}");
    only(door, 0);
}

#[test]
fn a_form_without_a_file_is_refused() {
    let door = Door::open();
    let ada = program(&door, "ada");
    for form in [
        Multipart::new(),
        Multipart::new().text("description", "of nothing"),
        // What a browser sends where no file was chosen.
        one("", ""),
        one("", "").file("file", "", ""),
        Multipart::new().text("file", ""),
    ] {
        field_refused(&door, &ada.send_files(API, &form), "file", "is missing");
    }
}

#[test]
fn a_name_is_only_data_however_hostile_it_is() {
    let door = Door::open();
    let ada = program(&door, "ada");
    let page = door.browser();
    page.sign_in("ada", crate::support::PASSWORD);
    let long = format!("{}.txt", "n".repeat(4096));
    let cut = format!("{}.txt", "n".repeat(251));
    let names: [(&[u8], &str); 21] = [
        (b"../../../etc/passwd", "passwd"),
        (b"..", "unnamed"),
        (b"/", "unnamed"),
        (b"C:\\\\Windows\\\\win.ini", "win.ini"),
        (b"C:\\x\\y.txt", "y.txt"),
        (b"a\\\\..\\\\b.txt", "b.txt"),
        (b"<script>alert(1)<!--.txt", "<script>alert(1)<!--.txt"),
        ("\u{202e}txt.exe".as_bytes(), "txt.exe"),
        (long.as_bytes(), &cut),
        (b"CON", "CON"),
        (b"nul.txt", "nul.txt"),
        (b"%22quoted%22.txt", "\"quoted\".txt"),
        (b"\\\"quoted\\\".txt", "\"quoted\".txt"),
        (b"line%0D%0ASet-Cookie: a=b.txt", "lineSet-Cookie: a=b.txt"),
        (
            "na\u{ef}ve \u{2013} \u{540d}\u{524d}.txt".as_bytes(),
            "na\u{ef}ve \u{2013} \u{540d}\u{524d}.txt",
        ),
        (b" .hidden ", ".hidden"),
        (b".gitignore", ".gitignore"),
        (b"...", "..."),
        (b"trailing.", "trailing."),
        (b"10:30 what? a|b*.txt", "10:30 what? a|b*.txt"),
        (b"100%.txt", "100%.txt"),
    ];
    for (sent, expected) in names {
        let reply = ada.send_files(API, &one(sent, "words"));
        assert_eq!(reply.status, 201, "{expected}: {}", reply.body);
        let made = reply.json();
        assert_eq!(text(&made, "name"), expected);
        let id = text(&made, "id");
        let shown = page.get(&format!("/files/{id}"));
        assert_eq!(shown.heading(), expected);
        let content = content_of(&ada, id);
        assert_eq!(content.body, "words");
        let about = content.headers.get("content-disposition").unwrap();
        let about = about.to_str().expect("plain ASCII");
        assert!(about.starts_with("attachment; filename="), "{about}");
        assert!(content.header("set-cookie").is_none());
        for path in stored(&door) {
            let name = path.file_name().unwrap().to_str().unwrap();
            assert!(uuid::Uuid::parse_str(name).is_ok(), "{name}");
        }
    }
    only(&door, names.len());
}

#[test]
fn a_name_that_is_not_text_is_refused_or_repaired_but_never_a_fault() {
    let door = Door::open();
    let ada = program(&door, "ada");
    let names: [&[u8]; 5] = [
        b"a\0b.txt",
        b"\xff\xfe.txt",
        b"a\rb.txt",
        b"a\"; name=\"description",
        b"\"",
    ];
    for name in names {
        let reply = ada.send_files(API, &one(name, "words"));
        if reply.status == 201 {
            let id = text(&reply.json(), "id").to_owned();
            let name = text(&reply.json(), "name").to_owned();
            assert!(!name.chars().any(char::is_control), "{name:?}");
            assert_eq!(ada.with_method("DELETE", &at(&id)).status, 204);
        } else {
            assert!([400, 422].contains(&reply.status), "{}", reply.body);
            assert!(!text(&reply.json(), "message").is_empty());
        }
        only(&door, 0);
    }
}

#[test]
fn a_type_is_what_the_bytes_say_and_not_what_the_sender_says() {
    let door = Door::open();
    let ada = program(&door, "ada");
    let png = image(ImageFormat::Png);
    for (name, claimed, content, expected) in [
        ("page", "text/html", &png[..], "image/png"),
        ("picture", "image/png", b"<html><script>", "text/plain"),
        (
            "program",
            "text/plain",
            b"\0\x01\x02",
            "application/octet-stream",
        ),
        ("nothing", "x", b"%PDF-1.7\n", "application/pdf"),
    ] {
        let form = Multipart::new().typed_file("file", name, claimed, content);
        let reply = ada.send_files(API, &form);
        assert_eq!(reply.status, 201, "{}", reply.body);
        assert_eq!(text(&reply.json(), "type"), expected);
    }
    only(&door, 4);
}

#[test]
fn a_file_is_stored_under_its_name_whatever_its_content_is() {
    let door = Door::open();
    let ada = program(&door, "ada");
    let page = door.browser();
    page.sign_in("ada", PASSWORD);
    let jpeg = image(ImageFormat::Jpeg);
    let pdf = [
        &b"\r\n"[..],
        &b"x".repeat(1000),
        b"\r\n%PDF-1.4\n%\xe2\xe3\n",
    ]
    .concat();
    let pdf_of_words = b"mailed by a printer\n%PDF-1.4\n1 0 obj\n<<>>\nendobj\n";
    let (utf_8, utf_16) = ("text/plain; charset=utf-8", "text/plain; charset=utf-16");
    let unknown = "application/octet-stream";
    for (name, content, kind, is_shown) in [
        ("photo.png", &jpeg[..], "image/jpeg", true),
        ("photo.jpg", &image(ImageFormat::WebP), "image/webp", true),
        ("photo.PNG", b"<html><script>alert(1)</script>", utf_8, true),
        ("page.html", b"<html><script>alert(1)</script>", utf_8, true),
        ("report.pdf", &jpeg, "image/jpeg", true),
        ("printed.pdf", &pdf, "application/pdf", false),
        ("mailed.pdf", pdf_of_words, "application/pdf", false),
        (
            "little-endian.txt",
            b"\xff\xfeh\0\xac\x20\r\0\n\0",
            utf_16,
            true,
        ),
        (
            "big-endian.txt",
            b"\xfe\xff\0h\x20\xac\0\r\0\n",
            utf_16,
            true,
        ),
        // HTML, as a browser that guesses would see it.
        ("utf-16.html", b"\xff\xfe<\0h\0t\0m\0l\0>\0", utf_16, true),
        ("windows.txt", b"na\xefve \x96 20 \x80\r\n", unknown, false),
        (
            "shift-jis.txt",
            b"\x93\xfa\x96{\x8c\xea\r\n",
            unknown,
            false,
        ),
        ("tabs.txt", b"a\x0bb\r\n\x1a", utf_8, true),
        (
            "notes.txt",
            b"MZ\0\x01",
            "application/vnd.microsoft.portable-executable",
            false,
        ),
        ("notes2.txt", b"a\0b", unknown, false),
    ] {
        let id = uploaded(&ada, &one(name, content));
        let made = ada.get(&at(&id)).json();
        assert_eq!(text(&made, "name"), name);
        assert_eq!(
            text(&made, "type"),
            kind.replace("; charset=utf-8", ""),
            "{name}"
        );
        let shown = page.get(&format!("/files/{id}/content"));
        assert!(shown.bytes == content, "{name}");
        assert_eq!(shown.header("content-type"), Some(kind), "{name}");
        let about = shown.header("content-disposition").unwrap();
        assert_eq!(about.starts_with("inline;"), is_shown, "{name}: {about}");
        for (header, value) in [
            ("x-content-type-options", "nosniff"),
            ("cross-origin-resource-policy", "same-origin"),
            (
                "content-security-policy",
                "default-src 'none'; sandbox; frame-ancestors 'none'",
            ),
        ] {
            assert_eq!(shown.header(header), Some(value), "{name}");
        }
        let change = serde_json::json!({ "name": format!("renamed.{name}.pdf") });
        let renamed = ada.send_json("PATCH", &at(&id), &change);
        assert_eq!(renamed.status, 200, "{}", renamed.body);
    }
    only(&door, 15);
}

#[test]
fn a_file_name_is_taken_in_every_way_that_programs_send_it() {
    let door = Door::open();
    let ada = program(&door, "ada");
    let head = |about: &[u8]| [b"Content-Disposition: form-data; name=file; ", about].concat();
    let long = "a".repeat(6000);
    for (about, expected) in [
        (
            &b"filename*=utf-8''na%C3%AFve%20%E2%82%AC.txt"[..],
            "na\u{ef}ve \u{20ac}.txt",
        ),
        (b"filename*=UTF-8'en'%2Egitignore", ".gitignore"),
        (b"filename*=iso-8859-1''na%EFve.txt", "na\u{ef}ve.txt"),
        (
            b"filename=\"naive.txt\"; filename*=utf-8''na%C3%AFve.txt",
            "na\u{ef}ve.txt",
        ),
        (
            b"filename*=utf-8''na%C3%AFve.txt; filename=\"naive.txt\"",
            "na\u{ef}ve.txt",
        ),
        (b"filename=plain.txt", "plain.txt"),
        (b"filename=\"a\\\"b.txt\"", "a\"b.txt"),
        (b"filename=\"C:\\new\\table.txt\"", "table.txt"),
        (b"filename=\"\\\\server\\new\\table.txt\"", "table.txt"),
        (b"filename*=utf-8''..%2F..%2Fpasswd", "passwd"),
        (b"filename*=utf-8''a%0D%0Ab.txt", "ab.txt"),
    ] {
        let form = Multipart::new().part(head(about), &long);
        let reply = ada.send_files(API, &form);
        assert_eq!(reply.status, 201, "{expected}: {}", reply.body);
        assert_eq!(text(&reply.json(), "name"), expected);
    }
    only(&door, 11);
}

#[test]
fn the_error_names_the_part_of_a_form_that_is_wrong() {
    let door = Door::open();
    let ada = program(&door, "ada");
    let page = door.browser();
    page.sign_in("ada", PASSWORD);
    let head = |about: &[u8]| [b"Content-Disposition: form-data; name=file", about].concat();
    let long = "a".repeat(6000);
    let latin_1 = b"; filename=\"na\xefve.txt\"";
    for (form, words) in [
        (Multipart::new().part(head(latin_1), "a"), "a file name, if there is one, as UTF-8"),
        (
            Multipart::new().part(head(b"; filename*=utf-8''%ff.txt"), &long),
            "is not valid UTF-8 or ISO-8859-1",
        ),
        (
            Multipart::new().part(head(b"; filename*=koi8-r''%c1.txt"), "a"),
            "is not valid UTF-8 or ISO-8859-1",
        ),
        (Multipart::new().part(head(b""), &long), "without a file name"),
        (Multipart::new().part("Content-Type: text/plain", "a"), "no usable Content-Disposition"),
        (Multipart::new().file("upload", "a.txt", "a"), "not named “file”"),
        (
            Multipart::new().part("Content-Disposition: form-data; name=description", b"\xff"),
            "not UTF-8 text",
        ),
        (
            Multipart::new().part(head(b"; filename=a.txt\r\nContent-Length: 1"), "a"),
            "Content-Length of its own",
        ),
        (
            Multipart::new().part("Content-Type: multipart/mixed; boundary=b\r\nContent-Disposition: form-data; name=file; filename=a.txt", "a"),
            "is multipart itself",
        ),
    ] {
        let reply = ada.send_files(API, &form);
        refused(&reply, 400, "malformed");
        let message = text(&reply.json(), "message").to_owned();
        assert!(message.contains(words), "{message}");
        assert!(message.ends_with("Nothing was saved."), "{message}");
        let shown = page.send_files("/files", &form);
        assert_eq!(shown.status, 400);
        only(&door, 0);
    }
    for (body, words) in [
        (one("a.txt", "a").unfinished(), "ended before"),
        (b"--another\r\n\r\n--another--\r\n", "ended before"),
    ] {
        let reply = ada.post_body(API, CONTENT_TYPE, body);
        refused(&reply, 400, "malformed");
        let message = text(&reply.json(), "message").to_owned();
        assert!(message.contains(words), "{message}");
    }
}

#[test]
fn a_text_that_begins_like_a_binary_file_is_text() {
    let door = Door::open();
    let ada = program(&door, "ada");
    for words in ["GIFts for Anna", "BMW prices", "see %PDF for more"] {
        let reply = ada.send_files(API, &one("notes.txt", words));
        assert_eq!(reply.status, 201, "{}", reply.body);
        assert_eq!(text(&reply.json(), "type"), "text/plain", "{words}");
    }
    only(&door, 3);
}

#[test]
fn only_the_types_of_the_setting_are_taken() {
    let door = Door::with(&[("files.types", "image/*, text/plain")]);
    let ada = program(&door, "ada");
    for content in [&b"%PDF-1.7"[..], b"\0\x01\x02", b"PK\x03\x04"] {
        let form = Multipart::new().typed_file("file", "a", "image/png", content);
        let reply = ada.send_files(API, &form);
        field_refused(&door, &reply, "file", "Accepted types: image/*, text/plain");
    }
    for (name, kind) in [
        ("a.html", "text/html"),
        ("a.qqq", "application/octet-stream"),
    ] {
        let reply = ada.send_files(API, &one(name, "words"));
        let words = format!(
            "“{name}”: The extension of this name stands for the type {kind}. \
             Accepted types: image/*, text/plain"
        );
        field_refused(&door, &reply, "file", &words);
    }
    let id = uploaded(&ada, &one("a.png", image(ImageFormat::Png)));
    uploaded(&ada, &one("a.txt", "words"));
    uploaded(&ada, &one("README", "words"));
    uploaded(&ada, &one("wide.txt", b"\xff\xfea\0"));
    // A picture under the name of another is not a danger.
    uploaded(&ada, &one("a.gif", image(ImageFormat::Png)));
    only(&door, 5);
    let rename = |name: &str| {
        let change = serde_json::json!({ "name": name, "description": "Words" });
        ada.send_json("PATCH", &at(&id), &change)
    };
    let fields = refused(&rename("a.html"), 422, "invalid_fields");
    let words = "The extension of this name stands for the type text/html. \
                 Accepted types: image/*, text/plain";
    assert_eq!(fields, serde_json::json!({ "name": words }));
    let page = door.browser();
    page.sign_in("ada", PASSWORD);
    let shown = page.get(&format!("/files/{id}"));
    let told = page.submit(&shown, "Save", &[("Name", "a.html")]);
    assert_eq!(told.status, 422);
    assert_eq!(told.errors(), [("name".to_owned(), words.to_owned())]);
    assert_eq!(told.value("Name"), "a.html");
    // The name that it has already is not asked about.
    door.sql("UPDATE files SET name = 'old.html'");
    for name in ["old.html", "b.png"] {
        let renamed = rename(name);
        assert_eq!(renamed.status, 200, "{}", renamed.body);
        door.sql("UPDATE files SET description = NULL");
    }
}

#[test]
fn a_description_that_will_not_do_is_refused() {
    let door = Door::open();
    let ada = program(&door, "ada");
    let long = "ä".repeat(201);
    for (description, words) in [
        (long.as_str(), "200 characters or fewer"),
        ("two\nlines", "on one line"),
        ("right\u{202e}left", "plain text"),
    ] {
        let reply = ada.send_files(API, &described("a.txt", description, "a"));
        field_refused(&door, &reply, "description", words);
    }
    let several = described("a.txt", "Of which?", "a").file("file", "b.txt", "b");
    let reply = ada.send_files(API, &several);
    field_refused(&door, &reply, "description", "for a single file");
    let two = described("a.txt", "one", "a").text("description", "two");
    refused(&ada.send_files(API, &two), 400, "malformed");
    let endless = described("a.txt", &"a".repeat(5000), "a");
    refused(&ada.send_files(API, &endless), 413, "too_large");
    let form = Multipart::new().part(
        "Content-Disposition: form-data; name=\"description\"",
        b"\xff",
    );
    refused(&ada.send_files(API, &form), 400, "malformed");
    only(&door, 0);
    uploaded(&ada, &described("a.txt", &long[2..], "a"));
}

#[test]
fn a_part_of_another_name_is_refused() {
    let door = Door::open();
    let ada = program(&door, "ada");
    let field = ada.send_files(API, &one("a.txt", "a").text("folder", "/"));
    field_refused(&door, &field, "folder", "is not taken here");
    for form in [
        Multipart::new().file("upload", "a.txt", "a"),
        one("a.txt", "a").file("description", "b.txt", "b"),
        Multipart::new().file("", "a.txt", "a"),
    ] {
        refused(&ada.send_files(API, &form), 400, "malformed");
        only(&door, 0);
    }
}

#[test]
fn a_body_that_is_not_a_multipart_form_is_refused() {
    let door = Door::open();
    let ada = program(&door, "ada");
    let body = one("a.txt", "a").whole();
    for content_type in [
        "text/plain",
        "application/json",
        "application/x-www-form-urlencoded",
        "multipart/mixed; boundary=x",
        "multipart/form-dat\u{e4}",
        "",
    ] {
        let reply = ada.post_body(API, content_type, body.clone());
        refused(&reply, 415, "unsupported_media_type");
        assert_eq!(reply.header("accept"), Some("multipart/form-data"));
    }
    let packed = ada.with("content-encoding", "gzip");
    refused(
        &packed.send_files(API, &one("a.txt", "a")),
        415,
        "unsupported_media_type",
    );
    for content_type in [
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "multipart/form-data; boundary=another",
        "multipart/form-data; charset=utf-8",
    ] {
        let reply = ada.post_body(API, content_type, body.clone());
        refused(&reply, 400, "malformed");
    }
    for body in [&b"no form at all"[..], b"\r\n\r\n", b"--", &[0; 100_000]] {
        let reply = ada.post_body(API, CONTENT_TYPE, body);
        refused(&reply, 400, "malformed");
    }
    only(&door, 0);
}

#[test]
fn a_part_whose_head_is_damaged_is_refused() {
    let door = Door::open();
    let ada = program(&door, "ada");
    let about = "Content-Disposition: form-data; name=\"file\"; filename=\"a.txt\"";
    let padding = format!("{about}\r\nX-Padding: {}", "a".repeat(100_000));
    let many = format!("{about}{}", "\r\nX-Padding: a".repeat(100));
    for head in [
        "",
        "no header",
        "Content-Disposition: attachment; filename=\"a.txt\"",
        "Content-Disposition: form-data",
        "Content-Type: text/plain",
        &padding,
        &many,
    ] {
        let form = Multipart::new().part(head, "words");
        let reply = ada.send_files(API, &form);
        refused(&reply, 400, "malformed");
        only(&door, 0);
    }
}

#[test]
fn a_part_that_says_how_long_it_is_is_refused_so_that_none_is_cut() {
    let door = Door::open();
    let ada = program(&door, "ada");
    let about = "Content-Disposition: form-data; name=\"file\"; filename=\"a.txt\"";
    for length in ["1000", "99999999999999999999", "-1", "x", "3", "5", "7"] {
        let head = format!("{about}\r\nContent-Length: {length}");
        let form = Multipart::new().part(head, "words");
        refused(&ada.send_files(API, &form), 400, "malformed");
        only(&door, 0);
    }
}

/// RFC 7578, section 4.7: what is encoded would be kept as it is, and not as it was meant.
#[test]
fn a_part_that_is_encoded_is_refused_and_its_header_named() {
    let door = Door::open();
    let ada = program(&door, "ada");
    let file = "Content-Disposition: form-data; name=\"file\"; filename=\"a.txt\"";
    let text = "Content-Disposition: form-data; name=\"description\"";
    for encoding in [
        "base64",
        "Quoted-Printable",
        "x-uuencode",
        "",
        "7bit\r\nContent-Transfer-Encoding: base64",
    ] {
        for about in [file, text] {
            let head = format!("{about}\r\nContent-Transfer-Encoding: {encoding}");
            let reply = ada.send_files(API, &Multipart::new().part(head, "d29yZHM="));
            refused(&reply, 400, "malformed");
            assert!(
                reply.body.contains("Content-Transfer-Encoding"),
                "{}",
                reply.body
            );
        }
        only(&door, 0);
    }
    for (n, encoding) in ["7bit", "8bit", "binary", "BINARY "].iter().enumerate() {
        let head = format!("{file}\r\ncontent-transfer-encoding: {encoding}");
        uploaded(&ada, &Multipart::new().part(head, "words"));
        only(&door, n + 1);
    }
}

#[test]
fn thousands_of_parts_are_too_many() {
    let door = Door::open();
    let ada = program(&door, "ada");
    let empty = (0..5000).fold(Multipart::new(), |form, _| form.file("file", "", ""));
    let named = (0..5000).fold(Multipart::new(), |form, n| form.text(&format!("f{n}"), ""));
    let files = (0..150).fold(Multipart::new(), |form, n| {
        form.file("file", format!("{n}.txt"), "a")
    });
    for form in [empty, named, files] {
        refused(&ada.send_files(API, &form), 413, "too_large");
        only(&door, 0);
    }
}

#[test]
fn two_hundred_parts_and_four_kilobytes_of_text_are_read_and_no_more() {
    let door = Door::open();
    let ada = program(&door, "ada");
    let empty = (0..199).fold(Multipart::new(), |form, _| form.file("file", "", ""));
    let more = empty
        .clone()
        .file("file", "", "")
        .file("file", "a.txt", "a");
    refused(&ada.send_files(API, &more), 413, "too_large");
    only(&door, 0);
    uploaded(&ada, &empty.file("file", "a.txt", "a"));

    let told = |length: usize| {
        let text = "a".repeat(length);
        let form = Multipart::new().text("description", &text);
        ada.send_files(API, &form.file("file", "b.txt", "b"))
    };
    refused(&told(4096), 422, "invalid_fields");
    refused(&told(4097), 413, "too_large");
    only(&door, 1);
}

#[test]
fn a_hundred_files_at_once_are_kept_and_one_more_are_not() {
    let door = Door::open();
    let ada = program(&door, "ada");
    let hundred = (0..100).fold(Multipart::new(), |form, n| {
        form.file("file", format!("{n}.txt"), "a")
    });
    let more = hundred.clone().file("file", "100.txt", "a");
    refused(&ada.send_files(API, &more), 413, "too_large");
    only(&door, 0);
    let page = door.browser();
    page.sign_in("ada", PASSWORD);
    let told = page.send_own_files("/files", &more);
    assert_eq!(told.status, 422);
    let words = "Choose 100 files or fewer at once. None of these was saved";
    assert_eq!(told.errors(), [("file".to_owned(), words.to_owned())]);
    let made = ada.send_files(API, &hundred);
    assert_eq!(made.status, 201, "{}", made.body);
    assert_eq!(texts(&made.json(), "name").len(), 100);
    only(&door, 100);
}

#[test]
fn a_body_shorter_than_its_declared_length_is_not_saved() {
    let door = Door::open();
    let access = door.signed_up("ada").access();
    let mut wire = Wire::to(door.address);
    let body = one("a.txt", "words").whole();
    wire.say(format!(
        "POST {API} HTTP/1.1\r\nhost: x\r\naccept: application/json\r\n\
         authorization: Bearer {access}\r\ncontent-type: {CONTENT_TYPE}\r\n\
         content-length: {}\r\n\r\n",
        body.len() + 1
    ));
    wire.say(&body[..body.len() - 30]);
    wire.say_no_more();
    let (_, answer) = wire.hear_what_comes();
    assert!(
        ["400", "no answer"].contains(&status_of(&answer)),
        "{answer}"
    );
    only(&door, 0);
}

/// Half a minute is how long it is given, so that is how long this takes.
#[test]
fn a_part_that_never_ends_or_trickles_is_not_waited_for() {
    let door = Door::open();
    let access = door.signed_up("ada").access();
    let begin = |patience: u64| {
        let mut wire = Wire::patient(door.address, Duration::from_secs(patience));
        wire.say(format!(
            "POST {API} HTTP/1.1\r\nhost: x\r\naccept: application/json\r\n\
             authorization: Bearer {access}\r\ncontent-type: {CONTENT_TYPE}\r\n\
             content-length: 1000000\r\n\r\n"
        ));
        wire
    };
    let (mut silent, mut in_its_head, mut trickling) = (begin(60), begin(60), begin(1));
    silent.say(one("slow.bin", "words").unfinished());
    in_its_head.say(&one("slow.bin", "words").unfinished()[..70]);
    trickling.say(one("slow.bin", "words").unfinished());
    // A byte a second, for as long as nothing is answered.
    let answers = (0..60).map(|_| {
        trickling.say("a");
        trickling.hear_what_comes().1
    });
    let trickled = answers.skip_while(String::is_empty).take(1).collect();
    let (silent, in_its_head) = (silent.hear_what_comes().1, in_its_head.hear_what_comes().1);
    for answer in [silent, in_its_head, trickled] {
        assert_eq!(status_of(&answer), "408", "{answer}");
        assert!(answer.contains("\"timeout\""), "{answer}");
    }
    only(&door, 0);
}
