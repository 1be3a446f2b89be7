//! All data of an account as one archive.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::process::{Command, Stdio};

use rawzip::ZipArchive;
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::support::tools::report_skipped;
use crate::support::{
    Browser, Door, Multipart, PASSWORD, Place, Reply, Wire, status_of, wait_until,
};

const HERE: &str = "/account/export";
const MEGABYTE: usize = 1_000_000;

type Content = BTreeMap<String, Vec<u8>>;

/// The files of an archive, each read whole and compared with its checksum.
fn unpacked(archive: &[u8]) -> Content {
    let archive = ZipArchive::from_slice(archive).unwrap();
    let mut content = Content::new();
    for entry in archive.entries() {
        let entry = entry.unwrap();
        let name = entry.file_path().as_ref().to_vec();
        let stored = archive.get_entry(entry.wayfinder()).unwrap();
        let mut bytes = Vec::new();
        let mut reader = stored.verifying_reader(stored.data());
        reader.read_to_end(&mut bytes).unwrap();
        let name = String::from_utf8(name).unwrap();
        assert!(
            content.insert(name.clone(), bytes).is_none(),
            "{name} twice"
        );
    }
    content
}

fn download(browser: &Browser) -> Reply {
    let page = browser.get(HERE);
    assert_eq!(page.heading(), "Download your data");
    browser.submit(&page, "Download", &[])
}

fn exported(browser: &Browser) -> Content {
    let reply = download(browser);
    assert_eq!(reply.status, 200, "{}", reply.body);
    unpacked(&reply.bytes)
}

fn parsed(content: &Content, name: &str) -> Value {
    serde_json::from_slice(&content[name]).unwrap()
}

fn of<'a>(door: &Door, who: &'a Browser) -> (&'a Browser, Browser) {
    (who, door.program(Some(&who.access())))
}

#[track_caller]
fn uploaded(program: &Browser, name: &str, content: impl AsRef<[u8]>) -> String {
    let form = Multipart::new().file("file", name, content);
    let reply = program.send_files("/api/files", &form);
    assert_eq!(reply.status, 201, "{}", reply.body);
    reply.json()["id"].as_str().unwrap().to_owned()
}

fn noise(length: usize) -> Vec<u8> {
    let mut state = 7_u32;
    let next = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state as u8
    });
    next.take(length).collect()
}

/// Sends the request for the archive, and reads the head of the response.
fn begun(address: std::net::SocketAddr, access: &str) -> Wire {
    let mut wire = Wire::to(address);
    wire.say(format!(
        "POST {HERE} HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: Bearer {access}\r\n\
         content-type: application/x-www-form-urlencoded\r\ncontent-length: 0\r\n\r\n"
    ));
    let status = wire.hear_line();
    assert_eq!(status_of(&status), "200", "{status}");
    while !wire.hear_line().is_empty() {}
    wire
}

/// A chunked body that begins with `read`; `None` if it breaks off.
fn rest(wire: &mut Wire, mut read: Vec<u8>) -> Option<Vec<u8>> {
    read.extend(wire.hear_up_to(100 * MEGABYTE));
    let (mut body, mut left) = (Vec::new(), &read[..]);
    loop {
        let end = left.windows(2).position(|two| two == b"\r\n")?;
        let length = std::str::from_utf8(&left[..end]).unwrap();
        let length = usize::from_str_radix(length, 16).unwrap();
        if length == 0 {
            return Some(body);
        }
        body.extend_from_slice(left.get(end + 2..end + 2 + length)?);
        left = left.get(end + 2 + length + 2..)?;
    }
}

/// What a program gets for a second export at once.
pub fn second_at_once() -> Reply {
    let door = Door::open();
    let access = door.signed_up("ada").access();
    let program = door.program(Some(&access));
    uploaded(&program, "large.bin", noise(30 * MEGABYTE));
    let _running = begun(door.address, &access);
    program.post(HERE, &[])
}

