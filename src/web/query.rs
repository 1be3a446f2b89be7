//! Query strings, parsed by hand: finds keys without interpreting their values.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;
use uuid::Uuid;

/// A longer key is not one of ours, and could be a misplaced token.
const KEY_MAX: usize = 20;

fn pairs(query: &str) -> impl Iterator<Item = (&str, &str)> {
    query
        .split('&')
        .filter(|part| !part.is_empty())
        .map(|part| part.split_once('=').unwrap_or((part, "")))
}

/// Every value of `key`, decoded; one that is not UTF-8 is `None`.
pub fn values<'a>(query: &'a str, key: &'a str) -> impl Iterator<Item = Option<Cow<'a, str>>> {
    pairs(query)
        .filter(move |(name, _)| percent_decode_str(name).eq(key.bytes()))
        .map(|(_, value)| percent_decode_str(value).decode_utf8().ok())
}

/// Whether the address contains a token, valid or not.
pub fn has_token(query: &str) -> bool {
    values(query, "token").next().is_some()
}

/// The first value of `key` in the format of a form, with `+` for a space, if it can be read;
/// PostgreSQL accepts no NUL in text.
pub fn first(query: &str, key: &str) -> Option<String> {
    let spaced = query.replace('+', " ");
    let first = values(&spaced, key).next().flatten();
    first
        .filter(|text| !text.contains('\0'))
        .map(Cow::into_owned)
}

/// The names of the keys, for the log. Never a value.
pub fn names(query: &str) -> String {
    let plain = |name: &str| {
        name.len() <= KEY_MAX
            && name
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b))
    };
    let names: Vec<_> = pairs(query)
        .map(|(name, _)| if plain(name) { name } else { "…" })
        .take(16)
        .collect();
    names.join(",")
}

/// Whether a path is below that of the links to files, where a part of it is a token.
pub fn is_of_a_link(path: &str) -> bool {
    let first = path.split('/').nth(1).unwrap_or_default();
    percent_decode_str(first).eq(*b"s")
}

/// A path as it may be logged: of a link, without what opens it, whole or not; elsewhere without
/// parts that are longer than those of our paths, and could be a token.
pub fn loggable_path(path: &str) -> Cow<'_, str> {
    const PART_MAX: usize = 40;
    let is_of_a_link = is_of_a_link(path);
    if path.len() <= PART_MAX && !is_of_a_link {
        return path.into();
    }
    let parts = path.split('/').enumerate().map(|(place, part)| {
        let may_open = is_of_a_link && place > 1 && Uuid::try_parse(part).is_err();
        if may_open || part.len() > PART_MAX {
            "…"
        } else {
            part
        }
    });
    parts.collect::<Vec<_>>().join("/").into()
}

/// A method as it may be logged: a longer word than any method is not one, and could be a token.
pub fn loggable_method(method: &str) -> &str {
    const METHOD_MAX: usize = 20;
    if method.len() <= METHOD_MAX {
        method
    } else {
        "…"
    }
}

/// An origin as it may be logged. One that is not a scheme, a host and a port is not logged, nor
/// one with a part as long as a token.
pub fn loggable_origin(origin: &str) -> &str {
    const ORIGIN_MAX: usize = 120;
    const LABEL_MAX: usize = 40;
    let host = origin
        .strip_prefix("http://")
        .or_else(|| origin.strip_prefix("https://"));
    let is_plain = host.is_some_and(|host| {
        host.bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-.:[]".contains(&b))
            && host.split('.').all(|label| label.len() <= LABEL_MAX)
    });
    if is_plain && origin.len() <= ORIGIN_MAX {
        origin
    } else {
        "…"
    }
}

/// `next` as it was sent, if it is a page of this site: a path that no browser takes for another
/// host, without a token, which could show the page of another account. A path that would not be
/// logged is refused too: it could contain a token.
pub fn local_path(next: &str) -> Option<&str> {
    let plain = next.len() <= 2000
        && next
            .bytes()
            .all(|b| (0x21..0x7f).contains(&b) && b != b'\\');
    let (path, query) = next.split_once('?').unwrap_or((next, ""));
    let local = plain && next.starts_with('/') && !next.starts_with("//");
    let known = loggable_path(path) == path && !names(query).contains('…');
    (local && known && !has_token(query)).then_some(next)
}

