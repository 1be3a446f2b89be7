//! What describes the API is true of it.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

use crate::api::codes_in_the_source;
use crate::support::{Browser, Door, PASSWORD, Place, tool};

fn description(door: &Door) -> Value {
    let reply = door.program(None).get("/openapi.json");
    assert_eq!(reply.status, 200, "{}", reply.body);
    reply.json()
}

#[test]
fn the_description_has_every_call_and_no_other() {
    let door = Door::open();
    let described = description(&door);
    assert_eq!(described["openapi"], "3.1.0");
    assert_eq!(described["servers"][0]["url"], door.url);
    let mut calls = BTreeSet::new();
    for (path, methods) in described["paths"].as_object().unwrap() {
        for method in methods.as_object().unwrap().keys() {
            calls.insert((path.as_str(), method.to_uppercase()));
        }
    }
    let mut routes = BTreeSet::new();
    for route in doorward::web::listed() {
        // The tutorials' clients have a page of their own.
        let ours = route.path.starts_with("/api/") && !route.for_programs;
        if ours || route.path == "/.well-known/jwks.json" {
            routes.insert((route.path, route.method.to_owned()));
            let method = route.method.to_lowercase();
            let call = &described["paths"][route.path][method];
            let open = route.guard == doorward::web::Guard::Public;
            assert_eq!(call.get("security").is_some(), open, "{route:?}");
        }
    }
    assert_eq!(calls, routes);
}

#[test]
fn the_description_has_every_error_code_and_no_dangling_reference() {
    let described = description(&Door::open());
    let code = &described["components"]["schemas"]["Error"]["properties"]["error"];
    assert_eq!(code["$ref"], "#/components/schemas/ErrorCode");
    let codes = &described["components"]["schemas"]["ErrorCode"]["enum"];
    let codes = codes.as_array().unwrap().iter();
    let codes: BTreeSet<_> = codes.map(|code| code.as_str().unwrap()).collect();
    let in_the_source = codes_in_the_source();
    assert_eq!(codes, in_the_source.keys().map(String::as_str).collect());
    for reference in described.to_string().split("\"$ref\":\"#").skip(1) {
        let to = reference.split('"').next().unwrap();
        assert!(described.pointer(to).is_some(), "{to}");
    }
}

#[test]
fn the_description_changes_only_with_its_snapshot() {
    let door = Door::open();
    let mut described = description(&door);
    // Those of each instance.
    described["servers"][0]["url"] = "http://door.example".into();
    described["info"]["contact"]["url"] = "http://door.example".into();
    described["components"]["securitySchemes"]["cookie"]["name"] = "doorward_access_0".into();
    insta::assert_snapshot!(laid_out(&described, 0));
}

/// In lines of at most 100 characters, where that can be.
fn laid_out(value: &Value, depth: usize) -> String {
    let line = value.to_string();
    if 2 * depth + line.len() <= 90 {
        return line;
    }
    let (begin, parts, end) = match value {
        Value::Object(fields) => {
            let fields = fields.iter();
            let fields = fields.map(|(name, value)| {
                let value = laid_out(value, depth + 1);
                format!("{}: {value}", Value::from(name.as_str()))
            });
            ('{', fields.collect::<Vec<_>>(), '}')
        }
        Value::Array(items) => {
            let items = items.iter().map(|item| laid_out(item, depth + 1));
            ('[', items.collect(), ']')
        }
        _ => return line,
    };
    let indent = "  ".repeat(depth);
    let parts = parts.join(&format!(",\n{indent}  "));
    format!("{begin}\n{indent}  {parts}\n{indent}{end}")
}

#[test]
fn every_error_code_is_on_the_page_about_the_api_with_its_status() {
    let door = Door::open();
    let page = door.browser().get("/docs");
    let rows = page.text("#errors ~ table tbody tr");
    let row = |line: &str| {
        let mut words = line.split_whitespace();
        let code = words.next().unwrap().to_owned();
        let statuses = words.map_while(|word| word.trim_end_matches(',').parse().ok());
        (code, statuses.collect())
    };
    let described: BTreeMap<String, BTreeSet<u16>> = rows.lines().map(row).collect();
    assert_eq!(described, codes_in_the_source());
}

#[test]
fn the_description_is_not_sent_again_to_who_has_it() {
    let door = Door::open();
    let first = door.program(None).get("/openapi.json");
    let tag = first.header("etag").unwrap();
    let again = door.program(None).with("if-none-match", tag);
    let again = again.get("/openapi.json");
    assert_eq!((again.status, again.body.as_str()), (304, ""));
}

