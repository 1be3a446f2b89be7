//! Figures of a running server, each an atomic number: counting never waits.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// A number that only increases.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    pub fn count(&self) {
        self.add(1);
    }

    pub fn add(&self, more: u64) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }

    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The upper bounds of a [`Histogram`], in microseconds.
pub const BOUNDS: [u64; 14] = [
    500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000,
    2_500_000, 5_000_000, 10_000_000,
];

/// Durations, counted by ranges.
#[derive(Debug, Default)]
pub struct Histogram {
    /// Those up to each bound and above the one before; the last are above all bounds.
    ranges: [Counter; BOUNDS.len() + 1],
    microseconds: Counter,
}

impl Histogram {
    pub fn note(&self, took: Duration) {
        let took = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let range = BOUNDS.partition_point(|bound| *bound < took);
        self.ranges[range].count();
        self.microseconds.add(took);
    }

    /// For each bound, how many took up to that long; the last is the total.
    pub fn up_to(&self) -> [u64; BOUNDS.len() + 1] {
        let mut sum = 0;
        std::array::from_fn(|range| {
            sum += self.ranges[range].get();
            sum
        })
    }

    pub fn seconds(&self) -> f64 {
        self.microseconds.get() as f64 / 1e6
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_histogram_counts_what_is_up_to_each_bound() {
        let histogram = Histogram::default();
        for microseconds in [0, 500, 501, 10_000_000, 10_000_001] {
            histogram.note(Duration::from_micros(microseconds));
        }
        let up_to = histogram.up_to();
        assert_eq!((up_to[0], up_to[1], up_to[12]), (2, 3, 3));
        assert_eq!((up_to[13], up_to[14]), (4, 5));
        assert!((histogram.seconds() - 20.001_002).abs() < 1e-9);
    }
}
