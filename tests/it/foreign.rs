//! What other programs make of ours over HTTP: tokens, verified by PyJWT and jose, and
//! `openapi.json`, read by linters and generators of clients.

use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::support::{PASSWORD, Place, Serving, tool};

const HMAC_SECRET: &str = "canary-shared-with-others-0123456789";

#[test]
fn pyjwt_accepts_our_access_tokens_and_nothing_else() {
    let Some(folder) = tool("PyJWT", "DOORWARD_TEST_PYTHON") else {
        return;
    };
    judges(|told| {
        let mut python = Command::new("python3");
        python.env("PYTHONPATH", &folder);
        answers(python.arg("tests/foreign/pyjwt.py"), told)
    });
}

#[test]
fn jose_accepts_our_access_tokens_and_nothing_else() {
    let Some(folder) = tool("jose", "DOORWARD_TEST_JOSE") else {
        return;
    };
    judges(|told| {
        let mut node = Command::new("node");
        node.env("DOORWARD_TEST_JOSE", &folder);
        answers(node.arg("tests/foreign/jose.cjs"), told)
    });
}

#[test]
fn generated_clients_use_the_api_and_linters_have_no_warning() {
    if tool("generators of clients", "DOORWARD_TEST_CLIENTS").is_none() {
        return;
    }
    let place = Place::new();
    let serving = place.serve();
    // The client in Rust takes minutes to build; scripts/clients alone builds it.
    let output = Command::new("scripts/clients")
        .args(["lint", "python", "typescript", "generator"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env("DOORWARD_URL", serving.url())
        .output()
        .expect("it can be started");
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{complaint}");
}

fn judges(verify: impl Fn(&Value) -> Vec<String>) {
    for algorithm in ["EdDSA", "ES256", "RS256", "HS256"] {
        // The binary, since others read the time from the machine's clock.
        let mut place = Place::new();
        place.set("DOORWARD_TOKENS__ALGORITHM", algorithm);
        place.set("DOORWARD_TOKENS__HMAC_SECRET", HMAC_SECRET);
        let serving = place.serve();
        let ada = serving.browser();
        assert_eq!(ada.sign_up("ada", "ada@example.com", PASSWORD).status, 303);
        let token = ada.access();
        let tokens = [
            token.clone(),
            with_another_signature(&token),
            unsigned(&token),
            link(&serving),
        ];
        let mut told = json!({
            "algorithm": algorithm,
            "issuer": serving.url(),
            "tokens": tokens,
        });
        if algorithm == "HS256" {
            told["secret"] = HMAC_SECRET.into();
        } else {
            told["keys"] = format!("{}/.well-known/jwks.json", serving.url()).into();
        }
        let said = verify(&told);
        assert_eq!(said.len(), tokens.len(), "{said:?}");
        assert!(said[0].starts_with("accepted "), "{algorithm}: {}", said[0]);
        let account = place.run(&["account", "list"]).well();
        assert!(account.starts_with(said[0].trim_start_matches("accepted ")));
        for (at, refused) in said.iter().enumerate().skip(1) {
            assert!(
                refused.starts_with("refused "),
                "{algorithm}, {at}: {refused}"
            );
        }
        assert!(said[1].to_lowercase().contains("signature"), "{}", said[1]);
        assert!(said[3].contains("typ"), "{}", said[3]);

        told["issuer"] = "http://elsewhere.test".into();
        told["tokens"] = json!([token]);
        let elsewhere = verify(&told);
        assert!(elsewhere[0].starts_with("refused "), "{elsewhere:?}");
    }
}

fn with_another_signature(token: &str) -> String {
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let first = if signature.starts_with('A') { 'B' } else { 'A' };
    format!("{signed}.{first}{}", &signature[1..])
}

fn unsigned(token: &str) -> String {
    let claims = token.split('.').nth(1).unwrap();
    // {"alg":"none","typ":"at+jwt"}
    format!("eyJhbGciOiJub25lIiwidHlwIjoiYXQrand0In0.{claims}.")
}

fn link(serving: &Serving) -> String {
    let fields = [
        ("username", "ada"),
        ("password", PASSWORD),
        ("deliver", "link"),
    ];
    let reply = serving.browser().post("/login", &fields);
    let location = reply.location();
    let (_, token) = location.split_once("token=").unwrap();
    token.to_owned()
}

/// The lines that a program says to this.
fn answers(program: &mut Command, told: &Value) -> Vec<String> {
    let mut child = program
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        // The server is here; a proxy of this machine does not reach it.
        .env("NO_PROXY", "*")
        .env("no_proxy", "*")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it can be started");
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(told.to_string().as_bytes()).unwrap();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{complaint}");
    let lines = String::from_utf8(output.stdout).unwrap();
    lines.lines().map(str::to_owned).collect()
}
