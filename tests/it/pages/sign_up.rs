use crate::support::{Door, PASSWORD};

#[test]
fn signing_up_signs_in_and_greets_by_name() {
    let door = Door::open();
    let browser = door.browser();
    let page = browser.get("/signup");
    let fields = [
        ("Username", " Ada "),
        ("Email address", "ada@example.com"),
        ("Name (optional)", "Ada <b>Lovelace</b>"),
        ("Password", PASSWORD),
    ];
    let reply = browser.submit(&page, "Create account", &fields);
    assert_eq!(
        (reply.status, reply.location().as_str()),
        (303, "/dashboard")
    );
    let dashboard = browser.follow(&reply);
    assert_eq!(dashboard.status, 200);
    assert_eq!(dashboard.heading(), "Hello, Ada <b>Lovelace</b>");
    let facts = dashboard.text("dl");
    for fact in [
        "Signed in as Ada",
        "ada@example.com",
        "member",
        "15 Jan 2027, 08:00 UTC",
        "127.0.0.1",
    ] {
        assert!(facts.contains(fact), "{fact} in {facts}");
    }
}
