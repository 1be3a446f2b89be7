//! Files in a browser: put on the shelf, dropped, refused, and handed on by a link.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use thirtyfour::Key;

use super::journeys::{sign_in, tab_to};
use super::window::Chromium;
use crate::support::{Door, PASSWORD, wait_until};

/// A folder with files to choose.
struct Drawer(TempDir);

impl Drawer {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.path().join(name);
        fs::write(&path, content).unwrap();
        path
    }
}

/// Ada, before her empty shelf.
fn at_the_shelf(door: &Door, start: impl FnOnce(&str) -> Option<Chromium>) -> Option<Chromium> {
    door.signed_up("ada");
    let chromium = start(&door.url)?;
    chromium.open("/login?next=/files");
    sign_in(&chromium);
    assert_eq!(chromium.heading(), "Files");
    Some(chromium)
}

/// What has been said and shown while a file was under way is to be found here afterwards.
fn watch(chromium: &Chromium) {
    chromium.evaluate(
        "window.seen = { values: [], words: [] };
         const look = () => {
             const [bar, said] = ['progress', 'form [role=status]'].map((it) => document.querySelector(it));
             if (bar) seen.values.push(bar.value);
             if (said?.textContent && said.textContent !== seen.words.at(-1)) seen.words.push(said.textContent);
         };
         new MutationObserver(look).observe(document, { subtree: true, childList: true, attributes: true });",
    );
}

#[test]
fn an_upload_shows_how_far_it_has_come_and_ends_on_the_shelf_with_its_file() {
    let (door, drawer) = (Door::open(), Drawer::new());
    let Some(chromium) = at_the_shelf(&door, Chromium::at) else {
        return;
    };
    let pages = chromium.evaluate("return history.length");
    watch(&chromium);
    chromium.throttle(Some(300_000));
    chromium.choose("Files", &[&drawer.file("Year.txt", "x".repeat(600_000))]);
    chromium.press("Upload");
    let seen = chromium.evaluate("return seen");
    let values = seen["values"].as_array().unwrap();
    let is_between = |value: &f64| 0.0 < *value && *value < 1.0;
    let between = values.iter().filter_map(|value| value.as_f64());
    assert!(between.filter(is_between).count() > 1, "{values:?}");
    assert_eq!(
        seen["words"].as_array().unwrap(),
        &[
            "Uploading.",
            "25 % uploaded.",
            "50 % uploaded.",
            "75 % uploaded.",
            "Sent. The server is checking the file.",
        ],
    );
    assert_eq!(chromium.text(".notice"), "“Year.txt” has been uploaded.");
    assert_eq!(chromium.focus(), "“Year.txt” has been uploaded.");
    assert_eq!(chromium.path(), "/files");
    assert_eq!(chromium.evaluate("return history.length"), pages);

    // And once more from the page that was put in place of the first.
    chromium.unthrottle();
    let is_ready = "return document.querySelector('form [role=status]') !== null";
    wait_until("the script has run again", || {
        chromium.evaluate(is_ready) == true
    });
    let two = [drawer.file("a.txt", "a"), drawer.file("b.txt", "b")];
    chromium.choose("Files", &[&two[0], &two[1]]);
    chromium.press("Upload");
    assert_eq!(chromium.text(".notice"), "2 files have been uploaded.");
    let seen = chromium.evaluate("return seen.words.filter((it) => it === 'Uploading.')");
    assert_eq!(seen.as_array().unwrap().len(), 2);
    chromium.reload();
    assert_eq!(chromium.text(".notice"), "");
    for name in ["Year.txt", "a.txt", "b.txt"] {
        assert!(chromium.shows("a", name), "{name}");
    }
    assert_eq!(chromium.complaints(), [""; 0]);
}

