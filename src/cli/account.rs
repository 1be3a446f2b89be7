//! `doorward account`

use std::io::{BufRead, IsTerminal};

use clap::{ArgGroup, Subcommand};
use secrecy::ExposeSecret;

use super::{confirmed, say, wait};
use crate::access::Role;
use crate::accounts::{
    self, Account, AccountState, Changes, NewAccount, Refused, Search, SentChanges, SentNames,
    SignUpError,
};
use crate::administration;
use crate::app::Services;
use crate::base::clock::{Clock, rfc3339};
use crate::base::event::{Action, Event};
use crate::base::fault::Fault;
use crate::base::names::{Groups, within_sentence};
use crate::base::version::ExpectedVersion;
use crate::config::Config;
use crate::invitations::{self, NewInvitation, Sent};
use crate::sessions::{self, EndReason};
use crate::shares;
use crate::storage::Tx;
use crate::tokens::Tokens;

/// Accounts that are read in one query.
const PAGE: usize = 500;

#[derive(Subcommand)]
pub enum Command {
    /// Add an account; the password is read from a prompt or from the first line of stdin
    Add {
        /// The username; required unless there is an email address
        #[arg(long, required_unless_present = "email")]
        username: Option<String>,
        /// The email address, which its owner can also sign in with
        #[arg(long)]
        email: Option<String>,
        /// The name that pages show
        #[arg(long)]
        name: Option<String>,
        /// Make the account an administrator, who can manage all accounts
        #[arg(long)]
        administrator: bool,
    },
    /// Invite a person to create an account; without an email address, prints the link
    Invite {
        /// Send the link to this email address
        #[arg(long)]
        email: Option<String>,
        /// The role of the account: member or administrator
        #[arg(long, value_parser = role, default_value = "member")]
        role: Role,
        /// A group of the account; can be given several times
        #[arg(long = "group", value_name = "GROUP")]
        groups: Vec<String>,
        /// Days until the invitation expires
        #[arg(long, default_value_t = invitations::DAYS)]
        days: i64,
        /// The number of accounts that can be created with the link
        #[arg(long, default_value_t = 1)]
        uses: i64,
    },
    /// List accounts, oldest first: ID, username, email address, role, state, creation time, name, groups, whether the address is confirmed
    List {
        /// List only accounts whose username or email address contains this text
        text: Option<String>,
    },
    /// Change the username, email address or name of an account
    #[command(group = ArgGroup::new("change").args(["username", "email", "name"]).required(true).multiple(true))]
    Rename {
        /// Username or email address
        #[arg(value_name = "ACCOUNT")]
        who: String,
        /// The new username; an empty value removes it
        #[arg(long)]
        username: Option<String>,
        /// The new email address; an empty value removes it
        #[arg(long)]
        email: Option<String>,
        /// The new name; an empty value removes it
        #[arg(long)]
        name: Option<String>,
    },
    /// Set a new password, read as for `account add`; signs the account out everywhere
    Password {
        /// Username or email address
        #[arg(value_name = "ACCOUNT")]
        who: String,
    },
    /// Send the owner of an account a link to set a new password
    Reset {
        /// Username or email address
        #[arg(value_name = "ACCOUNT")]
        who: String,
    },
    /// Change the role of an account; signs it out everywhere
    Role {
        /// Username or email address
        #[arg(value_name = "ACCOUNT")]
        who: String,
        /// The new role: member or administrator
        #[arg(value_parser = role)]
        role: Role,
    },
    /// Replace the groups of an account; signs it out everywhere
    Groups {
        /// Username or email address
        #[arg(value_name = "ACCOUNT")]
        who: String,
        /// The groups that it is in from now on; without any, it is removed from all groups
        groups: Vec<String>,
    },
    /// Disable an account: it is signed out everywhere and cannot sign in; its data stays
    Disable {
        /// Username or email address
        #[arg(value_name = "ACCOUNT")]
        who: String,
    },
    /// Enable a disabled account, so that it can sign in again
    Enable {
        /// Username or email address
        #[arg(value_name = "ACCOUNT")]
        who: String,
    },
    /// Delete an account with its files and all its other data
    Delete {
        /// Username or email address
        #[arg(value_name = "ACCOUNT")]
        who: String,
        /// Do not ask for confirmation
        #[arg(long)]
        yes: bool,
    },
    /// Sign an account out everywhere, or all accounts, as after restoring a backup
    SignOut {
        /// Username or email address
        #[arg(
            value_name = "ACCOUNT",
            required_unless_present = "all",
            conflicts_with = "all"
        )]
        who: Option<String>,
        /// Sign out all accounts, including administrators
        #[arg(long)]
        all: bool,
    },
    /// Revoke all links to the files of an account
    RevokeLinks {
        /// Username or email address
        #[arg(value_name = "ACCOUNT")]
        who: String,
    },
}

fn role(text: &str) -> Result<Role, String> {
    Role::parse(text).ok_or_else(|| within_sentence(accounts::UNKNOWN_ROLE))
}

