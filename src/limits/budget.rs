//! The budgets, by the action that they limit.

use crate::config::{LimitsConfig, Rate};

/// The limited action. The names are those of the settings below `limits`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Budget {
    /// Sign-ins to one account by devices that have not signed in to it before.
    Account,
    /// Sign-ins to one account by one device that has; and the owner of a session who gives the
    /// password again.
    Device,
    /// Sign-ins from one address block by unknown devices.
    Address,
    /// Sign-ins from one network by unknown devices.
    Network,
    SignUpAddress,
    SignUpNetwork,
    /// Sign-ups in all.
    SignUps,
    /// Passwords of one share from one address block.
    ShareAddress,
    /// Passwords of one share.
    Share,
    /// New tokens for a refresh token, from one address block.
    Refresh,
    /// Introspection, from one address block.
    Introspect,
    /// Tokens that are inspected on the page, from one address block.
    Inspect,
    /// Searches of one account.
    Searches,
    /// Uploads of one account.
    Uploads,
    /// Archives of the data of one account.
    Exports,
    /// Links of one account.
    Links,
    /// Thumbnails that one account loads; previews on pages of links, by one address block.
    Thumbnails,
    /// Usernames and addresses that one account wants in place of its own.
    Names,
    /// Messages to one email address that visitors ask for.
    MailRecipient,
    /// Messages that one address block asks for.
    MailAddress,
    /// Messages to one email address without an account.
    MailStranger,
}

impl Budget {
    pub const ALL: [Self; 21] = [
        Self::Account,
        Self::Device,
        Self::Address,
        Self::Network,
        Self::SignUpAddress,
        Self::SignUpNetwork,
        Self::SignUps,
        Self::ShareAddress,
        Self::Share,
        Self::Refresh,
        Self::Introspect,
        Self::Inspect,
        Self::Searches,
        Self::Uploads,
        Self::Exports,
        Self::Links,
        Self::Thumbnails,
        Self::Names,
        Self::MailRecipient,
        Self::MailAddress,
        Self::MailStranger,
    ];

    /// The name of the setting, and of the budget in its row.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::Device => "device",
            Self::Address => "address",
            Self::Network => "network",
            Self::SignUpAddress => "sign_up_address",
            Self::SignUpNetwork => "sign_up_network",
            Self::SignUps => "sign_ups",
            Self::ShareAddress => "share_address",
            Self::Share => "share",
            Self::Refresh => "refresh",
            Self::Introspect => "introspect",
            Self::Inspect => "inspect",
            Self::Searches => "searches",
            Self::Uploads => "uploads",
            Self::Exports => "exports",
            Self::Links => "links",
            Self::Thumbnails => "thumbnails",
            Self::Names => "names",
            Self::MailRecipient => "mail_recipient",
            Self::MailAddress => "mail_address",
            Self::MailStranger => "mail_stranger",
        }
    }

    /// `None`: no limit.
    pub fn rate(self, config: &LimitsConfig) -> Option<Rate> {
        if !config.enabled {
            return None;
        }
        match self {
            Self::Account => config.account,
            Self::Device => config.device,
            Self::Address => config.address,
            Self::Network => config.network,
            Self::SignUpAddress => config.sign_up_address,
            Self::SignUpNetwork => config.sign_up_network,
            Self::SignUps => config.sign_ups,
            Self::ShareAddress => config.share_address,
            Self::Share => config.share,
            Self::Refresh => config.refresh,
            Self::Introspect => config.introspect,
            Self::Inspect => config.inspect,
            Self::Searches => config.searches,
            Self::Uploads => config.uploads,
            Self::Exports => config.exports,
            Self::Links => config.links,
            Self::Thumbnails => config.thumbnails,
            Self::Names => config.names,
            Self::MailRecipient => config.mail_recipient,
            Self::MailAddress => config.mail_address,
            Self::MailStranger => config.mail_stranger,
        }
    }
}
