//! Entity tags as requests name them (RFC 9110, sections 8.8.3 and 13.1).

use actix_web::HttpRequest;
use actix_web::http::header::{HeaderMap, HeaderName, IF_NONE_MATCH};

/// What proxies append to the tag of a response that they compress.
const CODINGS: [&str; 3] = ["-gzip", "-br", "-zstd"];

#[derive(Debug, PartialEq, Eq)]
pub enum Tags {
    /// `*`
    Any,
    /// Without quotes, weak ones too, and without what a proxy appended.
    These(Vec<String>),
}

/// Not a list of entity tags.
#[derive(Debug, PartialEq, Eq)]
pub struct Malformed;

impl Tags {
    /// The tags of a header; `None` without it.
    pub fn read(headers: &HeaderMap, name: &HeaderName) -> Result<Option<Self>, Malformed> {
        let lines = headers.get_all(name).map(|line| line.to_str());
        let lines: Vec<_> = lines.collect::<Result<_, _>>().map_err(|_| Malformed)?;
        match lines.as_slice() {
            [] => Ok(None),
            lines => Self::parse(&lines.join(",")).map(Some).ok_or(Malformed),
        }
    }

    fn parse(list: &str) -> Option<Self> {
        if list.trim() == "*" {
            return Some(Self::Any);
        }
        let (mut rest, mut tags) = (list, Vec::new());
        loop {
            // Empty elements are ignored (RFC 9110, section 5.6.1.2).
            rest = rest.trim_start_matches([' ', '\t', ',']);
            if rest.is_empty() {
                return (!tags.is_empty()).then_some(Self::These(tags));
            }
            let quoted = rest.strip_prefix("W/").unwrap_or(rest);
            let (tag, after) = quoted.strip_prefix('"')?.split_once('"')?;
            rest = after.trim_start_matches([' ', '\t']);
            let ends = rest.is_empty() || rest.starts_with(',');
            if !ends || !tag.bytes().all(|b| b.is_ascii_graphic()) {
                return None;
            }
            let mut codings = CODINGS.iter();
            let plain = codings.find_map(|coding| tag.strip_suffix(coding));
            tags.push(plain.unwrap_or(tag).to_owned());
        }
    }
}

/// Whether the client already has the content with this tag, which is given in quotes. An
/// unreadable header is ignored.
pub fn has(request: &HttpRequest, etag: &str) -> bool {
    match Tags::read(request.headers(), &IF_NONE_MATCH) {
        Ok(Some(Tags::Any)) => true,
        Ok(Some(Tags::These(tags))) => tags.iter().any(|tag| tag == etag.trim_matches('"')),
        Ok(None) | Err(Malformed) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_tags_is_read_as_rfc_9110_says() {
        let these = |tags: &[&str]| {
            let tags = tags.iter().map(|tag| (*tag).to_owned());
            Some(Tags::These(tags.collect()))
        };
        assert_eq!(Tags::parse("*"), Some(Tags::Any));
        assert_eq!(Tags::parse("\"7\""), these(&["7"]));
        assert_eq!(
            Tags::parse(" ,\"7\" ,, \"a,b\",\"08\",W/\"9\",\"10-gzip\", "),
            these(&["7", "a,b", "08", "9", "10"])
        );
        for bad in [
            "",
            ",",
            "7",
            "\"7",
            "7\"",
            "\"7\"8",
            "\"7\" \"8\"",
            "w/\"7\"",
            "\"7\", *",
            "\"a b\"",
        ] {
            assert_eq!(Tags::parse(bad), None, "{bad}");
        }
    }
}
