//! Cookies among those of others: browsers do not keep ports apart, nor paths, nor what another
//! host of the same domain has set.

use crate::support::browser::short_name;
use crate::support::{Browser, Door, PASSWORD};

#[test]
fn two_servers_on_one_host_leave_each_others_cookies_alone() {
    let (one, two) = (Door::open(), Door::open());
    let browser = one.signed_up("ada");
    two.signed_up("bob");
    // One browser: what it holds, it sends to both.
    let there = browser.moved_to(&two.local_url());
    assert_eq!(there.get("/dashboard").location(), "/login?next=/dashboard");
    assert_eq!(there.sign_in("bob", PASSWORD).status, 303);
    assert_eq!(there.get("/dashboard").heading(), "Hello, bob");
    let back = there.moved_to(&one.local_url());
    assert_eq!(back.get("/dashboard").heading(), "Hello, ada");
    let page = back.get("/work");
    let added = back.submit(&page, "Add", &[("Title", "one")]);
    assert_eq!(
        back.follow(&added).text(".notice"),
        "Added at the end of the list."
    );

    let there = back.moved_to(&two.local_url());
    assert_eq!(there.sign_out().status, 303);
    assert!(!there.is_signed_in());
    let back = there.moved_to(&one.local_url());
    assert_eq!(back.get("/dashboard").heading(), "Hello, ada");
}

#[test]
fn servers_of_one_instance_use_the_same_cookies() {
    let one = Door::open();
    let two = one.another();
    let ada = one.signed_up("ada");
    let name = |door: &Door| door.browser().full_name("doorward_access");
    assert_eq!(name(&one), name(&two));
    assert_eq!(short_name(&name(&one)), "doorward_access");
    assert!(ada.moved_to(&two.local_url()).is_signed_in());
}

#[test]
fn an_older_cookie_of_the_same_name_does_not_prevent_signing_in() {
    let door = Door::open();
    let ada = door.signed_up("ada");
    let older = door.browser();
    older.sign_in("ada", PASSWORD);
    let ended = older.copy();
    older.sign_out();
    for name in ["doorward_access", "doorward_refresh"] {
        let full = door.browser().full_name(name);
        let good = ada.cookie(name).unwrap();
        let old = ended.cookie(name).unwrap();
        for bad in [old.as_str(), "planted", "\"\"", ""] {
            for cookie in [
                format!("{full}={bad}; {full}={good}"),
                format!("{full}={good}; {full}={bad}"),
            ] {
                let both = door.browser().with("cookie", &cookie);
                assert_eq!(
                    both.get("/dashboard").heading(),
                    "Hello, ada",
                    "{bad} {name}"
                );
            }
        }
        let many = format!("{}{full}={good}", format!("{full}=planted; ").repeat(100));
        let many = door.browser().with("cookie", &many);
        assert_eq!(many.get("/dashboard").status, 303, "only so many are tried");
    }
}

#[test]
fn an_older_cookie_of_a_visitors_forms_does_not_break_them() {
    let (door, other) = (Door::open(), Door::open());
    door.signed_up("ada");
    // One that does not say where its forms come from, so that the cookie counts.
    let blank = Browser::sending(&door.local_url(), &[("accept", "text/html")]);
    let page = blank.get("/login");
    let full = blank.full_name("doorward_form");
    let good = blank.cookie("doorward_form").unwrap();
    let blank = Browser::sending(&other.local_url(), &[("accept", "text/html")]);
    blank.get("/login");
    let foreign = blank.cookie("doorward_form").unwrap();
    for cookie in [
        format!("{full}=planted; {full}={good}"),
        format!("{full}={good}; {full}=planted"),
        format!("{full}={foreign}; {full}={good}"),
        format!("\u{a0}{full}=planted; {full}={good}"),
        format!("other=\u{ff}; no name; odd=%ff; {full}={good}"),
    ] {
        let both = Browser::sending(&door.local_url(), &[("accept", "text/html")]);
        let both = both.with("cookie", &cookie);
        let fields = [
            ("username", "ada"),
            ("password", PASSWORD),
            ("form_token", &page.value_of("form_token")),
        ];
        let token = both.get("/login").value_of("form_token");
        assert_eq!(token, page.value_of("form_token"));
        assert_eq!(both.post("/login", &fields).status, 303, "{cookie}");
    }
    // Only under its own name, to the letter: others can plant a name with a space before it.
    for cookie in [
        format!("{full}={foreign}"),
        format!("\u{a0}{full}={good}"),
        format!("{full} ={good}"),
    ] {
        let planted = Browser::sending(&door.local_url(), &[("accept", "text/html")]);
        let planted = planted.with("cookie", &cookie);
        let token = planted.get("/login").value_of("form_token");
        assert_ne!(token, page.value_of("form_token"), "{cookie}");
        let fields = [
            ("username", "ada"),
            ("password", PASSWORD),
            ("form_token", &page.value_of("form_token")),
        ];
        assert_eq!(planted.post("/login", &fields).status, 403, "{cookie}");
    }
}
