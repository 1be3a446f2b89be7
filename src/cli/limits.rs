//! `doorward limits`

use std::net::IpAddr;

use clap::{ArgGroup, Subcommand};

use super::{say, wait};
use crate::app::Services;
use crate::base::clock::{Clock, rfc3339};
use crate::base::fault::Fault;
use crate::config::Config;
use crate::limits::{self, Subject};

const LISTED_MAX: i64 = 1000;

#[derive(Subcommand)]
pub enum Command {
    /// List the budgets that are not full: budget, key (an HMAC of the account or address), when it is full again
    List,
    /// Fill the budgets of an account or an address
    #[command(group(ArgGroup::new("whose").required(true)))]
    Clear {
        /// The username or email address of an account
        #[arg(long, value_name = "NAME", group = "whose")]
        account: Option<String>,
        /// An IP address
        #[arg(long, value_name = "ADDRESS", group = "whose")]
        address: Option<IpAddr>,
    },
}

pub fn run(command: Command, config: Config) -> Result<(), Fault> {
    let services = Services::prepare(config, Clock::System)?;
    match command {
        Command::List => {
            let listed = services.db.read(|db| limits::list(db, LISTED_MAX));
            for row in wait(listed)? {
                say(format_args!(
                    "{}\t{}\t{}",
                    row.budget,
                    row.key,
                    rfc3339(row.full_at)
                ));
            }
        }
        Command::Clear { account, address } => {
            let cleared = wait(async {
                let account = match &account {
                    Some(name) => Some(
                        services
                            .accounts
                            .find_by_login(name)
                            .await?
                            .ok_or_else(|| Fault::new(format!("there is no account {name:?}")))?,
                    ),
                    None => None,
                };
                let address = address.map(|address| address.to_string());
                let whose = match &account {
                    Some(account) => Subject::Account(account.id),
                    None => Subject::Address(address.as_deref().unwrap_or_default()),
                };
                services.limits.clear(whose).await
            })?;
            say(format_args!(
                "Budgets filled: {cleared}. A running server may refuse until the Retry-After that it has sent has passed."
            ));
        }
    }
    Ok(())
}
