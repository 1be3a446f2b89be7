//! Rate limits: how often an action may be attempted.
//!
//! A budget is a number of units in a time, `10/10m`: all of them at once at most, and after that
//! one each minute (the generic cell rate algorithm, GCRA, ITU-T I.371). It is kept as one moment
//! for each key, in a row: a restart refills nothing, and all servers of a database share it.
//! Keys are HMACs: the table tells neither names nor addresses.
//!
//! A unit is taken before the work that it is for, so that concurrent requests cannot exceed the
//! budget. Only successful sign-ins give back their own unit: an attacker who signs in to an
//! account of their own between guesses gains nothing.
//!
//! Keys over their budget are also kept in memory: refusing them costs neither a
//! query nor a hash. The audit trail has one event of each in the window of its budget.

mod budget;
mod device;
mod leases;
mod store;

use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

use aws_lc_rs::hmac;

use crate::base::clock::Clock;
use crate::base::event::{Action, Event};
use crate::base::fault::Fault;
use crate::base::ids::{AccountId, ShareId};
use crate::base::metrics::Counter;
use crate::base::recent::Recent;
use crate::base::secret::{InstanceSecret, Purpose};
use crate::config::LimitsConfig;
use crate::passwords::{Asker, PasswordHash};
use crate::storage::Db;
pub use budget::Budget;
pub use device::Devices;
use leases::Leases;
pub use store::{Listed, forget, list};

/// Milliseconds since 1970-01-01T00:00:00Z.
type Millis = i64;

const KEY_BYTES: usize = 16;

/// The key of a budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key([u8; KEY_BYTES]);

/// A unit of a budget that a request takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Unit {
    key: Key,
    budget: Budget,
    /// Time until one more unit is available.
    every: Millis,
    /// Time until an empty budget is full.
    window: Millis,
}

/// A budget without a unit.
#[derive(Clone, Copy, Debug)]
struct Over {
    unit: Unit,
    until: Millis,
}

/// Why units were not taken.
enum NotTaken {
    /// Known from memory.
    Remembered(Over),
    /// The database has said so.
    Found(Over),
    Fault(Fault),
}

/// Why a request has to wait.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    #[error("too many attempts")]
    Limited(Limited),
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// How long it has to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limited {
    /// At least one.
    pub seconds: i64,
}

/// Units that were taken. Dropping them spends them.
#[must_use = "a success gives its units back"]
#[derive(Debug, Default)]
pub struct Taken(Vec<Unit>);

/// The source of an attempt.
#[derive(Clone, Debug)]
pub struct Source {
    /// A text that is not an IP address counts as one address.
    pub address: String,
    /// The device cookie of the request.
    pub device: Option<String>,
}

impl Source {
    /// The subject of its budgets.
    pub fn subject(&self) -> Subject<'_> {
        Subject::Address(&self.address)
    }

    /// The block of its address.
    pub fn block(&self) -> String {
        near(&self.address)
    }

    /// The asker of a hash from this source, without a known device.
    pub fn stranger(&self) -> Asker {
        Asker::Stranger(self.block())
    }
}

#[derive(Clone)]
pub struct Limits(Arc<Inner>);

struct Inner {
    db: Db,
    clock: Clock,
    key: hmac::Key,
    config: LimitsConfig,
    /// The keys that are known to be over their budget. The database answers for others.
    front: Recent<Key>,
    leases: Leases,
    taking_leases: tokio::sync::Mutex<()>,
    devices: Devices,
    refusals: [Counter; Budget::ALL.len()],
    /// The keys that the audit trail has an event of.
    recorded: Recent<Key>,
}

impl Limits {
    pub fn new(db: Db, clock: Clock, secret: &InstanceSecret, config: LimitsConfig) -> Self {
        Self(Arc::new(Inner {
            db,
            clock,
            key: secret.mac_key(Purpose::LimitKeys),
            config,
            front: Recent::default(),
            leases: Leases::default(),
            taking_leases: tokio::sync::Mutex::default(),
            devices: Devices::new(secret),
            refusals: Default::default(),
            recorded: Recent::default(),
        }))
    }

