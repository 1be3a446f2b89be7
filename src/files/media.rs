//! The type of a file, by its first bytes; the type that the client sent is ignored. The type
//! decides how a file is served. It decides whether a file is stored only if the settings list the
//! allowed types.

use crate::base::names::FileName;

/// How many bytes of a file are examined.
pub const HEAD_BYTES: usize = 8192;
const UNKNOWN: &str = "application/octet-stream";
const TEXT: &str = "text/plain";
/// The byte order mark says which of both byte orders it is (RFC 2781, section 3.3).
const TEXT_UTF_16: &str = "text/plain; charset=utf-16";

/// Types that a browser may show in a page of ours: none of them can contain a script.
const HARMLESS: [&str; 5] = ["image/png", "image/jpeg", "image/gif", "image/webp", TEXT];

/// The first bytes of files that may consist of text and are meant for a program.
const PRINTABLE: [&[u8]; 5] = [b"%PDF-", b"GIF87a", b"GIF89a", b"{\\rtf", b"%!PS"];

/// How far from the beginning the mark of a PDF can be (PDF Reference 1.4, appendix H.3.4.1).
const PDF_WITHIN_BYTES: usize = 1024;

/// The media type of a file that begins with these bytes.
pub fn of(head: &[u8]) -> &'static str {
    let is_text = is_text(head);
    // Two bytes are enough for `infer` to detect a program: words can begin with them too.
    if is_text && !is_for_a_program(head) {
        return TEXT;
    }
    if is_utf_16(head) {
        return TEXT_UTF_16;
    }
    match infer::get(head) {
        // A browser would interpret the types that `infer` recognises by words: they become text.
        Some(found) if found.matcher_type() == infer::MatcherType::Text => TEXT,
        Some(found) => found.mime_type(),
        None if is_text => TEXT,
        None => UNKNOWN,
    }
}

/// Whether it is UTF-8 as far as it was read, without control characters that no text has.
fn is_text(head: &[u8]) -> bool {
    let text = match std::str::from_utf8(head) {
        Ok(text) => text,
        // The end is in the middle of a character.
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(&head[..error.valid_up_to()]).unwrap_or_default()
        }
        Err(_) => return false,
    };
    text.chars().all(is_of_text)
}

/// UTF-16 with a byte order mark, as far as it was read. Other encodings of text cannot be told
/// apart, so they are not detected.
fn is_utf_16(head: &[u8]) -> bool {
    let unit: fn([u8; 2]) -> u16 = match head {
        [0xff, 0xfe, _, ..] => u16::from_le_bytes,
        [0xfe, 0xff, _, ..] => u16::from_be_bytes,
        _ => return false,
    };
    let (pairs, _) = head[2..].as_chunks::<2>();
    let mut units = char::decode_utf16(pairs.iter().copied().map(unit)).peekable();
    while let Some(next) = units.next() {
        let is_good = match next {
            Ok(c) => is_of_text(c),
            // The end is in the middle of a character.
            Err(_) => head.len() == HEAD_BYTES && units.peek().is_none(),
        };
        if !is_good {
            return false;
        }
    }
    true
}

/// Includes the characters that old printers and DOS put at the end of a page, a line or a file.
fn is_of_text(c: char) -> bool {
    !c.is_control()
        || matches!(
            c,
            '\t' | '\n' | '\u{b}' | '\u{c}' | '\r' | '\u{1a}' | '\u{1b}'
        )
}

/// Whether a file that looks like text is something else.
fn is_for_a_program(head: &[u8]) -> bool {
    if PRINTABLE.iter().any(|magic| head.starts_with(magic)) {
        return true;
    }
    // A text can begin a line with the mark of a PDF; in a PDF, objects follow.
    let mut lines = head[..head.len().min(PDF_WITHIN_BYTES)].split(|byte| b"\r\n".contains(byte));
    lines.any(|line| line.starts_with(b"%PDF-")) && head.windows(6).any(|part| part == b" 0 obj")
}

/// Checks that the type of the name's extension is allowed; the error is that type. Every name
/// without an extension is allowed, and an unknown extension has the unknown type.
pub fn check_extension(name: &FileName, allowed: &[String]) -> Result<(), &'static str> {
    let Some(extension) = name.extension() else {
        return Ok(());
    };
    let mut types: Vec<_> = mime_guess::from_ext(extension).iter_raw().collect();
    if types.is_empty() {
        types.push(UNKNOWN);
    }
    let is_any_allowed = types.iter().any(|kind| is_allowed(kind, allowed));
    is_any_allowed.then_some(()).ok_or(types[0])
}

