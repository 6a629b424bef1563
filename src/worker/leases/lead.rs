//! The lead among the workers: one of them does what is to be done once.

use super::held::HeldLeases;
use crate::error::Result;
use crate::ports::coordination::{Acquired, Lease};

impl HeldLeases {
    /// Takes, or keeps, a lead of `ttl` seconds among the workers; whether this worker has it.
    ///
    /// # Errors
    /// The store is out of reach.
    pub async fn lead(&self, key: &str, ttl: u64) -> Result<bool> {
        self.acquire(&Lease::new(key, &self.owner, ttl)).await.map(Acquired::is_taken)
    }

    /// Gives the lead up.
    pub async fn resign(&self, key: &str) {
        self.release(&Lease::new(key, &self.owner, 0)).await;
    }
}
