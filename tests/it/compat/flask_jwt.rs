//! flask-jwt.

use serde_json::json;

use super::*;
use crate::support::NOON;

const JSON: &str = "application/json";

fn sign_up(door: &Door, body: &Value) -> (u16, String) {
    let reply = post_json(&postman(door), "/signup", body);
    assert_eq!(reply.header("content-type"), Some(JSON));
    (reply.status, reply.body)
}

#[test]
fn the_reader_of_tutorial_flask_jwt_signs_up_and_in() {
    let door = Door::open();
    let ada = json!({"username": "ada", "password": PASSWORD});
    let created = r#"{"Status":"Success","result":"User created"}"#;
    assert_eq!(sign_up(&door, &ada), (200, created.to_owned()));
    let exists = r#"{"Status":"Error","result":"User already exists"}"#;
    assert_eq!(sign_up(&door, &ada), (400, exists.to_owned()));
    let reply = post_json(&postman(&door), "/auth", &ada);
    assert_eq!(reply.cookies(), Vec::<String>::new());
    let token = token_in(&reply, 200, "access_token");
    let claims = claims(&token);
    let id = claims["identity"].as_str().unwrap();
    let expected = json!({"identity": id, "iat": NOON, "nbf": NOON, "exp": NOON + 3000});
    assert_eq!(claims, expected);
}

#[test]
fn tutorial_flask_jwt_refuses_a_sign_in_in_one_way() {
    let body = r#"{"status_code":401,"error":"Bad Request","description":"Invalid credentials"}"#;
    for exact in ["false", "true"] {
        let door = Door::with(&[("compat.exact", exact)]);
        door.signed_up("ada");
        for sent in [
            json!({"username": "ada", "password": WRONG}),
            json!({"username": "bob", "password": PASSWORD}),
            json!({"username": "ada"}),
            json!({"username": "ada", "password": 1}),
            json!({}),
            json!("ada"),
        ] {
            let reply = post_json(&postman(&door), "/auth", &sent);
            assert_eq!(seen(&reply), (401, body, JSON), "in this order");
        }
        let extra = json!({"username": "ada", "password": PASSWORD, "role": "x"});
        let refused = r#"{"status_code":422,"error":"Unprocessable Entity","description":"role is not taken here"}"#;
        let reply = post_json(&postman(&door), "/auth", &extra);
        assert_eq!(seen(&reply), (422, refused, JSON));
    }
}

#[test]
fn a_sign_up_of_tutorial_flask_jwt_that_will_not_do_is_told_why() {
    let door = Door::open();
    let error = |why: &str| (422, json!({"Status": "Error", "result": why}).to_string());
    for (body, why) in [
        (json!({}), "Enter a username"),
        (json!({"username": "ada"}), "Enter a password"),
        (
            json!({"username": "ada", "password": "canary"}),
            "Password must be 12 characters or more",
        ),
        (
            json!({"username": "ada", "password": PASSWORD, "role": "x"}),
            "role is not taken here",
        ),
    ] {
        assert_eq!(sign_up(&door, &body), error(why));
    }
    let weak = json!({"username": "ada", "password": "adaadaadaada"});
    assert!(sign_up(&door, &weak).1.contains("easy to guess"));
}

