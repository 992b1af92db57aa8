//! The deterministic kernel: time, randomness, machines, faults, fingerprint.
