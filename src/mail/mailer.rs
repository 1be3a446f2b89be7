//! Writes a letter out, and passes the message on: to a mail server, or into a folder.

use std::fmt::Display;

use lettre::address::Envelope;
use lettre::message::Mailbox;

use super::letters::{Letter, Site, Written};
use super::message::{Sender, compose};
use super::{NotSent, folder, smtp};
use crate::base::clock::UnixSeconds;
use crate::base::fault::Fault;
use crate::base::ids::MailId;
use crate::config::{BaseUrl, Config, TransportConfig};

/// Sends messages as the settings say. It needs no database.
pub struct Mailer {
    transport: TransportConfig,
    sender: Sender,
    site_name: String,
    base_url: BaseUrl,
    /// Shows the link of a message that was written to the folder.
    console: Option<fn(&dyn Display)>,
}

/// A message as it is sent.
pub struct Composed {
    id: MailId,
    envelope: Envelope,
    content: Vec<u8>,
    /// Recipient, subject and link.
    shown: Option<String>,
}

impl Mailer {
    /// `console` prints a line for a developer on this machine; nothing is printed when others can
    /// reach the site.
    ///
    /// # Errors
    /// When no sender can be made of the base URL.
    pub fn new(
        config: &Config,
        base_url: &BaseUrl,
        console: Option<fn(&dyn Display)>,
    ) -> Result<Self, Fault> {
        let host = base_url.host();
        let from = match &config.mail.from {
            Some(from) => from.clone(),
            None => default_sender(&config.site.name, host)?,
        };
        Ok(Self {
            transport: config.mail.transport.clone(),
            sender: Sender {
                from,
                reply_to: config.mail.reply_to.clone(),
                host: host.to_owned(),
            },
            site_name: config.site.name.clone(),
            console: console.filter(|_| base_url.is_loopback()),
            base_url: base_url.clone(),
        })
    }

    /// Connects to the mail server and signs in, and sends nothing. Does nothing for a folder.
    ///
    /// # Errors
    /// Why no message can be sent.
    pub async fn check(&self) -> Result<(), NotSent> {
        match &self.transport {
            TransportConfig::Folder(_) => Ok(()),
            TransportConfig::Smtp(config) => smtp::check(config, &self.sender.host).await,
        }
    }

    /// Sends a test message at once, without the outbox.
    ///
    /// # Errors
    /// Why it was not sent.
    pub async fn test(&self, to: &str, now: UnixSeconds) -> Result<(), Fault> {
        let composed = self.compose(MailId::new(), now, to, &Letter::Test)?;
        let sent = match composed {
            Ok(composed) => self.send(&composed, async || Ok(true)).await?,
            Err(not_sent) => Err(not_sent),
        };
        sent.map(|_| ())
            .map_err(|not_sent| Fault::new(not_sent.problem))
    }

    /// # Errors
    /// [`NotSent`] if no message can be sent to this address.
    pub fn compose(
        &self,
        id: MailId,
        created_at: UnixSeconds,
        to: &str,
        letter: &Letter,
    ) -> Result<Result<Composed, NotSent>, Fault> {
        let site = Site {
            name: &self.site_name,
            base_url: self.base_url.as_str(),
        };
        let written = letter.write(site);
        let written = written.map_err(|error| Fault::caused("write a letter", error))?;
        let shown = shown(to, &written);
        let composed = compose(&self.sender, id, created_at, to, written);
        Ok(composed
            .map(|(envelope, content)| Composed {
                id,
                envelope,
                content,
                shown,
            })
            .map_err(NotSent::never))
    }

    /// `begin` is asked right before the content is sent. If it returns `false`, nothing is sent,
    /// and so does this.
    ///
    /// # Errors
    /// Those of `begin`.
    pub async fn send(
        &self,
        composed: &Composed,
        begin: impl AsyncFnOnce() -> Result<bool, Fault>,
    ) -> Result<Result<bool, NotSent>, Fault> {
        let content = &composed.content;
        match &self.transport {
            TransportConfig::Folder(folder) => {
                if !begin().await? {
                    return Ok(Ok(false));
                }
                let written = folder::write(folder, composed.id, content).await;
                if let (Ok(()), Some(console), Some(shown)) =
                    (&written, self.console, &composed.shown)
                {
                    console(shown);
                }
                Ok(written.map(|()| true))
            }
            TransportConfig::Smtp(config) => {
                let announced = smtp::announce(
                    config,
                    &self.sender.host,
                    &composed.envelope,
                    content.is_ascii(),
                );
                let ready = match announced.await {
                    Ok(ready) => ready,
                    Err(not_sent) => return Ok(Err(not_sent)),
                };
                if !begin().await? {
                    return Ok(Ok(false));
                }
                Ok(ready.send(content).await.map(|()| true))
            }
        }
    }
}

fn shown(to: &str, written: &Written) -> Option<String> {
    let link = written.link.as_ref()?;
    Some(format!("Mail to {to}: {}: {link}", written.subject))
}

fn default_sender(site: &str, host: &str) -> Result<Mailbox, Fault> {
    // An address of an IP address has another form, and nobody is there to answer.
    let is_name = host.parse::<std::net::IpAddr>().is_err() && !host.starts_with('[');
    let host = if is_name { host } else { "localhost" };
    let address = lettre::Address::new("doorward", host);
    let address = address.map_err(|error| {
        Fault::caused("no sender can be made of base_url: set mail.from", error)
    })?;
    Ok(Mailbox::new(Some(site.to_owned()), address))
}
