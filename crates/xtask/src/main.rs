//! Chores: test, lint, layers, vectors.

fn main() {}
