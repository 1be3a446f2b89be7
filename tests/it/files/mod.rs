//! Files and the links that hand them on.

mod bad_input;
mod download;
mod quotas;
mod scanner;
mod shares;
mod shelf;
pub mod store;
mod thumbnails;
mod upload;

#[cfg(target_os = "linux")]
pub use upload::peak_memory;

use std::fmt::Write;
use std::fs;
use std::io::Cursor;
use std::path::{Path, PathBuf};

use aws_lc_rs::digest::{SHA256, digest};
use image::{DynamicImage, ImageFormat, RgbImage};
use serde_json::Value;

use crate::support::{Browser, Door, Multipart, Reply, wait_until};

const API: &str = "/api/files";
const NOWHERE: &str = "00000000-0000-4000-8000-000000000000";
const MEGABYTE: usize = 1_000_000;

/// The program of somebody who has just signed up.
fn program(door: &Door, username: &str) -> Browser {
    door.program(Some(&door.signed_up(username).access()))
}

fn one(name: impl AsRef<[u8]>, content: impl AsRef<[u8]>) -> Multipart {
    Multipart::new().file("file", name, content)
}

fn described(name: &str, description: &str, content: impl AsRef<[u8]>) -> Multipart {
    let form = Multipart::new().text("description", description);
    form.file("file", name, content)
}

/// Uploads it, and returns its id.
#[track_caller]
fn uploaded(who: &Browser, form: &Multipart) -> String {
    let reply = who.send_files(API, form);
    assert_eq!(reply.status, 201, "{}", reply.body);
    text(&reply.json(), "id").to_owned()
}

fn at(id: &str) -> String {
    format!("{API}/{id}")
}

fn content_of(who: &Browser, id: &str) -> Reply {
    who.get(&format!("{API}/{id}/content"))
}

#[track_caller]
fn text<'a>(json: &'a Value, name: &str) -> &'a str {
    json[name]
        .as_str()
        .unwrap_or_else(|| panic!("no {name} in {json}"))
}

/// Of every item of a list.
fn texts(list: &Value, name: &str) -> Vec<String> {
    let items = list["items"].as_array().unwrap().iter();
    items.map(|item| text(item, name).to_owned()).collect()
}

/// Refused as a program is told it; returns what is said of the fields.
#[track_caller]
fn refused(reply: &Reply, status: u16, code: &str) -> Value {
    let json = reply.json();
    assert_eq!(
        (reply.status, text(&json, "error")),
        (status, code),
        "{json}"
    );
    assert!(!text(&json, "message").is_empty());
    json["fields"].clone()
}

fn sha256(content: &[u8]) -> String {
    let mut digits = String::new();
    for byte in digest(&SHA256, content).as_ref() {
        write!(digits, "{byte:02x}").unwrap();
    }
    digits
}

/// Bytes of no known type, none of which stand where they stood in another piece.
fn noise(bytes: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    let mut all: Vec<u8> = std::iter::repeat_with(next).take(bytes).collect();
    // As nothing begins that is known.
    all[0] = 0xfe;
    all
}

fn image(format: ImageFormat) -> Vec<u8> {
    let pixels = RgbImage::from_fn(200, 100, |x, y| image::Rgb([x as u8, y as u8, 7]));
    let mut bytes = Cursor::new(Vec::new());
    DynamicImage::from(pixels)
        .write_to(&mut bytes, format)
        .unwrap();
    bytes.into_inner()
}

/// Every file below a folder.
pub fn files_below(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    paths
        .flat_map(|path| {
            if path.is_dir() {
                files_below(&path)
            } else {
                vec![path]
            }
        })
        .collect()
}

fn stored(door: &Door) -> Vec<PathBuf> {
    files_below(&door.data_dir().join("files"))
}

fn rows(door: &Door, table: &str) -> i64 {
    door.number(&format!("SELECT count(*) AS n FROM {table}"))
}

/// That there are so many files, each of them whole in store and database and counted on its
/// shelf, and nothing else. What was refused is cleared away behind the answer, so it may take a
/// moment.
#[track_caller]
fn only(door: &Door, files: usize) {
    let count = i64::try_from(files).unwrap();
    wait_until("only the kept files are there", || {
        rows(door, "stray_blobs") == 0 && stored(door).len() == files
    });
    assert_eq!(rows(door, "files"), count);
    let shelves = "SELECT CAST(coalesce(sum(files), 0) AS BIGINT) AS n FROM shelves";
    assert_eq!(door.number(shelves), count);
    let counted = "SELECT CAST(coalesce(sum(bytes), 0) AS BIGINT) AS n FROM shelves";
    let bytes: u64 = stored(door)
        .iter()
        .map(|path| fs::metadata(path).unwrap().len())
        .sum();
    assert_eq!(door.number(counted), i64::try_from(bytes).unwrap());
}