#[test]
fn the_archive_has_what_the_api_says() {
    let door = Door::open();
    let ada = door.signed_up("ada");
    let (ada, program) = of(&door, &ada);
    let picture = noise(300_000);
    let first = uploaded(&program, "photo.jpeg", &picture);
    uploaded(&program, "empty.txt", "");
    for title in ["Milk", "Bread"] {
        let item = json!({ "title": title });
        assert_eq!(
            program.send_json("POST", "/api/work-items", &item).status,
            201
        );
    }
    let share = json!({ "minutes": 60, "downloads": 3 });
    let share = program.send_json("POST", &format!("/api/files/{first}/shares"), &share);
    let share = share.json();

    let reply = download(ada);
    assert_eq!(reply.status, 200);
    for (header, value) in [
        ("content-type", "application/zip"),
        (
            "content-disposition",
            "attachment; filename=\"account-2027-01-15.zip\"",
        ),
        ("cache-control", "no-store"),
    ] {
        assert_eq!(reply.header(header), Some(value));
    }
    let content = unpacked(&reply.bytes);
    let names: Vec<_> = content.keys().map(String::as_str).collect();
    let expected = [
        "activity.json",
        "files.json",
        "files/empty.txt",
        "files/photo.jpeg",
        "links.json",
        "profile.json",
        "sessions.json",
        "work-items.json",
    ];
    assert_eq!(names, expected);
    assert!(content["files/photo.jpeg"] == picture && content["files/empty.txt"].is_empty());

    let of_api = |path: &str| program.get(path).json();
    assert_eq!(parsed(&content, "profile.json"), of_api("/api/me"));
    let items = |path: &str| of_api(path)["items"].take();
    assert_eq!(parsed(&content, "sessions.json"), items("/api/sessions"));
    assert_eq!(
        parsed(&content, "work-items.json"),
        items("/api/work-items")
    );
    let mut files = parsed(&content, "files.json");
    for file in files.as_array_mut().unwrap() {
        let path = file.as_object_mut().unwrap().remove("path").unwrap();
        assert_eq!(path, format!("files/{}", file["name"].as_str().unwrap()));
    }
    assert_eq!(files, items("/api/files?sort=oldest"));
    let links = parsed(&content, "links.json");
    assert_eq!(links.as_array().unwrap().len(), 1);
    for field in ["id", "downloads_max", "state", "ends_at"] {
        assert_eq!(links[0][field], share[field], "{field}");
    }
    let activity = parsed(&content, "activity.json");
    let events = activity.as_array().unwrap().iter();
    let events: Vec<_> = events
        .map(|event| event["event"].as_str().unwrap())
        .collect();
    assert_eq!(
        events,
        [
            "Data exported",
            "Link to a file created",
            "Signed in",
            "Account created"
        ]
    );
    assert_eq!(activity[0]["address"], "127.0.0.1");
}

#[test]
fn an_archive_of_an_empty_account_is_one() {
    let door = Door::open();
    let content = exported(&door.signed_up("ada"));
    assert_eq!(content["files.json"], b"[]\n");
    assert_eq!(content["work-items.json"], b"[]\n");
}

#[test]
fn other_programs_read_the_archive() {
    const READ: &str = "import sys, io, zipfile, json\n\
        z = zipfile.ZipFile(io.BytesIO(sys.stdin.buffer.read()))\n\
        assert z.testzip() is None\n\
        print(json.dumps([[i.filename, i.file_size, i.date_time, i.flag_bits & 0x800]\n\
        for i in z.infolist() if i.filename.startswith('files/')]))";
    let door = Door::open();
    let ada = door.signed_up("ada");
    let program = door.program(Some(&ada.access()));
    uploaded(&program, "Grüße 🦀.txt", "hello");
    door.let_pass(1);
    uploaded(&program, "b.bin", noise(200_000));
    let archive = download(&ada).bytes;
    let Ok(mut python) = Command::new("python3")
        .args(["-c", READ])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
    else {
        return report_skipped("Python");
    };
    python.stdin.take().unwrap().write_all(&archive).unwrap();
    let read = python.wait_with_output().unwrap();
    assert!(read.status.success());
    let read: Value = serde_json::from_slice(&read.stdout).unwrap();
    let at = [2027, 1, 15, 8, 0, 0];
    assert_eq!(
        read,
        json!([
            ["files/Grüße 🦀.txt", 5, at, 0x800],
            ["files/b.bin", 200_000, at, 0]
        ])
    );
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("account.zip");
    fs::write(&file, archive).unwrap();
    match Command::new("unzip").arg("-tq").arg(&file).output() {
        Ok(tested) => assert!(tested.status.success(), "{tested:?}"),
        Err(_) => report_skipped("unzip"),
    }
}

