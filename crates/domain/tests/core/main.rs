//! The rules seen from outside: worked cases, date vectors, one test for each reason, and properties of any history.

mod channels;
mod cooperation;
mod coverage;
mod day_counts;
mod directory;
mod explanations;
mod families;
mod fixtures;
mod generator;
mod histories;
mod outstanding;
mod packs;
mod properties;
mod reasons;
mod regimes;
mod scenarios;
mod timetable;
mod vectors;
mod world;
