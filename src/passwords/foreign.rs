//! Hashes of other programs. They are stored unchanged, behind a tag of their origin, and replaced
//! by ours when their owner signs in.
//!
//! Note: the parameters are part of the hash and not trusted. They are checked before anything is
//! computed, here and not where a file is read, because a row of the database is trusted no more
//! than a line of a file.

use std::num::NonZeroU32;
use std::ops::RangeInclusive;

use argon2::Argon2;
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::{hmac, pbkdf2};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use sha_crypt::{PasswordVerifier, ShaCrypt};

use super::kind::{Kind, Limits, Method};

/// The limit even with the setting for costly hashes.
const PBKDF2_ITERATIONS_MAX: u32 = 3_000_000;
/// A shorter digest could match by chance.
const DIGEST_BYTES: RangeInclusive<usize> = 16..=128;
/// Twice what any of the known programs writes.
const TEXT_MAX_BYTES: usize = 512;
/// The work of SHA-crypt grows with the password; real passwords are shorter than this.
const SHA_CRYPT_USUAL_PASSWORD_BYTES: usize = 128;

/// The alphabets in the order of their values, for bcrypt and for crypt(3).
const BCRYPT_ALPHABET: &str = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const CRYPT_ALPHABET: &str = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const BCRYPT_SALT_CHARACTERS: usize = 22;
const BCRYPT_CHARACTERS: usize = 53;
const CRYPT_SALT_CHARACTERS: RangeInclusive<usize> = 1..=16;

/// Why a hash is not imported. The message says only the kind of the hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// It may be a plaintext password.
    #[error("its password_hash is not a hash; {ACCEPTED}")]
    NoHash,
    #[error("its hash is of an unknown kind; {ACCEPTED}")]
    Unknown,
    #[error("its hash is damaged or cut off; export it again, whole")]
    Damaged,
    #[error(
        "its hash is too fast to protect the password (MD5, SHA-1, {{SSHA}} and the like, or fewer \
         than 1000 rounds); {ACCEPTED}. Give this account a new password: \
         `doorward account add`, or let its owner sign up"
    )]
    TooWeak,
    #[error(
        "its hash ({0}) takes more work than the limit (bcrypt cost 14, PBKDF2 1300000 iterations, \
         scrypt 128 MB, Argon2 64 MB in 4 passes, SHA-crypt 1000000 rounds); the setting \
         import.costly_hashes = true allows it"
    )]
    AboveLimit(Kind),
    #[error(
        "its hash takes more than two seconds or 256 MB to verify, which no setting allows; \
         give this account a new password: `doorward account add`, or let its owner sign up"
    )]
    TooCostly,
    #[error(
        "it has no password that could be used (its hash begins with ! or *); \
         give this account one: `doorward account add`, or let its owner sign up"
    )]
    NoPassword,
}

const ACCEPTED: &str = "accepted are bcrypt, PBKDF2, scrypt, Argon2 and SHA-crypt ($5$, $6$) hashes \
                        as Werkzeug, Django, passlib, PHP and crypt(3) write them";

pub struct Foreign {
    /// Including its colon.
    pub tag: &'static str,
    pub kind: Kind,
    how: How,
}

enum How {
    Bcrypt {
        before: Before,
        hash: String,
    },
    ShaCrypt(String),
    Derived {
        version: argon2::Version,
        salt: Vec<u8>,
        digest: Vec<u8>,
    },
}

/// What is done to the password before bcrypt.
enum Before {
    Nothing,
    HexSha256,
    Base64Sha256,
    /// HMAC under this key.
    Base64HmacSha256(String),
}

const WERKZEUG: &str = "werkzeug:";
const DJANGO: &str = "django:";
const BCRYPT: &str = "bcrypt:";
const ARGON2: &str = "argon2:";
const PASSLIB: &str = "passlib:";
const CRYPT: &str = "crypt:";

impl Foreign {
    /// From a stored hash; `None` for one of our own, or one that cannot be verified.
    pub fn stored(text: &str) -> Option<Self> {
        let text = [WERKZEUG, DJANGO, BCRYPT, ARGON2, PASSLIB, CRYPT]
            .iter()
            .find_map(|tag| text.strip_prefix(tag))?;
        Self::parse(text).ok()
    }

