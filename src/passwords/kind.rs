//! The kind of a hash: how much work it is to verify.
//!
//! Two hashes of one kind take the same time; a kind contains no salt and no digest. Its text
//! (`bcrypt:12`, `pbkdf2-sha256:600000:32`) is stored beside each account's hash.

use std::fmt;

/// A hash function, with its number of costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Method {
    /// Doorward's own: bcrypt over a peppered HMAC. Cost.
    Own,
    /// Cost.
    Bcrypt,
    /// Iterations, and bytes of the digest.
    Pbkdf2Sha1,
    Pbkdf2Sha256,
    Pbkdf2Sha384,
    Pbkdf2Sha512,
    /// N, r, p.
    Scrypt,
    /// KiB, passes, lanes.
    Argon2d,
    Argon2i,
    Argon2id,
    /// Rounds.
    Sha256Crypt,
    Sha512Crypt,
}

impl Method {
    /// With its name and the number of its costs.
    const ALL: [(Self, &'static str, usize); 12] = [
        (Self::Own, "own", 1),
        (Self::Bcrypt, "bcrypt", 1),
        (Self::Pbkdf2Sha1, "pbkdf2-sha1", 2),
        (Self::Pbkdf2Sha256, "pbkdf2-sha256", 2),
        (Self::Pbkdf2Sha384, "pbkdf2-sha384", 2),
        (Self::Pbkdf2Sha512, "pbkdf2-sha512", 2),
        (Self::Scrypt, "scrypt", 3),
        (Self::Argon2d, "argon2d", 3),
        (Self::Argon2i, "argon2i", 3),
        (Self::Argon2id, "argon2id", 3),
        (Self::Sha256Crypt, "sha256-crypt", 1),
        (Self::Sha512Crypt, "sha512-crypt", 1),
    ];

    /// The bytes of one block of its digest, where it has blocks.
    fn block(self) -> u32 {
        match self {
            Self::Pbkdf2Sha1 => 20,
            Self::Pbkdf2Sha256 => 32,
            Self::Pbkdf2Sha384 => 48,
            _ => 64,
        }
    }
}

/// The maximum work of a hash, by method.
pub struct Limits {
    /// 2^cost rounds.
    bcrypt: u64,
    /// Iterations for each block of the digest.
    pbkdf2: u64,
    /// Blocks of 128 bytes: r for each of the N, times p.
    scrypt: u64,
    /// KiB in each of the passes.
    argon2: u64,
    sha_crypt: u64,
    memory_bytes: u64,
}

impl Limits {
    /// The usual maximum: PHP's Argon2 takes 64 MB in four passes, OWASP's scrypt 128 MB.
    pub const USUAL: Self = Self {
        bcrypt: 14,
        pbkdf2: 1_300_000,
        scrypt: 1 << 20,
        argon2: 4 << 16,
        sha_crypt: 1_000_000,
        memory_bytes: 129 << 20,
    };
    /// The maximum that a setting can allow: one sign-in takes a core for some two seconds.
    pub const MOST: Self = Self {
        bcrypt: 15,
        // The parser only limits the iterations.
        pbkdf2: u64::MAX,
        scrypt: 1 << 22,
        argon2: 1 << 21,
        sha_crypt: 3_000_000,
        memory_bytes: 256 << 20,
    };
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Kind {
    pub method: Method,
    /// Costs that the method does not have are 0.
    pub costs: [u32; 3],
}

impl Kind {
    pub fn own(cost: u32) -> Self {
        Self {
            method: Method::Own,
            costs: [cost, 0, 0],
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split(':');
        let name = parts.next()?;
        let (method, _, count) = Method::ALL
            .into_iter()
            .find(|(_, known, _)| *known == name)?;
        let mut costs = [0; 3];
        for cost in &mut costs[..count] {
            *cost = parts.next()?.parse().ok()?;
        }
        parts.next().is_none().then_some(Self { method, costs })
    }

    /// The amount that is limited, in the unit of the method.
    fn size(self) -> u64 {
        let [a, b, c] = self.costs.map(u64::from);
        match self.method {
            Method::Own | Method::Bcrypt | Method::Sha256Crypt | Method::Sha512Crypt => a,
            Method::Pbkdf2Sha1
            | Method::Pbkdf2Sha256
            | Method::Pbkdf2Sha384
            | Method::Pbkdf2Sha512 => a * b.div_ceil(self.method.block().into()),
            Method::Scrypt => (a * b).saturating_mul(c),
            Method::Argon2d | Method::Argon2i | Method::Argon2id => a * b,
        }
    }

    fn memory_bytes(self) -> u64 {
        let [a, b, c] = self.costs.map(u64::from);
        match self.method {
            Method::Scrypt => (a * b).saturating_add(b * c).saturating_mul(128),
            Method::Argon2d | Method::Argon2i | Method::Argon2id => a * 1024,
            _ => 0,
        }
    }

    /// Whether it is too weak to protect a password.
    pub fn is_useless(self) -> bool {
        self.size()
            < match self.method {
                Method::Own => 0,
                Method::Bcrypt => 4,
                Method::Scrypt => 1 << 12,
                Method::Argon2d | Method::Argon2i | Method::Argon2id => 1_000,
                _ if self.costs[0] < 1_000 => u64::MAX,
                _ => 0,
            }
    }

    pub fn exceeds(self, limits: &Limits) -> bool {
        let most = match self.method {
            Method::Own => u64::MAX,
            Method::Bcrypt => limits.bcrypt,
            Method::Pbkdf2Sha1
            | Method::Pbkdf2Sha256
            | Method::Pbkdf2Sha384
            | Method::Pbkdf2Sha512 => limits.pbkdf2,
            Method::Scrypt => limits.scrypt,
            Method::Argon2d | Method::Argon2i | Method::Argon2id => limits.argon2,
            Method::Sha256Crypt | Method::Sha512Crypt => limits.sha_crypt,
        };
        self.size() > most || self.memory_bytes() > limits.memory_bytes
    }

    /// Whether guessing takes less work than with Doorward's own hash of this cost.
    pub fn is_weaker_than(self, own_cost: u32) -> bool {
        self.nanoseconds() < Self::own(own_cost).nanoseconds()
    }

    /// About how long a hash takes on one core, to compare kinds.
    fn nanoseconds(self) -> u64 {
        let size = self.size();
        match self.method {
            Method::Own | Method::Bcrypt => 71_000 << size.min(31),
            Method::Pbkdf2Sha1 => size * 130,
            Method::Pbkdf2Sha256 => size * 160,
            Method::Pbkdf2Sha384 | Method::Pbkdf2Sha512 => size * 430,
            Method::Scrypt => size * 300,
            Method::Argon2d | Method::Argon2i | Method::Argon2id => size * 700,
            Method::Sha256Crypt => size * 80,
            Method::Sha512Crypt => size * 250,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (method, name, count) in Method::ALL {
            if method == self.method {
                f.write_str(name)?;
                for cost in &self.costs[..count] {
                    write!(f, ":{cost}")?;
                }
            }
        }
        Ok(())
    }
}
