//! Which ranges are missing, and which are past their time: arithmetic without a server.

use super::{
    calendar::{Calendar, Period, Range},
    catalog::Part,
};

/// The most partitions that one run makes; further gaps are filled by the next ones.
const MAX_PIECES: usize = 2000;
/// How many periods back gaps are looked for.
const MAX_BACK: usize = 100_000;

/// A period, or what others left of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) period: Period,
    pub(super) range: Range,
}

/// What is missing from the period of now to the last one ahead, then back to the first partition, but for what is past
/// its time. `None` beyond the calendar.
pub(super) fn pieces(
    calendar: &Calendar,
    existing: &[Range],
    now: i64,
    premake: u32,
    cutoff: Option<i64>,
) -> Option<Vec<Piece>> {
    let mut pieces = Vec::new();
    let current = calendar.period(now)?;
    let mut period = current;
    for _ in 0..=premake {
        uncovered(&period, existing, &mut pieces);
        period = calendar.period(period.range.to)?;
    }
    let first = existing.iter().map(|range| if range.from == i64::MIN { range.to } else { range.from }).min();
    // A period that is only partly past its time is kept, and so it is made.
    let kept = cutoff.and_then(|cutoff| calendar.period(cutoff)).map_or(i64::MIN, |period| period.range.from);
    let first = first.unwrap_or(now).max(kept);
    let mut period = current;
    for _ in 0..MAX_BACK {
        if pieces.len() >= MAX_PIECES || period.range.from <= first {
            break;
        }
        let Some(before) = calendar.period(period.range.from - 1) else { break };
        period = before;
        // The first partition may begin within it; what is before that was never there.
        let known = Period { range: Range { from: period.range.from.max(first), ..period.range }, ..period };
        uncovered(&known, existing, &mut pieces);
    }
    pieces.truncate(MAX_PIECES);
    Some(pieces)
}

fn uncovered(period: &Period, existing: &[Range], pieces: &mut Vec<Piece>) {
    let Range { mut from, to } = period.range;
    let begin = existing.partition_point(|range| range.to <= from);
    for range in &existing[begin..] {
        if range.from >= to {
            break;
        }
        if range.from > from {
            pieces.push(Piece { period: *period, range: Range { from, to: range.from } });
        }
        from = from.max(range.to);
    }
    if from < to {
        pieces.push(Piece { period: *period, range: Range { from, to } });
    }
}

/// Partitions that end at or before the cut, oldest first; never all of them, nor foreign tables.
pub(super) fn expired(parts: &[Part], cutoff: i64) -> Vec<Part> {
    let last = parts.iter().map(|part| part.range.to).max();
    let gone = |part: &&Part| {
        part.range.to <= cutoff && Some(part.range.to) != last && part.ordinary && !part.pending
    };
    parts.iter().filter(gone).cloned().collect()
}
