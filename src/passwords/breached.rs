//! A set of breached passwords: a file of their SHA-1 hashes in order, as Have I Been Pwned offers
//! it for download.
//!
//! It has tens of gigabytes, so it stays on the disk: a binary search reads a few bytes at a time.

use std::cmp::Ordering;
use std::fs::File;
use std::io::{self, ErrorKind};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::Path;

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};

use crate::base::fault::Fault;
use crate::base::names::Password;

/// 40 digits, a colon, a count, and the line break.
const LINE_MAX: usize = 64;
/// Places in the file whose lines are checked for their order, and lines at each.
const CHECKED_PLACES: u64 = 64;
const CHECKED_LINES: u64 = 16;

#[derive(Debug)]
pub struct Breached {
    file: File,
    length: u64,
}

struct Line {
    /// With the line break.
    bytes: Range<u64>,
    /// In capitals.
    hash: String,
}

impl Breached {
    /// Opens the file, and checks its first and last lines and a sample of those between.
    ///
    /// # Errors
    /// A file that is missing, unreadable, in another format or not in order.
    pub fn open(path: &Path) -> Result<Self, Fault> {
        File::open(path).and_then(Self::of).map_err(|error| {
            let what = format!("{} is not usable as passwords.breached", path.display());
            Fault::caused(what, error)
        })
    }

    fn of(file: File) -> io::Result<Self> {
        let length = file.metadata()?.len();
        let breached = Self { file, length };
        let mut last = breached.line_at(0)?;
        for place in 0..=CHECKED_PLACES {
            let start = (length - 1) * place / CHECKED_PLACES;
            for _ in 0..CHECKED_LINES {
                let at = start.max(last.bytes.end);
                if at >= length {
                    break;
                }
                let line = breached.line_at(at)?;
                if line.hash < last.hash {
                    let at = line.bytes.start;
                    return Err(invalid(format!(
                        "the hash at byte {at} is less than one before it: the file must be in \
                         order of hash"
                    )));
                }
                last = line;
            }
        }
        Ok(breached)
    }