#[test]
fn hostile_names_stay_inside_the_folder_and_apart() {
    let door = Door::open();
    let ada = door.signed_up("ada");
    let program = door.program(Some(&ada.access()));
    let names = ["a.txt", "A.txt", "what? 10:30.txt", "nul", "...", "a.txt"];
    for name in names {
        uploaded(&program, name, name);
        door.let_pass(1);
    }
    // Names that were stored before they were checked.
    for (n, name) in ["../../etc/passwd", "/root/.ssh/key", "C:\\boot.ini"]
        .iter()
        .enumerate()
    {
        let id = uploaded(&program, &format!("old{n}"), name);
        door.sql(&format!(
            "UPDATE files SET name = '{name}' WHERE id = '{id}'"
        ));
    }
    let content = exported(&ada);
    let files = content
        .keys()
        .filter_map(|name| name.strip_prefix("files/"));
    let expected = [
        ".._.._etc_passwd",
        "A (2).txt",
        "C__boot.ini",
        "_",
        "_nul",
        "_root_.ssh_key",
        "a (3).txt",
        "a.txt",
        "what_ 10_30.txt",
    ];
    assert_eq!(files.collect::<Vec<_>>(), expected);
    // Which is which, the list says.
    for file in parsed(&content, "files.json").as_array().unwrap() {
        let path = file["path"].as_str().unwrap();
        let name = file["name"].as_str().unwrap();
        assert_eq!(content[path], name.as_bytes(), "{path}");
    }
}

#[test]
fn nothing_of_another_account_is_in_the_archive() {
    let door = Door::open();
    door.signed_up("root");
    door.sql("UPDATE accounts SET role = 'administrator'");
    let root = door.browser().with("user-agent", "canary-agent of root");
    root.sign_in("root", PASSWORD);
    let bob = door.program(Some(&door.signed_up("bob").access()));
    uploaded(&bob, "canary-bob.txt", "canary-content");
    bob.send_json(
        "POST",
        "/api/work-items",
        &json!({ "title": "canary-title" }),
    );
    let ada = door.signed_up("ada");
    let id = door.program(Some(&ada.access())).get("/api/me").json()["id"].clone();
    let change = json!({ "groups": ["staff"] });
    let path = format!("/api/accounts/{}", id.as_str().unwrap());
    let changing = door
        .program(Some(&root.access()))
        .with("user-agent", "canary-agent");
    assert_eq!(changing.send_json("PATCH", &path, &change).status, 200);
    ada.sign_in("ada", PASSWORD);

    let content = exported(&ada);
    let activity = parsed(&content, "activity.json");
    let events = activity.as_array().unwrap();
    let changed = events
        .iter()
        .find(|event| event["action"] == "change_groups");
    let changed = changed.unwrap();
    assert_eq!(changed["event"], "Groups changed by an administrator");
    assert_eq!(
        (&changed["address"], &changed["device"]),
        (&Value::Null, &Value::Null)
    );
    for (name, bytes) in &content {
        let text = String::from_utf8_lossy(bytes);
        for other in ["canary", "bob", "root"] {
            assert!(!text.contains(other), "{other} in {name}: {text}");
        }
    }
}