    /// From a hash of another program, up to [`Limits::MOST`].
    pub fn parse(text: &str) -> Result<Self, Unusable> {
        if text.len() > TEXT_MAX_BYTES {
            return Err(Unusable::Unknown);
        }
        if !text.contains('$') {
            return Err(unknown(text));
        }
        // LDAP and Dovecot name the scheme in front: {CRYPT}$6$…, {BLF-CRYPT}$2y$…
        let bare = text.strip_prefix('{').and_then(|rest| rest.split_once('}'));
        let text = bare.map_or(
            text,
            |(_, rest)| if rest.starts_with('$') { rest } else { text },
        );
        let head = text.split(['$', ':']).next().unwrap_or_default();
        let id = text.split('$').nth(1).unwrap_or_default();
        let (tag, read) = match (head, id) {
            ("scrypt", _) if text.starts_with("scrypt:") => (WERKZEUG, werkzeug_scrypt(text)),
            ("pbkdf2", _) => (WERKZEUG, werkzeug_pbkdf2(text)),
            ("scrypt", _) => (DJANGO, django_scrypt(text)),
            ("pbkdf2_sha256" | "pbkdf2_sha1", _) => (DJANGO, django_pbkdf2(text)),
            ("bcrypt_sha256" | "bcrypt", _) => (DJANGO, django_bcrypt(text)),
            ("argon2", _) => (DJANGO, argon2(&text["argon2".len()..])),
            ("", "2a" | "2b" | "2y") => (BCRYPT, bcrypt(Before::Nothing, text)),
            ("", "argon2d" | "argon2i" | "argon2id") => (ARGON2, argon2(text)),
            ("", "pbkdf2" | "pbkdf2-sha1" | "pbkdf2-sha256" | "pbkdf2-sha512") => {
                (PASSLIB, passlib_pbkdf2(text))
            }
            ("", "scrypt") => (PASSLIB, passlib_scrypt(text)),
            ("", "bcrypt-sha256") => (PASSLIB, passlib_bcrypt_sha256(text)),
            ("", "5" | "6") => (CRYPT, sha_crypt(text)),
            _ => return Err(unknown(text)),
        };
        let (kind, how) = read?;
        if kind.is_useless() {
            Err(Unusable::TooWeak)
        } else if kind.exceeds(&Limits::MOST) {
            Err(Unusable::TooCostly)
        } else {
            Ok(Self { tag, kind, how })
        }
    }

    pub fn is_of(&self, password: &str) -> bool {
        match &self.how {
            How::Bcrypt { before, hash } => match before {
                Before::Nothing => bcrypt::verify(password, hash),
                Before::HexSha256 => bcrypt::verify(hex_sha256(password), hash),
                Before::Base64Sha256 => {
                    bcrypt::verify(STANDARD.encode(digest(&SHA256, password.as_bytes())), hash)
                }
                Before::Base64HmacSha256(key) => {
                    let key = hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes());
                    let tag = hmac::sign(&key, password.as_bytes());
                    bcrypt::verify(STANDARD.encode(tag), hash)
                }
            }
            .unwrap_or(false),
            How::ShaCrypt(hash) => ShaCrypt::default()
                .verify_password(password.as_bytes(), hash.as_str())
                .is_ok(),
            How::Derived {
                version,
                salt,
                digest,
            } => derive(self.kind, *version, password.as_bytes(), salt, digest.len())
                .is_some_and(|derived| verify_slices_are_equal(&derived, digest).is_ok()),
        }
    }

    /// Whether it takes more work than [`Limits::USUAL`], and must not delay other hashes.
    pub fn is_costly(&self, password: &str) -> bool {
        let is_long = password.len() > SHA_CRYPT_USUAL_PASSWORD_BYTES;
        self.kind.exceeds(&Limits::USUAL) || is_long && matches!(self.how, How::ShaCrypt(_))
    }
}

