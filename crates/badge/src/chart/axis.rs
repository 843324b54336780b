//! Which buckets of a chart are labelled under the axis. [`draw`](super::draw) calls it.

use tallymark_core::Step;

/// Distances between labels, from the smallest. The last one exceeds the width of any chart.
pub(super) fn strides(step: Step) -> &'static [i32] {
    match step {
        Step::Minute => &[1, 2, 5, 10, 15, 30, 60, 120, 240, 480],
        Step::Hour => &[1, 2, 3, 6, 12, 24, 48, 96, 240, 480],
        Step::Day => &[1, 2, 7, 14, 28, 56, 112, 224, 448],
        Step::Month => &[1, 2, 3, 6, 12, 24, 60, 120, 240, 480],
    }
}

/// Whether a bucket is labelled, if every `stride`th is: the round ones, but days count back from the last, because
/// readers look for it.
pub(super) fn is_labelled(step: Step, bucket: i32, last: i32, stride: i32) -> bool {
    match step {
        Step::Day => last.saturating_sub(bucket).rem_euclid(stride) == 0,
        _ => bucket.rem_euclid(stride) == 0,
    }
}
