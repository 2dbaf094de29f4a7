//! Slots that nobody reads, and the log that is kept for them.

use super::super::{
    advice::{Advice, Plain},
    snapshot::Snapshot,
    thresholds::Thresholds,
};
use super::bytes;
use crate::sql::Literal;
use perfect21_core::Severity;

pub(super) fn check(snapshot: &Snapshot, thresholds: &Thresholds) -> Vec<Advice> {
    let slots = snapshot.slots.as_deref().unwrap_or_default().iter().filter(|slot| !slot.is_active);
    let advice = slots.map(|slot| {
        let kept = slot.bytes.unwrap_or(0);
        let severity = if kept >= thresholds.slot_bytes { Severity::Critical } else { Severity::Warning };
        let state = slot.state.as_deref().unwrap_or("unknown");
        let name = Literal(&slot.name);
        let again = match &slot.plugin {
            Some(plugin) => format!("SELECT pg_catalog.pg_create_logical_replication_slot({name}, {})", Literal(plugin)),
            None => format!("SELECT pg_catalog.pg_create_physical_replication_slot({name})"),
        };
        Advice::new("inactive_slot", Plain(&slot.name), severity)
            .evidence(format!("a {} slot that nobody reads keeps {} of the log (state {state})", slot.kind, bytes(kept)))
            .advice("let its reader come back, or drop it: until then the disk fills; a slot made again does not have what was missed")
            .fix(format!("SELECT pg_catalog.pg_drop_replication_slot({name})"))
            .undo(again)
    });
    advice.collect()
}