#[test]
fn the_page_shows_how_much_there_is_and_downloads_nothing_by_itself() {
    let door = Door::open();
    let ada = door.signed_up("ada");
    let program = door.program(Some(&ada.access()));
    uploaded(&program, "a.bin", noise(1200));
    let page = ada.get(HERE);
    assert_eq!(
        page.header("content-type"),
        Some("text/html; charset=utf-8")
    );
    assert!(
        page.text("dl").contains("1 (1.2 kB)"),
        "{}",
        page.text("dl")
    );
    door.let_pass(601);
    assert!(ada.get(HERE).location().starts_with("/account/verify"));
    let late = ada.post_own(HERE, &[]);
    assert!(late.location().starts_with("/account/verify"));
}

#[test]
fn an_export_is_told_to_the_owner() {
    let door = Door::open();
    let ada = door.signed_up("ada");
    exported(&ada);
    let letter = door.letter("ada@example.com", "Your data at Doorward was downloaded");
    assert!(letter.link().contains("/not-me?token="));
    let shown = ada.get("/account/activity");
    assert!(shown.text("tbody").contains("Data exported"));
}

#[test]
fn an_account_has_one_export_at_a_time_and_some_in_an_hour() {
    let door = Door::with(&[("limits.exports", "3/1h")]);
    let ada = door.signed_up("ada");
    let access = ada.access();
    uploaded(
        &door.program(Some(&access)),
        "large.bin",
        noise(30 * MEGABYTE),
    );
    let slow = begun(door.address, &access);
    let second = download(&ada);
    assert_eq!(second.status, 409);
    assert_eq!(second.heading(), "Your data is being downloaded already");
    let bob = door.signed_up("bob");
    assert_eq!(download(&bob).status, 200, "others do not wait");
    // The client is gone: so is its export.
    slow.cut();
    wait_until("the next one can begin", || download(&ada).status != 409);
    assert_eq!(download(&ada).status, 200);
    let over = download(&ada);
    assert_eq!(over.status, 429);
    assert!(over.header("retry-after").is_some());
    door.let_pass(3600);
    ada.sign_out();
    ada.sign_in("ada", PASSWORD);
    assert_eq!(download(&ada).status, 200);
}

#[test]
fn a_file_that_is_deleted_meanwhile_is_named() {
    let door = Door::open();
    let ada = door.signed_up("ada");
    let access = ada.access();
    let program = door.program(Some(&access));
    let large = uploaded(&program, "large.bin", noise(30 * MEGABYTE));
    door.let_pass(1);
    let small = uploaded(&program, "small.bin", noise(1000));
    door.let_pass(1);
    uploaded(&program, "last.txt", "still here");
    let mut wire = begun(door.address, &access);
    let first = wire.hear_up_to(MEGABYTE);
    for id in [small, large] {
        let path = format!("/api/files/{id}");
        assert_eq!(program.with_method("DELETE", &path).status, 204);
    }
    let archive = rest(&mut wire, first).expect("a whole archive");
    let content = unpacked(&archive);
    assert_eq!(content["files/last.txt"], b"still here");
    assert!(content["files/large.bin"].len() < 30 * MEGABYTE);
    assert!(!content.contains_key("files/small.bin"));
    let errors = String::from_utf8_lossy(&content["errors.txt"]);
    assert_eq!(
        errors,
        "files/large.bin: deleted while this archive was made: the end of the file is missing\n\
         files/small.bin: deleted while this archive was made\n"
    );
    let listed = parsed(&content, "files.json");
    assert_eq!(listed.as_array().unwrap().len(), 1);
}

#[test]
fn a_file_that_the_store_has_lost_is_named() {
    let door = Door::open();
    let ada = door.signed_up("ada");
    let program = door.program(Some(&ada.access()));
    let id = uploaded(&program, "lost.bin", noise(1000));
    uploaded(&program, "kept.txt", "kept");
    let blob = door.data_dir().join("files").join(&id[..2]).join(&id);
    fs::remove_file(blob).unwrap();
    let content = exported(&ada);
    assert_eq!(content["files/kept.txt"], b"kept");
    assert_eq!(
        content["errors.txt"],
        b"files/lost.bin: the server cannot read this file\n"
    );
}

