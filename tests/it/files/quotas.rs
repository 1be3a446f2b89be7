//! What administrators set, and see.

use serde_json::json;

use super::*;
use crate::support::PASSWORD;

/// An administrator's browser and program, and Ada's program with the path of her quota.
struct House {
    root: Browser,
    holder: Browser,
    ada: Browser,
    account: String,
}

impl House {
    fn of(door: &Door) -> Self {
        door.signed_up("root");
        door.sql("UPDATE accounts SET role = 'administrator'");
        let root = door.browser();
        root.sign_in("root", PASSWORD);
        let holder = door.program(Some(&root.access()));
        let ada = program(door, "ada");
        let account = text(&ada.get("/api/me").json(), "id").to_owned();
        Self {
            root,
            holder,
            ada,
            account,
        }
    }

    fn quota(&self) -> String {
        format!("/api/accounts/{}/quota", self.account)
    }

    fn set(&self, what: Value) -> Reply {
        self.holder.send_json("PATCH", &self.quota(), &what)
    }
}

fn told(reply: &Reply) -> Vec<i64> {
    assert_eq!(reply.status, 200, "{}", reply.body);
    let json = reply.json();
    ["files", "bytes", "files_max", "bytes_max"]
        .map(|name| json[name].as_i64().unwrap())
        .to_vec()
}

#[test]
fn an_administrator_sets_what_an_account_may_have_and_takes_it_back() {
    let door = Door::with(&[("files.quota_mb", "3"), ("files.quota_files", "7")]);
    let house = House::of(&door);
    uploaded(&house.ada, &one("a.txt", "four"));
    assert_eq!(
        told(&house.holder.get(&house.quota())),
        [1, 4, 7, 3_000_000]
    );
    let set = house.set(json!({"files_max": 2, "bytes_max": 10}));
    assert_eq!(told(&set), [1, 4, 2, 10]);
    assert_eq!(told(&house.ada.get(&house.quota())), [1, 4, 2, 10]);
    let large = house.ada.send_files(API, &one("b.txt", "seven b"));
    let fields = refused(&large, 409, "over_quota");
    assert!(text(&fields, "file").contains("all your files is 10 bytes"));
    uploaded(&house.ada, &one("b.txt", "b"));
    let many = house.ada.send_files(API, &one("c.txt", "c"));
    refused(&many, 409, "too_many");
    // What is there stays, however little there may be.
    assert_eq!(told(&house.set(json!({"files_max": 0}))), [2, 5, 0, 10]);
    assert_eq!(texts(&house.ada.get(API).json(), "name").len(), 2);
    let usual = json!({"files_max": null, "bytes_max": null});
    assert_eq!(told(&house.set(usual)), [2, 5, 7, 3_000_000]);
    uploaded(&house.ada, &one("c.txt", "c"));
}

#[test]
fn a_quota_that_will_not_do_changes_nothing() {
    let door = Door::open();
    let house = House::of(&door);
    let before = told(&house.holder.get(&house.quota()));
    for bad in [
        json!({"files_max": -1}),
        json!({"files_max": 1_000_000_001}),
        json!({"bytes_max": 1_000_000_000_000_001_i64}),
        json!({"bytes_max": "10"}),
        json!({"files_max": 1, "bytes": 10}),
    ] {
        refused(&house.set(bad), 422, "invalid_fields");
    }
    assert_eq!(told(&house.holder.get(&house.quota())), before);
    // Nobody sets their own.
    let own = house
        .ada
        .send_json("PATCH", &house.quota(), &json!({"bytes_max": 1}));
    refused(&own, 403, "forbidden");
    let nowhere = format!("/api/accounts/{NOWHERE}/quota");
    refused(&house.holder.get(&nowhere), 404, "not_found");
    let nobody = house.holder.send_json("PATCH", &nowhere, &json!({}));
    refused(&nobody, 404, "not_found");
}

#[test]
fn the_page_of_an_account_sets_its_quota_and_shows_how_much_there_is_and_nothing_more() {
    let door = Door::open();
    let house = House::of(&door);
    uploaded(
        &house.ada,
        &described("secret.txt", "Nobody's business", "four"),
    );
    let path = format!("/admin/accounts/{}", house.account);
    let (files, megabytes) = ("File limit (optional)", "Storage limit in MB (optional)");
    let button = "Save limits";
    let page = house.root.get(&path);
    assert!(page.text("main").contains("1 file, 4 bytes."));
    assert!(!page.body.contains("secret.txt") && !page.body.contains("Nobody's"));
    let list = house.root.get("/admin/accounts");
    assert!(
        list.text("main p")
            .contains("All accounts: 1 file, 4 bytes")
    );
    for bad in ["-1", "x", "1.5", "1000000001"] {
        let again = house
            .root
            .submit(&page, button, &[(files, bad), (megabytes, "2")]);
        assert_eq!((again.status, again.value(files)), (422, bad.to_owned()));
        assert_eq!(again.value(megabytes), "2");
        assert_eq!(again.errors()[0].0, "files_max");
    }
    for bad in ["-1", "-0.5", "x", "1.2345678", "1,5", ".", "1000000000.1"] {
        let again = house.root.submit(&page, button, &[(megabytes, bad)]);
        assert_eq!(
            (again.status, again.value(megabytes)),
            (422, bad.to_owned())
        );
        assert_eq!(again.errors()[0].0, "megabytes_max");
    }
    let fields = [(files, "12"), (megabytes, "2")];
    let saved = house.root.submit(&page, button, &fields);
    let page = house.root.follow(&saved);
    assert_eq!(page.text(".notice"), "The limits of its files were saved.");
    assert_eq!(
        (page.value(files), page.value(megabytes)),
        ("12".to_owned(), "2".to_owned())
    );
    assert_eq!(told(&house.ada.get(&house.quota())), [1, 4, 12, 2_000_000]);
    let usual = [(files, " "), (megabytes, "")];
    house.root.submit(&page, button, &usual);
    assert_eq!(
        told(&house.ada.get(&house.quota()))[2..],
        [10_000, 5_000_000_000]
    );
}

#[test]
fn saving_one_limit_on_the_page_keeps_the_other_to_the_byte() {
    let door = Door::open();
    let house = House::of(&door);
    let path = format!("/admin/accounts/{}", house.account);
    let (files, megabytes) = ("File limit (optional)", "Storage limit in MB (optional)");
    for (bytes, shown) in [
        (0, "0"),
        (1, "0.000001"),
        (500_000, "0.5"),
        (1_500_000, "1.5"),
        (10_000_000, "10"),
        (1_000_000_000_000_000, "1000000000"),
    ] {
        house.set(json!({"files_max": 1, "bytes_max": bytes}));
        let page = house.root.get(&path);
        assert_eq!(page.value(megabytes), shown);
        let fields = [(files, "2")];
        let saved = house.root.submit(&page, "Save limits", &fields);
        assert_eq!(saved.status, 303, "{shown}");
        let quota = told(&house.holder.get(&house.quota()));
        assert_eq!(quota[2..], [2, bytes], "{shown}");
    }
}
