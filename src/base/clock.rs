//! The only reader of the time.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Seconds since 1970-01-01T00:00:00Z.
pub type UnixSeconds = i64;

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

/// `2026-11-22T01:18:18Z`, as `<time datetime>` and RFC 3339 want it.
pub fn rfc3339(at: UnixSeconds) -> String {
    let (date, time) = parts(at);
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z",
        date.year(),
        u8::from(date.month()),
        date.day(),
        time.hour(),
        time.minute(),
        time.second()
    )
}

/// `22 November 2026, 01:18 UTC`, as a person reads it.
pub fn for_reading(at: UnixSeconds) -> String {
    let (date, time) = parts(at);
    format!(
        "{} {} {}, {:02}:{:02} UTC",
        date.day(),
        date.month(),
        date.year(),
        time.hour(),
        time.minute()
    )
}

/// `22 November 2026, 01:18:18 UTC`, for what ends within minutes.
pub fn for_reading_to_the_second(at: UnixSeconds) -> String {
    let (_, time) = parts(at);
    let seconds = format!(":{:02} UTC", time.second());
    for_reading(at).replace(" UTC", &seconds)
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
    fn a_moment_is_written_for_machines_and_for_people() {
        assert_eq!(rfc3339(1_795_310_298), "2026-11-22T01:18:18Z");
        assert_eq!(for_reading(1_795_310_298), "22 November 2026, 01:18 UTC");
        assert_eq!(
            for_reading_to_the_second(1_795_310_298),
            "22 November 2026, 01:18:18 UTC"
        );
    }
}
