//! Reports over the worked cases of the fixtures, with numbers worked out by hand from the files: each test says how.

mod annual;
mod co_operation;
mod collections;
mod common;
mod records;
mod support;
