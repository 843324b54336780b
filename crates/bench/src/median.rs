//! Medians, and alternating measurements of two things.

/// The middle value; the mean of the two middle ones of an even number. 0 of none.
pub(crate) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => 0.0,
        odd if odd % 2 == 1 => sorted[middle],
        _ => f64::midpoint(sorted[middle - 1], sorted[middle]),
    }
}

/// The value below which `share` of the values lie.
pub(crate) fn percentile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = (sorted.len() as f64 * share).ceil() as usize;
    sorted.get(at.saturating_sub(1)).copied().unwrap_or(0.0)
}

/// The medians of two measurements taken by turns, and of the ratio within each turn: so that other load on the machine
/// affects both.
pub(crate) struct Pair {
    pub(crate) peer: f64,
    pub(crate) ours: f64,
    /// Peer to ours.
    pub(crate) ratio: f64,
}

/// Measures the peer, then ours, `rounds` times.
pub(crate) fn by_turns(
    rounds: usize,
    mut peer: impl FnMut() -> anyhow::Result<f64>,
    mut ours: impl FnMut() -> anyhow::Result<f64>,
) -> anyhow::Result<Pair> {
    let (mut peers, mut all_ours, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rounds {
        let (peer, ours) = (peer()?, ours()?);
        peers.push(peer);
        all_ours.push(ours);
        ratios.push(peer / ours);
    }
    Ok(Pair { peer: median(&peers), ours: median(&all_ours), ratio: median(&ratios) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn middle_of_odd_and_even() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), 2.5);
        assert_eq!(median(&[]), 0.0);
    }

    #[test]
    fn percentile_is_a_value_of_the_list() {
        let values: Vec<f64> = (1..=100).map(f64::from).collect();
        assert_eq!(percentile(&values, 0.5), 50.0);
        assert_eq!(percentile(&values, 0.99), 99.0);
        assert_eq!(percentile(&[7.0], 0.99), 7.0);
    }
}
