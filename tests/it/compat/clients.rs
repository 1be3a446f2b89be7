//! The tutorials' own clients: Python's requests, the headers of Postman, and curl's way to upload.

use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::support::{Door, Multipart, PASSWORD, Place, Wire, status_of, tool};

/// What each of the three clients got, by the tutorial; `None` without requests.
fn called(tutorial: &str) -> Option<Vec<Value>> {
    let folder = tool("requests", "DOORWARD_TEST_PYTHON")?;
    let place = Place::new();
    let serving = place.serve();
    let mut python = Command::new("python3")
        .env("PYTHONPATH", folder)
        .env("NO_PROXY", "*")
        .arg("tests/foreign/tutorials.py")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let told = json!({"url": serving.url(), "password": PASSWORD, "tutorials": [tutorial]});
    let mut stdin = python.stdin.take().unwrap();
    stdin.write_all(told.to_string().as_bytes()).unwrap();
    drop(stdin);
    let output = python.wait_with_output().unwrap();
    assert!(output.status.success());
    let done: Value = serde_json::from_slice(&output.stdout).unwrap();
    let clients = ["calls", "session", "postman"];
    let of = |client| done[format!("{tutorial} {client}")].clone();
    Some(clients.map(of).to_vec())
}

#[track_caller]
fn got(steps: &Value, step: &str, status: u16, body: &str) {
    let found = &steps[step];
    let body = body.replace('\'', "\"");
    let found = (&found["status"], &found["body"]);
    assert_eq!(found, (&json!(status), &json!(body)), "{step}");
}

#[track_caller]
fn challenged(steps: &Value, step: &str, challenge: &str) {
    assert_eq!(steps[step]["challenge"], challenge, "{step}");
}

/// A token and nothing else.
#[track_caller]
fn got_token(steps: &Value, step: &str, status: u16, name: &str) {
    let found = &steps[step];
    assert_eq!(found["status"], status, "{step}: {found}");
    let body: Value = serde_json::from_str(found["body"].as_str().unwrap()).unwrap();
    let body = body.as_object().unwrap();
    assert_eq!(body.keys().collect::<Vec<_>>(), [name], "{step}");
    assert_eq!(body[name].as_str().unwrap().matches('.').count(), 2);
}

#[test]
fn the_client_of_tutorial_x_access_token_gets_what_its_reader_was_shown() {
    for steps in called("x_access_token").unwrap_or_default() {
        got(&steps, "signup", 201, "Successfully registered.");
        let exists = "User already exists. Please Log in.";
        got(&steps, "signup again", 202, exists);
        for (step, status, realm) in [
            ("login without fields", 401, "Login required !!"),
            ("login with a wrong password", 403, "Wrong Password !!"),
        ] {
            got(&steps, step, status, "Could not verify");
            challenged(&steps, step, &format!("Basic realm =\"{realm}\""));
        }
        got_token(&steps, "login", 201, "token");
        got_token(&steps, "login by form-data", 201, "token");
        let users = &steps["user"];
        assert_eq!(users["status"], 200, "{users}");
        let users: Value = serde_json::from_str(users["body"].as_str().unwrap()).unwrap();
        assert_eq!(users["users"].as_array().unwrap().len(), 1);
        assert!(users["users"][0]["public_id"].is_string());
        let missing = "{'message':'Token is missing !!'}";
        got(&steps, "user without a token", 401, missing);
        let invalid = "{'message':'Token is invalid !!'}";
        got(&steps, "user with a bad token", 401, invalid);
    }
}

#[test]
fn the_client_of_tutorial_query_token_gets_what_its_reader_was_shown() {
    for steps in called("query_token").unwrap_or_default() {
        got(&steps, "public", 200, "This is a public page");
        let wrong = "login with a wrong password";
        got(&steps, wrong, 403, "Unable to verify");
        challenged(&steps, wrong, "Basic realm=\"Authentication Failed!\"");
        got_token(&steps, "login", 200, "token");
        assert_eq!(steps["login"]["cookies"].as_array().unwrap().len(), 2);
        got_token(&steps, "login by form-data", 200, "token");
        let welcome = "You are verified. Welcome to your dashboard!";
        got(&steps, "auth", 200, welcome);
        let missing = "{'Alert!':'Token is missing'}";
        got(&steps, "auth without a token", 401, missing);
        let invalid = "{'Alert!':'Invalid Token'}";
        got(&steps, "auth with a bad token", 401, invalid);
    }
}

#[test]
fn the_client_of_tutorial_api_v1_gets_what_its_reader_was_shown() {
    for steps in called("api_v1").unwrap_or_default() {
        got(&steps, "root", 200, "Hello, World!");
        let empty = "{'error':'email is empty'}";
        got(&steps, "signup without a field", 422, empty);
        got(&steps, "signup", 200, "{'msg':'welcome :-)'}");
        let taken = "{'err':'username already taken'}";
        got(&steps, "signup again", 409, taken);
        let wrong = "{'err':'password incorrect'}";
        got(&steps, "login with a wrong password", 401, wrong);
        got_token(&steps, "login", 200, "token");
        let valid = "if you see this, that means your token is valid";
        got(&steps, "/need_login", 200, valid);
        got(&steps, "/api/v1/need_login", 200, valid);
        let none = "{'err':'no Authorization header found'}";
        got(&steps, "need_login without a token", 400, none);
        let invalid = "{'err':'Invalid token'}";
        got(&steps, "need_login with a bad token", 401, invalid);
    }
}