pub fn run(command: Command, config: Config) -> Result<(), Fault> {
    let services = Services::prepare(config, Clock::System)?;
    match command {
        Command::Add {
            username,
            email,
            name,
            administrator,
        } => {
            // A hash under another secret than the server's could never be verified.
            wait(Tokens::check_secret(&services.db, &services.secret))?;
            let min_length = services.config.passwords.min_length;
            let names = SentNames {
                username: username.as_deref(),
                email: email.as_deref(),
                name: name.as_deref(),
            };
            let new = NewAccount::parse(names, &read_password()?, min_length)?;
            let role = if administrator {
                Role::Administrator
            } else {
                Role::Member
            };
            let account = wait(async { Ok(services.accounts.make(new, role).await?) })?;
            say(format_args!(
                "Added {} ({}), {}.",
                account.greeting(),
                account.role.as_str(),
                account.id
            ));
        }
        Command::Invite {
            email,
            role,
            groups,
            days,
            uses,
        } => {
            wait(Tokens::check_secret(&services.db, &services.secret))?;
            let new = NewInvitation::parse(Sent {
                email: email.as_deref(),
                role: Some(role.as_str()),
                groups,
                days: Some(days),
                uses: Some(uses),
            })?;
            let base_url = services
                .config
                .usual_base_url()
                .ok_or_else(|| Fault::new("the address of the site is not known: set base_url"))?;
            let made = wait(services.invitations.make(new))?;
            match (made.invitation.email, made.token) {
                (None, Some(token)) => say(format_args!(
                    "{}{}?token={}",
                    base_url.as_str(),
                    invitations::PATH,
                    token.expose_secret()
                )),
                (email, _) => say(format_args!(
                    "The server sends the invitation to {}.",
                    email.unwrap_or_default()
                )),
            }
        }
        Command::List { text } => {
            let search = Search {
                text: text.unwrap_or_default(),
                ..Search::default()
            };
            wait(async {
                let mut after = None;
                loop {
                    let page = services.accounts.list(search.clone(), after, PAGE);
                    let (accounts, next) = page.await?;
                    accounts.into_iter().for_each(print);
                    if next.is_none() {
                        return Ok(());
                    }
                    after = next;
                }
            })?;
        }
        Command::Password { who } => {
            wait(Tokens::check_secret(&services.db, &services.secret))?;
            let account = find(&services, &who)?;
            let min_length = services.config.passwords.min_length;
            let new = accounts::parse_password(&read_password()?, min_length)?;
            let hash = wait(async {
                let hash = services.accounts.prepare_password(&account, &new).await;
                Ok(hash.map_err(SignUpError::from)?)
            })?;
            let id = account.id;
            change(&services, &account, "has a new password now", move |tx| {
                tx.record(Event::done(Action::ChangePassword).about(id));
                Ok(sessions::set_password(tx, id, &hash).map(drop)?)
            })?;
        }
        Command::Reset { who } => {
            wait(Tokens::check_secret(&services.db, &services.secret))?;
            let account = find(&services, &who)?;
            if !wait(services.recovery.send_reset(account.id))? {
                return Err(Fault::new(
                    "the account is disabled or has no email address",
                ));
            }
            let to = account.email.unwrap_or_default();
            say(format_args!("The server sends the link to {to}."));
        }
        Command::Rename {
            who,
            username,
            email,
            name,
        } => {
            let sent = SentChanges {
                username: username.as_deref().map(SentChanges::text),
                email: email.as_deref().map(SentChanges::text),
                name: name.as_deref().map(SentChanges::text),
                ..SentChanges::default()
            };
            rename(&services, &who, sent)?;
        }
        Command::Role { who, role } => {
            let changes = Changes {
                role: Some(role),
                ..Changes::default()
            };
            let done = match role {
                Role::Administrator => "is an administrator now",
                Role::Member => "is a member now",
            };
            update(&services, &find(&services, &who)?, changes, done)?;
        }
        Command::Groups { who, groups } => {
            let account = find(&services, &who)?;
            let sent = SentChanges {
                groups: Some(Groups::split(&groups.join(" "))),
                ..SentChanges::default()
            };
            let changes = Changes::parse(sent, &account)?;
            let done = match changes.groups.as_ref().map_or(&[][..], Groups::names) {
                [] => "is not in any group now".to_owned(),
                [name] => format!("is in the group {name} now"),
                names => format!("is in the groups {} now", names.join(", ")),
            };
            update(&services, &account, changes, &done)?;
        }
        Command::Disable { who } => {
            let changes = Changes {
                state: Some(AccountState::Disabled),
                ..Changes::default()
            };
            update(
                &services,
                &find(&services, &who)?,
                changes,
                "is disabled now",
            )?;
        }
        Command::Enable { who } => {
            let changes = Changes {
                state: Some(AccountState::Active),
                ..Changes::default()
            };
            update(&services, &find(&services, &who)?, changes, "is active now")?;
        }
        Command::Delete { who, yes } => {
            let account = find(&services, &who)?;
            let name = account.greeting();
            if !yes
                && !confirmed(&format!(
                    "Delete the account {name} with its files and all its other data?"
                ))?
            {
                return Err(Fault::new("nothing was deleted"));
            }
            let id = account.id;
            change(&services, &account, "is deleted", move |tx| {
                administration::delete(tx, id, &ExpectedVersion::Any).map(drop)
            })?;
        }
        Command::SignOut { who: None, .. } => sign_all_out(&services)?,
        Command::SignOut { who: Some(who), .. } => {
            let account = find(&services, &who)?;
            let id = account.id;
            change(&services, &account, "is signed out everywhere", move |tx| {
                Ok(sessions::sign_out_everywhere(tx, id, None, EndReason::Account).map(drop)?)
            })?;
        }
        Command::RevokeLinks { who } => {
            let account = find(&services, &who)?;
            let id = account.id;
            let done = "has no open links to files now";
            change(&services, &account, done, move |tx| {
                let now = tx.now();
                Ok(shares::revoke_all(tx, id, now).map(drop)?)
            })?;
        }
    }
    Ok(())
}

