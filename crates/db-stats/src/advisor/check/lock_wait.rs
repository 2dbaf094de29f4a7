//! Who waits for a lock, and who is at the root of it.

use super::{
    super::{
        advice::Advice,
        snapshot::{Backend, Snapshot},
        thresholds::Thresholds,
    },
    connections::who,
    seconds,
};
use perfect21_core::Severity;
use std::{
    collections::{BTreeMap, HashSet},
    fmt::Write as _,
};

/// Most sessions drawn of one tree.
const MAX_DRAWN: usize = 50;

pub(super) fn check(snapshot: &Snapshot, thresholds: &Thresholds) -> Vec<Advice> {
    let backends = snapshot.backends.as_deref().unwrap_or_default();
    let mut behind: BTreeMap<i32, Vec<&Backend>> = BTreeMap::new();
    for backend in backends {
        // One that holds shared locks with others is named once for each.
        let blockers: HashSet<i32> = backend.blocked_by.iter().copied().collect();
        for blocker in blockers {
            behind.entry(blocker).or_default().push(backend);
        }
    }
    let waits = |pid| backends.iter().any(|backend| backend.pid == pid && !backend.blocked_by.is_empty());
    let roots = behind.keys().copied().filter(|pid| !waits(*pid));
    let least = thresholds.long_transaction.as_secs_f64() / 10.0;
    let advice = roots.filter_map(|root| {
        let mut tree =
            Tree { behind: &behind, text: String::new(), drawn: HashSet::from([root]), longest: 0.0 };
        tree.draw(root, 1);
        let (longest, waiting) = (tree.longest, tree.drawn.len() - 1);
        (longest >= least).then(|| advise(backends, root, &tree.text, waiting, longest, thresholds))
    });
    advice.collect()
}

fn advise(
    backends: &[Backend],
    root: i32,
    tree: &str,
    waiting: usize,
    longest: f64,
    thresholds: &Thresholds,
) -> Advice {
    let holder = backends.iter().find(|backend| backend.pid == root);
    let name = holder.map_or_else(|| "another process or a prepared transaction".to_owned(), who);
    let head = holder.map_or_else(String::new, |holder| format!(": {}", doing(holder)));
    let critical = longest >= thresholds.long_transaction.as_secs_f64();
    let severity = if critical { Severity::Critical } else { Severity::Warning };
    let advice = Advice::new("blocked", name, severity)
        .evidence(format!("{waiting} wait, the longest for {}\nprocess {root}{head}{tree}", seconds(longest)))
        .advice("end the transaction at the root, and the others go on; ending those behind it helps little");
    match holder {
        Some(holder) => advice.fix(format!("SELECT pg_catalog.pg_terminate_backend({})", holder.pid)),
        None => advice,
    }
}

fn doing(backend: &Backend) -> String {
    let mut sql = crate::normalize(&backend.query);
    if let Some((end, _)) = sql.char_indices().nth(120) {
        sql.truncate(end);
    }
    format!("{}, {}: {sql}", who(backend), backend.state.as_deref().unwrap_or("unknown state"))
}

struct Tree<'a> {
    behind: &'a BTreeMap<i32, Vec<&'a Backend>>,
    text: String,
    /// Also what stops at a circle, which the server breaks after `deadlock_timeout`.
    drawn: HashSet<i32>,
    longest: f64,
}

impl Tree<'_> {
    fn draw(&mut self, pid: i32, depth: usize) {
        let Some(waiting) = self.behind.get(&pid) else { return };
        for backend in waiting {
            if self.drawn.len() > MAX_DRAWN || !self.drawn.insert(backend.pid) {
                continue;
            }
            self.longest = self.longest.max(backend.state_age.unwrap_or_default());
            let _ =
                write!(self.text, "\n{:>w$}process {}: {}", "", backend.pid, doing(backend), w = depth * 2);
            self.draw(backend.pid, depth + 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn backend(pid: i32, blocked_by: &[i32]) -> Backend {
        Backend {
            pid,
            role: "app".into(),
            state: Some("active".into()),
            state_age: Some(40.0),
            query: format!("UPDATE t SET a = {pid}"),
            blocked_by: blocked_by.to_vec(),
            ..Backend::default()
        }
    }

    fn found(backends: Vec<Backend>) -> Vec<Advice> {
        let mut snapshot = Snapshot::empty();
        snapshot.backends = Ok(backends);
        check(&snapshot, &Thresholds::default())
    }

    #[test]
    fn the_tree_begins_at_who_waits_for_nobody() {
        let found = found(vec![backend(1, &[]), backend(2, &[1, 1]), backend(3, &[1, 2]), backend(4, &[])]);
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].key.as_str(), found[0].fix.len()), ("blocked:app", 1));
        assert_eq!(
            found[0].evidence,
            "2 wait, the longest for 40 s\nprocess 1: app, active: update t set a = $1\
             \n  process 2: app, active: update t set a = $1\n    process 3: app, active: update t set a = $1"
        );
    }

    #[test]
    fn circles_end_and_unknown_roots_are_said() {
        assert_eq!(found(vec![backend(1, &[2]), backend(2, &[1])]), []);
        let found = found(vec![backend(1, &[0]), backend(2, &[1, 3]), backend(3, &[2])]);
        assert_eq!((found.len(), found[0].fix.len()), (1, 0), "a prepared transaction has no process");
    }
}
