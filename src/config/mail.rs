//! How mail is sent, and from whom.

use std::net::IpAddr;
use std::path::PathBuf;

use lettre::message::Mailbox;
use secrecy::SecretString;
use url::{Host, Url};

use super::reader::Reader;
use crate::base::names::Email;

/// The submission ports (RFC 8314, section 3.3; RFC 6409, section 3.1).
const SMTPS_PORT: u16 = 465;
const SUBMISSION_PORT: u16 = 587;

#[derive(Clone, Debug)]
pub struct MailConfig {
    pub transport: TransportConfig,
    /// `None`: the site's name, at the host of the base URL.
    pub from: Option<Mailbox>,
    pub reply_to: Option<Mailbox>,
}

#[derive(Clone, Debug)]
pub enum TransportConfig {
    /// Files with the extension `.eml`. Empty: `outbox` in `data_dir`.
    Folder(PathBuf),
    Smtp(SmtpConfig),
}

#[derive(Clone, Debug)]
pub struct SmtpConfig {
    pub host: String,
    pub port: u16,
    pub security: SmtpSecurity,
    pub user: Option<String>,
    pub password: Option<SecretString>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SmtpSecurity {
    /// TLS from the first byte (RFC 8314, section 3.3).
    Tls,
    /// TLS by STARTTLS, or no mail (RFC 3207).
    StartTls,
    /// None: to this machine only.
    Plain,
}

impl MailConfig {
    pub fn is_smtp(&self) -> bool {
        matches!(self.transport, TransportConfig::Smtp(_))
    }
}

pub fn take(r: &mut Reader) -> MailConfig {
    let server = r.take(
        "mail.url",
        "",
        "smtps://USER@HOST, or smtp://USER@HOST:587 for STARTTLS; the user is percent-encoded, and \
         the password is mail.password",
        |text| {
            if text.is_empty() {
                Some(None)
            } else {
                Server::parse(text).map(Some)
            }
        },
    );
    let password = r.take_secret("mail.password", "(none)", "a password", |text| {
        (!text.is_empty()).then(|| SecretString::from(text))
    });
    let default = if server.is_some() { "smtp" } else { "folder" };
    let by_smtp = r.take(
        "mail.transport",
        default,
        "folder or smtp",
        |text| match text {
            "folder" => Some(false),
            "smtp" => Some(true),
            _ => None,
        },
    );
    let folder = r.take("mail.folder", "", "a folder", |text| {
        Some(PathBuf::from(text))
    });
    let requires_tls = r.take(
        "mail.tls",
        "except_loopback",
        "required or except_loopback",
        |text| match text {
            "required" => Some(true),
            "except_loopback" => Some(false),
            _ => None,
        },
    );
    let mailbox = |text: &str| {
        if text.is_empty() {
            Some(None)
        } else {
            text.parse().ok().and_then(in_ascii).map(Some)
        }
    };
    let expected = "an address, or a name and an address, like Example <login@example.com>";
    let from = r.take("mail.from", "", expected, mailbox);
    let reply_to = r.take("mail.reply_to", "", expected, mailbox);
    let transport = match (by_smtp, server) {
        (true, None) => {
            r.problem("mail.url: must be set, because mail.transport is smtp".to_owned());
            TransportConfig::Folder(folder)
        }
        (true, Some(server)) => {
            if from.is_none() {
                r.problem("mail.from: must be set, because mail is sent by SMTP".to_owned());
            }
            if server.user.is_some() != password.is_some() {
                r.problem(
                    "mail.url and mail.password: a user and a password go together".to_owned(),
                );
            }
            TransportConfig::Smtp(SmtpConfig {
                security: server.security(requires_tls),
                host: server.host,
                port: server.port,
                user: server.user,
                password,
            })
        }
        (false, _) => TransportConfig::Folder(folder),
    };
    MailConfig {
        transport,
        from,
        reply_to,
    }
}

/// With the domain as mail servers take it.
fn in_ascii(mailbox: Mailbox) -> Option<Mailbox> {
    let email = Email::parse(mailbox.email.as_ref()).ok()?;
    let email = email.for_mail().parse().ok()?;
    Some(Mailbox::new(mailbox.name, email))
}

#[derive(Clone)]
struct Server {
    host: String,
    port: u16,
    user: Option<String>,
    tls: bool,
    is_loopback: bool,
}

impl Server {
    /// `None` for another URL, and for one that contains a password: it would be shown.
    fn parse(text: &str) -> Option<Self> {
        let url = Url::parse(text).ok()?;
        let tls = match url.scheme() {
            "smtps" => true,
            "smtp" => false,
            _ => return None,
        };
        let is_bare = matches!(url.path(), "" | "/")
            && url.query().is_none()
            && url.fragment().is_none()
            && url.password().is_none();
        // The host of such a URL is not parsed as an address.
        let host = url.host_str().filter(|host| !host.is_empty())?;
        let host = Host::parse(host).ok()?;
        let is_loopback = match &host {
            Host::Domain(name) => name == "localhost",
            Host::Ipv4(address) => address.is_loopback(),
            Host::Ipv6(address) => IpAddr::from(*address).to_canonical().is_loopback(),
        };
        let user = percent_encoding::percent_decode_str(url.username()).decode_utf8();
        let user = user.ok()?.into_owned();
        let default = if tls { SMTPS_PORT } else { SUBMISSION_PORT };
        is_bare.then(|| Self {
            host: host.to_string().trim_matches(['[', ']']).to_owned(),
            port: url.port().unwrap_or(default),
            user: Some(user).filter(|user| !user.is_empty()),
            tls,
            is_loopback,
        })
    }

