//! PyJWT 1.4's messages for tokens that it rejects, which Flask-JWT passes on to its clients.
//! Messages only: `tokens/` decides whether a token is accepted.

use base64::Engine;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde_json::Value;

/// As Python decodes: unused bits are not an error.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::RequireNone),
);

/// The message about a token that HS256 under the key did not sign.
pub fn complaint(token: &str) -> String {
    let parts = token
        .rsplit_once('.')
        .and_then(|(signed, signature)| Some((signed.split_once('.')?, signature)));
    let Some(((header, payload), signature)) = parts else {
        return "Not enough segments".to_owned();
    };
    let Some(header) = decode(header) else {
        return "Invalid header padding".to_owned();
    };
    let header = match read(&header) {
        Ok(header) => header,
        Err(why) => return format!("Invalid header string: {why}"),
    };
    if decode(payload).is_none() {
        return "Invalid payload padding".to_owned();
    }
    if decode(signature).is_none() {
        return "Invalid crypto padding".to_owned();
    }
    if header["alg"] != "HS256" {
        return "The specified alg value is not allowed".to_owned();
    }
    "Signature verification failed".to_owned()
}

/// As PyJWT completes a segment and Python decodes it: characters outside the alphabet are ignored,
/// and the first complete padding ends it.
fn decode(segment: &str) -> Option<Vec<u8>> {
    let completing = (4 - segment.len() % 4) % 4;
    let mut data = Vec::with_capacity(segment.len());
    let mut pads = 0;
    for byte in segment.bytes().chain(std::iter::repeat_n(b'=', completing)) {
        match byte {
            b'=' => {
                pads += 1;
                let last = data.len() % 4;
                if last >= 2 && last + pads >= 4 {
                    return LENIENT.decode(data).ok();
                }
                continue;
            }
            b'+' => data.push(b'-'),
            b'/' => data.push(b'_'),
            b'-' | b'_' => data.push(byte),
            _ if byte.is_ascii_alphanumeric() => data.push(byte),
            _ => continue,
        }
        pads = 0;
    }
    (data.len() % 4 == 0).then(|| LENIENT.decode(data).ok())?
}

fn read(header: &[u8]) -> Result<Value, String> {
    let text = std::str::from_utf8(header).map_err(|error| not_utf8(header, error))?;
    let value: Value = serde_json::from_str(text).map_err(|error| not_json(text, &error))?;
    if value.is_object() {
        Ok(value)
    } else {
        Err("must be a json object".to_owned())
    }
}

/// Python's `UnicodeDecodeError`.
fn not_utf8(bytes: &[u8], error: std::str::Utf8Error) -> String {
    let from = error.valid_up_to();
    let length = error.error_len().unwrap_or(bytes.len() - from);
    let first = bytes.get(from).copied().unwrap_or_default();
    let which = if length == 1 {
        format!("byte {first:#04x} in position {from}")
    } else {
        format!("bytes in position {from}-{}", from + length - 1)
    };
    let why = match error.error_len() {
        None => "unexpected end of data",
        Some(_) if matches!(first, 0xc2..=0xf4) => "invalid continuation byte",
        Some(_) => "invalid start byte",
    };
    format!("'utf-8' codec can't decode {which}: {why}")
}

/// Python's `JSONDecodeError`, for the faults of a token that was cut short or is not a token at
/// all; other faults are reported as the first of these.
fn not_json(text: &str, error: &serde_json::Error) -> String {
    let (what, at) = if error.is_eof() && text.starts_with('{') {
        ("Expecting ',' delimiter", text.chars().count())
    } else {
        ("Expecting value", error.column().saturating_sub(1))
    };
    format!("{what}: line 1 column {} (char {at})", at + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As PyJWT 1.4.2 said them.
    #[test]
    fn a_malformed_token_is_complained_of_as_by_pyjwt() {
        const P: &str = "eyJpZGVudGl0eSI6MSwiZXhwIjoxfQ";
        const S: &str = "Mn4Nsxkdru6lLWgc6GmvCPU8s-QZgezxW4wreOSFSF0";
        const H: &str = "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9";
        let cut = &S[..S.len() - 2];
        for (token, words) in [
            ("", "Not enough segments"),
            ("x.y", "Not enough segments"),
            ("undefined", "Not enough segments"),
            (&format!("{H}.{P}"), "Not enough segments"),
            ("x.y.z", "Invalid header padding"),
            ("a.b.c.d", "Invalid header padding"),
            (
                "..",
                "Invalid header string: Expecting value: line 1 column 1 (char 0)",
            ),
            (
                &format!("YWJj.{P}.{S}"),
                "Invalid header string: Expecting value: line 1 column 1 (char 0)",
            ),
            (
                &format!("JWT.{P}.{S}"),
                "Invalid header string: Expecting value: line 1 column 1 (char 0)",
            ),
            (
                &format!("eyJhbGciOiJIUzI1NiI.{P}.{S}"),
                "Invalid header string: Expecting ',' delimiter: line 1 column 15 (char 14)",
            ),
            (
                &format!("{}.{P}.{S}", &H[..35]),
                "Invalid header string: Expecting ',' delimiter: line 1 column 27 (char 26)",
            ),
            (
                &format!("W10.{P}.{S}"),
                "Invalid header string: must be a json object",
            ),
            (
                &format!("xy.{P}.{S}"),
                "Invalid header string: 'utf-8' codec can't decode byte 0xc7 in position 0: unexpected end of data",
            ),
            (
                &format!("_w.{P}.{S}"),
                "Invalid header string: 'utf-8' codec can't decode byte 0xff in position 0: invalid start byte",
            ),
            (
                &format!("eyLigiJ9.{P}.{S}"),
                "Invalid header string: 'utf-8' codec can't decode bytes in position 2-3: invalid continuation byte",
            ),
            (&format!("{H}.x.{S}"), "Invalid payload padding"),
            (&format!("{H}.{P}.x"), "Invalid crypto padding"),
            (&format!("{H}.{P}.{cut}"), "Invalid crypto padding"),
            (&format!("\"{H}.{P}.{S}\""), "Invalid crypto padding"),
            (
                &format!("e30.{P}.{S}"),
                "The specified alg value is not allowed",
            ),
            (
                &format!("eyJhbGciOiJub25lIn0.{P}."),
                "The specified alg value is not allowed",
            ),
            (
                &format!("eyJhbGciOiJSUzI1NiJ9.{P}.{S}"),
                "The specified alg value is not allowed",
            ),
            (&format!("{H}.{P}."), "Signature verification failed"),
            (&format!("{H}..{S}"), "Signature verification failed"),
            (&format!("{H}=.{P}.{S}"), "Signature verification failed"),
            (&format!("!{H}.{P}.{S}"), "Signature verification failed"),
            (&format!("{H}.{P}.{S}A"), "Signature verification failed"),
            (&format!("{H}.{P}.{S}"), "Signature verification failed"),
        ] {
            assert_eq!(complaint(token), words, "{token}");
        }
    }
}
