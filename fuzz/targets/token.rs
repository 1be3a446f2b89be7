//! Whole token texts, given to every function of `Tokens` that takes one.
//!
//! The first byte of the input says what the rest of it is:
//!
//! | byte | the rest is |
//! | --- | --- |
//! | `a` `l` `s` | edits of a genuine access, link or share token, four bytes each |
//! | `h` `p` | the header or the claims of a genuine token, whose signature stays |
//! | `H` `P` | a header or claims that are signed with our key |
//! | any other | the whole text, that byte included |
#![no_main]

use std::sync::atomic::AtomicI64;
use std::sync::{Arc, OnceLock};

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use doorward::access::Role;
use doorward::audit;
use doorward::base::clock::{CLOCKS_APART_SECONDS, Clock};
use doorward::base::event::Actor;
use doorward::base::ids::{AccountId, SessionId, TokenId};
use doorward::base::secret::InstanceSecret;
use doorward::config::Config;
use doorward::storage::{Db, Location};
use doorward::tokens::{Authentication, Subject, Tokens};
use libfuzzer_sys::fuzz_target;
use serde::Deserialize;
use serde::de::IgnoredAny;

const NOW: i64 = 1_800_000_000;
const ISSUER: &str = "http://door.test";
/// Only this program uses it: no other verifier accepts its signatures.
const SHARED_SECRET: &str = "fuzzing 0123456789 abcdefghijklmnopqrstuvwxyz";
/// Replaces our key's id in a header, which differs in each run.
const NOBODY: &str = "00000000-0000-4000-8000-000000000000";
const KINDS: [&str; 3] = ["at+jwt", "link+jwt", "share+jwt"];
/// The longest lifetime of a token of each kind.
const LIVES: [i64; 3] = [15 * 60, 150, 30 * 86_400];

/// The fields of a header that are checked here. The server skips every other field, without
/// reading its value.
#[derive(Deserialize)]
struct Header {
    alg: Option<String>,
    typ: Option<String>,
    kid: Option<String>,
    crit: Option<IgnoredAny>,
}

/// The claims that are checked here, likewise.
#[derive(Deserialize)]
struct Claims {
    iss: Option<String>,
    aud: Option<String>,
    iat: Option<i64>,
    nbf: Option<i64>,
    exp: Option<i64>,
}

/// Tokens under one key, and a genuine one of each kind.
struct Door {
    tokens: Tokens,
    genuine: [String; 3],
}

struct World {
    /// Signs by Ed25519, as is the default.
    door: Door,
    /// Signs with a secret that this program knows too.
    shared: Door,
    secret: hmac::Key,
}

fuzz_target!(|data: &[u8]| {
    static WORLD: OnceLock<World> = OnceLock::new();
    let world = WORLD.get_or_init(World::new);
    let Some((way, rest)) = data.split_first() else {
        return;
    };
    match way {
        b'a' => edited(&world.door, 0, rest),
        b'l' => edited(&world.door, 1, rest),
        b's' => edited(&world.door, 2, rest),
        b'h' => replaced(&world.door, 0, rest),
        b'p' => replaced(&world.door, 1, rest),
        b'H' => signed_header(world, rest),
        b'P' => signed_claims(world, rest),
        _ => {
            if let Ok(text) = std::str::from_utf8(data) {
                assert_eq!(world.door.accepts(text), [false; 3], "a forgery");
            }
        }
    }
});

/// Of all edits of a genuine token, only its unchanged text is accepted.
fn edited(door: &Door, kind: usize, edits: &[u8]) {
    let mut text = door.genuine[kind].clone().into_bytes();
    for edit in edits.chunks_exact(4) {
        let at = usize::from(u16::from_be_bytes([edit[1], edit[2]])) % (text.len() + 1);
        match edit[0] % 4 {
            0 => text.insert(at, edit[3]),
            1 => text.truncate(at),
            2 if at < text.len() => text[at] = edit[3],
            3 if at < text.len() => drop(text.remove(at)),
            _ => {}
        }
    }
    if let Ok(text) = String::from_utf8(text) {
        let own = text == door.genuine[kind];
        for (at, accepted) in door.accepts(&text).into_iter().enumerate() {
            assert_eq!(
                accepted,
                own && at == kind,
                "{} as {}",
                KINDS[kind],
                KINDS[at]
            );
        }
    }
}

fn replaced(door: &Door, part: usize, with: &[u8]) {
    let with = URL_SAFE_NO_PAD.encode(with);
    for genuine in &door.genuine {
        let mut parts: Vec<&str> = genuine.split('.').collect();
        if parts[part] != with {
            parts[part] = &with;
            assert_eq!(door.accepts(&parts.join(".")), [false; 3], "a forgery");
        }
    }
}

