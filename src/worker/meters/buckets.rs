//! A histogram: how many measurements were at most so long. Pure.

use serde::Serialize;

/// The upper bounds, in seconds. What is longer is counted beyond the last.
pub const BOUNDS: [f64; 16] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0];

/// Measurements, by their length.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Buckets {
    /// How many fell between each bound and the one before; the last is of those beyond all bounds.
    pub counts: [u64; BOUNDS.len() + 1],
    /// All of them together, in seconds.
    pub sum: f64,
}

impl Buckets {
    /// Adds a measurement, in seconds.
    pub fn add(&mut self, seconds: f64) {
        let index = BOUNDS.partition_point(|bound| *bound < seconds);
        if let Some(count) = self.counts.get_mut(index) {
            *count += 1;
        }
        self.sum += seconds;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_measurement_falls_under_the_first_bound_that_it_does_not_exceed() {
        let mut buckets = Buckets::default();
        for seconds in [0.0, 0.001, 0.0011, 1.0, 300.0, 301.0] {
            buckets.add(seconds);
        }
        let filled: Vec<(usize, u64)> =
            buckets.counts.into_iter().enumerate().filter(|(_, count)| *count > 0).collect();
        assert_eq!(filled, [(0, 2), (1, 1), (9, 1), (15, 1), (16, 1)]);
        assert!((buckets.sum - 602.0021).abs() < 1e-9);
    }
}
