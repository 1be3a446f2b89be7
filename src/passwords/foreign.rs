//! Hashes that other programs made. They are stored as they came, with the tag of where they come
//! from in front, and give way to ours when their owner signs in.
//!
//! What surprises: their parameters stand in the hash, and whoever wrote it chose them. So they
//! are bounded before anything is computed, here and not where a file is read, because a row of
//! the database is no more to be trusted than a line of a file.

use std::num::NonZeroU32;
use std::ops::RangeInclusive;

use argon2::Argon2;
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::pbkdf2;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};

/// Below these bounds a hash protects nobody; above them one sign-in takes a core for more than
/// some two seconds.
const PBKDF2_ITERATIONS: RangeInclusive<u32> = 1_000..=3_000_000;
/// 2^cost rounds; 12 takes a quarter of a second.
const BCRYPT_COST: RangeInclusive<u32> = 4..=15;
/// Blocks of 128 bytes, r for each of the N, times p.
const SCRYPT_BLOCKS: RangeInclusive<u64> = (1 << 12)..=(1 << 22);
/// Blocks of 1 KiB, m in each of the t passes.
const ARGON2_BLOCKS: RangeInclusive<u64> = 1_000..=(1 << 21);
const MEMORY_MAX_BYTES: u64 = 256 << 20;
/// Shorter ones could be met by chance.
const DIGEST_BYTES: RangeInclusive<usize> = 16..=128;
/// Twice what any of the known programs writes.
const TEXT_MAX_BYTES: usize = 512;

const BCRYPT_ALPHABET: &str = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const BCRYPT_SALT_CHARACTERS: usize = 22;
const BCRYPT_CHARACTERS: usize = 53;

/// Why a hash is not taken over. It says nothing of the hash itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// It may be a password as it was typed.
    #[error("its password_hash is no hash")]
    NoHash,
    #[error("its hash is of a kind that is not known here")]
    Unknown,
    #[error("its hash is damaged")]
    Damaged,
    #[error("its hash gives the password away too easily: set a new password instead")]
    TooWeak,
    #[error("its hash would take more than two seconds or 256 MB to verify")]
    TooDear,
    #[error("it has no password that could be used")]
    NoPassword,
}

pub struct Foreign {
    /// With its colon.
    pub tag: &'static str,
    how: How,
}

enum How {
    Bcrypt {
        before: Before,
        hash: String,
    },
    Derived {
        function: Function,
        salt: Vec<u8>,
        digest: Vec<u8>,
    },
}

/// What is done with the password before bcrypt gets it.
#[derive(Clone, Copy)]
enum Before {
    Nothing,
    HexSha256,
}

enum Function {
    Pbkdf2(pbkdf2::Algorithm, NonZeroU32),
    Scrypt(scrypt::Params),
    Argon2(Argon2<'static>),
}

const WERKZEUG: &str = "werkzeug:";
const DJANGO: &str = "django:";
const BCRYPT: &str = "bcrypt:";
const ARGON2: &str = "argon2:";

impl Foreign {
    /// From what stands in the database; `None` when it is ours, or not to be verified.
    pub fn stored(text: &str) -> Option<Self> {
        let text = [WERKZEUG, DJANGO, BCRYPT, ARGON2]
            .iter()
            .find_map(|tag| text.strip_prefix(tag))?;
        Self::parse(text).ok()
    }

    /// From what another program stored.
    ///
    /// # Errors
    /// [`Unusable`].
    pub fn parse(text: &str) -> Result<Self, Unusable> {
        if text.len() > TEXT_MAX_BYTES {
            return Err(Unusable::Unknown);
        }
        if !text.contains('$') {
            return Err(unknown(text));
        }
        let of = |tag, how: Result<How, Unusable>| how.map(|how| Self { tag, how });
        let head = text.split(['$', ':']).next().unwrap_or_default();
        match head {
            "scrypt" if text.starts_with("scrypt:") => of(WERKZEUG, werkzeug_scrypt(text)),
            "pbkdf2" => of(WERKZEUG, werkzeug_pbkdf2(text)),
            "scrypt" => of(DJANGO, django_scrypt(text)),
            "pbkdf2_sha256" | "pbkdf2_sha1" => of(DJANGO, django_pbkdf2(text)),
            "bcrypt_sha256" | "bcrypt" => of(DJANGO, django_bcrypt(text)),
            "argon2" => of(DJANGO, argon2(&text["argon2".len()..])),
            "" if text.starts_with("$2") => of(BCRYPT, bcrypt(Before::Nothing, text)),
            "" if text.starts_with("$argon2") => of(ARGON2, argon2(text)),
            _ => Err(unknown(text)),
        }
    }

