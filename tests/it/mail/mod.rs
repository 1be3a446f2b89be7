//! Mail, to a mail server that keeps the rules and to ones that do not.

mod addresses;
mod crashes;
mod delivery;
mod letters;
mod outbox;

mod tls;
mod trouble;

use doorward::mail::Letter;

use crate::support::{Browser, Door, MailServer, Reply};

const FROM: (&str, &str) = ("mail.from", "Doorward <login@example.com>");

/// A server that sends its mail to `server`.
fn door_to(server: &MailServer, settings: &[(&str, &str)]) -> Door {
    Door::with(&[&[("mail.url", server.url().as_str()), FROM], settings].concat())
}

/// Asks for a new password. An address without an account gets a message, too.
fn ask(browser: &Browser, email: &str) -> Reply {
    let page = browser.get("/forgot");
    let asked = browser.submit(&page, "Send the link", &[("Email address", email)]);
    assert_eq!(asked.status, 303, "{}", asked.body);
    asked
}

fn to(email: &str) -> (&str, Letter) {
    (email, Letter::Test)
}
