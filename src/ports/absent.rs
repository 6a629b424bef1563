//! A coordination store that is not there: for those who start and watch runs, and work none.

use async_trait::async_trait;

use super::coordination::CoordinationStore;
use crate::error::Result;

/// Keeps nothing and blocks nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct AbsentStore;

#[async_trait]
impl CoordinationStore for AbsentStore {
    async fn increment(&self, _key: &str, _ttl: u64) -> Result<i64> {
        Ok(1)
    }

    async fn set_if_not_exist(&self, _key: &str, _value: &str, _ttl: u64) -> Result<bool> {
        Ok(true)
    }

    async fn extend_ttl(&self, _key: &str, _ttl: u64) -> Result<bool> {
        Ok(true)
    }

    async fn delete(&self, _key: &str) -> Result<()> {
        Ok(())
    }

    async fn get(&self, _key: &str) -> Result<Option<String>> {
        Ok(None)
    }
}
