//! Sends one message to the mail server (RFC 5321, RFC 3207, RFC 8314).
//!
//! Each message has a connection of its own, and all of it a time limit: the library's ends with
//! connecting (lettre#1027).

use std::net::IpAddr;
use std::time::Duration;

use futures_util::FutureExt;
use lettre::address::Envelope;
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{AsyncSmtpConnection, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt};
use lettre::transport::smtp::extension::{ClientId, Extension, MailBodyParameter, MailParameter};
use secrecy::ExposeSecret;
use tokio::time::timeout;

use super::NotSent;
use crate::config::{SmtpConfig, SmtpSecurity};

/// From connecting until the server wants the content.
const READY_WITHIN: Duration = Duration::from_secs(30);
/// From the content to its acceptance. RFC 5321, section 4.5.3.2.6 has ten minutes; the servers that
/// people use accept within seconds.
const ACCEPTED_WITHIN: Duration = Duration::from_secs(120);
const MECHANISMS: [Mechanism; 2] = [Mechanism::Plain, Mechanism::Login];

/// A connection whose server waits for the content of a message.
pub struct Ready(AsyncSmtpConnection);

/// Connects, and announces the message.
///
/// # Errors
/// [`NotSent`].
pub async fn announce(
    config: &SmtpConfig,
    hello: &str,
    envelope: &Envelope,
    is_ascii: bool,
) -> Result<Ready, NotSent> {
    in_time(config, async {
        let mut connection = connect(config, hello).await?;
        introduce(&mut connection, config, envelope, is_ascii).await?;
        Ok(Ready(connection))
    })
    .await
}

/// Connects as for a message, and disconnects.
///
/// # Errors
/// [`NotSent`].
pub async fn check(config: &SmtpConfig, hello: &str) -> Result<(), NotSent> {
    in_time(config, async {
        quit(connect(config, hello).await?);
        Ok(())
    })
    .await
}

async fn in_time<T>(
    config: &SmtpConfig,
    talk: impl Future<Output = Result<T, NotSent>>,
) -> Result<T, NotSent> {
    timeout(READY_WITHIN, talk).await.unwrap_or_else(|_| {
        Err(NotSent::later(format!(
            "the mail server {} did not answer within {} seconds",
            config.host,
            READY_WITHIN.as_secs()
        )))
    })
}

/// Says goodbye without waiting for the answer.
fn quit(mut connection: AsyncSmtpConnection) {
    let _ = connection.quit().now_or_never();
}

impl Ready {
    /// Sends the content.
    ///
    /// # Errors
    /// [`NotSent`]. Without an answer, the message may have been accepted.
    pub async fn send(mut self, content: &[u8]) -> Result<(), NotSent> {
        let sent = timeout(ACCEPTED_WITHIN, self.0.message(content)).await;
        match sent {
            Ok(Ok(_)) => {
                quit(self.0);
                Ok(())
            }
            Ok(Err(error)) => Err(of_message(&error)),
            Err(_) => Err(NotSent::later(
                "the mail server did not accept the content in time".to_owned(),
            )),
        }
    }
}

async fn connect(config: &SmtpConfig, hello: &str) -> Result<AsyncSmtpConnection, NotSent> {
    let failed = |error: Error| NotSent::later(of_server(config, &error));
    // RFC 5321, section 4.1.3.
    let hello = match hello.trim_matches(['[', ']']).parse() {
        Ok(IpAddr::V4(address)) => ClientId::Ipv4(address),
        Ok(IpAddr::V6(address)) => ClientId::Ipv6(address),
        Err(_) => ClientId::Domain(hello.to_owned()),
    };
    let tls = || TlsParameters::new(config.host.clone()).map_err(failed);
    let implicit = match config.security {
        SmtpSecurity::Tls => Some(tls()?),
        SmtpSecurity::StartTls | SmtpSecurity::Plain => None,
    };
    let server = (config.host.as_str(), config.port);
    let connected =
        AsyncSmtpConnection::connect_tokio1(server, Some(READY_WITHIN), &hello, implicit, None);
    let mut connection = connected.await.map_err(failed)?;
    if config.security == SmtpSecurity::StartTls {
        if !connection.can_starttls() {
            return Err(NotSent::later(format!(
                "the mail server {} does not offer STARTTLS, and without TLS no mail is sent",
                config.host
            )));
        }
        connection.starttls(tls()?, &hello).await.map_err(failed)?;
    }
    if let (Some(user), Some(password)) = (&config.user, &config.password) {
        let credentials = Credentials::new(user.clone(), password.expose_secret().to_owned());
        let signed_in = connection.auth(&MECHANISMS, &credentials).await;
        signed_in.map_err(failed)?;
    }
    Ok(connection)
}

async fn introduce(
    connection: &mut AsyncSmtpConnection,
    config: &SmtpConfig,
    envelope: &Envelope,
    is_ascii: bool,
) -> Result<(), NotSent> {
    let failed = |error: Error| of_message(&error);
    let server = connection.server_info();
    let mut parameters = Vec::new();
    if server.supports_feature(Extension::EightBitMime) {
        parameters.push(MailParameter::Body(MailBodyParameter::EightBitMime));
    }
    // Of what is sent, only addresses can be beyond ASCII.
    if !is_ascii {
        if !server.supports_feature(Extension::SmtpUtfEight) {
            return Err(NotSent::never(
                "the mail server takes addresses in ASCII only (it has no SMTPUTF8)".to_owned(),
            ));
        }
        parameters.push(MailParameter::SmtpUtfEight);
    }
    // The sender is a setting, and so is who signs in.
    let from = Mail::new(envelope.from().cloned(), parameters);
    let accepted = connection.command(from).await;
    accepted.map_err(|error| NotSent::later(of_server(config, &error)))?;
    for to in envelope.to() {
        let to = Rcpt::new(to.clone(), Vec::new());
        connection.command(to).await.map_err(failed)?;
    }
    connection.command(Data).await.map_err(failed)?;
    Ok(())
}

/// Whatever the server answers before it sees the recipient, the message can be sent once the server
/// or the settings are corrected.
fn of_server(config: &SmtpConfig, error: &Error) -> String {
    format!("the mail server {}: {}", config.host, chain(error))
}

/// A permanent refusal is of this message (RFC 5321, section 4.2.1).
fn of_message(error: &Error) -> NotSent {
    let chain = chain(error);
    if error.is_permanent() {
        NotSent::never(format!("the mail server refused the message: {chain}"))
    } else if error.is_transient() {
        NotSent::later(format!(
            "the mail server refused the message for now: {chain}"
        ))
    } else {
        NotSent::later(format!(
            "the connection to the mail server was lost: {chain}"
        ))
    }
}

fn chain(error: &Error) -> String {
    // So the library calls a server that lacks what the settings ask for.
    let mut text = error.to_string().replacen("internal client error: ", "", 1);
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text.push_str(": ");
            text.push_str(&inner_text);
        }
        cause = inner.source();
    }
    text
}
