//! What a virus scanner says of what comes in, spoken to in clamd's protocol.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};

use super::*;
use crate::support::multipart::CONTENT_TYPE;
use crate::support::{PASSWORD, Place, Wire, status_of};

/// The text that every scanner finds and that harms nobody (eicar.org), in two halves, so that
/// none finds it here.
fn eicar() -> Vec<u8> {
    let halves = [
        r"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-STANDARD-",
        "ANTIVIRUS-TEST-FILE!$H+H*",
    ];
    halves.concat().into_bytes()
}

/// A clamd that answers every stream by what `answer` makes of it, and tells what it has heard.
struct Clamd {
    address: SocketAddr,
    heard: Receiver<Vec<u8>>,
}

impl Clamd {
    fn start(answer: impl Fn(&[u8]) -> Vec<u8> + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (told, heard) = channel();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(stream) = stream else { return };
                if let Some(content) = listen(&stream) {
                    (&stream).write_all(&answer(&content)).ok();
                    if told.send(content).is_err() {
                        return;
                    }
                }
            }
        });
        Self { address, heard }
    }

    /// As clamd itself answers.
    fn finding_eicar() -> Self {
        Self::start(|content| {
            let eicar = eicar();
            let is_found = content.windows(eicar.len()).any(|part| part == eicar);
            if is_found {
                b"stream: Win.Test.EICAR_HDB-1 FOUND\0".to_vec()
            } else {
                b"stream: OK\0".to_vec()
            }
        })
    }

    fn door(&self) -> Door {
        Door::with(&[("files.scanner", &format!("tcp:{}", self.address))])
    }
}

#[test]
fn doctor_asks_the_scanner() {
    let mut place = Place::new();
    let clamd = Clamd::start(|_| b"stream: OK\0".to_vec());
    place.set("DOORWARD_FILES__SCANNER", &format!("tcp:{}", clamd.address));
    let found = place.run(&["doctor"]).well();
    assert!(found.contains("ok    virus scanner"), "{found}");
    assert_eq!(clamd.heard.recv().unwrap(), b"Is anybody there?");
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr();
    place.set("DOORWARD_FILES__SCANNER", &format!("tcp:{}", gone.unwrap()));
    let found = place.run(&["doctor"]);
    assert_eq!(found.code, Some(1));
    assert!(
        found.stdout.contains("FAIL  virus scanner: "),
        "{}",
        found.stdout
    );
}

/// One `zINSTREAM`, to its end. `None` for one that breaks off.
fn listen(mut stream: &TcpStream) -> Option<Vec<u8>> {
    let mut command = [0; 10];
    stream.read_exact(&mut command).ok()?;
    assert_eq!(&command, b"zINSTREAM\0");
    let mut content = Vec::new();
    loop {
        let mut length = [0; 4];
        stream.read_exact(&mut length).ok()?;
        let length = u32::from_be_bytes(length) as usize;
        if length == 0 {
            return Some(content);
        }
        let mut piece = vec![0; length];
        stream.read_exact(&mut piece).ok()?;
        content.extend(piece);
    }
}

#[test]
fn a_clean_file_is_kept_and_the_scanner_has_heard_all_of_it() {
    let clamd = Clamd::finding_eicar();
    let door = clamd.door();
    let ada = program(&door, "ada");
    for size in [1, 10_000, 2 * MEGABYTE] {
        let content = noise(size);
        let id = uploaded(&ada, &one("clean.bin", &content));
        assert!(clamd.heard.recv().unwrap() == content);
        assert!(content_of(&ada, &id).bytes == content);
    }
    // There is nothing to ask about.
    uploaded(&ada, &one("empty.bin", ""));
    assert!(clamd.heard.try_recv().is_err());
    only(&door, 4);
}

#[test]
fn a_virus_is_refused_wherever_it_is_in_a_file() {
    let clamd = Clamd::finding_eicar();
    let door = clamd.door();
    let ada = program(&door, "ada");
    let among = [noise(40_000), eicar(), noise(40_000)].concat();
    let at_the_end = [noise(3 * MEGABYTE), eicar()].concat();
    for content in [eicar(), among, at_the_end] {
        let reply = ada.send_files(API, &one("letter.com", &content));
        let fields = refused(&reply, 422, "invalid_fields");
        let words = text(&fields, "file");
        assert!(words.contains("“letter.com” contains a virus"), "{words}");
        only(&door, 0);
    }
    let clean_first = one("a.txt", "a").file("file", "b.com", eicar());
    refused(&ada.send_files(API, &clean_first), 422, "invalid_fields");
    only(&door, 0);
    let page = door.browser();
    page.sign_in("ada", PASSWORD);
    let reply = page.send_own_files("/files", &one("letter.com", eicar()));
    assert_eq!(reply.status, 422);
    assert_eq!(
        reply.errors(),
        [(
            "file".to_owned(),
            "“letter.com” contains a virus and was not saved".to_owned()
        )]
    );
    only(&door, 0);
}

