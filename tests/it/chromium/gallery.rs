//! Every page in every state: looked at by programs on a phone and on a desktop, by light and by
//! dark, and photographed if `DOORWARD_TEST_SCREENSHOTS` names a folder for it (`just pages`).

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::page_checks::{
    bring_axe, colour_violations, html_errors, low_controls, overflow, violations,
};
use super::window::Chromium;
use crate::support::{Browser, Door, PASSWORD, longest_email, wait_until};

const NARROWEST: u32 = 320;
const PHONE: (u32, u32) = (360, 740);
const DESKTOP: (u32, u32) = (1200, 900);

#[test]
fn every_page_in_every_state_is_good_to_look_at_and_for_everyone() {
    let door = Door::open();
    let Some(mut gallery) = Gallery::of(&door) else {
        return;
    };
    open_to_everyone(&mut gallery);
    signing_up(&mut gallery);
    signing_in(&mut gallery);
    limits(&mut gallery);
    behind_the_door(&mut gallery, &door);
    own_account(&mut gallery, &door);
    administration(&mut gallery, &door);
    work(&mut gallery, &door);
    files(&mut gallery, &door);
    files_without_room(&mut gallery);
    shares(&mut gallery, &door);
    upload_by_token(&mut gallery);
    forgotten_password(&mut gallery);
    sign_in_by_mail(&mut gallery);
    invitations(&mut gallery);
    first_administrator(&mut gallery, &door);
    addresses(&mut gallery);
    inspecting(&mut gallery);
    other_sessions(&mut gallery, &door);
    every_other_page(&mut gallery);
    problems(&mut gallery, &door);
    gallery.close();
}

fn open_to_everyone(gallery: &mut Gallery) {
    gallery.open("/");
    gallery.keep("home-out");
    gallery.open("/public");
    gallery.keep("public-out");
    gallery.open("/docs");
    gallery.keep("docs");
    gallery.chromium.click("summary", "Responses");
    gallery.keep_part("docs-open", "details[open]");
}

fn signing_up(gallery: &mut Gallery) {
    gallery.open("/signup?next=/dashboard");
    gallery.keep("sign-up-empty");
    gallery
        .chromium
        .fill_all(&[("Username", "ada lovelace"), ("Password", "canary")]);
    gallery.chromium.press("Create account");
    gallery.keep("sign-up-errors");
}

fn signing_in(gallery: &mut Gallery) {
    gallery.open("/login?next=/dashboard");
    gallery.keep("sign-in-empty");
    gallery.chromium.press("Sign in");
    gallery.keep("sign-in-errors");
    gallery
        .chromium
        .fill_all(&[("Username or email address", "ada"), ("Password", PASSWORD)]);
    gallery.chromium.press("Sign in");
    gallery.keep("sign-in-refused");
    gallery.chromium.fill("Password", PASSWORD);
    gallery.chromium.click("button", "Show");
    gallery.keep("sign-in-shown");
}

fn limits(gallery: &mut Gallery) {
    let door = Door::with(&[
        ("limits.account", "1/10m"),
        ("limits.sign_up_address", "1/1h"),
        ("limits.inspect", "1/1h"),
    ]);
    door.signed_up("ada");
    gallery.sign_in(&format!("{}/login", door.url));
    gallery.chromium.forget_cookies();
    gallery.open(&format!("{}/login", door.url));
    for _ in 0..2 {
        gallery.chromium.fill_all(&[
            ("Username or email address", "ada"),
            ("Password", "canary-wrong-password"),
        ]);
        gallery.chromium.press("Sign in");
    }
    gallery.keep("sign-in-limited");
    gallery.open(&format!("{}/signup", door.url));
    gallery.chromium.fill_all(&[
        ("Username", "ivan"),
        ("Email address", "ivan@example.com"),
        ("Password", PASSWORD),
    ]);
    gallery.chromium.press("Create account");
    gallery.keep("sign-up-limited");
    for _ in 0..2 {
        gallery.open(&format!("{}/inspect", door.url));
        gallery.chromium.fill("Token", "opaque");
        gallery.chromium.press("Inspect");
    }
    gallery.keep("too-many-attempts");
}

