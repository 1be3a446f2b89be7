//! Which address an attempt counts for, however the headers spell it.

use super::{WRONG, signs_in};
use crate::support::{Browser, Door};

const SPELLINGS: [&[&str]; 12] = [
    &["198.51.100.7"],
    &["198.51.100.7:4711"],
    &["\"198.51.100.7\""],
    &["\"198.51.100.7:4711\""],
    &["::ffff:198.51.100.7"],
    &["[::FFFF:c633:6407]:80"],
    // The client's own header, to which the proxy has added the address.
    &["203.0.113.9, 198.51.100.7"],
    &["203.0.113.9,,198.51.100.7 ,"],
    &["203.0.113.10", "198.51.100.7"],
    &["unknown, _hidden, <script>", "198.51.100.7:1"],
    // Through a second proxy of ours.
    &["198.51.100.7, 10.0.0.5"],
    &[
        "203.0.113.11, 198.51.100.7",
        "10.0.0.6, [::ffff:10.0.0.5]:80",
    ],
];

/// Of addresses of one IPv6 network.
const SPELLINGS_V6: [&[&str]; 8] = [
    &["2001:db8:1:2::9"],
    &["2001:DB8:1:2:0:0:0:9"],
    &["[2001:db8:1:2::9]"],
    &["[2001:db8:1:2::9]:443"],
    &["\"[2001:db8:1:2::9]:443\""],
    &["2001:db8:1:2:ffff:ffff:ffff:ffff"],
    &["2001:db8:1:3::9, 2001:db8:1:2::a"],
    &["2001:db8:1:2::b, 10.0.0.5"],
];

/// What states no address: the one that the connection is from counts.
const NO_ADDRESS: [&[&str]; 8] = [
    &[],
    &["unknown"],
    &["_hidden"],
    &["198.51.100.999"],
    &["198.51.100.1, unknown"],
    &["198.51.100.2", "_gazonk:80"],
    &["198.51.100.3, [2001:db8::1"],
    &["198.51.100.4, localhost"],
];

/// Attempts that share one budget: the budget admits all of them once, and then none.
#[track_caller]
fn share_one_budget(door: &Door, header: &'static str, spellings: &[&[&str]]) {
    let tries = |spelling: &[&str], name: &str| {
        let mut headers = vec![("accept", "application/json")];
        headers.extend(spelling.iter().map(|value| (header, *value)));
        let program = Browser::sending(&door.local_url(), &headers);
        signs_in(&program, name, WRONG).status
    };
    for (at, spelling) in spellings.iter().enumerate() {
        let status = tries(spelling, &format!("first{at}"));
        assert_eq!(status, 401, "{header} {spelling:?}");
    }
    for (at, spelling) in spellings.iter().enumerate() {
        let status = tries(spelling, &format!("second{at}"));
        assert_eq!(status, 429, "{header} {spelling:?}");
    }
}

fn door(budget: usize, trusted: &str) -> Door {
    let budget = format!("{budget}/1h");
    Door::with(&[("limits.address", &budget), ("proxies.trusted", trusted)])
}

const PROXIES: &str = "127.0.0.0/8, 10.0.0.0/8";

#[test]
fn every_spelling_of_an_address_behind_trusted_proxies_has_one_budget() {
    for spellings in [&SPELLINGS[..], &SPELLINGS_V6] {
        let door = door(spellings.len(), PROXIES);
        share_one_budget(&door, "x-forwarded-for", spellings);
    }
}

#[test]
fn what_a_trusted_proxy_cannot_state_counts_for_the_proxy() {
    let door = door(NO_ADDRESS.len(), PROXIES);
    share_one_budget(&door, "x-forwarded-for", &NO_ADDRESS);
}

#[test]
fn no_spelling_from_an_address_that_is_not_trusted_has_a_budget_of_its_own() {
    let all: Vec<&[&str]> = [&SPELLINGS[..], &SPELLINGS_V6, &NO_ADDRESS].concat();
    for header in ["x-forwarded-for", "x-real-ip", "client-ip"] {
        share_one_budget(&door(all.len(), "10.0.0.0/8"), header, &all);
    }
}

#[test]
fn a_header_that_is_not_read_never_makes_a_budget() {
    let spellings: [&[&str]; 7] = [
        &["for=198.51.100.7"],
        &["For=\"198.51.100.8:4711\""],
        &["for=\"[2001:db8:cafe::17]:4711\""],
        &["for=198.51.100.9;proto=https;by=203.0.113.43"],
        &["for=198.51.100.1, for=198.51.100.2"],
        &["for=198.51.100.3", "for=198.51.100.4"],
        &["for=unknown, for=_hidden"],
    ];
    for trusted in [PROXIES, "10.0.0.0/8"] {
        share_one_budget(&door(spellings.len(), trusted), "forwarded", &spellings);
    }
}
