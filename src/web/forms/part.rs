//! Parses the head of a form's part (RFC 7578, section 4.2), and the errors of forms that cannot be
//! read.

use actix_multipart::{Field as Part, MultipartError};
use actix_web::http::header::{
    CONTENT_DISPOSITION, CONTENT_LENGTH, Charset, ContentDisposition, ExtendedValue, HeaderName,
    HeaderValue,
};

use crate::web::problem::Problem;

const UNREADABLE: Problem =
    Problem::malformed("The form could not be read as multipart/form-data. Nothing was saved.");
const BROKEN_OFF: Problem =
    Problem::malformed("The form ended before it was complete. Nothing was saved.");
const WITHOUT_BOUNDARY: Problem = Problem::malformed(
    "The form is not divided by the boundary that its Content-Type names. Nothing was saved.",
);
const DAMAGED_HEAD: Problem = Problem::malformed(
    "The headers of a part of the form are malformed or too long. Nothing was saved.",
);
const NESTED: Problem =
    Problem::malformed("A part of the form is multipart itself. Nothing was saved.");
const NO_DISPOSITION: Problem = Problem::malformed(
    "A part of the form has no usable Content-Disposition: send form-data with a name, and a \
     file name, if there is one, as UTF-8. Nothing was saved.",
);
const FOREIGN_NAME: Problem = Problem::malformed(
    "A file name sent as filename*= is not valid UTF-8 or ISO-8859-1, which are the encodings \
     that RFC 8187 and its predecessor name. Nothing was saved.",
);
const MEASURED: Problem = Problem::malformed(
    "A part of the form has a Content-Length of its own, which none may have. Nothing was saved.",
);
const ENCODED: Problem = Problem::malformed(
    "A part of the form has a Content-Transfer-Encoding, which RFC 7578 (section 4.7) deprecates, \
     and which is taken here as 7bit, 8bit or binary only. Send the bytes of the part as they are, \
     without this header. Nothing was saved.",
);
const CONTENT_TRANSFER_ENCODING: HeaderName = HeaderName::from_static("content-transfer-encoding");
const NOT_UTF_8: Problem =
    Problem::malformed("A field of the form is not UTF-8 text. Nothing was saved.");

/// The kind of a part.
pub struct Head {
    pub name: String,
    /// As it was sent; `None` where the part is not a file.
    pub file_name: Option<String>,
}

impl Head {
    /// # Errors
    /// When the head is not one of a form's part, or contains a length or an encoding.
    pub fn of(part: &Part) -> Result<Self, Problem> {
        // No part has one (RFC 7578, section 4.8), but the parser would use it, and cut the part.
        if part.headers().contains_key(CONTENT_LENGTH) {
            return Err(MEASURED);
        }
        let mut encodings = part.headers().get_all(CONTENT_TRANSFER_ENCODING);
        if !encodings.all(is_plain) {
            return Err(ENCODED);
        }
        let raw = part.headers().get(CONTENT_DISPOSITION);
        let raw = raw.ok_or(NO_DISPOSITION)?.as_bytes();
        let about = HeaderValue::from_bytes(&with_plain_backslashes(raw));
        let about = about.map_err(|_| NO_DISPOSITION)?;
        let about = ContentDisposition::from_raw(&about).map_err(|_| NO_DISPOSITION)?;
        let name = about.get_name().ok_or(NO_DISPOSITION)?.to_owned();
        // If both are sent, the other one is for readers that do not know this one.
        let file_name = match about.get_filename_ext() {
            Some(extended) => Some(decode(extended)?),
            None => about.get_filename().map(unescape),
        };
        Ok(Self { name, file_name })
    }
}

/// Whether a `Content-Transfer-Encoding` leaves the bytes as they are (RFC 2045, section 6.2).
fn is_plain(encoding: &HeaderValue) -> bool {
    let plain = ["7bit", "8bit", "binary"];
    let encoding = encoding.to_str().unwrap_or_default().trim();
    plain
        .iter()
        .any(|known| encoding.eq_ignore_ascii_case(known))
}

/// Some programs escape quotes and backslashes in a name with a backslash, and some send a Windows
/// path unescaped, in which a backslash precedes another character.
fn with_plain_backslashes(raw: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(raw.len());
    let mut rest = raw;
    while let [first, others @ ..] = rest {
        plain.push(*first);
        rest = others;
        if *first == b'\\' {
            if let [escaped @ (b'"' | b'\\'), others @ ..] = rest {
                plain.push(*escaped);
                rest = others;
            } else {
                plain.push(b'\\');
            }
        }
    }
    plain
}

/// As browsers write it: characters that would end the name are escaped (HTML, section 4.10.22.8).
fn unescape(sent: &str) -> String {
    sent.replace("%22", "\"")
        .replace("%0D", "\r")
        .replace("%0A", "\n")
}

/// RFC 8187, section 3.2.1; RFC 5987 had ISO-8859-1 as well.
fn decode(sent: &ExtendedValue) -> Result<String, Problem> {
    match &sent.charset {
        Charset::Iso_8859_1 => Ok(sent.value.iter().copied().map(char::from).collect()),
        Charset::Ext(name) if name.eq_ignore_ascii_case("utf-8") => {
            String::from_utf8(sent.value.clone()).map_err(|_| FOREIGN_NAME)
        }
        _ => Err(FOREIGN_NAME),
    }
}

/// The value of a field.
///
/// # Errors
/// When it is not UTF-8.
pub fn text(value: Vec<u8>) -> Result<String, Problem> {
    String::from_utf8(value).map_err(|_| NOT_UTF_8)
}

pub fn unreadable(error: MultipartError) -> Problem {
    use MultipartError as E;
    match error {
        E::Incomplete => BROKEN_OFF,
        E::Payload(actix_web::error::PayloadError::Overflow) | E::Parse(_) => DAMAGED_HEAD,
        E::Payload(_) => BROKEN_OFF,
        E::BoundaryMissing => WITHOUT_BOUNDARY,
        E::ContentDispositionMissing | E::ContentDispositionNameMissing => NO_DISPOSITION,
        E::Nested => NESTED,
        _ => UNREADABLE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backslash_escapes_quotes_and_itself_and_is_plain_elsewhere() {
        let name = |header: &str| {
            let raw = HeaderValue::from_bytes(&with_plain_backslashes(header.as_bytes()));
            let about = ContentDisposition::from_raw(&raw.unwrap()).unwrap();
            about.get_filename().unwrap().to_owned()
        };
        for (sent, read) in [
            (r#"a\"b\".txt"#, r#"a"b".txt"#),
            (r"C:\x\y.txt", r"C:\x\y.txt"),
            (r"C:\\x\\y.txt", r"C:\x\y.txt"),
            (r"\\server\x\y.txt", r"\server\x\y.txt"),
        ] {
            let header = format!("form-data; name=\"file\"; filename=\"{sent}\"");
            assert_eq!(name(&header), read, "{sent}");
        }
    }
}
