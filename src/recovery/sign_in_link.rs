//! Signing in by mail: a link signs in the browser that asked for it, and shows a code in any other.
//!
//! A mail scanner opens links and presses buttons, and an attacker can ask for a link to somebody
//! else's account: possession of the address of a link alone never signs in. The code follows from
//! the token by a key of this instance, so that showing it changes nothing.

use aws_lc_rs::{constant_time, hmac};
use secrecy::ExposeSecret;

use super::store::{self, Content};
use super::{MINUTE, Purpose, Recovery, binding, hash, issue, owner};
use crate::accounts::{self, Account, Credentials, Proved};
use crate::base::event::{Action, Event};
use crate::base::fault::Fault;
use crate::base::ids::SessionId;
use crate::base::input::Refusals;
use crate::base::names::Email;
use crate::base::secret::{InstanceSecret, Purpose as KeyPurpose};
use crate::sessions::{Client, ClientKind, Grant, NotSignedIn, Persistence, Sessions};
use crate::storage::Tx;

pub const SIGN_IN_MINUTES: i64 = 10;
/// Wrong codes that revoke a link.
const WRONG_CODES_MAX: i64 = 5;
/// Without 0 and O, 1, I and L.
const ALPHABET: &[u8; 31] = b"23456789ABCDEFGHJKMNPQRSTUVWXYZ";
const CODE_CHARS: usize = 8;

/// What a link does in the browser in which it was opened.
#[derive(Debug)]
pub enum Opened {
    /// It was asked for here: it signs in to this account.
    Here(Box<Account>),
    /// The code to type in the browser that asked.
    Elsewhere(Code),
}

/// A code, as it is typed: eight characters.
#[derive(Clone, PartialEq, Eq)]
pub struct Code(String);

impl Code {
    /// Spaces, hyphens and lower case are accepted.
    ///
    /// # Errors
    /// When it cannot be a code.
    pub fn parse(text: &str) -> Result<Self, Refusals> {
        let is_between = |c: &char| c.is_whitespace() || matches!(c, '-' | '\u{2010}'..='\u{2015}');
        let code: String = text
            .chars()
            .filter(|c| !is_between(c))
            .map(|c| c.to_ascii_uppercase())
            .collect();
        if code.len() == CODE_CHARS && code.bytes().all(|byte| ALPHABET.contains(&byte)) {
            Ok(Self(code))
        } else {
            let words = "Enter the eight characters of the code, which are letters and digits";
            Err(Refusals::of("code", words))
        }
    }

    /// In two groups of four.
    pub fn grouped(&self) -> String {
        let (one, other) = self.0.split_at(CODE_CHARS / 2);
        format!("{one} {other}")
    }
}

impl std::fmt::Debug for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Code([secret])")
    }
}

/// Makes the codes of links.
#[derive(Clone)]
pub struct Codes(hmac::Key);

impl Codes {
    pub fn new(secret: &InstanceSecret) -> Self {
        Self(secret.mac_key(KeyPurpose::MailCodes))
    }

    /// The code of the link with this hash.
    fn of(&self, hash: &[u8]) -> Code {
        let tag = hmac::sign(&self.0, hash);
        let mut rest = tag.as_ref()[..8]
            .iter()
            .fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
        let base = ALPHABET.len() as u64;
        let code = (0..CODE_CHARS).map(|_| {
            let at = (rest % base) as usize;
            rest /= base;
            char::from(ALPHABET[at])
        });
        Code(code.collect())
    }

    fn is_of(&self, typed: &Code, hash: &[u8]) -> bool {
        let right = self.of(hash);
        constant_time::verify_slices_are_equal(right.0.as_bytes(), typed.0.as_bytes()).is_ok()
    }
}

impl Recovery {
    /// A link for a browser. It replaces the one of the same browser: another browser that asks
    /// again and again does not revoke it. An address without an active account gets one too, which
    /// is never sent: a wrong code costs the same whether the account exists or not.
    pub(super) fn issue_sign_in(
        &self,
        tx: &mut Tx<'_>,
        email: &Email,
        browser: &[u8],
        found: Option<&Credentials>,
    ) -> Result<String, Fault> {
        let email = email.key();
        store::delete_of_browser(tx, browser, &email, Purpose::SignIn)?;
        let found = found.filter(|found| found.account.is_active());
        if let Some(found) = found {
            tx.record(Event::done(Action::AskForSignIn).about(found.account.id));
        }
        let content = Content {
            account: found.map(|found| found.account.id),
            email: Some(email),
            bound_to: found.map(binding),
            browser: Some(browser.to_vec()),
            ..Content::default()
        };
        let ends_at = tx.now() + SIGN_IN_MINUTES * MINUTE;
        let token = issue(tx, Purpose::SignIn, ends_at, content)?;
        Ok(token.expose_secret().to_owned())
    }

    /// What a link does in a browser, given by its cookie; `None` if the link is not valid. Does
    /// not use it up.
    pub async fn open_sign_in(
        &self,
        token: &str,
        browser: Option<&str>,
    ) -> Result<Option<Opened>, Fault> {
        let (token, browser) = (hash(token), browser.map(hash));
        let found = self.db.read(move |db| {
            let now = db.now();
            let Some(found) = store::find(db, &token, Purpose::SignIn, now)? else {
                return Ok::<_, Fault>(None);
            };
            let owner = owner(db, &found.content)?;
            Ok(owner.map(|owner| (owner.account, found)))
        });
        Ok(found.await?.map(|(account, found)| {
            if browser.is_some() && browser == found.content.browser {
                Opened::Here(Box::new(account))
            } else {
                Opened::Elsewhere(self.codes.of(&found.hash))
            }
        }))
    }