    fn security(&self, requires_tls: bool) -> SmtpSecurity {
        if self.tls {
            SmtpSecurity::Tls
        } else if self.is_loopback && !requires_tls {
            SmtpSecurity::Plain
        } else {
            SmtpSecurity::StartTls
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::config::Config;

    use super::*;

    fn mail(settings: &[(&str, &str)]) -> Result<MailConfig, Vec<String>> {
        Config::of(settings).map(|config| config.mail)
    }

    #[test]
    fn the_url_of_a_mail_server_says_what_it_means() {
        use SmtpSecurity::{Plain, StartTls, Tls};
        for (url, host, port, security) in [
            ("smtps://mail.example.com", "mail.example.com", 465, Tls),
            ("smtp://mail.example.com", "mail.example.com", 587, StartTls),
            (
                "smtp://mail.example.com:25/",
                "mail.example.com",
                25,
                StartTls,
            ),
            ("smtp://127.0.0.1:1025", "127.0.0.1", 1025, Plain),
            ("smtp://[::1]:1025", "::1", 1025, Plain),
            ("smtp://localhost:25", "localhost", 25, Plain),
            ("smtps://localhost", "localhost", 465, Tls),
        ] {
            let config = mail(&[("mail.url", url), ("mail.from", "a@example.com")]).unwrap();
            let TransportConfig::Smtp(smtp) = config.transport else {
                panic!("{url} is not used");
            };
            assert_eq!((smtp.host.as_str(), smtp.port), (host, port), "{url}");
            assert_eq!(smtp.security, security, "{url}");
        }
        for bad in [
            "mail.example.com",
            "http://mail.example.com",
            "smtp://",
            "smtp://u:canary-p@mail.example.com",
            "smtp://mail.example.com/inbox",
            "smtp://mail.example.com?tls=no",
        ] {
            let problems = mail(&[("mail.url", bad)]).unwrap_err().join("\n");
            assert!(problems.contains("mail.url"), "{problems}");
            assert!(!problems.contains("canary"), "{problems}");
        }
    }

    #[test]
    fn settings_of_mail_that_cannot_work_together_stop_the_start() {
        let url = ("mail.url", "smtp://ada@mail.example.com");
        let from = ("mail.from", "Example <login@example.com>");
        assert!(mail(&[url, from]).is_err(), "a user without a password");
        assert!(mail(&[url, from, ("mail.password", "canary-smtp")]).is_ok());
        assert!(mail(&[url, ("mail.password", "canary-smtp")]).is_err());
        assert!(mail(&[("mail.transport", "smtp")]).is_err());
        let folder = mail(&[url, ("mail.transport", "folder")]).unwrap();
        assert!(!folder.is_smtp());
        for bad in ["nobody", "a@b\r\nBcc: c@d", "<a@b", "a@b, c@d"] {
            assert!(mail(&[("mail.from", bad)]).is_err(), "{bad:?}");
        }
    }
}
