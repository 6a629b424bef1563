//! The last step of every change, once its ledger is final: the keys that show it, and what the status row is to say.
//! Pure.

use std::collections::BTreeMap;

use crate::error::Result;
use crate::ids::NodeId;
use crate::json::Json;
use crate::record::{AWAITING_DETAILS, AWAITING_NODES, Change, Patch, ReservedKey, StatusUpdate, to_raw};
use crate::workflow::ledger::Ledger;

/// Makes the change of a run whose ledger is final. `deferred` says that the adapter publishes results itself. The end of a child
/// run is published by being told to its parent: its status row says it after that.
///
/// # Errors
/// None that user data can cause.
pub fn finalize(mut reserved: ReservedKey, mut patch: Patch, deferred: bool) -> Result<Change> {
    reserved.ledger.forget_writers();
    show_awaiting(&mut patch, &reserved.ledger)?;
    let ended = reserved.ledger.status.is_end();
    let deferred = deferred || reserved.parent().is_some();
    reserved.unpublished = ended && deferred;
    let status = match (ended, deferred) {
        (false, _) => StatusUpdate::Keep,
        (true, false) => StatusUpdate::End,
        (true, true) => StatusUpdate::Defer,
    };
    Ok(Change { patch, reserved, status })
}

/// The change that says that a run's result is published. Where the adapter does that itself, the status row is the adapter's.
pub fn published(mut reserved: ReservedKey, patch: Patch, deferred: bool) -> Change {
    reserved.unpublished = false;
    let status = match reserved.parent() {
        Some(_) if !deferred => StatusUpdate::End,
        _ => StatusUpdate::Published,
    };
    Change { patch, reserved, status }
}

/// `_awaitingNodeIds` and `_awaitingDetails` are the ledger's, shown where core's users look for them.
fn show_awaiting(patch: &mut Patch, ledger: &Ledger) -> Result<()> {
    let awaiting: Vec<&NodeId> = ledger.awaiting_outside().map(|(id, _)| id).collect();
    if awaiting.is_empty() {
        patch.deletes.extend([AWAITING_NODES.to_owned(), AWAITING_DETAILS.to_owned()]);
        return Ok(());
    }
    let details: BTreeMap<&NodeId, Json> =
        awaiting.iter().filter_map(|id| Some((*id, ledger.details_of(id)?))).collect();
    patch.set(AWAITING_NODES, to_raw(&awaiting)?);
    patch.set(AWAITING_DETAILS, to_raw(&details)?);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{ClientStart, Parent};
    use crate::workflow::ledger::RunStatus;

    #[test]
    fn the_end_of_a_run_is_written_at_once_or_left_to_the_adapter() {
        for (deferred, ending) in [(false, StatusUpdate::End), (true, StatusUpdate::Defer)] {
            let ledger = Ledger { status: RunStatus::Completed, ..Ledger::default() };
            let reserved = ReservedKey { ledger, ..ReservedKey::default() };
            let change = finalize(reserved, Patch::default(), deferred).unwrap();
            assert_eq!((change.status, change.reserved.unpublished), (ending, deferred));
        }
    }

    #[test]
    fn a_published_result_is_published_no_more() {
        let reserved = ReservedKey { unpublished: true, ..ReservedKey::default() };
        let change = published(reserved, Patch::default(), false);
        assert_eq!((change.status, change.reserved.unpublished), (StatusUpdate::Published, false));
    }

    #[test]
    fn the_status_row_says_the_end_of_a_child_once_its_parent_was_told() {
        let parent = Parent { run: "p".into(), node: "a".into(), round: 1, event: "e".into() };
        let start = ClientStart { mark: "m".into(), at: 1, parent: Some(parent), ..ClientStart::default() };
        let ledger = Ledger { status: RunStatus::Failed, ..Ledger::default() };
        let reserved = ReservedKey { ledger, start: Some(start.into()), ..ReservedKey::default() };
        let ended = finalize(reserved, Patch::default(), false).unwrap();
        assert_eq!((ended.status, ended.reserved.unpublished), (StatusUpdate::Defer, true));
        for (deferred, status) in [(false, StatusUpdate::End), (true, StatusUpdate::Published)] {
            let change = published(ended.reserved.clone(), Patch::default(), deferred);
            assert_eq!((change.status, change.reserved.unpublished), (status, false));
        }
    }
}