    pub fn is_of(&self, password: &str) -> bool {
        match &self.how {
            How::Bcrypt { before, hash } => match before {
                Before::Nothing => bcrypt::verify(password, hash),
                Before::HexSha256 => bcrypt::verify(hex_sha256(password), hash),
            }
            .unwrap_or(false),
            How::Derived {
                function,
                salt,
                digest,
            } => function
                .derive(password.as_bytes(), salt, digest.len())
                .is_some_and(|derived| verify_slices_are_equal(&derived, digest).is_ok()),
        }
    }
}

impl Function {
    fn derive(&self, password: &[u8], salt: &[u8], bytes: usize) -> Option<Vec<u8>> {
        let mut derived = vec![0; bytes];
        match self {
            Self::Pbkdf2(algorithm, iterations) => {
                pbkdf2::derive(*algorithm, *iterations, salt, password, &mut derived);
            }
            Self::Scrypt(params) => scrypt::scrypt(password, salt, params, &mut derived).ok()?,
            Self::Argon2(argon2) => argon2
                .hash_password_into(password, salt, &mut derived)
                .ok()?,
        }
        Some(derived)
    }

    fn with(self, salt: &[u8], digest: Option<Vec<u8>>) -> Result<How, Unusable> {
        let digest = digest.filter(|digest| DIGEST_BYTES.contains(&digest.len()));
        match digest {
            Some(digest) if !salt.is_empty() => Ok(How::Derived {
                function: self,
                salt: salt.to_vec(),
                digest,
            }),
            _ => Err(Unusable::Damaged),
        }
    }
}

/// `scrypt:32768:8:1$salt$hex`
fn werkzeug_scrypt(text: &str) -> Result<How, Unusable> {
    let [method, salt, digest] = parts(text, '$')?;
    let [_, n, r, p] = parts(method, ':')?;
    scrypt(n, r, p)?.with(salt.as_bytes(), from_hex(digest))
}

/// `scrypt$16384$salt$8$5$base64`
fn django_scrypt(text: &str) -> Result<How, Unusable> {
    let [_, n, salt, r, p, digest] = parts(text, '$')?;
    scrypt(n, r, p)?.with(salt.as_bytes(), STANDARD.decode(digest).ok())
}

/// `pbkdf2:sha256:600000$salt$hex`
fn werkzeug_pbkdf2(text: &str) -> Result<How, Unusable> {
    let [method, salt, digest] = parts(text, '$')?;
    let [_, algorithm, iterations] = parts(method, ':')?;
    let algorithm = match algorithm {
        "sha1" => pbkdf2::PBKDF2_HMAC_SHA1,
        "sha256" => pbkdf2::PBKDF2_HMAC_SHA256,
        "sha384" => pbkdf2::PBKDF2_HMAC_SHA384,
        "sha512" => pbkdf2::PBKDF2_HMAC_SHA512,
        _ => return Err(Unusable::Unknown),
    };
    pbkdf2(algorithm, iterations)?.with(salt.as_bytes(), from_hex(digest))
}

/// `pbkdf2_sha256$600000$salt$base64`
fn django_pbkdf2(text: &str) -> Result<How, Unusable> {
    let [algorithm, iterations, salt, digest] = parts(text, '$')?;
    let algorithm = match algorithm {
        "pbkdf2_sha1" => pbkdf2::PBKDF2_HMAC_SHA1,
        _ => pbkdf2::PBKDF2_HMAC_SHA256,
    };
    pbkdf2(algorithm, iterations)?.with(salt.as_bytes(), STANDARD.decode(digest).ok())
}

/// `bcrypt_sha256$$2b$12$…`, `bcrypt$$2b$12$…`
fn django_bcrypt(text: &str) -> Result<How, Unusable> {
    match text.split_once('$') {
        Some(("bcrypt", hash)) => bcrypt(Before::Nothing, hash),
        Some((_, hash)) => bcrypt(Before::HexSha256, hash),
        None => Err(Unusable::Damaged),
    }
}

/// `$2b$12$` and 53 characters
fn bcrypt(before: Before, hash: &str) -> Result<How, Unusable> {
    let [_, version, cost, rest] = parts(hash, '$')?;
    if !["2a", "2b", "2y"].contains(&version) {
        return Err(Unusable::Unknown);
    }
    bounded(number(cost)?, &BCRYPT_COST)?;
    let values: Option<Vec<usize>> = rest
        .chars()
        .map(|letter| BCRYPT_ALPHABET.find(letter))
        .collect();
    // Stray bits at an end would be refused each time that somebody signs in.
    let is_whole = values.is_some_and(|values| {
        values.len() == BCRYPT_CHARACTERS
            && values[BCRYPT_SALT_CHARACTERS - 1] % 16 == 0
            && values[BCRYPT_CHARACTERS - 1] % 4 == 0
    });
    if cost.len() != 2 || !is_whole {
        return Err(Unusable::Damaged);
    }
    let hash = hash.to_owned();
    Ok(How::Bcrypt { before, hash })
}

/// `$argon2id$v=19$m=65536,t=3,p=4$salt$base64`, as the PHC string format has it
fn argon2(text: &str) -> Result<How, Unusable> {
    let [_, algorithm, version, params, salt, digest] = parts(text, '$')?;
    if algorithm != "argon2id" || version != "v=19" {
        return Err(Unusable::Unknown);
    }
    let [memory, passes, lanes] = parts(params, ',')?;
    let given = |param: &str, key| number(param.strip_prefix(key).unwrap_or_default());
    let (memory, passes) = (given(memory, "m=")?, given(passes, "t=")?);
    let lanes = given(lanes, "p=")?;
    bounded(u64::from(memory) * u64::from(passes), &ARGON2_BLOCKS)?;
    bounded(u64::from(memory) * 1024, &(0..=MEMORY_MAX_BYTES))?;
    let params = argon2::Params::new(memory, passes, lanes, None).map_err(|_| Unusable::Damaged)?;
    let argon2 = Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, params);
    let salt = STANDARD_NO_PAD.decode(salt).unwrap_or_default();
    if salt.len() < argon2::MIN_SALT_LEN {
        return Err(Unusable::Damaged);
    }
    Function::Argon2(argon2).with(&salt, STANDARD_NO_PAD.decode(digest).ok())
}