#[test]
fn the_description_and_the_page_about_it_are_made_and_compressed_once() {
    let door = Door::open();
    for path in ["/openapi.json", "/docs"] {
        let stranger = door.browser();
        let plain = stranger.get(path);
        assert_eq!(plain.header("content-encoding"), None);
        let gzip = door.browser().with("accept-encoding", "br, gzip;q=0.8");
        let gzip = gzip.get(path);
        assert_eq!(gzip.header("content-encoding"), Some("gzip"), "{path}");
        assert!(gzip.bytes.len() * 4 < plain.bytes.len(), "{path}");
        let mut unpacked = Vec::new();
        std::io::Read::read_to_end(
            &mut flate2::read::GzDecoder::new(&*gzip.bytes),
            &mut unpacked,
        )
        .unwrap();
        assert_eq!(unpacked, plain.bytes);
        let not = door.browser().with("accept-encoding", "gzip;q=0, br");
        assert_eq!(not.get(path).bytes, plain.bytes);
        for reply in [&plain, &gzip] {
            assert!(reply.header("vary").unwrap().contains("Accept-Encoding"));
            let tag = reply.header("etag").unwrap();
            let again = door.browser().with("if-none-match", tag).get(path);
            assert_eq!((again.status, again.body.as_str()), (304, ""), "{path}");
        }
    }
    let ada = door.signed_up("ada");
    let tag = door.browser().get("/docs");
    let tag = tag.header("etag").unwrap();
    let seen = ada
        .with("if-none-match", tag)
        .with("accept-encoding", "gzip");
    let seen = seen.get("/docs");
    assert_eq!(seen.status, 200, "whoever is signed in has another");
    assert_eq!(seen.header("cache-control"), Some("no-store"));
    assert_eq!(seen.header("content-encoding"), None, "it has a form token");
    assert!(seen.text("header").contains("ada"));
    let page = door.browser().get("/docs");
    assert_eq!(page.header("cache-control"), Some("no-cache"));
    assert!(!page.body.contains("form_token"));
}

#[test]
fn people_read_of_every_call_with_a_line_to_try_it_by() {
    let door = Door::open();
    let page = door.browser().get("/docs");
    assert_eq!(page.heading(), "API reference");
    let lines = page.text("pre");
    for route in doorward::web::listed() {
        if route.path.starts_with("/api/") && !route.for_programs {
            let call = format!("{} {}", route.method, route.path);
            assert!(
                page.text("section code").lines().any(|line| line == call),
                "{call}"
            );
            let url = format!(
                "{}{}",
                door.url,
                route
                    .path
                    .replace("{id}", "$id")
                    .replace("{share}", "$share")
            );
            assert!(lines.contains(&format!("curl -s \"{url}\"")), "{url}");
        }
    }
    assert!(lines.contains("-d '{\"title\":\"Cut the hedge\"}'"));
    assert!(
        page.text("#changeWorkItem")
            .contains("at most 200 characters")
    );
    let sign_in = page.text("#signIn");
    assert!(sign_in.contains("Either username or email."), "{sign_in}");
    let list = page.text("#listSessions");
    let answered = "With items (each with id, current, device, address";
    assert!(list.contains(answered), "{list}");
}

#[test]
fn whatever_fits_the_description_is_answered_as_it_says() {
    let Some(folder) = tool("schemathesis", "DOORWARD_TEST_SCHEMATHESIS") else {
        return;
    };
    // The binary: the fuzzer's clock is the machine's.
    let place = Place::new();
    let serving = place.serve();
    let ada = serving.browser();
    assert_eq!(ada.sign_up("ada", "ada@example.com", PASSWORD).status, 303);
    place.sql("UPDATE accounts SET role = 'administrator'");
    let root = serving.browser();
    assert_eq!(root.sign_in("ada", PASSWORD).status, 303);
    let ending = ["changeAccount", "deleteAccount", "endSession"];
    let rest = [&ending[..], &["signOut", "signOutEverywhere"]].concat();
    let url = serving.url();
    fuzz(&folder, &url, &root.access(), "exclude", &rest);
    let root = Browser::program(&url, Some(&root.access()));
    assert_eq!(root.get("/api/me").status, 200, "all that was as somebody");
    // It finds ids that there are, so these end the session of whoever asks.
    let bob = serving.browser();
    assert_eq!(bob.sign_up("bob", "bob@example.com", PASSWORD).status, 303);
    fuzz(&folder, &url, &bob.access(), "include", &ending);
}

fn fuzz(folder: &str, url: &str, token: &str, which: &str, calls: &[&str]) {
    let rules = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/foreign/schemathesis.toml"
    );
    let mut fuzzer = Command::new("python3");
    fuzzer
        .args(["-m", "schemathesis.cli", "--config-file", rules])
        .args(["run", &format!("{url}/openapi.json")])
        .args(["--header", &format!("Authorization: Bearer {token}")])
        // Otherwise it makes up tokens in place of ours.
        .args(["--generation-with-security-parameters", "false"])
        .args([
            "--phases",
            "examples,coverage,fuzzing",
            "--max-examples",
            "20",
        ])
        .args(["--seed", "7", "--generation-database", "none", "--no-color"])
        .args(["--request-timeout", "20"]);
    for call in calls {
        fuzzer.args([&format!("--{which}-operation-id"), *call]);
    }
    let output = fuzzer
        .current_dir(env!("CARGO_TARGET_TMPDIR"))
        .env("PYTHONPATH", folder)
        // The server is here; a proxy of this machine does not reach it.
        .env("NO_PROXY", "*")
        .env("no_proxy", "*")
        .output()
        .expect("it can be started");
    let said = String::from_utf8_lossy(&output.stdout);
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}{complaint}");
}
