use super::{
    calendar::{Calendar, Interval, Kind, Range},
    wanted,
};
use jiff::{Timestamp, civil, tz::TimeZone};
use proptest::prelude::*;

const INTERVALS: [Interval; 6] =
    [Interval::Hour, Interval::Day, Interval::Week, Interval::Month, Interval::Quarter, Interval::Year];

fn calendar(interval: Interval, zone: &str, kind: Kind) -> Calendar {
    Calendar { interval, zone: TimeZone::get(zone).unwrap(), kind }
}

fn at(text: &str) -> i64 {
    text.parse::<Timestamp>().unwrap().as_microsecond()
}

/// The bounds and the suffix of the period that a moment is in.
fn shown(calendar: &Calendar, moment: i64) -> (String, String, String) {
    let period = calendar.period(moment).unwrap();
    let render = |at| calendar.render(at).unwrap();
    (render(period.range.from), render(period.range.to), calendar.suffix(&period))
}

#[test]
#[allow(clippy::too_many_lines, reason = "a table of cases")]
fn periods_follow_the_calendar_and_the_clocks() {
    for (interval, zone, moment, from, to, suffix) in [
        // Month ends and leap days.
        (
            Interval::Month,
            "UTC",
            "2024-02-29T23:59:59.999999Z",
            "2024-02-01 00:00:00+00:00",
            "2024-03-01 00:00:00+00:00",
            "_p2024_02",
        ),
        (
            Interval::Day,
            "UTC",
            "2024-02-29T12:00:00Z",
            "2024-02-29 00:00:00+00:00",
            "2024-03-01 00:00:00+00:00",
            "_p2024_02_29",
        ),
        (
            Interval::Day,
            "UTC",
            "2023-02-28T12:00:00Z",
            "2023-02-28 00:00:00+00:00",
            "2023-03-01 00:00:00+00:00",
            "_p2023_02_28",
        ),
        // In Berlin it is April two hours before.
        (
            Interval::Month,
            "Europe/Berlin",
            "2024-03-31T22:00:00Z",
            "2024-04-01 00:00:00+02:00",
            "2024-05-01 00:00:00+02:00",
            "_p2024_04",
        ),
        (
            Interval::Month,
            "Europe/Berlin",
            "2024-03-31T21:59:59Z",
            "2024-03-01 00:00:00+01:00",
            "2024-04-01 00:00:00+02:00",
            "_p2024_03",
        ),
        (
            Interval::Day,
            "Europe/Berlin",
            "2024-03-31T12:00:00Z",
            "2024-03-31 00:00:00+01:00",
            "2024-04-01 00:00:00+02:00",
            "_p2024_03_31",
        ),
        (
            Interval::Day,
            "Europe/Berlin",
            "2024-10-27T12:00:00Z",
            "2024-10-27 00:00:00+02:00",
            "2024-10-28 00:00:00+01:00",
            "_p2024_10_27",
        ),
        // Without midnight: the day begins at one; and over midnight the clocks are turned back.
        (
            Interval::Day,
            "America/Sao_Paulo",
            "2018-11-04T12:00:00Z",
            "2018-11-04 01:00:00-02:00",
            "2018-11-05 00:00:00-02:00",
            "_p2018_11_04",
        ),
        (
            Interval::Day,
            "America/Sao_Paulo",
            "2018-02-18T02:30:00Z",
            "2018-02-17 00:00:00-02:00",
            "2018-02-18 00:00:00-03:00",
            "_p2018_02_17",
        ),
        // By half an hour.
        (
            Interval::Day,
            "Australia/Lord_Howe",
            "2024-10-05T20:00:00Z",
            "2024-10-06 00:00:00+10:30",
            "2024-10-07 00:00:00+11:00",
            "_p2024_10_06",
        ),
        // A day that never was.
        (
            Interval::Day,
            "Pacific/Apia",
            "2011-12-30T09:59:59Z",
            "2011-12-29 00:00:00-10:00",
            "2011-12-31 00:00:00+14:00",
            "_p2011_12_29",
        ),
        // Weeks begin on Monday, and belong to the year of their Thursday.
        (
            Interval::Week,
            "UTC",
            "2024-12-31T00:00:00Z",
            "2024-12-30 00:00:00+00:00",
            "2025-01-06 00:00:00+00:00",
            "_p2025_w01",
        ),
        (
            Interval::Week,
            "UTC",
            "2021-01-03T23:00:00Z",
            "2020-12-28 00:00:00+00:00",
            "2021-01-04 00:00:00+00:00",
            "_p2020_w53",
        ),
        (
            Interval::Quarter,
            "UTC",
            "2024-08-15T00:00:00Z",
            "2024-07-01 00:00:00+00:00",
            "2024-10-01 00:00:00+00:00",
            "_p2024_q3",
        ),
        (
            Interval::Year,
            "Asia/Kolkata",
            "2024-12-31T18:30:00Z",
            "2025-01-01 00:00:00+05:30",
            "2026-01-01 00:00:00+05:30",
            "_p2025",
        ),
        // An hour of UTC, shown as the wall has it; both of those that the wall calls two o'clock.
        (
            Interval::Hour,
            "Europe/Berlin",
            "2024-10-27T00:30:00Z",
            "2024-10-27 02:00:00+02:00",
            "2024-10-27 02:00:00+01:00",
            "_p2024_10_27_00",
        ),
        (
            Interval::Hour,
            "Europe/Berlin",
            "2024-10-27T01:30:00Z",
            "2024-10-27 02:00:00+01:00",
            "2024-10-27 03:00:00+01:00",
            "_p2024_10_27_01",
        ),
    ] {
        let seen = shown(&calendar(interval, zone, Kind::Timestamptz), at(moment));
        assert_eq!(
            seen,
            (from.to_owned(), to.to_owned(), suffix.to_owned()),
            "{interval} of {moment} in {zone}"
        );
    }
}

