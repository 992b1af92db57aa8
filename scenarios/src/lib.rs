//! Scenario files, traffic and checkers; run and sweep.
