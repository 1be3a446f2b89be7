//! The commands. Each ends with 0, or says on stderr what is wrong and ends with 1; with 2 when
//! it was called wrongly or the settings are.

mod account;
mod config;
mod database;
mod doctor;
mod import;
mod keys;
mod log;
mod serve;
mod token;

use std::fmt::Display;
use std::io::{BufRead, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::base::fault::Fault;
use crate::config::{Config, Flags};
use crate::files::decoder;

#[derive(Parser)]
#[command(
    name = "doorward",
    version,
    about = "A small, fast login server",
    infer_subcommands = false,
    after_help = "Settings come from doorward.toml, .env, the environment (DOORWARD_TOPIC__KEY) and flags; of two, the later counts."
)]
struct Cli {
    #[command(flatten)]
    settings: Settings,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Args)]
#[command(next_help_heading = "Settings")]
struct Settings {
    /// Read this settings file instead of doorward.toml
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The address or name and the port to serve on, or unix:PATH
    #[arg(long, global = true, value_name = "ADDRESS")]
    listen: Option<String>,
    /// The folder for the database, keys and secrets
    #[arg(long, global = true, value_name = "FOLDER")]
    data_dir: Option<String>,
    /// Any other setting, as `config show` names it; not for secrets, which others could see
    #[arg(long, global = true, value_name = "KEY=VALUE", value_parser = key_and_value)]
    set: Vec<(String, String)>,
}

#[derive(Subcommand)]
enum Command {
    /// Serve (what happens without a command, too)
    Serve,
    /// Bring the database's schema up to date
    Migrate,
    /// Delete everything in the database and make it anew
    ResetDb {
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Accounts: add, list, change, disable, delete, sign out
    #[command(subcommand)]
    Account(account::Command),
    /// Bring in the accounts of another program, with the hashes of their passwords
    Import(import::Arguments),
    /// Signing keys: list them, let the next one sign
    #[command(subcommand)]
    Keys(keys::Command),
    /// Tokens: show what one holds, and why it is or is not accepted
    #[command(subcommand)]
    Token(token::Command),
    /// Settings: show what is in force, and where it comes from
    #[command(subcommand)]
    Config(config::Command),
    /// Check settings, files and database, and say what is wrong
    Doctor,
    /// How the server calls itself to decode an image
    #[command(hide = true, name = decoder::COMMAND)]
    Thumbnail,
}

fn key_and_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.trim().is_empty() => {
            Ok((key.trim().to_owned(), value.to_owned()))
        }
        _ => Err("expected KEY=VALUE".to_owned()),
    }
}

/// Parses the command line and does what it says.
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    // It knows one image and no settings.
    if let Some(Command::Thumbnail) = cli.command {
        return code_of(decoder::run());
    }
    let mut set = cli.settings.set;
    set.extend(
        cli.settings
            .listen
            .map(|value| ("listen".to_owned(), value)),
    );
    set.extend(
        cli.settings
            .data_dir
            .map(|value| ("data_dir".to_owned(), value)),
    );
    let config = match Config::load(Flags {
        file: cli.settings.config,
        set,
    }) {
        Ok(config) => config,
        Err(problems) => {
            complain(format_args!(
                "the settings are not right:\n  {}",
                problems.join("\n  ")
            ));
            return ExitCode::from(2);
        }
    };
    let done = match cli.command.unwrap_or(Command::Serve) {
        Command::Serve => serve::run(config),
        Command::Migrate => database::migrate(config),
        Command::ResetDb { yes } => database::reset(config, yes),
        Command::Account(command) => account::run(command, config),
        Command::Import(arguments) => import::run(arguments, config),
        Command::Keys(command) => keys::run(command, config),
        Command::Token(command) => token::run(command, &config),
        Command::Config(config::Command::Show) => config::show(&config),
        Command::Doctor => doctor::run(&config),
        // Done above.
        Command::Thumbnail => Ok(()),
    };
    code_of(done)
}

fn code_of(done: Result<(), Fault>) -> ExitCode {
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            complain(fault);
            ExitCode::FAILURE
        }
    }
}

/// Prints a line for the person who called. Who has closed the other end has read enough.
fn say(line: impl Display) {
    writeln!(std::io::stdout(), "{line}").ok();
}

/// Asks before something is deleted.
fn confirmed(question: &str) -> Result<bool, Fault> {
    if !std::io::stdin().is_terminal() {
        return Err(Fault::new(
            "nobody is there to ask: say --yes to delete without a question",
        ));
    }
    print!("{question} Type yes: ");
    std::io::stdout().flush().ok();
    let mut answer = String::new();
    std::io::stdin()
        .lock()
        .read_line(&mut answer)
        .map_err(|error| Fault::caused("read the answer", error))?;
    Ok(answer.trim() == "yes")
}

fn complain(line: impl Display) {
    writeln!(std::io::stderr(), "doorward: {line}").ok();
}

/// Runs what a command waits for.
fn wait<T>(work: impl Future<Output = Result<T, Fault>>) -> Result<T, Fault> {
    actix_web::rt::System::new().block_on(work)
}
