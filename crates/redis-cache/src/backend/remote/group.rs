//! Many keys, as few commands: those of one slot go together, up to a bound.

use crate::Error;
use std::{collections::HashMap, mem};

const MAX_KEYS: usize = 500;
const MAX_BYTES: usize = 1 << 20;

/// Keys of one slot that go into one command.
pub(super) struct Group<I> {
    pub(super) items: Vec<I>,
    /// Where each was in what the caller gave.
    places: Vec<usize>,
}

/// What came of a group's items, each with its place.
pub(super) type Answers<O> = Vec<(usize, Result<O, Error>)>;

impl<I> Group<I> {
    fn new() -> Self {
        Self { items: Vec::new(), places: Vec::new() }
    }

    /// To each item what came of it; an error to all.
    pub(super) fn answer<O>(self, answers: Result<Vec<Result<O, Error>>, Error>) -> Answers<O> {
        let places = self.places.into_iter();
        match answers {
            Ok(answers) => places.zip(answers).collect(),
            Err(error) => {
                let count = places.len();
                places.zip(same(count, &error)).collect()
            }
        }
    }
}

pub(super) fn groups<I>(items: impl Iterator<Item = (u16, I)>, size: impl Fn(&I) -> usize) -> Vec<Group<I>> {
    let mut open: HashMap<u16, (Group<I>, usize)> = HashMap::new();
    let mut full = Vec::new();
    // Where one server has all keys, they are all of one group.
    let mut last: Option<(u16, (Group<I>, usize))> = None;
    for (place, (slot, item)) in items.enumerate() {
        if last.as_ref().is_none_or(|(of, _)| *of != slot) {
            let next = open.remove(&slot).unwrap_or_else(|| (Group::new(), 0));
            open.extend(last.replace((slot, next)));
        }
        let Some((_, (group, bytes))) = &mut last else { continue };
        let more = size(&item);
        if group.items.len() == MAX_KEYS || (*bytes + more > MAX_BYTES && !group.items.is_empty()) {
            full.push(mem::replace(group, Group::new()));
            *bytes = 0;
        }
        *bytes += more;
        group.items.push(item);
        group.places.push(place);
    }
    open.extend(last);
    full.extend(open.into_values().map(|(group, _)| group));
    full
}

/// In the order of the caller's items.
pub(super) fn spread<O>(count: usize, mut answers: Vec<Answers<O>>) -> Vec<Result<O, Error>> {
    if let [answers] = &mut answers[..]
        && answers.len() == count
    {
        // A single group has its items in order.
        return mem::take(answers).into_iter().map(|(_, answer)| answer).collect();
    }
    let mut all: Vec<Option<Result<O, Error>>> = (0..count).map(|_| None).collect();
    for (place, answer) in answers.into_iter().flatten() {
        all[place] = Some(answer);
    }
    let missing =
        || Error::new(crate::ErrorKind::Server, "redis answered for fewer keys than it was asked for");
    all.into_iter().map(|answer| answer.unwrap_or_else(|| Err(missing()))).collect()
}

/// The error for each of so many.
pub(super) fn same<O>(count: usize, error: &Error) -> Vec<Result<O, Error>> {
    (0..count).map(|_| Err(error.clone())).collect()
}
