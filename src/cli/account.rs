//! `doorward account`

use std::io::{BufRead, IsTerminal};

use clap::Subcommand;

use super::{say, wait};
use crate::access::Role;
use crate::accounts::{NewAccount, SignUpError};
use crate::app::Ground;
use crate::base::clock::{Clock, rfc3339};
use crate::base::fault::Fault;
use crate::base::names::{Email, NewPassword, PersonName, Refusal, Username};
use crate::config::Config;
use crate::passwords::HashError;
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
                    "{}\t{}\t{}\t{}\t{}\t{}",
                    account.id,
                    or_none(account.username),
                    or_none(account.email),
                    account.role.as_str(),
                    rfc3339(account.created_at),
                    or_none(account.name),
                ));
            }
        }
    }
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
