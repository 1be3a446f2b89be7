//! Thumbnails: made behind the answer, in turns, and by whoever is there.

use std::process::Command;

use rustix::process::Signal;

use super::*;
use crate::support::{PASSWORD, Place, Serving, binary};

/// A picture that takes a moment to decode.
fn large_image() -> Vec<u8> {
    let pixels = RgbImage::from_fn(700, 700, |x, y| {
        image::Rgb([(x * y) as u8, (x ^ y) as u8, (x * 7 + y * 13) as u8])
    });
    let mut bytes = Cursor::new(Vec::new());
    DynamicImage::from(pixels)
        .write_to(&mut bytes, ImageFormat::Jpeg)
        .unwrap();
    bytes.into_inner()
}

fn thumbnail_of(page: &Browser, id: &str) -> Reply {
    page.get(&format!("/files/{id}/thumbnail"))
}

#[test]
fn an_upload_is_answered_before_its_thumbnail_is_made_and_the_shelf_shows_it_afterwards() {
    let door = Door::open();
    let ada = door.signed_up("ada");
    let holder = door.program(Some(&ada.access()));
    let ids: Vec<_> = (0..3)
        .map(|n| uploaded(&holder, &one(format!("{n}.jpg"), large_image())))
        .collect();
    let shelf = ada.get("/files").body;
    // The last one cannot be made yet: each takes longer than an upload.
    assert!(shelf.contains(&format!("/files/{}/content", ids[2])));
    assert!(!shelf.contains(&format!("/files/{}/thumbnail", ids[2])));
    assert!(shelf.contains("<span aria-hidden=\"true\">JPG</span>"));
    assert_eq!(thumbnail_of(&ada, &ids[2]).status, 404);
    wait_until("all are made", || rows(&door, "thumbnails_due") == 0);
    let shelf = ada.get("/files").body;
    for id in &ids {
        assert!(shelf.contains(&format!("/files/{id}/thumbnail")));
        assert_eq!(thumbnail_of(&ada, id).status, 200);
    }
    // An image that is deleted before its turn is not waited for.
    let id = uploaded(&holder, &one("gone.jpg", large_image()));
    assert_eq!(holder.with_method("DELETE", &at(&id)).status, 204);
    wait_until("it is forgotten", || rows(&door, "thumbnails_due") == 0);
    only(&door, 3);
}

#[test]
fn a_full_page_of_thumbnails_is_never_limited_and_a_flood_of_one_account_is() {
    let door = Door::open();
    let ada = door.signed_up("ada");
    let pixels = RgbImage::from_pixel(8, 8, image::Rgb([1, 2, 3]));
    let mut bytes = Cursor::new(Vec::new());
    let image = DynamicImage::from(pixels);
    image.write_to(&mut bytes, ImageFormat::Png).unwrap();
    let bytes = bytes.into_inner();
    let many = (0..50).fold(Multipart::new(), |form, n| {
        form.file("file", format!("{n}.png"), &bytes)
    });
    let sent = door.program(Some(&ada.access())).send_files(API, &many);
    assert_eq!(sent.status, 201, "{}", sent.body);
    wait_until("all are made", || rows(&door, "thumbnails_due") == 0);
    let ids = texts(&sent.json(), "id");
    for _ in 0..5 {
        let shelf = ada.get("/files").body;
        for id in &ids {
            assert!(shelf.contains(&format!("/files/{id}/thumbnail")));
            assert_eq!(thumbnail_of(&ada, id).status, 200);
        }
    }
    door.let_pass(60);
    let strict = door.another_with(&[("limits.thumbnails", "3/1m")]);
    let (ada, bob) = (ada.moved_to(&strict.local_url()), strict.signed_up("bob"));
    let asked = [(); 4].map(|()| thumbnail_of(&ada, &ids[0]).status);
    assert_eq!(asked, [200, 200, 200, 429]);
    assert_eq!(thumbnail_of(&bob, &ids[0]).status, 404);
    assert_eq!(ada.get("/files").status, 200);
}

#[test]
fn one_accounts_many_pictures_do_not_delay_the_thumbnail_of_another() {
    let door = Door::open();
    let (ada, bob) = (door.signed_up("ada"), door.signed_up("bob"));
    let image = large_image();
    let many = (0..16).fold(Multipart::new(), |form, n| {
        form.file("file", format!("{n}.jpg"), &image)
    });
    let sent = door.program(Some(&ada.access())).send_files(API, &many);
    assert_eq!(sent.status, 201, "{}", sent.body);
    let program = door.program(Some(&bob.access()));
    let id = uploaded(&program, &one("bob.jpg", &image));
    wait_until("bob's is made", || thumbnail_of(&bob, &id).status == 200);
    let left = rows(&door, "thumbnails_due");
    assert!(left >= 8, "{left} of 16 were left");
}

#[test]
fn thumbnails_that_a_killed_server_owed_are_made_by_the_next_one() {
    let place = Place::new();
    let count = |sql: &str| place.number(&format!("SELECT count(*) AS n FROM {sql}"));
    let serving = place.serve();
    let ada = serving.browser();
    ada.sign_up("ada", "ada@example.com", PASSWORD);
    let program = Browser::program(&serving.url(), Some(&ada.access()));
    let image = large_image();
    let many = (0..4).fold(Multipart::new(), |form, n| {
        form.file("file", format!("{n}.jpg"), &image)
    });
    let made = program.send_files(API, &many);
    assert_eq!(made.status, 201, "{}", made.body);
    serving.signal(Signal::KILL);
    drop(serving);
    assert!(count("thumbnails_due") > 0);
    // The one that was being made could be of another server still, for a minute.
    place.sql("UPDATE thumbnails_due SET due_at = 0");
    let _serving = place.serve();
    wait_until("all are made", || {
        count("thumbnails_due") == 0 && count("files WHERE thumbnail IS NOT NULL") == 4
    });
}

