//! From measurements to the report.

use crate::{
    args::{Kind, Options, Preset},
    database::Backends,
    notes::{generator_cores, notes},
    probe::{CORES, Outcome, Role, Target},
    session::Measured,
    statements::Database,
    trace::Trace,
};
use perfect21_load::HeaderCount;
use perfect21_monitor::{Baseline, Chart, Measured as Figure, Report, Row, Series, Table, Unit, quantity};
use std::time::Duration;

const RUN_AGAIN: &str = "the run ended before this was measured; run it again";

pub(crate) fn report(options: &Options, backends: &Backends, trace: &Trace, measured: &[Measured]) -> Report {
    let names = ["plain", "tuned"];
    let mut report = Report::new("Perfect21 baseline", names);
    report.partial = cut_short(measured);
    setup(&mut report, options, backends, trace);
    let figure = |read: &dyn Fn(&Measured) -> Figure| {
        [0, 1].map(|index| measured.get(index).map_or_else(|| Figure::no_data(RUN_AGAIN), read))
    };
    for (key, title, rate) in latencies(options) {
        let role = Role::Latency { rate };
        let p95 = |service: &Measured| of(find(service, role), |outcome| seconds(outcome.report.latency.p95));
        report.row(Row::new(
            Baseline::API_P95.named(format!("api_p95{key}"), format!("API P95{title}")),
            figure(&p95),
        ));
        // The guide's first probe is over before the system has counted its CPU time.
        let busy = if rate.is_some() { role } else { Role::Round };
        let cpu = |service: &Measured| cpu(find(service, busy));
        report.row(Row::new(Baseline::CPU.named(format!("cpu{key}"), format!("CPU{title}")), figure(&cpu)));
    }
    let highest = |service: &Measured| of(find(service, Role::Rate), |outcome| outcome.report.rate());
    report.row(Row::new(Baseline::REQUEST_RATE, figure(&highest)));
    report.row(Row::new(
        Baseline::MEMORY,
        figure(&|service| optional(service.memory_peak.map(|bytes| bytes as f64))),
    ));
    report.row(Row::new(Baseline::DB_CONNECT, figure(&connect)));
    report.row(Row::new(Baseline::CACHE_HITS, figure(&steady_hits)));
    charts(&mut report, measured);
    tables(&mut report, measured);
    report.notes = notes(options, measured);
    report
}

fn cut_short(measured: &[Measured]) -> Option<String> {
    measured.iter().find_map(|service| service.cut_short.clone())
}

/// Key and title endings of the latency rows, and the rate they are taken at.
fn latencies(options: &Options) -> Vec<(String, String, Option<f64>)> {
    match options.preset {
        Preset::Guide => vec![(String::new(), String::new(), None)],
        Preset::Trace => {
            let row = |rate: &f64| (format!("_at_{rate}"), format!(" at {rate} requests/s"), Some(*rate));
            options.rates.iter().map(row).collect()
        }
    }
}

fn find(service: &Measured, role: Role) -> Option<&Outcome> {
    service.outcomes.iter().find(|outcome| outcome.probe.role == role)
}

fn of(outcome: Option<&Outcome>, value: impl Fn(&Outcome) -> f64) -> Figure {
    match outcome {
        None => Figure::no_data(RUN_AGAIN),
        Some(outcome) if outcome.report.completed == 0 => Figure::no_data("no request was answered well"),
        Some(outcome) => Figure::value(value(outcome)),
    }
}

fn optional(value: Option<f64>) -> Figure {
    value.map_or_else(|| Figure::no_data(RUN_AGAIN), Figure::value)
}

fn cpu(outcome: Option<&Outcome>) -> Figure {
    let Some(outcome) = outcome else { return Figure::no_data(RUN_AGAIN) };
    let missing = "the system did not tell the process's CPU time";
    outcome.cpu.map_or_else(|| Figure::no_data(missing), Figure::value)
}

fn connect(service: &Measured) -> Figure {
    mean(&service.connects).map_or_else(|| Figure::no_data(RUN_AGAIN), |mean| Figure::value(seconds(mean)))
}

pub(crate) fn mean(durations: &[Duration]) -> Option<Duration> {
    durations.iter().sum::<Duration>().checked_div(durations.len() as u32)
}

pub(crate) fn seconds(duration: Duration) -> f64 {
    duration.as_secs_f64()
}

pub(crate) fn time(duration: Duration) -> String {
    quantity(seconds(duration), Unit::Seconds)
}

/// Hits of the page list's first pass and of the later ones.
pub(crate) fn hits(service: &Measured) -> (HeaderCount, HeaderCount) {
    let mut sums = (HeaderCount::default(), HeaderCount::default());
    for outcome in service.outcomes.iter().filter(|outcome| outcome.probe.target == Target::Pages) {
        for (sum, count) in
            [(&mut sums.0, outcome.report.first_pass), (&mut sums.1, outcome.report.later_passes)]
        {
            sum.responses += count.responses;
            sum.matching += count.matching;
        }
    }
    sums
}

fn steady_hits(service: &Measured) -> Figure {
    if service.kind == Kind::Plain {
        return Figure::no_data("the plain service has no cache; add one as the tuned service does");
    }
    let share = hits(service).1.share();
    let missing = "the list was not sent twice in the time given; raise --duration";
    share.map_or_else(|| Figure::no_data(missing), Figure::value)
}

