//! The whole run: both services, one after the other, and the report.

use crate::{
    args::{Kind, Options, Preset},
    database::{self, Backends},
    interrupt::Interrupt,
    print,
    probe::{Lists, Outcome, Probe, Role, Target},
    scoreboard,
    service::Service,
    statements::Database,
    trace::Trace,
};
use perfect21_load::Plan;
use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
    time::{Duration, Instant},
};

/// The steady state of the caches is read from at least so much of a second pass.
const STEADY_SHARE: usize = 4;
/// A service that is too slow for a whole pass is not waited for.
const STEADY_LONGEST: Duration = Duration::from_secs(20);
const INTERRUPTED: u8 = 130;

/// What was measured of one service.
pub(crate) struct Measured {
    pub kind: Kind,
    pub connects: Vec<Duration>,
    pub outcomes: Vec<Outcome>,
    /// Resident bytes when it was ready, the most it ever had, and after the last probe.
    pub memory_before: Option<u64>,
    pub memory_peak: Option<u64>,
    pub memory_after: Option<u64>,
    /// Requests of the page list that were sent, and its length.
    pub issued: u64,
    pub list: usize,
    /// The best hit rate that one pass allows.
    pub ceiling: f64,
    /// What the service's pool knows of its database, if it is on a server.
    pub database: Option<Database>,
    /// Why there is not more.
    pub cut_short: Option<String>,
}

impl Measured {
    pub(crate) fn times_sent(&self) -> f64 {
        self.issued as f64 / self.list as f64
    }
}

pub(crate) async fn run(options: Options) -> Result<ExitCode, String> {
    let directory = report_directory()?;
    let trace = Trace::read(options.trace.as_deref())?;
    let interrupt = Interrupt::listen();
    let backends = database::prepare(&options.postgres, &options.redis, trace.pages).await?;
    let ended = compare(&options, &backends, &trace, &interrupt, &directory).await;
    backends.remove().await;
    ended
}

/// Measures both services and writes the report, of one of them if the other does not start.
async fn compare(
    options: &Options,
    backends: &Backends,
    trace: &Trace,
    interrupt: &Interrupt,
    directory: &Path,
) -> Result<ExitCode, String> {
    let mut measured = Vec::new();
    let mut not_started = None;
    for kind in [Kind::Plain, Kind::Tuned] {
        match measure(kind, options, backends, trace, interrupt).await {
            Ok(service) => measured.push(service),
            Err(problem) if measured.is_empty() => return Err(problem),
            Err(problem) => not_started = Some(problem),
        }
        if measured.iter().any(|service| service.cut_short.is_some()) {
            break;
        }
    }
    let mut report = scoreboard::report(options, backends, trace, &measured);
    report.partial = report.partial.or(not_started);
    write(directory, &report)?;
    if options.json {
        print(&serde_json::to_string_pretty(&report).map_err(|error| error.to_string())?);
    } else {
        print(&format!("\n{}\nReport: {}", report.to_text(), directory.join("report.html").display()));
    }
    Ok(match (&report.partial, interrupt.happened()) {
        (None, _) => ExitCode::SUCCESS,
        (Some(_), true) => ExitCode::from(INTERRUPTED),
        (Some(_), false) => ExitCode::FAILURE,
    })
}

async fn measure(
    kind: Kind,
    options: &Options,
    backends: &Backends,
    trace: &Trace,
    interrupt: &Interrupt,
) -> Result<Measured, String> {
    let started = Instant::now();
    let mut service = Service::start(kind, backends).await?;
    let lists = Lists::new(&service, trace)?;
    let memory_before = service.usage().map(|usage| usage.rss.get());
    let mut measured = Measured {
        kind,
        connects: service.ready.connects.clone(),
        outcomes: Vec::new(),
        memory_before,
        memory_peak: None,
        memory_after: None,
        issued: 0,
        list: lists.pages.len(),
        ceiling: lists.pages.prefix_ceiling(lists.pages.len() as u64),
        database: None,
        cut_short: None,
    };
    let mut probes = probes(options).into_iter();
    while let Some(probe) = probes.next().or_else(|| steady(&measured, &lists, options)) {
        let title = probe.title.clone();
        match probe.run(kind.name(), &mut service, started, &lists, interrupt).await {
            Ok(outcome) => measured.outcomes.push(outcome),
            Err(problem) => measured.cut_short = Some(format!("{} service, {title}: {problem}", kind.name())),
        }
        if let Some(status) = service.ended() {
            measured.cut_short = Some(format!("the {} service ended during {title} ({status})", kind.name()));
        } else if interrupt.happened() {
            measured.cut_short =
                Some(format!("stopped by Ctrl-C during {title} of the {} service", kind.name()));
        }
        if measured.cut_short.is_some() {
            break;
        }
    }
    measured.issued = lists.pages.issued();
    measured.memory_peak = service.peak_memory().or_else(|| highest(&measured.outcomes));
    measured.memory_after = service.usage().map(|usage| usage.rss.get());
    measured.database = service.stop().await;
    Ok(measured)
}

