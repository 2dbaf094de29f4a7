//! What a limit tells of itself.

use perfect21_concurrency::{Limit, Observe};
use perfect21_core::{Label, LatencySnapshot, Metric, Reading, Visitor};

#[derive(Default)]
struct Lines(Vec<String>);

impl Visitor for Lines {
    fn counter(&mut self, metric: &Metric, labels: &[Label<'_>], total: u64) {
        self.line(metric, labels, total as f64);
    }

    fn gauge(&mut self, metric: &Metric, labels: &[Label<'_>], reading: Reading) {
        self.line(metric, labels, reading.value.unwrap());
    }

    fn latency(&mut self, _: &Metric, _: &[Label<'_>], _: &LatencySnapshot) {
        unreachable!("a limit keeps no latencies");
    }
}

impl Lines {
    fn line(&mut self, metric: &Metric, labels: &[Label<'_>], value: f64) {
        let labels: Vec<_> = labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
        self.0.push(format!("{}{{{}}} {value}", metric.name, labels.join(",")));
    }
}

#[tokio::test]
async fn numbers_are_labelled_by_name_partition_and_reason() {
    let limit = Limit::builder(2).name("api").max_queue(0).partition("shop", 0.5).build().unwrap();
    let shop = limit.partition("shop").unwrap();
    let _held = [shop.try_acquire().unwrap(), shop.try_acquire().unwrap()];
    assert!(limit.acquire().await.is_err());
    limit.resize(3).unwrap();
    let mut lines = Lines::default();
    limit.observe(&mut lines);
    assert_eq!(
        lines.0,
        [
            "limit{limit=api} 3",
            "limit_in_flight{limit=api} 2",
            "limit_waiting{limit=api} 0",
            "limit_admitted{limit=api} 2",
            "limit_rejected{limit=api,reason=queue_full} 1",
            "limit_rejected{limit=api,reason=waited} 0",
            "limit_rejected{limit=api,reason=displaced} 0",
            "limit_changes{limit=api} 1",
            "limit_partition_in_flight{limit=api,partition=shop} 2",
        ]
    );
}
