//! Indexes that statements would use.
use super::{
    Advice, Thresholds,
    snapshot::{Session, Snapshot},
};
use crate::Error;
use std::time::Duration;
pub(super) async fn find(
    _s: &mut Session<'_>,
    _n: &Snapshot,
    _t: &Thresholds,
    _d: Duration,
) -> Result<Vec<Advice>, Error> {
    Ok(Vec::new())
}
