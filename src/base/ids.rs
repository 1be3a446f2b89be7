//! Identifiers: random UUIDs (version 4), so that none can be guessed from another.

use std::fmt;
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

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }
    };
}

id!(AccountId);
id!(SessionId);
id!(
    /// The `jti` of a token (RFC 7519, section 4.1.7).
    TokenId
);
id!(
    /// The `kid` of a signing key (RFC 7515, section 4.1.4).
    KeyId
);
id!(RequestId);
