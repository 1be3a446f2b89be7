//! The rules for every text that a person types, and how two texts are compared.

use icu_casemap::CaseMapper;
use icu_properties::props::{
    BinaryProperty, DefaultIgnorableCodePoint, EnumeratedProperty, GeneralCategory,
};
use unicode_normalization::UnicodeNormalization;

use super::Refusal;

/// The key of a name: equal for two texts that differ in case or in compatibility forms only
/// (Unicode, section 3.13.5, D146). `ß` is `ss`, every sigma is `σ`, and the dotless `ı` differs
/// from `i`, regardless of language.
pub fn caseless(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    let fold = |text: String| CaseMapper::new().fold_string(&text).into_owned();
    let canonical = fold(text.nfd().collect());
    fold(canonical.nfkd().collect()).nfkc().collect()
}

/// The form in which texts are searched, without regard to case. Folded letter by letter, so that a
/// part of a text is folded as within the whole: at the end of a word, Σ would become another
/// letter.
pub fn folded(text: &str) -> String {
    text.nfc().flat_map(char::to_lowercase).collect()
}

/// Whether a character has a glyph of its own. Marks, joiners and variation selectors only change
/// the glyph of another one.
pub(super) fn is_visible(c: char) -> bool {
    use GeneralCategory as G;
    // Neither is ignorable, and fonts draw nothing for them: a Braille cell without dots, and a
    // note without a head.
    let is_blank = matches!(c, '\u{2800}' | '\u{1d159}');
    let category = GeneralCategory::for_char(c);
    let shows_nothing = matches!(
        category,
        G::Control
            | G::Format
            | G::SpaceSeparator
            | G::LineSeparator
            | G::ParagraphSeparator
            | G::NonspacingMark
    );
    !is_blank && !shows_nothing && !DefaultIgnorableCodePoint::for_char(c)
}

/// Whether a character is visible even as the only one. Unassigned and private-use characters show
/// what the font has, which is often nothing, and a mark needs a letter.
fn stands_alone(c: char) -> bool {
    use GeneralCategory as G;
    let needs_more = matches!(
        GeneralCategory::for_char(c),
        G::Unassigned | G::PrivateUse | G::SpacingMark | G::EnclosingMark
    );
    is_visible(c) && !needs_more
}

/// Whether anything is visible. Texts that people click on or distinguish need this.
pub fn has_visible(text: &str) -> bool {
    text.chars().any(stands_alone)
}

/// Whether a non-spacing mark belongs to the letter before it, as in many scripts of India.
pub(super) fn is_mark(c: char) -> bool {
    GeneralCategory::for_char(c) == GeneralCategory::NonspacingMark
        && !DefaultIgnorableCodePoint::for_char(c)
}

/// Control characters, and those that change the direction of the text around them.
pub(super) fn is_unprintable(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{206f}' | '\u{fff9}'..='\u{fffb}')
}

/// A text that a terminal, a log or a page shows as one line: unprintable characters are replaced
/// by `\u{fffd}`.
pub fn printable(text: &str) -> String {
    text.chars()
        .map(|c| if is_unprintable(c) { '\u{fffd}' } else { c })
        .collect()
}

/// A name or an address without the spaces and invisible characters that copying adds around it.
/// Full-width letters, as East Asian keyboards write them, become ASCII.
pub(super) fn identifier(text: &str) -> String {
    let is_invisible = |c: char| !(c.is_control() || is_visible(c) || is_mark(c));
    let copied = |c: char| c.is_whitespace() || is_invisible(c);
    let narrow = |c: char| match c {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(c as u32 - 0xfee0).unwrap_or(c),
        c => c,
    };
    text.trim_matches(copied)
        .chars()
        .map(narrow)
        .nfc()
        .collect()
}