#[test]
fn the_client_of_tutorial_basic_upload_gets_what_its_reader_was_shown() {
    for steps in called("basic_upload").unwrap_or_default() {
        for step in ["login without credentials", "login with a wrong password"] {
            got(&steps, step, 403, "Unable to verify");
        }
        got_token(&steps, "login", 200, "token");
        let page = steps["page"]["body"].as_str().unwrap();
        assert!(page.contains("action=\"/upload?token="), "{page}");
        let missing = "{'message':'Token missing'}";
        got(&steps, "page with an empty token", 403, missing);
        got(&steps, "upload without a token", 403, missing);
        let invalid = "{'message':'Invalid token'}";
        got(&steps, "page with a bad token", 403, invalid);
        let uploaded = "file report.txt uploaded successfully";
        got(&steps, "upload", 200, uploaded);
        let large = "file large.bin uploaded successfully";
        got(&steps, "upload of two megabytes", 200, large);
        let markup = &steps["upload of markup"];
        assert_eq!(markup["status"], 200, "{markup}");
        assert!(!markup["body"].as_str().unwrap().contains('<'), "{markup}");
        for (step, status) in [
            ("upload with the same description", 409),
            ("upload without a description", 400),
            ("upload without a file", 400),
            ("upload of fields alone", 400),
        ] {
            assert_eq!(steps[step]["status"], status, "{step}: {}", steps[step]);
        }
    }
}

#[test]
fn the_client_of_tutorial_flask_jwt_gets_what_its_reader_was_shown() {
    for steps in called("flask_jwt").unwrap_or_default() {
        let created = "{'Status':'Success','result':'User created'}";
        got(&steps, "signup", 200, created);
        let exists = "{'Status':'Error','result':'User already exists'}";
        got(&steps, "signup again", 400, exists);
        let problem = |error: &str, why: &str| {
            format!("{{'status_code':401,'error':'{error}','description':'{why}'}}")
        };
        let wrong = problem("Bad Request", "Invalid credentials");
        got(&steps, "auth with a wrong password", 401, &wrong);
        got_token(&steps, "auth", 200, "access_token");
        assert_eq!(steps["work added"]["status"], 201);
        for step in ["/work", "/workitems"] {
            let body = steps[step]["body"].as_str().unwrap();
            assert_eq!(steps[step]["status"], 200, "{body}");
            assert!(body.contains(r#""title":"Wind the clocks""#), "{body}");
        }
        let required = "Request does not contain an access token";
        let required = problem("Authorization Required", required);
        got(&steps, "work without a token", 401, &required);
        let realm = "JWT realm=\"Login Required\"";
        challenged(&steps, "work without a token", realm);
        for (step, error, why) in [
            (
                "Bearer",
                "Invalid JWT header",
                "Unsupported authorization type",
            ),
            ("JWT", "Invalid JWT header", "Token missing"),
            ("JWT a b", "Invalid JWT header", "Token contains spaces"),
            ("JWT x", "Invalid token", "Not enough segments"),
            ("JWT x.y.z", "Invalid token", "Invalid header padding"),
            (
                "a changed signature",
                "Invalid token",
                "Signature verification failed",
            ),
        ] {
            got(&steps, step, 401, &problem(error, why));
            assert_eq!(steps[step]["challenge"], Value::Null, "{step}");
        }
    }
}

/// curl asks first where a body is larger than a megabyte.
#[test]
fn curl_is_told_to_go_on_with_an_upload_of_more_than_a_megabyte_and_hears_of_a_refusal() {
    let door = Door::open();
    door.signed_up("ada");
    let token = super::token_of_basic_upload(&door, "ada");
    let form = Multipart::new()
        .file("inputFile", "large.bin", vec![7; 1_500_000])
        .text("description", "Large");
    let body = form.whole();
    let head = |address: &str, more: &str| {
        format!(
            "POST {address} HTTP/1.1\r\nHost: {}\r\nUser-Agent: curl/7.88.1\r\nAccept: */*\r\n{more}\
             Content-Length: {}\r\nContent-Type: {}\r\nExpect: 100-continue\r\n\r\n",
            door.address,
            body.len(),
            crate::support::multipart::CONTENT_TYPE
        )
    };
    let mut wire = Wire::to(door.address);
    wire.say(head(
        &format!("/upload?token={token}"),
        "Connection: close\r\n",
    ));
    assert_eq!(wire.hear_line(), "HTTP/1.1 100 Continue");
    assert!(wire.say(&body));
    let answer = wire.hear();
    let answer = answer.trim_start();
    assert_eq!(status_of(answer), "200", "{answer}");
    assert!(answer.ends_with("file large.bin uploaded successfully"));

    let mut wire = Wire::to(door.address);
    wire.say(head("/upload?token=x.y.z", ""));
    assert_eq!(wire.hear_line(), "HTTP/1.1 100 Continue");
    assert_eq!(wire.hear_line(), "");
    assert_eq!(wire.hear_line(), "HTTP/1.1 403 Forbidden");
}
