//! Quantiles of heavy-tailed data against exact ones.

use std::time::Duration;

use perfect21_meter::{Latency, LatencyCell, LatencySnapshot};
use proptest::prelude::*;

const QUANTILES: [f64; 8] = [0.0, 0.1, 0.5, 0.9, 0.95, 0.99, 0.999, 1.0];

/// Pareto-distributed nanoseconds: most near `scale`, the largest thousands of times above.
fn heavy_tail() -> impl Strategy<Value = Vec<u64>> {
    let alpha_scale = (0.7..3.0_f64, 1.0..1e7_f64);
    (alpha_scale, prop::collection::vec(0.0..1.0_f64, 1..3000)).prop_map(|((alpha, scale), uniform)| {
        let longest = perfect21_core::latency::MAX.as_nanos() as f64;
        uniform.iter().map(|u| (scale * (1.0 - u).powf(-1.0 / alpha)).min(longest) as u64).collect()
    })
}

fn check(snapshot: &LatencySnapshot, sorted: &[u64]) -> Result<(), TestCaseError> {
    prop_assert_eq!(snapshot.count(), sorted.len() as u64);
    for q in QUANTILES {
        let rank = ((q * sorted.len() as f64).ceil() as usize).max(1);
        let exact = sorted[rank - 1];
        let found = snapshot.quantile(q).unwrap().as_nanos() as u64;
        let error = found.abs_diff(exact) as f64 / exact.max(1) as f64;
        prop_assert!(error <= 0.008, "q = {}: {} for {}", q, found, exact);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn quantiles_are_within_0_8_percent(mut nanos in heavy_tail()) {
        let (latency, cell) = (Latency::new(), LatencyCell::new());
        for &n in &nanos {
            latency.record_nanos(n);
            cell.record(Duration::from_nanos(n));
        }
        nanos.sort_unstable();
        prop_assert_eq!(latency.snapshot(), cell.snapshot());
        check(&latency.snapshot(), &nanos)?;
    }

    #[test]
    fn seconds_record_like_nanoseconds(nanos in 0..1_u64 << 42) {
        let (by_nanos, by_secs) = (LatencyCell::new(), LatencyCell::new());
        by_nanos.record_nanos(nanos);
        by_secs.record_secs(nanos as f64 / 1e9);
        prop_assert_eq!(by_nanos.snapshot(), by_secs.snapshot());
    }
}
