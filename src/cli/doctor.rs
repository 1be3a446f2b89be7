//! `doorward doctor`: checks the installation, and changes nothing.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use rustix::fs::Access;

use super::database::old_key;
use super::{say, wait};
use crate::base::clock::Clock;
use crate::base::fault::Fault;
use crate::blobs::Blobs;
use crate::config::{BaseUrl, Config, Listen, ScannerConfig, StoreConfig, TransportConfig};
use crate::mail::Mailer;
use crate::passwords;
use crate::scanner::{Scan, Verdict};
use crate::storage::{Db, Location};
use crate::tokens::Tokens;
use crate::{accounts, app};

/// `Ok(None)` if all is well, `Ok(Some)` with advice, or the problem.
type Found = Result<Option<String>, Fault>;

/// `mail_to` is an address for a test message.
pub fn run(config: &Config, mail_to: Option<&str>) -> Result<(), Fault> {
    let mut checks = vec![
        ("settings", Ok(None)),
        ("address", address(config)),
        ("client addresses", client_addresses(config)),
        (
            "data folder",
            app::require_data_dir(config).and_then(|()| folder(&config.data_dir)),
        ),
        ("secret", secret(config)),
        ("database and signing key", database(config)),
        ("store of files", store(config)),
        ("mail", mail(config)),
    ];
    if !config.signup.domains.is_empty() && !config.signup.verify_email {
        let advice = "signup.domains lists domains, but whoever signs up can type any address of \
                      them: set signup.verify_email to true";
        checks.push(("sign-up", Ok(Some(advice.to_owned()))));
    }
    if let Some(to) = mail_to {
        checks.push(("test message", test_message(config, to)));
    }
    if let Some(found) = password_hashes(config) {
        checks.push(("password hashes", found));
    }
    if config.passwords.breached.is_some() {
        checks.push((
            "breached passwords",
            app::open_breached(config).map(|_| None),
        ));
    }
    if let Some(asked) = &config.files.scanner {
        checks.push(("virus scanner", scanner(asked)));
    }
    let mut failed = false;
    for (what, found) in checks {
        match found {
            Ok(None) => say(format_args!("ok    {what}")),
            Ok(Some(advice)) => say(format_args!("warn  {what}: {advice}")),
            Err(wrong) => {
                failed = true;
                say(format_args!("FAIL  {what}: {wrong}"));
            }
        }
    }
    if failed {
        Err(Fault::new("at least one check failed, see above"))
    } else {
        Ok(())
    }
}

fn address(config: &Config) -> Found {
    match &config.listen {
        Listen::Tcp { host, port } => {
            let addresses = app::resolved(host, *port)?;
            let https = config.base_url.as_ref().is_some_and(BaseUrl::is_https);
            let others_reach_it = !addresses.iter().all(|address| address.ip().is_loopback());
            Ok((!https && others_reach_it)
                .then(|| "the server can be reached over the network without https: set base_url to the https:// address of the proxy in front of it".to_owned()))
        }
        Listen::Unix(path) => {
            let above = path.parent().filter(|above| !above.as_os_str().is_empty());
            writable(above.unwrap_or(Path::new(".")))?;
            Ok(None)
        }
    }
}

/// Without the proxy in `proxies.trusted`, all clients have its address. Connections to the Unix
/// socket are always from a trusted proxy.
fn client_addresses(config: &Config) -> Found {
    let Listen::Tcp { host, port } = &config.listen else {
        return Ok(None);
    };
    let is_for_this_machine = app::resolved(host, *port).is_ok_and(|addresses| {
        let mut addresses = addresses.iter();
        addresses.all(|address| address.ip().is_loopback())
    });
    let is_behind_a_proxy = config.base_url.as_ref().is_some_and(|base_url| {
        base_url.is_https() || (is_for_this_machine && !base_url.is_loopback())
    });
    Ok((is_behind_a_proxy && config.proxies.trusted.is_empty()).then(|| {
        "base_url is the address of a proxy in front of this server, and proxies.trusted is empty: \
         all clients count as one, with the address of the proxy, for rate limits and in the lists \
         of sessions and events. Set proxies.trusted to the address that the proxy connects from, \
         such as 127.0.0.1"
            .to_owned()
    }))
}

fn folder(folder: &Path) -> Found {
    // The server creates the folder with its missing parents.
    let above = folder.ancestors().find(|above| above.exists());
    let there = above.unwrap_or(Path::new("."));
    if !there.is_dir() {
        return Err(Fault::new(format!("{} is not a folder", there.display())));
    }
    writable(there)?;
    if there == folder {
        private(folder)
    } else {
        Ok(made_later(folder))
    }
}

fn writable(path: &Path) -> Result<(), Fault> {
    rustix::fs::access(path, Access::WRITE_OK)
        .map_err(|error| Fault::caused(format!("{} cannot be written", path.display()), error))
}