    /// Signs in the browser that asked for a link, by the link. Of several concurrent uses, one
    /// succeeds.
    ///
    /// # Errors
    /// [`NotSignedIn::Ended`] also in another browser; then the link is not used up.
    pub async fn sign_in_by_link(
        &self,
        sessions: &Sessions,
        (token, browser): (&str, &str),
        who: (Client, Persistence),
        before: Option<SessionId>,
    ) -> Result<Grant, NotSignedIn> {
        let (token, browser) = (hash(token), hash(browser));
        self.sign_in(sessions, (token, browser), who, before).await
    }

    /// Signs in the browser that asked for a link, by the code that the link shows elsewhere. The
    /// fifth wrong code revokes the link.
    ///
    /// # Errors
    /// [`NotSignedIn::Ended`] for every wrong code.
    pub async fn sign_in_by_code(
        &self,
        sessions: &Sessions,
        (code, browser): (Code, &str),
        who: (Client, Persistence),
        before: Option<SessionId>,
    ) -> Result<Grant, NotSignedIn> {
        let browser = hash(browser);
        let token = self.check_code(code, browser.clone()).await?;
        let token = token.ok_or(NotSignedIn::Ended)?;
        self.sign_in(sessions, (token, browser), who, before).await
    }

    /// The hash of the link that the code belongs to.
    async fn check_code(&self, code: Code, browser: Vec<u8>) -> Result<Option<Vec<u8>>, Fault> {
        let asked = browser.clone();
        let has_asked = self.db.read(move |db| {
            let now = db.now();
            let found = store::find_of_browser(db, &asked, Purpose::SignIn, now)?;
            Ok::<_, Fault>(!found.is_empty())
        });
        if !has_asked.await? {
            return Ok(None);
        }
        let codes = self.codes.clone();
        self.db
            .write(move |tx| {
                // Before the comparison: concurrent codes are counted one after the other.
                store::count_code(tx, &browser, Purpose::SignIn)?;
                let now = tx.now();
                let found = store::find_of_browser(tx, &browser, Purpose::SignIn, now)?;
                let right = found.iter().find(|found| codes.is_of(&code, &found.hash));
                if let Some(right) = right {
                    return Ok(Some(right.hash.clone()));
                }
                for Content { account, email, .. } in found.into_iter().map(|found| found.content) {
                    let refused = Event::refused(Action::SignIn).with("cause", "wrong code");
                    tx.record(match account {
                        Some(id) => refused.about(id),
                        None => refused.by_unknown_name(email.unwrap_or_default()),
                    });
                }
                store::delete_guessed(tx, &browser, Purpose::SignIn, WRONG_CODES_MAX)?;
                Ok(None)
            })
            .await
    }

    async fn sign_in(
        &self,
        sessions: &Sessions,
        (token, browser): (Vec<u8>, Vec<u8>),
        (client, stay): (Client, Persistence),
        before: Option<SessionId>,
    ) -> Result<Grant, NotSignedIn> {
        let looked = token.clone();
        let found = self.db.read(move |db| {
            let now = db.now();
            store::find(db, &looked, Purpose::SignIn, now)
        });
        let found = found.await?.and_then(|found| found.content.account);
        let account = found.ok_or(NotSignedIn::Ended)?;
        let prove = move |tx: &mut Tx<'_>| {
            // The account first: two concurrent uses must not wait for each other's row.
            accounts::lock_active(tx, account)?.ok_or(NotSignedIn::Ended)?;
            let now = tx.now();
            let used = store::use_up(tx, &token, Purpose::SignIn, now)?;
            let used = used.filter(|used| used.content.browser.as_ref() == Some(&browser));
            let used = used.ok_or(NotSignedIn::Ended)?;
            let found = owner(tx, &used.content)?.ok_or(NotSignedIn::Ended)?;
            // Its owner has read the message.
            accounts::verify_email(tx, account, now)?;
            Ok(Proved::by_mail(found))
        };
        let who = (ClientKind::Browser, client);
        sessions.start_by(prove, who, stay, before).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_read_as_people_type_it() {
        let codes = Codes::new(&InstanceSecret::generate());
        let code = codes.of(b"one");
        let shown = code.grouped();
        assert_eq!(shown.len(), 9);
        let typed = shown.to_lowercase();
        for typed in [
            &typed,
            &typed.replace(' ', ""),
            &typed.replace(' ', "-"),
            &format!(" {} ", typed.replace(' ', "\u{2013}")),
        ] {
            assert_eq!(Code::parse(typed).ok(), Some(code.clone()), "{typed}");
        }
        assert!(codes.is_of(&code, b"one") && !codes.is_of(&code, b"two"));
        let other = Codes::new(&InstanceSecret::generate());
        assert!(!other.is_of(&code, b"one"));
        for bad in [
            "",
            "ABCD",
            "ABCD EFG0",
            "ABCD EFGHJ",
            "ABCDEFGé",
            "ABCD EFG!",
        ] {
            assert!(Code::parse(bad).is_err(), "{bad}");
        }
    }
}
