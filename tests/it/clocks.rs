//! Servers of one database whose clocks differ by some seconds.

use serde_json::json;

use crate::compat::{all_tokens, show_to_flask_jwt};
use crate::support::{Door, PASSWORD, Place, wait_until};

#[test]
fn a_token_is_accepted_by_a_server_whose_clock_is_five_seconds_behind() {
    let door = Door::open();
    let ahead = door.another_ahead_by(5);
    let ada = ahead.signed_up("ada");
    let here = ada.copy().moved_to(&door.local_url());
    here.drop_cookie("doorward_refresh");
    assert!(here.is_signed_in(), "by the access token alone");
    assert_eq!(
        here.get("/account/password").status,
        200,
        "the password was given within ten minutes"
    );
    assert_eq!(here.get("/account/delete").status, 200);

    let bearer = door.program(Some(&ada.access()));
    assert_eq!(bearer.get("/api/me").status, 200);
    let link = ahead.program(Some(&ada.access()));
    let link = link.send_json("POST", "/api/links", &json!({"path": "/dashboard"}));
    assert_eq!(link.status, 201, "{}", link.body);
    let url = link.json()["url"].as_str().unwrap().to_owned();
    let path = url.strip_prefix(&door.url).unwrap_or(&url);
    assert_eq!(door.browser().get(path).status, 200, "{url}");
    for (tutorial, token) in all_tokens(&ahead, "ada") {
        if tutorial == "flask_jwt" {
            assert_eq!(show_to_flask_jwt(&door, &token).status, 200);
        }
    }

    // And the other way round.
    let bob = door.signed_up("bob");
    assert!(bob.copy().moved_to(&ahead.local_url()).is_signed_in());

    // What has ended stays ended, whichever clock it ended by.
    let stolen = ahead.program(Some(&ada.access()));
    let page = here.get("/public");
    assert_eq!(here.submit(&page, "Sign out", &[]).status, 303);
    wait_until("the other server hears of it", || !stolen.is_signed_in());
    assert!(!door.program(Some(&ada.access())).is_signed_in());
}

#[test]
fn a_token_ends_by_each_servers_own_clock_and_one_from_far_ahead_is_refused() {
    let door = Door::open();
    let ahead = door.another_ahead_by(5);
    ahead.signed_up("ada");
    let token = ahead.browser();
    assert_eq!(token.sign_in("ada", PASSWORD).status, 303);
    let token = token.access();
    // It was issued at five seconds past, for fifteen minutes.
    door.let_pass(15 * 60 + 4);
    assert!(door.program(Some(&token)).is_signed_in());
    door.let_pass(1);
    assert!(!door.program(Some(&token)).is_signed_in(), "no leeway");

    let far = door.another_ahead_by(11);
    let bob = far.signed_up("bob");
    assert!(!door.program(Some(&bob.access())).is_signed_in());
    door.let_pass(1);
    assert!(door.program(Some(&bob.access())).is_signed_in());
}

#[test]
fn signing_out_all_accounts_ends_sessions_that_a_server_with_a_clock_ahead_started() {
    let place = Place::new();
    let serving = place.serve();
    let people = ["ada", "bob"].map(|name| {
        let browser = serving.browser();
        let reply = browser.sign_up(name, &format!("{name}@example.com"), PASSWORD);
        assert_eq!(reply.status, 303, "{}", reply.body);
        browser
    });
    // As a server writes it whose clock is an hour ahead.
    place.sql(
        "UPDATE sessions SET created_at = created_at + 3600, idle_ends_at = idle_ends_at + 3600, \
         ends_at = ends_at + 3600",
    );
    assert!(people.iter().all(|who| who.copy().is_signed_in()));
    assert_eq!(
        place.run(&["account", "sign-out", "--all"]).well(),
        "2 sessions and links have ended.\n"
    );
    for who in &people {
        wait_until("the session has ended", || !who.copy().is_signed_in());
    }
}
