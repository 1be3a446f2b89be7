use std::net::{TcpListener, TcpStream};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::process::Signal;

use crate::support::browser::reach_by;
use crate::support::{Browser, PASSWORD, Place, Serving, binary, wait_until};

#[test]
fn without_a_command_it_serves_and_says_where() {
    let place = Place::new();
    let mut serving = Serving::start(&mut place.command(&["--listen", "127.0.0.1:0"]));
    assert_eq!(
        serving.line(),
        format!("Doorward is ready at {}", serving.url())
    );
    assert_eq!(serving.browser().get("/").status, 200);
}

#[test]
fn the_first_start_makes_a_folder_that_only_its_owner_can_read() {
    let place = Place::on_sqlite();
    // Whatever the shell allows.
    let mut command = Command::new("/bin/sh");
    command
        .args(["-c", "umask 000; exec \"$0\" --listen 127.0.0.1:0"])
        .arg(binary())
        .env_clear()
        .envs(&place.variables)
        .current_dir(place.folder.path())
        .stdin(Stdio::null());
    let serving = Serving::start(&mut command);
    serving
        .browser()
        .sign_up("ada", "ada@example.com", PASSWORD);
    assert_eq!(mode(&place.path("data")), 0o700);
    let reserve = place.path("data/doorward.db-reserve");
    wait_until("the reserve is made", || reserve.exists());
    let mut names: Vec<_> = std::fs::read_dir(place.path("data"))
        .unwrap()
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(
        names,
        [
            "doorward.db",
            "doorward.db-reserve",
            "doorward.db-shm",
            "doorward.db-wal",
            "files",
            "secret"
        ]
    );
    for name in names {
        let expected = if name == "files" { 0o700 } else { 0o600 };
        assert_eq!(mode(&place.path("data").join(&name)), expected, "{name}");
    }
}

#[test]
fn the_link_of_the_first_start_makes_the_administrator_and_then_there_is_none() {
    let place = Place::new();
    let mut serving = place.serve();
    assert_eq!(
        serving.line(),
        format!("Doorward is ready at {}", serving.url())
    );
    assert!(serving.line().starts_with("There is no administrator yet."));
    let link = serving.line();
    let link = link.trim().strip_prefix(&serving.url()).unwrap().to_owned();
    let browser = serving.browser();
    let page = browser.get(&link);
    let fields = [
        ("Username", "ada"),
        ("Email address", "ada@example.com"),
        ("Password", PASSWORD),
    ];
    let made = browser.submit(&page, "Create administrator", &fields);
    assert!(browser.follow(&made).text("dl").contains("administrator"));
    assert_eq!(browser.get(&link).status, 410);
    serving.end();

    let mut serving = place.serve();
    assert!(serving.line().starts_with("Doorward is ready at "));
    assert_eq!(serving.browser().get(&link).status, 410);
    assert_eq!(serving.end().1, "");
}

#[test]
fn a_link_that_nobody_used_is_good_after_a_restart_next_to_the_new_one() {
    let place = Place::new();
    let mut serving = place.serve();
    let first = serving.administrator_link();
    serving.end();
    let mut serving = place.serve();
    let second = serving.administrator_link();
    assert_ne!(first, second);
    for link in [first, second] {
        assert_eq!(serving.browser().get(&link).status, 200);
    }
}

#[test]
fn a_port_in_use_is_told_and_nothing_is_made() {
    let place = Place::on_sqlite();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let stderr = place.run(&["serve", "--listen", &address]).ill(1);
    assert!(
        stderr.contains(&format!(
            "cannot listen on {address}: Address already in use"
        )) && stderr.contains("choose another port with --listen"),
        "{stderr}"
    );
    assert!(!place.path("data").exists());
    let stderr = place.run(&["serve", "--listen", "192.0.2.1:80"]).ill(1);
    assert!(stderr.contains("cannot listen on 192.0.2.1:80"), "{stderr}");
    assert!(!place.path("data").exists());
}

#[test]
fn each_stop_signal_exits_with_0() {
    let place = Place::new();
    for signal in [Signal::TERM, Signal::INT, Signal::QUIT] {
        let mut serving = place.serve();
        assert_eq!(serving.browser().get("/").status, 200);
        serving.signal(signal);
        let (status, _, stderr) = serving.rest();
        assert_eq!(
            (status.code(), status.signal()),
            (Some(0), None),
            "{signal:?}: {stderr}"
        );
        assert!(!stderr.contains("ERROR"), "{stderr}");
    }
}

#[test]
fn a_request_under_way_is_answered_before_the_end() {
    use std::io::{Read, Write};

    let place = Place::new();
    let mut serving = place.serve();
    let mut stream = TcpStream::connect(serving.address).unwrap();
    let head =
        "POST /signup HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-www-form-urlencoded\r\n";
    // It has been read when the server asks for the rest.
    stream
        .write_all(format!("{head}expect: 100-continue\r\ncontent-length: 12\r\n\r\n").as_bytes())
        .unwrap();
    let mut go_on = [0; 25];
    stream.read_exact(&mut go_on).unwrap();
    assert_eq!(&go_on, b"HTTP/1.1 100 Continue\r\n\r\n");
    serving.signal(Signal::TERM);
    wait_until("it is gone", || {
        TcpStream::connect(serving.address).is_err()
    });
    stream.write_all(b"username=ada").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 422 "), "{answer}");
    assert_eq!(serving.rest().0.code(), Some(0));
}

