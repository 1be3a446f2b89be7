//! `doorward account`

use std::io::{BufRead, IsTerminal};

use clap::Subcommand;

use super::{confirmed, say, wait};
use crate::access::Role;
use crate::accounts::{
    self, Account, Changes, Conflict, NewAccount, Refused, Search, SignUpError, State,
};
use crate::administration;
use crate::app::Ground;
use crate::base::clock::{Clock, UnixSeconds, rfc3339};
use crate::base::fault::Fault;
use crate::base::names::{Email, Groups, Login, NewPassword, PersonName, Refusal, Username};
use crate::base::version::Expected;
use crate::config::Config;
use crate::passwords::HashError;
use crate::sessions::{self, EndReason};
use crate::shares;
use crate::storage::AnyConnection;
use crate::tokens::Tokens;

/// Accounts that are read at once.
const PAGE: usize = 500;

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
    /// List accounts, the oldest first
    List {
        /// Only those with this in their username or email address
        text: Option<String>,
    },
    /// Change the names of an account; an empty one takes it away
    Rename {
        /// Username or email address
        who: String,
        #[arg(long)]
        username: Option<String>,
        #[arg(long)]
        email: Option<String>,
        #[arg(long)]
        name: Option<String>,
    },
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
    /// Put it into these groups and no others; signs its owner out everywhere
    Groups {
        /// Username or email address
        who: String,
        /// Their names; none takes it out of all
        groups: Vec<String>,
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
    /// Sign its owner out everywhere; or everybody, as after a restored backup
    SignOut {
        /// Username or email address
        #[arg(required_unless_present = "all", conflicts_with = "all")]
        who: Option<String>,
        /// Every account, administrators too
        #[arg(long)]
        all: bool,
    },
    /// Revoke every link to its files
    RevokeLinks {
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
            let account = wait(async { ground.accounts.make(new, role).await.map_err(words) })?;
            say(format_args!(
                "Added {} ({}), {}.",
                account.greeting(),
                account.role.as_str(),
                account.id
            ));
        }
        Command::List { text } => {
            let search = Search {
                text: text.unwrap_or_default(),
                ..Search::default()
            };
            wait(async {
                let mut after = None;
                loop {
                    let page = ground.accounts.list(search.clone(), after, PAGE);
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
            wait(Tokens::check_secret(&ground.db, &ground.secret))?;
            let account = find(&ground, &who)?;
            let min_length = ground.config.passwords.min_length;
            let new = given(NewPassword::parse(&read_password()?, min_length))?;
            let hash = wait(async {
                let hash = ground.accounts.prepare_password(&account, &new).await;
                hash.map_err(|error| words(SignUpError::Password(error)))
            })?;
            let id = account.id;
            change(&ground, &account, "has a new password", move |tx, now| {
                accounts::set_password(tx, id, &hash)?;
                Ok(sessions::end_all(tx, id, None, now, EndReason::PasswordChanged).map(drop)?)
            })?;
        }
        Command::Rename {
            who,
            username,
            email,
            name,
        } => {
            let changes = Changes {
                username: renamed(username, |text| Username::parse(text).map(Some))?,
                email: renamed(email, |text| Email::parse(text).map(Some))?,
                name: renamed(name, PersonName::parse)?,
                ..Changes::default()
            };
            update(&ground, &who, changes, "has the names that were given")?;
        }
        Command::Role { who, role } => {
            let changes = Changes {
                role: Some(role),
                ..Changes::default()
            };
            update(&ground, &who, changes, &format!("is {} now", role.as_str()))?;
        }
        Command::Groups { who, groups } => {
            let groups = given(Groups::parse(&groups.join(" ")))?;
            let done = match groups.names() {
                [] => "is in no group".to_owned(),
                names => format!("is in {}", names.join(", ")),
            };
            let changes = Changes {
                groups: Some(groups),
                ..Changes::default()
            };
            update(&ground, &who, changes, &done)?;
        }
        Command::Disable { who } => {
            let changes = Changes {
                state: Some(State::Disabled),
                ..Changes::default()
            };
            update(&ground, &who, changes, "is disabled")?;
        }
        Command::Enable { who } => {
            let changes = Changes {
                state: Some(State::Active),
                ..Changes::default()
            };
            update(&ground, &who, changes, "is active")?;
        }
        Command::Delete { who, yes } => {
            let account = find(&ground, &who)?;
            let name = account.greeting();
            if !yes && !confirmed(&format!("Delete {name} and all that is in the account?"))? {
                return Err(Fault::new("nothing was deleted"));
            }
            let id = account.id;
            change(&ground, &account, "is deleted", move |tx, now| {
                administration::delete(tx, id, &Expected::Any, now).map(drop)
            })?;
        }
        Command::SignOut { who: None, .. } => sign_everybody_out(&ground)?,
        Command::SignOut { who: Some(who), .. } => {
            let account = find(&ground, &who)?;
            let id = account.id;
            change(
                &ground,
                &account,
                "is signed out everywhere",
                move |tx, now| {
                    Ok(sessions::end_all(tx, id, None, now, EndReason::Account).map(drop)?)
                },
            )?;
        }
        Command::RevokeLinks { who } => {
            let account = find(&ground, &who)?;
            let id = account.id;
            let done = "has no open links to files";
            change(&ground, &account, done, move |tx, now| {
                Ok(shares::revoke_all(tx, id, now).map(drop)?)
            })?;
        }
    }
    Ok(())
}

fn print(account: Account) {
    let or_none = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    say(format_args!(
        "{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}",
        account.id,
        or_none(account.username),
        or_none(account.email),
        account.role.as_str(),
        account.state.as_str(),
        rfc3339(account.created_at),
        or_none(account.name),
        or_none(Some(account.groups.to_text()).filter(|text| !text.is_empty())),
    ));
}

/// `None` where nothing was said, and an inner `None` for an empty text.
fn renamed<T>(
    text: Option<String>,
    parse: impl FnOnce(&str) -> Result<Option<T>, Refusal>,
) -> Result<Option<Option<T>>, Fault> {
    match text.as_deref().map(str::trim) {
        None => Ok(None),
        Some("") => Ok(Some(None)),
        Some(text) => given(parse(text)).map(Some),
    }
}

fn update(ground: &Ground, who: &str, changes: Changes, done: &str) -> Result<(), Fault> {
    let account = find(ground, who)?;
    let id = account.id;
    change(ground, &account, done, move |tx, now| {
        administration::update(tx, id, &changes, &Expected::Any, now).map(drop)
    })
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

fn sign_everybody_out(ground: &Ground) -> Result<(), Fault> {
    let now = ground.clock.now();
    let ended = wait(async {
        let mut ended = 0;
        loop {
            let some = ground
                .db
                .write_on_full_disk(move |tx| sessions::end_everywhere(tx, now))
                .await?;
            ended += some;
            // People may go on signing in: the last batch is one that is not full.
            if some < sessions::ENDED_AT_ONCE {
                return Ok(ended);
            }
        }
    })?;
    say(format_args!("{ended} sessions and links have ended."));
    Ok(())
}

/// Running servers see within a second what it has ended: they read it in the table.
fn change(
    ground: &Ground,
    account: &Account,
    done: &str,
    change: impl FnOnce(&mut AnyConnection, UnixSeconds) -> Result<(), Refused> + Send + 'static,
) -> Result<(), Fault> {
    let (now, id) = (ground.clock.now(), account.id);
    wait(async {
        Ok(ground
            .db
            .write_on_full_disk(move |tx| change(tx, now))
            .await?)
    })?;
    say(format_args!("{} {done}.", account.greeting()));
    let open = wait(ground.db.read(move |db| shares::count_open(db, id, now)))?;
    if open > 0 {
        say(format_args!(
            "Links to files of this account that can be opened while it is active: {open}. \
             `account revoke-links` revokes them."
        ));
    }
    Ok(())
}

fn given<T>(parsed: Result<T, Refusal>) -> Result<T, Fault> {
    parsed.map_err(Fault::new)
}

fn words(error: SignUpError) -> Fault {
    match error {
        SignUpError::Taken(Conflict::Username) => Fault::new("that username is taken"),
        SignUpError::Taken(Conflict::Email) => Fault::new("that email address is taken"),
        SignUpError::Reserved(words) => Fault::new(words),
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