fn scrypt(n: &str, r: &str, p: &str) -> Result<Function, Unusable> {
    let (n, r, p) = (number(n)?, number(r)?, number(p)?);
    let (blocks, lanes) = (u64::from(n) * u64::from(r), u64::from(r) * u64::from(p));
    bounded(blocks.saturating_mul(u64::from(p)), &SCRYPT_BLOCKS)?;
    bounded((blocks + lanes) * 128, &(0..=MEMORY_MAX_BYTES))?;
    if !n.is_power_of_two() {
        return Err(Unusable::Damaged);
    }
    scrypt::Params::new(n.ilog2() as u8, r, p)
        .map(Function::Scrypt)
        .map_err(|_| Unusable::Damaged)
}

fn pbkdf2(algorithm: pbkdf2::Algorithm, iterations: &str) -> Result<Function, Unusable> {
    let iterations = number(iterations)?;
    bounded(iterations, &PBKDF2_ITERATIONS)?;
    NonZeroU32::new(iterations)
        .map(|iterations| Function::Pbkdf2(algorithm, iterations))
        .ok_or(Unusable::TooWeak)
}

fn bounded<T: PartialOrd>(cost: T, bounds: &RangeInclusive<T>) -> Result<(), Unusable> {
    if cost < *bounds.start() {
        Err(Unusable::TooWeak)
    } else if cost > *bounds.end() {
        Err(Unusable::TooDear)
    } else {
        Ok(())
    }
}

/// Digits only; what does not fit is more than any bound.
fn number(text: &str) -> Result<u32, Unusable> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Unusable::Damaged);
    }
    text.parse().map_err(|_| Unusable::TooDear)
}