/// A stored hash that takes the work of this kind and that no password matches; `None` for our own
/// kind.
pub fn stand_in(kind: Kind) -> Option<String> {
    let [a, b, c] = kind.costs;
    let pbkdf2 = |sha: &str| {
        let digest = "00".repeat(b as usize);
        format!("{WERKZEUG}pbkdf2:{sha}:{a}$0123456789abcdef${digest}")
    };
    let argon2 = |algorithm: &str| {
        let digest = STANDARD_NO_PAD.encode([0; 32]);
        format!("{ARGON2}${algorithm}$v=19$m={a},t={b},p={c}$MDEyMzQ1Njc4OWFiY2RlZg${digest}")
    };
    let sha_crypt = |id: u8, length: usize| {
        let digest = ".".repeat(length);
        format!("{CRYPT}${id}$rounds={a}$0123456789abcdef${digest}")
    };
    Some(match kind.method {
        Method::Own => return None,
        Method::Bcrypt => format!("{BCRYPT}{}", super::dummy(a)),
        Method::Pbkdf2Sha1 => pbkdf2("sha1"),
        Method::Pbkdf2Sha256 => pbkdf2("sha256"),
        Method::Pbkdf2Sha384 => pbkdf2("sha384"),
        Method::Pbkdf2Sha512 => pbkdf2("sha512"),
        Method::Scrypt => {
            let digest = "00".repeat(64);
            format!("{WERKZEUG}scrypt:{a}:{b}:{c}$0123456789abcdef${digest}")
        }
        Method::Argon2d => argon2("argon2d"),
        Method::Argon2i => argon2("argon2i"),
        Method::Argon2id => argon2("argon2id"),
        Method::Sha256Crypt => sha_crypt(5, 43),
        Method::Sha512Crypt => sha_crypt(6, 86),
    })
}

fn derive(
    kind: Kind,
    version: argon2::Version,
    password: &[u8],
    salt: &[u8],
    bytes: usize,
) -> Option<Vec<u8>> {
    let ([a, b, c], mut derived) = (kind.costs, vec![0; bytes]);
    let argon2 = |algorithm| {
        let params = argon2::Params::new(a, b, c, None).ok()?;
        Some(Argon2::new(algorithm, version, params))
    };
    let (pbkdf2, argon2) = match kind.method {
        Method::Pbkdf2Sha1 => (Some(pbkdf2::PBKDF2_HMAC_SHA1), None),
        Method::Pbkdf2Sha256 => (Some(pbkdf2::PBKDF2_HMAC_SHA256), None),
        Method::Pbkdf2Sha384 => (Some(pbkdf2::PBKDF2_HMAC_SHA384), None),
        Method::Pbkdf2Sha512 => (Some(pbkdf2::PBKDF2_HMAC_SHA512), None),
        Method::Argon2d => (None, argon2(argon2::Algorithm::Argon2d)),
        Method::Argon2i => (None, argon2(argon2::Algorithm::Argon2i)),
        Method::Argon2id => (None, argon2(argon2::Algorithm::Argon2id)),
        Method::Scrypt => {
            let params = scrypt::Params::new(a.checked_ilog2()? as u8, b, c).ok()?;
            scrypt::scrypt(password, salt, &params, &mut derived).ok()?;
            return Some(derived);
        }
        Method::Own | Method::Bcrypt | Method::Sha256Crypt | Method::Sha512Crypt => return None,
    };
    match (pbkdf2, argon2) {
        (Some(algorithm), _) => {
            pbkdf2::derive(algorithm, NonZeroU32::new(a)?, salt, password, &mut derived);
        }
        (_, argon2) => argon2?
            .hash_password_into(password, salt, &mut derived)
            .ok()?,
    }
    Some(derived)
}

type Read = Result<(Kind, How), Unusable>;

fn derived(method: Method, costs: [u32; 3], salt: &[u8], digest: Option<Vec<u8>>) -> Read {
    let digest = digest.filter(|digest| DIGEST_BYTES.contains(&digest.len()));
    match digest {
        Some(digest) if !salt.is_empty() => Ok((
            Kind { method, costs },
            How::Derived {
                version: argon2::Version::V0x13,
                salt: salt.to_vec(),
                digest,
            },
        )),
        _ => Err(Unusable::Damaged),
    }
}

