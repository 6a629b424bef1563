//! A run that an application follows.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use napi::Env;
use napi::bindgen_prelude::Object;
use napi_derive::napi;

use super::engine::Engine;
use super::runtime::promise;
use crate::worker::Following as Inner;

/// One who follows a run, until it is closed.
#[napi]
pub struct Following {
    inner: Mutex<Option<Arc<Inner>>>,
}

#[napi]
impl Engine {
    /// Follows a run from now on: whoever waits for it hears at once that it has paused or ended.
    #[napi]
    pub fn follow(&self, run: String) -> Following {
        Following { inner: Mutex::new(Some(Arc::new(self.inner.client().follow(&run)))) }
    }
}

#[napi]
impl Following {
    /// Waits until the run has paused or ended since the last call, or for so many milliseconds. It may have done neither.
    #[napi(ts_return_type = "Promise<void>")]
    pub fn change<'env>(&self, env: &'env Env, at_most_ms: f64) -> napi::Result<Object<'env>> {
        let following = self.inner.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let at_most = Duration::try_from_secs_f64(at_most_ms / 1000.0).unwrap_or_default();
        promise(env, async move {
            match following {
                Some(following) => following.change(at_most).await,
                None => tokio::time::sleep(at_most).await,
            }
            Ok(())
        })
    }

    /// Follows the run no longer.
    #[napi]
    pub fn close(&self) {
        *self.inner.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}