/// The memory that an image takes is that of a process which ends with it.
#[cfg(target_os = "linux")]
#[test]
fn the_server_does_not_hold_what_an_image_unpacks_to() {
    let place = Place::new();
    let serving = place.serve();
    let ada = serving.browser();
    ada.sign_up("ada", "ada@example.com", PASSWORD);
    let program = Browser::program(&serving.url(), Some(&ada.access()));
    uploaded(&program, &one("small.png", image(ImageFormat::Png)));
    let due = || place.number("SELECT count(*) AS n FROM thumbnails_due");
    wait_until("it is made", || due() == 0);
    let before = upload::peak_memory(serving.child.id());
    let mut flat = Cursor::new(Vec::new());
    DynamicImage::from(RgbImage::new(3000, 3000))
        .write_to(&mut flat, ImageFormat::Png)
        .unwrap();
    uploaded(&program, &one("flat.png", flat.into_inner()));
    wait_until("it is made", || due() == 0);
    let made = "SELECT count(*) AS n FROM files WHERE thumbnail IS NOT NULL";
    assert_eq!(place.number(made), 2);
    let grown = upload::peak_memory(serving.child.id()) - before;
    assert!(grown < 15 * MEGABYTE, "27 MB unpacked, {grown} bytes grown");
}

#[test]
fn an_image_that_has_ended_the_server_three_times_is_not_tried_again() {
    let door = Door::open();
    let ada = door.signed_up("ada");
    let holder = door.program(Some(&ada.access()));
    let id = uploaded(&holder, &one("a.png", image(ImageFormat::Png)));
    wait_until("it is made", || rows(&door, "thumbnails_due") == 0);
    let after_attempts = |mut door: Door, attempts: i64, due_at: i64| {
        // Otherwise its job could still take the row.
        door.stop();
        door.sql("UPDATE files SET thumbnail = NULL");
        door.sql(&format!(
            "INSERT INTO thumbnails_due (file_id, account_id, bytes, attempts, due_at) \
             SELECT id, account_id, bytes, {attempts}, {due_at} FROM files"
        ));
        door.restart()
    };
    let door = after_attempts(door, 3, 0);
    wait_until("it is given up", || rows(&door, "thumbnails_due") == 0);
    assert_eq!(rows(&door, "files WHERE thumbnail IS NOT NULL"), 0);
    let door = after_attempts(door, 2, 0);
    wait_until("it is tried", || rows(&door, "thumbnails_due") == 0);
    assert_eq!(rows(&door, "files WHERE thumbnail IS NOT NULL"), 1);
    // One that another server has taken is left alone until its time is over.
    let later = crate::support::NOON + 60;
    let door = after_attempts(door, 1, later);
    let other = uploaded(&holder_of(&door), &one("b.png", image(ImageFormat::Png)));
    let ada = door.browser();
    ada.sign_in("ada", PASSWORD);
    wait_until("another is made", || {
        thumbnail_of(&ada, &other).status == 200
    });
    assert_eq!(thumbnail_of(&ada, &id).status, 404);
    assert_eq!(rows(&door, "thumbnails_due"), 1);
    door.let_pass(60);
    let door = door.restart();
    wait_until("it is made", || rows(&door, "thumbnails_due") == 0);
    assert_eq!(rows(&door, "files WHERE thumbnail IS NOT NULL"), 2);
}

/// The loader ends with 126 or 127 where the program cannot run, such as after an update that has
/// taken away one of its libraries.
#[cfg(unix)]
#[test]
fn a_decoder_that_cannot_be_started_does_not_count_as_an_attempt() {
    use std::os::unix::fs::PermissionsExt;

    let place = Place::new();
    let (program, kept) = (place.path("doorward"), place.path("kept"));
    if fs::hard_link(binary(), &program).is_err() {
        fs::copy(binary(), &program).unwrap();
    }
    let mut command = Command::new(&program);
    command
        .args(["serve", "--listen", "127.0.0.1:0"])
        .env_clear()
        .envs(&place.variables)
        .current_dir(place.folder.path());
    let serving = Serving::start(&mut command);
    let ada = serving.browser();
    ada.sign_up("ada", "ada@example.com", PASSWORD);
    let holder = Browser::program(&serving.url(), Some(&ada.access()));
    fs::rename(&program, &kept).unwrap();
    for (n, code) in [(1, 126), (2, 127)] {
        let broken = place.path("broken");
        fs::write(&broken, format!("#!/bin/sh\nexit {code}\n")).unwrap();
        fs::set_permissions(&broken, fs::Permissions::from_mode(0o755)).unwrap();
        fs::rename(&broken, &program).unwrap();
        uploaded(&holder, &one(format!("{n}.png"), image(ImageFormat::Png)));
        // A failed attempt is counted, and made again after a minute.
        wait_until("it is left for later as if it had not been tried", || {
            let later = "SELECT count(*) AS n FROM thumbnails_due \
                         JOIN files ON files.id = thumbnails_due.file_id \
                         WHERE attempts = 0 AND due_at > files.created_at + 300";
            place.number(later) == n
        });
    }
    fs::rename(&kept, &program).unwrap();
    place.sql("UPDATE thumbnails_due SET due_at = 0");
    uploaded(&holder, &one("3.png", image(ImageFormat::Png)));
    let made = "SELECT count(*) AS n FROM files WHERE thumbnail IS NOT NULL";
    wait_until("all are made", || place.number(made) == 3);
}

fn holder_of(door: &Door) -> Browser {
    let ada = door.browser();
    ada.sign_in("ada", PASSWORD);
    door.program(Some(&ada.access()))
}
