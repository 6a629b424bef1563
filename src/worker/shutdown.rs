//! The two steps of a worker's end.

use tokio_util::sync::CancellationToken;

/// The two steps of a worker's end.
#[derive(Debug, Clone, Default)]
pub struct Shutdown {
    /// The worker asks for no more deliveries.
    pub(super) stop_consuming: CancellationToken,
    /// The worker waits for nothing any more: running nodes get their signal, and messages go back to the queue.
    pub(super) abort: CancellationToken,
}

impl Shutdown {
    /// Both steps at once: JavaScript is gone, so no user code can run.
    pub fn now(&self) {
        self.stop_consuming.cancel();
        self.abort.cancel();
    }
}
