//! Indexes that a failed build left behind: written by all, read by nobody.

use super::super::{advice::Advice, snapshot::Snapshot, thresholds::Thresholds};
use super::bytes;
use perfect21_core::Severity;

pub(super) fn check(snapshot: &Snapshot, _: &Thresholds) -> Vec<Advice> {
    // That of a partitioned table becomes valid when its partitions' are.
    let invalid = snapshot.indexes().iter();
    let invalid = invalid.filter(|index| !index.is_valid && !index.is_being_built && !index.is_partitioned);
    let advice = invalid.map(|index| {
        let size = bytes(index.bytes(snapshot.server.block_size));
        let advice = Advice::new("invalid_index", &index.name, Severity::Warning)
            .evidence(format!("{size}, on {}: not valid, and not being built", index.table_name));
        // What REINDEX CONCURRENTLY leaves has the original beside it.
        let is_leftover = ["_ccnew", "_ccold"].iter().any(|end| {
            index.name.name.rfind(end).is_some_and(|at| {
                index.name.name[at + end.len()..].chars().all(|letter| letter.is_ascii_digit())
            })
        });
        if is_leftover && !index.backs_constraint {
            advice
                .advice("drop it: a rebuild left it beside the original")
                .fix(super::duplicate_index::drop(index))
        } else {
            advice
                .advice("build it anew; if that fails on duplicate rows, repair them first, or drop it")
                .fix(format!("REINDEX INDEX CONCURRENTLY {}", index.name.sql()))
        }
    });
    advice.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advisor::snapshot::Index;

    #[test]
    fn one_that_is_being_built_is_none() {
        for (index, expected) in [
            (Index { is_being_built: true, ..Index::default() }, None),
            (Index { is_valid: true, ..Index::default() }, None),
            (Index { is_partitioned: true, ..Index::default() }, None),
            (Index::default(), Some("REINDEX INDEX CONCURRENTLY \"\".\"\"")),
        ] {
            let mut snapshot = Snapshot::empty();
            snapshot.indexes = Ok(vec![index]);
            let found = check(&snapshot, &Thresholds::default());
            assert_eq!(found.first().map(|advice| advice.fix[0].as_str()), expected);
        }
        let mut index = Index::default();
        index.name.name = "a_ccnew1".into();
        let mut snapshot = Snapshot::empty();
        snapshot.indexes = Ok(vec![index]);
        let found = check(&snapshot, &Thresholds::default());
        assert_eq!(found[0].fix, ["DROP INDEX CONCURRENTLY \"\".\"a_ccnew1\""]);
    }
}
