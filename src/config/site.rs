//! Whose site it is: names, texts and addresses that pages and messages show.

use super::reader::Reader;
use crate::base::names::{Email, printable};

const TEXT_MAX: usize = 200;

#[derive(Clone, Debug)]
pub struct SiteConfig {
    pub name: String,
    /// What the site is for, in one sentence.
    pub purpose: String,
    /// Where people find help: a `mailto:` or `https:` link.
    pub contact: Option<String>,
    pub terms: Option<String>,
    pub privacy: Option<String>,
}

pub fn take(r: &mut Reader) -> SiteConfig {
    const LINK: &str = "a URL that begins with http:// or https://, or a path that begins with /";
    SiteConfig {
        name: r.take(
            "site.name",
            "Doorward",
            "a name of 1 to 60 visible characters",
            |text| is_line(text, 60).then(|| text.to_owned()),
        ),
        purpose: r.take(
            "site.purpose",
            "One account for everything here.",
            "a sentence of 1 to 200 visible characters",
            |text| is_line(text, TEXT_MAX).then(|| text.to_owned()),
        ),
        contact: r.take(
            "site.contact",
            "",
            "an email address, a URL that begins with http:// or https://, or a path that begins with /",
            |text| optional(text, contact),
        ),
        terms: r.take("site.terms", "", LINK, |text| optional(text, link)),
        privacy: r.take("site.privacy", "", LINK, |text| optional(text, link)),
    }
}

fn is_line(text: &str, most: usize) -> bool {
    (1..=most).contains(&text.chars().count()) && printable(text) == text
}

/// An empty text is none.
fn optional(text: &str, parse: impl Fn(&str) -> Option<String>) -> Option<Option<String>> {
    match text {
        "" => Some(None),
        text => parse(text).map(Some),
    }
}

fn contact(text: &str) -> Option<String> {
    let address = || Email::parse(text).ok();
    link(text).or_else(|| Some(format!("mailto:{}", address()?.as_str())))
}

fn link(text: &str) -> Option<String> {
    let is_path = text.starts_with('/') && !text.starts_with("//");
    let is_web = |url: url::Url| matches!(url.scheme(), "http" | "https") && url.has_host();
    let is_link = is_path || url::Url::parse(text).is_ok_and(is_web);
    (is_link && is_line(text, TEXT_MAX)).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::{contact, link};

    #[test]
    fn a_contact_is_an_address_or_a_link() {
        for (typed, href) in [
            ("help@example.org", "mailto:help@example.org"),
            ("https://example.org/help", "https://example.org/help"),
            ("/help", "/help"),
        ] {
            assert_eq!(contact(typed).as_deref(), Some(href));
        }
        for bad in [
            "help",
            "javascript:alert(1)",
            "//evil.example",
            "https://",
            "/a\nb",
        ] {
            assert_eq!(contact(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn a_link_is_no_address() {
        assert_eq!(link("help@example.org"), None);
    }
}
