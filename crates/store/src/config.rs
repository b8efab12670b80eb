//! Settings of the store.

/// Limits of one store. The defaults suit a node of one organisation.
#[derive(Clone, Debug)]
pub struct StoreConfig {
    /// Memory for recently used pages, in bytes. Default 256 MiB.
    pub cache_bytes: u64,
    /// Most records kept in quarantine; the oldest give way. Default 10,000.
    pub quarantine_records_max: usize,
    /// Most bytes kept in quarantine; the oldest give way. Default 64 MiB, that is 128 of the longest bundles.
    pub quarantine_bytes_max: usize,
}

impl Default for StoreConfig {
    fn default() -> Self {
        Self {
            cache_bytes: 256 * 1024 * 1024,
            quarantine_records_max: 10_000,
            quarantine_bytes_max: 64 * 1024 * 1024,
        }
    }
}
