//! One measurement of one service: a load run, and the process watched beside it.

use crate::{interrupt::Interrupt, progress::Bar, sentence, service::Service, trace::Trace};
use perfect21_host::{CpuShare, Limits};
use perfect21_load::{Plan, PlanBuilder, Report, RequestList, Run};
use std::{
    sync::LazyLock,
    time::{Duration, Instant},
};

const SAMPLE: Duration = Duration::from_millis(100);

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Target {
    Pages,
    Health,
    AuthHealth,
}

/// What a probe is there for; the scoreboard's rows come from these.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Role {
    /// Latency, and CPU where the rate is constant.
    Latency { rate: Option<f64> },
    /// The highest rate.
    Rate,
    /// More requests, for memory or caches.
    Round,
}

#[derive(Debug, Clone)]
pub(crate) struct Probe {
    pub title: String,
    pub role: Role,
    pub target: Target,
    pub plan: PlanBuilder,
}

pub(crate) struct Outcome {
    pub probe: Probe,
    pub report: Report,
    /// Of the allowed cores.
    pub cpu: Option<f64>,
    /// Seconds since the service started, and bytes.
    pub memory: Vec<(f64, f64)>,
}

/// What the probes of one service share: each list goes on where the last probe stopped.
pub(crate) struct Lists {
    pub pages: RequestList,
    health: RequestList,
    auth_health: RequestList,
}

impl Lists {
    pub(crate) fn new(service: &Service, trace: &Trace) -> Result<Self, String> {
        let list = || {
            RequestList::builder(service.ready.address.to_string())
                .header("accept", "application/json")
                .header("accept-encoding", "gzip")
        };
        let pages = (1..=trace.pages).map(|id| format!("/api/products/{id}"));
        let failed = |error: perfect21_load::ConfigError| error.to_string();
        Ok(Self {
            pages: list().gets(pages).order(trace.order.iter().copied()).build().map_err(failed)?,
            health: list().get("/health").build().map_err(failed)?,
            auth_health: list().get("/api/auth/health").build().map_err(failed)?,
        })
    }

    fn of(&self, target: Target) -> &RequestList {
        match target {
            Target::Pages => &self.pages,
            Target::Health => &self.health,
            Target::AuthHealth => &self.auth_health,
        }
    }
}

/// Cores that this process and its children may use.
pub(crate) static CORES: LazyLock<Option<f64>> =
    LazyLock::new(|| Limits::read().ok().map(|limits| limits.cores));

impl Probe {
    pub(crate) fn new(title: impl Into<String>, role: Role, target: Target, plan: PlanBuilder) -> Self {
        Self { title: title.into(), role, target, plan: plan.count_header("x-cache", "HIT") }
    }

    /// Runs to its end, or until the service or the user ends it; the outcome then holds what was measured.
    pub(crate) async fn run(
        self,
        name: &str,
        service: &mut Service,
        started: Instant,
        lists: &Lists,
        interrupt: &Interrupt,
    ) -> Result<Outcome, String> {
        let plan: Plan = self.plan.clone().build().map_err(|error| error.to_string())?;
        let bar = Bar::new(name, &self.title);
        let run = Run::start(plan, service.ready.address, lists.of(self.target).clone())
            .map_err(|error| sentence(&error))?;
        let before = service.usage();
        let mut memory = Vec::new();
        let mut ticks = tokio::time::interval(SAMPLE);
        let report = loop {
            tokio::select! {
                report = run.finished() => break report.map_err(|error| sentence(&error))?,
                _ = ticks.tick() => {}
            }
            bar.show(&run.progress());
            if let Some(usage) = service.usage() {
                memory.push((started.elapsed().as_secs_f64(), usage.rss.get() as f64));
            }
            if interrupt.happened() || service.ended().is_some() {
                run.stopper().stop();
            }
        };
        let share =
            before.zip(service.usage()).and_then(|(before, after)| CpuShare::between(&before, &after));
        let cpu = share.zip(*CORES).map(|(share, cores)| share.of(cores));
        bar.finish(&summary(&report));
        Ok(Outcome { probe: self, report, cpu, memory })
    }
}

fn summary(report: &Report) -> String {
    let errors = match report.errors.total() {
        0 => String::new(),
        errors => format!("  {errors} errors"),
    };
    format!(
        "{:>6.0}/s  p95 {:.1?}  p99 {:.1?}{errors}",
        report.rate(),
        report.latency.p95,
        report.latency.p99
    )
}
