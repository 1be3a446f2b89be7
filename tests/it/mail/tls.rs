//! TLS, by the program itself: it reads the certificates that it trusts from its environment.

use std::process::Command;

use super::*;
use crate::support::{Place, Serving, tool, wait_until};

/// A CA and a certificate of `localhost` by it, in a folder.
fn certificates() -> Option<tempfile::TempDir> {
    let openssl = tool("OpenSSL", "DOORWARD_TEST_OPENSSL")?;
    let folder = tempfile::tempdir().unwrap();
    let certify = |more: &str| {
        let common = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1";
        let arguments = format!("{common} {more}");
        let ran = Command::new(&openssl)
            .args(arguments.split(' '))
            .current_dir(folder.path())
            .output()
            .unwrap();
        assert!(ran.status.success(), "{ran:?}");
    };
    certify("-subj /CN=ca -out ca.pem -keyout ca.key");
    certify(
        "-subj /CN=localhost -addext subjectAltName=DNS:localhost -CA ca.pem -CAkey ca.key \
         -addext basicConstraints=critical,CA:FALSE -out server.pem -keyout server.key",
    );
    Some(folder)
}

struct Secured {
    server: MailServer,
    certificates: tempfile::TempDir,
    place: Place,
}

impl Secured {
    fn with(tls: &str, scheme: &str) -> Option<Self> {
        let certificates = certificates()?;
        let file = |name: &str| certificates.path().join(name).display().to_string();
        let (certificate, key) = (file("server.pem"), file("server.key"));
        let server = MailServer::start(&[
            &format!("tls={tls}"),
            &format!("certificate={certificate}"),
            &format!("key={key}"),
            "user=ada",
            "password=canary-smtp",
        ])?;
        let mut place = Place::new();
        let url = format!("{scheme}://ada@localhost:{}", server.port);
        place.set("DOORWARD_MAIL__URL", &url);
        place.set("DOORWARD_MAIL__FROM", "login@example.com");
        place.set("DOORWARD_MAIL__TLS", "required");
        place.write("password", "canary-smtp\n");
        place.set("DOORWARD_MAIL__PASSWORD_FILE", "password");
        place.set("DOORWARD_LOG__LEVEL", "trace");
        Some(Self {
            server,
            certificates,
            place,
        })
    }

    fn trust_the_ca(&mut self) {
        let ca = self.certificates.path().join("ca.pem");
        self.place.set("SSL_CERT_FILE", ca.to_str().unwrap());
    }

    fn ask(&self) -> Serving {
        let serving = self.place.serve();
        ask(&serving.browser(), "bob@example.com");
        serving
    }

    /// Waits for the first attempt, and returns why it failed.
    fn problem(&self) -> String {
        let problem = "SELECT problem AS line FROM mail_messages WHERE attempts = 1";
        let mut found = Vec::new();
        wait_until("the message was tried", || {
            found = self.place.lines(problem);
            !found.is_empty()
        });
        found.remove(0)
    }
}

fn ended(serving: Serving) {
    let (status, _, log) = serving.end();
    assert!(status.success());
    for secret in ["canary", "AGFkYQBjYW5hcnk", "Y2FuYXJ5"] {
        assert!(!log.contains(secret), "{secret} is in the log: {log}");
    }
}

fn arrives_by_tls(tls: &str, scheme: &str) {
    let Some(mut secured) = Secured::with(tls, scheme) else {
        return;
    };
    secured.trust_the_ca();
    let serving = secured.ask();
    let accepted = secured.server.hear("accepted <bob@example.com>");
    assert!(accepted.contains(" tls "), "{accepted}");
    ended(serving);
}

fn needs_a_trusted_certificate(tls: &str, scheme: &str) {
    let Some(mut secured) = Secured::with(tls, scheme) else {
        return;
    };
    let serving = secured.ask();
    let problem = secured.problem();
    assert!(
        problem.starts_with("the mail server localhost: "),
        "{problem}"
    );
    assert!(problem.contains("certificate"), "{problem}");
    for event in ["signed-in", "from", "accepted"] {
        assert_eq!(secured.server.heard(event), 0, "{event}");
    }
    ended(serving);
}

#[test]
fn mail_goes_over_tls_from_the_first_byte() {
    arrives_by_tls("implicit", "smtps");
}

#[test]
fn mail_goes_over_starttls() {
    arrives_by_tls("starttls", "smtp");
}

#[test]
fn nothing_is_sent_to_a_server_without_a_trusted_certificate() {
    needs_a_trusted_certificate("implicit", "smtps");
    needs_a_trusted_certificate("starttls", "smtp");
}

#[test]
fn without_starttls_nothing_is_sent_where_tls_is_required() {
    let Some(mut secured) = Secured::with("none", "smtp") else {
        return;
    };
    secured.trust_the_ca();
    let serving = secured.ask();
    let why = "the mail server localhost does not offer STARTTLS, and without TLS no mail is sent";
    assert_eq!(secured.problem(), why);
    for event in ["signed-in", "from", "accepted"] {
        assert_eq!(secured.server.heard(event), 0, "{event}");
    }
    ended(serving);
}
