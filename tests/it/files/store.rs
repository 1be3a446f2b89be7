//! A store that is full or away.

use std::process::{Command, Stdio};

use super::*;
use crate::support::{NOON, left_out};

/// A file system of four megabytes, gone with its owner. `None` only where people know that
/// none can be mounted.
pub struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    pub fn mount() -> Option<Self> {
        if left_out("mount") {
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=4m", "tmpfs"])
            .arg(folder.path())
            .stderr(Stdio::null())
            .status();
        assert!(
            mounted.is_ok_and(|status| status.success()),
            "nothing can be mounted: run scripts/test, or put `mount` in DOORWARD_TEST_WITHOUT"
        );
        Some(Self(folder))
    }

    /// As `files.store` names it.
    pub fn store(&self) -> String {
        format!("folder:{}", self.0.path().display())
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        Command::new("umount").arg(self.0.path()).status().ok();
    }
}

#[test]
fn a_full_disk_is_told_and_leaves_nothing_and_works_again_when_there_is_room() {
    let Some(disk) = SmallDisk::mount() else {
        return;
    };
    let folder = disk.0.path();
    let to_the_last_byte = ("files.keep_free_mb", "0");
    let door = Door::with(&[("files.store", &disk.store()), to_the_last_byte]);
    let ada = program(&door, "ada");
    let first = noise(2_500_000);
    let id = uploaded(&ada, &one("first.bin", &first));
    let only_first = || {
        wait_until("only the first one is there", || {
            rows(&door, "stray_blobs") == 0 && files_below(folder).len() == 1
        });
        assert_eq!(rows(&door, "files"), 1);
    };
    for size in [2_500_000, 9 * MEGABYTE] {
        let reply = ada.send_files(API, &one("second.bin", noise(size)));
        assert!(reply.json()["message"].as_str().unwrap().contains("full"));
        refused(&reply, 507, "store_full");
        only_first();
    }
    let page = door.browser();
    page.sign_in("ada", crate::support::PASSWORD);
    let told = page.send_files("/files", &one("second.bin", noise(2_500_000)));
    assert_eq!(
        (told.status, told.heading()),
        (507, "There is no room left".into())
    );
    only_first();
    // Of several, the one that would fit is not kept alone.
    let two = one("small.txt", "a").file("file", "second.bin", noise(2_500_000));
    refused(&ada.send_files(API, &two), 507, "store_full");
    only_first();
    assert!(content_of(&ada, &id).bytes == first);
    assert_eq!(ada.with_method("DELETE", &at(&id)).status, 204);
    wait_until("there is room", || files_below(folder).is_empty());
    let second = noise(2_500_001);
    let id = uploaded(&ada, &one("second.bin", &second));
    assert!(content_of(&ada, &id).bytes == second);
}

#[test]
fn a_disk_is_not_filled_to_its_last_byte() {
    let door = Door::with(&[("files.keep_free_mb", "1000000000")]);
    let ada = program(&door, "ada");
    refused(&ada.send_files(API, &one("a.txt", "a")), 507, "store_full");
    only(&door, 0);
    let Some(disk) = SmallDisk::mount() else {
        return;
    };
    let keep = ("files.keep_free_mb", "3");
    let door = Door::with(&[("files.store", &disk.store()), keep]);
    let ada = program(&door, "ada");
    uploaded(&ada, &one("a.bin", noise(300_000)));
    let large = ada.send_files(API, &one("b.bin", noise(3 * MEGABYTE)));
    refused(&large, 507, "store_full");
}

#[test]
fn without_its_store_a_file_cannot_be_had_for_now() {
    let door = Door::open();
    let ada = door.signed_up("ada");
    let holder = door.program(Some(&ada.access()));
    let id = uploaded(&holder, &one("a.txt", "words"));
    let share = serde_json::json!({"minutes": 60});
    let share = holder.send_json("POST", &format!("{API}/{id}/shares"), &share);
    let link = text(&share.json(), "url").replace(&door.url, "");
    let (folder, away) = (door.data_dir().join("files"), door.data_dir().join("away"));
    fs::rename(&folder, &away).unwrap();
    let reply = content_of(&holder, &id);
    refused(&reply, 503, "unavailable");
    assert!(reply.header("retry-after").is_some());
    for path in [format!("/files/{id}/content"), link] {
        let page = ada.get(&path);
        let page = match page.status {
            200 => ada.submit(&page, "Download", &[]),
            _ => page,
        };
        assert_eq!(page.status, 503, "{path}: {}", page.body);
        assert!(page.header("retry-after").is_some());
    }
    // What is known of it is shown all the same.
    assert_eq!(holder.get(&at(&id)).status, 200);
    assert_eq!(ada.get("/files").status, 200);
    fs::rename(&away, &folder).unwrap();
    assert_eq!(content_of(&holder, &id).body, "words");
}

