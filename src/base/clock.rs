//! The only module that reads the clock.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Seconds since 1970-01-01T00:00:00Z.
pub type UnixSeconds = i64;

/// How far the clock of another server of the same database may be ahead of ours: its tokens are
/// accepted here at once. Applies to the start of a validity, never to its end.
pub const CLOCKS_APART_SECONDS: i64 = 10;

#[derive(Clone, Debug)]
pub enum Clock {
    System,
    /// Does not move until it is set; for tests.
    Fixed(Arc<AtomicI64>),
}

impl Clock {
    pub fn now(&self) -> UnixSeconds {
        match self {
            Clock::System => system_now(),
            Clock::Fixed(seconds) => seconds.load(Ordering::Relaxed),
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "this is where the time is read")]
fn system_now() -> UnixSeconds {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs() as i64)
}

/// Measures how long something took; never goes back and cannot be set.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    #[expect(clippy::disallowed_methods, reason = "this is where the time is read")]
    pub fn start() -> Self {
        Self(Instant::now())
    }

    pub fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// `2026-11-22T01:18:18Z`, the format of `<time datetime>` and RFC 3339.
pub fn rfc3339(at: UnixSeconds) -> String {
    let (date, time) = parts(at);
    let mut text = String::with_capacity(20);
    push_year(&mut text, date.year());
    for (before, number) in [
        ("-", u8::from(date.month())),
        ("-", date.day()),
        ("T", time.hour()),
        (":", time.minute()),
        (":", time.second()),
    ] {
        text.push_str(before);
        push_two(&mut text, number);
    }
    text.push('Z');
    text
}

/// Reads a moment as databases and programs write it: unix seconds, milliseconds, microseconds or
/// nanoseconds; ISO 8601 with `T` or a blank, without seconds or with a fraction, with an offset
/// (`Z`, `+00`, `+0530`, `+05:30`, ` UTC`) or without, which is UTC; the date alone; RFC 2822; and
/// what JavaScript's `Date` turns into as text.
pub fn parse(text: &str) -> Option<UnixSeconds> {
    let text = text.trim();
    parse_number(text)
        .or_else(|| parse_iso(text))
        .or_else(|| parse_words(text))
}

fn parse_number(text: &str) -> Option<UnixSeconds> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    if fraction.is_empty() || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number: i64 = whole.parse().ok()?;
    // Eight digits may also be a date: 20240301.
    if whole.len() == 8 && (whole.starts_with("19") || whole.starts_with("20")) {
        return parse_iso(&format!("{}-{}-{}", &whole[..4], &whole[4..6], &whole[6..]));
    }
    // Fewer seconds would be before March 1973: such a number counts days in a spreadsheet, or
    // is not a date. More would be after the year 5000.
    let per_second = match number.unsigned_abs() {
        0..100_000_000 => return None,
        100_000_000..100_000_000_000 => 1,
        100_000_000_000..100_000_000_000_000 => 1_000,
        100_000_000_000_000..100_000_000_000_000_000 => 1_000_000,
        _ => 1_000_000_000,
    };
    Some(number.div_euclid(per_second))
}

fn parse_iso(text: &str) -> Option<UnixSeconds> {
    let (date, rest) = (text.get(..10)?, &text[10..]);
    let date = date.replace('/', "-");
    let rest = rest
        .strip_prefix(['T', 't', ' '])
        .or(rest.is_empty().then_some("00:00"))?;
    // Java adds the name of the zone.
    let rest = rest.split('[').next().unwrap_or_default();
    let end = rest.find(|c: char| !c.is_ascii_digit() && !matches!(c, ':' | '.' | ','));
    let (time, zone) = rest.split_at(end.unwrap_or(rest.len()));
    let time = time.split(['.', ',']).next().unwrap_or_default();
    let seconds = if time.len() == 5 { ":00" } else { "" };
    rfc3339_to_unix(&format!("{date}T{time}{seconds}{}", offset(zone)?))
}

/// `+05:30` from any of the ways to write it.
fn offset(zone: &str) -> Option<String> {
    let zone = zone.trim();
    let names = ["Z", "z", "UTC", "GMT"];
    let zone = names
        .iter()
        .find_map(|name| zone.strip_suffix(name))
        .unwrap_or(zone)
        .trim();
    let digits: String = zone.chars().skip(1).filter(|c| *c != ':').collect();
    let minutes = match digits.len() {
        _ if zone.is_empty() => return Some("Z".to_owned()),
        2 => "00",
        // PostgreSQL has seconds in the offsets of historical local times.
        4 | 6 => digits.get(2..4)?,
        _ => return None,
    };
    Some(format!("{}{}:{minutes}", zone.get(..1)?, digits.get(..2)?))
}

fn rfc3339_to_unix(text: &str) -> Option<UnixSeconds> {
    let moment = time::OffsetDateTime::parse(text, &time::format_description::well_known::Rfc3339);
    moment.ok().map(time::OffsetDateTime::unix_timestamp)
}

