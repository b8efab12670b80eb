//! The shell around the core: publisher, follower, enforcer, feeds, supervision.
