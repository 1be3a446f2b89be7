//! Names of files.

use unicode_normalization::UnicodeNormalization;

use super::{Refusal, folded, is_unprintable};

/// What most file systems take, in bytes.
pub const FILE_NAME_MAX: usize = 255;

/// What somebody calls a file. It is never a path here, and must not become one there where it
/// is saved under this name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileName(String);

impl FileName {
    /// As a person types it.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        let text: String = text.trim().nfc().collect();
        if text.is_empty() {
            return Err("Enter a name".into());
        }
        if text.len() > FILE_NAME_MAX {
            return Err(format!("Name must be {FILE_NAME_MAX} bytes or fewer").into());
        }
        if Self::sent(&text).0 != text {
            return Err(
                "Name must be one line without / \\ : * ? \" < > |, with no dot at its \
                        beginning or end, and not the name of a device such as NUL"
                    .into(),
            );
        }
        Ok(Self(text))
    }

    /// As a program sent it along with the file: what cannot be in a name is left out, because
    /// nobody should have to rename a file before they can upload it.
    pub fn sent(text: &str) -> Self {
        let text: String = text.nfc().collect();
        // Some programs send the whole path.
        let last = text.rsplit(['/', '\\']).next().unwrap_or_default();
        let harmless = last.chars().filter(|c| !is_unprintable(*c));
        let harmless: String = harmless
            .map(|c| if "<>:\"|?*".contains(c) { '_' } else { c })
            .collect();
        let name = harmless.trim_matches(|c: char| c == '.' || c.is_whitespace());
        let name = if name.is_empty() { "unnamed" } else { name };
        let (stem, extension) = match name.rsplit_once('.') {
            Some((stem, extension)) if extension.len() <= 16 => (stem, format!(".{extension}")),
            _ => (name, String::new()),
        };
        let before = if is_device(name) { "_" } else { "" };
        let room = FILE_NAME_MAX - extension.len() - before.len();
        let whole = stem.char_indices().map(|(at, c)| at + c.len_utf8());
        let end = whole.take_while(|end| *end <= room).last().unwrap_or(0);
        Self(format!("{before}{}{extension}", &stem[..end]))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What names are sorted by.
    pub fn key(&self) -> String {
        folded(&self.0)
    }

    /// What stands behind its last dot, in small letters.
    pub fn extension(&self) -> Option<String> {
        let (_, extension) = self.0.rsplit_once('.')?;
        Some(extension.to_ascii_lowercase())
    }
}

/// Windows opens a device by each of these names, whatever stands behind a dot.
fn is_device(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or_default();
    let stem = stem.trim_end().to_ascii_uppercase();
    let numbered = |word: &str| {
        let number = stem.strip_prefix(word).and_then(|rest| rest.parse().ok());
        number.is_some_and(|number: u8| number < 10)
    };
    matches!(stem.as_str(), "CON" | "PRN" | "AUX" | "NUL") || numbered("COM") || numbered("LPT")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_name_that_was_sent_becomes_one_that_any_system_can_save() {
        let long = format!("{}.jpeg", "é".repeat(2000));
        let cut = format!("{}.jpeg", "é".repeat(125));
        for (sent, name) in [
            ("Brief an Oma.pdf", "Brief an Oma.pdf"),
            ("../../etc/passwd", "passwd"),
            ("C:\\Users\\ada\\photo.png", "photo.png"),
            ("a\0b\r\nc.txt", "abc.txt"),
            ("\u{202e}gpj.exe", "gpj.exe"),
            ("<b>\"x\"</b>", "b_"),
            ("e\u{301}tude.txt", "étude.txt"),
            ("..", "unnamed"),
            ("", "unnamed"),
            (" .hidden. ", "hidden"),
            ("nul", "_nul"),
            ("COM1.tar.gz", "_COM1.tar.gz"),
            ("COM10", "COM10"),
            ("console.log", "console.log"),
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
            "a/b",
            "a\\b",
            "..",
            "aux.txt",
            "a\nb",
            &"é".repeat(128),
        ] {
            assert!(name(bad).is_err(), "{bad:?}");
        }
        let extension = |text: &str| FileName::sent(text).extension();
        assert_eq!(extension("a.TAR.GZ").as_deref(), Some("gz"));
        assert_eq!(extension("gz"), None);
    }
}