/// The names are as long as they can be, without a space to break them at.
fn behind_the_door(gallery: &mut Gallery, door: &Door) {
    let (username, name) = ("W".repeat(32), "W".repeat(100));
    let email = format!("{}@{}.example.com", "w".repeat(64), "w".repeat(63));
    gallery.open("/signup");
    gallery.chromium.fill_all(&[
        ("Username", &username),
        ("Email address", &email),
        ("Name (optional)", &name),
        ("Password", PASSWORD),
    ]);
    gallery.chromium.press("Create account");
    gallery.keep("dashboard-long");
    gallery.chromium.press("Sign out");
    gallery.keep("home-signed-out");

    door.browser().sign_up("ada", "ada@example.com", PASSWORD);
    gallery.sign_in("/login");
    gallery.keep("dashboard-session");
    gallery.open("/public");
    gallery.keep("public-in");
    gallery.chromium.forget_cookies();

    gallery.sign_in("/login?deliver=link");
    gallery.keep("dashboard-link");
    door.let_pass(151);
    gallery.chromium.reload();
    gallery.keep("link-ended");
}

fn own_account(gallery: &mut Gallery, door: &Door) {
    gallery.sign_in("/login?deliver=link");
    door.browser()
        .with("user-agent", "Mozilla/5.0 (iPhone) Safari/604")
        .sign_in("ada", PASSWORD);
    door.let_pass(60);
    gallery.chromium.press("Continue signed in");
    gallery.keep("dashboard-after-link");
    gallery.open("/account");
    gallery.keep("account");
    door.sql(
        "UPDATE sessions SET end_reason = 'reuse', ended_at = created_at WHERE user_agent = ''",
    );
    gallery.open("/account/sessions");
    gallery.keep("sessions");
    gallery.open("/account/sessions/others");
    gallery.keep("sessions-end-others");
    gallery.open("/account/activity");
    gallery.keep("activity");
    gallery.open("/account/password");
    gallery.keep("password-empty");
    gallery.chromium.press("Change password");
    gallery.keep("password-errors");
    gallery.open("/account/delete");
    gallery.keep("delete-account");
    door.let_pass(10 * 60);
    gallery.open("/account/delete");
    gallery.keep("verify-empty");
    gallery.chromium.press("Confirm");
    gallery.keep("verify-errors");
    gallery.chromium.forget_cookies();

    door.browser().sign_up("bob", "bob@example.com", PASSWORD);
    gallery.open("/login?deliver=link");
    gallery
        .chromium
        .fill_all(&[("Username or email address", "bob"), ("Password", PASSWORD)]);
    gallery.chromium.press("Sign in");
    let link = gallery.chromium.path();
    gallery.sign_in("/login");
    gallery.open(&link);
    gallery.chromium.press("Continue signed in");
    gallery.keep("continue-as-another");
    gallery.chromium.forget_cookies();
}

fn administration(gallery: &mut Gallery, door: &Door) {
    door.sql(
        "UPDATE accounts SET role = 'administrator', groups = 'ops wheel' WHERE username = 'ada'",
    );
    gallery.sign_in("/login");
    gallery.open("/admin/accounts");
    gallery.keep("accounts");
    gallery.open("/admin/audit");
    gallery.keep("audit");
    gallery.open("/admin/audit?account=nobody");
    gallery.keep("audit-none");
    gallery.open("/admin/mail");
    gallery.keep("mail-empty");
    let longest = longest_email();
    door.sql(&format!(
        "INSERT INTO mail_messages \
         (id, kind, recipient, sealed, created_at, due_at, attempts, problem) VALUES \
         ('00000000-0000-4000-8000-000000000001', 'reset password', 'ada@example.com', 'x', \
          1800000000, NULL, 1, 'the mail server refused the message: permanent error (550): \
          5.1.1 No such mailbox'), \
         ('00000000-0000-4000-8000-000000000002', 'confirm address', '{longest}', 'x', \
          1800000060, 9000000000, 4, 'the connection to the mail server was lost: response \
          error: incomplete response')"
    ));
    gallery.open("/admin/mail");
    gallery.keep("mail");
    gallery
        .chromium
        .follow(&format!("Delete: confirm address to {longest}"));
    gallery.keep("mail-delete");
    door.sql("DELETE FROM mail_messages");
    gallery.open("/admin/accounts?q=nobody");
    gallery.keep("accounts-none");
    gallery.open("/admin/accounts?q=bob");
    gallery.chromium.follow("bob");
    gallery.keep("one-account");
    gallery.chromium.fill("Username", "not a name");
    gallery.chromium.press("Save profile");
    gallery.keep("one-account-errors");
    gallery.open("/account/email");
    gallery.keep("names");
    door.sql("UPDATE accounts SET role = 'member' WHERE username = 'ada'");
    gallery.chromium.forget_cookies();
}

