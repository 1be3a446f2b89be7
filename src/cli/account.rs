//! `doorward account`

use std::io::{BufRead, IsTerminal};

use clap::Subcommand;

use super::{confirmed, say, wait};
use crate::access::Role;
use crate::accounts::{self, Account, NewAccount, Refused, SignUpError};
use crate::app::Ground;
use crate::base::clock::{Clock, UnixSeconds, rfc3339};
use crate::base::fault::Fault;
use crate::base::names::{Email, Login, NewPassword, PersonName, Refusal, Username};
use crate::config::Config;
use crate::passwords::HashError;
use crate::sessions::{self, EndReason};
use crate::storage::AnyConnection;
use crate::tokens::Tokens;

#[derive(Subcommand)]
pub enum Command {
    /// Add an account; the password is read from a prompt, or from the first line of stdin
    Add {
        /// Needed unless there is an email address
        #[arg(long, required_unless_present = "email")]
        username: Option<String>,
        /// Where to reach them, and to sign in with
        #[arg(long)]
        email: Option<String>,
        /// What the site calls them
        #[arg(long)]
        name: Option<String>,
        /// May manage every other account
        #[arg(long)]
        administrator: bool,
    },
    /// List all accounts, the oldest first
    List,
    /// Set a new password, read as for `add`; signs its owner out everywhere
    Password {
        /// Username or email address
        who: String,
    },
    /// Change what an account may do; signs its owner out everywhere
    Role {
        /// Username or email address
        who: String,
        /// member or administrator
        #[arg(value_parser = role)]
        role: Role,
    },
    /// Let nobody sign in to an account, and sign its owner out everywhere; nothing is lost
    Disable {
        /// Username or email address
        who: String,
    },
    /// Let its owner sign in again
    Enable {
        /// Username or email address
        who: String,
    },
    /// Delete an account and all that is in it
    Delete {
        /// Username or email address
        who: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Sign its owner out everywhere
    SignOut {
        /// Username or email address
        who: String,
    },
}

fn role(text: &str) -> Result<Role, String> {
    Role::parse(text).ok_or_else(|| "expected member or administrator".to_owned())
}

pub fn run(command: Command, config: Config) -> Result<(), Fault> {
    let ground = Ground::prepare(config, Clock::System)?;
    match command {
        Command::Add {
            username,
            email,
            name,
            administrator,
        } => {
            // A hash under another secret than the server's would be good for nothing.
            wait(Tokens::check_secret(&ground.db, &ground.secret))?;
            let min_length = ground.config.passwords.min_length;
            let new = NewAccount {
                username: username
                    .map(|text| given(Username::parse(&text)))
                    .transpose()?,
                email: email.map(|text| given(Email::parse(&text))).transpose()?,
                name: given(PersonName::parse(name.as_deref().unwrap_or_default()))?,
                password: given(NewPassword::parse(&read_password()?, min_length))?,
            };
            let role = if administrator {
                Role::Administrator
            } else {
                Role::Member
            };
            let account = wait(async { ground.accounts.sign_up(new, role).await.map_err(words) })?;
            say(format_args!(
                "Added {} ({}), {}.",
                account.greeting(),
                account.role.as_str(),
                account.id
            ));
        }
        Command::List => {
            for account in wait(ground.accounts.list())? {
                let or_none = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
                say(format_args!(
                    "{}\t{}\t{}\t{}\t{}\t{}\t{}",
                    account.id,
                    or_none(account.username),
                    or_none(account.email),
                    account.role.as_str(),
                    account.state.as_str(),
                    rfc3339(account.created_at),
                    or_none(account.name),
                ));
            }
        }
        Command::Password { who } => {
            wait(Tokens::check_secret(&ground.db, &ground.secret))?;
            let account = find(&ground, &who)?;
            let min_length = ground.config.passwords.min_length;
            let new = given(NewPassword::parse(&read_password()?, min_length))?;
            let hash = wait(async {
                let hash = ground.accounts.prepare_password(&account, &new).await;
                hash.map_err(|error| words(SignUpError::Password(error)))
            })?;
            let id = account.id;
            change(&ground, &account, "has a new password", move |tx, _| {
                Ok(accounts::set_password(tx, id, &hash)?)
            })?;
        }
        Command::Role { who, role } => {
            let account = find(&ground, &who)?;
            let (id, done) = (account.id, format!("is {} now", role.as_str()));
            change(&ground, &account, &done, move |tx, _| {
                accounts::set_role(tx, id, role).map(drop)
            })?;
        }
        Command::Disable { who } => {
            let account = find(&ground, &who)?;
            let id = account.id;
            change(&ground, &account, "is disabled", move |tx, now| {
                accounts::disable(tx, id, now)
            })?;
        }
        Command::Enable { who } => {
            let account = find(&ground, &who)?;
            let id = account.id;
            change(&ground, &account, "is active", move |tx, _| {
                accounts::enable(tx, id)
            })?;
        }
        Command::Delete { who, yes } => {
            let account = find(&ground, &who)?;
            let question = format!(
                "Delete {} and all that is in the account?",
                account.greeting()
            );
            if !yes && !confirmed(&question)? {
                return Err(Fault::new("nothing was deleted"));
            }
            let id = account.id;
            change(&ground, &account, "is deleted", move |tx, now| {
                accounts::delete(tx, id, now)
            })?;
        }
        Command::SignOut { who } => {
            let account = find(&ground, &who)?;
            change(&ground, &account, "is signed out everywhere", |_, _| Ok(()))?;
        }
    }
    Ok(())
}

fn find(ground: &Ground, who: &str) -> Result<Account, Fault> {
    let login = Login::parse(who);
    let found = match login {
        Some(login) => wait(ground.accounts.find_credentials(login))?,
        None => None,
    };
    found
        .map(|found| found.account)
        .ok_or_else(|| Fault::new("there is no account of this name"))
}

/// Changes an account and ends its sessions; running servers see it within a second.
fn change(
    ground: &Ground,
    account: &Account,
    done: &str,
    change: impl FnOnce(&mut AnyConnection, UnixSeconds) -> Result<(), Refused> + Send + 'static,
) -> Result<(), Fault> {
    let (id, now) = (account.id, ground.clock.now());
    let changed = wait(async {
        let changed = ground.db.write(move |tx| {
            change(tx, now)?;
            // Whoever serves hears of it by reading the table.
            sessions::end_all(tx, id, None, now, EndReason::Account).map(drop)?;
            Ok(())
        });
        changed.await.map_err(|refused: Refused| match refused {
            Refused::Fault(fault) => fault,
            other => Fault::new(other.to_string()),
        })
    });
    changed?;
    say(format_args!("{} {done}.", account.greeting()));
    Ok(())
}

fn given<T>(parsed: Result<T, Refusal>) -> Result<T, Fault> {
    parsed.map_err(Fault::new)
}

fn words(error: SignUpError) -> Fault {
    match error {
        SignUpError::Taken { username: true, .. } => Fault::new("that username is taken"),
        SignUpError::Taken { .. } => Fault::new("that email address is taken"),
        SignUpError::Password(HashError::Weak) => {
            Fault::new("that password is easy to guess: use a longer one")
        }
        SignUpError::Password(HashError::Fault(fault)) | SignUpError::Fault(fault) => fault,
        SignUpError::Password(HashError::Busy(busy)) => Fault::caused("hash the password", busy),
    }
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
    read.map_err(|error| Fault::caused("read the password", error))
}
