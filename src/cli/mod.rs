//! The commands. Each ends with 0, or says on stderr what is wrong and ends with 1; it ends with 2
//! when its arguments or the settings are wrong.

mod account;
mod audit;
mod config;
mod database;
mod doctor;
mod import;
mod keys;
mod limits;
mod log;
mod mail;
mod serve;
mod token;

use std::fmt::Display;
use std::io::{BufRead, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{ArgMatches, Args, CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::base::fault::Fault;
use crate::config::{Config, Flags};
use crate::files::decoder;

#[derive(Parser)]
#[command(
    name = "doorward",
    version,
    about = "A small, fast login server",
    infer_subcommands = false,
    after_help = "Settings come from doorward.toml, .env, the environment (DOORWARD_TOPIC__KEY) and flags; a later source in this list replaces an earlier one."
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
    /// Listen on this address or host name and port, or on unix:PATH
    #[arg(long, global = true, value_name = "ADDRESS")]
    listen: Option<String>,
    /// Keep the database, keys and secrets in this folder
    #[arg(long, global = true, value_name = "FOLDER")]
    data_dir: Option<String>,
    /// Change any other setting, named as in `config show`; not for secrets, because other users of this machine can read them here
    #[arg(long, global = true, value_name = "KEY=VALUE", value_parser = key_and_value)]
    set: Vec<(String, String)>,
}

#[derive(Subcommand)]
enum Command {
    /// Start the server (also the default without a command)
    Serve,
    /// Update the database schema
    Migrate,
    /// Delete everything in the database and create it again
    ResetDb {
        /// Do not ask for confirmation
        #[arg(long)]
        yes: bool,
    },
    /// Add, list, change, disable, delete or sign out accounts
    #[command(subcommand)]
    Account(account::Command),
    /// Import the accounts of another program with their password hashes
    Import(import::Arguments),
    /// List or rotate the signing keys
    #[command(subcommand)]
    Keys(keys::Command),
    /// List or clear rate limits
    #[command(subcommand)]
    Limits(limits::Command),
    /// List, retry or delete the messages that are not sent
    #[command(subcommand)]
    Mail(mail::Command),
    /// Verify, export or list the audit trail
    #[command(subcommand)]
    Audit(audit::Command),
    /// Inspect a token
    #[command(subcommand)]
    Token(token::Command),
    /// Show the settings in force
    #[command(subcommand)]
    Config(config::Command),
    /// Check settings, files, database and mail server, and report what is wrong; changes nothing
    Doctor {
        /// Also send a test message to this address
        #[arg(long, value_name = "ADDRESS")]
        mail: Option<String>,
    },
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
    let matches = Cli::command().get_matches();
    let cli = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    // It decodes one image and reads no settings.
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
    let mut config = match Config::load(Flags {
        file: cli.settings.config,
        set,
    }) {
        Ok(config) => config,
        Err(problems) => {
            complain(format_args!(
                "the settings are wrong:\n  {}",
                problems.join("\n  ")
            ));
            return ExitCode::from(2);
        }
    };
    let command = cli.command.unwrap_or(Command::Serve);
    config.command = (!matches!(command, Command::Serve)).then(|| name_of(&matches));
    let done = match command {
        Command::Serve => serve::run(config),
        Command::Migrate => database::migrate(config),
        Command::ResetDb { yes } => database::reset(config, yes),
        Command::Account(command) => account::run(command, config),
        Command::Import(arguments) => import::run(arguments, config),
        Command::Keys(command) => keys::run(command, config),
        Command::Limits(command) => limits::run(command, config),
        Command::Mail(command) => mail::run(command, config),
        Command::Audit(command) => audit::run(command, &config),
        Command::Token(command) => token::run(command, &config),
        Command::Config(config::Command::Show) => config::show(&config),
        Command::Doctor { mail } => doctor::run(&config, mail.as_deref()),
        // Handled above.
        Command::Thumbnail => Ok(()),
    };
    code_of(done)
}

/// `account role`
fn name_of(mut matches: &ArgMatches) -> String {
    let mut words = Vec::new();
    while let Some((word, inner)) = matches.subcommand() {
        words.push(word);
        matches = inner;
    }
    words.join(" ")
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

/// Prints a line for the administrator. A closed pipe is not an error: its reader has read enough.
fn say(line: impl Display) {
    writeln!(std::io::stdout(), "{line}").ok();
}

/// Asks for confirmation before a deletion.
fn confirmed(question: &str) -> Result<bool, Fault> {
    if !std::io::stdin().is_terminal() {
        return Err(Fault::new(
            "stdin is not a terminal, so this cannot be confirmed: add --yes to delete without a question",
        ));
    }
    print!("{question} Type yes to confirm: ");
    std::io::stdout().flush().ok();
    let mut answer = String::new();
    std::io::stdin()
        .lock()
        .read_line(&mut answer)
        .map_err(|error| Fault::caused("the answer cannot be read", error))?;
    Ok(answer.trim() == "yes")
}

fn complain(line: impl Display) {
    writeln!(std::io::stderr(), "doorward: {line}").ok();
}

/// Runs the future of a command.
fn wait<T>(work: impl Future<Output = Result<T, Fault>>) -> Result<T, Fault> {
    actix_web::rt::System::new().block_on(work)
}