    pub fn devices(&self) -> &Devices {
        &self.0.devices
    }

    /// How many requests this server has refused, by the name of the budget.
    pub fn refusals(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let counted = self.0.refusals.iter().map(Counter::get);
        Budget::ALL.map(Budget::as_str).into_iter().zip(counted)
    }

    /// How many keys are remembered to be over their budget.
    pub fn remembered(&self) -> usize {
        self.0.front.count(self.now())
    }

    /// Whether attempts for this name from this source are known to be over a budget: checked
    /// before the account is looked up. A request with a device cookie of ours may be the owner's,
    /// and is not refused here.
    ///
    /// # Errors
    /// [`Limited`].
    pub fn admit(&self, name: &str, source: &Source) -> Result<(), Limited> {
        if self.0.devices.is_ours(source.device.as_deref()) {
            return Ok(());
        }
        let mut units = self.of_source(&source.address, [Budget::Address, Budget::Network]);
        units.extend(self.unit(Budget::Account, name.as_bytes()));
        self.look(&units).map_err(|over| self.refuse(over))
    }

    /// Whether the device has signed in to this account before.
    pub fn is_known(&self, account: Option<(AccountId, &PasswordHash)>, source: &Source) -> bool {
        self.device(account, source).is_some()
    }

    fn device(
        &self,
        account: Option<(AccountId, &PasswordHash)>,
        source: &Source,
    ) -> Option<(AccountId, String)> {
        let (id, hash) = account?;
        let device = self.0.devices.find(source.device.as_deref(), id, hash)?;
        Some((id, device))
    }

    /// Takes the units of a sign-in: from the device's budget if the device has signed in to this
    /// account before; otherwise from those of the account, the address and the network. `name`
    /// replaces the account when none exists, and is remembered as a spelling when one does. Also
    /// returns who asks for the hash.
    ///
    /// # Errors
    /// [`Refused`].
    pub async fn take_sign_in(
        &self,
        name: &str,
        account: Option<(AccountId, &PasswordHash)>,
        source: &Source,
    ) -> Result<(Taken, Asker), Refused> {
        if let Some((id, device)) = self.device(account, source) {
            let unit = self.unit(Budget::Device, device.as_bytes());
            let units = unit.into_iter().collect();
            let taken = self.take(units, |event| event.about(id)).await?;
            return Ok((taken, Asker::Known));
        }
        let mut units = self.of_source(&source.address, [Budget::Address, Budget::Network]);
        let spelling = self.unit(Budget::Account, name.as_bytes());
        let of_account = match account {
            Some((id, _)) => self.unit(Budget::Account, id.to_string().as_bytes()),
            None => spelling,
        };
        units.extend(of_account);
        let about = |event: Event| match account {
            Some((id, _)) => event.about(id),
            None => event.by_unknown_name(name.to_owned()),
        };
        let taken = self.take(units, about).await;
        // The next attempt with this spelling is refused before the account is looked up.
        if let (Err(_), Some(spelling), Some(of_account)) = (&taken, spelling, of_account)
            && let Some(until) = self.0.front.until(&of_account.key, self.now())
        {
            self.0.front.insert(spelling.key, until, self.now());
        }
        Ok((taken?, source.stranger()))
    }

    /// Takes the units of a password confirmation by the owner of a session.
    ///
    /// # Errors
    /// [`Refused`].
    pub async fn take_confirmation(&self, account: AccountId) -> Result<Taken, Refused> {
        let owner = format!("confirmation {account}");
        let unit = self.unit(Budget::Device, owner.as_bytes());
        let units = unit.into_iter().collect();
        self.take(units, |event| event.about(account)).await
    }