#[test]
fn no_account_that_was_acknowledged_is_lost_when_it_is_killed() {
    const ENOUGH: usize = 6;

    let place = Place::new();
    let mut serving = place.serve();
    let (acknowledged, stop) = (Mutex::new(Vec::new()), AtomicBool::new(false));
    std::thread::scope(|scope| {
        for person in 0..3 {
            let (serving, acknowledged, stop) = (&serving.url(), &acknowledged, &stop);
            let url = serving.clone();
            scope.spawn(move || {
                for n in 0.. {
                    let name = format!("ada-{person}-{n}");
                    if !signs_up(&url, &name) || stop.load(Ordering::Relaxed) {
                        break;
                    }
                    acknowledged.lock().unwrap().push(name);
                }
            });
        }
        wait_until("enough have signed up", || {
            acknowledged.lock().unwrap().len() >= ENOUGH
        });
        serving.signal(Signal::KILL);
        serving.rest();
        stop.store(true, Ordering::Relaxed);
    });
    let serving = place.serve();
    let names = acknowledged.into_inner().unwrap();
    assert!(names.len() >= ENOUGH);
    for name in names {
        assert_eq!(
            serving.browser().sign_in(&name, PASSWORD).status,
            303,
            "{name}"
        );
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_server_keeps_its_lock_on_the_database_however_many_connections_it_opens() {
    use std::os::unix::fs::MetadataExt;

    let place = Place::on_sqlite();
    let serving = place.serve();
    std::thread::scope(|scope| {
        for n in 0..8 {
            let url = serving.url();
            scope.spawn(move || assert!(signs_up(&url, &format!("ada-{n}"))));
        }
    });
    // Without it, whoever else closes the database takes the log away from under the server,
    // and with it every account that is still there alone.
    let file = std::fs::metadata(place.path("data/doorward.db"))
        .unwrap()
        .ino();
    let locks = std::fs::read_to_string("/proc/locks").unwrap();
    let (pid, inode) = (format!(" {} ", serving.child.id()), format!(":{file} "));
    let held = locks
        .lines()
        .any(|lock| lock.contains(&pid) && lock.contains(&inode));
    assert!(held, "{locks}");
}

/// Whether the server has said that there is such an account now; it may be gone half-way.
fn signs_up(url: &str, name: &str) -> bool {
    use std::io::{Read, Write};

    let address = url.strip_prefix("http://").unwrap();
    let body = format!("username={name}&email={name}%40example.com&password={PASSWORD}");
    let head = "POST /signup HTTP/1.1\r\nhost: x\r\naccept: text/html\r\nconnection: close\r\ncontent-type: application/x-www-form-urlencoded\r\n";
    let mut answer = String::new();
    TcpStream::connect(address)
        .and_then(|mut stream| {
            stream.write_all(
                format!("{head}content-length: {}\r\n\r\n{body}", body.len()).as_bytes(),
            )?;
            stream.read_to_string(&mut answer)
        })
        .ok();
    answer.starts_with("HTTP/1.1 303 ")
}

#[test]
fn servers_that_start_at_once_on_an_empty_folder_share_its_secret_and_key() {
    let place = Place::new();
    let one_name = ["--set", "base_url=http://doors.test"];
    let servings: Vec<_> = std::thread::scope(|scope| {
        let starts: Vec<_> = (0..4)
            .map(|_| scope.spawn(|| place.serve_with(&one_name)))
            .collect();
        starts
            .into_iter()
            .map(|start| start.join().unwrap())
            .collect()
    });
    for serving in &servings {
        reach_by(&serving.url(), "http://doors.test");
    }
    let browser = servings[0].browser();
    assert_eq!(
        browser.sign_up("ada", "ada@example.com", PASSWORD).status,
        303
    );
    let token = format!("Bearer {}", browser.cookie("doorward_access").unwrap());
    for serving in &servings {
        let seen = browser.moved_to(&serving.url()).get("/dashboard");
        assert_eq!(seen.status, 200, "{:?}", seen.headers);
        let program = Browser::sending(&serving.url(), &[("authorization", &token)]);
        assert_eq!(program.get("/dashboard").status, 200);
        assert_eq!(serving.browser().sign_in("ada", PASSWORD).status, 303);
    }
    let files: Vec<_> = place
        .data()
        .into_keys()
        .filter(|path| path.to_string_lossy().contains("secret"))
        .collect();
    assert_eq!(files, [place.path("data/secret")], "no draft is left");
}

#[test]
fn the_server_runs_when_its_output_is_closed() {
    let place = Place::new();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = place.command(&["--listen", "127.0.0.1:0"]);
    let mut serving = Serving::start_quietly(command.stdout(writer));
    assert_eq!(serving.browser().get("/").status, 200);
    serving.signal(Signal::TERM);
    assert_eq!(serving.rest().0.code(), Some(0));
}

fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt;

    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}
