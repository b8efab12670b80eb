//! The contract: generated messages and services, descriptors, and the JSON mapping.
