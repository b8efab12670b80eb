//! The rules seen from outside: worked cases, date vectors, one test for each reason, and properties of any history.

mod scenarios;

mod vectors;
mod world;
