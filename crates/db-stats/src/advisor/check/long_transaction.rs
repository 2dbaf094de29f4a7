//! Transactions that are open for long, and what else keeps dead rows from being taken away.

use super::{
    super::{
        advice::{Advice, Plain},
        snapshot::{Backend, Snapshot},
        thresholds::Thresholds,
    },
    connections::who,
    count, seconds,
};
use crate::sql::Literal;
use perfect21_core::Severity;
use std::collections::BTreeMap;

/// Transactions since then: fewer rows do not matter.
const OLD_XMIN: i64 = 1_000_000;

pub(super) fn check(snapshot: &Snapshot, thresholds: &Thresholds) -> Vec<Advice> {
    let backends = snapshot.backends.as_deref().unwrap_or_default();
    let mut found = sessions(backends, thresholds);
    let prepared = snapshot.prepared.as_deref().unwrap_or_default().iter();
    found.extend(prepared.filter(|prepared| prepared.age >= thresholds.long_transaction.as_secs_f64()).map(|prepared| {
        Advice::new("prepared_transaction", Plain(&prepared.gid), Severity::Warning)
            .evidence(format!(
                "of {} in the database {}, prepared {} ago; {} transactions since: it keeps its locks and all dead rows",
                prepared.role, prepared.database, seconds(prepared.age), prepared.xid_age
            ))
            .advice("ask its coordinator; then COMMIT PREPARED or ROLLBACK PREPARED in its database: neither is taken back")
            .fix(format!("ROLLBACK PREPARED {}", Literal(&prepared.gid).to_string().trim_start()))
    }));
    let slots = snapshot.slots.as_deref().unwrap_or_default().iter();
    found.extend(slots.filter(|slot| slot.xmin_age >= Some(OLD_XMIN)).map(|slot| {
        Advice::new("xmin_held", format!("slot {}", Plain(&slot.name)), Severity::Warning)
            .evidence(format!(
                "a {} slot keeps dead rows since {} transactions",
                slot.kind,
                slot.xmin_age.unwrap_or(0)
            ))
            .advice("let its reader go on, or drop the slot if nobody reads it any more")
    }));
    let standbys = backends.iter().filter(|backend| backend.is_sender && backend.xmin_age >= Some(OLD_XMIN));
    found.extend(standbys.map(|backend| {
        Advice::new("xmin_held", format!("standby {}", who(backend)), Severity::Warning)
            .evidence(format!(
                "hot_standby_feedback keeps dead rows since {} transactions",
                backend.xmin_age.unwrap_or(0)
            ))
            .advice("end the long query on the standby, or turn its hot_standby_feedback off")
    }));
    found
}

/// One finding for each role and application.
fn sessions(backends: &[Backend], thresholds: &Thresholds) -> Vec<Advice> {
    let mut long: BTreeMap<String, Vec<&Backend>> = BTreeMap::new();
    let least = Some(thresholds.long_transaction.as_secs_f64());
    for backend in backends.iter().filter(|backend| backend.is_client && backend.transaction_age >= least) {
        long.entry(who(backend)).or_default().push(backend);
    }
    let holder = backends.iter().filter_map(|backend| backend.xmin_age).max();
    let advice = long.into_iter().map(|(who, backends)| {
        let oldest = backends.iter().filter_map(|backend| backend.transaction_age).fold(0.0, f64::max);
        let xmin = backends.iter().filter_map(|backend| backend.xmin_age).max();
        let holds = match xmin {
            Some(age) if xmin == holder => {
                format!("; it holds back VACUUM most of all, by {age} transactions")
            }
            Some(age) => format!("; it holds back VACUUM by {age} transactions"),
            None => String::new(),
        };
        let mut advice = Advice::new("long_transaction", who, Severity::Warning)
            .evidence(format!(
                "{}, the oldest open for {}{holds}",
                count(backends.len(), "transaction"),
                seconds(oldest)
            ))
            .advice(
                "commit earlier, or run reports on a standby; ending the session rolls its transaction back",
            );
        for backend in backends {
            advice = advice.fix(format!("SELECT pg_catalog.pg_terminate_backend({})", backend.pid));
        }
        advice
    });
    advice.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advisor::snapshot::{Prepared, Slot};

    #[test]
    fn all_that_holds_dead_rows_is_named() {
        let session = |age, xmin_age, is_sender: bool| Backend {
            is_client: !is_sender,
            is_sender,
            role: "app".into(),
            transaction_age: age,
            xmin_age,
            ..Backend::default()
        };
        let mut snapshot = Snapshot::empty();
        snapshot.backends = Ok(vec![
            session(Some(299.0), Some(9), false),
            session(Some(301.0), Some(5), false),
            session(None, Some(2_000_000), true),
        ]);
        let prepared = |gid: &str, age| Prepared { gid: gid.into(), age, ..Prepared::default() };
        snapshot.prepared = Ok(vec![prepared("it's", 400.0), prepared("b", 1.0)]);
        let slot = |name: &str, xmin_age| Slot { name: name.into(), xmin_age, ..Slot::default() };
        snapshot.slots = Ok(vec![slot("a", Some(1_000_000)), slot("b", Some(1)), slot("c", None)]);
        let found = check(&snapshot, &Thresholds::default());
        let keys: Vec<&str> = found.iter().map(|advice| advice.key.as_str()).collect();
        assert_eq!(
            keys,
            [
                "long_transaction:app",
                "prepared_transaction:\"it's\"",
                "xmin_held:slot a",
                "xmin_held:standby app"
            ]
        );
        assert_eq!(found[1].fix, ["ROLLBACK PREPARED 'it''s'"]);
    }
}