#[test]
fn files_are_uploaded_with_javascript_switched_off() {
    let (door, drawer) = (Door::open(), Drawer::new());
    let Some(chromium) = at_the_shelf(&door, Chromium::without_scripts) else {
        return;
    };
    chromium.press("Upload");
    assert_eq!(chromium.text(".errors li"), "Choose a file");
    let two = [drawer.file("a.txt", "a"), drawer.file("b.txt", "b")];
    chromium.choose("Files", &[&two[0], &two[1]]);
    chromium.press("Upload");
    assert_eq!(chromium.text(".notice"), "2 files have been uploaded.");
    assert!(chromium.shows("a", "a.txt") && chromium.shows("a", "b.txt"));
}

#[test]
fn files_can_be_dropped_on_the_form() {
    let door = Door::with(&[("files.max_mb", "1")]);
    let Some(chromium) = at_the_shelf(&door, Chromium::at) else {
        return;
    };
    let is_marked = || chromium.evaluate("return document.querySelector('.over') !== null");
    chromium.drag(&[("a.txt", 1)], false);
    assert_eq!(is_marked(), true);
    chromium.drag(&[("a.txt", 1), ("b.txt", 2)], true);
    assert_eq!(is_marked(), false);
    assert_eq!(chromium.text("form [role=status]"), "Chosen: 2 files");
    chromium.press("Upload");
    assert_eq!(chromium.text(".notice"), "2 files have been uploaded.");
}

#[test]
fn a_refused_file_is_shown_with_the_reason_as_without_a_script() {
    for start in [Chromium::at, Chromium::without_scripts] {
        let door = Door::with(&[("files.types", "text/plain")]);
        let drawer = Drawer::new();
        let Some(chromium) = at_the_shelf(&door, start) else {
            return;
        };
        chromium.choose("Files", &[&drawer.file("hedge.png", "Not a picture.")]);
        chromium.press("Upload");
        assert_eq!(
            chromium.evaluate("return document.title"),
            "Error: Files – Doorward"
        );
        let words = chromium.text(".errors li");
        assert!(words.starts_with("“hedge.png”: "), "{words}");
        assert_eq!(chromium.focus(), "There is a problem");
        chromium.click("a", &words);
        assert_eq!(chromium.focus(), "Files");
        chromium.choose("Files", &[&drawer.file("hedge.txt", "Not a picture.")]);
        chromium.press("Upload");
        assert_eq!(chromium.text(".notice"), "“hedge.txt” has been uploaded.");
    }
}

const TOO_LARGE: &str = "“large.txt” is too large: the limit is 1 MB";

#[test]
fn files_over_a_limit_are_refused_before_they_are_sent() {
    let (door, drawer) = (Door::with(&[("files.max_mb", "1")]), Drawer::new());
    let Some(chromium) = at_the_shelf(&door, Chromium::at) else {
        return;
    };
    // It could not be sent.
    chromium.throttle(None);
    let large = drawer.file("large.txt", "x".repeat(1_000_001));
    chromium.choose("Files", &[&large]);
    chromium.click("button", "Upload");
    let told = || chromium.text("form [role=status]");
    assert_eq!(told(), TOO_LARGE);
    assert_eq!(chromium.focus(), "Files");
    chromium.evaluate(
        "const many = new DataTransfer();
         for (let n = 0; n < 101; n++) many.items.add(new File(['a'], `${n}.txt`));
         document.querySelector('[type=file]').files = many.files",
    );
    chromium.click("button", "Upload");
    let words = "Choose 100 files or fewer at once. None of these was saved";
    assert_eq!(told(), words);
    // What a browser hands over of a folder.
    chromium.evaluate(
        "const folder = { webkitGetAsEntry: () => ({ isDirectory: true }) };
         const dropped = new Event('drop', { cancelable: true });
         dropped.dataTransfer = { items: [folder], files: [new File([], 'folder')] };
         document.querySelector('form[data-upload]').dispatchEvent(dropped)",
    );
    assert_eq!(
        told(),
        "A folder cannot be uploaded: choose the files in it."
    );
    assert_eq!(chromium.complaints(), [""; 0]);
}

