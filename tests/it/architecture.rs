//! The house's invariants, read off the source.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// From the ground up: a module uses only those before it. What stands in `src/` and not here
/// fails the test.
const FLOORS: &[&str] = &[
    "base",
    "config",
    "storage",
    "audit",
    "blobs",
    "scanner",
    "passwords",
    "tokens",
    "mail", // machinery
    "access",
    "limits",
    "accounts",
    "idempotency",
    "sessions",
    "recovery",
    "files",
    "shares",
    "administration",
    "sign_in",
    "invitations",
    "work",
    "import", // rooms
    "web",
    "jobs",
    "app",
    "cli",
];

/// The same inside `web/`, whose `mod.rs` puts it together.
const WEB_FLOORS: &[&str] = &[
    "problem",
    "describe",
    "proof",
    "path_id",
    "query",
    "accept",
    "authorization",
    "redirect",
    "etags",
    "prepared",
    "assets",
    "stopping",
    "connections",
    "body_drain",
    "client",
    "bursts",
    "metrics",
    "cookies",
    "origin",
    "forms",
    "guard",
    "page",
    "health",
    "jwks",
    "openapi",
    "download",
    "qr",
    "archive",
    "api",
    "pages",
    "compat",
    "routes",
    "answer",
    "layers",
];

#[test]
fn a_part_of_the_web_uses_only_parts_below_it() {
    let floor = |part: &str| WEB_FLOORS.iter().position(|known| *known == part);
    let web = root().join("src/web");
    let mut met = BTreeSet::new();
    for source in sources().filter(|source| source.path.starts_with(&web)) {
        let below = source.path.strip_prefix(&web).unwrap();
        let parts: Vec<_> = below.iter().map(|part| part.to_str().unwrap()).collect();
        let own = parts[0].trim_end_matches(".rs");
        if own == "mod" {
            continue;
        }
        let own_floor = floor(own).unwrap_or_else(|| panic!("{own} stands on no floor"));
        met.insert(own.to_owned());
        let is_root = parts.len() == 1 || parts.len() == 2 && parts[1] == "mod.rs";
        let prefixes: &[&str] = if is_root {
            &["super::", "crate::web::"]
        } else {
            &["crate::web::"]
        };
        for used in source.children_of(prefixes) {
            let Some(used_floor) = floor(&used) else {
                let is_module = used.starts_with(|first: char| first.is_ascii_lowercase());
                assert!(!is_module, "{own} uses {used}, which stands on no floor");
                continue;
            };
            assert!(used_floor <= own_floor, "web/{own} uses web/{used}");
        }
    }
    assert_eq!(met.len(), WEB_FLOORS.len(), "{met:?}");
}

#[test]
fn what_people_send_is_parsed_by_the_room_that_owns_it() {
    let parsers = [
        "Username::parse",
        "Email::parse",
        "PersonName::parse",
        "NewPassword::parse",
        "Title::parse",
        "Description::parse",
        "FileName::parse",
    ];
    let outside = ["src/web", "src/cli"].map(|folder| root().join(folder));
    let is_outside = |source: &Source| outside.iter().any(|one| source.path.starts_with(one));
    for source in sources().filter(is_outside) {
        for (line, text) in source.code() {
            let called = parsers.iter().find(|parser| text.contains(**parser));
            assert_eq!(called, None, "{}:{line}", source.path.display());
        }
    }
}

#[test]
fn a_floor_uses_only_floors_below_it() {
    let floor = |module: &str| FLOORS.iter().position(|known| *known == module);
    for source in sources() {
        let Some(own) = module_of(&source.path) else {
            continue;
        };
        let own_floor = floor(&own).unwrap_or_else(|| panic!("{own} stands on no floor"));
        for (line, used) in source.uses() {
            let used_floor = floor(&used).unwrap_or_else(|| panic!("{used} stands on no floor"));
            assert!(
                used_floor <= own_floor,
                "{}:{line}: {own} uses {used}",
                source.path.display()
            );
        }
    }
}

#[test]
fn each_outside_thing_is_known_to_its_own_places_only() {
    let allowed: &[(&str, &[&str])] = &[
        ("actix_web", &["web/", "app.rs", "cli/mod.rs"]),
        ("actix_http", &["web/"]),
        ("actix_server", &["web/", "app.rs", "cli/log.rs"]),
        ("httparse", &["web/connections/"]),
        ("askama", &["web/", "mail/"]),
        ("lettre::", &["mail/", "config/mail.rs"]),
        ("schemars", &["web/"]),
        ("diesel", &["storage/", "/store.rs"]),
        ("SqliteConnection", &["storage/"]),
        ("PgConnection", &["storage/"]),
        ("jsonwebtoken", &["tokens/"]),
        ("bcrypt::", &["passwords/"]),
        ("scrypt::", &["passwords/"]),
        ("sha_crypt::", &["passwords/"]),
        ("argon2::", &["passwords/"]),
        ("object_store::", &["blobs/"]),
        ("infer::", &["files/"]),
        ("mime_guess::", &["files/"]),
        ("image::", &["files/"]),
        ("rawzip::", &["web/archive.rs"]),
        ("Cookie::", &["web/cookies.rs"]),
        ("SET_COOKIE", &[]),
    ];
    for source in sources() {
        let path = source.path.to_str().unwrap();
        for (thing, places) in allowed {
            let found = source.code().find(|(_, line)| line.contains(thing));
            if let Some((line, _)) = found {
                assert!(
                    places.iter().any(|place| path.contains(place)),
                    "{path}:{line} knows {thing}"
                );
            }
        }
    }
}

