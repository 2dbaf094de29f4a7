//! Time cut into periods, and each period's bounds as the key's type counts them.

use jiff::{
    Span, Timestamp,
    civil::{Date, DateTime},
    tz::TimeZone,
};
use std::{fmt, time::SystemTime};

/// How long a partition is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Interval {
    /// An hour. With a `timestamptz` key an hour of UTC, whatever the zone, so that each has 3600 s and a name of its
    /// own also when clocks are turned back.
    Hour,
    /// From midnight to midnight, or to the first moment of the day where there is no midnight: 23 to 25 hours.
    Day,
    /// From Monday to Monday, numbered as in ISO 8601.
    Week,
    /// A calendar month.
    Month,
    /// Three months from January, April, July or October.
    Quarter,
    /// From the first of January.
    Year,
}

impl fmt::Display for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
            Self::Quarter => "quarter",
            Self::Year => "year",
        })
    }
}

/// What the key's type makes of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Timestamptz,
    Timestamp,
    Date,
}

impl Kind {
    pub(crate) fn type_name(self) -> &'static str {
        match self {
            Self::Timestamptz => "timestamptz",
            Self::Timestamp => "timestamp",
            Self::Date => "date",
        }
    }
}

/// From the first moment to before the last, in microseconds since 1970: of UTC for `timestamptz`, else of the wall.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Range {
    pub(crate) from: i64,
    pub(crate) to: i64,
}

/// One interval on the calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Period {
    /// Its first moment on the wall, which names it.
    pub(super) label: DateTime,
    pub(crate) range: Range,
}

#[derive(Debug, Clone)]
pub(crate) struct Calendar {
    pub(crate) interval: Interval,
    pub(crate) zone: TimeZone,
    pub(crate) kind: Kind,
}

/// Methods give `None` beyond the years 1 to 9999.
impl Calendar {
    /// This moment as the key's type has it.
    pub(crate) fn now(&self, wall: SystemTime) -> Option<i64> {
        let now = Timestamp::try_from(wall).ok()?;
        match self.kind {
            Kind::Timestamptz => Some(now.as_microsecond()),
            Kind::Timestamp | Kind::Date => micros(self.zone.to_datetime(now)),
        }
    }

    /// The same time of the day so many months before, as the wall has it.
    pub(crate) fn months_before(&self, at: i64, months: u32) -> Option<i64> {
        let before = self.wall(at)?.checked_sub(Span::new().months(months)).ok()?;
        match self.kind {
            Kind::Timestamptz => Some(self.zone.to_timestamp(before).ok()?.as_microsecond()),
            Kind::Timestamp | Kind::Date => micros(before),
        }
    }

    /// The period that a moment is in: the latest that begins at or before it.
    ///
    /// Where clocks are turned back over midnight a day's date comes twice; it begins the first time. Where a whole day
    /// is left out it begins with the next one, and has no period.
    pub(crate) fn period(&self, at: i64) -> Option<Period> {
        let mut label = self.truncate(self.wall(at)?)?;
        while self.start(label)? > at {
            label = self.step(label, -1)?;
        }
        loop {
            let next = self.step(label, 1)?;
            if self.start(next)? > at {
                let range = Range { from: self.start(label)?, to: self.start(next)? };
                return Some(Period { label, range });
            }
            label = next;
        }
    }

    /// A moment as the wall has it, with the zone's offset where the key has one: the server's own zone does not
    /// matter.
    pub(crate) fn render(&self, at: i64) -> Option<String> {
        let moment = Timestamp::from_microsecond(at).ok()?;
        match self.kind {
            Kind::Timestamptz => {
                Some(moment.to_zoned(self.zone.clone()).strftime("%Y-%m-%d %H:%M:%S%.f%:z").to_string())
            }
            Kind::Timestamp => Some(utc(moment).strftime("%Y-%m-%d %H:%M:%S%.f").to_string()),
            Kind::Date => Some(utc(moment).strftime("%Y-%m-%d").to_string()),
        }
    }

    /// What a partition's name ends in.
    pub(crate) fn suffix(&self, period: &Period) -> String {
        let label = period.label;
        match self.interval {
            Interval::Hour => label.strftime("_p%Y_%m_%d_%H").to_string(),
            Interval::Day => label.strftime("_p%Y_%m_%d").to_string(),
            Interval::Week => {
                let week = label.date().iso_week_date();
                format!("_p{:04}_w{:02}", week.year(), week.week())
            }
            Interval::Month => label.strftime("_p%Y_%m").to_string(),
            Interval::Quarter => format!("_p{:04}_q{}", label.year(), (label.month() - 1) / 3 + 1),
            Interval::Year => label.strftime("_p%Y").to_string(),
        }
    }

    fn wall(&self, at: i64) -> Option<DateTime> {
        let moment = Timestamp::from_microsecond(at).ok()?;
        Some(if self.is_zoned() { self.zone.to_datetime(moment) } else { utc(moment) })
    }

    fn is_zoned(&self) -> bool {
        self.kind == Kind::Timestamptz && self.interval != Interval::Hour
    }

    fn start(&self, label: DateTime) -> Option<i64> {
        if self.is_zoned() {
            Some(self.zone.to_timestamp(label).ok()?.as_microsecond())
        } else {
            micros(label)
        }
    }

    fn truncate(&self, wall: DateTime) -> Option<DateTime> {
        let day = wall.date();
        let first = |month| Date::new(day.year(), month, 1).ok();
        let day = match self.interval {
            Interval::Hour => return Some(day.at(wall.hour(), 0, 0, 0)),
            Interval::Day => day,
            Interval::Week => {
                day.checked_sub(Span::new().days(day.weekday().to_monday_zero_offset())).ok()?
            }
            Interval::Month => day.first_of_month(),
            Interval::Quarter => first((day.month() - 1) / 3 * 3 + 1)?,
            Interval::Year => first(1)?,
        };
        Some(day.at(0, 0, 0, 0))
    }

    fn step(&self, label: DateTime, by: i64) -> Option<DateTime> {
        let span = match self.interval {
            Interval::Hour => Span::new().hours(by),
            Interval::Day => Span::new().days(by),
            Interval::Week => Span::new().weeks(by),
            Interval::Month => Span::new().months(by),
            Interval::Quarter => Span::new().months(3 * by),
            Interval::Year => Span::new().years(by),
        };
        // PostgreSQL writes earlier years in another way, and nobody partitions them.
        label.checked_add(span).ok().filter(|label| label.year() >= 1)
    }
}

fn utc(moment: Timestamp) -> DateTime {
    TimeZone::UTC.to_datetime(moment)
}

fn micros(wall: DateTime) -> Option<i64> {
    Some(TimeZone::UTC.to_timestamp(wall).ok()?.as_microsecond())
}