fn work(gallery: &mut Gallery, door: &Door) {
    gallery.sign_in("/login?next=/work");
    gallery.keep("work-empty");
    let wide = "W".repeat(200);
    for title in [
        "Cut the hedge",
        "לקצץ את הגדר החיה",
        &wide,
        "Write to the neighbour",
    ] {
        gallery.chromium.fill("Title", title);
        gallery.chromium.press("Add");
    }
    gallery.chromium.press("Tick off: Cut the hedge");
    gallery.keep("work");
    gallery.chromium.press("Add");
    gallery.keep("work-errors");
    gallery.chromium.press("Tick off: Write to the neighbour");
    gallery.chromium.follow("Edit: Write to the neighbour");
    gallery.keep("work-edit");
    gallery.chromium.press("Move up");
    gallery.keep("work-moved");
    gallery.chromium.fill("Title", "");
    gallery.chromium.press("Save");
    gallery.keep("work-edit-errors");
    gallery.open("/work?status=open");
    gallery.chromium.follow(&format!("Edit: {wide}"));
    gallery.chromium.follow("Delete");
    gallery.keep("work-delete");
    door.sql("UPDATE work_items SET done_at = 1");
    gallery.open("/work?status=open");
    gallery.keep("work-nothing-open");
    gallery.chromium.forget_cookies();
}

