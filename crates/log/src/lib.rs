//! The shared log: one contract, two adapters (embedded on sled, JetStream).