fn parts<const N: usize>(text: &str, at: char) -> Result<[&str; N], Unusable> {
    let parts: Vec<&str> = text.split(at).take(N + 1).collect();
    parts.try_into().map_err(|_| Unusable::Damaged)
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

/// What to say of a text of no kind that is taken. A hash that is mistaken for a password would
/// let in everybody who has read it, so whatever looks like one is none.
fn unknown(text: &str) -> Unusable {
    let begins = |with: &[&str]| with.iter().any(|with| text.starts_with(with));
    let is_bare_digest = text.len() >= 32
        && text.len().is_multiple_of(8)
        && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    // Django marks who cannot sign in by password with one "!", and shells with "*".
    if begins(&["!", "*"]) {
        Unusable::NoPassword
    } else if is_bare_digest
        || begins(&[
            "$apr1$",
            "$1$",
            "{SHA}",
            "{SSHA}",
            "{MD5}",
            "{SMD5}",
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
mod tests {
    use super::*;

    const PASSWORD: &str = "canary-foreign-é";

    /// Made by Werkzeug 3.1, bcrypt 5.0, argon2-cffi 25.1 and Django 5.2.
    const MADE_BY_OTHERS: &[(&str, &str)] = &[
        (
            WERKZEUG,
            "scrypt:32768:8:1$iKyTaddGCjEyRkBI$d41c81356c5091688239bdaf3432313aedd5589562e46f5064ba00e767ff1e1b49536b2c6c19773a62475a4bf4743ecaefbb7521bde388c614aaca38823e60f8",
        ),
        (
            WERKZEUG,
            "pbkdf2:sha256:150000$AkmnDBmxlMhofbCR$d1f352c51665f6c707c61587eb296c586f098d10c1ae27ebeee1df8b010e118b",
        ),
        (
            WERKZEUG,
            "pbkdf2:sha1:1000$9LqOSc1J9YnZ82S9$731aa3be7c2cc2e8a647910bb3c3dc9fb2c44da6",
        ),
        (
            WERKZEUG,
            "pbkdf2:sha512:1000$3saY9Sm4FwhYneRT$22b13998b06d351f648b2edcb8642e21493ab2ba94a4a459e7594e1da089ba286630a26d316b05946d96ab5e826608dd7a3905620b2664c54e1fb35b58f684d0",
        ),
        (
            BCRYPT,
            "$2b$04$LxBjS3yYud3R6Bm3dXqBheloH.sEV6ufMUGjimQL/7R8BGDx5FMki",
        ),
        (
            BCRYPT,
            "$2a$04$Q.AULXJE7QjN3rPe60oK4.nzs1sk.MXBBotS8rMvzEvrH5ByZUdmO",
        ),
        (
            ARGON2,
            "$argon2id$v=19$m=65536,t=3,p=4$U0V/eaC/9xMK6M/yRR7l6w$isBHDUpsF4X8sDxDxVSCxKWZ8jo+OK2CdR27Iez+Ecw",
        ),
        (
            DJANGO,
            "pbkdf2_sha256$1000000$Xn449P0fqWgOdFOLTi8g89$8KULwNqicjKDp2i3nGjLzFdnROdvJY+kgZlpyN/dLcQ=",
        ),
        (
            DJANGO,
            "pbkdf2_sha1$1000000$LmlLp7waeRhmIvF7QXGXVY$chvrUqj8ucLsZjjBNCWHQa+y2ok=",
        ),
        (
            DJANGO,
            "argon2$argon2id$v=19$m=102400,t=2,p=8$bGNBb0tVU05oQkJOcHYwNGd0dFBXNQ$MNRqmkGg908tT9pTHNEbC/OMzvW2f22Vn8Xxw5tmJf8",
        ),
        (
            DJANGO,
            "scrypt$16384$InORHo9AM7HVwkjeJrJo5d$8$5$YXQhbnDRd0i1eUzpW0H3gNxNxuW0BZ0h0xmfYUdqGoxivRp/2EEE7Pov5A4ztWYTW96fPXTCiQ7x/lEIBYYQDA==",
        ),
        (
            DJANGO,
            "bcrypt_sha256$$2b$12$6ft2oa.QsD7jOAn9UzlJcutyiNF1jJ98dkE9wd193XA7Fiel8drDK",
        ),
        (
            DJANGO,
            "bcrypt$$2b$12$8qx6XZWMT/HA1i6wFIYF3unhDc2uZ0UqmjvJXYI/CFz77ucMzY3MC",
        ),
    ];

    #[test]
    fn hashes_of_other_programs_are_verified_and_kept_apart_by_their_tags() {
        for (tag, text) in MADE_BY_OTHERS {
            let foreign = Foreign::parse(text).unwrap_or_else(|why| panic!("{text}: {why}"));
            assert_eq!(&foreign.tag, tag, "{text}");
            assert!(foreign.is_of(PASSWORD), "{text}");
            assert!(!foreign.is_of("canary-foreign-e"), "{text}");
            assert!(Foreign::stored(&format!("{tag}{text}")).is_some());
            assert!(Foreign::stored(text).is_none(), "{text}");
        }
    }

    #[test]
    fn a_damaged_hash_is_refused_wherever_it_is_cut() {
        for (_, text) in MADE_BY_OTHERS {
            for length in 0..text.len() {
                let cut = Foreign::parse(&text[..length]);
                // A shorter digest is a digest as long as it cannot be met by chance.
                let shorter_digest = text.len() - length <= 100;
                assert!(cut.is_err() || shorter_digest, "{}", &text[..length]);
            }
            let (head, digest) = text.rsplit_once('$').unwrap();
            for digest in ["", "00", "ÄÖ", &digest.replace(|_| true, "~"), "$"] {
                assert!(
                    Foreign::parse(&format!("{head}${digest}")).is_err(),
                    "{head}${digest}"
                );
            }
        }
    }

    #[test]
    fn what_costs_too_much_or_too_little_is_refused_before_it_is_computed() {
        let hex = "ab".repeat(32);
        let base64 = STANDARD_NO_PAD.encode([7; 32]);
        for (text, why) in [
            (format!("pbkdf2:sha256:999$salt${hex}"), Unusable::TooWeak),
            (format!("pbkdf2:sha256:0$salt${hex}"), Unusable::TooWeak),
            (
                format!("pbkdf2:sha256:3000001$salt${hex}"),
                Unusable::TooDear,
            ),
            (
                format!("pbkdf2:sha256:99999999999999999999$salt${hex}"),
                Unusable::TooDear,
            ),
            (format!("pbkdf2:sha256:-1$salt${hex}"), Unusable::Damaged),
            (format!("pbkdf2:md5:1000$salt${hex}"), Unusable::Unknown),
            (format!("pbkdf2:sha256:1000$${hex}"), Unusable::Damaged),
            (format!("pbkdf2:sha256$salt${hex}"), Unusable::Damaged),
            (format!("scrypt:2:1:1$salt${hex}"), Unusable::TooWeak),
            (format!("scrypt:32768:0:1$salt${hex}"), Unusable::TooWeak),
            (format!("scrypt:32767:8:1$salt${hex}"), Unusable::Damaged),
            (format!("scrypt:4194304:8:1$salt${hex}"), Unusable::TooDear),
            (
                format!("scrypt:4294967295:4294967295:4294967295$salt${hex}"),
                Unusable::TooDear,
            ),
            (format!("scrypt:1024:4:2048$salt${hex}"), Unusable::TooDear),
            ("$2b$03$".to_owned() + &".".repeat(53), Unusable::TooWeak),
            ("$2b$16$".to_owned() + &".".repeat(53), Unusable::TooDear),
            ("$2x$10$".to_owned() + &".".repeat(53), Unusable::Unknown),
            ("$2b$10$".to_owned() + &"z".repeat(53), Unusable::Damaged),
            (
                format!("$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ${base64}"),
                Unusable::TooWeak,
            ),
            (
                format!("$argon2id$v=19$m=262145,t=1,p=1$c2FsdHNhbHQ${base64}"),
                Unusable::TooDear,
            ),
            (
                format!("$argon2id$v=19$m=65536,t=33,p=1$c2FsdHNhbHQ${base64}"),
                Unusable::TooDear,
            ),
            (
                format!("$argon2id$v=19$m=1024,t=3,p=1000$c2FsdHNhbHQ${base64}"),
                Unusable::Damaged,
            ),
            (
                format!("$argon2d$v=19$m=65536,t=3,p=1$c2FsdHNhbHQ${base64}"),
                Unusable::Unknown,
            ),
            (format!("sha256$salt${hex}"), Unusable::TooWeak),
            (
                "$apr1$salt$abcdefghijklmnopqrstu/".into(),
                Unusable::TooWeak,
            ),
            (
                "{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=".into(),
                Unusable::TooWeak,
            ),
            (hex, Unusable::TooWeak),
            ("$6$rounds=5000$salt$abc".into(), Unusable::Unknown),
            ("!x8bUnUsable".into(), Unusable::NoPassword),
            ("canary-brine-lamp-44".into(), Unusable::NoHash),
            ("scrypt".into(), Unusable::NoHash),
            (
                "bcrypt-hs384:$2b$04$".to_owned() + &".".repeat(53),
                Unusable::Unknown,
            ),
            ("$".repeat(513), Unusable::Unknown),
            (String::new(), Unusable::NoHash),
        ] {
            assert_eq!(Foreign::parse(&text).err(), Some(why), "{text}");
        }
    }
}
