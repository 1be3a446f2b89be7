//! The letters: what each says, as text and as HTML.

use askama::Template;
use serde::{Deserialize, Serialize};

use crate::base::clock::{UnixSeconds, for_reading};
use crate::base::names::printable;

const LINE_CHARS: usize = 76;

/// A message before it is written. The outbox keeps it, encrypted, until it is sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Letter {
    ResetPassword {
        token: String,
    },
    /// Somebody asked for a link, and no account has this address.
    NoAccount,
    /// Somebody asked for a link, and the account is disabled.
    AccountDisabled,
    SignIn {
        token: String,
    },
    ConfirmSignUp {
        token: String,
    },
    /// Somebody signed up with the address of an account.
    HasAccount,
    ConfirmEmail {
        token: String,
    },
    /// To the old address.
    EmailChanged {
        /// Of the link that brings it back; `None` if the address may not be the owner's.
        token: Option<String>,
        at: UnixSeconds,
        from: Origin,
    },
    Invitation {
        token: String,
        ends_at: UnixSeconds,
    },
    /// What happened to an account.
    Notice {
        what: Notice,
        /// Of "This was not me"; `None` if nobody can sign in to the account anyway.
        token: Option<String>,
        at: UnixSeconds,
        from: Origin,
    },
    /// Of `doorward doctor --mail`.
    Test,
}

/// Where an action came from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    pub address: Option<String>,
    pub device: Option<String>,
    /// Not by a request: by the administrator of the server.
    pub by_operator: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Notice {
    NewDevice,
    PasswordChanged,
    RoleChanged { role: String },
    AccountDisabled,
    AccountEnabled,
    Exported,
}

/// The site that writes.
#[derive(Clone, Copy, Debug)]
pub struct Site<'a> {
    pub name: &'a str,
    /// Scheme and host of every link.
    pub base_url: &'a str,
}

/// A letter, written.
pub struct Written {
    pub subject: String,
    pub text: String,
    pub html: String,
    /// The link in it.
    pub link: Option<String>,
}

/// The content of both templates.
#[derive(Default)]
struct Content<'a> {
    site: &'a str,
    base_url: &'a str,
    subject: String,
    before: Vec<String>,
    facts: Vec<(&'static str, String)>,
    /// What the link does, if the facts are above it.
    then: Option<&'static str>,
    link: Option<String>,
    after: Vec<String>,
}

#[derive(Template)]
#[template(path = "mail/letter.txt")]
struct Text<'a>(&'a Content<'a>);

impl Text<'_> {
    /// RFC 5322, section 2.1.1. The template puts links on lines of their own.
    fn wrapped(&self, paragraph: &str) -> String {
        let mut lines = String::new();
        let mut width = 0;
        for word in paragraph.split(' ') {
            let length = word.chars().count();
            if width > 0 && width + 1 + length > LINE_CHARS {
                lines.push('\n');
                width = 0;
            } else if width > 0 {
                lines.push(' ');
                width += 1;
            }
            lines.push_str(word);
            width += length;
        }
        lines
    }
}

#[derive(Template)]
#[template(path = "mail/letter.html")]
struct Html<'a>(&'a Content<'a>);

