//! The node's durable store on sled: journal, outbox, projections, due index, feeds, keyring at rest.
