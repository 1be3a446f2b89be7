//! The clients of the five tutorials, each as its reader would call it: what they get here.

mod api_v1;
mod basic_upload;
mod clients;
mod flask_jwt;
mod query_token;
mod safety;
mod x_access_token;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::support::{Browser, Door, PASSWORD, Reply};

const WRONG: &str = "canary-not-the-password";
const TEXT: &str = "text/plain; charset=utf-8";

/// `curl`, without any flag.
fn curl(door: &Door) -> Browser {
    let headers = [("accept", "*/*"), ("user-agent", "curl/8.14.1")];
    Browser::sending(&door.local_url(), &headers)
}

/// Python's `requests`.
fn requests(door: &Door) -> Browser {
    let headers = [
        ("accept", "*/*"),
        ("accept-encoding", "gzip, deflate"),
        ("connection", "keep-alive"),
        ("user-agent", "python-requests/2.32.4"),
    ];
    Browser::sending(&door.local_url(), &headers)
}

fn postman(door: &Door) -> Browser {
    let headers = [
        ("accept", "*/*"),
        ("accept-encoding", "gzip, deflate, br"),
        ("cache-control", "no-cache"),
        ("postman-token", "9d2c5c3a-4a53-4a6b-9a53-5f0f2f3d7b11"),
        ("user-agent", "PostmanRuntime/7.44.1"),
    ];
    Browser::sending(&door.local_url(), &headers)
}

/// What Postman sends of "form-data", and `requests` of `files=`.
fn form_data(program: &Browser, path: &str, fields: &[(&str, &str)]) -> Reply {
    const BOUNDARY: &str = "--------------------------347562814913563498";
    let parts = fields.iter().map(|(name, value)| {
        format!(
            "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
        )
    });
    let body = format!("{}--{BOUNDARY}--\r\n", parts.collect::<String>());
    let content_type = format!("multipart/form-data; boundary={BOUNDARY}");
    program.post_body(path, &content_type, body)
}

fn post_json(program: &Browser, path: &str, body: &Value) -> Reply {
    program.post_body(path, "application/json", body.to_string())
}

/// Status, body and the type of an answer.
fn seen(reply: &Reply) -> (u16, &str, &str) {
    (
        reply.status,
        reply.body.as_str(),
        reply.header("content-type").unwrap(),
    )
}

fn challenge(reply: &Reply) -> Option<&str> {
    reply.header("www-authenticate")
}

fn basic(login: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{login}:{password}")))
}

/// The header of a token as it stands there, and what it says.
fn read(token: &str) -> (String, Value) {
    let part = |at: usize| {
        let part = token.split('.').nth(at).unwrap();
        String::from_utf8(URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
    };
    (part(0), serde_json::from_str(&part(1)).unwrap())
}

/// What `jwt.decode` gives of a tutorial's token, less what we have put in: the session, the
/// token's number and the tutorial.
#[track_caller]
fn claims(token: &str) -> Value {
    let (header, mut claims) = read(token);
    assert_eq!(header, r#"{"typ":"JWT","alg":"HS256"}"#);
    let ours = claims.as_object_mut().unwrap();
    for name in ["sid", "jti", "use"] {
        assert!(ours.remove(name).is_some_and(|value| value.is_string()));
    }
    claims
}

#[track_caller]
fn token_in(reply: &Reply, status: u16, name: &str) -> String {
    assert_eq!(reply.status, status, "{}", reply.body);
    let json = reply.json();
    assert_eq!(json.as_object().unwrap().len(), 1, "{json}");
    json[name].as_str().unwrap().to_owned()
}

/// The ways in: how somebody with this name gets a token of each tutorial.
fn token_of_x_access_token(door: &Door, name: &str) -> String {
    let email = format!("{name}@example.com");
    let fields = [("email", email.as_str()), ("password", PASSWORD)];
    token_in(&form_data(&postman(door), "/login", &fields), 201, "token")
}

fn token_of_query_token(door: &Door, name: &str) -> String {
    let fields = [("username", name), ("password", PASSWORD)];
    token_in(&curl(door).post("/login", &fields), 200, "token")
}

fn token_of_api_v1(door: &Door, name: &str) -> String {
    let body = json!({"username": name, "password": PASSWORD});
    let reply = post_json(&requests(door), "/api/v1/login", &body);
    token_in(&reply, 200, "token")
}

fn token_of_basic_upload(door: &Door, name: &str) -> String {
    let header = basic(name, PASSWORD);
    let reply = curl(door).with("authorization", &header).get("/login");
    token_in(&reply, 200, "token")
}

fn token_of_flask_jwt(door: &Door, name: &str) -> String {
    let body = json!({"username": name, "password": PASSWORD});
    token_in(&post_json(&curl(door), "/auth", &body), 200, "access_token")
}

/// A token of each tutorial.
pub fn all_tokens(door: &Door, name: &str) -> [(&'static str, String); 5] {
    [
        ("x_access_token", token_of_x_access_token(door, name)),
        ("query_token", token_of_query_token(door, name)),
        ("api_v1", token_of_api_v1(door, name)),
        ("basic_upload", token_of_basic_upload(door, name)),
        ("flask_jwt", token_of_flask_jwt(door, name)),
    ]
}

/// Shows a token where its tutorial takes it.
pub fn show_to_x_access_token(door: &Door, token: &str) -> Reply {
    postman(door).with("x-access-token", token).get("/user")
}

pub fn show_to_query_token(door: &Door, token: &str) -> Reply {
    curl(door).get(&format!("/auth?token={token}"))
}

pub fn show_to_api_v1(door: &Door, token: &str) -> Reply {
    requests(door)
        .with("authorization", token)
        .get("/need_login")
}

pub fn show_to_flask_jwt(door: &Door, token: &str) -> Reply {
    let header = format!("JWT {token}");
    postman(door).with("authorization", &header).get("/work")
}

fn administrator(door: &Door, name: &str) {
    door.sql(&format!(
        "UPDATE accounts SET role = 'administrator' WHERE username = '{name}'"
    ));
}
