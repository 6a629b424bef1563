//! What the status rows of runs say: whoever waits for ends asks often, so those that ask at a time share one statement.

use tokio::sync::oneshot;

use super::requests::StatusRequest;
use super::store::RunStore;
use crate::error::{Code, Error, Result};
use crate::ports::watching::StatusView;

impl RunStore {
    /// What the status row of a run says; none where there is none.
    ///
    /// # Errors
    /// The table is missing, or the server is out of reach.
    pub async fn view(&self, run: &str) -> Result<Option<StatusView>> {
        let (answer, answered) = oneshot::channel();
        let store = self.clone();
        self.looks
            .submit(StatusRequest { run: run.to_owned(), answer }, move |batch| {
                let store = store.clone();
                async move { store.look_at_all(batch).await }
            })
            .await;
        let lost = |_| Err(Error::new(Code::Internal, "Looking at the run", "the answer was lost"));
        answered.await.unwrap_or_else(lost).map_err(|error| error.of_run(run))
    }

    async fn look_at_all(&self, batch: Vec<StatusRequest>) {
        let runs: Vec<&str> = batch.iter().map(|look| look.run.as_str()).collect();
        let views = self.record.views(&runs).await;
        for StatusRequest { run, answer } in batch {
            let view = match &views {
                Ok(views) => Ok(views.get(&run).cloned()),
                Err(error) => Err(error.clone()),
            };
            let _ = answer.send(view);
        }
    }
}
