//! The axis of counts: round numbers from zero to at least the largest.

/// The maximum number of steps between grid lines.
const MOST_LINES: u64 = 5;
/// A spike is more than this many times as high as nearly all others.
const SPIKE: i64 = 5;
/// How many others there must be, and the least count of a spike: below these, nothing is usual yet.
const OTHERS: usize = 5;
const LEAST_SPIKE: i64 = 20;

/// Where the lines of the grid are: at every multiple of `step` up to `top`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Scale {
    pub(super) step: u64,
    /// Never 0. May lie above every `i64`.
    pub(super) top: u64,
}

/// What the axis has to reach: the largest count, unless few stand far above all others and would flatten them.
pub(super) fn reach(counts: impl Iterator<Item = i64>) -> i64 {
    let mut counts: Vec<i64> = counts.filter(|&count| count > 0).collect();
    counts.sort_unstable();
    let Some((&most, others)) = counts.split_last() else { return 0 };
    if others.len() < OTHERS || most < LEAST_SPIKE {
        return most;
    }
    // All but one in twenty are at most this.
    let usual = others[(others.len() * 95).div_ceil(100) - 1];
    if most / SPIKE <= usual {
        return most;
    }
    // What is not far above it is not cut off.
    let near = others.iter().rev().find(|&&count| count / 2 <= usual);
    (usual + usual / 2 + 1).max(near.copied().unwrap_or(usual))
}

impl Scale {
    /// The finest scale of 1, 2 or 5 times a power of ten that reaches `most` in five steps.
    pub(super) fn of(most: i64) -> Scale {
        let most = most.max(1).unsigned_abs();
        let mut unit = 1;
        loop {
            for step in [unit, 2 * unit, 5 * unit] {
                let lines = most.div_ceil(step);
                if lines <= MOST_LINES {
                    return Scale { step, top: step * lines };
                }
            }
            // i64::MAX is reached with 2 * 10^18, long before this overflows.
            unit *= 10;
        }
    }

    /// Whether a count goes beyond the plot.
    pub(super) fn is_passed_by(self, count: i64) -> bool {
        count.max(0).unsigned_abs() > self.top
    }

    pub(super) fn lines(self) -> impl Iterator<Item = u64> {
        (0..=self.top / self.step).map(move |line| line * self.step)
    }

    /// The height of a count, in the unit of `height`. A count that is not zero is visible.
    pub(super) fn height(self, count: i64, height: u32) -> u32 {
        let exact = u128::from(count.max(0).unsigned_abs()) * u128::from(height) / u128::from(self.top);
        u32::try_from(exact).unwrap_or(height).min(height)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lines_are_at_round_numbers() {
        let lines = |most| Scale::of(most).lines().collect::<Vec<_>>();
        assert_eq!(lines(0), [0, 1]);
        assert_eq!(lines(3), [0, 1, 2, 3]);
        assert_eq!(lines(6), [0, 2, 4, 6]);
        assert_eq!(lines(11), [0, 5, 10, 15]);
        assert_eq!(lines(51_000), [0, 20_000, 40_000, 60_000]);
        assert_eq!(lines(100), [0, 20, 40, 60, 80, 100]);
    }

    #[test]
    fn largest_count_has_a_scale() {
        let scale = Scale::of(i64::MAX);
        assert_eq!(scale, Scale { step: 2_000_000_000_000_000_000, top: 10_000_000_000_000_000_000 });
        assert_eq!(scale.height(i64::MAX, 1000), 922);
    }

    #[test]
    fn a_spike_does_not_flatten_the_rest() {
        let with = |spikes: &[i64]| {
            let usual = (0..28).map(|day| 80 + day % 20);
            reach(usual.chain(spikes.iter().copied()))
        };
        assert_eq!(with(&[]), 99);
        assert_eq!(with(&[400]), 400);
        assert_eq!(with(&[5000]), 148);
        assert_eq!(with(&[5000, 900]), 149);
        assert_eq!(with(&[5000, 190]), 190);
        assert_eq!(with(&[i64::MAX, 0, -5]), 148);
        // What has grown is no spike, and neither is the first day of a new name.
        assert_eq!(with(&[5000, 5000, 5000, 5000]), 5000);
        assert_eq!(reach((0..30).map(|day| 1 << day)), 1 << 29);
        assert_eq!(reach([1, 1, 1, 1, 900].into_iter()), 900);
        assert_eq!(reach([1, 1, 1, 1, 1, 1, 12].into_iter()), 12);
        assert_eq!(reach(std::iter::empty()), 0);
        assert!(Scale::of(149).is_passed_by(5000) && !Scale::of(149).is_passed_by(150));
    }

    proptest! {
        #[test]
        fn every_count_is_reached_in_two_to_five_steps(most in 2..=i64::MAX) {
            let scale = Scale::of(most);
            prop_assert!(scale.top >= most.unsigned_abs() && scale.lines().count() <= 6);
            prop_assert!(scale.lines().count() >= 3);
        }

        #[test]
        fn no_count_stands_above_the_top(most: i64, count: i64) {
            prop_assert!(Scale::of(most).height(count, 1680) <= 1680);
        }
    }
}