/// Names are as long as they can be, without a space to break them at.
fn files(gallery: &mut Gallery, door: &Door) {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);
    let long = format!("{}.txt", "W".repeat(251));
    fs::write(file(&long), "long").unwrap();
    fs::write(file("גינה.txt"), "garden").unwrap();
    let tall = image::RgbImage::from_fn(300, 900, |x, y| image::Rgb([x as u8, y as u8, 90]));
    tall.save(file("Hedge in June.png")).unwrap();
    let text: String = (0..200_000).map(|n| format!("line {n}\n")).collect();
    fs::write(file("Notes.md"), text).unwrap();

    gallery.sign_in("/login?next=/files");
    gallery.keep("files-empty");
    gallery.chromium.press("Upload");
    gallery.keep("files-errors");
    let chosen = [file("Hedge in June.png")];
    gallery.chromium.choose("Files", &[&chosen[0]]);
    gallery.chromium.press("Upload");
    wait_until("its thumbnail is made", || {
        gallery.chromium.reload();
        let pictures = "return document.querySelectorAll('.pictured img').length";
        gallery.chromium.evaluate(pictures) == 1
    });
    gallery.keep("files-one");
    let chosen = [file(&long), file("גינה.txt"), file("Notes.md")];
    gallery
        .chromium
        .choose("Files", &chosen.each_ref().map(|file| &**file));
    gallery.chromium.press("Upload");
    gallery.keep("files");
    gallery.open("/files");
    let select_all = "document.querySelectorAll('[type=checkbox]').forEach((box) => box.click())";
    gallery.chromium.evaluate(select_all);
    gallery.chromium.press("Delete selected");
    gallery.keep("files-delete");
    gallery.open("/files?q=nowhere");
    gallery.keep("files-no-hit");
    gallery.open("/files?sort=name");
    gallery.chromium.drag(&[("a.txt", 1)], false);
    gallery.keep("files-dragged-over");
    gallery.chromium.throttle(Some(40_000));
    gallery.chromium.choose("Files", &[&file("Notes.md")]);
    gallery.chromium.click("button", "Upload");
    let value = || {
        gallery
            .chromium
            .evaluate("return document.querySelector('progress').value")
    };
    wait_until("some of it is sent", || value().as_f64() > Some(0.1));
    gallery.keep("files-uploading");
    gallery.chromium.reload();
    gallery.chromium.throttle(None);
    gallery.chromium.choose("Files", &[&file("Notes.md")]);
    gallery.chromium.click("button", "Upload");
    let words = || gallery.chromium.text("form [role=status]");
    wait_until("it breaks off", || words().contains("was interrupted"));
    gallery.chromium.complaints();
    gallery.keep("files-broken-off");
    gallery.chromium.unthrottle();

    gallery.open("/files");
    gallery.chromium.follow(&long);
    gallery.keep("file-long");
    gallery.open("/files");
    gallery.chromium.follow("Hedge in June.png");
    gallery.keep("file");
    gallery.chromium.fill("Download limit (optional)", "many");
    gallery.chromium.fill("Link password (optional)", "short");
    gallery.chromium.press("Create link");
    gallery.keep("file-errors");
    gallery.chromium.fill("Name", "a/b");
    gallery.chromium.press("Save");
    gallery.keep("file-name-errors");
    make_link(gallery, "", "");
    door.sql("UPDATE shares SET ends_at = created_at + 60");
    door.let_pass(61);
    make_link(gallery, "3", "");
    door.sql("UPDATE shares SET downloads = 3, last_used_at = created_at WHERE downloads_max = 3");
    door.let_pass(60);
    make_link(gallery, "", "");
    door.let_pass(60);
    make_link(gallery, "2", PASSWORD);
    gallery.keep("file-new-link");
    gallery.chromium.reload();
    gallery.keep("file-links");
    let selector = "table a";
    let back = gallery.chromium.evaluate(&format!(
        "return document.querySelector('{selector}').pathname"
    ));
    gallery.open(back.as_str().unwrap());
    gallery.keep("file-link-take-back");
    gallery.chromium.back();
    gallery.chromium.follow("Delete");
    gallery.keep("file-delete");
    gallery.open("/account");
    gallery.keep("account-with-links");
    gallery.open("/account/shares");
    gallery.keep("revoke-all-links");
    gallery.chromium.forget_cookies();
}

fn make_link(gallery: &Gallery, downloads: &str, password: &str) {
    gallery
        .chromium
        .fill("Download limit (optional)", downloads);
    gallery.chromium.fill("Link password (optional)", password);
    gallery.chromium.press("Create link");
}

fn files_without_room(gallery: &mut Gallery) {
    let door = Door::with(&[("files.max_mb", "1"), ("files.quota_mb", "2")]);
    door.signed_up("ada");
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, size| {
        let path = folder.path().join(name);
        fs::write(&path, "x".repeat(size)).unwrap();
        path
    };
    let (one, two) = (file("one.txt", 990_000), file("two.txt", 990_000));
    gallery.sign_in(&format!("{}/login?next=/files", door.url));
    gallery.chromium.choose("Files", &[&one, &two]);
    gallery.chromium.press("Upload");
    gallery.keep("files-nearly-full");
    gallery.chromium.choose("Files", &[&one]);
    gallery.chromium.press("Upload");
    gallery.keep("files-no-room");
    let large = format!("{}.txt", "W".repeat(100));
    gallery
        .chromium
        .choose("Files", &[&file(&large, 1_000_001)]);
    gallery.chromium.click("button", "Upload");
    gallery.keep("files-too-large");
    gallery.chromium.forget_cookies();
}