    /// Whether this is one of the passwords, in normal form C or as it was typed.
    ///
    /// # Errors
    /// The file cannot be read, or was changed.
    pub fn contains(&self, password: &Password) -> io::Result<bool> {
        for form in password.expose_forms() {
            let hash = digest(&SHA1_FOR_LEGACY_USE_ONLY, form.as_bytes());
            let hex: String = hash.as_ref().iter().map(|b| format!("{b:02X}")).collect();
            if self.contains_hash(&hex)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn contains_hash(&self, hash: &str) -> io::Result<bool> {
        // Both are at the beginning of a line.
        let (mut low, mut high) = (0, self.length);
        while low < high {
            let line = self.line_at(low.midpoint(high))?;
            match line.hash.as_str().cmp(hash) {
                Ordering::Less => low = line.bytes.end,
                Ordering::Equal => return Ok(true),
                Ordering::Greater => high = line.bytes.start,
            }
        }
        Ok(false)
    }

    /// The line that has the byte at `offset`.
    fn line_at(&self, offset: u64) -> io::Result<Line> {
        let wrong = || {
            invalid(format!(
                "the line at byte {offset} is neither a SHA-1 hash nor hash:count"
            ))
        };
        let from = offset.saturating_sub(LINE_MAX as u64);
        let mut buffer = [0; 2 * LINE_MAX];
        let left = usize::try_from(self.length - from).unwrap_or(usize::MAX);
        let text = &mut buffer[..left.min(2 * LINE_MAX)];
        self.file.read_exact_at(text, from)?;
        let before = &text[..(offset - from) as usize];
        let start = match before.iter().rposition(|byte| *byte == b'\n') {
            Some(end) => end + 1,
            None if from == 0 => 0,
            None => return Err(wrong()),
        };
        let mut lines = text[start..].split_inclusive(|byte| *byte == b'\n');
        let line = lines.next().unwrap_or_default();
        let hash = hash_of(line).ok_or_else(wrong)?;
        let begin = from + start as u64;
        let bytes = begin..begin + line.len() as u64;
        Ok(Line { bytes, hash })
    }
}

fn hash_of(line: &[u8]) -> Option<String> {
    let line = str::from_utf8(line).ok()?;
    let line = line.strip_suffix('\n').unwrap_or(line);
    let line = line.strip_suffix('\r').unwrap_or(line);
    let (hash, count) = line.split_once(':').unwrap_or((line, "1"));
    count.parse::<u64>().ok()?;
    let is_hash = hash.len() == 40 && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_hash.then(|| hash.to_ascii_uppercase())
}

fn invalid(what: String) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::io::Write;

    use proptest::collection::{btree_set, vec};
    use proptest::prelude::*;

    use super::*;

    fn file_of(content: &[u8]) -> File {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(content).unwrap();
        file
    }

    fn refused(content: &str) -> String {
        Breached::of(file_of(content.as_bytes()))
            .unwrap_err()
            .to_string()
    }

    fn line(number: u32) -> String {
        format!("{number:040X}\n")
    }

    proptest! {
        #[test]
        fn the_hashes_of_a_file_are_found_and_no_others(
            numbers in btree_set(0..300u32, 1..300),
            counts in vec(proptest::option::of(any::<u64>()), 300),
            lower in any::<bool>(),
            end in prop_oneof![Just("\n"), Just("\r\n")],
            is_ended in any::<bool>(),
        ) {
            let hash = |number: u32| format!("{:040X}", u128::from(number) << 100 | 0xABC);
            let lines = numbers.iter().zip(counts).map(|(number, count)| {
                let count = count.map(|count| format!(":{count}")).unwrap_or_default();
                let hash = hash(*number);
                (if lower { hash.to_lowercase() } else { hash }) + count.as_str()
            });
            let mut text = lines.collect::<Vec<_>>().join(end);
            if is_ended {
                text += end;
            }
            let breached = Breached::of(file_of(text.as_bytes())).unwrap();
            let found: BTreeSet<u32> = (0..300)
                .filter(|number| breached.contains_hash(&hash(*number)).unwrap())
                .collect();
            prop_assert_eq!(found, numbers);
        }

        #[test]
        fn any_content_is_searched_or_refused(
            content in "([0-9a-fA-F]{40}(:[0-9]{1,22})?\r?\n|.{0,9}|[0-9\n]{99}){0,6}",
        ) {
            let file = file_of(content.as_bytes());
            let length = content.len() as u64;
            if length > 0 {
                Breached { file, length }.contains_hash(&line(7)[..40]).ok();
            }
            Breached::of(file_of(content.as_bytes())).ok();
        }
    }

    #[test]
    fn a_file_in_another_format_is_refused() {
        let not_hashes = "is neither a SHA-1 hash nor hash:count";
        let long = format!(
            "{}\n{}:{}\n",
            &line(1)[..40],
            &line(2)[..40],
            "9".repeat(99)
        );
        let ntlm = format!("{}:5\n", "0A".repeat(16));
        for text in [
            "",
            "\n",
            "password\n",
            &ntlm,
            &long,
            &"0".repeat(500),
            &format!("\u{feff}{}", line(1)),
            &format!("{}\n", line(1)),
            &format!("{}:many\n", &line(1)[..40]),
            &format!("{}é\n", &line(1)[..38]),
        ] {
            let why = refused(text);
            assert!(why.contains(not_hashes), "{text:?}: {why}");
        }
    }

    #[test]
    fn a_file_that_is_not_in_order_is_refused() {
        let by_count = (1..9999u32).map(|number| line(number.wrapping_mul(0x9E37_79B1)));
        let swapped = [1, 2, 4, 3].map(line).concat();
        let two_files = (1..9999).chain(1..9999).map(line);
        for text in [by_count.collect(), swapped, two_files.collect::<String>()] {
            let why = refused(&text);
            assert!(why.contains("must be in order of hash"), "{why}");
        }
        let repeated = [1, 1, 2].map(line).concat();
        assert!(Breached::of(file_of(repeated.as_bytes())).is_ok());
    }

    #[test]
    fn a_file_that_becomes_shorter_is_an_error_and_not_an_answer() {
        let text: String = (0..99).map(line).collect();
        let breached = Breached::of(file_of(text.as_bytes())).unwrap();
        breached.file.set_len(50).unwrap();
        assert!(breached.contains_hash(&line(98)[..40]).is_err());
    }

    #[test]
    fn a_password_is_compared_composed_and_as_typed() {
        // SHA-1 of "canary-é", composed and decomposed.
        for (hash, typed, is_found) in [
            (
                "f0cadf5f56aa545451a1a76242b8be0ee2164e91",
                "canary-e\u{301}",
                true,
            ),
            (
                "f0cadf5f56aa545451a1a76242b8be0ee2164e91",
                "canary-\u{e9}",
                true,
            ),
            (
                "1b2fab771480ab6b5b18f6ea35e9b05c8454c665",
                "canary-e\u{301}",
                true,
            ),
            (
                "1b2fab771480ab6b5b18f6ea35e9b05c8454c665",
                "canary-\u{e9}",
                false,
            ),
        ] {
            let breached = Breached::of(file_of(hash.as_bytes())).unwrap();
            let password = Password::typed(typed);
            assert_eq!(breached.contains(&password).unwrap(), is_found, "{typed}");
        }
    }
}