impl Letter {
    /// Its kind, for lists.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::ResetPassword { .. } => "reset password",
            Self::NoAccount => "no account",
            Self::AccountDisabled => "account disabled",
            Self::SignIn { .. } => "sign in",
            Self::ConfirmSignUp { .. } => "confirm sign-up",
            Self::HasAccount => "has an account",
            Self::ConfirmEmail { .. } => "confirm address",
            Self::EmailChanged { .. } => "address changed",
            Self::Invitation { .. } => "invitation",
            Self::Notice { .. } => "notice",
            Self::Test => "test",
        }
    }

    /// # Errors
    /// None that the content can cause.
    pub fn write(&self, site: Site<'_>) -> Result<Written, askama::Error> {
        let content = self.content(site);
        Ok(Written {
            text: Text(&content).render()?,
            html: Html(&content).render()?,
            subject: content.subject,
            link: content.link,
        })
    }

    fn content<'a>(&self, site: Site<'a>) -> Content<'a> {
        const NOT_ASKED: &str = "If you did not ask for this, you can ignore this message. \
                                 Nothing changes.";
        let name = site.name;
        let to = |path: &str| Some(format!("{}{path}", site.base_url));
        let with = |path: &str, token: &str| to(&format!("{path}?token={token}"));
        let content = Content {
            site: name,
            base_url: site.base_url,
            ..Content::default()
        };
        match self {
            Self::ResetPassword { token } => Content {
                subject: format!("Set a new password for {name}"),
                before: vec![format!(
                    "Somebody asked for a new password for your account at {name}. To set one, \
                     open this link within 60 minutes:"
                )],
                link: with("/reset", token),
                after: vec![
                    "The link works once. A newer link replaces it.".to_owned(),
                    NOT_ASKED.to_owned(),
                ],
                ..content
            },
            Self::NoAccount => Content {
                subject: format!("No account at {name} has this address"),
                before: vec![
                    format!(
                        "Somebody asked {name} for a link to the account with this email address. \
                         There is no account with this address."
                    ),
                    "If it was you, you may have signed up with another address, or with a \
                     username."
                        .to_owned(),
                ],
                after: vec![NOT_ASKED.to_owned()],
                ..content
            },
            Self::AccountDisabled => Content {
                subject: format!("Your account at {name} is disabled"),
                before: vec![format!(
                    "Somebody asked for a link to your account at {name}. The account is \
                     disabled: an administrator of {name} can enable it."
                )],
                after: vec![NOT_ASKED.to_owned()],
                ..content
            },
            Self::SignIn { token } => Content {
                subject: format!("Sign in to {name}"),
                before: vec![format!(
                    "To sign in to {name}, open this link within 10 minutes, in the browser in \
                     which you asked for it. In another browser, the link shows a code that you \
                     can type there:"
                )],
                link: with("/login/link", token),
                after: vec![
                    "Do not give the link or the code to anyone.".to_owned(),
                    NOT_ASKED.to_owned(),
                ],
                ..content
            },
            Self::ConfirmSignUp { token } => Content {
                subject: format!("Confirm your email address for {name}"),
                before: vec![format!(
                    "Somebody signed up at {name} with this email address. To create the \
                     account, open this link within 24 hours, and enter the password that you \
                     chose:"
                )],
                link: with("/verify", token),
                after: vec![
                    "If you did not sign up, you can ignore this message. No account is created."
                        .to_owned(),
                ],
                ..content
            },
            Self::HasAccount => Content {
                subject: format!("You already have an account at {name}"),
                before: vec![format!(
                    "Somebody signed up at {name} with this email address, or tried to give it to \
                     another account, and you already have an account with it. Your account was \
                     not changed. You can sign in, or ask for a new password:"
                )],
                link: to("/login"),
                after: vec![NOT_ASKED.to_owned()],
                ..content
            },
            Self::ConfirmEmail { token } => Content {
                subject: format!("Confirm your email address for {name}"),
                before: vec![format!(
                    "An account at {name} asked to use this email address. To confirm that the \
                     account and the address are yours, open this link within 24 hours:"
                )],
                link: with("/verify", token),
                after: vec![NOT_ASKED.to_owned()],
                ..content
            },
            Self::EmailChanged { token, at, from } => Content {
                subject: format!("Your email address at {name} was changed"),
                before: vec![format!(
                    "Your account at {name} has a new email address. Messages do not come to \
                     this address any more."
                )],
                facts: from.facts(*at),
                then: token.is_some().then_some(
                    "If this was not you, open this link within 7 days. It brings this address \
                     back, ends all sessions of the account, and sends you a link to set a new \
                     password:",
                ),
                link: token.as_ref().and_then(|token| with("/undo", token)),
                after: match token {
                    Some(_) => Vec::new(),
                    None => vec![format!(
                        "If you do not know why, ask an administrator of {name}."
                    )],
                },
                ..content
            },
            Self::Invitation { token, ends_at } => Content {
                subject: format!("Your invitation to {name}"),
                before: vec![format!(
                    "You are invited to {name}. To create your account, open this link by {}:",
                    for_reading(*ends_at)
                )],
                link: with("/invitation", token),
                after: vec!["If you do not know why, you can ignore this message.".to_owned()],
                ..content
            },
            Self::Notice {
                what,
                token,
                at,
                from,
            } => {
                let (subject, happened) = what.words(name);
                let content = Content {
                    subject,
                    before: vec![happened],
                    facts: from.facts(*at),
                    ..content
                };
                match token {
                    Some(token) => Content {
                        then: Some(
                            "If this was not you, open this link within 7 days. It ends all \
                             sessions of your account, and sends you a link to set a new password:",
                        ),
                        link: with("/not-me", token),
                        ..content
                    },
                    None => Content {
                        after: vec![format!(
                            "If you do not know why, ask an administrator of {name}."
                        )],
                        ..content
                    },
                }
            }
            Self::Test => Content {
                subject: format!("A test message from {name}"),
                before: vec![format!(
                    "{name} can send mail. An administrator asked for this message with \
                     `doorward doctor --mail`."
                )],
                ..content
            },
        }
    }
}

impl Origin {
    fn facts(&self, at: UnixSeconds) -> Vec<(&'static str, String)> {
        let mut facts = vec![("When", for_reading(at))];
        if self.by_operator {
            facts.push(("By", "an administrator of the server".to_owned()));
        }
        facts.extend(self.address.clone().map(|address| ("Address", address)));
        // A client says what it is, so this must not become lines of their own.
        let device = self.device.as_deref().map(printable);
        facts.extend(device.map(|device| ("Device", device)));
        facts
    }
}

impl Notice {
    /// Subject, and what happened.
    fn words(&self, site: &str) -> (String, String) {
        match self {
            Self::NewDevice => (
                format!("New sign-in to {site}"),
                format!("Somebody signed in to your account at {site} from a new device."),
            ),
            Self::PasswordChanged => (
                format!("Your password at {site} was changed"),
                format!("The password of your account at {site} was changed."),
            ),
            Self::RoleChanged { role } => (
                format!("Your role at {site} was changed"),
                format!("Your account at {site} has a new role: {role}."),
            ),
            Self::AccountDisabled => (
                format!("Your account at {site} was disabled"),
                format!("Your account at {site} was disabled. Nobody can sign in to it."),
            ),
            Self::AccountEnabled => (
                format!("Your account at {site} was enabled"),
                format!("Your account at {site} was enabled again. You can sign in to it."),
            ),
            Self::Exported => (
                format!("Your data at {site} was downloaded"),
                format!(
                    "Somebody who was signed in to your account at {site} downloaded an archive of \
                     its data."
                ),
            ),
        }
    }
}