/// What those see who were sent a link.
fn shares(gallery: &mut Gallery, door: &Door) {
    gallery.sign_in("/login?next=/files");
    gallery.chromium.follow("Hedge in June.png");
    let [with_password, open] = [PASSWORD, ""].map(|password| {
        make_link(gallery, "2", password);
        gallery.chromium.text("#link")
    });
    let (open, with_password) = (open.as_str(), with_password.as_str());
    make_link(gallery, "", "");
    let unlimited = gallery.chromium.text("#link");
    gallery.chromium.forget_cookies();
    gallery.open(&unlimited);
    gallery.keep("share-unlimited");
    gallery.open(open);
    gallery.keep("share");
    gallery.open(with_password);
    gallery.keep("share-password");
    gallery.chromium.press("Download");
    gallery.keep("share-password-missing");
    gallery.chromium.fill("Link password", "canary-another");
    gallery.chromium.press("Download");
    gallery.keep("share-password-wrong");
    door.sql("UPDATE files SET name = 'WWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWW.txt'");
    gallery.open(open);
    gallery.keep("share-long");
    gallery.open(&open[..open.len() - 1]);
    gallery.keep("share-ended");
}

fn upload_by_token(gallery: &mut Gallery) {
    let door = Door::open();
    door.signed_up("ada");
    let credentials = STANDARD.encode(format!("ada:{PASSWORD}"));
    let program = door.program(None);
    let program = program.with("authorization", &format!("Basic {credentials}"));
    let token = program.get("/login").json()["token"].clone();
    gallery.open(&format!("{}/?token={}", door.url, token.as_str().unwrap()));
    gallery.keep("upload-by-token");
}

fn first_administrator(gallery: &mut Gallery, door: &Door) {
    let link = door.first_administrator.as_ref().unwrap();
    gallery.open(link);
    gallery.keep("first-administrator-empty");
    gallery.chromium.press("Create administrator");
    gallery.keep("first-administrator-errors");
    gallery.sign_in("/login");
    gallery.open(link);
    gallery.keep("first-administrator-signed-in");
    gallery.chromium.forget_cookies();
    gallery.open("/first-administrator?token=used-up");
    gallery.keep("one-time-link-ended");
}

fn addresses(gallery: &mut Gallery) {
    let door = Door::with(&[("signup.verify_email", "true")]);
    let link = |to: &str, subject| door.letter(to, subject).link().to_owned();
    let (confirm, changed) = ("Confirm your email address", "was changed");
    gallery.open(&format!("{}/signup", door.url));
    gallery.chromium.fill_all(&[
        ("Username", "ada"),
        ("Email address", "ada@example.com"),
        ("Password", PASSWORD),
    ]);
    gallery.chromium.press("Create account");
    gallery.keep("sign-up-sent");
    door.browser().sign_up("ada", "other@example.com", PASSWORD);
    gallery.open(&link("ada@example.com", confirm));
    gallery.keep("confirm-sign-up");
    gallery.chromium.press("Create account");
    gallery.keep("confirm-sign-up-errors");
    gallery.chromium.fill_all(&[("Password", PASSWORD)]);
    gallery.chromium.press("Create account");
    gallery.open(&link("other@example.com", confirm));
    gallery.chromium.fill_all(&[("Password", PASSWORD)]);
    gallery.chromium.press("Create account");
    gallery.keep("confirm-sign-up-username");
    gallery.open(&format!("{}/account/email", door.url));
    gallery
        .chromium
        .fill_all(&[("Email address", "new@example.com")]);
    gallery.chromium.press("Save");
    gallery.keep("address-waits");
    gallery.open(&format!("{}/account", door.url));
    gallery.keep("account-address-waits");
    gallery.open(&link("new@example.com", confirm));
    gallery.keep("confirm-address");
    gallery.chromium.press("Confirm the address");
    gallery.keep("account-address-confirmed");
    gallery.open(&link("ada@example.com", changed));
    gallery.keep("undo-address");
    gallery.chromium.press("Bring the address back");
    gallery.keep("undo-address-done");
    gallery.open(&format!("{}/verify?token=used-up", door.url));
    gallery.keep("confirm-ended");
    gallery.chromium.forget_cookies();
}

