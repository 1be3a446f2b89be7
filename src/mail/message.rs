//! From a letter to a message (RFC 5322, RFC 2045).

use std::time::{Duration, UNIX_EPOCH};

use lettre::Address;
use lettre::address::Envelope;
use lettre::message::header::{Header, HeaderName, HeaderValue};
use lettre::message::{Mailbox, Message, MultiPart};

use super::letters::Written;
use crate::base::clock::UnixSeconds;
use crate::base::ids::MailId;
use crate::base::names::Email;

/// Who writes.
pub struct Sender {
    pub from: Mailbox,
    pub reply_to: Option<Mailbox>,
    /// The host of the base URL, in `Message-ID`.
    pub host: String,
}

/// Tells programs that answer mail not to answer (RFC 3834, section 5).
#[derive(Clone)]
struct AutoSubmitted;

impl Header for AutoSubmitted {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}

/// # Errors
/// Why no message can be sent to this address.
pub fn compose(
    sender: &Sender,
    id: MailId,
    created_at: UnixSeconds,
    recipient: &str,
    written: Written,
) -> Result<(Envelope, Vec<u8>), String> {
    // An account of an older version can have an address that is not one.
    let to = Email::parse(recipient).map_err(|_| "this is not an email address".to_owned())?;
    let to: Address = to
        .for_mail()
        .parse()
        .map_err(|error| format!("no message can be sent to this address: {error}"))?;
    // The library does not find an address in quotes in the header.
    let envelope = Envelope::new(Some(sender.from.email.clone()), vec![to.clone()]);
    let envelope = envelope.map_err(|error| error.to_string())?;
    let created = u64::try_from(created_at).unwrap_or_default();
    let mut message = Message::builder()
        .envelope(envelope.clone())
        .from(sender.from.clone())
        .to(Mailbox::new(None, to))
        .subject(written.subject)
        .date(UNIX_EPOCH + Duration::from_secs(created))
        .message_id(Some(format!("<{id}@{}>", sender.host)))
        .header(AutoSubmitted);
    if let Some(reply_to) = &sender.reply_to {
        message = message.reply_to(reply_to.clone());
    }
    let body = MultiPart::alternative_plain_html(written.text, written.html);
    let message = message.multipart(body).map_err(|error| error.to_string())?;
    Ok((envelope, message.formatted()))
}
