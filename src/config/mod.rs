//! Settings: defaults < `doorward.toml` < `.env` < environment < flags.
//!
//! Read once, at the start, into final types. All problems are reported together. The only module
//! that reads the environment.

mod connections;
mod files;
mod limits;
mod listen;
mod mail;
mod reader;
mod site;
mod urls;

use std::ffi::OsString;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use ipnet::IpNet;
use secrecy::SecretString;

pub use connections::ConnectionsConfig;
pub use files::{FilesConfig, MB, S3Config, S3Credentials, ScannerConfig, StoreConfig};
pub use limits::{LimitsConfig, Rate};
pub use listen::Listen;
pub use mail::{MailConfig, SmtpConfig, SmtpSecurity, TransportConfig};
use reader::{Given, PREFIX, Reader};
pub use reader::{Shown, Source};
pub use site::SiteConfig;
pub use urls::BaseUrl;
use urls::is_database_url;

use crate::base::names::{Email, PASSWORD_MAX, ReservedNames};
use crate::base::secret::InstanceSecret;

#[derive(Clone, Debug)]
pub struct Config {
    pub listen: Listen,
    /// `None`: derived from the address that the server listens on.
    pub base_url: Option<BaseUrl>,
    pub data_dir: PathBuf,
    /// Whether a missing `data_dir` stops the start: it may be a volume that is not mounted.
    pub data_dir_must_exist: bool,
    /// `None`: kept in `data_dir`, and made there on the first start.
    pub secret: Option<InstanceSecret>,
    /// `None`: an SQLite file in `data_dir`.
    pub database_url: Option<SecretString>,
    pub database_pooler: Pooler,
    pub site: SiteConfig,
    pub mail: MailConfig,
    pub signup: SignupConfig,
    pub sign_in: SignInConfig,
    pub passwords: PasswordsConfig,
    pub tokens: TokensConfig,
    pub sessions: SessionsConfig,
    pub proxies: ProxiesConfig,
    pub connections: ConnectionsConfig,
    /// `None`: metrics are not served.
    pub metrics_listen: Option<SocketAddr>,
    pub files: FilesConfig,
    pub shares: SharesConfig,
    pub import: ImportConfig,
    pub limits: LimitsConfig,
    pub compat: CompatConfig,
    pub audit: AuditConfig,
    pub log: LogConfig,
    /// The command that this process runs; `None` for a server.
    pub command: Option<String>,
    /// Every setting in order, for `config show`.
    pub shown: Vec<Shown>,
}

/// What connects the server to PostgreSQL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pooler {
    /// A direct connection, or a pooler that keeps a connection for each client (session mode).
    None,
    /// A pooler that assigns a connection to one transaction at a time.
    Transaction,
}

#[derive(Clone, Debug)]
pub struct SharesConfig {
    /// Whether the page of a link to a file names who shares it.
    pub show_owner: bool,
}

#[derive(Clone, Debug)]
pub struct SignInConfig {
    /// Whether a person can sign in by a link that is sent to the account's address.
    pub by_mail: bool,
}

#[derive(Clone, Debug)]
pub struct SignupConfig {
    pub mode: SignupMode,
    /// Whether an account is created only after its address was shown to be its owner's.
    pub verify_email: bool,
    /// The domains of addresses that may sign up, in ASCII; empty: all.
    pub domains: Vec<String>,
    /// Further usernames that only an administrator can assign.
    pub reserved_names: ReservedNames,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignupMode {
    Open,
    /// With an invitation only.
    Invite,
    Closed,
}

#[derive(Clone, Debug)]
pub struct PasswordsConfig {
    pub min_length: usize,
    pub bcrypt_cost: u32,
    /// The file of breached passwords.
    pub breached: Option<PathBuf>,
}

#[derive(Clone, Debug)]
pub struct TokensConfig {
    pub algorithm: SigningAlgorithm,
    /// The secret of `HS256`, shared with the verifiers.
    pub hmac_secret: Option<SecretString>,
    pub access_minutes: i64,
    pub link_seconds: i64,
}

/// Signature algorithms of tokens (RFC 7518, section 3.1; RFC 8037).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SigningAlgorithm {
    EdDsa,
    Es256,
    Rs256,
    Hs256,
}