fn inspecting(gallery: &mut Gallery) {
    // Beside the gallery's own server, whose clock the others have moved.
    let door = Door::open();
    let token = door.signed_up("ada").access();
    let keys = door.browser().get("/.well-known/jwks.json").body;
    let page = format!("{}/inspect", door.url);
    let foreign = Door::open().signed_up("eve").access();
    for (name, token, keys) in [
        ("inspect-errors", "", "{"),
        ("inspect-accepted", token.as_str(), ""),
        ("inspect-refused", &foreign, ""),
        ("inspect-opaque", "opaque", ""),
        ("inspect-foreign", &token, &keys),
    ] {
        gallery.open(&page);
        if name == "inspect-errors" {
            gallery.keep("inspect-empty");
        }
        let fields = [("Token", token), ("Keys (optional)", keys)];
        gallery.chromium.fill_all(&fields);
        gallery.chromium.press("Inspect");
        gallery.keep(name);
    }
}

fn forgotten_password(gallery: &mut Gallery) {
    let door = Door::open();
    door.signed_up("ada");
    gallery.open(&format!("{}/forgot", door.url));
    gallery.chromium.press("Send the link");
    gallery.keep("forgot-errors");
    gallery.chromium.fill("Email address", "ada@example.com");
    gallery.chromium.press("Send the link");
    gallery.keep("forgot-sent");
    let letter = door.letter("ada@example.com", "Set a new password");
    gallery.open(letter.link());
    gallery.keep("reset-empty");
    gallery.chromium.fill("New password", "canary");
    gallery.chromium.press("Set password");
    gallery.keep("reset-errors");
    gallery.open(&format!("{}/reset?token=opaque", door.url));
    gallery.keep("reset-ended");
}

fn sign_in_by_mail(gallery: &mut Gallery) {
    let door = Door::with(&[("sign_in.by_mail", "true")]);
    door.signed_up("ada");
    let page = format!("{}/login/link", door.url);
    gallery.open(&page);
    gallery.chromium.press("Send the link");
    gallery.keep("sign-in-by-mail-errors");
    gallery.chromium.fill("Email address", "ada@example.com");
    gallery.chromium.press("Send the link");
    gallery.chromium.fill("Code", "ABCD EFGH");
    gallery.chromium.press("Sign in");
    gallery.keep("sign-in-code-errors");
    let letter = door.letter("ada@example.com", "Sign in to");
    gallery.open(letter.link());
    gallery.keep("sign-in-by-mail-here");
    gallery.chromium.forget_cookies();
    gallery.open(letter.link());
    gallery.keep("sign-in-code");
    door.browser().sign_in("ada", PASSWORD);
    let notice = door.letter("ada@example.com", "New sign-in");
    gallery.open(notice.link());
    gallery.keep("not-me");
    gallery.chromium.press("This was not me");
    gallery.keep("not-me-done");
}

fn invitations(gallery: &mut Gallery) {
    let door = Door::open();
    door.signed_up("ada");
    door.sql("UPDATE accounts SET role = 'administrator'");
    gallery.sign_in(&format!("{}/login", door.url));
    let page = format!("{}/admin/invites", door.url);
    gallery.open(&page);
    gallery.keep("invites-empty");
    gallery.chromium.fill_all(&[
        ("Email address (optional)", "nobody"),
        ("Groups (optional)", "NOT good"),
        ("Days until it expires", "soon"),
        ("Number of accounts", "1001"),
    ]);
    gallery.chromium.press("Create invitation");
    gallery.keep("invites-errors");
    let email = format!("{}@{}.example.com", "w".repeat(64), "w".repeat(63));
    gallery.open(&page);
    gallery.chromium.fill("Email address (optional)", &email);
    gallery.chromium.press("Create invitation");
    gallery.open(&page);
    gallery.chromium.press("Create invitation");
    gallery.keep("invites-listed");
    let letter = door.letter(&email, "Your invitation");
    gallery.chromium.forget_cookies();
    gallery.open(letter.link());
    gallery.keep("invitation-empty");
    gallery.chromium.press("Create account");
    gallery.keep("invitation-errors");
}