#[cfg(test)]
mod tests {
    use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_spelling_of_a_key_is_found() {
        let found: Vec<_> = values(
            "a=1&token=x&%74oken=y%20z&token&tokens=3&token=%ff",
            "token",
        )
        .collect();
        assert_eq!(
            found,
            [Some("x".into()), Some("y z".into()), Some("".into()), None]
        );
    }

    #[test]
    fn the_log_has_names_and_no_values() {
        assert_eq!(names("token=canary&next=%2F&&x"), "token,next,x");
        assert_eq!(
            names("eyJhbGciOiJFZERTQSIsInR5cCI6ImF0K2p3dCJ9.e30.c2ln=&a%0ab"),
            "…,…"
        );
        assert_eq!(loggable_path("/dashboard"), "/dashboard");
        assert_eq!(loggable_path(&format!("/a/{}/b", "x".repeat(41))), "/a/…/b");
        let id = "/s/00000000-0000-4000-8000-000000000000";
        assert_eq!(loggable_path(id), id);
        for link in [
            "/s/AAAAAAAAAAAAAAAAAAAAAA",
            "/s/AAAAAAAAAAAAAAAAAAAAAAx",
            "/s/AAAA",
            "/%73/AAAAAAAAAAAAAAAAAAAAAA",
        ] {
            assert!(!loggable_path(link).contains("AAAA"), "{link}");
        }
        let link = "/s/AAAAAAAAAAAAAAAAAAAAAA/preview";
        assert_eq!(loggable_path(link), "/s/…/…");
        for good in [
            "http://192.0.2.7:8080",
            "https://door.example",
            "http://[::1]:80",
        ] {
            assert_eq!(loggable_origin(good), good);
        }
        for bad in [
            "null",
            "http://a\tb",
            "http://a b",
            "http://a@b",
            "ftp://a",
            "http://a/b",
        ] {
            assert_eq!(loggable_origin(bad), "…");
        }
        let token = "eyJhbGciOiJFZERTQSIsInR5cCI6ImF0K2p3dCJ9abc.e30.c2ln";
        assert_eq!(loggable_origin(&format!("http://{token}")), "…");
    }

    #[test]
    fn only_a_local_path_is_followed() {
        for good in ["/", "/dashboard", "/a?b=c#d", "/%2F%2Fevil.test"] {
            assert_eq!(local_path(good), Some(good));
        }
        let long = format!("/{}", "a".repeat(2000));
        for bad in [
            "",
            "dashboard",
            "//evil.test",
            "/\\evil.test",
            "\\/evil.test",
            "https://evil.test",
            "/\tx",
            "/a b",
            "javascript:alert(1)",
            "/dashboard?token=x",
            "/dashboard?a=b&%74oken=x",
            "/dashboard?eyJhbGciOiJFZERTQSIsInR5cCI6ImF0K2p3dCJ9.e30.c2ln",
            "/é",
            &long,
        ] {
            assert_eq!(local_path(bad), None, "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn a_value_is_read_as_it_was_written_and_never_logged(
            pairs in vec(("token|tok|[a-z]{0,30}", ".{0,40}"), 0..5),
        ) {
            let write = |value: &dyn Fn(&str) -> String| {
                let pairs = pairs.iter().map(|(key, text)| format!("{key}={}", value(text)));
                pairs.collect::<Vec<_>>().join("&")
            };
            let query = write(&|text| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string());
            let read: Vec<_> = values(&query, "token").map(|value| value.unwrap()).collect();
            let written = pairs.iter().filter(|(key, _)| key == "token");
            prop_assert_eq!(read, written.map(|(_, text)| text.as_str()).collect::<Vec<_>>());
            prop_assert_eq!(names(&query), names(&write(&|_| String::new())));
        }

        #[test]
        fn no_query_is_too_odd_to_be_read(query in ".*|[tokenTOKEN%&=0-9a-f]*") {
            prop_assert!(names(&query).split(',').all(|name| name.len() <= KEY_MAX));
            values(&query, "token").for_each(drop);
        }

        #[test]
        fn a_path_that_is_followed_stays_on_this_site(
            next in "[/\\\\.:@?#a-z\t]{0,12}|/[/\\\\]?[a-z.]*(\\?[a-z=&%0-9]*)?|.*",
        ) {
            let home = url::Url::parse("http://door.test/login").unwrap();
            if let Some(path) = local_path(&next) {
                prop_assert_eq!(home.join(path).unwrap().origin(), home.origin());
            }
        }
    }
}