/// The answer comes while the browser is still sending.
#[test]
fn a_file_far_too_large_is_refused_by_the_server_with_its_page() {
    for start in [Chromium::at, Chromium::without_scripts] {
        let (door, drawer) = (Door::with(&[("files.max_mb", "1")]), Drawer::new());
        let Some(chromium) = at_the_shelf(&door, start) else {
            return;
        };
        chromium.choose(
            "Files",
            &[&drawer.file("large.txt", "x".repeat(30_000_000))],
        );
        // As if the script were an older one.
        chromium.evaluate("document.querySelector('[type=file]').dataset.max = Infinity");
        chromium.press("Upload");
        assert_eq!(chromium.text(".errors li"), TOO_LARGE);
        assert_eq!(chromium.focus(), "There is a problem");
        assert_eq!(chromium.path(), "/files");
    }
}

#[test]
fn an_upload_that_breaks_off_is_told_and_can_be_sent_again() {
    let (door, drawer) = (Door::open(), Drawer::new());
    let Some(chromium) = at_the_shelf(&door, Chromium::at) else {
        return;
    };
    chromium.choose("Files", &[&drawer.file("Year.txt", "x".repeat(600_000))]);
    chromium.throttle(None);
    chromium.click("button", "Upload");
    let words = "The upload was interrupted. Nothing was saved. Try again.";
    wait_until("it is told", || {
        chromium.text("form [role=status]") == words
    });
    assert_eq!(chromium.focus(), "Upload");
    chromium.unthrottle();
    chromium.press("Upload");
    assert_eq!(chromium.text(".notice"), "“Year.txt” has been uploaded.");
}

#[test]
fn an_upload_can_be_cancelled_and_the_browser_asks_before_it_leaves_one() {
    let (door, drawer) = (Door::open(), Drawer::new());
    let Some(chromium) = at_the_shelf(&door, Chromium::at) else {
        return;
    };
    let asks = || {
        let leave = "return !dispatchEvent(new Event('beforeunload', { cancelable: true }))";
        chromium.evaluate(leave) == true
    };
    assert!(!asks());
    chromium.throttle(Some(50_000));
    chromium.choose("Files", &[&drawer.file("Year.txt", "x".repeat(600_000))]);
    chromium.click("button", "Upload");
    wait_until("some of it is sent", || {
        let shown = chromium.text("progress + span");
        shown.ends_with('%') && shown != "0 %"
    });
    assert!(asks());
    tab_to(&chromium, "Cancel");
    chromium.strike(Key::Enter);
    let words = "The upload was cancelled. Nothing was saved.";
    assert_eq!(chromium.text("form [role=status]"), words);
    assert_eq!(chromium.focus(), "Upload");
    assert!(!asks());
    let bars = "return document.querySelectorAll('progress').length";
    assert_eq!(chromium.evaluate(bars), 0);
    chromium.unthrottle();
    wait_until("it leaves nothing", || {
        door.number("SELECT count(*) AS n FROM stray_blobs") == 0
    });
    chromium.press("Upload");
    assert_eq!(chromium.text(".notice"), "“Year.txt” has been uploaded.");
    assert!(!asks());
}

#[test]
fn an_upload_after_a_sign_out_leads_to_the_sign_in_page() {
    let (door, drawer) = (Door::open(), Drawer::new());
    let Some(chromium) = at_the_shelf(&door, Chromium::at) else {
        return;
    };
    chromium.choose("Files", &[&drawer.file("hedge.txt", "green")]);
    chromium.forget_cookies();
    chromium.press("Upload");
    assert_eq!(
        chromium.evaluate("return document.title"),
        "Sign in – Doorward"
    );
    assert_eq!(chromium.focus(), "Sign in");
    assert!(chromium.text(".note").contains("choose the files again"));
}

