//! Names of files.

use unicode_normalization::UnicodeNormalization;

use super::{Refusal, folded, has_visible, is_unprintable};

/// What most file systems take, in bytes.
pub const FILE_NAME_MAX: usize = 255;

/// The name that a person gives a file. The server never uses it as a path, and it must not become
/// a path on the system that saves the file under this name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileName(String);

impl FileName {
    /// As a person types it: refused where it would have to be changed.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        let text: String = text.trim().nfc().collect();
        if text.is_empty() {
            return Err("Enter a name".into());
        }
        if !has_visible(&text) {
            return Err("Name must have at least one visible character".into());
        }
        if text.len() > FILE_NAME_MAX {
            return Err(format!("Name must be {FILE_NAME_MAX} bytes or fewer").into());
        }
        if Self::sent(&text).0 != text {
            return Err(
                "Name must be plain text on one line without / or \\, and not . or ..".into(),
            );
        }
        Ok(Self(text))
    }

    /// As a program sent it with the file. Only what cannot be part of a name is removed: folders,
    /// control characters, spaces at both ends, and characters beyond the maximum length. The
    /// program that saves the file replaces other characters that its system does not accept.
    pub fn sent(text: &str) -> Self {
        let text: String = text.nfc().collect();
        // Some programs send the whole path.
        let last = text.rsplit(['/', '\\']).next().unwrap_or_default();
        let printable: String = last.chars().filter(|c| !is_unprintable(*c)).collect();
        let name = match printable.trim() {
            "." | ".." => "unnamed",
            name if has_visible(name) => name,
            _ => "unnamed",
        };
        let (stem, extension) = match name.rsplit_once('.') {
            Some((stem, extension)) if extension.len() <= 16 => (stem, format!(".{extension}")),
            _ => (name, String::new()),
        };
        let room = FILE_NAME_MAX - extension.len();
        let whole = stem.char_indices().map(|(at, c)| at + c.len_utf8());
        let end = whole.take_while(|end| *end <= room).last().unwrap_or(0);
        Self(format!("{}{extension}", &stem[..end]))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What names are sorted by.
    pub fn key(&self) -> String {
        folded(&self.0)
    }

    /// The part after the last dot. A leading dot starts no extension.
    pub fn extension(&self) -> Option<&str> {
        let (stem, extension) = self.0.rsplit_once('.')?;
        (!stem.is_empty() && !extension.is_empty()).then_some(extension)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_name_that_was_sent_stays_as_it_is_less_what_cannot_be_in_a_name() {
        let long = format!("{}.jpeg", "é".repeat(2000));
        let cut = format!("{}.jpeg", "é".repeat(125));
        for (sent, name) in [
            ("Brief an Oma.pdf", "Brief an Oma.pdf"),
            ("../../etc/passwd", "passwd"),
            ("C:\\Users\\ada\\photo.png", "photo.png"),
            ("a\0b\r\nc.txt", "abc.txt"),
            ("\u{202e}gpj.exe", "gpj.exe"),
            ("<b>\"x\"</b>", "b>"),
            ("what? 10:30 a|b*.txt", "what? 10:30 a|b*.txt"),
            ("e\u{301}tude.txt", "étude.txt"),
            ("..", "unnamed"),
            ("", "unnamed"),
            (".", "unnamed"),
            ("a/", "unnamed"),
            (" .hidden. ", ".hidden."),
            (".gitignore", ".gitignore"),
            ("...", "..."),
            ("nul", "nul"),
            ("COM1.tar.gz", "COM1.tar.gz"),
            ("\u{3164}\u{200b}", "unnamed"),
            (&long, &cut),
        ] {
            assert_eq!(FileName::sent(sent).as_str(), name, "{sent:?}");
            assert_eq!(FileName::sent(name).as_str(), name, "it stays as it is");
        }
    }

    #[test]
    fn a_file_name_that_was_typed_is_refused_where_it_would_have_to_be_changed() {
        let name = |text: &str| FileName::parse(text).map(|name| name.as_str().to_owned());
        assert_eq!(name("  Brief an Oma.pdf ").unwrap(), "Brief an Oma.pdf");
        for bad in [
            "",
            " ",
            "\u{3164}",
            "\u{e0041}",
            "a/b",
            "a\\b",
            ".",
            "..",
            "a\nb",
            &"é".repeat(128),
        ] {
            assert!(name(bad).is_err(), "{bad:?}");
        }
        for good in [".gitignore", "aux.txt", "a: b?", "trailing."] {
            assert_eq!(name(good).unwrap(), good);
        }
    }

    #[test]
    fn an_extension_stands_behind_the_last_dot() {
        let extension = |text: &str| FileName::sent(text).extension().map(str::to_owned);
        assert_eq!(extension("a.TAR.GZ").as_deref(), Some("GZ"));
        for none in ["gz", ".gitignore", "trailing."] {
            assert_eq!(extension(none), None, "{none}");
        }
    }
}
