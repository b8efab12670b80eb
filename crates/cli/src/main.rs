//! The concordat binary.

fn main() {}
