//! What there is to do, decided from the catalog and the clock alone.

use super::{
    Action, Expired, Partitions, Retention, Step,
    calendar::{Calendar, Interval, Kind, Range},
    catalog::{Left, Mark, Parent, Part},
    statements::{Bounds, Rescue, drop_empty},
    wanted,
};
use crate::{TableName, error::Error};

/// One thing to do.
#[derive(Debug)]
pub(super) enum Work {
    Unfence,
    Finalize(Part),
    Finish(Left, Bounds),
    GiveBack(Left),
    Clear(Left),
    Create {
        suffix: String,
        bounds: Bounds,
    },
    Detach(Part),
    Drop(Part),
    /// Detached by an earlier run that did not come to drop it.
    DropLeft(Left),
}

impl Partitions {
    pub(super) fn calendar(&self, parent: &Parent) -> Result<Calendar, Error> {
        if parent.kind == Kind::Date && self.interval == Interval::Hour {
            return Err(Error::unfit(format!(
                "the key of {} is a date, which has no hours; an interval of a day or longer is right",
                parent.name
            )));
        }
        Ok(Calendar { interval: self.interval, zone: self.zone.clone(), kind: parent.kind })
    }

    /// First what an earlier run left, since it stands in the way.
    pub(super) fn repairs(&self, parent: &Parent) -> Vec<Work> {
        let mut works = Vec::new();
        if parent.default.as_ref().is_some_and(|default| !default.fences.is_empty()) {
            works.push(Work::Unfence);
        }
        works.extend(parent.parts.iter().filter(|part| part.pending).cloned().map(Work::Finalize));
        works
    }

    /// Then what is missing; rows that an earlier run left outside come first.
    pub(super) fn creations(&self, parent: &Parent) -> Result<Vec<Work>, Error> {
        let calendar = self.calendar(parent)?;
        let mut taken: Vec<Range> = parent.parts.iter().map(|part| part.range).collect();
        let mut works = Vec::new();
        for left in &parent.left {
            let Mark::Staged(range) = left.mark else { continue };
            let free = taken.iter().all(|other| other.to <= range.from || range.to <= other.from);
            works.push(match (left.empty, free) {
                (true, _) => Work::Clear(left.clone()),
                (false, true) => {
                    taken.push(range);
                    Work::Finish(left.clone(), bounds(&calendar, range)?)
                }
                (false, false) => Work::GiveBack(left.clone()),
            });
        }
        // A table to be given back needs what is created here: its rows may have no other place.
        taken.sort_unstable();
        let now = self.now(&calendar)?;
        let cutoff = self.cutoff(&calendar, now)?;
        let pieces = wanted::pieces(&calendar, &taken, now, self.premake, cutoff).ok_or_else(beyond)?;
        for piece in pieces {
            let suffix = calendar.suffix(&piece.period);
            works.push(Work::Create { suffix, bounds: bounds(&calendar, piece.range)? });
        }
        works.sort_by_key(|work| matches!(work, Work::GiveBack(_)));
        Ok(works)
    }

    /// At last what is past its time.
    pub(super) fn expiries(&self, parent: &Parent) -> Result<Vec<Work>, Error> {
        let calendar = self.calendar(parent)?;
        let Some(cutoff) = self.cutoff(&calendar, self.now(&calendar)?)? else { return Ok(Vec::new()) };
        let mut works = Vec::new();
        if self.expired == Expired::Drop {
            let due = |left: &&Left| matches!(left.mark, Mark::Expired(to) if to <= cutoff);
            works.extend(parent.left.iter().filter(due).cloned().map(Work::DropLeft));
        }
        let expired = wanted::expired(&parent.parts, cutoff).into_iter();
        match self.expired {
            Expired::Keep => {}
            Expired::Detach => works.extend(expired.map(Work::Detach)),
            Expired::Drop => works.extend(expired.map(Work::Drop)),
        }
        Ok(works)
    }

    fn now(&self, calendar: &Calendar) -> Result<i64, Error> {
        calendar.now(self.clock.wall()).ok_or_else(beyond)
    }

    fn cutoff(&self, calendar: &Calendar, now: i64) -> Result<Option<i64>, Error> {
        let Some(retention) = self.retention else { return Ok(None) };
        let cutoff = match retention {
            Retention::Months(months) => calendar.months_before(now, months),
            Retention::Intervals(intervals) => (0..intervals)
                .try_fold(calendar.period(now).ok_or_else(beyond)?, |period, _| {
                    calendar.period(period.range.from.checked_sub(1)?)
                })
                .map(|period| period.range.from),
        };
        // Kept for longer than there is a calendar: for ever.
        Ok(cutoff)
    }

