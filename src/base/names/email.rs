//! Addresses of email.

use idna::AsciiDenyList;
use idna::uts46::{DnsLength, Hyphens, Uts46};

use super::text::{caseless, folded, identifier, is_mark, is_visible};
use super::{EMAIL_MAX, Refusal};

/// An address as the HTML standard's e-mail field takes it, a domain without a dot included; and
/// beside ASCII, letters of any script (RFC 6531).
///
/// The domain is shown in Unicode, and compared in ASCII (UTS 46), so that both spellings of it
/// are one address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Email {
    shown: String,
    key: String,
}

impl Email {
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        let text = identifier(text);
        if text.is_empty() {
            return Err("Enter an email address".into());
        }
        let format = "Enter an email address in the correct format, like name@example.com";
        let email = Self::read(&text).ok_or(format)?;
        if email.shown.len().max(email.key.len()) > EMAIL_MAX {
            return Err(format!("Email address must be {EMAIL_MAX} bytes or fewer").into());
        }
        Ok(email)
    }

    fn read(text: &str) -> Option<Self> {
        let (local, domain) = text.rsplit_once('@')?;
        // RFC 5321, section 4.1.2: quotes around a part that needs none are redundant.
        let quoted = local
            .strip_prefix('"')
            .and_then(|rest| rest.strip_suffix('"'));
        let local = quoted.unwrap_or(local);
        // The dot of the DNS root.
        let domain = domain.strip_suffix('.').unwrap_or(domain);
        let (ascii, unicode) = spellings(domain)?;
        is_local_part(local).then(|| Self {
            shown: format!("{local}@{unicode}"),
            key: format!("{}@{ascii}", caseless(local)),
        })
    }

    pub fn as_str(&self) -> &str {
        &self.shown
    }

    /// What must be unique: the address without regard to case, its domain in ASCII.
    pub fn key(&self) -> String {
        self.key.clone()
    }

    /// The domain in ASCII.
    pub fn domain(&self) -> &str {
        self.key.rsplit_once('@').map_or("", |(_, domain)| domain)
    }

    /// As a mail server takes it (RFC 5321, section 4.1.2): the domain in ASCII, and quotes around a
    /// local part that needs them.
    pub fn for_mail(&self) -> String {
        let local = self.shown.rsplit_once('@').map_or("", |(local, _)| local);
        let is_dot_string = local.split('.').all(|part| !part.is_empty());
        let quote = if is_dot_string { "" } else { "\"" };
        format!("{quote}{local}{quote}@{}", self.domain())
    }

    /// The key as Doorward wrote it before it compared domains in ASCII.
    pub fn old_key(text: &str) -> String {
        folded(text.trim())
    }
}

/// A domain in ASCII and in Unicode, if it is one.
fn spellings(domain: &str) -> Option<(String, String)> {
    let (rules, hyphens) = (AsciiDenyList::STD3, Hyphens::CheckFirstLast);
    let ascii = Uts46::new().to_ascii(domain.as_bytes(), rules, hyphens, DnsLength::Verify);
    let ascii = ascii.ok()?.into_owned();
    let (unicode, valid) = Uts46::new().to_unicode(ascii.as_bytes(), rules, hyphens);
    valid.ok()?;
    let unicode = unicode.into_owned();
    Some((ascii, unicode))
}

fn is_local_part(local: &str) -> bool {
    let allowed = |c: char| match c.is_ascii() {
        true => c.is_ascii_alphanumeric() || ".!#$%&'*+/=?^_`{|}~-".contains(c),
        false => is_visible(c) || is_mark(c),
    };
    (1..=64).contains(&local.len()) && local.chars().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> String {
        Email::parse(text).unwrap().key()
    }

    #[test]
    fn addresses_that_people_have_are_taken() {
        for (typed, shown) in [
            ("a@b", "a@b"),
            ("Ada@Example.COM", "Ada@example.com"),
            ("o'neil+x@mail.example.org", "o'neil+x@mail.example.org"),
            ("\u{a0}ada@example.com.\u{200b}", "ada@example.com"),
            ("\u{202a}ada@example.com\u{202c}", "ada@example.com"),
            ("..ada..@docomo.example", "..ada..@docomo.example"),
            ("\"ada.\"@docomo.example", "ada.@docomo.example"),
            ("ａｄａ＠ｅｘａｍｐｌｅ．ｃｏｍ", "ada@example.com"),
            ("josé@exämple.de", "josé@exämple.de"),
            ("grete@xn--mller-kva.example", "grete@müller.example"),
            ("grete@straße.example", "grete@straße.example"),
            ("हिन्दी@उदाहरण.परीक्षा", "हिन्दी@उदाहरण.परीक्षा"),
            ("用户@例子。公司", "用户@例子.公司"),
            ("a@r3---sn.example", "a@r3---sn.example"),
        ] {
            let email = Email::parse(typed).unwrap_or_else(|why| panic!("{typed}: {why}"));
            assert_eq!(email.as_str(), shown, "{typed}");
            assert_eq!(key(shown), email.key(), "{typed}");
        }
    }

    #[test]
    fn an_invalid_address_is_refused() {
        let long = format!("{}@example.com", "a".repeat(65));
        let longer = format!(
            "a@{}",
            ["b".repeat(63), "c".repeat(63), "d".repeat(63)].join(".")
        );
        let longest = format!("{longer}.{}", "e".repeat(63));
        for bad in [
            "",
            "a",
            "@b",
            "a@",
            "a@-b",
            "a@b-",
            "a@b..c",
            "a@b c",
            "a b@c",
            "a\0@b",
            "a@b@c",
            "<a>@b",
            "a@b_c",
            "a@xn--a",
            "a@b/c",
            "a@[127.0.0.1]",
            "\"a b\"@c",
            "\"\"@c",
            "a\u{200b}b@c",
            "a\u{3164}@b",
            "a\u{202e}b@c",
            "a\u{2800}@b",
            "a\u{a0}b@c",
            &long,
            &longest,
        ] {
            assert!(Email::parse(bad).is_err(), "{bad:?}");
        }
        assert!(Email::parse(&longer).is_ok());
    }

    #[test]
    fn each_spelling_of_an_address_has_one_key() {
        for spellings in [
            &["ADA@Example.COM", "ada@example.com"][..],
            &[
                "Grete@MÜLLER.example",
                "grete@mu\u{308}ller.example",
                "grete@XN--MLLER-KVA.example",
            ],
            &["STRASSE@x", "straße@x", "ſtrasse@X"],
            &["ΟΔΟΣ@x", "οδος@x", "οδοσ@x"],
            &["e\u{301}@x", "É@x"],
            &["ａｄａ@x", "ada@x"],
        ] {
            let keys: Vec<_> = spellings.iter().map(|text| key(text)).collect();
            assert!(keys.windows(2).all(|pair| pair[0] == pair[1]), "{keys:?}");
        }
        assert_eq!(key("grete@müller.example"), "grete@xn--mller-kva.example");
        // Not transitional: these are two domains.
        assert_ne!(key("a@straße.example"), key("a@strasse.example"));
    }
}
