//! What people see while it runs; on standard error, and only on a terminal.

use indicatif::{ProgressBar, ProgressStyle};
use std::time::Duration;

pub(crate) struct Steps(ProgressBar);

impl Steps {
    pub(crate) fn new(steps: u64) -> Self {
        let bar = ProgressBar::new(steps);
        let style = ProgressStyle::with_template("[{bar:24}] {elapsed:>4}  {msg}");
        bar.set_style(
            style.map_or_else(|_| ProgressStyle::default_bar(), |style| style.progress_chars("=> ")),
        );
        bar.enable_steady_tick(Duration::from_millis(200));
        Self(bar)
    }

    /// Ends the step before.
    pub(crate) fn begin(&self, what: &'static str) {
        if !self.0.message().is_empty() {
            self.0.inc(1);
        }
        self.0.set_message(what);
    }

    pub(crate) fn finish(self) {
        self.0.finish_and_clear();
    }
}
