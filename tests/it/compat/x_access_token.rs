//! `x-access-token`, and a list of users.

use std::time::Duration;

use serde_json::json;

use super::*;
use crate::support::NOON;
use crate::support::wire::Wire;

const ONE_LINE: &str = "Name must be plain text on one line, without control characters or \
                        characters that change the direction of text";

const ADA: [(&str, &str); 3] = [
    ("name", "Ada"),
    ("email", "ada@example.com"),
    ("password", PASSWORD),
];
const COULD_NOT: &str = "Could not verify";

#[test]
fn the_reader_of_tutorial_x_access_token_signs_up_in_and_sees_the_users() {
    let door = Door::open();
    let reply = form_data(&postman(&door), "/signup", &ADA);
    assert_eq!(seen(&reply), (201, "Successfully registered.", TEXT));
    assert_eq!(
        reply.cookies(),
        Vec::<String>::new(),
        "signing up signs nobody in"
    );
    let again = form_data(&postman(&door), "/signup", &ADA);
    let taken = "User already exists. Please Log in.";
    assert_eq!(seen(&again), (202, taken, TEXT));

    let reply = form_data(&postman(&door), "/login", &ADA[1..]);
    assert_eq!(reply.cookies(), Vec::<String>::new());
    let token = token_in(&reply, 201, "token");
    let claims = claims(&token);
    let id = claims["public_id"].as_str().unwrap();
    assert_eq!(claims, json!({"public_id": id, "exp": NOON + 30 * 60}));
    let users = show_to_x_access_token(&door, &token);
    let expected =
        format!(r#"{{"users":[{{"public_id":"{id}","name":"Ada","email":"ada@example.com"}}]}}"#);
    assert_eq!(
        seen(&users),
        (200, expected.as_str(), "application/json"),
        "in this order"
    );
}

#[test]
fn tutorial_x_access_token_takes_what_curl_sends_too() {
    let door = Door::open();
    assert_eq!(curl(&door).post("/signup", &ADA).status, 201);
    let token = token_in(&requests(&door).post("/login", &ADA[1..]), 201, "token");
    assert_eq!(show_to_x_access_token(&door, &token).status, 200);
    assert_eq!(
        curl(&door)
            .with("x-access-token", &token)
            .head("/user")
            .status,
        200
    );
}

#[test]
fn a_sign_in_of_tutorial_x_access_token_that_lacks_something_is_told_what_to_do() {
    let door = Door::open();
    door.signed_up("ada");
    let (email, password) = (ADA[1], ADA[2]);
    let whole = curl(&door).with_method("POST", "/login");
    let replies = [
        whole,
        curl(&door).post("/login", &[]),
        curl(&door).post("/login", &[email]),
        curl(&door).post("/login", &[password]),
        curl(&door).post("/login", &[email, ("password", "")]),
        curl(&door).post("/login", &[("email", ""), password]),
        form_data(&postman(&door), "/login", &[email]),
    ];
    for reply in replies {
        assert_eq!(seen(&reply), (401, COULD_NOT, TEXT));
        assert_eq!(
            challenge(&reply),
            Some(r#"Basic realm ="Login required !!""#)
        );
    }
}

#[test]
fn tutorial_x_access_token_tells_an_unknown_address_only_where_the_settings_want_it() {
    for (exact, unknown) in [
        ("false", (403, r#"Basic realm ="Wrong Password !!""#)),
        ("true", (401, r#"Basic realm ="User does not exist !!""#)),
    ] {
        let door = Door::with(&[("compat.exact", exact)]);
        door.signed_up("ada");
        let sign_in = |email: &str| {
            let fields = [("email", email), ("password", WRONG)];
            let reply = form_data(&postman(&door), "/login", &fields);
            assert_eq!(reply.body, COULD_NOT);
            (reply.status, challenge(&reply).unwrap().to_owned())
        };
        let wrong = (403, r#"Basic realm ="Wrong Password !!""#.to_owned());
        assert_eq!(sign_in("ada@example.com"), wrong);
        let unknown = (unknown.0, unknown.1.to_owned());
        assert_eq!(sign_in("bob@example.com"), unknown);
        assert_eq!(sign_in("nobody's address"), unknown);
    }
}

#[test]
fn the_users_of_tutorial_x_access_token_are_for_who_shows_a_good_token() {
    let door = Door::open();
    door.signed_up("ada");
    let missing = r#"{"message":"Token is missing !!"}"#;
    let invalid = r#"{"message":"Token is invalid !!"}"#;
    let json = "application/json";
    assert_eq!(seen(&curl(&door).get("/user")), (401, missing, json));
    assert_eq!(
        seen(&show_to_x_access_token(&door, "")),
        (401, missing, json)
    );
    assert_eq!(
        seen(&show_to_x_access_token(&door, "x.y.z")),
        (401, invalid, json)
    );
    let token = token_of_x_access_token(&door, "ada");
    let late = curl(&door).with("authorization", &format!("Bearer {token}"));
    assert_eq!(seen(&late.get("/user")), (401, missing, json));
    door.let_pass(30 * 60 - 1);
    assert_eq!(show_to_x_access_token(&door, &token).status, 200);
    door.let_pass(1);
    assert_eq!(
        seen(&show_to_x_access_token(&door, &token)),
        (401, invalid, json)
    );
}

#[test]
fn only_administrators_list_all_accounts() {
    let door = Door::open();
    door.signed_up("ada");
    door.let_pass(1);
    door.signed_up("bob");
    let token = token_of_x_access_token(&door, "bob");
    let emails = || {
        let users = show_to_x_access_token(&door, &token).json()["users"].take();
        let users = users.as_array().unwrap().iter();
        users
            .map(|user| user["email"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(emails(), ["bob@example.com"]);
    administrator(&door, "bob");
    assert_eq!(emails(), ["ada@example.com", "bob@example.com"]);
}

/// Each with a name of so many letters.
fn add_users(door: &Door, count: usize, letters: usize) {
    let name = "n".repeat(letters);
    for start in (0..count).step_by(100) {
        let rows: Vec<_> = (start..count.min(start + 100))
            .map(|n| {
                format!("('00000000-0000-4000-8000-{n:012x}', 'u{n}@x', 'u{n}@x', '{name}', 'x', 'member', {n})")
            })
            .collect();
        door.sql(&format!(
            "INSERT INTO accounts (id, email, email_key, name, password_hash, role, created_at) VALUES {}",
            rows.join(",")
        ));
    }
}

#[test]
fn a_long_list_of_users_is_sent_in_parts_and_is_whole() {
    let door = Door::open();
    door.signed_up("ada");
    administrator(&door, "ada");
    let token = token_of_x_access_token(&door, "ada");
    let short = show_to_x_access_token(&door, &token);
    assert!(short.header("content-length").is_some());
    add_users(&door, 1203, 100);
    let reply = show_to_x_access_token(&door, &token);
    assert_eq!(reply.header("content-type"), Some("application/json"));
    assert_eq!(
        reply.header("content-length"),
        None,
        "it is not put together first"
    );
    let users = reply.json()["users"].take();
    let emails: Vec<_> = users
        .as_array()
        .unwrap()
        .iter()
        .map(|user| &user["email"])
        .collect();
    let mut expected: Vec<_> = (0..1203).map(|n| json!(format!("u{n}@x"))).collect();
    expected.push(json!("ada@example.com"));
    assert_eq!(emails, expected.iter().collect::<Vec<_>>());
    let plain = json!({"users": users}).to_string();
    assert_eq!(reply.json().to_string(), plain, "nothing else is in it");
}

#[test]
fn clients_that_read_the_list_of_users_slowly_hold_up_nobody() {
    let door = Door::open();
    door.signed_up("ada");
    administrator(&door, "ada");
    let token = token_of_x_access_token(&door, "ada");
    // Some 10 MB: on loopback, the kernel takes 4 MB that the client has not read.
    add_users(&door, 2000, 5_000);
    // More than there are connections to the database.
    let mut slow: Vec<_> = (0..10)
        .map(|_| {
            let mut wire = Wire::patient(door.address, Duration::from_secs(60));
            let request = format!(
                "GET /user HTTP/1.1\r\nhost: x\r\nx-access-token: {token}\r\nconnection: close\r\n\r\n"
            );
            assert!(wire.say(request));
            wire
        })
        .collect();
    let bob = json!({"username": "bob", "email": "bob@example.com", "password": PASSWORD});
    let made = door.program(None).send_json("POST", "/api/accounts", &bob);
    assert_eq!(made.status, 201, "{}", made.body);
    let whole = slow.pop().unwrap().hear();
    assert!(whole.contains("u1999@x") && whole.contains("bob@example.com"));
    // Whoever is no administrator any more is sent nothing more.
    door.sql("UPDATE accounts SET role = 'member'");
    let (_, cut_off) = slow.pop().unwrap().hear_what_comes();
    assert!(cut_off.starts_with("HTTP/1.1 200"), "{cut_off}");
    assert!(!cut_off.contains("bob@example.com"));
}

#[test]
fn a_long_list_of_users_ends_with_the_session_of_its_reader() {
    let door = Door::open();
    door.signed_up("ada");
    administrator(&door, "ada");
    let ada = door.browser();
    assert_eq!(ada.sign_in("ada", PASSWORD).status, 303);
    let token = token_of_x_access_token(&door, "ada");
    // Some 10 MB: on loopback, the kernel takes 4 MB that the client has not read.
    add_users(&door, 2000, 5_000);
    let mut list = Wire::patient(door.address, Duration::from_secs(60));
    list.say(format!(
        "GET /user HTTP/1.1\r\nhost: x\r\nx-access-token: {token}\r\nconnection: close\r\n\r\n"
    ));
    assert_eq!(list.hear_line(), "HTTP/1.1 200 OK");
    let holder = door.program(Some(&ada.access()));
    assert_eq!(holder.with_method("DELETE", "/api/sessions").status, 204);
    let (_, rest) = list.hear_what_comes();
    assert!(rest.contains("\"u1@x\""), "the first part was on its way");
    assert!(!rest.contains("u1999@x"), "the last part was sent");
}

#[test]
fn a_sign_up_of_tutorial_x_access_token_that_will_not_do_is_told_why() {
    let door = Door::open();
    let sign_up = |field: (&'static str, &'static str)| {
        let mut fields = ADA.to_vec();
        fields.retain(|(name, _)| *name != field.0);
        fields.push(field);
        let reply = form_data(&postman(&door), "/signup", &fields);
        assert_eq!(reply.header("content-type"), Some(TEXT));
        (reply.status, reply.body)
    };
    for (field, why) in [
        (
            ("password", "canary"),
            "Password must be 12 characters or more",
        ),
        (("password", ""), "Enter a password"),
        (("email", ""), "Enter an email address"),
        (("admin", "true"), "admin is not taken here"),
        (("name", "a\u{7}"), ONE_LINE),
    ] {
        assert_eq!(sign_up(field), (422, why.to_owned()));
    }
    let (status, why) = sign_up(("password", "adaadaadaada"));
    assert!(status == 422 && why.contains("easy to guess"), "{why}");
    let long = "token-in-the-place-of-a-fields-name-is-not-said-again";
    assert_eq!(
        sign_up((long, "")),
        (422, "A field is not taken here".to_owned())
    );

    let extra = [ADA[1], ADA[2], ("remember", "1")];
    let reply = curl(&door).post("/login", &extra);
    assert_eq!(seen(&reply), (422, "remember is not taken here", TEXT));
    let file = "--x\r\ncontent-disposition: form-data; name=\"email\"; filename=\"a\"\r\n\r\nx\r\n--x--\r\n";
    let cut = "--x\r\ncontent-disposition: form-data; name=\"email\"\r\n\r\nx";
    for body in [file, cut] {
        let content_type = "multipart/form-data; boundary=x";
        let reply = postman(&door).post_body("/signup", content_type, body);
        assert_eq!(reply.status, 400, "{}", reply.body);
    }
    let encoded = "--x\r\ncontent-disposition: form-data; name=\"email\"\r\ncontent-transfer-encoding: base64\r\n\r\neA==\r\n--x--\r\n";
    let reply = postman(&door).post_body("/signup", "multipart/form-data; boundary=x", encoded);
    assert_eq!(reply.status, 400, "{}", reply.body);
    assert!(
        reply.body.contains("Content-Transfer-Encoding"),
        "{}",
        reply.body
    );
    let large = "a".repeat(17 * 1024);
    let reply = form_data(&postman(&door), "/signup", &[("name", &large)]);
    assert_eq!(reply.status, 413);
    let twice = [ADA[1], ADA[1]];
    assert_eq!(form_data(&postman(&door), "/login", &twice).status, 400);
}
