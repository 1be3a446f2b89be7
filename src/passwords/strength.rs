//! Estimates the guesses that a password withstands, like zxcvbn.
//!
//! An attacker knows common passwords, words, the person's names, dates and keyboards. So the
//! password is split into such pieces, in the way with the fewest guesses; a character outside of
//! all pieces counts ten. Capitals and usual substitutions (`p4$$w0rd`) add no strength.
//!
//! The list is searched in place in the binary: it is never unpacked.

use std::cmp::Ordering;
use std::ops::RangeInclusive;

/// A decimal logarithm in tenths: 80 means 10^8 guesses.
pub type Tenths = u32;

/// Only the beginning is scored: more characters make it no weaker, and would cost unbounded work.
const SCORED_CHARACTERS: usize = 32;

const CHARACTER: Tenths = 10;
const PERSONAL: Tenths = 10;
/// Start, direction and length.
const RUN: Tenths = 20;
const YEAR: Tenths = 20;
/// All words cost the same: a sorted list has no ranks, and an attacker has time for all of it. A
/// little under 10^4, so that two words alone stay below 10^8, as two frequent ones should.
const WORD: Tenths = 39;
/// The days of some twenty years.
const DATE: Tenths = 39;

/// Lines that are `folded`, sorted by bytes; `scripts/common-passwords` makes them.
const COMMON: &str = include_str!("common.txt");

/// Rows as in English, German, French and Russian, then columns.
const KEYBOARD: &str = "1234567890-=\n!@#$%^&*()_+\n\
    qwertyuiop[]\\\nasdfghjkl;'\nzxcvbnm,./\n\
    qwertzuiopü\nasdfghjklöä\nyxcvbnm\n\
    azertyuiop\nqsdfghjklm\nwxcvbn\n\
    йцукенгшщзхъ\nфывапролджэ\nячсмитьбю\n\
    1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p\nqazwsxedcrfvtgbyhnujmikolp";

/// Estimates the guesses that `password` withstands. `personal` are words that an attacker who
/// knows the person tries first.
pub fn guesses(password: &str, personal: &[&str]) -> Tenths {
    let beginning = |text| {
        str::chars(text)
            .flat_map(char::to_lowercase)
            .take(SCORED_CHARACTERS)
    };
    let text: Vec<char> = beginning(password).collect();
    let personal: Vec<String> = personal
        .iter()
        .map(|word| beginning(word).map(folded).collect())
        .collect();
    cheapest(&text, |piece| guesses_as_one(piece, &personal))
}

/// The lowest cost of `text`: as one piece, in two parts, or as a repeated part. Every piece is
/// scored once, after all shorter ones.
fn cheapest(text: &[char], mut as_one: impl FnMut(&[char]) -> Option<Tenths>) -> Tenths {
    let mut least = [[0; SCORED_CHARACTERS + 1]; SCORED_CHARACTERS + 1];
    for length in 1..=text.len() {
        for start in 0..=text.len() - length {
            let end = start + length;
            let parts = (start + 1..end).map(|cut| least[start][cut] + least[cut][end]);
            // Also with a separator, or cut off: `ada-ada`. Each doubling adds 0.3.
            let repeated = (1..length)
                .take_while(|block| 2 * block <= length + 1)
                .filter(|block| text[start + block..end] == text[start..end - block])
                .map(|block| least[start][start + block] + 3 * length.div_ceil(block).ilog2());
            let one = as_one(&text[start..end]);
            least[start][end] = parts.chain(repeated).chain(one).min().unwrap_or(CHARACTER);
        }
    }
    least[0][text.len()]
}