/// `Fri, 01 Mar 2024 12:00:00 GMT`, `Fri Mar 01 2024 12:00:00 GMT+0100 (CET)`
fn parse_words(text: &str) -> Option<UnixSeconds> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let text = match words[..] {
        [_, month, day, year, time, zone, ..] if zone.len() == 8 => {
            format!("{day} {month} {year} {time} {}", zone.strip_prefix("GMT")?)
        }
        _ => text.to_owned(),
    };
    let moment = time::OffsetDateTime::parse(&text, &time::format_description::well_known::Rfc2822);
    moment.ok().map(time::OffsetDateTime::unix_timestamp)
}

/// `22 Nov 2026, 01:18 UTC`, as a person reads it.
pub fn for_reading(at: UnixSeconds) -> String {
    let (date, time) = parts(at);
    let mut text = String::with_capacity(40);
    if date.day() < 10 {
        text.push(char::from(b'0' + date.day()));
    } else {
        push_two(&mut text, date.day());
    }
    text.push(' ');
    text.push_str(MONTHS[usize::from(u8::from(date.month())) - 1]);
    text.push(' ');
    push_year(&mut text, date.year());
    text.push_str(", ");
    push_two(&mut text, time.hour());
    text.push(':');
    push_two(&mut text, time.minute());
    text.push_str(" UTC");
    text
}

/// `22 Nov 2026, 01:18:18 UTC`, for times within minutes.
pub fn for_reading_to_the_second(at: UnixSeconds) -> String {
    let (_, time) = parts(at);
    let seconds = format!(":{:02} UTC", time.second());
    for_reading(at).replace(" UTC", &seconds)
}

/// Formatted by hand, because `format!` of six times shows in the profile of a dashboard. Years
/// have four digits here.
fn push_year(text: &mut String, year: i32) {
    push_two(text, (year / 100 % 100) as u8);
    push_two(text, (year % 100) as u8);
}

fn push_two(text: &mut String, number: u8) {
    text.push(char::from(b'0' + number / 10));
    text.push(char::from(b'0' + number % 10));
}

fn parts(at: UnixSeconds) -> (time::Date, time::Time) {
    let moment =
        time::OffsetDateTime::from_unix_timestamp(at).unwrap_or(time::OffsetDateTime::UNIX_EPOCH);
    (moment.date(), moment.time())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_read_as_others_write_it() {
        for text in [
            "2026-11-22T01:18:18Z",
            "2026-11-22t01:18:18z",
            "2026-11-22 01:18:18",
            "2026-11-22 01:18:18.123456",
            "2026-11-22T02:18:18+01:00",
            "2026-11-21 20:18:18-05:00",
            "1795310298",
            // PostgreSQL's \\copy, MySQL, SQLite.
            "2026-11-22 01:18:18+00",
            "2026-11-22 01:18:18.5+00",
            "2026-11-22 06:48:18+0530",
            "2026-11-22 06:48:18+05:30",
            "2026-11-21 20:18:18-05",
            "2026-11-22 06:48:18+05:30:00",
            // Django, Python, Java, Go, Ruby.
            "2026-11-22T01:18:18.123Z",
            "2026-11-22T01:18:18.123456+00:00",
            "2026-11-22T02:18:18+01:00[Europe/Berlin]",
            "2026-11-22 01:18:18.123456789 +0000 UTC",
            "2026-11-22 01:18:18 UTC",
            "2026/11/22 01:18:18",
            // JavaScript.
            "1795310298123",
            "1795310298.123",
            "1795310298123456",
            "1795310298123456789",
            "Sun, 22 Nov 2026 01:18:18 GMT",
            "Sun Nov 22 2026 02:18:18 GMT+0100 (Central European Standard Time)",
        ] {
            assert_eq!(parse(text), Some(1_795_310_298), "{text}");
        }
        assert_eq!(parse("1970-01-02"), Some(24 * 60 * 60));
        assert_eq!(parse("19700102"), Some(24 * 60 * 60));
        assert_eq!(parse("2026-11-22 01:18"), Some(1_795_310_280));
        for bad in [
            "",
            "yesterday",
            "-1",
            "45352.5",
            "2026-13-01",
            "2026-11-22 25:00:00",
            "22.11.2026",
            "11/22/2026",
            "1e9",
            "é",
            "ééééééééé",
            "infinity",
            "-infinity",
            "0000-00-00 00:00:00",
            "2026-11-22 01:18:18+1",
            "2026-11-22 01:18:18 CET",
            "2026-11-22x01:18:18",
        ] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_moment_is_written_for_machines_and_for_people() {
        assert_eq!(rfc3339(1_795_310_298), "2026-11-22T01:18:18Z");
        assert_eq!(for_reading(0), "1 Jan 1970, 00:00 UTC");
        assert_eq!(for_reading(1_795_310_298), "22 Nov 2026, 01:18 UTC");
        assert_eq!(
            for_reading_to_the_second(1_795_310_298),
            "22 Nov 2026, 01:18:18 UTC"
        );
    }
}
