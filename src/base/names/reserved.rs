//! Usernames that look as if they belonged to the site itself.

use super::{Refusal, Username};

pub const RESERVED: &str = "This username is reserved. Choose another one";

/// Without the signs that `compared` leaves out, sorted. From RFC 2142 (mailboxes of a domain),
/// the accounts of common systems, words that programs read as "nobody" or "myself", and the
/// addresses of this site.
const PRIVILEGED: [&str; 103] = [
    "abuse",
    "access",
    "account",
    "accounts",
    "admin",
    "administration",
    "administrator",
    "administrators",
    "admins",
    "all",
    "anonymous",
    "api",
    "apps",
    "assets",
    "audit",
    "auth",
    "backup",
    "billing",
    "bin",
    "bot",
    "compliance",
    "contact",
    "daemon",
    "dashboard",
    "docs",
    "doorward",
    "everybody",
    "everyone",
    "example",
    "false",
    "files",
    "ftp",
    "guest",
    "help",
    "helpdesk",
    "hostmaster",
    "info",
    "inspect",
    "legal",
    "localhost",
    "login",
    "logout",
    "mail",
    "mailerdaemon",
    "marketing",
    "me",
    "moderator",
    "moderators",
    "myself",
    "nan",
    "news",
    "nil",
    "nobody",
    "noc",
    "none",
    "noreply",
    "notifications",
    "null",
    "oauth",
    "oauth2",
    "official",
    "operator",
    "owner",
    "password",
    "payments",
    "postmaster",
    "privacy",
    "public",
    "register",
    "robot",
    "root",
    "sales",
    "security",
    "self",
    "service",
    "settings",
    "share",
    "shares",
    "signin",
    "signout",
    "signup",
    "site",
    "ssladmin",
    "sslwebmaster",
    "staff",
    "static",
    "status",
    "superuser",
    "support",
    "sysadmin",
    "system",
    "team",
    "true",
    "trustee",
    "undefined",
    "usenet",
    "user",
    "users",
    "uucp",
    "verify",
    "webmaster",
    "wellknown",
    "www",
];

/// The names that only an administrator can assign: those above, and those of the settings.
#[derive(Clone, Debug, Default)]
pub struct ReservedNames(Vec<String>);

impl ReservedNames {
    /// From usernames with commas between them.
    pub fn parse(text: &str) -> Option<Self> {
        let names = text
            .split(',')
            .map(str::trim)
            .filter(|name| !name.is_empty());
        let keys = names.map(|name| Username::parse(name).ok().map(|name| compared(&name)));
        keys.collect::<Option<_>>().map(Self)
    }

    /// # Errors
    /// Whether only an administrator can assign this name.
    pub fn check(&self, name: &Username) -> Result<(), Refusal> {
        let key = compared(name);
        if PRIVILEGED.binary_search(&key.as_str()).is_ok() || self.0.contains(&key) {
            Err(RESERVED.into())
        } else {
            Ok(())
        }
    }
}

/// Dots, hyphens and underscores do not make two names look different enough: `no-reply`, `_root`.
/// Short names keep them, because they can be a person's initials.
fn compared(name: &Username) -> String {
    let key = name.key();
    let letters: String = key.chars().filter(char::is_ascii_alphanumeric).collect();
    if letters.len() > 3 { letters } else { key }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn privileged_names_and_those_of_the_settings_are_reserved_however_they_are_written() {
        assert!(PRIVILEGED.is_sorted());
        let names = ReservedNames::parse(" Acme, the.boss,").unwrap();
        let is_reserved = |name: &str| names.check(&Username::parse(name).unwrap()).is_err();
        for name in [
            "admin",
            "ADMIN",
            "ａｄｍｉｎ",
            "Ad.min",
            "admin_",
            "root",
            "me",
            "NULL",
            "no-reply",
            "noreply",
            "mailer-daemon",
            "postmaster",
            "acme",
            "ac-me",
            "theboss",
            "www",
        ] {
            assert!(is_reserved(name), "{name}");
        }
        for name in [
            "ada",
            "m.e",
            "administratrix",
            "rooty",
            "null1",
            "n.o.c",
            "acme2",
        ] {
            assert!(!is_reserved(name), "{name}");
        }
        assert!(ReservedNames::parse("a b").is_none());
    }
}