/// `None` for a piece that is not guessed as a whole.
fn guesses_as_one(piece: &[char], personal: &[String]) -> Option<Tenths> {
    let text: String = piece.iter().collect();
    let backwards: String = piece.iter().rev().collect();
    let words = [&text, &backwards].map(|text| text.chars().map(folded).collect::<String>());

    if piece.len() < 3 {
        None
    } else if personal.iter().any(|name| words.contains(name)) {
        Some(PERSONAL)
    } else if is_sequence(piece) || KEYBOARD.contains(&text) || KEYBOARD.contains(&backwards) {
        Some(RUN)
    } else if is_year(&text) {
        Some(YEAR)
    } else if words.iter().any(|word| is_common(word)) {
        Some(WORD)
    } else {
        is_date(&text).then_some(DATE)
    }
}

/// Substitutions are undone in the password and in the list alike, so it does not matter which `1`
/// is an `i`, which an `l`, and which a one.
fn folded(lower: char) -> char {
    match lower {
        '4' | '@' => 'a',
        '3' => 'e',
        '0' => 'o',
        '1' | '!' | 'l' => 'i',
        '5' | '$' => 's',
        '7' => 't',
        other => other,
    }
}

fn is_common(word: &str) -> bool {
    // Both positions are at the beginning of a line.
    let (mut low, mut high) = (0, COMMON.len());
    while low < high {
        let middle = low.midpoint(high);
        let start = COMMON[..middle].rfind('\n').map_or(0, |end| end + 1);
        let line = &COMMON[start..start + COMMON[start..].find('\n').unwrap_or_default()];
        match line.cmp(word) {
            Ordering::Less => low = start + line.len() + 1,
            Ordering::Equal => return true,
            Ordering::Greater => high = start,
        }
    }
    false
}

fn is_sequence(piece: &[char]) -> bool {
    let steps = |by: i64| move |pair: &[char]| pair[1] as i64 - pair[0] as i64 == by;
    piece.windows(2).all(steps(1)) || piece.windows(2).all(steps(-1))
}

fn is_number(text: &str, digits: RangeInclusive<usize>, value: RangeInclusive<u32>) -> bool {
    digits.contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_digit())
        && text.parse().is_ok_and(|number| value.contains(&number))
}

fn is_year(text: &str) -> bool {
    is_number(text, 4..=4, 1900..=2039)
}

