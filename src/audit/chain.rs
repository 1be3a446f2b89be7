//! The chain: each event's HMAC covers the HMAC before it and every column of its own, and the
//! head's seal covers the newest event and the last pruned one.

use std::mem;

use aws_lc_rs::{constant_time, hmac};

use super::Verified;
use super::store::{Entry, Head};
use crate::base::clock::UnixSeconds;
use crate::base::event::Action;
use crate::base::secret::{InstanceSecret, Purpose};

const NAME_BYTES: usize = 16;

pub struct Keys {
    chain: hmac::Key,
    names: hmac::Key,
}

impl Keys {
    pub fn new(secret: &InstanceSecret) -> Self {
        Self {
            chain: secret.mac_key(Purpose::AuditChain),
            names: secret.mac_key(Purpose::AuditNames),
        }
    }

    /// The recorded form of a name that no account has: the same for each attempt, and not the
    /// name.
    pub fn unknown_name(&self, name: &str) -> String {
        let tag = hmac::sign(&self.names, name.as_bytes());
        let digits = tag.as_ref()[..NAME_BYTES].iter();
        digits.map(|byte| format!("{byte:02x}")).collect()
    }

    pub fn mac(&self, previous: &[u8], entry: &Entry) -> Vec<u8> {
        let Entry {
            seq,
            at,
            actor,
            action,
            result,
            account_id,
            target,
            session_id,
            address,
            user_agent,
            request_id,
            details,
            mac: _,
        } = entry;
        fn text(text: &Option<String>) -> Option<&[u8]> {
            text.as_deref().map(str::as_bytes)
        }
        let fields = [
            Some(&b"event"[..]),
            Some(previous),
            Some(&seq.to_be_bytes()),
            Some(&at.to_be_bytes()),
            Some(actor.as_bytes()),
            Some(action.as_bytes()),
            Some(result.as_bytes()),
            text(account_id),
            text(target),
            text(session_id),
            text(address),
            text(user_agent),
            text(request_id),
            Some(details.as_bytes()),
        ];
        self.sign(&fields)
    }

    pub fn seal(&self, head: &Head) -> Vec<u8> {
        let (seq, pruned_seq) = (head.seq.to_be_bytes(), head.pruned_seq.to_be_bytes());
        let fields = [b"head", &seq[..], &head.mac, &pruned_seq, &head.pruned_mac];
        self.sign(&fields.map(Some))
    }

    pub fn is_sealed(&self, head: &Head) -> bool {
        is_same(&self.seal(head), &head.seal)
    }

    /// Every field with its length, so that no two lists of fields are the same bytes.
    fn sign(&self, fields: &[Option<&[u8]>]) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(512);
        for field in fields {
            match field {
                None => bytes.push(0),
                Some(field) => {
                    bytes.push(1);
                    bytes.extend((field.len() as u64).to_be_bytes());
                    bytes.extend_from_slice(field);
                }
            }
        }
        hmac::sign(&self.chain, &bytes).as_ref().to_vec()
    }
}

fn is_same(one: &[u8], other: &[u8]) -> bool {
    constant_time::verify_slices_are_equal(one, other).is_ok()
}

/// Where the trail differs from what the servers wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Break {
    /// The event differs from the one that was written after the event before it.
    Changed(i64),
    /// From the first to the second.
    Missing(i64, i64),
    /// The chain has no place for it.
    Inserted(i64),
    /// The server has found a change before it wrote this event.
    Found(i64),
    Head,
}

impl std::fmt::Display for Break {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Changed(seq) => write!(f, "event {seq} was changed, or inserted in its place"),
            Self::Missing(first, last) if first == last => {
                write!(
                    f,
                    "event {first} is missing; the next one cannot be checked"
                )
            }
            Self::Missing(first, last) => write!(
                f,
                "events {first} to {last} are missing; the next one cannot be checked"
            ),
            Self::Inserted(seq) => write!(f, "event {seq} was inserted"),
            Self::Found(seq) => write!(
                f,
                "event {seq} records that the server found a change: events before it may be missing"
            ),
            Self::Head => {
                f.write_str("the head of the trail was changed: the newest events may be missing")
            }
        }
    }
}

/// Reads events in order, and finds those that differ from the written ones.
pub struct Checker<'a> {
    keys: &'a Keys,
    next: i64,
    /// The HMAC of the event before; empty after missing events. If that event was changed, its HMAC
    /// may be what was changed, so the right ones count too.
    previous: Vec<Vec<u8>>,
    verified: Verified,
}

impl<'a> Checker<'a> {
    pub fn new(keys: &'a Keys, head: &Head) -> Self {
        let mut breaks = Vec::new();
        if !head.is_blank() && !keys.is_sealed(head) {
            breaks.push(Break::Head);
        }
        Self {
            keys,
            next: head.pruned_seq + 1,
            previous: vec![head.pruned_mac.clone()],
            verified: Verified {
                events: 0,
                span: None,
                pruned: head.pruned_seq,
                breaks,
            },
        }
    }

    /// The next event; `head` was read after it.
    pub fn read(&mut self, entry: &Entry, head: &Head) {
        let seq = entry.seq;
        if seq < self.next || seq > head.seq {
            self.verified.breaks.push(Break::Inserted(seq));
            return;
        }
        if seq > self.next {
            if seq <= head.pruned_seq + 1 {
                // A server has pruned the missing events since the last batch was read.
                let is_anchored = seq == head.pruned_seq + 1;
                self.previous = is_anchored
                    .then(|| head.pruned_mac.clone())
                    .into_iter()
                    .collect();
            } else {
                self.previous.clear();
                let missing = Break::Missing(self.next, seq - 1);
                self.verified.breaks.push(missing);
            }
        }
        let previous = mem::take(&mut self.previous).into_iter();
        let mut right: Vec<_> = previous.map(|mac| self.keys.mac(&mac, entry)).collect();
        if !right.is_empty() && !right.iter().any(|mac| is_same(mac, &entry.mac)) {
            self.verified.breaks.push(Break::Changed(seq));
        } else {
            right.clear();
            if entry.action == Action::FindChangedTrail.as_str() {
                self.verified.breaks.push(Break::Found(seq));
            }
        }
        self.next = seq + 1;
        // Of many changed events in a row, few combinations count.
        right.truncate(2);
        right.push(entry.mac.clone());
        self.previous = right;
        let here: (i64, UnixSeconds) = (seq, entry.at);
        let first = self.verified.span.map_or(here, |(first, _)| first);
        self.verified.span = Some((first, here));
        self.verified.events += 1;
    }

    /// `head` was read before it was known that there are no more events.
    pub fn finish(mut self, head: &Head) -> Verified {
        if self.next <= head.seq {
            let missing = Break::Missing(self.next, head.seq);
            self.verified.breaks.push(missing);
        }
        self.verified
    }

    pub fn breaks(&self) -> &[Break] {
        &self.verified.breaks
    }
}
