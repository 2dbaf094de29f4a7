//! What people see while it runs; on standard error, and only on a terminal.

use indicatif::{ProgressBar, ProgressStyle};
use perfect21_load::{Phase, Progress};
use std::time::Duration;

pub(crate) struct Bar(ProgressBar);

impl Bar {
    pub(crate) fn new(service: &str, title: &str) -> Self {
        let bar = ProgressBar::new(1000);
        let template = "{prefix:<28} [{bar:32}] {msg}";
        bar.set_style(
            ProgressStyle::with_template(template)
                .map_or_else(|_| ProgressStyle::default_bar(), |style| style.progress_chars("=> ")),
        );
        bar.set_prefix(format!("{service:<6} {title}"));
        bar.enable_steady_tick(Duration::from_millis(200));
        Self(bar)
    }

    pub(crate) fn show(&self, progress: &Progress) {
        let done = match (progress.planned_requests, progress.planned) {
            (Some(planned), _) => (progress.completed + progress.errors) as f64 / planned.max(1) as f64,
            (None, Some(planned)) => progress.elapsed.as_secs_f64() / planned.as_secs_f64(),
            (None, None) => 0.0,
        };
        self.0.set_position((done.min(1.0) * 1000.0) as u64);
        self.0.set_message(match progress.phase {
            Phase::Connecting => "connecting".to_owned(),
            Phase::WarmUp => "warming up".to_owned(),
            _ => {
                let p95 = progress.p95.map_or(String::new(), |p95| format!("  p95 {p95:.1?}"));
                let errors =
                    if progress.errors > 0 { format!("  {} errors", progress.errors) } else { String::new() };
                format!("{:>6.0}/s{p95}{errors}", progress.rate)
            }
        });
    }

    /// Leaves one line behind.
    pub(crate) fn finish(self, summary: &str) {
        self.0.set_position(1000);
        self.0.finish_with_message(summary.to_owned());
    }
}