/// A form that was typed into while another tab signed out.
fn other_sessions(gallery: &mut Gallery, door: &Door) {
    const LABEL: &str = "Title";
    gallery.sign_in("/login?next=/work");
    gallery.chromium.fill(LABEL, "Cut the hedge");
    gallery.chromium.forget_cookies();
    gallery.chromium.press("Add");
    gallery.keep("sign-in-interrupted");
    gallery
        .chromium
        .fill_all(&[("Username or email address", "ada"), ("Password", PASSWORD)]);
    gallery.chromium.press("Sign in");
    gallery.keep("work-interrupted");

    door.signed_up("ivan");
    let first = gallery.chromium.open_tab();
    gallery.open("/dashboard");
    gallery.chromium.press("Sign out");
    gallery.open("/login");
    gallery.chromium.fill_all(&[
        ("Username or email address", "ivan"),
        ("Password", PASSWORD),
    ]);
    gallery.chromium.press("Sign in");
    gallery.chromium.turn_to(&first);
    gallery.chromium.press("Add");
    gallery.keep("other-session");
    gallery.chromium.forget_cookies();
}

/// The pages of the table that no state above shows, and each one's form, sent empty.
fn every_other_page(gallery: &mut Gallery) {
    let door = Door::open();
    let ada = door.browser();
    ada.sign_up("ada", "ada@example.com", PASSWORD);
    door.sql("UPDATE accounts SET role = 'administrator'");
    gallery.sign_in(&format!("{}/login", door.url));
    for path in doorward::web::listed().iter().map(|listed| listed.path) {
        if path.contains('{') || gallery.paths.contains(path) {
            continue;
        }
        let reply = ada.get(path);
        let kind = reply.header("content-type").unwrap_or_default();
        if reply.status != 200 || !kind.starts_with("text/html") {
            continue;
        }
        let name = path[1..].replace('/', "-");
        gallery.open(&format!("{}{path}", door.url));
        gallery.keep(&name);
        let sent = gallery.chromium.evaluate(
            "const text = 'input:not([type=hidden], [type=checkbox], [type=radio]), textarea';
             const form = [...document.querySelectorAll('main form[method=post]')]
                 .find((form) => form.querySelector(text));
             for (const field of form?.querySelectorAll(text) ?? []) field.value = '';
             form?.querySelector('button').click();
             return !!form;",
        );
        if sent == true {
            gallery.keep(&format!("{name}-empty-form"));
        }
    }
    gallery.chromium.forget_cookies();
}

fn problems(gallery: &mut Gallery, door: &Door) {
    gallery.open("/nowhere");
    gallery.keep("not-found");
    gallery.open("/public?token=misplaced");
    gallery.keep("misplaced-token");
    gallery.open("/logout");
    gallery.keep("method-not-allowed");

    let closed = Door::with(&[("signup.mode", "closed")]);
    gallery.open(&format!("{}/signup", closed.url));
    gallery.keep("sign-up-closed");

    gallery.open("data:text/html,<form method=post><button>Send</button></form>");
    gallery
        .chromium
        .evaluate(&format!("document.forms[0].action = '{}/logout'", door.url));
    gallery.chromium.press("Send");
    gallery.keep("refused");

    gallery.sign_in("/login");
    door.let_pass(16 * 60);
    door.sql("ALTER TABLE sessions RENAME TO away");
    gallery.open("/dashboard");
    gallery.keep("unavailable");
    gallery.chromium.forget_cookies();
    door.sql("ALTER TABLE accounts RENAME TO gone");
    gallery.sign_in("/login");
    gallery.keep("something-went-wrong");
}

struct Gallery {
    chromium: Chromium,
    has_axe: bool,
    /// Where pictures are kept.
    folder: Option<PathBuf>,
    pages: Vec<(String, String)>,
    /// The paths of `pages`.
    paths: BTreeSet<String>,
    findings: Vec<String>,
}

impl Gallery {
    fn of(door: &Door) -> Option<Self> {
        let chromium = Chromium::at(&door.url)?;
        let folder = std::env::var_os("DOORWARD_TEST_SCREENSHOTS").map(PathBuf::from);
        if let Some(folder) = &folder {
            fs::create_dir_all(folder).unwrap();
        }
        let has_axe = bring_axe(&chromium);
        Some(Self {
            chromium,
            has_axe,
            folder,
            pages: Vec::new(),
            paths: BTreeSet::new(),
            findings: Vec::new(),
        })
    }

