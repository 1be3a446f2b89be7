//! Device cookies: distinguish a browser that has signed in to an account from strangers who guess
//! at it (OWASP, "Slow Down Online Guessing Attacks with Device Cookies").
//!
//! The cookie is a list of entries, one for each of the last accounts: 8 random bytes, 8 bytes of
//! HMAC over them, which identify an entry of ours without a query, and 16 bytes of HMAC over the
//! entry, the account and its password hash. So an entry is valid for one account, and until its
//! password is replaced.

use aws_lc_rs::{constant_time, hmac};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::base::ids::AccountId;
use crate::base::random;
use crate::base::secret::{InstanceSecret, Purpose};
use crate::passwords::PasswordHash;

const ID_BYTES: usize = 16;
const ENTRY_BYTES: usize = 32;
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
            let tag = self.tag(&entry[..ID_BYTES], account, hash);
            self.has_good_id(entry)
                && constant_time::verify_slices_are_equal(&entry[ID_BYTES..], &tag).is_ok()
        })?;
        Some(URL_SAFE_NO_PAD.encode(&found[..ID_BYTES]))
    }

    /// The cookie after a sign-in to this account.
    pub fn issue(&self, cookie: Option<&str>, account: AccountId, hash: &PasswordHash) -> String {
        let old = cookie.map(entries).into_iter().flatten();
        let old = old.filter(|entry| {
            let tag = self.tag(&entry[..ID_BYTES], account, hash);
            self.has_good_id(entry) && entry[ID_BYTES..] != tag
        });
        let mut id = random::bytes::<8>().to_vec();
        let proof = self.proof(&id);
        id.extend(proof);
        let tag = self.tag(&id, account, hash);
        id.extend(tag);
        let all = [id].into_iter().chain(old.map(|entry| entry.to_vec()));
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

    fn tag(&self, id: &[u8], account: AccountId, hash: &PasswordHash) -> [u8; ID_BYTES] {
        let mut context = hmac::Context::with_key(&self.key);
        for part in [id, account.to_string().as_bytes(), hash.as_str().as_bytes()] {
            context.update(part);
        }
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
        let cookie = devices.issue(None, ada, &old);
        assert!(devices.is_ours(Some(&cookie)));
        let device = devices.find(Some(&cookie), ada, &old).unwrap();
        assert_eq!(devices.find(Some(&cookie), bob, &old), None);
        assert_eq!(devices.find(Some(&cookie), ada, &new), None);
        let other = Devices::new(&InstanceSecret::generate());
        assert!(!other.is_ours(Some(&cookie)));
        assert_eq!(other.find(Some(&cookie), ada, &old), None);

        let both = devices.issue(Some(&cookie), bob, &new);
        assert_eq!(devices.find(Some(&both), ada, &old), Some(device.clone()));
        assert!(devices.find(Some(&both), bob, &new).is_some());
        // One entry for each account, the newest.
        let again = devices.issue(Some(&both), ada, &old);
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
