//! Who may do what.

/// What an account is trusted with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Member,
    Administrator,
}

impl Role {
    /// As it stands in the database and in a token's `roles`.
    pub fn as_str(self) -> &'static str {
        match self {
            Role::Member => "member",
            Role::Administrator => "administrator",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        [Role::Member, Role::Administrator]
            .into_iter()
            .find(|role| role.as_str() == text)
    }
}
