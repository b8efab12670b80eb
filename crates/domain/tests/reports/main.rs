//! Reports over the worked cases of the fixtures, with numbers worked out by hand from the files: each test says how.

mod annual;
mod beside;
mod channels;
mod co_operation;
mod collections;
mod common;
mod figures;
mod records;
mod support;
