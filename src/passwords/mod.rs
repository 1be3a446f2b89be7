//! Password hashing: bcrypt over a peppered HMAC, on threads of its own.
//!
//! bcrypt reads at most 72 bytes, so it gets base64(HMAC-SHA-384(pepper, password)): 64 bytes that
//! depend on the whole password and on a key that is not in the database. A stored hash has the tag
//! of its scheme, so that another scheme can follow; hashes of other programs have their own tags
//! (`foreign.rs`).
//!
//! Hashing is slow on purpose. It runs on a few low-priority threads behind a bounded queue, so
//! that a flood of sign-ins can slow down sign-ins and nothing else. Imported hashes of more than
//! the usual work have their own thread and queue.

mod breached;
mod foreign;
mod kind;
mod mix;
mod pool;
mod strength;

use std::sync::{Arc, PoisonError, RwLock};

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::base::fault::Fault;
use crate::base::names::{NewPassword, Password};
use crate::base::secret::{InstanceSecret, Purpose};
pub use breached::Breached;
use foreign::Foreign;
pub use foreign::Unusable;
pub use kind::Kind;
use kind::Limits;
use mix::Mix;
pub use pool::{Asker, Busy, Figures, Place};
use pool::{Lane, Pool};

/// `bcrypt-hs384:`, followed by bcrypt's own format.
const SCHEME: &str = "bcrypt-hs384:";

/// At least 10^8 guesses. Common passwords, and names and dates with a digit, have fewer.
const STRENGTH_MIN: strength::Tenths = 80;

#[derive(Clone)]
pub struct Passwords {
    pepper: Arc<hmac::Key>,
    cost: u32,
    pool: Arc<Pool>,
    /// The key by which unknown names choose from `mix`.
    stand_ins: Arc<hmac::Key>,
    mix: Arc<RwLock<Mix>>,
    breached: Option<Arc<Breached>>,
}

/// A hash as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PasswordHash(String);

impl PasswordHash {
    pub fn stored(text: String) -> Self {
        Self(text)
    }

    /// Parses a hash of another program. `costly` allows hashes of more than the usual work.
    ///
    /// # Errors
    /// [`Unusable`] for a hash that is too weak or too costly.
    pub fn foreign(text: &str, costly: bool) -> Result<Self, Unusable> {
        let foreign = Foreign::parse(text)?;
        if !costly && foreign.kind.exceeds(&Limits::USUAL) {
            return Err(Unusable::AboveLimit(foreign.kind));
        }
        Ok(Self(format!("{}{text}", foreign.tag)))
    }