/// A day, a month and a year, the year first or last, with or without separators.
fn is_date(text: &str) -> bool {
    let year = |text: &str| is_year(text) || is_number(text, 2..=2, 0..=99);
    let day = |text: &str| is_number(text, 1..=2, 1..=31);
    let month = |text: &str| is_number(text, 1..=2, 1..=12);
    let day_and_month = |one: &str, two: &str| day(one) && month(two) || month(one) && day(two);
    let date = |[one, two, three]: [&str; 3]| {
        day_and_month(one, two) && year(three) || year(one) && day_and_month(two, three)
    };
    let cut = |one, two| Some([text.get(..one)?, text.get(one..two)?, text.get(two..)?]);
    let parts: Vec<&str> = text.splitn(4, ['.', '-', '/', ' ']).collect();
    <[&str; 3]>::try_from(parts).is_ok_and(date)
        || cut(2, 4).is_some_and(date)
        || cut(4, 6).is_some_and(date)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PERSONAL_WORDS: [&str; 5] = [
        "ada.lovelace@example.com",
        "ada",
        "lovelace",
        "example",
        "doorward",
    ];

    fn is_weak(password: &str) -> bool {
        guesses(password, &PERSONAL_WORDS) < 80
    }

    #[test]
    fn the_list_is_folded_sorted_and_found_line_by_line() {
        let lines: Vec<&str> = COMMON.lines().collect();
        assert!(lines.is_sorted() && COMMON.is_ascii() && COMMON.ends_with('\n'));
        for line in lines {
            assert!(line.chars().all(|sign| folded(sign) == sign), "{line}");
            assert!(is_common(line) && line.len() >= 4, "{line}");
        }
        for absent in ["", "\n", " ", "passwor\n", "zzzzzzzzzzzzzzzzz", "ключ"] {
            assert!(!is_common(absent), "{absent}");
        }
    }

    #[test]
    fn common_passwords_are_weak_and_so_with_one_more_character() {
        for line in COMMON.lines().filter(|line| line.len() >= 12) {
            assert!(is_weak(line), "{line}");
        }
        // A sample: without optimisation scoring is slow.
        for line in COMMON.lines().step_by(50) {
            assert!(is_weak(&format!("{line}7")), "{line}7");
            assert!(is_weak(&format!("{line}!")), "{line}!");
        }
    }

    #[test]
    fn each_kind_of_piece_has_its_price() {
        for (piece, price) in [
            ("", 0),
            ("x", CHARACTER),
            ("xw", 2 * CHARACTER),
            ("Lovelace", PERSONAL),
            ("ecalevol", PERSONAL),
            ("l0v3l4c3", PERSONAL),
            ("bcdefghijklm", RUN),
            ("98765432", RUN),
            ("абвгдежз", RUN),
            ("sdfghjkl", RUN),
            ("POIUYTREWQ", RUN),
            ("фывапролд", RUN),
            ("1987", YEAR),
            ("1850", 4 * CHARACTER),
            ("dragon", WORD),
            ("NOGARD", WORD),
            ("p4$$w0rd", WORD),
            ("22.11.1987", DATE),
            ("2026-11-22", DATE),
            ("11/22/87", DATE),
            ("22111987", DATE),
            ("871122", DATE),
            ("95/68/37", 8 * CHARACTER),
            ("kkkkkkkkkkkk", CHARACTER + 9),
            ("k.wk.wk.wk.", 3 * CHARACTER + 6),
        ] {
            assert_eq!(guesses(piece, &PERSONAL_WORDS), price, "{piece}");
        }
    }

    #[test]
    fn variations_of_one_word_are_weak() {
        for weak in [
            "aaaaaaaaaaaa",
            "abcabcabcabc",
            "qwertyqwerty",
            "qwertyuiopasdfghjkl",
            "1qaz2wsx3edc4rfv",
            "123456789012",
            "112233445566",
            "!@#$%^&*()_+",
            "Summer2026!!",
            "P@ssw0rd2026",
            "Passw0rd1234!",
            "drowssap1234",
            "DragonMaster",
            "iloveyouiloveyou",
            "password-password",
            "ада-ада-ада-ада-ада",
            "doorwarddoorward",
            "lovelacelovelace",
            "AdaLovelace1815!",
            "Ada.Lovelace@Example.com",
            "lovelace22111987",
            "22.11.1987-22.11.1987",
            "🔑🔑🔑🔑🔑🔑🔑🔑🔑🔑🔑🔑",
        ] {
            assert!(is_weak(weak), "{weak}");
        }
    }

    #[test]
    fn random_passwords_and_own_sentences_are_strong() {
        for strong in [
            "correct horse battery staple",
            "violin tractor mosquito",
            "gravelmittenotter",
            "q8#Lw2vRz!pK",
            "mzkqhwtbxvfj",
            "593027184606",
            "за рекой поют петухи",
            "古池や蛙飛びこむ水の音",
            "🦀🔑🌙🍉🚲🎻🐢📎🧊🌋🥁🪁",
        ] {
            assert!(!is_weak(strong), "{strong}");
        }
    }

    #[test]
    fn the_work_is_bounded_whatever_is_typed() {
        let longest = [
            "1!l".repeat(99),
            "a".repeat(256),
            "İßﬃ".repeat(99),
            "e\u{301}\u{200d}\0\n".repeat(64),
            "\u{10ffff}\u{d7ff}".repeat(128),
            "01.02".repeat(51),
        ];
        for text in &longest {
            guesses(text, &[text, ""]);
        }
        let (mut pieces, characters) = (0, ['x'; SCORED_CHARACTERS]);
        cheapest(&characters, |_| {
            pieces += 1;
            None
        });
        assert_eq!(pieces, 32 * 33 / 2);
    }
}
