//! The messages in a server's outbox, as their receivers read them.

use std::fs;
use std::path::Path;

use doorward::app::find_secret;
use doorward::base::fault::Fault;
use doorward::mail::{self, Postbox};
use mailparse::{MailHeaderMap, ParsedMail};

use super::{Door, wait_until};

/// A message of the folder `outbox`, or one that an SMTP server has received.
#[derive(Clone, Debug)]
pub struct Letter {
    pub id: String,
    pub to: String,
    pub from: String,
    pub subject: String,
    pub text: String,
    pub html: String,
    /// As it was sent.
    pub raw: String,
}

impl Letter {
    /// # Panics
    /// When it is not a message with a text and an HTML part.
    pub fn parse(raw: &[u8]) -> Self {
        let mail = mailparse::parse_mail(raw).unwrap();
        let header = |name| {
            let values = mail.headers.get_all_values(name);
            assert_eq!(values.len(), 1, "{name}: {values:?}");
            values[0].clone()
        };
        assert_eq!(mail.ctype.mimetype, "multipart/alternative");
        assert_eq!(header("Auto-Submitted"), "auto-generated");
        let part = |at: usize, mimetype| {
            let part: &ParsedMail<'_> = &mail.subparts[at];
            assert_eq!(part.ctype.mimetype, mimetype);
            assert_eq!(part.ctype.charset, "utf-8");
            part.get_body().unwrap().replace("\r\n", "\n")
        };
        assert_eq!(mail.subparts.len(), 2);
        Self {
            id: header("Message-ID"),
            to: header("To"),
            from: header("From"),
            subject: header("Subject"),
            text: part(0, "text/plain"),
            html: part(1, "text/html"),
            raw: String::from_utf8(raw.to_vec()).unwrap(),
        }
    }

    /// The link in its text, which stands on a line of its own, and is the link in its HTML.
    pub fn link(&self) -> &str {
        let mut links = self.text.lines().filter(|line| line.contains("?token="));
        let link = links.next().expect("a link");
        assert_eq!(links.next(), None, "{}", self.text);
        let shown = format!("<a href=\"{link}\">{link}</a>");
        assert!(self.html.contains(&shown), "{}", self.html);
        link
    }

    /// Path and query of the link.
    pub fn path<'a>(&'a self, door: &Door) -> &'a str {
        let path = self.link().strip_prefix(&door.url);
        path.expect("a link of this server")
    }
}

impl Door {
    /// All messages in the folder `outbox`, in no order.
    pub fn letters(&self) -> Vec<Letter> {
        letters_in(&self.data_dir().join("outbox"))
    }

    /// Waits for the only message to this address with this subject.
    pub fn letter(&self, to: &str, subject: &str) -> Letter {
        let mut found = Vec::new();
        wait_until(&format!("a message to {to}: {subject}"), || {
            found = self.letters();
            found.retain(|letter| letter.to == to && letter.subject.contains(subject));
            !found.is_empty()
        });
        assert_eq!(found.len(), 1, "{found:?}");
        found.remove(0)
    }

    /// Puts letters to these addresses into the outbox, as rooms do.
    pub fn post<'a>(&self, letters: impl IntoIterator<Item = (&'a str, mail::Letter)>) {
        let secret = find_secret(&self.data_dir().join("secret")).unwrap();
        let postbox = Postbox::new(&secret.unwrap());
        let letters = letters
            .into_iter()
            .map(|(to, letter)| (to.to_owned(), letter));
        let letters: Vec<_> = letters.collect();
        let posted = self.database();
        let now = self.now();
        let posted = posted.write(move |tx| {
            for (to, letter) in &letters {
                postbox.post(tx, to, None, letter, now)?;
            }
            Ok::<_, Fault>(())
        });
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_all().build().unwrap();
        runtime.block_on(posted).unwrap();
    }

    /// The messages in the outbox, by recipient: attempts, seconds until the next one, problem.
    pub fn outbox(&self) -> Vec<String> {
        let now = self.now();
        self.lines(&format!(
            "SELECT attempts || '; ' || coalesce(CAST(due_at - {now} AS TEXT), 'given up') || '; ' \
             || coalesce(problem, '') AS line FROM mail_messages ORDER BY recipient"
        ))
    }

    /// Waits until the only message in the outbox was tried so often, and shows it.
    #[track_caller]
    pub fn tried(&self, attempts: usize) -> String {
        let mut outbox = Vec::new();
        wait_until(&format!("attempt {attempts}"), || {
            outbox = self.outbox();
            outbox.len() == 1 && outbox[0].starts_with(&format!("{attempts};"))
        });
        outbox.remove(0)
    }

    /// Waits until no request is unanswered, and no message is due.
    pub fn wait_for_mail(&self) {
        wait_until("all messages are sent", || {
            let waiting = "SELECT (SELECT count(*) FROM mail_requests) \
                           + (SELECT count(*) FROM mail_messages WHERE due_at IS NOT NULL) AS n";
            self.number(waiting) == 0
        });
    }
}

pub fn letters_in(folder: &Path) -> Vec<Letter> {
    let Ok(files) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let paths = files.map(|file| file.unwrap().path());
    paths
        .filter(|path| path.extension().is_some_and(|extension| extension == "eml"))
        .map(|path| Letter::parse(&fs::read(path).unwrap()))
        .collect()
}