#[test]
fn what_cannot_be_written_or_deleted_for_now_is_cleared_away_later() {
    let door = Door::open();
    let ada = program(&door, "ada");
    let id = uploaded(&ada, &one("a.txt", "words"));
    let (folder, away) = (door.data_dir().join("files"), door.data_dir().join("away"));
    fs::rename(&folder, &away).unwrap();
    fs::write(&folder, "no folder").unwrap();
    let reply = ada.send_files(API, &one("b.bin", noise(2 * MEGABYTE)));
    refused(&reply, 503, "unavailable");
    assert_eq!(rows(&door, "files"), 1);
    assert_eq!(ada.with_method("DELETE", &at(&id)).status, 204);
    assert_eq!(ada.get(API).json()["items"], serde_json::json!([]));
    fs::remove_file(&folder).unwrap();
    fs::rename(&away, &folder).unwrap();
    assert_eq!(stored(&door).len(), 1, "its bytes are there still");
    door.sql(&format!("UPDATE stray_blobs SET ends_at = {NOON}"));
    let door = door.restart();
    only(&door, 0);
}

#[test]
fn a_lost_file_is_a_store_that_is_away_and_can_be_deleted() {
    let door = Door::open();
    let ada = program(&door, "ada");
    let id = uploaded(&ada, &one("a.txt", "words"));
    fs::remove_file(&stored(&door)[0]).unwrap();
    refused(&content_of(&ada, &id), 503, "unavailable");
    assert_eq!(ada.with_method("DELETE", &at(&id)).status, 204);
    only(&door, 0);
}

#[cfg(feature = "s3")]
mod s3 {
    use object_store::aws::{AmazonS3, AmazonS3Builder};
    use object_store::multipart::MultipartStore;
    use object_store::path::Path;
    use object_store::{Error, ObjectStoreExt};
    use url::Url;

    use super::*;
    use crate::support::{Wire, tool};

    /// The server that `scripts/test` starts: where it is, and what opens it.
    struct Server {
        bucket: String,
        endpoint: String,
        key_id: String,
        secret_key: String,
    }

    impl Server {
        fn find() -> Option<Self> {
            let url = Url::parse(&tool("s3", "DOORWARD_TEST_S3")?).unwrap();
            let (host, port) = (url.host_str().unwrap(), url.port().unwrap());
            Some(Self {
                bucket: url.path().trim_start_matches('/').to_owned(),
                endpoint: format!("http://{host}:{port}"),
                key_id: url.username().to_owned(),
                secret_key: url.password().unwrap().to_owned(),
            })
        }

        fn door(&self) -> Door {
            Door::with(&[
                ("files.store", &format!("s3:{}", self.bucket)),
                ("files.s3_endpoint", &self.endpoint),
                ("files.s3_key_id", &self.key_id),
                ("files.s3_secret_key", &self.secret_key),
            ])
        }

        /// The same store, without us.
        fn store(&self) -> AmazonS3 {
            AmazonS3Builder::new()
                .with_bucket_name(&self.bucket)
                .with_region("us-east-1")
                .with_endpoint(&self.endpoint)
                .with_access_key_id(&self.key_id)
                .with_secret_access_key(&self.secret_key)
                .with_allow_http(true)
                .build()
                .unwrap()
        }

        /// Whether there is an object for this file.
        fn has(&self, id: &str) -> bool {
            let store = self.store();
            let runtime = tokio::runtime::Runtime::new().unwrap();
            match runtime.block_on(store.head(&path_of(id))) {
                Ok(_) => true,
                Err(Error::NotFound { .. }) => false,
                Err(error) => panic!("{error}"),
            }
        }
    }

    fn path_of(id: &str) -> Path {
        Path::from(format!("{}/{id}", &id[..2]))
    }

    fn strays(door: &Door) -> Vec<String> {
        door.lines("SELECT id AS line FROM stray_blobs")
    }

    #[test]
    fn a_large_file_goes_to_the_store_and_comes_back_whole_and_in_parts() {
        let Some(server) = Server::find() else { return };
        let door = server.door();
        let ada = program(&door, "ada");
        let content = noise(20 * MEGABYTE);
        let reply = ada.send_files(API, &one("large.bin", &content));
        assert_eq!(reply.status, 201, "{}", reply.body);
        assert_eq!(text(&reply.json(), "sha256"), sha256(&content));
        let id = text(&reply.json(), "id").to_owned();
        assert!(server.has(&id));
        assert_eq!(rows(&door, "stray_blobs"), 0);
        assert!(content_of(&ada, &id).bytes == content);
        let path = format!("{API}/{id}/content");
        for (range, part) in [
            ("bytes=0-9", &content[..10]),
            ("bytes=8388600-8388620", &content[8_388_600..=8_388_620]),
            ("bytes=-5", &content[content.len() - 5..]),
            ("bytes=19999990-", &content[19_999_990..]),
        ] {
            let reply = ada.with("range", range).get(&path);
            assert_eq!(reply.status, 206, "{range}");
            assert!(reply.bytes == part, "{range}");
        }
        let head = ada.head(&path);
        assert_eq!(head.header("content-length"), Some("20000000"));
        assert_eq!(ada.with_method("DELETE", &at(&id)).status, 204);
        assert!(!server.has(&id));
        assert_eq!(rows(&door, "stray_blobs"), 0);
        assert!(stored(&door).is_empty(), "nothing went to the folder");
    }