#[test]
fn each_table_is_known_to_one_store() {
    let schema = fs::read_to_string(root().join("src/storage/schema.rs")).unwrap();
    let tables = schema
        .lines()
        .filter_map(|line| line.strip_prefix("    ")?.split_once(" ("))
        .map(|(name, _)| name);
    let mut known = BTreeMap::<&str, BTreeSet<PathBuf>>::new();
    let tables: Vec<_> = tables
        .filter(|name| name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'))
        .collect();
    assert!(tables.len() >= 4, "{tables:?}");
    for source in sources().filter(|source| source.path.ends_with("store.rs")) {
        for table in &tables {
            if source.text.contains(&format!("{table}::table")) {
                known.entry(table).or_default().insert(source.path.clone());
            }
        }
    }
    for table in tables {
        assert_eq!(
            known.get(table).map(BTreeSet::len),
            Some(1),
            "{table}: {:?}",
            known.get(table)
        );
    }
}

#[test]
fn a_url_is_listed_in_one_file_only() {
    for source in sources() {
        let path = source.path.to_str().unwrap();
        let lists = [
            "web::resource",
            "web::scope",
            ".route(",
            "#[get(",
            "#[post(",
            ".service(",
        ];
        let found = source
            .code()
            .find(|(_, line)| lists.iter().any(|way| line.contains(way)));
        if let Some((line, _)) = found {
            assert!(
                path.ends_with("web/guard/table.rs"),
                "{path}:{line} lists a URL past the guard"
            );
        }
    }
}

#[test]
fn pages_do_not_import_each_other() {
    let list = fs::read_to_string(root().join("src/web/pages/mod.rs")).unwrap();
    // A module without a route is one that pages share.
    let pages: Vec<_> = list
        .lines()
        .filter_map(|line| {
            line.trim_start_matches("pub ")
                .strip_prefix("mod ")?
                .strip_suffix(';')
        })
        .filter(|module| list.contains(&format!("{module}::")))
        .collect();
    assert!(pages.len() > 10, "{pages:?}");
    for source in sources().filter(|source| source.path.starts_with(root().join("src/web/pages"))) {
        for page in &pages {
            for way in [format!("super::{page}"), format!("pages::{page}")] {
                assert!(
                    !source.text.contains(&way),
                    "{} uses {way}",
                    source.path.display()
                );
            }
        }
    }
}

#[test]
fn nothing_but_the_list_of_routes_knows_the_tutorials_clients() {
    let compat = root().join("src/web/compat");
    let knows = ["compat::", "compat,", "compat}", "mod compat"];
    for source in sources().filter(|source| source.path.starts_with(root().join("src/web"))) {
        let path = source.path.to_str().unwrap();
        let allowed = source.path.starts_with(&compat)
            || ["web/routes.rs", "web/mod.rs"]
                .iter()
                .any(|place| path.ends_with(place));
        let found = source
            .code()
            .find(|(_, line)| knows.iter().any(|way| line.contains(way)));
        if let Some((line, _)) = found {
            assert!(allowed, "{path}:{line} knows the tutorials' clients");
        }
    }
}

/// What spawns a task or a thread besides the list of jobs.
const SPAWNS: &[(&str, &str)] = &[
    (
        "storage/pool.rs",
        "a thread for each connection, and their watch",
    ),
    ("passwords/pool.rs", "the threads that hash"),
    ("cli/log.rs", "the thread that writes the log"),
    ("files/decoder.rs", "the process that decodes an image"),
    (
        "files/upload.rs",
        "an upload that finishes after its request",
    ),
    (
        "files/stray.rs",
        "an upload that is cleared away after its request",
    ),
    (
        "shares/mod.rs",
        "a try of a password that counts without its request",
    ),
    ("blobs/s3.rs", "the parts of one upload"),
    (
        "blobs/watched.rs",
        "the probe of a store that does not respond",
    ),
];

#[test]
fn background_work_is_started_by_the_list_of_jobs_only() {
    let mut met = BTreeSet::new();
    for source in sources() {
        let path = source.path.strip_prefix(root().join("src")).unwrap();
        let path = path.to_str().unwrap();
        for (line, text) in source.code() {
            if text.contains("spawn(")
                || text.contains("spawn_local(")
                || text.contains("JoinSet::new(")
            {
                let known = SPAWNS.iter().any(|(known, _)| *known == path);
                assert!(known, "{path}:{line} starts work: make it a job in jobs.rs");
                met.insert(path.to_owned());
            }
        }
    }
    let known: BTreeSet<_> = SPAWNS.iter().map(|(path, _)| (*path).to_owned()).collect();
    assert_eq!(met, known, "an exception that is not needed any more");
}

#[test]
fn there_is_no_global_state() {
    for source in sources() {
        for (line, code) in source.code() {
            for way in [
                "static mut",
                "OnceLock",
                "LazyLock",
                "lazy_static",
                "thread_local!",
            ] {
                assert!(
                    !code.contains(way),
                    "{}:{line} has {way}",
                    source.path.display()
                );
            }
        }
    }
}

#[test]
fn migrations_have_the_same_names_for_every_database() {
    let names = |database: &str| -> BTreeSet<_> {
        let folder = fs::read_dir(root().join("migrations").join(database)).unwrap();
        folder.map(|entry| entry.unwrap().file_name()).collect()
    };
    assert!(!names("sqlite").is_empty());
    assert_eq!(names("sqlite"), names("postgres"));
    let version =
        |name: &std::ffi::OsString| name.to_str().unwrap().split('_').next().map(str::to_owned);
    let versions: BTreeSet<_> = names("sqlite").iter().map(version).collect();
    assert_eq!(versions.len(), names("sqlite").len());
}

struct Source {
    path: PathBuf,
    text: String,
}

impl Source {
    /// Numbered lines that are code, and not a test of the module's own.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines = self.text.lines().take_while(|line| {
            !line.starts_with("#[cfg(test)]") && !line.starts_with("#[cfg(all(test")
        });
        lines
            .enumerate()
            .map(|(at, line)| (at + 1, line))
            .filter(|(_, line)| !line.trim_start().starts_with("//"))
    }

    /// What is named right after one of these prefixes, alone or in braces.
    fn children_of(&self, prefixes: &[&str]) -> BTreeSet<String> {
        let code: Vec<_> = self.code().map(|(_, line)| line).collect();
        let code = code.join("\n");
        let mut children = BTreeSet::new();
        for prefix in prefixes {
            for (at, _) in code.match_indices(prefix) {
                if code[..at].ends_with("::") {
                    continue;
                }
                let rest = &code[at + prefix.len()..];
                children.extend(first_names(rest).into_iter().map(str::to_owned));
            }
        }
        children
    }

    /// Every module of this crate that is named, with the line.
    fn uses(&self) -> Vec<(usize, String)> {
        let named = |line: &str| -> Vec<String> {
            let after = line.split("crate::").skip(1);
            let word = |text: &str| {
                text.chars()
                    .take_while(|c| c.is_ascii_alphanumeric() || *c == '_')
                    .collect()
            };
            after
                .map(word)
                .filter(|word: &String| !word.is_empty())
                .collect()
        };
        self.code()
            .flat_map(|(at, line)| named(line).into_iter().map(move |word| (at, word)))
            .collect()
    }
}

