//! What users of a node see, on real brokers, stores and kills: one program, so that the crates below are linked once.

mod audit;
mod batch;
mod broker;
mod channels;
mod crash;
mod door;
mod due;
mod enforcer_guard;
mod erasure;
mod held;
mod junk;
mod kept_back;
mod lost_answers;
mod many_feeds;
mod outage;
mod partnership;
mod passed_on;
mod races;
mod support;
mod upgrade;
mod witnessed;
