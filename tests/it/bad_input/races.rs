//! Several at once want what only one can have: one gets it, and the others are told so.

use std::sync::Barrier;
use std::thread;

use super::CANARY;
use crate::support::{Door, PASSWORD, Reply};

/// Everybody is ready before anybody begins.
fn at_once<T: Send>(
    contenders: impl IntoIterator<Item = T>,
    run: impl Fn(T) -> Reply + Sync,
) -> Vec<Reply> {
    let contenders: Vec<_> = contenders.into_iter().collect();
    let start = Barrier::new(contenders.len());
    thread::scope(|scope| {
        let racers: Vec<_> = contenders
            .into_iter()
            .map(|contender| {
                let (start, run) = (&start, &run);
                scope.spawn(move || {
                    start.wait();
                    run(contender)
                })
            })
            .collect();
        racers
            .into_iter()
            .map(|racer| racer.join().unwrap())
            .collect()
    })
}

/// The losers, after exactly one has won.
fn losers(replies: Vec<Reply>) -> Vec<Reply> {
    let (winners, losers): (Vec<_>, Vec<_>) =
        replies.into_iter().partition(|reply| reply.status == 303);
    let statuses: Vec<_> = losers.iter().map(|reply| reply.status).collect();
    assert_eq!(winners.len(), 1, "{statuses:?}");
    assert_eq!(winners[0].location(), "/dashboard");
    for loser in &losers {
        assert!(!loser.body.contains(CANARY));
        assert!(
            loser
                .cookies()
                .iter()
                .all(|cookie| !cookie.contains("access"))
        );
    }
    losers
}

fn one_of_so_many_gets_a_name(contenders: usize) {
    // One address alone has a quarter of the queue for hashes.
    let door = Door::with(&[("proxies.trusted", "127.0.0.0/8")]);
    // The same name in other letters, each with an address of its own.
    let contenders: Vec<_> = (0..contenders)
        .map(|n| (["ada", "Ada", "ADA"][n % 3], format!("{n}@example.com")))
        .collect();
    let replies = at_once(&contenders, |(name, email)| {
        let n = email.split('@').next().unwrap();
        let from = format!("198.51.100.{n}");
        door.browser().with("x-forwarded-for", &from).post(
            "/signup",
            &[("username", name), ("email", email), ("password", PASSWORD)],
        )
    });
    for loser in losers(replies) {
        assert_eq!(loser.status, 422, "{}", loser.body);
        assert_eq!(
            loser.errors(),
            [(
                "username".into(),
                "This username is taken. Choose another one".into()
            )]
        );
    }
    assert_eq!(door.browser().sign_in("ada", PASSWORD).status, 303);
}

/// Of the link that this server's start has printed.
fn token(door: &Door) -> String {
    let link = door.first_administrator.as_deref().unwrap();
    link.split_once("token=").unwrap().1.to_owned()
}

#[test]
fn of_two_sign_ups_with_one_name_at_once_one_succeeds() {
    one_of_so_many_gets_a_name(2);
}

#[test]
fn of_twenty_sign_ups_with_one_name_at_once_one_succeeds() {
    one_of_so_many_gets_a_name(20);
}

#[test]
fn of_two_sign_ups_with_one_address_at_once_at_two_servers_one_succeeds() {
    let door = Door::open();
    let other = door.another();
    let replies = at_once([(&door, "ada"), (&other, "bob")], |(door, name)| {
        door.browser().post(
            "/signup",
            &[
                ("username", name),
                ("email", "a@example.com"),
                ("password", PASSWORD),
            ],
        )
    });
    for loser in losers(replies) {
        assert_eq!(loser.status, 422, "{}", loser.body);
        let words = "Another account has this email address. Use another one";
        assert_eq!(loser.errors(), [("email".into(), words.into())]);
    }
}

#[test]
fn of_many_with_the_console_link_one_is_the_administrator() {
    let door = Door::open();
    // Each start prints a link of its own, and all of them are good until one is used.
    let other = door.another();
    let contenders: Vec<_> = (0..6)
        .map(|n| {
            let door = [&door, &other][n % 2];
            (
                door,
                token(door),
                format!("user{n}"),
                format!("user{n}@example.com"),
            )
        })
        .collect();
    let replies = at_once(&contenders, |(door, token, name, email)| {
        let fields = [
            ("token", token.as_str()),
            ("username", name),
            ("email", email),
            ("password", PASSWORD),
        ];
        door.browser().post("/first-administrator", &fields)
    });
    for loser in losers(replies) {
        assert_eq!(loser.status, 410, "{}", loser.body);
        assert_eq!(loser.heading(), "This link no longer works");
    }
    let made = contenders
        .iter()
        .filter(|(_, _, name, _)| door.browser().sign_in(name, PASSWORD).status == 303);
    assert_eq!(made.count(), 1, "the others have no account at all");
    assert!(door.restart().first_administrator.is_none());
}

#[test]
fn of_two_members_with_a_console_link_each_one_is_the_administrator() {
    let door = Door::open();
    let other = door.another();
    let contenders =
        [(&door, "ada"), (&other, "bob")].map(|(door, name)| (door.signed_up(name), token(door)));
    let replies = at_once(contenders, |(member, token)| {
        member.post_own("/first-administrator", &[("token", &token)])
    });
    for loser in losers(replies) {
        assert_eq!(loser.status, 410, "{}", loser.body);
    }
    let is_administrator = |name: &&str| {
        let browser = door.browser();
        browser.sign_in(name, PASSWORD);
        browser
            .get("/dashboard")
            .text("dl")
            .contains("administrator")
    };
    assert_eq!(
        ["ada", "bob"]
            .iter()
            .filter(|name| is_administrator(name))
            .count(),
        1
    );
}