fn print(account: Account) {
    let confirmed = match (&account.email, account.email_verified_at) {
        (None, _) => "-",
        (Some(_), None) => "not confirmed",
        (Some(_), Some(_)) => "confirmed",
    };
    let or_none = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    say(format_args!(
        "{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}",
        account.id,
        or_none(account.username),
        or_none(account.email),
        account.role.as_str(),
        account.state.as_str(),
        rfc3339(account.created_at),
        or_none(account.name),
        or_none(Some(account.groups.to_text()).filter(|text| !text.is_empty())),
        confirmed,
    ));
}

fn update(
    services: &Services,
    account: &Account,
    changes: Changes,
    done: &str,
) -> Result<(), Fault> {
    write(services, account, changes)?;
    tell(services, account, done)
}

/// Returns the account as it is now.
fn write(services: &Services, account: &Account, changes: Changes) -> Result<Account, Fault> {
    let (id, any) = (account.id, ExpectedVersion::Any);
    let updated = administration::update(&services.db, &services.recovery, id, changes, any);
    wait(async { Ok(updated.await.map(|(account, _)| account)?) })
}

/// Prints the changes.
fn rename(services: &Services, who: &str, sent: SentChanges<'_>) -> Result<(), Fault> {
    let before = find(services, who)?;
    let changes = Changes::parse(sent, &before)?;
    let after = write(services, &before, changes)?;
    let mut is_changed = false;
    for (what, old, new) in [
        ("Username", &before.username, &after.username),
        ("Email address", &before.email, &after.email),
        ("Name", &before.name, &after.name),
    ] {
        if old != new {
            is_changed = true;
            let or_none = |name: &Option<String>| name.clone().unwrap_or_else(|| "none".to_owned());
            say(format_args!("{what}: {} → {}.", or_none(old), or_none(new)));
        }
    }
    if !is_changed {
        say(format_args!(
            "Nothing has changed: the account {} has these names already.",
            before.greeting()
        ));
    }
    Ok(())
}

fn find(services: &Services, who: &str) -> Result<Account, Fault> {
    wait(services.accounts.find_by_login(who))?
        .ok_or_else(|| Fault::new("there is no account with this username or email address"))
}

fn sign_all_out(services: &Services) -> Result<(), Fault> {
    let ended = wait(async {
        let mut ended = 0;
        loop {
            let some = services
                .db
                .write_on_full_disk(sessions::end_everywhere)
                .await?;
            ended += some;
            // Sign-ins may continue meanwhile: the last batch is one that is not full.
            if some < sessions::ENDED_AT_ONCE {
                return Ok(ended);
            }
        }
    })?;
    say(match ended {
        1 => "1 session or link has ended.".to_owned(),
        ended => format!("{ended} sessions and links have ended."),
    });
    Ok(())
}

/// Running servers read the ended sessions in the table within a second.
fn change(
    services: &Services,
    account: &Account,
    done: &str,
    change: impl FnOnce(&mut Tx<'_>) -> Result<(), Refused> + Send + 'static,
) -> Result<(), Fault> {
    wait(async { Ok(services.db.write_on_full_disk(change).await?) })?;
    tell(services, account, done)
}

fn tell(services: &Services, account: &Account, done: &str) -> Result<(), Fault> {
    let id = account.id;
    say(format_args!("{} {done}.", account.greeting()));
    let open = wait(services.db.read(move |db| {
        let now = db.now();
        shares::count_open(db, id, now)
    }))?;
    if open > 0 {
        say(format_args!(
            "Open links to files of this account: {open}. They work while the account is active; \
             `account revoke-links` revokes them."
        ));
    }
    Ok(())
}

fn read_password() -> Result<String, Fault> {
    let read = if std::io::stdin().is_terminal() {
        rpassword::prompt_password("Password: ")
    } else {
        std::io::stdin()
            .lock()
            .lines()
            .next()
            .unwrap_or_else(|| Ok(String::new()))
    };
    read.map_err(|error| Fault::caused("the password cannot be read", error))
}