    /// `None` for a hash that no password matches.
    pub fn kind(&self) -> Option<Kind> {
        match self.0.strip_prefix(SCHEME) {
            Some(hash) => cost_of(hash).map(Kind::own),
            None => Foreign::stored(&self.0).map(|foreign| foreign.kind),
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[derive(Debug, thiserror::Error)]
pub enum HashError {
    /// Easy to guess, or made of the person's data.
    #[error(
        "This password is easy to guess. Use a longer one, such as a few words that do not belong \
         together"
    )]
    Weak,
    #[error("This password is in a list of stolen passwords. Choose another one")]
    Breached,
    #[error(transparent)]
    Busy(#[from] Busy),
    #[error(transparent)]
    Fault(#[from] Fault),
}

#[derive(Debug, PartialEq, Eq)]
pub enum Verdict {
    Right,
    /// Right, but the hash has an outdated scheme or cost and should be replaced.
    RightButOld,
    Wrong,
}

impl Passwords {
    /// `cost` is bcrypt's: 2^cost rounds. Without `breached`, new passwords are not compared with
    /// breached ones.
    pub fn new(secret: &InstanceSecret, cost: u32, breached: Option<Arc<Breached>>) -> Self {
        let pepper = hmac::Key::new(
            hmac::HMAC_SHA384,
            &*secret.derive::<48>(Purpose::PasswordPepper),
        );
        Self {
            pepper: Arc::new(pepper),
            cost,
            pool: Arc::new(Pool::start()),
            stand_ins: Arc::new(secret.mac_key(Purpose::PasswordStandIns)),
            mix: Arc::default(),
            breached,
        }
    }

    /// The waiting jobs and the capacity of each lane.
    pub fn queues(&self) -> [(&'static str, usize, usize); 2] {
        self.pool.waiting()
    }

    pub fn figures(&self) -> &Figures {
        &self.pool.figures
    }

    /// Sets the number of accounts for each kind of hash: unknown names are verified by the same
    /// kinds.
    pub fn set_mix(&self, counted: Vec<(Kind, u64)>) {
        *self.mix.write().unwrap_or_else(PoisonError::into_inner) = Mix::of(counted);
    }

    /// The hash to verify a password against if no account is called `name`: of a kind that an
    /// account of this name might have, and matched by no password. It is chosen for known names
    /// too, because choosing takes time.
    pub fn stand_in(&self, name: &str) -> PasswordHash {
        let mix = self.mix.read().unwrap_or_else(PoisonError::into_inner);
        let kind = mix.choose(&self.stand_ins, name);
        let kind = kind.unwrap_or_else(|| Kind::own(self.cost));
        let foreign = foreign::stand_in(kind);
        PasswordHash(foreign.unwrap_or_else(|| format!("{SCHEME}{}", dummy(kind.costs[0]))))
    }

    /// Reserves a place in the queue for a stranger, until the result is dropped: a request without
    /// one is refused before it costs a query.
    pub fn reserve_place(&self, block: &str) -> Result<Place, Busy> {
        self.pool.reserve(block)
    }

    /// Hashes a new password, and refuses a weak or breached one. `personal` are the names of its
    /// owner: username, address, name.
    pub async fn hash_strong(
        &self,
        password: &NewPassword,
        personal: Vec<String>,
        asker: &Asker,
    ) -> Result<PasswordHash, HashError> {
        let (password, this) = (password.password().clone(), self.clone());
        self.pool
            .run(Lane::Usual, asker, move || {
                check_new(&password, &personal, this.breached.as_deref())?;
                Ok(this.hash_now(&password)?)
            })
            .await?
    }

    /// Hashes a password without checking it as a new one.
    pub async fn hash(
        &self,
        password: &Password,
        asker: &Asker,
    ) -> Result<Result<PasswordHash, Fault>, Busy> {
        let (password, this) = (password.clone(), self.clone());
        self.pool
            .run(Lane::Usual, asker, move || this.hash_now(&password))
            .await
    }

    /// Does the work of a hash without a result, so that a request costs as much as a sign-up.
    pub async fn spend(&self) -> Result<(), Busy> {
        self.verify(&Password::typed(""), None, &Asker::Known)
            .await
            .map(drop)
    }

    /// Verifies `password` against `stored`. Without a stored hash it does the same work and
    /// returns [`Verdict::Wrong`], so that the time does not tell which accounts exist.
    pub async fn verify(
        &self,
        password: &Password,
        stored: Option<PasswordHash>,
        asker: &Asker,
    ) -> Result<Verdict, Busy> {
        let (password, this) = (password.clone(), self.clone());
        let foreign = stored.as_ref().and_then(|hash| Foreign::stored(&hash.0));
        let lane = match &foreign {
            Some(foreign) if foreign.is_costly(password.expose()) => Lane::Costly,
            _ => Lane::Usual,
        };
        self.pool
            .run(lane, asker, move || {
                this.verify_now(&password, stored, foreign)
            })
            .await
    }

    fn verify_now(
        &self,
        password: &Password,
        stored: Option<PasswordHash>,
        foreign: Option<Foreign>,
    ) -> Verdict {
        if let Some(foreign) = foreign {
            return if password.expose_forms().any(|form| foreign.is_of(form)) {
                Verdict::RightButOld
            } else {
                Verdict::Wrong
            };
        }
        let known = stored.as_ref().and_then(|hash| hash.0.strip_prefix(SCHEME));
        let dummy = dummy(self.cost);
        let right =
            bcrypt::verify(self.peppered(password), known.unwrap_or(&dummy)).unwrap_or(false);
        match known {
            Some(hash) if right && cost_of(hash) == Some(self.cost) => Verdict::Right,
            Some(_) if right => Verdict::RightButOld,
            _ => Verdict::Wrong,
        }
    }

    fn hash_now(&self, password: &Password) -> Result<PasswordHash, Fault> {
        bcrypt::non_truncating_hash(self.peppered(password), self.cost)
            .map(|hash| PasswordHash(format!("{SCHEME}{hash}")))
            .map_err(|error| Fault::caused("bcrypt", error))
    }

    fn peppered(&self, password: &Password) -> String {
        STANDARD.encode(hmac::sign(&self.pepper, password.expose().as_bytes()))
    }
}

/// A hash that bcrypt computes to its end and that no password matches: salt and digest of zeros.
/// Other letters leave stray bits in the base64, for which bcrypt fails before it has done the
/// work.
fn dummy(cost: u32) -> String {
    format!("$2b${cost:02}${}", ".".repeat(53))
}

fn cost_of(hash: &str) -> Option<u32> {
    hash.split('$').nth(2)?.parse().ok()
}

/// A message about the accounts whose hashes are weaker than Doorward's own of this cost, by kind;
/// `None` without such hashes.
pub fn weak_hashes(counted: &[(Kind, u64)], cost: u32) -> Option<String> {
    let mut weak: Vec<_> = counted
        .iter()
        .filter(|(kind, _)| kind.is_weaker_than(cost))
        .collect();
    weak.sort_by_key(|(_, accounts)| std::cmp::Reverse(*accounts));
    let sum = |kinds: &mut dyn Iterator<Item = u64>| kinds.sum::<u64>();
    let (few, all) = (
        sum(&mut weak.iter().map(|(_, accounts)| *accounts)),
        sum(&mut counted.iter().map(|(_, accounts)| *accounts)),
    );
    let kinds: Vec<_> = weak
        .iter()
        .map(|(kind, accounts)| format!("{accounts} {kind}"))
        .collect();
    (few > 0).then(|| {
        format!(
            "{few} of {all} accounts have a password hash that is weaker than bcrypt cost {cost}: {}. \
             Each is replaced when its owner signs in",
            kinds.join(", ")
        )
    })
}

/// Checks a new password. It reads from the disk.
///
/// # Errors
/// [`HashError::Weak`], [`HashError::Breached`], or a fault of the file of breached passwords.
pub fn check_new(
    password: &Password,
    personal: &[String],
    breached: Option<&Breached>,
) -> Result<(), HashError> {
    if is_weak(password, personal) {
        return Err(HashError::Weak);
    }
    let searched = breached.map_or(Ok(false), |breached| breached.contains(password));
    match searched {
        Ok(false) => Ok(()),
        Ok(true) => Err(HashError::Breached),
        Err(error) => Err(Fault::caused("search passwords.breached", error).into()),
    }
}

/// Whether a password is easy to guess, or made of the person's names.
fn is_weak(password: &Password, personal: &[String]) -> bool {
    let mut known: Vec<&str> = personal
        .iter()
        .flat_map(|words| {
            words
                .split(|c: char| !c.is_alphanumeric())
                .chain([words.as_str()])
        })
        .filter(|word| word.chars().count() > 2)
        .collect();
    known.push("doorward");
    strength::guesses(password.expose(), &known) < STRENGTH_MIN
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passwords() -> Passwords {
        Passwords::new(&InstanceSecret::generate(), 4, None)
    }

    fn verify(passwords: &Passwords, text: &str, stored: Option<PasswordHash>) -> Verdict {
        let foreign = stored.as_ref().and_then(|hash| Foreign::stored(&hash.0));
        passwords.verify_now(&Password::typed(text), stored, foreign)
    }

    #[test]
    fn every_byte_of_a_long_password_counts() {
        let passwords = passwords();
        let long = format!("canary-{}", "🔑".repeat(249));
        let hash = passwords.hash_now(&Password::typed(&long)).unwrap();
        let verify = |text: &str| verify(&passwords, text, Some(hash.clone()));
        assert_eq!(verify(&long), Verdict::Right);
        assert_eq!(verify(&format!("{long}x")), Verdict::Wrong);
        assert_eq!(verify(&long[..long.len() - 4]), Verdict::Wrong);
    }

    #[test]
    fn a_hash_made_with_another_cost_asks_to_be_made_again() {
        let (today, mut before) = (passwords(), None);
        let password = Password::typed("canary-cost");
        let other = Passwords {
            cost: 5,
            ..today.clone()
        };
        before.replace(other.hash_now(&password).unwrap());
        assert_eq!(verify(&today, "canary-cost", before), Verdict::RightButOld);
    }

    #[test]
    fn the_pepper_is_part_of_the_hash() {
        let password = Password::typed("canary-pepper");
        let hash = passwords().hash_now(&password).unwrap();
        assert_eq!(
            verify(&passwords(), "canary-pepper", Some(hash)),
            Verdict::Wrong
        );
    }

    #[test]
    fn no_password_matches_the_dummy_or_a_foreign_hash() {
        let foreign = PasswordHash::stored("plain:canary-dummy".into());
        let verify = |stored| verify(&passwords(), "canary-dummy", stored);
        assert_eq!(verify(None), Verdict::Wrong);
        assert_eq!(verify(Some(foreign)), Verdict::Wrong);
    }

    #[test]
    fn a_foreign_hash_is_right_but_old_for_the_password_as_composed_or_as_typed() {
        // Made by bcrypt 5.0 of "canary-é", the second time decomposed: e and a combining accent.
        for (hash, typed) in [
            (
                "$2b$04$mDUBJH3bPLPJTd.vtGVkq.skxMomi5l5blhmyMStWBQ3yS3e19GKm",
                "canary-e\u{301}",
            ),
            (
                "$2b$04$mDUBJH3bPLPJTd.vtGVkq.skxMomi5l5blhmyMStWBQ3yS3e19GKm",
                "canary-\u{e9}",
            ),
            (
                "$2b$04$9jByLAE5utNiUHclMH/l5.O7hkBqUcMLU39XaD37WfAgc2tWE4gti",
                "canary-e\u{301}",
            ),
        ] {
            let stored = PasswordHash::foreign(hash, false).unwrap();
            assert_eq!(stored.as_str(), format!("bcrypt:{hash}"));
            let verify = |text| verify(&passwords(), text, Some(stored.clone()));
            assert_eq!(verify(typed), Verdict::RightButOld);
            assert_eq!(verify("canary-e"), Verdict::Wrong);
        }
    }

    #[test]
    fn verifying_an_unknown_name_costs_what_a_real_hash_costs() {
        assert!(matches!(bcrypt::verify("x", &dummy(4)), Ok(false)));
    }

    #[test]
    fn an_unknown_name_is_verified_by_the_kinds_that_the_accounts_have() {
        let passwords = passwords();
        let own = passwords.stand_in("ada");
        assert_eq!(own.kind(), Some(Kind::own(4)));
        for text in [
            "own:5",
            "bcrypt:4",
            "pbkdf2-sha1:1000:20",
            "pbkdf2-sha256:1000:32",
            "pbkdf2-sha384:1000:48",
            "pbkdf2-sha512:1000:64",
            "scrypt:1024:8:1",
            "argon2d:1024:1:1",
            "argon2i:1024:1:1",
            "argon2id:1024:1:1",
            "sha256-crypt:1000",
            "sha512-crypt:1000",
        ] {
            let kind = Kind::parse(text).unwrap();
            assert_eq!(kind.to_string(), text);
            passwords.set_mix(vec![(kind, 1)]);
            let stand_in = passwords.stand_in("ada");
            assert_eq!(stand_in.kind(), Some(kind), "{text}");
            assert_eq!(verify(&passwords, "canary", Some(stand_in)), Verdict::Wrong);
        }
    }

    #[test]
    fn common_passwords_and_ones_own_name_are_weak() {
        let personal = [
            "ada.lovelace@example.com".to_owned(),
            "Ada Lovelace".to_owned(),
        ];
        for weak in [
            "password1234",
            "qwertyuiop12",
            "123456789012",
            "lovelace2026",
            "Doorward1234",
            "ada.lovelace@example.com",
        ] {
            assert!(is_weak(&Password::typed(weak), &personal), "{weak}");
        }
        for strong in ["correct horse battery staple", "canary-kx7-brine-lamp"] {
            assert!(!is_weak(&Password::typed(strong), &personal), "{strong}");
        }
    }
}