#[test]
fn leaving_the_page_ends_the_upload() {
    let (door, drawer) = (Door::open(), Drawer::new());
    let Some(chromium) = at_the_shelf(&door, Chromium::at) else {
        return;
    };
    chromium.throttle(Some(50_000));
    chromium.choose("Files", &[&drawer.file("Year.txt", "x".repeat(600_000))]);
    chromium.click("button", "Upload");
    wait_until("some of it is sent", || {
        let value = chromium.evaluate("return document.querySelector('progress').value");
        value.as_f64() > Some(0.0)
    });
    // The button keeps the focus, and does nothing more.
    assert_eq!(chromium.focus(), "Upload");
    let is_off = "return document.activeElement.ariaDisabled";
    assert_eq!(chromium.evaluate(is_off), "true");
    chromium.click("button", "Upload");
    let bars = "return document.querySelectorAll('progress').length";
    assert_eq!(chromium.evaluate(bars), 1);
    chromium.follow("Work");
    chromium.unthrottle();
    chromium.follow("Files");
    assert_eq!(chromium.text("h2"), "No files yet");
}

#[test]
fn from_the_shelf_to_a_link_the_keyboard_is_enough() {
    let (door, drawer) = (Door::open(), Drawer::new());
    let Some(chromium) = at_the_shelf(&door, Chromium::at) else {
        return;
    };
    // Which file it is, is chosen in a window of the system.
    chromium.choose("Files", &[&drawer.file("hedge.txt", "green")]);
    tab_to(&chromium, "Upload");
    chromium.turn_page(|| chromium.strike(Key::Enter));
    assert_eq!(chromium.focus(), "“hedge.txt” has been uploaded.");
    tab_to(&chromium, "hedge.txt");
    chromium.turn_page(|| chromium.strike(Key::Enter));
    tab_to(&chromium, "Expires after");
    chromium.strike("7");
    tab_to(&chromium, "Create link");
    chromium.turn_page(|| chromium.strike(Key::Enter));
    tab_to(&chromium, "New link");
    let link = chromium.evaluate("return document.activeElement.value");
    let link = link.as_str().unwrap();
    tab_to(&chromium, "Copy: New link");
    chromium.strike(Key::Enter);
    assert_eq!(chromium.focus(), "Copied: New link");
    tab_to(&chromium, "Description (optional)");
    chromium.paste();
    let pasted = chromium.evaluate("return document.activeElement.value");
    assert_eq!(pasted, link);
}

#[test]
fn a_link_opens_its_page_in_another_browser_and_its_button_downloads_the_file() {
    let (door, drawer) = (Door::open(), Drawer::new());
    let Some(chromium) = at_the_shelf(&door, Chromium::at) else {
        return;
    };
    chromium.choose("Files", &[&drawer.file("hedge.txt", "green")]);
    chromium.press("Upload");
    chromium.follow("hedge.txt");
    chromium.fill_all(&[
        ("Download limit (optional)", "1"),
        ("Link password (optional)", PASSWORD),
    ]);
    chromium.press("Create link");
    let link = chromium.text("#link");

    let downloads = Drawer::new();
    let other = Chromium::at(&door.url).unwrap();
    other.keep_downloads(downloads.0.path());
    other.open(&link);
    assert_eq!(other.heading(), "hedge.txt");
    let facts = other.text("dl");
    let facts: Vec<_> = facts.split_whitespace().collect();
    assert!(facts.join(" ").contains("Downloads left 1"), "{facts:?}");
    other.press("Download");
    assert_eq!(other.text(".errors li"), "Enter the password");
    other.fill("Link password", "canary-another");
    other.press("Download");
    assert_eq!(
        other.text(".errors li"),
        "This is not the password of this link"
    );
    other.fill("Link password", PASSWORD);
    other.click("button", "Download");
    arrives(&downloads.0.path().join("hedge.txt"), "green");
    assert_eq!(other.heading(), "hedge.txt");
    other.open(&link);
    assert_eq!(other.heading(), "This link does not open a file");
    chromium.reload();
    assert!(chromium.text("tbody").contains("1 of 1"));
}

fn arrives(file: &Path, content: &str) {
    wait_until("the download ends", || {
        fs::read_to_string(file).is_ok_and(|text| text == content)
    });
}