/// `scrypt:32768:8:1$salt$hex`
fn werkzeug_scrypt(text: &str) -> Read {
    let [method, salt, digest] = parts(text, '$')?;
    let [_, n, r, p] = parts(method, ':')?;
    scrypt(
        number(n)?,
        number(r)?,
        number(p)?,
        salt.as_bytes(),
        from_hex(digest),
    )
}

/// `scrypt$16384$salt$8$5$base64`
fn django_scrypt(text: &str) -> Read {
    let [_, n, salt, r, p, digest] = parts(text, '$')?;
    let digest = STANDARD.decode(digest).ok();
    scrypt(number(n)?, number(r)?, number(p)?, salt.as_bytes(), digest)
}

/// `$scrypt$ln=16,r=8,p=1$salt$base64`
fn passlib_scrypt(text: &str) -> Read {
    let [_, _, params, salt, digest] = parts(text, '$')?;
    let [log_n, r, p] = parts(params, ',')?;
    let n = 1_u32
        .checked_shl(given(log_n, "ln=")?)
        .ok_or(Unusable::TooCostly)?;
    let salt = STANDARD_NO_PAD.decode(salt).unwrap_or_default();
    let digest = STANDARD_NO_PAD.decode(digest).ok();
    scrypt(n, given(r, "r=")?, given(p, "p=")?, &salt, digest)
}

/// `pbkdf2:sha256:600000$salt$hex`
fn werkzeug_pbkdf2(text: &str) -> Read {
    let [method, salt, digest] = parts(text, '$')?;
    let [_, algorithm, iterations] = parts(method, ':')?;
    let method = match algorithm {
        "sha1" => Method::Pbkdf2Sha1,
        "sha256" => Method::Pbkdf2Sha256,
        "sha384" => Method::Pbkdf2Sha384,
        "sha512" => Method::Pbkdf2Sha512,
        _ => return Err(Unusable::Unknown),
    };
    pbkdf2(method, iterations, salt.as_bytes(), from_hex(digest))
}

/// `pbkdf2_sha256$600000$salt$base64`
fn django_pbkdf2(text: &str) -> Read {
    let [algorithm, iterations, salt, digest] = parts(text, '$')?;
    let method = match algorithm {
        "pbkdf2_sha1" => Method::Pbkdf2Sha1,
        _ => Method::Pbkdf2Sha256,
    };
    pbkdf2(
        method,
        iterations,
        salt.as_bytes(),
        STANDARD.decode(digest).ok(),
    )
}

/// `$pbkdf2-sha256$29000$salt$digest`, `$pbkdf2$…` for SHA-1
fn passlib_pbkdf2(text: &str) -> Read {
    let [_, id, iterations, salt, digest] = parts(text, '$')?;
    let method = match id {
        "pbkdf2-sha256" => Method::Pbkdf2Sha256,
        "pbkdf2-sha512" => Method::Pbkdf2Sha512,
        _ => Method::Pbkdf2Sha1,
    };
    // Base64 with a dot for the plus.
    let bytes = |text: &str| STANDARD_NO_PAD.decode(text.replace('.', "+")).ok();
    pbkdf2(
        method,
        iterations,
        &bytes(salt).unwrap_or_default(),
        bytes(digest),
    )
}

/// `bcrypt_sha256$$2b$12$…`, `bcrypt$$2b$12$…`
fn django_bcrypt(text: &str) -> Read {
    match text.split_once('$') {
        Some(("bcrypt", hash)) => bcrypt(Before::Nothing, hash),
        Some((_, hash)) => bcrypt(Before::HexSha256, hash),
        None => Err(Unusable::Damaged),
    }
}