/// One line of any language, without the spaces around it and in normal form C; it may be empty.
/// `what` names it in a refusal.
pub(super) fn line(text: &str, what: &str, max: usize) -> Result<String, Refusal> {
    // Not every invisible character: the last one of a text can be part of an emoji.
    let copied = |c: char| c.is_whitespace() || matches!(c, '\u{200b}' | '\u{2060}' | '\u{feff}');
    let text: String = text.trim_matches(copied).nfc().collect();
    if text.chars().count() > max {
        return Err(format!("{what} must be {max} characters or fewer").into());
    }
    if text.chars().any(is_unprintable) {
        return Err(format!(
            "{what} must be plain text on one line, without control characters or characters that \
             change the direction of text"
        )
        .into());
    }
    if !text.is_empty() && !has_visible(&text) {
        return Err(format!("{what} must have at least one visible character").into());
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_ignore_case_and_compatibility_forms_in_every_script() {
        for (one, other) in [
            ("STRASSE", "straße"),
            ("ẞ", "ss"),
            ("ΟΔΟΣ", "οδος"),
            ("e\u{301}", "É"),
            ("ﬁn", "FIN"),
            ("ａｄａ", "Ada"),
            ("\u{ab70}", "\u{13a0}"),
            ("ŉ", "ʼN"),
            ("İ", "i\u{307}"),
            ("\u{1fbe}", "Ι"),
        ] {
            assert_eq!(caseless(one), caseless(other), "{one} {other}");
        }
        assert_ne!(caseless("ısık"), caseless("isik"));
        for c in ('\0'..='\u{2ffff}').filter(|c| c.is_alphanumeric()) {
            let key = caseless(&c.to_string());
            assert_eq!(caseless(&key), key, "{c:?}");
            // No new name finds an account that still has the key of an older version.
            assert_eq!(caseless(&folded(&c.to_string())), key, "{c:?}");
        }
    }

    #[test]
    fn blank_characters_are_not_visible_and_letters_are() {
        for blank in [
            "",
            " ",
            "\u{a0}",
            "\u{ad}",
            "\u{34f}",
            "\u{115f}",
            "\u{1160}",
            "\u{17b4}",
            "\u{180e}",
            "\u{200b}",
            "\u{200d}\u{200c}",
            "\u{200e}",
            "\u{2028}",
            "\u{2060}",
            "\u{2800}",
            "\u{3000}",
            "\u{3164}",
            "\u{fe0f}",
            "\u{feff}",
            "\u{ffa0}",
            "\u{301}",
            "\u{1d159}",
            "\u{e0041}",
            "\u{e0100}",
            "\u{378}",
            "\u{fdd0}",
            "\u{e000}",
            "\u{10fffd}",
            "\u{903}",
            "\u{20dd}",
        ] {
            assert!(!has_visible(blank), "{blank:?}");
        }
        for shown in [
            "a",
            "-",
            "é",
            "字",
            "👩\u{200d}👩\u{200d}👧",
            "🏴\u{e0067}\u{e0062}\u{e007f}",
            "❤\u{fe0f}",
            "می\u{200c}خواهم",
            "हिन्दी",
            "ㅤx",
            "1\u{fe0f}\u{20e3}",
            "…",
            "·",
        ] {
            assert!(has_visible(shown), "{shown:?}");
            assert_eq!(
                line(shown, "X", 20).unwrap(),
                shown.nfc().collect::<String>()
            );
        }
    }

    #[test]
    fn a_line_is_trimmed_and_refused_with_what_would_do() {
        let line = |text| line(text, "Title", 9);
        assert_eq!(line("\u{feff} a\u{a0}b\u{200b}\n").unwrap(), "a\u{a0}b");
        assert_eq!(line(" \u{200b} ").unwrap(), "");
        for (bad, why) in [
            ("0123456789", "9 characters or fewer"),
            ("a\tb", "control characters"),
            ("\u{202e}a", "direction"),
            ("\u{3164}\u{2800}", "visible"),
        ] {
            assert!(line(bad).unwrap_err().contains(why), "{bad:?}");
        }
    }
}
