//! The axis of counts: round numbers from zero to at least the largest, at equal distances or by powers of ten.

/// The maximum number of steps between grid lines.
const MOST_LINES: u64 = 5;
/// A spike is more than this many times as high as nearly all others.
const SPIKE: i64 = 5;
/// How many others there must be, and the least count of a spike: below these, nothing is usual yet.
const OTHERS: usize = 5;
const LEAST_SPIKE: i64 = 20;
/// So many powers of ten have lines at their 2 and 5, too.
const FEW_POWERS: u32 = 2;

/// How counts are spread over the axis.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum AxisScale {
    /// Twice the count is twice as high. A spike is broken, so that it does not flatten the rest.
    #[default]
    Linear,
    /// Each power of ten is as high as the one below it. Zero is on the axis, below the lowest power of ten.
    Log,
}

impl AxisScale {
    /// Both with their words.
    pub const EVERY: [(&str, AxisScale); 2] = [("linear", AxisScale::Linear), ("log", AxisScale::Log)];

    /// The word in addresses.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            AxisScale::Linear => "linear",
            AxisScale::Log => "log",
        }
    }
}

/// Where the lines of the grid are, and where counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Scale {
    lines: GridLines,
    /// Never 0. May lie above every `i64`.
    top: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum GridLines {
    /// At every multiple of this.
    Every(u64),
    /// At zero, and at powers of ten from the `lowest` on.
    Powers {
        /// The exponent of the lowest.
        lowest: u32,
        /// So many powers of ten are from one line to the next.
        stride: u32,
        /// With the 2 and the 5 of each power.
        between: bool,
    },
}

/// What the axis has to reach: the largest count, unless a few are far above all others and would flatten them.
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
    /// The scale for these counts; `None` if all are zero.
    pub(super) fn of(axis: AxisScale, counts: impl Iterator<Item = i64> + Clone) -> Option<Scale> {
        match axis {
            AxisScale::Linear => Some(reach(counts)).filter(|&most| most > 0).map(Scale::linear),
            AxisScale::Log => {
                let counts = counts.filter(|&count| count > 0);
                counts.clone().min().zip(counts.max()).map(|(least, most)| Scale::log(least, most))
            }
        }
    }

    /// The finest scale of 1, 2 or 5 times a power of ten that reaches `most` in five steps.
    fn linear(most: i64) -> Scale {
        let most = most.max(1).unsigned_abs();
        let mut unit = 1;
        loop {
            for step in [unit, 2 * unit, 5 * unit] {
                let lines = most.div_ceil(step);
                if lines <= MOST_LINES {
                    return Scale { lines: GridLines::Every(step), top: step * lines };
                }
            }
            // i64::MAX is reached with 2 * 10^18, long before this overflows.
            unit *= 10;
        }
    }

    /// From the power of ten below `least` to the next 1, 2 or 5 times a power of ten above `most`.
    fn log(least: i64, most: i64) -> Scale {
        let (least, most) = (least.max(1).unsigned_abs(), most.max(1).unsigned_abs());
        let lowest = least.ilog10();
        // 10^19 is above every count, and is a u64.
        let top =
            round_numbers().find(|&(_, _, number)| number >= most).map_or(u64::MAX, |(.., number)| number);
        let powers = top.ilog10().saturating_sub(lowest);
        let stride = powers.div_ceil(MOST_LINES as u32).max(1);
        Scale { lines: GridLines::Powers { lowest, stride, between: powers <= FEW_POWERS }, top }
    }

    /// Whether a count goes beyond the plot.
    pub(super) fn is_passed_by(self, count: i64) -> bool {
        count.max(0).unsigned_abs() > self.top
    }

    /// The numbers at the lines.
    pub(super) fn lines(self) -> Vec<u64> {
        match self.lines {
            GridLines::Every(step) => (0..=self.top / step).map(|line| line * step).collect(),
            GridLines::Powers { lowest, stride, between } => {
                let is_line = |power: u32, digit: u64| {
                    power >= lowest && (between || digit == 1 && (power - lowest).is_multiple_of(stride))
                };
                let numbers = round_numbers().filter(|&(power, digit, _)| is_line(power, digit));
                let numbers = numbers.map(|(.., number)| number).take_while(|&number| number <= self.top);
                [0].into_iter().chain(numbers).collect()
            }
        }
    }

    /// The height of a count, in the unit of `height`.
    pub(super) fn height(self, count: i64, height: u32) -> u32 {
        self.height_of(count.max(0).unsigned_abs(), height)
    }

    /// The height of a line.
    pub(super) fn height_of(self, number: u64, height: u32) -> u32 {
        let (part, whole) = match self.lines {
            GridLines::Every(_) => (u128::from(number), u128::from(self.top)),
            GridLines::Powers { lowest, stride, .. } => {
                // From the axis to the lowest power it is as far as from one line to the next.
                let (below, base) = (log2(10) * stride, log2(10u64.pow(lowest)));
                let over = |number: u64| u128::from((below + log2(number)).saturating_sub(base));
                (if number == 0 { 0 } else { over(number) }, over(self.top))
            }
        };
        let exact = part * u128::from(height) / whole.max(1);
        u32::try_from(exact).unwrap_or(height).min(height)
    }
}

