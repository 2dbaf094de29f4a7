use super::Watch;
use perfect21_core::{Metric, Observe, Pressure, Reading, Unit, Visitor};

const LEVEL: Metric = Metric::new(
    "memory_watch_level",
    Unit::Count,
    "How short memory is: 0 routine, 1 elevated, 2 critical; no data before the first tick.",
);
const PARTS: Metric = Metric::new("memory_watch_parts", Unit::Count, "Parts that are told to trim.");
const CLEANUPS: Metric = Metric::new("memory_watch_cleanups", Unit::Count, "Clean-ups, by pressure.");
const OBJECTS: Metric = Metric::new("memory_watch_objects", Unit::Count, "Objects that parts dropped.");
const TRIMMED: Metric =
    Metric::new("memory_watch_trimmed", Unit::Bytes, "Bytes that parts say they dropped.");
const RELEASED: Metric = Metric::new(
    "memory_watch_released",
    Unit::Bytes,
    "By how much the process's resident memory fell in clean-ups, whoever freed it.",
);
const PANICS: Metric =
    Metric::new("memory_watch_panics", Unit::Count, "Parts that panicked when told to trim.");

impl Observe for Watch {
    #[allow(clippy::cast_precision_loss, reason = "gauges are floats; exact below 2^53")]
    fn observe(&self, visitor: &mut dyn Visitor) {
        let level = self.last().map_or(Reading::NO_DATA, |tick| {
            let age = self.now().saturating_duration_since(tick.at);
            Reading::aged(f64::from(number(tick.level)), age)
        });
        visitor.gauge(&LEVEL, &[], level);
        visitor.gauge(&PARTS, &[], Reading::now(self.parts() as f64));
        let totals = self.totals();
        for (pressure, cleanups) in ["routine", "elevated", "critical"].into_iter().zip(totals.cleanups) {
            visitor.counter(&CLEANUPS, &[("pressure", pressure)], cleanups);
        }
        visitor.counter(&OBJECTS, &[], totals.trimmed.objects);
        visitor.counter(&TRIMMED, &[], totals.trimmed.bytes);
        visitor.counter(&RELEASED, &[], totals.released);
        visitor.counter(&PANICS, &[], totals.panics);
    }
}

pub(super) fn number(pressure: Pressure) -> u8 {
    match pressure {
        Pressure::Routine => 0,
        Pressure::Elevated => 1,
        // A level that is added later asks for more than those before it.
        _ => 2,
    }
}