/// `$bcrypt-sha256$v=2,t=2b,r=12$salt$digest`, before passlib 1.7.3 `$bcrypt-sha256$2b,12$…`
fn passlib_bcrypt_sha256(text: &str) -> Read {
    let [_, _, params, salt, digest] = parts(text, '$')?;
    let (before, version, cost) = match params.split(',').collect::<Vec<_>>()[..] {
        [version, cost] => (Before::Base64Sha256, version, number(cost)?),
        ["v=2", version, cost] => (
            Before::Base64HmacSha256(salt.to_owned()),
            version.strip_prefix("t=").unwrap_or_default(),
            given(cost, "r=")?,
        ),
        _ => return Err(Unusable::Damaged),
    };
    bcrypt(before, &format!("${version}${cost:02}${salt}{digest}"))
}

/// `$2b$12$` and 53 characters
fn bcrypt(before: Before, hash: &str) -> Read {
    let [_, version, cost, rest] = parts(hash, '$')?;
    if !["2a", "2b", "2y"].contains(&version) {
        return Err(Unusable::Unknown);
    }
    let kind = Kind {
        method: Method::Bcrypt,
        costs: [number(cost)?, 0, 0],
    };
    let values = values(rest, BCRYPT_ALPHABET);
    // Stray bits at an end would be refused at each sign-in.
    let is_whole = values.is_some_and(|values| {
        values.len() == BCRYPT_CHARACTERS
            && values[BCRYPT_SALT_CHARACTERS - 1].is_multiple_of(16)
            && values[BCRYPT_CHARACTERS - 1].is_multiple_of(4)
    });
    if cost.len() != 2 || !is_whole {
        return Err(Unusable::Damaged);
    }
    let hash = hash.to_owned();
    Ok((kind, How::Bcrypt { before, hash }))
}

/// `$6$rounds=656000$salt$digest`; without rounds it is 5000 of them
fn sha_crypt(text: &str) -> Read {
    let (rounds, salt, digest) = match text.split('$').skip(2).collect::<Vec<_>>()[..] {
        [salt, digest] => (5_000, salt, digest),
        [rounds, salt, digest] => (given(rounds, "rounds=")?, salt, digest),
        _ => return Err(Unusable::Damaged),
    };
    // The bits of the last character beyond the digest are zero.
    let (method, characters, last_max) = match text.as_bytes()[1] {
        b'5' => (Method::Sha256Crypt, 43, 15),
        _ => (Method::Sha512Crypt, 86, 3),
    };
    let salt = values(salt, CRYPT_ALPHABET).unwrap_or_default();
    let digest = values(digest, CRYPT_ALPHABET).unwrap_or_default();
    let is_whole = CRYPT_SALT_CHARACTERS.contains(&salt.len())
        && digest.len() == characters
        && digest[characters - 1] <= last_max;
    if !is_whole {
        return Err(Unusable::Damaged);
    }
    let kind = Kind {
        method,
        costs: [rounds, 0, 0],
    };
    Ok((kind, How::ShaCrypt(text.to_owned())))
}

/// `$argon2id$v=19$m=65536,t=3,p=4$salt$base64`, as the PHC string format has it; without a version
/// it is the first one
fn argon2(text: &str) -> Read {
    let (first, rest) = match text.split('$').skip(1).collect::<Vec<_>>()[..] {
        [algorithm, "v=19", params, salt, digest] => (false, [algorithm, params, salt, digest]),
        [algorithm, "v=16", params, salt, digest] | [algorithm, params, salt, digest] => {
            (true, [algorithm, params, salt, digest])
        }
        _ => return Err(Unusable::Damaged),
    };
    let [algorithm, params, salt, digest] = rest;
    let method = match algorithm {
        "argon2d" => Method::Argon2d,
        "argon2i" => Method::Argon2i,
        "argon2id" => Method::Argon2id,
        _ => return Err(Unusable::Unknown),
    };
    let [memory, passes, lanes] = parts(params, ',')?;
    let costs = [
        given(memory, "m=")?,
        given(passes, "t=")?,
        given(lanes, "p=")?,
    ];
    let salt = STANDARD_NO_PAD.decode(salt).unwrap_or_default();
    if salt.len() < argon2::MIN_SALT_LEN {
        return Err(Unusable::Damaged);
    }
    let (kind, mut how) = derived(method, costs, &salt, STANDARD_NO_PAD.decode(digest).ok())?;
    let [memory, passes, lanes] = costs;
    if !kind.is_useless() && argon2::Params::new(memory, passes, lanes, None).is_err() {
        return Err(Unusable::Damaged);
    }
    if let (How::Derived { version, .. }, true) = (&mut how, first) {
        *version = argon2::Version::V0x10;
    }
    Ok((kind, how))
}