#[test]
fn the_reader_of_tutorial_flask_jwt_lists_and_adds_work() {
    let door = Door::open();
    door.signed_up("ada");
    door.signed_up("bob");
    let token = token_of_flask_jwt(&door, "ada");
    let empty = r#"{"Status":"Success","result":[]}"#;
    assert_eq!(seen(&show_to_flask_jwt(&door, &token)), (200, empty, JSON));
    let holder = postman(&door).with("authorization", &format!("JWT {token}"));
    let made = post_json(&holder, "/work", &json!({"title": "Wind the clocks"}));
    assert_eq!(made.status, 201, "{}", made.body);
    let id = made.json()["result"]["id"].as_str().unwrap().to_owned();
    let item = format!(r#"{{"id":"{id}","title":"Wind the clocks"}}"#);
    assert_eq!(
        made.body,
        format!(r#"{{"Status":"Success","result":{item}}}"#)
    );
    let list = format!(r#"{{"Status":"Success","result":[{item}]}}"#);
    for path in ["/work", "/workitems"] {
        assert_eq!(seen(&holder.get(path)), (200, list.as_str(), JSON));
    }
    let others = show_to_flask_jwt(&door, &token_of_flask_jwt(&door, "bob"));
    assert_eq!(seen(&others), (200, empty, JSON), "one's own");
    for (body, why) in [
        (json!({}), "Enter a title"),
        (json!({"title": 1}), "Enter a title"),
        (
            json!({"title": "x", "owner": "bob"}),
            "owner is not taken here",
        ),
    ] {
        let reply = post_json(&holder, "/work", &body);
        let error = json!({"Status": "Error", "result": why}).to_string();
        assert_eq!(seen(&reply), (422, error.as_str(), JSON));
    }
}

#[test]
fn the_work_of_tutorial_flask_jwt_is_for_who_shows_a_good_token() {
    let door = Door::open();
    let ada = door.signed_up("ada");
    let required = r#"{"status_code":401,"error":"Authorization Required","description":"Request does not contain an access token"}"#;
    let replies = [
        curl(&door).get("/work"),
        curl(&door).get("/workitems"),
        post_json(&curl(&door), "/work", &json!({"title": "x"})),
    ];
    for reply in replies {
        assert_eq!(seen(&reply), (401, required, JSON));
        assert_eq!(challenge(&reply), Some(r#"JWT realm="Login Required""#));
    }
    let refused = |error: &str, why: &str| {
        format!(r#"{{"status_code":401,"error":"{error}","description":"{why}"}}"#)
    };
    let token = token_of_flask_jwt(&door, "ada");
    let other = token_of_query_token(&door, "ada");
    let (unsigned, cut) = (&token[..token.rfind('.').unwrap() + 1], &token[..20]);
    let unsupported = ("Invalid JWT header", "Unsupported authorization type");
    let missing = ("Invalid JWT header", "Token missing");
    let spaces = ("Invalid JWT header", "Token contains spaces");
    let invalid = |why| ("Invalid token", why);
    for (header, (error, why)) in [
        (format!("Bearer {}", ada.access()), unsupported),
        (format!("Bearer {token}"), unsupported),
        (basic("ada", PASSWORD), unsupported),
        (token.clone(), unsupported),
        (format!("JWT{token}"), unsupported),
        ("JWT".to_owned(), missing),
        ("JWT ".to_owned(), missing),
        ("jwt\t ".to_owned(), missing),
        (format!("JWT {token} x"), spaces),
        (format!("JWT {} {}", &token[..9], &token[9..]), spaces),
        (format!("JWT JWT {token}"), spaces),
        (format!("JWT {cut}"), invalid("Not enough segments")),
        ("JWT x.y.z".to_owned(), invalid("Invalid header padding")),
        ("JWT null".to_owned(), invalid("Not enough segments")),
        (
            format!("JWT \"{token}\""),
            invalid("Invalid crypto padding"),
        ),
        (
            "JWT eyJhbGciOiJub25lIn0.e30.".to_owned(),
            invalid("The specified alg value is not allowed"),
        ),
        (
            format!("JWT {unsigned}"),
            invalid("Signature verification failed"),
        ),
        (
            format!("JWT {other}"),
            invalid("Signature verification failed"),
        ),
    ] {
        let reply = curl(&door).with("authorization", &header).get("/work");
        let expected = refused(error, why);
        assert_eq!(seen(&reply), (401, expected.as_str(), JSON), "{header}");
        assert_eq!(challenge(&reply), None, "{header}");
    }
    for header in [format!("jwt {token}"), format!("JWT \t{token} ")] {
        let reply = curl(&door).with("authorization", &header).get("/workitems");
        assert_eq!(reply.status, 200, "{}", reply.body);
    }
    door.let_pass(2999);
    assert_eq!(show_to_flask_jwt(&door, &token).status, 200);
    door.let_pass(1);
    let expired = refused("Invalid token", "Signature has expired");
    assert_eq!(
        seen(&show_to_flask_jwt(&door, &token)),
        (401, expired.as_str(), JSON)
    );
}
