//! Whole partnerships of processes: one program, so that the crates below are linked once.

mod bad_input;
mod feed_soak;
mod kill;
mod three_organisations;
mod together;
