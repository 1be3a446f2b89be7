//! Device cookies: distinguish a browser that has signed in to an account from strangers who guess
//! at it (OWASP, "Slow Down Online Guessing Attacks with Device Cookies").
//!
//! The cookie is a list of entries, one for each of the last accounts: 8 random bytes, 8 bytes of
//! HMAC over them, which identify an entry of ours without a query, 16 bytes of HMAC over these and
//! the account, and 16 bytes of HMAC over all of them and the account's password hash. So an entry
//! tells that the browser has signed in to one account. For the limits, it is valid until the
//! password is replaced; an entry of a sign-in without the password is not valid for them.

use aws_lc_rs::{constant_time, hmac};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::base::ids::AccountId;
use crate::base::random;
use crate::base::secret::{InstanceSecret, Purpose};
use crate::passwords::PasswordHash;

const ID_BYTES: usize = 16;
const OWNED_BYTES: usize = 32;
const ENTRY_BYTES: usize = 48;
/// Enough for browsers that several people use.
const ENTRIES_MAX: usize = 8;

pub struct Devices {
    key: hmac::Key,
}

impl Devices {
    pub fn new(secret: &InstanceSecret) -> Self {
        Self {
            key: secret.mac_key(Purpose::DeviceCookies),
        }
    }

    /// Whether a cookie has an entry of this instance, for any account.
    pub fn is_ours(&self, cookie: Option<&str>) -> bool {
        cookie.is_some_and(|cookie| entries(cookie).any(|entry| self.has_good_id(&entry)))
    }

    /// The id of the device, if it has signed in to this account since its password was set.
    pub fn find(
        &self,
        cookie: Option<&str>,
        account: AccountId,
        hash: &PasswordHash,
    ) -> Option<String> {
        let found = entries(cookie?).find(|entry| {
            let tag = self.tag(&entry[..OWNED_BYTES], hash.as_str());
            self.is_of(entry, account)
                && constant_time::verify_slices_are_equal(&entry[OWNED_BYTES..], &tag).is_ok()
        })?;
        Some(URL_SAFE_NO_PAD.encode(&found[..ID_BYTES]))
    }

    /// Whether the browser has signed in to this account before, whatever its password was.
    pub fn has_signed_in(&self, cookie: Option<&str>, account: AccountId) -> bool {
        cookie.is_some_and(|cookie| entries(cookie).any(|entry| self.is_of(&entry, account)))
    }

    /// The cookie after a sign-in to this account, by its password if there is a hash.
    pub fn issue(
        &self,
        cookie: Option<&str>,
        account: AccountId,
        hash: Option<&PasswordHash>,
    ) -> String {
        let old = cookie.map(entries).into_iter().flatten();
        let old = old.filter(|entry| self.has_good_id(entry) && !self.is_of(entry, account));
        let mut entry = random::bytes::<8>().to_vec();
        let proof = self.proof(&entry);
        entry.extend(proof);
        let owner = self.tag(&entry, &account.to_string());
        entry.extend(owner);
        let password = match hash {
            Some(hash) => self.tag(&entry, hash.as_str()),
            None => random::bytes(),
        };
        entry.extend(password);
        let all = [entry].into_iter().chain(old.map(|entry| entry.to_vec()));
        let all: Vec<_> = all
            .take(ENTRIES_MAX)
            .map(|entry| URL_SAFE_NO_PAD.encode(entry))
            .collect();
        all.join(".")
    }

    fn has_good_id(&self, entry: &[u8; ENTRY_BYTES]) -> bool {
        let proof = self.proof(&entry[..ID_BYTES / 2]);
        constant_time::verify_slices_are_equal(&entry[ID_BYTES / 2..ID_BYTES], &proof).is_ok()
    }

    fn proof(&self, random: &[u8]) -> [u8; ID_BYTES / 2] {
        first(hmac::sign(&self.key, random).as_ref())
    }

    fn is_of(&self, entry: &[u8; ENTRY_BYTES], account: AccountId) -> bool {
        let tag = self.tag(&entry[..ID_BYTES], &account.to_string());
        self.has_good_id(entry)
            && constant_time::verify_slices_are_equal(&entry[ID_BYTES..OWNED_BYTES], &tag).is_ok()
    }

    fn tag(&self, entry: &[u8], of: &str) -> [u8; ID_BYTES] {
        let mut context = hmac::Context::with_key(&self.key);
        context.update(entry);
        context.update(of.as_bytes());
        first(context.sign().as_ref())
    }
}

fn first<const N: usize>(bytes: &[u8]) -> [u8; N] {
    let mut first = [0; N];
    first.copy_from_slice(&bytes[..N]);
    first
}

fn entries(cookie: &str) -> impl Iterator<Item = [u8; ENTRY_BYTES]> {
    let entries = cookie.split('.').take(ENTRIES_MAX);
    entries.filter_map(|entry| URL_SAFE_NO_PAD.decode(entry).ok()?.try_into().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_good_for_its_account_and_its_password() {
        let devices = Devices::new(&InstanceSecret::generate());
        let (ada, bob) = (AccountId::new(), AccountId::new());
        let [old, new] = ["a", "b"].map(|hash| PasswordHash::stored(hash.to_owned()));
        let cookie = devices.issue(None, ada, Some(&old));
        assert!(devices.is_ours(Some(&cookie)));
        let device = devices.find(Some(&cookie), ada, &old).unwrap();
        assert_eq!(devices.find(Some(&cookie), bob, &old), None);
        assert_eq!(devices.find(Some(&cookie), ada, &new), None);
        let other = Devices::new(&InstanceSecret::generate());
        assert!(!other.is_ours(Some(&cookie)));
        assert_eq!(other.find(Some(&cookie), ada, &old), None);

        let both = devices.issue(Some(&cookie), bob, Some(&new));
        assert_eq!(devices.find(Some(&both), ada, &old), Some(device.clone()));
        assert!(devices.find(Some(&both), bob, &new).is_some());
        // One entry for each account, the newest.
        let again = devices.issue(Some(&both), ada, Some(&old));
        assert_eq!(again.split('.').count(), 2);
        assert_ne!(devices.find(Some(&again), ada, &old), Some(device));
    }

    #[test]
    fn what_is_not_an_entry_is_passed_over() {
        let devices = Devices::new(&InstanceSecret::generate());
        for cookie in ["", ".", "x", &"A".repeat(43), &"é".repeat(30)] {
            assert!(!devices.is_ours(Some(cookie)), "{cookie}");
        }
        assert!(!devices.is_ours(None));
    }
}
