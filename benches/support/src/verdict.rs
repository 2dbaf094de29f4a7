use crate::{measure::Cost, op::Case, targets::Target};

/// The table's head, in Markdown.
pub(crate) const HEAD: &str = "\
| case | ours ns | peer | peer ns | ratio (p10 to p90) | together | target | result |
|---|---|---|---|---|---|---|---|";

/// How much worse than the last value is a loss.
const LOSS: f64 = 1.10;

/// A case's cost held against its target.
#[derive(Debug)]
pub(crate) struct Verdict {
    /// `None` where the threads hardly ever ran at once.
    cost: Option<Cost>,
    target: Option<Target>,
    name: String,
}

impl Verdict {
    pub(crate) fn new(case: &Case, cost: Option<Cost>, target: Option<&Target>) -> Self {
        Self { cost, target: target.cloned(), name: format!("{} against {}", case.name, case.peer) }
    }

    /// Whether the cost is within its target; `None` where there is none.
    pub(crate) fn met(&self) -> Option<bool> {
        let target = self.target.as_ref()?;
        let Some(cost) = self.cost else { return Some(false) };
        let limits = [(cost.ours, target.max_ns), (cost.ratio, target.max_ratio)];
        let mut met = limits.into_iter().filter_map(|(cost, limit)| Some(cost <= limit?)).peekable();
        met.peek()?;
        Some(met.all(|met| met))
    }

    /// Why `--check` fails, if it does.
    pub(crate) fn failure(&self) -> Option<String> {
        let target = self.target.as_ref()?;
        let Some(cost) = self.cost else { return Some(format!("not measured: {}", self.name)) };
        if self.met() == Some(false) && target.known_miss.is_none() {
            return Some(format!("missed: {}", self.name));
        }
        let lasts = [("ns", cost.ours, target.last_ns), ("ratio", cost.ratio, target.last_ratio)];
        lasts.into_iter().find_map(|(unit, cost, last)| {
            let last = last?;
            (cost > last * LOSS).then(|| format!("lost: {} {unit} {cost:.2}, last {last:.2}", self.name))
        })
    }

    /// The case's row of the table.
    pub(crate) fn row(&self, case: &Case) -> String {
        let Some(Cost { ours, theirs, ratio, spread: (low, high), together }) = self.cost else {
            return format!(
                "| {} | | {} | | | | | not measured: its threads hardly ran at once |",
                case.name, case.peer
            );
        };
        let limits = self.target.iter().flat_map(|target| {
            [target.max_ns.map(|ns| format!("≤ {ns} ns")), target.max_ratio.map(|ratio| format!("≤ {ratio}"))]
        });
        let limits = limits.flatten().collect::<Vec<_>>().join(", ");
        let together = together * 100.0;
        format!(
            "| {} | {ours:.1} | {} | {theirs:.1} | {ratio:.3} ({low:.3} to {high:.3}) | {together:.0} % | {limits} | {} |",
            case.name,
            case.peer,
            self.result(),
        )
    }

    fn result(&self) -> String {
        let known = self.target.as_ref().and_then(|target| target.known_miss.as_deref());
        match (self.met(), known) {
            (None, _) => String::new(),
            (Some(true), _) => "met".to_owned(),
            (Some(false), None) => "missed".to_owned(),
            (Some(false), Some(reason)) => format!("missed: {reason}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::op::Op;

    fn verdict(target: &Target) -> Verdict {
        let case = Case::new("a", 1, Op::each(|n| n), "b", Op::each(|n| n));
        let cost = Cost { ours: 5.0, theirs: 10.0, ratio: 0.5, spread: (0.4, 0.6), together: 1.0 };
        Verdict::new(&case, Some(cost), Some(target))
    }

    #[test]
    fn a_known_miss_passes_and_a_loss_does_not() {
        let none = Target::default();
        let missed = Target { max_ns: Some(6.0), max_ratio: Some(0.4), ..none.clone() };
        let known = Target { known_miss: Some("physics".into()), ..missed.clone() };
        let cases = [
            (none.clone(), None, None),
            (Target { max_ns: Some(5.0), ..none.clone() }, Some(true), None),
            (missed, Some(false), Some("missed")),
            (known.clone(), Some(false), None),
            (Target { last_ns: Some(4.6), ..known.clone() }, Some(false), None),
            (Target { last_ns: Some(4.5), ..known }, Some(false), Some("lost")),
            (Target { last_ratio: Some(0.4), ..none }, None, Some("lost")),
        ];
        for (target, met, failure) in cases {
            let verdict = verdict(&target);
            assert_eq!(verdict.met(), met, "{verdict:?}");
            let found = verdict.failure();
            assert_eq!(found.as_deref().and_then(|text| text.split(':').next()), failure, "{verdict:?}");
        }
    }
}
