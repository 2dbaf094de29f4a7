//! What a reader of the scoreboard should know.

use crate::{
    args::{Kind, Options, Preset},
    probe::Outcome,
    scoreboard::{hits, mean, percent, seconds, time},
    session::Measured,
};

pub(crate) fn notes(options: &Options, measured: &[Measured]) -> Vec<String> {
    let mut notes = vec![
        match options.preset {
            Preset::Trace => {
                "Latency at a constant rate counts from the moment a request was due, so that a stall is not hidden; \
                 service time beside it counts from when it was sent."
            }
            Preset::Guide => {
                "These are closed loops, as in the guide: they take all the CPU they get, and a stall delays the next \
                 request and so hides itself. The default run measures at constant rates."
            }
        }
        .to_owned(),
    ];
    notes.extend(measured.iter().filter(|service| service.kind == Kind::Tuned).filter_map(cache));
    notes.extend(measured.iter().filter_map(connects));
    notes.extend(measured.iter().map(generator));
    notes.extend(measured.iter().flat_map(unsent));
    notes
}

fn cache(service: &Measured) -> Option<String> {
    let (first, later) = hits(service);
    let whole = first.responses as usize >= service.list;
    let later = later.share().map(|share| format!("{} on {} more", percent(Some(share)), later.responses));
    Some(format!(
        "Cache of the {} service: {} hits on {} requests of {}, which allows at most {}; then {}. The list was sent \
         {:.2} times.",
        service.kind.name(),
        percent(Some(first.share()?)),
        first.responses,
        if whole { "the first pass" } else { "a first pass that was not ended" },
        percent(Some(service.ceiling)),
        later.unwrap_or_else(|| "there was no second pass".to_owned()),
        service.times_sent(),
    ))
}

fn connects(service: &Measured) -> Option<String> {
    Some(format!(
        "{} fresh connects of the {} service to its database, each with a first statement: average {}, max {}, min {}.",
        service.connects.len(),
        service.kind.name(),
        time(mean(&service.connects)?),
        time(*service.connects.iter().max()?),
        time(*service.connects.iter().min()?),
    ))
}

fn generator(service: &Measured) -> String {
    let used: Vec<String> = service
        .outcomes
        .iter()
        .map(|outcome| format!("{} in {}", generator_cores(outcome), outcome.probe.title))
        .collect();
    format!(
        "The load generator itself used, beside the {} service: {}.",
        service.kind.name(),
        used.join(", ")
    )
}

fn unsent(service: &Measured) -> impl Iterator<Item = String> {
    service.outcomes.iter().filter(|outcome| outcome.report.unsent > 0).map(|outcome| {
        format!(
            "The {} service could not take {}: {} requests were due and never sent, so its latency there is better \
             than users would have seen.",
            service.kind.name(),
            outcome.probe.title,
            outcome.report.unsent
        )
    })
}

/// How busy the generator's thread was.
pub(crate) fn generator_cores(outcome: &Outcome) -> String {
    let report = &outcome.report;
    let cores = report.generator_cpu.map(|cpu| seconds(cpu) / seconds(report.elapsed).max(f64::MIN_POSITIVE));
    cores.map_or("no data".to_owned(), |cores| format!("{cores:.2} cores"))
}