fn setup(report: &mut Report, options: &Options, backends: &Backends, trace: &Trace) {
    let cores = CORES.map_or_else(|| "unknown".to_owned(), |cores| format!("{cores}"));
    report.setup("database", backends.database_kind);
    report.setup("cache of the tuned service", backends.cache_kind);
    report
        .setup("trace", format!("{}, {} requests for {} pages", trace.name, trace.order.len(), trace.pages));
    report.setup("allowed cores", format!("{cores}, shared by service and generator"));
    match options.preset {
        Preset::Guide => report.setup("preset", "the guide's probes"),
        Preset::Trace => {
            report.setup("each phase", format!("{:?}", options.duration));
            report.setup("connections", options.connections.to_string());
        }
    }
    report.setup("build", if cfg!(debug_assertions) { "debug: figures mean little" } else { "release" });
}

fn charts(report: &mut Report, measured: &[Measured]) {
    let Some(first) = measured.first() else { return };
    let latencies =
        first.outcomes.iter().filter(|outcome| matches!(outcome.probe.role, Role::Latency { .. }));
    for (index, title) in latencies.map(|outcome| outcome.probe.title.clone()).enumerate() {
        let names = ["p50", "p90", "p95", "p99", "p99.9", "max"];
        let mut chart = Chart::lines(format!("latency, {title}"), "share of requests", Unit::Seconds)
            .categories(names)
            .limit("excellent", Baseline::API_P95.excellent)
            .limit("target", Baseline::API_P95.target);
        for service in measured {
            let mut outcomes =
                service.outcomes.iter().filter(|outcome| matches!(outcome.probe.role, Role::Latency { .. }));
            if let Some(outcome) = outcomes.nth(index) {
                let l = &outcome.report.latency;
                let quantiles = [l.p50, l.p90, l.p95, l.p99, l.p999, l.max].map(seconds);
                let points = quantiles.into_iter().enumerate().map(|(x, y)| (x as f64, y));
                chart = chart.series(Series::new(service.kind.name(), points));
            }
        }
        report.charts.push(chart);
    }
    let titles = first.outcomes.iter().map(|outcome| outcome.probe.title.clone());
    let mut rates = Chart::bars("requests/s", titles, Unit::PerSecond);
    let mut memory = Chart::lines("memory (RSS)", "seconds since the service started", Unit::Bytes)
        .limit("excellent", Baseline::MEMORY.excellent)
        .limit("target", Baseline::MEMORY.target);
    for service in measured {
        let phases = service.outcomes.iter().take(first.outcomes.len()).enumerate();
        rates =
            rates.series(Series::new(service.kind.name(), phases.map(|(x, o)| (x as f64, o.report.rate()))));
        let samples = service.outcomes.iter().flat_map(|outcome| outcome.memory.iter().copied());
        memory = memory.series(Series::new(service.kind.name(), samples));
    }
    report.charts.extend([rates, memory]);
}

fn tables(report: &mut Report, measured: &[Measured]) {
    let head = [
        "service",
        "phase",
        "sent",
        "requests/s",
        "errors",
        "P50",
        "P95",
        "P99",
        "service time P95",
        "late",
        "unsent",
        "CPU",
        "generator CPU",
    ];
    let mut phases = Table::new("Phases", head);
    let mut memory = Table::new("Memory (RSS)", ["service", "before", "peak", "after"]);
    let mut connects = Table::new("Database connects", ["service", "number", "average", "max", "min"]);
    let mut caches = Table::new(
        "Cache hit rate of product pages",
        ["service", "first pass", "its ceiling", "later passes", "list sent"],
    );
    for service in measured {
        for outcome in &service.outcomes {
            phases.push(phase(service, outcome));
        }
        let mib =
            |bytes: Option<u64>| bytes.map_or("no data".to_owned(), |b| quantity(b as f64, Unit::Bytes));
        let name = service.kind.name().to_owned();
        memory.push([
            name.clone(),
            mib(service.memory_before),
            mib(service.memory_peak),
            mib(service.memory_after),
        ]);
        let show = |duration: Option<Duration>| duration.map_or("no data".to_owned(), time);
        connects.push([
            name.clone(),
            service.connects.len().to_string(),
            show(mean(&service.connects)),
            show(service.connects.iter().max().copied()),
            show(service.connects.iter().min().copied()),
        ]);
        let (first, later) = hits(service);
        let cached = |share: Option<f64>| match service.kind {
            Kind::Plain => "no cache".to_owned(),
            Kind::Tuned => percent(share),
        };
        caches.push([
            name,
            cached(first.share()),
            percent(Some(service.ceiling)),
            cached(later.share()),
            format!("{:.2} times", service.times_sent()),
        ]);
    }
    report.tables.extend([phases, caches, memory, connects]);
    report
        .tables
        .extend(measured.iter().filter_map(|service| service.database.as_ref()).flat_map(Database::tables));
}

fn phase(service: &Measured, outcome: &Outcome) -> [String; 13] {
    let r = &outcome.report;
    [
        service.kind.name().to_owned(),
        outcome.probe.title.clone(),
        r.sent.to_string(),
        format!("{:.0}", r.rate()),
        errors(outcome),
        time(r.latency.p50),
        time(r.latency.p95),
        time(r.latency.p99),
        time(r.service.p95),
        r.late.to_string(),
        r.unsent.to_string(),
        percent(outcome.cpu),
        generator_cores(outcome),
    ]
}

fn errors(outcome: &Outcome) -> String {
    let kinds: Vec<String> = outcome
        .report
        .errors
        .by_kind()
        .filter(|(_, count)| *count > 0)
        .map(|(kind, count)| format!("{count} {kind}"))
        .collect();
    match kinds.is_empty() {
        true => "0".to_owned(),
        false => format!("{} ({})", percent(Some(outcome.report.error_rate())), kinds.join(", ")),
    }
}

pub(crate) fn percent(share: Option<f64>) -> String {
    share.map_or("no data".to_owned(), |share| format!("{:.1} %", share * 100.0))
}
