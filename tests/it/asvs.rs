//! `docs/asvs.tsv`: which requirements of the OWASP ASVS 5.0 are met, and what shows it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// How many requirements of each chapter are listed.
const CHAPTERS: &[(u32, usize)] = &[
    (1, 2),
    (2, 1),
    (3, 31),
    (4, 1),
    (5, 13),
    (6, 47),
    (7, 19),
    (8, 13),
    (9, 7),
    (11, 24),
    (12, 1),
    (13, 21),
    (14, 2),
    (15, 1),
    (16, 17),
];

struct Requirement<'a> {
    id: &'a str,
    level: &'a str,
    words: &'a str,
    state: &'a str,
    /// Tests as `module::name`, and files.
    shown_by: Vec<&'a str>,
}

#[test]
fn every_requirement_is_listed_once_in_order() {
    let list = list();
    let ids: Vec<_> = requirements(&list)
        .iter()
        .map(|one| numbers(one.id))
        .collect();
    assert!(ids.is_sorted(), "the list is not in the order of its ids");
    let once: BTreeSet<_> = ids.iter().collect();
    assert_eq!(once.len(), ids.len(), "an id is listed twice");
    let mut chapters = BTreeMap::new();
    for [chapter, ..] in ids {
        *chapters.entry(chapter).or_default() += 1;
    }
    assert_eq!(chapters, CHAPTERS.iter().copied().collect());
}

#[test]
fn every_requirement_has_a_level_words_and_a_state() {
    for Requirement {
        id,
        level,
        words,
        state,
        shown_by,
    } in requirements(&list())
    {
        assert!(["1", "2", "3"].contains(&level), "{id}: level {level}");
        assert!(!words.is_empty(), "{id} has no words");
        let reason = |kind: &str| {
            let reason = state.strip_prefix(kind)?.strip_prefix(": ")?;
            (!reason.trim().is_empty()).then_some(reason)
        };
        match state {
            "met" => assert!(!shown_by.is_empty(), "nothing shows that {id} is met"),
            _ if reason("not yet").is_some() => {}
            _ if reason("not applicable").is_some() => {}
            _ => panic!("{id}: the state is “{state}”"),
        }
    }
}

#[test]
fn every_test_and_file_that_shows_a_requirement_exists() {
    for Requirement { id, shown_by, .. } in requirements(&list()) {
        for shown in shown_by {
            match shown.rsplit_once("::") {
                Some((module, name)) => {
                    assert!(is_test(module, name), "{id}: there is no test {shown}");
                }
                None => assert!(root().join(shown).is_file(), "{id}: there is no {shown}"),
            }
        }
    }
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn list() -> String {
    fs::read_to_string(root().join("docs/asvs.tsv")).unwrap()
}

fn requirements(list: &str) -> Vec<Requirement<'_>> {
    let (head, lines) = list.split_once('\n').unwrap();
    assert_eq!(head, "id\tlevel\trequirement\tstate\tshown by");
    let requirement = |line| {
        let columns: Vec<&str> = str::split(line, '\t').collect();
        let &[id, level, words, state, shown_by] = columns.as_slice() else {
            panic!("{} columns: {line}", columns.len());
        };
        Requirement {
            id,
            level,
            words,
            state,
            shown_by: shown_by.split_whitespace().collect(),
        }
    };
    lines.lines().map(requirement).collect()
}

/// `V3.4.1`: chapter, section, requirement.
fn numbers(id: &str) -> [u32; 3] {
    let numbers = id.strip_prefix('V').map(|numbers| numbers.split('.'));
    let numbers = numbers.and_then(|numbers| numbers.map(|one| one.parse().ok()).collect());
    let numbers = numbers.and_then(|numbers: Vec<u32>| numbers.try_into().ok());
    numbers.unwrap_or_else(|| panic!("{id} is not the id of a requirement"))
}

/// True if `tests/it` has this test in this module.
fn is_test(module: &str, name: &str) -> bool {
    let path = Path::new("tests/it").join(module.replace("::", "/"));
    let files = [path.with_extension("rs"), path.join("mod.rs")];
    let source = files
        .iter()
        .find_map(|file| fs::read_to_string(root().join(file)).ok());
    let Some(source) = source else {
        return false;
    };
    let lines: Vec<&str> = source.lines().map(str::trim_start).collect();
    let function = format!("fn {name}(");
    let at = lines.iter().position(|line| line.starts_with(&function));
    // The attributes of a function are directly above it.
    let above = lines.iter().take(at.unwrap_or_default()).rev();
    let mut attributes = above.take_while(|line| !line.is_empty());
    attributes.any(|line| *line == "#[test]")
}