    /// Takes the unit of a change of an account's username or address.
    ///
    /// # Errors
    /// [`Refused`].
    pub async fn take_rename(&self, account: AccountId) -> Result<Taken, Refused> {
        let unit = self.unit(Budget::Names, account.to_string().as_bytes());
        let units = unit.into_iter().collect();
        self.take(units, |event| event.about(account)).await
    }

    /// Takes the units of a message that a visitor asks for: from the budgets of the address that it
    /// goes to, given by its key, and of its source.
    ///
    /// # Errors
    /// [`Refused`].
    pub async fn take_mail(&self, email_key: &str, address: &str) -> Result<Taken, Refused> {
        let units = [
            self.unit(Budget::MailRecipient, email_key.as_bytes()),
            self.unit(Budget::MailAddress, near(address).as_bytes()),
        ];
        let units = units.into_iter().flatten().collect();
        self.take(units, |event| event).await
    }

    /// Whether a message may be sent to an address without an account. Counts as one.
    ///
    /// # Errors
    /// When the database is unavailable.
    pub async fn may_write_to_stranger(&self, email_key: &str) -> Result<bool, Fault> {
        let unit = self.unit(Budget::MailStranger, email_key.as_bytes());
        match self.try_to_take(unit.into_iter().collect()).await {
            Ok(_) => Ok(true),
            Err(NotTaken::Remembered(_) | NotTaken::Found(_)) => Ok(false),
            Err(NotTaken::Fault(fault)) => Err(fault),
        }
    }

    /// Takes the units of a sign-up: from the budgets of the address, the network and the instance.
    ///
    /// # Errors
    /// [`Refused`].
    pub async fn take_sign_up(&self, address: &str) -> Result<Taken, Refused> {
        let mut units = self.of_source(address, [Budget::SignUpAddress, Budget::SignUpNetwork]);
        units.extend(self.unit(Budget::SignUps, b""));
        self.take(units, |event| event).await
    }

    /// Takes the units of a password of a share of this account: from the budget of this source at
    /// this share, and from the share's.
    ///
    /// # Errors
    /// [`Refused`].
    pub async fn take_share(
        &self,
        share: ShareId,
        account: AccountId,
        address: &str,
    ) -> Result<Taken, Refused> {
        let at_share = format!("{share} {}", near(address));
        let units = [
            self.unit(Budget::ShareAddress, at_share.as_bytes()),
            self.unit(Budget::Share, share.to_string().as_bytes()),
        ];
        let units = units.into_iter().flatten().collect();
        let about = |event: Event| event.about(account).on("share", share);
        self.take(units, about).await
    }

    /// Takes a unit of a budget that is cheaper than writing a row for each request: a server takes
    /// many units from the row at once and hands them out.
    ///
    /// # Errors
    /// [`Refused`].
    pub async fn take_one(&self, budget: Budget, subject: Subject<'_>) -> Result<(), Refused> {
        let text = match subject {
            Subject::Address(address) => near(address),
            Subject::Account(account) => account.to_string(),
        };
        let Some(unit) = self.unit(budget, text.as_bytes()) else {
            return Ok(());
        };
        let now = self.now();
        if self.0.leases.spend(unit.key, now) {
            return Ok(());
        }
        self.look(&[unit]).map_err(|over| self.refuse(over))?;
        // Many requests at once would each take a lease, and then find the budget empty.
        let _taking = self.0.taking_leases.lock().await;
        if self.0.leases.spend(unit.key, now) {
            return Ok(());
        }
        let lease = (unit.window / unit.every / LEASES).max(1);
        let many = Unit {
            every: unit.every * lease,
            ..unit
        };
        // If fewer are left, the last ones are taken one by one.
        let about = |event: Event| match subject {
            Subject::Account(account) => event.about(account),
            Subject::Address(_) => event,
        };
        let granted = match self.try_to_take(vec![many]).await {
            Ok(_) => lease,
            Err(NotTaken::Found(_)) if lease > 1 => {
                self.take(vec![unit], about).await.map(|_| 1)?
            }
            Err(not_taken) => return Err(self.refused(not_taken, about).await),
        };
        self.0
            .leases
            .insert(unit.key, granted - 1, now + unit.window, now);
        Ok(())
    }