#[test]
fn a_virus_that_comes_in_pieces_is_found_too() {
    let clamd = Clamd::finding_eicar();
    let door = clamd.door();
    let access = door.signed_up("ada").access();
    let whole = one("letter.com", [noise(20_000), eicar(), noise(100)].concat()).whole();
    let mut wire = Wire::to(door.address);
    wire.say(format!(
        "POST {API} HTTP/1.1\r\nhost: x\r\naccept: application/json\r\nconnection: close\r\n\
         authorization: Bearer {access}\r\ncontent-type: {CONTENT_TYPE}\r\ntransfer-encoding: chunked\r\n\r\n"
    ));
    for piece in whole.chunks(33) {
        wire.say(format!("{:x}\r\n", piece.len()));
        wire.say(piece);
        wire.say("\r\n");
    }
    wire.say("0\r\n\r\n");
    let answer = wire.hear();
    assert_eq!(status_of(&answer), "422", "{answer}");
    assert!(answer.contains("contains a virus"), "{answer}");
    only(&door, 0);
}

#[test]
fn without_an_answer_of_the_scanner_nothing_is_kept() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap();
    let nobody = closed.local_addr().unwrap();
    drop(closed);
    let hanging_up = TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = hanging_up.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in hanging_up.incoming() {
            drop(stream);
        }
    });
    let mute = Clamd::start(|_| Vec::new());
    for address in [nobody, silent, mute.address] {
        let door = Door::with(&[("files.scanner", &format!("tcp:{address}"))]);
        let ada = program(&door, "ada");
        for content in [noise(100), noise(MEGABYTE)] {
            let reply = ada.send_files(API, &one("a.bin", content));
            refused(&reply, 503, "unavailable");
            assert!(reply.header("retry-after").is_some());
            only(&door, 0);
        }
    }
}

#[test]
fn an_unknown_answer_of_the_scanner_is_a_fault_and_nothing_is_stored() {
    for nonsense in [
        &b"\xff\xfe\0"[..],
        b"stream: OK FOUND?\0",
        b"OK\0",
        b"UNKNOWN COMMAND\0",
        b"stream: something ERROR\0",
        &[b'a'; 100_000],
    ] {
        let clamd = Clamd::start(|_| nonsense.to_vec());
        let door = clamd.door();
        let ada = program(&door, "ada");
        let reply = ada.send_files(API, &one("a.bin", noise(100)));
        let json = reply.json();
        assert!([500, 503].contains(&reply.status), "{json}");
        assert!(!text(&json, "message").is_empty());
        only(&door, 0);
    }
}

#[test]
fn a_file_that_is_too_large_for_the_scanner_is_not_kept() {
    let clamd = Clamd::start(|_| b"INSTREAM size limit exceeded. ERROR\0".to_vec());
    let door = clamd.door();
    let ada = program(&door, "ada");
    let reply = ada.send_files(API, &one("a.bin", noise(100)));
    refused(&reply, 413, "file_too_large");
    only(&door, 0);
}

/// As clamd does it: it says why, and closes with what was sent unread.
fn hang_up(mut stream: impl Read + Write) {
    let mut some = [0; 20_000];
    stream.read_exact(&mut some).ok();
    let words = b"INSTREAM size limit exceeded. ERROR\0";
    stream.write_all(words).ok();
}

#[test]
fn a_scanner_that_hangs_up_on_a_file_that_is_too_large_is_heard_all_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("clamd.sock");
    let on_unix = std::os::unix::net::UnixListener::bind(&path).unwrap();
    std::thread::spawn(move || on_unix.incoming().flatten().for_each(hang_up));
    let on_tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = on_tcp.local_addr().unwrap();
    std::thread::spawn(move || on_tcp.incoming().flatten().for_each(hang_up));
    for scanner in [format!("unix:{}", path.display()), format!("tcp:{address}")] {
        let door = Door::with(&[("files.scanner", &scanner)]);
        let ada = program(&door, "ada");
        for size in [100_000, 5 * MEGABYTE] {
            let reply = ada.send_files(API, &one("a.bin", noise(size)));
            let fields = refused(&reply, 413, "file_too_large");
            let words = "“a.bin” is too large for the virus scanner of this server";
            assert!(text(&fields, "file").starts_with(words), "{fields}");
            only(&door, 0);
        }
    }
}

#[test]
fn an_interrupted_upload_closes_the_connection_to_the_scanner() {
    let clamd = Clamd::finding_eicar();
    let door = clamd.door();
    let access = door.signed_up("ada").access();
    let mut wire = Wire::to(door.address);
    wire.say(format!(
        "POST {API} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {access}\r\n\
         content-type: {CONTENT_TYPE}\r\ncontent-length: 1000000\r\n\r\n"
    ));
    wire.say(one("half.bin", noise(50_000)).unfinished());
    wait_until("it is coming in", || rows(&door, "stray_blobs") == 1);
    drop(wire);
    only(&door, 0);
    // The scanner, who takes one after the other, is free for the next.
    uploaded(&program(&door, "bob"), &one("clean.txt", "clean"));
    only(&door, 1);
    assert_eq!(clamd.heard.recv().unwrap(), b"clean");
}

#[test]
fn a_scanner_can_be_reached_by_a_socket_in_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("clamd.sock");
    let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut heard = [0; 10 + 4 + 5 + 4];
        stream.read_exact(&mut heard).unwrap();
        assert_eq!(&heard, b"zINSTREAM\0\0\0\0\x05words\0\0\0\0");
        stream.write_all(b"stream: OK\0").unwrap();
    });
    let door = Door::with(&[("files.scanner", &format!("unix:{}", path.display()))]);
    uploaded(&program(&door, "ada"), &one("a.txt", "words"));
    only(&door, 1);
}
