//! Connections that are nearly all used, and those that hold a transaction and do nothing.

use super::{
    super::{
        advice::{Advice, Plain},
        snapshot::{Backend, Snapshot},
        thresholds::Thresholds,
    },
    count, seconds,
};
use perfect21_core::Severity;
use std::collections::BTreeMap;

pub(super) fn check(snapshot: &Snapshot, thresholds: &Thresholds) -> Vec<Advice> {
    let backends = snapshot.backends.as_deref().unwrap_or_default();
    let clients: Vec<&Backend> = backends.iter().filter(|backend| backend.is_client).collect();
    let mut found = Vec::new();
    let room = snapshot.server.max_connections - snapshot.server.reserved_connections;
    // Our own is one of them.
    let used = clients.len() + 1;
    let share = used as f64 / room.max(1) as f64;
    let (warning, critical) = thresholds.connections;
    if room > 0 && share >= warning {
        let severity = if share >= critical { Severity::Critical } else { Severity::Warning };
        let idle = clients.iter().filter(|backend| backend.state.as_deref() == Some("idle")).count();
        found.push(
            Advice::new("connections", "max_connections", severity)
                .evidence(format!("{used} of {room} connections are used, {idle} of them idle"))
                .advice(
                    "let a pool share fewer connections; a higher max_connections costs memory and a restart",
                ),
        );
    }
    found.extend(idle_in_transaction(&clients, thresholds));
    found
}

/// One finding for each role and application, so that its key lasts longer than a session.
fn idle_in_transaction(clients: &[&Backend], thresholds: &Thresholds) -> Vec<Advice> {
    let mut idle: BTreeMap<String, Vec<&Backend>> = BTreeMap::new();
    for backend in clients {
        let is_idle = backend.state.as_deref().is_some_and(|state| state.starts_with("idle in transaction"));
        if is_idle && backend.state_age >= Some(thresholds.idle_in_transaction.as_secs_f64()) {
            idle.entry(who(backend)).or_default().push(backend);
        }
    }
    let advice = idle.into_iter().map(|(who, backends)| {
        let longest = backends.iter().filter_map(|backend| backend.state_age).fold(0.0, f64::max);
        let mut advice = Advice::new("idle_in_transaction", who, Severity::Warning)
            .evidence(format!(
                "{}, the longest idle for {}",
                count(backends.len(), "session"),
                seconds(longest)
            ))
            .advice(
                "end transactions at once; idle_in_transaction_session_timeout ends those that nobody does",
            );
        for backend in backends {
            advice = advice.fix(format!("SELECT pg_catalog.pg_terminate_backend({})", backend.pid));
        }
        advice
    });
    advice.collect()
}

/// Role and application.
pub(super) fn who(backend: &Backend) -> String {
    match backend.application.as_str() {
        "" => Plain(&backend.role).to_string(),
        application => format!("{}/{application}", Plain(&backend.role)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_is_of_what_is_left_for_others_than_superusers() {
        for (used, expected) in [(70, None), (77, Some(Severity::Warning)), (92, Some(Severity::Critical))] {
            let mut snapshot = Snapshot::empty();
            snapshot.server.max_connections = 100;
            snapshot.server.reserved_connections = 3;
            snapshot.backends = Ok(vec![Backend { is_client: true, ..Backend::default() }; used]);
            let found = check(&snapshot, &Thresholds::default());
            assert_eq!(found.first().map(|advice| advice.severity), expected, "{used}");
        }
    }

    #[test]
    fn a_transaction_that_idles_only_now_is_none() {
        let idle = |age, state: &str| Backend {
            is_client: true,
            role: "app".into(),
            application: "web".into(),
            state: Some(state.into()),
            state_age: Some(age),
            ..Backend::default()
        };
        let mut snapshot = Snapshot::empty();
        snapshot.backends = Ok(vec![
            idle(59.0, "idle in transaction"),
            idle(600.0, "idle"),
            idle(61.0, "idle in transaction (aborted)"),
        ]);
        let found = check(&snapshot, &Thresholds::default());
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].key, "idle_in_transaction:app/web");
        assert_eq!(found[0].evidence, "1 session, the longest idle for 61 s");
    }
}