fn probes(options: &Options) -> Vec<Probe> {
    match options.preset {
        Preset::Trace => trace_probes(options),
        Preset::Guide => guide_probes(),
    }
}

fn trace_probes(options: &Options) -> Vec<Probe> {
    let warm_up = Duration::from_millis(300);
    let open = options.rates.iter().map(|&rate| {
        let plan =
            Plan::open(rate).connections(options.connections).duration(options.duration).warm_up(warm_up);
        Probe::new(format!("open {rate}/s"), Role::Latency { rate: Some(rate) }, Target::Pages, plan)
    });
    let closed = Plan::closed().connections(options.connections).duration(options.duration).warm_up(warm_up);
    let closed = Probe::new(format!("closed {}", options.connections), Role::Rate, Target::Pages, closed);
    open.chain([closed]).collect()
}

fn guide_probes() -> Vec<Probe> {
    let closed = |connections, requests| Plan::closed().connections(connections).requests(requests);
    vec![
        Probe::new("1000 at 10", Role::Latency { rate: None }, Target::Health, closed(10, 1000)),
        Probe::new("5000 at 100", Role::Rate, Target::AuthHealth, closed(100, 5000)),
        Probe::new("10000 at 50", Role::Round, Target::Health, closed(50, 10_000)),
        Probe::new("pages at 50", Role::Round, Target::Pages, closed(50, 20_000)),
    ]
}

/// More of the trace for a service with caches, until the list was sent once and part of it again.
fn steady(measured: &Measured, lists: &Lists, options: &Options) -> Option<Probe> {
    let wanted = lists.pages.len() + lists.pages.len() / STEADY_SHARE;
    let missing = (wanted as u64).checked_sub(lists.pages.issued()).filter(|missing| *missing > 0)?;
    let ran_already = measured.outcomes.iter().any(|outcome| outcome.probe.title == STEADY);
    if measured.kind == Kind::Plain || ran_already {
        return None;
    }
    let plan = Plan::closed().connections(options.connections).requests(missing).duration(STEADY_LONGEST);
    Some(Probe::new(STEADY, Role::Round, Target::Pages, plan))
}

const STEADY: &str = "second pass";

fn highest(outcomes: &[Outcome]) -> Option<u64> {
    let samples = outcomes.iter().flat_map(|outcome| &outcome.memory).map(|(_, bytes)| *bytes as u64);
    samples.max()
}

/// Beside the workspace when run by cargo, else below the current directory.
fn report_directory() -> Result<PathBuf, String> {
    let manifest = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    let base = manifest.and_then(|examples| examples.parent().map(Path::to_owned)).unwrap_or_default();
    let directory = base.join("target/baseline");
    fs::create_dir_all(&directory)
        .map_err(|error| format!("cannot make the report's directory {}: {error}", directory.display()))?;
    Ok(directory)
}

fn write(directory: &Path, report: &perfect21_monitor::Report) -> Result<(), String> {
    let json = serde_json::to_string_pretty(report).map_err(|error| error.to_string())?;
    for (name, text) in
        [("report.html", report.to_html()), ("report.md", report.to_markdown()), ("report.json", json)]
    {
        let path = directory.join(name);
        fs::write(&path, text).map_err(|error| format!("cannot write {}: {error}", path.display()))?;
    }
    Ok(())
}