    /// Gives the units of a success back.
    ///
    /// # Errors
    /// When the database is unavailable.
    pub async fn give_back(&self, taken: Taken) -> Result<(), Fault> {
        if taken.0.is_empty() {
            return Ok(());
        }
        let keys: Vec<Key> = taken.0.iter().map(|unit| unit.key).collect();
        let given = self.0.db.write(move |tx| store::give_back(tx, &taken.0));
        given.await?;
        // Afterwards: until then the units are missing, and a refusal would remember that.
        for key in keys {
            self.0.front.remove(&key);
        }
        Ok(())
    }

    /// Deletes every budget of an account, or of the source that an address belongs to, so that it
    /// is full again. Other servers keep refusing a remembered key until its budget would have had
    /// a unit.
    ///
    /// # Errors
    /// When the database is unavailable.
    pub async fn clear(&self, whose: Subject<'_>) -> Result<usize, Fault> {
        let event = Event::done(Action::ClearLimits);
        let (event, keys): (_, Vec<Key>) = match whose {
            Subject::Account(account) => {
                let text = account.to_string();
                let keys = Budget::ALL.map(|budget| self.key(budget, text.as_bytes()));
                (event.about(account), keys.to_vec())
            }
            Subject::Address(address) => {
                let blocks: Vec<_> = [near(address)].into_iter().chain(wide(address)).collect();
                let of_block =
                    |block: &String| Budget::ALL.map(|budget| self.key(budget, block.as_bytes()));
                let keys = blocks.iter().flat_map(of_block).collect();
                (event.with("address", address), keys)
            }
        };
        // Whole, because it also contains the spellings of the account's names.
        self.0.front.clear();
        let cleared = self.0.db.write(move |tx| {
            tx.record(event);
            store::clear(tx, &keys)
        });
        cleared.await
    }

    /// `about` adds to the event of a refusal whom it is about.
    async fn take(
        &self,
        units: Vec<Unit>,
        about: impl FnOnce(Event) -> Event,
    ) -> Result<Taken, Refused> {
        match self.try_to_take(units).await {
            Ok(taken) => Ok(taken),
            Err(not_taken) => Err(self.refused(not_taken, about).await),
        }
    }

    async fn refused(&self, not_taken: NotTaken, about: impl FnOnce(Event) -> Event) -> Refused {
        let over = match not_taken {
            NotTaken::Remembered(over) => return self.refuse(over).into(),
            NotTaken::Fault(fault) => return fault.into(),
            NotTaken::Found(over) => over,
        };
        let (unit, now) = (over.unit, self.now());
        self.0.front.insert(unit.key, over.until, now);
        if self.0.recorded.is_first(unit.key, now, now + unit.window) {
            let event = about(Event::refused(Action::ExceedLimit));
            let event = event.with("budget", unit.budget.as_str());
            if let Err(fault) = self.0.db.record(event).await {
                return fault.into();
            }
        }
        self.refuse(over).into()
    }

    fn refuse(&self, over: Over) -> Limited {
        self.0.refusals[over.unit.budget as usize].count();
        limited(over.until, self.now())
    }

    async fn try_to_take(&self, mut units: Vec<Unit>) -> Result<Taken, NotTaken> {
        self.look(&units).map_err(NotTaken::Remembered)?;
        if units.is_empty() {
            return Ok(Taken::default());
        }
        // In a fixed order, so that two requests with the same keys do not deadlock.
        units.sort_unstable();
        let now = self.now();
        let wanted = units.clone();
        let taken = self
            .0
            .db
            .write(move |tx| store::take(tx, &wanted, now))
            .await;
        match taken {
            Ok(()) => Ok(Taken(units)),
            Err(store::NotTaken::Over(over)) => Err(NotTaken::Found(over)),
            Err(store::NotTaken::Fault(fault)) => Err(NotTaken::Fault(fault)),
        }
    }

