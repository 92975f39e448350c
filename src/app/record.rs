//! Starts the recording of a command.

use std::sync::Arc;

use super::AppError;
use crate::archive::recorder::{Encode, RecorderConfig, Recovered};
use crate::archive::segment::{self, SlotInfo};
use crate::clock::Clock;
use crate::config::memory::MemoryShares;
use crate::ingest::{LeftoverParts, QUEUE_FLOWS, RecordPlan, RecorderThreads};

/// Starts recording, if it is configured. Also returns what was recovered of an earlier run.
pub(super) fn start(
    settings: Option<&RecorderConfig>,
    clock: Clock,
) -> Result<Option<(RecorderThreads, Recovered)>, AppError> {
    let Some(settings) = settings else { return Ok(None) };
    Ok(Some(RecorderThreads::start(settings.clone(), clock, encoder())?))
}

/// Starts recording into all folders of a plan, if there are any. `room` limits the flows
/// that wait for the disk. Also returns what was recovered of an earlier run in each folder.
pub(super) fn start_all(
    plan: RecordPlan,
    clock: Clock,
    room: &MemoryShares,
) -> Result<(Option<RecorderThreads>, LeftoverParts), AppError> {
    if plan.is_empty() {
        return Ok((None, LeftoverParts::new()));
    }
    let (recording, recovered) =
        RecorderThreads::start_all(plan, clock, encoder(), QUEUE_FLOWS.min(room.record_flows))?;
    Ok((Some(recording), recovered))
}

/// The encoder of segments.
fn encoder() -> Arc<Encode> {
    Arc::new(|flows, more, (start, seconds), out| {
        let slot = SlotInfo { start, length_ms: i64::from(seconds) * 1000 };
        segment::encode(flows, more, &slot, out).map(|_| ())
    })
}
