//! The claims of tokens: one type for each kind.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::base::clock::UnixSeconds;
use crate::config::TokensConfig;

/// When and how the owner of an account last authenticated.
#[derive(Clone, Debug)]
pub struct Authentication {
    pub auth_time: UnixSeconds,
    /// RFC 8176.
    pub amr: Vec<String>,
}

/// The claims of an access token: grants its holder a session.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AccessClaims {
    pub iss: String,
    pub aud: String,
    /// The account.
    pub sub: String,
    /// The session that the token belongs to, and ends with.
    pub sid: String,
    pub jti: String,
    pub iat: UnixSeconds,
    pub nbf: UnixSeconds,
    pub exp: UnixSeconds,
    /// When the owner last authenticated.
    pub auth_time: UnixSeconds,
    /// By which methods (RFC 8176).
    pub amr: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// Whether the owner has shown that they receive mail at `email` (OpenID Connect Core, section
    /// 5.1); `None` without an address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email_verified: Option<bool>,
    pub roles: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<String>,
}

impl AccessClaims {
    pub fn authentication(&self) -> Authentication {
        Authentication {
            auth_time: self.auth_time,
            amr: self.amr.clone(),
        }
    }
}

/// The claims of a sign-in link: shows its holder one page, read-only.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LinkClaims {
    pub iss: String,
    pub aud: String,
    pub sub: String,
    pub jti: String,
    pub iat: UnixSeconds,
    pub nbf: UnixSeconds,
    pub exp: UnixSeconds,
    pub auth_time: UnixSeconds,
    pub amr: Vec<String>,
    /// The only path that it opens.
    pub path: String,
}

/// The claims of a share: gives its holder one file, `/s/{id}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ShareClaims {
    pub iss: String,
    pub aud: String,
    /// The account that shares it.
    pub sub: String,
    pub jti: String,
    pub iat: UnixSeconds,
    pub nbf: UnixSeconds,
    pub exp: UnixSeconds,
    /// The only path that it opens.
    pub path: String,
}

/// A kind of token. A token of one kind is never accepted as one of another.
pub trait TokenKind: Serialize + DeserializeOwned {
    /// The header's `typ` (RFC 8725, section 3.11), compared exactly.
    const TYP: &str;
    fn parties(&self) -> (&str, &str);
    fn times(&self) -> Times;
    fn lifetime(lifetimes: &Lifetimes) -> i64;
}

/// The longest lifetime of a token of each kind, in seconds.
#[derive(Clone, Copy)]
pub struct Lifetimes {
    pub access: i64,
    pub link: i64,
    pub share: i64,
}

impl Lifetimes {
    /// The lifetime by the current settings.
    pub fn of(config: &TokensConfig) -> Self {
        Self {
            access: config.access_minutes * 60,
            link: config.link_seconds,
            share: LONGEST_SECONDS,
        }
    }
}

/// The limit for every setting: a key verifies for that long after it last signed.
pub const LONGEST_SECONDS: i64 = 30 * 86_400;

#[derive(Clone, Copy)]
pub struct Times {
    pub iat: UnixSeconds,
    pub nbf: UnixSeconds,
    pub exp: UnixSeconds,
}

macro_rules! token_kind {
    ($claims:ty, $typ:literal, $field:ident) => {
        impl TokenKind for $claims {
            const TYP: &str = $typ;
            fn parties(&self) -> (&str, &str) {
                (&self.iss, &self.aud)
            }
            fn times(&self) -> Times {
                Times {
                    iat: self.iat,
                    nbf: self.nbf,
                    exp: self.exp,
                }
            }
            fn lifetime(lifetimes: &Lifetimes) -> i64 {
                lifetimes.$field
            }
        }
    };
}

token_kind!(AccessClaims, "at+jwt", access);
token_kind!(LinkClaims, "link+jwt", link);
token_kind!(ShareClaims, "share+jwt", share);