fn secret(config: &Config) -> Found {
    if config.secret.is_some() {
        return Ok(None);
    }
    let path = app::secret_file(config);
    match app::find_secret(&path)? {
        Some(_) => private(&path),
        None => Ok(made_later(&path)),
    }
}

fn made_later(path: &Path) -> Option<String> {
    Some(format!(
        "{} does not exist yet: the first start creates it",
        path.display()
    ))
}

fn private(path: &Path) -> Found {
    let mode = fs::metadata(path)
        .map_err(|error| Fault::caused(path.display().to_string(), error))?
        .permissions()
        .mode();
    Ok((mode & 0o077 != 0).then(|| {
        format!(
            "other users of this machine can access {} (mode {:o})",
            path.display(),
            mode & 0o777
        )
    }))
}

fn database(config: &Config) -> Found {
    let location = Location::of(config)?;
    let mut advice = None;
    if let Location::Sqlite(path) = &location {
        if !location.has_content() {
            let above = path.parent().filter(|above| *above != config.data_dir);
            if let Some(above) = above.filter(|above| !above.as_os_str().is_empty()) {
                writable(above)?;
            }
            return Ok(made_later(path));
        }
        writable(path)?;
        advice = private(path)?;
    }
    let (db, pending) = Db::look(location)?;
    if pending > 0 {
        return Ok(Some(format!(
            "the schema is not up to date: the next start runs the missing migrations ({pending})"
        )));
    }
    let secret = match &config.secret {
        Some(secret) => Some(secret.clone()),
        None => app::find_secret(&app::secret_file(config))?,
    };
    let secret = secret.ok_or_else(|| {
        Fault::new(
            "the secret that the database was created with is missing: restore it or set `secret`",
        )
    })?;
    wait(Tokens::check_secret(&db, &secret))?;
    let old = wait(db.read(|db| accounts::list_old_keys(db)))?;
    let lines: Vec<_> = advice.into_iter().chain(old.iter().map(old_key)).collect();
    Ok((!lines.is_empty()).then(|| lines.join("\n      ")))
}

/// `None` without an up-to-date database: the check of the database reports that.
fn password_hashes(config: &Config) -> Option<Found> {
    let location = Location::of(config).ok()?;
    if matches!(location, Location::Sqlite(_)) && !location.has_content() {
        return None;
    }
    let (db, pending) = Db::look(location).ok()?;
    (pending == 0).then(|| {
        let (kinds, without) = wait(db.read(|db| accounts::count_password_kinds(db)))?;
        let weak = passwords::weak_hashes(&kinds, config.passwords.bcrypt_cost);
        let unread = || format!("not classified yet: {without}; the next start does it");
        Ok(weak.or_else(|| (without > 0).then(unread)))
    })
}

fn store(config: &Config) -> Found {
    if let StoreConfig::Folder(path) = &config.files.store {
        return folder(path);
    }
    let blobs = Blobs::open(&config.files.store)?;
    wait(blobs.check())?;
    Ok(None)
}

/// Scans harmless bytes, as it would an upload.
fn scanner(asked: &ScannerConfig) -> Found {
    let verdict = wait(async {
        let mut scan = Scan::begin(asked).await?;
        scan.hear(b"Is anybody there?").await?;
        scan.verdict().await
    })?;
    match verdict {
        Verdict::Clean => Ok(None),
        verdict => Err(Fault::new(format!(
            "it did not accept a harmless line of text: {verdict:?}"
        ))),
    }
}

fn mail(config: &Config) -> Found {
    match &config.mail.transport {
        // The first message creates it.
        TransportConfig::Folder(path) if !path.exists() => folder(path).map(|_| None),
        TransportConfig::Folder(path) => folder(path),
        TransportConfig::Smtp(_) => {
            let checked = wait(async { Ok(mailer(config)?.check().await) })?;
            checked.map_err(|not_sent| Fault::new(not_sent.to_string()))?;
            Ok(None)
        }
    }
}

fn test_message(config: &Config, to: &str) -> Found {
    wait(async { mailer(config)?.test(to, Clock::System.now()).await })?;
    match &config.mail.transport {
        TransportConfig::Folder(path) => Ok(Some(format!(
            "it was written into {}, and nobody receives it: set mail.url to send messages",
            path.display()
        ))),
        TransportConfig::Smtp(server) => {
            say(format_args!(
                "The mail server {} accepted the test message to {to}. If it does not arrive, look \
                 among the spam and in the log of the mail server.",
                server.host
            ));
            Ok(None)
        }
    }
}

fn mailer(config: &Config) -> Result<Mailer, Fault> {
    let base_url = match (&config.base_url, &config.listen) {
        (Some(base_url), _) => base_url.clone(),
        (None, Listen::Tcp { host, port }) => BaseUrl::of(host, *port),
        (None, Listen::Unix(_)) => return Err(Fault::new("there is no base_url")),
    };
    Mailer::new(config, &base_url, None)
}
