//! What a file is, by what stands at its beginning. What its sender says of it counts for
//! nothing.

use crate::base::names::FileName;

/// As much of a file as is looked at.
pub const HEAD_BYTES: usize = 8192;
const UNKNOWN: &str = "application/octet-stream";
const TEXT: &str = "text/plain";

/// Extensions that promise a type, and the types that keep the promise.
const PROMISES: [(&str, &[&str]); 9] = [
    ("png", &["image/png"]),
    ("jpg", &["image/jpeg"]),
    ("jpeg", &["image/jpeg"]),
    ("gif", &["image/gif"]),
    ("webp", &["image/webp"]),
    ("bmp", &["image/bmp"]),
    ("pdf", &["application/pdf"]),
    ("gz", &["application/gzip"]),
    ("txt", &[TEXT]),
];

/// Those that a browser may show in a page of ours: none of them can hold a script.
const HARMLESS: [&str; 5] = ["image/png", "image/jpeg", "image/gif", "image/webp", TEXT];

/// How files begin that may look like text all the way and are meant for a program.
const PRINTABLE: [&[u8]; 5] = [b"%PDF-", b"GIF87a", b"GIF89a", b"{\\rtf", b"%!PS"];

/// The media type of a file that begins so.
pub fn of(head: &[u8]) -> &'static str {
    let is_text = is_text(head);
    // Two bytes are enough for `infer` to see a program in them: words can begin so too.
    if is_text && !PRINTABLE.iter().any(|magic| head.starts_with(magic)) {
        return TEXT;
    }
    match infer::get(head) {
        // Of these a browser would make more than text; what is told apart by words is text.
        Some(found) if found.matcher_type() == infer::MatcherType::Text => TEXT,
        Some(found) => found.mime_type(),
        None if is_text => TEXT,
        None => UNKNOWN,
    }
}

/// UTF-8 as far as one can see, without control characters that no text has.
fn is_text(head: &[u8]) -> bool {
    let text = match std::str::from_utf8(head) {
        Ok(text) => text,
        // Cut in the middle of a character.
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(&head[..error.valid_up_to()]).unwrap_or_default()
        }
        Err(_) => return false,
    };
    let printable =
        |c: char| !c.is_control() || matches!(c, '\t' | '\n' | '\r' | '\u{c}' | '\u{1b}');
    text.chars().all(printable)
}

/// Whether the name promises something else than what is there.
pub fn contradicts(name: &FileName, media_type: &str) -> bool {
    let extension = name.extension().unwrap_or_default();
    let promise = PROMISES.iter().find(|(known, _)| *known == extension);
    promise.is_some_and(|(_, types)| !types.contains(&media_type))
}

/// Whether one of `allowed` is this type; an empty list allows all.
pub fn is_allowed(media_type: &str, allowed: &[String]) -> bool {
    let fits = |pattern: &String| match pattern.strip_suffix('*') {
        Some(kind) => media_type.starts_with(kind),
        None => pattern == media_type,
    };
    allowed.is_empty() || allowed.iter().any(fits)
}

pub fn is_harmless(media_type: &str) -> bool {
    HARMLESS.contains(&media_type)
}

pub fn is_image(media_type: &str) -> bool {
    is_harmless(media_type) && media_type.starts_with("image/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_is_what_the_first_bytes_say() {
        for (head, expected) in [
            (&b"\x89PNG\r\n\x1a\n"[..], "image/png"),
            (b"\xff\xd8\xff\xe0", "image/jpeg"),
            (b"GIF89a", "image/gif"),
            (b"%PDF-1.7", "application/pdf"),
            (b"PK\x03\x04", "application/zip"),
            (b"", TEXT),
            (b"plain\r\n", TEXT),
            ("caf\u{e9}".as_bytes(), TEXT),
            (&"é".as_bytes()[..1], TEXT),
            (b"a\0b", UNKNOWN),
            (b"\xff\xfe", UNKNOWN),
            (b"<!DOCTYPE html><script>alert(1)</script>", TEXT),
            (b"<html>", TEXT),
            (b"<?xml version=\"1.0\"?><svg/>", TEXT),
            (b"#!/bin/sh\n", TEXT),
            (b"\x7fELF\x02\x01\x01", "application/x-executable"),
        ] {
            let padded = [
                head,
                &vec![b' '; 60 * usize::from(head.first() == Some(&0x7f))],
            ]
            .concat();
            assert_eq!(of(&padded), expected, "{head:?}");
        }
    }

    #[test]
    fn words_are_text_however_they_begin() {
        for words in [
            "GIFts for Anna",
            "BMW prices",
            "SQLite notes",
            "BC,2020\nAB,2021",
            "ID3 tags",
            "MZ is the mark of a program",
            "BZh is another",
            "The mark of a PDF is %PDF-1.7",
            "-----BEGIN CERTIFICATE-----",
            "A page, WEBP",
        ] {
            assert_eq!(of(words.as_bytes()), TEXT, "{words}");
        }
        for (head, expected) in [
            (&b"GIF87a"[..], "image/gif"),
            (b"{\\rtf1 words}", "application/rtf"),
            (b"%!PS-Adobe-3.0\n", "application/postscript"),
            (b"junk\n%PDF-1.4\n%\xe2\xe3\xcf\xd3", "application/pdf"),
            (b"BM\x36\0\0\0", "image/bmp"),
            (b"ID3\x04\0\0", "audio/mpeg"),
            (
                b"MZ\x90\0\x03",
                "application/vnd.microsoft.portable-executable",
            ),
            (b"SQLite format 3\0", "application/vnd.sqlite3"),
        ] {
            assert_eq!(of(head), expected, "{head:?}");
        }
    }

    #[test]
    fn a_name_may_promise_only_what_is_there() {
        let contradicts = |name, kind| contradicts(&FileName::sent(name), kind);
        assert!(contradicts("photo.png", "image/jpeg"));
        assert!(contradicts("photo.JPG", "application/x-executable"));
        assert!(!contradicts("photo.JPG", "image/jpeg"));
        assert!(!contradicts("README", "text/plain"));
        assert!(!contradicts("thesis.docx", "application/zip"));
    }

    #[test]
    fn a_list_of_types_allows_what_it_names_and_all_when_it_is_empty() {
        let allowed = |kind, list: &[&str]| {
            let list: Vec<_> = list.iter().map(|kind| (*kind).to_owned()).collect();
            is_allowed(kind, &list)
        };
        assert!(allowed("image/png", &[]));
        assert!(allowed("image/png", &["text/plain", "image/*"]));
        assert!(allowed("image/png", &["image/png"]));
        assert!(!allowed("image/svg+xml", &["image/png"]));
        assert!(!allowed("application/pdf", &["image/*"]));
    }
}
