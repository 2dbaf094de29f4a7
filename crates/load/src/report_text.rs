use crate::{
    plan::Mode,
    report::{HeaderCount, Quantiles, Report},
};
use perfect21_core::Bytes;
use std::{fmt, time::Duration};

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.mode {
            Mode::Closed => write!(f, "closed, {} connections", self.connections)?,
            Mode::Open { rate } => write!(f, "open, {rate} requests/s, {} connections", self.connections)?,
        }
        writeln!(
            f,
            ", {:.2} s{}",
            self.elapsed.as_secs_f64(),
            if self.stopped_early { " (stopped early)" } else { "" }
        )?;
        writeln!(
            f,
            "  {:.1} answers/s: {} sent, {} completed, {} errors ({:.2} %), {} received",
            self.rate(),
            self.sent,
            self.completed,
            self.errors.total(),
            self.error_rate() * 100.0,
            Bytes::new(self.bytes_in),
        )?;
        if let Mode::Open { .. } = self.mode {
            writeln!(f, "  latency  {}  (from when each request was due)", Line(&self.latency))?;
            writeln!(f, "  service  {}  (from when it was sent)", Line(&self.service))?;
        } else {
            writeln!(f, "  latency  {}", Line(&self.latency))?;
        }
        self.write_troubles(f)?;
        for (name, count) in [("first pass", self.first_pass), ("later passes", self.later_passes)] {
            if let HeaderCount { responses, matching: 1.., .. } = count {
                let share = count.share().unwrap_or_default() * 100.0;
                writeln!(f, "  counted header, {name}: {} of {responses} ({share:.1} %)", count.matching)?;
            }
        }
        match self.generator_cpu {
            Some(cpu) => write!(f, "  generator CPU {:.2} s", cpu.as_secs_f64()),
            None => f.write_str("  generator CPU no data"),
        }
    }
}

impl Report {
    fn write_troubles(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let errors = self.errors.by_kind();
        let others = [("late", self.late), ("unsent", self.unsent), ("reconnects", self.reconnects)];
        let mut separator = "  ";
        for (name, count) in errors.chain(others).filter(|(_, count)| *count > 0) {
            write!(f, "{separator}{name} {count}")?;
            separator = ", ";
        }
        if separator == ", " { writeln!(f) } else { Ok(()) }
    }
}

struct Line<'a>(&'a Quantiles);

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Quantiles { count, p50, p90, p95, p99, p999, max, .. } = self.0;
        if *count == 0 {
            return f.write_str("no data");
        }
        write!(
            f,
            "p50 {}  p90 {}  p95 {}  p99 {}  p99.9 {}  max {}",
            Short(*p50),
            Short(*p90),
            Short(*p95),
            Short(*p99),
            Short(*p999),
            Short(*max)
        )
    }
}

/// A duration in milliseconds with about three digits.
pub(crate) struct Short(pub(crate) Duration);

impl fmt::Display for Short {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = self.0.as_secs_f64() * 1e3;
        let digits = match ms {
            ..1.0 => 3,
            ..10.0 => 2,
            ..100.0 => 1,
            _ => 0,
        };
        write!(f, "{ms:.digits$} ms")
    }
}
