//! Authorization: pure decisions about an account, an action and the owner of its object.

use crate::base::ids::AccountId;

/// The role of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Member,
    Administrator,
}

impl Role {
    pub const ALL: [Self; 2] = [Self::Member, Self::Administrator];

    /// The name in the database and in a token's `roles`.
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

/// The account that sends the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scope {
    pub account: AccountId,
    pub role: Role,
}

/// The requested action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// List all accounts, or those of a search.
    ListAccounts,
    SeeAccount,
    /// Change username, address or name.
    RenameAccount,
    /// Change role, groups or state, and sign the owner out.
    GovernAccount,
    DeleteAccount,
    /// Revoke all links to the account's files, without seeing them.
    RevokeLinks,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    Allowed,
    /// The sender may know that the object exists.
    Forbidden,
    /// The response is that of an object that does not exist.
    Hidden,
}

/// `owner` is the account that the action is for; `None` for an action on no account.
pub fn decide(who: Scope, action: Action, owner: Option<AccountId>) -> Decision {
    use Action as A;
    let own = owner == Some(who.account);
    match (action, who.role) {
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
    fn each_role_may_do_what_the_table_says() {
        use Action as A;
        use Decision::{Allowed, Forbidden, Hidden};
        // The action; a member on their own account, on another's; an administrator likewise.
        let table = [
            (A::ListAccounts, [Forbidden, Forbidden, Allowed, Allowed]),
            (A::SeeAccount, [Allowed, Hidden, Allowed, Allowed]),
            (A::RenameAccount, [Allowed, Hidden, Allowed, Allowed]),
            (A::GovernAccount, [Forbidden, Hidden, Allowed, Allowed]),
            (A::DeleteAccount, [Allowed, Hidden, Allowed, Allowed]),
            (A::RevokeLinks, [Allowed, Hidden, Allowed, Allowed]),
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
    }
}
