//! `doorward mail`

use clap::Subcommand;

use super::{say, wait};
use crate::app::Services;
use crate::base::clock::{Clock, rfc3339};
use crate::base::fault::Fault;
use crate::base::ids::MailId;
use crate::config::Config;
use crate::mail::{Outbox, State};

const LISTED_MAX: i64 = 1000;

#[derive(Subcommand)]
pub enum Command {
    /// List the messages that are not sent: ID, kind, recipient, created, when it is tried next (or "failed"), attempts, problem
    List,
    /// Send a message again now, with two more days for attempts
    Retry {
        /// As in the list
        #[arg(value_name = "ID", value_parser = id)]
        id: MailId,
    },
    /// Delete a message without sending it
    Delete {
        /// As in the list
        #[arg(value_name = "ID", value_parser = id)]
        id: MailId,
    },
}

fn id(text: &str) -> Result<MailId, String> {
    MailId::parse(text).ok_or_else(|| "expected an ID, as `doorward mail list` shows".to_owned())
}

pub fn run(command: Command, config: Config) -> Result<(), Fault> {
    let services = Services::prepare(config, Clock::System)?;
    let outbox = Outbox::new(services.db);
    let (id, is_done) = match command {
        Command::List => {
            for message in wait(outbox.list(LISTED_MAX))? {
                let next = match message.state {
                    State::Pending { due_at } => rfc3339(due_at),
                    State::Failed => "failed".to_owned(),
                };
                say(format_args!(
                    "{}\t{}\t{}\t{}\t{next}\t{}\t{}",
                    message.id,
                    message.kind,
                    message.recipient,
                    rfc3339(message.created_at),
                    message.attempts,
                    message.problem.unwrap_or_default()
                ));
            }
            return Ok(());
        }
        Command::Retry { id } => (id, wait(outbox.retry(id))?),
        Command::Delete { id } => (id, wait(outbox.delete(id))?),
    };
    if is_done {
        Ok(())
    } else {
        Err(Fault::new(format!(
            "there is no message {id}, or it is being sent now"
        )))
    }
}
