//! Bundles, admission, signatures, chains, the Merkle log, compartments, keyring and grants: crypto without I/O.
