//! The only reader of the time.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Seconds since 1970-01-01T00:00:00Z.
pub type UnixSeconds = i64;

/// How far the clock of another server of the same database may be ahead of ours: its tokens are
/// good here at once. Applies to when something began, never to when it ends.
pub const CLOCKS_APART_SECONDS: i64 = 10;

#[derive(Clone, Debug)]
pub enum Clock {
    System,
    /// Stands still until it is set; for tests.
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
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// `2026-11-22T01:18:18Z`, as `<time datetime>` and RFC 3339 want it.
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

/// Reads a moment as databases and programs write it: `2026-11-22T01:18:18Z`, the same with a
/// blank for the `T`, with a fraction, with an offset or without (it is UTC then), the date
/// alone, or unix seconds.
pub fn parse(text: &str) -> Option<UnixSeconds> {
    if let Ok(seconds) = text.parse() {
        return Some(seconds);
    }
    let (date, time) = text
        .split_once(['T', 't', ' '])
        .unwrap_or((text, "00:00:00Z"));
    let zone = if time.contains(['Z', 'z', '+', '-']) {
        ""
    } else {
        "Z"
    };
    let text = format!("{date}T{time}{zone}");
    let moment = time::OffsetDateTime::parse(&text, &time::format_description::well_known::Rfc3339);
    moment.ok().map(time::OffsetDateTime::unix_timestamp)
}

/// `22 November 2026, 01:18 UTC`, as a person reads it.
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

/// `22 November 2026, 01:18:18 UTC`, for what ends within minutes.
pub fn for_reading_to_the_second(at: UnixSeconds) -> String {
    let (_, time) = parts(at);
    let seconds = format!(":{:02} UTC", time.second());
    for_reading(at).replace(" UTC", &seconds)
}

/// By hand, because `format!` of six times shows in the profile of a dashboard. Years have four
/// digits here.
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
        ] {
            assert_eq!(parse(text), Some(1_795_310_298), "{text}");
        }
        assert_eq!(parse("1970-01-02"), Some(24 * 60 * 60));
        for bad in [
            "",
            "yesterday",
            "2026-13-01",
            "2026-11-22 25:00:00",
            "22.11.2026",
            "1e9",
            "é",
        ] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_moment_is_written_for_machines_and_for_people() {
        assert_eq!(rfc3339(1_795_310_298), "2026-11-22T01:18:18Z");
        assert_eq!(for_reading(0), "1 January 1970, 00:00 UTC");
        assert_eq!(for_reading(1_795_310_298), "22 November 2026, 01:18 UTC");
        assert_eq!(
            for_reading_to_the_second(1_795_310_298),
            "22 November 2026, 01:18:18 UTC"
        );
    }
}