/// 1, 2 and 5 times every power of ten, each with the exponent and the digit.
fn round_numbers() -> impl Iterator<Item = (u32, u64, u64)> {
    (0..=19).flat_map(|power| {
        let digits = [1, 2, 5].into_iter();
        digits.filter_map(move |digit| Some((power, digit, 10u64.checked_pow(power)?.checked_mul(digit)?)))
    })
}

/// The binary logarithm in units of 2^-16; 0 of 0. In integers, so that a picture has the same bytes on every machine.
fn log2(number: u64) -> u32 {
    let Some(whole) = number.checked_ilog2() else { return 0 };
    // Between 1 and 2, in units of 2^-63.
    let mut rest = number << (63 - whole);
    let mut log = whole;
    for _ in 0..16 {
        let square = u128::from(rest) * u128::from(rest);
        let doubled = square >> 127;
        log = log << 1 | doubled as u32;
        rest = (square >> (63 + doubled)) as u64;
    }
    log
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lines_are_at_round_numbers() {
        let lines = |most| Scale::linear(most).lines();
        assert_eq!(lines(0), [0, 1]);
        assert_eq!(lines(3), [0, 1, 2, 3]);
        assert_eq!(lines(6), [0, 2, 4, 6]);
        assert_eq!(lines(11), [0, 5, 10, 15]);
        assert_eq!(lines(51_000), [0, 20_000, 40_000, 60_000]);
        assert_eq!(lines(100), [0, 20, 40, 60, 80, 100]);
    }

    #[test]
    fn largest_count_has_a_scale() {
        let scale = Scale::linear(i64::MAX);
        let lines = GridLines::Every(2_000_000_000_000_000_000);
        assert_eq!(scale, Scale { lines, top: 10_000_000_000_000_000_000 });
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
        assert!(Scale::linear(149).is_passed_by(5000) && !Scale::linear(149).is_passed_by(150));
    }

    #[test]
    fn powers_of_ten_are_equally_far_from_each_other_and_zero_is_below_them() {
        let lines = |least, most| Scale::log(least, most).lines();
        assert_eq!(lines(1, 1), [0, 1]);
        assert_eq!(lines(3, 8), [0, 1, 2, 5, 10]);
        assert_eq!(lines(120, 900), [0, 100, 200, 500, 1000]);
        assert_eq!(lines(7, 4321), [0, 1, 10, 100, 1000]);
        assert_eq!(lines(2000, 900_000), [0, 1000, 10_000, 100_000, 1_000_000]);
        let long = Scale::log(1, i64::MAX);
        assert_eq!(long.lines(), [0, 1, 10_000, 100_000_000, 1_000_000_000_000, 10_000_000_000_000_000]);
        assert_eq!((long.height(0, 1700), long.height(i64::MAX, 1700)), (0, 1697));
        let scale = Scale::log(1, 100_000);
        let heights: Vec<u32> = scale.lines().iter().map(|&line| scale.height_of(line, 6000)).collect();
        // The digits of a logarithm end somewhere.
        assert_eq!(heights, [0, 999, 1999, 2999, 3999, 4999, 6000]);
        assert!(!scale.is_passed_by(100_000));
    }

    proptest! {
        #[test]
        fn a_logarithm_orders_counts_as_they_are(least in 1..=i64::MAX, counts in prop::collection::vec(0..=i64::MAX, 2..9)) {
            let most = counts.iter().copied().fold(least, i64::max);
            let scale = Scale::log(least, most);
            let mut counts: Vec<i64> = counts.into_iter().filter(|&count| count == 0 || count >= least).collect();
            counts.sort_unstable();
            let heights: Vec<u32> = counts.iter().map(|&count| scale.height(count, 1700)).collect();
            prop_assert!(heights.is_sorted() && heights.iter().all(|&height| height <= 1700), "{:?}", heights);
            prop_assert!(counts.iter().zip(&heights).all(|(&count, &height)| (count == 0) == (height == 0)));
            let lines: Vec<u32> = scale.lines().iter().map(|&line| scale.height_of(line, 1700)).collect();
            prop_assert!(lines.len() <= 10 && lines.windows(2).all(|pair| pair[1] >= pair[0] + 130), "{:?}", lines);
        }

        #[test]
        fn every_count_is_reached_in_two_to_five_steps(most in 2..=i64::MAX) {
            let scale = Scale::linear(most);
            prop_assert!(scale.top >= most.unsigned_abs() && scale.lines().len() <= 6);
            prop_assert!(scale.lines().len() >= 3);
        }

        #[test]
        fn no_count_stands_above_the_top(most: i64, count: i64) {
            prop_assert!(Scale::linear(most).height(count, 1680) <= 1680);
        }
    }
}