#[test]
fn a_key_without_a_zone_takes_only_now_from_it() {
    let moment = "2024-03-31T22:30:00Z".parse::<Timestamp>().unwrap();
    for (kind, from, to) in [
        (Kind::Timestamp, "2024-04-01 00:00:00", "2024-05-01 00:00:00"),
        (Kind::Date, "2024-04-01", "2024-05-01"),
    ] {
        let calendar = calendar(Interval::Month, "Europe/Berlin", kind);
        let now = calendar.now(moment.into()).unwrap();
        assert_eq!(shown(&calendar, now), (from.to_owned(), to.to_owned(), "_p2024_04".to_owned()));
    }
}

#[test]
fn months_before_keep_to_the_end_of_the_month() {
    let calendar = calendar(Interval::Month, "Europe/Berlin", Kind::Timestamptz);
    let before = calendar.months_before(at("2024-03-31T10:00:00Z"), 1).unwrap();
    assert_eq!(calendar.render(before).unwrap(), "2024-02-29 12:00:00+01:00");
    assert_eq!(calendar.months_before(at("2024-03-31T10:00:00Z"), 200_000), None, "beyond the calendar");
}

#[test]
fn the_calendar_ends_with_an_answer() {
    for kind in [Kind::Timestamptz, Kind::Timestamp, Kind::Date] {
        let calendar = calendar(Interval::Year, "UTC", kind);
        assert_eq!(calendar.period(at("-000001-06-01T00:00:00Z")), None);
        assert_eq!(calendar.period(at("9999-06-01T00:00:00Z")), None);
        assert_eq!(calendar.period(i64::MAX), None);
    }
}