    /// Fails for the budget that is known to be empty longest.
    fn look(&self, units: &[Unit]) -> Result<(), Over> {
        let now = self.now();
        let over = units.iter().filter_map(|unit| {
            let until = self.0.front.until(&unit.key, now)?;
            Some(Over { unit: *unit, until })
        });
        over.max_by_key(|over| over.until).map_or(Ok(()), Err)
    }

    fn of_source(&self, address: &str, [of_block, of_network]: [Budget; 2]) -> Vec<Unit> {
        let network = wide(address).and_then(|wide| self.unit(of_network, wide.as_bytes()));
        let block = self.unit(of_block, near(address).as_bytes());
        block.into_iter().chain(network).collect()
    }

    /// `None` if the budget has no limit.
    fn unit(&self, budget: Budget, subject: &[u8]) -> Option<Unit> {
        let rate = budget.rate(&self.0.config)?;
        let window = rate.seconds * 1000;
        Some(Unit {
            key: self.key(budget, subject),
            budget,
            every: (window / rate.count).max(1),
            window,
        })
    }

    fn key(&self, budget: Budget, subject: &[u8]) -> Key {
        let mut context = hmac::Context::with_key(&self.0.key);
        for part in [budget.as_str().as_bytes(), b"\0", subject] {
            context.update(part);
        }
        let mut key = [0; KEY_BYTES];
        key.copy_from_slice(&context.sign().as_ref()[..KEY_BYTES]);
        Key(key)
    }

    fn now(&self) -> Millis {
        self.0.clock.now() * 1000
    }
}

impl From<Limited> for Refused {
    fn from(limited: Limited) -> Self {
        Self::Limited(limited)
    }
}

/// The part of a cheap budget that a server takes at once.
const LEASES: i64 = 20;

/// The owner of a budget.
#[derive(Clone, Copy, Debug)]
pub enum Subject<'a> {
    /// The block of an address.
    Address(&'a str),
    Account(AccountId),
}

fn limited(until: Millis, now: Millis) -> Limited {
    Limited {
        seconds: ((until - now + 999) / 1000).max(1),
    }
}

/// The address block of one customer of a provider: IPv4 /32, IPv6 /64. A text that is not an
/// address is a block of its own.
fn near(address: &str) -> String {
    match address
        .parse()
        .map(|address: IpAddr| address.to_canonical())
    {
        Ok(IpAddr::V4(address)) => address.to_string(),
        Ok(IpAddr::V6(address)) => prefix(address, 64),
        Err(_) => "unknown".to_owned(),
    }
}

/// The /48 of a site, for an IPv6 address.
fn wide(address: &str) -> Option<String> {
    match address
        .parse()
        .map(|address: IpAddr| address.to_canonical())
    {
        Ok(IpAddr::V6(address)) => Some(prefix(address, 48)),
        _ => None,
    }
}

fn prefix(address: Ipv6Addr, bits: u32) -> String {
    let kept = u128::from(address) & (u128::MAX << (128 - bits));
    format!("{}/{bits}", Ipv6Addr::from(kept))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_counts_with_its_block() {
        for (address, block, network) in [
            ("198.51.100.7", "198.51.100.7", None),
            ("::ffff:198.51.100.7", "198.51.100.7", None),
            (
                "2001:db8:1:2:3:4:5:6",
                "2001:db8:1:2::/64",
                Some("2001:db8:1::/48"),
            ),
            (
                "2001:db8:1:2::9",
                "2001:db8:1:2::/64",
                Some("2001:db8:1::/48"),
            ),
            ("unknown", "unknown", None),
            ("", "unknown", None),
        ] {
            assert_eq!(near(address), block);
            assert_eq!(wide(address).as_deref(), network);
        }
    }
}
