//! A store that is full or away.

use std::process::{Command, Stdio};

use super::*;
use crate::support::tools::report_skipped;
use crate::support::{NOON, PASSWORD};

/// A small file system, gone with its owner.
pub struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    /// Of four megabytes. `None` where this account may not mount it: no tool to install,
    /// and so never required.
    pub fn mount() -> Option<Self> {
        Self::of("4m")
    }

    /// As [`SmallDisk::mount`], of another size.
    pub fn of(size: &str) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"])
            .arg(folder.path())
            .stderr(Stdio::null())
            .status();
        if !mounted.is_ok_and(|status| status.success()) {
            report_skipped("the right to mount");
            return None;
        }
        Some(Self(folder))
    }

    pub fn path(&self) -> &std::path::Path {
        self.0.path()
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
    page.sign_in("ada", PASSWORD);
    let told = page.send_own_files("/files", &one("second.bin", noise(2_500_000)));
    assert_eq!(
        (told.status, told.heading()),
        (507, "There is no space left".into())
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
fn objects_of_failed_uploads_and_deletions_are_deleted_later() {
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
fn a_lost_file_is_unavailable_and_can_be_deleted() {
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
    use std::io::{BufRead, BufReader, Read, Write as _};
    use std::net::{Shutdown, TcpListener, TcpStream};
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
    use std::sync::{Arc, Mutex, RwLock};
    use std::thread;
    use std::time::{Duration, Instant};

    use futures_util::TryStreamExt;
    use object_store::ObjectStore;
    use object_store::aws::AmazonS3Builder;
    use rustix::process::Signal;
    use url::Url;

    use super::*;
    use crate::health::ready;
    use crate::support::{Place, Wire, tool};

    /// The server that `scripts/test` starts: where it is, and what opens it.
    struct Server {
        bucket: String,
        endpoint: String,
        key_id: String,
        secret_key: String,
    }

    impl Server {
        fn find() -> Option<Self> {
            let url = Url::parse(&tool("an S3 server", "DOORWARD_TEST_S3")?).unwrap();
            let (host, port) = (url.host_str().unwrap(), url.port().unwrap());
            Some(Self {
                bucket: url.path().trim_start_matches('/').to_owned(),
                endpoint: format!("http://{host}:{port}"),
                key_id: url.username().to_owned(),
                secret_key: url.password().unwrap().to_owned(),
            })
        }

        fn settings(&self) -> [(&'static str, String); 5] {
            [
                ("files.store", format!("s3:{}", self.bucket)),
                ("files.s3_endpoint", self.endpoint.clone()),
                ("files.s3_key_id", self.key_id.clone()),
                ("files.s3_secret_key", self.secret_key.clone()),
                // Some tests hold it up for a while.
                ("files.s3_idle_seconds", "120".to_owned()),
            ]
        }

        fn door(&self) -> Door {
            let settings = self.settings();
            let settings: Vec<_> = settings.iter().map(|(k, v)| (*k, v.as_str())).collect();
            Door::with(&settings)
        }

        /// How many objects there are of this file, asked without us.
        fn objects(&self, id: &str) -> usize {
            let store = AmazonS3Builder::new()
                .with_bucket_name(&self.bucket)
                .with_region("us-east-1")
                .with_endpoint(&self.endpoint)
                .with_access_key_id(&self.key_id)
                .with_secret_access_key(&self.secret_key)
                .with_allow_http(true)
                .build()
                .unwrap();
            let prefix = format!("{}/{id}", &id[..2]).into();
            let runtime = tokio::runtime::Runtime::new().unwrap();
            let all: Result<Vec<_>, _> = runtime.block_on(store.list(Some(&prefix)).try_collect());
            all.unwrap().len()
        }
    }

    fn strays(door: &Door) -> Vec<String> {
        door.lines("SELECT id AS line FROM stray_blobs")
    }

    #[test]
    fn a_large_file_goes_to_the_store_and_comes_back_whole_and_in_ranges() {
        let Some(server) = Server::find() else { return };
        let door = server.door();
        let ada = program(&door, "ada");
        let content = noise(20 * MEGABYTE);
        let reply = ada.send_files(API, &one("large.bin", &content));
        assert_eq!(reply.status, 201, "{}", reply.body);
        assert_eq!(text(&reply.json(), "sha256"), sha256(&content));
        let id = text(&reply.json(), "id").to_owned();
        assert_eq!(server.objects(&id), 5);
        assert_eq!(rows(&door, "stray_blobs"), 0);
        assert!(content_of(&ada, &id).bytes == content);
        let path = format!("{API}/{id}/content");
        for (range, part) in [
            ("bytes=0-9", &content[..10]),
            ("bytes=4194300-4194310", &content[4_194_300..=4_194_310]),
            ("bytes=8388608-16777215", &content[8_388_608..16_777_216]),
            ("bytes=1-16777216", &content[1..=16_777_216]),
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
        assert_eq!(server.objects(&id), 0);
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
        let empty = uploaded(&ada, &one(".gitkeep", ""));
        assert_eq!(server.objects(&empty), 1);
        assert_eq!(content_of(&ada, &empty).body, "");
        assert_eq!(ada.with_method("DELETE", &at(&empty)).status, 204);
        assert_eq!(server.objects(&empty), 0);
        let page = door.browser();
        page.sign_in("ada", PASSWORD);
        wait_until("its thumbnail is made", || {
            let small = page.get(&format!("/files/{}/thumbnail", ids[1]));
            small.status == 200
        });
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
        assert_eq!(server.objects(&id), 0);
        // Another file takes the description while this one comes in.
        let (mut taken, id) = begin();
        let ada = door.program(Some(&access));
        let other = uploaded(&ada, &described("b.txt", "Taken", "b"));
        let end = one("a.bin", "").whole();
        let end = &end[one("a.bin", "").unfinished().len()..];
        assert!(taken.say(end));
        taken.say_no_more();
        wait_until("it is cleared away", || rows(&door, "stray_blobs") == 0);
        assert_eq!(server.objects(&id), 0);
        assert_eq!(server.objects(&other), 1);
        assert_eq!(rows(&door, "files"), 1);
    }

    #[test]
    fn a_file_of_whole_pieces_has_no_empty_one_behind_them() {
        let Some(server) = Server::find() else { return };
        let door = server.door();
        let ada = program(&door, "ada");
        let content = noise(8 << 20);
        let id = uploaded(&ada, &one("even.bin", &content));
        assert_eq!(server.objects(&id), 2);
        assert!(content_of(&ada, &id).bytes == content);
        assert_eq!(ada.with_method("DELETE", &at(&id)).status, 204);
        assert_eq!(server.objects(&id), 0);
    }

    #[test]
    fn all_objects_of_a_killed_server_are_swept() {
        let Some(server) = Server::find() else { return };
        let mut place = Place::new();
        for (key, value) in server.settings() {
            let key = key.replace('.', "__").to_uppercase();
            place.set(&format!("DOORWARD_{key}"), &value);
        }
        let mut serving = place.serve();
        serving
            .browser()
            .sign_up("ada", "ada@example.com", PASSWORD);
        for written in 0..3 {
            let ada = serving.browser();
            ada.sign_in("ada", PASSWORD);
            let mut wire = Wire::to(serving.address);
            wire.say(upload::chunked_head(&ada.access()));
            wire.say(upload::chunk(
                one("half.bin", noise(written * 5 * MEGABYTE + 1)).unfinished(),
            ));
            let ids = || place.lines("SELECT id AS line FROM stray_blobs");
            wait_until("it is coming in", || ids().len() == 1);
            let id = ids().remove(0);
            wait_until("some of it is written", || server.objects(&id) == written);
            serving.signal(Signal::KILL);
            drop(serving);
            place.sql("UPDATE stray_blobs SET ends_at = 0");
            serving = place.serve();
            wait_until("it is swept", || ids().is_empty());
            assert_eq!(server.objects(&id), 0);
        }
    }

    /// What a sender hears of what it puts into the store.
    #[derive(Clone, Copy, PartialEq)]
    enum Told {
        AsItIs,
        Nothing,
        /// Whatever it asks waits for the guard of the gate.
        Later,
    }

    /// Stands between a server and its store. What is to be put there waits for the guard of
    /// `gate`, whatever becomes of its sender.
    struct Relay {
        endpoint: String,
        gate: Arc<RwLock<()>>,
        /// How many have come to the gate, and how many have been handed on.
        came: Arc<AtomicUsize>,
        gone: Arc<AtomicUsize>,
    }

    impl Relay {
        fn to(server: &Server, told: Told) -> Self {
            let to = server.endpoint.trim_start_matches("http://").to_owned();
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let relay = Self {
                endpoint: format!("http://{}", listener.local_addr().unwrap()),
                gate: Arc::default(),
                came: Arc::default(),
                gone: Arc::default(),
            };
            let (gate, came, gone) = (relay.gate.clone(), relay.came.clone(), relay.gone.clone());
            thread::spawn(move || {
                for from in listener.incoming() {
                    let (mut from, mut to) = (from.unwrap(), TcpStream::connect(&to).unwrap());
                    let (mut back, mut answers) =
                        (from.try_clone().unwrap(), to.try_clone().unwrap());
                    thread::spawn(move || std::io::copy(&mut answers, &mut back));
                    let (gate, came, gone) = (gate.clone(), came.clone(), gone.clone());
                    thread::spawn(move || {
                        let mut buffer = [0; 65536];
                        while let Ok(mut length @ 1..) = from.read(&mut buffer) {
                            let is_put = buffer.starts_with(b"PUT");
                            if told == Told::Later {
                                drop(gate.read());
                            }
                            if is_put {
                                came.fetch_add(1, SeqCst);
                                if told == Told::Nothing {
                                    // The one file that is sent so.
                                    while !buffer[..length].ends_with(b"\r\n\r\na") {
                                        length += from.read(&mut buffer[length..]).unwrap();
                                    }
                                    from.shutdown(Shutdown::Both).unwrap();
                                }
                                drop(gate.read());
                            }
                            to.write_all(&buffer[..length]).unwrap();
                            gone.fetch_add(usize::from(is_put), SeqCst);
                        }
                    });
                }
            });
            relay
        }

        fn server(&self) -> Server {
            Server {
                endpoint: self.endpoint.clone(),
                ..Server::find().unwrap()
            }
        }
    }

    #[test]
    fn an_object_stored_after_its_client_disconnects_is_deleted() {
        let Some(server) = Server::find() else { return };
        let slow = Relay::to(&server, Told::AsItIs);
        let door = slow.server().door();
        let access = door.signed_up("ada").access();
        let closed = slow.gate.write().unwrap();
        let begin = |body: &[u8]| {
            let mut wire = Wire::to(door.address);
            // Hung up on with an answer unread, the server is told at once.
            wire.say(format!(
                "POST {API} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {access}\r\n\
                 content-type: {}\r\ncontent-length: {}\r\nexpect: 100-continue\r\n\r\n",
                crate::support::multipart::CONTENT_TYPE,
                body.len(),
            ));
            wire.say(body);
            wire
        };
        // As many as one account may send at once; then the next one waits for its turn.
        let whole = one("a.txt", "a").whole();
        let wires: Vec<_> = (0..8).map(|_| begin(&whole)).collect();
        wait_until("all are on their way", || slow.came.load(SeqCst) == 8);
        let ids = strays(&door);
        wires.into_iter().for_each(Wire::cut);
        let next = begin(&whole);
        wait_until("one has been given up", || slow.came.load(SeqCst) == 9);
        next.cut();
        drop(closed);
        wait_until("all is cleared away", || rows(&door, "stray_blobs") == 0);
        // One that was heard to the end before it was seen to hang up is kept.
        let kept = door.lines("SELECT id AS line FROM files");
        for id in ids {
            assert_eq!(server.objects(&id), usize::from(kept.contains(&id)));
        }
    }

    #[test]
    fn an_object_whose_write_was_not_acknowledged_is_deleted() {
        let Some(server) = Server::find() else { return };
        let silent = Relay::to(&server, Told::Nothing);
        let door = silent.server().door();
        let ada = program(&door, "ada");
        let closed = silent.gate.write().unwrap();
        let reply = ada.send_files(API, &one("a.txt", "a"));
        refused(&reply, 503, "unavailable");
        let of_nobody = "SELECT count(*) AS n FROM stray_blobs WHERE account_id IS NULL";
        assert_eq!(door.number(of_nobody), 1, "it holds nothing of the quota");
        let id = strays(&door).remove(0);
        drop(closed);
        let all = silent.came.load(SeqCst);
        wait_until("it arrives, as often as it was sent", || {
            silent.gone.load(SeqCst) == all && server.objects(&id) == 1
        });
        door.let_pass(601);
        let door = door.restart();
        wait_until("it is swept", || rows(&door, "stray_blobs") == 0);
        assert_eq!(server.objects(&id), 0);
    }

    #[test]
    fn a_store_that_does_not_respond_is_not_waited_for_and_is_used_again_when_it_does() {
        let Some(server) = Server::find() else { return };
        let stopping = Relay::to(&server, Told::Later);
        let server = stopping.server();
        let mut settings = server.settings();
        settings[4].1 = "2".to_owned();
        let settings: Vec<_> = settings.iter().map(|(k, v)| (*k, v.as_str())).collect();
        let door = Door::with(&settings);
        let ada = program(&door, "ada");
        let id = uploaded(&ada, &one("a.txt", "words"));
        let stopped = stopping.gate.write().unwrap();
        let begun = std::time::Instant::now();
        let seconds = || begun.elapsed().as_secs_f32();
        let reply = ada.send_files(API, &one("b.txt", "ab"));
        refused(&reply, 503, "unavailable");
        assert!(reply.header("retry-after").is_some());
        let first = seconds();
        assert!((2.0..12.0).contains(&first), "{first}");
        // It is known by now: ten more take less time than one that waits.
        for _ in 0..5 {
            let reply = ada.send_files(API, &one("b.bin", noise(MEGABYTE)));
            refused(&reply, 503, "unavailable");
            assert!(reply.header("retry-after").is_some());
            refused(&content_of(&ada, &id), 503, "unavailable");
        }
        assert!(seconds() - first < 2.0, "{}", seconds() - first);
        assert_eq!(ada.get(&at(&id)).status, 200);
        drop(stopped);
        wait_until("it is used again", || {
            ada.send_files(API, &one("c.txt", "c")).status == 201
        });
        assert_eq!(content_of(&ada, &id).body, "words");
        assert_eq!(rows(&door, "files"), 2);
    }

    #[test]
    fn a_server_whose_store_does_not_respond_is_alive_and_not_ready() {
        let Some(server) = Server::find() else { return };
        let stopping = Relay::to(&server, Told::Later);
        let mut settings = stopping.server().settings();
        settings[4].1 = "2".to_owned();
        let settings: Vec<_> = settings.iter().map(|(k, v)| (*k, v.as_str())).collect();
        let door = Door::with(&settings);
        let ada = program(&door, "ada");
        uploaded(&ada, &one("a.txt", "words"));
        let url = door.local_url();
        assert_eq!(ready(&url), (200, serde_json::json!([])));
        let stopped = stopping.gate.write().unwrap();
        refused(
            &ada.send_files(API, &one("b.txt", "ab")),
            503,
            "unavailable",
        );
        assert_eq!(ready(&url), (503, serde_json::json!(["store"])));
        assert_eq!(door.browser().get("/healthz").status, 200);
        drop(stopped);
        wait_until("it is ready again", || ready(&url).0 == 200);
    }

    #[test]
    fn a_store_that_refuses_or_does_not_answer_is_unavailable() {
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

    /// A store that accepts everything, and the head of the last request.
    struct Recorder {
        endpoint: String,
        head: Arc<Mutex<String>>,
    }

    impl Recorder {
        fn start() -> Self {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let recorder = Self {
                endpoint: format!("http://{}", listener.local_addr().unwrap()),
                head: Arc::default(),
            };
            let last = recorder.head.clone();
            thread::spawn(move || {
                for client in listener.incoming() {
                    let mut client = BufReader::new(client.unwrap());
                    let mut head = String::new();
                    while !head.ends_with("\r\n\r\n") && client.read_line(&mut head).unwrap() > 0 {}
                    let length = head.split_once("content-length: ").map_or(0, |(_, rest)| {
                        let length = rest.split("\r\n").next().unwrap();
                        length.parse().unwrap()
                    });
                    client.read_exact(&mut vec![0; length]).unwrap();
                    *last.lock().unwrap() = head;
                    let answer = "HTTP/1.1 200 OK\r\netag: \"a\"\r\ncontent-length: 0\r\n\
                                  connection: close\r\n\r\n";
                    client.get_mut().write_all(answer.as_bytes()).unwrap();
                }
            });
            recorder
        }
    }

    /// Replaces a file as a whole.
    fn renew(file: &Path, content: &str) {
        let next = file.with_extension("next");
        fs::write(&next, content).unwrap();
        fs::rename(&next, file).unwrap();
    }

    fn profile(key_id: &str, secret_key: &str) -> String {
        format!("[default]\naws_access_key_id={key_id}\naws_secret_access_key={secret_key}\n")
    }

    #[test]
    fn requests_carry_the_credentials_of_a_file_and_new_ones_need_no_restart() {
        let store = Recorder::start();
        let mut place = Place::new();
        let file = place.path("credentials");
        place.set("DOORWARD_FILES__STORE", "s3:doorward");
        place.set("DOORWARD_FILES__S3_ENDPOINT", &store.endpoint);
        place.set("DOORWARD_FILES__S3_CREDENTIALS", "credentials");
        place.set("DOORWARD_LOG__LEVEL", "trace");
        renew(
            &file,
            "\u{feff}[other]\r\naws_access_key_id = other\r\n\r\n# Renewed hourly\r\n[default]\r\n\
             aws_access_key_id = first\r\naws_secret_access_key=canary-secret\r\n\
             aws_session_token = canary-token==\r\nregion = eu-west-1\r\n\
             [another]\r\naws_session_token = other\r\n",
        );
        let serving = place.serve();
        let browser = serving.browser();
        browser.sign_up("ada", "ada@example.com", PASSWORD);
        let ada = Browser::program(&serving.url(), Some(&browser.access()));
        let sent = || {
            uploaded(&ada, &one("a.txt", "words"));
            store.head.lock().unwrap().clone()
        };
        let head = sent();
        assert!(head.contains(" Credential=first/"), "{head}");
        let token = "x-amz-security-token: canary-token==\r\n";
        assert!(head.contains(token), "{head}");
        assert!(head.contains(";x-amz-security-token,"), "{head}");

        renew(&file, &profile("second", "canary-secret"));
        wait_until("the second ones are used", || {
            sent().contains(" Credential=second/")
        });
        assert!(!sent().contains("x-amz-security-token"));

        // Half of a file does not replace them.
        renew(&file, "[default]\naws_access_key_id=third\n");
        let begun = Instant::now();
        wait_until("it has been read", || {
            assert!(sent().contains(" Credential=second/"));
            begun.elapsed() > Duration::from_secs(3)
        });
        renew(&file, &profile("third", "canary-secret"));
        wait_until("the third ones are used", || {
            sent().contains(" Credential=third/")
        });
        let (status, _, stderr) = serving.end();
        assert_eq!(status.code(), Some(0));
        let warning =
            "the last credentials for S3 stay in use: files.s3_credentials = credentials:";
        assert_eq!(stderr.matches(warning).count(), 1, "{stderr}");
        assert!(!stderr.contains("canary"), "{stderr}");
    }

    #[test]
    fn a_store_accepts_what_the_credentials_of_a_file_sign() {
        let Some(server) = Server::find() else { return };
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("credentials");
        let right = profile(&server.key_id, &server.secret_key);
        renew(&file, &right);
        let door = Door::with(&[
            ("files.store", &format!("s3:{}", server.bucket)),
            ("files.s3_endpoint", &server.endpoint),
            ("files.s3_credentials", file.to_str().unwrap()),
        ]);
        let ada = program(&door, "ada");
        let id = uploaded(&ada, &one("a.txt", "words"));
        assert_eq!(server.objects(&id), 1);
        renew(&file, &profile(&server.key_id, "canary-not-the-key"));
        wait_until("the wrong secret is used", || {
            content_of(&ada, &id).status == 503
        });
        renew(&file, &right);
        wait_until("the right one is used", || {
            content_of(&ada, &id).body == "words"
        });
    }

    #[test]
    fn credentials_that_are_missing_incomplete_or_ambiguous_stop_the_start() {
        let mut place = Place::on_sqlite();
        let refused = |place: &Place, code, words: &str| {
            let said = place.run(&["serve", "--listen", "127.0.0.1:0"]).ill(code);
            assert!(said.contains(words), "{said}");
        };
        place.set("DOORWARD_FILES__STORE", "s3:doorward");
        let one_of = "files.s3_key_id and files.s3_secret_key, or files.s3_credentials alone";
        refused(&place, 2, one_of);
        place.set("DOORWARD_FILES__S3_CREDENTIALS", "credentials");
        refused(
            &place,
            1,
            "files.s3_credentials = credentials: No such file",
        );
        for incomplete in [
            "aws_access_key_id=key\naws_secret_access_key=canary-secret\n",
            "[default]\naws_secret_access_key=canary-secret\n",
            "[default]\naws_access_key_id=key\naws_secret_access_key=\n",
            "[default]\naws_access_key_id=kéy\naws_secret_access_key=canary-secret\n",
        ] {
            place.write("credentials", incomplete);
            refused(&place, 1, "expected a section [default]");
        }
        place.write("credentials", profile("key", "canary-secret"));
        place.set("DOORWARD_FILES__S3_SECRET_KEY", "canary-secret");
        refused(&place, 2, one_of);
        place.set("DOORWARD_FILES__S3_KEY_ID", "kéy");
        refused(&place, 2, "files.s3_key_id = \"kéy\"");
    }
}
