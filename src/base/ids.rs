//! Identifiers: random UUIDs (version 4), so that none can be guessed from another.

use std::fmt;
use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering};

use uuid::Uuid;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        pub struct $name(Uuid);

        impl $name {
            #[expect(clippy::disallowed_methods, reason = "this is where ids are made")]
            #[expect(clippy::new_without_default, reason = "two new ids are never equal")]
            pub fn new() -> Self {
                Self(Uuid::new_v4())
            }

            /// The hyphenated lower-case form; `None` for any other spelling, so an id has one.
            pub fn parse(text: &str) -> Option<Self> {
                let id = Uuid::try_parse(text).ok()?;
                (id.hyphenated().encode_lower(&mut Uuid::encode_buffer()) == text).then_some(Self(id))
            }

            pub fn as_bytes(&self) -> &[u8; 16] {
                self.0.as_bytes()
            }

            pub fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(Uuid::from_bytes(bytes))
            }
        }

        impl FromStr for $name {
            type Err = ();

            fn from_str(text: &str) -> Result<Self, ()> {
                Self::parse(text).ok_or(())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }
    };
}

id!(AccountId);
id!(SessionId);
id!(ItemId);
id!(FileId);
id!(ShareId);
id!(
    /// Of a message in the outbox. Also the local part of its `Message-ID`.
    MailId
);
id!(InvitationId);
id!(
    /// The `jti` of a token (RFC 7519, section 4.1.7).
    TokenId
);
id!(
    /// The `kid` of a signing key (RFC 7515, section 4.1.4).
    KeyId
);

/// The number of a request, for the log and for questions about it. Unlike the other ids it
/// protects nothing, so it is a counter behind the same prefix for each request of one process.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RequestId(u64, u64);

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}-{:x}", self.0, self.1)
    }
}

/// Makes request ids without a system call for each.
#[derive(Debug)]
pub struct RequestIds {
    process: u64,
    next: AtomicU64,
}

impl RequestIds {
    #[expect(
        clippy::new_without_default,
        reason = "two of them never give the same id"
    )]
    pub fn new() -> Self {
        Self {
            process: u64::from_be_bytes(super::random::bytes()),
            next: AtomicU64::new(1),
        }
    }

    pub fn next(&self) -> RequestId {
        RequestId(self.process, self.next.fetch_add(1, Ordering::Relaxed))
    }
}