    /// A work as it is shown; `name` is the one that a new table would get.
    pub(super) fn shown(&self, parent: &Parent, work: &Work, name: Option<TableName>) -> Step {
        let words = |bounds: &Bounds| Some((bounds.from.clone(), bounds.to.clone()));
        let table = name.unwrap_or_else(|| work.table(parent).clone());
        let (action, bounds, statements) = match work {
            Work::Unfence => (Action::Unfence, None, parent.unfence()),
            Work::Finalize(part) => (Action::Finalize, None, vec![parent.finalize(part)]),
            Work::Finish(_, bounds) => {
                let rescue = parent.rescue(&table, bounds, self.batch, false);
                let attach = parent.attach(&table, bounds, self.rescue(parent, bounds, true));
                (Action::Finish, words(bounds), rescue.into_iter().chain(attach).collect())
            }
            Work::GiveBack(left) => {
                let rows = parent.give_back(&left.name, self.batch);
                (Action::GiveBack, None, [vec![rows], drop_empty(&left.name)].concat())
            }
            Work::Clear(left) => (Action::Clear, None, drop_empty(&left.name)),
            Work::Create { bounds, .. } => {
                (Action::Create, words(bounds), self.creation(parent, &table, bounds))
            }
            Work::Detach(part) => (Action::Detach, None, vec![parent.detach(part)]),
            Work::Drop(part) => {
                let drop = format!("DROP TABLE {}", part.name);
                (Action::Drop, None, vec![parent.mark_expired(part), parent.detach(part), drop])
            }
            Work::DropLeft(left) => (Action::Drop, None, vec![format!("DROP TABLE {}", left.name)]),
        };
        Step { action, table, bounds, statements }
    }

    fn creation(&self, parent: &Parent, table: &TableName, bounds: &Bounds) -> Vec<String> {
        let mut statements = parent.stage(table, bounds);
        statements.extend(parent.rescue(table, bounds, self.batch, false).filter(|_| parent.is_movable()));
        if self.is_fenced(parent)
            && let Some((add, validate, drop)) = parent.fence(bounds)
        {
            statements.extend([add, validate]);
            statements.extend(parent.attach(table, bounds, Rescue::None));
            statements.push(drop);
        } else {
            statements.extend(parent.attach(table, bounds, self.rescue(parent, bounds, false)));
        }
        statements
    }

    /// Rows of the range keep coming if some are there, or if it has begun.
    pub(super) fn rescue(&self, parent: &Parent, bounds: &Bounds, rows: bool) -> Rescue {
        let now = self.calendar(parent).and_then(|calendar| self.now(&calendar));
        match parent.is_movable() {
            false => Rescue::None,
            true if rows || now.is_ok_and(|now| bounds.range.from <= now) => Rescue::Busy,
            true => Rescue::Quiet,
        }
    }

    /// Whether the default partition is too large to be read under its lock.
    pub(super) fn is_fenced(&self, parent: &Parent) -> bool {
        parent.default.as_ref().is_some_and(|default| default.bytes > self.scan_limit.get())
    }
}

impl Work {
    /// The partition that there is after it.
    pub(super) fn part(&self, parent: &Parent) -> Option<Part> {
        let (Self::Create { bounds, .. } | Self::Finish(_, bounds)) = self else { return None };
        let name = self.table(parent).clone();
        Some(Part { name, range: bounds.range, pending: false, ordinary: true })
    }

    /// The table that it is about; of one that is not yet made, its parent.
    pub(super) fn table<'a>(&'a self, parent: &'a Parent) -> &'a TableName {
        match self {
            Self::Unfence => parent.default.as_ref().map_or(&parent.name, |default| &default.name),
            Self::Create { .. } => &parent.name,
            Self::Finalize(part) | Self::Detach(part) | Self::Drop(part) => &part.name,
            Self::Finish(left, _) | Self::GiveBack(left) | Self::Clear(left) | Self::DropLeft(left) => {
                &left.name
            }
        }
    }
}

impl Parent {
    pub(super) fn is_movable(&self) -> bool {
        self.default.as_ref().is_some_and(|default| default.fixed.is_none())
    }
}

fn bounds(calendar: &Calendar, range: Range) -> Result<Bounds, Error> {
    let render = |at| calendar.render(at).ok_or_else(beyond);
    Ok(Bounds { range, from: render(range.from)?, to: render(range.to)? })
}

#[cold]
fn beyond() -> Error {
    Error::unfit("the clock, or a bound, is beyond the years 1 to 9999")
}