impl SigningAlgorithm {
    pub const ALL: [Self; 4] = [Self::EdDsa, Self::Es256, Self::Rs256, Self::Hs256];

    /// The exact name in a token's header.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::EdDsa => "EdDSA",
            Self::Es256 => "ES256",
            Self::Rs256 => "RS256",
            Self::Hs256 => "HS256",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.as_str() == text)
    }
}

#[derive(Clone, Debug)]
pub struct SessionsConfig {
    pub idle_days: i64,
    pub absolute_days: i64,
}

#[derive(Clone, Debug)]
pub struct ProxiesConfig {
    pub trusted: Vec<IpNet>,
}

impl ProxiesConfig {
    pub fn trusts(&self, address: IpAddr) -> bool {
        self.trusted
            .iter()
            .any(|network| network.contains(&address))
    }
}

#[derive(Clone, Debug)]
pub struct ImportConfig {
    /// Whether to import hashes of more than the usual work.
    pub costly_hashes: bool,
}

/// For the clients of the five tutorials (`docs/FROM-FLASK.md`).
#[derive(Clone, Debug)]
pub struct CompatConfig {
    pub enabled: bool,
    /// Whether a refused sign-in tells which accounts exist, as the tutorials do.
    pub exact: bool,
    pub root: CompatRoot,
}

/// Which tutorial's response a program gets at `/`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CompatRoot {
    ApiV1,
    BasicUpload,
}

#[derive(Clone, Debug)]
pub struct AuditConfig {
    /// 0: events are never deleted.
    pub keep_days: i64,
}

#[derive(Clone, Debug)]
pub struct LogConfig {
    pub format: LogFormat,
    pub level: tracing::Level,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    Text,
    Json,
}

/// The settings on the command line.
#[derive(Clone, Debug, Default)]
pub struct Flags {
    /// A settings file that must exist; without one, `doorward.toml` in the current folder is read
    /// if it exists.
    pub file: Option<PathBuf>,
    /// `(key, value)`.
    pub set: Vec<(String, String)>,
}