/// Whether one of `allowed` is this type; an empty list allows all.
pub fn is_allowed(media_type: &str, allowed: &[String]) -> bool {
    let media_type = essence(media_type);
    let fits = |pattern: &String| match pattern.strip_suffix('*') {
        Some(kind) => media_type.starts_with(kind),
        None => pattern == media_type,
    };
    allowed.is_empty() || allowed.iter().any(fits)
}

pub fn is_harmless(media_type: &str) -> bool {
    HARMLESS.contains(&essence(media_type))
}

pub fn is_image(media_type: &str) -> bool {
    is_harmless(media_type) && media_type.starts_with("image/")
}

/// A type as people call it; a type without a known word is itself.
pub fn in_words(media_type: &str) -> String {
    let essence = essence(media_type);
    let (class, format) = essence.split_once('/').unwrap_or((essence, ""));
    let words = match essence {
        "application/pdf" => "PDF document",
        "application/zip" => "ZIP archive",
        "application/gzip" => "Gzip archive",
        "application/x-tar" => "TAR archive",
        "application/x-7z-compressed" => "7-Zip archive",
        "application/vnd.rar" => "RAR archive",
        "application/msword"
        | "application/vnd.openxmlformats-officedocument.wordprocessingml.document" => {
            "Word document"
        }
        "application/vnd.ms-excel"
        | "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet" => {
            "Excel spreadsheet"
        }
        "application/vnd.ms-powerpoint"
        | "application/vnd.openxmlformats-officedocument.presentationml.presentation" => {
            "PowerPoint presentation"
        }
        UNKNOWN => "Unknown",
        _ => {
            let format = format.trim_start_matches("x-").to_uppercase();
            return match class {
                "image" => format!("{format} image"),
                "audio" => format!("{format} audio"),
                "video" => format!("{format} video"),
                "text" => "Text".to_owned(),
                _ => media_type.to_owned(),
            };
        }
    };
    words.to_owned()
}

/// Without parameters.
fn essence(media_type: &str) -> &str {
    media_type.split(';').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_has_a_name_for_people() {
        for (media_type, words) in [
            ("application/pdf", "PDF document"),
            ("application/zip", "ZIP archive"),
            ("image/jpeg", "JPEG image"),
            ("audio/x-wav", "WAV audio"),
            ("video/mp4", "MP4 video"),
            (TEXT, "Text"),
            (TEXT_UTF_16, "Text"),
            (UNKNOWN, "Unknown"),
            ("application/wasm", "application/wasm"),
        ] {
            assert_eq!(in_words(media_type), words);
        }
    }

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
            (b"\xff\xfea\0\r\0\n\0", TEXT_UTF_16),
            (b"\xfe\xff\0a\xd8\x3d\xde\x00", TEXT_UTF_16),
            (b"\xff\xfe\0\0", UNKNOWN),
            (b"\xff\xfea\0\0\xd8", UNKNOWN),
            (b"na\xefve \x96 \x80", UNKNOWN),
            (b"\x93\xfa\x96{", UNKNOWN),
            (b"a\x0bb\x1a", TEXT),
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
            "It is this line:\n%PDF-1.7\n",
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
            (b"junk\n%PDF-1.4\n1 0 obj\n<<>>\n", "application/pdf"),
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
    fn utf_16_is_recognised_when_its_head_is_cut_in_a_character() {
        let mut head = b"\xff\xfea\0".to_vec();
        while head.len() < HEAD_BYTES - 2 {
            head.extend_from_slice(b"b\0");
        }
        head.extend_from_slice(b"\x3d\xd8");
        assert_eq!(of(&head), TEXT_UTF_16);
        assert_eq!(of(&head[2..]), UNKNOWN);
    }

    #[test]
    fn an_extension_is_allowed_by_the_type_that_it_stands_for() {
        let check = |name: &str, list: &[&str]| {
            let list: Vec<_> = list.iter().map(|kind| (*kind).to_owned()).collect();
            check_extension(&FileName::sent(name), &list)
        };
        for good in ["a.JPG", "a.jpeg", "photo", ".png", "a.txt"] {
            assert_eq!(check(good, &["image/*", "text/plain"]), Ok(()), "{good}");
        }
        let html = check("a.html", &["image/*", "text/plain"]);
        assert_eq!(html, Err("text/html"));
        assert_eq!(check("a.html", &["text/*"]), Ok(()));
        assert_eq!(check("a.qqq", &["text/*"]), Err(UNKNOWN));
        assert_eq!(check("a.qqq", &[UNKNOWN]), Ok(()));
        assert_eq!(check("a.exe", &[]), Ok(()));
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
        assert!(allowed(TEXT_UTF_16, &["text/plain"]));
        assert!(!allowed("image/svg+xml", &["image/png"]));
        assert!(!allowed("application/pdf", &["image/*"]));
    }
}
