//! `doorward keys`

use clap::Subcommand;

use super::{say, wait};
use crate::app::Services;
use crate::base::clock::{Clock, rfc3339};
use crate::base::fault::Fault;
use crate::config::Config;
use crate::tokens::{KeyState, ListedKey, PreviousKeys, Tokens};

#[derive(Subcommand)]
pub enum Command {
    /// List the signing keys: ID, algorithm, state, when it starts to sign, when its tokens stop being accepted
    List,
    /// Sign with the next key from now on; tokens signed with the previous key stay valid until they expire
    Rotate {
        /// Also reject all tokens signed with earlier keys, at once; for a stolen key
        #[arg(long)]
        revoke: bool,
    },
}

pub fn run(command: Command, config: Config) -> Result<(), Fault> {
    let Services {
        db, clock, secret, ..
    } = Services::prepare(config, Clock::System)?;
    match command {
        Command::List => list(&wait(Tokens::list_keys(&db, &secret))?),
        Command::Rotate { revoke } => {
            let previous = if revoke {
                PreviousKeys::Revoke
            } else {
                PreviousKeys::Retire
            };
            let known = wait(Tokens::rotate_keys(&db, &secret, previous))?;
            let now = clock.now();
            let waiting = known
                .iter()
                .find(|key| key.state == KeyState::Next && key.active_at < now + 3600);
            match waiting {
                Some(key) => say(format_args!(
                    "The next key has not been published for long enough: it starts to sign at {}.",
                    rfc3339(key.active_at)
                )),
                None => say("The next key signs now. Running servers use it within a second."),
            }
            list(&known);
        }
    }
    Ok(())
}

fn list(keys: &[ListedKey]) {
    for key in keys {
        let ends = key.ends_at.map_or_else(|| "-".to_owned(), rfc3339);
        say(format_args!(
            "{}\t{}\t{}\t{}\t{ends}",
            key.id,
            key.algorithm.as_str(),
            key.state.as_str(),
            rfc3339(key.active_at),
        ));
    }
}
