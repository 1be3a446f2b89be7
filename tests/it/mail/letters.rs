//! What the letters say, and how.

use std::fmt::Write;

use doorward::mail::{Letter, Notice, Origin};

use crate::chromium::page_checks::html_errors;
use crate::support::{Door, NOON};

const TOKEN: &str = "canary-token-canary-token-canary-token-canary";

/// A sample of each kind of letter, one after the other: a new kind has to be put in between.
fn next(letter: &Letter) -> Option<Letter> {
    let token = TOKEN.to_owned();
    let from = Origin {
        address: Some("192.0.2.7".to_owned()),
        device: Some("Firefox\r\n\r\non Linux".to_owned()),
        by_operator: false,
    };
    Some(match letter {
        Letter::ResetPassword { .. } => Letter::NoAccount,
        Letter::NoAccount => Letter::AccountDisabled,
        Letter::AccountDisabled => Letter::SignIn { token },
        Letter::SignIn { .. } => Letter::ConfirmSignUp { token },
        Letter::ConfirmSignUp { .. } => Letter::HasAccount,
        Letter::HasAccount => Letter::ConfirmEmail { token },
        Letter::ConfirmEmail { .. } => Letter::EmailChanged {
            token: Some(token),
            at: NOON,
            from,
        },
        Letter::EmailChanged { token: Some(_), .. } => Letter::EmailChanged {
            token: None,
            at: NOON,
            from,
        },
        Letter::EmailChanged { token: None, .. } => Letter::Invitation {
            token,
            ends_at: NOON + 7 * 86_400,
        },
        Letter::Invitation { .. } => Letter::Notice {
            what: Notice::NewDevice,
            token: Some(token),
            at: NOON,
            from,
        },
        Letter::Notice { what, .. } => match next_notice(what) {
            Some(what) => Letter::Notice {
                token: (what != Notice::AccountDisabled).then_some(token),
                what,
                at: NOON,
                from: Origin {
                    by_operator: true,
                    address: None,
                    device: None,
                },
            },
            None => Letter::Test,
        },
        Letter::Test => return None,
    })
}

fn next_notice(what: &Notice) -> Option<Notice> {
    Some(match what {
        Notice::NewDevice => Notice::PasswordChanged,
        Notice::PasswordChanged => Notice::RoleChanged {
            role: "administrator".to_owned(),
        },
        Notice::RoleChanged { .. } => Notice::AccountDisabled,
        Notice::AccountDisabled => Notice::AccountEnabled,
        Notice::AccountEnabled => Notice::Exported,
        Notice::Exported => return None,
    })
}

#[test]
fn every_letter_says_who_writes_and_what_to_do() {
    let first = Letter::ResetPassword {
        token: TOKEN.to_owned(),
    };
    let letters: Vec<_> = std::iter::successors(Some(first), next).collect();
    let addresses: Vec<_> = (0..letters.len())
        .map(|n| format!("a{n:02}@example.com"))
        .collect();
    let settings = [
        ("base_url", "https://door.example"),
        ("site.name", "Gärten & Söhne"),
        ("passwords.bcrypt_cost", "10"),
    ];
    let door = Door::with(&settings);
    door.post(addresses.iter().map(String::as_str).zip(letters));
    door.wait_for_mail();
    let mut sent = door.letters();
    assert_eq!(sent.len(), addresses.len());
    sent.sort_by(|one, other| one.to.cmp(&other.to));

    let mut all = String::new();
    let mut pages = Vec::new();
    for letter in &sent {
        writeln!(all, "Subject: {}\n\n{}\n", letter.subject, letter.text).unwrap();
        all += &"=".repeat(76);
        all.push('\n');
        // RFC 5322, section 2.1.1; a link is not broken.
        for line in letter.text.lines() {
            assert!(
                line.chars().count() < 78 || line.starts_with("https://"),
                "{line}"
            );
        }
        assert!(!letter.text.starts_with('\n') && !letter.text.contains("\n\n\n"));
        let signature = "\n\n-- \nGärten & Söhne\nhttps://door.example";
        assert!(letter.text.ends_with(signature), "{}", letter.text);
        // It says the same.
        let html = scraper::Html::parse_document(&letter.html);
        let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        let body = scraper::Selector::parse("body").unwrap();
        let shown: String = html.select(&body).next().unwrap().text().collect();
        let told = format!("{} {}", letter.subject, letter.text.replace("-- ", ""));
        // A line that is broken in HTML has no space there.
        let without_spaces = |text: &str| words(text).replace(' ', "");
        assert_eq!(without_spaces(&shown), without_spaces(&told));
        for heavy in ["<img", "<style", "<script", "color:", "http:"] {
            assert!(!letter.html.contains(heavy), "{heavy} in {}", letter.html);
        }
        assert!(letter.raw.is_ascii());
        assert!(
            letter
                .raw
                .split("\r\n")
                .all(|line| line.len() < 79 && !line.contains('\n'))
        );
        pages.push((letter.to.replace('@', "-"), letter.html.clone()));
    }
    insta::assert_snapshot!(all);
    let errors = html_errors(&pages).unwrap_or_default();
    assert!(errors.is_empty(), "{}", errors.join("\n"));
}
