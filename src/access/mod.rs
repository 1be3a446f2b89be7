//! Who may do what: pure decisions about who asks, what for, and on whose.

use crate::base::ids::AccountId;

/// What an account is trusted with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Member,
    Administrator,
}

impl Role {
    pub const ALL: [Self; 2] = [Self::Member, Self::Administrator];

    /// As it stands in the database and in a token's `roles`.
    pub fn as_str(self) -> &'static str {
        match self {
            Role::Member => "member",
            Role::Administrator => "administrator",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == text)
    }
}

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scope {
    pub account: AccountId,
    pub role: Role,
}

/// What for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// All accounts, or those of a search.
    ListAccounts,
    SeeAccount,
    /// Username, address, name.
    RenameAccount,
    /// Role, groups, whether it is disabled, and signing its owner out.
    GovernAccount,
    DeleteAccount,
    /// The links to its files, all of them and unseen.
    RevokeLinks,
    /// What is in an account: sessions, links, work items, files.
    UseContents,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    Allowed,
    /// They may know that it is there.
    Forbidden,
    /// As if it were not there.
    Hidden,
}

/// `owner` is whose it is that somebody acts on; `None` for what is nobody's own.
pub fn decide(who: Scope, action: Action, owner: Option<AccountId>) -> Decision {
    use Action as A;
    let own = owner == Some(who.account);
    match (action, who.role) {
        // Not even administrators look into what is somebody's own.
        (A::UseContents, _) if own => Decision::Allowed,
        (A::UseContents, _) => Decision::Hidden,
        (_, Role::Administrator) => Decision::Allowed,
        (A::ListAccounts, Role::Member) => Decision::Forbidden,
        (A::SeeAccount | A::RenameAccount | A::DeleteAccount | A::RevokeLinks, Role::Member)
            if own =>
        {
            Decision::Allowed
        }
        (A::GovernAccount, Role::Member) if own => Decision::Forbidden,
        (_, Role::Member) => Decision::Hidden,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_may_do_what_the_table_says() {
        use Action as A;
        use Decision::{Allowed, Forbidden, Hidden};
        // What for; a member on their own, on another's; an administrator on their own, on another's.
        let table = [
            (A::ListAccounts, [Forbidden, Forbidden, Allowed, Allowed]),
            (A::SeeAccount, [Allowed, Hidden, Allowed, Allowed]),
            (A::RenameAccount, [Allowed, Hidden, Allowed, Allowed]),
            (A::GovernAccount, [Forbidden, Hidden, Allowed, Allowed]),
            (A::DeleteAccount, [Allowed, Hidden, Allowed, Allowed]),
            (A::RevokeLinks, [Allowed, Hidden, Allowed, Allowed]),
            (A::UseContents, [Allowed, Hidden, Allowed, Hidden]),
        ];
        let account = AccountId::new();
        for (action, expected) in table {
            let decided = Role::ALL.map(|role| {
                [account, AccountId::new()]
                    .map(|owner| decide(Scope { account, role }, action, Some(owner)))
            });
            assert_eq!(decided.as_flattened(), expected, "{action:?}");
        }
        let member = Scope {
            account,
            role: Role::Member,
        };
        assert_eq!(decide(member, A::ListAccounts, None), Forbidden);
        assert_eq!(decide(member, A::UseContents, None), Hidden);
    }
}
