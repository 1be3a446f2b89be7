//! SQLite's file that is taken away, and its disk that is full.

use std::fs;

use super::*;
use crate::files::store::SmallDisk;
use crate::support::{Place, wait_until};

#[test]
fn nothing_is_acknowledged_or_shown_once_the_database_file_is_gone_or_another_one() {
    type Take<'a> = &'a dyn Fn(&Place);
    let ways: [(&str, Take<'_>); 5] = [
        ("deleted", &|place| {
            fs::remove_file(place.path("data/doorward.db")).unwrap();
        }),
        ("moved", &|place| {
            fs::rename(place.path("data/doorward.db"), place.path("aside")).unwrap();
        }),
        ("replaced", &|place| {
            fs::copy(place.path("data/doorward.db"), place.path("copy")).unwrap();
            fs::rename(place.path("copy"), place.path("data/doorward.db")).unwrap();
        }),
        ("without its log", &|place| {
            fs::remove_file(place.path("data/doorward.db-wal")).unwrap();
        }),
        ("with its folder", &|place| {
            fs::rename(place.path("data"), place.path("aside")).unwrap();
        }),
    ];
    for (what, take) in ways {
        let place = Place::on_sqlite();
        let serving = place.serve();
        let ada = program(&serving, "ada");
        assert_eq!(ada.get("/dashboard").status, 200);
        take(&place);
        // A write looks for itself.
        let reply = add_item(&ada, "an item");
        assert_eq!(reply.status, 503, "{what}: {}", reply.body);
        wait_until("nobody is let in", || ada.get("/dashboard").status == 503);
        for n in 0..20 {
            let name = format!("eve-{n}");
            let reply = serving
                .browser()
                .sign_up(&name, "eve@example.com", PASSWORD);
            assert_eq!(reply.status, 503, "{what}: {}", reply.body);
        }
        assert_eq!(
            sign_in(&Browser::program(&serving.url(), None), "ada").status,
            503,
            "{what}"
        );
        assert_eq!(ada.get("/api/work-items").status, 503, "{what}");
        let (status, _, stderr) = serving.end();
        assert_eq!(status.code(), Some(0), "{what}: {stderr}");
        let told = stderr
            .lines()
            .filter(|line| line.contains("the database is unavailable"));
        assert_eq!(told.count(), 1, "{what}: {stderr}");
        assert!(
            stderr.contains("while the server runs") && stderr.contains("Move the file back"),
            "{what}: {stderr}"
        );
    }
}

#[test]
fn a_database_file_that_is_moved_back_is_served_again() {
    let place = Place::on_sqlite();
    let serving = place.serve();
    let ada = program(&serving, "ada");
    assert_eq!(add_item(&ada, "before").status, 201);
    fs::rename(place.path("data"), place.path("aside")).unwrap();
    wait_until("nobody is let in", || ada.get("/dashboard").status == 503);
    fs::rename(place.path("aside"), place.path("data")).unwrap();
    wait_until("it works again", || add_item(&ada, "after").status == 201);
    assert_eq!(ada.get("/dashboard").status, 200);
    assert_eq!(place.number("SELECT count(*) AS n FROM work_items"), 2);
}

#[test]
fn a_full_disk_lets_people_sign_out_and_delete_and_the_server_start() {
    let Some(disk) = SmallDisk::of("24m") else {
        return;
    };
    let mut place = Place::on_sqlite();
    let data = disk.path().join("data");
    place.set("DOORWARD_DATA_DIR", data.to_str().unwrap());
    let serving = place.serve();
    let [ada, bob] = ["ada", "bob"].map(|name| signed_up(&serving, name));
    let [ada_access, bob_access] =
        [&ada, &bob].map(|who| Browser::program(&serving.url(), Some(&who.access())));
    let item = add_item(&ada_access, "an item").json()["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let reserve = data.join("doorward.db-reserve");
    wait_until("there is a reserve", || reserve.exists());
    fill(&disk.path().join("noise"));
    wait_until("the reserve is given up", || !reserve.exists());
    wait_until("changes are refused", || {
        add_item(&ada_access, "one more").status == 503
    });
    for _ in 0..50 {
        let reply = add_item(&ada_access, "another");
        assert_eq!(reply.status, 503, "{}", reply.body);
        assert_eq!(reply.json()["error"], "unavailable");
        assert!(reply.header("retry-after").is_some());
        let words = reply.json()["message"].as_str().unwrap().to_owned();
        assert!(
            words.contains("disk of the server is full. Nothing was changed"),
            "{words}"
        );
    }
    assert_eq!(bob_access.get("/api/work-items").status, 200);
    let gone = ada_access.with_method("DELETE", &format!("/api/work-items/{item}"));
    assert_eq!(gone.status, 204, "{}", gone.body);
    assert_eq!(ada.sign_out().status, 303);
    assert_eq!(ada_access.get("/api/work-items").status, 401);

    let (status, _, stderr) = serving.end();
    assert_eq!(status.code(), Some(0), "{stderr}");
    let errors = stderr.lines().filter(|line| line.contains("ERROR"));
    assert!(errors.count() < 5, "not a line for each request: {stderr}");
    // Whatever filled the disk goes on.
    fill(&disk.path().join("more noise"));
    let serving = place.serve();
    let [ada, bob] = [ada_access, bob_access].map(|who| who.moved_to(&serving.url()));
    assert_eq!(ada.get("/api/work-items").status, 401);
    drop(bob);

    for noise in ["noise", "more noise"] {
        fs::remove_file(disk.path().join(noise)).unwrap();
    }
    wait_until("there is a reserve again", || reserve.exists());
    wait_until("it works again", || {
        sign_in(&Browser::program(&serving.url(), None), "bob").status == 201
    });
}

/// Until nothing more fits.
fn fill(path: &std::path::Path) {
    use std::io::Write;

    let mut file = fs::File::create(path).unwrap();
    for size in [64 * 1024, 512] {
        while file.write_all(&vec![1; size]).is_ok() {}
    }
}