/// Whatever our key would sign, a header is one of ours or is refused.
fn signed_header(world: &World, header: &[u8]) {
    let kid = read::<Header>(&part(&world.shared.genuine[0], 0)).kid;
    let header = String::from_utf8_lossy(header).replace(NOBODY, kid.as_deref().expect("a key"));
    let header = header.as_bytes();
    for token in &world.shared.genuine {
        let accepted = world.shared.accepts(&world.sign(header, &part(token, 1)));
        for (at, kind) in KINDS.iter().enumerate().filter(|(at, _)| accepted[*at]) {
            let said: Header = read(header);
            assert_eq!(said.typ.as_deref(), Some(*kind), "at the door {at}");
            assert_eq!(said.alg.as_deref(), Some("HS256"));
            assert_eq!(said.kid, kid);
            assert!(said.crit.is_none());
        }
    }
}

/// Whatever our key would sign, claims are ours and current, or are refused.
fn signed_claims(world: &World, claims: &[u8]) {
    for (kind, genuine) in world.shared.genuine.iter().enumerate() {
        let accepted = world.shared.accepts(&world.sign(&part(genuine, 0), claims));
        let mut doors = accepted.iter().enumerate();
        assert!(doors.all(|(at, accepted)| !accepted || at == kind));
        if accepted[kind] {
            let said: Claims = read(claims);
            assert_eq!(said.iss.as_deref(), Some(ISSUER));
            assert_eq!(said.aud.as_deref(), Some(ISSUER));
            let [iat, nbf, exp] = [said.iat, said.nbf, said.exp].map(|time| time.expect("a time"));
            let latest = NOW + CLOCKS_APART_SECONDS;
            assert!(iat <= latest && nbf <= latest && NOW < exp && NOW < iat + LIVES[kind]);
        }
    }
}

impl World {
    fn new() -> Self {
        // Making a database takes a moment; it is deleted when the keys are read.
        let folder = tempfile::tempdir().expect("a folder for the keys");
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .build()
            .expect("a runtime");
        let door = |name: &str, settings: &[(&str, &str)]| {
            let config = Config::of(settings).expect("good settings");
            let clock = Clock::Fixed(Arc::new(AtomicI64::new(NOW)));
            let location = Location::Sqlite(folder.path().join(name));
            let db = Db::open_renewed(location, clock.clone(), |_| Ok(())).expect("a database");
            let secret = InstanceSecret::generate();
            let db = db.recording(audit::trail(&secret), Actor::Server);
            let tokens = Tokens::open(&db, clock, &secret, ISSUER, &config.tokens);
            Door::new(runtime.block_on(tokens).expect("keys"))
        };
        Self {
            door: door("own", &[]),
            shared: door(
                "shared",
                &[
                    ("tokens.algorithm", "HS256"),
                    ("tokens.hmac_secret", SHARED_SECRET),
                ],
            ),
            secret: hmac::Key::new(hmac::HMAC_SHA256, SHARED_SECRET.as_bytes()),
        }
    }

    fn sign(&self, header: &[u8], claims: &[u8]) -> String {
        let [header, claims] = [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part));
        let text = format!("{header}.{claims}");
        let signature = hmac::sign(&self.secret, text.as_bytes());
        format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

impl Door {
    fn new(tokens: Tokens) -> Self {
        let account = AccountId::new();
        let subject = Subject {
            account,
            username: Some("ada"),
            name: None,
            email: None,
            email_verified: false,
            role: Role::Member.as_str(),
            groups: &[],
        };
        let proved = Authentication {
            auth_time: NOW,
            amr: vec!["pwd".to_owned()],
        };
        let access = tokens.issue_access(&subject, SessionId::new(), &proved, NOW + 86_400);
        let genuine = [
            access.expect("an access token").0,
            tokens
                .issue_link(TokenId::new(), account, "/dashboard", &proved)
                .expect("a link")
                .0,
            tokens.issue_share(account, "/s/1", 600).expect("a share").0,
        ];
        let door = Self { tokens, genuine };
        // Otherwise the assertions here would be meaningless.
        for (at, token) in door.genuine.iter().enumerate() {
            assert!(door.accepts(token)[at]);
        }
        door
    }

    fn accepts(&self, text: &str) -> [bool; 3] {
        [
            self.tokens.verify_access(text).is_ok(),
            self.tokens.verify_link(text).is_ok(),
            self.tokens.verify_share(text).is_ok(),
        ]
    }
}

fn part(token: &str, at: usize) -> Vec<u8> {
    let part = token.split('.').nth(at).expect("a token has three parts");
    URL_SAFE_NO_PAD.decode(part).expect("a part is base64")
}

fn read<'a, T: Deserialize<'a>>(text: &'a [u8]) -> T {
    serde_json::from_slice(text).expect("what is accepted can be read")
}
