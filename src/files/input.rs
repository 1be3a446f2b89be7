//! Names, descriptions and quotas of files as people send them, parsed in one place for pages, API
//! and commands; and the messages about refused files.

use super::{BYTES_QUOTA_MAX, Change, FILES_QUOTA_MAX, QuotaChange, Refused};
use crate::base::input::Refusals;
use crate::base::names::{Description, FileName};
use crate::base::size::for_reading;
use crate::config::FilesConfig;

/// A description as it was sent; an empty one is none.
///
/// # Errors
/// What is wrong with it.
pub fn parse_description(text: &str) -> Result<Option<Description>, Refusals> {
    Description::parse(text).map_err(|why| Refusals::of("description", why))
}

impl Change {
    /// From what was sent; `None` for what is not part of the input.
    ///
    /// # Errors
    /// What is wrong with which field.
    pub fn parse(name: Option<&str>, description: Option<&str>) -> Result<Self, Refusals> {
        let mut wrong = Refusals::default();
        let name = name.map(FileName::parse);
        let description = description.map(Description::parse);
        let change = Self {
            name: name.and_then(|parsed| wrong.note("name", parsed)),
            description: description.and_then(|parsed| wrong.note("description", parsed)),
        };
        wrong.or(change)
    }
}

impl QuotaChange {
    /// From what was sent: `None` for what is not part of the input, and an inner `None` for the
    /// default.
    ///
    /// # Errors
    /// What is wrong with which field.
    pub fn parse(files: Option<Option<i64>>, bytes: Option<Option<i64>>) -> Result<Self, Refusals> {
        let mut wrong = Refusals::default();
        let is_beyond = |most: Option<Option<i64>>, limit| {
            let most = most.flatten();
            most.is_some_and(|most| !(0..=limit).contains(&most))
        };
        if is_beyond(files, FILES_QUOTA_MAX) {
            let words = format!(
                "File limit must be a whole number from 0 to {FILES_QUOTA_MAX}, or empty for the \
                 default"
            );
            wrong.add("files_max", words);
        }
        if is_beyond(bytes, BYTES_QUOTA_MAX) {
            let words = format!(
                "Storage limit must be a number from 0 to {} ({BYTES_QUOTA_MAX} bytes), or empty \
                 for the default",
                for_reading(BYTES_QUOTA_MAX)
            );
            wrong.add("bytes_max", words);
        }
        wrong.or(Self { files, bytes })
    }
}

pub fn too_large(name: &str, most: i64) -> String {
    let most = for_reading(most);
    format!("“{name}” is too large: the limit is {most}")
}

pub fn too_many(most: usize) -> String {
    format!("Choose {most} files or fewer at once. None of these was saved")
}

impl Refused {
    /// What the sender of the file called `name` can correct; `None` if no other input would be
    /// accepted. Without a name, the message is about the details of a stored file.
    pub fn refusals(&self, name: &str, config: &FilesConfig) -> Option<Refusals> {
        let accepted = || config.types.join(", ");
        let words = match self {
            Self::DescriptionTaken => {
                let words = "Another file of yours has this description. Choose another one";
                return Some(Refusals::of("description", words));
            }
            Self::ExtensionNotTaken(kind) => {
                let words = format!(
                    "The extension of this name stands for the type {kind}. Accepted types: {}",
                    accepted()
                );
                if name.is_empty() {
                    return Some(Refusals::of("name", words));
                }
                format!("“{name}”: {words}")
            }
            Self::TypeNotTaken(kind) => format!(
                "“{name}” has the type {kind}. Accepted types: {}",
                accepted()
            ),
            Self::TooLarge(most) => too_large(name, *most),
            Self::TooLargeToScan => format!(
                "“{name}” is too large for the virus scanner of this server (its StreamMaxLength). \
                 Nothing was saved"
            ),
            Self::OverQuota(most) => format!(
                "“{name}” was not saved: the limit for all your files is {}. \
                 Delete some of them first",
                for_reading(*most)
            ),
            Self::TooMany(most) => format!(
                "“{name}” was not saved: the limit is {most} files. Delete some of them first"
            ),
            Self::TooManyAtOnce(most) => too_many(*most),
            Self::Infected => format!("“{name}” contains a virus and was not saved"),
            _ => return None,
        };
        Some(Refusals::of("file", words))
    }
}
