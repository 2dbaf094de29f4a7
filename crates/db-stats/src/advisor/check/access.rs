//! What the advisor itself lacks: rights, extensions, parts that could not be read.

use super::super::{
    advice::{Advice, Confidence},
    snapshot::{Extension, Snapshot},
    thresholds::Thresholds,
};
use crate::sql::{Ident, Literal};
use perfect21_core::Severity;

pub(super) fn check(snapshot: &Snapshot, _: &Thresholds) -> Vec<Advice> {
    let mut found = Vec::new();
    let server = &snapshot.server;
    if !server.sees_all {
        let hidden = match &snapshot.statements {
            Ok(Some(statements)) => format!(" and the texts of {} statements", statements.hidden),
            _ => String::new(),
        };
        let role = Ident(&server.role);
        found.push(
            Advice::new("missing_rights", "pg_monitor", Severity::Warning)
                .evidence(format!("the role {role} sees neither the sessions of others{hidden}"))
                .advice("let the role see what all do, or run the advisor as one that does")
                .fix(format!("GRANT pg_monitor TO {role}"))
                .undo(format!("REVOKE pg_monitor FROM {role}")),
        );
    }
    for unread in snapshot.unread() {
        let advice = if unread.denied {
            "run the advisor as a role with pg_monitor that may use the schemas of its extensions"
        } else {
            "run the advisor again; where a time-out is named, with a longer one"
        };
        found.push(
            Advice::new("not_read", unread.part, Severity::Info)
                .evidence(format!("what depends on it was not checked: {}", unread.why))
                .advice(advice),
        );
    }
    for part in &snapshot.cut {
        found.push(
            Advice::new(
                "not_read",
                format!("{part} beyond the first {}", super::super::snapshot::MAX_ROWS),
                Severity::Info,
            )
            .evidence("there are more of them than the advisor reads".to_owned())
            .advice("nothing to do: findings in the rest are not known"),
        );
    }
    if snapshot.extensions.is_ok() {
        found.extend(statements(snapshot));
        found.extend(hypopg(snapshot));
    }
    found.extend(lost(snapshot));
    found
}

fn statements(snapshot: &Snapshot) -> Option<Advice> {
    let extension = snapshot.extension("pg_stat_statements").cloned().unwrap_or_default();
    let server = &snapshot.server;
    if extension.schema.is_some() && server.statements_loaded {
        return None;
    }
    let mut advice = Advice::new("missing_extension", "pg_stat_statements", Severity::Warning);
    if !server.statements_loaded
        && let Some(preloaded) = &server.preloaded
    {
        let more = if preloaded.trim().is_empty() {
            "pg_stat_statements".to_owned()
        } else {
            format!("{preloaded},pg_stat_statements")
        };
        let list = |names: &str| {
            names.split(',').map(|name| Literal(name.trim()).to_string()).collect::<Vec<_>>().join(", ")
        };
        advice = advice.fix(format!("ALTER SYSTEM SET shared_preload_libraries = {}", list(&more)));
        advice = if preloaded.trim().is_empty() {
            advice.undo("ALTER SYSTEM RESET shared_preload_libraries")
        } else {
            advice.undo(format!("ALTER SYSTEM SET shared_preload_libraries = {}", list(preloaded)))
        };
    }
    Some(install(advice, &extension)
        .evidence(if server.statements_loaded {
            "the server counts statements, but this database has no view of them: slow statements and missing indexes were not checked"
        } else {
            "the server does not count statements: slow statements and missing indexes were not checked"
        })
        .advice(if server.statements_loaded {
            "create the extension"
        } else {
            "add pg_stat_statements to shared_preload_libraries, restart the server, create the extension"
        }))
}

fn hypopg(snapshot: &Snapshot) -> Option<Advice> {
    let extension = snapshot.extension("hypopg").cloned().unwrap_or_default();
    if extension.schema.is_some() {
        return None;
    }
    let advice = Advice::new("missing_extension", "hypopg", Severity::Info);
    Some(install(advice, &extension)
        .evidence("without it, what an index would bring is estimated, not verified by the planner; joins and orders are not judged")
        .advice(if extension.available {
            "create the extension, as superuser"
        } else {
            "install the server's package of hypopg (such as postgresql-17-hypopg), then CREATE EXTENSION hypopg"
        }))
}

fn install(advice: Advice, extension: &Extension) -> Advice {
    let name = advice.object.clone();
    if extension.available && extension.schema.is_none() {
        advice.fix(format!("CREATE EXTENSION {name}")).undo(format!("DROP EXTENSION {name}"))
    } else {
        advice
    }
}

fn lost(snapshot: &Snapshot) -> Option<Advice> {
    let statements = snapshot.statements.as_ref().ok()?.as_ref()?;
    (statements.dealloc > 0).then(|| {
        Advice::new("statements_lost", "pg_stat_statements", Severity::Info)
            .evidence(format!(
                "the counts of statements were given up {} times, for want of room: shares of the total are too high",
                statements.dealloc
            ))
            .advice("raise pg_stat_statements.max, which needs a restart, or let statements differ in parameters only")
            .confidence(Confidence::High)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advisor::snapshot::{Statements, Unread};

    #[test]
    fn libraries_that_are_preloaded_stay_so() {
        let mut snapshot = Snapshot::empty();
        snapshot.server.sees_all = true;
        snapshot.server.preloaded = Some("auto_explain, pg_cron".into());
        let found = check(&snapshot, &Thresholds::default());
        assert_eq!(found[0].key, "missing_extension:pg_stat_statements");
        let fix =
            "ALTER SYSTEM SET shared_preload_libraries = 'auto_explain', 'pg_cron', 'pg_stat_statements'";
        assert_eq!(found[0].fix, [fix]);
        assert_eq!(found[0].undo, ["ALTER SYSTEM SET shared_preload_libraries = 'auto_explain', 'pg_cron'"]);
    }

    #[test]
    fn what_was_not_read_or_lost_is_said() {
        let mut snapshot = Snapshot::empty();
        snapshot.server.role = "ro\"le".into();
        snapshot.sequences = Err(Unread { part: "sequences", why: "denied".into(), denied: true });
        snapshot.statements = Ok(Some(Statements { dealloc: 3, ..Statements::default() }));
        snapshot.cut = vec!["tables"];
        let found = check(&snapshot, &Thresholds::default());
        let keys: Vec<&str> = found.iter().map(|advice| advice.key.as_str()).collect();
        assert_eq!(
            keys,
            [
                "missing_rights:pg_monitor",
                "not_read:sequences",
                "not_read:tables beyond the first 50000",
                "missing_extension:pg_stat_statements",
                "missing_extension:hypopg",
                "statements_lost:pg_stat_statements"
            ]
        );
        assert_eq!(found[0].fix, ["GRANT pg_monitor TO \"ro\"\"le\""]);
    }
}