impl Config {
    /// From every source of this process.
    ///
    /// # Errors
    /// Every problem, one per line.
    pub fn load(flags: Flags) -> Result<Self, Vec<String>> {
        let mut given = Given::default();
        let path = flags.file.as_deref().unwrap_or(Path::new("doorward.toml"));
        match std::fs::read_to_string(path) {
            Ok(text) => given.add_toml(path, &text),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && flags.file.is_none() => {}
            Err(error) => given.problem(format!("{}: {error}", path.display())),
        }
        match std::fs::read(".env") {
            Ok(text) => {
                let lines = dotenvy::from_read_iter(without_mark(&text));
                match lines.collect::<Result<Vec<_>, _>>() {
                    Ok(variables) => given.add_variables(Source::DotEnv, variables.into_iter()),
                    // The parser's message quotes the line, which may hold a secret.
                    Err(_) => given.problem(".env: a line is not NAME=value".to_owned()),
                }
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => given.problem(format!(".env: {error}")),
        }
        for (name, value) in environment() {
            match (name.into_string(), value.into_string()) {
                (Ok(name), Ok(value)) => {
                    given.add_variables(Source::Environment, [(name, value)].into_iter());
                }
                (Ok(name), Err(_)) if name.starts_with(PREFIX) => {
                    given.problem(format!("{name} (from environment): expected UTF-8 text"));
                }
                // A variable of another program.
                _ => {}
            }
        }
        let mut config = Self::from_flags(given, flags.set)?;
        config.files.program = std::env::current_exe().ok();
        Ok(config)
    }

    /// Only defaults and these settings.
    pub fn of(settings: &[(&str, &str)]) -> Result<Self, Vec<String>> {
        let set = settings
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        Self::from_flags(Given::default(), set.collect())
    }

    fn from_flags(mut given: Given, set: Vec<(String, String)>) -> Result<Self, Vec<String>> {
        for (key, value) in set {
            given.add(key, value, Source::Flag);
        }
        Self::read(Reader::new(given))
    }

    fn read(mut r: Reader) -> Result<Self, Vec<String>> {
        let mut config = Self {
            listen: r.take(
                "listen",
                "127.0.0.1:8080",
                "an address or a name with a port, like 127.0.0.1:8080 or localhost:8080, \
                 or a Unix socket, like unix:/run/doorward/doorward.sock",
                Listen::parse,
            ),
            base_url: r.take(
                "base_url",
                "",
                "http:// or https://, a host, and no path",
                |text| {
                    if text.is_empty() {
                        Some(None)
                    } else {
                        BaseUrl::parse(text).map(Some)
                    }
                },
            ),
            data_dir: r.take("data_dir", "data", "a folder", |text| {
                (!text.is_empty()).then(|| PathBuf::from(text))
            }),
            data_dir_must_exist: switch(&mut r, "data_dir_must_exist", "false"),
            secret: r.take_secret(
                "secret",
                "(kept in data_dir)",
                "at least 32 bytes in base64, as `openssl rand -base64 32` makes them",
                InstanceSecret::parse,
            ),
            database_url: r.take_secret(
                "database.url",
                "(an SQLite file in data_dir)",
                "sqlite:PATH or postgres://USER:PASSWORD@HOST/NAME, each part percent-encoded",
                |text| is_database_url(text).then(|| SecretString::from(text)),
            ),
            database_pooler: r.take("database.pooler", "none", "none or transaction", |text| {
                match text {
                    "none" => Some(Pooler::None),
                    "transaction" => Some(Pooler::Transaction),
                    _ => None,
                }
            }),
            site: site::take(&mut r),
            mail: mail::take(&mut r),
            signup: SignupConfig {
                mode: r.take(
                    "signup.mode",
                    "open",
                    "open, invite or closed",
                    |text| match text {
                        "open" => Some(SignupMode::Open),
                        "invite" => Some(SignupMode::Invite),
                        "closed" => Some(SignupMode::Closed),
                        _ => None,
                    },
                ),
                verify_email: false,
                domains: r.take(
                    "signup.domains",
                    "",
                    "domains like example.com, with commas between them",
                    domains,
                ),
                reserved_names: r.take(
                    "signup.reserved_names",
                    "",
                    "usernames, with commas between them",
                    ReservedNames::parse,
                ),
            },
            sign_in: SignInConfig {
                by_mail: switch(&mut r, "sign_in.by_mail", "false"),
            },
            passwords: PasswordsConfig {
                min_length: r.take(
                    "passwords.min_length",
                    "12",
                    "8 to 256",
                    within(8, PASSWORD_MAX),
                ),
                bcrypt_cost: r.take("passwords.bcrypt_cost", "12", "4 to 18", within(4, 18)),
                breached: r.take("passwords.breached", "", "a file", |text| {
                    Some((!text.is_empty()).then(|| PathBuf::from(text)))
                }),
            },
            tokens: TokensConfig {
                algorithm: r.take(
                    "tokens.algorithm",
                    "EdDSA",
                    "EdDSA, ES256, RS256 or HS256",
                    SigningAlgorithm::parse,
                ),
                hmac_secret: r.take_secret(
                    "tokens.hmac_secret",
                    "(for HS256 only)",
                    "at least 32 random bytes, as `openssl rand -base64 48` makes them",
                    |text| is_strong_secret(text).then(|| SecretString::from(text)),
                ),
                access_minutes: r.take("tokens.access_minutes", "15", "1 to 60", within(1, 60)),
                link_seconds: r.take("tokens.link_seconds", "150", "10 to 3600", within(10, 3600)),
            },
            sessions: SessionsConfig {
                idle_days: r.take("sessions.idle_days", "14", "1 to 365", within(1, 365)),
                absolute_days: r.take("sessions.absolute_days", "90", "1 to 365", within(1, 365)),
            },
            proxies: ProxiesConfig {
                trusted: r.take(
                    "proxies.trusted",
                    "",
                    "networks like 10.0.0.0/8, with commas between them",
                    |text| {
                        let parts = text
                            .split(',')
                            .map(str::trim)
                            .filter(|part| !part.is_empty());
                        parts.map(network).collect()
                    },
                ),
            },
            connections: connections::take(&mut r),
            metrics_listen: connections::take_metrics(&mut r),
            files: files::take(&mut r),
            shares: SharesConfig {
                show_owner: switch(&mut r, "shares.show_owner", "true"),
            },
            import: ImportConfig {
                costly_hashes: switch(&mut r, "import.costly_hashes", "false"),
            },
            limits: limits::take(&mut r),
            compat: CompatConfig {
                enabled: switch(&mut r, "compat.enabled", "true"),
                exact: switch(&mut r, "compat.exact", "false"),
                root: r.take(
                    "compat.root",
                    "api_v1",
                    "api_v1 or basic_upload",
                    |text| match text {
                        // The letters are former names of the tutorials.
                        "api_v1" | "c" => Some(CompatRoot::ApiV1),
                        "basic_upload" | "d" => Some(CompatRoot::BasicUpload),
                        _ => None,
                    },
                ),
            },
            audit: AuditConfig {
                keep_days: r.take("audit.keep_days", "365", "0 to 36500", within(0, 36_500)),
            },
            command: None,
            log: LogConfig {
                format: r.take("log.format", "text", "text or json", |text| match text {
                    "text" => Some(LogFormat::Text),
                    "json" => Some(LogFormat::Json),
                    _ => None,
                }),
                level: r.take(
                    "log.level",
                    "info",
                    "error, warn, info, debug or trace",
                    parsed,
                ),
            },
            shown: Vec::new(),
        };
        let default = if config.mail.is_smtp() {
            "true"
        } else {
            "false"
        };
        config.signup.verify_email = switch(&mut r, "signup.verify_email", default);
        if config.base_url.as_ref().is_some_and(BaseUrl::is_https)
            && config.passwords.bcrypt_cost < 10
        {
            r.problem(
                "passwords.bcrypt_cost: must be at least 10, because base_url is https://"
                    .to_owned(),
            );
        }
        if matches!(config.listen, Listen::Unix(_)) && config.base_url.is_none() {
            r.problem(
                "base_url: must be set, because listen is a Unix socket, which does not say where \
                 people reach the server: expected https:// or http:// and a host"
                    .to_owned(),
            );
        }
        if config.tokens.algorithm == SigningAlgorithm::Hs256 && config.tokens.hmac_secret.is_none()
        {
            r.problem(
                "tokens.hmac_secret: must be set, because tokens.algorithm is HS256".to_owned(),
            );
        }
        if let StoreConfig::Folder(folder) = &mut config.files.store
            && folder.as_os_str().is_empty()
        {
            *folder = config.data_dir.join("files");
        }
        if let TransportConfig::Folder(folder) = &mut config.mail.transport
            && folder.as_os_str().is_empty()
        {
            *folder = config.data_dir.join("outbox");
        }
        config.shown = r.finish()?;
        config.show_base_url();
        Ok(config)
    }
}

impl Config {
    /// The base URL; `None` if it is known only once the server listens.
    pub fn usual_base_url(&self) -> Option<BaseUrl> {
        match (&self.base_url, &self.listen) {
            (Some(base_url), _) => Some(base_url.clone()),
            (None, Listen::Tcp { port: 0, .. } | Listen::Unix(_)) => None,
            (None, Listen::Tcp { host, port }) => Some(BaseUrl::of(host, *port)),
        }
    }