/// The name at the start of a path, or of each path of a list in braces.
fn first_names(path: &str) -> Vec<&str> {
    let first = |path: &str| -> usize {
        let is_of_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        path.find(|c| !is_of_name(c)).unwrap_or(path.len())
    };
    let Some(list) = path.strip_prefix('{') else {
        return vec![&path[..first(path)]];
    };
    let (mut depth, mut start, mut names) = (0, 0, Vec::new());
    for (at, c) in list.char_indices() {
        let is_end = c == '}' && depth == 0;
        if is_end || c == ',' && depth == 0 {
            let path = list[start..at].trim_start();
            names.push(&path[..first(path)]);
            start = at + 1;
        }
        match c {
            _ if is_end => break,
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
    }
    names.retain(|name| !name.is_empty());
    names
}

fn sources() -> impl Iterator<Item = Source> {
    let mut found = Vec::new();
    let mut folders = vec![root().join("src")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(Source {
                    text: fs::read_to_string(&path).unwrap(),
                    path,
                });
            }
        }
    }
    assert!(found.len() > 30);
    found.into_iter()
}

/// The first part below `src/`; `main.rs` and `lib.rs` belong to none.
fn module_of(path: &Path) -> Option<String> {
    let below = path.strip_prefix(root().join("src")).unwrap();
    let first = below
        .iter()
        .next()
        .unwrap()
        .to_str()
        .unwrap()
        .trim_end_matches(".rs");
    (!["main", "lib"].contains(&first)).then(|| first.to_owned())
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