fn scrypt(n: u32, r: u32, p: u32, salt: &[u8], digest: Option<Vec<u8>>) -> Read {
    let read = derived(Method::Scrypt, [n, r, p], salt, digest)?;
    let is_good = n.is_power_of_two() && scrypt::Params::new(n.ilog2() as u8, r, p).is_ok();
    if is_good || read.0.is_useless() || read.0.exceeds(&Limits::MOST) {
        Ok(read)
    } else {
        Err(Unusable::Damaged)
    }
}

fn pbkdf2(method: Method, iterations: &str, salt: &[u8], digest: Option<Vec<u8>>) -> Read {
    let iterations = number(iterations)?;
    if iterations > PBKDF2_ITERATIONS_MAX {
        return Err(Unusable::TooCostly);
    }
    let bytes = digest.as_ref().map_or(0, Vec::len) as u32;
    derived(method, [iterations, bytes, 0], salt, digest)
}

/// Digits only; a number that does not fit exceeds every limit.
fn number(text: &str) -> Result<u32, Unusable> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Unusable::Damaged);
    }
    text.parse().map_err(|_| Unusable::TooCostly)
}

/// The number of `m=65536`.
fn given(param: &str, key: &str) -> Result<u32, Unusable> {
    number(param.strip_prefix(key).unwrap_or_default())
}

fn parts<const N: usize>(text: &str, at: char) -> Result<[&str; N], Unusable> {
    let parts: Vec<&str> = text.split(at).take(N + 1).collect();
    parts.try_into().map_err(|_| Unusable::Damaged)
}

/// The value of each character; `None` if one is not of the alphabet.
fn values(text: &str, alphabet: &str) -> Option<Vec<usize>> {
    text.chars().map(|letter| alphabet.find(letter)).collect()
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u32>> = text.chars().map(|digit| digit.to_digit(16)).collect();
    let digits = digits.filter(|digits| digits.len().is_multiple_of(2))?;
    let byte = |pair: &[u32]| (pair[0] * 16 + pair[1]) as u8;
    Some(digits.chunks(2).map(byte).collect())
}

fn hex_sha256(text: &str) -> String {
    let digest = digest(&SHA256, text.as_bytes());
    let hex = |byte: &u8| format!("{byte:02x}");
    digest.as_ref().iter().map(hex).collect()
}

/// The reason to refuse a text of an unknown kind. If a hash were taken for a password, everyone
/// who has read the file could sign in with it, so a text that looks like a hash is never a
/// password.
fn unknown(text: &str) -> Unusable {
    let begins = |with: &[&str]| with.iter().any(|with| text.starts_with(with));
    let is_bare_digest = text.len() >= 32
        && text.len().is_multiple_of(8)
        && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    // Django marks accounts without a password with "!", and shells with "*".
    if begins(&["!", "*"]) {
        Unusable::NoPassword
    } else if is_bare_digest
        || begins(&[
            "$apr1$",
            "$1$",
            "{SHA",
            "{SSHA",
            "{MD",
            "{SMD5",
            "{NT",
            "{LANMAN",
            "md5$",
            "sha1$",
            "sha224$",
            "sha256$",
            "sha384$",
            "sha512$",
            "md4$",
            "plain$",
            "crypt$",
            "unsalted_",
        ])
    {
        Unusable::TooWeak
    } else if begins(&["$", "{"]) || text.len() >= 40 && text.matches('$').count() >= 2 {
        Unusable::Unknown
    } else {
        Unusable::NoHash
    }
}

#[cfg(test)]
mod tests;