    /// The derived value, when there is no setting.
    fn show_base_url(&mut self) {
        if self.base_url.is_some() || matches!(self.listen, Listen::Unix(_)) {
            return;
        }
        let value = match self.usual_base_url() {
            None => "(known once the server listens)".to_owned(),
            Some(base_url) => base_url.as_str().to_owned(),
        };
        for shown in self.shown.iter_mut().filter(|one| one.key == "base_url") {
            shown.value.clone_from(&value);
            shown.source = Source::Derived("listen");
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is where the environment is read"
)]
fn environment() -> impl Iterator<Item = (OsString, OsString)> {
    std::env::vars_os()
}

/// At least as long as the hash (RFC 7518, section 3.2), and not a repeated word: an attacker with
/// one token can try secrets without limit.
fn is_strong_secret(text: &str) -> bool {
    let mut different = text.as_bytes().to_vec();
    different.sort_unstable();
    different.dedup();
    text.len() >= 32 && different.len() >= 10
}

/// Editors on Windows write a byte order mark at the start.
fn without_mark(text: &[u8]) -> &[u8] {
    text.strip_prefix("\u{feff}".as_bytes()).unwrap_or(text)
}

/// Also accepts the spellings of YAML and other programs.
fn switch(r: &mut Reader, key: &'static str, default: &str) -> bool {
    let expected = "true, yes, on or 1, or false, no, off or 0";
    r.take(key, default, expected, |text| {
        match text.to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" | "1" => Some(true),
            "false" | "no" | "off" | "0" => Some(false),
            _ => None,
        }
    })
}

/// Domains in ASCII (UTS 46), as they are compared.
fn domains(text: &str) -> Option<Vec<String>> {
    let parts = text
        .split(',')
        .map(str::trim)
        .filter(|part| !part.is_empty());
    let domain = |part: &str| {
        let address = Email::parse(&format!("a@{}", part.trim_start_matches('@'))).ok()?;
        Some(address.domain().to_owned())
    };
    parts.map(domain).collect()
}

fn parsed<T: FromStr>(text: &str) -> Option<T> {
    text.parse().ok()
}

fn within<T: FromStr + PartialOrd>(min: T, max: T) -> impl Fn(&str) -> Option<T> {
    move |text| {
        text.parse()
            .ok()
            .filter(|value| *value >= min && *value <= max)
    }
}

fn network(text: &str) -> Option<IpNet> {
    text.parse().ok().or_else(|| {
        let bare = text
            .strip_prefix('[')
            .and_then(|text| text.strip_suffix(']'));
        let address: IpAddr = bare.unwrap_or(text).parse().ok()?;
        // In the form in which the addresses of clients are compared.
        Some(address.to_canonical().into())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_problem_is_reported_at_once_and_no_secret_with_it() {
        let problems = Config::of(&[
            ("listen", "nowhere"),
            ("passwords.min_length", "7"),
            ("secret", "canary-config"),
            ("tokens.acces_minutes", "5"),
        ])
        .unwrap_err();
        let all = problems.join("\n");
        assert_eq!(problems.len(), 4, "{all}");
        for part in [
            "listen = \"nowhere\"",
            "8 to 256",
            "secret (from flag)",
            "tokens.acces_minutes",
        ] {
            assert!(all.contains(part), "{part} in {all}");
        }
        assert!(!all.contains("canary"));
    }

    #[test]
    fn a_later_source_wins_over_an_earlier_one() {
        let mut given = Given::default();
        given.add_toml(
            Path::new("d.toml"),
            "listen = '127.0.0.1:1'\n[tokens]\naccess_minutes = 1",
        );
        let variable = ("DOORWARD_TOKENS__ACCESS_MINUTES".to_owned(), "2".to_owned());
        given.add_variables(
            Source::Environment,
            [variable, ("PATH".into(), "x".into())].into_iter(),
        );
        let config =
            Config::from_flags(given, vec![("listen".into(), "127.0.0.1:3".into())]).unwrap();
        assert_eq!(config.listen.to_string(), "127.0.0.1:3");
        assert_eq!(config.tokens.access_minutes, 2);
    }

    #[test]
    fn weak_hashing_is_refused_under_https() {
        let weak = [
            ("base_url", "https://example.com"),
            ("passwords.bcrypt_cost", "9"),
        ];
        assert!(Config::of(&weak).is_err());
    }

    #[test]
    fn a_weak_hmac_secret_stops_the_start() {
        let with = |secret: &str| {
            Config::of(&[
                ("tokens.algorithm", "HS256"),
                ("tokens.hmac_secret", secret),
            ])
        };
        assert!(with("canary-Zk4mQ8vR1tX6yB3nC9pL2wS7").is_err(), "31 bytes");
        assert!(with("canary-Zk4mQ8vR1tX6yB3nC9pL2wS75").is_ok());
        assert!(with(&"changeme".repeat(8)).is_err());
        assert!(with("").is_err());
        assert!(Config::of(&[("tokens.algorithm", "HS256")]).is_err());
        assert!(Config::of(&[("tokens.algorithm", "none")]).is_err());
        assert!(Config::of(&[("tokens.algorithm", "eddsa")]).is_err());
    }
}