#[test]
fn an_export_breaks_off_when_its_session_ends() {
    let door = Door::open();
    let ada = door.signed_up("ada");
    let access = ada.access();
    uploaded(
        &door.program(Some(&access)),
        "large.bin",
        noise(30 * MEGABYTE),
    );
    let mut wire = begun(door.address, &access);
    let other = door.browser();
    other.sign_in("ada", PASSWORD);
    other.post_own("/account/sessions/others", &[]);
    assert_eq!(
        rest(&mut wire, Vec::new()),
        None,
        "the client sees that it is incomplete"
    );
}

#[test]
fn a_server_that_stops_finishes_an_export_that_is_being_read() {
    let place = Place::new();
    let mut serving = place.serve();
    let ada = serving.browser();
    ada.sign_up("ada", "ada@example.com", PASSWORD);
    let access = ada.access();
    let program = Browser::program(&serving.url(), Some(&access));
    uploaded(&program, "large.bin", noise(30 * MEGABYTE));
    let mut reading = begun(serving.address, &access);
    serving.signal(Signal::TERM);
    let archive = rest(&mut reading, Vec::new()).expect("a whole archive");
    assert_eq!(unpacked(&archive)["files/large.bin"].len(), 30 * MEGABYTE);
    let (status, ..) = serving.rest();
    assert!(status.success());
}

#[cfg(target_os = "linux")]
#[test]
fn a_large_account_goes_out_without_being_held_in_memory() {
    use crate::files::peak_memory;
    let megabytes = std::env::var("DOORWARD_TEST_EXPORT_MB");
    let megabytes: usize = megabytes.map_or(64, |text| text.parse().unwrap());
    let mut place = Place::new();
    place.set("DOORWARD_FILES__MAX_MB", "100000");
    place.set("DOORWARD_FILES__QUOTA_MB", "100000");
    place.set("DOORWARD_LIMITS__ENABLED", "false");
    let serving = place.serve();
    let ada = serving.browser();
    ada.sign_up("ada", "ada@example.com", PASSWORD);
    let access = ada.access();
    let program = Browser::program(&serving.url(), Some(&access));
    uploaded(&program, "small.bin", noise(MEGABYTE));
    download(&ada);
    let piece = noise(16 * MEGABYTE);
    for n in 0..megabytes / 16 {
        uploaded(&program, &format!("part {n}.bin"), &piece);
    }
    let before = peak_memory(serving.child.id());
    let client = reqwest::blocking::Client::builder()
        .timeout(None)
        .build()
        .unwrap();
    let request = client.post(format!("{}{HERE}", serving.url()));
    let request = request.bearer_auth(access);
    let request = request.header("content-type", "application/x-www-form-urlencoded");
    let mut reply = request.send().unwrap();
    assert_eq!(reply.status(), 200);
    let mut archive = tempfile::tempfile().unwrap();
    let sent = reply.copy_to(&mut archive).unwrap();
    let grown = peak_memory(serving.child.id()) - before;
    assert!(sent as usize > megabytes * MEGABYTE, "{sent}");
    assert!(grown < 16 * MEGABYTE, "{grown} bytes more");

    let mut buffer = vec![0; rawzip::RECOMMENDED_BUFFER_SIZE];
    let archive = ZipArchive::from_file(archive, &mut buffer).unwrap();
    let mut entries = archive.entries(&mut buffer);
    let mut read = 0;
    while let Some(entry) = entries.next_entry().unwrap() {
        let stored = archive.get_entry(entry.wayfinder()).unwrap();
        let mut content = stored.verifying_reader(stored.reader());
        read += std::io::copy(&mut content, &mut std::io::sink()).unwrap();
    }
    assert!(read as usize > megabytes * MEGABYTE, "{read}");
}