    fn open(&self, place: &str) {
        self.chromium.open(place);
    }

    fn sign_in(&self, at: &str) {
        self.open(at);
        self.chromium
            .fill_all(&[("Username or email address", "ada"), ("Password", PASSWORD)]);
        self.chromium.press("Sign in");
    }

    /// Keeps what is wrong with the page that is open, and pictures of it.
    fn keep(&mut self, name: &str) {
        self.keep_part(name, "html");
    }

    /// As [`Self::keep`], after a change of this part alone. axe, which takes seconds for the
    /// largest page, is only asked about the part.
    fn keep_part(&mut self, name: &str, part: &str) {
        let chromium = &self.chromium;
        let mut found = chromium.complaints();
        found.extend(overflow(chromium, NARROWEST));
        for (width, height) in [PHONE, DESKTOP] {
            chromium.resize(width, height);
            found.extend(low_controls(chromium));
            for scheme in ["light", "dark"] {
                chromium.prefer_colours(scheme);
                if let Some(folder) = &self.folder {
                    let picture = folder.join(format!("{name}-{width}-{scheme}.png"));
                    fs::write(picture, chromium.photograph()).unwrap();
                }
                if !self.has_axe {
                    continue;
                }
                // Nothing but the colours differs from light to dark.
                found.extend(match scheme {
                    "light" => violations(chromium, part),
                    _ => colour_violations(chromium, part),
                });
            }
        }
        found.sort();
        found.dedup();
        self.findings
            .extend(found.into_iter().map(|what| format!("{name}: {what}")));
        let path = chromium.evaluate("return location.pathname");
        self.paths.extend(path.as_str().map(str::to_owned));
        self.pages.push((name.to_owned(), chromium.source()));
    }

    fn close(mut self) {
        self.findings
            .extend(html_errors(&self.pages).unwrap_or_default());
        assert!(self.findings.is_empty(), "{}", self.findings.join("\n"));
    }
}

/// Or a check that has stopped to look would be taken for a page without a fault.
#[test]
fn the_checks_see_what_is_wrong() {
    let Some(chromium) = Chromium::at("") else {
        return;
    };
    let has_axe = bring_axe(&chromium);
    chromium.open(
        "data:text/html,<!doctype html><html lang=en><title>Pale</title>\
         <h1 style='color:silver;width:400px'>Pale</h1><p><button>OK</button><img src=x></p>",
    );
    assert!(overflow(&chromium, NARROWEST).is_some());
    assert_eq!(
        low_controls(&chromium),
        ["lower than 44px: <button>OK</button>"]
    );
    if has_axe {
        let found = violations(&chromium, "html").join("\n");
        assert!(found.contains("color-contrast: <h1"), "{found}");
        assert!(found.contains("image-alt: <img"), "{found}");
        let found = colour_violations(&chromium, "html").join("\n");
        assert!(found.starts_with("color-contrast: <h1"), "{found}");
        assert_eq!(violations(&chromium, "button"), Vec::<String>::new());
    }
    let html = "<!doctype html><html lang=en><title>Pale</title><p><img src=x></p>";
    if let Some(found) = html_errors(&[("pale".to_owned(), html.to_owned())]) {
        assert!(found[0].contains("alt"), "{found:?}");
    }
}

#[test]
fn signing_in_weighs_little() {
    let door = Door::open();
    let browser = Browser::at(&door.url).with("accept-encoding", "gzip");
    let page = browser.get("/login");
    let weight = |path: String| {
        let reply = browser.with_method("HEAD", &path);
        reply
            .header("content-length")
            .unwrap()
            .parse::<usize>()
            .unwrap()
    };
    let stylesheet = weight(page.attribute("link[rel=stylesheet]", "href").unwrap());
    assert!(stylesheet < 4000, "{stylesheet} bytes of CSS");
    let headers: usize = page
        .headers
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len() + 4)
        .sum();
    let others = weight(page.attribute("script", "src").unwrap())
        + weight(page.attribute("img", "src").unwrap());
    let whole = headers + page.body.len() + stylesheet + others;
    assert!(whole < 10_000, "{whole} bytes");
}