#[test]
fn only_what_nobody_covers_is_wanted() {
    let calendar = calendar(Interval::Month, "UTC", Kind::Timestamptz);
    let range = |from, to| Range { from: at(from), to: at(to) };
    // One of half a month, one over a year's end that is in the middle of things, and a month missed.
    let existing = [
        range("2023-10-10T00:00:00Z", "2023-11-01T00:00:00Z"),
        range("2023-12-10T00:00:00Z", "2024-01-20T00:00:00Z"),
    ];
    let shown = |cutoff: Option<i64>| {
        let pieces = wanted::pieces(&calendar, &existing, at("2024-01-15T00:00:00Z"), 1, cutoff).unwrap();
        let render = |at| calendar.render(at).unwrap()[..10].to_owned();
        pieces.iter().map(|piece| (render(piece.range.from), render(piece.range.to))).collect::<Vec<_>>()
    };
    let pair = |from: &str, to: &str| (from.to_owned(), to.to_owned());
    let ahead = [pair("2024-01-20", "2024-02-01"), pair("2024-02-01", "2024-03-01")];
    let back = [pair("2023-12-01", "2023-12-10"), pair("2023-11-01", "2023-12-01")];
    assert_eq!(shown(None), [&ahead[..], &back[..]].concat());
    assert_eq!(shown(Some(at("2023-12-05T00:00:00Z"))), [&ahead[..], &back[..1]].concat());
}

fn zones() -> impl Strategy<Value = String> {
    let names: Vec<String> = jiff::tz::db().available().map(|name| name.to_string()).collect();
    assert!(names.len() > 300, "a time zone database is here: {}", names.len());
    prop::sample::select(names)
}

proptest! {
    /// Each moment is in exactly one period, and the next one begins where it ends.
    #[test]
    fn periods_tile_time(
        zone in zones(),
        nth in 0..INTERVALS.len(),
        zoned in any::<bool>(),
        seconds in -3_000_000_000_i64..6_000_000_000,
        micros in 0_i64..1_000_000,
    ) {
        let kind = if zoned { Kind::Timestamptz } else { Kind::Timestamp };
        let calendar = calendar(INTERVALS[nth], &zone, kind);
        let moment = seconds * 1_000_000 + micros;
        let period = calendar.period(moment).unwrap();
        let Range { from, to } = period.range;
        prop_assert!(from <= moment && moment < to);
        for inside in [from, to - 1, from + (to - from) / 2] {
            prop_assert_eq!(calendar.period(inside).unwrap(), period);
        }
        let (next, before) = (calendar.period(to).unwrap(), calendar.period(from - 1).unwrap());
        prop_assert_eq!((next.range.from, before.range.to), (to, from));
        let suffixes = [calendar.suffix(&before), calendar.suffix(&period), calendar.suffix(&next)];
        prop_assert!(suffixes[0] != suffixes[1] && suffixes[1] != suffixes[2], "{suffixes:?}");
        // What is written is read back as the same moment.
        let text = calendar.render(from).unwrap();
        let read = match kind {
            Kind::Timestamptz => text.replacen(' ', "T", 1).parse::<Timestamp>().unwrap(),
            _ => TimeZone::UTC.to_timestamp(text.parse::<civil::DateTime>().unwrap()).unwrap(),
        };
        prop_assert_eq!(read.as_microsecond(), from);
    }

    /// With what is made, there is neither gap nor overlap.
    #[test]
    fn pieces_fill_what_is_free(
        nth in 1..INTERVALS.len(),
        starts in prop::collection::vec((0_i64..2_000_000, 1_i64..400_000), 0..6),
        premake in 0_u32..5,
    ) {
        let calendar = calendar(INTERVALS[nth], "Europe/Berlin", Kind::Timestamptz);
        let base = at("2024-01-01T00:00:00Z");
        let mut existing: Vec<Range> = Vec::new();
        let mut end = base;
        for (gap, length) in starts {
            let from = end + gap * 1_000_000;
            end = from + length * 1_000_000;
            existing.push(Range { from, to: end });
        }
        let now = end;
        let pieces = wanted::pieces(&calendar, &existing, now, premake, None).unwrap();
        let first = existing.first().map_or(now, |range| range.from);
        let mut all: Vec<Range> = existing.iter().copied().chain(pieces.iter().map(|piece| piece.range)).collect();
        all.sort_unstable();
        for pair in all.windows(2) {
            prop_assert_eq!(pair[0].to, pair[1].from);
        }
        let covered = all.iter().any(|range| range.from <= now && now < range.to);
        prop_assert!(covered && all[0].from <= first);
    }
}