    #[test]
    fn small_files_and_images_go_to_the_store_too() {
        let Some(server) = Server::find() else { return };
        let door = server.door();
        let ada = program(&door, "ada");
        let png = image(ImageFormat::Png);
        let form = one("a.txt", "a").file("file", "b.png", &png);
        let made = ada.send_files(API, &form).json();
        let ids = texts(&made, "id");
        assert_eq!(content_of(&ada, &ids[0]).body, "a");
        assert!(content_of(&ada, &ids[1]).bytes == png);
        let page = door.browser();
        page.sign_in("ada", crate::support::PASSWORD);
        let small = page.get(&format!("/files/{}/thumbnail", ids[1]));
        assert_eq!(small.status, 200);
    }

    #[test]
    fn a_refused_or_broken_off_upload_leaves_no_object() {
        let Some(server) = Server::find() else { return };
        let door = server.door();
        let access = door.signed_up("ada").access();
        let begin = || {
            let mut wire = Wire::to(door.address);
            wire.say(format!(
                "POST {API} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {access}\r\n\
                 content-type: {}\r\ncontent-length: 90000000\r\n\r\n",
                crate::support::multipart::CONTENT_TYPE
            ));
            let form = Multipart::new().text("description", "Taken");
            wire.say(
                form.file("file", "a.bin", noise(18 * MEGABYTE))
                    .unfinished(),
            );
            wait_until("it is coming in", || rows(&door, "stray_blobs") == 1);
            (wire, strays(&door).remove(0))
        };
        let (broken_off, id) = begin();
        drop(broken_off);
        wait_until("it is cleared away", || rows(&door, "stray_blobs") == 0);
        assert!(!server.has(&id));
        // Another file takes the description while this one comes in.
        let (mut taken, id) = begin();
        let ada = door.program(Some(&access));
        let other = uploaded(&ada, &described("b.txt", "Taken", "b"));
        let end = one("a.bin", "").whole();
        let end = &end[one("a.bin", "").unfinished().len()..];
        assert!(taken.say(end));
        taken.say_no_more();
        wait_until("it is cleared away", || rows(&door, "stray_blobs") == 0);
        assert!(!server.has(&id));
        assert!(server.has(&other));
        assert_eq!(rows(&door, "files"), 1);
    }

    #[test]
    fn parts_that_a_killed_server_has_left_are_taken_away() {
        let Some(server) = Server::find() else { return };
        let door = server.door();
        let (store, runtime) = (server.store(), tokio::runtime::Runtime::new().unwrap());
        let id = uuid::Uuid::new_v4().to_string();
        let path = path_of(&id);
        let draft = runtime.block_on(store.create_multipart(&path)).unwrap();
        let add = |part| {
            let content = noise(5 << 20).into();
            runtime.block_on(store.put_part(&path, &draft, part, content))
        };
        add(0).unwrap();
        door.sql(&format!(
            "INSERT INTO stray_blobs (id, bytes, draft, ends_at) VALUES ('{id}', 0, '{draft}', 0)"
        ));
        let door = door.restart();
        wait_until("it is swept", || rows(&door, "stray_blobs") == 0);
        assert!(add(1).is_err(), "there is nothing to add to");
    }

    #[test]
    fn a_store_that_does_not_let_us_in_or_does_not_answer_is_away() {
        let Some(server) = Server::find() else { return };
        let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", closed.local_addr().unwrap());
        drop(closed);
        let wrong_key = Server {
            secret_key: "canary-not-the-key".to_owned(),
            ..Server::find().unwrap()
        };
        let dead = Server { endpoint, ..server };
        for away in [wrong_key, dead] {
            let door = away.door();
            let ada = program(&door, "ada");
            for content in [noise(100), noise(10 * MEGABYTE)] {
                let begun = std::time::Instant::now();
                let reply = ada.send_files(API, &one("a.bin", content));
                refused(&reply, 503, "unavailable");
                assert!(reply.header("retry-after").is_some());
                assert!(begun.elapsed().as_secs() < 15, "{:?}", begun.elapsed());
                assert_eq!(rows(&door, "files"), 0);
                assert_eq!(rows(&door, "shelves"), 0);
            }
            // They hold nothing of the quota any more once their time is over.
            door.sql("UPDATE stray_blobs SET ends_at = 0");
            assert_eq!(ada.get(API).json()["items"], serde_json::json!([]));
        }
    }
}
