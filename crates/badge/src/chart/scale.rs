//! The axis of counts: round numbers from zero to at least the largest.

/// The maximum number of steps between grid lines.
const MOST_LINES: u64 = 5;

/// Where the lines of the grid are: at every multiple of `step` up to `top`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Scale {
    pub(super) step: u64,
    /// Never 0. May lie above every `i64`.
    pub(super) top: u64,
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
